//! [`Curve`]: the points of one topic in blocks that know their extremes, so that a million points are thinned out for a
//! screen in the time that the blocks take.

use std::collections::VecDeque;
use std::sync::Arc;

use super::tally::Tally;

/// Points in a block.
const BLOCK: usize = 256;
/// How many times the usual interval may pass before it is a gap.
const GAP: f64 = 3.0;
/// From how many intervals the usual one is taken.
const SAMPLED: usize = 512;

/// The points of a topic.
#[derive(Debug)]
pub(super) struct Curve {
    /// The topic, made safe to show.
    pub(super) topic: Arc<str>,
    /// Messages without a number.
    pub(super) without: u64,
    blocks: VecDeque<Block>,
    count: usize,
    last: Option<f64>,
}

/// Points in the order of arrival. A point that is not a number interrupts the curve.
#[derive(Debug, Default)]
struct Block {
    points: Vec<[f64; 2]>,
    least: usize,
    most: usize,
    from: f64,
    to: f64,
    /// Points that are numbers.
    numbers: usize,
    /// What they come to.
    tally: Tally,
}

impl Block {
    fn push(&mut self, point: [f64; 2]) {
        let place = self.points.len();
        if place == 0 {
            (self.from, self.to) = (point[0], point[0]);
        }
        (self.from, self.to) = (self.from.min(point[0]), self.to.max(point[0]));
        self.points.push(point);
        if point[1].is_nan() {
            return;
        }
        if self.numbers == 0 || point[1] < self.points[self.least][1] {
            self.least = place;
        }
        if self.numbers == 0 || point[1] > self.points[self.most][1] {
            self.most = place;
        }
        self.numbers += 1;
        self.tally.push(point);
    }
}

/// What is seen of a curve.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Seen {
    pub(super) runs: Vec<Vec<[f64; 2]>>,
    pub(super) points: u64,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) tally: Tally,
}

impl Curve {
    pub(super) fn new(topic: Arc<str>) -> Self {
        Self { topic, without: 0, blocks: VecDeque::new(), count: 0, last: None }
    }

    /// How many points it has.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The newest number.
    pub(super) fn last(&self) -> Option<f64> {
        self.last
    }

    /// From the earliest point to the latest.
    pub(super) fn span(&self) -> Option<(f64, f64)> {
        let spans = self.blocks.iter().map(|block| (block.from, block.to));
        spans.reduce(|left, right| (left.0.min(right.0), left.1.max(right.1)))
    }

    pub(super) fn points(&self) -> impl Iterator<Item = [f64; 2]> + '_ {
        self.blocks.iter().flat_map(|block| block.points.iter().copied())
    }

    pub(super) fn push(&mut self, at: f64, number: f64) {
        self.last = Some(number);
        self.add([at, number]);
    }

    /// The next point is not joined to the last one.
    pub(super) fn interrupt(&mut self, at: f64) {
        let is_interrupted = self.blocks.back().and_then(|block| block.points.last()).is_none_or(|[_, y]| y.is_nan());
        if !is_interrupted {
            self.add([at, f64::NAN]);
        }
    }

    fn add(&mut self, point: [f64; 2]) {
        if self.blocks.back().is_none_or(|block| block.points.len() >= BLOCK) {
            self.blocks.push_back(Block { points: Vec::with_capacity(8), ..Block::default() });
        }
        if let Some(block) = self.blocks.back_mut() {
            block.push(point);
            self.count += 1;
        }
    }

    /// Forgets the oldest points, that many or a few more.
    pub(super) fn forget(&mut self, points: usize) {
        let mut forgotten = 0;
        while forgotten < points
            && let Some(block) = self.blocks.pop_front()
        {
            forgotten += block.points.len();
        }
        self.count -= forgotten;
    }

    /// The curve between two times, thinned out to the least and the greatest number of each column.
    pub(super) fn seen(&self, from: f64, to: f64, columns: usize) -> Seen {
        #[expect(clippy::cast_precision_loss, reason = "there are few columns")]
        let width = (to - from) / columns as f64;
        let blocks = || self.blocks.iter().filter(|block| block.to >= from && block.from <= to);
        let is_whole = |block: &Block| block.from >= from && block.to <= to;
        let mut seen = Seen::default();
        for block in blocks() {
            if is_whole(block) && block.numbers > 0 {
                seen.points += block.numbers as u64;
                seen.include(block.points[block.least][1]);
                seen.include(block.points[block.most][1]);
                seen.tally.join(&block.tally);
            } else {
                for [at, number] in &block.points {
                    if (from..=to).contains(at) && !number.is_nan() {
                        seen.points += 1;
                        seen.include(*number);
                        seen.tally.push([*at, *number]);
                    }
                }
            }
        }
        let is_thinned = seen.points > 2 * columns as u64;
        let gap = self.usual(from, to).map_or(f64::INFINITY, |usual| usual * GAP);
        let mut pen =
            Pen { from, width, is_thinned, gap: if is_thinned { gap.max(width) } else { gap }, ..Pen::default() };
        for block in blocks() {
            if is_thinned && is_whole(block) && pen.column(block.from) == pen.column(block.to) && block.numbers > 0 {
                let (first, second) = (block.least.min(block.most), block.least.max(block.most));
                pen.draw(block.points[first]);
                pen.draw(block.points[second]);
                // Where the block ends, for the interval to the next one.
                pen.last = block.to;
                continue;
            }
            for point in &block.points {
                if (from..=to).contains(&point[0]) {
                    pen.draw(*point);
                }
            }
        }
        seen.runs = pen.finish();
        seen
    }

    /// The middle of the newest intervals between points that are seen.
    fn usual(&self, from: f64, to: f64) -> Option<f64> {
        let mut intervals = Vec::with_capacity(SAMPLED);
        let mut next: Option<f64> = None;
        let blocks = self.blocks.iter().rev().filter(|block| block.to >= from && block.from <= to);
        for [at, number] in blocks.flat_map(|block| block.points.iter().rev()) {
            if number.is_nan() || !(from..=to).contains(at) {
                continue;
            }
            if let Some(next) = next.filter(|next| next > at) {
                intervals.push(next - at);
                if intervals.len() == SAMPLED {
                    break;
                }
            }
            next = Some(*at);
        }
        if intervals.len() < 4 {
            return None;
        }
        let middle = intervals.len() / 2;
        Some(*intervals.select_nth_unstable_by(middle, f64::total_cmp).1)
    }
}

impl Seen {
    fn include(&mut self, number: f64) {
        self.min = Some(self.min.map_or(number, |min| min.min(number)));
        self.max = Some(self.max.map_or(number, |max| max.max(number)));
    }
}

/// Draws points into runs.
#[derive(Debug, Default)]
struct Pen {
    from: f64,
    width: f64,
    is_thinned: bool,
    gap: f64,
    runs: Vec<Vec<[f64; 2]>>,
    run: Vec<[f64; 2]>,
    /// The column that is being gone through, its least and its greatest point, each with its turn.
    now: Option<(i64, [f64; 2], [f64; 2])>,
    /// When the last point was.
    last: f64,
    is_drawn: bool,
    is_interrupted: bool,
}

impl Pen {
    #[expect(clippy::cast_possible_truncation, reason = "a column is a small number")]
    fn column(&self, at: f64) -> i64 {
        if self.width > 0.0 { ((at - self.from) / self.width) as i64 } else { 0 }
    }

    fn draw(&mut self, point: [f64; 2]) {
        if point[1].is_nan() {
            self.is_interrupted = true;
            return;
        }
        let is_gap = self.is_drawn && point[0] - self.last > self.gap;
        (self.last, self.is_drawn) = (point[0], true);
        if !self.is_thinned {
            if is_gap || std::mem::take(&mut self.is_interrupted) {
                self.lift();
            }
            self.run.push(point);
            return;
        }
        let column = self.column(point[0]);
        match &mut self.now {
            // What happens inside a column is too small to be seen.
            Some((now, least, most)) if *now == column => {
                if point[1] < least[1] {
                    *least = point;
                }
                if point[1] > most[1] {
                    *most = point;
                }
            }
            _ => {
                self.put_column();
                if is_gap || std::mem::take(&mut self.is_interrupted) {
                    self.lift();
                }
                self.now = Some((column, point, point));
            }
        }
    }

    fn put_column(&mut self) {
        let Some((_, least, most)) = self.now.take() else { return };
        let (first, second) = if least[0] <= most[0] { (least, most) } else { (most, least) };
        self.run.push(first);
        if first.map(f64::to_bits) != second.map(f64::to_bits) {
            self.run.push(second);
        }
    }

    fn lift(&mut self) {
        if !self.run.is_empty() {
            self.runs.push(std::mem::take(&mut self.run));
        }
    }

    fn finish(mut self) -> Vec<Vec<[f64; 2]>> {
        self.put_column();
        self.lift();
        self.runs
    }
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn curve(points: impl IntoIterator<Item = (f64, f64)>) -> Curve {
        let mut curve = Curve::new("t".into());
        points.into_iter().for_each(|(at, number)| curve.push(at, number));
        curve
    }

    #[test]
    fn a_spike_among_a_million_points_is_seen() {
        let spike = |place: u32| if place == 654_321 { 99.0 } else { f64::from(place % 7) };
        let curve = curve((0..1_000_000).map(|place| (f64::from(place), spike(place))));
        let seen = curve.seen(0.0, 999_999.0, 500);
        assert_eq!((seen.points, seen.min, seen.max), (1_000_000, Some(0.0), Some(99.0)));
        assert_eq!(seen.runs.len(), 1);
        assert!(seen.runs[0].len() <= 1002 && seen.runs[0].contains(&[654_321.0, 99.0]));
        assert!(seen.runs[0].is_sorted_by(|left, right| left[0] < right[0]));

        let near = curve.seen(654_320.0, 654_322.0, 500);
        assert_eq!(near.runs, [[[654_320.0, spike(654_320)], [654_321.0, 99.0], [654_322.0, spike(654_322)]]]);
    }

    #[test]
    fn gaps_are_seen_where_they_are_wide_enough() {
        let with_gap = (0..10_000).map(|place| f64::from(if place < 5000 { place } else { place + 3000 }));
        let curve = curve(with_gap.map(|at| (at, 1.0)));
        assert_eq!(curve.seen(0.0, 13_000.0, 100).runs.len(), 2);
        assert_eq!(curve.seen(0.0, 13_000.0, 2).runs.len(), 1, "a column is wider than the gap");
    }

    #[test]
    fn the_oldest_points_make_room() {
        let mut curve = curve((0..1000).map(|place| (f64::from(place), 0.0)));
        curve.forget(300);
        assert_eq!((curve.len(), curve.span()), (1000 - 2 * BLOCK, Some((2.0 * BLOCK as f64, 999.0))));
        curve.forget(10_000);
        assert_eq!((curve.len(), curve.span()), (0, None));
    }

    #[test]
    fn a_clock_that_is_set_back_does_no_harm() {
        let curve = curve([(5.0, 1.0), (6.0, 2.0), (1.0, 3.0), (2.0, 4.0)]);
        let seen = curve.seen(0.0, 10.0, 10);
        assert_eq!((seen.points, seen.runs.concat().len()), (4, 4));
    }

    proptest! {
        #[test]
        fn thinning_keeps_extremes_and_its_limit(
            numbers in prop::collection::vec(prop_oneof![4 => -100.0..100.0_f64, 1 => Just(f64::NAN)], 0..3000),
            columns in 1_usize..200,
            span in (0.0..3000.0_f64, 0.0..3000.0_f64),
        ) {
            let mut curve = Curve::new("t".into());
            for (place, number) in numbers.iter().enumerate() {
                if number.is_nan() { curve.interrupt(place as f64) } else { curve.push(place as f64, *number) }
            }
            let (from, to): (f64, f64) = (span.0.min(span.1), span.0.max(span.1));
            let seen = curve.seen(from, to, columns);
            let all: Vec<f64> = numbers.iter().enumerate()
                .filter(|(place, number)| (from..=to).contains(&(*place as f64)) && !number.is_nan())
                .map(|(_, number)| *number).collect();
            prop_assert_eq!(seen.points, all.len() as u64);
            prop_assert_eq!(seen.min, all.iter().copied().reduce(f64::min));
            prop_assert_eq!(seen.max, all.iter().copied().reduce(f64::max));
            let drawn = seen.runs.concat();
            prop_assert!(drawn.len() <= 2 * columns + 2);
            prop_assert!(drawn.iter().all(|[at, number]| all.contains(number) && (from..=to).contains(at)));
            prop_assert_eq!(drawn.iter().map(|[_, y]| *y).reduce(f64::min), seen.min);
            prop_assert_eq!(drawn.iter().map(|[_, y]| *y).reduce(f64::max), seen.max);
            prop_assert!(seen.runs.iter().all(|run| !run.is_empty()));
        }
    }
}
