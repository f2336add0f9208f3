//! Follows the packets of a client without touching them: where each begins, what its CONNECT and the broker's answer say, and
//! whether it said goodbye. Takes bytes in any pieces; keeps no more than the beginning of a packet.

use crate::model::text::visible;

/// Bytes of a packet that are kept to be read: a CONNECT with long names fits.
const KEPT: usize = 4096;
/// The longest fixed header (MQTT 5.0, section 2.1).
const MAX_HEADER: usize = 5;

/// A packet, or its beginning.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The first octet: kind and flags.
    pub(super) first: u8,
    /// What follows the fixed header, up to the limit.
    pub(super) body: Vec<u8>,
}

/// Follows one direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Sniffer {
    header: Vec<u8>,
    body: Vec<u8>,
    /// Octets of the packet's body that are still to come.
    rest: usize,
    is_in_body: bool,
    is_lost: bool,
}

impl Sniffer {
    /// Where packets end among the next octets, counted from their begin.
    pub(super) fn ends(&mut self, bytes: &[u8]) -> Vec<usize> {
        let mut ends = Vec::new();
        self.follow(bytes, |_| false, |_, end| ends.push(end));
        ends
    }

    /// Takes the next octets in, and gives each packet of interest once it is complete. `wanted` tells by the first octet
    /// which packets those are.
    pub(super) fn feed(&mut self, bytes: &[u8], wanted: impl Fn(u8) -> bool, mut seen: impl FnMut(Seen)) {
        self.follow(bytes, wanted, |packet, _| packet.into_iter().for_each(&mut seen));
    }

    fn follow(&mut self, mut bytes: &[u8], wanted: impl Fn(u8) -> bool, mut ended: impl FnMut(Option<Seen>, usize)) {
        let all = bytes.len();
        while !self.is_lost && (!bytes.is_empty() || (self.is_in_body && self.rest == 0)) {
            if self.is_in_body {
                let taken = self.rest.min(bytes.len());
                let first = self.header.first().copied().unwrap_or_default();
                if wanted(first) {
                    let room = KEPT.saturating_sub(self.body.len()).min(taken);
                    self.body.extend_from_slice(&bytes[..room]);
                }
                bytes = &bytes[taken..];
                self.rest -= taken;
                if self.rest == 0 {
                    let body = std::mem::take(&mut self.body);
                    ended(wanted(first).then_some(Seen { first, body }), all - bytes.len());
                    self.header.clear();
                    self.is_in_body = false;
                }
            } else {
                self.header.push(bytes[0]);
                bytes = &bytes[1..];
                match remaining_length(&self.header) {
                    Length::Known(rest) => (self.rest, self.is_in_body) = (rest, true),
                    Length::More if self.header.len() < MAX_HEADER => {}
                    // Not MQTT: the broker will say so.
                    Length::More => self.is_lost = true,
                }
            }
        }
    }
}

enum Length {
    Known(usize),
    More,
}

/// The remaining length of a fixed header (section 2.1.4).
fn remaining_length(header: &[u8]) -> Length {
    let digits = header.get(1..).unwrap_or_default();
    let mut length = 0;
    for (place, digit) in digits.iter().take(4).enumerate() {
        length |= usize::from(digit & 0x7f) << (7 * place);
        if digit & 0x80 == 0 {
            return Length::Known(length);
        }
    }
    Length::More
}

/// The kind of a packet, from its first octet.
pub(super) const fn kind(first: u8) -> u8 {
    first >> 4
}

/// CONNECT.
pub(super) const CONNECT: u8 = 1;
/// CONNACK.
pub(super) const CONNACK: u8 = 2;
/// DISCONNECT.
pub(super) const DISCONNECT: u8 = 14;

/// What a client says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    pub(super) client_id: String,
    pub(super) username: Option<String>,
    /// 3, 4 or 5.
    pub(super) level: u8,
    pub(super) keep_alive_secs: u16,
    pub(super) has_will: bool,
}

impl Greeting {
    /// Reads the body of a CONNECT (section 3.1). `None` where it is none.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut rest = Rest(body);
        let _name = rest.text()?;
        let level = rest.octet()?;
        let flags = rest.octet()?;
        let keep_alive_secs = rest.number()?;
        if level == 5 {
            rest.properties()?;
        }
        let client_id = visible(&String::from_utf8_lossy(rest.text()?), 130);
        let has_will = flags & 0x04 != 0;
        if has_will {
            if level == 5 {
                rest.properties()?;
            }
            rest.text()?;
            rest.text()?;
        }
        let username = (flags & 0x80 != 0).then(|| rest.text()).flatten();
        let username = username.map(|username| visible(&String::from_utf8_lossy(username), 130));
        Some(Self { client_id, username, level, keep_alive_secs, has_will })
    }

    /// The version as people write it.
    pub(super) fn version(&self) -> &'static str {
        match self.level {
            3 => "MQTT 3.1",
            4 => "MQTT 3.1.1",
            5 => "MQTT 5",
            _ => "an unknown version of MQTT",
        }
    }
}

/// Whether the answer to CONNECT lets the client in; else why not, in words.
pub(super) fn refusal(connack: &[u8]) -> Option<&'static str> {
    match connack.get(1)? {
        0 => None,
        1 | 0x84 => Some("the bench broker speaks MQTT 3.1.1 and 5, and no other version"),
        2 | 0x85 => {
            Some("its client id cannot be used here: a slash is not taken, and an empty one needs a clean session")
        }
        3 | 0x88 | 0x89 | 0x97 => Some("the bench broker takes no more clients"),
        4 | 5 | 0x86 | 0x87 => Some("its login was not taken"),
        0x8c => Some("it asked for a login in several steps, which the bench broker has not"),
        0x95 => Some("its CONNECT was too large"),
        _ => Some("its CONNECT was against the standard"),
    }
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn octet(&mut self) -> Option<u8> {
        self.take(1).map(|octets| octets[0])
    }

    fn number(&mut self) -> Option<u16> {
        self.take(2).map(|octets| u16::from_be_bytes([octets[0], octets[1]]))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::from(length))
    }

    /// Passes over the properties of MQTT 5.
    fn properties(&mut self) -> Option<()> {
        let mut length = 0;
        for place in 0..4 {
            let digit = self.octet()?;
            length |= usize::from(digit & 0x7f) << (7 * place);
            if digit & 0x80 == 0 {
                return self.take(length).map(|_| ());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CONNECT of `gw`, user `u`, with a will, MQTT 3.1.1.
    const CONNECT_311: &[u8] = b"\x10\x1A\x00\x04MQTT\x04\xC6\x00\x1E\x00\x02gw\x00\x01t\x00\x01w\x00\x01u\x00\x01p";

    fn run(pieces: &[&[u8]]) -> Vec<Seen> {
        let (mut sniffer, mut found) = (Sniffer::default(), Vec::new());
        for piece in pieces {
            sniffer.feed(piece, |first| matches!(kind(first), CONNECT | DISCONNECT), |seen| found.push(seen));
        }
        found
    }

    #[test]
    fn packets_are_found_however_they_are_cut() {
        let mut stream = CONNECT_311.to_vec();
        stream.extend([0x30, 0x80, 0x01]);
        stream.extend([0; 128]);
        stream.extend([0xC0, 0, 0xE0, 0]);
        for size in [1, 2, 3, 7, 1000] {
            let pieces: Vec<&[u8]> = stream.chunks(size).collect();
            let found = run(&pieces);
            assert_eq!(found.iter().map(|seen| kind(seen.first)).collect::<Vec<_>>(), [CONNECT, DISCONNECT], "{size}");
            let greeting = Greeting::read(&found[0].body).unwrap();
            assert_eq!((greeting.client_id.as_str(), greeting.username.as_deref()), ("gw", Some("u")));
            assert_eq!((greeting.version(), greeting.keep_alive_secs, greeting.has_will), ("MQTT 3.1.1", 30, true));
        }
    }

    #[test]
    fn ends_are_those_of_packets() {
        let mut sniffer = Sniffer::default();
        assert_eq!(sniffer.ends(&[0xD0, 0, 0x40, 2, 0, 1, 0x30]), [2, 6]);
        assert_eq!(sniffer.ends(&[3, 0]), [0; 0]);
        assert_eq!(sniffer.ends(&[1, 0x61, 0xD0, 0]), [2, 4]);
    }

    #[test]
    fn version_5_has_properties_in_between() {
        let body = b"\x00\x04MQTT\x05\x04\x00\x3C\x03\x21\x00\x14\x00\x02gw\x00\x00\x01t\x00\x01w";
        let greeting = Greeting::read(body).unwrap();
        assert_eq!((greeting.client_id.as_str(), greeting.version(), greeting.has_will), ("gw", "MQTT 5", true));
        for end in 0..body.len() {
            let _ = Greeting::read(&body[..end]);
        }
    }

    #[test]
    fn noise_is_followed_no_further() {
        assert_eq!(run(&[&vec![0xFF; 100_000]]), []);
        let long = [&[0x10, 0xFF, 0xFF, 0xFF, 0x7F][..], &vec![1; 1_000_000]].concat();
        assert_eq!(run(&[&long]), []);
    }

    #[test]
    fn refusals_have_words() {
        assert_eq!(refusal(&[0, 0]), None);
        assert_eq!(refusal(&[]), None);
        assert!(refusal(&[0, 2]).unwrap().contains("client id"));
        assert!(refusal(&[0, 0x9A]).unwrap().contains("standard"));
    }
}
