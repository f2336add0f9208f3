//! What the program remembers between starts. Never a secret, never a network.

use serde::{Deserialize, Serialize};

use super::ids::ProfileId;

/// Light, dark, or as the desktop says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThemeChoice {
    /// As the desktop says.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

/// The settings file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Light or dark.
    pub theme: ThemeChoice,
    /// Size of everything in the window, 0.8 to 2.
    pub scale: f32,
    /// The profile used last.
    pub last_profile: Option<ProfileId>,
    /// Who is named in the records; empty means the account of the computer.
    pub operator: String,
    /// Whether Discover listens to Bluetooth. Off until a person switches it on.
    pub scan_bluetooth: bool,
    /// Connections to brokers that a person kept, without anything secret.
    pub connections: Vec<SavedConnection>,
}

/// A connection to a broker as it is kept: what was typed, but for passwords and keys. Paths of key files are kept, not
/// what is in them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedConnection {
    /// The name it is listed by.
    pub name: String,
    /// The address.
    pub url: String,
    /// Whose rules the broker follows, as a word.
    pub dialect: String,
    /// The version of the protocol, as a word.
    pub version: String,
    /// The client id, where it is no made-up one.
    pub client_id: String,
    /// How a person signs in, as a word.
    pub login: String,
    /// The user.
    pub username: String,
    /// The file of certificates that are trusted.
    pub ca_path: String,
    /// The file of the client's certificate.
    pub certificate_path: String,
    /// The file of its key.
    pub key_path: String,
    /// Protocols offered in the handshake, with commas.
    pub alpn: String,
    /// The name expected in the certificate.
    pub server_name: String,
    /// The proxy.
    pub proxy: String,
    /// Hub, or region.
    pub place: String,
    /// Device, or id of the access key.
    pub identity: String,
    /// The policy a key belongs to.
    pub policy: String,
    /// The profile.
    pub profile: Option<ProfileId>,
    /// What is subscribed to, each with its quality of service.
    pub subscriptions: Vec<(String, u8)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::System,
            scale: 1.0,
            last_profile: None,
            operator: String::new(),
            scan_bluetooth: false,
            connections: Vec::new(),
        }
    }
}

impl Settings {
    /// The smallest and largest scale offered.
    pub const SCALE_RANGE: std::ops::RangeInclusive<f32> = 0.8..=2.0;
}
