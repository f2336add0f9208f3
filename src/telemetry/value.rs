//! What a payload means: [`Value`], the shape that every decoder fills, and [`Decoded`], the answer of one.

use std::sync::Arc;

use crate::model::word::words;

words! {
    /// What a payload can be read as.
    DecoderKind {
        /// JSON.
        Json = "json",
        /// Text in UTF-8.
        Text = "text",
        /// Bytes in hex, with ASCII beside them.
        Hex = "hex",
        /// Base64 around bytes.
        Base64 = "base64",
        /// CBOR (RFC 8949).
        Cbor = "cbor",
        /// MessagePack.
        MessagePack = "messagepack",
        /// Sparkplug B.
        Sparkplug = "sparkplug-b",
        /// Protobuf by a schema of the user.
        Protobuf = "protobuf",
        /// A picture.
        Image = "image",
    }
}

words! {
    /// What a payload can be packed in.
    Packing {
        /// gzip (RFC 1952).
        Gzip = "gzip",
        /// zlib (RFC 1950).
        Zlib = "zlib",
        /// Deflate without a header (RFC 1951).
        Deflate = "deflate",
        /// Zstandard (RFC 8878).
        Zstd = "zstd",
    }
}

/// A value of any payload kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number. All of 64 bits signed and unsigned fit.
    Integer(i128),
    /// A number with a fraction, or one too large for a whole number.
    Number(f64),
    /// A number as written, where neither of the above holds it exactly.
    Digits(Arc<str>),
    /// Text.
    Text(Arc<str>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// A point in time, in microseconds since 1970 UTC.
    Time(i64),
    /// Values in order.
    List(Vec<Value>),
    /// Names and values in the order in which they stand; a name may stand twice.
    Map(Vec<(Arc<str>, Value)>),
}

impl Value {
    /// The number it is, for plots and ranges. True is 1.
    #[expect(clippy::cast_precision_loss, reason = "a plot has no more digits than that")]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            Self::Integer(value) => Some(*value as f64),
            Self::Number(value) => Some(*value),
            Self::Digits(digits) => digits.parse().ok(),
            Self::Time(micros) => Some(*micros as f64 / 1e6),
            Self::Null | Self::Text(_) | Self::Bytes(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// How many lists and maps stand in one another; 0 for a single value.
    pub fn depth(&self) -> usize {
        let below = |values: &mut dyn Iterator<Item = &Self>| 1 + values.map(Self::depth).max().unwrap_or(0);
        match self {
            Self::List(items) => below(&mut items.iter()),
            Self::Map(members) => below(&mut members.iter().map(|(_, value)| value)),
            _ => 0,
        }
    }

    /// The member of that name, the last one if it stands twice, as JSON parsers have it.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(members) => members.iter().rev().find(|(key, _)| &**key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The value at a path of names with dots between them; a number is a place in a list. A member whose own name has
    /// dots in it is found too.
    pub fn at(&self, path: &str) -> Option<&Self> {
        if path.is_empty() {
            return Some(self);
        }
        if let Some(value) = self.member(path) {
            return Some(value);
        }
        let ends = path.match_indices('.').map(|(place, _)| place).chain([path.len()]);
        for end in ends {
            let (name, rest) = (&path[..end], path[end..].trim_start_matches('.'));
            let next = match self {
                Self::List(items) => name.parse::<usize>().ok().and_then(|place| items.get(place)),
                _ => self.member(name),
            };
            if let Some(value) = next.and_then(|value| value.at(rest)) {
                return Some(value);
            }
        }
        None
    }
}

/// What became of a payload.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// What it was read as.
    pub kind: DecoderKind,
    /// Whether the kind was found out, or was chosen by a person or rule.
    pub is_detected: bool,
    /// What it was packed in, the outermost first.
    pub packed_in: Vec<Packing>,
    /// What it holds.
    pub body: Body,
    /// Why it could not be read to its end. The bytes are there all the same.
    pub failure: Option<DecodeFailure>,
    /// Facts beside the value, such as the name of the message type: name and value.
    pub notes: Vec<(String, String)>,
}

/// What a payload holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A tree of values.
    Tree(Value),
    /// Text as it is.
    Text(Arc<str>),
    /// Bytes that mean nothing to us: what was inside the packing.
    Bytes(Arc<[u8]>),
    /// A picture: width, height, and its colours as RGBA, 8 bits each.
    Image {
        /// Points across.
        width: u32,
        /// Points down.
        height: u32,
        /// Four bytes a point.
        rgba: Arc<[u8]>,
    },
}

/// Where and why decoding ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeFailure {
    /// At which byte, counted from 0 in what was inside the packing.
    pub offset: usize,
    /// What is wrong there.
    pub what: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_path() {
        let inner =
            Value::Map(vec![("b.c".into(), Value::Integer(1)), ("d".into(), Value::List(vec![Value::Bool(true)]))]);
        let value = Value::Map(vec![("a".into(), inner.clone())]);
        assert_eq!(value.at("a.b.c"), Some(&Value::Integer(1)));
        assert_eq!(value.at("a.d.0").and_then(Value::as_number), Some(1.0));
        assert_eq!(value.at("a"), Some(&inner));
        assert_eq!(value.at("a.x"), None);
        assert_eq!(value.at(""), Some(&value));
    }
}
