//! How a connection came about, stage by stage, and the packets that went to and fro.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::message::Grant;
use crate::model::problem::Problem;
use crate::model::word::words;

words! {
    /// A stage on the way to the first message.
    Stage {
        /// The name becomes addresses.
        Resolve = "resolve",
        /// One of the addresses is reached.
        Tcp = "tcp",
        /// The proxy passes us on.
        Proxy = "proxy",
        /// The connection is encrypted, and the broker proves who it is.
        Tls = "tls",
        /// HTTP becomes a WebSocket.
        WebSocket = "websocket",
        /// The broker lets us in.
        Connect = "connect",
        /// The broker grants the subscriptions.
        Subscribe = "subscribe",
        /// A message arrives.
        FirstMessage = "first-message",
    }
}

impl Stage {
    /// The name on the screen.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Resolve => "Look the name up",
            Self::Tcp => "Reach the address",
            Self::Proxy => "Pass the proxy",
            Self::Tls => "Encrypt and check the certificate",
            Self::WebSocket => "Open the WebSocket",
            Self::Connect => "Log in",
            Self::Subscribe => "Subscribe",
            Self::FirstMessage => "Receive the first message",
        }
    }
}

/// How a stage stands.
#[derive(Clone, Debug, PartialEq)]
pub enum StageState {
    /// It goes on.
    Running,
    /// It went well.
    Done,
    /// It went well, with something that should be looked at.
    Noted(Problem),
    /// It did not come to it, and why.
    Skipped(String),
    /// It failed.
    Failed(Problem),
}

/// What is known of a stage. A later report of the same attempt and stage replaces the earlier one.
#[derive(Clone, Debug, PartialEq)]
pub struct StageReport {
    /// Which attempt, from 1 on.
    pub attempt: u32,
    /// The stage.
    pub stage: Stage,
    /// When it began, counted from the start of the attempt.
    pub at: Duration,
    /// How long it took, or has taken so far.
    pub took: Duration,
    /// How it stands.
    pub state: StageState,
    /// What was seen: name and value, safe to show, the most telling first.
    pub facts: Vec<(String, String)>,
    /// The certificates the broker showed, its own first. Stage `tls` only.
    pub certificates: Vec<CertificateFacts>,
    /// What became of the subscriptions. Stage `subscribe` only.
    pub grants: Vec<Grant>,
}

impl StageReport {
    /// What the broker refused of the subscriptions, where it did.
    pub fn refused_subscription(&self) -> Option<&Problem> {
        match &self.state {
            StageState::Noted(problem) if self.grants.iter().any(|grant| grant.granted.is_none()) => Some(problem),
            _ => None,
        }
    }

    /// A stage that has just begun.
    pub const fn begun(attempt: u32, stage: Stage, at: Duration) -> Self {
        Self {
            attempt,
            stage,
            at,
            took: Duration::ZERO,
            state: StageState::Running,
            facts: Vec::new(),
            certificates: Vec::new(),
            grants: Vec::new(),
        }
    }
}

/// A certificate as people compare it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CertificateFacts {
    /// Whom it names.
    pub subject: String,
    /// Who vouches for it.
    pub issuer: String,
    /// Host names and addresses it is good for.
    pub names: Vec<String>,
    /// Begin of its life, in seconds since 1970 UTC.
    pub not_before: i64,
    /// End of its life, in seconds since 1970 UTC.
    pub not_after: i64,
    /// SHA-256 over the certificate, in hex.
    pub sha256: String,
    /// SHA-1 over the certificate, in hex, as Azure's portal shows it.
    pub sha1: String,
    /// Its serial number, in hex.
    pub serial: String,
    /// What its key is, such as `EC P-256`.
    pub key: String,
}

/// When a certificate ends, in whole days: the one way to count them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It has ended, so many whole days ago.
    Ended {
        /// None: less than a day ago.
        days_ago: i64,
    },
    /// It ends, in so many whole days.
    Ends {
        /// None: in less than a day.
        in_days: i64,
    },
}

impl Expiry {
    /// The end of a life at that moment, both in seconds since 1970 UTC.
    pub const fn at(not_after: i64, unix_secs: i64) -> Self {
        const DAY_SECS: i64 = 86_400;
        if not_after < unix_secs {
            Self::Ended { days_ago: (unix_secs - not_after) / DAY_SECS }
        } else {
            Self::Ends { in_days: (not_after - unix_secs) / DAY_SECS }
        }
    }

    /// Whether it has ended, or ends within so many days.
    pub const fn is_within(self, days: i64) -> bool {
        match self {
            Self::Ended { .. } => true,
            Self::Ends { in_days } => in_days < days,
        }
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended { days_ago: 0 } => write!(out, "expired today"),
            Self::Ended { days_ago: 1 } => write!(out, "expired 1 day ago"),
            Self::Ended { days_ago } => write!(out, "expired {days_ago} days ago"),
            Self::Ends { in_days: 0 } => write!(out, "expires today"),
            Self::Ends { in_days: 1 } => write!(out, "expires in 1 day"),
            Self::Ends { in_days } => write!(out, "expires in {in_days} days"),
        }
    }
}

words! {
    /// Which way a packet went.
    Direction {
        /// From us.
        Sent = "sent",
        /// To us.
        Received = "received",
    }
}

/// A packet of the protocol, other than the messages themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedPacket {
    /// When, counted from the start of the inspection.
    pub at: Duration,
    /// Which way.
    pub direction: Direction,
    /// Its name in the standard: `CONNECT`, `SUBACK`.
    pub kind: &'static str,
    /// Its number, if it has one.
    pub packet_id: Option<u16>,
    /// Its length with header, in bytes.
    pub bytes: u32,
    /// The reason code as it came, and what it means.
    pub reason: Option<(u8, String)>,
    /// How long the answer took, where it is one.
    pub after: Option<Duration>,
    /// What else is worth reading, redacted and safe to show.
    pub note: String,
}

impl TracedPacket {
    /// What stands in the place of a packet where a connection ended without one.
    const END: &str = "(connection ended)";

    /// The end of a connection, and why: no packet, and told among them.
    pub const fn end(at: Duration, why: String) -> Self {
        let direction = Direction::Received;
        Self { at, direction, kind: Self::END, packet_id: None, bytes: 0, reason: None, after: None, note: why }
    }

    /// Whether it is the end of a connection, and no packet.
    pub fn is_end(&self) -> bool {
        self.kind == Self::END
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_in_one_way_before_and_after_the_end() {
        const NOW: i64 = 1_764_000_000;
        const DAY: i64 = 86_400;
        let check = |seconds: i64, expected: &str| assert_eq!(Expiry::at(NOW + seconds, NOW).to_string(), expected);
        check(-1062 * DAY - 40_000, "expired 1062 days ago");
        check(-DAY, "expired 1 day ago");
        check(-1, "expired today");
        check(0, "expires today");
        check(DAY + 1, "expires in 1 day");
        check(1062 * DAY + 40_000, "expires in 1062 days");
        assert!(Expiry::at(NOW - 1, NOW).is_within(0) && !Expiry::at(NOW + 30 * DAY, NOW).is_within(30));
    }
}
