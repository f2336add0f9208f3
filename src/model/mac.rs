//! Hardware addresses: read, written, and told whether two belong to one chip.

/// Reads six octets in hex, apart by colons or hyphens or not at all: `34:85:18:0a:00:01`.
pub fn read(text: &str) -> Option<[u8; 6]> {
    let mut digits = text.trim_ascii().chars().filter(|c| !matches!(c, ':' | '-')).map(|c| c.to_digit(16));
    let mut mac = [0; 6];
    for octet in &mut mac {
        let (high, low) = (digits.next()??, digits.next()??);
        *octet = u8::try_from(high << 4 | low).ok()?;
    }
    (mac != [0; 6] && digits.next().is_none()).then_some(mac)
}

/// The address as people write it: `34:85:18:0a:00:01`.
pub fn shown(mac: [u8; 6]) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}

/// The address as a number.
pub fn number(mac: [u8; 6]) -> u64 {
    mac.iter().fold(0, |number, octet| number << 8 | u64::from(*octet))
}

/// Whether two addresses belong to one chip: chips with several radios number them in a row. Espressif gives Wi-Fi the first
/// address, its access point the next, Bluetooth the third and Ethernet the fourth (ESP-IDF, "Miscellaneous System APIs", MAC
/// Address).
pub fn is_of_one_chip(one: [u8; 6], other: [u8; 6]) -> bool {
    one[..3] == other[..3] && number(one).abs_diff(number(other)) <= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_in_the_forms_people_write() {
        let mac = [0x34, 0x85, 0x18, 0x0a, 0, 1];
        for text in ["34:85:18:0A:00:01", "34-85-18-0a-00-01", " 3485180a0001 "] {
            assert_eq!(read(text), Some(mac), "{text}");
        }
        for text in ["", "34:85:18:0a:00", "zz:85:18:0a:00:01", "00:00:00:00:00:00", "3485180a00010"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&shown(mac)), Some(mac));
    }

    #[test]
    fn neighbouring_addresses_of_one_maker_are_of_one_chip() {
        let mac = |last| [0x34, 0x85, 0x18, 0x0a, 0, last];
        assert!(is_of_one_chip(mac(4), mac(6)) && is_of_one_chip(mac(6), mac(4)));
        assert!(!is_of_one_chip(mac(4), mac(9)));
        assert!(!is_of_one_chip([0x34, 0x85, 0x18, 0xff, 0xff, 0xff], [0x34, 0x85, 0x19, 0, 0, 0]));
    }
}
