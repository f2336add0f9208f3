//! A message as JSON: the one form of it, for exported files and for the command line.

use std::borrow::Cow;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::time;
use crate::model::mqtt::message::Properties;
use crate::telemetry::batch::Arrival;

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
