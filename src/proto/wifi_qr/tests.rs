//! The table of the fact sheet, the escapes, hostile texts.

use proptest::prelude::*;

use super::*;
use crate::model::wifi::parse_ssid;

/// Reads a network: name, passphrase, open, hidden, number of notes.
#[track_caller]
fn check(text: &str, ssid: &str, passphrase: &str, flags: (bool, bool), notes: usize) {
    match parse(text) {
        Ok(QrContent::Wifi { draft, notes: found }) => {
            assert_eq!(draft.ssid, ssid);
            assert_eq!(draft.passphrase.expose(), passphrase);
            assert_eq!((draft.is_open, draft.is_hidden), flags);
            assert_eq!(found.len(), notes, "{found:?}");
        }
        Ok(QrContent::EspProvisioning { .. }) => panic!("no network"),
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn refuse(text: &str, code: &str) {
    let error = parse(text).err().map(|error| error.explain());
    assert_eq!(error.map(|problem| problem.code), Some(code), "{text}");
}

#[test]
fn networks_of_the_fact_sheet_are_read() {
    check("WIFI:T:WPA;S:MyWirelessAP;P:mysecurepassword;;", "MyWirelessAP", "mysecurepassword", (false, false), 0);
    check("WIFI:S:Caf\\;e;T:nopass;;", "Caf;e", "", (true, false), 0);
    check(r#"WIFI:T:SAE;S:"ABCD";P:a\:b\\c;H:true;;"#, "ABCD", r"a:b\c", (false, true), 1);
    refuse("WIFI:T:WPA;P:x;;", "qr.no_ssid");
    check("WIFI:T:WPA;S:x", "x", "", (false, false), 2);
}

#[test]
fn escapes_and_quotes_keep_every_character() {
    check(r#"WIFI:T:WPA;S:a\,b\"c;P:\;\;\:;;"#, r#"a,b"c"#, ";;:", (false, false), 0);
    check(r#"WIFI:T:WPA;S:"a;b";P:"x\"y";;"#, "a;b", r#"x"y"#, (false, false), 0);
    check(r#"WIFI:T:WPA;S:"half;P:12345678;;"#, "\"half", "12345678", (false, false), 0);
    check("WIFI:T:WPA;S:n;P: blank ;;\r\n", "n", " blank ", (false, false), 0);
    check("wifi:t:wpa;s:n;p:a:b;;", "n", "a:b", (false, false), 0);
    check("WIFI:T:WPA;S:0123456789abcdef;P:12345678;;", "0123456789abcdef", "12345678", (false, false), 1);
    check("WIFI:T:WPA;S:\"0123456789abcdef\";P:12345678;;", "0123456789abcdef", "12345678", (false, false), 0);
    refuse(r"WIFI:T:WPA;S:x\", "qr.bad_field");
}

#[test]
fn a_name_that_begins_with_hex_stays_that_name() {
    let Ok(QrContent::Wifi { draft, .. }) = parse("WIFI:T:WPA;S:hex\\:ff;P:12345678;;") else { panic!("not read") };
    assert_eq!(parse_ssid(&draft.ssid).unwrap().octets(), b"hex:ff");
}

#[test]
fn open_is_what_the_code_says_and_never_a_missing_passphrase() {
    check("WIFI:S:n;;", "n", "", (true, false), 1);
    check("WIFI:S:n;P:12345678;;", "n", "12345678", (false, false), 1);
    check("WIFI:T:nopass;S:n;P:12345678;;", "n", "", (true, false), 1);
    check("WIFI:T:WPA;S:n;;", "n", "", (false, false), 1);
    check("WIFI:T:WEP;S:n;P:abcde;;", "n", "abcde", (false, false), 1);
    check("WIFI:T:WPA;S:n;P:12345678;H:perhaps;R:1;K:x;Q:1;;rest", "n", "12345678", (false, false), 3);
}

#[test]
fn what_cannot_be_used_is_explained() {
    refuse("", "qr.empty");
    refuse(" \n", "qr.empty");
    refuse("https://example.com/?p=hunter2", "qr.not_wifi");
    refuse("hunter2hunter2", "qr.not_wifi");
    refuse("WIFI:", "qr.bad_field");
    refuse("WIFI:;", "qr.no_ssid");
    refuse("WIFI:T:WPA;no colon;;", "qr.bad_field");
    refuse("WIFI:T:WPA;S:a;S:b;;", "qr.duplicate");
    refuse("WIFI:T:WPA2-EAP;S:a;E:PEAP;I:me;P:x;;", "qr.enterprise");
    refuse("WIFI:E:TLS;S:a;;", "qr.enterprise");
    refuse("WIFI:T:WAPI\u{202E};S:a;;", "qr.unknown_security");
    refuse(&format!("WIFI:S:{};;", "x".repeat(MAX_OCTETS)), "qr.too_long");
    refuse("{\"name\":", "qr.bad_json");
    refuse("{\"ver\":\"v1\"}", "qr.no_device_name");
    refuse("{\"name\":\"x\",\"network\":\"thread\"}", "qr.other_network");
    refuse(&format!("{}{}", "{\"a\":".repeat(180), "1"), "qr.bad_json");
}

#[test]
fn espressif_codes_are_read() {
    let text = r#"{"ver":"v1","name":"PROV_x\u202e","username":"wifiprov","pop":"abcd1234","transport":"ble","security":"2","network":"wifi","more":[1]}"#;
    let Ok(QrContent::EspProvisioning { name, transport, security, username, proof_of_possession, notes, .. }) =
        parse(text)
    else {
        panic!("not read")
    };
    assert_eq!((security, username.as_deref()), (Some(2), Some("wifiprov")));
    assert_eq!((name.as_str(), transport.as_str()), ("PROV_x\u{FFFD}", "ble"));
    assert_eq!(proof_of_possession.unwrap().expose(), "abcd1234");
    assert_eq!(notes, ["Security level 2", "User name `wifiprov`"]);
}

#[test]
fn espressif_codes_are_read_out_of_addresses() {
    let text = "https://example.com/qr?lang=en&data=%7B%22ver%22%3A%22v1%22%2C%22name%22%3A%22PROV_a+b%22%2C%22pop%22%3A%22a%25b%22%2C%22password%22%3A%22ap+pass%22%2C%22transport%22%3A%22softap%22%7D#top";
    let Ok(QrContent::EspProvisioning { name, security, proof_of_possession, access_point_passphrase, .. }) =
        parse(text)
    else {
        panic!("not read")
    };
    assert_eq!((name.as_str(), security), ("PROV_a b", Some(2)));
    assert_eq!(proof_of_possession.unwrap().expose(), "a%b");
    assert_eq!(access_point_passphrase.unwrap().expose(), "ap pass");
    assert!(is_known_kind(text));
    refuse("https://example.com/?data=%7B%22ver", "qr.bad_json");
    refuse("https://example.com/?data=%7", "qr.not_wifi");
    refuse("https://example.com/?data=hunter2", "qr.not_wifi");
    refuse("javascript://x?data=%7B%22name%22%3A%22x%22%7D", "qr.not_wifi");
    refuse(&format!("{{\"name\":\"x\",\"more\":\"{}\"}}", "y".repeat(1024)), "qr.esp_too_long");
}

#[test]
fn the_level_of_an_espressif_code_is_a_number_that_exists() {
    for (level, expected) in [("2", Some(2)), ("0", Some(0)), ("\"1\"", Some(1)), ("3", None), ("\"two\"", None)] {
        let text = format!("{{\"name\":\"x\",\"security\":{level}}}");
        let Ok(QrContent::EspProvisioning { security, .. }) = parse(&text) else { panic!("not read") };
        assert_eq!(security, expected, "{level}");
    }
}

#[test]
fn errors_and_notes_hold_no_passphrase() {
    for text in [
        "WIFI:T:hunter;S:a;P:SECRET99;;",
        "WIFI:S:a;P:SECRET99;P:SECRET99;;",
        "{\"name\":{\"pop\":\"SECRET99\"}}",
        "{\"name\":\"x\",\"pop\":[\"SECRET99\"]}",
        "SECRET99:rest",
        "WIFI:S:a;P:b;SECRET99:1;SECRET99:2;;",
        "WIFI:S:a;I:SECRET99;SECRET99:1;P:SECRET99;X:SECRET99",
        "{\"name\":\"x\",\"pop\":\"SECRET99\",\"password\":\"SECRET99\"}",
        "https://example.com/?data=%7B%22pop%22%3A%22SECRET99%22%7D",
    ] {
        let said = match parse(text) {
            Ok(QrContent::Wifi { notes, .. } | QrContent::EspProvisioning { notes, .. }) => notes.join(" "),
            Err(error) => format!("{error} {:?}", error.explain()),
        };
        assert!(!said.contains("SECRET99"), "{said}");
    }
}

fn escape(text: &str) -> String {
    text.chars().flat_map(|c| if "\\;,\":".contains(c) { vec!['\\', c] } else { vec![c] }).collect()
}

proptest! {
    #[test]
    fn written_codes_read_back(ssid in "[^\r\n]{1,20}", passphrase in "[^\r\n]{1,40}", hidden: bool) {
        let text = format!("WIFI:T:WPA;S:{};P:{};H:{hidden};;", escape(&ssid), escape(&passphrase));
        let Ok(QrContent::Wifi { draft, .. }) = parse(&text) else { return Err(TestCaseError::fail("not read")) };
        let found = if ssid.starts_with("hex:") { hex(ssid.as_bytes()) } else { ssid };
        prop_assert_eq!(draft.ssid.trim_start_matches("hex:"), found);
        prop_assert_eq!(draft.passphrase.expose(), &passphrase);
        prop_assert_eq!(draft.is_hidden, hidden);
    }

    #[test]
    fn no_text_panics(text in ".*", tail in "[A-Za-z:;\\\\\"{}, ]{0,60}") {
        let _ = parse(&text);
        let _ = parse(&format!("WIFI:{tail}"));
        let _ = parse(&format!("WIFI:{text}{tail}"));
        let _ = parse(&format!("{{{tail}"));
        is_known_kind(&text);
    }
}

#[test]
fn a_passphrase_that_was_cut_at_an_unmarked_semicolon_is_never_used() {
    for text in [
        "WIFI:T:WPA;S:x;P:a;b;c;;",
        "WIFI:T:WPA;S:x;P:aaaaaaaa;b:c;;",
        "WIFI:T:WPA;S:x;P:aaaaaaaa;;bbbb;;",
        "WIFI:T:WPA;S:x;P:aaaaaaaa;b;H:true;;",
        "WIFI:T:WPA;P:12345678;S:half;of it;;",
        "WIFI:S:x;P:aaaaaaaa;é;T:WPA;;",
    ] {
        refuse(text, "qr.cut");
    }
    // What follows a quoted value, or another field, cannot be the rest of it.
    check("WIFI:T:WPA;S:x;P:\"a;b;c;d;e\";X:1;;", "x", "a;b;c;d;e", (false, false), 1);
    check("WIFI:T:WPA;S:x;P:12345678;H:true;X:1;;", "x", "12345678", (false, true), 1);
    check("WIFI:T:WPA;S:x;P:12345678;;;", "x", "12345678", (false, false), 0);
    check("WIFI:T:WPA;R:1;S:x;P:12345678;;", "x", "12345678", (false, false), 0);
}

#[test]
fn codes_of_routers_and_of_the_wpa3_specification_are_read_as_phones_do() {
    // A router that marks more characters than it must.
    check(r"WIFI:S:Gatze;T:WPA;P:a\'b\/c\,d;;", "Gatze", "a'b/c,d", (false, false), 0);
    check("WIFI:T:WPA;R:1;S:x;P:my%3Apass;;", "x", "my%3Apass", (false, false), 1);
    check("WIFI:T:WPA;S:x;P:100%sure1;;", "x", "100%sure1", (false, false), 0);
    check("WIFI:S:n;T:WPA2;P:12345678;H:true;", "n", "12345678", (false, true), 1);
    check("WIFI:P:12345678;H:false;T:WPA;S:n;;", "n", "12345678", (false, false), 0);
}
