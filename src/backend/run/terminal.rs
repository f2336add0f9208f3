//! Terminals: starts them, hands on what is typed, and reads the files they send.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Workers, crashed};
use crate::flow::terminal::{Input, Setup, run as run_terminal};
use crate::flow::transcript::SharedTranscript;
use crate::io::files;
use crate::model::ids::{JobId, LinkAddress};
use crate::model::problem::{Explain as _, Problem};
use crate::model::secret::Secret;
use crate::msg::Event;
use crate::msg::terminal::{TerminalInput, TerminalOutput};

/// What a terminal may have waiting each way. A full channel slows the port down, so that nothing is lost.
const ROOM: usize = 64;
/// Largest file that is sent, in octets: over a cable this takes more than twenty minutes.
const MAX_FILE: u64 = 16 * 1024 * 1024;

impl Workers {
    pub(super) fn open_terminal(&mut self, job: JobId, link: LinkAddress, baud: u32) {
        let stop = self.jobs.add(job, None);
        let Some(records) = self.records_for(job) else { return };
        let (inputs, input_rx) = mpsc::channel(ROOM);
        self.terminals.retain(|_, inputs| !inputs.is_closed());
        self.terminals.insert(job, inputs);
        let transcript = SharedTranscript::new(format!("Terminal on {link}, {baud} bits a second"));
        self.jobs.keep_transcript(job, transcript.clone());
        let (output, output_rx) = mpsc::channel(ROOM);
        let intent = self.intent("terminal", &link, None, None);
        let setup = Setup { link, baud, links: Arc::clone(&self.parts.links), output, transcript, intent, records };
        self.follow(job, run_terminal(setup, input_rx, stop), output_rx, move |output| Event::TerminalProgressed {
            job,
            output,
        });
    }

    pub(super) async fn pass_input(&mut self, job: JobId, input: TerminalInput) {
        let Some(inputs) = self.terminals.get(&job) else { return };
        let taken = match input {
            TerminalInput::Bytes(bytes) => inputs.try_send(Input::Bytes(bytes)),
            TerminalInput::StopFile => inputs.try_send(Input::StopFile),
            TerminalInput::Close => inputs.try_send(Input::Close),
            TerminalInput::SendFile(path) => return self.send_file(job, inputs.clone(), path),
        };
        // A terminal that has ended meanwhile tells so by its end.
        if let Err(mpsc::error::TrySendError::Full(_)) = taken {
            let problem = Problem::new(
                "terminal.busy",
                "What was typed was not sent",
                "The device takes nothing just now",
                "Wait a moment and type again; check that the cable is plugged in",
            );
            self.reporter.report(Event::Trouble(problem)).await;
        }
    }

    fn send_file(&self, job: JobId, inputs: mpsc::Sender<Input>, path: PathBuf) {
        let reporter = self.reporter.clone();
        tokio::spawn(async move {
            let read = tokio::task::spawn_blocking(move || read(&path)).await;
            match read.unwrap_or_else(|error| Err(crashed(&error))) {
                Ok(content) => drop(inputs.send(Input::File(content)).await),
                Err(problem) => {
                    let output = TerminalOutput::FileEnded { sent: 0, stopped: Some(problem.what.clone()) };
                    reporter.report(Event::TerminalProgressed { job, output }).await;
                    reporter.report(Event::Trouble(problem)).await;
                }
            }
        });
    }
}

fn read(path: &Path) -> Result<Secret<Vec<u8>>, Problem> {
    files::read_bytes(path, MAX_FILE).map(Secret::new).map_err(|error| error.explain())
}
