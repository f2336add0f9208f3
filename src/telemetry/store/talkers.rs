//! Who talks how much over which time.
//!
//! What topics sent is summed by the second for the last seconds, and coarser the longer ago it is. Only topics that sent
//! something take a place in a bucket.

use std::collections::VecDeque;

/// How wide the buckets of a level are, and after how many seconds they go into the next level, or away.
const LEVELS: [(u64, u64); 4] = [(1, 20), (10, 130), (60, 20 * 60), (600, 2 * 60 * 60)];

/// The longest time that can be asked for.
pub(super) const LONGEST_SECS: u64 = 2 * 60 * 60;

/// What topics sent, by the time.
pub(super) struct Talkers {
    levels: [Level; LEVELS.len()],
}

/// Buckets of one width.
struct Level {
    /// The bucket that is being filled: which one, what is in it by topic, and which topics that are.
    slot: u64,
    open: Vec<(u32, u64)>,
    touched: Vec<u32>,
    closed: VecDeque<Bucket>,
    closed_bytes: usize,
}

struct Bucket {
    slot: u64,
    sums: Box<[Sum]>,
}

/// What one topic sent.
#[derive(Clone, Copy)]
pub(super) struct Sum {
    pub(super) topic: u32,
    pub(super) messages: u32,
    pub(super) bytes: u64,
}

impl Talkers {
    pub(super) fn new() -> Self {
        let level =
            || Level { slot: 0, open: Vec::new(), touched: Vec::new(), closed: VecDeque::new(), closed_bytes: 0 };
        Self { levels: std::array::from_fn(|_| level()) }
    }

    /// Goes on to another second.
    pub(super) fn begin_second(&mut self, second: u64) {
        self.levels[0].begin(second);
        for (at, (width, keeps)) in LEVELS.into_iter().enumerate() {
            while let Some(old) = self.levels[at].closed.front()
                && (old.slot + 1) * width + keeps <= second
            {
                let Some(old) = self.levels[at].closed.pop_front() else { break };
                self.levels[at].closed_bytes -= old.memory();
                let Some((next_width, _)) = LEVELS.get(at + 1) else { continue };
                let next = &mut self.levels[at + 1];
                next.begin(old.slot * width / next_width);
                old.sums.iter().for_each(|sum| next.add(*sum));
            }
        }
    }

    /// Counts what a topic sent in this second.
    pub(super) fn add(&mut self, topic: u32, messages: u32, bytes: u64) {
        self.levels[0].add(Sum { topic, messages, bytes });
    }

    /// Shows what topics sent in the last seconds up to that one; a topic may come several times. Returns the first of
    /// those seconds: where buckets are wide, there are a few less.
    pub(super) fn since(&self, seconds: u64, now: u64, mut see: impl FnMut(Sum)) -> u64 {
        let width = LEVELS.iter().find(|(_, keeps)| seconds <= *keeps).map_or(600, |(width, _)| *width);
        let first = (now + 1).saturating_sub(seconds).div_ceil(width) * width;
        for (level, (width, _)) in self.levels.iter().zip(LEVELS) {
            let buckets = level.closed.iter().filter(|bucket| bucket.slot * width >= first);
            buckets.flat_map(|bucket| &bucket.sums).copied().for_each(&mut see);
            if level.slot * width >= first {
                level.opened().for_each(&mut see);
            }
        }
        first
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        let of = |level: &Level| {
            level.open.capacity() * size_of::<(u32, u64)>()
                + level.touched.capacity() * size_of::<u32>()
                + level.closed_bytes
        };
        self.levels.iter().map(of).sum()
    }
}

impl Level {
    fn begin(&mut self, slot: u64) {
        if slot == self.slot {
            return;
        }
        if !self.touched.is_empty() {
            let bucket = Bucket { slot: self.slot, sums: self.opened().collect() };
            self.closed_bytes += bucket.memory();
            self.closed.push_back(bucket);
            for topic in self.touched.drain(..) {
                self.open[topic as usize] = (0, 0);
            }
        }
        self.slot = slot;
    }

    fn opened(&self) -> impl Iterator<Item = Sum> {
        self.touched.iter().map(|topic| {
            let (messages, bytes) = self.open[*topic as usize];
            Sum { topic: *topic, messages, bytes }
        })
    }

    fn add(&mut self, sum: Sum) {
        let topic = sum.topic as usize;
        if topic >= self.open.len() {
            self.open.resize(topic + 1, (0, 0));
        }
        let (messages, bytes) = &mut self.open[topic];
        if *messages == 0 {
            self.touched.push(sum.topic);
        }
        *messages = messages.saturating_add(sum.messages);
        *bytes = bytes.saturating_add(sum.bytes);
    }
}

impl Bucket {
    fn memory(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_what_came_in_it() {
        let mut talkers = Talkers::new();
        for second in 0..7_000 {
            talkers.begin_second(second);
            talkers.add(1, 1, 10);
            if second % 100 == 0 {
                talkers.add(0, 2, 5);
            }
        }
        let now = 6_999;
        for window in [1, 10, 60, 600, 3_600] {
            let (mut messages, mut bytes) = (0, 0);
            let began = talkers.since(window, now, |sum| {
                if sum.topic == 1 {
                    messages += u64::from(sum.messages);
                    bytes += sum.bytes;
                }
            });
            // Exactly what came since the first bucket began, and that is near to what was asked for.
            assert_eq!((messages, bytes), (now + 1 - began, (now + 1 - began) * 10), "{window}");
            assert!(now + 1 - began <= window && (now + 1 - began) * 10 >= window * 8, "{window} {began}");
        }
        assert!(talkers.memory() < 20_000, "{}", talkers.memory());
    }
}
