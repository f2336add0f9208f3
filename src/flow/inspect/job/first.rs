//! The first message of the gateway that an inspection is about: told, and on record.
//!
//! What goes on record is the topic, the payload as text, and when it came: a report says from it that the gateway publishes.
//! Whether the message is this gateway's follows from its topic alone; one that doesn't name it counts until one does.

use std::time::Duration;

use serde_json::json;

use super::{Job, TOPIC_SHOWN};
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::problem::{Explain, Problem};
use crate::model::record::{JobIntent, Phase, StepEntry};
use crate::model::redact::Redactor;
use crate::model::standing::is_named_in;
use crate::model::text::{visible, visible_octets};
use crate::msg::telemetry::TelemetryEvent;
use crate::telemetry::batch::{Arrival, Batch};

/// Characters of a payload that go on record.
const VALUE_SHOWN: usize = 200;
/// Bytes of a payload that are looked at for that.
const VALUE_BYTES: usize = 4 * VALUE_SHOWN;
/// Messages among which one is looked for that names the gateway: with a busy broker it must not go on for ever.
const LOOKED_AT: usize = 50_000;

/// The step under which it is on record.
const STEP: &str = "first-telemetry";

/// A gateway whose topic is to be shown, and how many messages were looked at for it.
pub(super) struct Wanted {
    name: String,
    looked_at: usize,
}

/// One more gateway whose first message is waited for: an inspection may be about another, or about none.
pub(super) struct Awaited {
    name: String,
    /// What else its topics may call it.
    aliases: Vec<String>,
    /// From when on a message counts, since the inspection began: when credentials were sent, else when it began to be waited for.
    since: Duration,
    /// How long ago credentials were sent when it began to be waited for, where that is known.
    pushed_before: Option<Duration>,
    looked_at: usize,
}

impl Awaited {
    fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.aliases).map(String::as_str)
    }

    fn is_named_in(&self, topic: &str) -> bool {
        self.names().any(|name| is_named_in(topic, name))
    }
}

/// Its first message.
struct Heard {
    after: Option<Duration>,
    topic: String,
    detail: serde_json::Value,
}

/// So many gateways are waited for at once; the oldest makes room.
const AWAITED: usize = 100;

/// What was put on record so far.
#[derive(Default)]
pub(super) struct First {
    /// Messages that were looked at.
    looked_at: usize,
    /// A message that fits the profile's topics is on record.
    has_fitting: bool,
    /// One that names the gateway is.
    has_named: bool,
    /// The topic that was told last.
    told: Option<String>,
}

impl Job {
    /// Looks for the first message since the push, and tells it.
    pub(super) async fn look_for_first(&mut self, batch: &Batch) {
        let fits = |arrival: &Arrival<'_>| self.fits(arrival);
        // What the broker had kept came before the push.
        let first = batch.iter().find(|arrival| !arrival.is_retained && fits(arrival));
        if let (Some(first), Some(before)) = (first, self.setup.start.pushed_before) {
            self.waits_for_first = false;
            self.tell_first(&first, before).await;
        }
    }

    async fn tell_first(&mut self, first: &Arrival<'_>, before: Duration) {
        let after = before + Duration::from_micros(first.mono_micros);
        let topic = visible(&String::from_utf8_lossy(first.topic), TOPIC_SHOWN);
        if self.first.told.as_ref() != Some(&topic) {
            self.first.told = Some(topic.clone());
            let topic_id = self.inspector.find_topic(first.topic);
            self.tell(TelemetryEvent::FirstMessage { after, topic, topic_id }).await;
        }
    }

    /// The topic that names a gateway: told at once where there is one, else with the message that brings it.
    pub(super) async fn find_gateway(&mut self, name: String) {
        match self.inspector.topic_naming(&name) {
            Some(topic) => self.tell(TelemetryEvent::GatewayFound(topic)).await,
            None => self.wanted = Some(Wanted { name, looked_at: 0 }),
        }
    }

    /// Looks for the gateway that is wanted among what came.
    pub(super) async fn look_for_wanted(&mut self, batch: &Batch) {
        let Some(wanted) = &mut self.wanted else { return };
        wanted.looked_at += batch.len();
        let is_it = |arrival: &Arrival<'_>| is_named_in(&String::from_utf8_lossy(arrival.topic), &wanted.name);
        let found = batch.iter().find(is_it).and_then(|arrival| self.inspector.find_topic(arrival.topic));
        if found.is_some() || wanted.looked_at >= LOOKED_AT {
            self.wanted = None;
        }
        if let Some(topic) = found {
            self.tell(TelemetryEvent::GatewayFound(topic)).await;
        }
    }

    /// Puts the first message of the gateway on record, once; before it, one that may be another's.
    pub(super) async fn record_first(&mut self, batch: &Batch) {
        let Some(name) = self.setup.start.gateway.clone().filter(|name| !name.is_empty()) else { return };
        if self.player.is_some() || self.first.has_named || self.first.looked_at >= LOOKED_AT {
            return;
        }
        self.first.looked_at += batch.len();
        let is_named = |arrival: &Arrival<'_>| is_named_in(&String::from_utf8_lossy(arrival.topic), &name);
        let mut fresh = batch.iter().filter(|arrival| !arrival.is_retained && self.fits(arrival));
        let (named, fitting) = match fresh.next() {
            Some(first) if is_named(&first) => (true, Some(first)),
            first => match fresh.find(|arrival| is_named(arrival)) {
                Some(named) => (true, Some(named)),
                None => (false, first.filter(|_| !self.first.has_fitting)),
            },
        };
        let Some(arrival) = fitting else { return };
        let before = self.setup.start.pushed_before;
        let after = before.map(|before| before + Duration::from_micros(arrival.mono_micros));
        let detail = self.detail(&arrival, after);
        (self.first.has_named, self.first.has_fitting) = (named, true);
        if let (true, Some(before)) = (named, self.setup.start.pushed_before) {
            // What was told before may have been another's.
            self.tell_first(&arrival, before).await;
        }
        if let Err(problem) = self.write(STEP, Phase::Outcome, "observed", detail).await {
            self.warn(problem).await;
        }
    }

    /// Looks for the first message of one more gateway since credentials were sent to it, and waits for it if none came yet. Of the one
    /// that this is about it is waited for anyway.
    pub(super) async fn await_gateway(&mut self, name: String, aliases: Vec<String>, pushed_before: Option<Duration>) {
        let has_own = || self.first.has_named || self.first.looked_at >= LOOKED_AT;
        if self.player.is_some() || name.is_empty() || self.setup.start.gateway.as_ref() == Some(&name) && !has_own() {
            return;
        }
        let now = self.started.elapsed();
        let awaited = Awaited {
            name,
            aliases,
            since: now.saturating_sub(pushed_before.unwrap_or_default()),
            pushed_before,
            looked_at: 0,
        };
        self.awaited.retain(|other| other.name != awaited.name);
        let since_micros = u64::try_from(awaited.since.as_micros()).unwrap_or(u64::MAX);
        let came = awaited
            .names()
            .filter_map(|name| self.inspector.first_naming(name, since_micros))
            .min_by_key(|first| first.mono_micros)
            .map(|first| self.heard(&awaited, &first));
        if let Some(heard) = came {
            return self.tell_heard(awaited.name, heard).await;
        }
        if self.awaited.len() == AWAITED {
            self.awaited.remove(0);
        }
        self.awaited.push(awaited);
    }

    /// Looks for messages whose topic names a gateway that is waited for.
    pub(super) async fn look_for_awaited(&mut self, batch: &Batch) {
        for mut awaited in std::mem::take(&mut self.awaited) {
            let is_its = |arrival: &Arrival<'_>| {
                let is_since = !arrival.is_retained && Duration::from_micros(arrival.mono_micros) >= awaited.since;
                is_since && awaited.is_named_in(&String::from_utf8_lossy(arrival.topic))
            };
            if let Some(arrival) = batch.iter().find(is_its) {
                let heard = self.heard(&awaited, &arrival);
                self.tell_heard(awaited.name, heard).await;
                continue;
            }
            awaited.looked_at += batch.len();
            if awaited.looked_at < LOOKED_AT {
                self.awaited.push(awaited);
            }
        }
    }

    fn heard(&self, awaited: &Awaited, arrival: &Arrival<'_>) -> Heard {
        let since = Duration::from_micros(arrival.mono_micros).saturating_sub(awaited.since);
        let after = awaited.pushed_before.map(|_| since);
        let topic = visible(&String::from_utf8_lossy(arrival.topic), TOPIC_SHOWN);
        Heard { after, topic, detail: self.detail(arrival, after) }
    }

    /// Puts the first message of one more gateway on record, as a job of its own, since records are kept by gateway; and tells it.
    async fn tell_heard(&mut self, name: String, heard: Heard) {
        if let Err(problem) = self.record_heard(&name, heard.detail).await {
            self.warn(problem).await;
        }
        self.tell(TelemetryEvent::GatewayHeard { name, after: heard.after, topic: heard.topic }).await;
    }

    async fn record_heard(&self, name: &str, detail: serde_json::Value) -> Result<(), Problem> {
        let records = self.setup.records.as_ref().map_err(Explain::explain)?;
        let intent = JobIntent { gateway: name.to_owned(), ..self.setup.intent.clone() };
        let entry = StepEntry { step: STEP.into(), phase: Phase::Outcome, outcome: "observed".into(), detail };
        let written = async {
            let record = records.begin(intent).await?;
            records.step(record, entry).await?;
            let summary = "Its first message came while the broker was watched".to_owned();
            records.end(record, "done", "inspect.heard".to_owned(), summary).await
        };
        written.await.map_err(|error| error.explain())
    }

    fn fits(&self, arrival: &Arrival<'_>) -> bool {
        let topics = &self.setup.topics;
        topics.is_empty() || topics.iter().any(|filter| filter.matches_bytes(arrival.topic))
    }

    /// What is put on record of a message. What opens the broker is taken out, should a payload hold it.
    fn detail(&self, arrival: &Arrival<'_>, after: Option<Duration>) -> serde_json::Value {
        let redactor = Redactor::new(self.plan.iter().flat_map(ConnectPlan::secrets));
        let head = &arrival.payload[..arrival.payload.len().min(VALUE_BYTES)];
        let is_text = std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
        let text = is_text.then(|| visible(&redactor.redact_text(&String::from_utf8_lossy(head)), VALUE_SHOWN));
        json!({
            "topic": visible_octets(arrival.topic, TOPIC_SHOWN),
            "value": text,
            "bytes": arrival.payload.len(),
            "after_millis": after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
        })
    }
}
