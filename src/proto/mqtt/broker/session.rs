//! A session: what a client subscribed to, what waits for it, what is under way to it and from it (MQTT 5.0, section 4.1). It
//! outlives the connection for as long as the client asked for.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::LinkId;
use super::message::{Message, Outgoing, ack};
use super::packet::{PUBCOMP, PUBREC, PUBREL, Will};
use super::reason;
use crate::model::mqtt::MqttVersion;

/// Messages under way at a time to a client that names no limit: MQTT 3.1.1 has none to name.
const MOST_UNDER_WAY: u16 = 100;

/// What the client of the present connection can take.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) version: MqttVersion,
    pub(super) packet_maximum: usize,
    receive_maximum: usize,
    alias_maximum: u16,
    aliases: HashMap<String, u16>,
}

impl Terms {
    pub(super) fn new(version: MqttVersion, packet_maximum: usize, receive_maximum: u16, alias_maximum: u16) -> Self {
        let receive_maximum = usize::from(receive_maximum.min(MOST_UNDER_WAY));
        Self { version, packet_maximum, receive_maximum, alias_maximum, aliases: HashMap::new() }
    }

    /// The alias of a topic, and whether the client knows it. The first topics get one.
    fn alias(&self, topic: &str) -> Option<(u16, bool)> {
        if let Some(alias) = self.aliases.get(topic) {
            Some((*alias, true))
        } else {
            let next = u16::try_from(self.aliases.len() + 1).ok()?;
            (next <= self.alias_maximum).then_some((next, false))
        }
    }
}

/// A message that waits for a client.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) message: Arc<Message>,
    pub(super) qos: u8,
    pub(super) is_retained: bool,
    pub(super) subscription_ids: Vec<u32>,
}

/// How far a message with an identifier has come.
#[derive(Debug)]
enum Stage {
    /// PUBLISH is to be acknowledged.
    Publish(Waiting),
    /// PUBREL is to be completed.
    Release,
}

#[derive(Debug)]
struct UnderWay {
    id: u16,
    stage: Stage,
    /// On the present connection.
    is_sent: bool,
}

/// Bytes that messages may hold, all sessions together.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) used: usize,
    pub(super) most: usize,
}

/// Why messages were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LeftOut {
    /// Too many wait for the client.
    QueueFull,
    /// The client said that it takes no packet of that size.
    TooLarge,
    /// The message's own expiry came first.
    Expired,
}

/// What is next for a client.
pub(super) enum Next {
    Packet(Bytes),
    LeftOut(LeftOut),
    Nothing,
}

/// A client's session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client_id: String,
    /// The connection, while there is one.
    pub(super) link: Option<LinkId>,
    /// Filters as the client wrote them.
    pub(super) filters: HashSet<String>,
    /// In seconds; `u32::MAX` is for ever.
    pub(super) expiry_secs: u32,
    /// When it ends, while the client is away.
    pub(super) ends: Option<Instant>,
    /// Since when the client is away.
    pub(super) left: Option<Instant>,
    pub(super) will: Option<Will>,
    /// When the will is published, while the client is away.
    pub(super) will_due: Option<Instant>,
    /// Identifiers of QoS 2 messages that the client has not released.
    pub(super) received: HashSet<u16>,
    waiting: VecDeque<Waiting>,
    under_way: BTreeMap<u64, UnderWay>,
    places: HashMap<u16, u64>,
    next_place: u64,
    last_id: u16,
}

impl Session {
    pub(super) fn new(client_id: String) -> Self {
        Self {
            client_id,
            link: None,
            filters: HashSet::new(),
            expiry_secs: 0,
            ends: None,
            left: None,
            will: None,
            will_due: None,
            received: HashSet::new(),
            waiting: VecDeque::new(),
            under_way: BTreeMap::new(),
            places: HashMap::new(),
            next_place: 0,
            last_id: 0,
        }
    }

    /// Takes a message to be sent; `false` where there is no room for it.
    pub(super) fn push(&mut self, waiting: Waiting, most: usize, budget: &mut Budget) -> bool {
        let bytes = waiting.message.bytes();
        if self.waiting.len() >= most || budget.used.saturating_add(bytes) > budget.most {
            return false;
        }
        budget.used += bytes;
        self.waiting.push_back(waiting);
        true
    }

    /// A new connection: what was under way is sent again.
    pub(super) fn resume(&mut self) {
        self.under_way.values_mut().for_each(|under_way| under_way.is_sent = false);
    }

    /// Gives back what its messages hold.
    pub(super) fn release(&mut self, budget: &mut Budget) {
        for waiting in self.waiting.drain(..) {
            budget.used -= waiting.message.bytes();
        }
        for under_way in std::mem::take(&mut self.under_way).into_values() {
            if let Stage::Publish(waiting) = under_way.stage {
                budget.used -= waiting.message.bytes();
            }
        }
        self.places.clear();
    }

    /// The next packet for the client: what was under way on an earlier connection first, then what waits.
    pub(super) fn next(&mut self, terms: &mut Terms, now: Instant, budget: &mut Budget) -> Next {
        if let Some(next) = self.next_again(terms, now, budget) {
            return next;
        }
        let Some(first) = self.waiting.front() else { return Next::Nothing };
        if first.qos > 0 && self.under_way.len() >= terms.receive_maximum {
            return Next::Nothing;
        }
        let Some(waiting) = self.waiting.pop_front() else { return Next::Nothing };
        if waiting.message.is_expired(now) {
            budget.used -= waiting.message.bytes();
            return Next::LeftOut(LeftOut::Expired);
        }
        let id = if waiting.qos > 0 { self.free_id() } else { 0 };
        let Some(packet) = encode(&waiting, id, false, terms, now) else {
            budget.used -= waiting.message.bytes();
            return Next::LeftOut(LeftOut::TooLarge);
        };
        if waiting.qos > 0 {
            self.places.insert(id, self.next_place);
            self.under_way.insert(self.next_place, UnderWay { id, stage: Stage::Publish(waiting), is_sent: true });
            self.next_place += 1;
        } else {
            budget.used -= waiting.message.bytes();
        }
        Next::Packet(packet)
    }

    /// The next of those that were under way when the connection before ended (section 4.4).
    fn next_again(&mut self, terms: &mut Terms, now: Instant, budget: &mut Budget) -> Option<Next> {
        let place = *self.under_way.iter().find(|(_, under_way)| !under_way.is_sent)?.0;
        let sent = self.under_way.values().filter(|under_way| under_way.is_sent).count();
        let under_way = self.under_way.get_mut(&place)?;
        let waiting = match &under_way.stage {
            Stage::Release => {
                under_way.is_sent = true;
                return Some(Next::Packet(ack(terms.version, PUBREL, under_way.id, reason::SUCCESS)));
            }
            Stage::Publish(_) if sent >= terms.receive_maximum => return Some(Next::Nothing),
            Stage::Publish(waiting) => waiting,
        };
        if let Some(packet) = encode(waiting, under_way.id, true, terms, now) {
            under_way.is_sent = true;
            return Some(Next::Packet(packet));
        }
        let id = under_way.id;
        self.finish(id, budget);
        Some(Next::LeftOut(LeftOut::TooLarge))
    }

    /// The client acknowledged. Gives what it gets for that, if anything.
    pub(super) fn acknowledged(
        &mut self,
        version: MqttVersion,
        kind: u8,
        id: u16,
        code: u8,
        budget: &mut Budget,
    ) -> Option<Bytes> {
        let under_way = self.places.get(&id).and_then(|place| self.under_way.get_mut(place));
        match (kind, under_way) {
            (PUBREC, Some(under_way)) if code < reason::FIRST_FAILURE => {
                if let Stage::Publish(waiting) = std::mem::replace(&mut under_way.stage, Stage::Release) {
                    budget.used -= waiting.message.bytes();
                }
                Some(ack(version, PUBREL, id, reason::SUCCESS))
            }
            (PUBREC, None) if code < reason::FIRST_FAILURE => Some(ack(version, PUBREL, id, reason::PACKET_ID_UNKNOWN)),
            (PUBCOMP, Some(UnderWay { stage: Stage::Publish(_), .. })) | (_, None) => None,
            (_, Some(_)) => {
                self.finish(id, budget);
                None
            }
        }
    }

    fn finish(&mut self, id: u16, budget: &mut Budget) {
        let under_way = self.places.remove(&id).and_then(|place| self.under_way.remove(&place));
        if let Some(UnderWay { stage: Stage::Publish(waiting), .. }) = under_way {
            budget.used -= waiting.message.bytes();
        }
    }

    /// An identifier that is not in use. There is one: fewer are under way than there are identifiers.
    fn free_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.places.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }
}

fn encode(waiting: &Waiting, id: u16, is_again: bool, terms: &mut Terms, now: Instant) -> Option<Bytes> {
    let alias = terms.alias(&waiting.message.topic);
    let outgoing = Outgoing {
        message: &waiting.message,
        qos: waiting.qos,
        is_retained: waiting.is_retained,
        is_again,
        id,
        subscription_ids: &waiting.subscription_ids,
        alias,
    };
    let packet = outgoing.encode(terms.version, terms.packet_maximum, now)?;
    if let Some((alias, false)) = alias {
        terms.aliases.insert(waiting.message.topic.clone(), alias);
    }
    Some(packet)
}
