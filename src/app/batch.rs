//! Batch: many gateways in one go, from a manifest or from those marked in the list, with what becomes of each.
//!
//! Secrets that a manifest refers to by name are typed here, kept only until the batch has begun, and never shown.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::Desk;
use super::gateways::KeptNetwork;
use super::jobs::JobKind;
use crate::model::access::Access;
use crate::model::act;
use crate::model::batch::{
    Again, BatchId, Finding, MAX_PARALLEL, Match, RowHead, RowOutcome, RowPlan, RowResult, Summary,
};
use crate::model::credentials::{WifiDraft, check};
use crate::model::destination::Destination;
use crate::model::ids::{DriverId, JobId, LinkAddress, ProfileId};
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::model::wifi::WifiRules;
use crate::msg::batch::{BatchCommand, BatchEvent, BatchSource, BatchStart, ManifestCheck, RowState};
use crate::msg::{Command, JobEnd};
use crate::profile::site::{Comparison, Found, Site, compare_reached};

/// How long to wait for gateways that are to be plugged in.
const WAIT: Duration = Duration::from_mins(5);
/// Room for a secret from the start: a field that grows would leave copies behind in memory.
const SECRET_ROOM: usize = 256;

/// What the user did on Batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchAction {
    /// Wants the manifest at the typed path read and checked.
    Opened,
    /// Begins; with `Some` goes on with the run before and does these again.
    Started(Option<Again>),
    /// Begins no further gateway.
    Paused,
    /// Goes on.
    Resumed,
    /// Stops what runs and begins nothing more.
    Stopped,
    /// Writes the results to the typed path.
    Exported(String),
    /// Puts this batch away.
    Cleared,
    /// Puts what ended away and takes the gateways that are selected now.
    TookSelected,
    /// Closes the sessions and terminals that hold its gateways.
    LetGo,
}

/// A gateway that was marked in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Its link.
    pub link: LinkAddress,
    /// The name it is known by.
    pub name: String,
    /// The profile it looks like.
    pub profile: Option<ProfileId>,
    /// The driver for it.
    pub driver: DriverId,
}

/// A secret that the manifest refers to by name.
pub struct SecretField {
    /// Its name.
    pub name: String,
    /// What is typed; edited in place.
    pub value: Secret<String>,
}

/// A row and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The order.
    pub head: RowHead,
    /// How it stands.
    pub state: RowState,
}

/// What the batch is made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// Nothing yet.
    #[default]
    None,
    /// The manifest at this path, as it was checked.
    Manifest(String),
    /// Gateways marked in the list.
    Marked(Vec<Marked>),
}

/// The view model of Batch.
#[derive(Default)]
pub struct Batch {
    /// Path of the manifest; edited in place.
    pub path: String,
    /// Secrets to type; edited in place.
    pub secrets: Vec<SecretField>,
    /// The network of marked gateways; edited in place.
    pub draft: WifiDraft,
    /// The user name for marked gateways that ask for one; edited in place.
    pub username: String,
    /// Their password or proof of possession; edited in place.
    pub login: Secret<String>,
    /// Leave the gateways' own scans out; edited in place.
    pub is_unscanned: bool,
    /// Where results are written to; edited in place.
    pub out: String,
    /// Why results could not be written as they came.
    pub out_trouble: Option<Problem>,
    source: Source,
    rows: Vec<Row>,
    findings: Vec<Finding>,
    notes: Vec<String>,
    earlier: Option<Summary>,
    problem: Option<Problem>,
    number: Option<BatchId>,
    job: Option<JobId>,
    checking: Option<JobId>,
    exporting: Option<JobId>,
    is_paused: bool,
    is_stopping: bool,
    ended: Option<(Summary, Duration)>,
}

impl Batch {
    /// What it is made from.
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// The rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The mistakes of the manifest.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What a person should know of the manifest that is no mistake.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What an earlier run of this manifest came to, as long as nothing was begun here.
    pub fn earlier(&self) -> Option<&Summary> {
        self.earlier.as_ref().filter(|_| self.number.is_none())
    }

    /// Why it could not be read, begun or ended.
    pub const fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// Whether the manifest is being read.
    pub const fn is_checking(&self) -> bool {
        self.checking.is_some()
    }

    /// Whether it runs.
    pub const fn is_running(&self) -> bool {
        self.job.is_some()
    }

    /// Whether it begins no further gateway for now.
    pub const fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Whether it was told to stop and has not ended yet.
    pub const fn is_stopping(&self) -> bool {
        self.is_stopping
    }

    /// Whether results are being written.
    pub const fn is_exporting(&self) -> bool {
        self.exporting.is_some()
    }

    /// Whether it was begun at least once.
    pub const fn was_begun(&self) -> bool {
        self.number.is_some()
    }

    /// How long the last run took.
    pub fn took(&self) -> Option<Duration> {
        self.ended.map(|(_, took)| took)
    }

    /// The counts as they stand.
    pub fn summary(&self) -> Summary {
        Summary::of(self.rows.iter().map(|row| outcome(&row.state)))
    }

    /// The gateways that were reached, held against a site, once the batch has ended; beside them those seen otherwise, which
    /// aren't missing.
    pub fn compared(&self, site: &Site, seen: impl Iterator<Item = Found>) -> Option<Comparison> {
        let of = |row: &Row| result(&row.state).and_then(|result| Found::of_row(site, &row.head, result));
        // Those that were selected are some of the site's, and say nothing of the others.
        let has_ended = self.ended.is_some() && !self.is_running() && matches!(self.source, Source::Manifest(_));
        has_ended.then(|| compare_reached(site, self.rows.iter().filter_map(of).collect(), seen))
    }

    /// What came of a gateway in this batch.
    pub fn result_of(&self, link: &LinkAddress) -> Option<&RowResult> {
        let link = link.to_string();
        let is_its = |row: &&Row| row.head.place == link || result(&row.state).is_some_and(|told| told.link == link);
        self.rows.iter().filter(is_its).find_map(|row| result(&row.state))
    }

    /// How many rows are under way.
    pub fn running_rows(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.state, RowState::Running { .. })).count()
    }

    /// How many rows would be done again.
    pub fn count(&self, is_wanted: fn(RowOutcome) -> bool) -> usize {
        self.rows.iter().filter_map(|row| outcome(&row.state)).filter(|outcome| is_wanted(*outcome)).count()
    }

    /// Whether everything that is typed for the manifest is there.
    pub fn is_ready(&self) -> bool {
        !self.rows.is_empty()
            && self.findings.is_empty()
            && self.job.is_none()
            && self.checking.is_none()
            && self.secrets.iter().all(|secret| !secret.value.expose().is_empty())
    }

    /// What has to be done before it can be begun or gone on with; nothing where that is nothing. Secrets are typed for each run.
    pub fn lacks(&self) -> Option<String> {
        if !self.findings.is_empty() {
            return Some("Fix the mistakes first".to_owned());
        }
        let empty = self.secrets.iter().filter(|secret| secret.value.expose().is_empty());
        let names: Vec<String> = empty.map(|secret| format!("@{}", secret.name)).collect();
        let names = Some(names.join(" and ")).filter(|names| !names.is_empty())?;
        Some(if self.was_begun() { format!("Type {names} again to go on") } else { format!("Type {names} first") })
    }

    /// Whether something is left to be done again or to go on with.
    pub fn is_unfinished(&self) -> bool {
        let Summary { joined, done, rows, .. } = self.summary();
        joined + done < rows
    }

    pub(super) fn act(&mut self, action: BatchAction, desk: &mut Desk<'_>) -> Vec<Command> {
        match action {
            BatchAction::Opened => self.open(desk),
            BatchAction::Started(again) => self.start(again, desk),
            BatchAction::Paused => self.steer(BatchCommand::Pause),
            BatchAction::Resumed => self.steer(BatchCommand::Resume),
            BatchAction::Stopped => self.stop(),
            BatchAction::Exported(path) => self.export(&path, desk),
            BatchAction::Cleared | BatchAction::TookSelected => {
                if !self.is_running() && !self.is_checking() {
                    *self = Self { path: std::mem::take(&mut self.path), ..Self::default() };
                }
                Vec::new()
            }
            // The app does it: what holds a gateway is none of the batch's.
            BatchAction::LetGo => Vec::new(),
        }
    }

    /// Takes the gateways that are marked in the list; `set_up` names those that have a network already.
    pub(super) fn take(&mut self, marked: Vec<Marked>, set_up: &[String], kept: &KeptNetwork) {
        if self.is_running() || self.is_checking() || marked.is_empty() {
            return;
        }
        // What was typed for some of them holds for all of them.
        let is_growing = matches!(self.source, Source::Marked(_)) && !self.was_begun();
        let typed = if is_growing { std::mem::take(self) } else { Self { login: room(), ..Self::default() } };
        let draft = if is_growing { typed.draft } else { kept.draft().clone() };
        let path = if is_growing { typed.path } else { std::mem::take(&mut self.path) };
        let Self { username, login, out, is_unscanned, .. } = typed;
        *self = Self { path, draft, username, login, is_unscanned, out, ..Self::default() };
        self.draft.passphrase.expose_mut().reserve(SECRET_ROOM);
        self.notes = has_network_already(set_up).into_iter().collect();
        let heads = marked.iter().enumerate().map(|(place, marked)| head(place, marked, &self.draft.ssid));
        self.rows = heads.map(|head| Row { head, state: RowState::Open }).collect();
        self.source = Source::Marked(marked);
    }

    pub(super) fn told(&mut self, job: JobId, event: BatchEvent) {
        if self.job != Some(job) && self.checking != Some(job) {
            return;
        }
        match event {
            BatchEvent::Checked(check) => self.checked(*check),
            BatchEvent::Began { batch, rows } => {
                self.number = Some(batch);
                self.rows = rows.into_iter().map(|head| Row { head, state: RowState::Open }).collect();
                // From here on the workers hold them.
                self.secrets.iter_mut().for_each(|secret| secret.value = room());
            }
            BatchEvent::Row { index, state } => {
                if let Some(row) = self.rows.get_mut(index) {
                    row.state = state;
                }
            }
            BatchEvent::Paused(is_paused) => self.is_paused = is_paused,
            BatchEvent::OutTrouble(problem) => self.out_trouble = Some(problem),
            BatchEvent::Ended { summary, took } => self.ended = Some((summary, took)),
        }
    }

    /// The check, the batch itself or an export ended.
    pub(super) fn finished(&mut self, job: JobId, end: JobEnd) {
        if self.exporting == Some(job) {
            self.exporting = None;
            return;
        }
        if self.checking == Some(job) {
            self.checking = None;
        } else if self.job == Some(job) {
            self.job = None;
            (self.is_paused, self.is_stopping) = (false, false);
            for row in &mut self.rows {
                if matches!(row.state, RowState::Expected) {
                    row.state = RowState::Open;
                }
            }
        } else {
            return;
        }
        if let JobEnd::Failed(problem) = end {
            self.problem = Some(problem);
        }
    }

    /// Whether a job is this batch, so that cancelling it stops the batch.
    pub(super) fn is_job(&self, job: JobId) -> bool {
        self.job == Some(job)
    }

    fn open(&mut self, desk: &mut Desk<'_>) -> Vec<Command> {
        let path = self.path.trim().to_owned();
        if path.is_empty() || self.is_running() || self.is_checking() {
            return Vec::new();
        }
        let out = std::mem::take(&mut self.out);
        let is_unscanned = self.is_unscanned;
        *self =
            Self { path: path.clone(), source: Source::Manifest(path.clone()), out, is_unscanned, ..Self::default() };
        let job = desk.jobs.start(JobKind::CheckManifest, act::title("manifest"), desk.now);
        self.checking = Some(job);
        let command = BatchCommand::Check { manifest: PathBuf::from(path), secrets: Vec::new() };
        vec![Command::Batch { job, command }]
    }

    fn checked(&mut self, check: ManifestCheck) {
        let ManifestCheck { rows, findings, wanted, earlier, notes } = check;
        self.notes = notes;
        if self.job.is_none() {
            let mut known = earlier.unwrap_or_default().into_iter();
            let state =
                |known: Option<RowResult>| known.map_or(RowState::Open, |result| RowState::Ended(Box::new(result)));
            self.rows = rows.into_iter().map(|head| Row { head, state: state(known.next().flatten()) }).collect();
            self.secrets = wanted.into_iter().map(|name| SecretField { name, value: room() }).collect();
            let summary = self.summary();
            self.earlier = (summary.open < summary.rows).then_some(summary);
        }
        self.findings = findings;
    }

    fn start(&mut self, again: Option<Again>, desk: &mut Desk<'_>) -> Vec<Command> {
        if !self.is_ready() {
            return Vec::new();
        }
        self.problem = None;
        let source = match &self.source {
            Source::None => return Vec::new(),
            Source::Manifest(path) => {
                let secrets = self.secrets.iter().map(|secret| (secret.name.clone(), secret.value.clone())).collect();
                BatchSource::Manifest { path: PathBuf::from(path), secrets }
            }
            Source::Marked(marked) => match plans(marked, &self.draft, &self.access(), desk) {
                Ok(rows) => BatchSource::Selected { rows, batch: self.number },
                Err(problem) => {
                    self.problem = Some(problem);
                    return Vec::new();
                }
            },
        };
        let gateways = match self.rows.len() {
            1 => "1 gateway".to_owned(),
            count => format!("{count} gateways"),
        };
        let label = act::named("batch", &gateways);
        let job = desk.jobs.start(JobKind::Batch, label, desk.now);
        (self.job, self.ended, self.out_trouble) = (Some(job), None, None);
        let out = Some(self.out.trim()).filter(|path| !path.is_empty()).map(Destination::file);
        let start = BatchStart {
            source,
            parallel: MAX_PARALLEL,
            wait: WAIT,
            is_scanning: !self.is_unscanned,
            go_on: again,
            out,
        };
        vec![Command::Batch { job, command: BatchCommand::Start(Box::new(start)) }]
    }

    /// What marked gateways are logged in to with.
    fn access(&self) -> Access {
        Access::typed(&self.username, &self.login)
    }

    fn steer(&self, command: BatchCommand) -> Vec<Command> {
        self.job.map(|job| Command::Batch { job, command }).into_iter().collect()
    }

    pub(super) fn stop(&mut self) -> Vec<Command> {
        self.is_stopping = self.job.is_some();
        self.job.map(|job| Command::Cancel { job }).into_iter().collect()
    }

    fn export(&mut self, path: &str, desk: &mut Desk<'_>) -> Vec<Command> {
        if self.is_exporting() || self.rows.is_empty() {
            return Vec::new();
        }
        let job = desk.jobs.start(JobKind::ExportResults, "Writing the results", desk.now);
        self.exporting = Some(job);
        let rows = self.rows.iter().map(|row| (row.head.clone(), result(&row.state).cloned())).collect();
        vec![Command::Batch { job, command: BatchCommand::Export { destination: Destination::file(path), rows } }]
    }
}

/// The result of a row that ended.
pub const fn result(state: &RowState) -> Option<&RowResult> {
    match state {
        RowState::Ended(result) => Some(result),
        RowState::Open | RowState::Expected | RowState::Running { .. } => None,
    }
}

fn outcome(state: &RowState) -> Option<RowOutcome> {
    result(state).map(|result| result.outcome)
}

fn room() -> Secret<String> {
    Secret::new(String::with_capacity(SECRET_ROOM))
}

fn head(place: usize, marked: &Marked, ssid: &str) -> RowHead {
    RowHead {
        row: number(place),
        name: marked.name.clone(),
        place: marked.link.to_string(),
        profile: marked.profile.clone(),
        driver: marked.driver,
        ssid: ssid.to_owned(),
        credentials: Vec::new(),
    }
}

/// What is to be known of gateways that have a network already.
fn has_network_already(names: &[String]) -> Option<String> {
    match names {
        [] => None,
        [name] => Some(format!("{name} already has a network; it gets this one instead")),
        names => Some(format!("{} of them already have a network; they get this one instead", names.len())),
    }
}

fn number(place: usize) -> u32 {
    u32::try_from(place + 1).unwrap_or(u32::MAX)
}

/// The orders for marked gateways, all with the same network, if every profile among them lets it pass.
fn plans(marked: &[Marked], draft: &WifiDraft, access: &Access, desk: &Desk<'_>) -> Result<Vec<RowPlan>, Problem> {
    let mut checked = BTreeSet::new();
    for marked in marked.iter().filter(|marked| checked.insert(marked.profile.clone())) {
        let profile = marked.profile.as_ref().and_then(|id| desk.catalog.get(id));
        let rules = profile.and_then(|profile| profile.wifi.clone()).unwrap_or_else(WifiRules::standard);
        if let Some(problem) = check(draft, &rules, None, None).1.errors.into_iter().next() {
            return Err(problem);
        }
    }
    let plan = |(place, marked): (usize, &Marked)| RowPlan {
        row: number(place),
        name: marked.name.clone(),
        place: Match::Link(marked.link.clone()),
        profile: marked.profile.clone(),
        driver: marked.driver,
        network: Some(draft.clone()),
        access: access.clone(),
        credentials: Vec::new(),
        content: format!("{} {} {}", marked.link, marked.driver, draft.ssid),
    };
    Ok(marked.iter().enumerate().map(plan).collect())
}
