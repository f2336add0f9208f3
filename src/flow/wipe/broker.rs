//! The look at a broker: whether the gateway's old credential is refused there while a good one is accepted, whether its client is
//! gone, and what the broker retains of it. Only what was listed before and what a person consented to is cleared.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::ear::{Beside, Ear, Heard, MOST_TOPICS, TOPIC_CHARS, connected};
use super::run::{Broken, Job, said};
use crate::flow::inspect::{after_clearing, clear, clear_intent, find};
use crate::flow::port::{Broker, Connection};
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::message::{Qos, Subscription};
use crate::model::problem::Problem;
use crate::model::record::Phase;
use crate::model::text::visible;
use crate::model::wipe::{
    BrokerSeen, Consent, Guard, LastWill, Leftover, LeftoverState, LiveTopic, LoginSeen, LoginState, WillSeen,
};
use crate::msg::telemetry::RetainedSearch;
use crate::msg::wipe::WipeEvent;

/// How long the gateway's topics are listened to at the end.
const LISTEN: Duration = Duration::from_secs(10);
/// How long all of it may take.
const LIMIT: Duration = Duration::from_mins(8);
/// How long a person may take to say whether retained messages are cleared.
const ANSWER_LIMIT: Duration = Duration::from_mins(10);
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
    /// Its last will, as far as a person knows it.
    pub will: Option<LastWill>,
    /// What may be cleared.
    pub consent: Option<Consent>,
}

impl BrokerLook {
    /// The good login with what is listened to; nothing where there is no such login, or nothing to listen to.
    fn listening(&self) -> Option<ConnectPlan> {
        let will = self.will.iter().map(|will| Subscription { filter: will.topic.clone(), qos: Qos::AtMostOnce });
        let subscriptions: Vec<Subscription> = self.topics.iter().cloned().chain(will).collect();
        let control = self.control.as_deref().filter(|_| !subscriptions.is_empty())?;
        Some(ConnectPlan { subscriptions, ..control.clone() })
    }

    /// Begins to listen; nothing where nothing is listened to.
    pub(super) async fn listen(&self, beside: &Beside) -> Option<Result<Ear, String>> {
        let plan = self.listening()?;
        Some(match connected(&self.broker, &plan).await {
            Ok((connection, None)) => Ok(Ear::on(connection, self.will.clone(), beside).await),
            Ok((_, Some(problem))) => Err(said(&problem)),
            Err(end) => Err(said(&end.problem)),
        })
    }
}

impl Job {
    /// Begins to listen to the gateway's topics before anything is removed: from then on its last will may come.
    pub(super) async fn open_ear(&mut self) {
        let Some(look) = self.setup.broker.clone() else { return };
        self.tell(WipeEvent::Busy { what: "Listen at the broker".into(), limit: LIMIT }).await;
        self.ear = look.listen(&self.beside).await;
    }

    /// Looks at the broker, where that was asked for.
    pub(super) async fn look_at_broker(&mut self) -> Result<(), Broken> {
        let Some(look) = self.setup.broker.clone().filter(|_| self.trail.guard == Guard::Passed) else { return Ok(()) };
        let endpoint = visible(&look.old.url.to_string(), TOPIC_CHARS);
        self.write("broker", Phase::Intent, "", json!({ "endpoint": endpoint })).await?;
        self.tell(WipeEvent::Busy { what: format!("Try the old credential at {endpoint}"), limit: LIMIT }).await;
        let before = self.ear.take();
        let mut seen = observed(&look, endpoint, before, &self.beside).await;
        self.leftovers(&look, &mut seen).await?;
        self.write("broker", Phase::Outcome, seen.proof().as_str(), json!(seen)).await?;
        self.tell(WipeEvent::BrokerSeen(Box::new(seen.clone()))).await;
        self.trail.broker = Some(seen);
        Ok(())
    }

    /// Lists what the broker retains, and clears it where a person consented to that.
    async fn leftovers(&mut self, look: &BrokerLook, seen: &mut BrokerSeen) -> Result<(), Broken> {
        if look.topics.is_empty() {
            return Ok(());
        }
        let Some(plan) = look.control.as_deref().filter(|_| is_accepted(seen.control.as_ref())) else {
            let why = "What the broker retains could not be listed: no good credential was accepted";
            seen.retained_open = Some(why.into());
            return Ok(());
        };
        self.tell(WipeEvent::Busy { what: "List what the broker retains".into(), limit: LIMIT }).await;
        let (found, search) = find(&look.broker, plan, &look.topics).await;
        seen.retained_open = search.problem().map(said).or_else(|| too_many(found.len()));
        let found: Vec<(String, u64)> = found.into_iter().take(MOST_TOPICS).collect();
        seen.retained = found.iter().map(|found| leftover(found, LeftoverState::Left)).collect();
        // What could not all be listed is cleared by nobody.
        if found.is_empty() || seen.retained_open.is_some() {
            return Ok(());
        }
        let consent = match look.consent {
            Some(Consent::Asked) => match self.ask_to_clear(&seen.retained).await {
                Ok(consent) => consent,
                Err(why) => {
                    seen.retained_open = Some(why);
                    None
                }
            },
            other => other,
        };
        let Some(consent) = consent else { return Ok(()) };
        if let Some(why) = withheld(consent, found.len()) {
            seen.retained_open = Some(why);
            return Ok(());
        }
        self.tell(WipeEvent::Clearing(seen.retained.clone())).await;
        let topics: Vec<String> = found.into_iter().map(|(topic, _)| topic).collect();
        self.put(clear_intent(&topics)).await?;
        let unanswered = clear(&look.broker, plan, topics.clone()).await;
        let (now, search) = find(&look.broker, plan, &look.topics).await;
        seen.retained_open = search.problem().map(said);
        seen.retained = leftovers_now(&topics, &seen.retained, &now, &search);
        let left = seen.left().count();
        let outcome = if seen.is_clear() { "observed" } else { "still-there" };
        let detail = json!({ "cleared": topics.len(), "unanswered": unanswered.len(), "left": left });
        self.write("clear-retained", Phase::Outcome, outcome, detail).await?;
        Ok(())
    }
}

impl Job {
    /// Shows a person what is retained, and waits for their word; nothing where they leave it there.
    async fn ask_to_clear(&mut self, leftovers: &[Leftover]) -> Result<Option<Consent>, String> {
        let (leftovers, limit) = (leftovers.to_vec(), ANSWER_LIMIT);
        self.tell(WipeEvent::Leftovers { leftovers, limit }).await;
        match timeout(limit, self.setup.answers.recv()).await {
            Ok(Some(answer)) => Ok(answer.map(Consent::Counted)),
            Ok(None) | Err(_) => {
                Err(format!("Nothing was cleared: nobody answered within {} min", limit.as_secs() / 60))
            }
        }
    }
}

fn too_many(found: usize) -> Option<String> {
    (found > MOST_TOPICS).then(|| format!("The broker retains {found} messages; {MOST_TOPICS} are listed"))
}

/// Why nothing is cleared though a person consented to something.
fn withheld(consent: Consent, found: usize) -> Option<String> {
    match consent {
        Consent::Counted(count) if count != found => {
            Some(format!("Nothing was cleared: {found} retained messages were found, and {count} confirmed"))
        }
        Consent::Counted(_) | Consent::Listed | Consent::Asked => None,
    }
}

fn leftover((topic, bytes): &(String, u64), state: LeftoverState) -> Leftover {
    Leftover { topic: visible(topic, TOPIC_CHARS), bytes: *bytes, state }
}

/// How each message stands by what is retained now.
fn leftovers_now(
    cleared: &[String],
    listed: &[Leftover],
    now: &[(String, u64)],
    search: &RetainedSearch,
) -> Vec<Leftover> {
    let still: BTreeSet<&str> = now.iter().map(|(topic, _)| topic.as_str()).collect();
    let stands = |(topic, listed): (&String, &Leftover)| Leftover {
        state: after_clearing(topic, &still, search),
        ..listed.clone()
    };
    let is_new = |found: &&(String, u64)| !cleared.contains(&found.0);
    let new = now.iter().filter(is_new).map(|found| leftover(found, LeftoverState::Left));
    cleared.iter().zip(listed).map(stands).chain(new).collect()
}

fn is_accepted(login: Option<&LoginSeen>) -> bool {
    login.is_some_and(|login| login.state == LoginState::Accepted)
}

async fn observed(
    look: &BrokerLook,
    endpoint: String,
    before: Option<Result<Ear, String>>,
    beside: &Beside,
) -> BrokerSeen {
    let (mut old, _) = tried(&look.broker, &look.old, &REFUSALS).await;
    if old.state == LoginState::NotAsked {
        (old, _) = tried(&look.broker, &look.old, &[&REFUSALS[..], &HUNG_UP].concat()).await;
    }
    let refused_at = Instant::now();
    let first = match before {
        Some(Ok(ear)) => ear.end().await,
        Some(Err(why)) => Heard::nothing(why),
        None => Heard::nothing("there is no good credential to listen with"),
    };
    let mut seen = BrokerSeen {
        endpoint,
        old,
        control: None,
        apart: Duration::ZERO,
        will: None,
        retained: Vec::new(),
        retained_open: None,
        live: Vec::new(),
        listened_seconds: 0,
    };
    let mut later = Heard::nothing("there is no good credential to listen with");
    if let Some(control) = &look.control {
        let plan = look.listening();
        let (state, connection) = tried(&look.broker, plan.as_ref().unwrap_or(control), &REFUSALS).await;
        (seen.control, seen.apart) = (Some(state), refused_at.elapsed());
        if let (Some(connection), Some(_)) = (connection, plan) {
            later = listen(connection, look, &mut seen, beside).await;
        }
    }
    seen.will = look.will.as_ref().map(|will| {
        let state = first.will(&later);
        let because = first.broken.clone().or_else(|| later.broken.clone());
        WillSeen { topic: visible(will.topic.as_str(), TOPIC_CHARS), state, because }
    });
    seen
}

/// One login, which ends with the connection that is given back.
async fn tried(
    broker: &Arc<dyn Broker>,
    plan: &ConnectPlan,
    refusals: &[&str],
) -> (LoginSeen, Option<(Connection, Option<Problem>)>) {
    match connected(broker, plan).await {
        Ok(connection) => {
            let says = "login accepted".to_owned();
            (LoginSeen { state: LoginState::Accepted, says }, Some(connection))
        }
        Err(end) => {
            let is_no = refusals.contains(&end.problem.code);
            let state = if is_no { LoginState::Refused } else { LoginState::NotAsked };
            (LoginSeen { state, says: told(&end.problem) }, None)
        }
    }
}

fn told(problem: &Problem) -> String {
    let detail = if problem.detail.is_empty() { &problem.likely_cause } else { &problem.detail };
    visible(&format!("{}: {detail}", problem.what), TOPIC_CHARS)
}

/// What is published on the gateway's topics at the end.
async fn listen(
    (connection, refused): (Connection, Option<Problem>),
    look: &BrokerLook,
    seen: &mut BrokerSeen,
    beside: &Beside,
) -> Heard {
    if let Some(problem) = refused {
        return Heard::nothing(said(&problem));
    }
    let ear = Ear::on(connection, look.will.clone(), beside).await;
    sleep(LISTEN).await;
    let heard = ear.end().await;
    seen.live = heard.live.iter().map(|(topic, &messages)| LiveTopic { topic: topic.clone(), messages }).collect();
    if heard.broken.is_none() {
        seen.listened_seconds = LISTEN.as_secs();
    }
    heard
}
