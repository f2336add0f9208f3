//! [`compare`]: two runs side by side, as before and after a change of the firewall.

use super::verdict::{Judged, Reason, RowState, RowVerdict};
use crate::model::endpoint::RowId;
use crate::model::word::words;

words! {
    /// What became of a row.
    Change {
        /// It stands better than before.
        Better = "better",
        /// It stands worse.
        Worse = "worse",
        /// As before, for the same reason.
        Same = "same",
        /// As before, for another reason, or neither better nor worse.
        Other = "other",
        /// It was not looked at before.
        New = "new",
        /// It is not looked at any more.
        Gone = "gone",
    }
}

/// How a row stood and stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    /// The row.
    pub row: RowId,
    /// What became of it.
    pub change: Change,
    /// State and reason before.
    pub before: Option<(RowState, Reason)>,
    /// State and reason after.
    pub after: Option<(RowState, Reason)>,
}

/// What two runs are called side by side: where the gateway looked in one of them alone, by who looked.
pub const fn sides(is_before_of_gateway: bool, is_after_of_gateway: bool) -> (&'static str, &'static str) {
    match (is_before_of_gateway, is_after_of_gateway) {
        (false, true) => ("laptop", "gateway"),
        (true, false) => ("gateway", "laptop"),
        _ => ("before", "after"),
    }
}

/// What became of each row: those of the later run in their order, then those that are gone.
pub fn compare(before: &Judged, after: &Judged) -> Vec<RowChange> {
    let later = after.rows.iter().map(|row| change(before.row(&row.row), Some(row)));
    let gone = before.rows.iter().filter(|row| after.row(&row.row).is_none()).map(|row| change(Some(row), None));
    later.chain(gone).flatten().collect()
}

fn change(before: Option<&RowVerdict>, after: Option<&RowVerdict>) -> Option<RowChange> {
    let row = after.or(before)?.row.clone();
    let stands = |verdict: &RowVerdict| (verdict.state, verdict.reason);
    let (before, after) = (before.map(stands), after.map(stands));
    let change = match (before, after) {
        (None, _) => Change::New,
        (_, None) => Change::Gone,
        (Some(before), Some(after)) if before == after => Change::Same,
        (Some((before, _)), Some((after, _))) => match (rank(before), rank(after)) {
            (Some(before), Some(after)) if after > before => Change::Better,
            (Some(before), Some(after)) if after < before => Change::Worse,
            _ => Change::Other,
        },
    };
    Some(RowChange { row, change, before, after })
}

/// How good a state is; nothing where it says nothing of the network.
const fn rank(state: RowState) -> Option<u8> {
    match state {
        RowState::Pass | RowState::Sampled | RowState::NotNeeded => Some(3),
        RowState::PassWithNote => Some(2),
        RowState::Skipped => Some(1),
        RowState::Fail => Some(0),
        RowState::Pending | RowState::NotTestable | RowState::NotApplicable | RowState::Advice => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::verdict::Confidence;

    fn row(id: &str, state: RowState, reason: Reason) -> RowVerdict {
        RowVerdict {
            row: id.parse().unwrap(),
            state,
            reason,
            step: None,
            confidence: Confidence::High,
            because: None,
            sampled: None,
            about: String::new(),
            facts: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn runs_are_called_by_who_looked_where_that_differs() {
        assert_eq!(sides(false, true), ("laptop", "gateway"));
        assert_eq!(sides(true, false), ("gateway", "laptop"));
        assert_eq!((sides(false, false), sides(true, true)), (("before", "after"), ("before", "after")));
    }

    #[test]
    fn each_row_says_what_became_of_it() {
        let of = |rows: &[RowVerdict]| Judged { rows: rows.to_vec(), findings: Vec::new() };
        let before = of(&[
            row("AAA-01", RowState::Fail, Reason::TcpSilent),
            row("AAA-02", RowState::Pass, Reason::Answered),
            row("AAA-03", RowState::Fail, Reason::TcpSilent),
            row("AAA-04", RowState::Fail, Reason::TcpSilent),
            row("AAA-05", RowState::Pass, Reason::Answered),
            row("AAA-06", RowState::Pass, Reason::Answered),
        ]);
        let after = of(&[
            row("AAA-00", RowState::Pass, Reason::Answered),
            row("AAA-01", RowState::Pass, Reason::Answered),
            row("AAA-02", RowState::Fail, Reason::TlsSilent),
            row("AAA-03", RowState::Fail, Reason::TlsSilent),
            row("AAA-04", RowState::Fail, Reason::TcpSilent),
            row("AAA-05", RowState::NotTestable, Reason::NoProgram),
        ]);
        let found: Vec<(String, Change)> =
            compare(&before, &after).into_iter().map(|change| (change.row.to_string(), change.change)).collect();
        let expected = [
            ("AAA-00", Change::New),
            ("AAA-01", Change::Better),
            ("AAA-02", Change::Worse),
            ("AAA-03", Change::Other),
            ("AAA-04", Change::Same),
            ("AAA-05", Change::Other),
            ("AAA-06", Change::Gone),
        ];
        assert_eq!(found, expected.map(|(row, change)| (row.to_owned(), change)));
    }
}
