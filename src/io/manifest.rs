//! Reads a manifest from a file into a table of texts: CSV as spreadsheets write it, or the first sheet of an XLSX file.
//!
//! Files are untrusted: sizes are limited, also of what a compressed file becomes, and cells far outside are counted, not
//! made room for. Row numbers are those a spreadsheet shows. Everything here blocks and belongs on a thread of its own.

use std::io::{Cursor, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use calamine::{DataRef, Reader as _, Xlsx};

use super::files::{self, FilesError};
use super::secret_file;
use crate::model::batch::{MAX_COLUMNS, MAX_ROWS, Table};
use crate::model::problem::{Explain, Problem};
use crate::model::secret::Secret;
use crate::model::secret_text::SecretKind;
use crate::model::text::visible;

/// Largest manifest read.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;
/// Most that a compressed one becomes.
const MAX_UNPACKED_BYTES: u64 = 64 * 1024 * 1024;
/// Parts of a compressed one.
const MAX_PARTS: usize = 2000;
/// Cells that are read in a sheet: those of the largest manifest, and as many again.
const MAX_CELLS: usize = MAX_ROWS * MAX_COLUMNS * 2;

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
                "Spreadsheets save CSV in the encoding of the computer unless told otherwise",
                "Save it as `CSV UTF-8` or as XLSX",
            ),
            Self::OldOrLocked => Problem::new(
                "manifest.old_or_locked",
                "The spreadsheet is of an old form or locked with a password",
                "XLS files and locked files cannot be read",
                "Save it as XLSX without a password, or as `CSV UTF-8`",
            ),
            Self::BadCsv { row, detail } => Problem::new(
                "manifest.bad_csv",
                format!("The manifest cannot be read near row {row}"),
                "A quote is not closed, or this is another kind of file",
                "Mend the row, or save the table anew as `CSV UTF-8` or XLSX",
            )
            .with_detail(visible(detail, 300)),
            Self::BadSheet { detail } => Problem::new(
                "manifest.bad_sheet",
                "The spreadsheet cannot be read",
                "The file is damaged, or is another kind of file",
                "Open it in a spreadsheet program and save it anew as XLSX",
            )
            .with_detail(visible(detail, 300)),
            Self::TooMuch => Problem::new(
                "manifest.too_much",
                "The manifest holds more than is read",
                format!("A manifest holds at most {MAX_ROWS} gateways; this file becomes far more than that"),
                "Copy the rows that are needed into a new file",
            ),
        }
    }
}

/// Reads a manifest. What kind of file it is tells its content, not its name.
pub fn read(path: &Path) -> Result<Table, ManifestError> {
    let bytes = files::read_bytes(path, MAX_FILE_BYTES)?;
    parse(&bytes)
}

/// Reads a file that a row refers to; why not is told without its path, which may be a secret by mistake.
pub fn read_reference(path: &Path) -> Result<Secret<Vec<u8>>, String> {
    secret_file::read(path, SecretKind::Content).map_err(|error| error.reason())
}

/// Takes a manifest apart.
pub fn parse(bytes: &[u8]) -> Result<Table, ManifestError> {
    match bytes {
        [b'P', b'K', ..] => parse_sheet(bytes),
        [0xD0, 0xCF, 0x11, 0xE0, ..] => Err(ManifestError::OldOrLocked),
        _ => parse_csv(bytes),
    }
}

fn parse_csv(bytes: &[u8]) -> Result<Table, ManifestError> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        ManifestError::NotUtf8 { line: 1 + good.matches('\n').count() }
    })?;
    // Some programs say in a line of its own what stands between the cells.
    let first = text.lines().next().unwrap_or_default().trim();
    let (delimiter, skip) = match first.to_ascii_lowercase().strip_prefix("sep=").map(str::as_bytes) {
        Some([named]) => (*named, first.len()),
        _ => (delimiter_of(text), 0),
    };
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(&bytes[skip..]);
    let mut table = Table::default();
    let mut is_header = true;
    let mut record = csv::StringRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(table),
            Err(error) => return Err(ManifestError::BadCsv { row: line, detail: error.to_string() }),
        }
        // Blank lines are passed over: where the record really begins tells its own position.
        let row = record.position().map_or(line, csv::Position::line);
        let row = row.max(line) + blank_lines(text, skip, &record);
        let cells: Vec<String> = record.iter().take(MAX_COLUMNS + 1).map(str::to_owned).collect();
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if std::mem::take(&mut is_header) {
            table.header = cells;
        } else {
            table.rows.push((u32::try_from(row).unwrap_or(u32::MAX), cells));
            // One more than is allowed, so that the check says how many there are at least.
            if table.rows.len() > MAX_ROWS {
                return Ok(table);
            }
        }
    }
}

/// The library's position of a record stands before the blank lines that it passes over.
fn blank_lines(text: &str, skip: usize, record: &csv::StringRecord) -> u64 {
    let Some(at) = record.position().and_then(|position| usize::try_from(position.byte()).ok()) else { return 0 };
    let rest = text.as_bytes().get(skip + at..).unwrap_or_default();
    let blank = rest.iter().take_while(|octet| matches!(octet, b'\r' | b'\n'));
    blank.filter(|octet| **octet == b'\n').count() as u64
}

/// What stands between the cells: the commonest of the three outside quotes in the first line that is not blank.
fn delimiter_of(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    let mut is_quoted = false;
    for octet in first.bytes() {
        is_quoted ^= octet == b'"';
        for (delimiter, count) in &mut counts {
            *count += usize::from(!is_quoted && octet == *delimiter);
        }
    }
    // Of equals the last wins; a file of one column has none of them, and then the comma is as good.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| delimiter)
}

fn parse_sheet(bytes: &[u8]) -> Result<Table, ManifestError> {
    unpack_within_limits(bytes)?;
    // The library is held to its word that damaged files are errors, and a mistake in it is one as well.
    catch_unwind(AssertUnwindSafe(|| read_sheet(bytes)))
        .unwrap_or_else(|_| Err(bad_sheet("the library failed on this file")))
}

/// Unpacks everything once, to nowhere: what a file says about its sizes is not believed.
fn unpack_within_limits(bytes: &[u8]) -> Result<(), ManifestError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(bad_sheet)?;
    if archive.len() > MAX_PARTS {
        return Err(ManifestError::TooMuch);
    }
    let mut left = MAX_UNPACKED_BYTES;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(bad_sheet)?;
        let unpacked = std::io::copy(&mut part.take(left + 1), &mut std::io::sink()).map_err(bad_sheet)?;
        left = left.checked_sub(unpacked).ok_or(ManifestError::TooMuch)?;
    }
    Ok(())
}

fn read_sheet(bytes: &[u8]) -> Result<Table, ManifestError> {
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(bad_sheet)?;
    let Some(sheet) = book.sheet_names().first().cloned() else { return Ok(Table::default()) };
    // Cell by cell: as a whole, a single cell in the far corner would ask for room for all before it.
    let mut cells = book.worksheet_cells_reader(&sheet).map_err(bad_sheet)?;
    let mut rows: Vec<(u32, Vec<String>)> = Vec::new();
    let mut count = 0;
    while let Some(cell) = cells.next_cell().map_err(bad_sheet)? {
        let text = text_of(cell.get_value());
        if text.trim().is_empty() {
            continue;
        }
        count += 1;
        let (row, column) = cell.get_position();
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        if count > MAX_CELLS || rows.len() > MAX_ROWS + 1 || column > MAX_COLUMNS {
            return Err(ManifestError::TooMuch);
        }
        let number = row.saturating_add(1);
        let found = rows.iter().rposition(|(known, _)| *known == number).unwrap_or_else(|| {
            rows.push((number, Vec::new()));
            rows.len() - 1
        });
        let cells = &mut rows[found].1;
        if cells.len() <= column {
            cells.resize(column + 1, String::new());
        }
        cells[column] = text;
    }
    rows.sort_by_key(|(number, _)| *number);
    let mut rows = rows.into_iter();
    let header = rows.next().map(|(_, cells)| cells).unwrap_or_default();
    Ok(Table { header, rows: rows.collect() })
}

/// A cell as a person sees it: numbers without a fraction as whole ones, since serial numbers are typed as numbers.
fn text_of(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(number) => number.to_string(),
        // Shown as it is: beyond 15 digits a spreadsheet has lost the rest already.
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(is_true) => if *is_true { "yes" } else { "no" }.to_owned(),
        DataRef::DateTime(time) => time.to_string(),
        DataRef::Error(error) => error.to_string(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "errors are handed on by value")]
fn bad_sheet(error: impl ToString) -> ManifestError {
    ManifestError::BadSheet { detail: error.to_string() }
}
