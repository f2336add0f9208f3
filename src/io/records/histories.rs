//! Jobs with what tells which gateway they are about, for reports; the whole entries of some of them.

use super::failure::Failure;
use super::{Database, RecordStore, entry_of};
use crate::flow::port::RecordsError;
use crate::model::record::{EntryRecord, JobHistory, RecordId};

/// The entries by which a gateway is known.
const TELLING: &str = "SELECT sequence, at, step, phase, outcome, detail, job FROM entries
    WHERE step IN ('describe', 'identity', 'known') AND outcome = 'done' ORDER BY sequence";

impl RecordStore {
    /// All jobs, oldest first, each with those of its entries that tell who its gateway is.
    pub async fn traces(&self) -> Result<Vec<JobHistory>, RecordsError> {
        self.run(Database::traces).await
    }

    /// Fills in all entries of the jobs at those places.
    pub async fn fill(&self, mut jobs: Vec<JobHistory>, wanted: Vec<usize>) -> Result<Vec<JobHistory>, RecordsError> {
        self.run(move |database| {
            for at in wanted {
                if let Some(job) = jobs.get_mut(at).filter(|job| job.job.origin.is_none()) {
                    job.entries = database.entries(job.job.id)?;
                }
            }
            Ok(jobs)
        })
        .await
    }
}

impl Database {
    fn traces(&mut self) -> Result<Vec<JobHistory>, Failure> {
        let jobs = self.list(usize::MAX)?;
        let mut jobs: Vec<JobHistory> = jobs.into_iter().rev().map(|job| JobHistory { job, entries: Vec::new() }).collect();
        let mut statement = self.connection.prepare_cached(TELLING)?;
        let rows = statement.query_map((), |row| Ok((RecordId(row.get("job")?), entry_of(row)?)))?;
        for row in rows {
            let (id, entry): (RecordId, EntryRecord) = row?;
            // Jobs come in the order of their numbers.
            if let Ok(at) = jobs.binary_search_by_key(&id, |job| job.job.id) {
                jobs[at].entries.push(entry);
            }
        }
        Ok(jobs)
    }
}
