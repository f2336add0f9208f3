//! What an inspection does to the outside: messages published, retained messages found and cleared, each on record.

use std::sync::Arc;

use tokio::time::Instant;

use super::super::InspectError;
use super::super::acts;
use super::super::link::Link;
use super::super::retained::{Find, Found, clearance, searching};
use super::super::rules;
use super::{FINDER, Job, Told, random};
use crate::model::mqtt::MqttVersion;
use crate::model::mqtt::message::{Outgoing, PublishEnd, Qos, Subscription};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::{Explain as _, Problem};
use crate::model::record::{Phase, StepEntry};
use crate::model::wipe::LeftoverState;
use crate::msg::telemetry::{Clearance, Repeat, RetainedSearch, TelemetryEvent};

impl Job {
    pub(super) const fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    pub(super) async fn publish(&mut self, ticket: u64, message: Box<Outgoing>, repeat: Option<Repeat>) {
        let repeat = repeat.map(|repeat| Repeat { every: repeat.every.max(acts::SHORTEST_REPEAT), ..repeat });
        if let Err(problem) = self.check_publish(&message, repeat.as_ref()).await {
            let end = PublishEnd::NotSent(problem);
            return self.tell(TelemetryEvent::Published { ticket, count: 1, end }).await;
        }
        self.acts.publish(ticket, message, repeat, Instant::now());
        self.pump().await;
    }

    /// Whether a message can be sent; then its intent is on record.
    pub(super) async fn check_publish(&mut self, message: &Outgoing, repeat: Option<&Repeat>) -> Result<(), Problem> {
        let Some(plan) = &self.plan else {
            return Err(InspectError::IsRecording { what: "publishing" }.explain());
        };
        if !self.link.is_open() {
            return Err(InspectError::NotConnected.explain());
        }
        message.check().map_err(|error| error.explain())?;
        if !message.properties.is_empty() && plan.version != MqttVersion::V5 {
            return Err(InspectError::NeedsVersion5.explain());
        }
        for note in rules::check_message(plan, message)? {
            self.warn(note).await;
        }
        self.write_entry(acts::publish_intent(message, repeat)).await
    }

    pub(super) async fn clear_retained(&mut self, topics: Vec<String>) {
        let refused = if self.plan.is_none() {
            Some(InspectError::IsRecording { what: "clean-up" }.explain())
        } else if self.link.is_open() {
            self.write_entry(acts::clear_intent(&topics)).await.err()
        } else {
            Some(InspectError::NotConnected.explain())
        };
        if let Some(problem) = refused {
            let answers = topics.into_iter().map(|topic| (topic, Some(problem.clone()))).collect();
            let look = RetainedSearch::Failed(Box::new(problem));
            return self.tell(TelemetryEvent::RetainedCleared(clearance(answers, &[], look))).await;
        }
        self.acts.clear(topics);
        self.pump().await;
    }

    pub(super) async fn find_retained(&mut self, filter: TopicFilter) {
        let refused = match (&self.plan, &self.find) {
            (None, _) => Some(InspectError::IsRecording { what: "retained messages" }),
            (_, Some(_)) => Some(InspectError::FindUnderWay),
            (Some(_), None) if filter.is_shared() => Some(InspectError::SharedSearch),
            (Some(_), None) => None,
        };
        if let Some(error) = refused {
            let problem = error.explain();
            self.warn(problem.clone()).await;
            let search = RetainedSearch::Failed(Box::new(problem));
            return self.tell(TelemetryEvent::Retained { topics: Vec::new(), search }).await;
        }
        self.searched = Some(filter.clone());
        self.begin_to_find(vec![Subscription { filter, qos: Qos::AtMostOnce }]);
    }

    fn begin_to_find(&mut self, subscriptions: Vec<Subscription>) {
        let Some(mut plan) = self.plan.clone() else { return };
        plan.client_id = format!("{}{FINDER}{:04x}", plan.client_id, u16::from_be_bytes([random(), random()]));
        plan = searching(plan, subscriptions);
        let mut link = Link::default();
        link.connect(Arc::clone(&self.setup.broker), plan, 1);
        self.find = Some(Find::new(link));
    }

    /// Looks whether messages that were to be cleared are gone: with the filter by which they were found.
    fn look_again(&mut self) {
        if self.find.is_some() || self.looking.is_some() {
            return;
        }
        let Some(answers) = self.to_look.pop_front() else { return };
        let filters: Vec<TopicFilter> = match &self.searched {
            Some(filter) if answers.iter().all(|(topic, _)| filter.matches(topic)) => vec![filter.clone()],
            _ => answers.iter().filter_map(|(topic, _)| topic.parse().ok()).collect(),
        };
        self.looking = Some(answers);
        let wanted = |filter| Subscription { filter, qos: Qos::AtMostOnce };
        self.begin_to_find(filters.into_iter().map(wanted).collect());
    }

    pub(super) async fn found(&mut self, found: Found) {
        match found {
            Found::SoFar(event) if self.looking.is_none() => self.tell(*event).await,
            Found::Nothing | Found::SoFar(_) => {}
            Found::Complete(topics, search) => {
                // With its end the connection says farewell by itself.
                self.find = None;
                if let Some(problem) = search.problem() {
                    self.warn(problem.clone()).await;
                }
                match self.looking.take() {
                    Some(answers) => self.cleared(clearance(answers, &topics, search)).await,
                    None => self.tell(TelemetryEvent::Retained { topics, search }).await,
                }
                self.look_again();
            }
        }
    }

    /// What became of messages that were to be cleared: on record, then told.
    async fn cleared(&mut self, clearance: Clearance) {
        self.acts_unknown += usize::from(clearance.count(LeftoverState::NotLooked) > 0);
        match clearance.count(LeftoverState::StillThere) {
            left if left > 0 && left == clearance.topics.len() => self.acts_in_vain += 1,
            _ => self.acts_done += 1,
        }
        if let Err(problem) = self.write_entry(acts::clear_outcome(&clearance)).await {
            self.warn(problem).await;
        }
        self.tell(TelemetryEvent::RetainedCleared(clearance)).await;
    }

    /// The inspection ends: a search as far as it came, and what was cleared and not looked for.
    pub(super) async fn stop_searching(&mut self) {
        if let Some(mut find) = self.find.take() {
            self.found(find.stopped()).await;
        }
        self.find = None;
        for answers in self.looking.take().into_iter().chain(std::mem::take(&mut self.to_look)) {
            let look = RetainedSearch::Cut(Box::new(InspectError::SearchStopped.explain()));
            self.cleared(clearance(answers, &[], look)).await;
        }
    }

    pub(super) async fn pump(&mut self) {
        let mut told = Told::default();
        self.acts.pump(&mut self.link, Instant::now(), &mut told);
        self.take_told(told).await;
    }

    pub(super) async fn take_told(&mut self, told: Told) {
        self.acts_done += told.done;
        self.acts_in_vain += told.in_vain;
        self.acts_unknown += told.unknown;
        for entry in told.entries {
            if let Err(problem) = self.write_entry(entry).await {
                self.warn(problem).await;
            }
        }
        for event in told.events {
            self.tell(event).await;
        }
        self.to_look.extend(told.answered);
        self.look_again();
    }

    pub(super) async fn write(
        &mut self,
        step: &str,
        phase: Phase,
        outcome: &str,
        detail: serde_json::Value,
    ) -> Result<(), Problem> {
        self.write_entry(StepEntry { step: step.into(), phase, outcome: outcome.into(), detail }).await
    }

    pub(super) async fn write_entry(&mut self, entry: StepEntry) -> Result<(), Problem> {
        let records = self.setup.records.as_ref().map_err(crate::model::problem::Explain::explain)?;
        let record = if let Some(record) = self.record {
            record
        } else {
            let record = records.begin(self.setup.intent.clone()).await.map_err(|error| error.explain())?;
            *self.record.insert(record)
        };
        records.step(record, entry).await.map_err(|error| error.explain())
    }
}
