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
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::System,
            scale: 1.0,
            last_profile: None,
            operator: String::new(),
            scan_bluetooth: false,
        }
    }
}

impl Settings {
    /// The smallest and largest scale offered.
    pub const SCALE_RANGE: std::ops::RangeInclusive<f32> = 0.8..=2.0;
}
