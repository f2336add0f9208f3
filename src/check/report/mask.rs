//! [`Mask`]: addresses inside the site, taken out of what leaves it.
//!
//! What belongs to the site is gathered from the evidence: addresses of this computer, its routers, name servers and lease,
//! the gateway's, and whatever address is private by its kind. People read a label in its place, `internal-3`; evidence that
//! is to be judged again gets another address of the same kind. Equal addresses stay equal.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::check::evidence::Evidence;
use crate::check::seen::{Interface, Lease, NameServer, Route, Seen};

/// What stands in the place of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// Nothing: addresses stay.
    Nothing,
    /// A label for people.
    Label,
    /// Another address of the same kind, for programs.
    Address,
}

/// Takes addresses out of texts.
#[derive(Debug)]
pub struct Mask {
    instead: Instead,
    own: BTreeSet<IpAddr>,
    labels: RefCell<BTreeMap<IpAddr, usize>>,
}

impl Mask {
    /// A mask for a run.
    pub fn new(evidence: &Evidence, instead: Instead) -> Self {
        let mut own = BTreeSet::new();
        if instead != Instead::Nothing {
            gather(evidence, &mut own);
        }
        Self { instead, own, labels: RefCell::default() }
    }

    /// Whether it takes anything out.
    pub fn is_masking(&self) -> bool {
        self.instead != Instead::Nothing
    }

    /// The text without addresses inside the site.
    pub fn text(&self, text: &str) -> String {
        if !self.is_masking() {
            return text.to_owned();
        }
        let mut shown = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find(is_part) {
            let end = rest[start..].find(|c| !is_part(c)).map_or(rest.len(), |length| start + length);
            shown.push_str(&rest[..start]);
            self.run(&rest[start..end], &mut shown);
            rest = &rest[end..];
        }
        shown.push_str(rest);
        shown
    }

    /// Characters of which addresses are made, in a row: whole, or with something around.
    fn run(&self, mut run: &str, shown: &mut String) {
        while !run.is_empty() {
            if let Some((address, length)) = address_at_start(run) {
                shown.push_str(&self.replaced(address).unwrap_or_else(|| run[..length].to_owned()));
                run = &run[length..];
            } else {
                shown.push_str(&run[..1]);
                run = &run[1..];
            }
        }
    }

    fn replaced(&self, address: IpAddr) -> Option<String> {
        if !self.own.contains(&address) && !is_inside(address) {
            return None;
        }
        let mut labels = self.labels.borrow_mut();
        let next = labels.len() + 1;
        let number = *labels.entry(address).or_insert(next);
        drop(labels);
        Some(match self.instead {
            Instead::Address => self.stand_in(address, number).to_string(),
            Instead::Label | Instead::Nothing => format!("internal-{number}"),
        })
    }

    /// An address of the same kind that is none of the site's.
    fn stand_in(&self, address: IpAddr, number: usize) -> IpAddr {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        // An odd step reaches all of the range before it comes back.
        let tries = (0..1000_u32).map(|turn| number.wrapping_add(turn.wrapping_mul(7919)));
        let stand_in = |number: u32| match address {
            IpAddr::V4(v4) => IpAddr::V4(like_v4(v4, number)),
            IpAddr::V6(v6) => IpAddr::V6(like_v6(v6, number)),
        };
        let free = tries.map(stand_in).find(|address| !self.own.contains(address));
        free.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }
}

const fn is_part(c: char) -> bool {
    c.is_ascii_hexdigit() || matches!(c, '.' | ':')
}

/// The longest address a run begins with: IPv6 first, since it may end in IPv4. A run is cut into pieces by its caller, so
/// that letters in front of an address do not hide it.
fn address_at_start(run: &str) -> Option<(IpAddr, usize)> {
    const LONGEST: usize = 45;
    let longest = run.len().min(LONGEST);
    (2..=longest).rev().find_map(|length| {
        let piece = &run[..length];
        let is_whole = !piece.ends_with('.') && (!piece.ends_with(':') || piece.ends_with("::"));
        let is_number_cut = run[length..].starts_with(|c: char| c.is_ascii_digit());
        if !is_whole || is_number_cut {
            return None;
        }
        piece.parse::<IpAddr>().ok().map(|address| (address, length))
    })
}

/// Addresses that name a place inside some site, by their kind. Loopback names none.
const fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || is_shared(v4),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// 100.64.0.0/10 (RFC 6598).
const fn is_shared(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 100 && second & 0xC0 == 64
}

fn like_v4(address: Ipv4Addr, number: u32) -> Ipv4Addr {
    let (base, hosts) = match address.octets() {
        [10, ..] => ([10, 0, 0, 0], 24),
        [172, ..] => ([172, 16, 0, 0], 20),
        [192, ..] => ([192, 168, 0, 0], 16),
        [169, ..] => ([169, 254, 0, 0], 16),
        [100, ..] => ([100, 64, 0, 0], 22),
        // A public address of the site: one of those for documentation (RFC 5737).
        _ => ([198, 51, 100, 0], 8),
    };
    Ipv4Addr::from_bits(Ipv4Addr::from(base).to_bits() | (number & ((1 << hosts) - 1)))
}

fn like_v6(address: Ipv6Addr, number: u32) -> Ipv6Addr {
    let base = match address.segments()[0] {
        0xfe80..=0xfebf => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0),
        0xfc00..=0xfdff => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0),
        _ => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0),
    };
    Ipv6Addr::from_bits(base.to_bits() | u128::from(number))
}

/// The addresses that the evidence shows to belong to the site.
fn gather(evidence: &Evidence, own: &mut BTreeSet<IpAddr>) {
    if let Some(beside) = &evidence.beside {
        gather(beside, own);
    }
    let about = &evidence.about;
    for text in [&about.gateway, &about.from, &about.subnet] {
        own.extend(address_of(text));
    }
    own.extend(about.via.as_ref().and_then(|via| address_of_link(&via.link)));
    for observation in &evidence.observations {
        match &observation.seen {
            Seen::Interface(interface) => own.extend(of_interface(interface)),
            Seen::Lease(lease) => own.extend(of_lease(lease)),
            Seen::NameServer(NameServer { address, .. }) => own.extend(address.map(|address| address.ip())),
            Seen::Route(Route { source, .. }) => own.extend(*source),
            Seen::Connect(connect) => own.extend(connect.from.map(|from| from.ip())),
            _ => {}
        }
    }
    own.retain(|address| !address.is_loopback() && !address.is_unspecified());
}

/// The address of a text such as `192.168.1.20/24`.
fn address_of(text: &str) -> Option<IpAddr> {
    text.split('/').next()?.parse().ok()
}

/// The address in `udp:192.0.2.7:1337` or `http:192.0.2.7`.
fn address_of_link(link: &str) -> Option<IpAddr> {
    let (_, place) = link.split_once(':')?;
    place.parse().ok().or_else(|| Some(place.parse::<core::net::SocketAddr>().ok()?.ip()))
}

fn of_interface(interface: &Interface) -> impl Iterator<Item = IpAddr> {
    interface.addresses.iter().filter_map(|text| address_of(text)).chain(interface.routers.iter().copied())
}

fn of_lease(lease: &Lease) -> impl Iterator<Item = IpAddr> {
    let single = lease.address.as_deref().and_then(address_of).into_iter().chain(lease.server);
    single.chain(lease.routers.iter().copied()).chain(lease.name_servers.iter().copied())
}
