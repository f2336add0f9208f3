//! Feeds arbitrary bytes to the parser of Improv over serial, whole and in pieces: it must never panic, and how the bytes
//! were cut must make no difference to what it reads.

#![no_main]

use libfuzzer_sys::fuzz_target;
use linesman::proto::improv::serial::Decoder;

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, bytes) = input;
    let piece = usize::from(cut).max(1);

    let mut whole = Decoder::default();
    whole.push(bytes);
    let mut read_whole = 0_usize;
    while whole.poll().is_some() {
        read_whole += 1;
    }

    let mut pieces = Decoder::default();
    let mut read_pieces = 0_usize;
    for piece in bytes.chunks(piece) {
        pieces.push(piece);
        while pieces.poll().is_some() {
            read_pieces += 1;
        }
    }
    // Text beside the packets may come in more parts; fewer parts would mean that something was lost.
    assert!(read_pieces >= read_whole);
});
