//! What the gateway says of its own place: clock, name servers, interfaces and routes. Sends nothing.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use super::{Ask, Gateway, Inquiry, Ran, Read};
use crate::check::seen::{Interface, NameServer, Seen};
use crate::model::endpoint::ProbeKind;
use crate::model::text::visible;
use crate::proto::console::quote::NotSendable;

const LIMIT: Duration = Duration::from_secs(2);
/// Most name servers and interfaces that are told.
const MAX_TOLD: usize = 16;
const NAME_CHARS: usize = 60;
/// Where name servers are written.
const RESOLV_CONF: &str = "/etc/resolv.conf";

pub(super) fn plan(gateway: &Gateway, inquiry: &mut Inquiry) {
    inquiry.ask(Settings { system: gateway.tools.system().to_owned() });
    if gateway.tools.has("ip") {
        inquiry.ask(Interfaces { call: gateway.tools.call("ip").unwrap_or_default() });
    }
}

/// Clock and name servers.
struct Settings {
    /// What the system calls itself.
    system: String,
}

impl Ask for Settings {
    fn command(&self) -> Result<String, NotSendable> {
        Ok(format!("date +clock=%s;cat {RESOLV_CONF}"))
    }

    fn limit(&self) -> Duration {
        LIMIT
    }

    fn step(&self) -> ProbeKind {
        ProbeKind::Dns
    }

    fn read(&self, ran: &Ran) -> Read {
        let mut read = Read { goes_on: true, ..Read::default() };
        if !self.system.is_empty() {
            read.seen(Seen::System { name: self.system.clone() });
        }
        for line in ran.out.lines() {
            let entry = line.trim().strip_prefix("nameserver").filter(|rest| rest.starts_with([' ', '\t']));
            if let Some(clock) = line.strip_prefix("clock=").and_then(|secs| secs.parse::<i64>().ok()) {
                // It tells whole seconds: the middle of one is meant.
                let unix_micros = clock.saturating_mul(1_000_000).saturating_add(500_000);
                read.seen(Seen::GatewayClock { unix_micros });
            } else if let Some(entry) = entry.filter(|_| read.found.len() < MAX_TOLD) {
                read.seen(name_server(entry.trim()));
            }
        }
        read
    }
}

fn name_server(entry: &str) -> Seen {
    let address: Option<IpAddr> = entry.split('%').next().and_then(|text| text.parse().ok());
    Seen::NameServer(NameServer {
        entry: visible(entry, NAME_CHARS),
        address: address.map(|ip| SocketAddr::new(ip, 53)),
        from: format!("{RESOLV_CONF} of the gateway"),
        is_stub: address.is_some_and(|ip| ip.is_loopback()),
        ignored: if address.is_some() { String::new() } else { "this isn't an address".into() },
    })
}

/// Addresses and default routes.
struct Interfaces {
    call: String,
}

impl Ask for Interfaces {
    fn command(&self) -> Result<String, NotSendable> {
        let ip = &self.call;
        Ok(format!("{ip} -o addr;{ip} route;{ip} -6 route"))
    }

    fn limit(&self) -> Duration {
        LIMIT
    }

    fn step(&self) -> ProbeKind {
        ProbeKind::Dns
    }

    fn read(&self, ran: &Ran) -> Read {
        let mut interfaces: Vec<Interface> = Vec::new();
        let mut routers: Vec<(String, Option<IpAddr>)> = Vec::new();
        for line in ran.out.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                [_, name, "inet" | "inet6", address, ..] => add(&mut interfaces, name.trim_end_matches(':'), address),
                ["default", rest @ ..] => {
                    let after = |key| rest.iter().position(|word| *word == key).and_then(|at| rest.get(at + 1));
                    if let Some(name) = after("dev") {
                        routers.push(((*name).to_owned(), after("via").and_then(|ip| ip.parse().ok())));
                    }
                }
                _ => {}
            }
        }
        for interface in &mut interfaces {
            for (_, router) in routers.iter().filter(|(name, _)| *name == interface.name) {
                interface.is_default = true;
                interface.routers.extend(router);
            }
        }
        let mut read = Read::default();
        interfaces.into_iter().take(MAX_TOLD).for_each(|interface| read.seen(Seen::Interface(interface)));
        read
    }
}

/// What a gateway's interfaces carry is what its programs see: none of them counts as a tunnel beside the way.
fn add(interfaces: &mut Vec<Interface>, name: &str, address: &str) {
    let name = visible(name, NAME_CHARS);
    let address = visible(address, NAME_CHARS);
    if let Some(known) = interfaces.iter_mut().find(|known| known.name == name) {
        return known.addresses.push(address);
    }
    interfaces.push(Interface {
        is_wifi: name.starts_with("wl"),
        is_up: true,
        addresses: vec![address],
        name,
        ..Interface::default()
    });
}
