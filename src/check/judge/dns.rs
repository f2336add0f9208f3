//! What look-ups amount to: whether a name leads somewhere, who says otherwise, and answers for names that cannot exist.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::collections::HashSet;

use super::here::{Scene, is_within};
use super::path::{Case, End, Fault};
use super::tcp;
use crate::check::question::{Carrier, Purpose};
use crate::check::seen::{Answer, Lookup, Observation, Seen, SocketError};
use crate::check::verdict::{Confidence, Note, Reason};
use crate::model::endpoint::ProbeKind;
use crate::model::text::visible;

/// The most look-ups that a verdict names for one host.
const MAX_FACTS: usize = 4;

/// What is known of a name.
#[derive(Default)]
pub(super) struct Named {
    /// Why it leads nowhere.
    pub fault: Option<Fault>,
    pub notes: Vec<Note>,
    pub facts: Vec<u32>,
    /// Whether it was looked up, or needs no look-up.
    pub is_seen: bool,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// Extended errors by which a server says that it blocks a name (RFC 8914, 4.16 to 4.19).
const FILTERED: std::ops::RangeInclusive<u16> = 15..=18;

/// Addresses that filters answer with, by their makers' pages, as of November 2026.
const SINKHOLES: [(Ipv4Addr, &str); 6] = [
    (Ipv4Addr::new(198, 135, 184, 22), "Palo Alto Networks"),
    (Ipv4Addr::new(72, 5, 65, 111), "Palo Alto Networks"),
    (Ipv4Addr::new(208, 91, 112, 55), "Fortinet"),
    (Ipv4Addr::new(146, 112, 61, 104), "Cisco Umbrella"),
    (Ipv4Addr::new(146, 112, 61, 105), "Cisco Umbrella"),
    (Ipv4Addr::new(146, 112, 61, 106), "Cisco Umbrella"),
];

/// Names that cannot exist, and what was answered for them.
#[derive(Default)]
pub(super) struct Rewriting {
    /// The addresses they were answered with.
    pub addresses: HashSet<IpAddr>,
    /// By which observations.
    pub facts: Vec<u32>,
    /// Look-ups at servers that cannot exist and answered all the same.
    pub everywhere: Vec<u32>,
    /// Addresses of IPv6 made from IPv4.
    pub nat64: Vec<u32>,
}

impl Rewriting {
    pub(super) fn of(observations: &[Observation]) -> Self {
        let mut found = Self::default();
        let mut zones: Vec<(&str, &IpAddr, u32)> = Vec::new();
        for observation in observations {
            let Seen::Lookup(lookup) = &observation.seen else { continue };
            let Answer::Message { addresses, rcode, .. } = &lookup.answer else { continue };
            if lookup.server.is_some_and(|server| is_documentation(server.ip())) && rcode.is_some() {
                found.everywhere.push(observation.number);
            }
            match lookup.purpose {
                Purpose::Nat64 if addresses.iter().any(IpAddr::is_ipv6) => found.nat64.push(observation.number),
                Purpose::Control if lookup.name.ends_with(".invalid") => found.add(observation.number, addresses),
                Purpose::Control => {
                    zones.extend(addresses.iter().map(|address| (zone(&lookup.name), address, observation.number)));
                }
                _ => {}
            }
        }
        // A zone may rightly answer for every label; two zones with the same address do not.
        for (own, address, number) in &zones {
            if zones.iter().any(|(other, same, _)| other != own && same == address) {
                found.add(*number, &[**address]);
            }
        }
        found
    }

    fn add(&mut self, number: u32, addresses: &[IpAddr]) {
        if !addresses.is_empty() {
            self.addresses.extend(addresses);
            self.facts.push(number);
        }
    }
}

fn zone(name: &str) -> &str {
    name.split_once('.').map_or(name, |(_, zone)| zone)
}

/// Judges the look-ups of a host. Private addresses are worth a note unless the row may be served from inside the site.
pub(super) fn name(scene: &Scene<'_>, host: &str, may_be_inside: bool) -> Named {
    if host.parse::<IpAddr>().is_ok() {
        return Named { is_seen: true, addresses: host.parse().into_iter().collect(), ..Named::default() };
    }
    let lookups = scene.index.lookups(host);
    let mut named = Named { is_seen: !lookups.is_empty(), ..Named::default() };
    for (observation, lookup) in lookups {
        for address in addresses(&lookup.answer) {
            if !named.addresses.contains(address) {
                named.addresses.push(*address);
            }
        }
        if lookup.lost > 0 && !matches!(lookup.answer, Answer::TimedOut) {
            let about = format!("{} of {}", lookup.lost, lookup.sent.max(lookup.lost));
            named.notes.push(Note { reason: Reason::DnsLost, facts: vec![observation.number], about });
        }
    }
    named.notes.dedup_by(|a, b| a.reason == b.reason);
    if named.addresses.is_empty() {
        named.fault = not_found(lookups);
    } else {
        found(scene, lookups, may_be_inside, &mut named);
    }
    named
}

fn addresses(answer: &Answer) -> &[IpAddr] {
    match answer {
        Answer::Message { addresses, .. } | Answer::Overridden { addresses } => addresses,
        _ => &[],
    }
}

/// The name has addresses: whether they can be meant, and whether all servers say so.
fn found(scene: &Scene<'_>, lookups: &[(&Observation, &Lookup)], may_be_inside: bool, named: &mut Named) {
    let facts: Vec<u32> = lookups
        .iter()
        .filter(|(_, lookup)| !addresses(&lookup.answer).is_empty())
        .map(|(seen, _)| seen.number)
        .collect();
    named.facts = facts.iter().copied().take(MAX_FACTS).collect();
    if lookups.iter().any(|(_, lookup)| matches!(lookup.answer, Answer::Overridden { .. })) {
        return;
    }
    let is_mapped = !scene.plan.about.overrides.is_empty();
    let leads_nowhere = |ip: &IpAddr| nowhere(*ip, is_mapped).is_some();
    // The system's own answer is what programs on this computer go by.
    let system = lookups.iter().filter(|(_, lookup)| lookup.server.is_none());
    let mut meant: Vec<IpAddr> = system.flat_map(|(_, lookup)| addresses(&lookup.answer)).copied().collect();
    if meant.is_empty() {
        meant.clone_from(&named.addresses);
    }
    let fault = |reason, about: String| Fault {
        reason,
        step: ProbeKind::Dns,
        confidence: Confidence::High,
        about,
        facts: facts.clone(),
        is_local: false,
    };
    if let Some(filtered) = filtered(lookups).filter(|_| meant.iter().all(leads_nowhere)) {
        named.fault = Some(filtered);
    } else if let Some(first) = meant.iter().find(|ip| leads_nowhere(ip)).filter(|_| meant.iter().all(leads_nowhere)) {
        named.fault = Some(fault(Reason::DnsSinkhole, shown_sinkhole(*first, is_mapped)));
    } else if !scene.rewriting.addresses.is_empty() && meant.iter().all(|ip| scene.rewriting.addresses.contains(ip)) {
        let mut rewritten = fault(Reason::DnsRewritten, list(&meant));
        rewritten.facts.extend(&scene.rewriting.facts);
        named.fault = Some(rewritten);
    } else if let Some(private) = meant.iter().find(|ip| is_private(**ip)).filter(|_| !may_be_inside && !is_mapped) {
        named.notes.push(Note { reason: Reason::DnsPrivate, facts: facts.clone(), about: private.to_string() });
    }
    named.notes.extend(disagreement(lookups, is_mapped));
}

/// Servers that do not know the name, or lead it elsewhere, while another answers.
fn disagreement(lookups: &[(&Observation, &Lookup)], is_mapped: bool) -> Option<Note> {
    let differs = |lookup: &Lookup| match &lookup.answer {
        Answer::Message { addresses, rcode, .. } => {
            let is_refusal = addresses.is_empty() && matches!(rcode, Some(3 | 5));
            is_refusal || addresses.iter().any(|ip| nowhere(*ip, is_mapped).is_some())
        }
        Answer::Refused { .. } => true,
        _ => false,
    };
    let agree = |lookup: &Lookup| addresses(&lookup.answer).iter().any(|ip| nowhere(*ip, is_mapped).is_none());
    if !lookups.iter().any(|(_, lookup)| agree(lookup)) {
        return None;
    }
    let odd: Vec<&(&Observation, &Lookup)> = lookups.iter().filter(|(_, lookup)| differs(lookup)).collect();
    let facts = odd.iter().map(|(observation, _)| observation.number).collect();
    let about = asked(odd.first()?.1);
    Some(Note { reason: Reason::DnsDisagree, facts, about })
}

/// Who was asked.
pub(super) fn asked(lookup: &Lookup) -> String {
    lookup.server.map_or_else(|| "the operating system".to_owned(), |server| server.ip().to_string())
}

fn filtered(lookups: &[(&Observation, &Lookup)]) -> Option<Fault> {
    lookups.iter().find_map(|(observation, lookup)| {
        let Answer::Message { extended, .. } = &lookup.answer else { return None };
        let (code, text) = extended.iter().find(|(code, _)| FILTERED.contains(code))?;
        let text = if text.is_empty() { String::new() } else { format!(", “{}”", visible(text, 80)) };
        let about = format!("{}, code {code}{text}", asked(lookup));
        Some(Fault::new(Reason::DnsFiltered, ProbeKind::Dns, Confidence::High, observation.number).about(about))
    })
}

/// The name has no address: the strongest statement about it. Only a server can say that a name does not exist.
fn not_found(lookups: &[(&Observation, &Lookup)]) -> Option<Fault> {
    let fault = |reason, confidence, (observation, lookup): &(&Observation, &Lookup)| {
        Fault::new(reason, ProbeKind::Dns, confidence, observation.number).about(asked(lookup))
    };
    let by = |fits: &dyn Fn(&Lookup) -> bool| lookups.iter().find(|(_, lookup)| fits(lookup));
    let code = |lookup: &Lookup, wanted: u16| {
        lookup.server.is_some()
            && matches!(&lookup.answer, Answer::Message { rcode: Some(code), .. } if *code == wanted)
    };
    if let Some(filtered) = filtered(lookups) {
        return Some(filtered);
    }
    if let Some(said) = by(&|lookup| code(lookup, 3)) {
        return Some(fault(Reason::DnsNoSuchName, Confidence::High, said));
    }
    if let Some(said) = by(&|lookup| matches!(lookup.answer, Answer::Refused { icmp: Some(_) })) {
        let icmp = match said.1.answer {
            Answer::Refused { icmp: Some(icmp) } => tcp::sender(icmp),
            _ => asked(said.1),
        };
        return Some(fault(Reason::DnsRefused, Confidence::High, said).about(icmp));
    }
    if let Some(said) = by(&|lookup| code(lookup, 5) || matches!(lookup.answer, Answer::Refused { .. })) {
        return Some(fault(Reason::DnsRefused, Confidence::High, said));
    }
    if let Some(said) = by(&|lookup| code(lookup, 2)) {
        return Some(fault(Reason::DnsFailed, Confidence::Medium, said));
    }
    if let Some(said) = by(&|lookup| matches!(lookup.answer, Answer::Truncated)) {
        return Some(fault(Reason::DnsTruncated, Confidence::High, said));
    }
    if let Some(said) = by(&is_circle) {
        return Some(fault(Reason::DnsLoop, Confidence::High, said));
    }
    if let Some(said) = by(&|lookup| code(lookup, 0)) {
        return Some(fault(Reason::DnsEmpty, Confidence::High, said));
    }
    // The system hides why: a busy server shows as "not found" too.
    let is_server_silent = by(&|lookup| lookup.server.is_some() && matches!(lookup.answer, Answer::TimedOut));
    if let Some(silent) = is_server_silent.or_else(|| by(&|lookup| matches!(lookup.answer, Answer::TimedOut))) {
        return Some(fault(Reason::DnsSilent, Confidence::High, silent));
    }
    let is_unsent = |lookup: &Lookup| is_unsent(&lookup.answer);
    if let Some(unsent) = by(&is_unsent).filter(|_| lookups.iter().all(|(_, it)| it.server.is_none() || is_unsent(it)))
    {
        return Some(fault(Reason::NoNetwork, Confidence::High, unsent));
    }
    let has_no_source =
        |lookup: &Lookup| matches!(lookup.answer, Answer::Failed { error: Some(SocketError::NoSuchAddress), .. });
    if let Some(unsent) = by(&has_no_source) {
        return Some(fault(Reason::SourceUnusable, Confidence::High, unsent));
    }
    if let Some(odd) = by(&|lookup| matches!(lookup.answer, Answer::Failed { .. }) && !is_unsent(lookup)) {
        return Some(fault(Reason::DnsUnclear, Confidence::Low, odd));
    }
    // An answer of the system without an address.
    lookups.first().map(|said| fault(Reason::DnsEmpty, Confidence::Low, said))
}

/// Whether the names on the way come back to one that was met before.
fn is_circle(lookup: &Lookup) -> bool {
    let Answer::Message { aliases, .. } = &lookup.answer else { return false };
    let mut met = HashSet::from([lookup.name.trim_end_matches('.').to_ascii_lowercase()]);
    aliases.iter().any(|alias| !met.insert(alias.to_ascii_lowercase()))
}

/// Whether a query never left this computer, for want of a network.
pub(super) const fn is_unsent(answer: &Answer) -> bool {
    matches!(answer, Answer::Failed { error: Some(SocketError::NetworkUnreachable), .. })
}

/// Whether an address cannot be the public service that a vendor means.
pub fn is_leading_nowhere(address: IpAddr) -> bool {
    nowhere(address, false).is_some()
}

/// Why an address leads nowhere. On a test site, loopback is where the stand-ins are.
fn nowhere(address: IpAddr, is_mapped: bool) -> Option<&'static str> {
    if let Some((_, maker)) = SINKHOLES.iter().find(|(known, _)| address == *known) {
        return Some(maker);
    }
    if address.is_loopback() {
        return (!is_mapped).then_some("this computer itself");
    }
    match address {
        IpAddr::V4(v4) => nowhere_v4(v4),
        IpAddr::V6(v6) if v6.is_unspecified() => Some("no address"),
        IpAddr::V6(v6) if v6.is_multicast() => Some("a group"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("this link alone"),
        IpAddr::V6(v6) if v6.segments()[0] == 0x2001 && v6.segments()[1] == 0x0db8 => Some("examples in documents"),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().and_then(nowhere_v4),
    }
}

fn nowhere_v4(v4: Ipv4Addr) -> Option<&'static str> {
    let is_in = |network: [u8; 4], length: u8| is_within(v4.into(), Ipv4Addr::from(network).into(), length);
    if is_in([0, 0, 0, 0], 8) {
        Some("no address")
    } else if v4.is_link_local() {
        Some("this link alone")
    } else if v4.is_documentation() {
        Some("examples in documents")
    } else if is_in([198, 18, 0, 0], 15) {
        Some("benchmarks, and proxies that make addresses up")
    } else if is_in([224, 0, 0, 0], 3) {
        Some("groups and reserved addresses")
    } else {
        None
    }
}

fn shown_sinkhole(address: IpAddr, is_mapped: bool) -> String {
    match nowhere(address, is_mapped) {
        Some(meaning) => format!("{address} ({meaning})"),
        None => address.to_string(),
    }
}

/// Whether an address belongs to a site's own network.
pub(super) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_private() || is_within(address, Ipv4Addr::new(100, 64, 0, 0).into(), 10),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// Whether nothing can stand at an address: it belongs to examples in documents (RFC 5737, RFC 3849).
pub(super) fn is_documentation(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_documentation(),
        IpAddr::V6(v6) => v6.segments()[0] == 0x2001 && v6.segments()[1] == 0x0db8,
    }
}

fn list(addresses: &[IpAddr]) -> String {
    let shown: Vec<String> = addresses.iter().take(3).map(IpAddr::to_string).collect();
    shown.join(", ")
}

/// How a name server was asked and whether it answered at all.
struct Service {
    asked: Vec<Carrier>,
    works: Vec<Carrier>,
    facts: Vec<u32>,
    silent: Option<Fault>,
}

/// Judges a row about the name servers themselves: one transport is enough.
pub(super) fn servers(case: &Case<'_>) -> (End, Vec<Note>, Vec<u32>) {
    let mut service = Service { asked: Vec::new(), works: Vec::new(), facts: Vec::new(), silent: None };
    let mut system: Option<u32> = None;
    for observation in case.scene.index.all {
        let Seen::Lookup(lookup) = &observation.seen else { continue };
        match (lookup.server, &lookup.answer) {
            (Some(server), answer) => service.take(observation.number, server, lookup.by, answer),
            (None, answer) if !addresses(answer).is_empty() => system = system.or(Some(observation.number)),
            _ => {}
        }
    }
    let notes = match service.works.as_slice() {
        // A program on a gateway may ask by one of them alone.
        [one] if service.asked.iter().any(|by| by != one) => {
            let about = one.as_str().to_uppercase();
            vec![Note { reason: Reason::DnsOneTransport, facts: service.facts.clone(), about }]
        }
        _ => Vec::new(),
    };
    let end = match (service.works.is_empty(), service.silent, system) {
        (false, _, _) | (true, None, Some(_)) => End::Good(ProbeKind::Dns),
        (true, Some(fault), _) => End::Bad(fault),
        (true, None, None) => {
            case.not_run(ProbeKind::Dns, None).map_or(End::Open, |(reason, _)| End::Unknown(reason, ProbeKind::Dns))
        }
    };
    let mut facts = service.facts;
    facts.extend(system);
    (end, notes, facts)
}

impl Service {
    fn take(&mut self, number: u32, server: SocketAddr, by: Option<Carrier>, answer: &Answer) {
        let by = by.unwrap_or(Carrier::Udp);
        self.asked.push(by);
        let fault =
            |reason| Fault::new(reason, ProbeKind::Dns, Confidence::High, number).about(server.ip().to_string());
        match answer {
            Answer::Message { rcode: Some(0 | 3), .. } => {
                if !self.works.contains(&by) {
                    self.works.push(by);
                    self.facts.push(number);
                }
            }
            Answer::Refused { .. } | Answer::Message { rcode: Some(5), .. } => {
                self.silent = Some(fault(Reason::DnsRefused));
            }
            Answer::Message { .. } => self.silent = Some(fault(Reason::DnsFailed)),
            Answer::TimedOut => {
                if self.silent.is_none() {
                    self.silent = Some(fault(Reason::DnsSilent));
                }
            }
            Answer::Overridden { .. } | Answer::Truncated | Answer::Failed { .. } => {}
        }
    }
}
