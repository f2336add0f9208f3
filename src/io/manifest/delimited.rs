//! CSV as spreadsheets write it: comma, semicolon or tab, UTF-8 or UTF-16, any kind of line end.
//!
//! Rows are counted as a spreadsheet shows them: a line end inside quotes begins no row.

use std::borrow::Cow;

use super::ManifestError;
use crate::model::batch::{MAX_COLUMNS, MAX_ROWS, Table};

pub(super) fn parse(bytes: &[u8]) -> Result<Table, ManifestError> {
    let text = text_of(bytes)?;
    // Some programs say in a line of its own what stands between the cells.
    let first = text.split(['\r', '\n']).next().unwrap_or_default();
    let (delimiter, skip) = match first.trim().to_ascii_lowercase().strip_prefix("sep=").map(str::as_bytes) {
        Some([named]) => (*named, first.len()),
        _ => (delimiter_of(&text), 0),
    };
    let text = &text[skip..];
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let mut table = Table::default();
    let mut is_header = true;
    let mut record = csv::StringRecord::new();
    let mut row = 0_u32;
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(table),
            Err(error) => return Err(ManifestError::BadCsv { row: u64::from(row) + 1, detail: error.to_string() }),
        }
        row = row.saturating_add(1).saturating_add(blank_lines_before(text, &record));
        let cells: Vec<String> = record.iter().take(MAX_COLUMNS + 1).map(str::to_owned).collect();
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if std::mem::take(&mut is_header) {
            table.header = cells;
        } else {
            table.rows.push((row, cells));
            // One more than is allowed, so that the check says how many there are at least.
            if table.rows.len() > MAX_ROWS {
                return Ok(table);
            }
        }
    }
}

/// The text of a file: UTF-8, or UTF-16 as a spreadsheet's “Unicode text”, which begins with its mark.
fn text_of(bytes: &[u8]) -> Result<Cow<'_, str>, ManifestError> {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => {
            let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
            let text = std::str::from_utf8(bytes).map_err(|error| {
                let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                ManifestError::NotUtf8 { line: 1 + usize::try_from(line_ends(&good)).unwrap_or(usize::MAX - 1) }
            })?;
            Ok(Cow::Borrowed(text))
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'static, str>, ManifestError> {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
    match String::from_utf16(&units) {
        Ok(text) if bytes.len().is_multiple_of(2) => Ok(Cow::Owned(text)),
        _ => Err(ManifestError::NotUtf8 { line: 1 }),
    }
}

/// The line ends of a text: CR LF is one.
fn line_ends(text: &str) -> u32 {
    let mut count = 0;
    let mut is_after_cr = false;
    for octet in text.bytes() {
        count += u32::from(octet == b'\r' || (octet == b'\n' && !is_after_cr));
        is_after_cr = octet == b'\r';
    }
    count
}

/// How many blank lines the library passed over before a record: its position stands in front of them.
fn blank_lines_before(text: &str, record: &csv::StringRecord) -> u32 {
    let Some(at) = record.position().and_then(|position| usize::try_from(position.byte()).ok()) else { return 0 };
    let (before, rest) = text.as_bytes().split_at(at.min(text.len()));
    // The second half of the line end before still belongs to that.
    let is_split = before.last() == Some(&b'\r') && rest.first() == Some(&b'\n');
    let rest = &rest[usize::from(is_split)..];
    let blank = rest.iter().take_while(|octet| matches!(octet, b'\r' | b'\n')).count();
    line_ends(std::str::from_utf8(&rest[..blank]).unwrap_or_default())
}

/// What stands between the cells: the commonest of the three outside quotes in the first line that is not blank.
fn delimiter_of(text: &str) -> u8 {
    let first = text.split(['\r', '\n']).find(|line| !line.trim().is_empty()).unwrap_or_default();
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
