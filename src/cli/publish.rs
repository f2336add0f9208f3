//! `linesman publish`: a message, once or again and again, and what the broker says to it.

use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::args::PublishArgs;
use super::commission::wait_for_start;
use super::mqtt::{exit_of, plan, print_stage, print_state};
use super::next_job;
use super::output::{Exit, Output};
use super::session::workers_gone;
use crate::backend::Handle;
use crate::model::ids::JobId;
use crate::model::mqtt::message::{Outgoing, Properties, PublishEnd, Qos};
use crate::model::problem::Problem;
use crate::msg::telemetry::{
    InspectionSource, InspectionStart, InspectionState, Repeat, STORE_BYTES, TelemetryCommand, TelemetryEvent,
};
use crate::msg::{Command, Event, JobEnd};

/// The largest payload that is read: the protocol takes no more.
const MAX_PAYLOAD: u64 = 256 * 1024 * 1024;
/// The ticket of the one message.
const TICKET: u64 = 1;

/// Publishes and prints what came of it.
pub fn publish(handle: &mut Handle, args: &PublishArgs, out: &mut Output) -> Exit {
    match open(handle, args) {
        Ok(run) => run.run(handle, out),
        Err((problem, exit)) => {
            out.problem(&problem);
            exit
        }
    }
}

fn open<'a>(handle: &mut Handle, args: &'a PublishArgs) -> Result<Run<'a>, (Problem, Exit)> {
    let usage = |problem| (problem, Exit::Usage);
    let could_not_run = |problem| (problem, Exit::CouldNotRun);
    let message = message(args).map_err(usage)?;
    let plan = plan(&args.broker, None).map_err(usage)?;
    wait_for_start(handle).map_err(could_not_run)?;
    let job = next_job();
    let start = InspectionStart {
        source: InspectionSource::Broker(Box::new(plan)),
        budget_bytes: STORE_BYTES,
        profile: None,
        gateway: args.broker.gateway.clone(),
        pushed_before: None,
        is_identity_confirmed: args.broker.confirm_identity,
        guarded_client_id: args.broker.gateway.clone(),
        ring: None,
        record: None,
        wants_messages: false,
        is_reconnecting: false,
    };
    let command = TelemetryCommand::Open(Box::new(start));
    handle.try_send(Command::Telemetry { job, command }).map_err(could_not_run)?;
    Ok(Run {
        args,
        job,
        message: Some(message),
        ends: Ends::default(),
        problem: None,
        began: None,
        is_closing: false,
        is_lost: false,
    })
}

fn message(args: &PublishArgs) -> Result<Outgoing, Problem> {
    let payload = match (&args.payload_file, &args.payload) {
        (Some(file), _) => read(file)?,
        (None, payload) => payload.clone().unwrap_or_default().into_bytes(),
    };
    Ok(Outgoing {
        topic: args.topic.clone(),
        payload,
        qos: Qos::from_number(args.qos).unwrap_or_default(),
        is_retained: args.retain,
        properties: Properties {
            content_type: args.content_type.clone(),
            response_topic: args.response_topic.clone(),
            expiry_secs: args.expiry,
            user: args.properties.clone(),
            ..Properties::default()
        },
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let mut payload = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_PAYLOAD).read_to_end(&mut payload)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_PAYLOAD).read_to_end(&mut payload))
    };
    match read {
        Ok(_) => Ok(payload),
        Err(error) => Err(Problem::new(
            "publish.unreadable",
            format!("{} could not be read", path.display()),
            "The file is missing or may not be read",
            "Check the path and its rights",
        )
        .with_detail(error.to_string())),
    }
}

/// How the messages ended.
#[derive(Default)]
struct Ends {
    sent: u32,
    acknowledged: u32,
    nobody: u32,
    refused: u32,
    unknown: u32,
    last_refusal: Option<Problem>,
}

struct Run<'a> {
    args: &'a PublishArgs,
    job: JobId,
    message: Option<Outgoing>,
    ends: Ends,
    problem: Option<Problem>,
    began: Option<Instant>,
    is_closing: bool,
    /// The workers take nothing any more.
    is_lost: bool,
}

impl Run<'_> {
    fn run(mut self, handle: &mut Handle, out: &mut Output) -> Exit {
        let end = loop {
            if self.is_lost {
                break JobEnd::Cancelled;
            }
            match handle.recv_blocking() {
                Some(Event::TelemetryProgressed { job, event, .. }) if job == self.job => {
                    self.take_in(event, handle, out);
                }
                Some(Event::JobFinished { job, end }) if job == self.job => break end,
                Some(Event::Trouble(problem)) => out.warning(&problem),
                Some(_) => {}
                None => break JobEnd::Failed(workers_gone()),
            }
        };
        self.conclude(end, out)
    }

    fn close(&mut self, handle: &mut Handle) {
        if !std::mem::replace(&mut self.is_closing, true) {
            let (job, command) = (self.job, TelemetryCommand::Close);
            if let Err(problem) = handle.send_blocking(Command::Telemetry { job, command }) {
                // Nobody will close it any more: waiting for that would never end.
                self.problem.get_or_insert(problem);
                self.is_lost = true;
            }
        }
    }

    fn take_in(&mut self, event: TelemetryEvent, handle: &mut Handle, out: &mut Output) {
        match event {
            TelemetryEvent::State(state) => {
                print_state(&state, out);
                match state {
                    InspectionState::Connected { .. } => self.send(handle),
                    InspectionState::Disconnected { problem: Some(problem) } => {
                        self.problem = Some(*problem);
                        self.close(handle);
                    }
                    _ => {}
                }
            }
            TelemetryEvent::Stage(report) => print_stage(&report, out),
            TelemetryEvent::IdentityQuestion(problem) => {
                self.problem = Some(Problem {
                    next_step: format!("{}; --confirm-identity connects all the same", problem.next_step),
                    ..*problem
                });
                self.close(handle);
            }
            TelemetryEvent::Published { count, end, .. } => self.published(count, end, handle, out),
            TelemetryEvent::Warning(problem) => out.warning(&problem),
            _ => {}
        }
    }

    fn send(&mut self, handle: &mut Handle) {
        let Some(message) = self.message.take() else { return };
        let every = Duration::from_secs_f64(self.args.every);
        let repeat = (self.args.repeat > 1).then_some(Repeat { every, times: Some(self.args.repeat) });
        let command = TelemetryCommand::Publish { ticket: TICKET, message: Box::new(message), repeat };
        match handle.send_blocking(Command::Telemetry { job: self.job, command }) {
            Ok(()) => self.began = Some(Instant::now()),
            Err(problem) => {
                self.problem = Some(problem);
                self.close(handle);
            }
        }
    }

    fn published(&mut self, count: u32, end: PublishEnd, handle: &mut Handle, out: &mut Output) {
        let (word, problem) = match end {
            PublishEnd::Sent => ("sent", None),
            PublishEnd::Acknowledged => ("acknowledged", None),
            PublishEnd::NobodySubscribed => ("nobody-subscribed", None),
            PublishEnd::Refused(problem) => ("refused", Some(problem)),
            PublishEnd::Unknown => ("unknown", None),
        };
        out.json(&json!({ "kind": "publish", "count": count, "end": word, "problem": problem }));
        match word {
            "sent" => self.ends.sent += 1,
            "acknowledged" => self.ends.acknowledged += 1,
            "nobody-subscribed" => self.ends.nobody += 1,
            "refused" => self.ends.refused += 1,
            _ => self.ends.unknown += 1,
        }
        // What is refused before anything was sent is not repeated.
        let is_over = self.ends.all() >= self.args.repeat || (count == 1 && problem.is_some());
        if problem.is_some() {
            self.ends.last_refusal = problem;
        }
        if is_over {
            self.close(handle);
        }
    }

    /// Prints the result, last, and tells the exit code.
    fn conclude(self, end: JobEnd, out: &mut Output) -> Exit {
        let problem = match end {
            JobEnd::Failed(problem) => Some(problem),
            JobEnd::Done { .. } | JobEnd::Cancelled => self.problem,
        };
        let Ends { sent, acknowledged, nobody, refused, unknown, .. } = self.ends;
        let Some(began) = self.began else {
            let problem = problem.unwrap_or_else(|| {
                Problem::new(
                    "publish.stopped",
                    "It was stopped before anything was sent",
                    "Somebody interrupted it",
                    "Try again",
                )
            });
            out.problem(&problem);
            return exit_of(&problem);
        };
        if let Some(problem) = problem {
            out.warning(&problem);
        }
        if let Some(refusal) = &self.ends.last_refusal {
            out.warning(refusal);
        }
        let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        out.json(&json!({
            "kind": "published", "sent": sent, "acknowledged": acknowledged, "nobody_subscribed": nobody,
            "refused": refused, "unknown": unknown, "took_millis": took,
        }));
        out.text(match (sent, acknowledged + nobody, refused, unknown) {
            (sent, 0, 0, 0) => format!("{sent} sent; with quality of service 0 nobody says that it arrived"),
            (_, acknowledged, 0, 0) => format!("{acknowledged} acknowledged by the broker"),
            (sent, acknowledged, refused, unknown) => {
                format!("{sent} sent, {acknowledged} acknowledged, {refused} refused, {unknown} without an answer")
            }
        });
        let is_short = self.ends.all() < self.args.repeat;
        match (unknown, refused) {
            (1.., _) => Exit::Unknown,
            (0, 1..) => Exit::Findings,
            (0, 0) if is_short => Exit::Unknown,
            (0, 0) => Exit::Good,
        }
    }
}

impl Ends {
    const fn all(&self) -> u32 {
        self.sent + self.acknowledged + self.nobody + self.refused + self.unknown
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::backend::channels;
    use crate::cli::args::{Cli, Command as Subcommand};

    #[test]
    fn a_message_that_cannot_be_handed_over_ends_the_command() {
        let words = ["linesman", "publish", "--broker", "mqtt://localhost", "--topic", "a", "--payload", "b"];
        let cli = Cli::try_parse_from(words).unwrap();
        let Some(Subcommand::Publish(args)) = cli.command else { panic!("not a publish") };
        let (mut handle, commands, reporter) = channels();
        let job = next_job();
        let message = Some(message(&args).unwrap());
        let ends = Ends::default();
        let run =
            Run { args: &args, job, message, ends, problem: None, began: None, is_closing: false, is_lost: false };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let state = InspectionState::Connected { facts: Vec::new(), login_ends: None };
        let event = TelemetryEvent::State(state);
        runtime.block_on(reporter.report(Event::TelemetryProgressed { job, at: Duration::ZERO, event }));
        // The workers take nothing any more, and do not say so: the reporter is still there.
        drop(commands);
        assert_eq!(run.run(&mut handle, &mut Output::standard(true)), Exit::CouldNotRun);
        drop(reporter);
    }
}
