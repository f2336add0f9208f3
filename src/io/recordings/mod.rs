//! Recordings on disk: [`DiskRecordings`].
//!
//! Every recorder and every playback has one named thread that does all work on its file; what is called from a task
//! never waits for the disk. The format is that of [`crate::telemetry::recording`].

pub mod bundle;
mod copy;
mod disk;
pub mod export;
mod output;
mod playback;
mod ring;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::oneshot;

use self::disk::shown;
use self::output::{FileOutput, Output};
use self::playback::DiskPlayback;
use self::ring::RingOutput;
use self::writer::Writer;
use super::files::make_private_folder;
use crate::flow::port::{Boxed, Playback, Recorder, Recordings};
use crate::model::destination::Destination;
use crate::model::problem::{Explain as _, Problem};
use crate::telemetry::curves::Numbers;
use crate::telemetry::recording::{LeftOut, RecordingError, RecordingFacts, RingPlan};

/// Recordings in files, and rings below the program's data folder.
pub struct DiskRecordings {
    /// Where rings lie, and what is left of those whose program was cut off.
    folder: PathBuf,
}

impl DiskRecordings {
    /// Keeps rings below that data folder. Touches nothing yet.
    pub fn new(data_root: impl AsRef<Path>) -> Self {
        Self { folder: data_root.as_ref().join("telemetry") }
    }

    /// Where recordings go that a person named no place for.
    fn usual_folder(&self) -> PathBuf {
        self.folder.with_file_name("recordings")
    }

    /// Recordings made of the rings of programs that were cut off, the newest last. Made when the next ring begins.
    pub fn left_behind(&self) -> Vec<PathBuf> {
        ring::left_behind(&self.folder)
    }
}

/// The numbers in a recording, field by field, and what of it they lack. Blocks.
pub fn numbers(path: &Path) -> Result<(Vec<Numbers>, LeftOut), RecordingError> {
    playback::numbers(path)
}

/// Makes the folder of recordings that a person named no place for. If it cannot be made, writing there says why.
fn make_usual(folder: &Path) {
    let _ = make_private_folder(folder);
}

impl Recordings for DiskRecordings {
    fn create(&self, destination: Destination, about: RecordingFacts) -> Boxed<'_, Result<Arc<dyn Recorder>, Problem>> {
        Box::pin(async move {
            let name = destination.path().to_owned();
            let usual = self.usual_folder();
            let output = blocking("recording-open", &name, move || {
                make_usual(&usual);
                FileOutput::create_at(destination, &about)
            })
            .await?;
            Ok(Writer::start(Output::File(output)).map_err(|error| error.explain())? as Arc<dyn Recorder>)
        })
    }

    fn ring(&self, plan: RingPlan, about: RecordingFacts) -> Boxed<'_, Result<Arc<dyn Recorder>, Problem>> {
        let folder = self.folder.clone();
        Box::pin(async move {
            let name = folder.clone();
            let usual = self.usual_folder();
            let output = blocking("recording-open", &name, move || {
                make_usual(&usual);
                RingOutput::create(&folder, plan, about)
            })
            .await?;
            Ok(Writer::start(Output::Ring(output)).map_err(|error| error.explain())? as Arc<dyn Recorder>)
        })
    }

    fn open<'a>(&'a self, path: &'a Path) -> Boxed<'a, Result<Box<dyn Playback>, Problem>> {
        Box::pin(async move {
            let playback = DiskPlayback::open(path).await.map_err(|error| error.explain())?;
            Ok(Box::new(playback) as Box<dyn Playback>)
        })
    }
}

/// Does something that waits for the disk on a thread of that name.
async fn blocking<T: Send + 'static>(
    name: &str,
    path: &Path,
    work: impl FnOnce() -> Result<T, RecordingError> + Send + 'static,
) -> Result<T, Problem> {
    let (done, result) = oneshot::channel();
    let run = move || {
        // Nobody listens any more: then nobody wants it.
        let _ = done.send(work());
    };
    let started = std::thread::Builder::new().name(name.into()).spawn(run);
    let ended = || RecordingError::Ended { path: shown(path) };
    let result = match started {
        Ok(_) => result.await.unwrap_or_else(|_| Err(ended())),
        Err(error) => Err(disk::write_error(path, &error)),
    };
    result.map_err(|error| error.explain())
}
