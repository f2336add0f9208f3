//! The clouds' stand-ins: Microsoft's own device SDK for Python speaks to the hub, and our client meets the silences of both
//! clouds, with the words it has for them.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use linesman::flow::port::{Broker as _, BrokerRequest, Connection, ConnectionEnd, Delivery, Retry};
use linesman::io::mqtt::MqttBroker;
use linesman::model::mqtt::Dialect;
use linesman::model::mqtt::connect::{ConnectPlan, Login, Trust};
use linesman::model::mqtt::message::{Outgoing, PublishEnd, Qos, Subscription};
use linesman::model::mqtt::stage::StageReport;
use linesman::model::problem::Problem;
use linesman::model::secret::Secret;
use linesman::proto::mqtt::cloud::CloudTracker;
use linesman::proto::mqtt::notes::notes;
use linesman::sim::cloud::{Cloud, CloudServer, IotCore, IotHub};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::python;

/// More than any of this takes.
const LIMIT: Duration = Duration::from_mins(1);
const DEVICE: &str = "gw-07";
/// The octets 0 to 31.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

async fn hub() -> CloudServer<IotHub> {
    let hub = IotHub::new("localhost".into()).with_device(DEVICE, Secret::new(KEY.into()));
    CloudServer::start(hub).await.unwrap()
}

/// The SDK on its way.
struct Sdk {
    child: Child,
    lines: tokio::io::Lines<BufReader<ChildStdout>>,
    _ca: tempfile::TempDir,
}

impl Sdk {
    async fn start(hub: &CloudServer<IotHub>, more: &Value) -> Option<Self> {
        let python = python::with_packages("azure-iot-device")?;
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, &hub.ca_pem).unwrap();
        let mut plan = json!({
            "port": hub.address.port(),
            "ca": ca,
            "connection_string": format!("HostName=localhost;DeviceId={DEVICE};SharedAccessKey={KEY}"),
        });
        for (name, value) in more.as_object().unwrap() {
            plan[name] = value.clone();
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/azure-iot-device/drive.py");
        let mut child = Command::new(python)
            .args(["-I", "-X", "utf8"])
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        child.stdin.as_mut().unwrap().write_all(format!("{plan}\n").as_bytes()).await.unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Some(Self { child, lines, _ca: folder })
    }

    /// The next thing of that kind.
    async fn step(&mut self, name: &str) -> Value {
        let mut before = Vec::new();
        let find = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                let line: Value = serde_json::from_str(&line).unwrap();
                if line["step"] == name {
                    return line;
                }
                before.push(line.to_string());
            }
            panic!("it ended before {name}: {before:#?}");
        };
        timeout(LIMIT, find).await.expect("the SDK gets on")
    }
}

#[tokio::test]
async fn the_vendors_sdk_takes_the_stand_in_for_a_hub() {
    let hub = hub().await;
    let Some(mut sdk) = Sdk::start(&hub, &json!({})).await else { return };
    sdk.step("sent").await;
    let sent = hub.with(|hub, _| hub.telemetry.clone());
    assert_eq!(sent[0].payload, br#"{"temperature": 21.5}"#);
    // The bag as the SDK writes it, read by us.
    let topic = format!("devices/{DEVICE}/messages/events/{}", sent[0].bag);
    let notes = notes(Dialect::AzureIotHub, &topic, &sent[0].payload, None);
    for expected in [("Content type", "application/json"), ("Message id", "m-1"), ("Property room", "Halle Ä")] {
        assert!(notes.iter().any(|(name, value)| (name.as_str(), value.as_str()) == expected), "{notes:?}");
    }
    let twin = sdk.step("twin").await;
    assert_eq!(twin["twin"]["desired"]["$version"], 1);
    sdk.step("waiting").await;
    assert_eq!(hub.with(|hub, _| hub.reported(DEVICE)), json!({ "firmware": "1.2" }));

    // Setting the handlers subscribed: the hub sends as soon as it may.
    let send = async {
        while !hub.with(|hub, effects| hub.send_to_device(DEVICE, "%24.mid=c-1&blink=yes", b"hello", effects)) {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, send).await.unwrap();
    let message = sdk.step("message").await;
    assert_eq!((message["data"].as_str(), message["id"].as_str()), (Some("hello"), Some("c-1")));
    assert_eq!(message["properties"], json!({ "blink": "yes" }));
    assert!(hub.with(|hub, effects| hub.call(DEVICE, "reboot", b"{\"in\":5}", effects)));
    assert_eq!(sdk.step("method").await["name"], "reboot");
    let patch = json!({ "interval": 60 });
    assert!(hub.with(|hub, effects| hub.desire(DEVICE, patch.as_object().unwrap(), effects)));
    assert_eq!(sdk.step("patch").await["patch"]["interval"], 60);
    let answers = hub.with(|hub, _| hub.method_answers.clone());
    assert_eq!((answers[0].0.as_str(), answers[0].1.as_str()), ("200", "1"));
    drop(sdk.child.stdin.take());
    assert_eq!(sdk.step("connected_at_end").await["is_connected"], true);
    timeout(LIMIT, sdk.child.wait()).await.unwrap().unwrap();
    assert_eq!(hub.with(|hub, _| hub.log.clone()), [] as [String; 0]);
}

#[tokio::test]
async fn the_vendors_sdk_is_refused_with_a_wrong_key() {
    let hub = hub().await;
    let wrong = json!({ "connection_string": format!("HostName=localhost;DeviceId={DEVICE};SharedAccessKey=AAAA") });
    let Some(mut sdk) = Sdk::start(&hub, &wrong).await else { return };
    let failed = sdk.step("failed").await;
    assert_eq!(failed["causes"][0], "CredentialError", "{failed}");
    assert_eq!(hub.with(|hub, _| hub.log.clone()), [format!("401003 {DEVICE}")]);
}

#[tokio::test]
async fn whoever_observes_under_a_devices_name_throws_it_out() {
    let hub = hub().await;
    let Some(mut sdk) = Sdk::start(&hub, &json!({})).await else { return };
    sdk.step("waiting").await;
    // The inspector, in spite of the guard.
    let _ours = connect(&hub_plan(&hub)).await.unwrap();
    assert_eq!(hub.with(|hub, _| hub.log.clone()), [format!("400027 {DEVICE}")]);
    let gone = async {
        while hub.with(|hub, _| hub.log.len()) < 1 {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, gone).await.unwrap();
    // It takes a moment until the SDK has noticed.
    assert_eq!(sdk.step("connection").await["is_connected"], false);
    drop(sdk.child.stdin.take());
    assert_eq!(sdk.step("connected_at_end").await["is_connected"], false);
}

/// A plan of ours for the hub.
fn hub_plan(hub: &CloudServer<IotHub>) -> ConnectPlan {
    let mut plan = plan(hub, Dialect::AzureIotHub, DEVICE);
    plan.login = Login::SharedAccess {
        hub: "localhost".into(),
        device: DEVICE.into(),
        key: Secret::new(KEY.into()),
        policy: None,
        lifetime: Duration::from_mins(10),
    };
    plan
}

fn plan<C: Cloud>(server: &CloudServer<C>, dialect: Dialect, client_id: &str) -> ConnectPlan {
    let url = format!("mqtts://localhost:{}", server.address.port());
    let mut plan = ConnectPlan::new(url.parse().unwrap(), client_id);
    plan.dialect = dialect;
    plan.tls.trust = Trust::Only(server.ca_pem.clone().into_bytes());
    plan
}

fn subscription(filter: &str, qos: Qos) -> Subscription {
    Subscription { filter: filter.parse().unwrap(), qos }
}

async fn connect(plan: &ConnectPlan) -> Result<Connection, ConnectionEnd> {
    let broker = MqttBroker::new();
    let (stages, mut reports) = mpsc::channel::<StageReport>(64);
    let (connection, ()) =
        tokio::join!(broker.connect(plan, 1, stages), async { while reports.recv().await.is_some() {} });
    timeout(LIMIT, std::future::ready(connection)).await.unwrap()
}

/// How a connection ends.
async fn end(mut connection: Connection) -> ConnectionEnd {
    let find = async {
        loop {
            if let Delivery::Ended(end) = connection.deliveries.recv().await.expect("it says why") {
                return end;
            }
        }
    };
    timeout(LIMIT, find).await.expect("it ends")
}

#[track_caller]
fn check(problem: &Problem, code: &str, words: &str) {
    assert_eq!(problem.code, code, "{problem:?}");
    let text = format!("{}. {}. {}", problem.what, problem.likely_cause, problem.next_step);
    assert!(text.contains(words), "{text}");
    assert!(!text.contains("sig="), "{text}");
}

async fn publish(connection: &Connection, topic: &str, payload: &[u8], qos: Qos) {
    let message = Outgoing { topic: topic.into(), payload: payload.into(), qos, ..Outgoing::default() };
    connection.requests.send(BrokerRequest::Publish { ticket: 1, message: Box::new(message) }).await.unwrap();
}

#[tokio::test]
async fn a_wrong_key_and_an_ended_token_are_told_apart() {
    let hub = hub().await;
    let mut wrong = hub_plan(&hub);
    if let Login::SharedAccess { key, .. } = &mut wrong.login {
        *key = Secret::new("AAAA".into());
    }
    let refused = connect(&wrong).await.err().unwrap();
    check(&refused.problem, "mqtt.login_refused", "The key belongs to another device");
    assert_eq!(refused.retry, Retry::Never);

    // A token that a person gave, and that has ended by now.
    let mut ended = hub_plan(&hub);
    let token = linesman::proto::mqtt::sas::token(
        &linesman::proto::mqtt::sas::resource("localhost", DEVICE),
        &Secret::new(KEY.into()),
        None,
        1_700_000_000,
    );
    ended.login = Login::Password {
        username: linesman::proto::mqtt::sas::username("localhost", DEVICE),
        password: Some(token.unwrap()),
    };
    let refused = connect(&ended).await.err().unwrap();
    check(&refused.problem, "mqtt.token_ended", "The token expired");
    assert_eq!(hub.with(|hub, _| hub.log.clone()), [format!("401003 {DEVICE}"), format!("401003 {DEVICE}")]);
}

#[tokio::test]
async fn a_token_that_ends_while_connected_is_named_as_the_cause() {
    let hub = hub().await;
    let mut plan = hub_plan(&hub);
    if let Login::SharedAccess { lifetime, .. } = &mut plan.login {
        *lifetime = Duration::from_secs(2);
    }
    let connection = connect(&plan).await.unwrap();
    assert!(connection.login_ends.is_some());
    let end = end(connection).await;
    check(&end.problem, "mqtt.token_ended", "The token expired");
    // A new one is made for the next attempt.
    assert_eq!(end.retry, Retry::Later);
}

#[tokio::test]
async fn what_a_hub_does_not_take_is_named() {
    let hub = hub().await;
    let connection = connect(&hub_plan(&hub)).await.unwrap();
    // It is not even sent: the hub would close.
    let mut connection = connection;
    publish(&connection, &format!("devices/{DEVICE}/messages/events/"), b"x", Qos::ExactlyOnce).await;
    let find = async {
        loop {
            match connection.deliveries.recv().await.unwrap() {
                Delivery::Published { end: PublishEnd::Refused(problem), .. } => return problem,
                Delivery::Ended(end) => panic!("{end:?}"),
                _ => {}
            }
        }
    };
    check(&timeout(LIMIT, find).await.unwrap(), "mqtt.qos_too_high", "QoS 2");

    publish(&connection, "site/pump", b"x", Qos::AtLeastOnce).await;
    check(&end(connection).await.problem, "mqtt.publish_closed", "its own events");

    let mut foreign = hub_plan(&hub);
    foreign.subscriptions = vec![subscription("#", Qos::AtMostOnce)];
    let problem = match connect(&foreign).await {
        Ok(connection) => end(connection).await.problem,
        Err(end) => end.problem,
    };
    check(&problem, "mqtt.subscribe_foreign", "“#”");
}

#[tokio::test]
async fn another_client_of_the_same_device_may_be_the_cause() {
    let hub = hub().await;
    let first = connect(&hub_plan(&hub)).await.unwrap();
    let _second = connect(&hub_plan(&hub)).await.unwrap();
    let end = end(first).await;
    check(&end.problem, "mqtt.closed", "Another client connected as “gw-07”");
    assert!(end.is_takeover);
}

#[tokio::test]
async fn a_twin_is_read_over_our_client_and_paired() {
    let hub = hub().await;
    let mut plan = hub_plan(&hub);
    plan.subscriptions = linesman::proto::mqtt::dialect::default_subscriptions(Dialect::AzureIotHub, DEVICE, &[]);
    let mut connection = connect(&plan).await.unwrap();
    let mut tracker = CloudTracker::new(Dialect::AzureIotHub);
    tracker.observe("$iothub/twin/GET/?$rid=5", b"", 0);
    publish(&connection, "$iothub/twin/GET/?$rid=5", b"", Qos::AtMostOnce).await;
    let find = async {
        loop {
            let Delivery::Messages(batch) = connection.deliveries.recv().await.unwrap() else { continue };
            let arrival = batch.iter().next().unwrap();
            let topic = std::str::from_utf8(arrival.topic).unwrap();
            return tracker.observe(topic, arrival.payload, arrival.mono_micros).unwrap();
        }
    };
    let finding = timeout(LIMIT, find).await.unwrap();
    assert_eq!(finding.request.as_deref(), Some("the whole twin"));
    assert!(finding.answered_after.is_some());
}

#[tokio::test]
async fn what_aws_does_not_answer_or_allow_is_named() {
    let core = CloudServer::start(IotCore::default().allowing("site/")).await.unwrap();
    let aws = |id: &str, filters: &[(&str, Qos)]| {
        let mut plan = plan(&core, Dialect::AwsIotCore, id);
        plan.subscriptions = filters.iter().map(|(filter, qos)| subscription(filter, *qos)).collect();
        plan.stage_limit = Duration::from_secs(3);
        plan
    };
    let ended = async |plan: ConnectPlan| match connect(&plan).await {
        Ok(connection) => end(connection).await.problem,
        Err(end) => end.problem,
    };
    check(&ended(aws("a", &[("#", Qos::AtMostOnce)])).await, "mqtt.subscribe_closed", "policy does not allow");
    check(&ended(aws("a", &[("$SYS/#", Qos::AtMostOnce)])).await, "mqtt.subscribe_foreign", "$SYS");
    check(&ended(aws("a", &[("site/#", Qos::ExactlyOnce)])).await, "mqtt.never_answered", "Quality of service 2");

    let first = connect(&aws("a", &[("site/#", Qos::AtLeastOnce)])).await.unwrap();
    publish(&first, "other/topic", b"x", Qos::AtLeastOnce).await;
    check(&end(first).await.problem, "mqtt.publish_closed", "policy does not allow");

    let first = connect(&aws("a", &[])).await.unwrap();
    let _second = connect(&aws("a", &[])).await.unwrap();
    let kicked = end(first).await;
    check(&kicked.problem, "mqtt.closed", "Another client");
    assert!(kicked.is_takeover);
    let log = core.with(|core, _| core.log.clone());
    assert_eq!(log.last().map(String::as_str), Some("DUPLICATE_CLIENTID a"));
}

#[tokio::test]
async fn nine_filters_are_asked_for_in_pieces_that_aws_takes() {
    let core = CloudServer::start(IotCore::default()).await.unwrap();
    let mut plan = plan(&core, Dialect::AwsIotCore, "observer");
    plan.subscriptions = (0..9).map(|n| subscription(&format!("site/{n}/#"), Qos::AtLeastOnce)).collect();
    let mut connection = connect(&plan).await.unwrap();
    core.with(|core, effects| {
        // `site/8/#` does not mean its parent here.
        core.publish_from_elsewhere("site/8", b"parent", effects);
        core.publish_from_elsewhere("site/8/t", b"child", effects);
    });
    let find = async {
        loop {
            if let Delivery::Messages(batch) = connection.deliveries.recv().await.unwrap() {
                return batch.iter().next().unwrap().payload.to_vec();
            }
        }
    };
    assert_eq!(timeout(LIMIT, find).await.unwrap(), b"child");
}

#[tokio::test]
async fn port_443_of_aws_wants_its_word_in_the_handshake() {
    let core = CloudServer::start(IotCore::default().on_443()).await.unwrap();
    let mut plan = plan(&core, Dialect::AwsIotCore, "observer");
    assert!(connect(&plan).await.is_err());
    plan.tls.alpn = vec!["x-amzn-mqtt-ca".into()];
    let _connection = connect(&plan).await.unwrap();
    assert_eq!(core.with(|core, _| core.sessions()), 1);
}
