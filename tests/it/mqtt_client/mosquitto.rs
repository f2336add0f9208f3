//! What a broker of the field does over TCP.

use std::fs;

use linesman::flow::port::{BrokerRequest, Retry};
use linesman::model::mqtt::MqttVersion;
use linesman::model::mqtt::connect::Login;
use linesman::model::mqtt::message::{Properties, PublishEnd, Qos};
use linesman::model::mqtt::stage::{Stage, StageState};
use linesman::model::secret::Secret;

use super::{attempt, connect, fact, message, plan, refused, stage, subscription};
use crate::mosquitto::Mosquitto;

const VERSIONS: [MqttVersion; 2] = [MqttVersion::V311, MqttVersion::V5];
const LEVELS: [Qos; 3] = [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce];

fn url(broker: &Mosquitto) -> String {
    format!("mqtt://127.0.0.1:{}", broker.port())
}

#[tokio::test]
async fn every_qos_goes_both_ways_in_both_versions() {
    let Some(broker) = Mosquitto::plain() else { return };
    for version in VERSIONS {
        let mut plan = plan(&url(&broker), &[("a/#", Qos::ExactlyOnce)]);
        plan.version = version;
        let mut client = connect(&plan).await;
        for (ticket, qos) in LEVELS.into_iter().enumerate() {
            let end = client.published(ticket as u64, message("a/b", format!("{qos:?}"), qos)).await;
            let expected = if qos == Qos::AtMostOnce { PublishEnd::Sent } else { PublishEnd::Acknowledged };
            assert_eq!(end, expected, "{version} {qos:?}");
        }
        let came: Vec<(u8, String)> = client
            .messages(3)
            .await
            .iter()
            .map(|message| (message.qos, String::from_utf8_lossy(&message.payload).into_owned()))
            .collect();
        // QoS 2 takes two turns, and may come last or not.
        let expected = LEVELS.map(|qos| (qos.number(), format!("{qos:?}")));
        assert!(expected.iter().all(|wanted| came.contains(wanted)), "{came:?}");
        client.until("PUBCOMP", |client| client.kinds().iter().any(|kind| kind == ">PUBCOMP")).await;
        for kind in [">CONNECT", "<CONNACK", ">SUBSCRIBE", "<SUBACK", "<PUBACK", "<PUBREC", ">PUBREL", "<PUBCOMP"] {
            assert!(client.kinds().iter().any(|known| known == kind), "{kind} in {:?}", client.kinds());
        }
        let suback = client.packets.iter().find(|packet| packet.kind == "SUBACK").unwrap();
        assert!(suback.after.is_some() && suback.reason == Some((2, "granted with QoS 2".into())), "{suback:?}");
    }
}

#[tokio::test]
async fn each_stage_is_told_with_its_time() {
    let Some(broker) = Mosquitto::plain() else { return };
    let mut plan = plan(&format!("mqtt://localhost:{}", broker.port()), &[("a", Qos::AtMostOnce)]);
    plan.version = MqttVersion::V5;
    let (outcome, reports) = attempt(&plan).await;
    let connection = outcome.unwrap_or_else(|end| panic!("{end:?}"));
    assert!(!connection.is_session_present && connection.login_ends.is_none());
    assert!(connection.facts.iter().any(|(name, _)| name == "Topic aliases at most"), "{:?}", connection.facts);
    assert!(fact(stage(&reports, Stage::Resolve), "localhost").contains("127.0.0.1"));
    assert_eq!(stage(&reports, Stage::Tcp).state, StageState::Done);
    for skipped in [Stage::Proxy, Stage::Tls, Stage::WebSocket] {
        assert!(matches!(stage(&reports, skipped).state, StageState::Skipped(_)));
    }
    assert_eq!(fact(stage(&reports, Stage::Connect), "Session"), "new");
    let subscribe = stage(&reports, Stage::Subscribe);
    assert_eq!((subscribe.grants[0].filter.as_str(), subscribe.grants[0].granted), ("a", Some(0)));
    assert!(reports.windows(2).all(|pair| pair[0].at <= pair[1].at), "{reports:?}");
}

#[tokio::test]
async fn ten_thousand_messages_come_in_order() {
    let Some(broker) = Mosquitto::start(
        tempfile::tempdir().unwrap(),
        &[""],
        "allow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0",
    ) else {
        return;
    };
    for qos in [Qos::AtMostOnce, Qos::AtLeastOnce] {
        let mut plan = plan(&url(&broker), &[("n", qos)]);
        plan.client_id = format!("reader-{}", qos.number());
        let mut client = connect(&plan).await;
        let mut sender = connect(&super::plan(&url(&broker), &[])).await;
        let send = async {
            for number in 0..10_000_u64 {
                sender.publish(number, message("n", number.to_string(), qos)).await;
            }
            sender.until("all ends", |sender| sender.published.len() == 10_000).await;
        };
        let receive = async {
            client.messages(10_000).await;
        };
        tokio::join!(send, receive);
        for (number, message) in client.messages.iter().enumerate() {
            assert_eq!(message.payload, number.to_string().as_bytes());
        }
        assert!(client.messages.windows(2).all(|pair| pair[0].mono_micros <= pair[1].mono_micros));
        assert!(client.missed.is_zero() && client.batches < 10_000, "{} batches", client.batches);
    }
}

#[tokio::test]
async fn properties_of_version_5_come_whole_and_nobody_is_told() {
    let Some(broker) = Mosquitto::plain() else { return };
    let mut plan = plan(&url(&broker), &[("p/#", Qos::AtLeastOnce)]);
    plan.version = MqttVersion::V5;
    let mut client = connect(&plan).await;
    let properties = Properties {
        is_text: true,
        content_type: Some("application/json".into()),
        response_topic: Some("answer/here".into()),
        correlation_data: vec![0, 255],
        expiry_secs: Some(3600),
        subscription_ids: Vec::new(),
        user: vec![("site".into(), "köln".into()), ("site".into(), "bonn".into())],
    };
    let mut sent = message("p/1", "{}", Qos::AtLeastOnce);
    sent.properties = properties.clone();
    assert_eq!(client.published(1, sent).await, PublishEnd::Acknowledged);
    let came = client.messages(1).await[0].properties.clone().unwrap();
    assert_eq!(came, properties);
    let end = client.published(2, message("nobody/here", "", Qos::AtLeastOnce)).await;
    assert_eq!(end, PublishEnd::NobodySubscribed);
}

#[tokio::test]
async fn retained_messages_and_sys_topics_come_after_subscribing() {
    let Some(broker) = Mosquitto::start(tempfile::tempdir().unwrap(), &[""], "allow_anonymous true\nsys_interval 1")
    else {
        return;
    };
    let mut client = connect(&plan(&url(&broker), &[])).await;
    let mut kept = message("kept/topic", "old", Qos::AtLeastOnce);
    kept.is_retained = true;
    assert_eq!(client.published(1, kept).await, PublishEnd::Acknowledged);
    let grants =
        client.subscribe(2, vec![subscription("kept/#", Qos::AtMostOnce), subscription("$SYS/#", Qos::AtMostOnce)]);
    assert!(grants.await.iter().all(|grant| grant.granted == Some(0)));
    client
        .until("both", |client| {
            let has = |start: &[u8]| client.messages.iter().any(|message| message.topic.starts_with(start));
            has(b"kept/topic") && has(b"$SYS/broker/")
        })
        .await;
    let kept = client.messages.iter().find(|message| message.topic == b"kept/topic").unwrap();
    assert!(kept.is_retained && kept.payload == b"old");
    let filters = vec!["kept/#".parse().unwrap()];
    client.connection.requests.send(BrokerRequest::Unsubscribe { ticket: 3, filters }).await.ok().unwrap();
    client.until("UNSUBACK", |client| client.unsubscribed == [3]).await;
}

#[tokio::test]
async fn a_login_is_right_or_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let passwords = folder.path().join("passwords");
    fs::write(&passwords, "tester:correct horse\n").unwrap();
    let Some(hash) = crate::mosquitto::program("mosquitto_passwd") else { return };
    assert!(std::process::Command::new(hash).arg("-U").arg(&passwords).status().unwrap().success());
    let general = format!("allow_anonymous false\npassword_file {}", passwords.display());
    let Some(broker) = Mosquitto::start(folder, &[""], &general) else { return };
    for version in VERSIONS {
        let mut plan = plan(&url(&broker), &[]);
        plan.version = version;
        let (code, at, end, _) = refused(&plan).await;
        assert_eq!((code, at, end.retry), ("mqtt.not_authorised", Stage::Connect, Retry::Never), "{version}");
        let login = |password: &str| Login::Password {
            username: "tester".into(),
            password: Some(Secret::new(password.into())),
        };
        plan.login = login("wrong horse");
        let (code, _, end, reports) = refused(&plan).await;
        assert_eq!(code, "mqtt.not_authorised");
        assert!(!format!("{end:?} {reports:?}").contains("horse"), "a password is shown");
        plan.login = login("correct horse");
        let mut client = connect(&plan).await;
        client.until("the trace", |client| client.packets.len() >= 2).await;
        let shown = format!("{:?}", client.packets);
        assert!(shown.contains("user tester, with a password") && !shown.contains("horse"), "{shown}");
    }
}

#[tokio::test]
async fn a_message_that_is_not_allowed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let rights = folder.path().join("rights");
    fs::write(&rights, "topic readwrite open/#\n").unwrap();
    let general = format!("allow_anonymous true\nacl_file {}", rights.display());
    let Some(broker) = Mosquitto::start(folder, &[""], &general) else { return };
    let mut plan = plan(&url(&broker), &[("#", Qos::AtLeastOnce)]);
    plan.version = MqttVersion::V5;
    let mut client = connect(&plan).await;
    let end = client.published(1, message("closed/x", "1", Qos::ExactlyOnce)).await;
    let PublishEnd::Refused(problem) = end else { panic!("{end:?}") };
    assert_eq!(problem.code, "mqtt.publish_refused");
    for (topic, code) in [("a/#", "mqtt.bad_topic"), ("", "mqtt.bad_topic")] {
        let PublishEnd::Refused(problem) = client.published(2, message(topic, "1", Qos::AtMostOnce)).await else {
            panic!("taken")
        };
        assert_eq!(problem.code, code);
        client.published.clear();
    }
    assert_eq!(client.published(3, message("open/x", "1", Qos::ExactlyOnce)).await, PublishEnd::Acknowledged);
    assert_eq!(client.messages(1).await.len(), 1);
}

#[tokio::test]
async fn a_last_will_is_published_when_we_vanish_and_not_when_we_leave() {
    let Some(broker) = Mosquitto::plain() else { return };
    let mut watcher = connect(&plan(&url(&broker), &[("will/#", Qos::AtMostOnce)])).await;
    let mut plan = plan(&url(&broker), &[]);
    plan.client_id = "goner".into();
    plan.will = Some(message("will/goner", "gone", Qos::AtLeastOnce));
    let mut client = connect(&plan).await;
    let mut plain = plan.clone();
    plain.will = None;
    // A farewell, and the will is forgotten.
    client.leave().await;
    connect(&plain).await.leave().await;
    let first = connect(&plan).await;
    // Taken over: the first one vanishes without a farewell.
    let _third = connect(&plain).await;
    watcher.messages(1).await;
    assert_eq!(watcher.messages.len(), 1);
    assert_eq!(
        (watcher.messages[0].topic.as_slice(), watcher.messages[0].payload.as_slice()),
        (&b"will/goner"[..], &b"gone"[..])
    );
    let mut first = first;
    let code = first.end().await;
    assert_eq!(code, "mqtt.closed");
    assert!(first.ended.unwrap().is_takeover);
}

#[tokio::test]
async fn five_megabytes_come_whole_and_what_is_over_the_limit_is_counted() {
    let Some(broker) = Mosquitto::plain() else { return };
    let mut plan = plan(&url(&broker), &[("big/#", Qos::ExactlyOnce)]);
    plan.max_packet_bytes = 6_000_000;
    for version in VERSIONS {
        plan.version = version;
        let mut client = connect(&plan).await;
        let mut sender = connect(&{
            let mut plan = super::plan(&url(&broker), &[]);
            plan.client_id = "sender".into();
            plan
        })
        .await;
        let whole: Vec<u8> = (0..5_000_000_u32).map(|at| (at % 251) as u8).collect();
        for (ticket, qos) in LEVELS.into_iter().enumerate() {
            let ticket = ticket as u64 * 3;
            sender.published(ticket, message("big/whole", whole.clone(), qos)).await;
            sender.published(ticket + 1, message("big/over", vec![1; 6_000_001], qos)).await;
            sender.published(ticket + 2, message("big/after", "after", qos)).await;
        }
        client.until("six messages", |client| client.messages.len() >= 6 && client.missed.oversize >= 3).await;
        assert_eq!((client.messages.len(), client.missed.oversize, client.missed.malformed), (6, 3, 0));
        let wholes: Vec<_> = client.messages.iter().filter(|message| message.topic == b"big/whole").collect();
        assert!(wholes.len() == 3 && wholes.iter().all(|message| message.payload == whole));
        assert_eq!(client.messages.iter().filter(|message| message.topic == b"big/after").count(), 3);
        client.until("the trace", |client| client.packets.iter().any(|packet| packet.note.contains("big/over"))).await;
    }
}

#[tokio::test]
async fn a_session_is_kept_over_a_restart_in_mid_stream() {
    let folder = tempfile::tempdir().unwrap();
    let general = format!("allow_anonymous true\npersistence true\npersistence_location {}/", folder.path().display());
    let Some(mut broker) = Mosquitto::start(folder, &[""], &general) else { return };
    let mut plan = plan(&url(&broker), &[("kept/#", Qos::AtLeastOnce)]);
    plan.is_clean = false;
    plan.client_id = "keeper".into();
    let mut client = connect(&plan).await;
    let mut sender = connect(&super::plan(&url(&broker), &[])).await;
    assert_eq!(sender.published(1, message("kept/1", "before", Qos::AtLeastOnce)).await, PublishEnd::Acknowledged);
    client.messages(1).await;
    broker.stop();
    let code = client.end().await;
    assert!(["mqtt.closed", "mqtt.broken"].contains(&code), "{code}");
    assert_eq!(client.ended.as_ref().unwrap().retry, Retry::Later);
    let (gone, _, end, _) = refused(&plan).await;
    assert_eq!((gone, end.retry), ("mqtt.refused", Retry::Later));
    broker.start_again();
    let mut sender = connect(&super::plan(&url(&broker), &[])).await;
    assert_eq!(sender.published(1, message("kept/2", "while away", Qos::AtLeastOnce)).await, PublishEnd::Acknowledged);
    let (outcome, reports) = attempt(&plan).await;
    let connection = outcome.unwrap_or_else(|end| panic!("{end:?}"));
    assert!(connection.is_session_present);
    assert_eq!(fact(stage(&reports, Stage::Connect), "Session"), "resumed");
    let mut client = super::Client::new(connection);
    // The first message comes once more if the broker ended before it read that we had it: at least once is QoS 1.
    let is_there = |client: &super::Client| client.messages.iter().any(|message| message.payload == b"while away");
    client.until("the message sent while away", is_there).await;
}

#[tokio::test]
async fn what_does_not_answer_as_a_broker_is_told_apart() {
    // Nobody listens.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, at, ..) = refused(&plan(&format!("mqtt://{free}"), &[])).await;
    assert_eq!((code, at), ("mqtt.refused", Stage::Tcp));
    // No such name: the standard keeps this one from existing.
    let (code, at, end, _) = refused(&plan("mqtt://no-such-broker.invalid", &[])).await;
    assert_eq!((code, at, end.retry), ("mqtt.not_resolved", Stage::Resolve, Retry::Later));
}
