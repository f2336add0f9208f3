//! [`SessionError`]: why a connection's MQTT ended or a message was not sent, and what a person does about it.

#![expect(missing_docs, reason = "the sentence above a variant says what its fields carry")]

use crate::model::mqtt::topic::TopicMistake;
use crate::model::problem::{Explain, Problem};

/// Why a connection's MQTT ended, or a message was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The broker refused us.
    #[error("the broker refused the login: {says}")]
    NotLetIn { code: u8, says: String, meaning: Refusal, words: String },
    /// What answers is no MQTT broker.
    #[error("what answers does not speak MQTT: {detail}")]
    NotMqtt { detail: String },
    /// The broker sent something else before its answer to CONNECT.
    #[error("{kind} came before the answer to CONNECT")]
    TooEarly { kind: &'static str },
    /// The broker said why it closes (MQTT 5).
    #[error("the broker closed the connection: {says}")]
    Ended { code: u8, says: String, words: String },
    /// The broker gave no sign of life.
    #[error("nothing received for {secs} s")]
    NoPingResp { secs: u64 },
    /// Bytes that are no packet.
    #[error("the broker sent {detail}")]
    Malformed { detail: String },
    /// Nothing could be sent for long.
    #[error("nothing could be sent for {secs} s")]
    NotSent { secs: u64 },
    /// The topic of a message of ours is none.
    #[error("the topic cannot be published to")]
    BadTopic { mistake: TopicMistake },
    /// A message of ours is larger than the broker takes.
    #[error("the message has {bytes} bytes, the broker accepts {most}")]
    TooLarge { bytes: usize, most: usize },
    /// The broker does not do this QoS.
    #[error("the broker does QoS {most} at most")]
    QosTooHigh { asked: u8, most: u8 },
    /// The broker keeps no messages.
    #[error("the broker has no retained messages")]
    NoRetain,
    /// The broker refused a message of ours.
    #[error("the broker refused the message: {says}")]
    PublishRefused { code: u8, says: String, words: String },
}

/// What kind of refusal a code of CONNACK is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// User, password or right.
    Login,
    /// The client id.
    ClientId,
    /// The version.
    Version,
    /// The broker has no time or service.
    Busy,
    /// Use another broker.
    Elsewhere,
    /// Anything else.
    Other,
}

impl Refusal {
    /// The kind of refusal a code means.
    pub const fn of(code: u8) -> Self {
        match code {
            4 | 5 | 0x86 | 0x87 | 0x8A | 0x8C => Self::Login,
            2 | 0x85 => Self::ClientId,
            1 | 0x84 => Self::Version,
            3 | 0x88 | 0x89 | 0x97 | 0x9F | 0x8B => Self::Busy,
            0x9C | 0x9D => Self::Elsewhere,
            _ => Self::Other,
        }
    }
}

impl SessionError {
    /// Whether the broker itself says that another client of the same name took over.
    pub const fn is_takeover(&self) -> bool {
        matches!(self, Self::Ended { code: TAKEN_OVER, .. })
    }

    /// Whether trying again changes nothing until a person has changed something.
    pub const fn is_lasting(&self) -> bool {
        match self {
            Self::NotLetIn { meaning, .. } => !matches!(meaning, Refusal::Busy),
            Self::NotMqtt { .. } | Self::TooEarly { .. } => true,
            Self::Ended { code, .. } => {
                matches!(code, 0x81 | 0x82 | 0x86 | 0x87 | 0x8A | 0x90 | 0x95 | 0x99 | 0x9C | 0x9D)
            }
            Self::NoPingResp { .. }
            | Self::Malformed { .. }
            | Self::NotSent { .. }
            | Self::BadTopic { .. }
            | Self::TooLarge { .. }
            | Self::QosTooHigh { .. }
            | Self::NoRetain
            | Self::PublishRefused { .. } => false,
        }
    }
}

/// The reason with which a broker says that another client of the same name took over (MQTT 5.0, section 3.14.2.1).
const TAKEN_OVER: u8 = 0x8E;

impl Explain for SessionError {
    fn explain(&self) -> Problem {
        match self {
            Self::NotLetIn { code, says, meaning, words } => meaning.explain(*code, says, words),
            Self::NotMqtt { detail } => Problem::new(
                "mqtt.not_mqtt",
                "The answer isn't MQTT",
                "The port belongs to something else, or is the one for encrypted connections",
                "Check scheme and port",
            )
            .with_detail(detail),
            Self::TooEarly { kind } => Problem::new(
                "mqtt.too_early",
                format!("The broker sent {kind} before its answer to CONNECT"),
                "It doesn't follow the protocol",
                "Report it to the broker's vendor; the trace shows what arrived",
            ),
            Self::Ended { code: 0x8E, words, .. } => Problem::new(
                "mqtt.taken_over",
                "Another client connected with the same client id",
                "Two programs, or a gateway and this one, use one client ID: each disconnects the other",
                "Use a unique client ID",
            )
            .with_detail(detail(0x8E, words)),
            Self::Ended { code: code @ (0x9C | 0x9D), says, words } => Problem::new(
                "mqtt.elsewhere",
                format!("The broker closed the connection: {says}"),
                ANOTHER_BROKER,
                other_broker(words),
            )
            .with_detail(detail(*code, words)),
            Self::Ended { code, says, words } => Problem::new(
                "mqtt.ended",
                format!("The broker closed the connection: {says}"),
                "The broker's own reason",
                "Check the broker's log for the same moment",
            )
            .with_detail(detail(*code, words)),
            Self::Malformed { detail } => Problem::new(
                "mqtt.malformed",
                "The broker sent an invalid MQTT packet",
                "It doesn't follow the protocol, or something on the way changes the bytes",
                "Check the trace; report it to the broker's vendor",
            )
            .with_detail(detail),
            Self::NoPingResp { secs } => Problem::new(
                "mqtt.no_sign_of_life",
                format!("Nothing received from the broker for {secs} s"),
                "The network between is interrupted, and neither side was notified",
                "Check the network of this computer",
            ),
            Self::NotSent { secs } => Problem::new(
                "mqtt.not_sent",
                format!("Nothing could be sent for {secs} s"),
                "The broker has stopped reading, or the network is interrupted",
                "Check the broker's load and the network of this computer",
            ),
            Self::BadTopic { mistake } => Problem::new(
                "mqtt.bad_topic",
                "The topic can't be used for publishing",
                format!("MQTT has rules for topics: {}", mistake.says()),
                "Write a topic without + and #, such as site/gateway/command",
            ),
            Self::TooLarge { bytes, most } => Problem::new(
                "mqtt.too_large",
                format!("The message has {bytes} bytes, and the broker accepts {most}"),
                "The broker has a limit on packets",
                "Send less at once",
            ),
            Self::QosTooHigh { asked, most } => Problem::new(
                "mqtt.qos_too_high",
                format!("The broker doesn't support QoS {asked}"),
                format!("It supports QoS {most} at most, and would end the connection"),
                format!("Publish with QoS {most}"),
            ),
            Self::NoRetain => Problem::new(
                "mqtt.no_retain",
                "The broker has no retained messages",
                "It announced that it doesn't support retained messages, and would disconnect",
                "Publish without Retain",
            ),
            Self::PublishRefused { code, says, words } => Problem::new(
                "mqtt.publish_refused",
                format!("The broker refused the message: {says}"),
                "This client may not publish to the topic, or the broker doesn't accept such messages",
                "Check topic and permissions",
            )
            .with_detail(detail(*code, words)),
        }
    }
}

/// Why a broker sends clients elsewhere.
const ANOTHER_BROKER: &str = "Another broker does its work";

/// What to do where it does, with the address it names.
fn other_broker(words: &str) -> String {
    match words {
        "" => "It names no address: ask its operator for the other broker".to_owned(),
        words => format!("Use the address it names ({words})"),
    }
}

impl Refusal {
    fn explain(self, code: u8, says: &str, words: &str) -> Problem {
        let (code_word, cause, next) = match self {
            Self::Login => (
                "mqtt.not_authorised",
                "User, password, token or certificate are wrong, or this client has no permission",
                "Check login and client ID with the broker's operator",
            ),
            Self::ClientId => (
                "mqtt.client_id",
                "The broker allows other client ids only",
                "Use the client ID that belongs to this login",
            ),
            Self::Version => (
                "mqtt.version",
                "It supports another version of MQTT",
                "Choose the other version: 3.1.1 instead of 5, or 5 instead of 3.1.1",
            ),
            Self::Busy => {
                ("mqtt.busy", "It is busy, out of service, or has too many connections", "Wait a while and try again")
            }
            Self::Elsewhere => ("mqtt.elsewhere", ANOTHER_BROKER, ""),
            Self::Other => ("mqtt.not_let_in", "The broker gave another reason", "Check the broker's log"),
        };
        let next = if self == Self::Elsewhere { other_broker(words) } else { next.to_owned() };
        Problem::new(code_word, format!("The broker refused the login: {says}"), cause, next)
            .with_detail(detail(code, words))
    }
}

fn detail(code: u8, words: &str) -> String {
    if words.is_empty() { format!("code 0x{code:02X}") } else { format!("code 0x{code:02X}: {words}") }
}
