//! What the real window costs with a real connection: at rest on a broker that sends nothing, and while 50,000 messages a
//! second come in on 100,000 topics, all of them unfolded and scrolled through.
//!
//!     cargo bench --bench telemetry_window
//!
//! The window, the workers, the client and the store are the program's own. The other end is this program again, as a
//! process of its own: it answers CONNECT, SUBSCRIBE and PINGREQ, and writes prepared packets at an even pace. Without a
//! display it runs in one of its own (`tests/gui/display.sh`, Debian: xvfb openbox xdotool dbus at-spi2-core libgl1-mesa-dri).

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    reason = "a benchmark prints what it measured, or ends"
)]

use std::env;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use eframe::egui;
use linesman::app::telemetry::tree::TreeAction;
use linesman::app::telemetry::{Pane, TelemetryAction};
use linesman::app::{Action, Place};
use linesman::backend::{self, Config};
use linesman::ui::{Clock, Window};

mod support;

use support::is_measuring;

/// Set for the process that is the broker: how many messages it sends a second.
const BROKER: &str = "LINESMAN_BENCH_BROKER";
const TOPICS: usize = 100_000;
const RATE: usize = 50_000;
/// How often the broker writes.
const BEAT: Duration = Duration::from_millis(10);

/// Sends commands to the workers, beside the window.
type Send = Box<dyn Fn(linesman::msg::Command) -> bool>;

fn main() {
    if let Some(rate) = env::var(BROKER).ok().and_then(|rate| rate.parse().ok()) {
        serve_for_ever(rate);
    }
    if env::var_os("DISPLAY").is_none() && env::var_os("WAYLAND_DISPLAY").is_none() {
        return run_in_a_display();
    }
    let (settle, span) = if is_measuring() { (8, 30) } else { (1, 1) };
    let (settle, span) = (Duration::from_secs(settle), Duration::from_secs(span));
    match env::args().find(|argument| argument == "quiet" || argument == "busy").as_deref() {
        // One window a process: the library opens no second one.
        Some("quiet") => measure(0, settle, span),
        Some(_) => measure(RATE, settle, span),
        None => ["quiet", "busy"].iter().for_each(|name| run_again(name)),
    }
}

fn run_in_a_display() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let itself = env::current_exe().expect("this program has a path");
    let mut command = Command::new("bash");
    command.arg(root.join("tests/gui/display.sh")).arg(itself).args(env::args().skip(1));
    expect_good(&mut command);
}

fn run_again(name: &str) {
    let itself = env::current_exe().expect("this program has a path");
    expect_good(Command::new(itself).args(env::args().skip(1)).arg(name));
}

fn expect_good(command: &mut Command) {
    let status = command.status().expect("it starts");
    assert!(status.success(), "{status}");
}

/// Opens the window on a broker of that pace, and prints what it cost.
fn measure(rate: usize, settle: Duration, span: Duration) {
    let broker = Broker::start(rate);
    let folder = tempfile::tempdir().expect("a folder of its own");
    let config = Config { data_dir: Some(folder.path().to_owned()), ..Config::default() };
    let (handle, backend) = backend::start(config).expect("the workers start");
    let send: Send = Box::new(handle.sender());
    let plan = Plan { url: broker.url.clone(), rate, settle, span };
    let viewport = egui::ViewportBuilder::default().with_title("Linesman").with_inner_size([1100.0, 720.0]);
    let options = eframe::NativeOptions { viewport, persist_window: false, ..eframe::NativeOptions::default() };
    eframe::run_native(
        "Linesman",
        options,
        Box::new(|creation| {
            let window = Window::new(&creation.egui_ctx, handle, Clock::default());
            Ok(Box::new(Measured { window, send, plan, stage: Stage::Starting, frames: Vec::new() }))
        }),
    )
    .expect("the window opens");
    backend.finish();
}

struct Plan {
    url: String,
    rate: usize,
    settle: Duration,
    span: Duration,
}

enum Stage {
    Starting,
    Connecting,
    Settling { since: Instant },
    Measuring { since: Instant, cpu: Duration, received: u64 },
    Over,
}

/// What one frame took in logic and `ui`.
struct Frame {
    wall: Duration,
    cpu: Duration,
}

/// The window, with a clock beside it.
struct Measured {
    window: Window,
    send: Send,
    plan: Plan,
    stage: Stage,
    frames: Vec<Frame>,
}

impl Measured {
    fn act(&mut self, action: impl Into<Action>) {
        for command in self.window.app.act(action.into(), Instant::now()) {
            assert!((self.send)(command), "the workers are there");
        }
    }

    fn received(&self) -> u64 {
        self.window.app.telemetry.snapshot().map_or(0, |snapshot| snapshot.counters.received)
    }

    /// Goes on with the plan.
    fn step(&mut self, ctx: &egui::Context) {
        match &self.stage {
            Stage::Starting if self.window.app.is_started() => {
                self.act(Action::WentTo(Place::Telemetry));
                self.window.app.telemetry.form.url = self.plan.url.clone();
                self.act(TelemetryAction::Connected);
                self.act(TelemetryAction::WentTo(Pane::Messages));
                self.stage = Stage::Connecting;
            }
            Stage::Connecting if self.window.app.telemetry.snapshot().is_some() => {
                self.act(TelemetryAction::Tree(TreeAction::ExpandedAll(true)));
                self.stage = Stage::Settling { since: Instant::now() };
            }
            Stage::Settling { since } if since.elapsed() > self.plan.settle => {
                self.frames.clear();
                let (cpu, received) = (cpu_of_all_threads(), self.received());
                self.stage = Stage::Measuring { since: Instant::now(), cpu, received };
            }
            Stage::Measuring { since, cpu, received } if since.elapsed() > self.plan.span => {
                self.print(since.elapsed(), cpu_of_all_threads().saturating_sub(*cpu), self.received() - received);
                self.stage = Stage::Over;
                ctx.send_viewport_cmd(egui::ViewportCommand::Close);
            }
            _ => {}
        }
        self.wake(ctx);
    }

    /// Lets the window sleep while a quiet one is measured, and asks for a frame when the plan goes on.
    fn wake(&self, ctx: &egui::Context) {
        let rest = match &self.stage {
            Stage::Settling { since } => self.plan.settle.saturating_sub(since.elapsed()),
            Stage::Measuring { since, .. } if self.plan.rate == 0 => self.plan.span.saturating_sub(since.elapsed()),
            _ => Duration::ZERO,
        };
        ctx.request_repaint_after(rest.max(Duration::from_millis(15)));
    }

    fn print(&self, took: Duration, cpu: Duration, received: u64) {
        let secs = took.as_secs_f64();
        let share = 100.0 * cpu.as_secs_f64() / secs;
        if self.plan.rate == 0 {
            println!(
                "connected to a quiet broker, at rest for {secs:.0} s: {share:.2} % of a core, {} frames",
                self.frames.len()
            );
            return;
        }
        let page = self.window.app.telemetry.tree.page().total;
        let pace = u64::try_from(took.as_millis()).map_or(0, |millis| received * 1000 / millis.max(1));
        println!("{pace} messages/s on {TOPICS} topics for {secs:.0} s, {page} rows, {share:.0} % of a core in all");
        for (name, pick) in [("wall", (|frame| frame.wall) as fn(&Frame) -> Duration), ("CPU", |frame| frame.cpu)] {
            let mut times: Vec<Duration> = self.frames.iter().map(pick).collect();
            times.sort_unstable();
            let at =
                |share: usize| times.get(times.len().saturating_sub(1) * share / 1000).copied().unwrap_or_default();
            let [median, p95, p99, most] = [500, 950, 990, 1000].map(at);
            let count = times.len();
            println!(
                "logic and ui, {name}: median {median:.2?}  p95 {p95:.2?}  p99 {p99:.2?}  most {most:.2?}, {count} frames"
            );
        }
        if is_measuring() {
            assert!(page > TOPICS, "all topics are listed");
        }
    }
}

impl eframe::App for Measured {
    /// Turns the wheel, so that other rows come into sight all the time.
    fn raw_input_hook(&mut self, _ctx: &egui::Context, input: &mut egui::RawInput) {
        if self.plan.rate > 0 && matches!(self.stage, Stage::Measuring { .. }) {
            let down = (self.frames.len() / 200).is_multiple_of(2);
            input.events.push(egui::Event::PointerMoved(egui::pos2(400.0, 420.0)));
            input.events.push(egui::Event::MouseWheel {
                unit: egui::MouseWheelUnit::Point,
                delta: egui::vec2(0.0, if down { -60.0 } else { 60.0 }),
                phase: egui::TouchPhase::Move,
                source: egui::MouseWheelSource::Wheel,
                modifiers: egui::Modifiers::NONE,
            });
        }
    }

    fn logic(&mut self, ctx: &egui::Context, frame: &mut eframe::Frame) {
        let (began, before) = (Instant::now(), cpu_of_this_thread());
        self.window.logic(ctx, frame);
        self.frames.push(Frame { wall: began.elapsed(), cpu: cpu_of_this_thread().saturating_sub(before) });
        self.step(ctx);
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        let (began, before) = (Instant::now(), cpu_of_this_thread());
        self.window.ui(ui, frame);
        if let Some(last) = self.frames.last_mut() {
            last.wall += began.elapsed();
            last.cpu += cpu_of_this_thread().saturating_sub(before);
        }
    }
}

/// The process at the other end.
struct Broker {
    child: Child,
    url: String,
}

impl Broker {
    fn start(rate: usize) -> Self {
        let itself = env::current_exe().expect("this program has a path");
        let mut child =
            Command::new(itself).env(BROKER, rate.to_string()).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is a pipe")).read_line(&mut line).expect("it tells its port");
        Self { child, url: format!("mqtt://127.0.0.1:{}", line.trim()) }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It serves until it is stopped; what it may say to that does not matter.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve_for_ever(rate: usize) -> ! {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    println!("{}", listener.local_addr().expect("it is bound").port());
    io::stdout().flush().expect("somebody reads");
    loop {
        let (stream, _) = listener.accept().expect("clients come");
        thread("client", move || serve(stream, rate));
    }
}

fn thread(name: &str, work: impl FnOnce() + std::marker::Send + 'static) {
    std::thread::Builder::new().name(name.into()).spawn(work).expect("a thread");
}

/// Answers until the client subscribed, then also sends.
fn serve(mut stream: TcpStream, rate: usize) {
    let writer = Arc::new(Mutex::new(stream.try_clone().expect("a second handle")));
    while let Ok((kind, body)) = read_packet(&mut stream) {
        let answer = match kind >> 4 {
            1 => vec![0x20, 2, 0, 0],
            8 => vec![0x90, 3, body[0], body[1], 0],
            10 => vec![0xB0, 2, body[0], body[1]],
            12 => vec![0xD0, 0],
            14 => return,
            _ => Vec::new(),
        };
        if write(&writer, &answer).is_err() {
            return;
        }
        if kind >> 4 == 8 && rate > 0 {
            let writer = Arc::clone(&writer);
            thread("sender", move || send(&writer, rate));
        }
    }
}

/// Whole packets only: two threads write.
fn write(writer: &Mutex<TcpStream>, octets: &[u8]) -> io::Result<()> {
    writer.lock().expect("no writer panics").write_all(octets)
}

fn send(writer: &Mutex<TcpStream>, rate: usize) {
    let a_beat = rate * BEAT.as_millis() as usize / 1000;
    let beats: Vec<Vec<u8>> = (0..TOPICS / a_beat).map(|beat| packets(beat * a_beat, a_beat)).collect();
    let began = Instant::now();
    for (number, beat) in (0_u32..).zip(beats.iter().cycle()) {
        std::thread::sleep((BEAT * number).saturating_sub(began.elapsed()));
        if write(writer, beat).is_err() {
            return;
        }
    }
}

/// A message on each of these topics, with 200 octets of payload.
fn packets(first: usize, count: usize) -> Vec<u8> {
    let mut packets = Vec::new();
    for number in first..first + count {
        let topic = format!("site/hall-{}/line-{}/sensor-{number}", number / 1000, number / 50 % 20);
        let value = number % 90;
        let payload = format!("{{\"value\":{value}.5,\"unit\":\"C\",\"state\":\"running\",\"site\":\"{:a<138}\"}}", "");
        let length = 2 + topic.len() + payload.len();
        packets.extend([0x30, (length % 128) as u8 | 0x80, (length / 128) as u8, 0, topic.len() as u8]);
        packets.extend(topic.as_bytes());
        packets.extend(payload.as_bytes());
    }
    packets
}

fn read_packet(stream: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    let mut octet = [0; 1];
    stream.read_exact(&mut octet)?;
    let (kind, mut length, mut shift) = (octet[0], 0, 0);
    loop {
        stream.read_exact(&mut octet)?;
        length |= usize::from(octet[0] & 0x7F) << shift;
        shift += 7;
        if octet[0] < 0x80 || shift > 21 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok((kind, body))
}

fn cpu_of_this_thread() -> Duration {
    // Giving way brings the system's count up to date.
    std::thread::yield_now();
    nanos(Path::new("/proc/thread-self/schedstat"))
}

fn cpu_of_all_threads() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    tasks.map(|task| nanos(&task.path().join("schedstat"))).sum()
}

fn nanos(path: &Path) -> Duration {
    let text = fs::read_to_string(path).unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|field| field.parse().ok());
    nanos.map_or(Duration::ZERO, Duration::from_nanos)
}
