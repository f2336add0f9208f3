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
    },
    /// We assume it.
    Assumed {
        /// Why.
        reason: String,
    },
}

impl Basis {
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
            Self::Documented { source } => source,
            Self::Assumed { reason } => reason,
        }
    }
}
