//! How fast messages come in, from the socket into the whole store, beside others that only count them.
//!
//! The other end is no broker but a process of its own that answers CONNECT and SUBSCRIBE and then writes a prepared buffer:
//! 1,000,000 messages of QoS 0 with 200 octets on 10,000 topics. The time counts from its first octet to the moment at
//! which the client, with all messages counted, closes the connection; CPU time is the client's alone.
//!
//! Foreign clients are used where they can be had: `mosquitto_sub` (Debian: mosquitto-clients), `mqtt` from npm and
//! `paho-mqtt` from PyPI, installed below `target/`.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a benchmark prints what it measured, or ends"
)]

use std::env;
use std::fs;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use linesman::flow::port::{Broker, Delivery};
use linesman::io::mqtt::MqttBroker;
use linesman::model::mqtt::connect::ConnectPlan;
use linesman::model::mqtt::message::{Qos, Subscription};
use linesman::model::mqtt::topic::TopicFilter;
use linesman::telemetry::store::Store;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet};
use tokio::runtime::Builder;
use tokio::sync::mpsc;

#[path = "../support/messages.rs"]
mod messages;

use messages::Random;

/// Set for the process that is the other end: how many messages it sends to each client.
const GENERATE: &str = "LINESMAN_BENCH_GENERATE";
const TOPICS: usize = 10_000;
const BUDGET_BYTES: usize = 512 * 1024 * 1024;

fn main() {
    if let Some(count) = env::var(GENERATE).ok().and_then(|count| count.parse().ok()) {
        generate(count);
        return;
    }
    let is_measuring = env::args().any(|argument| argument == "--bench");
    let (count, rounds) = if is_measuring { (1_000_000, 5) } else { (10_000, 1) };
    println!(
        "{count} messages of 200 octets on {TOPICS} topics, QoS 0, one connection on loopback; best of {rounds} rounds"
    );
    let mut generator = Generator::start(count);
    let mut bare = None;
    for (name, needed, run) in clients(is_measuring) {
        let Some(run) = run else {
            println!("{name:<34} skipped: {needed}");
            continue;
        };
        // The slow ones take long enough to be measured once.
        let rounds = if needed.is_empty() { rounds } else { rounds.min(2) };
        let runs: Vec<_> = (0..rounds).map(|_| generator.measure(|port| run(port, count))).collect();
        let Some((wall, cpu)) = runs.into_iter().min_by_key(|(wall, _)| *wall) else { continue };
        let rate = count as f64 / wall.as_secs_f64();
        let bare_rate = *bare.get_or_insert(rate);
        println!(
            "{name:<34} {:>9.0} msg/s, {:>6.3} µs CPU a message, {:>6.3} of the bare loop",
            rate,
            cpu.as_secs_f64() * 1e6 / count as f64,
            rate / bare_rate
        );
    }
}

type Run = Box<dyn Fn(u16, u64) -> Duration>;

/// Name, what it needs if it is foreign, and what runs it and returns its CPU time.
fn clients(is_measuring: bool) -> Vec<(&'static str, &'static str, Option<Run>)> {
    let foreign = |found: Option<Command>, arguments: fn(&mut Command, u16, u64)| -> Option<Run> {
        let found = found.filter(|_| is_measuring)?;
        let (program, first) =
            (found.get_program().to_owned(), found.get_args().map(ToOwned::to_owned).collect::<Vec<_>>());
        Some(Box::new(move |port, count| {
            let mut command = Command::new(&program);
            command.args(&first);
            arguments(&mut command, port, count);
            cpu_of_children(|| {
                let end = command.stdout(Stdio::null()).status();
                assert!(end.is_ok_and(|status| status.success()), "{} did not receive all messages", program.display());
            })
        }))
    };
    let numbers = |command: &mut Command, port: u16, count: u64| {
        command.args([port.to_string(), count.to_string()]);
    };
    let bare: Run = Box::new(|port, count| own_cpu(|| count_bare(port, count)));
    let whole: Run = Box::new(|port, count| own_cpu(|| into_store(port, count)));
    vec![
        ("bare rumqttc loop that counts", "", Some(bare)),
        ("Linesman, into the whole store", "", Some(whole)),
        (
            "mosquitto_sub -F %l > /dev/null",
            "mosquitto_sub (Debian: mosquitto-clients)",
            foreign(has("mosquitto_sub").then(|| Command::new("mosquitto_sub")), |command, port, count| {
                command.args(["-p", &port.to_string(), "-V", "311", "-t", "#", "-F", "%l", "-C", &count.to_string()]);
            }),
        ),
        ("mqtt (npm) that counts", "node and npm", foreign(is_measuring.then(npm).flatten(), numbers)),
        ("paho-mqtt (PyPI) that counts", "python3 with venv", foreign(is_measuring.then(paho).flatten(), numbers)),
    ]
}

/// rumqttc's own event loop, counting.
fn count_bare(port: u16, count: u64) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    runtime.block_on(async {
        let mut options = MqttOptions::new("bare", "127.0.0.1", port);
        options.set_max_packet_size(16 * 1024 * 1024, 16 * 1024 * 1024);
        let (client, mut events) = AsyncClient::new(options, 10);
        client.subscribe("#", rumqttc::QoS::AtMostOnce).await.expect("the loop takes requests");
        let mut seen = 0;
        while seen < count {
            if let Event::Incoming(Packet::Publish(publish)) = events.poll().await.expect("the connection holds") {
                black_box(publish);
                seen += 1;
            }
        }
    });
}

/// Our client on its thread, and the store on this one.
fn into_store(port: u16, count: u64) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    runtime.block_on(async {
        let url = format!("mqtt://127.0.0.1:{port}").parse().expect("a good address");
        let mut plan = ConnectPlan::new(url, "linesman-bench");
        plan.subscriptions = vec![Subscription { filter: TopicFilter::everything(), qos: Qos::AtMostOnce }];
        let broker = MqttBroker::new();
        let (stages, mut reports) = mpsc::channel(64);
        let (connection, ()) =
            tokio::join!(broker.connect(&plan, 1, stages), async { while reports.recv().await.is_some() {} });
        let Ok(mut connection) = connection else { panic!("the generator refuses nobody") };
        let mut store = Store::new(BUDGET_BYTES);
        let mut seen = 0;
        while seen < count {
            match connection.deliveries.recv().await {
                Some(Delivery::Messages(batch)) => seen += store.ingest(&batch).messages,
                Some(Delivery::Ended(end)) => panic!("the connection ended: {}", end.problem.what),
                Some(_) => {}
                None => panic!("the connection ended"),
            }
        }
        let counters = store.counters(u64::MAX / 2);
        assert_eq!((counters.received, counters.held + counters.evicted, counters.dropped), (count, count, 0));
    });
}

/// The process at the other end.
struct Generator {
    child: Child,
    port: u16,
    lines: BufReader<std::process::ChildStdout>,
}

impl Generator {
    fn start(count: u64) -> Self {
        let program = env::current_exe().expect("this program has a path");
        let mut child =
            Command::new(program).env(GENERATE, count.to_string()).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is a pipe"));
        let port = u16::try_from(read_number(&mut lines)).expect("a port");
        Self { child, port, lines }
    }

    /// From the first octet to the end of the connection; and what the client says it took of CPU time.
    fn measure(&mut self, client: impl Fn(u16) -> Duration) -> (Duration, Duration) {
        let cpu = client(self.port);
        (Duration::from_micros(read_number(&mut self.lines)), cpu)
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        // It waits for clients until it is stopped; what it may say to that does not matter.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_number(lines: &mut impl BufRead) -> u64 {
    let mut line = String::new();
    lines.read_line(&mut line).expect("the generator runs");
    line.trim().parse().expect("the generator prints numbers")
}

/// Serves one client after the other, and prints how long each took.
fn generate(count: u64) {
    let names = messages::topics(TOPICS);
    let mut random = Random::default();
    let mut numbers = vec![0; TOPICS];
    let mut packets = Vec::new();
    for _ in 0..count {
        let topic = random.below(TOPICS);
        numbers[topic] += 1;
        let (name, payload) = (names[topic].as_bytes(), messages::payload(numbers[topic], &mut random));
        let length = 2 + name.len() + payload.len();
        packets.extend([0x30, (length % 128) as u8 | 0x80, (length / 128) as u8, 0, name.len() as u8]);
        packets.extend(name);
        packets.extend(payload);
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    println!("{}", listener.local_addr().expect("it is bound").port());
    for stream in listener.incoming() {
        let took = stream.and_then(|stream| serve(stream, &packets)).unwrap_or_default();
        println!("{}", took.as_micros());
    }
}

fn serve(mut stream: TcpStream, packets: &[u8]) -> std::io::Result<Duration> {
    stream.set_nodelay(true)?;
    read_packet(&mut stream)?;
    stream.write_all(&[0x20, 2, 0, 0])?;
    let subscribe = read_packet(&mut stream)?;
    stream.write_all(&[0x90, 3, subscribe[0], subscribe[1], 0])?;
    let began = Instant::now();
    stream.write_all(packets)?;
    // Farewell or not, the client closes once it has them all.
    let mut rest = [0; 256];
    while stream.read(&mut rest).is_ok_and(|count| count > 0) {}
    Ok(began.elapsed())
}

/// The body of a packet that is shorter than 128 octets.
fn read_packet(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = [0; 2];
    stream.read_exact(&mut head)?;
    let mut body = vec![0; usize::from(head[1])];
    stream.read_exact(&mut body)?;
    Ok(body)
}

fn own_cpu(run: impl FnOnce()) -> Duration {
    let before = cpu("/proc/self/stat", 13);
    run();
    cpu("/proc/self/stat", 13).saturating_sub(before)
}

fn cpu_of_children(run: impl FnOnce()) -> Duration {
    let before = cpu("/proc/self/stat", 15);
    run();
    cpu("/proc/self/stat", 15).saturating_sub(before)
}

/// Two neighbouring fields of a process's statistics, user and system, in hundredths of a second.
fn cpu(path: &str, field: usize) -> Duration {
    let text = fs::read_to_string(path).unwrap_or_default();
    // The name of the program stands in parentheses and may hold blanks.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis(10 * (ticks(field - 2) + ticks(field - 1)))
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// Where the foreign clients are installed.
fn installed(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-ingest").join(name);
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/ingest").join(name)
}

fn npm() -> Option<Command> {
    let folder = installed("npm");
    for file in ["package.json", "count.mjs"] {
        fs::copy(source(file), folder.join(file)).ok()?;
    }
    let install = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    let is_there = folder.join("node_modules/mqtt").exists()
        || Command::new("npm").args(install).current_dir(&folder).status().is_ok_and(|status| status.success());
    is_there.then(|| {
        let mut command = Command::new("node");
        command.arg(folder.join("count.mjs"));
        command
    })
}

fn paho() -> Option<Command> {
    let folder = installed("pypi");
    let python = folder.join("bin/python");
    let runs = |command: &mut Command| command.stdout(Stdio::null()).status().is_ok_and(|status| status.success());
    let is_there = runs(Command::new(&python).args(["-c", "import paho.mqtt"]))
        || runs(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            && runs(
                Command::new(&python)
                    .args(["-m", "pip", "install", "--quiet", "--require-hashes", "-r"])
                    .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/paho-mqtt/requirements.txt")),
            );
    is_there.then(|| {
        let mut command = Command::new(python);
        command.arg(source("count.py"));
        command
    })
}
