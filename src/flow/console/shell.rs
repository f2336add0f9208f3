//! A shell on a gateway for the screen Device: what the gateway is, and commands that a person types.

use std::time::Duration;

use super::Console;
use crate::flow::check::Shell;
use crate::flow::device::{DeviceError, Done, Management, clock_set, ran};
use crate::flow::drivers::Opening;
use crate::flow::error::SessionError;
use crate::flow::port::{Boxed, Link};
use crate::flow::transcript::SharedTranscript;
use crate::model::access::Access;
use crate::model::gateway::Protection;
use crate::model::same;
use crate::model::text::{visible, visible_octets};
use crate::msg::Step;
use crate::msg::device::{DeviceChange, DeviceProgress, DeviceRead, Offers, Row};
use crate::profile::DriverSettings;
use crate::proto::console::quote::{NotSendable, Script};
use crate::proto::console::session::Run;
use crate::proto::console::system::{self, Facts};

use super::ConsoleError;

/// How long a typed command may take; then it is interrupted.
const TYPED: Duration = Duration::from_mins(1);
/// Most characters of one line of output that are shown.
const LINE_CHARS: usize = 1000;
/// Longest time that a clock may show.
const CLOCK_CHARS: usize = 60;
/// Most lines of output that are shown.
const LINES: usize = 2000;

/// A shell that somebody is logged in to. [`ConsoleShell::close`] logs out.
pub struct ConsoleShell {
    console: Console,
    facts: Facts,
    /// A command was begun and nobody waited for its end.
    is_running: bool,
}

/// What a typed command brought, redacted and safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// What it wrote.
    pub lines: Vec<String>,
    /// Whether it wrote more than is shown.
    pub is_cut: bool,
    /// Its exit code; `None` when it was interrupted.
    pub code: Option<u8>,
}

impl ConsoleShell {
    /// Takes an open link over. Nothing is sent yet.
    pub fn new(link: Link, settings: Option<&DriverSettings>, transcript: SharedTranscript) -> Self {
        Self { console: Console::new(link, settings, None, transcript), facts: Facts::default(), is_running: false }
    }

    /// Opens a link and logs in; what was begun is ended in an orderly way where that fails.
    pub(super) async fn opened(opening: &Opening) -> Result<Self, SessionError> {
        let link = opening.port().await?;
        let mut shell = Self::new(link, opening.settings.as_ref(), opening.transcript.clone());
        match shell.log_in(&opening.access).await {
            Ok(()) => Ok(shell),
            Err(error) => {
                shell.close().await;
                Err(error)
            }
        }
    }

    /// Logs in and asks what the gateway is.
    pub async fn log_in(&mut self, access: &Access) -> Result<(), SessionError> {
        self.console.log_in(access).await?;
        self.facts = self.console.describe(Step::Connect).await?;
        Ok(())
    }

    /// What is known of the gateway, as names and values.
    pub fn info(&self) -> Vec<(&'static str, String)> {
        let Facts { os, hostname, kernel, hardware, rights, programs } = &self.facts;
        let mut rows: Vec<_> = [("System", os), ("Host name", hostname), ("Kernel", kernel), ("Hardware", hardware)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.clone()?)))
            .collect();
        rows.push(("Logged in as", rights.label().into()));
        rows.push(("Programs found", programs.join(", ")));
        rows
    }

    /// What is known of the gateway, and what tells it from others.
    async fn rows(&mut self) -> Result<Vec<Row>, SessionError> {
        let mut rows: Vec<Row> = self.info().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let marks = self.console.marks(self.facts.rights.prefix(), Step::Describe).await?;
        let told = [(same::SERIAL_NUMBER, marks.serial), (same::SYSTEM_ID, marks.machine)];
        rows.extend(told.into_iter().filter_map(|(label, value)| Some((label.to_owned(), value?))));
        Ok(rows)
    }

    /// Runs what prints the time.
    async fn clock(&mut self, script: Result<Script, NotSendable>, label: &'static str) -> Result<String, DeviceError> {
        let script = script.map_err(ConsoleError::from).map_err(SessionError::from)?;
        let output = self.console.run(Run::new(label, script).within(TYPED), Step::Describe).await?;
        let text = visible_octets(output.text.trim_ascii(), CLOCK_CHARS);
        if output.code == Some(0) && !text.is_empty() {
            Ok(text)
        } else {
            Err(DeviceError::NotOffered { what: "clock" })
        }
    }

    async fn set_clock(&mut self, time: &str) -> Result<Done, DeviceError> {
        let script = system::set_clock(time, self.facts.rights.prefix());
        let text = self.clock(script, "setting of the clock").await?;
        clock_set(time, text)
    }

    /// Runs a command in a shell of its own: what it changes there, such as the folder, ends with it.
    pub async fn run(&mut self, command: &str) -> Result<Ran, SessionError> {
        let script = Script::typed(command).map_err(ConsoleError::from)?;
        let run = Run { keeps_kernel_messages: true, ..Run::new("typed command", script).within(TYPED) };
        let output = self.console.run(run, Step::Describe).await?;
        let text = self.console.transcript.redact_octets(&output.text);
        let text = text.strip_suffix(b"\n").unwrap_or(&text);
        let mut lines: Vec<_> = text
            .split(|&octet| octet == b'\n')
            .take(LINES + 1)
            .map(|line| visible(&String::from_utf8_lossy(line).replace('\t', "    "), LINE_CHARS))
            .collect();
        if lines.len() == 1 && lines[0].is_empty() {
            lines.clear();
        }
        let is_cut = output.dropped_octets > 0 || lines.len() > LINES;
        lines.truncate(LINES);
        Ok(Ran { lines, is_cut, code: output.code })
    }

    /// Waits until the link ends. Safe to drop at any point.
    pub async fn listen(&mut self) -> SessionError {
        loop {
            if let Err(error) = self.console.step().await {
                return error.into();
            }
        }
    }

    /// Logs out.
    pub async fn close(&mut self) {
        self.console.log_out().await;
    }
}

impl Shell for ConsoleShell {
    fn name(&self) -> Option<String> {
        self.facts.hostname.clone()
    }

    fn run<'a>(&'a mut self, line: &'a Script, limit: Duration) -> Boxed<'a, Result<Option<Vec<u8>>, DeviceError>> {
        Box::pin(async move {
            if std::mem::replace(&mut self.is_running, true) {
                self.console.break_off().await?;
            }
            let ran = self.console.run(Run::new("look", line.clone()).within(limit), Step::Describe).await;
            self.is_running = false;
            match ran {
                Ok(output) => Ok(output.code.map(|_| self.console.transcript.redact_octets(&output.text))),
                Err(SessionError::Console(ConsoleError::NoAnswer { .. })) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
    }

    fn close(&mut self) -> Boxed<'_, ()> {
        Box::pin(Self::close(self))
    }
}

impl Management for ConsoleShell {
    fn name(&self) -> Option<String> {
        self.facts.hostname.clone()
    }

    fn protection(&self) -> Protection {
        Protection::CableLogin
    }

    fn offers(&self) -> Offers {
        Offers { info: true, shell: true, time: true, ..Offers::default() }
    }

    fn read(&mut self, read: DeviceRead) -> Boxed<'_, Result<DeviceProgress, DeviceError>> {
        Box::pin(async move {
            match read {
                DeviceRead::Info => Ok(DeviceProgress::Info(self.rows().await?)),
                DeviceRead::Time => Ok(DeviceProgress::Time(self.clock(system::clock(), "clock").await?)),
                _ => Err(DeviceError::NotOffered { what: "such question" }),
            }
        })
    }

    fn change<'a>(
        &'a mut self,
        change: DeviceChange,
        _known_setting: Option<&'a str>,
    ) -> Boxed<'a, Result<Done, DeviceError>> {
        Box::pin(async move {
            let line = match change {
                DeviceChange::Shell(line) => line,
                DeviceChange::SetTime(time) => return self.set_clock(&time).await,
                _ => return Err(DeviceError::NotOffered { what: "such act" }),
            };
            let Ran { mut lines, is_cut, code } = self.run(&line).await?;
            if is_cut {
                lines.push("… more was written than is kept".into());
            }
            // Interrupted, as shells count it: by signal 2.
            Ok(ran(line, lines, code.map_or(130, i64::from)))
        })
    }

    fn close(&mut self) -> Boxed<'_, ()> {
        Box::pin(Self::close(self))
    }
}
