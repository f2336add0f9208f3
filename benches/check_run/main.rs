//! Whole network checks against stand-ins on loopback: all rows of a profile, three of them black-holed, and a made-up profile
//! of 500 rows. What a check costs is held against its slowest row alone, in one run.
//!
//! The stand-ins are a process of their own, so that sockets and memory counted here are those of the check. Each answers after
//! a while, as hosts far away do. Every host is overridden: nothing leaves this computer.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints what it measured, or ends")]

mod looking;
#[path = "../support/made_up.rs"]
mod made_up;
mod own_use;
mod stand_ins;
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use linesman::check::evidence::{About, Overrides};
use linesman::check::plan::{Plan, Subject};
use linesman::model::endpoint::{ProbeKind, RowId};
use linesman::model::ids::ProfileId;
use linesman::profile::{Catalog, Profile, parse_profile};

use crate::looking::{Look, look};
use crate::own_use::Watch;
use crate::stand_ins::{BlackHole, Far, Speaks};
use crate::support::is_measuring;

const PROFILE: &str = "casambi-cloud-gateway";
/// Rows of it that are led into a black hole.
const BLACK_HOLED: [&str; 3] = ["CAS-03", "CAS-06", "CAS-09"];
/// How long stand-ins take for each answer: all the same; and as hosts at several distances do, in turn.
const EQUAL: [u64; 1] = [40];
const SEVERAL: [u64; 5] = [15, 30, 45, 60, 90];

fn main() {
    if stand_ins::is_asked_for() {
        return stand_ins::run();
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let catalog = Catalog::built_in();
        let profile = catalog.get(&ProfileId::new(PROFILE)).expect("it is built in");
        for (what, delays) in [("no delay", &[0][..]), ("40 ms each answer", &EQUAL), ("15 to 90 ms", &SEVERAL)] {
            whole_against_slowest(profile, what, delays).await;
        }
        black_holes(profile).await;
        many(if is_measuring() { 500 } else { 20 }).await;
    });
}

/// All rows, and each alone.
async fn whole_against_slowest(profile: &Profile, what: &str, delays: &[u64]) {
    let plan = plan(profile);
    let (_far, overrides) = stand_ins_for(&plan, delays);
    let rounds = if is_measuring() { 7 } else { 1 };
    let whole = median_of(rounds, &plan, &overrides).await;
    let mut slowest = (Duration::ZERO, String::new());
    for row in &plan.rows {
        let alone = median_of(rounds, &only(&plan, &row.id), &overrides).await;
        slowest = slowest.max((alone, row.id.to_string()));
    }
    let (alone, id) = slowest;
    let ratio = whole.as_secs_f64() / alone.as_secs_f64();
    println!("{what}: {} rows {whole:.0?}, slowest alone {alone:.0?} ({id}): {ratio:.2}", plan.rows.len());
}

async fn median_of(rounds: usize, plan: &Plan, overrides: &Overrides) -> Duration {
    let mut took = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let seen = look(plan, overrides).await;
        assert_all_good(plan, &seen, &[]);
        took.push(seen.took);
    }
    support::Spread::of(took).median
}

/// Three rows lead nowhere.
async fn black_holes(profile: &Profile) {
    let plan = plan(profile);
    let (_far, mut overrides) = stand_ins_for(&plan, &SEVERAL);
    let hole = BlackHole::open();
    let holed: Vec<RowId> = BLACK_HOLED.iter().map(|id| id.parse().expect("an id")).collect();
    for row in plan.rows.iter().filter(|row| holed.contains(&row.id)) {
        let is_of_row = |host: &str| row.targets.iter().any(|target| target.host == host);
        overrides.map.iter_mut().filter(|(host, ..)| is_of_row(host)).for_each(|(_, _, to)| *to = hole.address);
    }
    let seen = look(&plan, &overrides).await;
    assert_all_good(&plan, &seen, &holed);
    let mut longest = Duration::ZERO;
    for id in holed.iter().take(if is_measuring() { holed.len() } else { 1 }) {
        longest = longest.max(look(&only(&plan, id), &overrides).await.took);
    }
    let ratio = seen.took.as_secs_f64() / longest.as_secs_f64();
    println!("three rows black-holed: {:.2?}, longest row alone {longest:.2?}: {ratio:.2}", seen.took);
}

/// A made-up profile of many rows.
async fn many(rows: usize) {
    let text = made_up::profile(rows, "'dns', 'tcp', 'tls', 'http'");
    let plan = Plan::new(&parse_profile("made-up.toml", &text).expect("it is right"), About::default());
    let (_far, overrides) = stand_ins_for(&plan, &SEVERAL);
    let watch = Watch::start();
    let seen = look(&plan, &overrides).await;
    assert_all_good(&plan, &seen, &[]);
    let used = watch.end();
    println!(
        "{rows} rows, 15 to 90 ms each answer: {:.2?}, {} observations, {} sockets at most, memory from {} to {} MiB at most",
        seen.took, seen.observations, used.sockets, used.before_mib, used.peak_mib
    );
}

/// Every row that sends something holds, but those.
fn assert_all_good(plan: &Plan, seen: &Look, but: &[RowId]) {
    for row in plan.to_run().filter(|row| row.subject.endpoint().is_some() && !but.contains(&row.id)) {
        let verdict = seen.judged.row(&row.id).expect("each row is judged");
        assert!(verdict.state.is_good(), "{}: {verdict:?}", row.id);
    }
}

/// All rows, the idle test apart.
fn plan(profile: &Profile) -> Plan {
    let hosts = [("*.hosted.mender.io".to_owned(), vec!["eu.hosted.mender.io".to_owned()])];
    let mut plan = Plan::new(profile, About { hosts: hosts.into(), ..About::default() });
    for row in &mut plan.rows {
        if let Subject::Endpoint(endpoint) = &mut row.subject {
            endpoint.probes.retain(|probe| *probe != ProbeKind::Idle);
            endpoint.idle_secs = None;
        }
    }
    plan
}

fn only(plan: &Plan, id: &RowId) -> Plan {
    let mut one = plan.clone();
    one.rows.retain(|row| row.id == *id);
    one
}

/// Starts a stand-in for each host, and leads the host there.
fn stand_ins_for(plan: &Plan, delays: &[u64]) -> (Far, Overrides) {
    let mut wanted: Vec<(String, Speaks, u64)> = Vec::new();
    for row in plan.to_run() {
        let Some(endpoint) = row.subject.endpoint() else { continue };
        let speaks = if endpoint.probes.contains(&ProbeKind::Ntp) {
            Speaks::Time
        } else if endpoint.probes.contains(&ProbeKind::WebSocket) {
            Speaks::WebSocket
        } else {
            Speaks::Page
        };
        for target in &row.targets {
            let delay = delays[wanted.len() % delays.len()];
            if !wanted.iter().any(|(host, ..)| *host == target.host) {
                wanted.push((target.host.clone(), speaks, delay));
            }
        }
    }
    let far = Far::start(&wanted);
    let map = wanted.iter().zip(&far.addresses).map(|((host, ..), to)| (host.clone(), None, *to)).collect();
    let overrides = Overrides { map, roots: vec![far.root.clone()], ..Overrides::default() };
    (far, overrides)
}
