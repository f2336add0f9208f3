//! Many gateways in one go: what can be asked, and what is told.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::batch::{Again, BatchId, Finding, RowHead, RowPlan, RowResult, Summary};
use crate::model::destination::Destination;
use crate::model::secret::Secret;

/// What can be asked of a batch.
#[derive(Clone)]
pub enum BatchCommand {
    /// Read and check a manifest; nothing is sent to a gateway. Answer: [`BatchEvent::Checked`], and the job ends.
    Check {
        /// The file.
        manifest: PathBuf,
        /// Secrets given once, by name.
        secrets: Vec<(String, Secret<String>)>,
    },
    /// Begin. Answer: [`BatchEvent::Checked`] when the manifest has mistakes, else [`BatchEvent::Began`] and what follows.
    Start(Box<BatchStart>),
    /// Begin no further row; those under way run to their end.
    Pause,
    /// Go on.
    Resume,
    /// Do rows again that have ended, while the batch runs.
    Retry(Again),
    /// Write results to a file, as they stand.
    Export {
        /// The file.
        destination: Destination,
        /// The rows with what came of them.
        rows: Vec<(RowHead, Option<RowResult>)>,
    },
}

/// How a batch is begun.
#[derive(Clone)]
pub struct BatchStart {
    /// What is to be done.
    pub source: BatchSource,
    /// Links at once, 1 to [`crate::model::batch::MAX_PARALLEL`].
    pub parallel: usize,
    /// How long to wait for a gateway that is to be plugged in, counted from the last one that came or ended.
    pub wait: Duration,
    /// Whether each gateway scans first, so that a network it cannot join is told before it is sent.
    pub is_scanning: bool,
    /// Go on with an earlier run instead of beginning anew: what succeeded in it is not repeated.
    pub go_on: Option<Again>,
    /// The file for the results, written as rows end.
    pub out: Option<Destination>,
}

/// What a batch is made from.
#[derive(Clone)]
pub enum BatchSource {
    /// A manifest.
    Manifest {
        /// The file.
        path: PathBuf,
        /// Secrets given once, by name.
        secrets: Vec<(String, Secret<String>)>,
    },
    /// Gateways chosen in the window, with the network of the form.
    Selected {
        /// The orders.
        rows: Vec<RowPlan>,
        /// The batch to go on with, when [`BatchStart::go_on`] is set.
        batch: Option<BatchId>,
    },
}

/// What a batch tells.
pub enum BatchEvent {
    /// What the manifest says, or what is wrong with it.
    Checked(Box<ManifestCheck>),
    /// It begins with these rows.
    Began {
        /// Its number in the records.
        batch: BatchId,
        /// The rows, in order.
        rows: Vec<RowHead>,
    },
    /// A row stands differently. Rows count from 0 as in [`BatchEvent::Began`].
    Row {
        /// Which.
        index: usize,
        /// How it stands.
        state: RowState,
    },
    /// Whether it begins no further row until it is told to go on.
    Paused(bool),
    /// The result file cannot be written; the batch goes on, and the records have it all.
    OutTrouble(crate::model::problem::Problem),
    /// All rows have ended or been left.
    Ended {
        /// The counts.
        summary: Summary,
        /// From the start to the end.
        took: Duration,
    },
}

/// What the check of a manifest brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManifestCheck {
    /// The rows without mistakes.
    pub rows: Vec<RowHead>,
    /// The mistakes.
    pub findings: Vec<Finding>,
    /// Names of secrets that are referred to and were not given. They are no mistakes before the batch is to begin.
    pub wanted: Vec<String>,
    /// What a person should know that is no mistake.
    pub notes: Vec<String>,
    /// What an earlier run of this manifest came to, if there was one: for each row what is known of it.
    pub earlier: Option<Vec<Option<RowResult>>>,
}

/// How a row stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowState {
    /// It was not begun.
    Open,
    /// Its gateway is waited for: to be plugged in, or to be heard.
    Expected,
    /// It is under way.
    Running {
        /// The step, in words.
        step: String,
        /// Whether a person has to act at the gateway now.
        calls: bool,
    },
    /// It ended.
    Ended(Box<RowResult>),
}
