//! What a dialect does not take, and what to do instead.

use std::time::Duration;

use super::label;
use crate::model::mqtt::Dialect;
use crate::model::mqtt::url::Scheme;
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

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
