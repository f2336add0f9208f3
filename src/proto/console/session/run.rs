//! Running a command: what it writes between its marks, its question for a password, and its end.

use std::time::Instant;

use super::{Answer, ENTER, Failure, MAX_OUTPUT, Output, Run, Session, Task};
use crate::proto::console::lines::Line;
use crate::proto::console::prompt::{Prompt, begins_with_question, classify, is_question};

pub(super) struct Running {
    pub(super) nonce: String,
    pub(super) run: Run,
    pub(super) has_begun: bool,
    /// Something was written behind its question.
    pub(super) has_hidden_question: bool,
    pub(super) output: Output,
    pub(super) until: Instant,
    /// Number of line ends when the password was given.
    pub(super) answered_at: Option<u64>,
    pub(super) line_ends: u64,
    /// It is interrupted; at this time it counts as ended.
    pub(super) is_interrupted: bool,
}

impl Session {
    pub(super) fn handle_output(&mut self, line: Line) {
        let Task::Run(running) = &mut self.task else { return };
        let text = line.text;
        if line.is_whole {
            running.line_ends += 1;
        }
        if !running.has_begun {
            running.has_begun = line.is_whole && text.ends_with(format!("{}-42", running.nonce).as_bytes());
            return;
        }
        if let Some((rest, code)) = line.is_whole.then(|| split_end(&text, &running.nonce)).flatten() {
            running.output.keep(&text[..rest]);
            running.output.code = (!running.is_interrupted).then_some(code);
            return self.end_run();
        }
        running.has_hidden_question |= running.answered_at.is_none() && begins_with_question(&text);
        running.output.keep(&text);
        if line.is_whole {
            running.output.keep(b"\n");
        }
    }

    pub(super) fn end_run(&mut self) {
        let Task::Run(running) = std::mem::replace(&mut self.task, Task::Idle) else { return };
        self.finish(Ok(Answer::Ran(running.output)));
    }

    /// The program waits: perhaps for the password.
    pub(super) fn handle_question(&mut self, now: Instant) {
        let tail = self.tail();
        let interrupt = self.timeouts.interrupt;
        let Task::Run(running) = &mut self.task else { return };
        // Something else may have written behind the question; then the line is quiet, and the program waits.
        let is_hidden = std::mem::take(&mut running.has_hidden_question) && tail.trim_ascii().is_empty();
        if !(is_question(&tail) || is_hidden) || !running.has_begun || running.is_interrupted {
            return;
        }
        running.output.has_asked = true;
        let answer = match (running.answered_at, &running.run.answer) {
            (None, Some(answer)) => [answer.expose().as_bytes(), &[ENTER]].concat(),
            // The echo of the answer makes the line another one; this is a new question.
            (Some(line_ends), _) if line_ends == running.line_ends => return,
            (Some(_), _) | (None, None) => {
                running.output.has_asked_again = running.answered_at.is_some();
                running.is_interrupted = true;
                running.until = now + interrupt;
                return self.send_interrupt();
            }
        };
        running.answered_at = Some(running.line_ends);
        self.send("answer to the question for a password", answer);
    }

    pub(super) fn give_up_run(&mut self, now: Instant) {
        let interrupt = self.timeouts.interrupt;
        let is_login = classify(&self.tail(), &self.wording, false) == Some(Prompt::Login);
        let Task::Run(running) = &mut self.task else { return };
        if is_login {
            self.is_in = false;
            return self.fail(Failure::ThrownOut);
        }
        if !running.is_interrupted {
            running.is_interrupted = true;
            running.until = now + interrupt;
            self.outbox.clear();
            return self.send_interrupt();
        }
        if running.output.has_asked {
            return self.end_run();
        }
        let heard_octets = running.output.text.len() as u64 + running.output.dropped_octets;
        self.fail(Failure::NoAnswer { heard_octets });
    }
}

impl Output {
    fn keep(&mut self, text: &[u8]) {
        let room = MAX_OUTPUT - self.text.len();
        let kept = text.len().min(room);
        self.text.extend_from_slice(&text[..kept]);
        self.dropped_octets += (text.len() - kept) as u64;
    }
}

/// Where the end mark begins in a line, and the exit code after it.
fn split_end(line: &[u8], nonce: &str) -> Option<(usize, u8)> {
    let colon = line.iter().rposition(|&octet| octet == b':')?;
    let code = std::str::from_utf8(&line[colon + 1..]).ok().filter(|text| text.bytes().all(|d| d.is_ascii_digit()))?;
    line[..colon].ends_with(nonce.as_bytes()).then_some(())?;
    Some((colon - nonce.len(), code.parse().ok()?))
}
