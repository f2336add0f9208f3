//! Many gateways in one go: what is to be done with each, what came of it, and what an earlier run says about it.
//!
//! A row is an order for one gateway. What identifies it over runs is its name; whether it is still the same order tells
//! its content, which holds references and never a secret.

mod history;
mod manifest;
mod mistake;
pub(in crate::model) mod notes;
pub(in crate::model) mod reading;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

pub use history::{Again, BatchHistory, RowHistory, Standing, evidence_on_record};
pub use manifest::{Checked, Doubt, MAX_CELL_CHARS, MAX_COLUMNS, MAX_ROWS, ProfileFacts, Surroundings, Table, check};
pub use mistake::{Finding, Mistake};

use super::access::Access;
use super::credentials::WifiDraft;
use super::gateway::Identity;
use super::ids::{BadLinkAddress, DriverId, LinkAddress, LinkKind, ProfileId};
use super::outcome::{EvidenceKind, Outcome, Verdict};
use super::secret::Secret;
use super::text::visible;

/// Most links that are open at the same time.
pub const MAX_PARALLEL: usize = 8;

/// The number of a batch in the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct BatchId(pub i64);

/// How the gateway of a row is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Match {
    /// By the address of its link.
    Link(LinkAddress),
    /// By the serial number of its USB port, at whatever path it is plugged in.
    SerialNumber(String),
    /// By the name it announces over Bluetooth.
    Announced(String),
}

impl Match {
    /// The kind of link it will be.
    pub const fn link_kind(&self) -> LinkKind {
        match self {
            Self::Link(link) => link.kind(),
            Self::SerialNumber(_) => LinkKind::Serial,
            Self::Announced(_) => LinkKind::Ble,
        }
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(link) => write!(f, "{link}"),
            Self::SerialNumber(number) => write!(f, "serial-number:{number}"),
            Self::Announced(name) => write!(f, "name:{name}"),
        }
    }
}

impl FromStr for Match {
    type Err = BadLinkAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |reason| BadLinkAddress { text: text.to_owned(), reason };
        if text.chars().any(char::is_control) {
            return Err(bad("it holds a control character"));
        }
        match text.split_once(':').map(|(kind, rest)| (kind, rest.trim())) {
            Some(("serial-number", "")) => Err(bad("the serial number is missing")),
            Some(("name", "")) => Err(bad("the name is missing")),
            Some(("serial-number", number)) => Ok(Self::SerialNumber(number.to_owned())),
            Some(("name", name)) => Ok(Self::Announced(name.to_owned())),
            // A bare word could be a path, a name or a serial number: it is not guessed.
            Some(("serial" | "ble" | "http" | "udp", _)) => text.parse().map(Self::Link),
            _ => Err(bad("what it is stands in front of a colon")),
        }
    }
}

/// The order for one gateway. Holds secrets and is not printable.
#[derive(Clone)]
pub struct RowPlan {
    /// The row as a person sees it in the manifest; of a selection its place in the list.
    pub row: u32,
    /// What the operator calls the gateway.
    pub name: String,
    /// How it is found.
    pub place: Match,
    /// The profile, where one was chosen.
    pub profile: Option<ProfileId>,
    /// The driver to speak.
    pub driver: DriverId,
    /// The network; `None` when only tokens and files are sent.
    pub network: Option<WifiDraft>,
    /// What lets us in.
    pub access: Access,
    /// Tokens and files by their id in the profile, in order.
    pub credentials: Vec<(String, Secret<Vec<u8>>)>,
    /// What the order says, without secrets: an order with another content is another order.
    pub content: String,
}

impl RowPlan {
    /// What may be shown and written down of it.
    pub fn head(&self) -> RowHead {
        RowHead {
            row: self.row,
            name: visible(&self.name, 80),
            place: visible(&self.place.to_string(), 120),
            profile: self.profile.clone(),
            driver: self.driver,
            ssid: self.network.as_ref().map(|network| visible(&network.ssid, 40)).unwrap_or_default(),
            credentials: self.credentials.iter().map(|(id, _)| id.clone()).collect(),
        }
    }
}

/// What is shown of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowHead {
    /// The row as a person sees it.
    pub row: u32,
    /// What the operator calls the gateway.
    pub name: String,
    /// How it is found.
    #[serde(rename = "match")]
    pub place: String,
    /// The profile.
    pub profile: Option<ProfileId>,
    /// The driver.
    pub driver: DriverId,
    /// The network's name; empty when only tokens and files are sent.
    pub ssid: String,
    /// The tokens and files.
    pub credentials: Vec<String>,
}

/// How a row ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowOutcome {
    /// The gateway reports that it joined.
    Joined,
    /// No network was to be sent, and it took everything else.
    Done,
    /// The gateway could not join or refused the request.
    Refused,
    /// It could not be commissioned; no credentials took effect.
    Failed,
    /// What became of it is not known: verify on the device.
    Unknown,
    /// Somebody stopped it before the network was sent.
    Stopped,
    /// It was never begun.
    NotBegun,
}

impl RowOutcome {
    /// The word shown and stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Stopped => "stopped",
            Self::NotBegun => "not-begun",
        }
    }

    /// The word in a sentence.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotBegun => "not begun",
            other => other.as_str(),
        }
    }

    /// Whether what was ordered came true.
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Joined | Self::Done)
    }

    /// Whether it can be tried again without asking first: the gateway did not take the network.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Refused | Self::Failed)
    }
}

impl From<Verdict> for RowOutcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Joined => Self::Joined,
            Verdict::Refused => Self::Refused,
            Verdict::Unknown => Self::Unknown,
        }
    }
}

/// What to do about a row whose outcome is unknown.
const VERIFY: &str = "Verify on the device whether it joined, then retry it";

/// What to do about a row that was stopped or never begun.
pub const GO_ON: &str = "Go on with the batch: what succeeded isn't repeated";
/// Code of results that were not written, since no row ended.
pub const NO_RESULTS: &str = "results.none";
/// The code of the problem where results went to a file that isn't at its path any more.
pub const RESULTS_ELSEWHERE: &str = "results.elsewhere";

/// What came of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowResult {
    /// How it ended.
    pub outcome: RowOutcome,
    /// Short and stable: `improv.joined`.
    pub reason: String,
    /// How sure that is; nothing where nothing was asked of a gateway.
    pub evidence: Option<EvidenceKind>,
    /// One sentence.
    pub summary: String,
    /// The name the gateway told, made safe to show; empty when it told none.
    pub gateway: String,
    /// The link it was reached over; empty when it was not found.
    pub link: String,
    /// From opening the link to the end.
    #[serde(rename = "took_millis", serialize_with = "as_millis")]
    pub took: Duration,
    /// What to do now.
    pub next_step: String,
    /// Whether it comes from an earlier run of the same batch.
    pub is_earlier: bool,
    /// What the gateway and its port told of themselves in this run, to be held against a site.
    #[serde(skip)]
    pub told: Box<Told>,
}

/// What a gateway and its port told of themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Serial number of the port.
    pub serial_number: Option<String>,
    /// What the gateway said it is, before anything was sent to it.
    pub identity: Option<Identity>,
}

impl RowResult {
    /// A row that never reached a gateway.
    pub fn without_session(outcome: RowOutcome, reason: &str, summary: String, next_step: String) -> Self {
        Self {
            outcome,
            reason: reason.to_owned(),
            evidence: None,
            summary,
            gateway: String::new(),
            link: String::new(),
            took: Duration::ZERO,
            next_step,
            is_earlier: false,
            told: Box::default(),
        }
    }

    /// What is known after this attempt: one that told nothing of the gateway's network settles nothing that an earlier one
    /// left open.
    #[must_use]
    pub fn after(self, earlier: Option<&Self>) -> Self {
        let tells_nothing = matches!(self.outcome, RowOutcome::Failed | RowOutcome::Stopped | RowOutcome::NotBegun);
        if !tells_nothing || earlier.is_none_or(|earlier| earlier.outcome != RowOutcome::Unknown) {
            return self;
        }
        Self {
            outcome: RowOutcome::Unknown,
            evidence: None,
            summary: format!("{}; what became of the network sent before is still unknown", self.summary),
            next_step: VERIFY.into(),
            ..self
        }
    }
}

/// How sure the end of a push is: the strongest that was seen for a join, else the last that was looked at.
pub fn evidence_word(outcome: &Outcome) -> Option<EvidenceKind> {
    let kinds: Vec<EvidenceKind> = outcome.evidence.iter().map(|evidence| evidence.kind).collect();
    strongest(outcome.verdict, &kinds)
}

fn strongest(verdict: Verdict, kinds: &[EvidenceKind]) -> Option<EvidenceKind> {
    if verdict == Verdict::Joined && kinds.contains(&EvidenceKind::Observed) {
        return Some(EvidenceKind::Observed);
    }
    let last_looked_at = kinds.iter().rfind(|kind| **kind != EvidenceKind::NotChecked);
    last_looked_at.or(kinds.last()).copied()
}

/// How many rows ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// All rows.
    pub rows: usize,
    /// Joined.
    pub joined: usize,
    /// Took the tokens and files that were all there was to send.
    pub done: usize,
    /// Refused.
    pub refused: usize,
    /// Failed.
    pub failed: usize,
    /// Unknown.
    pub unknown: usize,
    /// Stopped or not begun.
    pub open: usize,
}

impl Summary {
    /// Counts the ends of rows; `None` is a row that has none.
    pub fn of(outcomes: impl IntoIterator<Item = Option<RowOutcome>>) -> Self {
        let mut summary = Self::default();
        for outcome in outcomes {
            summary.rows += 1;
            match outcome {
                Some(RowOutcome::Joined) => summary.joined += 1,
                Some(RowOutcome::Done) => summary.done += 1,
                Some(RowOutcome::Refused) => summary.refused += 1,
                Some(RowOutcome::Failed) => summary.failed += 1,
                Some(RowOutcome::Unknown) => summary.unknown += 1,
                Some(RowOutcome::Stopped | RowOutcome::NotBegun) | None => summary.open += 1,
            }
        }
        summary
    }

    /// The counts in words: `48 joined, 1 refused, 1 unknown`.
    pub fn words(&self) -> String {
        let counts = [
            (self.joined, "joined"),
            (self.done, "done"),
            (self.refused, "refused"),
            (self.failed, "failed"),
            (self.unknown, "unknown"),
            (self.open, "not done"),
        ];
        let words: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        if words.is_empty() { "nothing to do".into() } else { words.join(", ") }
    }
}

/// Durations leave the program as whole milliseconds.
fn as_millis<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
