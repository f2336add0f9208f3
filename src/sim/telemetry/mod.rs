//! The MQTT side of a simulated gateway: once it is in its network it connects to a broker by real MQTT and publishes, until it
//! is reset; then its last will is seen. Slow waves, so that plots look alive; gateways with habits, so that there is something
//! to find: one that falls silent now and then, one whose sensor is stuck.

mod payload;
pub mod sparkplug;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rumqttc::{AsyncClient, Event, EventLoop, LastWill, MqttOptions, Packet, QoS};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use self::payload::{Moment, Stream};
use self::sparkplug::EdgeNode;
use super::uplink::{Uplink, UplinkState};
use crate::model::mqtt::url::{BrokerUrl, Scheme};
use crate::model::problem::{Explain, Problem};

/// After a connection that failed.
const RETRY: Duration = Duration::from_secs(2);
/// The time between two looks at what is due.
const TICK: Duration = Duration::from_millis(250);
/// Messages that may wait for the connection.
const ROOM: usize = 64;

/// What a gateway publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// JSON every second, a number as text, a status with last will.
    Json,
    /// CBOR, gzipped JSON, a door sensor that is stuck; silent for 20 s of every 90.
    Moody,
    /// Sparkplug B, with births, and aliases after them.
    Sparkplug,
}

/// A gateway that publishes.
#[derive(Clone, Debug)]
pub struct TelemetryPlan {
    /// The broker; plain TCP only.
    pub broker: BrokerUrl,
    /// Its client id.
    pub client_id: String,
    /// Its name in topics.
    pub name: String,
    /// What it publishes.
    pub habit: Habit,
}

/// Why a simulated gateway cannot publish.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TelemetryError {
    /// The address is not one of plain MQTT.
    #[error("{scheme} is not spoken")]
    Scheme {
        /// What was asked for.
        scheme: Scheme,
    },
}

impl Explain for TelemetryError {
    fn explain(&self) -> Problem {
        match self {
            Self::Scheme { scheme } => Problem::new(
                "sim.broker",
                format!("The simulated gateway does not speak {scheme}"),
                "It publishes by plain MQTT over TCP",
                "Give an address like mqtt://127.0.0.1:1883",
            ),
        }
    }
}

impl TelemetryPlan {
    /// A gateway of that name.
    pub fn new(broker: BrokerUrl, name: &str, habit: Habit) -> Result<Self, TelemetryError> {
        if broker.scheme != Scheme::Mqtt {
            return Err(TelemetryError::Scheme { scheme: broker.scheme });
        }
        let name = slug(name);
        Ok(Self { broker, client_id: format!("gw-{name}"), name, habit })
    }

    /// Publishes while the uplink is up, until the task is aborted. Call it inside a tokio runtime.
    pub fn start(self, uplink: &Uplink) -> JoinHandle<()> {
        let (watched, kept) = (uplink.watch(), uplink.clone());
        tokio::spawn(async move {
            self.run(watched).await;
            // An uplink that nobody else holds any more stays as it is.
            drop(kept);
        })
    }

    async fn run(self, mut uplink: watch::Receiver<UplinkState>) {
        loop {
            let Ok(state) = uplink.wait_for(|state| state.is_up).await.map(|state| *state) else { return };
            let mut gateway = Gateway::new(&self);
            let is_over = tokio::select! {
                () = gateway.publish() => false,
                // It is dropped without a goodbye: the broker publishes its last will.
                lost = async { uplink.wait_for(|now| now.losses != state.losses).await.is_err() } => lost,
            };
            drop(gateway);
            if is_over {
                return;
            }
            sleep(RETRY).await;
        }
    }

    /// Where it tells whether it is there.
    fn status_topic(&self) -> String {
        format!("site/{}/status", self.name)
    }
}

/// `Boiler room` becomes `boiler-room`.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.to_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "gateway".into() } else { slug.chars().take(40).collect() }
}

/// A gateway on one connection.
struct Gateway {
    client: AsyncClient,
    events: EventLoop,
    streams: Vec<(String, Stream, u64)>,
    edge: Option<EdgeNode>,
    status_topic: String,
    is_moody: bool,
}

impl Gateway {
    fn new(plan: &TelemetryPlan) -> Self {
        let mut options = MqttOptions::new(&plan.client_id, &plan.broker.host, plan.broker.port);
        options.set_keep_alive(Duration::from_secs(15));
        let edge = (plan.habit == Habit::Sparkplug).then(|| EdgeNode::new("Site", &plan.name));
        options.set_last_will(match &edge {
            Some(edge) => LastWill::new(edge.topic("NDEATH"), edge.death(), QoS::AtLeastOnce, false),
            None => LastWill::new(plan.status_topic(), "offline", QoS::AtLeastOnce, true),
        });
        let (client, events) = AsyncClient::new(options, ROOM);
        let streams = payload::streams(plan.habit).into_iter();
        Self {
            client,
            events,
            streams: streams.map(|(topic, stream)| (format!("site/{}/{topic}", plan.name), stream, 0)).collect(),
            edge,
            status_topic: plan.status_topic(),
            is_moody: plan.habit == Habit::Moody,
        }
    }

    /// Publishes until the connection ends.
    async fn publish(&mut self) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let began = Instant::now();
        let mut is_connected = false;
        loop {
            tokio::select! {
                event = self.events.poll() => match event {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        is_connected = true;
                        self.greet();
                    }
                    Ok(Event::Incoming(Packet::Publish(command))) => self.take_command(&command.topic, &command.payload),
                    Ok(_) => {}
                    Err(_) => return,
                },
                _ = tick.tick(), if is_connected => self.tell(began.elapsed()),
            }
        }
    }

    /// What a gateway says first.
    fn greet(&mut self) {
        let Some(edge) = &mut self.edge else {
            let topic = self.status_topic.clone();
            return self.send(topic, true, b"online".to_vec());
        };
        let commands = edge.topic("NCMD");
        let (topic, birth) = (edge.topic("NBIRTH"), edge.birth(unix_millis()));
        // The channel is empty: the connection has just come about.
        let _ = self.client.try_subscribe(commands, QoS::AtLeastOnce);
        self.send(topic, false, birth);
    }

    fn take_command(&mut self, topic: &str, payload: &[u8]) {
        let Some(edge) = &mut self.edge else { return };
        if topic == edge.topic("NCMD") && sparkplug::asks_for_rebirth(payload) {
            let (topic, birth) = (edge.topic("NBIRTH"), edge.birth(unix_millis()));
            self.send(topic, false, birth);
        }
    }

    /// Publishes what is due.
    fn tell(&mut self, since: Duration) {
        if self.is_moody && since.as_secs() % 90 >= 70 {
            return;
        }
        let mut due = Vec::new();
        for (topic, stream, count) in &mut self.streams {
            if since >= stream.every * u32::try_from(*count).unwrap_or(u32::MAX) {
                *count += 1;
                due.push((topic.clone(), (stream.make)(&Moment { seq: *count, since, unix_millis: unix_millis() })));
            }
        }
        if let Some(edge) = &mut self.edge
            && let Some(data) = edge.data(since, unix_millis())
        {
            due.push((edge.topic("NDATA"), data));
        }
        for (topic, payload) in due {
            self.send(topic, false, payload);
        }
    }

    fn send(&self, topic: String, is_retained: bool, payload: Vec<u8>) {
        let qos = if is_retained { QoS::AtLeastOnce } else { QoS::AtMostOnce };
        // A gateway whose connection takes nothing loses what it measures.
        let _ = self.client.try_publish(topic, qos, is_retained, payload);
    }
}

fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_levels() {
        assert_eq!(slug("Boiler room"), "boiler-room");
        assert_eq!(slug("  KÄLTE/+#1 "), "k-lte-1");
        assert_eq!(slug("/#"), "gateway");
    }

    #[test]
    fn only_plain_mqtt_is_spoken() {
        let plan = |url: &str| TelemetryPlan::new(url.parse().unwrap(), "x", Habit::Json);
        assert_eq!(plan("mqtts://h").err(), Some(TelemetryError::Scheme { scheme: Scheme::Mqtts }));
        assert_eq!(plan("mqtt://h").unwrap().client_id, "gw-x");
    }
}
