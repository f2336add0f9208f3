//! What clients send: each packet read and held against the rules of its section (MQTT 5.0 and 3.1.1, chapter 3).

use bytes::Bytes;

use super::properties::{
    self as property, OF_ACK, OF_CONNECT, OF_DISCONNECT, OF_PUBLISH, OF_SUBSCRIBE, OF_UNSUBSCRIBE, OF_WILL, Properties,
    check_topic,
};
use super::reason;
use super::wire::{Fault, Reader, against_protocol, malformed};
use crate::model::mqtt::MqttVersion;

pub(super) const CONNECT: u8 = 1;
pub(super) const CONNACK: u8 = 2;
pub(super) const PUBLISH: u8 = 3;
pub(super) const PUBACK: u8 = 4;
pub(super) const PUBREC: u8 = 5;
pub(super) const PUBREL: u8 = 6;
pub(super) const PUBCOMP: u8 = 7;
pub(super) const SUBSCRIBE: u8 = 8;
pub(super) const SUBACK: u8 = 9;
pub(super) const UNSUBSCRIBE: u8 = 10;
pub(super) const UNSUBACK: u8 = 11;
pub(super) const PINGREQ: u8 = 12;
pub(super) const PINGRESP: u8 = 13;
pub(super) const DISCONNECT: u8 = 14;

/// A packet of a client that is in.
#[derive(Debug)]
pub(super) enum Incoming {
    Publish(Publish),
    /// PUBACK, PUBREC, PUBREL or PUBCOMP.
    Ack {
        kind: u8,
        id: u16,
        code: u8,
    },
    Subscribe {
        id: u16,
        subscription_id: Option<u32>,
        requests: Vec<Request>,
    },
    Unsubscribe {
        id: u16,
        filters: Vec<String>,
    },
    Ping,
    Disconnect {
        code: u8,
        session_expiry: Option<u32>,
    },
}

/// CONNECT (section 3.1).
#[derive(Debug)]
pub(super) struct Connect {
    pub(super) version: MqttVersion,
    pub(super) client_id: String,
    pub(super) is_clean: bool,
    pub(super) keep_alive_secs: u16,
    pub(super) username: Option<String>,
    pub(super) will: Option<Will>,
    pub(super) session_expiry: u32,
    pub(super) receive_maximum: u16,
    pub(super) packet_maximum: usize,
    pub(super) alias_maximum: u16,
    pub(super) has_authentication: bool,
}

/// A last will.
#[derive(Debug)]
pub(super) struct Will {
    pub(super) delay_secs: u32,
    pub(super) message: Publish,
}

/// PUBLISH (section 3.3), or what a will holds.
#[derive(Debug)]
pub(super) struct Publish {
    pub(super) topic: String,
    pub(super) alias: Option<u16>,
    pub(super) qos: u8,
    pub(super) is_retained: bool,
    /// 0 where the QoS is 0.
    pub(super) id: u16,
    pub(super) expiry_secs: Option<u32>,
    pub(super) forwarded: Bytes,
    pub(super) payload: Bytes,
}

/// One filter of a SUBSCRIBE, and how its messages are wanted.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) filter: String,
    pub(super) qos: u8,
    pub(super) no_local: bool,
    pub(super) retain_as_published: bool,
    /// 0: send retained messages; 1: if the subscription is new; 2: none.
    pub(super) retain_handling: u8,
}

/// What a CONNECT says before the rest is looked at: the version, or the answer to one that is not spoken here.
pub(super) fn version(body: &[u8]) -> Result<MqttVersion, Option<u8>> {
    let mut rest = Reader(body);
    let name = rest.binary().map_err(|_| None)?;
    match (name, rest.byte().map_err(|_| None)?) {
        (b"MQTT", 4) => Ok(MqttVersion::V311),
        (b"MQTT", 5) => Ok(MqttVersion::V5),
        (b"MQTT", level @ 6..) => Err(Some(level)),
        (b"MQTT" | b"MQIsdp", level) => Err(Some(level.min(4))),
        _ => Err(None),
    }
}

impl Connect {
    pub(super) fn read(version: MqttVersion, body: &[u8]) -> Result<Self, Fault> {
        let mut rest = Reader(body);
        let (_name, _level) = (rest.binary()?, rest.byte()?);
        let flags = ConnectFlags::read(rest.byte()?)?;
        let keep_alive_secs = rest.two_bytes()?;
        let properties = read_properties(version, &mut rest, OF_CONNECT)?;
        if properties.has(property::AUTHENTICATION_DATA) && !properties.has(property::AUTHENTICATION_METHOD) {
            return Err(against_protocol("it sent authentication data without a method"));
        }
        let client_id = rest.text()?.to_owned();
        let will = flags.has_will.then(|| Will::read(version, &mut rest, &flags)).transpose()?;
        let username = flags.has_username.then(|| rest.text().map(str::to_owned)).transpose()?;
        if flags.has_password {
            rest.binary()?;
        }
        end_of(rest)?;
        let session_expiry = match version {
            MqttVersion::V311 if flags.is_clean => 0,
            MqttVersion::V311 => u32::MAX,
            MqttVersion::V5 => properties.number(property::SESSION_EXPIRY).unwrap_or(0),
        };
        let packet_maximum = properties.number(property::PACKET_MAXIMUM).unwrap_or(u32::MAX);
        Ok(Self {
            version,
            client_id,
            is_clean: flags.is_clean,
            keep_alive_secs,
            username,
            will,
            session_expiry,
            receive_maximum: properties.short(property::RECEIVE_MAXIMUM).unwrap_or(u16::MAX),
            packet_maximum: usize::try_from(packet_maximum).unwrap_or(usize::MAX),
            alias_maximum: properties.short(property::ALIAS_MAXIMUM).unwrap_or(0),
            has_authentication: properties.has(property::AUTHENTICATION_METHOD),
        })
    }
}

struct ConnectFlags {
    is_clean: bool,
    has_will: bool,
    will_qos: u8,
    will_retained: bool,
    has_username: bool,
    has_password: bool,
}

impl ConnectFlags {
    fn read(flags: u8) -> Result<Self, Fault> {
        let read = Self {
            is_clean: flags & 0x02 != 0,
            has_will: flags & 0x04 != 0,
            will_qos: flags >> 3 & 3,
            will_retained: flags & 0x20 != 0,
            has_password: flags & 0x40 != 0,
            has_username: flags & 0x80 != 0,
        };
        let has_will_bits = read.will_qos != 0 || read.will_retained;
        if flags & 0x01 != 0 || read.will_qos == 3 || (!read.has_will && has_will_bits) {
            return Err(malformed("its CONNECT has flags that the standard forbids"));
        }
        Ok(read)
    }
}

impl Will {
    fn read(version: MqttVersion, rest: &mut Reader<'_>, flags: &ConnectFlags) -> Result<Self, Fault> {
        let properties = read_properties(version, rest, OF_WILL)?;
        let topic = rest.text()?.to_owned();
        check_topic(&topic)?;
        let payload = Bytes::copy_from_slice(rest.binary()?);
        let delay_secs = properties.number(property::WILL_DELAY).unwrap_or(0);
        let message = Publish {
            topic,
            alias: None,
            qos: flags.will_qos,
            is_retained: flags.will_retained,
            id: 0,
            expiry_secs: properties.number(property::MESSAGE_EXPIRY),
            forwarded: properties.forwarded.into(),
            payload,
        };
        Ok(Self { delay_secs, message })
    }
}

impl Incoming {
    /// Reads a packet other than CONNECT.
    pub(super) fn read(version: MqttVersion, first: u8, body: &[u8]) -> Result<Self, Fault> {
        let (kind, flags) = (first >> 4, first & 0x0f);
        let expected = if matches!(kind, PUBREL | SUBSCRIBE | UNSUBSCRIBE) { 2 } else { 0 };
        if kind != PUBLISH && flags != expected {
            return Err(malformed("it sent a packet with flags that the standard forbids"));
        }
        match kind {
            PUBLISH => Publish::read(version, flags, body).map(Self::Publish),
            PUBACK | PUBREC | PUBREL | PUBCOMP => read_ack(version, kind, body),
            SUBSCRIBE => read_subscribe(version, body),
            UNSUBSCRIBE => read_unsubscribe(version, body),
            PINGREQ => end_of(Reader(body)).map(|()| Self::Ping),
            DISCONNECT => read_disconnect(version, body),
            CONNECT => Err(against_protocol("it sent CONNECT twice on one connection")),
            15 if version == MqttVersion::V5 => {
                Err(against_protocol("it sent AUTH, and no authentication in several steps was agreed on"))
            }
            _ => Err(against_protocol("it sent a packet that only a broker may send")),
        }
    }
}

impl Publish {
    fn read(version: MqttVersion, flags: u8, body: &[u8]) -> Result<Self, Fault> {
        let (is_again, qos, is_retained) = (flags & 8 != 0, flags >> 1 & 3, flags & 1 != 0);
        if qos == 3 || (qos == 0 && is_again) {
            return Err(malformed("it sent a message with flags that the standard forbids"));
        }
        let mut rest = Reader(body);
        let topic = rest.text()?.to_owned();
        let id = if qos == 0 { 0 } else { rest.packet_id()? };
        let properties = read_properties(version, &mut rest, OF_PUBLISH)?;
        let alias = properties.short(property::ALIAS);
        if !topic.is_empty() || alias.is_none() {
            check_topic(&topic)?;
        }
        Ok(Self {
            topic,
            alias,
            qos,
            is_retained,
            id,
            expiry_secs: properties.number(property::MESSAGE_EXPIRY),
            forwarded: properties.forwarded.into(),
            payload: Bytes::copy_from_slice(rest.0),
        })
    }
}

fn read_ack(version: MqttVersion, kind: u8, body: &[u8]) -> Result<Incoming, Fault> {
    let mut rest = Reader(body);
    let id = rest.packet_id()?;
    let code = if version == MqttVersion::V5 && !rest.is_empty() { rest.byte()? } else { reason::SUCCESS };
    if version == MqttVersion::V5 && !rest.is_empty() {
        Properties::read(&mut rest, OF_ACK)?;
    }
    end_of(rest)?;
    Ok(Incoming::Ack { kind, id, code })
}

fn read_subscribe(version: MqttVersion, body: &[u8]) -> Result<Incoming, Fault> {
    let mut rest = Reader(body);
    let id = rest.packet_id()?;
    let properties = read_properties(version, &mut rest, OF_SUBSCRIBE)?;
    let mut requests = Vec::new();
    while !rest.is_empty() {
        let filter = rest.text()?.to_owned();
        requests.push(Request::read(version, filter, rest.byte()?)?);
    }
    if requests.is_empty() {
        return Err(against_protocol("it subscribed to nothing"));
    }
    Ok(Incoming::Subscribe { id, subscription_id: properties.number(property::SUBSCRIPTION_ID), requests })
}

impl Request {
    fn read(version: MqttVersion, filter: String, options: u8) -> Result<Self, Fault> {
        let reserved = if version == MqttVersion::V5 { 0xc0 } else { 0xfc };
        let (qos, retain_handling) = (options & 3, options >> 4 & 3);
        if options & reserved != 0 || qos == 3 || retain_handling == 3 {
            return Err(malformed("it subscribed with options that the standard forbids"));
        }
        let no_local = options & 4 != 0;
        if no_local && filter.starts_with("$share/") {
            return Err(against_protocol("it asked a shared subscription to leave out its own messages"));
        }
        Ok(Self { filter, qos, no_local, retain_as_published: options & 8 != 0, retain_handling })
    }
}

fn read_unsubscribe(version: MqttVersion, body: &[u8]) -> Result<Incoming, Fault> {
    let mut rest = Reader(body);
    let id = rest.packet_id()?;
    read_properties(version, &mut rest, OF_UNSUBSCRIBE)?;
    let mut filters = Vec::new();
    while !rest.is_empty() {
        filters.push(rest.text()?.to_owned());
    }
    if filters.is_empty() {
        Err(against_protocol("it unsubscribed from nothing"))
    } else {
        Ok(Incoming::Unsubscribe { id, filters })
    }
}

fn read_disconnect(version: MqttVersion, body: &[u8]) -> Result<Incoming, Fault> {
    let mut rest = Reader(body);
    let (mut code, mut session_expiry) = (reason::SUCCESS, None);
    if version == MqttVersion::V5 && !rest.is_empty() {
        code = rest.byte()?;
        if !rest.is_empty() {
            session_expiry = Properties::read(&mut rest, OF_DISCONNECT)?.number(property::SESSION_EXPIRY);
        }
    }
    end_of(rest)?;
    Ok(Incoming::Disconnect { code, session_expiry })
}

fn read_properties(
    version: MqttVersion,
    rest: &mut Reader<'_>,
    allowed: property::Allowed,
) -> Result<Properties, Fault> {
    if version == MqttVersion::V5 { Properties::read(rest, allowed) } else { Ok(Properties::default()) }
}

fn end_of(rest: Reader<'_>) -> Result<(), Fault> {
    if rest.is_empty() { Ok(()) } else { Err(malformed("it sent a packet that is longer than its fields")) }
}
