//! Feeds arbitrary bytes to the parser of Improv over serial, whole and in pieces: it must never panic, how the bytes were
//! cut must make no difference to the packets it reads, and what it reads must be able to stand as messages.

#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use linesman::proto::improv::serial::{Decoder, parse_message, parse_request};

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let now = Instant::now();
    let later = now + Duration::from_secs(60);

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
});
