//! Managing a gateway: questions are answered, acts are done after they were confirmed with the gateway's name.
//!
//! An act is on record before it happens and its outcome after it; if the records cannot be written, nothing is sent.
//! An act without an answer is unknown, never failed. How a gateway is managed stands behind [`Management`].

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

use super::commission::stopped;
use super::driver::CLOSE_LIMIT;
use super::drivers::{self, Opening};
use super::error::SessionError;
use super::port::{Boxed, LinkError, Links, Records, RecordsError};
use super::report::Report;
use super::smp::SmpError;
use super::step;
use super::transcript::SharedTranscript;
use crate::model::access::Access;
use crate::model::clock;
use crate::model::drivers::USUAL_BAUD;
use crate::model::gateway::Protection;
use crate::model::ids::{DriverId, LinkAddress};
use crate::model::outcome::{Evidence, EvidenceKind};
use crate::model::problem::{Explain, Problem};
use crate::model::record::{JobIntent, Phase, RecordId, StepEntry};
use crate::model::text::visible;
use crate::msg::device::{DeviceChange, DeviceProgress, DeviceRead, DeviceRequest, Offers};
use crate::msg::{JobEnd, Step};
use crate::profile::DriverSettings;

/// How long one thing that was asked for may take.
const ACT_LIMIT: Duration = Duration::from_mins(2);
/// Longest text of a device in one field.
const MAX_FIELD: usize = 200;

/// What a job needs to begin.
pub struct Setup {
    /// The gateway's link.
    pub link: LinkAddress,
    /// The driver to speak.
    pub driver: DriverId,
    /// What lets us in.
    pub access: Access,
    /// How the profile sets the driver up.
    pub settings: Option<DriverSettings>,
    /// What goes on record at the start.
    pub intent: JobIntent,
    /// Where bytes come from.
    pub links: Arc<dyn Links>,
    /// Where acts are recorded.
    pub records: Arc<dyn Records>,
    /// Where progress goes.
    pub progress: mpsc::Sender<(Duration, DeviceProgress)>,
    /// Where bytes are noted.
    pub transcript: SharedTranscript,
}

/// How a gateway is managed. A driver that can brings one along.
pub trait Management: Send {
    /// What the gateway calls itself, safe to show.
    fn name(&self) -> Option<String>;

    /// How the session is protected.
    fn protection(&self) -> Protection;

    /// What can be asked and done.
    fn offers(&self) -> Offers;

    /// From here on this secret is cut out of what is told.
    fn learn(&mut self, secret: &[u8]) {
        let _ = secret;
    }

    /// The device's log since the last call, a line each, without secrets and safe to show.
    fn take_log(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Waits for something to tell while nothing is asked. Safe to drop at any point.
    fn hear(&mut self) -> Boxed<'_, Result<(), LinkError>> {
        Box::pin(std::future::pending())
    }

    /// Answers a question.
    fn read(&mut self, read: DeviceRead) -> Boxed<'_, Result<DeviceProgress, DeviceError>>;

    /// Does something. `known_setting` is a setting that was there, to look for after an erasure.
    fn change<'a>(
        &'a mut self,
        change: DeviceChange,
        known_setting: Option<&'a str>,
    ) -> Boxed<'a, Result<Done, DeviceError>>;

    /// Something took longer than its limit and was given up: whether the conversation can go on all the same.
    fn abandon(&mut self) -> bool {
        false
    }

    /// Ends the conversation in an orderly way.
    fn close(&mut self) -> Boxed<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// What an act brought: something to tell first, how sure it is, and a sentence.
pub type Done = (Option<DeviceProgress>, EvidenceKind, String);

/// Why something that was asked for could not be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// SMP.
    #[error(transparent)]
    Smp(#[from] SmpError),
    /// Another driver, or opening one.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The records: nothing is done while the intent cannot be written.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The name that was typed is another.
    #[error("the confirmation names another gateway")]
    NotConfirmed {
        /// The gateway's name.
        name: String,
    },
    /// This gateway does not have what was asked for.
    #[error("the gateway does not offer this")]
    NotOffered {
        /// What.
        what: &'static str,
    },
    /// It took longer than anything may.
    #[error("it took too long")]
    TooSlow {
        /// What.
        what: String,
        /// How long that may take.
        limit: Duration,
        /// Whether the job is over with it.
        is_over: bool,
    },
    /// After the erasure something that was there can still be read.
    #[error("the storage is not empty")]
    NotErased {
        /// The setting that is still there.
        key: String,
    },
    /// The clock was set and reads another time.
    #[error("the clock reads another time")]
    ClockNotSet {
        /// What it was set to.
        wanted: String,
        /// What it reads.
        reads: String,
    },
}

/// What came of setting a clock: what it reads now is what counts.
pub(super) fn clock_set(wanted: &str, reads: String) -> Result<Done, DeviceError> {
    if !clock::agrees(wanted, &reads) {
        return Err(DeviceError::ClockNotSet { wanted: wanted.to_owned(), reads });
    }
    let told = DeviceProgress::Time(reads.clone());
    Ok((Some(told), EvidenceKind::Observed, format!("The clock was set; it reads {reads}")))
}

impl From<LinkError> for DeviceError {
    fn from(error: LinkError) -> Self {
        Self::Session(error.into())
    }
}

impl DeviceError {
    /// Whether the job is over with it.
    pub(super) const fn is_final(&self) -> bool {
        match self {
            Self::Smp(SmpError::Link(_)) | Self::Records(_) => true,
            Self::Session(error) => error.is_final(),
            Self::TooSlow { is_over, .. } => *is_over,
            _ => false,
        }
    }

    /// Whether the gateway answered and said no.
    pub(super) const fn is_refused(&self) -> bool {
        matches!(self, Self::Smp(SmpError::Refused { .. }))
    }

    /// Whether something may have been done all the same.
    const fn is_open(&self) -> bool {
        match self {
            Self::Smp(error) => error.is_open(),
            Self::TooSlow { .. } => true,
            _ => false,
        }
    }
}

impl Explain for DeviceError {
    fn explain(&self) -> Problem {
        match self {
            Self::Smp(error) => error.explain(),
            Self::Session(error) => error.explain(),
            Self::Records(error) => error.explain(),
            Self::NotConfirmed { name } => Problem::new(
                "device.not_confirmed",
                format!("Nothing was done: the confirmation does not name “{}”", visible(name, 80)),
                "Changes are confirmed with the gateway's name, so that the wrong one isn't changed",
                format!("Check that this is the right gateway, then confirm with its name, “{}”", visible(name, 80)),
            ),
            Self::NotOffered { what } => Problem::new(
                "device.not_offered",
                format!("This gateway offers no {what}"),
                "Its firmware was built without it, or this driver doesn't support it",
                "Continue without it, or use the vendor's own tool",
            ),
            Self::TooSlow { what, limit, .. } => Problem::new(
                "device.too_slow",
                format!("{what}: stopped after {} s without a result", limit.as_secs()),
                "The gateway answers too slowly, or the file is too large",
                "Check what arrived on the gateway before you retry",
            ),
            Self::NotErased { key } => Problem::new(
                "device.not_erased",
                format!(
                    "The gateway reports that its storage was erased, but the setting {} is still there",
                    visible(key, 80)
                ),
                "The firmware keeps settings elsewhere, or keeps them in memory until it restarts",
                "Restart the gateway and read the setting again; until it's gone, the gateway isn't wiped",
            ),
            Self::ClockNotSet { wanted, reads } => Problem::new(
                "device.clock_not_set",
                format!("The gateway took {wanted} for its clock, and its clock reads {}", visible(reads, 60)),
                "Something else sets it, such as a time service, or the gateway doesn't keep what it's told",
                "Read the clock again; if a time service sets it, check the server it asks",
            ),
        }
    }
}

/// Manages a gateway until it is closed, stopped or fails, and writes the outcome on record.
pub async fn run(setup: Setup, mut requests: mpsc::Receiver<DeviceRequest>, mut stop: watch::Receiver<bool>) -> JobEnd {
    let record = match setup.records.begin(setup.intent.clone()).await {
        Ok(record) => record,
        Err(error) => return JobEnd::Failed(error.explain()),
    };
    let records = Arc::clone(&setup.records);
    let mut job = Job {
        setup,
        record,
        started: Instant::now(),
        acts: 0,
        pending: None,
        unknown: None,
        refused: None,
        known_setting: None,
    };
    let mut management = None;
    let end = tokio::select! {
        biased;
        () = stopped(&mut stop) => JobEnd::Cancelled,
        end = job.drive(&mut management, &mut requests) => match end {
            Ok(()) => JobEnd::Done { note: job.farewell() },
            Err(error) => JobEnd::Failed(error.explain()),
        },
    };
    if let Some(mut management) = management {
        // One that cannot end its conversation in time loses its link with the value.
        let _ = timeout(CLOSE_LIMIT, management.close()).await;
    }
    let (outcome, reason, summary) = job.outcome(&end);
    match records.end(record, outcome, reason, summary).await {
        Ok(()) => end,
        Err(error) => JobEnd::Failed(error.explain()),
    }
}

struct Job {
    setup: Setup,
    record: RecordId,
    started: Instant,
    /// Acts that were done.
    acts: usize,
    /// An act that was begun and whose outcome is not on record.
    pending: Option<&'static str>,
    /// An act that ended without an answer.
    unknown: Option<&'static str>,
    /// The last act that failed, if none was done after it.
    refused: Option<Problem>,
    /// A setting that was there, to look for after an erasure.
    known_setting: Option<String>,
}

impl Job {
    async fn drive(
        &mut self,
        place: &mut Option<Box<dyn Management>>,
        requests: &mut mpsc::Receiver<DeviceRequest>,
    ) -> Result<(), DeviceError> {
        let (link, driver) = (self.setup.link.clone(), self.setup.driver);
        self.write("connect", Phase::Intent, "", json!({ "link": link.to_string(), "driver": driver })).await?;
        let management = match self.open().await {
            Ok(management) => place.insert(management).as_mut(),
            Err(error) => {
                self.write("connect", Phase::Outcome, "failed", json!(error.explain())).await?;
                return Err(error);
            }
        };
        let name = management.name().unwrap_or_else(|| visible(link.place(), 80));
        let (offers, protection) = (management.offers(), management.protection());
        let detail = json!({ "name": name, "offers": offers.words(), "protection": protection });
        self.write("connect", Phase::Outcome, "done", detail).await?;
        self.tell_log(management).await;
        self.tell(DeviceProgress::Opened { name: name.clone(), driver, protection, offers }).await;
        loop {
            self.tell(DeviceProgress::Ready).await;
            let request = loop {
                tokio::select! {
                    request = requests.recv() => break request,
                    heard = management.hear() => {
                        heard?;
                        self.tell_log(management).await;
                    }
                }
            };
            let result = match request {
                None | Some(DeviceRequest::Close) => return Ok(()),
                Some(DeviceRequest::Read(read)) => self.read(management, read).await,
                Some(DeviceRequest::Change { change, confirmed }) => {
                    self.change(management, change, &confirmed, &name).await
                }
            };
            self.tell_log(management).await;
            if let Err(error) = result {
                let problem = error.explain();
                self.setup.transcript.note(self.started.elapsed(), &format!("{}: {}", problem.code, problem.what));
                if error.is_final() {
                    return Err(error);
                }
                self.tell(DeviceProgress::Failed(problem)).await;
            }
        }
    }

    async fn open(&self) -> Result<Box<dyn Management>, DeviceError> {
        let Setup { ref link, driver, .. } = self.setup;
        let unit = drivers::unit(driver, link.kind())?;
        let manage = unit.manage.ok_or(SessionError::NoManagement { driver, link: link.kind() })?;
        let limits = (unit.limits)(link.kind());
        // What is asked to begin with, on top of what the first answer may take.
        let limit = limits.connect + limits.question;
        self.tell(DeviceProgress::Busy { what: "Connect".into(), limit }).await;
        let opening = Opening {
            link: link.clone(),
            links: Arc::clone(&self.setup.links),
            access: self.setup.access.clone(),
            settings: self.setup.settings.clone(),
            report: Report::to_nobody(),
            transcript: self.setup.transcript.clone(),
        };
        let opened = timeout(limit, manage(&opening)).await;
        opened.unwrap_or(Err(SessionError::TooSlow { step: Step::Connect, limit, is_over: true }.into()))
    }

    async fn read(&mut self, management: &mut dyn Management, read: DeviceRead) -> Result<(), DeviceError> {
        let what = match &read {
            DeviceRead::Info => "Read what it is".to_owned(),
            DeviceRead::Statistics => "Read statistics".to_owned(),
            DeviceRead::Images => "List images".to_owned(),
            DeviceRead::Time => "Read the clock".to_owned(),
            DeviceRead::Setting(key) => format!("Read the setting {}", visible(key, 80)),
            DeviceRead::File { path, .. } => format!("Read the file {}", visible(path, 80)),
        };
        let limit = ACT_LIMIT;
        self.tell(DeviceProgress::Busy { what: what.clone(), limit }).await;
        let told = timeout(limit, management.read(read)).await;
        let told = told.unwrap_or_else(|_| Err(too_slow(management, what, limit)))?;
        if let DeviceProgress::Setting { key, value: Some(_) } = &told {
            self.known_setting = Some(key.clone());
        }
        self.tell(told).await;
        Ok(())
    }

    /// Does something, on record before and after.
    async fn change(
        &mut self,
        management: &mut dyn Management,
        change: DeviceChange,
        confirmed: &str,
        name: &str,
    ) -> Result<(), DeviceError> {
        if confirmed.trim() != name {
            return Err(DeviceError::NotConfirmed { name: name.to_owned() });
        }
        check(management.offers(), &change)?;
        if let DeviceChange::WriteSetting { value: secret, .. } | DeviceChange::WriteFile { content: secret, .. } =
            &change
        {
            management.learn(secret.expose());
        }
        let (step, label) = (change.as_str(), change.label());
        self.write(step, Phase::Intent, "", detail(&change)).await?;
        self.pending = Some(step);
        let limit = self.limit_of(&change);
        self.tell(DeviceProgress::Busy { what: label.clone(), limit }).await;
        let known = self.known_setting.clone();
        let done = timeout(limit, management.change(change, known.as_deref())).await;
        let done = done.unwrap_or_else(|_| Err(too_slow(management, label, limit)));
        match done {
            Ok((told, kind, text)) => {
                let evidence = Evidence { kind, text, at: self.started.elapsed() };
                self.write(step, Phase::Outcome, kind.label(), json!({ "evidence": evidence })).await?;
                self.pending = None;
                self.refused = None;
                self.acts += 1;
                if let Some(told) = told {
                    self.tell(told).await;
                }
                self.tell(DeviceProgress::Changed { change: step, evidence }).await;
                Ok(())
            }
            Err(error) => {
                let outcome = if error.is_open() || error.is_final() { "unknown" } else { "failed" };
                self.write(step, Phase::Outcome, outcome, json!(error.explain())).await?;
                self.pending = None;
                if outcome == "unknown" {
                    self.unknown = Some(step);
                } else {
                    self.refused = Some(error.explain());
                }
                Err(error)
            }
        }
    }

    /// How long an act may take: a large file on a slow line has the time it takes.
    fn limit_of(&self, change: &DeviceChange) -> Duration {
        let octets = match change {
            DeviceChange::WriteSetting { value: content, .. } | DeviceChange::WriteFile { content, .. } => {
                content.expose().len()
            }
            _ => 0,
        };
        let baud = self.setup.settings.as_ref().map_or(USUAL_BAUD, DriverSettings::baud);
        step::transfer(ACT_LIMIT, octets, baud)
    }

    async fn tell(&self, progress: DeviceProgress) {
        // A front end that has gone does not hear it, and the job goes on.
        let _ = self.setup.progress.send((self.started.elapsed(), progress)).await;
    }

    async fn tell_log(&self, management: &mut dyn Management) {
        let lines = management.take_log();
        if !lines.is_empty() {
            self.tell(DeviceProgress::Log(lines)).await;
        }
    }

    async fn write(&self, step: &str, phase: Phase, outcome: &str, detail: Value) -> Result<(), DeviceError> {
        let entry = StepEntry { step: step.into(), phase, outcome: outcome.into(), detail };
        Ok(self.setup.records.step(self.record, entry).await?)
    }

    fn farewell(&self) -> String {
        match self.acts {
            0 => "The gateway was looked at; nothing was changed".into(),
            1 => "One act was done on the gateway".into(),
            acts => format!("{acts} acts were done on the gateway"),
        }
    }

    /// The job's outcome on record: word, code, sentence.
    fn outcome(&self, end: &JobEnd) -> (&'static str, String, String) {
        match (self.pending.or(self.unknown), end) {
            (Some(step), _) => {
                ("unknown", "device.unknown".into(), format!("{step} was sent and had no answer; verify on the device"))
            }
            (None, JobEnd::Failed(problem)) => ("failed", problem.code.to_owned(), problem.what.clone()),
            (None, JobEnd::Cancelled) if self.acts == 0 => {
                ("cancelled", "device.stopped".into(), "Stopped before anything was changed".into())
            }
            (None, JobEnd::Done { .. }) if self.refused.is_some() && self.acts == 0 => {
                let problem = self.refused.clone();
                let (code, what) = problem.map_or_else(Default::default, |problem| (problem.code, problem.what));
                ("refused", code.to_owned(), what)
            }
            (None, JobEnd::Cancelled | JobEnd::Done { .. }) => ("done", "device.closed".into(), self.farewell()),
        }
    }
}

/// Something took longer than it may. What answers it later must not be taken for an answer to what is asked next.
fn too_slow(management: &mut dyn Management, what: String, limit: Duration) -> DeviceError {
    DeviceError::TooSlow { what, limit, is_over: !management.abandon() }
}

/// What goes on record before an act. Of values and contents only the length.
fn detail(change: &DeviceChange) -> Value {
    match change {
        DeviceChange::Shell(line) => json!({ "command": visible(line, MAX_FIELD) }),
        DeviceChange::WriteSetting { key, value } => json!({ "setting": key, "octets": value.expose().len() }),
        DeviceChange::DeleteSetting(key) => json!({ "setting": key }),
        DeviceChange::WriteFile { path, content } => json!({ "file": path, "octets": content.expose().len() }),
        DeviceChange::SetTime(time) => json!({ "time": visible(time, MAX_FIELD) }),
        DeviceChange::Reset | DeviceChange::EraseStorage => Value::Null,
    }
}

/// Refuses what this gateway does not have, before anything is on record.
fn check(offers: Offers, change: &DeviceChange) -> Result<(), DeviceError> {
    let (is_offered, what) = match change {
        DeviceChange::Shell(_) => (offers.shell, "shell"),
        DeviceChange::WriteSetting { .. } | DeviceChange::DeleteSetting(_) => (offers.settings, "settings"),
        DeviceChange::WriteFile { .. } => (offers.files, "files"),
        DeviceChange::SetTime(_) => (offers.time, "clock"),
        DeviceChange::Reset => (offers.reset, "restart"),
        DeviceChange::EraseStorage => (offers.erase, "erasing of its storage"),
    };
    if is_offered { Ok(()) } else { Err(DeviceError::NotOffered { what }) }
}

/// What a command in a shell brought.
pub(super) fn ran(line: String, lines: Vec<String>, status: i64) -> Done {
    let text = format!("The command ended with {status}");
    (Some(DeviceProgress::Output { line, lines, status }), EvidenceKind::Acknowledged, text)
}
