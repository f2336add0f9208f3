//! How a push of credentials ended, with the evidence for it. Never more is claimed than was seen.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::gateway::Protection;
use super::ids::DriverId;

/// How strong a piece of evidence is. The words are the product's promise: see `ARCHITECTURE.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceKind {
    /// We asked for it.
    Requested,
    /// The gateway says so.
    Acknowledged,
    /// We saw it by another way than the gateway's first answer, such as reading it back.
    Observed,
    /// Nobody looked, and why.
    NotChecked,
}

impl EvidenceKind {
    /// The word shown.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Acknowledged => "acknowledged",
            Self::Observed => "observed",
            Self::NotChecked => "not checked",
        }
    }
}

/// One thing that was seen, or that nobody looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// How strong it is.
    pub kind: EvidenceKind,
    /// What it is, in a sentence.
    pub text: String,
    /// When, counted from the start of the session.
    #[serde(rename = "at_millis", serialize_with = "as_millis")]
    pub at: Duration,
}

/// How the push ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The gateway reports that it joined.
    Joined,
    /// The gateway reports that it could not, or refused the request.
    Refused,
    /// The gateway gave no verdict.
    Unknown,
}

impl Verdict {
    /// The word shown and stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

/// A possible cause, the likeliest first in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The cause.
    pub text: String,
    /// What speaks for it here.
    pub because: String,
}

/// The cause that typing the passphrase again ends.
pub const WRONG_PASSPHRASE: &str = "The passphrase is wrong";

/// The end of a push: verdict, evidence, causes, next step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Joined, refused or unknown.
    #[serde(rename = "outcome")]
    pub verdict: Verdict,
    /// Short and stable: `improv.unable_to_connect`.
    #[serde(rename = "reason")]
    pub code: &'static str,
    /// One sentence.
    pub summary: String,
    /// What was seen, in order.
    pub evidence: Vec<Evidence>,
    /// Possible causes, likeliest first; empty when it joined.
    pub causes: Vec<Cause>,
    /// What to do now.
    pub next_step: String,
    /// Addresses the gateway gave, made safe to show; only `http` and `https` ones.
    pub addresses: Vec<String>,
    /// The driver spoken.
    pub driver: DriverId,
    /// How the session was protected.
    pub protection: Protection,
    /// From the request to the verdict.
    #[serde(rename = "took_millis", serialize_with = "as_millis")]
    pub took: Duration,
}

impl Outcome {
    /// Whether the likeliest cause is the passphrase.
    pub fn blames_passphrase(&self) -> bool {
        self.causes.first().is_some_and(|cause| cause.text == WRONG_PASSPHRASE)
    }
}

/// Durations leave the program as whole milliseconds.
pub(super) fn as_millis<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
