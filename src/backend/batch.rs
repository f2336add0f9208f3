//! Many gateways in one go: reads the manifest, asks the records what was done before, and runs the rows as one job whose
//! sessions are tasks of their own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::handle::Reporter;
use super::run::crashed;
use super::start::Parts;
use crate::flow::batch::{self, Sessions, Steer};
use crate::flow::commission::{Setup as SessionSetup, run as run_session};
use crate::flow::port::{BatchRecords, Boxed};
use crate::io::manifest;
use crate::io::results::{self, ResultFile, Whereabouts};
use crate::model::batch::{
    Again, BatchHistory, BatchId, Checked, MAX_PARALLEL, ProfileFacts, RowHead, RowPlan, RowResult, Standing, Summary,
    Surroundings, check,
};
use crate::model::destination::{Destination, Existing};
use crate::model::problem::{Explain as _, Problem};
use crate::model::secret::Secret;
use crate::model::wifi::WifiRules;
use crate::msg::batch::{BatchEvent, BatchSource, BatchStart, ManifestCheck, RowState};
use crate::msg::{Event, JobEnd, Request};
use crate::profile::Catalog;

/// Events of a batch that may wait.
const EVENTS: usize = 256;
/// Steering that may wait.
pub(super) const STEERS: usize = 8;
/// What a batch of gateways chosen in the window is made from, in the records.
const SELECTION: &str = "selection";

/// What a batch job works with.
pub(super) struct BatchJob {
    pub(super) job: crate::model::ids::JobId,
    pub(super) parts: Parts,
    pub(super) operator: String,
    pub(super) reporter: Reporter,
}

type Secrets = Vec<(String, Secret<String>)>;

impl BatchJob {
    /// Checks a manifest and tells what it says.
    pub(super) async fn check(self, path: PathBuf, secrets: Secrets) -> JobEnd {
        let Manifest { checked, name, .. } = match read(&self.parts.catalog, path, secrets).await {
            Ok(read) => read,
            Err(problem) => return JobEnd::Failed(problem),
        };
        let earlier = match &self.parts.records {
            Ok(records) => records.last_batch(name).await.ok().flatten(),
            Err(_) => None,
        };
        let check = told(&checked, earlier.as_ref());
        self.tell(BatchEvent::Checked(Box::new(check))).await;
        JobEnd::Done { note: String::new() }
    }

    /// Runs a batch to its end. The secrets of its rows are handed to `learn` before anything is sent.
    pub(super) async fn run(
        self,
        start: BatchStart,
        steer: mpsc::Receiver<Steer>,
        stop: watch::Receiver<bool>,
        learn: impl AsyncFnOnce(Vec<Secret<Vec<u8>>>),
    ) -> JobEnd {
        let began = Instant::now();
        let prepared = match self.prepare(start).await {
            Ok(prepared) => prepared,
            Err(problem) => return JobEnd::Failed(problem),
        };
        let Prepared { batch, rows, records, parallel, wait, is_scanning, out } = prepared;
        learn(secrets_of(rows.iter().map(|(plan, _)| plan))).await;
        let heads: Vec<RowHead> = rows.iter().map(|(plan, _)| plan.head()).collect();
        let file = match open_results(out.clone(), heads.clone(), &rows).await {
            Ok(file) => file,
            Err(problem) => return JobEnd::Failed(problem),
        };
        self.tell(BatchEvent::Began { batch, rows: heads.clone() }).await;
        let (events, event_rx) = mpsc::channel(EVENTS);
        let setup = batch::Setup {
            batch,
            rows,
            parallel,
            wait,
            is_scanning,
            operator: self.operator.clone(),
            catalog: Arc::clone(&self.parts.catalog),
            links: Arc::clone(&self.parts.links),
            records,
            sessions: Arc::new(Tasks),
            events,
        };
        let is_stopped = stop.clone();
        let run = tokio::spawn(batch::run(setup, steer, stop));
        let file = self.pass_on(event_rx, file, &heads).await;
        let results = match run.await {
            Ok(results) => results,
            Err(error) => return JobEnd::Failed(crashed(&error)),
        };
        let summary = Summary::of(results.iter().map(|result| result.as_ref().map(|result| result.outcome)));
        if let Some(destination) = out {
            let destination = Destination { existing: Existing::Replace, ..destination };
            let rows = heads.into_iter().zip(results).collect();
            if let Err(problem) = put_in_order(destination, file, rows).await {
                self.tell(BatchEvent::OutTrouble(problem)).await;
            }
        }
        self.tell(BatchEvent::Ended { summary, took: began.elapsed() }).await;
        if *is_stopped.borrow() { JobEnd::Cancelled } else { JobEnd::Done { note: summary.words() } }
    }

    /// Hands what the rows tell to the front end, and each end to the result file first. The file, as far as it could be written to.
    async fn pass_on(
        &self,
        mut events: mpsc::Receiver<BatchEvent>,
        file: Option<ResultFile>,
        heads: &[RowHead],
    ) -> Option<Arc<Mutex<ResultFile>>> {
        let mut file = file.map(|file| Arc::new(Mutex::new(file)));
        while let Some(event) = events.recv().await {
            if let (BatchEvent::Row { index, state: RowState::Ended(result) }, Some(open)) = (&event, &file)
                && !result.is_earlier
                && let Some(head) = heads.get(*index)
                && let Err(problem) = add_result(Arc::clone(open), head.clone(), (**result).clone()).await
            {
                self.tell(BatchEvent::OutTrouble(problem)).await;
                file = None;
            }
            self.tell(event).await;
        }
        file
    }

    async fn tell(&self, event: BatchEvent) {
        self.reporter.report(Event::BatchProgressed { job: self.job, event }).await;
    }

    async fn prepare(&self, start: BatchStart) -> Result<Prepared, Problem> {
        let BatchStart { source, parallel, wait, is_scanning, go_on, out } = start;
        let mut out = out.map(|out| place_of_results(out, &source));
        let records: Arc<dyn BatchRecords> = match &self.parts.records {
            Ok(records) => Arc::clone(records) as Arc<dyn BatchRecords>,
            Err(error) => return Err(error.explain()),
        };
        let (plans, name, known) = match source {
            BatchSource::Manifest { path, secrets } => {
                let Manifest { mut checked, name, files } = read(&self.parts.catalog, path, secrets).await?;
                out = out.map(|out| out.made_from(files));
                checked.findings.append(&mut checked.lacking);
                if !checked.findings.is_empty() {
                    let problem = mistakes(checked.findings.len());
                    self.tell(BatchEvent::Checked(Box::new(ManifestCheck {
                        findings: checked.findings,
                        notes: checked.notes,
                        ..ManifestCheck::default()
                    })))
                    .await;
                    return Err(problem);
                }
                (checked.plans, name, None)
            }
            BatchSource::Selected { rows, batch } => (rows, SELECTION.to_owned(), batch),
        };
        let history = match (go_on, known) {
            (None, _) => None,
            (Some(_), Some(id)) => records.batch(id).await.map_err(|error| error.explain())?,
            (Some(_), None) => records.last_batch(name.clone()).await.map_err(|error| error.explain())?,
        };
        if go_on.is_some() {
            // Over the results of these rows alone: those of others, and what a person added, stay.
            let heads: Vec<RowHead> = plans.iter().map(RowPlan::head).collect();
            out = out.map(|out| {
                if results::are_of(&out, &heads) { Destination { existing: Existing::Replace, ..out } } else { out }
            });
        }
        let (batch, rows) = match (go_on, history) {
            (Some(again), Some(history)) => (history.id, stand(plans, &history, again)?),
            (Some(_), None) => return Err(no_earlier()),
            (None, _) => {
                // Another window or terminal may be at the same manifest: its gateways would get two sessions at once.
                let last = records.last_batch(name.clone()).await.map_err(|error| error.explain())?;
                if name != SELECTION && last.is_some_and(|last| plans.iter().any(|plan| last.is_running(plan))) {
                    return Err(still_running());
                }
                let batch = records.open_batch(name).await.map_err(|error| error.explain())?;
                (batch, plans.into_iter().map(|plan| (plan, Standing::Open)).collect())
            }
        };
        Ok(Prepared { batch, rows, records, parallel: parallel.clamp(1, MAX_PARALLEL), wait, is_scanning, out })
    }
}

/// A batch that can begin.
struct Prepared {
    batch: BatchId,
    rows: Vec<(RowPlan, Standing)>,
    records: Arc<dyn BatchRecords>,
    parallel: usize,
    wait: Duration,
    is_scanning: bool,
    out: Option<Destination>,
}

/// Gives each session a task of its own: if it crashes, the row ends and the others go on.
struct Tasks;

impl Sessions for Tasks {
    fn run(
        &self,
        setup: SessionSetup,
        requests: mpsc::Receiver<Request>,
        stop: watch::Receiver<bool>,
    ) -> Boxed<'static, JobEnd> {
        let task = tokio::spawn(run_session(setup, requests, stop));
        Box::pin(async move { task.await.unwrap_or_else(|error| JobEnd::Failed(crashed(&error))) })
    }
}

/// What the rows mean after an earlier run.
fn stand(plans: Vec<RowPlan>, history: &BatchHistory, again: Again) -> Result<Vec<(RowPlan, Standing)>, Problem> {
    if plans.iter().any(|plan| history.is_running(plan)) {
        return Err(still_running());
    }
    let stand = |plan: RowPlan| {
        let standing = history.standing(&plan, again);
        (plan, standing)
    };
    Ok(plans.into_iter().map(stand).collect())
}

fn told(checked: &Checked, earlier: Option<&BatchHistory>) -> ManifestCheck {
    let results = earlier.map(|history| {
        let result = |plan| history.standing(plan, Again::default()).result().cloned();
        checked.plans.iter().map(result).collect::<Vec<_>>()
    });
    ManifestCheck {
        rows: checked.plans.iter().map(RowPlan::head).collect(),
        findings: checked.findings.clone(),
        wanted: checked.wanted.iter().cloned().collect(),
        notes: checked.notes.clone(),
        earlier: results.filter(|results| results.iter().any(Option::is_some)),
    }
}

/// A manifest that was read and checked.
struct Manifest {
    checked: Checked,
    /// Its name in the records.
    name: String,
    /// The files that its cells name.
    files: Vec<PathBuf>,
}

/// Reads and checks a manifest, off the loop.
async fn read(catalog: &Arc<Catalog>, path: PathBuf, secrets: Secrets) -> Result<Manifest, Problem> {
    let catalog = Arc::clone(catalog);
    let work = tokio::task::spawn_blocking(move || {
        let table = manifest::read(&path).map_err(|error| error.explain())?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let mut world = Files { catalog: &catalog, folder, secrets: &secrets, read: BTreeMap::new() };
        let checked = check(&table, &mut world);
        let name = std::fs::canonicalize(&path).unwrap_or(path).display().to_string();
        Ok(Manifest { checked, name, files: world.read.into_keys().collect() })
    });
    work.await.unwrap_or_else(|error| Err(crashed(&error)))
}

/// The profiles, and the files around a manifest.
struct Files<'a> {
    catalog: &'a Catalog,
    folder: PathBuf,
    secrets: &'a Secrets,
    /// What cells named so far: a pipe can be read once.
    read: BTreeMap<PathBuf, Result<Secret<Vec<u8>>, String>>,
}

impl Surroundings for Files<'_> {
    fn profile(&self, id: &str) -> Option<ProfileFacts> {
        let profile = self.catalog.find(id).ok()?;
        let drivers = profile.drivers.iter().map(|binding| (binding.link, binding.driver)).collect();
        let credentials = profile
            .credentials
            .iter()
            .map(|rule| (rule.id.clone(), rule.push.iter().map(|push| push.driver).collect()));
        Some(ProfileFacts {
            rules: profile.wifi.clone().unwrap_or_else(WifiRules::standard),
            drivers,
            credentials: credentials.collect(),
        })
    }

    fn file(&mut self, path: &str) -> Result<Secret<Vec<u8>>, String> {
        let path = self.folder.join(path);
        self.read.entry(path).or_insert_with_key(|path| manifest::read_reference(path)).clone()
    }

    fn real_port(&self, path: &str) -> String {
        manifest::real_port(path)
    }

    fn secret(&self, name: &str) -> Option<Secret<String>> {
        self.secrets.iter().find(|(known, _)| known == name).map(|(_, secret)| secret.clone())
    }
}

/// Every secret of the rows, each once.
fn secrets_of<'a>(plans: impl Iterator<Item = &'a RowPlan>) -> Vec<Secret<Vec<u8>>> {
    let mut secrets: Vec<Secret<Vec<u8>>> = Vec::new();
    let mut add = |octets: &[u8]| {
        if !octets.is_empty() && !secrets.iter().any(|known| known.expose() == octets) {
            secrets.push(Secret::new(octets.to_vec()));
        }
    };
    for plan in plans {
        if let Some(network) = &plan.network {
            add(network.passphrase.expose().as_bytes());
        }
        if let Some(secret) = &plan.access.secret {
            add(secret.expose().as_bytes());
        }
        plan.credentials.iter().for_each(|(_, content)| add(content.expose()));
    }
    secrets
}

/// Where results go: never over the manifest.
fn place_of_results(out: Destination, source: &BatchSource) -> Destination {
    match source {
        BatchSource::Manifest { path, .. } => out.made_from([path.clone()]),
        BatchSource::Selected { .. } => out,
    }
}

async fn open_results(
    out: Option<Destination>,
    heads: Vec<RowHead>,
    rows: &[(RowPlan, Standing)],
) -> Result<Option<ResultFile>, Problem> {
    let Some(destination) = out else { return Ok(None) };
    let earlier: Vec<Option<RowResult>> = rows.iter().map(|(_, standing)| standing.result().cloned()).collect();
    let work = tokio::task::spawn_blocking(move || {
        let ended = heads.iter().zip(&earlier).filter_map(|(head, earlier)| Some((head, earlier.as_ref()?)));
        ResultFile::create(&destination, ended).map_err(|error| error.explain())
    });
    work.await.unwrap_or_else(|error| Err(crashed(&error))).map(Some)
}

async fn add_result(file: Arc<Mutex<ResultFile>>, head: RowHead, result: RowResult) -> Result<(), Problem> {
    let work = tokio::task::spawn_blocking(move || {
        // A panic while writing leaves at worst a cut line, which the end of the batch mends.
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.add(&head, &result).map_err(|error| error.explain())
    });
    work.await.unwrap_or_else(|error| Err(crashed(&error)))
}

/// Writes all rows in order where they were written as they ended.
async fn put_in_order(
    destination: Destination,
    file: Option<Arc<Mutex<ResultFile>>>,
    rows: Vec<(RowHead, Option<RowResult>)>,
) -> Result<(), Problem> {
    // One that could not be written to may be there all the same.
    let whereabouts = file.map_or(Whereabouts::InPlace, |file| {
        file.lock().unwrap_or_else(PoisonError::into_inner).whereabouts(&destination)
    });
    match whereabouts {
        Whereabouts::Beside => Err(results::none(destination.path())),
        Whereabouts::Replaced => Err(results::elsewhere(destination.path())),
        Whereabouts::Gone => write_results(Destination { existing: Existing::Refuse, ..destination }, rows).await,
        Whereabouts::InPlace if results::is_there(&destination) => write_results(destination, rows).await,
        // A pipe: what went into it is there already.
        Whereabouts::InPlace => Ok(()),
    }
}

/// Writes all rows to a file.
pub(super) async fn write_results(
    destination: Destination,
    rows: Vec<(RowHead, Option<RowResult>)>,
) -> Result<(), Problem> {
    let work =
        tokio::task::spawn_blocking(move || results::write(&destination, &rows).map_err(|error| error.explain()));
    work.await.unwrap_or_else(|error| Err(crashed(&error)))
}

fn mistakes(count: usize) -> Problem {
    Problem::new(
        "manifest.mistakes",
        if count == 1 { "The manifest has a mistake".into() } else { format!("The manifest has {count} mistakes") },
        "They are named with their rows and columns",
        "Fix them all and start again; nothing was sent to any gateway",
    )
}

fn no_earlier() -> Problem {
    Problem::new(
        "batch.no_earlier",
        "No earlier run of this manifest to resume",
        "It was never started with this data folder, or its file was moved",
        "Start it as a new run",
    )
}

fn still_running() -> Problem {
    Problem::new(
        "batch.still_running",
        "Another program still works on this batch",
        "It runs in another window or terminal",
        "Wait until that one has ended, or stop it, and try again",
    )
}
