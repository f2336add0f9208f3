//! Which messages the broker keeps: asked on a connection of its own under a name of its own, so that nothing of the
//! inspection's own stream is touched. Complete after a quiet moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::InspectError;
use super::acts::{Acts, Told};
use super::link::{Happened, Link};
use crate::flow::port::{Broker, Delivery};
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::message::Subscription;
use crate::model::problem::{Explain as _, Problem};
use crate::msg::telemetry::TelemetryEvent;
use crate::telemetry::batch::Batch;

/// After so long without another one there are no more.
pub(super) const QUIET: Duration = Duration::from_secs(1);
/// It ends after that time whatever comes: a broker may keep more than anyone wants to see.
pub(super) const LIMIT: Duration = Duration::from_mins(2);
/// How often what was found so far is told.
const TOLD_EVERY: Duration = Duration::from_millis(500);
/// More than that is not told piece by piece, only at the end.
const TOLD_AT_MOST: usize = 5000;
/// More topics than that are not listed.
const MOST: usize = 500_000;

/// A plan as it is for a search of these filters.
pub(super) fn searching(plan: ConnectPlan, subscriptions: Vec<Subscription>) -> ConnectPlan {
    ConnectPlan { subscriptions, is_clean: true, will: None, ..plan }
}

/// Which messages a broker retains on these filters, with the length of each; and what kept it from being all.
pub(in crate::flow) async fn find(
    broker: &Arc<dyn Broker>,
    plan: &ConnectPlan,
    filters: &[Subscription],
) -> (Vec<(String, u64)>, Option<Problem>) {
    let mut link = Link::default();
    link.connect(Arc::clone(broker), searching(plan.clone(), filters.to_vec()), 1);
    let mut find = Find::new(link);
    loop {
        if let Found::Complete(TelemetryEvent::Retained { topics, .. }, problem) = find.next().await {
            return (topics, problem);
        }
    }
}

/// Clears what a broker retains on these topics; those that it did not acknowledge come back. Their intent is on record.
pub(in crate::flow) async fn clear(
    broker: &Arc<dyn Broker>,
    plan: &ConnectPlan,
    topics: Vec<String>,
) -> Vec<(String, Problem)> {
    let (mut link, mut acts, mut told) = (Link::default(), Acts::default(), Told::default());
    acts.clear(topics);
    link.connect(Arc::clone(broker), searching(plan.clone(), Vec::new()), 1);
    loop {
        if link.is_open() {
            acts.pump(&mut link, Instant::now(), &mut told);
        }
        let cleared = told.events.drain(..).find_map(|event| match event {
            TelemetryEvent::RetainedCleared { failed, .. } => Some(failed),
            _ => None,
        });
        if let Some(failed) = cleared {
            link.close();
            return failed;
        }
        let happened = tokio::select! {
            biased;
            happened = link.next(true) => happened,
            () = due(acts.next_at()) => continue,
        };
        match happened {
            Happened::Delivery(Delivery::Published { ticket, end }) => acts.answered(ticket, end, &mut told),
            Happened::NotConnected(_) | Happened::Ended(..) | Happened::Closed => acts.connection_lost(&mut told),
            Happened::Connected(_) | Happened::RetryDue | Happened::Stage(_) | Happened::Delivery(_) => {}
        }
    }
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// A search under way.
pub(super) struct Find {
    pub(super) link: Link,
    topics: BTreeMap<String, u64>,
    /// Topics that are no text: they cannot be named.
    unnamed: u64,
    /// A filter that the broker refused: what it means is not listed.
    refused: Option<Problem>,
    quiet_at: Option<Instant>,
    ends_at: Instant,
    told_at: Instant,
    told: usize,
}

/// What came of a search.
pub(super) enum Found {
    /// Nothing to tell yet.
    Nothing,
    /// What was found so far.
    SoFar(TelemetryEvent),
    /// Everything; or what kept it from being everything.
    Complete(TelemetryEvent, Option<Problem>),
}

impl Find {
    /// A search on a connection that comes about.
    pub(super) fn new(link: Link) -> Self {
        let now = Instant::now();
        Self {
            link,
            topics: BTreeMap::new(),
            unnamed: 0,
            refused: None,
            quiet_at: None,
            ends_at: now + LIMIT,
            told_at: now,
            told: 0,
        }
    }

    /// What comes of it next. Safe to drop at any point.
    pub(super) async fn next(&mut self) -> Found {
        let until = self.quiet_at.map_or(self.ends_at, |quiet| quiet.min(self.ends_at));
        let happened = tokio::select! {
            biased;
            happened = self.link.next(true) => happened,
            () = sleep_until(until) => return self.complete(None),
        };
        match happened {
            Happened::Connected(_) => self.quiet_at = Some(Instant::now() + QUIET),
            Happened::Delivery(Delivery::Messages(batch)) => return self.take(&batch),
            Happened::NotConnected(end) | Happened::Ended(end, _) => return self.complete(Some(end.problem)),
            Happened::Stage(report) => self.refused = report.refused_subscription().cloned().or(self.refused.take()),
            Happened::Closed | Happened::RetryDue | Happened::Delivery(_) => {}
        }
        Found::Nothing
    }

    fn take(&mut self, batch: &Batch) -> Found {
        let now = Instant::now();
        for arrival in batch.iter().filter(|arrival| arrival.is_retained && !arrival.payload.is_empty()) {
            self.quiet_at = Some(now + QUIET);
            match std::str::from_utf8(arrival.topic) {
                Ok(topic) => {
                    self.topics.insert(topic.to_owned(), arrival.payload.len() as u64);
                }
                Err(_) => self.unnamed += 1,
            }
        }
        if self.topics.len() > MOST {
            return self.complete(Some(InspectError::TooManyRetained { most: MOST }.explain()));
        }
        let is_worth_telling = self.topics.len() > self.told && self.topics.len() <= TOLD_AT_MOST;
        if is_worth_telling && now.duration_since(self.told_at) >= TOLD_EVERY {
            self.told_at = now;
            self.told = self.topics.len();
            let topics = self.topics.iter().map(|(topic, bytes)| (topic.clone(), *bytes)).collect();
            return Found::SoFar(TelemetryEvent::Retained { topics, is_complete: false });
        }
        Found::Nothing
    }

    fn complete(&mut self, problem: Option<Problem>) -> Found {
        let unnamed = (self.unnamed > 0).then(|| InspectError::UnnamedRetained { count: self.unnamed }.explain());
        let topics = std::mem::take(&mut self.topics).into_iter().collect();
        let problem = problem.or_else(|| self.refused.take()).or(unnamed);
        Found::Complete(TelemetryEvent::Retained { topics, is_complete: true }, problem)
    }
}
