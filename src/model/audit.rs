//! What an audit of the records found: whether each entry still is what was written, and in its place.
//!
//! The audit itself is `crate::ledger`'s; here are its results and their words. Records are tamper-evident, not
//! tamper-proof: whoever owns the computer can change the file, and the audit shows it as far as the file, its key and a
//! printed head tell.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::text::{from_hex, hex};

/// A SHA-256 hash, in texts as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that should be a hash, and isn't one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash has 64 hexadecimal digits")]
pub struct NotADigest;

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let bytes = from_hex(text.trim()).ok_or(NotADigest)?;
        bytes.try_into().map(Self).map_err(|_| NotADigest)
    }
}

/// Where the chain stands: its last entry and that entry's hash. Printed in reports, it witnesses all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Head {
    /// The number of the entry.
    pub entry: i64,
    /// Its hash.
    pub hash: Digest,
}

/// What is wrong with an entry, or with what should hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Its content isn't what was written.
    Changed,
    /// It is whole by itself and doesn't follow the one before it.
    OutOfPlace,
    /// It is gone from between two others.
    Missing,
    /// The last entries are gone: a head, the key or the file's own counter knows more of them.
    Cut,
    /// A head that should be there isn't. What it stood for is not known: a cut, a change, or another file.
    HeadUnknown,
    /// It has no hash: it was not written by Linesman.
    NotChained,
    /// It bears an earlier time than what was written before it, and doesn't say that the clock was set back.
    Backdated,
    /// Its segment was sealed with a key that came into being later.
    LaterKey,
    /// Its segment was sealed with a key that nobody announced.
    ForeignKey,
    /// The signature of its segment doesn't fit its content.
    BadSeal,
    /// Its job isn't in the records, or was begun twice.
    NoJob,
    /// A job that no entry begins: it was not written by Linesman.
    StrayJob,
    /// It cannot be read.
    Unreadable,
    /// The whole log is missing, or another one lies in its place.
    LogReplaced,
    /// The file with the key that seals the log cannot be read: what it knew of the log is not known any more.
    KeyUnreadable,
}

impl Fault {
    /// What is wrong, in words that follow "entry 7" or "entries 3 to 7".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Changed => "changed after it was written",
            Self::OutOfPlace => "doesn't follow the entry before it",
            Self::Missing => "was deleted",
            Self::Cut => "was cut off the end",
            Self::HeadUnknown => "isn't confirmed by a head",
            Self::NotChained => "was inserted: it has no hash",
            Self::Backdated => "bears a time before the entries that precede it",
            Self::LaterKey => "was sealed with a later key",
            Self::ForeignKey => "was sealed with a foreign key",
            Self::BadSeal => "doesn't match its signature",
            Self::NoJob => "belongs to a job that is missing or was begun twice",
            Self::StrayJob => "has to begin a job that was inserted",
            Self::Unreadable => "cannot be read",
            Self::LogReplaced => "is missing: the log was removed or replaced",
            Self::KeyUnreadable => "can't be held against the key file",
        }
    }
}

/// One thing that was found, with the entries it concerns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub fault: Fault,
    /// The entry, or the first of several.
    pub entry: i64,
    /// The last of several, where it is one of them and nothing tells which.
    pub to: i64,
    /// What it was held against.
    pub detail: String,
}

impl Finding {
    /// About one entry.
    pub fn at(fault: Fault, entry: i64, detail: impl Into<String>) -> Self {
        Self { fault, entry, to: entry, detail: detail.into() }
    }

    /// About one of several entries, or all of them.
    pub fn among(fault: Fault, entry: i64, to: i64, detail: impl Into<String>) -> Self {
        Self { fault, entry, to: to.max(entry), detail: detail.into() }
    }

    /// The finding in a sentence.
    pub fn words(&self) -> String {
        if self.fault == Fault::HeadUnknown {
            // It concerns no entry that is known.
            return self.detail.clone();
        }
        if self.fault == Fault::KeyUnreadable {
            return "The key file records.key can't be read".to_owned();
        }
        let which = if self.entry == self.to {
            format!("Entry {}", self.entry)
        } else {
            format!("One of the entries {} to {}", self.entry, self.to)
        };
        let all = matches!(self.fault, Fault::Cut | Fault::Missing | Fault::LogReplaced) && self.entry != self.to;
        let which = if all { format!("Each of the entries {} to {}", self.entry, self.to) } else { which };
        format!("{which} {}", self.fault.words())
    }
}

/// What was written before there was a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BeforeTheChain {
    /// The last such entry; the first is 1.
    pub to: i64,
    /// Since when the chain vouches for them.
    pub since: String,
}

/// An act that was begun and has no outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenIntent {
    /// The entry that began it.
    pub entry: i64,
    /// Its job.
    pub job: i64,
    /// What was begun.
    pub step: String,
}

/// The key file of this computer, as the audit found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyFile {
    /// Its path.
    pub path: String,
    /// Whether it is there.
    pub is_there: bool,
    /// Whether others than its owner may read it.
    pub is_open_to_others: bool,
}

impl KeyFile {
    /// Who can read it, in words that follow its path.
    pub const fn words(&self) -> &'static str {
        match (self.is_there, self.is_open_to_others) {
            (false, _) => "which isn't there",
            (true, true) => "which other accounts can read",
            (true, false) => "which only its owner can read",
        }
    }
}

/// What was taken in of the records of another computer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Its name in the list of known keys.
    pub name: String,
    /// Its chain.
    pub chain: Digest,
    /// The key its chain began with.
    pub root_key: Digest,
    /// How many entries were new.
    pub entries: u64,
    /// Up to where its records are here.
    pub head: Head,
}

/// How the records of another computer stand that were imported here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportedAudit {
    /// Its name in the list of known keys.
    pub name: String,
    /// Its chain.
    pub chain: Digest,
    /// How many entries are here.
    pub entries: u64,
    /// Whether they are what was imported.
    pub is_intact: bool,
    /// The verdict in a sentence.
    pub verdict: String,
}

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// The id of the chain: the hash of its beginning.
    pub chain: Option<Digest>,
    /// The public key with which the chain began, by which others know this computer.
    pub root_key: Option<Digest>,
    /// How many entries there are.
    pub entries: u64,
    /// How many jobs they begin.
    pub jobs: u64,
    /// How many sealed segments there are.
    pub segments: u64,
    /// The last entry that a signature covers.
    pub sealed_to: i64,
    /// The last entry in an unbroken row from the first one.
    pub complete_to: i64,
    /// The entry that the given head belongs to: up to it nothing can have been cut.
    pub confirmed_to: Option<i64>,
    /// What was written before there was a chain, if anything was.
    pub before_the_chain: Option<BeforeTheChain>,
    /// How many entries were written while the clock was set back.
    pub set_back: u64,
    /// How many acts were begun and have no outcome.
    pub open: u64,
    /// The first of them.
    pub open_intents: Vec<OpenIntent>,
    /// The key file.
    pub key_file: Option<KeyFile>,
    /// The last entry and its hash.
    pub head: Option<Head>,
    /// The records of other computers that were imported here.
    pub imported: Vec<ImportedAudit>,
    /// How many findings there are.
    pub faults: u64,
    /// The first of them, by entry.
    pub findings: Vec<Finding>,
}

impl Audit {
    /// How many findings and open acts are named; all are counted.
    pub const NAMED: usize = 20;

    /// Notes a finding: the first ones by name, all by number.
    pub fn found(&mut self, finding: Finding) {
        self.faults += 1;
        self.findings.push(finding);
        self.findings.sort_by_key(|finding| finding.entry);
        self.findings.truncate(Self::NAMED);
    }

    /// Whether nothing is wrong as far as can be told.
    pub fn is_intact(&self) -> bool {
        self.faults == 0 && self.imported.iter().all(|imported| imported.is_intact)
    }

    /// The verdict in a sentence: the first bad entry, or up to where the records are complete and who says so.
    pub fn verdict(&self) -> String {
        let imported = self.imported.iter().find(|imported| !imported.is_intact);
        if let (None, Some(imported)) = (self.findings.first(), imported) {
            return format!("Imported from {}: {}", imported.name, imported.verdict);
        }
        match (self.findings.first(), self.confirmed_to) {
            (None, None) if self.chain.is_none() => {
                "The records have no chain yet: it begins when Linesman next starts".to_owned()
            }
            (Some(first), _) => first.words(),
            (None, Some(entry)) if entry == self.complete_to => {
                format!("Complete up to entry {entry}, as the given head confirms")
            }
            (None, Some(entry)) => format!(
                "Complete up to entry {entry}, as the given head confirms, and up to entry {} as far as this file knows",
                self.complete_to
            ),
            (None, None) => format!("Complete up to entry {} as far as this file knows", self.complete_to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_reads_back_from_its_digits() {
        let digest = Digest(std::array::from_fn(|at| u8::try_from(at * 7).unwrap()));
        assert_eq!(digest.to_string().parse(), Ok(digest));
        for wrong in ["", "00", &"g0".repeat(32), &"00".repeat(33), &"é".repeat(32)] {
            assert_eq!(wrong.parse::<Digest>(), Err(NotADigest), "{wrong}");
        }
    }

    #[test]
    fn a_finding_says_whether_it_is_one_entry_or_one_of_several() {
        let one = Finding::at(Fault::Changed, 7, "");
        assert_eq!(one.words(), "Entry 7 changed after it was written");
        let among = Finding::among(Fault::BadSeal, 3, 7, "");
        assert_eq!(among.words(), "One of the entries 3 to 7 doesn't match its signature");
        let cut = Finding::among(Fault::Cut, 8, 9, "");
        assert_eq!(cut.words(), "Each of the entries 8 to 9 was cut off the end");
    }
}
