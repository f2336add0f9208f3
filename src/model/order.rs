//! The order in which lists show gateways, the same in the window and on the command line.

use super::ids::{LinkAddress, LinkKind};

/// What links are ordered by: serial ports first, numbers by value, so that `COM9` comes before `COM10`.
pub fn order_of_link(link: &LinkAddress) -> String {
    let text = format!("{} {}", u8::from(link.kind() != LinkKind::Serial), link.place()).to_lowercase();
    // The digits of a Bluetooth address are no numbers.
    if link.kind() == LinkKind::Ble { text } else { in_order_of_numbers(&text) }
}

/// A key by which `port 9` comes before `port 10`: numbers are filled up with zeros.
pub fn in_order_of_numbers(text: &str) -> String {
    const DIGITS: usize = 10;
    let mut key = String::with_capacity(text.len() + DIGITS);
    let mut number = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        if !number.is_empty() {
            key.extend(std::iter::repeat_n('0', DIGITS.saturating_sub(number.len())));
            key.push_str(&number);
            number.clear();
        }
        key.push(c);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_stand_in_the_order_of_their_numbers_and_addresses_as_they_are_written() {
        let link = |text: &str| text.parse::<LinkAddress>().expect("a link");
        let wanted = ["serial:COM9", "serial:COM10", "serial:/dev/pts/2", "serial:/dev/pts/10"];
        let mut ports = ["serial:/dev/pts/10", "serial:COM10", "serial:COM9", "serial:/dev/pts/2"].map(link);
        ports.sort_by_cached_key(order_of_link);
        let mut wanted = wanted.map(link);
        wanted.sort_by_key(|port| port.place().starts_with("COM"));
        assert_eq!(ports, wanted);
        let mut devices = ["ble:0A:00:00:00:00:10", "ble:01:00:00:00:00:9F"].map(link);
        devices.sort_by_cached_key(order_of_link);
        assert_eq!(devices[0], link("ble:01:00:00:00:00:9F"));
    }
}
