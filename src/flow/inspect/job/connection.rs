//! The connection of an inspection: whose identity is used, what is subscribed to, when it is tried again, and what comes of
//! it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, timeout};

use super::super::InspectError;
use super::super::backoff::GOOD;
use super::super::link::{Greeting, Happened};
use super::super::rules::{self, Kicks};
use super::{FILE_LIMIT, Job, Told, random, too_slow};
use crate::flow::port::{BrokerRequest, ConnectionEnd, Delivery, Retry};
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::message::Subscription;
use crate::model::mqtt::stage::{Stage, StageReport, StageState, TracedPacket};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::{Explain as _, Problem};
use crate::model::record::Phase;
use crate::model::text::visible_octets;
use crate::msg::telemetry::{InspectionState, TelemetryEvent};
use crate::telemetry::batch::Batch;

/// Losses that get an entry each; a connection that flaps is told by the first ones.
const MOST_LOSSES_ON_RECORD: u32 = 50;

impl Job {
    pub(super) async fn confirm_identity(&mut self) {
        if self.state == InspectionState::AwaitingConfirmation {
            self.is_confirmed = true;
            self.try_to_connect().await;
        }
    }

    pub(super) async fn disconnect(&mut self) {
        if self.player.is_some() {
            return;
        }
        self.lose_connection().await;
        if !self.link.close() {
            self.link.drop_now();
            self.enter(InspectionState::Disconnected { problem: None }).await;
        }
    }

    pub(super) async fn connect_again(&mut self, plan: Option<Box<ConnectPlan>>) {
        if self.player.is_some() {
            return self.warn(InspectError::IsRecording { what: "connection" }.explain()).await;
        }
        if let Some(plan) = plan {
            let is_other = self.plan.as_ref().is_none_or(|known| known.client_id != plan.client_id);
            if is_other {
                self.is_confirmed = false;
            }
            self.plan = Some(*plan);
        }
        self.lose_connection().await;
        self.link.drop_now();
        self.is_incomplete = true;
        self.backoff.reset();
        self.kicks = Kicks::default();
        self.try_to_connect().await;
    }

    /// Asks before a gateway is thrown out, refuses what the broker would not take, then connects.
    pub(super) async fn try_to_connect(&mut self) {
        if let Err(problem) = self.complete_plan().await {
            return self.stay_disconnected(problem).await;
        }
        let Some(plan) = &self.plan else { return };
        let known = self.setup.start.guarded_client_id.as_deref();
        let question = rules::identity_question(plan, known, &self.certificate_names);
        if let Some(question) = &question
            && !self.is_confirmed
        {
            let question = Box::new(question.clone());
            self.link.drop_now();
            self.enter(InspectionState::AwaitingConfirmation).await;
            return self.tell(TelemetryEvent::IdentityQuestion(question)).await;
        }
        match rules::check_plan(plan) {
            Ok(notes) => {
                for note in notes {
                    self.warn(note).await;
                }
            }
            Err(problem) => return self.stay_disconnected(problem).await,
        }
        if question.is_some()
            && let Err(problem) = self.write_identity().await
        {
            return self.stay_disconnected(problem).await;
        }
        self.connect().await;
    }

    /// Reads certificates and keys, each time a person connects: they may have been renewed.
    pub(super) async fn complete_plan(&mut self) -> Result<(), Problem> {
        let Some(plan) = self.plan.clone().filter(|_| std::mem::take(&mut self.is_incomplete)) else { return Ok(()) };
        let completed = timeout(FILE_LIMIT, self.setup.files.complete(Box::new(plan))).await;
        let (plan, names) = completed.unwrap_or_else(|_| Err(too_slow(std::path::Path::new("certificates"))))?;
        (self.plan, self.certificate_names) = (Some(*plan), names);
        Ok(())
    }

    /// A gateway's own identity is about to be used: that goes on record, or is not done.
    pub(super) async fn write_identity(&mut self) -> Result<(), Problem> {
        if self.has_open_identity {
            return Ok(());
        }
        let client_id = self.plan.as_ref().map(|plan| plan.client_id.clone());
        self.write("connect-as-gateway", Phase::Intent, "", json!({ "client_id": client_id })).await?;
        self.has_open_identity = true;
        Ok(())
    }

    pub(super) async fn close_identity(&mut self, outcome: &'static str, detail: serde_json::Value) {
        if std::mem::take(&mut self.has_open_identity) {
            match self.write("connect-as-gateway", Phase::Outcome, outcome, detail).await {
                Ok(()) => self.acts_done += 1,
                Err(problem) => self.warn(problem).await,
            }
        }
    }

    pub(super) async fn connect(&mut self) {
        let Some(plan) = self.plan.clone() else { return };
        self.inspector.set_dialect(plan.dialect);
        self.attempted.clone_from(&plan.subscriptions);
        self.attempt += 1;
        self.attempt_at = Instant::now();
        self.link.connect(Arc::clone(&self.setup.broker), plan, self.attempt);
        self.enter(InspectionState::Connecting { attempt: self.attempt }).await;
    }

    pub(super) async fn stay_disconnected(&mut self, problem: Problem) {
        self.link.drop_now();
        self.last_problem = Some(problem.clone());
        self.enter(InspectionState::Disconnected { problem: Some(Box::new(problem)) }).await;
    }

    pub(super) async fn subscribe(&mut self, subscriptions: Vec<Subscription>) {
        let Some(plan) = &mut self.plan else {
            return self.warn(InspectError::IsRecording { what: "subscriptions" }.explain()).await;
        };
        let mut all = plan.subscriptions.clone();
        for new in &subscriptions {
            all.retain(|known| known.filter != new.filter);
            all.push(new.clone());
        }
        match rules::check_subscriptions(plan, &all) {
            Ok(notes) => {
                plan.subscriptions = all;
                for note in notes {
                    self.warn(note).await;
                }
            }
            Err(problem) => return self.warn(problem).await,
        }
        let ticket = self.ticket();
        // Without a connection it is done with the next one.
        let _ = self.link.ask(BrokerRequest::Subscribe { ticket, subscriptions });
        self.tell_subscriptions().await;
    }

    pub(super) async fn unsubscribe(&mut self, filters: Vec<TopicFilter>) {
        let Some(plan) = &mut self.plan else {
            return self.warn(InspectError::IsRecording { what: "subscriptions" }.explain()).await;
        };
        plan.subscriptions.retain(|known| !filters.contains(&known.filter));
        let ticket = self.ticket();
        let _ = self.link.ask(BrokerRequest::Unsubscribe { ticket, filters });
        self.tell_subscriptions().await;
    }

    pub(super) async fn tell_subscriptions(&self) {
        let subscriptions = self.plan.as_ref().map(|plan| plan.subscriptions.clone()).unwrap_or_default();
        self.tell(TelemetryEvent::Subscriptions(subscriptions)).await;
    }

    pub(super) async fn happened(&mut self, happened: Happened) {
        match happened {
            Happened::Stage(report) => self.stage(report).await,
            Happened::Connected(facts) => self.connected(facts).await,
            Happened::NotConnected(end) => {
                self.trace_end(&end.problem).await;
                self.ended(end, None).await;
            }
            Happened::Ended(end, held) => {
                self.lose_connection().await;
                self.note_loss(&end.problem).await;
                self.ended(end, Some(held)).await;
            }
            Happened::Closed => self.enter(InspectionState::Disconnected { problem: None }).await,
            Happened::RetryDue => self.connect().await,
            Happened::Delivery(delivery) => self.delivered(delivery).await,
        }
    }

    pub(super) async fn stage(&mut self, report: StageReport) {
        self.trace.stage(&report);
        let is_told = !matches!(report.state, StageState::Running) && report.stage == Stage::Subscribe;
        let grants = if is_told { report.grants.clone() } else { Vec::new() };
        self.tell(TelemetryEvent::Stage(Box::new(report))).await;
        if !grants.is_empty() {
            self.inspector.take_grants(&grants);
            self.tell(TelemetryEvent::Subscribed(grants)).await;
        }
    }

    pub(super) async fn connected(&mut self, facts: Greeting) {
        let is_return = std::mem::replace(&mut self.was_connected, true);
        self.last_problem = None;
        self.inspector.listen(self.now_mono());
        self.note_return().await;
        let Greeting { facts, login_ends, is_session_present } = facts;
        let keeps = self.plan.as_ref().is_some_and(|plan| !plan.is_clean);
        if is_return && keeps && !is_session_present {
            self.warn(InspectError::SessionLost.explain()).await;
        }
        self.enter(InspectionState::Connected { facts, login_ends }).await;
        self.catch_up();
        self.tell_subscriptions().await;
        // Whoever only publishes waits for none.
        if self.plan.as_ref().is_some_and(|plan| !plan.subscriptions.is_empty()) {
            let report = StageReport::begun(self.attempt, Stage::FirstMessage, self.attempt_at.elapsed());
            self.first_stage = Some(report.clone());
            self.stage(report).await;
        }
        self.close_identity("acknowledged", json!({})).await;
        self.pump().await;
    }

    /// Asks for what was subscribed to, or taken back, while the connection came about: that went out with the older ones.
    fn catch_up(&mut self) {
        let Some(plan) = &self.plan else { return };
        let before = std::mem::take(&mut self.attempted);
        let new: Vec<Subscription> = plan.subscriptions.iter().filter(|one| !before.contains(one)).cloned().collect();
        let is_gone = |one: &&Subscription| plan.subscriptions.iter().all(|kept| kept.filter != one.filter);
        let gone: Vec<TopicFilter> = before.iter().filter(is_gone).map(|one| one.filter.clone()).collect();
        if !new.is_empty() {
            let ticket = self.ticket();
            let _ = self.link.ask(BrokerRequest::Subscribe { ticket, subscriptions: new });
        }
        if !gone.is_empty() {
            let ticket = self.ticket();
            let _ = self.link.ask(BrokerRequest::Unsubscribe { ticket, filters: gone });
        }
    }

    /// What was on its way is unknown from here on, and silence is ours.
    pub(super) async fn lose_connection(&mut self) {
        if let Some(report) = self.first_stage.take() {
            let state = StageState::Skipped("the connection ended before a message came".into());
            let took = self.attempt_at.elapsed().saturating_sub(report.at);
            self.stage(StageReport { took, state, ..report }).await;
        }
        self.inspector.stop_listening(self.now_mono());
        let mut told = Told::default();
        self.acts.connection_lost(&mut told);
        self.take_told(told).await;
    }

    /// A connection was lost: into the trace, and with its end into the records, as long as there are not too many of them.
    async fn note_loss(&mut self, problem: &Problem) {
        self.trace_end(problem).await;
        self.losses += 1;
        self.lost_at = Some(Instant::now());
        self.note_connection("lost", json!({ "problem": problem })).await;
    }

    /// The connection is back after a loss.
    async fn note_return(&mut self) {
        if let Some(lost_at) = self.lost_at.take() {
            let millis = u64::try_from(lost_at.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.note_connection("back", json!({ "down_millis": millis })).await;
        }
    }

    async fn note_connection(&mut self, outcome: &'static str, detail: serde_json::Value) {
        if self.losses > MOST_LOSSES_ON_RECORD {
            return;
        }
        if let Err(problem) = self.write("connection", Phase::Outcome, outcome, detail).await {
            tracing::warn!(code = problem.code, "a loss of the connection is not on record");
        }
    }

    /// Where the packets of a connection end, and why.
    async fn trace_end(&mut self, problem: &Problem) {
        self.packets(vec![TracedPacket::end(self.started.elapsed(), problem.what.clone())]).await;
    }

    /// Packets other than messages: into the trace, and told.
    pub(super) async fn packets(&mut self, packets: Vec<TracedPacket>) {
        self.trace.packets(&packets);
        self.tell(TelemetryEvent::Packets(packets)).await;
    }

    /// A connection ended, or did not come about: whether it is tried again is the broker's word, or that of the watch for
    /// clients that kick each other.
    pub(super) async fn ended(&mut self, end: ConnectionEnd, lasted: Option<Duration>) {
        self.last_problem = Some(end.problem.clone());
        self.close_identity(if lasted.is_some() { "done" } else { "failed" }, json!({ "problem": end.problem })).await;
        if lasted.is_some_and(|lasted| lasted >= GOOD) {
            self.backoff.reset();
        }
        let fight = self.plan.as_ref().and_then(|plan| self.kicks.ended(self.started.elapsed(), lasted, &end, plan));
        match fight {
            Some((fight, problem)) if fight.is_said => {
                self.warn(problem.clone()).await;
                return self.stay_disconnected(problem).await;
            }
            // It may be the broker alone: it is tried again, and less often, for the sake of another client.
            Some((_, problem)) => {
                self.warn(problem).await;
                self.backoff.slow_down();
            }
            None => {}
        }
        if end.retry == Retry::Never || !self.setup.start.is_reconnecting {
            return self.stay_disconnected(end.problem).await;
        }
        let retry_in = self.backoff.next(random());
        self.link.wait(Instant::now() + retry_in);
        self.enter(InspectionState::Waiting { problem: Box::new(end.problem), retry_in }).await;
    }

    pub(super) async fn delivered(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Messages(batch) => self.take(batch).await,
            Delivery::Packets(packets) => self.packets(packets).await,
            Delivery::Subscribed { grants, .. } => {
                self.inspector.take_grants(&grants);
                self.tell(TelemetryEvent::Subscribed(grants)).await;
            }
            Delivery::Unsubscribed { .. } | Delivery::Ended(_) => {}
            Delivery::Published { ticket, end } => {
                let mut told = Told::default();
                self.acts.answered(ticket, end, &mut told);
                self.take_told(told).await;
                self.pump().await;
            } // The link has taken it out already.
        }
    }

    /// The first message of a connection ends its last stage.
    pub(super) async fn end_first_stage(&mut self, batch: &Batch) {
        let Some(first) = batch.iter().next() else { return };
        let Some(report) = self.first_stage.take() else { return };
        let took = self.attempt_at.elapsed().saturating_sub(report.at);
        let mut facts = vec![("topic".to_owned(), visible_octets(first.topic, 200))];
        if first.is_retained {
            facts.push(("retained".to_owned(), "yes: it may be old".to_owned()));
        }
        self.stage(StageReport { state: StageState::Done, took, facts, ..report }).await;
    }
}
