//! What Linesman itself adds between the click and the verdict, on a gateway that joins at once.
//!
//! All of it is real but the gateway: the workers as the window starts them, the port's thread on a pseudo-terminal, and
//! the records on a disk. Each run has a new gateway.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints what it measured, or ends")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use linesman::backend::{self, Config, Handle};
use linesman::flow::port::{LinkCommand, LinkEvent, Links as _, Records as _};
use linesman::io::files::DataDir;
use linesman::io::records::RecordStore;
use linesman::io::serial::SerialLinks;
use linesman::model::access::Access;
use linesman::model::credentials::{WifiCredentials, WifiKey};
use linesman::model::gateway::{DeviceInfo, PortFacts};
use linesman::model::ids::{DriverId, JobId, LinkAddress};
use linesman::model::outcome::Verdict;
use linesman::model::record::{JobIntent, Phase, StepEntry};
use linesman::model::secret::Secret;
use linesman::model::wifi::parse_ssid;
use linesman::msg::{Command, Event, Known, Progress, Request, SIMULATED_PASSPHRASE, SIMULATED_SSID, Step};
use linesman::proto::improv;
use linesman::proto::improv::serial::encode_request;
use linesman::sim::{Air, EspPlan, GatewayPlan, SimError, SimulatedGateway, start_gateway};
use tokio::runtime::Runtime;

mod support;

use support::{Spread, is_measuring};

/// Between two gateways: long enough that nothing of the one before is still going on.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a person thinks before sending.
const THOUGHT: Duration = Duration::from_millis(1200);
/// How long an open port is watched at rest.
const SILENCE: Duration = Duration::from_secs(5);

fn main() {
    let runs = if is_measuring() { 50 } else { 2 };
    // On the disk of the build, not in a folder for temporary files: that may be memory.
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("click-to-joined");
    // That there is none from an earlier run is as good.
    let _ = std::fs::remove_dir_all(&folder);
    let site = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    if let Err(error) = gateway(&site) {
        println!("skipped: {error}");
        return;
    }
    println!("From the click to the verdict, {runs} runs: least, median, p95");
    sessions(&site, &folder.join("sessions"), runs);
    println!("What it is made of, each measured alone");
    site.block_on(records(&folder.join("parts"), runs));
    site.block_on(link(&site, runs));
    if is_measuring() {
        site.block_on(silence(&site));
    }
}

/// A gateway that joins the moment it is told to.
fn gateway(site: &Runtime) -> Result<SimulatedGateway, SimError> {
    let _inside = site.enter();
    start_gateway(&GatewayPlan {
        driver: DriverId::Improv,
        info: DeviceInfo {
            firmware: "sim".into(),
            firmware_version: "1".into(),
            hardware: "sim".into(),
            name: "Gateway".into(),
            ..DeviceInfo::default()
        },
        facts: PortFacts::default(),
        air: Air { join_after: Duration::ZERO, ..Air::site(SIMULATED_SSID, SIMULATED_PASSPHRASE) },
        faults: Vec::new(),
        card: None,
        esp: EspPlan::default(),
        network: std::sync::Arc::default(),
    })
}

/// The times of one gateway.
struct Run {
    /// From the request to send in a session that is open to the verdict.
    push: Duration,
    /// From the request to connect, describe and send to the verdict.
    next: Duration,
    /// From that request to the end of the job: port free, outcome on record.
    end: Duration,
    /// What the steps took, in the order they began.
    steps: Vec<(Step, Duration)>,
}

fn sessions(site: &Runtime, folder: &Path, runs: u64) {
    let config = Config { data_dir: Some(folder.to_owned()), ..Config::default() };
    let (mut handle, workers) = backend::start(config).map_err(|problem| problem.what).expect("the workers start");
    // A person thinks before sending; by then the line is quiet and its thread waits longer at a time.
    let thought: Vec<Run> = (0..runs).map(|number| commission(&mut handle, site, JobId(number), THOUGHT)).collect();
    let next = |number| commission(&mut handle, site, JobId(runs + number), Duration::ZERO);
    let next: Vec<Run> = (0..runs).map(next).collect();
    drop(handle);
    workers.finish();
    let show = |name: &str, runs: &[Run], time: &dyn Fn(&Run) -> Duration| {
        println!("  {name:<38} {}", Spread::of(runs.iter().map(time).collect()));
    };
    show("send, in an open session", &thought, &|run| run.push);
    show("next gateway: connect, describe, send", &next, &|run| run.next);
    show("next gateway, to the end of the job", &next, &|run| run.end);
    for step in [Step::Connect, Step::Describe, Step::Push, Step::Follow, Step::ReadBack] {
        let took =
            |run: &Run| run.steps.iter().find(|(known, _)| *known == step).map_or(Duration::ZERO, |(_, time)| *time);
        show(&format!("  of it: {}", step.label()), &next, &took);
    }
}

/// One gateway, as the window commissions it; the person thinks for a while before sending.
fn commission(handle: &mut Handle, site: &Runtime, job: JobId, thought: Duration) -> Run {
    let gateway = gateway(site).expect("there was a terminal before");
    std::thread::sleep(PAUSE);
    let clicked = Instant::now();
    let open = Command::OpenSession {
        job,
        link: gateway.address.clone(),
        profile: None,
        driver: DriverId::Improv,
        access: Access::default(),
        known: Known::default(),
    };
    handle.try_send(open).expect("the workers take it");
    let (mut sent, mut verdict, mut begun, mut steps) = (clicked, clicked, Vec::new(), Vec::new());
    loop {
        match handle.recv_blocking().expect("the workers live") {
            Event::SessionProgressed { progress: Progress::Ready, .. } if sent == clicked => {
                std::thread::sleep(thought);
                sent = Instant::now();
                let push = Command::Session { job, request: Request::Push(credentials()) };
                handle.try_send(push).expect("the workers take it");
            }
            Event::SessionProgressed { progress: Progress::Pushed(outcome), .. } => {
                verdict = Instant::now();
                assert_eq!(outcome.verdict, Verdict::Joined, "{}", outcome.summary);
            }
            Event::SessionProgressed { progress: Progress::StepStarted { step, .. }, at, .. } => begun.push((step, at)),
            Event::SessionProgressed { progress: Progress::StepDone { step, .. }, at, .. } => {
                let start = begun.iter().find(|(known, _)| *known == step).map_or(at, |(_, start)| *start);
                steps.push((step, at.saturating_sub(start)));
            }
            Event::JobFinished { job: ended, .. } if ended == job => break,
            _ => {}
        }
    }
    let run = Run { push: verdict - sent, next: verdict - clicked, end: clicked.elapsed(), steps };
    gateway.running.abort();
    run
}

fn credentials() -> WifiCredentials {
    WifiCredentials::new(
        parse_ssid(SIMULATED_SSID).expect("a good name"),
        WifiKey::Passphrase(Secret::new(SIMULATED_PASSPHRASE.into())),
        false,
    )
}

/// One entry of the records: written, and on the disk.
async fn records(folder: &Path, runs: u64) {
    let data = DataDir::open(Some(folder)).expect("a folder");
    let store = RecordStore::open(&data).expect("new records");
    let intent = JobIntent {
        action: "commission".into(),
        gateway: "Gateway".into(),
        link: "serial:/dev/pts/0".into(),
        profile: None,
        driver: None,
        operator: "benchmark".into(),
        is_simulated: true,
    };
    let job = store.begin(intent).await.expect("the disk takes it");
    let mut times = Vec::new();
    for _ in 0..runs {
        let entry = StepEntry {
            step: Step::Push.as_str().into(),
            phase: Phase::Intent,
            outcome: String::new(),
            detail: serde_json::json!({ "ssid": SIMULATED_SSID }),
        };
        let began = Instant::now();
        store.step(job, entry).await.expect("the disk takes it");
        times.push(began.elapsed());
    }
    println!("  {:<38} {}", "one entry on record", Spread::of(times));
}

/// Opening a port, and one question and its answer through it.
async fn link(site: &Runtime, runs: u64) {
    let question = encode_request(&improv::Request::DeviceInfo).expect("it fits");
    let (mut opening, mut asking) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let gateway = gateway(site).expect("there was a terminal before");
        tokio::time::sleep(PAUSE).await;
        let address: &LinkAddress = &gateway.address;
        let began = Instant::now();
        let mut link = SerialLinks::default().open(address).await.expect("the terminal is there");
        opening.push(began.elapsed());
        // Not in step with the reads of the port's thread.
        tokio::time::sleep(PAUSE).await;
        let began = Instant::now();
        link.outgoing.send(LinkCommand::Write(question.clone())).await.expect("the link is open");
        assert!(matches!(link.incoming.recv().await, Some(LinkEvent::Bytes(_))), "the gateway answers");
        asking.push(began.elapsed());
        gateway.running.abort();
    }
    println!("  {:<38} {}", "opening a pseudo-terminal", Spread::of(opening));
    println!("  {:<38} {}", "one question and its answer", Spread::of(asking));
}

/// What an open port costs while nothing comes and nothing goes. Linux tells of each thread; elsewhere nothing is printed.
async fn silence(site: &Runtime) {
    let gateway = gateway(site).expect("there was a terminal before");
    let _link = SerialLinks::default().open(&gateway.address).await.expect("the terminal is there");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = port_thread();
    tokio::time::sleep(SILENCE).await;
    if let Some((before, after)) = before.zip(port_thread()) {
        let share = after.saturating_sub(before).as_secs_f64() / SILENCE.as_secs_f64() * 100.0;
        println!("  {:<38} {share:>8.3} % of a core", "an open port at rest, its thread");
    }
    gateway.running.abort();
}

/// CPU time so far of the newest thread that serves a port.
fn port_thread() -> Option<Duration> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?.filter_map(Result::ok).map(|thread| thread.path());
    let is_port =
        |path: &PathBuf| std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.starts_with("serial"));
    let newest = threads.filter(is_port).max()?;
    let text = std::fs::read_to_string(newest.join("schedstat")).ok()?;
    Some(Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?))
}
