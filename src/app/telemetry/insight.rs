//! Insight: who talks most and who fell silent over a window of time, and how regular the topics are.

use std::sync::Arc;
use std::time::Duration;

use super::seat::Seat;
use crate::model::mqtt::topic::{FilterError, TopicFilter};
use crate::model::problem::{Explain as _, Problem};
use crate::msg::Command;
use crate::telemetry::view::{QualityPage, QualitySpec, Snapshot, TalkersBy, TalkersPage, TalkersSpec, TopicId};

/// The windows offered, in seconds.
pub const WINDOWS: [u64; 4] = [10, 60, 600, 3600];
/// The depths offered: how many levels count as one talker; 0 for whole topics.
pub const DEPTHS: [u16; 5] = [0, 1, 2, 3, 4];
/// Talkers asked for, and as many silent ones.
const TALKERS: usize = 50;

/// What the user did on Insight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsightAction {
    /// Chose a part of the page.
    Showed(Part),
    /// Chose the window.
    ChoseWindow(Duration),
    /// Chose what talkers are ranked by.
    RankedBy(TalkersBy),
    /// Chose how many levels count as one talker.
    ChoseDepth(u16),
    /// Typed a filter for the quality.
    Filtered,
    /// Scrolled to these rows of the quality.
    Scrolled {
        /// The first row in sight.
        first: usize,
        /// How many are.
        count: usize,
    },
    /// Opened or closed the findings of a topic.
    Opened(TopicId),
}

/// A part of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// Who talks most, and who fell silent.
    #[default]
    Talkers,
    /// How regular the topics are.
    Quality,
}

/// The view model of Insight.
pub struct Insight {
    /// The filter of the quality being typed; edited in place, then [`InsightAction::Filtered`].
    pub filter: String,
    part: Part,
    talkers: TalkersSpec,
    quality: QualitySpec,
    mistake: Option<Problem>,
    loud: Option<Arc<TalkersPage>>,
    rows: Option<Arc<QualityPage>>,
    opened: Option<TopicId>,
}

impl Default for Insight {
    fn default() -> Self {
        Self {
            filter: String::new(),
            part: Part::default(),
            talkers: TalkersSpec { window: Duration::from_mins(1), by: TalkersBy::Messages, depth: 0, count: TALKERS },
            quality: QualitySpec { filter: None, first: 0, count: 40 },
            mistake: None,
            loud: None,
            rows: None,
            opened: None,
        }
    }
}

impl Insight {
    /// The part shown.
    pub const fn part(&self) -> Part {
        self.part
    }

    /// What talkers are asked for; nothing while another part is shown.
    pub fn talkers(&self) -> Option<TalkersSpec> {
        (self.part == Part::Talkers).then_some(self.talkers)
    }

    /// What quality is asked for; nothing while another part is shown.
    pub fn quality(&self) -> Option<QualitySpec> {
        (self.part == Part::Quality).then(|| self.quality.clone())
    }

    /// The window, ranking and depth chosen.
    pub const fn chosen(&self) -> &TalkersSpec {
        &self.talkers
    }

    /// The talkers as they were told last.
    pub fn talkers_page(&self) -> Option<&TalkersPage> {
        self.loud.as_deref()
    }

    /// The quality as it was told last.
    pub fn quality_page(&self) -> Option<&QualityPage> {
        self.rows.as_deref()
    }

    /// What is wrong with the filter typed.
    pub const fn mistake(&self) -> Option<&Problem> {
        self.mistake.as_ref()
    }

    /// The topic whose findings are open.
    pub const fn opened(&self) -> Option<TopicId> {
        self.opened
    }

    pub(super) fn act(&mut self, action: InsightAction, _seat: &mut Seat<'_, '_>) -> Vec<Command> {
        match action {
            InsightAction::Showed(part) => self.part = part,
            InsightAction::ChoseWindow(window) => self.talkers.window = window,
            InsightAction::RankedBy(by) => self.talkers.by = by,
            InsightAction::ChoseDepth(depth) => self.talkers.depth = depth,
            InsightAction::Filtered => self.filter(),
            InsightAction::Scrolled { first, count } => {
                self.quality.first = first;
                self.quality.count = count;
            }
            InsightAction::Opened(topic) => {
                self.opened = if self.opened == Some(topic) { None } else { Some(topic) };
            }
        }
        Vec::new()
    }

    pub(super) fn saw(&mut self, snapshot: &Snapshot) {
        if let Some(page) = &snapshot.talkers {
            self.loud = Some(page.clone());
        }
        if let Some(page) = &snapshot.quality {
            self.rows = Some(page.clone());
        }
    }

    /// What was received is gone.
    pub(super) fn forget(&mut self) {
        self.loud = None;
        self.rows = None;
        self.opened = None;
        self.quality.first = 0;
    }

    /// A filter, or a plain text that any part of a topic may be.
    fn filter(&mut self) {
        self.mistake = None;
        match self.filter.trim() {
            "" => self.quality.filter = None,
            text => match text.parse::<TopicFilter>() {
                Ok(filter) => self.quality.filter = Some(filter),
                // While it is being typed the filter before it stays.
                Err(error @ (FilterError::HashNotLast { .. } | FilterError::PlusNotAlone { .. })) => {
                    self.mistake = Some(error.explain());
                    return;
                }
                Err(error) => self.mistake = Some(error.explain()),
            },
        }
        self.quality.first = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::app::Desk;
    use crate::app::jobs::Jobs;
    use crate::app::settings::SettingsView;
    use crate::app::toasts::Toasts;
    use crate::profile::Catalog;
    use crate::telemetry::view::Query;

    fn act(insight: &mut Insight, action: InsightAction) {
        let (catalog, mut jobs, mut toasts) = (Catalog::default(), Jobs::default(), Toasts::default());
        let (mut settings, query) = (SettingsView::default(), Query::default());
        let mut desk = Desk { catalog: &catalog, jobs: &mut jobs, toasts: &mut toasts, now: Instant::now() };
        let mut seat = Seat { inspection: None, query: &query, settings: &mut settings, desk: &mut desk };
        assert!(insight.act(action, &mut seat).is_empty());
    }

    #[test]
    fn only_what_is_shown_is_asked_for() {
        let mut insight = Insight::default();
        assert!(insight.talkers().is_some() && insight.quality().is_none());
        act(&mut insight, InsightAction::Showed(Part::Quality));
        assert!(insight.talkers().is_none() && insight.quality().is_some());
    }

    #[test]
    fn choices_are_asked_for_and_the_last_page_stays() {
        let mut insight = Insight::default();
        insight.saw(&Snapshot { talkers: Some(Arc::default()), ..Snapshot::default() });
        insight.saw(&Snapshot::default());
        assert!(insight.talkers_page().is_some());
        act(&mut insight, InsightAction::ChoseWindow(Duration::from_secs(10)));
        act(&mut insight, InsightAction::RankedBy(TalkersBy::Bytes));
        act(&mut insight, InsightAction::ChoseDepth(2));
        let spec = insight.talkers().unwrap();
        assert_eq!((spec.window.as_secs(), spec.by, spec.depth), (10, TalkersBy::Bytes, 2));
    }

    #[test]
    fn a_filter_that_is_none_yet_leaves_the_rows_alone() {
        let mut insight = Insight::default();
        act(&mut insight, InsightAction::Showed(Part::Quality));
        act(&mut insight, InsightAction::Scrolled { first: 30, count: 20 });
        for (text, filter, first) in [("a/x+", None, 30), ("a/+", Some("a/+"), 0), ("", None, 0)] {
            insight.filter = text.into();
            act(&mut insight, InsightAction::Filtered);
            let spec = insight.quality().unwrap();
            assert_eq!((spec.filter.as_ref().map(TopicFilter::as_str), spec.first), (filter, first), "{text}");
            assert_eq!(insight.mistake().is_some(), text == "a/x+");
        }
    }
}
