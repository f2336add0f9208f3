//! [`Known`]: the secrets in pieces, sorted, so that all of them are looked for at once and each is there once.
//!
//! A long secret, such as a key in PEM, is cut into its lines and long lines into pieces: a device that is sent a file
//! echoes it line by line. Nothing is stored of the forms in which a piece can turn up; those are read (`reach`).

use std::ops::Range;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::reach::Reader;

/// A secret up to this length is one piece.
const WHOLE: usize = 128;
/// Length of a piece of a longer one.
const PIECE: usize = 64;
/// A shorter line may stand anywhere: it is looked for together with the line before it.
const LEAST_LINE: usize = 16;

/// How the lines around a key in PEM begin.
const FRAME: &[u8] = b"-----";

/// The pieces of all secrets.
#[derive(Clone, Default)]
pub(super) struct Known {
    /// Sorted and each once. Shared with other redactors; cleared when the last one goes.
    pieces: Vec<Arc<Zeroizing<Box<[u8]>>>>,
    /// For each byte the writings, a bit each, in which a piece may begin with it.
    begins: Vec<u8>,
}

/// Pieces that begin with the bits read so far, as a part of the sorted list; all of them go on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    from: usize,
    to: usize,
    /// How many bits were read.
    pub(super) bits: usize,
}

impl Span {
    /// Whether no piece goes on.
    pub(super) const fn is_empty(&self) -> bool {
        self.from >= self.to
    }
}

impl Known {
    /// Takes the pieces of a secret in. False if all of them were known.
    pub(super) fn add(&mut self, secret: &[u8]) -> bool {
        let new: Vec<_> = pieces_of(secret)
            .into_iter()
            .map(|range| &secret[range])
            .filter(|piece| !self.has(piece))
            .map(|piece| Arc::new(Zeroizing::new(Box::from(piece))))
            .collect();
        if new.is_empty() {
            return false;
        }
        self.pieces.reserve_exact(new.len());
        self.pieces.extend(new);
        self.pieces.sort_unstable_by(|one, other| bytes_of(one).cmp(bytes_of(other)));
        self.pieces.dedup_by(|one, other| bytes_of(one) == bytes_of(other));
        self.begins = (0..=u8::MAX).map(|first| Reader::begins(self, first)).collect();
        true
    }

    /// The writings, a bit each, in which a piece may begin with that byte.
    pub(super) fn begins(&self, first: u8) -> u8 {
        self.begins.get(usize::from(first)).copied().unwrap_or_default()
    }

    /// Whether a secret adds nothing.
    pub(super) fn has_all(&self, secret: &[u8]) -> bool {
        pieces_of(secret).into_iter().all(|range| self.has(&secret[range]))
    }

    fn has(&self, piece: &[u8]) -> bool {
        self.pieces.binary_search_by(|known| bytes_of(known).cmp(piece)).is_ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(bytes_of)
    }

    /// Bytes of memory, as far as they grow with the secrets.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        // A counted, boxed piece is two allocations, each with some eight bytes of the allocator's own.
        let counted = 2 * size_of::<usize>() + size_of::<Box<[u8]>>() + 16;
        self.pieces.capacity() * size_of::<Arc<Zeroizing<Box<[u8]>>>>()
            + self.iter().map(|piece| piece.len() + counted).sum::<usize>()
    }

    /// All pieces, of which nothing was read.
    pub(super) fn all(&self) -> Span {
        Span { from: 0, to: self.pieces.len(), bits: 0 }
    }

    /// Whether one of them is at least so long.
    pub(super) fn has_long(&self, span: Span, bytes: usize) -> bool {
        self.pieces[span.from..span.to].iter().any(|piece| piece.len() >= bytes)
    }

    /// Reads on by some bits, at most eight, the highest first. Tells the lengths of pieces that end with them.
    pub(super) fn narrow(&self, mut span: Span, value: u8, count: usize, mut ended: impl FnMut(usize)) -> Span {
        let mut left = count;
        while left > 0 && !span.is_empty() {
            let (byte, bit) = (span.bits / 8, span.bits % 8);
            let take = left.min(8 - bit);
            let mask = u8::MAX >> (8 - take);
            let wanted = (value >> (left - take)) & mask;
            // All pieces here are longer than `byte`: those that end are taken out below.
            let of = |piece: &Arc<Zeroizing<Box<[u8]>>>| (piece[byte] >> (8 - bit - take)) & mask;
            let part = &self.pieces[span.from..span.to];
            let from = part.partition_point(|piece| of(piece) < wanted);
            let length = part[from..].partition_point(|piece| of(piece) == wanted);
            span = Span { from: span.from + from, to: span.from + from + length, bits: span.bits + take };
            left -= take;
            if span.bits.is_multiple_of(8) && !span.is_empty() && self.pieces[span.from].len() == span.bits / 8 {
                ended(span.bits / 8);
                span.from += 1;
            }
        }
        span
    }
}

fn bytes_of(piece: &Arc<Zeroizing<Box<[u8]>>>) -> &[u8] {
    piece
}

/// Where the pieces of a secret lie in it.
fn pieces_of(secret: &[u8]) -> Vec<Range<usize>> {
    let is_short = secret.len() <= WHOLE;
    if secret.is_empty() {
        return Vec::new();
    }
    if !secret.contains(&b'\n') {
        return cut(secret, 0..secret.len());
    }
    if is_short {
        let is_line = |line: &Range<usize>| {
            (LEAST_LINE..secret.len()).contains(&line.len()) && !secret[line.clone()].starts_with(FRAME)
        };
        return std::iter::once(0..secret.len()).chain(each_line(secret).filter(is_line)).collect();
    }
    lines_of(secret).into_iter().flat_map(|line| cut(secret, line)).collect()
}

/// The lines that say something: without blanks around them and the frame of PEM, a short one with the one before it.
fn lines_of(secret: &[u8]) -> Vec<Range<usize>> {
    let mut lines: Vec<Range<usize>> = Vec::new();
    let mut is_first = true;
    for range in each_line(secret) {
        if secret[range.clone()].starts_with(FRAME) {
            is_first = true;
            continue;
        }
        match lines.last_mut().filter(|last| !is_first && (range.len() < LEAST_LINE || last.len() < LEAST_LINE)) {
            Some(last) if !range.is_empty() => last.end = range.end,
            Some(_) => {}
            None if range.is_empty() => {}
            None => {
                lines.push(range);
                is_first = false;
            }
        }
    }
    lines
}

/// The lines without the blanks around them.
fn each_line(secret: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    secret.split_inclusive(|byte| *byte == b'\n').map(move |line| {
        let blank = line.len() - line.trim_ascii_start().len();
        let range = at + blank..at + blank + line.trim_ascii().len();
        at += line.len();
        range
    })
}

/// A long line in pieces of which none is short, and none begins within a character of a text.
fn cut(secret: &[u8], line: Range<usize>) -> Vec<Range<usize>> {
    let is_within = |at: usize| secret.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
    let is_text = std::str::from_utf8(&secret[line.clone()]).is_ok();
    let mut pieces = Vec::new();
    let mut from = line.start;
    while line.end - from > WHOLE {
        let mut to = from + PIECE;
        while is_text && is_within(to) {
            to += 1;
        }
        pieces.push(from..to);
        from = to;
    }
    pieces.push(from..line.end);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(secret: &str) -> Vec<&str> {
        pieces_of(secret.as_bytes()).into_iter().map(|range| &secret[range]).collect()
    }

    #[test]
    fn a_short_secret_is_one_piece_and_a_long_one_is_cut_into_lines() {
        assert_eq!(pieces("correct horse"), ["correct horse"]);
        assert_eq!(pieces("user\nand a longer password"), ["user\nand a longer password", "and a longer password"]);
        let body = ["x".repeat(64), "y".repeat(64), "z".repeat(20), "short".to_owned()];
        let pem = format!("-----BEGIN KEY-----\r\n{}\r\n-----END KEY-----\r\n", body.join("\r\n"));
        assert_eq!(pieces(&pem), [&body[0], &body[1], &format!("{}\r\nshort", body[2])]);
    }

    #[test]
    fn every_byte_of_a_long_line_is_in_a_piece_and_no_piece_is_short() {
        for length in [129, 192, 193, 4096, 5000] {
            let secret = "ä€x".repeat(length / 6 + 1);
            let found = pieces(&secret);
            assert_eq!(found.concat(), secret);
            assert!(found.iter().all(|piece| piece.len() >= 60 && piece.len() <= WHOLE + 3), "{length}");
        }
    }

    #[test]
    fn the_same_secret_again_adds_nothing() {
        let lines: Vec<String> = (0..3000).map(|line| format!("line {line} of a long secret\n")).collect();
        let secret = lines.concat();
        let mut known = Known::default();
        assert!(known.add(secret.as_bytes()));
        let before = known.heap_bytes();
        for _ in 0..100 {
            assert!(!known.add(secret.as_bytes()));
        }
        assert_eq!(known.heap_bytes(), before);
    }
}
