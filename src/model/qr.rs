//! What a QR code held: a network for the form, or an Espressif provisioning code.

use super::credentials::WifiDraft;
use super::secret::Secret;

/// What a QR code held. Not printable: it may carry a passphrase.
pub enum QrContent {
    /// A network, from a `WIFI:` code.
    Wifi {
        /// What goes into the form.
        draft: WifiDraft,
        /// Things to know, such as a missing terminator.
        notes: Vec<String>,
    },
    /// An Espressif provisioning code: which device, over which transport. It holds no network.
    EspProvisioning {
        /// Name of the device, made safe to show.
        name: String,
        /// Transport named in the code: `ble`, `softap`.
        transport: String,
        /// Security level; 2 if the code names none, and nothing if what it names is none.
        security: Option<u8>,
        /// User name of Security 2, if the code has one.
        username: Option<String>,
        /// Proof of possession, or password of Security 2, if the code has one.
        proof_of_possession: Option<Secret<String>>,
        /// Passphrase of the device's own access point, if the code has one.
        access_point_passphrase: Option<Secret<String>>,
        /// Things to know.
        notes: Vec<String>,
    },
}
