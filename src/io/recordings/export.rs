//! [`DiskSink`]: messages into a file of another form, or into a bundle for support, on a thread of its own.
//!
//! The file is one of [`crate::io::save`]: what stands there is whole, and an export that fails or is given up leaves nothing.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::disk::{self, shown};
use crate::flow::port::{Boxed, ExportSink};
use crate::io::save::Writing;
use crate::model::destination::Destination;
use crate::model::problem::{Explain as _, Problem};
use crate::telemetry::batch::Batch;
use crate::telemetry::export::{Export, ExportForm};
use crate::telemetry::recording::{RecordingError, RecordingFacts};

/// Batches that wait to be written.
const QUEUE: usize = 4;
/// Bytes written at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// Begins an export into that file.
pub async fn begin(destination: Destination, form: ExportForm, about: RecordingFacts) -> Result<DiskSink, Problem> {
    start(destination, move |writing| {
        let path = writing.path().to_owned();
        let file = writing.take().map_err(|error| disk::refused(&error))?;
        let out = BufWriter::with_capacity(BUFFER_BYTES, file);
        let export =
            Export::new(form, out, &about).map_err(|error| error.about(|error| disk::not_written(&path, error)))?;
        Ok(ExportWork { path, export })
    })
    .await
}

/// A file that messages go to. Dropped before its end, it leaves nothing.
pub struct DiskSink {
    path: PathBuf,
    items: mpsc::Sender<Item>,
    result: oneshot::Receiver<Result<u64, RecordingError>>,
    /// How it ended, once that was told.
    outcome: Option<Result<u64, Problem>>,
}

impl std::fmt::Debug for DiskSink {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("DiskSink").field(&self.path).finish()
    }
}

enum Item {
    Batch(Arc<Batch>),
    End,
}

impl ExportSink for DiskSink {
    fn write(&mut self, batch: Arc<Batch>) -> Boxed<'_, Result<(), Problem>> {
        Box::pin(self.take(batch))
    }

    fn finish(self: Box<Self>) -> Boxed<'static, Result<(), Problem>> {
        Box::pin(async move { self.close().await.map(drop) })
    }
}

impl DiskSink {
    /// Takes messages, in their order; waits while earlier ones are being written.
    pub async fn take(&mut self, batch: Arc<Batch>) -> Result<(), Problem> {
        match self.items.send(Item::Batch(batch)).await {
            Ok(()) => Ok(()),
            // The thread has ended, and says why.
            Err(_) => Err(self.outcome().await.err().unwrap_or_else(|| self.ended())),
        }
    }

    /// Writes what is left and closes the file. How many messages are in it.
    pub async fn close(mut self) -> Result<u64, Problem> {
        // Whether it went well or not is told by the outcome.
        let _ = self.items.send(Item::End).await;
        self.outcome().await
    }

    async fn outcome(&mut self) -> Result<u64, Problem> {
        if let Some(outcome) = &self.outcome {
            return outcome.clone();
        }
        let outcome = match (&mut self.result).await {
            Ok(result) => result.map_err(|error| error.explain()),
            Err(_) => Err(self.ended()),
        };
        self.outcome = Some(outcome.clone());
        outcome
    }

    fn ended(&self) -> Problem {
        RecordingError::Ended { path: shown(&self.path) }.explain()
    }
}

/// What is done with the messages.
pub(super) trait Work {
    fn add(&mut self, batch: &Batch) -> Result<(), RecordingError>;

    /// Writes the end; the file, and how many messages are in it.
    fn finish(self) -> Result<(File, u64), RecordingError>;
}

struct ExportWork {
    path: PathBuf,
    export: Export<BufWriter<File>>,
}

impl Work for ExportWork {
    fn add(&mut self, batch: &Batch) -> Result<(), RecordingError> {
        self.export.add(batch).map_err(|error| error.about(|error| disk::not_written(&self.path, error)))
    }

    fn finish(self) -> Result<(File, u64), RecordingError> {
        let failed = |error: &io::Error| disk::not_written(&self.path, error);
        let messages = self.export.messages();
        let out = self.export.finish().map_err(|error| error.about(failed))?;
        let file = out.into_inner().map_err(|error| failed(error.error()))?;
        Ok((file, messages))
    }
}

/// Begins such work on a thread of its own.
pub(super) async fn start<W: Work>(
    destination: Destination,
    begin: impl FnOnce(&mut Writing) -> Result<W, RecordingError> + Send + 'static,
) -> Result<DiskSink, Problem> {
    let (items, mut taken) = mpsc::channel(QUEUE);
    let (answer, result) = oneshot::channel();
    let (began, has_begun) = oneshot::channel();
    let path = destination.path().to_owned();
    let run = move || {
        let mut writing = match Writing::begin(&destination) {
            Ok(writing) => writing,
            Err(error) => return drop(began.send(Err(disk::refused(&error)))),
        };
        let work = match begin(&mut writing) {
            Ok(work) => work,
            Err(error) => return drop(began.send(Err(error))),
        };
        // Whoever asked may be gone: then there is nothing to take either.
        let _ = began.send(Ok(()));
        if let Some(result) = write_all(work, writing, &mut taken) {
            let _ = answer.send(result);
        }
    };
    let failed = |error: RecordingError| error.explain();
    std::thread::Builder::new()
        .name("export".into())
        .spawn(run)
        .map_err(|error| failed(disk::not_written(&path, &error)))?;
    let ended = || RecordingError::Ended { path: shown(&path) };
    has_begun.await.unwrap_or_else(|_| Err(ended())).map_err(failed)?;
    Ok(DiskSink { path, items, result, outcome: None })
}

/// Writes what comes; nothing to tell if it was given up.
fn write_all(
    mut work: impl Work,
    writing: Writing,
    taken: &mut mpsc::Receiver<Item>,
) -> Option<Result<u64, RecordingError>> {
    while let Item::Batch(batch) = taken.blocking_recv()? {
        if let Err(error) = work.add(&batch) {
            return Some(Err(error));
        }
    }
    let keep = |(written, messages): (File, u64)| {
        writing.keep(&written).map(|_| messages).map_err(|error| disk::refused(&error))
    };
    Some(work.finish().and_then(keep))
}
