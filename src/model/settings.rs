//! What the program remembers between starts. Never a secret, never a network.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ids::ProfileId;
use super::layout::Layout;
use super::mqtt::connect::WhenFull;
use super::mqtt::payload::PayloadKind;
use super::mqtt::url::BrokerUrl;
use super::word::Word as _;

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
    /// Recordings opened or made last, the newest first.
    pub recent_recordings: Vec<PathBuf>,
    /// Connections to brokers that a person kept, without anything secret.
    pub connections: Vec<SavedConnection>,
    /// How the window is arranged.
    pub layout: Layout,
    /// How telemetry is watched.
    pub telemetry: TelemetrySettings,
    /// Messages kept to be published again.
    pub publish_templates: Vec<PublishTemplate>,
    /// The server of a team's records.
    pub records: RecordsSettings,
}

/// Where a team's records meet. Its password is no part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordsSettings {
    /// The address of the server; empty for none.
    #[serde(with = "super::without_password")]
    pub server: String,
    /// The list of known keys; empty for `known-keys.txt` in the data folder.
    pub known_keys: String,
    /// The file that holds the password; empty for none.
    pub password_file: String,
}

/// A connection to a broker as it is kept: what was typed, but for passwords and keys. Paths of key files are kept, not
/// what is in them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedConnection {
    /// The name it is listed by.
    #[serde(with = "super::without_password")]
    pub name: String,
    /// The address.
    #[serde(with = "super::without_password")]
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
    #[serde(with = "super::without_password")]
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

impl SavedConnection {
    /// Whether its address is that of a connection of that name.
    pub fn is_of(&self, name: &str) -> bool {
        self.url.trim().parse::<BrokerUrl>().is_ok_and(|url| url.to_string() == name)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::System,
            scale: 1.0,
            last_profile: None,
            operator: String::new(),
            scan_bluetooth: false,
            recent_recordings: Vec::new(),
            connections: Vec::new(),
            layout: Layout::default(),
            telemetry: TelemetrySettings::default(),
            publish_templates: Vec::new(),
            records: RecordsSettings::default(),
        }
    }
}

impl Settings {
    /// The smallest and largest scale offered.
    pub const SCALE_RANGE: std::ops::RangeInclusive<f32> = 0.8..=2.0;
}

/// How telemetry is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySettings {
    /// How much memory messages may use, in MiB.
    pub budget_mib: u32,
    /// Whether messages are dropped, and counted, when they come faster than they are taken in; otherwise the broker waits.
    pub is_dropping: bool,
    /// For how long messages are kept on disk, in minutes; 0 for no ring.
    pub ring_minutes: u32,
    /// How much disk the ring may use, in MiB.
    pub ring_mib: u32,
    /// Whether watching begins by itself once a gateway has joined.
    pub is_starting_after_commissioning: bool,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        Self {
            budget_mib: 512,
            is_dropping: false,
            ring_minutes: 10,
            ring_mib: 1024,
            is_starting_after_commissioning: false,
        }
    }
}

impl TelemetrySettings {
    /// The least and the most memory offered, in MiB.
    pub const BUDGET_MIB: std::ops::RangeInclusive<u32> = 16..=65_536;

    /// How much memory messages may use, in bytes, whatever stands in the file.
    pub fn budget_bytes(&self) -> usize {
        let mib = self.budget_mib.clamp(*Self::BUDGET_MIB.start(), *Self::BUDGET_MIB.end());
        usize::try_from(mib).unwrap_or(usize::MAX).saturating_mul(1024 * 1024)
    }

    /// What is done when messages come faster than they are taken in.
    pub const fn when_full(&self) -> WhenFull {
        if self.is_dropping { WhenFull::Drop } else { WhenFull::Wait }
    }
}

/// A message kept under a name, to be published again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PublishTemplate {
    /// Its name.
    pub name: String,
    /// The topic.
    pub topic: String,
    /// The payload, as typed.
    pub payload: String,
    /// How it was typed: `text`, `json`, `hex` or `base64`.
    pub kind: String,
    /// The quality of service: 0, 1 or 2.
    pub qos: u8,
    /// Whether the broker is to keep it.
    pub is_retained: bool,
    /// Whether MQTT 5 is told that the payload is text.
    pub is_text: bool,
    /// MQTT 5's content type, empty for none.
    pub content_type: String,
    /// MQTT 5's response topic, empty for none.
    pub response_topic: String,
    /// MQTT 5's correlation data in hex, empty for none.
    pub correlation_hex: String,
    /// MQTT 5's message expiry in seconds, empty for none.
    pub expiry_secs: String,
    /// MQTT 5's user properties.
    pub user: Vec<(String, String)>,
}

impl PublishTemplate {
    /// How many are kept at most.
    pub const MOST: usize = 24;
    /// The longest payload that is kept, in bytes.
    pub const LONGEST_PAYLOAD: usize = 32 * 1024;

    /// How the payload was typed; text if the file says something unknown.
    pub fn payload_kind(&self) -> PayloadKind {
        PayloadKind::from_word(&self.kind).unwrap_or(PayloadKind::Text)
    }
}
