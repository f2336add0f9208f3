//! The retained messages of a broker: found, counted, chosen and cleared.

use std::collections::BTreeSet;

use crate::app::telemetry::seat::Seat;
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::{Explain as _, Problem};
use crate::model::text::visible;
use crate::msg::Command;
use crate::msg::telemetry::{Clearance, RetainedSearch, TelemetryCommand};

/// A retained message that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetainedRow {
    /// Its topic.
    pub topic: String,
    /// Its topic, made safe to show.
    pub shown: String,
    /// Length of its payload.
    pub bytes: u64,
}

/// How the clean-up of retained messages stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RetainedPhase {
    /// Nothing was asked.
    #[default]
    Idle,
    /// They are being listed.
    Searching,
    /// They are listed; what kept the list from being complete, where something did.
    Listed(Option<Problem>),
    /// So many are being cleared.
    Clearing(usize),
    /// They were cleared, and looked for again.
    Cleared(Clearance),
}

/// The retained messages of a broker.
#[derive(Default)]
pub struct Retained {
    /// The filter being typed; edited in place.
    pub filter: String,
    /// The number being typed in the dialog; edited in place.
    pub typed: String,
    phase: RetainedPhase,
    rows: Vec<RetainedRow>,
    marked: BTreeSet<usize>,
    /// What was wrong, and in which filter.
    mistake: Option<(Problem, String)>,
    is_asking: bool,
}

impl Retained {
    /// How the clean-up stands.
    pub const fn phase(&self) -> &RetainedPhase {
        &self.phase
    }

    /// The messages found.
    pub fn rows(&self) -> &[RetainedRow] {
        &self.rows
    }

    /// Whether a message is marked.
    pub fn is_marked(&self, index: usize) -> bool {
        self.marked.contains(&index)
    }

    /// How many are marked, and the length of their payloads.
    pub fn marked(&self) -> (usize, u64) {
        let bytes = self.marked.iter().filter_map(|index| self.rows.get(*index)).map(|row| row.bytes).sum();
        (self.marked.len(), bytes)
    }

    /// The length of all payloads found.
    pub fn total_bytes(&self) -> u64 {
        self.rows.iter().map(|row| row.bytes).sum()
    }

    /// What is wrong with the filter typed; nothing once another one was typed.
    pub fn mistake(&self) -> Option<&Problem> {
        self.mistake.as_ref().filter(|(_, filter)| *filter == self.filter).map(|(problem, _)| problem)
    }

    /// Whether they are being listed or cleared.
    pub const fn is_busy(&self) -> bool {
        matches!(self.phase, RetainedPhase::Searching | RetainedPhase::Clearing(_))
    }

    /// Whether the number in the dialog is that of the marked messages.
    pub fn is_typed_right(&self) -> bool {
        !self.marked.is_empty() && self.typed.trim() == self.marked.len().to_string()
    }

    /// The question whether to clear messages: how many, and of which filter.
    pub(super) fn question(&self) -> Option<(usize, &str)> {
        self.is_asking.then_some((self.marked.len(), self.filter.as_str()))
    }

    pub(super) fn drop_question(&mut self) {
        self.is_asking = false;
        self.typed.clear();
    }

    /// Asks whether to clear those marked, once the list is complete.
    pub(super) fn ask(&mut self) {
        if matches!(self.phase, RetainedPhase::Listed(_)) && !self.marked.is_empty() {
            self.typed.clear();
            self.is_asking = true;
        }
    }

    /// Marks a message, or takes its mark away. Only once the list is complete: until then rows move.
    pub(super) fn toggle(&mut self, index: usize) {
        let is_listed = matches!(self.phase, RetainedPhase::Listed(_));
        if is_listed && index < self.rows.len() && !self.marked.remove(&index) {
            self.marked.insert(index);
        }
    }

    pub(super) fn mark_all(&mut self, is_marked: bool) {
        let is_listed = matches!(self.phase, RetainedPhase::Listed(_));
        self.marked = if is_marked && is_listed { (0..self.rows.len()).collect() } else { BTreeSet::new() };
    }

    pub(super) fn search(&mut self, seat: &Seat<'_, '_>) -> Vec<Command> {
        self.mistake = None;
        if self.is_busy() || seat.inspection.is_none() {
            return Vec::new();
        }
        match self.filter.trim().parse::<TopicFilter>() {
            Ok(filter) => {
                self.rows.clear();
                self.marked.clear();
                self.phase = RetainedPhase::Searching;
                seat.ask(TelemetryCommand::FindRetained(filter))
            }
            Err(error) => {
                self.mistake = Some((error.explain(), self.filter.clone()));
                Vec::new()
            }
        }
    }

    /// Clears those marked, if their number was typed.
    pub(super) fn clear(&mut self, seat: &Seat<'_, '_>) -> Vec<Command> {
        if !self.is_asking || !self.is_typed_right() {
            return Vec::new();
        }
        let marked = self.marked.iter().filter_map(|index| self.rows.get(*index));
        let topics: Vec<String> = marked.map(|row| row.topic.clone()).collect();
        self.phase = RetainedPhase::Clearing(topics.len());
        self.drop_question();
        seat.ask(TelemetryCommand::ClearRetained(topics))
    }

    /// All that was found so far.
    pub(super) fn found(&mut self, topics: &[(String, u64)], search: &RetainedSearch) {
        if self.phase != RetainedPhase::Searching {
            return;
        }
        let row = |(topic, bytes): &(String, u64)| RetainedRow {
            topic: topic.clone(),
            shown: visible(topic, 400),
            bytes: *bytes,
        };
        self.rows = topics.iter().map(row).collect();
        if search.is_over() {
            self.rows.sort_by(|one, other| one.topic.cmp(&other.topic));
            self.rows.dedup_by(|one, other| one.topic == other.topic);
            self.phase = RetainedPhase::Listed(search.problem().cloned());
        }
    }

    pub(super) fn cleared(&mut self, clearance: &Clearance) {
        let mut clearance = clearance.clone();
        for cleared in &mut clearance.topics {
            cleared.topic = visible(&cleared.topic, 400);
        }
        self.rows.clear();
        self.marked.clear();
        self.phase = RetainedPhase::Cleared(clearance);
    }

    /// The inspection ended.
    pub(super) fn ended(&mut self) {
        self.is_asking = false;
        if self.is_busy() {
            self.phase = RetainedPhase::Idle;
        }
    }
}
