//! What this computer saw of a gateway that joined, as evidence. An address is a value here; sockets are the port's.

use core::net::IpAddr;
use std::time::Duration;

use super::port::Sight;
use crate::model::ids::{LinkAddress, LinkKind};
use crate::model::mac;
use crate::model::outcome::{Evidence, EvidenceKind};

/// The address in what a gateway gave: `http://192.168.1.23:8080/` or the address alone.
pub(in crate::flow) fn address_in(text: &str) -> Option<IpAddr> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let without_port = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let plain = |host: &str| host.trim_matches(['[', ']']).parse().ok();
    plain(host).or_else(|| plain(without_port))
}

/// That nobody looked, and why.
pub(super) fn not_checked(what: &str, why: &str, at: Duration) -> Evidence {
    Evidence { kind: EvidenceKind::NotChecked, text: format!("Whether {what} answers this computer: {why}"), at }
}

/// What was seen, said as no more than it is.
pub(super) fn evidence(address: IpAddr, sight: &Sight, link: &LinkAddress, at: Duration) -> Evidence {
    match sight {
        Sight::Elsewhere => not_checked(&address.to_string(), "this computer has no address in that network", at),
        // A hardware address without an answer may be an old one of the system's list.
        Sight::Here { interface, has_answered: false, .. } => {
            let why =
                format!("no answer on {interface}. It may filter, or this may be another network of the same numbers");
            not_checked(&address.to_string(), &why, at)
        }
        Sight::Here { interface, has_answered: true, mac } => {
            let mut text = format!("{address} answers this computer on {interface}");
            if let Some(mac) = mac {
                text = format!("{text}, with the MAC {}", mac::shown(*mac));
                text.push_str(match own_mac(link) {
                    Some(own) if mac::is_of_one_chip(own, *mac) => {
                        ", which is of the same chip as the gateway's Bluetooth address"
                    }
                    Some(_) => {
                        ", which isn't of the chip with the gateway's Bluetooth address. Where one chip has both radios, another device answers there"
                    }
                    None => "",
                });
            }
            Evidence { kind: EvidenceKind::Observed, text, at }
        }
    }
}

/// The hardware address a link goes to, where it is one.
fn own_mac(link: &LinkAddress) -> Option<[u8; 6]> {
    (link.kind() == LinkKind::Ble).then(|| mac::read(link.place())).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_out_of_what_gateways_give() {
        let address = |text: &str| address_in(text).map(|address| address.to_string());
        assert_eq!(address("http://192.168.1.23/setup").as_deref(), Some("192.168.1.23"));
        assert_eq!(address("https://192.168.1.23:8443").as_deref(), Some("192.168.1.23"));
        assert_eq!(address("192.168.1.23").as_deref(), Some("192.168.1.23"));
        assert_eq!(address("http://[fe80::1]:80/").as_deref(), Some("fe80::1"));
        assert_eq!(address("http://gateway.local/"), None);
    }

    #[test]
    fn an_answer_is_observed_and_anything_else_is_not_checked_with_its_reason() {
        let ble = LinkAddress::Ble("34:85:18:0A:00:06".into());
        let told = |sight: Sight| {
            let evidence = evidence("192.168.1.23".parse().unwrap(), &sight, &ble, Duration::ZERO);
            (evidence.kind, evidence.text)
        };
        let here = |has_answered, mac| Sight::Here { interface: "wlan0".into(), has_answered, mac };
        let (kind, text) = told(here(true, Some([0x34, 0x85, 0x18, 0x0a, 0, 4])));
        assert_eq!(kind, EvidenceKind::Observed);
        assert!(text.contains("34:85:18:0a:00:04") && text.ends_with("Bluetooth address"), "{text}");
        let (kind, text) = told(here(true, Some([0x34, 0x85, 0x18, 0x0a, 9, 4])));
        assert!(kind == EvidenceKind::Observed && text.ends_with("another device answers there"), "{text}");
        assert_eq!(told(here(false, None)).0, EvidenceKind::NotChecked);
        let (kind, text) = told(here(false, Some([0x34, 0x85, 0x18, 0x0a, 0, 4])));
        assert_eq!(kind, EvidenceKind::NotChecked, "the system remembers who had an address: {text}");
        assert_eq!(told(Sight::Elsewhere).0, EvidenceKind::NotChecked);
    }
}
