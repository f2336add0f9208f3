//! The jobs that run: their numbers, and what each is for.
//!
//! An event of a job that is not listed here is dropped: nobody waits for it any more.

use std::time::Instant;

use crate::model::ids::{JobId, LinkAddress};

/// What a job is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// Ask a port what it is.
    Probe(LinkAddress),
    /// A session with a gateway.
    Session,
    /// Read and check a manifest.
    CheckManifest,
    /// Commission many gateways.
    Batch,
    /// Write the results of a batch to a file.
    ExportResults,
    /// A terminal on a port.
    Terminal,
    /// A gateway under management.
    Device,
    /// A gateway is taken out of service.
    Wipe,
    /// A card is searched.
    CardScan,
    /// A certificate is written.
    SaveCertificate,
    /// The telemetry of a broker or recording.
    Telemetry,
    /// Read a QR code.
    ReadQr,
    /// Write the records to a file.
    ExportRecords,
    /// Write a report of what is on record to a file.
    Report,
    /// Write a session's transcript to a file.
    ExportTranscript,
    /// Write a picture of the plot to a file.
    SavePicture,
    /// The bench broker.
    Bench,
    /// A network check.
    Check,
    /// Put the diagnostics together.
    Diagnostics,
}

impl JobKind {
    /// Whether its clock is shown: what may run all day has none, so that the window rests.
    pub const fn has_clock(&self) -> bool {
        !matches!(self, Self::Telemetry | Self::Bench | Self::Check)
    }

    /// What its button is called that ends it early: what goes on until somebody stops it or can be taken up again is stopped,
    /// what has an end of its own is cancelled.
    pub const fn stop_word(&self) -> &'static str {
        match self {
            Self::Batch | Self::Wipe | Self::Telemetry | Self::Bench | Self::Check => "Stop",
            Self::Terminal => "Close",
            _ => "Cancel",
        }
    }

    /// Whether closing the window in the middle would lose something.
    pub const fn must_not_be_cut(&self) -> bool {
        matches!(
            self,
            Self::Session
                | Self::Device
                | Self::Wipe
                | Self::SaveCertificate
                | Self::Batch
                | Self::Terminal
                | Self::ExportResults
                | Self::ExportRecords
                | Self::Report
                | Self::ExportTranscript
        )
    }
}

/// A job that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningJob {
    /// Its number.
    pub id: JobId,
    /// What it is for.
    pub kind: JobKind,
    /// What the bar at the bottom says of it.
    pub label: String,
    /// When it was started.
    pub started: Instant,
}

/// All jobs that run, oldest first.
#[derive(Debug, Default)]
pub struct Jobs {
    last: u64,
    running: Vec<RunningJob>,
}

impl Jobs {
    /// The jobs that run, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &RunningJob> {
        self.running.iter()
    }

    /// Whether nothing runs.
    pub const fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Whether the job still runs.
    pub fn is_running(&self, id: JobId) -> bool {
        self.running.iter().any(|job| job.id == id)
    }

    /// How many ports are being asked.
    pub fn probes(&self) -> usize {
        self.running.iter().filter(|job| matches!(job.kind, JobKind::Probe(_))).count()
    }

    /// Lists a new job and gives it its number.
    pub(super) fn start(&mut self, kind: JobKind, label: impl Into<String>, now: Instant) -> JobId {
        self.last += 1;
        let id = JobId(self.last);
        self.running.push(RunningJob { id, kind, label: label.into(), started: now });
        id
    }

    /// Takes a job off the list; `None` if nobody waits for it.
    pub(super) fn finish(&mut self, id: JobId) -> Option<RunningJob> {
        let index = self.running.iter().position(|job| job.id == id)?;
        Some(self.running.remove(index))
    }
}
