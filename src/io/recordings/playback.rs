//! [`DiskPlayback`]: a recording that is read by a thread of its own, a little ahead of who takes from it.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::disk::{self, FileSource, shown};
use crate::flow::port::{Boxed, Playback};
use crate::model::problem::{Explain as _, Problem};
use crate::telemetry::batch::Batch;
use crate::telemetry::curves::{Gathered, Numbers};
use crate::telemetry::recording::reader::{OpenError, Reader, Source as _};
use crate::telemetry::recording::{LeftOut, RecorderState, RecordingError, RecordingFacts, Repairs, VERSION};

/// Batches that are read ahead. With the one that waits to be sent that is about a block.
const AHEAD: usize = 2;

/// A recording that is being read.
pub(super) struct DiskPlayback {
    state: RecorderState,
    facts: RecordingFacts,
    /// What had to be repaired in what was taken; the thread is ahead of that.
    repairs: Repairs,
    requests: mpsc::Sender<Request>,
    batches: mpsc::Receiver<Read>,
}

/// What was read next; no batch at the end.
struct Read {
    batch: Result<Option<Batch>, RecordingError>,
    /// What had to be repaired up to there.
    repairs: Repairs,
}

/// Read from there on, into a channel of its own: what was read ahead of the jump goes with the old one.
struct Request {
    from_unix_micros: Option<i64>,
    batches: mpsc::Sender<Read>,
}

/// What opening found.
struct Opened {
    state: RecorderState,
    facts: RecordingFacts,
    repairs: Repairs,
}

impl DiskPlayback {
    pub(super) async fn open(path: &Path) -> Result<Self, RecordingError> {
        let ended = || RecordingError::Ended { path: shown(path) };
        let (answer, opened) = oneshot::channel();
        let (requests, asked) = mpsc::channel(1);
        let path_there = path.to_owned();
        let run = move || match open_reader(&path_there) {
            // Nobody waits for it any more: the thread ends with its first request.
            Err(error) => drop(answer.send(Err(error))),
            Ok((reader, opened)) => {
                if answer.send(Ok(opened)).is_ok() {
                    serve(reader, &path_there, asked);
                }
            }
        };
        std::thread::Builder::new()
            .name("playback".into())
            .spawn(run)
            .map_err(|error| disk::read_error(path, &error))?;
        let Opened { state, facts, repairs } = opened.await.map_err(|_| ended())??;
        let (sender, batches) = mpsc::channel(AHEAD);
        requests.send(Request { from_unix_micros: None, batches: sender }).await.map_err(|_| ended())?;
        Ok(Self { state, facts, repairs, requests, batches })
    }
}

fn open_reader(path: &Path) -> Result<(Reader<FileSource>, Opened), RecordingError> {
    let file = FileSource(disk::open(path)?);
    let file_bytes = file.length().map_err(|error| disk::read_error(path, &error))?;
    let reader = Reader::open(file).map_err(|error| match error {
        OpenError::NotARecording => RecordingError::NotARecording { path: shown(path) },
        OpenError::TooNew(found) => RecordingError::TooNew { path: shown(path), found, known: VERSION },
        OpenError::Io(error) => disk::read_error(path, &error),
    })?;
    let state = RecorderState {
        path: path.to_owned(),
        messages: reader.messages(),
        file_bytes,
        span_unix_micros: reader.span_unix_micros(),
        problem: None,
    };
    let (facts, repairs) = (reader.facts().clone(), reader.repairs().clone());
    Ok((reader, Opened { state, facts, repairs }))
}

/// The numbers of a whole recording, and what of it they lack.
pub(super) fn numbers(path: &Path) -> Result<(Vec<Numbers>, LeftOut), RecordingError> {
    let (mut reader, _) = open_reader(path)?;
    let mut gathered = Gathered::default();
    while let Some(batch) = reader.next_batch().map_err(|error| disk::read_error(path, &error))? {
        gathered.take(&batch);
    }
    Ok((gathered.curves(), reader.repairs().left_out))
}

/// Reads on request, until nobody can ask any more.
fn serve(mut reader: Reader<FileSource>, path: &Path, mut asked: mpsc::Receiver<Request>) {
    while let Some(Request { from_unix_micros, batches }) = asked.blocking_recv() {
        let mut sought = from_unix_micros.map_or(Ok(()), |from| reader.seek(from));
        loop {
            let read = sought.and_then(|()| reader.next_batch());
            sought = Ok(());
            let is_end = !matches!(read, Ok(Some(_)));
            let batch = read.map_err(|error| disk::read_error(path, &error));
            // Nobody takes it: they have jumped elsewhere, or are gone.
            if batches.blocking_send(Read { batch, repairs: reader.repairs().clone() }).is_err() || is_end {
                break;
            }
        }
    }
}

impl Playback for DiskPlayback {
    fn state(&self) -> RecorderState {
        self.state.clone()
    }

    fn facts(&self) -> RecordingFacts {
        self.facts.clone()
    }

    fn repaired(&self) -> Option<Problem> {
        self.repairs.explain()
    }

    fn left_out(&self) -> LeftOut {
        self.repairs.left_out
    }

    fn next(&mut self) -> Boxed<'_, Result<Option<Arc<Batch>>, Problem>> {
        Box::pin(async move {
            let Some(Read { batch, repairs }) = self.batches.recv().await else { return Ok(None) };
            self.repairs = repairs;
            Ok(batch.map_err(|error| error.explain())?.map(Arc::new))
        })
    }

    fn seek(&mut self, unix_micros: i64) -> Boxed<'_, Result<(), Problem>> {
        Box::pin(async move {
            let (sender, batches) = mpsc::channel(AHEAD);
            // The old channel goes first: the thread may be waiting for room in it.
            self.batches = batches;
            let request = Request { from_unix_micros: Some(unix_micros), batches: sender };
            let ended = |_| RecordingError::Ended { path: shown(&self.state.path) }.explain();
            self.requests.send(request).await.map_err(ended)
        })
    }
}
