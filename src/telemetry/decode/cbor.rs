//! CBOR (RFC 8949): one data item, with tags for times, large numbers and decimals, and lengths that are not told in front.
//!
//! A reader of our own for the heads of items, which are few: minicbor's tokens leave out numbers of 16 bits and tell no
//! place in a text that is broken.

use std::fmt::Write as _;
use std::sync::Arc;

use super::build::{Builder, short_float};
use super::json;
use crate::model::text::hex;
use crate::telemetry::value::{DecodeFailure, Value};

/// The longest whole number that is written out, in bytes.
const MAX_NUMBER_BYTES: usize = 256;

/// Reads one item and nothing behind it.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, DecodeFailure> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.item()?;
    if reader.at < bytes.len() {
        return Err(DecodeFailure { offset: reader.at, what: "something stands behind the value".into() });
    }
    Ok(value)
}

/// Whether the first byte may begin what devices send: a list, a map, or the tag that says CBOR.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80..=0x9b | 0x9f | 0xa0..=0xbb | 0xbf, ..] | [0xd9, 0xd9, 0xf7, ..])
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The beginning of an item: its kind, what its head says, and its number.
struct Head {
    kind: u8,
    info: u8,
    /// `None` for a length that is not told.
    number: Option<u64>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: u64) -> Result<&'a [u8], DecodeFailure> {
        let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| DecodeFailure {
            offset: self.at,
            what: format!("{length} bytes should follow, and {} do", self.bytes.len() - self.at),
        })?;
        self.at += taken.len();
        Ok(taken)
    }

    fn head(&mut self) -> Result<Head, DecodeFailure> {
        let start = self.at;
        let first = self.take(1)?[0];
        let (kind, info) = (first >> 5, first & 0x1f);
        let number = match info {
            0..=23 => Some(u64::from(info)),
            24..=27 => Some(self.take(1 << (info - 24))?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))),
            31 if matches!(kind, 2..=5 | 7) => None,
            _ => {
                let what = format!("no item begins with 0x{}", hex(&[first]));
                return Err(DecodeFailure { offset: start, what });
            }
        };
        Ok(Head { kind, info, number })
    }

    fn item(&mut self) -> Result<Value, DecodeFailure> {
        let mut builder = Builder::with_tags(tagged);
        loop {
            let start = self.at;
            let refused = |what: &str| DecodeFailure { offset: start, what: what.into() };
            let head = self.head()?;
            let put = match (head.kind, head.number) {
                (0, Some(number)) => builder.put(Value::Integer(i128::from(number))),
                (1, Some(number)) => builder.put(Value::Integer(-1 - i128::from(number))),
                (2, length) => {
                    let bytes = self.pieces(2, length)?;
                    builder.put(Value::Bytes(bytes.into()))
                }
                (3, length) => {
                    let bytes = self.pieces(3, length)?;
                    let text = String::from_utf8(bytes).map_err(|_| refused("this text is not UTF-8"))?;
                    builder.put(Value::Text(text.into()))
                }
                (4, length) => builder.list(length),
                (5, length) => builder.map(length),
                (6, Some(tag)) => builder.tag(tag).map(|()| None),
                (7, None) => builder.end(),
                (7, Some(number)) => builder.put(simple(head.info, number)),
                _ => Err("no item begins so"),
            };
            if let Some(value) = put.map_err(refused)? {
                return Ok(value);
            }
        }
    }

    /// Bytes or a text, in one piece or in several.
    fn pieces(&mut self, kind: u8, length: Option<u64>) -> Result<Vec<u8>, DecodeFailure> {
        if let Some(length) = length {
            return self.take(length).map(<[u8]>::to_vec);
        }
        let mut whole = Vec::new();
        loop {
            let start = self.at;
            let head = self.head()?;
            match (head.kind, head.number) {
                (7, None) => return Ok(whole),
                (piece, Some(length)) if piece == kind => whole.extend_from_slice(self.take(length)?),
                _ => return Err(DecodeFailure { offset: start, what: "this isn't a piece of a text".into() }),
            }
        }
    }
}

/// True, false, nothing, and numbers with a fraction.
fn simple(info: u8, number: u64) -> Value {
    match info {
        20 => Value::Bool(false),
        21 => Value::Bool(true),
        22 | 23 => Value::Null,
        25 => half(u16::try_from(number).unwrap_or_default()),
        26 => short_float(f32::from_bits(u32::try_from(number).unwrap_or_default())),
        27 => Value::Number(f64::from_bits(number)),
        _ => Value::Map(vec![("simple".into(), Value::Integer(i128::from(number)))]),
    }
}

/// A number of 16 bits (RFC 8949, appendix D).
fn half(bits: u16) -> Value {
    let (exponent, mantissa) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => mantissa * 2_f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (mantissa + 1024.0) * 2_f64.powi(exponent - 25),
    };
    Value::Number(if bits & 0x8000 == 0 { size } else { -size })
}

/// What a tag makes of a value (RFC 8949, section 3.4). One that is not known stays beside its value.
fn tagged(tag: u64, value: Value) -> Value {
    let known = match (tag, &value) {
        (0, Value::Text(text)) => text.parse::<jiff::Timestamp>().ok().map(|time| Value::Time(time.as_microsecond())),
        (1, value) => epoch(value),
        (2, Value::Bytes(bytes)) => whole_number(bytes, false),
        (3, Value::Bytes(bytes)) => whole_number(bytes, true),
        (4, Value::List(parts)) => match parts.as_slice() {
            [Value::Integer(exponent), mantissa @ (Value::Integer(_) | Value::Digits(_))] => {
                Some(decimal(*exponent, &json::to_json(mantissa)))
            }
            _ => None,
        },
        (5, Value::List(parts)) => match parts.as_slice() {
            [Value::Integer(exponent), mantissa] => mantissa.as_number().map(|mantissa| {
                let exponent = i32::try_from(*exponent).unwrap_or(if *exponent < 0 { i32::MIN } else { i32::MAX });
                Value::Number(mantissa * 2_f64.powi(exponent))
            }),
            _ => None,
        },
        (21..=24 | 32..=36 | 55799, _) => return value,
        (37, Value::Bytes(bytes)) if bytes.len() == 16 => Some(uuid(bytes)),
        _ => None,
    };
    known.unwrap_or_else(|| Value::Map(vec![("tag".into(), Value::Integer(i128::from(tag))), ("value".into(), value)]))
}

/// Seconds since 1970.
#[expect(clippy::cast_possible_truncation, reason = "what is beyond the calendar is told apart before")]
fn epoch(value: &Value) -> Option<Value> {
    let micros = match value {
        Value::Integer(seconds) => i64::try_from(seconds.checked_mul(1_000_000)?).ok()?,
        Value::Number(seconds) if seconds.abs() < 9e12 => (seconds * 1e6).round() as i64,
        _ => return None,
    };
    Some(Value::Time(micros))
}

/// A whole number from its bytes, the first one the most worth; minus one minus it if negative.
fn whole_number(bytes: &[u8], is_negative: bool) -> Option<Value> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = &bytes[zeros..];
    if bytes.len() < 16 || (bytes.len() == 16 && bytes[0] < 0x80) {
        let number = bytes.iter().fold(0_i128, |number, byte| number << 8 | i128::from(*byte));
        return Some(Value::Integer(if is_negative { -1 - number } else { number }));
    }
    if bytes.len() > MAX_NUMBER_BYTES {
        return None;
    }
    // Long division, nine digits at a time, the last ones first.
    let mut parts: Vec<u64> = vec![0];
    let mut step = |factor: u64, mut carry: u64| {
        for part in &mut parts {
            let sum = *part * factor + carry;
            (*part, carry) = (sum % 1_000_000_000, sum / 1_000_000_000);
        }
        if carry > 0 {
            parts.push(carry);
        }
    };
    for byte in bytes {
        step(256, u64::from(*byte));
    }
    step(1, u64::from(is_negative));
    let mut digits = if is_negative { "-".to_owned() } else { String::new() };
    let mut parts = parts.iter().rev();
    digits.push_str(&parts.next().map(u64::to_string).unwrap_or_default());
    for part in parts {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{part:09}");
    }
    Some(Value::Digits(digits.into()))
}

/// `mantissa × 10^exponent`, with a point where it belongs if that is not far.
fn decimal(exponent: i128, mantissa: &str) -> Value {
    let (sign, figures) = mantissa.strip_prefix('-').map_or(("", mantissa), |figures| ("-", figures));
    let text = match usize::try_from(-exponent) {
        Ok(places) if places > 0 && places <= 64 => {
            let figures = format!("{figures:0>width$}", width = places + 1);
            let (whole, part) = figures.split_at(figures.len() - places);
            format!("{sign}{whole}.{part}")
        }
        _ => format!("{mantissa}e{exponent}"),
    };
    json::parse(text.as_bytes()).unwrap_or(Value::Text(text.into()))
}

fn uuid(bytes: &[u8]) -> Value {
    let digits = hex(bytes);
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    Value::Text(Arc::from(parts.join("-")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::text::from_hex;

    #[track_caller]
    fn check(item: &str, expected: &str) {
        let shown = match parse(&from_hex(item).unwrap()) {
            Ok(value) => json::to_json(&value),
            Err(failure) => format!("{}: {}", failure.offset, failure.what),
        };
        assert_eq!(shown, expected, "{item}");
    }

    /// Most of them from RFC 8949, appendix A.
    #[test]
    fn items_are_read() {
        check("00", "0");
        check("1bffffffffffffffff", "18446744073709551615");
        check("3bffffffffffffffff", "-18446744073709551616");
        check("c249010000000000000000", "18446744073709551616");
        check("c349010000000000000000", "-18446744073709551617");
        check("c2581900000000000000000100000000000000000000000000000000", "340282366920938463463374607431768211456");
        check("c35811ff00000000000000000000000000000000", "-86772003564839308183160524895100893921281");
        check("f93c00", "1.0");
        check("f90001", "5.960464477539063e-8");
        check("f97bff", "65504.0");
        check("f9c400", "-4.0");
        check("f97c00", "\"Infinity\"");
        check("f97e00", "\"NaN\"");
        check("fa47c35000", "100000.0");
        check("fa3dcccccd", "0.1");
        check("fb3ff199999999999a", "1.1");
        check("f4", "false");
        check("f7", "null");
        check("f0", r#"{"simple":16}"#);
        check("c074323031332d30332d32315432303a30343a30305a", "\"2013-03-21T20:04:00Z\"");
        check("c11a514b67b0", "\"2013-03-21T20:04:00Z\"");
        check("c1fb41d452d9ec200000", "\"2013-03-21T20:04:00.5Z\"");
        check("c48221196ab3", "273.15");
        check("c48203196ab3", "27315000.0");
        check("c5822003", "1.5");
        check("d82076687474703a2f2f7777772e6578616d706c652e636f6d", "\"http://www.example.com\"");
        check("d9d9f783010203", "[1,2,3]");
        check("d8641903e8", r#"{"tag":100,"value":1000}"#);
        check("d82550000102030405060708090a0b0c0d0e0f", "\"00010203-0405-0607-0809-0a0b0c0d0e0f\"");
        check("4401020304", "\"AQIDBA==\"");
        check("62c3bc", "\"ü\"");
        check("a201020304", r#"{"1":2,"3":4}"#);
        check("a26161016162820203", r#"{"a":1,"b":[2,3]}"#);
        check("5f42010243030405ff", "\"AQIDBAU=\"");
        check("7f657374726561646d696e67ff", "\"streaming\"");
        check("9f018202039f0405ffff", "[1,[2,3],[4,5]]");
        check("bf61610161629f0203ffff", r#"{"a":1,"b":[2,3]}"#);
        check("80", "[]");
        check("9fff", "[]");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        check("", "0: 1 bytes should follow, and 0 do");
        check("a16161", "3: 1 bytes should follow, and 0 do");
        check("0000", "1: something stands behind the value");
        check("1c", "0: no item begins with 0x1c");
        check("62ff41", "0: this text is not UTF-8");
        check("ff", "0: nothing ends here");
        check("bf6161ff", "3: a map ends behind a name");
        check("82ff", "1: nothing ends here");
        check("5f6161ff", "1: this isn't a piece of a text");
        check("5bffffffffffffffff00", "9: 18446744073709551615 bytes should follow, and 1 do");
        check("9bffffffffffffffff00", "10: 1 bytes should follow, and 0 do");
        check("bbffffffffffffffff6161", "11: 1 bytes should follow, and 0 do");
    }

    #[test]
    fn bombs_are_bounded() {
        for first in ["81", "9f", "c1", "a1", "a161"] {
            let bomb = from_hex(&first.repeat(100_000)).unwrap();
            assert!(parse(&bomb).is_err(), "{first}");
        }
        let many = [&[0x9f][..], &vec![0xf6; 5_000_000], &[0xff]].concat();
        assert_eq!(parse(&many).unwrap_err().what, "there are more values than are read");
    }

    proptest! {
        #[test]
        fn noise_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Err(failure) = parse(&bytes) {
                prop_assert!(failure.offset <= bytes.len());
            }
        }

        #[test]
        fn large_numbers_are_right(number in any::<u128>(), is_negative in any::<bool>()) {
            let value = whole_number(&number.to_be_bytes(), is_negative).unwrap();
            let expected = match (is_negative, number) {
                (false, number) => number.to_string(),
                (true, u128::MAX) => "-340282366920938463463374607431768211456".into(),
                (true, number) => format!("-{}", number + 1),
            };
            prop_assert_eq!(json::to_json(&value), expected);
        }
    }
}
