//! A message as JSON: the one form of it, for exported files and for the command line.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};

use super::time;
use crate::model::mqtt::message::Properties;
use crate::model::text::escaped_json;
use crate::model::word::Word as _;
use crate::telemetry::batch::Arrival;
use crate::telemetry::decode::json;
use crate::telemetry::value::{self as telemetry, Body, DecodeFailure, Decoded, DecoderKind};

/// A message as it is written.
#[derive(Debug, Serialize)]
pub struct MessageLine<'a> {
    kind: &'static str,
    topic: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic_base64: Option<String>,
    at: String,
    qos: u8,
    retained: bool,
    duplicate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<PropertiesLine<'a>>,
}

/// MQTT 5's properties as they are written.
#[derive(Debug, Serialize)]
pub struct PropertiesLine<'a> {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_text: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_topic: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_data_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry_secs: Option<u32>,
    #[serde(skip_serializing_if = "<[u32]>::is_empty")]
    subscription_ids: &'a [u32],
    #[serde(skip_serializing_if = "<[(String, String)]>::is_empty")]
    user: &'a [(String, String)],
}

impl<'a> MessageLine<'a> {
    /// Of that message. What is no UTF-8 is given in base64.
    pub fn of(arrival: &Arrival<'a>) -> Self {
        let text = std::str::from_utf8(arrival.payload).ok();
        let topic = String::from_utf8_lossy(arrival.topic);
        let is_exact = matches!(topic, Cow::Borrowed(_));
        Self {
            kind: "message",
            topic,
            topic_base64: (!is_exact).then(|| STANDARD.encode(arrival.topic)),
            at: time(arrival.unix_micros),
            qos: arrival.qos.number(),
            retained: arrival.is_retained,
            duplicate: arrival.is_duplicate,
            payload: text,
            payload_base64: text.is_none().then(|| STANDARD.encode(arrival.payload)),
            properties: arrival.properties.map(PropertiesLine::of),
        }
    }
}

impl<'a> PropertiesLine<'a> {
    /// Of those properties.
    pub fn of(properties: &'a Properties) -> Self {
        let correlation = &properties.correlation_data;
        Self {
            is_text: properties.is_text,
            content_type: properties.content_type.as_deref(),
            response_topic: properties.response_topic.as_deref(),
            correlation_data_base64: (!correlation.is_empty()).then(|| STANDARD.encode(correlation)),
            expiry_secs: properties.expiry_secs,
            subscription_ids: &properties.subscription_ids,
            user: &properties.user,
        }
    }
}

/// Writes a message and the end of its line.
pub fn write(out: &mut impl Write, arrival: &Arrival<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &MessageLine::of(arrival))?;
    out.write_all(b"\n")
}

/// How deep a value may be nested to be written beside its payload: many readers of JSON give up soon after that.
const MAX_VALUE_DEPTH: usize = 100;

/// As [`write`], for terminals too: what is unsafe to show stands there as an escape; with what the payload was read as, and its value where that is more than the payload's own text. Into
/// memory, which cannot fail.
pub fn write_decoded(out: &mut Vec<u8>, arrival: &Arrival<'_>, decoded: Option<&Decoded>) -> io::Result<()> {
    let begin = out.len();
    write_whole(out, arrival, decoded)?;
    let escaped = match std::str::from_utf8(out[begin..].trim_ascii_end()).map(escaped_json) {
        Ok(Cow::Owned(escaped)) => escaped,
        Ok(Cow::Borrowed(_)) | Err(_) => return Ok(()),
    };
    out.truncate(begin);
    out.extend_from_slice(escaped.as_bytes());
    out.push(b'\n');
    Ok(())
}

fn write_whole(out: &mut Vec<u8>, arrival: &Arrival<'_>, decoded: Option<&Decoded>) -> io::Result<()> {
    write(out, arrival)?;
    let Some(decoded) = decoded else { return Ok(()) };
    // The end of the object, and of the line.
    out.truncate(out.len() - 2);
    write!(out, ",\"read_as\":\"{}\"", decoded.kind)?;
    if !decoded.packed_in.is_empty() {
        let packings: Vec<&str> = decoded.packed_in.iter().map(|packing| packing.word()).collect();
        write!(out, ",\"packed_in\":{}", json!(packings))?;
    }
    if let Some(value) = value(decoded) {
        write!(out, ",\"value\":{value}")?;
    }
    if let Some(DecodeFailure { offset, what }) = &decoded.failure {
        write!(out, ",\"failure\":{}", json!({ "offset": offset, "what": what }))?;
    }
    if !decoded.notes.is_empty() {
        let notes = decoded.notes.iter().map(|(name, value)| json!({ "name": name, "value": value }));
        write!(out, ",\"notes\":{}", Value::from(notes.collect::<Vec<_>>()))?;
    }
    out.extend_from_slice(b"}\n");
    Ok(())
}

/// The value as JSON, unless it is the payload as it came, or no JSON holds it.
fn value(decoded: &Decoded) -> Option<String> {
    let is_unpacked = !decoded.packed_in.is_empty() || decoded.kind == DecoderKind::Base64;
    match &decoded.body {
        Body::Tree(value) if value.depth() <= MAX_VALUE_DEPTH => Some(json::to_json(&within_doubles(value))),
        Body::Text(text) if is_unpacked => Some(json::quoted(text)),
        Body::Bytes(bytes) if is_unpacked => Some(json::quoted(&STANDARD.encode(bytes))),
        Body::Tree(_) | Body::Text(_) | Body::Bytes(_) | Body::Image { .. } => None,
    }
}

/// The value with numbers as texts where they are larger than any double: JSON allows them, and many readers refuse them.
fn within_doubles(value: &telemetry::Value) -> Cow<'_, telemetry::Value> {
    if !has_huge(value) {
        return Cow::Borrowed(value);
    }
    let inner = |value| within_doubles(value).into_owned();
    Cow::Owned(match value {
        telemetry::Value::Digits(digits) => telemetry::Value::Text(Arc::clone(digits)),
        telemetry::Value::List(items) => telemetry::Value::List(items.iter().map(inner).collect()),
        telemetry::Value::Map(members) => {
            telemetry::Value::Map(members.iter().map(|(name, value)| (Arc::clone(name), inner(value))).collect())
        }
        other => other.clone(),
    })
}

fn has_huge(value: &telemetry::Value) -> bool {
    match value {
        telemetry::Value::Digits(digits) => digits.parse::<f64>().is_ok_and(f64::is_infinite),
        telemetry::Value::List(items) => items.iter().any(has_huge),
        telemetry::Value::Map(members) => members.iter().any(|(_, value)| has_huge(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::mqtt::message::Qos;
    use crate::telemetry::decode::Decoders;

    fn line(payload: &[u8]) -> Value {
        let arrival = Arrival {
            topic: b"site/a",
            payload,
            qos: Qos::AtMostOnce,
            is_retained: false,
            is_duplicate: false,
            mono_micros: 0,
            unix_micros: 0,
            properties: None,
        };
        let mut out = Vec::new();
        write_decoded(&mut out, &arrival, Some(&Decoders::new().decode(b"site/a", payload, None))).unwrap();
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_message_has_its_value_beside_its_payload() {
        let read = line(&[0xa1, 0x61, 0x61, 0x15]);
        assert_eq!((&read["read_as"], &read["value"]["a"]), (&json!("cbor"), &json!(21)));
        assert_eq!(line(b"{\"a\":9007199254740993}")["value"].to_string(), "{\"a\":9007199254740993}");
        assert_eq!(line(b"{\"a\":[1e400,1e30]}")["value"], json!({"a": ["1e400", 1e30]}));
        let text = line(b"on");
        assert_eq!((&text["read_as"], text.get("value")), (&json!("text"), None), "the payload says it all");
        assert_eq!(line(b"{\"t\":NaN}\0")["notes"].as_array().unwrap().len(), 2);
        assert_eq!(line(b"{\"a\":}")["failure"]["offset"], 5);
        assert_eq!(line(b"eyJ0ZW1wZXJhdHVyZSI6MjEuNSwib24iOnRydWV9")["value"]["temperature"], 21.5);
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        assert_eq!(line(deep.as_bytes()).get("value"), None);
    }
}
