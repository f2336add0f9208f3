//! [`Compared`]: a run beside an earlier one, as before and after a change of the firewall.

use std::sync::Arc;

use crate::check::compare::{Change, RowChange, compare, sides};
use crate::check::explain::texts;
use crate::check::verdict::{Judged, Reason, RowState};

/// What came before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// When its round began, in microseconds since 1970 UTC.
    pub at_unix_micros: i64,
    /// How its rows stood.
    pub judged: Arc<Judged>,
    /// Whether the gateway looked itself.
    pub is_of_gateway: bool,
}

/// Two runs side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// What became of each row, what changed first.
    pub changes: Vec<RowChange>,
    /// How many rows are better, worse, and different otherwise.
    pub numbers: (usize, usize, usize),
    /// What the two runs are called where the gateway looked in one of them: `laptop` and `gateway`.
    pub sides: Option<(&'static str, &'static str)>,
}

impl Compared {
    /// Holds a run against what came before.
    pub(super) fn of(before: &Before, after: &Judged, is_of_gateway: bool) -> Self {
        let mut changes = compare(&before.judged, after);
        let count = |wanted: &[Change]| changes.iter().filter(|row| wanted.contains(&row.change)).count();
        let numbers =
            (count(&[Change::Better]), count(&[Change::Worse]), count(&[Change::Other, Change::New, Change::Gone]));
        changes.sort_by_key(|row| rank(row.change));
        let is_apart = before.is_of_gateway != is_of_gateway;
        Self { changes, numbers, sides: is_apart.then(|| sides(before.is_of_gateway, is_of_gateway)) }
    }
}

const fn rank(change: Change) -> u8 {
    match change {
        Change::Worse => 0,
        Change::Better => 1,
        Change::Other => 2,
        Change::New => 3,
        Change::Gone => 4,
        Change::Same => 5,
    }
}

/// The word for what became of a row.
pub const fn change_word(change: Change) -> &'static str {
    match change {
        Change::Better => "Better",
        Change::Worse => "Worse",
        Change::Same => "Unchanged",
        Change::Other => "Changed",
        Change::New => "New",
        Change::Gone => "Not checked now",
    }
}

/// How a row stood, in words: state, and the reason where it says more.
pub fn stood(state: Option<(RowState, Reason)>) -> String {
    match state {
        None => "–".to_owned(),
        Some((state, Reason::Answered)) => texts::state(state).to_owned(),
        Some((state, reason)) => format!("{}: {}", texts::state(state), texts::of(reason).title),
    }
}
