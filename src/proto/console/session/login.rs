//! Logging in: what is there, the name, the password once and only to its prompt, and the proof that a shell answers.

use std::time::Instant;

use super::{Answer, ENTER, Event, Failure, LANGUAGE, Login, Session, Task};
use crate::proto::console::lines::Line;
use crate::proto::console::prompt::{Prompt, Sign, classify, is_countdown, question_within, sign_of};

/// Times a carriage return is sent to a console that says nothing.
const RETURNS: u32 = 3;
/// Times the name is sent again to a console that lost it.
const NAMES: u32 = 3;
/// Times something that looked like a shell may turn out to be none.
const MISTAKES: u32 = 2;

pub(super) struct LogIn {
    pub(super) login: Login,
    pub(super) stage: Stage,
    /// When it has taken long enough for a gateway that starts.
    pub(super) give_up_at: Instant,
    /// When to ask next, or to draw a conclusion.
    pub(super) due: Instant,
    pub(super) returns: u32,
    pub(super) names: u32,
    pub(super) mistakes: u32,
    pub(super) has_sent_password: bool,
    /// The prompt wanted a password that we do not have, or another one.
    pub(super) must_change: bool,
    pub(super) is_starting: bool,
    pub(super) heard_at_start: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// What is there?
    Looking,
    /// The name was sent.
    Named,
    /// The password was sent.
    Judged,
    /// A shell is asked to calculate.
    Proving { was_open: bool, is_second: bool },
}

impl Session {
    pub(super) fn handle_login_line(&mut self, line: &Line, now: Instant) {
        let Task::LogIn(log_in) = &mut self.task else { return };
        let is_proof = line.is_whole && line.text.ends_with(format!("{}-42", self.nonce).as_bytes());
        match (log_in.stage, sign_of(&line.text)) {
            (Stage::Proving { was_open, .. }, _) if is_proof => {
                self.is_in = true;
                self.task = Task::Idle;
                self.finish(Ok(Answer::LoggedIn { was_open }));
            }
            (Stage::Judged, Some(Sign::Refused)) => self.fail(Failure::Refused),
            // It asks, and something wrote behind the question: it is asked for again after a quiet moment.
            (Stage::Named, _)
                if line.is_whole && question_within(&line.text, &self.wording) == Some(Prompt::Password) =>
            {
                log_in.due = log_in.due.min(now + self.timeouts.quiet);
            }
            (Stage::Judged, Some(Sign::MustChange)) => {
                log_in.must_change = true;
                log_in.due = now + self.timeouts.answer;
            }
            (Stage::Looking, _) if log_in.returns == 0 && !log_in.is_starting && !line.text.trim_ascii().is_empty() => {
                log_in.is_starting = true;
                self.events.push_back(Event::Starting);
            }
            _ => {}
        }
    }

    pub(super) fn handle_login_tail(&mut self, now: Instant) {
        let prompt = classify(&self.tail(), &self.wording, self.is_loader);
        let Task::LogIn(log_in) = &mut self.task else { return };
        let Some(prompt) = prompt else { return };
        match (prompt, log_in.stage) {
            (Prompt::Bootloader(prompt), _) => self.fail(Failure::Bootloader { prompt }),
            (Prompt::NewPassword, _) => self.fail(Failure::Expired),
            // A password that is asked for again without a word was wrong as well. One attempt is enough.
            (Prompt::Password, Stage::Judged) => self.fail(Failure::Refused),
            // Who refuses says so; one that begins again may have restarted meanwhile.
            (Prompt::Login, Stage::Judged) => self.fail(Failure::StartedOver),
            (Prompt::Login | Prompt::Password, Stage::Proving { .. }) => self.take_back(now),
            (Prompt::Login, Stage::Looking | Stage::Named) => self.send_name(now),
            (Prompt::Password, Stage::Named) => self.send_password(now),
            // Someone typed a name before us: an empty password ends that.
            (Prompt::Password, Stage::Looking) => self.nudge(now),
            (Prompt::Shell, Stage::Looking) => self.prove(true, false, now),
            (Prompt::Shell, Stage::Named | Stage::Judged) => self.prove(false, false, now),
            (Prompt::Shell, Stage::Proving { .. }) => {}
        }
    }

    pub(super) fn send_name(&mut self, now: Instant) {
        let Task::LogIn(log_in) = &mut self.task else { return };
        let Some(name) = log_in.login.username.clone() else { return self.fail(Failure::NeedsAccount) };
        log_in.names += 1;
        if log_in.names > NAMES {
            return self.fail_here(|last| Failure::NoShell { last });
        }
        log_in.stage = Stage::Named;
        log_in.due = now + self.timeouts.answer;
        self.clear_lines();
        self.send("account", [name.as_bytes(), &[ENTER]].concat());
    }

    pub(super) fn send_password(&mut self, now: Instant) {
        let Task::LogIn(log_in) = &mut self.task else { return };
        let Some(password) = log_in.login.password.take() else { return self.fail(Failure::NeedsPassword) };
        log_in.stage = Stage::Judged;
        log_in.has_sent_password = true;
        log_in.due = now + self.timeouts.unknown_prompt;
        log_in.give_up_at = now + self.timeouts.verdict;
        // From here on we may be inside.
        self.is_in = true;
        self.clear_lines();
        self.send("password", [password.expose().as_bytes(), &[ENTER]].concat());
    }

    /// Sends a carriage return to a console that waits for something.
    pub(super) fn nudge(&mut self, now: Instant) {
        let Task::LogIn(log_in) = &mut self.task else { return };
        log_in.returns += 1;
        log_in.due = now + self.timeouts.nudge;
        self.clear_lines();
        self.send("carriage return", vec![ENTER]);
    }

    /// Asks what may be a shell to calculate, and makes it quiet.
    pub(super) fn prove(&mut self, was_open: bool, is_second: bool, now: Instant) {
        let Task::LogIn(log_in) = &mut self.task else { return };
        log_in.stage = Stage::Proving { was_open, is_second };
        log_in.due = now + self.timeouts.answer / 2;
        let question = format!(
            "PS1= PS2=; stty -echo; unset HISTFILE PROMPT_COMMAND; [ -n \"$BASH_VERSION\" ] && set +H +o history; \
             export {LANGUAGE} TERM=dumb PAGER=cat; echo {}-$((40+2))\r",
            self.nonce
        );
        self.clear_lines();
        self.send("question to the shell", question.into_bytes());
    }

    /// It was no shell: looks again, but not for ever.
    pub(super) fn take_back(&mut self, now: Instant) {
        let Task::LogIn(log_in) = &mut self.task else { return };
        log_in.mistakes += 1;
        if log_in.has_sent_password {
            return self.fail(match classify(&self.tail(), &self.wording, self.is_loader) {
                Some(Prompt::Login) => Failure::StartedOver,
                _ => Failure::Refused,
            });
        }
        if log_in.mistakes > MISTAKES {
            return self.fail_here(|last| Failure::NotALogin { last });
        }
        log_in.stage = Stage::Looking;
        log_in.returns = 0;
        match classify(&self.tail(), &self.wording, self.is_loader) {
            Some(Prompt::Login) => self.send_name(now),
            _ => self.nudge(now),
        }
    }

    /// The time for what was expected is over.
    pub(super) fn press_log_in(&mut self, now: Instant) {
        let is_countdown = is_countdown(&self.tail());
        let is_blank = self.tail().trim_ascii().is_empty();
        let heard_octets = self.heard_octets;
        let (is_loader, timeouts) = (self.is_loader, self.timeouts);
        let Task::LogIn(log_in) = &mut self.task else { return };
        let has_heard = heard_octets > log_in.heard_at_start;
        match log_in.stage {
            _ if log_in.must_change => self.fail(Failure::Expired),
            // A key would stop the start of the system.
            Stage::Looking if is_loader || is_countdown => {
                log_in.due = now + timeouts.nudge;
                if now >= log_in.give_up_at {
                    self.fail_here(|last| Failure::Starting { last });
                }
            }
            Stage::Looking if log_in.returns < RETURNS => self.nudge(now),
            // A shell that we made quiet in an earlier visit, cut short, says nothing to a carriage return.
            Stage::Looking if is_blank && log_in.mistakes == 0 => {
                log_in.mistakes += 1;
                self.prove(true, true, now);
            }
            Stage::Looking if log_in.is_starting && now < log_in.give_up_at => {
                log_in.due = now + timeouts.nudge;
            }
            Stage::Looking if log_in.is_starting => self.fail_here(|last| Failure::Starting { last }),
            Stage::Looking | Stage::Proving { was_open: true, is_second: true } if !has_heard => {
                self.fail(Failure::Silent);
            }
            Stage::Looking | Stage::Proving { was_open: true, is_second: true } => {
                self.fail_here(|last| Failure::NotALogin { last });
            }
            // The question for the password may be hidden: an empty one has it asked for again.
            Stage::Named if log_in.returns < RETURNS => {
                self.nudge(now);
                if let Task::LogIn(log_in) = &mut self.task {
                    log_in.due = now + timeouts.answer;
                }
            }
            Stage::Named | Stage::Proving { is_second: true, .. } => self.fail_here(|last| Failure::NoShell { last }),
            Stage::Proving { was_open, is_second: false } => self.prove(was_open, true, now),
            // Its prompt is none that we know, or it takes its time.
            Stage::Judged if !is_blank => self.prove(false, false, now),
            Stage::Judged if now >= log_in.give_up_at => self.prove(false, true, now),
            Stage::Judged => log_in.due = now + timeouts.settle.max(timeouts.quiet),
        }
    }
}
