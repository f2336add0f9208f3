//! The pre-shared key of WPA and WPA2, derived from a passphrase and a network name.
//!
//! IEEE 802.11 (PSK mapping): PBKDF2-HMAC-SHA1 over the octets, 4096 rounds, 32 octets. WPA3 (SAE) has no such key.

use sha1::Sha1;
use zeroize::{Zeroize, Zeroizing};

use super::secret::Secret;
use super::text::hex;
use super::wifi::Ssid;

/// Octets of a pre-shared key.
pub const PSK_OCTETS: usize = 32;
/// Rounds the standard fixes.
const ROUNDS: u32 = 4096;

/// Derives the key. Takes some milliseconds: call it once, never on a frame.
pub fn derive(passphrase: &[u8], ssid: &Ssid) -> Zeroizing<[u8; PSK_OCTETS]> {
    let mut psk = Zeroizing::new([0; PSK_OCTETS]);
    pbkdf2::pbkdf2_hmac::<Sha1>(passphrase, ssid.octets(), ROUNDS, psk.as_mut());
    psk
}

/// Derives the key as the 64 lower-case hexadecimal digits a gateway takes in place of a passphrase.
pub fn derive_hex(passphrase: &[u8], ssid: &Ssid) -> Secret<String> {
    let mut psk = derive(passphrase, ssid);
    let digits = Secret::new(hex(psk.as_ref()));
    psk.zeroize();
    digits
}

/// Whether the text is a raw key: exactly 64 hexadecimal digits.
pub fn is_raw_psk(text: &str) -> bool {
    text.len() == PSK_OCTETS * 2 && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(passphrase: &str, ssid: &str, expected: &str) {
        let ssid = Ssid::from_octets(ssid).unwrap();
        assert_eq!(derive_hex(passphrase.as_bytes(), &ssid).expose(), expected);
    }

    #[test]
    fn published_and_hostap_vectors_hold() {
        check("password", "IEEE", "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e");
        check("ThisIsAPassword", "ThisIsASSID", "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af");
        check(&"a".repeat(32), &"Z".repeat(32), "becb93866bb8c3832cb777c2f559807c8c59afcb6eae734885001300a981cc62");
        check("mysecurepassword", "MyWirelessAP", "81b8f1bd6a42eb9b698fcdce41dd93d0d86aa8f6a1343de7224a8126cf62dbd1");
        check("grüßgott1", "Café", "75a042f6af933bbb708d6a719c2fb22bbb205bc32718e44b89bfede6b384c0e4");
    }

    #[test]
    fn a_raw_key_is_64_digits_and_nothing_else() {
        assert!(is_raw_psk(&"aF09".repeat(16)));
        assert!(!is_raw_psk(&"a".repeat(63)));
        assert!(!is_raw_psk(&"g".repeat(64)));
        assert!(!is_raw_psk(&"ä".repeat(32)));
    }
}
