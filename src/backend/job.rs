//! The jobs that run: how to stop each of them, and how to reach those that take requests.

use std::collections::{HashMap, VecDeque};

use tokio::sync::{mpsc, watch};

use crate::flow::transcript::SharedTranscript;
use crate::model::credentials::WifiCredentials;
use crate::model::ids::JobId;
use crate::model::redact::Redactor;
use crate::msg::Request;
use crate::msg::device::DeviceRequest;

/// Transcripts of past sessions that can still be exported.
const KEPT_TRANSCRIPTS: usize = 8;

/// A job that runs.
struct Job {
    stop: watch::Sender<bool>,
    requests: Option<mpsc::Sender<Request>>,
    device: Option<mpsc::Sender<DeviceRequest>>,
    answers: Option<mpsc::Sender<Option<usize>>>,
}

/// All jobs that run, and what is kept of those that did.
pub(super) struct Jobs {
    running: HashMap<JobId, Job>,
    transcripts: VecDeque<(JobId, SharedTranscript)>,
    secrets: Redactor,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { running: HashMap::new(), transcripts: VecDeque::new(), secrets: Redactor::new([]) }
    }
}

/// Why a request did not reach its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// There is no such session any more.
    Gone,
    /// It still works on others.
    Busy,
}

impl Jobs {
    /// Registers a job; the receiver turns true when it is to stop.
    pub(super) fn add(&mut self, job: JobId, requests: Option<mpsc::Sender<Request>>) -> watch::Receiver<bool> {
        self.register(job, |stop| Job { stop, requests, device: None, answers: None })
    }

    /// Registers the management of a gateway.
    pub(super) fn add_device(&mut self, job: JobId, requests: mpsc::Sender<DeviceRequest>) -> watch::Receiver<bool> {
        self.register(job, |stop| Job { stop, requests: None, device: Some(requests), answers: None })
    }

    /// Registers a removal, which may ask something.
    pub(super) fn add_wipe(&mut self, job: JobId, answers: mpsc::Sender<Option<usize>>) -> watch::Receiver<bool> {
        self.register(job, |stop| Job { stop, requests: None, device: None, answers: Some(answers) })
    }

    fn register(&mut self, job: JobId, entry: impl FnOnce(watch::Sender<bool>) -> Job) -> watch::Receiver<bool> {
        let (stop, stopped) = watch::channel(false);
        self.running.insert(job, entry(stop));
        stopped
    }

    /// Tells a job to stop; `false` when there is none. One that has just come to its end tells that end itself.
    pub(super) fn stop(&self, job: JobId) -> bool {
        let running = self.running.get(&job);
        if let Some(job) = running {
            let _ = job.stop.send(true);
        }
        running.is_some()
    }

    /// Tells every job to stop.
    pub(super) fn stop_all(&self) {
        for job in self.running.values() {
            // A job that has ended meanwhile needs no telling.
            let _ = job.stop.send(true);
        }
    }

    /// Hands a request to a session.
    pub(super) fn request(&self, job: JobId, request: Request) -> Result<(), NotTaken> {
        let requests = self.running.get(&job).and_then(|job| job.requests.as_ref());
        hand_over(requests, request)
    }

    /// Hands a request to the management of a gateway.
    pub(super) fn device_request(&self, job: JobId, request: DeviceRequest) -> Result<(), NotTaken> {
        let requests = self.running.get(&job).and_then(|job| job.device.as_ref());
        hand_over(requests, request)
    }

    /// Hands an answer to a removal.
    pub(super) fn answer(&self, job: JobId, answer: Option<usize>) -> Result<(), NotTaken> {
        let answers = self.running.get(&job).and_then(|job| job.answers.as_ref());
        hand_over(answers, answer)
    }

    /// From here on these credentials are cut out of diagnostics.
    pub(super) fn learn(&mut self, credentials: &WifiCredentials) {
        self.secrets.add_credentials(credentials);
    }

    /// From here on this proof, password, token, key or file is cut out of diagnostics.
    pub(super) fn learn_secret(&mut self, secret: &[u8]) {
        self.secrets.add(secret);
    }

    /// Cuts out every secret this process has handled.
    pub(super) fn redactor(&self) -> Redactor {
        self.secrets.fresh()
    }

    /// Forgets a job that ended.
    pub(super) fn remove(&mut self, job: JobId) {
        self.running.remove(&job);
    }

    /// Whether none runs.
    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Keeps a session's transcript for export.
    pub(super) fn keep_transcript(&mut self, job: JobId, transcript: SharedTranscript) {
        self.transcripts.push_back((job, transcript));
        if self.transcripts.len() > KEPT_TRANSCRIPTS {
            self.transcripts.pop_front();
        }
    }

    /// A session's transcript.
    pub(super) fn transcript(&self, job: JobId) -> Option<SharedTranscript> {
        self.transcripts.iter().find(|(known, _)| *known == job).map(|(_, transcript)| transcript.clone())
    }
}

fn hand_over<T>(requests: Option<&mpsc::Sender<T>>, request: T) -> Result<(), NotTaken> {
    requests.ok_or(NotTaken::Gone)?.try_send(request).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => NotTaken::Busy,
        mpsc::error::TrySendError::Closed(_) => NotTaken::Gone,
    })
}
