//! Small patterns by which a profile recognises a device: texts with `*`, Bluetooth UUIDs.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// A text in which `*` stands for any run of characters. Upper and lower case are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

/// The text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pattern has 1 to 128 characters, at least one of them no star")]
pub struct BadGlob;

impl Glob {
    /// Whether the whole text fits the pattern.
    pub fn matches(&self, text: &str) -> bool {
        let pattern: Vec<char> = self.0.to_lowercase().chars().collect();
        let text: Vec<char> = text.to_lowercase().chars().collect();
        let (mut at, mut in_text) = (0, 0);
        // Where to go back to: after the last star, and how much of the text that star has taken.
        let mut star: Option<(usize, usize)> = None;
        while in_text < text.len() {
            match pattern.get(at) {
                Some('*') => {
                    star = Some((at + 1, in_text));
                    at += 1;
                }
                Some(c) if *c == text[in_text] => {
                    at += 1;
                    in_text += 1;
                }
                _ => {
                    let Some((after, taken)) = star else { return false };
                    star = Some((after, taken + 1));
                    at = after;
                    in_text = taken + 1;
                }
            }
        }
        pattern[at..].iter().all(|c| *c == '*')
    }
}

impl FromStr for Glob {
    type Err = BadGlob;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_sized = text.chars().take(129).count() <= 128;
        if is_sized && text.chars().any(|c| c != '*') { Ok(Self(text.to_owned())) } else { Err(BadGlob) }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Glob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A Bluetooth service id: 16 bits as four digits, or 128 bits in the usual five groups. Always lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServiceUuid(String);

/// The text is no service id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a service id is 4 hexadecimal digits, or 32 in groups of 8-4-4-4-12")]
pub struct BadServiceUuid;

impl FromStr for ServiceUuid {
    type Err = BadServiceUuid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let groups: &[usize] = if text.contains('-') { &[8, 4, 4, 4, 12] } else { &[4] };
        let parts: Vec<&str> = text.split('-').collect();
        let is_well_formed = parts.len() == groups.len()
            && parts
                .iter()
                .zip(groups)
                .all(|(part, length)| part.len() == *length && part.bytes().all(|b| b.is_ascii_hexdigit()));
        if is_well_formed { Ok(Self(text.to_ascii_lowercase())) } else { Err(BadServiceUuid) }
    }
}

impl ServiceUuid {
    /// Whether a service id written in full is this one.
    pub fn matches(&self, full: &str) -> bool {
        let short = || Some(full.strip_prefix("0000")?.strip_suffix("-0000-1000-8000-00805f9b34fb"));
        self.0 == full || short().flatten() == Some(&self.0)
    }
}

impl fmt::Display for ServiceUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ServiceUuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The text is no 16-bit number in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this takes exactly 4 hexadecimal digits, as in \"10c4\"")]
pub(super) struct BadHex16;

/// Reads four hexadecimal digits, as USB ids and Bluetooth company ids are printed.
pub(super) fn parse_hex16(text: &str) -> Result<u16, BadHex16> {
    if text.len() == 4 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        u16::from_str_radix(text, 16).map_err(|_| BadHex16)
    } else {
        Err(BadHex16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_take_any_run_and_case_does_not_count() {
        let check = |pattern: &str, text: &str, expected: bool| {
            assert_eq!(pattern.parse::<Glob>().unwrap().matches(text), expected, "{pattern} on {text}");
        };
        check("PROV_*", "prov_A1B2C3", true);
        check("PROV_*", "XPROV_A1", false);
        check("*gate*way*", "A Gateway", true);
        check("a*b*c", "aXbXbXc", true);
        check("a*b*c", "aXbXb", false);
        check("exact", "exact ", false);
        check("a*", "a", true);
    }

    #[test]
    fn a_short_service_id_stands_for_the_long_one() {
        let short: ServiceUuid = "fe4d".parse().unwrap();
        assert!(short.matches("0000fe4d-0000-1000-8000-00805f9b34fb"));
        assert!(!short.matches("0000fe4e-0000-1000-8000-00805f9b34fb"));
        assert!(!short.matches("fe4d0000-0000-1000-8000-00805f9b34fb"));
        let long: ServiceUuid = "00467768-6228-2272-4663-277478268000".parse().unwrap();
        assert!(long.matches("00467768-6228-2272-4663-277478268000"));
    }

    #[test]
    fn malformed_ids_are_refused() {
        assert!("".parse::<Glob>().is_err() && "**".parse::<Glob>().is_err());
        assert_eq!("FE4D".parse::<ServiceUuid>().map(|uuid| uuid.to_string()), Ok("fe4d".into()));
        assert!("00467768-6228-2272-4663-277478268000".parse::<ServiceUuid>().is_ok());
        for text in ["", "fe4", "0xfe4d", "00467768-6228-2272-4663-27747826800", "00467768622822724663277478268000"] {
            assert!(text.parse::<ServiceUuid>().is_err(), "{text}");
        }
        assert_eq!(parse_hex16("10c4"), Ok(0x10c4));
        assert!(parse_hex16("+0c4").is_err() && parse_hex16("0x10").is_err() && parse_hex16("10c40").is_err());
    }
}
