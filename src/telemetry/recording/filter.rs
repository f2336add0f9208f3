//! Which topics a block holds, as a Bloom filter: asked for one, it says "no" or "probably".
//!
//! It stands before the block's body, uncompressed, so that a search for one topic reads little of each block.

/// Bits set for each topic.
const HASHES: u64 = 4;
/// Bits of the filter for each topic.
const BITS_PER_TOPIC: usize = 10;
/// Largest filter: one of a block of more topics says "probably" more often.
pub(super) const MAX_BYTES: u32 = 64 * 1024;

/// Makes the filter of these topics.
pub(super) fn make<'a>(topics: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<u8> {
    let bytes = (topics.len() * BITS_PER_TOPIC).div_ceil(8).clamp(8, MAX_BYTES as usize);
    let mut filter = vec![0; bytes];
    for topic in topics {
        for bit in bits(topic, bytes) {
            filter[bit / 8] |= 1 << (bit % 8);
        }
    }
    filter
}

/// Whether the topic may be in the block. No filter excludes nothing.
pub(super) fn may_hold(filter: &[u8], topic: &[u8]) -> bool {
    filter.is_empty() || bits(topic, filter.len()).all(|bit| filter[bit / 8] & (1 << (bit % 8)) != 0)
}

/// The places of a topic's bits in a filter of that length, which is not 0.
fn bits(topic: &[u8], bytes: usize) -> impl Iterator<Item = usize> {
    let hash = hash(topic);
    let (first, step) = (hash & 0xffff_ffff, (hash >> 32) | 1);
    let count = bytes as u64 * 8;
    // Below the count, which came out of a length.
    (0..HASHES).map(move |turn| usize::try_from((first + turn * step) % count).unwrap_or_default())
}

/// FNV-1a of 64 bits, its result mixed as splitmix64 does.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for octet in bytes {
        hash = (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(range: std::ops::Range<u32>) -> Vec<Vec<u8>> {
        range.map(|number| format!("site/a/gw{number}/t").into_bytes()).collect()
    }

    #[test]
    fn what_is_there_is_never_denied_and_most_of_the_rest_is() {
        let there = topics(0..5000);
        let filter = make(there.iter().map(Vec::as_slice));
        assert!(there.iter().all(|topic| may_hold(&filter, topic)));
        let wrong = topics(5000..15_000).iter().filter(|topic| may_hold(&filter, topic)).count();
        assert!(wrong < 300, "{wrong} of 10000");
    }

    #[test]
    fn filters_have_an_end() {
        let there = topics(0..100_000);
        assert_eq!(make(there.iter().map(Vec::as_slice)).len(), MAX_BYTES as usize);
        assert_eq!(make([].into_iter()).len(), 8);
        assert!(may_hold(&[], b"x") && !may_hold(&[0], b"x"));
    }
}
