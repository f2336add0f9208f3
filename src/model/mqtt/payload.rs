//! Payloads as people type them: text, JSON, hex or base64, with the place of a mistake.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;
use crate::model::word::words;

words! {
    /// How a payload is typed.
    PayloadKind {
        /// As it stands.
        Text = "text",
        /// As it stands, if it is JSON.
        Json = "json",
        /// Two hexadecimal digits a byte; white space and `0x` are left out.
        Hex = "hex",
        /// Base64; white space is left out.
        Base64 = "base64",
    }
}

impl PayloadKind {
    /// The name on the screen.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Json => "JSON",
            Self::Hex => "Hex",
            Self::Base64 => "Base64",
        }
    }
}

/// Why a text is no payload of its kind. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// It is no JSON.
    #[error("no JSON at line {line}, column {column}: {what}")]
    Json {
        /// The line of the mistake.
        line: usize,
        /// The column of the mistake.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// A character is no hexadecimal digit.
    #[error("no hexadecimal digit at line {line}, column {column}")]
    Hex {
        /// The line of the mistake.
        line: usize,
        /// The column of the mistake.
        column: usize,
        /// The character.
        found: char,
    },
    /// The last byte has one digit only.
    #[error("an odd number of digits: {digits}")]
    OddHex {
        /// How many there are.
        digits: usize,
    },
    /// It is no base64.
    #[error("no base64 at line {line}, column {column}")]
    Base64 {
        /// The line of the mistake.
        line: usize,
        /// The column of the mistake.
        column: usize,
    },
}

impl PayloadError {
    /// Where the mistake is, if it has a place: line and column, from 1.
    pub const fn place(&self) -> Option<(usize, usize)> {
        match self {
            Self::Json { line, column, .. } | Self::Hex { line, column, .. } | Self::Base64 { line, column } => {
                Some((*line, *column))
            }
            Self::OddHex { .. } => None,
        }
    }
}

impl Explain for PayloadError {
    fn explain(&self) -> Problem {
        match self {
            Self::Json { line, column, what } => Problem::new(
                "mqtt.payload_json",
                format!("The payload isn't JSON: line {line}, column {column}"),
                sentence(&visible(what, 200)),
                "Fix it there, or send it as text",
            ),
            Self::Hex { line, column, found } => Problem::new(
                "mqtt.payload_hex",
                format!(
                    "The payload isn't hex: “{}” at line {line}, column {column}",
                    visible(found.encode_utf8(&mut [0; 4]), 1)
                ),
                "Hex has the digits 0 to 9 and a to f, two a byte",
                "Fix it there, or send it as text",
            ),
            Self::OddHex { digits } => Problem::new(
                "mqtt.payload_odd_hex",
                format!("The payload has {digits} hexadecimal digits"),
                "Two digits make a byte, and one is left over",
                "Add the missing digit",
            ),
            Self::Base64 { line, column } => Problem::new(
                "mqtt.payload_encoding",
                format!("The payload isn't base64: line {line}, column {column}"),
                "Base64 has letters, digits, + and /, and ends with = where it has to be filled up",
                "Fix it there, or send it as text",
            ),
        }
    }
}

/// A text of the parser as a sentence.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(characters).collect()
}

/// The bytes that a typed payload means. Nothing is a payload of no bytes, whatever the kind.
pub fn parse(kind: PayloadKind, text: &str) -> Result<Vec<u8>, PayloadError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    match kind {
        PayloadKind::Text => Ok(text.as_bytes().to_vec()),
        PayloadKind::Json => json(text),
        PayloadKind::Hex => hex(text),
        PayloadKind::Base64 => base64(text),
    }
}

/// JSON on lines of its own, with every name and number as it was typed. `None` if it is none.
pub fn tidy_json(text: &str) -> Option<String> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    let mut out = String::with_capacity(text.len() * 2);
    let (mut depth, mut is_quoted, mut is_escaped) = (0_usize, false, false);
    let mut characters = text.chars().filter(|c| !c.is_ascii_whitespace() || *c == ' ').peekable();
    let begin_line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(c) = characters.next() {
        if is_quoted {
            out.push(c);
            is_quoted = is_escaped || c != '"';
            is_escaped = !is_escaped && c == '\\';
            continue;
        }
        match c {
            ' ' => {}
            '"' => {
                is_quoted = true;
                out.push(c);
            }
            '{' | '[' => {
                out.push(c);
                while characters.next_if_eq(&' ').is_some() {}
                if let Some(end) = characters.next_if(|c| matches!(c, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    begin_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                begin_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                begin_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            other => out.push(other),
        }
    }
    Some(out)
}

fn json(text: &str) -> Result<Vec<u8>, PayloadError> {
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Ok(text.as_bytes().to_vec()),
        Err(error) => {
            let whole = error.to_string();
            // The place stands at the end of the text as well.
            let what = whole.split(" at line ").next().unwrap_or_default().to_owned();
            let (line, column) = match (error.line(), error.column()) {
                // Found out at the end of a line: that is where it is wrong.
                (line @ 2.., 0) => (line - 1, text.lines().nth(line - 2).map_or(0, |line| line.chars().count()) + 1),
                (line, column) => (line.max(1), column.max(1)),
            };
            Err(PayloadError::Json { line, column, what })
        }
    }
}

fn hex(text: &str) -> Result<Vec<u8>, PayloadError> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let (mut half, mut digits) = (None, 0);
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        if c.is_whitespace() {
            continue;
        }
        if c == '0' && half.is_none() && rest.next_if(|(_, c)| matches!(c, 'x' | 'X')).is_some() {
            continue;
        }
        let digit = c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or_else(|| {
            let (line, column) = place(text, at);
            PayloadError::Hex { line, column, found: c }
        })?;
        digits += 1;
        match half.take() {
            None => half = Some(digit),
            Some(high) => bytes.push(high << 4 | digit),
        }
    }
    if half.is_some() { Err(PayloadError::OddHex { digits }) } else { Ok(bytes) }
}

fn base64(text: &str) -> Result<Vec<u8>, PayloadError> {
    let dense: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let engine = if dense.ends_with('=') { &STANDARD } else { &STANDARD_NO_PAD };
    engine.decode(&dense).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol { offset: at, .. } => at,
            base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding => {
                dense.len().saturating_sub(1)
            }
        };
        // Where that byte of the text without white space stands in the text as typed.
        let mut seen = 0;
        let typed = text.char_indices().filter(|(_, c)| !c.is_whitespace()).find(|(_, c)| {
            seen += c.len_utf8();
            seen > at
        });
        let (line, column) = place(text, typed.map_or(0, |(at, _)| at));
        PayloadError::Base64 { line, column }
    })
}

/// Line and column of a byte, from 1.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: PayloadKind, text: &str, expected: &[u8]) {
        assert_eq!(parse(kind, text).unwrap(), expected, "{kind} {text:?}");
    }

    #[test]
    fn payloads_are_read_as_they_are_typed() {
        check(PayloadKind::Text, " grün\n", " grün\n".as_bytes());
        check(PayloadKind::Json, "{\"a\": 1e999999}", b"{\"a\": 1e999999}");
        check(PayloadKind::Json, "", b"");
        check(PayloadKind::Hex, "0x00 fF\n0XaB", &[0, 255, 171]);
        check(PayloadKind::Hex, "00ff", &[0, 255]);
        check(PayloadKind::Base64, "AP8=", &[0, 255]);
        check(PayloadKind::Base64, "AP\n8", &[0, 255]);
    }

    #[test]
    fn a_mistake_has_its_place() {
        let at = |kind, text: &str| parse(kind, text).unwrap_err().place();
        assert_eq!(at(PayloadKind::Json, "{\n  \"a\": tru\n}"), Some((2, 11)));
        assert_eq!(at(PayloadKind::Json, "[1,]"), Some((1, 4)));
        assert_eq!(at(PayloadKind::Hex, "00\nf g"), Some((2, 3)));
        assert_eq!(at(PayloadKind::Hex, "000"), None);
        assert_eq!(at(PayloadKind::Base64, "AA AA\nA!AA"), Some((2, 2)));
        assert_eq!(at(PayloadKind::Base64, "AAAA grün"), Some((1, 8)));
    }

    #[test]
    fn tidied_json_is_the_same_json() {
        let text = "{\"b\":[1.50,{ }],\"a\":\"x, \\\"y\\\": {\",\"b\":[]}";
        let tidy = tidy_json(text).unwrap();
        assert_eq!(tidy, "{\n  \"b\": [\n    1.50,\n    {}\n  ],\n  \"a\": \"x, \\\"y\\\": {\",\n  \"b\": []\n}");
        assert_eq!(tidy_json(&tidy).as_deref(), Some(tidy.as_str()));
        assert_eq!(tidy_json("{"), None);
    }
}
