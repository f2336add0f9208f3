//! What one frame of the topic tree costs with few topics and with 100,000, while all of them get new messages.
//!
//! The window's own code runs in the test harness, which reads the accessibility tree too, as with a screen reader. The
//! rows come out of the real store, as the workers make them; making them is not part of the frame.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints what it measured, or ends")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use jiff::tz::TimeZone;
use linesman::app::telemetry::tree::{Selected, TreeAction};
use linesman::app::telemetry::{Pane, TelemetryAction};
use linesman::app::{Action, Place};
use linesman::backend::{Reporter, channels};
use linesman::msg::Event;
use linesman::msg::telemetry::{InspectionState, TelemetryEvent};
use linesman::profile::Catalog;
use linesman::telemetry::store::{PlainPreview, Store};
use linesman::telemetry::view::Snapshot;
use linesman::ui::{Clock, Window};

#[path = "support/startup.rs"]
mod startup;
mod support;
#[path = "support/topics.rs"]
mod topics;

use startup::startup;
use support::is_measuring;
use topics::{fill, mono};

/// Frames measured: enough for a 99th percentile.
const FRAMES: usize = 600;

fn main() {
    let frames = if is_measuring() { FRAMES } else { 3 };
    println!("One frame of the topic tree at 1100 x 720, {frames} frames each, scrolling; CPU time of logic and ui");
    let few = measure(100, frames);
    let many = measure(100_000, frames);
    println!("100,000 topics cost {:.2} times what 100 cost", many.as_secs_f64() / few.as_secs_f64());
}

/// Prints the cost of a frame and returns its median.
fn measure(topics: u32, frames: usize) -> Duration {
    let mut store = Store::new(512 << 20);
    fill(&mut store, topics, 0);
    store.expand_all(true);
    let (handle, mut commands, reporter) = channels();
    let mut window = Harness::builder().with_size([1100.0, 720.0]).with_max_steps(64).build_eframe(|creation| {
        let clock = Clock { now: Box::new(Instant::now), zone: TimeZone::UTC, ..Clock::default() };
        Window::new(&creation.egui_ctx, handle, clock)
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O");
    runtime.block_on(reporter.report(Event::Started(Box::new(startup(&Arc::new(Catalog::built_in()))))));
    window.run();
    let now = Instant::now();
    let app = &mut window.state_mut().app;
    let _ = app.act(Action::WentTo(Place::Telemetry), now);
    app.telemetry.form.url = "mqtt://127.0.0.1".into();
    let _ = app.act(TelemetryAction::Connected.into(), now);
    let _ = app.act(TelemetryAction::WentTo(Pane::Messages).into(), now);
    runtime.block_on(tell(
        &reporter,
        window.state(),
        TelemetryEvent::State(InspectionState::Connected { facts: Vec::new(), login_ends: None }),
    ));
    let mut costs = Vec::with_capacity(frames);
    for frame in 0..frames {
        fill(&mut store, topics.min(2000), u64::try_from(frame).unwrap_or_default() + 1);
        let first = frame * 37 % (topics as usize).max(1);
        let app = &mut window.state_mut().app;
        let _ = app.act(TelemetryAction::Tree(TreeAction::Scrolled { first, count: 16 }).into(), now);
        if let Some(row) = app.telemetry.tree.row(first) {
            let selected = Selected { node: row.node, topic: row.topic };
            let _ = app.act(TelemetryAction::Tree(TreeAction::Selected(selected)).into(), now);
        }
        let spec = app.telemetry.view_spec();
        let mono = mono(u64::try_from(frame).unwrap_or_default() + 1);
        let snapshot = Snapshot {
            number: frame as u64,
            counters: store.counters(mono),
            tree: spec.tree.as_ref().map(|spec| store.tree(spec, mono, &PlainPreview)),
            history: spec.history.as_ref().map(|spec| store.history_page(spec, &PlainPreview)),
            ..Snapshot::default()
        };
        runtime.block_on(tell(&reporter, window.state(), TelemetryEvent::Snapshot(Arc::new(snapshot))));
        let before = used();
        window.step();
        costs.push(used().saturating_sub(before));
        while commands.try_recv().is_ok() {}
    }
    assert!(window.state().app.telemetry.tree.page().total > topics as usize, "all of them are listed");
    costs.sort_unstable();
    let at = |share: usize| costs[(costs.len() - 1) * share / 100];
    println!("{topics:>7} topics  median {:.2?}  p95 {:.2?}  p99 {:.2?}", at(50), at(95), at(99));
    at(50)
}

/// CPU time of this thread so far. Where the system does not tell, the time on the wall.
fn used() -> Duration {
    // Giving way brings the system's count up to date.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|field| field.parse().ok());
    nanos.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);

/// Tells the window as the workers do.
async fn tell(reporter: &Reporter, window: &Window, event: TelemetryEvent) {
    let job = window.app.telemetry.job().expect("an inspection");
    reporter.report(Event::TelemetryProgressed { job, at: Duration::ZERO, event }).await;
}
