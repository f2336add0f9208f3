//! Where a passphrase comes from: a file, standard input or a prompt that does not echo. Never an argument.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::path::Path;

use zeroize::Zeroize as _;

use crate::model::problem::Problem;
use crate::model::secret::Secret;

/// The longest answer to a question that is shown.
const MAX_ANSWER: usize = 32;
/// A file with a passphrase is short; more than this is another file.
const MAX_OCTETS: u64 = 4096;

/// Reads a passphrase.
pub(super) fn read(file: Option<&Path>) -> Result<Secret<String>, Problem> {
    match file {
        Some(path) if path == Path::new("-") => first_line(io::stdin().lock(), "standard input"),
        Some(path) => {
            let name = path.display().to_string();
            let file = std::fs::File::open(path).map_err(|error| unreadable(&name, &error))?;
            first_line(io::BufReader::new(file), &name)
        }
        None if io::stdin().is_terminal() => prompt("Passphrase (not shown): "),
        None => Err(Problem::new(
            "secret.missing",
            "No passphrase was given",
            "Standard input is no terminal, so nobody can be asked",
            "Give the file that holds it, or - to read it from standard input; for a network without protection give --open",
        )),
    }
}

/// Asks for a secret without showing it. Ctrl+C and the end of input leave the prompt.
pub(super) fn prompt(text: &str) -> Result<Secret<String>, Problem> {
    rpassword::prompt_password(text).map(Secret::new).map_err(|error| explain_prompt(&error))
}

/// Asks for a short answer, which is shown as it is typed.
pub(super) fn question(text: &str) -> Result<String, Problem> {
    let config = rpassword::ConfigBuilder::new().password_feedback_partial_mask('*', MAX_ANSWER).build();
    rpassword::prompt_password_with_config(text, config).map_err(|error| explain_prompt(&error))
}

fn explain_prompt(error: &io::Error) -> Problem {
    match error.kind() {
        // Ctrl+C, or Ctrl+D on an empty line.
        io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof => cancelled(),
        _ => unreadable("the prompt", error),
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

/// The largest token, key or file that is sent to a gateway, in octets.
const MAX_FILE_OCTETS: u64 = 64 * 1024;

/// Reads a whole file that is sent to a gateway.
pub(super) fn read_file(path: &Path) -> Result<Secret<Vec<u8>>, Problem> {
    let name = path.display().to_string();
    let mut content = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| unreadable(&name, &error))?;
    file.take(MAX_FILE_OCTETS + 1).read_to_end(&mut content).map_err(|error| unreadable(&name, &error))?;
    let octets = content.len() as u64;
    let content = Secret::new(content);
    if octets == 0 || octets > MAX_FILE_OCTETS {
        return Err(Problem::new(
            "secret.size",
            format!("{name} cannot be sent"),
            if octets == 0 { "The file is empty" } else { "The file holds more than 64 KiB" },
            "Give the file that holds the token, key or certificate alone",
        ));
    }
    Ok(content)
}

/// The first line without its end. Blanks stay: they may belong to the passphrase.
fn first_line(reader: impl io::BufRead, name: &str) -> Result<Secret<String>, Problem> {
    let mut line = Vec::new();
    reader.take(MAX_OCTETS).read_until(b'\n', &mut line).map_err(|error| unreadable(name, &error))?;
    while line.last().is_some_and(|octet| matches!(octet, b'\n' | b'\r')) {
        line.pop();
    }
    String::from_utf8(line).map(Secret::new).map_err(|error| {
        error.into_bytes().zeroize();
        Problem::new(
            "secret.not_text",
            format!("The passphrase in {name} is no text"),
            "The file is not UTF-8, or is another file",
            "Save the passphrase alone, as UTF-8, on the first line",
        )
    })
}

fn unreadable(name: &str, error: &io::Error) -> Problem {
    Problem::new(
        "secret.unreadable",
        format!("{name} could not be read"),
        "The file is missing or may not be read",
        "Check the path and its rights",
    )
    .with_detail(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_the_line_is_cut() {
        let read = |text: &[u8]| {
            first_line(text, "test").map(|secret| secret.expose().clone()).map_err(|problem| problem.code)
        };
        assert_eq!(read(b" two words \r\nnext"), Ok(" two words ".into()));
        assert_eq!(read(b"no end"), Ok("no end".into()));
        assert_eq!(read(b"\xff\xfe"), Err("secret.not_text"));
    }
}
