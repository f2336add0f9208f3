//! What a gateway has that no other one has, and when two of them are the same.
//!
//! Some gateways write a serial number in capitals over one link and not over another, and some end it with a blank; neither
//! makes it another one.

use std::hash::{Hash, Hasher};

/// Whether two serial numbers, system IDs or names are the same: by letters and digits, not by case or blanks around them.
pub fn is_same(one: &str, other: &str) -> bool {
    one.trim().eq_ignore_ascii_case(other.trim())
}

/// Whether both are told, and differ; what isn't told cannot differ.
pub fn differ(one: Option<&str>, other: Option<&str>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if !is_same(one, other))
}

/// A serial number or system ID, to find the same ones by.
#[derive(Clone, Copy, Debug)]
pub struct Mark<'a>(&'a str);

impl<'a> Mark<'a> {
    /// The mark in a text; nothing where it is too short to be one gateway's alone.
    pub fn of(text: &'a str) -> Option<Self> {
        const SHORTEST: usize = 4;
        Some(Self(text.trim())).filter(|mark| mark.0.len() >= SHORTEST)
    }
}

impl PartialEq for Mark<'_> {
    fn eq(&self, other: &Self) -> bool {
        is_same(self.0, other.0)
    }
}

impl Eq for Mark<'_> {}

impl Hash for Mark<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.bytes().for_each(|byte| state.write_u8(byte.to_ascii_uppercase()));
        state.write_u8(u8::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_blanks_make_no_other_gateway() {
        assert!(is_same(" gw-0042", "GW-0042 "));
        assert!(!is_same("GW-0042", "GW-0043"));
        assert!(!differ(Some("gw-7"), Some("GW-7")));
        assert!(differ(Some("GW-7"), Some("GW-8")));
        assert!(!differ(Some("GW-7"), None), "what isn't told cannot differ");
        assert_eq!(Mark::of(" gw-0042 "), Mark::of("GW-0042"));
        assert_ne!(Mark::of("GW-0042"), Mark::of("GW-0043"));
        let both = [" gw-0042 ", "GW-0042"].map(|text| Mark::of(text).expect("long enough"));
        assert_eq!(std::collections::HashSet::from(both).len(), 1);
        assert_eq!(Mark::of("7"), None);
    }
}
