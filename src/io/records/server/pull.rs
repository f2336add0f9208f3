//! Takes in the chains of other computers: what a signed head covers, if its key is known and the audit of bundles passes.

use std::collections::BTreeMap;

use tokio_postgres::types::Type;

use super::compare::{Is, Kind, Run, runs};
use super::local::{Local, Whose};
use super::{Server, Sync, SyncError, blocking, digest, value};
use crate::flow::port::RecordsError;
use crate::io::records::Failure;
use crate::io::records::bundles::{self, Noting};
use crate::ledger::bundle::{Bundle, BundleError, Line, name_of};
use crate::model::audit::{Digest, Head, Imported};
use crate::model::sync::{ChainState, Fault, OnServer, SyncFinding, SyncReport, SyncedChain};

/// Most bytes taken in of one chain.
const MAX_BYTES: usize = 1024 * 1024 * 1024;
/// Numbers asked for at once.
const PIECE: i64 = 1000;

/// A chain as the server lists it.
struct Listed {
    chain: Digest,
    line: String,
    /// The last entry that a head covers.
    head: i64,
}

/// Takes in what is new of every chain but this computer's.
pub(super) async fn pull(sync: &Sync<'_>, report: &mut SyncReport) -> Result<(), SyncError> {
    let mut listed = sync.server.chains().await?;
    listed.retain(|listed| listed.chain != sync.records.chain());
    went_back(sync, &listed, report);
    let mut others = BTreeMap::new();
    for listed in listed {
        let pulled = of_chain(sync, &listed, report).await?;
        report.received += pulled.entries;
        others.insert(listed.chain.to_string(), OnServer { name: pulled.name.clone(), entry: listed.head });
        report.chains.push(pulled);
    }
    report.others = Some(others);
    Ok(())
}

/// Chains that the server had at the last sync and has not, or not as far, any more.
fn went_back(sync: &Sync<'_>, listed: &[Listed], report: &mut SyncReport) {
    let Some(noted) = sync.noted else { return };
    for (id, before) in &noted.others {
        let Ok(chain) = id.parse::<Digest>() else { continue };
        let whose = if before.name.is_empty() { "a computer whose key isn't known" } else { &before.name };
        let then = format!("at the last sync, {}, it had them up to entry {}", noted.at, before.entry);
        let words = match listed.iter().find(|listed| listed.chain == chain) {
            None => format!("The records of {whose} are gone from the server; {then}"),
            Some(now) if now.head < before.entry => {
                format!("The server has a head for the records of {whose} up to entry {} only; {then}", now.head)
            }
            Some(_) => continue,
        };
        report.found(SyncFinding { name: before.name.clone(), chain, fault: Fault::Missing, number: None, words });
    }
}

async fn of_chain(sync: &Sync<'_>, listed: &Listed, report: &mut SyncReport) -> Result<SyncedChain, SyncError> {
    let chain = listed.chain;
    let mut pulled = SyncedChain {
        name: String::new(),
        chain,
        root_key: Digest([0; 32]),
        entries: 0,
        head: None,
        state: ChainState::Damaged,
    };
    let begun = match Bundle::begun(&listed.line) {
        Ok(begun) if begun.genesis.id() == chain => begun,
        _ => {
            let words = "The beginning of a chain on the server can't be read".to_owned();
            report.found(SyncFinding { name: String::new(), chain, fault: Fault::Unsound, number: None, words });
            return Ok(pulled);
        }
    };
    pulled.root_key = begun.genesis.root_key;
    match name_of(&sync.known, &begun.genesis.root_key) {
        Ok(name) => pulled.name = name,
        Err(BundleError::UnknownKey { .. }) => {
            pulled.state = ChainState::UnknownKey;
            return Ok(pulled);
        }
        Err(error) => return Err(error.into()),
    }
    let here = sync.local.last(chain, Kind::Entries).await?;
    if is_changed(sync, &pulled, here, report).await? {
        return Ok(pulled);
    }
    pulled.state = ChainState::Current;
    if listed.head <= here {
        pulled.head = sync.local.head(chain).await?;
        return Ok(pulled);
    }
    take_in(sync, listed, begun, here, &mut pulled, report).await?;
    Ok(pulled)
}

/// Whether what was taken in before isn't the same on the server any more.
async fn is_changed(
    sync: &Sync<'_>,
    pulled: &SyncedChain,
    here: i64,
    report: &mut SyncReport,
) -> Result<bool, SyncError> {
    let mut is_changed = false;
    for kind in Kind::ALL {
        let to = if kind == Kind::Entries { here } else { sync.local.last(pulled.chain, kind).await? };
        for run in runs(&sync.compare(&pulled.chain, Whose::Other(pulled.chain), kind, to).await?) {
            let (number, fault) = (Some(run.first), run.is.into());
            let words = words(kind, run);
            report.found(SyncFinding { name: pulled.name.clone(), chain: pulled.chain, fault, number, words });
            // What is gone there is here, and goes on.
            is_changed |= run.is != Is::Missing;
        }
    }
    Ok(is_changed)
}

fn words(kind: Kind, run: Run) -> String {
    let (named, was) = (kind.named(run), run.verb("was", "were"));
    match run.is {
        Is::Missing => {
            format!("{named} {was} deleted on the server; here {} as taken in", run.verb("it is", "they are"))
        }
        Is::Different => {
            format!("{named} {was} changed on the server after {} taken in here", run.verb("it was", "they were"))
        }
        Is::Extra => format!("{named} {was} inserted on the server"),
    }
}

/// Takes in what is new, whole or not at all.
async fn take_in(
    sync: &Sync<'_>,
    listed: &Listed,
    begun: Bundle,
    here: i64,
    pulled: &mut SyncedChain,
    report: &mut SyncReport,
) -> Result<(), SyncError> {
    let chain = listed.chain;
    let mut refuse = |number: Option<i64>, words: String, state: ChainState| {
        report.found(SyncFinding { name: pulled.name.clone(), chain, fault: Fault::Unsound, number, words });
        pulled.state = state;
    };
    let lines = sync.server.news(listed, here, sync.local.last(chain, Kind::Segments).await?).await?;
    let Some(base) = sync.local.base(begun).await? else {
        let words = "What was taken in here before can't be read; verify the records here".to_owned();
        refuse(None, words, ChainState::Damaged);
        return Ok(());
    };
    let bundle = match blocking(move || audited(base, &lines)).await {
        Ok(bundle) => bundle,
        Err((number, words)) => {
            refuse(number, words, ChainState::Damaged);
            return Ok(());
        }
    };
    match sync.import(bundle, pulled.name.clone()).await? {
        Ok(imported) => {
            pulled.entries = imported.entries;
            pulled.head = Some(imported.head);
            pulled.state = if imported.entries > 0 { ChainState::Received } else { ChainState::Current };
        }
        Err(BundleError::Contradicts { entry }) => {
            let words = format!("Entry {entry} contradicts the one that was taken in before");
            refuse(Some(entry), words, ChainState::Contradicts);
        }
        Err(error) => refuse(None, error.to_string(), ChainState::Damaged),
    }
    Ok(())
}

/// The bundle with the lines behind it, if it passes the audit; else the first finding.
fn audited(mut bundle: Bundle, lines: &[String]) -> Result<Bundle, (Option<i64>, String)> {
    for line in lines {
        let taken = serde_json::from_str::<Line>(line).ok().and_then(|line| bundle.take(&line));
        if taken.is_none() {
            let last = bundle.last().entry;
            return Err((Some(last + 1), format!("What follows entry {last} on the server can't be read")));
        }
    }
    let audit = bundle.audit_received();
    match audit.findings.first() {
        None => Ok(bundle),
        Some(first) => Err((Some(first.entry), format!("On the server: {}", first.words()))),
    }
}

impl Sync<'_> {
    async fn import(&self, bundle: Bundle, name: String) -> Result<Result<Imported, BundleError>, RecordsError> {
        let operator = self.operator.to_owned();
        self.records.run(move |database| database.import(&bundle, name, operator, Noting::UnlessEcho)).await
    }
}

impl Local {
    /// The last entry that is here of another chain.
    async fn head(&self, chain: Digest) -> Result<Option<Head>, RecordsError> {
        self.read(move |connection| Ok(bundles::stored_head(connection, chain)?)).await
    }

    /// The chain as it was taken in so far; `None` where it can't be read.
    async fn base(&self, begun: Bundle) -> Result<Option<Bundle>, RecordsError> {
        self.read(move |connection| -> Result<_, Failure> {
            let chain = begun.genesis.id();
            bundles::stored(connection, chain, begun.genesis)
        })
        .await
    }
}

impl Server {
    /// The chains, each with the last entry that a head covers.
    async fn chains(&self) -> Result<Vec<Listed>, SyncError> {
        let sql = "SELECT chain, line, (SELECT max(entry) FROM linesman.heads WHERE heads.chain = chains.chain)
                   FROM linesman.chains ORDER BY added_at, chain";
        let rows = self.rows(sql, &[]).await?;
        let listed = |row| {
            let head: Option<i64> = value(row, 2)?;
            Ok(Listed { chain: digest(row, 0)?, line: value(row, 1)?, head: head.unwrap_or(0) })
        };
        rows.iter().map(listed).collect()
    }

    /// The lines behind what is here, up to the last head: entries, segments, the head.
    async fn news(&self, listed: &Listed, entry: i64, segment: i64) -> Result<Vec<String>, SyncError> {
        let mut lines = Vec::new();
        let mut bytes = 0;
        for (kind, from) in [(Kind::Entries, entry), (Kind::Segments, segment)] {
            let last = self.last(&listed.chain, kind).await?.unwrap_or(0);
            let to = if kind == Kind::Entries { listed.head.min(last) } else { last };
            let mut next = from + 1;
            while next <= to {
                let end = (next + PIECE - 1).min(to);
                for (_, line) in self.lines(&listed.chain, kind, next, end).await? {
                    bytes += line.len();
                    if kind == Kind::Entries || is_below(&line, listed.head) {
                        lines.push(line);
                    }
                }
                if bytes > MAX_BYTES {
                    return Err(SyncError::Unexpected { detail: "a chain of more than 1 GiB".into() });
                }
                next = end + 1;
            }
        }
        lines.extend(self.head_line(listed).await?);
        Ok(lines)
    }

    async fn head_line(&self, listed: &Listed) -> Result<Option<String>, SyncError> {
        let sql = "SELECT line FROM linesman.heads WHERE chain = $1 AND entry = $2";
        let parameters = [(&listed.chain.0.as_slice() as _, Type::BYTEA), (&listed.head as _, Type::INT8)];
        let rows = self.rows(sql, &parameters).await?;
        rows.first().map(|row| value(row, 0)).transpose()
    }
}

/// Whether a segment belongs to what a head covers. What can't be read is left to the audit.
fn is_below(line: &str, head: i64) -> bool {
    match serde_json::from_str::<Line>(line) {
        Ok(Line::Segment { last, .. }) => last <= head,
        _ => true,
    }
}
