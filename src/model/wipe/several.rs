//! Several gateways in one go: which is begun next, and what they came to. One rule for the window and the command line.

use serde::Serialize;

use super::Outcome;
use crate::model::batch::MAX_PARALLEL;
use crate::model::ids::{LinkAddress, LinkKind};

/// Which gateways wait, run, and have ended. A Bluetooth adapter has one at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    rows: Vec<(LinkKind, Stage)>,
    parallel: usize,
    is_stopped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waits,
    /// A person had it begun again: a stop before that doesn't hold it back.
    Again,
    Runs,
    Ended,
}

impl Queue {
    /// All wait. So many may run at once.
    pub fn new<'a>(links: impl Iterator<Item = &'a LinkAddress>, parallel: usize) -> Self {
        let rows = links.map(|link| (link.kind(), Stage::Waits)).collect();
        Self { rows, parallel: parallel.clamp(1, MAX_PARALLEL), is_stopped: false }
    }

    /// Begins the next one that may begin.
    pub fn begin(&mut self) -> Option<usize> {
        let running = || self.rows.iter().filter(|(_, stage)| *stage == Stage::Runs);
        if running().count() >= self.parallel {
            return None;
        }
        let is_on_air = running().any(|(kind, _)| *kind == LinkKind::Ble);
        let may_begin = |(kind, stage): &(LinkKind, Stage)| {
            let is_wanted = *stage == Stage::Again || (*stage == Stage::Waits && !self.is_stopped);
            is_wanted && !(is_on_air && *kind == LinkKind::Ble)
        };
        let next = self.rows.iter().position(may_begin)?;
        self.rows[next].1 = Stage::Runs;
        Some(next)
    }

    /// One has ended.
    pub fn end(&mut self, row: usize) {
        if let Some((_, stage)) = self.rows.get_mut(row) {
            *stage = Stage::Ended;
        }
    }

    /// One that did nothing is begun once more, over that link.
    pub fn again(&mut self, row: usize, link: LinkKind) {
        if let Some(one) = self.rows.get_mut(row) {
            *one = (link, Stage::Again);
        }
    }

    /// One is left out; those after it move up.
    pub fn take_out(&mut self, row: usize) {
        if row < self.rows.len() {
            self.rows.remove(row);
        }
    }

    /// Begins no further one.
    pub fn stop(&mut self) {
        self.is_stopped = true;
        self.rows.iter_mut().filter(|(_, stage)| *stage == Stage::Again).for_each(|(_, stage)| *stage = Stage::Waits);
    }

    /// Whether none runs, and none will.
    pub fn is_over(&self) -> bool {
        let is_left = |stage| match stage {
            Stage::Runs | Stage::Again => true,
            Stage::Waits => !self.is_stopped,
            Stage::Ended => false,
        };
        !self.rows.iter().any(|(_, stage)| is_left(*stage))
    }
}

/// How one of several stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was not begun.
    Waits,
    /// It is under way.
    Runs,
    /// It could not be reached, or let nobody in: nothing was done.
    Failed,
    /// It ended so.
    Ended(Outcome),
}

/// What several came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// All of them.
    pub gateways: usize,
    /// Removed, and seen so.
    pub complete: usize,
    /// Something is still there, or could not be looked at.
    pub incomplete: usize,
    /// Another gateway than the one that was named: nothing was done.
    pub refused: usize,
    /// One that could not be reached, or let nobody in: nothing was done.
    pub failed: usize,
    /// Something was sent, and nobody could look what came of it.
    pub unknown: usize,
    /// Under way: none once all is over, so what is read afterwards does not have it.
    #[serde(skip)]
    pub running: usize,
    /// Never begun.
    pub not_begun: usize,
}

impl Tally {
    /// Counts how each stands.
    pub fn of(all: impl Iterator<Item = Standing>) -> Self {
        let mut tally = Self::default();
        for one in all {
            tally.gateways += 1;
            let count = match one {
                Standing::Ended(Outcome::Complete) => &mut tally.complete,
                Standing::Ended(Outcome::Incomplete) => &mut tally.incomplete,
                Standing::Ended(Outcome::Refused) => &mut tally.refused,
                Standing::Failed => &mut tally.failed,
                Standing::Ended(Outcome::Unknown) => &mut tally.unknown,
                Standing::Runs => &mut tally.running,
                Standing::Waits => &mut tally.not_begun,
            };
            *count += 1;
        }
        tally
    }

    /// It in words: `2 complete, 1 refused`.
    pub fn words(&self) -> String {
        let parts = [
            (self.complete, "complete"),
            (self.incomplete, "incomplete"),
            (self.refused, "refused"),
            (self.failed, "failed"),
            (self.unknown, "unknown"),
            (self.running, "running"),
            (self.not_begun, "not begun"),
        ];
        let said: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        said.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(texts: &[&str]) -> Vec<LinkAddress> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn so_many_run_at_once_and_one_on_the_air() {
        let links = links(&["ble:C4:4F:33:00:00:01", "ble:C4:4F:33:00:00:02", "serial:/dev/a", "serial:/dev/b"]);
        let mut queue = Queue::new(links.iter(), 2);
        assert_eq!((queue.begin(), queue.begin(), queue.begin()), (Some(0), Some(2), None));
        queue.end(2);
        assert_eq!((queue.begin(), queue.begin()), (Some(3), None), "the second device waits for the air");
        queue.end(0);
        assert_eq!(queue.begin(), Some(1));
        assert!(!queue.is_over());
        queue.end(1);
        queue.end(3);
        assert!(queue.is_over());
    }

    #[test]
    fn what_was_stopped_begins_no_further_one_and_is_over_when_the_last_has_ended() {
        let links = links(&["serial:/dev/a", "serial:/dev/b"]);
        let mut queue = Queue::new(links.iter(), 1);
        queue.begin();
        queue.stop();
        assert!(!queue.is_over());
        queue.end(0);
        assert_eq!(queue.begin(), None);
        assert!(queue.is_over());
    }

    #[test]
    fn one_that_is_begun_again_waits_for_room_and_for_no_stop_before() {
        let links = links(&["serial:/dev/a", "serial:/dev/b", "serial:/dev/c"]);
        let mut queue = Queue::new(links.iter(), 1);
        queue.begin();
        queue.end(0);
        queue.begin();
        queue.stop();
        queue.again(0, LinkKind::Serial);
        assert_eq!(queue.begin(), None, "another one runs");
        queue.end(1);
        assert_eq!((queue.begin(), queue.is_over()), (Some(0), false));
        queue.take_out(1);
        queue.end(0);
        assert!(queue.begin().is_none() && queue.is_over(), "what was stopped stays so");
    }

    #[test]
    fn a_gateway_that_could_not_be_reached_is_never_counted_as_removed() {
        let all =
            [Standing::Ended(Outcome::Complete), Standing::Failed, Standing::Waits, Standing::Ended(Outcome::Unknown)];
        let tally = Tally::of(all.into_iter());
        assert_eq!(tally.words(), "1 complete, 1 failed, 1 unknown, 1 not begun");
        assert_eq!(tally.gateways, 4);
    }

    #[test]
    fn one_under_way_is_counted_as_running_and_a_summary_for_programs_stays_as_it_was() {
        let tally = Tally::of([Standing::Runs, Standing::Waits].into_iter());
        assert_eq!(tally.words(), "1 running, 1 not begun");
        assert!(!serde_json::to_string(&tally).unwrap().contains("running"));
    }
}
