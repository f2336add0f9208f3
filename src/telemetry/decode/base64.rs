//! Base64 around bytes (RFC 4648, section 4), where it is no accident.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Shorter texts are words.
const MIN_CHARS: usize = 24;

/// Bytes as base64.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads base64; line breaks and the spaces around it do not count. Says at which byte it is none.
pub(super) fn decode(text: &[u8]) -> Result<Vec<u8>, (usize, String)> {
    let mut places = Vec::new();
    let mut digits = Vec::with_capacity(text.len());
    let is_plain = !text.iter().any(u8::is_ascii_whitespace);
    if is_plain {
        digits.extend_from_slice(text);
    } else {
        for (place, byte) in text.iter().enumerate().filter(|(_, byte)| !byte.is_ascii_whitespace()) {
            places.push(place);
            digits.push(*byte);
        }
    }
    let place = |at: usize| if is_plain { at } else { places.get(at).copied().unwrap_or(text.len()) };
    STANDARD.decode(&digits).map_err(|error| match error {
        base64::DecodeError::InvalidByte(at, _) => (place(at), "this isn't a base64 digit".into()),
        base64::DecodeError::InvalidLength(_) => (text.len(), "the number of digits isn't a multiple of four".into()),
        base64::DecodeError::InvalidLastSymbol { offset, .. } => {
            (place(offset), "the last digit holds bits too many".into())
        }
        base64::DecodeError::InvalidPadding => (text.len(), "the padding at the end is wrong".into()),
    })
}

/// The bytes inside, if the text is long enough, complete, and too mixed for a word, a number or hex digits.
pub(super) fn detect(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches(['\r', '\n']);
    if text.len() < MIN_CHARS || !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.trim_end_matches('=').as_bytes();
    let looked_at = &digits[..digits.len().min(4096)];
    let kind = |byte: u8| match byte {
        b'A'..=b'Z' => 1,
        b'a'..=b'z' => 2,
        b'0'..=b'9' => 3,
        b'+' | b'/' => 4,
        _ => 0,
    };
    let kinds: u8 = looked_at.iter().fold(0, |seen, byte| seen | 1 << kind(*byte));
    // A capital in front of small letters is how words begin.
    let is_change = |pair: &&[u8]| kind(pair[0]) != kind(pair[1]) && (kind(pair[0]), kind(pair[1])) != (1, 2);
    let changes = looked_at.windows(2).filter(is_change).count();
    let is_mixed = kinds & 1 == 0 && kinds & 0b1110 == 0b1110 && changes * 3 >= looked_at.len();
    if is_mixed { STANDARD.decode(text).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_numbers_and_identifiers_are_no_base64() {
        for text in [
            "temperature",
            "TemperatureSensorNumber12Hall4AB",
            "0123456789012345678901234567",
            "00112233445566778899aabbccddeeff",
            "thisisalongwordwithoutspaces",
            "c0ffee00-1234-5678-9abc-def0",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "aGVsbG8=",
        ] {
            assert_eq!(detect(text), None, "{text}");
        }
    }

    #[test]
    fn bytes_in_base64_are_found() {
        let bytes: Vec<u8> = (0..40).map(|place: u8| place.wrapping_mul(37)).collect();
        assert_eq!(detect(&encode(&bytes)), Some(bytes.clone()));
        assert_eq!(detect(&format!("{}\r\n", encode(&bytes))), Some(bytes));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        assert_eq!(decode(b"aGVs\nbG8*").unwrap_err().0, 8);
        assert_eq!(decode(b"aGVs\nbG8=").unwrap(), b"hello");
        assert!(decode(b"aGVsb").is_err());
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(decode(encode(&bytes).as_bytes()), Ok(bytes));
        }
    }
}
