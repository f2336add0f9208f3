//! Where this computer stands: interfaces, the way to an address, name servers, proxies, leases. Nothing is sent.

use std::net::{IpAddr, SocketAddr};

use netdev::interface::types::InterfaceType;

use super::{Began, Teller, leases, name_servers, proxies, settings, sockets};
use crate::check::question::From;
use crate::check::seen::{Interface, Lease, Route, Seen};
use crate::model::problem::Problem;
use crate::model::text::visible;

/// Most interfaces and addresses that are told.
const MAX_INTERFACES: usize = 32;
const MAX_ADDRESSES: usize = 16;
/// Longest name of an interface.
const NAME_CHARS: usize = 64;
/// A port that is asked about and never sent to.
const ANY_PORT: u16 = 9;
/// How the names of tunnels begin.
const TUNNELS: [&str; 9] = ["tun", "tap", "wg", "utun", "ppp", "tailscale", "zt", "ipsec", "nordlynx"];

/// Tells of everything there is.
pub(super) async fn look(given: Option<&[SocketAddr]>, teller: &Teller) {
    let began = Began::now();
    teller.tell(began, Seen::System { name: std::env::consts::OS.into() }).await;
    for (interface, lease) in tokio::task::spawn_blocking(interfaces).await.unwrap_or_default() {
        teller.tell(began, Seen::Interface(interface)).await;
        if let Some(lease) = lease {
            teller.tell(began, Seen::Lease(lease)).await;
        }
    }
    let servers = match given {
        Some(given) => given.iter().map(|address| name_servers::given(*address)).collect(),
        None => tokio::task::spawn_blocking(name_servers::read).await.unwrap_or_default(),
    };
    for server in servers {
        teller.tell(began, Seen::NameServer(server)).await;
    }
    let settings = tokio::task::spawn_blocking(settings::read).await.unwrap_or_default();
    for proxy in proxies::of_environment().into_iter().chain(settings) {
        teller.tell(began, Seen::Proxy(proxy)).await;
    }
}

/// The interfaces, and how those that are up got their addresses.
fn interfaces() -> Vec<(Interface, Option<Lease>)> {
    let all = netdev::get_interfaces().into_iter().filter(|one| !one.is_loopback()).take(MAX_INTERFACES);
    let has_lease = |one: &netdev::Interface| one.is_up() && !one.ipv4.is_empty() && !is_tunnel(one);
    all.map(|one| (shown(&one), has_lease(&one).then(|| leases::of(&one, &name(&one))))).collect()
}

/// Refuses an interface or source address that this computer doesn't have; nothing chosen is fine.
pub fn refuse_source(from: &str) -> Result<(), Problem> {
    if from.is_empty() {
        return Ok(());
    }
    let all = netdev::get_interfaces();
    let address: Option<IpAddr> = from.parse().ok();
    let has = |one: &netdev::Interface| match address {
        Some(address) => one.ip_addrs().contains(&address),
        None => one.name == from || one.friendly_name.as_deref() == Some(from),
    };
    if all.iter().any(has) || address.is_some_and(|address| address.is_loopback()) {
        return Ok(());
    }
    let here = |one: &netdev::Interface| {
        let addresses: Vec<String> = one.ip_addrs().iter().map(ToString::to_string).collect();
        format!("{} ({})", name(one), if addresses.is_empty() { "no address".into() } else { addresses.join(", ") })
    };
    let here: Vec<String> = all.iter().take(MAX_INTERFACES).map(here).collect();
    let what = if address.is_some() { "address" } else { "network interface" };
    Err(Problem::new(
        "check.unknown_source",
        format!("This computer has no {what} {}", visible(from, NAME_CHARS)),
        "The name is misspelt, the adapter is unplugged, or the address has changed",
        "Choose an interface or address of this computer, or none for the usual way out",
    )
    .with_detail(here.join("; ")))
}

fn name(interface: &netdev::Interface) -> String {
    visible(interface.friendly_name.as_deref().unwrap_or(&interface.name), NAME_CHARS)
}

fn shown(interface: &netdev::Interface) -> Interface {
    let v4 = interface.ipv4.iter().map(ToString::to_string);
    let v6 = interface.ipv6.iter().map(ToString::to_string);
    let routers = interface.gateway.iter().flat_map(|gateway| {
        let v4 = gateway.ipv4.iter().map(|address| IpAddr::from(*address));
        v4.chain(gateway.ipv6.iter().map(|address| IpAddr::from(*address)))
    });
    Interface {
        name: name(interface),
        addresses: v4.chain(v6).take(MAX_ADDRESSES).collect(),
        routers: routers.take(MAX_ADDRESSES).collect(),
        is_up: interface.is_up(),
        is_tunnel: is_tunnel(interface),
        is_wifi: interface.if_type == InterfaceType::Wireless80211,
        is_default: interface.default,
    }
}

fn is_tunnel(interface: &netdev::Interface) -> bool {
    matches!(interface.if_type, InterfaceType::Tunnel | InterfaceType::Ppp)
        || interface.is_tun()
        || TUNNELS.iter().any(|begin| interface.name.starts_with(begin))
}

/// The interface and source address that lead to an address.
pub(super) fn route(from: &From, to: IpAddr) -> Seen {
    // Connecting a datagram socket makes the system choose, and sends nothing.
    let chosen = sockets::udp(from, to).and_then(|socket| {
        let socket = socket.into_std()?;
        socket.connect(SocketAddr::new(to, ANY_PORT))?;
        socket.local_addr()
    });
    let source = chosen.ok().map(|own| own.ip()).filter(|own| !own.is_unspecified());
    let interface = source.and_then(|source| {
        netdev::get_interfaces().into_iter().find(|interface| interface.ip_addrs().contains(&source))
    });
    Seen::Route(Route {
        to,
        interface: interface.as_ref().map(name),
        source,
        is_tunnel: interface.as_ref().is_some_and(is_tunnel),
    })
}
