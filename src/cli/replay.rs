//! `linesman replay`: a recording played again at any pace, or written in another form.

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::args::ReplayArgs;
use super::commission::wait_for_start;
use super::decoding;
use super::follow::{Ended, Follower, Following, begin, follow};
use super::format::Format;
use super::lines::{all_met, counted, print_expectations, print_stats, something_expected, utc};
use super::output::{Exit, Output};
use super::sieve::Printer;
use crate::backend::Handle;
use crate::model::problem::Problem;
use crate::model::text::visible;
use crate::model::word::Word as _;
use crate::msg::telemetry::{
    ExportForm, InspectionSource, InspectionStart, InspectionState, InspectionStats, PlaybackState, TelemetryCommand,
    TelemetryEvent,
};
use crate::telemetry::recording::LeftOut;
use crate::telemetry::view::Query;

/// Plays to the end, and prints the result.
pub fn replay(handle: &mut Handle, args: &ReplayArgs, out: &mut Output) -> Exit {
    match open(handle, args, out) {
        Ok((following, replay)) => follow(following, replay, out),
        Err((problem, exit)) => {
            out.problem(&problem);
            exit
        }
    }
}

fn open<'h, 'a>(
    handle: &'h mut Handle,
    args: &'a ReplayArgs,
    out: &Output,
) -> Result<(Following<'h>, Replay<'a>), (Problem, Exit)> {
    let usage = |problem: Problem| {
        let exit = Exit::of_input(&problem);
        (problem, exit)
    };
    let could_not_run = |problem| (problem, Exit::CouldNotRun);
    let format = format(args).map_err(usage)?;
    let printer = Printer::new(&args.sieve, &args.topics, args.count, format.lines(), out).map_err(usage)?;
    let catalog = wait_for_start(handle).map_err(could_not_run)?.catalog;
    let profile = args.expect.as_ref().map(|id| catalog.find(id)).transpose().map_err(usage)?;
    something_expected(profile).map_err(usage)?;
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
        most: args.count.filter(|_| args.stats || (args.topics.is_empty() && args.sieve.lets_all_through())),
        wants_messages: !args.stats && args.export.is_none(),
        is_reconnecting: false,
    };
    let mut commands = Vec::new();
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
        let format = format.file().unwrap_or_else(|| form_of(destination.path()));
        commands.push(TelemetryCommand::Play(false));
        commands.push(TelemetryCommand::Export { destination: destination.clone(), format, query: Box::new(query) });
    }
    let mut following = begin(handle, start).map_err(could_not_run)?;
    for command in decoding::commands(&args.sieve, printer.decoders()).into_iter().chain(commands) {
        following.send(command).map_err(could_not_run)?;
    }
    Ok((
        following,
        Replay {
            args,
            printer,
            exported: None,
            left_some_out: false,
            playback: None,
            told: None,
            has_told_place: false,
            is_at_end: false,
            is_wait_told: false,
        },
    ))
}

/// What `--format` says: of a file, or of each message that is printed.
enum Wanted {
    File(Option<ExportForm>),
    Lines(Option<Format>),
}

impl Wanted {
    const fn lines(&self) -> Option<&Format> {
        if let Self::Lines(format) = self { format.as_ref() } else { None }
    }

    const fn file(&self) -> Option<ExportForm> {
        if let Self::File(form) = self { *form } else { None }
    }
}

fn format(args: &ReplayArgs) -> Result<Wanted, Problem> {
    let wrong = |text: &str, cause: String| {
        let what = format!("“{}” can't be used as --format", visible(text, 80));
        Problem::new("replay.format", what, cause, "With --export, name one of csv, jsonl, parquet and recording")
    };
    match (&args.export, &args.format) {
        (Some(_), None) => Ok(Wanted::File(None)),
        (None, None) => Ok(Wanted::Lines(None)),
        (Some(_), Some(text)) => match ExportForm::from_word(text) {
            Some(form) => Ok(Wanted::File(Some(form))),
            None => Err(wrong(text, "A file is written as csv, jsonl, parquet or recording".into())),
        },
        (None, Some(text)) => {
            text.parse().map(|format| Wanted::Lines(Some(format))).map_err(|cause| wrong(text, cause))
        }
    }
}

/// What the ending of a file says.
fn form_of(path: &Path) -> ExportForm {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    ExportForm::from_word(&ending).unwrap_or(ExportForm::JsonLines)
}

/// A recording that is played.
struct Replay<'a> {
    args: &'a ReplayArgs,
    printer: Printer,
    exported: Option<(u64, LeftOut)>,
    /// Whether the export lacks messages that the jq expression could not be asked about.
    left_some_out: bool,
    /// The recording as it is played.
    playback: Option<PlaybackState>,
    /// What was told last of what is wrong with it.
    told: Option<Problem>,
    /// Whether the place was told where more was found to be wrong.
    has_told_place: bool,
    is_at_end: bool,
    /// Whether it was said how long the next message takes.
    is_wait_told: bool,
}

impl Replay<'_> {
    /// Prints what is played at the beginning, and what is wrong with it where that first shows. All of it is told at the end.
    fn playback(&mut self, playback: PlaybackState, out: &mut Output) {
        if self.playback.is_none() {
            print_playback(&playback, out);
            self.told.clone_from(&playback.repaired);
        } else if !self.has_told_place && playback.repaired != self.told {
            self.has_told_place = true;
            self.tell_repairs(playback.repaired.as_ref(), out);
        }
        self.playback = Some(playback);
    }

    fn tell_repairs(&mut self, repaired: Option<&Problem>, out: &mut Output) {
        if let Some(problem) = repaired.filter(|problem| self.told.as_ref() != Some(*problem)) {
            out.aside(problem);
            self.told = Some(problem.clone());
        }
    }

    /// Whether something of what was to be played is missing.
    fn lacks_some(&self, stats: &InspectionStats) -> bool {
        let has_played_all = self.is_at_end && self.args.count.is_none_or(|count| stats.messages < count);
        let is_incomplete = self.playback.as_ref().is_some_and(|playback| !playback.left_out.is_nothing());
        stats.left_out > 0 || (has_played_all && is_incomplete)
    }

    /// Says on a terminal, once each time, that the next message takes a while.
    fn tell_wait(&mut self, next_in: Option<Duration>, out: &Output) {
        let is_wait_told = std::mem::replace(&mut self.is_wait_told, next_in.is_some());
        if let Some(left) = next_in.filter(|_| !is_wait_told && std::io::stderr().is_terminal()) {
            out.aside_text(format!("Next message in {} s", left.as_secs()));
        }
    }
}

impl Follower for Replay<'_> {
    type Verdict = Exit;

    fn take_in(&mut self, event: TelemetryEvent, following: &mut Following<'_>, out: &mut Output) {
        match event {
            TelemetryEvent::State(InspectionState::Paused { is_at_end: true }) if self.args.export.is_none() => {
                self.is_at_end = true;
                following.close();
            }
            TelemetryEvent::Playback(playback) => {
                self.tell_wait(playback.next_in, out);
                self.playback(*playback, out);
            }
            TelemetryEvent::Messages(batch) if !following.is_closing() && self.printer.print(&batch, out) => {
                following.close();
            }
            TelemetryEvent::Warning(problem) if problem.code == "telemetry.jq_stopped" => self.left_some_out = true,
            // Nothing more comes of it.
            TelemetryEvent::Warning(problem) if problem.code == "recording.not_read" => following.fail(*problem),
            TelemetryEvent::Exported { result: Ok(messages), left_out, .. } => {
                self.exported = Some((messages, left_out));
                following.close();
            }
            TelemetryEvent::Exported { result: Err(problem), .. } => following.fail(problem),
            _ => {}
        }
    }

    fn conclude(mut self, ended: Ended, out: &mut Output) -> Exit {
        if let Some(problem) = ended.problem {
            out.problem(&problem);
            return Exit::of(&problem);
        }
        if let (Some(destination), Some(messages)) = (&self.args.export, self.exported) {
            let (messages, left_out) = messages;
            let path = destination.path().display().to_string();
            let left_out_messages = left_out.messages;
            out.json(&json!({
                "kind": "exported", "path": path, "messages": messages, "left_out": left_out_messages,
            }));
            let missing = if left_out_messages > 0 { format!("; {left_out_messages} left out") } else { String::new() };
            out.text(format!("{} written to {destination}{missing}", counted(messages, "message")));
            let is_whole = left_out.is_nothing() && !self.left_some_out;
            return if is_whole { Exit::Good } else { Exit::Findings };
        }
        if ended.is_unread {
            return Exit::Good;
        }
        let repaired = self.playback.as_ref().and_then(|playback| playback.repaired.clone());
        self.tell_repairs(repaired.as_ref(), out);
        print_expectations(&[], &ended.expectations, out);
        print_stats(&ended.stats, &ended.counters, ended.outage, self.printer.unasked(), out);
        let count = if self.args.stats { ended.stats.messages } else { self.printer.printed };
        let is_short = self.args.count.is_some_and(|wanted| count < wanted) || self.lacks_some(&ended.stats);
        let is_unmet = self.args.expect.is_some() && !all_met(&ended.expectations);
        match (ended.is_over, is_short || is_unmet || self.printer.unasked() > 0) {
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
