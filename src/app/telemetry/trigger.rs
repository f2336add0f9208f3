//! The trigger: a jq expression that marks messages, tells of them, and begins to record, where it becomes true.

use std::collections::{HashSet, VecDeque};

use super::seat::Seat;
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::{Explain as _, Problem};
use crate::msg::Command;
use crate::msg::telemetry::{TelemetryCommand, TelemetryEvent, TriggerPlan};
use crate::telemetry::trigger::Fired;
use crate::telemetry::view::{MessageId, Query};

/// Messages that are listed.
const LISTED: usize = 100;
/// Messages that stay marked.
const MARKED: usize = 10_000;

/// What the user did with the trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerAction {
    /// Watches for what is typed.
    Set,
    /// Watches no more; what is marked stays.
    Dropped,
    /// Forgets what was marked.
    Cleared,
}

/// The view model of the trigger.
#[derive(Debug)]
pub struct Trigger {
    /// The topics being typed, as a filter; edited in place. Empty for all.
    pub filter: String,
    /// The expression being typed; edited in place.
    pub jq: String,
    /// Whether a message at the edge tells of it; edited in place.
    pub is_telling: bool,
    /// Whether it begins to record; edited in place.
    pub is_recording: bool,
    watched: Option<String>,
    problem: Option<Problem>,
    fired: VecDeque<Fired>,
    marked: HashSet<MessageId>,
    count: u64,
}

impl Default for Trigger {
    fn default() -> Self {
        Self {
            filter: String::new(),
            jq: String::new(),
            is_telling: true,
            is_recording: false,
            watched: None,
            problem: None,
            fired: VecDeque::new(),
            marked: HashSet::new(),
            count: 0,
        }
    }
}

impl Trigger {
    /// The expression that is watched.
    pub fn watched(&self) -> Option<&str> {
        self.watched.as_deref()
    }

    /// Why what is typed cannot be watched.
    pub const fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// The messages on which it fired, the newest first.
    pub fn fired(&self) -> impl Iterator<Item = &Fired> {
        self.fired.iter()
    }

    /// How often it fired.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Whether it fired on that message.
    pub fn is_marked(&self, message: MessageId) -> bool {
        self.marked.contains(&message)
    }

    pub(super) fn act(&mut self, action: TriggerAction, seat: &mut Seat<'_, '_>) -> Vec<Command> {
        match action {
            TriggerAction::Set => return self.set(seat),
            TriggerAction::Dropped => {
                self.watched = None;
                return seat.ask(TelemetryCommand::SetTrigger(None));
            }
            TriggerAction::Cleared => self.forget(),
        }
        Vec::new()
    }

    fn set(&mut self, seat: &Seat<'_, '_>) -> Vec<Command> {
        let jq = self.jq.trim().to_owned();
        if jq.is_empty() || seat.inspection.is_none() {
            return Vec::new();
        }
        let filter = match self.filter.trim() {
            "" => None,
            text => match text.parse::<TopicFilter>() {
                Ok(filter) => Some(filter),
                Err(error) => {
                    self.problem = Some(error.explain());
                    return Vec::new();
                }
            },
        };
        self.problem = None;
        self.watched = Some(jq.clone());
        let query = Query { filter, jq, ..Query::default() };
        let record = self.is_recording.then(|| super::recorder::fresh(&seat.settings.data_dir, "trigger"));
        seat.ask(TelemetryCommand::SetTrigger(Some(Box::new(TriggerPlan { query, record }))))
    }

    /// Takes in what is reported; the sentence to tell at the edge, if one is wanted.
    pub(super) fn told(&mut self, event: &TelemetryEvent) -> Option<String> {
        match event {
            TelemetryEvent::TriggerRefused(problem) => {
                self.watched = None;
                self.problem = Some((**problem).clone());
                None
            }
            TelemetryEvent::Triggered { fired, count } => {
                self.count = *count;
                for one in fired {
                    if self.marked.len() < MARKED {
                        self.marked.insert(one.message);
                    }
                    self.fired.push_front(one.clone());
                }
                self.fired.truncate(LISTED);
                let newest = fired.last()?;
                self.is_telling.then(|| format!("Trigger: {} {}", newest.topic, newest.preview))
            }
            _ => None,
        }
    }

    /// The messages it fired on are gone.
    pub(super) fn forget(&mut self) {
        self.fired.clear();
        self.marked.clear();
        self.count = 0;
    }

    /// The inspection ended.
    pub(super) fn ended(&mut self) {
        self.watched = None;
    }
}
