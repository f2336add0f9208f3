//! `linesman replay`: a recording played again at any pace, or written in another form.

use std::path::Path;

use serde_json::json;

use super::args::ReplayArgs;
use super::commission::wait_for_start;
use super::mqtt::{Sieve, all_met, print_expectations, print_state, print_stats, utc};
use super::next_job;
use super::output::{Exit, Output};
use super::session::workers_gone;
use crate::backend::Handle;
use crate::model::ids::JobId;
use crate::model::problem::Problem;
use crate::model::word::Word as _;
use crate::msg::telemetry::{
    ExportForm, InspectionSource, InspectionStart, InspectionState, InspectionStats, PlaybackState, TelemetryCommand,
    TelemetryEvent,
};
use crate::msg::{Command, Event, JobEnd};
use crate::telemetry::view::{ExpectationState, Query};

/// Plays to the end, and prints the result.
pub fn replay(handle: &mut Handle, args: &ReplayArgs, out: &mut Output) -> Exit {
    match open(handle, args) {
        Ok(replay) => replay.run(handle, out),
        Err((problem, exit)) => {
            out.problem(&problem);
            exit
        }
    }
}

fn open<'a>(handle: &mut Handle, args: &'a ReplayArgs) -> Result<Replay<'a>, (Problem, Exit)> {
    let usage = |problem| (problem, Exit::Usage);
    let could_not_run = |problem| (problem, Exit::CouldNotRun);
    let sieve = Sieve::new(&args.sieve, &args.topics).map_err(usage)?;
    let catalog = wait_for_start(handle).map_err(could_not_run)?.catalog;
    let profile = args.expect.as_ref().map(|id| catalog.find(id)).transpose().map_err(usage)?;
    let job = next_job();
    let start = InspectionStart {
        source: InspectionSource::Recording { path: args.file.clone(), speed: args.speed },
        budget_bytes: args.budget as usize * 1024 * 1024,
        profile: profile.map(|profile| profile.id.clone()),
        gateway: None,
        pushed_before: None,
        is_identity_confirmed: false,
        guarded_client_id: None,
        ring: None,
        record: None,
        wants_messages: !args.stats && args.export.is_none(),
        is_reconnecting: false,
    };
    let mut commands = vec![TelemetryCommand::Open(Box::new(start))];
    if let Some(destination) = &args.export {
        let ([] | [_]) = args.topics.as_slice() else {
            return Err(usage(Problem::new(
                "replay.one_filter",
                "Several filters cannot be exported at once",
                "An export takes one topic filter",
                "Give one --topic, with wildcards, or export twice",
            )));
        };
        let query = Query {
            filter: args.topics.first().cloned(),
            text: args.sieve.text.clone().unwrap_or_default(),
            is_regex: args.sieve.regex,
            jq: args.sieve.filter_jq.clone().unwrap_or_default(),
        };
        let format = args.format.unwrap_or_else(|| form_of(destination.path()));
        commands.push(TelemetryCommand::Play(false));
        commands.push(TelemetryCommand::Export { destination: destination.clone(), format, query: Box::new(query) });
    }
    for command in commands {
        handle.try_send(Command::Telemetry { job, command }).map_err(could_not_run)?;
    }
    Ok(Replay {
        args,
        job,
        sieve,
        printed: 0,
        expectations: Vec::new(),
        exported: None,
        is_told: false,
        is_closing: false,
        is_at_end: false,
        problem: None,
        stats: InspectionStats::default(),
    })
}

/// What the ending of a file says.
fn form_of(path: &Path) -> ExportForm {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    ExportForm::from_word(&ending).unwrap_or(ExportForm::JsonLines)
}

/// A recording that is played.
struct Replay<'a> {
    args: &'a ReplayArgs,
    job: JobId,
    sieve: Sieve,
    printed: u64,
    expectations: Vec<ExpectationState>,
    exported: Option<u64>,
    is_told: bool,
    is_closing: bool,
    is_at_end: bool,
    problem: Option<Problem>,
    stats: InspectionStats,
}

impl Replay<'_> {
    fn run(mut self, handle: &mut Handle, out: &mut Output) -> Exit {
        let end = loop {
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

    fn close(&mut self, handle: &Handle) {
        if !std::mem::replace(&mut self.is_closing, true) {
            let (job, command) = (self.job, TelemetryCommand::Close);
            // If even that cannot be sent, the workers have ended, and that is told next.
            let _ = handle.try_send(Command::Telemetry { job, command });
        }
    }

    fn take_in(&mut self, event: TelemetryEvent, handle: &Handle, out: &mut Output) {
        match event {
            TelemetryEvent::State(state) => {
                print_state(&state, out);
                if let InspectionState::Paused { is_at_end: true } = state
                    && self.args.export.is_none()
                {
                    self.is_at_end = true;
                    self.close(handle);
                }
            }
            TelemetryEvent::Playback(playback) if !self.is_told => {
                self.is_told = true;
                print_playback(&playback, out);
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
            TelemetryEvent::Snapshot(snapshot) => {
                print_expectations(&self.expectations, &snapshot.expectations, out);
                self.expectations.clone_from(&snapshot.expectations);
            }
            TelemetryEvent::Exported { result, .. } => {
                match result {
                    Ok(messages) => self.exported = Some(messages),
                    Err(problem) => self.problem = Some(problem),
                }
                self.close(handle);
            }
            TelemetryEvent::Warning(problem) => out.warning(&problem),
            TelemetryEvent::Stats(stats) => self.stats = stats,
            _ => {}
        }
    }

    /// Prints the result, last, and tells the exit code.
    fn conclude(self, end: JobEnd, out: &mut Output) -> Exit {
        let problem = match end {
            JobEnd::Failed(problem) => Some(problem),
            JobEnd::Done { .. } | JobEnd::Cancelled => self.problem,
        };
        if let Some(problem) = problem {
            out.problem(&problem);
            return Exit::CouldNotRun;
        }
        if let (Some(destination), Some(messages)) = (&self.args.export, self.exported) {
            out.json(
                &json!({ "kind": "exported", "path": destination.path().display().to_string(), "messages": messages }),
            );
            out.text(format!("{messages} messages written to {destination}"));
            return Exit::Good;
        }
        print_expectations(&[], &self.expectations, out);
        print_stats(&self.stats, out);
        let is_short = self.args.count.is_some_and(|wanted| self.printed < wanted && !self.args.stats);
        let is_unmet = self.args.expect.is_some() && !all_met(&self.expectations);
        match (self.is_closing, is_short || is_unmet) {
            (false, _) => Exit::Unknown,
            (true, true) => Exit::Findings,
            (true, false) => Exit::Good,
        }
    }
}

fn print_playback(playback: &PlaybackState, out: &mut Output) {
    let (first, last) = playback.recording.span_unix_micros.unzip();
    let facts: Vec<_> =
        playback.facts.facts.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    out.json(&json!({
        "kind": "recording", "path": playback.recording.path.display().to_string(),
        "messages": playback.recording.messages, "bytes": playback.recording.file_bytes,
        "first": first.and_then(utc), "last": last.and_then(utc), "facts": facts, "problem": playback.repaired,
    }));
    if let Some(problem) = &playback.repaired {
        out.text(format!("Note: {}", problem.what));
    }
}
