//! How a flow tells what it does: [`Progress`] with the time since its start, over a bounded channel.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::msg::{Progress, Step};

/// The end of a session's channel that the flow writes to.
#[derive(Clone)]
pub struct Report {
    started: Instant,
    progress: mpsc::Sender<(Duration, Progress)>,
}

impl Report {
    /// A report that counts from now.
    pub fn new(progress: mpsc::Sender<(Duration, Progress)>) -> Self {
        Self { started: Instant::now(), progress }
    }

    /// Time since the session began.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Tells something. A front end that has gone does not hear it, and the flow goes on.
    pub async fn send(&self, progress: Progress) {
        let _ = self.progress.send((self.elapsed(), progress)).await;
    }

    /// A step begins.
    pub async fn started(&self, step: Step, waits_for: &str, limit: Duration) {
        self.send(Progress::StepStarted { step, waits_for: waits_for.to_owned(), limit }).await;
    }

    /// A step ended well.
    pub async fn done(&self, step: Step, note: impl Into<String>) {
        self.send(Progress::StepDone { step, note: note.into() }).await;
    }
}
