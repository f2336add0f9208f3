//! Certificates in PEM (RFC 7468), as programs print them among other text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The most certificates that are read.
const MAX: usize = 100;
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The certificates in a text, in its order, as DER. What is none is left out.
pub fn certificates(text: &str) -> Vec<Vec<u8>> {
    let blocks = text.split(BEGIN).skip(1).take(MAX).filter_map(|rest| rest.split_once(END));
    blocks.filter_map(|(body, _)| decoded(body)).collect()
}

fn decoded(body: &str) -> Option<Vec<u8>> {
    let digits: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(digits).ok().filter(|der| !der.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_found_among_other_text() {
        let text =
            format!("0 s:CN = a\n{BEGIN}\nAQ\nID\n{END}\n 1 s:CN = b\r\n{BEGIN}\r\nBAU=\r\n{END}\r\nrest {BEGIN}\nAQ");
        assert_eq!(certificates(&text), [vec![1, 2, 3], vec![4, 5]]);
    }

    #[test]
    fn what_is_no_certificate_is_left_out() {
        assert!(certificates(&format!("{BEGIN}\n???\n{END}{BEGIN}{END}")).is_empty());
        assert!(certificates("").is_empty());
    }
}
