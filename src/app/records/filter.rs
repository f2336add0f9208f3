//! Which jobs are shown, as a person chooses it on Records and on the tab History: by kind, by outcome and by time.

use crate::model::record::JobRecord;
use crate::model::record_filter::{Ends, Filter, Kind, ago};

/// What the user chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterAction {
    /// Shows only jobs that ended so, or all of them.
    Ended(Ends),
    /// Shows only jobs of that kind, or all of them.
    OfKind(Option<Kind>),
    /// Shows only jobs of that period, as of that time in seconds since 1970 UTC.
    Within(Period, i64),
}

/// From when on jobs are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Period {
    /// From the beginning.
    #[default]
    All,
    /// The last day.
    Day,
    /// The last week.
    Week,
    /// The last 30 days.
    Month,
}

impl Period {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::All, Self::Day, Self::Week, Self::Month];

    /// The choice as a person reads it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::All => "All time",
            Self::Day => "Last 24 hours",
            Self::Week => "Last 7 days",
            Self::Month => "Last 30 days",
        }
    }

    const fn hours(self) -> Option<i64> {
        match self {
            Self::All => None,
            Self::Day => Some(24),
            Self::Week => Some(7 * 24),
            Self::Month => Some(30 * 24),
        }
    }
}

/// What is shown.
#[derive(Debug, Default)]
pub struct Shown {
    filter: Filter,
    period: Period,
}

impl Shown {
    /// Which ends of jobs are shown.
    pub fn ends(&self) -> Ends {
        self.filter.ends.unwrap_or(Ends::All)
    }

    /// Which kind of job is shown; `None` for all.
    pub fn kind(&self) -> Option<Kind> {
        self.filter.kinds.first().copied()
    }

    /// From when on jobs are shown.
    pub const fn period(&self) -> Period {
        self.period
    }

    /// Whether a job is shown.
    pub fn holds(&self, job: &JobRecord) -> bool {
        self.filter.holds(job)
    }

    pub(in crate::app) fn act(&mut self, action: FilterAction) {
        match action {
            FilterAction::Ended(ends) => self.filter.ends = Some(ends),
            FilterAction::OfKind(kind) => self.filter.kinds = kind.into_iter().collect(),
            FilterAction::Within(period, now) => {
                let now = jiff::Timestamp::from_second(now).unwrap_or_default();
                self.period = period;
                self.filter.since = period.hours().map(|hours| ago(now, hours));
            }
        }
    }
}
