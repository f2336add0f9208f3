//! The ports flows need: links to gateways and the records. Implemented in `io` for real and in `sim` for simulators.

use std::future::Future;
use std::pin::Pin;

use tokio::sync::mpsc;

use crate::model::gateway::PortFacts;
use crate::model::ids::LinkAddress;
use crate::model::problem::{Explain, Problem};
use crate::model::record::{JobIntent, RecordId, StepEntry};
use crate::model::text::visible;

/// A future of a trait that is used as an object.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way to list and open links.
pub trait Links: Send + Sync {
    /// The ports there are now, with what the system knows of each. Sends nothing to any of them.
    fn ports(&self) -> Boxed<'_, Result<Vec<(LinkAddress, PortFacts)>, LinkError>>;

    /// Opens a link in a way that does not reset the device behind it.
    fn open<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<Link, LinkError>>;
}

/// An open link: bytes out, bytes in. Dropping it closes the link.
#[derive(Debug)]
pub struct Link {
    /// What is to be done, in order.
    pub outgoing: mpsc::Sender<LinkCommand>,
    /// What happened, in order. Ends with [`LinkEvent::Closed`].
    pub incoming: mpsc::Receiver<LinkEvent>,
}

/// What a link can be told.
#[derive(Debug)]
pub enum LinkCommand {
    /// Write these bytes without a pause, so that no gap falls into a packet.
    Write(Vec<u8>),
    /// Pulse the reset line (RTS for 100 ms with DTR released).
    PulseReset,
}

/// What a link reports.
#[derive(Debug)]
pub enum LinkEvent {
    /// Bytes came in.
    Bytes(Vec<u8>),
    /// The link is gone; nothing follows.
    Closed(LinkError),
}

/// Why a link could not be opened, or ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Another program holds the port.
    #[error("{port} is in use by another program")]
    Busy {
        /// Path of the port.
        port: String,
    },
    /// The account may not open the port.
    #[error("no permission to open {port}")]
    NoPermission {
        /// Path of the port.
        port: String,
        /// The group that may, where the system tells.
        group: Option<String>,
    },
    /// There is no such port.
    #[error("there is no port {port}")]
    NotFound {
        /// Path of the port.
        port: String,
    },
    /// The path leads to something else than a serial port.
    #[error("{port} is no serial port")]
    NotASerialPort {
        /// Path of the port.
        port: String,
    },
    /// The port was there and is gone: unplugged, or the gateway switched off.
    #[error("{port} went away")]
    Vanished {
        /// Path of the port.
        port: String,
    },
    /// The list of ports could not be read.
    #[error("the serial ports could not be listed")]
    NotListed {
        /// What the system said.
        detail: String,
    },
    /// Anything else the system reports.
    #[error("{port} failed")]
    Io {
        /// Path of the port.
        port: String,
        /// What the system said.
        detail: String,
    },
}

impl Explain for LinkError {
    fn explain(&self) -> Problem {
        match self {
            Self::Busy { port } => Problem::new(
                "serial.busy",
                format!("{} is in use", visible(port, 80)),
                "Another program holds the port: a serial monitor, a flashing tool, ModemManager or brltty",
                "Close that program, or unplug the gateway and plug it in again, then try again",
            ),
            Self::NoPermission { port, group } => {
                let port = visible(port, 80);
                let (cause, step) = match group {
                    Some(group) => (
                        format!("The port belongs to the group `{group}`, and your account is probably not in it"),
                        format!("Run `sudo usermod -aG {group} $USER`, log out and in again, then try again"),
                    ),
                    None => (
                        "Your account may not use this port".to_owned(),
                        "Ask whoever looks after this computer for access to serial ports".to_owned(),
                    ),
                };
                Problem::new("serial.no_permission", format!("No permission to open {port}"), cause, step)
            }
            Self::NotFound { port } => Problem::new(
                "serial.not_found",
                format!("There is no port {}", visible(port, 80)),
                "The cable is not plugged in, or the path is mistyped",
                "Plug the gateway in and choose it in the list, or correct the path",
            ),
            Self::NotASerialPort { port } => Problem::new(
                "serial.not_a_port",
                format!("{} is no serial port", visible(port, 80)),
                "The path leads to a file or another kind of device",
                "Choose a port from the list, or correct the path",
            ),
            Self::Vanished { port } => Problem::new(
                "serial.vanished",
                format!("{} went away", visible(port, 80)),
                "The cable was unplugged, or the gateway lost power or restarted its USB port",
                "Check the cable and the power, wait until the port is listed again, then connect again",
            ),
            Self::NotListed { detail } => Problem::new(
                "serial.not_listed",
                "The serial ports could not be listed",
                "The operating system refused the question",
                "Type the path of the port by hand",
            )
            .with_detail(visible(detail, 300)),
            Self::Io { port, detail } => Problem::new(
                "serial.io",
                format!("{} failed", visible(port, 80)),
                "The operating system reports an error of the port or its driver",
                "Unplug the gateway, plug it in again and connect again",
            )
            .with_detail(visible(detail, 300)),
        }
    }
}

/// The records: intent before the act, outcome after it. Each call returns once the entry is on the disk.
pub trait Records: Send + Sync {
    /// Begins a job.
    fn begin(&self, intent: JobIntent) -> Boxed<'_, Result<RecordId, RecordsError>>;

    /// Adds an entry to a job.
    fn step(&self, job: RecordId, entry: StepEntry) -> Boxed<'_, Result<(), RecordsError>>;

    /// Writes the outcome of a job: its word, its code and one sentence.
    fn end(
        &self,
        job: RecordId,
        outcome: &'static str,
        reason: String,
        summary: String,
    ) -> Boxed<'_, Result<(), RecordsError>>;
}

/// Why the records could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordsError {
    /// The folder or file cannot be opened.
    #[error("the records at {path} cannot be opened")]
    NotOpened {
        /// Path of the file.
        path: String,
        /// What the system said.
        detail: String,
    },
    /// The file is no database, or is damaged.
    #[error("the records at {path} are damaged")]
    Damaged {
        /// Path of the file.
        path: String,
        /// What SQLite said.
        detail: String,
    },
    /// A newer version of the program wrote the file.
    #[error("the records at {path} were written by a newer version")]
    TooNew {
        /// Path of the file.
        path: String,
        /// Version of the schema found.
        found: i64,
        /// Newest version this program knows.
        known: i64,
    },
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull {
        /// Path of the file.
        path: String,
    },
    /// No job has that number.
    #[error("there is no record {id}")]
    NotFound {
        /// The number asked for.
        id: i64,
    },
    /// Anything else.
    #[error("the records at {path} could not be used")]
    Failed {
        /// Path of the file.
        path: String,
        /// What SQLite or the system said.
        detail: String,
    },
}

impl Explain for RecordsError {
    fn explain(&self) -> Problem {
        match self {
            Self::NotOpened { path, detail } => Problem::new(
                "records.not_opened",
                "The records cannot be opened",
                "The folder is missing, read-only or belongs to another account",
                "Check the rights of the data folder, or choose another with --data-dir",
            )
            .with_detail(format!("{path}: {}", visible(detail, 300))),
            Self::Damaged { path, detail } => Problem::new(
                "records.damaged",
                "The records are damaged",
                "The file is no database of this program, or the disk has errors",
                "Move the file aside and keep it for support; a new one is made at the next start",
            )
            .with_detail(format!("{path}: {}", visible(detail, 300))),
            Self::TooNew { path, found, known } => Problem::new(
                "records.too_new",
                "The records were written by a newer version of Linesman",
                format!("The file has schema version {found}; this program knows {known}"),
                "Use the newer version, or another data folder with --data-dir",
            )
            .with_detail(path.clone()),
            Self::DiskFull { path } => Problem::new(
                "records.disk_full",
                "Nothing can be written to the records",
                "The disk is full",
                "Free some space and try again; nothing is sent to a gateway while the records cannot be written",
            )
            .with_detail(path.clone()),
            Self::NotFound { id } => Problem::new(
                "records.not_found",
                format!("There is no record {id}"),
                "The number is mistyped, or the record is in another data folder",
                "List the records and choose one of them",
            ),
            Self::Failed { path, detail } => Problem::new(
                "records.failed",
                "The records could not be used",
                "The database reported an error",
                "Try again; if it stays, copy the diagnostics and ask for support",
            )
            .with_detail(format!("{path}: {}", visible(detail, 300))),
        }
    }
}
