//! [`Basis`]: where a rule about a vendor's system comes from.

use serde::Serialize;

/// Whether the vendor documents something or we assume it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "basis", rename_all = "kebab-case")]
pub enum Basis {
    /// A paper says so.
    Documented {
        /// Document and section.
        source: String,
        /// What of the rule no paper says.
        #[serde(flatten, skip_serializing_if = "Option::is_none")]
        beside: Option<Assumption>,
    },
    /// We assume it.
    Assumed {
        /// Why.
        reason: String,
    },
}

/// The part of a documented rule that we assume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// The keys of the rule that no paper fills.
    pub assumed: Vec<String>,
    /// Why they are filled as they are.
    pub reason: String,
}

impl Basis {
    /// A rule that a paper says in full.
    pub fn documented(source: impl Into<String>) -> Self {
        Self::Documented { source: source.into(), beside: None }
    }

    /// Whether that key of the rule is assumed, alone or with the whole rule.
    pub fn assumes(&self, key: &str) -> bool {
        self.is_assumed() || self.assumption().is_some_and(|beside| beside.assumed.iter().any(|own| own == key))
    }

    /// The part that is assumed beside what a paper says.
    pub const fn assumption(&self) -> Option<&Assumption> {
        match self {
            Self::Documented { beside, .. } => beside.as_ref(),
            Self::Assumed { .. } => None,
        }
    }

    /// Whether nobody has written it down for us.
    pub const fn is_assumed(&self) -> bool {
        matches!(self, Self::Assumed { .. })
    }

    /// The word in profiles and JSON lines.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Documented { .. } => "documented",
            Self::Assumed { .. } => "assumed",
        }
    }

    /// The source or the reason.
    pub fn text(&self) -> &str {
        match self {
            Self::Documented { source, .. } => source,
            Self::Assumed { reason } => reason,
        }
    }
}
