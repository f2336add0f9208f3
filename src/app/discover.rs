//! Discover: the ports and gateways there are, what is known of each, and asking them what they are.
//!
//! Rows are told apart by their link, never by their place in the list. Nothing is sent to a port unless a person asks.

mod arrange;
mod asking;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

pub use self::asking::{asking_job, can_be_asked, why_not_asked};
use super::Desk;
use super::batch::Marked;
use crate::model::gateway::{DeviceInfo, Identity, Probe, ProvisioningState, Sighting};
use crate::model::ids::{DriverId, LinkAddress, LinkKind};
use crate::model::order::place_of_kind;
use crate::model::outcome::Verdict;
use crate::model::problem::Problem;
use crate::model::record::JobRecord;
use crate::model::same::{Gateway, Marks, Proof, Seen, Ties};
use crate::model::standing::{Done, Stand, failed_at, is_named_in, remembered, stand, takes_back};
use crate::model::text::visible;
use crate::model::word::{Word as _, words};
use crate::msg::Command;
use crate::profile::Catalog;

/// How far back the strength of a device is shown.
pub const HISTORY: Duration = Duration::from_mins(1);
/// How far apart the points of that are.
const HISTORY_STEP: Duration = Duration::from_secs(1);

/// Which kinds of rows are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// All of them.
    #[default]
    All,
    /// Ports.
    Serial,
    /// Devices that were heard.
    Bluetooth,
}

/// When a device was heard, and how strongly in the last minute.
#[derive(Clone, Debug)]
pub struct Hearing {
    /// When it was heard last.
    pub last: Instant,
    /// The strengths in dBm, oldest first, at most one a second.
    pub strengths: VecDeque<(Instant, i16)>,
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListLine {
    /// The head of what the open site expects.
    Expected {
        /// How many are expected.
        count: usize,
        /// How many of them are not here.
        missing: usize,
    },
    /// The head of what is here beside that.
    Found(usize),
    /// A gateway, by its place among those shown.
    Row(usize),
    /// A gateway that the site expects and that is not here.
    Missing(String),
}

words! {
    /// What the list is ordered by.
    SortKey {
        /// The link: the order that does not change when a gateway tells its name.
        Link = "link",
        /// The name of the gateway or port.
        Name = "name",
        /// The profile it looks like; ports without one last.
        Profile = "profile",
        /// How it stands: what needs somebody first.
        State = "state",
    }
}

#[expect(clippy::derivable_impls, reason = "a macro makes the enum")]
impl Default for SortKey {
    fn default() -> Self {
        Self::Link
    }
}

/// What the user did on Discover.
pub enum DiscoverAction {
    /// Chose a row.
    Selected(LinkAddress),
    /// Marked a row for a batch, or took the mark away.
    Marked(LinkAddress),
    /// Went on to a row and marked it beside those marked before.
    Extended(LinkAddress),
    /// Went on to a row; what is marked stays so, and the row left is marked where none was.
    Moved(LinkAddress),
    /// Marked all rows from the selected one to this.
    MarkedTo(LinkAddress),
    /// Marked all rows that are shown and present.
    MarkedAll,
    /// Took all marks away.
    ClearedMarks,
    /// Changed the text of the filter.
    FilterChanged,
    /// Chose which kinds of rows to show.
    Showed(Shown),
    /// Switched the Bluetooth scan on or off.
    SwitchedBluetooth(bool),
    /// Chose an order.
    SortedBy(SortKey),
    /// Asked a port what it is.
    Asked(LinkAddress),
    /// Asked the gateways that are selected; all of them where none is.
    AskedSelected,
    /// Asked all ports that were not asked yet.
    AskedAll,
    /// Stopped asking.
    StoppedAsking,
    /// Added the typed path.
    AddedPath,
    /// Chose by which of its links a gateway is reached.
    Used(LinkAddress),
    /// Took a typed path away.
    RemovedPath(LinkAddress),
}

impl DiscoverAction {
    /// Whether it changes which rows are marked, or takes the detail back to one gateway.
    pub(super) const fn is_marking(&self) -> bool {
        matches!(
            self,
            Self::Selected(_)
                | Self::Marked(_)
                | Self::Extended(_)
                | Self::Moved(_)
                | Self::MarkedTo(_)
                | Self::MarkedAll
                | Self::ClearedMarks
                | Self::Used(_)
        )
    }
}

/// The view model of Discover.
#[derive(Default)]
pub struct Discover {
    /// Text that rows have to hold; edited in place.
    pub filter: String,
    /// The path being typed; edited in place.
    pub typed_path: String,
    /// The pointer is over the rows: none moves meanwhile. Set by the screen.
    pub is_held: bool,
    /// What is wrong with the typed path.
    pub path_error: Option<String>,
    /// Why ports cannot be listed.
    pub trouble: Option<Problem>,
    /// Why the radio cannot be used.
    pub radio_trouble: Option<Problem>,
    rows: BTreeMap<LinkAddress, Sighting>,
    /// What this program did with gateways since they were plugged in or heard.
    done: BTreeMap<LinkAddress, Done>,
    /// What this program is at with gateways, or will be: meanwhile it stands before what was done.
    under_way: BTreeMap<LinkAddress, Done>,
    /// At which links a batch failed, since they were plugged in or heard: the code and what happened.
    failed: BTreeMap<LinkAddress, (String, String)>,
    /// What was last done with a gateway over each link, by the records of earlier runs.
    past: BTreeMap<LinkAddress, JobRecord>,
    hearings: BTreeMap<LinkAddress, Hearing>,
    /// What gateways reported of themselves, by link.
    marks: BTreeMap<LinkAddress, Marks>,
    /// Which links lead to the same gateway.
    ties: Ties,
    /// The links that were chosen where a gateway has several.
    used: BTreeSet<LinkAddress>,
    kinds: Shown,
    shown: Vec<LinkAddress>,
    lines: Vec<ListLine>,
    sort: SortKey,
    selected: Option<LinkAddress>,
    marked: BTreeSet<LinkAddress>,
    waiting: VecDeque<LinkAddress>,
    counts: Counts,
    stale: Stale,
}

/// What has to be found out anew before the next frame: each costs a walk over all rows.
#[derive(Clone, Copy, Debug, Default)]
struct Stale {
    /// Which rows are shown, and in which order.
    order: bool,
    /// Which links lead to the same gateway; found out with the order.
    ties: bool,
    /// A row came since the list was put in order.
    has_new_rows: bool,
    /// How many shown rows can be asked.
    askable: bool,
    /// How many devices are heard.
    on_air: bool,
}

/// What is told of all rows: found out when one of them changed, not in each frame.
#[derive(Clone, Debug, Default)]
struct Counts {
    /// How many shown rows can be asked.
    askable: usize,
    /// How many devices are heard.
    on_air: usize,
    /// The longest name shown.
    longest_name: String,
}

impl Discover {
    /// The links of the rows to show, filtered and in order.
    pub fn shown(&self) -> &[LinkAddress] {
        &self.shown
    }

    /// The same with the heads of its sections, and the gateways that are missing.
    pub fn lines(&self) -> &[ListLine] {
        &self.lines
    }

    /// What the list is held to changed.
    pub(super) const fn site_changed(&mut self) {
        self.rearrange();
    }

    /// What is known behind a link.
    pub fn row(&self, link: &LinkAddress) -> Option<&Sighting> {
        self.rows.get(link)
    }

    /// All rows in the order of their links.
    pub fn rows(&self) -> impl Iterator<Item = &Sighting> {
        self.rows.values()
    }

    /// The links that lead to the gateway behind this one, with what shows it; nothing where it has this link alone.
    pub fn links_of(&self, link: &LinkAddress) -> Option<(&[LinkAddress], Proof)> {
        self.ties.of_link(link).map(|gateway| (gateway.links.as_slice(), gateway.proof))
    }

    /// Whether the gateway behind a link is the one selected, by whichever of its links.
    pub fn is_selected(&self, link: &LinkAddress) -> bool {
        let is_it = |link: &LinkAddress| self.selected.as_ref() == Some(link);
        is_it(link) || self.ties.beside(link).any(is_it)
    }

    /// The line of the list that shows the gateway selected.
    pub fn chosen_line(&self) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        let links: Vec<&LinkAddress> = std::iter::once(selected).chain(self.ties.beside(selected)).collect();
        let place = self.shown.iter().position(|link| links.contains(&link))?;
        self.lines.iter().position(|line| *line == ListLine::Row(place))
    }

    /// Whether a gateway is shown by this link: the one a person is at or chose, else the first that is there.
    pub fn is_face(&self, link: &LinkAddress) -> bool {
        self.ties.of_link(link).is_none_or(|gateway| self.face(gateway) == Some(link))
    }

    fn face<'a>(&self, gateway: &'a Gateway) -> Option<&'a LinkAddress> {
        let of_kind = |link: &LinkAddress| place_of_kind(link.kind());
        let is_gone = |link: &LinkAddress| !self.row(link).is_some_and(|row| row.is_present);
        let is_selected = |link: &LinkAddress| self.selected.as_ref() == Some(link);
        let rank = |link: &LinkAddress| (is_gone(link), !is_selected(link), !self.used.contains(link), of_kind(link));
        gateway.links.iter().min_by_key(|link| rank(link))
    }

    /// What a gateway told of itself, as far as it did.
    pub(super) fn marks_of(&self, link: &LinkAddress) -> Option<&Marks> {
        self.marks.get(link)
    }

    /// The gateway behind the link reported what no other one has.
    pub(super) fn learn(&mut self, link: &LinkAddress, marks: Marks) {
        self.marks.entry(link.clone()).or_default().learn(marks);
        (self.stale.order, self.stale.ties) = (true, true);
    }

    /// Reaches a gateway by another of its links.
    fn use_link(&mut self, link: LinkAddress) {
        for other in self.ties.beside(&link) {
            self.used.remove(other);
            if self.marked.remove(other) {
                self.marked.insert(link.clone());
            }
        }
        self.used.insert(link.clone());
        self.selected = Some(link);
        self.rearrange();
    }

    /// How many rows there are, shown or not.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many devices are heard at the moment.
    pub const fn on_air(&self) -> usize {
        self.counts.on_air
    }

    /// The longest name among the rows shown.
    pub fn longest_name(&self) -> &str {
        &self.counts.longest_name
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How a gateway stands.
    pub fn stand(&self, row: &Sighting) -> Stand {
        let beside = || self.ties.beside(&row.link).find_map(|link| self.done_over(self.row(link)?));
        let stand = stand(row, self.done_over(row).or_else(beside));
        match self.failed.get(&row.link) {
            Some((code, summary)) => failed_at(stand, code, summary),
            None => stand,
        }
    }

    /// What was last done over a link with the gateway there.
    fn done_over(&self, row: &Sighting) -> Option<Done> {
        let own = self.under_way.get(&row.link).or_else(|| self.done.get(&row.link));
        own.copied().or_else(|| remembered(row, self.past.get(&row.link)?))
    }

    /// When a device was heard, and how strongly.
    pub fn hearing(&self, link: &LinkAddress) -> Option<&Hearing> {
        self.hearings.get(link)
    }

    /// Which kinds of rows are shown.
    pub const fn kinds(&self) -> Shown {
        self.kinds
    }

    /// The chosen row.
    pub const fn selected(&self) -> Option<&LinkAddress> {
        self.selected.as_ref()
    }

    /// Whether a row is marked for a batch.
    pub fn is_marked(&self, link: &LinkAddress) -> bool {
        self.marked.contains(link)
    }

    /// The rows that are marked, shown or not.
    pub(super) const fn marked_links(&self) -> &BTreeSet<LinkAddress> {
        &self.marked
    }

    /// How many rows are marked, shown or not.
    pub fn marked(&self) -> usize {
        self.marked.len()
    }

    /// How many shown rows could be marked and are not.
    pub fn markable(&self) -> usize {
        self.markable_links().count()
    }

    fn markable_links(&self) -> impl Iterator<Item = &LinkAddress> {
        self.shown.iter().filter(|link| self.is_present(link)).filter(|link| !self.marked.contains(*link))
    }

    /// Marks a row beside the one selected, or takes its mark away.
    fn mark(&mut self, link: LinkAddress) {
        if self.marked.is_empty() {
            let selected = self.selected.clone().filter(|selected| *selected != link);
            self.marked.extend(selected.filter(|link| self.is_present(link)));
        }
        if !self.marked.remove(&link) {
            self.marked.insert(link);
        }
    }

    /// Marks the rows from the selected one to this, and those alone.
    fn mark_to(&mut self, link: &LinkAddress) {
        let place = |wanted: &LinkAddress| self.shown.iter().position(|shown| shown == wanted);
        let Some(to) = place(link) else { return };
        let from = self.selected.as_ref().and_then(place).unwrap_or(to);
        let between = &self.shown[from.min(to)..=from.max(to)];
        self.marked = between.iter().filter(|link| self.is_present(link)).cloned().collect();
    }

    fn is_present(&self, link: &LinkAddress) -> bool {
        self.row(link).is_some_and(|row| row.is_present)
    }

    /// The marked gateways that are there, by name; no name twice.
    pub(super) fn marked_gateways(&self, catalog: &Catalog) -> Vec<Marked> {
        self.gateways_at(self.marked.iter(), catalog)
    }

    /// All gateways that are there, as [`Marked`] has them.
    pub fn present_gateways(&self, catalog: &Catalog) -> Vec<Marked> {
        self.gateways_at(self.rows().filter(|row| self.is_face(&row.link)).map(|row| &row.link), catalog)
    }

    fn gateways_at<'a>(&self, links: impl Iterator<Item = &'a LinkAddress>, catalog: &Catalog) -> Vec<Marked> {
        let mut names = BTreeSet::new();
        let mut taken = Vec::new();
        for link in links {
            let Some(row) = self.rows.get(link).filter(|row| row.is_present) else { continue };
            let mut name = display_name(row).into_owned();
            if !names.insert(name.clone()) {
                name = format!("{name}, {}", link.place());
                names.insert(name.clone());
            }
            let profile = row.profile.as_ref().map(|guess| guess.profile.clone());
            let answered = match &row.probe {
                Probe::Answered(identity) => Some(identity.driver),
                Probe::NotAsked | Probe::Asking | Probe::Failed(_) => None,
            };
            let of_profile = profile.as_ref().and_then(|id| {
                let mut drivers = catalog.drivers_for(id, link.kind()).map(|binding| binding.driver);
                drivers.find(|driver| driver.is_available_over(link.kind()))
            });
            let driver = answered.or(of_profile).unwrap_or_else(|| DriverId::usual_over(link.kind()));
            taken.push(Marked { link: link.clone(), name, profile, driver });
        }
        taken
    }

    /// What a gateway is called, with its link where another one that is there is called so, too.
    pub fn name_of(&self, link: &LinkAddress) -> String {
        let Some(row) = self.row(link) else { return link.to_string() };
        let name = display_name(row);
        let is_another =
            |other: &&Sighting| other.link != *link && !self.ties.beside(link).any(|tied| *tied == other.link);
        let has_twin = self.rows().filter(is_another).any(|other| other.is_present && display_name(other) == name);
        if has_twin { format!("{name}, {}", link.place()) } else { name.into_owned() }
    }

    /// The order of the list.
    pub const fn sort(&self) -> SortKey {
        self.sort
    }

    pub(super) fn act(&mut self, action: DiscoverAction, desk: &mut Desk<'_>) -> Vec<Command> {
        match action {
            DiscoverAction::Selected(link) => {
                self.marked.clear();
                self.selected = Some(link);
            }
            DiscoverAction::Marked(link) => self.mark(link),
            DiscoverAction::Extended(link) => {
                let both = [self.selected.replace(link.clone()), Some(link)];
                let present: Vec<LinkAddress> =
                    both.into_iter().flatten().filter(|link| self.is_present(link)).collect();
                self.marked.extend(present);
            }
            DiscoverAction::Moved(link) => {
                if self.marked.is_empty() {
                    self.marked.extend(self.selected.clone().filter(|link| self.is_present(link)));
                }
                self.selected = Some(link);
            }
            DiscoverAction::MarkedTo(link) => self.mark_to(&link),
            DiscoverAction::MarkedAll => {
                let all: Vec<LinkAddress> = self.markable_links().cloned().collect();
                self.marked.extend(all);
            }
            DiscoverAction::ClearedMarks => self.marked.clear(),
            DiscoverAction::FilterChanged => self.rearrange(),
            DiscoverAction::Showed(kinds) => {
                self.kinds = kinds;
                self.rearrange();
            }
            // The app keeps the switch: it is a setting.
            DiscoverAction::SwitchedBluetooth(_) => {}
            DiscoverAction::SortedBy(key) => {
                self.sort = key;
                self.rearrange();
            }
            DiscoverAction::Asked(link) => self.enqueue([link]),
            DiscoverAction::AskedSelected => self.ask_selected(desk),
            DiscoverAction::AskedAll => {
                let askable: Vec<LinkAddress> = self.askable_links().cloned().collect();
                self.enqueue(askable);
            }
            DiscoverAction::StoppedAsking => return self.stop_asking(desk),
            DiscoverAction::Used(link) => self.use_link(link),
            DiscoverAction::AddedPath => return self.add_path(),
            DiscoverAction::RemovedPath(link) => return vec![Command::RemovePort(link)],
        }
        self.ask_next(desk)
    }

    /// Orders the list as it was ordered in an earlier run.
    pub(super) fn order_by(&mut self, word: &str) {
        self.sort = SortKey::ALL.iter().copied().find(|key| key.as_str() == word).unwrap_or_default();
        self.stale.order = true;
    }

    /// This program did something with a gateway, is at it or will be; or what it did counts no more.
    pub(super) fn did(&mut self, link: &LinkAddress, done: Option<Done>) {
        self.left(link);
        self.failed.remove(link);
        match done {
            Some(done @ (Done::Queued | Done::SettingUp)) => drop(self.under_way.insert(link.clone(), done)),
            Some(done) => drop(self.done.insert(link.clone(), done)),
            None => drop(self.done.remove(link)),
        }
    }

    /// A batch failed at a gateway.
    pub(super) fn failed(&mut self, link: &LinkAddress, code: &str, summary: &str) {
        self.left(link);
        self.failed.insert(link.clone(), (code.to_owned(), summary.to_owned()));
    }

    /// This program is no longer at a gateway: it stands as before.
    pub(super) fn left(&mut self, link: &LinkAddress) {
        self.under_way.remove(link);
        self.stale.order = true;
    }

    /// The jobs on record, newest first: what is known of gateways from before.
    pub(super) fn remember(&mut self, jobs: &[JobRecord]) {
        self.past.clear();
        for job in jobs.iter().filter(|job| Done::by(job).is_some()) {
            if let Ok(link) = job.intent.link.parse() {
                self.past.entry(link).or_insert_with(|| job.clone());
            }
        }
        self.stale.order = true;
    }

    /// A message came on that topic: of a gateway that joined and is named in it, it shows that it is in service.
    pub(super) fn heard_from(&mut self, link: &LinkAddress, name: &str, topic: &str) {
        if is_named_in(topic, name) {
            self.is_in_service(link);
        }
    }

    /// A message of a gateway that joined came.
    pub(super) fn is_in_service(&mut self, link: &LinkAddress) {
        if let Some(done) = self.done.get_mut(link).filter(|done| **done == Done::Pushed(Verdict::Joined)) {
            *done = Done::InService;
            self.stale.order = true;
        }
    }

    /// A batch ended: it comes to nobody any more.
    pub(super) fn unqueue(&mut self) {
        self.under_way.retain(|_, done| *done != Done::Queued);
        self.stale.order = true;
    }

    /// A session found nobody there.
    pub(super) fn did_not_answer(&mut self, link: &LinkAddress, problem: &Problem) {
        let row = self.rows.get_mut(link).filter(|row| matches!(row.probe, Probe::NotAsked | Probe::Failed(_)));
        if let Some(row) = row {
            row.probe = Probe::Failed(problem.clone());
            self.stale.order = true;
        }
    }

    /// A session ended. What it had begun and told no end of is unknown.
    pub(super) fn session_ended(&mut self, link: &LinkAddress) {
        if self.under_way.get(link) == Some(&Done::SettingUp) {
            self.did(link, Some(Done::Pushed(Verdict::Unknown)));
        }
    }

    /// A gateway told in a session what it is and how it stands.
    pub(super) fn told(
        &mut self,
        link: &LinkAddress,
        driver: DriverId,
        info: Option<DeviceInfo>,
        state: ProvisioningState,
    ) {
        self.forget_if_taken_back(link, state);
        let Some(row) = self.rows.get_mut(link) else { return };
        let known = match &row.probe {
            Probe::Answered(identity) => identity.info.clone(),
            Probe::NotAsked | Probe::Asking | Probe::Failed(_) => None,
        };
        row.probe = Probe::Answered(Identity { driver, info: info.or(known), state });
        self.stale.order = true;
    }

    fn forget_if_taken_back(&mut self, link: &LinkAddress, state: ProvisioningState) {
        let links = self.ties.of_link(link).map_or(std::slice::from_ref(link), |gateway| &gateway.links);
        for link in links {
            if self.done.get(link).is_some_and(|done| takes_back(*done, state)) {
                self.done.remove(link);
            }
        }
    }

    pub(super) fn seen(&mut self, mut sighting: Sighting, now: Instant) {
        self.note_advertised_state(&sighting);
        if let Some(heard) = &sighting.heard {
            self.note_strength(&sighting.link, heard.rssi_dbm, now);
        }
        let old = self.rows.get(&sighting.link);
        self.stale.has_new_rows |= old.is_none();
        match sighting.link.kind() {
            LinkKind::Serial => self.stale.askable = true,
            LinkKind::Ble => self.stale.on_air |= old.is_none_or(|old| !old.is_present),
            LinkKind::Http | LinkKind::Udp => {}
        }
        let marks = self.marks.get(&sighting.link);
        self.stale.ties |= match old {
            Some(old) => old.facts != sighting.facts,
            None => !self.ties.takes(Seen { link: &sighting.link, facts: &sighting.facts, marks }),
        };
        // How strongly it is heard changes nothing about where it stands in the list.
        self.stale.order |= self.stale.ties
            || old.is_none_or(|old| {
                old.heard.is_none()
                    || !old.is_present
                    || old.profile != sighting.profile
                    || display_name(old) != display_name(&sighting)
            });
        if let Some(old) = old {
            // A port that went away and came back may carry another gateway: its old answer counts no more.
            if old.is_present && sighting.probe == Probe::NotAsked {
                sighting.probe.clone_from(&old.probe);
            }
        }
        self.rows.insert(sighting.link.clone(), sighting);
    }

    /// An advertisement may lag behind a join by some seconds: it takes the join back only once it had agreed with it.
    fn note_advertised_state(&mut self, sighting: &Sighting) {
        let state = |row: &Sighting| row.heard.as_ref().and_then(|heard| heard.state);
        let before = self.rows.get(&sighting.link).and_then(state);
        if let (Some(ProvisioningState::Provisioned), Some(now)) = (before, state(sighting)) {
            self.forget_if_taken_back(&sighting.link, now);
        }
    }

    fn note_strength(&mut self, link: &LinkAddress, rssi_dbm: Option<i16>, now: Instant) {
        let new = || Hearing { last: now, strengths: VecDeque::new() };
        let hearing = self.hearings.entry(link.clone()).or_insert_with(new);
        hearing.last = now;
        let strengths = &mut hearing.strengths;
        let is_old = |then: &Instant| now.saturating_duration_since(*then) > HISTORY;
        while strengths.front().is_some_and(|(then, _)| is_old(then)) {
            strengths.pop_front();
        }
        let is_new = strengths.back().is_none_or(|(then, _)| now.saturating_duration_since(*then) >= HISTORY_STEP);
        if let (true, Some(rssi_dbm)) = (is_new, rssi_dbm) {
            strengths.push_back((now, rssi_dbm));
        }
    }

    pub(super) fn gone(&mut self, link: &LinkAddress) {
        (self.stale.askable, self.stale.on_air) = (true, true);
        if let Some(row) = self.rows.get_mut(link) {
            row.is_present = false;
        }
        // What is plugged in at this path next is another gateway; a device keeps its address.
        if link.kind() == LinkKind::Serial {
            self.under_way.remove(link);
            self.done.remove(link);
            self.failed.remove(link);
            self.stale.ties |= self.marks.remove(link).is_some();
        }
        // Another of its links may stand for it now.
        self.stale.order |= self.stale.ties || self.ties.of_link(link).is_some();
        self.marked.remove(link);
        self.waiting.retain(|waiting| waiting != link);
    }

    pub(super) fn removed(&mut self, link: &LinkAddress) {
        self.rows.remove(link);
        self.under_way.remove(link);
        self.done.remove(link);
        self.failed.remove(link);
        self.marks.remove(link);
        self.used.remove(link);
        self.hearings.remove(link);
        self.marked.remove(link);
        self.waiting.retain(|waiting| waiting != link);
        self.selected.take_if(|selected| selected == link);
        (self.stale.order, self.stale.ties, self.stale.on_air) = (true, true, true);
    }

    /// A person wants another order or choice: now, wherever the pointer is.
    const fn rearrange(&mut self) {
        self.stale.order = true;
        self.is_held = false;
    }

    /// Whether a person is at a gateway, or something was done with it.
    pub(super) fn is_of_interest(&self, link: &LinkAddress) -> bool {
        self.selected.as_ref() == Some(link) || self.done.contains_key(link) || self.under_way.contains_key(link)
    }

    /// Nothing is selected any more.
    pub(super) fn deselect(&mut self) {
        self.selected = None;
        self.marked.clear();
    }

    fn add_path(&mut self) -> Vec<Command> {
        match self.typed_path.trim().parse::<LinkAddress>() {
            Ok(link) => {
                self.typed_path.clear();
                self.path_error = None;
                self.selected = Some(link.clone());
                vec![Command::AddPort(link)]
            }
            Err(error) => {
                self.path_error = Some(error.to_string());
                Vec::new()
            }
        }
    }
}

/// What the gateway calls itself, if it told.
pub fn own_name(row: &Sighting) -> Option<&str> {
    let told = match &row.probe {
        Probe::Answered(identity) => identity.info.as_ref().map(|info| info.name.as_str()),
        Probe::NotAsked | Probe::Asking | Probe::Failed(_) => None,
    };
    told.filter(|name| !name.is_empty())
}

/// The best name there is: what the gateway calls itself, else what its USB adapter does, else the port.
pub fn display_name(row: &Sighting) -> Cow<'_, str> {
    let name = own_name(row).or(row.facts.product.as_deref());
    let heard = || row.heard.as_ref().and_then(|heard| heard.name.as_deref()).map(|name| visible(name, 60));
    name.map_or_else(|| heard().unwrap_or_else(|| port_name(&row.link)).into(), Cow::Borrowed)
}

/// The name of the profile a row looks like.
pub fn profile_name(row: &Sighting, catalog: &Catalog) -> Option<String> {
    let guess = row.profile.as_ref()?;
    Some(catalog.get(&guess.profile).map_or_else(|| guess.profile.to_string(), |profile| profile.name.clone()))
}

fn port_name(link: &LinkAddress) -> String {
    let place = link.place();
    match link.kind() {
        LinkKind::Serial => format!("Serial port {}", place.rsplit('/').next().unwrap_or(place)),
        LinkKind::Ble => "Bluetooth device".to_owned(),
        LinkKind::Http | LinkKind::Udp => format!("Gateway at {place}"),
    }
}
