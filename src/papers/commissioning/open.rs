//! Open items: what is left to be done or known, in plain words, from the records alone.

use serde_json::Value;

use super::part::GatewayPart;
use super::told::{CLAIMS, NO_OUTCOME, SEND, claims, shown, steps};
use crate::model::lineage::is_removal;
use crate::model::record::JobHistory;
use crate::model::wipe::Answer;
use crate::papers::Tone;

/// Items that are named; more are counted.
const NAMED: usize = 30;

/// What is left of a gateway.
pub(super) fn open_items(part: &GatewayPart, jobs: &[&JobHistory]) -> Vec<String> {
    let mut items = of_jobs(jobs);
    items.extend(of_set_up(part, jobs));
    let mut seen = Vec::new();
    items.retain(|item| {
        let is_new = !seen.contains(item);
        seen.push(item.clone());
        is_new
    });
    let rest = items.len().saturating_sub(NAMED);
    items.truncate(NAMED);
    if rest > 0 {
        items.push(format!("and {rest} more"));
    }
    items
}

/// What jobs left open, whatever they were: acts without an outcome, ends that nobody knows.
pub(super) fn of_jobs(jobs: &[&JobHistory]) -> Vec<String> {
    let mut items = Vec::new();
    for history in jobs {
        let (job, number) = (&history.job, history.job.id.0);
        if job.outcome == "unknown" {
            items.push(format!("Record {number}: the outcome is unknown. {}", shown(&job.summary)));
        }
        if job.outcome == "running" {
            items.push(format!("Record {number} was still running when this was written"));
        }
        let begun = steps(history).into_iter().filter(|step| step.result == NO_OUTCOME);
        items
            .extend(begun.map(|step| format!("Record {number}: {} was begun and has no outcome on record", step.step)));
    }
    items
}

fn of_set_up(part: &GatewayPart, jobs: &[&JobHistory]) -> Vec<String> {
    let mut items = Vec::new();
    // A life ends with its removal.
    if let Some(removal) = jobs.iter().rev().find(|job| is_removal(&job.job)) {
        return of_removal(removal);
    }
    if let Some(check) = part.checks.last().filter(|check| check.tone == Tone::Bad) {
        items.push(format!("The last network check, from {}: {}", check.from, check.summary));
    }
    let Some(last) = jobs.iter().rev().find(|job| job.job.intent.action == "commission") else { return items };
    match last.job.outcome.as_str() {
        "refused" | "failed" => {
            items.push(format!("Not set up: {}", shown(&last.job.summary)));
            items.extend(next_step(last));
        }
        "joined" => items.extend(not_checked(part, last)),
        _ => {}
    }
    if part.checks.is_empty() {
        items.push("No network check for this profile is on record".into());
    }
    match &part.first_telemetry {
        None => items.push("No first telemetry is on record: that the gateway publishes was not seen".into()),
        Some(first) if !first.is_named => {
            items.push("The topic of the first telemetry doesn't name the gateway: it may be another gateway's".into());
        }
        Some(_) => {}
    }
    items
}

/// What a removal left: how it ended, what may not be claimed, and what there is to do about it.
fn of_removal(job: &JobHistory) -> Vec<String> {
    let mut items = Vec::new();
    if job.job.outcome != "complete" {
        items.push(format!("Its removal is {}: {}", shown(&job.job.outcome), shown(&job.job.summary)));
    }
    let Some(entry) = job.entries.iter().rev().find(|entry| entry.step == CLAIMS) else { return items };
    let is_open = |answer: &str| answer != Answer::Observed.label();
    let open = claims(entry).filter(|(_, answer, _)| is_open(answer));
    items.extend(open.map(|(title, answer, says)| shown(&format!("{title}: {}. {says}", answer.to_lowercase()))));
    let left = entry.detail.get("left").and_then(Value::as_array).into_iter().flatten();
    items.extend(left.filter_map(|remedy| remedy.get("text")?.as_str()).map(shown));
    items
}

/// What nobody looked at when it joined, unless a record answers it since.
fn not_checked(part: &GatewayPart, job: &JobHistory) -> Vec<String> {
    let is_answered = |text: &str| {
        // The vendor's cloud is what a check from the gateway is about.
        text.contains("cloud") && part.checks.iter().any(|check| check.is_from_gateway && check.tone == Tone::Good)
    };
    let push = steps(job).into_iter().rev().find(|step| step.step == SEND);
    let signs = push.into_iter().flat_map(|push| push.evidence);
    let open = signs.filter(|sign| sign.kind == "not checked" && !is_answered(&sign.text));
    open.map(|sign| format!("Not checked: {}", sign.text)).collect()
}

fn next_step(job: &JobHistory) -> Option<String> {
    let advice = steps(job).into_iter().rev().find(|step| step.tone == Tone::Bad)?.advice;
    advice.into_iter().find(|line| line.starts_with("Next step"))
}
