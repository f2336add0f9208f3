//! Every decoder of telemetry, found out and forced: JSON, CBOR, MessagePack, Sparkplug B, Protobuf with and without a
//! schema, base64, packings and pictures. None may panic, and a failure names a place inside the payload.

use std::cell::RefCell;

use linesman::model::word::Word as _;
use linesman::telemetry::decode::{Decoders, Rule, hex, json};
use linesman::telemetry::value::{Body, DecoderKind};
use linesman::telemetry::{diff, plot};

/// Good input to start from.
pub(crate) const SEEDS: &[&[u8]] = &[
    br#"{"name":"Gr\u00f6\u00dfe","v":[21.5,-3e7,true,null],"deep":{"deep":{}},"large":123456789012345678901234567890}"#,
    b"[[[[[[[[[[1]]]]]]]]]]",
    b"\xa4aa\xf9\x3c\x00ab\x9f\x01\xc1\x1aQKg\xb0\xffac\xc2\x49\x01\x00\x00\x00\x00\x00\x00\x00\x00ad\x7fca\xc3\xa4\xff",
    b"\x84\xa1a\xcb\x40\x35\x80\x00\x00\x00\x00\x00\xa1b\xd7\xff\x77\x35\x94\x00QKg\xb0\xa1c\xdc\x00\x02\x01\xd0\xff\xa1d\xc4\x01\x00",
    b"\x08\x80\xd0\x95\xff\xbc1\x12\x1d\x0a\x0bTemperature\x10\x03\x18\x80\xd0\x95\xff\xbc1 \x09e\x00\x00\xacA\x18\x00",
    b"\x12\x1e\x0a\x05Table \x10\x8a\x01\x13\x08\x01\x12\x01a\x18\x03\"\x04\x0a\x02\x08\x05\"\x04\x0a\x02\x08\x06",
    b"\x0a\x04hall\x11\x00\x00\x00\x00\x00\x80\x35\x40\x22\x03\x01\xac\x02\x4a\x03\x0a\x01x\x32\x05\x0a\x01a\x10\x07",
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xabVJT\xb22\xac\x05\x00\xc4\x98\x8e\xc9\x07\x00\x00\x00",
    b"x\x9c\xabVJT\xb22\xac\x05\x00\x07\xe0\x02\x11",
    b"(\xb5/\xfd \x07\x39\x00\x00{\"a\":1}",
    b"o2FhAWFiAmFjeCJ0aGlzIGlzIGEgbG9uZ2VyIHRleHQgSW4gQ0JPUg==",
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde\x00\x00\x00\x0cIDATx\x9cc\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xc9\xfe\x92\xef\x00\x00\x00\x00IEND\xaeB`\x82",
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00",
];

const SCHEMA: &str = "syntax = \"proto3\"; message M { string name = 1; double value = 2; repeated uint32 counts = 4;
map<string, int64> totals = 6; M inner = 9; enum E { A = 0; } E kind = 7; sint32 below = 3; }";

const TOPICS: [&[u8]; 6] = [
    b"site/a",
    b"proto/a",
    b"spBv1.0/G/NBIRTH/N",
    b"spBv1.0/G/NDATA/N",
    b"spBv1.0/G/DBIRTH/N/D",
    b"spBv1.0/G/DDATA/N/D",
];

thread_local! {
    /// Compiling a schema takes longer than reading a payload.
    static DECODERS: RefCell<Decoders> = RefCell::new(decoders());
}

fn decoders() -> Decoders {
    let mut decoders = Decoders::new();
    assert!(decoders.load_schemas(&[("m.proto".into(), SCHEMA.into())]).is_ok());
    let filter = "proto/#".parse().expect("it is a filter");
    decoders.set_rules(vec![Rule { filter, kind: DecoderKind::Protobuf, message_type: Some("M".into()) }]);
    decoders
}

/// Holds one input against the rules above.
pub(crate) fn check(piece: u8, bytes: &[u8]) {
    DECODERS.with_borrow_mut(|decoders| {
        let topic = TOPICS[usize::from(piece) % TOPICS.len()];
        decoders.observe(topic, bytes, u64::from(piece));
        let kinds = DecoderKind::ALL.iter().copied().map(Some).chain([None]);
        let mut before = None;
        for kind in kinds {
            let decoded = decoders.decode(topic, bytes, kind);
            if let Some(failure) = &decoded.failure {
                let limit = if decoded.packed_in.is_empty() { bytes.len() } else { usize::MAX };
                assert!(failure.offset <= limit && !failure.what.is_empty(), "{kind:?}: {failure:?}");
                assert!(!matches!(decoded.body, Body::Tree(_)), "what failed is shown as it came");
            }
            if let Body::Tree(value) = &decoded.body {
                let _ = plot::numbers(value, 100);
                assert!(json::parse(json::to_json(value).as_bytes()).is_ok(), "what is written reads back");
            }
            if bytes.len() < 4096
                && let Some(before) = &before
            {
                let _ = diff::lines(before, &decoded);
            }
            before = Some(decoded);
        }
        assert!(decoders.one_line(topic, bytes, u64::MAX, 40).chars().count() <= 40);
        assert!(hex::lines(bytes, 0..usize::MAX).len() == hex::line_count(bytes));
        let _ = decoders.sparkplug_nodes();
    });
}
