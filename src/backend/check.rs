//! Network checks as jobs: reads what a check is made from, runs it, and writes its reports.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};

use super::handle::Reporter;
use super::network::{AtDemo, at_demo, demo_only, named_at_demo};
use super::run::crashed;
use super::site_files::{load_overrides, load_site, overrides_of, site_path};
use super::start::Parts;
use super::telemetry::clock;
use crate::check::asked;
use crate::check::beside::Beside;
use crate::check::evidence::{self, Evidence, Overrides};
use crate::check::explain::Spoken;
use crate::check::plan::Vantage;
use crate::check::question::From;
use crate::check::report::{self, Filter, Input};
use crate::check::seen::Observation;
use crate::check::verdict::Judged;
use crate::check::{Plan, RowState};
use crate::flow::check::{self, GatewayProbes, Setup, Way};
use crate::flow::commission::stopped;
use crate::flow::port::{Probes, Records, RecordsError};
use crate::flow::transcript::SharedTranscript;
use crate::io::files;
use crate::io::probe::{self, ChainReader, NetProbes};
use crate::io::records::RecordStore;
use crate::io::save;
use crate::model::audit::Head;
use crate::model::destination::Destination;
use crate::model::ids::{JobId, ProfileId};
use crate::model::problem::{Explain as _, Problem};
use crate::model::record::{JobIntent, RecordId};
use crate::msg::check::{CheckCommand, CheckEvent, CheckStart, ReportForm, Via};
use crate::msg::{Event, JobEnd};
use crate::profile::Profile;
use crate::profile::site::Site;

/// Commands a check may have waiting.
pub(super) const COMMANDS: usize = 16;
/// Reports a check may have waiting.
const REPORTS: usize = 256;
/// The largest file of evidence that is read.
const MAX_EVIDENCE: u64 = evidence::MAX_BYTES as u64;

/// What the last round of a check came to: what a report is made from.
#[derive(Clone)]
pub(super) struct Latest {
    pub(super) plan: Arc<Plan>,
    pub(super) evidence: Arc<Evidence>,
    pub(super) judged: Arc<Judged>,
    pub(super) beside: Option<Arc<Beside>>,
}

/// Where the last round is kept.
pub(super) type Kept = Arc<Mutex<Option<Latest>>>;

/// What a check works with.
pub(super) struct CheckJob {
    pub(super) job: JobId,
    pub(super) parts: Parts,
    pub(super) operator: String,
    pub(super) reporter: Reporter,
    pub(super) kept: Kept,
}

impl CheckJob {
    /// Runs a check to its end.
    pub(super) async fn run(
        self,
        start: CheckStart,
        commands: mpsc::Receiver<CheckCommand>,
        stop: watch::Receiver<bool>,
    ) -> JobEnd {
        let mut stop = stop;
        // Reaching a gateway may take minutes.
        let prepared = tokio::select! {
            biased;
            () = stopped(&mut stop) => return JobEnd::Cancelled,
            prepared = prepare(&self.parts, start) => prepared,
        };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(problem) => return JobEnd::Failed(problem),
        };
        for note in &prepared.notes {
            self.reporter.report(Event::Trouble(note.clone())).await;
        }
        let gateway = prepared.gateway.clone();
        let end = self.look(prepared, commands, stop).await;
        if let Some(gateway) = gateway {
            gateway.close().await;
        }
        end
    }

    async fn look(
        &self,
        prepared: Prepared,
        commands: mpsc::Receiver<CheckCommand>,
        stop: watch::Receiver<bool>,
    ) -> JobEnd {
        let mut record = match self.begin(&prepared).await {
            Ok(record) => record,
            Err(error) => return JobEnd::Failed(error.explain()),
        };
        let (progress, mut events) = mpsc::channel(REPORTS);
        let setup = prepared.setup(progress);
        let plan = Arc::new(setup.plan.clone());
        let beside = prepared.beside.clone();
        let forward = async {
            let mut broken = None;
            while let Some(event) = events.recv().await {
                self.keep(&plan, beside.as_ref(), &event);
                if let Err(error) = self.note_round(&prepared, &plan, &mut record, &event).await {
                    broken = Some(error);
                }
                let told = beside.clone().filter(|_| matches!(event, CheckEvent::Planned(_)));
                for event in std::iter::once(event).chain(told.map(CheckEvent::Beside)) {
                    self.reporter.report(Event::CheckProgressed { job: self.job, event }).await;
                }
            }
            broken
        };
        let ((end, judged), broken) = tokio::join!(check::run(setup, commands, stop), forward);
        let ended = match record {
            Some(open) => {
                let evidence = self.last_evidence();
                let seen = evidence.as_ref().map_or(&[][..], |evidence| evidence.observations.as_slice());
                end_on_record(open, &Spoken { plan: &plan, judged: &judged, observations: seen }, &end).await
            }
            None => Ok(()),
        };
        match ended.err().or(broken) {
            Some(error) => JobEnd::Failed(error.explain()),
            None => end,
        }
    }

    /// A final round is a job of its own on record, over with its verdict; whatever is asked for later begins another.
    async fn note_round(
        &self,
        prepared: &Prepared,
        plan: &Plan,
        record: &mut Option<OnRecord>,
        event: &CheckEvent,
    ) -> Result<(), RecordsError> {
        match event {
            CheckEvent::RoundBegan { .. } if record.is_none() => *record = self.begin(prepared).await?,
            CheckEvent::RoundEnded { judged, evidence, is_final: true, .. } => {
                if let Some(open) = record.take() {
                    let spoken = Spoken { plan, judged, observations: &evidence.observations };
                    end_on_record(open, &spoken, &JobEnd::Done { note: String::new() }).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What was seen by the end of the last round.
    fn last_evidence(&self) -> Option<Arc<Evidence>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().map(|latest| Arc::clone(&latest.evidence))
    }

    fn keep(&self, plan: &Arc<Plan>, beside: Option<&Arc<Beside>>, event: &CheckEvent) {
        if let CheckEvent::RoundEnded { evidence, judged, .. } = event {
            let mut evidence = Arc::clone(evidence);
            if let Some(beside) = beside {
                Arc::make_mut(&mut evidence).beside = Some(Box::new(beside.evidence.clone()));
            }
            let (plan, judged) = (Arc::clone(plan), Arc::clone(judged));
            let latest = Latest { plan, evidence, judged, beside: beside.cloned() };
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(latest);
        }
    }

    /// Puts the check on record before anything is sent. Judging a saved run again sends nothing and is not recorded.
    async fn begin(&self, prepared: &Prepared) -> Result<Option<OnRecord>, RecordsError> {
        if prepared.saved.is_some() {
            return Ok(None);
        }
        let records = Arc::clone(self.parts.records.as_ref().map_err(Clone::clone)?) as Arc<dyn Records>;
        let about = &prepared.plan.about;
        let via = about.via.as_ref().map(|via| via.name.as_str()).filter(|name| !name.is_empty());
        let site = Some(about.site.as_str()).filter(|site| !site.is_empty());
        let place = via.or(site).unwrap_or("this network").to_owned();
        let intent = JobIntent {
            action: "check".into(),
            gateway: place,
            link: about.via.as_ref().map_or_else(|| about.from.clone(), |via| via.link.clone()),
            profile: Some(prepared.plan.profile.to_string()),
            driver: None,
            operator: self.operator.clone(),
            is_simulated: self.parts.is_demo || !about.overrides.is_empty(),
        };
        let record = records.begin(intent).await?;
        Ok(Some((records, record)))
    }
}

/// A check on record that has no end yet.
type OnRecord = (Arc<dyn Records>, RecordId);

async fn end_on_record((records, record): OnRecord, spoken: &Spoken<'_>, end: &JobEnd) -> Result<(), RecordsError> {
    let (outcome, summary) = summary(spoken.plan, spoken.judged, end);
    records.step(record, crate::check::on_record(spoken.plan, spoken.judged, spoken, outcome)).await?;
    records.end(record, outcome, format!("check.{outcome}"), summary).await
}

/// A check that can begin.
struct Prepared {
    plan: Plan,
    overrides: Overrides,
    saved: Option<Vec<Observation>>,
    probes: Arc<dyn Probes>,
    /// The gateway that looks itself.
    gateway: Option<Arc<GatewayProbes>>,
    watch: Option<std::time::Duration>,
    /// A laptop's run to be told beside.
    beside: Option<Arc<Beside>>,
    /// What ought to be known of what it was made from.
    notes: Vec<Problem>,
    /// The stand-ins of a demo: there as long as this is.
    _demo: Option<AtDemo>,
}

impl Prepared {
    fn setup(&self, progress: mpsc::Sender<CheckEvent>) -> Setup {
        Setup {
            plan: self.plan.clone(),
            overrides: self.overrides.clone(),
            saved: self.saved.clone(),
            probes: Arc::clone(&self.probes),
            watch: self.watch,
            progress,
            clock: clock(),
            random: Arc::new(random),
        }
    }
}

fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    // Seeded by the system; what is made of it has to be fresh, not secret.
    RandomState::new().hash_one(0)
}

async fn prepare(parts: &Parts, start: CheckStart) -> Result<Prepared, Problem> {
    let CheckStart { mut about, evidence, site, overrides, watch, via, beside } = start;
    let mut beside = beside.map(Arc::unwrap_or_clone);
    if parts.is_demo && via.is_none() && (site.is_some() || overrides.is_some()) {
        return Err(demo_only());
    }
    let (mut saved, mut notes) = (None, Vec::new());
    if let Some(path) = evidence {
        let read = read_evidence(path).await?;
        notes.extend((!read.has_digest).then(evidence::no_digest));
        about = read.evidence.about;
        beside = read.evidence.beside.map(|beside| *beside);
        saved = Some(read.evidence.observations);
    }
    let typed = about.clone();
    let mut override_file = overrides;
    if let Some(named) = site {
        let path = site_path(&parts.data, &named);
        let file = path.clone();
        let site = apart(move || load_site(&file).map_err(|error| first_of(error.problems()))).await?;
        about.profile = about.profile.or_else(|| only_profile(&site));
        override_file = override_file.or_else(|| overrides_of(&site, &path));
        about = about.at_site(&site);
    }
    let mut overrides = Overrides::default();
    if let Some(path) = override_file {
        (overrides, about.overrides) = apart(move || load_overrides(&path).map_err(first_of)).await?;
    }
    let profile = about.profile.as_ref().ok_or_else(no_profile)?;
    let profile = parts.catalog.get(profile).ok_or_else(|| unknown_profile(profile.as_str()))?;
    if saved.is_none() {
        asked::refuse(&typed, profile)?;
        let from = about.from.clone();
        apart(move || probe::refuse_source(&from)).await?;
    }
    let mut demo = None;
    match (parts.is_demo && saved.is_none(), &via) {
        (true, None) => {
            let at_demo = at_demo(profile, about).await?;
            (about, overrides) = (at_demo.about.clone(), at_demo.overrides.clone());
            demo = Some(at_demo);
        }
        // A simulated gateway meets the same network, and needs no other addresses and ports for that.
        (true, Some(_)) => about = named_at_demo(profile, about),
        (false, _) => {}
    }
    let gateway = match via {
        Some(via) => {
            let (probes, seen) = open_gateway(parts, profile, via, overrides.roots.clone()).await?;
            about.vantage = Vantage::Gateway;
            about.via = Some(seen);
            Some(Arc::new(probes))
        }
        None => None,
    };
    let probes: Arc<dyn Probes> = if let Some(gateway) = &gateway {
        Arc::clone(gateway) as Arc<dyn Probes>
    } else {
        let servers = Some(overrides.name_servers.clone()).filter(|servers| !servers.is_empty());
        let probes = NetProbes::new(from(&about.from), servers, overrides.roots.clone());
        match &demo {
            Some(demo) => demo.probes(probes),
            None => Arc::new(probes),
        }
    };
    let beside = beside.map(|beside| Arc::new(Beside::new(profile, beside)));
    let plan = Plan::new(profile, about);
    Ok(Prepared { plan, overrides, saved, probes, gateway, watch, beside, notes, _demo: demo })
}

/// Opens the shell of a gateway that is to look itself.
async fn open_gateway(
    parts: &Parts,
    profile: &Profile,
    via: Via,
    roots: Vec<Vec<u8>>,
) -> Result<(GatewayProbes, evidence::Via), Problem> {
    let Via { link, driver, access } = via;
    let mut bindings = profile.drivers_over(link.kind());
    let settings = bindings.find(|binding| driver.is_none_or(|driver| driver == binding.driver));
    let way = Way {
        transcript: SharedTranscript::new(format!("Network check over {link}")),
        settings: settings.map(|binding| binding.settings.clone()),
        links: Arc::clone(&parts.links),
        chains: Arc::new(ChainReader::new(roots)),
        clock: clock(),
        random: Arc::new(random),
        link,
        driver,
        access,
    };
    GatewayProbes::open(way).await.map_err(|error| error.explain())
}

/// The profile of a site's gateways, where all have the same.
fn only_profile(site: &Site) -> Option<ProfileId> {
    let mut named = site.gateways.iter().filter_map(|gateway| gateway.profile.as_ref());
    let first = named.next()?;
    named.all(|other| other == first).then(|| first.clone())
}

/// The first of several problems is the one that is told; the others stand in its detail.
pub(super) fn first_of(problems: Vec<Problem>) -> Problem {
    let mut problems = problems.into_iter();
    let first = problems.next().unwrap_or_else(no_profile);
    let more: Vec<String> = problems.map(|problem| problem.what).collect();
    if more.is_empty() { first } else { first.with_detail(more.join("; ")) }
}

/// Reads files where waiting for a disk holds nobody up.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| crashed(&error))?
}

/// From where packets leave: an address, else an interface's name.
fn from(text: &str) -> From {
    match text.parse() {
        _ if text.is_empty() => From::Anywhere,
        Ok(address) => From::Address(address),
        Err(_) => From::Interface(text.to_owned()),
    }
}

async fn read_evidence(path: PathBuf) -> Result<evidence::Saved, Problem> {
    apart(move || {
        let text = files::read_text(&path, MAX_EVIDENCE).map_err(|error| error.explain())?;
        evidence::read(&text).map_err(|error| {
            let problem = error.explain();
            let detail = format!("{}: {}", path.display(), problem.detail);
            problem.with_detail(detail)
        })
    })
    .await
}

fn no_profile() -> Problem {
    Problem::new(
        "check.no_profile",
        "No profile was chosen for the network check",
        "Which servers a gateway needs depends on its vendor",
        "Choose a profile",
    )
}

fn unknown_profile(id: &str) -> Problem {
    Problem::new(
        "check.unknown_profile",
        format!("There is no profile called {}", crate::model::text::visible(id, 60)),
        "The name is misspelt, or the profile isn't in the profiles folder of this computer",
        "Use the name of a profile that is loaded",
    )
}

/// What became of the rows that didn't pass where nothing required failed.
fn left(judged: &Judged) -> String {
    let count = |is_it: fn(RowState) -> bool| judged.rows.iter().filter(|row| is_it(row.state)).count();
    let failed = count(|state| state == RowState::Fail);
    let open = count(|state| !state.is_good() && state != RowState::Fail);
    let told = [(failed, "advised failed"), (open, "not tested or not needed")];
    let told = told.iter().filter(|(count, _)| *count > 0);
    told.fold(String::new(), |told, (count, word)| format!("{told}, {count} {word}"))
}

/// What goes on record.
fn summary(plan: &Plan, judged: &Judged, end: &JobEnd) -> (&'static str, String) {
    let required = judged.required(plan);
    let failed: Vec<String> = required.failed.iter().map(ToString::to_string).collect();
    let good = judged.rows.iter().filter(|row| row.state.is_good()).count();
    let all = judged.rows.len();
    let (outcome, summary) = match end {
        JobEnd::Failed(problem) => ("failed", problem.what.clone()),
        JobEnd::Cancelled => ("cancelled", format!("Stopped: {good} of {all} rows passed so far")),
        JobEnd::Done { .. } if required.is_open() => {
            ("unknown", format!("{good} of {all} rows passed; none that the vendor requires could be checked"))
        }
        JobEnd::Done { .. } if failed.is_empty() => ("passed", format!("{good} of {all} rows passed{}", left(judged))),
        JobEnd::Done { .. } => ("findings", format!("{good} of {all} rows passed; failed: {}", failed.join(", "))),
    };
    // The laptop's check of the same site stands beside it in the list.
    let summary = if plan.about.via.is_some() { format!("From the gateway: {summary}") } else { summary };
    (outcome, summary)
}

/// Writes a report of the last round.
pub(super) async fn save(
    latest: Latest,
    records: Option<Arc<RecordStore>>,
    destination: Destination,
    form: ReportForm,
    is_masked: bool,
) -> CheckEvent {
    let path = destination.path().to_owned();
    let head = match records {
        // A report without its witness is better than none.
        Some(records) => records.head().await.ok(),
        None => None,
    };
    let written = tokio::task::spawn_blocking(move || {
        let report = report(&latest, head, form, is_masked)?;
        save::save(&destination, &report).map_err(|error| error.explain())
    });
    match written.await {
        Ok(Ok(_)) => CheckEvent::Saved { path },
        Ok(Err(problem)) => CheckEvent::Trouble(Box::new(problem)),
        Err(error) => CheckEvent::Trouble(Box::new(crashed(&error))),
    }
}

fn report(latest: &Latest, records: Option<Head>, form: ReportForm, is_masked: bool) -> Result<Vec<u8>, Problem> {
    let (plan, evidence, judged) = (&latest.plan, &latest.evidence, &latest.judged);
    let words = Spoken { plan, judged, observations: &evidence.observations };
    let beside = latest.beside.as_deref();
    let input = Input { plan, evidence, judged, beside, words: &words, records, is_masked };
    match form {
        ReportForm::Html => Ok(report::html(&input).into_bytes()),
        ReportForm::Pdf => report::pdf(&input),
        ReportForm::Csv => Ok(report::csv(&input, Filter::Merged).into_bytes()),
        ReportForm::AllRules => Ok(report::csv(&input, Filter::All).into_bytes()),
        ReportForm::Json => Ok(report::json(&latest.evidence, is_masked).into_bytes()),
    }
}
