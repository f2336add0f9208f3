//! A message on its way through the broker, and the packets that the broker sends.

use std::time::{Duration, Instant};

use bytes::{BufMut as _, Bytes};

use super::SessionId;
use super::packet::{self, Publish};
use super::properties as property;
use super::reason;
use super::wire::{framed, put_binary, put_variable, variable_bytes};
use crate::model::mqtt::MqttVersion;

/// What a message costs beside its bytes: the bounds hold for many small ones, too.
const OVERHEAD: usize = 200;

/// A message that came in.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Bytes,
    pub(super) qos: u8,
    pub(super) is_retained: bool,
    /// Whose it is; its subscriptions may leave their own messages out.
    pub(super) from: SessionId,
    forwarded: Bytes,
    came: Instant,
    expiry_secs: Option<u32>,
}

impl Message {
    pub(super) fn new(publish: Publish, from: SessionId, now: Instant) -> Self {
        let Publish { topic, qos, is_retained, expiry_secs, forwarded, payload, .. } = publish;
        Self { topic, payload, qos, is_retained, from, forwarded, came: now, expiry_secs }
    }

    /// What it weighs against the bounds.
    pub(super) const fn bytes(&self) -> usize {
        self.topic.len() + self.payload.len() + self.forwarded.len() + OVERHEAD
    }

    pub(super) fn is_expired(&self, now: Instant) -> bool {
        self.expiry_secs
            .is_some_and(|secs| now.saturating_duration_since(self.came) >= Duration::from_secs(secs.into()))
    }

    /// The seconds that are left of it (MQTT-3.3.2-6).
    fn remaining_secs(&self, now: Instant) -> Option<u32> {
        let waited = u32::try_from(now.saturating_duration_since(self.came).as_secs()).unwrap_or(u32::MAX);
        self.expiry_secs.map(|secs| secs.saturating_sub(waited))
    }
}

/// How a message goes out to one client.
pub(super) struct Outgoing<'a> {
    pub(super) message: &'a Message,
    pub(super) qos: u8,
    pub(super) is_retained: bool,
    pub(super) is_again: bool,
    /// 0 where the QoS is 0.
    pub(super) id: u16,
    pub(super) subscription_ids: &'a [u32],
    /// The alias, and whether the client knows it already.
    pub(super) alias: Option<(u16, bool)>,
}

impl Outgoing<'_> {
    /// The packet, unless it has more than `most` bytes.
    pub(super) fn encode(&self, version: MqttVersion, most: usize, now: Instant) -> Option<Bytes> {
        let message = self.message;
        let topic = if matches!(self.alias, Some((_, true))) { "" } else { message.topic.as_str() };
        let properties = if version == MqttVersion::V5 { self.properties(now) } else { Vec::new() };
        let length = 2 + topic.len() + if self.qos > 0 { 2 } else { 0 } + properties.len() + message.payload.len();
        let whole = 1 + variable_bytes(length) + length;
        if whole > most {
            return None;
        }
        let mut out = Vec::with_capacity(whole);
        let flags = u8::from(self.is_again) << 3 | self.qos << 1 | u8::from(self.is_retained);
        out.push(packet::PUBLISH << 4 | flags);
        put_variable(&mut out, length);
        put_binary(&mut out, topic.as_bytes());
        if self.qos > 0 {
            out.put_u16(self.id);
        }
        out.extend_from_slice(&properties);
        out.extend_from_slice(&message.payload);
        Some(out.into())
    }

    /// The properties with their length: those of the message as they came, and those of this way.
    fn properties(&self, now: Instant) -> Vec<u8> {
        let mut own = Vec::new();
        if let Some(secs) = self.message.remaining_secs(now) {
            own.push(property::MESSAGE_EXPIRY);
            own.put_u32(secs);
        }
        if let Some((alias, _)) = self.alias {
            own.push(property::ALIAS);
            own.put_u16(alias);
        }
        for id in self.subscription_ids {
            own.push(property::SUBSCRIPTION_ID);
            put_variable(&mut own, usize::try_from(*id).unwrap_or_default());
        }
        let mut out = Vec::new();
        put_variable(&mut out, own.len() + self.message.forwarded.len());
        out.extend_from_slice(&own);
        out.extend_from_slice(&self.message.forwarded);
        out
    }
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
pub(super) fn ack(version: MqttVersion, kind: u8, id: u16, code: u8) -> Bytes {
    let first = kind << 4 | if kind == packet::PUBREL { 2 } else { 0 };
    let mut body = id.to_be_bytes().to_vec();
    if version == MqttVersion::V5 && code != reason::SUCCESS {
        body.push(code);
    }
    framed(first, &body)
}

/// SUBACK or UNSUBACK. The latter has no codes in 3.1.1.
pub(super) fn codes(version: MqttVersion, kind: u8, id: u16, codes: &[u8]) -> Bytes {
    let mut body = id.to_be_bytes().to_vec();
    match version {
        MqttVersion::V5 => {
            body.push(0);
            body.extend_from_slice(codes);
        }
        MqttVersion::V311 if kind == packet::SUBACK => {
            body.extend(
                codes.iter().map(|code| if *code < reason::FIRST_FAILURE { *code } else { reason::UNSPECIFIED }),
            );
        }
        MqttVersion::V311 => {}
    }
    framed(kind << 4, &body)
}

/// PINGRESP.
pub(super) fn pong() -> Bytes {
    Bytes::from_static(&[packet::PINGRESP << 4, 0])
}

/// DISCONNECT with a code and a sentence; MQTT 3.1.1 has none from a broker.
pub(super) fn disconnect(version: MqttVersion, code: u8, why: &str) -> Option<Bytes> {
    if version != MqttVersion::V5 {
        return None;
    }
    let mut properties = Vec::new();
    if !why.is_empty() {
        properties.push(property::REASON);
        put_binary(&mut properties, why.as_bytes());
    }
    let mut body = vec![code];
    put_variable(&mut body, properties.len());
    body.extend_from_slice(&properties);
    Some(framed(packet::DISCONNECT << 4, &body))
}

/// CONNACK that refuses.
pub(super) fn refusal(version: MqttVersion, code: u8) -> Bytes {
    let body: &[u8] = match (version, code) {
        (MqttVersion::V5, _) => &[0, code, 0],
        (_, reason::UNSUPPORTED_VERSION) => &[0, 1],
        (_, reason::CLIENT_ID) => &[0, 2],
        _ => &[0, 3],
    };
    framed(packet::CONNACK << 4, body)
}

/// What CONNACK says of the broker.
pub(super) struct Welcome<'a> {
    pub(super) is_session_present: bool,
    pub(super) receive_maximum: u16,
    pub(super) packet_maximum: usize,
    pub(super) alias_maximum: u16,
    pub(super) assigned_client_id: Option<&'a str>,
    pub(super) keep_alive_secs: Option<u16>,
}

impl Welcome<'_> {
    pub(super) fn encode(&self, version: MqttVersion) -> Bytes {
        let mut body = vec![u8::from(self.is_session_present), reason::SUCCESS];
        if version == MqttVersion::V5 {
            let properties = self.properties();
            put_variable(&mut body, properties.len());
            body.extend_from_slice(&properties);
        }
        framed(packet::CONNACK << 4, &body)
    }

    fn properties(&self) -> Vec<u8> {
        let mut out = vec![property::RECEIVE_MAXIMUM];
        out.put_u16(self.receive_maximum);
        out.push(property::PACKET_MAXIMUM);
        out.put_u32(u32::try_from(self.packet_maximum).unwrap_or(u32::MAX));
        out.push(property::ALIAS_MAXIMUM);
        out.put_u16(self.alias_maximum);
        if let Some(id) = self.assigned_client_id {
            out.push(property::ASSIGNED_CLIENT_ID);
            put_binary(&mut out, id.as_bytes());
        }
        if let Some(secs) = self.keep_alive_secs {
            out.push(property::SERVER_KEEP_ALIVE);
            out.put_u16(secs);
        }
        out
    }
}
