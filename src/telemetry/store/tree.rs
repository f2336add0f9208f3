//! The topic tree: levels, what is counted at and below each, and the rows of what is unfolded.
//!
//! Sums are brought up to date topic by topic when somebody looks, or once a second: a message itself touches none of them.
//! Rows are a list of nodes that is made anew only when a person changes something, when topics came, or when the order by
//! a number has aged; a long list a piece at a time, so that no single page waits for it.

use std::time::Duration;

use rustc_hash::FxHashSet;

use super::order;
use super::table::Table;
use super::topics::{NONE, Topics};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::{Explain, Problem};
use crate::telemetry::view::TreeSort;

/// Levels that are nodes of their own. What is below the last one is one node, so that a topic of slashes costs no more.
pub(super) const MAX_LEVELS: usize = 128;
/// Seconds over which rates are taken.
const RATE_SECONDS: u64 = 5;
/// While a tree has fewer nodes than this, those that come are open: a newcomer sees values at once.
const OPEN_AT_FIRST: usize = 64;
/// Those, and the one that is being counted in.
const SLOTS: usize = 6;
/// Rows that are put in order within one page.
const ROWS_A_PAGE: usize = 4096;
/// How long an order by a number lasts, and how much longer for each row.
const ORDER_MICROS: u64 = 1_000_000;
const ORDER_MICROS_A_ROW: u64 = 20;

/// The node above the first levels. It has no row.
pub(super) const ROOT: u32 = 0;

/// Messages in each of the last seconds.
#[derive(Clone, Copy, Default)]
pub(super) struct Seconds<T> {
    newest: u64,
    ring: [T; SLOTS],
}

impl<T: Copy + Default + Into<u64> + std::ops::AddAssign> Seconds<T> {
    pub(super) fn add(&mut self, second: u64, count: T) {
        if second > self.newest {
            let passed = (second - self.newest).min(self.ring.len() as u64);
            for empty in second + 1 - passed..=second {
                self.ring[Self::slot(empty)] = T::default();
            }
            self.newest = second;
        }
        self.ring[Self::slot(self.newest)] += count;
    }

    /// How many a second, over the last full seconds of those since `began`; in the first second, what came so far.
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
    pub(super) fn rate(&self, second: u64, began: u64) -> f64 {
        let full = second.saturating_sub(began).min(RATE_SECONDS);
        if full == 0 {
            return self.sum(second, second) as f64;
        }
        self.sum(second - full, second - 1) as f64 / full as f64
    }

    fn sum(&self, first: u64, last: u64) -> u64 {
        let oldest = self.newest.saturating_sub(RATE_SECONDS);
        (first.max(oldest)..=last.min(self.newest)).map(|second| self.ring[Self::slot(second)].into()).sum()
    }

    fn slot(second: u64) -> usize {
        usize::try_from(second % SLOTS as u64).unwrap_or(0)
    }
}

/// What is counted at and below a node.
#[derive(Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    /// When the newest message came.
    pub(super) last_micros: u64,
    /// Topics that have had a message.
    pub(super) topics: u32,
    pub(super) seconds: Seconds<u32>,
}

/// A level of a topic.
pub(super) struct Node {
    pub(super) parent: u32,
    /// The topic that ends here.
    pub(super) topic: u32,
    /// Where the topic that made it begins among the names, and where its level does.
    path_start: u32,
    name_start: u32,
    name_bytes: u16,
    pub(super) depth: u16,
    pub(super) children: Vec<u32>,
    /// How many of the children stand in the order of their names already: the first ones.
    ordered: u32,
    is_expanded: bool,
}

/// The topic tree.
pub(super) struct Tree {
    nodes: Vec<Node>,
    sums: Vec<Sums>,
    table: Table,
    children_bytes: usize,
    /// Whether nodes that come are open, once a person opened or closed all of them.
    expands_new: Option<bool>,
    /// How often a node or topic was added.
    changes: u64,
    rows: Rows,
    search: Option<Search>,
}

/// The rows as they are unfolded.
struct Rows {
    nodes: Vec<u32>,
    sort: TreeSort,
    /// Whether the list is of no use any more.
    is_stale: bool,
    /// The changes it contains.
    changes: u64,
    /// When it was put in order.
    at_micros: u64,
    next: Option<Walk>,
}

/// A list of rows that is being made.
struct Walk {
    nodes: Vec<u32>,
    changes: u64,
    stack: Vec<Frame>,
}

/// A node whose children are being walked through.
struct Frame {
    node: u32,
    next: usize,
    /// The children in order, where that is not the order of their names.
    sorted: Option<Vec<u32>>,
}

/// What is shown of the tree while somebody searches.
struct Search {
    text: String,
    needle: Result<Needle, Problem>,
    /// Topics looked at.
    looked_at: u32,
    /// Nodes that are found topics, or above one.
    shown: Vec<bool>,
    /// Nodes that were closed since the search began: it opens all of them.
    closed: FxHashSet<u32>,
}

enum Needle {
    Filter(TopicFilter),
    Text(order::Text),
}

impl Tree {
    pub(super) fn new() -> Self {
        let root = Node {
            parent: NONE,
            topic: NONE,
            path_start: 0,
            name_start: 0,
            name_bytes: 0,
            depth: 0,
            children: Vec::new(),
            ordered: 0,
            is_expanded: true,
        };
        Self {
            nodes: vec![root],
            sums: vec![Sums::default()],
            table: Table::new(),
            children_bytes: 0,
            expands_new: None,
            changes: 0,
            rows: Rows {
                nodes: Vec::new(),
                sort: TreeSort::Name,
                is_stale: true,
                changes: 0,
                at_micros: 0,
                next: None,
            },
            search: None,
        }
    }

    pub(super) fn node(&self, node: u32) -> Option<&Node> {
        self.nodes.get(node as usize).filter(|_| node != ROOT)
    }

    pub(super) fn sums(&self, node: u32) -> &Sums {
        &self.sums[node as usize]
    }

    /// How many nodes there are, with the one above all.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The last level of a node's topic.
    pub(super) fn name<'a>(&self, node: u32, topics: &'a Topics) -> &'a [u8] {
        let node = &self.nodes[node as usize];
        topics.piece(node.name_start, node.name_bytes)
    }

    /// The levels that lead to a node, and its own.
    pub(super) fn path<'a>(&self, node: u32, topics: &'a Topics) -> &'a [u8] {
        let node = &self.nodes[node as usize];
        topics.span(node.path_start, node.name_start as usize + usize::from(node.name_bytes))
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        let walk = self.rows.next.as_ref().map_or(0, |walk| walk.nodes.capacity());
        self.nodes.capacity() * size_of::<Node>()
            + self.sums.capacity() * size_of::<Sums>()
            + self.table.memory()
            + self.children_bytes
            + (self.rows.nodes.capacity() + walk) * size_of::<u32>()
            + self.search.as_ref().map_or(0, |search| search.shown.capacity())
    }
}

impl Tree {
    /// Adds the levels of a topic that are not there yet; returns the last one.
    pub(super) fn add(&mut self, topic: u32, topics: &Topics) -> u32 {
        let name = topics.name(topic);
        let path_start = topics.name_start(topic);
        let (mut node, mut start) = (ROOT, 0);
        for depth in 0.. {
            let rest = &name[start..];
            let is_deepest = depth + 1 >= MAX_LEVELS;
            let end = memchr::memchr(b'/', rest).filter(|_| !is_deepest);
            let level = &rest[..end.unwrap_or(rest.len())];
            node = self.child(node, level, path_start, start, topics);
            let Some(end) = end else { break };
            start += end + 1;
        }
        if self.nodes[node as usize].topic == NONE {
            self.nodes[node as usize].topic = topic;
        }
        node
    }

    /// Adds a node of the first level that no topic can have: what its name is does not matter.
    pub(super) fn add_apart(&mut self, topic: u32, topics: &Topics) -> u32 {
        let name = topics.name(topic);
        let start = topics.name_start(topic);
        let node = self.push(ROOT, start, start, u16::try_from(name.len()).unwrap_or(u16::MAX));
        self.nodes[node as usize].topic = topic;
        node
    }

    fn child(&mut self, parent: u32, level: &[u8], path_start: u32, start: usize, topics: &Topics) -> u32 {
        let hash = self.table.hash(parent + 1, level);
        let found = self.table.find(hash, |child| {
            let child = &self.nodes[child as usize];
            child.parent == parent && topics.piece(child.name_start, child.name_bytes) == level
        });
        if let Some(found) = found {
            return found;
        }
        // A topic has 65535 bytes at most, and all names together fit 32 bits.
        let name_start = path_start + u32::try_from(start).unwrap_or(0);
        let node = self.push(parent, path_start, name_start, u16::try_from(level.len()).unwrap_or(u16::MAX));
        self.table.insert(hash, node);
        node
    }

    fn push(&mut self, parent: u32, path_start: u32, name_start: u32, name_bytes: u16) -> u32 {
        let node = u32::try_from(self.nodes.len()).unwrap_or(NONE);
        let depth = if parent == ROOT { 0 } else { self.nodes[parent as usize].depth + 1 };
        self.nodes.push(Node {
            parent,
            topic: NONE,
            path_start,
            name_start,
            name_bytes,
            depth,
            children: Vec::new(),
            ordered: 0,
            is_expanded: self.expands_new.unwrap_or(self.nodes.len() < OPEN_AT_FIRST),
        });
        self.sums.push(Sums::default());
        let children = &mut self.nodes[parent as usize].children;
        let before = children.capacity();
        children.push(node);
        self.children_bytes += (children.capacity() - before) * size_of::<u32>();
        self.changes += 1;
        node
    }

    /// Counts a topic that has its first message.
    pub(super) fn appear(&mut self, node: u32) {
        self.changes += 1;
        self.each_up(node, |sums| sums.topics += 1);
    }

    /// Takes over what was counted of a topic since the last time.
    pub(super) fn settle(&mut self, node: u32, messages: u32, bytes: u64, last_micros: u64, second: u64) {
        self.each_up(node, |sums| {
            sums.messages += u64::from(messages);
            sums.bytes += bytes;
            sums.last_micros = sums.last_micros.max(last_micros);
            sums.seconds.add(second, messages);
        });
    }

    fn each_up(&mut self, mut node: u32, mut act: impl FnMut(&mut Sums)) {
        while node != NONE {
            act(&mut self.sums[node as usize]);
            node = self.nodes[node as usize].parent;
        }
    }

    /// Forgets what was counted. What is open stays open.
    pub(super) fn clear(&mut self) {
        self.sums.fill(Sums::default());
        self.rows.is_stale = true;
    }

    pub(super) fn is_expanded(&self, node: u32) -> bool {
        match &self.search {
            Some(search) => !search.closed.contains(&node),
            None => self.nodes[node as usize].is_expanded,
        }
    }

    /// Whether anything is shown below the node when it is open.
    pub(super) fn has_children(&self, node: u32) -> bool {
        self.nodes[node as usize].children.iter().any(|child| self.is_shown(*child))
    }

    pub(super) fn expand(&mut self, node: u32, is_expanded: bool) {
        let Some(known) = self.nodes.get_mut(node as usize).filter(|_| node != ROOT) else { return };
        match &mut self.search {
            Some(search) if is_expanded => _ = search.closed.remove(&node),
            Some(search) => _ = search.closed.insert(node),
            None => known.is_expanded = is_expanded,
        }
        self.rows.is_stale = true;
    }

    pub(super) fn expand_all(&mut self, is_expanded: bool) {
        match &mut self.search {
            Some(search) if is_expanded => search.closed.clear(),
            Some(search) => search.closed.extend((1u32..).zip(&self.nodes[1..]).map(|(node, _)| node)),
            None => {
                self.nodes[1..].iter_mut().for_each(|node| node.is_expanded = is_expanded);
                self.expands_new = Some(is_expanded);
            }
        }
        self.rows.is_stale = true;
    }

    /// Opens everything above a node.
    pub(super) fn open_way(&mut self, node: u32) {
        let mut above = self.nodes[node as usize].parent;
        while above != ROOT && above != NONE {
            self.expand(above, true);
            above = self.nodes[above as usize].parent;
        }
    }

    /// The rows as they are unfolded; why the search cannot be followed, if so.
    pub(super) fn rows(
        &mut self,
        sort: TreeSort,
        search: &str,
        now: Now,
        topics: &Topics,
    ) -> (&[u32], Option<Problem>) {
        self.follow_search(search, topics);
        if let Some(Search { needle: Err(problem), .. }) = &self.search {
            return (&[], Some(problem.clone()));
        }
        if self.rows.is_stale || self.rows.sort != sort {
            self.rows.sort = sort;
            self.rows.is_stale = false;
            self.begin_walk(now, topics);
            self.walk_on(usize::MAX, now, topics);
        } else if self.rows.next.is_some() {
            self.walk_on(ROWS_A_PAGE, now, topics);
        } else if self.rows.changes != self.changes || self.is_order_old(now) {
            self.begin_walk(now, topics);
            // A short list is made at once, a long one over the next pages.
            self.walk_on(ROWS_A_PAGE, now, topics);
        }
        (&self.rows.nodes, None)
    }

    fn is_order_old(&self, now: Now) -> bool {
        let lasts = ORDER_MICROS + ORDER_MICROS_A_ROW * self.rows.nodes.len() as u64;
        self.rows.sort != TreeSort::Name && now.micros >= self.rows.at_micros.saturating_add(lasts)
    }

    fn is_shown(&self, node: u32) -> bool {
        self.sums[node as usize].topics > 0
            && self.search.as_ref().is_none_or(|search| search.shown.get(node as usize).is_some_and(|shown| *shown))
    }

    fn begin_walk(&mut self, now: Now, topics: &Topics) {
        self.rows.at_micros = now.micros;
        let frame = self.frame(ROOT, now, topics);
        let nodes = Vec::with_capacity(self.rows.nodes.len());
        self.rows.next = Some(Walk { nodes, changes: self.changes, stack: vec![frame] });
    }

    /// Walks on for that many nodes, and shows the new rows once all are there.
    fn walk_on(&mut self, mut nodes: usize, now: Now, topics: &Topics) {
        let Some(mut walk) = self.rows.next.take() else { return };
        while let Some(frame) = walk.stack.last_mut() {
            if nodes == 0 {
                self.rows.next = Some(walk);
                return;
            }
            let children = frame.sorted.as_ref().unwrap_or(&self.nodes[frame.node as usize].children);
            let Some(child) = children.get(frame.next).copied() else {
                walk.stack.pop();
                continue;
            };
            frame.next += 1;
            nodes -= 1;
            if self.is_shown(child) {
                walk.nodes.push(child);
                if !self.nodes[child as usize].children.is_empty() && self.is_expanded(child) {
                    walk.stack.push(self.frame(child, now, topics));
                }
            }
        }
        self.rows.nodes = walk.nodes;
        self.rows.changes = walk.changes;
    }

    fn frame(&mut self, node: u32, now: Now, topics: &Topics) -> Frame {
        let sums = &self.sums;
        let key = |child: u32| {
            let sums = &sums[child as usize];
            match self.rows.sort {
                TreeSort::Name => 0,
                TreeSort::Messages => sums.messages,
                TreeSort::Bytes => sums.bytes,
                TreeSort::Recent => sums.last_micros,
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a rate is small and positive"
                )]
                TreeSort::Rate => (sums.seconds.rate(now.second(), now.began) * 1000.0) as u64,
            }
        };
        let sorted = (self.rows.sort != TreeSort::Name).then(|| {
            let children = self.nodes[node as usize].children.iter();
            let mut keyed: Vec<(u64, u32)> = children.map(|child| (u64::MAX - key(*child), *child)).collect();
            keyed.sort_unstable();
            keyed.into_iter().map(|(_, child)| child).collect()
        });
        if sorted.is_none() {
            self.order_names(node, topics);
        }
        Frame { node, next: 0, sorted }
    }

    /// Brings the children that came since the last time to their places.
    fn order_names(&mut self, node: u32, topics: &Topics) {
        let ordered = self.nodes[node as usize].ordered as usize;
        if ordered == self.nodes[node as usize].children.len() {
            return;
        }
        let mut children = std::mem::take(&mut self.nodes[node as usize].children);
        let name = |child: u32| self.name(child, topics);
        let mut came = children.split_off(ordered);
        came.sort_unstable_by(|a, b| order::natural(name(*a), name(*b)));
        let mut merged = Vec::with_capacity(children.len() + came.len());
        let mut old = children.as_slice();
        for child in came {
            let before = old.partition_point(|known| order::natural(name(*known), name(child)).is_lt());
            let (earlier, later) = old.split_at(before);
            merged.extend_from_slice(earlier);
            merged.push(child);
            old = later;
        }
        merged.extend_from_slice(old);
        self.children_bytes += merged.capacity() * size_of::<u32>();
        self.children_bytes -= children.capacity() * size_of::<u32>();
        let node = &mut self.nodes[node as usize];
        node.ordered = u32::try_from(merged.len()).unwrap_or(0);
        node.children = merged;
    }

    fn follow_search(&mut self, text: &str, topics: &Topics) {
        if self.search.as_ref().map_or("", |search| search.text.as_str()) != text {
            self.rows.is_stale = true;
            self.search = (!text.is_empty()).then(|| Search::new(text));
        }
        let Some(search) = &mut self.search else { return };
        let Ok(needle) = &search.needle else { return };
        search.shown.resize(self.nodes.len(), false);
        for topic in search.looked_at..topics.len() {
            if needle.is_in(topics.name(topic)) {
                let mut node = topics.of(topic).node;
                while node != NONE && !search.shown[node as usize] {
                    search.shown[node as usize] = true;
                    node = self.nodes[node as usize].parent;
                }
            }
        }
        search.looked_at = topics.len();
    }
}

/// What time it is, in microseconds of arrival, and in which second the first message came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) micros: u64,
    pub(super) began: u64,
}

impl Now {
    pub(super) fn second(self) -> u64 {
        self.micros / 1_000_000
    }

    pub(super) fn since(self, micros: u64) -> Duration {
        Duration::from_micros(self.micros.saturating_sub(micros))
    }
}

impl Search {
    fn new(text: &str) -> Self {
        let needle = if text.contains(['+', '#']) {
            text.parse().map(Needle::Filter).map_err(|error: crate::model::mqtt::topic::FilterError| error.explain())
        } else {
            Ok(Needle::Text(order::Text::new(text)))
        };
        Self { text: text.into(), needle, looked_at: 0, shown: Vec::new(), closed: FxHashSet::default() }
    }
}

impl Needle {
    fn is_in(&self, topic: &[u8]) -> bool {
        match self {
            Self::Filter(filter) => filter.matches_bytes(topic),
            Self::Text(text) => text.is_in(topic),
        }
    }
}
