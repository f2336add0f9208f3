//! What one frame costs with 2,000 gateways in the list and 100,000 topics in the store, both at once: while devices are heard,
//! gateways come and answer, and every topic gets messages.
//!
//! The window's own code runs in the test harness, which reads the accessibility tree too, as with a screen reader. Making the
//! rows of topics is the workers' and no part of the frame.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints what it measured, or ends")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use jiff::tz::TimeZone;
use linesman::app::discover::DiscoverAction;
use linesman::app::telemetry::tree::{Selected, TreeAction};
use linesman::app::telemetry::{Pane, TelemetryAction};
use linesman::app::{Action, Place};
use linesman::backend::{Reporter, channels};
use linesman::model::gateway::{Advertisement, PortFacts, Probe, ProvisioningState, Sighting};
use linesman::model::ids::LinkAddress;
use linesman::msg::Event;
use linesman::msg::telemetry::{InspectionState, TelemetryEvent};
use linesman::profile::Catalog;
use linesman::telemetry::store::{PlainPreview, Store};
use linesman::telemetry::view::Snapshot;
use linesman::ui::{Clock, Window};

#[path = "support/cpu.rs"]
mod cpu;
#[path = "support/startup.rs"]
mod startup;
mod support;
#[path = "support/topics.rs"]
mod topics;

use startup::startup;
use support::is_measuring;
use topics::{fill, mono};

/// Gateways at ports, and on the air.
const PORTS: usize = 1500;
const DEVICES: usize = 500;
/// Topics in the store.
const TOPICS: u32 = 100_000;
/// Frames measured in each place: enough for a 99th percentile.
const FRAMES: usize = 600;
/// Every so many frames a gateway changes in a way that orders the list anew.
const CHANGES_EVERY: usize = 10;
/// Devices heard between two frames: 500 of them twice a second, at 30 frames a second.
const HEARD: usize = 33;

fn main() {
    let frames = if is_measuring() { FRAMES } else { 3 };
    let (ports, devices, topics) = if is_measuring() { (PORTS, DEVICES, TOPICS) } else { (30, 10, 1000) };
    println!("One frame at 1100 x 720 with {} gateways and {topics} topics; CPU of logic and ui", ports + devices);
    let mut bench = Bench::open(ports, devices, topics);
    for place in [Place::Gateways, Place::Telemetry] {
        let mut costs: Vec<Duration> = (0..frames).map(|frame| bench.frame(place, frame)).collect();
        costs.sort_unstable();
        let at = |share: usize| costs[(costs.len() - 1) * share / 100];
        println!("{:<13}  median {:.2?}  p95 {:.2?}  p99 {:.2?}", place.title(), at(50), at(95), at(99));
    }
    let app = &bench.window.state().app;
    assert!(app.discover.shown().len() >= ports + devices, "all of them are listed");
    assert!(app.telemetry.tree.page().total > topics as usize, "all of them are listed");
}

struct Bench {
    window: Harness<'static, Window>,
    reporter: Reporter,
    runtime: tokio::runtime::Runtime,
    store: Store,
    topics: u32,
    devices: usize,
    round: u64,
    commands: tokio::sync::mpsc::Receiver<linesman::msg::Command>,
}

impl Bench {
    fn open(ports: usize, devices: usize, topics: u32) -> Self {
        let (handle, commands, reporter) = channels();
        let mut window = Harness::builder().with_size([1100.0, 720.0]).with_max_steps(64).build_eframe(|creation| {
            let clock = Clock { now: Box::new(Instant::now), zone: TimeZone::UTC, ..Clock::default() };
            Window::new(&creation.egui_ctx, handle, clock)
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O");
        runtime.block_on(reporter.report(Event::Started(Box::new(startup(&Arc::new(Catalog::built_in()))))));
        window.run();
        let mut store = Store::new(512 << 20);
        fill(&mut store, topics, 0);
        store.expand_all(true);
        let mut bench = Self { window, reporter, runtime, store, topics, devices, round: 0, commands };
        for number in 0..ports {
            bench.tell(Event::GatewaySeen(Box::new(port(number))));
        }
        for number in 0..devices {
            bench.tell(Event::GatewaySeen(Box::new(device(number, -50, ProvisioningState::Ready))));
        }
        bench.connect();
        bench
    }

    fn tell(&mut self, event: Event) {
        self.runtime.block_on(self.reporter.report(event));
        // The channel is bounded: the window takes in as it goes.
        self.round += 1;
        if self.round.is_multiple_of(64) {
            self.window.step();
        }
    }

    fn connect(&mut self) {
        let app = &mut self.window.state_mut().app;
        let now = Instant::now();
        let _ = app.act(Action::WentTo(Place::Telemetry), now);
        app.telemetry.form.url = "mqtt://127.0.0.1".into();
        let _ = app.act(TelemetryAction::Connected.into(), now);
        let _ = app.act(TelemetryAction::WentTo(Pane::Messages).into(), now);
        self.watched(TelemetryEvent::State(InspectionState::Connected { facts: Vec::new(), login_ends: None }));
        self.window.run();
    }

    fn watched(&mut self, event: TelemetryEvent) {
        let job = self.window.state().app.telemetry.job().expect("an inspection");
        let event = Event::TelemetryProgressed { job, at: Duration::ZERO, event };
        self.runtime.block_on(self.reporter.report(event));
    }

    /// What one frame costs, after what happens between two frames.
    fn frame(&mut self, place: Place, frame: usize) -> Duration {
        if self.window.state().app.place() != place {
            let _ = self.window.state_mut().app.act(Action::WentTo(place), Instant::now());
            self.window.run();
        }
        self.happen(frame);
        self.walk(place, frame);
        let cost = cpu::of(|| self.window.step());
        while self.commands.try_recv().is_ok() {}
        cost
    }

    fn happen(&mut self, frame: usize) {
        let strength = -40 - i16::try_from(frame % 50).unwrap_or_default();
        for number in 0..HEARD.min(self.devices) {
            let heard = device((frame * HEARD + number) % self.devices, strength, ProvisioningState::Ready);
            self.runtime.block_on(self.reporter.report(Event::GatewaySeen(Box::new(heard))));
        }
        if frame.is_multiple_of(CHANGES_EVERY) {
            self.runtime.block_on(self.reporter.report(Event::GatewaySeen(Box::new(port(100_000 + frame)))));
        }
        fill(&mut self.store, self.topics.min(2000), self.round + frame as u64 + 1);
        let mono = mono(self.round + frame as u64 + 1);
        let spec = self.window.state().app.telemetry.view_spec();
        let is_shown = self.window.state().app.place() == Place::Telemetry;
        let snapshot = Snapshot {
            number: frame as u64,
            counters: self.store.counters(mono),
            tree: spec.tree.as_ref().filter(|_| is_shown).map(|spec| self.store.tree(spec, mono, &PlainPreview)),
            history: spec
                .history
                .as_ref()
                .filter(|_| is_shown)
                .map(|spec| self.store.history_page(spec, &PlainPreview)),
            ..Snapshot::default()
        };
        self.watched(TelemetryEvent::Snapshot(Arc::new(snapshot)));
    }

    /// A person goes through the rows.
    fn walk(&mut self, place: Place, frame: usize) {
        let app = &mut self.window.state_mut().app;
        let now = Instant::now();
        if place == Place::Gateways {
            let link = app.discover.shown().get(frame * 7 % app.discover.shown().len().max(1)).cloned();
            if let Some(link) = link {
                let _ = app.act(DiscoverAction::Selected(link).into(), now);
            }
            return;
        }
        let first = frame * 37 % (self.topics as usize).max(1);
        let _ = app.act(TelemetryAction::Tree(TreeAction::Scrolled { first, count: 16 }).into(), now);
        if let Some(row) = app.telemetry.tree.row(first) {
            let selected = Selected { node: row.node, topic: row.topic };
            let _ = app.act(TelemetryAction::Tree(TreeAction::Selected(selected)).into(), now);
        }
    }
}

fn port(number: usize) -> Sighting {
    let facts = PortFacts {
        vid: Some(0x303a),
        pid: Some(0x1001),
        serial_number: Some(format!(
            "34:85:18:{:02X}:{:02X}:{:02X}",
            number >> 14 & 255,
            number >> 6 & 255,
            number << 2 & 255
        )),
        product: Some(format!("USB JTAG/serial {number}")),
        ..PortFacts::default()
    };
    let link = LinkAddress::Serial(format!("/dev/ttyACM{number}"));
    Sighting { link, facts, heard: None, profile: None, probe: Probe::NotAsked, is_present: true }
}

fn device(number: usize, strength: i16, state: ProvisioningState) -> Sighting {
    let heard = Advertisement {
        name: Some(format!("Gateway {number}")),
        rssi_dbm: Some(strength),
        state: Some(state),
        adapter: "hci0".into(),
        ..Advertisement::default()
    };
    let link = LinkAddress::Ble(format!("C4:4F:33:00:{:02X}:{:02X}", number / 256, number % 256));
    let facts = PortFacts::default();
    Sighting { link, facts, heard: Some(heard), profile: None, probe: Probe::NotAsked, is_present: true }
}
