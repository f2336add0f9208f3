//! The name servers of this computer's settings, read entry by entry: one that cannot be used does not hide the others.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::check::seen::NameServer;
use crate::model::text::visible;

/// The port of name servers.
const PORT: u16 = 53;
/// Most entries that are told.
const MAX_SERVERS: usize = 16;
/// Longest text of an entry.
const ENTRY_CHARS: usize = 100;
/// Where the system's settings stand, and where those behind systemd's stub do.
#[cfg(unix)]
const SETTINGS: &str = "/etc/resolv.conf";
#[cfg(unix)]
const BEHIND_THE_STUB: &str = "/run/systemd/resolve/resolv.conf";

/// All entries, in their order; behind a stub on this computer also those it asks.
#[cfg(unix)]
pub(super) fn read() -> Vec<NameServer> {
    // Where there are no settings there are no name servers.
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let mut servers = parse(&text(SETTINGS), SETTINGS, scope_of);
    if servers.iter().any(|server| server.is_stub) {
        let known: Vec<_> = servers.iter().map(|server| server.address).collect();
        let behind = parse(&text(BEHIND_THE_STUB), BEHIND_THE_STUB, scope_of);
        servers.extend(behind.into_iter().filter(|server| !known.contains(&server.address)));
    }
    servers.truncate(MAX_SERVERS);
    servers
}

/// All entries: those of the interfaces, as this system keeps them.
#[cfg(not(unix))]
pub(super) fn read() -> Vec<NameServer> {
    let interfaces = netdev::get_interfaces().into_iter().filter(netdev::Interface::is_up);
    let mut servers: Vec<NameServer> = Vec::new();
    for interface in interfaces {
        for address in &interface.dns_servers {
            let entry = match address {
                IpAddr::V6(own) if own.is_unicast_link_local() => format!("{address}%{}", interface.index),
                _ => address.to_string(),
            };
            let from = interface.friendly_name.as_deref().unwrap_or(&interface.name);
            let server = entry_of(&entry, from, scope_of);
            if servers.iter().all(|known| known.entry != server.entry) {
                servers.push(server);
            }
        }
    }
    servers.truncate(MAX_SERVERS);
    servers
}

/// An entry of an override file.
pub(super) fn given(address: SocketAddr) -> NameServer {
    NameServer {
        entry: address.to_string(),
        address: Some(address),
        from: "override file".into(),
        is_stub: false,
        ignored: String::new(),
    }
}

/// The entries of a file in the form of resolv.conf(5). `scope_of` gives the number of an interface.
fn parse(text: &str, from: &str, scope_of: fn(&str) -> Option<u32>) -> Vec<NameServer> {
    let entries = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next().unwrap_or_default())
    });
    entries.take(MAX_SERVERS).map(|entry| entry_of(entry, from, scope_of)).collect()
}

fn entry_of(entry: &str, from: &str, scope_of: fn(&str) -> Option<u32>) -> NameServer {
    let read = address(entry, scope_of);
    let ip = read.as_ref().ok().map(SocketAddr::ip);
    let ignored = match (&read, ip) {
        (Err(why), _) => (*why).to_owned(),
        (_, Some(IpAddr::V6(ip))) if is_placeholder(ip) => {
            "a placeholder that Windows sets where there is no name server".into()
        }
        _ => String::new(),
    };
    NameServer {
        entry: visible(entry, ENTRY_CHARS),
        address: read.ok(),
        from: from.into(),
        is_stub: ip.is_some_and(|ip| ip.is_loopback()),
        ignored,
    }
}

/// The three addresses `fec0:0:0:ffff::1` to `::3`.
fn is_placeholder(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [0xFEC0, 0, 0, 0xFFFF, 0, 0, 0, 1..=3])
}

/// An address, with the interface it belongs to where one is named: `fe80::1%eth0`.
fn address(entry: &str, scope_of: fn(&str) -> Option<u32>) -> Result<SocketAddr, &'static str> {
    let (bare, scope) = entry.split_once('%').map_or((entry, None), |(bare, scope)| (bare, Some(scope)));
    let ip: IpAddr = bare.parse().map_err(|_| "this isn't an address")?;
    match (ip, scope) {
        (IpAddr::V6(ip), Some(scope)) => {
            let number = scope.parse().ok().or_else(|| scope_of(scope)).ok_or("its interface is not there")?;
            Ok(SocketAddrV6::new(ip, PORT, 0, number).into())
        }
        (IpAddr::V6(ip), None) if ip.is_unicast_link_local() => Err("a link-local address without its interface"),
        (ip, None) => Ok(SocketAddr::new(ip, PORT)),
        (IpAddr::V4(_), Some(_)) => Err("this isn't an address"),
    }
}

/// The number of an interface.
fn scope_of(name: &str) -> Option<u32> {
    netdev::get_interfaces().into_iter().find(|interface| interface.name == name).map(|interface| interface.index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(Option<String>, bool, String)> {
        let scope = |name: &str| (name == "eth0").then_some(7);
        parse(text, "test", scope)
            .into_iter()
            .map(|server| (server.address.map(|address| address.to_string()), server.is_stub, server.ignored))
            .collect()
    }

    #[test]
    fn one_entry_that_cannot_be_used_does_not_hide_the_others() {
        let text = "# comment\nsearch example\nnameserver fe80::1%eth0\nnameserver nonsense\nnameserver 192.0.2.1\n\
                    nameserver fe80::2%gone\nnameserver fe80::3\n nameserver 2001:db8::1 # trailing\nnameserver\n";
        let no = |why: &str| (None, false, why.to_owned());
        let yes = |address: &str| (Some(address.to_owned()), false, String::new());
        assert_eq!(
            read(text),
            [
                yes("[fe80::1%7]:53"),
                no("this isn't an address"),
                yes("192.0.2.1:53"),
                no("its interface is not there"),
                no("a link-local address without its interface"),
                yes("[2001:db8::1]:53"),
                no("this isn't an address"),
            ]
        );
    }

    #[test]
    fn placeholders_of_windows_are_said_to_be_ignored() {
        let [placeholder, real] = &read("nameserver fec0:0:0:ffff::1\nnameserver fec0:0:0:fffe::1")[..] else {
            panic!()
        };
        assert!(placeholder.2.contains("placeholder"), "{placeholder:?}");
        assert_eq!(real.2, "");
    }

    #[test]
    fn a_stub_on_this_computer_is_told_as_one() {
        assert!(read("nameserver 127.0.0.53")[0].1);
        assert!(!read("nameserver 192.0.2.53")[0].1);
    }

    #[test]
    fn a_file_without_end_is_cut() {
        assert_eq!(read(&"nameserver 192.0.2.1\n".repeat(1000)).len(), MAX_SERVERS);
    }
}
