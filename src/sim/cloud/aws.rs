//! The MQTT front of AWS IoT Core ("MQTT" in its developer guide): quality of service 2 is never answered, what the policy denies
//! ends the session, one session for each client id, wildcards that bring no retained messages, presence events.

use std::collections::BTreeMap;

use bytes::Bytes;
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{
    ConnAck, Connect, ConnectReturnCode, Packet, PubAck, Publish, SubAck, Subscribe, SubscribeReasonCode, UnsubAck,
};
use serde_json::json;

use super::{Cloud, Effects};
use crate::model::mqtt::topic::TopicFilter;

const MAX_PAYLOAD: usize = 128 * 1024;
const MAX_FILTERS: usize = 8;
const MAX_SUBSCRIPTIONS: usize = 50;
const MAX_SLASHES: usize = 7;
const MAX_CLIENT_ID: usize = 128;

struct Session {
    client_id: String,
    filters: Vec<(TopicFilter, QoS)>,
    packet_id: u16,
}

/// An endpoint and its sessions.
#[derive(Default)]
pub struct IotCore {
    sessions: BTreeMap<u64, Session>,
    retained: BTreeMap<String, Vec<u8>>,
    /// Beginnings of the topics that the policy allows; all if there are none.
    allowed: Vec<String>,
    needs_alpn: bool,
    /// Why it ended sessions, as its presence events have it: reason and client.
    pub log: Vec<String>,
}

impl IotCore {
    /// Lets clients use topics that begin so, and no others.
    #[must_use]
    pub fn allowing(mut self, start: &str) -> Self {
        self.allowed.push(start.into());
        self
    }

    /// As on port 443: without the word in the handshake there is no MQTT.
    #[must_use]
    pub fn on_443(mut self) -> Self {
        self.needs_alpn = true;
        self
    }

    /// Publishes from another client.
    pub fn publish_from_elsewhere(&mut self, topic: &str, payload: &[u8], effects: &mut Effects) {
        self.route(topic, payload, effects);
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    fn is_allowed(&self, topic: &str) -> bool {
        let is_reserved = topic == "$SYS" || topic.starts_with("$SYS/");
        !is_reserved && (self.allowed.is_empty() || self.allowed.iter().any(|start| topic.starts_with(start.as_str())))
    }

    fn end(&mut self, session: u64, reason: &str, effects: &mut Effects) {
        effects.close(session);
        let Some(ended) = self.sessions.remove(&session) else { return };
        self.log.push(format!("{reason} {}", ended.client_id));
        let event = json!({ "clientId": ended.client_id, "eventType": "disconnected", "disconnectReason": reason });
        let topic = format!("$aws/events/presence/disconnected/{}", ended.client_id);
        self.route(&topic, event.to_string().as_bytes(), effects);
    }

    fn connect(&mut self, session: u64, connect: &Connect, effects: &mut Effects) {
        let client_id = connect.client_id.clone();
        if client_id.len() > MAX_CLIENT_ID {
            return effects.close(session);
        }
        let before =
            self.sessions.iter().find(|(_, session)| session.client_id == client_id).map(|(number, _)| *number);
        if let Some(before) = before {
            self.end(before, "DUPLICATE_CLIENTID", effects);
        }
        let event = json!({ "clientId": client_id, "eventType": "connected" }).to_string();
        self.route(&format!("$aws/events/presence/connected/{client_id}"), event.as_bytes(), effects);
        self.sessions.insert(session, Session { client_id, filters: Vec::new(), packet_id: 0 });
        effects.send(session, Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, false)));
    }

    fn subscribe(&mut self, number: u64, subscribe: &Subscribe, effects: &mut Effects) {
        if subscribe.filters.iter().any(|filter| filter.qos == QoS::ExactlyOnce) {
            // No answer at all: it looks as if it hung.
            return;
        }
        let filters: Option<Vec<_>> = subscribe
            .filters
            .iter()
            .map(|filter| {
                let slashes = filter.path.matches('/').count();
                let is_short = filter.path.starts_with("$aws/") || slashes <= MAX_SLASHES;
                let parsed =
                    filter.path.parse::<TopicFilter>().ok().filter(|_| is_short && self.is_allowed(&filter.path));
                parsed.map(|parsed| (parsed, filter.qos))
            })
            .collect();
        let Some(filters) = filters else { return self.end(number, "FORBIDDEN_ACCESS", effects) };
        let count = self.sessions.get(&number).map_or(0, |session| session.filters.len()) + filters.len();
        if subscribe.filters.len() > MAX_FILTERS || count > MAX_SUBSCRIPTIONS {
            return self.end(number, "CLIENT_ERROR", effects);
        }
        let granted = filters.iter().map(|(_, qos)| SubscribeReasonCode::Success(*qos)).collect();
        effects.send(number, Packet::SubAck(SubAck::new(subscribe.pkid, granted)));
        for (filter, _) in &filters {
            // A wildcard never brings what is kept.
            if let Some(payload) = self.retained.get(filter.as_str()).filter(|_| filter.is_exact()) {
                let mut publish = Publish::from_bytes(filter.as_str(), QoS::AtMostOnce, Bytes::from(payload.clone()));
                publish.retain = true;
                effects.send(number, Packet::Publish(publish));
            }
        }
        if let Some(session) = self.sessions.get_mut(&number) {
            session.filters.extend(filters);
        }
    }

    fn publish(&mut self, number: u64, publish: &Publish, effects: &mut Effects) {
        if publish.qos == QoS::ExactlyOnce {
            return;
        }
        let is_short = publish.topic.starts_with("$aws/") || publish.topic.matches('/').count() <= MAX_SLASHES;
        if !is_short || !self.is_allowed(&publish.topic) {
            return self.end(number, "FORBIDDEN_ACCESS", effects);
        }
        if publish.payload.len() > MAX_PAYLOAD {
            return self.end(number, "CLIENT_ERROR", effects);
        }
        if publish.qos == QoS::AtLeastOnce {
            effects.send(number, Packet::PubAck(PubAck::new(publish.pkid)));
        }
        if publish.retain {
            if publish.payload.is_empty() {
                self.retained.remove(&publish.topic);
            } else {
                self.retained.insert(publish.topic.clone(), publish.payload.to_vec());
            }
        }
        self.route(&publish.topic, &publish.payload, effects);
    }

    fn route(&mut self, topic: &str, payload: &[u8], effects: &mut Effects) {
        for (number, session) in &mut self.sessions {
            let Some((_, qos)) = session.filters.iter().find(|(filter, _)| matches(filter, topic)) else { continue };
            let mut publish = Publish::from_bytes(topic, *qos, Bytes::copy_from_slice(payload));
            if *qos != QoS::AtMostOnce {
                session.packet_id = session.packet_id.checked_add(1).unwrap_or(1);
                publish.pkid = session.packet_id;
            }
            effects.send(*number, Packet::Publish(publish));
        }
    }
}

/// As the standard has it, but that `a/#` does not mean `a`.
fn matches(filter: &TopicFilter, topic: &str) -> bool {
    let is_parent =
        filter.as_str().strip_suffix("/#").is_some_and(|parent| parent.split('/').count() == topic.split('/').count());
    filter.matches(topic) && !is_parent
}

impl Cloud for IotCore {
    fn alpn(&self) -> Vec<Vec<u8>> {
        if self.needs_alpn { vec![b"x-amzn-mqtt-ca".to_vec(), b"mqtt".to_vec()] } else { Vec::new() }
    }

    fn take(&mut self, session: u64, packet: Packet, effects: &mut Effects) {
        match packet {
            Packet::Connect(connect) => self.connect(session, &connect, effects),
            _ if !self.sessions.contains_key(&session) => effects.close(session),
            Packet::Subscribe(subscribe) => self.subscribe(session, &subscribe, effects),
            Packet::Publish(publish) => self.publish(session, &publish, effects),
            Packet::Unsubscribe(unsubscribe) => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session
                        .filters
                        .retain(|(filter, _)| !unsubscribe.topics.iter().any(|gone| gone == filter.as_str()));
                }
                effects.send(session, Packet::UnsubAck(UnsubAck::new(unsubscribe.pkid)));
            }
            Packet::PingReq => effects.send(session, Packet::PingResp),
            _ => {}
        }
    }

    fn ended(&mut self, session: u64, effects: &mut Effects) {
        self.end(session, "CONNECTION_LOST", effects);
    }

    fn tick(&mut self, _: &mut Effects) {}
}
