//! How fast saved evidence is judged again: verdicts a second over runs of the five vendors, good and bad, and over a made-up
//! run of 500 rows.

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark prints what it measured, and needs no more digits"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use linesman::check::evidence::About;
use linesman::check::plan::Vantage;
use linesman::check::{Observation, Plan, judge};
use linesman::profile::Catalog;

#[path = "../tests/it/check/notation.rs"]
#[allow(clippy::panic, clippy::expect_used, dead_code, reason = "written for tests")]
mod notation;
mod support;

use support::is_measuring;

const VENDORS: [&str; 5] = ["casambi-cloud-gateway", "kis-me", "cloud-connector", "biot", "calms"];
const PLACE: &str = "* interface eth0 192.168.1.20/24 default router=192.168.1.1
* lease eth0 192.168.1.20/24 router=192.168.1.1 dns=192.168.1.1
";

fn main() {
    let runs: Vec<_> = VENDORS.iter().flat_map(|id| [run(id, "good ADDR"), run(id, "good ADDR through=dns")]).collect();
    measure("five vendors, all rows, whole and half-way", &runs);
    measure("500 rows, all passing", &[many(500)]);
}

fn plan(id: &str) -> Plan {
    let catalog = Catalog::built_in();
    let profile = catalog.find(id).unwrap_or_else(|_| unreachable!("the profile is built in"));
    let about = About { profile: Some(profile.id.clone()), vantage: Vantage::Gateway, ..About::default() };
    Plan::new(profile, about)
}

fn run(id: &str, line: &str) -> (Plan, Vec<Observation>) {
    let plan = plan(id);
    let mut text = PLACE.to_owned();
    for (number, row) in plan.to_run().filter(|row| row.subject.endpoint().is_some()).enumerate() {
        let address = format!("20.50.0.{}", number + 1);
        let _ = writeln!(text, "{} {}", row.id, line.replace("ADDR", &address));
    }
    let seen = notation::read(&plan, &text);
    (plan, seen)
}

/// One row, many times under other ids and hosts.
fn many(count: usize) -> (Plan, Vec<Observation>) {
    let mut plan = plan("casambi-cloud-gateway");
    let rows: Vec<_> = plan.rows.iter().filter(|row| row.id.as_str() == "CAS-03").cloned().collect();
    let numbered = rows.iter().cycle().take(count).cloned().enumerate().map(|(number, mut row)| {
        row.id = format!("ROW-{number:04}").parse().unwrap_or(row.id);
        for target in &mut row.targets {
            target.host = format!("host{number}.example.com");
        }
        row
    });
    plan.rows = numbered.collect();
    let mut text = PLACE.to_owned();
    for (number, row) in plan.rows.iter().enumerate() {
        let _ = writeln!(text, "{} good 20.50.{}.{}", row.id, number / 250, number % 250 + 1);
    }
    let seen = notation::read(&plan, &text);
    (plan, seen)
}

fn measure(what: &str, runs: &[(Plan, Vec<Observation>)]) {
    let limit = if is_measuring() { Duration::from_secs(2) } else { Duration::ZERO };
    let rows: usize = runs.iter().map(|(plan, _)| plan.rows.len()).sum();
    let seen: usize = runs.iter().map(|(_, seen)| seen.len()).sum();
    let (began, mut rounds) = (Instant::now(), 0_u32);
    while rounds == 0 || began.elapsed() < limit {
        for (plan, seen) in runs {
            black_box(judge(black_box(plan), black_box(seen)));
        }
        rounds += 1;
    }
    let rate = rows as f64 * f64::from(rounds) / began.elapsed().as_secs_f64();
    println!("{what}: {rows} rows, {seen} observations: {rate:.0} verdicts a second");
}
