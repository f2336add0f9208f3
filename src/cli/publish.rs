//! `linesman publish`: a message, once, again and again, or one a line, and what the broker says to it.

use std::io::{BufRead, Read as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde_json::json;

use super::args::PublishArgs;
use super::commission::wait_for_start;
use super::follow::{Ended, Follower, Following, begin, follow};
use super::mqtt::{plan, read_payload};
use super::output::{Exit, Output};
use crate::backend::Handle;
use crate::model::mqtt::message::{Outgoing, Properties, PublishEnd, Qos};
use crate::model::problem::{Explain as _, Problem};
use crate::msg::telemetry::{
    InspectionSource, InspectionStart, InspectionState, Repeat, STORE_BYTES, TelemetryCommand, TelemetryEvent,
};

/// The ticket of the first message.
const TICKET: u64 = 1;
/// How often it is looked whether standard input has ended.
const LOOK: Duration = Duration::from_millis(50);
/// Lines on their way at once: fewer than an inspection's queue holds, for what finds it full is not taken.
const WINDOW: usize = 8;
/// The longest line that is a message.
const MAX_LINE: u64 = 16 * 1024 * 1024;
const TOO_LONG: &str = "a line is longer than 16 MiB";

/// Publishes and prints what came of it.
pub fn publish(handle: &mut Handle, args: &PublishArgs, out: &mut Output) -> Exit {
    match open(handle, args) {
        Ok((following, run)) => follow(following, run, out),
        Err((problem, exit)) => {
            out.problem(&problem);
            exit
        }
    }
}

fn open<'h, 'a>(handle: &'h mut Handle, args: &'a PublishArgs) -> Result<(Following<'h>, Run<'a>), (Problem, Exit)> {
    let usage = |problem: Problem| {
        let exit = Exit::of_input(&problem);
        (problem, exit)
    };
    let could_not_run = |problem| (problem, Exit::CouldNotRun);
    let message = message(args).map_err(usage)?;
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
    let following = begin(handle, start).map_err(could_not_run)?;
    Ok((following, Run { args, message: Some(message), ends: Ends::default(), began: None, lines: None }))
}

fn message(args: &PublishArgs) -> Result<Outgoing, Problem> {
    let message = unchecked(args)?;
    message.check().map_err(|error| error.explain())?;
    Ok(message)
}

fn unchecked(args: &PublishArgs) -> Result<Outgoing, Problem> {
    let payload = match (&args.payload_file, &args.payload) {
        (Some(file), _) => read_payload(file)?,
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

/// How the messages ended.
#[derive(Default)]
struct Ends {
    sent: u32,
    acknowledged: u32,
    nobody: u32,
    refused: u32,
    not_sent: u32,
    unknown: u32,
    last_refusal: Option<Problem>,
    /// Why the last one wasn't sent.
    last_obstacle: Option<Problem>,
}

struct Run<'a> {
    args: &'a PublishArgs,
    message: Option<Outgoing>,
    ends: Ends,
    began: Option<Instant>,
    lines: Option<Lines>,
}

/// Lines of standard input on their way.
struct Lines {
    /// How many were handed over so far.
    count: Arc<AtomicU64>,
    /// What ended the input: nothing while it is open, then its end or an error.
    end: Arc<OnceLock<Result<(), std::io::Error>>>,
    /// Lets another line go, for each that has come to its end.
    room: SyncSender<()>,
}

impl Follower for Run<'_> {
    type Verdict = Exit;

    const IS_ACT: bool = true;

    fn take_in(&mut self, event: TelemetryEvent, following: &mut Following<'_>, out: &mut Output) {
        match event {
            TelemetryEvent::State(InspectionState::Connected { .. }) => self.send(following),
            TelemetryEvent::Published { ticket, count, end } => self.published(ticket, count, end, following, out),
            _ => {}
        }
    }

    fn look_around(&mut self, following: &mut Following<'_>, _out: &mut Output) {
        let Some(lines) = &self.lines else { return };
        following.until = Some(Instant::now() + LOOK);
        following.wakes_only = true;
        match lines.end.get() {
            Some(Ok(())) if self.ends.all() >= lines.count.load(Ordering::Acquire) => following.close(),
            Some(Err(error)) if !following.is_closing() => following.fail(unreadable_input(error)),
            _ => {}
        }
        if following.is_closing() {
            following.until = None;
        }
    }

    fn conclude(self, ended: Ended, out: &mut Output) -> Exit {
        let began = match (self.began, self.ends.own_refusal()) {
            (Some(began), None) => began,
            (_, refusal) => {
                let problem = refusal.or(ended.problem).unwrap_or_else(stopped);
                out.problem(&problem);
                return Exit::of(&problem);
            }
        };
        let Ends { last_refusal, last_obstacle, .. } = &self.ends;
        for problem in ended.problem.iter().chain(last_refusal).chain(last_obstacle) {
            out.aside(problem);
        }
        self.ends.print(began.elapsed(), out);
        let obstacle = last_obstacle.as_ref().map(Exit::of);
        match (self.ends.unknown, self.ends.refused) {
            (1.., _) => Exit::Unknown,
            (0, _) if obstacle.is_some() => obstacle.unwrap_or(Exit::CouldNotRun),
            (0, 1..) => Exit::Findings,
            (0, 0) if self.ends.all() < self.wanted() || ended.problem.is_some() => Exit::Unknown,
            (0, 0) => Exit::Good,
        }
    }
}

impl Run<'_> {
    fn send(&mut self, following: &mut Following<'_>) {
        let Some(message) = self.message.take() else { return };
        if self.args.stdin_line {
            self.began = Some(Instant::now());
            return self.send_lines(message, following);
        }
        let every = Duration::from_secs_f64(self.args.every);
        let repeat = (self.args.repeat > 1).then_some(Repeat { every, times: Some(self.args.repeat) });
        match following.send(TelemetryCommand::Publish { ticket: TICKET, message: Box::new(message), repeat }) {
            Ok(()) => self.began = Some(Instant::now()),
            Err(problem) => following.fail(problem),
        }
    }

    /// Reads lines on a thread of its own, which waits for the workers where they are behind.
    fn send_lines(&mut self, message: Outgoing, following: &mut Following<'_>) {
        let (count, end) = (Arc::new(AtomicU64::new(0)), Arc::new(OnceLock::new()));
        let (room, has_room) = sync_channel(WINDOW);
        // There is room for that many.
        for _ in 0..WINDOW {
            let _ = room.try_send(());
        }
        self.lines = Some(Lines { count: Arc::clone(&count), end: Arc::clone(&end), room });
        let ask = following.asker();
        let read = move || {
            let result = each_line(std::io::stdin().lock(), |payload| {
                if has_room.recv().is_err() {
                    return false;
                }
                let ticket = count.fetch_add(1, Ordering::AcqRel) + TICKET;
                let message = Box::new(Outgoing { payload, ..message.clone() });
                ask(TelemetryCommand::Publish { ticket, message, repeat: None })
            });
            // Nobody else says how it ended.
            let _ = end.set(result);
        };
        if let Err(error) = std::thread::Builder::new().name("standard input".into()).spawn(read) {
            following.fail(unreadable_input(&error));
        }
    }

    /// How many messages there are to be.
    fn wanted(&self) -> u64 {
        match &self.lines {
            Some(lines) => lines.count.load(Ordering::Acquire),
            None => self.args.repeat.into(),
        }
    }

    fn published(&mut self, ticket: u64, count: u32, end: PublishEnd, following: &mut Following<'_>, out: &mut Output) {
        let (word, problem) = match end {
            PublishEnd::Sent => ("sent", None),
            PublishEnd::Acknowledged => ("acknowledged", None),
            PublishEnd::NobodySubscribed => ("nobody-subscribed", None),
            PublishEnd::Refused(problem) => ("refused", Some(problem)),
            PublishEnd::NotSent(problem) => ("not-sent", Some(problem)),
            PublishEnd::Unknown => ("unknown", None),
        };
        let number = if self.lines.is_some() { ticket } else { count.into() };
        if let Some(lines) = &self.lines {
            // Each line took one of the places: there is always one to give back.
            let _ = lines.room.try_send(());
        }
        out.json(&json!({ "kind": "publish", "count": number, "end": word, "problem": problem }));
        match word {
            "sent" => self.ends.sent += 1,
            "acknowledged" => self.ends.acknowledged += 1,
            "nobody-subscribed" => self.ends.nobody += 1,
            "refused" => self.ends.refused += 1,
            "not-sent" => self.ends.not_sent += 1,
            _ => self.ends.unknown += 1,
        }
        // What is refused before anything was sent is not repeated.
        let is_first_refused = count == 1 && problem.is_some() && self.lines.is_none();
        match word {
            "refused" => self.ends.last_refusal = problem,
            "not-sent" => self.ends.last_obstacle = problem,
            _ => {}
        }
        if is_first_refused || (self.lines.is_none() && self.ends.all() >= self.wanted()) {
            following.close();
        }
    }
}

/// Hands each line over, without its end, until the input ends or nobody takes them any more.
fn each_line(mut input: impl BufRead, mut take: impl FnMut(Vec<u8>) -> bool) -> std::io::Result<()> {
    loop {
        let mut line = Vec::new();
        // One byte beyond tells a line that is too long from one that just fits: half a line is no message.
        if input.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.last() != Some(&b'\n') && line.len() as u64 > MAX_LINE {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, TOO_LONG));
        }
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        }
        if !take(line) {
            return Ok(());
        }
    }
}

fn unreadable_input(error: &std::io::Error) -> Problem {
    let (cause, next) = match error.kind() {
        std::io::ErrorKind::InvalidData => {
            ("A line is longer than 16 MiB", "Send it with --payload-file; the messages counted were sent")
        }
        _ => (
            "The program that writes to it failed",
            "Check what stands before the pipe; the messages counted were sent",
        ),
    };
    Problem::new("publish.unreadable", "Standard input could not be read", cause, next).with_detail(error.to_string())
}

fn stopped() -> Problem {
    Problem::new("publish.stopped", "It was stopped before anything was sent", "Somebody interrupted it", "Try again")
}

impl Ends {
    fn all(&self) -> u64 {
        let Self { sent, acknowledged, nobody, refused, not_sent, unknown, .. } = *self;
        [sent, acknowledged, nobody, refused, not_sent, unknown].into_iter().map(u64::from).sum()
    }

    /// Why nothing at all was sent, where it was not the broker that refused it.
    fn own_refusal(&self) -> Option<Problem> {
        let is_input = |problem: &&Problem| Exit::of(problem) == Exit::Usage;
        let refusal = self.last_refusal.as_ref().filter(is_input).or(self.last_obstacle.as_ref());
        refusal.filter(|_| self.all() == u64::from(self.refused) + u64::from(self.not_sent)).cloned()
    }

    fn print(&self, took: Duration, out: &mut Output) {
        let Self { sent, acknowledged, nobody, refused, not_sent, unknown, .. } = self;
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        out.json(&json!({
            "kind": "published", "sent": sent, "acknowledged": acknowledged, "nobody_subscribed": nobody,
            "refused": refused, "not_sent": not_sent, "unknown": unknown, "took_millis": took,
        }));
        let kept_back = if *not_sent > 0 { format!(", {not_sent} not sent") } else { String::new() };
        if self.all() == 0 {
            return out.text("Nothing sent: there was no line to send");
        }
        out.text(match (sent, acknowledged + nobody, refused, unknown) {
            (sent, 0, 0, 0) if *not_sent > 0 => format!("{sent} sent{kept_back}"),
            (sent, 0, 0, 0) => format!("{sent} sent; with quality of service 0 nobody says that it arrived"),
            (_, acknowledged, 0, 0) => format!("{acknowledged} acknowledged by the broker{kept_back}"),
            (sent, acknowledged, refused, unknown) => {
                format!("{sent} sent, {acknowledged} acknowledged, {refused} refused, {unknown} without an answer{kept_back}")
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::next_job;
    use super::*;
    use crate::cli::args::{Cli, Command as Subcommand};
    use crate::msg::Event;

    #[test]
    fn a_message_that_cannot_be_handed_over_ends_the_command() {
        let words = ["linesman", "publish", "--broker", "mqtt://localhost", "--topic", "a", "--payload", "b"];
        let cli = Cli::try_parse_from(words).unwrap();
        let Some(Subcommand::Publish(args)) = cli.command else { panic!("not a publish") };
        let (mut handle, commands, reporter) = Handle::with_workers();
        let job = next_job();
        let message = Some(message(&args).unwrap());
        let run = Run { args: &args, message, ends: Ends::default(), began: None, lines: None };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let state = InspectionState::Connected { facts: Vec::new(), login_ends: None };
        let event = TelemetryEvent::State(state);
        runtime.block_on(reporter.report(Event::TelemetryProgressed { job, at: Duration::ZERO, event }));
        // The workers take nothing any more, and do not say so: the reporter is still there.
        drop(commands);
        let following = Following::of(&mut handle, job);
        assert_eq!(follow(following, run, &mut Output::standard(true)), Exit::CouldNotRun);
        drop(reporter);
    }

    #[test]
    fn a_line_is_a_message_without_its_end() {
        let mut lines = Vec::new();
        each_line(&b"one\r\ntwo\n\n\xff three"[..], |line| {
            lines.push(line);
            true
        })
        .unwrap();
        assert_eq!(lines, [&b"one"[..], b"two", b"", b"\xff three"]);
        // Nothing of a line that is too long goes out as a message of its own.
        let long = [b"one\n".to_vec(), vec![b'x'; usize::try_from(MAX_LINE).unwrap() + 1]].concat();
        let mut taken = 0;
        let read = each_line(&long[..], |_| {
            taken += 1;
            true
        });
        assert_eq!((taken, read.unwrap_err().to_string().as_str()), (1, TOO_LONG));
    }
}
