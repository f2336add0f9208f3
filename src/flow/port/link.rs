//! Links that carry bytes or datagrams, and why a link of any kind could not be opened or ended.

use tokio::sync::mpsc;

use super::ble::BleError;
use super::http::HttpError;
use crate::model::ids::LinkKind;
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

/// An open link: bytes out, bytes in. Dropping it closes the link.
#[derive(Debug)]
pub struct Link {
    /// What is to be done, in order.
    pub outgoing: mpsc::Sender<LinkCommand>,
    /// What happened, in order. Ends with [`LinkEvent::Closed`].
    pub incoming: mpsc::Receiver<LinkEvent>,
}

impl Link {
    /// Hands over what is to be done. On a link that has ended it says why it ended.
    pub async fn send(&mut self, command: LinkCommand) -> Result<(), LinkError> {
        if self.outgoing.send(command).await.is_ok() {
            return Ok(());
        }
        Err(self.why_closed().await)
    }

    /// Waits for the bytes that come in next. Safe to drop.
    pub async fn receive(&mut self) -> Result<Vec<u8>, LinkError> {
        match self.incoming.recv().await {
            Some(LinkEvent::Bytes(bytes)) => Ok(bytes),
            Some(LinkEvent::Closed(error)) => Err(error),
            // Whoever carried it ended without a word.
            None => Err(LinkError::Vanished { port: "the port".into() }),
        }
    }

    /// Why it ended: its last event says so. What came in before is dropped.
    pub async fn why_closed(&mut self) -> LinkError {
        loop {
            if let Err(error) = self.receive().await {
                return error;
            }
        }
    }
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
    #[error("{port} isn't a serial port")]
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
    /// Bluetooth.
    #[error(transparent)]
    Ble(#[from] BleError),
    /// HTTP.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// There is no such link here: a simulated site without a radio, or a system without the means.
    #[error("{link} links cannot be opened here")]
    NotOffered {
        /// The kind of link.
        link: LinkKind,
    },
    /// The host of a datagram link has no address, or no way leads there.
    #[error("{host} cannot be reached")]
    Unreachable {
        /// Name or address, with the port.
        host: String,
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
                        "Ask this computer's administrator for access to serial ports".to_owned(),
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
                format!("{} isn't a serial port", visible(port, 80)),
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
                "The operating system returned an error",
                "Type the path of the port",
            )
            .with_detail(visible(detail, 300)),
            Self::Ble(error) => error.explain(),
            Self::Http(error) => error.explain(),
            Self::NotOffered { link } => Problem::new(
                "link.not_offered",
                format!("A {link} link cannot be opened here"),
                "This system or this simulated site has no such links",
                "Choose a gateway from the list",
            ),
            Self::Unreachable { host, detail } => Problem::new(
                "udp.unreachable",
                format!("The host {} cannot be reached", visible(host, 80)),
                "The name or address is mistyped, or this computer is not in the gateway's network",
                "Check the address and this computer's network, then try again",
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
