//! What a window wants to see of the telemetry, and what it gets: [`ViewSpec`] and [`Snapshot`].
//!
//! A snapshot holds only the rows asked for, so that a tree of 100,000 topics costs a frame no more than one of ten.
//! Topics, nodes and messages are named by ids that stay; a row number is a place for scrolling and nothing else.

use std::sync::Arc;
use std::time::Duration;

use super::silence::Silence;
use super::sys::SysPage;
use super::value::{Decoded, DecoderKind};
use crate::model::mqtt::message::{Properties, Qos};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::Problem;
use crate::model::word::words;

/// A topic for as long as its store lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicId(pub u32);

/// A node of the topic tree for as long as its store lives. A topic is a node, and so is each level above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// A message for as long as its store lives: its place in the order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub u64);

/// Everything that is counted, since the start. Exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages that arrived, whatever became of them but for `dropped` and `oversize`.
    pub received: u64,
    /// Bytes of topic and payload of those.
    pub received_bytes: u64,
    /// Messages in memory now.
    pub held: u64,
    /// Bytes of memory in use for them, with everything that is needed to find them.
    pub held_bytes: u64,
    /// Messages that had to make room.
    pub evicted: u64,
    /// Messages dropped before they were taken in: because we could not keep up and were told to drop.
    pub dropped: u64,
    /// Messages the sender says it had sent before (QoS 1 and 2).
    pub duplicates: u64,
    /// Messages whose own number or time is before that of the one before them on their topic.
    pub out_of_order: u64,
    /// Messages refused because of their size.
    pub oversize: u64,
    /// Messages left out because they were against the protocol.
    pub malformed: u64,
    /// Messages that a damaged recording lacks.
    pub left_out: u64,
    /// Topics seen.
    pub topics: u64,
    /// Messages a second, over the last seconds.
    pub rate: u64,
    /// Bytes a second, over the last seconds.
    pub bytes_rate: u64,
}

/// What a window wants to see. Each part is left out while nobody looks at it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ViewSpec {
    /// Rows of the topic tree.
    pub tree: Option<TreeSpec>,
    /// Rows of the list of messages.
    pub list: Option<ListSpec>,
    /// The history of one topic.
    pub history: Option<HistorySpec>,
    /// One message in full.
    pub message: Option<MessageSpec>,
    /// Curves.
    pub plot: Option<PlotSpec>,
    /// Who talks most, and who fell silent.
    pub talkers: Option<TalkersSpec>,
    /// How regular the topics are.
    pub quality: Option<QualitySpec>,
    /// Whether the state of the broker is looked at.
    pub has_sys: bool,
}

/// A page of the topic tree as it is unfolded now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeSpec {
    /// The first row wanted.
    pub first: usize,
    /// How many rows.
    pub count: usize,
    /// In which order siblings stand.
    pub sort: TreeSort,
    /// Only topics with this text in them, or that match this filter if it holds wildcards. Empty for all.
    pub search: String,
}

words! {
    /// In which order the topics of a level stand.
    TreeSort {
        /// By name, numbers by their size.
        Name = "name",
        /// By messages, most first.
        Messages = "messages",
        /// By bytes, most first.
        Bytes = "bytes",
        /// By rate, highest first.
        Rate = "rate",
        /// By the last message, newest first.
        Recent = "recent",
    }
}

#[expect(clippy::derivable_impls, reason = "the macro that declares the words has no place for a default")]
impl Default for TreeSort {
    fn default() -> Self {
        Self::Name
    }
}

/// What messages are meant: all conditions hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// On topics that match this filter.
    pub filter: Option<TopicFilter>,
    /// With this text in topic or payload, whatever the case of its letters; with `is_regex` a regular expression.
    pub text: String,
    /// Whether the text is a regular expression.
    pub is_regex: bool,
    /// Where the jq expression gives neither `false` nor `null`. Empty for no condition.
    pub jq: String,
}

impl Query {
    /// Whether every message is meant.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A page of the messages in the order of arrival.
#[derive(Clone, Debug, PartialEq)]
pub struct ListSpec {
    /// Which messages.
    pub query: Query,
    /// Where the page is.
    pub anchor: Anchor,
    /// How many rows.
    pub count: usize,
    /// jq expressions whose results are shown beside each message.
    pub columns: Vec<String>,
}

/// Where a page of a list of messages is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// At the newest message, and moving on with it.
    Newest,
    /// At that many rows from the oldest one that fits the query. What comes in meanwhile is counted, and nothing moves.
    At {
        /// The first row, counted from the oldest message that was held when the page was frozen.
        first: usize,
        /// The newest message that counts as a row.
        until: MessageId,
    },
}

/// A page of one topic's messages, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistorySpec {
    /// The topic.
    pub topic: TopicId,
    /// The newest message that counts as a row; `None` for the newest there is.
    pub until: Option<MessageId>,
    /// The first row wanted.
    pub first: usize,
    /// How many rows.
    pub count: usize,
}

/// One message in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageSpec {
    /// Which one.
    pub message: Chosen,
    /// How it is read; `None` to find out.
    pub decoder: Option<DecoderKind>,
    /// What it is compared with.
    pub compare: Compare,
}

/// Which message is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// That one, for as long as it is held.
    Message(MessageId),
    /// The newest of a topic.
    NewestOf(TopicId),
}

/// What a message is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compare {
    /// Nothing.
    #[default]
    Nothing,
    /// The one before it on its topic.
    Previous,
    /// That one.
    With(MessageId),
}

/// Curves over a span of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlotSpec {
    /// What is drawn.
    pub series: Vec<SeriesSpec>,
    /// From when to when, in seconds since 1970 UTC; `None` for everything there is, moving on with it.
    pub span: Option<(f64, f64)>,
    /// Points across: no more than twice as many are given a curve.
    pub columns: usize,
}

/// One curve.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SeriesSpec {
    /// The topics whose messages count: each makes a curve of its own.
    pub filter: TopicFilter,
    /// Where the number is: a path of names with dots, or a jq expression if it begins with a dot, a bracket or a letter and
    /// a parenthesis. Empty if the payload itself is the number.
    pub path: String,
}

words! {
    /// What talkers are ranked by.
    TalkersBy {
        /// Messages.
        Messages = "messages",
        /// Bytes.
        Bytes = "bytes",
    }
}

/// Who talks most, and who fell silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TalkersSpec {
    /// Over how long.
    pub window: Duration,
    /// By what.
    pub by: TalkersBy,
    /// How many levels of a topic count as one talker; 0 for whole topics.
    pub depth: u16,
    /// How many rows of each kind.
    pub count: usize,
}

/// How regular topics are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QualitySpec {
    /// Which topics; `None` for all.
    pub filter: Option<TopicFilter>,
    /// The first row wanted; those with the most findings come first.
    pub first: usize,
    /// How many rows.
    pub count: usize,
}

/// What a window asked to see, as it stands at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// How many there were before it.
    pub number: u64,
    /// When it was made, in microseconds since 1970 UTC.
    pub at_unix_micros: i64,
    /// What is counted.
    pub counters: Counters,
    /// Topics that are silent for longer than usual; counted while the tree is looked at.
    pub silent: u64,
    /// The topic tree.
    pub tree: Option<TreePage>,
    /// The list of messages.
    pub list: Option<ListPage>,
    /// The history of a topic.
    pub history: Option<HistoryPage>,
    /// A message.
    pub message: Option<Arc<MessageDetail>>,
    /// Curves.
    pub plot: Option<Arc<PlotPage>>,
    /// Talkers.
    pub talkers: Option<Arc<TalkersPage>>,
    /// Quality.
    pub quality: Option<Arc<QualityPage>>,
    /// The state of the broker.
    pub sys: Option<Arc<SysPage>>,
    /// How the expectations stand.
    pub expectations: Vec<ExpectationState>,
}

/// Rows of the topic tree.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TreePage {
    /// How many rows there are in all.
    pub total: usize,
    /// Which row the first one here is.
    pub first: usize,
    /// The rows.
    pub rows: Vec<TreeRow>,
    /// Why the search could not be followed.
    pub problem: Option<Problem>,
}

/// A row of the topic tree.
#[derive(Clone, Debug, PartialEq)]
pub struct TreeRow {
    /// The node.
    pub node: NodeId,
    /// The topic that ends here, if one does.
    pub topic: Option<TopicId>,
    /// Levels above it.
    pub depth: u16,
    /// The last level of its topic, made safe to show. May be empty: levels may.
    pub name: Arc<str>,
    /// Whether there is something below it.
    pub has_children: bool,
    /// Whether what is below it is shown.
    pub is_expanded: bool,
    /// Topics at and below it.
    pub topics: u64,
    /// Messages at and below it since the start.
    pub messages: u64,
    /// Bytes of topic and payload of those.
    pub bytes: u64,
    /// Messages a second at and below it, over the last seconds.
    pub rate: f32,
    /// The newest payload of the topic that ends here, on one line and shortened with an ellipsis.
    pub last: Option<Arc<str>>,
    /// For how long nothing came at or below it.
    pub silent_for: Duration,
    /// How often a message usually comes on the topic that ends here, once that is learnt.
    pub usual: Option<Duration>,
    /// Why that topic is silent, where it is silent longer than usual.
    pub silence: Option<Silence>,
    /// Whether the newest message was one the broker had kept.
    pub is_retained: bool,
}

/// Rows of a list of messages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListPage {
    /// How many rows there are in all. While a search goes on, as many as were found so far.
    pub total: usize,
    /// Which row the first one here is.
    pub first: usize,
    /// The rows, oldest first.
    pub rows: Vec<MessageRow>,
    /// The newest message there is: what a pause is set to.
    pub newest: Option<MessageId>,
    /// Messages that fit the query and came after the page was frozen.
    pub newer: u64,
    /// Rows that were there when the page was frozen, and had to make room since.
    pub evicted: u64,
    /// How much of what is held has been searched, from 0 to 1.
    pub searched: f32,
    /// Why the query could not be followed.
    pub problem: Option<Problem>,
}

/// A message as a row.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageRow {
    /// The message.
    pub id: MessageId,
    /// Its topic.
    pub topic_id: TopicId,
    /// Its topic, made safe to show.
    pub topic: Arc<str>,
    /// When it came, in microseconds since 1970 UTC.
    pub unix_micros: i64,
    /// Length of its payload.
    pub bytes: u64,
    /// How hard its delivery was tried.
    pub qos: Qos,
    /// Whether the broker had kept it.
    pub is_retained: bool,
    /// Whether it was sent before.
    pub is_duplicate: bool,
    /// The payload on one line, shortened with an ellipsis.
    pub preview: Arc<str>,
    /// Results of the expressions asked for.
    pub columns: Vec<String>,
}

/// Rows of one topic's history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistoryPage {
    /// The topic in full, made safe to show.
    pub topic: Arc<str>,
    /// Messages held of it.
    pub total: usize,
    /// Messages that came on it since the start.
    pub received: u64,
    /// Which row the first one here is.
    pub first: usize,
    /// The rows, newest first.
    pub rows: Vec<MessageRow>,
    /// Messages that came after the page was frozen.
    pub newer: u64,
    /// How often a message usually comes, once that is learnt.
    pub usual: Option<Duration>,
    /// Why the topic is silent, where it is silent longer than usual.
    pub silence: Option<Silence>,
}

/// A message in full.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageDetail {
    /// Its row.
    pub row: MessageRow,
    /// Its payload as it came, whole.
    pub payload: Arc<[u8]>,
    /// MQTT 5's properties.
    pub properties: Option<Properties>,
    /// What it means.
    pub decoded: Decoded,
    /// What its topic and kind of broker tell beside that: request and answer, device, properties. Name and value.
    pub notes: Vec<(String, String)>,
    /// How it differs from what it is compared with.
    pub diff: Option<Vec<DiffLine>>,
}

words! {
    /// What happened to a line between two messages.
    Change {
        /// It is the same.
        Same = "same",
        /// It is new.
        Added = "added",
        /// It is gone.
        Removed = "removed",
    }
}

/// A line of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    /// What happened to it.
    pub change: Change,
    /// The line.
    pub text: Arc<str>,
}

/// Curves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlotPage {
    /// One for each topic that has a number.
    pub series: Vec<Series>,
    /// Expressions that could not be followed, and why.
    pub problems: Vec<Problem>,
}

/// A curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Which of the series asked for it belongs to.
    pub spec: usize,
    /// The topic, made safe to show.
    pub topic: Arc<str>,
    /// Runs of points without a gap. A point is a time in seconds since 1970 UTC, and a number. Where there are more points
    /// than columns, each column has its least and its greatest.
    pub runs: Vec<Vec<[f64; 2]>>,
    /// Points in the span before they were thinned out.
    pub points: u64,
    /// Messages without such a number.
    pub without: u64,
    /// The newest number.
    pub last: Option<f64>,
    /// The least number in the span.
    pub min: Option<f64>,
    /// The greatest number in the span.
    pub max: Option<f64>,
    /// What the numbers in the span come to, by the kind of value that they are.
    pub statistics: Option<Statistics>,
}

/// What the numbers of a curve come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistics {
    /// Numbers that go up and down.
    Quantity {
        /// The mean of them.
        mean: f64,
    },
    /// Nothing but 0 and 1.
    Switch {
        /// The share of the time for which it was 1.
        on_share: f64,
        /// How often it changed.
        switches: u64,
    },
    /// Numbers that only go up, but for beginning anew.
    Counter {
        /// By how much it went up.
        increase: f64,
        /// That an hour.
        per_hour: f64,
        /// How often it began anew.
        restarts: u64,
    },
}

/// Who talks most, and who fell silent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TalkersPage {
    /// All messages and bytes in the window.
    pub total: (u64, u64),
    /// How long the window really is: the inspection may be younger.
    pub window: Duration,
    /// Who talks most, most first.
    pub loud: Vec<Talker>,
    /// Who fell silent, the longest first: talked before, and longer ago than three of its usual intervals.
    pub silent: Vec<Talker>,
}

/// A topic or subtree by how much it sends.
#[derive(Clone, Debug, PartialEq)]
pub struct Talker {
    /// Its node.
    pub node: NodeId,
    /// The topic, or the levels that it begins with, made safe to show.
    pub topic: Arc<str>,
    /// Messages in the window.
    pub messages: u64,
    /// Bytes in the window.
    pub bytes: u64,
    /// For how long it has been silent.
    pub silent_for: Duration,
    /// Its usual interval, if it has one.
    pub usual: Option<Duration>,
    /// Why it is silent, where it is one topic that is silent longer than usual.
    pub silence: Option<Silence>,
}

/// How regular topics are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QualityPage {
    /// How many topics there are in all.
    pub total: usize,
    /// Which row the first one here is.
    pub first: usize,
    /// The rows, those with the most findings first.
    pub rows: Vec<QualityRow>,
}

/// How regular a topic is.
#[derive(Clone, Debug, PartialEq)]
pub struct QualityRow {
    /// The topic.
    pub topic: TopicId,
    /// Its name, made safe to show.
    pub name: Arc<str>,
    /// Messages since the start.
    pub messages: u64,
    /// The middle of its intervals.
    pub usual: Option<Duration>,
    /// How far intervals usually are from that.
    pub jitter: Option<Duration>,
    /// Intervals of more than three times the usual one.
    pub gaps: u64,
    /// The longest interval.
    pub longest_gap: Option<Duration>,
    /// Where the sender numbers its messages: numbers left out.
    pub sequence_missing: u64,
    /// Numbers, or times of the device, that went back.
    pub sequence_back: u64,
    /// The device's clock against ours at the newest message, in seconds; positive if it is ahead.
    pub clock_offset_secs: Option<f64>,
    /// Since when the payload has been the very same, and how often in a row.
    pub stuck: Option<(Duration, u64)>,
    /// A number that jumped as if its unit had changed: path, before, after.
    pub unit_jump: Option<(String, f64, f64)>,
    /// What of all this is worth a look, in words.
    pub findings: Vec<String>,
}

words! {
    /// How an expectation stands.
    ExpectationWord {
        /// Everything it asks for was seen.
        Met = "met",
        /// Not yet, and there is still time.
        Waiting = "waiting",
        /// Something is missing or wrong.
        NotMet = "not-met",
    }
}

/// How an expectation of a profile stands.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectationState {
    /// Its id.
    pub id: String,
    /// Which topics it is about.
    pub topic: TopicFilter,
    /// How it stands.
    pub word: ExpectationWord,
    /// What was seen, or what is missing, in a sentence.
    pub says: String,
    /// How long after the start the first message that fits came.
    pub first_after: Option<Duration>,
    /// Messages that were looked at.
    pub messages: u64,
    /// Whether the profile's authors assume it.
    pub is_assumed: bool,
}
