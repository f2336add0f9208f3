//! [`Problem`]: a failure as a person on site reads it, and [`Explain`], by which every error type becomes one.
//!
//! Order on the screen: what failed and where, the likely cause, the next step; technical detail last, folded away.

use serde::Serialize;

/// A failure with its cause and a next step someone on site can take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Short and stable, for support and for tests: `serial.busy`.
    pub code: &'static str,
    /// What failed, and on which gateway, port or file.
    pub what: String,
    /// The most likely reason.
    pub likely_cause: String,
    /// What to do now.
    pub next_step: String,
    /// Addresses, paths, texts of libraries. May be cut before sharing. Never holds a secret.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Problem {
    /// A problem without technical detail.
    pub fn new(
        code: &'static str,
        what: impl Into<String>,
        likely_cause: impl Into<String>,
        next_step: impl Into<String>,
    ) -> Self {
        Self {
            code,
            what: what.into(),
            likely_cause: likely_cause.into(),
            next_step: next_step.into(),
            detail: String::new(),
        }
    }

    /// Adds the technical detail.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// Turns an error into the words a user reads. Implementations match every variant by name, without a wildcard.
pub trait Explain {
    /// The problem this error means.
    fn explain(&self) -> Problem;
}
