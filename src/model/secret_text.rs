//! What of a file, a pipe or a field is the secret: editors put byte order marks before it and line ends behind it.
//!
//! The one set of rules for all of them. Nothing here repeats what was read.

use zeroize::{Zeroize as _, Zeroizing};

use super::secret::Secret;

/// What a column or key is called that would hold a secret itself. Compared without blanks, hyphens and underscores.
const SECRETS: [&str; 24] = [
    "password",
    "passphrase",
    "passwort",
    "pwd",
    "pass",
    "psk",
    "presharedkey",
    "key",
    "wifikey",
    "wifipassword",
    "wifipassphrase",
    "wlanpassword",
    "networkkey",
    "networkpassword",
    "secret",
    "token",
    "apikey",
    "pop",
    "proofofpossession",
    "pin",
    "privatekey",
    "ssidpassword",
    "wpakey",
    "credential",
];

/// Whether a column or key of that name would hold a secret itself.
pub fn names_secret(name: &str) -> bool {
    let plain = name.trim().to_lowercase().replace(['_', '-', ' '], "");
    SECRETS.contains(&plain.as_str())
}

/// What kind of secret it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// A passphrase, proof or password: the first line, as text, without its end.
    Line,
    /// A token, key or certificate: all of it, without a byte order mark where it is a text.
    Content,
    /// A file for a gateway: all of it, byte by byte.
    Raw,
}

impl SecretKind {
    /// The most that is read, in bytes: more is another file.
    pub const fn limit_bytes(self) -> usize {
        match self {
            Self::Line => 4096,
            Self::Content | Self::Raw => 64 * 1024,
        }
    }
}

/// Why it is no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSecret {
    /// There is nothing in it.
    Empty,
    /// More than a secret of that kind has.
    TooLong,
    /// Not a text.
    NotText,
}

/// Takes the secret out of what was read.
pub fn secret_of(kind: SecretKind, read: Vec<u8>) -> Result<Secret<Vec<u8>>, NoSecret> {
    let read = Zeroizing::new(read);
    if read.len() > kind.limit_bytes() {
        return Err(NoSecret::TooLong);
    }
    let found = match kind {
        SecretKind::Raw => read.to_vec(),
        SecretKind::Content => content_of(&read),
        SecretKind::Line => line_of(&read).ok_or(NoSecret::NotText)?,
    };
    if found.is_empty() { Err(NoSecret::Empty) } else { Ok(Secret::new(found)) }
}

/// The first line of a text, without its end. Blanks stay: they may belong to a passphrase.
pub fn line(read: &[u8]) -> Result<Secret<String>, NoSecret> {
    let mut found = line_of(read).ok_or(NoSecret::NotText)?;
    if found.is_empty() {
        return Err(NoSecret::Empty);
    }
    match std::str::from_utf8(&found) {
        Ok(text) => {
            let text = Secret::new(text.to_owned());
            found.zeroize();
            Ok(text)
        }
        Err(_) => Err(NoSecret::NotText),
    }
}

/// What was typed or pasted, without a byte order mark and the line end that came along.
pub fn typed(text: &str) -> &str {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let line = text.strip_suffix('\n').unwrap_or(text);
    line.strip_suffix('\r').unwrap_or(line)
}

fn line_of(read: &[u8]) -> Option<Vec<u8>> {
    let mut text = Zeroizing::new(text_of(read)?);
    let end = text.find(['\n', '\r']).unwrap_or(text.len());
    text.truncate(end);
    (!text.contains('\0')).then(|| text.as_bytes().to_vec())
}

/// A text is freed of its mark; anything else stays as it is, whatever its first bytes are.
pub fn content_of(read: &[u8]) -> Vec<u8> {
    let is_plain = |text: &Zeroizing<String>| text.chars().all(|c| matches!(c, '\t' | '\r' | '\n' | ' '..='~'));
    let is_wide = UTF16_MARKS.iter().any(|mark| read.starts_with(mark)) && read.len().is_multiple_of(2);
    let has_mark = is_wide || read.starts_with(UTF8_MARK);
    let text = if has_mark { text_of(read).map(Zeroizing::new).filter(is_plain) } else { None };
    text.map_or_else(|| read.to_vec(), |text| text.as_bytes().to_vec())
}

const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";
/// The mark of UTF-16 with the low byte first, and with the high one first.
const UTF16_MARKS: [&[u8]; 2] = [b"\xFF\xFE", b"\xFE\xFF"];

/// The text without its mark: UTF-8, or UTF-16 where its mark says so.
fn text_of(read: &[u8]) -> Option<String> {
    for (mark, is_big) in UTF16_MARKS.into_iter().zip([false, true]) {
        if let Some(rest) = read.strip_prefix(mark) {
            let pairs = rest.chunks_exact(2);
            // Half a line end may be left of what was cut there.
            if !matches!(pairs.remainder(), [] | [b'\n']) {
                return None;
            }
            let units = pairs.map(|pair| {
                let pair = [pair[0], pair[1]];
                if is_big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
            });
            return char::decode_utf16(units).collect::<Result<String, _>>().ok();
        }
    }
    let rest = read.strip_prefix(UTF8_MARK).unwrap_or(read);
    std::str::from_utf8(rest).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: SecretKind, read: &[u8], expected: Result<&[u8], NoSecret>) {
        let found = secret_of(kind, read.to_vec()).map(|secret| secret.expose().clone());
        assert_eq!(found.as_deref().map_err(|error| *error), expected, "{read:?}");
    }

    fn utf16(text: &str, is_big: bool) -> Vec<u8> {
        let bytes = |unit: u16| if is_big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        std::iter::once('\u{FEFF}').chain(text.chars()).collect::<String>().encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn marks_and_the_line_end_do_not_belong_to_a_passphrase() {
        let line = SecretKind::Line;
        check(line, b"correct horse", Ok(b"correct horse"));
        check(line, b"\xEF\xBB\xBFcorrect horse\r\n", Ok(b"correct horse"));
        check(line, b" two words \nnext", Ok(b" two words "));
        check(line, b"old mac\rnext", Ok(b"old mac"));
        for is_big in [false, true] {
            check(line, &utf16("p\u{E4}ss \u{40A}\r\n", is_big), Ok("p\u{E4}ss \u{40A}".as_bytes()));
        }
        check(line, b"", Err(NoSecret::Empty));
        check(line, b"\xEF\xBB\xBF\r\nsecond", Err(NoSecret::Empty));
        check(line, b"\xC3\x28", Err(NoSecret::NotText));
        check(line, b"p\0a\0s\0s\0", Err(NoSecret::NotText));
        check(line, &[b'x'; 4097], Err(NoSecret::TooLong));
    }

    #[test]
    fn a_token_loses_its_mark_and_binary_content_nothing() {
        let content = SecretKind::Content;
        check(content, b"\xEF\xBB\xBF-----BEGIN\r\nx\r\n", Ok(b"-----BEGIN\r\nx\r\n"));
        check(content, &utf16("tok-1\r\n", false), Ok(b"tok-1\r\n"));
        check(content, &utf16("tok-1", true), Ok(b"tok-1"));
        for binary in [b"\xEF\xBB\xBF\x00\x01".as_slice(), b"\xFF\xFE\x01\x02", b"\xFF\xFEx", b"\x00", b"tok\n"] {
            check(content, binary, Ok(binary));
            check(SecretKind::Raw, binary, Ok(binary));
        }
        check(SecretKind::Raw, b"\xEF\xBB\xBFtext", Ok(b"\xEF\xBB\xBFtext"));
        check(content, b"", Err(NoSecret::Empty));
        check(content, &vec![1; 65_537], Err(NoSecret::TooLong));
    }

    #[test]
    fn what_is_pasted_loses_what_came_along() {
        for (pasted, expected) in
            [("\u{FEFF}pass", "pass"), ("pass\r\n", "pass"), (" pass ", " pass "), ("a\nb", "a\nb")]
        {
            assert_eq!(typed(pasted), expected);
        }
    }
}
