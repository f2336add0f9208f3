//! What every list of gateways is held to, whatever it is read for: its columns, the shape of its cells, and what they refer to.

use std::collections::BTreeMap;

use super::Match;
use super::manifest::{Doubt, MAX_CELL_CHARS, MAX_COLUMNS, MAX_ROWS, Table};
use super::mistake::{Finding, Mistake};
use crate::model::ids::LinkAddress;
use crate::model::secret_text;

/// Columns that hold serial numbers, which a spreadsheet may have written short.
const SERIAL_NUMBERS: [&str; 2] = ["match", "serial"];

/// Mistakes that are listed; further ones are counted.
const MAX_FINDINGS: usize = 200;
/// Columns that take yes or no.
const YES_OR_NO: [&str; 2] = ["hidden", "allow_unprotected"];

/// The mistakes of a list.
#[derive(Default)]
pub(in crate::model) struct Findings {
    listed: Vec<Finding>,
    more: usize,
    /// Columns that are missing: told once, not in every row.
    missing: Vec<&'static str>,
}

impl Findings {
    /// Takes in a mistake.
    pub(in crate::model) fn say(&mut self, mistake: Mistake, row: Option<u32>, column: Option<&str>) {
        if !(row.is_some() && column.is_some_and(|column| self.missing.contains(&column))) {
            self.add(mistake.at(row, column));
        }
    }

    /// Takes in what was found elsewhere.
    pub(in crate::model) fn add(&mut self, finding: Finding) {
        if self.listed.len() < MAX_FINDINGS { self.listed.push(finding) } else { self.more += 1 }
    }

    /// How many there are.
    pub(in crate::model) const fn count(&self) -> usize {
        self.listed.len() + self.more
    }

    /// Whether every column that is needed is there.
    pub(in crate::model) const fn has_all_columns(&self) -> bool {
        self.missing.is_empty()
    }

    /// All of them, and how many more there are.
    pub(in crate::model) fn done(mut self) -> Vec<Finding> {
        if self.more > 0 {
            self.listed.push(Mistake::Cut { more: self.more }.at(None, None));
        }
        self.listed
    }
}

/// Where the columns are, by their names as in the reference.
pub(in crate::model) struct Columns {
    places: BTreeMap<String, usize>,
}

/// What a column is to a list.
pub(in crate::model) enum Column {
    /// It is read, under this name.
    Read(String),
    /// It belongs to another use of the same list.
    LeftAlone,
    /// Nobody knows it.
    Unknown,
}

impl Columns {
    /// Finds the columns; `None` when this is no table whose rows are worth reading.
    pub(in crate::model) fn find(
        table: &Table,
        known: impl Fn(&str) -> Column,
        needed: impl FnOnce(&Self) -> Vec<&'static str>,
        findings: &mut Findings,
    ) -> Option<Self> {
        if table.rows.is_empty() && table.header.iter().all(|name| name.trim().is_empty()) {
            findings.say(Mistake::Empty, None, None);
            return None;
        }
        if table.header.len() > MAX_COLUMNS {
            findings.say(Mistake::TooManyColumns, None, None);
            return None;
        }
        let mut columns = Self { places: BTreeMap::new() };
        for (place, written) in table.header.iter().enumerate() {
            columns.take(place, written, table, &known, findings);
        }
        findings.missing = needed(&columns).into_iter().filter(|name| !columns.has(name)).collect();
        for column in findings.missing.clone() {
            findings.say(Mistake::ColumnMissing { column }, None, None);
        }
        if table.rows.is_empty() {
            findings.say(Mistake::Empty, None, None);
        }
        if table.rows.len() > MAX_ROWS {
            findings.say(Mistake::TooManyRows, None, None);
            return None;
        }
        Some(columns)
    }

    fn take(
        &mut self,
        place: usize,
        written: &str,
        table: &Table,
        known: impl Fn(&str) -> Column,
        findings: &mut Findings,
    ) {
        let name = normal(written);
        let column = written.trim().to_owned();
        let mistake = match known(&name) {
            _ if name.is_empty() => {
                let is_filled = |cells: &Vec<String>| cells.get(place).is_some_and(|cell| !cell.trim().is_empty());
                if table.rows.iter().any(|(_, cells)| is_filled(cells)) {
                    findings.say(Mistake::ColumnUnnamed { number: place + 1 }, None, None);
                }
                return;
            }
            Column::LeftAlone => return,
            Column::Read(name) => match self.places.insert(name, place) {
                Some(_) => Mistake::ColumnTwice { column },
                None => return,
            },
            Column::Unknown if secret_text::names_secret(&name) => Mistake::ColumnOfSecrets { column },
            Column::Unknown => Mistake::ColumnUnknown { column },
        };
        findings.say(mistake, None, Some(written));
    }

    /// Whether there is such a column.
    pub(in crate::model) fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// Their names, in the order of the alphabet.
    pub(in crate::model) fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    /// Their names, as they stand from left to right.
    pub(in crate::model) fn in_order(&self) -> Vec<&str> {
        let mut columns: Vec<(&String, &usize)> = self.places.iter().collect();
        columns.sort_by_key(|(_, place)| **place);
        columns.into_iter().map(|(column, _)| column.as_str()).collect()
    }
}

/// The cells of one row by the names of their columns.
pub(in crate::model) struct Cells<'a> {
    /// The row as a person sees it.
    pub(in crate::model) row: u32,
    texts: &'a [String],
    /// Where the columns are.
    pub(in crate::model) columns: &'a Columns,
}

impl<'a> Cells<'a> {
    /// The cells of a row, where their shape is good.
    pub(in crate::model) fn read(
        row: u32,
        texts: &'a [String],
        columns: &'a Columns,
        table: &Table,
        findings: &mut Findings,
    ) -> Option<Self> {
        let (cells, before) = (Self { row, texts, columns }, findings.count());
        cells.hold_width(table, findings);
        for (column, place) in &columns.places {
            let doubt = table.doubts.get(&(row, *place)).copied();
            if let Some(mistake) = cells.mistake_at(column, *place, doubt) {
                findings.say(mistake, Some(row), Some(column));
            }
        }
        (findings.count() == before).then_some(cells)
    }

    /// A cell, without the blanks around it.
    pub(in crate::model) fn get(&self, column: &str) -> &'a str {
        self.verbatim(column).trim()
    }

    /// A cell in which blanks may count: the name of a network.
    pub(in crate::model) fn verbatim(&self, column: &str) -> &'a str {
        self.columns.places.get(column).and_then(|place| self.texts.get(*place)).map_or("", String::as_str)
    }

    /// Yes or no.
    pub(in crate::model) fn yes(&self, column: &str, findings: &mut Findings) -> bool {
        match self.get(column).to_lowercase().as_str() {
            "yes" | "true" | "1" => true,
            "" | "no" | "false" | "0" => false,
            _ => {
                findings.say(Mistake::NotYesOrNo, Some(self.row), Some(column));
                false
            }
        }
    }

    /// A row with more cells than columns: a separator stands inside a cell, and what follows has slipped.
    fn hold_width(&self, table: &Table, findings: &mut Findings) {
        let filled = self.texts.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1);
        let columns = table.header.len();
        if filled > columns {
            findings.say(Mistake::MoreCells { cells: filled, columns }, Some(self.row), None);
        }
    }

    /// What every cell is held to.
    fn mistake_at(&self, column: &str, place: usize, doubt: Option<Doubt>) -> Option<Mistake> {
        if let Some(doubt) = doubt.filter(|doubt| !(*doubt == Doubt::Truth && YES_OR_NO.contains(&column))) {
            return Some(Mistake::CellNotText { doubt });
        }
        let cell = self.texts.get(place)?;
        if SERIAL_NUMBERS.contains(&column) && is_rounded(cell) {
            return Some(Mistake::CellNotText { doubt: Doubt::Number });
        }
        let chars = cell.chars().count();
        if chars > MAX_CELL_CHARS {
            Some(Mistake::CellTooLong { chars })
        } else if cell.chars().any(char::is_control) {
            Some(Mistake::CellControl)
        } else {
            is_formula_error(cell).then_some(Mistake::CellError)
        }
    }
}

/// The places of the rows before: a gateway stands in a list once.
#[derive(Default)]
pub(in crate::model) struct Places(BTreeMap<String, u32>);

impl Places {
    /// Takes in the place of a row. Two paths of one port are one place.
    pub(in crate::model) fn take(
        &mut self,
        place: &Match,
        row: u32,
        real_port: impl FnOnce(&str) -> String,
        findings: &mut Findings,
    ) {
        let key = match place {
            Match::Link(LinkAddress::Serial(path)) => format!("serial:{}", real_port(path)),
            other => other.to_string(),
        };
        match self.0.get(&key) {
            Some(&first_row) => findings.say(Mistake::MatchTwice { place: key, first_row }, Some(row), Some("match")),
            None => drop(self.0.insert(key, row)),
        }
    }
}

/// The name under which a secret was to be given once, as it may be repeated: what follows the sign may be a passphrase that
/// begins with it, and one that is no word is not shown.
pub(in crate::model) fn shown_name(name: &str) -> &str {
    let is_word = !name.is_empty()
        && name.len() <= 40
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if is_word { name } else { "…" }
}

/// The name of a column as it is compared. The id of a credential keeps its case.
fn normal(written: &str) -> String {
    let written = written.trim();
    match written.split_once(':') {
        Some((kind, id)) if kind.trim().eq_ignore_ascii_case("credential") => format!("credential:{}", id.trim()),
        _ => written.to_lowercase().replace([' ', '-'], "_"),
    }
}

/// Whether a spreadsheet wrote a long number short: `4.00E+12`, with a comma in some languages.
fn is_rounded(cell: &str) -> bool {
    let number = cell.rsplit(':').next().unwrap_or(cell).trim().to_ascii_uppercase();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    number.split_once("E+").is_some_and(|(mantissa, exponent)| {
        let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
        [whole, fraction, exponent].into_iter().all(is_number)
    })
}

fn is_formula_error(cell: &str) -> bool {
    matches!(cell, "#REF!" | "#N/A" | "#NAME?" | "#VALUE!" | "#DIV/0!" | "#NULL!" | "#NUM!")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_number_that_a_spreadsheet_wrote_short_is_no_serial_number() {
        for cell in ["4.00E+12", "4,00E+12", "serial-number:4.00e+12", " 4E+12 "] {
            assert!(is_rounded(cell), "{cell}");
        }
        for cell in ["400000000012", "SN-4E12", "4E12", "E+12", "4.0.0E+12", "serial:/dev/ttyUSB0", "name:GW E+"] {
            assert!(!is_rounded(cell), "{cell}");
        }
    }
}
