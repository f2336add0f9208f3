//! [`Spoken`]: these texts for the reports.

use super::{finding, note, row};
use crate::check::plan::{Plan, PlannedRow};
use crate::check::report::{Said, Words};
use crate::check::seen::Observation;
use crate::check::verdict::{Finding, Judged, Note, RowVerdict};

/// The words of a report, from this module.
#[derive(Clone, Copy)]
pub struct Spoken<'a> {
    /// What was looked at.
    pub plan: &'a Plan,
    /// What follows.
    pub judged: &'a Judged,
    /// What was seen.
    pub observations: &'a [Observation],
}

impl Words for Spoken<'_> {
    fn row(&self, plan: &Plan, _: &PlannedRow, verdict: &RowVerdict) -> Said {
        let text = row(plan, self.judged, self.observations, verdict);
        Said { what: text.what, next_step: text.next, ruled_out: text.ruled_out }
    }

    fn note(&self, verdict: &RowVerdict, beside: &Note) -> String {
        note(self.plan, self.observations, verdict, beside)
    }

    fn finding(&self, found: &Finding) -> Said {
        let text = finding(self.plan, self.judged, self.observations, found);
        Said { what: text.what, next_step: text.next, ruled_out: text.ruled_out }
    }
}
