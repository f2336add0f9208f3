//! Bundles: a chain on its way to another computer, as JSON lines.
//!
//! A bundle holds all that the audit needs: the beginning, each entry with what its hash covers, the segments, and the head
//! signed with the key of the epoch that begins behind it, so that a bundle that was cut at a segment is found too.
//! Whoever takes it in audits it first, and asks whether the key is a known one.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::audit::{Auditor, KnownHead};
use super::canon::{self, Value};
use super::chain::{EntryRow, Genesis};
use super::seal::{SealingKey, Segment, Signature, is_signed};
use crate::model::audit::{Audit, Digest, Fault, Finding, Head};
use crate::model::problem::{Explain, Problem};
use crate::model::text::{from_hex, hex, visible};

/// The version written.
const VERSION: u32 = 1;
/// Names a signed head, and its version.
const HEAD: &str = "linesman.head.1";

/// How the first line begins.
const BEGINS: &str = r#"{"kind":"linesman-bundle""#;

/// One line of a bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Line {
    /// The first one: what it is, and where the chain begins.
    LinesmanBundle { version: u32, nonce: String, began_at: String, adopted_to: i64, root_key: String },
    /// An entry: its columns as in the schema, and what it begins.
    Entry {
        sequence: i64,
        job: i64,
        columns: Vec<Json>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        begins: Option<Vec<Json>>,
        hash: String,
    },
    /// A segment.
    Segment {
        number: i64,
        first: i64,
        last: i64,
        head: String,
        sealed_at: String,
        clock_quality: String,
        latest_at: String,
        key: String,
        next_key: String,
        signature: String,
    },
    /// The last one: the head, signed.
    Head { entry: i64, hash: String, at: String, key: String, signature: String },
}

/// Why a bundle is not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The file is something else, or a line of it cannot be read.
    #[error("line {line} isn't part of a bundle")]
    NotABundle {
        /// The line, from 1.
        line: usize,
    },
    /// It begins as a bundle, or is empty, and a line of it cannot be read.
    #[error("line {line} of the bundle cannot be read")]
    Incomplete {
        /// The line, from 1.
        line: usize,
    },
    /// A newer version wrote it.
    #[error("the bundle has version {found}")]
    TooNew {
        /// Its version.
        found: u32,
    },
    /// The audit found something.
    #[error("the bundle is damaged: {finding}")]
    Damaged {
        /// The first finding, in a sentence.
        finding: String,
    },
    /// Its key is not in the list of known ones.
    #[error("the key {key} isn't known")]
    UnknownKey {
        /// The root key.
        key: String,
    },
    /// It contradicts what was taken in before.
    #[error("entry {entry} differs from the one imported before")]
    Contradicts {
        /// The first such entry.
        entry: i64,
    },
    /// It holds the records of this computer itself.
    #[error("the bundle is of this computer")]
    Own,
    /// A line of the list of known keys cannot be read.
    #[error("line {line} of the known keys isn't a key and a name")]
    BadKeyLine {
        /// The line, from 1.
        line: usize,
    },
}

impl Explain for BundleError {
    fn explain(&self) -> Problem {
        match self {
            Self::NotABundle { line } => Problem::new(
                "bundle.not_a_bundle",
                "The file isn't a bundle of records",
                format!("Line {line} isn't one of a bundle; another file was chosen"),
                "Choose a file that was exported as a bundle",
            ),
            Self::Incomplete { line } => Problem::new(
                "bundle.incomplete",
                "The bundle is incomplete; nothing was imported",
                format!("Line {line} can't be read: the file was cut off, or damaged on its way"),
                "Export the bundle again, and copy it whole",
            ),
            Self::TooNew { found } => Problem::new(
                "bundle.too_new",
                "The bundle was written by a newer version of Linesman",
                format!("It has version {found}; this program knows {VERSION}"),
                "Use the newer version on this computer, too",
            ),
            Self::Damaged { finding } => Problem::new(
                "bundle.damaged",
                "The bundle isn't what was exported; nothing was imported",
                visible(finding, 200),
                "Verify the records on the computer it comes from, and export it again",
            ),
            Self::UnknownKey { key } => Problem::new(
                "bundle.unknown_key",
                "The bundle is signed with an unknown key; nothing was imported",
                "The computer it comes from isn't in the list of known keys",
                "Compare the key with the one on that computer, then add it to the list",
            )
            .with_detail(key.clone()),
            Self::Contradicts { entry } => Problem::new(
                "bundle.contradicts",
                "The bundle contradicts an earlier one; nothing was imported",
                format!(
                    "Entry {entry} differs: the records of that computer were changed, or put back to an earlier state"
                ),
                "Keep both bundles, and verify the records on that computer",
            ),
            Self::Own => Problem::new(
                "bundle.own",
                "The bundle holds the records of this computer",
                "It was exported here",
                "Import it on another computer",
            ),
            Self::BadKeyLine { line } => Problem::new(
                "bundle.bad_key_line",
                "The list of known keys can't be read",
                format!("Line {line} isn't a key of 64 hexadecimal digits and a name"),
                "Write one computer a line: its key, a blank, a name",
            ),
        }
    }
}

/// A chain as a bundle brings it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    /// Where it begins.
    pub genesis: Genesis,
    /// Its entries in order.
    pub entries: Vec<BundledEntry>,
    /// Its segments in order.
    pub segments: Vec<(Segment, Signature)>,
    /// The last line: the signed head.
    pub head: Option<SignedHead>,
}

/// An entry as a bundle brings it.
#[derive(Clone, Debug, PartialEq)]
pub struct BundledEntry {
    /// Its number.
    pub sequence: i64,
    /// Its job.
    pub job: i64,
    /// Its columns.
    pub columns: Vec<Json>,
    /// What it begins.
    pub begins: Option<Vec<Json>>,
    /// Its hash.
    pub hash: Digest,
}

/// A head with a signature of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHead {
    /// The head.
    pub head: Head,
    /// When it was signed.
    pub at: String,
    /// The key of the epoch behind it.
    pub key: Digest,
    /// The signature.
    pub signature: Signature,
}

impl SignedHead {
    /// Signs a head.
    pub fn new(chain: &Digest, head: Head, at: String, key: &SealingKey) -> Self {
        let public = key.public();
        let signature = key.sign(&Self::bytes(chain, head, &at, &public));
        Self { head, at, key: public, signature }
    }

    /// Its line.
    pub(crate) fn line(&self) -> Line {
        Line::Head {
            entry: self.head.entry,
            hash: self.head.hash.to_string(),
            at: self.at.clone(),
            key: self.key.to_string(),
            signature: hex(&self.signature),
        }
    }

    fn bytes(chain: &Digest, head: Head, at: &str, key: &Digest) -> Vec<u8> {
        canon::bytes([HEAD.into(), chain.into(), head.entry.into(), (&head.hash).into(), at.into(), key.into()])
    }

    fn is_signed(&self, chain: &Digest) -> bool {
        is_signed(&self.key, &Self::bytes(chain, self.head, &self.at, &self.key), &self.signature)
    }
}

impl BundledEntry {
    /// The entry of a row, if it holds only what a log holds: text, whole numbers and nothing.
    pub fn of(row: &EntryRow<'_>, hash: Digest) -> Option<Self> {
        let all = |values: &[Value<'_>]| values.iter().map(|value| json(*value)).collect::<Option<Vec<_>>>();
        let begins = match &row.begins {
            Some(begins) => Some(all(begins)?),
            None => None,
        };
        Some(Self { sequence: row.sequence, job: row.job, columns: all(&row.columns)?, begins, hash })
    }

    fn row(&self) -> Option<EntryRow<'_>> {
        let begins = match &self.begins {
            Some(begins) => Some(values(begins)?),
            None => None,
        };
        Some(EntryRow { sequence: self.sequence, job: self.job, columns: values(&self.columns)?, begins })
    }

    /// Its line.
    pub(crate) fn line(&self) -> Line {
        Line::Entry {
            sequence: self.sequence,
            job: self.job,
            columns: self.columns.clone(),
            begins: self.begins.clone(),
            hash: self.hash.to_string(),
        }
    }
}

fn json(value: Value<'_>) -> Option<Json> {
    match value {
        Value::Null => Some(Json::Null),
        Value::Int(number) => Some(number.into()),
        Value::Text(text) => Some(std::str::from_utf8(text).ok()?.into()),
        Value::Bytes(_) => None,
    }
}

fn values<const N: usize>(stored: &[Json]) -> Option<[Value<'_>; N]> {
    let mut values = [Value::Null; N];
    if stored.len() != N {
        return None;
    }
    for (value, stored) in values.iter_mut().zip(stored) {
        *value = match stored {
            Json::Null => Value::Null,
            Json::Number(number) => Value::Int(number.as_i64()?),
            Json::String(text) => text.as_str().into(),
            _ => return None,
        };
    }
    Some(values)
}

impl Bundle {
    /// The bundle as text.
    pub fn write(&self) -> Result<String, serde_json::Error> {
        let genesis = genesis_line(&self.genesis);
        let head = self.head.iter().map(SignedHead::line);
        let entries = self.entries.iter().map(BundledEntry::line);
        let segments = self.segments.iter().map(|(segment, signature)| segment_line(segment, signature));
        let mut text = String::new();
        for line in std::iter::once(genesis).chain(entries).chain(segments).chain(head) {
            text += &serde_json::to_string(&line)?;
            text.push('\n');
        }
        Ok(text)
    }

    /// As [`Bundle::read`], of bytes: a bundle that is no UTF-8 any more was saved by another program, or is damaged.
    pub fn read_bytes(bytes: &[u8]) -> Result<Self, BundleError> {
        let error = match std::str::from_utf8(bytes) {
            Ok(text) => return Self::read(text),
            Err(error) => error,
        };
        let text = String::from_utf8_lossy(bytes);
        let is_utf_16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        if is_utf_16 || text.starts_with(BEGINS) {
            let line = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).matches('\n').count() + 1;
            return Err(BundleError::Incomplete { line });
        }
        Err(BundleError::NotABundle { line: 1 })
    }

    /// Reads a bundle. What it claims is not looked into yet: [`Bundle::audit`] does.
    pub fn read(text: &str) -> Result<Self, BundleError> {
        let mut lines = text.lines().enumerate();
        // What begins as one was one; what is empty may have been.
        let was_one = text.trim().is_empty() || text.starts_with(BEGINS) || BEGINS.starts_with(text.trim());
        let not_a_bundle = |at: usize| {
            let line = at + 1;
            if was_one { BundleError::Incomplete { line } } else { BundleError::NotABundle { line } }
        };
        let (_, first) = lines.next().ok_or_else(|| not_a_bundle(0))?;
        let mut bundle = Self::begun(first).map_err(|error| match error {
            BundleError::NotABundle { .. } => not_a_bundle(0),
            other => other,
        })?;
        for (at, line) in lines {
            let line: Line = serde_json::from_str(line).map_err(|_| not_a_bundle(at))?;
            bundle.take(&line).ok_or_else(|| not_a_bundle(at))?;
        }
        Ok(bundle)
    }

    /// The bundle that its first line begins; nothing is in it yet.
    pub(crate) fn begun(first: &str) -> Result<Self, BundleError> {
        begun(first).ok_or(BundleError::NotABundle { line: 1 })?
    }

    /// Takes a line in that is not the first; `None` where it doesn't belong there.
    pub(crate) fn take(&mut self, line: &Line) -> Option<()> {
        if self.head.is_some() {
            return None;
        }
        match line {
            Line::LinesmanBundle { .. } => return None,
            Line::Entry { sequence, job, columns, begins, hash } => {
                let (columns, begins, hash) = (columns.clone(), begins.clone(), hash.parse().ok()?);
                let entry = BundledEntry { sequence: *sequence, job: *job, columns, begins, hash };
                entry.row()?;
                self.entries.push(entry);
            }
            Line::Segment { .. } => self.segments.push(segment_of(line)?),
            Line::Head { entry, hash, at, key, signature } => {
                let head = Head { entry: *entry, hash: hash.parse().ok()? };
                let (key, signature) = (key.parse().ok()?, from_hex(signature)?);
                self.head = Some(SignedHead { head, at: at.clone(), key, signature });
            }
        }
        Some(())
    }

    /// The head of what it holds.
    pub fn last(&self) -> Head {
        let begin = Head { entry: 0, hash: self.genesis.id() };
        self.entries.last().map_or(begin, |entry| Head { entry: entry.sequence, hash: entry.hash })
    }

    /// Audits it. `known` are heads of this chain that are known from elsewhere.
    pub fn audit(&self, known: Vec<KnownHead>) -> Audit {
        let chain = self.genesis.id();
        let mut auditor = Auditor::new(self.genesis.clone(), self.segments.clone(), known, None);
        let mut previous = chain;
        for entry in &self.entries {
            match entry.row() {
                Some(row) => auditor.entry(&row, (&previous).into(), (&entry.hash).into()),
                None => auditor.unreadable(entry.sequence, "it has values that no log holds"),
            }
            previous = entry.hash;
        }
        auditor.finish(None, [])
    }

    /// Audits what was just received: it has to end with a head that the newest key signed.
    pub fn audit_received(&self) -> Audit {
        let mut audit = self.audit(Vec::new());
        let newest = self.segments.last().map_or(self.genesis.root_key, |(segment, _)| segment.next_key);
        let is_whole = self.head.as_ref().is_some_and(|signed| {
            signed.head == self.last() && signed.key == newest && signed.is_signed(&self.genesis.id())
        });
        if !is_whole && audit.is_intact() {
            let next = self.last().entry + 1;
            audit.found(Finding::at(
                Fault::HeadUnknown,
                next,
                "The bundle doesn't end with a signed head: its end may be missing",
            ));
        }
        audit
    }
}

fn begun(first: &str) -> Option<Result<Bundle, BundleError>> {
    let line: Line = serde_json::from_str(first).ok()?;
    let Line::LinesmanBundle { version, nonce, began_at, adopted_to, root_key } = line else { return None };
    if version > VERSION {
        return Some(Err(BundleError::TooNew { found: version }));
    }
    let genesis = Genesis { nonce: from_hex(&nonce)?, began_at, adopted_to, root_key: root_key.parse().ok()? };
    Some(Ok(Bundle { genesis, entries: Vec::new(), segments: Vec::new(), head: None }))
}

/// The first line of a chain.
pub(crate) fn genesis_line(genesis: &Genesis) -> Line {
    Line::LinesmanBundle {
        version: VERSION,
        nonce: hex(&genesis.nonce),
        began_at: genesis.began_at.clone(),
        adopted_to: genesis.adopted_to,
        root_key: genesis.root_key.to_string(),
    }
}

/// The line of a segment.
pub(crate) fn segment_line(segment: &Segment, signature: &[u8]) -> Line {
    Line::Segment {
        number: segment.number,
        first: segment.first,
        last: segment.last,
        head: segment.head.to_string(),
        sealed_at: segment.sealed_at.clone(),
        clock_quality: segment.clock_quality.clone(),
        latest_at: segment.latest_at.clone(),
        key: segment.key.to_string(),
        next_key: segment.next_key.to_string(),
        signature: hex(signature),
    }
}

fn segment_of(line: &Line) -> Option<(Segment, Signature)> {
    let Line::Segment { number, first, last, head, sealed_at, clock_quality, latest_at, key, next_key, signature } =
        line
    else {
        return None;
    };
    let segment = Segment {
        number: *number,
        first: *first,
        last: *last,
        head: head.parse().ok()?,
        sealed_at: sealed_at.clone(),
        clock_quality: clock_quality.clone(),
        latest_at: latest_at.clone(),
        key: key.parse().ok()?,
        next_key: next_key.parse().ok()?,
    };
    Some((segment, from_hex(signature)?))
}

/// The name of a key in a list of known ones: a key and a name a line, `#` begins a remark.
pub fn name_of(known: &str, key: &Digest) -> Result<String, BundleError> {
    let mut found = None;
    // Some editors begin a text with a mark of their own.
    let known = known.strip_prefix('\u{FEFF}').unwrap_or(known);
    for (at, line) in known.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let read = line.split_once(char::is_whitespace).map(|(digits, name)| (digits.parse::<Digest>(), name.trim()));
        let Some((Ok(listed), name)) = read else { return Err(BundleError::BadKeyLine { line: at + 1 }) };
        if listed == *key {
            found.get_or_insert_with(|| name.to_owned());
        }
    }
    found.ok_or_else(|| BundleError::UnknownKey { key: key.to_string() })
}
