//! How a token is wrapped for a product's own endpoint: as it is, inside a JSON text, or as one field of a protobuf message.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::encoding::{WireType, encode_key, encode_varint};
use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use super::messages::{MAX_MESSAGE, TokenPayload, read};
use crate::model::text::without_line_end;

/// What stands for the content as text in a template.
const TEXT: &str = "{text}";
/// What stands for the content in base64.
const BASE64: &str = "{base64}";
/// Deepest path of protobuf fields.
const MAX_DEPTH: usize = 8;

/// Why a token cannot be wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// The template puts it as text, and it is none.
    #[error("the content is no UTF-8 text")]
    NotText,
    /// The template is no JSON once it is filled.
    #[error("the template isn't JSON")]
    BadTemplate,
    /// The path of fields is empty, too deep, or names a number that is none.
    #[error("the path of fields is not usable")]
    BadPath,
    /// Wrapped it is longer than a device takes.
    #[error("the content is {octets} bytes when wrapped; the device takes {MAX_MESSAGE}")]
    TooLong {
        /// Octets when wrapped.
        octets: usize,
    },
}

/// Puts the content into a JSON text. As text, a single line loses its end: files have it, tokens do not.
pub fn wrap_json(template: &str, content: &[u8]) -> Result<Zeroizing<Vec<u8>>, BadToken> {
    let mut filled = Zeroizing::new(String::with_capacity(template.len() + content.len() * 2));
    let mut rest = template;
    loop {
        let next = [TEXT, BASE64].into_iter().filter_map(|mark| rest.find(mark).map(|at| (at, mark))).min();
        let Some((at, mark)) = next else { break };
        filled.push_str(&rest[..at]);
        if mark == TEXT {
            push_escaped(&mut filled, std::str::from_utf8(without_line_end(content)).map_err(|_| BadToken::NotText)?);
        } else {
            STANDARD.encode_string(content, &mut filled);
        }
        rest = &rest[at + mark.len()..];
    }
    filled.push_str(rest);
    serde_json::from_str::<IgnoredAny>(&filled).map_err(|_| BadToken::BadTemplate)?;
    sized(Zeroizing::new(filled.as_bytes().to_vec()))
}

fn push_escaped(filled: &mut String, text: &str) {
    // Writing JSON into memory cannot fail; without quotes it stands inside those of the template.
    let quoted = Zeroizing::new(serde_json::to_string(text).unwrap_or_default());
    filled.push_str(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default());
}

/// Puts the content into a field of a protobuf message, given by the numbers of the fields from the outermost message on.
pub fn wrap_protobuf(path: &[u32], content: &[u8]) -> Result<Zeroizing<Vec<u8>>, BadToken> {
    let is_number = |number: &u32| (1..=0x1FFF_FFFF).contains(number) && !(19_000..=19_999).contains(number);
    if path.is_empty() || path.len() > MAX_DEPTH || !path.iter().all(is_number) {
        return Err(BadToken::BadPath);
    }
    let mut message = Zeroizing::new(content.to_vec());
    for number in path.iter().rev() {
        let mut outer = Zeroizing::new(Vec::with_capacity(message.len() + 16));
        encode_key(*number, WireType::LengthDelimited, &mut *outer);
        encode_varint(message.len() as u64, &mut *outer);
        outer.extend_from_slice(&message);
        message = outer;
    }
    sized(message)
}

/// As it is, but for the line end of a single line of text.
pub fn wrap_raw(content: &[u8]) -> Result<Zeroizing<Vec<u8>>, BadToken> {
    sized(Zeroizing::new(without_line_end(content).to_vec()))
}

fn sized(message: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, BadToken> {
    if message.len() > MAX_MESSAGE { Err(BadToken::TooLong { octets: message.len() }) } else { Ok(message) }
}

/// The status that an answer carries, if it is of the form several products share.
pub fn status_of(answer: &[u8]) -> Option<i32> {
    let payload: TokenPayload = read(answer).ok().filter(|payload: &TokenPayload| payload.msg == 1)?;
    payload.response.map(|response| response.status)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::proto::esp::messages::TokenCommand;

    fn json(template: &str, content: &[u8]) -> Result<String, BadToken> {
        wrap_json(template, content).map(|text| String::from_utf8(text.to_vec()).expect("JSON is text"))
    }

    #[test]
    fn a_token_goes_into_json_as_text_or_base64() {
        assert_eq!(json(r#"{"token":"{text}"}"#, b"abc\n").as_deref(), Ok(r#"{"token":"abc"}"#));
        assert_eq!(json(r#"{"t":"{text}"}"#, b"a\"b\\c\nd").as_deref(), Ok(r#"{"t":"a\"b\\c\nd"}"#));
        assert_eq!(json(r#"{"t":"{base64}","n":1}"#, &[0xff, 0, 1]).as_deref(), Ok(r#"{"t":"/wAB","n":1}"#));
        assert_eq!(json(r#"{"t":"{text}"}"#, b"-a-\nb\n").as_deref(), Ok(r#"{"t":"-a-\nb\n"}"#), "a certificate");
        assert_eq!(json(r#"["{text}","{base64}"]"#, b"a").as_deref(), Ok(r#"["a","YQ=="]"#));
    }

    #[test]
    fn raw_content_loses_nothing_but_the_end_of_a_single_line() {
        let raw = |content: &[u8]| wrap_raw(content).map(|wrapped| wrapped.to_vec());
        assert_eq!(raw(b"abc\r\n"), Ok(b"abc".into()));
        for whole in [&b"-a-\nb\n"[..], b"\xff\n"] {
            assert_eq!(raw(whole), Ok(whole.into()));
        }
    }

    #[test]
    fn a_token_cannot_break_out_of_its_place() {
        let hostile = br#"","admin":true,"x":""#;
        let text = json(r#"{"token":"{text}"}"#, hostile).expect("it is text");
        let value: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(value.as_object().map(serde_json::Map::len), Some(1));
        // What looks like a mark inside the content is content.
        assert_eq!(json(r#"{"t":"{text}"}"#, b"{base64}").as_deref(), Ok(r#"{"t":"{base64}"}"#));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(json(r#"{"t":"{text}"}"#, &[0xff]), Err(BadToken::NotText));
        assert_eq!(json(r#"{"t":{text}}"#, b"abc"), Err(BadToken::BadTemplate));
        assert!(matches!(wrap_raw(&[0; MAX_MESSAGE + 1]), Err(BadToken::TooLong { .. })));
        assert_eq!(wrap_protobuf(&[], b"x"), Err(BadToken::BadPath));
        assert_eq!(wrap_protobuf(&[0], b"x"), Err(BadToken::BadPath));
        assert_eq!(wrap_protobuf(&[1; 9], b"x"), Err(BadToken::BadPath));
        assert_eq!(wrap_protobuf(&[19_000], b"x"), Err(BadToken::BadPath));
    }

    #[test]
    fn a_field_of_the_shared_message_is_found_by_its_path() {
        let message = wrap_protobuf(&[10, 2], b"secret").expect("a good path");
        let expected = TokenCommand { user_id: Vec::new(), secret_key: b"secret".into() };
        assert!(read::<TokenPayload>(&message).is_ok_and(|read| read.command == Some(expected)));
    }

    #[test]
    fn the_status_of_the_shared_answer_is_read() {
        assert_eq!(status_of(&[8, 1, 0x5a, 2, 8, 4]), Some(4));
        assert_eq!(status_of(&[8, 1, 0x5a, 0]), Some(0));
        assert_eq!(status_of(b"SUCCESS"), None);
    }

    proptest! {
        #[test]
        fn any_text_comes_back_out_of_json(text in "[^\r\n]{0,80}") {
            let wrapped = wrap_json(r#"{"t":"{text}"}"#, text.as_bytes()).expect("it is text");
            let value: serde_json::Value = serde_json::from_slice(&wrapped).expect("it is JSON");
            prop_assert_eq!(value["t"].as_str(), Some(text.as_str()));
        }
    }
}
