//! What an inspection does to the outside: messages published, retained messages found and cleared, each on record.

use std::sync::Arc;

use tokio::time::Instant;

use super::super::InspectError;
use super::super::acts;
use super::super::link::Link;
use super::super::retained::{Find, Found, searching};
use super::super::rules;
use super::{FINDER, Job, Told, random};
use crate::model::mqtt::MqttVersion;
use crate::model::mqtt::message::{Outgoing, PublishEnd, Qos, Subscription};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::{Explain as _, Problem};
use crate::model::record::{Phase, StepEntry};
use crate::msg::telemetry::{Repeat, TelemetryEvent};

impl Job {
    pub(super) const fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    pub(super) async fn publish(&mut self, ticket: u64, message: Box<Outgoing>, repeat: Option<Repeat>) {
        let repeat = repeat.map(|repeat| Repeat { every: repeat.every.max(acts::SHORTEST_REPEAT), ..repeat });
        if let Err(problem) = self.check_publish(&message, repeat.as_ref()).await {
            let end = PublishEnd::Refused(problem);
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
            let failed = topics.into_iter().map(|topic| (topic, problem.clone())).collect();
            return self.tell(TelemetryEvent::RetainedCleared { cleared: 0, failed }).await;
        }
        self.acts.clear(topics);
        self.pump().await;
    }

    pub(super) async fn find_retained(&mut self, filter: TopicFilter) {
        let refused = match (&self.plan, &self.find) {
            (None, _) => Some(InspectError::IsRecording { what: "retained messages" }),
            (_, Some(_)) => Some(InspectError::FindUnderWay),
            (Some(_), None) => None,
        };
        if let Some(error) = refused {
            self.warn(error.explain()).await;
            return self.tell(TelemetryEvent::Retained { topics: Vec::new(), is_complete: true }).await;
        }
        let Some(mut plan) = self.plan.clone() else { return };
        plan.client_id = format!("{}{FINDER}{:04x}", plan.client_id, u16::from_be_bytes([random(), random()]));
        plan = searching(plan, vec![Subscription { filter, qos: Qos::AtMostOnce }]);
        let mut link = Link::default();
        link.connect(Arc::clone(&self.setup.broker), plan, 1);
        self.find = Some(Find::new(link));
    }

    pub(super) async fn found(&mut self, found: Found) {
        match found {
            Found::Nothing => {}
            Found::SoFar(event) => self.tell(event).await,
            Found::Complete(event, problem) => {
                // With its end the connection says farewell by itself.
                self.find = None;
                if let Some(problem) = problem {
                    self.warn(problem).await;
                }
                self.tell(event).await;
            }
        }
    }

    pub(super) async fn pump(&mut self) {
        let mut told = Told::default();
        self.acts.pump(&mut self.link, Instant::now(), &mut told);
        self.take_told(told).await;
    }

    pub(super) async fn take_told(&mut self, told: Told) {
        self.acts_done += told.done;
        self.acts_unknown += told.unknown;
        for entry in told.entries {
            if let Err(problem) = self.write_entry(entry).await {
                self.warn(problem).await;
            }
        }
        for event in told.events {
            self.tell(event).await;
        }
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
