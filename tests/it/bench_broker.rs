//! The bench broker, met by a foreign client, paho-mqtt (PyPI), on every port, and by what is no client at all.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use linesman::io::bench_broker::BenchBroker;
use linesman::msg::telemetry::{BenchFacts, BenchPlan};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::program::Place;
use crate::{mosquitto, node, python};

/// More than any of this takes.
const LIMIT: Duration = Duration::from_mins(1);
/// Where the broker listens. By its address, since not every chroot knows `localhost`.
const HERE: &str = "127.0.0.1";

/// A broker on loopback with everything on.
struct Bench {
    broker: BenchBroker,
    facts: BenchFacts,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (broker, facts) = BenchBroker::start(&BenchPlan::default(), &folder.path().join("bench")).await.unwrap();
        Self { broker, facts, folder }
    }

    /// The port of the `nth` address of that scheme.
    fn port(&self, scheme: &str, nth: usize) -> u16 {
        let urls = self.facts.urls.iter().filter(|url| url.starts_with(&format!("{scheme}://")));
        let url = urls.clone().nth(nth).unwrap_or_else(|| panic!("no {scheme} in {:?}", self.facts.urls));
        url.trim_end_matches("/mqtt").rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Reads lines until one holds these words.
    async fn wait_for(&mut self, words: &str) -> String {
        let mut lines = Vec::new();
        let find = async {
            loop {
                let line = self.broker.seen().await.expect("the broker runs").text;
                if line.contains(words) {
                    return line;
                }
                lines.push(line);
            }
        };
        let found = timeout(LIMIT, find).await;
        found.unwrap_or_else(|_| panic!("nobody said “{words}”: {lines:#?}"))
    }

    fn tls(&self) -> Value {
        json!({ "ca": self.facts.ca_path })
    }

    fn mutual_tls(&self) -> Value {
        let (certificate, key) = self.facts.client_paths.clone().unwrap();
        json!({ "ca": self.facts.ca_path, "certificate": certificate, "key": key })
    }
}

/// paho-mqtt on its way through a plan.
struct Paho {
    child: Child,
    lines: tokio::io::Lines<BufReader<ChildStdout>>,
}

impl Paho {
    async fn start(python: &Path, plan: &Value) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/paho-mqtt/drive.py");
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
        Self { child, lines }
    }

    /// The next thing of that kind.
    async fn step(&mut self, name: &str) -> Value {
        let find = async {
            let mut before = Vec::new();
            while let Some(line) = self.lines.next_line().await.unwrap() {
                let line: Value = serde_json::from_str(&line).unwrap();
                if line["step"] == name {
                    return line;
                }
                before.push(line.to_string());
                assert!(line["step"] != "failed", "before {name}: {before:#?}");
            }
            panic!("it ended before {name}: {before:#?}");
        };
        timeout(LIMIT, find).await.expect("paho gets on")
    }

    /// Lets it end, after a goodbye.
    async fn finish(mut self) {
        drop(self.child.stdin.take());
        timeout(LIMIT, self.child.wait()).await.unwrap().unwrap();
    }
}

/// A plan with the rest of `more` in it.
fn plan(client_id: &str, port: u16, more: &[Value]) -> Value {
    let mut plan = json!({ "host": "localhost", "client_id": client_id, "port": port });
    for (name, value) in more.iter().flat_map(|more| more.as_object().unwrap()) {
        plan[name] = value.clone();
    }
    plan
}

#[tokio::test]
async fn paho_meets_it_on_every_port() {
    let Some(python) = python::with_packages("paho-mqtt") else { return };
    let mut bench = Bench::start().await;
    let ways = [
        ("plain", bench.port("mqtt", 0), json!({})),
        ("tls", bench.port("mqtts", 0), bench.tls()),
        ("mutual", bench.port("mqtts", 1), bench.mutual_tls()),
        ("ws", bench.port("ws", 0), json!({ "transport": "websockets" })),
        ("wss", bench.port("wss", 0), json!({ "transport": "websockets", "ca": bench.facts.ca_path })),
    ];
    for version in ["3.1.1", "5"] {
        for (name, port, way) in &ways {
            let id = format!("{name}-{}", &version[..1]);
            let topic = |level: &str| format!("site/{id}/{level}");
            let exchange = json!({
                "version": version,
                "subscribe": [{ "filter": format!("site/{id}/#"), "qos": 2 }],
                "publish": [
                    { "topic": topic("0"), "payload": "zero" },
                    { "topic": topic("1"), "payload": "one", "qos": 1 },
                    { "topic": topic("2"), "payload": "two", "qos": 2 },
                    { "topic": topic("long"), "bytes": 5_000_000, "qos": 1 },
                ],
                "expect": 4,
                "stay": true,
            });
            let mut paho = Paho::start(&python, &plan(&id, *port, &[way.clone(), exchange])).await;
            assert_eq!(paho.step("connected").await["failed"], false, "{id}");
            assert_eq!(paho.step("granted").await["reasons"], json!([2]), "{id}");
            let came = bench.wait_for(&format!("“{id}” came from 127.0.0.1 over ")).await;
            assert!(came.contains(&format!("MQTT {version}")), "{came}");
            assert_eq!(came.contains("certificate “linesman-bench-client”"), *name == "mutual", "{came}");
            paho.step("waiting").await;
            paho.finish().await;
            bench.wait_for(&format!("“{id}” said goodbye")).await;
        }
    }
}

#[tokio::test]
async fn messages_cross_between_ports_are_kept_and_inherited() {
    let Some(python) = python::with_packages("paho-mqtt") else { return };
    let mut bench = Bench::start().await;
    let retained = json!({
        "publish": [{ "topic": "site/gw/state", "payload": "here", "qos": 1, "retain": true }],
        "will": { "topic": "site/gw/state", "payload": "gone", "qos": 1, "retain": true },
        "stay": true,
    });
    let mut gateway = Paho::start(&python, &plan("gw", bench.port("mqtt", 0), &[retained])).await;
    gateway.step("waiting").await;
    let came = bench.wait_for("“gw” came").await;
    assert!(came.contains("with a last will"), "{came}");
    let watch = json!({ "subscribe": [{ "filter": "#", "qos": 1 }], "expect": 1, "stay": true });
    let mut watcher = Paho::start(&python, &plan("watcher", bench.port("mqtts", 0), &[bench.tls(), watch])).await;
    let kept = watcher.step("message").await;
    assert_eq!((kept["payload"].as_str(), kept["retain"].as_bool()), (Some("here"), Some(true)));
    // It vanishes without a goodbye: the broker publishes its last will.
    gateway.child.kill().await.unwrap();
    let will = watcher.step("message").await;
    assert_eq!((will["topic"].as_str(), will["payload"].as_str()), (Some("site/gw/state"), Some("gone")));
    bench.wait_for("“gw” went without a goodbye").await;
    watcher.finish().await;
}

#[tokio::test]
async fn a_second_client_of_one_name_throws_the_first_out_and_that_is_told() {
    let Some(python) = python::with_packages("paho-mqtt") else { return };
    let mut bench = Bench::start().await;
    let stay = json!({ "stay": true });
    let first = Paho::start(&python, &plan("gw", bench.port("mqtt", 0), std::slice::from_ref(&stay))).await;
    bench.wait_for("“gw” came").await;
    let second = Paho::start(&python, &plan("gw", bench.port("mqtt", 0), &[stay])).await;
    bench.wait_for("another connection of that name gets disconnected").await;
    bench.wait_for("“gw” was disconnected: another connection used the same client ID").await;
    drop((first, second));
}

#[tokio::test]
async fn a_gateway_that_does_not_trust_the_ca_or_shows_no_certificate_is_told_apart() {
    let Some(python) = python::with_packages("paho-mqtt") else { return };
    let mut bench = Bench::start().await;
    let other = BenchBroker::start(&BenchPlan::default(), &bench.folder.path().join("other")).await.unwrap();
    let wrong = json!({ "ca": other.1.ca_path });
    let mut paho = Paho::start(&python, &plan("gw", bench.port("mqtts", 0), &[wrong])).await;
    let failed = timeout(LIMIT, paho.lines.next_line()).await.unwrap().unwrap().unwrap();
    assert!(failed.contains("CERTIFICATE_VERIFY_FAILED"), "{failed}");
    bench.wait_for("127.0.0.1 was refused: it does not trust the test CA").await;

    let without = plan("gw", bench.port("mqtts", 1), &[bench.tls()]);
    let _paho = Paho::start(&python, &without).await;
    bench.wait_for("it showed no client certificate").await;

    let (certificate, key) = other.1.client_paths.clone().unwrap();
    let foreign = json!({ "ca": bench.facts.ca_path, "certificate": certificate, "key": key });
    let _paho = Paho::start(&python, &plan("gw", bench.port("mqtts", 1), &[foreign])).await;
    bench.wait_for("its client certificate was not taken: it is not one of the test CA").await;
}

#[tokio::test]
async fn what_speaks_to_the_wrong_port_is_told() {
    let mut bench = Bench::start().await;
    for (port, sent, words) in [
        (bench.port("mqtt", 0), &b"\x16\x03\x01\x00\x05hello"[..], "it spoke TLS to the port of plain MQTT"),
        (bench.port("mqtt", 0), b"GET / HTTP/1.1\r\n\r\n", "it spoke HTTP or WebSocket to the port of plain MQTT"),
        (
            bench.port("mqtts", 0),
            b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00",
            "it spoke plain MQTT to an encrypted port",
        ),
        (
            bench.port("ws", 0),
            b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00",
            "it spoke plain MQTT to the port of WebSocket",
        ),
        (bench.port("mqtts", 0), b"\x16\x03\x01\x00\x05hello", "what it sent is no TLS"),
        (bench.port("ws", 0), b"GET /mqtt HTTP/1.1\r\nHost: h\r\n\r\n", "the WebSocket did not open"),
        (
            bench.port("mqtt", 0),
            b"\x10\x0c\x00\x04MQTT\x04\x00\x00\x00\x00\x00",
            "an empty client id needs a clean session",
        ),
        (bench.port("mqtt", 0), b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x1e\x00\x01a", "no other version"),
        (bench.port("mqtt", 0), b"", "connected and closed without sending anything"),
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(sent).await.unwrap();
        if sent.is_empty() {
            stream.shutdown().await.unwrap();
        }
        let line = bench.wait_for(words).await;
        assert!(line.contains("127.0.0.1"), "{line}");
        // It is shown the door.
        let _ = timeout(LIMIT, stream.read_to_end(&mut Vec::new())).await.unwrap();
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_a_problem_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let held = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = held.local_addr().unwrap().port();
    let start = async |plan: BenchPlan| BenchBroker::start(&plan, folder.path()).await.err().unwrap();
    let problem = start(BenchPlan { plain: Some(port), ..BenchPlan::default() }).await;
    assert_eq!((problem.code, problem.what), ("bench.port_taken", format!("Port {port} is taken")));
    let problem = start(BenchPlan { address: "198.51.100.77".into(), ..BenchPlan::default() }).await;
    assert_eq!(problem.code, "bench.not_our_address");
    let nowhere = BenchPlan { plain: None, tls: None, mutual_tls: None, websocket: None, ..BenchPlan::default() };
    assert_eq!(start(nowhere).await.code, "bench.no_port");
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let problem = BenchBroker::start(&BenchPlan::default(), &file).await.err().unwrap();
    assert_eq!(problem.code, "bench.folder");
}

#[tokio::test]
async fn a_gateway_configured_yesterday_still_works_today() {
    let folder = tempfile::tempdir().unwrap();
    let (broker, first) = BenchBroker::start(&BenchPlan::default(), folder.path()).await.unwrap();
    drop(broker);
    let (_broker, second) = BenchBroker::start(&BenchPlan::default(), folder.path()).await.unwrap();
    assert_eq!(first.ca_sha256, second.ca_sha256);
    assert_eq!(first.ca_sha256.len(), 64);
    assert!(second.interfaces.iter().all(|address| !address.starts_with("127.")));
}

/// mqtt.js on its way through a plan, up to its end.
fn mqtt_js(folder: &Path, plan: &Value) -> Vec<Value> {
    let mut child = std::process::Command::new("node")
        .arg(folder.join("drive.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), plan.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let steps: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(output.status.success() && steps.last().is_some_and(|last| last["step"] == "ended"), "{steps:#?}");
    steps
}

#[tokio::test(flavor = "multi_thread")]
async fn mqtt_js_finds_all_that_mqtt_5_has_unaltered() {
    let Some(folder) = node::with_packages("mqtt-js", &["drive.mjs"]) else { return };
    let bench = Bench::start().await;
    let run = async |plan: Value| {
        let folder = folder.clone();
        let run = tokio::task::spawn_blocking(move || mqtt_js(&folder, &plan));
        timeout(LIMIT, run).await.expect("mqtt.js comes to its end").unwrap()
    };
    let properties = json!({
        "payloadFormatIndicator": true,
        "contentType": "application/json",
        "responseTopic": "site/answers",
        "correlationData": { "type": "Buffer", "data": [1, 2] },
        "userProperties": { "unit": ["°C", "K"] },
    });
    let sent = json!({
        "payloadFormatIndicator": true,
        "contentType": "application/json",
        "responseTopic": "site/answers",
        "userProperties": { "unit": ["°C", "K"] },
    });
    let plain = format!("mqtt://127.0.0.1:{}", bench.port("mqtt", 0));
    let ways = [
        (plain.clone(), json!({})),
        (format!("mqtts://localhost:{}", bench.port("mqtts", 0)), json!({ "ca": bench.facts.ca_path })),
        (format!("ws://127.0.0.1:{}/mqtt", bench.port("ws", 0)), json!({})),
        (format!("wss://localhost:{}/mqtt", bench.port("wss", 0)), json!({ "ca": bench.facts.ca_path })),
    ];
    for (url, mut options) in ways {
        options["protocolVersion"] = json!(5);
        options["properties"] = json!({ "topicAliasMaximum": 5, "receiveMaximum": 2 });
        options["autoAssignTopicAlias"] = json!(true);
        options["autoUseTopicAlias"] = json!(true);
        let message =
            |qos: u8| json!({ "topic": "site/t", "payload": "{}", "options": { "qos": qos, "properties": sent } });
        let steps = run(json!({
            "url": url,
            "options": options,
            "subscribe": { "site/t": { "qos": 2 } },
            "subscribeOptions": { "qos": 2, "properties": { "subscriptionIdentifier": 77 } },
            "publish": [message(0), message(1), message(2), message(1), message(2)],
            "expect": 5,
        }))
        .await;
        let messages: Vec<&Value> = steps.iter().filter(|step| step["step"] == "message").collect();
        assert_eq!(messages.iter().map(|message| &message["qos"]).collect::<Vec<_>>(), [0, 1, 2, 1, 2], "{url}");
        for message in messages {
            let found = &message["properties"];
            for name in ["payloadFormatIndicator", "contentType", "responseTopic", "userProperties"] {
                assert_eq!(found[name], properties[name], "{url}: {message}");
            }
            assert_eq!(found["subscriptionIdentifier"], 77, "{url}: {message}");
        }
    }
    // A session that survives absence.
    let away = json!({ "protocolVersion": 5, "clean": false, "clientId": "gw", "properties": { "sessionExpiryInterval": 100 } });
    run(json!({ "url": plain, "options": away, "subscribe": { "to/gw": { "qos": 1 } } })).await;
    let message = json!({ "topic": "to/gw", "payload": "wake up", "options": { "qos": 1 } });
    run(json!({ "url": plain, "options": { "protocolVersion": 4 }, "publish": [message] })).await;
    let back = run(json!({ "url": plain, "options": away, "expect": 1 })).await;
    // What waited may come before the client tells that it is connected.
    let find = |step: &str| back.iter().find(|found| found["step"] == step).unwrap();
    assert_eq!((&find("connected")["session"], &find("message")["payload"]), (&json!(true), &json!("wake up")));
}

#[tokio::test]
async fn mosquitto_s_own_clients_meet_it() {
    let Some(clients) = mosquitto::Clients::find() else { return };
    let mut bench = Bench::start().await;
    for version in ["mqttv311", "mqttv5"] {
        let port = bench.port("mqtt", 0).to_string();
        let mut watcher = clients.command("mosquitto_sub");
        watcher.args([
            "-h", HERE, "-p", &port, "-V", version, "-i", "watcher", "-t", "site/#", "-q", "2", "-C", "3", "-F",
            "%q %t %p",
        ]);
        let watcher = watcher.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        bench.wait_for("“watcher” came").await;
        for qos in ["0", "1", "2"] {
            let mut publish = clients.command("mosquitto_pub");
            publish.args(["-h", HERE, "-p", &port, "-V", version, "-t", "site/gw/value", "-q", qos, "-m", qos]);
            assert!(timeout(LIMIT, publish.status()).await.unwrap().unwrap().success());
        }
        let output = timeout(LIMIT, watcher.wait_with_output()).await.unwrap().unwrap();
        let expected = "0 site/gw/value 0\n1 site/gw/value 1\n2 site/gw/value 2\n";
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{version}");
    }
    let mut long = clients.command("mosquitto_sub");
    let (port, ca) = (bench.port("mqtts", 0).to_string(), bench.facts.ca_path.clone());
    long.args(["-h", HERE, "-p", &port, "--cafile"]).arg(ca).args(["-i", "tls", "-t", "#", "-E", "-d"]);
    assert!(timeout(LIMIT, long.stdout(Stdio::null()).status()).await.unwrap().unwrap().success());
    bench.wait_for("“tls” said goodbye").await;
}

#[tokio::test]
async fn the_command_runs_it_and_tells_who_comes_until_ctrl_c() {
    let place = Place::new();
    let mut running = place.start(&[
        "bench-broker",
        "--plain",
        "0",
        "--tls",
        "off",
        "--mutual-tls",
        "off",
        "--websocket",
        "off",
        "--refuse",
        "secret/#",
    ]);
    let first = running.until(|_| true);
    assert_eq!(first["kind"], "bench-broker");
    let url = first["urls"][0].as_str().unwrap().to_owned();
    assert!(first["ca"].as_str().is_some_and(|path| Path::new(path).is_file()), "{first}");
    let address = url.trim_start_matches("mqtt://").to_owned();
    drop(TcpStream::connect(&address).await.unwrap());
    running.until(|line| line["event"] == "note");
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream
        .write_all(b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x0a\x00\x02gw\x82\x0d\x00\x01\x00\x08secret/#\x00")
        .await
        .unwrap();
    let mut answer = [0; 9];
    timeout(LIMIT, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"\x20\x02\x00\x00\x90\x03\x00\x01\x80");
    let seen = running.until(|line| line["event"] == "came");
    assert_eq!(seen["kind"], "bench-seen");
    assert_eq!((seen["client_id"].as_str(), seen["address"].as_str()), (Some("gw"), Some("127.0.0.1")));
    stream.write_all(b"\xe0\x00").await.unwrap();
    running.until(|line| line["event"] == "went");
    running.interrupt();
    let ended = running.finish().expect(0).result();
    assert_eq!(ended, json!({ "kind": "bench-ended", "came": 1, "went": 1, "refused": 0 }));
}

#[test]
fn a_bench_broker_with_nothing_to_listen_on_is_wrong_usage() {
    let off = ["--plain", "off", "--tls", "off", "--mutual-tls", "off", "--websocket", "off"];
    let ran = Place::new().run_json(&[&["bench-broker"], &off[..]].concat());
    ran.expect_problem(2, "bench.no_port");
}
