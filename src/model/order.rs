//! The order in which lists show gateways, the same in the window and on the command line.

use std::cmp::Ordering;

use super::ids::{LinkAddress, LinkKind};

/// Serial ports come first, then what is on the air, then what has an address on the network; within each kind numbers go by
/// value, so that `COM9` comes before `COM10`.
impl Ord for LinkAddress {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, next) = (self.place(), other.place());
        let within_kind = || match self.kind() {
            // The digits of a Bluetooth address are no numbers, and it is always written in capitals.
            LinkKind::Ble => one.cmp(next),
            LinkKind::Serial | LinkKind::Http | LinkKind::Udp => compare_texts(one, next),
        };
        place_of_kind(self.kind()).cmp(&place_of_kind(other.kind())).then_with(within_kind)
    }
}

impl PartialOrd for LinkAddress {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Where links of a kind stand among those of other kinds.
pub const fn place_of_kind(kind: LinkKind) -> u8 {
    match kind {
        LinkKind::Serial => 0,
        LinkKind::Ble => 1,
        LinkKind::Http => 2,
        LinkKind::Udp => 3,
    }
}

/// Which of two texts comes first: numbers by value, so that `port 9` comes before `port 10`; capitals count for nothing.
pub fn compare_texts(one: &str, other: &str) -> Ordering {
    let alike = alike(one, other);
    let (mut ones, mut others) = (&one[alike..], &other[alike..]);
    loop {
        let by_number = match (number(ones), number(others)) {
            (Some(number), Some(other)) => {
                (ones, others) = (number.after, other.after);
                number.digits.len().cmp(&other.digits.len()).then_with(|| number.digits.cmp(other.digits))
            }
            _ => match (letter(&mut ones), letter(&mut others)) {
                // What differs in capitals or leading zeros alone still has one order.
                (None, None) => return one.cmp(other),
                (letter, other) => letter.cmp(&other),
            },
        };
        if by_number.is_ne() {
            return by_number;
        }
    }
}

/// How far two texts are the same, up to a number in which they part. Most of what a list holds begins alike.
fn alike(one: &str, other: &str) -> usize {
    let same = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    let text = &one.as_bytes()[..same];
    let digits = text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    (0..=same - digits).rev().find(|end| one.is_char_boundary(*end)).unwrap_or(0)
}

/// A number at the start of a text, without leading zeros.
struct Number<'a> {
    digits: &'a str,
    after: &'a str,
}

fn number(text: &str) -> Option<Number<'_>> {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let end = text.bytes().take_while(is_digit).count();
    let (digits, after) = text.split_at(end);
    (end > 0).then(|| Number { digits: digits.trim_start_matches('0'), after })
}

/// Takes the first letter of a text, as a small one.
fn letter(text: &mut &str) -> Option<char> {
    let mut letters = text.chars();
    let first = letters.next()?;
    *text = letters.as_str();
    Some(if first.is_ascii() { first.to_ascii_lowercase() } else { first.to_lowercase().next().unwrap_or(first) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ports_stand_in_the_order_of_their_numbers_and_addresses_as_they_are_written() {
        let link = |text: &str| text.parse::<LinkAddress>().expect("a link");
        let wanted = ["serial:COM9", "serial:COM10", "serial:/dev/pts/2", "serial:/dev/pts/10"];
        let mut ports = ["serial:/dev/pts/10", "serial:COM10", "serial:COM9", "serial:/dev/pts/2"].map(link);
        ports.sort();
        let mut wanted = wanted.map(link);
        wanted.sort_by_key(|port| port.place().starts_with("COM"));
        assert_eq!(ports, wanted);
        let wanted = ["serial:COM1", "ble:01:00:00:00:00:9F", "ble:0A:00:00:00:00:10", "http:10.0.0.2"].map(link);
        let mut links = wanted.clone();
        links.reverse();
        links.sort();
        assert_eq!(links, wanted);
    }

    #[test]
    fn texts_stand_as_a_person_would_put_them() {
        let wanted = ["", "1", "01x", "2", "10", "Gateway 9", "gateway 9b", "gateway 10", "zone", "Übergabe"];
        let mut texts = wanted;
        texts.reverse();
        texts.sort_by(|one, other| compare_texts(one, other));
        assert_eq!(texts, wanted);
        let huge = ["9".repeat(40), format!("1{}", "0".repeat(40))];
        assert_eq!(compare_texts(&huge[0], &huge[1]), Ordering::Less, "numbers have no size that is too large");
    }

    proptest! {
        #[test]
        fn every_three_texts_have_one_order(texts in proptest::collection::vec("[aB0-9 é]{0,6}", 3)) {
            let [a, b, c] = [&texts[0], &texts[1], &texts[2]];
            prop_assert_eq!(compare_texts(a, b), compare_texts(b, a).reverse());
            prop_assert_eq!(compare_texts(a, b).is_eq(), a == b);
            if compare_texts(a, b).is_le() && compare_texts(b, c).is_le() {
                prop_assert!(compare_texts(a, c).is_le(), "{} {} {}", a, b, c);
            }
        }
    }
}
