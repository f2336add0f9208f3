//! Programs of the system that are asked for a list: run without a window, with a limit in time and in what they print.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

/// How often is looked whether a tool that printed its list has ended.
const PAUSE: Duration = Duration::from_millis(10);
/// Most octets taken from it.
const MAX_OCTETS: u64 = 1 << 20;

/// What became of a tool.
pub(super) enum Ran {
    /// It ended: what it printed, and its exit code; none where a signal ended it.
    Ended {
        /// What it printed.
        text: String,
        /// Its exit code.
        code: Option<i32>,
    },
    /// There is no such program.
    NotThere,
    /// It could not be started.
    NotStarted,
    /// The limit passed first.
    TooLong,
}

/// Runs a tool to its end or its limit.
pub(super) fn run(program: &Path, arguments: &[&str], limit: Duration) -> Ran {
    let mut child = match command(program, arguments).spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ran::NotThere,
        Err(error) => {
            tracing::info!(%error, program = %program.display(), "not started");
            return Ran::NotStarted;
        }
    };
    let ended = text_of(&mut child).and_then(|text| wait(&mut child, &text, limit));
    let Some((text, code)) = ended else {
        // It may have ended in between; what counts is that it is gone.
        let _ = child.kill();
        let _ = child.wait();
        return Ran::TooLong;
    };
    Ran::Ended { text, code }
}

fn command(program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    // English, but with names as they are: in the plain C locale letters beyond ASCII would be lost.
    command.args(arguments).env("LANG", "C").env("LC_ALL", "C.UTF-8").env_remove("LANGUAGE");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    #[cfg(windows)]
    {
        use std::os::windows::process::CommandExt as _;
        /// No console window flashes up (`CREATE_NO_WINDOW`).
        const NO_WINDOW: u32 = 0x0800_0000;
        command.creation_flags(NO_WINDOW);
    }
    command
}

/// Reads what the tool prints on a thread of its own: a tool that hangs cannot hold up its own end.
fn text_of(child: &mut Child) -> Option<Receiver<String>> {
    let mut output = child.stdout.take()?.take(MAX_OCTETS);
    let (text, is_read) = sync_channel(1);
    let read = move || {
        let mut octets = Vec::new();
        // What was read before a failure is parsed; the exit code tells the rest.
        let _ = output.read_to_end(&mut octets);
        drop(output);
        // Nobody waits any more once the limit has passed.
        let _ = text.send(String::from_utf8_lossy(&octets).into_owned());
    };
    Builder::new().name("tool".into()).spawn(read).ok()?;
    Some(is_read)
}

/// What it printed and how it ended; `None` when the limit passed first.
fn wait(child: &mut Child, text: &Receiver<String>, limit: Duration) -> Option<(String, Option<i32>)> {
    let until = Instant::now() + limit;
    let text = text.recv_timeout(limit).ok()?;
    loop {
        if let Some(status) = child.try_wait().ok()? {
            return Some((text, status.code()));
        }
        if Instant::now() >= until {
            return None;
        }
        std::thread::sleep(PAUSE);
    }
}
