//! What one frame of the Discover screen costs with few ports and with many.
//!
//! The window's own code runs in the test harness, which reads the accessibility tree too, as with a screen reader. The
//! picture is cut into triangles, not painted: painting is up to the graphics driver.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints what it measured, or ends")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use jiff::tz::TimeZone;
use linesman::app::Screen;
use linesman::backend::{Reporter, channels};
use linesman::model::gateway::{PortFacts, Probe, Sighting};
use linesman::model::ids::LinkAddress;
use linesman::model::settings::Settings;
use linesman::msg::{Event, Startup};
use linesman::profile::Catalog;
use linesman::ui::{Clock, Window};

#[path = "support/cpu.rs"]
mod cpu;
mod support;

use support::{Spread, is_measuring};

fn main() {
    let rounds = if is_measuring() { 9 } else { 1 };
    println!("One frame of Discover at 1100 x 720; CPU time of {rounds} rounds: least, median, p95");
    let mut windows = [10, 1000].map(Measured::open);
    // In turn, so that a machine that grows slower meanwhile is slower for both.
    for _ in 0..rounds {
        for window in &mut windows {
            window.measure(rounds == 1);
        }
    }
    let [few, many] = windows.map(Measured::print);
    println!("1000 ports cost {:.2} times what 10 cost", many.as_secs_f64() / few.as_secs_f64());
}

/// A window and what its frames cost.
struct Measured {
    ports: usize,
    window: Harness<'static, Window>,
    code: Vec<Duration>,
    triangles: Vec<Duration>,
}

impl Measured {
    fn open(ports: usize) -> Self {
        Self { ports, window: open(ports), code: Vec::new(), triangles: Vec::new() }
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
        println!("{:>5} ports  logic and ui  {code}", self.ports);
        println!("{:>5} ports  tessellation  {triangles}", self.ports);
        code.median + triangles.median
    }
}

/// The window on Discover with that many ports.
fn open(ports: usize) -> Harness<'static, Window> {
    let (handle, _commands, reporter) = channels();
    let mut window = Harness::builder().with_size([1100.0, 720.0]).with_max_steps(64).build_eframe(|creation| {
        let clock = Clock { now: Box::new(Instant::now), zone: TimeZone::UTC };
        Window::new(&creation.egui_ctx, handle, clock)
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O");
    runtime.block_on(tell(&reporter, ports));
    window.run();
    let app = &window.state().app;
    assert!(app.screen() == Screen::Discover && app.discover.shown().len() == ports, "the ports are listed");
    window
}

/// Tells the window of the ports as the workers do.
async fn tell(reporter: &Reporter, ports: usize) {
    let catalog = Arc::new(Catalog::built_in());
    let startup = Startup {
        catalog: Arc::clone(&catalog),
        start_problems: Vec::new(),
        settings: Settings::default(),
        data_dir: "/home/me/.local/share/linesman".into(),
        cut_off_jobs: 0,
        demo: None,
    };
    reporter.report(Event::Started(Box::new(startup))).await;
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
