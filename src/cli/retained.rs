//! `linesman retained`: the messages that a broker retains: listed, or cleared after a confirmation that counts them.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use serde_json::json;

use super::args::{RetainedArgs, RetainedCommand};
use super::commission::wait_for_start;
use super::follow::{Ended, Follower, Following, begin, follow};
use super::lines::counted;
use super::mqtt::plan;
use super::output::{Exit, Output};
use super::secret_input::{cancelled, question};
use crate::backend::Handle;
use crate::model::problem::Problem;
use crate::model::text::visible;
use crate::msg::telemetry::{
    InspectionSource, InspectionStart, InspectionState, STORE_BYTES, TelemetryCommand, TelemetryEvent,
};

/// Topics that are shown before somebody is asked.
const SHOWN: usize = 20;

/// Lists or clears retained messages.
pub fn retained(handle: &mut Handle, command: &RetainedCommand, out: &mut Output) -> Exit {
    let (args, task) = match command {
        RetainedCommand::List(args) => (args, Task::List),
        RetainedCommand::Clear { of, confirm } => (of, Task::Clear { confirm: *confirm }),
    };
    match open(handle, args) {
        Ok(following) => follow(following, Search { args, task, found: None, cleared: None }, out),
        Err((problem, exit)) => {
            out.problem(&problem);
            exit
        }
    }
}

fn open<'h>(handle: &'h mut Handle, args: &RetainedArgs) -> Result<Following<'h>, (Problem, Exit)> {
    let usage = |problem: Problem| {
        let exit = Exit::of_input(&problem);
        (problem, exit)
    };
    let could_not_run = |problem| (problem, Exit::CouldNotRun);
    let plan = plan(&args.broker, None).map_err(usage)?;
    wait_for_start(handle).map_err(could_not_run)?;
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
        most: None,
        wants_messages: false,
        is_reconnecting: false,
    };
    begin(handle, start).map_err(could_not_run)
}

enum Task {
    List,
    Clear { confirm: Option<u64> },
}

struct Search<'a> {
    args: &'a RetainedArgs,
    task: Task,
    /// What was found: topics and the length of each.
    found: Option<BTreeMap<String, u64>>,
    cleared: Option<Cleared>,
}

struct Cleared {
    count: usize,
    failed: Vec<(String, Problem)>,
}

impl Follower for Search<'_> {
    type Verdict = Exit;

    fn take_in(&mut self, event: TelemetryEvent, following: &mut Following<'_>, out: &mut Output) {
        match event {
            TelemetryEvent::State(InspectionState::Connected { .. }) if self.found.is_none() => {
                following.ask(TelemetryCommand::FindRetained(self.args.topic.clone()));
            }
            TelemetryEvent::Retained { topics, is_complete: true } => self.found(topics, following, out),
            TelemetryEvent::RetainedCleared { cleared, failed } => {
                self.cleared = Some(Cleared { count: cleared, failed });
                following.close();
            }
            _ => {}
        }
    }

    fn conclude(self, ended: Ended, out: &mut Output) -> Exit {
        if let (Some(problem), None) = (&ended.problem, &self.cleared) {
            out.problem(problem);
            return Exit::of(problem);
        }
        let is_begun = self.cleared.is_some() || matches!((&self.task, &self.found), (Task::Clear { .. }, Some(_)));
        if ended.is_unread && !is_begun {
            return Exit::Good;
        }
        let found = self.found.as_ref().map(BTreeMap::len);
        match (self.task, found, self.cleared) {
            (_, Some(found), Some(cleared)) => conclude_clear(found, &cleared, out),
            (Task::Clear { .. }, Some(0), None) => conclude_clear(0, &Cleared { count: 0, failed: Vec::new() }, out),
            (Task::List, Some(found), None) => {
                out.json(&json!({ "kind": "summary", "retained": found }));
                out.text(counted(found as u64, "retained message"));
                Exit::Good
            }
            (Task::Clear { .. }, Some(_), None) | (_, None, _) => {
                let problem = interrupted();
                out.problem(&problem);
                Exit::Unknown
            }
        }
    }
}

impl Search<'_> {
    fn found(&mut self, topics: Vec<(String, u64)>, following: &mut Following<'_>, out: &mut Output) {
        let topics: BTreeMap<String, u64> = topics.into_iter().collect();
        let names: Vec<String> = topics.keys().cloned().collect();
        print_topics(&topics, matches!(self.task, Task::Clear { .. }), out);
        self.found = Some(topics);
        let Task::Clear { confirm } = self.task else { return following.close() };
        if names.is_empty() {
            return following.close();
        }
        match confirmed(names.len() as u64, confirm) {
            Ok(()) => following.ask(TelemetryCommand::ClearRetained(names)),
            Err(problem) => following.fail(problem),
        }
    }
}

fn print_topics(topics: &BTreeMap<String, u64>, is_asked: bool, out: &mut Output) {
    let most = if is_asked && !out.is_json() { SHOWN } else { usize::MAX };
    for (topic, bytes) in topics.iter().take(most) {
        out.json(&json!({ "kind": "retained", "topic": topic, "bytes": bytes }));
        out.text(format!("{:<60} {}", visible(topic, 400), counted(*bytes, "byte")));
    }
    if topics.len() > most {
        out.text(format!("… and {} more", topics.len() - most));
    }
}

/// Whether so many messages may be cleared: by the number that was given, or by an answer.
fn confirmed(found: u64, given: Option<u64>) -> Result<(), Problem> {
    match given {
        Some(count) if count == found => Ok(()),
        Some(count) => Err(not_confirmed(format!("{} found, {count} confirmed", counted(found, "retained message")))),
        None if std::io::stdin().is_terminal() => ask(found),
        None => Err(not_confirmed(format!("{} found, and nobody to ask", counted(found, "retained message")))),
    }
}

fn ask(found: u64) -> Result<(), Problem> {
    let answer = question(&format!("Type {found} to clear {}: ", counted(found, "retained message")))?;
    if answer.trim() == found.to_string() { Ok(()) } else { Err(cancelled()) }
}

fn not_confirmed(what: String) -> Problem {
    Problem::new(
        "retained.not_confirmed",
        what,
        "Clearing has no undo, so the number has to be confirmed; nothing was cleared",
        "List them, and give their number with --confirm",
    )
}

fn interrupted() -> Problem {
    Problem::new(
        "retained.stopped",
        "It was stopped before its end",
        "Somebody interrupted it",
        "List the retained messages again to see what is left",
    )
}

fn conclude_clear(found: usize, cleared: &Cleared, out: &mut Output) -> Exit {
    for (topic, problem) in &cleared.failed {
        out.aside_text(format!("{}: {}", visible(topic, 400), problem.what));
    }
    let failed: Vec<_> =
        cleared.failed.iter().map(|(topic, problem)| json!({ "topic": topic, "problem": problem })).collect();
    out.json(&json!({ "kind": "cleared", "found": found, "cleared": cleared.count, "failed": failed }));
    out.text(format!("{} cleared", counted(cleared.count as u64, "retained message")));
    if cleared.failed.is_empty() { Exit::Good } else { Exit::Findings }
}
