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
use crate::model::wipe::LeftoverState;
use crate::msg::telemetry::{
    Clearance, ClearedTopic, InspectionSource, InspectionStart, InspectionState, RetainedSearch, STORE_BYTES,
    TelemetryCommand, TelemetryEvent,
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
    /// What was found: topics and the length of each; and how far the search came.
    found: Option<(BTreeMap<String, u64>, RetainedSearch)>,
    cleared: Option<Clearance>,
}

impl Follower for Search<'_> {
    type Verdict = Exit;

    fn take_in(&mut self, event: TelemetryEvent, following: &mut Following<'_>, out: &mut Output) {
        match event {
            TelemetryEvent::State(InspectionState::Connected { .. }) if self.found.is_none() => {
                following.ask(TelemetryCommand::FindRetained(self.args.topic.clone()));
            }
            TelemetryEvent::Retained { topics, search } if search.is_over() => {
                self.found(topics, search, following, out);
            }
            TelemetryEvent::RetainedCleared(clearance) => {
                self.cleared = Some(clearance);
                following.close();
            }
            _ => {}
        }
    }

    fn conclude(self, ended: Ended, out: &mut Output) -> Exit {
        if ended.is_unread && !self.is_begun() {
            return Exit::Good;
        }
        match (self.task, self.found, self.cleared) {
            (_, Some((found, search)), Some(cleared)) => {
                // Others that can't be named are left.
                conclude_clear(found.len(), &cleared, out).max(exit_of(&search))
            }
            (Task::List, Some((found, search)), None) => conclude_list(found.len(), &search, out),
            (Task::Clear { .. }, Some((_, search)), None) if !search.is_whole() => {
                out.problem(&incomplete(&search));
                exit_of(&search)
            }
            (Task::Clear { .. }, Some((found, look)), None) if found.is_empty() && ended.problem.is_none() => {
                conclude_clear(0, &Clearance { topics: Vec::new(), look }, out)
            }
            (Task::Clear { .. }, Some(_), None) | (_, None, _) => {
                let problem = ended.problem.unwrap_or_else(interrupted);
                out.problem(&problem);
                Exit::of(&problem)
            }
        }
    }
}

impl Search<'_> {
    /// Whether something was done, or may have been.
    const fn is_begun(&self) -> bool {
        self.cleared.is_some() || matches!((&self.task, &self.found), (Task::Clear { .. }, Some(_)))
    }

    fn found(
        &mut self,
        topics: Vec<(String, u64)>,
        search: RetainedSearch,
        following: &mut Following<'_>,
        out: &mut Output,
    ) {
        let topics: BTreeMap<String, u64> = topics.into_iter().collect();
        let names: Vec<String> = topics.keys().cloned().collect();
        print_topics(&topics, matches!(self.task, Task::Clear { .. }), out);
        let is_whole = search.is_whole();
        self.found = Some((topics, search));
        let Task::Clear { confirm } = self.task else { return following.close() };
        if let Some(count) = confirm.filter(|count| names.is_empty() && is_whole && *count > 0) {
            return following.fail(not_confirmed(format!("No retained message found, {count} confirmed")));
        }
        // What could not all be listed isn't cleared: nobody can confirm its number.
        if names.is_empty() || !is_whole || following.is_closing() {
            return following.close();
        }
        match confirmed(names.len() as u64, confirm) {
            Ok(()) => following.ask(TelemetryCommand::ClearRetained(names)),
            Err(problem) => following.fail(problem),
        }
    }
}

/// What a search amounts to.
fn exit_of(search: &RetainedSearch) -> Exit {
    match search {
        RetainedSearch::Quiet(_) => Exit::Good,
        RetainedSearch::Unnamed(_) | RetainedSearch::Refused(_) => Exit::Findings,
        RetainedSearch::Running | RetainedSearch::Cut(_) => Exit::Unknown,
        RetainedSearch::Failed(problem) => Exit::of(problem),
    }
}

fn conclude_list(found: usize, search: &RetainedSearch, out: &mut Output) -> Exit {
    let quiet = match search {
        RetainedSearch::Quiet(quiet) => Some(*quiet),
        _ => None,
    };
    out.json(&json!({
        "kind": "summary", "retained": found, "complete": quiet.is_some(),
        "quiet_millis": quiet.map(|quiet| u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX)),
        "problem": search.problem(),
    }));
    let messages = counted(found as u64, "retained message");
    out.text(match (quiet, search.problem()) {
        (Some(quiet), _) => format!("{messages}; nothing further came within {} s", quiet.as_secs()),
        (None, Some(problem)) if found == 0 => format!("No list of retained messages: {}", problem.what),
        (None, Some(problem)) => format!("At least {messages}, the list is incomplete: {}", problem.what),
        (None, None) => format!("At least {messages}, the list is incomplete"),
    });
    exit_of(search)
}

fn incomplete(search: &RetainedSearch) -> Problem {
    let (cause, next) = match search.problem() {
        Some(problem) => (problem.what.clone(), problem.next_step.clone()),
        None => ("The search ended early".to_owned(), "List them again".to_owned()),
    };
    Problem::new("retained.incomplete", "Nothing was cleared: the list of retained messages is incomplete", cause, next)
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

fn conclude_clear(found: usize, clearance: &Clearance, out: &mut Output) -> Exit {
    let named =
        |state: LeftoverState| -> Vec<&str> { clearance.in_state(state).map(|topic| topic.topic.as_str()).collect() };
    let (still_there, not_looked) = (named(LeftoverState::StillThere), named(LeftoverState::NotLooked));
    let gone = clearance.count(LeftoverState::Cleared);
    for ClearedTopic { topic, state, problem } in &clearance.topics {
        let word = match (state, problem) {
            (LeftoverState::StillThere, _) => "still there",
            (LeftoverState::NotLooked | LeftoverState::Left, _) => "not checked",
            (LeftoverState::Cleared, Some(_)) => "gone",
            (LeftoverState::Cleared, None) => continue,
        };
        let why = problem.as_ref().map(|problem| format!("; {}", problem.what)).unwrap_or_default();
        out.aside_text(format!("{}: {word}{why}", visible(topic, 400)));
    }
    let failed: Vec<_> = clearance
        .topics
        .iter()
        .filter_map(|topic| topic.problem.as_ref().map(|problem| json!({ "topic": topic.topic, "problem": problem })))
        .collect();
    out.json(&json!({
        "kind": "cleared", "found": found, "acknowledged": clearance.acknowledged(), "cleared": gone,
        "still_there": still_there, "not_looked_at": not_looked, "failed": failed, "problem": clearance.look.problem(),
    }));
    let left = [(still_there.len(), "still there"), (not_looked.len(), "not checked")];
    let left = left.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!(", {count} {words}"));
    let left = left.collect::<Vec<_>>().concat();
    out.text(format!("{} cleared{left}", counted(gone as u64, "retained message")));
    match (still_there.len(), not_looked.len()) {
        (1.., _) => Exit::Findings,
        (0, 1..) => Exit::Unknown,
        (0, 0) => Exit::Good,
    }
}
