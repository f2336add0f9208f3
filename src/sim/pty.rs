//! A pseudo-terminal as a simulated serial port (Unix).
//!
//! The program holds the master side only. Holding the other side open too would keep the exclusive mark that a
//! client sets, so that nobody but root could open the port a second time. Without it the system reports a hang-up
//! while no client is there, and output meant for nobody is dropped, as on a cable nobody listens to.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tokio::sync::mpsc;

use crate::flow::port::{LinkCommand, LinkEvent};

/// How long to wait before looking again for a client that went away: at first, and at most.
const LOOK_AGAIN: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(160)];
/// How long one wait for bytes takes; they end it early.
const LISTEN: Duration = Duration::from_millis(250);

/// One pseudo-terminal and the path a client opens.
pub(super) struct PseudoTerminal {
    master: Arc<File>,
    /// Path of the side the client opens: `/dev/pts/4`.
    pub(super) path: String,
}

impl PseudoTerminal {
    /// Makes a new one.
    pub(super) fn open() -> io::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        // Not every system takes this as a flag of the call above.
        fcntl_setfd(&master, FdFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let path = ptsname(&master, Vec::new())?
            .into_string()
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the path of the pseudo-terminal isn't text"))?;
        Ok(Self { master: Arc::new(File::from(master)), path })
    }

    /// Moves bytes between the terminal and a pair of channels until the events end; then the terminal is closed.
    pub(super) fn bridge(
        self,
        commands: mpsc::Sender<LinkCommand>,
        mut events: mpsc::Receiver<LinkEvent>,
    ) -> io::Result<()> {
        let is_over = Arc::new(AtomicBool::new(false));
        let (master, over) = (Arc::clone(&self.master), Arc::clone(&is_over));
        std::thread::Builder::new().name(format!("sim read {}", self.path)).spawn(move || {
            read_all(&master, &commands, &over);
        })?;
        std::thread::Builder::new().name(format!("sim write {}", self.path)).spawn(move || {
            while let Some(LinkEvent::Bytes(bytes)) = events.blocking_recv() {
                // A client that went away meanwhile loses the rest, as on a cable.
                if has_client(&self.master, Duration::ZERO).unwrap_or(false)
                    && (&*self.master).write_all(&bytes).is_err()
                {
                    break;
                }
            }
            is_over.store(true, Ordering::Release);
        })?;
        Ok(())
    }
}

fn read_all(master: &File, commands: &mpsc::Sender<LinkCommand>, is_over: &AtomicBool) {
    let mut buffer = [0; 1024];
    let mut look_again = LOOK_AGAIN[0];
    while !is_over.load(Ordering::Acquire) && !commands.is_closed() {
        match is_readable(master) {
            Ok(Some(true)) => {}
            Ok(Some(false)) => continue,
            Ok(None) => {
                // The hang-up is reported at once and for as long as there is no client, so the wait is made here.
                std::thread::sleep(look_again);
                look_again = (look_again * 2).min(LOOK_AGAIN[1]);
                continue;
            }
            Err(_) => return,
        }
        look_again = LOOK_AGAIN[0];
        let mut reader = master;
        match reader.read(&mut buffer) {
            Ok(count) if count > 0 => {
                if commands.blocking_send(LinkCommand::Write(buffer[..count].to_vec())).is_err() {
                    return;
                }
            }
            // The client closed its side between the two calls.
            Ok(_) | Err(_) => {}
        }
    }
}

/// Waits a little for bytes and tells whether there are any; `None` when there is no client.
fn is_readable(master: &File) -> io::Result<Option<bool>> {
    let mut fds = [PollFd::new(master, PollFlags::IN)];
    poll(&mut fds, Some(&timespec(LISTEN)))?;
    let seen = fds[0].revents();
    let is_gone = seen.contains(PollFlags::HUP) && !seen.contains(PollFlags::IN);
    Ok((!is_gone).then_some(seen.contains(PollFlags::IN)))
}

fn has_client(master: &File, wait: Duration) -> io::Result<bool> {
    let mut fds = [PollFd::new(master, PollFlags::OUT)];
    poll(&mut fds, Some(&timespec(wait)))?;
    Ok(!fds[0].revents().contains(PollFlags::HUP))
}

fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: 0, tv_nsec: i64::from(duration.subsec_nanos()) }
}
