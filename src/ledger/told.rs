//! The jobs that a bundle tells of, as the records show jobs: read from the entries that its hashes cover, and from nothing else.

use serde_json::Value as Json;

use super::bundle::{Bundle, BundledEntry};
use crate::model::record::{EntryRecord, JobHistory, JobIntent, JobRecord, Origin, RecordId};

/// What is said of a job whose end did not come along.
const NO_END: &str = "Its end isn't among the imported records";

impl Bundle {
    /// Its jobs, oldest first.
    pub fn histories(&self, computer: &str) -> Vec<JobHistory> {
        let origin = Origin { computer: computer.to_owned(), chain: self.genesis.id() };
        let mut jobs: Vec<JobHistory> = Vec::new();
        for entry in &self.entries {
            match &entry.begins {
                Some(begins) => jobs.push(JobHistory {
                    job: begun(entry, begins, &origin),
                    entries: vec![told(entry)],
                    returned: None,
                }),
                // Entries of one job lie close together, at the end of what is there.
                None => {
                    if let Some(job) = jobs.iter_mut().rev().find(|job| job.job.id.0 == entry.job) {
                        take(job, entry);
                    }
                }
            }
        }
        for job in &mut jobs {
            if job.job.outcome == "running" {
                job.job.outcome = "unknown".into();
                job.job.summary = NO_END.into();
            }
        }
        jobs
    }
}

fn take(job: &mut JobHistory, entry: &BundledEntry) {
    let told = told(entry);
    if entry.columns.get(8).and_then(Json::as_i64) == Some(1) {
        job.job.outcome.clone_from(&told.outcome);
        job.job.reason = text(&entry.columns, 5);
        job.job.summary = text(&entry.columns, 6);
        if job.job.has_ended_unseen() {
            job.job.last_entry_at = job.entries.last().map(|entry| entry.at.clone());
        } else {
            job.job.ended_at = Some(told.at.clone());
        }
    }
    // A gateway that told its name is called by it.
    if told.step == "describe" && told.outcome == "done" {
        let name = told.detail.get("name").and_then(Json::as_str).filter(|name| !name.is_empty());
        if let Some(name) = name {
            name.clone_into(&mut job.job.intent.gateway);
        }
    }
    job.entries.push(told);
}

fn begun(entry: &BundledEntry, begins: &[Json], origin: &Origin) -> JobRecord {
    let known = |at: usize| begins.get(at).and_then(Json::as_str).map(str::to_owned);
    let intent = JobIntent {
        action: text(begins, 2),
        gateway: text(begins, 3),
        link: text(begins, 4),
        profile: known(5),
        driver: known(6),
        operator: text(begins, 7),
        is_simulated: begins.get(8).and_then(Json::as_i64) == Some(1),
    };
    JobRecord {
        id: RecordId(entry.job),
        started_at: text(begins, 1),
        ended_at: None,
        intent,
        outcome: "running".into(),
        reason: String::new(),
        summary: String::new(),
        row_name: known(10),
        origin: Some(origin.clone()),
        last_entry_at: None,
    }
}

fn told(entry: &BundledEntry) -> EntryRecord {
    let detail = text(&entry.columns, 7);
    EntryRecord {
        sequence: entry.sequence,
        at: text(&entry.columns, 0),
        step: text(&entry.columns, 2),
        phase: text(&entry.columns, 3),
        outcome: text(&entry.columns, 4),
        detail: serde_json::from_str(&detail).unwrap_or(Json::String(detail)),
    }
}

fn text(columns: &[Json], at: usize) -> String {
    columns.get(at).and_then(Json::as_str).unwrap_or_default().to_owned()
}
