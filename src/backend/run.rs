//! The loop that takes commands and starts jobs. One line a command; the work stands in named functions.

use std::collections::HashMap;
use std::path::PathBuf;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::batch::{self, BatchJob};
use super::bench;
use super::handle::Reporter;
use super::job::{Jobs, NotTaken};
use super::start::Parts;
use super::telemetry;
use crate::flow::batch::Steer;
use crate::flow::commission::{Setup, run as run_session, stopped};
use crate::flow::device;
use crate::flow::discover::{self, Change, INTERVAL, Sightings};
use crate::flow::inspect;
use crate::flow::port::{BleError, LinkError, Radio, RadioEvent, Records, RecordsError};
use crate::flow::report::Report;
use crate::flow::terminal::Input as TerminalIn;
use crate::flow::transcript::SharedTranscript;
use crate::io::inspection_files::DiskFiles;
use crate::io::mqtt::MqttBroker;
use crate::io::recordings::DiskRecordings;
use crate::io::records::RecordStore;
use crate::io::{diagnostics, files, laptop_wifi, picture, qr_image, save, secret_file};
use crate::model::access::Access;
use crate::model::destination::Destination;
use crate::model::gateway::{PortFacts, Probe};
use crate::model::ids::{DriverId, JobId, LinkAddress, ProfileId};
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::problem::{Explain, Problem};
use crate::model::qr::QrContent;
use crate::model::record::{ExportFormat, JobIntent};
use crate::model::secret::Secret;
use crate::model::secret_text::SecretKind;
use crate::model::settings::Settings;
use crate::model::text::visible;
use crate::model::wifi::{LaptopScan, WifiRules};
use crate::msg::batch::{BatchCommand, BatchStart};
use crate::msg::device::{DeviceChange, DeviceRequest};
use crate::msg::telemetry::{BenchCommand, InspectionSource, InspectionStart, TelemetryCommand};
use crate::msg::{Command, Event, JobEnd, Progress, QrSource, Request, Startup, Step};
use crate::profile::{DriverSettings, Profile};
use crate::proto::wifi_qr;

/// Requests a session may have waiting.
const REQUESTS: usize = 4;
/// Progress a session may have waiting.
const PROGRESS: usize = 256;
/// How long a radio that does not work is left alone.
const RADIO_RETRY: Duration = Duration::from_secs(5);
/// How long jobs may take to stop when the program ends.
const FAREWELL: Duration = Duration::from_secs(3);

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
    notices: mpsc::Sender<Notice>,
    /// How to reach the inspections that run.
    inspections: HashMap<JobId, mpsc::Sender<TelemetryCommand>>,
    /// The terminals that are open, and where what is typed goes.
    terminals: HashMap<JobId, mpsc::Sender<TerminalIn>>,
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
        notices,
        inspections: HashMap::new(),
        terminals: HashMap::new(),
    };
    workers.reporter.report(Event::Started(Box::new(startup))).await;
    if let Err(error) = &workers.parts.records {
        workers.reporter.report(Event::Trouble(error.explain())).await;
    }
    let mut tick = interval(INTERVAL);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // Kept over the rounds, so that none is lost while a command is handled. Until something runs that could be stopped,
    // Ctrl+C ends the program as usual: it may be waiting for a passphrase.
    let mut interrupt = Box::pin(interrupted());
    let mut is_listening = false;
    loop {
        is_listening |= workers.is_discovering || !workers.jobs.is_empty();
        tokio::select! {
            command = commands.recv() => match command {
                Some(command) => workers.handle(command).await,
                None => break,
            },
            Some(notice) = notice_rx.recv() => workers.take_in(notice).await,
            _ = tick.tick(), if workers.is_discovering => workers.look_around().await,
            event = next_heard(&mut workers.radio) => workers.hear(event).await,
            () = &mut interrupt, if is_listening => {
                interrupt = Box::pin(interrupted());
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
                self.is_discovering = true;
                if radio { self.start_radio().await } else { self.stop_radio().await }
            }
            Command::StopDiscovery => {
                self.is_discovering = false;
                self.stop_radio().await;
            }
            Command::AddPort(link) => self.add_port(link).await,
            Command::RemovePort(link) => self.remove_port(link).await,
            Command::Probe { job, link } => self.probe(job, link).await,
            Command::OpenSession { job, link, profile, driver, access } => {
                self.learn_access(&access);
                self.open_session(job, link, profile.as_ref(), driver, access);
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
            Command::OpenTerminal { job, link, baud } => self.open_terminal(job, link, baud),
            Command::Terminal { job, input } => self.pass_input(job, input).await,
            Command::Session { job, request } => self.pass_on(job, request).await,
            Command::SendCredentialFile { job, id, path } => self.read_credential(job, id, path),
            Command::Cancel { job } | Command::Bench { job, command: BenchCommand::Stop } => self.cancel(job).await,
            Command::ScanFromLaptop => self.scan_from_laptop(),
            Command::ReadQr { job, source } => self.read_qr(job, source),
            Command::ListRecords { limit } => self.list_records(limit),
            Command::ShowRecord { id } => self.show_record(id),
            Command::ExportRecords { job, destination, format } => {
                let records = self.parts.records.clone();
                self.spawn(job, async move {
                    let note = saved(&destination);
                    match export_records(records, destination, format).await {
                        Ok(()) => JobEnd::Done { note },
                        Err(problem) => JobEnd::Failed(problem),
                    }
                });
            }
            Command::ExportTranscript { job, session, destination } => {
                self.export_transcript(job, session, destination)
            }
            Command::SavePicture { job, destination, width, height, rgba } => {
                self.spawn_blocking(job, move || {
                    picture::write_png(&destination, width, height, rgba).map_err(|error| error.explain())?;
                    Ok(saved(&destination))
                });
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
                self.reporter.report(Event::JobFinished { job, end }).await;
            }
        }
    }

    /// Looks at the ports, and at how long each device has been silent.
    async fn look_around(&mut self) {
        self.list_ports();
        for change in self.sightings.fade(Instant::now()) {
            self.tell(change).await;
        }
        if let RadioState::Failed { retry_at } = self.radio
            && Instant::now() >= retry_at
        {
            self.switch_radio_on();
        }
    }

    /// Begins a scan, unless one is under way: what fell silent before it is forgotten.
    async fn start_radio(&mut self) {
        match &mut self.radio {
            RadioState::On(_) => return,
            RadioState::Starting { is_wanted } => *is_wanted = true,
            RadioState::Off | RadioState::Failed { .. } => self.switch_radio_on(),
        }
        for change in self.sightings.forget_silent(Instant::now()) {
            self.tell(change).await;
        }
    }

    /// Ends the scan. What it heard stays listed until it has been silent for a while.
    async fn stop_radio(&mut self) {
        match &mut self.radio {
            RadioState::Starting { is_wanted } => *is_wanted = false,
            RadioState::Failed { .. } => {
                self.radio = RadioState::Off;
                self.reporter.report(Event::RadioTrouble(None)).await;
            }
            RadioState::Off | RadioState::On(_) => self.radio = RadioState::Off,
        }
    }

    /// Reaching the system's service may take a while: it is waited for beside the loop.
    fn switch_radio_on(&mut self) {
        self.radio = RadioState::Starting { is_wanted: true };
        let (links, notices) = (Arc::clone(&self.parts.links), self.notices.clone());
        tokio::spawn(async move {
            let radio = links.watch_radio().await;
            let _ = notices.send(Notice::Radio(radio)).await;
        });
    }

    async fn take_radio(&mut self, radio: Result<Radio, LinkError>) {
        if matches!(self.radio, RadioState::Starting { is_wanted: false }) {
            self.radio = RadioState::Off;
            return;
        }
        match radio {
            Ok(radio) => {
                self.radio = RadioState::On(radio);
                self.reporter.report(Event::RadioTrouble(None)).await;
            }
            Err(error) => self.radio_failed(&error).await,
        }
    }

    async fn radio_failed(&mut self, error: &LinkError) {
        self.radio = RadioState::Failed { retry_at: Instant::now() + RADIO_RETRY };
        self.reporter.report(Event::RadioTrouble(Some(error.explain()))).await;
    }

    async fn hear(&mut self, event: Option<RadioEvent>) {
        match event {
            Some(RadioEvent::Heard { link, advertisement }) => {
                for change in self.sightings.hear(link, advertisement, Instant::now(), &self.parts.catalog) {
                    self.tell(change).await;
                }
            }
            Some(RadioEvent::Stopped(error)) => self.radio_failed(&error).await,
            // It ended without a word: whoever carried it crashed.
            None => {
                let error = BleError::Failed { detail: "the scan broke off".into() };
                self.radio_failed(&error.into()).await;
            }
        }
    }

    fn list_ports(&mut self) {
        // A driver that hangs keeps one list waiting, not one more a second.
        if std::mem::replace(&mut self.is_listing, true) {
            return;
        }
        let (links, notices) = (Arc::clone(&self.parts.links), self.notices.clone());
        tokio::spawn(async move {
            let ports = links.ports().await;
            let _ = notices.send(Notice::Ports(ports)).await;
        });
    }

    async fn take_ports(&mut self, ports: Result<Vec<(LinkAddress, PortFacts)>, LinkError>) {
        self.is_listing = false;
        match ports {
            Ok(ports) => {
                if self.trouble.take().is_some() {
                    self.reporter.report(Event::DiscoveryTrouble(None)).await;
                }
                for change in self.sightings.update(ports, &self.parts.catalog) {
                    self.tell(change).await;
                }
            }
            Err(error) => {
                if self.trouble.replace(error.clone()).as_ref() != Some(&error) {
                    self.reporter.report(Event::DiscoveryTrouble(Some(error.explain()))).await;
                }
            }
        }
    }

    async fn tell(&self, change: Change) {
        let event = match change {
            Change::Seen(sighting) => Event::GatewaySeen(sighting),
            Change::Gone(link) => Event::GatewayGone(link),
            Change::Removed(link) => Event::GatewayRemoved(link),
        };
        self.reporter.report(event).await;
    }

    async fn add_port(&mut self, link: LinkAddress) {
        if let Some(change) = self.sightings.add_typed(link, &self.parts.catalog) {
            self.tell(change).await;
        }
    }

    async fn remove_port(&mut self, link: LinkAddress) {
        if self.sightings.remove_typed(&link) {
            self.reporter.report(Event::GatewayRemoved(link)).await;
        }
    }

    async fn set_probe(&mut self, link: &LinkAddress, probe: Probe) {
        if let Some(change) = self.sightings.set_probe(link, probe) {
            self.tell(change).await;
        }
    }

    async fn probe(&mut self, job: JobId, link: LinkAddress) {
        self.set_probe(&link, Probe::Asking).await;
        let mut stop = self.jobs.add(job, None);
        let (links, notices) = (Arc::clone(&self.parts.links), self.notices.clone());
        tokio::spawn(async move {
            let asked = link.clone();
            // A task of its own: if it crashes, the job still ends.
            let mut task = tokio::spawn(async move { discover::probe(&*links, &asked).await });
            let probe = tokio::select! {
                probe = &mut task => probe.unwrap_or_else(|error| Probe::Failed(crashed(&error))),
                () = stopped(&mut stop) => {
                    task.abort();
                    Probe::NotAsked
                }
            };
            let _ = notices.send(Notice::Probed { job, link, probe }).await;
        });
    }

    fn open_session(
        &mut self,
        job: JobId,
        link: LinkAddress,
        profile: Option<&ProfileId>,
        driver: DriverId,
        access: Access,
    ) {
        let (requests, request_rx) = mpsc::channel(REQUESTS);
        let stop = self.jobs.add(job, Some(requests));
        let records: Arc<dyn Records> = match &self.parts.records {
            Ok(records) => Arc::clone(records) as Arc<dyn Records>,
            Err(error) => return self.end(job, JobEnd::Failed(error.explain())),
        };
        let transcript = SharedTranscript::new(format!("Session over {link}, driver {driver}"));
        self.jobs.keep_transcript(job, transcript.clone());
        let (progress, mut progress_rx) = mpsc::channel(PROGRESS);
        let setup = Setup {
            intent: self.intent("commission", &link, profile, Some(driver)),
            rules: self.rules(profile),
            settings: self.settings_of(profile, &link, driver),
            credentials: self.profile(profile).map(|profile| profile.credentials.clone()).unwrap_or_default(),
            access,
            links: Arc::clone(&self.parts.links),
            report: Report::new(progress),
            link,
            driver,
            records,
            transcript,
        };
        let (reporter, notices) = (self.reporter.clone(), self.notices.clone());
        tokio::spawn(async move {
            let session = tokio::spawn(run_session(setup, request_rx, stop));
            while let Some((at, progress)) = progress_rx.recv().await {
                reporter.report(Event::SessionProgressed { job, at, progress }).await;
            }
            let end = session.await.unwrap_or_else(|error| JobEnd::Failed(crashed(&error)));
            let _ = notices.send(Notice::Ended { job, end }).await;
        });
    }

    fn open_device(
        &mut self,
        job: JobId,
        link: LinkAddress,
        profile: Option<&ProfileId>,
        driver: DriverId,
        access: Access,
    ) {
        let (requests, request_rx) = mpsc::channel(REQUESTS);
        let stop = self.jobs.add_device(job, requests);
        let records: Arc<dyn Records> = match &self.parts.records {
            Ok(records) => Arc::clone(records) as Arc<dyn Records>,
            Err(error) => return self.end(job, JobEnd::Failed(error.explain())),
        };
        let transcript = SharedTranscript::new(format!("Management over {link}, driver {driver}"));
        self.jobs.keep_transcript(job, transcript.clone());
        let (progress, mut progress_rx) = mpsc::channel(PROGRESS);
        let setup = device::Setup {
            intent: self.intent("device", &link, profile, Some(driver)),
            settings: self.settings_of(profile, &link, driver),
            access,
            links: Arc::clone(&self.parts.links),
            progress,
            link,
            driver,
            records,
            transcript,
        };
        let (reporter, notices) = (self.reporter.clone(), self.notices.clone());
        tokio::spawn(async move {
            let session = tokio::spawn(device::run(setup, request_rx, stop));
            while let Some((at, progress)) = progress_rx.recv().await {
                reporter.report(Event::DeviceProgressed { job, at, progress }).await;
            }
            let end = session.await.unwrap_or_else(|error| JobEnd::Failed(crashed(&error)));
            let _ = notices.send(Notice::Ended { job, end }).await;
        });
    }

    fn intent(
        &self,
        action: &str,
        link: &LinkAddress,
        profile: Option<&ProfileId>,
        driver: Option<DriverId>,
    ) -> JobIntent {
        let sighting = self.sightings.iter().find(|sighting| sighting.link == *link);
        let name = sighting.and_then(|sighting| match &sighting.probe {
            Probe::Answered(identity) => identity.info.as_ref().map(|info| info.name.clone()),
            _ => None,
        });
        // Of a path typed in a demo nobody knows that a simulator stands behind it.
        let is_simulated = sighting.is_some_and(|sighting| sighting.facts.is_simulated);
        JobIntent {
            action: action.into(),
            gateway: name.filter(|name| !name.is_empty()).unwrap_or_else(|| link.place().to_owned()),
            link: link.to_string(),
            profile: profile.map(ToString::to_string),
            driver: driver.map(|driver| driver.to_string()),
            operator: operator(&self.settings.borrow().operator),
            is_simulated,
        }
    }

    fn profile(&self, id: Option<&ProfileId>) -> Option<&Profile> {
        id.and_then(|id| self.parts.catalog.get(id))
    }

    fn rules(&self, profile: Option<&ProfileId>) -> WifiRules {
        self.profile(profile).and_then(|profile| profile.wifi.clone()).unwrap_or_else(WifiRules::standard)
    }

    /// How the profile sets the driver up for the link.
    fn settings_of(&self, profile: Option<&ProfileId>, link: &LinkAddress, driver: DriverId) -> Option<DriverSettings> {
        let mut bindings = self.profile(profile)?.drivers_over(link.kind());
        bindings.find(|binding| binding.driver == driver).map(|binding| binding.settings.clone())
    }

    async fn pass_on(&mut self, job: JobId, request: Request) {
        match &request {
            Request::Push(credentials) => self.jobs.learn(credentials),
            Request::PushCredential { content, .. } => self.jobs.learn_secret(content.expose()),
            _ => {}
        }
        let is_close = matches!(request, Request::Close);
        let taken = self.jobs.request(job, request);
        self.tell_not_taken(taken, is_close).await;
    }

    async fn pass_on_device(&mut self, job: JobId, request: DeviceRequest) {
        if let DeviceRequest::Change {
            change: DeviceChange::WriteSetting { value: secret, .. } | DeviceChange::WriteFile { content: secret, .. },
            ..
        } = &request
        {
            self.jobs.learn_secret(secret.expose());
        }
        let is_close = matches!(request, DeviceRequest::Close);
        let taken = self.jobs.device_request(job, request);
        self.tell_not_taken(taken, is_close).await;
    }

    /// What lets us into a gateway is cut out of diagnostics like what is sent to it.
    fn learn_access(&mut self, access: &Access) {
        if let Some(secret) = &access.secret {
            self.jobs.learn_secret(secret.expose().as_bytes());
        }
    }

    async fn tell_not_taken(&self, taken: Result<(), NotTaken>, is_close: bool) {
        let problem = match taken {
            Ok(()) => return,
            // The job ended by itself meanwhile: what was asked for is done.
            Err(NotTaken::Gone) if is_close => return,
            Err(NotTaken::Gone) => Problem::new(
                "session.gone",
                "The request was not sent",
                "The connection to the gateway has ended",
                "Connect again",
            ),
            Err(NotTaken::Busy) => Problem::new(
                "session.busy",
                "The request was not sent",
                "The gateway still works on the one before",
                "Wait until it is done, or cancel",
            ),
        };
        self.reporter.report(Event::Trouble(problem)).await;
    }

    fn read_credential(&self, job: JobId, id: String, path: PathBuf) {
        let notices = self.notices.clone();
        tokio::spawn(async move {
            let read = tokio::task::spawn_blocking(move || {
                secret_file::read(&path, SecretKind::Content).map_err(|error| error.explain(&path))
            })
            .await;
            let content = read.unwrap_or_else(|error| Err(crashed(&error)));
            let _ = notices.send(Notice::CredentialRead { job, id, content }).await;
        });
    }

    async fn credential_read(&mut self, job: JobId, id: String, content: Result<Secret<Vec<u8>>, Problem>) {
        match content {
            Ok(content) => self.pass_on(job, Request::PushCredential { id, content }).await,
            // Nothing was sent: the session is as ready as it was.
            Err(problem) => {
                let failed = Progress::StepFailed { step: Step::Credential, problem };
                for progress in [failed, Progress::Ready] {
                    self.reporter.report(Event::SessionProgressed { job, at: Duration::ZERO, progress }).await;
                }
            }
        }
    }

    async fn batch(&mut self, job: JobId, command: BatchCommand) {
        let steer = match command {
            BatchCommand::Check { manifest, secrets } => {
                let batch = self.batch_job(job);
                return self.spawn(job, batch.check(manifest, secrets));
            }
            BatchCommand::Start(start) => return self.start_batch(job, *start),
            BatchCommand::Export { destination, rows } => {
                return self.spawn(job, async move {
                    let note = saved(&destination);
                    match batch::write_results(destination, rows).await {
                        Ok(()) => JobEnd::Done { note },
                        Err(problem) => JobEnd::Failed(problem),
                    }
                });
            }
            BatchCommand::Pause => Steer::Pause,
            BatchCommand::Resume => Steer::Resume,
            BatchCommand::Retry(again) => Steer::Retry(again),
        };
        let is_taken = self.batches.get(&job).is_some_and(|batch| batch.try_send(steer).is_ok());
        if !is_taken {
            let problem = Problem::new(
                "batch.gone",
                "The request was not taken",
                "The batch has ended",
                "Start it again; what succeeded is not repeated when you go on with it",
            );
            self.reporter.report(Event::Trouble(problem)).await;
        }
    }

    fn batch_job(&self, job: JobId) -> BatchJob {
        let operator = operator(&self.settings.borrow().operator);
        BatchJob { job, parts: self.parts.clone(), operator, reporter: self.reporter.clone() }
    }

    fn start_batch(&mut self, job: JobId, start: BatchStart) {
        let (steer, steer_rx) = mpsc::channel(batch::STEERS);
        let stop = self.jobs.add(job, None);
        self.batches.insert(job, steer);
        let (batch, notices) = (self.batch_job(job), self.notices.clone());
        let learnt = self.notices.clone();
        tokio::spawn(async move {
            // A task of its own: if it crashes, the job still ends.
            let run = tokio::spawn(batch.run(start, steer_rx, stop, async move |secrets| {
                let _ = learnt.send(Notice::Learn(secrets)).await;
            }));
            let end = run.await.unwrap_or_else(|error| JobEnd::Failed(crashed(&error)));
            let _ = notices.send(Notice::Ended { job, end }).await;
        });
    }

    async fn telemetry(&mut self, job: JobId, command: TelemetryCommand) {
        if let TelemetryCommand::Connect(Some(plan)) = &command {
            self.learn_plan(plan);
        }
        let command = match command {
            TelemetryCommand::Open(start) if !self.inspections.contains_key(&job) => {
                return self.open_inspection(job, *start);
            }
            command => command,
        };
        let is_close = matches!(command, TelemetryCommand::Close);
        let taken = self.inspections.get(&job).map(|inspection| inspection.try_send(command));
        let is_gone = match taken {
            Some(Ok(())) => return,
            Some(Err(mpsc::error::TrySendError::Full(_))) => false,
            Some(Err(mpsc::error::TrySendError::Closed(_))) | None => true,
        };
        // One that has ended by itself meanwhile is closed.
        if !(is_gone && is_close) {
            self.reporter.report(Event::Trouble(telemetry::not_taken(is_gone))).await;
        }
    }

    /// What a connection proves itself with is cut out of diagnostics.
    fn learn_plan(&mut self, plan: &ConnectPlan) {
        for secret in plan.secrets() {
            self.jobs.learn_secret(secret);
        }
    }

    fn open_inspection(&mut self, job: JobId, start: InspectionStart) {
        if let InspectionSource::Broker(plan) = &start.source {
            self.learn_plan(plan);
        }
        let profile = self.profile(start.profile.as_ref());
        let topics = profile.and_then(|profile| profile.mqtt.as_ref()).map(|mqtt| mqtt.topics.clone());
        let expectations = profile.map(|profile| profile.expectations.clone()).unwrap_or_default();
        let expected = expectations.iter().map(|expectation| expectation.topic.clone());
        let topics = topics.unwrap_or_default().into_iter().chain(expected);
        let topics = topics.filter_map(|topic| topic.parse().ok()).collect();
        let mut about = vec![("program".to_owned(), concat!("linesman ", env!("CARGO_PKG_VERSION")).to_owned())];
        about.extend(profile.map(|profile| ("profile".to_owned(), profile.id.to_string())));
        about.extend(start.gateway.iter().map(|gateway| ("gateway".to_owned(), visible(gateway, 120))));
        let records: Result<Arc<dyn Records>, RecordsError> =
            self.parts.records.clone().map(|records| records as Arc<dyn Records>);
        let (intent, root) = (self.inspection_intent(&start), self.parts.data.root().to_owned());
        let stop = self.jobs.add(job, None);
        let prepare = move |progress| inspect::Setup {
            start,
            expectations,
            topics,
            about,
            intent,
            broker: Arc::new(MqttBroker::new()),
            recordings: Arc::new(DiskRecordings::new(root)),
            files: Arc::new(DiskFiles),
            records,
            progress,
            clock: telemetry::clock(),
            usage: telemetry::usage_of_this_program(),
        };
        let notices = self.notices.clone();
        match telemetry::start(job, Box::new(prepare), stop, self.reporter.clone()) {
            Ok((commands, end)) => {
                self.inspections.insert(job, commands);
                tokio::spawn(async move {
                    let end = end.await.unwrap_or_else(|_| JobEnd::Failed(telemetry::crashed()));
                    let _ = notices.send(Notice::Ended { job, end }).await;
                });
            }
            Err(error) => self.end(job, JobEnd::Failed(super::start::no_threads(&error))),
        }
    }

    fn inspection_intent(&self, start: &InspectionStart) -> JobIntent {
        let link = match &start.source {
            InspectionSource::Broker(plan) => plan.url.to_string(),
            InspectionSource::Recording { path, .. } => path.display().to_string(),
        };
        JobIntent {
            action: "inspect".into(),
            gateway: start.gateway.clone().filter(|gateway| !gateway.is_empty()).unwrap_or_else(|| link.clone()),
            link,
            profile: start.profile.as_ref().map(ToString::to_string),
            driver: None,
            operator: operator(&self.settings.borrow().operator),
            is_simulated: self.parts.is_demo,
        }
    }

    async fn cancel(&mut self, job: JobId) {
        if !self.jobs.stop(job) {
            self.reporter.report(Event::JobFinished { job, end: JobEnd::Cancelled }).await;
        }
    }

    fn read_qr(&mut self, job: JobId, source: QrSource) {
        let reporter = self.reporter.clone();
        self.spawn(job, async move {
            let content = tokio::task::spawn_blocking(move || read_qr(source)).await;
            let content = content.unwrap_or_else(|error| Err(crashed(&error)));
            reporter.report(Event::QrRead { job, content }).await;
            JobEnd::Done { note: String::new() }
        });
    }

    fn scan_from_laptop(&self) {
        let (reporter, is_demo) = (self.reporter.clone(), self.parts.is_demo);
        tokio::spawn(async move {
            // What is really on the air says nothing about a made-up site.
            let scan = if is_demo {
                LaptopScan::NotChecked { reason: "this is a simulated site".into() }
            } else {
                laptop_wifi::scan().await
            };
            reporter.report(Event::LaptopScanned(scan)).await;
        });
    }

    fn list_records(&self, limit: usize) {
        let (records, reporter) = (self.parts.records.clone(), self.reporter.clone());
        tokio::spawn(async move {
            let list = match records {
                Ok(records) => records.list(limit).await,
                Err(error) => Err(error),
            };
            reporter.report(Event::RecordsListed(list.map_err(|error| error.explain()))).await;
        });
    }

    fn show_record(&self, id: crate::model::record::RecordId) {
        let (records, reporter) = (self.parts.records.clone(), self.reporter.clone());
        tokio::spawn(async move {
            let shown = match records {
                Ok(records) => records.show(id).await,
                Err(error) => Err(error),
            };
            reporter.report(Event::RecordShown(shown.map(Box::new).map_err(|error| error.explain()))).await;
        });
    }

    fn export_transcript(&mut self, job: JobId, session: JobId, destination: Destination) {
        let transcript = self.jobs.transcript(session);
        self.spawn_blocking(job, move || {
            let Some(transcript) = transcript else {
                return Err(Problem::new(
                    "transcript.gone",
                    "There is no transcript of this session",
                    "Transcripts are kept in memory, of the last eight sessions",
                    "Connect again and export before the program is closed",
                ));
            };
            save::save(&destination, transcript.render().as_bytes()).map_err(|error| error.explain())?;
            Ok(saved(&destination))
        });
    }

    fn collect_diagnostics(&mut self, job: JobId) {
        let (parts, settings, redactor) = (self.parts.clone(), self.settings.borrow().clone(), self.jobs.redactor());
        let ports = self.sightings.iter().map(|sighting| (sighting.link.clone(), sighting.facts.clone())).collect();
        let trouble = self.trouble.as_ref().map(Explain::explain);
        let reporter = self.reporter.clone();
        self.spawn(job, async move {
            let jobs = match &parts.records {
                Ok(records) => records.recent(diagnostics::JOBS).await,
                Err(error) => Err(error.clone()),
            };
            let jobs = jobs.map_err(|error| error.explain());
            let gathered = tokio::task::spawn_blocking(move || {
                let ports: Vec<_> = ports;
                let facts = diagnostics::Facts {
                    data_dir: &parts.data,
                    settings: &settings,
                    start_problems: &parts.start_problems,
                    jobs: jobs.as_deref(),
                    ports: trouble.as_ref().map_or(Ok(ports.as_slice()), Err),
                };
                diagnostics::collect(&facts, &redactor)
            });
            match gathered.await {
                Ok(text) => reporter.report(Event::DiagnosticsReady { job, text }).await,
                Err(error) => return JobEnd::Failed(crashed(&error)),
            }
            JobEnd::Done { note: String::new() }
        });
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
                    JobEnd::Cancelled
                }
            };
            let _ = notices.send(Notice::Ended { job, end }).await;
        });
    }

    fn spawn_blocking(&mut self, job: JobId, work: impl FnOnce() -> Result<String, Problem> + Send + 'static) {
        self.spawn(job, async move {
            match tokio::task::spawn_blocking(work).await {
                Ok(Ok(note)) => JobEnd::Done { note },
                Ok(Err(problem)) => JobEnd::Failed(problem),
                Err(error) => JobEnd::Failed(crashed(&error)),
            }
        });
    }

    /// Ends a job that never began.
    fn end(&mut self, job: JobId, end: JobEnd) {
        self.spawn(job, std::future::ready(end));
    }
}

/// Waits for Ctrl+C, and for the request to end that service managers and `timeout` send. Where the system does not tell of
/// them, nobody is interrupted.
async fn interrupted() {
    let ctrl_c = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = ctrl_c => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signals) => drop(signals.recv().await),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}

/// Who is named in the records: as set, else the account of the computer.
fn operator(set: &str) -> String {
    if !set.trim().is_empty() {
        return set.trim().to_owned();
    }
    let account = ["USER", "USERNAME", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    account.unwrap_or_else(|| "unknown account".into())
}

async fn export_records(
    records: Result<Arc<RecordStore>, RecordsError>,
    destination: Destination,
    format: ExportFormat,
) -> Result<(), Problem> {
    let records = records.map_err(|error| error.explain())?;
    records.export(destination, format).await.map(|_| ()).map_err(|error| error.explain())
}

fn saved(destination: &Destination) -> String {
    destination.path().display().to_string()
}

fn read_qr(source: QrSource) -> Result<QrContent, Problem> {
    let text = match source {
        QrSource::Text(text) => text,
        QrSource::File(path) => qr_image::read_file(&path).map_err(|error| error.explain())?,
        QrSource::Clipboard => qr_image::read_clipboard().map_err(|error| error.explain())?,
    };
    wifi_qr::parse(text.expose()).map_err(|error| error.explain())
}

/// A job panicked: a mistake in the program, told as one.
pub(super) fn crashed(error: &tokio::task::JoinError) -> Problem {
    tracing::error!(%error, "a job crashed");
    Problem::new(
        "app.crashed",
        "A job ended by a mistake in the program",
        "This is a fault of Linesman, not of the gateway",
        "Copy the diagnostics and send them to support; check the gateway before trying again",
    )
    .with_detail(error.to_string())
}

mod terminal;

#[cfg(test)]
mod tests;
