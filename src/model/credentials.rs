//! Wi-Fi credentials: what a person types ([`WifiDraft`]) and what is sent ([`WifiCredentials`]), with the check between.
//!
//! Only credentials that passed [`check`] exist. Limits: IEEE 802.11 (SSID, passphrase), hostap `wpa_passphrase`, the profile.

mod check;
mod findings;

use std::sync::{Arc, OnceLock};

use zeroize::Zeroizing;

use super::problem::Problem;
use super::psk::{self, PSK_OCTETS};
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
    /// The key derived from the passphrase, once somebody asked for it.
    derived: Derived,
}

/// The key that belongs to a passphrase and a network: derived once for all copies, since that takes a while. It says
/// nothing that the two do not say, so it does not count when credentials are compared.
#[derive(Clone, Default)]
struct Derived(Arc<OnceLock<Zeroizing<[u8; PSK_OCTETS]>>>);

impl PartialEq for Derived {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Derived {}

impl WifiCredentials {
    /// Credentials of this network.
    pub fn new(ssid: Ssid, key: WifiKey, is_hidden: bool) -> Self {
        Self { ssid, key, is_hidden, derived: Derived::default() }
    }

    /// The key that a device derives from the passphrase, where there is one. Takes some milliseconds the first time.
    pub fn derived_key(&self) -> Option<&[u8]> {
        let WifiKey::Passphrase(passphrase) = &self.key else { return None };
        Some(self.derived.0.get_or_init(|| psk::derive(passphrase.expose().as_bytes(), &self.ssid)).as_ref())
    }

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
            WifiKey::Passphrase(secret) => format!("a passphrase of {} bytes", secret.expose().len()),
            WifiKey::RawPsk(_) => "a derived key of 64 digits".into(),
            WifiKey::Wep(secret) => format!("a WEP key of {} bytes", secret.expose().len()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_a_passphrase_is_derived_once_for_all_copies_and_there_is_none_without_a_passphrase() {
        let ssid = || Ssid::from_octets("Site").unwrap();
        let credentials = WifiCredentials::new(ssid(), WifiKey::Passphrase(Secret::new("long enough".into())), false);
        let copy = credentials.clone();
        let (first, second) = (credentials.derived_key().unwrap(), copy.derived_key().unwrap());
        assert!(std::ptr::eq(first, second));
        assert_eq!(first, psk::derive(b"long enough", &ssid()).as_slice());
        assert!(WifiCredentials::new(ssid(), WifiKey::Open, false).derived_key().is_none());
    }
}
