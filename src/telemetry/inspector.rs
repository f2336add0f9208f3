//! [`Inspector`]: everything that was received, and the pages that a window wants to see of it.
//!
//! Holds the store, the decoders, the search, the curves and the expectations together. Takes messages in at once; what takes
//! long (a search through millions of messages, a curve of them) goes on in slices; payloads are decoded when they are looked
//! at and not before. Pure: the time is an argument.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use self::list::List;
use super::batch::{Arrival, Batch};
use super::decode::{Decoders, Rule};
use super::diff;
use super::expect::Expectations;
use super::plot::{Plotter, Table};
use super::query::{Budget, CompiledQuery, Held, Source};
use super::silence::{Grants, Hearing, Known, Presence, Silence, SilentTopic, cause, says};
use super::store::{Message, Store, Topic};
use super::sys;
use super::trigger::{Fired, Trigger};
use super::view::{
    Chosen, Compare, MessageDetail, MessageId, MessageSpec, NodeId, PlotPage, PlotSpec, Query, Snapshot, TopicId,
    ViewSpec,
};
use crate::model::mqtt::Dialect;
use crate::model::mqtt::message::Grant;
use crate::model::problem::Problem;
use crate::model::standing::is_named_in;
use crate::profile::rules::Expectation;
use crate::proto::mqtt::cloud::CloudTracker;
use crate::proto::mqtt::notes::notes;

mod list;
#[cfg(test)]
mod tests;

/// Characters of a payload on one line.
const PREVIEW_CHARS: usize = 200;
/// A second.
const SECOND: u64 = 1_000_000;
/// What one slice of an export holds at most.
const SLICE_BYTES: usize = 1 << 20;
const SLICE_MESSAGES: usize = 8192;
/// Messages that a slice looks at, whether they are wanted or not.
const SLICE_LOOKS: usize = 20_000;
/// Findings about requests and answers that are remembered.
const FINDINGS: usize = 5000;
/// Topics below $SYS that are shown.
const SYS_TOPICS: usize = 2000;
/// How topics of Sparkplug begin.
const SPARKPLUG: &[u8] = b"spBv1.0/";

/// Everything that was received, and what is shown of it.
pub struct Inspector {
    store: Store,
    decoders: Decoders,
    expectations: Expectations,
    spec: ViewSpec,
    list: List,
    plotter: Plotter,
    /// Whether a curve has not seen all messages.
    is_plot_behind: bool,
    plot: Option<(u64, PlotSpec, Arc<PlotPage>)>,
    /// Counts what curves have seen.
    plotted: u64,
    detail: Option<(DetailKey, Arc<MessageDetail>)>,
    dialect: Dialect,
    cloud: CloudTracker,
    /// What was found out about messages as they came: which answers which, and the like.
    findings: VecDeque<(MessageId, Vec<(String, String)>)>,
    has_sparkplug: bool,
    /// Counts what changes what is shown.
    change: u64,
    /// Counts changes of how payloads are read.
    reading: u64,
    span: Option<(u64, u64)>,
    trigger: Option<Trigger>,
    grants: Grants,
    presence: Presence,
    /// The topics below $SYS.
    sys_topics: Vec<TopicId>,
    /// Since when messages can come; `None` while they cannot.
    hearing: Hearing,
    is_recorded: bool,
    /// When the last snapshot was made, and whether its rates go down by themselves.
    shown_at: u64,
    is_fading: bool,
}

/// What a decoded message depends on.
#[derive(Clone, Debug, PartialEq)]
struct DetailKey {
    message: MessageId,
    compared: Option<MessageId>,
    spec: MessageSpec,
    reading: u64,
}

/// Which messages are wanted, for exports.
pub struct Filter {
    query: CompiledQuery,
    /// What is learnt on the way, where the messages are not those of the store.
    decoders: Decoders,
}

impl Filter {
    /// The messages of a batch of a recording that are wanted. The batches come in their order.
    pub fn sift(&mut self, batch: Arc<Batch>) -> Arc<Batch> {
        if self.query.is_everything() {
            return batch;
        }
        let mut part = Batch::new(batch.unix_offset_micros);
        part.missed.left_out = batch.missed.left_out;
        for arrival in batch.iter() {
            self.decoders.observe(arrival.topic, arrival.payload, arrival.mono_micros);
            if self.query.matches(arrival.topic, arrival.payload, arrival.mono_micros, &self.decoders) {
                // A part of what fitted into a batch fits into one.
                let _ = part.push(&arrival);
            }
        }
        Arc::new(part)
    }

    /// How many messages could not be asked, and why: a limit was met.
    pub fn problem(&self) -> Option<Problem> {
        self.query.problem()
    }
}

/// What an inspection amounts to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Messages received.
    pub messages: u64,
    /// Bytes of topic and payload of those.
    pub bytes: u64,
    /// From the first message to the last.
    pub span: Duration,
    /// Messages in memory.
    pub held: u64,
    /// Messages that had to make room.
    pub evicted: u64,
    /// Messages dropped.
    pub dropped: u64,
    /// Messages that a damaged recording lacks.
    pub left_out: u64,
}

/// A table of curves on its way.
pub struct PlotTable(Making);

enum Making {
    Curves(Box<Plotter>, PlotSpec),
    Table(Box<Table>),
}

impl PlotTable {
    /// The table once it is complete, and how many points there are.
    pub fn finish(self) -> std::io::Result<(Vec<u8>, u64)> {
        match self.0 {
            Making::Curves(plotter, spec) => plotter.table(&spec)?.finish(),
            Making::Table(table) => table.finish(),
        }
    }
}

/// The store as searches and curves walk through it.
struct Walk<'a>(&'a Store);

impl Source for Walk<'_> {
    fn oldest(&self) -> Option<MessageId> {
        self.0.oldest()
    }

    fn newest(&self) -> Option<MessageId> {
        self.0.newest()
    }

    fn visit(&self, from: MessageId, show: &mut dyn FnMut(Held<'_>) -> bool) {
        for message in self.0.scan(from) {
            let Message { id, topic_id, topic, payload, mono_micros, unix_micros, .. } = message;
            if !show(Held { id, topic_id, topic, payload, mono_micros, unix_micros }) {
                return;
            }
        }
    }
}

impl Inspector {
    /// An inspector without messages, which keeps them within that many bytes of memory.
    pub fn new(budget_bytes: usize, expectations: &[Expectation]) -> Self {
        Self {
            store: Store::new(budget_bytes),
            decoders: Decoders::new(),
            expectations: Expectations::new(expectations),
            spec: ViewSpec::default(),
            list: List::default(),
            plotter: Plotter::new(),
            is_plot_behind: false,
            plot: None,
            plotted: 0,
            detail: None,
            dialect: Dialect::Plain,
            cloud: CloudTracker::new(Dialect::Plain),
            findings: VecDeque::new(),
            has_sparkplug: false,
            change: 0,
            reading: 0,
            span: None,
            trigger: None,
            grants: Grants::default(),
            presence: Presence::default(),
            sys_topics: Vec::new(),
            hearing: Hearing::default(),
            is_recorded: false,
            shown_at: 0,
            is_fading: false,
        }
    }

    /// Reads topics as that kind of broker has them.
    pub fn set_dialect(&mut self, dialect: Dialect) {
        if dialect != self.dialect {
            self.dialect = dialect;
            self.cloud = CloudTracker::new(dialect);
            self.reads_otherwise();
        }
    }

    /// Watches for messages that a query means from now on; `None` for no more.
    pub fn set_trigger(&mut self, query: Option<&Query>) -> Result<(), Problem> {
        self.trigger = query.map(Trigger::new).transpose()?;
        Ok(())
    }

    /// Where the trigger fires on messages that were just taken in, and how often it has fired by then.
    pub fn fired(&mut self, batch: &Batch) -> Option<(Vec<Fired>, u64)> {
        let trigger = self.trigger.as_mut()?;
        let before = trigger.count();
        let newest = self.store.newest().map_or(0, |newest| newest.0 + 1);
        let first = newest.saturating_sub(batch.len() as u64);
        let mut fired = Vec::new();
        for (place, arrival) in (first..).zip(batch.iter()) {
            trigger.look_at(MessageId(place), &arrival, &self.decoders, &mut fired);
        }
        (trigger.count() > before).then(|| (fired, trigger.count()))
    }

    // What comes in.

    /// Takes messages in.
    pub fn ingest(&mut self, batch: &Batch) {
        let ingested = self.store.ingest(batch);
        let is_sparkplug =
            |topic: u32| self.store.topic(TopicId(topic)).is_some_and(|topic| topic.name.starts_with(SPARKPLUG));
        self.has_sparkplug |= ingested.new_topics.clone().any(is_sparkplug);
        for topic in ingested.new_topics.clone().map(TopicId) {
            if let Some(known) = self.store.topic(topic) {
                self.presence.learn(topic, known.name);
                if sys::is_sys(known.name) && self.sys_topics.len() < SYS_TOPICS {
                    self.sys_topics.push(topic);
                }
            }
        }
        if let (Some(first), Some(last)) = (batch.get(0), batch.get(batch.len().wrapping_sub(1))) {
            self.span = Some((self.span.map_or(first.mono_micros, |(first, _)| first), last.mono_micros));
        }
        if self.has_sparkplug || self.dialect != Dialect::Plain || !self.expectations.is_empty() {
            self.look_at(batch, ingested.first);
        }
        self.is_plot_behind = self.spec.plot.is_some();
        self.change += 1;
    }

    /// Learns from each message what others need to be understood, and holds it against what is expected.
    fn look_at(&mut self, batch: &Batch, first: MessageId) {
        self.expectations.begin_batch();
        let newest = batch.len().saturating_sub(1);
        for (place, arrival) in batch.iter().enumerate() {
            if self.has_sparkplug && arrival.topic.starts_with(SPARKPLUG) {
                self.decoders.observe(arrival.topic, arrival.payload, arrival.mono_micros);
            }
            if self.cloud.is_of_interest(arrival.topic)
                && let Ok(topic) = std::str::from_utf8(arrival.topic)
                && let Some(finding) = self.cloud.observe(topic, arrival.payload, arrival.mono_micros)
            {
                if self.findings.len() >= FINDINGS {
                    self.findings.pop_front();
                }
                self.findings.push_back((MessageId(first.0 + place as u64), finding.rows()));
            }
            if !self.expectations.is_empty() {
                let decoders = &self.decoders;
                self.expectations.observe(&arrival, place == newest, || {
                    decoders.decode_at(arrival.topic, arrival.payload, None, arrival.mono_micros)
                });
            }
        }
    }

    /// Messages can come from now on.
    pub fn listen(&mut self, mono_micros: u64) {
        self.expectations.listen(mono_micros);
        self.hearing.begin(mono_micros);
        self.change += 1;
    }

    /// Messages come from a recording.
    pub fn replay(&mut self) {
        self.is_recorded = true;
        self.listen(0);
    }

    /// Messages cannot come any more.
    pub fn stop_listening(&mut self, mono_micros: u64) {
        self.expectations.stop_listening();
        self.hearing.end(mono_micros);
        self.change += 1;
    }

    /// What the broker said to subscriptions.
    pub fn take_grants(&mut self, grants: &[Grant]) {
        self.grants.take(grants);
        self.change += 1;
    }

    /// Why a topic is silent, where it is silent longer than usual.
    fn silence_of(&self, topic: TopicId, now_micros: u64) -> Option<Silence> {
        let rhythm = self.store.rhythm(topic)?;
        let known = self.store.topic(topic)?;
        let since = known.last_micros.max(self.hearing.since().unwrap_or(0));
        let mut facts = Known {
            silent_for: Duration::from_micros(now_micros.saturating_sub(since)),
            usual: Some(rhythm.usual),
            patience: Some(rhythm.patience),
            is_connected: self.hearing.since().is_some(),
            was_down: self.hearing.down_after(known.last_micros),
            is_recorded: self.is_recorded,
            ..Known::default()
        };
        // Most topics are not silent: nothing more is looked up for them.
        cause(&facts)?;
        let refused = self.grants.refused(known.name);
        let gone = self.presence.gone(known.name, |id| {
            let newest = self.store.newest_of(id)?;
            Some((newest.topic, newest.payload, newest.mono_micros))
        });
        (facts.is_refused, facts.is_gone) = (refused.is_some(), gone.is_some());
        let cause = cause(&facts)?;
        Some(Silence { cause, says: says(cause, &facts, refused, gone) })
    }

    /// The topics that are silent longer than usual, the longest first, and why.
    pub fn silent(&mut self, now_micros: u64, count: usize) -> Vec<SilentTopic> {
        let since = self.hearing.since().unwrap_or(0);
        let topics = self.store.silent_topics(since, now_micros, count);
        let told = topics.into_iter().filter_map(|id| {
            let topic = self.store.topic(id)?;
            Some(SilentTopic {
                topic: topic.shown(),
                silent_for: Duration::from_micros(now_micros.saturating_sub(topic.last_micros)),
                usual: self.store.rhythm(id)?.usual,
                silence: self.silence_of(id, now_micros)?,
            })
        });
        told.collect()
    }

    /// Says of the rows of a snapshot why they are silent.
    fn explain(&mut self, snapshot: &mut Snapshot, now_micros: u64) {
        if let Some(tree) = &mut snapshot.tree {
            for row in &mut tree.rows {
                row.silence = row.topic.and_then(|topic| self.silence_of(topic, now_micros));
            }
            let since = self.hearing.since().unwrap_or(0);
            snapshot.silent = self.store.count_silent(since, now_micros);
        }
        if let (Some(history), Some(spec)) = (&mut snapshot.history, &self.spec.history) {
            history.silence = self.silence_of(spec.topic, now_micros);
        }
        if let Some(talkers) = &mut snapshot.talkers {
            for talker in &mut Arc::make_mut(talkers).silent {
                let topic = self.store.topic_at(talker.node);
                talker.silence = topic.and_then(|topic| self.silence_of(topic, now_micros));
            }
        }
    }

    /// Forgets all messages and begins to count anew.
    pub fn clear(&mut self, mono_micros: u64) {
        self.store.clear();
        self.expectations.clear(mono_micros);
        self.decoders.forget();
        self.cloud.clear();
        self.findings.clear();
        self.presence.clear();
        self.sys_topics.clear();
        self.list.clear();
        self.plotter.clear();
        self.plot = None;
        self.detail = None;
        self.span = None;
        self.change += 1;
    }

    /// Lets this much memory be used for messages.
    pub fn set_budget(&mut self, budget_bytes: usize) {
        self.store.set_budget(budget_bytes);
        self.change += 1;
    }

    // What is wanted.

    /// What the window wants to see from now on.
    pub fn set_view(&mut self, spec: ViewSpec) {
        if spec == self.spec {
            return;
        }
        self.list.set(spec.list.as_ref(), &Walk(&self.store));
        self.plotter.set(spec.plot.as_ref().map_or(&[], |plot| &plot.series));
        self.is_plot_behind = spec.plot.is_some();
        self.plotted += 1;
        self.spec = spec;
        self.change += 1;
    }

    /// Opens or closes a node of the tree.
    pub fn expand(&mut self, node: NodeId, is_expanded: bool) {
        self.store.expand(node, is_expanded);
        self.change += 1;
    }

    /// Opens or closes all of them.
    pub fn expand_all(&mut self, is_expanded: bool) {
        self.store.expand_all(is_expanded);
        self.change += 1;
    }

    /// The topic of that name, if a message came on it.
    pub fn find_topic(&self, name: &[u8]) -> Option<TopicId> {
        self.store.find_topic(name)
    }

    /// The first topic that names a gateway.
    pub fn topic_naming(&self, gateway: &str) -> Option<TopicId> {
        let is_it = |topic: &Topic<'_>| is_named_in(&String::from_utf8_lossy(topic.name), gateway);
        self.store.topics().find(is_it).map(|topic| topic.id)
    }

    /// The first message that is held, came by itself since then, and whose topic names a gateway.
    pub fn first_naming(&self, gateway: &str, since_micros: u64) -> Option<Arrival<'_>> {
        let is_it = |topic: &Topic<'_>| is_named_in(&String::from_utf8_lossy(topic.name), gateway);
        let of_topic = |topic: Topic<'_>| {
            let since = self.store.history(topic.id).take_while(|message| message.mono_micros >= since_micros);
            since.filter(|message| !message.is_retained).last()
        };
        let firsts = self.store.topics().filter(is_it).filter_map(of_topic);
        firsts.min_by_key(|message| message.mono_micros).map(|message| message.arrival())
    }

    /// Opens the way to a topic and tells its row, in the tree as it is looked at.
    pub fn reveal(&mut self, topic: TopicId, now_micros: u64) -> Option<usize> {
        let spec = self.spec.tree.clone().unwrap_or_default();
        self.change += 1;
        self.store.reveal(topic, &spec, now_micros)
    }

    /// How payloads are read from now on.
    pub fn set_rules(&mut self, rules: Vec<Rule>) {
        self.decoders.set_rules(rules);
        self.reads_otherwise();
    }

    /// Takes in a user's Protobuf schemas, by name and text. The answer is their message types.
    pub fn load_schemas(&mut self, schemas: &[(String, String)]) -> Result<Vec<String>, Problem> {
        let types = self.decoders.load_schemas(schemas);
        self.reads_otherwise();
        types
    }

    /// Whatever was read is read anew.
    fn reads_otherwise(&mut self) {
        self.reading += 1;
        self.change += 1;
        self.detail = None;
        self.list.read_anew(&Walk(&self.store));
        self.plotter.clear();
        self.is_plot_behind = self.spec.plot.is_some();
    }

    // What takes long.

    /// Whether a search or a curve is behind.
    pub fn has_work(&self) -> bool {
        self.is_plot_behind || self.list.has_work(&Walk(&self.store))
    }

    /// Goes on with what is behind, until it is done or `is_over` says so.
    pub fn work(&mut self, is_over: &mut dyn FnMut() -> bool) {
        while self.has_work() {
            let walk = Walk(&self.store);
            self.list.advance(&walk, &self.decoders, Budget::default());
            if self.is_plot_behind {
                self.is_plot_behind = !self.plotter.advance(&walk, &self.decoders, Budget::default());
                self.plotted += 1;
            }
            self.change += 1;
            if is_over() {
                return;
            }
        }
    }

    // What is shown.

    /// A number that is another one whenever a snapshot would be.
    pub const fn change(&self) -> u64 {
        self.change
    }

    /// When a snapshot would be another one though nothing came, in microseconds since the inspection began.
    pub fn next_tick(&self) -> Option<u64> {
        let fading = self.is_fading.then_some(self.shown_at + SECOND);
        fading.into_iter().chain(self.expectations.next_deadline(self.shown_at)).min()
    }

    /// What the window wants to see, as it stands now.
    pub fn snapshot(&mut self, number: u64, now_micros: u64, now_unix_micros: i64) -> Snapshot {
        self.shown_at = now_micros;
        let message = self.spec.message.clone().and_then(|spec| self.detail(&spec));
        let plot = self.spec.plot.clone().map(|spec| self.curves(&spec));
        let Self { store, decoders, spec, list, .. } = self;
        let preview = |topic: &[u8], payload: &[u8], mono: u64| decoders.one_line(topic, payload, mono, PREVIEW_CHARS);
        let counters = store.counters(now_micros);
        let tree = spec.tree.as_ref().map(|spec| store.tree(spec, now_micros, &preview));
        let history = spec.history.as_ref().map(|spec| store.history_page(spec, &preview));
        let list = spec.list.as_ref().map(|spec| list.page(spec, store, decoders));
        let talkers = spec.talkers.as_ref().map(|spec| Arc::new(store.talkers(spec, now_micros)));
        let quality = spec.quality.as_ref().map(|spec| Arc::new(store.quality(spec, now_micros)));
        let has_talkers = talkers.as_ref().is_some_and(|talkers| talkers.total.0 > 0);
        self.is_fading = counters.rate > 0 || counters.bytes_rate > 0 || has_talkers;
        let mut snapshot = Snapshot {
            number,
            at_unix_micros: now_unix_micros,
            counters,
            silent: 0,
            tree,
            list,
            history,
            message,
            plot,
            talkers,
            quality,
            sys: None,
            expectations: self.expectations.states(now_micros),
        };
        self.explain(&mut snapshot, now_micros);
        if self.spec.has_sys {
            let newest = self.sys_topics.iter().filter_map(|topic| self.store.newest_of(*topic));
            snapshot.sys = Some(Arc::new(sys::page(newest.map(|message| (message.topic, message.payload)))));
        }
        // What is silent gets longer by itself, and so does the time since the last message of each topic that is shown.
        let has_rows = snapshot.tree.as_ref().is_some_and(|tree| !tree.rows.is_empty());
        self.is_fading |= snapshot.silent > 0 || has_rows;
        snapshot
    }

    /// The curves; not drawn anew while they have seen nothing new.
    fn curves(&mut self, spec: &PlotSpec) -> Arc<PlotPage> {
        if let Some((seen, known, page)) = &self.plot
            && (*seen, known) == (self.plotted, spec)
        {
            return Arc::clone(page);
        }
        let page = Arc::new(self.plotter.page(spec));
        self.plot = Some((self.plotted, spec.clone(), Arc::clone(&page)));
        page
    }

    /// A message in full; the one that was shown last is not decoded again.
    fn detail(&mut self, spec: &MessageSpec) -> Option<Arc<MessageDetail>> {
        let message = match spec.message {
            Chosen::Message(id) => self.store.message(id)?,
            Chosen::NewestOf(topic) => self.store.newest_of(topic)?,
        };
        let compared = match spec.compare {
            Compare::Nothing => None,
            Compare::Previous => self.store.previous(message.id),
            Compare::With(other) => Some(other),
        };
        let compared = compared.and_then(|id| self.store.message(id));
        let key = DetailKey {
            message: message.id,
            compared: compared.map(|message| message.id),
            spec: spec.clone(),
            reading: self.reading,
        };
        if let Some((_, detail)) = self.detail.as_ref().filter(|(known, _)| *known == key) {
            return Some(Arc::clone(detail));
        }
        let preview =
            |topic: &[u8], payload: &[u8], mono: u64| self.decoders.one_line(topic, payload, mono, PREVIEW_CHARS);
        let decode = |message: &Message<'_>| {
            self.decoders.decode_at(message.topic, message.payload, spec.decoder, message.mono_micros)
        };
        let decoded = decode(&message);
        let diff = compared.map(|compared| diff::lines(&decode(&compared), &decoded));
        let mut told = match std::str::from_utf8(message.topic) {
            Ok(topic) => notes(self.dialect, topic, message.payload, message.properties),
            Err(_) => Vec::new(),
        };
        let found = self.findings.iter().find(|(id, _)| *id == message.id);
        told.extend(found.into_iter().flat_map(|(_, rows)| rows.iter().cloned()));
        let detail = Arc::new(MessageDetail {
            row: self.store.row(&message, &preview),
            payload: self.store.payload(message.id).unwrap_or_else(|| message.payload.into()),
            properties: message.properties.cloned(),
            diff,
            decoded,
            notes: told,
        });
        self.detail = Some((key, Arc::clone(&detail)));
        Some(detail)
    }

    /// What it amounts to so far.
    pub fn totals(&mut self) -> Totals {
        let counters = self.store.counters(self.shown_at);
        Totals {
            messages: counters.received,
            bytes: counters.received_bytes,
            span: self.span.map_or(Duration::ZERO, |(first, last)| Duration::from_micros(last.saturating_sub(first))),
            held: counters.held,
            evicted: counters.evicted,
            dropped: counters.dropped,
            left_out: counters.left_out,
        }
    }

    // What is exported.

    /// Makes a query ready for an export.
    pub fn filter(&self, query: &Query) -> Result<Filter, Problem> {
        Ok(Filter { query: CompiledQuery::compile(query)?, decoders: self.decoders.afresh() })
    }

    /// The oldest and the newest message in memory.
    pub fn held(&self) -> Option<(MessageId, MessageId)> {
        self.store.oldest().zip(self.store.newest())
    }

    /// The next messages that are wanted, up to and with the last one, and where to go on. What had to make room meanwhile is
    /// left out. Takes no longer than a slice.
    pub fn slice(&self, filter: &Filter, from: MessageId, last: MessageId) -> (Batch, Option<MessageId>) {
        let mut messages = self.store.span(from, MessageId(last.0 + 1)).peekable();
        let offset = |message: &Message<'_>| {
            message.unix_micros.saturating_sub(i64::try_from(message.mono_micros).unwrap_or(i64::MAX))
        };
        let mut batch = Batch::new(messages.peek().map_or(0, offset));
        for (looks, message) in messages.enumerate() {
            // A clock that was set begins a batch of its own: a batch has one offset.
            let is_full = batch.len() >= SLICE_MESSAGES || batch.bytes() >= SLICE_BYTES || looks >= SLICE_LOOKS;
            if is_full || (!batch.is_empty() && offset(&message) != batch.unix_offset_micros) {
                return (batch, Some(message.id));
            }
            let is_wanted = filter.query.matches(message.topic, message.payload, message.mono_micros, &self.decoders);
            if is_wanted {
                if batch.is_empty() {
                    batch.unix_offset_micros = offset(&message);
                }
                if !batch.push(&message.arrival()) {
                    return (batch, Some(message.id));
                }
            }
        }
        (batch, None)
    }

    /// Begins a table of all points of curves: of those that are looked at, else of curves that are still to be made.
    pub fn plot_table(&self, spec: PlotSpec) -> std::io::Result<PlotTable> {
        let is_shown = self.spec.plot.as_ref().is_some_and(|shown| shown.series == spec.series);
        if is_shown && !self.is_plot_behind {
            return Ok(PlotTable(Making::Table(Box::new(self.plotter.table(&spec)?))));
        }
        let mut plotter = Plotter::new();
        plotter.set(&spec.series);
        Ok(PlotTable(Making::Curves(Box::new(plotter), spec)))
    }

    /// Goes on with a table for a slice. True once it is complete.
    pub fn go_on(&self, table: &mut PlotTable) -> std::io::Result<bool> {
        match &mut table.0 {
            Making::Curves(plotter, spec) => {
                if plotter.advance(&Walk(&self.store), &self.decoders, Budget::default()) {
                    table.0 = Making::Table(Box::new(plotter.table(spec)?));
                }
                Ok(false)
            }
            Making::Table(table) => table.go_on(),
        }
    }
}
