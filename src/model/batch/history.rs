//! What the records say of a batch that was begun before, and what that means for its rows now.

use std::time::Duration;

use serde::Deserialize;

use super::{BatchId, RowOutcome, RowPlan, RowResult, VERIFY, strongest};
use crate::model::outcome::{EvidenceKind, Verdict};
use crate::model::record::JobRecord;
use crate::model::text::visible;

/// What the records say about a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchHistory {
    /// Its number.
    pub id: BatchId,
    /// When it was begun, RFC 3339 in UTC.
    pub started_at: String,
    /// The jobs of its rows, oldest first.
    pub rows: Vec<RowHistory>,
}

/// A job of a row on the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowHistory {
    /// The name of the row.
    pub name: String,
    /// What the order said.
    pub content: String,
    /// The job.
    pub job: JobRecord,
    /// How sure its end is, as far as that is on record.
    pub evidence: Option<EvidenceKind>,
}

/// How sure the end of a job is, by what is on record of its last push or credential.
pub fn evidence_on_record(detail: &str) -> Option<EvidenceKind> {
    #[derive(Deserialize)]
    struct Kind {
        kind: EvidenceKind,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Detail {
        Push { outcome: Verdict, evidence: Vec<Kind> },
        Credential { evidence: Kind },
    }
    match serde_json::from_str(detail).ok()? {
        Detail::Push { outcome, evidence } => {
            strongest(outcome, &evidence.iter().map(|evidence| evidence.kind).collect::<Vec<_>>())
        }
        Detail::Credential { evidence } => Some(evidence.kind),
    }
}

/// What is to be repeated when a batch goes on. What succeeded never is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Again {
    /// Rows that were refused or failed.
    pub failed: bool,
    /// Rows whose outcome is unknown. Whoever asks for this has looked at the devices.
    pub unknown: bool,
}

/// What an earlier run means for a row now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It is to be done.
    #[default]
    Open,
    /// It is to be done again, and until an attempt tells what became of the network sent then, this result stands.
    LeftOpen(RowResult),
    /// It is left alone, for this result.
    Settled(RowResult),
}

impl Standing {
    /// The result that stands before anything is done.
    pub const fn result(&self) -> Option<&RowResult> {
        match self {
            Self::Open => None,
            Self::LeftOpen(result) | Self::Settled(result) => Some(result),
        }
    }
}

impl BatchHistory {
    /// Whether a process works on a row.
    pub fn is_running(&self, plan: &RowPlan) -> bool {
        self.jobs_of(plan).next().is_some_and(|last| last.job.outcome == "running")
    }

    /// What this batch means for a row. The last job of its name counts, and behind one that told nothing of the gateway's
    /// network the one before it.
    pub fn standing(&self, plan: &RowPlan, again: Again) -> Standing {
        let Some(last) = self.jobs_of(plan).next() else { return Standing::Open };
        let telling = self.jobs_of(plan).find(|row| !row.tells_nothing());
        if let Some(open) = telling.filter(|row| row.job.outcome == "unknown") {
            let result = open.result(RowOutcome::Unknown);
            return if again.unknown { Standing::LeftOpen(result) } else { Standing::Settled(result) };
        }
        let is_same = last.content == plan.content;
        let wants_network = plan.network.is_some();
        let outcome = match last.job.outcome.as_str() {
            "joined" if is_same => RowOutcome::Joined,
            // With a network to send, credentials alone are half the work.
            "done" if is_same && !wants_network => RowOutcome::Done,
            "refused" if is_same && !again.failed => RowOutcome::Refused,
            "failed" | "closed" | "done" if is_same && !again.failed => RowOutcome::Failed,
            // Stopped before anything was sent, asked for again, or another order under the same name.
            _ => return Standing::Open,
        };
        Standing::Settled(last.result(outcome))
    }

    /// The jobs of a row, newest first.
    fn jobs_of<'a>(&'a self, plan: &'a RowPlan) -> impl Iterator<Item = &'a RowHistory> {
        self.rows.iter().rev().filter(|row| row.name == plan.name)
    }
}

impl RowHistory {
    /// Whether it ended before the network was sent: what a job before it left open stays open.
    fn tells_nothing(&self) -> bool {
        matches!(self.job.outcome.as_str(), "running" | "failed" | "closed" | "cancelled")
    }

    fn result(&self, outcome: RowOutcome) -> RowResult {
        let job = &self.job;
        let millis = |text: &str| text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
        let took = job.ended_at.as_deref().and_then(millis).zip(millis(&job.started_at));
        let took = took.and_then(|(end, start)| u64::try_from(end - start).ok()).unwrap_or_default();
        let next_step = match outcome {
            RowOutcome::Unknown => VERIFY,
            RowOutcome::Refused | RowOutcome::Failed => "Fix the cause, then retry it",
            _ => "Nothing: it was done in an earlier run",
        };
        let told = &job.intent.gateway;
        RowResult {
            outcome,
            reason: job.reason.clone(),
            evidence: self.evidence,
            summary: visible(&job.summary, 300),
            gateway: if job.intent.link.ends_with(told.as_str()) { String::new() } else { visible(told, 80) },
            link: visible(&job.intent.link, 120),
            took: Duration::from_millis(took),
            next_step: next_step.into(),
            is_earlier: true,
            told: Box::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::access::Access;
    use crate::model::batch::Match;
    use crate::model::credentials::WifiDraft;
    use crate::model::ids::{DriverId, LinkAddress};

    const UNKNOWN_TOO: Again = Again { failed: true, unknown: true };

    fn plan() -> RowPlan {
        RowPlan {
            row: 2,
            name: "Hall 1".into(),
            place: Match::Link(LinkAddress::Serial("/dev/ttyUSB0".into())),
            profile: None,
            driver: DriverId::Improv,
            access: Access::default(),
            network: Some(WifiDraft::default()),
            credentials: Vec::new(),
            content: "{}".into(),
        }
    }

    /// What jobs of one row, oldest first, mean for it now.
    fn standing(outcomes: &[&str], again: Again) -> Standing {
        let row = |(id, outcome): (i64, &&str)| RowHistory {
            name: "Hall 1".into(),
            content: "{}".into(),
            job: JobRecord::made(id, "commission", "Hall 1", "serial:/dev/ttyUSB0", outcome),
            evidence: None,
        };
        let rows = (1..).zip(outcomes).map(row).collect();
        BatchHistory { id: BatchId(1), started_at: String::new(), rows }.standing(&plan(), again)
    }

    fn outcome(standing: &Standing) -> Option<RowOutcome> {
        standing.result().map(|result| result.outcome)
    }

    #[test]
    fn what_an_attempt_left_open_stays_open_until_another_one_tells() {
        for later in [&["unknown"][..], &["unknown", "cancelled"], &["unknown", "failed", "closed"]] {
            let resumed = standing(later, Again::default());
            assert_eq!(outcome(&resumed), Some(RowOutcome::Unknown), "{later:?}");
            assert!(matches!(resumed, Standing::Settled(_)), "it is not sent again unasked: {later:?}");
            let failed_only = standing(later, Again { failed: true, unknown: false });
            assert!(matches!(failed_only, Standing::Settled(_)), "nor with what failed: {later:?}");
            let asked = standing(later, UNKNOWN_TOO);
            assert!(matches!(asked, Standing::LeftOpen(_)), "{later:?}");
        }
        for (told, known) in [("joined", RowOutcome::Joined), ("refused", RowOutcome::Refused)] {
            assert_eq!(outcome(&standing(&["unknown", told], Again::default())), Some(known));
        }
        assert_eq!(standing(&["refused", "cancelled"], Again::default()), Standing::Open);
    }

    #[test]
    fn how_sure_an_earlier_end_is_comes_from_the_records() {
        let joined = r#"{"outcome":"joined","evidence":[{"kind":"requested","text":"a","at_millis":1},
            {"kind":"observed","text":"b","at_millis":2},{"kind":"not-checked","text":"c","at_millis":3}]}"#;
        assert_eq!(evidence_on_record(joined), Some(EvidenceKind::Observed));
        let token = r#"{"credential":"token","evidence":{"kind":"acknowledged","text":"a","at_millis":1}}"#;
        assert_eq!(evidence_on_record(token), Some(EvidenceKind::Acknowledged));
        for other in ["", "{}", "cut off", r#"{"outcome":"joined"}"#] {
            assert_eq!(evidence_on_record(other), None, "{other}");
        }
    }

    #[test]
    fn an_attempt_that_told_nothing_does_not_make_an_unknown_row_a_failed_one() {
        let result =
            |outcome| RowResult::without_session(outcome, "x.y", "The gateway does not answer".into(), "-".into());
        let unknown = result(RowOutcome::Unknown);
        for outcome in [RowOutcome::Failed, RowOutcome::Stopped, RowOutcome::NotBegun] {
            let known = result(outcome).after(Some(&unknown));
            assert_eq!(known.outcome, RowOutcome::Unknown, "{outcome:?}");
            assert!(known.summary.starts_with("The gateway does not answer; "), "{}", known.summary);
            assert_eq!(result(outcome).after(None).outcome, outcome);
            assert_eq!(result(outcome).after(Some(&result(RowOutcome::Refused))).outcome, outcome);
        }
        for outcome in [RowOutcome::Joined, RowOutcome::Refused] {
            assert_eq!(result(outcome).after(Some(&unknown)).outcome, outcome);
        }
    }
}
