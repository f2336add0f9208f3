//! What is seen over all rows: the findings, in the order in which causes rank, and rows that hang on another's failure.

use std::collections::{BTreeMap, BTreeSet};

use super::here::Scene;
use super::ports::{Connections, nothing_leaves, ports};
use super::row::blank;
use super::{dns, time};
use crate::check::plan::{Outlook, Subject};
use crate::check::question::Shape;
use crate::check::seen::{Answer, ConnectEnd, HttpEnd, NameServer, Observation, Seen, TlsEnd};
use crate::check::verdict::{Confidence, Finding, Note, Reason, RowState, RowVerdict};
use crate::model::endpoint::{Level, ProbeKind, RowId};
use crate::model::text::visible;
use crate::profile::rules::NetworkFact;

/// The most observations a finding names.
const MAX_FACTS: usize = 16;
/// From how many names on a connection that never says anything counts as somebody who accepts all.
const MANY_HOSTS: usize = 3;
/// The site-local addresses that Windows lists where nobody gave it name servers.
const PLACEHOLDER: &str = "fec0:0:0:ffff";

/// Judges the rows that say something of the other rows.
pub(super) fn rows_about_others(scene: &Scene<'_>, rows: &mut [RowVerdict]) {
    for at in 0..rows.len() {
        let planned = &scene.plan.rows[at];
        let Subject::Network(rule) = &planned.subject else { continue };
        if planned.outlook != Outlook::Run {
            continue;
        }
        match rule.fact {
            NetworkFact::ProxyUnsupported => rows[at] = proxy_row(scene, rows, at),
            NetworkFact::RootNeeded => rows[at] = root_row(scene, rows, at),
            _ => {}
        }
    }
}

/// Rows that are held over a connection.
pub(super) fn talking<'r>(
    scene: &'r Scene<'_>,
    rows: &'r [RowVerdict],
) -> impl Iterator<Item = (usize, &'r RowVerdict)> {
    let is_talk = |at: usize| {
        let planned = &scene.plan.rows[at];
        planned.outlook == Outlook::Run
            && planned.subject.endpoint().is_some_and(|endpoint| endpoint.probes.contains(&ProbeKind::Tcp))
    };
    rows.iter().enumerate().filter(move |(at, _)| is_talk(*at))
}

/// Whether the system works without a proxy: shown by a row that does.
fn proxy_row(scene: &Scene<'_>, rows: &[RowVerdict], at: usize) -> RowVerdict {
    let planned = &scene.plan.rows[at];
    let mut notes = Vec::new();
    for (observation, proxy) in &scene.proxies {
        let is_script = proxy.scheme == "script";
        let reason = if is_script { Reason::ProxyScript } else { Reason::ProxyConfigured };
        notes.push(Note { reason, facts: vec![observation.number], about: visible(&proxy.address, 80) });
    }
    let direct = talking(scene, rows).find(|(_, row)| row.state.is_good() && row.state != RowState::NotNeeded);
    let through = through_proxy(scene);
    let verdict = if let Some((_, row)) = direct {
        RowVerdict { facts: row.facts.clone(), ..blank(planned, RowState::Pass, Reason::Answered) }
    } else if !through.is_empty() {
        RowVerdict { facts: through, ..blank(planned, RowState::Fail, Reason::OnlyThroughProxy) }
    } else if talking(scene, rows).any(|(_, row)| row.state == RowState::Pending) {
        blank(planned, RowState::Pending, Reason::NotRunYet)
    } else {
        blank(planned, RowState::NotTestable, Reason::NothingReached)
    };
    RowVerdict { notes, ..verdict }
}

/// What answered through the proxy of this computer.
fn through_proxy(scene: &Scene<'_>) -> Vec<u32> {
    let answered = |observation: &Observation| match &observation.seen {
        Seen::Tls(tls) => tls.shape == Shape::ThroughProxy && matches!(tls.end, TlsEnd::Done { .. }),
        Seen::Http(http) => http.shape == Shape::ThroughProxy && matches!(http.end, HttpEnd::Status { .. }),
        Seen::Connect(connect) => connect.shape == Shape::ThroughProxy && connect.end == ConnectEnd::Connected,
        _ => false,
    };
    scene.index.all.iter().filter(|observation| answered(observation)).map(|observation| observation.number).collect()
}

/// Whether the root that the device must hold is the one that chains end in.
fn root_row(scene: &Scene<'_>, rows: &[RowVerdict], at: usize) -> RowVerdict {
    let planned = &scene.plan.rows[at];
    let mut other = None;
    for observation in scene.index.all {
        let Seen::Tls(tls) = &observation.seen else { continue };
        let Some(trust) = tls.trust.as_ref().filter(|_| tls.shape.is_plain()) else { continue };
        match trust.expected {
            Some(true) => {
                return RowVerdict {
                    facts: vec![observation.number],
                    step: Some(ProbeKind::Tls),
                    ..blank(planned, RowState::Pass, Reason::Answered)
                };
            }
            Some(false) => other = Some((observation.number, trust.root.clone().unwrap_or_default())),
            None => {}
        }
    }
    match other {
        Some((number, root)) => RowVerdict {
            facts: vec![number],
            step: Some(ProbeKind::Tls),
            about: visible(&root, 80),
            ..blank(planned, RowState::Fail, Reason::WrongRoot)
        },
        None if talking(scene, rows).any(|(_, row)| row.state == RowState::Pending) => {
            blank(planned, RowState::Pending, Reason::NotRunYet)
        }
        None => blank(planned, RowState::NotTestable, Reason::NothingReached),
    }
}

/// All findings, what weighs most first.
pub(super) fn findings(scene: &Scene<'_>, rows: &mut [RowVerdict]) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(no_network(scene, rows));
    found.extend(vpn(rows));
    found.extend(of_reason(rows, Reason::BlockedHere, 1));
    found.extend(of_reason(rows, Reason::MacosLocalNetwork, 1));
    found.extend(only_through_proxy(scene, rows));
    found.extend(dns_dead(scene, rows));
    found.extend(names(scene, rows));
    found.extend(portal(scene, rows));
    found.extend(everything_accepts(scene, rows));
    found.extend(clocks(scene, rows));
    found.extend(no_time(scene, rows));
    found.extend(interception(rows));
    let connections = Connections::of(scene);
    match nothing_leaves(&connections, scene, rows) {
        Some(finding) => found.push(finding),
        None => found.extend(ports(&connections, scene, rows)),
    }
    for reason in [Reason::CutAfterIdentification, Reason::LargePacketsLost] {
        found.extend(of_reason(rows, reason, 2));
    }
    found.extend(beside(scene));
    found
}

pub(super) fn finding(
    reason: Reason,
    confidence: Confidence,
    rows: Vec<RowId>,
    facts: impl IntoIterator<Item = u32>,
) -> Finding {
    let facts: BTreeSet<u32> = facts.into_iter().collect();
    Finding { reason, confidence, rows, about: String::new(), facts: facts.into_iter().take(MAX_FACTS).collect() }
}

fn failing(rows: &[RowVerdict]) -> impl Iterator<Item = &RowVerdict> {
    rows.iter().filter(|row| row.state == RowState::Fail)
}

pub(super) fn ids<'r>(rows: impl Iterator<Item = &'r RowVerdict>) -> Vec<RowId> {
    rows.map(|row| row.row.clone()).collect()
}

/// The rows that fail for a reason, where there are that many.
fn of_reason(rows: &[RowVerdict], reason: Reason, least: usize) -> Option<Finding> {
    let hit: Vec<&RowVerdict> = failing(rows).filter(|row| row.reason == reason).collect();
    let first = hit.first().filter(|_| hit.len() >= least)?;
    let facts = hit.iter().flat_map(|row| row.facts.iter().copied());
    let about = first.about.clone();
    Some(Finding { about, ..finding(reason, first.confidence, ids(hit.iter().copied()), facts) })
}

/// Marks failed rows as skipped because of one of them, which goes on failing: the one given, or the first that is required,
/// since a run in which only an advised row fails counts as good.
fn hang(
    scene: &Scene<'_>,
    rows: &mut [RowVerdict],
    root: Option<usize>,
    reason: Reason,
    hangs: impl Fn(&RowVerdict) -> bool,
) -> Option<(usize, Vec<RowId>)> {
    let hit: Vec<usize> = (0..rows.len())
        .filter(|at| rows[*at].state == RowState::Fail && (Some(*at) == root || hangs(&rows[*at])))
        .collect();
    let is_required = |at: &&usize| scene.plan.rows[**at].subject.level() == Level::Required;
    let root = root.or_else(|| hit.iter().find(is_required).or(hit.first()).copied())?;
    let because = rows[root].row.clone();
    let named = hit.iter().map(|at| rows[*at].row.clone()).collect();
    for at in hit.into_iter().filter(|at| *at != root) {
        let row = &mut rows[at];
        if row.reason != reason {
            let about = std::mem::take(&mut row.about);
            row.notes.insert(0, Note { reason: row.reason, facts: row.facts.clone(), about });
        }
        row.state = RowState::Skipped;
        row.reason = reason;
        row.because = Some(because.clone());
    }
    Some((root, named))
}

fn no_network(scene: &Scene<'_>, rows: &mut [RowVerdict]) -> Option<Finding> {
    let was_reached = |row: &RowVerdict| row.state.is_good() && row.step.is_some();
    if rows.iter().any(was_reached) {
        // There is a network: what couldn't be asked for is a name alone.
        for row in rows.iter_mut().filter(|row| row.reason == Reason::NoNetwork) {
            (row.reason, row.confidence) = (Reason::DnsUnclear, Confidence::Low);
        }
        return None;
    }
    let has_address = |text: &String| {
        super::here::with_prefix(text).is_some_and(|(ip, _)| !ip.is_loopback() && !dns::is_leading_nowhere(ip))
    };
    let is_up = scene.interfaces.iter().any(|(_, it)| it.is_up && it.addresses.iter().any(has_address));
    if is_up || failing(rows).next().is_none() || !scene.plan.about.overrides.is_empty() {
        return None;
    }
    let mut facts: Vec<u32> = scene.interfaces.iter().map(|(observation, _)| observation.number).collect();
    if scene.interfaces.is_empty() {
        // A computer without any interface lists none: then the rows say it themselves, all of them.
        facts = failing(rows).flat_map(|row| row.facts.iter().copied()).collect();
        if failing(rows).any(|row| row.reason != Reason::NoNetwork) {
            return None;
        }
    }
    let (root, named) = hang(scene, rows, None, Reason::NoNetwork, |_| true)?;
    rows[root].reason = Reason::NoNetwork;
    Some(finding(Reason::NoNetwork, Confidence::High, named, facts))
}

fn vpn(rows: &[RowVerdict]) -> Option<Finding> {
    let note = |row: &RowVerdict| row.notes.iter().find(|note| note.reason == Reason::VpnOwnsRoute).cloned();
    let hit: Vec<&RowVerdict> = rows.iter().filter(|row| note(row).is_some()).collect();
    let first = hit.first().and_then(|row| note(row))?;
    let facts = hit.iter().filter_map(|row| note(row)).flat_map(|note| note.facts);
    let found = finding(Reason::VpnOwnsRoute, Confidence::High, ids(hit.iter().copied()), facts);
    Some(Finding { about: first.about, ..found })
}

fn only_through_proxy(scene: &Scene<'_>, rows: &mut [RowVerdict]) -> Option<Finding> {
    let through = through_proxy(scene);
    let is_direct = talking(scene, rows).any(|(_, row)| row.state.is_good());
    if through.is_empty() || is_direct || talking(scene, rows).all(|(_, row)| row.state != RowState::Fail) {
        return None;
    }
    let root = rows.iter().position(|row| row.reason == Reason::OnlyThroughProxy);
    let talks: BTreeSet<RowId> = talking(scene, rows).map(|(_, row)| row.row.clone()).collect();
    let (chosen, named) = hang(scene, rows, root, Reason::OnlyThroughProxy, |row| talks.contains(&row.row))?;
    if root.is_none() {
        let row = &mut rows[chosen];
        row.notes.push(Note { reason: row.reason, facts: row.facts.clone(), about: row.about.clone() });
        row.reason = Reason::OnlyThroughProxy;
    }
    let about = scene.proxies.first().map_or_else(String::new, |(_, proxy)| visible(&proxy.address, 80));
    Some(Finding { about, ..finding(Reason::OnlyThroughProxy, Confidence::High, named, through) })
}

/// No name server answers anything: one finding, and nothing below is to blame.
fn dns_dead(scene: &Scene<'_>, rows: &mut [RowVerdict]) -> Option<Finding> {
    let mut silent = Vec::new();
    let mut is_refused = false;
    for observation in scene.index.all {
        let Seen::Lookup(lookup) = &observation.seen else { continue };
        match &lookup.answer {
            Answer::TimedOut => silent.push(observation.number),
            Answer::Refused { .. } => {
                is_refused = true;
                silent.push(observation.number);
            }
            Answer::Message { rcode, addresses, .. }
                if rcode.is_some() && lookup.server.is_some() || !addresses.is_empty() =>
            {
                return None;
            }
            // A server that answers is not dead.
            Answer::Overridden { .. } | Answer::Truncated => return None,
            Answer::Message { .. } | Answer::Failed { .. } => {}
        }
    }
    if silent.is_empty() {
        return None;
    }
    let reason = if is_refused { Reason::DnsRefused } else { Reason::DnsSilent };
    let by_name = |row: &RowVerdict| row.step == Some(ProbeKind::Dns);
    let is_resolver = |at: &usize| {
        let endpoint = scene.plan.rows[*at].subject.endpoint();
        rows[*at].state == RowState::Fail
            && endpoint.is_some_and(|endpoint| endpoint.probes == [ProbeKind::Dns])
            && scene.plan.rows[*at].targets.is_empty()
    };
    let root = (0..rows.len()).find(is_resolver);
    let (_, named) = hang(scene, rows, root, reason, by_name)?;
    Some(finding(reason, Confidence::High, named, silent))
}

/// Answers that are not what the vendor's servers would say.
fn names(scene: &Scene<'_>, rows: &[RowVerdict]) -> Vec<Finding> {
    let touched = |reason: Reason| -> Vec<RowId> {
        let has = |row: &&RowVerdict| row.reason == reason || row.notes.iter().any(|note| note.reason == reason);
        ids(rows.iter().filter(has))
    };
    let mut found = Vec::new();
    if !scene.rewriting.facts.is_empty() {
        let rows = touched(Reason::DnsRewritten);
        let about: Vec<String> =
            scene.rewriting.addresses.iter().collect::<BTreeSet<_>>().iter().take(3).map(ToString::to_string).collect();
        let one = finding(Reason::DnsRewritten, Confidence::High, rows, scene.rewriting.facts.iter().copied());
        found.push(Finding { about: about.join(", "), ..one });
    }
    if !scene.rewriting.everywhere.is_empty() {
        let facts = scene.rewriting.everywhere.iter().copied();
        found.push(finding(Reason::DnsIntercepted, Confidence::High, Vec::new(), facts));
    }
    found.extend(of_reason(rows, Reason::DnsFiltered, 1));
    found.extend(of_reason(rows, Reason::DnsSinkhole, 2));
    found
}

fn portal(scene: &Scene<'_>, rows: &[RowVerdict]) -> Option<Finding> {
    let suspects = [
        Reason::CaptivePortal,
        Reason::Intercepted,
        Reason::UntrustedIssuer,
        Reason::NotTls,
        Reason::NotHttp,
        Reason::WrongName,
        Reason::DnsRewritten,
        Reason::RevocationOdd,
    ];
    let hit: Vec<&RowVerdict> = failing(rows).filter(|row| suspects.contains(&row.reason)).collect();
    let announced =
        scene.leases.iter().find_map(|(observation, lease)| Some((observation.number, lease.portal.clone()?)));
    let said: Vec<u32> =
        hit.iter().filter(|row| row.reason == Reason::CaptivePortal).flat_map(|row| row.facts.clone()).collect();
    let canaries = canaries(scene);
    let (confidence, facts, about) = match (announced, said.is_empty(), canaries.len()) {
        (Some((number, address)), false, _) => (Confidence::High, [vec![number], said].concat(), address),
        (Some((number, address)), true, _) if !hit.is_empty() => (Confidence::High, vec![number], address),
        (Some((number, address)), true, _) => (Confidence::Medium, vec![number], address),
        (None, false, _) => (Confidence::High, said, String::new()),
        // One canary alone is no evidence: caches answer for them.
        (None, true, 2..) => (Confidence::Medium, canaries.into_values().collect(), String::new()),
        (None, true, _) => return None,
    };
    let found = finding(Reason::CaptivePortal, confidence, ids(hit.into_iter()), facts);
    Some(Finding { about: visible(&about, 120), ..found })
}

/// Pages that answer everybody alike, and did not: by their host.
fn canaries<'a>(scene: &Scene<'a>) -> BTreeMap<&'a str, u32> {
    let mut found = BTreeMap::new();
    for observation in &scene.index.shared {
        let Seen::Http(http) = &observation.seen else { continue };
        let Some(rest) = http.url.strip_prefix("http://").filter(|_| observation.row.is_none()) else { continue };
        let host = rest.split(['/', ':']).next().unwrap_or_default();
        let HttpEnd::Status { status, location, .. } = &http.end else { continue };
        let is_elsewhere = location.as_deref().is_some_and(|to| !to.contains(host));
        let is_page = *status == 200 && http.url.ends_with("204");
        if *status == 511 || is_page || (300..400).contains(status) && is_elsewhere {
            found.insert(host, observation.number);
        }
    }
    found
}

fn everything_accepts(scene: &Scene<'_>, rows: &mut [RowVerdict]) -> Option<Finding> {
    let impossible: Vec<u32> = scene
        .index
        .all
        .iter()
        .filter(|observation| match &observation.seen {
            Seen::Connect(connect) => {
                connect.end == ConnectEnd::Connected
                    && connect.shape.is_plain()
                    && dns::is_documentation(connect.to.ip())
            }
            _ => false,
        })
        .map(|observation| observation.number)
        .collect();
    let mute = [Reason::TlsSilent, Reason::HttpSilent, Reason::MqttSilent];
    let hit: Vec<RowId> = ids(failing(rows).filter(|row| mute.contains(&row.reason)));
    let is_all_mute = hit.len() >= MANY_HOSTS
        && talking(scene, rows).all(|(_, row)| !row.state.is_good() && row.step > Some(ProbeKind::Tcp));
    if impossible.is_empty() && !is_all_mute {
        return None;
    }
    let confidence = if impossible.is_empty() { Confidence::Low } else { Confidence::High };
    let facts: Vec<u32> =
        if impossible.is_empty() { failing(rows).flat_map(|row| row.facts.clone()).collect() } else { impossible };
    for row in rows.iter_mut().filter(|row| hit.contains(&row.row)) {
        row.notes.push(Note { reason: Reason::EverythingAccepts, facts: facts.clone(), about: String::new() });
    }
    Some(finding(Reason::EverythingAccepts, confidence, hit, facts))
}

/// Clocks weigh more than certificates: a wrong one makes all of them fail.
fn clocks(scene: &Scene<'_>, rows: &mut [RowVerdict]) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(facts) = scene.clocks.notable() {
        let hit = ids(rows.iter().filter(|row| row.notes.iter().any(|note| note.reason == Reason::ClockWrong)));
        let one = finding(Reason::ClockWrong, Confidence::High, hit, facts.iter().copied());
        found.push(Finding { about: scene.clocks.shown_offset(), ..one });
    } else if scene.clocks.reference(0).is_none() {
        found.extend(clock_by_certificates(rows));
    }
    if let Some((secs, fact)) =
        scene.clocks.gateway_error().filter(|(secs, _)| secs.abs() >= time::NOTABLE_MICROS / 1_000_000)
    {
        let hit = ids(rows.iter().filter(|row| row.reason == Reason::GatewayClockWrong));
        let one = finding(Reason::GatewayClockWrong, Confidence::High, hit, [fact]);
        found.push(Finding { about: time::shown(secs.saturating_mul(-1_000_000)), ..one });
    }
    found
}

/// Nobody told the time, and the certificates of different hosts all read as out of date: the clock is the likelier cause.
fn clock_by_certificates(rows: &mut [RowVerdict]) -> Option<Finding> {
    let is_dated = |row: &RowVerdict| matches!(row.reason, Reason::NotYetValid | Reason::Expired);
    let first = failing(rows).find(|row| is_dated(row))?.reason;
    let hit: Vec<RowId> = ids(failing(rows).filter(|row| row.reason == first));
    let is_any_good = rows.iter().any(|row| row.state.is_good() && row.step.is_some_and(|step| step >= ProbeKind::Tls));
    if hit.len() < 2 || is_any_good {
        return None;
    }
    let mut facts = Vec::new();
    for row in rows.iter_mut().filter(|row| hit.contains(&row.row)) {
        facts.extend(row.facts.iter().copied());
        let about = std::mem::take(&mut row.about);
        row.notes.push(Note { reason: row.reason, facts: row.facts.clone(), about });
        row.reason = Reason::ClockWrong;
        row.confidence = Confidence::Medium;
    }
    Some(finding(Reason::ClockWrong, Confidence::Medium, hit, facts))
}

/// No time, no certificate: a gateway that starts in 1970 trusts nobody until it has the time.
fn no_time(scene: &Scene<'_>, rows: &[RowVerdict]) -> Option<Finding> {
    let asks = |at: usize| {
        scene.plan.rows[at].outlook == Outlook::Run
            && scene.plan.rows[at].subject.endpoint().is_some_and(|endpoint| endpoint.probes.contains(&ProbeKind::Ntp))
    };
    let timed: Vec<&RowVerdict> = rows.iter().enumerate().filter(|(at, _)| asks(*at)).map(|(_, row)| row).collect();
    let first = timed.first().filter(|first| first.step == Some(ProbeKind::Ntp))?;
    if timed.iter().any(|row| row.state != RowState::Fail) {
        return None;
    }
    // What is said of one holds for those that fail alike.
    let alike = || timed.iter().copied().filter(|row| row.reason == first.reason);
    let facts = alike().flat_map(|row| row.facts.iter().copied());
    let found = finding(first.reason, first.confidence, ids(alike()), facts);
    Some(Finding { about: first.about.clone(), ..found })
}

/// One finding for each issuer that is not the vendor's.
fn interception(rows: &[RowVerdict]) -> Vec<Finding> {
    let mut by_issuer: BTreeMap<&str, Vec<&RowVerdict>> = BTreeMap::new();
    for row in failing(rows).filter(|row| row.reason == Reason::Intercepted) {
        by_issuer.entry(&row.about).or_default().push(row);
    }
    let mut found: Vec<Finding> = by_issuer
        .into_iter()
        .map(|(issuer, hit)| {
            let confidence = hit.iter().map(|row| row.confidence).min().unwrap_or(Confidence::Medium);
            let facts = hit.iter().flat_map(|row| row.facts.iter().copied());
            Finding {
                about: issuer.to_owned(),
                ..finding(Reason::Intercepted, confidence, ids(hit.iter().copied()), facts)
            }
        })
        .collect();
    found.sort_by_key(|finding| std::cmp::Reverse(finding.rows.len()));
    found
}

/// What is worth knowing of the site, whatever the rows say.
fn beside(scene: &Scene<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    if !scene.rewriting.nat64.is_empty() {
        let confidence = if scene.has_family(true) { Confidence::Medium } else { Confidence::High };
        found.push(finding(Reason::Nat64, confidence, Vec::new(), scene.rewriting.nat64.iter().copied()));
    }
    for observation in &scene.index.shared {
        let Seen::NameServer(NameServer { entry, address: None, ignored, .. }) = &observation.seen else { continue };
        if ignored.is_empty() || entry.starts_with(PLACEHOLDER) {
            continue;
        }
        let about = format!("{}: {}", visible(entry, 60), visible(ignored, 60));
        let one = finding(Reason::NameServerIgnored, Confidence::High, Vec::new(), [observation.number]);
        found.push(Finding { about, ..one });
    }
    found
}
