//! Network checks: starts them and hands on what is asked.

use std::sync::{Arc, PoisonError};

use tokio::sync::mpsc;

use super::{Notice, Workers, crashed, operator};
use crate::backend::check::{self, CheckJob, Kept};
use crate::model::ids::JobId;
use crate::model::problem::Problem;
use crate::msg::check::{CheckCommand, CheckEvent, CheckStart};
use crate::msg::{Event, JobEnd};

/// Checks that have ended of which the last round can still be saved.
const KEPT: usize = 4;

/// A check that runs, or has ended.
pub(super) struct OpenCheck {
    commands: mpsc::Sender<CheckCommand>,
    kept: Kept,
}

impl Workers {
    pub(super) async fn check(&mut self, job: JobId, command: CheckCommand) {
        let problem = match command {
            CheckCommand::Start(start) => return self.start_check(job, *start),
            CheckCommand::Save { destination, form, is_masked } => {
                let latest = self
                    .checks
                    .get(&job)
                    .and_then(|open| open.kept.lock().unwrap_or_else(PoisonError::into_inner).clone());
                match latest {
                    Some(latest) => {
                        let reporter = self.reporter.clone();
                        let records = self.parts.records.clone().ok();
                        tokio::spawn(async move {
                            let event = check::save(latest, records, destination, form, is_masked).await;
                            reporter.report(Event::CheckProgressed { job, event }).await;
                        });
                        return;
                    }
                    None => nothing_to_save(),
                }
            }
            command => {
                let is_close = matches!(command, CheckCommand::Close);
                let taken = self.checks.get(&job).map(|open| open.commands.try_send(command));
                match taken {
                    Some(Ok(())) => return,
                    // One that has ended by itself meanwhile is closed.
                    Some(Err(mpsc::error::TrySendError::Closed(_))) | None if is_close => return,
                    _ => not_taken(),
                }
            }
        };
        let event = CheckEvent::Trouble(Box::new(problem));
        self.reporter.report(Event::CheckProgressed { job, event }).await;
    }

    /// Drops all but the newest checks that have ended.
    pub(super) fn forget_old_checks(&mut self) {
        let ended = self.checks.iter().filter(|(_, check)| check.commands.is_closed());
        let mut ended: Vec<JobId> = ended.map(|(job, _)| *job).collect();
        ended.sort_unstable_by_key(|job| std::cmp::Reverse(job.0));
        for job in ended.into_iter().skip(KEPT) {
            self.checks.remove(&job);
        }
    }

    fn start_check(&mut self, job: JobId, start: CheckStart) {
        let (commands, command_rx) = mpsc::channel(check::COMMANDS);
        let stop = self.jobs.add(job, None);
        if let Some(via) = &start.via {
            self.learn_access(&via.access);
        }
        let kept = Kept::default();
        self.checks.insert(job, OpenCheck { commands, kept: Arc::clone(&kept) });
        let operator = operator(&self.settings.borrow().operator);
        let run = CheckJob { job, parts: self.parts.clone(), operator, reporter: self.reporter.clone(), kept };
        let notices = self.notices.clone();
        tokio::spawn(async move {
            // A task of its own: if it crashes, the job still ends.
            let run = tokio::spawn(run.run(start, command_rx, stop));
            let end = run.await.unwrap_or_else(|error| JobEnd::Failed(crashed(&error)));
            let _ = notices.send(Notice::Ended { job, end }).await;
        });
    }
}

fn nothing_to_save() -> Problem {
    Problem::new(
        "check.nothing_to_save",
        "There is no finished round to save",
        "The network check has not ended its first round",
        "Wait until the rows have been checked, then save",
    )
}

fn not_taken() -> Problem {
    Problem::new(
        "check.not_taken",
        "The request wasn't accepted",
        "The network check has ended, or is still busy",
        "Start the check again",
    )
}
