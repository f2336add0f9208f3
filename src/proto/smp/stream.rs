//! SMP where frames come as they are: cut into notifications over Bluetooth, or one in a datagram over UDP.
//!
//! Source: Zephyr documentation, "SMP over Bluetooth" and "SMP over UDP". Pieces are joined by the length in the header.

use super::{HEADER, frame_length};

/// The service over Bluetooth LE.
pub const SERVICE: &str = "8d53dc1d-1db7-4cd3-868b-8a527460aa84";
/// Its one characteristic: written without response, notified.
pub const CHARACTERISTIC: &str = "da2e7828-fbce-4e01-ae9e-261174997c48";
/// The usual UDP port.
pub const UDP_PORT: u16 = 1337;
/// Longest frame in a datagram: what an Ethernet frame holds beside the headers. Devices tell larger buffers, and take in
/// no more than this at once.
pub const DATAGRAM: u64 = 1472;
/// Longest frame there can be.
const MAX_FRAME: usize = HEADER + u16::MAX as usize;

/// Joins pieces to frames.
#[derive(Debug, Default)]
pub struct Joiner {
    buffer: Vec<u8>,
}

impl Joiner {
    /// Takes a piece in and returns the frames it completes.
    pub fn push(&mut self, piece: &[u8]) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        for piece in piece.chunks(MAX_FRAME) {
            self.buffer.extend_from_slice(piece);
            while let Some(length) = frame_length(&self.buffer).filter(|length| *length <= self.buffer.len()) {
                frames.push(self.buffer.drain(..length).collect());
            }
        }
        frames
    }

    /// Forgets what came so far: a new request begins, and a lost piece must not spoil its answer.
    pub fn reset(&mut self) {
        self.buffer.clear();
    }
}

/// The frame in one datagram; what follows it is ignored.
pub fn from_datagram(datagram: &[u8]) -> Option<Vec<u8>> {
    let length = frame_length(datagram)?;
    datagram.get(..length).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::proto::smp::{Frame, Operation, Version};

    fn frame(body: Vec<u8>) -> Vec<u8> {
        let frame =
            Frame { operation: Operation::ReadAnswer, version: Version::V2, group: 0, sequence: 9, command: 7, body };
        frame.to_bytes().expect("short enough")
    }

    #[test]
    fn a_lost_piece_costs_one_answer_only() {
        let whole = frame(vec![1; 100]);
        let mut joiner = Joiner::default();
        assert!(joiner.push(&whole[..60]).is_empty());
        joiner.reset();
        assert_eq!(joiner.push(&whole), vec![whole.clone()]);
    }

    #[test]
    fn a_datagram_too_short_for_what_it_says_is_none() {
        let whole = frame(vec![1; 4]);
        assert_eq!(from_datagram(&whole), Some(whole.clone()));
        for cut in 0..whole.len() {
            assert_eq!(from_datagram(&whole[..cut]), None);
        }
        assert_eq!(from_datagram(&[whole.as_slice(), b"more"].concat()), Some(whole));
    }

    proptest! {
        #[test]
        fn frames_are_found_wherever_they_are_cut(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..4),
            piece in 1usize..50,
        ) {
            let frames: Vec<Vec<u8>> = bodies.into_iter().map(frame).collect();
            let mut joiner = Joiner::default();
            let found: Vec<Vec<u8>> = frames.concat().chunks(piece).flat_map(|piece| joiner.push(piece)).collect();
            prop_assert_eq!(found, frames);
        }

        #[test]
        fn arbitrary_octets_never_panic_and_stay_bounded(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..60),
        ) {
            let mut joiner = Joiner::default();
            for piece in &pieces {
                joiner.push(piece);
                prop_assert!(joiner.buffer.len() < MAX_FRAME);
            }
        }
    }
}
