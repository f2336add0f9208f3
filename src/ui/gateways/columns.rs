//! The columns of the list of gateways: which of them fit, and where they stand.

use egui::{Rect, pos2};

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
    const ALL: [Self; 7] = [Self::State, Self::Name, Self::Link, Self::Signal, Self::Profile, Self::Serial, Self::Seen];
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

/// The columns that fit into a row of that width, as distances from its left edge.
pub(super) fn fitting(width: f32) -> Vec<(Column, f32, f32)> {
    let mut columns = Column::ALL.to_vec();
    let needed = |columns: &[Column]| columns.iter().map(|column| column.width() + GAP).sum::<f32>() + 2.0 * SIDE - GAP;
    for goes in Column::GO {
        if needed(&columns) > width {
            columns.retain(|column| *column != goes);
        }
    }
    let spare = (width - needed(&columns)).max(0.0);
    // The name takes most of what is left, the profile some of it.
    let has_profile = columns.contains(&Column::Profile);
    let share = |column| match column {
        Column::Name if has_profile => spare * 0.5,
        Column::Name => spare,
        Column::Profile => spare * 0.3,
        Column::Link | Column::Signal if has_profile => spare * 0.1,
        _ => 0.0,
    };
    let mut left = SIDE;
    let mut placed = Vec::with_capacity(columns.len());
    for column in columns {
        let right = (left + column.width() + share(column)).min(width - SIDE);
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
        let shown = |width| fitting(width).into_iter().map(|(column, ..)| column.title()).collect::<Vec<_>>();
        assert_eq!(shown(900.0).len(), 7);
        assert_eq!(shown(488.0), ["State", "Name", "Link", "Signal", "Profile"]);
        assert_eq!(shown(290.0), ["State", "Name"]);
        for width in [280.0_f32, 488.0, 700.0, 1400.0] {
            let columns = fitting(width);
            assert!(columns.iter().all(|(_, from, to)| from < to && *to <= width), "{width}: {columns:?}");
            assert!(columns.windows(2).all(|pair| pair[0].2 <= pair[1].1), "{width}: {columns:?}");
        }
    }
}
