//! Inspections on a paused clock, with a broker, recordings and records made of channels.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep, timeout};

use super::{Setup, run};
use crate::flow::port::{
    Boxed, Broker, BrokerRequest, Bundle, Completed, Connection, ConnectionEnd, Delivery, ExportSink, InspectionFiles,
    Playback, Recorder, Recordings, Records, RecordsError, Retry,
};
use crate::model::basis::Basis;
use crate::model::destination::Destination;
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::message::{Outgoing, PublishEnd, Qos, Subscription};
use crate::model::mqtt::stage::{Stage, StageReport, StageState, TracedPacket};
use crate::model::problem::Problem;
use crate::model::record::{JobIntent, Phase, RecordId, StepEntry};
use crate::model::wipe::LeftoverState;
use crate::msg::JobEnd;
use crate::msg::telemetry::{
    Clearance, ExportForm, InspectionSource, InspectionStart, InspectionState, InspectionStats, Repeat, RetainedSearch,
    TelemetryCommand, TelemetryEvent,
};
use crate::profile::rules::Expectation;
use crate::telemetry::batch::{Arrival, Batch, Missed};
use crate::telemetry::recording::{LeftOut, RecorderState, RecordingFacts, RingPlan};
use crate::telemetry::view::{ExpectationWord, PlotSpec, Query, SeriesSpec, TopicId, TreeSpec, ViewSpec};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
/// When recordings of these tests begin.
const BEGIN: i64 = 1_700_000_000_000_000;

/// The far end of a connection.
struct Peer {
    plan: ConnectPlan,
    at: Instant,
    requests: mpsc::Receiver<BrokerRequest>,
    deliveries: mpsc::Sender<Delivery>,
}

impl Peer {
    async fn send(&self, batch: Batch) {
        self.deliveries.send(Delivery::Messages(Arc::new(batch))).await.unwrap();
    }

    async fn end(self, retry: Retry, is_takeover: bool) {
        self.deliveries.send(Delivery::Ended(end(retry, is_takeover))).await.unwrap();
    }

    async fn publish(&mut self) -> (u64, Outgoing) {
        match self.requests.recv().await {
            Some(BrokerRequest::Publish { ticket, message }) => (ticket, *message),
            _ => panic!("no publish"),
        }
    }

    async fn answer(&self, ticket: u64, end: PublishEnd) {
        self.deliveries.send(Delivery::Published { ticket, end }).await.unwrap();
    }
}

fn end(retry: Retry, is_takeover: bool) -> ConnectionEnd {
    ConnectionEnd { problem: problem("mqtt.closed"), retry, is_takeover }
}

fn problem(code: &'static str) -> Problem {
    Problem::new(code, "It failed", "A test", "Go on")
}

/// Hands the far end of each connection to the test, or lets it fail as the test wants.
struct FakeBroker {
    peers: mpsc::Sender<Peer>,
    /// How the next attempts fail; what comes after them succeeds.
    failures: Mutex<Vec<ConnectionEnd>>,
    attempts: Mutex<Vec<Instant>>,
    /// How long it takes until it lets somebody in.
    takes: Duration,
}

impl Broker for FakeBroker {
    fn connect<'a>(
        &'a self,
        plan: &'a ConnectPlan,
        attempt: u32,
        stages: mpsc::Sender<StageReport>,
    ) -> Boxed<'a, Result<Connection, ConnectionEnd>> {
        Box::pin(async move {
            self.attempts.lock().unwrap().push(Instant::now());
            let report = StageReport::begun(attempt, Stage::Connect, Duration::ZERO);
            stages.send(report.clone()).await.unwrap();
            let failure = self.failures.lock().unwrap().pop();
            let state = match &failure {
                Some(end) => StageState::Failed(end.problem.clone()),
                None => StageState::Done,
            };
            stages.send(StageReport { state, ..report }).await.unwrap();
            if let Some(end) = failure {
                return Err(end);
            }
            let (requests, request_rx) = mpsc::channel(4);
            let (delivery_tx, deliveries) = mpsc::channel(1);
            let peer = Peer { plan: plan.clone(), at: Instant::now(), requests: request_rx, deliveries: delivery_tx };
            self.peers.send(peer).await.unwrap();
            sleep(self.takes).await;
            Ok(Connection { requests, deliveries, is_session_present: false, facts: Vec::new(), login_ends: None })
        })
    }
}

#[derive(Default)]
struct FakeRecordings {
    batches: Mutex<Vec<Arc<Batch>>>,
    recorder: Arc<FakeRecorder>,
}

#[derive(Default)]
struct FakeRecorder {
    is_full: AtomicBool,
    freed: Notify,
    messages: Mutex<u64>,
    is_finished: AtomicBool,
    is_discarded: AtomicBool,
    /// Why it can write nothing more.
    trouble: Mutex<Option<Problem>>,
}

impl Recordings for FakeRecordings {
    fn create(&self, _: Destination, _: RecordingFacts) -> Boxed<'_, Result<Arc<dyn Recorder>, Problem>> {
        let recorder: Arc<dyn Recorder> = Arc::<FakeRecorder>::clone(&self.recorder);
        Box::pin(async { Ok(recorder) })
    }

    fn ring(&self, _: RingPlan, _: RecordingFacts) -> Boxed<'_, Result<Arc<dyn Recorder>, Problem>> {
        Box::pin(async { Err(problem("recording.test")) })
    }

    fn open<'a>(&'a self, _: &'a Path) -> Boxed<'a, Result<Box<dyn Playback>, Problem>> {
        let batches = self.batches.lock().unwrap().clone();
        Box::pin(async move { Ok(Box::new(FakePlayback { batches, next: 0, from: i64::MIN }) as Box<dyn Playback>) })
    }
}

impl Recorder for FakeRecorder {
    fn write(&self, batch: &Arc<Batch>) -> bool {
        let is_taken = !self.is_full.load(Ordering::Relaxed);
        if is_taken {
            *self.messages.lock().unwrap() += batch.len() as u64;
        }
        is_taken
    }

    fn ready(&self) -> Boxed<'_, ()> {
        Box::pin(self.freed.notified())
    }

    fn state(&self) -> RecorderState {
        let problem = self.trouble.lock().unwrap().clone();
        RecorderState { messages: *self.messages.lock().unwrap(), problem, ..RecorderState::default() }
    }

    fn keep_last(&self, _: Duration, _: Destination) -> Boxed<'_, Result<RecorderState, Problem>> {
        Box::pin(async { Ok(self.state()) })
    }

    fn finish(&self) -> Boxed<'_, Result<RecorderState, Problem>> {
        self.is_finished.store(true, Ordering::Relaxed);
        let state = self.state();
        Box::pin(async { state.problem.clone().map_or(Ok(state), Err) })
    }

    fn discard(&self) -> Boxed<'_, bool> {
        let is_empty = self.state().messages == 0;
        self.is_discarded.store(is_empty, Ordering::Relaxed);
        Box::pin(async move { is_empty })
    }
}

struct FakePlayback {
    batches: Vec<Arc<Batch>>,
    next: usize,
    from: i64,
}

impl Playback for FakePlayback {
    fn state(&self) -> RecorderState {
        let times = || self.batches.iter().flat_map(|batch| batch.iter().map(|arrival| arrival.unix_micros));
        RecorderState {
            messages: times().count() as u64,
            span_unix_micros: times().min().zip(times().max()),
            ..RecorderState::default()
        }
    }

    fn facts(&self) -> RecordingFacts {
        RecordingFacts::default()
    }

    fn repaired(&self) -> Option<Problem> {
        None
    }

    fn left_out(&self) -> LeftOut {
        LeftOut::default()
    }

    fn next(&mut self) -> Boxed<'_, Result<Option<Arc<Batch>>, Problem>> {
        Box::pin(async move {
            let Some(batch) = self.batches.get(self.next).cloned() else { return Ok(None) };
            self.next += 1;
            let mut part = Batch::new(batch.unix_offset_micros);
            part.missed = batch.missed;
            for arrival in batch.iter().filter(|arrival| arrival.unix_micros >= self.from) {
                assert!(part.push(&arrival));
            }
            Ok(Some(Arc::new(part)))
        })
    }

    fn seek(&mut self, unix_micros: i64) -> Boxed<'_, Result<(), Problem>> {
        (self.from, self.next) = (unix_micros, 0);
        Box::pin(async { Ok(()) })
    }
}

#[derive(Clone, Default)]
struct FakeFiles {
    exported: Arc<Mutex<Vec<String>>>,
}

impl InspectionFiles for FakeFiles {
    fn complete(&self, plan: Box<ConnectPlan>) -> Boxed<'_, Result<Completed, Problem>> {
        Box::pin(async { Ok((plan, Vec::new())) })
    }

    fn export(
        &self,
        _: Destination,
        _: ExportForm,
        _: RecordingFacts,
    ) -> Boxed<'_, Result<Box<dyn ExportSink>, Problem>> {
        Box::pin(async { Ok(Box::new(self.clone()) as Box<dyn ExportSink>) })
    }

    fn save(&self, _: Destination, _: Vec<u8>) -> Boxed<'_, Result<(), Problem>> {
        Box::pin(async { Ok(()) })
    }

    fn read_schemas(&self, _: Vec<PathBuf>) -> Boxed<'_, Result<Vec<(String, String)>, Problem>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn bundle(&self, _: Destination, bundle: Bundle) -> Boxed<'_, Result<Box<dyn ExportSink>, Problem>> {
        self.exported.lock().unwrap().push(format!("bundle with {} stages", bundle.stages.len()));
        Box::pin(async { Ok(Box::new(self.clone()) as Box<dyn ExportSink>) })
    }
}

impl ExportSink for FakeFiles {
    fn write(&mut self, batch: Arc<Batch>) -> Boxed<'_, Result<(), Problem>> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        self.exported.lock().unwrap().extend(batch.iter().map(|arrival| text(arrival.topic)));
        Box::pin(async { Ok(()) })
    }

    fn finish(self: Box<Self>) -> Boxed<'static, Result<(), Problem>> {
        Box::pin(async { Ok(()) })
    }
}

/// What went on record, in order.
#[derive(Clone, Default)]
struct FakeRecords {
    entries: Arc<Mutex<Vec<String>>>,
    details: Arc<Mutex<Vec<(String, serde_json::Value)>>>,
    is_broken: Arc<AtomicBool>,
}

impl FakeRecords {
    fn add(&self, entry: String) -> Result<(), RecordsError> {
        if self.is_broken.load(Ordering::Relaxed) {
            return Err(RecordsError::DiskFull { path: "records".into() });
        }
        self.entries.lock().unwrap().push(entry);
        Ok(())
    }

    fn detail_of(&self, step: &str) -> Vec<serde_json::Value> {
        let details = self.details.lock().unwrap();
        details.iter().filter(|(of, _)| of == step).map(|(_, detail)| detail.clone()).collect()
    }
}

impl Records for FakeRecords {
    fn begin(&self, intent: JobIntent) -> Boxed<'_, Result<RecordId, RecordsError>> {
        let begun = self.add(format!("begin {} of {}", intent.action, intent.gateway)).map(|()| RecordId(1));
        Box::pin(async { begun })
    }

    fn step(&self, _: RecordId, entry: StepEntry) -> Boxed<'_, Result<(), RecordsError>> {
        let phase = if entry.phase == Phase::Intent { "intent" } else { "outcome" };
        self.details.lock().unwrap().push((entry.step.clone(), entry.detail.clone()));
        let added = self.add(format!("{} {phase} {}", entry.step, entry.outcome).trim().to_owned());
        Box::pin(async { added })
    }

    fn end(
        &self,
        _: RecordId,
        outcome: &'static str,
        _: String,
        summary: String,
    ) -> Boxed<'_, Result<(), RecordsError>> {
        let added = self.add(format!("end {outcome}: {summary}"));
        Box::pin(async { added })
    }
}

/// An inspection under test.
struct Desk {
    commands: mpsc::Sender<TelemetryCommand>,
    events: mpsc::Receiver<(Duration, TelemetryEvent)>,
    peers: mpsc::Receiver<Peer>,
    broker: Arc<FakeBroker>,
    recordings: Arc<FakeRecordings>,
    records: FakeRecords,
    files: FakeFiles,
    stop: watch::Sender<bool>,
    end: tokio::task::JoinHandle<JobEnd>,
}

struct Options {
    source: InspectionSource,
    expectations: Vec<Expectation>,
    failures: Vec<ConnectionEnd>,
    takes: Duration,
    batches: Vec<Arc<Batch>>,
    guarded: Option<String>,
    gateway: Option<String>,
    pushed_before: Option<Duration>,
    records: bool,
    most: Option<u64>,
}

fn broker_plan() -> ConnectPlan {
    let mut plan = ConnectPlan::new("mqtt://broker.example".parse().unwrap(), "me");
    plan.subscriptions = vec![subscription("site/#")];
    plan
}

fn subscription(filter: &str) -> Subscription {
    Subscription { filter: filter.parse().unwrap(), qos: Qos::AtMostOnce }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            source: InspectionSource::Broker(Box::new(broker_plan())),
            expectations: Vec::new(),
            failures: Vec::new(),
            takes: Duration::ZERO,
            batches: Vec::new(),
            guarded: None,
            gateway: None,
            pushed_before: None,
            records: false,
            most: None,
        }
    }
}

impl Options {
    fn of_recording(batches: Vec<Batch>, speed: f32) -> Self {
        Self {
            source: InspectionSource::Recording { path: "r.lmrec".into(), speed },
            batches: batches.into_iter().map(Arc::new).collect(),
            ..Self::default()
        }
    }

    fn open(self) -> Desk {
        let (commands, command_rx) = mpsc::channel(16);
        let (progress, events) = mpsc::channel(1000);
        let (peer_tx, peers) = mpsc::channel(16);
        let (stop, stopped) = watch::channel(false);
        let failures = Mutex::new(self.failures.into_iter().rev().collect());
        let broker = Arc::new(FakeBroker { peers: peer_tx, failures, attempts: Mutex::default(), takes: self.takes });
        let recordings = Arc::new(FakeRecordings { batches: Mutex::new(self.batches), ..FakeRecordings::default() });
        let (records, files) = (FakeRecords::default(), FakeFiles::default());
        let started = Instant::now();
        let setup = Setup {
            start: InspectionStart {
                source: self.source,
                budget_bytes: 64 << 20,
                profile: None,
                gateway: self.gateway,
                pushed_before: self.pushed_before,
                is_identity_confirmed: false,
                guarded_client_id: self.guarded,
                ring: None,
                record: self.records.then(|| Destination::file("r.lmrec")),
                most: self.most,
                wants_messages: true,
                is_reconnecting: true,
            },
            expectations: self.expectations,
            topics: Vec::new(),
            about: Vec::new(),
            intent: JobIntent {
                action: "inspect".into(),
                gateway: "broker.example".into(),
                link: "mqtt://broker.example".into(),
                profile: None,
                driver: None,
                operator: "a test".into(),
                is_simulated: true,
            },
            broker: Arc::<FakeBroker>::clone(&broker),
            recordings: Arc::<FakeRecordings>::clone(&recordings),
            files: Arc::new(files.clone()),
            records: Ok(Arc::new(records.clone())),
            progress,
            clock: Arc::new(move || BEGIN + i64::try_from(started.elapsed().as_micros()).unwrap()),
            usage: Arc::new(|| (SECOND, 1)),
        };
        let end = tokio::task::spawn_local(run(setup, command_rx, stopped));
        Desk { commands, events, peers, broker, recordings, records, files, stop, end }
    }
}

impl Desk {
    async fn ask(&self, command: TelemetryCommand) {
        assert!(self.commands.send(command).await.is_ok());
    }

    async fn peer(&mut self) -> Peer {
        timeout(HOUR, self.peers.recv()).await.expect("nobody connected").unwrap()
    }

    /// Reads events until one is what the test waits for.
    #[track_caller]
    fn until<'a, T: 'a>(
        &'a mut self,
        mut wanted: impl FnMut(TelemetryEvent) -> Option<T> + 'a,
    ) -> impl Future<Output = T> + 'a {
        let place = std::panic::Location::caller();
        async move {
            loop {
                match timeout(HOUR, self.events.recv()).await {
                    Ok(Some((_, event))) => {
                        if let Some(found) = wanted(event) {
                            return found;
                        }
                    }
                    _ => panic!("it never came: {place}"),
                }
            }
        }
    }

    async fn until_state(&mut self, wanted: impl Fn(&InspectionState) -> bool) -> InspectionState {
        self.until(|event| match event {
            TelemetryEvent::State(state) if wanted(&state) => Some(state),
            _ => None,
        })
        .await
    }

    async fn until_connected(&mut self) {
        self.until_state(|state| matches!(state, InspectionState::Connected { .. })).await;
    }

    async fn until_warning(&mut self) -> &'static str {
        self.until(|event| match event {
            TelemetryEvent::Warning(problem) => Some(problem.code),
            _ => None,
        })
        .await
    }

    /// The topics of the next messages, and when they came.
    async fn messages(&mut self) -> (Duration, Vec<String>) {
        loop {
            let (at, event) = timeout(HOUR, self.events.recv()).await.expect("no messages").unwrap();
            if let TelemetryEvent::Messages(batch) = event {
                let topics = batch.iter().map(|arrival| String::from_utf8(arrival.topic.to_vec()).unwrap());
                return (at, topics.collect());
            }
        }
    }

    /// Closes it and tells its stats and its end.
    async fn close(mut self) -> (InspectionStats, JobEnd) {
        self.ask(TelemetryCommand::Close).await;
        let stats = self
            .until(|event| match event {
                TelemetryEvent::Stats(stats) => Some(stats),
                _ => None,
            })
            .await;
        (stats, self.end.await.unwrap())
    }

    fn recorded(&self) -> Vec<String> {
        self.records.entries.lock().unwrap().clone()
    }
}

fn batch(topics: &[&str]) -> Batch {
    let timed: Vec<(&str, u64)> = topics.iter().map(|topic| (*topic, 0)).collect();
    timed_batch(&timed)
}

/// Messages with their times, in milliseconds since the beginning.
fn timed_batch(messages: &[(&str, u64)]) -> Batch {
    let mut batch = Batch::new(BEGIN);
    for (topic, millis) in messages {
        assert!(batch.push(&arrival(topic, b"{\"t\":1}", *millis, false)));
    }
    batch
}

fn arrival<'a>(topic: &'a str, payload: &'a [u8], millis: u64, is_retained: bool) -> Arrival<'a> {
    Arrival {
        topic: topic.as_bytes(),
        payload,
        qos: Qos::AtMostOnce,
        is_retained,
        is_duplicate: false,
        mono_micros: millis * 1000,
        unix_micros: 0,
        properties: None,
    }
}

/// Runs a test with its inspection in one thread on a paused clock.
fn on_paused_clock<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, async { test().await });
}

#[test]
fn messages_are_counted_and_the_end_says_so() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let peer = desk.peer().await;
        desk.until_connected().await;
        let mut lossy = batch(&["site/a", "site/b"]);
        lossy.missed = Missed { dropped: 3, dropped_bytes: 30, oversize: 1, ..Missed::default() };
        peer.send(lossy).await;
        peer.send(batch(&["site/a"])).await;
        assert_eq!(desk.messages().await.1, ["site/a", "site/b"]);
        assert_eq!(desk.messages().await.1, ["site/a"]);
        let records = desk.records.clone();
        let (stats, end) = desk.close().await;
        assert_eq!((stats.messages, stats.held, stats.dropped, stats.evicted), (3, 3, 3, 0));
        assert_eq!(end, JobEnd::Done { note: "3 messages came".into() });
        assert_eq!(
            *records.entries.lock().unwrap(),
            ["begin inspect of broker.example", "end done: 3 messages came; nothing was changed"]
        );
    });
}

#[test]
fn an_idle_inspection_wakes_nobody() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let peer = desk.peer().await;
        desk.until_connected().await;
        peer.send(batch(&["site/a"])).await;
        desk.messages().await;
        // Rates go down for some seconds, then nothing more is told.
        sleep(60 * SECOND).await;
        while desk.events.try_recv().is_ok() {}
        assert!(timeout(HOUR, desk.events.recv()).await.is_err(), "something was told though nothing happened");
    });
}

#[test]
fn snapshots_are_paced_in_a_flood() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let peer = desk.peer().await;
        desk.until_connected().await;
        let flood = async {
            for _ in 0..1000 {
                peer.send(batch(&["site/a"])).await;
                sleep(Duration::from_millis(1)).await;
            }
        };
        let count = async {
            let (mut snapshots, mut messages) = (0, 0);
            let mut received = 0;
            while messages < 1000 || received < 1000 {
                match desk.events.recv().await.unwrap().1 {
                    TelemetryEvent::Snapshot(snapshot) => {
                        snapshots += 1;
                        received = snapshot.counters.received;
                    }
                    TelemetryEvent::Messages(batch) => messages += batch.len(),
                    _ => {}
                }
            }
            snapshots
        };
        let ((), snapshots) = tokio::join!(flood, count);
        assert!((20..=32).contains(&snapshots), "{snapshots} snapshots in a second");
    });
}

#[test]
fn how_long_a_topic_is_silent_goes_on_while_nothing_comes() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let peer = desk.peer().await;
        desk.until_connected().await;
        let tree = Some(TreeSpec { count: 10, ..TreeSpec::default() });
        desk.ask(TelemetryCommand::View(Box::new(ViewSpec { tree, ..ViewSpec::default() }))).await;
        peer.send(batch(&["site/a"])).await;
        let silent = |wanted: u64| {
            move |event| match event {
                TelemetryEvent::Snapshot(snapshot) => {
                    let silent = snapshot.tree.as_ref()?.rows.first()?.silent_for.as_secs();
                    (silent >= wanted).then_some(silent)
                }
                _ => None,
            }
        };
        for wanted in [5, 28, 40] {
            assert!((wanted..wanted + 2).contains(&desk.until(silent(wanted)).await), "after {wanted} s");
        }
    });
}

#[test]
fn a_recording_that_can_write_no_more_is_over_and_said_to_be_once() {
    on_paused_clock(|| async {
        let mut desk = Options { records: true, ..Options::default() }.open();
        let peer = desk.peer().await;
        desk.until_connected().await;
        *desk.recordings.recorder.trouble.lock().unwrap() = Some(problem("recording.disk_full"));
        peer.send(batch(&["site/a"])).await;
        let mut warnings = Vec::new();
        let is_over = |event: TelemetryEvent| match event {
            TelemetryEvent::Warning(problem) => {
                warnings.push(problem.code);
                None
            }
            TelemetryEvent::Recording { recorder: None, .. } => Some(()),
            _ => None,
        };
        desk.until(is_over).await;
        assert_eq!(warnings, ["recording.disk_full"]);
        assert!(desk.recordings.recorder.is_finished.load(Ordering::Relaxed));
        *desk.recordings.recorder.trouble.lock().unwrap() = None;
        desk.ask(TelemetryCommand::Record { destination: Destination::file("s.lmrec") }).await;
        desk.until(|event| matches!(event, TelemetryEvent::Recording { recorder: Some(_), .. }).then_some(())).await;
    });
}

#[test]
fn messages_come_in_while_a_table_of_curves_is_made() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let peer = desk.peer().await;
        desk.until_connected().await;
        for _ in 0..100 {
            peer.send(batch(&["site/a"; 1000])).await;
            desk.messages().await;
        }
        let series = vec![SeriesSpec { filter: "site/a".parse().unwrap(), path: "length".into() }];
        let spec = Box::new(PlotSpec { series, span: None, columns: 100 });
        desk.ask(TelemetryCommand::ExportPlot { destination: Destination::file("p.csv"), spec }).await;
        peer.send(batch(&["site/b"])).await;
        let mut came = Vec::new();
        while !came.contains(&"exported") {
            match desk.events.recv().await.unwrap().1 {
                TelemetryEvent::Messages(_) => came.push("message"),
                TelemetryEvent::Exported { result, .. } => {
                    result.unwrap();
                    came.push("exported");
                }
                _ => {}
            }
        }
        assert_eq!(came, ["message", "exported"], "the table held everything up");
    });
}

#[test]
fn a_lost_connection_is_made_again_with_growing_waits_and_all_subscriptions() {
    on_paused_clock(|| async {
        let failures = vec![end(Retry::Later, false); 4];
        let mut desk = Options { failures, ..Options::default() }.open();
        let peer = desk.peer().await;
        let attempts = desk.broker.attempts.lock().unwrap().clone();
        let waits: Vec<f64> = attempts.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        assert_eq!(waits.len(), 4);
        for (wait, wanted) in waits.iter().zip([1.0, 2.0, 4.0, 8.0]) {
            assert!((0.79 * wanted..=1.21 * wanted).contains(wait), "{wait} s instead of {wanted} s");
        }
        desk.until_connected().await;
        desk.ask(TelemetryCommand::Subscribe(vec![subscription("more/+")])).await;
        desk.ask(TelemetryCommand::Unsubscribe(vec!["site/#".parse().unwrap()])).await;
        sleep(40 * SECOND).await;
        let lost = Instant::now();
        peer.end(Retry::Later, false).await;
        let peer = desk.peer().await;
        assert_eq!(peer.plan.subscriptions, [subscription("more/+")]);
        // It had held for long: the first wait again.
        assert!(peer.at - lost < Duration::from_millis(1300));
    });
}

#[test]
fn what_stays_wrong_is_not_tried_again() {
    on_paused_clock(|| async {
        let mut desk = Options { failures: vec![end(Retry::Never, false)], ..Options::default() }.open();
        let state = desk.until_state(|state| matches!(state, InspectionState::Disconnected { .. })).await;
        assert!(
            matches!(state, InspectionState::Disconnected { problem: Some(problem) } if problem.code == "mqtt.closed")
        );
        assert!(timeout(HOUR, desk.peers.recv()).await.is_err());
        let records = desk.records.clone();
        desk.close().await;
        assert_eq!(records.entries.lock().unwrap().last().unwrap(), "end failed: It failed");
    });
}

#[test]
fn two_clients_that_kick_each_other_by_the_brokers_word_are_told_and_we_give_way() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        for _ in 0..2 {
            let peer = desk.peer().await;
            sleep(5 * SECOND).await;
            let taken_over =
                ConnectionEnd { problem: problem("mqtt.taken_over"), retry: Retry::Later, is_takeover: true };
            peer.deliveries.send(Delivery::Ended(taken_over)).await.unwrap();
        }
        assert_eq!(desk.until_warning().await, "mqtt.kicking");
        desk.until_state(|state| matches!(state, InspectionState::Disconnected { problem: Some(_) })).await;
        assert!(timeout(HOUR, desk.peers.recv()).await.is_err());
    });
}

#[test]
fn a_broker_that_closes_again_and_again_without_a_word_is_tried_on_and_on_and_less_often() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        for _ in 0..3 {
            let peer = desk.peer().await;
            sleep(5 * SECOND).await;
            peer.end(Retry::Later, true).await;
        }
        assert_eq!(desk.until_warning().await, "mqtt.maybe_kicking");
        let closed = Instant::now();
        let peer = desk.peer().await;
        assert!(peer.at - closed > 20 * SECOND, "{:?}", peer.at - closed);
    });
}

#[test]
fn a_gateways_own_name_is_used_only_after_a_question_and_on_record() {
    on_paused_clock(|| async {
        let mut desk = Options { guarded: Some("me".into()), ..Options::default() }.open();
        desk.until_state(|state| *state == InspectionState::AwaitingConfirmation).await;
        assert!(timeout(HOUR, desk.peers.recv()).await.is_err(), "it connected before it was confirmed");
        desk.ask(TelemetryCommand::ConfirmIdentity).await;
        let _peer = desk.peer().await;
        desk.until_connected().await;
        sleep(SECOND).await;
        assert_eq!(
            desk.recorded(),
            ["begin inspect of broker.example", "connect-as-gateway intent", "connect-as-gateway outcome acknowledged"]
        );
    });
}

#[test]
fn a_lost_connection_is_on_record_and_in_the_trace_and_so_is_its_return() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let peer = desk.peer().await;
        desk.until_connected().await;
        sleep(SECOND).await;
        peer.end(Retry::Later, false).await;
        let told = desk.until(|event| match event {
            TelemetryEvent::Packets(packets) => packets.into_iter().find(TracedPacket::is_end),
            _ => None,
        });
        assert_eq!(told.await.note, problem("mqtt.closed").what, "why it ended");
        let _peer = desk.peer().await;
        desk.until_connected().await;
        assert_eq!(
            desk.recorded(),
            ["begin inspect of broker.example", "connection outcome lost", "connection outcome back"]
        );
        let records = desk.records.clone();
        desk.close().await;
        let entries = records.entries.lock().unwrap();
        assert!(entries.last().is_some_and(|end| end.ends_with("; the connection was lost once")), "{entries:?}");
    });
}

#[test]
fn without_records_a_gateways_name_is_not_used() {
    on_paused_clock(|| async {
        let mut desk = Options { guarded: Some("me".into()), ..Options::default() }.open();
        desk.until_state(|state| *state == InspectionState::AwaitingConfirmation).await;
        desk.records.is_broken.store(true, Ordering::Relaxed);
        desk.ask(TelemetryCommand::ConfirmIdentity).await;
        let state = desk.until_state(|state| matches!(state, InspectionState::Disconnected { .. })).await;
        assert!(
            matches!(state, InspectionState::Disconnected { problem: Some(problem) } if problem.code == "records.disk_full")
        );
        assert!(desk.broker.attempts.lock().unwrap().is_empty());
    });
}

#[test]
fn a_slow_disk_holds_the_broker_back_and_loses_nothing() {
    on_paused_clock(|| async {
        let mut desk = Options { records: true, ..Options::default() }.open();
        let peer = desk.peer().await;
        desk.until_connected().await;
        let recorder = Arc::clone(&desk.recordings.recorder);
        recorder.is_full.store(true, Ordering::Relaxed);
        peer.send(batch(&["site/a"])).await;
        peer.send(batch(&["site/b"])).await;
        // One is held, one waits in the channel; there is no room for a third.
        let third = peer.deliveries.send(Delivery::Messages(Arc::new(batch(&["site/c"]))));
        assert!(timeout(60 * SECOND, third).await.is_err());
        recorder.is_full.store(false, Ordering::Relaxed);
        recorder.freed.notify_one();
        assert_eq!(desk.messages().await.1, ["site/a"]);
        assert_eq!(desk.messages().await.1, ["site/b"]);
        let (stats, _) = desk.close().await;
        assert_eq!((stats.messages, *recorder.messages.lock().unwrap()), (2, 2));
        assert!(recorder.is_finished.load(Ordering::Relaxed));
    });
}

#[test]
fn an_expectation_turns_by_itself_when_nothing_comes() {
    on_paused_clock(|| async {
        let rule = Expectation {
            id: "climate".into(),
            topic: "site/+".into(),
            within_secs: Some(60),
            fields: Vec::new(),
            basis: Basis::Assumed { reason: "a test".into() },
        };
        let mut desk = Options { expectations: vec![rule], ..Options::default() }.open();
        let peer = desk.peer().await;
        desk.until_connected().await;
        let mut word = async |wanted: ExpectationWord| {
            desk.until(|event| match event {
                TelemetryEvent::Snapshot(snapshot) if snapshot.expectations[0].word == wanted => Some(Instant::now()),
                _ => None,
            })
            .await
        };
        let begun = word(ExpectationWord::Waiting).await;
        let turned = word(ExpectationWord::NotMet).await;
        assert!((62..=65).contains(&(turned - begun).as_secs()), "{:?}", turned - begun);
        peer.send(timed_batch(&[("site/a", 70_000)])).await;
        word(ExpectationWord::Met).await;
    });
}

#[test]
fn the_first_message_counts_from_the_push_and_kept_ones_do_not() {
    on_paused_clock(|| async {
        let mut desk = Options { pushed_before: Some(7 * SECOND), ..Options::default() }.open();
        let peer = desk.peer().await;
        let mut kept = Batch::new(BEGIN);
        assert!(kept.push(&arrival("site/a", b"old", 100, true)));
        peer.send(kept).await;
        peer.send(timed_batch(&[("site/a", 3000)])).await;
        let first = desk
            .until(|event| match event {
                TelemetryEvent::FirstMessage { after, topic, .. } => Some((after, topic)),
                _ => None,
            })
            .await;
        assert_eq!(first, (10 * SECOND, "site/a".to_owned()));
    });
}

#[test]
fn the_topic_that_names_a_gateway_is_told_now_or_when_it_comes() {
    on_paused_clock(|| async {
        let mut desk = Options { pushed_before: Some(7 * SECOND), ..Options::default() }.open();
        let peer = desk.peer().await;
        desk.ask(TelemetryCommand::FindGateway("Cold store 2".into())).await;
        peer.send(timed_batch(&[("site/pump/t", 3000)])).await;
        peer.send(timed_batch(&[("site/cold-store-2/t", 4000)])).await;
        let found = async |desk: &mut Desk| {
            let topic = |event| match event {
                TelemetryEvent::GatewayFound(topic) => Some(topic),
                TelemetryEvent::FirstMessage { topic_id, .. } => {
                    assert_eq!(topic_id, Some(TopicId(0)), "the first message is found in the tree");
                    None
                }
                _ => None,
            };
            desk.until(topic).await
        };
        assert_eq!(found(&mut desk).await, TopicId(1));
        desk.ask(TelemetryCommand::FindGateway("pump".into())).await;
        assert_eq!(found(&mut desk).await, TopicId(0));
    });
}

#[test]
fn the_first_message_of_the_gateway_goes_on_record_once_and_a_strangers_counts_until_then() {
    on_paused_clock(|| async {
        let gateway = Some("Cold store 2".to_owned());
        let mut desk = Options { gateway, pushed_before: Some(7 * SECOND), ..Options::default() }.open();
        let peer = desk.peer().await;
        let mut batch = Batch::new(BEGIN);
        for (topic, payload, at, is_retained) in [
            ("site/cold-store-2/t", b"retained" as &[u8], 50, true),
            ("site/pump/t", b"\xff\xfe", 100, false),
            ("site/pump/t", b"1", 200, false),
        ] {
            assert!(batch.push(&arrival(topic, payload, at, is_retained)));
        }
        peer.send(batch).await;
        let mut batch = Batch::new(BEGIN);
        let long = format!("21.5 \u{202E}{}", "x".repeat(900));
        assert!(batch.push(&arrival("site/cold-store-2/t", long.as_bytes(), 3000, false)));
        peer.send(batch).await;
        peer.send(timed_batch(&[("site/cold-store-2/t", 4000)])).await;
        for _ in 0..3 {
            desk.messages().await;
        }
        let seen = desk.records.detail_of("first-telemetry");
        let topics: Vec<_> = seen.iter().map(|detail| detail["topic"].as_str().unwrap()).collect();
        assert_eq!(topics, ["site/pump/t", "site/cold-store-2/t"], "{seen:?}");
        assert_eq!(
            (&seen[0]["value"], &seen[0]["bytes"]),
            (&serde_json::Value::Null, &2.into()),
            "no text is no value"
        );
        let value = seen[1]["value"].as_str().unwrap();
        assert!(value.starts_with("21.5 \u{FFFD}x") && value.chars().count() == 200, "{value}");
        assert_eq!(seen[1]["after_millis"], 10_000);
    });
}

#[test]
fn the_first_message_of_one_more_gateway_is_told_and_on_record_under_its_name() {
    on_paused_clock(|| async {
        let gateway = Some("Cold store 2".to_owned());
        let mut desk = Options { gateway, pushed_before: Some(7 * SECOND), ..Options::default() }.open();
        let peer = desk.peer().await;
        let name = "Pump 3".to_owned();
        desk.ask(TelemetryCommand::AwaitGateway {
            name: name.clone(),
            aliases: Vec::new(),
            pushed_before: Some(2 * SECOND),
        })
        .await;
        let mut batch = Batch::new(BEGIN);
        for (topic, at, is_retained) in [
            ("site/pump-3/t", 50, true),
            ("site/pump-31/t", 60, false),
            ("site/cold-store-2/t", 70, false),
            ("site/pump-3/t", 3000, false),
        ] {
            assert!(batch.push(&arrival(topic, b"4.2", at, is_retained)));
        }
        peer.send(batch).await;
        peer.send(timed_batch(&[("site/pump-3/t", 4000)])).await;
        let heard = desk
            .until(|event| match event {
                TelemetryEvent::GatewayHeard { name, after, topic } => Some((name, after, topic)),
                _ => None,
            })
            .await;
        assert_eq!((heard.0, heard.2), (name, "site/pump-3/t".to_owned()));
        let after = heard.1.unwrap();
        assert!(after > 2 * SECOND && after <= 5 * SECOND, "{after:?}");
        desk.messages().await;
        let seen = desk.records.detail_of("first-telemetry");
        let topics: Vec<_> = seen.iter().map(|detail| detail["topic"].as_str().unwrap()).collect();
        assert_eq!(topics, ["site/cold-store-2/t", "site/pump-3/t"], "each once: {seen:?}");
        let begun =
            desk.records.entries.lock().unwrap().iter().filter(|entry| *entry == "begin inspect of Pump 3").count();
        assert_eq!(begun, 1, "in a job of its own");
    });
}

#[test]
fn a_first_message_that_came_before_it_was_waited_for_counts_if_it_came_after_the_push() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let peer = desk.peer().await;
        peer.send(timed_batch(&[("site/pump-3/t", 100), ("site/pump-3/t", 4000), ("site/pump-3/t", 5000)])).await;
        desk.messages().await;
        tokio::time::advance(9 * SECOND).await;
        let pushed_before = Some(7 * SECOND);
        desk.ask(TelemetryCommand::AwaitGateway {
            name: "generic-linux".into(),
            aliases: vec!["Pump 3".into()],
            pushed_before,
        })
        .await;
        let heard = |event| match event {
            TelemetryEvent::GatewayHeard { after, .. } => Some(after),
            _ => None,
        };
        let after = desk.until(heard).await.unwrap();
        assert!(after > SECOND && after <= 2 * SECOND, "{after:?}");
        desk.ask(TelemetryCommand::AwaitGateway { name: "Fan 4".into(), aliases: Vec::new(), pushed_before: None })
            .await;
        peer.send(timed_batch(&[("site/fan-4/t", 12_000)])).await;
        assert_eq!(desk.until(heard).await, None);
    });
}

#[test]
fn nothing_of_the_payloads_goes_on_record_where_no_gateway_is_named() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let peer = desk.peer().await;
        peer.send(timed_batch(&[("site/a", 10)])).await;
        desk.messages().await;
        assert_eq!(desk.records.detail_of("first-telemetry").len(), 0);
    });
}

fn message(topic: &str) -> Box<Outgoing> {
    Box::new(Outgoing { topic: topic.into(), qos: Qos::AtLeastOnce, ..Outgoing::default() })
}

async fn published(desk: &mut Desk) -> (u32, PublishEnd) {
    desk.until(|event| match event {
        TelemetryEvent::Published { ticket: 9, count, end } => Some((count, end)),
        _ => None,
    })
    .await
}

#[test]
fn a_message_is_on_record_before_it_is_sent_and_its_end_after_it() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let mut peer = desk.peer().await;
        desk.until_connected().await;
        desk.ask(TelemetryCommand::Publish { ticket: 9, message: message("site/set"), repeat: None }).await;
        let (ticket, sent) = peer.publish().await;
        assert_eq!(sent.topic, "site/set");
        assert_eq!(desk.recorded().last().unwrap(), "publish intent");
        peer.answer(ticket, PublishEnd::Acknowledged).await;
        assert_eq!(published(&mut desk).await, (1, PublishEnd::Acknowledged));
        assert_eq!(desk.recorded().last().unwrap(), "publish outcome acknowledged");
    });
}

#[test]
fn a_message_without_an_answer_is_unknown() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let mut peer = desk.peer().await;
        desk.until_connected().await;
        let publish = || TelemetryCommand::Publish { ticket: 9, message: message("site/set"), repeat: None };
        desk.ask(publish()).await;
        peer.publish().await;
        // Never answered.
        assert_eq!(published(&mut desk).await, (1, PublishEnd::Unknown));
        desk.ask(publish()).await;
        peer.publish().await;
        peer.end(Retry::Later, false).await;
        assert_eq!(published(&mut desk).await, (1, PublishEnd::Unknown));
        let records = desk.records.clone();
        desk.close().await;
        let entries = records.entries.lock().unwrap();
        assert_eq!(entries.iter().filter(|entry| *entry == "publish outcome unknown").count(), 2);
        assert!(entries.last().unwrap().starts_with("end unknown"), "{entries:?}");
    });
}

#[test]
fn what_cannot_be_published_is_refused_before_it_is_sent() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let mut peer = desk.peer().await;
        desk.until_connected().await;
        let mut refused = async |message: Box<Outgoing>| {
            desk.ask(TelemetryCommand::Publish { ticket: 9, message, repeat: None }).await;
            match published(&mut desk).await {
                (1, PublishEnd::NotSent(problem)) => problem.code,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refused(message("site/+")).await, "mqtt.topic");
        let mut with_properties = message("site/a");
        with_properties.properties.content_type = Some("text/plain".into());
        assert_eq!(refused(with_properties).await, "mqtt.needs_newer_version");
        desk.records.is_broken.store(true, Ordering::Relaxed);
        desk.ask(TelemetryCommand::Publish { ticket: 9, message: message("site/a"), repeat: None }).await;
        assert!(
            matches!(published(&mut desk).await.1, PublishEnd::NotSent(problem) if problem.code == "records.disk_full")
        );
        assert!(timeout(SECOND, peer.requests.recv()).await.is_err(), "something was sent");
    });
}

#[test]
fn a_repeated_message_keeps_its_pace_and_stops() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let mut peer = desk.peer().await;
        desk.until_connected().await;
        let repeat = Some(Repeat { every: 2 * SECOND, times: Some(3) });
        desk.ask(TelemetryCommand::Publish { ticket: 9, message: message("site/set"), repeat }).await;
        let mut times = Vec::new();
        for _ in 0..3 {
            let (ticket, _) = peer.publish().await;
            times.push(Instant::now());
            peer.answer(ticket, PublishEnd::Acknowledged).await;
        }
        assert!(times.windows(2).all(|pair| (pair[1] - pair[0]).as_secs() == 2));
        assert!(timeout(HOUR, peer.requests.recv()).await.is_err());
        let entries = desk.recorded();
        assert_eq!(entries[1..], ["publish intent", "publish outcome acknowledged"], "one entry for all of them");

        let repeat = Some(Repeat { every: SECOND, times: None });
        desk.ask(TelemetryCommand::Publish { ticket: 9, message: message("site/set"), repeat }).await;
        for _ in 0..5 {
            let (ticket, _) = peer.publish().await;
            peer.answer(ticket, PublishEnd::Acknowledged).await;
        }
        desk.ask(TelemetryCommand::StopRepeat { ticket: 9 }).await;
        assert!(timeout(HOUR, peer.requests.recv()).await.is_err());
    });
}

#[test]
fn kept_messages_are_found_on_a_connection_of_its_own_and_cleared() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let mut peer = desk.peer().await;
        desk.until_connected().await;
        desk.ask(TelemetryCommand::FindRetained("site/#".parse().unwrap())).await;
        let finder = desk.peer().await;
        assert_ne!(finder.plan.client_id, peer.plan.client_id);
        assert!(finder.plan.is_clean && finder.plan.subscriptions == [subscription("site/#")]);
        let mut found = Batch::new(BEGIN);
        for (topic, is_retained) in [("site/b", true), ("site/live", false), ("site/a", true)] {
            assert!(found.push(&arrival(topic, b"12345", 0, is_retained)));
        }
        finder.send(found).await;
        let asked = Instant::now();
        let topics = desk
            .until(|event| match event {
                TelemetryEvent::Retained { topics, search: RetainedSearch::Quiet(_) } => Some(topics),
                _ => None,
            })
            .await;
        assert_eq!(topics, [("site/a".into(), 5), ("site/b".into(), 5)]);
        assert_eq!(asked.elapsed().as_secs(), 3);
        assert!(finder.deliveries.is_closed(), "the finder stays connected");

        let topics = topics.into_iter().map(|(topic, _)| topic).collect();
        desk.ask(TelemetryCommand::ClearRetained(topics)).await;
        let (first, message) = peer.publish().await;
        assert!(message.payload.is_empty() && message.is_retained && message.qos == Qos::AtLeastOnce);
        let (second, _) = peer.publish().await;
        peer.answer(first, PublishEnd::Acknowledged).await;
        peer.answer(second, PublishEnd::Refused(problem("mqtt.not_authorised"))).await;
        let finder = desk.peer().await;
        finder.send(retained(&["site/b"])).await;
        let clearance = desk.until_cleared().await;
        assert_eq!(states(&clearance), [("site/a", LeftoverState::Cleared), ("site/b", LeftoverState::StillThere)]);
        assert_eq!(desk.recorded()[1..], ["clear-retained intent", "clear-retained outcome still-there"]);
    });
}

fn retained(topics: &[&str]) -> Batch {
    let mut batch = Batch::new(BEGIN);
    for topic in topics {
        assert!(batch.push(&arrival(topic, b"12345", 0, true)));
    }
    batch
}

fn states(clearance: &Clearance) -> Vec<(&str, LeftoverState)> {
    clearance.topics.iter().map(|cleared| (cleared.topic.as_str(), cleared.state)).collect()
}

impl Desk {
    async fn until_cleared(&mut self) -> Clearance {
        self.until(|event| match event {
            TelemetryEvent::RetainedCleared(clearance) => Some(clearance),
            _ => None,
        })
        .await
    }

    async fn until_found(&mut self) -> (Vec<(String, u64)>, RetainedSearch) {
        self.until(|event| match event {
            TelemetryEvent::Retained { topics, search } if search.is_over() => Some((topics, search)),
            _ => None,
        })
        .await
    }
}

#[test]
fn what_is_acknowledged_and_still_retained_is_not_cleared() {
    // MQTT 3.1.1 has to acknowledge what it denies.
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let mut peer = desk.peer().await;
        desk.until_connected().await;
        desk.ask(TelemetryCommand::ClearRetained(vec!["site/a".into()])).await;
        let (ticket, _) = peer.publish().await;
        peer.answer(ticket, PublishEnd::Acknowledged).await;
        let finder = desk.peer().await;
        assert_eq!(finder.plan.subscriptions, [subscription("site/a")]);
        finder.send(retained(&["site/a"])).await;
        let clearance = desk.until_cleared().await;
        assert_eq!((states(&clearance), clearance.acknowledged()), (vec![("site/a", LeftoverState::StillThere)], 1));
        let records = desk.records.clone();
        desk.close().await;
        let entries = records.entries.lock().unwrap();
        assert_eq!(
            entries.last().unwrap(),
            "end done: No message came; nothing was changed; one act changed nothing",
            "{entries:?}"
        );
    });
}

#[test]
fn what_could_not_be_looked_at_again_is_not_cleared_either() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let mut peer = desk.peer().await;
        desk.until_connected().await;
        for is_ended in [true, false] {
            desk.ask(TelemetryCommand::ClearRetained(vec!["site/a".into(), "site/b".into()])).await;
            for _ in 0..2 {
                let (ticket, _) = peer.publish().await;
                peer.answer(ticket, PublishEnd::Acknowledged).await;
            }
            let finder = desk.peer().await;
            if is_ended {
                finder.send(retained(&["site/b"])).await;
                finder.end(Retry::Later, false).await;
                let (not_looked, still) = (LeftoverState::NotLooked, LeftoverState::StillThere);
                let clearance = desk.until_cleared().await;
                assert_eq!(states(&clearance), [("site/a", not_looked), ("site/b", still)]);
            } else {
                desk.ask(TelemetryCommand::Close).await;
                let clearance = desk.until_cleared().await;
                assert_eq!(clearance.count(LeftoverState::NotLooked), 2);
            }
        }
        assert_eq!(
            desk.recorded()[2..5],
            ["clear-retained outcome still-there", "clear-retained intent", "clear-retained outcome unknown"]
        );
    });
}

#[test]
fn a_slow_list_is_waited_for_as_long_as_its_pace_asks_for() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let _peer = desk.peer().await;
        desk.until_connected().await;
        desk.ask(TelemetryCommand::FindRetained("site/#".parse().unwrap())).await;
        let finder = desk.peer().await;
        for topic in ["site/a", "site/b", "site/c"] {
            sleep(Duration::from_millis(2900)).await;
            finder.send(retained(&[topic])).await;
        }
        let (topics, search) = desk.until_found().await;
        assert_eq!(topics.len(), 3);
        let RetainedSearch::Quiet(quiet) = search else { panic!("{search:?}") };
        assert_eq!(quiet.as_secs(), 8);
    });
}

#[test]
fn a_list_with_messages_that_could_not_be_read_is_incomplete() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let _peer = desk.peer().await;
        desk.until_connected().await;
        desk.ask(TelemetryCommand::FindRetained("cam/#".parse().unwrap())).await;
        let finder = desk.peer().await;
        let mut batch = retained(&["cam/small"]);
        batch.missed.oversize = 1;
        finder.send(batch).await;
        let (topics, search) = desk.until_found().await;
        assert_eq!((topics.len(), search.is_whole()), (1, false), "{search:?}");
        assert_eq!(search.problem().map(|problem| problem.code), Some("telemetry.unread_retained"));
        desk.ask(TelemetryCommand::FindRetained("$share/g/cam/#".parse().unwrap())).await;
        let (_, search) = desk.until_found().await;
        assert_eq!(search.problem().map(|problem| problem.code), Some("telemetry.shared_search"));
    });
}

#[test]
fn what_is_subscribed_to_while_the_connection_comes_about_is_asked_for_with_it() {
    on_paused_clock(|| async {
        let mut desk = Options { takes: 2 * SECOND, ..Options::default() }.open();
        let mut peer = desk.peer().await;
        desk.ask(TelemetryCommand::Subscribe(vec![subscription("more/+")])).await;
        desk.ask(TelemetryCommand::Unsubscribe(vec!["site/#".parse().unwrap()])).await;
        assert_eq!(peer.plan.subscriptions, [subscription("site/#")], "the connection has the older ones");
        desk.until_connected().await;
        let Some(BrokerRequest::Subscribe { subscriptions, .. }) = peer.requests.recv().await else { panic!("none") };
        assert_eq!(subscriptions, [subscription("more/+")]);
        let Some(BrokerRequest::Unsubscribe { filters, .. }) = peer.requests.recv().await else { panic!("none") };
        assert_eq!(filters, ["site/#".parse().unwrap()]);
    });
}

#[test]
fn a_session_that_the_broker_did_not_keep_is_told() {
    on_paused_clock(|| async {
        let plan = ConnectPlan { is_clean: false, ..broker_plan() };
        let mut desk = Options { source: InspectionSource::Broker(Box::new(plan)), ..Options::default() }.open();
        let peer = desk.peer().await;
        desk.until_connected().await;
        peer.end(Retry::Later, false).await;
        let _back = desk.peer().await;
        assert_eq!(desk.until_warning().await, "telemetry.session_lost");
    });
}

#[test]
fn a_list_that_ends_early_says_so() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let _peer = desk.peer().await;
        desk.until_connected().await;
        desk.ask(TelemetryCommand::FindRetained("site/#".parse().unwrap())).await;
        let finder = desk.peer().await;
        finder.send(retained(&["site/a"])).await;
        finder.end(Retry::Later, false).await;
        let (topics, search) = desk.until_found().await;
        assert!(matches!(search, RetainedSearch::Cut(_)) && topics.len() == 1, "{search:?}");
        desk.ask(TelemetryCommand::FindRetained("site/#".parse().unwrap())).await;
        let finder = desk.peer().await;
        let endless = async {
            while !finder.deliveries.is_closed() {
                let _ = finder.deliveries.send(Delivery::Messages(Arc::new(retained(&["site/a"])))).await;
                sleep(SECOND).await;
            }
        };
        let ((_, search), ()) = tokio::join!(desk.until_found(), endless);
        assert!(
            matches!(&search, RetainedSearch::Cut(problem) if problem.code == "telemetry.search_too_long"),
            "{search:?}"
        );
    });
}

/// Messages a second apart.
fn recording() -> Vec<Batch> {
    vec![timed_batch(&[("m/0", 0), ("m/1", 1000)]), timed_batch(&[("m/2", 2000), ("m/3", 3000), ("m/4", 4000)])]
}

#[test]
fn a_recording_is_played_at_its_pace_to_its_end() {
    on_paused_clock(|| async {
        let mut desk = Options::of_recording(recording(), 2.0).open();
        let mut times = Vec::new();
        for number in 0..5 {
            let (at, topics) = desk.messages().await;
            assert_eq!(topics, [format!("m/{number}")]);
            times.push(at.as_millis());
        }
        for (time, wanted) in times.iter().zip([0, 500, 1000, 1500, 2000]) {
            assert!(time.abs_diff(wanted) <= 20, "{times:?}");
        }
        desk.until_state(|state| *state == InspectionState::Paused { is_at_end: true }).await;
        let (stats, _) = desk.close().await;
        assert_eq!((stats.messages, stats.span), (5, 4 * SECOND));
    });
}

#[test]
fn a_recording_says_when_it_goes_on_after_a_silence() {
    on_paused_clock(|| async {
        let silent = vec![timed_batch(&[("m/0", 0), ("m/1", 1000), ("m/2", 121_000)])];
        let mut desk = Options::of_recording(silent, 2.0).open();
        let next_in = |event| match event {
            TelemetryEvent::Playback(playback) => playback.next_in,
            _ => None,
        };
        let left = desk.until(next_in).await;
        assert!(left.abs_diff(60 * SECOND) <= Duration::from_millis(100), "{left:?}, and nothing of the second before");
        // Twice as fast it comes in half the time.
        desk.ask(TelemetryCommand::SetSpeed(4.0)).await;
        let left = desk.until(next_in).await;
        assert!(left.abs_diff(30 * SECOND) <= Duration::from_millis(100), "{left:?}");
        assert_eq!(desk.messages().await.1, ["m/2"]);
        desk.until_state(|state| *state == InspectionState::Paused { is_at_end: true }).await;
    });
}

#[test]
fn a_recording_is_paused_stepped_and_sped_up() {
    on_paused_clock(|| async {
        let mut desk = Options::of_recording(recording(), 1.0).open();
        assert_eq!(desk.messages().await.1, ["m/0"]);
        desk.ask(TelemetryCommand::Play(false)).await;
        desk.until_state(|state| *state == InspectionState::Paused { is_at_end: false }).await;
        sleep(HOUR).await;
        desk.ask(TelemetryCommand::StepOnce).await;
        assert_eq!(desk.messages().await.1, ["m/1"]);
        desk.ask(TelemetryCommand::StepOnce).await;
        assert_eq!(desk.messages().await.1, ["m/2"]);
        sleep(HOUR).await;
        desk.ask(TelemetryCommand::SetSpeed(100.0)).await;
        desk.ask(TelemetryCommand::Play(true)).await;
        let begun = Instant::now();
        assert_eq!(desk.messages().await.1[0], "m/3");
        assert!(begun.elapsed() <= Duration::from_millis(20));
    });
}

#[test]
fn going_back_forgets_what_comes_after_and_brings_what_is_before() {
    on_paused_clock(|| async {
        let mut desk = Options::of_recording(recording(), f32::INFINITY).open();
        desk.until_state(|state| *state == InspectionState::Paused { is_at_end: true }).await;
        desk.ask(TelemetryCommand::Seek(BEGIN + 2_500_000)).await;
        let held = desk
            .until(|event| match event {
                TelemetryEvent::Snapshot(snapshot) if snapshot.counters.held == 3 => Some(3),
                _ => None,
            })
            .await;
        assert_eq!(held, 3);
        desk.ask(TelemetryCommand::StepOnce).await;
        while desk.messages().await.1 != ["m/3"] {}
        // Forward: what lies between comes at once, and nothing is forgotten.
        desk.ask(TelemetryCommand::Seek(i64::MAX)).await;
        assert_eq!(desk.messages().await.1, ["m/4"]);
        let (stats, _) = desk.close().await;
        assert_eq!(stats.messages, 5);
    });
}

#[test]
fn a_recording_has_no_broker() {
    on_paused_clock(|| async {
        let mut desk = Options::of_recording(recording(), 1.0).open();
        desk.ask(TelemetryCommand::Publish { ticket: 9, message: message("a"), repeat: None }).await;
        assert!(
            matches!(published(&mut desk).await.1, PublishEnd::NotSent(problem) if problem.code == "telemetry.is_recording")
        );
        desk.ask(TelemetryCommand::Subscribe(vec![subscription("a")])).await;
        assert_eq!(desk.until_warning().await, "telemetry.is_recording");
        assert!(desk.recorded().is_empty(), "looking at a recording is no act");
    });
}

#[test]
fn exports_are_of_what_is_held_or_of_the_whole_recording() {
    on_paused_clock(|| async {
        let query = || Box::new(Query { filter: Some("m/+".parse().unwrap()), ..Query::default() });
        let export = || TelemetryCommand::Export {
            destination: Destination::file("x"),
            format: ExportForm::Csv,
            query: query(),
        };
        let exported = |event| match event {
            TelemetryEvent::Exported { result, .. } => Some(result),
            _ => None,
        };
        let mut desk = Options::default().open();
        let peer = desk.peer().await;
        peer.send(batch(&["m/0", "n/0", "m/1"])).await;
        desk.messages().await;
        desk.ask(export()).await;
        assert_eq!(desk.until(exported).await, Ok(2));
        assert_eq!(*desk.files.exported.lock().unwrap(), ["m/0", "m/1"]);
        desk.files.exported.lock().unwrap().clear();
        desk.ask(TelemetryCommand::Bundle { destination: Destination::file("b") }).await;
        assert_eq!(desk.until(exported).await, Ok(3));
        assert_eq!(desk.files.exported.lock().unwrap()[0], "bundle with 2 stages");

        let mut desk = Options::of_recording(recording(), 0.1).open();
        desk.ask(export()).await;
        assert_eq!(desk.until(exported).await, Ok(5));
    });
}

#[test]
fn closing_takes_in_what_is_on_its_way_and_says_farewell() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let mut peer = desk.peer().await;
        desk.until_connected().await;
        let far = async {
            assert!(peer.requests.recv().await.is_none(), "no farewell");
            peer.send(batch(&["site/last"])).await;
            let skipped = TracedPacket::end(SECOND, "skipped".into());
            peer.deliveries.send(Delivery::Packets(vec![skipped])).await.unwrap();
            peer.end(Retry::Later, false).await;
        };
        desk.ask(TelemetryCommand::Close).await;
        let told = desk.until(|event| match event {
            TelemetryEvent::Packets(packets) => Some(packets),
            _ => None,
        });
        let (packets, ()) = tokio::join!(told, far);
        assert_eq!(packets[0].note, "skipped", "what was skipped last is told too");
        let stats = desk.until(|event| match event {
            TelemetryEvent::Stats(stats) => Some(stats),
            _ => None,
        });
        assert_eq!(stats.await.messages, 1);
    });
}

#[test]
fn an_answer_that_comes_before_the_farewell_is_over_counts() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let mut peer = desk.peer().await;
        desk.until_connected().await;
        let repeat = Some(Repeat { every: SECOND, times: Some(2) });
        desk.ask(TelemetryCommand::Publish { ticket: 9, message: message("site/set"), repeat }).await;
        let (first, _) = peer.publish().await;
        peer.publish().await;
        desk.ask(TelemetryCommand::Close).await;
        assert!(peer.requests.recv().await.is_none(), "no farewell");
        peer.answer(first, PublishEnd::Acknowledged).await;
        assert_eq!(published(&mut desk).await, (1, PublishEnd::Acknowledged));
        peer.end(Retry::Later, false).await;
        assert_eq!(published(&mut desk).await, (2, PublishEnd::Unknown), "the other was never answered");
    });
}

#[test]
fn a_stop_ends_it_at_once_and_the_stats_are_told() {
    on_paused_clock(|| async {
        let mut desk = Options { records: true, ..Options::default() }.open();
        let peer = desk.peer().await;
        desk.until_connected().await;
        peer.send(batch(&["site/a"])).await;
        desk.messages().await;
        let stopped = Instant::now();
        desk.stop.send(true).unwrap();
        let stats = desk
            .until(|event| match event {
                TelemetryEvent::Stats(stats) => Some(stats),
                _ => None,
            })
            .await;
        assert_eq!(stats.messages, 1);
        assert_eq!(desk.end.await.unwrap(), JobEnd::Cancelled);
        assert!(stopped.elapsed() < SECOND && desk.recordings.recorder.is_finished.load(Ordering::Relaxed));
    });
}

#[test]
fn a_window_that_takes_no_snapshots_holds_nothing_up() {
    on_paused_clock(|| async {
        let mut desk = Options::default().open();
        let peer = desk.peer().await;
        desk.until_connected().await;
        desk.ask(TelemetryCommand::View(Box::default())).await;
        // All snapshots are kept alive, as by a window that hangs.
        let mut kept = Vec::new();
        for _ in 0..200 {
            peer.send(batch(&["site/a"])).await;
            sleep(Duration::from_millis(50)).await;
            while let Ok((_, event)) = desk.events.try_recv() {
                if let TelemetryEvent::Snapshot(snapshot) = event {
                    kept.push(snapshot);
                }
            }
        }
        assert!((8..=16).contains(&kept.len()), "{} snapshots in ten seconds", kept.len());
        let (stats, _) = desk.close().await;
        assert_eq!(stats.messages, 200);
    });
}

#[test]
fn a_limit_is_kept_exactly_live_and_played() {
    on_paused_clock(|| async {
        let mut desk = Options { records: true, most: Some(3), ..Options::default() }.open();
        let peer = desk.peer().await;
        desk.until_connected().await;
        peer.send(batch(&["site/a", "site/b"])).await;
        peer.send(batch(&["site/c", "site/d"])).await;
        peer.send(batch(&["site/e"])).await;
        assert_eq!(desk.messages().await.1, ["site/a", "site/b"]);
        assert_eq!(desk.messages().await.1, ["site/c"], "what came with it is left aside");
        let recorder = Arc::clone(&desk.recordings.recorder);
        let (stats, _) = desk.close().await;
        assert_eq!((stats.messages, *recorder.messages.lock().unwrap()), (3, 3));

        let recording = vec![batch(&["m/0", "m/1"]), batch(&["m/2", "m/3"]), batch(&["m/4"])];
        let mut desk = Options { most: Some(3), ..Options::of_recording(recording, f32::INFINITY) }.open();
        desk.until_state(|state| *state == InspectionState::Paused { is_at_end: true }).await;
        let (stats, _) = desk.close().await;
        assert_eq!(stats.messages, 3);
    });
}

#[test]
fn what_a_recording_lacks_is_counted_where_it_is_played() {
    on_paused_clock(|| async {
        let mut behind = batch(&["m/9"]);
        behind.missed.left_out = 8;
        let mut end = Batch::default();
        end.missed.left_out = 4;
        let mut desk = Options::of_recording(vec![batch(&["m/0"]), behind, end], f32::INFINITY).open();
        desk.until_state(|state| *state == InspectionState::Paused { is_at_end: true }).await;
        let (stats, _) = desk.close().await;
        assert_eq!((stats.messages, stats.left_out, stats.dropped), (2, 12, 0));
    });
}

#[test]
fn a_recording_of_an_inspection_that_never_connected_is_taken_away_again() {
    on_paused_clock(|| async {
        let failures = vec![end(Retry::Never, false)];
        let mut desk = Options { records: true, failures, ..Options::default() }.open();
        desk.until_state(|state| matches!(state, InspectionState::Disconnected { .. })).await;
        let recorder = Arc::clone(&desk.recordings.recorder);
        desk.close().await;
        assert!(recorder.is_discarded.load(Ordering::Relaxed));
    });
}
