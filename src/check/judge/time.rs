//! What time servers amount to, and what time it is by whom: this computer, a reference, the gateway.

use core::net::SocketAddr;
use std::collections::HashSet;

use super::dns;
use super::path::{Case, End, Fault};
use super::row::HostEnd;
use super::tcp;
use crate::check::seen::{HttpEnd, Observation, Seen, Time, TimeEnd};
use crate::check::verdict::{Confidence, Note, Reason};
use crate::model::endpoint::ProbeKind;
use crate::model::text::visible;

/// From which offset on a clock is worth a word, as other tools for the same purpose do.
pub(in crate::check) const NOTABLE_MICROS: i64 = 10_000_000;
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
    /// How far the gateway's clock is ahead of this computer's.
    gateway: Option<(i64, u32)>,
}

impl Clocks {
    /// The reference is what time servers say; without one, the dates of verified web servers.
    pub(super) fn of(observations: &[Observation]) -> Self {
        let told: Vec<(i64, u32)> = observations.iter().filter_map(by_server).collect();
        let told = if told.is_empty() { by_dates(observations) } else { told };
        let gateway = observations.iter().rev().find_map(|observation| match observation.seen {
            Seen::GatewayClock { unix_micros } => {
                Some((unix_micros.saturating_sub(observation.at_unix_micros), observation.number))
            }
            _ => None,
        });
        Self { offset: median(told), gateway }
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
        let (offset, facts) = self.offset.as_ref()?;
        (offset.saturating_abs() >= NOTABLE_MICROS).then_some(facts)
    }

    /// How far the gateway's clock is from the reference, in seconds, and who told.
    pub(super) fn gateway_error(&self) -> Option<(i64, u32)> {
        let (ahead, fact) = self.gateway?;
        let (offset, _) = self.offset.as_ref()?;
        Some((ahead.saturating_sub(*offset) / 1_000_000, fact))
    }

    /// The offset for people: `3 days slow`.
    pub(super) fn shown_offset(&self) -> String {
        self.offset.as_ref().map_or_else(String::new, |(offset, _)| shown(*offset))
    }
}

/// An offset for people; positive where the clock is behind.
pub(super) fn shown(behind_micros: i64) -> String {
    let secs = behind_micros.unsigned_abs() / 1_000_000;
    let (number, unit) = match secs {
        0..=119 => (secs, "second"),
        120..=7_199 => (secs / 60, "minute"),
        7_200..=172_799 => (secs / 3_600, "hour"),
        _ => (secs / 86_400, "day"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural} {}", if behind_micros >= 0 { "slow" } else { "fast" })
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
    match &observation.seen {
        Seen::Tls(tls) if tls.shape.is_plain() => {
            let trust = tls.trust.as_ref()?;
            let is_known = trust.mozilla || trust.expected == Some(true) || trust.from_override;
            (is_known && trust.name_matches).then_some(tls.to)
        }
        _ => None,
    }
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
        Reason::NtpUnsynchronised => 3,
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
        TimeEnd::Reply { from, offset_micros, .. } => {
            let mut notes = Vec::new();
            if from != &time.server {
                notes.push(note(Reason::NtpOtherSource, from.to_string()));
            }
            if offset_micros.saturating_abs() >= NOTABLE_MICROS {
                notes.push(note(Reason::ClockWrong, shown(*offset_micros)));
            }
            Ok(notes)
        }
        TimeEnd::Told { stratum: Some(stratum), .. } if *stratum > LAST_STRATUM => {
            fault(Reason::NtpUnsynchronised, Confidence::High, time.server.ip().to_string())
        }
        TimeEnd::Told { offset_micros, .. } => {
            let is_off = offset_micros.saturating_abs() >= NOTABLE_MICROS;
            Ok(is_off.then(|| note(Reason::ClockWrong, shown(*offset_micros))).into_iter().collect())
        }
        TimeEnd::Odd { why, .. } => fault(Reason::NtpOdd, Confidence::Medium, visible(why, 60)),
        TimeEnd::Refused { icmp: Some(icmp), .. } if case.scene.is_own(icmp.from) && icmp.from != time.server.ip() => {
            fault(Reason::BlockedHere, Confidence::High, tcp::sender(*icmp))
        }
        TimeEnd::Refused { icmp, .. } => {
            fault(Reason::NtpRejected, Confidence::High, icmp.map_or_else(String::new, tcp::sender))
        }
        TimeEnd::Silent => fault(Reason::NtpSilent, Confidence::Medium, String::new()),
    }
}
