//! The forms in which programs write a secret, spelt out: what is searched for on a medium.
//!
//! The redactor reads more than this, since forms mix and break in a stream; a test holds that it reads each of these. A
//! medium is searched at its own speed, with fixed patterns.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::model::text::{from_hex, hex};
use crate::model::word::words;

words! {
    /// How a secret is written.
    Form {
        /// As it is. So it stands in configuration files, in NVS and in histories.
        Text = "text",
        /// Hexadecimal digits.
        Hex = "hex",
        /// The octets that hexadecimal digits stand for.
        Octets = "binary",
        /// Base64, in one of its three alignments.
        Base64 = "base64",
        /// Percent-encoded, as in addresses and forms: what has to be, or every byte.
        Url = "url",
        /// As a string in JSON: what has to be escaped, or every character.
        Json = "json",
        /// UTF-16, the low byte first.
        Utf16Le = "utf-16-le",
        /// UTF-16, the high byte first.
        Utf16Be = "utf-16-be",
        /// UTF-16 between bytes that fit either order.
        Utf16 = "utf-16",
    }
}

/// A secret in one form.
pub struct Spelt {
    /// The form.
    pub form: Form,
    /// Its bytes.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// The least a secret and a form must have to be told from chance.
pub const LEAST: usize = 6;
/// Octets of a long line in PEM that are looked for: files are written in lines of several lengths.
const PEM_PIECE: usize = 60;

/// All forms of a secret, each once. A secret in PEM is looked for by the first line of its body.
pub fn forms(secret: &[u8]) -> Vec<Spelt> {
    let secret = pem_body(secret).unwrap_or(secret);
    let mut spelt = Vec::new();
    if secret.len() < LEAST {
        return spelt;
    }
    let mut add = |form, bytes: Vec<u8>| {
        let bytes = Zeroizing::new(bytes);
        if bytes.len() >= LEAST && !spelt.iter().any(|known: &Spelt| known.bytes == bytes) {
            spelt.push(Spelt { form, bytes });
        }
    };
    add(Form::Text, secret.to_vec());
    let digits = hex(secret);
    add(Form::Hex, digits.to_uppercase().into_bytes());
    add(Form::Hex, digits.into_bytes());
    for lead in 0..3 {
        for bytes in base64(secret, lead) {
            add(Form::Base64, bytes);
        }
    }
    if let Ok(text) = std::str::from_utf8(secret) {
        for bytes in percent(secret) {
            add(Form::Url, bytes);
        }
        for bytes in json(text) {
            add(Form::Json, bytes);
        }
        add(Form::Utf16Le, text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        add(Form::Utf16Be, text.encode_utf16().flat_map(u16::to_be_bytes).collect());
        if let Some(octets) = from_hex(text).filter(|octets| octets.len() >= 8) {
            add(Form::Octets, octets);
        }
    }
    spelt
}

/// The digits that a secret has in base64 wherever it stands in what is encoded: those that share bits with a neighbour are
/// left out at both ends.
fn base64(secret: &[u8], lead: usize) -> [Vec<u8>; 2] {
    let padded = Zeroizing::new([&vec![0; lead][..], secret].concat());
    let whole = padded.len() / 3 * 3;
    let first = if lead == 0 { 0 } else { lead + 1 };
    let digits = |text: String| text.into_bytes().get(first..).unwrap_or_default().to_vec();
    [digits(STANDARD_NO_PAD.encode(&padded[..whole])), digits(URL_SAFE_NO_PAD.encode(&padded[..whole]))]
}

/// As addresses and forms have it, and with every byte encoded, each with its digits in capital and in small letters.
fn percent(secret: &[u8]) -> Vec<Vec<u8>> {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.~".contains(&octet);
    let mut spelt = Vec::new();
    for is_capital in [true, false] {
        let digits = |octet: u8| if is_capital { format!("%{octet:02X}") } else { format!("%{octet:02x}") };
        let needed = |&octet: &u8| if is_plain(octet) { char::from(octet).to_string() } else { digits(octet) };
        let usual: String = secret.iter().map(needed).collect();
        let every: String = secret.iter().map(|&octet| digits(octet)).collect();
        spelt.extend([usual.replace("%20", "+"), usual, every]);
    }
    spelt.into_iter().map(String::into_bytes).collect()
}

/// Characters that encoders escape beside those they must, with capital digits or not: Go and Rails; PHP by its options; older
/// and newer .NET.
const ALSO_ESCAPED: [(&str, bool); 6] =
    [("", false), ("&<>", false), ("&<>", true), ("&<>'", false), ("&<>'\"", true), ("&<>'\"+`", true)];

/// Without the quotes around it: as encoders write it, and with every character escaped.
fn json(text: &str) -> Vec<Vec<u8>> {
    let usual = |text: &str| {
        let quoted = serde_json::Value::from(text).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let escaped = |c: char, is_capital: bool| -> String {
        let unit = |unit: &u16| if is_capital { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
        c.encode_utf16(&mut [0; 2]).iter().map(unit).collect()
    };
    let mut spelt = vec![usual(text), usual(text).replace('/', "\\/")];
    for is_capital in [false, true] {
        spelt.push(text.chars().map(|c| escaped(c, is_capital)).collect());
    }
    for (also, is_capital) in ALSO_ESCAPED {
        // What is beyond ASCII stays, or is escaped with small digits or capital ones.
        for beyond in [None, Some(false), Some(true)] {
            let one = |c: char| match beyond {
                _ if also.contains(c) => escaped(c, is_capital),
                Some(is_capital) if !c.is_ascii() => escaped(c, is_capital),
                _ => usual(c.encode_utf8(&mut [0; 4])),
            };
            let whole: String = text.chars().map(one).collect();
            spelt.push(whole.replace('/', "\\/"));
            spelt.push(whole);
        }
    }
    spelt.into_iter().map(String::into_bytes).collect()
}

/// The first full line between the frames of a key or certificate.
fn pem_body(secret: &[u8]) -> Option<&[u8]> {
    let mut lines = secret.split(|&octet| octet == b'\n').map(<[u8]>::trim_ascii);
    lines.find(|line| line.starts_with(b"-----BEGIN "))?;
    let is_body = |line: &&[u8]| {
        line.len() >= 16 && line.iter().all(|octet| octet.is_ascii_alphanumeric() || b"+/=".contains(octet))
    };
    let line = lines.take_while(|line| !line.starts_with(b"-----END ")).find(is_body)?;
    Some(&line[..line.len().min(PEM_PIECE)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::redact::Redactor;

    #[test]
    fn every_form_is_one_that_the_redactor_reads() {
        for secret in ["correct horse battery", "p\u{e4}ss \"quoted\" \\ 100%", "0123456789abcdef0123456789abcdef"] {
            let redactor = Redactor::new([secret.as_bytes()]);
            for Spelt { form, bytes } in forms(secret.as_bytes()) {
                let mut stream = redactor.fresh();
                let mut shown = stream.push(&[b"before ", bytes.as_slice(), b" behind"].concat());
                shown.extend(stream.finish());
                // In base64 the ends share their bits with what stands beside; then a part of the digits may stay.
                let is_whole = shown.windows(bytes.len()).any(|window| window == bytes.as_slice());
                assert!(!is_whole || form == Form::Base64, "{form}: {}", String::from_utf8_lossy(&shown));
            }
        }
    }

    #[test]
    fn base64_is_found_wherever_the_secret_stands_in_what_is_encoded() {
        let secret = b"correct horse battery";
        let spelt = forms(secret);
        for lead in 0..6 {
            for tail in 0..3 {
                let whole = [&b"xyzxyz"[..lead], secret, &b"!!!"[..tail]].concat();
                let text = STANDARD_NO_PAD.encode(whole);
                let is_in = |spelt: &&Spelt| {
                    spelt.form == Form::Base64
                        && text.as_bytes().windows(spelt.bytes.len()).any(|part| part == spelt.bytes.as_slice())
                };
                assert!(spelt.iter().any(|spelt| is_in(&spelt)), "{lead} {tail}");
            }
        }
    }

    #[test]
    fn a_secret_is_found_whether_a_program_escapes_what_it_must_or_every_character() {
        let spelt = forms("p\u{e4}ss wort/1".as_bytes());
        let has = |form: Form, text: &str| {
            spelt.iter().any(|one| one.form == form && one.bytes.as_slice() == text.as_bytes())
        };
        for text in [
            "p%C3%A4ss%20wort%2F1",
            "p%c3%a4ss%20wort%2f1",
            "p%C3%A4ss+wort%2F1",
            "%70%C3%A4%73%73%20%77%6F%72%74%2F%31",
            "%70%c3%a4%73%73%20%77%6f%72%74%2f%31",
        ] {
            assert!(has(Form::Url, text), "{text}");
        }
        for text in [
            "p\u{e4}ss wort\\/1",
            "p\\u00e4ss wort/1",
            "p\\u00E4ss wort/1",
            "\\u0070\\u00e4\\u0073\\u0073\\u0020\\u0077\\u006f\\u0072\\u0074\\u002f\\u0031",
            "\\u0070\\u00E4\\u0073\\u0073\\u0020\\u0077\\u006F\\u0072\\u0074\\u002F\\u0031",
        ] {
            assert!(has(Form::Json, text), "{text}");
        }
    }

    #[test]
    fn a_secret_is_found_as_the_encoders_of_common_languages_write_it() {
        let is_found = |secret: &str, written: &str| {
            let found = forms(secret.as_bytes()).iter().any(|one| one.bytes.as_slice() == written.as_bytes());
            assert!(found, "{secret} as {written}");
        };
        is_found("Kaffee+Milch\"7", r"Kaffee\u002BMilch\u00227"); // System.Text.Json
        is_found("Salt&Pepper<3", r"Salt\u0026Pepper\u003c3"); // encoding/json of Go, Rails
        is_found("Salt&Pepper<3", r"Salt\u0026Pepper\u003C3"); // PHP with JSON_HEX_TAG and JSON_HEX_AMP
        is_found("Gr\u{fc}n/blau77", r"Gr\u00fcn\/blau77"); // json_encode of PHP
        is_found("Gr\u{fc}n/blau77", r"Gr\u00fcn/blau77"); // json of Python
        is_found("Gr\u{fc}n+blau77", r"Gr\u00FCn\u002Bblau77"); // System.Text.Json
    }

    #[test]
    fn a_key_is_looked_for_by_its_body_and_not_by_its_frame() {
        let pem = b"-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg0123456789abcdef\nQ==\n-----END PRIVATE KEY-----\n";
        let spelt = forms(pem);
        assert_eq!(spelt[0].bytes.len(), PEM_PIECE);
        assert!(spelt[0].bytes.starts_with(b"MIGHAgEA"));
    }

    #[test]
    fn what_could_be_chance_is_not_looked_for() {
        assert!(forms(b"abc12").is_empty());
        assert!(forms(b"abc123").iter().all(|spelt| spelt.bytes.len() >= LEAST));
    }
}
