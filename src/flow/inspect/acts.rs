//! What is done to the outside through an open connection: messages published, once or again and again, and kept messages
//! cleared. Counts every answer; what has none is unknown, never failed.
//!
//! Sends nothing by itself: it hands requests to the link and says what is to be told and written on record.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::InspectError;
use super::link::Link;
use crate::flow::port::BrokerRequest;
use crate::model::mqtt::message::{Outgoing, PublishEnd};
use crate::model::problem::{Explain as _, Problem};
use crate::model::record::{Phase, StepEntry};
use crate::model::text::visible;
use crate::model::wipe::LeftoverState;
use crate::msg::telemetry::{Clearance, ClearedTopic, Repeat, TelemetryEvent};

/// How long the broker may take to acknowledge a message.
pub(super) const ACK_LIMIT: Duration = Duration::from_secs(30);
/// Messages of a repetition or of a clean-up on their way at once.
const WINDOW: usize = 50;
/// The shortest time between two repetitions.
pub(super) const SHORTEST_REPEAT: Duration = Duration::from_millis(1);
/// Tickets of ours begin here: those of other requests are below.
pub(super) const FIRST_TICKET: u64 = 1 << 32;
/// Topics that are named on record; of more only the number is.
const NAMED: usize = 100;

/// Everything that is on its way.
#[derive(Default)]
pub(super) struct Acts {
    next: u64,
    flights: BTreeMap<u64, Flight>,
    messages: Vec<Publishing>,
    clearing: VecDeque<Clearing>,
}

struct Flight {
    what: What,
    sent_at: Instant,
}

enum What {
    Message { ticket: u64, count: u32 },
    Clear { topic: String },
}

/// A message, once or repeated.
struct Publishing {
    ticket: u64,
    message: Box<Outgoing>,
    repeat: Option<Repeat>,
    next_at: Option<Instant>,
    count: u32,
    flying: usize,
    tally: Tally,
}

#[derive(Default)]
struct Tally {
    sent: u32,
    acknowledged: u32,
    refused: u32,
    unknown: u32,
    last_refusal: Option<&'static str>,
}

/// A clean-up.
struct Clearing {
    left: VecDeque<String>,
    flying: usize,
    answers: Vec<Answer>,
}

/// A topic that was to be cleared, and why the broker didn't acknowledge it, where it didn't.
pub(super) type Answer = (String, Option<Problem>);

/// What is to be told and written.
#[derive(Default)]
pub(super) struct Told {
    pub(super) events: Vec<TelemetryEvent>,
    pub(super) entries: Vec<StepEntry>,
    /// Clean-ups to which every answer came that will come. What became of them says only a look.
    pub(super) answered: Vec<Vec<Answer>>,
    /// An act of which nobody knows what came of it.
    pub(super) unknown: usize,
    /// Acts that came to their end.
    pub(super) done: usize,
    /// Acts that came to their end and changed nothing.
    pub(super) in_vain: usize,
}

/// What goes on record before a message is published. Of its payload only the length.
pub(super) fn publish_intent(message: &Outgoing, repeat: Option<&Repeat>) -> StepEntry {
    let mut detail = json!({
        "topic": visible(&message.topic, 400), "bytes": message.payload.len(), "qos": message.qos.number(),
        "retained": message.is_retained,
    });
    if let Some(repeat) = repeat {
        detail["every_millis"] = json!(u64::try_from(repeat.every.as_millis()).unwrap_or(u64::MAX));
        detail["times"] = json!(repeat.times);
    }
    StepEntry { step: "publish".into(), phase: Phase::Intent, outcome: String::new(), detail }
}

/// What goes on record before kept messages are cleared.
pub(in crate::flow) fn clear_intent(topics: &[String]) -> StepEntry {
    let named: Vec<String> = topics.iter().take(NAMED).map(|topic| visible(topic, 400)).collect();
    let detail = json!({ "count": topics.len(), "topics": named });
    StepEntry { step: "clear-retained".into(), phase: Phase::Intent, outcome: String::new(), detail }
}

impl Acts {
    /// Begins to publish a message; its intent is on record.
    pub(super) fn publish(&mut self, ticket: u64, message: Box<Outgoing>, repeat: Option<Repeat>, now: Instant) {
        let tally = Tally::default();
        self.messages.push(Publishing { ticket, message, repeat, next_at: Some(now), count: 0, flying: 0, tally });
    }

    /// Begins to clear kept messages; the intent is on record.
    pub(super) fn clear(&mut self, topics: Vec<String>) {
        let left = topics.into();
        self.clearing.push_back(Clearing { left, flying: 0, answers: Vec::new() });
    }

    /// Repeats a message no more.
    pub(super) fn stop_repeat(&mut self, ticket: u64) {
        for publishing in self.messages.iter_mut().filter(|publishing| publishing.ticket == ticket) {
            publishing.next_at = None;
        }
    }

    /// When something is due by itself.
    pub(super) fn next_at(&self) -> Option<Instant> {
        let repeats = self.messages.iter().filter(|publishing| publishing.flying < WINDOW);
        let repeats = repeats.filter_map(|publishing| publishing.next_at);
        // Tickets rise, so that the first flight is the oldest.
        let ack = self.flights.values().next().map(|flight| flight.sent_at + ACK_LIMIT);
        repeats.chain(ack).min()
    }

    /// Sends what is due, gives up what was never answered, and closes what has come to its end.
    pub(super) fn pump(&mut self, link: &mut Link, now: Instant, told: &mut Told) {
        let overdue: Vec<u64> = self
            .flights
            .iter()
            .take_while(|(_, flight)| now.saturating_duration_since(flight.sent_at) >= ACK_LIMIT)
            .map(|(ticket, _)| *ticket)
            .collect();
        for ticket in overdue {
            self.answered(ticket, PublishEnd::Unknown, told);
        }
        self.send_messages(link, now, told);
        self.send_clearing(link, now);
        self.close(told);
    }

    fn send_messages(&mut self, link: &mut Link, now: Instant, told: &mut Told) {
        for publishing in &mut self.messages {
            while let Some(at) = publishing.next_at.filter(|at| *at <= now && publishing.flying < WINDOW) {
                publishing.count += 1;
                publishing.next_at = match publishing.repeat {
                    Some(repeat) if repeat.times.is_none_or(|times| publishing.count < times) => {
                        // What was missed because the program was busy is not caught up with in one go.
                        Some((at + repeat.every).max(now))
                    }
                    _ => None,
                };
                let (ticket, count) = (publishing.ticket, publishing.count);
                self.next += 1;
                let own = FIRST_TICKET + self.next;
                if link.ask(BrokerRequest::Publish { ticket: own, message: publishing.message.clone() }) {
                    publishing.flying += 1;
                    self.flights.insert(own, Flight { what: What::Message { ticket, count }, sent_at: now });
                } else {
                    let end = PublishEnd::NotSent(InspectError::NotConnected.explain());
                    publishing.tally.count(&end);
                    told.events.push(TelemetryEvent::Published { ticket, count, end });
                }
                if publishing.repeat.is_none_or(|repeat| repeat.every < SHORTEST_REPEAT) {
                    break;
                }
            }
        }
    }

    fn send_clearing(&mut self, link: &mut Link, now: Instant) {
        let Some(clearing) = self.clearing.front_mut() else { return };
        while clearing.flying < WINDOW {
            let Some(topic) = clearing.left.pop_front() else { break };
            let message = Outgoing::clearing(topic.clone());
            self.next += 1;
            let own = FIRST_TICKET + self.next;
            if link.ask(BrokerRequest::Publish { ticket: own, message: Box::new(message) }) {
                clearing.flying += 1;
                self.flights.insert(own, Flight { what: What::Clear { topic }, sent_at: now });
            } else {
                clearing.answers.push((topic, Some(InspectError::NotConnected.explain())));
            }
        }
    }

    /// The broker answered, or will not any more.
    pub(super) fn answered(&mut self, own: u64, end: PublishEnd, told: &mut Told) {
        let Some(flight) = self.flights.remove(&own) else { return };
        match flight.what {
            What::Message { ticket, count } => {
                if let Some(publishing) = self.messages.iter_mut().find(|publishing| publishing.ticket == ticket) {
                    publishing.flying -= 1;
                    publishing.tally.count(&end);
                }
                told.events.push(TelemetryEvent::Published { ticket, count, end });
            }
            What::Clear { topic } => {
                let Some(clearing) = self.clearing.front_mut() else { return };
                clearing.flying -= 1;
                let problem = match end {
                    PublishEnd::Sent | PublishEnd::Acknowledged | PublishEnd::NobodySubscribed => None,
                    PublishEnd::Refused(problem) | PublishEnd::NotSent(problem) => Some(problem),
                    PublishEnd::Unknown => {
                        Some(InspectError::NotAcknowledged { topic: visible(&topic, 200) }.explain())
                    }
                };
                clearing.answers.push((topic, problem));
            }
        }
    }

    /// The connection is gone: what was on its way may have arrived, the rest was not sent.
    pub(super) fn connection_lost(&mut self, told: &mut Told) {
        let flying: Vec<u64> = self.flights.keys().copied().collect();
        for own in flying {
            self.answered(own, PublishEnd::Unknown, told);
        }
        for clearing in &mut self.clearing {
            for topic in clearing.left.drain(..) {
                clearing.answers.push((topic, Some(InspectError::NotConnected.explain())));
            }
        }
        self.close(told);
    }

    /// The inspection ends: repetitions too.
    pub(super) fn end(&mut self, told: &mut Told) {
        for publishing in &mut self.messages {
            publishing.next_at = None;
        }
        self.connection_lost(told);
    }

    fn close(&mut self, told: &mut Told) {
        self.messages.retain(|publishing| {
            let is_over = publishing.next_at.is_none() && publishing.flying == 0;
            if is_over {
                told.close(&publishing.tally);
            }
            !is_over
        });
        while let Some(clearing) = self.clearing.pop_front_if(|it| it.left.is_empty() && it.flying == 0) {
            told.answered.push(clearing.answers);
        }
    }
}

/// What goes on record after it was looked whether messages are gone.
pub(in crate::flow) fn clear_outcome(clearance: &Clearance) -> StepEntry {
    let [gone, still_there, not_looked] = CLEARED.map(|state| clearance.count(state));
    let outcome = match (still_there, not_looked) {
        (1.., _) => "still-there",
        (0, 0) => "observed",
        (0, 1..) => "unknown",
    };
    let failed: Vec<&ClearedTopic> =
        clearance.topics.iter().filter(|topic| topic.state != LeftoverState::Cleared).collect();
    let named: Vec<_> = failed.iter().take(NAMED).map(|failed| visible(&failed.topic, 400)).collect();
    let detail = json!({
        "cleared": gone, "acknowledged": clearance.acknowledged(), "still_there": still_there,
        "not_looked_at": not_looked, "failed": failed.len(), "failed_topics": named,
    });
    StepEntry { step: "clear-retained".into(), phase: Phase::Outcome, outcome: outcome.into(), detail }
}

/// What can become of a message that was to be cleared.
const CLEARED: [LeftoverState; 3] = [LeftoverState::Cleared, LeftoverState::StillThere, LeftoverState::NotLooked];

impl Tally {
    fn count(&mut self, end: &PublishEnd) {
        match end {
            PublishEnd::Sent => self.sent += 1,
            PublishEnd::Acknowledged | PublishEnd::NobodySubscribed => self.acknowledged += 1,
            PublishEnd::Refused(problem) | PublishEnd::NotSent(problem) => {
                self.refused += 1;
                self.last_refusal = Some(problem.code);
            }
            PublishEnd::Unknown => self.unknown += 1,
        }
    }

    fn entry(&self) -> StepEntry {
        let Self { sent, acknowledged, refused, unknown, last_refusal } = self;
        let outcome = match (unknown, refused, acknowledged) {
            (1.., _, _) => "unknown",
            (0, 1.., _) => "refused",
            (0, 0, 1..) => "acknowledged",
            (0, 0, 0) => "requested",
        };
        let detail = json!({
            "sent": sent, "acknowledged": acknowledged, "refused": refused, "unknown": unknown, "reason": last_refusal,
        });
        StepEntry { step: "publish".into(), phase: Phase::Outcome, outcome: outcome.into(), detail }
    }
}

impl Told {
    fn close(&mut self, tally: &Tally) {
        self.entries.push(tally.entry());
        self.unknown += usize::from(tally.unknown > 0);
        if tally.sent + tally.acknowledged + tally.unknown > 0 {
            self.done += 1;
        } else {
            self.in_vain += 1;
        }
    }
}
