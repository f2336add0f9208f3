//! The connect doctor: every attempt stage by stage, with the times, facts and findings of each.

use std::time::Duration;

use crate::model::mqtt::stage::{Stage, StageReport, StageState};
use crate::model::problem::Problem;
use crate::model::word::Word as _;

/// Attempts kept; the oldest go first.
const MAX_ATTEMPTS: usize = 20;

/// One attempt to connect.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Its number, from 1 on.
    pub number: u32,
    /// Its stages in the order in which they come.
    pub stages: Vec<StageReport>,
}

impl Attempt {
    /// How long it has taken, to the end of its last stage.
    pub fn took(&self) -> Duration {
        self.stages.iter().map(|report| report.at + report.took).max().unwrap_or_default()
    }

    /// How long it took until subscriptions were granted: what waits for others to publish does not count.
    pub fn took_to_connect(&self) -> Duration {
        let own = self.stages.iter().filter(|report| report.stage != Stage::FirstMessage);
        own.map(|report| report.at + report.took).max().unwrap_or_default()
    }

    /// The stage that failed, and why.
    pub fn failure(&self) -> Option<(&StageReport, &Problem)> {
        self.stages.iter().find_map(|report| match &report.state {
            StageState::Failed(problem) => Some((report, problem)),
            _ => None,
        })
    }

    /// The stage under way.
    pub fn running(&self) -> Option<&StageReport> {
        self.stages.iter().rev().find(|report| report.state == StageState::Running)
    }

    /// The stage of that name.
    pub fn stage(&self, stage: Stage) -> Option<&StageReport> {
        self.stages.iter().find(|report| report.stage == stage)
    }

    /// Whether a stage went well with something to look at.
    pub fn is_noted(&self) -> bool {
        self.stages.iter().any(|report| matches!(report.state, StageState::Noted(_)))
    }
}

/// The stages of all attempts.
#[derive(Debug, Default)]
pub struct Doctor {
    attempts: Vec<Attempt>,
}

impl Doctor {
    /// The attempts, oldest first.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// The attempt that counts: the last one.
    pub fn last(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// Whether the last attempt has something to look at.
    pub fn has_noted(&self) -> bool {
        self.last().is_some_and(|attempt| attempt.is_noted() || attempt.failure().is_some())
    }

    /// A report came: it replaces an earlier one of its attempt and stage.
    pub(super) fn took(&mut self, report: StageReport) {
        if self.last().is_none_or(|last| last.number < report.attempt) {
            self.attempts.push(Attempt { number: report.attempt, stages: Vec::new() });
            if self.attempts.len() > MAX_ATTEMPTS {
                self.attempts.remove(0);
            }
        }
        let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.number == report.attempt) else { return };
        match attempt.stages.iter_mut().find(|known| known.stage == report.stage) {
            Some(known) => *known = report,
            None => attempt.stages.push(report),
        }
        let order = |stage: Stage| Stage::ALL.iter().position(|known| *known == stage);
        attempt.stages.sort_by_key(|report| order(report.stage));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(attempt: u32, stage: Stage, state: StageState) -> StageReport {
        StageReport { state, ..StageReport::begun(attempt, stage, Duration::ZERO) }
    }

    fn refused() -> Problem {
        Problem::new("mqtt.tls", "The certificate is not trusted", "An own CA", "Give its file")
    }

    #[test]
    fn a_later_report_of_a_stage_replaces_the_earlier_one_and_stages_keep_their_order() {
        let mut doctor = Doctor::default();
        doctor.took(report(1, Stage::Tls, StageState::Running));
        doctor.took(report(1, Stage::Resolve, StageState::Done));
        doctor.took(report(1, Stage::Tls, StageState::Failed(refused())));
        let last = doctor.last().unwrap();
        assert_eq!(last.stages.iter().map(|one| one.stage).collect::<Vec<_>>(), [Stage::Resolve, Stage::Tls]);
        assert_eq!(last.failure().unwrap().1.code, "mqtt.tls");
        assert!(last.running().is_none());
    }

    #[test]
    fn what_is_worth_a_look_counts_for_the_last_attempt_only() {
        let mut doctor = Doctor::default();
        doctor.took(report(1, Stage::Tcp, StageState::Failed(refused())));
        assert!(doctor.has_noted());
        doctor.took(report(2, Stage::Tcp, StageState::Done));
        assert!(!doctor.has_noted());
        doctor.took(report(2, Stage::Tls, StageState::Noted(refused())));
        assert!(doctor.has_noted());
    }

    #[test]
    fn attempts_are_bounded() {
        let mut doctor = Doctor::default();
        for attempt in 1..=1000 {
            doctor.took(report(attempt, Stage::Tcp, StageState::Failed(refused())));
        }
        assert_eq!(doctor.attempts().len(), MAX_ATTEMPTS);
        assert_eq!(doctor.last().unwrap().number, 1000);
    }
}
