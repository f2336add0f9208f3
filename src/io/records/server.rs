//! The way to a PostgreSQL server: this computer's chain there, the chains of others here.
//!
//! The server is a relay and isn't trusted. Its tables are append-only (`docs/records-server.sql`): an entry has one place,
//! its chain and number. What is there is compared with what is here, a difference is a finding and nothing is ever
//! overwritten. The signed head is written last, and others take in what a head covers, so that an interrupted sync leaves
//! nothing half done.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use self::compare::Kind;
use self::local::Local;
use super::RecordStore;
use super::sync::{self, Noted, SyncError, SyncPlan};
use crate::io::files::{self, DataDir};
use crate::model::audit::Digest;
use crate::model::secret::Secret;
use crate::model::sync::{ServerAddress, SyncReport};

mod binding;
mod compare;
mod connect;
mod errors;
mod local;
mod pull;
mod push;

/// How long the server may take for an answer.
const ANSWER: Duration = Duration::from_mins(1);
/// Largest list of known keys read.
const MAX_KEYS_BYTES: u64 = 1024 * 1024;

/// What a sync works with.
struct Sync<'a> {
    records: &'a RecordStore,
    data: &'a DataDir,
    server: Server,
    local: Local,
    /// The list of known keys.
    known: String,
    operator: &'a str,
    noted: Option<&'a Noted>,
}

/// Syncs: sends first, then takes in. Where the server takes nothing in, it is read all the same.
pub(super) async fn sync(
    records: &RecordStore,
    data: &DataDir,
    plan: &mut SyncPlan,
    address: &ServerAddress,
    noted: Option<&Noted>,
    report: &mut Option<SyncReport>,
) -> Result<(), SyncError> {
    let password = sync::password(plan)?;
    let known = known_keys(data, plan)?;
    let server = Server::connect(address, password).await?;
    let noted = noted.filter(|noted| noted.server == address.to_string());
    let local = Local::new(records.path.clone());
    let sync = Sync { records, data, server, local, known, operator: &plan.operator, noted };
    let report = report.insert(SyncReport::of(address.to_string()));
    let pushed = push::push(&sync, report).await;
    if pushed.as_ref().is_err_and(SyncError::is_lost) {
        return pushed;
    }
    let pulled = pull::pull(&sync, report).await;
    pushed.and(pulled)
}

/// The list of known keys; nobody is known where there is none, unless one was named.
fn known_keys(data: &DataDir, plan: &SyncPlan) -> Result<String, SyncError> {
    let usual = data.known_keys();
    let named = plan.known_keys.as_deref();
    match files::read_text(named.unwrap_or(&usual), MAX_KEYS_BYTES) {
        Err(files::FilesError::NotFound { .. }) if named.is_none() => Ok(String::new()),
        read => Ok(read?),
    }
}

/// A connection to the server.
struct Server {
    client: Client,
    /// Who logged in.
    user: String,
    /// Its address, as shown.
    shown: String,
}

/// A value of a question and its type: each question is one round trip and nothing stays prepared.
type Parameter<'a> = (&'a (dyn ToSql + std::marker::Sync), Type);

impl Server {
    async fn connect(address: &ServerAddress, password: Option<Secret<String>>) -> Result<Self, SyncError> {
        let client = connect::connect(address, password).await?;
        Ok(Self { client, user: address.user.clone(), shown: address.to_string() })
    }

    async fn rows(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, SyncError> {
        self.within(self.client.query_typed(sql, parameters)).await
    }

    async fn execute(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<u64, SyncError> {
        self.within(self.client.execute_typed(sql, parameters)).await
    }

    async fn within<T>(&self, asked: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, SyncError> {
        match timeout(ANSWER, asked).await {
            Ok(answered) => answered.map_err(|error| errors::of(&error, &self.user)),
            Err(_) => Err(SyncError::Silent { place: self.shown.clone(), secs: ANSWER.as_secs() }),
        }
    }

    /// The last number of a chain on the server.
    async fn last(&self, chain: &Digest, kind: Kind) -> Result<Option<i64>, SyncError> {
        let sql = format!("SELECT max(number) FROM linesman.{} WHERE chain = $1", kind.table());
        let rows = self.rows(&sql, &[(&chain.0.as_slice(), Type::BYTEA)]).await?;
        match rows.first() {
            Some(row) => value(row, 0),
            None => Ok(None),
        }
    }
}

/// A value of an answer.
fn value<'a, T: tokio_postgres::types::FromSql<'a>>(row: &'a Row, at: usize) -> Result<T, SyncError> {
    row.try_get(at).map_err(|error| SyncError::Unexpected { detail: error.to_string() })
}

/// A hash in an answer.
fn digest(row: &Row, at: usize) -> Result<Digest, SyncError> {
    let bytes: &[u8] = value(row, at)?;
    let bytes = bytes.try_into().map_err(|_| SyncError::Unexpected { detail: "an id of another length".into() })?;
    Ok(Digest(bytes))
}

/// Reads or reckons what would hold up others, elsewhere.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}
