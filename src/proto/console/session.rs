//! A visit to a console as a state machine: log in, run commands, log out. No I/O, no clock, no randomness.
//!
//! Begin something with [`Session::log_in`], [`Session::run`] or [`Session::log_out`]; feed [`Session::handle_bytes`] and
//! [`Session::handle_timeout`]; send what [`Session::poll_transmit`] gives; read [`Session::poll_event`].
//! A prompt counts only after the line was quiet for a moment, and a shell only after it has calculated 40+2: neither an
//! echo nor a greeting that looks like a prompt can stand for one. A password goes out once, and only to its prompt.

mod login;
mod run;
mod told;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use self::login::{LogIn, Stage};
use self::run::Running;
pub use self::told::{Answer, Event, Failure, Login, Output, Run};
use super::BAUD;
use super::LANGUAGE;
use super::lines::{Cleaner, Line, Lines, kernel_message};
use super::prompt::{Prompt, Sign, Wording, classify, question_within, sign_of};
use crate::model::text::visible_octets;

/// Octets of one command's output that are kept; more are counted.
pub const MAX_OUTPUT: usize = 256 * 1024;
/// What ends a line, as the Enter key does.
const ENTER: u8 = b'\r';
/// Ctrl+C.
const INTERRUPT: u8 = 3;
/// Octets of a line in an error text.
const SHOWN: usize = 120;

/// How long to wait for what.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// How long a line must be quiet before its end counts as a prompt.
    pub settle: Duration,
    /// How long a console may say nothing before it is asked.
    pub quiet: Duration,
    /// Between two carriage returns.
    pub nudge: Duration,
    /// How long a gateway may take to start.
    pub boot: Duration,
    /// For the password's prompt, and for a shell's answer.
    pub answer: Duration,
    /// For the verdict on a password: the pause after a wrong one is about three seconds.
    pub verdict: Duration,
    /// After which a console that took a password and shows no prompt we know is asked whether it is a shell.
    pub unknown_prompt: Duration,
    /// For the end of a program that was interrupted.
    pub interrupt: Duration,
    /// For the login prompt after logging out.
    pub log_out: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            settle: Duration::from_millis(150),
            quiet: Duration::from_secs(1),
            nudge: Duration::from_secs(2),
            boot: Duration::from_mins(3),
            answer: Duration::from_secs(10),
            verdict: Duration::from_secs(30),
            unknown_prompt: Duration::from_secs(6),
            interrupt: Duration::from_secs(2),
            // Less than a driver is given to end its conversation.
            log_out: Duration::from_secs(4),
        }
    }
}

/// Something to send.
pub struct Transmit {
    /// What it is, for the transcript.
    pub label: &'static str,
    /// The octets.
    pub bytes: Vec<u8>,
}

/// A visit to a console.
pub struct Session {
    timeouts: Timeouts,
    wording: Wording,
    nonce: String,
    commands: u32,
    cleaner: Cleaner,
    lines: Lines,
    /// What stood on the line before a message of the kernel broke into it: it goes on behind it.
    carried: Vec<u8>,
    /// The last end of a line that may be a prompt, and since when it stands there.
    candidate: Option<(Vec<u8>, Instant)>,
    /// Bits a second of the line.
    baud: u32,
    heard_octets: u64,
    last_line: Vec<u8>,
    /// A bootloader was seen and no kernel since.
    is_loader: bool,
    /// Somebody may be logged in: us.
    is_in: bool,
    /// A program was interrupted that may have switched the echo on.
    may_echo: bool,
    task: Task,
    settles_at: Option<Instant>,
    outbox: VecDeque<Transmit>,
    /// When the line has taken what was sent before.
    free_at: Option<Instant>,
    events: VecDeque<Event>,
}

enum Task {
    Idle,
    LogIn(LogIn),
    Run(Running),
    LogOut { until: Instant, exits: u32 },
}

impl Session {
    /// A visit. `seed` makes its marks unlike those of any other visit.
    pub fn new(timeouts: Timeouts, wording: Wording, seed: u32) -> Self {
        Self {
            timeouts,
            wording,
            nonce: format!("lm{seed:08x}"),
            commands: 0,
            cleaner: Cleaner::default(),
            lines: Lines::default(),
            carried: Vec::new(),
            candidate: None,
            baud: BAUD,
            heard_octets: 0,
            last_line: Vec::new(),
            is_loader: false,
            is_in: false,
            may_echo: false,
            task: Task::Idle,
            settles_at: None,
            outbox: VecDeque::new(),
            free_at: None,
            events: VecDeque::new(),
        }
    }

    /// The same on a line of that speed.
    #[must_use]
    pub fn at(mut self, baud: u32) -> Self {
        self.baud = baud.max(1);
        self
    }

    /// Whether somebody may be logged in, so that leaving without [`Session::log_out`] would leave a shell open.
    pub const fn is_in(&self) -> bool {
        self.is_in
    }

    /// Whether a command writes more than is kept.
    pub const fn is_flooded(&self) -> bool {
        matches!(&self.task, Task::Run(running) if running.output.dropped_octets > 0)
    }

    /// Octets the console has written.
    pub const fn heard_octets(&self) -> u64 {
        self.heard_octets
    }

    /// Looks what is there, logs in and makes sure that a shell answers.
    pub fn log_in(&mut self, login: Login, now: Instant) {
        self.task = Task::LogIn(LogIn {
            login,
            stage: Stage::Looking,
            give_up_at: now + self.timeouts.boot,
            due: now + self.timeouts.quiet,
            returns: 0,
            names: 0,
            mistakes: 0,
            has_sent_password: false,
            must_change: false,
            is_starting: false,
            heard_at_start: self.heard_octets,
        });
    }

    /// Runs a command. Call it only while nothing else runs.
    pub fn run(&mut self, run: Run, now: Instant) {
        self.commands += 1;
        let nonce = format!("{}x{}", self.nonce, self.commands);
        self.clear_lines();
        if std::mem::take(&mut self.may_echo) {
            self.send("silence", b"stty -echo\r".to_vec());
        }
        let mut octets = 0;
        for line in run.script.lines_between(&nonce) {
            octets += line.len() as u64 + 1;
            self.send(run.label, [line, vec![ENTER]].concat());
        }
        self.task = Task::Run(Running {
            nonce,
            has_begun: false,
            has_hidden_question: false,
            output: Output::default(),
            until: now + run.limit + 2 * self.time_on_line(octets),
            answered_at: None,
            line_ends: 0,
            is_interrupted: false,
            run,
        });
    }

    /// Breaks off what runs. It ends as any other command does, or after a moment.
    pub fn interrupt(&mut self, now: Instant) {
        let until = now + self.timeouts.interrupt;
        self.outbox.clear();
        self.free_at = None;
        match &mut self.task {
            Task::Run(running) => {
                running.is_interrupted = true;
                running.output.has_asked = true;
                running.until = until;
                self.send_interrupt();
            }
            Task::Idle | Task::LogIn(_) | Task::LogOut { .. } => {
                self.task = Task::Idle;
                self.finish(Ok(Answer::Ran(Output::default())));
            }
        }
    }

    /// Logs out, whatever goes on. Ends at once when nobody is logged in.
    pub fn log_out(&mut self, now: Instant) {
        let was_busy = !matches!(self.task, Task::Idle);
        self.outbox.clear();
        self.free_at = None;
        if !self.is_in {
            self.task = Task::Idle;
            return self.finish(Ok(Answer::LoggedOut { is_confirmed: true }));
        }
        if was_busy {
            self.send_interrupt();
        }
        self.clear_lines();
        self.send_leave();
        self.task = Task::LogOut { until: now + self.timeouts.log_out, exits: 1 };
    }

    /// What to send now, if anything. Lines of a file are spread out in time: a terminal has little room.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        if self.free_at.is_some_and(|free_at| now < free_at) {
            return None;
        }
        let transmit = self.outbox.pop_front()?;
        let time = self.time_on_line(transmit.bytes.len() as u64);
        self.free_at = if self.outbox.is_empty() { None } else { Some(now + time) };
        if let Task::Run(running) = &mut self.task
            && transmit.label == running.run.label
        {
            // What counts is the time since something went on, however slow the line is.
            running.until = running.until.max(now + running.run.limit + time);
        }
        Some(transmit)
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Session::handle_timeout`] or [`Session::poll_transmit`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let task = match &self.task {
            Task::Idle => None,
            Task::LogIn(log_in) => Some(log_in.due),
            Task::Run(running) => Some(running.until),
            Task::LogOut { until, .. } => Some(*until),
        };
        let settles = self.settles_at.filter(|_| task.is_some());
        [task, settles, self.free_at.filter(|_| !self.outbox.is_empty())].into_iter().flatten().min()
    }

    /// Takes in what the console wrote.
    pub fn handle_bytes(&mut self, bytes: &[u8], now: Instant) {
        if bytes.is_empty() {
            return;
        }
        self.heard_octets += bytes.len() as u64;
        if let Task::LogIn(log_in) = &mut self.task
            && log_in.stage == Stage::Looking
        {
            // It still writes: it is asked when it has been quiet for a while.
            log_in.due = log_in.due.max(now + self.timeouts.quiet);
        }
        let text = self.cleaner.push(bytes);
        for line in self.lines.push(&text) {
            self.handle_piece(line, now);
        }
        self.note_tail(now);
    }

    /// When the end of the line counts as a prompt: after a quiet moment. Messages of the kernel behind it are no noise.
    fn note_tail(&mut self, now: Instant) {
        let tail = self.tail();
        let settle = self.timeouts.settle;
        let since = match &self.candidate {
            Some((text, since)) if *text == tail && !tail.is_empty() => *since,
            Some((text, _)) if !text.is_empty() && tail.strip_prefix(text.as_slice()).is_some_and(begins_message) => {
                self.settles_at = Some(now + settle);
                return;
            }
            _ => {
                self.candidate = Some((tail, now));
                now
            }
        };
        self.settles_at = Some(now.max(since + settle));
    }

    /// Takes in that time passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.settles_at.is_some_and(|at| at <= now) {
            self.settles_at = None;
            self.handle_tail(now);
        }
        match &mut self.task {
            Task::LogIn(log_in) if log_in.due <= now => self.press_log_in(now),
            Task::LogOut { until, .. } if *until <= now => self.end_log_out(false),
            Task::Run(running) if running.until <= now => self.give_up_run(now),
            Task::Idle | Task::LogIn(_) | Task::LogOut { .. } | Task::Run(_) => {}
        }
    }

    /// How long octets take on the line, with some room for the shell to read them.
    fn time_on_line(&self, octets: u64) -> Duration {
        Duration::from_micros(octets * 10 * 1_000_000 / u64::from(self.baud)) + Duration::from_millis(2)
    }

    /// The end of the line that is not ended yet, without messages of the kernel in it.
    fn tail(&self) -> Vec<u8> {
        [self.carried.as_slice(), self.lines.tail()].concat()
    }

    fn clear_lines(&mut self) {
        self.lines.clear();
        self.carried.clear();
        self.candidate = None;
    }

    /// Puts together again what a message of the kernel broke, and hands the message on by itself.
    fn handle_piece(&mut self, mut line: Line, now: Instant) {
        if !self.carried.is_empty() {
            line.text = [std::mem::take(&mut self.carried), line.text].concat();
        }
        let keeps_them = matches!(&self.task, Task::Run(running) if running.run.keeps_kernel_messages);
        match kernel_message(&line.text).filter(|_| line.is_whole && !keeps_them) {
            Some(at) => {
                let text = line.text.split_off(at);
                self.carried = line.text;
                if let Task::Run(running) = &mut self.task {
                    running.line_ends += 1;
                    self.events.push_back(Event::Log(text));
                } else {
                    self.handle_line(Line { text, is_whole: true }, now);
                }
            }
            None => self.handle_line(line, now),
        }
    }

    fn handle_line(&mut self, line: Line, now: Instant) {
        if let Task::Run(_) = self.task {
            return self.handle_output(line);
        }
        if line.is_whole {
            match sign_of(&line.text) {
                Some(Sign::LoaderRuns) => self.is_loader = true,
                Some(Sign::KernelStarts) => self.is_loader = false,
                Some(Sign::Refused | Sign::MustChange) | None => {}
            }
        }
        if let Task::LogIn(_) = self.task {
            self.handle_login_line(&line, now);
        }
        if matches!(self.task, Task::LogOut { .. }) && question_within(&line.text, &self.wording) == Some(Prompt::Login)
        {
            self.end_log_out(true);
        }
        // Our own questions come back as an echo until they switch it off.
        let is_ours = memchr::memmem::find(&line.text, self.nonce.as_bytes()).is_some();
        if !is_ours && !line.text.trim_ascii().is_empty() {
            self.last_line = line.text[..line.text.len().min(SHOWN * 4)].to_vec();
            self.events.push_back(Event::Log(line.text));
        }
    }

    /// The line that is not ended yet has been quiet for a moment.
    fn handle_tail(&mut self, now: Instant) {
        match &self.task {
            Task::Idle => {}
            Task::LogIn(_) => self.handle_login_tail(now),
            Task::Run(_) => self.handle_question(now),
            Task::LogOut { .. } => match classify(&self.tail(), &self.wording, self.is_loader) {
                Some(Prompt::Login) => self.end_log_out(true),
                Some(Prompt::Shell) => self.leave_again(),
                _ => {}
            },
        }
    }

    fn send_interrupt(&mut self) {
        self.may_echo = true;
        self.send("interrupt", vec![INTERRUPT]);
    }

    fn send_leave(&mut self) {
        self.send("log out", b"stty sane; exit\r".to_vec());
    }

    /// One shell within another: leaves that, too.
    fn leave_again(&mut self) {
        let Task::LogOut { exits, .. } = &mut self.task else { return };
        if *exits < 3 {
            *exits += 1;
            self.clear_lines();
            self.send_leave();
        }
    }

    fn end_log_out(&mut self, is_confirmed: bool) {
        self.is_in = false;
        self.task = Task::Idle;
        self.finish(Ok(Answer::LoggedOut { is_confirmed }));
    }

    fn send(&mut self, label: &'static str, bytes: Vec<u8>) {
        self.outbox.push_back(Transmit { label, bytes });
    }

    /// Fails with the last thing the console wrote.
    fn fail_here(&mut self, failure: impl FnOnce(String) -> Failure) {
        let tail = self.tail();
        let tail = tail.trim_ascii();
        let last = if tail.is_empty() { self.last_line.trim_ascii() } else { tail };
        let failure = failure(visible_octets(last, SHOWN));
        self.fail(failure);
    }

    fn fail(&mut self, failure: Failure) {
        if matches!(failure, Failure::Refused | Failure::StartedOver | Failure::Expired) {
            self.is_in = false;
        }
        self.task = Task::Idle;
        self.finish(Err(failure));
    }

    fn finish(&mut self, outcome: Result<Answer, Failure>) {
        self.events.push_back(Event::Finished(outcome));
    }
}

/// Whether text may be the beginning of a kernel's message: its time, perhaps with its level in front.
fn begins_message(text: &[u8]) -> bool {
    matches!(text.trim_ascii_start(), [b'[' | b'<', rest @ ..] if rest.iter().take(4).all(|octet| octet.is_ascii_digit() || matches!(octet, b' ' | b'>' | b'[' | b'.')))
}
