//! Wi-Fi credentials: what a person types ([`WifiDraft`]) and what is sent ([`WifiCredentials`]), with the check between.
//!
//! Only credentials that passed [`check`] exist. Limits: IEEE 802.11 (SSID, passphrase), hostap `wpa_passphrase`, the profile.

mod check;
mod findings;

use super::problem::Problem;
use super::secret::Secret;
use super::wifi::Ssid;

pub use check::check;

/// What stands in the form, before any check.
#[derive(Clone, Default)]
pub struct WifiDraft {
    /// The name as typed or chosen; `hex:…` for octets that are no text.
    pub ssid: String,
    /// The passphrase as typed.
    pub passphrase: Secret<String>,
    /// Chosen explicitly: the network has no protection. Never inferred from an empty passphrase.
    pub is_open: bool,
    /// The network does not announce its name.
    pub is_hidden: bool,
    /// Send the derived key instead of the passphrase, where the profile allows it.
    pub is_psk_derived: bool,
    /// Send a passphrase beyond ASCII as UTF-8, which not every device takes.
    pub is_utf8_allowed: bool,
}

/// The key of a network.
#[derive(Clone, PartialEq, Eq)]
pub enum WifiKey {
    /// No key: an open network.
    Open,
    /// A WPA, WPA2 or WPA3 passphrase.
    Passphrase(Secret<String>),
    /// A pre-shared key as 64 hexadecimal digits.
    RawPsk(Secret<String>),
    /// A WEP key.
    Wep(Secret<String>),
}

/// Credentials that passed the check. Not printable.
#[derive(Clone, PartialEq, Eq)]
pub struct WifiCredentials {
    /// The network.
    pub ssid: Ssid,
    /// Its key.
    pub key: WifiKey,
    /// Whether the network hides its name.
    pub is_hidden: bool,
}

impl WifiCredentials {
    /// The text a driver sends as password; empty for an open network.
    pub fn password(&self) -> &str {
        match &self.key {
            WifiKey::Open => "",
            WifiKey::Passphrase(secret) | WifiKey::RawPsk(secret) | WifiKey::Wep(secret) => secret.expose(),
        }
    }

    /// What may be said of the key in records and evidence: its kind and length.
    pub fn key_label(&self) -> String {
        match &self.key {
            WifiKey::Open => "no key (open network)".into(),
            WifiKey::Passphrase(secret) => format!("a passphrase of {} octets", secret.expose().len()),
            WifiKey::RawPsk(_) => "a derived key of 64 digits".into(),
            WifiKey::Wep(secret) => format!("a WEP key of {} octets", secret.expose().len()),
        }
    }
}

/// What the check found: errors stop the push, warnings are shown beside the form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Reasons not to send.
    pub errors: Vec<Problem>,
    /// Things to know before sending.
    pub warnings: Vec<Problem>,
}
