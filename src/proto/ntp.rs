//! NTP as a client asks for the time once (RFC 5905): 48 bytes there, 48 bytes back.
//!
//! The transmit time we send is a random number: it tells nobody our clock, and an answer that does not repeat it is none.

/// The size of a packet without extensions.
pub const BYTES: usize = 48;
/// From 1900, where NTP counts from, to 1970, seconds.
const UNIX_SECS: i64 = 2_208_988_800;
/// Version 4, mode 3 (client), clock not set.
const HEAD: u8 = 0b11_100_011;
/// Version 4, mode 4 (server), no leap second ahead.
const SERVER_HEAD: u8 = 0b00_100_100;
/// More than a server's clock is set back by while it answers, microseconds.
const BACKWARDS_MICROS: i64 = 1_000_000;
/// Mode of a client, and the bits a mode has.
const CLIENT: u8 = 3;
const MODE: u8 = 0b111;

/// A request with that nonce.
pub fn request(nonce: [u8; 8]) -> [u8; BYTES] {
    let mut packet = [0; BYTES];
    packet[0] = HEAD;
    packet[40..].copy_from_slice(&nonce);
    packet
}

/// What a server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Leap indicator; 3 means that the server's own clock is not set.
    pub leap: u8,
    /// Version.
    pub version: u8,
    /// Mode; 4 is a server.
    pub mode: u8,
    /// Stratum; 0 is a kiss.
    pub stratum: u8,
    /// Reference id: an address or a word; of a kiss its code.
    pub reference: String,
    /// How far our clock is behind the server's, microseconds.
    pub offset_micros: i64,
    /// The time on the way there and back, microseconds.
    pub delay_micros: i64,
}

/// Why what came is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Odd {
    /// It is shorter than a packet.
    #[error("too short for NTP")]
    Short,
    /// It does not repeat our nonce.
    #[error("the answer belongs to another request")]
    Foreign,
    /// A time that is not known is zero (RFC 5905, section 6).
    #[error("the answer holds no time")]
    NoTime,
    /// It left before it had arrived.
    #[error("the times of the answer run backwards")]
    Backwards,
}

/// Reads what came for a request with that nonce, sent and received at these times: microseconds since 1970 UTC.
pub fn read(packet: &[u8], nonce: [u8; 8], sent_micros: i64, received_micros: i64) -> Result<Reply, Odd> {
    let packet: &[u8; BYTES] = packet.first_chunk().ok_or(Odd::Short)?;
    if packet[24..32] != nonce {
        return Err(Odd::Foreign);
    }
    let stratum = packet[1];
    let is_unset = packet[32..40] == [0; 8] || packet[40..48] == [0; 8];
    // A kiss tells its code, and no time.
    if is_unset && stratum != 0 {
        return Err(Odd::NoTime);
    }
    let arrived = micros(&packet[32..40], received_micros);
    let left = micros(&packet[40..48], received_micros);
    if !is_unset && arrived.saturating_sub(left) > BACKWARDS_MICROS {
        return Err(Odd::Backwards);
    }
    Ok(Reply {
        leap: packet[0] >> 6,
        version: packet[0] >> 3 & 0b111,
        mode: packet[0] & 0b111,
        stratum,
        reference: reference(stratum, [packet[12], packet[13], packet[14], packet[15]]),
        offset_micros: i64::midpoint(arrived.saturating_sub(sent_micros), left.saturating_sub(received_micros)),
        delay_micros: received_micros.saturating_sub(sent_micros).saturating_sub(left.saturating_sub(arrived)),
    })
}

/// A time of NTP in microseconds since 1970 UTC. The seconds go round every 136 years: of all rounds the one nearest to our own
/// clock is meant, and where that has lost its battery, none before 1970.
fn micros(stamp: &[u8], near_micros: i64) -> i64 {
    let number = |bytes: &[u8]| bytes.iter().fold(0_i64, |number, byte| number << 8 | i64::from(*byte));
    let (seconds, fraction) = (number(&stamp[..4]), number(&stamp[4..]));
    let round = 1_i64 << 32;
    let near = near_micros.div_euclid(1_000_000).saturating_add(UNIX_SECS);
    let rounds = near.saturating_sub(seconds).saturating_add(round / 2).div_euclid(round).max(0);
    let seconds = rounds.saturating_mul(round).saturating_add(seconds).saturating_sub(UNIX_SECS);
    let seconds = if seconds < 0 { seconds.saturating_add(round) } else { seconds };
    seconds.saturating_mul(1_000_000).saturating_add((fraction * 1_000_000) >> 32)
}

/// What a server answers whose clock shows that: a primary one by its own oscillator (RFC 5905, figure 12). None to what is no
/// request of a client.
pub fn answer(request: &[u8], now_micros: i64) -> Option<[u8; BYTES]> {
    let request: &[u8; BYTES] = request.first_chunk()?;
    if request[0] & MODE != CLIENT {
        return None;
    }
    let now = stamp(now_micros);
    let mut packet = [0; BYTES];
    // Stratum, the poll interval that was asked for, and a precision of about a microsecond.
    packet[..4].copy_from_slice(&[SERVER_HEAD, 1, request[2], 0xEC]);
    packet[12..16].copy_from_slice(b"LOCL");
    packet[16..24].copy_from_slice(&now);
    packet[24..32].copy_from_slice(&request[40..48]);
    packet[32..40].copy_from_slice(&now);
    packet[40..48].copy_from_slice(&now);
    Some(packet)
}

/// A time as NTP writes it.
fn stamp(unix_micros: i64) -> [u8; 8] {
    let whole = unix_micros.div_euclid(1_000_000).wrapping_add(UNIX_SECS).rem_euclid(1 << 32).cast_unsigned();
    let fraction = (unix_micros.rem_euclid(1_000_000).cast_unsigned() << 32).div_ceil(1_000_000);
    (whole << 32 | fraction).to_be_bytes()
}

fn reference(stratum: u8, id: [u8; 4]) -> String {
    let is_word = id.iter().all(|byte| byte.is_ascii_graphic() || *byte == 0) && id[0] != 0;
    if stratum <= 1 && is_word {
        return id.iter().filter(|byte| **byte != 0).map(|byte| char::from(*byte)).collect();
    }
    core::net::Ipv4Addr::from(id).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-11-28 12:00:00 UTC.
    const NOW: i64 = 1_795_867_200_000_000;

    fn reply(first: u8, stratum: u8, reference: [u8; 4], nonce: [u8; 8], server_micros: i64) -> [u8; BYTES] {
        let mut packet = [0; BYTES];
        packet[..2].copy_from_slice(&[first, stratum]);
        packet[12..16].copy_from_slice(&reference);
        packet[24..32].copy_from_slice(&nonce);
        packet[32..40].copy_from_slice(&stamp(server_micros));
        packet[40..48].copy_from_slice(&stamp(server_micros));
        packet
    }

    #[test]
    fn a_request_shows_the_nonce_and_not_our_clock() {
        let packet = request([1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(packet[0], 0xE3);
        assert_eq!(packet[40..], [1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(packet[1..40].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn offset_and_delay_come_from_four_times() {
        let nonce = [9; 8];
        // The server is 5 s ahead; 30 ms there, 10 ms back.
        let read = read(&reply(0x24, 2, [10, 0, 0, 1], nonce, NOW + 5_030_000), nonce, NOW, NOW + 40_000).unwrap();
        assert_eq!((read.offset_micros, read.delay_micros), (5_010_000, 40_000));
        assert_eq!((read.leap, read.version, read.mode, read.stratum), (0, 4, 4, 2));
        assert_eq!(read.reference, "10.0.0.1");
    }

    #[test]
    fn a_kiss_and_an_unset_clock_are_told() {
        let kiss = read(&reply(0xE4, 0, *b"RATE", [7; 8], NOW), [7; 8], NOW, NOW).unwrap();
        assert_eq!((kiss.leap, kiss.stratum, kiss.reference.as_str()), (3, 0, "RATE"));
        let gps = read(&reply(0x24, 1, *b"GPS\0", [7; 8], NOW), [7; 8], NOW, NOW).unwrap();
        assert_eq!(gps.reference, "GPS");
    }

    #[test]
    fn what_a_server_answers_is_read_as_its_time() {
        let asked = request([5; 8]);
        let read = read(&answer(&asked, NOW + 90_000_000).unwrap(), [5; 8], NOW, NOW).unwrap();
        assert_eq!((read.offset_micros, read.stratum, read.mode, read.leap), (90_000_000, 1, 4, 0));
        assert_eq!(read.reference, "LOCL");
        assert_eq!(answer(&answer(&asked, NOW).unwrap(), NOW), None, "a server does not answer servers");
        assert_eq!(answer(&asked[..47], NOW), None);
    }

    #[test]
    fn what_does_not_repeat_the_nonce_is_no_answer() {
        assert_eq!(read(&reply(0x24, 2, [0; 4], [7; 8], NOW), [8; 8], NOW, NOW), Err(Odd::Foreign));
        assert_eq!(read(&[0x24; 47], [8; 8], NOW, NOW), Err(Odd::Short));
    }

    #[test]
    fn the_seconds_that_go_round_in_2036_are_read_by_our_clock() {
        // 2040-01-01, seen by a computer of that year, and by one that thinks it is 2035 or has lost its clock.
        let then = 2_208_988_800_000_000;
        for ours in [then, then - 160_000_000_000_000] {
            assert_eq!(micros(&stamp(then), ours), then, "{ours}");
        }
        assert_eq!(micros(&stamp(NOW), 0), NOW);
    }

    proptest! {
        #[test]
        fn what_a_server_tells_comes_back(offset in -3_000_000_000_000_000_i64..3_000_000_000_000_000, delay in 0_i64..60_000_000) {
            let server = (NOW + offset).max(0) + delay / 2;
            let read = read(&reply(0x24, 2, [1; 4], [3; 8], server), [3; 8], NOW, NOW + delay).unwrap();
            prop_assert_eq!(read.delay_micros, delay);
            let expected = server - NOW - delay / 2 ;
            // Within the round that is nearest to our clock.
            if offset.abs() < 2_000_000_000_000_000 {
                prop_assert!((read.offset_micros - expected).abs() <= 1, "{} {}", read.offset_micros, expected);
            }
        }

        #[test]
        fn nothing_that_comes_panics(packet in proptest::collection::vec(any::<u8>(), 0..64), sent: i64, received: i64) {
            let nonce = packet.get(24..32).and_then(|octets| octets.try_into().ok()).unwrap_or([0; 8]);
            let _ = read(&packet, nonce, sent, received);
        }
    }
}
