//! Recordings against the world: a writer that is killed, a file system that takes no more, a foreign reader of our Parquet.
//!
//! The writers are this test binary itself, run again for one of its ignored tests; they write until they are stopped.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use linesman::flow::port::{Playback, Recorder, Recordings as _};
use linesman::io::recordings::DiskRecordings;
use linesman::model::mqtt::message::Qos;
use linesman::telemetry::batch::{Arrival, Batch};
use linesman::telemetry::recording::{RecordingFacts, RingPlan};

/// Tells a writer below where it writes.
const FOLDER: &str = "LINESMAN_TEST_RECORDINGS";
/// Until when something has to have happened.
const LIMIT: Duration = Duration::from_mins(1);

/// 100 messages whose payloads count on, a millisecond apart.
pub(crate) fn batch(start: u64) -> Arc<Batch> {
    let mut batch = Batch::new(1_767_225_600_000_000);
    for number in start..start + 100 {
        let topic = format!("site/gw{}/telemetry", number % 50);
        let payload = format!("{{\"n\":{number},\"temperature\":{}.5,\"unit\":\"°C\"}}", number % 40);
        assert!(batch.push(&Arrival {
            topic: topic.as_bytes(),
            payload: payload.as_bytes(),
            qos: Qos::AtMostOnce,
            is_retained: number % 10 == 0,
            is_duplicate: false,
            mono_micros: number * 1000,
            unix_micros: 0,
            properties: None,
        }));
    }
    Arc::new(batch)
}

fn about() -> RecordingFacts {
    RecordingFacts { facts: vec![("Broker".into(), "mqtt://bench".into())] }
}

/// Runs one of the writers, through a shell if its limits are to be set first.
fn start(name: &str, folder: &Path, limits: Option<&str>) -> Child {
    let itself = std::env::current_exe().unwrap();
    let test = format!("recordings::{name}");
    let arguments = ["--exact", &test, "--ignored", "--nocapture"];
    let mut command = match limits {
        Some(limits) => {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("{limits}; exec \"$0\" \"$@\"")]).arg(itself);
            shell
        }
        None => Command::new(itself),
    };
    command.args(arguments).env(FOLDER, folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

fn told_folder() -> PathBuf {
    std::env::var_os(FOLDER).expect("the test that runs this one says where").into()
}

async fn write_until_full(recorder: &dyn Recorder, mut number: u64, pause: Duration) {
    while recorder.state().problem.is_none() {
        let batch = batch(number);
        while !recorder.write(&batch) {
            recorder.ready().await;
        }
        number += 100;
        tokio::time::sleep(pause).await;
    }
}

#[tokio::test]
#[ignore = "a writer of the tests below"]
async fn writer_of_a_file() {
    let folder = told_folder();
    let recorder = DiskRecordings::new(&folder).create((&*folder.join("a.lmrec")).into(), about()).await.unwrap();
    write_until_full(&*recorder, 0, Duration::from_micros(100)).await;
    let state = recorder.state();
    let code = state.problem.map_or("none", |problem| problem.code);
    std::fs::write(folder.join("end"), format!("{code} {}", state.messages)).unwrap();
}

#[tokio::test]
#[ignore = "a writer of the tests below"]
async fn writer_of_a_ring() {
    let plan = RingPlan { span: Duration::from_hours(1), bytes: 1 << 30 };
    let ring = DiskRecordings::new(told_folder()).ring(plan, about()).await.unwrap();
    write_until_full(&*ring, 0, Duration::from_micros(100)).await;
}

/// Looks again and again, until there is something.
#[track_caller]
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::yield_now();
    }
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Reads to the end, and holds that the messages are those that were written, from the first on, with none missing.
async fn count(playback: &mut Box<dyn Playback>) -> u64 {
    let mut next = 0;
    while let Some(found) = playback.next().await.unwrap() {
        for arrival in found.iter() {
            let text = format!("{{\"n\":{next},");
            assert!(arrival.payload.starts_with(text.as_bytes()), "{:?} is not {next}", arrival.payload);
            assert_eq!(arrival.mono_micros, next * 1000);
            next += 1;
        }
    }
    next
}

/// The blocks of a file without an index, by docs/recording.md alone: where the last whole one ends, and their messages.
struct WholeBlocks {
    end: usize,
    messages: u64,
}

fn whole_blocks(bytes: &[u8]) -> WholeBlocks {
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let size = |at: usize| usize::try_from(number(at)).unwrap();
    let mut whole = WholeBlocks { end: 16 + size(12) + 4, messages: 0 };
    while let Some(header) = bytes.get(whole.end..whole.end + 96) {
        assert_eq!(header[..4], *b"LMB\x1a");
        let end = whole.end + 96 + size(whole.end + 20) + size(whole.end + 8);
        if end > bytes.len() {
            break;
        }
        whole = WholeBlocks { end, messages: whole.messages + u64::from(number(whole.end + 28)) };
    }
    whole
}

#[tokio::test]
async fn a_killed_writer_loses_no_block_that_was_written() {
    for round in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lmrec");
        let mut writer = start("writer_of_a_file", folder.path(), None);
        // What is in the file now is what must be found; each round a different stretch of writing is cut off.
        let before = wait_for("blocks", || Some(length(&path)).filter(|bytes| *bytes > 50_000 + round * 77_777));
        writer.kill().unwrap();
        writer.wait().unwrap();
        let bytes = std::fs::read(&path).unwrap();

        let recordings = DiskRecordings::new(folder.path());
        let mut playback = recordings.open(&path).await.unwrap();
        let problem = playback.repaired().expect("there is no index");
        assert_eq!(problem.code, "recording.repaired");
        let state = playback.state();
        let found = count(&mut playback).await;
        assert_eq!(found, state.messages);
        assert!(found > 10_000, "{found} messages in {before} bytes");
        let whole = whole_blocks(&bytes);
        assert_eq!(found, whole.messages, "every block that is whole is read, in a file of {before} bytes or more");
        let cut = bytes.len() - whole.end;
        let told = if cut == 0 { String::new() } else { format!(", {cut} bytes at its end were skipped") };
        // Of the block that was being written the header may be there, which says how many are lost.
        let missing = match bytes.get(whole.end..whole.end + 96) {
            Some(header) => u32::from_le_bytes(header[28..32].try_into().unwrap()),
            None => 0,
        };
        let missing = if missing == 0 { String::new() } else { format!(", {missing} messages are missing") };
        assert_eq!(problem.what, format!("The recording isn't whole: its index was rebuilt{told}{missing}"));
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "opening changes nothing");
    }
}

#[tokio::test]
async fn the_ring_of_a_killed_program_becomes_a_recording() {
    let folder = tempfile::tempdir().unwrap();
    let telemetry = folder.path().join("telemetry");
    let mut writer = start("writer_of_a_ring", folder.path(), None);
    let files = || -> Vec<PathBuf> {
        let rings = std::fs::read_dir(&telemetry).into_iter().flatten().flatten().map(|entry| entry.path());
        let files = rings.flat_map(|ring| std::fs::read_dir(ring).into_iter().flatten().flatten());
        files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|end| end == "lmrec")).collect()
    };
    wait_for("blocks of the ring", || files().iter().any(|path| length(path) > 100_000).then_some(()));
    writer.kill().unwrap();
    writer.wait().unwrap();

    let recordings = DiskRecordings::new(folder.path());
    assert_eq!(recordings.left_behind().len(), 0);
    let plan = RingPlan { span: Duration::from_mins(1), bytes: 1 << 20 };
    let ring = recordings.ring(plan, about()).await.unwrap();
    let left = wait_for("the recording of the dead", || recordings.left_behind().pop());
    let mut playback = recordings.open(&left).await.unwrap();
    assert_eq!(playback.repaired(), None, "it is a whole recording");
    assert!(count(&mut playback).await > 10_000);
    wait_for("the ring of the dead to go", || (std::fs::read_dir(&telemetry).unwrap().count() == 2).then_some(()));
    ring.finish().await.unwrap();
}

/// The system refuses to make the file longer, as a full disk does.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_may_not_grow_ends_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    // In blocks of 512 bytes. The signal that comes with it would end the program.
    let mut writer = start("writer_of_a_file", folder.path(), Some("trap '' XFSZ; ulimit -f 1000"));
    let told =
        wait_for("the end", || std::fs::read_to_string(folder.path().join("end")).ok().filter(|end| end.contains(' ')));
    writer.wait().unwrap();
    let (code, messages) = told.split_once(' ').unwrap();
    assert_eq!(code, "recording.disk_full");
    let path = folder.path().join("a.lmrec");
    assert!(length(&path) <= 512_000, "{}", length(&path));
    let mut playback = DiskRecordings::new(folder.path()).open(&path).await.unwrap();
    let found = count(&mut playback).await;
    assert_eq!(found.to_string(), messages, "what was written is there");
    assert!(found > 10_000);
}

/// A reader that was written from docs/recording.md alone reads what we record.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_document_is_enough_to_read_a_recording() {
    use linesman::model::mqtt::message::Properties;
    use linesman::model::text::hex;

    let Some(python) = crate::python::with_packages("recording") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.lmrec");
    let recorder = DiskRecordings::new(folder.path()).create((&*path).into(), about()).await.unwrap();
    for start in 0..300 {
        assert!(recorder.write(&batch(start * 100)));
    }
    let mut later = Batch::new(-7);
    later.missed.dropped = 3;
    let properties =
        Properties { user: vec![("a".into(), "ß".into())], expiry_secs: Some(9), ..Properties::default() };
    let first = batch(0);
    let first = first.iter().next().unwrap();
    let odd = Arrival { topic: b"\xff", payload: b"", qos: Qos::ExactlyOnce, properties: Some(&properties), ..first };
    assert!(later.push(&odd));
    assert!(recorder.write(&Arc::new(later)));
    recorder.finish().await.unwrap();

    let read = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/recording/read.py");
    let output =
        Command::new(python).args(["-I", "-X", "utf8"]).arg(read).arg(&path).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["facts"], serde_json::json!([["Broker", "mqtt://bench"]]));
    assert_eq!(said["missed"], serde_json::json!([[3, 0, 0, 0]]));
    assert!(said["blocks"].as_u64().unwrap() > 1, "{}", said["blocks"]);
    let messages = said["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 30_001);
    let mut written = batch(0);
    for (number, message) in messages[..30_000].iter().enumerate() {
        if number % 100 == 0 {
            written = batch(number as u64);
        }
        let arrival = written.iter().nth(number % 100).unwrap();
        assert_eq!(message["topic"], hex(arrival.topic));
        assert_eq!(message["payload"], hex(arrival.payload));
        assert_eq!(message["unix"], arrival.unix_micros);
        assert_eq!(message["retained"], arrival.is_retained);
    }
    let odd = serde_json::json!({ "expiry_secs": 9, "user": [["a", "ß"]] });
    let last = &messages[30_000];
    assert_eq!((&last["topic"], &last["qos"], &last["properties"]), (&"ff".into(), &2.into(), &odd));
    assert_eq!(last["unix"], -7);
}

/// DuckDB reads what we export as Parquet: counts, sums, times and texts are those that went in.
#[cfg(all(target_os = "linux", feature = "parquet"))]
#[tokio::test]
async fn duckdb_reads_the_parquet_export() {
    use linesman::io::recordings::export;
    use linesman::telemetry::export::ExportForm;

    let Some(python) = crate::python::with_packages("duckdb") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("messages.parquet");
    let mut sink = export::begin(path.clone().into(), ExportForm::Parquet, about()).await.unwrap();
    // More than one row group.
    for start in 0..3000 {
        sink.take(batch(start * 100)).await.unwrap();
    }
    let mut odd = Batch::new(0);
    let first = batch(0);
    let first = first.iter().next().unwrap();
    assert!(odd.push(&Arrival { payload: b"\xff\x00", mono_micros: 1, ..first }));
    sink.take(Arc::new(odd)).await.unwrap();
    assert_eq!(sink.close().await, Ok(300_001));

    let drive = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/duckdb/drive.py");
    let output =
        Command::new(python).args(["-I", "-X", "utf8"]).arg(drive).arg(&path).stdin(Stdio::null()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    let said: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let n: u64 = (0..300_000).sum();
    let temperature: f64 = (0..300_000_u32).map(|n| f64::from(n % 40) + 0.5).sum();
    assert_eq!(
        said,
        serde_json::json!({
            "messages": 300_001,
            "topics": 50,
            "retained": 30_001,
            "sum_n": n,
            "sum_temperature": temperature,
            "first": "1970-01-01T00:00:00.000001+00:00",
            "last": "2026-01-01T00:04:59.999000+00:00",
            "without_text": 1,
            "text": "{\"n\":4711,\"temperature\":31.5,\"unit\":\"°C\"}",
            "payload_of_the_odd": "ff00",
            "row_groups": 3,
        })
    );
}
