//! What a [`Session`](super::Session) sends, as values: whoever runs it brings the codec that writes them.

use bytes::BytesMut;

use crate::model::mqtt::MqttVersion;
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::message::{Outgoing, Subscription};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::secret::Secret;

/// How many aliases of topics we let a broker use.
pub const MAX_ALIASES: u16 = 64;

/// Writes a packet behind what is there.
pub type Encode = fn(&mut BytesMut, MqttVersion, Packet<'_>);

/// User and password as they go over the wire.
#[derive(Default)]
pub struct Login {
    /// The user.
    pub username: String,
    /// The password.
    pub password: Secret<String>,
}

/// A packet of ours.
pub enum Packet<'a> {
    /// CONNECT.
    Connect {
        /// Name, session, keep-alive, last will.
        plan: &'a ConnectPlan,
        /// User and password.
        login: &'a Login,
    },
    /// SUBSCRIBE.
    Subscribe {
        /// Its number.
        packet_id: u16,
        /// What is subscribed to.
        subscriptions: &'a [Subscription],
    },
    /// UNSUBSCRIBE.
    Unsubscribe {
        /// Its number.
        packet_id: u16,
        /// What is not wanted any more.
        filters: &'a [TopicFilter],
    },
    /// PUBLISH.
    Publish {
        /// Its number, 0 with QoS 0.
        packet_id: u16,
        /// The message.
        message: Outgoing,
    },
    /// PUBACK, PUBREC, PUBREL or PUBCOMP of success.
    Ack {
        /// Which of them, as in [`kind`](crate::proto::mqtt::wire::kind).
        kind: u8,
        /// What it answers.
        packet_id: u16,
    },
    /// PINGREQ.
    Ping,
    /// DISCONNECT: the last will is not published.
    Disconnect,
}
