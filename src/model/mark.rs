//! What a gateway has that no other one has, and when two of them are the same.
//!
//! Some gateways write a serial number in capitals over one link and not over another, and some end it with a blank; neither
//! makes it another one.

/// Whether two serial numbers, system IDs or names are the same: by letters and digits, not by case or blanks around them.
pub fn is_same(one: &str, other: &str) -> bool {
    one.trim().eq_ignore_ascii_case(other.trim())
}

/// Whether both are told, and differ; what isn't told cannot differ.
pub fn differ(one: Option<&str>, other: Option<&str>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if !is_same(one, other))
}

/// The one form of a mark, to find equal ones by; nothing where it is too short to be one gateway's alone.
pub fn plain(mark: &str) -> Option<String> {
    const SHORTEST: usize = 4;
    Some(mark.trim().to_ascii_uppercase()).filter(|mark| mark.len() >= SHORTEST)
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
        assert_eq!(plain(" gw-0042 ").as_deref(), Some("GW-0042"));
        assert_eq!(plain("7"), None);
    }
}
