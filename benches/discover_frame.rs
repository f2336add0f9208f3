//! What one frame of the Discover screen costs with few ports, with many, and with many Bluetooth devices.
//!
//! The window's own code runs in the test harness, which reads the accessibility tree too, as with a screen reader. The
//! picture is cut into triangles, not painted: painting is up to the graphics driver.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints what it measured, or ends")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use jiff::tz::TimeZone;
use linesman::app::Place;
use linesman::backend::{Reporter, channels};
use linesman::model::gateway::{Advertisement, PortFacts, Probe, Sighting};
use linesman::model::ids::LinkAddress;
use linesman::msg::Event;
use linesman::profile::Catalog;
use linesman::ui::{Clock, Window};

#[path = "support/cpu.rs"]
mod cpu;
#[path = "support/startup.rs"]
mod startup;
mod support;

use startup::startup;
use support::{Spread, is_measuring};

fn main() {
    let rounds = if is_measuring() { 9 } else { 1 };
    println!("One frame of Discover at 1100 x 720; CPU time of {rounds} rounds: least, median, p95");
    let mut windows = [(10, 0), (1000, 0), (0, 500)].map(|(ports, devices)| Measured::open(ports, devices));
    // In turn, so that a machine that grows slower meanwhile is slower for both.
    for _ in 0..rounds {
        for window in &mut windows {
            window.measure(rounds == 1);
        }
    }
    let [few, many, _] = windows.map(Measured::print);
    println!("1000 ports cost {:.2} times what 10 cost", many.as_secs_f64() / few.as_secs_f64());
}

/// A window and what its frames cost.
struct Measured {
    what: String,
    window: Harness<'static, Window>,
    code: Vec<Duration>,
    triangles: Vec<Duration>,
}

impl Measured {
    fn open(ports: usize, devices: usize) -> Self {
        let what = if devices > 0 { format!("{devices:>5} devices") } else { format!("{ports:>5} ports  ") };
        Self { what, window: open(ports, devices), code: Vec::new(), triangles: Vec::new() }
    }

    fn measure(&mut self, is_once: bool) {
        let window = &mut self.window;
        self.code.push(cpu::per_turn(is_once, || window.step()));
        let (shapes, scale) = (&window.output().shapes, window.output().pixels_per_point);
        self.triangles.push(cpu::per_turn(is_once, || {
            black_box(window.ctx.tessellate(shapes.clone(), scale));
        }));
    }

    /// Prints the costs and returns the median of a whole frame.
    fn print(self) -> Duration {
        let [code, triangles] = [self.code, self.triangles].map(Spread::of);
        println!("{}  logic and ui  {code}", self.what);
        println!("{}  tessellation  {triangles}", self.what);
        code.median + triangles.median
    }
}

/// The window on Discover with that many ports and devices, which were heard for a minute.
fn open(ports: usize, devices: usize) -> Harness<'static, Window> {
    let (handle, _commands, reporter) = channels();
    // A clock of its own: a minute of signals is heard in no time.
    let (started, seconds) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let passed = Arc::clone(&seconds);
    let now = move || started + Duration::from_secs(passed.load(Ordering::Relaxed));
    let mut window = Harness::builder().with_size([1100.0, 720.0]).with_max_steps(64).build_eframe(|creation| {
        let clock = Clock { now: Box::new(now), zone: TimeZone::UTC, ..Clock::default() };
        Window::new(&creation.egui_ctx, handle, clock)
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O");
    runtime.block_on(tell(&reporter, ports));
    window.run();
    for strength in 0..60 {
        seconds.fetch_add(1, Ordering::Relaxed);
        runtime.block_on(hear(&reporter, devices, strength));
        window.run();
    }
    let app = &window.state().app;
    assert!(app.place() == Place::Gateways && app.discover.shown().len() == ports + devices, "the ports are listed");
    window
}

/// Tells the window of the ports as the workers do.
async fn tell(reporter: &Reporter, ports: usize) {
    let catalog = Arc::new(Catalog::built_in());
    reporter.report(Event::Started(Box::new(startup(&catalog)))).await;
    for number in 0..ports {
        let facts = PortFacts {
            vid: Some(0x10c4),
            pid: Some(0xea60),
            serial_number: Some(format!("{number:04}")),
            product: Some(format!("CP2102N USB to UART {number}")),
            manufacturer: Some("Silicon Labs".into()),
            ..PortFacts::default()
        };
        let link = LinkAddress::Serial(format!("/dev/ttyUSB{number}"));
        let profile = catalog.match_port(&facts);
        let sighting = Sighting { link, facts, heard: None, profile, probe: Probe::NotAsked, is_present: true };
        reporter.report(Event::GatewaySeen(Box::new(sighting))).await;
    }
}

/// Tells the window of devices as the workers do.
async fn hear(reporter: &Reporter, devices: usize, strength: i16) {
    for number in 0..devices {
        let heard = Advertisement {
            name: Some(format!("Gateway {number}")),
            rssi_dbm: Some(-40 - strength % 50),
            adapter: "hci0".into(),
            ..Advertisement::default()
        };
        let link = LinkAddress::Ble(format!("C4:4F:33:00:{:02X}:{:02X}", number / 256, number % 256));
        let facts = PortFacts::default();
        let sighting =
            Sighting { link, facts, heard: Some(heard), profile: None, probe: Probe::NotAsked, is_present: true };
        reporter.report(Event::GatewaySeen(Box::new(sighting))).await;
    }
}
