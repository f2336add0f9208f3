//! MQTT: packets as they come ([`wire`]) and one connection's state machine ([`session`]); and what brokers ask for beyond
//! MQTT itself: logins that are computed, limits, habits, identities. No I/O and no clock: the time is an argument.
//! Beside it the broker for a bench ([`broker`]).

pub mod broker;
pub mod cloud;
pub mod dialect;
pub mod guard;
pub mod notes;
pub mod reason;
pub mod sas;
pub mod session;
pub mod sigv4;
pub mod silent;
pub mod wire;

use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use sha2::Sha256;

/// What may stand unescaped in a part of an address (RFC 3986, section 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, UNRESERVED).to_string()
}

fn unescaped(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// HMAC-SHA256.
fn sign(key: &[u8], text: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(text);
    mac.finalize().into_bytes().into()
}
