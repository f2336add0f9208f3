//! How two payloads differ, line by line: trees as indented JSON, texts as they are, bytes as a dump.

use std::sync::Arc;

use similar::{Algorithm, DiffTag, capture_diff_slices};

use super::decode::{hex, json};
use super::value::{Body, Decoded};
use super::view::{Change, DiffLine};
use crate::model::text::visible;

/// How many lines of each are compared.
const MAX_LINES: usize = 50_000;
/// How many lines that are not the same, of both together, are matched with each other. Beyond, they are shown as gone and
/// new: matching takes the square of it.
const MAX_MATCHED: usize = 3_000;
/// How long a line may be.
const MAX_CHARS: usize = 2_000;

/// What became of the lines of `before` in `after`.
pub fn lines(before: &Decoded, after: &Decoded) -> Vec<DiffLine> {
    compare(&lines_of(before), &lines_of(after))
}

fn lines_of(decoded: &Decoded) -> Vec<Arc<str>> {
    let (mut lines, more): (Vec<Arc<str>>, usize) = match &decoded.body {
        Body::Tree(value) => cut(json::to_pretty_json(value).lines()),
        Body::Text(text) => cut(text.lines()),
        Body::Bytes(bytes) => {
            let lines = hex::lines(bytes, 0..MAX_LINES);
            (lines.into_iter().map(Arc::from).collect(), hex::line_count(bytes).saturating_sub(MAX_LINES))
        }
        Body::Image { width, height, .. } => (vec![format!("picture, {width} × {height}").into()], 0),
    };
    if more > 0 {
        lines.push(format!("… {more} more lines").into());
    }
    lines
}

fn cut<'a>(mut lines: impl Iterator<Item = &'a str>) -> (Vec<Arc<str>>, usize) {
    let first = lines.by_ref().take(MAX_LINES).map(|line| Arc::from(visible(line, MAX_CHARS))).collect();
    (first, lines.count())
}

fn compare(before: &[Arc<str>], after: &[Arc<str>]) -> Vec<DiffLine> {
    let head = before.iter().zip(after).take_while(|(left, right)| left == right).count();
    let (left, right) = (&before[head..], &after[head..]);
    let tail = left.iter().rev().zip(right.iter().rev()).take_while(|(left, right)| left == right).count();
    let (left, right) = (&left[..left.len() - tail], &right[..right.len() - tail]);

    let mut found = Vec::with_capacity(after.len() + left.len());
    let mut put = |change, lines: &[Arc<str>]| {
        found.extend(lines.iter().map(|text| DiffLine { change, text: Arc::clone(text) }));
    };
    put(Change::Same, &before[..head]);
    if left.len() + right.len() > MAX_MATCHED {
        put(Change::Removed, left);
        put(Change::Added, right);
    } else {
        for operation in capture_diff_slices(Algorithm::Myers, left, right) {
            let (tag, old, new) = operation.as_tag_tuple();
            if tag == DiffTag::Equal {
                put(Change::Same, &left[old]);
            } else {
                put(Change::Removed, &left[old]);
                put(Change::Added, &right[new]);
            }
        }
    }
    put(Change::Same, &before[before.len() - tail..]);
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::telemetry::decode::Decoders;

    fn shown(lines: &[DiffLine]) -> String {
        let mark = |line: &DiffLine| match line.change {
            Change::Same => ' ',
            Change::Added => '+',
            Change::Removed => '-',
        };
        lines.iter().fold(String::new(), |text, line| format!("{text}{}{}\n", mark(line), line.text))
    }

    fn diff(before: &[u8], after: &[u8]) -> Vec<DiffLine> {
        let decoders = Decoders::new();
        lines(&decoders.decode(b"t", before, None), &decoders.decode(b"t", after, None))
    }

    #[test]
    fn trees_texts_and_bytes_are_compared() {
        let lines = diff(br#"{"a":1,"b":2,"c":3}"#, br#"{"a":1,"b":5,"c":3,"d":4}"#);
        assert_eq!(
            shown(&lines),
            " {\n   \"a\": 1,\n-  \"b\": 2,\n-  \"c\": 3\n+  \"b\": 5,\n+  \"c\": 3,\n+  \"d\": 4\n }\n"
        );
        assert_eq!(shown(&diff(b"one\ntwo\nthree", b"one\nthree\n")), " one\n-two\n three\n");
        let lines = diff(&[0xff; 32], &[&[0xff; 16][..], &[0xfe; 16][..]].concat());
        assert_eq!(
            lines.iter().map(|line| line.change).collect::<Vec<_>>(),
            [Change::Same, Change::Removed, Change::Added]
        );
    }

    #[test]
    fn large_payloads_are_compared_at_once() {
        let text =
            |shift: usize| (0..200_000).map(|line| (line * 7 + shift).to_string()).collect::<Vec<_>>().join("\n");
        let lines = diff(text(0).as_bytes(), text(1).as_bytes());
        assert_eq!(lines.len(), 2 * MAX_LINES + 1);
        assert_eq!(&*lines[lines.len() - 1].text, "… 150000 more lines");
    }

    proptest! {
        #[test]
        fn both_sides_can_be_read_out_of_a_comparison(
            before in prop::collection::vec("[ab]{0,2}", 0..30), after in prop::collection::vec("[ab]{0,2}", 0..30),
        ) {
            let arcs = |lines: &[String]| lines.iter().map(|line| Arc::from(line.as_str())).collect::<Vec<Arc<str>>>();
            let found = compare(&arcs(&before), &arcs(&after));
            let side = |left_out: Change| {
                found.iter().filter(|line| line.change != left_out).map(|line| line.text.to_string()).collect::<Vec<_>>()
            };
            prop_assert_eq!(side(Change::Added), before);
            prop_assert_eq!(side(Change::Removed), after);
        }
    }
}
