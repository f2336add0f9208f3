//! What is on the record after each kind of ending, and each way in which the file can fail.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};

use serde_json::json;

use super::*;
use crate::model::batch::BatchId;
use crate::model::record::Phase;

mod bundled;
mod forged;

/// Set in the process that is killed: its data folder.
const CHILD: &str = "LINESMAN_TEST_RECORDS_CHILD";
/// Set in a process that ends itself at that fail point.
pub(super) const FAIL_AT: &str = "LINESMAN_TEST_RECORDS_FAIL_AT";

fn data_dir() -> (tempfile::TempDir, DataDir) {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = DataDir::open(Some(folder.path())).unwrap();
    (folder, data_dir)
}

fn intent(gateway: &str) -> JobIntent {
    JobIntent {
        action: "commission".into(),
        gateway: gateway.into(),
        link: "serial:/dev/ttyUSB0".into(),
        profile: None,
        driver: Some("improv".into()),
        operator: "Kim".into(),
        is_simulated: true,
    }
}

fn push(phase: Phase) -> StepEntry {
    let outcome = if phase == Phase::Intent { String::new() } else { "done".into() };
    StepEntry { step: "push".into(), phase, outcome, detail: json!({ "passphrase_octets": 16 }) }
}

fn open_error(data_dir: &DataDir) -> Option<RecordsError> {
    RecordStore::open(data_dir).err()
}

#[tokio::test]
async fn a_job_reads_back_with_its_entries_in_order() {
    let (_folder, data_dir) = data_dir();
    let store = RecordStore::open(&data_dir).unwrap();
    let job = store.begin(intent("gw \u{202E}1")).await.unwrap();
    assert_eq!(store.list(9).await.unwrap()[0].outcome, "running");
    store.step(job, push(Phase::Intent)).await.unwrap();
    store.step(job, push(Phase::Outcome)).await.unwrap();
    store.end(job, "joined", "improv.joined".into(), "It joined".into()).await.unwrap();

    let history = store.show(job).await.unwrap();
    assert_eq!(history.job.intent, intent("gw \u{202E}1"));
    assert_eq!((history.job.outcome.as_str(), history.job.reason.as_str()), ("joined", "improv.joined"));
    let steps: Vec<_> = history.entries.iter().map(|entry| (entry.step.as_str(), entry.phase.as_str())).collect();
    assert_eq!(steps, [("job", "intent"), ("push", "intent"), ("push", "outcome"), ("job", "outcome")]);
    assert_eq!(history.entries[1].detail, json!({ "passphrase_octets": 16 }));
    assert!(history.entries.is_sorted_by_key(|entry| entry.sequence));
    let started: jiff::Timestamp = history.job.started_at.parse().unwrap();
    assert!(started <= history.job.ended_at.unwrap().parse().unwrap());

    let later = store.begin(intent("gw 2")).await.unwrap();
    let ids: Vec<_> = store.list(1).await.unwrap().into_iter().map(|job| job.id).collect();
    assert_eq!(ids, [later]);
}

#[tokio::test]
async fn a_gateway_that_told_its_name_is_listed_by_it() {
    use crate::flow::port::BatchRecords as _;

    let (_folder, data_dir) = data_dir();
    let store = RecordStore::open(&data_dir).unwrap();
    let told = |step: &str, name: &str| StepEntry {
        step: step.into(),
        phase: Phase::Outcome,
        outcome: "done".into(),
        detail: json!({ "name": name }),
    };
    let described = |name| told("describe", name);
    for (name, listed) in [("Boiler room", "Boiler room"), ("", "/dev/ttyUSB0")] {
        // A session describes a gateway, a removal makes sure of its identity.
        for step in ["describe", "identity"] {
            let job = store.begin(intent("/dev/ttyUSB0")).await.unwrap();
            store.step(job, told(step, name)).await.unwrap();
            assert_eq!(store.show(job).await.unwrap().job.called(), listed);
        }
    }
    // A row of a batch is called as in its manifest; what it told of itself stays.
    let batch = store.open_batch("/home/me/site.csv".into()).await.unwrap();
    let row = store.begin_row(batch, "Hall 1".into(), "{}".into(), intent("Hall 1")).await.unwrap();
    store.step(row, described("GW-0001")).await.unwrap();
    let job = store.show(row).await.unwrap().job;
    assert_eq!((job.called(), job.intent.gateway.as_str()), ("Hall 1", "GW-0001"));
}

#[tokio::test]
async fn an_outcome_is_written_once_and_only_for_a_job() {
    let (_folder, data_dir) = data_dir();
    let store = RecordStore::open(&data_dir).unwrap();
    let job = store.begin(intent("gw")).await.unwrap();
    store.end(job, "refused", "x".into(), "y".into()).await.unwrap();
    let again = store.end(job, "joined", "x".into(), "y".into()).await;
    assert!(matches!(again, Err(RecordsError::Failed { .. })));
    assert_eq!(store.show(job).await.unwrap().job.outcome, "refused");
    let nobody = RecordId(99);
    assert_eq!(store.show(nobody).await.unwrap_err(), RecordsError::NotFound { id: 99 });
    assert_eq!(store.step(nobody, push(Phase::Intent)).await.unwrap_err(), RecordsError::NotFound { id: 99 });
    let ended = store.end(nobody, "joined", String::new(), String::new()).await;
    assert_eq!(ended.unwrap_err(), RecordsError::NotFound { id: 99 });
}

#[tokio::test]
async fn the_log_refuses_changes() {
    let (_folder, data_dir) = data_dir();
    let store = RecordStore::open(&data_dir).unwrap();
    store.begin(intent("gw")).await.unwrap();
    let other = Connection::open(data_dir.records()).unwrap();
    for change in [
        "UPDATE entries SET outcome = 'joined'",
        "DELETE FROM entries",
        "UPDATE jobs SET gateway = 'x'",
        "DELETE FROM jobs",
    ] {
        let error = other.execute(change, ()).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{error}");
    }
}

#[tokio::test]
async fn an_orderly_end_without_outcome_counts_as_cut_off_once() {
    let (_folder, data_dir) = data_dir();
    let store = RecordStore::open(&data_dir).unwrap();
    let job = store.begin(intent("gw")).await.unwrap();
    drop(store);

    let reader = RecordStore::open_reader(&data_dir).unwrap();
    assert_eq!(reader.cut_off_jobs(), 1);
    let seen = reader.show(job).await.unwrap();
    assert_eq!((seen.job.outcome.as_str(), seen.job.reason.as_str()), ("unknown", CUT_OFF));
    assert_eq!((seen.job.ended_at, seen.entries.len()), (None, 1));
    drop(reader);

    let writer = RecordStore::open(&data_dir).unwrap();
    assert_eq!(writer.cut_off_jobs(), 1);
    let seen = writer.show(job).await.unwrap();
    assert_eq!((seen.job.outcome.as_str(), seen.entries.len()), ("unknown", 2));
    assert!(seen.job.summary.contains("verify on the device"));
    assert_eq!(seen.job.ended_at, None, "when it ended nobody knows, whenever that was written down");
    assert_eq!(seen.job.last_entry_at.as_ref(), Some(&seen.entries[0].at));
    drop(writer);
    assert_eq!(RecordStore::open(&data_dir).unwrap().cut_off_jobs(), 0);
}

#[tokio::test]
async fn a_watch_that_was_cut_off_is_no_unknown_unless_an_act_of_its_is_open() {
    let (_folder, data_dir) = data_dir();
    let watch = || JobIntent { action: "inspect".into(), ..intent("broker.example") };
    let publish = |phase, outcome: &str| StepEntry {
        step: "publish".into(),
        phase,
        outcome: outcome.into(),
        detail: json!({ "topic": "x/cmd" }),
    };
    let store = RecordStore::open(&data_dir).unwrap();
    let only_watched = store.begin(watch()).await.unwrap();
    let published = store.begin(watch()).await.unwrap();
    store.step(published, publish(Phase::Intent, "")).await.unwrap();
    store.step(published, publish(Phase::Outcome, "done")).await.unwrap();
    let open = store.begin(watch()).await.unwrap();
    store.step(open, publish(Phase::Intent, "")).await.unwrap();
    drop(store);

    let reader = RecordStore::open_reader(&data_dir).unwrap();
    assert_eq!(reader.cut_off_jobs(), 1);
    let seen = reader.show(only_watched).await.unwrap().job;
    assert_eq!((seen.outcome.as_str(), seen.reason.as_str()), ("closed", ENDED_EARLY));
    drop(reader);

    let writer = RecordStore::open(&data_dir).unwrap();
    assert_eq!(writer.cut_off_jobs(), 1, "only one may have changed something");
    for (job, outcome) in [(only_watched, "closed"), (published, "closed"), (open, "unknown")] {
        let seen = writer.show(job).await.unwrap().job;
        assert_eq!(seen.outcome, outcome);
        assert_eq!(seen.summary.contains("verify"), outcome == "unknown", "{}", seen.summary);
        assert!(seen.ended_at.is_none() && seen.last_entry_at.is_some(), "{seen:?}");
    }
}

#[tokio::test]
async fn jobs_of_another_live_writer_are_running() {
    let (_folder, data_dir) = data_dir();
    let first = RecordStore::open(&data_dir).unwrap();
    let job = first.begin(intent("gw")).await.unwrap();
    let second = RecordStore::open(&data_dir).unwrap();
    assert_eq!(second.cut_off_jobs(), 0);
    assert_eq!(second.show(job).await.unwrap().job.outcome, "running");
    first.end(job, "joined", String::new(), String::new()).await.unwrap();
    assert_eq!(second.show(job).await.unwrap().job.outcome, "joined");
}

/// No test of its own: the process that the next test starts and kills.
#[test]
fn child_that_is_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let store = RecordStore::open(&DataDir::open(Some(Path::new(&folder))).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let job = runtime.block_on(store.begin(intent("gw"))).unwrap();
    runtime.block_on(store.step(job, push(Phase::Intent))).unwrap();
    std::io::stdout().write_all(b"\nbegun\n").unwrap();
    // Until it is killed, or the test that started it is gone.
    let _ = std::io::stdin().read(&mut [0]);
}

#[tokio::test]
async fn a_killed_process_leaves_its_intent_and_an_unknown_outcome() {
    let (folder, data_dir) = data_dir();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "io::records::tests::child_that_is_killed", "--nocapture"])
        .env(CHILD, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "begun"));

    let reader = RecordStore::open_reader(&data_dir).unwrap();
    assert_eq!((reader.cut_off_jobs(), reader.list(9).await.unwrap()[0].outcome.as_str()), (0, "running"));
    assert_eq!(RecordStore::open(&data_dir).unwrap().cut_off_jobs(), 0);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(reader.list(9).await.unwrap()[0].reason, CUT_OFF);

    let writer = RecordStore::open(&data_dir).unwrap();
    assert_eq!(writer.cut_off_jobs(), 1);
    let history = writer.recent(1).await.unwrap().remove(0);
    let entries: Vec<_> = history
        .entries
        .iter()
        .map(|entry| (entry.step.as_str(), entry.phase.as_str(), entry.outcome.as_str()))
        .collect();
    assert_eq!(entries, [("job", "intent", ""), ("push", "intent", ""), ("job", "outcome", "unknown")]);
    let locks = std::fs::read_dir(data_dir.running())
        .unwrap()
        .filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().ends_with(".lock"));
    assert_eq!(locks.count(), 1, "the lock of the killed process is swept");
}

#[tokio::test]
async fn a_full_disk_is_told_and_what_was_begun_stays_whole() {
    let (_folder, data_dir) = data_dir();
    let store = RecordStore::open(&data_dir).unwrap();
    let job = store.begin(intent("gw")).await.unwrap();
    let limit = |pages: i64| {
        store.run(move |database| {
            let connection = &database.connection;
            Ok(connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?)
        })
    };
    limit(1).await.unwrap();
    let large = StepEntry { detail: json!("x".repeat(100_000)), ..push(Phase::Outcome) };
    assert!(matches!(store.step(job, large.clone()).await, Err(RecordsError::DiskFull { .. })));
    let big_name = intent(&"x".repeat(100_000));
    assert!(matches!(store.begin(big_name).await, Err(RecordsError::DiskFull { .. })));
    assert_eq!(store.list(9).await.unwrap().len(), 1);
    limit(1_000_000).await.unwrap();
    store.step(job, large).await.unwrap();
    assert_eq!(store.show(job).await.unwrap().entries.len(), 2);
}

#[test]
fn files_that_are_no_records_are_refused_and_left_alone() {
    let (_folder, data_dir) = data_dir();
    std::fs::write(
        data_dir.records(),
        b"this is no database, but long enough to be taken for a header of one. ".repeat(9),
    )
    .unwrap();
    let before = std::fs::read(data_dir.records()).unwrap();
    assert!(matches!(open_error(&data_dir), Some(RecordsError::Damaged { .. })));
    assert_eq!(std::fs::read(data_dir.records()).unwrap(), before);

    std::fs::remove_file(data_dir.records()).unwrap();
    Connection::open(data_dir.records()).unwrap().execute("CREATE TABLE other (x)", ()).unwrap();
    assert!(matches!(open_error(&data_dir), Some(RecordsError::Damaged { .. })));

    std::fs::remove_file(data_dir.records()).unwrap();
    std::fs::create_dir(data_dir.records()).unwrap();
    assert!(matches!(open_error(&data_dir), Some(RecordsError::NotOpened { .. })));
}

#[tokio::test]
async fn a_damaged_page_is_found() {
    let (_folder, data_dir) = data_dir();
    let store = RecordStore::open(&data_dir).unwrap();
    for _ in 0..50 {
        store.begin(intent("a gateway with a name that fills the pages")).await.unwrap();
    }
    drop(store);
    let mut bytes = std::fs::read(data_dir.records()).unwrap();
    let length = bytes.len();
    bytes[4096..length].fill(0xA5);
    std::fs::write(data_dir.records(), bytes).unwrap();
    assert!(matches!(open_error(&data_dir), Some(RecordsError::Damaged { .. })));
}

#[test]
fn a_newer_schema_is_refused() {
    let (_folder, data_dir) = data_dir();
    drop(RecordStore::open(&data_dir).unwrap());
    Connection::open(data_dir.records()).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(open_error(&data_dir), Some(RecordsError::TooNew { found: 99, .. })));
}

#[tokio::test]
async fn every_older_schema_is_brought_up_to_date() {
    for version in 0..=schema::STEPS.len() {
        let (_folder, data_dir) = data_dir();
        let mut connection = Connection::open(data_dir.records()).unwrap();
        let key_file = data_dir.records_key();
        let steps = &schema::STEPS[..version];
        schema::migrate(&mut connection, steps, |connection| chain::begin(connection, &key_file)).unwrap();
        drop(connection);
        let store = RecordStore::open(&data_dir).unwrap();
        store.begin(intent("gw")).await.unwrap();
        let found = store.run(|database| {
            Ok(database.connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?)
        });
        assert_eq!(usize::try_from(found.await.unwrap()), Ok(schema::STEPS.len()));
    }
}

#[test]
fn a_step_that_fails_changes_nothing() {
    let mut connection = Connection::open_in_memory().unwrap();
    let migrate = |connection: &mut Connection, steps: &[&str]| schema::migrate(connection, steps, |_| Ok(()));
    migrate(&mut connection, &["CREATE TABLE a (x)"]).unwrap();
    connection.execute("INSERT INTO a VALUES (7)", ()).unwrap();
    let bad = ["CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y", "nonsense"];
    assert!(migrate(&mut connection, &bad).is_err());
    migrate(&mut connection, &bad[..2]).unwrap();
    let row = connection.query_row("SELECT x, y FROM a", (), |row| Ok((row.get(0)?, row.get(1)?)));
    assert_eq!(row.unwrap(), (7_i64, None::<i64>));
}

#[tokio::test]
async fn exports_hold_every_job() {
    let (folder, data_dir) = data_dir();
    let store = RecordStore::open(&data_dir).unwrap();
    let job = store.begin(intent("=cmd|' /C calc'!A0")).await.unwrap();
    store.end(job, "joined", "improv.joined".into(), "Joined, \"at once\"".into()).await.unwrap();
    store.begin(intent("gw 2")).await.unwrap();

    let path = folder.path().join("export.csv");
    assert_eq!(store.export(Destination::replacing(&path), ExportFormat::Csv).await, Ok(2));
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.split("\r\n").collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[1].contains("\"Joined, \"\"at once\"\"\"") && lines[1].contains("'=cmd|"), "{}", lines[1]);

    assert_eq!(store.export(Destination::replacing(&path), ExportFormat::JsonLines).await, Ok(2));
    let text = std::fs::read_to_string(&path).unwrap();
    let jobs: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(jobs[0]["gateway"], "=cmd|' /C calc'!A0");
    assert_eq!(jobs[1]["outcome"], "running");
    assert!(matches!(store.export(folder.path().into(), ExportFormat::Csv).await, Err(ExportError::Files(_))));
}

#[tokio::test]
async fn work_once_taken_is_done_though_nobody_waits() {
    let (_folder, data_dir) = data_dir();
    let store = RecordStore::open(&data_dir).unwrap();
    let mut begun = store.begin(intent("gw"));
    // One poll hands the request over; then the one who asked goes away.
    let waker = std::task::Waker::noop();
    let _ = begun.as_mut().poll(&mut std::task::Context::from_waker(waker));
    drop(begun);
    assert_eq!(store.list(9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_batch_reads_back_with_the_jobs_of_its_rows() {
    use crate::flow::port::BatchRecords as _;

    let (_folder, data_dir) = data_dir();
    let store = RecordStore::open(&data_dir).unwrap();
    let first = store.open_batch("/home/me/site.csv".into()).await.unwrap();
    let batch = store.open_batch("/home/me/site.csv".into()).await.unwrap();
    store.open_batch("/home/me/other.csv".into()).await.unwrap();
    let joined = store.begin_row(batch, "Hall 1".into(), "{}".into(), intent("Hall 1")).await.unwrap();
    store.end(joined, "joined", "improv.joined".into(), "It joined".into()).await.unwrap();
    store.begin(intent("beside it")).await.unwrap();
    store.begin_row(batch, "Hall 2".into(), "{}".into(), intent("Hall 2")).await.unwrap();

    let history = store.last_batch("/home/me/site.csv".into()).await.unwrap().unwrap();
    let rows: Vec<_> = history.rows.iter().map(|row| (row.name.as_str(), row.job.outcome.as_str())).collect();
    assert_eq!((history.id, rows), (batch, vec![("Hall 1", "joined"), ("Hall 2", "running")]));
    assert_eq!(store.batch(first).await.unwrap().unwrap().rows, []);
    assert_eq!(store.batch(BatchId(99)).await.unwrap(), None);
    assert_eq!(store.last_batch("/nowhere".into()).await.unwrap(), None);
    let lost = store.begin_row(BatchId(99), "Hall 3".into(), "{}".into(), intent("Hall 3")).await;
    assert!(lost.is_err(), "a row of no batch");
    let called: Vec<_> = store.list(9).await.unwrap().iter().map(|job| job.called().to_owned()).collect();
    assert_eq!(called, ["Hall 2", "beside it", "Hall 1"], "and no job of it is left behind");
    drop(store);

    // Another process finds the row that was under way cut off.
    let store = RecordStore::open(&data_dir).unwrap();
    let history = store.batch(batch).await.unwrap().unwrap();
    assert_eq!((history.rows[1].job.outcome.as_str(), history.rows[1].job.reason.as_str()), ("unknown", CUT_OFF));
    let connection = Connection::open(data_dir.records()).unwrap();
    for change in ["UPDATE batch_rows SET name = 'x'", "DELETE FROM batch_rows", "DELETE FROM batches"] {
        assert!(connection.execute(change, ()).is_err(), "{change}");
    }
}
