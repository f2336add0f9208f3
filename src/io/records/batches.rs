//! Batches on record: each job of a row is entered together with the row it belongs to.
//!
//! There is no second account of how a row stands: its jobs are the journal. What a process that was killed left behind
//! reads as unknown like any other job, because its lock is free.

use rusqlite::{OptionalExtension as _, params};

use super::append::{Append, BatchRow};
use super::{Database, Failure, JOBS, RecordStore, instance, job_of, now};
use crate::flow::port::{BatchRecords, Boxed, RecordsError};
use crate::model::batch::{BatchHistory, BatchId, RowHistory, evidence_on_record};
use crate::model::record::{JobIntent, RecordId};

impl BatchRecords for RecordStore {
    fn open_batch(&self, source: String) -> Boxed<'_, Result<BatchId, RecordsError>> {
        Box::pin(self.run(move |database| database.open_batch(&source)))
    }

    fn begin_row(
        &self,
        batch: BatchId,
        name: String,
        content: String,
        intent: JobIntent,
    ) -> Boxed<'_, Result<RecordId, RecordsError>> {
        Box::pin(self.append(Append::Begin { intent, row: Some(BatchRow { batch, name, content }) }))
    }

    fn last_batch(&self, source: String) -> Boxed<'_, Result<Option<BatchHistory>, RecordsError>> {
        Box::pin(self.run(move |database| database.last_batch(&source)))
    }

    fn batch(&self, id: BatchId) -> Boxed<'_, Result<Option<BatchHistory>, RecordsError>> {
        Box::pin(self.run(move |database| database.batch(id)))
    }
}

impl Database {
    fn open_batch(&self, source: &str) -> Result<BatchId, Failure> {
        let sql = "INSERT INTO batches (started_at, source) VALUES (?1, ?2)";
        self.connection.execute(sql, params![now(), source])?;
        Ok(BatchId(self.connection.last_insert_rowid()))
    }

    fn last_batch(&self, source: &str) -> Result<Option<BatchHistory>, Failure> {
        let sql = "SELECT id FROM batches WHERE source = ?1 ORDER BY id DESC LIMIT 1";
        let id: Option<i64> = self.connection.query_row(sql, [source], |row| row.get(0)).optional()?;
        id.map_or(Ok(None), |id| self.batch(BatchId(id)))
    }

    fn batch(&self, id: BatchId) -> Result<Option<BatchHistory>, Failure> {
        let sql = "SELECT started_at FROM batches WHERE id = ?1";
        let started_at: Option<String> = self.connection.query_row(sql, [id.0], |row| row.get(0)).optional()?;
        let Some(started_at) = started_at else { return Ok(None) };
        let live = instance::live(&self.running)?;
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT batch_rows.content, told.*,
                    (SELECT detail FROM entries WHERE entries.job = batch_rows.job AND phase = 'outcome'
                            AND step IN ('push', 'credential')
                     ORDER BY step = 'push' DESC, sequence DESC LIMIT 1) AS pushed
             FROM batch_rows
             JOIN ({JOBS}) AS told ON told.id = batch_rows.job WHERE batch_rows.batch = ?1 ORDER BY batch_rows.job"
        ))?;
        let rows = statement.query_map([id.0], |row| {
            let pushed: Option<String> = row.get("pushed")?;
            Ok(RowHistory {
                name: row.get("row_name")?,
                content: row.get("content")?,
                job: job_of(row, &live)?,
                evidence: pushed.as_deref().and_then(evidence_on_record),
            })
        })?;
        Ok(Some(BatchHistory { id, started_at, rows: rows.collect::<rusqlite::Result<_>>()? }))
    }
}
