//! What an HTTP exchange, a WebSocket upgrade and an idle session amount to.

use super::path::{Fault, Spot, Step, Walk};
use super::{local, tls};
use crate::check::seen::{Broke, Http, HttpEnd, Observation, Seen};
use crate::check::verdict::{Confidence, Reason};
use crate::model::endpoint::ProbeKind;
use crate::model::text::visible;

/// Judges the exchange for a page: any status of the verified peer will do.
pub(super) fn page(spot: &Spot<'_, '_>, walk: &mut Walk) -> Step {
    let exchanges = spot.seen.iter().filter_map(|observation| match &observation.seen {
        Seen::Http(http) if http.shape.is_plain() => Some((*observation, http)),
        _ => None,
    });
    let Some((observation, http)) = best(exchanges) else { return Step::Unseen };
    match &http.end {
        HttpEnd::Status { status, location, .. } => {
            walk.facts.push(observation.number);
            if let Some(fault) = gate(spot, observation, *status, ProbeKind::Http) {
                return Step::Bad(fault);
            }
            note_status(spot, walk, observation.number, *status);
            if let Some(other) = sent_elsewhere(spot, *status, location.as_deref()) {
                walk.note(Reason::SentElsewhere, observation.number, other);
            }
            Step::Good
        }
        HttpEnd::Broken(broke) => Step::Bad(broken(spot, observation, broke)),
    }
}

/// Judges the upgrade to a WebSocket: done, or refused by the verified peer itself.
pub(super) fn upgrade(spot: &Spot<'_, '_>, walk: &mut Walk) -> Step {
    let exchanges = spot.seen.iter().filter_map(|observation| match &observation.seen {
        Seen::WebSocket(http) if http.shape.is_plain() => Some((*observation, http)),
        _ => None,
    });
    let Some((observation, http)) = best(exchanges) else { return Step::Unseen };
    let (status, begins) = match &http.end {
        HttpEnd::Status { status: 101, is_upgraded: true, .. } => {
            walk.facts.push(observation.number);
            return Step::Good;
        }
        HttpEnd::Status { status, begins, .. } => (*status, begins),
        HttpEnd::Broken(broke) => return Step::Bad(broken(spot, observation, broke)),
    };
    walk.facts.push(observation.number);
    if let Some(fault) = gate(spot, observation, status, ProbeKind::WebSocket) {
        return Step::Bad(fault);
    }
    if matches!(status, 400..=499) {
        note_status(spot, walk, observation.number, status);
        return Step::Enough;
    }
    let fault = Fault::new(Reason::WebSocketRefused, ProbeKind::WebSocket, Confidence::Medium, observation.number);
    // Granted, but not as it must be: what is wrong with it stands where a page would.
    let wrong =
        if status == 101 && !begins.is_empty() { format!(", but {}", visible(begins, 80)) } else { String::new() };
    Step::Bad(fault.about(format!("{status}{wrong}")))
}

/// The last exchange with a status, or the last.
fn best<'o, 'a: 'o>(
    exchanges: impl Iterator<Item = (&'a Observation, &'a Http)>,
) -> Option<(&'o Observation, &'o Http)> {
    let mut best: Option<(&Observation, &Http)> = None;
    for (observation, http) in exchanges {
        let is_answer = matches!(http.end, HttpEnd::Status { .. });
        if is_answer || best.is_none_or(|(_, held)| !matches!(held.end, HttpEnd::Status { .. })) {
            best = Some((observation, http));
        }
    }
    best
}

/// Statuses by which something in front of the service asks for a login. A peer that was verified says it for itself.
fn gate(spot: &Spot<'_, '_>, observation: &Observation, status: u16, step: ProbeKind) -> Option<Fault> {
    if is_verified(spot) {
        return None;
    }
    let reason = match status {
        407 => Reason::ProxyLogin,
        511 => Reason::CaptivePortal,
        _ => return None,
    };
    Some(Fault::new(reason, step, Confidence::High, observation.number).about(status.to_string()))
}

/// Whether the handshake before has shown who the peer is.
fn is_verified(spot: &Spot<'_, '_>) -> bool {
    spot.case.endpoint.probes.contains(&ProbeKind::Tls)
}

/// The host that an unverified peer sends to instead: so do sign-in pages.
fn sent_elsewhere(spot: &Spot<'_, '_>, status: u16, location: Option<&str>) -> Option<String> {
    if is_verified(spot) || !matches!(status, 300..=399) {
        return None;
    }
    let host = local::host_of(location?)?;
    let is_own =
        host.eq_ignore_ascii_case(spot.host) || host.to_ascii_lowercase().ends_with(&format!(".{}", spot.host));
    (!is_own).then(|| visible(host, 80))
}

fn note_status(spot: &Spot<'_, '_>, walk: &mut Walk, fact: u32, status: u16) {
    let expected = &spot.case.endpoint.expect_status;
    let reason = match status {
        _ if expected.contains(&status) => return,
        403 | 407 | 451 | 511 => Reason::ServiceRefuses,
        500..=599 => Reason::ServerError,
        _ if expected.is_empty() => return,
        _ => Reason::UnexpectedStatus,
    };
    walk.note(reason, fact, status.to_string());
}

fn broken(spot: &Spot<'_, '_>, observation: &Observation, broke: &Broke) -> Fault {
    let (reason, about) = match broke {
        Broke::Silent => (Reason::HttpSilent, String::new()),
        Broke::Unfinished { bytes } => (Reason::Unfinished, tls::came(*bytes)),
        Broke::Reset | Broke::Closed => (Reason::HttpCut, String::new()),
        Broke::Other { begins } => (Reason::NotHttp, visible(begins, 80)),
        Broke::TooLong { bytes } => (Reason::NotHttp, format!("{} and no end", tls::came(*bytes))),
    };
    let kind = if matches!(observation.seen, Seen::WebSocket(_)) { ProbeKind::WebSocket } else { ProbeKind::Http };
    let fault = Fault::new(reason, kind, Confidence::Medium, observation.number).about(about);
    tls::cut_by_name(spot, fault, "after the first bytes of the application")
}

/// Judges an idle session. A cut is worth a note: no vendor states how long it must stand.
pub(super) fn idle(spot: &Spot<'_, '_>, walk: &mut Walk) -> Step {
    let last = spot.seen.iter().rev().find_map(|observation| match &observation.seen {
        Seen::Idle(idle) => Some((observation.number, idle)),
        _ => None,
    });
    let Some((number, idle)) = last else { return Step::Unseen };
    walk.facts.push(number);
    if let Some((_, secs)) = &idle.cut {
        walk.note(Reason::IdleCut, number, format!("{secs} s"));
    }
    Step::Good
}
