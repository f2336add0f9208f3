//! The port of recordings: telemetry on disk, written while it comes in, read back at any speed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Boxed;
use crate::model::destination::Destination;
use crate::model::problem::Problem;
use crate::telemetry::batch::Batch;
use crate::telemetry::recording::{LeftOut, RecorderState, RecordingFacts, RingPlan};

/// Writes and reads recordings. Problems come as a person reads them: the disk is full, no permission, not a recording.
pub trait Recordings: Send + Sync {
    /// Begins a recording in a file that grows. `about` is written into it: broker without login, profile, program version; redacted.
    fn create(&self, destination: Destination, about: RecordingFacts) -> Boxed<'_, Result<Arc<dyn Recorder>, Problem>>;

    /// Begins to keep the newest messages in a ring of files in the program's data folder.
    fn ring(&self, plan: RingPlan, about: RecordingFacts) -> Boxed<'_, Result<Arc<dyn Recorder>, Problem>>;

    /// Opens a recording, repairing its tail if its writer was cut off.
    fn open<'a>(&'a self, path: &'a Path) -> Boxed<'a, Result<Box<dyn Playback>, Problem>>;
}

/// A recording that is being written.
pub trait Recorder: Send + Sync {
    /// Takes messages in without waiting for the disk. False if the writer is too far behind: the caller has to wait with
    /// [`Recorder::ready`] and try again; nothing was taken.
    fn write(&self, batch: &Arc<Batch>) -> bool;

    /// Waits until [`Recorder::write`] takes something again.
    fn ready(&self) -> Boxed<'_, ()>;

    /// How it stands.
    fn state(&self) -> RecorderState;

    /// Copies the newest part of a ring into a recording of its own, which is complete when this returns.
    fn keep_last(&self, span: Duration, destination: Destination) -> Boxed<'_, Result<RecorderState, Problem>>;

    /// Writes what is left and closes the file.
    fn finish(&self) -> Boxed<'_, Result<RecorderState, Problem>>;

    /// Closes a file without a message and takes it away, as if it had never been begun; one with messages is finished. Whether
    /// it is gone.
    fn discard(&self) -> Boxed<'_, bool>;
}

/// A recording that is being read.
pub trait Playback: Send {
    /// How it stands.
    fn state(&self) -> RecorderState;

    /// What it says about itself.
    fn facts(&self) -> RecordingFacts;

    /// What had to be repaired so far, if anything: blocks are looked at when they are read.
    fn repaired(&self) -> Option<Problem>;

    /// What had to be left out so far.
    fn left_out(&self) -> LeftOut;

    /// The next messages; `None` at the end. What was left out is counted in the batch behind it.
    fn next(&mut self) -> Boxed<'_, Result<Option<Arc<Batch>>, Problem>>;

    /// Goes to the first message at or after that time, in microseconds since 1970 UTC.
    fn seek(&mut self, unix_micros: i64) -> Boxed<'_, Result<(), Problem>>;
}
