//! The numbers of a recording, field by field, for a report: bounded in topics, fields and points.
//!
//! A payload is a number, or JSON that holds some. What is more than that belongs to the plots of the window.

use std::collections::BTreeMap;

use serde_json::Value;

use super::batch::Batch;
use crate::model::text::visible_octets;

/// Curves that are kept; a report with more is no report.
const MOST_CURVES: usize = 64;
/// Points of a curve, after which every other one goes.
const MOST_POINTS: usize = 100_000;
/// Bytes of a payload that is looked into.
const MOST_BYTES: usize = 64 * 1024;
/// Levels of JSON.
const MOST_LEVELS: usize = 4;
/// Characters of a topic.
const TOPIC: usize = 200;

/// One curve: its topic, the field of the payload (empty where the payload is the number), and its points: microseconds since 1970
/// UTC, and the value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers {
    /// The topic, safe to show.
    pub topic: String,
    /// The field, as `inner.temperature`.
    pub field: String,
    /// The points, in order of arrival.
    pub points: Vec<(i64, f64)>,
    /// Only every so-manieth point is kept.
    every: usize,
    seen: usize,
}

/// Gathers numbers from batches.
#[derive(Debug, Default)]
pub struct Gathered {
    curves: BTreeMap<(String, String), Numbers>,
}

impl Gathered {
    /// Takes in messages. What the broker had retained is older than it looks and left out.
    pub fn take(&mut self, batch: &Batch) {
        for arrival in batch.iter().filter(|arrival| !arrival.is_retained && arrival.payload.len() <= MOST_BYTES) {
            let Ok(value) = serde_json::from_slice::<Value>(arrival.payload) else { continue };
            let topic = visible_octets(arrival.topic, TOPIC);
            self.add(&topic, String::new(), &value, arrival.unix_micros, MOST_LEVELS);
        }
    }

    fn add(&mut self, topic: &str, field: String, value: &Value, at: i64, levels: usize) {
        match value {
            Value::Number(number) => {
                if let Some(number) = number.as_f64() {
                    self.point(topic, field, at, number);
                }
            }
            Value::Object(fields) if levels > 0 => {
                for (name, value) in fields {
                    let name = visible_octets(name.as_bytes(), 60);
                    let field = if field.is_empty() { name } else { format!("{field}.{name}") };
                    self.add(topic, field, value, at, levels - 1);
                }
            }
            _ => {}
        }
    }

    fn point(&mut self, topic: &str, field: String, at: i64, number: f64) {
        let key = (topic.to_owned(), field);
        if self.curves.len() >= MOST_CURVES && !self.curves.contains_key(&key) {
            return;
        }
        let (topic, field) = key.clone();
        let curve = self.curves.entry(key).or_insert_with(|| Numbers { topic, field, every: 1, ..Numbers::default() });
        if curve.seen.is_multiple_of(curve.every) {
            curve.points.push((at, number));
        }
        curve.seen += 1;
        if curve.points.len() >= MOST_POINTS {
            let mut place = 0;
            curve.points.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            curve.every *= 2;
        }
    }

    /// The curves with at least two points, those with the most first.
    pub fn curves(self) -> Vec<Numbers> {
        let mut curves: Vec<Numbers> = self.curves.into_values().filter(|curve| curve.points.len() > 1).collect();
        curves.sort_by_key(|curve| std::cmp::Reverse(curve.seen));
        curves
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::batch::Arrival;

    fn batch(payloads: &[(&str, &str, bool)]) -> Batch {
        let mut batch = Batch::new(0);
        for (at, (topic, payload, is_retained)) in (0_u32..).zip(payloads) {
            let arrival = Arrival {
                topic: topic.as_bytes(),
                payload: payload.as_bytes(),
                qos: crate::model::mqtt::message::Qos::AtMostOnce,
                is_retained: *is_retained,
                is_duplicate: false,
                mono_micros: at.into(),
                unix_micros: at.into(),
                properties: None,
            };
            assert!(batch.push(&arrival));
        }
        batch
    }

    #[test]
    fn numbers_are_found_as_payloads_and_as_fields_and_nothing_else_is_one() {
        let mut gathered = Gathered::default();
        gathered.take(&batch(&[
            ("a", "9", true),
            ("a", "21.5", false),
            ("b", r#"{"t": 3, "in": {"h": 4}, "name": "x", "list": [1]}"#, false),
            ("a", "22", false),
            ("b", r#"{"t": 5, "in": {"h": 6}}"#, false),
            ("c", "on", false),
            ("d", "1", false),
        ]));
        let curves = gathered.curves();
        let found: Vec<_> =
            curves.iter().map(|curve| (curve.topic.as_str(), curve.field.as_str(), curve.points.len())).collect();
        assert_eq!(found, [("a", "", 2), ("b", "in.h", 2), ("b", "t", 2)], "one value makes no curve");
    }

    #[test]
    fn neither_many_topics_nor_many_points_take_more_than_their_share() {
        let mut gathered = Gathered::default();
        for at in 0..250_000 {
            gathered.point("busy", String::new(), at, 1.0);
        }
        for topic in 0..1000 {
            gathered.point(&format!("t{topic}"), String::new(), 0, 1.0);
        }
        assert_eq!(gathered.curves.len(), MOST_CURVES);
        assert!(gathered.curves().iter().all(|curve| curve.points.len() <= MOST_POINTS));
    }
}
