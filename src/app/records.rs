//! Records: the jobs on record, newest first, one of them in detail, and the export to a file.

use super::Desk;
use super::jobs::JobKind;
use super::loaded::Loaded;
use crate::model::destination::Destination;
use crate::model::ids::JobId;
use crate::model::problem::Problem;
use crate::model::record::{ExportFormat, JobHistory, JobRecord, RecordId};
use crate::msg::{Command, JobEnd};
use crate::profile::site::{Site, is_of_site};

/// Jobs asked for at first; "Show more" doubles it.
const FIRST_LIMIT: usize = 500;
/// Reason code of a job that the end of the program cut off.
const CUT_OFF: &str = "records.cut_off";

/// What the user did on Records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordsAction {
    /// Asked for the list again.
    Refreshed,
    /// Asked for older jobs too.
    AskedForMore,
    /// Chose a job.
    Selected(RecordId),
    /// Went back to the list.
    Deselected,
    /// Shows only the jobs of the open site, or all of them.
    HeldToSite(bool),
    /// Started the export to the typed path.
    Exported,
}

/// The export form.
pub struct ExportForm {
    /// The path being typed; edited in place.
    pub path: String,
    /// The format; edited in place.
    pub format: ExportFormat,
    /// What came of the last export: the note of the job, or the problem.
    pub result: Option<Result<String, Problem>>,
    job: Option<JobId>,
}

impl ExportForm {
    /// Whether an export runs.
    pub const fn is_running(&self) -> bool {
        self.job.is_some()
    }
}

/// The view model of Records.
pub struct Records {
    /// The list, newest first.
    pub list: Loaded<Vec<JobRecord>>,
    /// The chosen job with its entries.
    pub detail: Loaded<Box<JobHistory>>,
    /// The export form.
    pub export: ExportForm,
    selected: Option<RecordId>,
    limit: usize,
    is_held_to_site: bool,
}

impl Default for Records {
    fn default() -> Self {
        let export = ExportForm { path: String::new(), format: ExportFormat::Csv, result: None, job: None };
        Self {
            list: Loaded::NotAsked,
            detail: Loaded::NotAsked,
            export,
            selected: None,
            limit: FIRST_LIMIT,
            is_held_to_site: false,
        }
    }
}

impl Records {
    /// The chosen job.
    pub const fn selected(&self) -> Option<RecordId> {
        self.selected
    }

    /// Whether only the jobs of the open site are shown, where one is open.
    pub const fn is_held_to_site(&self) -> bool {
        self.is_held_to_site
    }

    /// The jobs that are shown, newest first. `site` is the one that is open.
    pub fn jobs(&self, site: Option<&Site>) -> Vec<&JobRecord> {
        let site = site.filter(|_| self.is_held_to_site);
        let is_shown = |job: &&JobRecord| site.is_none_or(|site| is_of_site(site, job));
        self.list.value().into_iter().flatten().filter(is_shown).collect()
    }

    /// The jobs with a gateway, newest first: those over its link and those that give its name.
    pub fn of_gateway(&self, link: &str, name: &str) -> Vec<&JobRecord> {
        let is_its = |job: &&JobRecord| job.intent.link == link || job.intent.gateway == name;
        self.list.value().into_iter().flatten().filter(is_its).collect()
    }

    /// Whether there may be older jobs than those listed.
    pub fn may_have_more(&self) -> bool {
        self.list.value().is_some_and(|list| list.len() >= self.limit)
    }

    pub(super) fn act(&mut self, action: RecordsAction, desk: &mut Desk<'_>) -> Vec<Command> {
        match action {
            RecordsAction::Refreshed => vec![self.refresh()],
            RecordsAction::AskedForMore => {
                self.limit *= 2;
                vec![self.refresh()]
            }
            RecordsAction::Selected(id) => self.select(id),
            RecordsAction::Deselected => {
                self.selected = None;
                Vec::new()
            }
            RecordsAction::HeldToSite(is_held) => {
                self.is_held_to_site = is_held;
                Vec::new()
            }
            RecordsAction::Exported => self.start_export(desk),
        }
    }

    /// Asks for the list again.
    pub(super) fn refresh(&mut self) -> Command {
        self.list.ask();
        Command::ListRecords { limit: self.limit }
    }

    pub(super) fn listed(&mut self, answer: Result<Vec<JobRecord>, Problem>) {
        self.list.settle(answer);
    }

    /// Takes in a job's detail, unless another job was chosen in between.
    pub(super) fn shown(&mut self, answer: Result<Box<JobHistory>, Problem>) {
        let is_wanted = answer.as_ref().map_or(self.detail.is_pending(), |shown| Some(shown.job.id) == self.selected);
        if is_wanted {
            self.detail.settle(answer);
        }
    }

    pub(super) fn export_finished(&mut self, end: JobEnd) {
        self.export.job = None;
        self.export.result = match end {
            JobEnd::Done { note } => Some(Ok(note)),
            JobEnd::Failed(problem) => Some(Err(problem)),
            JobEnd::Cancelled => None,
        };
    }

    fn select(&mut self, id: RecordId) -> Vec<Command> {
        if self.selected != Some(id) {
            self.detail = Loaded::NotAsked;
        }
        self.selected = Some(id);
        self.detail.ask();
        vec![Command::ShowRecord { id }]
    }

    fn start_export(&mut self, desk: &mut Desk<'_>) -> Vec<Command> {
        let path = self.export.path.trim();
        if path.is_empty() || self.export.is_running() {
            return Vec::new();
        }
        let job = desk.jobs.start(JobKind::ExportRecords, "Exporting records", desk.now);
        self.export.job = Some(job);
        self.export.result = None;
        vec![Command::ExportRecords {
            job,
            destination: Destination::file(self.export.path.trim()),
            format: self.export.format,
        }]
    }
}

/// Whether nobody knows how the job ended, because the program ended first.
pub fn is_cut_off(record: &JobRecord) -> bool {
    record.reason == CUT_OFF
}

/// How a job ended, as shown: a job that was cut off is unknown, not failed.
pub fn outcome_label(record: &JobRecord) -> &str {
    if is_cut_off(record) { "unknown: verify on the device" } else { &record.outcome }
}
