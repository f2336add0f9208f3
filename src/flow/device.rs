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
use super::console::ConsoleShell;
use super::error::SessionError;
use super::port::{Boxed, LinkError, Links, Records, RecordsError};
use super::smp::{Smp, push_file, push_setting};
use super::smp_error::SmpError;
use super::transcript::SharedTranscript;
use crate::model::access::Access;
use crate::model::drivers::USUAL_BAUD;
use crate::model::gateway::Protection;
use crate::model::ids::{DriverId, LinkAddress};
use crate::model::outcome::{Evidence, EvidenceKind};
use crate::model::problem::{Explain, Problem};
use crate::model::record::{JobIntent, Phase, RecordId, StepEntry};
use crate::model::secret::Secret;
use crate::model::text::{hex, visible};
use crate::msg::JobEnd;
use crate::msg::device::{
    DeviceChange, DeviceProgress, DeviceRead, DeviceRequest, FileFacts, ImageRow, Offers, Row, SettingValue, Table,
};
use crate::profile::DriverSettings;
use crate::proto::smp::answer::{Answer, Image};
use crate::proto::smp::refusal::RefusalKind;
use crate::proto::smp::request::Request;
use crate::proto::smp::{group, sha256};

/// How long one thing that was asked for may take.
const ACT_LIMIT: Duration = Duration::from_mins(2);
/// How long a console may take to log out.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);
/// Longest text of a device in one field.
const MAX_FIELD: usize = 200;
/// Longest line of a shell's output, and most lines of it.
const MAX_LINE: usize = 400;
const MAX_LINES: usize = 2000;
/// How long a gateway may take to be back after it was told to restart.
const BACK_LIMIT: Duration = Duration::from_secs(20);

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

/// A console with a shell, as another driver gives it.
pub trait Shell: Send {
    /// How the session is protected.
    fn protection(&self) -> Protection;

    /// What the gateway calls itself, safe to show.
    fn name(&self) -> Option<String>;

    /// What it is: names and values, safe to show.
    fn info(&mut self) -> Boxed<'_, Result<Vec<Row>, SessionError>>;

    /// Runs a line and returns what it wrote, a line each and safe to show, and its exit code.
    fn run<'a>(&'a mut self, line: &'a str) -> Boxed<'a, Result<(Vec<String>, i64), SessionError>>;

    /// Logs out.
    fn close(&mut self) -> Boxed<'_, ()>;
}

/// How a gateway is managed.
pub enum Management {
    /// By SMP.
    Smp(Box<SmpManagement>),
    /// By a login console.
    Console(Box<dyn Shell>),
}

/// A gateway managed by SMP.
pub struct SmpManagement {
    smp: Smp,
    groups: Vec<u16>,
    name: Option<String>,
}

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
    },
    /// After the erasure something that was there can still be read.
    #[error("the storage is not empty")]
    NotErased {
        /// The setting that is still there.
        key: String,
    },
}

impl From<LinkError> for DeviceError {
    fn from(error: LinkError) -> Self {
        Self::Session(error.into())
    }
}

impl DeviceError {
    /// Whether the job is over with it.
    const fn is_final(&self) -> bool {
        matches!(self, Self::Smp(SmpError::Link(_)) | Self::Session(SessionError::Link(_)) | Self::Records(_))
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
                "Acts that change a gateway are confirmed with its name, so that the wrong one is not changed",
                format!("Check that this is the right gateway, then confirm with its name, “{}”", visible(name, 80)),
            ),
            Self::NotOffered { what } => Problem::new(
                "device.not_offered",
                format!("This gateway offers no {what}"),
                "Its firmware was built without it, or this driver cannot do it",
                "Go on without it, or use the vendor's own tool",
            ),
            Self::TooSlow { what } => Problem::new(
                "device.too_slow",
                format!("{what}: it was given up after {} minutes", ACT_LIMIT.as_secs() / 60),
                "The gateway answers so slowly, or the file is so large, that it never came to an end",
                "See what the gateway has taken in before trying again",
            ),
            Self::NotErased { key } => Problem::new(
                "device.not_erased",
                format!(
                    "The gateway says that its storage was erased, but the setting {} is still there",
                    visible(key, 80)
                ),
                "The firmware keeps settings elsewhere, or keeps them in memory until it restarts",
                "Restart the gateway and read the setting again; until it is gone the gateway counts as not wiped",
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
    if let Some(Management::Console(mut shell)) = management {
        // One that cannot log out in time loses its link with the value.
        let _ = timeout(CLOSE_LIMIT, shell.close()).await;
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
        place: &mut Option<Management>,
        requests: &mut mpsc::Receiver<DeviceRequest>,
    ) -> Result<(), DeviceError> {
        let (link, driver) = (self.setup.link.clone(), self.setup.driver);
        self.write("connect", Phase::Intent, "", json!({ "link": link.to_string(), "driver": driver })).await?;
        let management = match self.open().await {
            Ok(management) => place.insert(management),
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

    async fn open(&self) -> Result<Management, DeviceError> {
        let Setup { ref link, driver, ref links, ref transcript, .. } = self.setup;
        let missing = SessionError::DriverMissing { driver, link: link.kind() };
        if !driver.is_available_over(link.kind()) {
            return Err(missing.into());
        }
        self.tell(DeviceProgress::Busy { what: "Connect".into(), limit: super::smp::LIMITS.hello }).await;
        match driver {
            DriverId::Smp => {
                let mut smp = Smp::open(&**links, link, transcript.clone()).await?;
                smp.find().await?;
                let groups = groups(&mut smp).await?;
                let name = if groups.contains(&group::OS) { name(&mut smp).await? } else { None };
                Ok(Management::Smp(Box::new(SmpManagement { smp, groups, name })))
            }
            DriverId::LinuxConsole => {
                let settings = self.setup.settings.as_ref();
                let baud = settings.as_ref().map_or(USUAL_BAUD, |settings| settings.baud());
                let opened = links.open_at(link, baud).await?;
                let mut shell = ConsoleShell::new(opened, settings, transcript.clone());
                if let Err(error) = shell.log_in(&self.setup.access).await {
                    shell.close().await;
                    return Err(error.into());
                }
                Ok(Management::Console(Box::new(shell)))
            }
            DriverId::Improv | DriverId::EspProv => Err(missing.into()),
        }
    }

    async fn read(&mut self, management: &mut Management, read: DeviceRead) -> Result<(), DeviceError> {
        let what = match &read {
            DeviceRead::Info => "Read what it is".to_owned(),
            DeviceRead::Statistics => "Read statistics".to_owned(),
            DeviceRead::Images => "List images".to_owned(),
            DeviceRead::Time => "Read the clock".to_owned(),
            DeviceRead::Setting(key) => format!("Read the setting {}", visible(key, 80)),
            DeviceRead::File { path, .. } => format!("Read the file {}", visible(path, 80)),
        };
        self.tell(DeviceProgress::Busy { what: what.clone(), limit: ACT_LIMIT }).await;
        let told = timeout(ACT_LIMIT, management.read(read)).await.map_err(|_| DeviceError::TooSlow { what })??;
        if let DeviceProgress::Setting { key, value: Some(_) } = &told {
            self.known_setting = Some(key.clone());
        }
        self.tell(told).await;
        Ok(())
    }

    /// Does something, on record before and after.
    async fn change(
        &mut self,
        management: &mut Management,
        change: DeviceChange,
        confirmed: &str,
        name: &str,
    ) -> Result<(), DeviceError> {
        if confirmed.trim() != name {
            return Err(DeviceError::NotConfirmed { name: name.to_owned() });
        }
        management.check(&change)?;
        if let DeviceChange::WriteSetting { value: secret, .. } | DeviceChange::WriteFile { content: secret, .. } =
            &change
        {
            management.learn(secret.expose());
        }
        let (step, label) = (change.as_str(), change.label());
        self.write(step, Phase::Intent, "", detail(&change)).await?;
        self.pending = Some(step);
        self.tell(DeviceProgress::Busy { what: label.clone(), limit: ACT_LIMIT }).await;
        let known = self.known_setting.clone();
        let done = timeout(ACT_LIMIT, management.change(change, known.as_deref())).await;
        let done = done.unwrap_or(Err(DeviceError::TooSlow { what: label }));
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

    async fn tell(&self, progress: DeviceProgress) {
        // A front end that has gone does not hear it, and the job goes on.
        let _ = self.setup.progress.send((self.started.elapsed(), progress)).await;
    }

    async fn tell_log(&self, management: &mut Management) {
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

/// What an act brought: something to tell first, how sure it is, and a sentence.
type Done = (Option<DeviceProgress>, EvidenceKind, String);

impl Management {
    fn name(&self) -> Option<String> {
        match self {
            Self::Smp(smp) => smp.name.clone(),
            Self::Console(shell) => shell.name(),
        }
    }

    fn protection(&self) -> Protection {
        match self {
            Self::Smp(management) => management.smp.wire_protection(),
            Self::Console(shell) => shell.protection(),
        }
    }

    fn offers(&self) -> Offers {
        match self {
            Self::Smp(management) => management.offers(),
            Self::Console(_) => Offers { info: true, shell: true, ..Offers::default() },
        }
    }

    fn learn(&mut self, secret: &[u8]) {
        match self {
            Self::Smp(management) => management.smp.learn(secret),
            Self::Console(_) => {}
        }
    }

    fn take_log(&mut self) -> Vec<String> {
        match self {
            Self::Smp(management) => management.smp.take_log(),
            Self::Console(_) => Vec::new(),
        }
    }

    /// Waits for something to tell while nothing is asked. Safe to drop at any point.
    async fn hear(&mut self) -> Result<(), LinkError> {
        match self {
            Self::Smp(management) => management.smp.hear().await,
            Self::Console(_) => std::future::pending().await,
        }
    }

    /// Refuses what this gateway does not have, before anything is on record.
    fn check(&self, change: &DeviceChange) -> Result<(), DeviceError> {
        let offers = self.offers();
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

    async fn read(&mut self, read: DeviceRead) -> Result<DeviceProgress, DeviceError> {
        match (self, read) {
            (Self::Smp(management), read) => management.read(read).await,
            (Self::Console(shell), DeviceRead::Info) => Ok(DeviceProgress::Info(shell.info().await?)),
            (Self::Console(_), _) => Err(DeviceError::NotOffered { what: "such question" }),
        }
    }

    async fn change(&mut self, change: DeviceChange, known_setting: Option<&str>) -> Result<Done, DeviceError> {
        match (self, change) {
            (Self::Smp(management), change) => management.change(change, known_setting).await,
            (Self::Console(shell), DeviceChange::Shell(line)) => {
                let (lines, status) = shell.run(&line).await?;
                Ok(ran(line, lines, status))
            }
            (Self::Console(_), _) => Err(DeviceError::NotOffered { what: "such act" }),
        }
    }
}

fn ran(line: String, lines: Vec<String>, status: i64) -> Done {
    let text = format!("The command ended with {status}");
    (Some(DeviceProgress::Output { line, lines, status }), EvidenceKind::Acknowledged, text)
}

impl SmpManagement {
    fn offers(&self) -> Offers {
        let has = |number| self.groups.contains(&number);
        Offers {
            info: has(group::OS),
            statistics: has(group::STATISTICS) || has(group::OS),
            images: has(group::IMAGE),
            settings: has(group::SETTINGS),
            files: has(group::FILES),
            shell: has(group::SHELL),
            time: has(group::OS),
            reset: has(group::OS),
            erase: has(group::ZEPHYR),
        }
    }

    async fn read(&mut self, read: DeviceRead) -> Result<DeviceProgress, DeviceError> {
        Ok(match read {
            DeviceRead::Info => DeviceProgress::Info(self.info().await?),
            DeviceRead::Statistics => DeviceProgress::Statistics(self.statistics().await?),
            DeviceRead::Images => match self.smp.ask(Request::Images).await? {
                Answer::Images(images) => DeviceProgress::Images(images.iter().map(image_row).collect()),
                _ => return Err(SmpError::Malformed { label: "images" }.into()),
            },
            DeviceRead::Time => match self.smp.ask(Request::DateTime).await? {
                Answer::Text(text) => DeviceProgress::Time(visible(&text, 60)),
                _ => return Err(SmpError::Malformed { label: "read the clock" }.into()),
            },
            DeviceRead::Setting(key) => match self.smp.ask(Request::ReadSetting(key.clone())).await {
                Ok(Answer::Setting { value, may_be_cut }) => {
                    let value = Some(SettingValue { octets: Secret::new(value), may_be_cut });
                    DeviceProgress::Setting { key, value }
                }
                Err(SmpError::Refused { refusal, .. }) if refusal.kind() == RefusalKind::NotFound => {
                    DeviceProgress::Setting { key, value: None }
                }
                Ok(_) => return Err(SmpError::Malformed { label: "read a setting" }.into()),
                Err(error) => return Err(error.into()),
            },
            DeviceRead::File { path, wants_content } => {
                let facts = self.file(&path, wants_content).await?;
                DeviceProgress::File { path, facts }
            }
        })
    }

    /// What it is: each question that has an answer is a row.
    async fn info(&mut self) -> Result<Vec<Row>, DeviceError> {
        let mut rows = Vec::new();
        for (letter, label) in [
            ("n", "Name"),
            ("o", "Operating system"),
            ("s", "Kernel"),
            ("v", "Version"),
            ("r", "Release"),
            ("b", "Built"),
            ("i", "Hardware"),
            ("m", "Machine"),
            ("p", "Processor"),
        ] {
            if let Some(Answer::Text(text)) = optional(self.smp.ask(Request::Info(letter)).await)? {
                push_row(&mut rows, label, &text);
            }
        }
        if let Some(Answer::Bootloader(answers)) = optional(self.smp.ask(Request::Bootloader(None)).await)? {
            for (_, text) in answers {
                push_row(&mut rows, "Boot loader", &text);
            }
            if let Some(Answer::Bootloader(answers)) = optional(self.smp.ask(Request::Bootloader(Some("mode"))).await)?
            {
                for (_, text) in answers.iter().filter(|(key, _)| key == "mode") {
                    push_row(&mut rows, "Boot mode", &boot_mode(text));
                }
            }
        }
        if let Some(Answer::Text(text)) = optional(self.smp.ask(Request::DateTime).await)? {
            push_row(&mut rows, "Clock", &text);
        }
        if let Some(Answer::Parameters { buffer_octets, buffers }) = optional(self.smp.ask(Request::Parameters).await)?
        {
            rows.push(("Message buffers".into(), format!("{buffers} of {buffer_octets} octets")));
        }
        let groups: Vec<String> =
            self.groups.iter().map(|number| format!("{number} {}", group::label(*number))).collect();
        rows.push(("Groups".into(), groups.join(", ")));
        Ok(rows)
    }

    async fn statistics(&mut self) -> Result<Vec<Table>, DeviceError> {
        let mut tables = Vec::new();
        let table = |heading: &str, name: &str, rows: Vec<(String, i64)>| Table {
            name: visible(&format!("{heading}{name}"), MAX_FIELD),
            rows: rows.into_iter().map(|(name, number)| (visible(&name, MAX_FIELD), number)).collect(),
        };
        if self.groups.contains(&group::STATISTICS)
            && let Answer::Names(names) = self.smp.ask(Request::StatisticsNames).await?
        {
            for name in names {
                match optional(self.smp.ask(Request::Statistics(name.clone())).await)? {
                    Some(Answer::Numbers(rows)) => tables.push(table("", &name, rows)),
                    Some(_) => return Err(SmpError::Malformed { label: "statistics" }.into()),
                    None => {}
                }
            }
        }
        for (request, heading) in [(Request::Tasks, "Task "), (Request::MemoryPools, "Memory pool ")] {
            if let Some(Answer::Tables(found)) = optional(self.smp.ask(request).await)? {
                tables.extend(found.into_iter().map(|(name, rows)| table(heading, &name, rows)));
            }
        }
        Ok(tables)
    }

    async fn file(&mut self, path: &str, wants_content: bool) -> Result<FileFacts, DeviceError> {
        if wants_content {
            let content = self.smp.read_file(path).await?;
            let sha256 = Some(hex(&sha256(&content)));
            return Ok(FileFacts { length: content.len() as u64, sha256, content: Some(Secret::new(content)) });
        }
        let Answer::Length(length) = self.smp.ask(Request::FileStatus(path.to_owned())).await? else {
            return Err(SmpError::Malformed { label: "length of a file" }.into());
        };
        let hash = optional(self.smp.ask(Request::FileHash { name: path.to_owned(), kind: "sha256" }).await)?;
        let sha256 = match hash {
            Some(Answer::Hash { octets, .. }) => Some(hex(&octets)),
            _ => None,
        };
        Ok(FileFacts { length, sha256, content: None })
    }

    async fn change(&mut self, change: DeviceChange, known_setting: Option<&str>) -> Result<Done, DeviceError> {
        let acknowledged = |text: String| Ok((None, EvidenceKind::Acknowledged, text));
        match change {
            DeviceChange::Shell(line) => {
                let words = line.split_whitespace().map(str::to_owned).collect();
                match self.smp.ask(Request::Execute(words)).await? {
                    Answer::Output { text, status } => {
                        let text = self.smp.redact(&text);
                        let lines =
                            text.lines().take(MAX_LINES).map(|line| visible(&without_colour(line), MAX_LINE)).collect();
                        Ok(ran(line, lines, status))
                    }
                    _ => Err(SmpError::Malformed { label: "shell" }.into()),
                }
            }
            DeviceChange::WriteSetting { key, value } => {
                let taken = push_setting(&mut self.smp, &key, &value).await?;
                Ok((None, taken.kind, taken.text))
            }
            DeviceChange::DeleteSetting(key) => {
                self.smp.ask(Request::DeleteSetting(key.clone())).await?;
                match self.smp.ask(Request::ReadSetting(key.clone())).await {
                    Err(SmpError::Refused { refusal, .. }) if refusal.kind() == RefusalKind::NotFound => Ok((
                        None,
                        EvidenceKind::Observed,
                        format!("The setting {key} was deleted; it is not found any more"),
                    )),
                    // Many settings keep their value in memory until the next start.
                    Ok(_) => acknowledged(format!(
                        "The gateway says that the setting {key} was deleted; it can be read until the gateway restarts"
                    )),
                    Err(SmpError::Link(error)) => Err(error.into()),
                    Err(_) => acknowledged(format!("The gateway says that the setting {key} was deleted")),
                }
            }
            DeviceChange::WriteFile { path, content } => {
                let taken = push_file(&mut self.smp, &path, &content).await?;
                Ok((None, taken.kind, taken.text))
            }
            DeviceChange::SetTime(time) => {
                self.smp.ask(Request::SetDateTime(time)).await?;
                match optional(self.smp.ask(Request::DateTime).await)? {
                    Some(Answer::Text(text)) => {
                        let text = visible(&text, 60);
                        let told = DeviceProgress::Time(text.clone());
                        Ok((Some(told), EvidenceKind::Observed, format!("The clock was set; it reads {text}")))
                    }
                    _ => acknowledged("The gateway says that its clock was set".into()),
                }
            }
            DeviceChange::Reset => {
                self.smp.ask(Request::Reset).await?;
                self.watch_restart().await
            }
            DeviceChange::EraseStorage => {
                self.smp.ask(Request::EraseStorage).await?;
                self.look_for(known_setting).await
            }
        }
    }

    /// After a restart was acknowledged: whether the gateway answers again.
    async fn watch_restart(&mut self) -> Result<Done, DeviceError> {
        let begun = Instant::now();
        while begun.elapsed() < BACK_LIMIT {
            match self.smp.ask(Request::Parameters).await {
                Ok(_) | Err(SmpError::Refused { .. } | SmpError::Malformed { .. }) => {
                    let text =
                        "The gateway took the request and answers; whether it restarted shows in its log".to_owned();
                    return Ok((None, EvidenceKind::Acknowledged, text));
                }
                Err(SmpError::NoReply { .. }) => {}
                Err(_) => {
                    let text = "The gateway took the request and its link went away, as with a restart".to_owned();
                    return Ok((None, EvidenceKind::Acknowledged, text));
                }
            }
        }
        let text = format!("The gateway took the request and has not answered for {} s since", BACK_LIMIT.as_secs());
        Ok((None, EvidenceKind::Acknowledged, text))
    }

    /// After an erasure was acknowledged: whether a setting that was there is gone.
    async fn look_for(&mut self, known_setting: Option<&str>) -> Result<Done, DeviceError> {
        let Some(key) = known_setting else {
            let text =
                "The gateway says that its storage was erased; no setting was read before that could be looked for";
            return Ok((None, EvidenceKind::Acknowledged, text.into()));
        };
        match self.smp.ask(Request::ReadSetting(key.to_owned())).await {
            Err(SmpError::Refused { refusal, .. }) if refusal.kind() == RefusalKind::NotFound => {
                let text = format!("The storage was erased: the setting {key}, which was there, is not found any more");
                Ok((None, EvidenceKind::Observed, text))
            }
            Ok(_) => Err(DeviceError::NotErased { key: key.to_owned() }),
            Err(SmpError::Link(error)) => Err(error.into()),
            Err(_) => Ok((None, EvidenceKind::Acknowledged, "The gateway says that its storage was erased".into())),
        }
    }
}

/// Which groups there are: the gateway's own list, else one harmless question to each.
async fn groups(smp: &mut Smp) -> Result<Vec<u16>, DeviceError> {
    if let Some(Answer::Groups(mut groups)) = optional(smp.ask(Request::Groups).await)? {
        groups.sort_unstable();
        groups.dedup();
        return Ok(groups);
    }
    let mut groups = vec![group::OS];
    // Names that are not there: the answer is an error of the group where there is one, "no such command" where not.
    for (request, number) in [
        (Request::Images, group::IMAGE),
        (Request::StatisticsNames, group::STATISTICS),
        (Request::ReadSetting("linesman/probe".into()), group::SETTINGS),
        (Request::FileStatus("/linesman-probe".into()), group::FILES),
    ] {
        match smp.ask(request).await {
            Err(error) if error.is_not_offered() => {}
            Err(SmpError::NoReply { .. }) => {}
            Err(error @ SmpError::Link(_)) => return Err(error.into()),
            _ => groups.push(number),
        }
    }
    Ok(groups)
}

/// What the gateway calls itself; a name that says nothing is none.
async fn name(smp: &mut Smp) -> Result<Option<String>, DeviceError> {
    let Some(Answer::Text(text)) = optional(smp.ask(Request::Info("n")).await)? else { return Ok(None) };
    let name = visible(text.trim(), 80);
    Ok(Some(name).filter(|name| !name.is_empty() && name != "unknown"))
}

/// An answer that may be missing. Only a link that is gone, or silence, is an error.
fn optional(result: Result<Answer, SmpError>) -> Result<Option<Answer>, SmpError> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(SmpError::Refused { .. } | SmpError::Malformed { .. } | SmpError::TooLong { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn push_row(rows: &mut Vec<Row>, label: &str, text: &str) {
    let text = visible(text.trim(), MAX_FIELD);
    if !text.is_empty() && text != "unknown" {
        rows.push((label.to_owned(), text));
    }
}

/// The numbers of MCUboot's modes in words.
fn boot_mode(number: &str) -> String {
    match number {
        "0" => "single application",
        "1" => "swap using a scratch area",
        "2" => "overwrite only",
        "3" => "swap without a scratch area",
        "4" => "run from either slot, no way back",
        "5" => "run from either slot, with a way back",
        "6" => "run from memory",
        other => other,
    }
    .to_owned()
}

fn image_row(image: &Image) -> ImageRow {
    let flags = [
        (image.is_active, "active"),
        (image.is_confirmed, "confirmed"),
        (image.is_pending, "pending"),
        (image.is_bootable, "bootable"),
    ];
    ImageRow {
        image: image.image,
        slot: image.slot,
        version: visible(&image.version, 60),
        hash: hex(&image.hash[..image.hash.len().min(64)]),
        flags: flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, word)| word).collect(),
    }
}

/// Takes the terminal's colour sequences out of a line: a shell writes them, and they say nothing here.
fn without_colour(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        text.push_str(before);
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        rest = rest.strip_prefix(|c: char| c.is_ascii_alphabetic()).unwrap_or(rest);
    }
    text + rest
}
