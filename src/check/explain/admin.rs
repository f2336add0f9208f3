//! [`admin`]: the rules a firewall must have, grouped by rule and not by row, each with what was seen of it.

use std::collections::BTreeMap;

use super::commands::{Reproduce, reproduce};
use super::fill::{by_number, far_end};
use super::observed::{moment, observed};
use super::ruled_out;
use crate::check::plan::{Outlook, Plan, PlannedRow};
use crate::check::seen::{Answer, Observation, Seen};
use crate::check::verdict::{Judged, RowState, RowVerdict};
use crate::model::basis::Basis;
use crate::model::endpoint::{Direction, Endpoint, HostPattern, Level, ProbeKind, RowId, Transport, Vantage};

/// The most lines of what was seen.
const MAX_SEEN: usize = 12;

/// A rule, as whoever runs the firewall writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminRule {
    /// The rows that need it.
    pub rows: Vec<RowId>,
    /// Whether a row that needs it failed or was skipped.
    pub is_missing: bool,
    /// Whether a row that needs it is required.
    pub is_required: bool,
    /// The whole rule in one sentence.
    pub sentence: String,
    /// From where: the subnet, or words where it is not known.
    pub source: String,
    /// Names, wildcards and addresses.
    pub destinations: Vec<String>,
    /// Names on the way to the addresses; each may need a rule of its own.
    pub aliases: Vec<String>,
    /// `TCP`, `UDP`, `UDP and TCP`, `ICMP echo` or `not stated`.
    pub protocol: &'static str,
    /// The port at the far end.
    pub port: Option<u16>,
    /// Always outgoing: nothing has to be let in.
    pub direction: &'static str,
    /// What of the answers is let in.
    pub replies: &'static str,
    /// What it is for.
    pub purpose: String,
    /// The vendor's documents with their dates, or why it is assumed.
    pub document: String,
    /// What was seen of the rows that failed.
    pub seen: Vec<SeenLine>,
    /// What is ruled out.
    pub ruled_out: Vec<String>,
    /// How to look oneself.
    pub reproduce: Vec<Reproduce>,
    /// What must stay closed.
    pub keep_closed: Vec<String>,
}

/// A line of what was seen, by which a line in a firewall's log is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenLine {
    /// When, UTC with milliseconds.
    pub at: String,
    /// The row.
    pub row: RowId,
    /// This computer's address and port, where known.
    pub from: String,
    /// The far end's.
    pub to: String,
    /// The name that was used.
    pub name: String,
    /// What came back.
    pub what: String,
}

/// All rules of a plan, in the order of its rows.
pub fn admin(plan: &Plan, judged: &Judged, observations: &[Observation]) -> Vec<AdminRule> {
    let source = source(plan, observations);
    let mut rules: Vec<AdminRule> = Vec::new();
    let mut known: BTreeMap<(&str, Option<u16>, Vec<String>), usize> = BTreeMap::new();
    for (planned, verdict) in plan.rows.iter().zip(&judged.rows) {
        let Some(endpoint) = needs_rule(planned) else { continue };
        let destinations = destinations(planned, endpoint);
        let key = (protocol(endpoint.transport), endpoint.port, destinations.clone());
        let at = *known.entry(key).or_insert(rules.len());
        if at == rules.len() {
            rules.push(rule(plan, endpoint, destinations, &source));
        }
        join(&mut rules[at], plan, judged, observations, planned, verdict);
    }
    for rule in &mut rules {
        rule.sentence = sentence(rule);
    }
    rules
}

/// Rows that a firewall has to do with.
fn needs_rule(planned: &PlannedRow) -> Option<&Endpoint> {
    let endpoint = planned.subject.endpoint()?;
    let is_local = endpoint.hosts.iter().all(|host| matches!(host, HostPattern::Device));
    let is_here = matches!(planned.outlook, Outlook::Run | Outlook::NotTestable(_));
    (is_here && !is_local && endpoint.direction != Direction::In && !endpoint.probes.is_empty()).then_some(endpoint)
}

fn destinations(planned: &PlannedRow, endpoint: &Endpoint) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for host in endpoint.hosts.iter().chain(&endpoint.unblock) {
        let named: Vec<String> = match host {
            HostPattern::Asked(_) if !planned.targets.is_empty() => {
                planned.targets.iter().map(|target| target.host.clone()).collect()
            }
            HostPattern::Resolver => vec!["the site's name server".to_owned()],
            other => vec![other.to_string()],
        };
        all.extend(named);
    }
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|name| seen.insert(name.clone()));
    all
}

const fn protocol(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "TCP",
        Transport::Udp => "UDP",
        Transport::UdpOrTcp => "UDP and TCP",
        Transport::Icmp => "ICMP echo",
        Transport::NotStated => "not stated",
    }
}

/// The subnet of the interface that packets leave by.
fn source(plan: &Plan, observations: &[Observation]) -> String {
    let interfaces = || {
        observations.iter().filter_map(|observation| match &observation.seen {
            Seen::Interface(interface) => Some(interface),
            _ => None,
        })
    };
    let from = &plan.about.from;
    let has_address = |text: &String| text.split('/').next() == Some(from.as_str());
    let chosen = interfaces()
        .find(|interface| interface.name == *from || interface.addresses.iter().any(has_address))
        .or_else(|| interfaces().find(|interface| interface.is_default && !interface.is_tunnel));
    let subnet = chosen.and_then(|interface| interface.addresses.iter().find_map(|address| subnet(address)));
    subnet.unwrap_or_else(|| "the gateway's network".to_owned())
}

fn subnet(address: &str) -> Option<String> {
    let (ip, length) = address.split_once('/')?;
    let (ip, length): (core::net::Ipv4Addr, u32) = (ip.parse().ok()?, length.parse().ok()?);
    let mask = u32::MAX.checked_shl(32_u32.checked_sub(length)?).unwrap_or(0);
    (!ip.is_loopback()).then(|| format!("{}/{length}", core::net::Ipv4Addr::from_bits(ip.to_bits() & mask)))
}

fn rule(plan: &Plan, endpoint: &Endpoint, destinations: Vec<String>, source: &str) -> AdminRule {
    let is_operator = endpoint.vantage == Vantage::Operator;
    AdminRule {
        rows: Vec::new(),
        is_missing: false,
        is_required: false,
        sentence: String::new(),
        source: if is_operator { "the operator's computer".to_owned() } else { source.to_owned() },
        destinations,
        aliases: Vec::new(),
        protocol: protocol(endpoint.transport),
        port: endpoint.port,
        direction: "outgoing",
        replies: "stateful: only answers to what went out",
        purpose: endpoint.purpose.clone(),
        document: document(plan, &endpoint.basis),
        seen: Vec::new(),
        ruled_out: Vec::new(),
        reproduce: Vec::new(),
        keep_closed: keep_closed(endpoint),
    }
}

/// The document behind a row, with version and date.
fn document(plan: &Plan, basis: &Basis) -> String {
    let Basis::Documented { source, .. } = basis else { return format!("Assumed: {}", basis.text()) };
    let (id, section) = source.split_once(':').unwrap_or((source, ""));
    let Some(document) = plan.documents.iter().find(|document| document.id == id.trim()) else { return source.clone() };
    let version = document.version.as_ref().map(|version| format!(", version {version}")).unwrap_or_default();
    let date = document.date.as_ref().map_or_else(|| ", without a date".to_owned(), |date| format!(", {date}"));
    format!("{}: {}{version}{date} ({})", plan.vendor, document.title, section.trim())
}

fn keep_closed(endpoint: &Endpoint) -> Vec<String> {
    let mut closed = vec![
        "No inbound rule: the gateway opens every connection itself".to_owned(),
        "No rule from any to any, and no other port".to_owned(),
    ];
    for host in endpoint.hosts.iter().filter(|host| host.is_wildcard()) {
        closed.push(format!("{host} also covers hosts of other customers; allow single names where they are known"));
    }
    if endpoint.path.is_some() {
        closed.push(
            "No TLS inspection to filter by path: the gateway doesn't trust the firewall's certificate".to_owned(),
        );
    }
    closed
}

/// Takes a row into its rule.
fn join(
    rule: &mut AdminRule,
    plan: &Plan,
    judged: &Judged,
    observations: &[Observation],
    planned: &PlannedRow,
    verdict: &RowVerdict,
) {
    let Some(endpoint) = planned.subject.endpoint() else { return };
    let is_bad = matches!(verdict.state, RowState::Fail | RowState::Skipped);
    rule.rows.push(planned.id.clone());
    rule.is_missing |= is_bad;
    rule.is_required |= endpoint.level == Level::Required;
    for target in &planned.targets {
        add_aliases(&mut rule.aliases, observations, &target.host);
    }
    if !is_bad {
        return;
    }
    let facts = verdict.facts.iter().filter_map(|fact| by_number(observations, *fact));
    for line in facts.filter_map(|observation| seen_line(&planned.id, observation)) {
        if rule.seen.len() < MAX_SEEN && !rule.seen.contains(&line) {
            rule.seen.push(line);
        }
    }
    for out in ruled_out::of_row(plan, judged, observations, verdict) {
        if !rule.ruled_out.contains(&out) {
            rule.ruled_out.push(out);
        }
    }
    if rule.reproduce.is_empty()
        && let Some(target) = planned.targets.first()
    {
        let step = verdict.step.or_else(|| endpoint.probes.last().copied()).unwrap_or(ProbeKind::Tcp);
        rule.reproduce = reproduce(step, &target.host, target.port, endpoint.path.as_deref().unwrap_or_default());
    }
}

fn add_aliases(aliases: &mut Vec<String>, observations: &[Observation], host: &str) {
    for observation in observations {
        let Seen::Lookup(lookup) = &observation.seen else { continue };
        let Answer::Message { aliases: found, .. } = &lookup.answer else { continue };
        if lookup.name != host {
            continue;
        }
        for alias in found {
            if !aliases.contains(alias) {
                aliases.push(alias.clone());
            }
        }
    }
}

fn seen_line(row: &RowId, observation: &Observation) -> Option<SeenLine> {
    let to = match &observation.seen {
        Seen::Lookup(lookup) => {
            lookup.server.map_or_else(|| "the operating system".to_owned(), |server| server.to_string())
        }
        other => far_end(other)?.to_string(),
    };
    let from = match &observation.seen {
        Seen::Connect(connect) => connect.from.map_or_else(String::new, |from| from.to_string()),
        _ => String::new(),
    };
    Some(SeenLine {
        at: moment(observation.at_unix_micros),
        row: row.clone(),
        from,
        to,
        name: observation.host.clone().unwrap_or_default(),
        what: observed(observation),
    })
}

fn sentence(rule: &AdminRule) -> String {
    let port = rule.port.map(|port| format!(" port {port}")).unwrap_or_default();
    let protocol = if rule.protocol == "not stated" { "the protocol the vendor names" } else { rule.protocol };
    let aliases =
        if rule.aliases.is_empty() { String::new() } else { format!(" (and its aliases {})", rule.aliases.join(", ")) };
    format!(
        "Allow {protocol}{port} from {} to {}{aliases}, outgoing, stateful replies, for: {}",
        rule.source,
        rule.destinations.join(", "),
        rule.purpose
    )
}
