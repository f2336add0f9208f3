//! Taking gateways out of service: starts a wipe, with what the records know of the gateway.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;

use super::{Workers, crashed, operator};
use crate::backend::certificates::prepare_certificates;
use crate::backend::removals::read_removals;
use crate::certificate::certificate;
use crate::flow::commission::stopped;
use crate::flow::port::InspectionFiles as _;
use crate::flow::transcript::SharedTranscript;
use crate::flow::wipe::{self, BrokerLook};
use crate::io::card_scan::{self, ScanError};
use crate::io::evidence;
use crate::io::inspection_files::DiskFiles;
use crate::io::mqtt::MqttBroker;
use crate::io::save::save;
use crate::model::card_scan::{NONE_FOUND, Scanned, left_out, sought};
use crate::model::destination::{Destination, Existing};
use crate::model::ids::JobId;
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::problem::{Explain as _, Problem};
use crate::model::record::JobIntent;
use crate::model::wipe::{Earlier, EvidenceFile, Traces, WipeReport, earlier, on_record, traces};
use crate::msg::wipe::{BrokerWish, CardScan, ScanEvent, WipeStart};
use crate::msg::{Event, JobEnd};
use crate::papers::Form;

/// Progress a wipe may have waiting.
const PROGRESS: usize = 256;
/// How many jobs are looked through for the gateway.
const LOOKED_THROUGH: usize = 500;
/// After how many bytes a search of a card tells how far it is.
const TOLD_EVERY: u64 = 64 << 20;

impl Workers {
    pub(super) fn start_wipe(&mut self, job: JobId, start: WipeStart) {
        self.learn_access(&start.access);
        let WipeStart { link, profile, driver, access, confirmed, attested, without, look_for, .. } = start;
        let (shown, is_attended, watch, broker) = (start.evidence, start.is_attended, start.watch, start.broker);
        let plans = broker.iter().flat_map(|wish| std::iter::once(&wish.old).chain(&wish.control));
        plans.flat_map(ConnectPlan::secrets).for_each(|secret| self.jobs.learn_secret(secret));
        let found = match self.parts.catalog.find(profile.as_str()) {
            Ok(found) => found.clone(),
            Err(problem) => return self.end(job, JobEnd::Failed(problem)),
        };
        let (answer, answers) = mpsc::channel(1);
        let stop = self.jobs.add_wipe(job, answer);
        let Some(records) = self.records_for(job) else { return };
        let transcript = SharedTranscript::new(format!("Removal over {link}, driver {driver}"));
        self.jobs.keep_transcript(job, transcript.clone());
        let (progress, progress_rx) = mpsc::channel(PROGRESS);
        let setup = wipe::Setup {
            intent: self.intent("wipe", &link, Some(&profile), Some(driver)),
            settings: self.settings_of(Some(&profile), &link, driver),
            links: Arc::clone(&self.parts.links),
            profile: found,
            known: None,
            earlier: Earlier::default(),
            traces: Traces::default(),
            link,
            driver,
            access,
            confirmed,
            attested,
            evidence: Vec::new(),
            is_attended,
            watch,
            broker: None,
            without,
            look_for,
            records,
            answers,
            progress,
            transcript,
        };
        let known = self.parts.records.as_ref().ok().map(Arc::clone);
        let work = async move {
            let evidence = match sums_of(shown).await {
                Ok(evidence) => evidence,
                Err(problem) => return JobEnd::Failed(problem),
            };
            let broker = match broker_look(broker).await {
                Ok(broker) => broker,
                Err(problem) => return JobEnd::Failed(problem),
            };
            let known = match known {
                Some(records) => records.recent(LOOKED_THROUGH).await,
                None => Ok(Vec::new()),
            };
            match known {
                Ok(mut jobs) => {
                    // The newest says what counts.
                    jobs.reverse();
                    let known = on_record(&jobs, &setup.confirmed);
                    let earlier = earlier(&jobs, &setup.confirmed);
                    let traces = traces(&jobs, &setup.confirmed);
                    wipe::run(wipe::Setup { known, earlier, traces, evidence, broker, ..setup }, stop).await
                }
                Err(error) => JobEnd::Failed(error.explain()),
            }
        };
        self.follow(job, work, progress_rx, move |(at, event)| Event::WipeProgressed { job, at, event });
    }

    pub(super) async fn clear_leftovers(&mut self, job: JobId, count: Option<usize>) {
        let taken = self.jobs.answer(job, count);
        self.tell_not_taken(taken, false).await;
    }

    pub(super) fn read_removals(&self, path: PathBuf) {
        let (reporter, catalog) = (self.reporter.clone(), self.parts.catalog.clone());
        tokio::spawn(async move {
            let manifest = path.clone();
            let read = tokio::task::spawn_blocking(move || read_removals(&catalog, &manifest, &[]).map(Box::new));
            let answer = read.await.unwrap_or_else(|error| Err(crashed(&error)));
            reporter.report(Event::RemovalsRead { path, answer }).await;
        });
    }

    pub(super) fn prepare_certificates(&self, folder: PathBuf, rows: Vec<(u32, String)>) {
        let reporter = self.reporter.clone();
        tokio::spawn(async move {
            let prepare = move || prepare_certificates(&folder, Existing::Refuse, &rows, &[]);
            let prepared = tokio::task::spawn_blocking(prepare).await.unwrap_or_else(|error| Err(crashed(&error)));
            reporter.report(Event::CertificatesPrepared(prepared)).await;
        });
    }

    pub(super) fn save_certificate(&mut self, job: JobId, report: WipeReport, form: Form, destination: Destination) {
        let records = self.parts.records.clone().ok();
        self.spawn(job, async move {
            let head = match records {
                // A certificate without its witness is better than none.
                Some(records) => records.head().await.ok(),
                None => None,
            };
            let written = tokio::task::spawn_blocking(move || {
                let at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
                save(&destination, &certificate(&report, head, form, &at)?).map_err(|error| error.explain())?;
                Ok(destination.path().display().to_string())
            });
            match written.await {
                Ok(Ok(note)) => JobEnd::Done { note },
                Ok(Err(problem)) => JobEnd::Failed(problem),
                Err(error) => JobEnd::Failed(crashed(&error)),
            }
        });
    }

    /// Searches a card. What was found is on record, with places and never with what stands there.
    pub(super) fn scan_card(&mut self, job: JobId, scan: CardScan) {
        scan.secrets.iter().for_each(|(_, secret)| self.jobs.learn_secret(secret.expose()));
        let mut stop = self.jobs.add(job, None);
        let Some(records) = self.records_for(job) else { return };
        let place = scan.path.display().to_string();
        let intent = JobIntent {
            action: "card-scan".into(),
            gateway: place.clone(),
            link: place,
            profile: None,
            driver: None,
            operator: operator(&self.settings.borrow().operator),
            is_simulated: false,
        };
        let (progress, progress_rx) = mpsc::channel(PROGRESS);
        let work = async move {
            let record = match records.begin(intent).await {
                Ok(record) => record,
                Err(error) => return JobEnd::Failed(error.explain()),
            };
            let is_stopped = Arc::new(AtomicBool::new(false));
            let reading = tokio::task::spawn_blocking({
                let is_stopped = Arc::clone(&is_stopped);
                move || read_card(&scan, &is_stopped, &progress)
            });
            tokio::pin!(reading);
            let scanned = tokio::select! {
                scanned = &mut reading => scanned,
                () = stopped(&mut stop) => {
                    is_stopped.store(true, Ordering::Relaxed);
                    reading.await
                }
            };
            let (end, outcome, reason, summary) = match scanned {
                Ok(Ok(scanned)) if scanned.total == 0 => match scanned.not_searched() {
                    None => {
                        (JobEnd::Done { note: NONE_FOUND.into() }, "passed", "scan.none_found", NONE_FOUND.to_owned())
                    }
                    Some(note) => (JobEnd::Done { note: note.clone() }, "incomplete", "scan.left_out", note),
                },
                Ok(Ok(scanned)) => {
                    let note = format!("{} found", counted(scanned.total));
                    (JobEnd::Done { note: note.clone() }, "findings", "scan.found", note)
                }
                Ok(Err(ScanError::Stopped)) => {
                    let problem = ScanError::Stopped.explain();
                    (JobEnd::Cancelled, "cancelled", problem.code, problem.what)
                }
                Ok(Err(error)) => {
                    let problem = error.explain();
                    (JobEnd::Failed(problem.clone()), "failed", problem.code, problem.what)
                }
                Err(error) => {
                    let problem = crashed(&error);
                    (JobEnd::Failed(problem.clone()), "failed", problem.code, problem.what)
                }
            };
            match records.end(record, outcome, reason.to_owned(), summary).await {
                Ok(()) => end,
                Err(error) => JobEnd::Failed(error.explain()),
            }
        };
        self.follow(job, work, progress_rx, move |event| Event::CardScanned { job, event });
    }
}

/// A broker to look at, with the certificates that its logins name.
async fn broker_look(wish: Option<Box<BrokerWish>>) -> Result<Option<Arc<BrokerLook>>, Problem> {
    let Some(wish) = wish else { return Ok(None) };
    let BrokerWish { old, control, topics, will, consent } = *wish;
    let (old, _) = DiskFiles.complete(Box::new(old)).await?;
    let control = match control {
        Some(control) => Some(DiskFiles.complete(Box::new(control)).await?.0),
        None => None,
    };
    Ok(Some(Arc::new(BrokerLook { broker: Arc::new(MqttBroker::new()), old, control, topics, will, consent })))
}

/// The sums of files that show something, taken before anything is done.
async fn sums_of(files: Vec<(String, PathBuf)>) -> Result<Vec<(String, EvidenceFile)>, Problem> {
    let sum = |(step, path): (String, PathBuf)| {
        evidence::of_file(&path).map(|file| (step, file)).map_err(|error| error.explain())
    };
    let work = tokio::task::spawn_blocking(move || files.into_iter().map(sum).collect());
    work.await.unwrap_or_else(|error| Err(crashed(&error)))
}

fn counted(total: u64) -> String {
    if total == 1 { "1 copy".into() } else { format!("{total} copies") }
}

fn read_card(
    card: &CardScan,
    is_stopped: &AtomicBool,
    progress: &mpsc::Sender<ScanEvent>,
) -> Result<Scanned, ScanError> {
    let secrets: Vec<(String, &[u8])> =
        card.secrets.iter().map(|(name, secret)| (name.clone(), secret.expose().as_slice())).collect();
    let patterns = sought(&secrets, card.ssid.as_ref());
    let mut told = 0;
    let mut scanned = card_scan::scan(&card.path, &patterns, |bytes, total| {
        if bytes - told >= TOLD_EVERY {
            told = bytes;
            // A front end that is slow misses a step of the way, and that is all.
            let _ = progress.try_send(ScanEvent::At { bytes, total });
        }
        !is_stopped.load(Ordering::Relaxed)
    })?;
    scanned.left_out = left_out(&secrets);
    // A front end that has gone does not hear it.
    let _ = progress.blocking_send(ScanEvent::Ended(Box::new(scanned.clone())));
    Ok(scanned)
}
