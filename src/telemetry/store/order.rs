//! How names stand in order, and how a text is found in them.

use std::cmp::Ordering;

/// Orders names as people do: `line 2` stands before `line 10`. Letters that differ in nothing but their case stand together.
pub(super) fn natural(a: &[u8], b: &[u8]) -> Ordering {
    by_parts(a, b).then_with(|| a.cmp(b))
}

fn by_parts(a: &[u8], b: &[u8]) -> Ordering {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    if same == a.len() || same == b.len() {
        return a.len().cmp(&b.len());
    }
    // Numbers may have begun the same: go back to where they begin.
    let digits = a[..same].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (mut a, mut b) = (&a[same - digits..], &b[same - digits..]);
    loop {
        match (a.first(), b.first()) {
            (None, None) => return Ordering::Equal,
            (None, _) => return Ordering::Less,
            (_, None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (left, right) = (number(&mut a), number(&mut b));
                match left.len().cmp(&right.len()).then_with(|| left.cmp(right)) {
                    Ordering::Equal => {}
                    other => return other,
                }
            }
            (Some(x), Some(y)) => match x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase()) {
                Ordering::Equal => (a, b) = (&a[1..], &b[1..]),
                other => return other,
            },
        }
    }
}

/// Takes a number off the front, without its leading zeros.
fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(end);
    *text = rest;
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

/// A text that is looked for whatever the case of its letters.
pub(super) struct Text {
    lower: String,
    firsts: [u8; 2],
}

impl Text {
    pub(super) fn new(text: &str) -> Self {
        let lower = text.to_lowercase();
        let first = lower.bytes().next().unwrap_or_default();
        Self { firsts: [first, first.to_ascii_uppercase()], lower }
    }

    /// Whether it is in there.
    pub(super) fn is_in(&self, bytes: &[u8]) -> bool {
        if self.lower.is_empty() {
            return true;
        }
        if !self.lower.is_ascii() {
            return String::from_utf8_lossy(bytes).to_lowercase().contains(&self.lower);
        }
        let Some(last) = bytes.len().checked_sub(self.lower.len()) else { return false };
        memchr::memchr2_iter(self.firsts[0], self.firsts[1], bytes)
            .take_while(|at| *at <= last)
            .any(|at| bytes[at..at + self.lower.len()].eq_ignore_ascii_case(self.lower.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_stand_by_their_size() {
        let mut names = ["line10", "Line2", "line 1", "line02", "line2", "line", "line2b", "", "7", "07", "10", "9x"];
        names.sort_unstable_by(|a, b| natural(a.as_bytes(), b.as_bytes()));
        let expected = ["", "07", "7", "9x", "10", "line", "line 1", "Line2", "line02", "line2", "line2b", "line10"];
        assert_eq!(names, expected);
    }

    #[test]
    fn case_does_not_matter_to_a_search() {
        let check = |text: &str, bytes: &[u8]| Text::new(text).is_in(bytes);
        assert!(check("KITCHEN", b"home/kitchen/t") && check("kitchen", b"home/Kitchen"));
        assert!(check("\u{fc}", "K\u{dc}CHE".as_bytes()) && check("t", b"\xff/T"));
        assert!(!check("kitchen", b"kitche") && !check("x", b"") && check("", b""));
    }

    proptest! {
        #[test]
        fn the_order_is_one(a in "[a-bA0-9]{0,6}", b in "[a-bA0-9]{0,6}", c in "[a-bA0-9]{0,6}") {
            let order = |a: &str, b: &str| natural(a.as_bytes(), b.as_bytes());
            prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
            prop_assert_eq!(order(&a, &b).is_eq(), a == b);
            if order(&a, &b).is_le() && order(&b, &c).is_le() {
                prop_assert!(order(&a, &c).is_le());
            }
        }
    }
}
