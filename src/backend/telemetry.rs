//! Inspections: each on a thread of its own with a small runtime, so that a flood of messages delays no other job.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::handle::Reporter;
use crate::flow::inspect::{self, Setup};
use crate::io::usage::usage;
use crate::model::ids::JobId;
use crate::model::problem::Problem;
use crate::msg::telemetry::{TelemetryCommand, TelemetryEvent};
use crate::msg::{Event, JobEnd};

/// Commands an inspection may have waiting: a window that scrolls sends one a frame.
const COMMANDS: usize = 256;
/// Reports an inspection may have waiting.
const REPORTS: usize = 64;

/// What an inspection is started with, but for its channels.
pub(super) type Prepare = Box<dyn FnOnce(mpsc::Sender<(Duration, TelemetryEvent)>) -> Setup + Send>;

/// Starts an inspection. The answer to [`oneshot::Receiver`] is how it ended; it breaks off if the thread crashes.
pub(super) fn start(
    job: JobId,
    prepare: Prepare,
    stop: watch::Receiver<bool>,
    reporter: Reporter,
) -> std::io::Result<(mpsc::Sender<TelemetryCommand>, oneshot::Receiver<JobEnd>)> {
    let (commands, command_rx) = mpsc::channel(COMMANDS);
    let (ended, end) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("inspection".into()).spawn(move || {
        let end = runtime.block_on(async {
            let (progress, mut reports) = mpsc::channel(REPORTS);
            let forward = async {
                while let Some((at, event)) = reports.recv().await {
                    reporter.report(Event::TelemetryProgressed { job, at, event }).await;
                }
            };
            let (end, ()) = tokio::join!(inspect::run(prepare(progress), command_rx, stop), forward);
            end
        });
        // Blocking calls that hang must not keep the program alive.
        runtime.shutdown_background();
        // Workers that have ended do not hear it.
        let _ = ended.send(end);
    })?;
    Ok((commands, end))
}

/// Processor time and memory of this program, as an inspection tells them at its end.
pub(super) fn usage_of_this_program() -> Arc<dyn Fn() -> (Duration, u64) + Send + Sync> {
    Arc::new(usage)
}

/// The clock of this computer, in microseconds since 1970 UTC.
pub(super) fn clock() -> Arc<dyn Fn() -> i64 + Send + Sync> {
    Arc::new(|| jiff::Timestamp::now().as_microsecond())
}

/// An inspection crashed: a mistake in the program, told as one.
pub(super) fn crashed() -> Problem {
    tracing::error!("an inspection crashed");
    Problem::new(
        "app.crashed",
        "The inspection failed due to a program error",
        "This is a fault of Linesman, not of the broker",
        "Copy the diagnostics and send them to support, then open it again",
    )
}

/// A command for an inspection that has ended or is behind.
pub(super) fn not_taken(is_gone: bool) -> Problem {
    if is_gone {
        Problem::new("telemetry.gone", "The request wasn't accepted", "The inspection is closed", "Open it again")
    } else {
        Problem::new(
            "telemetry.behind",
            "The request wasn't accepted",
            "The inspection still has many requests waiting",
            "Wait a moment and try again",
        )
    }
}
