//! Bundles: the whole chain out to a file, and the chains of other computers in from theirs.
//!
//! A chain that was taken in stays as its computer wrote it, beside this one's. That it was, and up to which head, is an
//! entry of this chain, so that a later cut of the other one is found here.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::append::{Append, end};
use super::chain::{self, COVERED, HASH_COLUMN, Tail};
use super::failure::Failure;
use super::{Database, RecordStore, keys, now, verify};
use crate::flow::port::RecordsError;
use crate::io::files::{self, FilesError};
use crate::io::save;
use crate::ledger::bundle::{Bundle, BundleError, BundledEntry, Line, SignedHead, name_of, segment_line};
use crate::ledger::{Genesis, KnownHead};
use crate::model::audit::{Digest, Head, Imported};
use crate::model::destination::Destination;
use crate::model::problem::{Explain, Problem};
use crate::model::record::{JobIntent, Phase, StepEntry};

/// Largest bundle read.
const MAX_BYTES: u64 = 1024 * 1024 * 1024;
/// Largest list of known keys read.
const MAX_KEYS_BYTES: u64 = 1024 * 1024;
/// The step under which it is on record what was taken in.
const STEP: &str = "import";
/// The action of the job that takes something in.
const IMPORT: &str = "import";

/// Why a bundle could not be written or taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The records could not be used.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// A file could not be used.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The bundle is refused.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The records here don't pass their audit.
    #[error("the records are damaged: {finding}")]
    Damaged {
        /// The first finding.
        finding: String,
    },
}

impl Explain for TransferError {
    fn explain(&self) -> Problem {
        match self {
            Self::Records(error) => error.explain(),
            Self::Files(error) => error.explain(),
            Self::Bundle(error) => error.explain(),
            Self::Damaged { finding } => Problem::new(
                "bundle.not_exported",
                "The records don't pass their check; no bundle was written",
                finding.clone(),
                "Verify the records to see where; export as JSON lines instead, which says nothing of signatures",
            ),
        }
    }
}

impl RecordStore {
    /// Seals what is open, and writes the whole chain to a file. Says up to which head.
    pub async fn export_bundle(&self, destination: Destination) -> Result<Head, TransferError> {
        let destination = destination.made_from(self.own_files());
        let bundle = self.run(Database::bundle).await?;
        let path = self.path.clone();
        blocking(move || {
            let audit = bundle.audit_received();
            if !audit.is_intact() {
                return Err(TransferError::Damaged { finding: audit.verdict() });
            }
            let text = bundle.write().map_err(|error| Failure::Json(error).at(&path))?;
            save::save(&destination, text.as_bytes())?;
            Ok(bundle.last())
        })
        .await
    }

    /// Takes in the chain of another computer whose key is in the list. What is here already is left as it is.
    pub async fn import_bundle(
        &self,
        path: PathBuf,
        known_keys: PathBuf,
        operator: String,
    ) -> Result<Imported, TransferError> {
        let (bundle, name) = blocking(move || read(&path, &known_keys)).await?;
        Ok(self.run(move |database| database.import(&bundle, name, operator, Noting::Always)).await??)
    }
}

/// Whether it is entered that something was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noting {
    /// Each time.
    Always,
    /// Unless all that is new says what was taken in there: two computers that sync by themselves would answer each other
    /// without end.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "only a sync goes on by itself"))]
    UnlessEcho,
}

/// What is sealed of this computer's chain.
pub(super) struct Sealed {
    pub(super) genesis: Genesis,
    /// The last entry that is sealed.
    pub(super) head: Head,
    /// The last segment; 0 where there is none.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "only the way to a server asks"))]
    pub(super) segments: i64,
    /// The head with a signature, where the key is there.
    pub(super) signed: Option<SignedHead>,
}

/// Does what would hold up others, elsewhere.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TransferError> + Send + 'static,
) -> Result<T, TransferError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// A bundle that is whole and signed with a known key, and that key's name.
fn read(path: &Path, known_keys: &Path) -> Result<(Bundle, String), TransferError> {
    let known = files::read_text(known_keys, MAX_KEYS_BYTES)?;
    let bundle = Bundle::read_bytes(&files::read_bytes(path, MAX_BYTES)?)?;
    let name = name_of(&known, &bundle.genesis.root_key)?;
    let audit = bundle.audit_received();
    if audit.is_intact() { Ok((bundle, name)) } else { Err(BundleError::Damaged { finding: audit.verdict() }.into()) }
}

impl Database {
    /// Seals what is open, and signs the head with the key that comes next.
    pub(super) fn sealed(&mut self) -> Result<Sealed, Failure> {
        self.seal()?;
        self.tail = None;
        let genesis = chain::genesis(&self.connection)?.ok_or(Failure::NoChain)?;
        let last = chain::last_segment(&self.connection)?;
        let head = match &last {
            Some(segment) => Head { entry: segment.last, hash: segment.head },
            None => Head { entry: 0, hash: self.chain },
        };
        let keys = match keys::load(&self.key_file)?.filter(|keys| keys.chain == self.chain) {
            Some(keys) => Some(chain::settled(Some(keys), self.chain, genesis.root_key, last.as_ref())?),
            None => None,
        };
        let signed = keys.map(|keys| SignedHead::new(&self.chain, head, now(), &keys.current));
        Ok(Sealed { genesis, head, segments: last.map_or(0, |segment| segment.number), signed })
    }

    /// The chain up to its last seal.
    fn bundle(&mut self) -> Result<Bundle, Failure> {
        let sealed = self.sealed()?;
        let segments = chain::segments(&self.connection)?;
        let mut bundle = Bundle { genesis: sealed.genesis, entries: Vec::new(), segments, head: sealed.signed };
        let mut statement =
            self.connection.prepare(&format!("{COVERED} WHERE entries.sequence <= ?1 ORDER BY entries.sequence"))?;
        let mut rows = statement.query([sealed.head.entry])?;
        while let Some(row) = rows.next()? {
            let hash = Digest(row.get(HASH_COLUMN)?);
            let entry = BundledEntry::of(&chain::entry_row(row)?, hash);
            bundle.entries.push(entry.ok_or_else(|| Failure::Unsound("an entry holds no text".into()))?);
        }
        Ok(bundle)
    }

    /// The outer result is the database's, the inner one says why the bundle is refused.
    pub(super) fn import(
        &mut self,
        bundle: &Bundle,
        name: String,
        operator: String,
        noting: Noting,
    ) -> Result<Result<Imported, BundleError>, Failure> {
        let other = bundle.genesis.id();
        if other == self.chain {
            return Ok(Err(BundleError::Own));
        }
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let imported = self.import_within(bundle, other, name, operator, noting);
        let is_new = matches!(&imported, Ok(Ok(imported)) if imported.entries > 0);
        self.connection.execute_batch(if is_new { "COMMIT" } else { "ROLLBACK" })?;
        self.has_ended |= is_new;
        imported
    }

    fn import_within(
        &self,
        bundle: &Bundle,
        other: Digest,
        name: String,
        operator: String,
        noting: Noting,
    ) -> Result<Result<Imported, BundleError>, Failure> {
        let here = stored_head(&self.connection, other)?;
        if let Some(entry) = contradiction(&self.connection, other, bundle)? {
            return Ok(Err(BundleError::Contradicts { entry }));
        }
        let last = bundle.last();
        let from = here.map_or(0, |head| head.entry);
        let new: Vec<&BundledEntry> = bundle.entries.iter().filter(|entry| entry.sequence > from).collect();
        let imported = Imported {
            name,
            chain: other,
            root_key: bundle.genesis.root_key,
            entries: new.len() as u64,
            head: here.unwrap_or(last),
        };
        if new.is_empty() {
            return Ok(Ok(imported));
        }
        if here.is_none() {
            insert_chain(&self.connection, other, &imported.name, &bundle.genesis)?;
        }
        insert_lines(&self.connection, other, &new, bundle)?;
        let imported = Imported { head: last, ..imported };
        if noting == Noting::Always || !is_echo(&new) {
            self.note(&imported, operator)?;
        }
        Ok(Ok(imported))
    }

    /// Enters in this chain what was taken in of the other.
    fn note(&self, imported: &Imported, operator: String) -> Result<(), Failure> {
        let mut tail = Tail::load(&self.connection, self.chain)?;
        let intent = JobIntent {
            action: IMPORT.into(),
            gateway: imported.name.clone(),
            link: String::new(),
            profile: None,
            driver: None,
            operator,
            is_simulated: false,
        };
        let job = self.enter(&mut tail, &Append::Begin { intent, row: None })?;
        let detail = serde_json::to_value(imported)?;
        let entry = StepEntry { step: STEP.into(), phase: Phase::Outcome, outcome: "done".into(), detail };
        self.enter(&mut tail, &Append::Step { job, entry })?;
        let summary = format!("{} entries taken in, up to entry {}", imported.entries, imported.head.entry);
        Ok(end(&self.connection, self.chain, &mut tail, job, ["done", "", &summary])?)
    }
}

/// Whether entries say only what was taken in where they were written.
fn is_echo(entries: &[&BundledEntry]) -> bool {
    const ACTION: usize = 2;
    let begins_import = |entry: &&&BundledEntry| {
        entry.begins.as_ref().and_then(|begins| begins.get(ACTION)?.as_str()).is_some_and(|action| action == IMPORT)
    };
    let jobs: HashSet<i64> = entries.iter().filter(begins_import).map(|entry| entry.job).collect();
    entries.iter().all(|entry| jobs.contains(&entry.job))
}

/// The last entry that is here of another chain.
pub(super) fn stored_head(connection: &Connection, chain: Digest) -> rusqlite::Result<Option<Head>> {
    let sql = "SELECT sequence, hash FROM imported_entries WHERE chain = ?1 ORDER BY sequence DESC LIMIT 1";
    connection.query_row(sql, [chain.0], |row| Ok(Head { entry: row.get(0)?, hash: Digest(row.get(1)?) })).optional()
}

/// The first entry of which the bundle says otherwise than what was taken in before.
fn contradiction(connection: &Connection, chain: Digest, bundle: &Bundle) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare("SELECT hash FROM imported_entries WHERE chain = ?1 AND sequence = ?2")?;
    for entry in &bundle.entries {
        let stored: Option<[u8; 32]> =
            statement.query_row(params![chain.0, entry.sequence], |row| row.get(0)).optional()?;
        match stored {
            Some(hash) if hash != entry.hash.0 => return Ok(Some(entry.sequence)),
            Some(_) => {}
            None => break,
        }
    }
    Ok(None)
}

fn insert_chain(connection: &Connection, chain: Digest, name: &str, genesis: &Genesis) -> rusqlite::Result<()> {
    let sql = "INSERT INTO imported_chains (chain, name, nonce, began_at, adopted_to, root_key) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let values = params![chain.0, name, genesis.nonce, genesis.began_at, genesis.adopted_to, genesis.root_key.0];
    connection.execute(sql, values).map(drop)
}

fn insert_lines(
    connection: &Connection,
    chain: Digest,
    entries: &[&BundledEntry],
    bundle: &Bundle,
) -> Result<(), Failure> {
    let mut statement =
        connection.prepare("INSERT INTO imported_entries (chain, sequence, hash, line) VALUES (?1, ?2, ?3, ?4)")?;
    for entry in entries {
        let line = serde_json::to_string(&entry.line())?;
        statement.execute(params![chain.0, entry.sequence, entry.hash.0, line])?;
    }
    let sql = "INSERT OR IGNORE INTO imported_segments (chain, number, line) VALUES (?1, ?2, ?3)";
    let mut statement = connection.prepare(sql)?;
    for (segment, signature) in &bundle.segments {
        let line = serde_json::to_string(&segment_line(segment, signature))?;
        statement.execute(params![chain.0, segment.number, line])?;
    }
    Ok(())
}

/// The chains of other computers, each with its name, as they lie here; `None` for one that cannot be read.
pub(super) fn imported(connection: &Connection) -> Result<Vec<(String, Digest, Option<Bundle>)>, Failure> {
    let mut statement = connection
        .prepare("SELECT chain, name, nonce, began_at, adopted_to, root_key FROM imported_chains ORDER BY rowid")?;
    let chains = statement.query_map((), |row| {
        let genesis = Genesis {
            nonce: row.get(2)?,
            began_at: row.get(3)?,
            adopted_to: row.get(4)?,
            root_key: Digest(row.get(5)?),
        };
        Ok((Digest(row.get(0)?), row.get::<_, String>(1)?, genesis))
    })?;
    let chains = chains.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut bundles = Vec::new();
    for (chain, name, genesis) in chains {
        let bundle = if genesis.id() == chain { stored(connection, chain, genesis)? } else { None };
        bundles.push((name, chain, bundle));
    }
    Ok(bundles)
}

pub(super) fn stored(connection: &Connection, chain: Digest, genesis: Genesis) -> Result<Option<Bundle>, Failure> {
    let mut bundle = Bundle { genesis, entries: Vec::new(), segments: Vec::new(), head: None };
    for sql in [
        "SELECT line FROM imported_entries WHERE chain = ?1 ORDER BY sequence",
        "SELECT line FROM imported_segments WHERE chain = ?1 ORDER BY number",
    ] {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([chain.0])?;
        while let Some(row) = rows.next()? {
            let line: Result<Line, _> = serde_json::from_str(&row.get::<_, String>(0)?);
            if line.ok().and_then(|line| bundle.take(&line)).is_none() {
                return Ok(None);
            }
        }
    }
    Ok(Some(bundle))
}

/// The heads that this chain has on record of others.
pub(super) fn noted_heads(connection: &Connection) -> Result<Vec<(Digest, KnownHead)>, Failure> {
    let sql = "SELECT detail FROM entries JOIN jobs ON jobs.id = entries.job WHERE action = 'import' AND step = ?1";
    let mut statement = connection.prepare(sql)?;
    let details = statement.query_map([STEP], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(details.iter().filter_map(|detail| noted_head(detail)).collect())
}

fn noted_head(detail: &str) -> Option<(Digest, KnownHead)> {
    let detail: serde_json::Value = serde_json::from_str(detail).ok()?;
    let digest = |value: &serde_json::Value| value.as_str()?.parse().ok();
    let head = Head { entry: detail["head"]["entry"].as_i64()?, hash: digest(&detail["head"]["hash"])? };
    Some((digest(&detail["chain"])?, KnownHead { head, witness: verify::THIS_LOG }))
}
