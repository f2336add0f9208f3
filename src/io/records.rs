//! [`RecordStore`]: the records in SQLite, on a thread of their own.
//!
//! Intent is written before the act, the outcome after it, and each call returns once its entry is on the disk
//! (`synchronous=FULL`). The log is append-only; each entry carries the hash of the one before it, and segments are signed
//! (`docs/records.md`). A job without outcome whose process is gone was cut off: it reads as
//! unknown, and the next writer puts that on the record. Secrets never come here; what a gateway says is kept as it is
//! and made safe where it is shown.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use self::append::{Append, GROUP, Request};
use self::chain::Tail;
use self::failure::Failure;
use self::instance::Instance;
use super::files::{self, DataDir, FilesError};
use super::save;
use crate::flow::port::{Boxed, Records, RecordsError};
use crate::model::audit::{Digest, Head};
use crate::model::destination::Destination;
use crate::model::problem::{Explain, Problem};
use crate::model::record::{EntryRecord, ExportFormat, JobHistory, JobIntent, JobRecord, RecordId, StepEntry};

mod append;
mod batches;
mod bundles;
mod chain;
pub(super) mod export;
mod failure;
mod histories;
mod instance;
mod keys;
mod reserve;
mod schema;
#[cfg(feature = "postgres")]
mod server;
pub mod sync;
mod verify;

pub use bundles::TransferError;
pub use verify::audit;

/// Requests that may wait: as many as are written together.
const REQUESTS: usize = GROUP;
/// How long another process may hold the database.
const BUSY: Duration = Duration::from_secs(5);
pub use crate::model::record::{CUT_OFF, ENDED_EARLY};

const CUT_OFF_SUMMARY: &str = "The program ended before the outcome was known; verify on the device";

const ENDED_EARLY_SUMMARY: &str = "The program ended while this ran; no gateway was changed";

/// How a job reads that the program's end cut off: outcome, reason, summary.
fn cut_off(may_have_changed: bool) -> (&'static str, &'static str, &'static str) {
    if may_have_changed { ("unknown", CUT_OFF, CUT_OFF_SUMMARY) } else { ("closed", ENDED_EARLY, ENDED_EARLY_SUMMARY) }
}

/// A piece of work for the thread.
enum Work {
    /// Something to enter. What waits at the same time is entered together.
    Append(Request),
    /// Anything else.
    Other(Box<dyn FnOnce(&mut Database) + Send>),
}

/// The records of this computer account. Closing waits for what was begun.
pub struct RecordStore {
    work: Option<mpsc::Sender<Work>>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
    chain: Digest,
    cut_off: usize,
}

/// Why records could not be exported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// The records could not be read.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The file could not be written.
    #[error(transparent)]
    Files(#[from] FilesError),
}

impl Explain for ExportError {
    fn explain(&self) -> Problem {
        match self {
            Self::Records(error) => error.explain(),
            Self::Files(error) => error.explain(),
        }
    }
}

impl RecordStore {
    /// Opens the records for writing: brings them to the newest schema, registers this process, and enters the outcome
    /// `unknown` for jobs that were cut off. Blocks.
    pub fn open(data_dir: &DataDir) -> Result<Self, RecordsError> {
        Self::start(data_dir, true)
    }

    /// Opens the records to look at them; enters nothing for anybody. Jobs begun through it would count as cut off.
    /// Blocks.
    pub fn open_reader(data_dir: &DataDir) -> Result<Self, RecordsError> {
        Self::start(data_dir, false)
    }

    /// How many jobs opening found cut off.
    pub fn cut_off_jobs(&self) -> usize {
        self.cut_off
    }

    /// The id of the chain.
    pub const fn chain(&self) -> Digest {
        self.chain
    }

    /// The jobs, newest first, at most `limit`.
    pub async fn list(&self, limit: usize) -> Result<Vec<JobRecord>, RecordsError> {
        self.run(move |database| database.list(limit)).await
    }

    /// The newest jobs with their entries, the oldest of them first.
    pub async fn recent(&self, limit: usize) -> Result<Vec<JobHistory>, RecordsError> {
        self.run(move |database| database.histories(Some(limit))).await
    }

    /// Writes all jobs to a file, oldest first, and says how many they are.
    pub async fn export(&self, destination: Destination, format: ExportFormat) -> Result<usize, ExportError> {
        let destination = destination.made_from(self.own_files());
        self.run(move |database| Ok(database.export(&destination, format))).await?
    }

    /// The files that no export may replace.
    pub(super) fn own_files(&self) -> [PathBuf; 3] {
        [self.path.clone(), self.path.with_file_name("records.key"), self.path.with_file_name("records.reserve")]
    }

    /// Where the chain stands: what a report prints as its witness.
    pub async fn head(&self) -> Result<Head, RecordsError> {
        self.run(|database| Ok(Tail::load(&database.connection, database.chain)?.head)).await
    }

    fn start(data_dir: &DataDir, is_writer: bool) -> Result<Self, RecordsError> {
        let path = data_dir.records();
        let explain = |failure: Failure| failure.at(&path);
        let mut database = open_with_room(data_dir, is_writer).map_err(explain)?;
        let (cut_off, chain) = (database.cut_off, database.chain);
        let (work, mut requests) = mpsc::channel::<Work>(REQUESTS);
        let thread = Builder::new()
            .name("records".into())
            .spawn(move || {
                while let Some(work) = requests.blocking_recv() {
                    database.serve(work, &mut requests);
                }
                database.seal_if(database.is_writer());
            })
            .map_err(|error| explain(Failure::Io(error)))?;
        Ok(Self { work: Some(work), thread: Some(thread), path, chain, cut_off })
    }

    /// Has the thread do a piece of work. Once taken it is done, even if nobody waits for the answer any more.
    async fn run<T, F>(&self, work: F) -> Result<T, RecordsError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database) -> Result<T, Failure> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let work: Work = Work::Other(Box::new(move |database| {
            // Whoever asked may have gone; the work is done all the same.
            let _ = answer.send(work(database));
        }));
        self.hand_over(work, answered).await
    }

    /// Has the thread enter something. Answers with the number of the job once it is on the disk.
    async fn append(&self, append: Append) -> Result<RecordId, RecordsError> {
        let (answer, answered) = oneshot::channel();
        self.hand_over(Work::Append(Request { append, answer }), answered).await.map(RecordId)
    }

    async fn hand_over<T>(
        &self,
        work: Work,
        answered: oneshot::Receiver<Result<T, Failure>>,
    ) -> Result<T, RecordsError> {
        let gone = || Failure::ThreadGone.at(&self.path);
        self.work.as_ref().ok_or_else(gone)?.send(work).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?.map_err(|failure| failure.at(&self.path))
    }
}

impl Drop for RecordStore {
    fn drop(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            // It panicked if this fails, and each of its callers has been told.
            let _ = thread.join();
        }
    }
}

impl Records for RecordStore {
    fn begin(&self, intent: JobIntent) -> Boxed<'_, Result<RecordId, RecordsError>> {
        Box::pin(self.append(Append::Begin { intent, row: None }))
    }

    fn step(&self, job: RecordId, entry: StepEntry) -> Boxed<'_, Result<(), RecordsError>> {
        Box::pin(async move { self.append(Append::Step { job: job.0, entry }).await.map(drop) })
    }

    fn end(
        &self,
        job: RecordId,
        outcome: &'static str,
        reason: String,
        summary: String,
    ) -> Boxed<'_, Result<(), RecordsError>> {
        let end = Append::End { job: job.0, outcome: outcome.to_owned(), reason, summary };
        Box::pin(async move { self.append(end).await.map(drop) })
    }
}

/// Opens the database; on a full disk with the room that is kept for it, so that what is there can be read. Then nothing can
/// begin, since that room is missing.
fn open_with_room(data_dir: &DataDir, is_writer: bool) -> Result<Database, Failure> {
    let reserve = data_dir.records_reserve();
    let mut opened = Database::open(data_dir, is_writer);
    if opened.as_ref().is_err_and(Failure::may_be_a_full_disk) && reserve::release(&reserve) {
        opened = Database::open(data_dir, is_writer);
    }
    opened.map_err(|failure| {
        let is_full =
            failure.may_be_a_full_disk() && reserve::keep(&reserve).is_err_and(|error| failure::is_full(&error));
        if is_full { Failure::Io(std::io::ErrorKind::StorageFull.into()) } else { failure }
    })
}

/// The database, as the thread holds it. The connection is closed before the lock is freed.
struct Database {
    connection: Connection,
    instance: Option<Instance>,
    running: PathBuf,
    key_file: PathBuf,
    reserve: PathBuf,
    cut_off: usize,
    /// The id of the chain.
    chain: Digest,
    /// The end of the chain after the last group.
    tail: Option<Tail>,
    /// Whether a job has ended since the last seal.
    has_ended: bool,
    /// What imported chains tell, as far as it was read.
    others: histories::Others,
}

impl Database {
    fn open(data_dir: &DataDir, is_writer: bool) -> Result<Self, Failure> {
        let running = data_dir.running();
        files::make_private_folder(&running).map_err(Failure::Folder)?;
        // Held until the end of this function: others wait with opening, registering and sweeping.
        let _guard = instance::guard(&running)?;
        let key_file = data_dir.records_key();
        let connection = connect(&data_dir.records(), &key_file)?;
        let chain = chain::genesis(&connection)?.ok_or(Failure::NoChain)?.id();
        let mut database = Self {
            connection,
            instance: None,
            running,
            key_file,
            reserve: data_dir.records_reserve(),
            cut_off: 0,
            chain,
            tail: None,
            has_ended: false,
            others: histories::Others::default(),
        };
        if is_writer {
            let now = jiff::Timestamp::now().as_millisecond();
            database.instance = Some(instance::register(&database.running, now)?);
            database.cut_off = database.enter_cut_off()?;
            instance::sweep(&database.running)?;
        } else {
            let live = instance::live(&database.running)?;
            database.cut_off =
                database.open_ended(&live)?.iter().filter(|(_, may_have_changed)| *may_have_changed).count();
        }
        Ok(database)
    }

    /// Does a piece of work; of appends all that wait by now. Sealing waits until nobody waits for an answer.
    fn serve(&mut self, work: Work, others: &mut mpsc::Receiver<Work>) {
        let mut group = Vec::new();
        let mut next = Some(work);
        while let Some(work) = next.take() {
            match work {
                Work::Append(request) => group.push(request),
                Work::Other(work) => {
                    self.append_all(std::mem::take(&mut group));
                    work(self);
                }
            }
            if group.len() < GROUP && !group.is_empty() {
                next = others.try_recv().ok();
            }
        }
        self.append_all(group);
        let is_due = self.tail.as_ref().is_some_and(Tail::is_due);
        self.seal_if(self.is_writer() && (is_due || (self.has_ended && others.is_empty())));
    }

    const fn is_writer(&self) -> bool {
        self.instance.is_some()
    }

    /// Seals, if it is to be. What cannot be sealed now is sealed with what follows: nothing on record depends on it.
    fn seal_if(&mut self, is_due: bool) {
        if !is_due {
            return;
        }
        self.has_ended = false;
        self.tail = None;
        if let Err(failure) = self.seal() {
            tracing::warn!(%failure, "the records were not sealed");
        }
    }

    fn has_job(&self, job: i64) -> rusqlite::Result<bool> {
        let found = self.connection.query_row("SELECT 1 FROM jobs WHERE id = ?1", [job], |_| Ok(())).optional()?;
        Ok(found.is_some())
    }

    fn list(&self, limit: usize) -> Result<Vec<JobRecord>, Failure> {
        let live = instance::live(&self.running)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare_cached(&format!("{JOBS} ORDER BY jobs.id DESC LIMIT ?1"))?;
        let rows = statement.query_map([limit], |row| job_of(row, &live))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn show(&self, id: RecordId) -> Result<JobHistory, Failure> {
        let live = instance::live(&self.running)?;
        let mut statement = self.connection.prepare_cached(&format!("{JOBS} WHERE jobs.id = ?1"))?;
        let job = statement.query_row([id.0], |row| job_of(row, &live)).optional()?.ok_or(Failure::NoJob(id.0))?;
        Ok(JobHistory { entries: self.entries(id)?, job, returned: None })
    }

    fn entries(&self, job: RecordId) -> Result<Vec<EntryRecord>, Failure> {
        let mut statement = self.connection.prepare_cached(
            "SELECT sequence, at, step, phase, outcome, detail FROM entries WHERE job = ?1 ORDER BY sequence",
        )?;
        let rows = statement.query_map([job.0], entry_of)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Jobs with their entries, oldest first: the newest so many, or all.
    fn histories(&self, limit: Option<usize>) -> Result<Vec<JobHistory>, Failure> {
        let mut jobs = self.list(limit.unwrap_or(usize::MAX))?;
        jobs.reverse();
        jobs.into_iter().map(|job| Ok(JobHistory { entries: self.entries(job.id)?, job, returned: None })).collect()
    }

    /// The outer result is the database's, the inner one the file's.
    fn export(&self, destination: &Destination, format: ExportFormat) -> Result<usize, ExportError> {
        let damaged = |failure: Failure| failure.at(&PathBuf::from(self.connection.path().unwrap_or_default()));
        let jobs = self.histories(None).map_err(damaged)?;
        let text = export::write(&jobs, format).map_err(|error| damaged(Failure::Json(error)))?;
        save::save(destination, text.as_bytes())?;
        Ok(jobs.len())
    }

    /// Jobs without an end whose process is gone, and whether each may have changed a gateway.
    fn open_ended(&self, live: &HashSet<String>) -> Result<Vec<(i64, bool)>, Failure> {
        let mut statement = self.connection.prepare(&format!("{JOBS} WHERE ending.at IS NULL ORDER BY jobs.id"))?;
        let rows = statement.query_map((), |row| {
            let (id, instance) = (row.get::<_, i64>("id")?, row.get::<_, String>("instance")?);
            Ok((id, instance, intent_of(row)?.may_have_changed_a_gateway(row.get("has_open_act")?)))
        })?;
        let jobs = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        let gone = jobs.into_iter().filter(|(_, instance, _)| !live.contains(instance));
        Ok(gone.map(|(job, _, may_have_changed)| (job, may_have_changed)).collect())
    }

    /// Enters the outcome of the jobs that were cut off, and says how many of them are unknown.
    fn enter_cut_off(&mut self) -> Result<usize, Failure> {
        let live = instance::live(&self.running)?;
        let jobs = self.open_ended(&live)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut tail = Tail::load(&transaction, self.chain)?;
        for (job, may_have_changed) in &jobs {
            let (outcome, reason, summary) = cut_off(*may_have_changed);
            append::end(&transaction, self.chain, &mut tail, *job, [outcome, reason, summary])?;
        }
        transaction.commit()?;
        Ok(jobs.iter().filter(|(_, may_have_changed)| *may_have_changed).count())
    }
}

/// Opens the file, sets what SQLite does not remember, and brings the schema up to date.
fn connect(path: &Path, key_file: &Path) -> Result<Connection, Failure> {
    create_private(path)?;
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "recursive_triggers", true)?;
    // The answer is the mode; some network drives know no WAL and stay with the rollback journal, which is as safe.
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    let verdict: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Failure::Unsound(verdict));
    }
    schema::migrate(&mut connection, &schema::STEPS, |connection| chain::begin(connection, key_file))?;
    Ok(connection)
}

/// Makes the file, if need be, readable by this account only; SQLite gives its helper files the same rights.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// The columns of a job, with its end where there is one. A gateway that told its name during the job is called by it.
const JOBS: &str = "
    SELECT jobs.id, started_at, instance, action, link, profile,
           COALESCE((SELECT NULLIF(json_extract(told.detail, '$.name'), '') FROM entries AS told
                     WHERE told.job = jobs.id AND told.step IN ('describe', 'identity') AND told.outcome = 'done'
                           AND json_valid(told.detail) LIMIT 1), gateway) AS gateway,
           (SELECT name FROM batch_rows WHERE batch_rows.job = jobs.id) AS row_name, driver, operator, is_simulated,
           EXISTS (SELECT 1 FROM entries AS act WHERE act.job = jobs.id AND act.step <> 'job' GROUP BY act.step
                   HAVING SUM(act.phase = 'intent') > SUM(act.phase = 'outcome')) AS has_open_act,
           (SELECT max(last.at) FROM entries AS last WHERE last.job = jobs.id AND last.is_end = 0) AS last_entry_at,
           CASE WHEN ending.at IS NULL THEN
               (SELECT push.outcome FROM entries AS push
                WHERE push.job = jobs.id AND push.step = 'push' AND push.phase = 'outcome' ORDER BY push.sequence DESC LIMIT 1)
           END AS last_push,
           ending.at, ending.outcome, ending.reason, ending.summary
    FROM jobs LEFT JOIN entries AS ending ON ending.job = jobs.id AND ending.is_end = 1";

fn job_of(row: &Row<'_>, live: &HashSet<String>) -> rusqlite::Result<JobRecord> {
    let intent = intent_of(row)?;
    let (outcome, reason, summary) = match row.get::<_, Option<String>>("outcome")? {
        Some(outcome) => (outcome, row.get("reason")?, row.get("summary")?),
        None if live.contains(&row.get::<_, String>("instance")?) => {
            let last: Option<String> = row.get("last_push")?;
            let open =
                last.map_or_else(|| "Still running".into(), |last| format!("Still open; the last attempt was {last}"));
            ("running".into(), String::new(), open)
        }
        None => {
            let may_have_changed = intent.may_have_changed_a_gateway(row.get("has_open_act")?);
            let (outcome, reason, summary) = cut_off(may_have_changed);
            (outcome.into(), reason.into(), summary.into())
        }
    };
    let id = RecordId(row.get("id")?);
    let job = JobRecord {
        id,
        started_at: row.get("started_at")?,
        ended_at: row.get("at")?,
        intent,
        outcome,
        reason,
        summary,
        row_name: row.get("row_name")?,
        origin: None,
        last_entry_at: None,
    };
    // Its end was written by the next run of the program: when it came nobody knows.
    Ok(if job.has_ended_unseen() {
        JobRecord { ended_at: None, last_entry_at: row.get("last_entry_at")?, ..job }
    } else {
        job
    })
}

fn intent_of(row: &Row<'_>) -> rusqlite::Result<JobIntent> {
    Ok(JobIntent {
        action: row.get("action")?,
        gateway: row.get("gateway")?,
        link: row.get("link")?,
        profile: row.get("profile")?,
        driver: row.get("driver")?,
        operator: row.get("operator")?,
        is_simulated: row.get("is_simulated")?,
    })
}

fn entry_of(row: &Row<'_>) -> rusqlite::Result<EntryRecord> {
    let detail: String = row.get("detail")?;
    Ok(EntryRecord {
        sequence: row.get("sequence")?,
        at: row.get("at")?,
        step: row.get("step")?,
        phase: row.get("phase")?,
        outcome: row.get("outcome")?,
        // We wrote it as JSON; should someone have changed the file, the text itself is the best evidence left.
        detail: serde_json::from_str(&detail).unwrap_or(serde_json::Value::String(detail)),
    })
}

/// The time in UTC with milliseconds, always of the same length, so that text sorts as time does.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Where a test ends the process, as if it were killed there.
#[cfg(test)]
fn fail_point(name: &str) {
    if std::env::var_os(tests::FAIL_AT).is_some_and(|at| at == name) {
        std::process::abort();
    }
}

/// Where a test ends the process.
#[cfg(not(test))]
const fn fail_point(_name: &str) {}

#[cfg(test)]
mod tests;
