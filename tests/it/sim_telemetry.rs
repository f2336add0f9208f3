//! Simulated gateways publish by real MQTT once they are in their network; and the proxy of faults does what it is told.

use std::collections::BTreeMap;
use std::time::Duration;

use linesman::io::bench_broker::BenchBroker;
use linesman::model::mqtt::bench::BenchPlan;
use linesman::model::mqtt::url::BrokerUrl;
use linesman::sim::Uplink;
use linesman::sim::fault_proxy::{BothWays, FaultProxy, Faults};
use linesman::sim::telemetry::sparkplug::Payload;
use linesman::sim::telemetry::{Habit, TelemetryPlan};
use prost::Message as _;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, Publish, QoS};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

/// More than any of this takes.
const LIMIT: Duration = Duration::from_mins(1);

async fn broker() -> (BenchBroker, BrokerUrl, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (broker, facts) = BenchBroker::start(&BenchPlan::default(), folder.path()).await.unwrap();
    let url = facts.urls[0].parse().unwrap();
    (broker, url, folder)
}

/// A subscriber to everything; its subscription is granted.
async fn watcher(url: &BrokerUrl) -> EventLoop {
    let mut options = MqttOptions::new("watcher", &url.host, url.port);
    options.set_max_packet_size(1 << 20, 1 << 20);
    let (client, mut events) = AsyncClient::new(options, 8);
    client.try_subscribe("#", QoS::AtLeastOnce).unwrap();
    let granted = async { while !matches!(events.poll().await.unwrap(), Event::Incoming(Packet::SubAck(_))) {} };
    timeout(LIMIT, granted).await.unwrap();
    events
}

async fn next(events: &mut EventLoop) -> Publish {
    let find = async {
        loop {
            if let Event::Incoming(Packet::Publish(publish)) = events.poll().await.unwrap() {
                return publish;
            }
        }
    };
    timeout(LIMIT, find).await.expect("a message comes")
}

/// The next message on that topic.
async fn next_on(events: &mut EventLoop, topic: &str) -> Publish {
    let find = async {
        loop {
            let publish = next(events).await;
            if publish.topic == topic {
                return publish;
            }
        }
    };
    timeout(LIMIT, find).await.unwrap_or_else(|_| panic!("nothing on {topic}"))
}

#[tokio::test]
async fn a_gateway_publishes_once_it_has_joined_and_its_last_will_is_seen_after_a_reset() {
    let (mut broker, url, _folder) = broker().await;
    let mut events = watcher(&url).await;
    let uplink = Uplink::default();
    let task = TelemetryPlan::new(url, "Boiler room", Habit::Json).unwrap().start(&uplink);
    uplink.up();
    let first = next(&mut events).await;
    assert_eq!((first.topic.as_str(), &first.payload[..]), ("site/boiler-room/status", &b"online"[..]));
    let topic = "site/boiler-room/telemetry";
    let mut seen = Vec::new();
    for _ in 0..3 {
        let value: Value = serde_json::from_slice(&next_on(&mut events, topic).await.payload).unwrap();
        assert!(value["time"].as_u64().unwrap() > 1_700_000_000_000 && value["temperature"].is_f64(), "{value}");
        seen.push(value["seq"].as_u64().unwrap());
    }
    assert_eq!(seen, [1, 2, 3]);
    uplink.restart(false);
    let will = next_on(&mut events, "site/boiler-room/status").await;
    assert_eq!(&will.payload[..], b"offline");
    // It comes back once it has joined again.
    uplink.up();
    let back = next_on(&mut events, "site/boiler-room/status").await;
    assert_eq!(&back.payload[..], b"online");
    task.abort();
    let came = async { while !broker.seen().await.unwrap().text.contains("“gw-boiler-room” came") {} };
    timeout(LIMIT, came).await.unwrap();
}

#[tokio::test]
async fn every_form_of_payload_is_there_for_the_decoders() {
    let (_broker, url, _folder) = broker().await;
    let mut events = watcher(&url).await;
    let uplink = Uplink::default();
    uplink.up();
    let start = |name, habit| TelemetryPlan::new(url.clone(), name, habit).unwrap().start(&uplink);
    let _tasks = (start("Freezer", Habit::Moody), start("Line", Habit::Sparkplug));
    let mut first: BTreeMap<String, Publish> = BTreeMap::new();
    let wanted = [
        "site/freezer/telemetry",
        "site/freezer/log",
        "site/freezer/door",
        "spBv1.0/Site/NBIRTH/line",
        "spBv1.0/Site/NDATA/line",
    ];
    while !wanted.iter().all(|topic| first.contains_key(*topic)) {
        let publish = next(&mut events).await;
        first.entry(publish.topic.clone()).or_insert(publish);
    }
    // A map of CBOR, a gzip member.
    assert_eq!(first["site/freezer/telemetry"].payload[0], 0xa4);
    assert_eq!(first["site/freezer/log"].payload[..2], [0x1f, 0x8b]);
    let birth = Payload::decode(&first["spBv1.0/Site/NBIRTH/line"].payload[..]).unwrap();
    let data = Payload::decode(&first["spBv1.0/Site/NDATA/line"].payload[..]).unwrap();
    let aliases: Vec<_> = birth.metrics.iter().filter_map(|metric| metric.alias).collect();
    assert!(data.metrics.iter().all(|metric| metric.name.is_none() && aliases.contains(&metric.alias.unwrap())));
    // Asked to, it tells its names again.
    let rebirth = linesman::sim::telemetry::sparkplug::Metric {
        name: Some("Node Control/Rebirth".into()),
        value: Some(linesman::sim::telemetry::sparkplug::Value::Boolean(true)),
        ..Default::default()
    };
    let command = Payload { metrics: vec![rebirth], ..Payload::default() }.encode_to_vec();
    let (client, mut commander) = AsyncClient::new(MqttOptions::new("host", &url.host, url.port), 8);
    client.try_publish("spBv1.0/Site/NCMD/line", QoS::AtLeastOnce, false, command).unwrap();
    let acknowledged =
        async { while !matches!(commander.poll().await.unwrap(), Event::Incoming(Packet::PubAck(_))) {} };
    timeout(LIMIT, acknowledged).await.unwrap();
    next_on(&mut events, "spBv1.0/Site/NBIRTH/line").await;
}

/// A server that echoes, behind a proxy.
async fn echo() -> FaultProxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = FaultProxy::start(listener.local_addr().unwrap()).await.unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (mut from, mut to) = stream.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from, &mut to).await });
        }
    });
    proxy
}

#[tokio::test]
async fn the_proxy_cuts_delays_and_breaks_as_it_is_told() {
    let proxy = echo().await;
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    let mut answer = [0; 5];
    stream.write_all(b"hello").await.unwrap();
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"hello");

    let down = |down| BothWays { down, ..BothWays::default() };
    proxy.set(down(Faults { slice_bytes: Some(1), latency: Duration::from_millis(20), ..Faults::default() }));
    let began = Instant::now();
    stream.write_all(b"again").await.unwrap();
    stream.read_exact(&mut answer).await.unwrap();
    assert!(&answer == b"again" && began.elapsed() >= Duration::from_millis(100), "{:?}", began.elapsed());

    proxy.set(down(Faults { is_silent: true, ..Faults::default() }));
    stream.write_all(b"quiet").await.unwrap();
    assert!(timeout(Duration::from_millis(200), stream.read_exact(&mut answer)).await.is_err());
    proxy.set(BothWays::default());
    timeout(LIMIT, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"quiet");

    proxy.reset_all();
    let end = timeout(LIMIT, stream.read(&mut answer)).await.unwrap();
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);

    proxy.set(down(Faults { close_after_bytes: Some(3), ..Faults::default() }));
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut all = Vec::new();
    timeout(LIMIT, stream.read_to_end(&mut all)).await.unwrap().unwrap();
    assert_eq!(all, b"hel");
    // The other direction is open still.
    stream.write_all(b"more").await.unwrap();

    proxy.set(BothWays { up: Faults { reset_after_bytes: Some(2), ..Faults::default() }, ..BothWays::default() });
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    let end = timeout(LIMIT, stream.read_to_end(&mut Vec::new())).await.unwrap();
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(proxy.connections(), 3);
}
