//! Recording, opening, seeking and exporting: 200-byte messages over 10,000 topics, in a folder of the system's temporary one.
//!
//! Two kinds of payload: JSON as gateways send it, and octets that do not compress. CPU time is that of the writer's thread.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints what it measured, or ends")]
#![expect(clippy::cast_precision_loss, reason = "rates have few digits")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use linesman::flow::port::{Bundle, Playback, Recorder, Recordings as _};
use linesman::io::recordings::{DiskRecordings, bundle, export};
use linesman::model::destination::Destination;
use linesman::model::mqtt::message::Qos;
use linesman::model::redact::Redactor;
use linesman::telemetry::batch::{Arrival, Batch};
use linesman::telemetry::export::ExportForm;
use linesman::telemetry::recording::RecordingFacts;

mod support;

use support::{Spread, is_measuring};

const TOPICS: u64 = 10_000;
const PAYLOAD_BYTES: usize = 200;
const BATCH: u64 = 1000;
/// Microseconds between messages: 10 million of them take 1000 seconds.
const APART: u64 = 100;
const BEGIN: i64 = 1_767_225_600_000_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure());
}

async fn measure() {
    let (some, many) = if is_measuring() { (1_000_000, 10_000_000) } else { (20_000, 50_000) };
    let folder = tempfile::tempdir().expect("a folder");
    let recordings = DiskRecordings::new(folder.path());
    println!("Messages of {PAYLOAD_BYTES} B over {TOPICS} topics");
    for kind in [Kind::Json, Kind::Noise] {
        write(&recordings, folder.path(), kind, some).await;
    }
    paced(&recordings, folder.path()).await;
    let path = folder.path().join("many.lmrec");
    make(&recordings, &path, many).await;
    open(&recordings, &path, many).await;
    seek(&recordings, &path, many).await;
    exports(folder.path(), some).await;
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Json,
    Noise,
}

/// Messages from that number on.
fn batch(kind: Kind, start: u64) -> Arc<Batch> {
    let mut batch = Batch::new(BEGIN);
    let mut payload = Vec::with_capacity(PAYLOAD_BYTES + 32);
    for number in start..start + BATCH {
        let mut random = Random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let gateway = random.next() % TOPICS;
        payload.clear();
        if matches!(kind, Kind::Json) {
            let (one, other) = (random.next() % 4000, random.next() % 1000);
            write!(
                payload,
                "{{\"ts\":{},\"seq\":{},\"temperature\":{}.{:02},\"humidity\":{}.{},\"battery_mv\":{},\"rssi\":-{},\"state\":\"ok\",\"fw\":\"2.4.1\",\"id\":\"{:016x}\",\"extra\":\"",
                1_767_225_600_000 + number / 10,
                number / TOPICS,
                one / 100,
                one % 100,
                other / 10,
                other % 10,
                3300 + random.next() % 400,
                40 + random.next() % 50,
                gateway.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            )
            .expect("memory takes it");
            payload.resize(PAYLOAD_BYTES - 2, b' ');
            payload.extend_from_slice(b"\"}");
        } else {
            while payload.len() < PAYLOAD_BYTES {
                payload.extend_from_slice(&random.next().to_le_bytes());
            }
            payload.truncate(PAYLOAD_BYTES);
        }
        let topic = format!("site/{:02}/gw{gateway:05}/telemetry", gateway % 20);
        let taken = batch.push(&Arrival {
            topic: topic.as_bytes(),
            payload: &payload,
            qos: Qos::AtMostOnce,
            is_retained: false,
            is_duplicate: false,
            mono_micros: number * APART,
            unix_micros: 0,
            properties: None,
        });
        assert!(taken, "a batch takes that many");
    }
    Arc::new(batch)
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 16
    }
}

async fn give(recorder: &dyn Recorder, batch: &Arc<Batch>) -> bool {
    let mut waited = false;
    while !recorder.write(batch) {
        waited = true;
        recorder.ready().await;
    }
    waited
}

/// As fast as it goes; the messages are made beforehand.
async fn write(recordings: &DiskRecordings, folder: &Path, kind: Kind, count: u64) {
    let batches: Vec<_> = (0..count / BATCH).map(|number| batch(kind, number * BATCH)).collect();
    let content: usize = batches.iter().map(|batch| batch.bytes()).sum();
    let path = folder.join("write.lmrec");
    let recorder = recordings.create(path.as_path().into(), RecordingFacts::default()).await.expect("a file");
    let began = Instant::now();
    for batch in &batches {
        give(&*recorder, batch).await;
    }
    // The thread is gone once it has finished: its time is read while it does the last of its work.
    while recorder.state().messages + BATCH * 10 < count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (cpu, done) = (thread_cpu("recording"), recorder.state().messages);
    let state = recorder.finish().await.expect("it is written");
    let took = began.elapsed();
    println!(
        "write {kind:?}: {:.0} msg/s, {:.2} times smaller, {:.3} µs CPU a message",
        count as f64 / took.as_secs_f64(),
        content as f64 / state.file_bytes as f64,
        cpu.as_secs_f64() * 1e6 / done as f64,
    );
    fs::remove_file(path).expect("it is ours");
}

/// 200,000 messages a second for some seconds: whether it ever falls behind.
async fn paced(recordings: &DiskRecordings, folder: &Path) {
    let secs = if is_measuring() { 10 } else { 1 };
    let path = folder.join("paced.lmrec");
    let batches: Vec<_> = (0..200).map(|number| batch(Kind::Json, number * BATCH)).collect();
    let recorder = recordings.create(path.as_path().into(), RecordingFacts::default()).await.expect("a file");
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    let mut waits = 0;
    let began = Instant::now();
    for number in 0..secs * 200 {
        ticks.tick().await;
        waits += u32::from(give(&*recorder, &batches[number % 200]).await);
    }
    let took = began.elapsed();
    let cpu = thread_cpu("recording");
    let messages = recorder.finish().await.expect("it is written").messages;
    println!(
        "paced: {:.0} msg/s for {secs} s, waited {waits} times, {:.1} % of one core",
        messages as f64 / took.as_secs_f64(),
        100.0 * cpu.as_secs_f64() / took.as_secs_f64(),
    );
    fs::remove_file(path).expect("it is ours");
}

async fn make(recordings: &DiskRecordings, path: &Path, count: u64) {
    let recorder = recordings.create(path.into(), RecordingFacts::default()).await.expect("a file");
    for number in 0..count / BATCH {
        give(&*recorder, &batch(Kind::Json, number * BATCH)).await;
    }
    let state = recorder.finish().await.expect("it is written");
    println!("a recording of {} messages: {:.0} MB", state.messages, state.file_bytes as f64 / 1e6);
}

async fn first(recordings: &DiskRecordings, path: &Path) -> (Box<dyn Playback>, Duration) {
    let began = Instant::now();
    let mut playback = recordings.open(path).await.expect("a recording");
    let batch = playback.next().await.expect("readable").expect("messages");
    assert!(!batch.is_empty(), "the first messages");
    (playback, began.elapsed())
}

async fn open(recordings: &DiskRecordings, path: &Path, count: u64) {
    let mut times = Vec::new();
    for _ in 0..11 {
        forget(path);
        times.push(first(recordings, path).await.1);
    }
    println!("open to first messages    {} (least, median, p95; not in the page cache)", Spread::of(times));

    // As after kill -9: no index.
    let cut = path.with_extension("cut");
    fs::copy(path, &cut).expect("room for a copy");
    let length = fs::metadata(&cut).expect("it is there").len();
    fs::OpenOptions::new().write(true).open(&cut).and_then(|file| file.set_len(length - 100)).expect("it is ours");
    let mut times = Vec::new();
    for _ in 0..5 {
        forget(&cut);
        times.push(first(recordings, &cut).await.1);
    }
    println!("the same without an index {}", Spread::of(times));
    fs::remove_file(cut).expect("it is ours");

    let began = Instant::now();
    let mut playback = recordings.open(path).await.expect("a recording");
    let mut messages = 0;
    while let Some(batch) = playback.next().await.expect("readable") {
        messages += batch.len() as u64;
    }
    assert_eq!(messages, count, "all of it");
    println!("read to the end: {:.0} msg/s", count as f64 / began.elapsed().as_secs_f64());
}

async fn seek(recordings: &DiskRecordings, path: &Path, count: u64) {
    let (mut playback, _) = first(recordings, path).await;
    let mut random = Random(0x1234_5678_9abc_def1);
    let mut times = Vec::new();
    forget(path);
    for _ in 0..200 {
        let number = random.next() % count;
        let began = Instant::now();
        playback.seek(BEGIN + i64::try_from(number * APART).expect("small")).await.expect("readable");
        let batch = playback.next().await.expect("readable").expect("messages");
        times.push(began.elapsed());
        assert_eq!(batch.iter().next().map(|arrival| arrival.mono_micros), Some(number * APART), "the very message");
    }
    let most = times.iter().max().copied().unwrap_or_default();
    println!("seek to any time          {} most {:.3} ms", Spread::of(times), most.as_secs_f64() * 1e3);
}

async fn exports(folder: &Path, count: u64) {
    let batches: Vec<_> = (0..count / BATCH).map(|number| batch(Kind::Json, number * BATCH)).collect();
    let mut forms = vec![ExportForm::Csv, ExportForm::JsonLines, ExportForm::Recording];
    if cfg!(feature = "parquet") {
        forms.push(ExportForm::Parquet);
    }
    for form in forms {
        let path = folder.join("export");
        let began = Instant::now();
        let mut sink = export::begin(Destination::file(&path), form, RecordingFacts::default()).await.expect("a file");
        for batch in &batches {
            sink.take(Arc::clone(batch)).await.expect("room");
        }
        let messages = sink.close().await.expect("room");
        let bytes = fs::metadata(&path).expect("it is there").len();
        println!(
            "export {form}: {:.0} msg/s, {:.0} B a message",
            messages as f64 / began.elapsed().as_secs_f64(),
            bytes as f64 / messages as f64
        );
        fs::remove_file(path).expect("it is ours");
    }
    let path = folder.join("support.zip");
    let redactor = Redactor::new([b"correct horse battery".as_slice(), b"SharedAccessKeyOfThisDevice="]);
    let began = Instant::now();
    let bundle = Bundle { redactor, ..Bundle::default() };
    let mut sink = bundle::begin(Destination::file(&path), bundle).await.expect("a file");
    for batch in batches.iter().take(100) {
        sink.take(Arc::clone(batch)).await.expect("room");
    }
    let messages = sink.close().await.expect("room");
    println!("bundle, two secrets cut out: {:.0} msg/s", messages as f64 / began.elapsed().as_secs_f64());
}

/// Takes the file out of the page cache, where the system does so on request.
fn forget(path: &Path) {
    #[cfg(target_os = "linux")]
    {
        let file = fs::File::open(path).expect("it is there");
        file.sync_all().expect("it is written");
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("advice is taken");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = path;
}

/// CPU time of the threads of that name so far; zero where the system does not tell.
fn thread_cpu(name: &str) -> Duration {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    let of = |task: fs::DirEntry| {
        let is_it = fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name);
        let stat = fs::read_to_string(task.path().join("schedstat")).ok().filter(|_| is_it)?;
        stat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    };
    tasks.flatten().filter_map(of).sum()
}
