//! The parser of Improv over serial, whole and in pieces: it must never panic, how the bytes were cut must make no
//! difference to the packets it reads, and what it reads must be able to stand as messages.

use std::time::{Duration, Instant};

use linesman::proto::improv::serial::{Decoder, parse_message, parse_request};

/// Good input to start from: noise around a state packet and a request for Wi-Fi settings.
pub(crate) const SEEDS: &[&[u8]] = &[
    b"\nboot\r\nIMPROV\x01\x01\x01\x02\xe3\n",
    b"IMPROV\x01\x03\x1e\x01\x1c\x0cMyWirelessAP\x0fmysecurepassword\x8f\n",
    b"IMPROV\x01\x02\x01\x03\xe4\nIMPROV\x01\x04\x03\x02\x01\x00\xe8\n",
];

/// Holds one input against the rules above.
pub(crate) fn check(piece: u8, bytes: &[u8]) {
    let now = Instant::now();
    let later = now + Duration::from_mins(1);

    let mut whole = Decoder::default();
    let mut expected = whole.push(bytes, now);
    expected.extend(whole.handle_timeout(later));

    let mut cut = Decoder::default();
    let mut read = Vec::new();
    for piece in bytes.chunks(usize::from(piece).max(1)) {
        read.extend(cut.push(piece, now));
    }
    read.extend(cut.handle_timeout(later));
    assert!(read == expected, "the cut makes a difference");

    for packet in &read {
        let _ = parse_message(packet);
        let _ = parse_request(packet);
    }
}
