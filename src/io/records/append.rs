//! Appending in groups: whatever waits is written in one transaction, and each caller is answered once it is on the disk.

use rusqlite::{Connection, ErrorCode, params};
use tokio::sync::oneshot;

use super::chain::{self, NewEntry, Tail, begins_job};
use super::{Database, Failure, fail_point, now, reserve};
use crate::ledger::Value;
use crate::ledger::chain::JOB_STEP;
use crate::model::batch::BatchId;
use crate::model::record::{JobIntent, Phase, StepEntry};

/// The most that is written in one transaction.
pub(super) const GROUP: usize = 256;

/// Something that is to be entered.
pub(super) enum Append {
    /// A job begins; of a batch together with the row it belongs to.
    Begin { intent: JobIntent, row: Option<BatchRow> },
    /// A step of a job.
    Step { job: i64, entry: StepEntry },
    /// The outcome of a job.
    End { job: i64, outcome: String, reason: String, summary: String },
}

/// The row of a batch that a job belongs to.
pub(super) struct BatchRow {
    pub(super) batch: BatchId,
    pub(super) name: String,
    pub(super) content: String,
}

/// Something that is to be entered, and who waits for it. The answer is the number of the job.
pub(super) struct Request {
    pub(super) append: Append,
    pub(super) answer: oneshot::Sender<Result<i64, Failure>>,
}

impl Database {
    /// Enters all of them together. What cannot be entered together is tried one by one, so that each has its own answer.
    pub(super) fn append_all(&mut self, requests: Vec<Request>) {
        if requests.is_empty() {
            return;
        }
        match self.group(&requests) {
            Ok(answers) => {
                for (request, answer) in requests.into_iter().zip(answers) {
                    // Whoever asked may have gone; it is on record all the same.
                    let _ = request.answer.send(answer);
                }
            }
            Err(failure) => self.append_singly(requests, failure),
        }
    }

    fn append_singly(&mut self, requests: Vec<Request>, failure: Failure) {
        let mut failure = Some(failure);
        let is_group = requests.len() > 1;
        for request in requests {
            let known = if is_group { None } else { failure.take() };
            let answer = match known {
                Some(failure) => Err(failure),
                None => self.group(std::slice::from_ref(&request)).and_then(one),
            };
            let answer = match answer {
                // What was begun has to come to its end: the room kept for that is given free.
                Err(failure) if failure.may_be_a_full_disk() && reserve::release(&self.reserve) => {
                    self.group(std::slice::from_ref(&request)).and_then(one)
                }
                answer => answer,
            };
            let _ = request.answer.send(answer);
        }
    }

    /// One transaction. The outer result is its own; a request that the log refuses leaves the others alone.
    fn group(&mut self, requests: &[Request]) -> Result<Vec<Result<i64, Failure>>, Failure> {
        if requests.iter().any(|request| matches!(request.append, Append::Begin { .. })) {
            reserve::keep(&self.reserve)?;
        }
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let written = self.write(requests).and_then(|answers| {
            fail_point("entries inserted");
            self.connection.execute_batch("COMMIT")?;
            fail_point("entries committed");
            Ok(answers)
        });
        if written.is_err() && !self.connection.is_autocommit() {
            // The error that counts is the one above.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        written
    }

    fn write(&mut self, requests: &[Request]) -> Result<Vec<Result<i64, Failure>>, Failure> {
        let mut tail = Tail::load(&self.connection, self.chain)?;
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            let before = tail.clone();
            let answer = self.enter(&mut tail, &request.append);
            match answer {
                Err(failure) if !failure.is_refusal() => return Err(failure),
                Err(_) => tail = before,
                Ok(_) => self.has_ended |= matches!(request.append, Append::End { .. }),
            }
            answers.push(answer);
        }
        self.tail = Some(tail);
        Ok(answers)
    }

    pub(super) fn enter(&self, tail: &mut Tail, append: &Append) -> Result<i64, Failure> {
        match append {
            Append::Begin { intent, row } => self.begin(tail, intent, row.as_ref()),
            Append::Step { job, entry } => {
                let detail = serde_json::to_string(&entry.detail)?;
                if begins_job(&entry.step, entry.phase.as_str()) {
                    return Err(Failure::Ended);
                }
                let entry = NewEntry {
                    step: &entry.step,
                    phase: entry.phase.as_str(),
                    outcome: &entry.outcome,
                    detail: &detail,
                    ..NewEntry::of(*job)
                };
                self.told(*job, chain::append(&self.connection, self.chain, tail, &entry))
            }
            Append::End { job, outcome, reason, summary } => {
                self.told(*job, end(&self.connection, self.chain, tail, *job, [outcome, reason, summary]))
            }
        }
    }

    fn begin(&self, tail: &mut Tail, intent: &JobIntent, row: Option<&BatchRow>) -> Result<i64, Failure> {
        self.connection.execute_batch("SAVEPOINT begin_job")?;
        let begun = self.begin_within(tail, intent, row);
        if begun.is_err() && !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK TO begin_job")?;
        }
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("RELEASE begin_job")?;
        }
        begun
    }

    fn begin_within(&self, tail: &mut Tail, intent: &JobIntent, row: Option<&BatchRow>) -> Result<i64, Failure> {
        let instance = self.instance.as_ref().map_or("reader", |instance| instance.name.as_str());
        let now = now();
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO jobs (instance, started_at, action, gateway, link, profile, driver, operator, is_simulated)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        let (action, gateway, link) = (&intent.action, &intent.gateway, &intent.link);
        let (profile, driver, operator) = (intent.profile.as_deref(), intent.driver.as_deref(), &intent.operator);
        let is_simulated = intent.is_simulated;
        statement.execute(params![instance, now, action, gateway, link, profile, driver, operator, is_simulated])?;
        let job = self.connection.last_insert_rowid();
        let detail = serde_json::to_string(intent)?;
        let mut begins = [Value::Null; 14];
        let of_job: [Value<'_>; 9] = [
            instance.into(),
            now.as_str().into(),
            action.as_str().into(),
            gateway.as_str().into(),
            link.as_str().into(),
            profile.into(),
            driver.into(),
            operator.as_str().into(),
            i64::from(is_simulated).into(),
        ];
        begins[..9].copy_from_slice(&of_job);
        let batch = match row {
            Some(row) => Some(self.enter_row(job, row)?),
            None => None,
        };
        if let (Some(row), Some((started_at, source))) = (row, &batch) {
            begins[9..].copy_from_slice(&[
                row.batch.0.into(),
                row.name.as_str().into(),
                row.content.as_str().into(),
                started_at.as_str().into(),
                source.as_str().into(),
            ]);
        }
        let entry = NewEntry { detail: &detail, at: Some(&now), begins: Some(begins), ..NewEntry::of(job) };
        chain::append(&self.connection, self.chain, tail, &entry)?;
        Ok(job)
    }

    /// Notes to which row of a batch the job belongs, and says when the batch began and what it is made from.
    fn enter_row(&self, job: i64, row: &BatchRow) -> Result<(String, String), Failure> {
        let sql = "INSERT INTO batch_rows (job, batch, name, content) VALUES (?1, ?2, ?3, ?4)";
        self.connection.prepare_cached(sql)?.execute(params![job, row.batch.0, row.name, row.content])?;
        let sql = "SELECT started_at, source FROM batches WHERE id = ?1";
        // A batch that isn't there: what the foreign key would say only at the end of the transaction.
        Ok(self.connection.query_row(sql, [row.batch.0], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// Tells a refused entry apart: no such job, or an end that was written already.
    fn told(&self, job: i64, written: rusqlite::Result<()>) -> Result<i64, Failure> {
        match written {
            Ok(()) => Ok(job),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Err(if self.has_job(job)? { Failure::Ended } else { Failure::NoJob(job) })
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl NewEntry<'_> {
    /// The entry that begins a job, without its content.
    const fn of(job: i64) -> Self {
        Self {
            job,
            step: JOB_STEP,
            phase: Phase::Intent.as_str(),
            outcome: "",
            reason: "",
            summary: "",
            detail: "",
            is_end: false,
            at: None,
            begins: None,
        }
    }
}

/// Enters the outcome of a job: its word, its code and one sentence.
pub(super) fn end(
    connection: &Connection,
    chain: crate::model::audit::Digest,
    tail: &mut Tail,
    job: i64,
    [outcome, reason, summary]: [&str; 3],
) -> rusqlite::Result<()> {
    let detail = serde_json::json!({ "reason": reason, "summary": summary }).to_string();
    let phase = Phase::Outcome.as_str();
    let entry = NewEntry { phase, outcome, reason, summary, detail: &detail, is_end: true, ..NewEntry::of(job) };
    chain::append(connection, chain, tail, &entry)
}

fn one(answers: Vec<Result<i64, Failure>>) -> Result<i64, Failure> {
    answers.into_iter().next().unwrap_or(Err(Failure::ThreadGone))
}
