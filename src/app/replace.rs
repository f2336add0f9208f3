//! [`Replace`]: the question whether a file that is there may be replaced, for whatever the window writes.
//!
//! A command that writes a file is remembered until it is answered. If the answer is that the file is there, the answer
//! waits behind the question: "Replace" sends the command once more, "Cancel" lets the answer through as it came.

use std::path::{Path, PathBuf};

use super::toasts::Holds;
use crate::model::destination::{Destination, EXISTS, Existing};
use crate::model::ids::JobId;
use crate::model::problem::Problem;
use crate::msg::batch::{BatchCommand, BatchEvent};
use crate::msg::check::{CheckCommand, CheckEvent};
use crate::msg::telemetry::{TelemetryCommand, TelemetryEvent};
use crate::msg::{Command, Event, JobEnd};

/// Commands remembered at most: more files than that are not written at once.
const REMEMBERED: usize = 16;

/// A file, and what it holds or why it could not be written.
type Written = (PathBuf, Result<Option<Holds>, Problem>);

/// A command that writes a file, and the file.
struct Writing {
    command: Command,
    path: PathBuf,
}

impl Writing {
    /// Nothing for a command that writes none.
    fn of(command: &Command) -> Option<Self> {
        let mut command = copy(command)?;
        let path = destination_mut(&mut command)?.path().to_owned();
        Some(Self { command, path })
    }
}

/// What was sent, and the question that is open.
#[derive(Default)]
pub(super) struct Replace {
    sent: Vec<Writing>,
    question: Option<(Writing, Event)>,
    /// Files that were written, or not.
    written: Vec<Written>,
}

impl Replace {
    /// The file that is there, while the question is open.
    pub(super) fn question(&self) -> Option<&Path> {
        self.question.as_ref().map(|(writing, _)| writing.path.as_path())
    }

    /// Remembers what writes a file.
    pub(super) fn note(&mut self, commands: &[Command]) {
        self.sent.extend(commands.iter().filter_map(Writing::of));
        let surplus = self.sent.len().saturating_sub(REMEMBERED);
        self.sent.drain(..surplus);
    }

    /// Lets an event through, unless it becomes the question.
    pub(super) fn take_in(&mut self, event: Event) -> Option<Event> {
        let Some((job, problem)) = answered(&event) else { return Some(event) };
        // A recording that failed for another reason was not answered: the newest one is meant.
        let Some(place) = self.sent.iter().rposition(|writing| is_answered(&writing.command, job, &event)) else {
            return Some(event);
        };
        let writing = self.sent.remove(place);
        if is_recording(&writing.command, job) {
            self.sent.retain(|other| !is_recording(&other.command, job));
        }
        if problem.is_none_or(|problem| problem.code != EXISTS) {
            self.note_written(&writing, &event, problem);
        }
        if problem.is_none_or(|problem| problem.code != EXISTS) || self.question.is_some() {
            return Some(event);
        }
        self.question = Some((writing, event));
        None
    }

    /// What became of files, once.
    pub(super) fn take_written(&mut self) -> Vec<Written> {
        std::mem::take(&mut self.written)
    }

    /// A file was written or could not be. What only began to be written is no news yet.
    fn note_written(&mut self, writing: &Writing, event: &Event, problem: Option<&Problem>) {
        let is_begun = matches!(
            writing.command,
            Command::Batch { command: BatchCommand::Start(_), .. }
                | Command::Telemetry { command: TelemetryCommand::Record { .. }, .. }
        );
        let is_cancelled = matches!(event, Event::JobFinished { end: JobEnd::Cancelled, .. });
        if is_begun || is_cancelled {
            return;
        }
        let result = problem.map_or_else(|| Ok(holds(&writing.command, event)), |problem| Err(problem.clone()));
        let path = path_told(event).unwrap_or(&writing.path);
        self.written.push((path.to_owned(), result));
    }

    /// The command once more, to replace the file.
    pub(super) fn confirm(&mut self) -> Vec<Command> {
        let Some((Writing { mut command, .. }, _)) = self.question.take() else { return Vec::new() };
        if let Some(destination) = destination_mut(&mut command) {
            destination.existing = Existing::Replace;
        }
        self.sent.extend(Writing::of(&command));
        vec![command]
    }

    /// The answer as it came: the file stays.
    pub(super) fn keep(&mut self) -> Option<Event> {
        self.question.take().map(|(_, event)| event)
    }
}

/// Whether that job is told to record: there is one recording of it at a time.
fn is_recording(command: &Command, of: JobId) -> bool {
    matches!(command, Command::Telemetry { job, command: TelemetryCommand::Record { .. } } if *job == of)
}

/// The path that the answer names: a recording that is kept may be named as it is written.
fn path_told(event: &Event) -> Option<&Path> {
    match event {
        Event::TelemetryProgressed { event: TelemetryEvent::Kept(Ok(state)), .. } => Some(&state.path),
        _ => None,
    }
}

/// What the file holds, where the answer counts it.
const fn holds(command: &Command, event: &Event) -> Option<Holds> {
    let (Command::Telemetry { command, .. }, Event::TelemetryProgressed { event, .. }) = (command, event) else {
        return None;
    };
    match (command, event) {
        (TelemetryCommand::Export { .. }, TelemetryEvent::Exported { result: Ok(messages), .. }) => {
            Some(Holds::Messages(*messages))
        }
        (TelemetryCommand::ExportPlot { .. }, TelemetryEvent::Exported { result: Ok(points), .. }) => {
            Some(Holds::Points(*points))
        }
        (_, TelemetryEvent::Kept(Ok(state))) => Some(Holds::Messages(state.messages)),
        _ => None,
    }
}

/// The job that an event answers for, and what went wrong.
fn answered(event: &Event) -> Option<(JobId, Option<&Problem>)> {
    match event {
        Event::JobFinished { job, end: JobEnd::Failed(problem) } => Some((*job, Some(problem))),
        Event::JobFinished { job, .. } | Event::BatchProgressed { job, event: BatchEvent::Began { .. } } => {
            Some((*job, None))
        }
        Event::TelemetryProgressed { job, event, .. } => match event {
            TelemetryEvent::Exported { result: Err(problem), .. } | TelemetryEvent::Kept(Err(problem)) => {
                Some((*job, Some(problem)))
            }
            TelemetryEvent::Warning(problem) if problem.code == EXISTS => Some((*job, Some(problem))),
            TelemetryEvent::Exported { .. }
            | TelemetryEvent::Kept(_)
            | TelemetryEvent::Recording { recorder: Some(_), .. } => Some((*job, None)),
            _ => None,
        },
        Event::CheckProgressed { job, event: CheckEvent::Saved { .. } } => Some((*job, None)),
        Event::CheckProgressed { job, event: CheckEvent::Trouble(problem) } => Some((*job, Some(problem))),
        _ => None,
    }
}

/// Whether that event answers this command.
fn is_answered(command: &Command, job: JobId, event: &Event) -> bool {
    match (command, event) {
        (Command::Telemetry { job: asked, command }, Event::TelemetryProgressed { event, .. }) if *asked == job => {
            match (command, event) {
                (
                    TelemetryCommand::Export { destination, .. }
                    | TelemetryCommand::ExportPlot { destination, .. }
                    | TelemetryCommand::Bundle { destination },
                    TelemetryEvent::Exported { path, .. },
                ) => destination.path() == path,
                (TelemetryCommand::KeepLast { .. }, TelemetryEvent::Kept(_))
                | (
                    TelemetryCommand::Record { .. },
                    TelemetryEvent::Warning(_) | TelemetryEvent::Recording { recorder: Some(_), .. },
                ) => true,
                _ => false,
            }
        }
        (Command::Check { job: asked, .. }, Event::CheckProgressed { .. })
        | (Command::Telemetry { job: asked, .. }, Event::JobFinished { .. })
        | (
            Command::ExportRecords { job: asked, .. }
            | Command::WriteReport { job: asked, .. }
            | Command::ExportTranscript { job: asked, .. }
            | Command::SaveCertificate { job: asked, .. }
            | Command::SavePicture { job: asked, .. },
            Event::JobFinished { .. },
        )
        | (Command::Batch { job: asked, .. }, Event::JobFinished { .. } | Event::BatchProgressed { .. }) => {
            *asked == job
        }
        _ => false,
    }
}

/// A copy of a command that writes a file.
fn copy(command: &Command) -> Option<Command> {
    Some(match command {
        Command::ExportRecords { job, destination, format } => {
            Command::ExportRecords { job: *job, destination: destination.clone(), format: *format }
        }
        Command::WriteReport { job, plan } => Command::WriteReport { job: *job, plan: plan.clone() },
        Command::ExportTranscript { job, session, destination } => {
            Command::ExportTranscript { job: *job, session: *session, destination: destination.clone() }
        }
        Command::SaveCertificate { job, report, form, destination } => Command::SaveCertificate {
            job: *job,
            report: report.clone(),
            form: *form,
            destination: destination.clone(),
        },
        Command::SavePicture { job, destination, width, height, rgba } => Command::SavePicture {
            job: *job,
            destination: destination.clone(),
            width: *width,
            height: *height,
            rgba: rgba.clone(),
        },
        Command::Batch { job, command } => Command::Batch { job: *job, command: command.clone() },
        Command::Check { job, command: CheckCommand::Save { destination, form, is_masked } } => Command::Check {
            job: *job,
            command: CheckCommand::Save { destination: destination.clone(), form: *form, is_masked: *is_masked },
        },
        Command::Telemetry { job, command } => Command::Telemetry {
            job: *job,
            command: match command {
                TelemetryCommand::Record { destination } => {
                    TelemetryCommand::Record { destination: destination.clone() }
                }
                TelemetryCommand::KeepLast { span, destination } => {
                    TelemetryCommand::KeepLast { span: *span, destination: destination.clone() }
                }
                TelemetryCommand::Export { destination, format, query } => {
                    TelemetryCommand::Export { destination: destination.clone(), format: *format, query: query.clone() }
                }
                TelemetryCommand::ExportPlot { destination, spec } => {
                    TelemetryCommand::ExportPlot { destination: destination.clone(), spec: spec.clone() }
                }
                TelemetryCommand::Bundle { destination } => {
                    TelemetryCommand::Bundle { destination: destination.clone() }
                }
                _ => return None,
            },
        },
        _ => return None,
    })
}

pub(super) fn destination_mut(command: &mut Command) -> Option<&mut Destination> {
    match command {
        Command::ExportRecords { destination, .. }
        | Command::ExportTranscript { destination, .. }
        | Command::SavePicture { destination, .. }
        | Command::SaveCertificate { destination, .. }
        | Command::Batch { command: BatchCommand::Export { destination, .. }, .. }
        | Command::Check { command: CheckCommand::Save { destination, .. }, .. }
        | Command::Telemetry {
            command:
                TelemetryCommand::Record { destination }
                | TelemetryCommand::KeepLast { destination, .. }
                | TelemetryCommand::Export { destination, .. }
                | TelemetryCommand::ExportPlot { destination, .. }
                | TelemetryCommand::Bundle { destination },
            ..
        } => Some(destination),
        Command::Batch { command: BatchCommand::Start(start), .. } => start.out.as_mut(),
        Command::WriteReport { plan, .. } => plan.file.as_mut().map(|(_, destination)| destination),
        _ => None,
    }
}
