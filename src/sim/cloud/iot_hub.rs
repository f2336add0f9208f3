//! The MQTT front of an Azure IoT Hub ("Communicate with an IoT hub using the MQTT protocol"): devices log in with tokens, one
//! connection each; events go in, messages, twin and methods come out; everything else closes the connection.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{
    ConnAck, Connect, ConnectReturnCode, Packet, PubAck, Publish, SubAck, Subscribe, SubscribeReasonCode, UnsubAck,
};
use serde_json::{Map, Value, json};

use super::{Cloud, Effects};
use crate::model::secret::Secret;
use crate::proto::mqtt::sas;

/// The longest event, in bytes.
const MAX_EVENT: usize = 256 * 1024;
/// Subscriptions of one connection.
const MAX_SUBSCRIPTIONS: usize = 5;

/// What a device sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// The device.
    pub device: String,
    /// Its properties, as they stood in the topic.
    pub bag: String,
    /// What it sent.
    pub payload: Vec<u8>,
}

struct Device {
    key: Secret<String>,
    reported: Map<String, Value>,
    desired: Map<String, Value>,
    version: u64,
    session: Option<u64>,
}

struct Session {
    device: String,
    ends_unix_secs: i64,
    filters: BTreeSet<String>,
    packet_id: u16,
}

/// A hub and its devices.
pub struct IotHub {
    host: String,
    devices: BTreeMap<String, Device>,
    sessions: BTreeMap<u64, Session>,
    /// By how much its clock is ahead of this computer's.
    pub clock_ahead_secs: i64,
    /// What it received.
    pub telemetry: Vec<Telemetry>,
    /// Answers of methods: status, number of the request, payload.
    pub method_answers: Vec<(String, String, Vec<u8>)>,
    /// Why it closed connections, as its own log has it: code and device.
    pub log: Vec<String>,
    methods: u64,
}

impl IotHub {
    /// A hub of that name.
    pub const fn new(host: String) -> Self {
        Self {
            host,
            devices: BTreeMap::new(),
            sessions: BTreeMap::new(),
            clock_ahead_secs: 0,
            telemetry: Vec::new(),
            method_answers: Vec::new(),
            log: Vec::new(),
            methods: 0,
        }
    }

    /// Registers a device by its key, in base64.
    #[must_use]
    pub fn with_device(mut self, id: &str, key: Secret<String>) -> Self {
        let device = Device { key, reported: Map::new(), desired: Map::new(), version: 1, session: None };
        self.devices.insert(id.to_owned(), device);
        self
    }

    /// Whether a device is connected.
    pub fn is_connected(&self, device: &str) -> bool {
        self.devices.get(device).is_some_and(|device| device.session.is_some())
    }

    /// What a device has reported.
    pub fn reported(&self, device: &str) -> Value {
        self.devices.get(device).map_or(Value::Null, |device| Value::Object(device.reported.clone()))
    }

    /// Sends a message to a device. False when nobody takes it.
    pub fn send_to_device(&mut self, device: &str, bag: &str, payload: &[u8], effects: &mut Effects) -> bool {
        let topic = format!("devices/{device}/messages/devicebound/{bag}");
        self.deliver(device, &topic, payload, &format!("devices/{device}/messages/devicebound/#"), effects)
    }

    /// Changes what is wanted of a device.
    pub fn desire(&mut self, id: &str, patch: &Map<String, Value>, effects: &mut Effects) -> bool {
        let Some(device) = self.devices.get_mut(id) else { return false };
        device.version += 1;
        device.desired.extend(patch.clone());
        let version = device.version;
        let mut told = patch.clone();
        told.insert("$version".into(), version.into());
        let topic = format!("$iothub/twin/PATCH/properties/desired/?$version={version}");
        let payload = Value::Object(told).to_string();
        self.deliver(id, &topic, payload.as_bytes(), "$iothub/twin/PATCH/properties/desired/#", effects)
    }

    /// Calls a method of a device.
    pub fn call(&mut self, device: &str, name: &str, payload: &[u8], effects: &mut Effects) -> bool {
        self.methods += 1;
        let topic = format!("$iothub/methods/POST/{name}/?$rid={:x}", self.methods);
        self.deliver(device, &topic, payload, "$iothub/methods/POST/#", effects)
    }

    fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX) + self.clock_ahead_secs
    }

    fn deliver(&mut self, device: &str, topic: &str, payload: &[u8], filter: &str, effects: &mut Effects) -> bool {
        let Some(number) = self.devices.get(device).and_then(|device| device.session) else { return false };
        let Some(session) = self.sessions.get_mut(&number).filter(|session| session.filters.contains(filter)) else {
            return false;
        };
        session.packet_id = session.packet_id.checked_add(1).unwrap_or(1);
        let is_answer = topic.starts_with("$iothub/");
        let qos = if is_answer { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        let mut publish = Publish::from_bytes(topic, qos, Bytes::copy_from_slice(payload));
        publish.pkid = if is_answer { 0 } else { session.packet_id };
        effects.send(number, Packet::Publish(publish));
        true
    }

    fn refuse(&mut self, session: u64, code: ConnectReturnCode, why: String, effects: &mut Effects) {
        self.log.push(why);
        effects.send(session, Packet::ConnAck(ConnAck::new(code, false)));
        effects.close(session);
    }

    fn close(&mut self, session: u64, why: &str, effects: &mut Effects) {
        let device = self.sessions.get(&session).map_or("unknown", |session| session.device.as_str());
        self.log.push(format!("{why} {device}"));
        effects.close(session);
    }

    fn connect(&mut self, session: u64, connect: &Connect, effects: &mut Effects) {
        let id = connect.client_id.as_str();
        let login = connect.login.as_ref();
        let expected = format!("{}/{id}/?api-version=", self.host);
        if login.is_none_or(|login| !login.username.starts_with(&expected)) {
            let why = format!("400000 {id}: the user name is not {expected}…");
            return self.refuse(session, ConnectReturnCode::BadUserNamePassword, why, effects);
        }
        let token = Secret::new(login.map(|login| login.password.clone()).unwrap_or_default());
        let Some(device) = self.devices.get(id) else {
            return self.refuse(session, ConnectReturnCode::NotAuthorized, format!("404001 {id}"), effects);
        };
        let is_own = |facts: &sas::SasFacts| facts.resource == sas::resource(&self.host, id);
        let facts = sas::parse(&token).ok().filter(is_own).filter(|_| sas::is_signed_with(&token, &device.key));
        let Some(facts) = facts.filter(|facts| facts.expires_unix_secs > self.now()) else {
            return self.refuse(session, ConnectReturnCode::NotAuthorized, format!("401003 {id}"), effects);
        };
        let before = self.devices.get_mut(id).and_then(|device| device.session.replace(session));
        if let Some(before) = before {
            self.close(before, "400027", effects);
        }
        let ends_unix_secs = facts.expires_unix_secs;
        let new = Session { device: id.into(), ends_unix_secs, filters: BTreeSet::new(), packet_id: 0 };
        self.sessions.insert(session, new);
        effects.send(session, Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, false)));
    }

    fn subscribe(&mut self, number: u64, subscribe: &Subscribe, effects: &mut Effects) {
        let Some(session) = self.sessions.get_mut(&number) else { return effects.close(number) };
        let mut granted = Vec::new();
        for filter in &subscribe.filters {
            let own = format!("devices/{}/messages/devicebound/#", session.device);
            let is_known = filter.path == own
                || matches!(
                    filter.path.as_str(),
                    "$iothub/twin/res/#" | "$iothub/twin/PATCH/properties/desired/#" | "$iothub/methods/POST/#"
                );
            session.filters.insert(filter.path.clone());
            if !is_known || session.filters.len() > MAX_SUBSCRIPTIONS {
                return self.close(number, "400000 subscription", effects);
            }
            // 2 is granted as 1.
            granted.push(SubscribeReasonCode::Success(match filter.qos {
                QoS::AtMostOnce => QoS::AtMostOnce,
                QoS::AtLeastOnce | QoS::ExactlyOnce => QoS::AtLeastOnce,
            }));
        }
        effects.send(number, Packet::SubAck(SubAck::new(subscribe.pkid, granted)));
    }

    fn publish(&mut self, number: u64, publish: &Publish, effects: &mut Effects) {
        let Some(device) = self.sessions.get(&number).map(|session| session.device.clone()) else {
            return effects.close(number);
        };
        if publish.qos == QoS::ExactlyOnce || publish.payload.len() > MAX_EVENT {
            return self.close(number, "400000 publish", effects);
        }
        let topic = publish.topic.as_str();
        let events = format!("devices/{device}/messages/events");
        let others = ["$iothub/twin/GET/", "$iothub/twin/PATCH/properties/reported/", "$iothub/methods/res/"];
        if !topic.starts_with(&events) && !others.iter().any(|start| topic.starts_with(start)) {
            return self.close(number, "400000 topic", effects);
        }
        if publish.qos == QoS::AtLeastOnce {
            effects.send(number, Packet::PubAck(PubAck::new(publish.pkid)));
        }
        if let Some(bag) = topic.strip_prefix(&events) {
            let mut bag = bag.trim_matches('/').to_owned();
            if publish.retain {
                bag.push_str(if bag.is_empty() { "x-opt-retain=true" } else { "&x-opt-retain=true" });
            }
            self.telemetry.push(Telemetry { device, bag, payload: publish.payload.to_vec() });
            return;
        }
        let (path, query) = topic.split_once('?').unwrap_or((topic, ""));
        let rid = query.split('&').find_map(|pair| pair.strip_prefix("$rid=")).unwrap_or_default();
        match path.trim_end_matches('/') {
            "$iothub/twin/GET" => self.answer_twin(&device, rid, effects),
            "$iothub/twin/PATCH/properties/reported" => self.take_report(&device, rid, &publish.payload, effects),
            path => match path.strip_prefix("$iothub/methods/res/") {
                Some(status) => {
                    self.method_answers.push((status.into(), rid.into(), publish.payload.to_vec()));
                }
                None => self.close(number, "400000 topic", effects),
            },
        }
    }

    fn answer_twin(&mut self, id: &str, rid: &str, effects: &mut Effects) {
        let Some(device) = self.devices.get(id) else { return };
        let mut desired = device.desired.clone();
        desired.insert("$version".into(), device.version.into());
        let mut reported = device.reported.clone();
        reported.insert("$version".into(), 1.into());
        let twin = json!({ "desired": desired, "reported": reported }).to_string();
        self.deliver(id, &format!("$iothub/twin/res/200/?$rid={rid}"), twin.as_bytes(), "$iothub/twin/res/#", effects);
    }

    fn take_report(&mut self, id: &str, rid: &str, payload: &[u8], effects: &mut Effects) {
        let Some(device) = self.devices.get_mut(id) else { return };
        let status = match serde_json::from_slice(payload) {
            Ok(Value::Object(patch)) => {
                device.reported.extend(patch);
                device.reported.retain(|_, value| !value.is_null());
                device.version += 1;
                204
            }
            _ => 400,
        };
        let topic = format!("$iothub/twin/res/{status}/?$rid={rid}&$version={}", device.version);
        self.deliver(id, &topic, b"", "$iothub/twin/res/#", effects);
    }
}

impl Cloud for IotHub {
    fn take(&mut self, session: u64, packet: Packet, effects: &mut Effects) {
        match packet {
            Packet::Connect(connect) => self.connect(session, &connect, effects),
            _ if !self.sessions.contains_key(&session) => effects.close(session),
            Packet::Subscribe(subscribe) => self.subscribe(session, &subscribe, effects),
            Packet::Publish(publish) => self.publish(session, &publish, effects),
            Packet::Unsubscribe(unsubscribe) => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.filters.retain(|filter| !unsubscribe.topics.contains(filter));
                }
                effects.send(session, Packet::UnsubAck(UnsubAck::new(unsubscribe.pkid)));
            }
            Packet::PingReq => effects.send(session, Packet::PingResp),
            _ => {}
        }
    }

    fn ended(&mut self, session: u64, _: &mut Effects) {
        let Some(ended) = self.sessions.remove(&session) else { return };
        if let Some(device) = self.devices.get_mut(&ended.device)
            && device.session == Some(session)
        {
            device.session = None;
        }
    }

    fn tick(&mut self, effects: &mut Effects) {
        let now = self.now();
        let ended = self.sessions.iter().filter(|(_, session)| session.ends_unix_secs <= now);
        let ended: Vec<u64> = ended.map(|(number, _)| *number).collect();
        for session in ended {
            self.close(session, "401003", effects);
            self.ended(session, effects);
        }
    }
}
