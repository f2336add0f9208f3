//! What a person should know of a manifest that is no mistake.

use super::manifest::Table;
use crate::model::text::visible;

/// Rows named in one note.
const MAX_NAMED: usize = 10;

/// What was left out of the table, or read though nobody sees it.
pub(in crate::model) fn of(table: &Table) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(sheet) = &table.sheet {
        let others = table.other_sheets;
        let (noun, verb) = if others == 1 { ("sheet", "is") } else { ("sheets", "are") };
        notes.push(format!("The sheet {sheet} is read; {others} other {noun} {verb} not"));
    }
    match &table.hidden_rows[..] {
        [] => {}
        [row] => {
            notes.push(format!("Row {row} is hidden and skipped: only what you see counts. Show it to include it"));
        }
        rows => notes.push(format!(
            "{} rows are hidden and skipped ({}): only what you see counts. Show them to include them",
            rows.len(),
            listed(rows)
        )),
    }
    for column in &table.hidden_columns {
        let name = table.header.get(*column).map(|name| visible(name, 60)).unwrap_or_default();
        notes.push(format!("The column {name} is hidden and read all the same"));
    }
    notes
}

fn listed(rows: &[u32]) -> String {
    let named: Vec<String> = rows.iter().take(MAX_NAMED).map(ToString::to_string).collect();
    let more = rows.len().saturating_sub(MAX_NAMED);
    if more > 0 { format!("{} and {more} more", named.join(", ")) } else { named.join(", ") }
}

/// What may be meant otherwise in the name of a network.
pub(super) fn of_ssid(ssid: &str) -> Option<&'static str> {
    let is_quote = |c: char| matches!(c, '\u{2018}'..='\u{201F}' | '\u{AB}' | '\u{BB}');
    let is_wrapped = ssid.len() > 1 && ssid.starts_with('"') && ssid.ends_with('"');
    if ssid.contains(is_quote) || is_wrapped {
        return Some("the quotes in the network name are sent as part of it");
    }
    if ssid.contains('\u{A0}') {
        return Some("the network name holds a no-break space, which looks like a blank and isn't one");
    }
    let is_accent = |c: char| matches!(c, '\u{300}'..='\u{36F}');
    ssid.contains(is_accent)
        .then_some("the network name holds an accent as a character of its own; most access points store both as one")
}
