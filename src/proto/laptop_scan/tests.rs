//! Lists as the tools print them, in two languages, and anything else.

use proptest::prelude::*;

use super::*;

const NETSH_ENGLISH: &str = "\r
Interface name : Wi-Fi \r
There are 4 networks currently visible. \r
\r
SSID 1 : Site-Office\r
    Network type            : Infrastructure\r
    Authentication          : WPA2-Personal\r
    Encryption              : CCMP \r
    BSSID 1                 : 3c:a6:2f:11:22:33\r
         Signal             : 92%  \r
         Radio type         : 802.11ax\r
         Band               : 5 GHz  \r
         Channel            : 36 \r
         Bss Load:\r
             Connected Stations:         6\r
             Channel Utilization:        45 (17 %)\r
         QoS MSCS Supported         : 0\r
         Basic rates (Mbps) : 6 12 24\r
         Other rates (Mbps) : 9 18 36 48 54\r
    BSSID 2                 : 3c:a6:2f:11:22:34\r
         Signal             : 78%  \r
         Radio type         : 802.11n\r
         Band               : 2.4 GHz  \r
         Channel            : 11 \r
         Basic rates (Mbps) : 1 2 5.5 11\r
\r
SSID 2 : \r
    Network type            : Infrastructure\r
    Authentication          : WPA2-Personal\r
    Encryption              : CCMP \r
    BSSID 1                 : 3c:a6:2f:11:22:35\r
         Radio type         : 802.11n\r
         Channel            : 1 \r
\r
SSID 3 : Lab: 6E \r
    Network type            : Infrastructure\r
    Authentication          : WPA3-Personal\r
    Encryption              : CCMP \r
    BSSID 1                 : 3c:a6:2f:11:22:36\r
         Signal             : 60%  \r
         Radio type         : 802.11be\r
         Band               : 6 GHz  \r
         Channel            : 5 \r
\r
SSID 4 : Corporate\r
    Network type            : Infrastructure\r
    Authentication          : WPA2-Enterprise\r
    Encryption              : CCMP \r
    BSSID 1                 : 3c:a6:2f:11:22:37\r
         Radio type         : 802.11ac\r
         Channel            : 100 \r
";

const NETSH_GERMAN: &str = "\r
Schnittstellenname : WLAN \r
Momentan sind 3 Netzwerke sichtbar. \r
\r
SSID 1 : Halle 3\r
    Netzwerktyp             : Infrastruktur\r
    Authentifizierung       : WPA2-Personal\r
    Verschl\u{FFFD}sselung         : CCMP \r
    BSSID 1                 : 44:4e:6d:aa:bb:cc\r
         Signal             : 81%  \r
         Funktyp            : 802.11ac\r
         Kanal              : 44 \r
         Basisraten (MBit/s)    : 6 12 24\r
         Andere Raten (MBit/s)  : 9 18 36 48 54\r
\r
SSID 2 : Besucher\r
    Netzwerktyp             : Infrastruktur\r
    Authentifizierung       : Offen\r
    Verschl\u{FFFD}sselung         : Keine \r
    BSSID 1                 : 44:4e:6d:aa:bb:cd\r
         Signal             : 70%  \r
         Funktyp            : 802.11n\r
         Kanal              : 6 \r
\r
SSID 3 : Alt\r
    Netzwerktyp             : Infrastruktur\r
    Authentifizierung       : Offen\r
    Verschl\u{FFFD}sselung         : WEP \r
    BSSID 1                 : 44:4e:6d:aa:bb:ce\r
         Funktyp            : 802.11g\r
         Band               : 2,4 GHz\r
         Kanal              : 13 \r
";

/// The list as lines of text.
#[track_caller]
fn check(found: Option<Vec<NearbyNetwork>>, expected: &[(&str, Band, Security)]) {
    let found = found.expect("the list is understood");
    let found: Vec<_> =
        found.iter().map(|network| (network.ssid.as_text().unwrap(), network.band, network.security)).collect();
    assert_eq!(found, expected);
}

#[test]
fn nmcli_lines_are_split_at_colons_that_are_not_escaped() {
    let text = "Site-Office:2412 MHz:WPA2\nSite-Office:5180 MHz:WPA2\nSite-Office:5180 MHz:WPA2\n:5180 MHz:WPA2\n\
                Lab\\: a\\\\b :5955 MHz:WPA3\nGuests:2437 MHz:\nOld:2462 MHz:WEP\nMixed:2437 MHz:WPA1 WPA2\n\
                New:5500 MHz:WPA2 WPA3\nCorp:5745 MHz:WPA2 802.1X\nOwe:2412 MHz:OWE\nnot a line\nX:60480 MHz:WPA2\n";
    check(
        parse_nmcli(text),
        &[
            ("Site-Office", Band::Ghz2_4, Security::Wpa2),
            ("Site-Office", Band::Ghz5, Security::Wpa2),
            ("Lab: a\\b ", Band::Ghz6, Security::Wpa3),
            ("Guests", Band::Ghz2_4, Security::Open),
            ("Old", Band::Ghz2_4, Security::Wep),
            ("Mixed", Band::Ghz2_4, Security::WpaWpa2),
            ("New", Band::Ghz5, Security::Wpa2Wpa3),
            ("Corp", Band::Ghz5, Security::Enterprise),
            ("Owe", Band::Ghz2_4, Security::Protected),
        ],
    );
}

#[test]
fn netsh_in_english_with_bands_and_stations() {
    check(
        parse_netsh(NETSH_ENGLISH),
        &[
            ("Site-Office", Band::Ghz5, Security::Wpa2),
            ("Site-Office", Band::Ghz2_4, Security::Wpa2),
            ("Lab: 6E", Band::Ghz6, Security::Wpa3),
            ("Corporate", Band::Ghz5, Security::Enterprise),
        ],
    );
}

#[test]
fn netsh_in_german_without_bands() {
    check(
        parse_netsh(NETSH_GERMAN),
        &[
            ("Halle 3", Band::Ghz5, Security::Wpa2),
            ("Besucher", Band::Ghz2_4, Security::Open),
            ("Alt", Band::Ghz2_4, Security::Wep),
        ],
    );
}

#[test]
fn a_text_of_another_kind_is_not_understood() {
    for text in ["", "\n", "Error: NetworkManager is not running.", "Es wird kein WLAN-Dienst ausgeführt.\r\n"] {
        assert_eq!((parse_nmcli(text), parse_netsh(text)), (None, None), "{text}");
    }
    assert_eq!(parse_nmcli(":2412 MHz:WPA2\n"), Some(Vec::new()), "understood, and without a name");
    assert_eq!(parse_netsh("SSID 1 : no channel\r\n    BSSID 1 : 00:11:22:33:44:55\r\n"), None);
}

#[test]
fn a_list_without_end_is_cut() {
    let many: Vec<String> = (0..5000).map(|number| format!("net-{number}:2412 MHz:WPA2\n")).collect();
    assert_eq!(parse_nmcli(&many.concat()).unwrap().len(), MAX_NETWORKS);
    let name = "ä".repeat(MAX_OCTETS);
    assert_eq!(parse_nmcli(&format!("{name}:2412 MHz:WPA2")), None);
    assert_eq!(parse_nmcli(&format!("{}:2412 MHz:WPA2", "a".repeat(33))), Some(Vec::new()));
}

proptest! {
    #[test]
    fn any_text_is_taken(text in any::<String>()) {
        let _ = (parse_nmcli(&text), parse_netsh(&text));
    }

    #[test]
    fn any_cut_of_a_list_is_taken(octets in 0..NETSH_ENGLISH.len(), noise in "[ -~äöü\\r\\n:\\\\]{0,40}") {
        let text = format!("{}{noise}{NETSH_GERMAN}", &NETSH_ENGLISH[..octets]);
        let _ = (parse_nmcli(&text), parse_netsh(&text));
    }

    #[test]
    fn an_escaped_name_comes_back(name in "[ -~äöü]{1,16}") {
        let escaped = name.replace('\\', r"\\").replace(':', r"\:");
        let found = parse_nmcli(&format!("{escaped}:5180 MHz:WPA2\n")).unwrap();
        prop_assert_eq!(found[0].ssid.as_text(), Some(name.as_str()));
    }
}
