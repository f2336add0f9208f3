//! What needs no far end, or none of the internet: the lease, proxies, the radio, echo replies, and revocation data.

use super::here::{Scene, with_prefix};
use super::path::{Case, End, Fault};
use super::row::{HostEnd, blank};
use crate::check::plan::PlannedRow;
use crate::check::seen::{Broke, Fetch, HttpEnd, Lease, NotRun, Observation, Seen};
use crate::check::verdict::{Confidence, Reason, RowState, RowVerdict};
use crate::model::endpoint::ProbeKind;
use crate::model::wifi::WifiRules;
use crate::model::word::Word as _;
use crate::profile::rules::NetworkFact;

/// Judges a requirement of the network. Those that hang on other rows are judged after them, in [`super::site`].
pub(super) fn network(scene: &Scene<'_>, row: &PlannedRow, fact: NetworkFact) -> RowVerdict {
    match fact {
        NetworkFact::DhcpRequired => dhcp(scene, row),
        _ => blank(row, RowState::Pending, Reason::NotRunYet),
    }
}

fn dhcp(scene: &Scene<'_>, row: &PlannedRow) -> RowVerdict {
    let Some((observation, lease)) = scene.lease() else {
        let mut verdict = blank(row, RowState::Pending, Reason::NotRunYet);
        if let Some((reason, fact)) = not_run_of_row(scene, row) {
            verdict = RowVerdict { facts: vec![fact], ..blank(row, RowState::NotTestable, reason) };
        } else if !scene.interfaces.is_empty() {
            verdict = blank(row, RowState::NotTestable, Reason::LeaseUnknown);
        }
        return verdict;
    };
    let (state, reason, about) = match lease.by_dhcp {
        None => (RowState::NotTestable, Reason::LeaseUnknown, String::new()),
        Some(false) => (RowState::NotTestable, Reason::StaticAddress, String::new()),
        Some(true) => match missing(lease) {
            missing if missing.is_empty() => (RowState::Pass, Reason::Answered, String::new()),
            missing => (RowState::Fail, Reason::LeaseIncomplete, missing.join(", ")),
        },
    };
    RowVerdict { about, facts: vec![observation.number], ..blank(row, state, reason) }
}

/// What a lease lacks.
fn missing(lease: &Lease) -> Vec<&'static str> {
    let address = lease.address.as_deref().and_then(with_prefix);
    let has_mask = lease.address.as_deref().is_some_and(|text| text.contains('/'));
    [
        (address.is_none(), "address"),
        (address.is_some() && !has_mask, "mask"),
        (lease.routers.is_empty(), "default gateway"),
        (lease.name_servers.is_empty(), "name servers"),
    ]
    .into_iter()
    .filter_map(|(lacks, what)| lacks.then_some(what))
    .collect()
}

fn not_run_of_row(scene: &Scene<'_>, row: &PlannedRow) -> Option<(Reason, u32)> {
    scene.index.of_row(&row.id).iter().find_map(|observation| match &observation.seen {
        Seen::NotRun { why, .. } => Some((why.reason(), observation.number)),
        _ => None,
    })
}

/// Judges what the radio hears of the network against what the device can join.
pub(super) fn wifi(scene: &Scene<'_>, row: &PlannedRow, rules: &WifiRules) -> RowVerdict {
    let own = scene.index.of_row(&row.id);
    let all = own.iter().copied().chain(scene.index.shared.iter().copied());
    let mut heard = 0;
    let mut facts = Vec::new();
    let mut bands = Vec::new();
    let mut unfit = Vec::new();
    for observation in all {
        let Seen::Wifi(wifi) = &observation.seen else { continue };
        heard += 1;
        if wifi.ssid != scene.plan.about.ssid {
            continue;
        }
        facts.push(observation.number);
        let has_band = rules.bands.iter().any(|band| band.word() == wifi.band);
        let has_security = rules.security.iter().any(|security| security.word() == wifi.security);
        let has_cipher = rules.ciphers.is_empty()
            || wifi.ciphers.is_empty()
            || wifi.ciphers.iter().any(|own| rules.ciphers.iter().any(|cipher| cipher.word() == own));
        match (has_band, has_security && has_cipher) {
            (true, true) => {
                return RowVerdict { facts: vec![observation.number], ..blank(row, RowState::Pass, Reason::Answered) };
            }
            (true, false) if has_security => unfit.push(wifi.ciphers.join(" and ")),
            (true, false) => unfit.push(wifi.security.clone()),
            (false, _) => bands.push(wifi.band.clone()),
        }
    }
    let (state, reason, about) = if let Some(first) = unfit.into_iter().next() {
        (RowState::Fail, Reason::WifiSecurity, first)
    } else if !bands.is_empty() {
        bands.sort();
        bands.dedup();
        (RowState::Fail, Reason::WifiBand, bands.join(", "))
    } else if let Some((reason, fact)) = not_run_of_row(scene, row) {
        facts.push(fact);
        let state = if reason == NotRun::Stopped.reason() { RowState::Pending } else { RowState::NotTestable };
        (state, reason, String::new())
    } else if heard > 0 {
        (RowState::NotTestable, Reason::WifiNotSeen, String::new())
    } else {
        (RowState::Pending, Reason::NotRunYet, String::new())
    };
    RowVerdict { about, facts, ..blank(row, state, reason) }
}

/// Judges echo requests: a reply is a pass, silence is no evidence.
pub(super) fn ping(case: &Case<'_>) -> HostEnd {
    let pings = case.seen.iter().filter_map(|observation| match &observation.seen {
        Seen::Ping(ping) => Some((observation.number, ping)),
        _ => None,
    });
    let mut end =
        case.not_run(ProbeKind::Icmp, None).map_or(End::Open, |(reason, _)| End::Unknown(reason, ProbeKind::Icmp));
    let mut facts = Vec::new();
    for (number, ping) in pings {
        facts.push(number);
        if !ping.replies_micros.is_empty() {
            end = End::Good(ProbeKind::Icmp);
            break;
        }
        end = End::Unknown(Reason::PingSilent, ProbeKind::Icmp);
    }
    HostEnd { host: String::new(), end, notes: Vec::new(), facts }
}

/// Judges the hosts of a row that is about revocation data: those of its samples, or those the chains named.
pub(super) fn revocation_hosts(case: &Case<'_>, samples: &[&str]) -> Vec<HostEnd> {
    let mut hosts: Vec<&str> = Vec::new();
    for observation in &case.seen {
        if let Seen::Fetch(fetch) = &observation.seen
            && let Some(host) = host_of(&fetch.url)
            && !hosts.contains(&host)
        {
            hosts.push(host);
        }
    }
    // A sample whose name could not be resolved was tried as well.
    for sample in samples {
        let is_looked_up = !case.scene.index.lookups(sample).is_empty();
        if !hosts.contains(sample) && (hosts.is_empty() || is_looked_up) {
            hosts.push(sample);
        }
    }
    hosts.into_iter().map(|host| revocation(case, Some(host))).collect()
}

/// Judges revocation data fetched from a host, or from any.
pub(super) fn revocation(case: &Case<'_>, host: Option<&str>) -> HostEnd {
    let mut facts = Vec::new();
    let mut fault: Option<Fault> = None;
    let mut is_good = false;
    for observation in &case.seen {
        let Seen::Fetch(fetch) = &observation.seen else { continue };
        if host.is_some_and(|host| host_of(&fetch.url) != Some(host)) {
            continue;
        }
        match judge_fetch(observation, fetch) {
            None => {
                is_good = true;
                facts.push(observation.number);
            }
            Some(found) => fault = fault.or(Some(found)),
        }
    }
    let named = host.map(|host| super::dns::name(case.scene, host, false));
    let not_run = case.not_run(ProbeKind::Revocation, host);
    let end = match (fault, named.and_then(|named| named.fault), not_run) {
        (Some(fault), None, _) => End::Bad(fault),
        (_, Some(fault), _) if !is_good => End::Bad(fault),
        _ if is_good => End::Good(ProbeKind::Revocation),
        (_, _, Some((reason, _))) => End::Unknown(reason, ProbeKind::Revocation),
        _ => End::Open,
    };
    HostEnd { host: host.unwrap_or_default().to_owned(), end, notes: Vec::new(), facts }
}

fn judge_fetch(observation: &Observation, fetch: &Fetch) -> Option<Fault> {
    let (reason, about) = match &fetch.end {
        HttpEnd::Status { status: 200..=299, .. } if !fetch.content.is_empty() => return None,
        HttpEnd::Status { status: 511, .. } => (Reason::CaptivePortal, "511".to_owned()),
        HttpEnd::Status { status: 407, .. } => (Reason::ProxyLogin, "407".to_owned()),
        HttpEnd::Status { status, .. } => (Reason::RevocationOdd, status.to_string()),
        HttpEnd::Broken(Broke::Silent | Broke::Unfinished { .. } | Broke::Reset | Broke::Closed) => {
            (Reason::RevocationSilent, String::new())
        }
        HttpEnd::Broken(Broke::Other { .. } | Broke::TooLong { .. }) => (Reason::RevocationOdd, String::new()),
    };
    let host = host_of(&fetch.url).unwrap_or_default();
    let about = if about.is_empty() { host.to_owned() } else { format!("{host}: {about}") };
    Some(Fault::new(reason, ProbeKind::Revocation, Confidence::High, observation.number).about(about))
}

/// The host of an address of the web.
pub(super) fn host_of(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    Some(authority.rsplit_once(':').map_or(authority, |(host, _)| host)).filter(|host| !host.is_empty())
}
