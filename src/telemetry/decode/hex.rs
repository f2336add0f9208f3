//! Bytes in hex with their ASCII characters beside them, sixteen a line. Lines are made as they are looked at, so that
//! 5 MB cost no more than a screenful.

use std::fmt::Write as _;
use std::ops::Range;

/// Bytes in a line.
pub const LINE_BYTES: usize = 16;

/// How many lines the bytes have.
pub fn line_count(bytes: &[u8]) -> usize {
    bytes.len().div_ceil(LINE_BYTES)
}

/// These lines of the dump, as many of them as there are.
pub fn lines(bytes: &[u8], range: Range<usize>) -> Vec<String> {
    let digits = if bytes.len() > 0x1_0000 { 8 } else { 4 };
    let end = range.end.min(line_count(bytes));
    (range.start..end).map(|line| self::line(bytes, line * LINE_BYTES, digits)).collect()
}

fn line(bytes: &[u8], start: usize, digits: usize) -> String {
    let line = &bytes[start..bytes.len().min(start + LINE_BYTES)];
    let mut text = format!("{start:0digits$x} ");
    for place in 0..LINE_BYTES {
        if place == LINE_BYTES / 2 {
            text.push(' ');
        }
        // Writing to a String cannot fail.
        let _ = match line.get(place) {
            Some(byte) => write!(text, " {byte:02x}"),
            None => write!(text, "   "),
        };
    }
    text.push_str("  ");
    text.extend(line.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' }));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_has_hex_and_characters() {
        let bytes: Vec<u8> = (0x38..0x4c).chain([0, 255]).collect();
        assert_eq!(
            lines(&bytes, 0..10),
            [
                "0000  38 39 3a 3b 3c 3d 3e 3f  40 41 42 43 44 45 46 47  89:;<=>?@ABCDEFG",
                "0010  48 49 4a 4b 00 ff                                 HIJK..",
            ]
        );
        assert_eq!(lines(&bytes, 1..2).len(), 1);
        assert!(lines(&bytes, 5..9).is_empty() && lines(b"", 0..3).is_empty());
    }

    #[test]
    fn only_the_lines_asked_for_are_made() {
        let bytes = vec![b'x'; 5_000_000];
        assert_eq!(line_count(&bytes), 312_500);
        let last = lines(&bytes, 312_499..usize::MAX);
        assert_eq!(last, ["004c4b30  78 78 78 78 78 78 78 78  78 78 78 78 78 78 78 78  xxxxxxxxxxxxxxxx"]);
    }
}
