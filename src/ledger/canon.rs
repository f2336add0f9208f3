//! Canonical bytes: a row of values written so that no two rows share their bytes.
//!
//! Each value is a tag and its content: 0 nothing; 1 a whole number, eight bytes, the highest first; 2 text and 3 bytes,
//! each with its length before it in four bytes, the highest first. The first value names what the row is, and its version.

use ring::digest::{Context, SHA256};

use crate::model::audit::Digest;

/// A value, as a database holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing.
    Null,
    /// A whole number.
    Int(i64),
    /// Text, in the bytes it is stored in.
    Text(&'a [u8]),
    /// Bytes.
    Bytes(&'a [u8]),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.as_bytes())
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::from)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl<'a> From<&'a Digest> for Value<'a> {
    fn from(digest: &'a Digest) -> Self {
        Self::Bytes(&digest.0)
    }
}

impl Value<'_> {
    /// Appends the canonical bytes.
    fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.push(0),
            Self::Int(number) => {
                out.push(1);
                out.extend(number.to_be_bytes());
            }
            Self::Text(text) => {
                out.push(2);
                write_sized(text, out);
            }
            Self::Bytes(bytes) => {
                out.push(3);
                write_sized(bytes, out);
            }
        }
    }
}

/// SQLite holds at most 2 GB in a value, so that every length fits.
fn write_sized(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(bytes);
}

/// The canonical bytes of a row, into memory that is used again.
pub fn write<'a>(values: impl IntoIterator<Item = Value<'a>>, out: &mut Vec<u8>) {
    out.clear();
    values.into_iter().for_each(|value| value.write(out));
}

/// The canonical bytes of a row.
pub fn bytes<'a>(values: impl IntoIterator<Item = Value<'a>>) -> Vec<u8> {
    let mut out = Vec::new();
    write(values, &mut out);
    out
}

/// The SHA-256 hash of bytes.
pub fn hash(bytes: &[u8]) -> Digest {
    let mut context = Context::new(&SHA256);
    context.update(bytes);
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    Digest(digest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_row_has_the_documented_bytes() {
        let row = [Value::from("ab"), Value::Null, Value::Int(-2), Value::Bytes(&[9, 8])];
        let expected = b"\x02\x00\x00\x00\x02ab\x00\x01\xff\xff\xff\xff\xff\xff\xff\xfe\x03\x00\x00\x00\x02\x09\x08";
        assert_eq!(bytes(row), expected);
        assert_eq!(
            hash(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "the example of FIPS 180-2"
        );
    }

    #[derive(Clone, Debug, PartialEq)]
    enum Owned {
        Null,
        Int(i64),
        Text(String),
        Bytes(Vec<u8>),
    }

    fn row() -> impl Strategy<Value = Vec<Owned>> {
        let value = prop_oneof![
            Just(Owned::Null),
            any::<i64>().prop_map(Owned::Int),
            ".{0,6}".prop_map(Owned::Text),
            proptest::collection::vec(any::<u8>(), 0..6).prop_map(Owned::Bytes),
        ];
        proptest::collection::vec(value, 0..6)
    }

    fn of(row: &[Owned]) -> Vec<u8> {
        bytes(row.iter().map(|value| match value {
            Owned::Null => Value::Null,
            Owned::Int(number) => Value::Int(*number),
            Owned::Text(text) => Value::from(text.as_str()),
            Owned::Bytes(bytes) => Value::Bytes(bytes),
        }))
    }

    proptest! {
        #[test]
        fn two_rows_share_their_bytes_only_if_they_are_equal(one in row(), other in row()) {
            prop_assert_eq!(of(&one) == of(&other), one == other);
        }
    }
}
