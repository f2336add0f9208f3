//! Records: the jobs on record, newest first, one of them in detail, and the export to a file.

use super::Desk;
use super::discover::own_name;
use super::jobs::JobKind;
use super::loaded::Loaded;
use super::report::ReportForm;
use crate::model::audit::Audit;
use crate::model::destination::Destination;
use crate::model::gateway::Sighting;
use crate::model::ids::JobId;
use crate::model::problem::Problem;
use crate::model::record::{EntryRecord, ExportFormat, JobHistory, JobRecord, RecordId, step_title};
use crate::msg::{Command, JobEnd};
use crate::profile::site::{Site, is_of_site};

/// Jobs asked for at first; "Show more" doubles it.
pub(super) const FIRST_LIMIT: usize = 500;
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
    /// Shows only jobs that ended so, or all of them.
    Showed(Ends),
    /// Asked whether the records are what was written.
    Verified,
    /// Started the export to the typed path.
    Exported,
    /// Reports on the chosen job alone, or on all of its gateway.
    ReportsOnGateway(bool),
    /// Wrote a report of the chosen job to the typed path.
    Reported,
}

/// Which ends of jobs are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ends {
    /// All of them.
    #[default]
    All,
    /// Those that came out well.
    Good,
    /// Those that failed or were refused.
    Bad,
    /// Those of which nobody knows.
    Unknown,
}

impl Ends {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::All, Self::Good, Self::Bad, Self::Unknown];

    /// The choice as a person reads it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::All => "All outcomes",
            Self::Good => "Succeeded",
            Self::Bad => "Failed or refused",
            Self::Unknown => "Unknown: verify",
        }
    }

    fn holds(self, job: &JobRecord) -> bool {
        self == Self::All || self == Self::of(job)
    }

    /// How a job ended; one that runs or was stopped is none of the three.
    pub fn of(job: &JobRecord) -> Self {
        match job.outcome.as_str() {
            _ if is_cut_off(job) => Self::Unknown,
            "unknown" => Self::Unknown,
            "joined" | "done" | "passed" => Self::Good,
            "refused" | "failed" | "findings" => Self::Bad,
            _ => Self::All,
        }
    }
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
    /// Text that jobs have to hold; edited in place.
    pub search: String,
    /// The list, newest first.
    pub list: Loaded<Vec<JobRecord>>,
    /// The chosen job with its entries.
    pub detail: Loaded<Box<JobHistory>>,
    /// What the last check of the whole log found.
    pub audit: Loaded<Box<Audit>>,
    /// The export form.
    pub export: ExportForm,
    /// The report on the chosen job.
    pub report: ReportForm,
    ends: Ends,
    selected: Option<RecordId>,
    limit: usize,
    is_held_to_site: bool,
}

impl Default for Records {
    fn default() -> Self {
        let export = ExportForm { path: String::new(), format: ExportFormat::Csv, result: None, job: None };
        Self {
            search: String::new(),
            ends: Ends::default(),
            list: Loaded::NotAsked,
            detail: Loaded::NotAsked,
            audit: Loaded::NotAsked,
            export,
            report: ReportForm::default(),
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

    /// Which ends of jobs are shown.
    pub const fn ends(&self) -> Ends {
        self.ends
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
            site.is_none_or(|site| is_of_site(site, job)) && self.ends.holds(job) && holds_all(job, &words)
        };
        self.list.value().into_iter().flatten().filter(is_shown).collect()
    }

    /// The jobs with a gateway, newest first: those that give its name. Of one that told no name, those over its link.
    pub fn of_gateway(&self, row: &Sighting) -> Vec<&JobRecord> {
        let (link, name) = (row.link.to_string(), own_name(row));
        let is_its = |job: &&JobRecord| match name {
            Some(name) => job.intent.gateway == name,
            None => job.intent.link == link,
        };
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
            RecordsAction::Showed(ends) => {
                self.ends = ends;
                Vec::new()
            }
            RecordsAction::Verified if self.audit.is_pending() => Vec::new(),
            RecordsAction::Verified => {
                self.audit.ask();
                vec![Command::VerifyRecords]
            }
            RecordsAction::Exported => self.start_export(desk),
            RecordsAction::ReportsOnGateway(is_whole) => {
                self.report.is_whole = is_whole;
                Vec::new()
            }
            RecordsAction::Reported => {
                let Some(id) = self.selected else { return Vec::new() };
                self.report.start(id, desk)
            }
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

    pub(super) fn verified(&mut self, answer: Result<Box<Audit>, Problem>) {
        self.audit.settle(answer);
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
            self.report.forget();
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

/// Whether a job holds all the words that are searched for, wherever.
fn holds_all(job: &JobRecord, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let intent = &job.intent;
    let (profile, driver) =
        (intent.profile.as_deref().unwrap_or_default(), intent.driver.as_deref().unwrap_or_default());
    let number = job.id.0.to_string();
    let parts = [
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
    ];
    let text = parts.join(" ").to_lowercase();
    words.iter().all(|word| text.contains(word.as_str()))
}

/// What a job set out to do, as a person reads it.
pub fn act_label(record: &JobRecord) -> &str {
    record.intent.act()
}

/// What an entry says, in a sentence: a step begins, or ends with its outcome.
pub fn entry_words(entry: &EntryRecord) -> String {
    let step = step_title(&entry.step);
    match (entry.step.as_str(), entry.phase.as_str(), entry.outcome.as_str()) {
        ("job", "intent", _) => "The job was written down before it began".to_owned(),
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
        let intent = JobIntent {
            action: "commission".into(),
            gateway: gateway.into(),
            link: "serial:/dev/ttyUSB0".into(),
            profile: None,
            driver: Some("improv".into()),
            operator: "Jana".into(),
            is_simulated: false,
        };
        JobRecord {
            id: RecordId(number),
            started_at: "2026-03-02T09:14:00Z".into(),
            ended_at: None,
            intent,
            outcome: outcome.into(),
            reason: reason.into(),
            summary: String::new(),
            origin: None,
        }
    }

    #[test]
    fn the_history_of_a_gateway_is_its_own_and_not_that_of_others_at_the_same_port() {
        use crate::model::gateway::{DeviceInfo, Identity, PortFacts, Probe, ProvisioningState};
        let mut records = Records::default();
        records.list.settle(Ok(vec![job(2, "Cold store 2", "joined", ""), job(1, "Pump house", "joined", "")]));
        let named = |name: &str| Sighting {
            link: "serial:/dev/ttyUSB0".parse().unwrap(),
            facts: PortFacts::default(),
            heard: None,
            profile: None,
            probe: Probe::Answered(Identity {
                driver: crate::model::ids::DriverId::Improv,
                info: Some(DeviceInfo { name: name.into(), ..DeviceInfo::default() }),
                state: ProvisioningState::Ready,
            }),
            is_present: true,
        };
        let ids = |row: &Sighting| records.of_gateway(row).iter().map(|job| job.id.0).collect::<Vec<_>>();
        assert_eq!(ids(&named("Pump house")), [1]);
        assert_eq!(ids(&named("")), [2, 1], "of one that tells no name only the port is known");
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
            records.ends = ends;
            assert_eq!(shown(&records), expected, "{}", ends.title());
        }
    }
}
