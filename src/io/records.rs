//! [`RecordStore`]: the records in SQLite, on a thread of their own.
//!
//! Intent is written before the act, the outcome after it, and each call returns once its entry is on the disk
//! (`synchronous=FULL`). The log is append-only. A job without outcome whose process is gone was cut off: it reads as
//! unknown, and the next writer puts that on the record. Secrets never come here; what a gateway says is kept as it is
//! and made safe where it is shown.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot};

use self::instance::Instance;
use super::files::{self, DataDir, FilesError};
use super::save;
use crate::flow::port::{Boxed, Records, RecordsError};
use crate::model::batch::BatchId;
use crate::model::destination::Destination;
use crate::model::problem::{Explain, Problem};
use crate::model::record::{EntryRecord, ExportFormat, JobHistory, JobIntent, JobRecord, Phase, RecordId, StepEntry};

mod batches;
pub(super) mod export;
mod instance;
mod schema;

/// Requests that may wait. Each caller waits for its own, so that more never come together.
const REQUESTS: usize = 64;
/// How long another process may hold the database.
const BUSY: Duration = Duration::from_secs(5);
/// The step under which a job as a whole is entered.
const JOB_STEP: &str = "job";
/// The code of a job that was cut off.
pub const CUT_OFF: &str = "records.cut_off";
const CUT_OFF_SUMMARY: &str = "The program ended before the outcome was known; verify on the device";

/// The code of a job that ended with the program and can have changed nothing.
pub const ENDED_EARLY: &str = "records.ended_early";
const ENDED_EARLY_SUMMARY: &str = "The program ended while this ran; no gateway was changed";

/// How a job reads that the program's end cut off: outcome, reason, summary.
fn cut_off(may_have_changed: bool) -> (&'static str, &'static str, &'static str) {
    if may_have_changed { ("unknown", CUT_OFF, CUT_OFF_SUMMARY) } else { ("closed", ENDED_EARLY, ENDED_EARLY_SUMMARY) }
}

/// A piece of work for the thread.
type Work = Box<dyn FnOnce(&mut Database) + Send>;

/// The records of this computer account. Closing waits for what was begun.
pub struct RecordStore {
    work: Option<mpsc::Sender<Work>>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
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

    /// The jobs, newest first, at most `limit`.
    pub async fn list(&self, limit: usize) -> Result<Vec<JobRecord>, RecordsError> {
        self.run(move |database| database.list(limit)).await
    }

    /// One job with its entries.
    pub async fn show(&self, id: RecordId) -> Result<JobHistory, RecordsError> {
        self.run(move |database| database.show(id)).await
    }

    /// The newest jobs with their entries, for diagnostics.
    pub async fn recent(&self, limit: usize) -> Result<Vec<JobHistory>, RecordsError> {
        self.run(move |database| database.histories(Some(limit))).await
    }

    /// Writes all jobs to a file, oldest first, and says how many they are.
    pub async fn export(&self, destination: Destination, format: ExportFormat) -> Result<usize, ExportError> {
        let destination = destination.made_from([self.path.clone()]);
        self.run(move |database| Ok(database.export(&destination, format))).await?
    }

    fn start(data_dir: &DataDir, is_writer: bool) -> Result<Self, RecordsError> {
        let path = data_dir.records();
        let explain = |failure: Failure| failure.at(&path);
        let mut database = Database::open(data_dir, is_writer).map_err(explain)?;
        let cut_off = database.cut_off;
        let (work, mut requests) = mpsc::channel::<Work>(REQUESTS);
        let thread = Builder::new()
            .name("records".into())
            .spawn(move || {
                while let Some(request) = requests.blocking_recv() {
                    request(&mut database);
                }
            })
            .map_err(|error| explain(Failure::Io(error)))?;
        Ok(Self { work: Some(work), thread: Some(thread), path, cut_off })
    }

    /// Has the thread do a piece of work. Once taken it is done, even if nobody waits for the answer any more.
    async fn run<T, F>(&self, work: F) -> Result<T, RecordsError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Database) -> Result<T, Failure> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let request: Work = Box::new(move |database| {
            // Whoever asked may have gone; the work is done all the same.
            let _ = answer.send(work(database));
        });
        let gone = || Failure::ThreadGone.at(&self.path);
        self.work.as_ref().ok_or_else(gone)?.send(request).await.map_err(|_| gone())?;
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
        Box::pin(self.run(move |database| database.begin(&intent, None)))
    }

    fn step(&self, job: RecordId, entry: StepEntry) -> Boxed<'_, Result<(), RecordsError>> {
        Box::pin(self.run(move |database| database.step(job, &entry)))
    }

    fn end(
        &self,
        job: RecordId,
        outcome: &'static str,
        reason: String,
        summary: String,
    ) -> Boxed<'_, Result<(), RecordsError>> {
        Box::pin(self.run(move |database| database.end(job, outcome, &reason, &summary)))
    }
}

/// What went wrong, before the path is known.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Folder(FilesError),
    #[error("schema version {found} is newer than {known}")]
    TooNew { found: i64, known: i64 },
    #[error("the file is a database of another program")]
    Foreign,
    #[error("the database does not pass its check: {0}")]
    Unsound(String),
    #[error("there is no job {0}")]
    NoJob(i64),
    #[error("the job has ended already")]
    Ended,
    #[error("the thread of the records has ended")]
    ThreadGone,
}

impl Failure {
    fn at(self, path: &Path) -> RecordsError {
        let detail = self.to_string();
        let path = path.display().to_string();
        match self {
            Self::TooNew { found, known } => RecordsError::TooNew { path, found, known },
            Self::NoJob(id) => RecordsError::NotFound { id },
            Self::Foreign | Self::Unsound(_) => RecordsError::Damaged { path, detail },
            Self::Folder(_) => RecordsError::NotOpened { path, detail },
            Self::Io(error) => match error.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => RecordsError::DiskFull { path },
                _ => RecordsError::NotOpened { path, detail },
            },
            Self::Sql(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => RecordsError::DiskFull { path },
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => RecordsError::Damaged { path, detail },
                Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                    RecordsError::NotOpened { path, detail }
                }
                _ => RecordsError::Failed { path, detail },
            },
            Self::Json(_) | Self::Ended | Self::ThreadGone => RecordsError::Failed { path, detail },
        }
    }
}

/// The database, as the thread holds it. The connection is closed before the lock is freed.
struct Database {
    connection: Connection,
    instance: Option<Instance>,
    running: PathBuf,
    cut_off: usize,
}

impl Database {
    fn open(data_dir: &DataDir, is_writer: bool) -> Result<Self, Failure> {
        let running = data_dir.running();
        files::make_private_folder(&running).map_err(Failure::Folder)?;
        // Held until the end of this function: others wait with opening, registering and sweeping.
        let _guard = instance::guard(&running)?;
        let connection = connect(&data_dir.records())?;
        let mut database = Self { connection, instance: None, running, cut_off: 0 };
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

    /// Begins a job; of a batch together with the row it belongs to.
    fn begin(&mut self, intent: &JobIntent, row: Option<(BatchId, &str, &str)>) -> Result<RecordId, Failure> {
        let instance = self.instance.as_ref().map_or("reader", |instance| instance.name.as_str());
        let now = now();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute(
            "INSERT INTO jobs (instance, started_at, action, gateway, link, profile, driver, operator, is_simulated)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                instance,
                now,
                intent.action,
                intent.gateway,
                intent.link,
                intent.profile,
                intent.driver,
                intent.operator,
                intent.is_simulated
            ],
        )?;
        let job = transaction.last_insert_rowid();
        let detail = serde_json::to_string(intent)?;
        transaction.execute(
            "INSERT INTO entries (job, at, step, phase, outcome, detail) VALUES (?1, ?2, ?3, ?4, '', ?5)",
            params![job, now, JOB_STEP, Phase::Intent.as_str(), detail],
        )?;
        if let Some((batch, name, content)) = row {
            transaction.execute(
                "INSERT INTO batch_rows (job, batch, name, content) VALUES (?1, ?2, ?3, ?4)",
                params![job, batch.0, name, content],
            )?;
        }
        transaction.commit()?;
        Ok(RecordId(job))
    }

    fn step(&mut self, job: RecordId, entry: &StepEntry) -> Result<(), Failure> {
        let detail = serde_json::to_string(&entry.detail)?;
        let inserted = self.connection.execute(
            "INSERT INTO entries (job, at, step, phase, outcome, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![job.0, now(), entry.step, entry.phase.as_str(), entry.outcome, detail],
        );
        self.told(job, inserted)
    }

    fn end(&mut self, job: RecordId, outcome: &str, reason: &str, summary: &str) -> Result<(), Failure> {
        let inserted = insert_end(&self.connection, job.0, outcome, reason, summary);
        self.told(job, inserted)
    }

    /// Tells a refused entry apart: no such job, or an end that was written already.
    fn told(&self, job: RecordId, inserted: rusqlite::Result<usize>) -> Result<(), Failure> {
        match inserted {
            Ok(_) => Ok(()),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Err(if self.has_job(job)? { Failure::Ended } else { Failure::NoJob(job.0) })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn has_job(&self, job: RecordId) -> rusqlite::Result<bool> {
        let found = self.connection.query_row("SELECT 1 FROM jobs WHERE id = ?1", [job.0], |_| Ok(())).optional()?;
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
        Ok(JobHistory { entries: self.entries(id)?, job })
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
        jobs.into_iter().map(|job| Ok(JobHistory { entries: self.entries(job.id)?, job })).collect()
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
        for (job, may_have_changed) in &jobs {
            let (outcome, reason, summary) = cut_off(*may_have_changed);
            insert_end(&transaction, *job, outcome, reason, summary)?;
        }
        transaction.commit()?;
        Ok(jobs.iter().filter(|(_, may_have_changed)| *may_have_changed).count())
    }
}

/// Opens the file, sets what SQLite does not remember, and brings the schema up to date.
fn connect(path: &Path) -> Result<Connection, Failure> {
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
    schema::migrate(&mut connection, &schema::STEPS)?;
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
                     WHERE told.job = jobs.id AND told.step = 'describe' AND told.outcome = 'done'
                           AND json_valid(told.detail) LIMIT 1), gateway) AS gateway,
           driver, operator, is_simulated,
           EXISTS (SELECT 1 FROM entries AS act WHERE act.job = jobs.id AND act.step <> 'job' GROUP BY act.step
                   HAVING SUM(act.phase = 'intent') > SUM(act.phase = 'outcome')) AS has_open_act,
           ending.at, ending.outcome, ending.reason, ending.summary
    FROM jobs LEFT JOIN entries AS ending ON ending.job = jobs.id AND ending.is_end = 1";

fn job_of(row: &Row<'_>, live: &HashSet<String>) -> rusqlite::Result<JobRecord> {
    let intent = intent_of(row)?;
    let (outcome, reason, summary) = match row.get::<_, Option<String>>("outcome")? {
        Some(outcome) => (outcome, row.get("reason")?, row.get("summary")?),
        None if live.contains(&row.get::<_, String>("instance")?) => {
            ("running".into(), String::new(), "Still running".into())
        }
        None => {
            let may_have_changed = intent.may_have_changed_a_gateway(row.get("has_open_act")?);
            let (outcome, reason, summary) = cut_off(may_have_changed);
            (outcome.into(), reason.into(), summary.into())
        }
    };
    let id = RecordId(row.get("id")?);
    Ok(JobRecord { id, started_at: row.get("started_at")?, ended_at: row.get("at")?, intent, outcome, reason, summary })
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

fn insert_end(
    connection: &Connection,
    job: i64,
    outcome: &str,
    reason: &str,
    summary: &str,
) -> rusqlite::Result<usize> {
    let detail = serde_json::json!({ "reason": reason, "summary": summary }).to_string();
    connection.execute(
        "INSERT INTO entries (job, at, step, phase, outcome, reason, summary, detail, is_end)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1)",
        params![job, now(), JOB_STEP, Phase::Outcome.as_str(), outcome, reason, summary, detail],
    )
}

/// The time in UTC with milliseconds, always of the same length, so that text sorts as time does.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests;
