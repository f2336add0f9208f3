//! Where one row is enough: a group of which one holds needs no other.

use crate::check::plan::{Outlook, Plan};
use crate::check::verdict::{Note, Reason, RowState, RowVerdict};
use crate::model::endpoint::RowId;

/// Marks rows as not needed where another of their group holds.
pub(super) fn settle(plan: &Plan, rows: &mut [RowVerdict]) {
    let word = |at: usize| plan.rows[at].subject.endpoint().and_then(|endpoint| endpoint.one_of.as_deref());
    for at in 0..rows.len() {
        let Some(word_here) = word(at) else { continue };
        let is_open = plan.rows[at].outlook == Outlook::Run;
        let wants = matches!(rows[at].state, RowState::Fail | RowState::NotTestable | RowState::Skipped);
        if !is_open || !wants {
            continue;
        }
        let other = (0..rows.len())
            .find(|other| *other != at && word(*other) == Some(word_here) && rows[*other].state.is_good());
        if let Some(other) = other.filter(|other| rows[*other].state != RowState::NotNeeded) {
            let because = rows[other].row.clone();
            not_needed(&mut rows[at], because);
        }
    }
}

fn not_needed(row: &mut RowVerdict, because: RowId) {
    let note = Note { reason: row.reason, facts: row.facts.clone(), about: std::mem::take(&mut row.about) };
    row.notes.insert(0, note);
    row.state = RowState::NotNeeded;
    row.reason = Reason::OneIsEnough;
    row.because = Some(because);
}
