//! A broker for MQTT 3.1.1 and 5, without I/O and without a clock: bytes of clients in, packets for clients out, the time an
//! argument. What it forwards it forwards unaltered (MQTT-3.3.2-17). Everyone may log in, publish and subscribe: it serves a
//! bench, not a site. All that it holds is bounded, and what is left out for that is counted and told.

mod link;
mod message;
mod packet;
mod properties;
mod reason;
mod session;
#[cfg(test)]
mod tests;
mod topics;
mod visit;
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use self::link::Link;
pub use self::link::{Ending, Greeting, News, Output};
use self::message::Message;
pub use self::session::LeftOut;
use self::session::{Budget, Session, Waiting};
use self::topics::{Filter, Retained, Subscription, Subscriptions};
use crate::model::mqtt::topic::TopicFilter;

/// A connection, by a number that its owner chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId(pub u64);

/// A session, for as long as the broker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct SessionId(u64);

/// What the broker takes at most, and what it imposes on clients.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest packet of a client, in bytes.
    pub packet_bytes: usize,
    /// Packets that have not come whole yet, all clients together, in bytes.
    pub incomplete_bytes: usize,
    /// Messages under way from a client at a time.
    pub receive_maximum: u16,
    /// Topics that a client may abbreviate.
    pub topic_aliases: u16,
    /// Sessions, those of absent clients included.
    pub sessions: usize,
    /// Filters of one session.
    pub filters: usize,
    /// Messages that wait for one client.
    pub waiting: usize,
    /// Messages that wait, all clients together, in bytes.
    pub waiting_bytes: usize,
    /// Retained messages.
    pub retained: usize,
    /// Retained messages, in bytes.
    pub retained_bytes: usize,
    /// How long a client may take until it says who it is.
    pub greeting: Duration,
    /// The longest keep alive in seconds: an MQTT 5 client that wants a longer one is told this one.
    pub keep_alive_secs: Option<u16>,
    /// Filters to which nobody may subscribe.
    pub refused: Vec<TopicFilter>,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            packet_bytes: 64 * MIB,
            incomplete_bytes: 256 * MIB,
            receive_maximum: 100,
            topic_aliases: 100,
            sessions: 2000,
            filters: 1000,
            waiting: 100_000,
            waiting_bytes: 256 * MIB,
            retained: 100_000,
            retained_bytes: 256 * MIB,
            greeting: Duration::from_secs(20),
            keep_alive_secs: None,
            refused: Vec::new(),
        }
    }
}

/// Messages that were left out, of one client and for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Omission {
    /// For whom they were; empty for retained messages that were not kept.
    pub client_id: String,
    /// Why.
    pub why: LeftOut,
    /// How many.
    pub messages: u64,
}

/// The broker.
#[derive(Debug)]
pub struct Broker {
    limits: Limits,
    links: HashMap<LinkId, Link>,
    sessions: BTreeMap<SessionId, Session>,
    names: HashMap<String, SessionId>,
    subscriptions: Subscriptions,
    retained: Retained,
    budget: Budget,
    /// Bytes of packets that have not come whole.
    incomplete: usize,
    /// Connections for which there is something to send or to tell.
    touched: Vec<LinkId>,
    omissions: BTreeMap<(String, LeftOut), u64>,
    /// Whether something may fall due earlier than before.
    is_rescheduled: bool,
    next_session: u64,
    /// Makes assigned client ids differ from those of another run.
    seed: u32,
}

impl Broker {
    /// A broker without clients.
    pub fn new(limits: Limits, seed: u32) -> Self {
        let budget = Budget { used: 0, most: limits.waiting_bytes };
        Self {
            limits,
            links: HashMap::new(),
            sessions: BTreeMap::new(),
            names: HashMap::new(),
            subscriptions: Subscriptions::default(),
            retained: Retained::default(),
            budget,
            incomplete: 0,
            touched: Vec::new(),
            omissions: BTreeMap::new(),
            is_rescheduled: false,
            next_session: 0,
            seed,
        }
    }

    /// A connection was opened.
    pub fn opened(&mut self, id: LinkId, now: Instant) {
        self.links.insert(id, Link::new(now));
        self.is_rescheduled = true;
    }

    /// The connection is no more, however that came about.
    pub fn closed(&mut self, id: LinkId, now: Instant) {
        self.leave(id, true, now);
        if let Some(link) = self.links.remove(&id) {
            self.incomplete -= link.buffer.len();
        }
    }

    /// All clients are told goodbye: the broker stops.
    pub fn stop(&mut self) {
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            self.end(id, reason::SHUTTING_DOWN, Ending::Stopped);
        }
    }

    /// Packets for a connection, some 256 kB of them at most, and what is to be told of it.
    pub fn take_output(&mut self, id: LinkId, now: Instant) -> Output {
        let Some(link) = self.links.get_mut(&id) else { return Output::gone() };
        let mut output = link.take_output();
        let session = link.session.and_then(|session| self.sessions.get_mut(&session));
        if let (Some(session), Some(terms)) = (session, &mut link.terms) {
            while !output.is_full() {
                match session.next(terms, now, &mut self.budget) {
                    session::Next::Packet(packet) => output.push(packet),
                    session::Next::LeftOut(why) => count(&mut self.omissions, &session.client_id, why),
                    session::Next::Nothing => break,
                }
            }
        }
        output
    }

    /// Bytes of answers that wait to be taken: a client that reads none should not be read from for a while.
    pub fn unread_bytes(&self, id: LinkId) -> usize {
        self.links.get(&id).map_or(0, |link| link.unread_bytes)
    }

    /// Whether the broker has ended a connection.
    pub fn is_over(&self, id: LinkId) -> bool {
        self.links.get(&id).is_none_or(|link| link.is_over)
    }

    /// Connections for which there is something new since the last call.
    pub fn take_touched(&mut self) -> Vec<LinkId> {
        std::mem::take(&mut self.touched)
    }

    /// What was left out since the last call.
    pub fn take_omissions(&mut self) -> Vec<Omission> {
        let omissions = std::mem::take(&mut self.omissions);
        omissions.into_iter().map(|((client_id, why), messages)| Omission { client_id, why, messages }).collect()
    }

    /// Whether [`Broker::next_due`] may have become earlier since the last call.
    pub fn take_rescheduled(&mut self) -> bool {
        std::mem::take(&mut self.is_rescheduled)
    }

    /// When [`Broker::tick`] is to be called next.
    pub fn next_due(&self) -> Option<Instant> {
        let links = self.links.values().filter_map(|link| link.due(self.limits.greeting));
        let sessions = self.sessions.values().flat_map(|session| [session.ends, session.will_due]).flatten();
        links.chain(sessions).min()
    }

    /// Does what has fallen due: silent clients, wills, sessions that end, messages that expire.
    pub fn tick(&mut self, now: Instant) {
        let greeting = self.limits.greeting;
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        let silent = |link: &Link| is_due(link.due(greeting));
        let links: Vec<_> = self.links.iter().filter(|(_, link)| silent(link)).map(|(id, _)| *id).collect();
        for id in links {
            self.end(id, reason::KEEP_ALIVE, Ending::Silent);
            self.leave(id, true, now);
        }
        let wills = self.sessions.iter().filter(|(_, session)| is_due(session.will_due)).map(|(id, _)| *id);
        for id in wills.collect::<Vec<_>>() {
            self.publish_will(id, now);
        }
        let ended = self.sessions.iter().filter(|(_, session)| is_due(session.ends)).map(|(id, _)| *id);
        for id in ended.collect::<Vec<_>>() {
            self.remove_session(id, now);
        }
        self.retained.forget_expired(now);
    }

    /// Ends a connection: a last packet, where the version has one, and the reason for those who watch.
    fn end(&mut self, id: LinkId, code: u8, ending: Ending) {
        if let Some(link) = self.links.get_mut(&id) {
            link.end(code, ending);
            self.touched.push(id);
        }
    }

    /// The client of a connection is away. Its will is published, now or later, unless it said goodbye.
    fn leave(&mut self, id: LinkId, with_will: bool, now: Instant) {
        let Some(session_id) = self.links.get_mut(&id).and_then(|link| link.session.take()) else { return };
        let Some(session) = self.sessions.get_mut(&session_id) else { return };
        session.link = None;
        session.left = Some(now);
        self.is_rescheduled = true;
        if !with_will {
            session.will = None;
        }
        if session.expiry_secs == 0 {
            return self.remove_session(session_id, now);
        }
        let lasts = Duration::from_secs(session.expiry_secs.into());
        session.ends = (session.expiry_secs != u32::MAX).then(|| now + lasts);
        match session.will.as_ref().map(|will| Duration::from_secs(will.delay_secs.into())) {
            None => {}
            Some(Duration::ZERO) => self.publish_will(session_id, now),
            Some(delay) => session.will_due = Some(now + delay.min(lasts)),
        }
    }

    fn publish_will(&mut self, id: SessionId, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.will_due = None;
        if let Some(will) = session.will.take() {
            self.publish(Message::new(will.message, id, now), now);
        }
    }

    /// Ends a session; its will, if it still has one, is published (section 3.1.3.2.2).
    fn remove_session(&mut self, id: SessionId, now: Instant) {
        self.publish_will(id, now);
        let Some(mut session) = self.sessions.remove(&id) else { return };
        session.release(&mut self.budget);
        self.names.remove(&session.client_id);
        for filter in session.filters.iter().filter_map(|filter| Filter::parse(filter)) {
            self.subscriptions.remove(&filter, id);
        }
    }

    /// Keeps a message where it is to be retained, and hands it to all who subscribed; whether there were any.
    fn publish(&mut self, message: Message, now: Instant) -> bool {
        let message = Arc::new(message);
        let (most, bytes) = (self.limits.retained, self.limits.retained_bytes);
        if message.is_retained && !self.retained.set(&message, most, bytes) {
            count(&mut self.omissions, "", LeftOut::QueueFull);
        }
        let sessions = &self.sessions;
        let is_here = |id| sessions.get(&id).is_some_and(|session| session.link.is_some());
        let deliveries = self.subscriptions.deliveries(&message, is_here);
        let is_wanted = !deliveries.is_empty();
        for delivery in deliveries {
            let waiting = Waiting {
                message: Arc::clone(&message),
                qos: delivery.qos.min(message.qos),
                is_retained: message.is_retained && delivery.retain_as_published,
                subscription_ids: delivery.ids,
            };
            self.hand_over(delivery.session, waiting, now);
        }
        is_wanted
    }

    /// Lets a message wait for a client. One of QoS 0 does not wait for a client that is away.
    fn hand_over(&mut self, id: SessionId, waiting: Waiting, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if (session.link.is_none() && waiting.qos == 0) || waiting.message.is_expired(now) {
            return;
        }
        if !session.push(waiting, self.limits.waiting, &mut self.budget) {
            return count(&mut self.omissions, &session.client_id, LeftOut::QueueFull);
        }
        if let Some(link) = session.link.filter(|link| self.touched.last() != Some(link)) {
            self.touched.push(link);
        }
    }

    /// Takes a subscription in: the code for it, and the retained messages that come with it.
    fn subscribe(&mut self, id: SessionId, request: &packet::Request, number: Option<u32>, now: Instant) -> u8 {
        let Some(filter) = Filter::parse(&request.filter) else { return reason::FILTER_INVALID };
        let is_refused = |refused: &TopicFilter| *refused == filter.topics || refused.matches(filter.topics.as_str());
        if self.limits.refused.iter().any(is_refused) {
            return reason::NOT_AUTHORISED;
        }
        let Some(session) = self.sessions.get_mut(&id) else { return reason::UNSPECIFIED };
        if session.filters.len() >= self.limits.filters && !session.filters.contains(&request.filter) {
            return reason::QUOTA;
        }
        session.filters.insert(request.filter.clone());
        let packet::Request { qos, no_local, retain_as_published, retain_handling, .. } = *request;
        let subscription = Subscription { session: id, qos, no_local, retain_as_published, id: number };
        let is_shared = filter.group.is_some();
        let topics = filter.topics.clone();
        let is_new = self.subscriptions.add(filter, subscription);
        if !is_shared && (retain_handling == 0 || (retain_handling == 1 && is_new)) {
            for message in self.retained.matching(&topics, now) {
                let qos = qos.min(message.qos);
                let subscription_ids = number.into_iter().collect();
                self.hand_over(id, Waiting { message, qos, is_retained: true, subscription_ids }, now);
            }
        }
        qos
    }

    fn unsubscribe(&mut self, id: SessionId, filter: &str) -> u8 {
        let was_there = self.sessions.get_mut(&id).is_some_and(|session| session.filters.remove(filter));
        match Filter::parse(filter) {
            None => reason::FILTER_INVALID,
            Some(filter) if was_there => {
                self.subscriptions.remove(&filter, id);
                reason::SUCCESS
            }
            Some(_) => reason::NO_SUBSCRIPTION,
        }
    }

    fn send(&mut self, id: LinkId, packet: Bytes) {
        if let Some(link) = self.links.get_mut(&id) {
            link.push(packet);
            self.touched.push(id);
        }
    }
}

/// Clients whose omissions are counted apart at a time; the rest is counted together.
const MOST_COUNTED: usize = 100;

fn count(omissions: &mut BTreeMap<(String, LeftOut), u64>, client_id: &str, why: LeftOut) {
    let key = (client_id.to_owned(), why);
    let key = if omissions.len() < MOST_COUNTED || omissions.contains_key(&key) { key } else { (String::new(), why) };
    *omissions.entry(key).or_default() += 1;
}
