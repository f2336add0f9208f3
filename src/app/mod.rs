//! View models: what the screens show, as one value without a window, a clock, a thread or a file.
//!
//! [`App::act`] turns what the user did into commands; [`App::apply`] takes in what happened. Time is an argument.
//! Screens may edit drafts in place (text fields); everything else changes here. Events of jobs nobody waits for are dropped.

pub mod batch;
pub mod check;
pub mod commission;
pub mod device;
pub mod discover;
pub mod jobs;
pub mod loaded;
pub mod records;
mod replace;
pub mod settings;
pub mod telemetry;
pub mod terminal;
mod toasts;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

pub use toasts::{Toast, ToastText, Toasts};

use self::batch::{Batch, BatchAction};
use self::check::{CheckAction, NetworkCheck};
use self::commission::{Commission, CommissionAction};
use self::device::{Device, DeviceAction, Target};
use self::discover::{Discover, DiscoverAction};
use self::jobs::{JobKind, Jobs, RunningJob};
use self::records::{Records, RecordsAction};
use self::replace::Replace;
use self::settings::{SettingsAction, SettingsView};
use self::telemetry::{Commissioned, Telemetry, TelemetryAction};
use self::terminal::{Terminal, TerminalAction};

use crate::model::access::Access;
use crate::model::batch::RowOutcome;
use crate::model::ids::{DriverId, JobId, LinkAddress, LinkKind};
use crate::model::outcome::Verdict;
use crate::model::problem::Problem;
use crate::model::standing::Done;
use crate::msg::batch::{BatchCommand, BatchEvent};
use crate::msg::check::CheckCommand;
use crate::msg::telemetry::{BenchCommand, TelemetryCommand};
use crate::msg::{Command, DemoSite, Event, JobEnd, Progress, Startup, Step};
use crate::profile::Catalog;

/// The screens there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screen {
    /// Ports and gateways.
    #[default]
    Discover,
    /// One gateway is given its network.
    Commission,
    /// Many gateways are given their networks.
    Batch,
    /// A terminal on a port.
    Terminal,
    /// One gateway is looked at and managed.
    Device,
    /// Whether the site's network lets gateways reach what they need.
    Check,
    /// What gateways send to a broker is watched.
    Telemetry,
    /// What was done.
    Records,
    /// Settings and diagnostics.
    Settings,
}

/// What the user did.
pub enum Action {
    /// Went to a screen.
    WentTo(Screen),
    /// Something on Discover.
    Discover(DiscoverAction),
    /// Took a gateway from Discover to Commission.
    TookToCommission(LinkAddress),
    /// Something on Commission.
    Commission(CommissionAction),
    /// Something on Device.
    Device(DeviceAction),
    /// Something on Network check.
    Check(CheckAction),
    /// Wants to check the network for the gateway on Commission.
    TookToCheck,
    /// Something on Telemetry.
    Telemetry(TelemetryAction),
    /// Wants to see the telemetry of the gateway on Commission.
    TookToTelemetry,
    /// Goes on with the next gateway and the same network.
    WentOnWith(LinkAddress),
    /// Took the gateways marked on Discover to Batch.
    TookMarkedToBatch,
    /// Something on Batch.
    Batch(BatchAction),
    /// Opened a terminal on a port.
    TookToTerminal(LinkAddress),
    /// Something in the terminal.
    Terminal(TerminalAction),
    /// Something on Records.
    Records(RecordsAction),
    /// Something on Settings.
    Settings(SettingsAction),
    /// Stopped a job.
    CancelledJob(JobId),
    /// Read a message.
    DismissedToast(u64),
    /// Copied something to the clipboard; the window has done it already.
    Copied(&'static str),
    /// Asked for a file dialog, and the desktop opened none.
    FoundNoFileDialog,
    /// Replaces the file that is there.
    ReplacedFile,
    /// Leaves the file that is there.
    KeptFile,
    /// Wants to close the window.
    AskedToClose,
    /// Closes the window though jobs run.
    ConfirmedClose,
    /// Keeps the window open after all.
    KeptOpen,
}

/// What closing the window waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Closing {
    #[default]
    No,
    Asking,
    Yes,
}

/// What the screens share while one of them acts.
struct Desk<'a> {
    catalog: &'a Catalog,
    jobs: &'a mut Jobs,
    toasts: &'a mut Toasts,
    now: Instant,
}

/// Everything the window shows.
#[derive(Default)]
pub struct App {
    /// Discover.
    pub discover: Discover,
    /// Commission.
    pub commission: Commission,
    /// Batch.
    pub batch: Batch,
    /// The terminal.
    pub terminal: Terminal,
    /// Device.
    pub device: Device,
    /// Network check.
    pub check: NetworkCheck,
    /// Telemetry.
    pub telemetry: Telemetry,
    /// Records.
    pub records: Records,
    /// Settings.
    pub settings: SettingsView,
    screen: Screen,
    was_listening: bool,
    catalog: Arc<Catalog>,
    demo: Option<DemoSite>,
    cut_off_jobs: usize,
    is_started: bool,
    jobs: Jobs,
    toasts: Toasts,
    clipboard: Option<String>,
    closing: Closing,
    replace: Replace,
}

impl App {
    /// An app that has asked for nothing yet.
    pub fn new() -> Self {
        let mut app = Self::default();
        app.commission.is_sending_on_connect = true;
        app
    }

    /// What is wanted at the very start.
    pub fn start() -> Vec<Command> {
        vec![Command::StartDiscovery { radio: false }]
    }

    /// The screen shown.
    pub const fn screen(&self) -> Screen {
        self.screen
    }

    /// The profiles.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The simulated site, if this is one.
    pub const fn demo(&self) -> Option<&DemoSite> {
        self.demo.as_ref()
    }

    /// Jobs that the end of an earlier run cut off.
    pub const fn cut_off_jobs(&self) -> usize {
        self.cut_off_jobs
    }

    /// Whether the workers have reported what they start from.
    pub const fn is_started(&self) -> bool {
        self.is_started
    }

    /// The jobs that run.
    pub const fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// The jobs that do something just now: a check that only stays open for more rounds is none of them.
    pub fn busy_jobs(&self) -> impl Iterator<Item = &RunningJob> {
        self.jobs.iter().filter(|job| !self.check.is_resting(job.id))
    }

    /// The messages at the edge.
    pub const fn toasts(&self) -> &Toasts {
        &self.toasts
    }

    /// Whether a clock on the screen has to tick.
    pub fn is_ticking(&self) -> bool {
        self.busy_jobs().next().is_some()
            || self.toasts.is_any_timed()
            || self.settings.is_unsaved()
            || self.is_listening()
            || self.telemetry.is_ticking()
    }

    /// Whether the question whether to close is open.
    pub fn is_asking_to_close(&self) -> bool {
        self.closing == Closing::Asking
    }

    /// Whether the window closes: nothing asks any more.
    pub fn is_closing(&self) -> bool {
        self.closing == Closing::Yes
    }

    /// The file that is there already, while the question whether to replace it is open.
    pub fn file_there(&self) -> Option<&Path> {
        self.replace.question()
    }

    fn may_close(&self) -> bool {
        !self.jobs.iter().any(|job| job.kind.must_not_be_cut())
    }

    /// Whether a dialog covers the page.
    pub fn is_dialog_open(&self) -> bool {
        self.is_asking_to_close()
            || self.file_there().is_some()
            || self.commission.question().is_some()
            || self.device.question().is_some()
            || self.telemetry.question().is_some()
            || self.telemetry.forgetting().is_some()
            || self.telemetry.panes.publish.question().is_some()
    }

    /// Text that belongs on the clipboard, once.
    pub fn take_clipboard(&mut self) -> Option<String> {
        self.clipboard.take()
    }

    /// Takes in what the user did; the commands go to the workers.
    pub fn act(&mut self, action: Action, now: Instant) -> Vec<Command> {
        let mut commands = match action {
            Action::WentTo(screen) => self.go_to(screen),
            Action::Discover(action) => self.on_discover(action, now),
            Action::TookToCommission(link) => self.take_to_commission(&link, now),
            Action::Commission(action) => self.on_commission(action, now),
            Action::Device(action) => self.on_device(action, now),
            Action::Telemetry(action) => self.on_telemetry(action, now),
            Action::Check(action) => self.on_check(action, now),
            Action::TookToCheck => self.take_to_check(now),
            Action::TookToTelemetry => self.take_to_telemetry(now),
            Action::WentOnWith(link) => self.go_on_with(&link, now),
            Action::TookMarkedToBatch => self.take_marked(),
            Action::Batch(action) => self.on_batch(action, now),
            Action::TookToTerminal(link) => {
                self.screen = Screen::Terminal;
                let Self { terminal, catalog, jobs, toasts, .. } = self;
                terminal.open(link, &mut Desk { catalog, jobs, toasts, now })
            }
            Action::Terminal(action) => {
                let Self { terminal, catalog, jobs, toasts, .. } = self;
                terminal.act(action, &mut Desk { catalog, jobs, toasts, now })
            }
            Action::Records(action) => self.on_records(action, now),
            Action::Settings(action) => self.on_settings(action, now),
            Action::CancelledJob(job) => self.cancel_job(job, now),
            Action::DismissedToast(id) => {
                self.toasts.dismiss(id);
                Vec::new()
            }
            Action::Copied(what) => {
                self.toasts.tell(format!("{what} copied"), now);
                Vec::new()
            }
            Action::ReplacedFile => self.replace.confirm(),
            Action::KeptFile => match self.replace.keep() {
                Some(event) => self.apply(event, now),
                None => Vec::new(),
            },
            Action::AskedToClose => self.ask_to_close(),
            Action::FoundNoFileDialog => {
                self.toasts.report(no_file_dialog());
                Vec::new()
            }
            Action::ConfirmedClose => self.confirm_close(),
            Action::KeptOpen => {
                self.closing = Closing::No;
                Vec::new()
            }
        };
        self.discover.arrange_if_stale(&self.catalog);
        commands.extend(self.telemetry.refresh_view(self.screen == Screen::Telemetry));
        self.replace.note(&commands);
        commands
    }

    /// Takes in what happened; the commands go to the workers. Call [`App::tick`] after the last one at hand.
    pub fn apply(&mut self, event: Event, now: Instant) -> Vec<Command> {
        let Some(event) = self.replace.take_in(event) else { return Vec::new() };
        match event {
            Event::Started(startup) => {
                self.started(*startup);
                return self.watch();
            }
            Event::GatewaySeen(sighting) => self.discover.seen(*sighting, now),
            Event::GatewayGone(link) => {
                // A device that falls silent keeps its address; a port may get another gateway.
                if link.kind() == LinkKind::Serial {
                    self.commission.unplugged(&link);
                    self.device.unplugged(&link);
                }
                self.discover.gone(&link);
            }
            Event::GatewayRemoved(link) => self.discover.removed(&link),
            Event::DiscoveryTrouble(trouble) => self.discover.trouble = trouble,
            Event::RadioTrouble(trouble) => self.discover.radio_trouble = trouble,
            Event::Probed { job, link, probe } if self.jobs.is_running(job) => self.discover.probed(&link, probe),
            Event::Probed { .. } => {}
            Event::TerminalProgressed { job, output } => self.terminal.progressed(job, output),
            Event::DeviceProgressed { job, progress, .. } => return self.device.progressed(job, progress),
            Event::TelemetryProgressed { job, event, .. } => {
                let Self { telemetry, catalog, jobs, toasts, .. } = self;
                return telemetry.progressed(job, event, &mut Desk { catalog, jobs, toasts, now });
            }
            Event::BenchProgressed { job, event } => self.telemetry.panes.bench.progressed(job, event),
            Event::CheckProgressed { job, event } => return self.check.progressed(job, event, now),
            Event::BatchProgressed { job, event } => {
                if self.batch.is_job(job) {
                    self.note_row(&event);
                }
                self.batch.told(job, event);
            }
            Event::SessionProgressed { job, at, progress } => {
                self.note_session(job, &progress);
                let has_joined = matches!(&progress, Progress::Pushed(outcome) if outcome.verdict == Verdict::Joined);
                let mut commands =
                    self.with_desk(now, |commission, desk| commission.progressed(job, at, progress, desk));
                if has_joined && self.commission.session().is_some_and(|session| session.job == job) {
                    commands.extend(self.watch_by_itself(now));
                }
                return commands;
            }
            Event::JobFinished { job, end } => return self.finished(job, end, now),
            Event::LaptopScanned(scan) => self.commission.laptop_scanned(scan, &self.catalog),
            Event::QrRead { job, content } => {
                if self.jobs.finish(job).is_some() {
                    self.commission.qr_read(job, content, &self.catalog);
                }
            }
            Event::SiteRead { path, site } => {
                let Self { check, catalog, jobs, toasts, .. } = self;
                check.site_read(&path, site, &Desk { catalog, jobs, toasts, now });
            }
            Event::RecordsListed(answer) => self.records.listed(answer),
            Event::RecordShown(answer) => self.records.shown(answer),
            Event::DiagnosticsReady { job, text } => {
                if self.jobs.finish(job).is_some() {
                    self.settings.diagnostics_finished();
                    self.clipboard = Some(text);
                    self.toasts.tell("Diagnostics copied", now);
                }
            }
            Event::Interrupted => self.closing = Closing::Yes,
            Event::Trouble(problem) => self.toasts.report(problem),
        }
        Vec::new()
    }

    /// Time went on: stores settings that rested, lets messages go, orders the list anew.
    pub fn tick(&mut self, now: Instant) -> Vec<Command> {
        self.toasts.expire(now);
        self.check.refresh();
        self.discover.arrange_if_stale(&self.catalog);
        let mut commands: Vec<Command> = self.settings.save_if_due(now).into_iter().collect();
        commands.extend(self.telemetry.refresh_view(self.screen == Screen::Telemetry));
        commands
    }

    /// A command could not be handed to the workers: whatever waited for it is told.
    pub fn not_taken(&mut self, ticket: Ticket, problem: Problem, now: Instant) {
        match ticket {
            Ticket::Starts(job) => {
                // What would follow a finished job is not sent either: the workers take nothing now.
                let _ = self.finished(job, JobEnd::Failed(problem), now);
            }
            Ticket::Asks(job) => {
                self.commission.request_not_taken(job);
                self.device.request_not_taken(job);
                self.telemetry.panes.bench.request_not_taken(job);
                self.check.request_not_taken(job);
                self.toasts.report(problem);
            }
            Ticket::Lists => self.records.listed(Err(problem)),
            Ticket::Other => self.toasts.report(problem),
        }
    }

    fn started(&mut self, startup: Startup) {
        self.catalog = startup.catalog;
        self.demo = startup.demo;
        self.cut_off_jobs = startup.cut_off_jobs;
        self.settings.values = startup.settings;
        self.settings.data_dir = startup.data_dir;
        self.settings.start_problems = startup.start_problems;
        if let Some(broker) = self.demo.as_ref().and_then(|demo| demo.broker.as_deref()) {
            self.telemetry.form.take_demo(broker);
        }
        if let Some(check) = self.demo.as_ref().and_then(|demo| demo.check.as_ref()) {
            self.check.take_demo(check.site.clone());
        }
        self.is_started = true;
    }

    fn finished(&mut self, job: JobId, end: JobEnd, now: Instant) -> Vec<Command> {
        let Some(finished) = self.jobs.finish(job) else {
            return Vec::new();
        };
        match finished.kind {
            JobKind::Probe(link) => {
                let Self { discover, catalog, jobs, toasts, .. } = self;
                return discover.probe_finished(&link, end, &mut Desk { catalog, jobs, toasts, now });
            }
            JobKind::Session => {
                if let Some(session) = self.commission.session().filter(|session| session.job == job) {
                    self.discover.session_ended(&session.target.link);
                }
                let mut commands = self.with_desk(now, |commission, desk| commission.session_finished(job, end, desk));
                if self.screen == Screen::Records {
                    commands.push(self.records.refresh());
                }
                return commands;
            }
            JobKind::CheckManifest | JobKind::Batch | JobKind::ExportResults => {
                self.batch.finished(job, end);
                if self.screen == Screen::Records {
                    return vec![self.records.refresh()];
                }
            }
            JobKind::Terminal if self.terminal.job() == Some(job) => self.terminal.finished(end),
            JobKind::Terminal => {}
            JobKind::Device => {
                self.device.finished(job, end);
                if self.screen == Screen::Records {
                    return vec![self.records.refresh()];
                }
            }
            JobKind::Telemetry => self.telemetry.finished(job, end),
            JobKind::ReadQr => self.commission.qr_finished(job, end),
            JobKind::ExportRecords => self.records.export_finished(end),
            JobKind::ExportTranscript => self.commission.transcript_finished(end),
            JobKind::SavePicture => self.telemetry.panes.plot.picture_saved(job, &end),
            JobKind::Bench => self.telemetry.panes.bench.finished(job, end),
            JobKind::Check => self.check.finished(job, end),
            JobKind::Diagnostics => {
                self.settings.diagnostics_finished();
                if let JobEnd::Failed(problem) = end {
                    self.toasts.report(problem);
                }
            }
        }
        Vec::new()
    }

    /// What a session shows of a gateway is known in the list, too.
    fn note_session(&mut self, job: JobId, progress: &Progress) {
        let Some(target) = self.commission.session().filter(|session| session.job == job).map(|s| &s.target) else {
            return;
        };
        let (link, driver) = (&target.link, target.driver);
        match progress {
            Progress::Described { info, state, .. } => self.discover.told(link, driver, info.clone(), *state),
            Progress::StateChanged(state) => self.discover.told(link, driver, None, *state),
            Progress::StepStarted { step: Step::Push, .. } => self.discover.did(link, Some(Done::SettingUp)),
            Progress::Pushed(outcome) => self.discover.did(link, Some(Done::Pushed(outcome.verdict))),
            Progress::StepDone { step: Step::Reprovision, .. } => self.discover.did(link, None),
            _ => {}
        }
    }

    /// A row of a batch that ended: its gateway stands as the batch found.
    fn note_row(&mut self, event: &BatchEvent) {
        let BatchEvent::Row { state, .. } = event else { return };
        let Some(result) = batch::result(state).filter(|result| !result.is_earlier) else { return };
        let verdict = match result.outcome {
            RowOutcome::Joined => Verdict::Joined,
            RowOutcome::Refused => Verdict::Refused,
            RowOutcome::Unknown => Verdict::Unknown,
            RowOutcome::Done | RowOutcome::Failed | RowOutcome::Stopped | RowOutcome::NotBegun => return,
        };
        if let Ok(link) = result.link.parse() {
            self.discover.did(&link, Some(Done::Pushed(verdict)));
        }
    }

    fn with_desk<R>(&mut self, now: Instant, f: impl FnOnce(&mut Commission, &mut Desk<'_>) -> R) -> R {
        let Self { commission, catalog, jobs, toasts, .. } = self;
        f(commission, &mut Desk { catalog, jobs, toasts, now })
    }

    fn go_to(&mut self, screen: Screen) -> Vec<Command> {
        let mut commands = self.switch_to(screen);
        if screen == Screen::Records {
            commands.push(self.records.refresh());
        }
        commands
    }

    /// Shows a screen; the radio listens while Discover is the one.
    fn switch_to(&mut self, screen: Screen) -> Vec<Command> {
        let before = std::mem::replace(&mut self.screen, screen);
        let concerns_radio = (before == Screen::Discover) != (screen == Screen::Discover);
        if concerns_radio { self.watch() } else { Vec::new() }
    }

    /// Whether the radio is to listen now.
    pub fn is_listening(&self) -> bool {
        self.settings.values.scan_bluetooth && self.screen == Screen::Discover
    }

    /// Tells the workers whether the radio is to listen; nothing while that was never wanted.
    fn watch(&mut self) -> Vec<Command> {
        let radio = self.is_listening();
        if std::mem::replace(&mut self.was_listening, radio) == radio {
            return Vec::new();
        }
        vec![Command::StartDiscovery { radio }]
    }

    fn on_discover(&mut self, action: DiscoverAction, now: Instant) -> Vec<Command> {
        if let DiscoverAction::SwitchedBluetooth(is_on) = action {
            self.settings.values.scan_bluetooth = is_on;
            self.settings.touch(now);
            return self.watch();
        }
        let Self { discover, catalog, jobs, toasts, .. } = self;
        discover.act(action, &mut Desk { catalog, jobs, toasts, now })
    }

    fn take_to_commission(&mut self, link: &LinkAddress, now: Instant) -> Vec<Command> {
        let commands = self.switch_to(Screen::Commission);
        let Self { discover, commission, settings, catalog, jobs, toasts, .. } = self;
        if let Some(row) = discover.row(link) {
            let last = settings.values.last_profile.as_ref();
            commission.choose(row, last, &mut Desk { catalog, jobs, toasts, now });
        }
        self.keep_device_to_the_chosen();
        commands
    }

    fn on_commission(&mut self, action: CommissionAction, now: Instant) -> Vec<Command> {
        let is_connecting = matches!(action, CommissionAction::Connected);
        let commands = self.with_desk(now, |commission, desk| commission.act(action, desk));
        if is_connecting && self.settings.values.last_profile.as_ref() != self.commission.profile() {
            self.settings.values.last_profile = self.commission.profile().cloned();
            self.settings.touch(now);
        }
        commands
    }

    fn go_on_with(&mut self, link: &LinkAddress, now: Instant) -> Vec<Command> {
        let mut commands = self.switch_to(Screen::Commission);
        let Self { discover, commission, catalog, jobs, toasts, .. } = self;
        let mut desk = Desk { catalog, jobs, toasts, now };
        commands.extend(discover.row(link).map_or_else(Vec::new, |row| commission.go_on(row, &mut desk)));
        self.keep_device_to_the_chosen();
        commands
    }

    /// What Device shows belongs to the gateway that is chosen.
    fn keep_device_to_the_chosen(&mut self) {
        if let Some((link, _)) = self.commission.gateway() {
            self.device.gateway_chosen(link);
        }
    }

    fn take_marked(&mut self) -> Vec<Command> {
        self.screen = Screen::Batch;
        let marked = self.discover.take_marked(&self.catalog);
        self.batch.take(marked, &self.commission.form.draft.ssid);
        Vec::new()
    }

    fn on_batch(&mut self, action: BatchAction, now: Instant) -> Vec<Command> {
        let Self { batch, commission, catalog, jobs, toasts, .. } = self;
        batch.act(action, &commission.form.draft, &mut Desk { catalog, jobs, toasts, now })
    }

    fn on_device(&mut self, action: DeviceAction, now: Instant) -> Vec<Command> {
        let of_profile = self.managing_driver();
        let Self { device, commission, catalog, jobs, toasts, .. } = self;
        let target = commission.gateway().map(|(link, _)| Target {
            link: link.clone(),
            profile: commission.profile().cloned(),
            access: device
                .driver(link.kind(), of_profile)
                .map_or_else(Access::default, |driver| commission.access.given(driver)),
        });
        device.act(action, target, of_profile, &mut Desk { catalog, jobs, toasts, now })
    }

    fn on_telemetry(&mut self, action: TelemetryAction, now: Instant) -> Vec<Command> {
        let Self { telemetry, settings, catalog, jobs, toasts, .. } = self;
        telemetry.act(action, settings, &mut Desk { catalog, jobs, toasts, now })
    }

    fn on_check(&mut self, action: CheckAction, now: Instant) -> Vec<Command> {
        let Self { check, catalog, jobs, toasts, .. } = self;
        check.act(action, &mut Desk { catalog, jobs, toasts, now })
    }

    /// Shows Network check with the profile of the gateway on Commission and the network it joined. Starts nothing.
    fn take_to_check(&mut self, now: Instant) -> Vec<Command> {
        let commands = self.switch_to(Screen::Check);
        let Self { check, commission, catalog, jobs, toasts, .. } = self;
        let profile = commission.session().and_then(|session| session.target.profile.as_ref());
        check.take(profile, &commission.form.draft.ssid, &Desk { catalog, jobs, toasts, now });
        commands
    }

    /// Shows Telemetry with what is known of the gateway on Commission; connects where the broker is known.
    fn take_to_telemetry(&mut self, now: Instant) -> Vec<Command> {
        let mut commands = self.switch_to(Screen::Telemetry);
        commands.extend(self.watch_commissioned(now));
        commands
    }

    /// A gateway joined: its telemetry is watched by itself where that is wanted. In a demo it is.
    fn watch_by_itself(&mut self, now: Instant) -> Vec<Command> {
        let is_wanted = self.demo.is_some() || self.settings.values.telemetry.is_starting_after_commissioning;
        if is_wanted { self.watch_commissioned(now) } else { Vec::new() }
    }

    /// Watches the telemetry of the gateway on Commission, unless something is watched already.
    fn watch_commissioned(&mut self, now: Instant) -> Vec<Command> {
        let demo = self.demo.as_ref().and_then(|demo| demo.broker.clone());
        let Self { telemetry, commission, settings, catalog, jobs, toasts, .. } = self;
        let Some(session) = commission.session() else { return Vec::new() };
        let commissioned = Commissioned {
            name: session.name().to_owned(),
            profile: session.target.profile.clone(),
            pushed_before: session.pushed_at().map(|pushed| now.saturating_duration_since(pushed)),
        };
        telemetry.watch(commissioned, demo, settings, &mut Desk { catalog, jobs, toasts, now })
    }

    /// The driver by which the chosen profile has its gateways managed over the chosen link.
    pub fn managing_driver(&self) -> Option<DriverId> {
        let (link, _) = self.commission.gateway()?;
        let profile = self.commission.profile().and_then(|id| self.catalog.get(id))?;
        let fitting = |driver: &DriverId| Device::drivers(link.kind()).any(|known| known == *driver);
        let bindings = profile.drivers.iter().filter(|binding| binding.link == link.kind());
        bindings.map(|binding| binding.driver).find(fitting)
    }

    fn on_records(&mut self, action: RecordsAction, now: Instant) -> Vec<Command> {
        let Self { records, catalog, jobs, toasts, .. } = self;
        records.act(action, &mut Desk { catalog, jobs, toasts, now })
    }

    fn on_settings(&mut self, action: SettingsAction, now: Instant) -> Vec<Command> {
        let Self { settings, catalog, jobs, toasts, .. } = self;
        settings.act(action, &mut Desk { catalog, jobs, toasts, now })
    }

    fn cancel_job(&mut self, job: JobId, now: Instant) -> Vec<Command> {
        match self.commission.open_session() {
            Some(session) if session.job == job => self.on_commission(CommissionAction::Cancelled, now),
            _ if self.batch.is_job(job) => self.batch.stop(),
            _ if self.device.session().is_some_and(|session| session.job == job) => {
                self.on_device(DeviceAction::Cancelled, now)
            }
            _ if self.jobs.is_running(job) => vec![Command::Cancel { job }],
            _ => Vec::new(),
        }
    }

    fn ask_to_close(&mut self) -> Vec<Command> {
        if self.may_close() {
            return self.confirm_close();
        }
        self.closing = Closing::Asking;
        Vec::new()
    }

    fn confirm_close(&mut self) -> Vec<Command> {
        self.closing = Closing::Yes;
        let cancels = self.jobs.iter().map(|job| Command::Cancel { job: job.id });
        let mut commands: Vec<Command> = cancels.collect();
        commands.extend(self.settings.save_now());
        commands
    }
}

/// Who waits for a command, noted before it is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticket {
    /// It starts this job.
    Starts(JobId),
    /// It asks something of this session.
    Asks(JobId),
    /// It asks for the records.
    Lists,
    /// Nobody waits for it.
    Other,
}

impl Ticket {
    /// Who waits for this command.
    pub const fn of(command: &Command) -> Self {
        match command {
            Command::Probe { job, .. }
            | Command::OpenSession { job, .. }
            | Command::OpenDevice { job, .. }
            | Command::OpenTerminal { job, .. }
            | Command::ReadQr { job, .. }
            | Command::ExportRecords { job, .. }
            | Command::ExportTranscript { job, .. }
            | Command::SavePicture { job, .. }
            | Command::CollectDiagnostics { job }
            | Command::Telemetry { job, command: TelemetryCommand::Open(_) }
            | Command::Bench { job, command: BenchCommand::Start(_) }
            | Command::Check { job, command: CheckCommand::Start(_) }
            | Command::Batch {
                job,
                command: BatchCommand::Check { .. } | BatchCommand::Start(_) | BatchCommand::Export { .. },
            } => Self::Starts(*job),
            Command::Session { job, .. }
            | Command::SendCredentialFile { job, .. }
            | Command::Device { job, .. }
            | Command::Telemetry { job, .. }
            | Command::Bench { job, .. }
            | Command::Check { job, .. }
            | Command::Terminal { job, .. }
            | Command::Batch { job, command: BatchCommand::Pause | BatchCommand::Resume | BatchCommand::Retry(_) } => {
                Self::Asks(*job)
            }
            Command::ListRecords { .. } => Self::Lists,
            Command::StartDiscovery { .. }
            | Command::StopDiscovery
            | Command::AddPort(_)
            | Command::RemovePort(_)
            | Command::ScanFromLaptop
            | Command::Cancel { .. }
            | Command::ShowRecord { .. }
            | Command::ReadSite { .. }
            | Command::SaveSettings(_) => Self::Other,
        }
    }
}

impl From<DiscoverAction> for Action {
    fn from(action: DiscoverAction) -> Self {
        Self::Discover(action)
    }
}

impl From<CommissionAction> for Action {
    fn from(action: CommissionAction) -> Self {
        Self::Commission(action)
    }
}

impl From<BatchAction> for Action {
    fn from(action: BatchAction) -> Self {
        Self::Batch(action)
    }
}

impl From<TerminalAction> for Action {
    fn from(action: TerminalAction) -> Self {
        Self::Terminal(action)
    }
}

impl From<DeviceAction> for Action {
    fn from(action: DeviceAction) -> Self {
        Self::Device(action)
    }
}

impl From<TelemetryAction> for Action {
    fn from(action: TelemetryAction) -> Self {
        Self::Telemetry(action)
    }
}

impl From<CheckAction> for Action {
    fn from(action: CheckAction) -> Self {
        Self::Check(action)
    }
}

impl From<RecordsAction> for Action {
    fn from(action: RecordsAction) -> Self {
        Self::Records(action)
    }
}

impl From<SettingsAction> for Action {
    fn from(action: SettingsAction) -> Self {
        Self::Settings(action)
    }
}

fn no_file_dialog() -> Problem {
    Problem::new(
        "app.no_file_dialog",
        "The desktop opened no file dialog",
        "No desktop portal runs here, or it closed the dialog at once",
        "Type the path into the field beside the button",
    )
}
