//! What a connection attempt amounts to: who refused it, or that nobody answered.

use core::net::IpAddr;

use super::path::{Fault, Spot, Step, Walk};
use crate::check::seen::{Connect, ConnectEnd, Icmp, Observation, Seen, SocketError};
use crate::check::verdict::{Confidence, Reason};
use crate::model::endpoint::ProbeKind;

/// Windows: the local filter forbids it (WSAEACCES).
const WINDOWS_FILTER: i32 = 10013;

/// Judges the connection attempts to an address.
pub(super) fn step(spot: &Spot<'_, '_>, walk: &mut Walk) -> Step {
    let attempts = spot.seen.iter().filter_map(|observation| plain(observation));
    let mut last = None;
    let mut lost = None;
    for (observation, connect) in attempts {
        match (&connect.end, last) {
            (ConnectEnd::Connected, _) => {
                walk.facts.push(observation.number);
                if let Some(lost) = lost {
                    walk.note(Reason::TcpLost, lost, "");
                }
                return Step::Good;
            }
            _ => lost = Some(observation.number),
        }
        last = Some((observation, connect));
    }
    last.map_or(Step::Unseen, |(observation, connect)| Step::Bad(fault(spot, observation, connect)))
}

fn plain(observation: &Observation) -> Option<(&Observation, &Connect)> {
    match &observation.seen {
        Seen::Connect(connect) if connect.shape.is_plain() => Some((observation, connect)),
        _ => None,
    }
}

fn fault(spot: &Spot<'_, '_>, observation: &Observation, connect: &Connect) -> Fault {
    let of = |reason, confidence| Fault::new(reason, ProbeKind::Tcp, confidence, observation.number);
    match &connect.end {
        ConnectEnd::Connected | ConnectEnd::TimedOut => of(Reason::TcpSilent, Confidence::Medium),
        ConnectEnd::Failed { icmp: Some(icmp), .. } => {
            let reason = rejection(spot, connect.to.ip(), *icmp);
            let confidence = if reason == Reason::Unreachable { Confidence::Medium } else { Confidence::High };
            of(reason, confidence).about(sender(*icmp))
        }
        ConnectEnd::Failed { error, number, icmp: None } => {
            let (reason, confidence) = bare(spot, connect.to.ip(), *error, *number);
            let mut fault = of(reason, confidence);
            let is_at_once = observation.took_micros < 500_000;
            fault.is_local = *error == SocketError::NetworkUnreachable && is_at_once
                || *error == SocketError::NoSuchAddress
                || !spot.case.scene.has_family(connect.to.is_ipv4());
            fault
        }
    }
}

/// What an ICMP error means by its sender and its code.
pub(super) fn rejection(spot: &Spot<'_, '_>, to: IpAddr, icmp: Icmp) -> Reason {
    let scene = spot.case.scene;
    let is_policy = is_policy(icmp);
    let is_port = is_port(icmp);
    if scene.is_own(icmp.from) && icmp.from != to {
        // Its own address also tells that a neighbour does not answer; that is no firewall.
        return if is_policy || is_port { Reason::BlockedHere } else { Reason::Unreachable };
    }
    if icmp.from == to {
        return if is_policy { Reason::TcpRejected } else { Reason::TcpRefused };
    }
    if is_policy || is_port { Reason::TcpRejected } else { Reason::Unreachable }
}

/// Whether the error says that somebody forbids it (RFC 1812 section 5.2.7.1, RFC 4443 section 3.1).
const fn is_policy(icmp: Icmp) -> bool {
    match icmp.from {
        IpAddr::V4(_) => icmp.kind == 3 && matches!(icmp.code, 2 | 9 | 10 | 13),
        IpAddr::V6(_) => icmp.kind == 1 && matches!(icmp.code, 1 | 5 | 6),
    }
}

const fn is_port(icmp: Icmp) -> bool {
    match icmp.from {
        IpAddr::V4(_) => icmp.kind == 3 && icmp.code == 3,
        IpAddr::V6(_) => icmp.kind == 1 && icmp.code == 4,
    }
}

/// Who sent an ICMP error, with its numbers: `192.0.2.1 (ICMP 3/13)`.
pub(super) fn sender(icmp: Icmp) -> String {
    let version = if icmp.from.is_ipv4() { "ICMP" } else { "ICMPv6" };
    format!("{} ({version} {}/{})", icmp.from, icmp.kind, icmp.code)
}

/// What an error of the system means where no box on the way said anything.
fn bare(spot: &Spot<'_, '_>, to: IpAddr, error: SocketError, number: Option<i32>) -> (Reason, Confidence) {
    let scene = spot.case.scene;
    let is_macos_permission =
        scene.system == "macos" && scene.is_neighbour(to) && !is_router(spot, to) && !to.is_loopback();
    match error {
        SocketError::Refused => (Reason::TcpRefused, Confidence::Medium),
        SocketError::NotPermitted if number == Some(WINDOWS_FILTER) => (Reason::BlockedHere, Confidence::High),
        // Over IPv6 a box far away can lead to the same error, and its answer may have been lost.
        SocketError::NotPermitted if to.is_ipv6() => (Reason::BlockedHere, Confidence::Low),
        SocketError::NotPermitted => (Reason::BlockedHere, Confidence::High),
        SocketError::HostUnreachable if is_macos_permission => (Reason::MacosLocalNetwork, Confidence::Medium),
        SocketError::NetworkUnreachable | SocketError::HostUnreachable => (Reason::Unreachable, Confidence::Medium),
        SocketError::NoSuchAddress => (Reason::SourceUnusable, Confidence::High),
        SocketError::Reset | SocketError::NoProtocol | SocketError::Other => (Reason::TcpFailed, Confidence::Low),
    }
}

fn is_router(spot: &Spot<'_, '_>, address: IpAddr) -> bool {
    spot.case.scene.interfaces.iter().any(|(_, interface)| interface.routers.contains(&address))
}
