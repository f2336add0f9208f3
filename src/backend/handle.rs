//! The two bounded channels between a front end and the workers, and the wake-up after an event.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::model::problem::Problem;
use crate::msg::{Command, Event};

/// Commands a front end may have waiting. A person cannot click that many; a full channel means the workers hang.
const COMMANDS: usize = 64;
/// Events the workers may have waiting before they pause.
const EVENTS: usize = 1024;
/// How long a command line waits for room for a command.
const ROOM_LIMIT: Duration = Duration::from_secs(10);
/// How often it looks for room where no event wakes it.
const ROOM_EVERY: Duration = Duration::from_millis(20);

/// Wakes the front end after an event: a repaint request for the window.
type Wake = Arc<dyn Fn() + Send + Sync>;

/// A front end's end of the channels.
pub struct Handle {
    commands: mpsc::Sender<Command>,
    events: mpsc::Receiver<Event>,
    /// Events that came while a command waited for room.
    backlog: VecDeque<Event>,
    wake: Arc<OnceLock<Wake>>,
}

impl Handle {
    /// Sends a command without waiting.
    pub fn try_send(&self, command: Command) -> Result<(), Problem> {
        self.commands.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => busy(),
            mpsc::error::TrySendError::Closed(_) => gone(),
        })
    }

    /// Sends a command, waiting a while for room. Events that come meanwhile are kept for the next call that asks for one, so
    /// that the workers never wait for a front end that waits for them. For the command line, never for the window.
    pub fn send_blocking(&mut self, mut command: Command) -> Result<(), Problem> {
        let until = Instant::now() + ROOM_LIMIT;
        loop {
            match self.commands.try_send(command) {
                Ok(()) => return Ok(()),
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(gone()),
                Err(mpsc::error::TrySendError::Full(back)) => command = back,
            }
            let now = Instant::now();
            if now >= until {
                return Err(busy());
            }
            let event = self.wait_for_event(now + ROOM_EVERY);
            self.backlog.extend(event);
        }
    }

    /// A way to send commands from another thread: it waits while the workers are behind, and tells whether they are there.
    pub fn sender(&self) -> impl Fn(Command) -> bool + Send + 'static {
        // A thread that waits for a key must not keep the workers from ending.
        let commands = self.commands.downgrade();
        move |command| commands.upgrade().is_some_and(|commands| commands.blocking_send(command).is_ok())
    }

    /// The next event, if there is one already.
    pub fn try_recv(&mut self) -> Option<Event> {
        self.backlog.pop_front().or_else(|| self.events.try_recv().ok())
    }

    /// Waits for the next event; `None` when the workers have ended. For the command line, never for the window.
    pub fn recv_blocking(&mut self) -> Option<Event> {
        self.backlog.pop_front().or_else(|| self.events.blocking_recv())
    }

    /// Waits for the next event until a time; `None` when there was none. For the command line, never for the window.
    pub fn recv_until(&mut self, until: Instant) -> Option<Event> {
        self.backlog.pop_front().or_else(|| self.wait_for_event(until))
    }

    fn wait_for_event(&mut self, until: Instant) -> Option<Event> {
        let thread = std::thread::current();
        self.set_wake(move || thread.unpark());
        loop {
            match self.events.try_recv() {
                Ok(event) => return Some(event),
                Err(mpsc::error::TryRecvError::Disconnected) => return None,
                Err(mpsc::error::TryRecvError::Empty) => {}
            }
            let rest = until.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero())?;
            std::thread::park_timeout(rest);
        }
    }

    /// A handle with the workers' ends, for tests of what holds one.
    #[cfg(test)]
    pub(crate) fn with_workers() -> (Self, mpsc::Receiver<Command>, Reporter) {
        channels()
    }

    /// Sets what is called after each event. Only the first call counts.
    pub fn set_wake(&self, wake: impl Fn() + Send + Sync + 'static) {
        // A second front end on one handle does not exist; the first wake stays.
        let _ = self.wake.set(Arc::new(wake));
    }
}

fn busy() -> Problem {
    Problem::new(
        "app.busy",
        "The request wasn't accepted",
        "The workers still have many requests waiting",
        "Wait a moment and try again",
    )
}

fn gone() -> Problem {
    Problem::new(
        "app.workers_gone",
        "The request wasn't accepted",
        "The background workers have ended",
        "Copy the diagnostics, close Linesman and start it again",
    )
}

/// The workers' end for events: sends first, wakes after.
#[derive(Clone)]
pub struct Reporter {
    events: mpsc::Sender<Event>,
    wake: Arc<OnceLock<Wake>>,
}

impl Reporter {
    /// Reports an event, waiting while the front end is behind. An event for a front end that has gone is dropped.
    pub async fn report(&self, event: Event) {
        if self.events.send(event).await.is_ok() {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(wake) = self.wake.get() {
            wake();
        }
    }
}

/// Both ends: one for the front end, and commands and reporter for the workers.
pub fn channels() -> (Handle, mpsc::Receiver<Command>, Reporter) {
    let (command_tx, command_rx) = mpsc::channel(COMMANDS);
    let (event_tx, event_rx) = mpsc::channel(EVENTS);
    let wake = Arc::new(OnceLock::new());
    let reporter = Reporter { events: event_tx, wake: Arc::clone(&wake) };
    (Handle { commands: command_tx, events: event_rx, backlog: VecDeque::new(), wake }, command_rx, reporter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_waits_for_room_and_loses_no_event_meanwhile() {
        let (mut handle, mut commands, reporter) = channels();
        for _ in 0..COMMANDS {
            handle.try_send(Command::StopDiscovery).unwrap();
        }
        assert_eq!(handle.try_send(Command::StopDiscovery).unwrap_err().code, "app.busy");
        let workers = std::thread::Builder::new().name("workers".into()).spawn(move || {
            // An event first: it must not be lost, nor be waited for.
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(reporter.report(Event::Interrupted));
            let mut taken = 0;
            while commands.blocking_recv().is_some() {
                taken += 1;
            }
            taken
        });
        let workers = workers.unwrap();
        handle.send_blocking(Command::StopDiscovery).unwrap();
        assert!(matches!(handle.recv_blocking(), Some(Event::Interrupted)));
        drop(handle);
        assert_eq!(workers.join().unwrap(), COMMANDS + 1);
    }

    #[test]
    fn workers_that_have_gone_are_told_at_once() {
        let (mut handle, commands, _reporter) = channels();
        drop(commands);
        assert_eq!(handle.send_blocking(Command::StopDiscovery).unwrap_err().code, "app.workers_gone");
    }
}
