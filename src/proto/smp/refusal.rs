//! A device's "no": errors of both versions of the protocol, read into a kind and words.
//!
//! Source: Zephyr documentation, SMP protocol specification and the error tables of each group.

use super::cbor::Map;
use super::group;

/// Longest reason a device may give in its own words, in characters.
const MAX_REASON: usize = 200;

/// What a device answered instead of doing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The group whose error it is; `None` for an error of the protocol itself.
    pub group: Option<u16>,
    /// Its number.
    pub code: i64,
    /// The device's own words, where it has any; not yet safe to show.
    pub reason: Option<String>,
}

/// What the refusal means for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// What was named is not there.
    NotFound,
    /// The device has no such command.
    NotOffered,
    /// It is there, but this cannot be done with it.
    NotAllowed,
    /// The device is busy or in another state.
    Busy,
    /// Too long or too large for the device.
    TooLarge,
    /// The device could not read the request, or does not take the value.
    Invalid,
    /// Another version of the protocol is wanted.
    Version,
    /// A fault within the device.
    Fault,
}

impl Refusal {
    /// The refusal in an answer, if it is one.
    pub fn of(answer: &Map) -> Option<Self> {
        let reason = || answer.text("rsn").map(|text| text.chars().take(MAX_REASON).collect());
        if let Some(error) = answer.map("err") {
            let code = error.signed("rc").unwrap_or(1);
            if code != 0 {
                let group = error.unsigned("group").and_then(|number| u16::try_from(number).ok());
                return Some(Self { group, code, reason: reason() });
            }
        }
        match answer.get("rc") {
            None => None,
            // A number that cannot be read is no success.
            Some(_) => Some(answer.signed("rc").unwrap_or(1)).filter(|code| *code != 0).map(|code| Self {
                group: None,
                code,
                reason: reason(),
            }),
        }
    }

    /// What it means.
    pub const fn kind(&self) -> RefusalKind {
        use RefusalKind::{Busy, Fault, Invalid, NotAllowed, NotFound, NotOffered, TooLarge, Version};
        match (self.group, self.code) {
            (None, 2 | 7) | (Some(group::SETTINGS | group::SHELL | group::ENUMERATION), 2) => TooLarge,
            (None | Some(group::SHELL), 3)
            | (Some(group::OS), 2)
            | (Some(group::FILES), 2 | 4 | 11 | 12)
            | (Some(group::ENUMERATION), 4) => Invalid,
            (None, 5)
            | (Some(group::STATISTICS), 2 | 3)
            | (Some(group::SETTINGS), 3 | 5)
            | (Some(group::FILES), 3 | 14 | 16)
            | (Some(group::IMAGE), 3) => NotFound,
            (None, 6 | 10) | (Some(group::OS), 4) => Busy,
            (None, 8) | (Some(group::OS), 3) | (Some(group::FILES), 13) => NotOffered,
            (None, 11) | (Some(group::SETTINGS), 4 | 6 | 7) | (Some(group::FILES), 15) => NotAllowed,
            (None, 12 | 13) => Version,
            _ => Fault,
        }
    }

    /// What the device said, in words.
    pub fn words(&self) -> &'static str {
        match (self.group, self.code) {
            (None, 1) => "an unknown error",
            (None, 2) => "not enough memory",
            (None, 3) => "a value is not valid",
            (None, 4) => "it ran out of time",
            (None, 5) => "there is no such entry",
            (None, 6) => "not possible in its present state",
            (None, 7) => "the answer is too large",
            (None, 8) => "it has no such command",
            (None, 9) => "its data is damaged",
            (None, 10) => "it is busy with another command",
            (None, 11) => "access is denied",
            (None, 12) => "this version of the protocol is too old for it",
            (None, 13) => "this version of the protocol is too new for it",
            (None, 256..) => "an error of the vendor's own",
            (Some(group::OS), 2) => "the format is not valid",
            (Some(group::OS), 3) => "the question has no answer",
            (Some(group::OS), 4) => "its clock is not set",
            (Some(group::OS), 5) => "its clock does not work",
            (Some(group::OS), 6) => "it cannot tell",
            (Some(group::IMAGE), 3) => "there is no image in the slot",
            (Some(group::IMAGE), 2 | 10..=13) => "its flash cannot be used",
            (Some(group::IMAGE), 4..=8) => "the image is damaged",
            (Some(group::STATISTICS), 2) => "there is no such group of statistics",
            (Some(group::STATISTICS), 3) => "there is no such statistic",
            (Some(group::STATISTICS), 4 | 5) => "the statistic cannot be read",
            (Some(group::SETTINGS), 2) => "the key is too long",
            (Some(group::SETTINGS), 3) => "there is no such key",
            (Some(group::SETTINGS), 4) => "the key cannot be read",
            (Some(group::SETTINGS), 5) => "there is no such key: its first part is unknown",
            (Some(group::SETTINGS), 6) => "the key cannot be written",
            (Some(group::SETTINGS), 7) => "the key cannot be deleted",
            (Some(group::FILES), 2) => "the name of the file is not valid",
            (Some(group::FILES), 3) => "there is no such file",
            (Some(group::FILES), 4) => "it is a folder",
            (Some(group::FILES), 5..=10) => "its file system reports an error",
            (Some(group::FILES), 11) => "the file changed meanwhile",
            (Some(group::FILES), 12) => "the file is shorter",
            (Some(group::FILES), 13) => "it has no such checksum",
            (Some(group::FILES), 14) => "there is no such file system",
            (Some(group::FILES), 15) => "the file system is read-only",
            (Some(group::FILES), 16) => "the file is empty",
            (Some(group::SHELL), 2) => "the line is too long",
            (Some(group::SHELL), 3) => "the line is empty",
            (Some(group::ZEPHYR), 2..=4) => "its flash cannot be erased",
            _ => "an error without words",
        }
    }

    /// Group and number, for the vendor.
    pub fn detail(&self) -> String {
        match self.group {
            Some(group) => format!("group {group}, error {}", self.code),
            None => format!("error {}", self.code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cbor::Body;
    use super::*;

    fn refusal(body: Body) -> Option<Refusal> {
        Refusal::of(&Map::parse(&body.finish()).expect("our own"))
    }

    #[test]
    fn both_forms_of_errors_are_read() {
        let check = |body: Body, group, code, kind, words: &str| {
            let refusal = refusal(body).expect("a refusal");
            assert_eq!((refusal.group, refusal.code, refusal.kind()), (group, code, kind));
            assert_eq!(refusal.words(), words);
        };
        let second = |group: u64, code| {
            Body::default().map("err", Body::default().unsigned("group", group).unsigned("rc", code))
        };
        let first = |code| Body::default().unsigned("rc", code);
        check(first(8), None, 8, RefusalKind::NotOffered, "it has no such command");
        check(first(5), None, 5, RefusalKind::NotFound, "there is no such entry");
        check(second(2, 3), Some(2), 3, RefusalKind::NotFound, "there is no such statistic");
        check(second(3, 5), Some(3), 5, RefusalKind::NotFound, "there is no such key: its first part is unknown");
        check(second(64, 7), Some(64), 7, RefusalKind::Fault, "an error without words");
        check(second(70_000, 7), None, 7, RefusalKind::TooLarge, "the answer is too large");
        check(Body::default().signed("rc", -5), None, -5, RefusalKind::Fault, "an error without words");
    }

    #[test]
    fn success_is_no_refusal() {
        assert_eq!(refusal(Body::default()), None);
        assert_eq!(refusal(Body::default().unsigned("rc", 0)), None);
        let empty = Body::default().map("err", Body::default().unsigned("group", 3).unsigned("rc", 0));
        assert_eq!(refusal(empty), None);
    }

    #[test]
    fn an_error_that_cannot_be_read_is_no_success() {
        assert!(refusal(Body::default().text("rc", "no")).is_some());
        assert!(refusal(Body::default().map("err", Body::default())).is_some());
    }

    #[test]
    fn a_reason_of_a_megabyte_is_cut() {
        let reason =
            refusal(Body::default().unsigned("rc", 1).text("rsn", &"x".repeat(60_000))).expect("refused").reason;
        assert_eq!(reason.map(|text| text.len()), Some(MAX_REASON));
    }
}
