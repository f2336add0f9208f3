//! Reads bytes in every form in which a secret can turn up, and says how far a secret reaches.
//!
//! Spellings may mix within one occurrence (`%41B%43`), and a terminal or a dump breaks it: line ends, colour codes, rows
//! with an address before and characters behind. So bytes are read like a small regular expression is matched, by the
//! set of places that may have been come to. What is read is compared with all pieces at once.

use super::known::{Known, Span};

/// Shorter pieces are looked for as text only: their dumps would be found everywhere.
const MIN_DUMPED: usize = 3;
/// Pieces as long as that are found though line ends, colours and rows break them.
const MIN_BROKEN: usize = 8;
/// Breaks in a row, such as a colour code and a line end.
const MAX_BREAKS: u8 = 4;
/// The longest colour code.
const MAX_CODE: usize = 24;
/// Pairs of digits that make a row of a dump: fewer stand in any text.
const ROW_PAIRS: u8 = 4;
/// What may stand behind the bytes of a row: characters in their frame.
const GUTTER: usize = 80;
/// What may stand before the bytes of a row: time, name, address.
const PREFIX: usize = 80;
/// Blanks between the numbers of a list that is written on several lines.
const LIST_BLANKS: usize = 40;
/// The longest name of a sign with its `&` and `;`.
const ENTITY: usize = 10;
/// Signs that HTML and XML write by name.
const ENTITIES: [(&[u8], u8); 6] =
    [(b"amp", b'&'), (b"lt", b'<'), (b"gt", b'>'), (b"quot", b'"'), (b"apos", b'\''), (b"nbsp", b' ')];
/// How shells write a quote within quotes.
const QUOTED_QUOTES: [&[u8]; 2] = [b"'\\''", b"'\"'\"'"];

/// How far a secret reaches.
#[derive(Clone, Copy, Default)]
pub(super) struct Reach {
    /// Length of the longest occurrence; 0 if there is none.
    pub(super) longest: usize,
    /// Whether the bytes end within what may become an occurrence.
    pub(super) is_open: bool,
}

/// A way to write bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// Characters, plain or escaped.
    Text,
    /// UTF-16, the low or the high byte first.
    Utf16 { is_big: bool },
    /// Pairs of hexadecimal digits.
    Hex,
    /// Decimal numbers.
    Decimal,
    /// Base64, with so many bits of a neighbour in the first digit.
    Base64 { lead: usize },
}

const WRITINGS: [Writing; 8] = [
    Writing::Text,
    Writing::Hex,
    Writing::Base64 { lead: 0 },
    Writing::Base64 { lead: 2 },
    Writing::Base64 { lead: 4 },
    Writing::Decimal,
    Writing::Utf16 { is_big: false },
    Writing::Utf16 { is_big: true },
];

/// A place that may have been come to.
#[derive(Clone, Copy, PartialEq, Eq)]
struct State {
    span: Span,
    place: usize,
    /// Breaks since the last unit.
    breaks: u8,
    /// Whether anything broke it.
    is_broken: bool,
    /// Pairs read in this row of a dump.
    pairs: u8,
}

/// The reader at one place of a stream.
pub(super) struct Reader<'a> {
    known: &'a Known,
    /// From the place where a secret may begin.
    bytes: &'a [u8],
    /// What went before.
    before: &'a [u8],
    states: Vec<State>,
    reach: Reach,
}

impl<'a> Reader<'a> {
    /// How far a secret reaches that begins at the front of the bytes.
    pub(super) fn reach(known: &'a Known, before: &'a [u8], bytes: &'a [u8]) -> Reach {
        let mut reader = Self { known, bytes, before, states: Vec::new(), reach: Reach::default() };
        let begins = bytes.first().map_or(0, |first| known.begins(*first));
        for (number, writing) in WRITINGS.into_iter().enumerate() {
            if begins & (1 << number) != 0 {
                reader.read(writing);
            }
        }
        reader.reach
    }

    /// In which writings, a bit each, a piece may begin with that byte: most bytes begin none.
    pub(super) fn begins(known: &Known, first: u8) -> u8 {
        let is_possible = |writing| {
            let bytes = [first];
            let mut reader = Reader { known, bytes: &bytes, before: &[], states: Vec::new(), reach: Reach::default() };
            reader.read(writing);
            reader.reach.is_open || reader.reach.longest > 0
        };
        let possible = WRITINGS.into_iter().enumerate().filter(|(_, writing)| is_possible(*writing));
        possible.fold(0, |bits, (number, _)| bits | 1 << number)
    }

    fn read(&mut self, writing: Writing) {
        let start = State { span: self.known.all(), place: 0, breaks: 0, is_broken: false, pairs: 0 };
        self.states.clear();
        self.states.push(start);
        while let Some(next) = (0..self.states.len()).min_by_key(|index| self.states[*index].place) {
            let state = self.states.swap_remove(next);
            if state.place >= self.bytes.len() {
                self.open(state, writing);
                continue;
            }
            match writing {
                Writing::Text => self.text(state),
                Writing::Utf16 { is_big } => self.utf16(state, is_big),
                Writing::Hex => self.hex(state),
                Writing::Decimal => self.decimal(state),
                Writing::Base64 { lead } => self.base64(state, lead),
            }
            if state.span.bits > 0 && !matches!(writing, Writing::Utf16 { .. }) {
                self.breaks(state, writing);
            }
        }
    }

    /// The bytes end here, and more of them could go on with it.
    fn open(&mut self, state: State, writing: Writing) {
        let least = match (state.is_broken, writing) {
            (true, _) => MIN_BROKEN,
            (false, Writing::Text) => 1,
            (false, _) => MIN_DUMPED,
        };
        self.reach.is_open |= self.known.has_long(state.span, least);
    }

    fn rest(&self, state: State) -> &'a [u8] {
        &self.bytes[state.place..]
    }

    /// Goes on with some bits that were read, up to that place.
    fn go(&mut self, state: State, value: u8, count: usize, writing: Writing, to: State) {
        let least = match (to.is_broken, writing) {
            (true, _) => MIN_BROKEN,
            (false, Writing::Text) => 1,
            (false, _) => MIN_DUMPED,
        };
        let mut has_ended = false;
        let span = self.known.narrow(state.span, value, count, |length| has_ended |= length >= least);
        if has_ended {
            self.end(to, writing);
        }
        if !span.is_empty() {
            let next = State { span, ..to };
            if !self.states.contains(&next) {
                self.states.push(next);
            }
        }
    }

    /// A piece ends at that place.
    fn end(&mut self, at: State, writing: Writing) {
        let mut end = at.place;
        if writing == Writing::Hex {
            match row_end(&self.bytes[end..]) {
                Some(more) => end += more,
                None => self.reach.is_open = true,
            }
        }
        self.reach.longest = self.reach.longest.max(end);
    }

    /// Bytes that were read as one unit.
    fn unit(&mut self, state: State, decoded: &[u8], length: usize) {
        let to = State { place: state.place + length, breaks: 0, ..state };
        let Some((last, first)) = decoded.split_last() else { return };
        let mut span = state.span;
        for byte in first {
            span = self.known.narrow(span, *byte, 8, |_| {});
        }
        if !span.is_empty() {
            self.go(State { span, ..state }, *last, 8, Writing::Text, to);
        }
    }

    fn text(&mut self, state: State) {
        let rest = self.rest(state);
        self.unit(state, &rest[..1], 1);
        match rest[0] {
            b'+' => self.unit(state, b" ", 1),
            b'%' => self.escaped_byte(state, 1),
            b'&' => self.entity(state),
            b'\\' => self.backslash(state),
            b'\'' => {
                for quoted in QUOTED_QUOTES {
                    if rest.starts_with(quoted) {
                        self.unit(state, b"'", quoted.len());
                    } else if quoted.starts_with(rest) {
                        self.open(state, Writing::Text);
                    }
                }
            }
            _ => {}
        }
    }

    /// Two hexadecimal digits behind so many bytes.
    fn escaped_byte(&mut self, state: State, behind: usize) {
        let rest = self.rest(state);
        match digits(&rest[behind.min(rest.len())..], 2) {
            Digits::Are(value) => self.unit(state, &[value.to_be_bytes()[3]], behind + 2),
            Digits::MayBe => self.open(state, Writing::Text),
            Digits::No => {}
        }
    }

    fn backslash(&mut self, state: State) {
        let rest = self.rest(state);
        let Some(sign) = rest.get(1) else { return self.open(state, Writing::Text) };
        match sign {
            b'n' => self.unit(state, b"\n", 2),
            b'r' => self.unit(state, b"\r", 2),
            b't' => self.unit(state, b"\t", 2),
            b'b' => self.unit(state, b"\x08", 2),
            b'f' => self.unit(state, b"\x0c", 2),
            b'x' => self.escaped_byte(state, 2),
            b'u' => self.unicode(state),
            b'0'..=b'3' => self.octal(state),
            sign if sign.is_ascii_punctuation() || *sign == b' ' => self.unit(state, &[*sign], 2),
            _ => {}
        }
    }

    fn octal(&mut self, state: State) {
        let rest = self.rest(state);
        let digits = &rest[1..rest.len().min(4)];
        if !digits.iter().all(|digit| matches!(digit, b'0'..=b'7')) {
            return;
        }
        if digits.len() < 3 {
            return self.open(state, Writing::Text);
        }
        let value = digits.iter().fold(0_u8, |value, digit| (value << 3) | (digit - b'0'));
        self.unit(state, &[value], 4);
    }

    /// `\u00e4`, `\ud83d\ude00` or `\u{1f600}`.
    fn unicode(&mut self, state: State) {
        let rest = &self.rest(state)[2..];
        if rest.first() == Some(&b'{') {
            let end = rest.iter().take(ENTITY).position(|byte| *byte == b'}');
            match end {
                Some(end) => {
                    if let Some(code) = number(&rest[1..end], 16) {
                        self.character(state, code, end + 3);
                    }
                }
                None if rest.len() < ENTITY => self.open(state, Writing::Text),
                None => {}
            }
            return;
        }
        match digits(rest, 4) {
            Digits::Are(high @ 0xD800..0xDC00) => {
                let rest = &rest[4..];
                if !b"\\u".starts_with(&rest[..rest.len().min(2)]) {
                    return;
                }
                match digits(&rest[rest.len().min(2)..], 4) {
                    Digits::Are(low @ 0xDC00..0xE000) => {
                        self.character(state, 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00), 12);
                    }
                    Digits::MayBe => self.open(state, Writing::Text),
                    Digits::Are(_) | Digits::No => {}
                }
            }
            Digits::Are(code) => self.character(state, code, 6),
            Digits::MayBe => self.open(state, Writing::Text),
            Digits::No => {}
        }
    }

    fn entity(&mut self, state: State) {
        let rest = &self.rest(state)[1..];
        let Some(end) = rest.iter().take(ENTITY).position(|byte| *byte == b';') else {
            let may_go_on =
                rest.len() < ENTITY && rest.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'#');
            return if may_go_on {
                self.open(state, Writing::Text);
            };
        };
        let name = &rest[..end];
        let code = match name {
            [b'#', b'x' | b'X', hex @ ..] => number(hex, 16),
            [b'#', decimal @ ..] => number(decimal, 10),
            name => ENTITIES.iter().find(|(known, _)| *known == name).map(|(_, sign)| u32::from(*sign)),
        };
        if let Some(code) = code {
            self.character(state, code, end + 2);
        }
    }

    fn character(&mut self, state: State, code: u32, length: usize) {
        if let Some(character) = char::from_u32(code) {
            self.unit(state, character.encode_utf8(&mut [0; 4]).as_bytes(), length);
        }
    }

    fn utf16(&mut self, state: State, is_big: bool) {
        let rest = self.rest(state);
        let unit = |at: usize| {
            let pair: [u8; 2] = rest.get(at..at + 2)?.try_into().ok()?;
            Some(if is_big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
        };
        let writing = Writing::Utf16 { is_big };
        let Some(first) = unit(0) else {
            return if state.span.bits > 0 || self.may_begin_utf16(rest[0], is_big) {
                self.open(state, writing);
            };
        };
        let (code, length) = match (first, unit(2)) {
            (0xD800..0xDC00, Some(second)) => (char::decode_utf16([first, second]).next(), 4),
            (0xD800..0xDC00, None) => return self.open(state, writing),
            (first, _) => (char::decode_utf16([first]).next(), 2),
        };
        let Some(Ok(character)) = code else { return };
        let mut buffer = [0; 4];
        let (mut span, decoded) = (state.span, character.encode_utf8(&mut buffer).as_bytes());
        let (last, first) = (decoded[decoded.len() - 1], &decoded[..decoded.len() - 1]);
        for byte in first {
            span = self.known.narrow(span, *byte, 8, |_| {});
        }
        if !span.is_empty() {
            self.go(State { span, ..state }, last, 8, writing, State { place: state.place + length, ..state });
        }
    }

    /// Whether one byte may begin a piece in UTF-16.
    fn may_begin_utf16(&self, byte: u8, is_big: bool) -> bool {
        let has = |value, count| !self.known.narrow(self.known.all(), value, count, |_| {}).is_empty();
        // Some piece begins with a sign that is not of ASCII: then any byte may.
        let is_wide = has(1, 1);
        is_wide || if is_big { byte == 0 } else { has(byte, 8) }
    }

    fn hex(&mut self, state: State) {
        let rest = self.rest(state);
        let skipped = if state.span.bits == 0 { Some(0) } else { separator(rest) };
        let Some(skipped) = skipped else { return self.open(state, Writing::Hex) };
        match digits(&rest[skipped..], 2) {
            Digits::Are(value) => {
                let pairs = state.pairs.saturating_add(1);
                let to = State { place: state.place + skipped + 2, breaks: 0, pairs, ..state };
                self.go(state, value.to_be_bytes()[3], 8, Writing::Hex, to);
            }
            Digits::MayBe => {
                let first = rest.get(skipped).and_then(|digit| char::from(*digit).to_digit(16));
                let span =
                    first.map_or(state.span, |first| self.known.narrow(state.span, first.to_be_bytes()[3], 4, |_| {}));
                self.open(State { span, ..state }, Writing::Hex);
            }
            Digits::No => {}
        }
    }

    fn decimal(&mut self, state: State) {
        let rest = self.rest(state);
        let mut skipped = 0;
        if state.span.bits > 0 {
            skipped = usize::from(rest[0] == b',');
            let blanks = rest[skipped..].iter().take(LIST_BLANKS).take_while(|byte| byte.is_ascii_whitespace()).count();
            skipped += blanks;
            if skipped == 0 {
                return;
            }
        }
        let mut value = 0_u32;
        for length in 1..=3 {
            let Some(digit) = rest.get(skipped + length - 1) else {
                if length == 1 || self.may_begin_with(state.span, &rest[skipped..]) {
                    self.open(state, Writing::Decimal);
                }
                return;
            };
            if !digit.is_ascii_digit() {
                return;
            }
            value = value * 10 + u32::from(digit - b'0');
            let Ok(byte) = u8::try_from(value) else { return };
            let to = State { place: state.place + skipped + length, breaks: 0, ..state };
            self.go(state, byte, 8, Writing::Decimal, to);
        }
    }

    /// Whether a number with these digits in front goes on with a piece.
    fn may_begin_with(&self, span: Span, digits: &[u8]) -> bool {
        (0..=u8::MAX).any(|byte| {
            let mut has_ended = false;
            byte.to_string().as_bytes().starts_with(digits)
                && (!self.known.narrow(span, byte, 8, |_| has_ended = true).is_empty() || has_ended)
        })
    }

    fn base64(&mut self, state: State, lead: usize) {
        let Some((value, length)) = base64_digit(self.rest(state)) else {
            let rest = self.rest(state);
            let is_begun =
                [b"%2B", b"%2b", b"%2F", b"%2f"].iter().any(|escaped| escaped.starts_with(rest)) || rest == b"\\";
            return if is_begun {
                self.open(state, Writing::Base64 { lead });
            };
        };
        let count = if state.span.bits == 0 { 6 - lead } else { 6 };
        let value = if count < 6 { value & ((1 << count) - 1) } else { value };
        let to = State { place: state.place + length, breaks: 0, ..state };
        self.go(state, value, count, Writing::Base64 { lead }, to);
    }

    /// What may stand between two units: a colour code, a line end, in a dump the rest of the row and what begins the next.
    fn breaks(&mut self, state: State, writing: Writing) {
        let rest = self.rest(state);
        if state.breaks < MAX_BREAKS && self.known.has_long(state.span, MIN_BROKEN) {
            let broken = |length: usize| State {
                place: state.place + length,
                breaks: state.breaks + 1,
                is_broken: true,
                ..state
            };
            match rest[0] {
                0x1B => match code_length(rest) {
                    Some(length) => self.push(broken(length)),
                    None if rest.len() < MAX_CODE => self.open(State { is_broken: true, ..state }, writing),
                    None => {}
                },
                b'\r' | b'\n' => self.push(broken(1)),
                // What a shell writes at the edge of the screen.
                b' ' => match rest.get(1) {
                    Some(b'\r') => self.push(broken(2)),
                    None => self.open(State { is_broken: true, ..state }, writing),
                    Some(_) => {}
                },
                _ => {}
            }
        }
        if writing == Writing::Hex {
            self.rows(state);
        }
    }

    fn push(&mut self, state: State) {
        if !self.states.contains(&state) {
            self.states.push(state);
        }
    }

    /// The next row of a dump.
    fn rows(&mut self, state: State) {
        let in_row = if state.is_broken { state.pairs } else { state.pairs.saturating_add(pairs_before(self.before)) };
        if in_row < ROW_PAIRS || !self.known.has_long(state.span, MIN_BROKEN) {
            return;
        }
        let open = State { is_broken: true, ..state };
        let rest = self.rest(state);
        let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
        let Some(end) = rest.iter().take(GUTTER).position(is_end) else {
            return if rest.len() < GUTTER {
                self.open(open, Writing::Hex);
            };
        };
        let row = end + rest[end..].iter().take(4).take_while(|byte| is_end(byte)).count();
        let next = &rest[row..];
        for at in 0..PREFIX {
            if at >= next.len() {
                return self.open(open, Writing::Hex);
            }
            if is_end(&next[at]) {
                return;
            }
            let is_inside = at > 0 && next[at - 1].is_ascii_hexdigit();
            match digits(&next[at..], 2) {
                Digits::Are(value) if !is_inside => {
                    let place = state.place + row + at + 2;
                    let to = State { span: state.span, place, breaks: 0, is_broken: true, pairs: 1 };
                    self.go(state, value.to_be_bytes()[3], 8, Writing::Hex, to);
                }
                Digits::MayBe if !is_inside => return self.open(open, Writing::Hex),
                _ => {}
            }
        }
    }
}

/// Whether so many hexadecimal digits stand in front.
enum Digits {
    Are(u32),
    /// As far as the bytes go.
    MayBe,
    No,
}

fn digits(bytes: &[u8], count: usize) -> Digits {
    let mut value = 0;
    for at in 0..count {
        let Some(digit) = bytes.get(at) else { return Digits::MayBe };
        let Some(digit) = char::from(*digit).to_digit(16) else { return Digits::No };
        value = value << 4 | digit;
    }
    Digits::Are(value)
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

/// What stands between the pairs of a dump; nothing if the bytes end in it.
fn separator(bytes: &[u8]) -> Option<usize> {
    let mut length = usize::from(matches!(bytes.first()?, b':' | b'-' | b','));
    length += bytes[length..].iter().take(3).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    match bytes.get(length..)? {
        [] => None,
        [b'0' | b'\\'] => {
            if length > 0 || bytes[length] == b'\\' {
                None
            } else {
                Some(length)
            }
        }
        [b'0', b'x' | b'X', ..] if length > 0 => Some(length + 2),
        [b'\\', b'x', ..] => Some(length + 2),
        _ => Some(length),
    }
}

/// Pairs of digits at the end of what went before, as far as they count.
fn pairs_before(mut before: &[u8]) -> u8 {
    let mut pairs = 0;
    while pairs < ROW_PAIRS {
        let blanks = before.iter().rev().take(2).take_while(|byte| matches!(byte, b' ' | b':' | b'-' | b',')).count();
        before = &before[..before.len() - blanks];
        match before {
            [rest @ .., high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => before = rest,
            _ => break,
        }
        pairs += 1;
    }
    pairs
}

/// How much of a row of a dump follows its last pair that was read: its characters show the same bytes once more. Nothing
/// if the bytes end before that can be told.
fn row_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match bytes.get(at..)? {
            [] | [b' '] => return None,
            [b' ', b' ' | b'|', ..] | [b'|', ..] => break,
            [byte, ..] if *byte == b' ' || byte.is_ascii_hexdigit() => at += 1,
            _ => return Some(0),
        }
        if at > GUTTER {
            return Some(0);
        }
    }
    let end = bytes.iter().take(2 * GUTTER).position(|byte| matches!(byte, b'\n' | b'\r'));
    match end {
        Some(end) => Some(end),
        None if bytes.len() < 2 * GUTTER => None,
        None => Some(0),
    }
}

/// The length of a colour code or the like, if all of it is there.
fn code_length(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'[' => {
            let end = bytes.iter().take(MAX_CODE).skip(2).position(|byte| (0x40..=0x7E).contains(byte))?;
            bytes[2..2 + end].iter().all(|byte| (0x20..0x40).contains(byte)).then_some(end + 3)
        }
        b'(' | b')' => bytes.get(2).map(|_| 3),
        _ => None,
    }
}

/// A digit in front, in the standard and the URL alphabet.
fn base64_digit(bytes: &[u8]) -> Option<(u8, usize)> {
    Some(match bytes {
        [digit @ b'A'..=b'Z', ..] => (digit - b'A', 1),
        [digit @ b'a'..=b'z', ..] => (digit - b'a' + 26, 1),
        [digit @ b'0'..=b'9', ..] => (digit - b'0' + 52, 1),
        [b'+' | b'-', ..] => (62, 1),
        [b'/' | b'_', ..] => (63, 1),
        [b'%', b'2', b'B' | b'b', ..] => (62, 3),
        [b'%', b'2', b'F' | b'f', ..] => (63, 3),
        [b'\\', b'/', ..] => (63, 2),
        _ => return None,
    })
}
