//! [`Rule`]: what a firewall must allow, one destination and port each, from the rows of a plan.

use std::collections::BTreeMap;

use crate::check::evidence::{About, Evidence};
use crate::check::plan::{Plan, PlannedRow};
use crate::check::seen::{Answer, Lookup, Seen};
use crate::check::verdict::{Judged, RowState};
use crate::model::basis::Basis;
use crate::model::endpoint::{Direction, Endpoint, HostPattern, Level, ProbeKind, Transport, Vantage};

/// What a rule needs of the firewall beside the opening.
pub(super) const STATEFUL: &str = "stateful replies only";

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The rows it comes from.
    pub rows: Vec<String>,
    /// Who calls out.
    pub source: String,
    /// Who is called: a name, a wildcard, an address, or what is to be asked for.
    pub destination: String,
    /// Names seen on the way to its addresses; a firewall that filters by resolved names may need a rule for each.
    pub aliases: Vec<String>,
    /// `TCP`, `UDP`, `UDP or TCP`, `ICMP`.
    pub protocol: String,
    /// The port, `any` where there is none, or `not stated`.
    pub port: String,
    /// `outbound` or `inbound`.
    pub direction: &'static str,
    /// What it is for.
    pub purpose: Vec<String>,
    /// How much depends on it.
    pub level: Level,
    /// Whether TLS inspection must leave it alone: a gateway trusts the issuers it knows and no appliance.
    pub is_inspection_exempt: bool,
    /// The documents that say so.
    pub documents: Vec<String>,
    /// How its rows stand.
    pub states: Vec<RowState>,
}

/// The rules of a plan, one for each row and destination. Nothing is merged and nothing left out, but rows that no firewall of
/// the site decides.
pub fn rules(plan: &Plan, evidence: &Evidence, judged: &Judged) -> Vec<Rule> {
    let aliases = aliases(evidence);
    let of = |row: &PlannedRow| -> Vec<Rule> {
        let Some(endpoint) = row.subject.endpoint() else { return Vec::new() };
        let Some(source) = source(endpoint, &plan.about) else { return Vec::new() };
        let state = judged.row(&row.id).map_or(RowState::Pending, |verdict| verdict.state);
        let rule = |(destination, port): (String, Option<u16>)| Rule {
            rows: vec![row.id.to_string()],
            source: source.clone(),
            aliases: aliases.get(destination.as_str()).cloned().unwrap_or_default(),
            destination,
            protocol: protocol(endpoint.transport).to_owned(),
            port: port_of(endpoint, port),
            direction: if endpoint.direction == Direction::In { "inbound" } else { "outbound" },
            purpose: vec![endpoint.purpose.clone()],
            level: endpoint.level,
            is_inspection_exempt: endpoint.vantage == Vantage::Gateway && endpoint.probes.contains(&ProbeKind::Tls),
            documents: vec![document(plan, &endpoint.basis)],
            states: vec![state],
        };
        destinations(row, endpoint).into_iter().map(rule).collect()
    };
    plan.rows.iter().flat_map(of).collect()
}

/// The rules to add: those a person types in, each destination and port once. What only answers, or only advises, is left out.
pub fn merged(rules: &[Rule]) -> Vec<Rule> {
    let mut merged: Vec<Rule> = Vec::new();
    for rule in rules.iter().filter(|rule| rule.direction == "outbound" && rule.level != Level::Informative) {
        let same = |other: &&mut Rule| {
            (&other.source, &other.destination, &other.protocol, &other.port)
                == (&rule.source, &rule.destination, &rule.protocol, &rule.port)
        };
        match merged.iter_mut().find(same) {
            Some(other) => other.take_in(rule),
            None => merged.push(rule.clone()),
        }
    }
    merged.sort_by(|a, b| {
        (&a.protocol, port_order(&a.port), &a.destination).cmp(&(&b.protocol, port_order(&b.port), &b.destination))
    });
    merged
}

/// Ports by number, words behind them.
fn port_order(port: &str) -> (u32, &str) {
    (port.parse().unwrap_or(u32::MAX), port)
}

impl Rule {
    fn take_in(&mut self, other: &Self) {
        let add = |own: &mut Vec<String>, more: &[String]| {
            for text in more {
                if !own.contains(text) {
                    own.push(text.clone());
                }
            }
        };
        add(&mut self.rows, &other.rows);
        add(&mut self.purpose, &other.purpose);
        add(&mut self.documents, &other.documents);
        add(&mut self.aliases, &other.aliases);
        self.states.extend(&other.states);
        self.level = self.level.min(other.level);
        self.is_inspection_exempt |= other.is_inspection_exempt;
    }

    /// Whether a row behind it fails.
    pub fn is_failing(&self) -> bool {
        self.states.contains(&RowState::Fail)
    }

    /// How its rows stand, in one word: the worst counts.
    pub fn state(&self) -> RowState {
        let rank = |state: &RowState| match state {
            RowState::Fail => 0,
            RowState::Skipped => 1,
            RowState::NotTestable => 2,
            RowState::Pending => 3,
            RowState::Sampled => 4,
            RowState::PassWithNote => 5,
            RowState::Pass => 6,
            RowState::NotNeeded => 7,
            RowState::NotApplicable => 8,
            RowState::Advice => 9,
        };
        self.states.iter().copied().min_by_key(rank).unwrap_or(RowState::Pending)
    }
}

/// The document behind a row with its version and date, as people look it up.
fn document(plan: &Plan, basis: &Basis) -> String {
    let Basis::Documented { source, .. } = basis else { return format!("assumed: {}", basis.text()) };
    let (id, section) = source.split_once(':').unwrap_or((source, ""));
    let Some(document) = plan.documents.iter().find(|document| document.id == id.trim()) else { return source.clone() };
    let version = document.version.as_ref().map(|version| format!(", version {version}")).unwrap_or_default();
    let date = document.date.as_ref().map_or_else(|| ", no date".to_owned(), |date| format!(", {date}"));
    format!("{}: {}{version}{date}: {}", plan.vendor, document.title, section.trim())
}

/// Who calls out; `None` where no firewall of the site decides.
fn source(endpoint: &Endpoint, about: &About) -> Option<String> {
    match endpoint.vantage {
        Vantage::Gateway if about.subnet.is_empty() => Some("the network of the gateway".to_owned()),
        Vantage::Gateway => Some(about.subnet.clone()),
        Vantage::Operator => Some("computers that operate the system".to_owned()),
        Vantage::SimNetwork | Vantage::Vpn | Vantage::Upstream => None,
    }
}

/// The hosts of a row as a firewall takes them: the vendor's pattern rather than its samples.
fn destinations(row: &PlannedRow, endpoint: &Endpoint) -> Vec<(String, Option<u16>)> {
    if !endpoint.unblock.is_empty() {
        return endpoint.unblock.iter().map(|pattern| (pattern.to_string(), None)).collect();
    }
    let mut found = Vec::new();
    for host in &endpoint.hosts {
        match host {
            HostPattern::Name(_) | HostPattern::Address(_) | HostPattern::Wildcard { .. } => {
                found.push((host.to_string(), None));
            }
            HostPattern::Resolver => found.push(("the name servers of the site".to_owned(), None)),
            HostPattern::Asked(_) | HostPattern::Device => {
                let is_own =
                    |name: &str| endpoint.hosts.iter().any(|host| host.covers(name) || host.to_string() == name);
                let named = row.targets.iter().filter(|target| !is_own(&target.host));
                let before = found.len();
                found.extend(named.map(|target| (target.host.clone(), Some(target.port))));
                if found.len() == before {
                    found.push((format!("{host}, not named"), None));
                }
            }
        }
    }
    found.dedup();
    found
}

fn port_of(endpoint: &Endpoint, own: Option<u16>) -> String {
    match own.filter(|port| *port > 0).or(endpoint.port) {
        Some(port) => port.to_string(),
        None if endpoint.transport == Transport::Icmp => "none".to_owned(),
        None => "not stated".to_owned(),
    }
}

const fn protocol(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "TCP",
        Transport::Udp => "UDP",
        Transport::UdpOrTcp => "UDP or TCP",
        Transport::Icmp => "ICMP",
        Transport::NotStated => "not stated",
    }
}

/// For each name the further names on the way to its addresses, as they were seen.
fn aliases(evidence: &Evidence) -> BTreeMap<&str, Vec<String>> {
    let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for observation in &evidence.observations {
        let Seen::Lookup(Lookup { name, answer: Answer::Message { aliases, .. }, .. }) = &observation.seen else {
            continue;
        };
        let own = found.entry(name.as_str()).or_default();
        for alias in aliases.iter().filter(|alias| *alias != name) {
            if !own.contains(alias) {
                own.push(alias.clone());
            }
        }
    }
    found
}
