//! [`Tally`]: what the points of a curve come to, by the kind of value that they are. Made point by point, and joined of
//! blocks, so that a million points cost no more than their blocks.

use crate::telemetry::view::Statistics;

/// A number below this part of the one before it is a counter that began anew.
const RESTART: f64 = 0.1;
/// Points from which on numbers that never fall are a counter: whole ones, and others.
const WHOLE_FROM: u64 = 10;
const OTHERS_FROM: u64 = 50;

/// What points come to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tally {
    first: Option<[f64; 2]>,
    last: Option<[f64; 2]>,
    numbers: u64,
    sum: f64,
    /// By how much the numbers rose in all, restarts counted from nothing.
    rise: f64,
    falls: u64,
    restarts: u64,
    switches: u64,
    /// Seconds on, and seconds of which it is known.
    on_secs: f64,
    known_secs: f64,
    is_other_than_switch: bool,
    is_broken: bool,
}

impl Tally {
    /// The next point.
    pub(super) fn push(&mut self, point: [f64; 2]) {
        let mut next = Self { first: Some(point), last: Some(point), numbers: 1, sum: point[1], ..Self::default() };
        next.is_other_than_switch = ![0.0, 1.0].iter().any(|of_switch: &f64| of_switch.total_cmp(&point[1]).is_eq());
        next.is_broken = point[1].fract() != 0.0;
        self.join(&next);
    }

    /// The points of a later block.
    pub(super) fn join(&mut self, other: &Self) {
        let Some(first) = other.first else { return };
        if let Some(last) = self.last {
            self.step(last, first);
        }
        self.first = self.first.or(other.first);
        self.last = other.last;
        self.numbers += other.numbers;
        self.sum += other.sum;
        self.rise += other.rise;
        self.falls += other.falls;
        self.restarts += other.restarts;
        self.switches += other.switches;
        self.on_secs += other.on_secs;
        self.known_secs += other.known_secs;
        self.is_other_than_switch |= other.is_other_than_switch;
        self.is_broken |= other.is_broken;
    }

    /// From one point to the next.
    fn step(&mut self, before: [f64; 2], after: [f64; 2]) {
        let (secs, change) = ((after[0] - before[0]).max(0.0), after[1] - before[1]);
        if change > 0.0 {
            self.rise += change;
        } else if change < 0.0 && after[1] >= 0.0 && after[1] < before[1] * RESTART {
            self.restarts += 1;
            self.rise += after[1];
        } else if change < 0.0 {
            self.falls += 1;
        }
        self.switches += u64::from(change != 0.0);
        self.on_secs += if before[1] == 0.0 { 0.0 } else { secs };
        self.known_secs += secs;
    }

    /// What they come to; `None` for no points.
    pub(super) fn statistics(&self) -> Option<Statistics> {
        let ([from, _], [to, _]) = (self.first?, self.last?);
        if !self.is_other_than_switch {
            let share = if self.known_secs > 0.0 { self.on_secs / self.known_secs } else { 0.0 };
            return Some(Statistics::Switch { on_share: share, switches: self.switches });
        }
        let enough = if self.is_broken { OTHERS_FROM } else { WHOLE_FROM };
        if self.falls == 0 && self.rise > 0.0 && self.numbers >= enough {
            let hours = (to - from) / 3600.0;
            let per_hour = if hours > 0.0 { self.rise / hours } else { 0.0 };
            return Some(Statistics::Counter { increase: self.rise, per_hour, restarts: self.restarts });
        }
        #[expect(clippy::cast_precision_loss, reason = "a mean needs no more digits")]
        let mean = self.sum / self.numbers as f64;
        Some(Statistics::Quantity { mean })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Tally {
        let mut tally = Tally::default();
        for (at, value) in (0_u32..).zip(values) {
            tally.push([f64::from(at) * 60.0, *value]);
        }
        tally
    }

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn a_quantity_has_a_mean() {
        let Some(Statistics::Quantity { mean }) = of(&[20.0, 22.0, 21.0]).statistics() else { panic!("a quantity") };
        assert!(near(mean, 21.0));
        assert_eq!(of(&[]).statistics(), None);
    }

    #[test]
    fn a_switch_has_a_share_of_time_and_a_number_of_changes() {
        let Some(Statistics::Switch { on_share, switches }) = of(&[0.0, 1.0, 1.0, 0.0, 0.0]).statistics() else {
            panic!("a switch")
        };
        assert!(near(on_share, 0.5) && switches == 2);
    }

    #[test]
    fn a_counter_has_an_increase_over_its_restarts() {
        let values: Vec<f64> = (0..40).map(f64::from).chain((0..21).map(f64::from)).map(|value| value * 10.0).collect();
        let Some(Statistics::Counter { increase, per_hour, restarts }) = of(&values).statistics() else {
            panic!("a counter")
        };
        assert!(near(increase, 590.0) && restarts == 1 && near(per_hour, 590.0), "{increase} {per_hour}");
        let rising: Vec<f64> = (0..20).map(|value| 20.0 + f64::from(value) * 0.1).collect();
        assert!(matches!(of(&rising).statistics(), Some(Statistics::Quantity { .. })), "few numbers that rise");
    }

    #[test]
    fn blocks_joined_are_what_their_points_are() {
        let values: Vec<f64> = (0..100).map(|at| f64::from(at % 7)).collect();
        let whole = of(&values);
        let mut joined = Tally::default();
        for (block, part) in values.chunks(13).enumerate() {
            let mut tally = Tally::default();
            for (at, value) in part.iter().enumerate() {
                let place = u32::try_from(block * 13 + at).unwrap();
                tally.push([f64::from(place) * 60.0, *value]);
            }
            joined.join(&tally);
        }
        assert_eq!(whole, joined);
    }
}
