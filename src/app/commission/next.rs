//! Which gateway comes next when several get the same network.
//!
//! Ports are told apart by their path, and one cable often serves one gateway after the other: a port that went away and
//! came back counts as a new gateway.

use std::collections::BTreeSet;

use crate::model::gateway::{Probe, Sighting};
use crate::model::ids::LinkAddress;

/// The gateways that had their turn since they were plugged in.
#[derive(Debug, Default)]
pub struct Handled(BTreeSet<LinkAddress>);

impl Handled {
    pub(super) fn add(&mut self, link: LinkAddress) {
        self.0.insert(link);
    }

    /// A port went away: what is plugged in there next is another gateway.
    pub(in crate::app) fn unplugged(&mut self, link: &LinkAddress) {
        self.0.remove(link);
    }

    /// The next gateway that had no turn yet. Ports nothing speaks for, such as a built-in one, are passed over.
    pub fn next<'a>(&self, mut rows: impl Iterator<Item = &'a Sighting>) -> Option<&'a Sighting> {
        rows.find(|row| row.is_present && !self.0.contains(&row.link) && is_likely_gateway(row))
    }
}

const fn is_likely_gateway(row: &Sighting) -> bool {
    row.profile.is_some()
        || row.facts.vid.is_some()
        || row.facts.is_typed
        || row.facts.is_simulated
        || matches!(row.probe, Probe::Answered(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::gateway::PortFacts;

    fn row(path: &str, vid: Option<u16>) -> Sighting {
        Sighting {
            link: LinkAddress::Serial(path.into()),
            facts: PortFacts { vid, ..PortFacts::default() },
            heard: None,
            profile: None,
            probe: Probe::NotAsked,
            is_present: true,
        }
    }

    #[test]
    fn a_gateway_that_was_replugged_is_next_and_a_built_in_port_never() {
        let rows = [row("/dev/ttyS0", None), row("/dev/ttyUSB0", Some(1)), row("/dev/ttyUSB1", Some(1))];
        let next = |handled: &Handled| handled.next(rows.iter()).map(|row| row.link.place().to_owned());
        let mut handled = Handled::default();
        handled.add(rows[1].link.clone());
        assert_eq!(next(&handled).as_deref(), Some("/dev/ttyUSB1"));
        handled.add(rows[2].link.clone());
        assert_eq!(next(&handled), None);
        handled.unplugged(&rows[1].link);
        assert_eq!(next(&handled).as_deref(), Some("/dev/ttyUSB0"));
    }
}
