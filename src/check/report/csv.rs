//! The rules as CSV (RFC 4180), for spreadsheets and for whoever types them into a firewall. No cell begins a formula.

use ::csv::{Terminator, WriterBuilder};

use super::rules::{self, Rule, merged};
use super::{Input, Instead, Mask};
use crate::model::text::{no_formula, visible};

/// The longest cell.
const LONGEST: usize = 1000;

const HEADER: [&str; 14] = [
    "rows",
    "source",
    "destination",
    "also_seen_as",
    "protocol",
    "port",
    "direction",
    "replies",
    "tls_inspection",
    "purpose",
    "level",
    "document",
    "state",
    "override_file",
];

/// Which rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Those to add, each destination and port once.
    Merged,
    /// All of them, one for each row and destination.
    All,
}

/// The rules of a run.
pub fn csv(input: &Input<'_>, filter: Filter) -> String {
    let instead = if input.is_masked { Instead::Label } else { Instead::Nothing };
    let mask = Mask::new(input.evidence, instead);
    let all = rules::rules(input.plan, input.evidence, input.judged);
    let rules = if filter == Filter::Merged { merged(&all) } else { all };
    let is_overridden = !input.evidence.about.overrides.is_empty();
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    // Written to memory, which does not fail.
    let _ = writer.write_record(HEADER);
    for rule in &rules {
        let cells =
            cells(rule, is_overridden).map(|cell| no_formula(&mask.text(&visible(&cell, LONGEST))).into_owned());
        let _ = writer.write_record(cells);
    }
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

fn cells(rule: &Rule, is_overridden: bool) -> [String; HEADER.len()] {
    [
        rule.rows.join(" "),
        rule.source.clone(),
        rule.destination.clone(),
        rule.aliases.join(" "),
        rule.protocol.clone(),
        rule.port.clone(),
        rule.direction.to_owned(),
        rules::STATEFUL.to_owned(),
        if rule.is_inspection_exempt { "off" } else { "" }.to_owned(),
        rule.purpose.join("; "),
        rule.level.as_str().to_owned(),
        rule.documents.join("; "),
        rule.state().as_str().to_owned(),
        if is_overridden { "yes" } else { "no" }.to_owned(),
    ]
}
