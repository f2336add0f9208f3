//! Writes commands and files for a shell over a terminal, so that whatever stands in a value is a value and nothing else.
//!
//! POSIX.1-2017 XCU 2.2.2 (single quotes), 2.7.4 (here-documents). A terminal adds its own rules: control characters act on
//! it, lines are cut at 4095 octets, and line editors may take octets beyond ASCII for key presses. So those are spelt out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroize as _;

/// Longest line that is sent, in octets.
pub const MAX_LINE: usize = 1000;
/// Largest file that is written, in octets: more than this over a console takes minutes.
pub const MAX_FILE: usize = 256 * 1024;
/// Octets of base64 on one line.
const BASE64_LINE: usize = 76;

/// Why something cannot be written on a console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSendable {
    /// A value holds a control character, which would act on the terminal.
    #[error("a value holds a control character")]
    ControlCharacter,
    /// The line is longer than a terminal takes.
    #[error("the line has {octets} bytes")]
    TooLong {
        /// Octets of the line.
        octets: usize,
    },
    /// The file is too large for a console.
    #[error("the file has {octets} bytes")]
    TooLarge {
        /// Octets of the file.
        octets: usize,
    },
    /// The path does not begin at the root, or ends in a folder.
    #[error("not the path of a file")]
    BadPath,
}

/// What a shell is told: one line, and for a file the lines of the here-document after it.
#[derive(Clone, PartialEq, Eq)]
pub struct Script {
    first: Vec<u8>,
    body: Vec<Vec<u8>>,
}

impl Script {
    /// One line. Whoever builds it has quoted the values in it.
    pub fn line(text: impl Into<String>) -> Result<Self, NotSendable> {
        Self::with_body(text.into().into_bytes(), Vec::new())
    }

    /// A line that a person typed, run by a shell of its own, so that nothing in it can disturb ours.
    pub fn typed(text: &str) -> Result<Self, NotSendable> {
        Self::line(format!("sh -c {}", word(text.as_bytes())?))
    }

    fn with_body(first: Vec<u8>, body: Vec<Vec<u8>>) -> Result<Self, NotSendable> {
        for line in std::iter::once(&first).chain(&body) {
            if line.len() > MAX_LINE {
                return Err(NotSendable::TooLong { octets: line.len() });
            }
            if line.iter().any(u8::is_ascii_control) {
                return Err(NotSendable::ControlCharacter);
            }
        }
        Ok(Self { first, body })
    }

    /// Its one line as text, for a shell that is no terminal; `None` where it has more than that.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.first).ok().filter(|_| self.body.is_empty())
    }

    /// How many octets it has, without the marks.
    pub fn octets(&self) -> usize {
        std::iter::once(&self.first).chain(&self.body).map(|line| line.len() + 1).sum()
    }

    /// The lines as they are sent, between two marks: the first tells that it begins, the second how it ended.
    ///
    /// Neither mark stands in what is sent: the shell has to calculate them.
    pub(super) fn lines_between(&self, nonce: &str) -> Vec<Vec<u8>> {
        let begin = format!("echo {nonce}-$((40+2)); ").into_bytes();
        let end = format!("echo {nonce}:$?").into_bytes();
        let first = [begin, self.first.clone()].concat();
        if self.body.is_empty() {
            return vec![[first, b"; ".to_vec(), end].concat()];
        }
        std::iter::once(first).chain(self.body.iter().cloned()).chain([end]).collect()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // A file may be a secret.
        self.body.zeroize();
    }
}

/// Quotes a value so that a shell takes it as one word.
pub fn word(value: &[u8]) -> Result<String, NotSendable> {
    if value.iter().any(u8::is_ascii_control) {
        return Err(NotSendable::ControlCharacter);
    }
    if let Some(text) = std::str::from_utf8(value).ok().filter(|text| text.is_ascii()) {
        return Ok(format!("'{}'", text.replace('\'', r"'\''")));
    }
    // printf makes the octets on the gateway: no line editor sees them.
    let spelt: String = value
        .iter()
        .map(|&octet| match octet {
            b'%' => "%%".to_owned(),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b' ' | b'-' | b'_' | b'.' => char::from(octet).to_string(),
            other => format!("\\{other:03o}"),
        })
        .collect();
    Ok(format!("\"$(printf '{spelt}')\""))
}

/// Whether a file of this content needs `base64` on the gateway: it holds more than lines of plain text.
pub fn needs_base64(content: &[u8]) -> bool {
    let is_text = content.iter().all(|&octet| octet == b'\n' || (b' '..=b'~').contains(&octet));
    let has_long_line = content.split(|&octet| octet == b'\n').any(|line| line.len() > MAX_LINE);
    !content.is_empty() && (!is_text || has_long_line || !content.ends_with(b"\n"))
}

/// Writes a file with mode 600: beside its place first, then moved there, so that no half of it is ever found.
///
/// `prefix` stands before the command, such as `sudo -n `.
pub fn write_file(path: &str, content: &[u8], prefix: &str) -> Result<Script, NotSendable> {
    if !path.starts_with('/') || path.ends_with('/') || path.split('/').any(|part| part == "..") {
        return Err(NotSendable::BadPath);
    }
    if content.len() > MAX_FILE {
        return Err(NotSendable::TooLarge { octets: content.len() });
    }
    let (reader, mut body) = if needs_base64(content) {
        let text = STANDARD.encode(content);
        ("base64 -d", text.as_bytes().chunks(BASE64_LINE).map(<[u8]>::to_vec).collect())
    } else {
        let mut lines: Vec<Vec<u8>> = content.split(|&octet| octet == b'\n').map(<[u8]>::to_vec).collect();
        // The last line ends with a line feed; nothing stands after it.
        lines.pop();
        ("cat", lines)
    };
    let place = word(path.as_bytes())?;
    let beside = word(format!("{path}.part").as_bytes())?;
    let command = format!("umask 077 && rm -f {beside} && {reader} >{beside} && mv -f {beside} {place}");
    let end = end_word(&body);
    let first = format!("{prefix}sh -c {} <<'{end}'", word(command.as_bytes())?);
    body.push(end.into_bytes());
    Script::with_body(first.into_bytes(), body)
}

/// A word that is none of the lines.
fn end_word(body: &[Vec<u8>]) -> String {
    let mut word = "END_OF_FILE".to_owned();
    while body.iter().any(|line| line == word.as_bytes()) {
        word.push('_');
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_word_whatever_stands_in_it() {
        let check = |value: &str, expected: &str| assert_eq!(word(value.as_bytes()).unwrap(), expected);
        check("Site-Office", "'Site-Office'");
        check("", "''");
        check("it's; rm -rf / $(x) `y` \"z\" !!", r#"'it'\''s; rm -rf / $(x) `y` "z" !!'"#);
        check("Café 100%", r#""$(printf 'Caf\303\251 100%%')""#);
        assert_eq!(word(b"\xff'").unwrap(), r#""$(printf '\377\047')""#);
        for bad in ["a\nb", "a\rb", "\u{3}", "\u{1b}[A", "a\0b", "tab\t"] {
            assert_eq!(word(bad.as_bytes()), Err(NotSendable::ControlCharacter), "{bad:?}");
        }
    }

    #[test]
    fn text_is_written_as_it_is_and_the_end_word_is_none_of_its_lines() {
        let script = write_file("/etc/x y", b"END_OF_FILE\nit's\n\nEND_OF_FILE_\n", "sudo -n ").unwrap();
        let lines = script.lines_between("n");
        let lines: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        assert_eq!(lines[0].matches("echo n-$((40+2)); sudo -n sh -c ").count(), 1, "{}", lines[0]);
        assert!(lines[0].ends_with("<<'END_OF_FILE__'"), "{}", lines[0]);
        assert_eq!(lines[1..], ["END_OF_FILE", "it's", "", "END_OF_FILE_", "END_OF_FILE__", "echo n:$?"]);
    }

    #[test]
    fn what_is_no_plain_text_goes_as_base64() {
        for content in [&b"no line feed"[..], b"tab\t\n", b"\x00\x01\n", "ä\n".as_bytes(), &[b'x'; 2000]] {
            assert!(needs_base64(content));
            let lines = write_file("/tmp/f", content, "").unwrap().lines_between("n");
            let body: Vec<u8> = lines[1..lines.len() - 2].concat();
            assert_eq!(STANDARD.decode(body).unwrap(), content);
            assert!(lines.iter().all(|line| line.len() < 1024 && !line.iter().any(u8::is_ascii_control)));
        }
        assert!(!needs_base64(b"plain\n") && !needs_base64(b""));
        assert_eq!(write_file("/tmp/f", b"", "").unwrap().lines_between("n").len(), 3);
    }

    #[test]
    fn what_a_console_cannot_take_is_refused_before_anything_is_sent() {
        assert_eq!(write_file("etc/x", b"\n", "").err(), Some(NotSendable::BadPath));
        assert_eq!(write_file("/etc/", b"\n", "").err(), Some(NotSendable::BadPath));
        assert_eq!(write_file("/a/../b", b"\n", "").err(), Some(NotSendable::BadPath));
        assert_eq!(write_file("/a\nb", b"\n", "").err(), Some(NotSendable::ControlCharacter));
        let large = vec![b'\n'; MAX_FILE + 1];
        assert_eq!(write_file("/a", &large, "").err(), Some(NotSendable::TooLarge { octets: MAX_FILE + 1 }));
        assert!(matches!(Script::typed(&"x".repeat(2000)), Err(NotSendable::TooLong { .. })));
        assert!(Script::typed("a\nb").is_err());
    }
}
