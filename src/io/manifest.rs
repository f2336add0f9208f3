//! Reads a manifest from a file into a table of texts: CSV as spreadsheets write it, or the first sheet of an XLSX file
//! that is not hidden.
//!
//! Files are untrusted: sizes are limited, also of what a compressed file becomes, and cells far outside are counted, not
//! made room for. Row numbers are those a spreadsheet shows. Everything here blocks and belongs on a thread of its own.

mod delimited;
mod hidden;
mod sheet;
mod shown;

use std::path::Path;

use super::files::{self, FilesError};
use super::secret_file;
use crate::model::batch::{MAX_ROWS, Table};
use crate::model::problem::{Explain, Problem};
use crate::model::secret::Secret;
use crate::model::secret_text::SecretKind;
use crate::model::text::visible;

/// Largest manifest read.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// Why a manifest cannot be read as a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The file.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// It is text in another encoding.
    #[error("the manifest is not UTF-8 from line {line} on")]
    NotUtf8 {
        /// Where that begins.
        line: usize,
    },
    /// A spreadsheet that is not XLSX: the old XLS, or one locked with a password.
    #[error("the manifest is an old or locked spreadsheet")]
    OldOrLocked,
    /// The CSV cannot be taken apart.
    #[error("the manifest cannot be read near row {row}")]
    BadCsv {
        /// Near which row.
        row: u64,
        /// What the library said.
        detail: String,
    },
    /// The spreadsheet cannot be taken apart.
    #[error("the spreadsheet cannot be read")]
    BadSheet {
        /// What the library said.
        detail: String,
    },
    /// What it becomes is more than is read.
    #[error("the manifest holds too much")]
    TooMuch,
}

impl Explain for ManifestError {
    fn explain(&self) -> Problem {
        match self {
            Self::Files(error) => error.explain(),
            Self::NotUtf8 { line } => Problem::new(
                "manifest.not_text",
                format!("The manifest is not UTF-8 from line {line} on"),
                "Spreadsheets save CSV in the computer's encoding by default",
                "Save it as `CSV UTF-8` or as XLSX",
            ),
            Self::OldOrLocked => Problem::new(
                "manifest.old_or_locked",
                "The spreadsheet is in an old format or password-protected",
                "XLS files and protected files can't be read",
                "Save it as XLSX without a password, or as `CSV UTF-8`",
            ),
            Self::BadCsv { row, detail } => Problem::new(
                "manifest.bad_csv",
                format!("The manifest cannot be read near row {row}"),
                "A quote is not closed, or this is another kind of file",
                "Fix the row, or save the table again as `CSV UTF-8` or XLSX",
            )
            .with_detail(visible(detail, 300)),
            Self::BadSheet { detail } => Problem::new(
                "manifest.bad_sheet",
                "The spreadsheet cannot be read",
                "The file is damaged, or is another kind of file",
                "Open it in a spreadsheet program and save it as XLSX again",
            )
            .with_detail(visible(detail, 300)),
            Self::TooMuch => Problem::new(
                "manifest.too_much",
                "The manifest is too large",
                format!("A manifest holds at most {MAX_ROWS} gateways; this file has far more"),
                "Copy the rows you need into a new file",
            ),
        }
    }
}

/// Reads a manifest. What kind of file it is tells its content, not its name.
pub fn read(path: &Path) -> Result<Table, ManifestError> {
    let bytes = files::read_bytes(path, MAX_FILE_BYTES)?;
    parse(&bytes)
}

/// The one path of a port that has several: links such as those below `/dev/serial/by-id` are followed. What is not there,
/// or has no path, keeps its name.
pub fn real_port(path: &str) -> String {
    if !path.starts_with('/') {
        return path.to_owned();
    }
    // macOS lists each port twice: as a line that waits for a carrier, and as one that does not.
    let path = path.strip_prefix("/dev/tty.").map_or_else(|| path.to_owned(), |name| format!("/dev/cu.{name}"));
    std::fs::canonicalize(&path).map_or(path, |real| real.display().to_string())
}

/// Reads a file that a row refers to; why not is told without its path, which may be a secret by mistake.
pub fn read_reference(path: &Path) -> Result<Secret<Vec<u8>>, String> {
    secret_file::read(path, SecretKind::Content).map_err(|error| error.reason())
}

/// Takes a manifest apart.
pub fn parse(bytes: &[u8]) -> Result<Table, ManifestError> {
    match bytes {
        [b'P', b'K', ..] => sheet::parse(bytes),
        [0xD0, 0xCF, 0x11, 0xE0, ..] => Err(ManifestError::OldOrLocked),
        _ => delimited::parse(bytes),
    }
}
