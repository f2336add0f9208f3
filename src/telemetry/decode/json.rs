//! JSON (RFC 8259): a reader into [`Value`], and writers.
//!
//! Not serde_json, whose own options for what is wanted here (members in their order, names that stand twice, digits as
//! they were written) hold for the whole program and everything built into it. The reader keeps a list instead of calling
//! itself, so that a nesting without end costs no stack; it says at which byte it ended. What devices get wrong and still
//! means one thing only is read, and noted: a NUL behind the value, `NaN`, bytes that are not UTF-8.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use super::limit::{Count, MAX_DEPTH};
use crate::telemetry::value::{DecodeFailure, Value};

/// Reads a JSON text. Nothing but white space may stand around it.
pub fn parse(text: &[u8]) -> Result<Value, DecodeFailure> {
    read(text).map(|(value, _)| value)
}

/// As [`parse`], with what is against the rules of JSON and was read all the same.
pub(super) fn read(text: &[u8]) -> Result<(Value, Vec<String>), DecodeFailure> {
    let mut reader = Reader { text, at: 0, count: Count::default(), oddities: Oddities::default() };
    let value = reader.document()?;
    reader.space();
    let nuls = text.len() - reader.at;
    if text[reader.at..].iter().any(|byte| *byte != 0) {
        return reader.fail("something stands behind the value");
    }
    Ok((value, reader.oddities.notes(nuls)))
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    count: Count,
    oddities: Oddities,
}

/// What is against the rules, and means one thing only all the same.
#[derive(Default)]
struct Oddities(Vec<&'static str>);

const NO_NUMBER: &str = "holds NaN or Infinity, which JSON forbids";
const CONTROL: &str = "holds control characters inside a text, which JSON forbids";
const HALF_PAIR: &str = "holds half of a surrogate pair, shown as �";
const NOT_UTF8: &str = "holds bytes that are not UTF-8, shown as �";

impl Oddities {
    fn add(&mut self, oddity: &'static str) {
        if !self.0.contains(&oddity) {
            self.0.push(oddity);
        }
    }

    fn notes(&self, nuls: usize) -> Vec<String> {
        let nul = match nuls {
            0 => None,
            1 => Some("ends with a NUL character, which JSON forbids".to_owned()),
            nuls => Some(format!("ends with {nuls} NUL characters, which JSON forbids")),
        };
        nul.into_iter().chain(self.0.iter().map(|oddity| (*oddity).to_owned())).collect()
    }
}

/// A list or map that is not at its end yet.
enum Open {
    List(Vec<Value>),
    Map(Vec<(Arc<str>, Value)>, Arc<str>),
}

impl<'a> Reader<'a> {
    fn fail<T>(&self, what: impl Into<String>) -> Result<T, DecodeFailure> {
        Err(DecodeFailure { offset: self.at, what: what.into() })
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// The next byte that is no white space. It is not taken.
    fn next(&mut self) -> Option<u8> {
        self.space();
        self.peek()
    }

    fn document(&mut self) -> Result<Value, DecodeFailure> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            // A value begins here.
            if !self.count.one() {
                return self.fail("there are more values than are read");
            }
            let mut value = match self.next() {
                Some(b'{') => {
                    self.at += 1;
                    if self.next() == Some(b'}') {
                        self.at += 1;
                        Value::Map(Vec::new())
                    } else {
                        self.deeper(&open)?;
                        let name = self.name()?;
                        open.push(Open::Map(Vec::new(), name));
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    if self.next() == Some(b']') {
                        self.at += 1;
                        Value::List(Vec::new())
                    } else {
                        self.deeper(&open)?;
                        open.push(Open::List(Vec::new()));
                        continue;
                    }
                }
                _ => self.scalar()?,
            };
            // A value has ended: it goes into what is open, and may close it.
            loop {
                let Some(top) = open.last_mut() else { return Ok(value) };
                let is_list = matches!(top, Open::List(_));
                match top {
                    Open::List(items) => items.push(value),
                    Open::Map(members, name) => members.push((Arc::clone(name), value)),
                }
                match (self.next(), is_list) {
                    (Some(b','), true) => {
                        self.at += 1;
                        break;
                    }
                    (Some(b','), false) => {
                        self.at += 1;
                        let next = self.name()?;
                        if let Some(Open::Map(_, name)) = open.last_mut() {
                            *name = next;
                        }
                        break;
                    }
                    (Some(b']'), true) | (Some(b'}'), false) => {
                        self.at += 1;
                        value = match open.pop() {
                            Some(Open::List(items)) => Value::List(items),
                            Some(Open::Map(members, _)) => Value::Map(members),
                            None => Value::Null,
                        };
                    }
                    (None, true) => return self.fail("it ends inside a list"),
                    (None, false) => return self.fail("it ends inside an object"),
                    (Some(_), true) => return self.fail("expected , or ] here"),
                    (Some(_), false) => return self.fail("expected , or } here"),
                }
            }
        }
    }

    fn deeper(&self, open: &[Open]) -> Result<(), DecodeFailure> {
        if open.len() >= MAX_DEPTH { self.fail(format!("it is nested deeper than {MAX_DEPTH} levels")) } else { Ok(()) }
    }

    /// A member's name and its colon.
    fn name(&mut self) -> Result<Arc<str>, DecodeFailure> {
        match self.next() {
            Some(b'"') => {}
            None => return self.fail("it ends inside an object"),
            Some(_) => return self.fail("expected a name in quotes here"),
        }
        let name = self.string()?;
        if self.next() != Some(b':') {
            return self.fail("expected : behind the name");
        }
        self.at += 1;
        Ok(name)
    }

    fn scalar(&mut self) -> Result<Value, DecodeFailure> {
        for (word, value) in [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)] {
            if self.text[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        if let Some((word, number)) = no_number(&self.text[self.at..]) {
            self.at += word.len();
            self.oddities.add(NO_NUMBER);
            return Ok(Value::Number(number));
        }
        match self.peek() {
            Some(b'"') => self.string().map(Value::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.fail("no value begins here"),
            None => self.fail("it ends where a value should begin"),
        }
    }

    /// A number: digits as they were written where neither a whole number nor 64 bits with a fraction hold them exactly.
    fn number(&mut self) -> Result<Value, DecodeFailure> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return self.fail("expected a digit here"),
        }
        let mut is_whole = true;
        if self.peek() == Some(b'.') {
            is_whole = false;
            self.at += 1;
            self.needed_digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            is_whole = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.needed_digits()?;
        }
        // ASCII only, by what was taken above.
        let written = std::str::from_utf8(&self.text[start..self.at]).unwrap_or_default();
        if is_whole && written != "-0" {
            return Ok(written.parse().map_or_else(|_| Value::Digits(written.into()), Value::Integer));
        }
        Ok(fraction(written))
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn needed_digits(&mut self) -> Result<(), DecodeFailure> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return self.fail("expected a digit here");
        }
        self.digits();
        Ok(())
    }

    /// A text in quotes; the first one has not been taken.
    fn string(&mut self) -> Result<Arc<str>, DecodeFailure> {
        self.at += 1;
        let start = self.at;
        // Most texts hold no escape and can be taken as they are.
        let plain = self.text[start..].iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
        let Some(plain) = plain else {
            self.at = self.text.len();
            return self.fail("it ends inside a text");
        };
        let first = self.utf8(start, start + plain);
        self.at = start + plain;
        if self.peek() == Some(b'"') {
            self.at += 1;
            return Ok(first.as_ref().into());
        }
        let mut text = first.into_owned();
        loop {
            match self.peek() {
                None => return self.fail("it ends inside a text"),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text.into());
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(byte @ 0..=0x1f) => {
                    self.oddities.add(CONTROL);
                    text.push(char::from(byte));
                    self.at += 1;
                }
                Some(_) => {
                    let start = self.at;
                    let rest = &self.text[start..];
                    let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
                    let end = start + end.unwrap_or(rest.len());
                    text.push_str(&self.utf8(start, end));
                    self.at = end;
                }
            }
        }
    }

    fn utf8(&mut self, start: usize, end: usize) -> Cow<'a, str> {
        let text = String::from_utf8_lossy(&self.text[start..end]);
        if matches!(text, Cow::Owned(_)) {
            self.oddities.add(NOT_UTF8);
        }
        text
    }

    fn escape(&mut self) -> Result<char, DecodeFailure> {
        let start = self.at;
        let kind = self.text.get(start + 1).copied();
        self.at += 2;
        let simple = match kind {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.code_point(start),
            _ => {
                self.at = start;
                return self.fail("there is no such escape");
            }
        };
        Ok(simple)
    }

    /// `\uXXXX`, and the second half where the first is one half of a pair.
    fn code_point(&mut self, start: usize) -> Result<char, DecodeFailure> {
        let bad = || DecodeFailure { offset: start, what: "this escape means no character".into() };
        let first = self.four_digits().ok_or_else(bad)?;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        let behind = self.at;
        if (0xD800..0xDC00).contains(&first) && self.text[self.at..].starts_with(b"\\u") {
            self.at += 2;
            if let Some(second) = self.four_digits().filter(|second| (0xDC00..0xE000).contains(second)) {
                return char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)).ok_or_else(bad);
            }
            self.at = behind;
        }
        self.oddities.add(HALF_PAIR);
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |number, digit| Some(number * 16 + char::from(*digit).to_digit(16)?))
    }
}

/// A word for what is no number of JSON, as Python, C and JavaScript write it.
fn no_number(text: &[u8]) -> Option<(&'static str, f64)> {
    const WORDS: [(&str, f64); 7] = [
        ("NaN", f64::NAN),
        ("nan", f64::NAN),
        ("-nan", f64::NAN),
        ("Infinity", f64::INFINITY),
        ("-Infinity", f64::NEG_INFINITY),
        ("inf", f64::INFINITY),
        ("-inf", f64::NEG_INFINITY),
    ];
    // Digits are what nearly all numbers begin with.
    let may_be = matches!(text, [b'N' | b'n' | b'I' | b'i', ..] | [b'-', b'n' | b'I' | b'i', ..]);
    WORDS.into_iter().find(|(word, _)| may_be && text.starts_with(word.as_bytes()))
}

/// The value of a number with a fraction or an exponent.
fn fraction(written: &str) -> Value {
    match written.parse::<f64>() {
        Ok(number) if number.is_finite() && is_exact(written, number) => Value::Number(number),
        _ => Value::Digits(written.into()),
    }
}

/// Whether the number, written in the shortest way, has the digits that were written.
fn is_exact(written: &str, number: f64) -> bool {
    let mantissa = written.split(['e', 'E']).next().unwrap_or_default();
    let figures = mantissa.bytes().filter(u8::is_ascii_digit).count();
    // Fifteen figures always come back, where the number has its full precision.
    if figures <= 15 && (number == 0.0 || number.is_normal()) && !(number == 0.0 && has_figure(mantissa)) {
        return true;
    }
    figures_of(written) == figures_of(&format!("{number:e}"))
}

fn has_figure(mantissa: &str) -> bool {
    mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'))
}

/// A number as its figures without zeros around them, and the power of ten of the first one.
fn figures_of(written: &str) -> (bool, String, i64) {
    let (mantissa, exponent) = written.split_once(['e', 'E']).unwrap_or((written, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(if exponent.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 });
    let (is_negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{part}");
    let leading = all.len() - all.trim_start_matches('0').len();
    let figures = all.trim_matches('0').to_owned();
    if figures.is_empty() {
        return (is_negative, figures, 0);
    }
    let first = i64::try_from(whole.len()).unwrap_or(0) - i64::try_from(leading).unwrap_or(0);
    (is_negative, figures, exponent.saturating_add(first))
}

/// How values are written.
#[derive(Clone, Copy)]
struct Layout {
    is_pretty: bool,
    max_bytes: usize,
}

/// The value as JSON on one line. Bytes are written as base64, times as texts.
pub fn to_json(value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, value, 0, Layout { is_pretty: false, max_bytes: usize::MAX });
    text
}

/// As [`to_json`], and no further than about that many bytes.
pub fn to_json_within(value: &Value, max_bytes: usize) -> String {
    let mut text = String::new();
    write_value(&mut text, value, 0, Layout { is_pretty: false, max_bytes });
    text
}

/// The value as JSON with one member or item a line.
pub fn to_pretty_json(value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, value, 0, Layout { is_pretty: true, max_bytes: usize::MAX });
    text
}

/// A text as JSON has it, in quotes.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    write_text(&mut quoted, text);
    quoted
}

// Writing to a String cannot fail: that is what the results below are dropped for.
fn write_value(out: &mut String, value: &Value, depth: usize, layout: Layout) {
    if out.len() > layout.max_bytes {
        return;
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Integer(number) => drop(write!(out, "{number}")),
        Value::Number(number) if number.is_finite() => drop(write!(out, "{number:?}")),
        Value::Number(number) => write_text(out, if number.is_nan() { "NaN" } else { infinity(*number) }),
        Value::Digits(digits) => out.push_str(digits),
        Value::Text(text) => write_text(out, text),
        Value::Bytes(bytes) => write_text(out, &super::base64::encode(bytes)),
        Value::Time(micros) => write_text(out, &time(*micros)),
        Value::List(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                next_line(out, place, depth + 1, layout);
                write_value(out, item, depth + 1, layout);
                if out.len() > layout.max_bytes {
                    return;
                }
            }
            last_line(out, items.is_empty(), depth, layout);
            out.push(']');
        }
        Value::Map(members) => {
            out.push('{');
            for (place, (name, item)) in members.iter().enumerate() {
                next_line(out, place, depth + 1, layout);
                write_text(out, name);
                out.push_str(if layout.is_pretty { ": " } else { ":" });
                write_value(out, item, depth + 1, layout);
                if out.len() > layout.max_bytes {
                    return;
                }
            }
            last_line(out, members.is_empty(), depth, layout);
            out.push('}');
        }
    }
}

fn infinity(number: f64) -> &'static str {
    if number > 0.0 { "Infinity" } else { "-Infinity" }
}

fn next_line(out: &mut String, place: usize, depth: usize, layout: Layout) {
    if place > 0 {
        out.push(',');
    }
    if layout.is_pretty {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    }
}

fn last_line(out: &mut String, is_empty: bool, depth: usize, layout: Layout) {
    if layout.is_pretty && !is_empty {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => drop(write!(out, "\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A time in UTC as RFC 3339 has it; the number where the calendar ends.
pub fn time(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| format!("{micros} µs"), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let shown = match parse(text.as_bytes()) {
            Ok(value) => to_json(&value),
            Err(failure) => format!("{}: {}", failure.offset, failure.what),
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn what_is_json_is_read() {
        check(
            " {\"b\" : [1, -2.5, true, null], \"a\":{}, \"b\":\"x\"}\n",
            r#"{"b":[1,-2.5,true,null],"a":{},"b":"x"}"#,
        );
        check("[]", "[]");
        check(r#""\u00e4\ud83d\ude00\n\/""#, "\"ä😀\\n/\"");
        check("18446744073709551615", "18446744073709551615");
        check("170141183460469231731687303715884105727", "170141183460469231731687303715884105727");
        check("170141183460469231731687303715884105728", "170141183460469231731687303715884105728");
        check("21.0", "21.0");
        check("1E3", "1000.0");
        check("-0", "-0.0");
        check("\"\u{7f}\"", "\"\u{7f}\"");
    }

    #[test]
    fn numbers_are_what_was_written() {
        let digits = |text: &str| matches!(parse(text.as_bytes()), Ok(Value::Digits(digits)) if &*digits == text);
        assert!(digits("0.1000000000000000055511151231257827"));
        assert!(digits("1e400"));
        assert!(digits("1e-400"));
        assert!(digits("123456789012345678901234567890123456789012"));
        assert_eq!(parse(b"0.1"), Ok(Value::Number(0.1)));
        assert_eq!(parse(b"1.50"), Ok(Value::Number(1.5)));
        assert_eq!(parse(b"12345.678901234567"), Ok(Value::Number(12_345.678_901_234_567)));
        assert_eq!(parse(b"0.000e99999999999999999999"), Ok(Value::Number(0.0)));
        assert_eq!(parse(b"5e-324"), Ok(Value::Number(5e-324)));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        check("", "0: it ends where a value should begin");
        check("{\"a\":1,}", "7: expected a name in quotes here");
        check("[1,]", "3: no value begins here");
        check("[1 2]", "3: expected , or ] here");
        check("{\"a\" 1}", "5: expected : behind the name");
        check("{\"a\":1", "6: it ends inside an object");
        check("[1", "2: it ends inside a list");
        check("01", "1: something stands behind the value");
        check("1.", "2: expected a digit here");
        check("\"a", "2: it ends inside a text");
        check("\"a\\x\"", "2: there is no such escape");
        check("\"\\ud8\"", "1: this escape means no character");
        check("{}\0x", "2: something stands behind the value");
    }

    #[test]
    fn what_devices_get_wrong_is_read_and_noted() {
        let check = |text: &[u8], expected: &str, note: &str| {
            let (value, notes) = read(text).unwrap();
            assert_eq!((to_json(&value).as_str(), notes.join("; ").as_str()), (expected, note));
        };
        check(b"{\"a\":1}\0", "{\"a\":1}", "ends with a NUL character, which JSON forbids");
        check(b"[]\n\0\0", "[]", "ends with 2 NUL characters, which JSON forbids");
        let numbers = "holds NaN or Infinity, which JSON forbids";
        check(b"[NaN,-Infinity,Infinity,nan,inf]", r#"["NaN","-Infinity","Infinity","NaN","Infinity"]"#, numbers);
        check(b"\"\\ud800\\u0041\"", "\"�A\"", "holds half of a surrogate pair, shown as �");
        check(b"\"\\udc00\"", "\"�\"", "holds half of a surrogate pair, shown as �");
        check(b"\"a\nb\"", "\"a\\nb\"", "holds control characters inside a text, which JSON forbids");
        check(b"{\"u\":\"\xb0C\"}", "{\"u\":\"�C\"}", "holds bytes that are not UTF-8, shown as �");
        check(b"{\"a\":1}", "{\"a\":1}", "");
    }

    #[test]
    fn nesting_without_end_costs_no_stack() {
        let failure = parse(&b"[".repeat(10_000_000)).unwrap_err();
        assert_eq!((failure.offset, failure.what.as_str()), (513, "it is nested deeper than 512 levels"));
        let deep = format!("{}1{}", "[".repeat(512), "]".repeat(512));
        assert_eq!(to_json(&parse(deep.as_bytes()).unwrap()), deep);
    }

    #[test]
    fn pretty_text_has_a_member_a_line() {
        let value = parse(br#"{"a":[1,2],"b":{},"c":[]}"#).unwrap();
        assert_eq!(to_pretty_json(&value), "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {},\n  \"c\": []\n}");
    }

    fn values() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i128>().prop_map(Value::Integer),
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::Number),
            any::<String>().prop_map(|text| Value::Text(text.into())),
        ];
        scalar.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
                prop::collection::vec((any::<String>().prop_map(Arc::from), inner), 0..6).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in values()) {
            prop_assert_eq!(parse(to_json(&value).as_bytes()), Ok(value.clone()));
            prop_assert_eq!(parse(to_pretty_json(&value).as_bytes()), Ok(value));
        }

        #[test]
        fn a_cut_text_is_no_json(value in values(), cut in any::<prop::sample::Index>()) {
            let text = to_json(&Value::List(vec![value]));
            let failure = parse(&text.as_bytes()[..cut.index(text.len())]).unwrap_err();
            prop_assert!(failure.offset <= text.len());
        }

        #[test]
        fn another_reader_agrees(bytes in prop::collection::vec(prop_oneof![
            Just(b'['), Just(b']'), Just(b'{'), Just(b'}'), Just(b'"'), Just(b':'), Just(b','), Just(b'1'), Just(b'.'),
            Just(b'e'), Just(b'-'), Just(b'\\'), Just(b'u'), Just(b' '), any::<u8>(),
        ], 0..24)) {
            let theirs = serde_json::from_slice::<serde_json::Value>(&bytes);
            match read(&bytes) {
                Ok((_, notes)) if !notes.is_empty() => {}
                Ok(_) => prop_assert!(theirs.is_ok() || theirs.unwrap_err().to_string().contains("number out of range")),
                Err(_) => prop_assert!(theirs.is_err()),
            }
        }
    }
}
