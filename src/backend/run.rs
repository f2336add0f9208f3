//! The loop that takes commands and starts jobs. One line a command; the work stands in named functions.

mod batches;
mod checks;
mod discovery;
mod dropped;
mod inspections;
mod reports;
mod sessions;
mod support;
mod syncs;
mod terminal;
mod wipes;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::bench;
use super::handle::Reporter;
use super::job::Jobs;
use super::start::Parts;
use crate::flow::batch::Steer;
use crate::flow::commission::stopped;
use crate::flow::discover::{INTERVAL, Sightings};
use crate::flow::port::{LinkError, Radio, RadioEvent, Records};
use crate::flow::terminal::Input as TerminalIn;
use crate::io::files;
use crate::model::gateway::{PortFacts, Probe};
use crate::model::ids::{JobId, LinkAddress};
use crate::model::problem::{Explain as _, Problem};
use crate::model::secret::Secret;
use crate::model::settings::Settings;
use crate::msg::telemetry::{BenchCommand, TelemetryCommand};
use crate::msg::{Command, Event, JobEnd, Startup};

/// How long a radio that does not work is left alone.
const RADIO_RETRY: Duration = Duration::from_secs(5);
/// How long jobs may take to stop when the program ends.
const FAREWELL: Duration = Duration::from_secs(3);
/// How long the system may take with a device that was plugged in.
const SETTLES: Duration = Duration::from_millis(400);

/// What jobs tell the loop.
enum Notice {
    /// The radio listens, or why not.
    Radio(Result<Radio, LinkError>),
    /// A list of ports.
    Ports(Result<Vec<(LinkAddress, PortFacts)>, LinkError>),
    /// What asking a port brought.
    Probed { job: JobId, link: LinkAddress, probe: Probe },
    /// A token or file for a session was read, or not.
    CredentialRead { job: JobId, id: String, content: Result<Secret<Vec<u8>>, Problem> },
    /// A batch is about to use these secrets.
    Learn(Vec<Secret<Vec<u8>>>),
    /// A job ended.
    Ended { job: JobId, end: JobEnd },
}

/// The workers' state. Only the loop below touches it.
struct Workers {
    parts: Parts,
    /// The settings in use; what is put here is stored in its turn.
    settings: watch::Sender<Settings>,
    reporter: Reporter,
    jobs: Jobs,
    /// How to reach the batches that run.
    batches: HashMap<JobId, mpsc::Sender<Steer>>,
    sightings: Sightings,
    is_discovering: bool,
    is_listing: bool,
    trouble: Option<LinkError>,
    radio: RadioState,
    /// Word from the system that ports came or went.
    port_news: Option<watch::Receiver<u64>>,
    notices: mpsc::Sender<Notice>,
    /// How to reach the inspections that run.
    inspections: HashMap<JobId, mpsc::Sender<TelemetryCommand>>,
    /// The network checks that run.
    checks: HashMap<JobId, checks::OpenCheck>,
    /// The terminals that are open, and where what is typed goes.
    terminals: HashMap<JobId, mpsc::Sender<TerminalIn>>,
    /// The syncs of the records.
    syncs: syncs::Syncs,
}

/// What the radio does.
#[derive(Default)]
enum RadioState {
    /// Nobody wants it.
    #[default]
    Off,
    /// It is being switched on. `is_wanted` turns false if nobody wants it any more by then.
    Starting { is_wanted: bool },
    /// It listens.
    On(Radio),
    /// It could not be switched on, or stopped; it is tried again at that time.
    Failed { retry_at: Instant },
}

/// What the radio reports next. Waits for ever while it does not listen.
async fn next_heard(radio: &mut RadioState) -> Option<RadioEvent> {
    match radio {
        RadioState::On(radio) => radio.events.recv().await,
        RadioState::Off | RadioState::Starting { .. } | RadioState::Failed { .. } => std::future::pending().await,
    }
}

/// Waits until ports may have come or gone, and a moment longer: several devices of one gateway come together, and what the
/// system knows of them is whole by then. Waits for ever where there is no such word.
async fn next_port(news: &mut Option<watch::Receiver<u64>>) {
    let Some(heard) = news else { return std::future::pending().await };
    if heard.changed().await.is_err() {
        // Whoever watched is gone: from now on ports are listed at intervals.
        *news = None;
        return;
    }
    // Whoever drops this future meanwhile has not listed anything yet.
    heard.mark_changed();
    sleep(SETTLES).await;
    heard.mark_unchanged();
}

/// Runs until the front end has gone, then stops what still runs.
pub(super) async fn run(parts: Parts, startup: Startup, reporter: Reporter, mut commands: mpsc::Receiver<Command>) {
    let (notices, mut notice_rx) = mpsc::channel(64);
    let (settings, changed_settings) = watch::channel(startup.settings.clone());
    let saver = tokio::spawn(save_settings(changed_settings, parts.data.clone(), reporter.clone()));
    let mut workers = Workers {
        parts,
        settings,
        reporter,
        jobs: Jobs::default(),
        batches: HashMap::new(),
        sightings: Sightings::default(),
        is_discovering: false,
        is_listing: false,
        trouble: None,
        radio: RadioState::Off,
        port_news: None,
        notices,
        inspections: HashMap::new(),
        checks: HashMap::new(),
        terminals: HashMap::new(),
        syncs: syncs::Syncs::default(),
    };
    // From here on a front end may ask for a passphrase.
    let mut interrupts = Interrupts::begin();
    workers.reporter.report(Event::Started(Box::new(startup))).await;
    if let Err(error) = &workers.parts.records {
        workers.reporter.report(Event::Trouble(error.explain())).await;
    }
    let mut tick = interval(INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut is_listening = false;
    loop {
        is_listening |= workers.is_discovering || !workers.jobs.is_empty();
        tokio::select! {
            command = commands.recv() => match command {
                Some(command) => workers.handle(command).await,
                None => break,
            },
            Some(notice) = notice_rx.recv() => workers.take_in(notice).await,
            _ = tick.tick(), if workers.is_looking_at_intervals() => workers.look_around().await,
            () = next_port(&mut workers.port_news), if workers.is_discovering && !workers.is_listing => {
                workers.list_ports();
            }
            event = next_heard(&mut workers.radio) => workers.hear(event).await,
            () = interrupts.next() => {
                if !is_listening {
                    leave_soon();
                }
                workers.jobs.stop_all();
                workers.reporter.report(Event::Interrupted).await;
            }
        }
    }
    workers.jobs.stop_all();
    let farewell = async {
        while !workers.jobs.is_empty() {
            match notice_rx.recv().await {
                Some(Notice::Ended { job, .. } | Notice::Probed { job, .. }) => workers.jobs.remove(job),
                Some(Notice::Ports(_) | Notice::Radio(_) | Notice::CredentialRead { .. } | Notice::Learn(_)) => {}
                None => break,
            }
        }
    };
    if timeout(FAREWELL, farewell).await.is_err() {
        tracing::warn!("some jobs did not stop in time");
    }
    drop(workers);
    if timeout(FAREWELL, saver).await.is_err() {
        tracing::warn!("the settings were not stored in time");
    }
}

/// Stores settings one after the other, the newest last, until nobody can change them any more.
async fn save_settings(mut changed: watch::Receiver<Settings>, data: files::DataDir, reporter: Reporter) {
    while changed.changed().await.is_ok() {
        let (data, settings) = (data.clone(), changed.borrow_and_update().clone());
        let saved = tokio::task::spawn_blocking(move || data.save_settings(&settings)).await;
        if let Ok(Err(error)) = saved {
            reporter.report(Event::Trouble(error.explain())).await;
        }
    }
}

impl Workers {
    async fn handle(&mut self, command: Command) {
        match command {
            Command::StartDiscovery { radio } => {
                if !std::mem::replace(&mut self.is_discovering, true) {
                    self.port_news = self.parts.links.as_ref().port_news();
                    self.list_ports();
                }
                if radio { self.start_radio().await } else { self.stop_radio().await }
            }
            Command::StopDiscovery => {
                (self.is_discovering, self.port_news) = (false, None);
                self.stop_radio().await;
            }
            Command::AddPort(link) => self.add_port(link).await,
            Command::RemovePort(link) => self.remove_port(link).await,
            Command::Probe { job, link } => self.probe(job, link).await,
            Command::OpenSession { job, link, profile, driver, access, known } => {
                self.learn_access(&access);
                self.open_session(job, link, profile.as_ref(), driver, access, known);
            }
            Command::OpenDevice { job, link, profile, driver, access } => {
                self.learn_access(&access);
                self.open_device(job, link, profile.as_ref(), driver, access);
            }
            Command::Device { job, request } => self.pass_on_device(job, request).await,
            Command::Telemetry { job, command } => self.telemetry(job, command).await,
            Command::Bench { job, command: BenchCommand::Start(plan) } => {
                let folder = self.parts.data.root().join("bench");
                self.spawn(job, bench::run(job, plan, folder, self.reporter.clone()));
            }
            Command::Batch { job, command } => self.batch(job, command).await,
            Command::Check { job, command } => self.check(job, command).await,
            Command::Wipe { job, start } => self.start_wipe(job, *start),
            Command::ClearLeftovers { job, count } => self.clear_leftovers(job, count).await,
            Command::ScanCard { job, scan } => self.scan_card(job, *scan),
            Command::SaveCertificate { job, report, form, destination } => {
                self.save_certificate(job, *report, form, destination);
            }
            Command::OpenTerminal { job, link, baud } => self.open_terminal(job, link, baud),
            Command::Terminal { job, input } => self.pass_input(job, input).await,
            Command::Session { job, request } => self.pass_on(job, request).await,
            Command::SendCredentialFile { job, id, path } => self.read_credential(job, id, path),
            Command::Cancel { job } | Command::Bench { job, command: BenchCommand::Stop } => self.cancel(job).await,
            Command::ScanFromLaptop => self.scan_from_laptop(),
            Command::ReadQr { job, source } => self.read_qr(job, source),
            Command::ReadSite { path } => self.read_site(path),
            Command::LookAtFiles { paths } => self.look_at_files(paths),
            Command::AddProfile { path } => self.add_profile(path).await,
            Command::ShowInFolder(path) => self.show_in_folder(path),
            Command::ListRecords { limit } => self.list_records(limit),
            Command::ShowTimeline { names } => self.show_timeline(names),
            Command::FindRecords { filter, limit } => self.find_records(*filter, limit),
            Command::ShowRecord { key } => self.show_record(key),
            Command::ReadRemovals { path } => self.read_removals(path),
            Command::PrepareCertificates { folder, rows } => self.prepare_certificates(folder, rows),
            Command::VerifyRecords => self.verify_records(),
            Command::WriteReport { job, plan } => self.write_report(job, *plan),
            Command::ReadRecordsHead => self.read_records_head(),
            Command::ExportBundle { job, destination } => self.export_bundle(job, destination),
            Command::ImportBundle { path, known_keys } => self.import_bundle(path, known_keys),
            Command::SyncRecords(start) => self.sync_records(*start),
            Command::KeepRecordsSynced => self.keep_records_synced(),
            Command::ExportRecords { job, destination, format } => self.export_records(job, destination, format),
            Command::ExportTranscript { job, session, destination } => {
                self.export_transcript(job, session, destination);
            }
            Command::SavePicture { job, destination, width, height, rgba } => {
                self.save_picture(job, destination, width, height, rgba);
            }
            Command::CollectDiagnostics { job } => self.collect_diagnostics(job),
            Command::SaveSettings(settings) => drop(self.settings.send_replace(settings)),
        }
    }

    async fn take_in(&mut self, notice: Notice) {
        match notice {
            Notice::Ports(ports) => self.take_ports(ports).await,
            Notice::Radio(radio) => self.take_radio(radio).await,
            Notice::Probed { job, link, probe } => {
                self.set_probe(&link, probe.clone()).await;
                self.jobs.remove(job);
                self.reporter.report(Event::Probed { job, link, probe }).await;
                let end = JobEnd::Done { note: String::new() };
                self.reporter.report(Event::JobFinished { job, end }).await;
            }
            Notice::CredentialRead { job, id, content } => self.credential_read(job, id, content).await,
            Notice::Learn(secrets) => secrets.iter().for_each(|secret| self.jobs.learn_secret(secret.expose())),
            Notice::Ended { job, end } => {
                self.jobs.remove(job);
                self.batches.remove(&job);
                self.inspections.remove(&job);
                self.forget_old_checks();
                self.syncs.nudge();
                self.reporter.report(Event::JobFinished { job, end }).await;
            }
        }
    }

    async fn cancel(&mut self, job: JobId) {
        if !self.jobs.stop(job) {
            self.reporter.report(Event::JobFinished { job, end: JobEnd::Cancelled }).await;
        }
    }

    /// Follows a job that tells how it goes on, to its end. The work is a task of its own: if it crashes, the job still ends.
    fn follow<P: Send + 'static>(
        &self,
        job: JobId,
        work: impl Future<Output = JobEnd> + Send + 'static,
        mut progress: mpsc::Receiver<P>,
        event: impl Fn(P) -> Event + Send + 'static,
    ) {
        let (reporter, notices) = (self.reporter.clone(), self.notices.clone());
        tokio::spawn(async move {
            let work = tokio::spawn(work);
            while let Some(progress) = progress.recv().await {
                reporter.report(event(progress)).await;
            }
            let end = work.await.unwrap_or_else(|error| JobEnd::Failed(crashed(&error)));
            let _ = notices.send(Notice::Ended { job, end }).await;
        });
    }

    /// The records as a flow takes them. Without them the job ends at once: nothing is done that is not on record.
    fn records_for(&mut self, job: JobId) -> Option<Arc<dyn Records>> {
        match &self.parts.records {
            Ok(records) => Some(Arc::clone(records) as Arc<dyn Records>),
            Err(error) => {
                let end = JobEnd::Failed(error.explain());
                self.end(job, end);
                None
            }
        }
    }

    /// Runs a job of its own that ends by itself.
    fn spawn(&mut self, job: JobId, work: impl Future<Output = JobEnd> + Send + 'static) {
        let mut stop = self.jobs.add(job, None);
        let notices = self.notices.clone();
        tokio::spawn(async move {
            // A task of its own: if it crashes, the job still ends.
            let mut task = tokio::spawn(work);
            let end = tokio::select! {
                end = &mut task => end.unwrap_or_else(|error| JobEnd::Failed(crashed(&error))),
                () = stopped(&mut stop) => {
                    task.abort();
                    // It may have come to its end just before: that end counts.
                    task.await.unwrap_or(JobEnd::Cancelled)
                }
            };
            let _ = notices.send(Notice::Ended { job, end }).await;
        });
    }

    /// Runs a job that cannot be cut: told to stop, it ends as it ends, and that is what is reported.
    fn spawn_blocking(&mut self, job: JobId, work: impl FnOnce() -> Result<String, Problem> + Send + 'static) {
        let stop = self.jobs.add(job, None);
        let notices = self.notices.clone();
        tokio::spawn(async move {
            let end = match tokio::task::spawn_blocking(work).await {
                Ok(Ok(note)) => JobEnd::Done { note },
                Ok(Err(problem)) => JobEnd::Failed(problem),
                Err(error) => JobEnd::Failed(crashed(&error)),
            };
            drop(stop);
            let _ = notices.send(Notice::Ended { job, end }).await;
        });
    }

    /// Ends a job that never began.
    fn end(&mut self, job: JobId, end: JobEnd) {
        self.spawn(job, std::future::ready(end));
    }
}

/// Code of a program that was interrupted before anything was begun, as for every other cancellation.
const CANCELLED: i32 = 4;
/// How long a prompt has to end the program by itself after Ctrl+C.
const PROMPT_ENDS: Duration = Duration::from_millis(500);

/// Nothing was begun that could be stopped. A prompt reads Ctrl+C itself and says that nothing was sent; whoever waits for
/// standard input never returns, so the program ends.
fn leave_soon() {
    tokio::spawn(async {
        tokio::time::sleep(PROMPT_ENDS).await;
        std::process::exit(CANCELLED);
    });
}

/// Ctrl+C, and the request to end that service managers and `timeout` send. They are taken from the start, so that none ends
/// the program while a prompt reads it. Where the system does not tell of them, nobody is interrupted.
#[cfg(unix)]
struct Interrupts([Option<tokio::signal::unix::Signal>; 2]);

#[cfg(unix)]
impl Interrupts {
    fn begin() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self([SignalKind::interrupt(), SignalKind::terminate()].map(|kind| signal(kind).ok()))
    }

    /// Waits for the next. Safe to drop.
    async fn next(&mut self) {
        let [interrupt, terminate] = &mut self.0;
        tokio::select! {
            Some(()) = told(interrupt) => {}
            Some(()) = told(terminate) => {}
            else => std::future::pending().await,
        }
    }
}

#[cfg(unix)]
async fn told(signal: &mut Option<tokio::signal::unix::Signal>) -> Option<()> {
    signal.as_mut()?.recv().await
}

/// Ctrl+C. Where the system does not tell of it, nobody is interrupted.
#[cfg(not(unix))]
struct Interrupts;

#[cfg(not(unix))]
impl Interrupts {
    fn begin() -> Self {
        Self
    }

    /// Waits for the next. Safe to drop.
    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Who is named in the records: as set, else the account of the computer.
fn operator(set: &str) -> String {
    if !set.trim().is_empty() {
        return set.trim().to_owned();
    }
    let account = ["USER", "USERNAME", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    account.unwrap_or_else(|| "unknown account".into())
}

/// A job panicked: a mistake in the program, told as one.
pub(super) fn crashed(error: &tokio::task::JoinError) -> Problem {
    tracing::error!(%error, "a job crashed");
    Problem::new(
        "app.crashed",
        "A job failed due to a program error",
        "This is a fault of Linesman, not of the gateway",
        "Copy the diagnostics and send them to support; check the gateway before trying again",
    )
    .with_detail(error.to_string())
}

#[cfg(test)]
mod tests;
