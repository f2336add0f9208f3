//! What we send, written by rumqttc's codec in either version of the protocol.

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::{QoS as QoS4, v4};
use rumqttc::v5::mqttbytes::{QoS as QoS5, v5};

use crate::model::mqtt::MqttVersion;
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::message::{Outgoing, Properties, Qos, Subscription};
use crate::model::mqtt::topic::TopicFilter;
use crate::proto::mqtt::session::{Login, MAX_ALIASES, Packet};
use crate::proto::mqtt::wire::kind;

/// How long a broker keeps a session that is not to be forgotten, in seconds (MQTT 5): a day.
const SESSION_SECS: u32 = 24 * 60 * 60;

/// Writes what a session sends.
pub(super) fn encode(out: &mut BytesMut, version: MqttVersion, packet: Packet<'_>) {
    match packet {
        Packet::Connect { plan, login } => connect(out, plan, login),
        Packet::Subscribe { packet_id, subscriptions } => subscribe(out, version, packet_id, subscriptions),
        Packet::Unsubscribe { packet_id, filters } => unsubscribe(out, version, packet_id, filters),
        Packet::Publish { packet_id, message } => publish(out, version, packet_id, message),
        Packet::Ack { kind, packet_id } => ack(out, kind, packet_id),
        // What follows fails for lengths it never has.
        Packet::Ping => drop(v4::PingReq.write(out)),
        Packet::Disconnect => drop(v4::Disconnect.write(out)),
    }
}

fn qos4(qos: Qos) -> QoS4 {
    match qos {
        Qos::AtMostOnce => QoS4::AtMostOnce,
        Qos::AtLeastOnce => QoS4::AtLeastOnce,
        Qos::ExactlyOnce => QoS4::ExactlyOnce,
    }
}

fn qos5(qos: Qos) -> QoS5 {
    match qos {
        Qos::AtMostOnce => QoS5::AtMostOnce,
        Qos::AtLeastOnce => QoS5::AtLeastOnce,
        Qos::ExactlyOnce => QoS5::ExactlyOnce,
    }
}

/// Writes CONNECT.
fn connect(out: &mut BytesMut, plan: &ConnectPlan, login: &Login) {
    let keep_alive = u16::try_from(plan.keep_alive.as_secs()).unwrap_or(u16::MAX);
    let has_login = !login.username.is_empty() || !login.password.expose().is_empty();
    match plan.version {
        MqttVersion::V311 => {
            let mut packet = v4::Connect::new(plan.client_id.clone());
            packet.keep_alive = keep_alive;
            packet.clean_session = plan.is_clean;
            packet.last_will = plan
                .will
                .as_ref()
                .map(|will| v4::LastWill::new(&will.topic, will.payload.clone(), qos4(will.qos), will.is_retained));
            packet.login = has_login.then(|| v4::Login::new(&login.username, login.password.expose()));
            drop(packet.write(out));
        }
        MqttVersion::V5 => {
            let mut properties = v5::ConnectProperties::new();
            properties.topic_alias_max = Some(MAX_ALIASES);
            properties.session_expiry_interval =
                (!plan.is_clean).then(|| plan.session_expiry_secs.unwrap_or(SESSION_SECS));
            // The largest packet is not told: the broker would leave larger ones out in silence, and nobody would count them.
            let packet = v5::Connect {
                keep_alive,
                client_id: plan.client_id.clone(),
                clean_start: plan.is_clean,
                properties: Some(properties),
            };
            let will = plan.will.as_ref().map(last_will5);
            let login = has_login.then(|| v5::Login::new(&login.username, login.password.expose()));
            drop(packet.write(&will, &login, out));
        }
    }
}

fn last_will5(will: &Outgoing) -> v5::LastWill {
    let Properties { is_text, content_type, response_topic, correlation_data, expiry_secs, user, .. } =
        will.properties.clone();
    let properties = (!will.properties.is_empty()).then(|| v5::LastWillProperties {
        delay_interval: None,
        payload_format_indicator: is_text.then_some(1),
        message_expiry_interval: expiry_secs,
        content_type,
        response_topic,
        correlation_data: (!correlation_data.is_empty()).then(|| correlation_data.into()),
        user_properties: user,
    });
    v5::LastWill::new(&will.topic, will.payload.clone(), qos5(will.qos), will.is_retained, properties)
}

/// Writes SUBSCRIBE.
fn subscribe(out: &mut BytesMut, version: MqttVersion, packet_id: u16, wanted: &[Subscription]) {
    match version {
        MqttVersion::V311 => {
            let filters =
                wanted.iter().map(|wanted| v4::SubscribeFilter::new(wanted.filter.as_str().into(), qos4(wanted.qos)));
            let mut packet = v4::Subscribe::new_many(filters);
            packet.pkid = packet_id;
            drop(packet.write(out));
        }
        MqttVersion::V5 => {
            // A message that the broker passes on as kept (retain) is to be told apart from one it kept.
            let filters = wanted.iter().map(|wanted| v5::Filter::new(wanted.filter.as_str(), qos5(wanted.qos)));
            let mut packet = v5::Subscribe::new_many(filters, None);
            packet.pkid = packet_id;
            drop(packet.write(out));
        }
    }
}

/// Writes UNSUBSCRIBE.
fn unsubscribe(out: &mut BytesMut, version: MqttVersion, packet_id: u16, filters: &[TopicFilter]) {
    let texts = filters.iter().map(|filter| filter.as_str().to_owned()).collect();
    match version {
        MqttVersion::V311 => drop(v4::Unsubscribe { pkid: packet_id, topics: texts }.write(out)),
        MqttVersion::V5 => drop(v5::Unsubscribe { pkid: packet_id, filters: texts, properties: None }.write(out)),
    }
}

/// Writes PUBLISH. It fails for a packet id of 0 only, which no caller gives with QoS 1 and 2.
fn publish(out: &mut BytesMut, version: MqttVersion, packet_id: u16, message: Outgoing) {
    let Outgoing { topic, payload, qos, is_retained, properties } = message;
    match version {
        MqttVersion::V311 => {
            let mut packet = v4::Publish::from_bytes(topic, qos4(qos), Bytes::from(payload));
            packet.retain = is_retained;
            packet.pkid = packet_id;
            drop(packet.write(out));
        }
        MqttVersion::V5 => {
            let properties = (!properties.is_empty()).then(|| v5::PublishProperties {
                payload_format_indicator: properties.is_text.then_some(1),
                message_expiry_interval: properties.expiry_secs,
                topic_alias: None,
                response_topic: properties.response_topic,
                correlation_data: (!properties.correlation_data.is_empty()).then(|| properties.correlation_data.into()),
                user_properties: properties.user,
                // A client must not send them.
                subscription_identifiers: Vec::new(),
                content_type: properties.content_type,
            });
            let mut packet = v5::Publish::new(topic, qos5(qos), payload, properties);
            packet.retain = is_retained;
            packet.pkid = packet_id;
            drop(packet.write(out));
        }
    }
}

/// Writes PUBACK, PUBREC, PUBREL or PUBCOMP of success; they are alike in both versions.
fn ack(out: &mut BytesMut, ack: u8, packet_id: u16) {
    // They fail for lengths they never have.
    match ack {
        kind::PUBACK => drop(v4::PubAck::new(packet_id).write(out)),
        kind::PUBREC => drop(v4::PubRec::new(packet_id).write(out)),
        kind::PUBREL => drop(v4::PubRel::new(packet_id).write(out)),
        _ => drop(v4::PubComp::new(packet_id).write(out)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::mqtt::wire::{Head, Publish as Read};

    #[test]
    fn a_message_of_ours_reads_back() {
        let properties = Properties {
            is_text: true,
            content_type: Some("text/plain".into()),
            response_topic: Some("answer".into()),
            correlation_data: vec![1, 2],
            expiry_secs: Some(9),
            user: vec![("a".into(), "b".into()), ("a".into(), "c".into())],
            subscription_ids: Vec::new(),
        };
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
            let message = Outgoing {
                topic: "a/b".into(),
                payload: vec![7; 20_000],
                qos,
                is_retained: true,
                properties: properties.clone(),
            };
            for version in [MqttVersion::V311, MqttVersion::V5] {
                let mut out = BytesMut::new();
                let packet_id = u16::from(qos.number());
                encode(&mut out, version, Packet::Publish { packet_id, message: message.clone() });
                let head = Head::parse(&out).unwrap().unwrap();
                assert_eq!(head.bytes(), out.len());
                let read = Read::parse(version, head.first, &out[head.head_bytes..]).unwrap();
                assert_eq!((read.topic, read.payload.len(), read.qos), (&b"a/b"[..], 20_000, qos));
                let expected = (version == MqttVersion::V5).then(|| Box::new(properties.clone()));
                assert_eq!(read.properties, expected);
            }
        }
    }

    #[test]
    fn acknowledgements_are_four_bytes() {
        for (kind, first) in [(kind::PUBACK, 0x40), (kind::PUBREC, 0x50), (kind::PUBREL, 0x62), (kind::PUBCOMP, 0x70)] {
            let mut out = BytesMut::new();
            ack(&mut out, kind, 0x1234);
            assert_eq!(out[..], [first, 2, 0x12, 0x34]);
        }
    }
}
