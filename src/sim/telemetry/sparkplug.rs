//! A Sparkplug B edge node (specification 3.0, chapters 4 and 6): a birth with names and aliases, then data by alias alone, and a
//! death as last will.

use std::f64::consts::TAU;
use std::time::Duration;

use prost::Message;

/// The time between two messages.
const EVERY: Duration = Duration::from_secs(1);

/// A payload (specification, section 6.4.1).
#[derive(Clone, PartialEq, Message)]
pub struct Payload {
    /// When it was sent, in milliseconds since 1970 UTC.
    #[prost(uint64, optional, tag = "1")]
    pub timestamp: Option<u64>,
    /// What was measured.
    #[prost(message, repeated, tag = "2")]
    pub metrics: Vec<Metric>,
    /// Its number, from 0 to 255 and on from 0.
    #[prost(uint64, optional, tag = "3")]
    pub seq: Option<u64>,
}

/// A metric.
#[derive(Clone, PartialEq, Message)]
pub struct Metric {
    /// Its name, in births.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// The number that stands for its name.
    #[prost(uint64, optional, tag = "2")]
    pub alias: Option<u64>,
    /// When it was measured.
    #[prost(uint64, optional, tag = "3")]
    pub timestamp: Option<u64>,
    /// Its type, in births.
    #[prost(uint32, optional, tag = "4")]
    pub datatype: Option<u32>,
    /// Its value.
    #[prost(oneof = "Value", tags = "10, 11, 12, 13, 14, 15")]
    pub value: Option<Value>,
}

/// A value.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Value {
    /// Whole numbers of up to 32 bits.
    #[prost(uint32, tag = "10")]
    Int(u32),
    /// Whole numbers of up to 64 bits.
    #[prost(uint64, tag = "11")]
    Long(u64),
    /// Single precision.
    #[prost(float, tag = "12")]
    Float(f32),
    /// Double precision.
    #[prost(double, tag = "13")]
    Double(f64),
    /// True or false.
    #[prost(bool, tag = "14")]
    Boolean(bool),
    /// Text.
    #[prost(string, tag = "15")]
    Text(String),
}

/// Types of values (section 6.4.16).
mod datatype {
    pub(super) const UINT32: u32 = 7;
    pub(super) const UINT64: u32 = 8;
    pub(super) const DOUBLE: u32 = 10;
    pub(super) const BOOLEAN: u32 = 11;
    pub(super) const STRING: u32 = 12;
}

const REBIRTH: &str = "Node Control/Rebirth";

/// An edge node.
#[derive(Clone, Debug)]
pub struct EdgeNode {
    group: String,
    name: String,
    seq: u64,
    sent: u32,
}

impl EdgeNode {
    /// A node of a group.
    pub fn new(group: &str, name: &str) -> Self {
        Self { group: group.into(), name: name.into(), seq: 0, sent: 0 }
    }

    /// The topic of a kind of message: `NBIRTH`, `NDATA`.
    pub fn topic(&self, kind: &str) -> String {
        format!("spBv1.0/{}/{kind}/{}", self.group, self.name)
    }

    /// Its birth: every metric with its name.
    pub fn birth(&mut self, unix_millis: u64) -> Vec<u8> {
        self.seq = 0;
        let metric = |name: &str, alias, datatype, value| Metric {
            name: Some(name.into()),
            alias,
            timestamp: Some(unix_millis),
            datatype: Some(datatype),
            value: Some(value),
        };
        let mut metrics = vec![
            metric("bdSeq", None, datatype::UINT64, Value::Long(0)),
            metric(REBIRTH, None, datatype::BOOLEAN, Value::Boolean(false)),
            metric("Properties/Firmware", None, datatype::STRING, Value::Text(env!("CARGO_PKG_VERSION").into())),
        ];
        for (alias, (name, datatype, value)) in (1..).zip(measure(Duration::ZERO)) {
            metrics.push(metric(name, Some(alias), datatype, value));
        }
        self.payload(metrics, unix_millis)
    }

    /// Its death, which the broker publishes for it.
    pub fn death(&self) -> Vec<u8> {
        let gone = Metric {
            name: Some("bdSeq".into()),
            datatype: Some(datatype::UINT64),
            value: Some(Value::Long(0)),
            ..Metric::default()
        };
        Payload { timestamp: None, metrics: vec![gone], seq: None }.encode_to_vec()
    }

    /// What it measures, by alias; `None` while nothing is due.
    pub fn data(&mut self, since: Duration, unix_millis: u64) -> Option<Vec<u8>> {
        // The birth counts as the first.
        if since < EVERY * (self.sent + 1) {
            return None;
        }
        self.sent += 1;
        let metrics = (1..).zip(measure(since)).map(|(alias, (_, _, value))| Metric {
            alias: Some(alias),
            timestamp: Some(unix_millis),
            value: Some(value),
            ..Metric::default()
        });
        let metrics = metrics.collect();
        Some(self.payload(metrics, unix_millis))
    }

    fn payload(&mut self, metrics: Vec<Metric>, unix_millis: u64) -> Vec<u8> {
        let seq = self.seq;
        self.seq = (seq + 1) % 256;
        Payload { timestamp: Some(unix_millis), metrics, seq: Some(seq) }.encode_to_vec()
    }
}

/// Whether a command asks the node to tell its names again.
pub fn asks_for_rebirth(payload: &[u8]) -> bool {
    Payload::decode(payload).is_ok_and(|payload| {
        let asks =
            |metric: &Metric| metric.name.as_deref() == Some(REBIRTH) && metric.value == Some(Value::Boolean(true));
        payload.metrics.iter().any(asks)
    })
}

fn measure(since: Duration) -> [(&'static str, u32, Value); 4] {
    let secs = since.as_secs_f64();
    let wave = |middle: f64, swing: f64, period: f64| middle + swing * (TAU * secs / period).sin();
    [
        ("Conveyor/Speed", datatype::DOUBLE, Value::Double(wave(1.6, 0.25, 50.0))),
        ("Conveyor/Running", datatype::BOOLEAN, Value::Boolean(since.as_secs() % 60 < 50)),
        ("Packages", datatype::UINT32, Value::Int(u32::try_from(since.as_secs() / 2).unwrap_or(u32::MAX))),
        ("Motor/Temperature", datatype::DOUBLE, Value::Double(wave(58.0, 6.0, 140.0))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_with_the_birth_and_aliases_after_it() {
        let mut node = EdgeNode::new("Site", "line");
        assert_eq!(node.topic("NBIRTH"), "spBv1.0/Site/NBIRTH/line");
        let birth = Payload::decode(&*node.birth(5)).unwrap();
        assert_eq!(birth.seq, Some(0));
        let named = |name: &str| birth.metrics.iter().find(|metric| metric.name.as_deref() == Some(name));
        assert_eq!(named("Packages").and_then(|metric| metric.alias), Some(3));
        assert_eq!(node.data(Duration::from_millis(900), 6), None);
        let data = Payload::decode(&*node.data(Duration::from_secs(1), 6).unwrap()).unwrap();
        assert_eq!(data.seq, Some(1));
        assert!(data.metrics.iter().all(|metric| metric.name.is_none() && metric.alias.is_some()));
        let again = Payload::decode(&*node.birth(7)).unwrap();
        assert_eq!(again.seq, Some(0));
    }

    #[test]
    fn a_rebirth_is_asked_for_by_name() {
        let metric = |value| Metric { name: Some(REBIRTH.into()), value: Some(value), ..Metric::default() };
        let payload = |value| Payload { metrics: vec![metric(value)], ..Payload::default() }.encode_to_vec();
        assert!(asks_for_rebirth(&payload(Value::Boolean(true))));
        assert!(!asks_for_rebirth(&payload(Value::Boolean(false))));
        assert!(!asks_for_rebirth(b"\xff\xff"));
    }
}
