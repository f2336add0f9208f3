//! The reader of recordings: whatever the bytes are, it opens or refuses them, gives each message at most once, finds times
//! and topics, and does not panic. Blocks whose checksums were made right again get as far as the columns.

use linesman::telemetry::recording::block::{Block, BlockHeader, HEADER_BYTES, Place};
use linesman::telemetry::recording::index::{parse_end, parse_facts, parse_index};
use linesman::telemetry::recording::reader::Reader;

/// A header without facts, a finished recording of three messages, the column part of a block.
pub(crate) const SEEDS: &[&[u8]] = &[
    b"LMREC\r\n\x1a\x01\x00\x00\x00\x02\x00\x00\x00[]",
    include_bytes!("../../tests/data/recording/v1.lmrec"),
    b"\x01\x03\xfe\x01\x00\x00\x00\x00\x01\x03a/b\x00\x00\x00\x00\x01\x02\x00\x02\x04\x01\x01\x01\x0012\x33",
];

/// Holds one input against the rules above.
pub(crate) fn check(piece: u8, bytes: &[u8]) {
    if let Ok(mut reader) = Reader::open(bytes) {
        let promised = reader.messages();
        let mut found = 0;
        while let Some(batch) = reader.next_batch().expect("memory can be read") {
            found += batch.len() as u64;
        }
        assert!(found <= promised, "{found} messages of {promised}");
        for time in [i64::MIN, 0, 1_767_225_600_000_001, i64::MAX] {
            reader.seek(time).expect("memory can be read");
            let _ = reader.next_batch().expect("memory can be read");
        }
        let _ = reader.find_topic(b"a/b", 0).expect("memory can be read");
        let _ = reader.repairs().explain();
    }
    let _ = parse_facts(bytes);
    let _ = parse_end(bytes);
    let _ = parse_index(bytes, 0, u64::MAX);
    let _ = BlockHeader::parse(bytes);
    columns(u32::from(piece % 8), bytes);
}

/// The columns of a block, with everything around them in order.
fn columns(messages: u32, raw: &[u8]) {
    let body = zstd_frame(raw);
    let mut header = BlockHeader {
        raw_bytes: u32::try_from(raw.len()).expect("short"),
        body_bytes: u32::try_from(body.len()).expect("short"),
        messages,
        topics: messages.min(1),
        ..BlockHeader::default()
    };
    header.body_crc = crc32c(&body);
    assert_eq!(BlockHeader::parse(&header.to_bytes()[..HEADER_BYTES]), Some(header));
    if let Some(block) = Block::decode(&header, &body) {
        let mut place = Place::default();
        let mut found = 0;
        while let Some(batch) = block.next(&mut place) {
            found += batch.len();
        }
        assert_eq!(found, block.len());
    }
}

/// A frame that holds the bytes as they are (RFC 8878): no compressor is needed to feed the reader.
fn zstd_frame(raw: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0b1010_0000];
    frame.extend_from_slice(&u32::try_from(raw.len()).expect("short").to_le_bytes());
    let mut rest = raw;
    loop {
        let (now, then) = rest.split_at(rest.len().min(0x1_0000));
        let head = (u32::try_from(now.len()).expect("short") << 3) | u32::from(then.is_empty());
        frame.extend_from_slice(&head.to_le_bytes()[..3]);
        frame.extend_from_slice(now);
        rest = then;
        if rest.is_empty() {
            return frame;
        }
    }
}

/// CRC-32C bit by bit: slow, and not the code under test.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, octet| {
        (0..8).fold(crc ^ u32::from(*octet), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 })
    })
}
