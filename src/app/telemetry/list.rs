//! The list of messages in the order of arrival: it follows the newest, or stands still and counts what came since.

use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::{Explain as _, Problem};
use crate::msg::telemetry::TelemetryCommand;
use crate::telemetry::view::{Anchor, ListPage, ListSpec, MessageId, MessageRow, Query, TopicId};

/// Rows asked for beside those in sight.
const OVERSCAN: usize = 32;
/// First rows are asked for in steps, so that slow scrolling does not ask at every row.
const STEP: usize = 16;
/// Columns at most.
const MAX_COLUMNS: usize = 8;

/// What the user did in the list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ListAction {
    /// Other rows are in sight: the first, and how many. While the list follows the newest only the number counts.
    Scrolled {
        /// The first row in sight.
        first: usize,
        /// How many.
        count: usize,
    },
    /// Lets the list stand still.
    Paused,
    /// Follows the newest again.
    Followed,
    /// Chose a message.
    Selected(Picked),
    /// What is searched for changed.
    Queried,
    /// Shows the result of the typed expression as a column.
    AddedColumn,
    /// Takes a column away.
    RemovedColumn(usize),
}

/// A message that was picked from a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Picked {
    /// The message.
    pub id: MessageId,
    /// Its topic.
    pub topic: TopicId,
}

/// The view model of the list.
#[derive(Debug)]
pub struct List {
    /// The topic filter being typed; edited in place.
    pub filter: String,
    /// The text searched for; edited in place.
    pub text: String,
    /// Whether it is a regular expression; edited in place.
    pub is_regex: bool,
    /// The jq expression being typed; edited in place.
    pub jq: String,
    /// The expression of a new column; edited in place.
    pub new_column: String,
    columns: Vec<String>,
    query: Query,
    filter_problem: Option<Problem>,
    anchor: Anchor,
    sight: usize,
    selected: Option<MessageId>,
    page: ListPage,
}

impl Default for List {
    fn default() -> Self {
        Self {
            filter: String::new(),
            text: String::new(),
            is_regex: false,
            jq: String::new(),
            new_column: String::new(),
            columns: Vec::new(),
            query: Query::default(),
            filter_problem: None,
            anchor: Anchor::Newest,
            sight: 0,
            selected: None,
            page: ListPage::default(),
        }
    }
}

impl List {
    /// What is drawn.
    pub const fn page(&self) -> &ListPage {
        &self.page
    }

    /// The message at that row, if it is here.
    pub fn row(&self, place: usize) -> Option<&MessageRow> {
        self.page.rows.get(place.checked_sub(self.page.first)?)
    }

    /// The chosen message.
    pub const fn selected(&self) -> Option<MessageId> {
        self.selected
    }

    /// Where the chosen message is, if it is here.
    pub fn selected_place(&self) -> Option<usize> {
        let chosen = self.selected?;
        let at = self.page.rows.iter().position(|row| row.id == chosen)?;
        Some(self.page.first + at)
    }

    /// The first row in sight, and how many are.
    pub const fn sight(&self) -> (usize, usize) {
        match self.anchor {
            Anchor::At { first, .. } => (first, self.sight),
            Anchor::Newest => (0, self.sight),
        }
    }

    /// Whether it follows the newest.
    pub const fn is_following(&self) -> bool {
        matches!(self.anchor, Anchor::Newest)
    }

    /// The columns shown.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// What is searched for.
    pub const fn query(&self) -> &Query {
        &self.query
    }

    /// Why the typed topic filter is none.
    pub const fn filter_problem(&self) -> Option<&Problem> {
        self.filter_problem.as_ref()
    }

    /// What is asked for.
    pub fn spec(&self) -> ListSpec {
        let count = self.sight.max(32) + 2 * OVERSCAN + STEP;
        let anchor = match self.anchor {
            Anchor::Newest => Anchor::Newest,
            Anchor::At { first, until } => Anchor::At { first: first.saturating_sub(OVERSCAN) / STEP * STEP, until },
        };
        ListSpec { query: self.query.clone(), anchor, count, columns: self.columns.clone() }
    }

    pub(super) fn act(&mut self, action: ListAction) -> Vec<TelemetryCommand> {
        match action {
            ListAction::Scrolled { first, count } => {
                self.sight = count;
                if let Anchor::At { first: place, .. } = &mut self.anchor {
                    *place = first;
                }
            }
            ListAction::Paused => self.pause(),
            ListAction::Followed => self.anchor = Anchor::Newest,
            ListAction::Selected(picked) => {
                self.selected = Some(picked.id);
                // What is looked at must not run away.
                self.pause();
            }
            ListAction::Queried => self.ask_anew(),
            ListAction::AddedColumn => {
                let column = self.new_column.trim();
                if !column.is_empty() && self.columns.len() < MAX_COLUMNS && !self.columns.iter().any(|c| c == column) {
                    self.columns.push(column.to_owned());
                    self.new_column.clear();
                }
            }
            ListAction::RemovedColumn(place) => {
                if place < self.columns.len() {
                    self.columns.remove(place);
                }
            }
        }
        Vec::new()
    }

    /// Stands still at what is in sight. Nothing is lost: what comes is counted, and is there when it goes on.
    fn pause(&mut self) {
        if let (Anchor::Newest, Some(until)) = (self.anchor, self.page.newest) {
            self.anchor = Anchor::At { first: self.page.total.saturating_sub(self.sight.max(1)), until };
        }
    }

    fn ask_anew(&mut self) {
        let filter = match self.filter.trim() {
            "" => Ok(None),
            text => text.parse::<TopicFilter>().map(Some),
        };
        match filter {
            Ok(filter) => {
                self.filter_problem = None;
                let text = if self.is_regex { self.text.clone() } else { self.text.trim().to_owned() };
                self.query =
                    Query { filter, is_regex: self.is_regex && !text.is_empty(), text, jq: self.jq.trim().to_owned() };
            }
            Err(error) => self.filter_problem = Some(error.explain()),
        }
        // Rows count anew.
        self.anchor = Anchor::Newest;
    }

    pub(super) fn take_in(&mut self, page: &ListPage) {
        if let Anchor::At { until, .. } = self.anchor {
            // A page that was on its way when the list was paused would move what is looked at.
            if page.rows.last().is_some_and(|row| row.id > until) {
                self.page.newest = page.newest;
                return;
            }
        }
        self.page = page.clone();
    }

    pub(super) fn forget(&mut self) {
        self.anchor = Anchor::Newest;
        self.selected = None;
        self.page = ListPage::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(total: usize, newest: u64) -> ListPage {
        ListPage { total, newest: Some(MessageId(newest)), ..ListPage::default() }
    }

    #[test]
    fn a_pause_stands_at_what_is_in_sight_and_following_leaves_it() {
        let mut list = List::default();
        list.act(ListAction::Scrolled { first: 0, count: 20 });
        list.take_in(&page(1000, 1999));
        list.act(ListAction::Paused);
        assert!(!list.is_following());
        let Anchor::At { first, until } = list.spec().anchor else { panic!("it stands still") };
        assert_eq!(until, MessageId(1999));
        assert!(first <= 980 && first + list.spec().count >= 1000);
        list.take_in(&ListPage { newer: 7, ..page(1000, 2006) });
        list.act(ListAction::Paused);
        assert_eq!(list.spec().anchor, Anchor::At { first, until }, "a second pause changes nothing");
        list.act(ListAction::Followed);
        assert_eq!(list.spec().anchor, Anchor::Newest);
    }

    #[test]
    fn nothing_can_be_paused_before_there_is_a_message() {
        let mut list = List::default();
        list.act(ListAction::Paused);
        assert!(list.is_following());
    }

    #[test]
    fn a_filter_that_is_none_is_told_and_the_last_good_one_holds() {
        let mut list = List { filter: "site/+/t".into(), jq: " .t > 20 ".into(), ..List::default() };
        list.act(ListAction::Queried);
        assert_eq!(list.query().filter.as_ref().map(TopicFilter::as_str), Some("site/+/t"));
        assert_eq!(list.query().jq, ".t > 20");
        list.filter = "site/#/t".into();
        list.act(ListAction::Queried);
        assert!(list.filter_problem().is_some());
        assert_eq!(list.query().filter.as_ref().map(TopicFilter::as_str), Some("site/+/t"));
        list.filter.clear();
        list.act(ListAction::Queried);
        assert!(list.filter_problem().is_none() && list.query().filter.is_none());
    }

    #[test]
    fn columns_are_added_once_and_bounded() {
        let mut list = List::default();
        for number in 0..20 {
            list.new_column = format!(".c{}", number / 2);
            list.act(ListAction::AddedColumn);
        }
        assert_eq!(list.columns().len(), MAX_COLUMNS);
        list.act(ListAction::RemovedColumn(0));
        list.act(ListAction::RemovedColumn(99));
        assert_eq!(list.columns().first().map(String::as_str), Some(".c1"));
    }
}
