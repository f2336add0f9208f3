//! The list of messages: all that are held, or those that a search finds; at the newest, or frozen at a place.
//!
//! A frozen page counts its rows from the oldest message that was held when it was frozen. What had to make room since is
//! counted and leaves its rows empty, so that nothing moves.

use rustc_hash::FxHashMap;

use super::PREVIEW_CHARS;
use crate::model::problem::Problem;
use crate::telemetry::decode::Decoders;
use crate::telemetry::query::{Budget, CompiledQuery, Expression, Search, Source};
use crate::telemetry::store::Store;
use crate::telemetry::view::{Anchor, ListPage, ListSpec, MessageId, Query};

/// Characters of a column's text.
const COLUMN_CHARS: usize = 200;
/// Columns at most.
const MAX_COLUMNS: usize = 32;
/// Rows of a page at most.
const MAX_ROWS: usize = 10_000;
/// Results that are remembered.
const CACHED: usize = 20_000;

/// The list and what it needs to be cut into pages.
#[derive(Default)]
pub(super) struct List {
    query: Query,
    search: Option<Search>,
    problem: Option<Problem>,
    columns: Vec<(String, Result<Expression, Problem>)>,
    frozen: Option<Frozen>,
    /// Results of the columns, by message.
    results: FxHashMap<u64, Vec<String>>,
}

/// Where a page was frozen.
#[derive(Clone, Copy, Debug)]
struct Frozen {
    until: MessageId,
    /// The oldest message then.
    oldest: u64,
    /// Found messages that had gone by then.
    dropped: u64,
}

impl List {
    /// What is wanted from now on.
    pub(super) fn set(&mut self, spec: Option<&ListSpec>, source: &dyn Source) {
        let Some(spec) = spec else {
            *self = Self::default();
            return;
        };
        if spec.query != self.query {
            self.query = spec.query.clone();
            self.begin_search(source);
            self.frozen = None;
        }
        if !self.columns.iter().map(|(text, _)| text).eq(spec.columns.iter().take(MAX_COLUMNS)) {
            let compile = |text: &String| (text.clone(), Expression::compile(text));
            self.columns = spec.columns.iter().take(MAX_COLUMNS).map(compile).collect();
            self.results.clear();
        }
        match spec.anchor {
            Anchor::Newest => self.frozen = None,
            Anchor::At { until, .. } if self.frozen.is_none_or(|frozen| frozen.until != until) => {
                let oldest = source.oldest().map_or(0, |oldest| oldest.0);
                let dropped = self.search.as_ref().map_or(0, Search::dropped);
                self.frozen = Some(Frozen { until, oldest, dropped });
            }
            Anchor::At { .. } => {}
        }
    }

    fn begin_search(&mut self, source: &dyn Source) {
        (self.search, self.problem) = (None, None);
        if self.query.is_empty() {
            return;
        }
        match CompiledQuery::compile(&self.query) {
            Ok(query) if query.is_everything() => {}
            Ok(query) => self.search = Some(Search::new(query, source)),
            Err(problem) => self.problem = Some(problem),
        }
    }

    /// All messages are gone.
    pub(super) fn clear(&mut self) {
        self.results.clear();
        self.frozen = None;
        if let Some(search) = self.search.take() {
            drop(search);
            self.begin_search(&Nothing);
        }
    }

    /// Payloads are read otherwise: what was found may not be any more.
    pub(super) fn read_anew(&mut self, source: &dyn Source) {
        self.results.clear();
        if self.search.is_some() && !self.query.jq.is_empty() {
            self.begin_search(source);
            if let Some(frozen) = &mut self.frozen {
                frozen.dropped = 0;
            }
        }
    }

    pub(super) fn has_work(&self, source: &dyn Source) -> bool {
        self.search.as_ref().is_some_and(|search| search.progress(source) < 1.0)
    }

    pub(super) fn advance(&mut self, source: &dyn Source, decoders: &Decoders, budget: Budget) {
        if let Some(search) = &mut self.search {
            search.advance(source, decoders, budget);
        }
    }

    /// The page as it stands now.
    pub(super) fn page(&mut self, spec: &ListSpec, store: &Store, decoders: &Decoders) -> ListPage {
        let mut page = match (&self.search, &self.problem) {
            (_, Some(problem)) => ListPage {
                problem: Some(problem.clone()),
                searched: 1.0,
                newest: store.newest(),
                ..ListPage::default()
            },
            (Some(search), None) => self.found_page(search, spec, store, decoders),
            (None, None) => self.whole_page(spec, store, decoders),
        };
        page.problem = page.problem.or_else(|| {
            let columns = self.columns.iter().filter_map(|(_, column)| column.as_ref().err());
            columns.into_iter().next().cloned()
        });
        self.fill_columns(&mut page, store, decoders);
        page
    }

    /// Of everything that is held.
    fn whole_page(&self, spec: &ListSpec, store: &Store, decoders: &Decoders) -> ListPage {
        let (Some(oldest), Some(newest)) = (store.oldest(), store.newest()) else {
            return ListPage { searched: 1.0, ..ListPage::default() };
        };
        let count = spec.count.min(MAX_ROWS) as u64;
        let (base, until, first) = match (spec.anchor, self.frozen) {
            (Anchor::At { first, until }, Some(frozen)) => (frozen.oldest, until.0.min(newest.0), first as u64),
            _ => (oldest.0, newest.0, (newest.0 + 1).saturating_sub(count).saturating_sub(oldest.0)),
        };
        let total = (until + 1).saturating_sub(base);
        let evicted = oldest.0.saturating_sub(base).min(total);
        let start = first.max(evicted).min(total);
        let end = total.min(first.saturating_add(count)).max(start);
        let ids = (base + start..base + end).map(MessageId);
        ListPage {
            total: place(total),
            first: place(start),
            rows: store.rows(ids, &preview(decoders)),
            newest: Some(newest),
            newer: newest.0.saturating_sub(until),
            evicted,
            searched: 1.0,
            problem: None,
        }
    }

    /// Of what a search found.
    fn found_page(&self, search: &Search, spec: &ListSpec, store: &Store, decoders: &Decoders) -> ListPage {
        let count = spec.count.min(MAX_ROWS);
        let (total, evicted, first) = match (spec.anchor, self.frozen) {
            (Anchor::At { first, until }, Some(frozen)) => {
                let evicted = search.dropped().saturating_sub(frozen.dropped);
                (search.count_until(until) as u64 + evicted, evicted, first as u64)
            }
            _ => (search.len() as u64, 0, search.len().saturating_sub(count) as u64),
        };
        let start = first.max(evicted).min(total);
        let rows = place(total.min(first.saturating_add(count as u64)).saturating_sub(start));
        let ids = search.rows(place(start - evicted), rows);
        ListPage {
            total: place(total),
            first: place(start),
            rows: store.rows(ids, &preview(decoders)),
            newest: store.newest(),
            newer: (search.len() as u64 + evicted).saturating_sub(total),
            evicted,
            searched: search.progress(&super::Walk(store)),
            problem: search.query().problem(),
        }
    }

    fn fill_columns(&mut self, page: &mut ListPage, store: &Store, decoders: &Decoders) {
        if self.columns.is_empty() {
            return;
        }
        if self.results.len() > CACHED {
            self.results.clear();
        }
        let Self { columns, results, .. } = self;
        for row in &mut page.rows {
            let known = results.entry(row.id.0).or_insert_with(|| {
                let value = store
                    .message(row.id)
                    .map(|message| decoders.value(message.topic, message.payload, message.mono_micros));
                let text = |(_, column): &(String, Result<Expression, Problem>)| match (column, &value) {
                    (Ok(expression), Some(value)) => expression.text(value, COLUMN_CHARS),
                    _ => String::new(),
                };
                columns.iter().map(text).collect()
            });
            row.columns.clone_from(known);
        }
    }
}

fn preview(decoders: &Decoders) -> impl Fn(&[u8], &[u8], u64) -> String + '_ {
    |topic, payload, mono_micros| decoders.one_line(topic, payload, mono_micros, PREVIEW_CHARS)
}

fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A store without messages.
struct Nothing;

impl Source for Nothing {
    fn oldest(&self) -> Option<MessageId> {
        None
    }

    fn newest(&self) -> Option<MessageId> {
        None
    }

    fn visit(&self, _from: MessageId, _show: &mut dyn FnMut(crate::telemetry::query::Held<'_>) -> bool) {}
}
