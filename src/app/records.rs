//! Records: the jobs on record, newest first, one of them in detail, and the export to a file.

use self::filter::{FilterAction, Shown};
use super::Desk;
use super::jobs::JobKind;
use super::loaded::Loaded;
use super::report::ReportForm;
use crate::model::act;
use crate::model::audit::Audit;
use crate::model::destination::Destination;
use crate::model::ids::JobId;
use crate::model::problem::Problem;
use crate::model::record::{EntryRecord, ExportFormat, JobHistory, JobRecord, RecordKey, step_title};
pub use crate::model::record_filter::{Ends, Kind};
use crate::msg::Command;
use crate::papers::commissioning::About;
use crate::profile::site::{Site, is_of_site};

pub mod filter;

/// Jobs asked for at first; "Show more" doubles it.
pub(super) const FIRST_LIMIT: usize = 500;
/// What the user did on Records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordsAction {
    /// Asked for the list again.
    Refreshed,
    /// Asked for older jobs too.
    AskedForMore,
    /// Chose a job.
    Selected(RecordKey),
    /// Went back to the list.
    Deselected,
    /// Shows only the jobs of the open site, or all of them.
    HeldToSite(bool),
    /// Chose which jobs are shown.
    Filtered(FilterAction),
    /// Searches for the gateway of that job.
    SoughtGatewayOf(RecordKey),
    /// Asked whether the records are what was written.
    Verified,
    /// Exports the records to that path.
    Exported(String),
    /// Reports on the chosen job alone, or on all of its gateway.
    ReportsOnGateway(bool),
    /// Writes a report about that to that path.
    Reported(About, String),
}

/// The view model of Records.
pub struct Records {
    /// Text that jobs have to hold; edited in place.
    pub search: String,
    /// The list, newest first.
    pub list: Loaded<Vec<JobRecord>>,
    /// The chosen job with its entries.
    pub detail: Loaded<Box<JobHistory>>,
    /// What the last check of the whole log found.
    pub audit: Loaded<Box<Audit>>,
    /// The report on the chosen job.
    pub report: ReportForm,
    /// Whether the entries of a job are shown as they stand in the records.
    pub shows_evidence: bool,
    exporting: Option<JobId>,
    shown: Shown,
    selected: Option<RecordKey>,
    limit: usize,
    is_held_to_site: bool,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            search: String::new(),
            shown: Shown::default(),
            list: Loaded::NotAsked,
            detail: Loaded::NotAsked,
            audit: Loaded::NotAsked,
            exporting: None,
            report: ReportForm::default(),
            shows_evidence: false,
            selected: None,
            limit: FIRST_LIMIT,
            is_held_to_site: false,
        }
    }
}

impl Records {
    /// The chosen job.
    pub const fn selected(&self) -> Option<RecordKey> {
        self.selected
    }

    /// Which jobs are shown.
    pub const fn shown(&self) -> &Shown {
        &self.shown
    }

    /// Whether an export runs.
    pub const fn is_exporting(&self) -> bool {
        self.exporting.is_some()
    }

    /// Whether only the jobs of the open site are shown, where one is open.
    pub const fn is_held_to_site(&self) -> bool {
        self.is_held_to_site
    }

    /// The jobs that are shown, newest first. `site` is the one that is open.
    pub fn jobs(&self, site: Option<&Site>) -> Vec<&JobRecord> {
        let site = site.filter(|_| self.is_held_to_site);
        let words: Vec<String> = self.search.split_whitespace().map(str::to_lowercase).collect();
        let is_shown = |job: &&JobRecord| {
            site.is_none_or(|site| is_of_site(site, job)) && self.shown.holds(job) && holds_all(job, &words)
        };
        self.list.value().into_iter().flatten().filter(is_shown).collect()
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
            RecordsAction::Selected(key) => self.select(key),
            RecordsAction::Deselected => {
                self.selected = None;
                Vec::new()
            }
            RecordsAction::HeldToSite(is_held) => {
                self.is_held_to_site = is_held;
                Vec::new()
            }
            RecordsAction::Filtered(action) => {
                self.shown.act(action);
                Vec::new()
            }
            RecordsAction::SoughtGatewayOf(key) => {
                let found = self.list.value().and_then(|list| list.iter().find(|job| job.key() == key));
                if let Some(gateway) = found.map(|job| job.called().to_owned()) {
                    self.search = gateway;
                }
                Vec::new()
            }
            RecordsAction::Verified if self.audit.is_pending() => Vec::new(),
            RecordsAction::Verified => {
                self.audit.ask();
                vec![Command::VerifyRecords]
            }
            RecordsAction::Exported(path) => self.start_export(&path, desk),
            RecordsAction::ReportsOnGateway(is_whole) => {
                self.report.is_whole = is_whole;
                Vec::new()
            }
            RecordsAction::Reported(about, path) => self.report.start(about, &path, desk),
        }
    }

    /// Asks for the list again.
    pub(super) fn refresh(&mut self) -> Command {
        self.list.ask();
        Command::FindRecords { filter: Box::default(), limit: self.limit }
    }

    pub(super) fn listed(&mut self, answer: Result<Vec<JobRecord>, Problem>) {
        self.list.settle(answer);
    }

    /// Takes in a job's detail, unless another job was chosen in between.
    pub(super) fn job_shown(&mut self, answer: Result<Box<JobHistory>, Problem>) {
        let is_wanted =
            answer.as_ref().map_or(self.detail.is_pending(), |shown| Some(shown.job.key()) == self.selected);
        if is_wanted {
            self.detail.settle(answer);
        }
    }

    pub(super) fn verified(&mut self, answer: Result<Box<Audit>, Problem>) {
        self.audit.settle(answer);
    }

    pub(super) const fn export_finished(&mut self) {
        self.exporting = None;
    }

    fn select(&mut self, key: RecordKey) -> Vec<Command> {
        if self.selected != Some(key) {
            self.detail = Loaded::NotAsked;
        }
        self.selected = Some(key);
        self.detail.ask();
        vec![Command::ShowRecord { key }]
    }

    fn start_export(&mut self, path: &str, desk: &mut Desk<'_>) -> Vec<Command> {
        if self.is_exporting() {
            return Vec::new();
        }
        let job = desk.jobs.start(JobKind::ExportRecords, "Exporting records", desk.now);
        self.exporting = Some(job);
        let (destination, format) = (Destination::file(path), ExportFormat::of_path(path));
        vec![Command::ExportRecords { job, destination, format }]
    }
}

/// Whether a job holds all the words that are searched for, wherever.
fn holds_all(job: &JobRecord, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let intent = &job.intent;
    let (profile, driver) =
        (intent.profile.as_deref().unwrap_or_default(), intent.driver.as_deref().unwrap_or_default());
    let number = job.id.0.to_string();
    let parts: [&str; 12] = [
        job.called(),
        &intent.gateway,
        &intent.link,
        profile,
        driver,
        &intent.operator,
        act_label(job),
        &job.outcome,
        &job.reason,
        &job.summary,
        &number,
        job.origin.as_ref().map_or("", |origin| origin.computer.as_str()),
    ];
    let text = parts.join(" ").to_lowercase();
    words.iter().all(|word| text.contains(word.as_str()))
}

/// What a job set out to do, as a person reads it.
pub fn act_label(record: &JobRecord) -> &str {
    act::title(&record.intent.action)
}

/// What an entry says, in a sentence: a step begins, or ends with its outcome.
pub fn entry_words(entry: &EntryRecord) -> String {
    let step = step_title(&entry.step);
    match (entry.step.as_str(), entry.phase.as_str(), entry.outcome.as_str()) {
        ("job", "intent", _) => "The intent was recorded before the job began".to_owned(),
        ("job", _, "") => "The job ended".to_owned(),
        ("job", _, outcome) => format!("The job ended: {outcome}"),
        (_, "intent", _) => format!("{step} begins"),
        (_, _, "") => format!("{step} ended"),
        (_, _, outcome) => format!("{step}: {outcome}"),
    }
}

/// Whether nobody knows how the job ended, because the program ended first.
pub fn is_cut_off(record: &JobRecord) -> bool {
    record.is_cut_off()
}

/// How a job ended, as shown: a job that was cut off is unknown, not failed.
pub fn outcome_label(record: &JobRecord) -> &str {
    record.outcome_title()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::{CUT_OFF, JobIntent};

    fn job(number: i64, gateway: &str, outcome: &str, reason: &str) -> JobRecord {
        let made = JobRecord::made(number, "commission", gateway, "serial:/dev/ttyUSB0", outcome);
        let intent = JobIntent { driver: Some("improv".into()), ..made.intent };
        JobRecord { started_at: "2026-03-02T09:14:00Z".into(), intent, reason: reason.into(), ..made }
    }

    fn shown(records: &Records) -> Vec<i64> {
        records.jobs(None).iter().map(|job| job.id.0).collect()
    }

    #[test]
    fn records_are_found_by_words_wherever_they_stand_and_by_how_they_ended() {
        let mut records = Records::default();
        records.list.settle(Ok(vec![
            job(4, "Cold store 2", "joined", "improv.joined"),
            job(3, "Cold store 2", "refused", "improv.unable_to_connect"),
            job(2, "Pump house", "failed", CUT_OFF),
            job(1, "Crane", "cancelled", ""),
        ]));
        assert_eq!(shown(&records), [4, 3, 2, 1]);
        records.search = " cold  UNABLE ".into();
        assert_eq!(shown(&records), [3]);
        records.search = "set up jana".into();
        assert_eq!(shown(&records).len(), 4, "the act and the operator are searched, too");
        records.search.clear();
        for (ends, expected) in [(Ends::Good, vec![4]), (Ends::Bad, vec![3]), (Ends::Unknown, vec![2])] {
            records.shown.act(FilterAction::Ended(ends));
            assert_eq!(shown(&records), expected, "{}", ends.title());
        }
    }
}
