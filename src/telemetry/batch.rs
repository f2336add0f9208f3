//! [`Batch`]: messages as they came, in order, in one piece of memory.
//!
//! A batch is filled where the bytes are read, then shared: the store copies out of it, the recorder writes it as it is.
//! What did not get into it is counted in it, so that counts and messages keep their order.

use std::collections::BTreeMap;

use crate::model::mqtt::message::{Properties, Qos};

/// Messages in the order of their arrival.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Topics and payloads, one after the other.
    arena: Vec<u8>,
    heads: Vec<Head>,
    /// MQTT 5's properties of the few messages that have some, by the message's place.
    properties: BTreeMap<u32, Properties>,
    /// What did not get into this batch, since the one before it.
    pub missed: Missed,
    /// Microseconds to add to a message's monotonic time for microseconds since 1970 UTC. A clock that is set in
    /// mid-stream shows as a change from one batch to the next.
    pub unix_offset_micros: i64,
}

/// Where a message lies in the arena, and its flags.
#[derive(Clone, Copy, Debug)]
struct Head {
    start: u32,
    topic_bytes: u16,
    flags: u8,
    payload_bytes: u32,
    mono_micros: u64,
}

const QOS: u8 = 0b0000_0011;
const RETAINED: u8 = 0b0000_0100;
const DUPLICATE: u8 = 0b0000_1000;

/// Messages that are not in a batch, counted where they were lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// Dropped because we could not keep up and were told to drop.
    pub dropped: u64,
    /// Bytes of topic and payload of those.
    pub dropped_bytes: u64,
    /// Refused because they were larger than the limit.
    pub oversize: u64,
    /// Against the protocol, and left out: their topic was empty, held wildcards or the like.
    pub malformed: u64,
    /// Left out because the recording that is read is damaged there, or lacks them.
    pub left_out: u64,
}

impl Missed {
    /// Whether nothing was missed.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

/// A message as it came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrival<'a> {
    /// Its topic. MQTT wants UTF-8; a sender may have thought otherwise.
    pub topic: &'a [u8],
    /// Its payload.
    pub payload: &'a [u8],
    /// How hard its delivery was tried.
    pub qos: Qos,
    /// Whether the broker had kept it.
    pub is_retained: bool,
    /// Whether the sender says it sent it before.
    pub is_duplicate: bool,
    /// When it came, in microseconds since the inspection began; never goes back.
    pub mono_micros: u64,
    /// When it came by the clock of this computer, in microseconds since 1970 UTC.
    pub unix_micros: i64,
    /// MQTT 5's properties, if it has some.
    pub properties: Option<&'a Properties>,
}

impl Batch {
    /// An empty batch.
    pub fn new(unix_offset_micros: i64) -> Self {
        Self { unix_offset_micros, ..Self::default() }
    }

    /// Adds a message. False if it does not fit: the batch has 2 GiB at most, and a topic 65535 bytes.
    #[must_use]
    pub fn push(&mut self, arrival: &Arrival<'_>) -> bool {
        let end = self.arena.len() + arrival.topic.len() + arrival.payload.len();
        let (Ok(start), Ok(topic_bytes), Ok(payload_bytes)) =
            (u32::try_from(self.arena.len()), u16::try_from(arrival.topic.len()), u32::try_from(arrival.payload.len()))
        else {
            return false;
        };
        if i32::try_from(end).is_err() {
            return false;
        }
        let mut flags = arrival.qos.number();
        if arrival.is_retained {
            flags |= RETAINED;
        }
        if arrival.is_duplicate {
            flags |= DUPLICATE;
        }
        if let Some(properties) = arrival.properties.filter(|properties| !properties.is_empty()) {
            self.properties.insert(u32::try_from(self.heads.len()).unwrap_or(u32::MAX), properties.clone());
        }
        self.arena.extend_from_slice(arrival.topic);
        self.arena.extend_from_slice(arrival.payload);
        self.heads.push(Head { start, topic_bytes, flags, payload_bytes, mono_micros: arrival.mono_micros });
        true
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is no message. What was missed may still be counted in it.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Bytes of all topics and payloads.
    pub fn bytes(&self) -> usize {
        self.arena.len()
    }

    /// The messages in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Arrival<'_>> + Clone {
        self.heads.iter().enumerate().map(|(place, head)| self.arrival(place, *head))
    }

    /// So many of the messages from that place on; what was missed belongs to the first.
    #[must_use]
    pub fn part(&self, first: usize, count: usize) -> Self {
        let mut part = Self::new(self.unix_offset_micros);
        part.missed = if first == 0 { self.missed } else { Missed::default() };
        for arrival in self.iter().skip(first).take(count) {
            // A part of what fitted into a batch fits into one.
            let _ = part.push(&arrival);
        }
        part
    }

    /// The message at that place, counted from 0.
    pub fn get(&self, place: usize) -> Option<Arrival<'_>> {
        self.heads.get(place).map(|head| self.arrival(place, *head))
    }

    fn arrival(&self, place: usize, head: Head) -> Arrival<'_> {
        let message = &self.arena[head.start as usize..];
        let (topic, rest) = message.split_at(usize::from(head.topic_bytes));
        let properties = if self.properties.is_empty() {
            None
        } else {
            u32::try_from(place).ok().and_then(|place| self.properties.get(&place))
        };
        let unix_micros = i64::try_from(head.mono_micros).unwrap_or(i64::MAX);
        Arrival {
            topic,
            payload: &rest[..head.payload_bytes as usize],
            qos: Qos::from_number(head.flags & QOS).unwrap_or_default(),
            is_retained: head.flags & RETAINED != 0,
            is_duplicate: head.flags & DUPLICATE != 0,
            mono_micros: head.mono_micros,
            unix_micros: unix_micros.saturating_add(self.unix_offset_micros),
            properties,
        }
    }

    /// Empties it and keeps its memory for the next messages.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.heads.clear();
        self.properties.clear();
        self.missed = Missed::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_they_went_in() {
        let properties = Properties { content_type: Some("text/plain".into()), ..Properties::default() };
        let first = Arrival {
            topic: b"a/b",
            payload: b"one",
            qos: Qos::ExactlyOnce,
            is_retained: true,
            is_duplicate: false,
            mono_micros: 7,
            unix_micros: 1007,
            properties: Some(&properties),
        };
        let second = Arrival {
            topic: b"\xff",
            payload: b"",
            qos: Qos::AtMostOnce,
            is_retained: false,
            is_duplicate: true,
            mono_micros: 9,
            unix_micros: 1009,
            properties: None,
        };
        let mut batch = Batch::new(1000);
        assert!(batch.push(&first) && batch.push(&second));
        assert_eq!((batch.len(), batch.bytes()), (2, 7));
        assert_eq!(batch.iter().collect::<Vec<_>>(), [first, second]);
        assert_eq!((batch.get(1), batch.get(2)), (Some(second), None));
        batch.clear();
        assert!(batch.is_empty() && batch.iter().next().is_none());
    }

    #[test]
    fn too_long_a_topic_is_not_taken() {
        let topic = vec![b'x'; 65_536];
        let arrival = Arrival {
            topic: &topic,
            payload: b"",
            qos: Qos::AtMostOnce,
            is_retained: false,
            is_duplicate: false,
            mono_micros: 0,
            unix_micros: 0,
            properties: None,
        };
        let mut batch = Batch::default();
        assert!(!batch.push(&arrival));
        assert!(batch.is_empty());
    }
}
