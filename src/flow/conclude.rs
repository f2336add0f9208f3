//! From a ruling to an outcome: evidence, causes ranked by what speaks for them here, and the next step.
//!
//! A pure function of the facts. What counts as joined is decided in [`crate::model::verdict`]; whether the vendor's cloud can
//! be reached is a check of its own and is named as not checked.

use std::time::Duration;

use super::port::LinkError;
use crate::model::credentials::{WifiCredentials, WifiKey};
use crate::model::gateway::{Protection, ProvisioningState};
use crate::model::ids::DriverId;
use crate::model::outcome::{Cause, Evidence, EvidenceKind, Outcome, WRONG_PASSPHRASE};
use crate::model::problem::Explain;
use crate::model::verdict::{Before, Ground, Observation, Refusal, RefusalKind, Station};
use crate::model::wifi::{Band, Network, Security, Signal, WifiRules, shown_name};

/// Causes from which the next step follows, beside [`WRONG_PASSPHRASE`].
const WANTS_A_PASSPHRASE: &str = "The network wants a passphrase after all";
const WEAK_SIGNAL: &str = "The signal is too weak for the handshake";
const OTHER_NAME: &str = "The network's name is written differently";

/// A refusal after this long speaks against a wrong passphrase, which access points turn down within seconds.
const SLOW_REFUSAL: Duration = Duration::from_secs(15);

/// How a push ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The ruling.
    pub ground: Ground,
    /// Whether the gateway said that it began to join.
    pub has_begun: bool,
    /// Where its radio stood at the last look.
    pub station: Option<Station>,
    /// Whether it said that it joined before it said that it could not, or was without a network again.
    pub was_connected: bool,
    /// Whether an answer about its network could not be read.
    pub is_garbled: bool,
    /// Addresses it gave.
    pub addresses: Vec<String>,
    /// Its last word since the push, as a sentence without a subject: `is joining a network`.
    pub last_word: Option<String>,
    /// Why the link broke, if it did.
    pub broken: Option<LinkError>,
}

impl End {
    /// The end that a ruling over these observations makes.
    pub fn new(
        ground: Ground,
        observations: &[Observation],
        last_word: Option<String>,
        broken: Option<LinkError>,
    ) -> Self {
        let has_begun = observations.contains(&Observation::Began);
        let is_at = |seen: &Observation, station| matches!(seen, Observation::Look(look) if look.station == station);
        let is_off = |seen: &Observation| matches!(seen, Observation::Refused(_)) || is_at(seen, Station::Apart);
        let until_off = &observations[..observations.iter().rposition(is_off).unwrap_or(0)];
        let was_connected =
            until_off.iter().any(|seen| is_at(seen, Station::Connected)) && until_off.contains(&Observation::Began);
        let is_garbled = observations.contains(&Observation::Garbled);
        let station = observations.iter().rev().find_map(|seen| match seen {
            Observation::Look(look) => Some(look.station),
            _ => None,
        });
        let told = |seen: &Observation| match seen {
            Observation::Look(look) if !look.addresses.is_empty() => Some(look.addresses.clone()),
            _ => None,
        };
        let addresses = match ground {
            Ground::Joined { .. } => observations.iter().find_map(told).unwrap_or_default(),
            _ => Vec::new(),
        };
        Self { ground, has_begun, station, was_connected, is_garbled, addresses, last_word, broken }
    }
}

/// Everything an outcome rests on.
pub struct Facts<'a> {
    /// What was sent. Only the name and the kind of key are used.
    pub credentials: &'a WifiCredentials,
    /// The gateway's own scan; `None` when it was not asked or could not.
    pub seen: Option<&'a [Network]>,
    /// What the profile says about Wi-Fi.
    pub rules: &'a WifiRules,
    /// The driver spoken.
    pub driver: DriverId,
    /// How the session is protected.
    pub protection: Protection,
    /// How it ended.
    pub end: End,
    /// From the request to the verdict.
    pub took: Duration,
    /// Evidence gathered on the way, in order, that of the end included.
    pub evidence: Vec<Evidence>,
    /// When this is concluded, from the start of the session.
    pub at: Duration,
}

/// Draws the conclusion.
pub fn conclude(facts: Facts<'_>) -> Outcome {
    let verdict = facts.end.ground.verdict();
    let (code, summary) = summary(&facts);
    let causes = causes(&facts);
    let next_step = next_step(&facts, &causes);
    let Facts { end, driver, protection, took, mut evidence, at, .. } = facts;
    let mut not_checked = |text: &str| {
        evidence.push(Evidence { kind: EvidenceKind::NotChecked, text: text.into(), at });
    };
    if matches!(end.ground, Ground::Joined { is_named: false, .. } | Ground::MaybeTheOldOne) {
        not_checked("Which network the gateway is on: its protocol doesn't name it");
    }
    not_checked("Whether the gateway reaches its vendor's cloud from this network");
    Outcome { verdict, code, summary, evidence, causes, next_step, addresses: end.addresses, driver, protection, took }
}

fn summary(facts: &Facts<'_>) -> (&'static str, String) {
    let ssid = facts.credentials.ssid.shown();
    let codes = facts.driver.facts().codes;
    match &facts.end.ground {
        Ground::Joined { is_late, is_named, .. } => {
            let code = if *is_late { codes.joined_late } else { codes.joined };
            let reports =
                if *is_late { "reports, later than expected, that it joined" } else { "reports that it joined" };
            // Without a name nobody saw which network it joined.
            let summary = if *is_named {
                format!("The gateway {reports} “{ssid}”")
            } else {
                format!("“{ssid}” was sent, and the gateway {reports}")
            };
            (code, summary)
        }
        Ground::Refused(refusal) => (refusal.code, refusal_summary(refusal, &ssid)),
        Ground::FellBack => {
            (codes.fell_back, format!("The gateway tried “{ssid}” and waits for a network again; it names no reason"))
        }
        Ground::OtherNetwork { name, was_there_before: false } => {
            (codes.other_network, format!("The gateway is on “{name}”, not on “{ssid}”"))
        }
        Ground::OtherNetwork { name, was_there_before: true } => {
            (codes.other_network, format!("The gateway is still on “{name}”, not on “{ssid}”"))
        }
        Ground::OtherConnection { name } => (
            codes.other_connection,
            format!("The gateway is on “{ssid}” by its connection “{name}”, not by what was sent"),
        ),
        Ground::MaybeTheOldOne => (
            codes.maybe_the_old_one,
            format!("The gateway has a network, as before; its protocol doesn't name it, so it may not be “{ssid}”"),
        ),
        Ground::NotNamed => {
            (codes.not_named, format!("The gateway is connected, but whether to “{ssid}” cannot be read"))
        }
        Ground::StillJoining => (codes.no_verdict, format!("The gateway was still joining “{ssid}” when time was up")),
        Ground::NoWord => (codes.no_verdict, format!("The gateway gave no verdict on “{ssid}”")),
        Ground::LinkLost => (codes.link_lost, format!("The link broke before the gateway gave a verdict on “{ssid}”")),
    }
}

fn refusal_summary(refusal: &Refusal, ssid: &str) -> String {
    match refusal.kind {
        RefusalKind::CouldNotJoin => format!("The gateway could not join “{ssid}”"),
        RefusalKind::WrongKey => format!("“{ssid}” refused the gateway"),
        RefusalKind::NotFound => format!("The gateway did not find “{ssid}”"),
        RefusalKind::Unreadable => "The gateway could not read the credentials".into(),
        RefusalKind::NotOffered => "The gateway takes no Wi-Fi credentials this way".into(),
        RefusalKind::NotAuthorized => "The gateway's button has to be pressed first".into(),
        RefusalKind::Other => format!("The gateway refused with {}", refusal.words),
    }
}

/// What is said of the network from before.
pub fn before_the_push(before: &Before, at: Duration) -> Option<Evidence> {
    let text = match before {
        Before::NotKnown | Before::NoNetwork => return None,
        Before::SomeNetwork { addresses } => {
            let text = "Before the push the gateway had a network, which its protocol didn't name";
            addresses.first().map_or_else(|| text.to_owned(), |address| format!("{text}; its address was {address}"))
        }
        Before::On { ssid, connection } => {
            let by =
                connection.as_ref().map_or_else(String::new, |kept| format!(", by its connection “{}”", kept.name));
            format!("Before the push the gateway was on “{}”{by}", shown_name(ssid))
        }
    };
    Some(Evidence { kind: EvidenceKind::Acknowledged, text, at })
}

/// What the end of a push is evidence of.
pub fn evidence_of(end: &End, at: Duration) -> Evidence {
    let End { ground, has_begun, addresses, last_word, broken, .. } = end;
    let acknowledged = |text: String| (EvidenceKind::Acknowledged, text);
    let (kind, text) = match ground {
        Ground::Joined { is_late: false, .. } => acknowledged(joined_words(addresses)),
        Ground::Joined { is_late: true, .. } => {
            acknowledged("The gateway changed to “provisioned” after the time for a verdict was over".into())
        }
        Ground::Refused(refusal) => {
            let tried = if *has_begun { "after trying to join" } else { "without having tried to join" };
            acknowledged(format!("The gateway reports {} {tried}", refusal.words))
        }
        Ground::FellBack => {
            acknowledged("The gateway began to join, then was without a network again and named no error".into())
        }
        Ground::OtherNetwork { name, .. } => acknowledged(format!("The gateway reports that it is on “{name}”")),
        Ground::OtherConnection { name } => {
            acknowledged(format!("The gateway reports that it is on the network by its connection “{name}”"))
        }
        Ground::MaybeTheOldOne => acknowledged(
            "The gateway reports a network; it may be the one from before, as its protocol doesn't name it".into(),
        ),
        Ground::NotNamed => acknowledged("The gateway reports that it is connected; to what can't be read".into()),
        Ground::StillJoining => acknowledged("The gateway reports that it is still joining".into()),
        Ground::NoWord => {
            (EvidenceKind::NotChecked, format!("Whether the gateway joined: {}", told(last_word.as_deref())))
        }
        Ground::LinkLost => {
            let why = broken.as_ref().map_or_else(String::new, |error| format!(" ({error})"));
            let word = told(last_word.as_deref());
            (EvidenceKind::NotChecked, format!("Whether the gateway joined: {word}, then the link broke{why}"))
        }
    };
    Evidence { kind, text, at }
}

fn joined_words(addresses: &[String]) -> String {
    match addresses.first() {
        Some(address) => format!("The gateway reports that it joined and can be reached at {address}"),
        None => "The gateway reports that it joined; it gave no address".into(),
    }
}

/// What it is evidence of that the gateway was asked again.
pub fn asked_again(before: &Ground, end: &End, addresses: &[String], at: Duration) -> Evidence {
    let when = match before {
        Ground::NoWord | Ground::StillJoining => "Asked after the time for a verdict",
        _ => "Asked again",
    };
    let word = match &end.ground {
        Ground::Joined { is_named, .. } => {
            let still = if matches!(before, Ground::Joined { .. }) { "still " } else { "" };
            match (is_named, addresses.first()) {
                (true, Some(address)) => format!("is {still}on this network, with the address {address}"),
                (true, None) => format!("is {still}on this network"),
                (false, Some(address)) => format!("{still}has a network and the address {address}"),
                (false, None) => format!("{still}has a network"),
            }
        }
        // The error may be the one reported before: an answer alone doesn't take it back.
        Ground::Refused(refusal) => format!("doesn't report a network; {} stands", refusal.words),
        Ground::FellBack => "is without a network".into(),
        Ground::OtherNetwork { name, .. } => format!("is on “{name}”"),
        Ground::OtherConnection { name } => format!("is on the network by its connection “{name}”"),
        Ground::MaybeTheOldOne => "has a network, which its protocol doesn't name".into(),
        Ground::NotNamed => "is connected; to what cannot be read".into(),
        Ground::StillJoining => "is joining a network".into(),
        Ground::NoWord | Ground::LinkLost => "reports nothing that settles it".into(),
    };
    Evidence { kind: EvidenceKind::Observed, text: format!("{when}, the gateway {word}"), at }
}

fn told(last_word: Option<&str>) -> String {
    last_word.map_or_else(
        || "it did not react to the credentials".into(),
        |word| format!("its last report was that it {word}"),
    )
}

/// The causes that may stand behind a refusal or silence, the likeliest first.
fn causes(facts: &Facts<'_>) -> Vec<Cause> {
    match &facts.end.ground {
        Ground::Joined { .. } => Vec::new(),
        Ground::Refused(refusal) if refusal.kind.is_about_joining() => join_causes(facts, Some(refusal.kind)),
        Ground::FellBack => join_causes(facts, None),
        Ground::Refused(refusal) => vec![refusal_cause(refusal.kind)],
        Ground::OtherNetwork { name, was_there_before } => {
            let because = if *was_there_before { "It was on that one before" } else { "It names that one" };
            let mut causes = vec![cause(format!("It could not join and fell back to “{name}”"), because)];
            causes.extend(join_causes(facts, None));
            causes
        }
        Ground::OtherConnection { name } => {
            vec![cause(format!("Its connection “{name}” goes to the same network and came first"), "It names that one")]
        }
        Ground::MaybeTheOldOne => vec![
            cause("It could not join and fell back to the network it had", "It had a network before"),
            cause("It joined, and its protocol names no network", "It has a network now"),
        ],
        Ground::NotNamed => vec![cause("Its answer to the question for the network was lost", "It is connected")],
        Ground::StillJoining => joining_causes(),
        Ground::NoWord => silence_causes(&facts.end),
        Ground::LinkLost => {
            let broken = facts.end.broken.as_ref().map(Explain::explain);
            let link = broken.map(|problem| cause(problem.likely_cause, problem.what));
            let restarted =
                cause("The gateway restarted to take up the network", "Some firmware does so right after a join");
            link.into_iter().chain([restarted]).collect()
        }
    }
}

fn refusal_cause(kind: RefusalKind) -> Cause {
    match kind {
        RefusalKind::Unreadable => cause("Bytes were lost on the line", "The gateway found the packet damaged"),
        RefusalKind::NotOffered => {
            cause("The firmware has no Wi-Fi settings over this driver", "The gateway rejects the command as unknown")
        }
        RefusalKind::NotAuthorized => {
            cause("Nobody pressed the gateway's button", "The gateway asks for authorisation")
        }
        RefusalKind::CouldNotJoin | RefusalKind::WrongKey | RefusalKind::NotFound | RefusalKind::Other => {
            cause("An error inside the gateway", "It names no reason")
        }
    }
}

/// Why a gateway gives no verdict, from what it said instead.
fn silence_causes(end: &End) -> Vec<Cause> {
    let hangs = |because| cause("The gateway hangs or restarted", because);
    let lost = || cause("Bytes were lost on the line", "A damaged packet is dropped in silence by some firmware");
    match &end.last_word {
        _ if end.is_garbled => vec![
            cause("Its firmware answers in a form of its own", "What came isn't what its protocol says"),
            hangs("Half an answer looks like that, too"),
        ],
        None => vec![hangs("It did not even acknowledge the credentials"), lost()],
        Some(word) if end.station == Some(Station::Unclear) => {
            let because = || format!("Its last report was that it {word}");
            vec![cause("It could not join and names no reason", because()), hangs("It never said that it joined")]
        }
        Some(word) if !end.has_begun => vec![
            cause("It waits for something else first", format!("Its last report was that it {word}")),
            hangs("It never said that it began to join"),
        ],
        Some(_) => joining_causes(),
    }
}

/// Why a gateway that began to join never comes to an end.
fn joining_causes() -> Vec<Cause> {
    vec![
        cause("It joined but got no address (DHCP)", "It began to join and never came to an end"),
        cause("It joined and its firmware gives no verdict", "Its last report was that it is joining"),
        cause("It hangs", "A verdict normally comes within 30 seconds"),
    ]
}

/// Why a join fails, ranked by the gateway's own scan, the signal and the time it took.
fn join_causes(facts: &Facts<'_>, said: Option<RefusalKind>) -> Vec<Cause> {
    let ssid = &facts.credentials.ssid;
    match said {
        Some(RefusalKind::NotFound) => {
            return not_heard_causes(facts, "The gateway reports that it did not find the network");
        }
        Some(RefusalKind::WrongKey) => return not_let_in_causes(facts),
        _ if facts.end.was_connected => return lost_again_causes(facts),
        _ => {}
    }
    let found = facts
        .seen
        .map(|seen| seen.iter().filter(|network| network.ssid == *ssid).max_by_key(|network| network.rssi_dbm));
    match found {
        Some(None) if !facts.credentials.is_hidden => {
            not_heard_causes(facts, "The gateway's own scan does not list it")
        }
        Some(None) => {
            let mut causes = vec![passphrase_cause(facts)];
            causes.extend(not_heard_causes(facts, "A hidden network is in no scan"));
            causes
        }
        Some(Some(network)) => heard_causes(facts, network),
        None => {
            let mut causes = vec![passphrase_cause(facts)];
            causes.extend(not_heard_causes(facts, "The gateway didn't scan for networks"));
            causes
        }
    }
}

/// The gateway names the handshake as the reason. Some report it so when the answers got lost on the way.
fn not_let_in_causes(facts: &Facts<'_>) -> Vec<Cause> {
    let level = named(facts).find_map(|network| network.rssi_dbm);
    let signal = cause(
        WEAK_SIGNAL,
        match level {
            Some(dbm) => {
                format!("The gateway receives the network at {dbm} dBm; lost answers look like a wrong key to it")
            }
            None => "Lost answers look like a wrong key to the gateway".into(),
        },
    );
    let mut causes = match level.map(Signal::from_dbm) {
        Some(Signal::TooWeak) => vec![signal, passphrase_cause(facts)],
        Some(Signal::Good) => vec![passphrase_cause(facts)],
        _ => vec![passphrase_cause(facts), signal],
    };
    // Gateways that cannot do WPA3 or its protected frames fail in the handshake, as with a wrong key.
    let with_wpa3 = |network: &&Network| matches!(network.security, Security::Wpa3 | Security::Wpa2Wpa3);
    causes.extend(named(facts).find(with_wpa3).map(protection_cause));
    causes
}

/// It reported that it joined before it reported that it could not.
fn lost_again_causes(facts: &Facts<'_>) -> Vec<Cause> {
    let because = "It reported that it joined, and only then that it could not";
    let mut causes = vec![cause("The access point gives out no address (DHCP), or dropped the gateway again", because)];
    let level = named(facts).find_map(|network| network.rssi_dbm);
    if let Some(dbm) = level.filter(|dbm| Signal::from_dbm(*dbm) == Signal::TooWeak) {
        causes.push(cause(WEAK_SIGNAL, format!("The gateway's scan lists the network at {dbm} dBm")));
    }
    let passphrase = passphrase_cause(facts);
    causes.push(cause(passphrase.text, "Some firmware reports that it joined before it has an address"));
    causes
}

/// What the gateway's own scan says of the network.
fn named<'a>(facts: &'a Facts<'_>) -> impl Iterator<Item = &'a Network> {
    facts.seen.unwrap_or_default().iter().filter(|network| network.ssid == facts.credentials.ssid)
}

fn protection_cause(network: &Network) -> Cause {
    cause(
        "The gateway can't do WPA3 or protected management frames",
        format!("The network is {}", network.security.label()),
    )
}

fn passphrase_cause(facts: &Facts<'_>) -> Cause {
    match facts.credentials.key {
        WifiKey::Open => cause(WANTS_A_PASSPHRASE, "It was tried as an open network"),
        WifiKey::Passphrase(_) | WifiKey::RawPsk(_) | WifiKey::Wep(_) => cause(
            WRONG_PASSPHRASE,
            format!("What was sent is {}; upper and lower case count", facts.credentials.key_label()),
        ),
    }
}

fn heard_causes(facts: &Facts<'_>, network: &Network) -> Vec<Cause> {
    let level = network.rssi_dbm.map_or_else(|| "at an unknown level".into(), |dbm| format!("at {dbm} dBm"));
    let passphrase = passphrase_cause(facts);
    let address = cause(
        "The access point gives out no address (DHCP), or turns the gateway away (MAC filter, full)",
        format!("The refusal took {} s; a wrong passphrase is refused within seconds", facts.took.as_secs()),
    );
    let signal = cause(WEAK_SIGNAL, format!("The gateway receives the network {level}"));
    let grade = network.rssi_dbm.map(Signal::from_dbm);
    let mut causes = match grade {
        Some(Signal::TooWeak) => vec![signal, passphrase],
        _ if facts.took >= SLOW_REFUSAL => vec![address, passphrase],
        _ if network.security == Security::Open && matches!(facts.credentials.key, WifiKey::Open) => vec![address],
        // A good signal is no cause.
        Some(Signal::Good) => vec![passphrase],
        _ => vec![passphrase, signal],
    };
    if network.security != Security::Open {
        causes.push(protection_cause(network));
    }
    causes
}

fn not_heard_causes(facts: &Facts<'_>, because: &str) -> Vec<Cause> {
    let ssid = &facts.credentials.ssid;
    let mut causes = vec![cause(
        OTHER_NAME,
        format!("{because}; “{}” has {} bytes, and upper and lower case count", ssid.shown(), ssid.octets().len()),
    )];
    if !facts.rules.bands.contains(&Band::Ghz5) {
        causes.push(cause("The network is on 5 GHz only", "The gateway supports 2.4 GHz only"));
    }
    causes.push(cause("The access point is switched off or out of range", because));
    if !facts.credentials.is_hidden {
        causes.push(cause("The network hides its name", because));
    }
    causes.push(cause("The access point uses channel 12, 13 or 14", "Many gateways do not listen there"));
    causes
}

fn cause(text: impl Into<String>, because: impl Into<String>) -> Cause {
    Cause { text: text.into(), because: because.into() }
}

fn next_step(facts: &Facts<'_>, causes: &[Cause]) -> String {
    match &facts.end.ground {
        Ground::Joined { .. } => "Go on with the next gateway; look for this one's data in the vendor's portal".into(),
        Ground::FellBack => join_next_step(causes).into(),
        Ground::Refused(refusal) if refusal.kind.is_about_joining() => join_next_step(causes).into(),
        Ground::Refused(Refusal { kind: RefusalKind::NotAuthorized, .. }) => {
            "Press the button on the gateway and send again within a minute".into()
        }
        Ground::Refused(_) => {
            "Send again; if it is refused again, export the transcript and send it to the vendor".into()
        }
        Ground::OtherNetwork { .. } => {
            "Check passphrase and signal, then send again; look for the gateway in both routers' lists of devices"
                .into()
        }
        Ground::OtherConnection { name } => {
            format!("Delete “{name}” on the gateway if it must use what was sent, then send again")
        }
        Ground::MaybeTheOldOne => {
            "Look for the gateway in the router's list of devices of the new network before sending again".into()
        }
        Ground::NotNamed => "Connect again and look at its state; look for it in the router's list of devices".into(),
        Ground::NoWord if facts.end.last_word.is_none() => {
            "Restart the gateway, connect again and see whether it already has a network before sending again".into()
        }
        Ground::NoWord if facts.end.last_word.as_deref() == Some(ProvisioningState::AuthorizationRequired.label()) => {
            "Press the button on the gateway and send again within a minute".into()
        }
        Ground::NoWord | Ground::StillJoining => {
            "Wait a minute and watch the state here; look for the gateway in the router's list of devices".into()
        }
        Ground::LinkLost => lost_next_step(facts.end.broken.as_ref()).into(),
    }
}

const fn lost_next_step(broken: Option<&LinkError>) -> &'static str {
    match broken {
        Some(LinkError::Http(_)) => {
            "Wait a minute, go back to your own network and look for the gateway in the router's list of devices; send again only if it is missing"
        }
        Some(LinkError::Ble(_)) => {
            "Come closer and connect again, or look for the gateway in the router's list of devices. Don't send again before that"
        }
        _ => {
            "Plug the gateway in again and connect: its state shows whether it has a network. Don't send again before that"
        }
    }
}

fn join_next_step(causes: &[Cause]) -> &'static str {
    match causes.first().map(|cause| cause.text.as_str()) {
        Some(WRONG_PASSPHRASE) => "Correct the passphrase and try again",
        Some(WANTS_A_PASSPHRASE) => "Type the network's passphrase and try again",
        Some(WEAK_SIGNAL) => {
            "Move the gateway or the access point closer until the gateway receives at least -75 dBm, then try again"
        }
        Some(OTHER_NAME) => {
            "Scan again and choose the network from the list; if it is missing, switch on 2.4 GHz at the access point"
        }
        Some(_) => "Look at the access point: free addresses, DHCP, MAC filter; then try again",
        None => "Try again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outcome::Verdict;
    use crate::model::secret::Secret;
    use crate::model::verdict::{Look, Seen};
    use crate::model::wifi::Ssid;

    fn outcome(ground: Ground, seen: &[Network]) -> Outcome {
        ended(End::new(ground, &[], None, None), seen)
    }

    fn ended(end: End, seen: &[Network]) -> Outcome {
        let ssid = Ssid::from_octets(*b"Site").unwrap();
        let credentials = WifiCredentials::new(ssid, WifiKey::Passphrase(Secret::new("long enough".into())), false);
        conclude(Facts {
            credentials: &credentials,
            seen: Some(seen),
            rules: &WifiRules::standard(),
            driver: DriverId::LinuxConsole,
            protection: Protection::CableLogin,
            end,
            took: Duration::from_secs(3),
            evidence: Vec::new(),
            at: Duration::ZERO,
        })
    }

    #[test]
    fn a_refused_key_on_a_network_with_wpa3_may_be_its_protection() {
        let refusal = Refusal { kind: RefusalKind::WrongKey, code: "console.wrong_key", words: "no".into() };
        let heard = |security| Network { ssid: Ssid::from_octets(*b"Site").unwrap(), rssi_dbm: Some(-50), security };
        let causes = |security| {
            let outcome = outcome(Ground::Refused(refusal.clone()), &[heard(security)]);
            outcome.causes.into_iter().map(|cause| cause.text).collect::<Vec<_>>()
        };
        for security in [Security::Wpa2Wpa3, Security::Wpa3] {
            let causes = causes(security);
            assert_eq!(causes[0], "The passphrase is wrong");
            assert!(causes[1].contains("WPA3"), "{causes:?}");
        }
        assert_eq!(causes(Security::Wpa2), ["The passphrase is wrong"]);
    }

    #[test]
    fn a_gateway_that_reported_a_network_before_its_error_was_not_kept_out_by_the_passphrase() {
        let refusal = Refusal { kind: RefusalKind::CouldNotJoin, code: "improv.unable_to_connect", words: "no".into() };
        let look = |station| Observation::Look(Look::unnamed(station, Seen::Unasked));
        let first = |observations: &[Observation], ground| {
            let end = End::new(ground, observations, None, None);
            let outcome = ended(end, &[]);
            (outcome.causes[0].text.clone(), outcome.next_step)
        };
        let (connected, apart) = (look(Station::Connected), look(Station::Apart));
        let refused = Observation::Refused(refusal.clone());
        for (observations, ground) in [
            (vec![Observation::Began, connected.clone(), refused.clone()], Ground::Refused(refusal.clone())),
            (vec![Observation::Began, connected, apart.clone()], Ground::FellBack),
        ] {
            let (cause, next) = first(&observations, ground);
            assert!(cause.contains("DHCP") && next.contains("DHCP"), "{cause}: {next}");
        }
        for observations in [vec![Observation::Began, refused.clone()], vec![Observation::Began, apart, refused]] {
            assert!(!first(&observations, Ground::Refused(refusal.clone())).0.contains("DHCP"));
        }
    }

    #[test]
    fn every_open_end_says_what_to_do_and_claims_no_address() {
        let other = |was_there_before| Ground::OtherNetwork { name: "Guest".into(), was_there_before };
        for ground in [
            other(false),
            other(true),
            Ground::OtherConnection { name: "factory".into() },
            Ground::MaybeTheOldOne,
            Ground::NotNamed,
            Ground::StillJoining,
            Ground::LinkLost,
            Ground::NoWord,
        ] {
            let outcome = outcome(ground, &[]);
            assert_eq!(outcome.verdict, Verdict::Unknown);
            assert!(!outcome.next_step.is_empty() && !outcome.causes.is_empty(), "{outcome:?}");
            assert!(outcome.addresses.is_empty() && !outcome.summary.contains("joined “"), "{outcome:?}");
        }
    }
}
