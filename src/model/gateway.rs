//! What is known of a port or a gateway, and how we learnt it.

use serde::Serialize;

use uuid::Uuid;

use super::ids::{DriverId, LinkAddress, ProfileId};
use super::problem::Problem;

/// What the operating system says about a serial port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PortFacts {
    /// USB vendor id.
    pub vid: Option<u16>,
    /// USB product id.
    pub pid: Option<u16>,
    /// USB serial number.
    pub serial_number: Option<String>,
    /// USB product text.
    pub product: Option<String>,
    /// USB manufacturer text.
    pub manufacturer: Option<String>,
    /// Whether a person typed the path, so that it stays listed though no scan reports it.
    pub is_typed: bool,
    /// Whether a simulator stands behind the port.
    pub is_simulated: bool,
}

/// What the radio heard of a gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Advertisement {
    /// The advertised name; made safe only where it is shown.
    pub name: Option<String>,
    /// How strongly it was heard last, in dBm.
    pub rssi_dbm: Option<i16>,
    /// The advertised services.
    pub services: Vec<Uuid>,
    /// Data of services, such as Improv's state.
    #[serde(skip)]
    pub service_data: Vec<(Uuid, Vec<u8>)>,
    /// What it says of its state, where its protocol puts that into the advertisement.
    pub state: Option<ProvisioningState>,
    /// Company ids of the manufacturer data.
    pub companies: Vec<u16>,
    /// The adapter that heard it: `hci0`.
    pub adapter: String,
    /// Whether a simulator stands behind it.
    pub is_simulated: bool,
}

/// How a session with a gateway is protected. Shown in the window, in records and in reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// A cable: whoever holds it reads along.
    Cable,
    /// A login on a cable: the password and what follows cross the cable as they are.
    CableLogin,
    /// Credentials cross the air as they are.
    ClearText,
    /// Espressif's Security 0: credentials cross the air or network as they are.
    Security0,
    /// Espressif's Security 1 without proof of possession: encrypted, but anyone nearby could have opened the session.
    Security1WithoutProof,
    /// Espressif's Security 1: encrypted, both sides proved that they know the proof of possession.
    Security1,
    /// Espressif's Security 2 of older firmware, which uses one nonce for all messages.
    Security2ConstantNonce,
    /// Espressif's Security 2.
    Security2,
}

impl Protection {
    /// Every protection.
    pub const ALL: [Self; 8] = [
        Self::Cable,
        Self::CableLogin,
        Self::ClearText,
        Self::Security0,
        Self::Security1WithoutProof,
        Self::Security1,
        Self::Security2ConstantNonce,
        Self::Security2,
    ];

    /// The name in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cable => "cable",
            Self::CableLogin => "cable-login",
            Self::ClearText => "clear-text",
            Self::Security0 => "security0",
            Self::Security1WithoutProof => "security1-without-proof",
            Self::Security1 => "security1",
            Self::Security2ConstantNonce => "security2-constant-nonce",
            Self::Security2 => "security2",
        }
    }

    /// The protection in a few words.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Cable => "over the cable, not encrypted",
            Self::CableLogin => "over the cable with a login, not encrypted",
            Self::ClearText => "over the air in clear text",
            Self::Security0 => "Security 0: in clear text",
            Self::Security1WithoutProof => "Security 1 without proof of possession",
            Self::Security1 => "Security 1 with proof of possession",
            Self::Security2ConstantNonce => "Security 2 with the legacy nonce",
            Self::Security2 => "Security 2",
        }
    }

    /// What to know before credentials are sent; nothing where the protection is sound.
    pub const fn warning(self) -> Option<&'static str> {
        match self {
            Self::Cable | Self::CableLogin | Self::Security1 | Self::Security2 => None,
            Self::ClearText => {
                Some("Improv over Bluetooth isn't encrypted: anyone within some 30 metres can read the passphrase")
            }
            Self::Security0 => {
                Some("Security 0 isn't encrypted: anyone listening on this link can read the credentials")
            }
            Self::Security1WithoutProof => Some(
                "The session is encrypted, but the gateway asked for no proof of possession: another device could pose as it",
            ),
            Self::Security2ConstantNonce => Some(
                "The gateway's firmware uses one nonce for all messages, a known weakness: ask the vendor to update it (ESP-IDF 5.4.1 or newer)",
            ),
        }
    }
}

/// What can be asked of the gateway in an open session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// It can blink or beep.
    pub identify: bool,
    /// It takes Wi-Fi credentials.
    pub wifi: bool,
    /// It can scan for networks.
    pub scan: bool,
    /// It can be given a name.
    pub rename: bool,
    /// The link has a reset line.
    pub reset_line: bool,
    /// It can forget its network and be given another.
    pub reprovision: bool,
    /// It takes tokens and files.
    pub credentials: bool,
}

/// What a gateway said about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeviceInfo {
    /// Name of the firmware.
    pub firmware: String,
    /// Version of the firmware.
    pub firmware_version: String,
    /// Chip or board.
    pub hardware: String,
    /// The device's own name.
    pub name: String,
    /// Operating system and version, where the device tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// Host name in the network, where the device tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Its serial number, where the device tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The id of its system, where the device tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// The hardware address of its Wi-Fi, where the device tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
}

/// Where a gateway stands in taking up a network, by its own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProvisioningState {
    /// The provisioning service is off.
    Stopped,
    /// Someone has to press the button on the gateway first.
    AuthorizationRequired,
    /// It waits for Wi-Fi credentials.
    Ready,
    /// It is trying to join.
    Provisioning,
    /// It holds credentials that worked.
    Provisioned,
}

impl ProvisioningState {
    /// The state by itself, as in a list of facts.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Stopped => "Provisioning switched off",
            Self::AuthorizationRequired => "Waits for its button",
            Self::Ready => "Ready for a network",
            Self::Provisioning => "Joining a network",
            Self::Provisioned => "Has a network",
        }
    }

    /// The state as it is said of a gateway: "the gateway … is ready for a network".
    pub const fn label(self) -> &'static str {
        match self {
            Self::Stopped => "has provisioning switched off",
            Self::AuthorizationRequired => "waits for its button",
            Self::Ready => "is ready for a network",
            Self::Provisioning => "is joining a network",
            Self::Provisioned => "has a network",
        }
    }
}

/// Why we think a port or device belongs to a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProfileMatch {
    /// The profile.
    pub profile: ProfileId,
    /// The driver the profile names for this link.
    pub driver: DriverId,
    /// The observation that led here, in words: `USB id 303a:1001 is listed by the profile`.
    pub reason: String,
}

/// The answer of a gateway that was asked what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The driver it answered in.
    pub driver: DriverId,
    /// What it said about itself; `None` where the driver has no such question or the device refused it.
    pub info: Option<DeviceInfo>,
    /// Its state.
    pub state: ProvisioningState,
}

/// What asking a port brought so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Probe {
    /// Nobody asked.
    #[default]
    NotAsked,
    /// The question is on its way.
    Asking,
    /// It answered.
    Answered(Identity),
    /// It did not, or the port could not be opened.
    Failed(Problem),
}

/// One line of Discover: a port, and the gateway behind it as far as known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// How to reach it. Its identity in every list.
    pub link: LinkAddress,
    /// What the operating system knows.
    pub facts: PortFacts,
    /// What the radio heard; only of gateways over Bluetooth.
    pub heard: Option<Advertisement>,
    /// The profile it looks like, with the reason.
    pub profile: Option<ProfileMatch>,
    /// What asking it brought.
    pub probe: Probe,
    /// Whether it is there now; a port that went away stays listed, greyed.
    pub is_present: bool,
}
