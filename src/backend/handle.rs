//! The two bounded channels between a front end and the workers, and the wake-up after an event.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tokio::sync::mpsc;

use crate::model::problem::Problem;
use crate::msg::{Command, Event};

/// Commands a front end may have waiting. A person cannot click that many; a full channel means the workers hang.
const COMMANDS: usize = 64;
/// Events the workers may have waiting before they pause.
const EVENTS: usize = 1024;

/// Wakes the front end after an event: a repaint request for the window.
type Wake = Arc<dyn Fn() + Send + Sync>;

/// A front end's end of the channels.
pub struct Handle {
    commands: mpsc::Sender<Command>,
    events: mpsc::Receiver<Event>,
    wake: Arc<OnceLock<Wake>>,
}

impl Handle {
    /// Sends a command without waiting.
    pub fn try_send(&self, command: Command) -> Result<(), Problem> {
        self.commands.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Problem::new(
                "app.busy",
                "The request was not taken",
                "The workers still have many requests waiting",
                "Wait a moment and try again",
            ),
            mpsc::error::TrySendError::Closed(_) => Problem::new(
                "app.workers_gone",
                "The request was not taken",
                "The background workers have ended",
                "Copy the diagnostics, close Linesman and start it again",
            ),
        })
    }

    /// A way to send commands from another thread: it waits while the workers are behind, and tells whether they are there.
    pub fn sender(&self) -> impl Fn(Command) -> bool + Send + 'static {
        // A thread that waits for a key must not keep the workers from ending.
        let commands = self.commands.downgrade();
        move |command| commands.upgrade().is_some_and(|commands| commands.blocking_send(command).is_ok())
    }

    /// The next event, if there is one already.
    pub fn try_recv(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// Waits for the next event; `None` when the workers have ended. For the command line, never for the window.
    pub fn recv_blocking(&mut self) -> Option<Event> {
        self.events.blocking_recv()
    }

    /// Waits for the next event until a time; `None` when there was none. For the command line, never for the window.
    pub fn recv_until(&mut self, until: Instant) -> Option<Event> {
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

    /// Sets what is called after each event. Only the first call counts.
    pub fn set_wake(&self, wake: impl Fn() + Send + Sync + 'static) {
        // A second front end on one handle does not exist; the first wake stays.
        let _ = self.wake.set(Arc::new(wake));
    }
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
    (Handle { commands: command_tx, events: event_rx, wake }, command_rx, reporter)
}
