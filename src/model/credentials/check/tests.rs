//! Tables of the check: what goes in, which codes come out.

use super::*;
use crate::model::wifi::Band;

const PASSPHRASE: &str = "hunter2hunter2";

fn draft(ssid: &str, passphrase: &str) -> WifiDraft {
    WifiDraft { ssid: ssid.into(), passphrase: Secret::new(passphrase.into()), ..WifiDraft::default() }
}

fn net(ssid: &str, security: Security, rssi_dbm: i16) -> Network {
    Network { ssid: parse_ssid(ssid).unwrap(), rssi_dbm: Some(rssi_dbm), security }
}

fn rules(edit: impl FnOnce(&mut WifiRules)) -> WifiRules {
    let mut rules = WifiRules::standard();
    edit(&mut rules);
    rules
}

fn codes(problems: &[Problem]) -> Vec<&'static str> {
    problems.iter().map(|problem| problem.code).collect()
}

/// Runs the check and holds it against the codes expected; holds every text against the passphrase, too.
#[track_caller]
fn expect(draft: &WifiDraft, rules: &WifiRules, seen: Option<&[Network]>, errors: &[&str], warnings: &[&str]) {
    expect_with(draft, rules, seen, None, errors, warnings);
}

/// The same with what the laptop sees.
#[track_caller]
fn expect_with(
    draft: &WifiDraft,
    rules: &WifiRules,
    seen: Option<&[Network]>,
    laptop: Option<&[NearbyNetwork]>,
    errors: &[&str],
    warnings: &[&str],
) {
    let (credentials, findings) = check(draft, rules, seen, laptop);
    assert_eq!(codes(&findings.errors), errors);
    assert_eq!(codes(&findings.warnings), warnings);
    assert_eq!(credentials.is_some(), errors.is_empty());
    for problem in findings.errors.iter().chain(&findings.warnings) {
        assert!(problem.code.starts_with("wifi."));
        let texts = [&problem.what, &problem.likely_cause, &problem.next_step, &problem.detail];
        let secret = draft.passphrase.expose();
        assert!(secret.len() < 4 || texts.iter().all(|text| !text.contains(secret.as_str())), "{problem:?}");
        assert!(!problem.what.is_empty() && !problem.likely_cause.is_empty() && !problem.next_step.is_empty());
    }
}

#[test]
fn names_are_counted_in_octets_and_never_trimmed() {
    let standard = WifiRules::standard();
    for (ssid, errors, warnings) in [
        ("", &["wifi.ssid_empty"][..], &[][..]),
        (&"a".repeat(33), &["wifi.ssid_too_long"], &[]),
        (&"ä".repeat(17), &["wifi.ssid_too_long"], &[]),
        (&"ä".repeat(16), &[], &[]),
        (" Office", &[], &["wifi.ssid_outer_blank"]),
        ("Office ", &[], &["wifi.ssid_outer_blank"]),
        ("hex:ff00", &[], &[]),
        ("hex:xyz", &[], &["wifi.ssid_hex_as_text"]),
    ] {
        expect(&draft(ssid, PASSPHRASE), &standard, None, errors, warnings);
    }
    expect(&draft("", ""), &standard, None, &["wifi.ssid_empty", "wifi.passphrase_missing"], &[]);
    let (credentials, _) = check(&draft("Office ", " pass phrase "), &standard, None, None);
    let credentials = credentials.unwrap();
    assert_eq!(credentials.ssid.octets(), b"Office ");
    assert_eq!(credentials.password(), " pass phrase ");
}

#[test]
fn passphrases_keep_to_the_limits() {
    let standard = WifiRules::standard();
    for (passphrase, errors, warnings) in [
        ("", &["wifi.passphrase_missing"][..], &[][..]),
        ("1234567", &["wifi.passphrase_too_short"], &[]),
        ("12345678", &[], &[]),
        (&"x".repeat(63), &[], &[]),
        (&"x".repeat(64), &["wifi.passphrase_too_long"], &[]),
        (&"x".repeat(300), &["wifi.passphrase_too_long", "wifi.too_long_for_link"], &[]),
        (&"a".repeat(64), &["wifi.raw_psk_not_accepted"], &[]),
        ("grüßgott1", &["wifi.passphrase_not_ascii"], &[]),
        ("tab\there!", &["wifi.passphrase_control"], &[]),
        ("del\u{7f}here", &["wifi.passphrase_control"], &[]),
        ("12345678\n", &["wifi.passphrase_control"], &["wifi.passphrase_outer_blank"]),
        (" 12345678", &[], &["wifi.passphrase_outer_blank"]),
        ("~ !\"#$%&", &[], &[]),
    ] {
        expect(&draft("Office", passphrase), &standard, None, errors, warnings);
    }
}

#[test]
fn umlauts_go_as_utf8_only_on_request_and_count_as_octets() {
    let standard = WifiRules::standard();
    let utf8 = |text: &str| WifiDraft { is_utf8_allowed: true, ..draft("Office", text) };
    expect(&utf8("grüßgott1"), &standard, None, &[], &["wifi.passphrase_utf8"]);
    expect(&utf8(&"ü".repeat(31)), &standard, None, &[], &["wifi.passphrase_utf8"]);
    expect(&utf8(&"ü".repeat(32)), &standard, None, &["wifi.passphrase_too_long"], &["wifi.passphrase_utf8"]);
    expect(&utf8("üüü"), &standard, None, &["wifi.passphrase_too_short"], &["wifi.passphrase_utf8"]);
    expect(&utf8("grüß\u{85}gott1"), &standard, None, &["wifi.passphrase_control"], &["wifi.passphrase_utf8"]);
}

#[test]
fn the_profile_can_be_narrower_than_the_standard() {
    let narrow = rules(|rules| {
        rules.passphrase_min = 10;
        rules.passphrase_max = 20;
    });
    expect(&draft("Office", "123456789"), &narrow, None, &["wifi.passphrase_too_short"], &[]);
    expect(&draft("Office", &"x".repeat(21)), &narrow, None, &["wifi.passphrase_too_long"], &[]);
}

#[test]
fn open_is_only_what_was_chosen_as_open() {
    let standard = WifiRules::standard();
    let open = |passphrase: &str| WifiDraft { is_open: true, ..draft("Guests", passphrase) };
    let closed_rules = rules(|rules| rules.security = vec![Security::Wpa2]);
    expect(&open(""), &standard, None, &[], &["wifi.open"]);
    expect(&open(PASSPHRASE), &standard, None, &[], &["wifi.open", "wifi.passphrase_not_sent"]);
    expect(&open(""), &closed_rules, None, &["wifi.open_not_supported"], &["wifi.open"]);
    let protected = [net("Guests", Security::Protected, -50)];
    expect(&open(""), &standard, Some(&protected), &["wifi.scan_says_protected"], &["wifi.open"]);
    let seen_open = [net("Guests", Security::Open, -50)];
    expect(&open(""), &standard, Some(&seen_open), &[], &["wifi.open"]);
    expect(&draft("Guests", PASSPHRASE), &standard, Some(&seen_open), &["wifi.scan_says_open"], &[]);
    let (credentials, _) = check(&open(PASSPHRASE), &standard, None, None);
    assert!(credentials.unwrap().key == WifiKey::Open);
}

#[test]
fn raw_and_derived_keys_need_a_gateway_that_takes_them() {
    let standard = WifiRules::standard();
    let raw_rules = rules(|rules| rules.is_raw_psk_accepted = true);
    let digits = "81b8f1bd6a42eb9b698fcdce41dd93d0d86aa8f6a1343de7224a8126cf62dbd1";
    let derived = WifiDraft { is_psk_derived: true, ..draft("MyWirelessAP", "mysecurepassword") };
    let at = |security| [net("MyWirelessAP", security, -40)];

    expect(&derived, &standard, None, &["wifi.derived_not_accepted"], &[]);
    expect(&derived, &raw_rules, Some(&at(Security::Wpa2)), &[], &[]);
    expect(&derived, &raw_rules, Some(&at(Security::Wpa2Wpa3)), &[], &["wifi.psk_in_mixed_mode"]);
    expect(&derived, &raw_rules, Some(&at(Security::Wpa3)), &["wifi.psk_useless_for_sae"], &[]);
    expect(&draft("MyWirelessAP", digits), &raw_rules, None, &[], &[]);
    expect(&draft("MyWirelessAP", digits), &raw_rules, Some(&at(Security::Wpa3)), &["wifi.psk_useless_for_sae"], &[]);

    let (credentials, _) = check(&derived, &raw_rules, None, None);
    let credentials = credentials.unwrap();
    assert!(matches!(credentials.key, WifiKey::RawPsk(_)));
    assert_eq!(credentials.password(), digits);
}

#[test]
fn wpa3_only_takes_short_passphrases() {
    let standard = WifiRules::standard();
    let sae = [net("Lab", Security::Wpa3, -40)];
    let mixed = [net("Lab", Security::Wpa2Wpa3, -40)];
    expect(&draft("Lab", "abc"), &standard, Some(&sae), &[], &["wifi.passphrase_short_for_sae"]);
    let twin = [net("Lab", Security::Wpa3, -40), net("Lab", Security::Open, -40)];
    let short = &["wifi.passphrase_short_for_sae", "wifi.open_twin"];
    expect(&draft("Lab", "abc"), &standard, Some(&twin), &[], short);
    expect(&draft("Lab", "abc"), &standard, Some(&mixed), &["wifi.passphrase_too_short"], &[]);
    let only_sae = rules(|rules| {
        rules.security = vec![Security::Wpa3];
        rules.passphrase_max = 128;
    });
    expect(&draft("Lab", &"x".repeat(100)), &only_sae, None, &[], &[]);
    expect(&draft("Lab", &"a".repeat(64)), &only_sae, None, &[], &[]);
}

#[test]
fn wep_keys_exist_only_where_the_profile_lists_wep() {
    let with_wep = rules(|rules| rules.security.push(Security::Wep));
    let only_wep = rules(|rules| rules.security = vec![Security::Wep]);
    let seen = [net("Old", Security::Wep, -40)];
    for key in ["abcde", "abcdefghijklm", "0123456789", "0123456789abcdef0123456789"] {
        expect(&draft("Old", key), &with_wep, Some(&seen), &[], &["wifi.wep_insecure"]);
        expect(&draft("Old", key), &only_wep, None, &[], &["wifi.wep_insecure"]);
    }
    expect(&draft("Old", "abcdef"), &with_wep, Some(&seen), &["wifi.wep_key_form"], &[]);
    expect(&draft("Old", "abcde"), &with_wep, None, &[], &["wifi.wep_insecure"]);
    let protected = [net("Old", Security::Protected, -40)];
    expect(&draft("Old", "abcde"), &with_wep, Some(&protected), &[], &["wifi.wep_insecure"]);
    let wpa = [net("Old", Security::Wpa2, -40)];
    expect(&draft("Old", "abcde"), &with_wep, Some(&wpa), &["wifi.passphrase_too_short"], &[]);
    expect(&draft("Old", "abcde"), &WifiRules::standard(), None, &["wifi.passphrase_too_short"], &[]);
    expect(&draft("Old", "abcdefghijklm"), &WifiRules::standard(), Some(&seen), &["wifi.security_not_supported"], &[]);
    let derived = WifiDraft { is_psk_derived: true, ..draft("Old", "abcde") };
    expect(&derived, &with_wep, Some(&seen), &["wifi.psk_not_for_wep"], &["wifi.wep_insecure"]);
    // Ten digits for a network nobody saw: a passphrase, as that is by far the likelier.
    let (credentials, _) = check(&draft("Old", "0123456789"), &with_wep, None, None);
    assert!(matches!(credentials.unwrap().key, WifiKey::Passphrase(_)));
}

#[test]
fn the_scan_decides_which_protection_is_possible() {
    let old = rules(|rules| rules.security = vec![Security::Wpa, Security::Wpa2]);
    for (security, errors) in [
        (Security::Wpa, &[][..]),
        (Security::Wpa2, &[]),
        (Security::WpaWpa2, &[]),
        (Security::Wpa2Wpa3, &[]),
        (Security::Protected, &[]),
        (Security::Other(9), &[]),
        (Security::Wpa3, &["wifi.security_not_supported"]),
        (Security::Wep, &["wifi.security_not_supported"]),
        (Security::Enterprise, &["wifi.enterprise"]),
    ] {
        expect(&draft("Office", PASSPHRASE), &old, Some(&[net("Office", security, -40)]), errors, &[]);
    }
    let both = [net("Office", Security::Enterprise, -40), net("Office", Security::Wpa2, -40)];
    expect(&draft("Office", PASSPHRASE), &old, Some(&both), &[], &[]);
}

#[test]
fn twins_and_weak_signals_are_warned_of() {
    let standard = WifiRules::standard();
    let twins = [net("Office", Security::Open, -30), net("Office", Security::Wpa2, -78)];
    expect(&draft("Office", PASSPHRASE), &standard, Some(&twins), &[], &["wifi.open_twin", "wifi.signal_weak"]);
    for (rssi_dbm, warnings) in [
        (-67, &[][..]),
        (-68, &["wifi.signal_usable"]),
        (-75, &["wifi.signal_usable"]),
        (-76, &["wifi.signal_weak"]),
        (-80, &["wifi.signal_weak"]),
        (-81, &["wifi.signal_too_weak"]),
    ] {
        let seen = [net("Office", Security::Wpa2, rssi_dbm), net("Office", Security::Wpa2, -95)];
        expect(&draft("Office", PASSPHRASE), &standard, Some(&seen), &[], warnings);
    }
}

#[test]
fn a_network_the_gateway_does_not_see_is_explained() {
    let standard = WifiRules::standard();
    let seen = [net("office", Security::Wpa2, -40)];
    let hidden = WifiDraft { is_hidden: true, ..draft("Office", PASSPHRASE) };
    expect(&draft("Office", PASSPHRASE), &standard, None, &[], &[]);
    expect(&draft("Office", PASSPHRASE), &standard, Some(&seen), &[], &["wifi.not_in_scan"]);
    expect(&draft("Office", PASSPHRASE), &standard, Some(&[]), &[], &["wifi.scan_empty"]);
    expect(&hidden, &standard, Some(&seen), &[], &[]);

    let cause = |rules: &WifiRules| {
        let (_, findings) = check(&draft("Office ", PASSPHRASE), rules, Some(&seen), None);
        findings.warnings.iter().find(|problem| problem.code == "wifi.not_in_scan").unwrap().likely_cause.clone()
    };
    let text = cause(&standard);
    assert!(text.contains("sees `office`") && text.contains("5 GHz only") && text.contains("12 to 14"), "{text}");
    let dual = rules(|rules| rules.bands.push(Band::Ghz5));
    assert!(!cause(&dual).contains("5 GHz"));
}

fn near(ssid: &str, band: Band) -> NearbyNetwork {
    NearbyNetwork { ssid: parse_ssid(ssid).unwrap(), band, security: Security::Wpa2 }
}

#[test]
fn a_network_the_laptop_sees_on_5_ghz_only_is_not_sent_to_a_gateway_of_2_4_ghz() {
    let standard = WifiRules::standard();
    let dual = rules(|rules| rules.bands.push(Band::Ghz5));
    let office = draft("Office", PASSPHRASE);
    let hidden = WifiDraft { is_hidden: true, ..draft("Office", PASSPHRASE) };
    let other = near("Other", Band::Ghz2_4);
    let high = [near("Office", Band::Ghz5), near("Office", Band::Ghz6), other.clone()];
    let highest = [near("Office", Band::Ghz6), other.clone()];
    let both = [near("Office", Band::Ghz5), near("Office", Band::Ghz2_4)];
    let elsewhere = [near("office", Band::Ghz5), other];
    let listed = [net("Office", Security::Wpa2, -50)];
    let unlisted = [net("Yard", Security::Wpa2, -50)];
    let error = &["wifi.only_5ghz"][..];

    expect_with(&office, &standard, None, Some(&high), error, &[]);
    expect_with(&office, &standard, Some(&unlisted), Some(&high), error, &[]);
    expect_with(&office, &standard, Some(&[]), Some(&high), error, &["wifi.scan_empty"]);
    expect_with(&office, &dual, None, Some(&highest), error, &[]);
    // The gateway's own ears win.
    expect_with(&office, &standard, Some(&listed), Some(&high), &[], &[]);
    // Combined names, radios that hear the band, and names the laptop does not see.
    expect_with(&office, &standard, None, Some(&both), &[], &[]);
    expect_with(&office, &standard, Some(&unlisted), Some(&both), &[], &["wifi.not_in_scan"]);
    expect_with(&office, &dual, None, Some(&high), &[], &[]);
    expect_with(&office, &standard, None, Some(&elsewhere), &[], &[]);
    expect_with(&office, &standard, None, Some(&[]), &[], &[]);
    // A hidden name may be on 2.4 GHz without being listed.
    expect_with(&hidden, &standard, Some(&unlisted), Some(&high), &[], &[]);
}

#[test]
fn a_list_without_any_network_of_2_4_ghz_stops_nothing_by_itself() {
    let standard = WifiRules::standard();
    let office = draft("Office", PASSPHRASE);
    let short = [near("Office", Band::Ghz5)];
    let unlisted = [net("Yard", Security::Wpa2, -50)];
    let warning = "wifi.perhaps_only_5ghz";
    expect_with(&office, &standard, None, Some(&short), &[], &[warning]);
    expect_with(&office, &standard, Some(&[]), Some(&short), &[], &[warning, "wifi.scan_empty"]);
    expect_with(&office, &standard, Some(&unlisted), Some(&short), &["wifi.only_5ghz"], &[]);
}

#[test]
fn a_network_the_laptop_sees_and_the_gateway_does_not_is_likely_out_of_range() {
    let both = [near("Office", Band::Ghz5), near("Office", Band::Ghz2_4)];
    let unlisted = [net("Yard", Security::Wpa2, -50)];
    let (_, findings) = check(&draft("Office", PASSPHRASE), &WifiRules::standard(), Some(&unlisted), Some(&both));
    let text = &findings.warnings[0].likely_cause;
    assert!(text.starts_with("It is out of the gateway's range, as this laptop sees it on 2.4 GHz"), "{text}");
}

/// All findings on one page, for whoever edits the words.
#[test]
fn the_words_of_the_findings() {
    let (rules, ssid) = (WifiRules::standard(), parse_ssid("Office").unwrap());
    let page = [
        findings::ssid_empty(),
        findings::ssid_too_long(33),
        findings::ssid_outer_blank(),
        findings::ssid_hex_as_text(),
        findings::passphrase_missing(),
        findings::passphrase_not_sent(),
        findings::open_network(),
        findings::open_not_supported(&rules),
        findings::passphrase_control(),
        findings::passphrase_not_ascii(),
        findings::passphrase_utf8(9, 11),
        findings::passphrase_outer_blank(),
        findings::passphrase_too_short(7, 8, &rules),
        findings::passphrase_too_long(64, 63, &rules),
        findings::passphrase_short_for_sae(3),
        findings::raw_psk_not_accepted(&rules),
        findings::derived_not_accepted(&rules),
        findings::psk_useless_for_sae(),
        findings::psk_in_mixed_mode(),
        findings::psk_not_for_wep(),
        findings::wep_key_form(6),
        findings::wep_insecure(),
        findings::too_long_for_link(300, 255),
        findings::scan_empty(&ssid, &rules),
        findings::not_in_scan(&ssid, &rules, None, &[]),
        findings::not_in_scan(&ssid, &rules, Some(&ssid), &[]),
        findings::not_in_scan(&ssid, &rules, None, &[Band::Ghz2_4]),
        findings::not_in_scan(&ssid, &rules, Some(&ssid), &[Band::Ghz2_4]),
        findings::only_5ghz(&ssid, &[Band::Ghz6, Band::Ghz5], &rules),
        findings::perhaps_only_5ghz(&ssid, &[Band::Ghz5], &rules),
        findings::enterprise(&ssid),
        findings::scan_says_protected(&ssid),
        findings::scan_says_open(&ssid),
        findings::open_twin(&ssid),
        findings::security_not_supported(&ssid, &[Security::Wep], &rules),
        findings::signal_usable(&ssid, -70),
        findings::signal_weak(&ssid, -78),
        findings::signal_too_weak(&ssid, -90),
    ];
    let line = |problem: &Problem| {
        format!("{}\n  {}\n  {}\n  {}\n", problem.code, problem.what, problem.likely_cause, problem.next_step)
    };
    insta::assert_snapshot!(page.iter().map(line).collect::<Vec<_>>().concat());
}
