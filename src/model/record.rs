//! Entries of the records: what was started, what was observed, what is unknown.
//!
//! Intent is written before the act and the outcome after it, so that a job without an outcome is visible as such.

use std::path::Path;

use serde::Serialize;

use super::audit::Digest;
use super::gateway::Protection;
use super::lineage::Returned;

/// The number of a job in the records; unlike [`super::ids::JobId`] it outlives the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RecordId(pub i64);

/// A job in the records, whatever computer they are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordKey {
    /// Its number in its chain.
    pub id: RecordId,
    /// The chain of the computer it was imported from; `None` for this one's own.
    pub chain: Option<Digest>,
}

impl From<RecordId> for RecordKey {
    fn from(id: RecordId) -> Self {
        Self { id, chain: None }
    }
}

/// What a job sets out to do, written before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobIntent {
    /// What is done: `commission`.
    pub action: String,
    /// The gateway by its own name if known, else by its link. In a list, the name it told during the job goes first.
    pub gateway: String,
    /// The link: `serial:/dev/ttyUSB0`.
    pub link: String,
    /// Profile id, if one was chosen.
    pub profile: Option<String>,
    /// Driver name.
    pub driver: Option<String>,
    /// Who did it: the operator's name from the settings, else the account of the computer.
    pub operator: String,
    /// Whether a simulator stood behind the link.
    pub is_simulated: bool,
}

impl JobIntent {
    /// Whether a job of this kind, cut off, may have left a gateway other than it was: only then is its end unknown.
    /// `has_open_act` says that an act is on record that was begun and has no outcome.
    pub fn may_have_changed_a_gateway(&self, has_open_act: bool) -> bool {
        match self.action.as_str() {
            // It watches; what it publishes is an act of its own.
            "inspect" => has_open_act,
            // They ask servers, and a gateway only to ask them; read a card in this computer's own reader; take in records of
            // another computer.
            "check" | "card-scan" | "import" => false,
            // Whatever else there is may act at any time.
            _ => true,
        }
    }
}

/// The name of a step on record, as a person reads it.
pub fn step_title(step: &str) -> String {
    let mut title = step.replace(['-', '_'], " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    title
}

/// Which side of an act an entry stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Before: it is about to be done.
    Intent,
    /// After: this is what came of it.
    Outcome,
}

impl Phase {
    /// The word stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Outcome => "outcome",
        }
    }
}

/// One step of a job on the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepEntry {
    /// The step: `push`.
    pub step: String,
    /// Before or after the act.
    pub phase: Phase,
    /// After: `done`, `failed`, `refused`, `unknown`, `cancelled`. Empty before.
    pub outcome: String,
    /// Evidence and facts as JSON. Holds no secret: of a passphrase only its length.
    pub detail: serde_json::Value,
}

/// The computer that a record was imported from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// Its name in the list of known keys.
    pub computer: String,
    /// Its chain: two computers may have one name.
    pub chain: Digest,
}

/// A job as the records show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobRecord {
    /// Its number.
    pub id: RecordId,
    /// When it was started, RFC 3339 in UTC.
    pub started_at: String,
    /// When its outcome was written; `None` while it runs or when it was cut off.
    pub ended_at: Option<String>,
    /// What it set out to do.
    #[serde(flatten)]
    pub intent: JobIntent,
    /// `joined`, `refused`, `unknown`, `failed`, `cancelled`, `closed`, or `running`.
    pub outcome: String,
    /// Code of the outcome or problem: `improv.unable_to_connect`; `records.cut_off` when the program ended in mid-job,
    /// `records.ended_early` when that job can have changed nothing.
    pub reason: String,
    /// One sentence for the list.
    pub summary: String,
    /// The name of its row in a batch, as the manifest has it; `None` of a job that is no row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_name: Option<String>,
    /// The computer it was imported from; `None` for this one's own. Its number is that computer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Of a job that the end of the program cut off: the time of its last entry. When it ended nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_entry_at: Option<String>,
}

/// Reason code of a job that the end of the program cut off.
pub const CUT_OFF: &str = "records.cut_off";
/// Reason code of a job that ended with the program and can have changed nothing.
pub const ENDED_EARLY: &str = "records.ended_early";

impl JobRecord {
    /// A job of this computer as tests need one: what was done with which gateway, over which link, and how it ended.
    #[cfg(test)]
    pub(crate) fn made(id: i64, action: &str, gateway: &str, link: &str, outcome: &str) -> Self {
        let intent = JobIntent {
            action: action.into(),
            gateway: gateway.into(),
            link: link.into(),
            profile: None,
            driver: None,
            operator: "Jana".into(),
            is_simulated: false,
        };
        Self {
            id: RecordId(id),
            started_at: format!("2026-01-{id:02}T12:00:00.000Z"),
            ended_at: None,
            intent,
            outcome: outcome.into(),
            reason: String::new(),
            summary: String::new(),
            row_name: None,
            origin: None,
            last_entry_at: None,
        }
    }

    /// What its gateway is called in a list: by its row of a batch, else by the name it told or was given.
    pub fn called(&self) -> &str {
        self.row_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&self.intent.gateway)
    }

    /// What names it among the records of all computers.
    pub fn key(&self) -> RecordKey {
        RecordKey { id: self.id, chain: self.origin.as_ref().map(|origin| origin.chain) }
    }

    /// Whether its end was written later than it came, by the next run of the program.
    pub fn has_ended_unseen(&self) -> bool {
        self.is_cut_off() || self.reason == ENDED_EARLY
    }

    /// Whether nobody knows how the job ended, because the program ended first.
    pub fn is_cut_off(&self) -> bool {
        self.reason == CUT_OFF
    }

    /// How it ended, as shown: a job that was cut off is unknown, not failed.
    pub fn outcome_title(&self) -> &str {
        if self.is_cut_off() { "unknown: verify on the device" } else { &self.outcome }
    }
}

/// An entry of a job, in the order it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryRecord {
    /// Position in the log.
    pub sequence: i64,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// The step: `connect`, `describe`, `push` …
    pub step: String,
    /// Before or after.
    pub phase: String,
    /// What came of it.
    pub outcome: String,
    /// Evidence and facts.
    pub detail: serde_json::Value,
}

/// A job with all its entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobHistory {
    /// The job.
    #[serde(flatten)]
    pub job: JobRecord,
    /// Its entries, oldest first.
    pub entries: Vec<EntryRecord>,
    /// The removal after which its gateway came back, where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returned: Option<Returned>,
}

impl JobHistory {
    /// How the session was protected, as the entries tell.
    pub fn protection(&self) -> Option<Protection> {
        let told = self.entries.iter().rev().find_map(|entry| entry.detail.get("protection")?.as_str())?;
        Protection::ALL.into_iter().find(|protection| protection.as_str() == told)
    }
}

/// How records leave the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// One JSON object a job, a line each.
    JsonLines,
    /// One line a job, for a spreadsheet.
    Csv,
}

impl ExportFormat {
    /// The form that the ending of a file's name says: a spreadsheet's, or JSON lines.
    pub fn of_path(path: impl AsRef<Path>) -> Self {
        let is_csv = path.as_ref().extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
        if is_csv { Self::Csv } else { Self::JsonLines }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protection_reads_back_from_its_record() {
        for protection in Protection::ALL {
            assert_eq!(serde_json::json!(protection), protection.as_str());
        }
    }
}
