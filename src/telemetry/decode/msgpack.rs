//! MessagePack (the specification of 2013 with times as extension −1): one value and nothing behind it.
//!
//! A reader of our own: what is known to reads values into memory by the lengths they claim, and calls itself.

use super::build::{Builder, short_float};
use crate::model::text::hex;
use crate::telemetry::value::{DecodeFailure, Value};

/// Reads one value and nothing behind it.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, DecodeFailure> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.value()?;
    if reader.at < bytes.len() {
        return Err(DecodeFailure { offset: reader.at, what: "something stands behind the value".into() });
    }
    Ok(value)
}

/// Whether the first byte begins a list or a map.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80..=0x9f | 0xdc..=0xdf, ..])
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeFailure> {
        let taken = self.at.checked_add(length).and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| DecodeFailure {
            offset: self.at,
            what: format!("{length} bytes should follow, and {} do", self.bytes.len() - self.at),
        })?;
        self.at += length;
        Ok(taken)
    }

    /// A number of that many bytes, the first one the most worth.
    fn number(&mut self, bytes: usize) -> Result<u64, DecodeFailure> {
        Ok(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// As [`Reader::number`], below zero if its first bit is set.
    fn signed(&mut self, bytes: usize) -> Result<Value, DecodeFailure> {
        let number = self.number(bytes)?;
        let unused = 64 - 8 * u32::try_from(bytes).unwrap_or(8);
        Ok(Value::Integer(i128::from((number << unused).cast_signed() >> unused)))
    }

    fn length(&mut self, bytes: usize) -> Result<usize, DecodeFailure> {
        Ok(usize::try_from(self.number(bytes)?).unwrap_or(usize::MAX))
    }

    fn text(&mut self, length: usize) -> Result<Value, DecodeFailure> {
        let bytes = self.take(length)?;
        // Older senders have one form for texts and bytes.
        Ok(std::str::from_utf8(bytes).map_or_else(|_| Value::Bytes(bytes.into()), |text| Value::Text(text.into())))
    }

    fn extension(&mut self, length: usize) -> Result<Value, DecodeFailure> {
        let kind = self.take(1)?[0].cast_signed();
        let bytes = self.take(length)?;
        if kind == -1
            && let Some(time) = time(bytes)
        {
            return Ok(time);
        }
        let bytes = Value::Bytes(bytes.into());
        Ok(Value::Map(vec![("extension".into(), Value::Integer(kind.into())), ("bytes".into(), bytes)]))
    }

    fn value(&mut self) -> Result<Value, DecodeFailure> {
        let mut builder = Builder::default();
        loop {
            let start = self.at;
            let first = self.take(1)?[0];
            let put = match first {
                0x80..=0x8f => builder.map(Some(u64::from(first & 0x0f))),
                0x90..=0x9f => builder.list(Some(u64::from(first & 0x0f))),
                0xdc | 0xdd => builder.list(Some(self.number(2 << (first - 0xdc))?)),
                0xde | 0xdf => builder.map(Some(self.number(2 << (first - 0xde))?)),
                first => builder.put(self.scalar(first, start)?),
            };
            if let Some(value) = put.map_err(|what| DecodeFailure { offset: start, what: what.into() })? {
                return Ok(value);
            }
        }
    }

    fn scalar(&mut self, first: u8, start: usize) -> Result<Value, DecodeFailure> {
        Ok(match first {
            0x00..=0x7f => Value::Integer(first.into()),
            0xa0..=0xbf => self.text(usize::from(first & 0x1f))?,
            0xc0 => Value::Null,
            0xc2 => Value::Bool(false),
            0xc3 => Value::Bool(true),
            0xc4..=0xc6 => {
                let length = self.length(1 << (first - 0xc4))?;
                Value::Bytes(self.take(length)?.into())
            }
            0xc7..=0xc9 => {
                let length = self.length(1 << (first - 0xc7))?;
                self.extension(length)?
            }
            0xca => short_float(f32::from_bits(u32::try_from(self.number(4)?).unwrap_or_default())),
            0xcb => Value::Number(f64::from_bits(self.number(8)?)),
            0xcc..=0xcf => Value::Integer(self.number(1 << (first - 0xcc))?.into()),
            0xd0..=0xd3 => self.signed(1 << (first - 0xd0))?,
            0xd4..=0xd8 => self.extension(1 << (first - 0xd4))?,
            0xd9..=0xdb => {
                let length = self.length(1 << (first - 0xd9))?;
                self.text(length)?
            }
            0xe0..=0xff => Value::Integer(first.cast_signed().into()),
            _ => {
                let what = format!("no value begins with 0x{}", hex(&[first]));
                return Err(DecodeFailure { offset: start, what });
            }
        })
    }
}

/// Seconds since 1970 in 4 bytes, with nanoseconds in 8 or 12.
fn time(bytes: &[u8]) -> Option<Value> {
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let (seconds, nanos) = match bytes.len() {
        4 => (number(bytes).cast_signed(), 0),
        8 => ((number(bytes) & 0x3_ffff_ffff).cast_signed(), number(bytes) >> 34),
        12 => (number(&bytes[4..]).cast_signed(), number(&bytes[..4])),
        _ => return None,
    };
    let micros = seconds.checked_mul(1_000_000)?.checked_add(i64::try_from(nanos / 1000).ok()?)?;
    Some(Value::Time(micros))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::text::from_hex;
    use crate::telemetry::decode::json;

    #[track_caller]
    fn check(value: &str, expected: &str) {
        let shown = match parse(&from_hex(value).unwrap()) {
            Ok(value) => json::to_json(&value),
            Err(failure) => format!("{}: {}", failure.offset, failure.what),
        };
        assert_eq!(shown, expected, "{value}");
    }

    #[test]
    fn values_are_read() {
        check("82a161cb4035800000000000a162c3", r#"{"a":21.5,"b":true}"#);
        check("93cfffffffffffffffffd380000000000000007f", "[18446744073709551615,-9223372036854775808,127]");
        check("94d0ffd1ff7fd2ffff7fffe0", "[-1,-129,-32769,-32]");
        check("93cc80cd0100ce00010000", "[128,256,65536]");
        check("91ca3dcccccd", "[0.1]");
        check("92c403010203c0", "[\"AQID\",null]");
        check("92d90161da000162", "[\"a\",\"b\"]");
        check("91a1ff", "[\"/w==\"]");
        check("91d6ff514b67b0", "[\"2013-03-21T20:04:00Z\"]");
        check("91d7ff77359400514b67b0", "[\"2013-03-21T20:04:00.5Z\"]");
        check("91c70cff1dcd650000000000514b67b0", "[\"2013-03-21T20:04:00.5Z\"]");
        check("91d40507", r#"[{"extension":5,"bytes":"Bw=="}]"#);
        check("dc0001dd00000001de0001a161df00000001a162c2", r#"[[{"a":{"b":false}}]]"#);
        check("8101a161", r#"{"1":"a"}"#);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        check("81a161", "3: 1 bytes should follow, and 0 do");
        check("91c1", "1: no value begins with 0xc1");
        check("9000", "1: something stands behind the value");
        check("91c6ffffffff00", "6: 4294967295 bytes should follow, and 1 do");
        check("ddffffffff", "5: 1 bytes should follow, and 0 do");
    }

    #[test]
    fn bombs_are_bounded() {
        for first in ["91", "8100", "dc0001", "81a161"] {
            let bomb = from_hex(&first.repeat(100_000)).unwrap();
            assert_eq!(parse(&bomb).unwrap_err().what, "it is nested deeper than 512 levels", "{first}");
        }
        let many = [&[0xdd, 0xff, 0xff, 0xff, 0xff][..], &vec![0xc0; 5_000_000]].concat();
        assert_eq!(parse(&many).unwrap_err().what, "there are more values than are read");
    }

    fn values() -> impl Strategy<Value = rmpv::Value> {
        let scalar = prop_oneof![
            Just(rmpv::Value::Nil),
            any::<bool>().prop_map(rmpv::Value::from),
            any::<i64>().prop_map(rmpv::Value::from),
            any::<u64>().prop_map(rmpv::Value::from),
            any::<f64>().prop_map(rmpv::Value::from),
            any::<String>().prop_map(rmpv::Value::from),
            prop::collection::vec(any::<u8>(), 0..300).prop_map(rmpv::Value::from),
        ];
        scalar.prop_recursive(4, 40, 20, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..20).prop_map(rmpv::Value::Array),
                prop::collection::vec((any::<String>().prop_map(rmpv::Value::from), inner), 0..20)
                    .prop_map(rmpv::Value::Map),
            ]
        })
    }

    fn same(theirs: &rmpv::Value, ours: &Value) -> bool {
        match (theirs, ours) {
            (rmpv::Value::Nil, Value::Null) => true,
            (rmpv::Value::Boolean(theirs), Value::Bool(ours)) => theirs == ours,
            (rmpv::Value::Integer(theirs), Value::Integer(ours)) => theirs.to_string() == ours.to_string(),
            (rmpv::Value::F64(theirs), Value::Number(ours)) => theirs.to_bits() == ours.to_bits(),
            (rmpv::Value::String(theirs), Value::Text(ours)) => theirs.as_str() == Some(ours),
            (rmpv::Value::Binary(theirs), Value::Bytes(ours)) => **theirs == **ours,
            (rmpv::Value::Array(theirs), Value::List(ours)) => {
                theirs.len() == ours.len() && theirs.iter().zip(ours).all(|(theirs, ours)| same(theirs, ours))
            }
            (rmpv::Value::Map(theirs), Value::Map(ours)) => {
                let pairs = theirs.iter().zip(ours);
                theirs.len() == ours.len()
                    && pairs.into_iter().all(|((name, theirs), (ours_name, ours))| {
                        name.as_str() == Some(ours_name) && same(theirs, ours)
                    })
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn what_another_library_writes_is_read(value in values(), cut in any::<prop::sample::Index>()) {
            let mut bytes = Vec::new();
            rmpv::encode::write_value(&mut bytes, &value).unwrap();
            let read = parse(&bytes).unwrap();
            prop_assert!(same(&value, &read), "{value:?} {read:?}");
            prop_assert!(parse(&bytes[..cut.index(bytes.len())]).is_err());
        }

        #[test]
        fn noise_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Err(failure) = parse(&bytes) {
                prop_assert!(failure.offset <= bytes.len());
            }
        }
    }
}
