//! This computer's own look at an address in its network: whether a connection is answered, and which hardware address it has.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;

use crate::flow::port::{Boxed, Neighbourhood, Sight};
use crate::model::text::visible;

/// Ports that are tried, one after the other: a refusal is an answer, too.
const PORTS: [u16; 2] = [80, 443];
/// How long one of them may take.
const WAIT: Duration = Duration::from_millis(1200);
/// Where Linux tells the hardware addresses it learnt.
const LEARNT: &str = "/proc/net/arp";

/// The network of this computer.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnNetwork;

impl Neighbourhood for OwnNetwork {
    fn look(&self, address: IpAddr) -> Boxed<'_, Sight> {
        Box::pin(async move {
            let found = tokio::task::spawn_blocking(move || interface_beside(address)).await.ok().flatten();
            let Some(interface) = found else { return Sight::Elsewhere };
            let has_answered = answers(address).await;
            let learnt = std::fs::read_to_string(LEARNT).unwrap_or_default();
            let mac = mac_of(&learnt, address);
            // The list keeps addresses for a while after their owner went: by itself it is no answer.
            Sight::Here { interface, has_answered, mac }
        })
    }

    fn learnt(&self, macs: &[[u8; 6]]) -> Vec<IpAddr> {
        addresses_of(&std::fs::read_to_string(LEARNT).unwrap_or_default(), macs)
    }
}

/// The interface that has an address in the same network as another; none where that is this computer's own.
fn interface_beside(address: IpAddr) -> Option<String> {
    let IpAddr::V4(wanted) = address else { return None };
    let all = netdev::get_interfaces();
    if all.iter().any(|one| one.ip_addrs().contains(&address)) {
        return None;
    }
    let is_beside = |one: &&netdev::Interface| {
        let networks = one.ipv4.iter().filter(|own| (8..31).contains(&own.prefix_len()));
        one.is_up() && !one.is_loopback() && networks.into_iter().any(|own| own.contains(&wanted))
    };
    all.iter().find(is_beside).map(|one| visible(one.friendly_name.as_deref().unwrap_or(&one.name), 40))
}

async fn answers(address: IpAddr) -> bool {
    for port in PORTS {
        let connected = TcpStream::connect(SocketAddr::new(address, port));
        match tokio::time::timeout(WAIT, connected).await {
            Ok(Ok(_)) => return true,
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => return true,
            Ok(Err(_)) | Err(_) => {}
        }
    }
    false
}

/// The hardware address in the system's list: columns apart by spaces, of which the first is the address, the third the flags
/// (2: it is complete), the fourth the hardware address.
fn mac_of(learnt: &str, address: IpAddr) -> Option<[u8; 6]> {
    pairs(learnt).find_map(|(own, mac)| (own == address).then_some(mac))
}

/// The addresses of these hardware addresses in the system's list.
fn addresses_of(learnt: &str, macs: &[[u8; 6]]) -> Vec<IpAddr> {
    pairs(learnt).filter(|(_, mac)| macs.contains(mac)).map(|(address, _)| address).collect()
}

fn pairs(learnt: &str) -> impl Iterator<Item = (IpAddr, [u8; 6])> {
    learnt.lines().skip(1).filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let [own, _, flags, mac, ..] = columns[..] else { return None };
        let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap_or(0);
        let own = own.parse::<Ipv4Addr>().ok().filter(|_| flags & 2 != 0)?;
        Some((IpAddr::V4(own), crate::model::mac::read(mac)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_complete_line_of_the_systems_list_tells_a_hardware_address() {
        let list = "IP address       HW type     Flags       HW address            Mask     Device\n\
                    192.168.1.23     0x1         0x2         34:85:18:0a:00:01     *        wlan0\n\
                    192.168.1.24     0x1         0x0         00:00:00:00:00:00     *        wlan0\n";
        let of = |address: &str| mac_of(list, address.parse().unwrap());
        assert_eq!(of("192.168.1.23"), Some([0x34, 0x85, 0x18, 0x0a, 0, 1]));
        assert_eq!(of("192.168.1.24"), None);
        assert_eq!(of("192.168.1.2"), None);
        let known = addresses_of(list, &[[0x34, 0x85, 0x18, 0x0a, 0, 1]]);
        assert_eq!(known, ["192.168.1.23".parse::<IpAddr>().unwrap()]);
    }

    #[tokio::test]
    async fn to_an_address_outside_and_to_this_computers_own_nothing_is_sent() {
        for address in ["203.0.113.7", "127.0.0.1", "::1"] {
            assert_eq!(OwnNetwork.look(address.parse().unwrap()).await, Sight::Elsewhere, "{address}");
        }
    }
}
