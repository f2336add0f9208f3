//! The port of MQTT brokers: connect, and from then on messages in batches one way and requests the other.

#![expect(missing_docs, reason = "the sentence above a variant says what its fields carry")]

use std::sync::Arc;

use tokio::sync::mpsc;

use super::Boxed;
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::message::{Grant, Outgoing, PublishEnd, Subscription};
use crate::model::mqtt::stage::{StageReport, TracedPacket};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::problem::Problem;
use crate::telemetry::batch::Batch;

/// Connects to brokers.
pub trait Broker: Send + Sync {
    /// Connects once: from looking the name up to the answer to CONNECT and the grants of the plan's subscriptions. Every
    /// stage is reported as it begins and as it ends. Does not try again by itself.
    ///
    /// `attempt` is written into the reports.
    fn connect<'a>(
        &'a self,
        plan: &'a ConnectPlan,
        attempt: u32,
        stages: mpsc::Sender<StageReport>,
    ) -> Boxed<'a, Result<Connection, ConnectionEnd>>;
}

/// An open connection. It ends when `requests` is dropped, after a farewell; or by itself, and says so as its last delivery.
pub struct Connection {
    /// What is asked of it.
    pub requests: mpsc::Sender<BrokerRequest>,
    /// What comes of it, in order. While nobody takes from here, nothing is read (or messages are dropped and counted, as
    /// the plan has it).
    pub deliveries: mpsc::Receiver<Delivery>,
    /// Whether the broker kept a session of that name.
    pub is_session_present: bool,
    /// What the broker said of itself and its limits on CONNECT (MQTT 5): name and value, safe to show.
    pub facts: Vec<(String, String)>,
    /// When the login ends by itself, in seconds since 1970 UTC: a token's end.
    pub login_ends: Option<i64>,
}

/// What is asked of a connection. Answers come as deliveries of the same ticket.
pub enum BrokerRequest {
    /// Subscribe.
    Subscribe { ticket: u64, subscriptions: Vec<Subscription> },
    /// Take subscriptions back.
    Unsubscribe { ticket: u64, filters: Vec<TopicFilter> },
    /// Publish a message.
    Publish { ticket: u64, message: Box<Outgoing> },
}

/// What comes of a connection.
pub enum Delivery {
    /// Messages, in their order.
    Messages(Arc<Batch>),
    /// Packets other than messages, in their order.
    Packets(Vec<TracedPacket>),
    /// What became of subscriptions.
    Subscribed { ticket: u64, grants: Vec<Grant> },
    /// Subscriptions were taken back.
    Unsubscribed { ticket: u64 },
    /// What became of a message of ours.
    Published { ticket: u64, end: PublishEnd },
    /// The connection has ended. Nothing follows.
    Ended(ConnectionEnd),
}

/// Why a connection did not come about, or ended.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionEnd {
    /// What a person reads.
    pub problem: Problem,
    /// Whether trying again by itself makes sense.
    pub retry: Retry,
    /// Whether another client of the same name took over, or may have: what tells that two kick each other.
    pub is_takeover: bool,
}

/// Whether trying again makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// After a while that grows.
    Later,
    /// Not without a person: a wrong password stays wrong.
    Never,
}
