//! Connections that end without a word, put into words: what we did last, how long ago, and whose rules apply tell the likely
//! cause. The clouds never say why they close (IoT Hub: 400027, 401003, 404104 in its own log only; AWS: its presence events).
//!
//! What comes out is a likely cause, said as such.

use std::time::Duration;

use super::dialect::{self, is_iot_hub_filter, is_iot_hub_topic, label};
use super::{guard, sas};
use crate::model::mqtt::Dialect;
use crate::model::mqtt::message::{Qos, Subscription};
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

/// A clock may be that far off before a cloud minds.
const CLOCK_TOLERANCE_SECS: u64 = 120;
/// An end that follows an act within this time is put down to it.
const SOON: Duration = Duration::from_secs(10);

/// What we did last.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// We asked to be let in.
    Connect,
    /// We subscribed.
    Subscribe(Vec<Subscription>),
    /// We published.
    Publish {
        /// The topic.
        topic: String,
        /// The quality of service.
        qos: Qos,
        /// Length of the payload.
        bytes: usize,
    },
    /// Nothing but signs of life.
    Idle,
}

/// How we proved who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By a token that ends at that second since 1970 UTC.
    Token {
        /// Its end.
        ends_unix_secs: i64,
    },
    /// By a client certificate.
    Certificate,
    /// By a signature in the address.
    Signature,
    /// By user and password.
    Password,
    /// Not at all.
    Nothing,
}

/// A connection that was closed without a reason, or an answer that does not come.
#[derive(Clone, Debug)]
pub struct SilentEnd<'a> {
    /// Whose rules apply.
    pub dialect: Dialect,
    /// What we did last.
    pub act: &'a Act,
    /// How long ago that was.
    pub since: Duration,
    /// How we proved who we are.
    pub proof: Proof,
    /// Under which name.
    pub client_id: &'a str,
    /// How often we promised a sign of life.
    pub keep_alive: Duration,
    /// How long ago our last packet left.
    pub last_sent: Duration,
    /// The time by this computer's clock, in seconds since 1970 UTC.
    pub now_unix_secs: i64,
    /// By how much this computer's clock is ahead of the broker's, where something told (an HTTP date, a certificate).
    pub clock_ahead_secs: Option<i64>,
}

/// The likely cause of an end without a word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The token had ended.
    #[error("the token expired {ago_secs} s ago")]
    TokenEnded {
        /// How long before.
        ago_secs: u64,
        /// By how much our clock is ahead, if known.
        clock_ahead_secs: Option<i64>,
    },
    /// The clock is wrong, so that a token or signature is not good yet, or no longer.
    #[error("the clock is off by {ahead_secs} s")]
    ClockWrong {
        /// Whose rule it is.
        dialect: Dialect,
        /// By how much ours is ahead; below zero when it is behind.
        ahead_secs: i64,
    },
    /// The login was not accepted.
    #[error("the login was not accepted")]
    LoginRefused {
        /// Whose rule it is.
        dialect: Dialect,
        /// How we proved who we are.
        proof: Proof,
        /// Under which name.
        client_id: String,
    },
    /// A filter is not allowed.
    #[error("subscribing was not allowed")]
    SubscribeDenied {
        /// Whose rule it is.
        dialect: Dialect,
        /// The filters.
        filters: String,
    },
    /// A filter that exists for this device only, or not at all.
    #[error("foreign filter")]
    ForeignFilter {
        /// Whose rule it is.
        dialect: Dialect,
        /// The filter.
        filter: String,
    },
    /// More than fits into one connection or request.
    #[error("too many filters")]
    TooManyFilters {
        /// Whose rule it is.
        dialect: Dialect,
        /// How many there were.
        count: usize,
        /// How many are taken.
        limit: usize,
    },
    /// Quality of service 2 is never answered.
    #[error("quality of service 2 is never answered")]
    NeverAnswered {
        /// Whose rule it is.
        dialect: Dialect,
    },
    /// Publishing with quality of service 2 closes the connection.
    #[error("quality of service 2 ends the session")]
    PublishQos {
        /// Whose rule it is.
        dialect: Dialect,
    },
    /// The message was too long.
    #[error("message of {bytes} bytes")]
    PublishTooLong {
        /// Whose rule it is.
        dialect: Dialect,
        /// How long it was.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The topic is not allowed.
    #[error("publishing was not allowed")]
    PublishDenied {
        /// Whose rule it is.
        dialect: Dialect,
        /// The topic.
        topic: String,
    },
    /// Our signs of life came too late.
    #[error("keep-alive missed")]
    KeepAliveMissed {
        /// How long nothing had been sent.
        idle: Duration,
        /// How often we promised.
        keep_alive: Duration,
    },
    /// Another client took our name, or the broker went away.
    #[error("closed while idle")]
    ClosedWhileIdle {
        /// Whose rule it is.
        dialect: Dialect,
        /// Under which name.
        client_id: String,
    },
    /// It closed as soon as it was asked to let us in.
    #[error("closed on CONNECT")]
    ClosedOnConnect {
        /// Whose rule it is.
        dialect: Dialect,
    },
}

impl Cause {
    /// Whether another client of the same name may have taken over: never where the name was made up at random.
    pub fn is_takeover(&self) -> bool {
        matches!(self, Self::ClosedWhileIdle { client_id, .. } if guard::is_fixed_id(client_id))
    }

    /// Whether trying again changes nothing until a person has changed something.
    pub const fn is_lasting(&self) -> bool {
        match self {
            // A token is made anew for each attempt.
            Self::TokenEnded { .. }
            | Self::KeepAliveMissed { .. }
            | Self::ClosedWhileIdle { .. }
            | Self::ClosedOnConnect { .. } => false,
            Self::ClockWrong { .. }
            | Self::LoginRefused { .. }
            | Self::SubscribeDenied { .. }
            | Self::ForeignFilter { .. }
            | Self::TooManyFilters { .. }
            | Self::NeverAnswered { .. }
            | Self::PublishQos { .. }
            | Self::PublishTooLong { .. }
            | Self::PublishDenied { .. } => true,
        }
    }
}

/// The likely cause of a connection that was closed without a reason, or refused without one that helps.
pub fn cause_of_end(end: &SilentEnd<'_>) -> Cause {
    if let Some(cause) = cause_in_time(end) {
        return cause;
    }
    let (dialect, is_soon) = (end.dialect, end.since <= SOON);
    match end.act {
        Act::Connect => match (dialect, end.proof) {
            (Dialect::Plain | Dialect::Proxy, Proof::Nothing) => Cause::ClosedOnConnect { dialect },
            (_, proof) => Cause::LoginRefused { dialect, proof, client_id: end.client_id.to_owned() },
        },
        Act::Subscribe(subscriptions) if is_soon => cause_of_subscribe(end, subscriptions),
        Act::Publish { topic, qos, bytes } if is_soon => cause_of_publish(end, topic, *qos, *bytes),
        _ if !end.keep_alive.is_zero() && end.last_sent > end.keep_alive + end.keep_alive / 2 => {
            Cause::KeepAliveMissed { idle: end.last_sent, keep_alive: end.keep_alive }
        }
        _ => Cause::ClosedWhileIdle { dialect, client_id: end.client_id.to_owned() },
    }
}

/// The likely cause of an answer that does not come while the connection stays open; `None` where the dialect tells none.
pub fn cause_of_silence(dialect: Dialect, act: &Act) -> Option<Cause> {
    let asks_for_two = match act {
        Act::Subscribe(subscriptions) => subscriptions.iter().any(|subscription| subscription.qos == Qos::ExactlyOnce),
        Act::Publish { qos, .. } => *qos == Qos::ExactlyOnce,
        Act::Connect | Act::Idle => false,
    };
    (dialect == Dialect::AwsIotCore && asks_for_two).then_some(Cause::NeverAnswered { dialect })
}

/// What the clocks alone tell.
fn cause_in_time(end: &SilentEnd<'_>) -> Option<Cause> {
    let broker_now = end.now_unix_secs.saturating_sub(end.clock_ahead_secs.unwrap_or_default());
    if let Proof::Token { ends_unix_secs } = end.proof {
        let ago_secs = broker_now.saturating_sub(ends_unix_secs);
        if ago_secs >= 0 {
            return Some(Cause::TokenEnded {
                ago_secs: ago_secs.unsigned_abs(),
                clock_ahead_secs: end.clock_ahead_secs,
            });
        }
    }
    let minds_the_clock = matches!(end.proof, Proof::Token { .. } | Proof::Signature) && *end.act == Act::Connect;
    let ahead_secs = end.clock_ahead_secs.filter(|ahead| ahead.unsigned_abs() > CLOCK_TOLERANCE_SECS)?;
    // A token whose end is far enough ahead does not mind; a signature minds in both directions.
    let is_it = minds_the_clock && (end.proof == Proof::Signature || ahead_secs < 0);
    is_it.then_some(Cause::ClockWrong { dialect: end.dialect, ahead_secs })
}

fn cause_of_subscribe(end: &SilentEnd<'_>, subscriptions: &[Subscription]) -> Cause {
    let dialect = end.dialect;
    let limits = dialect::limits(dialect);
    let count = subscriptions.len();
    let limit =
        limits.max_subscriptions.into_iter().chain(limits.max_filters_per_subscribe).find(|limit| count > *limit);
    let foreign = subscriptions.iter().map(|subscription| subscription.filter.as_str()).find(|filter| match dialect {
        Dialect::AzureIotHub => !is_iot_hub_filter(filter, end.client_id),
        _ => !limits.has_sys_topics && filter.starts_with("$SYS/"),
    });
    if let Some(filter) = foreign {
        return Cause::ForeignFilter { dialect, filter: visible(filter, 200) };
    }
    if let Some(limit) = limit {
        return Cause::TooManyFilters { dialect, count, limit };
    }
    let filters: Vec<_> = subscriptions.iter().map(|subscription| subscription.filter.as_str()).collect();
    Cause::SubscribeDenied { dialect, filters: visible(&filters.join(", "), 300) }
}

fn cause_of_publish(end: &SilentEnd<'_>, topic: &str, qos: Qos, bytes: usize) -> Cause {
    let dialect = end.dialect;
    let limits = dialect::limits(dialect);
    if let Some(limit) = limits.max_payload_bytes.filter(|limit| bytes > *limit) {
        return Cause::PublishTooLong { dialect, bytes, limit };
    }
    if qos > limits.max_qos {
        return Cause::PublishQos { dialect };
    }
    if dialect == Dialect::AzureIotHub && is_iot_hub_topic(topic, end.client_id) {
        // Nothing about the message is wrong: it was not the message.
        return Cause::ClosedWhileIdle { dialect, client_id: end.client_id.to_owned() };
    }
    Cause::PublishDenied { dialect, topic: visible(topic, 200) }
}

/// `3 min 20 s ahead`, `2 days behind`.
fn off(ahead_secs: i64) -> String {
    format!("{} {}", sas::span(ahead_secs.unsigned_abs()), if ahead_secs < 0 { "behind" } else { "ahead" })
}

impl Explain for Cause {
    fn explain(&self) -> Problem {
        match self {
            Self::TokenEnded { ago_secs, clock_ahead_secs } => Problem::new(
                "mqtt.token_ended",
                format!("The token expired {} ago, and the hub closed the connection", sas::span(*ago_secs)),
                match clock_ahead_secs.filter(|ahead| ahead.unsigned_abs() > CLOCK_TOLERANCE_SECS) {
                    Some(ahead) => format!("A token is valid for a limited time; this computer's clock is {}", off(ahead)),
                    None => "A token is valid for a limited time (401003 in the hub's log)".into(),
                },
                "Connect again: a new token is made from the key; if you entered the token itself, get a new one",
            ),
            Self::ClockWrong { dialect, ahead_secs } => Problem::new(
                "mqtt.clock_wrong",
                format!("{} refused the login, and this computer's clock is {}", label(*dialect), off(*ahead_secs)),
                "Tokens and signatures depend on the time; with a wrong clock they're expired or not valid yet",
                "Set this computer's clock, then connect again",
            ),
            Self::LoginRefused { dialect, proof, client_id } => login_refused(*dialect, *proof, client_id),
            Self::SubscribeDenied { dialect, filters } => Problem::new(
                "mqtt.subscribe_closed",
                format!("{} closed the connection after the subscription to {filters}", label(*dialect)),
                match dialect {
                    Dialect::AwsIotCore => "The policy does not allow this filter; topicfilter/* in a policy is not the same as permission for #".to_owned(),
                    _ => format!("{} does not allow this filter to this client", label(*dialect)),
                },
                match dialect {
                    Dialect::AwsIotCore => "Subscribe to fewer topics, or ask for iot:Subscribe and iot:Receive in the policy",
                    _ => "Subscribe to fewer topics, or ask for permission",
                },
            ),
            Self::ForeignFilter { dialect, filter } => Problem::new(
                "mqtt.subscribe_foreign",
                format!("{} closed the connection after the subscription to “{filter}”", label(*dialect)),
                match dialect {
                    Dialect::AzureIotHub => "A hub knows the device's own messages, twin and methods, and closes for any other filter",
                    _ => "There are no topics below $SYS here, and asking for them ends the session",
                },
                "Remove that filter, and connect again",
            ),
            Self::TooManyFilters { dialect, count, limit } => Problem::new(
                "mqtt.subscribe_too_many",
                format!("{} closed the connection after the subscription to {count} filters", label(*dialect)),
                format!("It takes {limit} at most"),
                "Remove some of the filters, and connect again",
            ),
            Self::NeverAnswered { dialect } => Problem::new(
                "mqtt.never_answered",
                format!("{} does not answer", label(*dialect)),
                "Quality of service 2 isn't supported here, and never answered",
                "Ask for quality of service 0 or 1",
            ),
            Self::PublishQos { dialect } => Problem::new(
                "mqtt.publish_closed_qos",
                format!("{} closed the connection after a published message", label(*dialect)),
                "The message had quality of service 2, which is not served here",
                "Publish with quality of service 0 or 1",
            ),
            Self::PublishTooLong { dialect, bytes, limit } => Problem::new(
                "mqtt.publish_closed_length",
                format!("{} closed the connection after a message of {bytes} bytes", label(*dialect)),
                format!("It takes {} KB at most", limit / 1024),
                "Send less at once",
            ),
            Self::PublishDenied { dialect, topic } => Problem::new(
                "mqtt.publish_closed",
                format!("{} closed the connection after a message on “{topic}”", label(*dialect)),
                match dialect {
                    Dialect::AzureIotHub => "A device may publish its own events, twin requests and answers, and nothing else",
                    Dialect::AwsIotCore => "The policy does not allow this topic, or the topic is reserved",
                    Dialect::Plain | Dialect::Proxy => "This client may not publish on this topic",
                },
                match dialect {
                    Dialect::AzureIotHub => "Publish on devices/DEVICE/messages/events/ with the id of this device",
                    _ => "Publish on another topic, or ask for permission",
                },
            ),
            Self::KeepAliveMissed { idle, keep_alive } => Problem::new(
                "mqtt.keep_alive_missed",
                format!("The broker closed the connection: it received nothing for {} s", idle.as_secs()),
                format!(
                    "The keep-alive is {} s; this computer slept, or was too busy to send",
                    keep_alive.as_secs()
                ),
                "Keep the computer awake and connect again; a longer keep-alive helps on a slow network",
            ),
            Self::ClosedWhileIdle { dialect, client_id } if !guard::is_fixed_id(client_id) => Problem::new(
                "mqtt.closed",
                format!("{} closed the connection without giving a reason", label(*dialect)),
                "The broker was restarted, someone ended the session, or the network did; the random client ID is unique",
                "Wait for the reconnection; if it happens again and again, check the broker's log for that time",
            ),
            Self::ClosedWhileIdle { dialect, client_id } => Problem::new(
                "mqtt.closed",
                format!("{} closed the connection without giving a reason", label(*dialect)),
                format!(
                    "Another client connected as “{}”, or someone ended the session, or the network did",
                    visible(client_id, 130)
                ),
                "If it happens again and again, see whether the gateway uses the same client id, and choose another",
            ),
            Self::ClosedOnConnect { dialect } => Problem::new(
                "mqtt.closed_on_connect",
                format!("{} closed the connection right after CONNECT", label(*dialect)),
                match dialect {
                    Dialect::Proxy => "The proxy does not know this SIM or this address as one of its devices",
                    _ => "It expects another version of MQTT, a login or a certificate, or something else than MQTT listens there",
                },
                match dialect {
                    Dialect::Proxy => "Connect from inside the private network, from a device that is in its group",
                    _ => "Check port, version and login; an encrypted port needs mqtts in the address",
                },
            ),
        }
    }
}

fn login_refused(dialect: Dialect, proof: Proof, client_id: &str) -> Problem {
    let client_id = visible(client_id, 130);
    let what = format!("{} did not let “{client_id}” in", label(dialect));
    match (dialect, proof) {
        (Dialect::AzureIotHub, Proof::Certificate) => Problem::new(
            "mqtt.login_refused",
            what,
            "The certificate's thumbprint is not the one of this device, the device is disabled or does not exist, or its id is spelt otherwise (401003 in the hub's log)",
            "Compare the SHA-1 or SHA-256 thumbprint with the portal's, and the device id character by character",
        ),
        (Dialect::AzureIotHub, _) => Problem::new(
            "mqtt.login_refused",
            what,
            "The key belongs to another device or was regenerated, the device is disabled or does not exist, or the clock is wrong (401003 in the hub's log)",
            "Copy the device's primary key once more, compare device id and hub name character by character, and check this computer's clock",
        ),
        (Dialect::AwsIotCore, Proof::Certificate) => Problem::new(
            "mqtt.login_refused",
            what,
            "The certificate is not active or has no policy, or the policy does not allow iot:Connect for this client id",
            "In the console see that the certificate is active and that its policy allows iot:Connect for this client id",
        ),
        (Dialect::AwsIotCore, _) => Problem::new(
            "mqtt.login_refused",
            what,
            "The key may not iot:Connect under this client id, the token of a temporary key has expired, or the clock is wrong",
            "Check the key's permissions, get a new temporary key, and check this computer's clock",
        ),
        (Dialect::Plain | Dialect::Proxy, Proof::Certificate) => Problem::new(
            "mqtt.login_refused",
            what,
            "The broker does not accept this certificate, or allows it under another client id only",
            "Check which CA the broker trusts and which client id belongs to the certificate",
        ),
        (Dialect::Plain | Dialect::Proxy, _) => Problem::new(
            "mqtt.login_refused",
            what,
            "User or password is wrong, or this client id is not allowed to this user",
            "Check user, password and client id",
        ),
    }
}

/// One value of each problem, for the page on which they are read together.
pub fn all_causes() -> Vec<Cause> {
    let (plain, hub, core) = (Dialect::Plain, Dialect::AzureIotHub, Dialect::AwsIotCore);
    let id = || "gw-07".to_owned();
    let token = Proof::Token { ends_unix_secs: 0 };
    let refused = |dialect, proof| Cause::LoginRefused { dialect, proof, client_id: id() };
    vec![
        Cause::TokenEnded { ago_secs: 240, clock_ahead_secs: None },
        Cause::TokenEnded { ago_secs: 240, clock_ahead_secs: Some(-3_700) },
        Cause::ClockWrong { dialect: core, ahead_secs: 400 },
        refused(hub, Proof::Certificate),
        refused(hub, token),
        refused(core, Proof::Certificate),
        refused(core, Proof::Signature),
        refused(plain, Proof::Certificate),
        refused(plain, Proof::Password),
        Cause::SubscribeDenied { dialect: core, filters: "#".into() },
        Cause::SubscribeDenied { dialect: plain, filters: "#".into() },
        Cause::ForeignFilter { dialect: hub, filter: "#".into() },
        Cause::ForeignFilter { dialect: core, filter: "$SYS/#".into() },
        Cause::TooManyFilters { dialect: hub, count: 6, limit: 5 },
        Cause::NeverAnswered { dialect: core },
        Cause::PublishQos { dialect: hub },
        Cause::PublishTooLong { dialect: core, bytes: 200_000, limit: 128 * 1024 },
        Cause::PublishDenied { dialect: hub, topic: "a".into() },
        Cause::PublishDenied { dialect: core, topic: "a".into() },
        Cause::PublishDenied { dialect: plain, topic: "a".into() },
        Cause::KeepAliveMissed { idle: Duration::from_secs(100), keep_alive: Duration::from_secs(30) },
        Cause::ClosedWhileIdle { dialect: hub, client_id: id() },
        Cause::ClosedOnConnect { dialect: plain },
        Cause::ClosedOnConnect { dialect: Dialect::Proxy },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000;
    const GOOD: Proof = Proof::Token { ends_unix_secs: NOW + 3_000 };

    fn end(dialect: Dialect, act: &Act) -> SilentEnd<'_> {
        SilentEnd {
            dialect,
            act,
            since: Duration::from_secs(1),
            proof: GOOD,
            client_id: "gw-07",
            keep_alive: Duration::from_secs(30),
            last_sent: Duration::from_secs(1),
            now_unix_secs: NOW,
            clock_ahead_secs: None,
        }
    }

    fn subscribe(filters: &[&str], qos: Qos) -> Act {
        let subscription = |filter: &&str| Subscription { filter: filter.parse().unwrap(), qos };
        Act::Subscribe(filters.iter().map(subscription).collect())
    }

    #[track_caller]
    fn check(end: &SilentEnd<'_>, code: &str, words: &str) {
        let problem = cause_of_end(end).explain();
        assert_eq!(problem.code, code);
        let text = format!("{}. {}", problem.what, problem.likely_cause);
        assert!(text.contains(words), "{text}");
    }

    #[test]
    fn an_ended_token_is_named_before_anything_else() {
        let mut end = end(Dialect::AzureIotHub, &Act::Idle);
        end.proof = Proof::Token { ends_unix_secs: NOW - 240 };
        check(&end, "mqtt.token_ended", "The token expired 4 min 00 s ago");
        end.clock_ahead_secs = Some(-4_000);
        check(&end, "mqtt.token_ended", "this computer's clock is 1 h 06 min behind");
        // By this clock it is good, by the hub's it is not.
        end.proof = GOOD;
        check(&end, "mqtt.token_ended", "expired 16 min ago");
    }

    #[test]
    fn a_wrong_clock_is_named_where_the_login_carries_the_time() {
        let mut signed = end(Dialect::AwsIotCore, &Act::Connect);
        signed.proof = Proof::Signature;
        signed.clock_ahead_secs = Some(200);
        check(&signed, "mqtt.clock_wrong", "3 min 20 s ahead");
        signed.clock_ahead_secs = Some(100);
        check(&signed, "mqtt.login_refused", "iot:Connect");
        signed.proof = Proof::Certificate;
        signed.clock_ahead_secs = Some(4_000);
        check(&signed, "mqtt.login_refused", "not active");
    }

    #[test]
    fn what_was_asked_for_last_is_what_ended_it() {
        let act = subscribe(&["devices/gw-07/messages/devicebound/#", "#"], Qos::AtMostOnce);
        check(&end(Dialect::AzureIotHub, &act), "mqtt.subscribe_foreign", "“#”");
        check(&end(Dialect::AwsIotCore, &act), "mqtt.subscribe_closed", "policy does not allow");
        check(&end(Dialect::AwsIotCore, &subscribe(&["$SYS/#"], Qos::AtMostOnce)), "mqtt.subscribe_foreign", "$SYS");
        let six = subscribe(&["$iothub/methods/POST/#"; 6], Qos::AtMostOnce);
        check(&end(Dialect::AzureIotHub, &six), "mqtt.subscribe_too_many", "5 at most");
        let publish = |topic: &str, qos, bytes| Act::Publish { topic: topic.into(), qos, bytes };
        let events = "devices/gw-07/messages/events/";
        check(&end(Dialect::AzureIotHub, &publish(events, Qos::ExactlyOnce, 1)), "mqtt.publish_closed_qos", "2");
        check(&end(Dialect::AzureIotHub, &publish(events, Qos::AtLeastOnce, 1)), "mqtt.closed", "gw-07");
        check(&end(Dialect::AzureIotHub, &publish("a", Qos::AtLeastOnce, 1)), "mqtt.publish_closed", "its own events");
        check(
            &end(Dialect::AwsIotCore, &publish("a", Qos::AtLeastOnce, 140_000)),
            "mqtt.publish_closed_length",
            "128 KB",
        );
        // Long after it, it was something else.
        let mut late = end(Dialect::AwsIotCore, &act);
        late.since = Duration::from_mins(1);
        check(&late, "mqtt.closed", "Another client");
        assert!(cause_of_end(&late).is_takeover());
        late.last_sent = Duration::from_mins(1);
        check(&late, "mqtt.keep_alive_missed", "60 s");
        late.keep_alive = Duration::ZERO;
        check(&late, "mqtt.closed", "Another client");
    }

    #[test]
    fn an_answer_that_never_comes_is_known_where_the_dialect_has_such() {
        let asked = subscribe(&["a"], Qos::ExactlyOnce);
        assert_eq!(
            cause_of_silence(Dialect::AwsIotCore, &asked).map(|c| c.explain().code),
            Some("mqtt.never_answered")
        );
        assert_eq!(cause_of_silence(Dialect::Plain, &asked), None);
        assert_eq!(cause_of_silence(Dialect::AwsIotCore, &subscribe(&["a"], Qos::AtLeastOnce)), None);
    }

    #[test]
    fn a_plain_broker_that_closes_at_once_may_want_something_else() {
        let mut plain = end(Dialect::Plain, &Act::Connect);
        plain.proof = Proof::Nothing;
        check(&plain, "mqtt.closed_on_connect", "something else than MQTT");
        plain.proof = Proof::Password;
        check(&plain, "mqtt.login_refused", "User or password");
    }
}
