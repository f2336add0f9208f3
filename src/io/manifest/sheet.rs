//! XLSX: the first sheet that is not hidden, cell by cell, with what a person sees of it and what is hidden from them.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Reader as _, SheetVisible, Xlsx};

use super::{ManifestError, hidden, shown};
use crate::model::batch::{Doubt, MAX_COLUMNS, MAX_ROWS, Table};
use crate::model::text::visible;

/// Most that a compressed file becomes.
const MAX_UNPACKED_BYTES: u64 = 64 * 1024 * 1024;
/// Parts of a compressed file.
const MAX_PARTS: usize = 2000;
/// Cells that are read in a sheet: those of the largest manifest, and as many again.
const MAX_CELLS: usize = MAX_ROWS * MAX_COLUMNS * 2;
/// Longest name of a sheet that is told.
const MAX_NAME_CHARS: usize = 40;

pub(super) fn parse(bytes: &[u8]) -> Result<Table, ManifestError> {
    unpack_within_limits(bytes)?;
    // The library is held to its word that damaged files are errors, and a mistake in it is one as well.
    catch_unwind(AssertUnwindSafe(|| read(bytes))).unwrap_or_else(|_| Err(bad("the library failed on this file")))
}

/// Unpacks everything once, to nowhere: what a file says about its sizes is not believed.
fn unpack_within_limits(bytes: &[u8]) -> Result<(), ManifestError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(bad)?;
    if archive.len() > MAX_PARTS {
        return Err(ManifestError::TooMuch);
    }
    let mut left = MAX_UNPACKED_BYTES;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(bad)?;
        let unpacked = std::io::copy(&mut part.take(left + 1), &mut std::io::sink()).map_err(bad)?;
        left = left.checked_sub(unpacked).ok_or(ManifestError::TooMuch)?;
    }
    Ok(())
}

fn read(bytes: &[u8]) -> Result<Table, ManifestError> {
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(bad)?;
    let sheets = book.sheets_metadata().to_vec();
    let index = sheets.iter().position(|sheet| sheet.visible == SheetVisible::Visible).unwrap_or_default();
    let Some(sheet) = sheets.get(index).map(|sheet| sheet.name.clone()) else { return Ok(Table::default()) };
    let mut rows = read_cells(&mut book, &sheet)?;
    for area in book.merge_cells_by_sheet_name(&sheet).unwrap_or_default() {
        rows.add_merged(area.start, area.end);
    }
    let hidden = hidden::of(bytes, index).unwrap_or_default();
    let mut table = rows.into_table(&hidden);
    table.other_sheets = sheets.len().saturating_sub(1);
    table.sheet = (table.other_sheets > 0).then(|| visible(&sheet, MAX_NAME_CHARS));
    Ok(table)
}

fn read_cells(book: &mut Xlsx<Cursor<&[u8]>>, sheet: &str) -> Result<Rows, ManifestError> {
    let mut rows = Rows::default();
    // Cell by cell: as a whole, a single cell in the far corner would ask for room for all before it.
    let mut cells = book.worksheet_cells_reader(sheet).map_err(bad)?;
    while let Some((cell, style)) = cells.next_cell_with_style_id().map_err(bad)? {
        let format = cells.styles().get(style).and_then(|style| style.number_format.as_ref());
        let (text, doubt) = shown::cell(cell.get_value(), format.map_or("", |format| format.format_code.as_str()));
        let (row, column) = cell.get_position();
        rows.add(row, column, text, doubt)?;
    }
    Ok(rows)
}

/// The rows that hold something.
#[derive(Default)]
struct Rows {
    cells_by_row: BTreeMap<u32, Vec<String>>,
    doubts: BTreeMap<(u32, usize), Doubt>,
    cells: usize,
}

impl Rows {
    fn add(&mut self, row: u32, column: u32, text: String, doubt: Option<Doubt>) -> Result<(), ManifestError> {
        if text.trim().is_empty() {
            return Ok(());
        }
        self.cells += 1;
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        if self.cells > MAX_CELLS || self.cells_by_row.len() > MAX_ROWS + 1 || column > MAX_COLUMNS {
            return Err(ManifestError::TooMuch);
        }
        let number = row.saturating_add(1);
        let cells = self.cells_by_row.entry(number).or_default();
        if cells.len() <= column {
            cells.resize(column + 1, String::new());
        }
        cells[column] = text;
        if let Some(doubt) = doubt {
            self.doubts.insert((number, column), doubt);
        }
        Ok(())
    }

    /// Merged cells show one text in many places, and hold it in the first of them alone.
    fn add_merged(&mut self, (top, left): (u32, u32), (bottom, right): (u32, u32)) {
        let rows: Vec<u32> =
            self.cells_by_row.range(top + 1..=bottom.saturating_add(1)).map(|(number, _)| *number).collect();
        let columns =
            usize::try_from(left).unwrap_or_default()..=usize::try_from(right).unwrap_or_default().min(MAX_COLUMNS);
        for row in rows {
            for column in columns.clone() {
                let is_first = row == top + 1 && Ok(column) == usize::try_from(left);
                if !is_first {
                    self.doubts.insert((row, column), Doubt::Merged);
                }
            }
        }
    }

    /// The first row names the columns, whether it is hidden or not; further rows that are hidden are left out.
    fn into_table(self, hidden: &hidden::Hidden) -> Table {
        let mut rows = self.cells_by_row.into_iter();
        let header = rows.next().map(|(_, cells)| cells).unwrap_or_default();
        let (left_out, rows): (Vec<_>, Vec<_>) = rows.partition(|(number, _)| hidden.rows.contains(number));
        let hidden_rows = left_out.into_iter().map(|(number, _)| number).collect();
        let is_hidden = |column: &usize| hidden.columns.iter().any(|range| range.contains(column));
        let hidden_columns = (0..header.len()).filter(is_hidden).collect();
        Table { header, rows, doubts: self.doubts, hidden_rows, hidden_columns, ..Table::default() }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "errors are handed on by value")]
fn bad(error: impl ToString) -> ManifestError {
    ManifestError::BadSheet { detail: error.to_string() }
}
