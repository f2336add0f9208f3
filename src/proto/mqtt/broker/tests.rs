//! The broker held against the standard, with clients that are a few bytes and time that is a number.

use std::time::{Duration, Instant};

use super::*;
use crate::model::mqtt::MqttVersion::{self, V5, V311};

/// A broker and its time.
struct Bench {
    broker: Broker,
    now: Instant,
    next_link: u64,
    /// Packets that were taken and not looked at.
    stash: Vec<(LinkId, Packet)>,
}

/// A packet for a client: its first byte and its body.
type Packet = (u8, Vec<u8>);

impl Bench {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        Self { broker: Broker::new(limits, 7), now: Instant::now(), next_link: 0, stash: Vec::new() }
    }

    fn wait(&mut self, secs: u64) {
        self.now += Duration::from_secs(secs);
        self.broker.tick(self.now);
    }

    fn open(&mut self) -> LinkId {
        self.next_link += 1;
        let id = LinkId(self.next_link);
        self.broker.opened(id, self.now);
        id
    }

    /// A client that logs in; the answer is passed over.
    fn client(&mut self, connect: &Connect) -> LinkId {
        let id = self.open();
        self.send(id, &connect.bytes());
        let (packets, _) = self.take(id);
        assert_eq!((packets[0].0, packets[0].1[1]), (0x20, 0), "{packets:?}");
        id
    }

    fn send(&mut self, id: LinkId, bytes: &[u8]) {
        self.broker.received(id, bytes, self.now);
    }

    /// What a client is sent, and what is told of it.
    fn take(&mut self, id: LinkId) -> (Vec<Packet>, Vec<News>) {
        let mine = self.stash.extract_if(.., |(of, _)| *of == id);
        let (mut packets, mut news) = (mine.map(|(_, packet)| packet).collect::<Vec<_>>(), Vec::new());
        loop {
            let output = self.broker.take_output(id, self.now);
            news.extend(output.news);
            if output.packets.is_empty() {
                return (packets, news);
            }
            for packet in output.packets {
                let mut buffer = bytes::BytesMut::from(&packet[..]);
                let (first, body) = wire::next_packet(&mut buffer, usize::MAX).unwrap().unwrap();
                assert!(buffer.is_empty(), "one packet each");
                packets.push((first, body.to_vec()));
            }
        }
    }

    fn packets(&mut self, id: LinkId) -> Vec<Packet> {
        self.take(id).0
    }

    fn subscribe(&mut self, id: LinkId, version: MqttVersion, filter: &str, options: u8) -> u8 {
        let mut body = vec![0, 9];
        body.extend(if version == V5 { vec![0] } else { vec![] });
        wire::put_binary(&mut body, filter.as_bytes());
        body.push(options);
        self.send(id, &wire::framed(0x82, &body));
        // Retained messages that come with it are looked at with the next call.
        let mut packets = self.packets(id);
        let place = packets.iter().position(|(first, _)| *first == 0x90).expect("a SUBACK");
        let (_, codes) = packets.remove(place);
        self.stash.extend(packets.into_iter().map(|packet| (id, packet)));
        codes[codes.len() - 1]
    }

    fn omissions(&mut self) -> Vec<(String, LeftOut, u64)> {
        self.broker.take_omissions().into_iter().map(|o| (o.client_id, o.why, o.messages)).collect()
    }
}

/// A CONNECT.
#[derive(Clone)]
struct Connect {
    version: MqttVersion,
    id: &'static str,
    is_clean: bool,
    keep_alive: u16,
    properties: Vec<u8>,
    will: Option<(Vec<u8>, &'static str, &'static str)>,
}

impl Connect {
    fn new(version: MqttVersion, id: &'static str) -> Self {
        Self { version, id, is_clean: true, keep_alive: 0, properties: Vec::new(), will: None }
    }

    /// Keeps its session.
    fn lasting(version: MqttVersion, id: &'static str) -> Self {
        let properties = if version == V5 { vec![0x11, 0, 0, 0, 100] } else { Vec::new() };
        Self { is_clean: false, properties, ..Self::new(version, id) }
    }

    fn with(mut self, properties: &[u8]) -> Self {
        self.properties.extend_from_slice(properties);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut body = b"\x00\x04MQTT".to_vec();
        body.push(if self.version == V5 { 5 } else { 4 });
        body.push(u8::from(self.is_clean) << 1 | u8::from(self.will.is_some()) << 2);
        body.extend(self.keep_alive.to_be_bytes());
        let properties = |body: &mut Vec<u8>, properties: &[u8]| {
            if self.version == V5 {
                wire::put_variable(body, properties.len());
                body.extend_from_slice(properties);
            }
        };
        properties(&mut body, &self.properties);
        wire::put_binary(&mut body, self.id.as_bytes());
        if let Some((will_properties, topic, payload)) = &self.will {
            properties(&mut body, will_properties);
            wire::put_binary(&mut body, topic.as_bytes());
            wire::put_binary(&mut body, payload.as_bytes());
        }
        wire::framed(0x10, &body).to_vec()
    }
}

/// A PUBLISH. Identifier 7 where the QoS asks for one.
fn publish(version: MqttVersion, flags: u8, topic: &str, properties: &[u8], payload: &str) -> Vec<u8> {
    let mut body = Vec::new();
    wire::put_binary(&mut body, topic.as_bytes());
    if flags & 6 != 0 {
        body.extend([0, 7]);
    }
    if version == V5 {
        wire::put_variable(&mut body, properties.len());
        body.extend_from_slice(properties);
    }
    body.extend_from_slice(payload.as_bytes());
    wire::framed(0x30 | flags, &body).to_vec()
}

const USER_PROPERTY: &[u8] = b"\x26\x00\x01a\x00\x012";

#[test]
fn what_is_forwarded_is_forwarded_byte_by_byte() {
    let mut bench = Bench::new();
    let watcher = bench.client(&Connect::new(V5, "watcher"));
    bench.subscribe(watcher, V5, "#", 0);
    let gateway = bench.client(&Connect::new(V5, "gateway"));
    let properties =
        b"\x26\x00\x01a\x00\x012\x01\x01\x03\x00\x01t\x26\x00\x01a\x00\x013\x08\x00\x01r\x09\x00\x02\x00\xff";
    bench.send(gateway, &publish(V5, 0, "t", properties, "{}"));
    let expected = [b"\x00\x01t".as_slice(), &[u8::try_from(properties.len()).unwrap()], properties, b"{}"].concat();
    assert_eq!(bench.packets(watcher), [(0x30, expected)]);
}

#[test]
fn a_session_waits_for_its_client_with_its_messages() {
    for version in [V311, V5] {
        let mut bench = Bench::new();
        let gateway = bench.client(&Connect::lasting(version, "gateway"));
        bench.subscribe(gateway, version, "to/+", 1);
        bench.broker.closed(gateway, bench.now);
        let sender = bench.client(&Connect::new(version, "sender"));
        for (flags, payload) in [(0, "not of QoS 0"), (2, "one"), (4, "two")] {
            bench.send(sender, &publish(version, flags, "to/gateway", &[], payload));
        }
        bench.wait(50);
        let id = bench.open();
        bench.send(id, &Connect::lasting(version, "gateway").bytes());
        let packets = bench.packets(id);
        assert_eq!((packets[0].0, &packets[0].1[..2]), (0x20, &[1, 0][..]), "session present");
        let payloads: Vec<_> = packets[1..].iter().map(|(first, body)| (*first, &body[body.len() - 3..])).collect();
        assert_eq!(payloads, [(0x32, &b"one"[..]), (0x32, b"two")]);
        // Not acknowledged: they come again, marked so, on the next connection.
        bench.broker.closed(id, bench.now);
        let again = bench.open();
        bench.send(again, &Connect::lasting(version, "gateway").bytes());
        let firsts: Vec<u8> = bench.packets(again).iter().map(|(first, _)| *first).collect();
        assert_eq!(firsts, [0x20, 0x3a, 0x3a]);
    }
}

#[test]
fn a_session_ends_when_it_was_to_and_clean_start_ends_it_at_once() {
    let mut bench = Bench::new();
    let present = |bench: &mut Bench, connect: &Connect| {
        let id = bench.open();
        bench.send(id, &connect.bytes());
        let is_present = bench.packets(id)[0].1[0] == 1;
        bench.broker.closed(id, bench.now);
        is_present
    };
    let lasting = Connect::lasting(V5, "gw");
    assert!(!present(&mut bench, &lasting));
    bench.wait(99);
    assert!(present(&mut bench, &lasting));
    bench.wait(101);
    assert!(!present(&mut bench, &lasting));
    assert!(!present(&mut bench, &Connect::new(V5, "gw")));
    assert!(!present(&mut bench, &lasting));
    let mut plain = Connect::lasting(V311, "old");
    assert!(!present(&mut bench, &plain));
    bench.wait(1_000_000);
    assert!(present(&mut bench, &plain), "MQTT 3.1.1 names no end");
    plain.is_clean = true;
    assert!(!present(&mut bench, &plain));
}

#[test]
fn an_expiry_is_passed_on_with_what_is_left_of_it_and_ends_waiting() {
    let mut bench = Bench::new();
    let away = bench.client(&Connect::lasting(V5, "away"));
    bench.subscribe(away, V5, "t", 1);
    bench.broker.closed(away, bench.now);
    let sender = bench.client(&Connect::new(V5, "sender"));
    bench.send(sender, &publish(V5, 2, "t", &[2, 0, 0, 0, 1], "gone"));
    bench.send(sender, &publish(V5, 3, "t", &[2, 0, 0, 0, 6], "good"));
    bench.wait(4);
    let id = bench.open();
    bench.send(id, &Connect::lasting(V5, "away").bytes());
    let packets = bench.packets(id);
    assert_eq!(packets.len(), 2, "{packets:?}");
    assert_eq!(packets[1].1, b"\x00\x01t\x00\x01\x05\x02\x00\x00\x00\x02good");
    assert_eq!(bench.omissions(), [("away".to_owned(), LeftOut::Expired, 1)]);
    bench.wait(3);
    bench.packets(sender);
    bench.subscribe(sender, V5, "t", 0);
    assert_eq!(bench.packets(sender), [], "the retained one has expired, too");
}

#[test]
fn retained_messages_come_with_a_subscription_as_it_asks_for_them() {
    let mut bench = Bench::new();
    let gateway = bench.client(&Connect::new(V5, "gateway"));
    bench.send(gateway, &publish(V5, 1, "state", USER_PROPERTY, "here"));
    let watcher = bench.client(&Connect::new(V5, "watcher"));
    let kept = |bench: &mut Bench, options| {
        bench.subscribe(watcher, V5, "+", options);
        bench.packets(watcher).len()
    };
    assert_eq!(
        [kept(&mut bench, 0x10), kept(&mut bench, 0x10), kept(&mut bench, 0x20), kept(&mut bench, 0)],
        [1, 0, 0, 1]
    );
    // To those who are there it comes without the mark, unless they asked for it as it was published.
    bench.send(gateway, &publish(V5, 1, "state", &[], "now"));
    assert_eq!(bench.packets(watcher)[0].0, 0x30);
    bench.subscribe(watcher, V5, "+", 0x28);
    bench.send(gateway, &publish(V5, 1, "state", &[], ""));
    assert_eq!(bench.packets(watcher)[0].0, 0x31);
    assert_eq!(kept(&mut bench, 0), 0, "an empty one clears the topic");
}

#[test]
fn a_will_is_published_after_its_delay_unless_the_client_is_back_or_said_goodbye() {
    let mut bench = Bench::new();
    let watcher = bench.client(&Connect::new(V5, "watcher"));
    bench.subscribe(watcher, V5, "will", 0);
    let will = Some((b"\x18\x00\x00\x00\x05\x26\x00\x01a\x00\x012".to_vec(), "will", "gone"));
    let gateway = Connect { will, ..Connect::lasting(V5, "gateway") };
    let id = bench.client(&gateway);
    bench.broker.closed(id, bench.now);
    bench.wait(4);
    assert_eq!(bench.packets(watcher), []);
    let id = bench.client(&gateway);
    bench.wait(10);
    assert_eq!(bench.packets(watcher), [], "it is back");
    bench.send(id, &[0xe0, 0]);
    bench.wait(10);
    assert_eq!(bench.packets(watcher), [], "it said goodbye");
    let id = bench.client(&gateway);
    bench.send(id, &[0xe0, 1, 4]);
    assert_eq!(bench.packets(watcher), []);
    assert_eq!(bench.broker.next_due(), Some(bench.now + Duration::from_secs(5)));
    bench.wait(5);
    assert_eq!(bench.packets(watcher), [(0x30, b"\x00\x04will\x07\x26\x00\x01a\x00\x012gone".to_vec())]);
    // A session that ends earlier takes the will along.
    let short = Connect { properties: vec![0x11, 0, 0, 0, 2], is_clean: true, ..gateway };
    let id = bench.client(&short);
    bench.broker.closed(id, bench.now);
    bench.wait(2);
    assert_eq!(bench.packets(watcher).len(), 1);
}

#[test]
fn silence_ends_a_connection_and_publishes_its_will() {
    let mut bench = Bench::new();
    let watcher = bench.client(&Connect::new(V5, "watcher"));
    bench.subscribe(watcher, V5, "will", 0);
    let will = Some((vec![], "will", "gone"));
    let id = bench.client(&Connect { will, keep_alive: 10, ..Connect::new(V5, "gateway") });
    bench.wait(14);
    bench.send(id, &[0xc0, 0]);
    assert_eq!(bench.packets(id), [(0xd0, vec![])]);
    bench.wait(14);
    assert_eq!(bench.packets(watcher), []);
    bench.wait(1);
    let (packets, news) = bench.take(id);
    assert_eq!((packets, news), (vec![(0xe0, vec![0x8d, 0])], vec![News::Ended(Ending::Silent)]));
    assert_eq!(bench.packets(watcher).len(), 1);
    let mute = bench.open();
    bench.wait(20);
    assert_eq!(bench.take(mute).1, [News::Ended(Ending::Silent)]);
}

#[test]
fn a_second_client_of_a_name_takes_over() {
    for version in [V311, V5] {
        let mut bench = Bench::new();
        let first = bench.client(&Connect::lasting(version, "gw"));
        let second = bench.open();
        bench.send(second, &Connect::lasting(version, "gw").bytes());
        let (packets, news) = bench.take(first);
        let goodbye = if version == V5 { vec![(0xe0, vec![0x8e, 0])] } else { vec![] };
        assert_eq!((packets, news), (goodbye, vec![News::Ended(Ending::TakenOver)]));
        let (_, news) = bench.take(second);
        let [News::Came(greeting)] = &news[..] else { panic!("{news:?}") };
        assert!(greeting.has_taken_over && greeting.is_session_present);
    }
}

#[test]
fn no_more_is_under_way_than_the_client_takes() {
    let mut bench = Bench::new();
    let slow = bench.client(&Connect::new(V5, "slow").with(&[0x21, 0, 2]));
    bench.subscribe(slow, V5, "t", 2);
    let sender = bench.client(&Connect::new(V5, "sender"));
    for flags in [2, 4, 2, 2] {
        bench.send(sender, &publish(V5, flags, "t", &[], "x"));
        bench.send(sender, b"\x62\x02\x00\x07");
    }
    let ids = |packets: Vec<Packet>| packets.iter().map(|(first, body)| (*first, body[4])).collect::<Vec<_>>();
    assert_eq!(ids(bench.packets(slow)), [(0x32, 1), (0x34, 2)]);
    bench.send(slow, b"\x40\x02\x00\x01");
    assert_eq!(ids(bench.packets(slow)), [(0x32, 3)]);
    bench.send(slow, b"\x50\x02\x00\x02");
    assert_eq!(bench.packets(slow), [(0x62, vec![0, 2])], "released, not completed");
    bench.send(slow, b"\x70\x02\x00\x02");
    assert_eq!(ids(bench.packets(slow)), [(0x32, 4)]);
}

#[test]
fn a_client_that_sends_more_at_a_time_than_it_may_is_disconnected() {
    let mut bench = Bench::with(Limits { receive_maximum: 2, ..Limits::default() });
    let id = bench.client(&Connect::new(V5, "gw"));
    for packet in 1..=3 {
        bench.send(id, &[0x34, 6, 0, 1, b't', 0, packet, 0]);
        // The same one again counts once.
        bench.send(id, &[0x3c, 6, 0, 1, b't', 0, packet, 0]);
    }
    let (packets, news) = bench.take(id);
    assert_eq!(packets.last().map(|(first, body)| (*first, body[0])), Some((0xe0, 0x93)));
    assert!(matches!(news[..], [News::Ended(Ending::Fault(_))]), "{news:?}");
}

#[test]
fn a_message_of_qos_2_is_passed_on_once() {
    let mut bench = Bench::new();
    let watcher = bench.client(&Connect::new(V311, "watcher"));
    bench.subscribe(watcher, V311, "t", 0);
    let id = bench.client(&Connect::lasting(V311, "gw"));
    let message = publish(V311, 4, "t", &[], "x");
    bench.send(id, &message);
    bench.broker.closed(id, bench.now);
    let id = bench.client(&Connect::lasting(V311, "gw"));
    bench.send(id, &publish(V311, 12, "t", &[], "x"));
    bench.send(id, b"\x62\x02\x00\x07");
    assert_eq!(bench.packets(id), [(0x50, vec![0, 7]), (0x70, vec![0, 7])]);
    assert_eq!(bench.packets(watcher).len(), 1);
    bench.send(id, &message);
    assert_eq!(bench.packets(watcher).len(), 1, "released: it is another one");
}

#[test]
fn packets_larger_than_the_client_takes_are_not_sent_to_it() {
    let mut bench = Bench::new();
    let small = bench.client(&Connect::new(V5, "small").with(&[0x27, 0, 0, 0, 20]));
    bench.subscribe(small, V5, "t", 1);
    let sender = bench.client(&Connect::new(V5, "sender"));
    bench.send(sender, &publish(V5, 2, "t", &[], "far too long for it"));
    bench.send(sender, &publish(V5, 2, "t", &[], "short"));
    assert_eq!(bench.packets(small).len(), 1);
    assert_eq!(bench.omissions(), [("small".to_owned(), LeftOut::TooLarge, 1)]);
}

#[test]
fn topic_aliases_hold_as_agreed_on_both_ways() {
    let mut bench = Bench::new();
    let watcher = bench.client(&Connect::new(V5, "watcher").with(&[0x22, 0, 1]));
    bench.subscribe(watcher, V5, "#", 0);
    let gateway = bench.client(&Connect::new(V5, "gateway"));
    bench.send(gateway, &publish(V5, 0, "long", &[0x23, 0, 5], "1"));
    bench.send(gateway, &publish(V5, 0, "", &[0x23, 0, 5], "2"));
    bench.send(gateway, &publish(V5, 0, "other", &[], "3"));
    let bodies: Vec<_> = bench.packets(watcher).into_iter().map(|(_, body)| body).collect();
    assert_eq!(bodies, [&b"\x00\x04long\x03\x23\x00\x011"[..], b"\x00\x00\x03\x23\x00\x012", b"\x00\x05other\x003"]);
    for (properties, topic, code) in
        [(&[0x23, 0, 0], "t", 0x94), (&[0x23, 0, 101], "t", 0x94), (&[0x23, 0, 6], "", 0x82)]
    {
        let id = bench.client(&Connect::new(V5, "wrong"));
        bench.send(id, &publish(V5, 0, topic, properties, ""));
        assert_eq!(bench.packets(id)[0].1[0], code);
    }
}

#[test]
fn a_shared_subscription_gives_each_message_to_one_member() {
    let mut bench = Bench::new();
    let members = ["a", "b"].map(|name| bench.client(&Connect::lasting(V5, name)));
    for id in members {
        assert_eq!(bench.subscribe(id, V5, "$share/group/t/#", 1), 1);
    }
    let sender = bench.client(&Connect::new(V5, "sender"));
    let burst = |bench: &mut Bench| (0..4).for_each(|_| bench.send(sender, &publish(V5, 2, "t/1", &[], "")));
    burst(&mut bench);
    assert_eq!(members.map(|id| bench.packets(id).len()), [2, 2]);
    bench.broker.closed(members[0], bench.now);
    burst(&mut bench);
    assert_eq!(bench.packets(members[1]).len(), 4, "who is there takes over");
    for wrong in ["$share/group", "$share//t", "$share/g+/t", "$share/g/t#"] {
        assert_eq!(bench.subscribe(sender, V5, wrong, 0), 0x8f, "{wrong}");
    }
    bench.send(sender, b"\x82\x0d\x00\x01\x00\x00\x07$share/\x04");
    let last = bench.packets(sender).pop();
    assert_eq!(last.map(|(first, body)| (first, body[0])), Some((0xe0, 0x82)), "no local and shared");
}

#[test]
fn overlapping_subscriptions_bring_a_message_once_with_all_identifiers() {
    let mut bench = Bench::new();
    let id = bench.client(&Connect::new(V5, "gw"));
    for (number, filter) in [(2, "t"), (3, "t/#"), (4, "u")] {
        let mut body = vec![0, 1, 2, 0x0b, number];
        wire::put_binary(&mut body, filter.as_bytes());
        body.push(number - 2);
        bench.send(id, &wire::framed(0x82, &body));
    }
    bench.packets(id);
    bench.send(id, &publish(V5, 2, "t", &[], "x"));
    let message = &bench.packets(id)[1];
    assert_eq!(message.0, 0x32, "the higher QoS");
    let mut numbers = [message.1[7], message.1[9]];
    numbers.sort_unstable();
    assert_eq!((message.1[5], numbers), (4, [2, 3]));
}

#[test]
fn own_messages_are_left_out_where_that_was_asked() {
    let mut bench = Bench::new();
    let (own, other) = (bench.client(&Connect::new(V5, "own")), bench.client(&Connect::new(V5, "other")));
    for id in [own, other] {
        bench.subscribe(id, V5, "t", 4);
    }
    bench.send(own, &publish(V5, 0, "t", &[], ""));
    assert_eq!((bench.packets(own).len(), bench.packets(other).len()), (0, 1));
}

#[test]
fn codes_tell_what_became_of_a_request() {
    let mut bench = Bench::with(Limits { refused: vec!["secret/#".parse().unwrap()], filters: 2, ..Limits::default() });
    let id = bench.client(&Connect::new(V5, "gw"));
    let codes = ["a", "secret/x", "a/#/b", "b", "c"].map(|filter| bench.subscribe(id, V5, filter, 1));
    assert_eq!(codes, [1, 0x87, 0x8f, 1, 0x97]);
    let old = bench.client(&Connect::new(V311, "old"));
    assert_eq!(bench.subscribe(old, V311, "secret/#", 0), 0x80);
    bench.send(id, b"\xa2\x09\x00\x05\x00\x00\x01a\x00\x01z");
    assert_eq!(bench.packets(id), [(0xb0, vec![0, 5, 0, 0, 0x11])]);
    bench.send(id, &publish(V5, 2, "nobody", &[], ""));
    bench.send(id, b"\x62\x02\x00\x63");
    assert_eq!(bench.packets(id), [(0x40, vec![0, 7, 0x10]), (0x70, vec![0, 0x63, 0x92])]);
}

#[test]
fn topics_that_begin_with_a_dollar_are_not_meant_by_wildcards() {
    let mut bench = Bench::new();
    let id = bench.client(&Connect::new(V311, "gw"));
    bench.subscribe(id, V311, "#", 0);
    bench.send(id, &publish(V311, 0, "$internal", &[], ""));
    assert_eq!(bench.packets(id), []);
}

#[test]
fn a_client_without_a_name_gets_one_and_is_told_it() {
    let mut bench = Bench::new();
    let id = bench.open();
    bench.send(id, &Connect::new(V5, "").bytes());
    let (packets, news) = bench.take(id);
    assert!(packets[0].1.windows(8).any(|window| window == b"assigned"), "{packets:?}");
    assert!(matches!(&news[..], [News::Came(Greeting { is_assigned: true, .. })]), "{news:?}");
    let old = bench.open();
    bench.send(old, &Connect::lasting(V311, "").bytes());
    assert_eq!(bench.packets(old), [(0x20, vec![0, 2])]);
}

#[test]
fn the_longest_keep_alive_is_imposed_where_the_version_allows_it() {
    let mut bench = Bench::with(Limits { keep_alive_secs: Some(60), ..Limits::default() });
    let asked = |bench: &mut Bench, keep_alive| {
        let id = bench.open();
        bench.send(id, &Connect { keep_alive, ..Connect::new(V5, "gw") }.bytes());
        bench.packets(id)[0].1.ends_with(&[0x13, 0, 60])
    };
    assert_eq!([asked(&mut bench, 120), asked(&mut bench, 0), asked(&mut bench, 30)], [true, true, false]);
}

#[test]
fn who_does_not_begin_with_a_good_connect_is_turned_away() {
    for (bytes, answer) in [
        (&b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x1e\x00\x01a"[..], Some(vec![0, 1])),
        (b"\x10\x0c\x00\x04MQTT\x06\x02\x00\x00\x00\x00", Some(vec![0, 0x84, 0])),
        (b"\x10\x0d\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x00", Some(vec![0, 0x81, 0])),
        (b"\x10\x12\x00\x04MQTT\x05\x02\x00\x00\x05\x15\x00\x02hi\x00\x00", Some(vec![0, 0x8c, 0])),
        (b"\x10\x0c\x00\x04HTTP\x04\x02\x00\x00\x00\x00", None),
        (b"\xc0\x00", None),
        (b"\x10\xff\xff\xff\x7f", None),
        (b"\x10\xff\xff\xff\xff\xff", None),
    ] {
        let mut bench = Bench::new();
        let id = bench.open();
        bench.send(id, bytes);
        assert!(bench.broker.is_over(id), "{bytes:?}");
        let (packets, news) = bench.take(id);
        assert_eq!(packets, answer.map(|body| (0x20, body)).into_iter().collect::<Vec<_>>(), "{bytes:?}");
        assert!(matches!(news[..], [News::Ended(Ending::Fault(_) | Ending::Refused(_))]), "{news:?}");
    }
}

#[test]
fn what_is_against_the_standard_ends_the_connection_with_the_code_for_it() {
    for (bytes, code) in [
        (&b"\x36\x05\x00\x01t\x00\x01"[..], 0x81),
        (b"\x38\x04\x00\x01t\x00", 0x81),
        (b"\x32\x06\x00\x01t\x00\x00\x00", 0x81),
        (b"\x30\x04\x00\x01#\x00", 0x90),
        (b"\x30\x03\x00\x00\x00", 0x81),
        (b"\x30\x04\x00\x01\xff\x00", 0x81),
        (b"\x30\x06\x00\x01t\x02\x0b\x01", 0x82),
        (b"\x30\x08\x00\x01t\x04\x01\x00\x01\x00", 0x82),
        (b"\x80\x07\x00\x01\x00\x00\x01t\x00", 0x81),
        (b"\x82\x07\x00\x01\x00\x00\x01t\x03", 0x81),
        (b"\x82\x03\x00\x01\x00", 0x82),
        (b"\xa2\x03\x00\x01\x00", 0x82),
        (b"\x20\x03\x00\x00\x00", 0x82),
        (b"\xf0\x00", 0x82),
        (b"\xc0\x01\x00", 0x81),
        (b"\xe0\x07\x00\x05\x11\x00\x00\x00\x09", 0x82),
    ] {
        let mut bench = Bench::new();
        let id = bench.client(&Connect::new(V5, "gw"));
        bench.send(id, bytes);
        let packets = bench.packets(id);
        assert_eq!(packets.first().map(|(first, body)| (*first, body[0])), Some((0xe0, code)), "{bytes:?}");
    }
    let mut bench = Bench::with(Limits { packet_bytes: 100, ..Limits::default() });
    let id = bench.client(&Connect::new(V5, "gw"));
    bench.send(id, b"\x30\x64");
    assert_eq!(bench.packets(id)[0].1[0], 0x95);
}

#[test]
fn what_is_held_has_bounds_and_what_found_no_room_is_counted() {
    let limits = Limits { waiting: 3, retained: 1, sessions: 3, incomplete_bytes: 100, ..Limits::default() };
    let mut bench = Bench::with(limits);
    let away = bench.client(&Connect::lasting(V5, "away"));
    bench.subscribe(away, V5, "t", 1);
    bench.broker.closed(away, bench.now);
    let sender = bench.client(&Connect::new(V5, "sender"));
    for _ in 0..5 {
        bench.send(sender, &publish(V5, 2, "t", &[], "x"));
    }
    bench.send(sender, &publish(V5, 1, "kept", &[], "x"));
    bench.send(sender, &publish(V5, 1, "not kept", &[], "x"));
    let expected = [(String::new(), LeftOut::QueueFull, 1), ("away".to_owned(), LeftOut::QueueFull, 2)];
    assert_eq!(bench.omissions(), expected);
    // Who has been away longest makes room, and all that waited for it is given back.
    assert!(bench.broker.budget.used > 0);
    bench.client(&Connect::new(V5, "third"));
    bench.client(&Connect::new(V5, "fourth"));
    assert_eq!((bench.broker.sessions.len(), bench.broker.budget.used), (3, 0));
    let late = bench.open();
    bench.send(late, &Connect::new(V5, "fifth").bytes());
    assert_eq!(bench.packets(late)[0].1[..2], [0, 0x97]);
    bench.send(sender, &[&[0x30, 0xff, 0x7f][..], &[0; 100]].concat());
    assert_eq!(bench.packets(sender).last().map(|(first, body)| (*first, body[0])), Some((0xe0, 0x97)));
    assert_eq!(bench.broker.incomplete, 0);
}

#[test]
fn the_end_of_the_broker_is_told_to_its_clients() {
    let mut bench = Bench::new();
    let id = bench.client(&Connect::new(V5, "gw"));
    bench.broker.stop();
    assert_eq!(bench.take(id), (vec![(0xe0, vec![0x8b, 0])], vec![News::Ended(Ending::Stopped)]));
}
