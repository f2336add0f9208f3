//! The schema of the records as steps, each from one version to the next (`PRAGMA user_version`).
//!
//! Steps that were released are never changed, only followed by new ones. Jobs and entries are append-only: triggers
//! refuse changes, and the end of a job can be written once.

use rusqlite::{Connection, TransactionBehavior};

use super::Failure;

/// Marks the file as ours (`LMSN`).
const APPLICATION_ID: i64 = 0x4C4D_534E;

/// What leads from version N to N + 1.
pub(super) const STEPS: [&str; 4] = [
    "
CREATE TABLE jobs (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    instance     TEXT NOT NULL,
    started_at   TEXT NOT NULL,
    action       TEXT NOT NULL,
    gateway      TEXT NOT NULL,
    link         TEXT NOT NULL,
    profile      TEXT,
    driver       TEXT,
    operator     TEXT NOT NULL,
    is_simulated INTEGER NOT NULL CHECK (is_simulated IN (0, 1))
) STRICT;
CREATE TABLE entries (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    job           INTEGER NOT NULL REFERENCES jobs (id),
    at            TEXT NOT NULL,
    clock_quality TEXT NOT NULL DEFAULT 'unchecked',
    step          TEXT NOT NULL,
    phase         TEXT NOT NULL CHECK (phase IN ('intent', 'outcome')),
    outcome       TEXT NOT NULL,
    reason        TEXT NOT NULL DEFAULT '',
    summary       TEXT NOT NULL DEFAULT '',
    detail        TEXT NOT NULL,
    is_end        INTEGER NOT NULL DEFAULT 0 CHECK (is_end IN (0, 1)),
    segment       INTEGER,
    prev_hash     BLOB,
    hash          BLOB
) STRICT;
CREATE INDEX entries_by_job ON entries (job, sequence);
CREATE UNIQUE INDEX one_end_a_job ON entries (job) WHERE is_end = 1;
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END;
CREATE TRIGGER entries_last BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END;
CREATE TRIGGER jobs_stay BEFORE UPDATE ON jobs BEGIN SELECT RAISE(ABORT, 'jobs are append-only'); END;
CREATE TRIGGER jobs_last BEFORE DELETE ON jobs BEGIN SELECT RAISE(ABORT, 'jobs are append-only'); END;
",
    // Batches: which job belongs to which row. How a row stands is told by the last of its jobs, nowhere else.
    "
CREATE TABLE batches (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    started_at TEXT NOT NULL,
    source     TEXT NOT NULL
) STRICT;
CREATE TABLE batch_rows (
    job     INTEGER PRIMARY KEY REFERENCES jobs (id),
    batch   INTEGER NOT NULL REFERENCES batches (id),
    name    TEXT NOT NULL,
    content TEXT NOT NULL
) STRICT;
CREATE INDEX batches_by_source ON batches (source, id);
CREATE INDEX batch_rows_by_batch ON batch_rows (batch, job);
CREATE TRIGGER batches_stay BEFORE UPDATE ON batches BEGIN SELECT RAISE(ABORT, 'batches are append-only'); END;
CREATE TRIGGER batches_last BEFORE DELETE ON batches BEGIN SELECT RAISE(ABORT, 'batches are append-only'); END;
CREATE TRIGGER batch_rows_stay BEFORE UPDATE ON batch_rows BEGIN SELECT RAISE(ABORT, 'batches are append-only'); END;
CREATE TRIGGER batch_rows_last BEFORE DELETE ON batch_rows BEGIN SELECT RAISE(ABORT, 'batches are append-only'); END;
",
    // The chain. What is there already is hashed next ([`super::chain::begin`]), and then the log is closed again.
    "
DROP TRIGGER entries_stay;
CREATE TABLE chain (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    nonce      BLOB NOT NULL,
    began_at   TEXT NOT NULL,
    adopted_to INTEGER NOT NULL,
    root_key   BLOB NOT NULL
) STRICT;
CREATE TABLE segments (
    number        INTEGER PRIMARY KEY,
    first         INTEGER NOT NULL,
    last          INTEGER NOT NULL,
    head          BLOB NOT NULL,
    sealed_at     TEXT NOT NULL,
    clock_quality TEXT NOT NULL,
    latest_at     TEXT NOT NULL,
    key           BLOB NOT NULL,
    next_key      BLOB NOT NULL,
    signature     BLOB NOT NULL
) STRICT;
CREATE TRIGGER chain_stays BEFORE UPDATE ON chain BEGIN SELECT RAISE(ABORT, 'the chain is append-only'); END;
CREATE TRIGGER chain_lasts BEFORE DELETE ON chain BEGIN SELECT RAISE(ABORT, 'the chain is append-only'); END;
CREATE TRIGGER segments_stay BEFORE UPDATE ON segments BEGIN SELECT RAISE(ABORT, 'segments are append-only'); END;
CREATE TRIGGER segments_last BEFORE DELETE ON segments BEGIN SELECT RAISE(ABORT, 'segments are append-only'); END;
",
    // The chains of other computers, as they were taken in.
    "
CREATE TABLE imported_chains (
    chain      BLOB PRIMARY KEY,
    name       TEXT NOT NULL,
    nonce      BLOB NOT NULL,
    began_at   TEXT NOT NULL,
    adopted_to INTEGER NOT NULL,
    root_key   BLOB NOT NULL
) STRICT;
CREATE TABLE imported_entries (
    chain    BLOB NOT NULL REFERENCES imported_chains (chain),
    sequence INTEGER NOT NULL,
    hash     BLOB NOT NULL,
    line     TEXT NOT NULL,
    PRIMARY KEY (chain, sequence)
) STRICT;
CREATE TABLE imported_segments (
    chain  BLOB NOT NULL REFERENCES imported_chains (chain),
    number INTEGER NOT NULL,
    line   TEXT NOT NULL,
    PRIMARY KEY (chain, number)
) STRICT;
CREATE TRIGGER imported_chains_stay BEFORE UPDATE ON imported_chains BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER imported_chains_last BEFORE DELETE ON imported_chains BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER imported_entries_stay BEFORE UPDATE ON imported_entries BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER imported_entries_last BEFORE DELETE ON imported_entries BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER imported_segments_stay BEFORE UPDATE ON imported_segments BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER imported_segments_last BEFORE DELETE ON imported_segments BEGIN SELECT RAISE(ABORT, 'append-only'); END;
",
];

/// The version with which the chain began.
const CHAINED: usize = 3;
/// Closes the log behind the step that began the chain.
const CLOSE: &str = "
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'entries are append-only'); END;
";

/// Brings the database to the newest version, as a whole or not at all. `begin_chain` hashes what is there once there is a
/// chain.
pub(super) fn migrate(
    connection: &mut Connection,
    steps: &[&str],
    begin_chain: impl FnOnce(&Connection) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(Failure::TooNew { found, known });
    }
    if found == 0 && !is_empty(&transaction)? {
        return Err(Failure::Foreign);
    }
    let begun = usize::try_from(found).unwrap_or(0);
    for step in steps.iter().take(CHAINED).skip(begun) {
        transaction.execute_batch(step)?;
    }
    if begun < CHAINED && steps.len() >= CHAINED {
        begin_chain(&transaction)?;
        transaction.execute_batch(CLOSE)?;
    }
    for step in steps.iter().skip(begun.max(CHAINED)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(transaction.commit()?)
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", (), |row| row.get(0))
}
