//! What a broker sends, in both versions of MQTT: heads, messages and answers from arbitrary octets never panic; what is
//! read lies within what was given; and a connection that is let in takes the same messages from the same octets, however
//! they are cut, with every one of them held or counted.

use linesman::io::mqtt::trial::Trial;
use linesman::model::mqtt::MqttVersion;
use linesman::proto::mqtt::wire::{Answer, Head, Publish, check_topic};

/// Good input to start from: messages of each QoS, properties, an alias, and each kind of answer.
pub(crate) const SEEDS: &[&[u8]] = &[
    b"\x30\x0a\x00\x03a/bpayld",
    b"\x32\x09\x00\x03a/b\x00\x07hi\x34\x09\x00\x03a/b\x00\x08hi\x62\x02\x00\x08",
    b"\x30\x1d\x00\x03a/b\x15\x01\x01\x02\x00\x00\x00\x09\x0b\x81\x01\x26\x00\x01k\x00\x01v\x09\x00\x00hi",
    b"\x30\x08\x00\x01t\x03\x23\x00\x05x\x30\x07\x00\x00\x03\x23\x00\x05y",
    b"\x20\x02\x00\x00\x90\x03\x00\x01\x01\xd0\x00\x40\x02\x00\x01\x50\x02\x00\x01\x70\x02\x00\x01\xb0\x02\x00\x01",
    b"\x20\x15\x00\x00\x12\x21\x00\x0a\x24\x01\x27\x00\x00\x10\x00\x1f\x00\x03yes\x22\x00",
    b"\xe0\x07\x87\x05\x1f\x00\x02no\xf0\x00\x40\x04\x00\x01\x10\x00",
    b"\x30\xff\xff\xff\x7f\x00\x03a/b",
    b"\x30\x04\x00\x02\xff\xfe\x30\x03\x00\x01#\x30\x02\x00\x00\x36\x05\x00\x01a\x00\x01",
];

/// Holds one input against the rules above.
pub(crate) fn check(piece: u8, bytes: &[u8]) {
    for version in [MqttVersion::V311, MqttVersion::V5] {
        if let Ok(Some(head)) = Head::parse(bytes) {
            assert!(head.head_bytes <= 5 && head.bytes() >= 2);
            let body = &bytes[head.head_bytes.min(bytes.len())..];
            let body = &body[..head.body_bytes.min(body.len())];
            if let Ok(publish) = Publish::parse(version, head.first, body) {
                assert!(publish.topic.len() + publish.payload.len() + 2 <= body.len());
                let _ = check_topic(publish.topic);
            }
            let _ = Publish::packet_id(head.first, body);
            let _ = Answer::parse(version, head.first, body);
        }
        let whole = Trial::new(version, 1000).run([bytes]);
        let cut = Trial::new(version, 1000).run(bytes.chunks(usize::from(piece).max(1)));
        assert!(whole == cut, "the cut makes a difference: {whole:?} {cut:?}");
    }
}
