//! Brokers that do what nobody expects of one, most of it after reports of what made other clients hang, loop or lose
//! messages. Whatever they do, the connection goes on or ends with a reason, and nothing is lost untold.

use std::time::Duration;

use linesman::flow::port::Retry;
use linesman::model::mqtt::MqttVersion;
use linesman::model::mqtt::message::{PublishEnd, Qos};
use linesman::model::mqtt::stage::{Stage, StageState};
use tokio::io::AsyncWriteExt as _;

use super::peer::{Peer, listen, pair, publish, version_5};
use super::{Client, attempt, connect, fact, message, refused, stage, subscription};

const V5: MqttVersion = MqttVersion::V5;

#[tokio::test]
async fn a_release_that_is_repeated_without_end_is_answered_each_time() {
    // It made another client reconnect for ever.
    let (mut client, mut peer) = pair(|_| {}).await;
    for _ in 0..5_000 {
        peer.send(&[0x62, 2, 0, 9]).await;
    }
    peer.send(&publish(MqttVersion::V311, 0, 0, b"a", b"", b"still here")).await;
    client.messages(1).await;
    for _ in 0..5_000 {
        peer.expect(&[0x70, 2, 0, 9]).await;
    }
    assert!(client.packets.len() < 5_000, "they are counted, not listed one by one");
}

#[tokio::test]
async fn retained_messages_without_end_before_the_grant_end_at_the_limit() {
    let (listener, mut plan) = listen().await;
    plan.subscriptions = vec![subscription("a/#", Qos::AtMostOnce)];
    plan.stage_limit = Duration::from_millis(500);
    let flood = async {
        let mut peer = Peer::accept(&listener, MqttVersion::V311).await;
        peer.let_in().await;
        let one = publish(MqttVersion::V311, 0, 0, b"a/b", b"", &vec![7; 50_000]);
        while peer.stream.write_all(&one).await.is_ok() {}
    };
    let served = async {
        let (outcome, reports) = attempt(&plan).await;
        let mut client = Client::new(outcome.expect("messages came"));
        assert_eq!(client.end().await, "mqtt.no_suback");
        (client, reports)
    };
    let ((client, reports), ()) = tokio::join!(served, flood);
    assert!(matches!(stage(&reports, Stage::Subscribe).state, StageState::Failed(_)), "{reports:#?}");
    assert!(!client.messages.is_empty(), "those that found room are handed over, and the rest is counted");
}

#[tokio::test]
async fn messages_before_an_answer_that_never_comes_are_taken_in() {
    // A broker may send them before it answers (MQTT 3.1.1, section 3.8.4).
    let (listener, mut plan) = listen().await;
    plan.subscriptions = vec![subscription("a/#", Qos::AtMostOnce)];
    plan.stage_limit = Duration::from_millis(500);
    let serve = async {
        let mut peer = Peer::accept(&listener, MqttVersion::V311).await;
        peer.let_in().await;
        peer.read().await;
        for payload in [b"1", b"2", b"3"] {
            peer.send(&publish(MqttVersion::V311, 0, 0, b"a/b", b"", payload)).await;
        }
        peer
    };
    let ((outcome, reports), _peer) = tokio::join!(attempt(&plan), serve);
    let grant = &stage(&reports, Stage::Subscribe).grants[0];
    assert!(!grant.is_refused() && grant.granted.is_none(), "unanswered isn't refused: {grant:?}");
    let mut client = Client::new(outcome.expect("messages came"));
    assert_eq!(client.end().await, "mqtt.no_suback");
    assert_eq!(client.messages.len(), 3);
}

#[tokio::test]
async fn a_subscription_that_is_not_answered_and_brings_nothing_fails() {
    let (listener, mut plan) = listen().await;
    plan.subscriptions = vec![subscription("a/#", Qos::AtMostOnce)];
    plan.stage_limit = Duration::from_millis(500);
    let serve = async {
        let mut peer = Peer::accept(&listener, MqttVersion::V311).await;
        peer.let_in().await;
        peer
    };
    let ((code, at, ..), _peer) = tokio::join!(refused(&plan), serve);
    assert_eq!((code, at), ("mqtt.no_suback", Stage::Subscribe));
}

#[tokio::test]
async fn a_broker_that_wants_a_sign_of_life_each_second_gets_it_in_the_middle_of_a_flood() {
    // Reading without end must not keep us from writing.
    let (listener, mut plan) = listen().await;
    version_5(&mut plan);
    let serve = async {
        let mut peer = Peer::accept(&listener, V5).await;
        peer.send(&[0x20, 6, 0, 0, 3, 0x13, 0, 1]).await;
        let (reader, mut writer) = peer.stream.into_split();
        let one = publish(V5, 0, 0, b"a", b"", &[1; 1000]);
        let flood = tokio::spawn(async move { while writer.write_all(&one).await.is_ok() {} });
        (reader, flood)
    };
    let (mut client, (mut reader, flood)) = tokio::join!(connect(&plan), serve);
    let pings = async {
        let mut byte = [0; 2];
        for _ in 0..2 {
            tokio::io::AsyncReadExt::read_exact(&mut reader, &mut byte).await.unwrap();
            assert_eq!(byte, [0xC0, 0]);
        }
    };
    let drain = async {
        loop {
            let delivery = client.connection.deliveries.recv().await;
            drop(delivery.expect("the connection holds"));
        }
    };
    tokio::select! {
        () = pings => {}
        () = drain => {}
    }
    flood.abort();
}

#[tokio::test]
async fn a_broker_that_takes_one_message_at_a_time_is_sent_one_at_a_time() {
    let (listener, mut plan) = listen().await;
    version_5(&mut plan);
    let accept = async {
        let mut peer = Peer::accept(&listener, V5).await;
        peer.send(&[0x20, 6, 0, 0, 3, 0x21, 0, 1]).await;
        peer
    };
    let (mut client, mut peer) = tokio::join!(connect(&plan), accept);
    for ticket in 1..=3 {
        client.publish(ticket, message("t", vec![b'x'], Qos::AtLeastOnce)).await;
    }
    for packet_id in 1..=3 {
        peer.expect(&[0x32, 7, 0, 1, b't', 0, packet_id, 0, b'x']).await;
        // Nothing follows before the answer; an answer to another number is none.
        peer.send(&[0x40, 2, 0, 77]).await;
        peer.send(&[0x40, 2, 0, packet_id]).await;
        client.until("its end", |client| client.published.len() == usize::from(packet_id)).await;
    }
    assert!(client.published.iter().all(|(_, end)| *end == PublishEnd::Acknowledged));
}

#[tokio::test]
async fn a_broker_that_sends_us_elsewhere_is_believed_and_not_tried_again() {
    let (mut client, mut peer) = pair(version_5).await;
    let reference = b"other.example:8883";
    let mut bytes = vec![0xE0, 2 + 3 + 18, 0x9C, 3 + 18, 0x1C, 0, 18];
    bytes.extend(reference);
    peer.send(&bytes).await;
    assert_eq!(client.end().await, "mqtt.elsewhere");
    let end = client.ended.unwrap();
    assert_eq!(end.retry, Retry::Never);
    assert!(end.problem.detail.contains("other broker: other.example:8883"), "{}", end.problem.detail);
    assert!(end.problem.next_step.contains("other.example:8883"), "{}", end.problem.next_step);
}

#[tokio::test]
async fn an_old_session_that_should_have_been_forgotten_is_told() {
    let (listener, plan) = listen().await;
    let accept = async {
        let mut peer = Peer::accept(&listener, MqttVersion::V311).await;
        peer.send(&[0x20, 2, 1, 0]).await;
        peer
    };
    let ((outcome, reports), _peer) = tokio::join!(attempt(&plan), accept);
    assert!(outcome.is_ok());
    assert_eq!(fact(stage(&reports, Stage::Connect), "Session"), "resumed, though a new one was requested");
}

#[tokio::test]
async fn a_grant_with_fewer_answers_than_filters_names_those_that_were_not_answered() {
    let (listener, mut plan) = listen().await;
    plan.subscriptions = vec![subscription("a", Qos::AtMostOnce), subscription("b", Qos::AtMostOnce)];
    let accept = async {
        let mut peer = Peer::accept(&listener, MqttVersion::V311).await;
        peer.let_in().await;
        let (first, body) = peer.read().await;
        assert_eq!(first, 0x82);
        peer.send(&[0x90, 3, body[0], body[1], 0]).await;
        peer
    };
    let ((outcome, reports), _peer) = tokio::join!(attempt(&plan), accept);
    assert!(outcome.is_ok());
    let grants = &stage(&reports, Stage::Subscribe).grants;
    assert_eq!(grants.iter().map(|grant| grant.granted).collect::<Vec<_>>(), [Some(0), None]);
    assert_eq!((grants[1].says.as_str(), grants[1].is_refused()), ("the broker did not answer", false));
    let noted = &stage(&reports, Stage::Subscribe).state;
    assert!(matches!(noted, StageState::Noted(problem) if problem.code == "mqtt.suback_short"), "{noted:?}");
}

#[tokio::test]
async fn broken_messages_do_not_stop_those_behind_them() {
    let (mut client, mut peer) = pair(version_5).await;
    // Alias 0, an alias without a topic, a property that does not exist: each with QoS 1, each acknowledged.
    for (packet_id, properties) in [(1, &[0x23, 0, 0][..]), (2, &[0x23, 0, 9]), (3, &[0x7F, 0])] {
        peer.send(&publish(V5, 1, packet_id, b"", properties, b"x")).await;
        peer.expect(&[0x40, 2, 0, u8::try_from(packet_id).unwrap()]).await;
    }
    peer.send(&publish(V5, 0, 0, b"a", b"", b"whole")).await;
    client.until("what follows", |client| !client.messages.is_empty() && client.missed.malformed == 3).await;
    assert_eq!(client.messages[0].payload, b"whole");
}

#[tokio::test]
async fn a_byte_at_a_time_is_as_good_as_all_at_once() {
    let (mut client, mut peer) = pair(|_| {}).await;
    let slowly = async |peer: &mut Peer, bytes: &[u8]| {
        for byte in bytes {
            peer.send(&[*byte]).await;
            tokio::task::yield_now().await;
        }
    };
    slowly(&mut peer, &publish(MqttVersion::V311, 2, 5, b"slow/topic", b"", &[b'z'; 300])).await;
    assert_eq!(client.messages(1).await[0].payload.len(), 300);
    peer.expect(&[0x50, 2, 0, 5]).await;
    slowly(&mut peer, &[0x62, 2, 0, 5]).await;
    peer.expect(&[0x70, 2, 0, 5]).await;
}

#[tokio::test]
async fn a_broker_that_stops_talking_and_still_listens_has_closed() {
    let (mut client, mut peer) = pair(|_| {}).await;
    client.publish(1, message("t", vec![b'x'], Qos::AtLeastOnce)).await;
    peer.expect(&[0x32, 6, 0, 1, b't', 0, 1, b'x']).await;
    peer.stream.shutdown().await.unwrap();
    assert_eq!(client.end().await, "mqtt.publish_closed");
    assert_eq!(client.published, [(1, PublishEnd::Unknown)]);
}
