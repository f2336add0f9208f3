//! The vocabulary of the inspector: what a front end asks of an inspection, and what it reports; and that of the bench broker.

#![expect(missing_docs, reason = "the sentence above a variant says what its fields carry")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::model::destination::Destination;
use crate::model::ids::ProfileId;
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::message::{Grant, Outgoing, PublishEnd, Subscription};
use crate::model::mqtt::stage::{StageReport, TracedPacket};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::Problem;
use crate::model::wipe::LeftoverState;
use crate::telemetry::batch::Batch;
pub use crate::telemetry::export::ExportForm;
use crate::telemetry::recording::{LeftOut, RecorderState, RecordingFacts, RingPlan};
use crate::telemetry::silence::SilentTopic;
use crate::telemetry::trigger::Fired;
use crate::telemetry::value::DecoderKind;
use crate::telemetry::view::{NodeId, PlotSpec, Query, Snapshot, TopicId, ViewSpec};

pub use crate::model::mqtt::bench::{BenchFacts, BenchPlan, Sighting};

/// How many bytes of messages are kept unless another limit is set: 512 MiB.
pub const STORE_BYTES: usize = 512 * 1024 * 1024;

/// What is asked of an inspection.
pub enum TelemetryCommand {
    /// Begin. Nothing else is taken before.
    Open(Box<InspectionStart>),
    /// A person has read [`TelemetryEvent::IdentityQuestion`] and wants to connect all the same.
    ConfirmIdentity,
    /// End the connection, or try no more; what was received stays.
    Disconnect,
    /// Connect again, with the plan as it is now or another one.
    Connect(Option<Box<ConnectPlan>>),
    /// What the front end wants to see from now on.
    View(Box<ViewSpec>),
    /// Open or close a node of the tree.
    Expand { node: NodeId, is_expanded: bool },
    /// Open or close all of them.
    ExpandAll(bool),
    /// Open the way to a topic, and tell its row by [`TelemetryEvent::Revealed`].
    Reveal(TopicId),
    /// Look for the topic that names a gateway, and tell it by [`TelemetryEvent::GatewayFound`] as soon as there is one.
    FindGateway(String),
    /// Put the first message whose topic names this gateway on record, and tell it by [`TelemetryEvent::GatewayHeard`].
    AwaitGateway {
        /// Its name.
        name: String,
        /// What else its topics may call it: earlier names, its serial number.
        aliases: Vec<String>,
        /// How long ago credentials were sent to it, where that is known.
        pushed_before: Option<Duration>,
    },
    /// Forget all messages and start counting anew.
    Clear,
    /// Let this much memory be used for messages from now on, in bytes.
    SetBudget(usize),
    /// Read the payloads of these topics so from now on. A later rule wins over an earlier one.
    SetDecoders(Vec<DecoderRule>),
    /// Take in a user's Protobuf schemas; answer: [`TelemetryEvent::SchemasLoaded`].
    LoadSchemas { paths: Vec<PathBuf> },
    /// Subscribe.
    Subscribe(Vec<Subscription>),
    /// Take subscriptions back.
    Unsubscribe(Vec<TopicFilter>),
    /// Publish a message, again and again if so wanted. Answer: [`TelemetryEvent::Published`], for each time.
    Publish { ticket: u64, message: Box<Outgoing>, repeat: Option<Repeat> },
    /// End the repetition of that ticket.
    StopRepeat { ticket: u64 },
    /// List the topics for which the broker keeps a message, on a subscription of its own. Answer: [`TelemetryEvent::Retained`].
    FindRetained(TopicFilter),
    /// Let the broker forget the messages it keeps for these topics. Answer: [`TelemetryEvent::RetainedCleared`].
    ClearRetained(Vec<String>),
    /// Begin to record into a new file.
    Record { destination: Destination },
    /// End the recording.
    StopRecording,
    /// Write what came in that last span to a recording, out of the ring on disk. Answer: [`TelemetryEvent::Kept`].
    KeepLast { span: Duration, destination: Destination },
    /// Play on, or pause. For recordings only, as the next three.
    Play(bool),
    /// Play at that speed: 0.1 to 100.
    SetSpeed(f32),
    /// Go on by one message.
    StepOnce,
    /// Go to that time, in microseconds since 1970 UTC. What comes after it is forgotten and comes again.
    Seek(i64),
    /// Watch for messages that a query means; `None` for no more. Answers: [`TelemetryEvent::Triggered`] each time, or
    /// [`TelemetryEvent::TriggerRefused`] once.
    SetTrigger(Option<Box<TriggerPlan>>),
    /// Write messages to a file. Answer: [`TelemetryEvent::Exported`].
    Export { destination: Destination, format: ExportForm, query: Box<Query> },
    /// Write all points of the curves to a CSV file, not thinned out. Answer: [`TelemetryEvent::Exported`].
    ExportPlot { destination: Destination, spec: Box<PlotSpec> },
    /// Write one redacted file for support: recording, trace, stages, profile facts. Answer: [`TelemetryEvent::Exported`].
    Bundle { destination: Destination },
    /// End the inspection: farewell to the broker, close files.
    Close,
}

/// What an inspection begins with.
pub struct InspectionStart {
    /// Where messages come from.
    pub source: InspectionSource,
    /// How much memory messages may use, in bytes.
    pub budget_bytes: usize,
    /// The profile whose expectations, dialect and limits apply.
    pub profile: Option<ProfileId>,
    /// The gateway this is about, as it is written into the records.
    pub gateway: Option<String>,
    /// How long ago credentials were pushed to that gateway: the time to the first message counts from there.
    pub pushed_before: Option<Duration>,
    /// Whether a person confirmed that the gateway's own identity is used.
    pub is_identity_confirmed: bool,
    /// A client id known to be a gateway's own, to guard.
    pub guarded_client_id: Option<String>,
    /// The ring on disk; `None` for none.
    pub ring: Option<RingPlan>,
    /// A recording from the first message on.
    pub record: Option<Destination>,
    /// After how many messages it takes in no more: they are taken, recorded and counted exactly.
    pub most: Option<u64>,
    /// Whether every message is reported as [`TelemetryEvent::Messages`]: for a command line that prints them.
    pub wants_messages: bool,
    /// Whether a lost connection is made again by itself.
    pub is_reconnecting: bool,
}

/// Where messages come from.
pub enum InspectionSource {
    /// A broker.
    Broker(Box<ConnectPlan>),
    /// A recording.
    Recording { path: PathBuf, speed: f32 },
}

/// What a trigger watches for, and what it begins.
pub struct TriggerPlan {
    /// Which messages: the trigger fires where it becomes true on a topic.
    pub query: Query,
    /// Where a recording begins with the first message it fires on; `None` for none.
    pub record: Option<Destination>,
}

/// A rule by which payloads are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecoderRule {
    /// On which topics.
    pub filter: TopicFilter,
    /// How they are read.
    pub kind: DecoderKind,
    /// The message type, for Protobuf.
    pub message_type: Option<String>,
}

/// How often a message is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// The time in between.
    pub every: Duration,
    /// How often in all; `None` until stopped.
    pub times: Option<u32>,
}

/// How a search for retained messages stands. MQTT marks no end of the list: it's over when nothing more comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetainedSearch {
    /// It goes on.
    Running,
    /// On a subscription that was granted nothing more came for that long.
    Quiet(Duration),
    /// The same, and some aren't listed, because their topics aren't text.
    Unnamed(Box<Problem>),
    /// The broker refused the subscription.
    Refused(Box<Problem>),
    /// It ended early: what was found is the least there is.
    Cut(Box<Problem>),
    /// There was no connection to search on.
    Failed(Box<Problem>),
}

impl RetainedSearch {
    /// Whether it is over.
    pub const fn is_over(&self) -> bool {
        !matches!(self, Self::Running)
    }

    /// Whether a topic that can be named and wasn't found isn't there, as far as was heard.
    pub const fn is_whole(&self) -> bool {
        matches!(self, Self::Quiet(_) | Self::Unnamed(_))
    }

    /// What keeps the list from being all there is.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Running | Self::Quiet(_) => None,
            Self::Unnamed(problem) | Self::Refused(problem) | Self::Cut(problem) | Self::Failed(problem) => {
                Some(problem)
            }
        }
    }
}

/// What became of retained messages that were to be cleared. Only a look afterwards says that one is gone: a broker of
/// MQTT 3.1.1 has to acknowledge what it denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clearance {
    /// Each of them.
    pub topics: Vec<ClearedTopic>,
    /// The look afterwards.
    pub look: RetainedSearch,
}

/// What became of one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClearedTopic {
    /// Its topic.
    pub topic: String,
    /// What the look afterwards says.
    pub state: LeftoverState,
    /// Why the broker didn't acknowledge it, where it didn't.
    pub problem: Option<Problem>,
}

impl Clearance {
    /// Those that stand so.
    pub fn in_state(&self, state: LeftoverState) -> impl Iterator<Item = &ClearedTopic> {
        self.topics.iter().filter(move |topic| topic.state == state)
    }

    /// How many stand so.
    pub fn count(&self, state: LeftoverState) -> usize {
        self.in_state(state).count()
    }

    /// How many the broker acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.topics.iter().filter(|topic| topic.problem.is_none()).count()
    }
}

/// What an inspection reports.
pub enum TelemetryEvent {
    /// How the connection or the replay stands.
    State(InspectionState),
    /// A stage of a connection began or ended.
    Stage(Box<StageReport>),
    /// Packets other than messages.
    Packets(Vec<TracedPacket>),
    /// What the front end asked to see. At most 30 a second, and only when something changed.
    Snapshot(Arc<Snapshot>),
    /// All messages, where they were asked for.
    Messages(Arc<Batch>),
    /// Connecting would use a gateway's own identity and throw the live gateway out: the text says why.
    IdentityQuestion(Box<Problem>),
    /// Two clients of one name kick each other, or the like: worth a banner.
    Warning(Box<Problem>),
    /// What became of subscriptions.
    Subscribed(Vec<Grant>),
    /// The subscriptions as they are now.
    Subscriptions(Vec<Subscription>),
    /// What became of a message of ours; `count` counts the repetitions from 1.
    Published { ticket: u64, count: u32, end: PublishEnd },
    /// All topics found so far for which the broker keeps a message, with the length of each, and how the search for them stands.
    Retained { topics: Vec<(String, u64)>, search: RetainedSearch },
    /// What became of messages that were to be cleared, as it was seen afterwards.
    RetainedCleared(Clearance),
    /// The first message after the credentials were pushed came that long after it, on that topic. Comes again with the first
    /// one whose topic names the gateway, if that is another.
    FirstMessage {
        /// How long after the push.
        after: Duration,
        /// The name of its topic, safe to show.
        topic: String,
        /// The topic where it can be found in the tree.
        topic_id: Option<TopicId>,
    },
    /// How recording and ring stand.
    Recording { recorder: Option<RecorderState>, ring: Option<RecorderState> },
    /// The last minutes were kept, or why not.
    Kept(Result<RecorderState, Problem>),
    /// A recording was stopped, and its file closed.
    Recorded(RecorderState),
    /// The recording that is played.
    Playback(Box<PlaybackState>),
    /// The trigger fired on these messages, and so often in all.
    Triggered { fired: Vec<Fired>, count: u64 },
    /// The trigger cannot be watched for.
    TriggerRefused(Box<Problem>),
    /// Message types of a user's schemas, or why they cannot be used.
    SchemasLoaded(Result<Vec<String>, Problem>),
    /// The row at which a topic stands in the tree.
    Revealed { topic: TopicId, row: usize },
    /// The topic that names the gateway which was looked for.
    GatewayFound(TopicId),
    /// A message of a gateway that was waited for came.
    GatewayHeard {
        /// Its name.
        name: String,
        /// How long after the credentials were sent, where that is known.
        after: Option<Duration>,
        /// The topic, safe to show.
        topic: String,
    },
    /// A file was written: how many messages; or why not; and what of a recording it lacks.
    Exported { path: PathBuf, result: Result<u64, Problem>, left_out: LeftOut },
    /// The topics that are silent longer than usual at the end, and why.
    Silent(Vec<SilentTopic>),
    /// The end of a command-line inspection: what `--stats` prints.
    Stats(InspectionStats),
}

/// How an inspection stands.
#[derive(Clone, Debug, PartialEq)]
pub enum InspectionState {
    /// It waits for a person to confirm the identity.
    AwaitingConfirmation,
    /// It connects, for the time that says.
    Connecting { attempt: u32 },
    /// It is connected.
    Connected {
        /// What the broker said of itself.
        facts: Vec<(String, String)>,
        /// When the login ends by itself, in seconds since 1970 UTC.
        login_ends: Option<i64>,
    },
    /// The connection is lost or did not come about; it is tried again after that time.
    Waiting { problem: Box<Problem>, retry_in: Duration },
    /// It is not connected, and stays so until someone asks for it; with the reason unless a person wanted it so.
    Disconnected { problem: Option<Box<Problem>> },
    /// A recording is played.
    Playing,
    /// A recording is paused, or has come to its end.
    Paused { is_at_end: bool },
}

/// The recording that is played.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaybackState {
    /// The file.
    pub recording: RecorderState,
    /// What it says about itself.
    pub facts: RecordingFacts,
    /// What had to be repaired so far: it is looked at as it is read.
    pub repaired: Option<Problem>,
    /// What had to be left out so far.
    pub left_out: LeftOut,
    /// Where the playback is, in microseconds since 1970 UTC.
    pub position_unix_micros: i64,
    /// How fast.
    pub speed: f32,
    /// How long it is until the next message, where that is worth saying.
    pub next_in: Option<Duration>,
}

/// What an inspection amounted to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InspectionStats {
    /// Messages received.
    pub messages: u64,
    /// Bytes of topic and payload.
    pub bytes: u64,
    /// From the first message to the last.
    pub span: Duration,
    /// Messages held at the end.
    pub held: u64,
    /// Messages that had to make room.
    pub evicted: u64,
    /// Messages dropped.
    pub dropped: u64,
    /// Messages that a damaged recording lacks.
    pub left_out: u64,
    /// Processor time of the whole program.
    pub cpu: Duration,
    /// The most memory the program used, in bytes; 0 where the system does not tell.
    pub peak_rss_bytes: u64,
}

/// What is asked of the bench broker.
pub enum BenchCommand {
    /// Start it.
    Start(BenchPlan),
    /// Stop it.
    Stop,
}

/// What the bench broker reports.
#[derive(Clone, Debug, PartialEq)]
pub enum BenchEvent {
    /// It runs.
    Running(BenchFacts),
    /// A client came, went or was refused.
    Seen { unix_micros: i64, sighting: Sighting },
}
