//! Discovery: which ports are there, which devices are heard, what came and went, and asking a port what it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::driver::{CLOSE_LIMIT, Driver, Limits};
use super::drivers::{self, Opening, Unit, open_and_greet};
use super::error::SessionError;
use super::port::{LinkError, Links};
use super::report::Report;
use super::step;
use super::transcript::SharedTranscript;
use crate::model::access::Access;
use crate::model::gateway::{Advertisement, Identity, PortFacts, Probe, ProvisioningState, Sighting};
use crate::model::ids::{DriverId, LinkAddress};
use crate::model::problem::Explain as _;
use crate::msg::Step;
use crate::profile::Catalog;
use crate::proto::improv;

/// How often the list of ports is read: a port that comes or goes is noticed within two seconds, with time to spare for
/// a system that is slow to list.
pub const INTERVAL: Duration = Duration::from_millis(1400);

/// How long a device may be silent before it counts as gone.
pub const SILENCE: Duration = Duration::from_secs(30);
/// How often news of one device are told at most.
const NEWS: Duration = Duration::from_millis(500);
/// How often a device that says nothing new is told at least: it was heard, which is something.
const STILL_HERE: Duration = Duration::from_secs(2);
/// Devices kept. Addresses that change every few minutes would fill any list: the one heard longest ago goes first.
pub const MAX_HEARD: usize = 500;

/// Everything that was sighted since discovery began.
#[derive(Default)]
pub struct Sightings {
    known: BTreeMap<LinkAddress, Sighting>,
    /// When each device was heard, and told of.
    times: BTreeMap<LinkAddress, Times>,
}

#[derive(Clone, Copy)]
struct Times {
    heard: Instant,
    told: Instant,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A port is new, or something about it changed.
    Seen(Box<Sighting>),
    /// A port went away, or a device fell silent.
    Gone(LinkAddress),
    /// A device is kept no longer.
    Removed(LinkAddress),
}

impl Sightings {
    /// Takes a fresh list of ports in and tells what changed. Ports a person typed stay.
    pub fn update(&mut self, ports: Vec<(LinkAddress, PortFacts)>, catalog: &Catalog) -> Vec<Change> {
        let ports: BTreeMap<_, _> = ports.into_iter().collect();
        let mut changes = Vec::new();
        for (link, sighting) in &mut self.known {
            let is_port = sighting.heard.is_none();
            if is_port && sighting.is_present && !sighting.facts.is_typed && !ports.contains_key(link) {
                sighting.is_present = false;
                changes.push(Change::Gone(link.clone()));
            }
        }
        for (link, facts) in ports {
            changes.extend(self.see(link, facts, catalog));
        }
        changes
    }

    /// Takes in what the radio heard of a device, and tells it unless that was done a moment ago.
    pub fn hear(
        &mut self,
        link: LinkAddress,
        mut heard: Advertisement,
        now: Instant,
        catalog: &Catalog,
    ) -> Vec<Change> {
        heard.state = state_in(&heard);
        let mut changes = Vec::new();
        let times = self.times.get(&link).copied();
        // It leaves the list for a moment, and comes back changed.
        let before = self.known.remove(&link);
        let is_typed = before.as_ref().is_some_and(|before| before.facts.is_typed);
        let before = before.filter(|before| times.is_some() && before.is_present);
        let known = before.as_ref().and_then(|before| before.heard.as_ref());
        let is_due = match (known, times) {
            (Some(known), Some(times)) => {
                let since = now.saturating_duration_since(times.told);
                let is_told_anew = *known == heard || differs_in_strength_only(known, &heard);
                !is_told_anew || since >= if *known == heard { STILL_HERE } else { NEWS }
            }
            _ => true,
        };
        if times.is_none() && self.times.len() >= MAX_HEARD {
            changes.extend(self.forget_oldest());
        }
        let told = times.filter(|_| !is_due).map_or(now, |times| times.told);
        self.times.insert(link.clone(), Times { heard: now, told });
        let facts = PortFacts { is_typed, is_simulated: heard.is_simulated, ..PortFacts::default() };
        let profile = match &before {
            // Looking through the rules anew is for those who say something else.
            Some(before) if known.is_some_and(|known| same_contents(known, &heard)) => before.profile.clone(),
            _ => catalog.match_advertisement(&heard),
        };
        let probe = before.map(|before| before.probe).unwrap_or_default();
        let sighting = Sighting { link: link.clone(), facts, heard: Some(heard), profile, probe, is_present: true };
        if is_due {
            changes.push(Change::Seen(Box::new(sighting.clone())));
        }
        self.known.insert(link, sighting);
        changes
    }

    /// Notes which devices have been silent for too long.
    pub fn fade(&mut self, now: Instant) -> Vec<Change> {
        let times = &self.times;
        let is_silent = |link: &LinkAddress| {
            let heard = times.get(link).map(|times: &Times| times.heard);
            heard.is_some_and(|heard| now.saturating_duration_since(heard) > SILENCE)
        };
        let fading = self.known.values_mut().filter(|sighting| sighting.is_present && is_silent(&sighting.link));
        fading
            .map(|sighting| {
                sighting.is_present = false;
                Change::Gone(sighting.link.clone())
            })
            .collect()
    }

    /// Forgets the devices that are silent: a new scan tells what is heard in it. What was heard a moment ago stays, so
    /// that a list does not empty itself because somebody looked at another screen.
    pub fn forget_silent(&mut self, now: Instant) -> Vec<Change> {
        let is_silent = |times: &Times| now.saturating_duration_since(times.heard) > SILENCE;
        let silent = self.times.iter().filter(|(_, times)| is_silent(times));
        let silent: Vec<LinkAddress> = silent.map(|(link, _)| link.clone()).collect();
        silent.into_iter().map(|link| self.forget(link)).collect()
    }

    fn forget(&mut self, link: LinkAddress) -> Change {
        self.times.remove(&link);
        self.known.remove(&link);
        Change::Removed(link)
    }

    fn forget_oldest(&mut self) -> Option<Change> {
        let (oldest, _) = self.times.iter().min_by_key(|(_, times)| times.heard)?;
        let oldest = oldest.clone();
        Some(self.forget(oldest))
    }

    /// Keeps a path that a person typed.
    pub fn add_typed(&mut self, link: LinkAddress, catalog: &Catalog) -> Option<Change> {
        if self.known.get(&link).is_some_and(|sighting| sighting.is_present) {
            return None;
        }
        self.see(link, PortFacts { is_typed: true, ..PortFacts::default() }, catalog)
    }

    /// Drops a path that a person typed; `false` when it is not one.
    pub fn remove_typed(&mut self, link: &LinkAddress) -> bool {
        let is_typed = self.known.get(link).is_some_and(|sighting| sighting.facts.is_typed);
        is_typed && self.known.remove(link).is_some()
    }

    /// Notes how asking a port stands.
    pub fn set_probe(&mut self, link: &LinkAddress, probe: Probe) -> Option<Change> {
        let sighting = self.known.get_mut(link)?;
        sighting.probe = probe;
        Some(Change::Seen(Box::new(sighting.clone())))
    }

    /// What is known of a port.
    pub fn facts(&self, link: &LinkAddress) -> Option<&PortFacts> {
        self.known.get(link).map(|sighting| &sighting.facts)
    }

    /// Everything that was sighted.
    pub fn iter(&self) -> impl Iterator<Item = &Sighting> {
        self.known.values()
    }

    fn see(&mut self, link: LinkAddress, facts: PortFacts, catalog: &Catalog) -> Option<Change> {
        let before = self.known.get(&link);
        if before.is_some_and(|before| before.is_present && before.facts == facts) {
            return None;
        }
        // What an earlier device on this port answered says nothing about the one that came now.
        let probe = before.filter(|before| before.is_present).map(|before| before.probe.clone()).unwrap_or_default();
        let profile = catalog.match_port(&facts);
        let sighting = Sighting { link: link.clone(), facts, heard: None, profile, probe, is_present: true };
        self.known.insert(link, sighting.clone());
        Some(Change::Seen(Box::new(sighting)))
    }
}

/// What a device says of its state in its advertisement.
fn state_in(heard: &Advertisement) -> Option<ProvisioningState> {
    let data = heard.service_data.iter().find(|(service, _)| *service == improv::ble::SERVICE_DATA);
    match improv::ble::parse_service_data(&data?.1)?.state {
        improv::State::Known(state) => Some(state),
        improv::State::Unknown(_) => None,
    }
}

/// Whether nothing but the strength changed.
fn differs_in_strength_only(known: &Advertisement, heard: &Advertisement) -> bool {
    known.rssi_dbm != heard.rssi_dbm && same_contents(known, heard)
}

/// Whether both say the same, however strongly.
fn same_contents(known: &Advertisement, heard: &Advertisement) -> bool {
    *known == Advertisement { rssi_dbm: known.rssi_dbm, ..heard.clone() }
}

/// Asks a port what is behind it. Sends the questions for state and device information, nothing else.
pub async fn probe(links: Arc<dyn Links>, link: &LinkAddress) -> Probe {
    match ask(links, link).await {
        Ok(identity) => Probe::Answered(identity),
        Err(error) => Probe::Failed(error.explain()),
    }
}

async fn ask(links: Arc<dyn Links>, link: &LinkAddress) -> Result<Identity, SessionError> {
    let driver = DriverId::asking_over(link.kind());
    let driver = driver.ok_or_else(|| LinkError::NotOffered { link: link.kind() })?;
    let unit = drivers::unit(driver, link.kind())?;
    let opening = Opening {
        link: link.clone(),
        links,
        access: Access::default(),
        settings: None,
        report: Report::to_nobody(),
        transcript: SharedTranscript::new("probe"),
    };
    let limits = (unit.limits)(link.kind());
    let mut place = None;
    let identity = converse(unit, &opening, &mut place, limits).await;
    if let Some(mut driver) = place {
        let _ = timeout(CLOSE_LIMIT, driver.close()).await;
    }
    identity
}

/// Asks where the gateway stands and what it is, each within its limit.
async fn converse(
    unit: &Unit,
    opening: &Opening,
    place: &mut Option<Box<dyn Driver>>,
    limits: Limits,
) -> Result<Identity, SessionError> {
    let greeted = open_and_greet(unit, opening, place);
    let waits_for = (unit.waits_for)(opening.link.kind());
    let state = step::within(&opening.report, Step::Connect, waits_for, limits.connect, greeted).await?;
    let Some(driver) = place.as_deref_mut() else { return Err(SessionError::Malformed { step: Step::Connect }) };
    let waits_for = "the gateway to say what it is";
    let described = step::within(&opening.report, Step::Describe, waits_for, limits.question, driver.describe()).await;
    // It said where it stands: an odd answer to the other question takes nothing of that away.
    let info = match described {
        Ok(info) => Some(info),
        Err(error) if error.is_not_offered() || error.is_about_one_answer() => None,
        Err(error) => return Err(error),
    };
    Ok(Identity { driver: driver.id(), info, state: driver.state().unwrap_or(state) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(path: &str) -> (LinkAddress, PortFacts) {
        (LinkAddress::Serial(path.into()), PortFacts::default())
    }

    #[test]
    fn ports_come_go_and_come_back() {
        let mut sightings = Sightings::default();
        let catalog = Catalog::default();
        assert_eq!(sightings.update(vec![port("a"), port("b")], &catalog).len(), 2);
        assert!(sightings.update(vec![port("a"), port("b")], &catalog).is_empty(), "nothing changed");
        assert_eq!(sightings.update(vec![port("b")], &catalog), [Change::Gone(port("a").0)]);
        assert!(sightings.update(vec![port("b")], &catalog).is_empty(), "gone is told once");
        assert!(matches!(&sightings.update(vec![port("a"), port("b")], &catalog)[..], [Change::Seen(_)]));
    }

    fn device(number: usize) -> LinkAddress {
        LinkAddress::Ble(format!("C4:4F:33:00:{:02X}:{:02X}", number / 256, number % 256))
    }

    fn at(rssi: i16) -> Advertisement {
        Advertisement { rssi_dbm: Some(rssi), ..Advertisement::default() }
    }

    #[test]
    fn a_device_is_told_at_most_twice_a_second_and_greyed_after_half_a_minute() {
        let mut sightings = Sightings::default();
        let catalog = Catalog::default();
        let begin = Instant::now();
        let mut hear =
            |millis, rssi| sightings.hear(device(1), at(rssi), begin + Duration::from_millis(millis), &catalog).len();
        assert_eq!((hear(0, -60), hear(100, -61), hear(499, -62), hear(500, -63)), (1, 0, 0, 1));
        assert_eq!((hear(1100, -63), hear(2400, -63), hear(2500, -63)), (0, 0, 1), "nothing new");
        let news = Advertisement { name: Some("Gateway 7".into()), ..at(-63) };
        let at_once = begin + Duration::from_millis(2501);
        assert_eq!(sightings.hear(device(1), news, at_once, &catalog).len(), 1, "a name is told at once");
        assert!(sightings.fade(at_once + SILENCE).is_empty());
        let late = at_once + SILENCE + Duration::from_millis(1);
        assert_eq!(sightings.fade(late), [Change::Gone(device(1))]);
        assert!(sightings.fade(late).is_empty(), "gone is told once");
        assert!(sightings.update(vec![], &catalog).is_empty(), "a list of ports says nothing of devices");
        assert_eq!(sightings.hear(device(1), at(-63), late, &catalog).len(), 1, "it is back");
    }

    #[test]
    fn addresses_that_keep_changing_push_the_oldest_out() {
        let mut sightings = Sightings::default();
        let catalog = Catalog::default();
        let begin = Instant::now();
        let mut removed = 0;
        for number in 0..3 * MAX_HEARD {
            let now = begin + Duration::from_millis(number as u64);
            let changes = sightings.hear(device(number), at(-70), now, &catalog);
            removed += changes.iter().filter(|change| matches!(change, Change::Removed(_))).count();
        }
        assert_eq!((sightings.iter().count(), removed), (MAX_HEARD, 2 * MAX_HEARD));
        let late = begin + Duration::from_mins(1);
        assert_eq!(sightings.forget_silent(late).len(), MAX_HEARD);
        assert_eq!(sightings.iter().count(), 0);
    }

    #[test]
    fn the_state_in_an_advertisement_is_read() {
        let mut sightings = Sightings::default();
        let data = vec![(improv::ble::SERVICE_DATA, vec![2, 1, 0, 0, 0, 0])];
        let heard = Advertisement { service_data: data, ..at(-50) };
        sightings.hear(device(1), heard, Instant::now(), &Catalog::built_in());
        let sighting = sightings.iter().next().unwrap();
        assert_eq!(sighting.heard.as_ref().unwrap().state, Some(ProvisioningState::Ready));
        let guess = sighting.profile.as_ref().unwrap();
        assert_eq!(guess.driver, DriverId::Improv);
        assert!(guess.reason.starts_with("Data of service 4677: "), "{}", guess.reason);
    }

    #[test]
    fn an_answer_is_forgotten_when_the_port_comes_back() {
        let mut sightings = Sightings::default();
        let catalog = Catalog::default();
        sightings.update(vec![port("a")], &catalog);
        sightings.set_probe(&port("a").0, Probe::Asking);
        sightings.update(vec![], &catalog);
        sightings.update(vec![port("a")], &catalog);
        assert_eq!(sightings.iter().next().map(|sighting| sighting.probe.clone()), Some(Probe::NotAsked));
    }

    #[test]
    fn typed_paths_stay_until_removed() {
        let mut sightings = Sightings::default();
        let catalog = Catalog::default();
        let typed = LinkAddress::Serial("/dev/pts/9".into());
        assert!(sightings.add_typed(typed.clone(), &catalog).is_some());
        assert!(sightings.update(vec![], &catalog).is_empty());
        assert!(sightings.remove_typed(&typed));
        assert!(!sightings.remove_typed(&typed));
    }
}
