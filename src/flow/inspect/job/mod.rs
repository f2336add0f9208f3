//! The loop of an inspection: what happened, what was asked, what is due.

mod act;
mod connection;
mod end;
mod first;
mod pace;
mod plots;
mod recording;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use self::first::{Awaited, First, Wanted};
use self::pace::Pace;
use self::plots::Plots;
use self::recording::{Held, writer_ready};
use super::acts::{Acts, Answer, Told};
use super::backoff::Backoff;
use super::export::{Back, Exports, Kind};
use super::link::{Happened, Link};
use super::playback::{Played, Player};
use super::retained::{Find, Found};
use super::rules::Kicks;
use super::trace::Trace;
use super::{InspectError, Setup};
use crate::flow::port::{Boxed, Bundle, Recorder};
use crate::model::destination::Destination;
use crate::model::mqtt::connect::{ConnectPlan, TlsFiles};
use crate::model::mqtt::message::Subscription;
use crate::model::mqtt::stage::StageReport;
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::{Explain as _, Problem};
use crate::model::record::RecordId;
use crate::model::redact::Redactor;
use crate::msg::telemetry::{InspectionSource, InspectionState, TelemetryCommand, TelemetryEvent};
use crate::telemetry::batch::Batch;
use crate::telemetry::decode::Rule;
use crate::telemetry::inspector::Inspector;
use crate::telemetry::recording::{LeftOut, RecorderState};
use crate::telemetry::view::Query;

/// How often the state of the recordings is told while it changes.
const RECORDING_EVERY: Duration = Duration::from_secs(1);
/// How long work may go on before something else has its turn.
const SLICE: Duration = Duration::from_millis(2);
/// How long a file may take to be opened or closed.
const FILE_LIMIT: Duration = Duration::from_secs(10);
/// How long the last messages may take to be written when an inspection ends.
const FINISH_LIMIT: Duration = Duration::from_secs(20);
/// Characters of a topic that are told, at most.
const TOPIC_SHOWN: usize = 200;
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
    /// Where a recording begins when the trigger fires.
    record_when_fired: Option<Destination>,
    held: Option<Held>,
    is_recording_changed: bool,
    recording_told: Option<Instant>,
    recorder_problems: [Option<&'static str>; 2],
    acts: Acts,
    acts_done: usize,
    acts_in_vain: usize,
    acts_unknown: usize,
    find: Option<Find>,
    /// The filter of the last search.
    searched: Option<TopicFilter>,
    /// What was to be cleared, while the search is for whether it is gone.
    looking: Option<Vec<Answer>>,
    /// What is looked for next.
    to_look: VecDeque<Vec<Answer>>,
    exports: Exports,
    plots: Plots,
    away: FuturesUnordered<Boxed<'static, Away>>,
    trace: Trace,
    record: Option<RecordId>,
    pace: Pace,
    /// How many messages are still taken in, if that was limited.
    wanted_still: Option<u64>,
    waits_for_first: bool,
    first: First,
    wanted: Option<Wanted>,
    awaited: Vec<Awaited>,
    /// What the connection that comes about, or came about, was told to subscribe to.
    attempted: Vec<Subscription>,
    /// The stage that ends with the first message of this connection, while none has come.
    first_stage: Option<StageReport>,
    attempt_at: Instant,
    was_connected: bool,
    /// How often a connection was lost.
    losses: u32,
    /// When, while it is not back.
    lost_at: Option<Instant>,
    last_problem: Option<Problem>,
    next_ticket: u64,
}

/// What takes its time beside the loop.
enum Away {
    Kept(Result<RecorderState, Problem>),
    Schemas(Result<Vec<(String, String)>, Problem>),
    Closed(Result<RecorderState, Problem>),
    Plot(PathBuf, Result<u64, Problem>),
}

/// What woke the loop.
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
        let wanted_still = setup.start.most;
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
            record_when_fired: None,
            held: None,
            is_recording_changed: false,
            recording_told: None,
            recorder_problems: [None; 2],
            acts: Acts::default(),
            acts_done: 0,
            acts_in_vain: 0,
            acts_unknown: 0,
            find: None,
            searched: None,
            looking: None,
            to_look: VecDeque::new(),
            exports: Exports::default(),
            plots: Plots::default(),
            away: FuturesUnordered::new(),
            trace: Trace::default(),
            record: None,
            pace: Pace::default(),
            wanted_still,
            waits_for_first,
            first: First::default(),
            wanted: None,
            awaited: Vec::new(),
            attempted: Vec::new(),
            first_stage: None,
            attempt_at: Instant::now(),
            was_connected: false,
            losses: 0,
            lost_at: None,
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
            self.work_on_plots();
            match self.wait(commands, has_work || !self.plots.is_empty()).await {
                Woken::Command(None | Some(TelemetryCommand::Close)) => return Ok(()),
                Woken::Command(Some(command)) => self.handle(command).await,
                Woken::Link(happened) => self.happened(happened).await,
                Woken::Played(played) => self.played(played).await,
                Woken::Found(found) => self.found(found).await,
                Woken::Exported(back) => {
                    let event = self.exports.go_on(back, &self.inspector);
                    for problem in self.exports.left_out() {
                        self.warn(problem).await;
                    }
                    if let Some(event) = event {
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
                self.inspector.replay();
                self.tell(TelemetryEvent::Playback(Box::new(player.state()))).await;
                self.enter(player.inspection_state()).await;
                self.player = Some(player);
            }
        }
        Ok(())
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
            TelemetryCommand::FindGateway(name) => self.find_gateway(name).await,
            TelemetryCommand::AwaitGateway { name, aliases, pushed_before } => {
                self.await_gateway(name, aliases, pushed_before).await;
            }
            TelemetryCommand::SetTrigger(plan) => self.set_trigger(plan.map(|plan| *plan)).await,
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
            TelemetryCommand::ExportPlot { destination, spec } => self.export_plot(destination, *spec),
            TelemetryCommand::Bundle { destination } => {
                let kind = Kind::Bundle(Box::new(self.bundle()));
                self.export(destination, kind, &Query::default()).await;
            }
            // The loop has seen to it.
            TelemetryCommand::Close => {}
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
        let destination = self.guarded(destination);
        match self.inspector.filter(query) {
            Ok(filter) => {
                let recording = self.path.clone().map(|path| (path, Arc::clone(&self.setup.recordings)));
                let files = Arc::clone(&self.setup.files);
                self.exports.begin(destination, kind, filter, &self.inspector, recording, files);
            }
            Err(problem) => {
                let path = destination.path().to_owned();
                let (result, left_out) = (Err(problem), LeftOut::default());
                self.tell(TelemetryEvent::Exported { path, result, left_out }).await;
            }
        }
    }

    /// What the connection is made with is never written over.
    pub(super) fn guarded(&self, destination: Destination) -> Destination {
        let files = self.plan.iter().flat_map(|plan| {
            let TlsFiles { authorities, certificates, key } = &plan.tls.files;
            [authorities, certificates, key].into_iter().flatten().cloned()
        });
        destination.made_from(files)
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
            redactor: Redactor::new(self.plan.iter().flat_map(ConnectPlan::secrets)),
        }
    }

    // What happens.

    /// What is still wanted of messages that came; the rest is left aside.
    pub(super) fn within_limit(&mut self, batch: Arc<Batch>) -> Option<Arc<Batch>> {
        let Some(still) = &mut self.wanted_still else { return Some(batch) };
        if *still == 0 {
            return None;
        }
        let wanted = usize::try_from(*still).unwrap_or(usize::MAX).min(batch.len());
        *still -= wanted as u64;
        Some(if wanted == batch.len() { batch } else { Arc::new(batch.part(0, wanted)) })
    }

    async fn ingest(&mut self, batch: Arc<Batch>) {
        self.inspector.ingest(&batch);
        let fired = self.inspector.fired(&batch);
        if self.first_stage.is_some() {
            self.end_first_stage(&batch).await;
        }
        if self.waits_for_first {
            self.look_for_first(&batch).await;
        }
        self.look_for_wanted(&batch).await;
        self.record_first(&batch).await;
        if !self.awaited.is_empty() {
            self.look_for_awaited(&batch).await;
        }
        if self.setup.start.wants_messages {
            self.tell(TelemetryEvent::Messages(Arc::clone(&batch))).await;
        }
        // After the messages: whoever stops at a trigger has the one it fired on.
        if let Some((fired, count)) = fired {
            self.triggered(fired, count, &batch).await;
        }
    }

    async fn played(&mut self, played: Played) {
        match played {
            Played::Messages(batch) => {
                let has_lost = batch.missed.left_out > 0;
                let Some(batch) = self.within_limit(batch) else { return };
                self.ingest(batch).await;
                if self.wanted_still == Some(0)
                    && let Some(player) = &mut self.player
                {
                    player.stop();
                }
                if has_lost || self.wanted_still == Some(0) {
                    self.tell_playback().await;
                }
            }
            Played::Arrived | Played::Waits => self.tell_playback().await,
            Played::Failed(problem) => {
                self.last_problem = Some(problem.clone());
                self.warn(problem).await;
                self.tell_playback().await;
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
            Away::Closed(Ok(state)) => {
                self.tell(TelemetryEvent::Recorded(state)).await;
                self.tell_recording().await;
            }
            Away::Closed(Err(problem)) => {
                if self.recorder_problems[0] != Some(problem.code) {
                    self.warn(problem).await;
                }
                self.tell_recording().await;
            }
            Away::Plot(path, result) => {
                let left_out = LeftOut::default();
                self.tell(TelemetryEvent::Exported { path, result, left_out }).await;
            }
        }
    }

    // What is told.

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
