//! `linesman inspect`: what a broker passes on, and how the connection came about.

use std::time::{Duration, Instant};

use serde_json::json;

use super::args::{InspectArgs, OnTrigger};
use super::commission::wait_for_start;
use super::decoding;
use super::follow::{Ended, Follower, Following, begin, follow};
use super::lines::{
    all_met, counted, print_expectations, print_fired, print_packets, print_silent, print_stats, print_timeline,
    something_expected,
};
use super::mqtt::plan;
use super::output::{Exit, Output};
use super::sieve::Printer;
use crate::backend::Handle;
use crate::model::mqtt::message::{Qos, Subscription};
use crate::model::mqtt::stage::{Stage, StageReport, StageState};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::Problem;
use crate::msg::telemetry::{
    InspectionSource, InspectionStart, InspectionState, TelemetryCommand, TelemetryEvent, TriggerPlan,
};
use crate::profile::Profile;
use crate::proto::mqtt::dialect;
use crate::telemetry::recording::RecorderState;
use crate::telemetry::trigger::Trigger;
use crate::telemetry::view::Query;

/// How long the doctor waits for a first message.
const DOCTOR_WAITS: u64 = 10;

/// Inspects until the end that was asked for, and prints the result.
pub fn inspect(handle: &mut Handle, args: &InspectArgs, out: &mut Output) -> Exit {
    match open(handle, args, out) {
        Ok((following, watch)) => follow(following, watch, out),
        Err((problem, exit)) => {
            out.problem(&problem);
            exit
        }
    }
}

fn open<'h, 'a>(
    handle: &'h mut Handle,
    args: &'a InspectArgs,
    out: &Output,
) -> Result<(Following<'h>, Watch<'a>), (Problem, Exit)> {
    let usage = |problem: Problem| {
        let exit = Exit::of_input(&problem);
        (problem, exit)
    };
    let could_not_run = |problem| (problem, Exit::CouldNotRun);
    if let Some(jq) = &args.trigger {
        Trigger::new(&Query { jq: jq.clone(), ..Query::default() }).map_err(usage)?;
    }
    let printer = Printer::new(&args.sieve, &[], args.count, args.format.as_ref(), out).map_err(usage)?;
    let catalog = wait_for_start(handle).map_err(could_not_run)?.catalog;
    let profile = args.expect.as_ref().or(args.profile.as_ref());
    let profile = profile.map(|id| catalog.find(id)).transpose().map_err(usage)?;
    if args.expect.is_some() {
        something_expected(profile).map_err(usage)?;
    }
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
        most: args.count.filter(|_| args.stats || args.sieve.lets_all_through()),
        wants_messages: !args.stats && !args.doctor,
        is_reconnecting: !args.doctor,
    };
    let mut following = begin(handle, start).map_err(could_not_run)?;
    following.has_timeline = args.doctor;
    following.is_tried_once = !args.reconnect;
    if let Some(jq) = &args.trigger {
        let record = match &args.on_trigger {
            OnTrigger::Record(destination) => Some(destination.clone()),
            OnTrigger::Mark | OnTrigger::Stop => None,
        };
        let query = Query { jq: jq.clone(), ..Query::default() };
        let plan = TriggerPlan { query, record };
        following.send(TelemetryCommand::SetTrigger(Some(Box::new(plan)))).map_err(could_not_run)?;
    }
    for command in decoding::commands(&args.sieve, printer.decoders()) {
        following.send(command).map_err(could_not_run)?;
    }
    Ok((following, Watch { args, printer, has_seen_first: false, recording: None }))
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

/// What `inspect` makes of an inspection.
struct Watch<'a> {
    args: &'a InspectArgs,
    printer: Printer,
    has_seen_first: bool,
    /// The recording as it stood last, however the inspection ends.
    recording: Option<RecorderState>,
}

impl Follower for Watch<'_> {
    type Verdict = Exit;

    fn take_in(&mut self, event: TelemetryEvent, following: &mut Following<'_>, out: &mut Output) {
        match event {
            TelemetryEvent::State(state) => self.state(&state, following),
            TelemetryEvent::Stage(report) => self.stage(&report, following, out),
            TelemetryEvent::Messages(batch) if !following.is_closing() && self.printer.print(&batch, out) => {
                following.close();
            }
            TelemetryEvent::TriggerRefused(problem) => following.fail(*problem),
            TelemetryEvent::Triggered { fired, .. } => {
                print_fired(&fired, out);
                if matches!(self.args.on_trigger, OnTrigger::Stop) {
                    following.close();
                }
            }
            TelemetryEvent::Packets(packets) if self.args.packets => print_packets(&packets, out),
            TelemetryEvent::Snapshot(_) if self.is_enough(&following.seen) => following.close(),
            TelemetryEvent::Recording { recorder: Some(state), .. } => self.recording = Some(state),
            // It was taken away again, unless it ended early: that is told at the end.
            TelemetryEvent::Recording { recorder: None, .. } => {
                self.recording.take_if(|state| state.problem.is_none());
            }
            _ => {}
        }
    }

    fn conclude(self, ended: Ended, out: &mut Output) -> Exit {
        if let Some(state) = &self.recording {
            print_recording(state, out);
        }
        let end = self.recording.as_ref().and_then(|state| state.problem.as_ref()).map(|problem| problem.code);
        let has_nothing = end == Some(NOTHING_CAME);
        let is_cut_short = end.is_some() && !has_nothing;
        if ended.is_unread && ended.problem.is_none() && end.is_none() {
            return Exit::Good;
        }
        if !ended.was_connected {
            let problem = ended.problem.unwrap_or_else(stopped);
            out.problem(&problem);
            return Exit::of(&problem);
        }
        if let Some(problem) = &ended.problem {
            out.aside(problem);
        }
        print_expectations(&[], &ended.expectations, out);
        if self.args.stats {
            print_silent(&ended.silent, out);
        }
        print_stats(&ended.stats, &ended.counters, ended.outage, self.printer.unasked(), out);
        let exit = match ended.problem {
            Some(_) => Exit::Unknown,
            None if ended.outage.is_down() && !self.has_all(&ended) => Exit::Unknown,
            None if self.has_findings(&ended) => Exit::Findings,
            None => Exit::Good,
        };
        // A recording that ended early is not what was asked for, however well the rest went.
        match (is_cut_short, has_nothing) {
            (true, _) => exit.max(Exit::CouldNotRun),
            (false, true) => exit.max(Exit::Findings),
            (false, false) => exit,
        }
    }
}

impl Watch<'_> {
    fn state(&self, state: &InspectionState, following: &mut Following<'_>) {
        if !matches!(state, InspectionState::Connected { .. }) {
            return;
        }
        let waits = self.args.seconds.or_else(|| self.args.doctor.then_some(DOCTOR_WAITS));
        if let Some(seconds) = waits {
            following.until.get_or_insert_with(|| Instant::now() + Duration::from_secs(seconds));
        }
    }

    fn stage(&mut self, report: &StageReport, following: &mut Following<'_>, out: &mut Output) {
        if self.args.doctor {
            print_timeline(report, out);
        }
        if (report.stage, &report.state) == (Stage::FirstMessage, &StageState::Done) {
            self.has_seen_first = true;
            if self.args.doctor {
                following.close();
            }
        }
    }

    /// Whether what was asked for has come, going by counts and expectations.
    fn is_enough(&self, seen: &Ended) -> bool {
        let is_counted = self.args.stats && self.args.count.is_some_and(|count| seen.counters.received >= count);
        let ends_when_met = self.args.expect.is_some() && self.args.count.is_none() && self.args.seconds.is_none();
        is_counted || (ends_when_met && seen.was_connected && all_met(&seen.expectations))
    }

    fn count(&self, ended: &Ended) -> u64 {
        if self.args.stats { ended.stats.messages } else { self.printer.printed }
    }

    /// Whether all came that was asked for by number or expectation: what the connection does after that says nothing.
    fn has_all(&self, ended: &Ended) -> bool {
        let is_counted = self.args.count.is_some_and(|wanted| self.count(ended) >= wanted);
        let is_met = self.args.expect.is_some() && self.args.seconds.is_none() && all_met(&ended.expectations);
        is_counted || is_met
    }

    fn has_findings(&self, ended: &Ended) -> bool {
        let is_short = self.args.count.is_some_and(|wanted| self.count(ended) < wanted);
        let is_unmet = self.args.expect.is_some() && !all_met(&ended.expectations);
        let is_silent = self.args.doctor && !self.has_seen_first;
        is_short || is_unmet || is_silent || ended.is_refused || self.printer.unasked() > 0
    }
}

/// Code of an inspection that somebody interrupted before there was a connection.
const STOPPED: &str = "inspect.stopped";

fn stopped() -> Problem {
    Problem::new(
        STOPPED,
        "It was stopped before there was a connection",
        "Somebody interrupted it",
        "Try again; --doctor shows which stage takes so long",
    )
}

/// Codes of recordings whose path leads to something else: nothing came that could replace a file, or another took its place.
const NOTHING_CAME: &str = "recording.nothing_came";
const REPLACED: &str = "recording.replaced";

fn print_recording(state: &RecorderState, out: &mut Output) {
    let path = state.path.display().to_string();
    match &state.problem {
        Some(problem) if [NOTHING_CAME, REPLACED].contains(&problem.code) => out.text(&problem.what),
        _ => out.text(format!("Recorded {} to {path}", counted(state.messages, "message"))),
    }
    out.json(&json!({
        "kind": "recording", "path": path, "messages": state.messages, "bytes": state.file_bytes,
        "problem": state.problem,
    }));
}
