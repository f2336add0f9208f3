//! `linesman records verify`: what the audit found, and the head that witnesses it.

use super::output::{Exit, Output, tagged};
use crate::model::audit::Audit;
use crate::model::text::visible;

/// Prints an audit. Its last line is the head, to be kept where this computer cannot write.
pub fn verified(audit: &Audit, out: &mut Output) -> Exit {
    out.json(&line(audit));
    let count = |count: u64, one: &str| format!("{count} {}", one_or_many(count, one));
    out.text(format!(
        "Records: {}, {}, {}",
        counted(audit.entries, "entry", "entries"),
        count(audit.jobs, "job"),
        count(audit.segments, "sealed segment")
    ));
    if let Some(before) = &audit.before_the_chain {
        let since = if before.since.is_empty() { String::new() } else { format!("; covered since {}", before.since) };
        out.text(format!("Entries 1 to {} were written before the chain began{since}", before.to));
    }
    said_of_the_rest(audit, out);
    for finding in &audit.findings {
        let detail =
            if finding.detail.is_empty() { String::new() } else { format!(": {}", visible(&finding.detail, 200)) };
        out.text(format!("  {}{detail}", finding.words()));
    }
    if audit.faults > audit.findings.len() as u64 {
        out.text(format!("  and {} more", audit.faults - audit.findings.len() as u64));
    }
    out.text(if audit.is_intact() { audit.verdict() } else { format!("Damaged. {}", audit.verdict()) });
    if let Some(head) = &audit.head {
        out.text(format!("head {} (entry {})", head.hash, head.entry));
    }
    if audit.is_intact() { Exit::Good } else { Exit::Findings }
}

/// What is neither good nor bad, and has to be said.
fn said_of_the_rest(audit: &Audit, out: &mut Output) {
    let unsealed = audit.complete_to - audit.sealed_to;
    if unsealed > 0 && audit.is_intact() {
        let unsealed = u64::try_from(unsealed).unwrap_or(0);
        out.text(format!("Not sealed yet: the last {}", counted(unsealed, "entry", "entries")));
    }
    if audit.set_back > 0 {
        let entries = counted(audit.set_back, "entry", "entries");
        out.text(format!("The clock was set back: {entries} with a time before that of an earlier one"));
    }
    if audit.open > 0 {
        out.text(format!("Open: {} begun without an outcome on record", counted(audit.open, "act", "acts")));
    }
    for intent in &audit.open_intents {
        out.text(format!("  entry {}: {} of record {}", intent.entry, visible(&intent.step, 40), intent.job));
    }
    for imported in &audit.imported {
        let entries = counted(imported.entries, "entry", "entries");
        out.text(format!("Imported from {}: {entries}. {}", visible(&imported.name, 60), imported.verdict));
    }
    if let (Some(key), Some(root)) = (&audit.key_file, &audit.root_key) {
        out.text(format!("Key: {root}, the secret in {}, {}", key.path, key.words()));
    }
}

fn line(audit: &Audit) -> serde_json::Value {
    let mut line = tagged("verified", audit);
    line["is_intact"] = audit.is_intact().into();
    line["verdict"] = audit.verdict().into();
    for (at, finding) in audit.findings.iter().enumerate() {
        line["findings"][at]["words"] = finding.words().into();
    }
    line
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn one_or_many(count: u64, one: &str) -> String {
    if count == 1 { one.to_owned() } else { format!("{one}s") }
}
