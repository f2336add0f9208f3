//! `linesman terminal`: a serial port in this terminal, until Ctrl+] or the end of standard input.
//!
//! What the device writes goes to standard output as it is. Keys go to the device one by one, Ctrl+C included.

use std::io::{IsTerminal as _, Read as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::args::TerminalArgs;
use super::commission::{wait_for_start, write_transcript};
use super::keyboard::KeyboardMode;
use super::next_job;
use super::output::{Exit, Output};
use crate::backend::Handle;
use crate::model::ids::{JobId, LinkKind};
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::model::text::TextStream;
use crate::msg::terminal::{TerminalInput, TerminalOutput};
use crate::msg::{Command, Event, JobEnd};

/// Ctrl+]: leaves the terminal, as in telnet.
const ESCAPE: u8 = 0x1d;
/// How often it is looked whether standard input has ended.
const LOOK: Duration = Duration::from_millis(50);

/// Opens the port and moves bytes until the end.
pub fn terminal(handle: &mut Handle, args: &TerminalArgs, out: &mut Output) -> Exit {
    if args.via.kind() != LinkKind::Serial {
        out.problem(&Problem::new(
            "terminal.not_serial",
            format!("No terminal over {}", args.via.kind()),
            "A terminal needs a serial line",
            "Use --via serial:PATH",
        ));
        return Exit::Usage;
    }
    let job = next_job();
    let opened = wait_for_start(handle).and_then(|_| {
        handle.try_send(Command::OpenTerminal { job, link: args.via.clone(), baud: args.baud })?;
        args.send.iter().try_for_each(|file| {
            let input = TerminalInput::SendFile(file.clone());
            handle.try_send(Command::Terminal { job, input })
        })
    });
    if let Err(problem) = opened {
        out.problem(&problem);
        return Exit::CouldNotRun;
    }
    let mut visit = Visit {
        job,
        has_ended_input: Arc::new(AtomicBool::new(false)),
        files: usize::from(args.send.is_some()),
        raw: None,
        text: TextStream::default(),
    };
    let exit = visit.run(handle, args, out);
    drop(visit);
    write_transcript(handle, job, args.transcript.as_ref(), out);
    exit
}

struct Visit {
    job: JobId,
    has_ended_input: Arc<AtomicBool>,
    /// Files that are still to be sent.
    files: usize,
    raw: Option<KeyboardMode>,
    /// What the device writes, which may come byte by byte.
    text: TextStream,
}

impl Visit {
    fn run(&mut self, handle: &mut Handle, args: &TerminalArgs, out: &mut Output) -> Exit {
        let job = self.job;
        let mut close_at = None;
        loop {
            let event = handle.recv_until(Instant::now() + LOOK);
            match event {
                Some(Event::TerminalProgressed { job: of, output }) if of == job => {
                    if let Err(problem) = self.take_in(handle, args, output, out) {
                        out.problem(&problem);
                        return Exit::CouldNotRun;
                    }
                    // What still comes in keeps a terminal open whose input has ended.
                    close_at = None;
                }
                Some(Event::JobFinished { job: of, end }) if of == job => return self.finish(end, out),
                Some(Event::Trouble(problem)) => out.warning(&problem),
                Some(_) | None => {}
            }
            if self.has_ended_input.load(Ordering::Acquire) && self.files == 0 {
                let at = *close_at.get_or_insert_with(|| Instant::now() + Duration::from_secs(args.linger));
                if Instant::now() >= at
                    && handle.try_send(Command::Terminal { job, input: TerminalInput::Close }).is_ok()
                {
                    self.files = usize::MAX;
                }
            }
        }
    }

    fn take_in(
        &mut self,
        handle: &Handle,
        args: &TerminalArgs,
        output: TerminalOutput,
        out: &mut Output,
    ) -> Result<(), Problem> {
        match output {
            TerminalOutput::Opened => {
                out.json(
                    &json!({ "kind": "terminal", "state": "opened", "link": args.via.to_string(), "baud": args.baud }),
                );
                self.begin(handle, args, out)
            }
            TerminalOutput::Bytes(bytes) => {
                let text = self.text.push(&bytes);
                print(&text, out);
                out.octets(&bytes);
                Ok(())
            }
            TerminalOutput::FileProgressed { sent, total } => {
                out.json(&json!({ "kind": "terminal-file", "state": "sending", "sent": sent, "total": total }));
                Ok(())
            }
            TerminalOutput::FileEnded { sent, stopped } => {
                self.files = self.files.saturating_sub(1);
                let state = if stopped.is_some() { "stopped" } else { "sent" };
                out.json(&json!({ "kind": "terminal-file", "state": state, "sent": sent, "reason": stopped }));
                Ok(())
            }
        }
    }

    /// The port is open: from here on keys go to the device.
    fn begin(&mut self, handle: &Handle, args: &TerminalArgs, out: &mut Output) -> Result<(), Problem> {
        let is_keyboard = std::io::stdin().is_terminal();
        if is_keyboard {
            out.text(format!(
                "Terminal on {} at {}. Ctrl+] leaves. What the device writes can be kept with --transcript; what you type \
                 is not kept.",
                args.via.place(),
                args.baud
            ));
            self.raw = KeyboardMode::raw();
        }
        let (send, job, ended) = (handle.sender(), self.job, Arc::clone(&self.has_ended_input));
        // A pipe is faster than any line; a person is not.
        let octets_a_second = (!is_keyboard).then(|| u64::from(args.baud / 10).max(1));
        let read = move || {
            let mut buffer = [0; 512];
            while let Ok(count @ 1..) = std::io::stdin().read(&mut buffer) {
                let escape = buffer[..count].iter().position(|&octet| is_keyboard && octet == ESCAPE);
                let typed = &buffer[..escape.unwrap_or(count)];
                let input = TerminalInput::Bytes(Secret::new(typed.to_vec()));
                if !typed.is_empty() && !send(Command::Terminal { job, input }) {
                    return;
                }
                if escape.is_some() {
                    // Nobody waits for it any more when the workers have gone.
                    let _ = send(Command::Terminal { job, input: TerminalInput::Close });
                    return;
                }
                if let Some(octets_a_second) = octets_a_second {
                    std::thread::sleep(Duration::from_millis(count as u64 * 1000 / octets_a_second));
                }
            }
            ended.store(true, Ordering::Release);
        };
        std::thread::Builder::new().name("keyboard".into()).spawn(read).map(drop).map_err(|error| {
            Problem::new(
                "terminal.no_thread",
                "The keyboard cannot be read",
                "The system is out of resources",
                "Try again",
            )
            .with_detail(error.to_string())
        })
    }

    fn finish(&mut self, end: JobEnd, out: &mut Output) -> Exit {
        let rest = self.text.finish();
        print(&rest, out);
        // Before anything else is written: lines begin at the left again.
        self.raw = None;
        match end {
            JobEnd::Done { note } => {
                out.json(&json!({ "kind": "terminal", "state": "closed" }));
                out.text(format!("\n{note}"));
                Exit::Good
            }
            JobEnd::Cancelled => {
                out.json(&json!({ "kind": "terminal", "state": "closed" }));
                out.text("\nThe terminal was stopped");
                Exit::Unknown
            }
            JobEnd::Failed(problem) => {
                out.problem(&problem);
                Exit::CouldNotRun
            }
        }
    }
}

/// Text of the device; nothing while a character is not whole yet.
fn print(text: &str, out: &mut Output) {
    if !text.is_empty() {
        out.json(&json!({ "kind": "terminal-output", "text": text }));
    }
}
