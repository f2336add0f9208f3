//! A text as lines of a bounded width, so that a payload of megabytes in one line is shown by the few lines in sight.

use std::ops::Range;
use std::sync::Arc;

/// A text and where its lines begin.
#[derive(Clone, Debug)]
pub struct TextLines {
    text: Arc<str>,
    width: usize,
    /// Where each line begins, and the end of the text.
    starts: Vec<usize>,
}

impl TextLines {
    /// Breaks a text at line breaks, and within a line after `width` characters.
    pub fn of(text: Arc<str>, width: usize) -> Self {
        let width = width.max(8);
        let mut starts = vec![0];
        let mut column = 0;
        for (at, c) in text.char_indices() {
            if column == width && !matches!(c, '\n' | '\r') {
                starts.push(at);
                column = 0;
            }
            column += 1;
            if c == '\n' {
                starts.push(at + 1);
                column = 0;
            }
        }
        if starts.last() != Some(&text.len()) || text.is_empty() {
            starts.push(text.len());
        }
        Self { text, width, starts }
    }

    /// How many characters a line has at most.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// How many lines there are.
    pub const fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// A line without its break.
    pub fn line(&self, at: usize) -> &str {
        let range = match self.starts.get(at..=at + 1) {
            Some([start, end]) => Range { start: *start, end: *end },
            _ => return "",
        };
        self.text[range].trim_end_matches(['\n', '\r'])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, width: usize, expected: &[&str]) {
        let lines = TextLines::of(Arc::from(text), width);
        let found: Vec<_> = (0..lines.len()).map(|at| lines.line(at)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn texts_break_at_line_breaks_and_at_the_width() {
        check("", 10, &[""]);
        check("one\r\ntwo\n", 10, &["one", "two"]);
        check("one\n\ntwo", 10, &["one", "", "two"]);
        check("äöüäöüäöüä", 8, &["äöüäöüäö", "üä"]);
        check("12345678\n9", 8, &["12345678", "9"]);
    }

    #[test]
    fn megabytes_in_one_line_are_broken() {
        let lines = TextLines::of(Arc::from("x".repeat(5_000_000)), 100);
        assert_eq!(lines.len(), 50_000);
        assert_eq!(lines.line(49_999).len(), 100);
        assert_eq!(lines.line(50_000), "");
    }
}
