//! Which messages the broker keeps: asked on a connection of its own under a name of its own, so that nothing of the
//! inspection's own stream is touched. Complete after a quiet moment.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::InspectError;
use super::link::{Happened, Link};
use crate::flow::port::Delivery;
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

/// A search under way.
pub(super) struct Find {
    pub(super) link: Link,
    topics: BTreeMap<String, u64>,
    /// Topics that are no text: they cannot be named.
    unnamed: u64,
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
        Self { link, topics: BTreeMap::new(), unnamed: 0, quiet_at: None, ends_at: now + LIMIT, told_at: now, told: 0 }
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
            Happened::Closed | Happened::RetryDue | Happened::Stage(_) | Happened::Delivery(_) => {}
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
        Found::Complete(TelemetryEvent::Retained { topics, is_complete: true }, problem.or(unnamed))
    }
}
