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

/// What keeps an adapter switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdapterOff {
    /// It was switched off in the system.
    Switched,
    /// It is blocked in software, as by the aeroplane mode.
    Blocked,
    /// A switch or key of the computer keeps it off.
    BlockedByHardware,
}

/// Why Bluetooth did not work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BleError {
    /// The computer has no adapter.
    #[error("there is no Bluetooth adapter")]
    NoAdapter,
    /// No adapter is switched on.
    #[error("Bluetooth is switched off")]
    PoweredOff {
        /// What keeps it off.
        off: AdapterOff,
    },
    /// The account may not use the system's Bluetooth service.
    #[error("no permission to use Bluetooth")]
    NoPermission {
        /// What the system said.
        detail: String,
    },
    /// The system's Bluetooth service does not run.
    #[error("the Bluetooth service does not run")]
    NoService {
        /// What the system said.
        detail: String,
    },
    /// The device was not heard or went out of range before the connection stood.
    #[error("{device} isn't in range")]
    NotHeard {
        /// Address of the device.
        device: String,
    },
    /// The device was heard, and did not take the connection within its limit.
    #[error("{device} does not take a connection")]
    NotConnected {
        /// Address of the device.
        device: String,
    },
    /// The connection stood, and the device did not tell within its limit what it offers.
    #[error("{device} didn't list its services")]
    NoServices {
        /// Address of the device.
        device: String,
    },
    /// The connection broke.
    #[error("the connection to {device} broke")]
    Disconnected {
        /// Address of the device.
        device: String,
    },
    /// A read or write got no answer within its limit.
    #[error("{device} does not answer")]
    NoAnswer {
        /// Address of the device.
        device: String,
    },
    /// The pairing that a read or write began swallowed it.
    #[error("{device} was paired and does not answer what was asked before")]
    LostToPairing {
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
    #[error("{device} doesn't accept {octets} bytes in one write")]
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
            Self::PoweredOff { off } => powered_off(*off),
            Self::NoPermission { detail } => no_permission().with_detail(visible(detail, 300)),
            Self::NoService { detail } => Problem::new(
                "ble.no_service",
                "The Bluetooth service isn't running",
                per_system(
                    "The service bluetoothd is not installed or not started, or there is no system bus, as in a container",
                    "The service \"Bluetooth Support Service\" is stopped",
                    "The system's Bluetooth process does not answer",
                ),
                per_system(
                    "Run `sudo systemctl enable --now bluetooth` (Debian, Ubuntu: the package bluez), then try again",
                    "Start \"Bluetooth Support Service\" in Services, then try again",
                    "Restart the computer, then try again",
                ),
            )
            .with_detail(visible(detail, 300)),
            Self::NotHeard { device } => Problem::new(
                "ble.not_heard",
                format!("The gateway {} isn't in range", visible(device, 60)),
                "It is out of range, switched off, or connected to something else: a connected device stops advertising",
                "Move closer, see that it has power and that no phone is connected to it, then try again",
            ),
            Self::NotConnected { device } => Problem::new(
                "ble.not_connected",
                format!("The gateway {} doesn't accept a connection", visible(device, 60)),
                "It is at the edge of the range, a phone got there first, or its Bluetooth hangs",
                "Move closer, close other programs and phones that use it, or restart the gateway, then try again",
            ),
            Self::NoServices { device } => Problem::new(
                "ble.no_services",
                format!("The gateway {} didn't list its services", visible(device, 60)),
                "The connection is weak, or this computer remembers an older list of its services",
                per_system(
                    "Move closer; if that does not help, run `bluetoothctl remove ADDRESS` with its address and try again",
                    "Move closer; if that does not help, remove it under Bluetooth devices in Settings and try again",
                    "Move closer; if that does not help, switch Bluetooth off and on again and try again",
                ),
            ),
            Self::Disconnected { device } => Problem::new(
                "ble.disconnected",
                format!("The connection to {} broke", visible(device, 60)),
                "The gateway went out of range, restarted or ended the connection",
                "Move closer and connect again",
            ),
            Self::LostToPairing { device } => Problem::new(
                "ble.lost_to_pairing",
                format!("The gateway {} was paired, then did not answer", visible(device, 60)),
                "The request that started the pairing was lost twice",
                "Connect again; the pairing is saved",
            ),
            Self::NoAnswer { device } => Problem::new(
                "ble.no_answer",
                format!("The gateway {} does not answer", visible(device, 60)),
                "The connection is weak, its firmware hangs, or it asks for pairing and nothing on this computer offers it",
                per_system(
                    "Move closer and try again; if it happens again, keep `bluetoothctl` running in a terminal (it offers pairing) and try again",
                    "Move closer and try again; if it happens again, pair it under Bluetooth devices in Settings and try again",
                    "Move closer and try again; if a window asks for pairing, accept it",
                ),
            ),
            Self::NotPaired { device } => Problem::new(
                "ble.not_paired",
                format!("The gateway {} requires pairing first", visible(device, 60)),
                "It requires an encrypted connection",
                per_system(
                    "Run `bluetoothctl pair ADDRESS` with its address (if it is paired already: `bluetoothctl remove ADDRESS` first), then connect again",
                    "Pair it under Settings, Bluetooth and devices, Add device; if it is listed there, remove it first. Then connect again",
                    "Connect again and accept the pairing that macOS asks for; if it does not ask, remove the gateway under Bluetooth in System Settings first",
                ),
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
                format!("The gateway {} doesn't accept {octets} bytes at once", visible(device, 60)),
                "Its firmware has less room for a value than its protocol asks for",
                "Shorten the name or the passphrase, or reach the gateway by cable",
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

/// The words for the system this was built for.
const fn per_system(linux: &'static str, windows: &'static str, macos: &'static str) -> &'static str {
    if cfg!(windows) {
        windows
    } else if cfg!(target_os = "macos") {
        macos
    } else {
        linux
    }
}

fn powered_off(off: AdapterOff) -> Problem {
    let (cause, step) = match off {
        AdapterOff::Switched => (
            "The adapter is present, but switched off",
            per_system(
                "Switch Bluetooth on in the desktop's settings, or run `bluetoothctl power on`",
                "Switch Bluetooth on in Settings, Bluetooth and devices",
                "Switch Bluetooth on in System Settings or in the menu bar",
            ),
        ),
        AdapterOff::Blocked => (
            "The aeroplane mode or rfkill blocks the adapter",
            "Switch the aeroplane mode off, or run `rfkill unblock bluetooth`, then `bluetoothctl power on`",
        ),
        AdapterOff::BlockedByHardware => (
            "A hardware switch or key turns the radio off",
            "Turn the wireless switch of the computer on, then run `bluetoothctl power on`",
        ),
    };
    Problem::new("ble.powered_off", "Bluetooth is switched off", cause, step)
}

fn no_permission() -> Problem {
    Problem::new(
        "ble.no_permission",
        "Linesman may not use Bluetooth",
        per_system(
            "The message bus denies this account access to the Bluetooth service: it isn't in the group `bluetooth`, or isn't logged in locally",
            "The privacy settings keep programs from the radios",
            "The privacy settings do not let this program, or the terminal it was started from, use Bluetooth",
        ),
        per_system(
            "Run `sudo usermod -aG bluetooth $USER`, log out and in again, then try again",
            "Allow it in Settings, Privacy and security, Radios, then try again",
            "Allow it in System Settings, Privacy & Security, Bluetooth, then start the program again",
        ),
    )
}
