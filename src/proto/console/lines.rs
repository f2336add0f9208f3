//! Makes lines of what a console writes: escape sequences, carriage returns and other controls go, memory stays bounded.
//!
//! Sequences: ECMA-48 (CSI, strings ended by ST), the BEL that ends a title in xterm.

/// The longest line held. A longer one is handed on in parts.
pub const MAX_LINE: usize = 4096;
/// How much of a part is kept as the beginning of the next one, so that what is looked for at the end of a line is not cut.
const OVERLAP: usize = 96;
/// Octets after which a control sequence is taken for a broken one.
const MAX_SEQUENCE: usize = 64;
/// The same for a title or another string.
const MAX_STRING: usize = 4096;

/// Takes escape sequences out of a stream. How the stream is cut makes no difference.
#[derive(Clone, Debug, Default)]
pub struct Cleaner {
    state: Escape,
    skipped: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    Text,
    /// ESC was seen.
    Begun,
    /// Within a control sequence.
    Control,
    /// Within a string: a title, a device control.
    String,
    /// ESC was seen within a string.
    StringEnds,
    /// One octet belongs to it still.
    OneMore,
}

impl Cleaner {
    /// What remains of the bytes: text, tabs and line feeds.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::with_capacity(bytes.len());
        for &octet in bytes {
            self.take(octet, &mut text);
        }
        text
    }

    fn take(&mut self, octet: u8, text: &mut Vec<u8>) {
        self.skipped += 1;
        match (self.state, octet) {
            (Escape::Text, 0x1b) => self.enter(Escape::Begun),
            (Escape::Text, b'\n' | b'\t' | b' '..=0x7e | 0x80..) => text.push(octet),
            (Escape::Text, _) => {}
            (Escape::Begun, b'[') => self.enter(Escape::Control),
            (Escape::Begun, b']' | b'P' | b'X' | b'^' | b'_') => self.enter(Escape::String),
            (Escape::Begun, b' '..=b'/') => self.enter(Escape::OneMore),
            (Escape::Begun | Escape::OneMore, b'0'..=b'~')
            | (Escape::Control, b'@'..=b'~')
            | (Escape::String, 0x07)
            | (Escape::StringEnds, b'\\') => self.enter(Escape::Text),
            (Escape::Control, b' '..=b'?') if self.skipped < MAX_SEQUENCE => {}
            (Escape::String, 0x1b) => self.enter(Escape::StringEnds),
            (Escape::String, octet) if octet != b'\n' && self.skipped < MAX_STRING => {}
            // Broken off: the octet counts as text again.
            (_, octet) => {
                self.enter(Escape::Text);
                self.take(octet, text);
            }
        }
    }

    const fn enter(&mut self, state: Escape) {
        self.state = state;
        self.skipped = 0;
    }
}

/// One line, or a part of one that is too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its octets without the line feed.
    pub text: Vec<u8>,
    /// Whether the line ends here.
    pub is_whole: bool,
}

/// Cuts clean text into lines and keeps the last one, which is not ended yet.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    tail: Vec<u8>,
}

impl Lines {
    /// The lines that are complete now.
    pub fn push(&mut self, text: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        for chunk in text.split_inclusive(|&octet| octet == b'\n') {
            let (body, is_whole) = chunk.strip_suffix(b"\n").map_or((chunk, false), |body| (body, true));
            for piece in body.chunks(MAX_LINE - OVERLAP) {
                if self.tail.len() + piece.len() > MAX_LINE {
                    let kept = self.tail.split_off(self.tail.len().saturating_sub(OVERLAP));
                    lines.push(Line { text: std::mem::replace(&mut self.tail, kept), is_whole: false });
                }
                self.tail.extend_from_slice(piece);
            }
            if is_whole {
                lines.push(Line { text: std::mem::take(&mut self.tail), is_whole: true });
            }
        }
        lines
    }

    /// The line that is not ended yet.
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// Forgets the line that is not ended yet: something else begins.
    pub fn clear(&mut self) {
        self.tail.clear();
    }
}

/// Where a message of the kernel begins in a line: `[   12.345678] …`, perhaps with its level in front.
pub fn kernel_message(line: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = line.get(from..)?.iter().position(|&octet| octet == b'[').map(|at| from + at) {
        if is_kernel_time(&line[at + 1..]) {
            let level = line[..at].last() == Some(&b'>') && at >= 3 && line[at - 3] == b'<';
            return Some(if level { at - 3 } else { at });
        }
        from = at + 1;
    }
    None
}

/// `   12.345678] `
fn is_kernel_time(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|octet| octet.is_ascii_digit()).count();
    let text = text.trim_ascii_start();
    let whole = digits(text);
    let Some((b'.', fraction)) = text.get(whole..).and_then(<[u8]>::split_first).map(|(dot, rest)| (*dot, rest)) else {
        return false;
    };
    (1..=10).contains(&whole) && digits(fraction) == 6 && fraction.get(6) == Some(&b']')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_clean(raw: &str, expected: &str) {
        let whole = Cleaner::default().push(raw.as_bytes());
        assert_eq!(String::from_utf8_lossy(&whole), expected, "{raw:?}");
        let mut cut = Cleaner::default();
        let pieces: Vec<u8> = raw.bytes().flat_map(|octet| cut.push(&[octet])).collect();
        assert_eq!(pieces, whole, "{raw:?} byte by byte");
    }

    #[test]
    fn escape_sequences_and_controls_go() {
        check_clean("a\x1b[?2004hb\x1b[1;31mc\x1b[0m\r\n", "abc\n");
        check_clean("\x1b]0;kim@gw: ~\x07$ \x1b]2;t\x1b\\# ", "$ # ");
        check_clean("\x1b(B\x1b=x\x1b7y\u{8}\u{0}z\tt", "xyz\tt");
        check_clean("Grüße\u{1b}[K", "Grüße");
        check_clean("a\x1b[12\nb\x1b]title\nc", "a\nb\nc");
    }

    #[test]
    fn a_sequence_without_an_end_does_not_swallow_the_rest() {
        let raw = format!("\x1b[{}tail", "1".repeat(500));
        let mut cleaner = Cleaner::default();
        assert!(cleaner.push(raw.as_bytes()).ends_with(b"tail"));
        let raw = format!("\x1b]{}tail", "t".repeat(5000));
        assert!(Cleaner::default().push(raw.as_bytes()).ends_with(b"tail"));
    }

    #[test]
    fn a_line_without_an_end_is_handed_on_in_parts_and_its_end_is_whole() {
        let mut lines = Lines::default();
        let mut parts = Vec::new();
        for _ in 0..1000 {
            parts.extend(lines.push(&[b'x'; 1000]));
            assert!(lines.tail().len() <= MAX_LINE);
        }
        parts.extend(lines.push(b"marker:0\n"));
        assert_eq!(parts.iter().map(|part| part.text.len()).sum::<usize>(), 1_000_008);
        assert!(parts.iter().rev().skip(1).all(|part| !part.is_whole));
        assert!(parts.last().unwrap().is_whole && parts.last().unwrap().text.ends_with(b"xmarker:0"));
    }

    #[test]
    fn messages_of_the_kernel_are_told_from_text() {
        let check = |line: &str, expected| assert_eq!(kernel_message(line.as_bytes()), expected, "{line}");
        check("[   12.345678] usb 1-1: new device", Some(0));
        check("[123456.000001] x", Some(0));
        check("<6>[    0.000000] Linux version", Some(0));
        check("wlan0:wi[   12.345678] usb 1-1", Some(8));
        check("[12.34] too short", None);
        check("[OK] done [1.234567", None);
        check("[[   12.345678] x", Some(1));
        check("", None);
    }
}
