//! What is known of a port or a gateway, and how we learnt it.

use serde::Serialize;

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
    /// The profile it looks like, with the reason.
    pub profile: Option<ProfileMatch>,
    /// What asking it brought.
    pub probe: Probe,
    /// Whether it is there now; a port that went away stays listed, greyed.
    pub is_present: bool,
}
