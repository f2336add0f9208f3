//! The port of Bluetooth LE: the radio that hears advertisements, and the connection to one device.

use std::sync::Arc;

use tokio::sync::mpsc;
use uuid::Uuid;

use super::{Boxed, LinkError};
use crate::model::gateway::Advertisement;
use crate::model::ids::LinkAddress;
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

/// A scan under way. Dropping it ends the scan.
#[derive(Debug)]
pub struct Radio {
    /// What is heard. Ends after a [`RadioEvent::Stopped`].
    pub events: mpsc::Receiver<RadioEvent>,
}

/// What the radio reports.
#[derive(Clone, Debug, PartialEq)]
pub enum RadioEvent {
    /// A device was heard; everything that is known of it from this scan.
    Heard {
        /// How to reach it.
        link: LinkAddress,
        /// What it advertises.
        advertisement: Advertisement,
    },
    /// The scan ended by itself: the adapter was unplugged or switched off.
    Stopped(LinkError),
}

/// A connection to a Bluetooth device whose services are known. Dropping both parts drops the connection.
pub struct GattLink {
    /// What can be done.
    pub gatt: Arc<dyn Gatt>,
    /// What happens.
    pub events: mpsc::Receiver<GattEvent>,
}

/// What a connection reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GattEvent {
    /// A value was sent without being asked for. It may be cut at the size the link allows.
    Notified {
        /// Whose value.
        characteristic: Uuid,
        /// The value.
        value: Vec<u8>,
    },
    /// The connection is gone; nothing follows.
    Closed(LinkError),
}

/// A characteristic of a connected device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Characteristic {
    /// Its service.
    pub service: Uuid,
    /// Its id.
    pub uuid: Uuid,
    /// It can be read.
    pub can_read: bool,
    /// It can be written with an answer.
    pub can_write: bool,
    /// It can be written without an answer.
    pub can_write_without_response: bool,
    /// It sends values by itself.
    pub can_notify: bool,
}

/// What can be done on a connection. Every call ends within a limit of its own.
pub trait Gatt: Send + Sync {
    /// What the device offers.
    fn characteristics(&self) -> Vec<Characteristic>;

    /// The name a device gives a characteristic (descriptor 2901), where it has one.
    fn label(&self, characteristic: Uuid) -> Boxed<'_, Result<Option<String>, LinkError>>;

    /// Reads the whole value, however long.
    fn read(&self, characteristic: Uuid) -> Boxed<'_, Result<Vec<u8>, LinkError>>;

    /// Writes a value of any length and waits for the device's answer.
    fn write(&self, characteristic: Uuid, value: Vec<u8>) -> Boxed<'_, Result<(), LinkError>>;

    /// Writes a value that fits into one packet, without an answer.
    fn write_without_response(&self, characteristic: Uuid, value: Vec<u8>) -> Boxed<'_, Result<(), LinkError>>;

    /// Asks the device to send the value whenever it changes.
    fn subscribe(&self, characteristic: Uuid) -> Boxed<'_, Result<(), LinkError>>;

    /// Octets one packet carries; 20 while nothing better is known.
    fn payload_octets(&self) -> usize;

    /// Ends the connection and waits a little for it.
    fn disconnect(&self) -> Boxed<'_, ()>;
}

/// Why Bluetooth did not work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BleError {
    /// The computer has no adapter.
    #[error("there is no Bluetooth adapter")]
    NoAdapter,
    /// The device was not heard or went out of range before the connection stood.
    #[error("{device} was not heard")]
    NotHeard {
        /// Address of the device.
        device: String,
    },
    /// The connection broke.
    #[error("the connection to {device} broke")]
    Disconnected {
        /// Address of the device.
        device: String,
    },
    /// The device has no such characteristic.
    #[error("{device} has no characteristic {characteristic}")]
    NoCharacteristic {
        /// Address of the device.
        device: String,
        /// The characteristic.
        characteristic: Uuid,
    },
    /// The device does not take a value of that length in one write (ATT errors 06, 07, 09, 0B and 0D).
    #[error("{device} does not take {octets} octets in one write")]
    TooLong {
        /// Address of the device.
        device: String,
        /// Octets of the value.
        octets: usize,
    },
    /// The device wants to be paired first (ATT errors 05, 08, 0C and 0F).
    #[error("{device} wants to be paired first")]
    NotPaired {
        /// Address of the device.
        device: String,
    },
    /// The system or the device failed in another way.
    #[error("Bluetooth failed")]
    Failed {
        /// What the system said.
        detail: String,
    },
}

impl Explain for BleError {
    fn explain(&self) -> Problem {
        match self {
            Self::NoAdapter => Problem::new(
                "ble.no_adapter",
                "This computer has no Bluetooth adapter",
                "It has none built in, it is switched off in the firmware settings, or a USB adapter is not plugged in",
                "Plug in a Bluetooth adapter, or reach the gateway by cable",
            ),
            Self::NotHeard { device } => Problem::new(
                "ble.not_heard",
                format!("The gateway {} is not heard", visible(device, 60)),
                "It is out of range, switched off, or connected to something else: a connected device stops advertising",
                "Move closer, see that it has power and that no phone is connected to it, then try again",
            ),
            Self::Disconnected { device } => Problem::new(
                "ble.disconnected",
                format!("The connection to {} broke", visible(device, 60)),
                "The gateway went out of range, restarted or ended the connection",
                "Move closer and connect again",
            ),
            Self::NoCharacteristic { device, characteristic } => Problem::new(
                "ble.no_characteristic",
                format!("The gateway {} does not offer what this driver needs", visible(device, 60)),
                "It speaks another protocol, or this computer remembers an older list of its services",
                "Choose another driver; if that does not help, remove the gateway from the system's Bluetooth devices and try again",
            )
            .with_detail(format!("characteristic {characteristic}")),
            Self::TooLong { device, octets } => Problem::new(
                "ble.too_long",
                format!("The gateway {} does not take {octets} octets at once", visible(device, 60)),
                "Its firmware has less room for a value than its protocol asks for",
                "Shorten the name or the passphrase, or reach the gateway by cable",
            ),
            Self::NotPaired { device } => Problem::new(
                "ble.not_paired",
                format!("The gateway {} wants to be paired with this computer first", visible(device, 60)),
                "Its firmware lets only paired computers in",
                "Pair it in the system's Bluetooth settings, with the code from its label if it asks for one, then connect again",
            ),
            Self::Failed { detail } => Problem::new(
                "ble.failed",
                "Bluetooth does not work",
                "The system's Bluetooth service or the adapter reports an error",
                "Switch Bluetooth off and on again, then try again",
            )
            .with_detail(visible(detail, 300)),
        }
    }
}
