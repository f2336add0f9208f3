//! [`judge_row`]: from the addresses and hosts of a row to its verdict.

use core::net::SocketAddr;

use super::here::Scene;
use super::index::far_end;
use super::path::{Case, End, Fault, Spot, Walk, kind_of, shape_of};
use super::{dns, local, time};
use crate::check::plan::{Outlook, PlannedRow, Subject};
use crate::check::seen::{Observation, Seen};
use crate::check::verdict::{Confidence, Note, Reason, RowState, RowVerdict};
use crate::model::endpoint::{Endpoint, HostPattern, Need, ProbeKind};

/// The most observations a verdict names.
const MAX_FACTS: usize = 24;
/// The most notes a verdict carries.
const MAX_NOTES: usize = 12;

/// One host of a row.
#[derive(Debug)]
pub(super) struct HostEnd {
    pub host: String,
    pub end: End,
    pub notes: Vec<Note>,
    pub facts: Vec<u32>,
}

/// Judges one row by itself.
pub(super) fn judge_row(scene: &Scene<'_>, row: &PlannedRow) -> RowVerdict {
    match row.outlook {
        Outlook::Run => {}
        Outlook::NotTestable(reason) => return blank(row, RowState::NotTestable, reason),
        Outlook::NotApplicable(reason) => return blank(row, RowState::NotApplicable, reason),
        Outlook::Advice => return blank(row, RowState::Advice, Reason::NothingToSend),
    }
    match &row.subject {
        Subject::Endpoint(endpoint) => {
            let seen = concerning(scene, row);
            judge_endpoint(&Case { scene, row, endpoint, seen })
        }
        Subject::Network(rule) => local::network(scene, row, rule.fact),
        Subject::Wifi(rules) => local::wifi(scene, row, rules),
    }
}

/// What was observed for a row: under its id, or for one of its hosts and no row.
fn concerning<'a>(scene: &Scene<'a>, row: &PlannedRow) -> Vec<&'a Observation> {
    let mut seen: Vec<&Observation> = scene.index.of_row(&row.id).to_vec();
    let own = seen.len();
    for (at, target) in row.targets.iter().enumerate() {
        if row.targets[..at].iter().all(|earlier| earlier.host != target.host) {
            seen.extend(scene.index.of_host(&target.host));
        }
    }
    if own > 0 && seen.len() > own {
        seen.sort_by_key(|observation| observation.number);
    }
    seen
}

fn judge_endpoint(case: &Case<'_>) -> RowVerdict {
    let has = |kind| case.endpoint.probes.contains(&kind);
    if case.endpoint.hosts.iter().all(|host| matches!(host, HostPattern::Resolver)) {
        let (end, notes, facts) = dns::servers(case);
        return conclude(case, &[HostEnd { host: String::new(), end, notes, facts }]);
    }
    if has(ProbeKind::Icmp) {
        return conclude(case, &[local::ping(case)]);
    }
    let mut hosts: Vec<&str> = case.row.targets.iter().map(|target| target.host.as_str()).collect();
    hosts.dedup();
    let ends: Vec<HostEnd> = if has(ProbeKind::Ntp) {
        hosts.into_iter().map(|host| time::host(case, host)).collect()
    } else if case.endpoint.probes == [ProbeKind::Revocation] {
        local::revocation_hosts(case, &hosts)
    } else if case.endpoint.probes == [ProbeKind::Dns] {
        hosts.into_iter().map(|host| only_resolved(case, host)).collect()
    } else {
        hosts.into_iter().map(|host| talk(case, host)).collect()
    };
    conclude(case, &ends)
}

/// A host of which only the name can be tried.
fn only_resolved(case: &Case<'_>, host: &str) -> HostEnd {
    let named = dns::name(case.scene, host, false);
    let end = match named.fault {
        Some(fault) => End::Bad(fault),
        None if named.is_seen => End::Unknown(Reason::OnlyResolved, ProbeKind::Dns),
        None => End::Open,
    };
    HostEnd { host: host.to_owned(), end, notes: named.notes, facts: named.facts }
}

/// A host that something is said to.
fn talk(case: &Case<'_>, host: &str) -> HostEnd {
    let named = dns::name(case.scene, host, false);
    let walks = walks(case, host, &named);
    let mut notes = named.notes;
    let mut facts = named.facts;
    let (end, beside, more) = families(walks);
    facts.extend(more);
    notes.extend(beside);
    let end = match (end, named.fault) {
        (End::Good(kind), Some(fault)) => {
            notes.push(fault.into_note());
            End::Good(kind)
        }
        // A lie about the name is found first; the port is not to blame.
        (_, Some(fault)) => End::Bad(fault),
        (End::Open, None) => case
            .not_run(*case.endpoint.probes.last().unwrap_or(&ProbeKind::Dns), Some(host))
            .map_or(End::Open, |(reason, _)| End::Unknown(reason, ProbeKind::Dns)),
        (End::Bad(fault), None) if is_private_name(&notes) && fault.reason != Reason::BlockedHere => {
            End::Bad(Fault { confidence: Confidence::Medium, ..fault })
        }
        (end, None) => end,
    };
    let end = revocation_beside(case, end, &mut notes);
    HostEnd { host: host.to_owned(), end, notes, facts }
}

fn is_private_name(notes: &[Note]) -> bool {
    notes.iter().any(|note| note.reason == Reason::DnsPrivate)
}

/// A row that passes and also looks at revocation data: what that came to stands beside it.
fn revocation_beside(case: &Case<'_>, end: End, notes: &mut Vec<Note>) -> End {
    if !case.endpoint.probes.contains(&ProbeKind::Revocation) || !matches!(end, End::Good(_)) {
        return end;
    }
    let fetched = local::revocation(case, None);
    match fetched.end {
        End::Bad(fault) => notes.push(fault.into_note()),
        End::Unknown(reason, kind) => {
            let facts = case.not_run(kind, None).map(|(_, fact)| fact).into_iter().collect();
            notes.push(Note { reason, facts, about: kind.as_str().to_owned() });
        }
        // It stands beside the row and never holds it back.
        End::Open | End::Good(_) => {}
    }
    end
}

/// The addresses of a host that were tried.
fn walks(case: &Case<'_>, host: &str, named: &dns::Named) -> Vec<Walk> {
    let mut spots: Vec<(SocketAddr, Vec<&Observation>)> = Vec::new();
    let is_single = case.row.targets.len() == 1;
    for observation in &case.seen {
        let Some(to) = far_end(&observation.seen) else { continue };
        let is_own = match &observation.host {
            Some(own) => own == host,
            None => is_single || named.addresses.contains(&to.ip()),
        };
        // A neutral name has the same address; whatever host it carries, it explains this one.
        let explains = shape_of(&observation.seen).is_some_and(|shape| !shape.is_plain());
        if !is_own && !explains {
            continue;
        }
        match spots.iter_mut().find(|(known, _)| *known == to) {
            Some((_, seen)) => seen.push(observation),
            None => spots.push((to, vec![observation])),
        }
    }
    let is_tried = |seen: &[&Observation]| seen.iter().any(|observation| kind_of(&observation.seen).is_some());
    spots.retain(|(_, seen)| is_tried(seen));
    // Another port of the host tells of the host, not of the row; on a test site the row's own port stands nowhere.
    let port = case.row.targets.iter().find(|target| target.host == host).map(|target| target.port);
    if spots.iter().any(|(to, _)| Some(to.port()) == port) {
        spots.retain(|(to, _)| Some(to.port()) == port);
    }
    spots.into_iter().map(|(to, seen)| Spot { case, host, to, seen }.walk()).collect()
}

/// IPv4 and IPv6 apart, then together: IPv4 decides where this computer has it.
fn families(walks: Vec<Walk>) -> (End, Vec<Note>, Vec<u32>) {
    let (v4, v6): (Vec<Walk>, Vec<Walk>) = walks.into_iter().partition(|walk| walk.to.is_ipv4());
    let (v4, v6) = (family(&v4), family(&v6));
    let (Some(v4), Some(v6)) = (&v4, &v6) else { return v4.or(v6).unwrap_or((End::Open, Vec::new(), Vec::new())) };
    let mut notes = v4.1.clone();
    let mut facts = v4.2.clone();
    let end = match (&v4.0, &v6.0) {
        (End::Good(kind), End::Bad(fault)) => {
            if !fault.is_local {
                let about = fault.reason.as_str().to_owned();
                notes.push(Note { reason: Reason::Ipv6Fails, facts: fault.facts.clone(), about });
            }
            End::Good(*kind)
        }
        (End::Bad(fault), End::Good(kind)) if fault.is_local => {
            notes.push(Note { reason: Reason::Ipv6Only, facts: v6.2.clone(), about: String::new() });
            End::Good(*kind)
        }
        (End::Bad(fault), End::Good(_)) => {
            notes.push(Note { reason: Reason::Ipv6Only, facts: v6.2.clone(), about: String::new() });
            End::Bad(fault.clone())
        }
        (End::Bad(fault), End::Bad(other)) if fault.is_local && !other.is_local => End::Bad(other.clone()),
        (End::Bad(fault), End::Open) if fault.is_local => End::Open,
        (End::Good(kind), End::Good(_)) => {
            notes.extend(
                v6.1.iter()
                    .filter(|note| notes.iter().all(|own| own.reason != note.reason))
                    .cloned()
                    .collect::<Vec<_>>(),
            );
            facts.extend(&v6.2);
            End::Good(*kind)
        }
        (End::Unknown(..), other) => (*other).clone(),
        (end, _) => end.clone(),
    };
    if let (End::Good(_), true) = (&end, matches!(v4.0, End::Bad(_) | End::Unknown(..))) {
        notes.extend(v6.1.clone());
        facts.extend(&v6.2);
    }
    (end, notes, facts)
}

/// The addresses of one family: one that works will do, and those that do not are told.
fn family(walks: &[Walk]) -> Option<(End, Vec<Note>, Vec<u32>)> {
    if walks.is_empty() {
        return None;
    }
    let mut notes = Vec::new();
    let mut facts = Vec::new();
    let bad: Vec<(SocketAddr, Fault)> = walks.iter().filter_map(|walk| Some((walk.to, fault_of(walk)?))).collect();
    let good = walks.iter().find(|walk| matches!(walk.end, End::Good(_)));
    if let Some(good) = good {
        for walk in walks.iter().filter(|walk| matches!(walk.end, End::Good(_))) {
            facts.extend(&walk.facts);
            notes.extend(
                walk.notes
                    .iter()
                    .filter(|note| notes.iter().all(|own: &Note| own.reason != note.reason))
                    .cloned()
                    .collect::<Vec<_>>(),
            );
        }
        if let Some((to, fault)) = bad.first() {
            let about = format!("{to}: {}", fault.reason);
            let facts = bad.iter().flat_map(|(_, fault)| &fault.facts).copied().collect();
            notes.push(Note { reason: Reason::SomeAddressesFail, facts, about });
        }
        return Some((good.end.clone(), notes, facts));
    }
    // The whole conversation is held with one address; of the others it is only known that they take a connection. They keep
    // the row open as long as no address has failed further on.
    let failed_at = bad.iter().map(|(_, fault)| fault.step).max();
    let open = walks
        .iter()
        .find(|walk| matches!(walk.end, End::Open) && failed_at.is_none_or(|step| walk.waits_for > Some(step)));
    // The address that came furthest says most of what stands in the way.
    let furthest = walks
        .iter()
        .filter(|walk| matches!(walk.end, End::Bad(_)))
        .max_by_key(|walk| fault_of(walk).map(|fault| fault.step));
    let chosen = open.or(furthest).or_else(|| walks.first())?;
    notes.extend(chosen.notes.iter().cloned());
    facts.extend(&chosen.facts);
    Some((chosen.end.clone(), notes, facts))
}

fn fault_of(walk: &Walk) -> Option<Fault> {
    match &walk.end {
        End::Bad(fault) => Some(fault.clone()),
        _ => None,
    }
}

/// Joins the hosts of a row.
fn conclude(case: &Case<'_>, ends: &[HostEnd]) -> RowVerdict {
    let total = ends.len();
    let good = ends.iter().filter(|host| matches!(host.end, End::Good(_))).count();
    let is_enough = match case.endpoint.need {
        Need::All => good == total && total > 0,
        Need::Any => good > 0,
    };
    let mut verdict = blank(case.row, RowState::Pending, Reason::NotRunYet);
    let bad = ends.iter().find_map(|host| match &host.end {
        End::Bad(fault) => Some((host, fault.clone())),
        _ => None,
    });
    let is_open = ends.iter().any(|host| matches!(host.end, End::Open));
    if is_enough {
        pass(case, &mut verdict, ends);
    } else if let Some((host, fault)) = bad.filter(|_| case.endpoint.need == Need::All || !is_open) {
        fail(case, &mut verdict, host, fault, total);
    } else if let Some((reason, step)) = unknown(ends).filter(|_| !is_open) {
        // Whoever stops a run leaves rows that were not looked at, and nothing that speaks against testing them.
        verdict.state = if reason == Reason::Stopped { RowState::Pending } else { RowState::NotTestable };
        verdict.reason = reason;
        verdict.step = Some(step);
    }
    verdict.notes.extend(ends.iter().flat_map(|host| host.notes.iter().cloned()));
    // What decided stands last, and is what remains where there is too much.
    let is_good = |host: &&HostEnd| matches!(host.end, End::Good(_));
    let (holding, other): (Vec<&HostEnd>, Vec<&HostEnd>) = ends.iter().partition(is_good);
    let decisive = std::mem::take(&mut verdict.facts);
    verdict.facts = other.iter().chain(&holding).flat_map(|host| host.facts.iter().copied()).chain(decisive).collect();
    if is_sampled(case.endpoint) && total > 0 && verdict.state != RowState::Pending {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let tried = ends.iter().filter(|host| !matches!(host.end, End::Open | End::Unknown(..))).count();
        verdict.sampled = Some((count(good), count(tried)));
    }
    verdict
}

fn is_sampled(endpoint: &Endpoint) -> bool {
    endpoint.hosts.iter().any(HostPattern::is_wildcard)
}

fn pass(case: &Case<'_>, verdict: &mut RowVerdict, ends: &[HostEnd]) {
    verdict.state = if is_sampled(case.endpoint) { RowState::Sampled } else { RowState::Pass };
    verdict.reason = Reason::Answered;
    verdict.step = ends.iter().find_map(|host| match host.end {
        End::Good(kind) => Some(kind),
        _ => None,
    });
    for host in ends {
        // One server of a pool that is silent says nothing: they are many, and they limit how often they answer.
        if let End::Bad(fault) = &host.end
            && fault.reason != Reason::NtpSilent
        {
            let about = format!("{}: {}", host.host, fault.reason);
            verdict.notes.push(Note { reason: fault.reason, facts: fault.facts.clone(), about });
        }
    }
}

fn fail(case: &Case<'_>, verdict: &mut RowVerdict, host: &HostEnd, fault: Fault, total: usize) {
    let is_unusable = fault.reason == Reason::SourceUnusable;
    verdict.state = if is_unusable { RowState::NotTestable } else { RowState::Fail };
    verdict.reason = fault.reason;
    verdict.step = Some(fault.step);
    verdict.confidence = fault.confidence;
    // Of several hosts the one that failed is named, where the reason itself has nothing to name.
    verdict.about = if fault.about.is_empty() && total > 1 { host.host.clone() } else { fault.about };
    verdict.facts.extend(fault.facts);
    // What a VPN carries says little of the site.
    let is_tunnelled = host.notes.iter().any(|note| note.reason == Reason::VpnOwnsRoute);
    if is_tunnelled || fault.reason == Reason::NtpSilent && servers_asked(case) < 2 {
        verdict.confidence = Confidence::Low;
    }
}

fn servers_asked(case: &Case<'_>) -> usize {
    let mut servers: Vec<SocketAddr> = case
        .seen
        .iter()
        .filter_map(|observation| match &observation.seen {
            Seen::Time(time) => Some(time.server),
            _ => None,
        })
        .collect();
    servers.sort();
    servers.dedup();
    servers.len()
}

fn unknown(ends: &[HostEnd]) -> Option<(Reason, ProbeKind)> {
    ends.iter().find_map(|host| match host.end {
        End::Unknown(reason, kind) => Some((reason, kind)),
        _ => None,
    })
}

/// A verdict of which nothing is known but how it stands.
pub(super) fn blank(row: &PlannedRow, state: RowState, reason: Reason) -> RowVerdict {
    RowVerdict {
        row: row.id.clone(),
        state,
        reason,
        step: None,
        confidence: Confidence::High,
        because: None,
        sampled: None,
        about: String::new(),
        facts: Vec::new(),
        notes: Vec::new(),
    }
}

/// Last touch: a pass with notes says so; facts and notes stand once, and are bounded.
pub(super) fn settle(verdict: &mut RowVerdict) {
    let mut kept: Vec<Note> = Vec::with_capacity(verdict.notes.len().min(MAX_NOTES));
    for note in verdict.notes.drain(..) {
        if note.reason != verdict.reason
            && kept.len() < MAX_NOTES
            && kept.iter().all(|own| own.reason != note.reason || own.about != note.about)
        {
            kept.push(note);
        }
    }
    verdict.notes = kept;
    let surplus = verdict.facts.len().saturating_sub(MAX_FACTS);
    verdict.facts.drain(..surplus);
    verdict.facts.sort_unstable();
    verdict.facts.dedup();
    if verdict.state == RowState::Pass && !verdict.notes.is_empty() {
        verdict.state = RowState::PassWithNote;
    }
}
