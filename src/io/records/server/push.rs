//! Sends what is sealed here: entries, then segments, then the signed head that makes them count for others.

use tokio_postgres::types::Type;

use super::compare::{Is, Kind, Run, runs};
use super::local::Whose;
use super::{Server, Sync, SyncError, blocking, value};
use crate::io::records::bundles::Sealed;
use crate::io::records::verify;
use crate::ledger::bundle::{Line, genesis_line};
use crate::model::audit::Digest;
use crate::model::sync::{Fault, SyncFinding, SyncReport, THIS_COMPUTER};

/// Lines sent with one statement.
const BATCH: i64 = 500;

/// What came of the sending of one kind of lines.
#[derive(Default)]
struct Sent {
    count: u64,
    /// Whether something else stands in a place where a line was sent to.
    is_contested: bool,
}

/// Sends what the server doesn't have. What stands there already is compared.
pub(super) async fn push(sync: &Sync<'_>, report: &mut SyncReport) -> Result<(), SyncError> {
    let chain = sync.records.chain();
    let mut last = sync.server.last(&chain, Kind::Entries).await?.unwrap_or(0);
    let mut own = sealed(sync).await?;
    if own.head.entry == 0 && last == 0 {
        return Ok(());
    }
    if last > own.head.entry {
        // Another program may have written and sent in between.
        last = sync.server.last(&chain, Kind::Entries).await?.unwrap_or(0);
        own = sealed(sync).await?;
    }
    if last > own.head.entry {
        report.found(ahead(chain, own.head.entry, last));
        return Ok(());
    }
    is_sound(sync, last < own.head.entry).await?;
    begin(sync, &chain, &own, report).await?;
    went_back(sync, chain, last, report);
    let mut is_contested = false;
    for kind in Kind::ALL {
        let to = if kind == Kind::Entries { own.head.entry } else { own.segments };
        is_contested |= send_kind(sync, &chain, kind, to, report).await?;
    }
    if !is_contested {
        if let Some(signed) = &own.signed {
            sync.server.insert_head(&chain, own.head.entry, &signed.line()).await?;
        }
        report.head = Some(own.head);
    }
    Ok(())
}

async fn sealed(sync: &Sync<'_>) -> Result<Sealed, SyncError> {
    Ok(sync.records.run(super::super::Database::sealed).await?)
}

/// Damaged records aren't sent: others would take this computer for the forger.
async fn is_sound(sync: &Sync<'_>, is_something_new: bool) -> Result<(), SyncError> {
    if !is_something_new {
        return Ok(());
    }
    let data = sync.data.clone();
    let audit = blocking(move || verify::audit(&data, None)).await?;
    match audit.findings.first() {
        Some(_) => Err(SyncError::Damaged { finding: audit.verdict() }),
        None => Ok(()),
    }
}

fn finding(chain: Digest, fault: Fault, number: Option<i64>, words: String) -> SyncFinding {
    SyncFinding { name: THIS_COMPUTER.into(), chain, fault, number, words }
}

fn ahead(chain: Digest, here: i64, there: i64) -> SyncFinding {
    let words = format!(
        "The server has entries up to {there} of this computer, and its records here end with entry {here}; nothing was sent"
    );
    finding(chain, Fault::Extra, Some(here + 1), words)
}

/// The server was put back to an earlier state: what it lost is sent again, and said.
fn went_back(sync: &Sync<'_>, chain: Digest, last: i64, report: &mut SyncReport) {
    let sent = sync.noted.filter(|noted| noted.chain == chain.to_string()).map_or(0, |noted| noted.entry);
    if last < sent {
        let words = format!("Entries {} to {sent} were gone from the server; they were sent again", last + 1);
        report.found(finding(chain, Fault::Missing, Some(last + 1), words));
    }
}

/// Begins the chain on the server, or holds its beginning against this one.
async fn begin(sync: &Sync<'_>, chain: &Digest, own: &Sealed, report: &mut SyncReport) -> Result<(), SyncError> {
    let begun = genesis_line(&own.genesis);
    let mut stored = sync.server.beginning(chain).await?;
    if stored.is_none() {
        sync.server.insert_chain(chain, &begun).await?;
        // Another program of this computer may have been first.
        stored = sync.server.beginning(chain).await?;
    }
    if stored.and_then(|stored| serde_json::from_str::<Line>(&stored).ok()) != Some(begun) {
        let words = "The beginning of this computer's records differs on the server".to_owned();
        report.found(finding(*chain, Fault::Different, None, words));
    }
    Ok(())
}

/// Sends the lines of one kind that aren't there, and says whether something else stands in one of their places.
async fn send_kind(
    sync: &Sync<'_>,
    chain: &Digest,
    kind: Kind,
    to: i64,
    report: &mut SyncReport,
) -> Result<bool, SyncError> {
    let last = sync.server.last(chain, kind).await?.unwrap_or(0);
    let found = sync.compare(chain, Whose::Own, kind, last.min(to)).await?;
    let mut sent = Sent::default();
    for run in runs(&found) {
        report.found(finding(*chain, run.is.into(), Some(run.first), words(kind, run)));
        if run.is == Is::Missing {
            send(sync, chain, kind, run.first, run.last, &mut sent).await?;
        }
    }
    let resent = sent.count;
    send(sync, chain, kind, last + 1, to, &mut sent).await?;
    if kind == Kind::Entries {
        report.sent += sent.count;
    }
    let mut is_contested = found.iter().any(|difference| difference.is != Is::Missing);
    if sent.is_contested && sent.count >= resent {
        // Another program may have sent the same in between; only what is different counts.
        let mut after = sync.compare(chain, Whose::Own, kind, to).await?;
        after.retain(|difference| difference.is != Is::Missing && !found.contains(difference));
        for run in runs(&after) {
            report.found(finding(*chain, run.is.into(), Some(run.first), words(kind, run)));
            is_contested = true;
        }
    }
    Ok(is_contested)
}

fn words(kind: Kind, run: Run) -> String {
    let named = kind.named(run);
    match run.is {
        Is::Missing => {
            format!(
                "{named} {} gone from the server; {} sent again",
                run.verb("was", "were"),
                run.verb("it was", "they were")
            )
        }
        Is::Different => format!(
            "{named} {} on the server than here; what is here was written by this computer",
            run.verb("is another one", "are others")
        ),
        Is::Extra => format!("{named} on the server {} of this computer", run.verb("isn't", "aren't")),
    }
}

async fn send(
    sync: &Sync<'_>,
    chain: &Digest,
    kind: Kind,
    from: i64,
    to: i64,
    sent: &mut Sent,
) -> Result<(), SyncError> {
    let mut next = from;
    while next <= to {
        let end = (next + BATCH - 1).min(to);
        let lines = sync.local.lines(Whose::Own, kind, next, end).await?;
        let (count, expected) = (sync.server.insert(chain, kind, &lines).await?, lines.len() as u64);
        sent.count += count;
        sent.is_contested |= count < expected;
        next = end + 1;
    }
    Ok(())
}

impl Server {
    /// The first line of a chain.
    pub(super) async fn beginning(&self, chain: &Digest) -> Result<Option<String>, SyncError> {
        let sql = "SELECT line FROM linesman.chains WHERE chain = $1";
        let rows = self.rows(sql, &[(&chain.0.as_slice(), Type::BYTEA)]).await?;
        rows.first().map(|row| value(row, 0)).transpose()
    }

    async fn insert_chain(&self, chain: &Digest, line: &Line) -> Result<(), SyncError> {
        let sql = "INSERT INTO linesman.chains (chain, line) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        let parameters = [(&chain.0.as_slice() as _, Type::BYTEA), (&text(line)? as _, Type::TEXT)];
        self.execute(sql, &parameters).await.map(drop)
    }

    async fn insert_head(&self, chain: &Digest, entry: i64, line: &Line) -> Result<(), SyncError> {
        // Asked first: a role that may only read has nothing to send where the head is there.
        let sql = "SELECT 1 FROM linesman.heads WHERE chain = $1 AND entry = $2";
        let key = [(&chain.0.as_slice() as _, Type::BYTEA), (&entry as _, Type::INT8)];
        if !self.rows(sql, &key).await?.is_empty() {
            return Ok(());
        }
        let sql = "INSERT INTO linesman.heads (chain, entry, line) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        let [chain, entry] = key;
        self.execute(sql, &[chain, entry, (&text(line)?, Type::TEXT)]).await.map(drop)
    }

    /// Adds lines where nothing stands yet, and says how many those were.
    async fn insert(&self, chain: &Digest, kind: Kind, lines: &[(i64, String)]) -> Result<u64, SyncError> {
        if lines.is_empty() {
            return Ok(0);
        }
        let sql = format!(
            "INSERT INTO linesman.{} (chain, number, line) SELECT $1, sent.number, sent.line
             FROM unnest($2, $3) AS sent (number, line) ON CONFLICT DO NOTHING",
            kind.table()
        );
        let (numbers, lines): (Vec<i64>, Vec<&str>) =
            lines.iter().map(|(number, line)| (*number, line.as_str())).unzip();
        let parameters = [
            (&chain.0.as_slice() as _, Type::BYTEA),
            (&numbers as _, Type::INT8_ARRAY),
            (&lines as _, Type::TEXT_ARRAY),
        ];
        self.execute(&sql, &parameters).await
    }
}

fn text(line: &Line) -> Result<String, SyncError> {
    serde_json::to_string(line).map_err(|error| SyncError::Unexpected { detail: error.to_string() })
}
