//! The one reader of secrets in files and on standard input: size, byte order mark and line end by
//! [`crate::model::secret_text`].
//!
//! A secret may be given by mistake where its file's name belongs: a name is repeated only if there is such a file.
//! Pipes are read, such as those a shell makes of `<(…)`. Everything here blocks.

use std::io::{self, BufRead as _, ErrorKind, Read};
use std::path::Path;

use super::whole;
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::model::secret_text::{self, NoSecret, SecretKind};
use crate::model::text::visible;

/// Why no secret was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretError {
    /// There is no such file.
    NotFound,
    /// This account may not read it.
    NoPermission,
    /// It is a folder.
    NotAFile,
    /// It is a pipe, and nobody wrote into it.
    NoWriter,
    /// The system reported something else.
    NotRead(String),
    /// It was read, and is no secret of that kind.
    NoSecret(NoSecret, SecretKind),
}

impl SecretError {
    /// Why not, in one sentence, without the name of the file.
    pub fn reason(&self) -> String {
        match self {
            Self::NotFound => "There is no such file".into(),
            Self::NoPermission => "This account may not read it".into(),
            Self::NotAFile => "It is a folder or a device, not a file".into(),
            Self::NoWriter => "It is a pipe, and nobody wrote into it in time".into(),
            Self::NotRead(_) => "The system could not read it".into(),
            Self::NoSecret(NoSecret::Empty, SecretKind::Line) => "Its first line is empty".into(),
            Self::NoSecret(NoSecret::Empty, _) => "The file is empty".into(),
            Self::NoSecret(NoSecret::NotText, _) => "It isn't text in UTF-8".into(),
            Self::NoSecret(NoSecret::TooLong, kind) => match kind.limit_bytes() {
                limit if limit >= 1024 => format!("It holds more than {} KiB", limit / 1024),
                limit => format!("It holds more than {limit} bytes"),
            },
        }
    }

    /// The problem of reading from that path.
    pub fn explain(&self, path: &Path) -> Problem {
        // A name of which there is no file may be the secret itself.
        let is_there = std::fs::symlink_metadata(path).is_ok();
        let name = if is_there { visible(&path.display().to_string(), 120) } else { "the file named for it".into() };
        self.explain_as(&name)
    }

    fn explain_as(&self, name: &str) -> Problem {
        let (code, next) = match self {
            Self::NoSecret(NoSecret::NotText, _) => {
                ("secret.not_text", "Save the secret alone, as UTF-8, on the first line")
            }
            Self::NoSecret(NoSecret::Empty, _) => ("secret.empty", "Give the file that holds the secret alone"),
            Self::NoSecret(NoSecret::TooLong, _) => ("secret.size", "Give the file that holds the secret alone"),
            Self::NoWriter => ("secret.unreadable", "Start what writes into it first, or give a file"),
            Self::NotFound | Self::NoPermission | Self::NotAFile | Self::NotRead(_) => (
                "secret.unreadable",
                "Check the path and its permissions; give the name of a file here, never the secret itself",
            ),
        };
        let problem = Problem::new(code, format!("The secret could not be read from {name}"), self.reason(), next);
        match self {
            Self::NotRead(detail) => problem.with_detail(visible(detail, 300)),
            _ => problem,
        }
    }
}

/// Reads a secret from a file.
pub fn read(path: &Path, kind: SecretKind) -> Result<Secret<Vec<u8>>, SecretError> {
    let content = whole::read(path, kind.limit_bytes() + 1).map_err(|error| error_of(&error))?;
    taken(content, kind)
}

/// Reads a secret from standard input: a line of it, or all.
pub fn read_standard_input(kind: SecretKind) -> Result<Secret<Vec<u8>>, Problem> {
    let input = io::stdin().lock();
    let read = if kind == SecretKind::Line { read_line(input) } else { read_all(input, kind) };
    read.map_err(|error| error.explain_as("standard input"))
}

fn read_all(mut from: impl Read, kind: SecretKind) -> Result<Secret<Vec<u8>>, SecretError> {
    let limit = kind.limit_bytes() + 1;
    // Room for all of it at once: what grows leaves copies of the secret behind.
    let mut content = Secret::new(Vec::with_capacity(limit));
    (&mut from).take(limit as u64).read_to_end(content.expose_mut()).map_err(|error| error_of(&error))?;
    taken(content, kind)
}

/// What follows the first line is left to whoever reads next, unless two bytes make a character.
fn read_line(mut from: impl io::BufRead) -> Result<Secret<Vec<u8>>, SecretError> {
    let limit = SecretKind::Line.limit_bytes() + 1;
    let mut content = Secret::new(Vec::with_capacity(limit));
    (&mut from).take(limit as u64).read_until(b'\n', content.expose_mut()).map_err(|error| error_of(&error))?;
    let is_wide = matches!(content.expose().as_slice(), [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]);
    if is_wide {
        let left = limit - content.expose().len();
        (&mut from).take(left as u64).read_to_end(content.expose_mut()).map_err(|error| error_of(&error))?;
    }
    taken(content, SecretKind::Line)
}

fn taken(mut content: Secret<Vec<u8>>, kind: SecretKind) -> Result<Secret<Vec<u8>>, SecretError> {
    let read = std::mem::take(content.expose_mut());
    secret_text::secret_of(kind, read).map_err(|error| SecretError::NoSecret(error, kind))
}

fn error_of(error: &io::Error) -> SecretError {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename | ErrorKind::InvalidInput => {
            SecretError::NotFound
        }
        ErrorKind::PermissionDenied => SecretError::NoPermission,
        ErrorKind::IsADirectory => SecretError::NotAFile,
        ErrorKind::TimedOut => SecretError::NoWriter,
        _ => SecretError::NotRead(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_file_that_is_not_there_is_never_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hunter2-the-passphrase");
        let problem = |path: &Path| read(path, SecretKind::Line).err().unwrap().explain(path);
        for path in [path.clone(), folder.path().join("x".repeat(300)), path.join("below"), "hunter2\0".into()] {
            let problem = problem(&path);
            assert_eq!(problem.code, "secret.unreadable");
            assert!(
                !format!("{problem:?}").contains("hunter2") && !format!("{problem:?}").contains("xxx"),
                "{problem:?}"
            );
        }
        std::fs::write(&path, "").unwrap();
        assert!(problem(&path).what.contains("hunter2"), "a file that is there is named");
        assert_eq!(problem(folder.path()).code, "secret.unreadable");
    }

    #[test]
    fn a_line_leaves_the_rest_to_whoever_reads_next() {
        let mut input = io::Cursor::new(b"secret\nrest".to_vec());
        assert_eq!(read_line(&mut input).unwrap_or_default().expose(), b"secret");
        let mut rest = String::new();
        input.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "rest");
        let wide: Vec<u8> = "\u{FEFF}\u{40A}x\nrest".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read_line(io::Cursor::new(wide)).unwrap_or_default().expose(), "\u{40A}x".as_bytes());
        let error = read_line(io::Cursor::new(vec![b'x'; 5000])).err().unwrap();
        assert_eq!(error.explain_as("standard input").code, "secret.size");
    }
}
