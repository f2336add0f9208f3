//! [`Format`]: messages printed as a person wants them, in the words of mosquitto_sub's `-F`.

use std::io::Write as _;
use std::str::FromStr;

use super::lines::utc;
use crate::model::mqtt::message::Properties;
use crate::model::text::{hex, visible_octets};
use crate::model::word::Word as _;
use crate::telemetry::batch::Arrival;
use crate::telemetry::decode::{json, to_base64};
use crate::telemetry::export::jsonl;
use crate::telemetry::value::{Body, Decoded};

/// What is printed of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Topic,
    Payload,
    Hex,
    Base64,
    Value,
    Kind,
    Length,
    Time,
    Seconds,
    Qos,
    Retained,
    Line,
    ContentType,
    ResponseTopic,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut parts, mut plain) = (Vec::new(), String::new());
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let part = match (character, &mut characters) {
                ('%', rest) => match rest.next() {
                    Some('%') => Err('%'),
                    Some(word) => Ok(part(word).ok_or_else(|| unknown(&format!("%{word}")))?),
                    None => return Err("a % at the end has no meaning; write %% for a percent sign".into()),
                },
                ('\\', rest) => match rest.next() {
                    Some('n') => Err('\n'),
                    Some('t') => Err('\t'),
                    Some('\\') => Err('\\'),
                    Some(other) => return Err(unknown(&format!("\\{other}"))),
                    None => return Err("a \\ at the end has no meaning; write \\\\ for a backslash".into()),
                },
                (character, _) => Err(character),
            };
            match part {
                Ok(part) => {
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(part);
                }
                Err(character) => plain.push(character),
            }
        }
        if parts.is_empty() {
            return Err("it prints nothing of a message; %t is its topic, %p its payload, %v its value".into());
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }
}

fn unknown(what: &str) -> String {
    format!("{what} has no meaning here; %t is the topic, %p the payload, %v the value; see --help for all")
}

const fn part(word: char) -> Option<Part> {
    Some(match word {
        't' => Part::Topic,
        'p' => Part::Payload,
        'x' => Part::Hex,
        'b' => Part::Base64,
        'v' => Part::Value,
        'k' => Part::Kind,
        'l' => Part::Length,
        'I' => Part::Time,
        'U' => Part::Seconds,
        'q' => Part::Qos,
        'r' => Part::Retained,
        'j' => Part::Line,
        'C' => Part::ContentType,
        'R' => Part::ResponseTopic,
        _ => return None,
    })
}

impl Format {
    /// Whether the payload has to be decoded.
    pub(super) fn needs_value(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Value | Part::Kind | Part::Line))
    }

    /// Writes a message and a line end; on a terminal what a sender wrote is made safe. Writing to memory cannot fail: that is
    /// what the results are dropped for.
    pub(super) fn write(&self, arrival: &Arrival<'_>, decoded: Option<&Decoded>, is_terminal: bool, out: &mut Vec<u8>) {
        let told = |bytes: &[u8], out: &mut Vec<u8>| {
            if is_terminal { out.write_all(visible_octets(bytes, usize::MAX).as_bytes()) } else { out.write_all(bytes) }
        };
        let property = |of: fn(&Properties) -> Option<&String>| {
            arrival.properties.and_then(of).map_or(&b""[..], |text| text.as_bytes())
        };
        for part in &self.0 {
            let _ = match part {
                Part::Text(text) => out.write_all(text.as_bytes()),
                Part::Topic => told(arrival.topic, out),
                Part::Payload => told(arrival.payload, out),
                Part::Hex => out.write_all(hex(arrival.payload).as_bytes()),
                Part::Base64 => out.write_all(to_base64(arrival.payload).as_bytes()),
                Part::Value => told(decoded.map(value).unwrap_or_default().as_bytes(), out),
                Part::Kind => out.write_all(decoded.map_or("", |decoded| decoded.kind.word()).as_bytes()),
                Part::Length => write!(out, "{}", arrival.payload.len()),
                Part::Time => out.write_all(utc(arrival.unix_micros).unwrap_or_default().as_bytes()),
                Part::Seconds => write!(out, "{}", seconds(arrival.unix_micros)),
                Part::Qos => write!(out, "{}", arrival.qos.number()),
                Part::Retained => write!(out, "{}", u8::from(arrival.is_retained)),
                Part::Line => jsonl::write_decoded(out, arrival, decoded).map(|()| out.truncate(out.len() - 1)),
                Part::ContentType => told(property(|properties| properties.content_type.as_ref()), out),
                Part::ResponseTopic => told(property(|properties| properties.response_topic.as_ref()), out),
            };
        }
        out.push(b'\n');
    }
}

/// The value as JSON on one line: a tree as it is, text as a text, bytes in base64, `null` for a picture.
fn value(decoded: &Decoded) -> String {
    match &decoded.body {
        Body::Tree(value) => json::to_json(value),
        Body::Text(text) => json::quoted(text),
        Body::Bytes(bytes) => json::quoted(&to_base64(bytes)),
        Body::Image { .. } => "null".into(),
    }
}

/// Seconds since 1970 with all six places.
fn seconds(unix_micros: i64) -> String {
    let sign = if unix_micros < 0 { "-" } else { "" };
    let micros = unix_micros.unsigned_abs();
    format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::mqtt::message::Qos;
    use crate::telemetry::decode::Decoders;

    fn shown(format: &str, payload: &[u8]) -> String {
        printed(format, payload, false)
    }

    fn printed(format: &str, payload: &[u8], is_terminal: bool) -> String {
        let format: Format = format.parse().unwrap();
        let arrival = Arrival {
            topic: b"site/a",
            payload,
            qos: Qos::AtLeastOnce,
            is_retained: true,
            is_duplicate: false,
            mono_micros: 0,
            unix_micros: 1_500_000,
            properties: None,
        };
        let decoded = Decoders::new().decode(arrival.topic, payload, None);
        let mut out = Vec::new();
        format.write(&arrival, Some(&decoded), is_terminal, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_message_is_printed_as_it_is_wanted() {
        assert_eq!(shown("%t: %p", b"on"), "site/a: on\n");
        assert_eq!(shown("%I %U\\t%q%r %l%%", b"on"), "1970-01-01T00:00:01.500Z 1.500000\t11 2%\n");
        assert_eq!(shown("%x %b %k %v", &[0xa1, 0x61, 0x61, 0x15]), "a1616115 oWFhFQ== cbor {\"a\":21}\n");
        assert_eq!(shown("%v", b"on"), "\"on\"\n");
        assert_eq!(shown("%p", b"\x1b[2J"), "\x1b[2J\n");
        assert_eq!(printed("%p", b"\x1b[2J", true), "\u{fffd}[2J\n", "a terminal is not steered by a payload");
        assert!(shown("%j", b"{\"a\":1}").contains("\"value\":{\"a\":1}"));
    }

    #[test]
    fn what_stands_for_nothing_is_refused() {
        for wrong in ["", "csv", "%y", "%", "%t\\", "%t\\q"] {
            assert!(wrong.parse::<Format>().is_err(), "{wrong}");
        }
    }
}
