//! What time servers amount to, and what time it is by whom: this computer, a reference, the gateway.

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, HashSet};

use super::dns;
use super::path::{Case, End, Fault};
use super::row::HostEnd;
use super::tcp;
use crate::check::seen::{HttpEnd, Observation, Seen, SocketError, Time, TimeEnd, Tls, Trust};
use crate::check::verdict::{Confidence, Note, Reason};
use crate::model::endpoint::ProbeKind;
use crate::model::text::visible;

/// From which offset on a clock is worth a word, as other tools for the same purpose do.
pub(in crate::check) const NOTABLE_MICROS: i64 = 10_000_000;
/// From which offset on a time server is held against the dates of verified servers.
const DOUBTED_MICROS: i64 = 30_000_000;
/// From which offset on a time server harms those that follow it: logins with a time in them hold for minutes.
const HARMFUL_MICROS: i64 = 300_000_000;
/// So many certificates of verified servers say together what day it is.
const CERTIFICATES: usize = 2;
/// Leap indicator: not synchronised (RFC 5905, figure 9).
const ALARM: u8 = 3;
/// The highest stratum of a server that has the time (RFC 5905, figure 11).
const LAST_STRATUM: u8 = 15;
const SERVER_MODE: u8 = 4;

/// What is known of the clocks.
#[derive(Default)]
pub(super) struct Clocks {
    /// How far this computer's clock is behind, and by which observations.
    offset: Option<(i64, Vec<u32>)>,
    /// Whether that is more than the word of one unverified server: anybody can be a time server.
    is_backed: bool,
    /// How far the gateway's clock is ahead of this computer's.
    gateway: Option<(i64, u32)>,
    witness: Witness,
}

/// What verified servers say of the time, against time servers, which anybody can be.
#[derive(Default)]
struct Witness {
    /// Their dates agree with this computer's clock.
    agrees: bool,
    /// Of each certificate: from and until when it holds, and this computer's time when it was seen, in seconds.
    certificates: BTreeMap<String, (i64, i64, i64)>,
}

impl Witness {
    fn of(observations: &[Observation]) -> Self {
        let agrees = median(by_dates(observations)).is_some_and(|(offset, _)| offset.saturating_abs() < NOTABLE_MICROS);
        let certificates = observations.iter().filter_map(|observation| {
            let (tls, trust) = verified(&observation.seen)?;
            let leaf = tls.chain.first()?.sha256.clone();
            Some((leaf, (trust.not_before, trust.not_after, observation.at_unix_micros / 1_000_000)))
        });
        Self { agrees, certificates: certificates.collect() }
    }

    /// Whether this computer's clock is right and that offset, said by a time server, is not.
    fn refutes(&self, offset_micros: i64) -> bool {
        let offset_secs = offset_micros / 1_000_000;
        let holds = |(from, until, here): &(i64, i64, i64), offset: i64| {
            (*from..=*until).contains(&here.saturating_add(offset))
        };
        let is_refuted_by_all = || {
            self.certificates.len() >= CERTIFICATES
                && self.certificates.values().all(|it| holds(it, 0) && !holds(it, offset_secs))
        };
        offset_micros.saturating_abs() >= DOUBTED_MICROS && (self.agrees || is_refuted_by_all())
    }
}

impl Clocks {
    /// The reference is what time servers say; without one, the dates of verified web servers.
    pub(super) fn of(observations: &[Observation]) -> Self {
        let mut told: Vec<(i64, u32)> = observations.iter().filter_map(by_server).collect();
        let servers: BTreeMap<IpAddr, i64> = observations.iter().filter_map(server_of).collect();
        let is_notable = told.iter().any(|(offset, _)| offset.saturating_abs() >= DOUBTED_MICROS);
        let witness = if is_notable { Witness::of(observations) } else { Witness::default() };
        told.retain(|(offset, _)| !witness.refutes(*offset));
        let is_by_servers = !told.is_empty();
        let told = if is_by_servers { told } else { by_dates(observations) };
        let gateway = observations.iter().rev().find_map(|observation| match observation.seen {
            Seen::GatewayClock { unix_micros } => {
                Some((unix_micros.saturating_sub(observation.at_unix_micros), observation.number))
            }
            _ => None,
        });
        let offset = median(told);
        let is_backed = !is_by_servers || offset.as_ref().is_some_and(|(offset, _)| is_majority(&servers, *offset));
        Self { offset, is_backed, gateway, witness }
    }

    /// The time in seconds when this computer's clock showed that.
    pub(super) fn reference(&self, here_micros: i64) -> Option<i64> {
        let (offset, _) = self.offset.as_ref()?;
        Some(here_micros.saturating_add(*offset) / 1_000_000)
    }

    /// The gateway's time in seconds when this computer's clock showed that, and who told.
    pub(super) fn gateway(&self, here_micros: i64) -> Option<(i64, u32)> {
        let (ahead, fact) = self.gateway?;
        Some((here_micros.saturating_add(ahead) / 1_000_000, fact))
    }

    /// The offset where it is worth a word.
    pub(super) fn notable(&self) -> Option<&[u32]> {
        let (offset, facts) = self.offset.as_ref().filter(|_| self.is_backed)?;
        (offset.saturating_abs() >= NOTABLE_MICROS).then_some(facts)
    }

    /// How far the gateway's clock is from the reference, in seconds, and who told.
    pub(super) fn gateway_error(&self) -> Option<(i64, u32)> {
        let (ahead, fact) = self.gateway?;
        let (offset, _) = self.offset.as_ref()?;
        Some((ahead.saturating_sub(*offset) / 1_000_000, fact))
    }

    /// What an offset that a time server tells amounts to.
    const fn wrong_or_differs(&self) -> Reason {
        if self.is_backed { Reason::ClockWrong } else { Reason::ClockDiffers }
    }

    /// The offset for people: `3 days slow`.
    pub(super) fn shown_offset(&self) -> String {
        self.offset.as_ref().map_or_else(String::new, |(offset, _)| shown(*offset))
    }
}

/// An offset for people; positive where the clock is behind.
pub(super) fn shown(behind_micros: i64) -> String {
    format!("{} {}", length(behind_micros), if behind_micros >= 0 { "slow" } else { "fast" })
}

/// An offset of a time server for people: `3 days ahead`.
fn against(behind_micros: i64) -> String {
    format!("{} {}", length(behind_micros), if behind_micros >= 0 { "ahead" } else { "behind" })
}

fn length(behind_micros: i64) -> String {
    let secs = behind_micros.unsigned_abs() / 1_000_000;
    let (number, unit) = match secs {
        0..=119 => (secs, "second"),
        120..=7_199 => (secs / 60, "minute"),
        7_200..=172_799 => (secs / 3_600, "hour"),
        _ => (secs / 86_400, "day"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

/// Several servers, and more than half of all, tell that time.
fn is_majority(servers: &BTreeMap<IpAddr, i64>, offset_micros: i64) -> bool {
    let agreeing = servers.values().filter(|offset| offset.abs_diff(offset_micros) < NOTABLE_MICROS.unsigned_abs());
    let count = agreeing.count();
    count > 1 && count * 2 > servers.len()
}

fn server_of(observation: &Observation) -> Option<(IpAddr, i64)> {
    match &observation.seen {
        Seen::Time(time) if is_sane(&time.end) => Some((time.server.ip(), time.end.offset_micros()?)),
        _ => None,
    }
}

fn by_server(observation: &Observation) -> Option<(i64, u32)> {
    match &observation.seen {
        Seen::Time(time) if is_sane(&time.end) => Some((time.end.offset_micros()?, observation.number)),
        _ => None,
    }
}

/// Whether it is an answer to set a clock by.
const fn is_sane(end: &TimeEnd) -> bool {
    match end {
        TimeEnd::Reply { leap, mode, stratum, .. } => {
            *leap != ALARM && *mode == SERVER_MODE && 1 <= *stratum && *stratum <= LAST_STRATUM
        }
        // Programs that keep the time leave out servers that have none.
        TimeEnd::Told { stratum: Some(stratum), .. } => 1 <= *stratum && *stratum <= LAST_STRATUM,
        TimeEnd::Told { stratum: None, .. } => true,
        TimeEnd::Odd { .. } | TimeEnd::Refused { .. } | TimeEnd::Silent => false,
    }
}

fn by_dates(observations: &[Observation]) -> Vec<(i64, u32)> {
    let verified: HashSet<SocketAddr> = observations.iter().filter_map(verified_peer).collect();
    let told = |observation: &Observation| match &observation.seen {
        Seen::Http(http) if http.shape.is_plain() && verified.contains(&http.to) => match &http.end {
            HttpEnd::Status { date: Some(date), .. } => {
                let middle =
                    observation.at_unix_micros.saturating_add(i64::try_from(observation.took_micros / 2).ok()?);
                // A date has whole seconds.
                Some((
                    date.saturating_mul(1_000_000).saturating_add(500_000).saturating_sub(middle),
                    observation.number,
                ))
            }
            _ => None,
        },
        _ => None,
    };
    observations.iter().filter_map(told).collect()
}

fn verified_peer(observation: &Observation) -> Option<SocketAddr> {
    verified(&observation.seen).map(|(tls, _)| tls.to)
}

/// A handshake with a server whose chain and name are right, whatever the time.
fn verified(seen: &Seen) -> Option<(&Tls, &Trust)> {
    let Seen::Tls(tls) = seen else { return None };
    let trust = tls.trust.as_ref().filter(|_| tls.shape.is_plain())?;
    let is_known = trust.mozilla || trust.expected == Some(true) || trust.from_override;
    (is_known && trust.name_matches).then_some((tls, trust))
}

fn median(mut told: Vec<(i64, u32)>) -> Option<(i64, Vec<u32>)> {
    told.sort_unstable();
    let (offset, _) = *told.get(told.len() / 2)?;
    Some((offset, told.iter().take(4).map(|(_, number)| *number).collect()))
}

/// Judges one host of a row that asks for the time. Any of its addresses will do.
pub(super) fn host(case: &Case<'_>, host: &str) -> HostEnd {
    let named = dns::name(case.scene, host, true);
    let times = requests(case, host, &named);
    let mut facts = named.facts.clone();
    let mut notes = named.notes.clone();
    let mut is_answered = false;
    let mut fault: Option<Fault> = None;
    for (observation, time) in &times {
        match judge_reply(case, observation, time) {
            Ok(mut beside) => {
                is_answered = true;
                facts.push(observation.number);
                notes.append(&mut beside);
            }
            Err(found) => {
                fault = Some(fault.filter(|held| weight(held.reason) >= weight(found.reason)).unwrap_or(found));
            }
        }
    }
    let is_tunnelled = times.iter().find_map(|(_, time)| case.scene.tunnel(time.server.ip()));
    let end = match (is_answered, fault, named.fault, &is_tunnelled) {
        (true, _, beside, _) => {
            notes.extend(beside.map(Fault::into_note));
            End::Good(ProbeKind::Ntp)
        }
        (false, Some(_), _, Some(_)) => End::Unknown(Reason::VpnOwnsRoute, ProbeKind::Ntp),
        (false, _, Some(fault), _) | (false, Some(fault), None, None) => End::Bad(fault),
        (false, None, None, _) => case
            .not_run(ProbeKind::Ntp, Some(host))
            .map_or(End::Open, |(reason, _)| End::Unknown(reason, ProbeKind::Ntp)),
    };
    notes.extend(is_tunnelled);
    HostEnd { host: host.to_owned(), end, notes, facts }
}

/// The requests made for a host. Several names of a pool may lead to the same server, which is asked once: a name without a
/// request of its own shares those to its addresses.
fn requests<'a>(case: &Case<'a>, host: &str, named: &dns::Named) -> Vec<(&'a Observation, &'a Time)> {
    let all = || {
        case.seen.iter().filter_map(|observation| match &observation.seen {
            Seen::Time(time) => Some((*observation, time)),
            _ => None,
        })
    };
    let own: Vec<_> = all().filter(|(observation, _)| observation.host.as_deref() == Some(host)).collect();
    if !own.is_empty() {
        return own;
    }
    all().filter(|(_, time)| named.addresses.contains(&time.server.ip())).collect()
}

/// What says most when several servers fail.
const fn weight(reason: Reason) -> u8 {
    match reason {
        Reason::BlockedHere => 5,
        Reason::NtpRejected => 4,
        Reason::NtpUnsynchronised | Reason::NtpWrong => 3,
        Reason::NtpOdd => 2,
        _ => 1,
    }
}

fn judge_reply(case: &Case<'_>, observation: &Observation, time: &Time) -> Result<Vec<Note>, Fault> {
    let number = observation.number;
    let fault =
        |reason, confidence, about: String| Err(Fault::new(reason, ProbeKind::Ntp, confidence, number).about(about));
    let note = |reason, about: String| Note { reason, facts: vec![number], about };
    match &time.end {
        TimeEnd::Reply { from, stratum: 0, mode: SERVER_MODE, reference, .. } => {
            let mut notes = vec![note(Reason::NtpKiss, visible(reference, 8))];
            notes.extend((from != &time.server).then(|| note(Reason::NtpOtherSource, from.to_string())));
            Ok(notes)
        }
        TimeEnd::Reply { mode, .. } if *mode != SERVER_MODE => {
            fault(Reason::NtpOdd, Confidence::Medium, format!("mode {mode}"))
        }
        TimeEnd::Reply { leap, stratum, .. } if *leap == ALARM || *stratum > LAST_STRATUM => {
            fault(Reason::NtpUnsynchronised, Confidence::High, time.server.ip().to_string())
        }
        TimeEnd::Reply { offset_micros, .. } | TimeEnd::Told { offset_micros, .. }
            if case.scene.clocks.witness.refutes(*offset_micros) =>
        {
            let about = format!("{} is {}", time.server.ip(), against(*offset_micros));
            if offset_micros.saturating_abs() < HARMFUL_MICROS {
                return Ok(vec![note(Reason::NtpWrong, about)]);
            }
            fault(Reason::NtpWrong, Confidence::High, about)
        }
        TimeEnd::Reply { from, offset_micros, .. } => {
            let mut notes = Vec::new();
            if from != &time.server {
                notes.push(note(Reason::NtpOtherSource, from.to_string()));
            }
            if offset_micros.saturating_abs() >= NOTABLE_MICROS {
                notes.push(note(case.scene.clocks.wrong_or_differs(), shown(*offset_micros)));
            }
            Ok(notes)
        }
        TimeEnd::Told { stratum: Some(stratum), .. } if *stratum > LAST_STRATUM => {
            fault(Reason::NtpUnsynchronised, Confidence::High, time.server.ip().to_string())
        }
        TimeEnd::Told { offset_micros, .. } => {
            let is_off = offset_micros.saturating_abs() >= NOTABLE_MICROS;
            Ok(is_off.then(|| note(case.scene.clocks.wrong_or_differs(), shown(*offset_micros))).into_iter().collect())
        }
        TimeEnd::Odd { why, .. } => fault(Reason::NtpOdd, Confidence::Medium, visible(why, 60)),
        TimeEnd::Refused { icmp: Some(icmp), .. } if case.scene.is_own(icmp.from) && icmp.from != time.server.ip() => {
            fault(Reason::BlockedHere, Confidence::High, tcp::sender(*icmp))
        }
        TimeEnd::Refused { icmp: None, error: SocketError::NetworkUnreachable | SocketError::HostUnreachable } => {
            fault(Reason::Unreachable, Confidence::Medium, time.server.ip().to_string())
        }
        TimeEnd::Refused { icmp, .. } => {
            fault(Reason::NtpRejected, Confidence::High, icmp.map_or_else(String::new, tcp::sender))
        }
        TimeEnd::Silent => fault(Reason::NtpSilent, Confidence::Medium, String::new()),
    }
}
