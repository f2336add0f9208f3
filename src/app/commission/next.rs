//! Which gateway comes next when several get the same network.
//!
//! Ports are told apart by their path, and one cable often serves one gateway after the other: a port that went away and
//! came back counts as a new gateway. Only one that waits for a network is proposed.

use std::collections::BTreeSet;

use crate::model::gateway::Sighting;
use crate::model::ids::LinkAddress;
use crate::model::standing::Standing;

/// The gateways that had their turn since they were plugged in.
#[derive(Debug, Default)]
pub struct Handled(BTreeSet<LinkAddress>);

impl Handled {
    pub(in crate::app) fn add(&mut self, link: LinkAddress) {
        self.0.insert(link);
    }

    /// Whether the gateway over that link had its turn.
    pub(in crate::app) fn has(&self, link: &LinkAddress) -> bool {
        self.0.contains(link)
    }

    /// A port went away: what is plugged in there next is another gateway.
    pub(in crate::app) fn unplugged(&mut self, link: &LinkAddress) {
        self.0.remove(link);
    }

    /// The next gateway that had no turn yet and waits for a network.
    pub fn next<'a>(&self, mut rows: impl Iterator<Item = (&'a Sighting, Standing)>) -> Option<&'a Sighting> {
        let is_next =
            |(row, standing): &(&Sighting, Standing)| *standing == Standing::Ready && !self.0.contains(&row.link);
        rows.find(is_next).map(|(row, _)| row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::gateway::{PortFacts, Probe};

    fn row(path: &str) -> Sighting {
        Sighting {
            link: LinkAddress::Serial(path.into()),
            facts: PortFacts::default(),
            heard: None,
            profile: None,
            probe: Probe::NotAsked,
            is_present: true,
        }
    }

    #[test]
    fn only_a_gateway_that_waits_for_a_network_is_next_and_one_that_was_replugged_again() {
        let rows = [row("/dev/ttyS0"), row("/dev/ttyUSB0"), row("/dev/ttyUSB1")];
        let stands = [Standing::NoAnswer, Standing::Ready, Standing::Ready];
        let next = |handled: &Handled| handled.next(rows.iter().zip(stands)).map(|row| row.link.place().to_owned());
        let mut handled = Handled::default();
        handled.add(rows[1].link.clone());
        assert_eq!(next(&handled).as_deref(), Some("/dev/ttyUSB1"));
        handled.add(rows[2].link.clone());
        assert_eq!(next(&handled), None);
        handled.unplugged(&rows[1].link);
        assert_eq!(next(&handled).as_deref(), Some("/dev/ttyUSB0"));
    }
}
