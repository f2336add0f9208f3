//! Conversations of a session with a broker, on a clock that the test turns. What is sent is written as text by a codec of
//! the test's own.

use std::time::{Duration, Instant};

use super::{Intake, Login, Loss, Message, Now, Packet, Refusal, Reply, Session, SessionError};
use crate::model::mqtt::MqttVersion;
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::message::{Outgoing, PublishEnd, Qos, Subscription};
use crate::proto::mqtt::silent::Act;
use crate::proto::mqtt::wire::name;

const V4: MqttVersion = MqttVersion::V311;
const V5: MqttVersion = MqttVersion::V5;

/// Writes a packet as one line.
fn as_text(out: &mut bytes::BytesMut, _: MqttVersion, packet: Packet<'_>) {
    let line = match packet {
        Packet::Connect { plan, .. } => format!("CONNECT {}", plan.client_id),
        Packet::Subscribe { packet_id, subscriptions } => format!("SUBSCRIBE {packet_id} {}", subscriptions.len()),
        Packet::Unsubscribe { packet_id, filters } => format!("UNSUBSCRIBE {packet_id} {}", filters.len()),
        Packet::Publish { packet_id, message } => {
            format!("PUBLISH {packet_id} {} {}", message.topic, String::from_utf8_lossy(&message.payload))
        }
        Packet::Ack { kind, packet_id } => format!("{} {packet_id}", name(kind)),
        Packet::Ping => "PINGREQ".into(),
        Packet::Disconnect => "DISCONNECT".into(),
    };
    out.extend_from_slice(line.as_bytes());
    out.extend_from_slice(b"\n");
}

/// A batch that may be full.
#[derive(Default)]
struct Pile {
    messages: Vec<String>,
    losses: Vec<Loss>,
    is_full: bool,
    waits: bool,
}

impl Intake for Pile {
    fn must_wait(&self) -> bool {
        self.waits
    }

    fn push(&mut self, message: &Message<'_>) -> bool {
        if !self.is_full {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            self.messages.push(format!("{} {}", text(message.topic), text(message.payload)));
        }
        !self.is_full
    }

    fn lose(&mut self, loss: Loss) {
        self.losses.push(loss);
    }
}

/// A session, its clock, and what came of it.
struct Bench {
    session: Session,
    began: Instant,
    at: Duration,
    pile: Pile,
}

impl Bench {
    fn new(version: MqttVersion, set: impl FnOnce(&mut ConnectPlan)) -> Self {
        let mut plan = ConnectPlan::new("mqtt://h".parse().unwrap(), "me");
        plan.version = version;
        (plan.keep_alive, plan.stage_limit) = (Duration::from_secs(30), Duration::from_secs(15));
        set(&mut plan);
        let mut bench = Self {
            session: Session::new(&plan, as_text),
            began: Instant::now(),
            at: Duration::ZERO,
            pile: Pile::default(),
        };
        bench.session.start(&plan, &Login::default(), bench.now());
        assert_eq!(bench.sent(), ["CONNECT me"]);
        bench
    }

    /// Let in; with MQTT 5's properties, which are none by default.
    fn let_in(version: MqttVersion, properties: &[u8]) -> Self {
        let mut bench = Self::new(version, |_| {});
        let mut ack = vec![0x20, 2, 0, 0];
        if version == V5 {
            ack[1] += 1 + u8::try_from(properties.len()).unwrap();
            ack.push(u8::try_from(properties.len()).unwrap());
            ack.extend_from_slice(properties);
        }
        bench.take(&ack).unwrap();
        bench
    }

    fn now(&self) -> Now {
        let mono_micros = u64::try_from(self.at.as_micros()).unwrap();
        Now { instant: self.began + self.at, mono_micros }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<usize, SessionError> {
        let now = self.now();
        self.session.handle_bytes(bytes, now, &mut self.pile)
    }

    /// What goes out, all of it written at once.
    fn sent(&mut self) -> Vec<String> {
        let out = String::from_utf8(self.session.out().to_vec()).unwrap();
        self.session.handle_written(out.len(), self.began + self.at);
        out.lines().map(ToOwned::to_owned).collect()
    }

    fn pass(&mut self, secs: u64) -> Result<(), SessionError> {
        self.at += Duration::from_secs(secs);
        let now = self.now();
        self.session.handle_timeout(now, true)
    }

    fn publish(&mut self, ticket: u64, qos: Qos) {
        let message = Outgoing { topic: "t".into(), payload: b"x".to_vec(), qos, ..Outgoing::default() };
        let now = self.now();
        self.session.publish(ticket, message, now);
    }

    fn subscribe(&mut self, ticket: Option<u64>, filters: &[&str]) {
        let wanted = |filter: &&str| Subscription { filter: filter.parse().unwrap(), qos: Qos::AtLeastOnce };
        let wanted: Vec<_> = filters.iter().map(wanted).collect();
        let now = self.now();
        self.session.subscribe(ticket, &wanted, now);
    }

    fn hand_over(&mut self) -> Vec<String> {
        let now = self.now();
        self.session.handed_over(now);
        self.sent()
    }

    fn ends(&mut self) -> Vec<(u64, PublishEnd)> {
        let mut ends = Vec::new();
        while let Some(reply) = self.session.poll() {
            if let Reply::Published { ticket, end } = reply {
                ends.push((ticket, end));
            }
        }
        ends
    }
}

/// A message of QoS 1 or 2 on `t`.
fn message(qos: u8, packet_id: u8, is_again: bool) -> Vec<u8> {
    vec![0x30 | qos << 1 | u8::from(is_again) << 3, 6, 0, 1, b't', 0, packet_id, b'x']
}

#[test]
fn what_a_broker_says_to_connect_decides() {
    let check = |version, code: u8, expected: Refusal, is_lasting: bool| {
        let bytes = if version == V5 { vec![0x20, 3, 0, code, 0] } else { vec![0x20, 2, 0, code] };
        let error = Bench::new(version, |_| {}).take(&bytes).unwrap_err();
        assert!(matches!(&error, SessionError::NotLetIn { meaning, .. } if *meaning == expected), "{code}: {error:?}");
        assert_eq!(error.is_lasting(), is_lasting, "{code}");
    };
    check(V4, 1, Refusal::Version, true);
    check(V4, 2, Refusal::ClientId, true);
    check(V4, 3, Refusal::Busy, false);
    check(V4, 5, Refusal::Login, true);
    check(V5, 0x97, Refusal::Busy, false);
    check(V5, 0x9D, Refusal::Elsewhere, true);
    let mut bench = Bench::new(V4, |_| {});
    assert!(matches!(bench.take(&message(1, 1, false)), Err(SessionError::TooEarly { kind: "PUBLISH" })));
    assert!(matches!(Bench::new(V4, |_| {}).take(b"HTTP/1.1"), Err(SessionError::NotMqtt { .. })));
}

#[test]
fn a_takeover_is_one_only_where_the_broker_says_so() {
    for (code, is_takeover) in [(0x8E, true), (0x00, false), (0x8B, false), (0x98, false)] {
        let error = Bench::let_in(V5, &[]).take(&[0xE0, 1, code]).unwrap_err();
        assert_eq!(error.is_takeover(), is_takeover, "{code:#x}");
    }
}

#[test]
fn a_sign_of_life_is_sent_as_often_as_the_broker_wants_it() {
    let mut bench = Bench::let_in(V4, &[]);
    bench.pass(29).unwrap();
    assert_eq!(bench.sent(), [""; 0]);
    bench.pass(1).unwrap();
    assert_eq!(bench.sent(), ["PINGREQ"]);
    bench.take(&[0xD0, 0]).unwrap();
    assert_eq!(bench.session.poll_timeout(), Some(bench.began + Duration::from_mins(1)));
    // The broker wants it every second, or not at all (MQTT 5.0, section 3.2.2.3.14).
    let mut eager = Bench::let_in(V5, &[0x13, 0, 1]);
    for _ in 0..5 {
        eager.pass(1).unwrap();
        assert_eq!(eager.sent(), ["PINGREQ"]);
        eager.take(&[0xD0, 0]).unwrap();
    }
    let mut never = Bench::let_in(V5, &[0x13, 0, 0]);
    assert_eq!(never.session.poll_timeout(), None);
    never.pass(10_000).unwrap();
    assert_eq!(never.sent(), [""; 0]);
}

#[test]
fn silence_ends_a_connection_unless_it_is_ours() {
    let mut bench = Bench::let_in(V4, &[]);
    bench.pass(30).unwrap();
    assert_eq!(bench.sent(), ["PINGREQ"]);
    bench.pass(14).unwrap();
    assert_eq!(bench.pass(1), Err(SessionError::NoPingResp { secs: 15 }));
    // Nothing is read meanwhile: the answer may lie in the buffer.
    let mut busy = Bench::let_in(V4, &[]);
    busy.pass(30).unwrap();
    busy.sent();
    busy.at += Duration::from_secs(100);
    let now = busy.now();
    busy.session.handle_timeout(now, false).unwrap();
    busy.pass(14).unwrap();
}

#[test]
fn a_message_of_qos_2_that_comes_again_is_taken_once() {
    let mut bench = Bench::let_in(V4, &[]);
    bench.take(&message(2, 7, false)).unwrap();
    assert_eq!(bench.sent(), [""; 0], "acknowledged before it was handed over");
    bench.take(&message(2, 7, true)).unwrap();
    assert_eq!(bench.hand_over(), ["PUBREC 7"]);
    bench.take(&message(2, 7, true)).unwrap();
    assert_eq!((bench.pile.messages.len(), bench.sent()), (1, vec!["PUBREC 7".to_owned()]));
    // Released twice, answered twice; then the number is free for another message.
    bench.take(&[0x62, 2, 0, 7, 0x62, 2, 0, 7]).unwrap();
    assert_eq!(bench.sent(), ["PUBCOMP 7", "PUBCOMP 7"]);
    bench.take(&message(2, 7, false)).unwrap();
    assert_eq!((bench.pile.messages.len(), bench.hand_over()), (2, vec!["PUBREC 7".to_owned()]));
}

#[test]
fn a_release_of_an_earlier_connection_is_answered() {
    let mut bench = Bench::let_in(V5, &[]);
    bench.take(&[0x62, 2, 0, 9]).unwrap();
    bench.take(&[0x50, 2, 0, 9]).unwrap();
    assert_eq!(bench.sent(), ["PUBCOMP 9", "PUBREL 9"]);
}

#[test]
fn a_message_of_ours_goes_through_all_its_steps() {
    let mut bench = Bench::let_in(V4, &[]);
    bench.publish(1, Qos::ExactlyOnce);
    assert_eq!(bench.sent(), ["PUBLISH 1 t x"]);
    // The end before the middle, and an answer to another kind of message: neither is an end.
    bench.take(&[0x70, 2, 0, 1, 0x40, 2, 0, 1]).unwrap();
    assert_eq!(bench.ends(), []);
    bench.take(&[0x50, 2, 0, 1, 0x50, 2, 0, 1]).unwrap();
    assert_eq!(bench.sent(), ["PUBREL 1", "PUBREL 1"]);
    bench.take(&[0x70, 2, 0, 1]).unwrap();
    assert_eq!(bench.ends(), [(1, PublishEnd::Acknowledged)]);
    assert_eq!(bench.session.in_flight(), 0);
}

#[test]
fn an_answer_that_nobody_asked_for_ends_nothing() {
    let mut bench = Bench::let_in(V4, &[]);
    bench.publish(1, Qos::AtLeastOnce);
    bench.sent();
    bench.take(&[0x40, 2, 0, 99, 0x90, 3, 0, 50, 0, 0xB0, 2, 0, 51, 0xD0, 0]).unwrap();
    assert_eq!((bench.ends(), bench.session.in_flight()), (vec![], 1));
    let notes: Vec<_> = bench.session.take_trace().into_iter().map(|packet| packet.note).collect();
    assert_eq!(notes.iter().filter(|note| note.starts_with("was not asked for")).count(), 4, "{notes:?}");
}

#[test]
fn a_message_without_an_answer_is_unknown_once() {
    let mut bench = Bench::let_in(V4, &[]);
    bench.publish(1, Qos::AtLeastOnce);
    bench.publish(2, Qos::AtLeastOnce);
    bench.sent();
    bench.take(&[0x40, 2, 0, 1]).unwrap();
    bench.pass(15).unwrap();
    assert_eq!(bench.ends(), [(1, PublishEnd::Acknowledged), (2, PublishEnd::Unknown)]);
    // It comes after all: that is not a second end.
    bench.take(&[0x40, 2, 0, 2]).unwrap();
    bench.publish(3, Qos::AtLeastOnce);
    bench.session.close();
    assert_eq!(bench.ends(), [(3, PublishEnd::Unknown)]);
}

#[test]
fn a_broker_that_takes_one_message_at_a_time_gets_one() {
    let mut bench = Bench::let_in(V5, &[0x21, 0, 1]);
    bench.publish(1, Qos::AtLeastOnce);
    assert!(!bench.session.takes_requests());
    bench.sent();
    bench.take(&[0x40, 2, 0, 1]).unwrap();
    assert!(bench.session.takes_requests());
}

#[test]
fn a_message_that_the_broker_would_not_take_is_not_sent() {
    // At most QoS 1, nothing retained, 20 bytes.
    let mut bench = Bench::let_in(V5, &[0x24, 1, 0x25, 0, 0x27, 0, 0, 0, 20]);
    bench.publish(1, Qos::ExactlyOnce);
    let large = Outgoing { topic: "t".into(), payload: vec![b'x'; 30], ..Outgoing::default() };
    let retained = Outgoing { topic: "t".into(), is_retained: true, ..Outgoing::default() };
    let wildcard = Outgoing { topic: "t/#".into(), ..Outgoing::default() };
    for (ticket, message) in [(2, large), (3, retained), (4, wildcard)] {
        let now = bench.now();
        bench.session.publish(ticket, message, now);
    }
    bench.publish(5, Qos::AtMostOnce);
    assert_eq!(bench.sent(), ["PUBLISH 0 t x"]);
    let codes: Vec<_> = bench
        .ends()
        .into_iter()
        .map(|(ticket, end)| match end {
            PublishEnd::Refused(problem) => (ticket, problem.code),
            _ => (ticket, "sent"),
        })
        .collect();
    let expected =
        [(1, "mqtt.qos_too_high"), (2, "mqtt.too_large"), (3, "mqtt.no_retain"), (4, "mqtt.bad_topic"), (5, "sent")];
    assert_eq!(codes, expected);
}

#[test]
fn fewer_codes_than_filters_leave_the_rest_unanswered_and_more_say_nothing() {
    let mut bench = Bench::let_in(V4, &[]);
    bench.subscribe(None, &["a", "b"]);
    assert_eq!(bench.sent(), ["SUBSCRIBE 1 2"]);
    bench.take(&[0x90, 3, 0, 1, 1]).unwrap();
    let grants = bench.session.take_grants(false).unwrap();
    assert_eq!(grants.iter().map(|grant| grant.granted).collect::<Vec<_>>(), [Some(1), None]);
    assert_eq!(grants[1].says, "the broker did not answer");
    bench.subscribe(Some(5), &["c"]);
    bench.take(&[0x90, 5, 0, 2, 0x80, 0, 0]).unwrap();
    let Some(Reply::Subscribed { ticket: 5, grants }) = bench.session.poll() else { panic!("no reply") };
    assert_eq!(grants.iter().map(|grant| grant.code).collect::<Vec<_>>(), [Some(0x80)]);
}

#[test]
fn a_subscription_without_an_answer_ends_as_it_stands() {
    let mut bench = Bench::let_in(V4, &[]);
    bench.subscribe(Some(5), &["a"]);
    bench.sent();
    bench.pass(15).unwrap();
    assert!(
        matches!(bench.session.poll(), Some(Reply::Subscribed { ticket: 5, grants }) if grants[0].granted.is_none())
    );
    assert_eq!(bench.session.last_act(bench.now().instant).1, Duration::from_secs(15));
    assert!(matches!(bench.session.last_act(bench.now().instant).0, Act::Subscribe(_)));
}

#[test]
fn an_answer_that_is_late_goes_to_no_other_subscription() {
    let mut bench = Bench::let_in(V4, &[]);
    bench.subscribe(Some(5), &["a"]);
    bench.pass(15).unwrap();
    assert!(matches!(bench.session.poll(), Some(Reply::Subscribed { ticket: 5, .. })));
    bench.subscribe(Some(6), &["b"]);
    bench.take(&[0x90, 3, 0, 1, 0x80]).unwrap();
    assert_eq!(bench.session.poll(), None, "it is the answer to the first");
    bench.take(&[0x90, 3, 0, 2, 1]).unwrap();
    let Some(Reply::Subscribed { ticket: 6, grants }) = bench.session.poll() else { panic!("no reply") };
    assert_eq!(grants[0].granted, Some(1));
}

#[test]
fn broken_messages_are_counted_and_acknowledged_so_that_others_follow() {
    let mut bench = Bench::let_in(V5, &[]);
    // Alias 0, an alias that was never given a topic, and one above what we allow.
    for alias in [[0, 0], [0, 5], [0, 65]] {
        let bytes = [&[0x32, 8, 0, 0, 0, 3, 3, 0x23][..], &alias].concat();
        bench.take(&bytes).unwrap();
        assert_eq!(bench.sent(), ["PUBACK 3"]);
    }
    // A property that does not exist, in a message of QoS 1.
    bench.take(&[0x32, 8, 0, 1, b't', 0, 4, 2, 0x7F, 0]).unwrap();
    assert_eq!(bench.sent(), ["PUBACK 4"]);
    assert_eq!((bench.pile.losses.len(), bench.pile.messages.len()), (4, 0));
    // A topic with its alias, then the alias alone.
    bench.take(&[0x30, 8, 0, 1, b't', 3, 0x23, 0, 5, b'x', 0x30, 7, 0, 0, 3, 0x23, 0, 5, b'y']).unwrap();
    assert_eq!(bench.pile.messages, ["t x", "t y"]);
}

#[test]
fn a_message_over_the_limit_is_skipped_counted_and_acknowledged() {
    let mut bench = Bench::new(V4, |plan| plan.max_packet_bytes = 10);
    bench.take(&[0x20, 2, 0, 0]).unwrap();
    let mut bytes = vec![0x32, 20, 0, 1, b't', 0, 8];
    bytes.resize(22, b'x');
    bytes.extend(message(1, 9, false));
    // Piece by piece: what is skipped is not needed whole.
    let mut held = Vec::new();
    for byte in bytes {
        held.push(byte);
        let done = bench.take(&held).unwrap();
        held.drain(..done);
    }
    assert_eq!((bench.pile.losses.clone(), bench.pile.messages.clone()), (vec![Loss::Oversize], vec!["t x".into()]));
    assert_eq!(bench.hand_over(), ["PUBACK 8", "PUBACK 9"]);
}

#[test]
fn what_there_is_no_room_for_waits_or_is_dropped_and_counted() {
    let mut bench = Bench::let_in(V4, &[]);
    bench.pile.waits = true;
    assert_eq!(bench.take(&message(1, 1, false)), Ok(0));
    bench.pile = Pile { is_full: true, ..Pile::default() };
    bench.take(&message(1, 1, false)).unwrap();
    assert_eq!(bench.pile.losses, [Loss::Dropped { bytes: 2 }]);
    assert_eq!(bench.sent(), ["PUBACK 1"], "unacknowledged it would come again and again");
}

#[test]
fn a_farewell_is_the_last_word() {
    let mut bench = Bench::let_in(V4, &[]);
    let now = bench.now();
    bench.session.stop(now);
    assert_eq!(bench.sent(), ["DISCONNECT"]);
}
