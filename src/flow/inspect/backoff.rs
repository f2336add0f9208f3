//! How long to wait before a lost connection is made again: 1, 2, 4 … 30 s, each a little more or less.

use std::time::Duration;

/// The first wait, and the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// A connection that held that long was a good one: the next wait is the first again.
pub(super) const GOOD: Duration = Duration::from_secs(30);
/// By how much a wait differs at most, in per cent: clients that lost the same broker come back one by one.
const JITTER_PERCENT: u32 = 20;

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next wait. `random` is an octet that nobody can foretell.
    pub(super) fn next(&mut self, random: u8) -> Duration {
        let wait = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures += 1;
        // From 80 to 120 per cent.
        let percent = 100 - JITTER_PERCENT + u32::from(random) * 2 * JITTER_PERCENT / 255;
        wait * percent / 100
    }

    /// From now on it waits for as long as it does at most.
    pub(super) fn slow_down(&mut self) {
        self.failures = self.failures.max(10);
    }

    /// A connection held, or a person asked for one.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_a_minute() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..8).map(|_| backoff.next(128).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
        backoff.reset();
        assert_eq!(backoff.next(0), Duration::from_millis(800));
        assert_eq!(backoff.next(255), Duration::from_millis(2400));
    }
}
