//! Every way to falsify a chain is found, and the first bad entry is named.

use proptest::prelude::*;

use super::*;
use crate::ledger::canon::bytes;
use crate::ledger::chain::{JOB_STEP, UNCHECKED, clock_quality};
use crate::ledger::seal::SealingKey;
use crate::model::secret::Secret;

/// Entries in a segment.
const EACH: i64 = 3;

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    sequence: i64,
    job: i64,
    at: String,
    quality: String,
    step: String,
    phase: String,
    detail: String,
    instance: String,
    previous: Option<Digest>,
    hash: Option<Digest>,
}

impl Entry {
    fn row(&self) -> EntryRow<'_> {
        let text = |text: &'static str| Value::from(text);
        EntryRow {
            sequence: self.sequence,
            job: self.job,
            columns: [
                self.at.as_str().into(),
                self.quality.as_str().into(),
                self.step.as_str().into(),
                self.phase.as_str().into(),
                text(""),
                text(""),
                text(""),
                self.detail.as_str().into(),
                Value::Int(0),
            ],
            begins: (self.step == JOB_STEP && self.phase == INTENT).then(|| {
                let mut begins = [Value::Null; 14];
                begins[0] = self.instance.as_str().into();
                begins
            }),
        }
    }
}

/// A chain as a file holds it.
#[derive(Clone)]
struct Chain {
    genesis: Genesis,
    entries: Vec<Entry>,
    segments: Vec<(Segment, Signature)>,
}

fn key(number: i64) -> SealingKey {
    SealingKey::of_seed(Secret::new([u8::try_from(number).unwrap(); 32])).unwrap()
}

fn at(minute: i64) -> String {
    format!("2026-03-02T{:02}:{:02}:00.000Z", minute / 60, minute % 60)
}

impl Chain {
    /// Jobs of two entries each; sealed but for what is left over.
    fn of(length: i64) -> Self {
        let genesis = Genesis { nonce: vec![7; 16], began_at: at(0), adopted_to: 0, root_key: key(1).public() };
        let mut chain = Self { genesis, entries: Vec::new(), segments: Vec::new() };
        for sequence in 1..=length {
            let is_first = sequence % 2 == 1;
            chain.entries.push(Entry {
                sequence,
                job: (sequence + 1) / 2,
                at: at(sequence),
                quality: UNCHECKED.into(),
                step: JOB_STEP.into(),
                phase: if is_first { INTENT } else { "outcome" }.into(),
                detail: format!("detail {sequence}"),
                instance: "here".into(),
                previous: None,
                hash: None,
            });
        }
        chain.link(1);
        (1..=length / EACH).for_each(|number| chain.seal(number, &key(number), &key(number + 1)));
        chain
    }

    /// Hashes again from that entry on, as a forger does who knows the format.
    fn link(&mut self, from: i64) {
        let chain = self.genesis.id();
        let mut previous = chain;
        for entry in &mut self.entries {
            if entry.sequence >= from {
                entry.previous = Some(previous);
                entry.hash = Some(entry.row().hash(&chain, &previous, &mut Vec::new()));
            }
            previous = entry.hash.unwrap();
        }
    }

    /// Signs a segment, again if need be.
    fn seal(&mut self, number: i64, with: &SealingKey, next: &SealingKey) {
        let end = usize::try_from(number * EACH).unwrap();
        let last = &self.entries[end - 1];
        let latest_at = self.entries[..end].iter().map(|entry| entry.at.clone()).max().unwrap();
        let segment = Segment {
            number,
            first: (number - 1) * EACH + 1,
            last: last.sequence,
            head: last.hash.unwrap(),
            sealed_at: last.at.clone(),
            clock_quality: clock_quality(&last.at, &latest_at).into(),
            latest_at,
            key: with.public(),
            next_key: next.public(),
        };
        let signature = with.sign(&segment.bytes(&self.genesis.id()));
        self.segments.retain(|(segment, _)| segment.number != number);
        self.segments.push((segment, signature));
        self.segments.sort_by_key(|(segment, _)| segment.number);
    }

    fn audit(&self, known: Option<Head>, given: Option<Digest>) -> Audit {
        let known = known.map(|head| KnownHead { head, witness: "the key file" });
        let mut auditor = Auditor::new(self.genesis.clone(), self.segments.clone(), known.into_iter().collect(), given);
        let stored = |digest: &'_ Option<Digest>| digest.map_or_else(Vec::new, |digest| digest.0.to_vec());
        for entry in &self.entries {
            let (previous, hash) = (stored(&entry.previous), stored(&entry.hash));
            auditor.entry(&entry.row(), Value::Bytes(&previous), Value::Bytes(&hash));
        }
        let jobs: HashSet<i64> = self.entries.iter().map(|entry| entry.job).collect();
        auditor.finish(None, jobs)
    }

    fn head(&self) -> Digest {
        self.entries.last().map_or_else(|| self.genesis.id(), |entry| entry.hash.unwrap())
    }

    fn at(&mut self, sequence: i64) -> &mut Entry {
        self.entries.iter_mut().find(|entry| entry.sequence == sequence).unwrap()
    }
}

/// The fault found first, and its entries.
#[track_caller]
fn first(audit: &Audit) -> (Fault, i64, i64) {
    let first = audit.findings.first().expect("nothing was found");
    (first.fault, first.entry, first.to)
}

#[test]
fn what_was_written_is_intact_and_says_up_to_where() {
    let chain = Chain::of(8);
    let audit = chain.audit(None, None);
    assert_eq!(audit.findings, []);
    assert_eq!((audit.entries, audit.jobs, audit.segments, audit.sealed_to), (8, 4, 2, 6));
    assert_eq!(audit.verdict(), "Complete up to entry 8 as far as this file knows");
    assert_eq!(audit.head, Some(Head { entry: 8, hash: chain.head() }));
    assert_eq!(chain.audit(None, Some(chain.head())).verdict(), "Complete up to entry 8, as the given head confirms");
    let earlier = chain.entries[4].hash;
    assert!(
        chain.audit(None, earlier).verdict().starts_with("Complete up to entry 5, as the given head confirms, and")
    );
    assert_eq!(Chain::of(0).audit(None, None).findings, []);
}

#[test]
fn an_act_without_an_outcome_is_open() {
    let audit = Chain::of(7).audit(None, None);
    assert_eq!(audit.open_intents, [OpenIntent { entry: 7, job: 4, step: "job".into() }]);
    assert_eq!((audit.open, audit.is_intact()), (1, true));
}

#[test]
fn a_cut_is_found_with_a_head_or_by_who_knows_one() {
    let whole = Chain::of(8);
    let mut cut = whole.clone();
    cut.entries.truncate(7);
    assert_eq!(cut.audit(None, None).verdict(), "Complete up to entry 7 as far as this file knows");
    assert_eq!(first(&cut.audit(None, Some(whole.head()))), (Fault::HeadUnknown, 8, 8));
    let known = Head { entry: 8, hash: whole.head() };
    assert_eq!(first(&cut.audit(Some(known), None)), (Fault::Cut, 8, 8));
    // Below a seal no head is needed; at its border the segment has to go too, and then the key's file knows.
    cut.entries.truncate(4);
    assert_eq!(first(&cut.audit(None, None)), (Fault::Cut, 5, 6));
    cut.entries.truncate(3);
    cut.segments.truncate(1);
    assert!(cut.audit(None, None).is_intact());
    let known = Head { entry: 6, hash: whole.entries[5].hash.unwrap() };
    assert_eq!(first(&cut.audit(Some(known), None)), (Fault::Cut, 4, 6));
}

#[test]
fn a_history_written_anew_needs_keys_that_are_gone() {
    // All hashes are made again; what is sealed doesn't fit.
    let mut chain = Chain::of(9);
    chain.at(5).detail = "nothing was done".into();
    chain.link(5);
    assert_eq!(first(&chain.audit(None, None)), (Fault::BadSeal, 4, 6));
    // The thief has the secret of the epoch to come, and signs all again with it.
    let stolen = key(4);
    let mut resealed = chain.clone();
    for number in [2, 3] {
        resealed.seal(number, &stolen, &stolen);
    }
    assert_eq!(first(&resealed.audit(None, None)), (Fault::LaterKey, 4, 6));
    // Or a key that was never announced.
    let foreign = key(99);
    let mut resealed = chain.clone();
    for number in [2, 3] {
        resealed.seal(number, &foreign, &key(98));
    }
    assert_eq!(first(&resealed.audit(None, None)), (Fault::ForeignKey, 4, 6));
    // Or it signs as if with the old key.
    let mut resealed = chain;
    let (segment, signature) = &mut resealed.segments[1];
    segment.head = Digest([1; 32]);
    *signature = stolen.sign(&segment.bytes(&resealed.genesis.id()));
    assert_eq!(first(&resealed.audit(None, None)), (Fault::LaterKey, 4, 6));
    resealed.segments[1].1 = foreign.sign(b"something else");
    assert_eq!(first(&resealed.audit(None, None)), (Fault::BadSeal, 4, 6));
}

#[test]
fn an_entry_older_than_the_key_that_seals_it_is_refused() {
    let mut chain = Chain::of(9);
    // The thief of the current secret adds an entry of an earlier day, and seals it properly.
    chain.at(9).at = at(2);
    chain.link(9);
    chain.seal(3, &key(3), &key(4));
    assert_eq!(first(&chain.audit(None, None)), (Fault::LaterKey, 9, 9));
    // One younger than the key, and older than the entry before it.
    chain.at(9).at = at(7);
    chain.link(9);
    chain.seal(3, &key(3), &key(4));
    assert_eq!(first(&chain.audit(None, None)), (Fault::Backdated, 9, 9));
    // A clock that was set back says so, and is counted.
    chain.at(9).quality = SET_BACK.into();
    chain.link(9);
    chain.seal(3, &key(3), &key(4));
    let audit = chain.audit(None, None);
    assert_eq!((audit.is_intact(), audit.set_back), (true, 1), "{:?}", audit.findings);
}

#[test]
fn what_has_no_hash_or_no_job_was_not_written_by_linesman() {
    let mut chain = Chain::of(8);
    chain.at(7).hash = None;
    assert_eq!(first(&chain.audit(None, None)), (Fault::NotChained, 7, 7));
    let mut chain = Chain::of(8);
    chain.at(8).job = 77;
    chain.link(8);
    assert_eq!(first(&chain.audit(None, None)), (Fault::NoJob, 8, 8));
    let auditor = Auditor::new(Chain::of(0).genesis, Vec::new(), Vec::new(), None);
    assert_eq!(first(&auditor.finish(None, [5])), (Fault::StrayJob, 1, 1));
}

#[test]
fn what_was_written_before_the_chain_says_so_and_is_covered_from_then_on() {
    let mut chain = Chain::of(8);
    chain.segments.clear();
    chain.genesis.adopted_to = 5;
    // Times and numbers of that day were not held against each other.
    chain.at(2).at = at(0);
    chain.entries.iter_mut().filter(|entry| entry.sequence >= 4).for_each(|entry| entry.sequence += 2);
    chain.genesis.adopted_to = 7;
    chain.link(1);
    let audit = chain.audit(None, None);
    assert_eq!(audit.findings, []);
    assert_eq!(audit.before_the_chain, Some(BeforeTheChain { to: 7, since: at(0) }));
    chain.at(3).detail = "changed".into();
    assert_eq!(first(&chain.audit(None, None)), (Fault::Changed, 3, 3));
}

/// What a forger does who has `sqlite3` and not the format.
#[derive(Clone, Debug)]
enum Forgery {
    Edit(usize, &'static str),
    Delete(usize),
    Swap(usize, usize),
    Insert(usize),
    Cut(usize),
    Hash(usize),
}

fn forgery(length: usize) -> impl Strategy<Value = Forgery> {
    let fields = prop_oneof![Just("at"), Just("quality"), Just("step"), Just("phase"), Just("detail"), Just("job")];
    prop_oneof![
        (0..length, fields).prop_map(|(entry, field)| Forgery::Edit(entry, field)),
        (0..length).prop_map(Forgery::Delete),
        (0..length, 0..length)
            .prop_filter("two", |(one, two)| one != two)
            .prop_map(|(one, two)| Forgery::Swap(one, two)),
        (0..length).prop_map(Forgery::Insert),
        (0..length).prop_map(Forgery::Cut),
        (0..length).prop_map(Forgery::Hash),
    ]
}

/// Does it, and says which entry is the first bad one.
fn forge(chain: &mut Chain, forgery: &Forgery) -> i64 {
    let number = |entry: usize| i64::try_from(entry).unwrap() + 1;
    match *forgery {
        Forgery::Edit(entry, field) => {
            let edited = &mut chain.entries[entry];
            match field {
                "at" => edited.at.push('0'),
                "quality" => edited.quality.push('x'),
                "step" => edited.step.push('x'),
                "phase" => edited.phase.push('x'),
                "job" => edited.job += 1,
                _ => edited.detail.clear(),
            }
            number(entry)
        }
        Forgery::Delete(entry) => {
            chain.entries.remove(entry);
            number(entry)
        }
        Forgery::Swap(one, two) => {
            chain.entries.swap(one, two);
            let (first, second) = (chain.entries[one].sequence, chain.entries[two].sequence);
            chain.entries[one].sequence = second;
            chain.entries[two].sequence = first;
            number(one.min(two))
        }
        Forgery::Insert(entry) => {
            let copy = chain.entries[entry].clone();
            chain.entries.insert(entry, copy);
            chain.entries[entry + 1..].iter_mut().for_each(|entry| entry.sequence += 1);
            number(entry) + 1
        }
        Forgery::Cut(entry) => {
            chain.entries.truncate(entry);
            number(entry)
        }
        Forgery::Hash(entry) => {
            chain.entries[entry].hash = Some(Digest([0; 32]));
            number(entry)
        }
    }
}

proptest! {
    #[test]
    fn every_forgery_is_found_and_names_the_first_bad_entry(
        (length, forgery) in (2_usize..20).prop_flat_map(|length| (Just(length), forgery(length))),
    ) {
        let mut chain = Chain::of(i64::try_from(length).unwrap());
        let head = chain.head();
        let bad = forge(&mut chain, &forgery);
        let audit = chain.audit(None, Some(head));
        let first = audit.findings.first();
        prop_assert!(first.is_some_and(|first| first.entry == bad), "{forgery:?}: {bad}: {:?}", audit.findings);
        prop_assert!(audit.complete_to < bad);
    }

    /// A forger who knows the format and has no secret: every hash is made again behind the forgery.
    #[test]
    fn a_forgery_hashed_anew_is_found_by_the_seal_or_the_head(length in 3_i64..20, bad in 0_i64..20) {
        let bad = bad % length + 1;
        let mut chain = Chain::of(length);
        let head = chain.head();
        chain.at(bad).detail.clear();
        chain.link(bad);
        let audit = chain.audit(None, Some(head));
        let first = audit.findings.first();
        let is_sealed = bad <= length / EACH * EACH;
        let is_named = first.is_some_and(|first| {
            if is_sealed { first.entry <= bad && bad <= first.to } else { first.fault == Fault::HeadUnknown }
        });
        prop_assert!(is_named, "{bad}: {:?}", audit.findings);
    }
}

#[test]
fn no_bytes_of_an_entry_are_left_out() {
    let chain = Chain::of(1);
    let id = chain.genesis.id();
    let mut written = Vec::new();
    chain.entries[0].row().write(&id, &id, &mut written);
    assert!(written.starts_with(&bytes([
        Value::from("linesman.entry.1"),
        Value::from(&id),
        Value::Int(1),
        Value::from(&id)
    ])));
}
