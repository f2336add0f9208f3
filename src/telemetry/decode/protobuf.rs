//! Protocol Buffers by schemas of the user, compiled when they are loaded, or without a schema by what the wire tells.
//!
//! The library gives the descriptors; the payload is read field by field here, because values are counted, mismatches have a
//! place, and fields that the schema does not know stay.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};
use protox::Compiler;
use protox::file::{File, FileResolver, GoogleFileResolver};
use regex::Regex;
use rustc_hash::FxHashMap;

use super::build::short_float;
use super::limit::Count;
use super::wire::{Content, Field, Fields};
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;
use crate::telemetry::value::{DecodeFailure, Value};

/// How deep messages may stand in one another, as the other implementations have it.
const MAX_DEPTH: usize = 100;
/// How deep messages are guessed without a schema.
const MAX_GUESSED: usize = 12;
/// How large all schemas may be together, in bytes.
const MAX_SCHEMA_BYTES: usize = 4 * 1024 * 1024;
/// How many schemas there may be.
const MAX_SCHEMAS: usize = 500;

/// Why schemas cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// One of them is wrong.
    #[error("{detail}")]
    Bad {
        /// File, line and column, and what is wrong there.
        detail: String,
    },
    /// They are too many or too large.
    #[error("{files} schemas of {bytes} bytes are too much")]
    TooLarge {
        /// How many there are.
        files: usize,
        /// How large they are together.
        bytes: usize,
    },
    /// There is no message type in them.
    #[error("there is no message type in the schemas")]
    Empty,
}

impl Explain for SchemaError {
    fn explain(&self) -> Problem {
        match self {
            Self::Bad { detail } => Problem::new(
                "decode.schema",
                "The Protobuf schemas cannot be used",
                "A line is wrong, or a file that is imported was not chosen along with the others",
                "Choose all files that belong together, and fix the named line",
            )
            .with_detail(detail),
            Self::TooLarge { files, bytes } => Problem::new(
                "decode.schema_size",
                format!("{files} Protobuf schemas with {bytes} bytes are more than are read"),
                "A whole folder was chosen, or a file that isn't a schema",
                "Choose the files that describe the payloads, and those they import",
            ),
            Self::Empty => Problem::new(
                "decode.schema_empty",
                "There is no message type in the Protobuf schemas",
                "The files have only services, options or enumerations",
                "Choose the files that describe the payloads",
            ),
        }
    }
}

/// The schemas of the user.
#[derive(Clone, Debug, Default)]
pub(super) struct Schemas {
    pool: DescriptorPool,
}

/// The files that were chosen, under the names by which they import one another.
struct Chosen(FxHashMap<String, String>);

impl FileResolver for Chosen {
    fn resolve_path(&self, path: &Path) -> Option<String> {
        path.to_str().map(str::to_owned)
    }

    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match self.0.get(name) {
            Some(text) => File::from_source(name, text),
            None => GoogleFileResolver::new().open_file(name),
        }
    }
}

impl Schemas {
    /// Compiles schemas, given by path and text.
    pub(super) fn load(files: &[(String, String)]) -> Result<Self, SchemaError> {
        let bytes = files.iter().map(|(_, text)| text.len()).sum();
        if files.len() > MAX_SCHEMAS || bytes > MAX_SCHEMA_BYTES {
            return Err(SchemaError::TooLarge { files: files.len(), bytes });
        }
        let imports: Vec<&str> = files.iter().flat_map(|(_, text)| imports(text)).collect();
        let named: Vec<(String, String)> =
            files.iter().map(|(path, text)| (import_name(path, &imports), text.clone())).collect();
        let bad = |error: protox::Error| SchemaError::Bad { detail: visible(&format!("{error:?}"), 400) };
        let mut compiler = Compiler::with_file_resolver(Chosen(named.iter().cloned().collect()));
        compiler.include_imports(true);
        for (name, _) in &named {
            compiler.open_file(name).map_err(bad)?;
        }
        let schemas = Self { pool: compiler.descriptor_pool() };
        if schemas.types().is_empty() && !files.is_empty() { Err(SchemaError::Empty) } else { Ok(schemas) }
    }

    /// The names of all message types.
    pub(super) fn types(&self) -> Vec<String> {
        let messages = self.pool.all_messages().filter(|message| !message.is_map_entry());
        let own = messages.filter(|message| !message.full_name().starts_with("google.protobuf."));
        let mut names: Vec<String> = own.map(|message| message.full_name().to_owned()).collect();
        names.sort();
        names
    }

    /// Reads a payload as a message of that type, or without a schema.
    pub(super) fn parse(&self, payload: &[u8], message_type: Option<&str>) -> Result<Value, DecodeFailure> {
        let mut reader = Reader::default();
        let Some(name) = message_type else { return reader.guess(Fields::new(payload), 0) };
        let Some(message) = self.pool.get_message_by_name(name.trim_start_matches('.')) else {
            let what = format!("no schema that was loaded has a message type {}", visible(name, 100));
            return Err(DecodeFailure { offset: 0, what });
        };
        reader.message(&mut Fields::new(payload), &message, 0, false)
    }
}

/// The files a schema imports.
fn imports(text: &str) -> Vec<&str> {
    static IMPORT: OnceLock<Option<Regex>> = OnceLock::new();
    let pattern = r#"(?m)^\s*import\s+(?:public\s+|weak\s+)?["']([^"']+)["']"#;
    let import = IMPORT.get_or_init(|| Regex::new(pattern).ok());
    let found = import.iter().flat_map(|import| import.captures_iter(text));
    found.filter_map(|captures| captures.get(1)).map(|name| name.as_str()).collect()
}

/// The name by which others import a file: the longest one that its path ends with, or else its own name.
fn import_name(path: &str, imports: &[&str]) -> String {
    let path = path.replace('\\', "/");
    let ends = |import: &&&str| path == **import || path.strip_suffix(**import).is_some_and(|rest| rest.ends_with('/'));
    let longest = imports.iter().filter(ends).max_by_key(|import| import.len());
    longest.map_or_else(|| path.rsplit('/').next().unwrap_or(&path).to_owned(), |import| (*import).to_owned())
}

/// Members by the number of their field.
#[derive(Default)]
struct Members {
    members: Vec<(Arc<str>, Value)>,
    places: FxHashMap<u32, usize>,
}

impl Members {
    /// The value of a field so far, or a new one.
    fn slot(&mut self, number: u32, name: impl FnOnce() -> Arc<str>, empty: Value) -> &mut Value {
        let place = *self.places.entry(number).or_insert(self.members.len());
        if place == self.members.len() {
            self.members.push((name(), empty));
        }
        &mut self.members[place].1
    }

    /// Adds one more of a field that may stand several times.
    fn add(&mut self, number: u32, name: impl FnOnce() -> Arc<str>, value: Value) {
        let is_new = !self.places.contains_key(&number);
        let slot = self.slot(number, name, Value::Null);
        match slot {
            _ if is_new => *slot = value,
            Value::List(items) => items.push(value),
            _ => *slot = Value::List(vec![std::mem::replace(slot, Value::Null), value]),
        }
    }
}

#[derive(Default)]
struct Reader {
    count: Count,
}

impl Reader {
    fn count(&mut self, offset: usize) -> Result<(), DecodeFailure> {
        if self.count.one() {
            return Ok(());
        }
        Err(DecodeFailure { offset, what: "there are more values than are read".into() })
    }

    fn message(
        &mut self,
        fields: &mut Fields<'_>,
        message: &MessageDescriptor,
        depth: usize,
        is_group: bool,
    ) -> Result<Value, DecodeFailure> {
        self.count(fields.offset())?;
        if depth > MAX_DEPTH {
            return Err(too_deep(fields.offset()));
        }
        let mut members = Members::default();
        loop {
            let Some(field) = fields.next()? else {
                if is_group {
                    return Err(DecodeFailure { offset: fields.offset(), what: "it ends inside a group".into() });
                }
                break;
            };
            if matches!(field.content, Content::GroupEnd) {
                if is_group {
                    break;
                }
                return Err(DecodeFailure { offset: field.offset, what: "a group ends that did not begin".into() });
            }
            if let Some(known) = message.get_field(field.number) {
                self.known(fields, field, &known, &mut members, depth)?;
            } else {
                let value = self.unknown(fields, field, MAX_GUESSED)?;
                members.add(field.number, || format!("unknown {}", field.number).into(), value);
            }
        }
        for field in message.fields() {
            // What has its usual value is not sent, and is there all the same.
            if !field.supports_presence() && !field.is_list() && !field.is_map() {
                self.count(fields.offset())?;
                members.slot(field.number(), || field.name().into(), default_of(&field.kind()));
            }
        }
        Ok(well_known(message.full_name(), members.members))
    }

    fn known(
        &mut self,
        fields: &mut Fields<'_>,
        field: Field<'_>,
        known: &FieldDescriptor,
        members: &mut Members,
        depth: usize,
    ) -> Result<(), DecodeFailure> {
        let name = || Arc::from(known.name());
        if known.is_map() {
            let Content::Bytes(mut entry) = field.content else { return Err(mismatch(field, known)) };
            let Kind::Message(entry_type) = known.kind() else { return Err(mismatch(field, known)) };
            let (key, value) = self.map_entry(&mut entry, &entry_type, depth + 1)?;
            if let Value::Map(entries) = members.slot(field.number, name, Value::Map(Vec::new())) {
                entries.push((key, value));
            }
            return Ok(());
        }
        if known.is_list()
            && let Content::Bytes(mut packed) = field.content
            && !matches!(known.kind(), Kind::String | Kind::Bytes | Kind::Message(_))
        {
            let mut items = Vec::new();
            while !packed.is_at_end() {
                let offset = packed.offset();
                self.count(offset)?;
                let content = match width(&known.kind()) {
                    4 => Content::Fixed32(packed.fixed32()?),
                    8 => Content::Fixed64(packed.fixed64()?),
                    _ => Content::Varint(packed.varint()?),
                };
                items.push(self.single(fields, Field { number: field.number, offset, content }, known, depth)?);
            }
            if let Value::List(list) = members.slot(field.number, name, Value::List(Vec::new())) {
                list.append(&mut items);
            }
            return Ok(());
        }
        let value = self.single(fields, field, known, depth)?;
        if known.is_list() {
            if let Value::List(items) = members.slot(field.number, name, Value::List(Vec::new())) {
                items.push(value);
            }
        } else {
            *members.slot(field.number, name, Value::Null) = value;
        }
        Ok(())
    }

    fn map_entry(
        &mut self,
        fields: &mut Fields<'_>,
        entry: &MessageDescriptor,
        depth: usize,
    ) -> Result<(Arc<str>, Value), DecodeFailure> {
        self.count(fields.offset())?;
        let (key_field, value_field) = (entry.map_entry_key_field(), entry.map_entry_value_field());
        let (mut key, mut value) = (default_of(&key_field.kind()), default_of(&value_field.kind()));
        while let Some(field) = fields.next()? {
            match field.number {
                1 => key = self.single(fields, field, &key_field, depth)?,
                2 => value = self.single(fields, field, &value_field, depth)?,
                _ => drop(self.unknown(fields, field, 0)?),
            }
        }
        let key = match key {
            Value::Text(key) => key,
            key => super::json::to_json(&key).into(),
        };
        Ok((key, value))
    }

    /// One value of a field.
    fn single(
        &mut self,
        fields: &mut Fields<'_>,
        field: Field<'_>,
        known: &FieldDescriptor,
        depth: usize,
    ) -> Result<Value, DecodeFailure> {
        self.count(field.offset)?;
        let whole = |number: i128| Ok(Value::Integer(number));
        // A number of 32 bits may come with all 64, as one that was extended.
        let low = |number: u64| u32::try_from(number & 0xffff_ffff).unwrap_or_default();
        match (known.kind(), field.content) {
            (Kind::Double, Content::Fixed64(bits)) => Ok(Value::Number(f64::from_bits(bits))),
            (Kind::Float, Content::Fixed32(bits)) => Ok(short_float(f32::from_bits(bits))),
            (Kind::Int32, Content::Varint(number)) => whole(low(number).cast_signed().into()),
            (Kind::Int64, Content::Varint(number)) | (Kind::Sfixed64, Content::Fixed64(number)) => {
                whole(number.cast_signed().into())
            }
            (Kind::Uint32, Content::Varint(number)) => whole(low(number).into()),
            (Kind::Uint64, Content::Varint(number)) | (Kind::Fixed64, Content::Fixed64(number)) => whole(number.into()),
            (Kind::Sint32, Content::Varint(number)) => {
                let number = low(number);
                whole(((number >> 1).cast_signed() ^ -(number & 1).cast_signed()).into())
            }
            (Kind::Sint64, Content::Varint(number)) => {
                whole(((number >> 1).cast_signed() ^ -(number & 1).cast_signed()).into())
            }
            (Kind::Fixed32, Content::Fixed32(number)) => whole(number.into()),
            (Kind::Sfixed32, Content::Fixed32(number)) => whole(number.cast_signed().into()),
            (Kind::Bool, Content::Varint(number)) => Ok(Value::Bool(number != 0)),
            (Kind::Enum(names), Content::Varint(number)) => {
                let number = low(number).cast_signed();
                let name = names.get_value(number).map(|value| Value::Text(value.name().into()));
                Ok(name.unwrap_or(Value::Integer(number.into())))
            }
            (Kind::String, Content::Bytes(text)) => match std::str::from_utf8(text.bytes()) {
                Ok(text) => Ok(Value::Text(text.into())),
                Err(error) => Err(DecodeFailure {
                    offset: text.base() + error.valid_up_to(),
                    what: format!("the text of field {} is not UTF-8 here", known.name()),
                }),
            },
            (Kind::Bytes, Content::Bytes(bytes)) => Ok(Value::Bytes(bytes.bytes().into())),
            (Kind::Message(message), Content::Bytes(mut inner)) if !known.is_group() => {
                self.message(&mut inner, &message, depth + 1, false)
            }
            (Kind::Message(message), Content::GroupStart) if known.is_group() => {
                self.message(fields, &message, depth + 1, true)
            }
            _ => Err(mismatch(field, known)),
        }
    }

    /// A field no schema knows, as far as the wire tells. What stands in bytes is guessed down to that depth.
    fn unknown(&mut self, fields: &mut Fields<'_>, field: Field<'_>, guesses: usize) -> Result<Value, DecodeFailure> {
        self.count(field.offset)?;
        Ok(match field.content {
            Content::Varint(number) => Value::Integer(number.into()),
            Content::Fixed32(bits) => {
                likely(f64::from(f32::from_bits(bits)), short_float(f32::from_bits(bits)), bits.into())
            }
            Content::Fixed64(bits) => likely(f64::from_bits(bits), Value::Number(f64::from_bits(bits)), bits),
            Content::Bytes(inner) => {
                let text = std::str::from_utf8(inner.bytes())
                    .ok()
                    .filter(|text| !text.contains(|c: char| c.is_control() && !c.is_whitespace()));
                match text {
                    Some(text) => Value::Text(text.into()),
                    None if guesses > 0 => match self.guess(inner, MAX_GUESSED + 1 - guesses) {
                        Ok(value) => value,
                        Err(failure) if failure.what.starts_with("there are more values") => return Err(failure),
                        Err(_) => Value::Bytes(inner.bytes().into()),
                    },
                    None => Value::Bytes(inner.bytes().into()),
                }
            }
            Content::GroupStart => {
                fields.skip_group()?;
                Value::Text("a group".into())
            }
            Content::GroupEnd => {
                return Err(DecodeFailure { offset: field.offset, what: "a group ends that did not begin".into() });
            }
        })
    }

    /// Fields by their numbers, without a schema.
    fn guess(&mut self, mut fields: Fields<'_>, depth: usize) -> Result<Value, DecodeFailure> {
        if depth > MAX_GUESSED {
            return Err(too_deep(fields.offset()));
        }
        let mut members = Members::default();
        while let Some(field) = fields.next()? {
            let value = self.unknown(&mut fields, field, MAX_GUESSED - depth)?;
            members.add(field.number, || field.number.to_string().into(), value);
        }
        Ok(Value::Map(members.members))
    }
}

fn too_deep(offset: usize) -> DecodeFailure {
    DecodeFailure { offset, what: "messages are nested too deep".into() }
}

/// Bits that are a number with a fraction, or else a whole number.
fn likely(number: f64, fraction: Value, bits: u64) -> Value {
    if bits == 0 || (1e-6..1e12).contains(&number.abs()) { fraction } else { Value::Integer(bits.into()) }
}

fn mismatch(field: Field<'_>, known: &FieldDescriptor) -> DecodeFailure {
    let is = match field.content {
        Content::Varint(_) => "a number",
        Content::Fixed64(_) => "a number of 64 bits",
        Content::Fixed32(_) => "a number of 32 bits",
        Content::Bytes(_) => "bytes",
        Content::GroupStart | Content::GroupEnd => "a group",
    };
    let should = format!("{:?}", known.kind()).to_lowercase();
    let should = should.split('(').next().unwrap_or_default();
    DecodeFailure {
        offset: field.offset,
        what: format!("field {} ({}) should be {should}, and is {is}", field.number, visible(known.name(), 100)),
    }
}

/// The width of a number of fixed width, in bytes; 0 for others.
fn width(kind: &Kind) -> usize {
    match kind {
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => 4,
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => 8,
        _ => 0,
    }
}

fn default_of(kind: &Kind) -> Value {
    match kind {
        Kind::Double | Kind::Float => Value::Number(0.0),
        Kind::Bool => Value::Bool(false),
        Kind::String => Value::Text("".into()),
        Kind::Bytes => Value::Bytes([].as_slice().into()),
        Kind::Enum(names) => Value::Text(names.default_value().name().into()),
        Kind::Message(_) => Value::Null,
        _ => Value::Integer(0),
    }
}

/// Messages of Google's that stand for something plain.
fn well_known(name: &str, members: Vec<(Arc<str>, Value)>) -> Value {
    let Some(short) = name.strip_prefix("google.protobuf.") else { return Value::Map(members) };
    let value = Value::Map(members);
    let whole = |name: &str| match value.member(name) {
        Some(Value::Integer(number)) => i64::try_from(*number).ok(),
        _ => Some(0),
    };
    let known = match short {
        "Timestamp" => whole("seconds")
            .zip(whole("nanos"))
            .and_then(|(seconds, nanos)| seconds.checked_mul(1_000_000)?.checked_add(nanos / 1000).map(Value::Time)),
        #[expect(clippy::cast_precision_loss, reason = "a duration is shown in seconds")]
        "Duration" => whole("seconds")
            .zip(whole("nanos"))
            .map(|(seconds, nanos)| Value::Number(seconds as f64 + nanos as f64 / 1e9)),
        "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value" | "Int32Value" | "UInt32Value" | "BoolValue"
        | "StringValue" | "BytesValue" => value.member("value").cloned(),
        _ => None,
    };
    known.unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost_reflect::prost::Message as _;
    use prost_reflect::{DynamicMessage, Value as Theirs};

    use super::*;
    use crate::telemetry::decode::json;

    const SCHEMA: &str = r#"
syntax = "proto3";
package site;
import "common/unit.proto";
import "google/protobuf/timestamp.proto";
message Reading {
  string name = 1;
  double value = 2;
  sint32 offset = 3;
  repeated uint32 counts = 4;
  repeated string tags = 5;
  map<string, int64> totals = 6;
  common.Unit unit = 7;
  google.protobuf.Timestamp at = 8;
  Reading inner = 9;
  bytes raw = 10;
  optional bool ok = 11;
  fixed64 wide = 12;
  float small = 13;
}
"#;
    const UNIT: &str = "syntax = \"proto3\"; package common; enum Unit { NONE = 0; CELSIUS = 1; }";

    fn schemas() -> Schemas {
        let files = [("/home/me/site.proto", SCHEMA), ("/home/me/x/common/unit.proto", UNIT)];
        Schemas::load(&files.map(|(name, text)| (name.to_owned(), text.to_owned()))).unwrap()
    }

    fn load(text: &str) -> String {
        Schemas::load(&[("a.proto".into(), text.into())]).unwrap_err().to_string()
    }

    #[test]
    fn schemas_are_compiled_and_import_one_another() {
        assert_eq!(schemas().types(), ["site.Reading"]);
        assert_eq!(import_name("C:\\x\\b\\unit.proto", &["b/unit.proto", "unit.proto"]), "b/unit.proto");
        assert_eq!(import_name("/x/other.proto", &["unit.proto"]), "other.proto");
    }

    #[test]
    fn what_is_wrong_in_a_schema_is_told_with_its_line() {
        assert!(
            load("syntax = \"proto3\";\nmessage A {\n  strin name = 1;\n}").starts_with("a.proto:3:"),
            "a wrong type"
        );
        assert!(load("syntax = \"proto3\";\nmessage A { string name = }").starts_with("a.proto:2:"), "a wrong line");
        assert!(load("syntax = \"proto3\";\nimport \"b.proto\";").contains("import 'b.proto' not found"));
        assert!(load("import \"a.proto\";").contains("cycle"));
        assert_eq!(load("syntax = \"proto3\"; enum E { A = 0; }"), "there is no message type in the schemas");
        assert!(load(&" ".repeat(5_000_000)).ends_with("are too much"));
        assert!(!load(&"message A {".repeat(20_000)).is_empty());
        assert!(!load(&format!("message A {{ option (x) = {};", "{a:".repeat(20_000))).is_empty());
    }

    /// A message by another reader and writer.
    fn encoded(build: impl FnOnce(&mut DynamicMessage)) -> Vec<u8> {
        let descriptor = schemas().pool.get_message_by_name("site.Reading").unwrap();
        let mut message = DynamicMessage::new(descriptor);
        build(&mut message);
        message.encode_to_vec()
    }

    #[track_caller]
    fn check(payload: &[u8], expected: &str) {
        let shown = match schemas().parse(payload, Some("site.Reading")) {
            Ok(value) => json::to_json(&value),
            Err(failure) => format!("{}: {}", failure.offset, failure.what),
        };
        assert_eq!(shown, expected);
    }

    const USUAL: &str = r#""name":"","value":0.0,"offset":0,"unit":"NONE","raw":"","wide":0,"small":0.0"#;

    #[test]
    fn messages_are_read_by_their_schema() {
        check(b"", &format!("{{{USUAL}}}"));
        let payload = encoded(|message| {
            message.set_field_by_name("name", Theirs::String("hall".into()));
            message.set_field_by_name("offset", Theirs::I32(-3));
            message.set_field_by_name("counts", Theirs::List(vec![Theirs::U32(1), Theirs::U32(300)]));
            message.set_field_by_name("tags", Theirs::List(vec![Theirs::String("a".into())]));
            message.set_field_by_name("unit", Theirs::EnumNumber(1));
            message.set_field_by_name("ok", Theirs::Bool(false));
            message.set_field_by_name("small", Theirs::F32(0.1));
            message.set_field_by_name("raw", Theirs::Bytes(vec![1, 2, 255].into()));
            message.set_field_by_name("wide", Theirs::U64(u64::MAX));
        });
        check(
            &payload,
            r#"{"name":"hall","offset":-3,"counts":[1,300],"tags":["a"],"unit":"CELSIUS","raw":"AQL/","ok":false,"wide":18446744073709551615,"small":0.1,"value":0.0}"#,
        );
        check(
            b"\x32\x05\x0a\x01a\x10\x07\x42\x06\x08\xb0\xcf\xad\x8a\x05",
            &format!(r#"{{"totals":{{"a":7}},"at":"2013-03-21T20:04:00Z",{USUAL}}}"#),
        );
        check(
            b"\x4a\x03\x0a\x01x",
            &format!(
                "{{\"inner\":{},{USUAL}}}",
                r#"{"name":"x","value":0.0,"offset":0,"unit":"NONE","raw":"","wide":0,"small":0.0}"#
            ),
        );
        check(b"\x38\x07", &format!("{{\"unit\":7,{}}}", USUAL.replace("\"unit\":\"NONE\",", "")));
        check(b"\x20\x01\x20\x02\x22\x01\x03", &format!("{{\"counts\":[1,2,3],{USUAL}}}"));
        check(b"\xa0\x06\x05\xa0\x06\x06", &format!("{{\"unknown 100\":[5,6],{USUAL}}}"));
    }

    #[test]
    fn what_does_not_match_is_said_with_its_place() {
        check(b"\x0a\x01x\x12\x01x", "3: field 2 (value) should be double, and is bytes");
        check(b"\x4a\x02\x08\x07", "2: field 1 (name) should be string, and is a number");
        check(b"\x0a\x02x\xff", "3: the text of field name is not UTF-8 here");
        check(b"\x0a\x05x", "2: 5 bytes should follow, and 1 do");
        check(b"\x02", "0: there is no field of that number");
        check(b"\x0f\x00", "0: there is no kind of field like that");
        check(b"\x0c", "0: a group ends that did not begin");
        check(&[0xff; 11], "0: a number is longer than 64 bits");
        let failure = schemas().parse(b"", Some("site.Other")).unwrap_err();
        assert_eq!(failure.what, "no schema that was loaded has a message type site.Other");
    }

    #[test]
    fn bombs_are_bounded() {
        let mut deep = Vec::new();
        for _ in 0..2000 {
            let mut outer = vec![0x4a];
            prost_reflect::prost::encoding::encode_varint(deep.len() as u64, &mut outer);
            outer.extend_from_slice(&deep);
            deep = outer;
        }
        assert_eq!(schemas().parse(&deep, Some("site.Reading")).unwrap_err().what, "messages are nested too deep");
        let many = b"\x20\x01".repeat(5_000_000);
        assert_eq!(
            schemas().parse(&many, Some("site.Reading")).unwrap_err().what,
            "there are more values than are read"
        );
        let _ = Schemas::default().parse(&deep, None);
        let groups = b"\x0b".repeat(1_000_000);
        assert!(Schemas::default().parse(&groups, None).is_err());
    }

    #[test]
    fn without_a_schema_the_wire_is_shown() {
        let payload = b"\x0a\x04hall\x11\x00\x00\x00\x00\x00\x80\x35\x40\x18\x07\x18\x08\x22\x03\x08\x96\x01";
        let value = Schemas::default().parse(payload, None).unwrap();
        assert_eq!(json::to_json(&value), r#"{"1":"hall","2":21.5,"3":[7,8],"4":{"1":150}}"#);
    }

    proptest! {
        #[test]
        fn noise_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let schemas = schemas();
            for message_type in [None, Some("site.Reading")] {
                if let Err(failure) = schemas.parse(&bytes, message_type) {
                    prop_assert!(failure.offset <= bytes.len());
                }
            }
        }

        #[test]
        fn what_another_library_reads_is_read(bytes in prop::collection::vec(prop_oneof![
            Just(0x0a_u8), Just(0x12), Just(0x18), Just(0x22), Just(0x4a), 0_u8..4, any::<u8>(),
        ], 0..40)) {
            let schemas = schemas();
            let descriptor = schemas.pool.get_message_by_name("site.Reading").unwrap();
            if DynamicMessage::decode(descriptor, bytes.as_slice()).is_ok() {
                prop_assert!(schemas.parse(&bytes, Some("site.Reading")).is_ok());
            }
        }
    }
}
