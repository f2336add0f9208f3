//! Network check: whether the site's network lets a gateway reach what its vendor requires, row by row, and who stops it.
//!
//! What will be checked is listed before anything is sent. A check stays open after a round, so that rows are looked at
//! again, one, some or all; it ends when it is stopped or another one starts.

mod both;
pub mod compared;
pub mod detail;
pub mod figures;
pub mod form;
pub mod lines;
pub mod run;
#[cfg(test)]
mod tests;
pub mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::both::{SideBySide, state_word};

use self::both::Rounds;
use self::compared::{Before, Compared};
use self::detail::Detail;
use self::form::Form;
use self::lines::Sheet;
use self::run::{Origin, Phase, Run};
use super::Desk;
use super::jobs::JobKind;
use crate::check::Plan;
use crate::check::evidence::{About, Evidence};
use crate::check::plan::Vantage;
use crate::model::access::Access;
use crate::model::destination::Destination;
use crate::model::endpoint::RowId;
use crate::model::ids::{JobId, LinkAddress, ProfileId};
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::msg::check::{CheckCommand, CheckEvent, CheckStart, ReportForm, Via};
use crate::msg::{Command, JobEnd};
use crate::profile::site::Site;

/// The parts of the place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// What a check is made from, and the rows it will look at.
    #[default]
    SetUp,
    /// The rows and how they stand.
    Rows,
    /// The report.
    Report,
    /// This run beside an earlier one.
    Compare,
}

/// Which rows are looked at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// All of them.
    All,
    /// Those that failed, and those that hang on them.
    Failed,
    /// One.
    Row(RowId),
}

/// What the user did on Network check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckAction {
    /// Went to a part.
    WentTo(View),
    /// Chose a profile.
    ChoseProfile(ProfileId),
    /// Changed something else of the set-up.
    FormChanged,
    /// Chose who looks: the gateway at that link, or this computer.
    ChoseVia(Option<LinkAddress>),
    /// Starts the check.
    Started,
    /// Stops it.
    Stopped,
    /// Looks at rows again.
    Again(Again),
    /// Opens a row.
    Selected(RowId),
    /// Closes the opened row.
    Deselected,
    /// Watches from now on, or watches no more.
    Watched(bool),
    /// Chose the form of the report.
    ChoseForm(ReportForm),
    /// Writes the report to that path.
    Saved(String),
    /// Judges the evidence at the typed path again.
    OpenedEvidence,
    /// Keeps what was found to compare later rounds with.
    KeptAsBefore,
    /// Takes the evidence at the typed path to compare with.
    OpenedBefore,
    /// Compares with nothing any more.
    DroppedBefore,
}

/// The report form.
pub struct Save {
    /// Whether addresses inside the site are masked; edited in place.
    pub is_masked: bool,
    form: ReportForm,
    is_running: bool,
}

impl Default for Save {
    fn default() -> Self {
        Self { is_masked: false, form: ReportForm::Html, is_running: false }
    }
}

impl Save {
    /// The form of the report.
    pub const fn form(&self) -> ReportForm {
        self.form
    }

    /// Whether one is being written.
    pub const fn is_running(&self) -> bool {
        self.is_running
    }
}

/// The view model of Network check.
#[derive(Default)]
pub struct NetworkCheck {
    /// The set-up; all but the profile is edited in place.
    pub form: Form,
    /// The report.
    pub save: Save,
    /// User name of the gateway's login, for a check from there; edited in place.
    pub username: String,
    /// Its password; edited in place.
    pub password: Secret<String>,
    /// Path of evidence to judge again; edited in place.
    pub evidence_path: String,
    /// Path of evidence to compare with; edited in place.
    pub before_path: String,
    view: View,
    /// The site whose file is typed, by its path; of a demo the simulated one, by none.
    site: Option<(String, Box<Site>)>,
    /// The path that was read last.
    asked_site: String,
    preview: Option<(Plan, Sheet)>,
    run: Option<Run>,
    /// The gateway's half of a check of both, until the laptop's ended.
    second_half: Option<(CheckStart, String)>,
    rounds: Rounds,
    problem: Option<Problem>,
    selected: Option<RowId>,
    detail: Option<Detail>,
    before: Option<Before>,
    compared: Option<Compared>,
    reading_before: Option<JobId>,
    before_problem: Option<Problem>,
}

impl NetworkCheck {
    /// The part shown.
    pub const fn view(&self) -> View {
        self.view
    }

    /// What a check started now would look at, as a plan and as a list.
    pub const fn preview(&self) -> Option<&(Plan, Sheet)> {
        self.preview.as_ref()
    }

    /// The site that is open: the one whose file is typed, or the simulated one.
    pub fn site(&self) -> Option<&Site> {
        let typed = self.form.site_path.trim();
        self.site.as_ref().filter(|(path, _)| path == typed).map(|(_, site)| &**site)
    }

    /// The check that runs or ran.
    pub const fn run(&self) -> Option<&Run> {
        self.run.as_ref()
    }

    /// Why the check could not begin, or ended.
    pub const fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// The opened row.
    pub const fn selected(&self) -> Option<&RowId> {
        self.selected.as_ref()
    }

    /// What the opened row shows.
    pub const fn detail(&self) -> Option<&Detail> {
        self.detail.as_ref()
    }

    /// What later rounds are compared with.
    pub const fn before(&self) -> Option<&Before> {
        self.before.as_ref()
    }

    /// The run beside what came before.
    pub const fn compared(&self) -> Option<&Compared> {
        self.compared.as_ref()
    }

    /// Why evidence to compare with could not be read.
    pub const fn before_problem(&self) -> Option<&Problem> {
        self.before_problem.as_ref()
    }

    /// Whether evidence to compare with is being read.
    pub const fn is_reading_before(&self) -> bool {
        self.reading_before.is_some()
    }

    /// Whether that job is this check, resting between rounds: nothing runs then.
    pub fn is_resting(&self, job: JobId) -> bool {
        self.run.as_ref().is_some_and(|run| run.job == job && run.phase == Phase::Waiting && !run.is_watching())
    }

    /// Whether a check may start.
    pub fn is_ready(&self) -> bool {
        (self.form.profile().is_some() || !self.form.site_path.trim().is_empty())
            && self.form.watch().is_ok()
            && !self.run.as_ref().is_some_and(Run::is_busy)
    }

    pub(super) fn act(&mut self, action: CheckAction, desk: &mut Desk<'_>) -> Vec<Command> {
        let commands = match action {
            CheckAction::WentTo(view) => {
                self.view = view;
                Vec::new()
            }
            CheckAction::ChoseProfile(id) => {
                self.choose(&id, desk);
                Vec::new()
            }
            CheckAction::ChoseVia(via) => {
                self.form.via = via;
                self.look_ahead(desk);
                Vec::new()
            }
            CheckAction::FormChanged => {
                self.look_ahead(desk);
                self.read_site()
            }
            CheckAction::Started => self.start(desk),
            CheckAction::Stopped => self.stop(),
            CheckAction::Again(which) => self.again(which),
            CheckAction::Selected(row) => {
                self.selected = Some(row);
                self.detail = None;
                Vec::new()
            }
            CheckAction::Deselected => {
                self.selected = None;
                Vec::new()
            }
            CheckAction::Watched(is_watching) => self.watch(is_watching, desk),
            CheckAction::ChoseForm(form) => {
                self.save.form = form;
                Vec::new()
            }
            CheckAction::Saved(path) => self.save(&path),
            CheckAction::OpenedEvidence => self.open_evidence(desk),
            CheckAction::KeptAsBefore => {
                self.before = self.run.as_ref().and_then(before);
                self.compared = None;
                Vec::new()
            }
            CheckAction::OpenedBefore => self.open_before(desk),
            CheckAction::DroppedBefore => {
                (self.before, self.compared, self.before_problem) = (None, None, None);
                Vec::new()
            }
        };
        self.refresh();
        commands
    }

    /// Chooses the profile of a gateway that has joined. Starts nothing.
    pub(super) fn take(&mut self, profile: Option<&ProfileId>, ssid: &str, desk: &Desk<'_>) {
        if let Some(id) = profile {
            self.choose(id, desk);
        }
        if self.form.ssid.is_empty() {
            ssid.clone_into(&mut self.form.ssid);
        }
        if !self.run.as_ref().is_some_and(Run::is_busy) {
            self.view = View::SetUp;
        }
        self.look_ahead(desk);
    }

    /// Takes in what a check reports.
    pub(super) fn progressed(&mut self, job: JobId, event: CheckEvent, desk: &mut Desk<'_>) -> Vec<Command> {
        if self.reading_before == Some(job) {
            return self.read_before(job, event);
        }
        let Some(run) = self.run.as_mut().filter(|run| run.job == job) else { return Vec::new() };
        match event {
            CheckEvent::Saved { .. } => self.save.is_running = false,
            CheckEvent::Trouble(_) if self.save.is_running => self.save.is_running = false,
            event => {
                let seen = match &event {
                    CheckEvent::RoundEnded { evidence, .. } => Some(Arc::clone(evidence)),
                    _ => None,
                };
                run.progressed(event, desk.now);
                if let Some(seen) = seen {
                    self.rounds.keep(run);
                    return self.go_on_with_second_half(seen, desk);
                }
            }
        }
        Vec::new()
    }

    /// The laptop's half of a check of both is over: the gateway's begins, with the laptop's beside it.
    fn go_on_with_second_half(&mut self, laptop: Arc<Evidence>, desk: &mut Desk<'_>) -> Vec<Command> {
        let Some((mut start, label)) = self.second_half.take() else { return Vec::new() };
        start.beside = Some(laptop);
        self.begin(start, Origin::Network, &label, desk)
    }

    /// Takes in the end of a check.
    pub(super) fn finished(&mut self, job: JobId, end: JobEnd) {
        if self.reading_before == Some(job) {
            self.reading_before = None;
            if let JobEnd::Failed(problem) = end {
                self.before_problem = Some(problem);
            }
            return;
        }
        let Some(run) = self.run.as_mut().filter(|run| run.job == job) else { return };
        // Without the laptop's half nothing is told side by side: a person starts again.
        self.second_half = None;
        if let JobEnd::Failed(problem) = &end {
            self.problem = Some(problem.clone());
            if run.plan().is_none() {
                self.view = View::SetUp;
            }
        }
        run.finished(end);
    }

    /// A command could not be handed to the workers.
    pub(super) fn request_not_taken(&mut self, job: JobId) {
        if self.run.as_ref().is_some_and(|run| run.job == job) {
            self.save.is_running = false;
        }
    }

    /// Makes what is shown anew where something changed: once a frame at most, however much came.
    pub(super) fn refresh(&mut self) {
        let Some(run) = &mut self.run else { return };
        let is_changed = run.refresh();
        if is_changed || self.detail.as_ref().map(|detail| &detail.row) != self.selected.as_ref() {
            self.detail = self.selected.as_ref().and_then(|row| Detail::of(run, row));
        }
        if let Some(before) = self.before.as_ref().filter(|_| is_changed || self.compared.is_none()) {
            self.compared = Some(Compared::of(before, run.judged(), run.is_of_gateway()));
        }
    }

    fn choose(&mut self, id: &ProfileId, desk: &Desk<'_>) {
        if let Some(profile) = desk.catalog.get(id) {
            self.form.choose(profile);
        }
        self.look_ahead(desk);
    }

    /// Has the site read whose file is typed, once for each path.
    fn read_site(&mut self) -> Vec<Command> {
        let typed = self.form.site_path.trim();
        if typed.is_empty() || typed == self.asked_site {
            return Vec::new();
        }
        typed.clone_into(&mut self.asked_site);
        vec![Command::ReadSite { path: PathBuf::from(typed) }]
    }

    /// Takes in a site that was read; one that cannot be is told when the check starts.
    pub(super) fn site_read(&mut self, path: &Path, site: Result<Box<Site>, Problem>, desk: &Desk<'_>) {
        if let Ok(site) = site {
            self.site = Some((path.display().to_string(), site));
            self.look_ahead(desk);
        }
    }

    /// Takes the simulated site of a demo.
    pub(super) fn take_demo(&mut self, site: Box<Site>) {
        self.site = Some((String::new(), site));
    }

    /// What a check would look at, as far as it is known.
    fn look_ahead(&mut self, desk: &Desk<'_>) {
        let profile = self.form.profile().and_then(|id| desk.catalog.get(id));
        self.preview = profile.map(|profile| {
            let about = match self.site() {
                Some(site) => self.form.about().at_site(site),
                None => self.form.about(),
            };
            let plan = Plan::new(profile, about);
            let sheet = Sheet::of(&plan);
            (plan, sheet)
        });
    }

    fn start(&mut self, desk: &mut Desk<'_>) -> Vec<Command> {
        let (true, Ok(watch)) = (self.is_ready(), self.form.watch()) else { return Vec::new() };
        let file = |path: &str| Some(path.trim()).filter(|path| !path.is_empty()).map(PathBuf::from);
        let start = CheckStart {
            about: self.form.about(),
            evidence: None,
            site: file(&self.form.site_path),
            overrides: file(&self.form.override_path),
            watch,
            via: self.form.via.clone().map(|link| Via { link, driver: None, access: self.access() }),
            beside: None,
        };
        let name = self.form.profile().and_then(|id| desk.catalog.get(id)).map_or("", |profile| &profile.name);
        let label = words::job(name);
        if start.via.is_none() || !self.form.is_both {
            return self.begin(start, Origin::Network, &label, desk);
        }
        let first = CheckStart { watch: None, ..self.on_laptop(&start) };
        let commands = self.begin(first, Origin::Network, &label, desk);
        self.second_half = Some((start, label));
        commands
    }

    /// The same check from this laptop.
    fn on_laptop(&self, start: &CheckStart) -> CheckStart {
        CheckStart {
            // A row that holds at the gateway alone doesn't fail here.
            about: About { vantage: Vantage::default(), ..self.form.about() },
            evidence: None,
            site: start.site.clone(),
            overrides: start.overrides.clone(),
            watch: start.watch,
            via: None,
            beside: None,
        }
    }

    /// What laptop and gateway found last, row by row. Empty where neither looked.
    pub fn side_by_side(&self, profile: &ProfileId, link: &LinkAddress) -> Vec<SideBySide<'_>> {
        both::side_by_side(self.rounds.last(profile, None), self.rounds.last(profile, Some(link)))
    }

    /// The overrides on which what they found rests.
    pub fn overrides_of(&self, profile: &ProfileId, link: &LinkAddress) -> &[String] {
        let kept = [self.rounds.last(profile, Some(link)), self.rounds.last(profile, None)];
        let mut overrides = kept.into_iter().flatten().map(both::Kept::overrides);
        overrides.find(|overrides| !overrides.is_empty()).unwrap_or_default()
    }

    /// When one who looked did so last, in microseconds since 1970 UTC: the gateway at a link, or this laptop.
    pub fn looked_at(&self, profile: &ProfileId, via: Option<&LinkAddress>) -> Option<i64> {
        self.rounds.last(profile, via).map(|kept| kept.at_unix_micros)
    }

    fn access(&self) -> Access {
        let is_typed = |text: &str| !text.trim().is_empty();
        Access {
            username: Some(self.username.trim().to_owned()).filter(|name| is_typed(name)),
            secret: Some(self.password.clone()).filter(|password| !password.expose().is_empty()),
            ..Access::default()
        }
    }

    fn open_evidence(&mut self, desk: &mut Desk<'_>) -> Vec<Command> {
        let path = self.evidence_path.trim();
        if path.is_empty() || self.run.as_ref().is_some_and(Run::is_busy) {
            return Vec::new();
        }
        let path = PathBuf::from(path);
        self.begin(saved(path.clone()), Origin::Saved(path), words::JOB_SAVED, desk)
    }

    /// Begins a run in place of the one there is; what that one found can be compared with.
    fn begin(&mut self, start: CheckStart, origin: Origin, label: &str, desk: &mut Desk<'_>) -> Vec<Command> {
        let mut commands = Vec::new();
        if let Some(run) = &self.run {
            self.before = self.before.take().or_else(|| before(run));
            if run.is_open() {
                commands.push(Command::Check { job: run.job, command: CheckCommand::Close });
            }
        }
        let job = desk.jobs.start(JobKind::Check, label, desk.now);
        self.run = Some(Run::new(job, origin, start.watch));
        (self.problem, self.detail, self.compared) = (None, None, None);
        self.save.is_running = false;
        self.view = View::Rows;
        commands.push(Command::Check { job, command: CheckCommand::Start(Box::new(start)) });
        commands
    }

    /// Stops what runs. What was seen so far stays.
    pub(super) fn stop(&mut self) -> Vec<Command> {
        self.second_half = None;
        match &self.run {
            Some(run) if run.is_open() => vec![Command::Cancel { job: run.job }],
            _ => Vec::new(),
        }
    }

    fn again(&mut self, which: Again) -> Vec<Command> {
        let Some(run) = self.run.as_ref().filter(|run| run.why_not_again().is_none()) else { return Vec::new() };
        let rows = match which {
            Again::All => Vec::new(),
            Again::Row(row) => vec![row],
            // None named would be all of them.
            Again::Failed if run.failed().is_empty() => return Vec::new(),
            Again::Failed => run.failed(),
        };
        vec![Command::Check { job: run.job, command: CheckCommand::Again { rows } }]
    }

    fn watch(&mut self, is_watching: bool, desk: &Desk<'_>) -> Vec<Command> {
        self.form.is_watching = is_watching;
        let (Some(run), Ok(every)) = (self.run.as_mut().filter(|run| run.is_open()), self.form.watch()) else {
            return Vec::new();
        };
        if run.origin != Origin::Network {
            return Vec::new();
        }
        run.set_interval(every, desk.now);
        vec![Command::Check { job: run.job, command: CheckCommand::Watch { every } }]
    }

    fn save(&mut self, path: &str) -> Vec<Command> {
        let run = self.run.as_ref().filter(|run| run.has_round() && !self.save.is_running);
        let Some(run) = run else { return Vec::new() };
        let destination = match &run.origin {
            Origin::Network => Destination::file(path),
            Origin::Saved(evidence) => Destination::file(path).made_from([evidence]),
        };
        self.save.is_running = true;
        let (form, is_masked) = (self.save.form, self.save.is_masked);
        vec![Command::Check { job: run.job, command: CheckCommand::Save { destination, form, is_masked } }]
    }

    fn open_before(&mut self, desk: &mut Desk<'_>) -> Vec<Command> {
        let path = self.before_path.trim();
        if path.is_empty() || self.reading_before.is_some() {
            return Vec::new();
        }
        let start = saved(PathBuf::from(path));
        let job = desk.jobs.start(JobKind::Check, words::JOB_SAVED, desk.now);
        (self.reading_before, self.before_problem) = (Some(job), None);
        vec![Command::Check { job, command: CheckCommand::Start(Box::new(start)) }]
    }

    fn read_before(&mut self, job: JobId, event: CheckEvent) -> Vec<Command> {
        match event {
            CheckEvent::RoundEnded { judged, evidence, .. } => {
                let (at_unix_micros, is_of_gateway) = (evidence.about.began_unix_micros, evidence.about.via.is_some());
                (self.before, self.compared) = (Some(Before { at_unix_micros, judged, is_of_gateway }), None);
                vec![Command::Check { job, command: CheckCommand::Close }]
            }
            CheckEvent::Trouble(problem) => {
                self.before_problem = Some(*problem);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }
}

/// What a run found, to compare with.
fn before(run: &Run) -> Option<Before> {
    run.has_round().then(|| Before {
        at_unix_micros: run.round_at_unix_micros(),
        judged: run.judged().clone(),
        is_of_gateway: run.is_of_gateway(),
    })
}

/// A start that only judges.
fn saved(path: PathBuf) -> CheckStart {
    CheckStart {
        about: About::default(),
        evidence: Some(path),
        site: None,
        overrides: None,
        watch: None,
        via: None,
        beside: None,
    }
}
