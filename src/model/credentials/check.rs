//! The check between a draft and what is sent: limits first, then the gateway's own scan, then the laptop's.
//!
//! Octets count, not characters; nothing is trimmed or guessed; open is only what a person chose as open. The texts of
//! the findings stand in `findings.rs`. Rules: IEEE 802.11 (SSID element, PSK mapping), SAE as the WPA3 specification
//! has it, and the profile.

use super::{Findings, WifiCredentials, WifiDraft, WifiKey, findings};
use crate::model::problem::Problem;
use crate::model::psk;
use crate::model::secret::Secret;
use crate::model::text::from_hex;
use crate::model::wifi::{
    BadSsid, Band, NearbyNetwork, Network, Security, Signal, Ssid, WifiRules, bands_of, parse_ssid,
};

/// Shortest WPA and WPA2 passphrase.
const WPA_MIN: usize = 8;
/// Longest WPA and WPA2 passphrase.
const WPA_MAX: usize = 63;
/// Most octets of name and passphrase together in one Improv command, its two length octets included.
const LINK_MAX_OCTETS: usize = 255;

/// Checks a draft against the profile's rules and, where there is one, the gateway's own scan.
///
/// `seen` is `None` when the gateway cannot scan or was not asked; an empty slice means that it saw nothing.
/// `laptop` is what this laptop lists, `None` when that is not known. It counts only for a name the gateway does not list.
/// The credentials are there exactly when `errors` is empty. Deriving a key takes milliseconds; it happens last and only
/// for a draft without errors, still not on every frame.
pub fn check(
    draft: &WifiDraft,
    rules: &WifiRules,
    seen: Option<&[Network]>,
    laptop: Option<&[NearbyNetwork]>,
) -> (Option<WifiCredentials>, Findings) {
    let ssid = parse_ssid(&draft.ssid);
    let scan = ssid.as_ref().map_or_else(|_| Scan::default(), |ssid| Scan::of(ssid, seen));
    let mut run = Check { draft, rules, scan, findings: Findings::default() };
    match &ssid {
        Ok(ssid) => run.check_ssid(ssid),
        Err(error) => run.error(bad_ssid(*error)),
    }
    let key = run.check_key();
    if let Ok(ssid) = &ssid {
        run.check_scan(ssid, seen, laptop.unwrap_or_default());
    }
    let Check { findings, .. } = run;
    let parts = key.zip(ssid.ok()).filter(|_| findings.errors.is_empty());
    (parts.map(|(key, ssid)| finish(key, ssid, draft)), findings)
}

/// Puts the credentials together; derives the key if that was asked for.
fn finish(key: WifiKey, ssid: Ssid, draft: &WifiDraft) -> WifiCredentials {
    let key = match key {
        WifiKey::Passphrase(passphrase) if draft.is_psk_derived => {
            WifiKey::RawPsk(psk::derive_hex(passphrase.expose().as_bytes(), &ssid))
        }
        key => key,
    };
    WifiCredentials::new(ssid, key, draft.is_hidden)
}

fn bad_ssid(error: BadSsid) -> Problem {
    match error {
        BadSsid::Empty => findings::ssid_empty(),
        BadSsid::TooLong { octets } => findings::ssid_too_long(octets),
    }
}

/// What the gateway's scan says about the network.
#[derive(Default)]
struct Scan<'a> {
    /// The entries of that name.
    matches: Vec<&'a Network>,
}

impl<'a> Scan<'a> {
    fn of(ssid: &Ssid, seen: Option<&'a [Network]>) -> Self {
        Self { matches: seen.unwrap_or_default().iter().filter(|network| network.ssid == *ssid).collect() }
    }

    fn has(&self, is_wanted: impl Fn(Security) -> bool) -> bool {
        self.matches.iter().any(|network| is_wanted(network.security))
    }

    /// Whether every entry of the name is of that kind; false when there is none.
    fn is_all(&self, is_wanted: impl Fn(Security) -> bool) -> bool {
        !self.matches.is_empty() && self.matches.iter().all(|network| is_wanted(network.security))
    }

    /// Whether that is the only protection the name is seen with; an open twin beside it does not count.
    fn is_only(&self, wanted: Security) -> bool {
        self.has(|kind| kind == wanted) && self.is_all(|kind| kind == wanted || kind == Security::Open)
    }
}

/// One run of the check.
struct Check<'a> {
    draft: &'a WifiDraft,
    rules: &'a WifiRules,
    scan: Scan<'a>,
    findings: Findings,
}

impl Check<'_> {
    fn error(&mut self, problem: Problem) {
        self.findings.errors.push(problem);
    }

    fn warn(&mut self, problem: Problem) {
        self.findings.warnings.push(problem);
    }

    fn check_ssid(&mut self, ssid: &Ssid) {
        if ssid.has_outer_blank() {
            self.warn(findings::ssid_outer_blank());
        }
        if self.draft.ssid.strip_prefix("hex:").is_some_and(|digits| from_hex(digits).is_none()) {
            self.warn(findings::ssid_hex_as_text());
        }
    }

    /// The key as typed, if it can be one at all.
    fn check_key(&mut self) -> Option<WifiKey> {
        let text = self.draft.passphrase.expose();
        if self.draft.is_open {
            self.check_open(!text.is_empty());
            return Some(WifiKey::Open);
        }
        if text.is_empty() {
            self.error(findings::passphrase_missing());
            return None;
        }
        let key = self.key_of(text);
        self.check_length_on_link(text.len());
        key
    }

    fn check_open(&mut self, has_passphrase: bool) {
        if !self.rules.security.contains(&Security::Open) {
            self.error(findings::open_not_supported(self.rules));
        }
        self.warn(findings::open_network());
        if has_passphrase {
            self.warn(findings::passphrase_not_sent());
        }
    }

    fn key_of(&mut self, text: &str) -> Option<WifiKey> {
        if self.is_wep(text) {
            return self.wep_key(text);
        }
        if psk::is_raw_psk(text) && !(self.is_sae_only() && self.rules.passphrase_max >= text.len()) {
            return self.raw_psk(text);
        }
        self.check_derived();
        self.check_characters(text);
        self.check_length(text.len());
        Some(WifiKey::Passphrase(Secret::new(text.to_owned())))
    }

    /// Whether the key is meant for WEP: the scan says so, the profile knows nothing else, or nothing else is that short.
    fn is_wep(&self, text: &str) -> bool {
        let lists_wep = self.rules.security.contains(&Security::Wep);
        let lists_wpa = self.rules.security.iter().any(|kind| generations(*kind) != 0);
        let is_wpa_seen = self.scan.has(|kind| generations(kind) != 0);
        let is_short_form = text.len() < WPA_MIN && is_wep_form(text) && !is_wpa_seen;
        lists_wep && (self.scan.is_only(Security::Wep) || !lists_wpa || is_short_form)
    }

    fn wep_key(&mut self, text: &str) -> Option<WifiKey> {
        if self.draft.is_psk_derived {
            self.error(findings::psk_not_for_wep());
        }
        if !is_wep_form(text) {
            self.error(findings::wep_key_form(text.len()));
            return None;
        }
        self.warn(findings::wep_insecure());
        Some(WifiKey::Wep(Secret::new(text.to_owned())))
    }

    fn raw_psk(&mut self, text: &str) -> Option<WifiKey> {
        if !self.rules.is_raw_psk_accepted {
            self.error(findings::raw_psk_not_accepted(self.rules));
            return None;
        }
        if self.is_sae_only() {
            self.error(findings::psk_useless_for_sae());
            return None;
        }
        self.warn_of_mixed_mode();
        Some(WifiKey::RawPsk(Secret::new(text.to_owned())))
    }

    fn check_derived(&mut self) {
        if !self.draft.is_psk_derived {
            return;
        }
        if !self.rules.is_raw_psk_accepted {
            self.error(findings::derived_not_accepted(self.rules));
        } else if self.is_sae_only() {
            self.error(findings::psk_useless_for_sae());
        } else {
            self.warn_of_mixed_mode();
        }
    }

    fn warn_of_mixed_mode(&mut self) {
        if self.scan.has(|kind| kind == Security::Wpa2Wpa3) {
            self.warn(findings::psk_in_mixed_mode());
        }
    }

    fn check_characters(&mut self, text: &str) {
        if text.chars().any(char::is_control) {
            self.error(findings::passphrase_control());
        }
        if !text.is_ascii() {
            if self.draft.is_utf8_allowed {
                self.warn(findings::passphrase_utf8(text.chars().count(), text.len()));
            } else {
                self.error(findings::passphrase_not_ascii());
            }
        }
        if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
            self.warn(findings::passphrase_outer_blank());
        }
    }

    fn check_length(&mut self, octets: usize) {
        let is_sae_only = self.is_sae_only();
        // The profile's figure of 8 is WPA's own limit and says nothing of SAE; a higher one is the device's.
        let is_min_of_wpa = self.rules.passphrase_min <= WPA_MIN;
        let min = match (is_sae_only, is_min_of_wpa) {
            (true, true) => 1,
            (_, _) => self.rules.passphrase_min.max(WPA_MIN),
        };
        let max = if is_sae_only { self.rules.passphrase_max } else { self.rules.passphrase_max.min(WPA_MAX) };
        if octets < min {
            self.error(findings::passphrase_too_short(octets, min, self.rules));
        } else if octets > max {
            self.error(findings::passphrase_too_long(octets, max, self.rules));
        } else if octets < WPA_MIN {
            self.warn(findings::passphrase_short_for_sae(octets));
        }
    }

    fn check_length_on_link(&mut self, key_octets: usize) {
        let octets = self.draft.ssid.len().min(Ssid::MAX_OCTETS) + key_octets + 2;
        if octets > LINK_MAX_OCTETS {
            self.error(findings::too_long_for_link(octets, LINK_MAX_OCTETS));
        }
    }

    /// Whether only WPA3 is in question: the scan shows nothing else under that name, or the profile knows nothing else.
    fn is_sae_only(&self) -> bool {
        let protected = |kind: &&Security| **kind != Security::Open;
        let mut listed = self.rules.security.iter().filter(protected).peekable();
        let is_only_listed = listed.peek().is_some() && listed.all(|kind| *kind == Security::Wpa3);
        is_only_listed || self.scan.is_only(Security::Wpa3)
    }

    fn check_scan(&mut self, ssid: &Ssid, seen: Option<&[Network]>, laptop: &[NearbyNetwork]) {
        if !self.scan.matches.is_empty() {
            self.check_security(ssid);
            self.check_signal(ssid);
        } else if !self.draft.is_hidden {
            let bands = bands_of(ssid, laptop);
            let is_told = self.check_bands(ssid, &bands, seen.is_some_and(|seen| !seen.is_empty()), laptop);
            match seen {
                Some([]) => self.warn(findings::scan_empty(ssid, self.rules)),
                Some(seen) if !is_told => {
                    let heard: Vec<_> = bands.into_iter().filter(|band| self.hears(*band)).collect();
                    self.warn(findings::not_in_scan(ssid, self.rules, look_alike(ssid, seen), &heard));
                }
                Some(_) | None => {}
            }
        }
    }

    /// Whether the radio hears the band; rules that name none mean the one every device has.
    fn hears(&self, band: Band) -> bool {
        self.rules.bands.contains(&band) || (self.rules.bands.is_empty() && band == Band::Ghz2_4)
    }

    /// Holds the bands the laptop sees the name on against the radio; tells whether there was something to say.
    fn check_bands(&mut self, ssid: &Ssid, bands: &[Band], is_scanned: bool, laptop: &[NearbyNetwork]) -> bool {
        if bands.is_empty() || bands.iter().any(|band| *band == Band::Ghz2_4 || self.hears(*band)) {
            return false;
        }
        // A list without any network of 2.4 GHz may hold no more than what the laptop is joined to: alone it stops nothing.
        if is_scanned || laptop.iter().any(|network| network.band == Band::Ghz2_4) {
            self.error(findings::only_5ghz(ssid, bands, self.rules));
        } else {
            self.warn(findings::perhaps_only_5ghz(ssid, bands, self.rules));
        }
        true
    }

    fn check_security(&mut self, ssid: &Ssid) {
        let is_open_seen = self.scan.has(|kind| kind == Security::Open);
        if self.scan.is_all(|kind| kind == Security::Enterprise) {
            self.error(findings::enterprise(ssid));
        } else if self.draft.is_open && self.scan.is_all(is_protected) {
            self.error(findings::scan_says_protected(ssid));
        } else if !self.draft.is_open && self.scan.is_all(|kind| kind == Security::Open) {
            self.error(findings::scan_says_open(ssid));
        } else if !self.draft.is_open {
            self.check_supported(ssid);
        }
        if is_open_seen && self.scan.has(is_protected) {
            self.warn(findings::open_twin(ssid));
        }
    }

    fn check_supported(&mut self, ssid: &Ssid) {
        let joins = |kind: Security| is_supported(kind, &self.rules.security);
        if self.scan.has(|kind| kind != Security::Open && joins(kind)) {
            return;
        }
        let found: Vec<_> = self.scan.matches.iter().map(|network| network.security).collect();
        self.error(findings::security_not_supported(ssid, &found, self.rules));
    }

    /// Warns of a weak signal: of the strongest entry that the key can be for.
    fn check_signal(&mut self, ssid: &Ssid) {
        let is_meant = |network: &&&Network| (network.security == Security::Open) == self.draft.is_open;
        let Some(rssi_dbm) = self.scan.matches.iter().filter(is_meant).filter_map(|network| network.rssi_dbm).max()
        else {
            return;
        };
        match Signal::from_dbm(rssi_dbm) {
            Signal::Good => {}
            Signal::Usable => self.warn(findings::signal_usable(ssid, rssi_dbm)),
            Signal::Weak => self.warn(findings::signal_weak(ssid, rssi_dbm)),
            Signal::TooWeak => self.warn(findings::signal_too_weak(ssid, rssi_dbm)),
        }
    }
}

/// A network in the scan whose name differs only in case, blanks or Unicode look: the likeliest typing mistake.
fn look_alike<'a>(ssid: &Ssid, seen: &'a [Network]) -> Option<&'a Ssid> {
    let folded = |ssid: &Ssid| -> String {
        let text = String::from_utf8_lossy(ssid.octets()).to_lowercase();
        text.chars().filter(|c| c.is_alphanumeric()).collect()
    };
    let wanted = folded(ssid);
    if wanted.is_empty() {
        return None;
    }
    seen.iter().map(|network| &network.ssid).find(|candidate| folded(candidate) == wanted)
}

/// 5 or 13 characters, or 10 or 26 hexadecimal digits.
fn is_wep_form(text: &str) -> bool {
    match text.len() {
        5 | 13 => text.bytes().all(|octet| (32..=126).contains(&octet)),
        10 | 26 => text.bytes().all(|octet| octet.is_ascii_hexdigit()),
        _ => false,
    }
}

/// Whether the entry certainly has protection; an unknown kind is not certain.
const fn is_protected(kind: Security) -> bool {
    !matches!(kind, Security::Open | Security::Other(_))
}

/// The generations of WPA a network of that kind offers, as bits.
const fn generations(kind: Security) -> u8 {
    match kind {
        Security::Wpa => 0b001,
        Security::Wpa2 => 0b010,
        Security::WpaWpa2 => 0b011,
        Security::Wpa2Wpa3 => 0b110,
        Security::Wpa3 => 0b100,
        Security::Open | Security::Wep | Security::Enterprise | Security::Protected | Security::Other(_) => 0,
    }
}

/// Whether a gateway that lists these kinds can join a network of that kind; mixed modes count by what they share.
fn is_supported(kind: Security, listed: &[Security]) -> bool {
    match kind {
        Security::Protected | Security::Other(_) => true,
        kind => listed.iter().any(|known| *known == kind || generations(*known) & generations(kind) != 0),
    }
}

#[cfg(test)]
mod tests;
