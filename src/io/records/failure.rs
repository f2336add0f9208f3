//! What can go wrong with the database, and what that means to a person.

use std::io::ErrorKind;
use std::path::Path;

use rusqlite::ErrorCode;

use crate::flow::port::RecordsError;
use crate::io::files::FilesError;

/// What went wrong, before the path is known.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Folder(FilesError),
    #[error("the key file cannot be used: {0}")]
    BadKey(String),
    #[error("the system has no random numbers")]
    NoRandomness,
    #[error("the beginning of the chain is missing")]
    NoChain,
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
    pub(super) fn at(self, path: &Path) -> RecordsError {
        let detail = self.to_string();
        let path = path.display().to_string();
        match self {
            Self::TooNew { found, known } => RecordsError::TooNew { path, found, known },
            Self::NoJob(id) => RecordsError::NotFound { id },
            Self::Foreign | Self::Unsound(_) | Self::NoChain => RecordsError::Damaged { path, detail },
            Self::BadKey(_) => RecordsError::BadKey { path, detail },
            Self::Io(error) if is_full(&error) => RecordsError::DiskFull { path },
            Self::Folder(_) | Self::Io(_) => RecordsError::NotOpened { path, detail },
            Self::Sql(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => RecordsError::DiskFull { path },
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => RecordsError::Damaged { path, detail },
                Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                    RecordsError::NotOpened { path, detail }
                }
                _ => RecordsError::Failed { path, detail },
            },
            Self::Json(_) | Self::Ended | Self::ThreadGone | Self::NoRandomness => {
                RecordsError::Failed { path, detail }
            }
        }
    }
    /// Whether the log refuses this one entry, and takes others all the same.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            Self::Json(_) | Self::NoJob(_) | Self::Ended => true,
            Self::Sql(error) => {
                matches!(error.sqlite_error_code(), Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig))
            }
            _ => false,
        }
    }

    /// Whether the disk may have no room. Of a full one SQLite also says that it cannot be used, where its shared memory
    /// finds none.
    pub(super) fn may_be_a_full_disk(&self) -> bool {
        matches!(Self::kind_of(self), Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure))
    }

    fn kind_of(&self) -> Option<ErrorCode> {
        match self {
            Self::Sql(error) => error.sqlite_error_code(),
            Self::Io(error) if is_full(error) => Some(ErrorCode::DiskFull),
            _ => None,
        }
    }

    /// What a key file that could not be written means.
    pub(super) fn of_key_file(error: FilesError) -> Self {
        match error {
            FilesError::DiskFull { .. } => Self::Io(ErrorKind::StorageFull.into()),
            error => Self::Folder(error),
        }
    }
}

pub(super) fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}
