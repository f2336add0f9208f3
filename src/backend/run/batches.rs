//! Batches: starts them and hands on what steers them.

use tokio::sync::mpsc;

use super::support::saved;
use super::{Notice, Workers, crashed, operator};
use crate::backend::batch::{self, BatchJob};
use crate::flow::batch::Steer;
use crate::model::ids::JobId;
use crate::model::problem::Problem;
use crate::msg::batch::{BatchCommand, BatchStart};
use crate::msg::{Event, JobEnd};

impl Workers {
    pub(super) async fn batch(&mut self, job: JobId, command: BatchCommand) {
        let steer = match command {
            BatchCommand::Check { manifest, secrets } => {
                let batch = self.batch_job(job);
                return self.spawn(job, batch.check(manifest, secrets));
            }
            BatchCommand::Start(start) => return self.start_batch(job, *start),
            BatchCommand::Export { destination, rows } => {
                return self.spawn(job, async move {
                    let note = saved(&destination);
                    match batch::write_results(destination, rows).await {
                        Ok(()) => JobEnd::Done { note },
                        Err(problem) => JobEnd::Failed(problem),
                    }
                });
            }
            BatchCommand::Pause => Steer::Pause,
            BatchCommand::Resume => Steer::Resume,
            BatchCommand::Retry(again) => Steer::Retry(again),
        };
        if let Err(problem) = hand_over(self.batches.get(&job), steer) {
            self.reporter.report(Event::Trouble(problem)).await;
        }
    }

    pub(super) fn batch_job(&self, job: JobId) -> BatchJob {
        let operator = operator(&self.settings.borrow().operator);
        BatchJob { job, parts: self.parts.clone(), operator, reporter: self.reporter.clone() }
    }

    pub(super) fn start_batch(&mut self, job: JobId, start: BatchStart) {
        let (steer, steer_rx) = mpsc::channel(batch::STEERS);
        let stop = self.jobs.add(job, None);
        self.batches.insert(job, steer);
        let (batch, notices) = (self.batch_job(job), self.notices.clone());
        let learnt = self.notices.clone();
        tokio::spawn(async move {
            // A task of its own: if it crashes, the job still ends.
            let run = tokio::spawn(batch.run(start, steer_rx, stop, async move |secrets| {
                let _ = learnt.send(Notice::Learn(secrets)).await;
            }));
            let end = run.await.unwrap_or_else(|error| JobEnd::Failed(crashed(&error)));
            let _ = notices.send(Notice::Ended { job, end }).await;
        });
    }
}

/// Hands on what steers a batch. One that still has others to look at has not ended.
fn hand_over(batch: Option<&mpsc::Sender<Steer>>, steer: Steer) -> Result<(), Problem> {
    let is_busy = match batch.map(|batch| batch.try_send(steer)) {
        Some(Ok(())) => return Ok(()),
        Some(Err(mpsc::error::TrySendError::Full(_))) => true,
        Some(Err(mpsc::error::TrySendError::Closed(_))) | None => false,
    };
    Err(if is_busy {
        Problem::new(
            "batch.busy",
            "The request wasn't accepted",
            "The batch still has other requests waiting",
            "Wait a moment and try again",
        )
    } else {
        Problem::new(
            "batch.gone",
            "The request wasn't accepted",
            "The batch has ended",
            "Start it again; what succeeded is not repeated when you go on with it",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_is_busy_has_not_ended() {
        let (steer, batch) = mpsc::channel(1);
        assert!(hand_over(Some(&steer), Steer::Pause).is_ok());
        assert_eq!(hand_over(Some(&steer), Steer::Resume).unwrap_err().code, "batch.busy");
        drop(batch);
        assert_eq!(hand_over(Some(&steer), Steer::Resume).unwrap_err().code, "batch.gone");
        assert_eq!(hand_over(None, Steer::Resume).unwrap_err().code, "batch.gone");
    }
}
