//! Several gateways taken out of service in one go: the whole list with a serial number each, one confirmation, and what becomes
//! of each. Which is begun next, and what they came to, is decided by the same rules as on the command line.

mod list;
mod logins;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

pub use self::list::List;
use self::list::Orders;
pub use self::logins::OwnLogin;
use self::logins::access_of;
use super::Desk;
use super::batch::Marked;
use super::jobs::JobKind;
use crate::certificate::is_due;
use crate::model::access::Access;
use crate::model::act;
use crate::model::batch::MAX_PARALLEL;
use crate::model::destination::Destination;
use crate::model::ids::{JobId, LinkAddress, ProfileId};
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::model::wipe::several::{Queue, Standing, Tally};
use crate::model::wipe::{Outcome, WipeReport};
use crate::msg::wipe::{WipeEvent, WipeStart};
use crate::msg::{Command, JobEnd};
use crate::papers::Form;

/// Room for a secret from the start: a field that grows would leave copies behind in memory.
const SECRET_ROOM: usize = 256;

/// What the user did with several gateways that are to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemovalsAction {
    /// Wants them removed instead of set up: the list is shown.
    Opened,
    /// Wants the gateways of the manifest at that path removed: it is read and shown.
    Listed(String),
    /// Puts the list away.
    Closed,
    /// Begins; their number was typed.
    Started,
    /// Begins no further one, and stops those that run.
    Stopped,
    /// Wants a gateway to have a login of its own, or no longer.
    OwnLogin(usize),
    /// Leaves a row out; the others keep what they have.
    TookOut(usize),
    /// Chose the profile of a row.
    ChoseProfile(usize, ProfileId),
    /// Chose the gateway that a row is about.
    ChoseGateway(usize, Marked),
    /// Begins a row once more to which nothing was done.
    BeganAgain(usize),
}

/// Whose certificates are looked at before anything is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Preparing {
    /// All of them.
    All,
    /// That of the row which is begun again.
    Row(usize),
}

/// A gateway of the list.
pub struct Row {
    /// Where and what it is.
    pub marked: Marked,
    /// Its serial number, or its name where it tells none; edited in place.
    pub serial: String,
    /// Its own login, where it has one; edited in place.
    pub own_login: Option<OwnLogin>,
    /// How it stands.
    pub state: RowState,
    /// What a list says of it beside.
    orders: Option<Box<Orders>>,
}

impl Row {
    fn new(marked: Marked) -> Self {
        Self { serial: String::new(), own_login: None, marked, state: RowState::Waits, orders: None }
    }

    /// Its row in the list it was read from.
    pub fn number(&self) -> Option<u32> {
        self.orders.as_ref().map(|orders| orders.row)
    }

    /// What the list says of it beside, in words; empty where that is nothing.
    pub fn orders(&self) -> String {
        self.orders.as_ref().map(|orders| orders.words()).unwrap_or_default()
    }
}

/// How a gateway of the list stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowState {
    /// It was not begun.
    Waits,
    /// It works on this.
    Runs(String),
    /// It ended: an outcome, or nothing was done; with what to know and what to do next.
    Ended(Option<Outcome>, String, Vec<String>),
}

/// The list.
#[derive(Default)]
pub struct Removals {
    /// The gateways.
    pub rows: Vec<Row>,
    /// The manifest they were read from, where they weren't selected.
    pub list: Option<List>,
    /// The user name for all of them; edited in place.
    pub username: String,
    /// The password or proof for all of them; edited in place.
    pub secret: Secret<String>,
    /// Their number as it is typed; edited in place.
    pub typed: String,
    /// The folder into which a certificate of each is written; none where it is empty. Edited in place.
    pub certificates: String,
    problem: Option<Problem>,
    /// Where the certificate of each goes.
    destinations: Vec<Destination>,
    /// What a certificate says, until its removal has ended.
    reports: BTreeMap<JobId, Box<WipeReport>>,
    preparing: Option<Preparing>,
    queue: Queue,
    jobs: BTreeMap<JobId, usize>,
    is_open: bool,
    is_begun: bool,
}

impl Removals {
    /// Whether the list is shown.
    pub const fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether it was begun.
    pub const fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// Whether any is under way.
    pub fn is_running(&self) -> bool {
        !self.jobs.is_empty() || self.preparing.is_some()
    }

    /// Why the certificates can't be written there, so that nothing was begun.
    pub const fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// Why it cannot begin; nothing where it can.
    pub fn lacks(&self) -> Option<&'static str> {
        if let Some(lacks) = self.list.as_ref().and_then(List::lacks) {
            return Some(lacks);
        }
        let serials: BTreeSet<&str> = self.rows.iter().map(|row| row.serial.trim()).collect();
        if self.rows.is_empty() {
            Some("No gateway is listed")
        } else if self.rows.iter().any(|row| row.marked.profile.is_none()) {
            Some("Choose a profile for each of them first")
        } else if serials.contains("") {
            Some("Type the serial number of each")
        } else if serials.len() < self.rows.len() {
            Some("Two of them have the same serial number")
        } else if self.typed.trim() != self.rows.len().to_string() {
            Some("Type how many they are")
        } else {
            None
        }
    }

    /// Whether a row can be corrected: nothing was done to its gateway.
    pub fn is_correctable(&self, index: usize) -> bool {
        let Some(row) = self.rows.get(index) else { return false };
        match row.state {
            RowState::Waits => !self.is_running(),
            RowState::Runs(_) => false,
            RowState::Ended(outcome, ..) => matches!(outcome, None | Some(Outcome::Refused)),
        }
    }

    /// Why a row can't be begun once more as it stands; nothing where it can.
    pub fn lacks_in(&self, index: usize) -> Option<&'static str> {
        let row = self.rows.get(index)?;
        let mut others = self.rows.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, other)| other);
        if row.marked.profile.is_none() {
            Some("Choose a profile")
        } else if row.serial.trim().is_empty() {
            Some("Type the serial number")
        } else if others.clone().any(|other| other.serial.trim() == row.serial.trim()) {
            Some("Another one has the same serial number")
        } else if others.any(|other| other.marked.link == row.marked.link) {
            Some("Another one has the same link")
        } else {
            None
        }
    }

    /// What they came to so far.
    pub fn tally(&self) -> Tally {
        Tally::of(self.rows.iter().map(|row| match row.state {
            RowState::Ended(outcome, ..) => outcome.map_or(Standing::Failed, Standing::Ended),
            RowState::Waits => Standing::Waits,
            RowState::Runs(_) => Standing::Runs,
        }))
    }

    pub(super) fn is_of(&self, job: JobId) -> bool {
        self.jobs.contains_key(&job)
    }

    /// The link of the gateway that a job removes.
    pub(super) fn link_of(&self, job: JobId) -> Option<&LinkAddress> {
        self.jobs.get(&job).and_then(|index| self.rows.get(*index)).map(|row| &row.marked.link)
    }

    /// Takes the gateways that are marked in the list, unless it was begun or its gateways come from elsewhere.
    pub(super) fn take(&mut self, marked: &[Marked]) {
        if self.is_begun || self.list.is_some() {
            return;
        }
        let mut known: BTreeMap<_, _> = self.rows.drain(..).map(|row| (row.marked.link.clone(), row)).collect();
        let row = |marked: &Marked| match known.remove(&marked.link) {
            // What was chosen for it stays.
            Some(row) => Row { marked: Marked { profile: row.marked.profile, ..marked.clone() }, ..row },
            None => Row::new(marked.clone()),
        };
        self.rows = marked.iter().map(row).collect();
    }

    pub(super) fn act(&mut self, action: RemovalsAction, marked: &[Marked], desk: &mut Desk<'_>) -> Vec<Command> {
        match action {
            RemovalsAction::Opened => {
                self.is_open = true;
                self.secret.expose_mut().reserve(SECRET_ROOM);
                self.take(marked);
                Vec::new()
            }
            RemovalsAction::Listed(path) if !self.is_begun => self.read(path),
            RemovalsAction::Closed if !self.is_running() => {
                *self = Self::default();
                Vec::new()
            }
            RemovalsAction::Started if !self.is_begun && self.lacks().is_none() => {
                self.is_begun = true;
                self.problem = None;
                self.start(desk)
            }
            RemovalsAction::Stopped => {
                if self.preparing.take() == Some(Preparing::All) {
                    self.is_begun = false;
                }
                self.queue.stop();
                self.jobs.keys().map(|&job| Command::Cancel { job }).collect()
            }
            RemovalsAction::OwnLogin(index) if self.is_correctable(index) => {
                let own = &mut self.rows[index].own_login;
                // Taken away, it takes along what was typed.
                *own = if own.is_some() { None } else { Some(OwnLogin::empty()) };
                Vec::new()
            }
            RemovalsAction::TookOut(index) if self.preparing.is_none() && self.is_correctable(index) => {
                self.take_out(index);
                Vec::new()
            }
            RemovalsAction::ChoseProfile(index, profile) if self.is_correctable(index) => {
                let row = &mut self.rows[index];
                row.marked.profile = Some(profile);
                // Its steps were those of the other profile.
                if let Some(orders) = &mut row.orders {
                    orders.leave_steps();
                }
                Vec::new()
            }
            RemovalsAction::ChoseGateway(index, gateway) if self.is_correctable(index) => {
                let marked = &mut self.rows[index].marked;
                let profile = marked.profile.take().or(gateway.profile);
                *marked = Marked { profile, ..gateway };
                Vec::new()
            }
            RemovalsAction::BeganAgain(index) => self.begin_again(index, desk),
            _ => Vec::new(),
        }
    }

    /// Those after it move up, with what belongs to them.
    fn take_out(&mut self, index: usize) {
        self.rows.remove(index);
        self.queue.take_out(index);
        if index < self.destinations.len() {
            self.destinations.remove(index);
        }
        self.jobs.values_mut().filter(|at| **at > index).for_each(|at| *at -= 1);
    }

    /// A row that was corrected is begun once more, with its certificate under what it says now.
    fn begin_again(&mut self, index: usize, desk: &mut Desk<'_>) -> Vec<Command> {
        let can_begin = self.is_begun && self.preparing.is_none() && self.is_correctable(index);
        if !can_begin || self.lacks_in(index).is_some() {
            return Vec::new();
        }
        self.problem = None;
        let folder = self.certificates.trim();
        if folder.is_empty() {
            return self.begin_row(index, desk);
        }
        self.preparing = Some(Preparing::Row(index));
        let rows = self.numbered().skip(index).take(1).collect();
        vec![Command::PrepareCertificates { folder: PathBuf::from(folder), rows }]
    }

    fn begin_row(&mut self, index: usize, desk: &mut Desk<'_>) -> Vec<Command> {
        let row = &mut self.rows[index];
        row.state = RowState::Waits;
        self.queue.again(index, row.marked.link.kind());
        self.begin(desk)
    }

    /// The number and the serial number of each row: in a list those that stand there.
    fn numbered(&self) -> impl Iterator<Item = (u32, String)> {
        (1..).zip(&self.rows).map(|(place, row)| (row.number().unwrap_or(place), row.serial.trim().to_owned()))
    }

    /// Sees first whether certificates can be written, where they are wanted.
    fn start(&mut self, desk: &mut Desk<'_>) -> Vec<Command> {
        let folder = self.certificates.trim();
        if !folder.is_empty() {
            self.preparing = Some(Preparing::All);
            let rows = self.numbered().collect();
            return vec![Command::PrepareCertificates { folder: PathBuf::from(folder), rows }];
        }
        self.begin_first(desk)
    }

    /// The certificates can be written, so the removals begin; or they can't, and nothing is done.
    pub(super) fn prepared(&mut self, answer: Result<Vec<Destination>, Problem>, desk: &mut Desk<'_>) -> Vec<Command> {
        let Some(preparing) = self.preparing.take() else { return Vec::new() };
        match (answer, preparing) {
            (Ok(destinations), Preparing::All) => {
                self.destinations = destinations;
                self.begin_first(desk)
            }
            (Ok(destinations), Preparing::Row(index)) => {
                // The folder may have been typed only now: the others then have none.
                for (place, destination) in self.destinations.iter_mut().skip(index).zip(destinations) {
                    *place = destination;
                }
                self.begin_row(index, desk)
            }
            (Err(problem), preparing) => {
                self.is_begun &= preparing != Preparing::All;
                self.problem = Some(problem);
                Vec::new()
            }
        }
    }

    fn begin_first(&mut self, desk: &mut Desk<'_>) -> Vec<Command> {
        self.typed.clear();
        self.queue = Queue::new(self.rows.iter().map(|row| &row.marked.link), MAX_PARALLEL);
        self.begin(desk)
    }

    fn begin(&mut self, desk: &mut Desk<'_>) -> Vec<Command> {
        let mut commands = Vec::new();
        while let Some(index) = self.queue.begin() {
            let Row { marked, serial, own_login, state, orders } = &mut self.rows[index];
            let Some(profile) = marked.profile.clone() else { continue };
            let job = desk.jobs.start(JobKind::Wipe, act::named("wipe", &marked.name), desk.now);
            let driver = desk.catalog.get(&profile).map_or(marked.driver, |it| it.wiping_driver(marked.link.kind()));
            let shared = Access::typed(&self.username, &self.secret);
            let listed = orders.as_ref().map(|orders| orders.access(self.list.as_ref())).unwrap_or_default();
            let access = access_of(own_login.as_ref(), &listed.or_shared(&shared));
            *state = RowState::Runs("Connect".into());
            self.jobs.insert(job, index);
            let mut start = WipeStart::new(marked.link.clone(), profile, driver, access, serial.trim().to_owned());
            if let Some(orders) = orders {
                orders.give(&mut start);
            }
            commands.push(Command::Wipe { job, start: Box::new(start) });
        }
        commands
    }

    pub(super) fn progressed(&mut self, job: JobId, event: WipeEvent) {
        let Some(row) = self.jobs.get(&job).and_then(|index| self.rows.get_mut(*index)) else { return };
        match event {
            WipeEvent::Busy { what, .. } => row.state = RowState::Runs(what),
            WipeEvent::Power(wish) => row.state = RowState::Runs(wish.words()),
            WipeEvent::Assessed(report) => {
                let found = report.assessment.clone();
                if !self.destinations.is_empty() {
                    self.reports.insert(job, report);
                }
                let next = found.remedies.into_iter().map(|remedy| remedy.text).collect();
                row.state = RowState::Ended(Some(found.outcome), found.summary, next);
            }
            _ => {}
        }
    }

    /// One has ended; the next one is begun.
    pub(super) fn finished(&mut self, job: JobId, end: JobEnd, desk: &mut Desk<'_>) -> Vec<Command> {
        let Some(index) = self.jobs.remove(&job) else { return Vec::new() };
        self.queue.end(index);
        if let Some(row) = self.rows.get_mut(index) {
            let is_told = matches!(row.state, RowState::Ended(..));
            match end {
                // What is not on record is not claimed.
                JobEnd::Failed(problem) => {
                    let outcome = is_told.then_some(Outcome::Unknown);
                    row.state = RowState::Ended(outcome, problem.what, vec![problem.next_step]);
                }
                JobEnd::Cancelled if !is_told => {
                    let text = "Stopped before its end".to_owned();
                    row.state = RowState::Ended(Some(Outcome::Unknown), text, Vec::new());
                }
                JobEnd::Cancelled | JobEnd::Done { .. } => {}
            }
        }
        let certificate = self.certificate(job, index, desk);
        certificate.into_iter().chain(self.begin(desk)).collect()
    }

    /// Writes the certificate of one that has ended, where it is wanted and something was done.
    fn certificate(&mut self, job: JobId, index: usize, desk: &mut Desk<'_>) -> Option<Command> {
        let report = self.reports.remove(&job).filter(|report| is_due(report))?;
        let destination = self.destinations.get(index)?.clone();
        let form = Form::of_path(destination.path()).ok()?;
        let job = desk.jobs.start(JobKind::SaveCertificate, "Saving the certificate", desk.now);
        Some(Command::SaveCertificate { job, report, form, destination })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::app::jobs::Jobs;
    use crate::app::toasts::Toasts;
    use crate::model::ids::DriverId;
    use crate::profile::Catalog;

    fn marked(names: &[&str]) -> Vec<Marked> {
        let one = |name: &&str| Marked {
            link: LinkAddress::Serial(format!("/dev/{name}")),
            name: (*name).to_owned(),
            profile: Some(ProfileId::new("generic-linux")),
            driver: DriverId::LinuxConsole,
        };
        names.iter().map(one).collect()
    }

    /// Works on the list with what stands around it.
    pub(super) fn with<T>(jobs: &mut Jobs, work: impl FnOnce(&mut Desk<'_>) -> T) -> T {
        let (catalog, mut toasts) = (Catalog::built_in(), Toasts::default());
        work(&mut Desk { catalog: &catalog, jobs, toasts: &mut toasts, now: Instant::now() })
    }

    #[test]
    fn nothing_begins_before_each_serial_number_and_their_number_are_typed() {
        let (mut removals, mut jobs) = (Removals::default(), Jobs::default());
        let both = marked(&["a", "b"]);
        let mut act = |removals: &mut Removals, action| with(&mut jobs, |desk| removals.act(action, &both, desk));
        act(&mut removals, RemovalsAction::Opened);
        assert!(act(&mut removals, RemovalsAction::Started).is_empty());
        removals.rows[0].serial = "GW-1".into();
        removals.rows[1].serial = "GW-1".into();
        removals.typed = "2".into();
        assert_eq!(removals.lacks(), Some("Two of them have the same serial number"));
        removals.rows[1].serial = "GW-2".into();
        removals.typed = "3".into();
        assert!(act(&mut removals, RemovalsAction::Started).is_empty());
        removals.typed = " 2 ".into();
        let commands = act(&mut removals, RemovalsAction::Started);
        let serials: Vec<&str> = commands
            .iter()
            .map(|command| if let Command::Wipe { start, .. } = command { start.confirmed.as_str() } else { "" })
            .collect();
        assert_eq!(serials, ["GW-1", "GW-2"]);
        assert!(act(&mut removals, RemovalsAction::Started).is_empty(), "it runs already");
    }

    #[test]
    fn a_gateway_with_a_login_of_its_own_is_removed_by_it_and_the_others_by_the_shared_one() {
        let (mut removals, mut jobs) = (Removals::default(), Jobs::default());
        let all = marked(&["a", "b", "c"]);
        let mut act = |removals: &mut Removals, action| with(&mut jobs, |desk| removals.act(action, &all, desk));
        act(&mut removals, RemovalsAction::Opened);
        for (number, row) in removals.rows.iter_mut().enumerate() {
            row.serial = format!("GW-{number}");
        }
        (removals.username, removals.secret) = ("root".into(), Secret::new("shared".into()));
        for index in [1, 2] {
            act(&mut removals, RemovalsAction::OwnLogin(index));
        }
        removals.rows[1].own_login.as_mut().unwrap().secret = Secret::new("own".into());
        removals.rows[2].own_login = Some(OwnLogin { username: "kim".into(), secret: Secret::new("forgotten".into()) });
        // Taken away again, it takes along what was typed.
        act(&mut removals, RemovalsAction::OwnLogin(2));
        assert!(removals.rows[1].own_login.is_some() && removals.rows[2].own_login.is_none());
        removals.typed = "3".into();
        let commands = act(&mut removals, RemovalsAction::Started);
        let logins: Vec<(String, String)> = commands
            .iter()
            .map(|command| {
                let Command::Wipe { start, .. } = command else { panic!("only removals begin") };
                let access = &start.access;
                (access.username.clone().unwrap(), access.secret.as_ref().unwrap().expose().clone())
            })
            .collect();
        let expected = [("root", "shared"), ("root", "own"), ("root", "shared")];
        assert_eq!(logins, expected.map(|(name, secret)| (name.to_owned(), secret.to_owned())));
    }

    #[test]
    fn one_that_fails_never_stops_the_others() {
        let (mut removals, mut jobs) = (Removals::default(), Jobs::default());
        let names: Vec<String> = (0..10).map(|number| format!("g{number}")).collect();
        let all = marked(&names.iter().map(String::as_str).collect::<Vec<_>>());
        with(&mut jobs, |desk| removals.act(RemovalsAction::Opened, &all, desk));
        for (number, row) in removals.rows.iter_mut().enumerate() {
            row.serial = format!("GW-{number}");
        }
        removals.typed = "10".into();
        let begun = with(&mut jobs, |desk| removals.act(RemovalsAction::Started, &all, desk));
        assert_eq!(begun.len(), MAX_PARALLEL);
        let job = *removals.jobs.keys().next().unwrap();
        let failed = JobEnd::Failed(Problem::new("serial.busy", "It is busy", "b", "Close the other program"));
        let next = with(&mut jobs, |desk| removals.finished(job, failed, desk));
        assert_eq!(next.len(), 1, "the next one begins");
        let left = 9 - MAX_PARALLEL;
        assert_eq!(removals.tally().words(), format!("1 failed, {MAX_PARALLEL} running, {left} not begun"));
    }

    #[test]
    fn nothing_is_removed_before_the_certificates_are_known_to_find_a_place() {
        let (mut removals, mut jobs) = (Removals::default(), Jobs::default());
        let both = marked(&["a", "b"]);
        with(&mut jobs, |desk| removals.act(RemovalsAction::Opened, &both, desk));
        (removals.rows[0].serial, removals.rows[1].serial) = ("GW-1".into(), "GW-2".into());
        (removals.typed, removals.certificates) = ("2".into(), " /papers ".into());
        let mut start = |removals: &mut Removals| {
            let mut commands = with(&mut jobs, |desk| removals.act(RemovalsAction::Started, &both, desk));
            match (commands.pop(), commands.is_empty()) {
                (Some(Command::PrepareCertificates { folder, rows }), true) => (folder, rows),
                _ => panic!("the folder is looked at first, and nothing else is done"),
            }
        };
        let asked = (PathBuf::from("/papers"), vec![(1, "GW-1".to_owned()), (2, "GW-2".to_owned())]);
        assert_eq!(start(&mut removals), asked);
        assert!(removals.is_running());
        let full = Problem::new("files.exists", "The file is there", "b", "Choose another folder");
        let mut desk_jobs = Jobs::default();
        assert!(with(&mut desk_jobs, |desk| removals.prepared(Err(full), desk)).is_empty());
        assert!(!removals.is_begun() && removals.problem().is_some() && removals.typed == "2", "what was typed stays");
        start(&mut removals);
        let places = vec![Destination::file("/papers/1.html"), Destination::file("/papers/2.html")];
        let begun = with(&mut desk_jobs, |desk| removals.prepared(Ok(places), desk));
        assert!(begun.len() == 2 && removals.problem().is_none());
        assert!(begun.iter().all(|command| matches!(command, Command::Wipe { .. })));
    }

    /// Two that were begun: the first one refused, the second one at work. With their jobs.
    fn with_a_refused_one(jobs: &mut Jobs) -> (Removals, [JobId; 2]) {
        let mut removals = Removals::default();
        let both = marked(&["a", "b"]);
        with(jobs, |desk| removals.act(RemovalsAction::Opened, &both, desk));
        (removals.rows[0].serial, removals.rows[1].serial) = ("GW-1".into(), "GW-2".into());
        removals.typed = "2".into();
        let begun = with(jobs, |desk| removals.act(RemovalsAction::Started, &both, desk));
        let [Command::Wipe { job: first, .. }, Command::Wipe { job: second, .. }] = &begun[..] else {
            panic!("both begin")
        };
        let (first, second) = (*first, *second);
        let refused = JobEnd::Failed(Problem::new("wipe.refused", "Another gateway answers", "b", "Type it again"));
        with(jobs, |desk| removals.finished(first, refused, desk));
        (removals, [first, second])
    }

    #[test]
    fn a_refused_row_is_corrected_and_begun_again_while_the_others_go_on() {
        let mut jobs = Jobs::default();
        let (mut removals, [_, second]) = with_a_refused_one(&mut jobs);
        let mut act = |removals: &mut Removals, action| with(&mut jobs, |desk| removals.act(action, &[], desk));
        assert!(removals.is_correctable(0) && !removals.is_correctable(1));
        removals.rows[0].serial = "GW-2".into();
        assert_eq!(removals.lacks_in(0), Some("Another one has the same serial number"));
        assert!(act(&mut removals, RemovalsAction::BeganAgain(0)).is_empty());
        removals.rows[0].serial = "GW-3".into();
        act(&mut removals, RemovalsAction::ChoseProfile(0, ProfileId::new("generic-esp")));
        act(&mut removals, RemovalsAction::OwnLogin(0));
        removals.rows[0].own_login.as_mut().unwrap().secret = Secret::new("typed for it".into());
        act(&mut removals, RemovalsAction::ChoseGateway(0, marked(&["c"]).remove(0)));
        let begun = act(&mut removals, RemovalsAction::BeganAgain(0));
        let [Command::Wipe { start, job }] = &begun[..] else { panic!("it begins") };
        let (link, profile) = (LinkAddress::Serial("/dev/c".into()), ProfileId::new("generic-esp"));
        assert_eq!((start.confirmed.as_str(), &start.link, &start.profile), ("GW-3", &link, &profile));
        let sent = start.access.secret.as_ref().map(|secret| secret.expose().as_str());
        assert_eq!(sent, Some("typed for it"), "the login of the row goes along");
        assert_ne!(*job, second);
        assert!(act(&mut removals, RemovalsAction::BeganAgain(1)).is_empty(), "what runs isn't begun twice");
        assert_eq!(removals.tally().words(), "2 running");
    }

    #[test]
    fn a_row_that_is_taken_out_leaves_the_others_what_they_have() {
        let mut jobs = Jobs::default();
        let (mut removals, [_, second]) = with_a_refused_one(&mut jobs);
        with(&mut jobs, |desk| removals.act(RemovalsAction::TookOut(1), &[], desk));
        assert_eq!(removals.rows.len(), 2, "one that runs is not taken out");
        with(&mut jobs, |desk| removals.act(RemovalsAction::TookOut(0), &[], desk));
        let failed = JobEnd::Failed(Problem::new("serial.busy", "It is busy", "b", "Close the other program"));
        with(&mut jobs, |desk| removals.finished(second, failed, desk));
        let [row] = &removals.rows[..] else { panic!("one is left") };
        assert_eq!((row.serial.as_str(), removals.tally().words().as_str()), ("GW-2", "1 failed"));
    }

    #[test]
    fn the_certificate_of_a_corrected_row_bears_its_new_serial_number() {
        let mut jobs = Jobs::default();
        let (mut removals, _) = with_a_refused_one(&mut jobs);
        removals.certificates = "/papers".into();
        removals.destinations = vec![Destination::file("/papers/1.html"), Destination::file("/papers/2.html")];
        removals.rows[0].serial = "GW-3".into();
        let asked = with(&mut jobs, |desk| removals.act(RemovalsAction::BeganAgain(0), &[], desk));
        let [Command::PrepareCertificates { rows, .. }] = &asked[..] else { panic!("its place is looked at first") };
        assert_eq!(rows[..], [(1, "GW-3".to_owned())]);
        let taken = Problem::new("files.exists", "The file is there", "b", "Choose another folder");
        assert!(with(&mut jobs, |desk| removals.prepared(Err(taken), desk)).is_empty());
        assert!(removals.is_begun() && removals.problem().is_some(), "the others go on");
        with(&mut jobs, |desk| removals.act(RemovalsAction::BeganAgain(0), &[], desk));
        let place = Destination::file("/papers/1-GW-3.html");
        let begun = with(&mut jobs, |desk| removals.prepared(Ok(vec![place.clone()]), desk));
        assert!(matches!(begun[..], [Command::Wipe { .. }]));
        assert_eq!(removals.destinations[0].path(), place.path());
    }
}
