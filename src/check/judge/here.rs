//! [`Scene`]: what holds for all rows: this computer's place in the network, the clocks, and names that cannot exist.

use core::net::IpAddr;
use std::collections::{HashMap, HashSet};

use super::index::Index;
use super::{dns, time};
use crate::check::plan::{Plan, Vantage};
use crate::check::seen::{Interface, Lease, Observation, Proxy, Route, Seen, Tls};
use crate::check::verdict::{Note, Reason};

/// What all rows are judged against.
pub(super) struct Scene<'a> {
    pub plan: &'a Plan,
    pub index: Index<'a>,
    pub interfaces: Vec<(&'a Observation, &'a Interface)>,
    pub leases: Vec<(&'a Observation, &'a Lease)>,
    pub proxies: Vec<(&'a Observation, &'a Proxy)>,
    /// The system that looks, where it is known.
    pub system: &'a str,
    /// Addresses of this computer with the length of their prefix.
    pub own: Vec<(IpAddr, u8)>,
    tunnels: HashMap<IpAddr, (&'a Observation, &'a Route)>,
    pub clocks: time::Clocks,
    pub rewriting: dns::Rewriting,
    /// Issuers that nobody knows and that answer for several names.
    pub strange_issuers: HashSet<&'a str>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(plan: &'a Plan, observations: &'a [Observation]) -> Self {
        let mut scene = Self {
            plan,
            index: Index::new(observations),
            interfaces: Vec::new(),
            leases: Vec::new(),
            proxies: Vec::new(),
            system: "",
            own: Vec::new(),
            tunnels: HashMap::new(),
            clocks: time::Clocks::of(observations),
            rewriting: dns::Rewriting::of(observations),
            strange_issuers: strange_issuers(observations),
        };
        for observation in observations {
            scene.take(observation);
        }
        scene
    }

    fn take(&mut self, observation: &'a Observation) {
        match &observation.seen {
            Seen::System { name } => self.system = name,
            Seen::Interface(interface) => {
                self.own.extend(interface.addresses.iter().filter_map(|text| with_prefix(text)));
                self.interfaces.push((observation, interface));
            }
            Seen::Lease(lease) => self.leases.push((observation, lease)),
            Seen::Proxy(proxy) => self.proxies.push((observation, proxy)),
            Seen::Route(route) if route.is_tunnel => drop(self.tunnels.insert(route.to, (observation, route))),
            Seen::Connect(connect) => {
                // Where the interfaces were not listed, the sender's end is an address of this computer at least.
                let own = connect.from.map(|from| (from.ip(), if from.is_ipv4() { 32 } else { 128 }));
                if let Some(own) = own.filter(|(ip, _)| !self.is_own(*ip)) {
                    self.own.push(own);
                }
            }
            _ => {}
        }
    }

    /// Whether the address is one of this computer.
    pub(super) fn is_own(&self, address: IpAddr) -> bool {
        self.own.iter().any(|(own, _)| *own == address)
    }

    /// Whether the address lies in a network this computer is part of.
    pub(super) fn is_neighbour(&self, address: IpAddr) -> bool {
        self.own.iter().any(|(own, length)| is_within(address, *own, *length))
    }

    /// Whether this computer has an address of that family beyond its own link; true where nobody knows.
    pub(super) fn has_family(&self, is_v4: bool) -> bool {
        let reaches = |ip: &IpAddr| ip.is_ipv4() == is_v4 && !ip.is_loopback() && !is_link_local(*ip);
        self.interfaces.is_empty() || self.own.iter().any(|(ip, _)| reaches(ip))
    }

    /// The VPN that carries what goes to an address, unless the person chose where packets leave.
    pub(super) fn tunnel(&self, to: IpAddr) -> Option<Note> {
        let about = &self.plan.about;
        // What a gateway's own tunnel carries is what its programs see.
        let is_meant = matches!(about.vantage, Vantage::Vpn | Vantage::Gateway);
        if !about.from.is_empty() || !about.overrides.is_empty() || to.is_loopback() || is_meant {
            return None;
        }
        let asked =
            self.tunnels.get(&to).map(|(seen, route)| (seen.number, route.interface.clone().unwrap_or_default()));
        let (fact, name) = asked.or_else(|| self.default_tunnel().filter(|_| !self.is_neighbour(to)))?;
        Some(Note { reason: Reason::VpnOwnsRoute, facts: vec![fact], about: name })
    }

    /// The tunnel that the default route leads through, where no other interface has one.
    fn default_tunnel(&self) -> Option<(u32, String)> {
        let is_other = self.interfaces.iter().any(|(_, interface)| interface.is_default && !interface.is_tunnel);
        let tunnel = self.interfaces.iter().find(|(_, it)| it.is_default && it.is_tunnel && it.is_up && !is_other);
        tunnel.map(|(observation, interface)| (observation.number, interface.name.clone()))
    }

    /// The lease of the interface that packets leave by.
    pub(super) fn lease(&self) -> Option<(&'a Observation, &'a Lease)> {
        let from = &self.plan.about.from;
        let default = self.interfaces.iter().find(|(_, interface)| interface.is_default && !interface.is_tunnel);
        let by_name = |name: &str| self.leases.iter().find(|(_, lease)| lease.interface == name);
        let by_address = |lease: &Lease| lease.address.as_ref().is_some_and(|own| own.split('/').next() == Some(from));
        by_name(from)
            .or_else(|| self.leases.iter().find(|(_, lease)| by_address(lease)))
            .or_else(|| default.and_then(|(_, interface)| by_name(&interface.name)))
            .or_else(|| self.leases.first())
            .copied()
    }
}

/// Reads `192.168.1.20/24`.
pub(super) fn with_prefix(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/').unwrap_or((text, ""));
    let address: IpAddr = address.split('%').next()?.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    Some((address, length.parse().unwrap_or(most).min(most)))
}

/// Whether an address lies in a network.
pub(super) fn is_within(address: IpAddr, network: IpAddr, length: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
            (a.to_bits() ^ b.to_bits()) & mask == 0
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length.min(128))).unwrap_or(0);
            (a.to_bits() ^ b.to_bits()) & mask == 0
        }
        _ => false,
    }
}

const fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// Issuers without a known root that show up below several names: one box in front of them all.
fn strange_issuers(observations: &[Observation]) -> HashSet<&str> {
    let mut names: HashMap<&str, HashSet<&str>> = HashMap::new();
    for observation in observations {
        if let Seen::Tls(Tls { name, chain, trust: Some(trust), .. }) = &observation.seen
            && !trust.mozilla
            && trust.expected != Some(true)
            && !trust.from_override
            && let Some(leaf) = chain.first()
        {
            names.entry(&leaf.issuer).or_default().insert(name);
        }
    }
    names
        .into_iter()
        .filter(|(issuer, names)| !issuer.is_empty() && names.len() > 1)
        .map(|(issuer, _)| issuer)
        .collect()
}
