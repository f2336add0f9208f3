//! Bodies of SMP messages: one CBOR map, with lengths told before or an end mark after, read into a bounded tree.
//!
//! A device's body is hostile: depth and number of values are limited, nothing is reserved for lengths it claims,
//! texts that are no UTF-8 are kept readable, keys that are no text are skipped. Of keys that repeat the first counts.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

/// Deepest nesting that is read; Zephyr's own answers have four levels.
const MAX_DEPTH: usize = 8;
/// Most values one body may hold.
const MAX_VALUES: usize = 8192;

/// A value of a body.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// A number of zero or more.
    Unsigned(u64),
    /// A number below zero; those beyond 64 bits are cut to the lowest.
    Negative(i64),
    /// Octets.
    Octets(Vec<u8>),
    /// Text; octets that are no UTF-8 became `�`.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// A list.
    List(Vec<Value>),
    /// A map within the map.
    Map(Map),
    /// Anything else: nothing, undefined, numbers with a point, marks of other kinds.
    Other,
}

/// A map with texts as keys, in the order of the body.
#[derive(Clone, Default, PartialEq)]
pub struct Map(Vec<(String, Value)>);

/// Why a body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBody {
    /// It ends early, or is no CBOR.
    #[error("the body is no CBOR")]
    NotCbor,
    /// It is CBOR, but no map.
    #[error("the body isn't a map")]
    NotAMap,
    /// Lists and maps are nested too deeply.
    #[error("the body is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// It holds too many values.
    #[error("the body holds more than {MAX_VALUES} values")]
    TooMany,
}

impl From<minicbor::decode::Error> for BadBody {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::NotCbor
    }
}

impl Map {
    /// Reads a body. An empty one counts as an empty map, as some devices answer a reset; what follows the map is ignored.
    pub fn parse(body: &[u8]) -> Result<Self, BadBody> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        let mut reader = Reader { decoder: Decoder::new(body), values_left: MAX_VALUES };
        match reader.value(0)? {
            Value::Map(map) => Ok(map),
            _ => Err(BadBody::NotAMap),
        }
    }

    /// The first value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// A number of zero or more.
    pub fn unsigned(&self, key: &str) -> Option<u64> {
        match self.get(key)? {
            Value::Unsigned(number) => Some(*number),
            _ => None,
        }
    }

    /// A number with a sign.
    pub fn signed(&self, key: &str) -> Option<i64> {
        match self.get(key)? {
            Value::Unsigned(number) => i64::try_from(*number).ok(),
            Value::Negative(number) => Some(*number),
            _ => None,
        }
    }

    /// A number with or without a sign, whatever its size.
    pub fn whole(&self, key: &str) -> Option<i128> {
        match self.get(key)? {
            Value::Unsigned(number) => Some(i128::from(*number)),
            Value::Negative(number) => Some(i128::from(*number)),
            _ => None,
        }
    }

    /// A text.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Octets; a text counts as its octets.
    pub fn octets(&self, key: &str) -> Option<&[u8]> {
        match self.get(key)? {
            Value::Octets(octets) => Some(octets),
            Value::Text(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    /// Yes or no; absent is no.
    pub fn flag(&self, key: &str) -> bool {
        matches!(self.get(key), Some(Value::Flag(true)))
    }

    /// A list.
    pub fn list(&self, key: &str) -> Option<&[Value]> {
        match self.get(key)? {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// A map within the map.
    pub fn map(&self, key: &str) -> Option<&Self> {
        match self.get(key)? {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// All keys and values in the order of the body.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }
}

struct Reader<'a> {
    decoder: Decoder<'a>,
    values_left: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, BadBody> {
        self.values_left = self.values_left.checked_sub(1).ok_or(BadBody::TooMany)?;
        Ok(match self.decoder.datatype()? {
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => Value::Unsigned(self.decoder.u64()?),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => {
                let number = i128::from(self.decoder.int()?);
                Value::Negative(i64::try_from(number).unwrap_or(i64::MIN))
            }
            Type::Bytes => Value::Octets(self.decoder.bytes()?.to_vec()),
            Type::BytesIndef => {
                let mut octets = Vec::new();
                for piece in self.decoder.bytes_iter()? {
                    octets.extend_from_slice(piece?);
                }
                Value::Octets(octets)
            }
            Type::String => Value::Text(self.text()?),
            Type::StringIndef => {
                let mut text = String::new();
                for piece in self.decoder.str_iter()? {
                    text.push_str(piece?);
                }
                Value::Text(text)
            }
            Type::Bool => Value::Flag(self.decoder.bool()?),
            Type::Array | Type::ArrayIndef => {
                let length = self.decoder.array()?;
                Value::List(self.many(length, depth, Reader::value)?)
            }
            Type::Map | Type::MapIndef => {
                let length = self.decoder.map()?;
                let entries =
                    self.many(length, depth, |reader, depth| Ok((reader.value(depth)?, reader.value(depth)?)))?;
                let named = entries.into_iter().filter_map(|(key, value)| match key {
                    Value::Text(key) => Some((key, value)),
                    _ => None,
                });
                Value::Map(Map(named.collect()))
            }
            // A tag says how to read the value behind it, which we read as it is.
            Type::Tag => {
                self.decoder.tag()?;
                self.value(deeper(depth)?)?
            }
            Type::Break => return Err(BadBody::NotCbor),
            _ => {
                self.decoder.skip()?;
                Value::Other
            }
        })
    }

    /// Reads the content of a list or map, up to its length or its end mark.
    fn many<T>(
        &mut self,
        length: Option<u64>,
        depth: usize,
        read: impl Fn(&mut Self, usize) -> Result<T, BadBody>,
    ) -> Result<Vec<T>, BadBody> {
        let depth = deeper(depth)?;
        let mut items = Vec::new();
        if let Some(length) = length {
            for _ in 0..length {
                items.push(read(self, depth)?);
            }
        } else {
            while self.decoder.datatype()? != Type::Break {
                items.push(read(self, depth)?);
            }
            let end = self.decoder.position() + 1;
            self.decoder.set_position(end);
        }
        Ok(items)
    }

    /// A text with its length before it. Octets that are no UTF-8 do not make the whole answer unreadable.
    fn text(&mut self) -> Result<String, BadBody> {
        let start = self.decoder.position();
        if let Ok(text) = self.decoder.str() {
            return Ok(text.to_owned());
        }
        let rest = self.decoder.input().get(start..).ok_or(BadBody::NotCbor)?;
        let (&first, rest) = rest.split_first().ok_or(BadBody::NotCbor)?;
        let length_octets = match first & 0x1f {
            0..=23 => 0,
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return Err(BadBody::NotCbor),
        };
        let (length, rest) = rest.split_at_checked(length_octets).ok_or(BadBody::NotCbor)?;
        let length = match length_octets {
            0 => u64::from(first & 0x1f),
            _ => length.iter().fold(0, |sum: u64, octet| sum << 8 | u64::from(*octet)),
        };
        let length = usize::try_from(length).map_err(|_| BadBody::NotCbor)?;
        let octets = rest.get(..length).ok_or(BadBody::NotCbor)?;
        self.decoder.set_position(start + 1 + length_octets + length);
        Ok(String::from_utf8_lossy(octets).into_owned())
    }
}

const fn deeper(depth: usize) -> Result<usize, BadBody> {
    if depth < MAX_DEPTH { Ok(depth + 1) } else { Err(BadBody::TooDeep) }
}

/// Builds a body: a map whose length is told before, as servers of every age read it.
pub struct Body {
    encoder: Encoder<Vec<u8>>,
    entries: u64,
}

impl Default for Body {
    fn default() -> Self {
        Self { encoder: Encoder::new(Vec::new()), entries: 0 }
    }
}

/// Writing to a `Vec` cannot fail: the results below say nothing.
impl Body {
    /// Adds a text.
    #[must_use]
    pub fn text(mut self, key: &str, value: &str) -> Self {
        self.key(key);
        let _ = self.encoder.str(value);
        self
    }

    /// Adds octets.
    #[must_use]
    pub fn octets(mut self, key: &str, value: &[u8]) -> Self {
        self.key(key);
        let _ = self.encoder.bytes(value);
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn unsigned(mut self, key: &str, value: u64) -> Self {
        self.key(key);
        let _ = self.encoder.u64(value);
        self
    }

    /// Adds a number with a sign.
    #[must_use]
    pub fn signed(mut self, key: &str, value: i64) -> Self {
        self.key(key);
        let _ = self.encoder.i64(value);
        self
    }

    /// Adds yes or no.
    #[must_use]
    pub fn flag(mut self, key: &str, value: bool) -> Self {
        self.key(key);
        let _ = self.encoder.bool(value);
        self
    }

    /// Adds a list of texts.
    #[must_use]
    pub fn texts<'a>(mut self, key: &str, values: impl ExactSizeIterator<Item = &'a str>) -> Self {
        self.key(key);
        let _ = self.encoder.array(values.len() as u64);
        for value in values {
            let _ = self.encoder.str(value);
        }
        self
    }

    /// Adds a list of numbers.
    #[must_use]
    pub fn numbers(mut self, key: &str, values: &[u16]) -> Self {
        self.key(key);
        let _ = self.encoder.array(values.len() as u64);
        for value in values {
            let _ = self.encoder.u16(*value);
        }
        self
    }

    /// Adds a map.
    #[must_use]
    pub fn map(mut self, key: &str, value: Self) -> Self {
        self.key(key);
        self.encoder.writer_mut().extend(value.finish());
        self
    }

    /// Adds a list of maps.
    #[must_use]
    pub fn maps(mut self, key: &str, values: Vec<Self>) -> Self {
        self.key(key);
        let _ = self.encoder.array(values.len() as u64);
        for value in values {
            self.encoder.writer_mut().extend(value.finish());
        }
        self
    }

    /// The body with its length told before.
    pub fn finish(self) -> Vec<u8> {
        let mut head = Encoder::new(Vec::new());
        let _ = head.map(self.entries);
        [head.into_writer(), self.encoder.into_writer()].concat()
    }

    /// The body with an end mark behind it, as Zephyr's servers write.
    pub fn finish_with_end_mark(self) -> Vec<u8> {
        [&[0xbf], self.encoder.into_writer().as_slice(), &[0xff]].concat()
    }

    fn key(&mut self, key: &str) {
        self.entries += 1;
        let _ = self.encoder.str(key);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::text::from_hex;

    fn parse(text: &str) -> Result<Map, BadBody> {
        Map::parse(&from_hex(text).expect("hexadecimal"))
    }

    fn read(text: &str) -> Map {
        parse(text).map_err(|error| error.to_string()).expect("a map")
    }

    #[test]
    fn maps_with_and_without_a_length_read_alike() {
        let with_end = read("bf686275665f73697a65190180696275665f636f756e7404ff");
        let with_length = read("a2686275665f73697a65190180696275665f636f756e7404");
        assert!(with_end == with_length);
        assert_eq!((with_end.unsigned("buf_size"), with_end.unsigned("buf_count")), (Some(384), Some(4)));
    }

    #[test]
    fn what_is_written_reads_back() {
        let body = || {
            Body::default()
                .text("name", "bridge/broker")
                .octets("val", &[0, 255])
                .unsigned("off", 70_000)
                .signed("ret", -22)
                .flag("force", true)
                .texts("argv", ["kernel", "version"].into_iter())
                .map("err", Body::default().unsigned("group", 3).unsigned("rc", 5))
        };
        for bytes in [body().finish(), body().finish_with_end_mark()] {
            let map = Map::parse(&bytes).expect("our own");
            assert_eq!(map.text("name"), Some("bridge/broker"));
            assert_eq!(map.octets("val"), Some([0, 255].as_slice()));
            assert_eq!((map.unsigned("off"), map.signed("ret"), map.flag("force")), (Some(70_000), Some(-22), true));
            assert_eq!(map.list("argv").map(<[Value]>::len), Some(2));
            assert_eq!(map.map("err").and_then(|error| error.unsigned("rc")), Some(5));
        }
    }

    #[test]
    fn nesting_is_limited_and_a_depth_bomb_ends_at_once() {
        // Lists in lists, maps in maps and tags on tags, far deeper than any stack could take.
        for (open, count) in [("81", 60_000), ("9f", 60_000), ("a16161", 20_000), ("bf6161", 20_000), ("c6", 60_000)] {
            assert!(parse(&format!("a16161{}", open.repeat(count))) == Err(BadBody::TooDeep), "{open}");
        }
        assert!(parse("a1616181818181818100").is_ok(), "seven levels are read");
    }

    #[test]
    fn claimed_lengths_reserve_nothing_and_end_as_no_cbor() {
        for text in [
            "bbffffffffffffffff",
            "a161619bffffffffffffffff",
            "a161617bffffffffffffffff",
            "a161615bffffffffffffffff",
            "a161617affffffff41",
            "a1616178ff",
            "bf",
            "bf6161",
            "a1",
            "ff",
            "a1616178",
            "a16161fc",
        ] {
            assert!(parse(text) == Err(BadBody::NotCbor), "{text}");
        }
    }

    #[test]
    fn too_many_values_are_refused() {
        let mut body = vec![0xa1, 0x61, 0x61, 0x9f];
        body.extend(vec![0; MAX_VALUES]);
        assert!(Map::parse(&body) == Err(BadBody::TooMany));
    }

    #[test]
    fn other_kinds_than_maps_are_refused_and_nothing_at_all_is_an_empty_map() {
        for text in ["00", "80", "6161", "f6", "c0", "40"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(read("") == Map::default());
    }

    #[test]
    fn unknown_keys_other_keys_and_repeated_keys_do_no_harm() {
        // {1: 2, "x": undefined, "rc": 3, "rc": 0, "f": 1.5, h'00': 1}
        let map = read("a6010261 78f7 627263 03 627263 00 6166 f93e00 4100 01".replace(' ', "").as_str());
        assert_eq!(map.unsigned("rc"), Some(3), "the first counts");
        assert_eq!(map.entries().count(), 4);
        assert!(map.get("f") == Some(&Value::Other));
    }

    #[test]
    fn text_that_is_no_utf8_stays_readable() {
        // {"o": "a\xffb", "ret": 0}
        assert_eq!(read("a2616f6361ff626372657400").text("o"), Some("a\u{FFFD}b"));
        assert_eq!(read("a2616f780361ff626372657400").signed("ret"), Some(0));
    }

    #[test]
    fn numbers_beyond_sixty_four_bits_are_cut() {
        assert_eq!(read("a161613bffffffffffffffff").signed("a"), Some(i64::MIN));
        assert_eq!(read("a161611bffffffffffffffff").unsigned("a"), Some(u64::MAX));
        assert_eq!(read("a161611bffffffffffffffff").signed("a"), None);
        assert_eq!(read("a161611bffffffffffffffff").whole("a"), Some(i128::from(u64::MAX)));
        assert_eq!(read("a1616120").signed("a"), Some(-1));
    }

    proptest! {
        #[test]
        fn arbitrary_octets_never_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = Map::parse(&body);
            let _ = Map::parse(&[&[0xbf, 0x61, 0x61], body.as_slice()].concat());
        }

        #[test]
        fn every_truncation_is_refused(text in ".{0,40}", octets in prop::collection::vec(any::<u8>(), 0..40)) {
            let body = Body::default().text("a", &text).octets("b", &octets).finish_with_end_mark();
            for cut in 1..body.len() {
                prop_assert!(Map::parse(&body[..cut]).is_err());
            }
        }
    }
}
