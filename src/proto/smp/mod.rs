//! SMP, the Simple Management Protocol of MCUmgr: frames, errors as words, requests and answers of the groups.
//!
//! Source: Zephyr documentation, "Device management", SMP protocol specification and group references. A frame is an
//! eight-octet header and one CBOR map. Framing for a shared console is in [`console`], cutting and joining for other
//! links in [`stream`], the conversation in [`session`]. Nothing here does I/O or reads a clock.

pub mod answer;
pub mod cbor;
pub mod console;
pub mod refusal;
pub mod request;
pub mod session;
pub mod stream;

/// Octets of the header.
pub const HEADER: usize = 8;

/// Numbers of the groups.
pub mod group {
    /// Operating system: echo, parameters, information, date and time, reset.
    pub const OS: u16 = 0;
    /// Firmware images.
    pub const IMAGE: u16 = 1;
    /// Statistics.
    pub const STATISTICS: u16 = 2;
    /// Settings.
    pub const SETTINGS: u16 = 3;
    /// Files.
    pub const FILES: u16 = 8;
    /// Shell.
    pub const SHELL: u16 = 9;
    /// Enumeration of the groups themselves.
    pub const ENUMERATION: u16 = 10;
    /// Erasing the storage partition, on Zephyr.
    pub const ZEPHYR: u16 = 63;
    /// First number that a vendor may use.
    pub const VENDOR: u16 = 64;

    /// The word for a group.
    pub const fn label(number: u16) -> &'static str {
        match number {
            OS => "operating system",
            IMAGE => "images",
            STATISTICS => "statistics",
            SETTINGS => "settings",
            4 => "logs",
            5 => "crash test",
            6 => "split images",
            7 => "run-time tests",
            FILES => "files",
            SHELL => "shell",
            ENUMERATION => "enumeration",
            ZEPHYR => "storage erase",
            VENDOR.. => "vendor's own",
            _ => "unknown",
        }
    }
}

/// Read or write, asked or answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A question that changes nothing.
    Read,
    /// The answer to it.
    ReadAnswer,
    /// A request that changes something or makes the device act.
    Write,
    /// The answer to it.
    WriteAnswer,
}

impl Operation {
    const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::Read),
            1 => Some(Self::ReadAnswer),
            2 => Some(Self::Write),
            3 => Some(Self::WriteAnswer),
            _ => None,
        }
    }

    const fn bits(self) -> u8 {
        match self {
            Self::Read => 0,
            Self::ReadAnswer => 1,
            Self::Write => 2,
            Self::WriteAnswer => 3,
        }
    }

    /// What answers it; an answer is answered by nothing and stays itself.
    #[must_use]
    pub const fn answered(self) -> Self {
        match self {
            Self::Read | Self::ReadAnswer => Self::ReadAnswer,
            Self::Write | Self::WriteAnswer => Self::WriteAnswer,
        }
    }
}

/// The protocol's version, which decides how errors look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Errors as one number, `rc`.
    V1,
    /// Errors as a group and a number, `err`.
    #[default]
    V2,
}

/// One message.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Read or write, asked or answered.
    pub operation: Operation,
    /// The version its sender speaks.
    pub version: Version,
    /// The group.
    pub group: u16,
    /// The number that joins an answer to its request.
    pub sequence: u8,
    /// The command within the group.
    pub command: u8,
    /// One CBOR map.
    pub body: Vec<u8>,
}

/// Bodies may hold secrets: their length is all that is shown.
impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame")
            .field("operation", &self.operation)
            .field("version", &self.version)
            .field("group", &self.group)
            .field("sequence", &self.sequence)
            .field("command", &self.command)
            .field("body_octets", &self.body.len())
            .finish()
    }
}

impl Frame {
    /// The frame as octets; `None` when the body is longer than a frame can say.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let length = u16::try_from(self.body.len()).ok()?;
        let version = u8::from(self.version == Version::V2);
        let [group_high, group_low] = self.group.to_be_bytes();
        let [length_high, length_low] = length.to_be_bytes();
        let mut bytes = Vec::with_capacity(HEADER + self.body.len());
        bytes.extend_from_slice(&[version << 3 | self.operation.bits(), 0, length_high, length_low]);
        bytes.extend_from_slice(&[group_high, group_low, self.sequence, self.command]);
        bytes.extend_from_slice(&self.body);
        Some(bytes)
    }

    /// Reads a whole frame; `None` when its length does not fit or its operation is unknown.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[first, _flags, length_high, length_low, group_high, group_low, sequence, command], body) =
            bytes.split_first_chunk::<HEADER>()?;
        if body.len() != usize::from(u16::from_be_bytes([length_high, length_low])) {
            return None;
        }
        Some(Self {
            operation: Operation::from_bits(first & 0b111)?,
            // A version that is newer than ours is read as ours: its answers say what is wrong.
            version: if first & 0b1_1000 == 0 { Version::V1 } else { Version::V2 },
            group: u16::from_be_bytes([group_high, group_low]),
            sequence,
            command,
            body: body.to_vec(),
        })
    }
}

/// How many octets the frame that begins here has in all; `None` until the header is there.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let &[_, _, high, low, ..] = bytes else { return None };
    (bytes.len() >= HEADER).then(|| HEADER + usize::from(u16::from_be_bytes([high, low])))
}

/// The checksum that devices offer for files.
pub fn sha256(content: &[u8]) -> Vec<u8> {
    use sha2::Digest as _;
    sha2::Sha256::digest(content).to_vec()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::text::{from_hex, hex};

    #[test]
    fn frames_match_captured_vectors() {
        let check = |text: &str, operation, version, group, sequence, command| {
            let bytes = from_hex(text).expect("hexadecimal");
            let frame = Frame::parse(&bytes).expect("a frame");
            let found = (frame.operation, frame.version, frame.group, frame.sequence, frame.command);
            assert_eq!(found, (operation, version, group, sequence, command));
            assert_eq!(frame.to_bytes().map(|bytes| hex(&bytes)), Some(text.to_owned()));
        };
        check("0a00000900000100a161646568656c6c6f", Operation::Write, Version::V2, 0, 1, 0);
        check("0b00000a00000100bf61726568656c6c6fff", Operation::WriteAnswer, Version::V2, 0, 1, 0);
        check("0800000100000206a0", Operation::Read, Version::V2, 0, 2, 6);
        check(
            "0900001900000206bf686275665f73697a65190180696275665f636f756e7404ff",
            Operation::ReadAnswer,
            Version::V2,
            0,
            2,
            6,
        );
        check("0a00001600090c00a1646172677682666b65726e656c6776657273696f6e", Operation::Write, Version::V2, 9, 12, 0);
    }

    #[test]
    fn lengths_that_do_not_fit_and_unknown_operations_are_no_frames() {
        for text in ["", "0a", "0800000100000206", "0800000100000206a0a0", "0c00000100000206a0", "0800ffff00000206a0"] {
            assert_eq!(Frame::parse(&from_hex(text).expect("hexadecimal")), None, "{text}");
        }
    }

    #[test]
    fn a_body_beyond_sixty_four_kilobytes_has_no_frame() {
        let frame = Frame {
            operation: Operation::Write,
            version: Version::V2,
            group: 0,
            sequence: 0,
            command: 0,
            body: vec![0; 65_536],
        };
        assert_eq!(frame.to_bytes(), None);
    }

    #[test]
    fn a_frame_shows_the_length_of_its_body_only() {
        let frame = Frame::parse(&from_hex("0a00000900000100a161646568656c6c6f").expect("hexadecimal")).expect("frame");
        let shown = format!("{frame:?}");
        assert!(shown.contains("body_octets: 9") && !shown.contains("104"), "{shown}");
    }

    proptest! {
        #[test]
        fn every_truncation_is_no_frame(body in prop::collection::vec(any::<u8>(), 0..40), sequence: u8) {
            let frame = Frame {
                operation: Operation::ReadAnswer, version: Version::V2, group: 3, sequence, command: 0, body,
            };
            let bytes = frame.to_bytes().expect("short");
            for cut in 0..bytes.len() {
                prop_assert_eq!(Frame::parse(&bytes[..cut]), None);
            }
            prop_assert_eq!(Frame::parse(&bytes), Some(frame));
        }
    }
}
