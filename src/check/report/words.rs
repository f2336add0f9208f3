//! [`Words`]: where the sentences of a report come from.

use crate::check::plan::{Plan, PlannedRow};
use crate::check::verdict::{Finding, Note, Reason, RowVerdict};
use crate::model::text::visible;

/// What is said of a row or finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// What happened, in one sentence without jargon.
    pub what: String,
    /// What the administrator does.
    pub next_step: String,
    /// What was looked at and is not the cause.
    pub ruled_out: Vec<String>,
}

/// Sentences for verdicts.
pub trait Words {
    /// A row.
    fn row(&self, plan: &Plan, row: &PlannedRow, verdict: &RowVerdict) -> Said;
    /// What ought to be known beside a row.
    fn note(&self, verdict: &RowVerdict, note: &Note) -> String;
    /// What concerns several rows.
    fn finding(&self, finding: &Finding) -> Said;
}

/// The codes themselves, spelt out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Words for Plain {
    fn row(&self, _: &Plan, _: &PlannedRow, verdict: &RowVerdict) -> Said {
        Said { what: spelt(verdict.reason, &verdict.about), ..Said::default() }
    }

    fn note(&self, _: &RowVerdict, note: &Note) -> String {
        spelt(note.reason, &note.about)
    }

    fn finding(&self, finding: &Finding) -> Said {
        Said { what: spelt(finding.reason, &finding.about), ..Said::default() }
    }
}

fn spelt(reason: Reason, about: &str) -> String {
    let mut text = reason.as_str().replace('-', " ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if about.is_empty() { text } else { format!("{text}: {}", visible(about, 200)) }
}
