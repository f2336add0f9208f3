//! Records as text that leaves the program: JSON lines for programs, CSV (RFC 4180) for spreadsheets.

use crate::model::record::{ExportFormat, JobHistory, JobRecord};
use crate::model::text::visible;

const HEADER: &str =
    "id,started_at,ended_at,outcome,reason,summary,action,gateway,link,profile,driver,operator,simulated";
/// Characters of a cell.
const CELL_CHARS: usize = 1000;

/// Writes the jobs in that format.
pub(super) fn write(jobs: &[JobHistory], format: ExportFormat) -> Result<String, serde_json::Error> {
    match format {
        ExportFormat::JsonLines => jobs.iter().map(|job| Ok(serde_json::to_string(job)? + "\n")).collect(),
        ExportFormat::Csv => Ok(csv(jobs)),
    }
}

fn csv(jobs: &[JobHistory]) -> String {
    let mut text = format!("{HEADER}\r\n");
    for history in jobs {
        text += &row(&history.job);
        text += "\r\n";
    }
    text
}

fn row(job: &JobRecord) -> String {
    let intent = &job.intent;
    let id = job.id.0.to_string();
    let cells = [
        id.as_str(),
        &job.started_at,
        job.ended_at.as_deref().unwrap_or_default(),
        &job.outcome,
        &job.reason,
        &job.summary,
        &intent.action,
        &intent.gateway,
        &intent.link,
        intent.profile.as_deref().unwrap_or_default(),
        intent.driver.as_deref().unwrap_or_default(),
        &intent.operator,
        if intent.is_simulated { "yes" } else { "no" },
    ];
    cells.map(cell).join(",")
}

/// One cell: made safe to show, quoted where need be, and never a formula, however the gateway calls itself.
pub(in crate::io) fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let text = visible(text, CELL_CHARS);
    let guarded = if is_formula { format!("'{text}") } else { text };
    if guarded.contains(['"', ',', '\n', '\r', ';']) || guarded != guarded.trim() {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@x", "'@x"),
            ("\t=1", "'\u{FFFD}=1"),
            ("two\nlines", "two\u{FFFD}lines"),
            (" blank", "\" blank\""),
            ("", ""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
