//! What a payload means: [`Decoders`] finds out or is told by rules, and never fails. What cannot be read to its end says at
//! which byte and why, and the bytes stay.
//!
//! One file for each kind. All of them take bytes from anywhere: they are bounded in depth, in values and in memory.

mod base64;
mod build;
mod cbor;
pub mod hex;
pub mod json;
pub mod limit;
mod msgpack;
mod packing;
mod picture;
mod protobuf;
mod sparkplug;
mod wire;

pub use self::base64::encode as to_base64;
pub use self::protobuf::SchemaError;
pub use self::sparkplug::NodeState;

use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::{Explain as _, Problem};
use crate::model::text::visible;
use crate::telemetry::value::{Body, DecodeFailure, Decoded, DecoderKind, Packing, Value};

/// How many packings may stand around one another.
const MAX_PACKINGS: usize = 4;

/// A rule by which payloads are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// On which topics.
    pub filter: TopicFilter,
    /// How they are read.
    pub kind: DecoderKind,
    /// The message type, for Protobuf.
    pub message_type: Option<String>,
}

/// All decoders, with what they were told and what they learnt.
#[derive(Debug, Default)]
pub struct Decoders {
    rules: Vec<Rule>,
    schemas: protobuf::Schemas,
    nodes: sparkplug::Nodes,
}

/// What one decoder made of bytes: what they hold, and facts beside it.
type Read = (Body, Vec<(String, String)>);

impl Decoders {
    /// Decoders that find out everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets all rules. A later one wins over an earlier one.
    pub fn set_rules(&mut self, rules: Vec<Rule>) {
        self.rules = rules;
    }

    /// The rules, the earlier ones first.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Takes in a user's Protobuf schemas, by name and text, in place of those before. The answer is their message types.
    pub fn load_schemas(&mut self, schemas: &[(String, String)]) -> Result<Vec<String>, Problem> {
        self.schemas = protobuf::Schemas::load(schemas).map_err(|error| error.explain())?;
        Ok(self.schemas.types())
    }

    /// Learns from a message what later ones need to be understood. To be called for each message in the order of arrival.
    pub fn observe(&mut self, topic: &[u8], payload: &[u8], mono_micros: u64) {
        if let Some(topic) = sparkplug::Topic::parse(topic) {
            self.nodes.observe(topic, payload, mono_micros);
        }
    }

    /// The same decoders, with nothing learnt: for another way through the same messages.
    #[must_use]
    pub fn afresh(&self) -> Self {
        Self { rules: self.rules.clone(), schemas: self.schemas.clone(), nodes: sparkplug::Nodes::default() }
    }

    /// Forgets what was learnt, for another connection or another place in a recording.
    pub fn forget(&mut self) {
        self.nodes = sparkplug::Nodes::default();
    }

    /// The Sparkplug edge nodes that were heard of, by name.
    pub fn sparkplug_nodes(&self) -> Vec<NodeState> {
        self.nodes.states()
    }

    /// What the payload means, going by what is known now: read as a person chose, else by the last rule for its topic, else
    /// as what it looks like.
    pub fn decode(&self, topic: &[u8], payload: &[u8], kind: Option<DecoderKind>) -> Decoded {
        self.decode_at(topic, payload, kind, u64::MAX)
    }

    /// As [`Decoders::decode`], with what was known when the message came.
    pub fn decode_at(&self, topic: &[u8], payload: &[u8], kind: Option<DecoderKind>, mono_micros: u64) -> Decoded {
        let of_topic = || self.rules.iter().rev().filter(|rule| rule.filter.matches_bytes(topic));
        let rule = match kind {
            None => of_topic().next(),
            Some(kind) => of_topic().find(|rule| rule.kind == kind),
        };
        let asked = Asked { topic, message_type: rule.and_then(|rule| rule.message_type.as_deref()), mono_micros };
        match kind.or(rule.map(|rule| rule.kind)) {
            Some(kind) => self.decode_as(asked, payload, kind),
            None => self.detect(asked, payload, 0),
        }
    }

    /// The value of a payload for queries and plots, with what was known when the message came: a tree, a text or bytes as
    /// one value.
    pub fn value(&self, topic: &[u8], payload: &[u8], mono_micros: u64) -> Value {
        match self.decode_at(topic, payload, None, mono_micros).body {
            Body::Tree(value) => value,
            Body::Text(text) => Value::Text(text),
            Body::Bytes(bytes) => Value::Bytes(bytes),
            Body::Image { .. } => Value::Null,
        }
    }

    /// The bytes inside a packing that says what it is: for searches. Looks into the first megabytes only.
    pub fn unpacked(&self, payload: &[u8]) -> Option<Vec<u8>> {
        packing::unpack_within(packing::detect(payload)?, payload, SEARCHED_BYTES).ok()
    }

    /// The payload on one line, with what was known when the message came, made safe to show and shortened with an ellipsis.
    /// Looks at its beginning only.
    pub fn one_line(&self, topic: &[u8], payload: &[u8], mono_micros: u64, max_chars: usize) -> String {
        let head = &payload[..payload.len().min(PREVIEW_BYTES)];
        let is_cut = payload.len() > head.len();
        if is_text_so_far(head, is_cut) {
            let mut line = collapsed(head);
            if is_cut {
                line.push('…');
            }
            return visible(&line, max_chars);
        }
        if let Some(packing) = packing::detect(payload) {
            return visible(&format!("{packing}, {} bytes", payload.len()), max_chars);
        }
        if let Some(format) = picture::detect(payload) {
            return visible(&format!("{format}, {} bytes", payload.len()), max_chars);
        }
        if !is_cut {
            match self.decode_at(topic, payload, None, mono_micros).body {
                Body::Tree(value) => {
                    let is_sparkplug = sparkplug::Topic::parse(topic).is_some();
                    let value = value.member("metrics").filter(|_| is_sparkplug).unwrap_or(&value);
                    return visible(&json::to_json_within(value, max_chars * 4), max_chars);
                }
                Body::Text(text) => return visible(&collapsed(text.as_bytes()), max_chars),
                Body::Bytes(_) | Body::Image { .. } => {}
            }
        }
        if let Some(topic) = sparkplug::Topic::parse(topic) {
            return visible(&format!("{}, {} bytes", topic.kind, payload.len()), max_chars);
        }
        let bytes = head.iter().take(max_chars.div_ceil(3)).fold(String::new(), |mut text, byte| {
            use std::fmt::Write as _;
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{byte:02x}", if text.is_empty() { "" } else { " " });
            text
        });
        visible(&format!("{bytes}{}", if payload.len() * 3 > max_chars { "…" } else { "" }), max_chars)
    }

    fn decode_as(&self, asked: Asked<'_>, payload: &[u8], kind: DecoderKind) -> Decoded {
        if kind == DecoderKind::Hex {
            return bytes_of(payload, kind, false);
        }
        let mut packed_in = Vec::new();
        let unpacked = match unpack_all(payload, &mut packed_in) {
            Ok(unpacked) => unpacked,
            Err((bytes, failure)) => return failed(&bytes, kind, false, packed_in, failure),
        };
        let bytes = unpacked.as_deref().unwrap_or(payload);
        let failure = match self.read(asked, bytes, kind, 0) {
            Ok((body, notes)) => return Decoded { kind, is_detected: false, packed_in, body, failure: None, notes },
            Err(failure) => failure,
        };
        // Deflate has no mark of its own: it is looked for only where someone said what is inside.
        if packed_in.is_empty()
            && let Ok(inner) = packing::unpack(Packing::Deflate, payload)
            && let Ok((body, notes)) = self.read(asked, &inner, kind, 0)
        {
            return Decoded { kind, is_detected: false, packed_in: vec![Packing::Deflate], body, failure: None, notes };
        }
        failed(bytes, kind, false, packed_in, failure)
    }

    /// Reads bytes as that kind.
    fn read(&self, asked: Asked<'_>, bytes: &[u8], kind: DecoderKind, depth: usize) -> Result<Read, DecodeFailure> {
        match kind {
            DecoderKind::Json => {
                let (text, mut notes) = without_mark(bytes);
                let shift = bytes.len() - text.len();
                let (value, oddities) = json::read(text)
                    .map_err(|failure| DecodeFailure { offset: failure.offset + shift, what: failure.what })?;
                notes.extend(oddities.into_iter().map(|oddity| ("note".to_owned(), oddity)));
                Ok((Body::Tree(value), notes))
            }
            DecoderKind::Text => match std::str::from_utf8(without_nul(bytes)) {
                Ok(text) if text.len() < bytes.len() => {
                    Ok((Body::Text(text.into()), vec![("note".into(), "ends with a NUL character".into())]))
                }
                Ok(text) => Ok((Body::Text(text.into()), Vec::new())),
                Err(error) => {
                    Err(DecodeFailure { offset: error.valid_up_to(), what: "the text is not UTF-8 here".into() })
                }
            },
            DecoderKind::Base64 => {
                let inner = base64::decode(bytes).map_err(|(offset, what)| DecodeFailure { offset, what })?;
                let inside = self.detect(asked, &inner, depth + 1);
                let mut notes = vec![("inside".into(), inside.kind.to_string())];
                notes.extend(inside.notes);
                Ok((inside.body, notes))
            }
            DecoderKind::Cbor => cbor::parse(bytes).map(tree),
            DecoderKind::MessagePack => msgpack::parse(bytes).map(tree),
            DecoderKind::Sparkplug => {
                let (value, notes) = sparkplug::parse(&self.nodes, asked.topic, bytes, asked.mono_micros)?;
                Ok((Body::Tree(value), notes))
            }
            DecoderKind::Protobuf => {
                let value = self.schemas.parse(bytes, asked.message_type)?;
                let message_type = asked.message_type.map_or("none is set: fields are shown by number".into(), shown);
                Ok((Body::Tree(value), vec![("message type".into(), message_type)]))
            }
            DecoderKind::Image => picture::read(bytes),
            DecoderKind::Hex => Ok((Body::Bytes(bytes.into()), Vec::new())),
        }
    }

    /// Finds out what it is. `depth` counts base64 inside base64.
    fn detect(&self, asked: Asked<'_>, payload: &[u8], depth: usize) -> Decoded {
        let mut packed_in = Vec::new();
        let unpacked = match unpack_all(payload, &mut packed_in) {
            Ok(unpacked) => unpacked,
            Err((bytes, failure)) => return failed(&bytes, DecoderKind::Hex, true, packed_in, failure),
        };
        let mut decoded = self.detect_unpacked(asked, unpacked.as_deref().unwrap_or(payload), depth);
        decoded.packed_in = packed_in;
        decoded
    }

    fn detect_unpacked(&self, asked: Asked<'_>, bytes: &[u8], depth: usize) -> Decoded {
        let read = |kind| {
            let is_detected = true;
            match self.read(asked, bytes, kind, depth) {
                Ok((body, notes)) => Decoded { kind, is_detected, packed_in: Vec::new(), body, failure: None, notes },
                Err(failure) => failed(bytes, kind, is_detected, Vec::new(), failure),
            }
        };
        if !bytes.is_empty() && depth == 0 && sparkplug::Topic::parse(asked.topic).is_some() {
            let sparkplug = read(DecoderKind::Sparkplug);
            let json = may_hold_json(bytes).then(|| read(DecoderKind::Json)).filter(|json| json.failure.is_none());
            let Some(mut json) = json else { return sparkplug };
            json.notes.push(("note".into(), "is JSON, where the topic promises Sparkplug B".into()));
            return json;
        }
        if picture::detect(bytes).is_some() {
            return read(DecoderKind::Image);
        }
        if let Some(text) = as_text(without_nul(bytes)) {
            return self.detect_text(text, depth, read);
        }
        if may_hold_json(bytes) {
            let decoded = read(DecoderKind::Json);
            if decoded.failure.is_none() {
                return decoded;
            }
        }
        // A list or map of which nothing is left is no accident.
        let candidates =
            [(DecoderKind::Cbor, cbor::may_begin(bytes)), (DecoderKind::MessagePack, msgpack::may_begin(bytes))];
        let likely = candidates.into_iter().filter(|(_, may_begin)| *may_begin).map(|(kind, _)| read(kind));
        let mut likely: Vec<Decoded> = likely.filter(|decoded| decoded.failure.is_none()).collect();
        likely.sort_by_key(|decoded| !has_names(&decoded.body));
        likely.into_iter().next().unwrap_or_else(|| bytes_of(bytes, DecoderKind::Hex, true))
    }

    #[expect(clippy::unused_self, reason = "it belongs to the others")]
    fn detect_text(&self, text: &str, depth: usize, read: impl Fn(DecoderKind) -> Decoded) -> Decoded {
        if may_be_json(text) {
            let decoded = read(DecoderKind::Json);
            if decoded.failure.is_none() || is_meant_as_json(text) {
                return decoded;
            }
        }
        if depth < MAX_PACKINGS && base64::detect(text).is_some() {
            return read(DecoderKind::Base64);
        }
        let mut decoded = read(DecoderKind::Text);
        let start = text.trim_start();
        if start.starts_with("<svg") || (start.starts_with("<?xml") && start.contains("<svg")) {
            decoded.notes.push(("format".into(), "SVG".into()));
        }
        decoded
    }
}

/// What is asked of a decoder beside the bytes.
#[derive(Clone, Copy)]
struct Asked<'a> {
    topic: &'a [u8],
    message_type: Option<&'a str>,
    mono_micros: u64,
}

fn tree(value: Value) -> Read {
    (Body::Tree(value), Vec::new())
}

/// Whether it is a map with texts for names, as devices send them.
fn has_names(body: &Body) -> bool {
    let Body::Tree(Value::Map(members)) = body else { return false };
    let is_word = |name: &str| name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    !members.is_empty() && members.iter().all(|(name, _)| is_word(name))
}

/// How many bytes of a packed payload are searched.
const SEARCHED_BYTES: usize = 4 * 1024 * 1024;
/// How many bytes a preview looks at.
const PREVIEW_BYTES: usize = 256;

/// Takes off all packings that say what they are. `None` if there was none; the bytes it failed at, and why, else.
fn unpack_all(payload: &[u8], packed_in: &mut Vec<Packing>) -> Result<Option<Vec<u8>>, (Vec<u8>, DecodeFailure)> {
    let mut unpacked: Option<Vec<u8>> = None;
    while packed_in.len() < MAX_PACKINGS {
        let bytes = unpacked.as_deref().unwrap_or(payload);
        let Some(packing) = packing::detect(bytes) else { break };
        match packing::unpack(packing, bytes) {
            Ok(inner) => {
                packed_in.push(packing);
                unpacked = Some(inner);
            }
            // Two bytes are a weak sign: what does not unpack was not packed, unless it would have filled memory.
            Err(failure) if packing == Packing::Zlib && !failure.what.contains("memory") => break,
            Err(failure) => return Err((bytes.to_vec(), failure)),
        }
    }
    Ok(unpacked)
}

fn bytes_of(bytes: &[u8], kind: DecoderKind, is_detected: bool) -> Decoded {
    Decoded {
        kind,
        is_detected,
        packed_in: Vec::new(),
        body: Body::Bytes(bytes.into()),
        failure: None,
        notes: Vec::new(),
    }
}

/// The bytes as they are, as text where they are text, and why they could not be read.
fn failed(
    bytes: &[u8],
    kind: DecoderKind,
    is_detected: bool,
    packed_in: Vec<Packing>,
    failure: DecodeFailure,
) -> Decoded {
    let body = match as_text(bytes) {
        Some(text) => Body::Text(text.into()),
        None => Body::Bytes(bytes.into()),
    };
    Decoded { kind, is_detected, packed_in, body, failure: Some(failure), notes: Vec::new() }
}

/// A text without the mark of byte order that some put in front, which JSON forbids.
fn without_mark(bytes: &[u8]) -> (&[u8], Vec<(String, String)>) {
    match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => (rest, vec![("note".into(), "begins with a mark of byte order, which JSON forbids".into())]),
        None => (bytes, Vec::new()),
    }
}

/// A text without the NUL that ends it in C. Of two, four and eight bytes it may be a number instead, and stays.
fn without_nul(bytes: &[u8]) -> &[u8] {
    let text = bytes.strip_suffix(b"\0").filter(|text| !text.is_empty() && !matches!(bytes.len(), 2 | 4 | 8));
    text.unwrap_or(bytes)
}

/// Whether bytes that need not be text begin and end as a list or object of JSON does, but for white space and NULs.
fn may_hold_json(bytes: &[u8]) -> bool {
    let is_around = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let first = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).iter().find(|byte| !is_around(byte));
    let last = bytes.iter().rev().find(|byte| !is_around(byte));
    matches!((first, last), (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')))
}

/// The bytes as text, if they are UTF-8 and hold no control characters but those of a log.
fn as_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.bytes().any(is_control))
}

fn is_control(byte: u8) -> bool {
    matches!(byte, 0..=0x08 | 0x0b | 0x0c | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f)
}

/// Whether the beginning of a payload is that of a text; a character may be cut at its end.
fn is_text_so_far(head: &[u8], is_cut: bool) -> bool {
    let is_utf8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => is_cut && error.error_len().is_none(),
    };
    is_utf8 && !head.iter().copied().any(is_control)
}

/// Text with each run of white space as one space.
fn collapsed(head: &[u8]) -> String {
    let text = visible_octets_keeping_space(head);
    let mut line = String::with_capacity(text.len());
    for word in text.split_ascii_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

fn visible_octets_keeping_space(head: &[u8]) -> String {
    match std::str::from_utf8(head) {
        Ok(text) => text.to_owned(),
        Err(error) => String::from_utf8_lossy(&head[..error.valid_up_to()]).into_owned(),
    }
}

fn may_be_json(text: &str) -> bool {
    let first = text.trim_start_matches('\u{feff}').trim_start().bytes().next();
    matches!(first, Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' | b'N' | b'I' | b'i'))
}

/// Whether a text that is no JSON was meant to be some. `[INFO] started` was not.
fn is_meant_as_json(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let second = text.get(1..).and_then(|rest| rest.trim_start().bytes().next());
    match text.bytes().next() {
        Some(b'{') => matches!(second, Some(b'"' | b'}' | b'\'') | None),
        Some(b'[') => matches!(second, Some(b'{' | b'"' | b'[')),
        _ => false,
    }
}

/// A name from a payload or schema, as it may stand in a note.
fn shown(name: &str) -> String {
    visible(name, 200)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::text::from_hex;

    /// What it was read as, what it was packed in, what it holds, and why it could not be read.
    fn shown(decoded: &Decoded) -> String {
        let packed = decoded.packed_in.iter().fold(String::new(), |packed, packing| format!("{packed}{packing}:"));
        let body = match &decoded.body {
            Body::Tree(value) => json::to_json(value),
            Body::Text(text) => format!("{text:?}"),
            Body::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Body::Image { width, height, .. } => format!("{width}x{height}"),
        };
        let failure = decoded.failure.as_ref().map(|failure| format!(" !{} {}", failure.offset, failure.what));
        format!("{packed}{} {body}{}", decoded.kind, failure.unwrap_or_default())
    }

    #[track_caller]
    fn check(payload: &[u8], expected: &str) {
        assert_eq!(shown(&Decoders::new().decode(b"site/a", payload, None)), expected);
    }

    #[track_caller]
    fn check_as(kind: DecoderKind, payload: &[u8], expected: &str) {
        assert_eq!(shown(&Decoders::new().decode(b"site/a", payload, Some(kind))), expected);
    }

    #[test]
    fn kinds_are_found_out() {
        check(b"", "text \"\"");
        check(b"21.5", "json 21.5");
        check(b" true\n", "json true");
        check(b"on", "text \"on\"");
        check(b"007", "text \"007\"");
        check(b"{\"a\":1}", "json {\"a\":1}");
        check(b"\xef\xbb\xbf{\"a\":1}", "json {\"a\":1}");
        check(b"{\"a\":1,}", "json \"{\\\"a\\\":1,}\" !7 expected a name in quotes here");
        check(b"\xef\xbb\xbf{\"a\":}", "json \"\\u{feff}{\\\"a\\\":}\" !8 no value begins here");
        check(b"[INFO] started", "text \"[INFO] started\"");
        check(b"[{\"a\":1}, ", "json \"[{\\\"a\\\":1}, \" !10 it ends where a value should begin");
        check(b"{{template}}", "text \"{{template}}\"");
        check("Größe 4\tm²".as_bytes(), "text \"Größe 4\\tm²\"");
        check(b"\x1b[31mred\x1b[0m", "text \"\\u{1b}[31mred\\u{1b}[0m\"");
        check(b"abc\x00def", "hex 7 bytes");
        check(b"\xff\xfe\x00\x01", "hex 4 bytes");
        check(&from_hex("a1616115").unwrap(), "cbor {\"a\":21}");
        check(&from_hex("81a16115").unwrap(), "messagepack {\"a\":21}");
        check(&from_hex("8201f5").unwrap(), "cbor [1,true]");
        check(&from_hex("9301c3c0").unwrap(), "messagepack [1,true,null]");
        check(&from_hex("a161").unwrap(), "hex 2 bytes");
        check(
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
            "text \"<svg xmlns=\\\"http://www.w3.org/2000/svg\\\"/>\"",
        );
        check(b"GIF89a\x01\x00\x01\x00", "image 10 bytes");
        check(b"\x89PNG\r\n\x1a\n", "image 8 bytes !0 the PNG data is damaged or cut: unexpected end of file");
        check(b"eyJ0ZW1wZXJhdHVyZSI6MjEuNSwib24iOnRydWV9", "base64 {\"temperature\":21.5,\"on\":true}");
        check(b"\x1f\x8b\x08\x00\x00", "hex 5 bytes !5 the gzip data is damaged or cut: unexpected end of file");
    }

    #[test]
    fn json_with_what_devices_get_wrong_is_json_in_all_views() {
        check(b"{\"a\":1}\0", "json {\"a\":1}");
        check(b"{\"a\":1}\n\0\0", "json {\"a\":1}");
        check(b"{\"u\":\"\xb0C\"}", "json {\"u\":\"�C\"}");
        check(b"{\"t\":NaN}", "json {\"t\":\"NaN\"}");
        check(b"NaN", "json \"NaN\"");
        check(b"hello\0", "text \"hello\"");
        check(b"21.50\0", "json 21.5");
        check(b"ABC\0", "hex 4 bytes");
        check(b"{\xff}", "hex 3 bytes");
        let decoders = Decoders::new();
        assert_eq!(decoders.one_line(b"t", b"{\"u\":\"\xb0C\"}", 0, 40), "{\"u\":\"�C\"}");
        assert_eq!(decoders.one_line(b"t", b"hello\0", 0, 40), "hello");
        assert_eq!(decoders.value(b"t", b"{\"a\":1}\0", 0).at("a"), Some(&Value::Integer(1)));
    }

    #[test]
    fn json_where_sparkplug_is_expected_is_json_for_queries_too() {
        let (topic, payload) = (b"spBv1.0/g/NDATA/n", b"{\"t\":21}");
        let decoders = Decoders::new();
        let decoded = decoders.decode(topic, payload, None);
        assert_eq!(shown(&decoded), "json {\"t\":21}");
        assert_eq!(decoded.notes[0].1, "is JSON, where the topic promises Sparkplug B");
        assert_eq!(decoders.value(topic, payload, 0).at("t"), Some(&Value::Integer(21)));
        assert_eq!(decoders.decode(topic, b"\x18\x07", None).kind, DecoderKind::Sparkplug);
    }

    #[test]
    fn a_person_or_rule_chooses() {
        check_as(DecoderKind::Text, b"{\"a\":1}", "text \"{\\\"a\\\":1}\"");
        check_as(DecoderKind::Hex, b"{\"a\":1}", "hex 7 bytes");
        check_as(DecoderKind::Text, b"ab\xff", "text 3 bytes !2 the text is not UTF-8 here");
        check_as(DecoderKind::Cbor, b"21.5", "cbor \"21.5\" !1 something stands behind the value");
        check_as(DecoderKind::Base64, b"aGVsbG8=", "base64 \"hello\"");
        check_as(DecoderKind::Base64, b"hello", "base64 \"hello\" !5 the number of digits isn't a multiple of four");
        check_as(DecoderKind::Image, b"hello", "image \"hello\" !0 no picture begins so");
        check_as(DecoderKind::Protobuf, b"\x08\x07", "protobuf {\"1\":7}");
        // Deflate without a header, which nothing tells.
        let packed = from_hex("ab564a54b232ac0500").unwrap();
        check(&packed, "hex 9 bytes");
        check_as(DecoderKind::Json, &packed, "deflate:json {\"a\":1}");

        let rule = |filter: &str, kind| Rule { filter: filter.parse().unwrap(), kind, message_type: None };
        let mut decoders = Decoders::new();
        decoders.set_rules(vec![rule("site/#", DecoderKind::Hex), rule("site/+/log", DecoderKind::Text)]);
        assert_eq!(shown(&decoders.decode(b"site/a/log", b"{}", None)), "text \"{}\"");
        assert_eq!(shown(&decoders.decode(b"site/a", b"{}", None)), "hex 2 bytes");
        assert_eq!(shown(&decoders.decode(b"other", b"{}", None)), "json {}");
        assert_eq!(shown(&decoders.decode(b"site/a", b"{}", Some(DecoderKind::Json))), "json {}");
    }

    #[test]
    fn previews_are_short_and_safe() {
        let line = |payload: &[u8], max: usize| Decoders::new().one_line(b"t", payload, u64::MAX, max);
        assert_eq!(line(b"", 20), "");
        assert_eq!(line(b"{\n  \"a\": 1,\n  \"b\": 2\n}", 40), "{ \"a\": 1, \"b\": 2 }");
        assert_eq!(line(b"{\n  \"a\": 1,\n  \"b\": 2\n}", 8), "{ \"a\": …");
        assert_eq!(line("ä".repeat(5_000_000).as_bytes(), 10), "äääääääää…");
        assert_eq!(line(&from_hex("a1616115").unwrap(), 20), "{\"a\":21}");
        assert_eq!(line(b"\x1f\x8b\x08\x00", 40), "gzip, 4 bytes");
        assert_eq!(line(b"\x89PNG\r\n\x1a\n", 40), "PNG, 8 bytes");
        assert_eq!(line(&[0xff; 4], 40), "ff ff ff ff");
        assert_eq!(line(&[0xff; 400], 9), "ff ff ff…");
        assert_eq!(line("a\u{202e}b".as_bytes(), 40), "a\u{fffd}b");
    }

    #[test]
    fn a_large_payload_is_read_whole() {
        let payload = format!("[{}]", vec!["{\"v\":1.5}"; 500_000].join(","));
        assert!(payload.len() > 4_999_999);
        let decoded = Decoders::new().decode(b"t", payload.as_bytes(), None);
        assert!(matches!(&decoded.body, Body::Tree(Value::List(items)) if items.len() == 500_000));
    }
}
