//! View models: what the screens show, as one value without a window, a clock, a thread or a file.
//!
//! [`App::act`] turns what the user did into commands; [`App::apply`] takes in what happened. Time is an argument.
//! Screens may edit drafts in place (text fields); everything else changes here. Events of jobs nobody waits for are dropped.

mod action;
pub mod batch;
pub mod check;
pub mod commission;
pub mod device;
pub mod discover;
mod dropped;
mod events;
pub mod files;
pub mod gateways;
mod held;
pub mod history;
pub mod jobs;
pub mod loaded;
mod naming;
mod noted;
pub mod palette;
pub mod records;
pub mod removals;
pub mod remove;
mod replace;
pub mod report;
pub mod settings;
pub mod syncing;
pub mod telemetry;
pub mod terminal;
mod ticket;
mod toasts;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

pub use action::Action;
pub use ticket::Ticket;
pub use toasts::{Holds, Toast, ToastText, Toasts};

use self::batch::{Batch, BatchAction, Marked};
use self::check::{CheckAction, NetworkCheck};
use self::commission::{Commission, CommissionAction, Handled};
use self::device::{Device, DeviceAction, Target};
use self::discover::{Discover, DiscoverAction};
use self::files::Files;
use self::gateways::{Detail, KeptNetwork, PerGateway, Tab};
use self::history::History;
use self::jobs::{Jobs, RunningJob};
use self::palette::Palette;
use self::records::{Records, RecordsAction};
use self::removals::{Removals, RemovalsAction};
use self::remove::Remove;
use self::replace::Replace;
use self::settings::{SettingsAction, SettingsView};
use self::syncing::Syncing;
use self::telemetry::items::Items;
use self::telemetry::{Commissioned, Telemetry};
use self::terminal::Terminal;

use crate::model::access::Access;
use crate::model::gateway::Sighting;
use crate::model::ids::{DriverId, JobId, LinkAddress, LinkKind};
use crate::model::outcome::Verdict;
use crate::model::problem::Problem;
use crate::model::standing::Standing;
use crate::msg::{Command, DemoSite, Event, JobEnd};
use crate::profile::Catalog;

/// Where there is no gateway to go on with.
pub const NO_NEXT: &str = "No further gateway expected here is ready. Plug in the next one, or query those in the list";

/// The places there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// The gateways, and everything that is done with one or several of them.
    #[default]
    Gateways,
    /// Whether the site's network lets gateways reach what they need.
    Check,
    /// What gateways send to a broker is watched.
    Telemetry,
    /// What was done.
    Records,
    /// Settings and diagnostics.
    Settings,
}

impl Place {
    /// All of them, in order.
    pub const ALL: [Self; 5] = [Self::Gateways, Self::Check, Self::Telemetry, Self::Records, Self::Settings];

    /// The place as a person reads it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Gateways => "Gateways",
            Self::Check => "Network check",
            Self::Telemetry => "Telemetry",
            Self::Records => "Records",
            Self::Settings => "Settings",
        }
    }

    /// The keys that lead to it, as they are written on them.
    pub const fn keys(self) -> &'static str {
        match self {
            Self::Gateways => "Ctrl+1",
            Self::Check => "Ctrl+2",
            Self::Telemetry => "Ctrl+3",
            Self::Records => "Ctrl+4",
            Self::Settings => "Ctrl+5",
        }
    }
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
    /// The list of gateways.
    pub discover: Discover,
    /// Set up.
    pub commission: PerGateway<Commission>,
    /// Several gateways at once.
    pub batch: Batch,
    /// Gateways that are taken out of service.
    pub remove: PerGateway<Remove>,
    /// Several gateways that are removed in one go.
    pub removals: Removals,
    /// Terminals.
    pub terminal: PerGateway<Terminal>,
    /// Device.
    pub device: PerGateway<Device>,
    /// The network kept for the next gateway.
    pub kept: KeptNetwork,
    /// Network check.
    pub check: NetworkCheck,
    /// Telemetry.
    pub telemetry: Telemetry,
    items: Items,
    /// The timeline of the gateway selected.
    pub history: History,
    /// Records.
    pub records: Records,
    /// How they stand with the team's server.
    pub syncing: Syncing,
    /// Settings.
    pub settings: SettingsView,
    place: Place,
    tab: Tab,
    detail: Detail,
    /// The gateways that had their turn.
    handled: Handled,
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
    files: Files,
    palette: Option<Palette>,
    is_showing_keys: bool,
}

impl App {
    /// An app that has asked for nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is wanted at the very start.
    pub fn start() -> Vec<Command> {
        vec![
            Command::StartDiscovery { radio: false },
            Command::ListRecords { limit: records::FIRST_LIMIT },
            Command::KeepRecordsSynced,
        ]
    }

    /// The place shown.
    pub const fn place(&self) -> Place {
        self.place
    }

    /// The tab of the selected gateway.
    pub const fn tab(&self) -> Tab {
        self.tab
    }

    /// Whether the gateway selected joined by what was sent last.
    pub fn has_joined(&self) -> bool {
        let outcome = self.commission.session().and_then(|session| session.outcome.as_ref());
        outcome.is_some_and(|outcome| outcome.verdict == Verdict::Joined)
    }

    /// What stands beside the list of gateways.
    pub const fn detail(&self) -> Detail {
        self.detail
    }

    /// The gateway to go on with after this one: one that is in sight, and that the open site expects.
    pub fn next_gateway(&self) -> Option<&Sighting> {
        let rows = self.discover.meant();
        let is_new = |row: &&Sighting| {
            let links = self.discover.links_of(&row.link).map_or(&[][..], |(links, _)| links);
            !links.iter().any(|link| self.handled.has(link))
        };
        self.handled.next(rows.filter(is_new).map(|row| (row, self.discover.stand(row).standing)))
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

    /// Whether it is a session that waits for a person to go on.
    pub fn is_waiting(&self, job: JobId) -> bool {
        let mut sessions = self.commission.iter().filter_map(|one| one.session());
        sessions.any(|session| session.job == job && session.is_ready())
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
        self.cut_by_closing().next().is_none()
    }

    /// The jobs that closing the window would cut in the middle. A session that only stays open after its verdict is none.
    pub fn cut_by_closing(&self) -> impl Iterator<Item = &jobs::RunningJob> {
        let is_settled = |job: &jobs::RunningJob| {
            let mut sessions = self.commission.iter().filter(|one| one.is_of(job.id)).filter_map(|one| one.session());
            sessions.any(|session| session.outcome.is_some() && session.is_ready())
        };
        self.jobs.iter().filter(move |job| job.kind.must_not_be_cut() && !is_settled(job))
    }

    /// Whether the keys are listed.
    pub const fn is_showing_keys(&self) -> bool {
        self.is_showing_keys
    }

    /// Whether something covers the page: a question, the palette or the list of keys.
    pub fn is_covered(&self) -> bool {
        self.palette.is_some() || self.is_showing_keys || self.is_dialog_open()
    }

    /// Whether a question covers the page.
    pub fn is_dialog_open(&self) -> bool {
        self.is_asking_to_close()
            || self.file_there().is_some()
            || self.is_saving_as()
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
            Action::OpenedTab(tab) => self.open_tab(tab),
            Action::OpenedBatch => {
                self.detail = Detail::Batch;
                self.place = Place::Gateways;
                Vec::new()
            }
            Action::Commission(action) => self.on_commission(action, now),
            Action::Device(action) => self.on_device(action, now),
            Action::Telemetry(action) => self.on_items(action, now),
            Action::Check(action) => self.on_check(action, now),
            Action::TookToCheck => self.take_to_check(now),
            Action::TookToCheckFrom(link) => {
                let commands = self.take_to_check(now);
                (self.check.form.via, self.check.form.is_both) = (Some(link), true);
                commands
            }
            Action::WentBack => {
                self.discover.deselect();
                self.detail = Detail::Gateway;
                Vec::new()
            }
            Action::TookToTelemetry => self.take_to_telemetry(now),
            Action::WentOnWith(link) => self.go_on_with(&link, now),
            Action::WentOn => self.go_on(now),
            Action::Batch(action) => self.on_batch(action, now),
            Action::Remove(action) => self.on_remove(action, now),
            Action::Removals(action) => self.on_removals(action, now),
            Action::Terminal(action) => {
                let Self { terminal, catalog, jobs, toasts, .. } = self;
                terminal.act(action, &mut Desk { catalog, jobs, toasts, now })
            }
            Action::Records(action) => self.on_records(action, now),
            Action::History(action) => {
                self.history.act(action);
                Vec::new()
            }
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
            Action::ChoseFile(wanted, path) => self.take_file(wanted, path, now),
            Action::FoundNoFileDialog(wanted) => {
                self.without_dialog(wanted);
                Vec::new()
            }
            Action::SavedAs(is_saved) => self.answer_save_as(is_saved, now),
            Action::ShowedInFolder(path) => vec![Command::ShowInFolder(path)],
            Action::ReplacedFile => self.replace.confirm(),
            Action::KeptFile => match self.replace.keep() {
                Some(event) => self.apply(event, now),
                None => Vec::new(),
            },
            Action::Arranged(arrangement) => {
                if self.settings.values.layout.arrange(arrangement) {
                    self.settings.touch(now);
                }
                Vec::new()
            }
            Action::Palette(action) => {
                let run = self.on_palette(&action);
                run.into_iter().flat_map(|action| self.act(action, now)).collect()
            }
            Action::ShowedKeys(is_shown) => {
                self.is_showing_keys = is_shown;
                Vec::new()
            }
            Action::DroppedFiles(paths) => self.drop_files(paths, now),
            Action::AskedToClose => self.ask_to_close(),
            Action::ConfirmedClose => self.confirm_close(),
            Action::KeptOpen => {
                self.closing = Closing::No;
                Vec::new()
            }
        };
        commands.splice(0..0, self.watch());
        self.arrange_gateways();
        commands.extend(self.refresh_views());
        self.share_memory(&mut commands);
        self.place_files(&mut commands);
        self.replace.note(&commands);
        commands
    }

    /// Takes in what happened; the commands go to the workers. Call [`App::tick`] after the last one at hand.
    pub fn apply(&mut self, event: Event, now: Instant) -> Vec<Command> {
        let mut commands = self.take_in(event, now);
        self.tell_written(now);
        commands.splice(0..0, self.watch());
        self.share_memory(&mut commands);
        self.place_files(&mut commands);
        commands
    }

    /// Puts the list of gateways in order where it is seen or acted on as a whole; elsewhere that can wait.
    fn arrange_gateways(&mut self) {
        if self.place == Place::Gateways || self.palette.is_some() {
            self.discover.arrange_if_stale(&self.catalog, self.check.site());
        }
        self.discover.recount_if_stale();
    }

    /// Time went on: stores settings that rested, lets messages go, orders the list anew.
    pub fn tick(&mut self, now: Instant) -> Vec<Command> {
        self.toasts.expire(now);
        self.check.refresh();
        self.arrange_gateways();
        let mut commands: Vec<Command> = self.settings.save_if_due(now).into_iter().collect();
        commands.extend(self.refresh_views());
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
                self.commission.iter_mut().for_each(|one| one.request_not_taken(job));
                self.device.iter_mut().for_each(|one| one.request_not_taken(job));
                self.telemetry.panes.bench.request_not_taken(job);
                self.check.request_not_taken(job);
                self.toasts.report(problem);
            }
            Ticket::Lists => self.records.listed(Err(problem)),
            Ticket::Other => self.toasts.report(problem),
        }
    }

    fn with_desk<R>(&mut self, now: Instant, f: impl FnOnce(&mut Commission, &mut Desk<'_>) -> R) -> R {
        let Self { commission, catalog, jobs, toasts, .. } = self;
        f(commission, &mut Desk { catalog, jobs, toasts, now })
    }

    fn go_to(&mut self, place: Place) -> Vec<Command> {
        self.place = place;
        self.refresh_records()
    }

    /// Where records are shown, they are looked up again.
    fn refresh_records(&mut self) -> Vec<Command> {
        match (self.place, self.tab) {
            (Place::Records, _) => vec![self.records.refresh()],
            (Place::Gateways, Tab::History) => self.refresh_history().into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn open_tab(&mut self, tab: Tab) -> Vec<Command> {
        (self.tab, self.detail) = (tab, Detail::Gateway);
        self.go_to(Place::Gateways)
    }

    /// Whether the radio is to listen now.
    pub fn is_listening(&self) -> bool {
        self.settings.values.scan_bluetooth && self.place == Place::Gateways && !self.is_connected_by_radio()
    }

    /// A connection needs the radio for itself.
    fn is_connected_by_radio(&self) -> bool {
        let sessions = self.commission.iter().filter_map(|one| one.open_session()).map(|session| &session.target.link);
        let devices = self.device.iter().filter_map(|one| one.session()).filter(|session| session.is_open());
        sessions.chain(devices.map(|session| &session.link)).any(|link| link.kind() == LinkKind::Ble)
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
            return Vec::new();
        }
        if let DiscoverAction::SortedBy(key) = action {
            key.as_str().clone_into(&mut self.settings.values.layout.gateways.order);
            self.settings.touch(now);
        }
        if matches!(action, DiscoverAction::AskedSelected)
            && self.discover.marked() == 0
            && let Some(session) = self.commission.open_session()
        {
            let text = format!("{} can't be queried while its session is open", session.name());
            self.toasts.note(text, now);
            return Vec::new();
        }
        let is_marking = action.is_marking();
        let Self { discover, catalog, jobs, toasts, .. } = self;
        let mut commands = discover.act(action, &mut Desk { catalog, jobs, toasts, now });
        if is_marking {
            self.take_marked();
        }
        commands.extend(self.show_selected());
        commands
    }

    fn on_commission(&mut self, action: CommissionAction, now: Instant) -> Vec<Command> {
        let is_connecting = matches!(action, CommissionAction::Connected);
        if matches!(action, CommissionAction::ForgotNetwork) {
            self.kept.forget();
        }
        let commands = self.with_desk(now, |commission, desk| commission.act(action, desk));
        if is_connecting && self.settings.values.last_profile.as_ref() != self.commission.profile() {
            self.settings.values.last_profile = self.commission.profile().cloned();
            self.settings.touch(now);
        }
        commands
    }

    /// Closes the session with the gateway selected, and goes on with the next one.
    fn go_on_with(&mut self, link: &LinkAddress, now: Instant) -> Vec<Command> {
        let mut commands = self.open_tab(Tab::SetUp);
        commands.extend(self.on_commission(CommissionAction::Closed, now));
        commands.extend(self.on_discover(DiscoverAction::Selected(link.clone()), now));
        let Self { commission, kept, catalog, jobs, toasts, .. } = self;
        commands.extend(commission.go_on(kept, &mut Desk { catalog, jobs, toasts, now }));
        commands
    }

    /// Goes on with the next gateway once the one selected has joined; says why where it can't.
    fn go_on(&mut self, now: Instant) -> Vec<Command> {
        if !self.has_joined() {
            self.toasts.note("The next gateway comes once the one selected has joined", now);
            return Vec::new();
        }
        let Some(next) = self.next_gateway().map(|row| row.link.clone()) else {
            self.toasts.note(NO_NEXT, now);
            return Vec::new();
        };
        self.go_on_with(&next, now)
    }

    /// Several gateways marked are a batch; fewer are none.
    fn take_marked(&mut self) {
        let marked = self.discover.marked_gateways(&self.catalog);
        if marked.len() < 2 {
            self.detail = Detail::Gateway;
            return;
        }
        self.detail = Detail::Batch;
        self.removals.take(&marked);
        // What became of others stays until a person puts it away.
        if self.batch.was_begun() {
            return;
        }
        let set_up: Vec<String> =
            marked.iter().filter(|marked| self.has_network(marked)).map(|marked| marked.name.clone()).collect();
        self.batch.take(marked, &set_up, &self.kept);
    }

    /// Whether a gateway of the list has a network, as far as is known.
    fn has_network(&self, marked: &Marked) -> bool {
        let row = self.discover.row(&marked.link);
        let standing = row.map(|row| self.discover.stand(row).standing);
        matches!(standing, Some(Standing::AlreadySetUp | Standing::Joined | Standing::InService))
    }

    fn on_batch(&mut self, action: BatchAction, now: Instant) -> Vec<Command> {
        match (&action, self.held_of_batch().first()) {
            (BatchAction::Started(_), Some(link)) => {
                let name = self.discover.name_of(link);
                self.toasts.note(format!("Close what is open at {name} first: it uses the gateway's link"), now);
                return Vec::new();
            }
            (BatchAction::LetGo, _) => return self.let_go_of_batch(now),
            _ => {}
        }
        let takes_selected = action == BatchAction::TookSelected && self.selected_beside().is_some();
        let Self { batch, catalog, jobs, toasts, .. } = self;
        let mut commands = batch.act(action, &mut Desk { catalog, jobs, toasts, now });
        if takes_selected {
            let acts =
                if self.removals.is_open() { [RemovalsAction::Closed, RemovalsAction::Opened].as_slice() } else { &[] };
            commands.extend(acts.iter().cloned().flat_map(|act| self.on_removals(act, now)));
            self.take_marked();
        }
        commands
    }

    /// How many gateways are selected beside what has ended and is still shown; nothing where they are those shown.
    pub fn selected_beside(&self) -> Option<usize> {
        let shown: BTreeSet<LinkAddress> = if self.removals.is_open() {
            let is_over = self.removals.is_begun() && !self.removals.is_running();
            is_over.then(|| self.removals.rows.iter().map(|row| row.marked.link.clone()).collect())?
        } else {
            let is_over = self.batch.was_begun() && !self.batch.is_running();
            is_over.then(|| self.batch.rows().iter().filter_map(|row| row.head.place.parse().ok()).collect())?
        };
        let marked = self.discover.marked_links();
        (marked.len() > 1 && *marked != shown).then_some(marked.len())
    }

    fn on_removals(&mut self, action: RemovalsAction, now: Instant) -> Vec<Command> {
        // What is left out before anything was begun isn't marked any more.
        if let RemovalsAction::TookOut(index) = action
            && !self.removals.is_begun()
            && self.removals.list.is_none()
            && let Some(row) = self.removals.rows.get(index)
        {
            return self.act(DiscoverAction::Marked(row.marked.link.clone()).into(), now);
        }
        let marked = self.discover.marked_gateways(&self.catalog);
        let Self { removals, catalog, jobs, toasts, .. } = self;
        removals.act(action, &marked, &mut Desk { catalog, jobs, toasts, now })
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

    fn on_check(&mut self, action: CheckAction, now: Instant) -> Vec<Command> {
        let Self { check, catalog, jobs, toasts, .. } = self;
        check.act(action, &mut Desk { catalog, jobs, toasts, now })
    }

    /// Shows Network check with the profile of the gateway on Commission and the network it joined. Starts nothing.
    fn take_to_check(&mut self, now: Instant) -> Vec<Command> {
        self.place = Place::Check;
        let Self { check, commission, catalog, jobs, toasts, .. } = self;
        let profile = commission.session().map_or(commission.profile(), |session| session.target.profile.as_ref());
        check.take(profile, &commission.form.draft.ssid, &Desk { catalog, jobs, toasts, now });
        Vec::new()
    }

    /// Shows Telemetry with what is known of the gateway on Commission; connects where the broker is known.
    fn take_to_telemetry(&mut self, now: Instant) -> Vec<Command> {
        self.place = Place::Telemetry;
        let mut commands = match self.live().map(|live| live.job) {
            Some(live) => {
                self.show_item(live);
                Vec::new()
            }
            None => self.watch_commissioned(now),
        };
        let Self { telemetry, commission, catalog, jobs, toasts, .. } = self;
        if let Some(session) = commission.session() {
            commands.extend(telemetry.seek_topic_of(session.name(), &Desk { catalog, jobs, toasts, now }));
        }
        commands
    }

    /// A gateway joined: its telemetry is watched by itself where that is wanted. In a demo it is.
    fn watch_by_itself(&mut self, now: Instant) -> Vec<Command> {
        let is_wanted = self.demo.is_some() || self.settings.values.telemetry.is_starting_after_commissioning;
        if is_wanted { self.watch_commissioned(now) } else { Vec::new() }
    }

    /// What is in sight is asked for; of items that are not shown, nothing.
    fn refresh_views(&mut self) -> Vec<Command> {
        let shown = self.telemetry.refresh_view(self.place == Place::Telemetry);
        shown.into_iter().chain(self.items.others_mut().filter_map(|item| item.refresh_view(false))).collect()
    }

    /// Watches the telemetry of the gateway on Commission, unless something is watched already.
    fn watch_commissioned(&mut self, now: Instant) -> Vec<Command> {
        let demo = self.demo.as_ref().and_then(|demo| demo.broker.clone());
        if self.commission.session().is_none() || self.live().is_some() {
            return Vec::new();
        }
        self.make_room();
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
        if let Some(one) = self.commission.iter_mut().find(|one| one.is_of(job)) {
            return one.cancel();
        }
        if self.device.is_of(job) {
            return self.on_device(DeviceAction::Cancelled, now);
        }
        if self.batch.is_job(job) {
            return self.batch.stop();
        }
        if self.jobs.is_running(job) { vec![Command::Cancel { job }] } else { Vec::new() }
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
