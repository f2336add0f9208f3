//! Who gets which message: subscriptions, shared ones among them, and retained messages (MQTT 5.0, sections 3.3.1.3, 4.7, 4.8).

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Instant;

use super::SessionId;
use super::message::Message;
use crate::model::mqtt::topic::TopicFilter;

/// A filter of a client, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Filter {
    /// The group of a shared subscription.
    pub(super) group: Option<String>,
    pub(super) topics: TopicFilter,
}

impl Filter {
    /// `None` where it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (group, topics) = match text.strip_prefix("$share/") {
            None => (None, text),
            Some(rest) => {
                let (group, topics) = rest.split_once('/')?;
                let is_name = !group.is_empty() && !group.contains(['+', '#']);
                (Some(is_name.then(|| group.to_owned())?), topics)
            }
        };
        Some(Self { group, topics: TopicFilter::from_str(topics).ok()? })
    }
}

/// How a client wants what a filter brings.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    pub(super) session: SessionId,
    pub(super) qos: u8,
    pub(super) no_local: bool,
    pub(super) retain_as_published: bool,
    pub(super) id: Option<u32>,
}

/// The subscriptions of one filter.
#[derive(Debug, Default)]
struct Members {
    alone: Vec<Subscription>,
    groups: BTreeMap<String, Group>,
}

/// The members of a shared subscription, of whom the next one is chosen in turn.
#[derive(Debug, Default)]
struct Group {
    members: Vec<Subscription>,
    turn: usize,
}

/// How a message goes to a session.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) session: SessionId,
    pub(super) qos: u8,
    pub(super) retain_as_published: bool,
    pub(super) ids: Vec<u32>,
}

/// The subscriptions of all sessions.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    exact: HashMap<String, Members>,
    wild: HashMap<TopicFilter, Members>,
}

impl Subscriptions {
    /// Takes a subscription in; whether it is new.
    pub(super) fn add(&mut self, filter: Filter, subscription: Subscription) -> bool {
        let members = if filter.topics.is_exact() {
            self.exact.entry(filter.topics.as_str().to_owned()).or_default()
        } else {
            self.wild.entry(filter.topics).or_default()
        };
        let list = match filter.group {
            None => &mut members.alone,
            Some(group) => &mut members.groups.entry(group).or_default().members,
        };
        if let Some(known) = list.iter_mut().find(|known| known.session == subscription.session) {
            *known = subscription;
        } else {
            list.push(subscription);
            return true;
        }
        false
    }

    /// Takes it out.
    pub(super) fn remove(&mut self, filter: &Filter, session: SessionId) {
        let is_exact = filter.topics.is_exact();
        let members =
            if is_exact { self.exact.get_mut(filter.topics.as_str()) } else { self.wild.get_mut(&filter.topics) };
        let Some(members) = members else { return };
        match &filter.group {
            None => members.alone.retain(|known| known.session != session),
            Some(group) => {
                let Some(shared) = members.groups.get_mut(group) else { return };
                shared.members.retain(|known| known.session != session);
                if shared.members.is_empty() {
                    members.groups.remove(group);
                }
            }
        }
        if members.alone.is_empty() && members.groups.is_empty() {
            if is_exact {
                self.exact.remove(filter.topics.as_str());
            } else {
                self.wild.remove(&filter.topics);
            }
        }
    }

    /// Who gets a message: each session once, with all its identifiers, and one member of each group. Members who are there
    /// (`is_here`) come before those who are away.
    pub(super) fn deliveries(&mut self, message: &Message, is_here: impl Fn(SessionId) -> bool) -> Vec<Delivery> {
        let topic = message.topic.as_str();
        let wild = self.wild.iter_mut().filter(|(filter, _)| filter.matches(topic)).map(|(_, members)| members);
        let (mut alone, mut shared) = (BTreeMap::<SessionId, Delivery>::new(), Vec::new());
        for members in self.exact.get_mut(topic).into_iter().chain(wild) {
            for subscription in &members.alone {
                if subscription.no_local && subscription.session == message.from {
                    continue;
                }
                alone
                    .entry(subscription.session)
                    .and_modify(|known| known.join(subscription))
                    .or_insert_with(|| Delivery::of(subscription));
            }
            shared.extend(members.groups.values_mut().filter_map(|group| group.next(&is_here)));
        }
        alone.into_values().chain(shared).collect()
    }
}

impl Delivery {
    fn of(subscription: &Subscription) -> Self {
        Self {
            session: subscription.session,
            qos: subscription.qos,
            retain_as_published: subscription.retain_as_published,
            ids: subscription.id.into_iter().collect(),
        }
    }

    fn join(&mut self, other: &Subscription) {
        self.qos = self.qos.max(other.qos);
        self.retain_as_published |= other.retain_as_published;
        self.ids.extend(other.id);
    }
}

impl Group {
    fn next(&mut self, is_here: impl Fn(SessionId) -> bool) -> Option<Delivery> {
        let count = self.members.len();
        let in_turn = (1..=count).map(|step| (self.turn + step) % count);
        let here = in_turn.clone().find(|place| is_here(self.members[*place].session));
        self.turn = here.or_else(|| in_turn.clone().next())?;
        self.members.get(self.turn).map(Delivery::of)
    }
}

/// The retained messages, by their topics.
#[derive(Debug, Default)]
pub(super) struct Retained {
    messages: BTreeMap<String, Arc<Message>>,
    bytes: usize,
}

impl Retained {
    /// Keeps a message, or forgets the topic's where it is empty; `false` where there is no room.
    pub(super) fn set(&mut self, message: &Arc<Message>, most: usize, most_bytes: usize) -> bool {
        if let Some(old) = self.messages.remove(&message.topic) {
            self.bytes -= old.bytes();
        }
        if message.payload.is_empty() {
            return true;
        }
        if self.messages.len() >= most || self.bytes + message.bytes() > most_bytes {
            return false;
        }
        self.bytes += message.bytes();
        self.messages.insert(message.topic.clone(), Arc::clone(message));
        true
    }

    /// Those that a filter means.
    pub(super) fn matching(&self, filter: &TopicFilter, now: Instant) -> Vec<Arc<Message>> {
        let is_good = |message: &&Arc<Message>| !message.is_expired(now);
        if filter.is_exact() {
            return self.messages.get(filter.as_str()).filter(is_good).cloned().into_iter().collect();
        }
        let meant = self.messages.iter().filter(|(topic, _)| filter.matches(topic)).map(|(_, message)| message);
        meant.filter(is_good).cloned().collect()
    }

    /// Forgets those that have expired.
    pub(super) fn forget_expired(&mut self, now: Instant) {
        let bytes = &mut self.bytes;
        self.messages.retain(|_, message| {
            let is_kept = !message.is_expired(now);
            *bytes -= if is_kept { 0 } else { message.bytes() };
            is_kept
        });
    }
}
