//! What a sync of records with a PostgreSQL server costs: sending, taking in, and a sync that finds nothing new.
//!
//! `benches/sync.sh` starts a server for it; without `SYNC_SERVER` there is nothing to measure. `ENTRIES` takes another number
//! than 100,000.

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    reason = "a benchmark prints what it measured, needs no more digits, or ends"
)]

use std::time::Instant;

use linesman::flow::port::Records as _;
use linesman::io::files::DataDir;
use linesman::io::records::sync::{SyncPlan, sync};
use linesman::io::records::{RecordStore, audit};
use linesman::model::record::{JobIntent, Phase, StepEntry};
use linesman::model::sync::SyncReport;

/// Callers that enter jobs at the same time.
const CALLERS: usize = 256;
/// Steps of each job.
const STEPS: usize = 8;

fn main() {
    let Ok(server) = std::env::var("SYNC_SERVER") else {
        println!("SYNC_SERVER names no server: see benches/sync.sh");
        return;
    };
    let entries = std::env::var("ENTRIES").ok().and_then(|entries| entries.parse().ok()).unwrap_or(100_000);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(measure(&server, entries));
}

async fn measure(server: &str, entries: usize) {
    let (one, other) = (Computer::new(), Computer::new());
    one.work(entries / CALLERS / (STEPS + 2)).await;
    other.knows(&one);
    one.synced("sent", server).await;
    other.synced("taken in", server).await;
    for _ in 0..3 {
        one.synced("nothing new, the sender", server).await;
        other.synced("nothing new, the other", server).await;
    }
    one.work(1).await;
    one.synced("some more sent", server).await;
    other.synced("some more taken in", server).await;
}

struct Computer {
    data: DataDir,
    store: RecordStore,
    _folder: tempfile::TempDir,
}

impl Computer {
    fn new() -> Self {
        let folder = tempfile::tempdir_in(".").unwrap();
        let data = DataDir::open(Some(folder.path())).unwrap();
        Self { store: RecordStore::open(&data).unwrap(), data, _folder: folder }
    }

    fn knows(&self, other: &Self) {
        let key = audit(&other.data, None).unwrap().root_key.unwrap();
        std::fs::write(self.data.known_keys(), format!("{key} the other\n")).unwrap();
    }

    /// So many jobs of each of many callers.
    async fn work(&self, each: usize) {
        let callers = (0..CALLERS).map(|_| async move {
            for _ in 0..each {
                self.one_job().await;
            }
        });
        futures_util::future::join_all(callers).await;
    }

    async fn one_job(&self) {
        let intent = JobIntent {
            action: "commission".into(),
            gateway: "Cold store 2".into(),
            link: "serial:/dev/ttyUSB0".into(),
            profile: Some("generic-improv".into()),
            driver: Some("improv-serial".into()),
            operator: "Kim".into(),
            is_simulated: false,
        };
        let job = self.store.begin(intent).await.unwrap();
        for at in 0..STEPS {
            let (phase, outcome) = if at.is_multiple_of(2) { (Phase::Intent, "") } else { (Phase::Outcome, "done") };
            let detail = serde_json::json!({ "ssid": "Site-Office", "passphrase_octets": 21, "step": at });
            let step = StepEntry { step: "push".into(), phase, outcome: outcome.into(), detail };
            self.store.step(job, step).await.unwrap();
        }
        let summary = "The gateway reports that it joined Site-Office".into();
        self.store.end(job, "joined", "improv.joined".into(), summary).await.unwrap();
    }

    async fn synced(&self, what: &str, server: &str) -> SyncReport {
        let began = Instant::now();
        let plan = SyncPlan { server: server.to_owned(), operator: "Kim".into(), ..SyncPlan::default() };
        let news = sync(&self.store, &self.data, plan).await;
        let took = began.elapsed().as_secs_f64();
        assert_eq!(news.problem, None);
        let report = news.report.unwrap();
        assert_eq!(report.faults, 0, "{:?}", report.findings);
        let moved = report.sent.max(report.received);
        println!("{what}: {moved} entries in {took:.2} s, {:.0}/s", moved as f64 / took);
        report
    }
}
