//! Which rows and columns of a sheet are hidden, by hand or by a filter: the library of the cells does not tell.
//!
//! Reads the tags `row` and `col` of the part that holds the sheet (ECMA-376 part 1, 18.3.1.73 and 18.3.1.13). Their
//! attributes are numbers and truth values, so that a tag ends at the first `>`.

use std::collections::BTreeSet;
use std::io::{Cursor, Read as _};
use std::ops::RangeInclusive;

use crate::model::batch::MAX_COLUMNS;

/// Most that is read of one part; the parts were measured before.
const MAX_PART_BYTES: u64 = 64 * 1024 * 1024;

/// What is hidden: rows counted from 1, columns from 0.
#[derive(Default)]
pub(super) struct Hidden {
    pub(super) rows: BTreeSet<u32>,
    pub(super) columns: Vec<RangeInclusive<usize>>,
}

/// What is hidden in the sheet of that index; nothing where the file is built in another way than they are.
pub(super) fn of(bytes: &[u8], index: usize) -> Option<Hidden> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut part = |name: &str| -> Option<String> {
        let mut text = String::new();
        archive.by_name(name).ok()?.take(MAX_PART_BYTES).read_to_string(&mut text).ok()?;
        Some(text)
    };
    let book = part("xl/workbook.xml")?;
    let sheet = tags(&book, "sheet").nth(index)?;
    let id = attribute(sheet, "r:id").or_else(|| attribute(sheet, "id"))?;
    let relations = part("xl/_rels/workbook.xml.rels")?;
    let relation = tags(&relations, "Relationship").find(|tag| attribute(tag, "Id") == Some(id))?;
    let target = attribute(relation, "Target")?;
    let name = target.strip_prefix('/').map_or_else(|| format!("xl/{target}"), str::to_owned);
    Some(read(&part(&name)?))
}

fn read(sheet: &str) -> Hidden {
    let mut hidden = Hidden::default();
    let mut number = 0;
    for tag in tags(sheet, "row") {
        // A row without a number is the one after the last.
        number = attribute(tag, "r").and_then(|number| number.parse().ok()).unwrap_or(number + 1);
        if is_hidden(tag) {
            hidden.rows.insert(number);
        }
    }
    for tag in tags(sheet, "col").filter(|tag| is_hidden(tag)).take(MAX_COLUMNS) {
        let place = |key| attribute(tag, key).and_then(|place| place.parse::<usize>().ok());
        if let (Some(first), Some(last)) = (place("min"), place("max")) {
            hidden.columns.push(first.saturating_sub(1)..=last.saturating_sub(1));
        }
    }
    hidden
}

fn is_hidden(tag: &str) -> bool {
    matches!(attribute(tag, "hidden"), Some("1" | "true"))
}

/// The attributes of the tags of that name, with or without a prefix.
fn tags<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    text.split('<').skip(1).filter_map(move |piece| {
        let tag = piece.split('>').next()?;
        let (written, attributes) = tag.split_once(|c: char| c.is_ascii_whitespace())?;
        let local = written.rsplit(':').next()?;
        (local == name).then_some(attributes)
    })
}

fn attribute<'a>(tag: &'a str, key: &str) -> Option<&'a str> {
    let mut rest = tag;
    while let Some((written, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, next) = after[1..].split_once(quote)?;
        if written.trim() == key {
            return Some(value);
        }
        rest = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_rows_and_columns_are_read_whatever_the_writer() {
        let sheet = "<x:cols><x:col min='2' max=\"3\" hidden=\"true\"/></x:cols><sheetData><row r=\"1\"><c/></row>\
                     <row hidden=\"1\"/><row r=\"7\" spans=\"1:5\" hidden = \"1\"><c/></row><row r='8' hidden='0'/></sheetData>";
        let hidden = read(sheet);
        assert_eq!(hidden.rows.into_iter().collect::<Vec<_>>(), [2, 7]);
        assert_eq!(hidden.columns, [1..=2]);
        assert!(read("<row").rows.is_empty() && read("<row r=>").rows.is_empty() && read("<row r=\"1").rows.is_empty());
    }
}
