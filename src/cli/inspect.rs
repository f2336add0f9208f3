//! `linesman inspect`: what a broker passes on, and how the connection came about.

use std::time::{Duration, Instant};

use serde_json::json;

use super::args::InspectArgs;
use super::commission::wait_for_start;
use super::mqtt::{
    Sieve, all_met, exit_of, plan, print_expectations, print_packets, print_stage, print_state, print_stats,
    print_timeline,
};
use super::next_job;
use super::output::{Exit, Output};
use super::session::workers_gone;
use crate::backend::Handle;
use crate::model::ids::JobId;
use crate::model::mqtt::message::{Qos, Subscription};
use crate::model::mqtt::stage::{Stage, StageState};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::Problem;
use crate::msg::telemetry::{
    InspectionSource, InspectionStart, InspectionState, InspectionStats, TelemetryCommand, TelemetryEvent,
};
use crate::msg::{Command, Event, JobEnd};
use crate::profile::Profile;
use crate::proto::mqtt::dialect;
use crate::telemetry::recording::RecorderState;
use crate::telemetry::view::{Counters, ExpectationState};

/// How long the doctor waits for a first message.
const DOCTOR_WAITS: u64 = 10;

/// Inspects until the end that was asked for, and prints the result.
pub fn inspect(handle: &mut Handle, args: &InspectArgs, out: &mut Output) -> Exit {
    match open(handle, args) {
        Ok(watch) => watch.run(handle, out),
        Err((problem, exit)) => {
            out.problem(&problem);
            exit
        }
    }
}

fn open<'a>(handle: &mut Handle, args: &'a InspectArgs) -> Result<Watch<'a>, (Problem, Exit)> {
    let usage = |problem| (problem, Exit::Usage);
    let could_not_run = |problem| (problem, Exit::CouldNotRun);
    let sieve = Sieve::new(&args.sieve, &[]).map_err(usage)?;
    let catalog = wait_for_start(handle).map_err(could_not_run)?.catalog;
    let profile = args.expect.as_ref().or(args.profile.as_ref());
    let profile = profile.map(|id| catalog.find(id)).transpose().map_err(usage)?;
    let mut plan = plan(&args.broker, profile).map_err(usage)?;
    plan.when_full = args.when_full;
    plan.subscriptions = subscriptions(args, profile, plan.dialect, &plan.client_id);
    let start = InspectionStart {
        source: InspectionSource::Broker(Box::new(plan)),
        budget_bytes: args.budget as usize * 1024 * 1024,
        profile: profile.map(|profile| profile.id.clone()),
        gateway: args.broker.gateway.clone(),
        pushed_before: None,
        is_identity_confirmed: args.broker.confirm_identity,
        guarded_client_id: args.broker.gateway.clone(),
        ring: None,
        record: args.record.clone(),
        wants_messages: !args.stats && !args.doctor,
        is_reconnecting: !args.doctor,
    };
    let job = next_job();
    let command = TelemetryCommand::Open(Box::new(start));
    handle.try_send(Command::Telemetry { job, command }).map_err(could_not_run)?;
    Ok(Watch::new(args, job, sieve))
}

fn subscriptions(
    args: &InspectArgs,
    profile: Option<&Profile>,
    dialect: crate::model::mqtt::Dialect,
    client_id: &str,
) -> Vec<Subscription> {
    if args.topics.is_empty() {
        let mqtt = profile.and_then(|profile| profile.mqtt.as_ref());
        let of_profile: Vec<TopicFilter> =
            mqtt.into_iter().flat_map(|mqtt| &mqtt.topics).filter_map(|topic| topic.parse().ok()).collect();
        return dialect::default_subscriptions(dialect, client_id, &of_profile);
    }
    let qos = Qos::from_number(args.qos).unwrap_or_default();
    args.topics.iter().map(|filter| Subscription { filter: filter.clone(), qos }).collect()
}

/// An inspection that runs.
struct Watch<'a> {
    args: &'a InspectArgs,
    job: JobId,
    sieve: Sieve,
    printed: u64,
    counters: Counters,
    expectations: Vec<ExpectationState>,
    was_connected: bool,
    /// When it is to end.
    until: Option<Instant>,
    is_closing: bool,
    /// Why it came to nothing.
    problem: Option<Problem>,
    is_refused: bool,
    has_seen_first: bool,
    stats: InspectionStats,
    /// The recording as it stood last, however the inspection ended.
    recording: Option<RecorderState>,
}

impl<'a> Watch<'a> {
    fn new(args: &'a InspectArgs, job: JobId, sieve: Sieve) -> Self {
        Self {
            args,
            job,
            sieve,
            printed: 0,
            counters: Counters::default(),
            expectations: Vec::new(),
            was_connected: false,
            until: None,
            is_closing: false,
            problem: None,
            is_refused: false,
            has_seen_first: false,
            stats: InspectionStats::default(),
            recording: None,
        }
    }

    fn run(mut self, handle: &mut Handle, out: &mut Output) -> Exit {
        let end = loop {
            let event = match self.until.filter(|_| !self.is_closing) {
                Some(until) => {
                    let event = handle.recv_until(until);
                    if event.is_none() && Instant::now() >= until {
                        self.close(handle);
                        continue;
                    }
                    event
                }
                None => handle.recv_blocking(),
            };
            match event {
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

    /// Ends the inspection in an orderly way; its result comes before its end.
    fn close(&mut self, handle: &Handle) {
        if !std::mem::replace(&mut self.is_closing, true) {
            let (job, command) = (self.job, TelemetryCommand::Close);
            // If even that cannot be sent, the workers have ended, and that is told next.
            let _ = handle.try_send(Command::Telemetry { job, command });
        }
    }

    fn take_in(&mut self, event: TelemetryEvent, handle: &Handle, out: &mut Output) {
        match event {
            TelemetryEvent::State(state) => self.state(state, handle, out),
            TelemetryEvent::Stage(report) => {
                print_stage(&report, out);
                if self.args.doctor {
                    print_timeline(&report, out);
                }
                match (report.stage, &report.state) {
                    (Stage::FirstMessage, StageState::Done) => {
                        self.has_seen_first = true;
                        if self.args.doctor {
                            self.close(handle);
                        }
                    }
                    (Stage::Subscribe, _) if !report.grants.is_empty() => {
                        self.is_refused = report.grants.iter().all(|grant| grant.granted.is_none());
                    }
                    _ => {}
                }
            }
            TelemetryEvent::Messages(batch) => {
                let most = self.args.count.unwrap_or(u64::MAX) - self.printed;
                if most > 0 && !self.is_closing {
                    self.printed += self.sieve.print(&batch, most, out);
                }
                if self.args.count.is_some_and(|count| self.printed >= count) {
                    self.close(handle);
                }
            }
            TelemetryEvent::Packets(packets) if self.args.packets => print_packets(&packets, out),
            TelemetryEvent::Snapshot(snapshot) => {
                self.counters = snapshot.counters;
                print_expectations(&self.expectations, &snapshot.expectations, out);
                self.expectations.clone_from(&snapshot.expectations);
                if self.args.stats && self.args.count.is_some_and(|count| self.counters.received >= count) {
                    self.close(handle);
                }
                let ends_when_met =
                    self.args.expect.is_some() && self.args.count.is_none() && self.args.seconds.is_none();
                if ends_when_met && self.was_connected && all_met(&self.expectations) {
                    self.close(handle);
                }
            }
            TelemetryEvent::IdentityQuestion(problem) => {
                self.problem = Some(Problem {
                    next_step: format!("{}; --confirm-identity connects all the same", problem.next_step),
                    ..*problem
                });
                self.close(handle);
            }
            TelemetryEvent::Warning(problem) => out.warning(&problem),
            TelemetryEvent::Recording { recorder: Some(state), .. } => self.recording = Some(state),
            TelemetryEvent::Stats(stats) => self.stats = stats,
            _ => {}
        }
    }

    fn state(&mut self, state: InspectionState, handle: &Handle, out: &mut Output) {
        print_state(&state, out);
        match state {
            InspectionState::Connected { .. } => {
                self.was_connected = true;
                let waits = self.args.seconds.or_else(|| self.args.doctor.then_some(DOCTOR_WAITS));
                if let Some(seconds) = waits {
                    self.until.get_or_insert_with(|| Instant::now() + Duration::from_secs(seconds));
                }
            }
            InspectionState::Waiting { problem, .. } if !self.was_connected && !self.args.reconnect => {
                self.problem = Some(*problem);
                self.close(handle);
            }
            InspectionState::Disconnected { problem: Some(problem) } => {
                self.problem = Some(*problem);
                self.close(handle);
            }
            _ => {}
        }
    }

    /// Prints the result, last, and tells the exit code.
    fn conclude(self, end: JobEnd, out: &mut Output) -> Exit {
        if let Some(state) = &self.recording {
            print_recording(state, out);
        }
        let problem = match end {
            JobEnd::Failed(problem) => Some(problem),
            JobEnd::Done { .. } | JobEnd::Cancelled => self.problem,
        };
        if let Some(problem) = problem {
            if self.was_connected {
                out.warning(&problem);
            } else {
                out.problem(&problem);
                return exit_of(&problem);
            }
            print_expectations(&[], &self.expectations, out);
            print_stats(&self.stats, out);
            return Exit::Unknown;
        }
        if !self.was_connected {
            out.problem(&Problem::new(
                "inspect.stopped",
                "It was stopped before there was a connection",
                "Somebody interrupted it",
                "Try again; --doctor shows which stage takes so long",
            ));
            return Exit::Unknown;
        }
        print_expectations(&[], &self.expectations, out);
        print_stats(&self.stats, out);
        let count = if self.args.stats { self.stats.messages } else { self.printed };
        let is_short = self.args.count.is_some_and(|wanted| count < wanted);
        let is_unmet = self.args.expect.is_some() && !all_met(&self.expectations);
        let is_silent = self.args.doctor && !self.has_seen_first;
        if is_short || is_unmet || is_silent || self.is_refused { Exit::Findings } else { Exit::Good }
    }
}

/// What was recorded, and where.
fn print_recording(state: &RecorderState, out: &mut Output) {
    out.json(&json!({
        "kind": "recording", "path": state.path.display().to_string(), "messages": state.messages,
        "bytes": state.file_bytes, "problem": state.problem,
    }));
    let messages = if state.messages == 1 { "1 message".to_owned() } else { format!("{} messages", state.messages) };
    out.text(format!("Recorded {messages} to {}", state.path.display()));
}
