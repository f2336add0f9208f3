//! The same network for a gateway that looks for itself: which names it finds, and what is behind each address, as a table.
//!
//! A simulated gateway opens no sockets; its programs print what they would print if they met the stand-ins.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use super::plan::{self, Does, Needs, StandIn};
use crate::profile::Profile;

/// Where names lead that no profile has.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(20, 50, 1, 1);
/// What servers answer that stand for nothing in particular.
const FORBIDDEN: u16 = 403;

/// What is behind a host and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) struct Behind {
    /// What is done to it.
    pub(in crate::sim) does: Does,
    /// What a page is answered with.
    pub(in crate::sim) status: u16,
    /// How far a time server is ahead.
    pub(in crate::sim) ahead_secs: i64,
}

/// The network as a table. The default one lets everything through.
#[derive(Debug, Default)]
pub struct NetworkTable {
    names: Vec<String>,
    unknown: BTreeSet<String>,
    servers: Vec<StandIn>,
}

impl NetworkTable {
    /// What the gateway of a profile meets.
    pub fn of(profile: &Profile) -> Self {
        let troubles = plan::troubles().map(|troubles| troubles.row).unwrap_or_default();
        let needs = Needs::of(profile, &troubles);
        Self { names: needs.names.into_iter().collect(), unknown: needs.unknown, servers: needs.stand_ins }
    }

    /// Where a name leads; `None` where the name server knows none.
    pub(in crate::sim) fn address(&self, name: &str) -> Option<Ipv4Addr> {
        if self.unknown.contains(name) {
            return None;
        }
        let at = self.names.iter().position(|known| known == name).and_then(|at| u8::try_from(at).ok());
        let [a, b, c, _] = ELSEWHERE.octets();
        Some(at.and_then(|at| at.checked_add(2)).map_or(ELSEWHERE, |last| Ipv4Addr::new(a, b, c, last)))
    }

    /// What is behind a host, named or by its address, and a port.
    pub(in crate::sim) fn behind(&self, host: &str, port: u16) -> Behind {
        let is_host = |server: &StandIn| {
            let target = &server.target.host;
            target == host || host.parse::<IpAddr>().is_ok_and(|ip| self.address(target).is_some_and(|own| own == ip))
        };
        let found = self.servers.iter().find(|server| server.target.port == port && is_host(server));
        found.map_or(Behind { does: Does::Nothing, status: FORBIDDEN, ahead_secs: 0 }, |server| Behind {
            does: server.does,
            status: server.status,
            ahead_secs: server.ahead_secs,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Catalog;

    #[test]
    fn a_gateway_meets_the_troubles_of_the_stand_ins_by_name_and_by_address() {
        let catalog = Catalog::built_in();
        let troubles = plan::troubles().unwrap().row;
        for profile in catalog.iter() {
            let table = NetworkTable::of(profile);
            for server in Needs::of(profile, &troubles).stand_ins {
                let (host, port) = (&server.target.host, server.target.port);
                let address = table.address(host).unwrap().to_string();
                let by_address = if host.parse::<IpAddr>().is_ok() { host.clone() } else { address };
                assert_eq!(table.behind(host, port).does, server.does, "{host}:{port}");
                assert_eq!(table.behind(&by_address, port).does, server.does, "{by_address}:{port}");
            }
        }
    }

    #[test]
    fn a_name_that_the_stand_in_does_not_know_is_unknown_to_the_gateway_too() {
        let catalog = Catalog::built_in();
        let profile = catalog.iter().find(|profile| profile.row_ids().any(|id| id.as_str() == "KIS-12")).unwrap();
        let table = NetworkTable::of(profile);
        assert_eq!(table.unknown.len(), 1, "{:?}", table.unknown);
        assert!(table.unknown.iter().all(|name| table.address(name).is_none()));
        assert_eq!(NetworkTable::default().address("anything.example"), Some(ELSEWHERE));
    }
}
