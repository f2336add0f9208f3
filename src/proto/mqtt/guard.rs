//! The identity guard: whether a plan would connect under a gateway's own name and throw the live gateway out, what name to
//! take instead, and whether two clients of one name kick each other in turn.

use std::collections::VecDeque;
use std::time::Duration;

use super::dialect::label;
use crate::model::mqtt::Dialect;
use crate::model::mqtt::connect::{ConnectPlan, Login};
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

/// Why connecting so would disturb a live gateway.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardedIdentity {
    /// At an IoT Hub there are no identities but devices'.
    #[error("a hub knows devices only")]
    HubDevice {
        /// The device.
        device: String,
    },
    /// The client id is a gateway's.
    #[error("the client id is a gateway's")]
    ClientId {
        /// Whose rule it is.
        dialect: Dialect,
        /// The client id.
        client_id: String,
    },
    /// The certificate names a gateway, and is usually tied to its client id.
    #[error("the certificate is a gateway's")]
    Certificate {
        /// Whose rule it is.
        dialect: Dialect,
        /// The name in the certificate.
        name: String,
    },
    /// The client id is the name in the certificate: how gateways do it.
    #[error("the client id is the certificate's name")]
    ThingName {
        /// The client id.
        client_id: String,
    },
}

impl Explain for GuardedIdentity {
    fn explain(&self) -> Problem {
        match self {
            Self::HubDevice { device } => Problem::new(
                "mqtt.own_identity",
                format!("This would connect as the device “{}” itself", visible(device, 130)),
                "Azure IoT Hub allows one connection for each device: the live gateway gets disconnected when Linesman connects, and disconnects Linesman when it comes back",
                "Connect only while the gateway is off, or to show that its credentials work; to see what it sends, use the bench broker",
            ),
            Self::ClientId { dialect, client_id } => Problem::new(
                "mqtt.own_identity",
                format!("This would connect under the gateway's own client id “{}”", visible(client_id, 130)),
                format!(
                    "{} allows one connection for each client id: the live gateway gets disconnected when Linesman connects",
                    label(*dialect)
                ),
                "Use the observer ID that Linesman proposes, or connect this way only while the gateway is off",
            ),
            Self::Certificate { dialect, name } => Problem::new(
                "mqtt.own_identity",
                format!("This would connect with the certificate of the gateway “{}”", visible(name, 130)),
                format!(
                    "{} may accept it only under the gateway's client ID, and then disconnects the live gateway",
                    label(*dialect)
                ),
                "Use a certificate made for an observer, or connect this way only while the gateway is off",
            ),
            Self::ThingName { client_id } => Problem::new(
                "mqtt.own_identity",
                format!("“{}” is the client id and the name in the certificate", visible(client_id, 130)),
                "Gateways connect this way: a live gateway of that name gets disconnected (DUPLICATE_CLIENTID)",
                "Use the observer ID that Linesman proposes if the policy allows it, or connect this way only while the gateway is off",
            ),
        }
    }
}

/// Whether the plan uses a gateway's own identity, and how that shows.
///
/// `known` are ids known to be gateways': from the profile, the commissioning, a list. `certificate_names` are the names in the
/// client certificate, the subject's common name first.
pub fn judge(plan: &ConnectPlan, known: &[&str], certificate_names: &[&str]) -> Option<GuardedIdentity> {
    let (dialect, client_id) = (plan.dialect, plan.client_id.as_str());
    if dialect == Dialect::AzureIotHub {
        let device = match &plan.login {
            Login::SharedAccess { device, .. } => device,
            _ => client_id,
        };
        return Some(GuardedIdentity::HubDevice { device: device.to_owned() });
    }
    let is_known = |name: &str| known.iter().any(|known| !known.is_empty() && known.eq_ignore_ascii_case(name));
    let username = match &plan.login {
        Login::Password { username, .. } => Some(username.as_str()),
        _ => None,
    };
    if is_known(client_id) {
        return Some(GuardedIdentity::ClientId { dialect, client_id: client_id.to_owned() });
    }
    if let Some(name) = certificate_names.iter().find(|name| is_known(name)) {
        return Some(GuardedIdentity::Certificate { dialect, name: (*name).to_owned() });
    }
    let is_thing = certificate_names.contains(&client_id)
        || (dialect == Dialect::AwsIotCore && username.is_some_and(|username| username == client_id));
    // Our own observer's certificate names an observer.
    (is_thing && !is_observer_id(client_id)).then(|| GuardedIdentity::ThingName { client_id: client_id.to_owned() })
}

const OBSERVER: &str = "linesman-";

/// A client id under which nobody is disturbed. `random` makes it one of its own.
pub fn observer_id(gateway: Option<&str>, random: u32) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    // 23 characters are what every broker has to take (MQTT 3.1.1, section 3.1.3.1).
    let gateway: String = gateway.unwrap_or_default().chars().filter(is_plain).take(9).collect();
    let dash = if gateway.is_empty() { "" } else { "-" };
    format!("{OBSERVER}{gateway}{dash}{:04x}", random & 0xFFFF)
}

/// Whether it is such a client id.
pub fn is_observer_id(client_id: &str) -> bool {
    client_id.starts_with(OBSERVER)
}

/// Whether another client may have the same: it was given by a person or a profile, and not made up at random.
pub fn is_fixed_id(client_id: &str) -> bool {
    // Without one the broker makes one up.
    !client_id.is_empty() && !is_observer_id(client_id)
}

/// How far back ends are looked at.
const WINDOW: Duration = Duration::from_mins(3);
/// A connection that ended by itself within this time was kicked, if it was.
const SHORT: Duration = Duration::from_secs(30);
/// So many such ends in the window are no accident.
const ENOUGH: usize = 3;
/// So many are enough where the broker itself says that another client took over.
const ENOUGH_IF_SAID: usize = 2;

/// The end of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KickedEnd {
    /// When, counted from any fixed point.
    pub at: Duration,
    /// How long the connection had lasted since the broker let us in; `None` if it never did.
    pub lasted: Option<Duration>,
    /// Whether another client took over, or may have.
    pub is_takeover: bool,
    /// Whether the broker said so itself (MQTT 5, reason 0x8E).
    pub is_said: bool,
}

/// Recognises two clients of one name that kick each other in turn.
#[derive(Clone, Debug, Default)]
pub struct KickWatch {
    ends: VecDeque<KickedEnd>,
    told: Option<Fight>,
}

/// Connections of one name that end again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fight {
    /// How many ended in the last minutes.
    pub times: usize,
    /// Whether the broker says that another client took over. Else it may as well close them for a reason of its own.
    pub is_said: bool,
}

impl KickWatch {
    /// Takes the end of a connection in. Tells when the ends have become a fight, or are known to be one; once, until it has been
    /// quiet for a while.
    pub fn ended(&mut self, end: KickedEnd) -> Option<Fight> {
        while self.ends.front().is_some_and(|first| end.at.saturating_sub(first.at) > WINDOW) {
            self.ends.pop_front();
        }
        if self.ends.is_empty() {
            self.told = None;
        }
        if end.lasted.is_none() {
            // Nobody answered, or not as a broker that only obeys a second client: it restarts, or the network is down. What
            // ended shortly before ended for that.
            self.ends.retain(|end| end.is_said);
            return None;
        }
        let is_kick = end.is_takeover && end.lasted.is_some_and(|lasted| lasted <= SHORT);
        if !is_kick && !end.is_said {
            // An end of another kind in between: a broker that restarts, a network that breaks.
            return None;
        }
        self.ends.push_back(end);
        let said = self.ends.iter().filter(|end| end.is_said).count();
        let is_said = said >= ENOUGH_IF_SAID;
        if !is_said && self.ends.len() < ENOUGH || self.told.is_some_and(|told| told.is_said || !is_said) {
            return None;
        }
        self.told = Some(Fight { times: self.ends.len(), is_said });
        self.told
    }

    /// Whether a fight is on.
    pub const fn is_fighting(&self) -> bool {
        self.told.is_some()
    }
}

/// Two clients kick each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("two clients named {client_id} kick each other")]
pub struct Kicking {
    /// Whose rule it is.
    pub dialect: Dialect,
    /// The name.
    pub client_id: String,
    /// How often in the last minutes, and whether that is known.
    pub fight: Fight,
}

impl Explain for Kicking {
    fn explain(&self) -> Problem {
        let times = self.fight.times;
        if !self.fight.is_said {
            return Problem::new(
                "mqtt.maybe_kicking",
                format!(
                    "The broker closed the connection of “{}” {times} times in the last 3 min",
                    visible(&self.client_id, 130)
                ),
                format!(
                    "The broker restarts, or another client uses the same client ID: {} allows one connection for each",
                    label(self.dialect)
                ),
                "If the live gateway may use this client ID, disconnect here and connect with another one",
            );
        }
        Problem::new(
            "mqtt.kicking",
            format!(
                "Two clients named “{}” disconnect each other: {times} times in the last 3 min",
                visible(&self.client_id, 130)
            ),
            format!(
                "{} allows one connection for each name; most likely the live gateway uses this one, and loses messages each time",
                label(self.dialect)
            ),
            "Disconnect here, and connect under another client id; at a hub, wait until the gateway is off",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::secret::Secret;

    fn plan(dialect: Dialect, client_id: &str) -> ConnectPlan {
        let mut plan = ConnectPlan::new("mqtts://h".parse().unwrap(), client_id);
        plan.dialect = dialect;
        plan
    }

    #[test]
    fn a_hub_knows_devices_only() {
        let mut plan = plan(Dialect::AzureIotHub, "anything");
        assert!(matches!(judge(&plan, &[], &[]), Some(GuardedIdentity::HubDevice { device }) if device == "anything"));
        plan.login = Login::SharedAccess {
            hub: "h".into(),
            device: "gw-07".into(),
            key: Secret::new(String::new()),
            policy: None,
            lifetime: Duration::ZERO,
        };
        assert!(matches!(judge(&plan, &[], &[]), Some(GuardedIdentity::HubDevice { device }) if device == "gw-07"));
    }

    #[test]
    fn a_gateways_name_is_known_by_client_id_and_certificate() {
        let core = Dialect::AwsIotCore;
        let observer = observer_id(Some("gw-07"), 0xABCD_1234);
        assert_eq!(observer, "linesman-gw-07-1234");
        assert_eq!(judge(&plan(core, &observer), &["gw-07"], &[]), None);
        assert!(matches!(judge(&plan(core, "GW-07"), &["gw-07"], &[]), Some(GuardedIdentity::ClientId { .. })));
        let by_certificate = judge(&plan(Dialect::Plain, &observer), &["gw-07"], &["gw-07"]);
        assert!(matches!(by_certificate, Some(GuardedIdentity::Certificate { .. })));
        assert!(matches!(judge(&plan(core, "gw-07"), &[], &["gw-07"]), Some(GuardedIdentity::ThingName { .. })));
        assert_eq!(judge(&plan(core, &observer), &[], &[observer.as_str()]), None);
        assert_eq!(judge(&plan(Dialect::Plain, "gw-08"), &["gw-07", ""], &["ca"]), None);
    }

    #[test]
    fn an_observers_id_suits_every_broker() {
        for gateway in [None, Some(""), Some("Ä/+#"), Some("a-very-long-gateway-name")] {
            let id = observer_id(gateway, u32::MAX);
            assert!(id.len() <= 23 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{id}");
            assert!(is_observer_id(&id));
        }
    }

    fn kick(at_secs: u64, lasted_secs: u64) -> KickedEnd {
        KickedEnd {
            at: Duration::from_secs(at_secs),
            lasted: Some(Duration::from_secs(lasted_secs)),
            is_takeover: true,
            is_said: false,
        }
    }

    #[test]
    fn three_short_lives_are_a_fight_and_told_once() {
        let mut watch = KickWatch::default();
        assert_eq!(watch.ended(kick(10, 5)), None);
        assert_eq!(watch.ended(kick(20, 5)), None);
        assert_eq!(watch.ended(kick(30, 5)), Some(Fight { times: 3, is_said: false }));
        assert!(watch.is_fighting());
        assert_eq!(watch.ended(kick(40, 5)), None);
        // Quiet for long enough, then again.
        assert_eq!(watch.ended(kick(900, 5)), None);
        assert!(!watch.is_fighting());
        assert_eq!(watch.ended(kick(910, 5)), None);
        assert_eq!(watch.ended(kick(920, 5)), Some(Fight { times: 3, is_said: false }));
    }

    #[test]
    fn a_broker_that_says_so_needs_two() {
        let mut watch = KickWatch::default();
        let said = |at| KickedEnd { is_said: true, ..kick(at, 500) };
        assert_eq!(watch.ended(said(10)), None);
        assert_eq!(watch.ended(said(20)), Some(Fight { times: 2, is_said: true }));
    }

    #[test]
    fn a_broker_that_is_restarted_again_and_again_is_no_fight() {
        let mut watch = KickWatch::default();
        for restart in 0..10 {
            assert_eq!(watch.ended(kick(restart * 10, 5)), None, "closed in the restart");
            let refused = KickedEnd { lasted: None, is_takeover: false, ..kick(restart * 10 + 1, 0) };
            assert_eq!(watch.ended(refused), None, "and not there for a moment");
        }
    }

    #[test]
    fn a_random_name_is_nobody_elses() {
        assert!(!is_fixed_id(&observer_id(None, 7)) && !is_fixed_id(&observer_id(Some("gw"), 7)) && !is_fixed_id(""));
        assert!(is_fixed_id("gw-07"));
    }

    #[test]
    fn other_ends_are_no_fight() {
        let mut watch = KickWatch::default();
        for at in 0..20 {
            assert_eq!(watch.ended(kick(at * 60, 61)), None, "it lasted");
            assert_eq!(watch.ended(KickedEnd { is_takeover: false, ..kick(at * 60, 1) }), None, "for another reason");
            assert_eq!(watch.ended(KickedEnd { lasted: None, ..kick(at * 60, 0) }), None, "it never came about");
        }
        let mut rare = KickWatch::default();
        assert!((0..20).all(|n| rare.ended(kick(n * 100, 5)).is_none()), "one every 100 s");
    }
}
