//! How a flow tells what it does: [`Progress`] with the time since its start, over a bounded channel.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::msg::{Progress, Step};

/// The end of a session's channel that the flow writes to.
#[derive(Clone)]
pub struct Report {
    started: Instant,
    progress: mpsc::Sender<(Duration, Progress)>,
    /// When the step that runs is given up.
    until: Arc<watch::Sender<Option<Instant>>>,
}

impl Report {
    /// A report that counts from now.
    pub fn new(progress: mpsc::Sender<(Duration, Progress)>) -> Self {
        Self { started: Instant::now(), progress, until: Arc::new(watch::Sender::new(None)) }
    }

    /// A report that nobody follows, for a flow that tells in words of its own.
    pub(super) fn to_nobody() -> Self {
        Self::new(mpsc::channel(1).0)
    }

    /// Time since the session began.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Tells something. A front end that has gone does not hear it, and the flow goes on.
    pub async fn send(&self, progress: Progress) {
        let _ = self.progress.send((self.elapsed(), progress)).await;
    }

    /// A step begins, with its limit in total.
    pub(super) async fn began(&self, step: Step, waits_for: &str, limit: Duration) {
        self.until.send_replace(Some(Instant::now() + limit));
        self.send(Progress::StepStarted { step, waits_for: waits_for.to_owned(), limit }).await;
    }

    /// The step that runs waits for something else now; its limit stays what it was.
    pub(super) async fn waits_for(&self, step: Step, waits_for: &str) {
        let limit = self.left();
        self.send(Progress::StepStarted { step, waits_for: waits_for.to_owned(), limit }).await;
    }

    /// The step that ran is over.
    pub(super) fn ended(&self) {
        self.until.send_replace(None);
    }

    /// What is left of the limit of the step that runs.
    pub(super) fn left(&self) -> Duration {
        let until = *self.until.borrow();
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }

    /// A step ended well.
    pub async fn done(&self, step: Step, note: impl Into<String>) {
        self.send(Progress::StepDone { step, note: note.into() }).await;
    }
}
