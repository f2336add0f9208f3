//! Which messages the broker keeps: asked on a connection of its own under a name of its own, so that nothing of the
//! inspection's own stream is touched. MQTT marks no end of the list: it is over after a quiet time, which is longer where
//! they come slowly. What became of those that were cleared says a second search, never the broker's acknowledgement.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::InspectError;
use super::acts::{Acts, Answer, Told};
use super::link::{Happened, Link};
use crate::flow::port::{Broker, ConnectionEnd, Delivery};
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::message::{Grant, Subscription};
use crate::model::mqtt::stage::{Stage, StageReport, StageState};
use crate::model::problem::{Explain as _, Problem};
use crate::model::wipe::LeftoverState;
use crate::msg::telemetry::{Clearance, ClearedTopic, RetainedSearch, TelemetryEvent};
use crate::telemetry::batch::Batch;

/// After so long without another one it's over, at the earliest.
pub(super) const QUIET: Duration = Duration::from_secs(3);
/// It waits for so many times the longest gap there was between two of them.
const GAPS: u32 = 3;
/// It ends after that time whatever comes: a broker may keep more than anyone wants to see.
pub(super) const LIMIT: Duration = Duration::from_mins(2);
/// How often what was found so far is told.
const TOLD_EVERY: Duration = Duration::from_millis(500);
/// More than that is not told piece by piece, only at the end.
const TOLD_AT_MOST: usize = 5000;
/// More topics than that are not listed.
const MOST: usize = 500_000;
/// Nor so many that their names take more than that.
const MOST_BYTES: usize = 256 << 20;

/// A plan as it is for a search of these filters.
pub(super) fn searching(plan: ConnectPlan, subscriptions: Vec<Subscription>) -> ConnectPlan {
    ConnectPlan { subscriptions, is_clean: true, will: None, ..plan }
}

/// Which messages a broker retains on these filters, with the length of each; and whether that's all.
pub(in crate::flow) async fn find(
    broker: &Arc<dyn Broker>,
    plan: &ConnectPlan,
    filters: &[Subscription],
) -> (Vec<(String, u64)>, RetainedSearch) {
    let mut link = Link::default();
    link.connect(Arc::clone(broker), searching(plan.clone(), filters.to_vec()), 1);
    let mut find = Find::new(link);
    loop {
        if let Found::Complete(topics, search) = find.next().await {
            return (topics, search);
        }
    }
}

/// What a look afterwards says of a message that was to be cleared.
pub(in crate::flow) fn after_clearing(topic: &str, now: &BTreeSet<&str>, look: &RetainedSearch) -> LeftoverState {
    match (now.contains(topic), look.is_whole()) {
        (true, _) => LeftoverState::StillThere,
        (false, false) => LeftoverState::NotLooked,
        (false, true) => LeftoverState::Cleared,
    }
}

/// What became of messages that were to be cleared, by what is retained now.
pub(super) fn clearance(answers: Vec<Answer>, now: &[(String, u64)], look: RetainedSearch) -> Clearance {
    let now: BTreeSet<&str> = now.iter().map(|(topic, _)| topic.as_str()).collect();
    let topics = answers.into_iter().map(|(topic, problem)| {
        let state = after_clearing(&topic, &now, &look);
        ClearedTopic { topic, state, problem }
    });
    Clearance { topics: topics.collect(), look }
}

/// Asks a broker to forget what it retains on these topics; those that it did not acknowledge come back. Their intent is on
/// record.
pub(in crate::flow) async fn clear(broker: &Arc<dyn Broker>, plan: &ConnectPlan, topics: Vec<String>) -> Vec<String> {
    let (mut link, mut acts, mut told) = (Link::default(), Acts::default(), Told::default());
    acts.clear(topics);
    link.connect(Arc::clone(broker), searching(plan.clone(), Vec::new()), 1);
    loop {
        if link.is_open() {
            acts.pump(&mut link, Instant::now(), &mut told);
        }
        if let Some(answers) = told.answered.pop() {
            link.close();
            let unanswered = |(topic, problem): Answer| problem.map(|_| topic);
            return answers.into_iter().filter_map(unanswered).collect();
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
    /// What their names take.
    bytes: usize,
    /// Topics that are no text: they cannot be named.
    unnamed: u64,
    /// Messages that were left out unread, by which more may be retained.
    unread: u64,
    /// Why a filter wasn't granted: what it means is not listed.
    not_granted: Option<RetainedSearch>,
    /// Whether the broker accepted the login.
    has_login: bool,
    /// When the last one came, or the search began.
    last_at: Option<Instant>,
    /// How long it waits for another one.
    quiet: Duration,
    ends_at: Instant,
    told_at: Instant,
    told: usize,
}

/// What came of a search.
pub(super) enum Found {
    /// Nothing to tell yet.
    Nothing,
    /// What was found so far.
    SoFar(Box<TelemetryEvent>),
    /// It's over.
    Complete(Vec<(String, u64)>, RetainedSearch),
}

impl Find {
    /// A search on a connection that comes about.
    pub(super) fn new(link: Link) -> Self {
        let now = Instant::now();
        Self {
            link,
            topics: BTreeMap::new(),
            bytes: 0,
            unnamed: 0,
            unread: 0,
            not_granted: None,
            has_login: false,
            last_at: None,
            quiet: QUIET,
            ends_at: now + LIMIT,
            told_at: now,
            told: 0,
        }
    }

    /// What comes of it next. Safe to drop at any point.
    pub(super) async fn next(&mut self) -> Found {
        let quiet_at = self.last_at.map(|last| last + self.quiet);
        let until = quiet_at.map_or(self.ends_at, |quiet| quiet.min(self.ends_at));
        let happened = tokio::select! {
            biased;
            happened = self.link.next(true) => happened,
            () = sleep_until(until) => {
                let is_quiet = quiet_at.is_some_and(|quiet| quiet <= self.ends_at);
                return self.complete((!is_quiet).then(|| cut(InspectError::SearchTooLong { limit: LIMIT }.explain())));
            }
        };
        match happened {
            Happened::Connected(_) => self.last_at = Some(Instant::now()),
            Happened::Delivery(Delivery::Messages(batch)) => return self.take(&batch),
            Happened::NotConnected(ConnectionEnd { problem, .. }) if !self.has_login => {
                return self.complete(Some(RetainedSearch::Failed(Box::new(problem))));
            }
            Happened::NotConnected(end) | Happened::Ended(end, _) => return self.complete(Some(cut(end.problem))),
            Happened::Stage(report) => self.stage(&report),
            Happened::Closed | Happened::RetryDue | Happened::Delivery(_) => {}
        }
        Found::Nothing
    }

    fn stage(&mut self, report: &StageReport) {
        self.has_login |= report.stage == Stage::Connect && report.state == StageState::Done;
        let Some(problem) = report.refused_subscription().cloned() else { return };
        let is_refused = report.grants.iter().any(Grant::is_refused);
        self.not_granted = Some(if is_refused { RetainedSearch::Refused(Box::new(problem)) } else { cut(problem) });
    }

    fn take(&mut self, batch: &Batch) -> Found {
        let now = Instant::now();
        let mut arrivals = batch.iter().filter(|arrival| arrival.is_retained && !arrival.payload.is_empty()).peekable();
        if arrivals.peek().is_some() {
            let gap = self.last_at.map_or(Duration::ZERO, |last| now.duration_since(last));
            self.quiet = self.quiet.max(gap * GAPS);
            self.last_at = Some(now);
        }
        for arrival in arrivals {
            match std::str::from_utf8(arrival.topic) {
                Ok(topic) => {
                    let is_new = self.topics.insert(topic.to_owned(), arrival.payload.len() as u64).is_none();
                    self.bytes += if is_new { topic.len() } else { 0 };
                }
                Err(_) => self.unnamed += 1,
            }
        }
        self.unread += batch.missed.oversize + batch.missed.malformed;
        if self.topics.len() > MOST || self.bytes > MOST_BYTES {
            return self.complete(Some(cut(InspectError::TooManyRetained { most: MOST }.explain())));
        }
        let is_worth_telling = self.topics.len() > self.told && self.topics.len() <= TOLD_AT_MOST;
        if is_worth_telling && now.duration_since(self.told_at) >= TOLD_EVERY {
            self.told_at = now;
            self.told = self.topics.len();
            let topics = self.topics.iter().map(|(topic, bytes)| (topic.clone(), *bytes)).collect();
            return Found::SoFar(Box::new(TelemetryEvent::Retained { topics, search: RetainedSearch::Running }));
        }
        Found::Nothing
    }

    /// It was stopped: what was found so far.
    pub(super) fn stopped(&mut self) -> Found {
        self.complete(Some(cut(InspectError::SearchStopped.explain())))
    }

    fn complete(&mut self, end: Option<RetainedSearch>) -> Found {
        let topics = std::mem::take(&mut self.topics).into_iter().collect();
        let unnamed = || {
            let problem = (self.unnamed > 0).then(|| InspectError::UnnamedRetained { count: self.unnamed }.explain());
            problem.map(|problem| RetainedSearch::Unnamed(Box::new(problem)))
        };
        let unread = (self.unread > 0).then(|| cut(InspectError::UnreadRetained { count: self.unread }.explain()));
        let search =
            self.not_granted.take().or(end).or(unread).or_else(unnamed).unwrap_or(RetainedSearch::Quiet(self.quiet));
        Found::Complete(topics, search)
    }
}

fn cut(problem: Problem) -> RetainedSearch {
    RetainedSearch::Cut(Box::new(problem))
}
