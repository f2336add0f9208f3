//! The chain in the database: where it begins and ends, how an entry is added to it, how a segment is sealed.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};

use super::keys::{self, Keys, Lost};
use super::{Database, Failure, fail_point, now};
use crate::ledger::chain::{INTENT, JOB_STEP, clock_quality};
use crate::ledger::{EntryRow, Genesis, JobRow, SealingKey, Segment, Signature, Value};
use crate::model::audit::{Digest, Head};

/// Entries after which a segment is sealed at the latest.
const SEGMENT_ENTRIES: i64 = 1000;
/// Age at which a segment is sealed with the next entry.
const SEGMENT_MINUTES: i64 = 10;

/// The columns that an entry's hash covers, in its order; what begins a job brings the job's and its row's.
pub(super) const COVERED: &str = "
    SELECT entries.sequence, entries.job, entries.at, clock_quality, step, phase, outcome, reason, summary, detail, is_end,
           instance, jobs.started_at, action, gateway, link, profile, driver, operator, is_simulated,
           batch_rows.batch, batch_rows.name, batch_rows.content, batches.started_at, batches.source,
           jobs.id, prev_hash, hash
    FROM entries
    LEFT JOIN jobs ON jobs.id = entries.job AND step = 'job' AND phase = 'intent'
    LEFT JOIN batch_rows ON batch_rows.job = jobs.id
    LEFT JOIN batches ON batches.id = batch_rows.batch";
const JOB_COLUMN: usize = 25;
/// Where the stored hashes stand.
pub(super) const PREVIOUS_COLUMN: usize = 26;
pub(super) const HASH_COLUMN: usize = 27;

/// A row of [`COVERED`] as the ledger takes it.
pub(super) fn entry_row<'a>(row: &'a Row<'_>) -> rusqlite::Result<EntryRow<'a>> {
    let mut columns = [Value::Null; 9];
    for (at, column) in columns.iter_mut().enumerate() {
        *column = value(row.get_ref(at + 2)?);
    }
    let begins = match row.get_ref(JOB_COLUMN)? {
        ValueRef::Null => None,
        _ => Some(job_row(row)?),
    };
    Ok(EntryRow { sequence: row.get(0)?, job: row.get(1)?, columns, begins })
}

fn job_row<'a>(row: &'a Row<'_>) -> rusqlite::Result<JobRow<'a>> {
    let mut begins = [Value::Null; 14];
    for (at, column) in begins.iter_mut().enumerate() {
        *column = value(row.get_ref(at + 11)?);
    }
    Ok(begins)
}

/// A value as it is stored. A number with a fraction has no place in the log; its text never equals one that was written.
pub(super) fn value(stored: ValueRef<'_>) -> Value<'_> {
    match stored {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Real(_) => Value::Bytes(b"a number with a fraction"),
        ValueRef::Text(text) => Value::Text(text),
        ValueRef::Blob(bytes) => Value::Bytes(bytes),
    }
}

/// The end of the chain, as the open transaction sees it.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    pub(super) head: Head,
    /// The latest time on record.
    latest: String,
    /// The last entry that is sealed.
    pub(super) sealed_to: i64,
    /// When the first entry that isn't sealed was written.
    open_since: Option<String>,
}

impl Tail {
    pub(super) fn load(connection: &Connection, chain: Digest) -> Result<Self, Failure> {
        let mut statement =
            connection.prepare_cached("SELECT sequence, hash FROM entries ORDER BY sequence DESC LIMIT 1")?;
        let last = statement.query_row((), |row| Ok((row.get(0)?, row.get::<_, Option<[u8; 32]>>(1)?))).optional()?;
        let head = match last {
            // An entry that somebody inserted has no hash. The chain goes on behind it, and the audit names it.
            Some((entry, hash)) => Head { entry, hash: hash.map_or(chain, Digest) },
            None => Head { entry: 0, hash: chain },
        };
        let sealed = last_segment(connection)?;
        let sealed_to = sealed.as_ref().map_or(0, |segment| segment.last);
        let mut statement = connection.prepare_cached("SELECT min(at), max(at) FROM entries WHERE sequence > ?1")?;
        let (open_since, latest): (Option<String>, Option<String>) =
            statement.query_row([sealed_to], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let sealed_at = sealed.map_or_else(String::new, |segment| segment.sealed_at.max(segment.latest_at));
        Ok(Self { head, latest: latest.unwrap_or_default().max(sealed_at), sealed_to, open_since })
    }

    /// Whether what isn't sealed is so much, or so old, that it is to be sealed now.
    pub(super) fn is_due(&self) -> bool {
        let is_old = self
            .open_since
            .as_deref()
            .and_then(|since| since.parse::<jiff::Timestamp>().ok())
            .is_some_and(|since| jiff::Timestamp::now().duration_since(since).as_mins().abs() >= SEGMENT_MINUTES);
        is_old || self.head.entry - self.sealed_to >= SEGMENT_ENTRIES
    }

    /// Whether there is anything to seal.
    pub(super) const fn is_open(&self) -> bool {
        self.head.entry > self.sealed_to
    }
}

/// An entry that is about to be written.
pub(super) struct NewEntry<'a> {
    pub(super) job: i64,
    pub(super) step: &'a str,
    pub(super) phase: &'a str,
    pub(super) outcome: &'a str,
    pub(super) reason: &'a str,
    pub(super) summary: &'a str,
    pub(super) detail: &'a str,
    pub(super) is_end: bool,
    /// When, if that is known already: a job begins when its first entry is written.
    pub(super) at: Option<&'a str>,
    pub(super) begins: Option<JobRow<'a>>,
}

/// Adds an entry to the chain, inside the transaction that `tail` was loaded in.
pub(super) fn append(
    connection: &Connection,
    chain: Digest,
    tail: &mut Tail,
    entry: &NewEntry<'_>,
) -> rusqlite::Result<()> {
    let at = entry.at.map_or_else(now, str::to_owned);
    let quality = clock_quality(&at, &tail.latest);
    let sequence = tail.head.entry + 1;
    let row = EntryRow {
        sequence,
        job: entry.job,
        columns: [
            at.as_str().into(),
            quality.into(),
            entry.step.into(),
            entry.phase.into(),
            entry.outcome.into(),
            entry.reason.into(),
            entry.summary.into(),
            entry.detail.into(),
            i64::from(entry.is_end).into(),
        ],
        begins: entry.begins,
    };
    let hash = row.hash(&chain, &tail.head.hash, &mut Vec::with_capacity(1024));
    let mut statement = connection.prepare_cached(
        "INSERT INTO entries (sequence, job, at, clock_quality, step, phase, outcome, reason, summary, detail, is_end,
                              prev_hash, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    statement.execute(params![
        sequence,
        entry.job,
        at,
        quality,
        entry.step,
        entry.phase,
        entry.outcome,
        entry.reason,
        entry.summary,
        entry.detail,
        entry.is_end,
        tail.head.hash.0,
        hash.0,
    ])?;
    tail.head = Head { entry: sequence, hash };
    tail.open_since.get_or_insert_with(|| at.clone());
    if at > tail.latest {
        tail.latest = at;
    }
    Ok(())
}

/// Whether an entry of that step and phase begins its job.
pub(super) fn begins_job(step: &str, phase: &str) -> bool {
    step == JOB_STEP && phase == INTENT
}

/// Begins the chain in a database that has none yet: a new key, and a hash for each entry that is there.
pub(super) fn begin(connection: &Connection, key_file: &Path) -> Result<(), Failure> {
    let lost = keys::load(key_file)?.map_or_else(Vec::new, Keys::into_lost);
    let current = keys::generate()?;
    let adopted_to: Option<i64> = connection.query_row("SELECT max(sequence) FROM entries", (), |row| row.get(0))?;
    let genesis = Genesis {
        nonce: keys::nonce()?,
        began_at: now(),
        adopted_to: adopted_to.unwrap_or(0),
        root_key: current.public(),
    };
    keys::store(key_file, &Keys::begin(genesis.id(), 1, current, lost))?;
    fail_point("chain key stored");
    connection.execute(
        "INSERT INTO chain (id, nonce, began_at, adopted_to, root_key) VALUES (1, ?1, ?2, ?3, ?4)",
        params![genesis.nonce, genesis.began_at, genesis.adopted_to, genesis.root_key.0],
    )?;
    adopt(connection, genesis.id())?;
    fail_point("chain begun");
    Ok(())
}

/// Hashes what was written before there was a chain.
fn adopt(connection: &Connection, chain: Digest) -> Result<(), Failure> {
    let mut previous = chain;
    let mut memory = Vec::new();
    let mut update = connection.prepare("UPDATE entries SET prev_hash = ?2, hash = ?3 WHERE sequence = ?1")?;
    let mut numbers = connection.prepare("SELECT sequence FROM entries ORDER BY sequence")?;
    let mut one = connection.prepare(&format!("{COVERED} WHERE entries.sequence = ?1"))?;
    let numbers: Vec<i64> = numbers.query_map((), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for number in numbers {
        let hash = one.query_row([number], |row| Ok(entry_row(row)?.hash(&chain, &previous, &mut memory)))?;
        update.execute(params![number, previous.0, hash.0])?;
        previous = hash;
    }
    Ok(())
}

/// Where the chain began; `None` where somebody took that out of the file.
pub(super) fn genesis(connection: &Connection) -> rusqlite::Result<Option<Genesis>> {
    let sql = "SELECT nonce, began_at, adopted_to, root_key FROM chain";
    let read = |row: &Row<'_>| {
        Ok(Genesis {
            nonce: row.get(0)?,
            began_at: row.get(1)?,
            adopted_to: row.get(2)?,
            root_key: Digest(row.get(3)?),
        })
    };
    connection.query_row(sql, (), read).optional()
}

const SEGMENTS: &str =
    "SELECT number, first, last, head, sealed_at, clock_quality, latest_at, key, next_key, signature FROM segments";

fn segment_of(row: &Row<'_>) -> rusqlite::Result<(Segment, Signature)> {
    let segment = Segment {
        number: row.get(0)?,
        first: row.get(1)?,
        last: row.get(2)?,
        head: Digest(row.get(3)?),
        sealed_at: row.get(4)?,
        clock_quality: row.get(5)?,
        latest_at: row.get(6)?,
        key: Digest(row.get(7)?),
        next_key: Digest(row.get(8)?),
    };
    Ok((segment, row.get(9)?))
}

/// All segments in order.
pub(super) fn segments(connection: &Connection) -> rusqlite::Result<Vec<(Segment, Signature)>> {
    let mut statement = connection.prepare(&format!("{SEGMENTS} ORDER BY number"))?;
    statement.query_map((), segment_of)?.collect()
}

pub(super) fn last_segment(connection: &Connection) -> rusqlite::Result<Option<Segment>> {
    let mut statement = connection.prepare_cached(&format!("{SEGMENTS} ORDER BY number DESC LIMIT 1"))?;
    Ok(statement.query_row((), segment_of).optional()?.map(|(segment, _)| segment))
}

impl Database {
    /// Seals what isn't sealed yet. The next key is on the disk before the signature that names it, and the old secret goes
    /// once the signature is: wherever the program ends in between, the next writer goes on from there.
    pub(super) fn seal(&mut self) -> Result<(), Failure> {
        let chain = self.chain;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let tail = Tail::load(&transaction, chain)?;
        if !tail.is_open() {
            return Ok(());
        }
        let last = last_segment(&transaction)?;
        let root = genesis(&transaction)?.ok_or(Failure::NoChain)?.root_key;
        let mut keys = settled(keys::load(&self.key_file)?, chain, root, last.as_ref())?;
        let next = match keys.next.take() {
            Some(next) => next,
            None => keys::generate()?,
        };
        let (segment, signature) = signed(chain, &tail, last.as_ref(), &keys.current, &next);
        keys.next = Some(next);
        keys::store(&self.key_file, &keys)?;
        fail_point("next key stored");
        insert_segment(&transaction, &segment, &signature)?;
        fail_point("segment inserted");
        transaction.commit()?;
        fail_point("segment committed");
        promote(&mut keys, &segment);
        keys::store(&self.key_file, &keys)?;
        fail_point("old key destroyed");
        Ok(())
    }
}

/// The keys as they belong to this chain, wherever an earlier writer ended.
pub(super) fn settled(
    found: Option<Keys>,
    chain: Digest,
    root: Digest,
    last: Option<&Segment>,
) -> Result<Keys, Failure> {
    let epoch = last.map_or(1, |segment| segment.number + 1);
    let announced = last.map_or(root, |segment| segment.next_key);
    match found {
        Some(mut keys) if keys.chain == chain => {
            let is_committed = keys.next.as_ref().is_some_and(|next| next.public() == announced);
            if let Some(segment) = last.filter(|_| is_committed) {
                promote(&mut keys, segment);
            } else if keys.sealed.entry > last.map_or(0, |segment| segment.last) {
                // The file went back behind what was sealed. That stays known.
                keys.lost.push(Lost { chain, head: keys.sealed });
            }
            keys.epoch = epoch;
            Ok(keys)
        }
        // The key of this log is gone, or another log was put in its place: the audit names the foreign key.
        found => Ok(Keys::begin(chain, epoch, keys::generate()?, found.map_or_else(Vec::new, Keys::into_lost))),
    }
}

/// Lets the next key take the place of the one that sealed the segment; that secret is destroyed.
fn promote(keys: &mut Keys, segment: &Segment) {
    if let Some(next) = keys.next.take() {
        keys.current = next;
    }
    keys.epoch = segment.number + 1;
    keys.sealed = Head { entry: segment.last, hash: segment.head };
}

fn signed(
    chain: Digest,
    tail: &Tail,
    last: Option<&Segment>,
    key: &SealingKey,
    next: &SealingKey,
) -> (Segment, Signature) {
    let sealed_at = now();
    let segment = Segment {
        number: last.map_or(1, |segment| segment.number + 1),
        first: last.map_or(1, |segment| segment.last + 1),
        last: tail.head.entry,
        head: tail.head.hash,
        clock_quality: clock_quality(&sealed_at, &tail.latest).to_owned(),
        sealed_at,
        latest_at: tail.latest.clone(),
        key: key.public(),
        next_key: next.public(),
    };
    let signature = key.sign(&segment.bytes(&chain));
    (segment, signature)
}

fn insert_segment(connection: &Connection, segment: &Segment, signature: &[u8]) -> rusqlite::Result<()> {
    let sql = "INSERT INTO segments VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let values = params![
        segment.number,
        segment.first,
        segment.last,
        segment.head.0,
        segment.sealed_at,
        segment.clock_quality,
        segment.latest_at,
        segment.key.0,
        segment.next_key.0,
        signature,
    ];
    connection.execute(sql, values).map(drop)
}
