//! Numbers and times in payloads, found without reading a payload as a whole: for judging many messages, never for showing
//! one.
//!
//! Payloads that are JSON or a bare number are looked at, up to a limit. Whatever is malformed ends the look and nothing else.

use memchr::memmem::Finder;

/// How far into a payload is looked.
const MAX_BYTES: usize = 4096;
/// How deep.
const MAX_DEPTH: usize = 16;

/// Names under which senders number their messages, without case, hyphens and underscores.
const NUMBERS: [&[u8]; 20] = [
    b"seq",
    b"sequence",
    b"seqno",
    b"seqnr",
    b"seqnum",
    b"sequenceno",
    b"sequencenumber",
    b"sequenceid",
    b"msgid",
    b"msgno",
    b"msgnr",
    b"msgcounter",
    b"messageid",
    b"messageno",
    b"messagenumber",
    b"messagecounter",
    b"fcnt",
    b"framecounter",
    b"packetid",
    b"packetcounter",
];
/// Names that may mean that, and mostly mean something else.
const MAYBE_NUMBERS: [&[u8]; 11] =
    [b"n", b"i", b"no", b"nr", b"id", b"num", b"cnt", b"count", b"counter", b"index", b"idx"];
/// Names under which senders write the time.
const TIMES: [&[u8]; 19] = [
    b"t",
    b"ts",
    b"at",
    b"utc",
    b"time",
    b"date",
    b"epoch",
    b"sentat",
    b"datetime",
    b"timestamp",
    b"timestampms",
    b"createdat",
    b"devicetime",
    b"eventtime",
    b"measuredat",
    b"observedat",
    b"sampletime",
    b"unixtime",
    b"timeutc",
];
/// The longest of those names, with hyphens.
const MAX_NAME: usize = 24;

/// What the value behind a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The sender's own number of the message.
    Number,
    /// Maybe that.
    MaybeNumber,
    /// The time.
    Time,
}

/// A value that could tell the order of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate<'a> {
    pub(super) meaning: Meaning,
    /// The name with its quotes.
    pub(super) quoted: &'a [u8],
    /// Where the name ends in the payload.
    pub(super) end: usize,
    /// The value, so that a later one is larger.
    pub(super) value: u64,
}

/// Whether a payload may be JSON or a number.
#[inline]
pub(super) fn is_worth_it(payload: &[u8]) -> bool {
    matches!(payload.first(), Some(b'{' | b'[' | b'-' | b'0'..=b'9'))
}

/// All values in there that could tell the order of messages, in their order.
pub(super) fn candidates(payload: &[u8]) -> impl Iterator<Item = Candidate<'_>> {
    let payload = start(payload);
    names(payload).filter_map(|(begin, end)| {
        let name = &payload[begin + 1..end - 1];
        let meaning = meaning(name)?;
        let value = match meaning {
            Meaning::Time => time_order(payload, end)?,
            Meaning::Number | Meaning::MaybeNumber => number(payload, end)?,
        };
        Some(Candidate { meaning, quoted: &payload[begin..end], end, value })
    })
}

/// The value behind a name: where the name ended in the message before, or else wherever it is.
#[inline]
pub(super) fn value_behind(payload: &[u8], name: &Finder<'_>, hint: &mut u32, is_time: bool) -> Option<u64> {
    let quoted = name.needle();
    let hinted = *hint as usize;
    let is_there = hinted.checked_sub(quoted.len()).and_then(|begin| payload.get(begin..hinted)) == Some(quoted);
    if !is_there {
        let found = name.find(start(payload))? + quoted.len();
        *hint = u32::try_from(found).unwrap_or(0);
    }
    let end = *hint as usize;
    if is_time { time_order(payload, end) } else { number(payload, end) }
}

/// The time that a payload tells, in seconds since 1970 UTC.
pub(super) fn time(payload: &[u8]) -> Option<f64> {
    let payload = start(payload);
    names(payload).find_map(|(begin, end)| {
        (meaning(&payload[begin + 1..end - 1])? == Meaning::Time).then_some(())?;
        epoch(value(payload, end)?)
    })
}

/// Shows every number and where it is: a hash of its path, and the path for as long as it is looked at.
pub(super) fn numbers(payload: &[u8], mut see: impl FnMut(u32, &Path<'_>, f64)) {
    let payload = start(payload);
    let mut path = Path { levels: [Level::Place(0); MAX_DEPTH], depth: 0, bytes: payload };
    let mut at = 0;
    while let Some(byte) = payload.get(at) {
        match byte {
            b'{' | b'[' => {
                if path.depth == MAX_DEPTH {
                    return;
                }
                path.levels[path.depth] = Level::Place(0);
                path.depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                path.depth = path.depth.saturating_sub(1);
                at += 1;
            }
            b',' => {
                if let Some(Level::Place(place)) = path.depth.checked_sub(1).map(|last| &mut path.levels[last]) {
                    *place += 1;
                }
                at += 1;
            }
            b'"' => {
                let Some(end) = string_end(payload, at) else { return };
                if is_name(payload, end)
                    && let Some(last) = path.depth.checked_sub(1)
                {
                    path.levels[last] = Level::Name(at + 1, end - 1);
                }
                at = end;
            }
            b'-' | b'0'..=b'9' => {
                let length = number_length(&payload[at..]);
                let text = std::str::from_utf8(&payload[at..at + length]).unwrap_or_default();
                // A number that is cut off by the limit is none.
                if let Ok(number) = text.parse::<f64>()
                    && number.is_finite()
                    && (at + length < payload.len() || payload.len() < MAX_BYTES)
                {
                    see(path.hash(), &path, number);
                }
                at += length;
            }
            _ => at += 1,
        }
    }
}

/// The way to a value.
pub(super) struct Path<'a> {
    levels: [Level; MAX_DEPTH],
    depth: usize,
    bytes: &'a [u8],
}

#[derive(Clone, Copy)]
enum Level {
    /// A member, by where its name is.
    Name(usize, usize),
    /// A place in a list.
    Place(usize),
}

impl Path<'_> {
    fn hash(&self) -> u32 {
        self.levels[..self.depth].iter().fold(0x811C_9DC5, |hash: u32, level| match level {
            Level::Name(begin, end) => self.bytes[*begin..*end]
                .iter()
                .fold(hash.rotate_left(7) ^ 0x5B, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)),
            Level::Place(place) => {
                (hash.rotate_left(9) ^ u32::try_from(*place).unwrap_or(u32::MAX)).wrapping_mul(0x0100_0193)
            }
        })
    }

    /// As people write it: names and places with dots in between.
    pub(super) fn text(&self) -> String {
        let levels = self.levels[..self.depth].iter().map(|level| match level {
            Level::Name(begin, end) => String::from_utf8_lossy(&self.bytes[*begin..*end]).into_owned(),
            Level::Place(place) => place.to_string(),
        });
        levels.collect::<Vec<_>>().join(".")
    }
}

fn start(payload: &[u8]) -> &[u8] {
    &payload[..payload.len().min(MAX_BYTES)]
}

/// Where each name of a member begins and ends, with its quotes.
fn names(payload: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let begin = at + memchr::memchr(b'"', &payload[at..])?;
            let end = string_end(payload, begin)?;
            at = end;
            if is_name(payload, end) {
                return Some((begin, end));
            }
        }
    })
}

/// Behind the quote that ends a string.
fn string_end(payload: &[u8], begin: usize) -> Option<usize> {
    let mut at = begin + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', payload.get(at..)?)?;
        if payload[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn is_name(payload: &[u8], end: usize) -> bool {
    payload[end..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

fn meaning(name: &[u8]) -> Option<Meaning> {
    if name.len() > MAX_NAME {
        return None;
    }
    let mut plain = [0; MAX_NAME];
    let mut length = 0;
    for byte in name.iter().filter(|byte| !matches!(byte, b'_' | b'-')) {
        plain[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    let plain = &plain[..length];
    let is_one_of = |names: &[&[u8]]| names.contains(&plain);
    if is_one_of(&NUMBERS) {
        Some(Meaning::Number)
    } else if is_one_of(&TIMES) {
        Some(Meaning::Time)
    } else {
        is_one_of(&MAYBE_NUMBERS).then_some(Meaning::MaybeNumber)
    }
}

/// The value behind the colon, without a quote before it.
#[inline]
fn value(payload: &[u8], end: usize) -> Option<&[u8]> {
    let mut rest = payload.get(end..)?;
    let mut has_colon = false;
    loop {
        match rest.first()? {
            b':' if !has_colon => has_colon = true,
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'"' if has_colon => return Some(&rest[1..]),
            _ if has_colon => return Some(rest),
            _ => return None,
        }
        rest = &rest[1..];
    }
}

/// A whole number behind a name.
#[inline]
fn number(payload: &[u8], end: usize) -> Option<u64> {
    let value = value(payload, end)?;
    let (number, length) = digits(value)?;
    // Neither a fraction, nor text that begins with a digit, nor one that is cut off.
    matches!(value.get(length), Some(b',' | b'}' | b'"' | b' ' | b']' | b'\n' | b'\r')).then_some(number)
}

/// Digits at the beginning as a number, and how many there are.
#[inline]
fn digits(text: &[u8]) -> Option<(u64, usize)> {
    let mut number = 0u64;
    let mut length = 0;
    while let Some(digit) = text.get(length).filter(|byte| byte.is_ascii_digit()) {
        number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        length += 1;
    }
    (length > 0).then_some((number, length))
}

/// A number that is larger for a later time. Good for comparing times that are written the same way.
fn time_order(payload: &[u8], end: usize) -> Option<u64> {
    let value = value(payload, end)?;
    if value.get(4) == Some(&b'-') {
        // The parts of 2026-11-23T00:17:11.123, each with room for as many as there are.
        let part = |from: usize, to: usize| digits(value.get(from..to)?).filter(|(_, length)| *length == to - from);
        let mut number = part(0, 4)?.0;
        for (from, room) in [(5, 13), (8, 32), (11, 25), (14, 60), (17, 62)] {
            number = number * room + part(from, from + 2)?.0;
        }
        return Some(number * 1_000_000 + fraction(&value[19..]));
    }
    let (whole, length) = digits(value)?;
    unit(whole)?;
    // Seconds and milliseconds may have a fraction; 20 bits hold a millionth.
    Some(if whole < 1 << 43 { whole << 20 | fraction(&value[length..]) } else { whole })
}

/// Millionths behind a dot.
fn fraction(text: &[u8]) -> u64 {
    let Some(rest) = text.strip_prefix(b".") else { return 0 };
    let mut digits = rest.iter().map_while(|byte| byte.is_ascii_digit().then(|| u64::from(byte - b'0')));
    (0..6).fold(0, |number, _| number * 10 + digits.next().unwrap_or(0))
}

/// How many of its units a second has, for a time since 1970 that is not absurd: from 2001 to 2286.
fn unit(whole: u64) -> Option<f64> {
    [1.0, 1e3, 1e6, 1e9].into_iter().zip([1u64, 1_000, 1_000_000, 1_000_000_000]).find_map(|(unit, factor)| {
        (1_000_000_000 * factor..10_000_000_000u64.saturating_mul(factor)).contains(&whole).then_some(unit)
    })
}

/// A time as written, in seconds since 1970 UTC.
fn epoch(value: &[u8]) -> Option<f64> {
    if value.get(4) == Some(&b'-') {
        let end = value.iter().position(|byte| matches!(byte, b'"' | b',' | b'}'))?;
        let text = std::str::from_utf8(&value[..end.min(40)]).ok()?;
        let time = text.parse::<jiff::Timestamp>().ok()?;
        #[expect(clippy::cast_precision_loss, reason = "microseconds since 1970 fit for three centuries")]
        return Some(time.as_microsecond() as f64 / 1e6);
    }
    let text = std::str::from_utf8(&value[..number_length(value)]).ok()?;
    let (whole, _) = digits(value)?;
    text.parse::<f64>().ok().zip(unit(whole)).map(|(number, unit)| number / unit)
}

fn number_length(text: &[u8]) -> usize {
    let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E');
    text.iter().take_while(is_part).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(payload: &str) -> Vec<(Meaning, String, u64)> {
        candidates(payload.as_bytes())
            .map(|found| (found.meaning, String::from_utf8_lossy(found.quoted).into_owned(), found.value))
            .collect()
    }

    #[test]
    fn numbers_and_times_are_found_by_name() {
        let payload = r#"{"meta": {"Seq_No" : 17, "id":"abc"}, "v":"\"seq\": 4", "n":3,"ts":1700000000.25}"#;
        let expected = [
            (Meaning::Number, "\"Seq_No\"".to_owned(), 17),
            (Meaning::MaybeNumber, "\"n\"".to_owned(), 3),
            (Meaning::Time, "\"ts\"".to_owned(), (1_700_000_000 << 20) + 250_000),
        ];
        assert_eq!(found(payload), expected);
        assert_eq!(found(r#"{"seq": 1.5}"#), []);
        assert_eq!(found(r#"{"seq": "7"}"#).len(), 1);
        assert_eq!(found(r#"{"time":"12:30"}"#), []);
    }

    #[test]
    fn a_value_is_found_where_it_was_and_elsewhere() {
        let name = Finder::new(b"\"seq\"");
        let mut hint = 0;
        let mut value = |payload: &str| value_behind(payload.as_bytes(), &name, &mut hint, false);
        assert_eq!(value(r#"{"t":9,"seq":1}"#), Some(1));
        assert_eq!(value(r#"{"t":9,"seq":2}"#), Some(2));
        assert_eq!(value(r#"{"t":10,"seq":3}"#), Some(3));
        assert_eq!(value(r#"{"t":10}"#), None);
        assert_eq!(value(""), None);
    }

    #[test]
    fn times_are_understood_in_all_units() {
        let check = |text: &str, expected: Option<f64>| assert_eq!(time(text.as_bytes()), expected, "{text}");
        check(r#"{"ts":1700000000}"#, Some(1.7e9));
        check(r#"{"v":1,"timestamp":1700000000500}"#, Some(1_700_000_000.5));
        check(r#"{"time":"2023-11-14T22:13:20.5Z"}"#, Some(1_700_000_000.5));
        check(r#"{"time":"2023-11-14T23:13:20+01:00"}"#, Some(1.7e9));
        check(r#"{"time":17}"#, None);
        let order = |text: &str| candidates(text.as_bytes()).next().unwrap().value;
        assert!(order(r#"{"ts":"2023-11-14T22:13:20.5Z"}"#) < order(r#"{"ts":"2023-11-14T22:13:20.51Z"}"#));
        assert!(order(r#"{"ts":"2023-11-14T22:13:59Z"}"#) < order(r#"{"ts":"2023-11-14T22:14:00Z"}"#));
    }

    #[test]
    fn numbers_come_with_their_paths() {
        let mut seen = Vec::new();
        numbers(br#"{"a":{"b":[1,{"c":-2.5e1}]},"d":"3","e":4}"#, |_, path, number| seen.push((path.text(), number)));
        assert_eq!(seen, [("a.b.0".to_owned(), 1.0), ("a.b.1.c".to_owned(), -25.0), ("e".to_owned(), 4.0)]);
        seen.clear();
        numbers(b"21.5", |_, path, number| seen.push((path.text(), number)));
        assert_eq!(seen, [(String::new(), 21.5)]);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[\\[{}\\]\":,0-9a-t\\\\ .-]{0,80}") {
            for payload in [&bytes[..], text.as_bytes()] {
                candidates(payload).for_each(drop);
                time(payload);
                numbers(payload, |_, path, _| drop(path.text()));
            }
        }
    }
}
