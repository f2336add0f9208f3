//! Every form is found, any split gives the same result, nothing that was known comes out.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;
use crate::model::psk;
use crate::model::secret::Secret;
use crate::model::text::hex;
use crate::model::wifi::Ssid;

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
        let mut redactor = Redactor::new([secret.as_bytes()]);
        for spelling in spellings(secret) {
            let input = [b"<".as_slice(), &spelling, b">"].concat();
            let output = redact(&mut redactor, &input);
            assert_eq!(output, b"<[redacted]>", "{secret}: {}", String::from_utf8_lossy(&spelling));
        }
    }
}

#[test]
fn base64_is_found_at_every_alignment_with_its_edges() {
    let mut redactor = Redactor::new([SECRET.as_bytes()]);
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
    let redactor = Redactor::for_credentials(&WifiCredentials::new(ssid.clone(), key, false));
    let digits = psk::derive_hex(b"mysecurepassword", &ssid);
    let text = format!("psk={} PSK={}", digits.expose(), digits.expose().to_uppercase());
    assert_eq!(redactor.redact_text(&text), "psk=[redacted] PSK=[redacted]");
    let raw = psk::derive(b"mysecurepassword", &ssid);
    assert_eq!(redact(&mut redactor.fresh(), raw.as_ref()), b"[redacted]");

    let key = WifiKey::RawPsk(Secret::new(digits.expose().clone()));
    let mut redactor = Redactor::for_credentials(&WifiCredentials::new(ssid, key, false));
    assert_eq!(redact(&mut redactor, raw.as_ref()), b"[redacted]");
}

#[test]
fn overlapping_occurrences_go_as_a_whole() {
    let mut redactor = Redactor::new([b"abcabcab".as_slice(), b"cabXYZ"]);
    assert_eq!(redact(&mut redactor, b"-abcabcabcabXYZ-abcabcab-"), b"-[redacted]-[redacted]-");
}

#[test]
fn only_what_may_become_a_secret_is_held_back() {
    let mut redactor = Redactor::new([b"password1".as_slice()]);
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
        let redactor = Redactor::new([secret.as_bytes()]);
        assert_eq!(redactor.redact_text(&format!("{secret}{secret}-")), format!("{mark}-"), "{secret}");
    }
}

#[test]
fn no_secrets_change_nothing() {
    assert_eq!(Redactor::default().redact_text("as it is"), "as it is");
    assert_eq!(Redactor::new([b"".as_slice()]).redact_text("as it is"), "as it is");
}

/// A dump as programs print it, in rows of that many bytes, from an offset within a row on.
fn dump(kind: &str, bytes: &[u8]) -> String {
    let shown = |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' };
    let mut text = String::new();
    for (number, row) in bytes.chunks(16).enumerate() {
        let pairs: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let halves: Vec<String> = pairs.chunks(8).map(|half| half.join(" ")).collect();
        let characters: String = row.iter().map(shown).collect();
        let at = number * 16;
        let line = match kind {
            "hexdump -C" => format!("{at:08x}  {:<48}  |{characters}|\n", halves.join("  ")),
            "xxd" => {
                let groups: Vec<String> = pairs.chunks(2).map(<[std::string::String]>::concat).collect();
                format!("{at:08x}: {:<39}  {characters}\n", groups.join(" "))
            }
            "esp hex" => format!("\u{1b}[0;32mI (1234) app: {} \u{1b}[0m\r\n", pairs.join(" ")),
            "esp hexdump" => format!(
                "\u{1b}[0;32mI (1234) app: 0x{:08x}   {:<48}  |{characters}|\u{1b}[0m\r\n",
                0x3ffb_4280 + at,
                halves.join("  ")
            ),
            "zephyr" => {
                let split: Vec<String> = row.chunks(8).map(|half| half.iter().map(shown).collect()).collect();
                let first = if number == 0 { "[00:00:01.010,000] <inf> app: psk\r\n" } else { "" };
                format!("{first}{:37}{:<49} |{}\r\n", "", halves.join("  "), split.join(" "))
            }
            _ => format!("{at:04X}   {}\n", pairs.join(" ").to_uppercase()),
        };
        text.push_str(&line);
    }
    text
}

const DUMPS: [&str; 6] = ["hexdump -C", "xxd", "esp hex", "esp hexdump", "zephyr", "plain rows"];

/// Whether four bytes of the secret in a row can still be read, as characters or as digits.
#[track_caller]
fn assert_gone(output: &str, secret: &str, about: &str) {
    let digits: String = output.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_lowercase();
    for window in secret.as_bytes().windows(4) {
        let text = String::from_utf8_lossy(window);
        assert!(!output.contains(&*text), "{about}: {text} in\n{output}");
        assert!(!digits.contains(&hex(window)), "{about}: the digits of {text} in\n{output}");
    }
}

#[test]
fn a_secret_is_gone_from_a_dump_wherever_the_rows_break_it() {
    for secret in ["hunter2hunter3", "Correct-Horse!Battery#Staple", "p\u{E4}ssw\u{F6}rd-\u{4E16}\u{754C}"] {
        let mut redactor = Redactor::new([secret.as_bytes()]);
        for kind in DUMPS {
            for before in 0..17 {
                let whole = ["~".repeat(before).as_bytes(), secret.as_bytes(), "~~~~~".as_bytes()].concat();
                let text = dump(kind, &whole);
                let about = format!("{kind}, {before} before");
                let output = String::from_utf8(redact(&mut redactor, text.as_bytes())).unwrap();
                assert_gone(&output, secret, &about);
                let mut split = redactor.fresh();
                let mut pieces: Vec<u8> = text.as_bytes().iter().flat_map(|byte| split.push(&[*byte])).collect();
                pieces.extend(split.finish());
                assert_eq!(String::from_utf8(pieces).unwrap(), output, "{about}, byte by byte");
            }
        }
    }
}

#[test]
fn what_stands_around_a_dump_stays() {
    let mut redactor = Redactor::new([b"hunter2hunter3".as_slice()]);
    let other = dump("hexdump -C", b"nothing secret in here, at all");
    assert_eq!(redact(&mut redactor, other.as_bytes()), other.as_bytes());
    let text = format!("before\n{}after\n", dump("hexdump -C", b"0123456789hunter2hunter3"));
    let output = String::from_utf8(redact(&mut redactor, text.as_bytes())).unwrap();
    assert_eq!(output, "before\n00000000  30 31 32 33 34 35 36 37  38 39 [redacted]\nafter\n");
}

#[test]
fn line_ends_and_colours_within_a_secret_do_not_hide_it() {
    let mut redactor = Redactor::new([b"correct horse battery".as_slice()]);
    for broken in [
        "correct hor\r\nse battery",
        "correct\n horse\n battery",
        "\u{1b}[1mcorrect\u{1b}[0m \u{1b}[31;1mhorse\u{1b}[m battery",
        "correct hors \re battery",
        "correct\\u0020hor\nse\u{1b}[K battery",
    ] {
        let output = redact(&mut redactor, format!("<{broken}>").as_bytes());
        let shown = String::from_utf8_lossy(&output).replace("\u{1b}[1m", "");
        assert_eq!(shown, "<[redacted]>", "{broken:?}");
    }
    let encoded = STANDARD.encode("x correct horse battery staple");
    let lines: Vec<&str> = encoded.as_bytes().chunks(16).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let output = String::from_utf8(redact(&mut redactor, lines.join("\r\n").as_bytes())).unwrap();
    assert!(output.len() < 26 && output.contains("[redacted]"), "{output}");
    // A short one is not looked for so: it would be found everywhere.
    let mut short = Redactor::new([b"abc".as_slice()]);
    assert_eq!(redact(&mut short, b"a\nbc"), b"a\nbc");
}

#[test]
fn a_quote_within_a_secret_is_found_as_shells_write_it() {
    let mut redactor = Redactor::new([b"it's a secret".as_slice()]);
    for written in ["'it'\\''s a secret'", "'it'\"'\"'s a secret'"] {
        assert_eq!(redact(&mut redactor, written.as_bytes()), b"'[redacted]'", "{written}");
    }
}

/// A key in PEM of about that many bytes.
fn pem(bytes: usize) -> String {
    let mut state = 7_u32;
    let mut body = Vec::new();
    while body.len() * 4 / 3 < bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        body.push(state.to_be_bytes()[0]);
    }
    let body = STANDARD.encode(body);
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
}

#[test]
fn a_long_key_costs_less_than_three_times_its_size_however_often_it_is_learnt() {
    let key = pem(64 * 1024);
    let mut redactor = Redactor::default();
    for _ in 0..20 {
        redactor.add(key.as_bytes());
    }
    let bytes = redactor.known.heap_bytes();
    assert!(bytes < 3 * key.len(), "{bytes} bytes for a key of {}", key.len());
    let shared = redactor.fresh();
    assert!(Arc::ptr_eq(&shared.known, &redactor.known), "a stream of its own needs no copy");
}

#[test]
fn a_long_key_is_gone_line_by_line_and_in_any_form() {
    let key = pem(4096);
    let mut redactor = Redactor::new([key.as_bytes()]);
    let body: Vec<&str> = key.lines().filter(|line| !line.starts_with('-')).collect();
    let echoed = key.lines().map(|line| format!("> {line}\r\n")).collect::<Vec<_>>().concat();
    let json = serde_json::to_string(&key).unwrap();
    for written in [key.clone(), echoed, json, STANDARD.encode(&key), hex(key.as_bytes())] {
        let output = String::from_utf8(redact(&mut redactor, written.as_bytes())).unwrap();
        assert!(output.len() < written.len() / 2, "{output}");
        for line in &body {
            assert!(!output.contains(&line[..line.len().min(20)]), "{output}");
        }
    }
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
        let mut whole = Redactor::new([secret.as_bytes()]);
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
        let mut redactor = Redactor::new([secret.as_bytes()]);
        let output = redact(&mut redactor, &stream);
        for spelling in spellings(&secret).iter().take(if secret.len() < 3 { 1 } else { usize::MAX }) {
            prop_assert!(!output.windows(spelling.len()).any(|window| window == spelling.as_slice()));
        }
    }

    #[test]
    fn a_text_without_the_secret_is_unchanged(text in "[a-fA-F0-9 :|.\n\r%&+\\\\x1b\\[0m=]{0,300}") {
        // No sign of it is in the text, in whatever form.
        let mut redactor = Redactor::new([b"ZQZQ~ZQ~~Z".as_slice()]);
        prop_assert_eq!(redact(&mut redactor, text.as_bytes()), text.as_bytes());
    }

    #[test]
    fn no_dump_shows_a_secret_however_it_arrives(
        secret in "[!-~]{8,40}", before in 0..40_usize, after in 0..40_usize, kind in 0..DUMPS.len(),
        cuts in prop::collection::vec(0..2000_usize, 0..6),
    ) {
        // What stands around it must not spell the secret itself.
        prop_assume!(!secret.contains('\u{1}'));
        let whole = [vec![1; before], secret.clone().into_bytes(), vec![1; after]].concat();
        let text = dump(DUMPS[kind], &whole);
        let mut redactor = Redactor::new([secret.as_bytes()]);
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.sort_unstable();
        cuts.push(text.len());
        let (mut from, mut output) = (0, Vec::new());
        for cut in cuts {
            output.extend(redactor.push(&text.as_bytes()[from..cut]));
            from = cut;
        }
        output.extend(redactor.finish());
        let output = String::from_utf8(output).unwrap();
        prop_assert!(!output.contains(&secret), "{}", output);
        let pairs: Vec<String> = secret.bytes().take(6).map(|byte| format!("{byte:02x}")).collect();
        prop_assert!(!output.to_lowercase().contains(&pairs.join(" ")), "{}", output);
    }

    #[test]
    fn arbitrary_secrets_and_bytes_never_panic(secret: Vec<u8>, stream: Vec<u8>, name in prop::collection::vec(any::<u8>(), 1..32)) {
        let mut redactor = Redactor::new([secret.as_slice()]);
        prop_assert!(redactor.push(&stream).len() <= stream.len() * 10);
        redactor.finish();
        let ssid = Ssid::from_octets(name).unwrap();
        prop_assert_eq!(redactor.redact_text(&ssid.shown()).is_empty(), false);
    }
}
