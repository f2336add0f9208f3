//! The columns of the list of gateways: which of them fit, and where they stand.

use egui::{Rect, pos2};

use crate::model::layout::ListLayout;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// How it stands.
    State,
    /// Its name.
    Name,
    /// How it is reached.
    Link,
    /// How strongly it is heard.
    Signal,
    /// The profile it looks like.
    Profile,
    /// Its serial number.
    Serial,
    /// When it was seen last.
    Seen,
}

impl Column {
    /// All of them, in order.
    pub(super) const ALL: [Self; 7] =
        [Self::State, Self::Name, Self::Link, Self::Signal, Self::Profile, Self::Serial, Self::Seen];
    /// Which of them go first where the list is narrow. State and name stay.
    const GO: [Self; 5] = [Self::Seen, Self::Serial, Self::Signal, Self::Link, Self::Profile];

    /// The head.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::State => "State",
            Self::Name => "Name",
            Self::Link => "Link",
            Self::Signal => "Signal",
            Self::Profile => "Profile",
            Self::Serial => "Serial number",
            Self::Seen => "Last seen",
        }
    }

    /// The word it is kept by in the settings.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Name => "name",
            Self::Link => "link",
            Self::Signal => "signal",
            Self::Profile => "profile",
            Self::Serial => "serial-number",
            Self::Seen => "last-seen",
        }
    }

    /// Whether a person may hide it: without state and name a list says nothing.
    pub(super) const fn may_hide(self) -> bool {
        !matches!(self, Self::State | Self::Name)
    }

    /// Its width in points; the name takes what is left, and at least this.
    const fn width(self) -> f32 {
        match self {
            Self::State | Self::Serial => 116.0,
            Self::Name => 120.0,
            Self::Link => 72.0,
            Self::Signal => 44.0,
            Self::Profile => 78.0,
            Self::Seen => 68.0,
        }
    }
}

/// Room at the sides of a row.
const SIDE: f32 = 12.0;
/// Room between columns.
const GAP: f32 = 8.0;

/// How narrow and how wide a column may be drawn.
pub(super) const DRAWN: std::ops::RangeInclusive<f32> = 40.0..=400.0;

/// The columns that fit into a row of that width, as distances from its left edge: those that were hidden are left out, those
/// that were drawn wider or narrower are so. What is left goes first to the names, up to the width that the longest wants.
pub(super) fn fitting(width: f32, name_wish: f32, layout: &ListLayout) -> Vec<(Column, f32, f32)> {
    let is_hidden = |column: &Column| column.may_hide() && layout.hidden.contains(column.word());
    let mut columns: Vec<Column> = Column::ALL.into_iter().filter(|column| !is_hidden(column)).collect();
    let drawn = |column: Column| layout.widths.get(column.word()).map(|width| f32::from(*width));
    let wide = |column: Column| {
        drawn(column).map_or_else(|| column.width(), |width| width.clamp(*DRAWN.start(), *DRAWN.end()))
    };
    let needed = |columns: &[Column]| columns.iter().map(|column| wide(*column) + GAP).sum::<f32>() + 2.0 * SIDE - GAP;
    for goes in Column::GO {
        if needed(&columns) > width {
            columns.retain(|column| *column != goes);
        }
    }
    let spare = (width - needed(&columns)).max(0.0);
    let for_name = (name_wish - wide(Column::Name)).clamp(0.0, spare);
    let spare = spare - for_name;
    // The name takes most of what is left, the profile some of it.
    let has_profile = columns.contains(&Column::Profile);
    let share = |column| match column {
        _ if drawn(column).is_some() && column != Column::Name => 0.0,
        Column::Name if has_profile => spare.mul_add(0.5, for_name),
        Column::Name => spare + for_name,
        Column::Profile => spare * 0.3,
        Column::Link | Column::Signal if has_profile => spare * 0.1,
        _ => 0.0,
    };
    let mut left = SIDE;
    let mut placed = Vec::with_capacity(columns.len());
    for column in columns {
        let right = (left + wide(column) + share(column)).min(width - SIDE);
        placed.push((column, left, right));
        left = right + GAP;
    }
    placed
}

/// A column's part of a row.
pub(super) fn part(row: Rect, from: f32, to: f32) -> Rect {
    Rect::from_min_max(pos2(row.left() + from, row.top()), pos2(row.left() + to, row.bottom()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_list_drops_what_is_least_needed_and_keeps_state_and_name() {
        let usual = ListLayout::default();
        let shown =
            |width| fitting(width, 0.0, &usual).into_iter().map(|(column, ..)| column.title()).collect::<Vec<_>>();
        assert_eq!(shown(900.0).len(), 7);
        assert_eq!(shown(488.0), ["State", "Name", "Link", "Signal", "Profile"]);
        assert_eq!(shown(290.0), ["State", "Name"]);
        for width in [280.0_f32, 488.0, 700.0, 1400.0] {
            let columns = fitting(width, 260.0, &usual);
            assert!(columns.iter().all(|(_, from, to)| from < to && *to <= width), "{width}: {columns:?}");
            assert!(columns.windows(2).all(|pair| pair[0].2 <= pair[1].1), "{width}: {columns:?}");
        }
    }

    #[test]
    fn a_long_name_has_the_free_width_before_any_other_column() {
        let usual = ListLayout::default();
        let name = |width, wish| {
            let columns = fitting(width, wish, &usual);
            columns.into_iter().find(|(column, ..)| *column == Column::Name).map(|(_, from, to)| (to - from).round())
        };
        assert!(name(488.0 + 60.0, 180.0) >= Some(180.0));
        assert!(name(1400.0, 180.0) > Some(300.0), "what nobody needs is shared as before");
        assert!(name(488.0, 400.0) < Some(130.0), "there is none to give");
    }

    #[test]
    fn a_hidden_column_is_left_out_a_drawn_one_keeps_its_width_and_state_and_name_always_stay() {
        let layout = ListLayout {
            hidden: ["signal", "state", "name"].map(str::to_owned).into(),
            widths: [("link".to_owned(), 150), ("profile".to_owned(), 9000)].into(),
            ..ListLayout::default()
        };
        let columns = fitting(1400.0, 0.0, &layout);
        let titles: Vec<_> = columns.iter().map(|(column, ..)| column.title()).collect();
        assert_eq!(titles, ["State", "Name", "Link", "Profile", "Serial number", "Last seen"]);
        let wide = |at: usize| (columns[at].2 - columns[at].1).round();
        assert!((wide(2) - 150.0).abs() < 1.0 && (wide(3) - 400.0).abs() < 1.0, "{columns:?}");
    }
}
