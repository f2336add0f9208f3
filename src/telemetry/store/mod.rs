//! [`Store`]: every message that arrived, as far as memory goes, and what is counted of all of them.
//!
//! Topics are kept once. Messages lie in a log in the order of their arrival and leave it at its old end, in blocks, when
//! the budget is used up; what is counted of a topic, and its newest message, stay. Pure: the time is an argument, in
//! microseconds since the inspection began.

mod log;
mod order;
mod pages;
mod quality;
mod reports;
mod sniff;
mod table;
mod talkers;
#[cfg(test)]
mod tests;
mod topics;
mod tree;

use std::sync::Arc;

use rustc_hash::FxHashMap;

pub use pages::{PlainPreview, Preview};
pub use reports::Rhythm;
pub(in crate::telemetry) use reports::in_words;

use crate::model::mqtt::message::{Properties, Qos};
use crate::telemetry::batch::{Arrival, Batch};
use crate::telemetry::view::{Counters, MessageId, NodeId, TopicId};
use log::{Entry, Log};
use pages::Marks;
use quality::Qualities;
use reports::Reports;
use talkers::Talkers;
use topics::{NONE, Topics};
use tree::{Now, Seconds, Tree};

/// Messages whose topics are looked up together: the looks need not wait for one another.
const TOGETHER: usize = 32;
/// A newest message of a topic is kept whole after its eviction while those kept take no more than this part of the budget.
const KEPT_SHARE: usize = 4;
/// What is kept of it otherwise.
const KEPT_BYTES: usize = 256;
/// Topics are interned while they and their nodes take no more than this part of the budget.
const TOPICS_SHARE: usize = 2;
/// The topic under which messages go once there are too many topics. No topic that arrives is taken for it.
const REST_NAME: &str = "(more topics than there is memory for)";
const SECOND_MICROS: u64 = 1_000_000;

/// Messages, topics and what is counted.
pub struct Store {
    budget_bytes: usize,
    topics: Topics,
    tree: Tree,
    log: Log,
    /// The newest messages of topics, by their number, where they had to leave the log.
    kept: FxHashMap<u64, Kept>,
    kept_bytes: usize,
    qualities: Qualities,
    talkers: Talkers,
    /// Topics that have something pending.
    pending: Vec<u32>,
    counts: Counts,
    marks: Marks,
    reports: Reports,
    /// The second that is being counted in, and its end.
    second: u64,
    second_ends: u64,
    /// The second in which the first message came.
    began: Option<u64>,
}

/// What is counted over all topics.
#[derive(Default)]
struct Counts {
    taken: u64,
    bytes: u64,
    held: u64,
    dropped: u64,
    duplicates: u64,
    out_of_order: u64,
    oversize: u64,
    malformed: u64,
    left_out: u64,
    topics: u64,
    messages_seconds: Seconds<u64>,
    bytes_seconds: Seconds<u64>,
    pending_messages: u64,
    pending_bytes: u64,
}

/// A message that had to leave the log and is the newest of its topic.
struct Kept {
    topic: u32,
    payload: Arc<[u8]>,
    /// Its length, where the payload is only its beginning.
    bytes: usize,
    qos: Qos,
    is_retained: bool,
    is_duplicate: bool,
    mono_micros: u64,
    unix_micros: i64,
    properties: Option<Box<Properties>>,
}

/// What came in with a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingested {
    /// Its first message; the next one to come if it had none.
    pub first: MessageId,
    /// How many messages it had.
    pub messages: u64,
    /// The topics that were not known before.
    pub new_topics: std::ops::Range<u32>,
}

/// What is known of a topic.
#[derive(Clone, Copy, Debug)]
pub struct Topic<'a> {
    /// The topic.
    pub id: TopicId,
    /// Its name as it came.
    pub name: &'a [u8],
    /// Where it stands in the tree.
    pub node: NodeId,
    /// Messages since the start.
    pub messages: u64,
    /// Bytes of topic and payload of those.
    pub bytes: u64,
    /// Messages that are in memory, with those kept beyond the log.
    pub held: u64,
    /// The newest message, if there was one.
    pub newest: Option<MessageId>,
    /// When it came, in microseconds since the inspection began.
    pub last_micros: u64,
}

impl Topic<'_> {
    /// Its name in full, made safe to show.
    pub fn shown(&self) -> Arc<str> {
        pages::shown(self.name, usize::MAX)
    }
}

/// A message that is in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Message<'a> {
    /// The message.
    pub id: MessageId,
    /// Its topic.
    pub topic_id: TopicId,
    /// Its topic's name as it came.
    pub topic: &'a [u8],
    /// Its payload.
    pub payload: &'a [u8],
    /// How hard its delivery was tried.
    pub qos: Qos,
    /// Whether the broker had kept it.
    pub is_retained: bool,
    /// Whether the sender says it sent it before.
    pub is_duplicate: bool,
    /// When it came, in microseconds since the inspection began.
    pub mono_micros: u64,
    /// When it came by the clock of this computer, in microseconds since 1970 UTC.
    pub unix_micros: i64,
    /// MQTT 5's properties.
    pub properties: Option<&'a Properties>,
}

impl<'a> Message<'a> {
    /// The message as it came.
    pub fn arrival(&self) -> Arrival<'a> {
        Arrival {
            topic: self.topic,
            payload: self.payload,
            qos: self.qos,
            is_retained: self.is_retained,
            is_duplicate: self.is_duplicate,
            mono_micros: self.mono_micros,
            unix_micros: self.unix_micros,
            properties: self.properties,
        }
    }
}

impl Store {
    /// An empty store that keeps messages within that many bytes of memory.
    pub fn new(budget_bytes: usize) -> Self {
        Self {
            budget_bytes,
            topics: Topics::new(),
            tree: Tree::new(),
            log: Log::new(budget_bytes),
            kept: FxHashMap::default(),
            kept_bytes: 0,
            qualities: Qualities::new(),
            talkers: Talkers::new(),
            pending: Vec::new(),
            counts: Counts::default(),
            marks: Marks::default(),
            reports: Reports::default(),
            second: 0,
            second_ends: SECOND_MICROS,
            began: None,
        }
    }

    /// How much memory may be used, in bytes.
    pub fn budget(&self) -> usize {
        self.budget_bytes
    }

    /// Lets this much memory be used from now on. Messages that do not fit any more go, the oldest first.
    pub fn set_budget(&mut self, budget_bytes: usize) {
        self.budget_bytes = budget_bytes;
        self.log.set_budget(budget_bytes);
        self.make_room();
    }

    /// Forgets all messages and begins to count anew. Topics, nodes and what is open keep their numbers; a topic is shown
    /// again once it has a message.
    pub fn clear(&mut self) {
        self.topics.clear();
        self.tree.clear();
        self.log.clear();
        self.kept = FxHashMap::default();
        self.kept_bytes = 0;
        self.qualities.clear();
        self.talkers = Talkers::new();
        self.pending.clear();
        self.counts = Counts::default();
        self.marks = Marks::default();
        self.reports = Reports::default();
        self.began = None;
    }

    /// Takes messages in, and counts what is missing before them.
    pub fn ingest(&mut self, batch: &Batch) -> Ingested {
        let first = MessageId(self.log.next());
        let known = self.topics.len();
        self.counts.dropped += batch.missed.dropped;
        self.counts.oversize += batch.missed.oversize;
        self.counts.malformed += batch.missed.malformed;
        self.counts.left_out = self.counts.left_out.saturating_add(batch.missed.left_out);
        self.log.set_offset(batch.unix_offset_micros);
        let mut arrivals = batch.iter();
        let mut found = [NONE; TOGETHER];
        while arrivals.len() > 0 {
            let some = arrivals.len().min(TOGETHER);
            for (slot, arrival) in found.iter_mut().zip(arrivals.clone()) {
                *slot = self.topics.find(arrival.topic).unwrap_or(NONE);
            }
            for (topic, arrival) in found.iter().zip(arrivals.by_ref().take(some)) {
                self.take_in(*topic, &arrival);
            }
        }
        self.make_room();
        Ingested { first, messages: self.log.next() - first.0, new_topics: known..self.topics.len() }
    }

    #[inline]
    fn take_in(&mut self, found: u32, arrival: &Arrival<'_>) {
        if arrival.mono_micros >= self.second_ends || self.began.is_none() {
            self.begin_second(arrival.mono_micros / SECOND_MICROS);
        }
        let (topic, name) = if found == NONE { self.add_topic(arrival.topic) } else { (found, None) };
        let bytes = (arrival.topic.len() + arrival.payload.len()) as u64;
        let id = self.log.next();
        let first_held = self.log.first();
        let totals = self.topics.of_mut(topic);
        let before = *totals;
        totals.messages += 1;
        totals.bytes += bytes;
        totals.pending_messages += 1;
        totals.pending_bytes += bytes;
        totals.last = id;
        totals.last_micros = arrival.mono_micros;
        totals.is_retained = arrival.is_retained;
        totals.held += 1;
        if before.pending_messages == 0 {
            self.pending.push(topic);
        }
        if before.messages == 0 {
            self.counts.topics += u64::from(self.topics.rest() != Some(topic));
            self.tree.appear(before.node);
        } else if before.last < first_held {
            self.drop_kept(before.last);
        }
        let previous = (before.messages > 0 && before.last >= first_held).then_some(before.last);
        let log = &self.log;
        let payload = || previous.and_then(|id| log.get(id)).map(|entry| entry.payload);
        let is_back = self.qualities.see(topic, &before, arrival, payload);
        self.counts.out_of_order += u64::from(is_back);
        self.counts.duplicates += u64::from(arrival.is_duplicate);
        self.counts.taken += 1;
        self.counts.bytes += bytes;
        self.counts.pending_messages += 1;
        self.counts.pending_bytes += bytes;
        self.counts.held += 1;
        if self.log.push(topic, previous, name, arrival) {
            self.make_room();
        }
    }

    /// Makes a topic of a name; if there are too many, gives the one that stands for the others, and the name.
    #[cold]
    fn add_topic<'a>(&mut self, name: &'a [u8]) -> (u32, Option<&'a [u8]>) {
        // It may have come earlier among those that were looked up together.
        if let Some(topic) = self.topics.find(name) {
            return (topic, None);
        }
        let memory = self.topics.memory() + self.tree.memory() + self.qualities.memory();
        if memory <= self.budget_bytes / TOPICS_SHARE
            && let Some(topic) = self.topics.add(name)
        {
            self.topics.publish(topic);
            let node = self.tree.add(topic, &self.topics);
            self.topics.of_mut(topic).node = node;
            self.qualities.add();
            return (topic, None);
        }
        if let Some(rest) = self.topics.rest() {
            return (rest, Some(name));
        }
        // There is place left for this short one, unless 4 GiB of names are full: then the last topic stands in.
        let rest = self.topics.add(REST_NAME.as_bytes()).unwrap_or(self.topics.len().saturating_sub(1));
        if self.topics.of(rest).node == NONE {
            let node = self.tree.add_apart(rest, &self.topics);
            self.topics.of_mut(rest).node = node;
            self.qualities.add();
        }
        self.topics.set_rest(rest);
        (rest, Some(name))
    }

    /// Brings the sums of the tree up to date and goes on to another second.
    #[cold]
    fn begin_second(&mut self, second: u64) {
        self.settle();
        if self.began.is_none() {
            self.began = Some(second);
        }
        self.second = self.second.max(second);
        self.second_ends = (self.second + 1).saturating_mul(SECOND_MICROS);
        self.talkers.begin_second(self.second);
        self.qualities.begin_second();
    }

    /// Brings the sums of the tree up to date.
    fn settle(&mut self) {
        for topic in self.pending.drain(..) {
            let totals = self.topics.of_mut(topic);
            let (messages, bytes) = (totals.pending_messages, totals.pending_bytes);
            totals.pending_messages = 0;
            totals.pending_bytes = 0;
            self.tree.settle(totals.node, messages, bytes, totals.last_micros, self.second);
            self.talkers.add(topic, messages, bytes);
        }
        let counts = &mut self.counts;
        counts.messages_seconds.add(self.second, std::mem::take(&mut counts.pending_messages));
        counts.bytes_seconds.add(self.second, std::mem::take(&mut counts.pending_bytes));
    }

    /// Brings everything up to that time.
    fn settle_at(&mut self, now_micros: u64) -> Now {
        if now_micros >= self.second_ends && self.began.is_some() {
            self.begin_second(now_micros / SECOND_MICROS);
        } else {
            self.settle();
        }
        Now { micros: now_micros.max(self.second * SECOND_MICROS), began: self.began.unwrap_or(self.second) }
    }

    /// Bytes of memory in use, with everything that is needed to find messages.
    fn memory(&self) -> usize {
        self.log.memory()
            + self.topics.memory()
            + self.tree.memory()
            + self.qualities.memory()
            + self.talkers.memory()
            + self.kept_bytes
            + self.pending.capacity() * size_of::<u32>()
    }

    fn make_room(&mut self) {
        while self.memory() > self.budget_bytes && self.log.can_evict() {
            self.evict();
        }
    }

    fn evict(&mut self) {
        let Self { topics, log, kept, kept_bytes, counts, budget_bytes, .. } = self;
        log.evict(|entry| {
            let totals = topics.of_mut(entry.topic);
            totals.held -= 1;
            counts.held -= 1;
            if totals.last == entry.id {
                let is_whole = *kept_bytes + entry.payload.len() <= *budget_bytes / KEPT_SHARE;
                let message = Kept::new(entry, if is_whole { usize::MAX } else { KEPT_BYTES });
                *kept_bytes += message.memory();
                kept.insert(entry.id, message);
            }
        });
    }

    #[cold]
    fn drop_kept(&mut self, id: u64) {
        if let Some(kept) = self.kept.remove(&id) {
            self.kept_bytes -= kept.memory();
        }
    }

    /// Everything that is counted, as of that time.
    pub fn counters(&mut self, now_micros: u64) -> Counters {
        let now = self.settle_at(now_micros);
        let counts = &self.counts;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "rates are positive and not that large"
        )]
        let rate = |seconds: &Seconds<u64>| seconds.rate(now.second(), now.began).round() as u64;
        Counters {
            received: counts.taken + counts.malformed,
            received_bytes: counts.bytes,
            held: counts.held,
            held_bytes: self.memory() as u64,
            evicted: counts.taken - counts.held,
            dropped: counts.dropped,
            duplicates: counts.duplicates,
            out_of_order: counts.out_of_order,
            oversize: counts.oversize,
            malformed: counts.malformed,
            left_out: counts.left_out,
            topics: counts.topics,
            rate: rate(&counts.messages_seconds),
            bytes_rate: rate(&counts.bytes_seconds),
        }
    }

    /// What is known of a topic.
    pub fn topic(&self, topic: TopicId) -> Option<Topic<'_>> {
        let totals = self.topics.get(topic.0)?;
        let newest = (totals.messages > 0).then_some(totals.last);
        let is_kept = newest.is_some_and(|newest| self.kept.get(&newest).is_some_and(Kept::is_whole));
        Some(Topic {
            id: topic,
            name: self.topics.name(topic.0),
            node: NodeId(totals.node),
            messages: totals.messages,
            bytes: totals.bytes,
            held: u64::from(totals.held) + u64::from(is_kept),
            newest: newest.map(MessageId),
            last_micros: totals.last_micros,
        })
    }

    /// The topic that ends at a node, if one does.
    pub fn topic_at(&self, node: NodeId) -> Option<TopicId> {
        self.tree.node(node.0).map(|node| node.topic).filter(|topic| *topic != NONE).map(TopicId)
    }

    /// The topic of that name.
    pub fn find_topic(&self, name: &[u8]) -> Option<TopicId> {
        self.topics.find(name).map(TopicId)
    }

    /// All topics, in the order of their first message.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = Topic<'_>> {
        (0..self.topics.len()).map(|topic| {
            let topic = TopicId(topic);
            self.topic(topic).unwrap_or(Topic {
                id: topic,
                name: b"",
                node: NodeId(tree::ROOT),
                messages: 0,
                bytes: 0,
                held: 0,
                newest: None,
                last_micros: 0,
            })
        })
    }

    /// A message, if it is held whole.
    pub fn message(&self, id: MessageId) -> Option<Message<'_>> {
        if let Some(entry) = self.log.get(id.0) {
            return Some(self.of_entry(&entry));
        }
        let kept = self.kept.get(&id.0).filter(|kept| kept.is_whole())?;
        Some(Message {
            id,
            topic_id: TopicId(kept.topic),
            topic: self.topics.name(kept.topic),
            payload: &kept.payload,
            qos: kept.qos,
            is_retained: kept.is_retained,
            is_duplicate: kept.is_duplicate,
            mono_micros: kept.mono_micros,
            unix_micros: kept.unix_micros,
            properties: kept.properties.as_deref(),
        })
    }

    /// A message's payload as a thing of its own. A large one is not copied.
    pub fn payload(&self, id: MessageId) -> Option<Arc<[u8]>> {
        self.log.payload(id.0).or_else(|| {
            let kept = self.kept.get(&id.0).filter(|kept| kept.is_whole())?;
            Some(Arc::clone(&kept.payload))
        })
    }

    /// The newest message of a topic, if it is held whole.
    pub fn newest_of(&self, topic: TopicId) -> Option<Message<'_>> {
        let totals = self.topics.get(topic.0).filter(|totals| totals.messages > 0)?;
        self.message(MessageId(totals.last))
    }

    /// The messages in the order of their arrival, from that one on. Can be walked from its end, too.
    pub fn scan(&self, from: MessageId) -> impl DoubleEndedIterator<Item = Message<'_>> {
        self.span(from, MessageId(u64::MAX))
    }

    /// The messages in the order of their arrival, from that one on and up to the other, which is not among them.
    pub fn span(&self, from: MessageId, until: MessageId) -> impl DoubleEndedIterator<Item = Message<'_>> {
        self.log.scan(from.0, until.0).map(|entry| self.of_entry(&entry))
    }

    /// The messages of a topic, the newest first.
    pub fn history(&self, topic: TopicId) -> impl Iterator<Item = Message<'_>> {
        std::iter::successors(self.newest_of(topic), |message| self.message(self.previous(message.id)?))
    }

    /// The message before that one on its topic, if it is held.
    pub fn previous(&self, id: MessageId) -> Option<MessageId> {
        self.log.previous(id.0).map(MessageId)
    }

    /// The oldest message in the order of arrival that is held.
    pub fn oldest(&self) -> Option<MessageId> {
        (self.log.first() < self.log.next()).then(|| MessageId(self.log.first()))
    }

    /// The newest message.
    pub fn newest(&self) -> Option<MessageId> {
        (self.log.first() < self.log.next()).then(|| MessageId(self.log.next() - 1))
    }

    /// Opens or closes a node of the tree.
    pub fn expand(&mut self, node: NodeId, is_expanded: bool) {
        self.tree.expand(node.0, is_expanded);
    }

    /// Opens or closes all nodes of the tree, and those that come.
    pub fn expand_all(&mut self, is_expanded: bool) {
        self.tree.expand_all(is_expanded);
    }

    fn of_entry<'a>(&'a self, entry: &Entry<'a>) -> Message<'a> {
        Message {
            id: MessageId(entry.id),
            topic_id: TopicId(entry.topic),
            topic: entry.name.unwrap_or_else(|| self.topics.name(entry.topic)),
            payload: entry.payload,
            qos: entry.qos,
            is_retained: entry.is_retained,
            is_duplicate: entry.is_duplicate,
            mono_micros: entry.mono_micros,
            unix_micros: entry.unix_micros,
            properties: entry.properties,
        }
    }
}

impl Kept {
    /// A copy of a message with no more than that of its payload.
    #[cold]
    fn new(entry: &Entry<'_>, max_bytes: usize) -> Self {
        Self {
            topic: entry.topic,
            payload: entry.payload[..entry.payload.len().min(max_bytes)].into(),
            bytes: entry.payload.len(),
            qos: entry.qos,
            is_retained: entry.is_retained,
            is_duplicate: entry.is_duplicate,
            mono_micros: entry.mono_micros,
            unix_micros: entry.unix_micros,
            properties: entry.properties.cloned().map(Box::new),
        }
    }

    fn is_whole(&self) -> bool {
        self.payload.len() == self.bytes
    }

    fn memory(&self) -> usize {
        // With the entry of the map, of which every second is empty.
        2 * size_of::<(u64, Self)>() + self.payload.len() + self.properties.as_deref().map_or(0, log::memory_of)
    }
}
