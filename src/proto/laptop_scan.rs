//! The lists of Wi-Fi networks that the tools of operating systems print: `nmcli` on Linux, `netsh` on Windows.
//!
//! Formats: nmcli(1), "--terse" and "--escape"; `netsh wlan show networks mode=bssid`, whose labels are in the language of
//! the system, so that its structure counts and not its words. A line that is not understood is passed over; a text of
//! which nothing is understood gives `None`. Names come from whoever runs an access point: any text is taken, none panics.

use crate::model::wifi::{Band, NearbyNetwork, Security, Ssid};

/// Networks kept of one list.
const MAX_NETWORKS: usize = 512;
/// Octets read of one list.
const MAX_OCTETS: usize = 1 << 20;

/// Reads what `nmcli --terse --escape yes --fields SSID,FREQ,SECURITY device wifi list` prints.
pub fn parse_nmcli(text: &str) -> Option<Vec<NearbyNetwork>> {
    let mut list = List::default();
    for line in lines(text).filter(|line| !line.is_empty()) {
        let fields = unescaped(line);
        let [name, frequency, security] = fields.as_slice() else { continue };
        let mhz = frequency.split_whitespace().next().and_then(|number| number.parse().ok());
        if let Some(band) = mhz.and_then(Band::from_mhz) {
            list.add(name, band, nmcli_security(security));
        }
    }
    list.finish()
}

/// Reads what `netsh wlan show networks mode=bssid` prints, in whatever language.
pub fn parse_netsh(text: &str) -> Option<Vec<NearbyNetwork>> {
    let mut list = List::default();
    let mut block: Option<Block<'_>> = None;
    for line in lines(text) {
        if let Some(name) = numbered(line, "SSID ") {
            end_radio(block.as_mut(), &mut list);
            block = Some(Block { name, ..Block::default() });
        } else if let Some(block) = &mut block {
            if numbered(line.trim_start(), "BSSID ").is_some() {
                end_radio(Some(block), &mut list);
                block.radio = Some(Radio::default());
            } else if let Some((_, value)) = line.split_once(':') {
                block.take_in(value.trim());
            }
        }
    }
    end_radio(block.as_mut(), &mut list);
    list.finish()
}

/// The networks understood so far.
#[derive(Default)]
struct List {
    networks: Vec<NearbyNetwork>,
    is_understood: bool,
}

impl List {
    /// Takes a network in; one without a name is understood and not listed.
    fn add(&mut self, name: &str, band: Band, security: Security) {
        self.is_understood = true;
        let Ok(ssid) = Ssid::from_octets(name.as_bytes()) else { return };
        let network = NearbyNetwork { ssid, band, security };
        if self.networks.len() < MAX_NETWORKS && !self.networks.contains(&network) {
            self.networks.push(network);
        }
    }

    fn finish(self) -> Option<Vec<NearbyNetwork>> {
        self.is_understood.then_some(self.networks)
    }
}

/// The lines of the part that is read.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text[..text.floor_char_boundary(MAX_OCTETS)].lines()
}

/// The fields of a terse line: split at colons, with `\:` and `\\` taken back.
fn unescaped(line: &str) -> Vec<String> {
    let (mut fields, mut field) = (Vec::new(), String::new());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => field.extend(characters.next()),
            ':' => fields.push(std::mem::take(&mut field)),
            character => field.push(character),
        }
    }
    fields.push(field);
    fields
}

/// NetworkManager lists the generations by name: `WPA1 WPA2`, `WPA2 802.1X`; nothing or `--` means open.
fn nmcli_security(words: &str) -> Security {
    let has = |word: &str| words.split_whitespace().any(|found| found == word);
    if has("802.1X") {
        return Security::Enterprise;
    }
    match (has("WPA1") || has("WPA"), has("WPA2"), has("WPA3")) {
        (_, true, true) => Security::Wpa2Wpa3,
        (_, false, true) => Security::Wpa3,
        (true, true, false) => Security::WpaWpa2,
        (false, true, false) => Security::Wpa2,
        (true, false, false) => Security::Wpa,
        (false, false, false) if has("WEP") => Security::Wep,
        (false, false, false) if words.trim().trim_matches('-').is_empty() => Security::Open,
        (false, false, false) => Security::Protected,
    }
}

/// One `SSID n : name` of netsh with the lines below it.
#[derive(Default)]
struct Block<'a> {
    name: &'a str,
    /// Lines of the network itself seen so far: its type, its authentication, its encryption.
    values: usize,
    authentication: &'a str,
    encryption: &'a str,
    radio: Option<Radio>,
}

/// One `BSSID n` below it.
#[derive(Default)]
struct Radio {
    /// As a line of its own says, where the system prints one.
    band: Option<Band>,
    has_type: bool,
    channel: Option<u32>,
}

impl<'a> Block<'a> {
    fn take_in(&mut self, value: &'a str) {
        if let Some(radio) = &mut self.radio {
            return radio.take_in(value);
        }
        match self.values {
            1 => self.authentication = value,
            2 => self.encryption = value,
            _ => {}
        }
        self.values += 1;
    }

    fn security(&self) -> Security {
        let has = |word: &str| self.authentication.contains(word);
        let is_encrypted = ["CCMP", "GCMP", "TKIP"].iter().any(|cipher| self.encryption.contains(cipher));
        if has("nterprise") {
            Security::Enterprise
        } else if has("WPA") && !(has("ersonal") || has("SAE") || has("PSK")) {
            Security::Protected
        } else if has("WPA3") {
            Security::Wpa3
        } else if has("WPA2") {
            Security::Wpa2
        } else if has("WPA") {
            Security::Wpa
        } else if self.encryption.contains("WEP") {
            Security::Wep
        } else if is_encrypted {
            Security::Protected
        } else {
            // Ciphers are called the same everywhere; the word for none is translated.
            Security::Open
        }
    }
}

impl Radio {
    /// The channel is the first whole number after the type of the radio; later ones count stations and the like.
    fn take_in(&mut self, value: &str) {
        if value.starts_with("802.11") {
            self.has_type = true;
        } else if let Some(band) = named_band(value) {
            self.band = self.band.or(Some(band));
        } else if self.has_type && self.channel.is_none() {
            self.channel = value.parse().ok();
        }
    }
}

fn end_radio(block: Option<&mut Block<'_>>, list: &mut List) {
    let Some(block) = block else { return };
    let Some(radio) = block.radio.take() else { return };
    if let Some(band) = radio.band.or_else(|| radio.channel.and_then(Band::from_channel)) {
        list.add(block.name, band, block.security());
    }
}

/// `2.4 GHz`, with a comma in some languages.
fn named_band(value: &str) -> Option<Band> {
    match value.strip_suffix("GHz")?.trim_end() {
        "2.4" | "2,4" => Some(Band::Ghz2_4),
        "5" => Some(Band::Ghz5),
        "6" => Some(Band::Ghz6),
        _ => None,
    }
}

/// What follows `SSID 7 : `, without the blanks with which some lines end.
fn numbered<'a>(line: &'a str, label: &str) -> Option<&'a str> {
    let (number, value) = line.strip_prefix(label)?.split_once(':')?;
    let number = number.trim();
    let is_number = !number.is_empty() && number.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then(|| value.strip_prefix(' ').unwrap_or(value).trim_end())
}

#[cfg(test)]
mod tests;
