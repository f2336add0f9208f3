//! [`Inspector`]: thin.

use std::sync::Arc;
use std::time::Duration;

use super::batch::Batch;
use super::decode::{Decoders, Rule};
use super::expect::Expectations;
use super::query::CompiledQuery;
use super::view::{Counters, MessageId, NodeId, PlotPage, PlotSpec, Query, Snapshot, TopicId, ViewSpec};
use crate::model::problem::Problem;
use crate::profile::rules::Expectation;

/// Everything that is received, and what is shown of it.
pub struct Inspector {
    spec: ViewSpec,
    decoders: Decoders,
    expectations: Expectations,
    change: u64,
    counters: Counters,
    first_mono: Option<u64>,
    last_mono: u64,
    shown_at: u64,
}

/// What is wanted of messages, for exports.
pub struct Filter(CompiledQuery);

/// What an inspection amounts to.
pub struct Totals {
    /// Messages.
    pub messages: u64,
    /// Bytes.
    pub bytes: u64,
    /// First to last.
    pub span: Duration,
    /// Held.
    pub held: u64,
    /// Evicted.
    pub evicted: u64,
    /// Dropped.
    pub dropped: u64,
}

impl Inspector {
    /// New.
    pub fn new(_budget_bytes: usize, expectations: &[Expectation]) -> Self {
        Self {
            spec: ViewSpec::default(),
            decoders: Decoders::new(),
            expectations: Expectations::new(expectations),
            change: 0,
            counters: Counters::default(),
            first_mono: None,
            last_mono: 0,
            shown_at: 0,
        }
    }
    /// Takes in.
    pub fn ingest(&mut self, batch: &Batch) {
        self.change += 1;
        self.counters.received += batch.len() as u64;
        self.counters.received_bytes += batch.bytes() as u64;
        self.counters.held += batch.len() as u64;
        self.counters.dropped += batch.missed.dropped;
        if let Some(first) = batch.iter().next() {
            self.first_mono.get_or_insert(first.mono_micros);
        }
        if let Some(last) = batch.iter().last() {
            self.last_mono = last.mono_micros;
        }
        if !self.expectations.is_empty() {
            self.expectations.begin_batch();
            let last = batch.len().saturating_sub(1);
            for (place, arrival) in batch.iter().enumerate() {
                let decoders = &self.decoders;
                self.expectations
                    .observe(&arrival, place == last, || decoders.decode(arrival.topic, arrival.payload, None));
            }
        }
    }
    /// View.
    pub fn set_view(&mut self, spec: ViewSpec) {
        self.spec = spec;
        self.change += 1;
    }
    /// Expand.
    pub fn expand(&mut self, _node: NodeId, _is_expanded: bool) {
        self.change += 1;
    }
    /// Expand all.
    pub fn expand_all(&mut self, _is_expanded: bool) {
        self.change += 1;
    }
    /// Reveal.
    pub fn reveal(&mut self, _topic: TopicId) -> usize {
        0
    }
    /// Clear.
    pub fn clear(&mut self, now_mono: u64) {
        self.change += 1;
        self.counters = Counters::default();
        self.expectations.clear(now_mono);
        self.first_mono = None;
    }
    /// Budget.
    pub fn set_budget(&mut self, _bytes: usize) {}
    /// Rules.
    pub fn set_rules(&mut self, rules: Vec<Rule>) {
        self.decoders.set_rules(rules);
        self.change += 1;
    }
    /// Schemas.
    pub fn load_schemas(&mut self, schemas: &[(String, String)]) -> Result<Vec<String>, Problem> {
        self.change += 1;
        self.decoders.load_schemas(schemas)
    }
    /// Listen.
    pub fn listen(&mut self, mono: u64) {
        self.expectations.listen(mono);
        self.change += 1;
    }
    /// Stop.
    pub fn stop_listening(&mut self) {
        self.expectations.stop_listening();
        self.change += 1;
    }
    /// Work.
    pub fn has_work(&self) -> bool {
        false
    }
    /// Work.
    pub fn work(&mut self, _is_over: &mut dyn FnMut() -> bool) {}
    /// Change.
    pub const fn change(&self) -> u64 {
        self.change
    }
    /// Tick.
    pub fn next_tick(&self) -> Option<u64> {
        self.expectations.next_deadline(self.shown_at)
    }
    /// Snapshot.
    pub fn snapshot(&mut self, number: u64, now_mono: u64, now_unix: i64) -> Snapshot {
        self.shown_at = now_mono;
        Snapshot {
            number,
            at_unix_micros: now_unix,
            counters: self.counters,
            expectations: self.expectations.states(now_mono),
            ..Snapshot::default()
        }
    }
    /// Totals.
    pub fn totals(&self) -> Totals {
        Totals {
            messages: self.counters.received,
            bytes: self.counters.received_bytes,
            span: Duration::from_micros(self.last_mono.saturating_sub(self.first_mono.unwrap_or(self.last_mono))),
            held: self.counters.held,
            evicted: self.counters.evicted,
            dropped: self.counters.dropped,
        }
    }
    /// Filter.
    pub fn filter(&self, query: &Query) -> Result<Filter, Problem> {
        CompiledQuery::compile(query).map(Filter)
    }
    /// Held.
    pub fn held(&self) -> Option<(MessageId, MessageId)> {
        None
    }
    /// Slice.
    pub fn slice(&self, _filter: &Filter, _from: MessageId, _until: MessageId) -> (Batch, Option<MessageId>) {
        (Batch::default(), None)
    }
    /// Sift.
    pub fn sift(&self, filter: &Filter, batch: Arc<Batch>) -> Arc<Batch> {
        if filter.0.is_everything() {
            return batch;
        }
        let mut part = Batch::new(batch.unix_offset_micros);
        for arrival in batch.iter().filter(|arrival| filter.0.matches(arrival.topic, arrival.payload, &self.decoders)) {
            let _ = part.push(&arrival);
        }
        Arc::new(part)
    }
    /// Plot.
    pub fn plot_points(&mut self, _spec: &PlotSpec) -> PlotPage {
        PlotPage::default()
    }
}
