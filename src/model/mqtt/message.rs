//! What a message carries beside its topic and payload, and messages that are to be published.

use serde::Serialize;

use super::topic::{TopicFilter, mistake_in};
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

/// How hard a delivery is tried (MQTT 5.0, section 4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Qos {
    /// 0: sent once, and maybe lost.
    #[default]
    AtMostOnce = 0,
    /// 1: sent until it is acknowledged, and maybe seen twice.
    AtLeastOnce = 1,
    /// 2: seen once.
    ExactlyOnce = 2,
}

impl Qos {
    /// The level of that number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// What MQTT 5 sends along with a message (section 3.3.2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Properties {
    /// The sender says that the payload is UTF-8 text.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_text: bool,
    /// What the payload is, such as `application/json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Where an answer is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_topic: Option<String>,
    /// What the answer is to carry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub correlation_data: Vec<u8>,
    /// For how long the message is worth delivering.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiry_secs: Option<u32>,
    /// Numbers of the subscriptions that it came by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscription_ids: Vec<u32>,
    /// Names and values of the sender's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub user: Vec<(String, String)>,
}

impl Properties {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A message to publish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// The topic, without wildcards.
    pub topic: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// How hard the delivery is tried.
    pub qos: Qos,
    /// Whether the broker keeps it for those who come later.
    pub is_retained: bool,
    /// For MQTT 5 only.
    pub properties: Properties,
}

impl Outgoing {
    /// The message that makes the broker forget what it retains on a topic: an empty one, retained (MQTT 5.0, section 3.3.1.3).
    pub fn clearing(topic: String) -> Self {
        Self { topic, qos: Qos::AtLeastOnce, is_retained: true, ..Self::default() }
    }
}

/// Why a message cannot be published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutgoingError {
    /// No topic that can be published on.
    #[error("no topic: {topic}")]
    BadTopic {
        /// What was given.
        topic: String,
    },
    /// It is longer than a packet can be.
    #[error("a message of {bytes} bytes")]
    TooLong {
        /// Bytes of its payload.
        bytes: usize,
    },
    /// No topic that an answer can be published on.
    #[error("no topic for an answer: {topic}")]
    BadResponseTopic {
        /// What was given.
        topic: String,
    },
}

/// The longest packet, without its first bytes (MQTT 5.0, section 2.1.4).
const MOST_REMAINING: usize = 268_435_455;

impl Explain for OutgoingError {
    fn explain(&self) -> Problem {
        let rule = "A topic has at least one character, no wildcards + and #, no NUL, and 65535 bytes at most";
        let next = "Write the whole topic, level by level";
        match self {
            Self::BadTopic { topic } => {
                Problem::new("mqtt.topic", format!("“{}” can't be published on", visible(topic, 120)), rule, next)
            }
            Self::TooLong { bytes } => Problem::new(
                "mqtt.message_too_long",
                format!("A message of {bytes} bytes can't be published"),
                format!("A packet of MQTT has at most {MOST_REMAINING} bytes, its topic and properties included"),
                "Publish it in parts",
            ),
            Self::BadResponseTopic { topic } => Problem::new(
                "mqtt.response_topic",
                format!("No answer can be published on “{}”", visible(topic, 120)),
                rule,
                "Write the whole response topic, level by level",
            ),
        }
    }
}

impl Outgoing {
    /// Whether its topics can be published on (MQTT 5.0, sections 3.3.2.1 and 3.3.2.3.5).
    pub fn check(&self) -> Result<(), OutgoingError> {
        if mistake_in(&self.topic).is_some() {
            return Err(OutgoingError::BadTopic { topic: self.topic.clone() });
        }
        if self.bytes_at_most() > MOST_REMAINING {
            return Err(OutgoingError::TooLong { bytes: self.payload.len() });
        }
        match &self.properties.response_topic {
            Some(topic) if mistake_in(topic).is_some() => Err(OutgoingError::BadResponseTopic { topic: topic.clone() }),
            _ => Ok(()),
        }
    }
}

impl Outgoing {
    /// What its packet takes at most behind its first bytes.
    fn bytes_at_most(&self) -> usize {
        /// What stands before each text of a property, and the numbers beside them.
        const BEFORE_TEXT: usize = 5;
        const NUMBERS: usize = 32;
        let Properties { content_type, response_topic, correlation_data, user, .. } = &self.properties;
        let texts = [content_type, response_topic].into_iter().flatten().map(String::len);
        let pairs = user.iter().flat_map(|(name, value)| [name.len(), value.len()]);
        let properties: usize = texts.chain(pairs).map(|bytes| bytes + BEFORE_TEXT).sum();
        self.topic.len() + self.payload.len() + properties + correlation_data.len() + NUMBERS
    }
}

/// What is subscribed to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subscription {
    /// Which topics.
    pub filter: TopicFilter,
    /// The highest quality of service wanted.
    pub qos: Qos,
}

/// What a broker said to one subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// Which topics.
    pub filter: String,
    /// The quality of service asked for.
    pub asked: u8,
    /// The one granted; `None` when it was refused.
    pub granted: Option<u8>,
    /// The code as it came; `None` while the broker did not answer: that is no refusal.
    pub code: Option<u8>,
    /// In plain words.
    pub says: String,
}

impl Grant {
    /// Whether the broker refused it.
    pub const fn is_refused(&self) -> bool {
        self.granted.is_none() && self.code.is_some()
    }
}

/// How a message of ours ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishEnd {
    /// It was handed to the network (QoS 0): nobody says that it arrived.
    Sent,
    /// The broker has it (QoS 1 and 2).
    Acknowledged,
    /// The broker has it, and nobody is subscribed to it (MQTT 5).
    NobodySubscribed,
    /// The broker refused it, or it cannot be sent.
    Refused(Problem),
    /// It was not sent, and the broker was never asked.
    NotSent(Problem),
    /// The broker didn't acknowledge it in time, or the connection ended first: it may have arrived.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_refused_in_every_topic_of_a_message() {
        let to = |topic: &str, answer: Option<&str>| {
            let properties = Properties { response_topic: answer.map(str::to_owned), ..Properties::default() };
            Outgoing { topic: topic.into(), properties, ..Outgoing::default() }.check()
        };
        assert_eq!(to("a/b", Some("re/a")), Ok(()));
        for topic in ["", "a/+", "#", "a\0"] {
            assert!(matches!(to(topic, None), Err(OutgoingError::BadTopic { .. })), "{topic}");
            assert!(matches!(to("a", Some(topic)), Err(OutgoingError::BadResponseTopic { .. })), "{topic}");
        }
    }
}
