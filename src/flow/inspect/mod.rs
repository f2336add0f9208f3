//! An inspection: messages from a broker or a recording, into the store and onto the disk, and what a front end wants to see
//! of them.
//!
//! One task on a thread of its own does nothing but wait, take in and cut pages: work that takes long is done in slices, and
//! while nothing happens nothing wakes. A lost connection is made again with growing waits; a wrong password is not tried
//! twice. Whatever changes the outside is on record before it happens, and its outcome after it.

mod acts;
mod backoff;
mod error;
mod export;
mod job;
mod link;
mod playback;
mod retained;
mod rules;
#[cfg(test)]
mod tests;
mod trace;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

pub(super) use self::acts::clear_intent;
pub use self::error::InspectError;
use self::job::Job;
pub(super) use self::retained::{after_clearing, clear, find};
use super::commission::stopped;
use super::port::{Broker, InspectionFiles, Recordings, Records, RecordsError};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::Explain as _;
use crate::model::record::JobIntent;
use crate::msg::JobEnd;
use crate::msg::telemetry::{InspectionStart, TelemetryCommand, TelemetryEvent};
use crate::profile::rules::Expectation;

/// What an inspection needs to begin.
pub struct Setup {
    /// What is inspected, and how.
    pub start: InspectionStart,
    /// The rows of the profile that are held against what arrives.
    pub expectations: Vec<Expectation>,
    /// The profile's topics: a message on one of them is the gateway's first. Empty for any topic.
    pub topics: Vec<TopicFilter>,
    /// What recordings and bundles say about themselves beside the broker: profile, program version.
    pub about: Vec<(String, String)>,
    /// What goes on record at the start.
    pub intent: JobIntent,
    /// The way to brokers.
    pub broker: Arc<dyn Broker>,
    /// The way to recordings.
    pub recordings: Arc<dyn Recordings>,
    /// The way to other files.
    pub files: Arc<dyn InspectionFiles>,
    /// Where acts are recorded; without it a broker can be watched, and nothing is done to it.
    pub records: Result<Arc<dyn Records>, RecordsError>,
    /// Where reports go, with the time since the start.
    pub progress: mpsc::Sender<(Duration, TelemetryEvent)>,
    /// The time, in microseconds since 1970 UTC.
    pub clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// Processor time and the most memory that this program has used.
    pub usage: Arc<dyn Fn() -> (Duration, u64) + Send + Sync>,
}

/// Inspects until it is closed or stopped, and says at the end what it amounted to.
pub async fn run(
    setup: Setup,
    mut commands: mpsc::Receiver<TelemetryCommand>,
    mut stop: watch::Receiver<bool>,
) -> JobEnd {
    let mut job = Job::new(setup);
    let driven = tokio::select! {
        biased;
        () = stopped(&mut stop) => None,
        driven = job.drive(&mut commands) => Some(driven),
    };
    let end = match driven {
        None => JobEnd::Cancelled,
        Some(Ok(())) => JobEnd::Done { note: String::new() },
        Some(Err(problem)) => JobEnd::Failed(problem),
    };
    let farewell = async {
        // Whoever stops it does not want to wait for what is still on its way.
        job.wind_down(matches!(end, JobEnd::Done { .. })).await
    };
    match farewell.await {
        Ok(note) => match end {
            JobEnd::Done { .. } => JobEnd::Done { note },
            end => end,
        },
        Err(error) => JobEnd::Failed(error.explain()),
    }
}
