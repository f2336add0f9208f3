//! What goes on record of a check's rows: how many passed, and which did not, each with its reason in words.

use serde_json::{Value, json};

use super::plan::Plan;
use super::report::Words;
use super::verdict::{Judged, RowState};
use crate::model::record::{Phase, StepEntry};

/// The step under which it is on record.
const STEP: &str = "rows";
/// Rows that are named; more are counted.
const NAMED: usize = 50;

/// The entry of a round, to be written before the outcome of the check.
pub fn on_record(plan: &Plan, judged: &Judged, words: &dyn Words, outcome: &str) -> StepEntry {
    let failed = || judged.rows.iter().filter(|row| row.state == RowState::Fail);
    let named: Vec<Value> = failed()
        .take(NAMED)
        .map(|verdict| {
            let planned = plan.row(&verdict.row);
            let what = planned.map_or_else(String::new, |row| words.row(plan, row, verdict).what);
            json!({ "id": verdict.row.to_string(), "reason": verdict.reason.as_str(), "what": what })
        })
        .collect();
    let passed = judged.rows.iter().filter(|row| row.state.is_good()).count();
    let detail =
        json!({ "rows": judged.rows.len(), "passed": passed, "count_failed": failed().count(), "failed": named });
    StepEntry { step: STEP.into(), phase: Phase::Outcome, outcome: outcome.into(), detail }
}
