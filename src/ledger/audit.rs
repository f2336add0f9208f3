//! The audit: reads a chain once, from its beginning, and says which entry is the first that isn't what was written.
//!
//! Beside hashes and signatures it holds times against each other: whoever has stolen the current secret can sign, but an
//! entry signed with it is younger than the key. One that claims to be older is refused (CVE-2023-31439 is a verifier that
//! did not ask).

use std::collections::{HashMap, HashSet};

use super::Value;
use super::chain::{EntryRow, Genesis, INTENT, SET_BACK};
use super::seal::{Segment, Signature, is_signed};
use crate::model::audit::{Audit, BeforeTheChain, Digest, Fault, Finding, Head, OpenIntent};

/// A head known from elsewhere than the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownHead {
    /// The entry, and its hash.
    pub head: Head,
    /// Who knows it: "the key file".
    pub witness: &'static str,
}

/// Goes through a chain entry by entry.
pub struct Auditor {
    genesis: Genesis,
    chain: Digest,
    segments: Vec<(Segment, Signature)>,
    known: Vec<KnownHead>,
    given: Option<Digest>,
    /// The segment that comes to its end next.
    segment: usize,
    /// The hash that the next entry follows.
    previous: Digest,
    next: i64,
    /// The latest time so far, and when the current segment's key came into being.
    latest: String,
    key_since: String,
    begun: HashSet<i64>,
    /// By job: the steps that are open, and the entries that began them.
    open: HashMap<i64, Vec<(Vec<u8>, i64)>>,
    audit: Audit,
    memory: Vec<u8>,
}

impl Auditor {
    /// Begins with the chain's beginning and its segments in order. `given` is a head that a person holds against it.
    pub fn new(
        genesis: Genesis,
        segments: Vec<(Segment, Signature)>,
        known: Vec<KnownHead>,
        given: Option<Digest>,
    ) -> Self {
        let chain = genesis.id();
        let before = (genesis.adopted_to > 0)
            .then(|| BeforeTheChain { to: genesis.adopted_to, since: genesis.began_at.clone() });
        let audit = Audit {
            chain: Some(chain),
            root_key: Some(genesis.root_key),
            segments: segments.len() as u64,
            before_the_chain: before,
            head: Some(Head { entry: 0, hash: chain }),
            confirmed_to: (given == Some(chain)).then_some(0),
            ..Audit::default()
        };
        Self {
            chain,
            segments,
            known,
            given,
            segment: 0,
            previous: chain,
            next: 1,
            latest: String::new(),
            key_since: genesis.began_at.clone(),
            begun: HashSet::new(),
            open: HashMap::new(),
            audit,
            memory: Vec::new(),
            genesis,
        }
    }

    /// Takes the next entry in, with the hashes that are stored beside it.
    pub fn entry(&mut self, row: &EntryRow<'_>, stored_previous: Value<'_>, stored: Value<'_>) {
        self.audit.entries += 1;
        let is_gap = self.gap(row.sequence, stored_previous);
        self.next = row.sequence + 1;
        let linked = digest(stored_previous).zip(digest(stored));
        match linked {
            Some((previous, hash)) => self.linked(row, previous, hash, is_gap),
            None => self.find(Finding::at(Fault::NotChained, row.sequence, "")),
        }
        self.time(row);
        self.act(row);
        while linked.is_some() && self.segments.get(self.segment).is_some_and(|(next, _)| next.last <= row.sequence) {
            self.close_segment(self.audit.head);
        }
    }

    /// Says that an entry could not be read, and goes on behind it.
    pub fn unreadable(&mut self, sequence: i64, why: &str) {
        self.audit.entries += 1;
        self.next = sequence + 1;
        self.find(Finding::at(Fault::Unreadable, sequence, why));
    }

    /// The end: `counter` is the highest number that the file says it ever gave an entry, `jobs` are all its jobs.
    pub fn finish(mut self, counter: Option<i64>, jobs: impl IntoIterator<Item = i64>) -> Audit {
        let last = self.next - 1;
        let segments_end = self.segments.last().map(|(segment, _)| segment.last);
        self.cut_at(last, segments_end, "a segment that is signed");
        while self.segment < self.segments.len() {
            self.close_segment(None);
        }
        for known in std::mem::take(&mut self.known) {
            self.cut_at(last, Some(known.head.entry), known.witness);
        }
        self.cut_at(last, counter, "the file's own counter");
        if self.given.is_some() && self.audit.confirmed_to.is_none() {
            let detail =
                "The given head isn't in this file: it was cut off or changed since, or belongs to another file";
            self.find(Finding::at(Fault::HeadUnknown, last + 1, detail));
        }
        for job in jobs {
            if !self.begun.contains(&job) {
                self.find(Finding::at(Fault::StrayJob, last + 1, format!("job {job}")));
            }
        }
        self.settle(last)
    }

    fn settle(mut self, last: i64) -> Audit {
        let mut open: Vec<OpenIntent> = Vec::new();
        for (job, intents) in self.open {
            let named = |(step, entry): (Vec<u8>, i64)| OpenIntent {
                entry,
                job,
                step: String::from_utf8_lossy(&step).into_owned(),
            };
            open.extend(intents.into_iter().map(named));
        }
        open.sort_by_key(|intent| intent.entry);
        self.audit.open = open.len() as u64;
        open.truncate(Audit::NAMED);
        self.audit.open_intents = open;
        self.audit.jobs = self.begun.len() as u64;
        self.audit.complete_to = self.audit.findings.first().map_or(last, |first| (first.entry - 1).min(last));
        self.audit
    }

    /// Whether entries are missing before this one. Before there was a chain the numbers could leave some out.
    fn gap(&mut self, sequence: i64, stored_previous: Value<'_>) -> bool {
        let follows = digest(stored_previous) == Some(self.previous);
        let is_gap = sequence > self.next && !(follows && sequence <= self.genesis.adopted_to);
        if is_gap {
            self.find(Finding::among(Fault::Missing, self.next, sequence - 1, ""));
        }
        is_gap
    }

    fn linked(&mut self, row: &EntryRow<'_>, previous: Digest, stored: Digest, is_gap: bool) {
        let hash = row.hash(&self.chain, &previous, &mut self.memory);
        if hash != stored {
            self.find(Finding::at(Fault::Changed, row.sequence, "its hash differs from its content's"));
        } else if previous != self.previous && !is_gap {
            self.find(Finding::at(Fault::OutOfPlace, row.sequence, "it names another entry before it"));
        }
        self.previous = stored;
        let head = Head { entry: row.sequence, hash: stored };
        self.audit.head = Some(head);
        if self.given == Some(stored) {
            self.audit.confirmed_to = Some(row.sequence);
        }
        let differing = |known: &&KnownHead| known.head.entry == head.entry && known.head.hash != head.hash;
        if let Some(known) = self.known.iter().find(differing) {
            let detail = format!("{} knows another hash of it", known.witness);
            self.find(Finding::at(Fault::Changed, row.sequence, detail));
        }
    }

    /// Holds the segment that ends here against its signature and the one before it.
    fn close_segment(&mut self, head: Option<Head>) {
        let Some((segment, signature)) = self.segments.get(self.segment).cloned() else { return };
        let (number, first) = self.before().map_or((1, 1), |before| (before.number + 1, before.last + 1));
        if segment.number != number || segment.first != first {
            let detail = format!("the segment before segment {} is missing", segment.number);
            self.find(Finding::among(Fault::BadSeal, first, segment.first - 1, detail));
        } else if let Some((fault, detail)) = self.seal_fault(&segment, &signature, head) {
            let detail = format!("segment {number}: {detail}");
            self.find(Finding::among(fault, first, segment.last, detail));
        } else {
            self.audit.sealed_to = segment.last;
        }
        if segment.sealed_at > self.latest {
            self.latest.clone_from(&segment.sealed_at);
        }
        self.key_since = segment.sealed_at;
        self.segment += 1;
    }

    /// The segment before the one that comes to its end next.
    fn before(&self) -> Option<&Segment> {
        self.segments.get(self.segment.checked_sub(1)?).map(|(before, _)| before)
    }

    fn seal_fault(&self, segment: &Segment, signature: &[u8], head: Option<Head>) -> Option<(Fault, &'static str)> {
        let announced = self.before().map_or(self.genesis.root_key, |before| before.next_key);
        let others = || self.segments.iter().skip(self.segment).map(|(other, _)| other);
        if !segment.is_signed(&self.chain, signature) {
            let bytes = segment.bytes(&self.chain);
            let is_later = others().any(|other| is_signed(&other.next_key, &bytes, signature));
            return Some(if is_later {
                (Fault::LaterKey, "a later key signed it")
            } else {
                (Fault::BadSeal, "the signature is wrong")
            });
        }
        if segment.key != announced {
            let is_later = others().any(|other| other.next_key == segment.key);
            return Some(if is_later {
                (Fault::LaterKey, "its key was made later")
            } else {
                (Fault::ForeignKey, "nobody announced its key")
            });
        }
        // A bad entry explains why the whole doesn't fit.
        if self.audit.findings.iter().any(|found| (segment.first..=segment.last).contains(&found.entry)) {
            return None;
        }
        if head.is_some_and(|head| head.entry != segment.last || head.hash != segment.head) {
            return Some((Fault::BadSeal, "its last entry isn't the one that was signed"));
        }
        let is_early = segment.sealed_at < self.latest && segment.clock_quality != SET_BACK;
        is_early.then_some((Fault::Backdated, "it was sealed before its last entry was written"))
    }

    /// Holds the time of an entry against those before it.
    fn time(&mut self, row: &EntryRow<'_>) {
        let [Value::Text(at), Value::Text(quality), ..] = row.columns else { return };
        let at = String::from_utf8_lossy(at);
        if quality == SET_BACK.as_bytes() {
            self.audit.set_back += 1;
        } else if *at < *self.latest && row.sequence > self.genesis.adopted_to {
            let (fault, than) = if *at < *self.key_since {
                (Fault::LaterKey, format!("the key is of {}", self.key_since))
            } else {
                (Fault::Backdated, format!("an entry before it is of {}", self.latest))
            };
            self.find(Finding::at(fault, row.sequence, format!("it is of {at}, {than}")));
        }
        if *at > *self.latest {
            self.latest.clear();
            self.latest.push_str(&at);
        }
    }

    /// Follows which jobs are begun, and which acts have no outcome yet.
    fn act(&mut self, row: &EntryRow<'_>) {
        let [_, _, Value::Text(step), Value::Text(phase), ..] = row.columns else { return };
        let is_in_place = if row.begins.is_some() { self.begun.insert(row.job) } else { self.begun.contains(&row.job) };
        if !is_in_place {
            self.find(Finding::at(Fault::NoJob, row.sequence, format!("job {}", row.job)));
        }
        if phase == INTENT.as_bytes() {
            self.open.entry(row.job).or_default().push((step.to_vec(), row.sequence));
        } else if let Some(intents) = self.open.get_mut(&row.job) {
            if let Some(at) = intents.iter().rposition(|(begun, _)| begun == step) {
                intents.remove(at);
            }
            if intents.is_empty() {
                self.open.remove(&row.job);
            }
        }
    }

    fn cut_at(&mut self, last: i64, known: Option<i64>, witness: &str) {
        if let Some(known) = known.filter(|known| *known > last) {
            self.find(Finding::among(Fault::Cut, last + 1, known, format!("{witness} reaches to entry {known}")));
        }
    }

    fn find(&mut self, finding: Finding) {
        self.audit.found(finding);
    }
}

fn digest(value: Value<'_>) -> Option<Digest> {
    let Value::Bytes(bytes) = value else { return None };
    bytes.try_into().ok().map(Digest)
}

#[cfg(test)]
mod tests;
