//! How an interface got its address, as far as the system tells: NetworkManager over the message bus, systemd-networkd by the
//! files it keeps; elsewhere only whether it was by DHCP.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::check::seen::Lease;
use crate::model::text::visible;

/// Longest text of a captive portal's address.
const URL_CHARS: usize = 300;
/// Most routers and name servers that are told.
const MAX_ADDRESSES: usize = 16;
/// What NetworkManager calls option 114, in the words of the clients it works with.
const PORTAL: [&str; 4] = ["captive_portal", "dhcp_captive_portal", "v4_captive_portal", "private_114"];

/// What is known of the lease of an interface. It may take a moment: a service is asked.
pub(super) fn of(interface: &netdev::Interface, name: &str) -> Lease {
    let told = service::of_network_manager(&interface.name)
        .map(|options| from_network_manager(&options))
        .or_else(|| of_networkd(interface.index));
    let known = Lease {
        interface: name.to_owned(),
        by_dhcp: interface.dhcp_v4_enabled,
        address: interface.ipv4.first().map(ToString::to_string),
        ..Lease::default()
    };
    match told {
        Some(told) => {
            Lease { interface: known.interface, by_dhcp: Some(true), address: told.address.or(known.address), ..told }
        }
        None => known,
    }
}

/// The options of a lease as NetworkManager lists them.
fn from_network_manager(options: &BTreeMap<String, String>) -> Lease {
    let option = |name: &str| options.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    let prefix = option("subnet_mask").and_then(|mask| mask.parse().ok()).and_then(prefix);
    let address = option("ip_address").filter(|address| address.parse::<IpAddr>().is_ok());
    Lease {
        address: address.map(|address| prefix.map_or(address.to_owned(), |prefix| format!("{address}/{prefix}"))),
        server: option("dhcp_server_identifier").and_then(|server| server.parse().ok()),
        routers: option("routers").map(addresses).unwrap_or_default(),
        name_servers: option("domain_name_servers").map(addresses).unwrap_or_default(),
        seconds: option("dhcp_lease_time").and_then(|seconds| seconds.parse().ok()),
        portal: PORTAL.iter().find_map(|name| option(name)).map(|url| visible(url, URL_CHARS)),
        told_by: "NetworkManager".into(),
        ..Lease::default()
    }
}

/// The lease that systemd-networkd keeps of an interface, by the number of it.
fn of_networkd(index: u32) -> Option<Lease> {
    let lease = std::fs::read_to_string(format!("/run/systemd/netif/leases/{index}")).ok()?;
    // Only newer ones have it.
    let link = std::fs::read_to_string(format!("/run/systemd/netif/links/{index}")).unwrap_or_default();
    Some(from_networkd(&lease, &link))
}

/// The files of systemd-networkd: the lease, and the state of the link.
fn from_networkd(lease: &str, link: &str) -> Lease {
    let values = |text: &str| -> BTreeMap<String, String> {
        let pairs = text.lines().take(200).filter_map(|line| line.split_once('='));
        pairs.map(|(key, value)| (key.to_owned(), value.trim_matches('"').to_owned())).collect()
    };
    let (lease, link) = (values(lease), values(link));
    let value = |name: &str| lease.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let prefix = value("NETMASK").and_then(|mask| mask.parse().ok()).and_then(prefix);
    let address = value("ADDRESS").filter(|address| address.parse::<IpAddr>().is_ok());
    let portal = link.get("CAPTIVE_PORTAL").or_else(|| lease.get("CAPTIVE_PORTAL")).filter(|url| !url.is_empty());
    Lease {
        address: address.map(|address| prefix.map_or(address.to_owned(), |prefix| format!("{address}/{prefix}"))),
        server: value("SERVER_ADDRESS").and_then(|server| server.parse().ok()),
        routers: value("ROUTER").map(addresses).unwrap_or_default(),
        name_servers: value("DNS").map(addresses).unwrap_or_default(),
        seconds: value("LIFETIME").and_then(|seconds| seconds.trim_end_matches('s').parse().ok()),
        portal: portal.map(|url| visible(url, URL_CHARS)),
        told_by: "systemd-networkd".into(),
        ..Lease::default()
    }
}

fn addresses(list: &str) -> Vec<IpAddr> {
    list.split([' ', ',']).filter_map(|address| address.parse().ok()).take(MAX_ADDRESSES).collect()
}

/// The length of a prefix, of its mask.
fn prefix(mask: std::net::Ipv4Addr) -> Option<u32> {
    let bits = u32::from(mask);
    (bits.leading_ones() + bits.trailing_zeros() == 32 || bits == 0).then(|| bits.leading_ones())
}

#[cfg(target_os = "linux")]
mod service {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use dbus::Path;
    use dbus::arg::{PropMap, RefArg};
    use dbus::blocking::stdintf::org_freedesktop_dbus::Properties as _;
    use dbus::blocking::{Connection, Proxy};

    const SERVICE: &str = "org.freedesktop.NetworkManager";
    /// How long one question may take.
    const LIMIT: Duration = Duration::from_millis(500);

    /// The options of the lease of an interface; `None` where NetworkManager does not run, or knows of none.
    pub(super) fn of_network_manager(interface: &str) -> Option<BTreeMap<String, String>> {
        let bus = Connection::new_system().ok()?;
        let manager = Proxy::new(SERVICE, "/org/freedesktop/NetworkManager", LIMIT, &bus);
        let (device,): (Path<'static>,) = manager.method_call(SERVICE, "GetDeviceByIpIface", (interface,)).ok()?;
        let device = Proxy::new(SERVICE, device, LIMIT, &bus);
        let lease: Path<'static> = device.get("org.freedesktop.NetworkManager.Device", "Dhcp4Config").ok()?;
        // Where there is no lease its path is the root.
        let lease = Some(lease).filter(|path| &**path != "/")?;
        let lease = Proxy::new(SERVICE, lease, LIMIT, &bus);
        let options: PropMap = lease.get("org.freedesktop.NetworkManager.DHCP4Config", "Options").ok()?;
        Some(options.into_iter().filter_map(|(name, value)| Some((name, text(&value.0)?))).collect())
    }

    fn text(value: &dyn RefArg) -> Option<String> {
        value.as_str().map(ToOwned::to_owned).or_else(|| value.as_u64().map(|number| number.to_string()))
    }
}

/// There is no such service on this system.
#[cfg(not(target_os = "linux"))]
mod service {
    use std::collections::BTreeMap;

    pub(super) const fn of_network_manager(_interface: &str) -> Option<BTreeMap<String, String>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_networkmanager_tells_of_a_lease_is_read() {
        let options = [
            ("ip_address", "192.168.8.20"),
            ("subnet_mask", "255.255.254.0"),
            ("routers", "192.168.8.1 192.168.8.2"),
            ("domain_name_servers", "192.168.8.1 nonsense 9.9.9.9"),
            ("dhcp_server_identifier", "192.168.8.1"),
            ("dhcp_lease_time", "86400"),
            ("private_114", "https://portal.example/api\u{1b}"),
        ];
        let lease = from_network_manager(&options.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(lease.address.as_deref(), Some("192.168.8.20/23"));
        assert_eq!(lease.routers, [ip("192.168.8.1"), ip("192.168.8.2")]);
        assert_eq!(lease.name_servers, [ip("192.168.8.1"), ip("9.9.9.9")]);
        assert_eq!((lease.server, lease.seconds), (Some(ip("192.168.8.1")), Some(86_400)));
        assert_eq!(lease.portal.as_deref(), Some("https://portal.example/api\u{FFFD}"));
        assert_eq!(from_network_manager(&BTreeMap::new()).address, None);
    }

    #[test]
    fn what_networkd_keeps_of_a_lease_is_read() {
        let lease = "# This is private data. Do not parse.\nADDRESS=10.0.0.20\nNETMASK=255.255.255.0\nROUTER=10.0.0.1\n\
                     SERVER_ADDRESS=10.0.0.1\nDNS=10.0.0.1 10.0.0.3\nLIFETIME=3600\n";
        let lease = from_networkd(lease, "ADMIN_STATE=configured\nCAPTIVE_PORTAL=https://portal.example/\n");
        assert_eq!(lease.address.as_deref(), Some("10.0.0.20/24"));
        assert_eq!((lease.server, lease.seconds, lease.name_servers.len()), (Some(ip("10.0.0.1")), Some(3600), 2));
        assert_eq!(lease.portal.as_deref(), Some("https://portal.example/"));
        assert_eq!(lease.told_by, "systemd-networkd");
        assert_eq!(from_networkd("nonsense\n=\nADDRESS=", "").address, None);
    }

    #[test]
    fn a_mask_with_holes_has_no_prefix() {
        assert_eq!(prefix("255.255.255.0".parse().unwrap()), Some(24));
        assert_eq!(prefix("0.0.0.0".parse().unwrap()), Some(0));
        assert_eq!(prefix("255.0.255.0".parse().unwrap()), None);
    }
}
