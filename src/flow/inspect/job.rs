//! The loop of an inspection: what happened, what was asked, what is due.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::acts::{self, Acts, Told};
use super::backoff::{Backoff, GOOD};
use super::export::{Back, Exports, Kind};
use super::link::{Facts, Happened, Link};
use super::playback::{Played, Player};
use super::retained::{Find, Found};
use super::rules::{self, Kicks};
use super::trace::Trace;
use super::{InspectError, Setup};
use crate::flow::port::{Boxed, BrokerRequest, Bundle, ConnectionEnd, Delivery, Recorder, RecordsError, Retry};
use crate::model::destination::Destination;
use crate::model::mqtt::MqttVersion;
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::message::{Outgoing, PublishEnd, Qos, Subscription};
use crate::model::mqtt::stage::{Stage, StageReport, StageState};
use crate::model::mqtt::topic::{MAX_TOPIC_BYTES, TopicFilter};
use crate::model::problem::{Explain as _, Problem};
use crate::model::record::{Phase, RecordId, StepEntry};
use crate::model::redact::Redactor;
use crate::model::text::visible_octets;
use crate::msg::telemetry::{
    InspectionSource, InspectionState, InspectionStats, Repeat, TelemetryCommand, TelemetryEvent,
};
use crate::telemetry::batch::Batch;
use crate::telemetry::decode::Rule;
use crate::telemetry::inspector::Inspector;
use crate::telemetry::recording::{RecorderState, RecordingFacts};
use crate::telemetry::view::{Query, Snapshot};

/// The shortest time between two snapshots: at most 30 a second.
const SNAPSHOT_EVERY: Duration = Duration::from_millis(34);
/// A front end that has not taken the one before the last gets no other, but for one a second.
const SNAPSHOT_ANYWAY: Duration = Duration::from_secs(1);
/// How often the state of the recordings is told while it changes.
const RECORDING_EVERY: Duration = Duration::from_secs(1);
/// How long work may go on before something else has its turn.
const SLICE: Duration = Duration::from_millis(2);
/// How long a file may take to be opened or closed.
const FILE_LIMIT: Duration = Duration::from_secs(10);
/// How long the last messages may take to be written when an inspection ends.
const FINISH_LIMIT: Duration = Duration::from_secs(20);
/// Clients that look for kept messages are named after the one that watches.
const FINDER: &str = "-kept";

/// One inspection.
pub(super) struct Job {
    setup: Setup,
    started: Instant,
    inspector: Inspector,
    plan: Option<ConnectPlan>,
    /// Names in the client's certificate.
    certificate_names: Vec<String>,
    /// Whether the files that the plan names are still to be read.
    is_incomplete: bool,
    link: Link,
    attempt: u32,
    backoff: Backoff,
    kicks: Kicks,
    state: InspectionState,
    is_confirmed: bool,
    /// A gateway's identity is being used, on record: its outcome is not yet.
    has_open_identity: bool,
    player: Option<Player>,
    path: Option<PathBuf>,
    ring: Option<Arc<dyn Recorder>>,
    recording: Option<Arc<dyn Recorder>>,
    held: Option<Held>,
    is_recording_changed: bool,
    recording_told: Option<Instant>,
    recorder_problems: [Option<&'static str>; 2],
    acts: Acts,
    acts_done: usize,
    acts_unknown: usize,
    find: Option<Find>,
    exports: Exports,
    away: FuturesUnordered<Boxed<'static, Away>>,
    trace: Trace,
    record: Option<RecordId>,
    pace: Pace,
    waits_for_first: bool,
    /// The stage that ends with the first message of this connection, while none has come.
    first_stage: Option<StageReport>,
    attempt_at: Instant,
    was_connected: bool,
    last_problem: Option<Problem>,
    next_ticket: u64,
}

/// Messages that a writer could not take yet: nothing else is read before they are.
struct Held {
    batch: Arc<Batch>,
    for_ring: bool,
    for_recording: bool,
}

/// What takes its time beside the loop.
enum Away {
    Kept(Result<RecorderState, Problem>),
    Schemas(Result<Vec<(String, String)>, Problem>),
    Closed(Result<RecorderState, Problem>),
    Plot(PathBuf, Result<u64, Problem>),
}

/// When snapshots were made.
#[derive(Default)]
struct Pace {
    made: Option<Instant>,
    number: u64,
    /// The state of the inspector that the last one shows.
    change: Option<u64>,
    /// The last two.
    sent: [Weak<Snapshot>; 2],
    not_before: Option<Instant>,
}

/// What woke the loop.
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is taken apart at once")]
enum Woken {
    Command(Option<TelemetryCommand>),
    Link(Happened),
    Played(Played),
    Found(Found),
    Exported(Back),
    Away(Away),
    WriterReady,
    Due,
}

impl Job {
    pub(super) fn new(setup: Setup) -> Self {
        let inspector = Inspector::new(setup.start.budget_bytes, &setup.expectations);
        let waits_for_first = setup.start.pushed_before.is_some();
        let is_confirmed = setup.start.is_identity_confirmed;
        Self {
            setup,
            started: Instant::now(),
            inspector,
            plan: None,
            certificate_names: Vec::new(),
            is_incomplete: true,
            link: Link::default(),
            attempt: 0,
            backoff: Backoff::default(),
            kicks: Kicks::default(),
            state: InspectionState::Disconnected { problem: None },
            is_confirmed,
            has_open_identity: false,
            player: None,
            path: None,
            ring: None,
            recording: None,
            held: None,
            is_recording_changed: false,
            recording_told: None,
            recorder_problems: [None; 2],
            acts: Acts::default(),
            acts_done: 0,
            acts_unknown: 0,
            find: None,
            exports: Exports::default(),
            away: FuturesUnordered::new(),
            trace: Trace::default(),
            record: None,
            pace: Pace::default(),
            waits_for_first,
            first_stage: None,
            attempt_at: Instant::now(),
            was_connected: false,
            last_problem: None,
            next_ticket: 0,
        }
    }

    /// Runs until it is closed.
    pub(super) async fn drive(&mut self, commands: &mut mpsc::Receiver<TelemetryCommand>) -> Result<(), Problem> {
        self.begin().await?;
        loop {
            self.do_what_is_due().await;
            let has_work = self.inspector.has_work();
            if has_work {
                let until = Instant::now() + SLICE;
                self.inspector.work(&mut || Instant::now() >= until);
            }
            match self.wait(commands, has_work).await {
                Woken::Command(None | Some(TelemetryCommand::Close)) => return Ok(()),
                Woken::Command(Some(command)) => self.handle(command).await,
                Woken::Link(happened) => self.happened(happened).await,
                Woken::Played(played) => self.played(played).await,
                Woken::Found(found) => self.found(found).await,
                Woken::Exported(back) => {
                    if let Some(event) = self.exports.go_on(back, &self.inspector) {
                        self.tell(event).await;
                    }
                }
                Woken::Away(away) => self.came_back(away).await,
                Woken::WriterReady => self.offer_held().await,
                Woken::Due => {}
            }
        }
    }

    async fn wait(&mut self, commands: &mut mpsc::Receiver<TelemetryCommand>, has_work: bool) -> Woken {
        let due = self.next_due();
        let is_free = self.held.is_none();
        let Self { link, player, find, exports, away, held, ring, recording, .. } = self;
        tokio::select! {
            command = commands.recv() => Woken::Command(command),
            happened = link.next(is_free) => Woken::Link(happened),
            played = next_played(player), if is_free => Woken::Played(played),
            found = next_found(find) => Woken::Found(found),
            back = exports.next() => Woken::Exported(back),
            Some(away) = away.next(), if !away.is_empty() => Woken::Away(away),
            () = writer_ready(held.as_ref(), ring.as_ref(), recording.as_ref()), if !is_free => Woken::WriterReady,
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Woken::Due,
            () = yield_once(), if has_work => Woken::Due,
        }
    }

    async fn begin(&mut self) -> Result<(), Problem> {
        match std::mem::replace(
            &mut self.setup.start.source,
            InspectionSource::Recording { path: PathBuf::new(), speed: 1.0 },
        ) {
            InspectionSource::Broker(plan) => {
                self.setup.about.insert(0, ("broker".into(), plan.url.to_string()));
                match &self.setup.records {
                    Ok(records) => match records.begin(self.setup.intent.clone()).await {
                        Ok(record) => self.record = Some(record),
                        Err(error) => self.warn(error.explain()).await,
                    },
                    Err(error) => self.warn(error.explain()).await,
                }
                self.plan = Some(*plan);
                self.begin_recording().await?;
                self.try_to_connect().await;
            }
            InspectionSource::Recording { path, speed } => {
                let opened = timeout(FILE_LIMIT, self.setup.recordings.open(&path)).await;
                let playback = opened.unwrap_or_else(|_| Err(too_slow(&path)))?;
                let player = Player::new(playback, speed);
                self.path = Some(path);
                self.inspector.listen(0);
                self.enter(player.inspection_state()).await;
                self.tell(TelemetryEvent::Playback(Box::new(player.state()))).await;
                self.player = Some(player);
            }
        }
        Ok(())
    }

    async fn begin_recording(&mut self) -> Result<(), Problem> {
        if let Some(plan) = self.setup.start.ring {
            let ring = timeout(FILE_LIMIT, self.setup.recordings.ring(plan, self.about())).await;
            match ring.unwrap_or_else(|_| Err(too_slow(std::path::Path::new("ring")))) {
                Ok(ring) => self.ring = Some(ring),
                Err(problem) => self.warn(problem).await,
            }
        }
        if let Some(destination) = self.setup.start.record.take() {
            self.record(destination).await?;
        }
        self.is_recording_changed |= self.ring.is_some() || self.recording.is_some();
        Ok(())
    }

    fn about(&self) -> RecordingFacts {
        RecordingFacts { facts: self.setup.about.clone() }
    }

    // What is asked.

    async fn handle(&mut self, command: TelemetryCommand) {
        match command {
            TelemetryCommand::Open(_) => self.warn(InspectError::OutOfTurn.explain()).await,
            TelemetryCommand::ConfirmIdentity => self.confirm_identity().await,
            TelemetryCommand::Disconnect => self.disconnect().await,
            TelemetryCommand::Connect(plan) => self.connect_again(plan).await,
            TelemetryCommand::View(spec) => self.inspector.set_view(*spec),
            TelemetryCommand::Expand { node, is_expanded } => self.inspector.expand(node, is_expanded),
            TelemetryCommand::ExpandAll(is_expanded) => self.inspector.expand_all(is_expanded),
            TelemetryCommand::Reveal(topic) => {
                if let Some(row) = self.inspector.reveal(topic, self.now_mono()) {
                    self.tell(TelemetryEvent::Revealed { topic, row }).await;
                }
            }
            TelemetryCommand::Clear => self.inspector.clear(self.now_mono()),
            TelemetryCommand::SetBudget(bytes) => self.inspector.set_budget(bytes),
            TelemetryCommand::SetDecoders(rules) => {
                let rule = |rule: crate::msg::telemetry::DecoderRule| Rule {
                    filter: rule.filter,
                    kind: rule.kind,
                    message_type: rule.message_type,
                };
                self.inspector.set_rules(rules.into_iter().map(rule).collect());
            }
            TelemetryCommand::LoadSchemas { paths } => {
                let files = Arc::clone(&self.setup.files);
                self.away.push(Box::pin(async move { Away::Schemas(files.read_schemas(paths).await) }));
            }
            TelemetryCommand::Subscribe(subscriptions) => self.subscribe(subscriptions).await,
            TelemetryCommand::Unsubscribe(filters) => self.unsubscribe(filters).await,
            TelemetryCommand::Publish { ticket, message, repeat } => self.publish(ticket, message, repeat).await,
            TelemetryCommand::StopRepeat { ticket } => {
                self.acts.stop_repeat(ticket);
                self.pump().await;
            }
            TelemetryCommand::FindRetained(filter) => self.find_retained(filter).await,
            TelemetryCommand::ClearRetained(topics) => self.clear_retained(topics).await,
            TelemetryCommand::Record { destination } => {
                if let Err(problem) = self.record(destination).await {
                    self.warn(problem).await;
                }
                self.tell_recording().await;
            }
            TelemetryCommand::StopRecording => self.stop_recording().await,
            TelemetryCommand::KeepLast { span, destination } => self.keep_last(span, destination).await,
            TelemetryCommand::Play(_)
            | TelemetryCommand::SetSpeed(_)
            | TelemetryCommand::StepOnce
            | TelemetryCommand::Seek(_) => self.steer(&command).await,
            TelemetryCommand::Export { destination, format, query } => {
                let kind = Kind::Messages(format, self.about());
                self.export(destination, kind, &query).await;
            }
            TelemetryCommand::ExportPlot { destination, spec } => {
                let table = self.inspector.plot_table(&spec);
                let files = Arc::clone(&self.setup.files);
                self.away.push(Box::pin(async move {
                    let path = destination.path().to_owned();
                    let result = match table {
                        Ok((table, points)) => files.save(destination, table).await.map(|()| points),
                        Err(error) => Err(InspectError::NoTable { detail: error.to_string() }.explain()),
                    };
                    Away::Plot(path, result)
                }));
            }
            TelemetryCommand::Bundle { destination } => {
                let kind = Kind::Bundle(Box::new(self.bundle()));
                self.export(destination, kind, &Query::default()).await;
            }
            // The loop has seen to it.
            TelemetryCommand::Close => {}
        }
    }

    async fn confirm_identity(&mut self) {
        if self.state == InspectionState::AwaitingConfirmation {
            self.is_confirmed = true;
            self.try_to_connect().await;
        }
    }

    async fn disconnect(&mut self) {
        if self.player.is_some() {
            return;
        }
        self.lose_connection().await;
        if !self.link.close() {
            self.link.drop_now();
            self.enter(InspectionState::Disconnected { problem: None }).await;
        }
    }

    async fn connect_again(&mut self, plan: Option<Box<ConnectPlan>>) {
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
    async fn try_to_connect(&mut self) {
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
    async fn complete_plan(&mut self) -> Result<(), Problem> {
        let Some(plan) = self.plan.clone().filter(|_| std::mem::take(&mut self.is_incomplete)) else { return Ok(()) };
        let completed = timeout(FILE_LIMIT, self.setup.files.complete(Box::new(plan))).await;
        let (plan, names) = completed.unwrap_or_else(|_| Err(too_slow(std::path::Path::new("certificates"))))?;
        (self.plan, self.certificate_names) = (Some(*plan), names);
        Ok(())
    }

    /// A gateway's own identity is about to be used: that goes on record, or is not done.
    async fn write_identity(&mut self) -> Result<(), Problem> {
        if self.has_open_identity {
            return Ok(());
        }
        let client_id = self.plan.as_ref().map(|plan| plan.client_id.clone());
        self.write("connect-as-gateway", Phase::Intent, "", json!({ "client_id": client_id })).await?;
        self.has_open_identity = true;
        Ok(())
    }

    async fn close_identity(&mut self, outcome: &'static str, detail: serde_json::Value) {
        if std::mem::take(&mut self.has_open_identity) {
            match self.write("connect-as-gateway", Phase::Outcome, outcome, detail).await {
                Ok(()) => self.acts_done += 1,
                Err(problem) => self.warn(problem).await,
            }
        }
    }

    async fn connect(&mut self) {
        let Some(plan) = self.plan.clone() else { return };
        self.inspector.set_dialect(plan.dialect);
        self.attempt += 1;
        self.attempt_at = Instant::now();
        self.link.connect(Arc::clone(&self.setup.broker), plan, self.attempt);
        self.enter(InspectionState::Connecting { attempt: self.attempt }).await;
    }

    async fn stay_disconnected(&mut self, problem: Problem) {
        self.link.drop_now();
        self.last_problem = Some(problem.clone());
        self.enter(InspectionState::Disconnected { problem: Some(Box::new(problem)) }).await;
    }

    async fn subscribe(&mut self, subscriptions: Vec<Subscription>) {
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

    async fn unsubscribe(&mut self, filters: Vec<TopicFilter>) {
        let Some(plan) = &mut self.plan else {
            return self.warn(InspectError::IsRecording { what: "subscriptions" }.explain()).await;
        };
        plan.subscriptions.retain(|known| !filters.contains(&known.filter));
        let ticket = self.ticket();
        let _ = self.link.ask(BrokerRequest::Unsubscribe { ticket, filters });
        self.tell_subscriptions().await;
    }

    async fn tell_subscriptions(&self) {
        let subscriptions = self.plan.as_ref().map(|plan| plan.subscriptions.clone()).unwrap_or_default();
        self.tell(TelemetryEvent::Subscriptions(subscriptions)).await;
    }

    const fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    async fn publish(&mut self, ticket: u64, message: Box<Outgoing>, repeat: Option<Repeat>) {
        let repeat = repeat.map(|repeat| Repeat { every: repeat.every.max(acts::SHORTEST_REPEAT), ..repeat });
        if let Err(problem) = self.check_publish(&message, repeat.as_ref()).await {
            let end = PublishEnd::Refused(problem);
            return self.tell(TelemetryEvent::Published { ticket, count: 1, end }).await;
        }
        self.acts.publish(ticket, message, repeat, Instant::now());
        self.pump().await;
    }

    /// Whether a message can be sent; then its intent is on record.
    async fn check_publish(&mut self, message: &Outgoing, repeat: Option<&Repeat>) -> Result<(), Problem> {
        let Some(plan) = &self.plan else {
            return Err(InspectError::IsRecording { what: "publishing" }.explain());
        };
        if !self.link.is_open() {
            return Err(InspectError::NotConnected.explain());
        }
        let topic = &message.topic;
        if topic.is_empty() || topic.len() > MAX_TOPIC_BYTES || topic.contains(['+', '#', '\0']) {
            return Err(InspectError::BadTopic { topic: topic.clone() }.explain());
        }
        if !message.properties.is_empty() && plan.version != MqttVersion::V5 {
            return Err(InspectError::NeedsVersion5.explain());
        }
        for note in rules::check_message(plan, message)? {
            self.warn(note).await;
        }
        self.write_entry(acts::publish_intent(message, repeat)).await
    }

    async fn clear_retained(&mut self, topics: Vec<String>) {
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

    async fn find_retained(&mut self, filter: TopicFilter) {
        let refused = match (&self.plan, &self.find) {
            (None, _) => Some(InspectError::IsRecording { what: "kept messages" }),
            (_, Some(_)) => Some(InspectError::FindUnderWay),
            (Some(_), None) => None,
        };
        if let Some(error) = refused {
            self.warn(error.explain()).await;
            return self.tell(TelemetryEvent::Retained { topics: Vec::new(), is_complete: true }).await;
        }
        let Some(mut plan) = self.plan.clone() else { return };
        plan.client_id = format!("{}{FINDER}{:04x}", plan.client_id, u16::from_be_bytes([random(), random()]));
        plan.subscriptions = vec![Subscription { filter, qos: Qos::AtMostOnce }];
        plan.is_clean = true;
        plan.will = None;
        let mut link = Link::default();
        link.connect(Arc::clone(&self.setup.broker), plan, 1);
        self.find = Some(Find::new(link));
    }

    async fn record(&mut self, destination: Destination) -> Result<(), Problem> {
        if self.player.is_some() {
            return Err(InspectError::IsRecording { what: "recording" }.explain());
        }
        if let Some(running) = &self.recording {
            let path = running.state().path.display().to_string();
            return Err(InspectError::RecordsAlready { path }.explain());
        }
        self.is_recording_changed = true;
        let path = destination.path().to_owned();
        let begun = timeout(FILE_LIMIT, self.setup.recordings.create(destination, self.about())).await;
        self.recording = Some(begun.unwrap_or_else(|_| Err(too_slow(&path)))?);
        Ok(())
    }

    async fn stop_recording(&mut self) {
        if let Some(held) = &mut self.held {
            held.for_recording = false;
        }
        if let Some(recording) = self.recording.take() {
            self.away.push(Box::pin(async move { Away::Closed(recording.finish().await) }));
        }
        self.offer_held().await;
    }

    async fn keep_last(&mut self, span: Duration, destination: Destination) {
        match self.ring.clone() {
            Some(ring) => {
                self.away.push(Box::pin(async move { Away::Kept(ring.keep_last(span, destination).await) }));
            }
            None => self.tell(TelemetryEvent::Kept(Err(InspectError::NoRing.explain()))).await,
        }
    }

    async fn steer(&mut self, command: &TelemetryCommand) {
        let Some(player) = &mut self.player else {
            return self.warn(InspectError::IsLive.explain()).await;
        };
        match command {
            // As players do: at the end it begins again.
            TelemetryCommand::Play(true) if player.is_at_end() => {
                if player.seek(i64::MIN, self.setup.start.budget_bytes) {
                    self.inspector.clear(0);
                }
                player.play(true);
            }
            TelemetryCommand::Play(is_playing) => player.play(*is_playing),
            TelemetryCommand::SetSpeed(speed) => player.set_speed(*speed),
            TelemetryCommand::StepOnce => player.step(),
            TelemetryCommand::Seek(unix_micros) if player.seek(*unix_micros, self.setup.start.budget_bytes) => {
                self.inspector.clear(0);
            }
            _ => {}
        }
        self.tell_playback().await;
    }

    async fn tell_playback(&mut self) {
        let Some(player) = &self.player else { return };
        let (state, playback) = (player.inspection_state(), player.state());
        if self.state != state {
            self.enter(state).await;
        }
        self.tell(TelemetryEvent::Playback(Box::new(playback))).await;
    }

    async fn export(&mut self, destination: Destination, kind: Kind, query: &Query) {
        match self.inspector.filter(query) {
            Ok(filter) => {
                let recording = self.path.clone().map(|path| (path, Arc::clone(&self.setup.recordings)));
                let files = Arc::clone(&self.setup.files);
                self.exports.begin(destination, kind, filter, &self.inspector, recording, files);
            }
            Err(problem) => {
                let path = destination.path().to_owned();
                self.tell(TelemetryEvent::Exported { path, result: Err(problem) }).await;
            }
        }
    }

    fn bundle(&mut self) -> Bundle {
        let now = self.now_mono();
        let snapshot = self.inspector.snapshot(0, now, self.now_unix());
        Bundle {
            about: self.about(),
            stages: self.trace.stages.iter().cloned().collect(),
            packets: self.trace.packets.iter().cloned().collect(),
            warnings: self.trace.warnings.iter().cloned().collect(),
            expectations: snapshot.expectations,
            counters: snapshot.counters,
            redactor: Redactor::new(self.plan.iter().flat_map(ConnectPlan::secrets), None),
        }
    }

    // What happens.

    async fn happened(&mut self, happened: Happened) {
        match happened {
            Happened::Stage(report) => self.stage(report).await,
            Happened::Connected(facts) => self.connected(facts).await,
            Happened::NotConnected(end) => self.ended(end, None).await,
            Happened::Ended(end, held) => {
                self.lose_connection().await;
                self.ended(end, Some(held)).await;
            }
            Happened::Closed => self.enter(InspectionState::Disconnected { problem: None }).await,
            Happened::RetryDue => self.connect().await,
            Happened::Delivery(delivery) => self.delivered(delivery).await,
        }
    }

    async fn stage(&mut self, report: StageReport) {
        self.trace.stage(&report);
        let is_told = !matches!(report.state, StageState::Running) && report.stage == Stage::Subscribe;
        let grants = if is_told { report.grants.clone() } else { Vec::new() };
        self.tell(TelemetryEvent::Stage(Box::new(report))).await;
        if !grants.is_empty() {
            self.tell(TelemetryEvent::Subscribed(grants)).await;
        }
    }

    async fn connected(&mut self, facts: Facts) {
        self.was_connected = true;
        self.last_problem = None;
        self.inspector.listen(self.now_mono());
        let Facts { facts, login_ends } = facts;
        self.enter(InspectionState::Connected { facts, login_ends }).await;
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

    /// What was on its way is unknown from here on, and silence is ours.
    async fn lose_connection(&mut self) {
        if let Some(report) = self.first_stage.take() {
            let state = StageState::Skipped("the connection ended before a message came".into());
            let took = self.attempt_at.elapsed().saturating_sub(report.at);
            self.stage(StageReport { took, state, ..report }).await;
        }
        self.inspector.stop_listening();
        let mut told = Told::default();
        self.acts.connection_lost(&mut told);
        self.take_told(told).await;
    }

    /// A connection ended, or did not come about: whether it is tried again is the broker's word, or that of the watch for
    /// clients that kick each other.
    async fn ended(&mut self, end: ConnectionEnd, lasted: Option<Duration>) {
        self.last_problem = Some(end.problem.clone());
        self.close_identity(if lasted.is_some() { "done" } else { "failed" }, json!({ "problem": end.problem })).await;
        if lasted.is_some_and(|lasted| lasted >= GOOD) {
            self.backoff.reset();
        }
        let fight = self.plan.as_ref().and_then(|plan| self.kicks.ended(self.started.elapsed(), lasted, &end, plan));
        if let Some(fight) = fight {
            self.warn(fight.clone()).await;
            return self.stay_disconnected(fight).await;
        }
        if end.retry == Retry::Never || !self.setup.start.is_reconnecting {
            return self.stay_disconnected(end.problem).await;
        }
        let retry_in = self.backoff.next(random());
        self.link.wait(Instant::now() + retry_in);
        self.enter(InspectionState::Waiting { problem: Box::new(end.problem), retry_in }).await;
    }

    async fn delivered(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Messages(batch) => self.take(batch).await,
            Delivery::Packets(packets) => {
                self.trace.packets(&packets);
                self.tell(TelemetryEvent::Packets(packets)).await;
            }
            Delivery::Subscribed { grants, .. } => self.tell(TelemetryEvent::Subscribed(grants)).await,
            Delivery::Unsubscribed { .. } | Delivery::Ended(_) => {}
            Delivery::Published { ticket, end } => {
                let mut told = Told::default();
                self.acts.answered(ticket, end, &mut told);
                self.take_told(told).await;
                self.pump().await;
            } // The link has taken it out already.
        }
    }

    /// Messages: onto the disk first, so that what is shown is recorded, then into the store.
    async fn take(&mut self, batch: Arc<Batch>) {
        self.held = Some(Held { for_ring: self.ring.is_some(), for_recording: self.recording.is_some(), batch });
        self.offer_held().await;
    }

    /// Takes messages in once the writers have taken them.
    async fn offer_held(&mut self) {
        let Some(held) = &mut self.held else { return };
        for (is_wanted, writer) in [(&mut held.for_ring, &self.ring), (&mut held.for_recording, &self.recording)] {
            if *is_wanted {
                *is_wanted = writer.as_ref().is_some_and(|writer| !writer.write(&held.batch));
                self.is_recording_changed = true;
            }
        }
        if held.for_ring || held.for_recording {
            return;
        }
        if let Some(Held { batch, .. }) = self.held.take() {
            self.ingest(batch).await;
        }
    }

    /// The first message of a connection ends its last stage.
    async fn end_first_stage(&mut self, batch: &Batch) {
        let Some(first) = batch.iter().next() else { return };
        let Some(report) = self.first_stage.take() else { return };
        let took = self.attempt_at.elapsed().saturating_sub(report.at);
        let mut facts = vec![("topic".to_owned(), visible_octets(first.topic, 200))];
        if first.is_retained {
            facts.push(("kept by the broker".to_owned(), "yes: it may be old".to_owned()));
        }
        self.stage(StageReport { state: StageState::Done, took, facts, ..report }).await;
    }

    async fn ingest(&mut self, batch: Arc<Batch>) {
        self.inspector.ingest(&batch);
        if self.first_stage.is_some() {
            self.end_first_stage(&batch).await;
        }
        if self.waits_for_first {
            self.look_for_first(&batch).await;
        }
        if self.setup.start.wants_messages {
            self.tell(TelemetryEvent::Messages(batch)).await;
        }
    }

    async fn look_for_first(&mut self, batch: &Batch) {
        let topics = &self.setup.topics;
        let fits = |topic: &[u8]| topics.is_empty() || topics.iter().any(|filter| filter.matches_bytes(topic));
        // What the broker had kept came before the push.
        let first = batch.iter().find(|arrival| !arrival.is_retained && fits(arrival.topic));
        if let (Some(first), Some(before)) = (first, self.setup.start.pushed_before) {
            self.waits_for_first = false;
            let after = before + Duration::from_micros(first.mono_micros);
            self.tell(TelemetryEvent::FirstMessage { after }).await;
        }
    }

    async fn played(&mut self, played: Played) {
        match played {
            Played::Messages(batch) => self.ingest(batch).await,
            Played::Arrived => self.tell_playback().await,
            Played::Failed(problem) => {
                self.last_problem = Some(problem.clone());
                self.warn(problem).await;
                self.tell_playback().await;
            }
        }
    }

    async fn found(&mut self, found: Found) {
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

    async fn came_back(&mut self, away: Away) {
        match away {
            Away::Kept(result) => self.tell(TelemetryEvent::Kept(result)).await,
            Away::Schemas(result) => {
                let types = result.and_then(|schemas| self.inspector.load_schemas(&schemas));
                self.tell(TelemetryEvent::SchemasLoaded(types)).await;
            }
            Away::Closed(Ok(_)) => self.tell_recording().await,
            Away::Closed(Err(problem)) => {
                self.warn(problem).await;
                self.tell_recording().await;
            }
            Away::Plot(path, result) => self.tell(TelemetryEvent::Exported { path, result }).await,
        }
    }

    // What is due.

    /// When something is due by itself; nothing while nothing happens.
    fn next_due(&self) -> Option<Instant> {
        let now = Instant::now();
        let allowed = self.snapshot_allowed_at(now);
        let snapshot = self.is_dirty().then_some(allowed);
        let tick = self.inspector.next_tick().and_then(|mono| self.instant_of(mono, now)).map(|tick| tick.max(allowed));
        let recording = self.is_recording_changed.then(|| match self.recording_told {
            Some(told) => told + RECORDING_EVERY,
            None => now,
        });
        [snapshot, tick, recording, self.acts.next_at()].into_iter().flatten().min()
    }

    fn is_dirty(&self) -> bool {
        self.pace.change != Some(self.inspector.change())
    }

    fn snapshot_allowed_at(&self, now: Instant) -> Instant {
        let paced = self.pace.made.map_or(now, |made| made + SNAPSHOT_EVERY);
        self.pace.not_before.map_or(paced, |not_before| paced.max(not_before))
    }

    /// When a monotonic time of the messages is.
    fn instant_of(&self, mono: u64, now: Instant) -> Option<Instant> {
        match &self.player {
            // Its time runs at a speed of its own: looking once a second is enough.
            Some(player) if player.is_playing() => {
                let made = self.pace.made.unwrap_or(now);
                (mono != u64::MAX).then(|| made + SNAPSHOT_ANYWAY)
            }
            Some(_) => None,
            None => self.started.checked_add(Duration::from_micros(mono)),
        }
    }

    async fn do_what_is_due(&mut self) {
        let now = Instant::now();
        if self.acts.next_at().is_some_and(|at| at <= now) {
            self.pump().await;
        }
        if self.is_recording_changed && self.recording_told.is_none_or(|told| told + RECORDING_EVERY <= now) {
            self.tell_recording().await;
        }
        let tick = self.inspector.next_tick().and_then(|mono| self.instant_of(mono, now));
        let is_due = self.is_dirty() || tick.is_some_and(|tick| tick <= now);
        if is_due && self.snapshot_allowed_at(now) <= now {
            self.show(now).await;
        }
    }

    /// Makes a snapshot, unless the front end has not taken the one before the last.
    async fn show(&mut self, now: Instant) {
        let is_behind = self.pace.sent[0].strong_count() > 0 && self.pace.sent[1].strong_count() > 0;
        let is_overdue = self.pace.made.is_none_or(|made| made + SNAPSHOT_ANYWAY <= now);
        if (is_behind && !is_overdue) || self.setup.progress.capacity() == 0 {
            self.pace.not_before = Some(now + SNAPSHOT_EVERY);
            return;
        }
        self.make_snapshot(now).await;
    }

    async fn make_snapshot(&mut self, now: Instant) {
        let (mono, unix) = (self.now_mono(), self.now_unix());
        let snapshot = Arc::new(self.inspector.snapshot(self.pace.number, mono, unix));
        self.pace.number += 1;
        self.pace.made = Some(now);
        self.pace.not_before = None;
        self.pace.change = Some(self.inspector.change());
        self.pace.sent.swap(0, 1);
        self.pace.sent[1] = Arc::downgrade(&snapshot);
        self.tell(TelemetryEvent::Snapshot(snapshot)).await;
        if let Some(player) = self.player.as_ref().filter(|player| player.is_playing()) {
            let playback = Box::new(player.state());
            self.tell(TelemetryEvent::Playback(playback)).await;
        }
    }

    /// The time by which messages are counted.
    fn now_mono(&self) -> u64 {
        match &self.player {
            Some(player) => player.now_mono(),
            None => u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }

    fn now_unix(&self) -> i64 {
        match &self.player {
            Some(player) => player.state().position_unix_micros,
            None => (self.setup.clock)(),
        }
    }

    async fn pump(&mut self) {
        let mut told = Told::default();
        self.acts.pump(&mut self.link, Instant::now(), &mut told);
        self.take_told(told).await;
    }

    async fn take_told(&mut self, told: Told) {
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

    async fn tell_recording(&mut self) {
        self.is_recording_changed = false;
        self.recording_told = Some(Instant::now());
        let recorder = self.recording.as_ref().map(|recording| recording.state());
        let ring = self.ring.as_ref().map(|ring| ring.state());
        for (place, state) in [&recorder, &ring].into_iter().enumerate() {
            let problem = state.as_ref().and_then(|state| state.problem.clone());
            let code = problem.as_ref().map(|problem| problem.code);
            // Told once, not every second.
            if let Some(problem) = problem.filter(|_| self.recorder_problems[place] != code) {
                self.warn(problem).await;
            }
            self.recorder_problems[place] = code;
        }
        self.tell(TelemetryEvent::Recording { recorder, ring }).await;
    }

    async fn enter(&mut self, state: InspectionState) {
        self.state = state.clone();
        self.tell(TelemetryEvent::State(state)).await;
    }

    async fn warn(&mut self, problem: Problem) {
        self.trace.warning(self.started.elapsed(), &problem);
        self.tell(TelemetryEvent::Warning(Box::new(problem))).await;
    }

    async fn tell(&self, event: TelemetryEvent) {
        // A front end that has gone does not hear it.
        let _ = self.setup.progress.send((self.started.elapsed(), event)).await;
    }

    async fn write(
        &mut self,
        step: &str,
        phase: Phase,
        outcome: &str,
        detail: serde_json::Value,
    ) -> Result<(), Problem> {
        self.write_entry(StepEntry { step: step.into(), phase, outcome: outcome.into(), detail }).await
    }

    async fn write_entry(&mut self, entry: StepEntry) -> Result<(), Problem> {
        let records = self.setup.records.as_ref().map_err(crate::model::problem::Explain::explain)?;
        let record = if let Some(record) = self.record {
            record
        } else {
            let record = records.begin(self.setup.intent.clone()).await.map_err(|error| error.explain())?;
            *self.record.insert(record)
        };
        records.step(record, entry).await.map_err(|error| error.explain())
    }

    // The end.

    /// Says farewell, closes the files, tells what it amounted to, and puts the outcome on record.
    pub(super) async fn wind_down(&mut self, is_patient: bool) -> Result<String, RecordsError> {
        let mut told = Told::default();
        self.acts.end(&mut told);
        self.take_told(told).await;
        if self.link.close() {
            while is_patient && !self.link.is_off() {
                let finish = async {
                    while self.held.is_some() {
                        writer_ready(self.held.as_ref(), self.ring.as_ref(), self.recording.as_ref()).await;
                        self.offer_held().await;
                    }
                };
                if timeout(FINISH_LIMIT, finish).await.is_err() {
                    break;
                }
                if let Happened::Delivery(Delivery::Messages(batch)) = self.link.next(true).await {
                    self.take(batch).await;
                }
            }
        }
        self.link.drop_now();
        self.find = None;
        if let Some(Held { batch, .. }) = self.held.take() {
            self.ingest(batch).await;
        }
        self.close_identity("done", json!({})).await;
        self.finish_recorders().await;
        self.make_snapshot(Instant::now()).await;
        let totals = self.inspector.totals();
        let (cpu, peak_rss_bytes) = (self.setup.usage)();
        let stats = InspectionStats {
            messages: totals.messages,
            bytes: totals.bytes,
            span: totals.span,
            held: totals.held,
            evicted: totals.evicted,
            dropped: totals.dropped,
            cpu,
            peak_rss_bytes,
        };
        self.tell(TelemetryEvent::Stats(stats)).await;
        self.write_end(totals.messages).await
    }

    async fn finish_recorders(&mut self) {
        let (recording, ring) = (self.recording.take(), self.ring.take());
        let mut states = [None, None];
        for (state, recorder) in states.iter_mut().zip([recording, ring]) {
            let Some(recorder) = recorder else { continue };
            match timeout(FINISH_LIMIT, recorder.finish()).await {
                Ok(Ok(finished)) => *state = Some(finished),
                Ok(Err(problem)) => self.warn(problem).await,
                Err(_) => self.warn(too_slow(&recorder.state().path)).await,
            }
        }
        let [recorder, ring] = states;
        if recorder.is_some() || ring.is_some() {
            self.tell(TelemetryEvent::Recording { recorder, ring }).await;
        }
    }

    async fn write_end(&mut self, messages: u64) -> Result<String, RecordsError> {
        let note = match messages {
            0 => "No message came".to_owned(),
            1 => "One message came".to_owned(),
            messages => format!("{messages} messages came"),
        };
        let (Ok(records), Some(record)) = (&self.setup.records, self.record) else { return Ok(note) };
        let (outcome, reason, summary) = match (&self.last_problem, self.acts_unknown) {
            (_, 1..) => {
                let summary = format!("{} acts ended without an answer; look at the broker", self.acts_unknown);
                ("unknown", "inspect.unknown".to_owned(), summary)
            }
            (Some(problem), 0) if !self.was_connected => ("failed", problem.code.to_owned(), problem.what.clone()),
            (_, 0) if !self.was_connected => {
                ("cancelled", "inspect.stopped".to_owned(), "Stopped before there was a connection".to_owned())
            }
            (_, 0) => {
                let acts = match self.acts_done {
                    0 => "nothing was changed".to_owned(),
                    1 => "one act was done".to_owned(),
                    acts => format!("{acts} acts were done"),
                };
                ("done", "inspect.closed".to_owned(), format!("{note}; {acts}"))
            }
        };
        records.end(record, outcome, reason, summary).await?;
        Ok(note)
    }
}

async fn next_played(player: &mut Option<Player>) -> Played {
    match player {
        Some(player) => player.next().await,
        None => std::future::pending().await,
    }
}

async fn next_found(find: &mut Option<Find>) -> Found {
    match find {
        Some(find) => find.next().await,
        None => std::future::pending().await,
    }
}

/// Waits until the writer that messages are held for takes them.
async fn writer_ready(held: Option<&Held>, ring: Option<&Arc<dyn Recorder>>, recording: Option<&Arc<dyn Recorder>>) {
    let Some(held) = held else { return };
    for (_, writer) in
        [(held.for_ring, ring), (held.for_recording, recording)].into_iter().filter(|(wanted, _)| *wanted)
    {
        if let Some(writer) = writer {
            writer.ready().await;
        }
    }
}

/// Lets others have their turn once.
async fn yield_once() {
    let mut has_yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// An octet that nobody can foretell. Where the system has none, any will do: it is for waits and names.
fn random() -> u8 {
    let mut octet = [0x80];
    let _ = getrandom::fill(&mut octet);
    octet[0]
}

fn too_slow(path: &std::path::Path) -> Problem {
    Problem::new(
        "recording.too_slow",
        "A file could not be opened or closed in time",
        "The disk is very slow, or is a network drive that does not answer",
        "Choose a folder on this computer's own disk",
    )
    .with_detail(path.display().to_string())
}
