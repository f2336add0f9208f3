//! Against a peer that does what no broker does, or does it just so: bytes in any order, at any pace, cut anywhere.

use std::time::Duration;

use linesman::flow::port::{BrokerRequest, Retry};
use linesman::model::mqtt::connect::{ConnectPlan, WhenFull};
use linesman::model::mqtt::message::{PublishEnd, Qos};
use linesman::model::mqtt::stage::{Stage, StageState};
use linesman::model::mqtt::{Dialect, MqttVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Client, attempt, connect, message, plan, refused, stage, subscription};

/// The far end of a connection.
pub(super) struct Peer {
    pub(super) stream: TcpStream,
    version: MqttVersion,
}

impl Peer {
    pub(super) async fn accept(listener: &TcpListener, version: MqttVersion) -> Self {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut peer = Self { stream, version };
        let (first, _) = peer.read().await;
        assert_eq!(first, 0x10);
        peer
    }

    /// A packet: its first byte and its body.
    pub(super) async fn read(&mut self) -> (u8, Vec<u8>) {
        let first = self.stream.read_u8().await.unwrap();
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let byte = self.stream.read_u8().await.unwrap();
            length |= usize::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.unwrap();
        (first, body)
    }

    pub(super) async fn expect(&mut self, expected: &[u8]) {
        let (first, body) = self.read().await;
        let length = u8::try_from(body.len()).unwrap();
        assert_eq!([&[first, length], body.as_slice()].concat(), expected);
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub(super) async fn let_in(&mut self) {
        let ack: &[u8] = if self.version == MqttVersion::V5 { &[0x20, 3, 0, 0, 0] } else { &[0x20, 2, 0, 0] };
        self.send(ack).await;
    }

    /// Until the client hangs up.
    async fn end(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = self.stream.read_to_end(&mut rest).await;
        rest
    }
}

/// A message with QoS 0, or with a number.
pub(super) fn publish(
    version: MqttVersion,
    qos: u8,
    packet_id: u16,
    topic: &[u8],
    properties: &[u8],
    payload: &[u8],
) -> Vec<u8> {
    let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
    body.extend(topic);
    if qos > 0 {
        body.extend(packet_id.to_be_bytes());
    }
    if version == MqttVersion::V5 {
        body.push(u8::try_from(properties.len()).unwrap());
        body.extend(properties);
    }
    body.extend(payload);
    let mut packet = vec![0x30 | qos << 1];
    let mut length = body.len();
    loop {
        let byte = u8::try_from(length & 0x7F).unwrap();
        length >>= 7;
        packet.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            break;
        }
    }
    packet.extend(body);
    packet
}

pub(super) async fn listen() -> (TcpListener, ConnectPlan) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plan = plan(&format!("mqtt://{}", listener.local_addr().unwrap()), &[]);
    (listener, plan)
}

/// A client that was let in, and its peer.
pub(super) async fn pair(change: impl FnOnce(&mut ConnectPlan)) -> (Client, Peer) {
    let (listener, mut plan) = listen().await;
    change(&mut plan);
    let version = plan.version;
    let accept = async {
        let mut peer = Peer::accept(&listener, version).await;
        peer.let_in().await;
        peer
    };
    tokio::join!(connect(&plan), accept)
}

pub(super) fn version_5(plan: &mut ConnectPlan) {
    plan.version = MqttVersion::V5;
}

#[tokio::test]
async fn what_comes_instead_of_connack_is_explained() {
    let (v4, v5) = (MqttVersion::V311, MqttVersion::V5);
    for (version, bytes, code, retry) in [
        (v4, publish(v4, 0, 0, b"a", b"", b"1"), "mqtt.too_early", Retry::Never),
        (v4, vec![0x90, 3, 0, 1, 0], "mqtt.too_early", Retry::Never),
        (v4, b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), "mqtt.not_mqtt", Retry::Never),
        (v4, b"\x15\x03\x03\x00\x02\x02\x28".to_vec(), "mqtt.not_mqtt", Retry::Never),
        (v4, vec![0xFF; 300], "mqtt.not_mqtt", Retry::Never),
        (v4, vec![0x20, 2, 0, 1], "mqtt.version", Retry::Never),
        (v4, vec![0x20, 2, 0, 2], "mqtt.client_id", Retry::Never),
        (v4, vec![0x20, 2, 0, 3], "mqtt.busy", Retry::Later),
        (v4, vec![0x20, 2, 0, 4], "mqtt.not_authorised", Retry::Never),
        (v4, vec![0x20, 2, 0, 77], "mqtt.not_let_in", Retry::Never),
        (v4, vec![], "mqtt.closed_on_connect", Retry::Later),
        (v4, vec![0x20], "mqtt.closed_on_connect", Retry::Later),
        (v5, vec![0x20, 2, 0, 1], "mqtt.version", Retry::Never),
        (v5, vec![0x20, 3, 0, 0x8A, 0], "mqtt.not_authorised", Retry::Never),
        (v5, vec![0x20, 3, 0, 0x9D, 0], "mqtt.elsewhere", Retry::Never),
        (v5, vec![0x20, 3, 0, 0x89, 0], "mqtt.busy", Retry::Later),
        (v5, vec![0xE0, 1, 0x8B], "mqtt.ended", Retry::Later),
        (v5, vec![0xF0, 1, 0x18], "mqtt.not_mqtt", Retry::Never),
        (v5, vec![0x20, 9, 0, 0, 0xFF], "mqtt.closed_on_connect", Retry::Later),
        (v5, vec![0x20, 4, 0, 0, 1, 0xEE], "mqtt.not_mqtt", Retry::Never),
    ] {
        let (listener, mut plan) = listen().await;
        plan.version = version;
        let answer = async {
            let mut peer = Peer::accept(&listener, version).await;
            peer.send(&bytes).await;
            peer.stream.shutdown().await.unwrap();
            peer.end().await;
        };
        let ((found, at, end, _), ()) = tokio::join!(refused(&plan), answer);
        assert_eq!((found, at, end.retry), (code, Stage::Connect, retry), "{version} {bytes:?} {end:?}");
    }
}

#[tokio::test]
async fn silence_has_a_limit_in_each_stage() {
    let short = Duration::from_millis(200);
    let (listener, mut plan) = listen().await;
    plan.stage_limit = short;
    let answer = async { Peer::accept(&listener, MqttVersion::V311).await.end().await };
    let ((code, ..), _) = tokio::join!(refused(&plan), answer);
    assert_eq!(code, "mqtt.no_connack");
    // Let in, and then no word on the subscription: what was kept comes all the same, and does not hide it.
    plan.subscriptions = vec![subscription("a/#", Qos::ExactlyOnce)];
    plan.dialect = Dialect::AwsIotCore;
    let answer = async {
        let mut peer = Peer::accept(&listener, MqttVersion::V311).await;
        peer.let_in().await;
        peer.end().await
    };
    let ((code, at, ..), _) = tokio::join!(refused(&plan), answer);
    assert_eq!((code, at), ("mqtt.never_answered", Stage::Subscribe));
    // Nobody reads what is sent.
    plan.subscriptions = Vec::new();
    let answer = async {
        let mut peer = Peer::accept(&listener, MqttVersion::V311).await;
        peer.let_in().await;
        peer
    };
    let (mut client, _peer) = tokio::join!(connect(&plan), answer);
    client.publish(1, message("a", vec![0; 50_000_000], Qos::AtMostOnce)).await;
    assert_eq!(client.end().await, "mqtt.not_sent");
    assert_eq!(client.published, [(1, PublishEnd::Unknown)]);
}

#[tokio::test]
async fn a_quiet_peer_is_asked_for_a_sign_of_life() {
    let (mut client, mut peer) = pair(|plan| {
        plan.keep_alive = Duration::from_secs(1);
        plan.stage_limit = Duration::from_millis(300);
    })
    .await;
    peer.expect(&[0xC0, 0]).await;
    peer.send(&[0xD0, 0]).await;
    peer.expect(&[0xC0, 0]).await;
    assert_eq!(client.end().await, "mqtt.no_sign_of_life");
    assert_eq!(client.kinds(), [">CONNECT", "<CONNACK", ">PINGREQ", "<PINGRESP", ">PINGREQ"]);
    let answered = client.packets.iter().find(|packet| packet.kind == "PINGRESP").unwrap();
    assert!(answered.after.is_some());
}

#[tokio::test]
async fn grants_are_told_one_by_one() {
    let (listener, mut plan) = listen().await;
    plan.version = MqttVersion::V5;
    plan.dialect = Dialect::AwsIotCore;
    plan.subscriptions = (0..10).map(|number| subscription(&format!("t/{number}"), Qos::AtLeastOnce)).collect();
    let answer = async {
        let mut peer = Peer::accept(&listener, MqttVersion::V5).await;
        peer.let_in().await;
        let (first, body) = peer.read().await;
        // Eight filters of two times five bytes less four, then two.
        assert_eq!((first, body.len()), (0x82, 3 + 8 * 6));
        // A message that the broker kept comes before its answer.
        peer.send(&publish(MqttVersion::V5, 0, 0, b"t/0", b"", b"kept")).await;
        peer.send(&[0x90, 11, 0, 1, 0, 1, 0, 1, 0x87, 1, 1, 1, 0xEE]).await;
        let (first, body) = peer.read().await;
        assert_eq!((first, body.len()), (0x82, 3 + 2 * 6));
        peer.send(&[0x90, 5, 0, 2, 0, 0x97, 1]).await;
        peer
    };
    let ((outcome, reports), mut peer) = tokio::join!(attempt(&plan), answer);
    let mut client = Client::new(outcome.unwrap_or_else(|end| panic!("{end:?}")));
    let subscribe = stage(&reports, Stage::Subscribe);
    let granted: Vec<Option<u8>> = subscribe.grants.iter().map(|grant| grant.granted).collect();
    let yes = Some(1);
    assert_eq!(granted, [yes, Some(0), yes, None, yes, yes, yes, None, None, yes]);
    assert_eq!((subscribe.grants[3].filter.as_str(), subscribe.grants[3].says.as_str()), ("t/3", "not allowed"));
    assert!(matches!(&subscribe.state, StageState::Noted(problem) if problem.what.contains("3 of 10")));
    assert_eq!(client.messages(1).await[0].payload, b"kept");
    // And once it runs.
    let answer = async {
        let (_, body) = peer.read().await;
        peer.send(&[0x90, 4, body[0], body[1], 0, 0x8F]).await;
    };
    let (grants, ()) = tokio::join!(client.subscribe(7, vec![subscription("late", Qos::AtMostOnce)]), answer);
    assert_eq!(grants[0].says, "the broker doesn't accept this filter");
}

#[tokio::test]
async fn cut_anywhere_the_bytes_mean_the_same() {
    for version in [MqttVersion::V311, MqttVersion::V5] {
        let (mut client, mut peer) = pair(|plan| plan.version = version).await;
        let mut bytes = Vec::new();
        for number in 0..50_u16 {
            let payload = vec![b'x'; usize::from(number) * 7];
            bytes.extend(publish(version, (number % 2) as u8, number + 1, b"cut/here", b"", &payload));
        }
        let slice = async {
            for byte in &bytes {
                peer.send(&[*byte]).await;
            }
        };
        tokio::join!(slice, client.messages(50));
        for (number, message) in client.messages.iter().enumerate() {
            assert_eq!((message.topic.as_slice(), message.payload.len()), (&b"cut/here"[..], number * 7));
        }
        for number in (1..50_u8).step_by(2) {
            peer.expect(&[0x40, 2, 0, number + 1]).await;
        }
    }
}

#[tokio::test]
async fn odd_topics_are_kept_or_counted_and_the_connection_lives() {
    let version = MqttVersion::V311;
    let (mut client, mut peer) = pair(|_| {}).await;
    for topic in [&b""[..], b"a/+", b"#", b"a\0b"] {
        peer.send(&publish(version, 0, 0, topic, b"", b"lost")).await;
    }
    // Of QoS 3, of number 0, and one that ends before its topic does.
    peer.send(&[0x36, 5, 0, 1, b't', 0, 1]).await;
    peer.send(&publish(version, 1, 0, b"t", b"", b"lost")).await;
    peer.send(&[0x30, 3, 0, 9, b't']).await;
    // Not UTF-8: kept as it is, and marked.
    peer.send(&publish(version, 0, 0, b"caf\xE9/1", b"", b"kept")).await;
    peer.send(&publish(version, 0, 0, &vec![b'x'; 65_535], b"", b"long")).await;
    // With QoS 1 it is acknowledged, or it would come again.
    peer.send(&publish(version, 1, 9, b"", b"", b"lost")).await;
    peer.expect(&[0x40, 2, 0, 9]).await;
    peer.send(&publish(version, 0, 0, b"after", b"", b"")).await;
    client.messages(3).await;
    let topics: Vec<usize> = client.messages.iter().map(|message| message.topic.len()).collect();
    assert_eq!(topics, [6, 65_535, 5]);
    assert_eq!(client.messages[0].topic, b"caf\xE9/1");
    assert_eq!((client.missed.malformed, client.missed.dropped), (8, 0));
    client
        .until("the notes", |client| client.packets.iter().filter(|packet| packet.kind == "PUBLISH").count() >= 9)
        .await;
    let notes: Vec<&str> = client.packets.iter().map(|packet| packet.note.as_str()).collect();
    for note in
        ["skipped: a message whose topic holds a wildcard; topic “a/+”", "its topic is not UTF-8: caf\u{FFFD}/1"]
    {
        assert!(notes.contains(&note), "{note} in {notes:?}");
    }
}

#[tokio::test]
async fn aliases_stand_for_topics() {
    let version = MqttVersion::V5;
    let (mut client, mut peer) = pair(version_5).await;
    let alias = |number: u8| [0x23, 0, number];
    for (topic, number) in [
        (&b"one"[..], 1),
        (b"two", 64),
        (b"", 1),
        (b"", 64),
        (b"new", 1),
        (b"", 1),
        (b"", 2),
        (b"far", 65),
        (b"zero", 0),
    ] {
        peer.send(&publish(version, 0, 0, topic, &alias(number), b"")).await;
    }
    peer.send(&publish(version, 0, 0, b"end", b"\x26\0\x01k\0\x01v", b"")).await;
    client.messages(7).await;
    let topics: Vec<&[u8]> = client.messages.iter().map(|message| message.topic.as_slice()).collect();
    assert_eq!(topics, [&b"one"[..], b"two", b"one", b"two", b"new", b"new", b"end"]);
    assert_eq!(client.missed.malformed, 3);
    assert_eq!(client.messages[6].properties.as_ref().unwrap().user, [("k".to_owned(), "v".to_owned())]);
    assert!(client.messages[5].properties.is_none());
}

#[tokio::test]
async fn a_message_of_qos_2_is_kept_once_however_often_it_comes() {
    let version = MqttVersion::V311;
    let (mut client, mut peer) = pair(|_| {}).await;
    let script = async {
        let mut again = publish(version, 2, 5, b"t", b"", b"once");
        peer.send(&again).await;
        peer.expect(&[0x50, 2, 0, 5]).await;
        again[0] |= 0x08;
        peer.send(&again).await;
        peer.expect(&[0x50, 2, 0, 5]).await;
        // Released twice: the answer may have been lost, and the second is no reason to end anything.
        for _ in 0..2 {
            peer.send(&[0x62, 2, 0, 5]).await;
            peer.expect(&[0x70, 2, 0, 5]).await;
        }
        // The same number means another message now.
        peer.send(&publish(version, 2, 5, b"t", b"", b"twice")).await;
        peer.expect(&[0x50, 2, 0, 5]).await;
    };
    tokio::join!(script, client.messages(2));
    let payloads: Vec<&[u8]> = client.messages.iter().map(|message| message.payload.as_slice()).collect();
    assert_eq!(payloads, [&b"once"[..], b"twice"]);
}

#[tokio::test]
async fn a_message_is_acknowledged_only_once_it_was_handed_over() {
    let version = MqttVersion::V311;
    let (mut client, mut peer) = pair(|_| {}).await;
    // The trace of CONNECT lies in the way: nothing more is taken.
    peer.send(&publish(version, 1, 1, b"t", b"", b"first")).await;
    peer.send(&[0xD0, 0]).await;
    let is_early = tokio::time::timeout(Duration::from_millis(200), peer.stream.peek(&mut [0])).await.is_ok();
    assert!(!is_early, "acknowledged, and nobody has it");
    client.messages(1).await;
    peer.expect(&[0x40, 2, 0, 1]).await;
}

#[tokio::test]
async fn when_nobody_takes_them_messages_wait_or_are_counted() {
    let version = MqttVersion::V311;
    let flood: Vec<u8> = (0..100_000_u32)
        .flat_map(|number| {
            publish(version, 0, 0, b"flood/topic", b"", &[&number.to_be_bytes()[..], &[0; 200]].concat())
        })
        .collect();
    for when_full in [WhenFull::Wait, WhenFull::Drop] {
        let (mut client, mut peer) = pair(|plan| plan.when_full = when_full).await;
        let flood = flood.clone();
        let sent = tokio::spawn(async move {
            peer.send(&flood).await;
            peer.send(&publish(version, 0, 0, b"end", b"", b"")).await;
            peer
        });
        if when_full == WhenFull::Drop {
            // It all goes out although nobody takes a thing.
            sent.await.unwrap();
        } else {
            tokio::time::timeout(Duration::from_millis(300), async { tokio::task::yield_now().await }).await.unwrap();
            assert!(!sent.is_finished());
        }
        let all = |client: &Client| client.messages.len() as u64 + client.missed.dropped >= 100_001;
        client.until("all of them", all).await;
        let numbers = client.messages.iter().filter(|message| message.topic == b"flood/topic");
        let numbers: Vec<u32> =
            numbers.map(|message| u32::from_be_bytes(message.payload[..4].try_into().unwrap())).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "out of order");
        assert_eq!(client.messages.len() as u64 + client.missed.dropped, 100_001);
        assert_eq!(client.missed.dropped > 0, when_full == WhenFull::Drop);
        let short = 100_001 - client.messages.len() as u64;
        let most = short * (11 + 204);
        assert!(client.missed.dropped_bytes <= most && client.missed.dropped_bytes + 212 >= most);
    }
}

#[tokio::test]
async fn a_length_that_is_announced_is_not_reserved() {
    let version = MqttVersion::V311;
    let (mut client, mut peer) = pair(|_| {}).await;
    // 256 MB are announced, and one more packet than the limit is skipped as it comes.
    let over = publish(version, 0, 0, b"over", b"", &vec![0; 17 * 1024 * 1024]);
    peer.send(&over).await;
    peer.send(&publish(version, 1, 3, b"over/again", b"", &vec![0; 17 * 1024 * 1024])).await;
    peer.send(&publish(version, 0, 0, b"after", b"", b"")).await;
    client.messages(1).await;
    assert_eq!((client.messages[0].topic.as_slice(), client.missed.oversize), (&b"after"[..], 2));
    peer.expect(&[0x40, 2, 0, 3]).await;
    peer.send(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F, 0, 1, b't']).await;
    peer.stream.shutdown().await.unwrap();
    assert_eq!(client.end().await, "mqtt.closed");
    // Whatever else is too long is no packet.
    let (mut client, mut peer) = pair(|_| {}).await;
    peer.send(&[0x90, 0xFF, 0xFF, 0xFF, 0x7F]).await;
    assert_eq!(client.end().await, "mqtt.malformed");
    let (mut client, mut peer) = pair(|_| {}).await;
    peer.send(&[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]).await;
    assert_eq!(client.end().await, "mqtt.malformed");
}

#[tokio::test]
async fn each_end_of_a_connection_is_told() {
    let (v4, v5) = (MqttVersion::V311, MqttVersion::V5);
    for (version, bytes, code, is_takeover, retry) in [
        (v4, &[][..], "mqtt.closed", true, Retry::Later),
        (v4, &[0x30, 9, 0, 1][..], "mqtt.closed", true, Retry::Later),
        (v4, &[0x20, 2, 0, 0], "mqtt.malformed", false, Retry::Later),
        (v4, &[0xE0, 0], "mqtt.malformed", false, Retry::Later),
        (v4, &[0x00, 0], "mqtt.malformed", false, Retry::Later),
        (v4, &[0x40, 1, 0], "mqtt.malformed", false, Retry::Later),
        (v5, &[0xE0, 0], "mqtt.ended", false, Retry::Later),
        (v5, &[0xE0, 1, 0x8E], "mqtt.taken_over", true, Retry::Later),
        (v5, &[0xE0, 7, 0x87, 5, 0x1F, 0, 2, b'n', b'o'], "mqtt.ended", false, Retry::Never),
        (v5, &[0xF0, 0], "mqtt.malformed", false, Retry::Later),
    ] {
        let fixed = |plan: &mut ConnectPlan| (plan.version, plan.client_id) = (version, "gateway-7".into());
        let (mut client, mut peer) = pair(fixed).await;
        peer.send(bytes).await;
        peer.stream.shutdown().await.unwrap();
        let found = client.end().await;
        let end = client.ended.as_ref().unwrap();
        assert_eq!((found, end.is_takeover, end.retry), (code, is_takeover, retry), "{version} {bytes:?} {end:?}");
    }
    // A name made up at random is nobody else's: the same end is no takeover.
    let (mut client, peer) = pair(|plan| plan.client_id = "linesman-7f3a".into()).await;
    drop(peer);
    assert_eq!(client.end().await, "mqtt.closed");
    let end = client.ended.unwrap();
    assert!(!end.is_takeover && !end.problem.likely_cause.contains("Another client"), "{end:?}");
    // A reset, long after anything was done.
    let (mut client, peer) = pair(|_| {}).await;
    peer.stream.set_zero_linger().unwrap();
    drop(peer);
    assert_eq!(client.end().await, "mqtt.broken");
}

#[tokio::test]
async fn what_becomes_of_a_message_is_told_exactly() {
    let (mut client, mut peer) = pair(version_5).await;
    let ask = |client: &mut Client, ticket, qos| {
        let request = BrokerRequest::Publish { ticket, message: Box::new(message("t", "", qos)) };
        client.connection.requests.try_send(request).ok().unwrap();
    };
    for ticket in 1..=5 {
        ask(&mut client, ticket, Qos::AtLeastOnce);
    }
    ask(&mut client, 6, Qos::ExactlyOnce);
    ask(&mut client, 7, Qos::ExactlyOnce);
    for _ in 1..=7 {
        assert_eq!(peer.read().await.0 & 0xF0, 0x30);
    }
    // Answered, in another order: taken, nobody there, refused; a number nobody has; released and completed; refused.
    peer.send(&[0x40, 2, 0, 2]).await;
    peer.send(&[0x40, 3, 0, 1, 0x10]).await;
    peer.send(&[0x40, 3, 0, 3, 0x97]).await;
    peer.send(&[0x40, 2, 0, 99]).await;
    peer.send(&[0x50, 2, 0, 6]).await;
    peer.expect(&[0x62, 2, 0, 6]).await;
    peer.send(&[0x70, 2, 0, 6]).await;
    peer.send(&[0x50, 3, 0, 7, 0x87]).await;
    client.until("five ends", |client| client.published.len() == 5).await;
    let end_of = |client: &Client, ticket| client.published.iter().find(|known| known.0 == ticket).unwrap().1.clone();
    assert_eq!(end_of(&client, 2), PublishEnd::Acknowledged);
    assert_eq!(end_of(&client, 1), PublishEnd::NobodySubscribed);
    assert_eq!(end_of(&client, 6), PublishEnd::Acknowledged);
    for refused in [3, 7] {
        assert!(
            matches!(end_of(&client, refused), PublishEnd::Refused(problem) if problem.code == "mqtt.publish_refused")
        );
    }
    // Gone, with two unanswered.
    drop(peer);
    client.end().await;
    assert_eq!((end_of(&client, 4), end_of(&client, 5)), (PublishEnd::Unknown, PublishEnd::Unknown));
    assert_eq!(client.published.len(), 7);
}

#[tokio::test]
async fn the_limits_a_broker_tells_are_kept() {
    let (listener, mut plan) = listen().await;
    plan.version = MqttVersion::V5;
    let answer = async {
        let mut peer = Peer::accept(&listener, MqttVersion::V5).await;
        // Two in flight, QoS 1, no retain, packets of 100 bytes.
        peer.send(&[0x20, 15, 0, 0, 12, 0x21, 0, 2, 0x24, 1, 0x25, 0, 0x27, 0, 0, 0, 100]).await;
        peer
    };
    let (mut client, mut peer) = tokio::join!(connect(&plan), answer);
    let mut kept = message("t", "", Qos::AtMostOnce);
    kept.is_retained = true;
    for (ticket, message, code) in [
        (1, message("t", vec![0; 100], Qos::AtMostOnce), "mqtt.too_large"),
        (2, message("t", "", Qos::ExactlyOnce), "mqtt.qos_too_high"),
        (3, kept, "mqtt.no_retain"),
    ] {
        let end = client.published(ticket, message).await;
        assert!(matches!(&end, PublishEnd::Refused(problem) if problem.code == code), "{code} {end:?}");
    }
    for ticket in 10..13 {
        client.publish(ticket, message("t", "", Qos::AtLeastOnce)).await;
    }
    assert_eq!((peer.read().await.0, peer.read().await.0), (0x32, 0x32));
    let is_early = tokio::time::timeout(Duration::from_millis(200), peer.stream.peek(&mut [0])).await.is_ok();
    assert!(!is_early, "a third one while two are in flight");
    peer.send(&[0x40, 2, 0, 1]).await;
    assert_eq!(peer.read().await.0, 0x32);
}

#[tokio::test]
async fn leaving_waits_for_what_is_in_flight_and_says_farewell() {
    let (mut client, mut peer) = pair(|_| {}).await;
    client.publish(1, message("t", "last", Qos::AtLeastOnce)).await;
    let answer = async {
        assert_eq!(peer.read().await.0, 0x32);
        peer.send(&[0x40, 2, 0, 1]).await;
        peer.expect(&[0xE0, 0]).await;
        assert_eq!(peer.end().await, b"");
    };
    // What comes is still taken.
    tokio::join!(client.leave(), answer);
    assert_eq!(client.published, [(1, PublishEnd::Acknowledged)]);
}

#[tokio::test]
async fn whoever_gives_up_on_connecting_leaves_nothing_behind() {
    let (listener, plan) = listen().await;
    let (stages, _reports) = tokio::sync::mpsc::channel(64);
    let broker = linesman::io::mqtt::MqttBroker::new();
    let mut peer = {
        let connecting = linesman::flow::port::Broker::connect(&broker, &plan, 1, stages);
        tokio::select! {
            _ = connecting => panic!("nobody answered"),
            peer = Peer::accept(&listener, MqttVersion::V311) => peer,
        }
    };
    assert_eq!(peer.end().await, b"", "the connection is closed");
}
