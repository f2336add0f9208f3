//! What an inspection writes to the disk as messages come: the ring, the recording, and messages that wait for either.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::super::InspectError;
use super::{Away, FILE_LIMIT, FINISH_LIMIT, Job, too_slow};
use crate::flow::port::Recorder;
use crate::model::destination::Destination;
use crate::model::problem::{Explain as _, Problem};
use crate::msg::telemetry::{TelemetryEvent, TriggerPlan};
use crate::telemetry::batch::Batch;
use crate::telemetry::recording::{RecorderState, RecordingFacts};
use crate::telemetry::trigger::Fired;

/// Messages that a writer could not take yet: nothing else is read before they are.
pub(super) struct Held {
    pub(super) batch: Arc<Batch>,
    pub(super) for_ring: bool,
    pub(super) for_recording: bool,
}

/// Waits until the writer that messages are held for takes them.
pub(super) async fn writer_ready(
    held: Option<&Held>,
    ring: Option<&Arc<dyn Recorder>>,
    recording: Option<&Arc<dyn Recorder>>,
) {
    let Some(held) = held else { return };
    for (_, writer) in
        [(held.for_ring, ring), (held.for_recording, recording)].into_iter().filter(|(wanted, _)| *wanted)
    {
        if let Some(writer) = writer {
            writer.ready().await;
        }
    }
}

impl Job {
    /// Begins the ring and the recording; without a recording that was asked for nothing else begins.
    pub(super) async fn begin_recording(&mut self) -> Result<(), Problem> {
        if let Some(plan) = self.setup.start.ring {
            let ring = timeout(FILE_LIMIT, self.setup.recordings.ring(plan, self.about())).await;
            match ring.unwrap_or_else(|_| Err(too_slow(std::path::Path::new("ring")))) {
                Ok(ring) => self.ring = Some(ring),
                Err(problem) => self.warn(problem).await,
            }
        }
        if let Some(destination) = self.setup.start.record.take() {
            self.record(destination).await?;
        }
        self.is_recording_changed |= self.ring.is_some() || self.recording.is_some();
        Ok(())
    }

    pub(super) fn about(&self) -> RecordingFacts {
        RecordingFacts { facts: self.setup.about.clone() }
    }

    pub(super) async fn record(&mut self, destination: Destination) -> Result<(), Problem> {
        if self.player.is_some() {
            return Err(InspectError::IsRecording { what: "recording" }.explain());
        }
        if let Some(running) = &self.recording {
            let path = running.state().path.display().to_string();
            return Err(InspectError::RecordsAlready { path }.explain());
        }
        self.is_recording_changed = true;
        let destination = self.guarded(destination);
        let path = destination.path().to_owned();
        let begun = timeout(FILE_LIMIT, self.setup.recordings.create(destination, self.about())).await;
        self.recording = Some(begun.unwrap_or_else(|_| Err(too_slow(&path)))?);
        Ok(())
    }

    /// Watches for what a trigger says.
    pub(super) async fn set_trigger(&mut self, plan: Option<TriggerPlan>) {
        let (query, record) = plan.map_or((None, None), |plan| (Some(plan.query), plan.record));
        self.record_when_fired = record;
        if let Err(problem) = self.inspector.set_trigger(query.as_ref()) {
            self.record_when_fired = None;
            self.tell(TelemetryEvent::TriggerRefused(Box::new(problem))).await;
        }
    }

    /// The trigger fired: a recording that was to begin with it has the message it fired on.
    pub(super) async fn triggered(&mut self, fired: Vec<Fired>, count: u64, batch: &Arc<Batch>) {
        if let Some(destination) = self.record_when_fired.take()
            && self.recording.is_none()
        {
            match self.record(destination).await {
                Ok(()) => {
                    if let Some(recording) = &self.recording {
                        // A writer that was just opened has room.
                        let _ = recording.write(batch);
                    }
                }
                Err(problem) => self.warn(problem).await,
            }
        }
        self.tell(TelemetryEvent::Triggered { fired, count }).await;
    }

    pub(super) async fn stop_recording(&mut self) {
        if let Some(held) = &mut self.held {
            held.for_recording = false;
        }
        if let Some(recording) = self.recording.take() {
            self.away.push(Box::pin(async move { Away::Closed(recording.finish().await) }));
        }
        self.offer_held().await;
    }

    pub(super) async fn keep_last(&mut self, span: Duration, destination: Destination) {
        match self.ring.clone() {
            Some(ring) => {
                self.away.push(Box::pin(async move { Away::Kept(ring.keep_last(span, destination).await) }));
            }
            None => self.tell(TelemetryEvent::Kept(Err(InspectError::NoRing.explain()))).await,
        }
    }

    /// Messages: onto the disk first, so that what is shown is recorded, then into the store.
    pub(super) async fn take(&mut self, batch: Arc<Batch>) {
        let Some(batch) = self.within_limit(batch) else { return };
        self.held = Some(Held { for_ring: self.ring.is_some(), for_recording: self.recording.is_some(), batch });
        self.offer_held().await;
    }

    /// Takes messages in once the writers have taken them.
    pub(super) async fn offer_held(&mut self) {
        let Some(held) = &mut self.held else { return };
        for (is_wanted, writer) in [(&mut held.for_ring, &self.ring), (&mut held.for_recording, &self.recording)] {
            if *is_wanted {
                *is_wanted = writer.as_ref().is_some_and(|writer| !writer.write(&held.batch));
                self.is_recording_changed = true;
            }
        }
        if held.for_ring || held.for_recording {
            return;
        }
        if let Some(Held { batch, .. }) = self.held.take() {
            self.ingest(batch).await;
        }
    }

    pub(super) async fn tell_recording(&mut self) {
        self.is_recording_changed = false;
        self.recording_told = Some(Instant::now());
        let recorder = self.recording.as_ref().map(|recording| recording.state());
        let ring = self.ring.as_ref().map(|ring| ring.state());
        for (place, state) in [&recorder, &ring].into_iter().enumerate() {
            let problem = state.as_ref().and_then(|state| state.problem.clone());
            let code = problem.as_ref().map(|problem| problem.code);
            // Told once, not every second.
            if let Some(problem) = problem.filter(|_| self.recorder_problems[place] != code) {
                self.warn(problem).await;
            }
            self.recorder_problems[place] = code;
        }
        let has_failed = recorder.as_ref().is_some_and(|state| state.problem.is_some());
        self.tell(TelemetryEvent::Recording { recorder, ring }).await;
        if has_failed {
            // What can write nothing more isn't recording any more.
            self.stop_recording().await;
        }
    }

    pub(super) async fn finish_recorders(&mut self) {
        let (recording, ring) = (self.recording.take(), self.ring.take());
        let (mut states, mut is_gone) = ([None, None], false);
        for (place, recorder) in [recording, ring].into_iter().enumerate() {
            let Some(recorder) = recorder else { continue };
            // What never had anything to record doesn't bar the place for the next try.
            if place == 0 && !self.was_connected && timeout(FINISH_LIMIT, recorder.discard()).await.unwrap_or(false) {
                is_gone = true;
                continue;
            }
            let finished = timeout(FINISH_LIMIT, recorder.finish()).await;
            let problem = match finished.unwrap_or_else(|_| Err(too_slow(&recorder.state().path))) {
                Ok(finished) => {
                    states[place] = Some(finished);
                    continue;
                }
                Err(problem) => problem,
            };
            if self.recorder_problems[place] != Some(problem.code) {
                self.warn(problem.clone()).await;
            }
            states[place] = Some(RecorderState { problem: Some(problem), ..recorder.state() });
        }
        let [recorder, ring] = states;
        if recorder.is_some() || ring.is_some() || is_gone {
            self.tell(TelemetryEvent::Recording { recorder, ring }).await;
        }
    }
}
