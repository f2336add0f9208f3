//! What one frame of Network check costs with 14 live rows and with 500, while all of them fill in round after round.
//!
//! The window's own code runs in the test harness, which reads the accessibility tree too, as with a screen reader. The
//! verdicts come from the real judge, as the workers make them; making them is not part of the frame.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints what it measured, or ends")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use egui_kittest::Harness;
use jiff::tz::TimeZone;
use linesman::app::check::CheckAction;
use linesman::app::{Action, Place};
use linesman::backend::{Reporter, channels};
use linesman::check::evidence::{About, Evidence};
use linesman::check::question::{Purpose, Shape};
use linesman::check::seen::{Answer, Connect, ConnectEnd, Lookup, Observation, Seen};
use linesman::check::{Plan, judge};
use linesman::model::endpoint::RowId;
use linesman::model::ids::{JobId, ProfileId};
use linesman::msg::check::{CheckCommand, CheckEvent};
use linesman::msg::{Command, Event};
use linesman::profile::Catalog;
use linesman::ui::{Clock, Window};

#[path = "support/made_up.rs"]
mod made_up;
#[path = "support/startup.rs"]
mod startup;
mod support;

use startup::startup;
use support::is_measuring;

/// Frames measured: enough for a 99th percentile.
const FRAMES: usize = 600;
/// Rows that fill in between two frames: as many as are looked at side by side.
const AT_ONCE: usize = 8;

fn main() {
    let frames = if is_measuring() { FRAMES } else { 3 };
    println!("One frame of Network check at 1100 x 720, {frames} frames each, rows filling in; CPU time");
    println!("             events and ui() together: median, p95, p99; ui() alone: median, p95, p99");
    let few = measure(14, frames);
    let many = measure(500, frames);
    println!("500 rows cost {:.2} times what 14 cost", many.as_secs_f64() / few.as_secs_f64());
}

/// Prints the cost of a frame and returns its median.
fn measure(rows: usize, frames: usize) -> Duration {
    let catalog = Arc::new(catalog(rows));
    let (handle, mut commands, reporter) = channels();
    let mut window = Harness::builder().with_size([1100.0, 720.0]).with_max_steps(64).build_eframe(|creation| {
        let clock = Clock { now: Box::new(Instant::now), zone: TimeZone::UTC, ..Clock::default() };
        Window::new(&creation.egui_ctx, handle, clock)
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without I/O");
    runtime.block_on(reporter.report(Event::Started(Box::new(startup(&catalog)))));
    window.run();
    let app = &mut window.state_mut().app;
    let _ = app.act(Action::WentTo(Place::Check), Instant::now());
    let _ = app.act(CheckAction::ChoseProfile(ProfileId::new(made_up::ID)).into(), Instant::now());
    let sent = app.act(CheckAction::Started.into(), Instant::now());
    let Some(Command::Check { job, command: CheckCommand::Start(start) }) = sent.into_iter().next_back() else {
        unreachable!("the check is started")
    };
    let profile = catalog.get(&ProfileId::new(made_up::ID)).expect("it was made");
    let plan = Arc::new(Plan::new(profile, start.about));
    let mut check = Check { job, plan, reporter, observations: Vec::new(), round: 0, next: 0, number: 0 };
    runtime.block_on(check.tell(CheckEvent::Planned(Arc::clone(&check.plan))));
    window.run();
    let first = check.plan.rows[0].id.clone();
    let _ = window.state_mut().app.act(CheckAction::Selected(first).into(), Instant::now());
    let (mut both, mut drawn) = (Vec::with_capacity(frames), Vec::with_capacity(frames));
    for _ in 0..frames {
        runtime.block_on(check.go_on());
        let before = used();
        window.step();
        both.push(used().saturating_sub(before));
        let before = used();
        window.step();
        drawn.push(used().saturating_sub(before));
        while commands.try_recv().is_ok() {}
    }
    assert!(window.state().app.check.run().is_some_and(|run| run.lines().len() > rows), "all of them are listed");
    print(rows, both, drawn)
}

fn print(rows: usize, mut both: Vec<Duration>, mut drawn: Vec<Duration>) -> Duration {
    both.sort_unstable();
    drawn.sort_unstable();
    let at = |costs: &[Duration], share: usize| costs[(costs.len() - 1) * share / 100];
    let three = |costs: &[Duration]| format!("{:.2?} {:.2?} {:.2?}", at(costs, 50), at(costs, 95), at(costs, 99));
    println!("{rows:>5} rows   {};   {}", three(&both), three(&drawn));
    at(&both, 50)
}

/// A check as the workers report it.
struct Check {
    job: JobId,
    plan: Arc<Plan>,
    reporter: Reporter,
    observations: Vec<Observation>,
    round: u32,
    next: usize,
    number: u32,
}

impl Check {
    async fn tell(&self, event: CheckEvent) {
        self.reporter.report(Event::CheckProgressed { job: self.job, event }).await;
    }

    /// The next rows fill in; behind the last one a round ends and another begins.
    async fn go_on(&mut self) {
        if self.next == 0 {
            self.round += 1;
            self.observations.clear();
            let rows: Vec<RowId> = self.plan.to_run().map(|row| row.id.clone()).collect();
            let began = CheckEvent::RoundBegan { round: self.round, at_unix_micros: i64::from(self.round), rows };
            self.tell(began).await;
        }
        let end = (self.next + AT_ONCE).min(self.plan.rows.len());
        for place in self.next..end {
            let id = self.plan.rows[place].id.clone();
            self.tell(CheckEvent::Looking(vec![id.clone()])).await;
            for seen in [resolved(place), connected(place)] {
                let observation = self.observation(&id, place, seen);
                self.observations.push(observation.clone());
                self.tell(CheckEvent::Observed(Box::new(observation))).await;
            }
        }
        let judged = Arc::new(judge(&self.plan, &self.observations));
        self.tell(CheckEvent::Judged(Arc::clone(&judged))).await;
        self.next = end;
        if end == self.plan.rows.len() {
            self.next = 0;
            let evidence = Arc::new(Evidence {
                evidence: 1,
                program: "bench".into(),
                about: About::default(),
                observations: Vec::new(),
                beside: None,
            });
            self.tell(CheckEvent::RoundEnded { round: self.round, evidence, judged, is_final: true }).await;
        }
    }

    fn observation(&mut self, row: &RowId, place: usize, seen: Seen) -> Observation {
        self.number += 1;
        Observation {
            number: self.number - 1,
            row: Some(row.clone()),
            host: Some(host(place)),
            at_unix_micros: i64::from(self.number),
            took_micros: 12_000,
            seen,
        }
    }
}

fn host(place: usize) -> String {
    format!("h{}.cloud.example", place + 1)
}

fn resolved(place: usize) -> Seen {
    Seen::Lookup(Lookup {
        name: host(place),
        purpose: Purpose::Row,
        server: None,
        by: None,
        sent: 1,
        lost: 0,
        answer: Answer::Message {
            rcode: Some(0),
            addresses: vec!["192.0.2.7".parse().expect("an address")],
            aliases: Vec::new(),
            ttl_secs: Some(60),
            extended: Vec::new(),
        },
    })
}

/// Every seventh finds nobody.
fn connected(place: usize) -> Seen {
    let end = if place.is_multiple_of(7) { ConnectEnd::TimedOut } else { ConnectEnd::Connected };
    let to = "192.0.2.7:443".parse().expect("an address");
    Seen::Connect(Connect { to, from: None, shape: Shape::default(), attempt: 1, end })
}

/// The built-in profiles and one of that many rows.
fn catalog(rows: usize) -> Catalog {
    let text = made_up::profile(rows, "'dns', 'tcp'");
    let (catalog, problems) = Catalog::built_in().with_user_files(&[("made-up.toml".into(), text)]);
    assert!(problems.is_empty(), "{problems:?}");
    catalog
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
