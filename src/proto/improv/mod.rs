//! Improv Wi-Fi: what both transports share. [`serial`] frames it for a cable, [`ble`] for Bluetooth LE,
//! and [`session`] is the client's state machine.
//!
//! Source: improv-wifi.com, specification for serial and for Bluetooth LE; names of states and errors are theirs.
//! A transport adds framing only: it turns a [`Request`] into bytes and bytes into [`Message`]s.

pub mod ble;
pub mod serial;
pub mod session;

use crate::model::gateway::{DeviceInfo, ProvisioningState};
use crate::model::secret::Secret;
use crate::model::text::visible_octets;
use crate::model::wifi::{Network, Security, Ssid};

/// Longest text of a device that is kept, in characters.
const DEVICE_TEXT_CHARS: usize = 120;

/// What a client asks of a device.
#[derive(Clone)]
pub enum Request {
    /// Join this network (command 01). The name is 1 to 32 octets; name, password and two lengths fill at most 255.
    WifiSettings {
        /// Octets of the network's name.
        ssid: Vec<u8>,
        /// The passphrase, a raw key, or nothing for an open network.
        password: Secret<String>,
    },
    /// Tell your state (serial command 02; over Bluetooth LE the state is read instead).
    CurrentState,
    /// Blink or beep (Bluetooth LE command 02; the serial protocol has no such command).
    Identify,
    /// Tell what you are (command 03).
    DeviceInfo,
    /// Scan for networks (command 04).
    ScanNetworks,
    /// Tell (`None`) or take (`Some`) the host name (command 05).
    Hostname(Option<String>),
    /// Tell or take the device's name (command 06).
    DeviceName(Option<String>),
    /// Tell how you are connected (command 07, optional; older devices answer "unknown command").
    NetworkState,
}

impl Request {
    /// What is asked, in words; never what is carried.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::WifiSettings { .. } => "Wi-Fi settings",
            Self::CurrentState => "current state",
            Self::Identify => "identify",
            Self::DeviceInfo => "device information",
            Self::ScanNetworks => "scan for networks",
            Self::Hostname(None) => "host name",
            Self::Hostname(Some(_)) => "set the host name",
            Self::DeviceName(None) => "device name",
            Self::DeviceName(Some(_)) => "set the device name",
            Self::NetworkState => "network state",
        }
    }

    /// Whether asking twice does no more than asking once.
    pub const fn is_repeatable(&self) -> bool {
        !matches!(self, Self::WifiSettings { .. })
    }
}

/// What a device says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Its state.
    State(State),
    /// Its error state; [`DeviceError::None`] takes an earlier error back.
    Error(DeviceError),
    /// The result of a command: the command's number and its strings.
    Result {
        /// Number of the command.
        command: u8,
        /// The strings, as octets.
        strings: Vec<Vec<u8>>,
    },
}

/// A device's state on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// One of the states we know.
    Known(ProvisioningState),
    /// A number no specification names.
    Unknown(u8),
}

impl State {
    /// Reads the octet.
    pub const fn from_octet(octet: u8) -> Self {
        match octet {
            0 => Self::Known(ProvisioningState::Stopped),
            1 => Self::Known(ProvisioningState::AuthorizationRequired),
            2 => Self::Known(ProvisioningState::Ready),
            3 => Self::Known(ProvisioningState::Provisioning),
            4 => Self::Known(ProvisioningState::Provisioned),
            other => Self::Unknown(other),
        }
    }

    /// The octet.
    pub const fn octet(self) -> u8 {
        match self {
            Self::Known(ProvisioningState::Stopped) => 0,
            Self::Known(ProvisioningState::AuthorizationRequired) => 1,
            Self::Known(ProvisioningState::Ready) => 2,
            Self::Known(ProvisioningState::Provisioning) => 3,
            Self::Known(ProvisioningState::Provisioned) => 4,
            Self::Unknown(other) => other,
        }
    }
}

/// A device's error state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceError {
    /// No error.
    None,
    /// It could not read the command.
    InvalidPacket,
    /// It does not know the command.
    UnknownCommand,
    /// It could not join the network.
    UnableToConnect,
    /// Someone has to press its button first.
    NotAuthorized,
    /// It does not take that host name.
    BadHostname,
    /// It has an error without a name (`FF`).
    Unspecified,
    /// A number no specification names.
    Other(u8),
}

impl DeviceError {
    /// Reads the octet.
    pub const fn from_octet(octet: u8) -> Self {
        match octet {
            0 => Self::None,
            1 => Self::InvalidPacket,
            2 => Self::UnknownCommand,
            3 => Self::UnableToConnect,
            4 => Self::NotAuthorized,
            5 => Self::BadHostname,
            0xFF => Self::Unspecified,
            other => Self::Other(other),
        }
    }

    /// The octet.
    pub const fn octet(self) -> u8 {
        match self {
            Self::None => 0,
            Self::InvalidPacket => 1,
            Self::UnknownCommand => 2,
            Self::UnableToConnect => 3,
            Self::NotAuthorized => 4,
            Self::BadHostname => 5,
            Self::Unspecified => 0xFF,
            Self::Other(other) => other,
        }
    }
}

/// Numbers of the commands that a result may name.
pub(crate) mod command {
    pub(crate) const WIFI_SETTINGS: u8 = 1;
    pub(crate) const CURRENT_STATE: u8 = 2;
    pub(crate) const DEVICE_INFO: u8 = 3;
    pub(crate) const SCAN: u8 = 4;
    pub(crate) const HOSTNAME: u8 = 5;
    pub(crate) const DEVICE_NAME: u8 = 6;
    pub(crate) const NETWORK_STATE: u8 = 7;
}

/// Reads the strings of a device information result: firmware, version, hardware, name, then perhaps OS and its version.
///
/// `None` with fewer than four strings.
pub fn parse_device_info(strings: &[Vec<u8>]) -> Option<DeviceInfo> {
    let text = |index: usize| strings.get(index).map(|octets| visible_octets(octets, DEVICE_TEXT_CHARS));
    let os = text(4).map(|os| text(5).map_or_else(|| os.clone(), |version| format!("{os} {version}")));
    Some(DeviceInfo {
        firmware: text(0)?,
        firmware_version: text(1)?,
        hardware: text(2)?,
        name: text(3)?,
        os,
        hostname: None,
        ..DeviceInfo::default()
    })
}

/// Reads one entry of a scan: name, signal in dBm, protection. `None` where the name is no name of a network.
pub fn parse_network(strings: &[Vec<u8>]) -> Option<Network> {
    let [ssid, rssi, security, ..] = strings else { return None };
    Some(Network {
        ssid: Ssid::from_octets(ssid.clone()).ok()?,
        rssi_dbm: std::str::from_utf8(rssi).ok().and_then(|text| text.trim().parse().ok()),
        security: parse_security(security),
    })
}

/// Reads the protection column: `YES` and `NO` over serial, names such as `WPA2` over Bluetooth LE.
fn parse_security(octets: &[u8]) -> Security {
    match octets {
        b"NO" | b"" => Security::Open,
        b"WEP" => Security::Wep,
        b"WPA" => Security::Wpa,
        b"WPA2" => Security::Wpa2,
        b"WPA/WPA2" => Security::WpaWpa2,
        b"WPA2/WPA3" => Security::Wpa2Wpa3,
        b"WPA3" => Security::Wpa3,
        b"WPA2 EAP" => Security::Enterprise,
        _ => Security::Protected,
    }
}

/// The addresses among a result's strings: only `http` and `https`, made safe to show, at most eight.
pub fn parse_addresses(strings: &[Vec<u8>]) -> Vec<String> {
    strings
        .iter()
        .map(|octets| visible_octets(octets, 200))
        .filter(|text| text.starts_with("http://") || text.starts_with("https://"))
        // What a device without an address makes of it.
        .filter(|text| !text.contains("//0.0.0.0"))
        .take(8)
        .collect()
}

/// A device's name from a result with one string, made safe to show.
pub fn parse_name(strings: &[Vec<u8>]) -> Option<String> {
    strings.first().map(|octets| visible_octets(octets, DEVICE_TEXT_CHARS))
}
