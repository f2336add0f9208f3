//! gzip, zlib, deflate and Zstandard in front of a payload, unpacked within limits: a few kilobytes can hold gigabytes.

use std::io::Read;

use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::limit::MAX_UNPACKED_BYTES;
use crate::telemetry::value::{DecodeFailure, Packing};

/// Up to here nobody asks how small it was.
const FREE_BYTES: usize = 8 * 1024 * 1024;
/// Beyond, a byte may not become more than deflate can make of it.
const MAX_RATIO: usize = 1100;
/// Zstandard: the most memory for what it looks back at, as a power of two.
const MAX_WINDOW_LOG: u32 = 26;

/// What the payload says it is packed in. Deflate says nothing.
pub(super) fn detect(payload: &[u8]) -> Option<Packing> {
    match payload {
        [0x1f, 0x8b, 0x08, ..] => Some(Packing::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Packing::Zstd),
        // A method, a window and a check over both; two letters of a text may do that too.
        [first @ (0x48 | 0x58 | 0x68 | 0x78), second, ..]
            if (u16::from(*first) << 8 | u16::from(*second)).is_multiple_of(31) =>
        {
            Some(Packing::Zlib)
        }
        _ => None,
    }
}

/// Unpacks it, or says at which byte of the packed ones it ended and why.
pub(super) fn unpack(packing: Packing, packed: &[u8]) -> Result<Vec<u8>, DecodeFailure> {
    unpack_within(packing, packed, MAX_UNPACKED_BYTES)
}

/// As [`unpack`], with a limit of one's own.
pub(super) fn unpack_within(packing: Packing, packed: &[u8], max_bytes: usize) -> Result<Vec<u8>, DecodeFailure> {
    let max_bytes = max_bytes.min(packed.len().saturating_mul(MAX_RATIO).max(FREE_BYTES));
    match packing {
        Packing::Gzip => {
            let mut decoder = MultiGzDecoder::new(packed);
            let result = read(&mut decoder, max_bytes);
            finish(packing, packed, decoder.get_ref(), result)
        }
        Packing::Zlib => {
            let mut decoder = ZlibDecoder::new(packed);
            let result = read(&mut decoder, max_bytes);
            finish(packing, packed, decoder.get_ref(), result)
        }
        Packing::Deflate => {
            let mut decoder = DeflateDecoder::new(packed);
            let result = read(&mut decoder, max_bytes);
            finish(packing, packed, decoder.get_ref(), result)
        }
        Packing::Zstd => {
            let start = zstd::stream::read::Decoder::with_buffer(packed);
            let mut decoder = start.map_err(|error| failure(packing, 0, &error.to_string()))?;
            let limited = decoder.window_log_max(MAX_WINDOW_LOG);
            limited.map_err(|error| failure(packing, 0, &error.to_string()))?;
            let result = read(&mut decoder, max_bytes);
            finish(packing, packed, decoder.get_ref(), result)
        }
    }
}

enum End {
    TooMuch(usize),
    Damaged(std::io::Error),
}

fn read(decoder: &mut impl Read, max_bytes: usize) -> Result<Vec<u8>, End> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    decoder.take(limit).read_to_end(&mut bytes).map_err(End::Damaged)?;
    if bytes.len() > max_bytes { Err(End::TooMuch(max_bytes)) } else { Ok(bytes) }
}

fn finish(
    packing: Packing,
    packed: &[u8],
    rest: &[u8],
    result: Result<Vec<u8>, End>,
) -> Result<Vec<u8>, DecodeFailure> {
    let offset = packed.len() - rest.len().min(packed.len());
    match result {
        Ok(bytes) if rest.is_empty() => Ok(bytes),
        Ok(_) => Err(DecodeFailure { offset, what: format!("something stands behind the {packing} data") }),
        Err(End::TooMuch(limit)) => Err(DecodeFailure {
            offset,
            what: format!(
                "{} bytes of {packing} unpack to more than {limit}: this is made to fill memory, or damaged",
                packed.len()
            ),
        }),
        Err(End::Damaged(error)) => Err(failure(packing, offset, &error.to_string())),
    }
}

fn failure(packing: Packing, offset: usize, said: &str) -> DecodeFailure {
    DecodeFailure { offset, what: format!("the {packing} data is damaged or cut: {said}") }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    const ALL: [Packing; 4] = [Packing::Gzip, Packing::Zlib, Packing::Deflate, Packing::Zstd];

    fn pack(packing: Packing, bytes: &[u8]) -> Vec<u8> {
        match packing {
            Packing::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Zlib => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Deflate => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Zstd => zstd::stream::encode_all(bytes, 3).unwrap(),
        }
    }

    #[test]
    fn a_bomb_is_named_and_not_unpacked() {
        let is_named = |failure: DecodeFailure| failure.what.contains("made to fill memory");
        let bomb = pack(Packing::Zstd, &vec![0; 70 * 1024 * 1024]);
        assert!(is_named(unpack(Packing::Zstd, &bomb).unwrap_err()));
        for packing in ALL {
            let bomb = pack(packing, &vec![0; 1024 * 1024]);
            assert!(is_named(unpack_within(packing, &bomb, 1_000_000).unwrap_err()), "{packing}");
        }
    }

    #[test]
    fn what_stands_behind_is_not_hidden() {
        for packing in [Packing::Zlib, Packing::Deflate] {
            let mut packed = pack(packing, b"hello hello hello");
            let end = packed.len();
            packed.extend_from_slice(b"more");
            assert_eq!(unpack(packing, &packed).unwrap_err().offset, end, "{packing}");
        }
    }

    #[test]
    fn words_are_not_packed() {
        assert_eq!(detect(b"x^2"), Some(Packing::Zlib), "told apart by unpacking only");
        for text in [&b"hello"[..], b"{\"a\":1}", b"HTTP/1.1", b"", b"\x1f\x8b"] {
            assert_eq!(detect(text), None);
        }
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            for packing in ALL {
                let packed = pack(packing, &bytes);
                prop_assert!(packing == Packing::Deflate || detect(&packed) == Some(packing));
                prop_assert_eq!(unpack(packing, &packed), Ok(bytes.clone()));
            }
        }

        #[test]
        fn what_is_cut_is_an_error_and_noise_does_no_harm(
            bytes in prop::collection::vec(any::<u8>(), 1..500),
            cut in any::<prop::sample::Index>(),
        ) {
            for packing in ALL {
                let packed = pack(packing, &bytes);
                let cut = &packed[..cut.index(packed.len())];
                prop_assert!(unpack(packing, cut).is_err() || cut.is_empty());
                let _ = unpack(packing, &bytes);
            }
        }
    }
}
