//! Where a passphrase comes from: a file, standard input or a prompt that does not echo. Never an argument.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use zeroize::Zeroize as _;

use super::keyboard::KeyboardMode;
use crate::backend::local;
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::model::secret_text::{SecretKind, typed};

/// The longest answer to a question that is shown.
const MAX_ANSWER: usize = 32;

/// Reads a passphrase.
pub(super) fn read(file: Option<&Path>) -> Result<Secret<String>, Problem> {
    match file {
        Some(path) => bytes(path, SecretKind::Line).map(|line| text_of(&line)),
        None if io::stdin().is_terminal() => prompt("Passphrase (not shown): "),
        None => Err(Problem::new(
            "secret.missing",
            "No passphrase was given",
            "Standard input isn't a terminal, so Linesman can't ask",
            "Give the file that holds it, or - to read it from standard input; for a network without protection give --open",
        )),
    }
}

/// Asks for a secret without showing it. Ctrl+C and the end of input leave the prompt.
pub(super) fn prompt(text: &str) -> Result<Secret<String>, Problem> {
    // Ctrl+C is to be read from the moment the prompt can be seen.
    let _keys = KeyboardMode::without_signals();
    let mut given = rpassword::prompt_password(text).map_err(|error| explain_prompt(&error))?;
    let secret = Secret::new(typed(&given).to_owned());
    given.zeroize();
    Ok(secret)
}

/// Asks for a short answer, which is shown as it is typed.
pub(super) fn question(text: &str) -> Result<String, Problem> {
    let _keys = KeyboardMode::without_signals();
    let config = rpassword::ConfigBuilder::new().password_feedback_partial_mask('*', MAX_ANSWER).build();
    rpassword::prompt_password_with_config(text, config).map_err(|error| explain_prompt(&error))
}

fn explain_prompt(error: &io::Error) -> Problem {
    match error.kind() {
        // Ctrl+C, or Ctrl+D on an empty line.
        io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof => cancelled(),
        _ => Problem::new(
            "secret.unreadable",
            "The secret could not be read from the prompt",
            "The terminal was closed, or reported an error",
            "Give the file that holds the secret",
        )
        .with_detail(error.to_string()),
    }
}

/// Somebody gave up at a prompt.
pub(super) fn cancelled() -> Problem {
    Problem::new(
        "secret.cancelled",
        "Cancelled at the prompt; nothing was sent",
        "Somebody interrupted it",
        "Start again when the answer is at hand",
    )
}

/// Reads a token, key or certificate that is sent to a gateway.
pub(super) fn read_file(path: &Path) -> Result<Secret<Vec<u8>>, Problem> {
    bytes(path, SecretKind::Content)
}

/// Reads a file that is sent to a gateway byte by byte.
pub(super) fn read_raw(path: &Path) -> Result<Secret<Vec<u8>>, Problem> {
    bytes(path, SecretKind::Raw)
}

fn bytes(path: &Path, kind: SecretKind) -> Result<Secret<Vec<u8>>, Problem> {
    if path == Path::new("-") {
        return local::read_secret_from_standard_input(kind);
    }
    local::read_secret(path, kind).map_err(|error| error.explain(path))
}

/// A line is text: that was looked at when it was read.
fn text_of(line: &Secret<Vec<u8>>) -> Secret<String> {
    Secret::new(String::from_utf8_lossy(line.expose()).into_owned())
}
