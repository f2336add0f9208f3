//! Every form is found, any split gives the same result, nothing that was known comes out.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;
use crate::model::secret::Secret;
use crate::model::text::hex;

const SECRET: &str = "pä55 \"w\\rd/?>";

fn redact(redactor: &mut Redactor, bytes: &[u8]) -> Vec<u8> {
    let mut given = redactor.push(bytes);
    given.extend(redactor.finish());
    given
}

/// Spells a secret in every form the module promises.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let octets = secret.as_bytes();
    let percent = |is_upper: bool| -> String {
        octets.iter().map(|octet| if is_upper { format!("%{octet:02X}") } else { format!("%{octet:02x}") }).collect()
    };
    let unreserved: String = octets
        .iter()
        .map(|octet| if octet.is_ascii_alphanumeric() { char::from(*octet).into() } else { format!("%{octet:02X}") })
        .collect();
    let json = serde_json::to_string(secret).unwrap();
    let escaped: String = secret.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat();
    let mut found = vec![
        secret.to_owned(),
        json[1..json.len() - 1].to_owned(),
        escaped.clone(),
        escaped.to_uppercase().replace("\\U", "\\u"),
        percent(true),
        percent(false),
        unreserved,
        hex(octets),
        hex(octets).to_uppercase(),
        octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(" "),
        octets.iter().map(|octet| format!("{octet:02X}")).collect::<Vec<_>>().join(":"),
        format!("{octets:?}")[1..].trim_end_matches(']').to_owned(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect::<Vec<_>>();
    found.push(secret.encode_utf16().flat_map(u16::to_le_bytes).collect());
    found.push(secret.encode_utf16().flat_map(u16::to_be_bytes).collect());
    found
}

#[test]
fn every_form_becomes_the_mark() {
    for secret in [SECRET, "correct horse", "abc", "0123456789abcdef", "日本語のパス😀"] {
        let mut redactor = Redactor::new([secret.as_bytes()], None);
        for spelling in spellings(secret) {
            let input = [b"<".as_slice(), &spelling, b">"].concat();
            let output = redact(&mut redactor, &input);
            assert_eq!(output, b"<[redacted]>", "{secret}: {}", String::from_utf8_lossy(&spelling));
        }
    }
}

#[test]
fn base64_is_found_at_every_alignment_with_its_edges() {
    let mut redactor = Redactor::new([SECRET.as_bytes()], None);
    for before in 0..4 {
        for after in 0..4 {
            let whole = ["\u{1}".repeat(before).as_bytes(), SECRET.as_bytes(), "~".repeat(after).as_bytes()].concat();
            let encoders = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
            for encoded in encoders.map(|encoder| encoder.encode(&whole)) {
                let output = redact(&mut redactor, encoded.as_bytes());
                let rest = output.len() - b"[redacted]".len();
                // Digits that carry no bit of the secret may stay: whole ones before and after it, and the padding.
                assert!(rest <= before * 8 / 6 + (after * 8).div_ceil(6) + 2, "{before} {after} {encoded}");
                assert!(String::from_utf8(output).unwrap().contains("[redacted]"));
            }
        }
    }
}

#[test]
fn the_derived_key_is_a_secret_too() {
    let ssid = Ssid::from_octets("MyWirelessAP").unwrap();
    let key = WifiKey::Passphrase(Secret::new("mysecurepassword".into()));
    let redactor = Redactor::for_credentials(&WifiCredentials { ssid: ssid.clone(), key, is_hidden: false });
    let digits = psk::derive_hex(b"mysecurepassword", &ssid);
    let text = format!("psk={} PSK={}", digits.expose(), digits.expose().to_uppercase());
    assert_eq!(redactor.redact_text(&text), "psk=[redacted] PSK=[redacted]");
    let raw = psk::derive(b"mysecurepassword", &ssid);
    assert_eq!(redact(&mut redactor.fresh(), raw.as_ref()), b"[redacted]");

    let key = WifiKey::RawPsk(Secret::new(digits.expose().clone()));
    let mut redactor = Redactor::for_credentials(&WifiCredentials { ssid, key, is_hidden: false });
    assert_eq!(redact(&mut redactor, raw.as_ref()), b"[redacted]");
}

#[test]
fn overlapping_occurrences_go_as_a_whole() {
    let mut redactor = Redactor::new([b"abcabcab".as_slice(), b"cabXYZ"], None);
    assert_eq!(redact(&mut redactor, b"-abcabcabcabXYZ-abcabcab-"), b"-[redacted]-[redacted]-");
}

#[test]
fn only_what_may_become_a_secret_is_held_back() {
    let mut redactor = Redactor::new([b"password1".as_slice()], None);
    assert_eq!(redactor.push(b"network ok. pass"), b"network ok. ");
    assert_eq!(redactor.push(b"ed!"), b"passed!");
    assert_eq!(redactor.push(b"password"), b"");
    assert_eq!(redactor.push(b"1!"), b"[redacted]!");
    assert_eq!(redactor.push(b"passw"), b"");
    assert_eq!(redactor.finish(), b"passw");
}

#[test]
fn the_mark_never_spells_a_secret() {
    for (secret, mark) in [("redacted", "{hidden}"), ("]abcdefg", "<redacted>"), ("abcdefg[", "<redacted>")] {
        let redactor = Redactor::new([secret.as_bytes()], None);
        assert_eq!(redactor.redact_text(&format!("{secret}{secret}-")), format!("{mark}-"), "{secret}");
    }
}

#[test]
fn no_secrets_change_nothing() {
    assert_eq!(Redactor::default().redact_text("as it is"), "as it is");
    assert_eq!(Redactor::new([b"".as_slice()], None).redact_text("as it is"), "as it is");
}

/// A secret, and bytes in which forms of it, pieces of these forms and noise follow each other.
fn secret_and_stream() -> impl Strategy<Value = (String, Vec<u8>)> {
    ("[a-c%\"\\\\ ü=+\\[\\]]{1,10}", prop::collection::vec((0..16_usize, 0..80_usize, any::<u8>()), 0..12)).prop_map(
        |(secret, pieces)| {
            let forms = spellings(&secret);
            let mut stream = Vec::new();
            for (form, cut, noise) in pieces {
                match forms.get(form) {
                    Some(form) => stream.extend(&form[..cut.min(form.len())]),
                    None => stream.push(noise),
                }
            }
            (secret, stream)
        },
    )
}

proptest! {
    #[test]
    fn any_split_gives_the_same((secret, stream) in secret_and_stream(), cuts in prop::collection::vec(0..200_usize, 0..8)) {
        let mut whole = Redactor::new([secret.as_bytes()], None);
        let expected = redact(&mut whole, &stream);
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.sort_unstable();
        let mut split = whole.fresh();
        let mut given = Vec::new();
        let mut from = 0;
        for cut in cuts {
            given.extend(split.push(&stream[from..cut]));
            from = cut;
        }
        given.extend(split.push(&stream[from..]));
        given.extend(split.finish());
        prop_assert_eq!(given, expected);
    }

    #[test]
    fn nothing_known_comes_out((secret, stream) in secret_and_stream()) {
        let mut redactor = Redactor::new([secret.as_bytes()], None);
        let output = redact(&mut redactor, &stream);
        for spelling in spellings(&secret).iter().take(if secret.len() < 3 { 1 } else { usize::MAX }) {
            prop_assert!(!output.windows(spelling.len()).any(|window| window == spelling.as_slice()));
        }
    }

    #[test]
    fn arbitrary_secrets_and_bytes_never_panic(secret: Vec<u8>, stream: Vec<u8>, name in prop::collection::vec(any::<u8>(), 1..32)) {
        let mut redactor = Redactor::new([secret.as_slice()], None);
        prop_assert!(redactor.push(&stream).len() <= stream.len() * 10);
        redactor.finish();
        let ssid = Ssid::from_octets(name).unwrap();
        prop_assert_eq!(redactor.redact_text(&ssid.shown()).is_empty(), false);
    }
}
