//! What a handshake and its chain amount to: retries of another shape, trust, name, dates by each clock.

use super::appliance;
use super::path::{Fault, Spot, Step, Walk};
use crate::check::plan::Vantage;
use crate::check::question::Shape;
use crate::check::seen::{Broke, Observation, Seen, SystemTrust, Tls, TlsEnd, Trust};
use crate::check::verdict::{Confidence, Reason};
use crate::model::endpoint::{ProbeKind, TlsVersion};
use crate::model::text::visible;

/// Alerts by which a server asks for a client certificate (RFC 8446 section 6, RFC 5246 section 7.2).
const WANTS_CERTIFICATE: [&str; 3] = ["certificate_required", "certificaterequired", "no_certificate"];

/// Judges the handshake with an address.
pub(super) fn step(spot: &Spot<'_, '_>, walk: &mut Walk) -> Step {
    let mut chosen: Option<(&Observation, &Tls)> = None;
    for (observation, tls) in shaped(spot, Shape::Plain) {
        if is_done(&tls.end) || chosen.is_none_or(|(_, held)| !is_done(&held.end)) {
            chosen = Some((observation, tls));
        }
    }
    let Some((observation, tls)) = chosen else { return refused_by_gateway(spot).unwrap_or(Step::Unseen) };
    walk.facts.push(observation.number);
    note_large_hellos(spot, walk);
    match &tls.end {
        TlsEnd::Done { version, asked_certificate, .. } => {
            if *asked_certificate {
                walk.note(Reason::WantsClientCertificate, observation.number, "");
            }
            if is_too_old(spot, version) {
                return Step::Bad(fault(Reason::TlsTooOld, observation).about(visible(version, 20)));
            }
            verified(spot, observation, tls, walk, Step::Good)
        }
        TlsEnd::Alert { alert, asked_certificate } if *asked_certificate || wants_certificate(alert) => {
            walk.note(Reason::WantsClientCertificate, observation.number, visible(alert, 40));
            // In TLS 1.2 the handshake ends here, and nothing can be said over it: the peer is verified and answered.
            verified(spot, observation, tls, walk, Step::Enough)
        }
        TlsEnd::Alert { alert, .. } => Step::Bad(fault(Reason::TlsAlert, observation).about(visible(alert, 40))),
        TlsEnd::Broken(broke) => Step::Bad(broken(spot, observation, broke)),
        TlsEnd::Failed { detail } => Step::Bad(failed(observation, detail)),
    }
}

fn shaped<'s, 'a>(spot: &'s Spot<'_, 'a>, shape: Shape) -> impl Iterator<Item = (&'a Observation, &'a Tls)> + 's {
    spot.seen.iter().filter_map(move |observation| match &observation.seen {
        Seen::Tls(tls) if tls.shape == shape => Some((*observation, tls)),
        _ => None,
    })
}

const fn is_done(end: &TlsEnd) -> bool {
    matches!(end, TlsEnd::Done { .. })
}

/// The observation of a handshake of that shape that was completed.
fn done(spot: &Spot<'_, '_>, shape: Shape) -> Option<u32> {
    shaped(spot, shape).find(|(_, tls)| is_done(&tls.end)).map(|(observation, _)| observation.number)
}

fn fault(reason: Reason, observation: &Observation) -> Fault {
    Fault::new(reason, ProbeKind::Tls, Confidence::High, observation.number)
}

fn wants_certificate(alert: &str) -> bool {
    let plain = alert.to_ascii_lowercase().replace(['-', ' '], "_");
    WANTS_CERTIFICATE.iter().any(|known| plain.contains(known))
}

fn is_too_old(spot: &Spot<'_, '_>, version: &str) -> bool {
    let is_12 = version.contains("1.2") || version.contains("1_2");
    let is_13 = version.contains("1.3") || version.contains("1_3");
    match spot.case.endpoint.tls_min {
        Some(TlsVersion::Tls13) => !is_13,
        Some(TlsVersion::Tls12) | None => !is_12 && !is_13,
    }
}

/// Words of libraries for an answer that is not TLS at all.
const NOT_TLS: [&str; 5] =
    ["no TLS", "wrong version number", "packet length too long", "unknown protocol", "http request"];

/// The handshake failed by what came: of something else, or of TLS that cannot be used.
fn failed(observation: &Observation, detail: &str) -> Fault {
    let is_other = NOT_TLS.iter().any(|words| detail.contains(words));
    let mut failed = fault(if is_other { Reason::NotTls } else { Reason::TlsFailed }, observation);
    failed.confidence = if is_other { Confidence::High } else { Confidence::Medium };
    failed.about(visible(detail, 80))
}

/// How much came, for people.
pub(in crate::check) fn came(bytes: u64) -> String {
    if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") }
}

/// The handshake broke off: what other shapes of it show. Only a success of theirs proves anything.
fn broken(spot: &Spot<'_, '_>, observation: &Observation, broke: &Broke) -> Fault {
    let reason = match broke {
        Broke::Silent => Reason::TlsSilent,
        Broke::Unfinished { .. } => Reason::Unfinished,
        Broke::Reset => Reason::TlsReset,
        Broke::Closed => Reason::TlsClosed,
        Broke::Other { begins } => return fault(Reason::NotTls, observation).about(visible(begins, 80)),
        Broke::TooLong { bytes } => {
            return fault(Reason::NotTls, observation).about(format!("{} and no end", came(*bytes)));
        }
    };
    if matches!(reason, Reason::TlsSilent | Reason::Unfinished)
        && let Some(small) = done(spot, Shape::SmallSegments)
    {
        return fault(Reason::LargePacketsLost, observation).with(small);
    }
    let mut fault = fault(reason, observation);
    if let Broke::Unfinished { bytes } = broke {
        fault = fault.about(came(*bytes));
    }
    fault.confidence = Confidence::Medium;
    cut_by_name(spot, fault, "at the TLS hello")
}

/// A cut that another name on the same address does not meet is made by what was recognised.
pub(super) fn cut_by_name(spot: &Spot<'_, '_>, fault: Fault, place: &str) -> Fault {
    let is_cut = !matches!(fault.reason, Reason::NotHttp | Reason::NotMqtt | Reason::NotTls);
    match done(spot, Shape::NeutralName).filter(|_| is_cut) {
        Some(neutral) => {
            let step = fault.step;
            let cut = Fault { reason: Reason::CutAfterIdentification, step, confidence: Confidence::High, ..fault };
            cut.about(place).with(neutral)
        }
        None => fault,
    }
}

/// Hellos as newer devices send them, where they are lost and the usual one is not.
fn note_large_hellos(spot: &Spot<'_, '_>, walk: &mut Walk) {
    if done(spot, Shape::Plain).is_none() {
        return;
    }
    for (shape, reason) in [(Shape::PaddedHello, Reason::LargeHelloLost), (Shape::SplitHello, Reason::SplitHelloLost)] {
        let lost = shaped(spot, shape).last().filter(|(_, tls)| matches!(tls.end, TlsEnd::Broken(_)));
        if let Some((observation, _)) = lost {
            walk.note(reason, observation.number, "");
        }
    }
}

fn verified(spot: &Spot<'_, '_>, observation: &Observation, tls: &Tls, walk: &mut Walk, good: Step) -> Step {
    let Some(trust) = &tls.trust else { return by_gateway(spot, walk, good) };
    let found = anchor(spot, observation, tls, trust, walk)
        .or_else(|| {
            let bad = fault(Reason::BadCertificate, observation).about(visible(&trust.fault, 80));
            (!trust.fault.is_empty()).then_some(bad)
        })
        .or_else(|| name(spot, observation, tls, trust, walk))
        .or_else(|| dates(spot, observation, trust, walk));
    found.map_or(good, Step::Bad)
}

/// The trust table: the profile's roots decide, the public set comes second, the system's store only explains.
fn anchor(spot: &Spot<'_, '_>, observation: &Observation, tls: &Tls, trust: &Trust, walk: &mut Walk) -> Option<Fault> {
    match (trust.expected, trust.mozilla, trust.from_override) {
        (Some(true), _, _) | (_, _, true) | (None, true, _) => return None,
        (Some(false), true, _) => {
            let root = trust.root.as_deref().unwrap_or_default();
            walk.note(Reason::OtherPublicRoot, observation.number, visible(root, 80));
            return None;
        }
        (_, false, false) => {}
    }
    let issuer = tls.chain.first().map_or("", |leaf| leaf.issuer.as_str());
    let shown = visible(issuer, 120);
    if let Some(store) = system_trusts(spot) {
        return Some(fault(Reason::Intercepted, observation).about(shown).with(store));
    }
    let is_known_box = appliance::guess(&tls.chain).is_some();
    if is_known_box || spot.case.scene.strange_issuers.contains(issuer) {
        let mut intercepted = fault(Reason::Intercepted, observation).about(shown);
        intercepted.confidence = Confidence::Medium;
        return Some(intercepted);
    }
    Some(fault(Reason::UntrustedIssuer, observation).about(shown))
}

fn system_trusts(spot: &Spot<'_, '_>) -> Option<u32> {
    spot.case.seen.iter().find_map(|observation| match &observation.seen {
        Seen::SystemTrust(store) if store.trusts == Some(true) => {
            observation.host.as_deref().is_none_or(|host| host == spot.host).then_some(observation.number)
        }
        _ => None,
    })
}

/// What the list of a gateway says of a chain that none of its programs could print.
fn own_list<'a>(spot: &Spot<'_, 'a>) -> Option<(&'a Observation, &'a SystemTrust)> {
    let is_gateway = spot.case.scene.plan.about.vantage == Vantage::Gateway;
    spot.seen_here(|seen| if let Seen::SystemTrust(store) = seen { Some(store) } else { None }).filter(|_| is_gateway)
}

/// The chain was not seen: what the gateway's own list says of it is the next best.
fn by_gateway(spot: &Spot<'_, '_>, walk: &mut Walk, good: Step) -> Step {
    match own_list(spot) {
        Some((observation, SystemTrust { trusts: Some(true), .. })) => {
            walk.note(Reason::TrustedByGateway, observation.number, "");
            good
        }
        _ => refused_by_gateway(spot).unwrap_or(Step::Unknown(Reason::PeerNotVerified)),
    }
}

/// A chain that ends in nobody's root, or a certificate for another name, is wrong whatever list a gateway has. That its issuer
/// is not on that list may also be the fault of the list.
fn refused_by_gateway(spot: &Spot<'_, '_>) -> Option<Step> {
    let (observation, store) = own_list(spot).filter(|(_, store)| store.trusts == Some(false))?;
    let words = store.detail.to_lowercase();
    let is_foreign = ["self-signed", "self signed", "does not match", "doesn't match", "no alternative certificate"]
        .iter()
        .any(|foreign| words.contains(foreign));
    if !is_foreign {
        return Some(Step::Unknown(Reason::RefusedByGateway));
    }
    let mut refused = fault(Reason::RefusedByGateway, observation).about(visible(&store.detail, 120));
    refused.confidence = Confidence::Medium;
    Some(Step::Bad(refused))
}

fn name(spot: &Spot<'_, '_>, observation: &Observation, tls: &Tls, trust: &Trust, walk: &mut Walk) -> Option<Fault> {
    if trust.name_matches {
        return None;
    }
    if spot.host.parse::<core::net::IpAddr>().is_ok() {
        // A vendor that gives an address and no name leaves only the chain to verify.
        walk.note(Reason::NameNotVerified, observation.number, "");
        return None;
    }
    let names = tls.chain.first().map_or(&[][..], |leaf| leaf.names.as_slice());
    let shown: Vec<String> = names.iter().take(3).map(|name| visible(name, 60)).collect();
    Some(fault(Reason::WrongName, observation).about(shown.join(", ")))
}

/// The dates by the reference time, then by the gateway's own clock. This computer's clock counts only where there is no
/// other, and a wrong one is named as such.
fn dates(spot: &Spot<'_, '_>, observation: &Observation, trust: &Trust, walk: &mut Walk) -> Option<Fault> {
    let clocks = &spot.case.scene.clocks;
    let here = observation.at_unix_micros / 1_000_000;
    let outside = |at: i64| match at {
        _ if at < trust.not_before => Some((Reason::NotYetValid, day(trust.not_before))),
        _ if at > trust.not_after => Some((Reason::Expired, day(trust.not_after))),
        _ => None,
    };
    let by_reference = clocks.reference(observation.at_unix_micros);
    match (by_reference, outside(here)) {
        (Some(reference), at_here) => {
            if let Some((reason, day)) = outside(reference) {
                return Some(fault(reason, observation).about(day));
            }
            if at_here.is_some() {
                walk.note(Reason::ClockWrong, observation.number, clocks.shown_offset());
            }
        }
        (None, Some((reason, day))) => {
            let mut unsure = fault(reason, observation).about(day);
            unsure.confidence = Confidence::Medium;
            return Some(unsure);
        }
        (None, None) => {}
    }
    let (gateway, fact) = clocks.gateway(observation.at_unix_micros)?;
    outside(gateway).map(|_| fault(Reason::GatewayClockWrong, observation).about(day(gateway)).with(fact))
}

/// A day in UTC.
pub(super) fn day(unix_secs: i64) -> String {
    jiff::Timestamp::from_second(unix_secs)
        .map_or_else(|_| "a date beyond all calendars".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}
