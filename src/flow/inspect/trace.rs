//! What is remembered of an inspection for the bundle: stages, packets and warnings, the newest of each.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::mqtt::stage::{StageReport, TracedPacket};
use crate::model::problem::Problem;

const STAGES: usize = 400;
const PACKETS: usize = 5000;
const WARNINGS: usize = 200;

#[derive(Default)]
pub(super) struct Trace {
    pub(super) stages: VecDeque<StageReport>,
    pub(super) packets: VecDeque<TracedPacket>,
    pub(super) warnings: VecDeque<(Duration, Problem)>,
}

impl Trace {
    /// A later report of the same attempt and stage replaces the earlier one.
    pub(super) fn stage(&mut self, report: &StageReport) {
        let is_same = |known: &&mut StageReport| known.attempt == report.attempt && known.stage == report.stage;
        match self.stages.iter_mut().rev().take(10).find(is_same) {
            Some(known) => *known = report.clone(),
            None => push(&mut self.stages, report.clone(), STAGES),
        }
    }

    pub(super) fn packets(&mut self, packets: &[TracedPacket]) {
        for packet in packets {
            push(&mut self.packets, packet.clone(), PACKETS);
        }
    }

    pub(super) fn warning(&mut self, at: Duration, problem: &Problem) {
        push(&mut self.warnings, (at, problem.clone()), WARNINGS);
    }
}

fn push<T>(kept: &mut VecDeque<T>, new: T, most: usize) {
    if kept.len() >= most {
        kept.pop_front();
    }
    kept.push_back(new);
}
