//! Sparkplug B (specification 3.0, chapters 4 and 6): payloads, and what must be known of earlier messages to read them.
//!
//! A birth tells names, types and aliases of metrics; the data behind it may carry aliases only. [`Nodes`] keeps that by edge
//! node and device, with the time from which it holds, and follows the sequence numbers.

mod nodes;

use std::sync::Arc;

use self::nodes::Birth;
pub use self::nodes::NodeState;
pub(super) use self::nodes::{Nodes, Topic};
use super::build::short_float;
use super::limit::Count;
use super::wire::{Content, Field, Fields};
use crate::model::text::{hex, visible};
use crate::telemetry::value::{DecodeFailure, Value};

/// How deep templates may stand in one another.
const MAX_DEPTH: usize = 32;

/// A payload read, and facts beside it.
type Read = (Value, Vec<(String, String)>);

/// Reads a payload; by a topic of the namespace, with what is known of its sender at that time.
pub(super) fn parse(nodes: &Nodes, topic: &[u8], payload: &[u8], mono_micros: u64) -> Result<Read, DecodeFailure> {
    let topic = Topic::parse(topic);
    let node = topic.and_then(|topic| nodes.get(topic));
    let source = topic.zip(node).and_then(|(topic, node)| match topic.device {
        Some(device) => node.devices.get(device),
        None => Some(&node.own),
    });
    let birth = source.and_then(|source| source.birth(mono_micros));
    let mut reader = Reader { birth, count: Count::default(), unnamed: 0 };
    let value = reader.payload(Fields::new(payload))?;
    let mut notes = Vec::new();
    let mut note = |name: &str, text: String| notes.push((name.to_owned(), text));
    if let Some(topic) = topic {
        note("message", topic.kind.into());
        note("edge node", visible(&format!("{}/{}", topic.group, topic.node), 200));
        if let Some(device) = topic.device {
            note("device", visible(device, 200));
        }
        if topic.kind.ends_with("DATA") && birth.is_none() {
            let is_forgotten = source.is_some_and(|source| source.born > source.births.len() as u64);
            let told = if is_forgotten {
                "the one valid then isn't stored any more: types and names may be missing"
            } else {
                "none was seen before this message: types and names may be missing; a rebirth would supply them"
            };
            note("birth", told.into());
        }
        if let Some(source) = source.filter(|source| source.born > 1) {
            note("births", format!("{}: it was born again, or connected again", source.born));
        }
    }
    if reader.unnamed > 0 {
        note("aliases", format!("{} of them are not known: no birth named them", reader.unnamed));
    }
    if let Some(node) = node.filter(|node| node.jumps > 0) {
        note("sequence", format!("{} jumps since the start: messages of this edge node are missing", node.jumps));
    }
    Ok((value, notes))
}

struct Reader<'a> {
    birth: Option<&'a Birth>,
    count: Count,
    unnamed: usize,
}

/// The members of a metric or parameter, before its value is known for what it is.
#[derive(Default)]
struct Raw<'a> {
    name: Option<Arc<str>>,
    alias: Option<u64>,
    datatype: Option<u32>,
    is_null: bool,
    value: Option<Field<'a>>,
    /// Which form the value has: the field's number, counted from the first one of the choice.
    form: u32,
    extras: Vec<(Arc<str>, Value)>,
}

impl Reader<'_> {
    fn count(&mut self, offset: usize) -> Result<(), DecodeFailure> {
        if self.count.one() {
            return Ok(());
        }
        Err(DecodeFailure { offset, what: "there are more values than are read".into() })
    }

    fn payload(&mut self, mut fields: Fields<'_>) -> Result<Value, DecodeFailure> {
        let (mut members, mut metrics, mut details) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(field) = fields.next()? {
            match (field.number, field.content) {
                (1, Content::Varint(millis)) => members.push(("timestamp".into(), time(millis))),
                (2, Content::Bytes(metric)) => self.metric(metric, &mut metrics, &mut details, 0)?,
                (3, Content::Varint(seq)) => members.push(("seq".into(), unsigned(seq))),
                (4, Content::Bytes(uuid)) => members.push(("uuid".into(), text(uuid)?)),
                (5, Content::Bytes(body)) => members.push(("body".into(), Value::Bytes(body.bytes().into()))),
                (_, Content::GroupStart) => fields.skip_group()?,
                (1..=5, _) => return Err(mismatch(field)),
                _ => {}
            }
        }
        members.push(("metrics".into(), Value::Map(metrics)));
        if !details.is_empty() {
            members.push(("details".into(), Value::Map(details)));
        }
        Ok(Value::Map(members))
    }

    /// Reads a metric: its value goes by its name, and what else is told of it beside that.
    fn metric(
        &mut self,
        mut fields: Fields<'_>,
        metrics: &mut Vec<(Arc<str>, Value)>,
        details: &mut Vec<(Arc<str>, Value)>,
        depth: usize,
    ) -> Result<(), DecodeFailure> {
        let start = fields.offset();
        self.count(start)?;
        if depth > MAX_DEPTH {
            return fields.fail(0, "templates are nested too deep");
        }
        let mut raw = Raw::default();
        while let Some(field) = fields.next()? {
            match (field.number, field.content) {
                (1, Content::Bytes(name)) => raw.name = Some(name_of(name)?),
                (2, Content::Varint(alias)) => raw.alias = Some(alias),
                (3, Content::Varint(millis)) => raw.extras.push(("timestamp".into(), time(millis))),
                (4, Content::Varint(datatype)) => raw.datatype = u32::try_from(datatype).ok(),
                (5, Content::Varint(flag)) if flag != 0 => raw.extras.push(("historical".into(), Value::Bool(true))),
                (6, Content::Varint(flag)) if flag != 0 => raw.extras.push(("transient".into(), Value::Bool(true))),
                (7, Content::Varint(flag)) => raw.is_null = flag != 0,
                (8, Content::Bytes(metadata)) => raw.extras.push(("metadata".into(), self.metadata(metadata)?)),
                (9, Content::Bytes(set)) => raw.extras.push(("properties".into(), self.properties(set, depth + 1)?)),
                (10..=19, Content::GroupStart) => return Err(mismatch(field)),
                (10..=19, _) => (raw.value, raw.form) = (Some(field), field.number - 10),
                (_, Content::GroupStart) => fields.skip_group()?,
                (5 | 6, Content::Varint(_)) => {}
                (1..=9, _) => return Err(mismatch(field)),
                _ => {}
            }
        }
        let known = raw.alias.and_then(|alias| self.birth.and_then(|birth| birth.by_alias.get(&alias)));
        if raw.name.as_deref().is_none_or(str::is_empty) {
            raw.name = known.map(|known| Arc::clone(&known.name));
        }
        let name = raw.name.take().unwrap_or_else(|| {
            self.unnamed += 1;
            raw.alias.map_or_else(|| "without a name".into(), |alias| format!("alias {alias}").into())
        });
        let by_name = || self.birth.and_then(|birth| birth.types.get(&name)).copied();
        let datatype = raw.datatype.or(known.map(|known| known.datatype)).or_else(by_name);
        let value = match raw.value {
            None => Value::Null,
            Some(_) if raw.is_null => Value::Null,
            Some(field) => self.value(field, raw.form, datatype, depth)?,
        };
        let mut about = Vec::new();
        about.extend(datatype.map(|datatype| ("type".into(), Value::Text(type_name(datatype).into()))));
        about.extend(raw.alias.map(|alias| ("alias".into(), unsigned(alias))));
        about.append(&mut raw.extras);
        if !about.is_empty() {
            details.push((Arc::clone(&name), Value::Map(about)));
        }
        metrics.push((name, value));
        Ok(())
    }

    /// A value by the place of its form in the choice, which is the same for metrics, parameters and properties: whole
    /// numbers of 32 and 64 bits, float, double, boolean, text, and then what differs.
    fn value(
        &mut self,
        field: Field<'_>,
        form: u32,
        datatype: Option<u32>,
        depth: usize,
    ) -> Result<Value, DecodeFailure> {
        self.count(field.offset)?;
        Ok(match (form, field.content) {
            (0 | 1, Content::Varint(number)) => whole(number, form == 0, datatype),
            (2, Content::Fixed32(bits)) => short_float(f32::from_bits(bits)),
            (3, Content::Fixed64(bits)) => Value::Number(f64::from_bits(bits)),
            (4, Content::Varint(flag)) => Value::Bool(flag != 0),
            (5, Content::Bytes(bytes)) => text(bytes)?,
            (6, Content::Bytes(bytes)) => self.bytes(bytes, datatype)?,
            (7, Content::Bytes(set)) => self.data_set(set)?,
            (8, Content::Bytes(template)) => self.template(template, depth + 1)?,
            (_, Content::Bytes(bytes)) => Value::Bytes(bytes.bytes().into()),
            _ => return Err(mismatch(field)),
        })
    }

    fn metadata(&mut self, mut fields: Fields<'_>) -> Result<Value, DecodeFailure> {
        const NAMES: [&str; 8] =
            ["is_multi_part", "content_type", "size", "seq", "file_name", "file_type", "md5", "description"];
        let mut members: Vec<(Arc<str>, Value)> = Vec::new();
        while let Some(field) = fields.next()? {
            self.count(field.offset)?;
            let name = NAMES.get(field.number as usize - 1).copied();
            match (name, field.content) {
                (Some(name @ "is_multi_part"), Content::Varint(flag)) => {
                    members.push((name.into(), Value::Bool(flag != 0)));
                }
                (Some(name), Content::Varint(number)) => members.push((name.into(), unsigned(number))),
                (Some(name), Content::Bytes(bytes)) => members.push((name.into(), text(bytes)?)),
                (_, Content::GroupStart) => fields.skip_group()?,
                _ => {}
            }
        }
        Ok(Value::Map(members))
    }

    fn properties(&mut self, mut fields: Fields<'_>, depth: usize) -> Result<Value, DecodeFailure> {
        if depth > MAX_DEPTH {
            return fields.fail(0, "properties are nested too deep");
        }
        let (mut names, mut values) = (Vec::new(), Vec::new());
        while let Some(field) = fields.next()? {
            self.count(field.offset)?;
            match (field.number, field.content) {
                (1, Content::Bytes(name)) => names.push(name_of(name)?),
                (2, Content::Bytes(value)) => values.push(self.property(value, depth)?),
                (_, Content::GroupStart) => fields.skip_group()?,
                _ => {}
            }
        }
        names.resize(values.len().max(names.len()), "without a name".into());
        values.resize(names.len(), Value::Null);
        Ok(Value::Map(names.into_iter().zip(values).collect()))
    }

    fn property(&mut self, mut fields: Fields<'_>, depth: usize) -> Result<Value, DecodeFailure> {
        let (mut datatype, mut is_null, mut found) = (None, false, None);
        while let Some(field) = fields.next()? {
            match (field.number, field.content) {
                (1, Content::Varint(number)) => datatype = u32::try_from(number).ok(),
                (2, Content::Varint(flag)) => is_null = flag != 0,
                (3..=11, Content::GroupStart) => return Err(mismatch(field)),
                (3..=11, _) => found = Some(field),
                (_, Content::GroupStart) => fields.skip_group()?,
                _ => {}
            }
        }
        match found {
            Some(field) if !is_null => match (field.number, field.content) {
                (9, Content::Bytes(set)) => self.properties(set, depth + 1),
                (10, Content::Bytes(mut list)) => {
                    let mut sets = Vec::new();
                    while let Some(field) = list.next()? {
                        match field.content {
                            Content::Bytes(set) if field.number == 1 => sets.push(self.properties(set, depth + 1)?),
                            Content::GroupStart => list.skip_group()?,
                            _ => {}
                        }
                    }
                    Ok(Value::List(sets))
                }
                (11, Content::Bytes(bytes)) => Ok(Value::Bytes(bytes.bytes().into())),
                (number, _) => self.value(field, number - 3, datatype, depth),
            },
            _ => Ok(Value::Null),
        }
    }

    /// A table: its rows by the names of the columns.
    fn data_set(&mut self, fields: Fields<'_>) -> Result<Value, DecodeFailure> {
        let (mut columns, mut types) = (Vec::new(), Vec::new());
        let mut heads = fields;
        while let Some(field) = heads.next()? {
            match (field.number, field.content) {
                (2, Content::Bytes(name)) => columns.push(name_of(name)?),
                (3, Content::Varint(datatype)) => types.push(u32::try_from(datatype).unwrap_or(0)),
                (3, Content::Bytes(mut packed)) => {
                    while !packed.is_at_end() {
                        types.push(u32::try_from(packed.varint()?).unwrap_or(0));
                    }
                }
                (_, Content::GroupStart) => heads.skip_group()?,
                _ => {}
            }
            self.count(field.offset)?;
        }
        let (mut rows, mut fields) = (Vec::new(), fields);
        while let Some(field) = fields.next()? {
            match (field.number, field.content) {
                (4, Content::Bytes(row)) => rows.push(self.row(row, &columns, &types)?),
                (_, Content::GroupStart) => fields.skip_group()?,
                _ => {}
            }
        }
        Ok(Value::List(rows))
    }

    fn row(&mut self, mut fields: Fields<'_>, columns: &[Arc<str>], types: &[u32]) -> Result<Value, DecodeFailure> {
        self.count(fields.offset())?;
        let mut members = Vec::new();
        while let Some(field) = fields.next()? {
            match field.content {
                Content::Bytes(mut element) if field.number == 1 => {
                    let place = members.len();
                    let datatype = types.get(place).copied();
                    let mut value = Value::Null;
                    self.count(field.offset)?;
                    while let Some(field) = element.next()? {
                        match (field.number, field.content) {
                            (_, Content::GroupStart) => element.skip_group()?,
                            (1..=7, _) => value = self.value(field, field.number - 1, datatype, 0)?,
                            _ => {}
                        }
                    }
                    let name = columns.get(place).cloned();
                    members.push((name.unwrap_or_else(|| format!("column {}", place + 1).into()), value));
                }
                Content::GroupStart => fields.skip_group()?,
                _ => {}
            }
        }
        Ok(Value::Map(members))
    }

    fn template(&mut self, mut fields: Fields<'_>, depth: usize) -> Result<Value, DecodeFailure> {
        let mut members: Vec<(Arc<str>, Value)> = Vec::new();
        let (mut metrics, mut details, mut parameters) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(field) = fields.next()? {
            match (field.number, field.content) {
                (1, Content::Bytes(version)) => members.push(("version".into(), text(version)?)),
                (2, Content::Bytes(metric)) => self.metric(metric, &mut metrics, &mut details, depth)?,
                (3, Content::Bytes(parameter)) => parameters.push(self.parameter(parameter, depth)?),
                (4, Content::Bytes(name)) => members.push(("template".into(), text(name)?)),
                (5, Content::Varint(flag)) => members.push(("is_definition".into(), Value::Bool(flag != 0))),
                (_, Content::GroupStart) => fields.skip_group()?,
                _ => {}
            }
        }
        if !parameters.is_empty() {
            members.push(("parameters".into(), Value::Map(parameters)));
        }
        members.push(("metrics".into(), Value::Map(metrics)));
        if !details.is_empty() {
            members.push(("details".into(), Value::Map(details)));
        }
        Ok(Value::Map(members))
    }

    fn parameter(&mut self, mut fields: Fields<'_>, depth: usize) -> Result<(Arc<str>, Value), DecodeFailure> {
        let (mut name, mut datatype, mut found) = (Arc::from("without a name"), None, None);
        self.count(fields.offset())?;
        while let Some(field) = fields.next()? {
            match (field.number, field.content) {
                (1, Content::Bytes(text)) => name = name_of(text)?,
                (2, Content::Varint(number)) => datatype = u32::try_from(number).ok(),
                (3..=9, Content::GroupStart) => return Err(mismatch(field)),
                (3..=9, _) => found = Some(field),
                (_, Content::GroupStart) => fields.skip_group()?,
                _ => {}
            }
        }
        let value = match found {
            Some(field) => self.value(field, field.number - 3, datatype, depth)?,
            None => Value::Null,
        };
        Ok((name, value))
    }

    /// Bytes, which for some types are numbers or texts in a row (section 6.4.17).
    fn bytes(&mut self, fields: Fields<'_>, datatype: Option<u32>) -> Result<Value, DecodeFailure> {
        let bytes = fields.bytes();
        let width = match datatype {
            Some(22 | 26) => 1,
            Some(23 | 27) => 2,
            Some(24 | 28 | 30) => 4,
            Some(25 | 29 | 31 | 34) => 8,
            Some(32) => return Ok(booleans(bytes)),
            Some(33) => {
                let texts = bytes.split(|byte| *byte == 0);
                let texts = texts.map(|text| Value::Text(String::from_utf8_lossy(text).as_ref().into()));
                let mut texts: Vec<Value> = texts.take(super::limit::MAX_VALUES).collect();
                texts.pop();
                return Ok(Value::List(texts));
            }
            _ => return Ok(Value::Bytes(bytes.into())),
        };
        let mut items = Vec::with_capacity(bytes.len() / width);
        for chunk in bytes.chunks_exact(width) {
            self.count(fields.base())?;
            let number = chunk.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
            items.push(match datatype {
                Some(30) => short_float(f32::from_bits(u32::try_from(number).unwrap_or_default())),
                Some(31) => Value::Number(f64::from_bits(number)),
                Some(34) => time(number),
                // Types of one, and of many, stand in the same order.
                datatype => whole(number, false, datatype.map(|datatype| datatype - 21)),
            });
        }
        Ok(Value::List(items))
    }
}

/// A count of four bytes, and then eight in a byte, the first one the most worth.
fn booleans(bytes: &[u8]) -> Value {
    let Some((count, bits)) = bytes.split_first_chunk() else { return Value::List(Vec::new()) };
    let count = usize::try_from(u32::from_le_bytes(*count)).unwrap_or(0).min(bits.len() * 8);
    let bit = |place: usize| bits[place / 8] >> (7 - place % 8) & 1 == 1;
    Value::List((0..count).map(|place| Value::Bool(bit(place))).collect())
}

/// A whole number: what is signed travels as if it were not.
fn whole(number: u64, is_32_bits: bool, datatype: Option<u32>) -> Value {
    let [first, second, third, fourth, ..] = number.to_le_bytes();
    match datatype {
        Some(1) => Value::Integer(i8::from_le_bytes([first]).into()),
        Some(2) => Value::Integer(i16::from_le_bytes([first, second]).into()),
        Some(3) => Value::Integer(i32::from_le_bytes([first, second, third, fourth]).into()),
        Some(4) if is_32_bits => Value::Integer(i32::from_le_bytes([first, second, third, fourth]).into()),
        Some(4) => Value::Integer(number.cast_signed().into()),
        Some(11) => Value::Bool(number != 0),
        Some(13) => time(number),
        _ => unsigned(number),
    }
}

fn unsigned(number: u64) -> Value {
    Value::Integer(number.into())
}

/// Milliseconds since 1970.
fn time(millis: u64) -> Value {
    let micros = i64::try_from(millis).ok().and_then(|millis| millis.checked_mul(1000));
    micros.map_or_else(|| unsigned(millis), Value::Time)
}

fn text(fields: Fields<'_>) -> Result<Value, DecodeFailure> {
    name_of(fields).map(Value::Text)
}

fn name_of(fields: Fields<'_>) -> Result<Arc<str>, DecodeFailure> {
    match std::str::from_utf8(fields.bytes()) {
        Ok(text) => Ok(text.into()),
        Err(error) => fields.fail(error.valid_up_to(), "the text is not UTF-8 here"),
    }
}

fn mismatch(field: Field<'_>) -> DecodeFailure {
    DecodeFailure { offset: field.offset, what: format!("field {} is of another kind in Sparkplug B", field.number) }
}

/// The name of a type (section 6.4.16).
fn type_name(datatype: u32) -> String {
    const NAMES: [&str; 35] = [
        "Unknown",
        "Int8",
        "Int16",
        "Int32",
        "Int64",
        "UInt8",
        "UInt16",
        "UInt32",
        "UInt64",
        "Float",
        "Double",
        "Boolean",
        "String",
        "DateTime",
        "Text",
        "UUID",
        "DataSet",
        "Bytes",
        "File",
        "Template",
        "PropertySet",
        "PropertySetList",
        "Int8Array",
        "Int16Array",
        "Int32Array",
        "Int64Array",
        "UInt8Array",
        "UInt16Array",
        "UInt32Array",
        "UInt64Array",
        "FloatArray",
        "DoubleArray",
        "BooleanArray",
        "StringArray",
        "DateTimeArray",
    ];
    let name = usize::try_from(datatype).ok().and_then(|place| NAMES.get(place));
    name.map_or_else(|| format!("type 0x{}", hex(&datatype.to_be_bytes())), |name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::nodes::MAX_BIRTHS;
    use super::*;
    use crate::telemetry::decode::json;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2][..], &length(bytes), bytes].concat()
    }

    fn length(bytes: &[u8]) -> Vec<u8> {
        let low = (bytes.len() % 128).to_le_bytes()[0];
        if bytes.len() < 128 { vec![low] } else { vec![low | 0x80, (bytes.len() / 128).to_le_bytes()[0]] }
    }

    /// A metric with an alias, the type Int32 and a value.
    fn metric(name: &str, alias: u8, value: u8) -> Vec<u8> {
        let name = if name.is_empty() { Vec::new() } else { field(1, name.as_bytes()) };
        field(2, &[&name[..], &[0x10, alias, 0x20, 3, 0x50, value]].concat())
    }

    fn payload(seq: u8, metrics: &[Vec<u8>]) -> Vec<u8> {
        // A varint: numbers from 128 on take two bytes.
        let seq = if seq < 128 { vec![seq] } else { vec![seq, 1] };
        [&metrics.concat()[..], &[0x18], &seq].concat()
    }

    struct Stream {
        nodes: Nodes,
        now: u64,
    }

    impl Stream {
        fn observe(&mut self, kind: &str, payload: &[u8]) {
            self.now += 1;
            let topic = topic(kind);
            self.nodes.observe(Topic::parse(topic.as_bytes()).unwrap(), payload, self.now);
        }

        fn metrics(&self, kind: &str, payload: &[u8], at: u64) -> String {
            let (value, _) = parse(&self.nodes, topic(kind).as_bytes(), payload, at).unwrap();
            json::to_json(value.member("metrics").unwrap())
        }

        fn state(&self) -> NodeState {
            self.nodes.states().remove(0)
        }
    }

    fn topic(kind: &str) -> String {
        let device = if kind.starts_with('D') { "/plc" } else { "" };
        format!("spBv1.0/hall/{kind}/edge{device}")
    }

    fn stream() -> Stream {
        Stream { nodes: Nodes::default(), now: 0 }
    }

    #[test]
    fn topics_are_told_apart() {
        let is_topic = |topic: &str| Topic::parse(topic.as_bytes()).is_some();
        assert!(is_topic("spBv1.0/g/NDATA/n") && is_topic("spBv1.0/g/DDATA/n/d"));
        for topic in
            ["spBv1.0/g/NDATA/n/d", "spBv1.0/g/DDATA/n", "spBv1.0/STATE/host", "spBv1.0/g/XDATA/n", "a/g/NDATA/n"]
        {
            assert!(!is_topic(topic), "{topic}");
        }
    }

    #[test]
    fn aliases_are_those_of_the_birth_before() {
        let mut stream = stream();
        let data = payload(1, &[metric("", 7, 5)]);
        assert_eq!(stream.metrics("NDATA", &data, u64::MAX), r#"{"alias 7":5}"#);
        stream.observe("NBIRTH", &payload(0, &[metric("Speed", 7, 1)]));
        assert_eq!(stream.metrics("NDATA", &data, u64::MAX), r#"{"Speed":5}"#);
        stream.observe("NBIRTH", &payload(0, &[metric("Torque", 7, 1)]));
        assert_eq!(stream.metrics("NDATA", &data, u64::MAX), r#"{"Torque":5}"#);
        assert_eq!(stream.metrics("NDATA", &data, 1), r#"{"Speed":5}"#, "what it meant when it came");
        assert_eq!(stream.metrics("DDATA", &data, u64::MAX), r#"{"alias 7":5}"#, "a device has aliases of its own");
        assert_eq!(stream.state().births, 2);
    }

    #[test]
    fn a_birth_that_is_no_longer_remembered_is_said_to_be() {
        let mut stream = stream();
        let data = payload(1, &[metric("", 7, 5)]);
        let note = |stream: &Stream| {
            let (_, notes) = parse(&stream.nodes, topic("NDATA").as_bytes(), &data, 1).unwrap();
            notes.into_iter().find(|(name, _)| name == "birth").map(|(_, text)| text)
        };
        assert!(note(&stream).unwrap().starts_with("none was seen"));
        for _ in 0..=MAX_BIRTHS {
            stream.observe("NBIRTH", &payload(0, &[metric("Speed", 7, 1)]));
        }
        assert!(note(&stream).unwrap().starts_with("the one valid then isn't stored any more"));
    }

    #[test]
    fn sequence_numbers_births_and_deaths_are_followed() {
        let mut stream = stream();
        stream.observe("NDATA", &payload(9, &[metric("", 7, 5)]));
        assert_eq!((stream.state().before_birth, stream.state().is_alive), (1, false));
        stream.observe("NBIRTH", &payload(254, &[metric("bdSeq", 1, 4)]));
        stream.observe("DBIRTH", &payload(255, &[metric("Speed", 7, 1)]));
        stream.observe("DDATA", &payload(0, &[metric("", 7, 2)]));
        assert_eq!((stream.state().sequence_jumps, stream.state().is_alive), (0, true));
        assert_eq!(stream.state().devices, [("plc".into(), true)]);
        stream.observe("DDATA", &payload(3, &[metric("", 7, 2)]));
        assert_eq!(stream.state().sequence_jumps, 1);
        stream.observe("DDEATH", &payload(4, &[]));
        assert_eq!(stream.state().devices, [("plc".into(), false)]);
        stream.observe("NDEATH", &metric("bdSeq", 1, 3));
        assert!(stream.state().is_alive, "the death of the connection before");
        stream.observe("NDEATH", &metric("bdSeq", 1, 4));
        assert!(!stream.state().is_alive);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let nodes = Nodes::default();
        let fail = |payload: &[u8]| {
            let failure = parse(&nodes, b"t", payload, 0).unwrap_err();
            format!("{}: {}", failure.offset, failure.what)
        };
        assert_eq!(fail(&field(1, b"x")), "0: field 1 is of another kind in Sparkplug B");
        assert_eq!(fail(&[0x12, 9, 0]), "2: 9 bytes should follow, and 1 do");
        assert_eq!(fail(&field(2, &field(1, b"a\xff"))), "5: the text is not UTF-8 here");
        let many = [0x12, 0].repeat(4_500_000);
        assert!(fail(&many).ends_with("there are more values than are read"));
        let mut deep = Vec::new();
        for _ in 0..40 {
            deep = field(2, &[&[0x92, 0x01][..], &length(&deep), &deep].concat());
        }
        assert!(fail(&deep).ends_with("templates are nested too deep"));
    }

    proptest! {
        #[test]
        fn noise_does_no_harm(
            messages in prop::collection::vec((0_usize..6, prop::collection::vec(any::<u8>(), 0..60)), 0..20),
        ) {
            let mut stream = stream();
            for (kind, payload) in messages {
                let kind = ["NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH"][kind];
                stream.observe(kind, &payload);
                if let Err(failure) = parse(&stream.nodes, topic(kind).as_bytes(), &payload, stream.now) {
                    prop_assert!(failure.offset <= payload.len());
                }
            }
            let _ = stream.nodes.states();
        }
    }
}
