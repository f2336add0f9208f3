//! The look at a broker: whether the gateway's old credential is refused there while a good one is accepted, whether its client is
//! gone, and what the broker retains of it. Nothing is published or cleared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::run::{Broken, Job};
use crate::flow::port::{Broker, BrokerRequest, Connection, Delivery};
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::message::Subscription;
use crate::model::problem::Problem;
use crate::model::record::Phase;
use crate::model::text::visible;
use crate::model::wipe::{BrokerSeen, Guard, LiveTopic, LoginSeen, LoginState};
use crate::msg::wipe::WipeEvent;

/// How long the gateway's topics are listened to.
const LISTEN: Duration = Duration::from_secs(10);
/// How long all of it may take.
const LIMIT: Duration = Duration::from_mins(3);
/// Most topics that are kept.
const MOST_TOPICS: usize = 500;
/// Longest topic that is kept.
const TOPIC_CHARS: usize = 300;
/// Codes of problems by which a broker says no to a credential. That it was silent says nothing.
const REFUSALS: [&str; 3] = ["mqtt.not_authorised", "mqtt.not_let_in", "mqtt.tls_alert"];
/// Codes by which some brokers say no without a word. Once it may be chance.
const HUNG_UP: [&str; 2] = ["mqtt.hung_up_on_connect", "mqtt.tls_cut"];

/// What is looked at, and with which logins.
pub struct BrokerLook {
    /// Connects.
    pub broker: Arc<dyn Broker>,
    /// The gateway's old credential.
    pub old: Box<ConnectPlan>,
    /// One that is known to be good, on the same broker.
    pub control: Option<Box<ConnectPlan>>,
    /// The gateway's topics; looked at with the good one.
    pub topics: Vec<Subscription>,
}

impl Job {
    /// Looks at the broker, where that was asked for.
    pub(super) async fn look_at_broker(&mut self) -> Result<(), Broken> {
        let Some(look) = self.setup.broker.take().filter(|_| self.trail.guard == Guard::Passed) else { return Ok(()) };
        let endpoint = visible(&look.old.url.to_string(), TOPIC_CHARS);
        self.write("broker", Phase::Intent, "", json!({ "endpoint": endpoint })).await?;
        self.tell(WipeEvent::Busy { what: format!("Try the old credential at {endpoint}"), limit: LIMIT }).await;
        let seen = observed(&look, endpoint).await;
        self.write("broker", Phase::Outcome, seen.proof().as_str(), json!(seen)).await?;
        self.tell(WipeEvent::BrokerSeen(Box::new(seen.clone()))).await;
        self.trail.broker = Some(seen);
        Ok(())
    }
}

async fn observed(look: &BrokerLook, endpoint: String) -> BrokerSeen {
    let (mut old, _) = tried(look.broker.as_ref(), &look.old, &REFUSALS).await;
    if old.state == LoginState::NotAsked {
        (old, _) = tried(look.broker.as_ref(), &look.old, &[&REFUSALS[..], &HUNG_UP].concat()).await;
    }
    let refused_at = Instant::now();
    let mut seen = BrokerSeen {
        endpoint,
        old,
        control: None,
        apart: Duration::ZERO,
        retained: Vec::new(),
        live: Vec::new(),
        listened_seconds: 0,
    };
    let Some(control) = &look.control else { return seen };
    let (state, connection) = tried(look.broker.as_ref(), control, &REFUSALS).await;
    (seen.control, seen.apart) = (Some(state), refused_at.elapsed());
    if let (Some(connection), false) = (connection, look.topics.is_empty()) {
        listen(connection, look.topics.clone(), &mut seen).await;
    }
    seen
}

/// One login, which ends with the connection that is given back.
async fn tried(broker: &dyn Broker, plan: &ConnectPlan, refusals: &[&str]) -> (LoginSeen, Option<Connection>) {
    let (stages, mut told) = mpsc::channel(64);
    // Nobody wants the stages, and nobody may wait for room in them.
    let drain = async { while told.recv().await.is_some() {} };
    let (connected, ()) = tokio::join!(broker.connect(plan, 1, stages), drain);
    match connected {
        Ok(connection) => {
            let says = "it let it in".to_owned();
            (LoginSeen { state: LoginState::Accepted, says }, Some(connection))
        }
        Err(end) => {
            let is_no = refusals.contains(&end.problem.code);
            let state = if is_no { LoginState::Refused } else { LoginState::NotAsked };
            (LoginSeen { state, says: said(&end.problem) }, None)
        }
    }
}

fn said(problem: &Problem) -> String {
    let detail = if problem.detail.is_empty() { &problem.likely_cause } else { &problem.detail };
    visible(&format!("{}: {detail}", problem.what), TOPIC_CHARS)
}

/// What is retained on the gateway's topics, and what is still published there.
async fn listen(mut connection: Connection, topics: Vec<Subscription>, seen: &mut BrokerSeen) {
    let subscribe = BrokerRequest::Subscribe { ticket: 1, subscriptions: topics };
    if connection.requests.send(subscribe).await.is_err() {
        return;
    }
    let (mut retained, mut live) = (BTreeSet::new(), BTreeMap::<String, u64>::new());
    let until = Instant::now() + LISTEN;
    loop {
        let delivery = tokio::select! {
            delivery = connection.deliveries.recv() => delivery,
            () = sleep_until(until) => break,
        };
        match delivery {
            Some(Delivery::Messages(batch)) => {
                for message in batch.iter() {
                    let topic = visible(&String::from_utf8_lossy(message.topic), TOPIC_CHARS);
                    if message.is_retained {
                        if retained.len() < MOST_TOPICS {
                            retained.insert(topic);
                        }
                    } else if live.len() < MOST_TOPICS || live.contains_key(&topic) {
                        *live.entry(topic).or_default() += 1;
                    }
                }
            }
            Some(Delivery::Ended(_)) | None => break,
            Some(_) => {}
        }
    }
    seen.retained = retained.into_iter().collect();
    seen.live = live.into_iter().map(|(topic, messages)| LiveTopic { topic, messages }).collect();
    seen.listened_seconds = LISTEN.as_secs();
}
