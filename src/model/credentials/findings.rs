//! The words of the check's findings: what is wrong, the likely cause, the next step. None holds a passphrase.

use crate::model::problem::Problem;
use crate::model::wifi::{Band, Security, Ssid, WifiRules, band_words};

pub(super) fn ssid_empty() -> Problem {
    Problem::new(
        "wifi.ssid_empty",
        "The network name is missing",
        "The field is empty",
        "Choose a network from the gateway's scan, or type its name",
    )
}

pub(super) fn ssid_too_long(octets: usize) -> Problem {
    Problem::new(
        "wifi.ssid_too_long",
        format!("The network name has {octets} bytes; Wi-Fi allows {}", Ssid::MAX_OCTETS),
        "Something else was pasted, or the name has letters that take more than one byte",
        "Compare the name with the access point's settings",
    )
}

pub(super) fn ssid_outer_blank() -> Problem {
    Problem::new(
        "wifi.ssid_outer_blank",
        "The network name begins or ends with a blank",
        "A blank was pasted along; few networks are named like that on purpose",
        "Remove the blank, unless the network's name really has one; it is sent as typed",
    )
}

pub(super) fn ssid_hex_as_text() -> Problem {
    Problem::new(
        "wifi.ssid_hex_as_text",
        "The network name starts with `hex:` but isn't a hexadecimal number",
        "A digit is missing, or a character other than 0-9 and a-f stands in it",
        "Correct the digits; otherwise it's sent as plain text",
    )
}

pub(super) fn passphrase_missing() -> Problem {
    Problem::new(
        "wifi.passphrase_missing",
        "The passphrase is missing",
        "The field is empty, and the network was not chosen as open",
        "Type the passphrase, or choose “Open network” if it really has none",
    )
}

pub(super) fn passphrase_not_sent() -> Problem {
    Problem::new(
        "wifi.passphrase_not_sent",
        "The passphrase typed is not sent",
        "The network was chosen as open",
        "Take back “Open network” if the network has a passphrase",
    )
}

pub(super) fn open_network() -> Problem {
    Problem::new(
        "wifi.open",
        "The network has no protection",
        "It's open: anyone nearby can join it and read unencrypted traffic",
        "Prefer a protected network; go on only if the site asks for it",
    )
}

pub(super) fn open_not_supported(rules: &WifiRules) -> Problem {
    Problem::new(
        "wifi.open_not_supported",
        "This gateway joins no open networks",
        format!("Its profile lists {}", kinds(&rules.security)),
        "Use a protected network",
    )
    .with_detail(rules.source.clone())
}

pub(super) fn passphrase_control() -> Problem {
    Problem::new(
        "wifi.passphrase_control",
        "The passphrase holds a tab, a line break or another invisible character",
        "It was copied along when pasting",
        "Type the passphrase, or paste it without the line break",
    )
}

pub(super) fn passphrase_not_ascii() -> Problem {
    Problem::new(
        "wifi.passphrase_not_ascii",
        "The passphrase holds letters beyond ASCII, such as umlauts",
        "Wi-Fi allows only letters, digits and signs of ASCII; devices disagree about the others",
        "Change the passphrase of the network, or choose to send it as UTF-8 if the access point takes it so",
    )
}

pub(super) fn passphrase_utf8(chars: usize, octets: usize) -> Problem {
    Problem::new(
        "wifi.passphrase_utf8",
        format!("The passphrase is sent as UTF-8: {chars} characters, {octets} bytes"),
        "It holds letters beyond ASCII, which not every gateway and access point treats alike",
        "If the gateway cannot join, change the passphrase of the network to plain letters and digits",
    )
}

pub(super) fn passphrase_outer_blank() -> Problem {
    Problem::new(
        "wifi.passphrase_outer_blank",
        "The passphrase begins or ends with a blank",
        "A blank was pasted along; blanks count",
        "Remove the blank, unless the passphrase really has one; it is sent as typed",
    )
}

pub(super) fn passphrase_too_short(octets: usize, min: usize, rules: &WifiRules) -> Problem {
    Problem::new(
        "wifi.passphrase_too_short",
        format!("The passphrase has {octets} bytes; at least {min} are needed"),
        "A part is missing; WPA and WPA2 take no fewer than 8, and the profile may ask for more",
        "Compare the passphrase with the access point's settings",
    )
    .with_detail(rules.source.clone())
}

pub(super) fn passphrase_too_long(octets: usize, max: usize, rules: &WifiRules) -> Problem {
    Problem::new(
        "wifi.passphrase_too_long",
        format!("The passphrase has {octets} bytes; this gateway takes at most {max}"),
        "Something else was pasted, or the network's passphrase is longer than this gateway takes",
        "Compare it with the access point's settings; if it's right, change the network's passphrase to a shorter one",
    )
    .with_detail(rules.source.clone())
}

pub(super) fn passphrase_short_for_sae(octets: usize) -> Problem {
    Problem::new(
        "wifi.passphrase_short_for_sae",
        format!("The passphrase has only {octets} bytes"),
        "WPA3 allows that, WPA and WPA2 do not, and not every gateway takes it",
        "If the gateway refuses it, give the network a passphrase of at least 8 characters",
    )
}

pub(super) fn raw_psk_not_accepted(rules: &WifiRules) -> Problem {
    Problem::new(
        "wifi.raw_psk_not_accepted",
        "64 hexadecimal digits are a derived key, which this gateway doesn't accept",
        "The profile allows passphrases of at most 63 characters only",
        "Type the passphrase the key was made from",
    )
    .with_detail(rules.source.clone())
}

pub(super) fn derived_not_accepted(rules: &WifiRules) -> Problem {
    Problem::new(
        "wifi.derived_not_accepted",
        "This gateway doesn't accept a derived key",
        "The profile allows passphrases of at most 63 characters only",
        "Switch “Send derived key” off",
    )
    .with_detail(rules.source.clone())
}

pub(super) fn psk_useless_for_sae() -> Problem {
    Problem::new(
        "wifi.psk_useless_for_sae",
        "A derived key does not work with WPA3",
        "WPA3 (SAE) works with the passphrase itself and has no derived key",
        "Type the passphrase and send it as it is",
    )
}

pub(super) fn psk_in_mixed_mode() -> Problem {
    Problem::new(
        "wifi.psk_in_mixed_mode",
        "With a derived key the gateway can join by WPA2 only",
        "The network offers WPA2 and WPA3, and WPA3 needs the passphrase itself",
        "Send the passphrase if the gateway is to use WPA3",
    )
}

pub(super) fn psk_not_for_wep() -> Problem {
    Problem::new(
        "wifi.psk_not_for_wep",
        "There is no derived key for WEP",
        "The network uses WEP, whose key is sent as it is",
        "Switch “Send derived key” off",
    )
}

pub(super) fn wep_key_form(octets: usize) -> Problem {
    Problem::new(
        "wifi.wep_key_form",
        format!("A WEP key has 5 or 13 characters, or 10 or 26 hexadecimal digits; this one has {octets} bytes"),
        "The network uses WEP, and a character is missing or too many",
        "Compare the key with the access point's settings",
    )
}

pub(super) fn wep_insecure() -> Problem {
    Problem::new(
        "wifi.wep_insecure",
        "WEP protects nothing any more",
        "It can be broken within minutes",
        "Ask for the network to be changed to WPA2 or WPA3",
    )
}

pub(super) fn too_long_for_link(octets: usize, max: usize) -> Problem {
    Problem::new(
        "wifi.too_long_for_link",
        format!("Name and passphrase together take {octets} bytes; one command holds {max}"),
        "The passphrase is far longer than Wi-Fi networks use",
        "Give the network a passphrase of at most 63 characters",
    )
}

pub(super) fn scan_empty(ssid: &Ssid, rules: &WifiRules) -> Problem {
    Problem::new(
        "wifi.scan_empty",
        format!("The gateway sees no network at all, so not `{}` either", ssid.shown()),
        format!("The antenna is missing or shielded, or no access point is in range{}", band_cause(rules)),
        "Check the antenna and the place, scan again; send only if the network is expected later",
    )
}

/// `heard` holds the bands the gateway hears and the laptop sees the name on.
pub(super) fn not_in_scan(ssid: &Ssid, rules: &WifiRules, look_alike: Option<&Ssid>, heard: &[Band]) -> Problem {
    let what = format!("The gateway does not see `{}`", ssid.shown());
    if !heard.is_empty() {
        let similar = look_alike.map_or_else(String::new, |seen| {
            format!("; another network is meant, as the gateway sees the similar `{}`", seen.shown())
        });
        let heard = band_words(heard);
        return Problem::new(
            "wifi.not_in_scan",
            what,
            format!(
                "It is out of the gateway's range, as this laptop sees it on {heard}; it uses channel 12 to 14{similar}"
            ),
            "Move the gateway or its antenna nearer to the access point and scan again",
        );
    }
    let typed = look_alike.map_or_else(
        || "The name is typed differently (case and blanks count)".to_owned(),
        |seen| format!("The name is typed differently: the gateway sees `{}`", seen.shown()),
    );
    let step = if look_alike.is_some() {
        "Choose the network from the list instead of typing it"
    } else {
        "Compare the name character by character, scan again nearer to the access point, or mark the network as hidden"
    };
    Problem::new(
        "wifi.not_in_scan",
        what,
        format!("{typed}{}; it is out of range; it uses channel 12 to 14; it is hidden", band_cause(rules)),
        step,
    )
}

/// The cause that the radio does not hear the band, where the rules lack one.
fn band_cause(rules: &WifiRules) -> String {
    if rules.bands.contains(&Band::Ghz5) {
        return String::new();
    }
    format!("; the network is on 5 GHz only, and this gateway supports {}", heard_bands(rules))
}

fn heard_bands(rules: &WifiRules) -> String {
    if rules.bands.is_empty() { Band::Ghz2_4.label().to_owned() } else { band_words(&rules.bands) }
}

pub(super) fn only_5ghz(ssid: &Ssid, bands: &[Band], rules: &WifiRules) -> Problem {
    Problem::new(
        "wifi.only_5ghz",
        format!(
            "This laptop sees `{}` only on {}; that is evidence for the laptop's place, not proof for the gateway's",
            ssid.shown(),
            band_words(bands)
        ),
        format!("The access point sends this name on no band that the gateway supports ({})", heard_bands(rules)),
        format!(
            "Switch {} on for this network or choose one that has it; if it is there and hides its name, mark it as hidden",
            heard_bands(rules)
        ),
    )
    .with_detail(rules.source.clone())
}

pub(super) fn perhaps_only_5ghz(ssid: &Ssid, bands: &[Band], rules: &WifiRules) -> Problem {
    Problem::new(
        "wifi.perhaps_only_5ghz",
        format!(
            "This laptop sees `{}` only on {}, and this gateway supports {}",
            ssid.shown(),
            band_words(bands),
            heard_bands(rules)
        ),
        "The network is not on 2.4 GHz, or this laptop's list is short: it holds no network of 2.4 GHz at all",
        "Look into the access point's settings whether the network is on 2.4 GHz",
    )
    .with_detail(rules.source.clone())
}

pub(super) fn enterprise(ssid: &Ssid) -> Problem {
    Problem::new(
        "wifi.enterprise",
        format!("`{}` is an enterprise network (802.1X)", ssid.shown()),
        "It asks for an account or a certificate for each device; the provisioning protocol has no fields for that",
        "Ask the site's admin for a network with a passphrase, such as a separate one for devices",
    )
}

pub(super) fn scan_says_protected(ssid: &Ssid) -> Problem {
    Problem::new(
        "wifi.scan_says_protected",
        format!("`{}` was chosen as open, but the gateway sees it protected", ssid.shown()),
        "“Open network” was set by mistake, or the network was changed",
        "Take back “Open network” and type the passphrase",
    )
}

pub(super) fn scan_says_open(ssid: &Ssid) -> Problem {
    Problem::new(
        "wifi.scan_says_open",
        format!("A passphrase is given for `{}`, but the gateway sees it open", ssid.shown()),
        "It is another network of the same name, perhaps one set up to be mistaken for it, or the protection was removed",
        "Ask the network's admin; choose “Open network” only if it is meant to be open",
    )
}

pub(super) fn open_twin(ssid: &Ssid) -> Problem {
    Problem::new(
        "wifi.open_twin",
        format!("The gateway sees `{}` both open and protected", ssid.shown()),
        "Two networks share the name; one may be set up to be mistaken for the other",
        "Ask the network's admin which one is right before you continue",
    )
}

pub(super) fn security_not_supported(ssid: &Ssid, found: &[Security], rules: &WifiRules) -> Problem {
    Problem::new(
        "wifi.security_not_supported",
        format!("This gateway cannot join `{}`, which uses {}", ssid.shown(), kinds(found)),
        format!("Its profile lists {}", kinds(&rules.security)),
        "Change the network's protection, or use another network",
    )
    .with_detail(rules.source.clone())
}

pub(super) fn signal_usable(ssid: &Ssid, rssi_dbm: i16) -> Problem {
    Problem::new(
        "wifi.signal_usable",
        format!("The gateway receives `{}` at {rssi_dbm} dBm: usable, not good", ssid.shown()),
        "Some walls or metres lie between gateway and access point",
        "Nothing has to be done; move the gateway if drop-outs show later",
    )
}

pub(super) fn signal_weak(ssid: &Ssid, rssi_dbm: i16) -> Problem {
    Problem::new(
        "wifi.signal_weak",
        format!("The gateway receives `{}` weakly, at {rssi_dbm} dBm", ssid.shown()),
        "The access point is far, or metal or concrete lies between",
        "Move the gateway or its antenna if you can; expect drop-outs",
    )
}

pub(super) fn signal_too_weak(ssid: &Ssid, rssi_dbm: i16) -> Problem {
    Problem::new(
        "wifi.signal_too_weak",
        format!("The gateway hardly hears `{}`, at {rssi_dbm} dBm: a join is likely to fail", ssid.shown()),
        "The access point is too far, or metal or concrete lies between",
        "Move the gateway or add an access point before sending",
    )
}

fn kinds(list: &[Security]) -> String {
    let mut labels: Vec<_> = list.iter().map(|kind| kind.label()).collect();
    labels.dedup();
    if labels.is_empty() { "none".into() } else { labels.join(", ") }
}
