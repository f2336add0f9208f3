//! A team's records on a server: where it is, and what a sync brought.
//!
//! The server carries chains from computer to computer. It isn't trusted: what it hands out counts once it passes the same
//! audit as a bundle.

pub mod address;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::audit::{Digest, Head};
use super::problem::Problem;
use super::secret::Secret;
use super::word::words;

pub use address::{AddressError, ChannelBinding, Place, Protection, ServerAddress};

/// What a sync is started with; what is left out comes from the settings.
#[derive(Clone, Default)]
pub struct SyncStart {
    /// The address of the server, as typed.
    pub server: Option<String>,
    /// The list of known keys.
    pub known_keys: Option<PathBuf>,
    /// The password.
    pub password: Option<Secret<String>>,
}

/// What a sync brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    /// The server, without who logs in.
    pub server: String,
    /// How many entries of this computer were sent.
    pub sent: u64,
    /// How many entries of this computer the server doesn't have yet.
    pub waiting: u64,
    /// Up to where the server has the records of this computer.
    pub head: Option<Head>,
    /// How many entries of other computers were taken in.
    pub received: u64,
    /// The chains of other computers.
    pub chains: Vec<SyncedChain>,
    /// How many findings there are.
    pub faults: u64,
    /// The first of them.
    pub findings: Vec<SyncFinding>,
    /// How far the server has each chain of another computer, by its id; `None` where it was not read to the end.
    #[serde(skip)]
    pub others: Option<BTreeMap<String, OnServer>>,
}

/// How far a server has the chain of a computer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnServer {
    /// Its name in the list of known keys; empty where its key isn't in it.
    pub name: String,
    /// The last entry that a head covers.
    pub entry: i64,
}

words! {
    /// What is wrong on the server.
    Fault {
        /// Something that was there is gone.
        Missing = "missing",
        /// Something else is there.
        Different = "different",
        /// More is there than this computer wrote.
        Extra = "extra",
        /// What is there can't be what its computer wrote.
        Unsound = "unsound",
    }
}

impl Fault {
    /// What may be behind it.
    pub const fn cause(self) -> &'static str {
        match self {
            Self::Missing => {
                "A backup of the server was restored, it was set up again, or somebody with its owner's rights deleted it"
            }
            Self::Different => {
                "Somebody changed it on the server, or this data folder was copied and both copies went on with one chain"
            }
            Self::Extra => {
                "A backup of this data folder was restored or the folder copied, or somebody else writes with its key"
            }
            Self::Unsound => "Somebody wrote into the tables by hand, or a newer version of Linesman did",
        }
    }

    /// What to do.
    pub const fn next_step(self) -> &'static str {
        match self {
            Self::Missing => {
                "Ask the server's administrator which it was. Each computer sends again what is its own; nothing is lost here"
            }
            Self::Different | Self::Extra => {
                "Verify the records of this computer. If the folder was copied, give the copy an empty data folder; else show the \
                 finding to the administrator. Don't delete anything on the server before you know which"
            }
            Self::Unsound => "Show the finding to the administrator; nothing of it was taken in",
        }
    }
}

impl SyncReport {
    /// How many findings are named; all are counted.
    pub const NAMED: usize = 20;

    /// An empty report of a server.
    pub const fn of(server: String) -> Self {
        Self {
            server,
            sent: 0,
            waiting: 0,
            head: None,
            received: 0,
            chains: Vec::new(),
            faults: 0,
            findings: Vec::new(),
            others: None,
        }
    }

    /// What kinds of findings are named, each once.
    pub fn kinds(&self) -> Vec<Fault> {
        let mut kinds: Vec<Fault> = self.findings.iter().map(|finding| finding.fault).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// Notes a finding: the first ones by name, all by number.
    pub fn found(&mut self, finding: SyncFinding) {
        self.faults += 1;
        if self.findings.len() < Self::NAMED {
            self.findings.push(finding);
        }
    }

    /// Whether nothing was found, and every chain on the server is known and taken in.
    pub fn is_clean(&self) -> bool {
        self.faults == 0 && self.chains.iter().all(|chain| chain.state.is_good())
    }
}

/// The chain of another computer, as a sync met it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SyncedChain {
    /// Its name in the list of known keys; empty where its key isn't in it.
    pub name: String,
    /// Its id.
    pub chain: Digest,
    /// The key it began with.
    pub root_key: Digest,
    /// How many entries were new.
    pub entries: u64,
    /// Up to where its records are here.
    pub head: Option<Head>,
    /// What became of it.
    pub state: ChainState,
}

/// What became of a chain of another computer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChainState {
    /// New entries were taken in.
    Received,
    /// Nothing new.
    Current,
    /// Its key isn't in the list of known keys.
    UnknownKey,
    /// It isn't what its computer wrote; nothing of it was taken in.
    Damaged,
    /// It contradicts what was taken in before; nothing of it was taken in.
    Contradicts,
}

impl ChainState {
    /// Whether it is here now as far as the server has it.
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Received | Self::Current)
    }
}

/// Something on the server that isn't what was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SyncFinding {
    /// Whose records: the name in the list of known keys, or `this computer`.
    pub name: String,
    /// The chain.
    pub chain: Digest,
    /// What is wrong.
    pub fault: Fault,
    /// The entry or segment, where it is about one; the first of several.
    pub number: Option<i64>,
    /// The finding in a sentence.
    pub words: String,
}

/// The name of this computer in findings.
pub const THIS_COMPUTER: &str = "this computer";

/// How a sync ended, and how things stand now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncNews {
    /// When it ended, RFC 3339 in UTC.
    pub at: String,
    /// What it brought, as far as it came.
    pub report: Option<SyncReport>,
    /// What ended it, or kept entries from being sent.
    pub problem: Option<Problem>,
    /// How many entries of this computer wait; `None` where that isn't known.
    pub waiting: Option<u64>,
    /// When all entries of this computer were last on that server.
    pub last_at: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_the_first_findings_and_counts_all() {
        let mut report = SyncReport::of("db.example:5432/linesman".into());
        assert!(report.is_clean());
        for number in 0..30 {
            let words = format!("Entry {number} is missing");
            report.found(SyncFinding {
                name: THIS_COMPUTER.into(),
                chain: Digest([1; 32]),
                fault: Fault::Missing,
                number: Some(number),
                words,
            });
        }
        assert_eq!((report.faults, report.findings.len()), (30, SyncReport::NAMED));
        assert!(!report.is_clean());
        assert_eq!(report.kinds(), [Fault::Missing], "what to do about them is told once");
    }
}
