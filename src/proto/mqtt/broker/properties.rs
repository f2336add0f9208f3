//! The properties of MQTT 5 (section 2.2.2): which packet may carry which, once or often, and those of a message that are
//! passed on byte by byte.

use super::wire::{Fault, Reader, against_protocol, malformed};
use crate::model::mqtt::topic::MAX_TOPIC_BYTES;

pub(super) const PAYLOAD_FORMAT: u8 = 0x01;
pub(super) const MESSAGE_EXPIRY: u8 = 0x02;
pub(super) const CONTENT_TYPE: u8 = 0x03;
pub(super) const RESPONSE_TOPIC: u8 = 0x08;
pub(super) const CORRELATION: u8 = 0x09;
pub(super) const SUBSCRIPTION_ID: u8 = 0x0b;
pub(super) const SESSION_EXPIRY: u8 = 0x11;
pub(super) const ASSIGNED_CLIENT_ID: u8 = 0x12;
pub(super) const SERVER_KEEP_ALIVE: u8 = 0x13;
pub(super) const AUTHENTICATION_METHOD: u8 = 0x15;
pub(super) const AUTHENTICATION_DATA: u8 = 0x16;
pub(super) const REQUEST_PROBLEM: u8 = 0x17;
pub(super) const WILL_DELAY: u8 = 0x18;
pub(super) const REQUEST_RESPONSE: u8 = 0x19;
pub(super) const REASON: u8 = 0x1f;
pub(super) const RECEIVE_MAXIMUM: u8 = 0x21;
pub(super) const ALIAS_MAXIMUM: u8 = 0x22;
pub(super) const ALIAS: u8 = 0x23;
pub(super) const USER: u8 = 0x26;
pub(super) const PACKET_MAXIMUM: u8 = 0x27;

/// What a packet of a client may carry.
#[derive(Clone, Copy)]
pub(super) struct Allowed(&'static [u8]);

pub(super) const OF_CONNECT: Allowed = Allowed(&[
    SESSION_EXPIRY,
    AUTHENTICATION_METHOD,
    AUTHENTICATION_DATA,
    REQUEST_PROBLEM,
    REQUEST_RESPONSE,
    RECEIVE_MAXIMUM,
    ALIAS_MAXIMUM,
    USER,
    PACKET_MAXIMUM,
]);
pub(super) const OF_WILL: Allowed =
    Allowed(&[PAYLOAD_FORMAT, MESSAGE_EXPIRY, CONTENT_TYPE, RESPONSE_TOPIC, CORRELATION, WILL_DELAY, USER]);
pub(super) const OF_PUBLISH: Allowed =
    Allowed(&[PAYLOAD_FORMAT, MESSAGE_EXPIRY, CONTENT_TYPE, RESPONSE_TOPIC, CORRELATION, ALIAS, USER]);
pub(super) const OF_ACK: Allowed = Allowed(&[REASON, USER]);
pub(super) const OF_SUBSCRIBE: Allowed = Allowed(&[SUBSCRIPTION_ID, USER]);
pub(super) const OF_UNSUBSCRIBE: Allowed = Allowed(&[USER]);
pub(super) const OF_DISCONNECT: Allowed = Allowed(&[SESSION_EXPIRY, REASON, USER]);

/// The properties of one packet.
#[derive(Debug, Default)]
pub(super) struct Properties {
    numbers: Vec<(u8, u32)>,
    /// One bit for each that is there.
    present: u64,
    /// Those that belong to the message and not to the way here, as they came (MQTT-3.3.2-17, -18, -15, -16, -4, -20).
    pub(super) forwarded: Vec<u8>,
}

impl Properties {
    /// Reads them, with their length before them.
    pub(super) fn read(packet: &mut Reader<'_>, allowed: Allowed) -> Result<Self, Fault> {
        let length = packet.variable()?;
        let mut rest = Reader(packet.take(usize::try_from(length).unwrap_or(usize::MAX))?);
        let mut properties = Self::default();
        while !rest.is_empty() {
            let before = rest.0;
            let id = rest.byte()?;
            properties.take_in(id, &mut rest, allowed)?;
            if matches!(id, PAYLOAD_FORMAT | CONTENT_TYPE | RESPONSE_TOPIC | CORRELATION | USER) {
                properties.forwarded.extend_from_slice(&before[..before.len() - rest.0.len()]);
            }
        }
        Ok(properties)
    }

    fn take_in(&mut self, id: u8, rest: &mut Reader<'_>, allowed: Allowed) -> Result<(), Fault> {
        if !allowed.0.contains(&id) {
            return Err(against_protocol("it sent a property that does not belong into its packet"));
        }
        let bit = 1 << id;
        if id != USER && self.present & bit != 0 {
            return Err(against_protocol("it sent a property twice that may be there once"));
        }
        self.present |= bit;
        let number = match id {
            PAYLOAD_FORMAT | REQUEST_PROBLEM | REQUEST_RESPONSE => match rest.byte()? {
                flag @ (0 | 1) => flag.into(),
                _ => return Err(against_protocol("it sent a property that is neither 0 nor 1")),
            },
            RECEIVE_MAXIMUM | ALIAS_MAXIMUM | ALIAS => rest.two_bytes()?.into(),
            MESSAGE_EXPIRY | SESSION_EXPIRY | WILL_DELAY | PACKET_MAXIMUM => rest.four_bytes()?,
            SUBSCRIPTION_ID => rest.variable()?,
            CORRELATION | AUTHENTICATION_DATA => return rest.binary().map(drop),
            USER => return rest.text().and_then(|_| rest.text()).map(drop),
            RESPONSE_TOPIC => return rest.text().and_then(check_topic),
            _ => return rest.text().map(drop),
        };
        if number == 0 && matches!(id, RECEIVE_MAXIMUM | PACKET_MAXIMUM | SUBSCRIPTION_ID) {
            return Err(against_protocol("it sent a property with the value 0, which it must not have"));
        }
        self.numbers.push((id, number));
        Ok(())
    }

    /// The number that a property holds.
    pub(super) fn number(&self, id: u8) -> Option<u32> {
        self.numbers.iter().find(|(found, _)| *found == id).map(|(_, number)| *number)
    }

    /// The number, where it has two bytes at most.
    pub(super) fn short(&self, id: u8) -> Option<u16> {
        self.number(id).map(|number| u16::try_from(number).unwrap_or(u16::MAX))
    }

    /// Whether the property is there.
    pub(super) const fn has(&self, id: u8) -> bool {
        self.present & (1 << id) != 0
    }
}

/// Whether a text may be the topic of a message.
pub(super) fn check_topic(topic: &str) -> Result<(), Fault> {
    if topic.is_empty() || topic.len() > MAX_TOPIC_BYTES {
        return Err(malformed("it sent a message without a topic"));
    }
    if topic.contains(['+', '#']) {
        return Err(Fault { code: super::reason::TOPIC_INVALID, why: "it sent a message to a topic with a wildcard" });
    }
    Ok(())
}
