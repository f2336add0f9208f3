//! Look-ups, made once a round for each name: by the operating system and by each name server, with controls.

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;

use super::Round;
use crate::check::evidence::Overrides;
use crate::check::question::{Asked, Carrier, Lookup, Purpose, Question};
use crate::check::seen::{self, Answer, Seen};

/// How long a look-up may take in total.
const LIMIT: Duration = Duration::from_secs(6);
/// Name servers that are asked directly.
const MAX_SERVERS: usize = 4;
/// A name that has only IPv4 addresses; others in the answer mean translation (RFC 7050).
const ONLY_IPV4: &str = "ipv4only.arpa";

/// What is known of names in a round.
#[derive(Default)]
pub(super) struct Names {
    servers: Mutex<Vec<SocketAddr>>,
    found: Mutex<HashMap<String, Arc<OnceCell<Vec<IpAddr>>>>>,
    /// Zones in which a made-up name was asked for, and servers that were asked by TCP.
    asked: Mutex<BTreeSet<String>>,
}

impl Names {
    /// The servers of this computer, or those the override file names.
    pub(super) fn take_servers(&self, told: &[Seen], overrides: &Overrides) {
        let own = told.iter().filter_map(|seen| match seen {
            Seen::NameServer(server) if server.ignored.is_empty() => server.address,
            _ => None,
        });
        let mut servers =
            if overrides.name_servers.is_empty() { own.collect::<Vec<_>>() } else { overrides.name_servers.clone() };
        servers.dedup();
        servers.truncate(MAX_SERVERS);
        *self.servers.lock().unwrap_or_else(PoisonError::into_inner) = servers;
    }

    pub(super) fn servers(&self) -> Vec<SocketAddr> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn cell(&self, name: &str) -> Arc<OnceCell<Vec<IpAddr>>> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(found.entry(name.to_owned()).or_default())
    }

    /// Whether this is the first time; each is asked once a round.
    fn is_first(&self, what: String) -> bool {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(what)
    }
}

impl Round {
    /// The addresses of a host: itself where it is one, else as looked up once a round.
    pub(super) async fn addresses(&self, host: &str) -> Vec<IpAddr> {
        if let Ok(address) = host.parse() {
            return vec![address];
        }
        self.names.cell(host).get_or_init(|| self.look_up(host)).await.clone()
    }

    async fn look_up(&self, host: &str) -> Vec<IpAddr> {
        let mapped: Vec<IpAddr> =
            self.overrides.map.iter().filter(|(name, ..)| name == host).map(|(_, _, to)| to.ip()).collect();
        if !mapped.is_empty() && self.overrides.name_servers.is_empty() {
            return self.note_override(host, mapped).await;
        }
        let servers = self.names.servers();
        let system = async {
            // The system's own look-up would leave the test site.
            if self.overrides.name_servers.is_empty() { self.ask_name(host, Asked::System).await } else { Vec::new() }
        };
        let direct = async {
            let mut found = Vec::new();
            for server in &servers {
                found.extend(self.ask_server(host, *server).await);
            }
            found
        };
        let (system, direct, ()) = tokio::join!(system, direct, self.controls(host, &servers));
        let mut found = if system.is_empty() { direct } else { system };
        found.extend(mapped);
        leaving(found, !self.overrides.is_empty())
    }

    async fn note_override(&self, host: &str, addresses: Vec<IpAddr>) -> Vec<IpAddr> {
        let lookup = seen::Lookup {
            name: host.to_owned(),
            purpose: Purpose::Row,
            server: None,
            by: None,
            sent: 0,
            lost: 0,
            answer: Answer::Overridden { addresses: addresses.clone() },
        };
        self.book.note(None, Some(host), Seen::Lookup(lookup)).await;
        addresses
    }

    /// By UDP; once a round by TCP as well.
    async fn ask_server(&self, host: &str, server: SocketAddr) -> Vec<IpAddr> {
        let mut found = self.ask_name(host, Asked::Server { address: server, by: Carrier::Udp }).await;
        if self.names.is_first(format!("tcp {server}")) {
            found.extend(self.ask_name(host, Asked::Server { address: server, by: Carrier::Tcp }).await);
        }
        found
    }

    pub(super) async fn ask_name(&self, host: &str, asked: Asked) -> Vec<IpAddr> {
        let question = Lookup { name: host.to_owned(), asked, purpose: Purpose::Row, limit: LIMIT };
        addresses_of(&self.ask(None, Some(host), Question::Lookup(question)).await)
    }

    /// Names that cannot exist, beside the row's and of no zone at all, and the name that tells of translation.
    async fn controls(&self, host: &str, servers: &[SocketAddr]) {
        let Some(server) = servers.first().filter(|_| self.has_controls) else { return };
        let label = format!("{:016x}", (self.random)());
        let zone = host.split_once('.').map_or(host, |(_, zone)| zone);
        let mut wanted = Vec::new();
        if self.names.is_first(format!("zone {zone}")) {
            wanted.push((format!("{label}.{zone}"), Purpose::Control));
        }
        if self.names.is_first("invalid".into()) {
            wanted.push((format!("{label}.invalid"), Purpose::Control));
            wanted.push((ONLY_IPV4.to_owned(), Purpose::Nat64));
        }
        for (name, purpose) in wanted {
            let asked = Asked::Server { address: *server, by: Carrier::Udp };
            let question = Lookup { name, asked, purpose, limit: LIMIT };
            self.ask(None, Some(host), Question::Lookup(question)).await;
        }
    }
}

/// Each address once, without those that stay in this computer: whatever listens there would answer for the network. On a test
/// site, loopback is where the stand-ins are.
fn leaving(found: Vec<IpAddr>, is_mapped: bool) -> Vec<IpAddr> {
    let mut seen = BTreeSet::new();
    let is_own = |address: &IpAddr| address.is_unspecified() || !is_mapped && address.is_loopback();
    found.into_iter().map(|address| address.to_canonical()).filter(|it| !is_own(it) && seen.insert(*it)).collect()
}

/// The addresses in what a look-up brought.
fn addresses_of(told: &[Seen]) -> Vec<IpAddr> {
    let answers = told.iter().filter_map(|seen| match seen {
        Seen::Lookup(lookup) if lookup.purpose == Purpose::Row => Some(&lookup.answer),
        _ => None,
    });
    let of = |answer: &Answer| match answer {
        Answer::Message { addresses, .. } | Answer::Overridden { addresses } => addresses.clone(),
        Answer::TimedOut | Answer::Refused { .. } | Answer::Truncated | Answer::Failed { .. } => Vec::new(),
    };
    answers.flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_filter_leads_to_this_computer_is_not_connected_to() {
        let found = ["0.0.0.0", "::", "127.0.0.1", "::ffff:127.0.0.1", "::1", "192.0.2.7", "::ffff:192.0.2.7"];
        let found: Vec<IpAddr> = found.iter().map(|address| address.parse().unwrap()).collect();
        let own = |addresses: Vec<IpAddr>| addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(own(leaving(found.clone(), false)), ["192.0.2.7"]);
        assert_eq!(own(leaving(found, true)), ["127.0.0.1", "::1", "192.0.2.7"]);
    }
}
