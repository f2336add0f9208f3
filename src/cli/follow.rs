//! The one loop of `inspect`, `replay`, `publish`, `retained` and the tour: takes in what an inspection reports, prints what all of them
//! print, and ends it when its time, its reader or its purpose is over.

use std::time::{Duration, Instant};

use super::advice::advised;
use super::lines::{print_expectations, print_stage, print_state};
use super::next_job;
use super::output::Output;
use super::session::workers_gone;
use crate::backend::Handle;
use crate::model::ids::JobId;
use crate::model::mqtt::stage::{StageReport, StageState};
use crate::model::problem::Problem;
use crate::msg::telemetry::{
    InspectionSource, InspectionStart, InspectionState, InspectionStats, TelemetryCommand, TelemetryEvent,
};
use crate::msg::{Command, Event, JobEnd};
use crate::telemetry::silence::SilentTopic;
use crate::telemetry::view::{Counters, ExpectationState};

/// What a subcommand adds to the loop.
pub(super) trait Follower {
    /// What it amounts to: the exit code, for a subcommand.
    type Verdict;

    /// Takes in an event, after the loop has printed and kept what all have in common.
    fn take_in(&mut self, event: TelemetryEvent, following: &mut Following<'_>, out: &mut Output);

    /// Looks after what comes from elsewhere than the inspection. Called after each event and whenever time has passed.
    fn look_around(&mut self, _following: &mut Following<'_>, _out: &mut Output) {}

    /// Prints the result, last, and tells what it amounts to.
    fn conclude(self, ended: Ended, out: &mut Output) -> Self::Verdict;

    /// Whether it does something that a reader who went away must not cut off.
    const IS_ACT: bool = false;
}

/// What was seen of an inspection.
#[derive(Default)]
pub(super) struct Ended {
    /// Why it came to nothing, or to an early end.
    pub(super) problem: Option<Problem>,
    /// Whether there was a connection.
    pub(super) was_connected: bool,
    /// Whether it ended because it was over, and not because somebody interrupted it.
    pub(super) is_over: bool,
    /// Whether it ended because nobody reads any more: then what did not come yet was not waited for, and says nothing.
    pub(super) is_unread: bool,
    /// Whether no subscription was granted.
    pub(super) is_refused: bool,
    /// What the store counted.
    pub(super) counters: Counters,
    /// How the expectations stand.
    pub(super) expectations: Vec<ExpectationState>,
    /// The topics that were silent at the end, and why.
    pub(super) silent: Vec<SilentTopic>,
    /// What it amounted to.
    pub(super) stats: InspectionStats,
    /// How long there was no connection since the first one.
    pub(super) outage: Outage,
}

/// Connections that were lost.
#[derive(Clone, Copy, Default)]
pub(super) struct Outage {
    /// How many.
    pub(super) losses: u32,
    /// How long it took until they were back, in total.
    down: Duration,
    /// Since when one is away.
    since: Option<Instant>,
}

impl Outage {
    /// Whether it ended while there was none.
    pub(super) const fn is_down(&self) -> bool {
        self.since.is_some()
    }

    /// How long there was none in total.
    pub(super) fn total(&self) -> Duration {
        self.down + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn lost(&mut self) {
        if self.since.is_none() {
            (self.since, self.losses) = (Some(Instant::now()), self.losses + 1);
        }
    }

    fn back(&mut self) {
        self.down += self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
    }
}

/// An inspection that runs.
pub(super) struct Following<'a> {
    handle: &'a mut Handle,
    job: JobId,
    /// When it is to end, or to look around.
    pub(super) until: Option<Instant>,
    /// Whether it is a recording: what is lost was lost when it was made.
    is_replay: bool,
    /// Whether the time is only for looking around.
    pub(super) wakes_only: bool,
    /// Whether it isn't tried again while there never was a connection.
    pub(super) is_tried_once: bool,
    /// Whether the stages are printed one by one, with what is to be noted of them.
    pub(super) has_timeline: bool,
    /// What was seen so far.
    pub(super) seen: Ended,
    told: Told,
    /// The workers take nothing any more.
    is_lost: bool,
}

/// What is told once.
#[derive(Default)]
struct Told {
    dropped: bool,
    oversize: bool,
    malformed: bool,
    /// What keeps acts from being recorded.
    obstacles: Vec<Problem>,
}

/// Begins an inspection.
pub(super) fn begin(handle: &mut Handle, start: InspectionStart) -> Result<Following<'_>, Problem> {
    let is_replay = matches!(start.source, InspectionSource::Recording { .. });
    let mut following = Following { is_replay, ..Following::of(handle, next_job()) };
    following.send(TelemetryCommand::Open(Box::new(start)))?;
    Ok(following)
}

/// Follows an inspection to its end and prints the result.
pub(super) fn follow<F: Follower>(mut following: Following<'_>, mut follower: F, out: &mut Output) -> F::Verdict {
    let end = loop {
        match following.next() {
            Next::Event(event) => {
                following.take_in(&event, out);
                follower.take_in(event, &mut following, out);
            }
            Next::Trouble(problem) => following.warn(&problem, out),
            Next::End(end) => break end,
            Next::TimeIsUp if following.wakes_only => {}
            Next::TimeIsUp => following.close(),
            Next::Nothing => {}
        }
        follower.look_around(&mut following, out);
        if out.is_over() && !F::IS_ACT {
            following.seen.is_unread = true;
            following.close();
        }
    };
    let mut ended = following.seen;
    if let JobEnd::Failed(problem) = end {
        ended.problem = Some(problem);
    }
    follower.conclude(ended, out)
}

/// What comes next.
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart at once")]
enum Next {
    Event(TelemetryEvent),
    Trouble(Problem),
    End(JobEnd),
    TimeIsUp,
    Nothing,
}

impl<'a> Following<'a> {
    /// An inspection that was begun.
    pub(super) fn of(handle: &'a mut Handle, job: JobId) -> Self {
        Self {
            handle,
            job,
            until: None,
            is_replay: false,
            wakes_only: false,
            is_tried_once: false,
            has_timeline: false,
            seen: Ended::default(),
            told: Told::default(),
            is_lost: false,
        }
    }

    /// Asks something of the inspection.
    pub(super) fn send(&mut self, command: TelemetryCommand) -> Result<(), Problem> {
        self.handle.send_blocking(Command::Telemetry { job: self.job, command })
    }

    /// Asks something of the inspection; what keeps it from being asked ends it.
    pub(super) fn ask(&mut self, command: TelemetryCommand) {
        if let Err(problem) = self.send(command) {
            self.fail(problem);
        }
    }

    /// A way to ask from another thread.
    pub(super) fn asker(&self) -> impl Fn(TelemetryCommand) -> bool + Send + 'static {
        let (job, send) = (self.job, self.handle.sender());
        move |command| send(Command::Telemetry { job, command })
    }

    /// Whether it is being ended.
    pub(super) const fn is_closing(&self) -> bool {
        self.seen.is_over
    }

    /// Ends the inspection in an orderly way; its result comes before its end.
    pub(super) fn close(&mut self) {
        if !std::mem::replace(&mut self.seen.is_over, true)
            && let Err(problem) = self.send(TelemetryCommand::Close)
        {
            // Nobody will close it any more: waiting for that would never end.
            self.seen.problem.get_or_insert(problem);
            self.is_lost = true;
        }
    }

    /// Ends the inspection for that reason.
    pub(super) fn fail(&mut self, problem: Problem) {
        self.seen.problem = Some(problem);
        self.close();
    }

    fn next(&mut self) -> Next {
        if self.is_lost {
            return Next::End(JobEnd::Cancelled);
        }
        let event = match self.until.filter(|_| self.wakes_only || !self.is_closing()) {
            Some(until) => match self.handle.recv_until(until) {
                None if Instant::now() >= until => return Next::TimeIsUp,
                event => event,
            },
            None => self.handle.recv_blocking(),
        };
        match event {
            Some(Event::TelemetryProgressed { job, event, .. }) if job == self.job => Next::Event(event),
            Some(Event::JobFinished { job, end }) if job == self.job => Next::End(end),
            Some(Event::Trouble(problem)) => Next::Trouble(problem),
            Some(_) => Next::Nothing,
            None => Next::End(JobEnd::Failed(workers_gone())),
        }
    }

    /// Tells of something once that each act meets anew: that it can't be recorded. All else each time.
    fn warn(&mut self, problem: &Problem, out: &mut Output) {
        if self.told.obstacles.contains(problem) {
            return;
        }
        if problem.code.starts_with("records.") {
            self.told.obstacles.push(problem.clone());
        }
        out.aside(problem);
    }

    /// What all subcommands print and keep.
    fn take_in(&mut self, event: &TelemetryEvent, out: &mut Output) {
        match event {
            TelemetryEvent::State(state) => self.state(state, out),
            TelemetryEvent::Stage(report) => {
                print_stage(report, out);
                if !self.has_timeline {
                    note_stage(report, out);
                }
                if !report.grants.is_empty() {
                    self.seen.is_refused = report.grants.iter().all(|grant| grant.granted.is_none());
                }
            }
            TelemetryEvent::IdentityQuestion(problem) => self.fail((**problem).clone()),
            TelemetryEvent::Warning(problem) => self.warn(problem, out),
            TelemetryEvent::Snapshot(snapshot) => {
                self.seen.counters = snapshot.counters;
                print_expectations(&self.seen.expectations, &snapshot.expectations, out);
                self.seen.expectations.clone_from(&snapshot.expectations);
                self.tell_losses(out);
            }
            TelemetryEvent::Silent(silent) => self.seen.silent.clone_from(silent),
            TelemetryEvent::Stats(stats) => self.seen.stats = *stats,
            _ => {}
        }
    }

    fn state(&mut self, state: &InspectionState, out: &mut Output) {
        let given_up = match state {
            InspectionState::Waiting { problem, .. } if self.is_tried_once && !self.seen.was_connected => {
                Some(InspectionState::Disconnected { problem: Some(problem.clone()) })
            }
            _ => None,
        };
        let state = given_up.as_ref().unwrap_or(state);
        print_state(state, out);
        match state {
            InspectionState::Connected { .. } => {
                self.seen.was_connected = true;
                self.seen.outage.back();
            }
            InspectionState::Waiting { .. } if self.seen.was_connected && !self.is_closing() => self.seen.outage.lost(),
            InspectionState::Disconnected { problem: Some(problem) } => self.fail((**problem).clone()),
            _ => {}
        }
    }

    /// Tells once that messages were lost, and how; the numbers come at the end.
    fn tell_losses(&mut self, out: &mut Output) {
        let Counters { dropped, oversize, malformed, .. } = self.seen.counters;
        let told = &mut self.told;
        if self.is_replay {
            let lost = dropped + oversize + malformed;
            if lost > 0 && !std::mem::replace(&mut told.dropped, true) {
                out.aside(&losses::recorded());
            }
            return;
        }
        for (count, is_told, problem) in [
            (dropped, &mut told.dropped, losses::dropped as fn() -> Problem),
            (oversize, &mut told.oversize, losses::oversize),
            (malformed, &mut told.malformed, losses::malformed),
        ] {
            if count > 0 && !std::mem::replace(is_told, true) {
                out.aside(&problem());
            }
        }
    }
}

/// What of a stage people have to know, on standard error. Programs have it in its line.
fn note_stage(report: &StageReport, out: &Output) {
    if let StageState::Noted(problem) = &report.state {
        out.aside_text(format!("Warning: {}. {}", problem.what, advised(problem).next_step));
    }
    let is_over = !matches!(report.state, StageState::Running);
    for grant in report.grants.iter().filter(|grant| is_over && grant.granted.is_none_or(|qos| qos < grant.asked)) {
        out.aside_text(match grant.granted {
            None if grant.is_refused() => {
                format!("Warning: The subscription to {} was refused: {}", grant.filter, grant.says)
            }
            None => format!("Warning: The broker didn't answer the subscription to {}", grant.filter),
            Some(qos) => format!("Note: {} is delivered with QoS {qos} at most", grant.filter),
        });
    }
}

/// Why messages are missing.
mod losses {
    use crate::model::problem::Problem;

    pub(super) fn dropped() -> Problem {
        Problem::new(
            "telemetry.dropped",
            "Messages are being dropped",
            "They come faster than they are taken in, and --when-full says to drop them",
            "Subscribe to less, or leave --when-full out; the count is at the end",
        )
    }

    /// Of a recording: nothing can be done about it any more.
    pub(super) fn recorded() -> Problem {
        Problem::new(
            "telemetry.recorded_losses",
            "Messages are missing that were lost while this was recorded",
            "They came too fast, were larger than the limit, or violated the protocol",
            "Record again with other limits if they are needed; the counts are at the end",
        )
    }

    pub(super) fn oversize() -> Problem {
        Problem::new(
            "telemetry.oversize",
            "A message was larger than is taken",
            "--max-packet limits the size of a packet",
            "Raise --max-packet; the count is at the end",
        )
    }

    pub(super) fn malformed() -> Problem {
        Problem::new(
            "telemetry.malformed",
            "A message violated the protocol and was skipped",
            "A fault of the broker or of something in between, such as an unknown topic alias",
            "Look at it with --packets; the count is at the end",
        )
    }
}
