//! The pages that a window asks for: rows of the tree, of a topic's history, of any messages.

use std::sync::Arc;

use super::topics::NONE;
use super::{Kept, Message, Store};
use crate::model::text::{hex, visible, visible_octets};
use crate::telemetry::view::{
    HistoryPage, HistorySpec, MessageId, MessageRow, NodeId, TopicId, TreePage, TreeRow, TreeSpec,
};

/// Characters of a payload shown on one line.
const PREVIEW_CHARS: usize = 120;
/// Characters of a topic shown in a row.
pub(super) const NAME_CHARS: usize = 1024;
/// Every how many messages of a topic a place is remembered while its history is walked through.
const MARK_EVERY: u64 = 256;
/// Rows in a page at most, whatever is asked for.
const MAX_ROWS: usize = 10_000;

/// Makes one line of a payload.
pub trait Preview {
    /// The payload on one line, as it was to be read when it came, shortened with an ellipsis and safe to show.
    fn one_line(&self, topic: &[u8], payload: &[u8], mono_micros: u64) -> String;
}

impl<F: Fn(&[u8], &[u8], u64) -> String> Preview for F {
    fn one_line(&self, topic: &[u8], payload: &[u8], mono_micros: u64) -> String {
        self(topic, payload, mono_micros)
    }
}

/// Shows text as text and everything else as hex.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainPreview;

impl Preview for PlainPreview {
    fn one_line(&self, _topic: &[u8], payload: &[u8], _mono_micros: u64) -> String {
        // One character more than is shown tells whether there is more.
        let start = &payload[..payload.len().min(4 * (PREVIEW_CHARS + 1))];
        let is_text = match std::str::from_utf8(start) {
            Ok(_) => true,
            Err(error) => error.error_len().is_none() && start.len() < payload.len(),
        };
        if is_text {
            visible_octets(payload, PREVIEW_CHARS)
        } else {
            visible(&hex(&payload[..payload.len().min(PREVIEW_CHARS)]), PREVIEW_CHARS)
        }
    }
}

/// Where messages of one topic lie: for each of some, its place among the topic's messages and its number.
#[derive(Default)]
pub(super) struct Marks {
    topic: Option<u32>,
    places: Vec<(u64, u64)>,
}

/// A name in at most that many characters, safe to show.
pub(super) fn shown(name: &[u8], max_chars: usize) -> Arc<str> {
    visible_octets(name, max_chars).into()
}

impl Store {
    /// A page of the topic tree as it is unfolded, as of that time.
    pub fn tree(&mut self, spec: &TreeSpec, now_micros: u64, preview: &impl Preview) -> TreePage {
        let now = self.settle_at(now_micros);
        let (rows, problem) = self.tree.rows(spec.sort, &spec.search, now, &self.topics);
        let total = rows.len();
        let first = spec.first.min(total);
        let nodes = rows[first..total.min(first.saturating_add(spec.count.min(MAX_ROWS)))].to_vec();
        let rows = nodes.into_iter().filter_map(|node| self.tree_row(node, now, preview)).collect();
        TreePage { total, first, rows, problem }
    }

    fn tree_row(&self, id: u32, now: super::Now, preview: &impl Preview) -> Option<TreeRow> {
        let node = self.tree.node(id)?;
        let sums = self.tree.sums(id);
        let topic = Some(node.topic).filter(|topic| *topic != NONE);
        let totals = topic.and_then(|topic| self.topics.get(topic)).filter(|totals| totals.messages > 0);
        #[expect(clippy::cast_possible_truncation, reason = "a rate needs no more digits")]
        let rate = sums.seconds.rate(now.second(), now.began) as f32;
        Some(TreeRow {
            node: NodeId(id),
            topic: topic.filter(|_| totals.is_some()).map(TopicId),
            depth: node.depth,
            name: shown(self.tree.name(id, &self.topics), NAME_CHARS),
            has_children: self.tree.has_children(id),
            is_expanded: self.tree.is_expanded(id),
            topics: u64::from(sums.topics),
            messages: sums.messages,
            bytes: sums.bytes,
            rate,
            last: totals.and_then(|totals| self.newest_line(totals.last, preview)),
            silent_for: now.since(sums.last_micros),
            usual: topic.and_then(|topic| self.rhythm(TopicId(topic))).map(|rhythm| rhythm.usual),
            silence: None,
            is_retained: totals.is_some_and(|totals| totals.is_retained),
        })
    }

    fn newest_line(&self, id: u64, preview: &impl Preview) -> Option<Arc<str>> {
        if let Some(message) = self.message(MessageId(id)) {
            return Some(preview.one_line(message.topic, message.payload, message.mono_micros).into());
        }
        // Only its beginning is left: it is shown as such, never as the whole.
        let kept: &Kept = self.kept.get(&id)?;
        let line = PlainPreview.one_line(self.topics.name(kept.topic), &kept.payload, kept.mono_micros);
        Some(if line.ends_with('…') { line.into() } else { format!("{line}…").into() })
    }

    /// Opens everything above a topic; returns its row in the tree.
    pub fn reveal(&mut self, topic: TopicId, spec: &TreeSpec, now_micros: u64) -> Option<usize> {
        let now = self.settle_at(now_micros);
        let node = self.topics.get(topic.0)?.node;
        self.tree.rows(spec.sort, &spec.search, now, &self.topics);
        self.tree.open_way(node);
        let (rows, _) = self.tree.rows(spec.sort, &spec.search, now, &self.topics);
        rows.iter().position(|row| *row == node)
    }

    /// The row of a message.
    pub fn row(&self, message: &Message<'_>, preview: &impl Preview) -> MessageRow {
        MessageRow {
            id: message.id,
            topic_id: message.topic_id,
            topic: shown(message.topic, NAME_CHARS),
            unix_micros: message.unix_micros,
            bytes: message.payload.len() as u64,
            qos: message.qos,
            is_retained: message.is_retained,
            is_duplicate: message.is_duplicate,
            preview: preview.one_line(message.topic, message.payload, message.mono_micros).into(),
            columns: Vec::new(),
        }
    }

    /// The rows of these messages, without those that are not held any more.
    pub fn rows(&self, ids: impl IntoIterator<Item = MessageId>, preview: &impl Preview) -> Vec<MessageRow> {
        ids.into_iter().filter_map(|id| self.message(id)).map(|message| self.row(&message, preview)).collect()
    }

    /// A page of a topic's messages, the newest first.
    pub fn history_page(&mut self, spec: &HistorySpec, preview: &impl Preview) -> HistoryPage {
        let Some(topic) = self.topic(spec.topic) else { return HistoryPage::default() };
        let (name, received, held) = (topic.shown(), topic.messages, topic.held);
        let oldest = received - held;
        // Places count the topic's messages from the first one ever.
        let newest = match spec.until {
            None => received.checked_sub(1).filter(|_| held > 0),
            Some(until) => self.place_at(spec.topic.0, until.0),
        };
        let total = newest.map_or(0, |newest| newest + 1 - oldest);
        let newer = received - newest.map_or(received - held, |newest| newest + 1);
        let first = spec.first.min(usize::try_from(total).unwrap_or(usize::MAX));
        let start = newest.and_then(|newest| newest.checked_sub(first as u64)).filter(|place| *place >= oldest);
        let mut next = start.and_then(|place| self.message_at(spec.topic.0, place)).map(MessageId);
        let mut rows = Vec::new();
        while rows.len() < spec.count.min(MAX_ROWS)
            && let Some(message) = next.and_then(|id| self.message(id))
        {
            rows.push(self.row(&message, preview));
            next = self.previous(message.id);
        }
        let total = usize::try_from(total).unwrap_or(usize::MAX);
        let usual = self.rhythm(spec.topic).map(|rhythm| rhythm.usual);
        HistoryPage { topic: name, total, received, first, rows, newer, usual, silence: None }
    }

    /// The message of a topic at that place.
    fn message_at(&mut self, topic: u32, place: u64) -> Option<u64> {
        self.walk(topic, |at, _| at <= place).filter(|(at, _)| *at == place).map(|(_, id)| id)
    }

    /// The place of a topic's newest message that is that one or came before it.
    fn place_at(&mut self, topic: u32, until: u64) -> Option<u64> {
        self.walk(topic, |_, id| id <= until).map(|(at, _)| at)
    }

    /// Goes back through a topic's messages until one is right; begins at the nearest place that is known.
    fn walk(&mut self, topic: u32, is_right: impl Fn(u64, u64) -> bool) -> Option<(u64, u64)> {
        let totals = self.topics.get(topic)?;
        let newest = (totals.messages.checked_sub(1)?, totals.last);
        if self.marks.topic != Some(topic) {
            self.marks = Marks { topic: Some(topic), places: Vec::new() };
        }
        // The last one before the first that is right; a newer one may be right already if none is before.
        let known = self.marks.places.partition_point(|(at, id)| is_right(*at, *id));
        let (mut at, mut id) = self.marks.places.get(known).copied().unwrap_or(newest);
        while !is_right(at, id) {
            id = self.log.previous(id)?;
            at -= 1;
            if at % MARK_EVERY == 0
                && let Err(gap) = self.marks.places.binary_search(&(at, id))
            {
                self.marks.places.insert(gap, (at, id));
            }
        }
        Some((at, id))
    }
}
