//! The message being typed, and how often it is to be published: as text, and as what is made of it.

use std::time::Duration;

use crate::model::mqtt::message::{Outgoing, Properties, Qos};
use crate::model::mqtt::payload::{self, PayloadError, PayloadKind};
use crate::model::mqtt::topic::{TopicMistake, mistake_in};
use crate::model::problem::{Explain as _, Problem};
use crate::model::settings::PublishTemplate;
use crate::model::text::{from_hex, visible};
use crate::msg::telemetry::Repeat;

/// The shortest time between repetitions.
const LEAST_EVERY: Duration = Duration::from_millis(10);
/// The longest time between repetitions: a day.
const MOST_EVERY: Duration = Duration::from_hours(24);

/// The message being typed. Its fields are edited in place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Draft {
    /// The topic.
    pub topic: String,
    /// The payload.
    pub payload: String,
    /// How the payload is typed.
    pub kind: DraftKind,
    /// The quality of service.
    pub qos: Qos,
    /// Whether the broker is to keep it.
    pub is_retained: bool,
    /// MQTT 5: the payload is text.
    pub is_text: bool,
    /// MQTT 5: what the payload is.
    pub content_type: String,
    /// MQTT 5: where an answer is wanted.
    pub response_topic: String,
    /// MQTT 5: what the answer is to carry, in hex.
    pub correlation_hex: String,
    /// MQTT 5: for how many seconds it is worth delivering.
    pub expiry_secs: String,
    /// MQTT 5: names and values of one's own.
    pub user: Vec<(String, String)>,
}

/// How the payload is typed; JSON unless chosen otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DraftKind(pub PayloadKind);

impl Default for DraftKind {
    fn default() -> Self {
        Self(PayloadKind::Json)
    }
}

impl Draft {
    /// The payload's bytes, or what is wrong with it.
    pub fn payload(&self) -> Result<Vec<u8>, PayloadError> {
        payload::parse(self.kind.0, &self.payload)
    }

    /// Whether something is given that only MQTT 5 carries.
    pub fn has_properties(&self) -> bool {
        let texts = [&self.content_type, &self.response_topic, &self.correlation_hex, &self.expiry_secs];
        self.is_text || !self.user.is_empty() || texts.iter().any(|text| !text.trim().is_empty())
    }

    /// What is wrong with the topic; `None` if nothing is.
    pub fn topic_mistake(&self) -> Option<&'static str> {
        mistake_in(&self.topic).map(TopicMistake::says)
    }

    /// The message, or what a person has to mend first.
    pub fn message(&self) -> Result<Outgoing, Problem> {
        if let Some(mistake) = self.topic_mistake() {
            return Err(wrong(format!("The topic can't be used: {mistake}"), "Fix the topic"));
        }
        let payload = self.payload().map_err(|error| error.explain())?;
        let expiry_secs = match self.expiry_secs.trim() {
            "" => None,
            text => {
                let secs = text.parse().map_err(|_| {
                    wrong(
                        format!("“{}” isn't a number of seconds", visible(text, 20)),
                        "Type whole seconds, or nothing",
                    )
                })?;
                Some(secs)
            }
        };
        let correlation_data = from_hex(&self.correlation_hex.split_whitespace().collect::<String>())
            .ok_or_else(|| wrong("The correlation data isn't hex", "Type two hexadecimal digits a byte, or nothing"))?;
        let filled = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let response_topic = filled(&self.response_topic);
        if let Some(mistake) = response_topic.as_deref().and_then(mistake_in) {
            return Err(wrong(
                format!("The response topic can't be used: {}", mistake.says()),
                "Fix the response topic",
            ));
        }
        let properties = Properties {
            is_text: self.is_text,
            content_type: filled(&self.content_type),
            response_topic,
            correlation_data,
            expiry_secs,
            subscription_ids: Vec::new(),
            user: self.user.iter().filter(|(name, value)| !name.is_empty() || !value.is_empty()).cloned().collect(),
        };
        Ok(Outgoing { topic: self.topic.clone(), payload, qos: self.qos, is_retained: self.is_retained, properties })
    }

    pub(super) fn template(&self, name: &str) -> PublishTemplate {
        PublishTemplate {
            name: name.to_owned(),
            topic: self.topic.clone(),
            payload: self.payload.clone(),
            kind: self.kind.0.as_str().to_owned(),
            qos: self.qos.number(),
            is_retained: self.is_retained,
            is_text: self.is_text,
            content_type: self.content_type.clone(),
            response_topic: self.response_topic.clone(),
            correlation_hex: self.correlation_hex.clone(),
            expiry_secs: self.expiry_secs.clone(),
            user: self.user.clone(),
        }
    }

    pub(super) fn from_template(template: &PublishTemplate) -> Self {
        Self {
            topic: template.topic.clone(),
            payload: template.payload.clone(),
            kind: DraftKind(template.payload_kind()),
            qos: Qos::from_number(template.qos).unwrap_or_default(),
            is_retained: template.is_retained,
            is_text: template.is_text,
            content_type: template.content_type.clone(),
            response_topic: template.response_topic.clone(),
            correlation_hex: template.correlation_hex.clone(),
            expiry_secs: template.expiry_secs.clone(),
            user: template.user.clone(),
        }
    }
}

/// What a person has to mend in what was typed.
pub(super) fn wrong(what: impl Into<String>, next_step: &str) -> Problem {
    Problem::new("telemetry.publish_form", what, "It was typed so", next_step)
}

/// How repetition is typed. Its fields are edited in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatDraft {
    /// Whether the message is published again and again.
    pub is_on: bool,
    /// The time in between, in seconds.
    pub every_secs: String,
    /// How often in all; empty until stopped.
    pub times: String,
}

impl Default for RepeatDraft {
    fn default() -> Self {
        Self { is_on: false, every_secs: "1".into(), times: "10".into() }
    }
}

impl RepeatDraft {
    /// What was typed, or what has to be mended.
    pub fn read(&self) -> Result<Option<Repeat>, Problem> {
        if !self.is_on {
            return Ok(None);
        }
        let secs: Option<f64> = self.every_secs.trim().replace(',', ".").parse().ok();
        let every = secs.and_then(|secs| Duration::try_from_secs_f64(secs).ok());
        let every = every.filter(|every| (LEAST_EVERY..=MOST_EVERY).contains(every)).ok_or_else(|| {
            wrong("The time between repetitions cannot be used", "Type seconds from 0.01 to 86400, such as 0.5")
        })?;
        let times = match self.times.trim() {
            "" => None,
            text => Some(text.parse().ok().filter(|times| *times > 0).ok_or_else(|| {
                wrong(
                    "The number of repetitions cannot be used",
                    "Type a whole number, or nothing to go on until stopped",
                )
            })?),
        };
        Ok(Some(Repeat { every, times }))
    }
}
