//! Discovery: which ports are there, what came and went, and asking one of them what it is.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc;

use super::driver::Driver;
use super::error::SessionError;
use super::improv::Improv;
use super::improv_ble::ImprovBle;
use super::port::Links;
use super::report::Report;
use super::transcript::SharedTranscript;
use crate::model::gateway::{Identity, PortFacts, Probe, Sighting};
use crate::model::ids::{LinkAddress, LinkKind};
use crate::model::problem::Explain as _;
use crate::profile::Catalog;

/// How often the list of ports is read: a port that comes or goes is noticed within two seconds, with time to spare for
/// a system that is slow to list.
pub const INTERVAL: Duration = Duration::from_millis(1400);

/// Everything that was sighted since discovery began.
#[derive(Default)]
pub struct Sightings {
    known: BTreeMap<LinkAddress, Sighting>,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A port is new, or something about it changed.
    Seen(Box<Sighting>),
    /// A port went away.
    Gone(LinkAddress),
}

impl Sightings {
    /// Takes a fresh list of ports in and tells what changed. Ports a person typed stay.
    pub fn update(&mut self, ports: Vec<(LinkAddress, PortFacts)>, catalog: &Catalog) -> Vec<Change> {
        let ports: BTreeMap<_, _> = ports.into_iter().collect();
        let mut changes = Vec::new();
        for (link, sighting) in &mut self.known {
            if sighting.is_present && !sighting.facts.is_typed && !ports.contains_key(link) {
                sighting.is_present = false;
                changes.push(Change::Gone(link.clone()));
            }
        }
        for (link, facts) in ports {
            changes.extend(self.see(link, facts, catalog));
        }
        changes
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

/// Asks a port what is behind it. Sends the questions for state and device information, nothing else.
pub async fn probe(links: &dyn Links, link: &LinkAddress) -> Probe {
    match ask(links, link).await {
        Ok(identity) => Probe::Answered(identity),
        Err(error) => Probe::Failed(error.explain()),
    }
}

async fn ask(links: &dyn Links, link: &LinkAddress) -> Result<Identity, SessionError> {
    // Nobody listens to the progress of a probe; the channel is large enough for all of it to be dropped in time.
    let (progress, mut unheard) = mpsc::channel(16);
    let report = Report::new(progress);
    let drain = async { while unheard.recv().await.is_some() {} };
    let conversation = async move {
        let mut driver = open(links, link, report).await?;
        let identity = converse(driver.as_mut()).await;
        driver.close().await;
        identity
    };
    let (answer, ()) = tokio::join!(conversation, drain);
    answer
}

/// Opens a link for the question.
async fn open(links: &dyn Links, link: &LinkAddress, report: Report) -> Result<Box<dyn Driver>, SessionError> {
    let transcript = SharedTranscript::new("probe");
    match link.kind() {
        LinkKind::Ble => {
            let connected = links.connect(link).await?;
            Ok(Box::new(ImprovBle::new(connected, link.clone(), report, transcript)))
        }
        _ => Ok(Box::new(Improv::new(links.open(link).await?, report, transcript))),
    }
}

async fn converse(driver: &mut dyn Driver) -> Result<Identity, SessionError> {
    let state = driver.hello().await?;
    let info = match driver.describe().await {
        Ok(info) => Some(info),
        Err(error) if error.is_not_offered() => None,
        Err(error) => return Err(error),
    };
    Ok(Identity { driver: driver.id(), info, state })
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
