//! Text that came from a device, a file or a cable, made safe to show.
//!
//! A gateway's answer is untrusted: it may hold control characters, direction overrides that turn a line around, or
//! megabytes. Nothing of it reaches a screen, a terminal or a record without passing through here.

use std::borrow::Cow;

/// The mark that stands where something was cut.
const ELLIPSIS: char = '…';

/// Shows text from a device: control and direction characters become `�`, and at most `max_chars` characters remain.
///
/// Line breaks and tabs count as control characters too: the result is one line.
pub fn visible(text: &str, max_chars: usize) -> String {
    if text.len() <= max_chars && is_visible(text) {
        return text.to_owned();
    }
    let mut shown: String = text.chars().take(max_chars).map(|c| if is_unsafe(c) { '\u{FFFD}' } else { c }).collect();
    if text.chars().nth(max_chars).is_some() {
        shown.pop();
        shown.push(ELLIPSIS);
    }
    shown
}

/// Whether a text can be shown as it is.
pub fn is_visible(text: &str) -> bool {
    // Most texts are ASCII, where one look at each octet is enough.
    text.bytes().all(|octet| matches!(octet, b' '..=b'~')) || !text.contains(is_unsafe)
}

/// A line of JSON with what is unsafe to show as escapes: the texts in it stay the same for whoever reads it as JSON. Outside
/// of its strings JSON has only ASCII, so that every such character stands in one.
pub fn escaped_json(line: &str) -> Cow<'_, str> {
    use std::fmt::Write as _;
    if is_visible(line) {
        return Cow::Borrowed(line);
    }
    let mut escaped = String::with_capacity(line.len() + 16);
    for c in line.chars() {
        if !is_unsafe(c) {
            escaped.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    Cow::Owned(escaped)
}

/// An address without the login that stands in it by mistake: `mqtt://me:secret@host` becomes `mqtt://…@host`.
pub fn without_login(text: &str) -> String {
    let Some(end) = text.rfind('@') else { return text.to_owned() };
    let start = text.find("://").map_or(0, |scheme| scheme + 3);
    match text.get(start..end) {
        Some(_) => format!("{}{ELLIPSIS}{}", &text[..start], &text[end..]),
        None => format!("{ELLIPSIS}{}", &text[end..]),
    }
}

/// The text with an apostrophe before it if a spreadsheet would take it for a formula. A number is none.
pub fn no_formula(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) && text.parse::<f64>().is_err();
    if is_formula { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// As [`visible`] for bytes that should be UTF-8; octets that are not become `�`.
pub fn visible_octets(octets: &[u8], max_chars: usize) -> String {
    // Four octets a character at most, so no more than that needs decoding, however long the input is.
    let end = octets.len().min(max_chars.saturating_mul(4).saturating_add(4));
    visible(&String::from_utf8_lossy(&octets[..end]), max_chars)
}

/// A token without the line end that an editor put behind it.
///
/// Only a text of one line loses it: a certificate has several, and in binary content it may belong to the content.
pub fn without_line_end(content: &[u8]) -> &[u8] {
    let line = content.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let is_text = |line: &&[u8]| {
        std::str::from_utf8(line).is_ok_and(|text| !text.contains(|c: char| c.is_control() && c != '\t'))
    };
    line.filter(|line| !line.is_empty()).filter(is_text).unwrap_or(content)
}

/// Text that arrives in pieces, which may end within a character.
#[derive(Debug, Default)]
pub struct TextStream {
    /// The beginning of a character.
    held: Vec<u8>,
}

impl TextStream {
    /// The characters that are whole by now; what is not UTF-8 becomes `�`.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let unfinished = unfinished_character(&self.held);
        let rest = self.held.split_off(self.held.len() - unfinished);
        let text = String::from_utf8_lossy(&self.held).into_owned();
        self.held = rest;
        text
    }

    /// What is left at the end.
    pub fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.held)).into_owned()
    }
}

/// How many bytes at the end may become a character with those that follow.
fn unfinished_character(bytes: &[u8]) -> usize {
    // An error without a length says that the bytes end within a character; a byte that continues one begins none.
    let is_unfinished = |at: &usize| {
        let begins = bytes[*at] & 0xC0 != 0x80;
        begins
            && std::str::from_utf8(&bytes[*at..])
                .is_err_and(|error| error.error_len().is_none() && error.valid_up_to() == 0)
    };
    (bytes.len().saturating_sub(3)..bytes.len()).find(is_unfinished).map_or(0, |at| bytes.len() - at)
}

/// Octets as lower-case hexadecimal.
pub fn hex(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// Reads hexadecimal digits, two an octet, nothing between them.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16);
    digits
        .chunks_exact(2)
        .map(|pair| Some(u8::try_from(value(pair[0])? * 16 + value(pair[1])?).unwrap_or_default()))
        .collect()
}

/// Characters that would change how the rest of a line reads: controls, direction marks, separators, tags.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_shows_what_is_unsafe_as_escapes_and_means_the_same() {
        let texts = ["GW-0001", "Gerät 😀", "right\u{202E}to left", "\u{7F}\u{85}\u{200B}\u{E0001}", "\u{1B}[2J \"\\"];
        for text in texts {
            let line = serde_json::to_string(text).unwrap();
            let escaped = escaped_json(&line);
            assert!(is_visible(&escaped), "{escaped}");
            assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        }
    }

    #[test]
    fn only_text_that_is_shown_as_it_stands_counts_as_visible() {
        for text in
            ["", "GW-0001 ~", "Gerät – 世界 😀", "\t", "two\nlines", "\u{7F}", "right\u{202E}to left", "\u{200B}"]
        {
            assert_eq!(is_visible(text), visible(text, usize::MAX) == text, "{text:?}");
        }
        assert_eq!(visible("plain", 5), "plain");
        assert_eq!(visible("plain", 4), "pla…");
    }

    #[test]
    fn text_that_comes_byte_by_byte_is_whole() {
        let text = "h\u{E9}llo \u{4E16}\u{754C} \u{1F600}!";
        for size in 1..=text.len() {
            let mut stream = TextStream::default();
            let mut got: String = text.as_bytes().chunks(size).map(|piece| stream.push(piece)).collect();
            got += &stream.finish();
            assert_eq!(got, text, "pieces of {size}");
        }
        let mut stream = TextStream::default();
        assert_eq!(stream.push(b"a\xF0\x9F"), "a");
        assert_eq!(stream.push(b"b"), "\u{FFFD}b", "what cannot become a character is not held back");
        assert_eq!(stream.push(b"\xE4"), "");
        assert_eq!(stream.finish(), "\u{FFFD}");
        assert_eq!(stream.finish(), "");
    }

    #[test]
    fn the_login_of_an_address_is_never_shown() {
        for (given, shown) in [
            ("mqtt://user:secret@host:1883", "mqtt://\u{2026}@host:1883"),
            ("user:sec/ret@host", "\u{2026}@host"),
            ("x://a:b@c@host/p", "x://\u{2026}@host/p"),
            ("a@b://c", "\u{2026}@b://c"),
            ("mqtt://host", "mqtt://host"),
        ] {
            assert_eq!(without_login(given), shown, "{given}");
        }
    }

    #[test]
    fn direction_overrides_and_controls_are_replaced() {
        assert_eq!(visible("gw\u{202E}cod.exe\u{7}\n", 40), "gw\u{FFFD}cod.exe\u{FFFD}\u{FFFD}");
    }

    #[test]
    fn long_text_is_cut_with_a_mark_and_never_inside_a_character() {
        assert_eq!(visible("ääää", 3), "ää…");
        assert_eq!(visible("äää", 3), "äää");
        assert_eq!(visible_octets(&vec![b'a'; 1_000_000], 4), "aaa…");
    }

    #[test]
    fn hexadecimal_reads_back() {
        assert_eq!(from_hex(&hex(&[0, 15, 255])), Some(vec![0, 15, 255]));
        assert_eq!(from_hex("0"), None);
        assert_eq!(from_hex("zz"), None);
    }

    #[test]
    fn only_a_single_line_of_text_loses_its_end() {
        for (content, cut) in [
            (&b"token\n"[..], &b"token"[..]),
            (b"token\r\n", b"token"),
            (b"a\ttoken\n", b"a\ttoken"),
            (b"token ", b"token "),
            (b"token\n\n", b"token\n\n"),
            (b"-----BEGIN-----\nabc\n-----END-----\n", b"-----BEGIN-----\nabc\n-----END-----\n"),
            (b"\xff\x00\n", b"\xff\x00\n"),
            (b"\x01binary\n", b"\x01binary\n"),
            (b"\n", b"\n"),
            (b"", b""),
        ] {
            assert_eq!(without_line_end(content), cut, "{content:?}");
        }
    }
}
