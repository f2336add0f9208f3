//! [`Table`]: finds numbers by the hash of what they stand for, one slot and mostly one cache line a look.
//!
//! What a number stands for lies elsewhere, each name once. The hash is seeded anew in each process, so that nobody outside
//! can prepare names that all land in one place.

use std::hash::{BuildHasher, RandomState};

/// Slots at first.
const FEWEST: usize = 64;

/// Numbers by hash: open addressing, linear steps. A slot holds 32 bits of the hash and the number, plus one; 0 is empty.
pub(super) struct Table {
    slots: Vec<u64>,
    len: usize,
    seeds: [u64; 2],
}

impl Table {
    pub(super) fn new() -> Self {
        let random = RandomState::new();
        Self { slots: vec![0; FEWEST], len: 0, seeds: [random.hash_one(0), random.hash_one(1) | 1] }
    }

    /// The hash of a name below something: 16 bytes a round, each folded into a product with what came before.
    #[inline]
    pub(super) fn hash(&self, below: u32, name: &[u8]) -> u32 {
        let [first, second] = self.seeds;
        let mut state = first ^ u64::from(below).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ name.len() as u64;
        let (rounds, rest) = name.as_chunks::<16>();
        for round in rounds {
            let (low, high) = round.split_at(8);
            state = fold(word(low) ^ state, word(high) ^ second);
        }
        let (low, high) = rest.split_at(rest.len().min(8));
        state = fold(fold(word(low) ^ state, word(high) ^ second), first | 1);
        #[expect(clippy::cast_possible_truncation, reason = "32 bits are kept")]
        let hash = state as u32;
        hash
    }

    /// The number with that hash for which `is_it` holds.
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut at = self.home(hash);
        loop {
            let slot = self.slots[at & mask];
            if slot == 0 {
                return None;
            }
            #[expect(clippy::cast_possible_truncation, reason = "taken apart as it was put together")]
            let (tag, number) = ((slot >> 32) as u32, (slot as u32) - 1);
            if tag == hash && is_it(number) {
                return Some(number);
            }
            at += 1;
        }
    }

    /// Adds a number that is not there yet.
    pub(super) fn insert(&mut self, hash: u32, number: u32) {
        if (self.len + 1) * 2 > self.slots.len() {
            let doubled = vec![0; self.slots.len() * 2];
            let old = std::mem::replace(&mut self.slots, doubled);
            for slot in old.into_iter().filter(|slot| *slot != 0) {
                self.put(slot);
            }
        }
        self.len += 1;
        self.put(u64::from(hash) << 32 | (u64::from(number) + 1));
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<u64>()
    }

    fn put(&mut self, slot: u64) {
        let mask = self.slots.len() - 1;
        let mut at = self.home((slot >> 32) as u32);
        while self.slots[at & mask] != 0 {
            at += 1;
        }
        self.slots[at & mask] = slot;
    }

    /// Where a hash belongs: its upper bits, so that growing keeps the order.
    fn home(&self, hash: u32) -> usize {
        hash as usize >> (32 - self.slots.len().trailing_zeros().min(32))
    }
}

/// Up to eight bytes as a number.
#[inline]
fn word(bytes: &[u8]) -> u64 {
    match bytes.len() {
        8.. => bytes.first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk)),
        4..8 => {
            let half = |bytes: Option<&[u8; 4]>| bytes.map_or(0, |chunk| u64::from(u32::from_le_bytes(*chunk)));
            half(bytes.first_chunk()) << 32 | half(bytes.last_chunk())
        }
        _ => bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
    }
}

/// Both halves of a product, one upon the other.
#[inline]
pub(super) fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
    let folded = (product as u64) ^ ((product >> 64) as u64);
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_found_and_nothing_else() {
        let names: Vec<String> = (0..5_000).map(|number| format!("site/{}/device/{number}", number % 7)).collect();
        let mut table = Table::new();
        for (number, name) in (0..).zip(&names) {
            let hash = table.hash(0, name.as_bytes());
            assert_eq!(table.find(hash, |found| names[found as usize] == *name), None);
            table.insert(hash, number);
        }
        for (number, name) in (0..).zip(&names) {
            let hash = table.hash(0, name.as_bytes());
            assert_eq!(table.find(hash, |found| names[found as usize] == *name), Some(number));
        }
        assert_ne!(table.hash(1, b"a"), table.hash(2, b"a"));
    }

    #[test]
    fn every_byte_and_the_length_count() {
        let table = Table::new();
        let name: Vec<u8> = (0..70).collect();
        let hashes: std::collections::BTreeSet<u32> = (0..name.len()).map(|len| table.hash(0, &name[..len])).collect();
        assert!(hashes.len() >= 69, "{}", hashes.len());
        for at in 0..name.len() {
            let mut other = name.clone();
            other[at] ^= 1;
            assert_ne!(table.hash(0, &name), table.hash(0, &other), "{at}");
        }
    }
}
