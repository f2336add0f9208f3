//! The CPU time of this thread. On a machine that others use too it holds where the time on the wall does not.

use std::time::{Duration, Instant};

/// The shortest stretch worth measuring: the system brings its count up to date every few milliseconds.
#[allow(dead_code, reason = "each benchmark has a copy of this module")]
pub(crate) const STRETCH: Duration = Duration::from_millis(300);

/// The CPU time that one turn takes.
#[allow(dead_code, reason = "each benchmark has a copy of this module")]
pub(crate) fn of(turn: impl FnOnce()) -> Duration {
    let began = Instant::now();
    // Giving way brings the system's count up to date.
    std::thread::yield_now();
    let before = spent(began);
    turn();
    std::thread::yield_now();
    spent(began).saturating_sub(before)
}

/// Does something again and again for a stretch of time and returns the CPU time each turn took.
#[allow(dead_code, reason = "each benchmark has a copy of this module")]
pub(crate) fn per_turn(is_once: bool, mut turn: impl FnMut()) -> Duration {
    let (began, before) = (Instant::now(), spent(Instant::now()));
    let mut turns = 0;
    loop {
        turn();
        turns += 1;
        if is_once || began.elapsed() >= STRETCH {
            return spent(began).saturating_sub(before) / turns;
        }
    }
}

/// CPU time of this thread so far. Where the system does not tell, the time on the wall since `began` stands in for it.
fn spent(began: Instant) -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|field| field.parse().ok());
    nanos.map_or_else(|| began.elapsed(), Duration::from_nanos)
}
