//! Payloads that foreign libraries from PyPI wrote (cbor2, msgpack, protobuf, pysparkplug, zstandard) are found out and read.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use linesman::telemetry::decode::{Decoders, Rule, json};
use linesman::telemetry::value::{Body, DecoderKind};
use serde_json::Value;

use crate::python;

/// The schema of the Protobuf payloads: the script makes them by descriptors of its own.
const SCHEMA: &str = r#"
syntax = "proto3";
package site;
import "google/protobuf/timestamp.proto";
message Reading {
  string name = 1;
  double value = 2;
  sint64 offset = 3;
  repeated uint32 counts = 4;
  bytes raw = 5;
  float small = 6;
  int32 below = 7;
  Reading inner = 8;
  google.protobuf.Timestamp at = 9;
}
"#;

#[test]
fn payloads_of_foreign_libraries_are_read() {
    let Some(python) = python::with_packages("telemetry-payloads") else { return };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/telemetry-payloads/drive.py");
    let output = Command::new(python).args(["-X", "utf8"]).arg(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let mut decoders = Decoders::new();
    let types = decoders.load_schemas(&[("site.proto".into(), SCHEMA.into())]).unwrap();
    assert_eq!(types, ["site.Reading"]);
    decoders.set_rules(vec![Rule {
        filter: "proto/#".parse().unwrap(),
        kind: DecoderKind::Protobuf,
        message_type: Some("site.Reading".into()),
    }]);

    let printed = String::from_utf8(output.stdout).unwrap();
    let mut read = 0;
    for line in printed.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (name, topic) = (line["name"].as_str().unwrap(), line["topic"].as_str().unwrap().as_bytes());
        let payload = STANDARD.decode(line["payload"].as_str().unwrap()).unwrap();
        decoders.observe(topic, &payload, read);
        let decoded = decoders.decode(topic, &payload, None);
        assert_eq!(decoded.failure, None, "{name}");
        assert_eq!(decoded.kind.as_str(), line["kind"], "{name}");
        let packed: Vec<Value> = decoded.packed_in.iter().map(|packing| packing.as_str().into()).collect();
        assert_eq!(line["packed"], Value::from(packed), "{name}");
        let Body::Tree(value) = &decoded.body else { panic!("{name}: {:?}", decoded.body) };
        let value = if decoded.kind == DecoderKind::Sparkplug { value.member("metrics").unwrap() } else { value };
        let shown: Value = serde_json::from_str(&json::to_json(value)).unwrap();
        assert_eq!(shown, line["expected"], "{name}");
        if name == "data without birth" {
            assert!(decoded.notes.iter().any(|(note, _)| note == "birth"), "{:?}", decoded.notes);
        }
        read += 1;

        // However it is cut, it does no harm and its bytes stay.
        for end in 0..payload.len().min(300) {
            let cut = decoders.decode(topic, &payload[..end], None);
            assert!(cut.failure.is_none_or(|failure| failure.offset <= payload.len()), "{name} cut at {end}");
        }
    }
    assert_eq!(read, 24, "{printed}");

    let nodes = decoders.sparkplug_nodes();
    let edge = nodes.iter().find(|node| node.node == "Hall/Edge").unwrap();
    assert_eq!((edge.is_alive, edge.births, edge.sequence_jumps), (true, 1, 0));
}
