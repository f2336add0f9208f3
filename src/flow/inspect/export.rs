//! Exports under way: messages out of the store, or out of the recording that is played, into a file, piece by piece, so that
//! nothing else waits for the disk.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt as _};

use crate::flow::port::{Boxed, Bundle, ExportSink, InspectionFiles, Playback, Recordings};
use crate::model::destination::Destination;
use crate::model::problem::Problem;
use crate::msg::telemetry::{ExportForm, TelemetryEvent};
use crate::telemetry::batch::{Batch, Missed};
use crate::telemetry::inspector::{Filter, Inspector};
use crate::telemetry::recording::{LeftOut, RecordingFacts};
use crate::telemetry::view::MessageId;

/// All exports under way.
#[derive(Default)]
pub(super) struct Exports {
    next: u64,
    running: Vec<Export>,
    away: FuturesUnordered<Boxed<'static, Back>>,
    /// Why an export that has ended left messages out, until it is told.
    left_out: Vec<Problem>,
}

struct Export {
    id: u64,
    path: PathBuf,
    filter: Filter,
    /// What is left of the store: the next message, and the last one. Nothing for a recording.
    rest: Option<(MessageId, MessageId)>,
    /// The recording, unless it is being read.
    playback: Option<Box<dyn Playback>>,
    is_of_recording: bool,
    sink: Option<Box<dyn ExportSink>>,
    written: u64,
    /// What the recording lacks, and why.
    left_out: LeftOut,
    /// Messages that were lost while it was recorded.
    lost: u64,
    repaired: Option<Problem>,
}

type Opened = (Box<dyn ExportSink>, Option<Box<dyn Playback>>);

/// What comes back from the disk.
pub(super) enum Back {
    /// The file is open.
    Opened { id: u64, result: Result<Opened, Problem> },
    /// It has taken what it was given.
    Wrote { id: u64, result: Result<Box<dyn ExportSink>, Problem> },
    /// Messages of the recording; none at its end.
    Read { id: u64, playback: Box<dyn Playback>, read: Result<Option<Arc<Batch>>, Problem> },
    /// The file is closed.
    Finished { id: u64, result: Result<(), Problem> },
}

/// What an export writes.
pub(super) enum Kind {
    /// Messages alone.
    Messages(ExportForm, RecordingFacts),
    /// Everything that support wants.
    Bundle(Box<Bundle>),
}

impl Exports {
    /// Begins an export: of the recording at that path, or of everything that is held now.
    pub(super) fn begin(
        &mut self,
        destination: Destination,
        kind: Kind,
        filter: Filter,
        inspector: &Inspector,
        recording: Option<(PathBuf, Arc<dyn Recordings>)>,
        files: Arc<dyn InspectionFiles>,
    ) {
        self.next += 1;
        let id = self.next;
        let is_of_recording = recording.is_some();
        let rest = if is_of_recording { None } else { inspector.held() };
        let path = destination.path().to_owned();
        let destination = destination.made_from(recording.iter().map(|(path, _)| path.clone()));
        let (playback, sink, written) = (None, None, 0);
        let (left_out, repaired) = (LeftOut::default(), None);
        let export =
            Export { id, path, filter, rest, playback, is_of_recording, sink, written, left_out, lost: 0, repaired };
        self.running.push(export);
        self.away.push(Box::pin(async move {
            let open = async {
                let playback = match recording {
                    Some((path, recordings)) => Some(recordings.open(&path).await?),
                    None => None,
                };
                let sink = match kind {
                    Kind::Messages(form, about) => files.export(destination, form, about).await?,
                    Kind::Bundle(bundle) => files.bundle(destination, *bundle).await?,
                };
                Ok((sink, playback))
            };
            Back::Opened { id, result: open.await }
        }));
    }

    /// Why the last export that ended left messages out without being asked to.
    pub(super) fn left_out(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.left_out)
    }

    /// What comes back next; never while none is under way. Safe to drop at any point.
    pub(super) async fn next(&mut self) -> Back {
        match self.away.next().await {
            Some(back) => back,
            None => std::future::pending().await,
        }
    }

    /// Goes on with the export that something came back for. Takes no longer than a slice. The answer is told.
    pub(super) fn go_on(&mut self, back: Back, inspector: &Inspector) -> Option<TelemetryEvent> {
        let id = match &back {
            Back::Opened { id, .. } | Back::Wrote { id, .. } | Back::Read { id, .. } | Back::Finished { id, .. } => *id,
        };
        let place = self.running.iter().position(|export| export.id == id)?;
        let export = &mut self.running[place];
        let on = match back {
            Back::Opened { result, .. } => result.map(|(sink, playback)| {
                (export.sink, export.playback) = (Some(sink), playback);
                export.step(inspector)
            }),
            Back::Wrote { result, .. } => result.map(|sink| {
                export.sink = Some(sink);
                export.step(inspector)
            }),
            Back::Read { playback, read, .. } => read.map(|batch| {
                if batch.is_none() {
                    export.left_out = playback.left_out();
                    export.repaired = playback.repaired().filter(|_| !export.left_out.is_nothing());
                }
                export.playback = Some(playback);
                match batch {
                    Some(batch) => {
                        let Missed { dropped, oversize, malformed, .. } = batch.missed;
                        export.lost += dropped + oversize + malformed;
                        let wanted = export.filter.sift(batch);
                        export.write(wanted)
                    }
                    None => export.finish(),
                }
            }),
            Back::Finished { result, .. } => {
                let export = self.running.swap_remove(place);
                self.left_out.extend(export.filter.problem().into_iter().chain(export.repaired));
                let Export { path, written, mut left_out, lost, .. } = export;
                // What was lost while it was recorded is in no recording, and the export has a gap there.
                left_out.messages += lost;
                return Some(TelemetryEvent::Exported { path, result: result.map(|()| written), left_out });
            }
        };
        match on {
            Ok(Some(future)) => {
                self.away.push(future);
                None
            }
            // Its sink is gone: it cannot go on.
            Ok(None) => {
                self.running.swap_remove(place);
                None
            }
            Err(problem) => {
                let export = self.running.swap_remove(place);
                Some(TelemetryEvent::Exported { path: export.path, result: Err(problem), left_out: export.left_out })
            }
        }
    }
}

impl Export {
    /// Writes or reads the next piece, or closes the file.
    fn step(&mut self, inspector: &Inspector) -> Option<Boxed<'static, Back>> {
        if self.is_of_recording {
            return self.read();
        }
        match self.rest {
            Some((next, last)) => {
                let (batch, then) = inspector.slice(&self.filter, next, last);
                self.rest = then.map(|then| (then, last));
                self.write(Arc::new(batch))
            }
            None => self.finish(),
        }
    }

    fn read(&mut self) -> Option<Boxed<'static, Back>> {
        let (id, mut playback) = (self.id, self.playback.take()?);
        Some(Box::pin(async move {
            let read = playback.next().await;
            Back::Read { id, playback, read }
        }))
    }

    fn write(&mut self, batch: Arc<Batch>) -> Option<Boxed<'static, Back>> {
        self.written += batch.len() as u64;
        let (id, mut sink) = (self.id, self.sink.take()?);
        Some(Box::pin(async move {
            let result = sink.write(batch).await.map(|()| sink);
            Back::Wrote { id, result }
        }))
    }

    fn finish(&mut self) -> Option<Boxed<'static, Back>> {
        let (id, sink) = (self.id, self.sink.take()?);
        Some(Box::pin(async move { Back::Finished { id, result: sink.finish().await } }))
    }
}
