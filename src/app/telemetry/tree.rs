//! The topic tree: which rows are in sight, which one is chosen, and the order that holds while the pointer is over it.
//!
//! Rows above and under the pointer stay where they are: a page that would move them is taken in by its values only,
//! until the pointer leaves or the user asks for something else.

use std::time::{Duration, Instant};

use crate::msg::telemetry::TelemetryCommand;
use crate::telemetry::view::{NodeId, TopicId, TreePage, TreeRow, TreeSort, TreeSpec};

/// Rows asked for above and below those in sight.
const OVERSCAN: usize = 48;
/// First rows are asked for in steps, so that slow scrolling does not ask at every row.
const STEP: usize = 16;
/// How long after an act of the user pages are taken in as they come.
const FREE_FOR: Duration = Duration::from_millis(800);

/// What the user did in the tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TreeAction {
    /// Other rows are in sight: the first, and how many.
    Scrolled {
        /// The first row in sight.
        first: usize,
        /// How many.
        count: usize,
    },
    /// Chose a row.
    Selected(Selected),
    /// Opened or closed a node.
    Expanded {
        /// The node.
        node: NodeId,
        /// Whether it is open from now on.
        is_expanded: bool,
    },
    /// Opened or closed all of them.
    ExpandedAll(bool),
    /// Sorted the levels.
    SortedBy(TreeSort),
    /// The text of the search changed.
    Searched,
    /// Wants to see where a topic is.
    Revealed(TopicId),
    /// Went to a row by its place: it is chosen as soon as it is here.
    WentTo(usize),
}

/// A chosen row, by what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    /// Its node.
    pub node: NodeId,
    /// The topic that ends there, if one does.
    pub topic: Option<TopicId>,
}

/// The view model of the tree.
#[derive(Debug, Default)]
pub struct Tree {
    /// The text or filter searched for; edited in place.
    pub search: String,
    /// The row under the pointer; told by the window.
    pub hovered: Option<usize>,
    sort: TreeSort,
    sight: (usize, usize),
    selected: Option<Selected>,
    page: TreePage,
    is_held: bool,
    free_until: Option<Instant>,
    scroll_to: Option<usize>,
    /// A topic that is to be chosen as soon as its row is here.
    wanted: Option<TopicId>,
    /// A place whose row is to be chosen as soon as it is here.
    wanted_place: Option<usize>,
}

impl Tree {
    /// In which order siblings stand.
    pub const fn sort(&self) -> TreeSort {
        self.sort
    }

    /// What is chosen.
    pub const fn selected(&self) -> Option<Selected> {
        self.selected
    }

    /// What is drawn.
    pub const fn page(&self) -> &TreePage {
        &self.page
    }

    /// Whether the order is older than the numbers, because the pointer is over it.
    pub const fn is_held(&self) -> bool {
        self.is_held
    }

    /// The row at that place, if it is here.
    pub fn row(&self, place: usize) -> Option<&TreeRow> {
        self.page.rows.get(place.checked_sub(self.page.first)?)
    }

    /// Where the chosen row is, if it is here.
    pub fn selected_place(&self) -> Option<usize> {
        let chosen = self.selected?;
        let at = self.page.rows.iter().position(|row| row.node == chosen.node)?;
        Some(self.page.first + at)
    }

    /// The first row in sight, and how many are.
    pub const fn sight(&self) -> (usize, usize) {
        self.sight
    }

    /// A row that is to be brought into sight, once.
    pub const fn take_scroll(&mut self) -> Option<usize> {
        self.scroll_to.take()
    }

    /// What is asked for.
    pub fn spec(&self) -> TreeSpec {
        let (first, count) = self.sight;
        let first = first.saturating_sub(OVERSCAN) / STEP * STEP;
        TreeSpec { first, count: count.max(32) + 2 * OVERSCAN + STEP, sort: self.sort, search: self.search.clone() }
    }

    pub(super) fn act(&mut self, action: TreeAction, now: Instant) -> Vec<TelemetryCommand> {
        match action {
            TreeAction::Scrolled { first, count } => {
                self.sight = (first, count);
                Vec::new()
            }
            TreeAction::Selected(selected) => {
                self.selected = Some(selected);
                Vec::new()
            }
            TreeAction::Expanded { node, is_expanded } => {
                self.free(now);
                vec![TelemetryCommand::Expand { node, is_expanded }]
            }
            TreeAction::ExpandedAll(is_expanded) => {
                self.free(now);
                vec![TelemetryCommand::ExpandAll(is_expanded)]
            }
            TreeAction::SortedBy(sort) => {
                self.sort = sort;
                self.free(now);
                Vec::new()
            }
            TreeAction::Searched => {
                self.free(now);
                self.scroll_to = Some(0);
                Vec::new()
            }
            TreeAction::WentTo(place) => {
                self.free(now);
                self.scroll_to = Some(place);
                self.wanted_place = Some(place);
                self.choose_wanted();
                Vec::new()
            }
            TreeAction::Revealed(topic) => {
                self.free(now);
                vec![TelemetryCommand::Reveal(topic)]
            }
        }
    }

    fn free(&mut self, now: Instant) {
        self.free_until = Some(now + FREE_FOR);
        self.is_held = false;
    }

    /// The row at which a topic stands.
    pub(super) const fn revealed(&mut self, topic: TopicId, row: usize) {
        self.scroll_to = Some(row);
        self.wanted = Some(topic);
    }

    pub(super) fn forget(&mut self) {
        let (search, sort, sight) = (std::mem::take(&mut self.search), self.sort, self.sight);
        *self = Self { search, sort, sight, ..Self::default() };
    }

    /// Takes a page in. One that would move what stands at or above the pointer brings its numbers only.
    pub(super) fn take_in(&mut self, page: &TreePage, now: Instant) {
        let is_free = self.free_until.is_some_and(|until| now < until);
        self.is_held = !is_free && self.would_move(page);
        if self.is_held {
            self.take_values(page);
        } else {
            self.page = page.clone();
        }
        self.choose_wanted();
        let row = self.wanted.and_then(|topic| self.page.rows.iter().find(|row| row.topic == Some(topic)));
        if let Some(row) = row {
            self.selected = Some(Selected { node: row.node, topic: row.topic });
            self.wanted = None;
        }
    }

    fn choose_wanted(&mut self) {
        if let Some(row) = self.wanted_place.and_then(|place| self.row(place)) {
            self.selected = Some(Selected { node: row.node, topic: row.topic });
            self.wanted_place = None;
        }
    }

    fn would_move(&self, page: &TreePage) -> bool {
        let Some(hovered) = self.hovered else { return false };
        if page.first != self.page.first {
            // Other rows were asked for.
            return false;
        }
        let top = self.sight.0.saturating_sub(self.page.first);
        let Some(until) = hovered.checked_sub(self.page.first) else { return false };
        let old = self.page.rows.get(top..=until);
        let new = page.rows.get(top..=until);
        match (old, new) {
            (Some(old), Some(new)) => old.iter().zip(new).any(|(old, new)| old.node != new.node),
            (Some(_), None) => true,
            (None, _) => false,
        }
    }

    fn take_values(&mut self, page: &TreePage) {
        for row in &mut self.page.rows {
            let Some(new) = page.rows.iter().find(|new| new.node == row.node) else { continue };
            *row = new.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn row(node: u32, messages: u64) -> TreeRow {
        TreeRow {
            node: NodeId(node),
            topic: Some(TopicId(node)),
            depth: 0,
            name: Arc::from(format!("t{node}")),
            has_children: false,
            is_expanded: false,
            topics: 1,
            messages,
            bytes: 0,
            rate: 0.0,
            last: None,
            silent_for: Duration::ZERO,
            usual: None,
            silence: None,
            is_retained: false,
        }
    }

    fn page(rows: &[(u32, u64)]) -> TreePage {
        let rows: Vec<_> = rows.iter().map(|(node, messages)| row(*node, *messages)).collect();
        TreePage { total: rows.len(), first: 0, rows, problem: None }
    }

    fn nodes(tree: &Tree) -> Vec<(u32, u64)> {
        tree.page().rows.iter().map(|row| (row.node.0, row.messages)).collect()
    }

    #[test]
    fn rows_do_not_move_under_the_pointer_and_their_numbers_do() {
        let now = Instant::now();
        let mut tree = Tree::default();
        tree.act(TreeAction::Scrolled { first: 0, count: 10 }, now);
        tree.take_in(&page(&[(1, 10), (2, 5)]), now);
        tree.hovered = Some(1);
        tree.take_in(&page(&[(2, 20), (1, 11)]), now);
        assert_eq!((nodes(&tree), tree.is_held()), (vec![(1, 11), (2, 20)], true));
        tree.hovered = None;
        tree.take_in(&page(&[(2, 21), (1, 11)]), now);
        assert_eq!((nodes(&tree), tree.is_held()), (vec![(2, 21), (1, 11)], false));
    }

    #[test]
    fn what_comes_below_the_pointer_is_taken_in() {
        let now = Instant::now();
        let mut tree = Tree::default();
        tree.take_in(&page(&[(1, 1)]), now);
        tree.hovered = Some(0);
        tree.take_in(&page(&[(1, 1), (2, 1)]), now);
        assert_eq!(nodes(&tree).len(), 2);
        tree.take_in(&page(&[(3, 1), (1, 1), (2, 1)]), now);
        assert_eq!(nodes(&tree), [(1, 1), (2, 1)], "above it nothing is");
    }

    #[test]
    fn an_empty_tree_fills_up_under_the_pointer() {
        let now = Instant::now();
        let mut tree = Tree { hovered: Some(3), ..Tree::default() };
        tree.take_in(&page(&[(1, 1)]), now);
        assert_eq!(nodes(&tree), [(1, 1)]);
    }

    #[test]
    fn what_the_user_asks_for_is_shown_at_once() {
        let now = Instant::now();
        let mut tree = Tree::default();
        tree.take_in(&page(&[(1, 1), (2, 1)]), now);
        tree.hovered = Some(1);
        let sent = tree.act(TreeAction::Expanded { node: NodeId(1), is_expanded: true }, now);
        assert!(matches!(sent.as_slice(), [TelemetryCommand::Expand { node: NodeId(1), is_expanded: true }]));
        tree.take_in(&page(&[(1, 1), (7, 1), (2, 1)]), now);
        assert_eq!(nodes(&tree).len(), 3);
        tree.take_in(&page(&[(2, 1), (7, 1), (1, 1)]), now + FREE_FOR);
        assert_eq!(nodes(&tree)[0].0, 1, "then the order holds again");
    }

    #[test]
    fn slow_scrolling_does_not_ask_at_every_row() {
        let now = Instant::now();
        let mut tree = Tree::default();
        tree.act(TreeAction::Scrolled { first: 1000, count: 20 }, now);
        let before = tree.spec();
        tree.act(TreeAction::Scrolled { first: 1001, count: 20 }, now);
        assert_eq!(tree.spec(), before);
        assert!(before.first <= 1000 && before.first + before.count >= 1020 + OVERSCAN);
    }
}
