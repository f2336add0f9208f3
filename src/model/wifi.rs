//! Networks as a gateway sees them, and the rules of a profile about which it can join.

use serde::{Deserialize, Serialize};

use super::text::{hex, visible, visible_octets};
use super::word::words;

/// A network name: 1 to 32 octets of any value (IEEE 802.11, SSID element).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ssid(Vec<u8>);

/// Why octets are no network name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSsid {
    /// Nothing was given.
    #[error("the network name is empty")]
    Empty,
    /// More than 32 octets.
    #[error("the network name has {octets} bytes; Wi-Fi allows 32")]
    TooLong {
        /// How many there were.
        octets: usize,
    },
}

impl Ssid {
    /// The most octets an SSID may have.
    pub const MAX_OCTETS: usize = 32;

    /// Takes the octets as they are; nothing is trimmed.
    pub fn from_octets(octets: impl Into<Vec<u8>>) -> Result<Self, BadSsid> {
        let octets = octets.into();
        match octets.len() {
            0 => Err(BadSsid::Empty),
            1..=Self::MAX_OCTETS => Ok(Self(octets)),
            octets => Err(BadSsid::TooLong { octets }),
        }
    }

    /// The octets as they go to the gateway.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The name as text, where the octets are UTF-8.
    pub fn as_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The name for showing: made safe if it is text, else `hex:…`.
    pub fn shown(&self) -> String {
        self.as_text().map_or_else(|| format!("hex:{}", hex(&self.0)), |text| visible(text, Self::MAX_OCTETS))
    }

    /// Whether it begins or ends with a blank, which people overlook.
    pub fn has_outer_blank(&self) -> bool {
        let is_blank = |octet: Option<&u8>| octet.is_some_and(u8::is_ascii_whitespace);
        is_blank(self.0.first()) || is_blank(self.0.last())
    }
}

/// How a network is protected, as one list for all drivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Security {
    /// No protection.
    Open,
    /// WEP.
    Wep,
    /// WPA with a pre-shared key.
    Wpa,
    /// WPA2 with a pre-shared key.
    Wpa2,
    /// WPA and WPA2 mixed.
    WpaWpa2,
    /// WPA2 and WPA3 mixed.
    Wpa2Wpa3,
    /// WPA3 (SAE).
    Wpa3,
    /// 802.1X.
    Enterprise,
    /// Protected, but the device does not say how (Improv over serial says only yes or no).
    Protected,
    /// A number or word we do not know.
    #[serde(skip)]
    Other(u8),
}

impl Security {
    /// The name shown to people.
    pub fn label(self) -> String {
        match self {
            Self::Open => "open".into(),
            Self::Wep => "WEP".into(),
            Self::Wpa => "WPA".into(),
            Self::Wpa2 => "WPA2".into(),
            Self::WpaWpa2 => "WPA/WPA2".into(),
            Self::Wpa2Wpa3 => "WPA2/WPA3".into(),
            Self::Wpa3 => "WPA3".into(),
            Self::Enterprise => "enterprise (802.1X)".into(),
            Self::Protected => "protected".into(),
            Self::Other(number) => format!("unknown kind {number}"),
        }
    }
}

words! {
    /// How frames are encrypted (IEEE 802.11, pairwise cipher suites).
    Cipher {
        /// TKIP, of the first WPA.
        Tkip = "tkip",
        /// AES-CCMP, of WPA2.
        Ccmp = "ccmp",
        /// AES-GCMP, of newer networks.
        Gcmp = "gcmp",
    }
}

/// A radio band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Band {
    /// 2.4 GHz.
    #[serde(rename = "2.4GHz")]
    Ghz2_4,
    /// 5 GHz.
    #[serde(rename = "5GHz")]
    Ghz5,
    /// 6 GHz.
    #[serde(rename = "6GHz")]
    Ghz6,
}

impl Band {
    /// The name shown to people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ghz2_4 => "2.4 GHz",
            Self::Ghz5 => "5 GHz",
            Self::Ghz6 => "6 GHz",
        }
    }

    /// The band of a centre frequency (IEEE 802.11, annex E).
    pub const fn from_mhz(mhz: u32) -> Option<Self> {
        match mhz {
            2400..=2500 => Some(Self::Ghz2_4),
            5000..=5924 => Some(Self::Ghz5),
            5925..=7125 => Some(Self::Ghz6),
            _ => None,
        }
    }

    /// The band of a channel number. 6 GHz counts its channels anew and is taken for another band.
    pub const fn from_channel(channel: u32) -> Option<Self> {
        match channel {
            1..=14 => Some(Self::Ghz2_4),
            32..=177 => Some(Self::Ghz5),
            _ => None,
        }
    }
}

/// Bands in words, lowest first: `2.4 GHz and 5 GHz`.
pub fn band_words(bands: &[Band]) -> String {
    let mut bands = bands.to_vec();
    bands.sort_unstable();
    bands.dedup();
    bands.iter().map(|band| band.label()).collect::<Vec<_>>().join(" and ")
}

/// One network in the gateway's own scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub ssid: Ssid,
    /// Signal strength at the gateway, dBm.
    pub rssi_dbm: Option<i16>,
    /// Its protection as the gateway reports it.
    pub security: Security,
}

/// One network that this laptop lists: evidence for the laptop's place, never proof for the gateway's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearbyNetwork {
    /// Its name.
    pub ssid: Ssid,
    /// The band it is seen on.
    pub band: Band,
    /// Its protection as the system reports it.
    pub security: Security,
}

/// What this laptop sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaptopScan {
    /// It could not be asked, or has no list.
    NotChecked {
        /// Why, as the rest of a sentence.
        reason: String,
    },
    /// The networks it lists; at least one.
    Seen(Vec<NearbyNetwork>),
}

impl LaptopScan {
    /// The networks, where there is a list.
    pub fn seen(&self) -> Option<&[NearbyNetwork]> {
        match self {
            Self::NotChecked { .. } => None,
            Self::Seen(networks) => Some(networks),
        }
    }

    /// What it says about a name, in one sentence; nothing about no name.
    pub fn words(&self, ssid: Option<&Ssid>) -> Option<String> {
        match self {
            Self::NotChecked { reason } => Some(format!("Not checked from this laptop: {reason}")),
            Self::Seen(networks) => ssid.map(|ssid| {
                let bands = bands_of(ssid, networks);
                if bands.is_empty() {
                    format!("This laptop does not list {}", ssid.shown())
                } else {
                    format!("This laptop sees {} on {}", ssid.shown(), band_words(&bands))
                }
            }),
        }
    }
}

/// The bands on which a laptop sees a name.
pub fn bands_of(ssid: &Ssid, networks: &[NearbyNetwork]) -> Vec<Band> {
    networks.iter().filter(|network| network.ssid == *ssid).map(|network| network.band).collect()
}

/// How good a signal is for a gateway, by the rule of thumb −67 good, −75 usable, below −80 likely to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// At least −67 dBm.
    Good,
    /// −67 to −75 dBm.
    Usable,
    /// −75 to −80 dBm.
    Weak,
    /// Below −80 dBm: a join is likely to fail.
    TooWeak,
}

impl Signal {
    /// Grades a level in dBm.
    pub const fn from_dbm(rssi_dbm: i16) -> Self {
        match rssi_dbm {
            -67.. => Self::Good,
            -75..=-68 => Self::Usable,
            -80..=-76 => Self::Weak,
            ..=-81 => Self::TooWeak,
        }
    }

    /// The grade in words.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Usable => "usable",
            Self::Weak => "weak",
            Self::TooWeak => "too weak",
        }
    }

    /// Bars out of four.
    pub const fn bars(self) -> usize {
        match self {
            Self::Good => 4,
            Self::Usable => 3,
            Self::Weak => 2,
            Self::TooWeak => 1,
        }
    }
}

/// What a vendor's system can join: the `[wifi]` table of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WifiRules {
    /// Bands its radio hears.
    pub bands: Vec<Band>,
    /// Protections it supports.
    pub security: Vec<Security>,
    /// Ciphers it supports; empty where nothing is known.
    pub ciphers: Vec<Cipher>,
    /// Shortest passphrase, characters.
    pub passphrase_min: usize,
    /// Longest passphrase, characters.
    pub passphrase_max: usize,
    /// Whether a raw key of 64 hexadecimal digits is accepted in place of a passphrase.
    pub is_raw_psk_accepted: bool,
    /// Where the rules come from: document and section, or why they are assumed.
    pub source: String,
}

impl WifiRules {
    /// What an unknown gateway is held to: the limits of IEEE 802.11 for a personal network.
    pub fn standard() -> Self {
        Self {
            bands: vec![Band::Ghz2_4],
            security: vec![
                Security::Open,
                Security::Wpa,
                Security::Wpa2,
                Security::WpaWpa2,
                Security::Wpa2Wpa3,
                Security::Wpa3,
            ],
            ciphers: Vec::new(),
            passphrase_min: 8,
            passphrase_max: 63,
            is_raw_psk_accepted: false,
            source: "IEEE 802.11 personal networks; no profile chosen".into(),
        }
    }
}

/// Reads a network name typed or scanned: text as it is, or `hex:` followed by the octets.
pub fn parse_ssid(text: &str) -> Result<Ssid, BadSsid> {
    let octets = text.strip_prefix("hex:").and_then(super::text::from_hex);
    Ssid::from_octets(octets.unwrap_or_else(|| text.as_bytes().to_vec()))
}

/// A device's network name for showing, whatever its length.
pub fn shown_name(octets: &[u8]) -> String {
    visible_octets(octets, Ssid::MAX_OCTETS)
}
