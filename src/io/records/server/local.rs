//! The chains as they lie on this computer, line by line as they are sent: read beside the writer, which never waits for it.

use std::path::PathBuf;

use rusqlite::{Connection, OpenFlags, params};

use super::blocking;
use super::compare::{Block, Blocks, Kind};
use crate::flow::port::RecordsError;
use crate::io::records::chain::{self, COVERED, HASH_COLUMN};
use crate::io::records::{BUSY, Failure};
use crate::ledger::bundle::{BundledEntry, segment_line};
use crate::model::audit::Digest;

/// The records on this computer.
#[derive(Clone)]
pub(super) struct Local {
    path: PathBuf,
}

/// Whose chain.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose {
    /// This computer's.
    Own,
    /// Another one's, as it was taken in.
    Other(Digest),
}

impl Local {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The lines numbered `from` to `to`, in order.
    pub(super) async fn lines(
        &self,
        whose: Whose,
        kind: Kind,
        from: i64,
        to: i64,
    ) -> Result<Vec<(i64, String)>, RecordsError> {
        self.read(move |connection| {
            let mut lines = Vec::new();
            each(connection, whose, kind, from, to, |number, line| lines.push((number, line)))?;
            Ok(lines)
        })
        .await
    }

    /// The blocks of the lines up to `to`.
    pub(super) async fn blocks(&self, whose: Whose, kind: Kind, to: i64) -> Result<Vec<Block>, RecordsError> {
        self.read(move |connection| {
            let mut blocks = Blocks::default();
            each(connection, whose, kind, 1, to, |number, line| blocks.push(number, &line))?;
            Ok(blocks.finish())
        })
        .await
    }

    /// The last number of a chain that was taken in; 0 where nothing was.
    pub(super) async fn last(&self, chain: Digest, kind: Kind) -> Result<i64, RecordsError> {
        self.read(move |connection| {
            let sql = match kind {
                Kind::Entries => "SELECT ifnull(max(sequence), 0) FROM imported_entries WHERE chain = ?1",
                Kind::Segments => "SELECT ifnull(max(number), 0) FROM imported_segments WHERE chain = ?1",
            };
            Ok(connection.query_row(sql, [chain.0], |row| row.get(0))?)
        })
        .await
    }

    /// Reads, elsewhere.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, RecordsError> {
        let path = self.path.clone();
        blocking(move || {
            let read = open(&path).and_then(|connection| work(&connection));
            read.map_err(|failure| failure.at(&path))
        })
        .await
    }
}

fn open(path: &std::path::Path) -> Result<Connection, Failure> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

fn each(
    connection: &Connection,
    whose: Whose,
    kind: Kind,
    from: i64,
    to: i64,
    mut take: impl FnMut(i64, String),
) -> Result<(), Failure> {
    let sql = match (whose, kind) {
        (Whose::Own, Kind::Entries) => return own_entries(connection, from, to, take),
        (Whose::Own, Kind::Segments) => return own_segments(connection, from, to, take),
        (Whose::Other(_), Kind::Entries) => {
            "SELECT sequence, line FROM imported_entries WHERE chain = ?1 AND sequence BETWEEN ?2 AND ?3 ORDER BY 1"
        }
        (Whose::Other(_), Kind::Segments) => {
            "SELECT number, line FROM imported_segments WHERE chain = ?1 AND number BETWEEN ?2 AND ?3 ORDER BY 1"
        }
    };
    let Whose::Other(chain) = whose else { return Ok(()) };
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query(params![chain.0, from, to])?;
    while let Some(row) = rows.next()? {
        take(row.get(0)?, row.get(1)?);
    }
    Ok(())
}

fn own_entries(connection: &Connection, from: i64, to: i64, mut take: impl FnMut(i64, String)) -> Result<(), Failure> {
    let sql = format!("{COVERED} WHERE entries.sequence BETWEEN ?1 AND ?2 ORDER BY entries.sequence");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([from, to])?;
    while let Some(row) = rows.next()? {
        let entry = BundledEntry::of(&chain::entry_row(row)?, Digest(row.get(HASH_COLUMN)?));
        let entry = entry.ok_or_else(|| Failure::Unsound("an entry holds no text".into()))?;
        take(entry.sequence, serde_json::to_string(&entry.line())?);
    }
    Ok(())
}

fn own_segments(connection: &Connection, from: i64, to: i64, mut take: impl FnMut(i64, String)) -> Result<(), Failure> {
    for (segment, signature) in chain::segments(connection)? {
        if (from..=to).contains(&segment.number) {
            take(segment.number, serde_json::to_string(&segment_line(&segment, &signature))?);
        }
    }
    Ok(())
}
