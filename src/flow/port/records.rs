//! The port of the records: what was started, before it happens, and what came of it.

use super::Boxed;
use crate::model::batch::{BatchHistory, BatchId};
use crate::model::problem::{Explain, Problem};
use crate::model::record::{JobIntent, RecordId, StepEntry};
use crate::model::text::visible;

/// The records: intent before the act, outcome after it. Each call returns once the entry is on the disk.
pub trait Records: Send + Sync {
    /// Begins a job.
    fn begin(&self, intent: JobIntent) -> Boxed<'_, Result<RecordId, RecordsError>>;

    /// Adds an entry to a job.
    fn step(&self, job: RecordId, entry: StepEntry) -> Boxed<'_, Result<(), RecordsError>>;

    /// Writes the outcome of a job: its word, its code and one sentence.
    fn end(
        &self,
        job: RecordId,
        outcome: &'static str,
        reason: String,
        summary: String,
    ) -> Boxed<'_, Result<(), RecordsError>>;
}

/// The records of many gateways in one go: which job belongs to which row, so that an end of the program leaves no doubt.
pub trait BatchRecords: Records {
    /// Begins a batch. `source` names what it is made from: the path of its manifest.
    fn open_batch(&self, source: String) -> Boxed<'_, Result<BatchId, RecordsError>>;

    /// Begins the job of a row, in one act with the note to which row it belongs.
    fn begin_row(
        &self,
        batch: BatchId,
        name: String,
        content: String,
        intent: JobIntent,
    ) -> Boxed<'_, Result<RecordId, RecordsError>>;

    /// The newest batch made from that, with the jobs of its rows.
    fn last_batch(&self, source: String) -> Boxed<'_, Result<Option<BatchHistory>, RecordsError>>;

    /// The batch of that number, if there is one.
    fn batch(&self, id: BatchId) -> Boxed<'_, Result<Option<BatchHistory>, RecordsError>>;
}

/// Why the records could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordsError {
    /// The folder or file cannot be opened.
    #[error("the records at {path} cannot be opened")]
    NotOpened {
        /// Path of the file.
        path: String,
        /// What the system said.
        detail: String,
    },
    /// The file is no database, or is damaged.
    #[error("the records at {path} are damaged")]
    Damaged {
        /// Path of the file.
        path: String,
        /// What SQLite said.
        detail: String,
    },
    /// The file with the key that seals the records is damaged.
    #[error("the key of the records at {path} cannot be read")]
    BadKey {
        /// Path of the records.
        path: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A newer version of the program wrote the file.
    #[error("the records at {path} were written by a newer version")]
    TooNew {
        /// Path of the file.
        path: String,
        /// Version of the schema found.
        found: i64,
        /// Newest version this program knows.
        known: i64,
    },
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull {
        /// Path of the file.
        path: String,
    },
    /// No job has that number.
    #[error("there is no record {id}")]
    NotFound {
        /// The number asked for.
        id: i64,
    },
    /// Anything else.
    #[error("the records at {path} could not be used")]
    Failed {
        /// Path of the file.
        path: String,
        /// What SQLite or the system said.
        detail: String,
    },
}

impl Explain for RecordsError {
    fn explain(&self) -> Problem {
        match self {
            Self::NotOpened { path, detail } => Problem::new(
                "records.not_opened",
                "The records cannot be opened",
                "The folder is missing, read-only or belongs to another account",
                "Check the permissions of the data folder, or start Linesman with another one",
            )
            .with_detail(format!("{path}: {}", visible(detail, 300))),
            Self::Damaged { path, detail } => Problem::new(
                "records.damaged",
                "The records are damaged",
                "The file isn't a Linesman database, or the disk has errors",
                "Move the file to another folder for support; Linesman creates a new one at the next start",
            )
            .with_detail(format!("{path}: {}", visible(detail, 300))),
            Self::BadKey { path, detail } => Problem::new(
                "records.bad_key",
                "The key that seals the records cannot be read",
                "The file records.key was edited or is damaged",
                "Restore records.key from a backup, or move it and records.sqlite away together and keep both",
            )
            .with_detail(format!("{path}: {}", visible(detail, 300))),
            Self::TooNew { path, found, known } => Problem::new(
                "records.too_new",
                "The records were written by a newer version of Linesman",
                format!("The file has schema version {found}; this program knows {known}"),
                "Use the newer version, or start this one with another data folder",
            )
            .with_detail(path.clone()),
            Self::DiskFull { path } => Problem::new(
                "records.disk_full",
                "The records can't be written",
                "The disk is full",
                "Free some space and try again; nothing is sent to a gateway while the records cannot be written",
            )
            .with_detail(path.clone()),
            Self::NotFound { id } => Problem::new(
                "records.not_found",
                format!("There is no record {id}"),
                "The number is mistyped, or the record is in another data folder",
                "List the records and choose one of them",
            ),
            Self::Failed { path, detail } => Problem::new(
                "records.failed",
                "The records could not be used",
                "The database reported an error",
                "Try again; if it happens again, copy the diagnostics and ask for support",
            )
            .with_detail(format!("{path}: {}", visible(detail, 300))),
        }
    }
}
