//! What comes over the wire (MQTT 3.1.1 and 5.0, sections 2 and 3): frames, messages, answers. Borrows from the bytes it
//! is given, allocates for MQTT 5's properties only, and never panics whatever the bytes are.
//!
//! What goes out is written by rumqttc's codec. What comes in is read here: a message must cost no allocation, a code that the
//! standard does not know must still be shown, and a topic that is no UTF-8 must not end the connection.

#![expect(missing_docs, reason = "the sentence above a variant says what its fields carry")]

use crate::model::mqtt::MqttVersion;
use crate::model::mqtt::message::{Properties, Qos};
use crate::model::text::visible_octets;

/// How many user properties of one packet are kept.
const MAX_PAIRS: usize = 1000;

/// The head of a frame: what it is and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Kind of packet and flags.
    pub first: u8,
    /// Length of the head itself, 2 to 5.
    pub head_bytes: usize,
    /// Length of what follows.
    pub body_bytes: usize,
}

/// The kinds of packets, as the upper half of a head's first byte.
pub mod kind {
    #![expect(missing_docs, reason = "the names are those of the standard")]
    pub const CONNECT: u8 = 1;
    pub const CONNACK: u8 = 2;
    pub const PUBLISH: u8 = 3;
    pub const PUBACK: u8 = 4;
    pub const PUBREC: u8 = 5;
    pub const PUBREL: u8 = 6;
    pub const PUBCOMP: u8 = 7;
    pub const SUBSCRIBE: u8 = 8;
    pub const SUBACK: u8 = 9;
    pub const UNSUBSCRIBE: u8 = 10;
    pub const UNSUBACK: u8 = 11;
    pub const PINGREQ: u8 = 12;
    pub const PINGRESP: u8 = 13;
    pub const DISCONNECT: u8 = 14;
    pub const AUTH: u8 = 15;
}

/// Why bytes are no frame or no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The length is written with more than four bytes.
    #[error("the length of a packet takes more than four bytes")]
    Length,
    /// It ends before its fields do.
    #[error("a packet ends before its fields do")]
    Short,
    /// A broker does not send this kind of packet.
    #[error("a packet of kind {kind}, which no broker sends")]
    Kind { kind: u8 },
    /// The flags of the head are not those of its kind.
    #[error("a packet with flags that its kind does not have")]
    Flags,
    /// A quality of service of 3.
    #[error("a message with QoS 3, which does not exist")]
    Qos,
    /// A packet that needs a number has 0.
    #[error("a packet with the number 0")]
    PacketId,
    /// A property that does not exist.
    #[error("a property of number {id}, which does not exist")]
    Property { id: u8 },
    /// The topic is empty.
    #[error("a message whose topic is empty")]
    EmptyTopic,
    /// The topic holds a wildcard.
    #[error("a message whose topic holds a wildcard")]
    Wildcard,
    /// The topic holds NUL.
    #[error("a message whose topic holds a NUL character")]
    Nul,
    /// A topic's alias that was not said before, or is out of range.
    #[error("a message with an alias that was never given a topic")]
    Alias,
}

impl Head {
    /// Reads the head of a frame; `None` while it is not there whole.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
        let mut body_bytes = 0_usize;
        for (at, &byte) in rest.iter().take(4).enumerate() {
            body_bytes |= usize::from(byte & 0x7F) << (7 * at);
            if byte & 0x80 == 0 {
                return Ok(Some(Self { first, head_bytes: at + 2, body_bytes }));
            }
        }
        if rest.len() >= 4 { Err(Malformed::Length) } else { Ok(None) }
    }

    /// The kind of packet.
    pub const fn kind(self) -> u8 {
        self.first >> 4
    }

    /// The whole length.
    pub const fn bytes(self) -> usize {
        self.head_bytes + self.body_bytes
    }
}

/// A message as it lies in the buffer.
#[derive(Debug, PartialEq)]
pub struct Publish<'a> {
    pub topic: &'a [u8],
    pub payload: &'a [u8],
    pub qos: Qos,
    pub is_retained: bool,
    pub is_duplicate: bool,
    /// 0 with QoS 0.
    pub packet_id: u16,
    pub alias: Option<u16>,
    pub properties: Option<Box<Properties>>,
}

impl<'a> Publish<'a> {
    /// Reads a message from the body of its frame.
    #[inline]
    pub fn parse(version: MqttVersion, first: u8, body: &'a [u8]) -> Result<Self, Malformed> {
        let qos = Qos::from_number((first >> 1) & 0b11).ok_or(Malformed::Qos)?;
        let mut fields = Fields(body);
        let topic = fields.text()?;
        let packet_id = if qos == Qos::AtMostOnce { 0 } else { fields.two()? };
        if packet_id == 0 && qos != Qos::AtMostOnce {
            return Err(Malformed::PacketId);
        }
        let (mut alias, mut properties) = (None, None);
        if version == MqttVersion::V5 {
            let listed = fields.properties()?;
            if !listed.0.is_empty() {
                let mut read = Properties::default();
                alias = read_properties(listed, &mut read)?;
                properties = (!read.is_empty()).then(|| Box::new(read));
            }
        }
        let (is_retained, is_duplicate) = (first & 0b0001 != 0, first & 0b1000 != 0);
        Ok(Self { topic, payload: fields.0, qos, is_retained, is_duplicate, packet_id, alias, properties })
    }

    /// The number of a message whose body is not there whole yet, 0 with QoS 0; `None` while it cannot be told.
    pub fn packet_id(first: u8, body: &[u8]) -> Option<u16> {
        let qos = (first >> 1) & 0b11;
        if !matches!(qos, 1 | 2) {
            return Some(0);
        }
        let mut fields = Fields(body);
        fields.text().ok()?;
        fields.two().ok()
    }
}

/// Whether a topic may be: what is not UTF-8 may, being kept and marked.
#[inline]
pub fn check_topic(topic: &[u8]) -> Result<(), Malformed> {
    if topic.is_empty() {
        return Err(Malformed::EmptyTopic);
    }
    match memchr::memchr3(b'+', b'#', 0, topic).map(|at| topic[at]) {
        None => Ok(()),
        Some(0) => Err(Malformed::Nul),
        Some(_) => Err(Malformed::Wildcard),
    }
}

fn read_properties(mut listed: Fields<'_>, read: &mut Properties) -> Result<Option<u16>, Malformed> {
    let mut alias = None;
    while !listed.0.is_empty() {
        match listed.property()? {
            (0x01, Value::Number(number)) => read.is_text = number == 1,
            (0x02, Value::Number(number)) => read.expiry_secs = Some(number),
            (0x03, Value::Bytes(text)) => read.content_type = Some(lossy(text)),
            (0x08, Value::Bytes(text)) => read.response_topic = Some(lossy(text)),
            (0x09, Value::Bytes(bytes)) => read.correlation_data = bytes.to_vec(),
            (0x0B, Value::Number(number)) => read.subscription_ids.push(number),
            (0x23, Value::Number(number)) => alias = u16::try_from(number).ok(),
            (0x26, Value::Pair(name, value)) if read.user.len() < MAX_PAIRS => {
                read.user.push((lossy(name), lossy(value)));
            }
            (0x26, _) => {}
            (id, _) => return Err(Malformed::Property { id }),
        }
    }
    Ok(alias)
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// What a broker sends beside messages.
#[derive(Debug, PartialEq)]
pub enum Answer<'a> {
    /// The answer to CONNECT. Facts are MQTT 5's properties, safe to show.
    ConnAck(ConnAck),
    /// The answer to SUBSCRIBE.
    SubAck { packet_id: u16, codes: &'a [u8], says: Option<String> },
    /// The answer to UNSUBSCRIBE; no codes in MQTT 3.1.1.
    UnsubAck { packet_id: u16, codes: &'a [u8], says: Option<String> },
    /// PUBACK, PUBREC, PUBREL or PUBCOMP.
    Ack { kind: u8, packet_id: u16, code: u8, says: Option<String> },
    /// The answer to PINGREQ.
    PingResp,
    /// The broker ends the connection (MQTT 5).
    Disconnect { code: u8, says: Option<String>, other: Option<String> },
    /// More authentication is asked for (MQTT 5).
    Auth { code: u8 },
}

/// The answer to CONNECT.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConnAck {
    pub is_session_present: bool,
    pub code: u8,
    /// The broker's own words.
    pub says: Option<String>,
    /// MQTT 5's properties: name and value, safe to show.
    pub facts: Vec<(String, String)>,
    pub receive_maximum: Option<u16>,
    pub maximum_qos: Option<u8>,
    pub maximum_packet_bytes: Option<u32>,
    pub server_keep_alive_secs: Option<u16>,
    pub has_retain: Option<bool>,
    /// Another broker to use.
    pub other: Option<String>,
}

impl<'a> Answer<'a> {
    /// Whether a broker may send a packet that begins like this and is no message.
    pub fn check_first(version: MqttVersion, first: u8) -> Result<(), Malformed> {
        let kind = first >> 4;
        let expected_flags = if kind == kind::PUBREL { 0b0010 } else { 0 };
        let is_known = matches!(
            kind,
            kind::CONNACK | kind::PUBACK..=kind::PUBCOMP | kind::SUBACK | kind::UNSUBACK | kind::PINGRESP
        ) || (version == MqttVersion::V5 && matches!(kind, kind::DISCONNECT | kind::AUTH));
        if !is_known {
            return Err(Malformed::Kind { kind });
        }
        if first & 0b1111 == expected_flags { Ok(()) } else { Err(Malformed::Flags) }
    }

    /// Reads a packet that is no message from the body of its frame.
    pub fn parse(version: MqttVersion, first: u8, body: &'a [u8]) -> Result<Self, Malformed> {
        Self::check_first(version, first)?;
        let kind = first >> 4;
        let mut fields = Fields(body);
        match kind {
            kind::CONNACK => ConnAck::parse(version, fields).map(Self::ConnAck),
            kind::PINGRESP => Ok(Self::PingResp),
            kind::DISCONNECT => {
                let code = fields.code();
                let (says, other) = fields.words(version)?;
                Ok(Self::Disconnect { code, says, other })
            }
            kind::AUTH => Ok(Self::Auth { code: fields.code() }),
            _ => {
                let packet_id = fields.two()?;
                if packet_id == 0 {
                    return Err(Malformed::PacketId);
                }
                if matches!(kind, kind::SUBACK | kind::UNSUBACK) {
                    let says = if version == MqttVersion::V5 { fields.words(version)?.0 } else { None };
                    let codes = fields.0;
                    return Ok(if kind == kind::SUBACK {
                        Self::SubAck { packet_id, codes, says }
                    } else {
                        Self::UnsubAck { packet_id, codes, says }
                    });
                }
                let code = if version == MqttVersion::V5 { fields.code() } else { 0 };
                let (says, _) = fields.words(version)?;
                Ok(Self::Ack { kind, packet_id, code, says })
            }
        }
    }
}

impl ConnAck {
    fn parse(version: MqttVersion, mut fields: Fields<'_>) -> Result<Self, Malformed> {
        let flags = fields.one()?;
        let code = fields.one()?;
        let mut ack = Self { is_session_present: flags & 1 != 0, code, ..Self::default() };
        // A broker of 3.1.1 that refuses version 5 answers in its own.
        if version == MqttVersion::V311 || fields.0.is_empty() {
            return Ok(ack);
        }
        let mut listed = fields.properties()?;
        while !listed.0.is_empty() && ack.facts.len() < MAX_PAIRS {
            let (id, value) = listed.property()?;
            ack.note(id, value);
        }
        Ok(ack)
    }

    fn note(&mut self, id: u8, value: Value<'_>) {
        let number = if let Value::Number(number) = value { number } else { 0 };
        let shown = |bytes: &[u8]| visible_octets(bytes, 300);
        let yes_no = |number: u32| if number == 0 { "no" } else { "yes" }.to_owned();
        let (name, text) = match (id, value) {
            (0x11, _) => ("Session expiry", seconds(number)),
            (0x12, Value::Bytes(text)) => ("Client id given by the broker", shown(text)),
            (0x13, _) => {
                self.server_keep_alive_secs = u16::try_from(number).ok();
                ("Keep-alive set by the broker", seconds(number))
            }
            (0x15, Value::Bytes(text)) => ("Authentication", shown(text)),
            (0x1A, Value::Bytes(text)) => ("Topics for answers below", shown(text)),
            (0x1C, Value::Bytes(text)) => {
                self.other = Some(shown(text));
                ("Other broker to use", shown(text))
            }
            (0x1F, Value::Bytes(text)) => {
                self.says = Some(shown(text));
                ("Reason string", shown(text))
            }
            (0x21, _) => {
                self.receive_maximum = u16::try_from(number).ok();
                ("Unacknowledged messages at most", number.to_string())
            }
            (0x22, _) => ("Topic aliases at most", number.to_string()),
            (0x24, _) => {
                self.maximum_qos = u8::try_from(number).ok();
                ("Highest QoS", number.to_string())
            }
            (0x25, _) => {
                self.has_retain = Some(number != 0);
                ("Keeps messages (retain)", yes_no(number))
            }
            (0x26, Value::Pair(name, value)) => {
                self.facts.push((shown(name), shown(value)));
                return;
            }
            (0x27, _) => {
                self.maximum_packet_bytes = Some(number);
                ("Largest packet", format!("{number} bytes"))
            }
            (0x28, _) => ("Wildcards in subscriptions", yes_no(number)),
            (0x29, _) => ("Subscription numbers", yes_no(number)),
            (0x2A, _) => ("Shared subscriptions", yes_no(number)),
            _ => return,
        };
        self.facts.push((name.into(), text));
    }
}

fn seconds(number: u32) -> String {
    if number == u32::MAX { "ever".into() } else { format!("{number} s") }
}

/// The value of a property.
#[derive(Clone, Copy)]
enum Value<'a> {
    Number(u32),
    Bytes(&'a [u8]),
    Pair(&'a [u8], &'a [u8]),
}

/// What is left of a packet.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    #[inline]
    fn split(&mut self, bytes: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    #[inline]
    fn one(&mut self) -> Result<u8, Malformed> {
        let (&first, rest) = self.0.split_first().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(first)
    }

    #[inline]
    fn two(&mut self) -> Result<u16, Malformed> {
        let (taken, rest) = self.0.split_first_chunk::<2>().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(u16::from_be_bytes(*taken))
    }

    fn four(&mut self) -> Result<u32, Malformed> {
        let (taken, rest) = self.0.split_first_chunk::<4>().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*taken))
    }

    /// A reason code; left out, it is success.
    fn code(&mut self) -> u8 {
        self.one().unwrap_or(0)
    }

    #[inline]
    fn text(&mut self) -> Result<&'a [u8], Malformed> {
        let bytes = self.two()?;
        self.split(usize::from(bytes))
    }

    fn variable(&mut self) -> Result<u32, Malformed> {
        let mut number = 0;
        for at in 0..4 {
            let byte = self.one()?;
            number |= u32::from(byte & 0x7F) << (7 * at);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed::Length)
    }

    /// The list of properties.
    #[inline]
    fn properties(&mut self) -> Result<Self, Malformed> {
        let bytes = self.variable()?;
        self.split(usize::try_from(bytes).unwrap_or(usize::MAX)).map(Self)
    }

    fn property(&mut self) -> Result<(u8, Value<'a>), Malformed> {
        let id = self.one()?;
        let value = match id {
            0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => Value::Number(self.one()?.into()),
            0x13 | 0x21 | 0x22 | 0x23 => Value::Number(self.two()?.into()),
            0x02 | 0x11 | 0x18 | 0x27 => Value::Number(self.four()?),
            0x0B => Value::Number(self.variable()?),
            0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1A | 0x1C | 0x1F => Value::Bytes(self.text()?),
            0x26 => Value::Pair(self.text()?, self.text()?),
            _ => return Err(Malformed::Property { id }),
        };
        Ok((id, value))
    }

    /// What a broker says in the properties of an answer, and the other broker it names.
    fn words(&mut self, version: MqttVersion) -> Result<(Option<String>, Option<String>), Malformed> {
        let (mut says, mut other) = (None, None);
        if version == MqttVersion::V311 || self.0.is_empty() {
            return Ok((says, other));
        }
        let mut listed = self.properties()?;
        while !listed.0.is_empty() {
            match listed.property()? {
                (0x1F, Value::Bytes(text)) => says = Some(visible_octets(text, 300)),
                (0x1C, Value::Bytes(text)) => other = Some(visible_octets(text, 300)),
                _ => {}
            }
        }
        Ok((says, other))
    }
}

/// The standard's name of a kind of packet.
/// What people call a kind of packet.
pub const fn name(kind: u8) -> &'static str {
    match kind {
        1 => "CONNECT",
        kind::CONNACK => "CONNACK",
        kind::PUBLISH => "PUBLISH",
        kind::PUBACK => "PUBACK",
        kind::PUBREC => "PUBREC",
        kind::PUBREL => "PUBREL",
        kind::PUBCOMP => "PUBCOMP",
        8 => "SUBSCRIBE",
        kind::SUBACK => "SUBACK",
        10 => "UNSUBSCRIBE",
        kind::UNSUBACK => "UNSUBACK",
        12 => "PINGREQ",
        kind::PINGRESP => "PINGRESP",
        kind::DISCONNECT => "DISCONNECT",
        kind::AUTH => "AUTH",
        _ => "reserved",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_at_all_lengths() {
        for (bytes, expected) in [
            (&[0x30][..], None),
            (&[0x30, 0x80], None),
            (&[0x30, 0x00], Some((2, 0))),
            (&[0x30, 0x7F], Some((2, 127))),
            (&[0x30, 0x80, 0x01], Some((3, 128))),
            (&[0x30, 0xFF, 0xFF, 0xFF, 0x7F], Some((5, 268_435_455))),
        ] {
            let head = Head::parse(bytes).unwrap();
            assert_eq!(head.map(|head| (head.head_bytes, head.body_bytes)), expected, "{bytes:?}");
        }
        assert_eq!(Head::parse(&[0x30, 0xFF, 0xFF, 0xFF, 0xFF]), Err(Malformed::Length));
    }

    #[test]
    fn a_message_of_version_5_carries_its_properties() {
        let body = b"\x00\x01t\x00\x07\x1b\x01\x01\x03\x00\x02ct\x09\x00\x01\xff\x0b\x81\x01\x23\x00\x05\x26\x00\x01k\x00\x01v\x08\x00\x00hello";
        let read = Publish::parse(MqttVersion::V5, 0x3D, body).unwrap();
        assert_eq!((read.topic, read.payload, read.packet_id), (&b"t"[..], &b"hello"[..], 7));
        assert_eq!(
            (read.qos, read.is_retained, read.is_duplicate, read.alias),
            (Qos::ExactlyOnce, true, true, Some(5))
        );
        let properties = read.properties.unwrap();
        assert!(properties.is_text);
        assert_eq!(properties.content_type.as_deref(), Some("ct"));
        assert_eq!(properties.response_topic.as_deref(), Some(""));
        assert_eq!((properties.correlation_data, properties.subscription_ids), (vec![0xFF], vec![129]));
        assert_eq!(properties.user, [("k".to_owned(), "v".to_owned())]);
    }

    #[test]
    fn every_truncation_of_a_message_is_refused_or_shorter() {
        let body = b"\x00\x01t\x00\x07\x07\x26\x00\x01k\x00\x01vhello";
        for end in 0..body.len() {
            let read = Publish::parse(MqttVersion::V5, 0x32, &body[..end]);
            assert_eq!(read.is_ok(), end >= body.len() - 5, "{end}");
        }
    }

    #[test]
    fn odd_messages_are_told_apart() {
        let parse = |first, body| Publish::parse(MqttVersion::V311, first, body).unwrap_err();
        assert_eq!(parse(0x36, b"\x00\x01t\x00\x01"), Malformed::Qos);
        assert_eq!(parse(0x32, b"\x00\x01t\x00\x00"), Malformed::PacketId);
        assert_eq!(parse(0x30, b"\x00\x09t"), Malformed::Short);
        assert_eq!(check_topic(b""), Err(Malformed::EmptyTopic));
        assert_eq!(check_topic(b"a/+"), Err(Malformed::Wildcard));
        assert_eq!(check_topic(b"a\0b"), Err(Malformed::Nul));
        assert_eq!(check_topic(b"\xff"), Ok(()));
    }

    #[test]
    fn answers_are_read_with_codes_the_standard_does_not_know() {
        let parse = |first, body| Answer::parse(MqttVersion::V5, first, body);
        assert_eq!(
            parse(0x90, b"\x00\x01\x06\x1f\x00\x03sad\xEE\x01"),
            Ok(Answer::SubAck { packet_id: 1, codes: &[0xEE, 1], says: Some("sad".into()) })
        );
        assert_eq!(parse(0xE0, b""), Ok(Answer::Disconnect { code: 0, says: None, other: None }));
        assert_eq!(parse(0xE0, b"\x8E"), Ok(Answer::Disconnect { code: 0x8E, says: None, other: None }));
        assert_eq!(
            parse(0x40, b"\x00\x09\x10"),
            Ok(Answer::Ack { kind: kind::PUBACK, packet_id: 9, code: 0x10, says: None })
        );
        assert_eq!(Answer::parse(MqttVersion::V311, 0xE0, b""), Err(Malformed::Kind { kind: 14 }));
        assert_eq!(parse(0x10, b""), Err(Malformed::Kind { kind: 1 }));
        assert_eq!(parse(0x60, b"\x00\x01"), Err(Malformed::Flags));
        assert_eq!(parse(0x40, b"\x00"), Err(Malformed::Short));
    }

    #[test]
    fn a_broker_tells_its_limits() {
        let body = b"\x01\x00\x0c\x21\x00\x0a\x24\x01\x27\x00\x00\x10\x00\x2a\x00";
        let Ok(Answer::ConnAck(ack)) = Answer::parse(MqttVersion::V5, 0x20, &[&body[..2], &[12], &body[3..]].concat())
        else {
            panic!("no answer")
        };
        assert!(ack.is_session_present);
        assert_eq!((ack.receive_maximum, ack.maximum_qos, ack.maximum_packet_bytes), (Some(10), Some(1), Some(4096)));
        assert_eq!(ack.facts.last(), Some(&("Shared subscriptions".to_owned(), "no".to_owned())));
    }
}
