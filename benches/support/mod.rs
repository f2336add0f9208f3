//! What the benchmarks share: whether to measure at all, and the spread of several runs.
//!
//! Plain `main` functions without a harness crate: a few medians are no reason for one more dependency.

use std::fmt;
use std::time::Duration;

/// Whether `cargo bench` runs this. Under `cargo test --benches` each benchmark runs once, to see that it works.
pub(crate) fn is_measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// The spread of several runs. A benchmark may go without.
#[allow(dead_code, reason = "each benchmark has a copy of this module")]
pub(crate) struct Spread {
    /// The quickest.
    pub(crate) least: Duration,
    /// The one in the middle.
    pub(crate) median: Duration,
    /// The one that 95 of 100 stay below.
    pub(crate) p95: Duration,
}

#[allow(dead_code, reason = "each benchmark has a copy of this module")]
impl Spread {
    /// The spread of these runs; of none it is zero.
    pub(crate) fn of(mut runs: Vec<Duration>) -> Self {
        runs.sort_unstable();
        let at = |percent: usize| runs.get((runs.len() * percent).div_ceil(100).max(1) - 1).copied();
        let [least, median, p95] = [1, 50, 95].map(|percent| at(percent).unwrap_or_default());
        Self { least, median, p95 }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [least, median, p95] = [self.least, self.median, self.p95].map(|time| time.as_secs_f64() * 1000.0);
        write!(out, "{least:>8.3} {median:>8.3} {p95:>8.3} ms")
    }
}
