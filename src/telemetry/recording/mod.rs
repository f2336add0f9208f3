//! Recordings: what they are and how they look on disk.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::problem::Problem;

/// How a recording stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecorderState {
    /// The file, or the folder of the ring.
    pub path: PathBuf,
    /// Messages in it.
    pub messages: u64,
    /// Bytes on disk.
    pub file_bytes: u64,
    /// From when to when, in microseconds since 1970 UTC.
    pub span_unix_micros: Option<(i64, i64)>,
    /// Why nothing more is written: the disk is full, say.
    pub problem: Option<Problem>,
}

/// How much a ring keeps. The first limit that is reached counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingPlan {
    /// For how long.
    pub span: Duration,
    /// Bytes on disk.
    pub bytes: u64,
}

/// What a recording says about itself. Redacted: holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordingFacts {
    /// Name and value, in the order in which they are shown.
    pub facts: Vec<(String, String)>,
}
