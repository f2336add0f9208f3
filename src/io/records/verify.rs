//! Reads the records from beginning to end and audits them. Nothing is written, not even what opening would enter.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, TransactionBehavior};

use super::chain::{self, COVERED, HASH_COLUMN, PREVIOUS_COLUMN};
use super::failure::Failure;
use super::keys::{self, Keys};
use super::{BUSY, bundles, schema};
use crate::flow::port::RecordsError;
use crate::io::files::DataDir;
use crate::ledger::{Auditor, KnownHead};
use crate::model::audit::{Audit, BeforeTheChain, Digest, Fault, Finding, ImportedAudit};

const KEY_FILE: &str = "the key file";
/// Who knows the heads of imported chains.
pub(super) const THIS_LOG: &str = "this computer's own log";

/// Audits the records of that folder. `given` is a head that a person holds against them. Blocks.
pub fn audit(data_dir: &DataDir, given: Option<Digest>) -> Result<Audit, RecordsError> {
    let (path, key_file) = (data_dir.records(), data_dir.records_key());
    let explain = |failure: Failure| failure.at(&path);
    // Read first: a writer seals the file before it enters that into its key, so that the file is never the older one.
    // A key that can't be read is damage like any other: the records are audited as far as they tell of themselves.
    let (keys, damage) = match keys::load(&key_file) {
        Ok(keys) => (keys, None),
        Err(failure) => (None, Some(failure.to_string())),
    };
    let mut audit = match read(&path, keys.as_ref(), given) {
        Ok(audit) => audit,
        Err(failure) => without_log(failure, keys.as_ref(), given).map_err(explain)?,
    };
    if let Some(keys) = &keys {
        hold_against(&mut audit, keys);
    }
    if let Some(damage) = damage {
        audit.found(Finding::at(Fault::KeyUnreadable, 0, damage));
    }
    audit.key_file = Some(keys::describe(&key_file));
    Ok(audit)
}

/// Whether somebody writes, or did not end well: what is new then lies in a file beside the log.
fn has_writer(path: &Path) -> bool {
    path.with_extension("sqlite-wal").exists()
}

/// Opens a log that nobody writes as it lies: nothing is made beside it, also where nothing may be written.
fn as_it_lies(path: &Path) -> Result<Connection, Failure> {
    let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Ok(Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)?)
}

fn read(path: &Path, keys: Option<&Keys>, given: Option<Digest>) -> Result<Audit, Failure> {
    if !has_writer(path) {
        let audit = as_it_lies(path).and_then(|connection| read_by(connection, keys, given));
        // Whoever began to write meanwhile may have changed it under the reader: it is read again beside them.
        if !has_writer(path) {
            return audit;
        }
    }
    read_by(Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?, keys, given)
}

fn read_by(mut connection: Connection, keys: Option<&Keys>, given: Option<Digest>) -> Result<Audit, Failure> {
    connection.busy_timeout(BUSY)?;
    let snapshot = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let found: i64 = snapshot.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = i64::try_from(schema::STEPS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(Failure::TooNew { found, known });
    }
    if found < known {
        return before_the_chain(&snapshot);
    }
    let genesis = chain::genesis(&snapshot)?.ok_or(Failure::NoChain)?;
    let heads = keys.map_or_else(Vec::new, |keys| known_heads(keys, genesis.id()));
    let mut auditor = Auditor::new(genesis, chain::segments(&snapshot)?, heads, given);
    read_entries(&snapshot, &mut auditor)?;
    let counter = "SELECT seq FROM sqlite_sequence WHERE name = 'entries'";
    let counter: Option<i64> = snapshot.query_row(counter, (), |row| row.get(0)).optional()?;
    let jobs: Vec<i64> = snapshot
        .prepare("SELECT id FROM jobs ORDER BY id")?
        .query_map((), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut audit = auditor.finish(counter, jobs);
    audit.imported = imported(&snapshot)?;
    Ok(audit)
}

/// Audits what was taken in from other computers. A chain that is noted here and not there any more counts as missing.
fn imported(connection: &Connection) -> Result<Vec<ImportedAudit>, Failure> {
    let mut noted = bundles::noted_heads(connection)?;
    let mut audits = Vec::new();
    for (name, chain, bundle) in bundles::imported(connection)? {
        let of_chain = noted.extract_if(.., |(of, _)| *of == chain).map(|(_, known)| known).collect();
        audits.push(match bundle {
            Some(bundle) => {
                let audit = bundle.audit(of_chain);
                let (is_intact, verdict) = (audit.is_intact(), audit.verdict());
                ImportedAudit { name, chain, entries: audit.entries, is_intact, verdict }
            }
            None => {
                ImportedAudit { name, chain, entries: 0, is_intact: false, verdict: "It cannot be read".to_owned() }
            }
        });
    }
    noted.dedup_by_key(|(chain, _)| *chain);
    let gone = |(chain, known): (Digest, KnownHead)| ImportedAudit {
        name: "another computer".to_owned(),
        chain,
        entries: 0,
        is_intact: false,
        verdict: format!("Its {} entries are missing", known.head.entry),
    };
    audits.extend(noted.into_iter().map(gone));
    Ok(audits)
}

fn read_entries(connection: &Connection, auditor: &mut Auditor) -> Result<(), Failure> {
    let mut statement = connection.prepare(&format!("{COVERED} ORDER BY entries.sequence"))?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        match chain::entry_row(row) {
            Ok(entry) => {
                let stored = |column| row.get_ref(column).map(chain::value);
                auditor.entry(&entry, stored(PREVIOUS_COLUMN)?, stored(HASH_COLUMN)?);
            }
            Err(error) => auditor.unreadable(row.get(0)?, &error.to_string()),
        }
    }
    Ok(())
}

/// The heads that the key file knows of this chain.
fn known_heads(keys: &Keys, chain: Digest) -> Vec<KnownHead> {
    let sealed = (keys.chain == chain).then_some(keys.sealed);
    let lost = keys.lost.iter().filter(|lost| lost.chain == chain).map(|lost| lost.head);
    let heads = sealed.into_iter().chain(lost).filter(|head| head.entry > 0);
    heads.map(|head| KnownHead { head, witness: KEY_FILE }).collect()
}

/// What only the key file can tell: logs that were sealed here and are gone, and seals that were taken off.
fn hold_against(audit: &mut Audit, keys: &Keys) {
    let lost = keys.lost.iter().map(|lost| (lost.chain, lost.head.entry));
    for (chain, entry) in lost.chain([(keys.chain, keys.sealed.entry)]) {
        if Some(chain) != audit.chain && entry > 0 {
            let detail = format!("{KEY_FILE} sealed the log {chain} up to entry {entry}");
            audit.found(Finding::among(Fault::LogReplaced, 1, entry, detail));
        }
    }
    let is_unsealed = Some(keys.chain) == audit.chain && keys.sealed.entry > audit.sealed_to;
    if is_unsealed && audit.is_intact() {
        let detail = format!("{KEY_FILE} sealed it up to entry {}", keys.sealed.entry);
        audit.found(Finding::among(Fault::BadSeal, audit.sealed_to + 1, keys.sealed.entry, detail));
    }
    audit.complete_to =
        audit.findings.first().map_or(audit.complete_to, |first| (first.entry - 1).min(audit.complete_to));
}

/// A file that cannot be read as records: damage, where something is there or ought to be.
fn without_log(failure: Failure, keys: Option<&Keys>, given: Option<Digest>) -> Result<Audit, Failure> {
    let fault = match &failure {
        Failure::NoChain => Fault::NotChained,
        Failure::Sql(error) => match error.sqlite_error_code() {
            // The file is missing, or this account may not read it: damage only where a log is known to have been here.
            Some(ErrorCode::CannotOpen) if given.is_some() || keys.is_some_and(knows_a_log) => Fault::LogReplaced,
            Some(
                ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::SystemIoFailure
                | ErrorCode::OutOfMemory,
            ) => return Err(failure),
            _ => Fault::Unreadable,
        },
        _ => return Err(failure),
    };
    let mut audit = Audit::default();
    let last = keys.map_or(1, |keys| keys.sealed.entry.max(1));
    audit.found(Finding::among(fault, 1, last, failure.to_string()));
    Ok(audit)
}

fn knows_a_log(keys: &Keys) -> bool {
    keys.sealed.entry > 0 || !keys.lost.is_empty()
}

/// Records that no version with a chain has opened yet.
fn before_the_chain(connection: &Connection) -> Result<Audit, Failure> {
    let sql = "SELECT count(*), ifnull(max(sequence), 0) FROM entries";
    let (entries, to): (i64, i64) = connection.query_row(sql, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Audit {
        entries: u64::try_from(entries).unwrap_or(0),
        before_the_chain: Some(BeforeTheChain { to, since: String::new() }),
        ..Audit::default()
    })
}
