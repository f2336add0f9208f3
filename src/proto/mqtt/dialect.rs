//! What a dialect allows, as data, and what a plan to connect asks against it: found before connecting, because the clouds say
//! nothing and close. Follows "Communicate with an IoT hub using the MQTT protocol", and "MQTT" and "AWS IoT Core quotas" of the
//! AWS IoT developer guide.

mod check;
mod fault;

use std::time::Duration;

pub use self::check::{Finding, check_message, check_plan, check_subscriptions_of};
pub use self::fault::{PlanFault, all_faults};
use crate::model::mqtt::message::{Qos, Subscription};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::mqtt::url::Scheme;
use crate::model::mqtt::{Dialect, MqttVersion};
use crate::model::problem::{Explain as _, Problem};

/// What a dialect allows. `None` where it sets no limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Versions spoken.
    pub versions: &'static [MqttVersion],
    /// Schemes that lead to it.
    pub schemes: &'static [Scheme],
    /// The highest quality of service.
    pub max_qos: Qos,
    /// Filters in one SUBSCRIBE.
    pub max_filters_per_subscribe: Option<usize>,
    /// Subscriptions of one connection.
    pub max_subscriptions: Option<usize>,
    /// Slashes in a topic or filter.
    pub max_slashes: Option<usize>,
    /// Bytes of a client id.
    pub max_client_id_bytes: Option<usize>,
    /// Bytes of a payload.
    pub max_payload_bytes: Option<usize>,
    /// The longest keep-alive.
    pub max_keep_alive: Option<Duration>,
    /// Whether a filter with wildcards brings the messages that the broker keeps.
    pub wildcards_bring_retained: bool,
    /// Whether `a/#` means `a` as well.
    pub hash_means_parent: bool,
    /// Whether one client can watch what another publishes.
    pub can_watch_others: bool,
    /// Whether it has topics below `$SYS`.
    pub has_sys_topics: bool,
    /// Whether messages can be kept for those who come later.
    pub keeps_retained: bool,
}

const BOTH: &[MqttVersion] = &[MqttVersion::V311, MqttVersion::V5];
const ANY_SCHEME: &[Scheme] = &[Scheme::Mqtt, Scheme::Mqtts, Scheme::Ws, Scheme::Wss];

/// Any broker that keeps to the standard.
const PLAIN: Limits = Limits {
    versions: BOTH,
    schemes: ANY_SCHEME,
    max_qos: Qos::ExactlyOnce,
    max_filters_per_subscribe: None,
    max_subscriptions: None,
    max_slashes: None,
    max_client_id_bytes: None,
    max_payload_bytes: None,
    max_keep_alive: None,
    wildcards_bring_retained: true,
    hash_means_parent: true,
    can_watch_others: true,
    has_sys_topics: true,
    keeps_retained: true,
};

const IOT_HUB: Limits = Limits {
    versions: &[MqttVersion::V311],
    schemes: &[Scheme::Mqtts, Scheme::Wss],
    max_qos: Qos::AtLeastOnce,
    max_filters_per_subscribe: None,
    max_subscriptions: Some(5),
    max_slashes: None,
    // A device id has 128 characters, a module's has both and a slash.
    max_client_id_bytes: Some(257),
    max_payload_bytes: Some(256 * 1024),
    max_keep_alive: Some(Duration::from_secs(1177)),
    wildcards_bring_retained: false,
    hash_means_parent: true,
    can_watch_others: false,
    has_sys_topics: false,
    keeps_retained: false,
};

const IOT_CORE: Limits = Limits {
    versions: BOTH,
    schemes: &[Scheme::Mqtts, Scheme::Wss],
    max_qos: Qos::AtLeastOnce,
    max_filters_per_subscribe: Some(8),
    max_subscriptions: Some(50),
    max_slashes: Some(7),
    max_client_id_bytes: Some(128),
    max_payload_bytes: Some(128 * 1024),
    max_keep_alive: Some(Duration::from_mins(20)),
    wildcards_bring_retained: false,
    hash_means_parent: false,
    can_watch_others: true,
    has_sys_topics: false,
    keeps_retained: true,
};

/// A proxy in a private network: what lies behind it may allow less, and need not say so.
const PROXY: Limits = Limits {
    versions: &[MqttVersion::V311],
    schemes: &[Scheme::Mqtt, Scheme::Mqtts],
    max_qos: Qos::AtLeastOnce,
    max_payload_bytes: Some(128 * 1024),
    wildcards_bring_retained: false,
    has_sys_topics: false,
    ..PLAIN
};

/// What a dialect allows.
pub const fn limits(dialect: Dialect) -> &'static Limits {
    match dialect {
        Dialect::Plain => &PLAIN,
        Dialect::AzureIotHub => &IOT_HUB,
        Dialect::AwsIotCore => &IOT_CORE,
        Dialect::Proxy => &PROXY,
    }
}

/// How people call whoever speaks a dialect.
pub const fn label(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Plain => "The broker",
        Dialect::AzureIotHub => "Azure IoT Hub",
        Dialect::AwsIotCore => "AWS IoT Core",
        Dialect::Proxy => "The proxy",
    }
}

/// How a login is usually done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsualLogin {
    /// Not at all, or by user and password.
    PasswordOrNone,
    /// By a token made from a key, or a certificate.
    TokenOrCertificate,
    /// By a certificate, or a signature in the address.
    CertificateOrSignature,
    /// By the SIM: nothing is sent.
    Sim,
}

/// The usual way to a broker of a dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usual {
    /// What carries MQTT.
    pub scheme: Scheme,
    /// The port.
    pub port: u16,
    /// What the host looks like.
    pub host_example: &'static str,
    /// The path of a WebSocket.
    pub websocket_path: &'static str,
    /// Protocol to offer in the handshake on port 443 without a WebSocket.
    pub alpn_on_443: Option<&'static str>,
    /// The version.
    pub version: MqttVersion,
    /// How one logs in.
    pub login: UsualLogin,
}

/// The usual way to a broker of a dialect.
pub const fn usual(dialect: Dialect) -> Usual {
    let plain = Usual {
        scheme: Scheme::Mqtt,
        port: 1883,
        host_example: "192.168.1.10",
        websocket_path: "/mqtt",
        alpn_on_443: None,
        version: MqttVersion::V311,
        login: UsualLogin::PasswordOrNone,
    };
    match dialect {
        Dialect::Plain => plain,
        Dialect::AzureIotHub => Usual {
            scheme: Scheme::Mqtts,
            port: 8883,
            host_example: "my-hub.azure-devices.net",
            websocket_path: "/$iothub/websocket?iothub-no-client-cert=true",
            login: UsualLogin::TokenOrCertificate,
            ..plain
        },
        Dialect::AwsIotCore => Usual {
            scheme: Scheme::Mqtts,
            port: 8883,
            host_example: "abc123-ats.iot.eu-central-1.amazonaws.com",
            alpn_on_443: Some("x-amzn-mqtt-ca"),
            login: UsualLogin::CertificateOrSignature,
            ..plain
        },
        Dialect::Proxy => Usual { host_example: "10.1.2.3", login: UsualLogin::Sim, ..plain },
    }
}

/// What to subscribe to at the start. `profile` has the filters of the profile; `client_id` is the name to connect with.
///
/// Never `#` together with `$SYS/#`: one cloud drops the session for it, and for another it means nothing.
pub fn default_subscriptions(dialect: Dialect, client_id: &str, profile: &[TopicFilter]) -> Vec<Subscription> {
    let own = |qos: Qos, filters: &[String]| -> Vec<Subscription> {
        let filters = filters.iter().filter_map(|filter| filter.parse().ok());
        filters.map(|filter| Subscription { filter, qos }).collect()
    };
    match dialect {
        // What others send cannot be had here, whatever the profile hopes for.
        Dialect::AzureIotHub => own(
            Qos::AtLeastOnce,
            &[
                format!("devices/{}/messages/devicebound/#", device_topic(client_id)),
                "$iothub/twin/res/#".into(),
                "$iothub/twin/PATCH/properties/desired/#".into(),
                "$iothub/methods/POST/#".into(),
            ],
        ),
        _ if !profile.is_empty() => {
            profile.iter().map(|filter| Subscription { filter: filter.clone(), qos: Qos::AtMostOnce }).collect()
        }
        Dialect::Plain | Dialect::AwsIotCore | Dialect::Proxy => own(Qos::AtMostOnce, &["#".into()]),
    }
}

/// Filters worth adding by hand, with what they bring.
pub fn extra_filters(dialect: Dialect) -> &'static [(&'static str, &'static str)] {
    match dialect {
        Dialect::Plain => &[("$SYS/#", "The broker's own state")],
        Dialect::AzureIotHub | Dialect::Proxy => &[],
        Dialect::AwsIotCore => &[
            ("$aws/events/presence/#", "Which clients come and go, and why; needs a permission of its own"),
            ("$aws/things/+/shadow/#", "The shadows of all things; needs a permission of its own"),
        ],
    }
}

/// `gw` of `gw`, `gw/modules/m` of `gw/m`: how a client id stands in the hub's topics.
pub(super) fn device_topic(client_id: &str) -> String {
    match client_id.split_once('/') {
        Some((device, module)) => format!("{device}/modules/{module}"),
        None => client_id.to_owned(),
    }
}

/// Why telemetry cannot be watched over MQTT with this dialect, and what to do instead; `None` where it can.
pub fn cannot_watch(dialect: Dialect) -> Option<Problem> {
    (!limits(dialect).can_watch_others).then(|| PlanFault::CannotWatch.explain())
}

/// Whether a device may subscribe to it at an IoT Hub, or at its provisioning service.
pub fn is_iot_hub_filter(filter: &str, client_id: &str) -> bool {
    let fixed = [
        "$iothub/twin/res/#",
        "$iothub/twin/PATCH/properties/desired/#",
        "$iothub/methods/POST/#",
        "$dps/registrations/res/#",
    ];
    let own = device_topic(client_id);
    let rest = filter.strip_prefix("devices/").and_then(|rest| rest.strip_prefix(own.as_str()));
    fixed.contains(&filter)
        || matches!(rest, Some("/messages/devicebound/#" | "/inputs/#"))
        || (filter.starts_with("$iothub/twin/PATCH/properties/desired/") && !filter.contains('+'))
}

/// Whether a device may publish on it at an IoT Hub, or at its provisioning service.
pub fn is_iot_hub_topic(topic: &str, client_id: &str) -> bool {
    let own = device_topic(client_id);
    let rest = topic.strip_prefix("devices/").and_then(|rest| rest.strip_prefix(own.as_str()));
    let prefixes = [
        "$iothub/twin/GET/",
        "$iothub/twin/PATCH/properties/reported/",
        "$iothub/methods/res/",
        "$dps/registrations/PUT/",
        "$dps/registrations/GET/",
    ];
    rest.is_some_and(|rest| rest.starts_with("/messages/events"))
        || prefixes.iter().any(|start| topic.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::mqtt::connect::{ConnectPlan, Login};
    use crate::model::mqtt::message::Outgoing;
    use crate::model::secret::Secret;

    fn plan(dialect: Dialect, url: &str) -> ConnectPlan {
        let mut plan = ConnectPlan::new(url.parse().unwrap(), "gw-07");
        plan.dialect = dialect;
        plan.login = Login::Password { username: "u".into(), password: Some(Secret::new("p".into())) };
        plan
    }

    fn subscription(filter: &str, qos: Qos) -> Subscription {
        Subscription { filter: filter.parse().unwrap(), qos }
    }

    #[track_caller]
    fn check(plan: &ConnectPlan, expected: &[(&str, bool)]) {
        let found = check_plan(plan);
        let found: Vec<_> = found.iter().map(|finding| (finding.problem.code, finding.is_refusal)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_a_dialect_proposes_keeps_to_its_rules() {
        for (dialect, url) in [
            (Dialect::Plain, "mqtt://h"),
            (Dialect::AzureIotHub, "mqtts://h"),
            (Dialect::AwsIotCore, "mqtts://h"),
            (Dialect::Proxy, "mqtt://h"),
        ] {
            let mut plan = plan(dialect, url);
            plan.subscriptions = default_subscriptions(dialect, &plan.client_id, &[]);
            assert!(!plan.subscriptions.is_empty());
            assert!(check_plan(&plan).iter().all(|finding| !finding.is_refusal), "{dialect}");
            let filters: Vec<_> = plan.subscriptions.iter().map(|s| s.filter.as_str()).collect();
            assert!(!(filters.contains(&"#") && filters.contains(&"$SYS/#")), "{dialect}");
        }
        let own = default_subscriptions(Dialect::Plain, "x", &["site/+/t".parse().unwrap()]);
        assert_eq!(own[0].filter.as_str(), "site/+/t");
    }

    #[test]
    fn an_iot_hub_takes_little() {
        let mut plan = plan(Dialect::AzureIotHub, "mqtts://h");
        check(&plan, &[("mqtt.cannot_watch", false)]);
        plan.subscriptions = vec![
            subscription("devices/gw-07/messages/devicebound/#", Qos::ExactlyOnce),
            subscription("devices/gw-08/messages/devicebound/#", Qos::AtMostOnce),
            subscription("#", Qos::AtMostOnce),
        ];
        plan.version = MqttVersion::V5;
        plan.keep_alive = Duration::from_secs(1178);
        check(
            &plan,
            &[
                ("mqtt.dialect_version", true),
                ("mqtt.foreign_filter", true),
                ("mqtt.foreign_filter", true),
                ("mqtt.cannot_watch", false),
                ("mqtt.dialect_keep_alive", false),
            ],
        );
        let mut plain = super::tests::plan(Dialect::AzureIotHub, "ws://h/mqtt");
        plain.login = Login::None;
        check(&plain, &[("mqtt.dialect_scheme", true), ("mqtt.dialect_no_login", false), ("mqtt.cannot_watch", false)]);
        let six = vec![subscription("$iothub/methods/POST/#", Qos::AtMostOnce); 6];
        let found = check_subscriptions_of(Dialect::AzureIotHub, "gw-07", &six);
        assert_eq!(found[0].problem.code, "mqtt.dialect_subscriptions");
        assert!(is_iot_hub_filter("devices/gw/modules/edge/inputs/#", "gw/edge"));
    }

    #[test]
    fn aws_has_limits_of_its_own() {
        let mut plan = plan(Dialect::AwsIotCore, "mqtts://h:443");
        plan.client_id = "x".repeat(129);
        plan.subscriptions =
            vec![subscription("$SYS/#", Qos::AtMostOnce), subscription("a/b/c/d/e/f/g/h/#", Qos::ExactlyOnce)];
        check(
            &plan,
            &[
                ("mqtt.no_sys_topics", true),
                ("mqtt.dialect_qos", true),
                ("mqtt.dialect_levels", true),
                ("mqtt.dialect_client_id", true),
                ("mqtt.no_alpn", false),
                ("mqtt.no_retained_by_wildcard", false),
            ],
        );
        let shadow = [subscription("$aws/things/gw-07/shadow/name/config/update/accepted", Qos::AtMostOnce)];
        assert_eq!(check_subscriptions_of(Dialect::AwsIotCore, "x", &shadow), []);
        let many = vec![subscription("a/b", Qos::AtMostOnce); 51];
        assert_eq!(check_subscriptions_of(Dialect::AwsIotCore, "x", &many).len(), 1);
    }

    #[test]
    fn messages_are_checked_before_they_end_a_session() {
        let codes = |dialect, message: &Outgoing| -> Vec<_> {
            check_message(dialect, "gw-07", message).iter().map(|finding| finding.problem.code).collect()
        };
        let message = |topic: &str, qos, bytes, is_retained| Outgoing {
            topic: topic.into(),
            payload: vec![0; bytes],
            qos,
            is_retained,
            ..Outgoing::default()
        };
        let own = message("devices/gw-07/messages/events/", Qos::AtLeastOnce, 10, false);
        assert_eq!(codes(Dialect::AzureIotHub, &own), [""; 0]);
        let bad = message("site/pump", Qos::ExactlyOnce, 300_000, true);
        assert_eq!(
            codes(Dialect::AzureIotHub, &bad),
            ["mqtt.foreign_topic", "mqtt.dialect_publish_qos", "mqtt.dialect_payload", "mqtt.not_retained"]
        );
        assert_eq!(codes(Dialect::AwsIotCore, &bad), ["mqtt.dialect_publish_qos", "mqtt.dialect_payload"]);
        assert_eq!(codes(Dialect::Plain, &bad), [""; 0]);
    }

    #[test]
    fn a_host_tells_its_dialect() {
        assert_eq!(Dialect::of_host("Site.Azure-Devices.net"), Some(Dialect::AzureIotHub));
        assert_eq!(Dialect::of_host("abc-ats.iot.eu-central-1.amazonaws.com"), Some(Dialect::AwsIotCore));
        assert_eq!(Dialect::of_host("s3.amazonaws.com"), None);
        assert_eq!(Dialect::of_host("broker.example"), None);
    }

    #[test]
    fn only_a_hub_hides_what_others_send() {
        assert_eq!(cannot_watch(Dialect::AzureIotHub).map(|problem| problem.code), Some("mqtt.cannot_watch"));
        assert_eq!(cannot_watch(Dialect::AwsIotCore), None);
    }
}
