//! Recordings: what they are and how they look on disk. `docs/recording.md` is the description for other programs.
//!
//! A recording is a header, then blocks one after the other, then an index. A block holds some thousand messages, can be
//! read by itself, and carries its own checksums: what was written before a crash stays readable, index or not.
//! Nothing here opens a file; bytes come through [`reader::Source`] and go out as they are to be written.

pub mod block;
mod error;
mod filter;
pub mod index;
mod pack;
mod properties;
pub mod reader;
#[cfg(test)]
mod tests;
mod wire;

use std::path::PathBuf;
use std::time::Duration;

pub use self::error::{LeftOut, RecordingError, Repairs, Skip};
pub use self::pack::{Packer, Sealed};
use crate::model::problem::Problem;

/// The version of the format that is written. A reader refuses a higher one.
pub const VERSION: u16 = 1;
/// How the names of recordings end.
pub const EXTENSION: &str = "lmrec";
/// Most bytes of a block before compression: the longest message of MQTT and what stands around it.
pub const MAX_RAW_BYTES: u32 = 288 * 1024 * 1024;
/// Most messages of a block.
pub const MAX_BLOCK_MESSAGES: u32 = 1 << 20;
/// Most bytes of what a recording says about itself.
pub const MAX_FACTS_BYTES: u32 = 256 * 1024;

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
