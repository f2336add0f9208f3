//! [`DiskSink`]: messages into a file of another form, or into a bundle for support, on a thread of its own.
//!
//! The file comes into being under another name and gets its own at the end: what stands there is whole, and an export
//! that fails or is given up leaves nothing.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::disk::{self, shown};
use crate::flow::port::{Boxed, ExportSink};
use crate::model::problem::{Explain as _, Problem};
use crate::telemetry::batch::Batch;
use crate::telemetry::export::{Export, ExportForm};
use crate::telemetry::recording::{RecordingError, RecordingFacts};

/// Batches that wait to be written.
const QUEUE: usize = 4;
/// Bytes written at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// Begins an export into that file; one of that name is replaced at the end.
pub async fn begin(path: &Path, form: ExportForm, about: RecordingFacts) -> Result<DiskSink, Problem> {
    start(path, move |file| {
        let path = file.path.clone();
        let out = BufWriter::with_capacity(BUFFER_BYTES, file.take()?);
        let export =
            Export::new(form, out, &about).map_err(|error| error.about(|error| disk::write_error(&path, error)))?;
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
        self.export.add(batch).map_err(|error| error.about(|error| disk::write_error(&self.path, error)))
    }

    fn finish(self) -> Result<(File, u64), RecordingError> {
        let failed = |error: &io::Error| disk::write_error(&self.path, error);
        let messages = self.export.messages();
        let out = self.export.finish().map_err(|error| error.about(failed))?;
        let file = out.into_inner().map_err(|error| failed(error.error()))?;
        Ok((file, messages))
    }
}

/// Begins such work on a thread of its own.
pub(super) async fn start<W: Work>(
    path: &Path,
    begin: impl FnOnce(&mut NewFile) -> Result<W, RecordingError> + Send + 'static,
) -> Result<DiskSink, Problem> {
    let (items, mut taken) = mpsc::channel(QUEUE);
    let (answer, result) = oneshot::channel();
    let (began, has_begun) = oneshot::channel();
    let target = path.to_owned();
    let run = move || {
        let mut file = match NewFile::create(&target) {
            Ok(file) => file,
            Err(error) => return drop(began.send(Err(error))),
        };
        let work = match begin(&mut file) {
            Ok(work) => work,
            Err(error) => return drop(began.send(Err(error))),
        };
        // Whoever asked may be gone: then there is nothing to take either.
        let _ = began.send(Ok(()));
        if let Some(result) = write_all(work, file, &mut taken) {
            let _ = answer.send(result);
        }
    };
    let failed = |error: RecordingError| error.explain();
    std::thread::Builder::new()
        .name("export".into())
        .spawn(run)
        .map_err(|error| failed(disk::write_error(path, &error)))?;
    let ended = || RecordingError::Ended { path: shown(path) };
    has_begun.await.unwrap_or_else(|_| Err(ended())).map_err(failed)?;
    Ok(DiskSink { path: path.to_owned(), items, result, outcome: None })
}

/// Writes what comes; nothing to tell if it was given up.
fn write_all(
    mut work: impl Work,
    file: NewFile,
    taken: &mut mpsc::Receiver<Item>,
) -> Option<Result<u64, RecordingError>> {
    while let Item::Batch(batch) = taken.blocking_recv()? {
        if let Err(error) = work.add(&batch) {
            return Some(Err(error));
        }
    }
    Some(work.finish().and_then(|(written, messages)| file.keep(&written).map(|()| messages)))
}

/// A file under another name, which is deleted unless it is kept.
pub(super) struct NewFile {
    pub(super) path: PathBuf,
    temporary: PathBuf,
    file: Option<File>,
}

impl NewFile {
    fn create(path: &Path) -> Result<Self, RecordingError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_file_name(format!(".{name}.{}-{number}.part", std::process::id()));
        // A folder of that name would be found out only at the end.
        if path.is_dir() {
            return Err(RecordingError::NotWritten { path: shown(path), detail: "it is a folder".into() });
        }
        let file = disk::create_new(&temporary)?;
        Ok(Self { path: path.to_owned(), temporary, file: Some(file) })
    }

    /// The file, for whoever writes it.
    pub(super) fn take(&mut self) -> Result<File, RecordingError> {
        self.file.take().ok_or_else(|| RecordingError::Ended { path: shown(&self.path) })
    }

    /// Gives it its name once all of it is on the disk.
    fn keep(self, written: &File) -> Result<(), RecordingError> {
        let kept = written.sync_all().and_then(|()| fs::rename(&self.temporary, &self.path));
        kept.map_err(|error| disk::write_error(&self.path, &error))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // Gone already if it was kept.
        let _ = fs::remove_file(&self.temporary);
    }
}
