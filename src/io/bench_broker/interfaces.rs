//! This computer's own addresses, without a library for it: what the system would send from, and on Linux its table.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// One address in each network that a site may use, beside one out on the internet. Nothing is sent to them.
const TOWARDS: [&str; 7] = [
    "192.0.2.1:9",
    "10.255.255.254:9",
    "172.16.255.254:9",
    "192.168.255.254:9",
    "192.168.0.254:9",
    "192.168.1.254:9",
    "[2001:db8::1]:9",
];

/// Addresses of this computer that others may reach, the likeliest first.
pub(super) fn addresses() -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = TOWARDS.iter().filter_map(|towards| source_address(towards)).collect();
    if cfg!(target_os = "linux") {
        let table = std::fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
        found.extend(local_addresses(&table).into_iter().map(IpAddr::V4));
    }
    let mut seen = Vec::new();
    for address in found {
        if !address.is_loopback() && !address.is_unspecified() && !seen.contains(&address) {
            seen.push(address);
        }
    }
    seen
}

/// The address from which the system would send there. Connecting a datagram socket sends nothing.
fn source_address(towards: &str) -> Option<IpAddr> {
    let towards: SocketAddr = towards.parse().ok()?;
    let any: SocketAddr = if towards.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(towards).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The addresses that Linux's table of routes marks as its own.
fn local_addresses(table: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut last = None;
    for line in table.lines() {
        if let Some(address) = line.trim().strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line.contains("/32 host LOCAL") {
            found.extend(last.filter(|address| !found.contains(address)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_linux_is_read() {
        let table = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 192.168.1.0\n        /24 link UNICAST\n     |-- 192.168.1.20\n        /32 host LOCAL\n     |-- 192.168.1.255\n        /32 link BROADCAST\nLocal:\n     |-- 192.168.1.20\n        /32 host LOCAL\n     |-- 127.0.0.1\n        /32 host LOCAL\n";
        assert_eq!(local_addresses(table), [Ipv4Addr::new(192, 168, 1, 20), Ipv4Addr::LOCALHOST]);
        assert_eq!(local_addresses("garbage"), [] as [Ipv4Addr; 0]);
    }

    #[test]
    fn loopback_is_not_among_them() {
        assert!(addresses().iter().all(|address| !address.is_loopback()));
    }
}
