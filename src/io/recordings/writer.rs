//! [`Writer`]: the recorder with its thread and its bounded queue.
//!
//! A block is written when it is full, and a second after its first message at the latest: more than that a killed
//! program does not lose. What is written is forced onto the disk every five seconds and at the end: more than that a
//! power cut does not cost; doing so for each block would wear disks out and stall the writer. With nothing to write the
//! thread sleeps.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use super::copy::{self, Kept};
use super::disk::{self, shown};
use super::output::Output;
use crate::flow::port::{Boxed, Recorder};
use crate::io::save;
use crate::model::destination::Destination;
use crate::model::problem::{Explain as _, Problem};
use crate::telemetry::batch::Batch;
use crate::telemetry::recording::{Packer, RecorderState, RecordingError};

/// Most batches that wait.
const QUEUE_BATCHES: usize = 4096;
/// Most bytes that wait; one batch may always.
const QUEUE_BYTES: usize = 64 * 1024 * 1024;
/// How long a message waits for its block to be written.
const FLUSH_AFTER: Duration = Duration::from_secs(1);
/// How long what is written waits to be forced onto the disk.
const SYNC_AFTER: Duration = Duration::from_secs(5);

/// A recorder. Dropped, it finishes by itself.
pub(super) struct Writer {
    shared: Arc<Shared>,
}

/// What callers and the thread share.
struct Shared {
    queue: Mutex<Queue>,
    /// There is work.
    wake: Condvar,
    /// There is room.
    room: Notify,
    state: Mutex<RecorderState>,
}

#[derive(Default)]
struct Queue {
    work: VecDeque<Work>,
    batches: usize,
    bytes: usize,
    /// Nobody will add anything: the recorder was dropped, or it was finished.
    is_closed: bool,
}

enum Work {
    Batch(Arc<Batch>),
    /// Tell which files and blocks hold the newest of a ring.
    Keep(Duration, oneshot::Sender<Result<Kept, RecordingError>>),
    Finish(oneshot::Sender<()>),
    /// Close it, and take it away if there is no message in it: whether it is gone.
    Discard(oneshot::Sender<bool>),
}

/// What the thread has to do next.
enum Turn {
    Work(Work),
    /// The time given has passed.
    Timeout,
    Closed,
}

impl Writer {
    pub(super) fn start(output: Output) -> Result<Arc<Self>, RecordingError> {
        let path = output.state().path;
        let failed = |error: std::io::Error| disk::write_error(&path, &error);
        let packer = Packer::new().map_err(failed)?;
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            wake: Condvar::new(),
            room: Notify::new(),
            state: Mutex::new(output.state()),
        });
        let name = if matches!(output, Output::Ring(_)) { "ring" } else { "recording" };
        let mut thread = Thread { shared: Arc::clone(&shared), output, packer, last_arrival: None, is_stopped: false };
        std::thread::Builder::new().name(name.into()).spawn(move || thread.run()).map_err(failed)?;
        Ok(Arc::new(Self { shared }))
    }

    /// Puts a request behind the batches that wait. False once the recorder is finished.
    fn ask(&self, work: Work) -> bool {
        let mut queue = self.shared.queue();
        if queue.is_closed {
            return false;
        }
        queue.work.push_back(work);
        self.shared.wake.notify_one();
        true
    }

    fn ended(&self) -> Problem {
        RecordingError::Ended { path: shown(&self.state().path) }.explain()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.queue().is_closed = true;
        self.shared.wake.notify_one();
    }
}

impl Recorder for Writer {
    fn write(&self, batch: &Arc<Batch>) -> bool {
        let mut queue = self.shared.queue();
        if queue.is_closed {
            // There is no file any more that it could go into, and waiting would not bring one.
            return true;
        }
        if !queue.has_room(batch.bytes()) {
            return false;
        }
        queue.batches += 1;
        queue.bytes += batch.bytes();
        queue.work.push_back(Work::Batch(Arc::clone(batch)));
        self.shared.wake.notify_one();
        true
    }

    fn ready(&self) -> Boxed<'_, ()> {
        Box::pin(async move {
            loop {
                let room = self.shared.room.notified();
                {
                    let queue = self.shared.queue();
                    // Half of it, so that not every batch waits anew.
                    if queue.is_closed || (queue.batches <= QUEUE_BATCHES / 2 && queue.bytes <= QUEUE_BYTES / 2) {
                        return;
                    }
                }
                room.await;
            }
        })
    }

    fn state(&self) -> RecorderState {
        self.shared.state().clone()
    }

    fn keep_last(&self, span: Duration, destination: Destination) -> Boxed<'_, Result<RecorderState, Problem>> {
        Box::pin(async move {
            let (answer, kept) = oneshot::channel();
            if !self.ask(Work::Keep(span, answer)) {
                return Err(self.ended());
            }
            let kept = kept.await.map_err(|_| self.ended())?.map_err(|error| error.explain())?;
            let path = destination.path().to_owned();
            let keep = move || copy::write_to(kept, &save::settled(destination));
            super::blocking("recording-keep", &path, keep).await
        })
    }

    fn finish(&self) -> Boxed<'_, Result<RecorderState, Problem>> {
        Box::pin(async move {
            let (answer, done) = oneshot::channel();
            if self.ask(Work::Finish(answer)) {
                done.await.map_err(|_| self.ended())?;
            }
            let state = self.state();
            match &state.problem {
                Some(problem) => Err(problem.clone()),
                None => Ok(state),
            }
        })
    }

    fn discard(&self) -> Boxed<'_, bool> {
        Box::pin(async move {
            let (answer, done) = oneshot::channel();
            self.ask(Work::Discard(answer)) && done.await.unwrap_or(false)
        })
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, RecorderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next piece of work, at most until then.
    fn take(&self, until: Option<Instant>) -> Turn {
        let mut queue = self.queue();
        loop {
            if let Some(work) = queue.work.pop_front() {
                if let Work::Batch(batch) = &work {
                    queue.batches -= 1;
                    queue.bytes -= batch.bytes();
                    if queue.batches <= QUEUE_BATCHES / 2 && queue.bytes <= QUEUE_BYTES / 2 {
                        self.room.notify_waiters();
                    }
                }
                return Turn::Work(work);
            }
            if queue.is_closed {
                return Turn::Closed;
            }
            let Some(until) = until else {
                queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Turn::Timeout;
            }
            queue = self.wake.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Queue {
    const fn has_room(&self, bytes: usize) -> bool {
        self.batches == 0 || (self.batches < QUEUE_BATCHES && self.bytes.saturating_add(bytes) <= QUEUE_BYTES)
    }
}

/// What the thread owns.
struct Thread {
    shared: Arc<Shared>,
    output: Output,
    packer: Packer,
    /// Monotonic time of the newest message, and when it came here.
    last_arrival: Option<(u64, Instant)>,
    /// Nothing more is written: the disk is full, say.
    is_stopped: bool,
}

impl Thread {
    fn run(&mut self) {
        let (mut flush_at, mut sync_at) = (None, None);
        loop {
            let until = [flush_at, sync_at].into_iter().flatten().min();
            let mut has_more = false;
            match self.shared.take(until) {
                Turn::Work(Work::Batch(batch)) => {
                    self.batch(&batch);
                    has_more = true;
                }
                Turn::Work(Work::Keep(span, answer)) => {
                    self.seal();
                    // Nobody waits for it any more: then it is not needed.
                    let _ = answer.send(self.kept(span));
                }
                Turn::Work(Work::Finish(answer)) => {
                    self.close();
                    let _ = answer.send(());
                    return;
                }
                Turn::Work(Work::Discard(answer)) => {
                    let is_gone = self.packer.is_empty() && self.output.discard();
                    if is_gone {
                        self.shut();
                    } else {
                        self.close();
                    }
                    let _ = answer.send(is_gone);
                    return;
                }
                Turn::Closed => return self.close(),
                Turn::Timeout => {}
            }
            let now = Instant::now();
            if flush_at.is_some_and(|at| at <= now) {
                self.seal();
            }
            // What is left over when the disk is full is never written.
            let is_waiting = !self.packer.is_empty() && !self.is_stopped;
            flush_at = if is_waiting { flush_at.or(Some(now + FLUSH_AFTER)) } else { None };
            if self.is_stopped {
                sync_at = None;
            } else if sync_at.is_some_and(|at| at <= now) {
                let synced = self.output.sync();
                self.note(synced);
                sync_at = None;
            } else if sync_at.is_none() && has_more {
                sync_at = Some(now + SYNC_AFTER);
            }
        }
    }

    fn batch(&mut self, batch: &Batch) {
        if let Some(last) = batch.iter().last() {
            self.last_arrival = Some((last.mono_micros, Instant::now()));
        }
        if self.is_stopped {
            return;
        }
        let (output, mut written) = (&mut self.output, None);
        let packed = self.packer.add(batch, |sealed| {
            if !matches!(written, Some(Err(_))) {
                written = Some(output.block(sealed));
            }
            Ok(())
        });
        if let Err(error) = packed {
            written = Some(Err(self.not_packed(&error)));
        }
        if let Some(written) = written {
            self.note(written);
        }
    }

    /// Writes what waits for its block to get full.
    fn seal(&mut self) {
        if self.packer.is_empty() || self.is_stopped {
            return;
        }
        let written = match self.packer.seal() {
            Ok(sealed) => self.output.block(sealed),
            Err(error) => Err(self.not_packed(&error)),
        };
        self.note(written);
    }

    /// The compressor has no memory left, say.
    fn not_packed(&self, error: &std::io::Error) -> RecordingError {
        disk::write_error(&self.output.state().path, error)
    }

    fn kept(&self, span: Duration) -> Result<Kept, RecordingError> {
        let Output::Ring(ring) = &self.output else { return Err(RecordingError::NotARing) };
        let now = self.last_arrival.map(|(mono, at)| {
            let since = u64::try_from(at.elapsed().as_micros()).unwrap_or(u64::MAX);
            mono.saturating_add(since)
        });
        ring.kept(now.unwrap_or_default(), span)
    }

    fn close(&mut self) {
        self.seal();
        let finished = if self.is_stopped { Ok(()) } else { self.output.finish() };
        if matches!(self.output, Output::Ring(_)) && self.is_stopped {
            // Its files go in any case.
            let _ = self.output.finish();
        }
        self.note(finished);
        self.shut();
    }

    fn shut(&self) {
        let mut queue = self.shared.queue();
        queue.is_closed = true;
        // Requests that came in behind the last one get no answer, which tells their senders.
        queue.work.clear();
        drop(queue);
        self.shared.room.notify_waiters();
    }

    /// Tells how it stands, and stops after the first error.
    fn note(&mut self, result: Result<(), RecordingError>) {
        let mut state = self.shared.state();
        let problem = state.problem.take().or_else(|| result.err().map(|error| error.explain()));
        self.is_stopped = problem.is_some();
        *state = RecorderState { problem, ..self.output.state() };
    }
}
