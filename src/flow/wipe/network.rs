//! [`Sought`]: looks from this computer whether a gateway is in its old network again. Only addresses that were its own are looked
//! at, and nothing is sent to a network in which this computer doesn't stand.

use core::net::IpAddr;

use super::Setup;
use crate::flow::look::address_in;
use crate::flow::port::{Neighbourhood, Sight};
use crate::model::ids::LinkKind;
use crate::model::mac;
use crate::model::wipe::{NetworkState, OldNetwork, Told};

/// A gateway that is looked for in its old network.
pub(super) struct Sought {
    addresses: Vec<IpAddr>,
    macs: Vec<[u8; 6]>,
    /// The address of its Bluetooth, whose chip may have its Wi-Fi, too.
    chip: Option<[u8; 6]>,
    seen: OldNetwork,
}

impl Sought {
    /// What is known of where it was.
    pub(super) fn new(setup: &Setup, told: &Told) -> Self {
        let Setup { traces, link, intent, .. } = setup;
        let macs = traces.macs.iter().chain(&told.mac).filter_map(|text| mac::read(text)).collect();
        let chip = (link.kind() == LinkKind::Ble).then(|| mac::read(link.place())).flatten();
        let addresses = traces.addresses.iter().filter_map(|text| address_in(text)).collect();
        let mut sought = Self { addresses, macs, chip, seen: OldNetwork::not_checked("nobody looked") };
        if intent.is_simulated {
            // What a simulator reports may be an address of somebody else's here.
            (sought.addresses, sought.macs) = (Vec::new(), Vec::new());
            sought.seen = OldNetwork::not_checked("the gateway is simulated");
        } else if sought.addresses.is_empty() && sought.macs.is_empty() {
            sought.seen = OldNetwork::not_checked("its address there isn't known");
        } else {
            sought.seen = OldNetwork::not_checked("this computer has no address in that network");
        }
        sought
    }

    /// What was seen all in all.
    pub(super) fn seen(self) -> OldNetwork {
        self.seen
    }

    /// One look; what is seen that should not be.
    pub(super) async fn glance(&mut self, neighbourhood: Option<&dyn Neighbourhood>) -> Option<String> {
        if self.addresses.is_empty() && self.macs.is_empty() {
            return None;
        }
        let Some(neighbourhood) = neighbourhood else {
            self.seen = OldNetwork::not_checked("not over this link");
            return None;
        };
        let learnt = neighbourhood.learnt(&self.macs).into_iter().filter(|address| !self.addresses.contains(address));
        let addresses: Vec<IpAddr> = self.addresses.iter().copied().chain(learnt).collect();
        for address in addresses {
            let Sight::Here { interface, has_answered, mac } = neighbourhood.look(address).await else { continue };
            let owner = mac.map_or_else(
                || "its hardware address can't be seen from here".to_owned(),
                |mac| format!("hardware address {}", mac::shown(mac)),
            );
            let says = format!("{address} answers on {interface}, {owner}");
            match self.is_its(mac).filter(|_| has_answered) {
                _ if !has_answered => self.found(NetworkState::Quiet, format!("nothing of it answered on {interface}")),
                Some(true) => {
                    self.found(NetworkState::CameBack, says.clone());
                    return Some(format!("in its old network {says}"));
                }
                // Somebody else has its old address by now.
                Some(false) => self.found(NetworkState::Quiet, format!("nothing of it answered on {interface}")),
                None => self.found(NetworkState::Answers, says),
            }
        }
        None
    }

    /// Keeps what weighs most of all looks.
    fn found(&mut self, state: NetworkState, says: String) {
        let weight = |state| match state {
            NetworkState::CameBack => 3,
            NetworkState::Answers => 2,
            NetworkState::Quiet => 1,
            NetworkState::NotChecked => 0,
        };
        if weight(state) >= weight(self.seen.state) {
            self.seen = OldNetwork { state, says };
        }
    }

    /// Whether the owner of a hardware address is the gateway, where that can be told.
    fn is_its(&self, seen: Option<[u8; 6]>) -> Option<bool> {
        let seen = seen?;
        let is_of_chip = self.chip.is_some_and(|chip| mac::is_of_one_chip(chip, seen));
        let knows_none = self.macs.is_empty() && self.chip.is_none();
        (!knows_none).then(|| is_of_chip || self.macs.contains(&seen))
    }
}
