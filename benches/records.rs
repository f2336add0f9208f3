//! What records cost: appends a second in group commit and one by one, and the audit of a million entries.
//!
//! The million is appended first, sealed on the way as always, so that the whole takes a minute or two. `ENTRIES` takes another
//! number.

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    reason = "a benchmark prints what it measured, needs no more digits, or ends"
)]

use std::time::Instant;

use linesman::flow::port::Records as _;
use linesman::io::files::DataDir;
use linesman::io::records::{RecordStore, audit};
use linesman::model::record::{JobIntent, Phase, StepEntry};

mod support;

use support::is_measuring;

/// Callers that wait at the same time in group commit.
const CALLERS: usize = 256;
/// Steps of each job, half of them intents.
const STEPS: usize = 8;

fn main() {
    let entries = std::env::var("ENTRIES").ok().and_then(|entries| entries.parse().ok());
    let entries = entries.unwrap_or(if is_measuring() { 1_000_000 } else { 5_000 });
    let folder = tempfile::tempdir_in(".").unwrap();
    let data_dir = DataDir::open(Some(folder.path())).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = RecordStore::open(&data_dir).unwrap();
    runtime.block_on(one_by_one(&store, (entries / 500).min(2_000)));
    runtime.block_on(in_groups(&store, entries));
    drop(store);
    let size = std::fs::metadata(data_dir.records()).unwrap().len();
    for _ in 0..if is_measuring() { 3 } else { 1 } {
        let began = Instant::now();
        let audit = audit(&data_dir, None).unwrap();
        let took = began.elapsed();
        assert!(audit.is_intact(), "{:?}", audit.findings);
        println!(
            "verify: {} entries, {} segments, {:.0} MB in {:.2} s",
            audit.entries,
            audit.segments,
            size as f64 / 1e6,
            took.as_secs_f64()
        );
    }
}

async fn one_by_one(store: &RecordStore, count: usize) {
    let job = store.begin(intent()).await.unwrap();
    let began = Instant::now();
    for at in 0..count {
        store.step(job, step(at)).await.unwrap();
    }
    println!("one by one: {:.0} appends/s", count as f64 / began.elapsed().as_secs_f64());
}

/// Many gateways at once: each begins a job, enters its steps and its end, and begins the next.
async fn in_groups(store: &RecordStore, count: usize) {
    let each = count / CALLERS / (STEPS + 2);
    let began = Instant::now();
    let callers = (0..CALLERS).map(|_| async move {
        for _ in 0..each {
            one_job(store).await;
        }
    });
    futures_util::future::join_all(callers).await;
    let written = each * CALLERS * (STEPS + 2);
    println!("{CALLERS} at once: {:.0} appends/s, {written} in all", written as f64 / began.elapsed().as_secs_f64());
}

async fn one_job(store: &RecordStore) {
    let job = store.begin(intent()).await.unwrap();
    for at in 0..STEPS {
        store.step(job, step(at)).await.unwrap();
    }
    store
        .end(job, "joined", "improv.joined".into(), "The gateway reports that it joined Site-Office".into())
        .await
        .unwrap();
}

fn intent() -> JobIntent {
    JobIntent {
        action: "commission".into(),
        gateway: "Cold store 2".into(),
        link: "serial:/dev/ttyUSB0".into(),
        profile: Some("generic-improv".into()),
        driver: Some("improv-serial".into()),
        operator: "Kim".into(),
        is_simulated: false,
    }
}

fn step(at: usize) -> StepEntry {
    let (phase, outcome) = if at.is_multiple_of(2) { (Phase::Intent, "") } else { (Phase::Outcome, "done") };
    let detail = serde_json::json!({ "ssid": "Site-Office", "passphrase_octets": 21, "security": "wpa2", "step": at });
    StepEntry { step: "push".into(), phase, outcome: outcome.into(), detail }
}
