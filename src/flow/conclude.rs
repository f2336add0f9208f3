//! From what was seen to a verdict: evidence, causes ranked by what speaks for them here, and the next step.
//!
//! A pure function of the facts. "Joined" is the gateway's word, strengthened when it says so again on a second question;
//! whether the vendor's cloud can be reached is a check of its own and is named as not checked.

use std::time::Duration;

use super::port::LinkError;
use crate::model::credentials::{WifiCredentials, WifiKey};
use crate::model::gateway::Protection;
use crate::model::ids::DriverId;
use crate::model::outcome::{Cause, Evidence, EvidenceKind, Outcome, Verdict};
use crate::model::problem::Explain as _;
use crate::model::wifi::{Band, Network, Security, Signal, WifiRules};

/// A refusal after this long speaks against a wrong passphrase, which access points turn down within seconds.
const SLOW_REFUSAL: Duration = Duration::from_secs(15);

/// How a push ended, as the driver saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushEnd {
    /// The gateway says that it joined.
    Joined {
        /// `http` and `https` addresses it gave.
        addresses: Vec<String>,
        /// Whether it said before that it began to join.
        was_provisioning: bool,
    },
    /// It says that it joined, after the time for a verdict was over.
    JoinedLate,
    /// It said that it could not, or that it would not.
    Refused {
        /// What it said.
        refusal: Refusal,
        /// Whether it had begun to join.
        was_provisioning: bool,
    },
    /// It began to join and is ready again without a word.
    FellBack,
    /// It gave no verdict in time.
    NoVerdict {
        /// Its last word since the push, as a sentence without a subject: `is joining a network`.
        last_word: Option<String>,
    },
    /// The link broke before the verdict.
    LinkLost {
        /// Why.
        error: LinkError,
        /// Its last word since the push.
        last_word: Option<String>,
    },
}

/// What a gateway said when it refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it means.
    pub kind: RefusalKind,
    /// Short and stable: `improv.unable_to_connect`.
    pub code: &'static str,
    /// How the gateway put it: `error 0x03 (unable to connect)`.
    pub words: String,
}

/// What a refusal means, whatever the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// It could not join and does not say why.
    CouldNotJoin,
    /// It could not join because it was not let in.
    WrongKey,
    /// It could not join because it did not find the network.
    NotFound,
    /// It wants to be authorised first.
    NotAuthorized,
    /// It could not read the credentials.
    Unreadable,
    /// It takes no Wi-Fi credentials this way.
    NotOffered,
    /// It names an error that says nothing to us.
    Other,
}

impl RefusalKind {
    /// Whether it tried the network.
    const fn is_about_joining(self) -> bool {
        matches!(self, Self::CouldNotJoin | Self::WrongKey | Self::NotFound)
    }
}

/// Everything a verdict rests on.
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
    pub end: PushEnd,
    /// From the request to the verdict.
    pub took: Duration,
    /// Evidence gathered on the way, in order, that of the end included.
    pub evidence: Vec<Evidence>,
    /// When this is concluded, from the start of the session.
    pub at: Duration,
}

/// Draws the conclusion.
pub fn conclude(facts: Facts<'_>) -> Outcome {
    let (verdict, code, summary) = judge(&facts);
    let causes = causes(&facts);
    let next_step = next_step(&facts, &causes);
    let Facts { end, driver, protection, took, mut evidence, at, .. } = facts;
    evidence.push(Evidence {
        kind: EvidenceKind::NotChecked,
        text: "Whether the gateway reaches its vendor's cloud from this network".into(),
        at,
    });
    let addresses = if let PushEnd::Joined { addresses, .. } = end { addresses } else { Vec::new() };
    Outcome { verdict, code, summary, evidence, causes, next_step, addresses, driver, protection, took }
}

fn judge(facts: &Facts<'_>) -> (Verdict, &'static str, String) {
    let ssid = facts.credentials.ssid.shown();
    let codes = facts.driver.facts().codes;
    match &facts.end {
        PushEnd::Joined { .. } => {
            (Verdict::Joined, codes.joined, format!("The gateway reports that it joined “{ssid}”"))
        }
        PushEnd::JoinedLate => (
            Verdict::Joined,
            codes.joined_late,
            format!("The gateway reports, later than expected, that it joined “{ssid}”"),
        ),
        PushEnd::Refused { refusal, .. } => (Verdict::Refused, refusal.code, refusal_summary(refusal, &ssid)),
        PushEnd::FellBack => (
            Verdict::Refused,
            codes.fell_back,
            format!("The gateway tried “{ssid}” and waits for a network again without saying why"),
        ),
        PushEnd::NoVerdict { .. } => {
            (Verdict::Unknown, codes.no_verdict, format!("The gateway gave no verdict on “{ssid}”"))
        }
        PushEnd::LinkLost { .. } => {
            (Verdict::Unknown, codes.link_lost, format!("The link broke before the gateway gave a verdict on “{ssid}”"))
        }
    }
}

fn refusal_summary(refusal: &Refusal, ssid: &str) -> String {
    match refusal.kind {
        RefusalKind::CouldNotJoin => format!("The gateway could not join “{ssid}”"),
        RefusalKind::WrongKey => format!("The gateway was not let into “{ssid}”"),
        RefusalKind::NotFound => format!("The gateway did not find “{ssid}”"),
        RefusalKind::Unreadable => "The gateway could not read the credentials".into(),
        RefusalKind::NotOffered => "The gateway takes no Wi-Fi credentials this way".into(),
        RefusalKind::NotAuthorized => "The gateway wants its button pressed first".into(),
        RefusalKind::Other => format!("The gateway refused with {}", refusal.words),
    }
}

/// What the end of a push is evidence of.
pub fn evidence_of(end: &PushEnd, at: Duration) -> Evidence {
    let (kind, text) = match end {
        PushEnd::Joined { addresses, .. } => (
            EvidenceKind::Acknowledged,
            match addresses.first() {
                Some(address) => format!("The gateway says it joined and can be reached at {address}"),
                None => "The gateway says it joined; it gave no address".into(),
            },
        ),
        PushEnd::JoinedLate => (
            EvidenceKind::Acknowledged,
            "The gateway changed to “provisioned” after the time for a verdict was over".into(),
        ),
        PushEnd::Refused { refusal, was_provisioning } => (
            EvidenceKind::Acknowledged,
            format!(
                "The gateway reports {}{}",
                refusal.words,
                if *was_provisioning { " after trying to join" } else { " without having tried to join" }
            ),
        ),
        PushEnd::FellBack => (
            EvidenceKind::Acknowledged,
            "The gateway went from “provisioning” back to “ready” and named no error".into(),
        ),
        PushEnd::NoVerdict { last_word } => {
            (EvidenceKind::NotChecked, format!("Whether the gateway joined: {}", told(last_word.as_deref())))
        }
        PushEnd::LinkLost { error, last_word } => (
            EvidenceKind::NotChecked,
            format!("Whether the gateway joined: {}, then the link broke ({error})", told(last_word.as_deref())),
        ),
    };
    Evidence { kind, text, at }
}

fn told(last_word: Option<&str>) -> String {
    last_word.map_or_else(
        || "it did not react to the credentials".into(),
        |word| format!("its last word was that it {word}"),
    )
}

/// The causes that may stand behind a refusal or silence, the likeliest first.
fn causes(facts: &Facts<'_>) -> Vec<Cause> {
    match &facts.end {
        PushEnd::Joined { .. } | PushEnd::JoinedLate => Vec::new(),
        PushEnd::Refused { refusal, .. } if refusal.kind.is_about_joining() => join_causes(facts, Some(refusal.kind)),
        PushEnd::FellBack => join_causes(facts, None),
        PushEnd::Refused { refusal, .. } => vec![refusal_cause(refusal.kind)],
        PushEnd::NoVerdict { last_word } => silence_causes(last_word.is_some()),
        PushEnd::LinkLost { error, .. } => {
            let problem = error.explain();
            vec![
                cause(problem.likely_cause, problem.what),
                cause("The gateway restarted to take up the network", "Some firmware does so right after a join"),
            ]
        }
    }
}

fn refusal_cause(kind: RefusalKind) -> Cause {
    match kind {
        RefusalKind::Unreadable => cause("Octets were lost on the line", "The gateway found the packet damaged"),
        RefusalKind::NotOffered => {
            cause("The firmware has no Wi-Fi settings over this driver", "The gateway does not know the command")
        }
        RefusalKind::NotAuthorized => {
            cause("Nobody pressed the gateway's button", "The gateway asks for authorisation")
        }
        RefusalKind::CouldNotJoin | RefusalKind::WrongKey | RefusalKind::NotFound | RefusalKind::Other => {
            cause("An error inside the gateway", "It names no reason")
        }
    }
}

fn silence_causes(has_begun: bool) -> Vec<Cause> {
    if !has_begun {
        return vec![
            cause("The gateway hangs or restarted", "It did not even acknowledge the credentials"),
            cause("Octets were lost on the line", "A damaged packet is dropped in silence by some firmware"),
        ];
    }
    vec![
        cause("It joined but got no address (DHCP)", "It began to join and never came to an end"),
        cause("It joined and its firmware gives no verdict", "Its last word was that it is joining"),
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
            causes.extend(not_heard_causes(facts, "The gateway was not asked which networks it hears"));
            causes
        }
    }
}

/// The gateway names the handshake as the reason. Some report it so when the answers got lost on the way.
fn not_let_in_causes(facts: &Facts<'_>) -> Vec<Cause> {
    let heard = facts.seen.and_then(|seen| seen.iter().find(|network| network.ssid == facts.credentials.ssid));
    let level = heard.and_then(|network| network.rssi_dbm);
    let signal = cause(
        "The signal is too weak for the handshake",
        match level {
            Some(dbm) => {
                format!("The gateway hears the network at {dbm} dBm; lost answers look like a wrong key to it")
            }
            None => "Lost answers look like a wrong key to the gateway".into(),
        },
    );
    match level.map(Signal::from_dbm) {
        Some(Signal::TooWeak) => vec![signal, passphrase_cause(facts)],
        Some(Signal::Good) => vec![passphrase_cause(facts)],
        _ => vec![passphrase_cause(facts), signal],
    }
}

fn passphrase_cause(facts: &Facts<'_>) -> Cause {
    match facts.credentials.key {
        WifiKey::Open => cause("The network wants a passphrase after all", "It was tried as an open network"),
        WifiKey::Passphrase(_) | WifiKey::RawPsk(_) | WifiKey::Wep(_) => cause(
            "The passphrase is wrong",
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
    let signal = cause("The signal is too weak for the handshake", format!("The gateway hears the network {level}"));
    let protection = cause(
        "WPA3 or protected management frames do not suit the gateway",
        format!("The network is {}", network.security.label()),
    );
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
        causes.push(protection);
    }
    causes
}

fn not_heard_causes(facts: &Facts<'_>, because: &str) -> Vec<Cause> {
    let ssid = &facts.credentials.ssid;
    let mut causes = vec![cause(
        "The network's name is written differently",
        format!("{because}; “{}” has {} octets, and upper and lower case count", ssid.shown(), ssid.octets().len()),
    )];
    if !facts.rules.bands.contains(&Band::Ghz5) {
        causes.push(cause("The network is on 5 GHz only", "The gateway hears 2.4 GHz only"));
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
    match &facts.end {
        PushEnd::Joined { .. } | PushEnd::JoinedLate => {
            "Go on with the next gateway; look for this one's data in the vendor's portal".into()
        }
        PushEnd::FellBack => join_next_step(causes).into(),
        PushEnd::Refused { refusal, .. } if refusal.kind.is_about_joining() => join_next_step(causes).into(),
        PushEnd::Refused { refusal: Refusal { kind: RefusalKind::NotAuthorized, .. }, .. } => {
            "Press the button on the gateway and send again within a minute".into()
        }
        PushEnd::Refused { .. } => {
            "Send again; if it is refused again, export the transcript and send it to the vendor".into()
        }
        PushEnd::NoVerdict { last_word: None } => {
            "Restart the gateway, connect again and see whether it already has a network before sending again".into()
        }
        PushEnd::NoVerdict { .. } => {
            "Wait a minute and watch the state here; look for the gateway in the router's list of devices".into()
        }
        PushEnd::LinkLost { error: LinkError::Http(_), .. } => {
            "Wait a minute, go back to your own network and look for the gateway in the router's list of devices; send again only if it is missing".into()
        }
        PushEnd::LinkLost { error: LinkError::Ble(_), .. } => {
            "Come closer and connect again, or look for the gateway in the router's list of devices. Do not send again before".into()
        }
        PushEnd::LinkLost { .. } => {
            "Plug the gateway in again and connect: its state tells whether it has a network. Do not send again before"
                .into()
        }
    }
}

fn join_next_step(causes: &[Cause]) -> &'static str {
    match causes.first().map(|cause| cause.text.as_str()) {
        Some("The passphrase is wrong") => "Correct the passphrase and try again; the connection stays open",
        Some("The network wants a passphrase after all") => "Type the network's passphrase and try again",
        Some("The signal is too weak for the handshake") => {
            "Move the gateway or the access point closer until the gateway hears at least -75 dBm, then try again"
        }
        Some("The network's name is written differently") => {
            "Scan again and choose the network from the list; if it is missing, switch on 2.4 GHz at the access point"
        }
        Some(_) => "Look at the access point: free addresses, DHCP, MAC filter; then try again",
        None => "Try again",
    }
}
