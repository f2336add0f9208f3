//! What a dialect allows, as data, and what a plan to connect asks against it: found before connecting, because the clouds say
//! nothing and close. Follows "Communicate with an IoT hub using the MQTT protocol", and "MQTT" and "AWS IoT Core quotas" of the
//! AWS IoT developer guide.

use std::time::Duration;

use crate::model::mqtt::connect::{ConnectPlan, Login};
use crate::model::mqtt::message::{Outgoing, Qos, Subscription};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::mqtt::url::{BrokerUrl, Scheme};
use crate::model::mqtt::{Dialect, MqttVersion};
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

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
        Dialect::Plain => &[("$SYS/#", "What the broker says of itself")],
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

/// Something about a plan that the dialect does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanFault {
    /// An IoT Hub shows no client what another sends.
    #[error("telemetry cannot be watched here")]
    CannotWatch,
    /// The version is not spoken.
    #[error("the version is not spoken")]
    Version {
        /// Whose rule it is.
        dialect: Dialect,
    },
    /// The scheme leads nowhere.
    #[error("{scheme} is not taken")]
    Scheme {
        /// Whose rule it is.
        dialect: Dialect,
        /// What was asked for.
        scheme: Scheme,
    },
    /// A filter asks for a quality of service that is never granted.
    #[error("quality of service 2 is not served")]
    SubscribeQos {
        /// Whose rule it is.
        dialect: Dialect,
        /// The filter.
        filter: String,
    },
    /// More subscriptions than allowed.
    #[error("{count} subscriptions")]
    TooManySubscriptions {
        /// Whose rule it is.
        dialect: Dialect,
        /// How many there are.
        count: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// A filter that is not this device's.
    #[error("foreign filter {filter}")]
    ForeignFilter {
        /// The filter.
        filter: String,
    },
    /// A filter of topics that do not exist here, and for which the session is dropped.
    #[error("no such topics: {filter}")]
    SysTopics {
        /// Whose rule it is.
        dialect: Dialect,
        /// The filter.
        filter: String,
    },
    /// A topic with too many levels.
    #[error("too many levels")]
    TooManySlashes {
        /// Whose rule it is.
        dialect: Dialect,
        /// The filter or topic.
        topic: String,
        /// How many slashes are allowed.
        limit: usize,
    },
    /// A wildcard that does not bring what the broker keeps.
    #[error("wildcards bring no retained messages")]
    NoRetainedByWildcard {
        /// Whose rule it is.
        dialect: Dialect,
        /// The filter.
        filter: String,
    },
    /// The client id is too long.
    #[error("client id of {bytes} bytes")]
    LongClientId {
        /// Whose rule it is.
        dialect: Dialect,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The keep-alive is too long.
    #[error("keep-alive of {} s", asked.as_secs())]
    LongKeepAlive {
        /// Whose rule it is.
        dialect: Dialect,
        /// How long it is.
        asked: Duration,
        /// How long it may be.
        limit: Duration,
    },
    /// The client id is not the device's.
    #[error("client id and device differ")]
    ClientIdIsNotDevice {
        /// The device.
        device: String,
        /// The client id.
        client_id: String,
    },
    /// There is nothing to log in with.
    #[error("no login")]
    NoLogin {
        /// Whose rule it is.
        dialect: Dialect,
    },
    /// The path of the WebSocket is not the cloud's.
    #[error("path {path}")]
    WebSocketPath {
        /// Whose rule it is.
        dialect: Dialect,
        /// What was asked for.
        path: String,
        /// What is wanted.
        wanted: &'static str,
    },
    /// Port 443 needs a word in the handshake.
    #[error("no ALPN on port 443")]
    NoAlpn {
        /// The word.
        wanted: &'static str,
    },
    /// A signature in the address works over WSS alone.
    #[error("signature without WebSocket")]
    SignatureWithoutWebSocket,
    /// A message asks for a quality of service that ends the session.
    #[error("publish with quality of service 2")]
    PublishQos {
        /// Whose rule it is.
        dialect: Dialect,
    },
    /// A payload is too long.
    #[error("payload of {bytes} bytes")]
    LongPayload {
        /// Whose rule it is.
        dialect: Dialect,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A message asks to be kept where nothing is.
    #[error("nothing is retained")]
    NotRetained {
        /// Whose rule it is.
        dialect: Dialect,
    },
    /// A device may publish on its own topics only.
    #[error("foreign topic {topic}")]
    ForeignTopic {
        /// The topic.
        topic: String,
    },
}

impl PlanFault {
    /// Whether going on makes no sense: the broker would refuse, or close without a word.
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::Version { .. }
            | Self::Scheme { .. }
            | Self::SubscribeQos { .. }
            | Self::TooManySubscriptions { .. }
            | Self::ForeignFilter { .. }
            | Self::SysTopics { .. }
            | Self::TooManySlashes { .. }
            | Self::LongClientId { .. }
            | Self::ClientIdIsNotDevice { .. }
            | Self::SignatureWithoutWebSocket
            | Self::PublishQos { .. }
            | Self::LongPayload { .. }
            | Self::ForeignTopic { .. } => true,
            Self::CannotWatch
            | Self::NoRetainedByWildcard { .. }
            | Self::LongKeepAlive { .. }
            | Self::NoLogin { .. }
            | Self::WebSocketPath { .. }
            | Self::NoAlpn { .. }
            | Self::NotRetained { .. } => false,
        }
    }
}

impl Explain for PlanFault {
    fn explain(&self) -> Problem {
        match self {
            Self::CannotWatch => Problem::new(
                "mqtt.cannot_watch",
                "Azure IoT Hub doesn't show other devices' telemetry over MQTT",
                "A hub forwards telemetry to its Event Hubs endpoint; over MQTT a client gets only its own messages",
                "Start the bench broker and point the gateway at it, or read the hub's built-in endpoint with the vendor's tools",
            ),
            Self::Version { dialect } => Problem::new(
                "mqtt.dialect_version",
                format!("{} doesn't support standard MQTT 5", label(*dialect)),
                "Devices connect to it with MQTT 3.1.1",
                "Choose MQTT 3.1.1",
            ),
            Self::Scheme { dialect, scheme } => Problem::new(
                "mqtt.dialect_scheme",
                format!("{} isn't available over {scheme}", label(*dialect)),
                if scheme.is_tls() {
                    "It has no WebSocket"
                } else {
                    "It accepts encrypted connections only: port 1883 is closed"
                },
                if scheme.is_tls() {
                    "Use mqtts on port 8883 or mqtt on port 1883"
                } else {
                    "Use mqtts on port 8883, or wss on port 443"
                },
            ),
            Self::SubscribeQos { dialect, filter } => Problem::new(
                "mqtt.dialect_qos",
                format!("“{}” asks for quality of service 2", visible(filter, 200)),
                format!(
                    "{} has no quality of service 2 and never answers such a request: it looks as if it hung",
                    label(*dialect)
                ),
                "Subscribe with quality of service 0 or 1",
            ),
            Self::TooManySubscriptions { dialect, count, limit } => Problem::new(
                "mqtt.dialect_subscriptions",
                format!("{count} subscriptions are too many"),
                format!("{} takes {limit} from one connection and refuses more, or disconnects", label(*dialect)),
                "Remove some of the filters",
            ),
            Self::ForeignFilter { filter } => Problem::new(
                "mqtt.foreign_filter",
                format!("“{}” cannot be subscribed to at Azure IoT Hub", visible(filter, 200)),
                "A device may subscribe to its own messages, twin and methods, and to nothing else; for any other filter the hub closes the connection",
                "Use the filters Linesman proposes for the hub; to see what a gateway sends, use the bench broker",
            ),
            Self::SysTopics { dialect, filter } => Problem::new(
                "mqtt.no_sys_topics",
                format!("“{}” means nothing here", visible(filter, 200)),
                format!("{} has no topics below $SYS and closes the connection when asked for them", label(*dialect)),
                "Remove that filter",
            ),
            Self::TooManySlashes { dialect, topic, limit } => Problem::new(
                "mqtt.dialect_levels",
                format!("“{}” has too many levels", visible(topic, 200)),
                format!("{} takes {limit} slashes in a topic, and closes the connection for more", label(*dialect)),
                "Shorten it, or put # where the rest begins",
            ),
            Self::NoRetainedByWildcard { dialect, filter } => Problem::new(
                "mqtt.no_retained_by_wildcard",
                format!("“{}” brings no retained messages", visible(filter, 200)),
                format!(
                    "{} delivers a retained message only to a subscription that names its topic exactly",
                    label(*dialect)
                ),
                "To see a retained message, subscribe to its exact topic",
            ),
            Self::LongClientId { dialect, bytes, limit } => Problem::new(
                "mqtt.dialect_client_id",
                format!("The client id has {bytes} bytes"),
                format!("{} takes {limit} at most", label(*dialect)),
                "Shorten the client id",
            ),
            Self::LongKeepAlive { dialect, asked, limit } => Problem::new(
                "mqtt.dialect_keep_alive",
                format!("A keep-alive of {} s is too long", asked.as_secs()),
                format!("{} takes {} s at most, and uses less or refuses otherwise", label(*dialect), limit.as_secs()),
                format!("Set {} s or less", limit.as_secs()),
            ),
            Self::ClientIdIsNotDevice { device, client_id } => Problem::new(
                "mqtt.client_id_is_not_device",
                format!("The client id “{}” is not the device “{}”", visible(client_id, 130), visible(device, 130)),
                "Azure IoT Hub accepts a device only under its own ID; upper and lower case count",
                "Use the device id as client id",
            ),
            Self::NoLogin { dialect } => Problem::new(
                "mqtt.dialect_no_login",
                format!("{} requires a login", label(*dialect)),
                match dialect {
                    Dialect::AzureIotHub => "A device logs in with a token or a client certificate",
                    _ => "A client logs in with a certificate, or a signed WebSocket address",
                },
                "Enter a key, a token or a client certificate with its key",
            ),
            Self::WebSocketPath { dialect, path, wanted } => Problem::new(
                "mqtt.dialect_path",
                format!("The path “{}” doesn't exist", visible(path, 100)),
                format!("{} answers MQTT over WebSocket at {wanted} only", label(*dialect)),
                format!("Write the address with {wanted} at its end"),
            ),
            Self::NoAlpn { wanted } => Problem::new(
                "mqtt.no_alpn",
                "Port 443 of AWS IoT Core will not speak MQTT",
                format!("On that port the handshake has to ask for {wanted}; without it the port speaks HTTPS"),
                format!("Add {wanted} as ALPN protocol, or use port 8883"),
            ),
            Self::SignatureWithoutWebSocket => Problem::new(
                "mqtt.signature_needs_websocket",
                "A signature needs a WebSocket",
                "AWS IoT Core reads Signature Version 4 from the address of a WebSocket, and nowhere else",
                "Write the address with wss, or log in with a certificate",
            ),
            Self::PublishQos { dialect } => Problem::new(
                "mqtt.dialect_publish_qos",
                "The message asks for quality of service 2",
                match dialect {
                    Dialect::AwsIotCore => {
                        format!("{} never answers such a message: it looks as if it hung", label(*dialect))
                    }
                    _ => format!("{} closes the connection for it", label(*dialect)),
                },
                "Publish with quality of service 0 or 1",
            ),
            Self::LongPayload { dialect, bytes, limit } => Problem::new(
                "mqtt.dialect_payload",
                format!("The message has {bytes} bytes"),
                format!("{} takes {} KB at most, and closes the connection for more", label(*dialect), limit / 1024),
                "Send less at once",
            ),
            Self::NotRetained { dialect } => Problem::new(
                "mqtt.not_retained",
                "The message won't be retained",
                format!("{} has no retained messages: it turns the flag into a property", label(*dialect)),
                "Send it without “Retain”",
            ),
            Self::ForeignTopic { topic } => Problem::new(
                "mqtt.foreign_topic",
                format!("“{}” cannot be published at Azure IoT Hub", visible(topic, 200)),
                "A device may send its own messages, twin requests and answers to methods; for any other topic the hub closes the connection",
                "Use devices/DEVICE/messages/events/ with the id of this device",
            ),
        }
    }
}

/// Something found in a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Whether going on makes no sense.
    pub is_refusal: bool,
    /// What it is.
    pub problem: Problem,
}

impl From<PlanFault> for Finding {
    fn from(fault: PlanFault) -> Self {
        Self { is_refusal: fault.is_refusal(), problem: fault.explain() }
    }
}

/// What a dialect will not take of a plan, the refusals first.
pub fn check_plan(plan: &ConnectPlan) -> Vec<Finding> {
    let mut faults = Vec::new();
    let limits = limits(plan.dialect);
    check_way(plan, limits, &mut faults);
    check_login(plan, &mut faults);
    check_subscriptions(plan, limits, &mut faults);
    let dialect = plan.dialect;
    if let Some(limit) = limits.max_client_id_bytes.filter(|limit| plan.client_id.len() > *limit) {
        faults.push(PlanFault::LongClientId { dialect, bytes: plan.client_id.len(), limit });
    }
    if let Some(limit) = limits.max_keep_alive.filter(|limit| plan.keep_alive > *limit) {
        faults.push(PlanFault::LongKeepAlive { dialect, asked: plan.keep_alive, limit });
    }
    if let Some(will) = &plan.will {
        faults.extend(message_faults(dialect, &plan.client_id, will));
    }
    let mut findings: Vec<Finding> = faults.into_iter().map(Finding::from).collect();
    findings.sort_by_key(|finding| !finding.is_refusal);
    findings
}

fn check_way(plan: &ConnectPlan, limits: &Limits, faults: &mut Vec<PlanFault>) {
    let (dialect, BrokerUrl { scheme, port, path, .. }) = (plan.dialect, &plan.url);
    if !limits.versions.contains(&plan.version) {
        faults.push(PlanFault::Version { dialect });
    }
    if !limits.schemes.contains(scheme) {
        faults.push(PlanFault::Scheme { dialect, scheme: *scheme });
    }
    let wanted = match dialect {
        Dialect::AzureIotHub => "/$iothub/websocket",
        Dialect::AwsIotCore => "/mqtt",
        Dialect::Plain | Dialect::Proxy => return,
    };
    if *scheme == Scheme::Wss && path.split('?').next() != Some(wanted) {
        faults.push(PlanFault::WebSocketPath { dialect, path: path.clone(), wanted });
    }
    let needed = usual(dialect).alpn_on_443.filter(|_| *scheme == Scheme::Mqtts && *port == 443);
    if let Some(wanted) = needed.filter(|_| plan.tls.alpn.is_empty()) {
        faults.push(PlanFault::NoAlpn { wanted });
    }
}

fn check_login(plan: &ConnectPlan, faults: &mut Vec<PlanFault>) {
    let dialect = plan.dialect;
    match &plan.login {
        Login::SharedAccess { device, .. } if *device != plan.client_id => {
            faults.push(PlanFault::ClientIdIsNotDevice { device: device.clone(), client_id: plan.client_id.clone() });
        }
        Login::SignatureV4 { .. } if plan.url.scheme != Scheme::Wss => {
            faults.push(PlanFault::SignatureWithoutWebSocket);
        }
        // An IoT Hub wants the user name even with a certificate.
        Login::None if plan.tls.identity.is_none() && matches!(dialect, Dialect::AzureIotHub | Dialect::AwsIotCore) => {
            faults.push(PlanFault::NoLogin { dialect });
        }
        _ => {}
    }
}

fn check_subscriptions(plan: &ConnectPlan, limits: &Limits, faults: &mut Vec<PlanFault>) {
    if !limits.can_watch_others {
        faults.push(PlanFault::CannotWatch);
    }
    faults.extend(subscription_faults(plan.dialect, &plan.client_id, &plan.subscriptions));
}

/// What a dialect will not take of subscriptions.
pub fn check_subscriptions_of(dialect: Dialect, client_id: &str, subscriptions: &[Subscription]) -> Vec<Finding> {
    subscription_faults(dialect, client_id, subscriptions).into_iter().map(Finding::from).collect()
}

fn subscription_faults(dialect: Dialect, client_id: &str, subscriptions: &[Subscription]) -> Vec<PlanFault> {
    let limits = limits(dialect);
    let mut faults = Vec::new();
    let count = subscriptions.len();
    if let Some(limit) = limits.max_subscriptions.filter(|limit| count > *limit) {
        faults.push(PlanFault::TooManySubscriptions { dialect, count, limit });
    }
    for Subscription { filter, qos } in subscriptions {
        let text = filter.as_str();
        let shown = || text.to_owned();
        let is_foreign = dialect == Dialect::AzureIotHub && !is_iot_hub_filter(text, client_id);
        if is_foreign {
            faults.push(PlanFault::ForeignFilter { filter: shown() });
        } else if !limits.has_sys_topics && (text == "$SYS" || text.starts_with("$SYS/")) {
            faults.push(PlanFault::SysTopics { dialect, filter: shown() });
        }
        // An IoT Hub grants 1 where 2 is asked for: nothing is lost.
        if *qos > limits.max_qos && dialect == Dialect::AwsIotCore {
            faults.push(PlanFault::SubscribeQos { dialect, filter: shown() });
        }
        if let Some(limit) = limits.max_slashes.filter(|limit| slashes(text) > *limit) {
            faults.push(PlanFault::TooManySlashes { dialect, topic: shown(), limit });
        }
    }
    let wildcard = subscriptions.iter().find(|subscription| !subscription.filter.is_exact());
    if let Some(wildcard) = wildcard.filter(|_| limits.keeps_retained && !limits.wildcards_bring_retained) {
        faults.push(PlanFault::NoRetainedByWildcard { dialect, filter: wildcard.filter.as_str().to_owned() });
    }
    faults
}

/// What a dialect will not take of a message.
pub fn check_message(dialect: Dialect, client_id: &str, message: &Outgoing) -> Vec<Finding> {
    message_faults(dialect, client_id, message).into_iter().map(Finding::from).collect()
}

fn message_faults(dialect: Dialect, client_id: &str, message: &Outgoing) -> Vec<PlanFault> {
    let limits = limits(dialect);
    let mut faults = Vec::new();
    if dialect == Dialect::AzureIotHub && !is_iot_hub_topic(&message.topic, client_id) {
        faults.push(PlanFault::ForeignTopic { topic: message.topic.clone() });
    }
    if message.qos > limits.max_qos {
        faults.push(PlanFault::PublishQos { dialect });
    }
    if let Some(limit) = limits.max_payload_bytes.filter(|limit| message.payload.len() > *limit) {
        faults.push(PlanFault::LongPayload { dialect, bytes: message.payload.len(), limit });
    }
    if let Some(limit) = limits.max_slashes.filter(|limit| slashes(&message.topic) > *limit) {
        faults.push(PlanFault::TooManySlashes { dialect, topic: message.topic.clone(), limit });
    }
    if message.is_retained && !limits.keeps_retained {
        faults.push(PlanFault::NotRetained { dialect });
    }
    faults
}

/// Slashes that count: those of a reserved prefix (`$aws/rules/NAME/`, `$share/GROUP/`) do not.
fn slashes(topic: &str) -> usize {
    let count = topic.bytes().filter(|byte| *byte == b'/').count();
    let reserved = if topic.starts_with("$aws/rules/") {
        3
    } else if topic.starts_with("$share/") {
        2
    } else if topic.starts_with("$aws/") {
        // Reserved topics are longer than the rule and allowed all the same.
        count
    } else {
        0
    };
    count.saturating_sub(reserved)
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

/// One value of each problem, for the page on which they are read together.
pub fn all_faults() -> Vec<PlanFault> {
    let hub = Dialect::AzureIotHub;
    let core = Dialect::AwsIotCore;
    let filter = || "site/#".to_owned();
    vec![
        PlanFault::CannotWatch,
        PlanFault::Version { dialect: hub },
        PlanFault::Scheme { dialect: hub, scheme: Scheme::Mqtt },
        PlanFault::Scheme { dialect: Dialect::Proxy, scheme: Scheme::Wss },
        PlanFault::SubscribeQos { dialect: core, filter: filter() },
        PlanFault::TooManySubscriptions { dialect: hub, count: 6, limit: 5 },
        PlanFault::ForeignFilter { filter: filter() },
        PlanFault::SysTopics { dialect: core, filter: "$SYS/#".into() },
        PlanFault::TooManySlashes { dialect: core, topic: "a/b/c/d/e/f/g/h/i".into(), limit: 7 },
        PlanFault::NoRetainedByWildcard { dialect: core, filter: filter() },
        PlanFault::LongClientId { dialect: core, bytes: 200, limit: 128 },
        PlanFault::LongKeepAlive { dialect: hub, asked: Duration::from_hours(1), limit: Duration::from_secs(1177) },
        PlanFault::ClientIdIsNotDevice { device: "gw-07".into(), client_id: "observer".into() },
        PlanFault::NoLogin { dialect: hub },
        PlanFault::NoLogin { dialect: core },
        PlanFault::WebSocketPath { dialect: hub, path: "/mqtt".into(), wanted: "/$iothub/websocket" },
        PlanFault::NoAlpn { wanted: "x-amzn-mqtt-ca" },
        PlanFault::SignatureWithoutWebSocket,
        PlanFault::PublishQos { dialect: hub },
        PlanFault::PublishQos { dialect: core },
        PlanFault::LongPayload { dialect: core, bytes: 200_000, limit: 128 * 1024 },
        PlanFault::NotRetained { dialect: hub },
        PlanFault::ForeignTopic { topic: "site/pump".into() },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
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
