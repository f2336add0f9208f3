//! Asking ports and devices what they are: one after the other, a few at a time, and nobody that a person didn't mean.

use super::{Discover, display_name};
use crate::app::Desk;
use crate::app::jobs::{JobKind, Jobs};
use crate::model::act;
use crate::model::gateway::{Probe, Sighting};
use crate::model::ids::{JobId, LinkAddress, LinkKind};
use crate::msg::{Command, JobEnd};

/// Ports asked at the same time: enough to be quick, few enough to leave the command channel free.
const ASKED_AT_ONCE: usize = 8;

impl Discover {
    /// How many ports still wait to be asked.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many shown rows could be asked: present and not asked, or asked in vain.
    pub const fn askable(&self) -> usize {
        self.counts.askable
    }

    /// Counts the devices on the air anew where one of them came or went.
    pub(in crate::app) fn recount_if_stale(&mut self) {
        if std::mem::take(&mut self.stale.on_air) {
            let is_on_air = |row: &&Sighting| row.is_present && row.link.kind() == LinkKind::Ble;
            self.counts.on_air = self.rows().filter(is_on_air).count();
        }
    }

    pub(in crate::app) fn probed(&mut self, link: &LinkAddress, probe: Probe) {
        if let Probe::Answered(identity) = &probe {
            self.forget_if_taken_back(link, identity.state);
        }
        if let Some(row) = self.rows.get_mut(link) {
            row.probe = probe;
            self.stale.order = true;
        }
    }

    /// A probe ended; the answer came before. One that ended without an answer is not left hanging.
    pub(in crate::app) fn probe_finished(
        &mut self,
        link: &LinkAddress,
        end: JobEnd,
        desk: &mut Desk<'_>,
    ) -> Vec<Command> {
        self.stale.askable = true;
        if let Some(row) = self.rows.get_mut(link).filter(|row| row.probe == Probe::Asking) {
            row.probe = match end {
                JobEnd::Failed(problem) => Probe::Failed(problem),
                JobEnd::Done { .. } | JobEnd::Cancelled => Probe::NotAsked,
            };
        }
        self.ask_next(desk)
    }

    /// Asks those marked, else the one selected, else all: a question goes to nobody a person didn't mean. Where none of them can
    /// be asked, says why.
    pub(super) fn ask_selected(&mut self, desk: &mut Desk<'_>) {
        let meant: Vec<LinkAddress> = if self.marked.is_empty() {
            self.selected.iter().cloned().collect()
        } else {
            self.marked.iter().cloned().collect()
        };
        let links: Vec<LinkAddress> = if meant.is_empty() {
            self.askable_links().cloned().collect()
        } else {
            meant.iter().filter(|link| self.why_not_asked(link).is_none()).cloned().collect()
        };
        if links.is_empty() {
            desk.toasts.note(self.nothing_to_ask(&meant), desk.now);
        }
        self.enqueue(links);
    }

    fn nothing_to_ask(&self, meant: &[LinkAddress]) -> String {
        match meant {
            [] => "No gateway is left to query".to_owned(),
            [link] => {
                let name = self.row(link).map_or_else(|| link.to_string().into(), display_name);
                format!("{name} can't be queried: {}", self.why_not_asked(link).unwrap_or_default())
            }
            several => format!("None of the {} gateways selected can be queried", several.len()),
        }
    }

    fn why_not_asked(&self, link: &LinkAddress) -> Option<&'static str> {
        self.row(link).map_or(Some("it isn't there now"), why_not_asked)
    }

    pub(super) fn askable_links(&self) -> impl Iterator<Item = &LinkAddress> {
        self.shown.iter().filter(|link| self.row(link).is_some_and(is_askable))
    }

    pub(super) fn enqueue(&mut self, links: impl IntoIterator<Item = LinkAddress>) {
        for link in links {
            if !self.waiting.contains(&link) && self.rows.get(&link).is_some_and(|row| row.probe != Probe::Asking) {
                self.waiting.push_back(link);
            }
        }
    }

    pub(super) fn ask_next(&mut self, desk: &mut Desk<'_>) -> Vec<Command> {
        let mut commands = Vec::new();
        while desk.jobs.probes() < ASKED_AT_ONCE
            && let Some(link) = self.waiting.pop_front()
        {
            if let Some(row) = self.rows.get_mut(&link) {
                row.probe = Probe::Asking;
                self.stale.askable = true;
                let label = act::named("probe", link.place());
                let job = desk.jobs.start(JobKind::Probe(link.clone()), label, desk.now);
                commands.push(Command::Probe { job, link });
            }
        }
        commands
    }

    pub(super) fn stop_asking(&mut self, desk: &Desk<'_>) -> Vec<Command> {
        self.waiting.clear();
        let probes = desk.jobs.iter().filter(|job| matches!(job.kind, JobKind::Probe(_)));
        probes.map(|job| Command::Cancel { job: job.id }).collect()
    }
}

/// Whether a row can be asked at all: a port, or a device on the air that says it speaks Improv.
pub fn can_be_asked(row: &Sighting) -> bool {
    match row.link.kind() {
        LinkKind::Serial => true,
        LinkKind::Ble => {
            // Improv alone puts its state into its advertisement.
            row.heard.as_ref().is_some_and(|heard| heard.state.is_some())
                || row.profile.as_ref().is_some_and(|guess| guess.driver.facts().offers.asking)
        }
        LinkKind::Http | LinkKind::Udp => false,
    }
}

/// Why a row can't be asked now; nothing where it can.
pub fn why_not_asked(row: &Sighting) -> Option<&'static str> {
    match row.link.kind() {
        _ if !row.is_present => Some("it isn't there now"),
        _ if row.probe == Probe::Asking => Some("it is being queried"),
        _ if can_be_asked(row) => None,
        LinkKind::Ble => Some("over Bluetooth only gateways that speak Improv answer. Connect to it instead"),
        LinkKind::Serial | LinkKind::Http | LinkKind::Udp => {
            Some("over this link no question is harmless. Connect to it instead")
        }
    }
}

/// Only ports are asked with all the others: over Bluetooth a question takes a connection, which is a click for each. The
/// question is put in Improv: a gateway that speaks something else, such as a login console, is spared it.
pub(super) fn is_askable(row: &Sighting) -> bool {
    row.link.kind() == LinkKind::Serial
        && row.is_present
        && matches!(row.probe, Probe::NotAsked | Probe::Failed(_))
        && row.profile.as_ref().is_none_or(|guess| guess.driver.facts().offers.asking)
}

/// The job that asks a port at the moment.
pub fn asking_job(jobs: &Jobs, link: &LinkAddress) -> Option<JobId> {
    jobs.iter().find(|job| matches!(&job.kind, JobKind::Probe(asked) if asked == link)).map(|job| job.id)
}
