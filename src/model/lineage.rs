//! Which jobs on record are about the same gateway, and where its lives end.
//!
//! A serial number, a hardware address or the id of a system ties two jobs for sure; equal names at the same port are only
//! likely the same gateway, and that is said. A removal ends a life: a gateway that is set up again afterwards begins a new one,
//! which links to the old one and never goes on with it.

use serde::Serialize;
use serde_json::Value;

use super::ids::{LinkAddress, LinkKind};
use super::mac;
use super::mark::is_same;
use super::record::{EntryRecord, JobHistory, JobRecord, Origin, RecordId};
use super::word::words;

words! {
    /// What ties a job to a gateway, the surest first.
    Tie {
        /// The same serial number.
        SerialNumber = "serial-number",
        /// The same hardware address.
        Mac = "mac",
        /// The same id of its system.
        DeviceId = "device-id",
        /// The same name at the same port: another gateway may be called so.
        NameAndLink = "name-and-link",
        /// The same name alone.
        Name = "name",
        /// The same port alone, where no other gateway was seen at it.
        Link = "link",
    }
}

impl Tie {
    /// Whether nothing but the same gateway can be meant.
    pub const fn is_sure(self) -> bool {
        matches!(self, Self::SerialNumber | Self::Mac | Self::DeviceId)
    }

    /// What is the same, in words.
    pub const fn label(self) -> &'static str {
        match self {
            Self::SerialNumber => "serial number",
            Self::Mac => "hardware address",
            Self::DeviceId => "system id",
            Self::NameAndLink => "name and port",
            Self::Name => "name",
            Self::Link => "port",
        }
    }
}

/// What jobs say of their gateway, so that it is known again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownBy {
    /// Serial numbers; more than one only where a gateway was given another.
    pub serials: Vec<String>,
    /// Hardware addresses, as people write them.
    pub macs: Vec<String>,
    /// Ids of its system.
    pub systems: Vec<String>,
    /// Names it told or was given.
    pub names: Vec<String>,
    /// Links it was reached over.
    pub links: Vec<String>,
}

impl KnownBy {
    /// What one job says.
    pub fn of(job: &JobHistory) -> Self {
        let mut marks = Self::default();
        let intent = &job.job.intent;
        let link: Option<LinkAddress> = intent.link.parse().ok().filter(|_| is_link(&intent.link));
        if let Some(link) = &link {
            // A port of another computer is another port.
            let at = job.job.origin.as_ref().map_or_else(String::new, |origin| format!(" at {}", origin.computer));
            add(&mut marks.links, format!("{link}{at}"));
            if link.kind() == LinkKind::Ble {
                add_mac(&mut marks.macs, link.place());
            }
        }
        let is_a_name = |name: &str| !name.is_empty() && link.as_ref().is_none_or(|link| link.place() != name);
        if is_a_name(&intent.gateway) && has_gateway(&job.job) {
            add(&mut marks.names, intent.gateway.clone());
        }
        if let Some(name) = job.job.row_name.as_deref().filter(|name| is_a_name(name)) {
            add(&mut marks.names, name.to_owned());
        }
        for entry in &job.entries {
            marks.take(entry, is_a_name);
        }
        marks
    }

    fn take(&mut self, entry: &EntryRecord, is_a_name: impl Fn(&str) -> bool) {
        let is_told =
            matches!((entry.step.as_str(), entry.outcome.as_str()), ("describe" | "identity" | "known", "done"));
        if !is_told {
            return;
        }
        let text =
            |key: &str| entry.detail.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
        if let Some(serial) = text("serial") {
            add(&mut self.serials, serial.to_owned());
        }
        if let Some(system) = text("machine") {
            add(&mut self.systems, system.to_owned());
        }
        if let Some(name) = text("name").filter(|name| is_a_name(name)) {
            add(&mut self.names, name.to_owned());
        }
        if let Some(mac) = text("mac") {
            add_mac(&mut self.macs, mac);
        }
    }

    /// Takes in what another job says of the same gateway.
    fn join(&mut self, other: &Self) {
        let pairs = [
            (&mut self.serials, &other.serials),
            (&mut self.macs, &other.macs),
            (&mut self.systems, &other.systems),
            (&mut self.names, &other.names),
            (&mut self.links, &other.links),
        ];
        for (own, theirs) in pairs {
            for mark in theirs {
                add(own, mark.clone());
            }
        }
    }

    /// What ties this to another job by more than a guess, or by name and port; nothing where what both tell differs.
    fn tie(&self, other: &Self) -> Option<Tie> {
        if share(&self.serials, &other.serials) {
            return Some(Tie::SerialNumber);
        }
        if !self.serials.is_empty() && !other.serials.is_empty() {
            return None;
        }
        let is_same_name = share(&self.names, &other.names) && self.links.iter().any(|link| other.links.contains(link));
        [
            (share(&self.macs, &other.macs), Tie::Mac),
            (share(&self.systems, &other.systems), Tie::DeviceId),
            (is_same_name, Tie::NameAndLink),
        ]
        .into_iter()
        .find_map(|(is_shared, tie)| is_shared.then_some(tie))
    }

    /// Whether a person means this gateway by that text: a serial number, hardware address, system id, name or link.
    pub fn is_named(&self, text: &str) -> bool {
        let text = text.trim();
        let equals = |mark: &String| is_same(mark, text);
        let is_mac = mac::read(text).is_some_and(|mac| self.macs.contains(&mac::shown(mac)));
        let is_link =
            self.links.iter().any(|link| link == text || link.split_once(':').is_some_and(|(_, place)| place == text));
        is_mac || is_link || [&self.serials, &self.systems, &self.names].into_iter().flatten().any(equals)
    }

    /// What a person calls it: its name, else its serial number, else its link.
    pub fn title(&self) -> &str {
        let best = [self.names.last(), self.serials.last(), self.links.last()].into_iter().flatten().next();
        best.map_or("a gateway", String::as_str)
    }
}

fn add(marks: &mut Vec<String>, mark: String) {
    // The newest stands last.
    marks.retain(|known| *known != mark);
    marks.push(mark);
}

fn add_mac(marks: &mut Vec<String>, text: &str) {
    if let Some(mac) = mac::read(text) {
        add(marks, mac::shown(mac));
    }
}

fn share(one: &[String], other: &[String]) -> bool {
    one.iter().any(|mark| other.iter().any(|theirs| is_same(mark, theirs)))
}

/// Whether the text of a job names a link of a gateway: brokers, interfaces and files are none.
fn is_link(text: &str) -> bool {
    ["serial:", "ble:", "http:", "udp:"].iter().any(|kind| text.starts_with(kind)) && !text.contains("://")
}

/// Whether a job is with one gateway.
fn has_gateway(job: &JobRecord) -> bool {
    matches!(
        job.intent.action.as_str(),
        "commission" | "device" | "wipe" | "terminal" | "batch" | "credentials" | "rotate"
    )
}

/// A gateway as the records know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    /// What it is known by.
    pub known_by: KnownBy,
    /// Its lives, the oldest first; at least one.
    pub lives: Vec<Life>,
    /// The weakest tie that holds it together; `None` for a single job.
    pub weakest: Option<Tie>,
}

/// A gateway from its set-up to its removal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// Its jobs, as places in the list that was given, the oldest first.
    pub jobs: Vec<usize>,
    /// The removal after which it came back, if it did.
    pub after: Option<Return>,
}

/// A gateway came back after a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Return {
    /// The removal, as a place in the list that was given.
    pub removal: usize,
    /// What says that it is the same gateway.
    pub by: Tie,
}

/// The removal after which a gateway came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Returned {
    /// The record of the removal.
    pub record: RecordId,
    /// The computer it was imported from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// When it was removed.
    pub at: String,
    /// How the removal ended.
    pub outcome: String,
    /// What says that it is the same gateway.
    pub by: Tie,
}

impl Returned {
    /// The removal behind a life, where it is a return.
    pub fn of(life: &Life, jobs: &[JobHistory]) -> Option<Self> {
        let after = life.after?;
        let job = &jobs.get(after.removal)?.job;
        Some(Self {
            record: job.id,
            origin: job.origin.clone(),
            at: job.ended_at.clone().unwrap_or_else(|| job.started_at.clone()),
            outcome: job.outcome.clone(),
            by: after.by,
        })
    }
}

/// The removal after which the gateway of a job came back, where it did.
pub fn returned(jobs: &[JobHistory], at: usize) -> Option<Returned> {
    lineages(jobs).iter().find_map(|lineage| lineage.life_of(at).cloned()).and_then(|life| Returned::of(&life, jobs))
}

impl Lineage {
    /// All of its jobs, the oldest first.
    pub fn jobs(&self) -> impl Iterator<Item = usize> {
        self.lives.iter().flat_map(|life| life.jobs.iter().copied())
    }

    /// Whether it was removed, as far as that went, and has not come back.
    pub fn is_over(&self, jobs: &[JobHistory]) -> bool {
        self.lives.last().is_some_and(|life| removal_in(life, jobs).is_some())
    }

    /// The life that a job belongs to.
    pub fn life_of(&self, job: usize) -> Option<&Life> {
        self.lives.iter().find(|life| life.jobs.contains(&job))
    }

    fn take(&mut self, at: usize, jobs: &[JobHistory], marks: &KnownBy, tie: Option<Tie>) {
        self.known_by.join(marks);
        self.weakest = self.weakest.max(tie);
        let removal = self.lives.last().and_then(|life| removal_in(life, jobs));
        let after = match (removal, tie) {
            (Some(removal), Some(by)) if is_set_up(&jobs[at].job) => Some(Return { removal, by }),
            _ => None,
        };
        match self.lives.last_mut() {
            Some(life) if after.is_none() => life.jobs.push(at),
            _ => self.lives.push(Life { jobs: vec![at], after }),
        }
    }
}

/// The last removal in a life.
fn removal_in(life: &Life, jobs: &[JobHistory]) -> Option<usize> {
    life.jobs.iter().rev().copied().find(|at| is_removal(&jobs[*at].job))
}

/// Whether a job took its gateway out of service, or tried to and left something behind.
pub fn is_removal(job: &JobRecord) -> bool {
    job.intent.action == "wipe" && matches!(job.outcome.as_str(), "complete" | "incomplete" | "unknown")
}

/// Whether a job set its gateway up, or tried to: one that only looked did not.
fn is_set_up(job: &JobRecord) -> bool {
    job.intent.action == "commission" && !matches!(job.outcome.as_str(), "closed" | "failed" | "cancelled")
}

/// The gateways that the jobs are about. The jobs are given with the oldest first; of their entries those count that tell who the
/// gateway is. Jobs without a gateway are in none.
pub fn lineages(jobs: &[JobHistory]) -> Vec<Lineage> {
    let marks: Vec<KnownBy> = jobs.iter().map(KnownBy::of).collect();
    let mut found: Vec<Lineage> = Vec::new();
    let mut rest = Vec::new();
    for (at, job) in jobs.iter().enumerate() {
        let is_known = !(marks[at].names.is_empty() && marks[at].serials.is_empty() && marks[at].macs.is_empty());
        if has_gateway(&job.job) && is_known {
            gather(&mut found, at, jobs, &marks[at]);
        } else {
            rest.push(at);
        }
    }
    for at in rest {
        match place_of(&found, &jobs[at].job, &marks[at]) {
            Some((place, tie)) => found[place].insert(at, jobs, tie),
            None if has_gateway(&jobs[at].job) => {
                let mut lineage = Lineage::default();
                lineage.take(at, jobs, &marks[at], None);
                found.push(lineage);
            }
            None => {}
        }
    }
    found
}

/// Adds a job to the gateway it surely or likely is about, or begins one.
fn gather(found: &mut Vec<Lineage>, at: usize, jobs: &[JobHistory], marks: &KnownBy) {
    let ties = found.iter().enumerate().filter_map(|(place, lineage)| {
        let tie = lineage.known_by.tie(marks)?;
        // After a removal a name is no longer enough: the port may carry another gateway of the same kind.
        let is_enough = tie.is_sure() || !(lineage.is_over(jobs) && is_set_up(&jobs[at].job));
        is_enough.then_some((tie, place))
    });
    // Of several that are as likely, the latest.
    if let Some((tie, place)) = ties.min_by_key(|(tie, place)| (*tie, usize::MAX - place)) {
        found[place].take(at, jobs, marks, Some(tie));
    } else {
        let mut lineage = Lineage::default();
        lineage.take(at, jobs, marks, None);
        found.push(lineage);
    }
}

/// The gateway that a job belongs to which doesn't say: one that watched its telemetry, or the only one that was at that link.
fn place_of(found: &[Lineage], job: &JobRecord, marks: &KnownBy) -> Option<(usize, Tie)> {
    let only = |fits: &dyn Fn(&Lineage) -> bool| {
        let mut fitting = found.iter().enumerate().filter(|(_, lineage)| fits(lineage)).map(|(place, _)| place);
        fitting.next().filter(|_| fitting.next().is_none())
    };
    if job.intent.action == "inspect" {
        return Some((
            only(&|lineage| lineage.known_by.names.iter().any(|name| is_same(name, &job.intent.gateway)))?,
            Tie::Name,
        ));
    }
    let link = marks.links.first()?;
    Some((only(&|lineage| lineage.known_by.links.contains(link))?, Tie::Link))
}

impl Lineage {
    /// Adds a job where it belongs in time: to the last life that had begun by then.
    fn insert(&mut self, at: usize, jobs: &[JobHistory], tie: Tie) {
        if has_gateway(&jobs[at].job) {
            self.weakest = self.weakest.max(Some(tie));
        }
        let begun = |life: &&mut Life| life.jobs.first().is_some_and(|first| *first < at);
        let place = self.lives.iter_mut().rev().find(begun);
        let life = match place {
            Some(life) => Some(life),
            None => self.lives.first_mut(),
        };
        if let Some(life) = life {
            let place = life.jobs.partition_point(|job| *job < at);
            life.jobs.insert(place, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(id: i64, action: &str, name: &str, link: &str, outcome: &str, told: Value) -> JobHistory {
        let job = JobRecord::made(id, action, name, link, outcome);
        let entry = EntryRecord {
            sequence: id,
            at: job.started_at.clone(),
            step: "identity".into(),
            phase: "outcome".into(),
            outcome: "done".into(),
            detail: told,
        };
        JobHistory { job, entries: vec![entry], returned: None }
    }

    const USB: &str = "serial:/dev/ttyUSB0";

    fn lives(jobs: &[JobHistory]) -> Vec<Vec<Vec<i64>>> {
        let number = |at: &usize| jobs[*at].job.id.0;
        let life = |life: &Life| life.jobs.iter().map(number).collect();
        lineages(jobs).iter().map(|lineage| lineage.lives.iter().map(life).collect()).collect()
    }

    #[test]
    fn a_gateway_that_comes_back_after_its_removal_begins_a_new_life_that_links_to_the_old_one() {
        let told = json!({ "serial": "S1", "machine": "m" });
        let jobs = [
            job(1, "commission", "a", USB, "joined", told.clone()),
            job(2, "wipe", "a", USB, "complete", told.clone()),
            job(3, "terminal", "a", USB, "closed", told.clone()),
            job(4, "commission", "b", "serial:/dev/ttyUSB7", "joined", told.clone()),
            job(5, "device", "b", "serial:/dev/ttyUSB7", "done", told),
        ];
        assert_eq!(lives(&jobs), [vec![vec![1, 2, 3], vec![4, 5]]]);
        let found = lineages(&jobs);
        assert_eq!(found[0].lives[1].after, Some(Return { removal: 1, by: Tie::SerialNumber }));
        assert!(
            found[0].known_by.is_named("s1")
                && found[0].known_by.is_named("b")
                && found[0].known_by.is_named("/dev/ttyUSB7")
        );
    }

    #[test]
    fn an_equal_name_is_no_proof_and_another_serial_number_speaks_against_every_other_sign() {
        let jobs = [
            job(1, "commission", "calm", USB, "joined", json!({ "serial": "S1", "machine": "m" })),
            job(2, "commission", "calm", USB, "joined", json!({ "serial": "S2", "machine": "m" })),
            job(3, "commission", "calm", "serial:/dev/ttyUSB1", "joined", json!({})),
        ];
        assert_eq!(lives(&jobs), [vec![vec![1]], vec![vec![2]], vec![vec![3]]]);
    }

    #[test]
    fn the_same_name_at_the_same_port_is_likely_the_same_gateway_until_it_is_removed() {
        let jobs = [
            job(1, "commission", "a", USB, "refused", json!({})),
            job(2, "commission", "a", USB, "joined", json!({})),
            job(3, "wipe", "a", USB, "complete", json!({ "serial": "S1" })),
            job(4, "commission", "a", USB, "joined", json!({})),
        ];
        assert_eq!(lives(&jobs), [vec![vec![1, 2, 3]], vec![vec![4]]]);
        assert_eq!(lineages(&jobs)[0].weakest, Some(Tie::NameAndLink));
    }

    #[test]
    fn a_device_over_bluetooth_is_known_by_its_address() {
        let ble = "ble:C4:4F:33:00:12:AF";
        let jobs = [
            job(1, "commission", "a", ble, "joined", json!({})),
            job(2, "wipe", "", ble, "incomplete", json!({})),
            job(3, "commission", "c", ble, "joined", json!({})),
        ];
        assert_eq!(lives(&jobs), [vec![vec![1, 2], vec![3]]]);
        assert!(lineages(&jobs)[0].known_by.is_named("c4-4f-33-00-12-af"));
    }

    #[test]
    fn telemetry_and_checks_belong_to_the_only_gateway_they_can_be_about() {
        let jobs = [
            job(1, "commission", "a", USB, "joined", json!({ "serial": "S1" })),
            job(2, "inspect", "a", "mqtt://broker", "done", json!({})),
            job(3, "check", "Hall 7", USB, "passed", json!({})),
            job(4, "check", "Hall 7", "192.0.2.4", "passed", json!({})),
            job(5, "commission", "b", "serial:/dev/ttyUSB1", "joined", json!({ "serial": "S2" })),
            job(6, "inspect", "somebody", "mqtt://broker", "done", json!({})),
        ];
        assert_eq!(lives(&jobs), [vec![vec![1, 2, 3]], vec![vec![5]]]);
        assert_eq!(lineages(&jobs)[0].weakest, None, "what only looked weakens nothing");
    }
}
