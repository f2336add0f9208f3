//! What a broker retains of a gateway, where a removal asks a person before it clears that: as the window does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use linesman::flow::port::{Boxed, Broker, BrokerRequest, Connection, ConnectionEnd, Delivery, Retry};
use linesman::flow::wipe::{BrokerLook, Setup, run};
use linesman::model::mqtt::connect::{ConnectPlan, Login, TlsFiles};
use linesman::model::mqtt::message::{PublishEnd, Qos, Subscription};
use linesman::model::mqtt::stage::StageReport;
use linesman::model::problem::Problem;
use linesman::model::wipe::{Consent, LeftoverState, WipeReport};
use linesman::msg::wipe::WipeEvent;
use linesman::telemetry::batch::{Arrival, Batch};
use tokio::sync::{mpsc, watch};

use crate::wipe::{Bench, Wish};

/// A broker that refuses the client named old, and retains what stands here.
#[derive(Default)]
struct Retains(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl Retains {
    fn of(topics: &[&str]) -> Self {
        let retained = topics.iter().map(|topic| ((*topic).to_owned(), b"hello".to_vec())).collect();
        Self(Arc::new(Mutex::new(retained)))
    }

    fn topics(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }

    fn matching(&self, subscriptions: &[Subscription]) -> Batch {
        let mut batch = Batch::new(0);
        for (topic, payload) in self.0.lock().unwrap().iter() {
            if subscriptions.iter().any(|one| one.filter.matches_bytes(topic.as_bytes())) {
                assert!(batch.push(&Arrival {
                    topic: topic.as_bytes(),
                    payload,
                    qos: Qos::AtMostOnce,
                    is_retained: true,
                    is_duplicate: false,
                    mono_micros: 1,
                    unix_micros: 1,
                    properties: None,
                }));
            }
        }
        batch
    }
}

impl Broker for Retains {
    fn connect<'a>(
        &'a self,
        plan: &'a ConnectPlan,
        _attempt: u32,
        _stages: mpsc::Sender<StageReport>,
    ) -> Boxed<'a, Result<Connection, ConnectionEnd>> {
        Box::pin(async move {
            if plan.client_id == "old" {
                let problem = Problem::new("mqtt.not_authorised", "The broker refused the login", "a", "b");
                return Err(ConnectionEnd { problem, retry: Retry::Never, is_takeover: false });
            }
            let (requests, mut asked) = mpsc::channel(16);
            let (deliver, deliveries) = mpsc::channel(16);
            let first = self.matching(&plan.subscriptions);
            let retained = Arc::clone(&self.0);
            tokio::spawn(async move {
                if !first.is_empty() {
                    let _ = deliver.send(Delivery::Messages(Arc::new(first))).await;
                }
                while let Some(request) = asked.recv().await {
                    if let BrokerRequest::Publish { ticket, message } = request {
                        assert!(message.payload.is_empty() && message.is_retained, "it only clears");
                        retained.lock().unwrap().remove(message.topic.as_str());
                        let _ = deliver.send(Delivery::Published { ticket, end: PublishEnd::Acknowledged }).await;
                    }
                }
            });
            Ok(Connection { requests, deliveries, is_session_present: false, facts: Vec::new(), login_ends: None })
        })
    }
}

/// What was asked, and what came of the removal.
struct Asked {
    listed: Vec<String>,
    limit: Duration,
    report: WipeReport,
}

/// Removes a gateway; `answer` is what a person says to so many messages, or nothing at all.
async fn removed(retains: Retains, answer: Option<fn(usize) -> Option<usize>>) -> Asked {
    let bench = Bench::new(&[]);
    let plan = |id: &str| {
        let url = "mqtt://broker.example".parse().unwrap();
        Box::new(ConnectPlan::with_files(url, id, Login::None, TlsFiles::default()))
    };
    let topics = vec![Subscription { filter: "site/gw-0417/#".parse().unwrap(), qos: Qos::AtMostOnce }];
    let look = BrokerLook {
        broker: Arc::new(retains),
        old: plan("old"),
        control: Some(plan("good")),
        topics,
        will: None,
        consent: Some(Consent::Asked),
    };
    let (say, answers) = mpsc::channel(1);
    let (progress, mut events) = mpsc::channel(256);
    let setup = bench.setup(Wish::default(), progress);
    let (_stop, stopped) = watch::channel(false);
    let running = tokio::spawn(run(Setup { broker: Some(Arc::new(look)), answers, ..setup }, stopped));
    let (mut listed, mut limited, mut report) = (Vec::new(), Duration::ZERO, None);
    while let Some((_, event)) = events.recv().await {
        match event {
            WipeEvent::Leftovers { leftovers, limit } => {
                (listed, limited) = (leftovers.into_iter().map(|one| one.topic).collect(), limit);
                if let Some(answer) = answer {
                    say.send(answer(listed.len())).await.unwrap();
                }
            }
            WipeEvent::Assessed(assessed) => report = Some(*assessed),
            _ => {}
        }
    }
    running.await.unwrap();
    Asked { listed, limit: limited, report: report.expect("it is judged") }
}

const TOPICS: [&str; 3] = ["site/another/last", "site/gw-0417/last", "site/gw-0417/status"];

fn states(asked: &Asked) -> Vec<LeftoverState> {
    asked.report.broker.iter().flat_map(|seen| &seen.retained).map(|one| one.state).collect()
}

fn open(asked: &Asked) -> Option<&str> {
    asked.report.broker.as_ref().and_then(|seen| seen.retained_open.as_deref())
}

#[tokio::test(start_paused = true)]
async fn what_is_retained_is_shown_first_and_cleared_once_a_person_says_how_many() {
    let retains = Retains::of(&TOPICS);
    let kept = Retains(Arc::clone(&retains.0));
    let asked = removed(retains, Some(Some)).await;
    assert_eq!(asked.listed, TOPICS[1..]);
    assert_eq!(states(&asked), [LeftoverState::Cleared, LeftoverState::Cleared]);
    assert_eq!(kept.topics(), TOPICS[..1], "another gateway's is left alone");
}

#[tokio::test(start_paused = true)]
async fn what_a_person_leaves_and_what_nobody_answers_stays_and_is_left() {
    let left = [LeftoverState::Left, LeftoverState::Left];
    for (answer, why) in [
        (Some((|_| None) as fn(usize) -> Option<usize>), None),
        (Some(|_| Some(7)), Some("Nothing was cleared: 2 retained messages were found, and 7 confirmed")),
        (None, Some("Nothing was cleared: nobody answered within 10 min")),
    ] {
        let retains = Retains::of(&TOPICS);
        let kept = Retains(Arc::clone(&retains.0));
        let asked = removed(retains, answer).await;
        assert_eq!((states(&asked), open(&asked)), (left.to_vec(), why));
        assert_eq!(asked.limit, Duration::from_mins(10));
        assert_eq!(kept.topics(), TOPICS, "nothing is cleared");
    }
}
