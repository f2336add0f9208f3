//! Jobs of this computer and of those whose chains were imported: found, shown, and with what tells which gateway they are about.

use std::sync::Arc;

use super::bundles;
use super::failure::Failure;
use super::{Database, RecordStore, entry_of};
use crate::flow::port::RecordsError;
use crate::model::audit::Digest;
use crate::model::lineage::{lineages, returned};
use crate::model::record::{EntryRecord, JobHistory, JobRecord, RecordId, RecordKey};
use crate::model::record_filter::Filter;

/// The entries by which a gateway is known.
const TELLING: &str = "SELECT sequence, at, step, phase, outcome, detail, job FROM entries
    WHERE step IN ('describe', 'identity', 'known') AND outcome = 'done' ORDER BY sequence";

/// The jobs of imported chains, and up to which entries they were read.
#[derive(Default)]
pub(super) struct Others {
    read_to: Vec<(Digest, i64)>,
    jobs: Arc<Vec<JobHistory>>,
}

impl RecordStore {
    /// The jobs that are meant, of all computers, newest first, at most `limit`.
    pub async fn find(&self, filter: Filter, limit: usize) -> Result<Vec<JobRecord>, RecordsError> {
        self.run(move |database| database.find(&filter, limit)).await
    }

    /// One job with its entries, and the removal after which its gateway came back.
    pub async fn show(&self, key: impl Into<RecordKey>) -> Result<JobHistory, RecordsError> {
        let key = key.into();
        self.run(move |database| database.show_with_return(key)).await
    }

    /// All jobs, oldest first, each with those of its entries that tell who its gateway is.
    pub async fn traces(&self) -> Result<Vec<JobHistory>, RecordsError> {
        self.run(Database::traces).await
    }

    /// Fills in all entries of the jobs at those places.
    pub async fn fill(&self, mut jobs: Vec<JobHistory>, wanted: Vec<usize>) -> Result<Vec<JobHistory>, RecordsError> {
        self.run(move |database| {
            for at in wanted {
                // Those of other computers have all of theirs.
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
    fn find(&mut self, filter: &Filter, limit: usize) -> Result<Vec<JobRecord>, Failure> {
        if let Some(gateway) = &filter.gateway {
            let traces = self.traces()?;
            let lineages = lineages(&traces);
            let meant = lineages.iter().filter(|lineage| lineage.known_by.is_named(gateway));
            let mut places: Vec<usize> = meant.flat_map(crate::model::lineage::Lineage::jobs).collect();
            places.sort_unstable_by(|one, other| other.cmp(one));
            let jobs = places.into_iter().map(|at| traces[at].job.clone());
            return Ok(jobs.filter(|job| filter.holds(job)).take(limit).collect());
        }
        let is_open = *filter == Filter::default();
        let mut jobs = self.list(if is_open { limit } else { usize::MAX })?;
        let others = self.others()?;
        if !others.is_empty() {
            jobs.extend(others.iter().map(|job| job.job.clone()));
            jobs.sort_by(|one, other| other.started_at.cmp(&one.started_at));
        }
        jobs.retain(|job| filter.holds(job));
        jobs.truncate(limit);
        Ok(jobs)
    }

    fn show_with_return(&mut self, key: RecordKey) -> Result<JobHistory, Failure> {
        let history = if key.chain.is_none() {
            self.show(key.id)?
        } else {
            let others = self.others()?;
            let found = others.iter().find(|job| job.job.key() == key);
            found.cloned().ok_or(Failure::NoJob(key.id.0))?
        };
        let traces = self.traces()?;
        let at = traces.iter().position(|job| job.job.key() == key);
        Ok(JobHistory { returned: at.and_then(|at| returned(&traces, at)), ..history })
    }

    fn traces(&mut self) -> Result<Vec<JobHistory>, Failure> {
        let jobs = self.list(usize::MAX)?;
        let history = |job| JobHistory { job, entries: Vec::new(), returned: None };
        let mut jobs: Vec<JobHistory> = jobs.into_iter().rev().map(history).collect();
        {
            let mut statement = self.connection.prepare_cached(TELLING)?;
            let rows = statement.query_map((), |row| Ok((RecordId(row.get("job")?), entry_of(row)?)))?;
            for row in rows {
                let (id, entry): (RecordId, EntryRecord) = row?;
                // Jobs come in the order of their numbers.
                if let Ok(at) = jobs.binary_search_by_key(&id, |job| job.job.id) {
                    jobs[at].entries.push(entry);
                }
            }
        }
        let others = self.others()?;
        if !others.is_empty() {
            jobs.extend(others.iter().cloned());
            jobs.sort_by(|one, other| one.job.started_at.cmp(&other.job.started_at));
        }
        Ok(jobs)
    }

    /// The jobs of imported chains. They are read again only where something was imported since. A chain that cannot be read is left
    /// out here; the audit names it.
    fn others(&mut self) -> Result<Arc<Vec<JobHistory>>, Failure> {
        let sql = "SELECT chain, max(sequence) FROM imported_entries GROUP BY chain ORDER BY chain";
        let read_to: Vec<(Digest, i64)> = self
            .connection
            .prepare_cached(sql)?
            .query_map((), |row| Ok((Digest(row.get(0)?), row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        if read_to != self.others.read_to {
            let chains = bundles::imported(&self.connection)?;
            let jobs = chains.iter().filter_map(|(name, _, bundle)| Some(bundle.as_ref()?.histories(name)));
            self.others = Others { read_to, jobs: Arc::new(jobs.flatten().collect()) };
        }
        Ok(Arc::clone(&self.others.jobs))
    }
}
