//! [`Layout`]: how a person arranged the window. Kept in the settings, so that it looks the same after a restart.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// How the window is arranged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Layout {
    /// How large the window is.
    pub window: WindowSize,
    /// How much of its place the first of two panes takes, in thousandths, by the name of the place. Absent: the usual.
    pub shares: BTreeMap<String, u16>,
    /// The list of gateways.
    pub gateways: ListLayout,
}

/// The size of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WindowSize {
    /// Its width in points at 100 %.
    pub width: u16,
    /// Its height in points at 100 %.
    pub height: u16,
    /// Whether it fills the screen.
    pub is_maximised: bool,
}

impl Default for WindowSize {
    fn default() -> Self {
        Self { width: 1100, height: 720, is_maximised: false }
    }
}

impl WindowSize {
    /// The smallest a window is opened.
    pub const LEAST: (u16, u16) = (640, 480);
    /// The largest a window is opened: the file may have been edited by hand.
    const MOST: u16 = 10_000;

    /// A size that can be opened, whatever stands in the file.
    #[must_use]
    pub fn within_limits(self) -> Self {
        let (width, height) = Self::LEAST;
        Self { width: self.width.clamp(width, Self::MOST), height: self.height.clamp(height, Self::MOST), ..self }
    }
}

/// How a list with columns is arranged. Columns and orders are kept by their words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListLayout {
    /// What it is ordered by; empty for the usual.
    pub order: String,
    /// The columns that are hidden.
    pub hidden: BTreeSet<String>,
    /// The widths of columns that were drawn, in points.
    pub widths: BTreeMap<String, u16>,
}

/// What a person arranged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// Made the window that large.
    Window(WindowSize),
    /// Moved the lines between panes: all of them as they stand now.
    Shares(BTreeMap<String, u16>),
    /// Hid a column of the list of gateways, or shows it again.
    HidColumn(&'static str, bool),
    /// Drew a column of the list of gateways that wide; the usual width where there is none.
    Width(&'static str, Option<u16>),
}

impl Layout {
    /// Takes in what a person arranged. Tells whether anything is other than before.
    pub fn arrange(&mut self, arrangement: Arrangement) -> bool {
        let before = self.clone();
        match arrangement {
            Arrangement::Window(size) => self.window = size,
            Arrangement::Shares(shares) => self.shares = shares,
            Arrangement::HidColumn(column, true) => drop(self.gateways.hidden.insert(column.to_owned())),
            Arrangement::HidColumn(column, false) => drop(self.gateways.hidden.remove(column)),
            Arrangement::Width(column, Some(width)) => drop(self.gateways.widths.insert(column.to_owned(), width)),
            Arrangement::Width(column, None) => drop(self.gateways.widths.remove(column)),
        }
        *self != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_edited_by_hand_still_opens_a_window() {
        let absurd = WindowSize { width: 3, height: 65_000, is_maximised: true }.within_limits();
        assert_eq!((absurd.width, absurd.height, absurd.is_maximised), (640, 10_000, true));
    }

    #[test]
    fn only_a_change_is_told() {
        let mut layout = Layout::default();
        assert!(layout.arrange(Arrangement::Width("name", Some(200))));
        assert!(!layout.arrange(Arrangement::Width("name", Some(200))));
        assert!(layout.arrange(Arrangement::Width("name", None)));
        assert!(!layout.arrange(Arrangement::Window(WindowSize::default())));
        assert_eq!(layout, Layout::default());
    }
}
