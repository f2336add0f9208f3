//! The MQTT client against mosquitto, and against a peer in this process that does what no broker does.

mod hostile;
mod mosquitto;
mod openssl;
mod peer;
mod tls;
mod told;
mod websocket;

use std::time::Duration;

use linesman::flow::port::{Broker as _, BrokerRequest, Connection, ConnectionEnd, Delivery};
use linesman::io::mqtt::MqttBroker;
use linesman::model::mqtt::connect::ConnectPlan;
use linesman::model::mqtt::message::{Grant, Outgoing, PublishEnd, Qos, Subscription};
use linesman::model::mqtt::stage::{Stage, StageReport, StageState, TracedPacket};
use linesman::telemetry::batch::Missed;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection with all that came of it.
struct Client {
    connection: Connection,
    messages: Vec<Message>,
    missed: Missed,
    packets: Vec<TracedPacket>,
    batches: usize,
    published: Vec<(u64, PublishEnd)>,
    granted: Vec<(u64, Vec<Grant>)>,
    unsubscribed: Vec<u64>,
    ended: Option<ConnectionEnd>,
}

#[derive(Clone, Debug, PartialEq)]
struct Message {
    topic: Vec<u8>,
    payload: Vec<u8>,
    qos: u8,
    is_retained: bool,
    is_duplicate: bool,
    mono_micros: u64,
    unix_micros: i64,
    properties: Option<linesman::model::mqtt::message::Properties>,
}

/// A plan for a broker on this machine.
fn plan(url: &str, subscriptions: &[(&str, Qos)]) -> ConnectPlan {
    let mut plan = ConnectPlan::new(url.parse().unwrap(), "linesman-test");
    plan.subscriptions = subscriptions.iter().map(|(filter, qos)| subscription(filter, *qos)).collect();
    plan
}

fn subscription(filter: &str, qos: Qos) -> Subscription {
    Subscription { filter: filter.parse().unwrap(), qos }
}

fn message(topic: &str, payload: impl Into<Vec<u8>>, qos: Qos) -> Outgoing {
    Outgoing { topic: topic.into(), payload: payload.into(), qos, ..Outgoing::default() }
}

/// Connects, and gives the last report of each stage.
async fn attempt(plan: &ConnectPlan) -> (Result<Connection, ConnectionEnd>, Vec<StageReport>) {
    attempt_with(&MqttBroker::new(), plan).await
}

async fn attempt_with(
    broker: &MqttBroker,
    plan: &ConnectPlan,
) -> (Result<Connection, ConnectionEnd>, Vec<StageReport>) {
    let (stages, mut reported) = mpsc::channel(64);
    let outcome = timeout(PATIENCE, broker.connect(plan, 1, stages)).await.expect("it comes to an end");
    let mut reports: Vec<StageReport> = Vec::new();
    while let Some(report) = reported.recv().await {
        reports.retain(|known| known.stage != report.stage);
        reports.push(report);
    }
    (outcome, reports)
}

/// Connects, and fails the test where that fails.
async fn connect(plan: &ConnectPlan) -> Client {
    let (outcome, reports) = attempt(plan).await;
    match outcome {
        Ok(connection) => Client::new(connection),
        Err(end) => panic!("{end:#?} {reports:#?}"),
    }
}

/// The report of a stage.
#[track_caller]
fn stage(reports: &[StageReport], stage: Stage) -> &StageReport {
    reports.iter().find(|report| report.stage == stage).unwrap_or_else(|| panic!("no {stage} in {reports:#?}"))
}

#[track_caller]
fn fact<'a>(report: &'a StageReport, name: &str) -> &'a str {
    let found = report.facts.iter().find(|(known, _)| known == name);
    &found.unwrap_or_else(|| panic!("no {name} in {:?}", report.facts)).1
}

/// Connects in vain, and gives the code of why, and the stage that failed.
async fn refused(plan: &ConnectPlan) -> (&'static str, Stage, ConnectionEnd, Vec<StageReport>) {
    let (outcome, reports) = attempt(plan).await;
    let end = outcome.err().expect("it is refused");
    let failed = reports.iter().find(|report| matches!(report.state, StageState::Failed(_)));
    let failed = failed.unwrap_or_else(|| panic!("no stage failed: {reports:#?}"));
    assert_eq!(failed.state, StageState::Failed(end.problem.clone()));
    (end.problem.code, failed.stage, end, reports.clone())
}

impl Client {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            messages: Vec::new(),
            missed: Missed::default(),
            packets: Vec::new(),
            batches: 0,
            published: Vec::new(),
            granted: Vec::new(),
            unsubscribed: Vec::new(),
            ended: None,
        }
    }

    /// Takes deliveries until enough is there.
    #[track_caller]
    fn until(&mut self, what: &str, enough: impl Fn(&Self) -> bool) -> impl Future<Output = ()> {
        let what = what.to_owned();
        async move {
            while !enough(self) {
                let delivery = timeout(PATIENCE, self.connection.deliveries.recv()).await;
                let Ok(delivery) = delivery else {
                    panic!("waited in vain for {what}: {} messages, {:?}", self.messages.len(), self.packets)
                };
                let Some(delivery) = delivery else { panic!("it ended before {what}: {:?}", self.ended) };
                self.take(delivery);
            }
        }
    }

    fn take(&mut self, delivery: Delivery) {
        assert!(self.ended.is_none(), "something follows the end");
        match delivery {
            Delivery::Messages(batch) => {
                self.batches += 1;
                self.missed.dropped += batch.missed.dropped;
                self.missed.dropped_bytes += batch.missed.dropped_bytes;
                self.missed.oversize += batch.missed.oversize;
                self.missed.malformed += batch.missed.malformed;
                self.messages.extend(batch.iter().map(|arrival| Message {
                    topic: arrival.topic.to_vec(),
                    payload: arrival.payload.to_vec(),
                    qos: arrival.qos.number(),
                    is_retained: arrival.is_retained,
                    is_duplicate: arrival.is_duplicate,
                    mono_micros: arrival.mono_micros,
                    unix_micros: arrival.unix_micros,
                    properties: arrival.properties.cloned(),
                }));
            }
            Delivery::Packets(packets) => self.packets.extend(packets),
            Delivery::Subscribed { ticket, grants } => self.granted.push((ticket, grants)),
            Delivery::Unsubscribed { ticket } => self.unsubscribed.push(ticket),
            Delivery::Published { ticket, end } => self.published.push((ticket, end)),
            Delivery::Ended(end) => self.ended = Some(end),
        }
    }

    async fn messages(&mut self, count: usize) -> &[Message] {
        self.until(&format!("{count} messages"), |client| client.messages.len() >= count).await;
        &self.messages
    }

    /// Waits for the end, and gives the code of why.
    async fn end(&mut self) -> &'static str {
        self.until("the end", |client| client.ended.is_some()).await;
        assert!(self.connection.deliveries.recv().await.is_none(), "something follows the end");
        self.ended.as_ref().unwrap().problem.code
    }

    /// Publishes, and takes what comes meanwhile: who takes nothing gets no room for requests.
    async fn publish(&mut self, ticket: u64, message: Outgoing) {
        let request = BrokerRequest::Publish { ticket, message: Box::new(message) };
        loop {
            let requests = self.connection.requests.clone();
            tokio::select! {
                room = requests.reserve() => return room.expect("the connection is there").send(request),
                delivery = self.connection.deliveries.recv() => self.take(delivery.expect("not yet over")),
            }
        }
    }

    /// Publishes and waits for what becomes of it.
    async fn published(&mut self, ticket: u64, message: Outgoing) -> PublishEnd {
        self.publish(ticket, message).await;
        let is_mine = move |published: &&(u64, PublishEnd)| published.0 == ticket;
        self.until("the end of a message", |client| client.published.iter().any(|known| is_mine(&known))).await;
        self.published.iter().find(is_mine).unwrap().1.clone()
    }

    /// Lets go, and waits until the farewell is said.
    async fn leave(&mut self) {
        let (gone, _) = mpsc::channel(1);
        self.connection.requests = gone;
        assert_eq!(self.end().await, "mqtt.left");
    }

    async fn subscribe(&mut self, ticket: u64, subscriptions: Vec<Subscription>) -> Vec<Grant> {
        let request = BrokerRequest::Subscribe { ticket, subscriptions };
        self.connection.requests.send(request).await.unwrap_or_else(|_| panic!("the connection is gone"));
        self.until("the grants", |client| client.granted.iter().any(|known| known.0 == ticket)).await;
        self.granted.iter().find(|known| known.0 == ticket).unwrap().1.clone()
    }

    /// The names of the packets so far, sent ones with `>`.
    fn kinds(&self) -> Vec<String> {
        let arrow = |packet: &TracedPacket| if packet.direction.as_str() == "sent" { ">" } else { "<" };
        self.packets.iter().map(|packet| format!("{}{}", arrow(packet), packet.kind)).collect()
    }
}
