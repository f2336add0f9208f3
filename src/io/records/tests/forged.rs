//! Somebody with `sqlite3` at the file, and what the audit says; the program's end at every point, and what is left.

use std::collections::HashSet;

use super::*;
use crate::flow::port::BatchRecords as _;
use crate::model::audit::{Audit, Fault};
use crate::model::destination::Existing;

/// What a forger with `sqlite3` does first.
const OPEN_THE_LOG: &str = "
    PRAGMA foreign_keys = OFF;
    DROP TRIGGER entries_stay; DROP TRIGGER entries_last; DROP TRIGGER jobs_stay; DROP TRIGGER jobs_last;
    DROP TRIGGER batches_stay; DROP TRIGGER batches_last; DROP TRIGGER batch_rows_stay; DROP TRIGGER batch_rows_last;
    DROP TRIGGER chain_stays; DROP TRIGGER chain_lasts; DROP TRIGGER segments_stay; DROP TRIGGER segments_last;";

/// Three sealed runs of the program: a job of four entries, one of a batch with two, and one that is open.
async fn three_runs(data_dir: &DataDir) {
    let store = RecordStore::open(data_dir).unwrap();
    let job = store.begin(intent("gw 1")).await.unwrap();
    store.step(job, push(Phase::Intent)).await.unwrap();
    store.step(job, push(Phase::Outcome)).await.unwrap();
    store.end(job, "joined", "improv.joined".into(), "It joined".into()).await.unwrap();
    drop(store);
    let store = RecordStore::open(data_dir).unwrap();
    let batch = store.open_batch("site.csv".into()).await.unwrap();
    let job = store.begin_row(batch, "Hall 1".into(), "{}".into(), intent("Hall 1")).await.unwrap();
    store.end(job, "refused", "x".into(), "y".into()).await.unwrap();
    drop(store);
    let store = RecordStore::open(data_dir).unwrap();
    store.begin(intent("gw 3")).await.unwrap();
}

fn audit_of(data_dir: &DataDir) -> Audit {
    audit(data_dir, None).unwrap()
}

fn forge(data_dir: &DataDir, sql: &str) {
    let connection = Connection::open(data_dir.records()).unwrap();
    connection.execute_batch(&format!("{OPEN_THE_LOG}{sql}")).unwrap();
}

/// Does something to the file of three runs, and says what is found first: the fault and its entries.
#[track_caller]
fn check(sql: &str, expected: (Fault, i64, i64)) {
    let (_folder, data_dir) = data_dir();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(three_runs(&data_dir));
    assert_eq!(audit_of(&data_dir).findings, []);
    forge(&data_dir, sql);
    let audit = audit_of(&data_dir);
    let first = audit.findings.first().unwrap_or_else(|| panic!("not found: {sql}"));
    assert_eq!((first.fault, first.entry, first.to), expected, "{sql}: {:?}", audit.findings);
    assert!(!audit.is_intact() && audit.complete_to < first.entry);
}

#[tokio::test]
async fn what_was_written_is_intact_sealed_and_counted() {
    let (_folder, data_dir) = data_dir();
    three_runs(&data_dir).await;
    let audit = audit_of(&data_dir);
    assert_eq!(audit.verdict(), "Complete up to entry 7 as far as this file knows");
    assert_eq!((audit.entries, audit.jobs, audit.segments, audit.sealed_to, audit.open), (7, 3, 3, 7, 1));
    assert_eq!(audit.before_the_chain, None);
    let key_file = audit.key_file.clone().unwrap();
    assert!(key_file.is_there && !key_file.is_open_to_others, "{key_file:?}");
    let reader = RecordStore::open_reader(&data_dir).unwrap();
    assert_eq!(Some(reader.head().await.unwrap()), audit.head);
    let head = audit.head.unwrap().hash;
    assert_eq!(super::audit(&data_dir, Some(head)).unwrap().confirmed_to, Some(7));
}

#[test]
fn edits_are_found() {
    check("UPDATE entries SET outcome = 'refused' WHERE sequence = 4", (Fault::Changed, 4, 4));
    check("UPDATE entries SET detail = '{}' WHERE sequence = 2", (Fault::Changed, 2, 2));
    check("UPDATE entries SET at = '2026-01-01T00:00:00.000Z' WHERE sequence = 6", (Fault::Changed, 6, 6));
    check("UPDATE entries SET clock_quality = 'set-back' WHERE sequence = 3", (Fault::Changed, 3, 3));
    check("UPDATE entries SET hash = zeroblob(32) WHERE sequence = 3", (Fault::Changed, 3, 3));
}

#[test]
fn edits_of_jobs_and_batches_are_found() {
    check("UPDATE jobs SET operator = 'Nobody' WHERE id = 1", (Fault::Changed, 1, 1));
    check("UPDATE jobs SET started_at = '2026-01-01T00:00:00.000Z' WHERE id = 2", (Fault::Changed, 5, 5));
    check("UPDATE jobs SET is_simulated = 0 WHERE id = 3", (Fault::Changed, 7, 7));
    check("UPDATE batch_rows SET name = 'Hall 2'", (Fault::Changed, 5, 5));
    check("UPDATE batches SET source = 'other.csv'", (Fault::Changed, 5, 5));
    check("DELETE FROM batch_rows", (Fault::Changed, 5, 5));
    check("INSERT INTO batch_rows VALUES (3, 1, 'Hall 3', '{}')", (Fault::Changed, 7, 7));
    check("DELETE FROM jobs WHERE id = 2", (Fault::Changed, 5, 5));
}

#[test]
fn deletions_and_cuts_are_found() {
    check("DELETE FROM entries WHERE sequence = 2", (Fault::Missing, 2, 2));
    check("DELETE FROM entries WHERE job = 1; DELETE FROM jobs WHERE id = 1", (Fault::Missing, 1, 4));
    check("DELETE FROM entries WHERE sequence = 7", (Fault::Cut, 7, 7));
    // With all traces: the job, the segment, the counter. The key file knows it still.
    let cut =
        "DELETE FROM entries WHERE sequence = 7; DELETE FROM jobs WHERE id = 3; DELETE FROM segments WHERE number = 3;
               UPDATE sqlite_sequence SET seq = 6 WHERE name = 'entries'";
    check(cut, (Fault::Cut, 7, 7));
    check("DELETE FROM segments", (Fault::BadSeal, 1, 7));
    check("DELETE FROM segments WHERE number = 2", (Fault::BadSeal, 5, 6));
    check("DELETE FROM entries; DELETE FROM jobs; DELETE FROM segments", (Fault::Cut, 1, 7));
}

#[test]
fn reordering_and_insertion_are_found() {
    let swap =
        "UPDATE entries SET sequence = 99 WHERE sequence = 2; UPDATE entries SET sequence = 2 WHERE sequence = 3;
                UPDATE entries SET sequence = 3 WHERE sequence = 99";
    check(swap, (Fault::Changed, 2, 2));
    let insert = "INSERT INTO entries (job, at, step, phase, outcome, detail)
                  VALUES (3, '2099-01-01T00:00:00.000Z', 'push', 'outcome', 'done', '{}')";
    check(insert, (Fault::NotChained, 8, 8));
    let copy = "INSERT INTO entries (job, at, clock_quality, step, phase, outcome, detail, prev_hash, hash)
                SELECT 3, at, clock_quality, step, phase, outcome, detail, prev_hash, hash FROM entries WHERE sequence = 2";
    check(copy, (Fault::Changed, 8, 8));
    let job = "INSERT INTO jobs SELECT 9, instance, started_at, action, gateway, link, profile, driver, operator, is_simulated
               FROM jobs WHERE id = 1";
    check(job, (Fault::StrayJob, 8, 8));
    check("DELETE FROM chain", (Fault::NotChained, 1, 7));
    check("UPDATE chain SET adopted_to = 7", (Fault::Changed, 1, 1));
}

#[tokio::test]
async fn a_log_that_is_gone_or_another_is_tampered_not_new() {
    let (_folder, data_dir) = data_dir();
    three_runs(&data_dir).await;
    let path = data_dir.records();
    let moved = path.with_extension("moved");
    std::fs::rename(&path, &moved).unwrap();
    let first = |audit: Audit| (audit.findings[0].fault, audit.findings[0].to);
    assert_eq!(first(audit_of(&data_dir)), (Fault::LogReplaced, 7), "missing");
    std::fs::write(&path, b"").unwrap();
    assert!(!audit_of(&data_dir).is_intact(), "empty");
    std::fs::write(&path, [b'x'; 5000]).unwrap();
    assert_eq!(first(audit_of(&data_dir)), (Fault::Unreadable, 7), "not a database");
    // The next writer begins a new log. What was sealed before stays known.
    std::fs::remove_file(&path).unwrap();
    drop(RecordStore::open(&data_dir).unwrap());
    assert_eq!(first(audit_of(&data_dir)), (Fault::LogReplaced, 7), "new");
    let (_other_folder, other) = super::data_dir();
    three_runs(&other).await;
    std::fs::copy(other.records(), &path).unwrap();
    assert!(!audit_of(&data_dir).is_intact(), "of another computer");
}

#[test]
fn records_that_never_were_cannot_be_audited() {
    let (_folder, data_dir) = data_dir();
    assert!(matches!(audit(&data_dir, None), Err(RecordsError::NotOpened { .. })));
    let given = super::audit(&data_dir, Some(Digest([1; 32]))).unwrap();
    assert_eq!(given.findings[0].fault, Fault::LogReplaced, "a head was printed once");
}

#[tokio::test]
async fn a_file_put_back_to_an_earlier_state_is_found_and_stays_so() {
    let (folder, data_dir) = data_dir();
    three_runs(&data_dir).await;
    let backup = folder.path().join("backup");
    std::fs::copy(data_dir.records(), &backup).unwrap();
    three_runs(&data_dir).await;
    let whole = audit_of(&data_dir);
    assert!(whole.is_intact(), "{:?}", whole.findings);
    std::fs::copy(&backup, data_dir.records()).unwrap();
    assert_eq!(audit_of(&data_dir).findings[0].fault, Fault::Cut);
    three_runs(&data_dir).await;
    let audit = audit_of(&data_dir);
    assert!(audit.findings.iter().any(|found| found.fault == Fault::ForeignKey), "{:?}", audit.findings);
}

#[tokio::test]
async fn an_audit_makes_no_file_beside_the_log() {
    let (_folder, data_dir) = data_dir();
    three_runs(&data_dir).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let copied = DataDir::open(Some(elsewhere.path())).unwrap();
    std::fs::copy(data_dir.records(), copied.records()).unwrap();
    std::fs::copy(data_dir.records_key(), copied.records_key()).unwrap();
    let names = || {
        let mut names: Vec<_> =
            std::fs::read_dir(copied.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    assert!(audit_of(&copied).is_intact());
    assert_eq!(names(), before);
}

#[tokio::test]
async fn no_export_replaces_the_key_of_the_records() {
    let (_folder, data_dir) = data_dir();
    three_runs(&data_dir).await;
    let store = RecordStore::open(&data_dir).unwrap();
    let mut destination = Destination::file(data_dir.records_key());
    destination.existing = Existing::Replace;
    assert!(store.export_bundle(destination).await.is_err());
    drop(store);
    let audit = audit_of(&data_dir);
    assert!(audit.is_intact() && audit.key_file.unwrap().is_there);
}

#[tokio::test]
async fn a_lost_key_shows_as_a_foreign_one() {
    let (_folder, data_dir) = data_dir();
    three_runs(&data_dir).await;
    std::fs::remove_file(data_dir.records_key()).unwrap();
    let audit = audit_of(&data_dir);
    assert!(audit.is_intact() && !audit.key_file.unwrap().is_there);
    let store = RecordStore::open(&data_dir).unwrap();
    store.begin(intent("gw 4")).await.unwrap();
    drop(store);
    let audit = audit_of(&data_dir);
    assert_eq!((audit.findings[0].fault, audit.findings[0].entry), (Fault::ForeignKey, 8));
    std::fs::write(data_dir.records_key(), "{}").unwrap();
    let audit = super::audit(&data_dir, None).unwrap();
    assert!(audit.findings.iter().any(|finding| finding.fault == Fault::KeyUnreadable), "{audit:?}");
}

#[tokio::test]
async fn the_secret_of_a_sealed_epoch_is_nowhere_in_the_folder() {
    let (folder, data_dir) = data_dir();
    drop(RecordStore::open(&data_dir).unwrap());
    let secret = |data_dir: &DataDir| {
        let keys: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(data_dir.records_key()).unwrap()).unwrap();
        (keys["secret"].as_str().unwrap().to_owned(), keys["next"].clone())
    };
    let (first, _) = secret(&data_dir);
    three_runs(&data_dir).await;
    let (second, next) = secret(&data_dir);
    assert!(first != second && next.is_null());
    for file in walk(folder.path()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(64).any(|window| window == first.as_bytes()), "{}", file.display());
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn what_was_written_before_the_chain_says_so_and_is_covered() {
    let (_folder, data_dir) = data_dir();
    let mut connection = Connection::open(data_dir.records()).unwrap();
    schema::migrate(&mut connection, &schema::STEPS[..2], |_| Ok(())).unwrap();
    connection
        .execute_batch(
            "INSERT INTO jobs VALUES (1, 'x', '2026-01-01T00:00:00.000Z', 'commission', 'gw', 'l', NULL, NULL, 'Kim', 0);
             INSERT INTO entries (job, at, step, phase, outcome, detail)
             VALUES (1, '2026-01-01T00:00:00.000Z', 'job', 'intent', '', '{}'),
                    (1, '2026-01-01T00:00:01.000Z', 'push', 'intent', '', '{}');",
        )
        .unwrap();
    drop(connection);
    let audit = audit_of(&data_dir);
    assert!(audit.verdict().contains("no chain yet"), "{}", audit.verdict());
    drop(RecordStore::open(&data_dir).unwrap());
    let audit = audit_of(&data_dir);
    assert_eq!(audit.findings, []);
    let before = audit.before_the_chain.unwrap();
    assert_eq!((before.to, audit.entries, audit.sealed_to), (2, 3, 3), "the job that was cut off got its end");
    let connection = Connection::open(data_dir.records()).unwrap();
    assert!(connection.execute("UPDATE entries SET detail = 'x'", ()).is_err(), "the log is closed again");
    forge(&data_dir, "UPDATE entries SET detail = '[]' WHERE sequence = 2");
    assert_eq!(audit_of(&data_dir).findings[0].entry, 2);
}

#[tokio::test]
async fn a_clock_that_was_set_back_is_said_in_each_entry() {
    let (_folder, data_dir) = data_dir();
    let store = RecordStore::open(&data_dir).unwrap();
    let job = store.begin(intent("gw")).await.unwrap();
    // As if it had been written by a clock a century ahead.
    store
        .run(|database| {
            let mut tail = Tail::load(&database.connection, database.chain)?;
            let ahead = chain::NewEntry {
                job: 1,
                step: "push",
                phase: "intent",
                outcome: "",
                reason: "",
                summary: "",
                detail: "{}",
                is_end: false,
                at: Some("2126-01-01T00:00:00.000Z"),
                begins: None,
            };
            Ok(chain::append(&database.connection, database.chain, &mut tail, &ahead)?)
        })
        .await
        .unwrap();
    store.step(job, push(Phase::Outcome)).await.unwrap();
    store.end(job, "done", String::new(), String::new()).await.unwrap();
    drop(store);
    three_runs(&data_dir).await;
    let audit = audit_of(&data_dir);
    assert_eq!(audit.findings, []);
    assert_eq!(audit.set_back, 9);
}

#[tokio::test]
async fn two_writers_share_one_chain() {
    let (_folder, data_dir) = data_dir();
    let stores = [RecordStore::open(&data_dir).unwrap(), RecordStore::open(&data_dir).unwrap()];
    let work = |store: RecordStore| async move {
        for _ in 0..30 {
            let job = store.begin(intent("gw")).await.unwrap();
            store.step(job, push(Phase::Intent)).await.unwrap();
            store.end(job, "done", String::new(), String::new()).await.unwrap();
        }
    };
    let [one, other] = stores;
    let other = std::thread::Builder::new().name("other writer".into()).spawn(move || {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work(other));
    });
    work(one).await;
    other.unwrap().join().unwrap();
    let audit = audit_of(&data_dir);
    assert_eq!(audit.findings, []);
    assert_eq!((audit.entries, audit.jobs, audit.sealed_to), (180, 60, 180));
}

#[tokio::test]
async fn what_waits_together_is_written_together_and_answered_each() {
    let (_folder, data_dir) = data_dir();
    let store = RecordStore::open(&data_dir).unwrap();
    let job = store.begin(intent("gw")).await.unwrap();
    let nobody = RecordId(99);
    let steps = (0..40).map(|at| store.step(if at % 10 == 5 { nobody } else { job }, push(Phase::Intent)));
    let answers = futures_util::future::join_all(steps).await;
    for (at, answer) in answers.into_iter().enumerate() {
        let expected = if at % 10 == 5 { Err(RecordsError::NotFound { id: 99 }) } else { Ok(()) };
        assert_eq!(answer, expected, "{at}");
    }
    let batch = store.begin_row(BatchId(9), "Hall".into(), "{}".into(), intent("Hall"));
    assert!(batch.await.is_err(), "a row of no batch");
    drop(store);
    let audit = audit_of(&data_dir);
    assert_eq!((audit.findings.len(), audit.entries, audit.jobs, audit.open), (0, 37, 1, 37));
}

/// No test of its own: the process that the next test starts, which ends itself at a fail point.
#[test]
fn child_that_ends_itself() {
    let Some(folder) = std::env::var_os(FAIL_AT).and(std::env::var_os(CHILD)) else { return };
    let data_dir = DataDir::open(Some(Path::new(&folder))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = RecordStore::open(&data_dir).unwrap();
    let say = |line: String| std::io::stdout().write_all(line.as_bytes()).unwrap();
    let job = runtime.block_on(store.begin(intent("gw"))).unwrap();
    say(format!("\nwritten {} job\n", job.0));
    runtime.block_on(store.step(job, push(Phase::Intent))).unwrap();
    say(format!("\nwritten {} push\n", job.0));
    runtime.block_on(store.end(job, "done", String::new(), String::new())).unwrap();
    say(format!("\nwritten {} end\n", job.0));
    drop(store);
}

#[tokio::test]
async fn killed_at_every_fail_point_nothing_that_was_answered_is_lost() {
    let points = [
        "chain key stored",
        "chain begun",
        "entries inserted",
        "entries committed",
        "next key stored",
        "segment inserted",
        "segment committed",
        "old key destroyed",
    ];
    for (point, is_new) in points.into_iter().flat_map(|point| [(point, true), (point, false)]) {
        let (folder, data_dir) = data_dir();
        if !is_new {
            three_runs(&data_dir).await;
        }
        let before = if is_new { 0 } else { audit_of(&data_dir).entries };
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "io::records::tests::forged::child_that_ends_itself", "--nocapture"])
            .env(CHILD, folder.path())
            .env(FAIL_AT, point)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&child.stdout);
        let written = told.lines().filter(|line| line.starts_with("written ")).count() as u64;
        let is_reached = is_new || !point.starts_with("chain");
        assert_eq!(child.status.success(), !is_reached, "{point}: {told}");

        let store = RecordStore::open(&data_dir).unwrap();
        let entries: HashSet<i64> = store
            .recent(99)
            .await
            .unwrap()
            .into_iter()
            .flat_map(|history| history.entries.into_iter().map(|entry| entry.sequence))
            .collect();
        assert!(
            entries.len() as u64 >= before + written,
            "{point}: {written} were answered, {} are there",
            entries.len()
        );
        let bundle = store.export_bundle(Destination::replacing(folder.path().join("a.bundle"))).await;
        assert!(bundle.is_ok(), "{point}: the head is signed with the key that was announced: {bundle:?}");
        drop(store);
        three_runs(&data_dir).await;
        let audit = audit_of(&data_dir);
        assert_eq!(audit.findings, [], "{point}, new: {is_new}");
        assert_eq!(u64::try_from(audit.sealed_to), Ok(audit.entries), "{point}");
    }
}

#[tokio::test]
async fn openssl_agrees_on_hashes_and_signatures() {
    let Some(version) = openssl(&["version"]) else {
        let is_strict = std::env::var_os("LINESMAN_REQUIRE_PEERS").is_some_and(|value| value == "1");
        assert!(!is_strict, "openssl isn't installed, and nothing may be skipped");
        std::io::stderr().write_all(b"skipped: openssl isn't installed\n").unwrap();
        return;
    };
    assert!(version.starts_with(b"OpenSSL"), "{version:?}");
    let (folder, data_dir) = data_dir();
    three_runs(&data_dir).await;
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let connection = Connection::open(data_dir.records()).unwrap();
    let id = chain::genesis(&connection).unwrap().unwrap().id();
    let mut statement = connection.prepare(&format!("{} ORDER BY entries.sequence", chain::COVERED)).unwrap();
    let mut rows = statement.query(()).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let mut canonical = Vec::new();
        let previous = Digest(row.get(chain::PREVIOUS_COLUMN).unwrap());
        chain::entry_row(row).unwrap().write(&id, &previous, &mut canonical);
        let told = openssl(&["dgst", "-sha256", "-binary", &file("entry", &canonical)]).unwrap();
        assert_eq!(told, row.get::<_, Vec<u8>>(chain::HASH_COLUMN).unwrap());
    }
    let segments = chain::segments(&connection).unwrap();
    assert_eq!(segments.len(), 3);
    for (segment, signature) in &segments {
        let der = [&b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"[..], &segment.key.0].concat();
        let (key, signed) = (file("key", &der), file("segment", &segment.bytes(&id)));
        let signature = file("signature", signature);
        let of_key = ["pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", &key];
        let told = openssl(&[&of_key[..], &["-in", &signed, "-sigfile", &signature]].concat()).unwrap();
        assert_eq!(String::from_utf8_lossy(&told).trim(), "Signature Verified Successfully");
    }
}

/// What openssl prints; `None` where it isn't installed.
fn openssl(arguments: &[&str]) -> Option<Vec<u8>> {
    match Command::new("openssl").args(arguments).output() {
        Ok(output) => {
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            Some(output.stdout)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("openssl: {error}"),
    }
}
