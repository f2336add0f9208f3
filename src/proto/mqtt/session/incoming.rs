//! What comes in: frames out of the buffer, messages into the [`Intake`]. A message costs no allocation here.

use super::{Now, Session, SessionError};
use crate::model::mqtt::message::{Properties, Qos};
use crate::model::mqtt::stage::Direction;
use crate::model::mqtt::topic::MAX_TOPIC_BYTES;
use crate::model::text::visible_octets;
use crate::proto::mqtt::session::MAX_ALIASES;
use crate::proto::mqtt::wire::{self, Answer, Head, Malformed, Publish, check_topic, kind};

/// How many messages with odd topics are explained one by one.
const EXPLAINED: u32 = 20;

/// Where messages go: a batch under construction.
pub trait Intake {
    /// Whether no more may be read until it was handed over.
    fn must_wait(&self) -> bool;

    /// Takes a message. False where there is no room: it is dropped then, and reported by [`Intake::lose`].
    fn push(&mut self, message: &Message<'_>) -> bool;

    /// Counts what it does not get.
    fn lose(&mut self, loss: Loss);
}

/// A message as it lies in the buffer.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its topic, an alias resolved.
    pub topic: &'a [u8],
    /// Its payload.
    pub payload: &'a [u8],
    /// How hard its delivery was tried.
    pub qos: Qos,
    /// Whether the broker had kept it.
    pub is_retained: bool,
    /// Whether the sender says it sent it before.
    pub is_duplicate: bool,
    /// MQTT 5's properties, if it has some.
    pub properties: Option<&'a Properties>,
    /// When it came, in microseconds since the inspection began.
    pub mono_micros: u64,
}

/// A message that is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// There was no room for it.
    Dropped {
        /// Bytes of topic and payload.
        bytes: usize,
    },
    /// It is larger than the limit.
    Oversize,
    /// It is against the protocol.
    Malformed,
}

/// The numbers of messages of QoS 2 that were taken and not released yet, a bit each.
#[derive(Debug, Default)]
pub(super) struct Received(Vec<u64>);

impl Received {
    fn contains(&self, packet_id: u16) -> bool {
        let (word, bit) = (usize::from(packet_id / 64), packet_id % 64);
        self.0.get(word).is_some_and(|word| word & (1 << bit) != 0)
    }

    fn insert(&mut self, packet_id: u16) {
        if self.0.is_empty() {
            self.0.resize(1024, 0);
        }
        self.0[usize::from(packet_id / 64)] |= 1 << (packet_id % 64);
    }

    pub(super) fn remove(&mut self, packet_id: u16) {
        if let Some(word) = self.0.get_mut(usize::from(packet_id / 64)) {
            *word &= !(1 << (packet_id % 64));
        }
    }
}

impl Session {
    /// Takes what lies in the buffer and says how much of it is done with. Stops early when the intake has no room.
    pub fn handle_bytes(&mut self, bytes: &[u8], now: Now, intake: &mut impl Intake) -> Result<usize, SessionError> {
        self.last_heard = Some(now.instant);
        let mut done = 0;
        while done < bytes.len() {
            if self.skipping > 0 {
                let skipped = self.skipping.min(bytes.len() - done);
                self.skipping -= skipped;
                done += skipped;
                continue;
            }
            if intake.must_wait() {
                break;
            }
            let rest = &bytes[done..];
            // What is no MQTT is known by its first byte, however long it says it is.
            if rest[0] >> 4 != kind::PUBLISH {
                Answer::check_first(self.version, rest[0]).map_err(|wrong| self.not_mqtt(wrong, rest))?;
            }
            let Some(head) = Head::parse(rest).map_err(|wrong| self.not_mqtt(wrong, rest))? else {
                self.needed = 5;
                break;
            };
            let length = head.bytes();
            if length > self.max_packet_bytes {
                if !self.start_skipping(head, rest, now, intake)? {
                    self.needed = head.head_bytes + 2 + MAX_TOPIC_BYTES + 2;
                    break;
                }
                continue;
            }
            let Some(packet) = rest.get(..length) else {
                self.needed = length;
                break;
            };
            self.packet(head, &packet[head.head_bytes..], now, intake)?;
            done += length;
        }
        Ok(done)
    }

    /// How many bytes the next packet needs in the buffer.
    pub const fn needed(&self) -> usize {
        self.needed
    }

    fn not_mqtt(&self, wrong: Malformed, bytes: &[u8]) -> SessionError {
        let shown = visible_octets(&bytes[..bytes.len().min(80)], 60);
        let detail = format!("{wrong}; it begins with “{shown}”");
        if self.connected.is_none() { SessionError::NotMqtt { detail } } else { SessionError::Malformed { detail } }
    }

    /// Leaves a packet out that is larger than the limit. False while its number is not there yet.
    fn start_skipping(
        &mut self,
        head: Head,
        bytes: &[u8],
        now: Now,
        intake: &mut impl Intake,
    ) -> Result<bool, SessionError> {
        if head.kind() != kind::PUBLISH || self.connected.is_none() {
            return Err(self.not_mqtt(Malformed::Length, bytes));
        }
        let body = &bytes[head.head_bytes.min(bytes.len())..];
        let packet_id = match Publish::packet_id(head.first, body) {
            Some(packet_id) => packet_id,
            None if body.len() < (2 + MAX_TOPIC_BYTES + 2).min(head.body_bytes) => return Ok(false),
            None => 0,
        };
        self.skipping = head.bytes();
        intake.lose(Loss::Oversize);
        let ack = ack_of(head.first);
        if packet_id != 0 && (ack == kind::PUBACK || !self.received.contains(packet_id)) {
            // Left unacknowledged it would come again and again.
            if ack == kind::PUBREC {
                self.received.insert(packet_id);
            }
            self.held_acks.push((ack, packet_id));
        }
        let topic = topic_of(body);
        let note = format!("skipped: larger than the limit of {} bytes; topic {topic}", self.max_packet_bytes);
        self.note_message(head, packet_id, now, note);
        Ok(true)
    }

    fn note_message(&mut self, head: Head, packet_id: u16, now: Now, note: String) {
        let length = u32::try_from(head.bytes()).unwrap_or(u32::MAX);
        let packet_id = (packet_id != 0).then_some(packet_id);
        self.traced(now, Direction::Received, kind::PUBLISH, packet_id, length, None, None, note);
    }

    #[inline]
    fn packet(&mut self, head: Head, body: &[u8], now: Now, intake: &mut impl Intake) -> Result<(), SessionError> {
        if head.kind() == kind::PUBLISH {
            if self.connected.is_none() {
                return Err(SessionError::TooEarly { kind: "PUBLISH" });
            }
            self.message(head, body, now, intake);
            return Ok(());
        }
        let answer = match Answer::parse(self.version, head.first, body) {
            Ok(answer) => answer,
            Err(wrong) => {
                let bytes = [&[head.first], body].concat();
                return Err(self.not_mqtt(wrong, &bytes));
            }
        };
        if self.connected.is_none() && !matches!(answer, Answer::ConnAck(_) | Answer::Disconnect { .. }) {
            return Err(match answer {
                Answer::Auth { .. } => SessionError::NotMqtt { detail: "AUTH, which was not asked for".into() },
                _ => SessionError::TooEarly { kind: wire::name(head.kind()) },
            });
        }
        self.answer(answer, head, now)
    }

    #[inline]
    fn message(&mut self, head: Head, body: &[u8], now: Now, intake: &mut impl Intake) {
        let publish = match Publish::parse(self.version, head.first, body) {
            Ok(publish) => publish,
            Err(wrong) => {
                // Unacknowledged it would stay on the broker's list, and hold up what comes after it.
                let packet_id = Publish::packet_id(head.first, body).unwrap_or_default();
                return self.malformed(head, body, wrong, packet_id, now, intake);
            }
        };
        if let Some(alias) = publish.alias {
            return self.aliased(head, body, &publish, alias, now, intake);
        }
        if let Err(wrong) = check_topic(publish.topic) {
            return self.malformed(head, body, wrong, publish.packet_id, now, intake);
        }
        self.keep(&publish, publish.topic, now, intake);
    }

    /// A message whose topic is told by a number (MQTT 5.0, section 3.3.2.3.4).
    fn aliased(
        &mut self,
        head: Head,
        body: &[u8],
        publish: &Publish<'_>,
        alias: u16,
        now: Now,
        intake: &mut impl Intake,
    ) {
        let place = usize::from(alias);
        if alias == 0 || alias > MAX_ALIASES {
            return self.malformed(head, body, Malformed::Alias, publish.packet_id, now, intake);
        }
        if self.aliases.len() <= place {
            self.aliases.resize(place + 1, None);
        }
        if publish.topic.is_empty() {
            let Some(topic) = self.aliases[place].take() else {
                return self.malformed(head, body, Malformed::Alias, publish.packet_id, now, intake);
            };
            self.keep(publish, &topic, now, intake);
            self.aliases[place] = Some(topic);
            return;
        }
        if let Err(wrong) = check_topic(publish.topic) {
            return self.malformed(head, body, wrong, publish.packet_id, now, intake);
        }
        self.aliases[place] = Some(publish.topic.into());
        self.keep(publish, publish.topic, now, intake);
    }

    #[inline]
    fn keep(&mut self, publish: &Publish<'_>, topic: &[u8], now: Now, intake: &mut impl Intake) {
        let packet_id = publish.packet_id;
        if publish.qos == Qos::ExactlyOnce && self.is_repeated(packet_id, now) {
            return;
        }
        let ack = if publish.qos == Qos::ExactlyOnce { kind::PUBREC } else { kind::PUBACK };
        let is_kept = intake.push(&Message {
            topic,
            payload: publish.payload,
            qos: publish.qos,
            is_retained: publish.is_retained,
            is_duplicate: publish.is_duplicate,
            properties: publish.properties.as_deref(),
            mono_micros: now.mono_micros,
        });
        if !is_kept {
            intake.lose(Loss::Dropped { bytes: topic.len() + publish.payload.len() });
        } else if !topic.is_ascii() && self.explained < EXPLAINED && std::str::from_utf8(topic).is_err() {
            self.explained += 1;
            let note = format!("its topic is not UTF-8: {}", visible_octets(topic, 200));
            self.traced(now, Direction::Received, kind::PUBLISH, None, 0, None, None, note);
        }
        if packet_id == 0 {
            return;
        }
        if is_kept {
            self.held_acks.push((ack, packet_id));
        } else {
            self.acknowledge(ack, packet_id, now);
        }
    }

    /// Whether a message of QoS 2 was taken before; if so, that is acknowledged again.
    fn is_repeated(&mut self, packet_id: u16, now: Now) -> bool {
        if !self.received.contains(packet_id) {
            self.received.insert(packet_id);
            return false;
        }
        let note = "came again, and is kept once".to_owned();
        self.traced(now, Direction::Received, kind::PUBLISH, Some(packet_id), 0, None, None, note);
        if !self.held_acks.contains(&(kind::PUBREC, packet_id)) {
            self.acknowledge(kind::PUBREC, packet_id, now);
        }
        true
    }

    /// Counts a message that cannot be kept.
    fn malformed(
        &mut self,
        head: Head,
        body: &[u8],
        wrong: Malformed,
        packet_id: u16,
        now: Now,
        intake: &mut impl Intake,
    ) {
        intake.lose(Loss::Malformed);
        if self.explained < EXPLAINED {
            self.explained += 1;
            let note = format!("skipped: {wrong}; topic “{}”", topic_of(body));
            self.note_message(head, packet_id, now, note);
        }
        if packet_id != 0 {
            self.acknowledge(ack_of(head.first), packet_id, now);
        }
    }
}

/// What a message with such a head is acknowledged with, where it is.
const fn ack_of(first: u8) -> u8 {
    if (first >> 1) & 0b11 == 2 { kind::PUBREC } else { kind::PUBACK }
}

fn topic_of(body: &[u8]) -> String {
    let Some((length, rest)) = body.split_first_chunk::<2>() else { return String::new() };
    let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
    visible_octets(&rest[..length], 200)
}
