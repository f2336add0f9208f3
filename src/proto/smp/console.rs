//! SMP on a console that is shared with logs and a shell: lines with a marker, base64 and a checksum.
//!
//! Source: Zephyr documentation, "SMP over console". A packet is its length, the frame and CRC-16/XMODEM over the frame,
//! in base64, cut into lines of at most 127 octets: the first begins with 06 09, the others with 04 14, each ends with
//! 0A and decodes by itself. Whatever else is on the line is the device's log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc::{CRC_16_XMODEM, Crc};
use memchr::memmem;

/// Baud rate of most consoles.
pub const BAUD: u32 = 115_200;
/// What length and checksum add to a frame.
pub const OVERHEAD: usize = 4;

const FIRST: [u8; 2] = [0x06, 0x09];
const NEXT: [u8; 2] = [0x04, 0x14];
/// Longest line with markers and end.
const LINE: usize = 127;
/// Octets of a packet on one line: a multiple of three, so that each line decodes by itself.
const PER_LINE: usize = (LINE - 3) / 4 * 3;
/// Longest line that is searched for a packet; some firmware uses longer ones than the rule says.
const MAX_LINE: usize = 4096;
/// How many octets of device log are kept until somebody takes them.
const MAX_LOG: usize = 64 * 1024;

const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// A frame as lines, to be written one after the other. `None` when it is longer than a packet can say.
pub fn encode(frame: &[u8]) -> Option<Vec<Vec<u8>>> {
    let length = u16::try_from(frame.len() + 2).ok()?;
    let packet = [&length.to_be_bytes(), frame, &CRC.checksum(frame).to_be_bytes()].concat();
    let lines = packet.chunks(PER_LINE).enumerate().map(|(index, piece)| {
        let marker = if index == 0 { FIRST } else { NEXT };
        [&marker, STANDARD.encode(piece).as_bytes(), b"\n"].concat()
    });
    Some(lines.collect())
}

/// Finds packets in whatever a device writes to its console.
///
/// Memory is bounded whatever comes in: one line, one packet of at most 64 KiB, and the log.
#[derive(Debug, Default)]
pub struct Decoder {
    line: Vec<u8>,
    packet: Option<Vec<u8>>,
    log: Vec<u8>,
    bad_lines: u64,
    lost_log_octets: u64,
}

impl Decoder {
    /// Takes octets in and returns the frames they complete.
    pub fn push(&mut self, octets: &[u8]) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        for piece in octets.split_inclusive(|&octet| octet == b'\n') {
            for piece in piece.chunks(MAX_LINE) {
                self.line.extend_from_slice(piece);
                if self.line.ends_with(b"\n") {
                    let line = std::mem::take(&mut self.line);
                    frames.extend(self.handle_line(&line));
                } else {
                    self.shorten();
                }
            }
        }
        frames
    }

    /// Takes the device's log since the last call. What stands on a line that has not ended yet comes with its end.
    pub fn take_log(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.log)
    }

    /// Lines that began like a packet and were none: damaged, or cut by log text.
    pub const fn bad_lines(&self) -> u64 {
        self.bad_lines
    }

    /// How many octets of log were dropped because nobody took them in time.
    pub const fn lost_log_octets(&self) -> u64 {
        self.lost_log_octets
    }

    fn handle_line(&mut self, line: &[u8]) -> Option<Vec<u8>> {
        let Some((start, is_first)) = last_marker(line) else {
            self.keep_log(line);
            return None;
        };
        self.keep_log(&line[..start]);
        let text = line[start + 2..].trim_ascii_end();
        let Ok(octets) = STANDARD.decode(text) else {
            self.bad_lines += 1;
            self.packet = None;
            self.keep_log(&line[start..]);
            return None;
        };
        let packet = match (is_first, self.packet.take()) {
            (true, unfinished) => {
                self.bad_lines += u64::from(unfinished.is_some());
                octets
            }
            (false, Some(packet)) => [packet, octets].concat(),
            (false, None) => {
                self.bad_lines += 1;
                return None;
            }
        };
        self.complete(packet)
    }

    /// The frame, if the packet is whole; keeps it otherwise.
    fn complete(&mut self, packet: Vec<u8>) -> Option<Vec<u8>> {
        let Some((length, rest)) = packet.split_first_chunk::<2>() else {
            self.packet = Some(packet);
            return None;
        };
        let length = usize::from(u16::from_be_bytes(*length));
        if rest.len() < length {
            self.packet = Some(packet);
            return None;
        }
        let frame = rest[..length]
            .split_last_chunk::<2>()
            .filter(|(frame, checksum)| rest.len() == length && CRC.checksum(frame) == u16::from_be_bytes(**checksum));
        self.bad_lines += u64::from(frame.is_none());
        frame.map(|(frame, _)| frame.to_vec())
    }

    /// Keeps a line that does not end from growing: its front is log.
    fn shorten(&mut self) {
        if self.line.len() <= MAX_LINE {
            return;
        }
        let keep_from = match last_marker(&self.line) {
            Some((start, _)) if start > 0 => start,
            // The last octet may be the first half of a marker.
            _ => self.line.len() - 1,
        };
        let rest = self.line.split_off(keep_from);
        let front = std::mem::replace(&mut self.line, rest);
        self.keep_log(&front);
    }

    fn keep_log(&mut self, octets: &[u8]) {
        self.log.extend_from_slice(octets);
        let excess = self.log.len().saturating_sub(MAX_LOG);
        if excess > 0 {
            self.log.drain(..excess);
            self.lost_log_octets += excess as u64;
        }
    }
}

/// Where the last marker of a line begins, and whether it begins a packet.
fn last_marker(line: &[u8]) -> Option<(usize, bool)> {
    let first = memmem::rfind(line, &FIRST).map(|at| (at, true));
    let next = memmem::rfind(line, &NEXT).map(|at| (at, false));
    first.max(next)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::text::from_hex;

    fn console(text: &str) -> Vec<u8> {
        [&FIRST, text.as_bytes(), b"\n"].concat()
    }

    fn lines(frame: &[u8]) -> Vec<u8> {
        encode(frame).expect("short enough").concat()
    }

    #[test]
    fn the_checksum_has_the_published_check_value() {
        assert_eq!(CRC.checksum(b"123456789"), 0x31c3);
    }

    #[test]
    fn lines_match_captured_vectors() {
        for (frame, text) in [
            ("0a00000900000100a161646568656c6c6f", "ABMKAAAJAAABAKFhZGVoZWxsb3o2"),
            ("0b00000a00000100bf61726568656c6c6fff", "ABQLAAAKAAABAL9hcmVoZWxsb//0JA=="),
            ("0800000100000206a0", "AAsIAAABAAACBqAdcw=="),
            (
                "0900001900000206bf686275665f73697a65190180696275665f636f756e7404ff",
                "ACMJAAAZAAACBr9oYnVmX3NpemUZAYBpYnVmX2NvdW50BP9Vow==",
            ),
            (
                "0a00001600090c00a1646172677682666b65726e656c6776657273696f6e",
                "ACAKAAAWAAkMAKFkYXJndoJma2VybmVsZ3ZlcnNpb25jpg==",
            ),
            ("48656c6c6f2c20776f726c6421", "AA9IZWxsbywgd29ybGQhet4="),
        ] {
            let frame = from_hex(frame).expect("hexadecimal");
            assert_eq!(lines(&frame), console(text), "{text}");
            assert_eq!(Decoder::default().push(&console(text)), vec![frame]);
        }
    }

    #[test]
    fn long_frames_are_cut_into_lines_that_decode_by_themselves() {
        let frame: Vec<u8> = (0..=255).cycle().take(700).collect();
        let lines = encode(&frame).expect("short enough");
        assert!(lines.len() > 1);
        for (index, line) in lines.iter().enumerate() {
            assert!(line.len() <= LINE, "{}", line.len());
            assert_eq!(line[..2], if index == 0 { FIRST } else { NEXT });
            assert!(STANDARD.decode(&line[2..line.len() - 1]).is_ok());
        }
        assert_eq!(Decoder::default().push(&lines.concat()), vec![frame]);
        assert_eq!(encode(&vec![0; 65_534]), None);
    }

    #[test]
    fn a_packet_is_found_wherever_it_is_split_and_whatever_surrounds_it() {
        let frame = from_hex("0b00000a00000100bf61726568656c6c6fff").expect("hexadecimal");
        for (before, after) in [
            (b"".as_slice(), b"".as_slice()),
            (b"[00:00:01.000] <inf> app: starting\r\n\x1b[1;32muart:~$ \x1b[m", b"\r\nuart:~$ "),
            (b"\x06\x09AAAA", b"\x06"),
            (b"\x06\x09not base64\n\x04\x14AAAA\n\x06\x09AA==\n", b"\xff\xfe\n"),
        ] {
            let all = [before, &lines(&frame), after].concat();
            for split in 0..all.len() {
                let mut decoder = Decoder::default();
                let mut frames = decoder.push(&all[..split]);
                frames.extend(decoder.push(&all[split..]));
                assert_eq!(frames, vec![frame.clone()], "{before:?} split at {split}");
            }
        }
    }

    #[test]
    fn log_between_two_lines_of_a_packet_stays_log() {
        let frame = vec![7; 200];
        let mut parts = encode(&frame).expect("short enough");
        parts.insert(1, b"[I] in between\r\n".to_vec());
        let mut decoder = Decoder::default();
        assert_eq!(decoder.push(&parts.concat()), vec![frame]);
        assert_eq!(decoder.take_log(), b"[I] in between\r\n");
        assert_eq!(decoder.bad_lines(), 0);
    }

    #[test]
    fn damage_costs_the_packet_and_not_the_next() {
        let frame = vec![7; 200];
        let good = encode(&frame).expect("short enough");
        let mut decoder = Decoder::default();
        // A line lost at the end, one in the middle of which log was written, a wrong checksum, too much.
        assert!(decoder.push(&good[0]).is_empty());
        assert!(decoder.push(&[&good[0][..40], b"log\n", good[1].as_slice()].concat()).is_empty());
        let mut wrong = lines(b"abcd");
        wrong[4] ^= 1;
        assert!(decoder.push(&wrong).is_empty());
        let tail = STANDARD.encode([[0, 4].as_slice(), b"ab", b"\0\0\0\0\0"].concat());
        assert!(decoder.push(&console(&tail)).is_empty());
        assert!(decoder.bad_lines() >= 4, "{}", decoder.bad_lines());
        assert_eq!(decoder.push(&good.concat()), vec![frame]);
    }

    #[test]
    fn ten_megabytes_without_a_line_feed_stay_bounded_and_a_packet_after_them_is_found() {
        let mut decoder = Decoder::default();
        for _ in 0..160 {
            assert!(decoder.push(&vec![b'x'; 65_536]).is_empty());
            assert!(decoder.line.len() <= MAX_LINE && decoder.log.len() <= MAX_LOG);
        }
        assert!(decoder.lost_log_octets() > 10_000_000 - MAX_LOG as u64);
        assert_eq!(decoder.push(&lines(b"frame")), vec![b"frame".to_vec()]);
    }

    #[test]
    fn a_packet_that_never_ends_stays_below_its_own_length() {
        let mut decoder = Decoder::default();
        let first = [&FIRST, STANDARD.encode([[0xff, 0xff].as_slice(), &[0; 91]].concat()).as_bytes(), b"\n"].concat();
        decoder.push(&first);
        let next = [&NEXT, STANDARD.encode([0; 93]).as_bytes(), b"\n"].concat();
        for _ in 0..5000 {
            decoder.push(&next);
            assert!(decoder.packet.as_ref().map_or(0, Vec::len) <= 65_537 + 93);
        }
    }

    proptest! {
        #[test]
        fn frames_survive_the_round_trip(
            frame in prop::collection::vec(any::<u8>(), 0..900),
            piece in 1usize..200,
        ) {
            let mut decoder = Decoder::default();
            let mut frames = Vec::new();
            for piece in lines(&frame).chunks(piece) {
                frames.extend(decoder.push(piece));
            }
            prop_assert_eq!(frames, vec![frame]);
        }

        #[test]
        fn arbitrary_octets_never_panic_and_stay_bounded(
            pieces in prop::collection::vec(prop::collection::vec(
                prop_oneof![4 => any::<u8>(), 1 => Just(6), 1 => Just(9), 1 => Just(4), 1 => Just(0x14), 1 => Just(10)],
                0..700,
            ), 0..8),
        ) {
            let mut decoder = Decoder::default();
            for piece in &pieces {
                decoder.push(piece);
                prop_assert!(decoder.line.len() <= MAX_LINE + 4096);
            }
        }

        #[test]
        fn the_cut_makes_no_difference(
            octets in prop::collection::vec(
                prop_oneof![3 => Just(b'A'), 1 => Just(6), 1 => Just(9), 1 => Just(4), 1 => Just(0x14), 1 => Just(10)],
                0..300,
            ),
            piece in 1usize..40,
        ) {
            let whole = Decoder::default().push(&octets);
            let mut cut = Decoder::default();
            let frames: Vec<_> = octets.chunks(piece).flat_map(|piece| cut.push(piece)).collect();
            prop_assert_eq!(frames, whole);
        }
    }
}
