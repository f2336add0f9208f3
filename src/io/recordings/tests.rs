//! Recorders and playbacks on real files, and on disks that get full.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::disk::Disk;
use super::output::{FileOutput, Output};
use super::writer::Writer;
use super::{DiskRecordings, bundle, export};
use crate::flow::port::{Bundle, Playback, Recorder, Recordings as _};
use crate::model::destination::Destination;
use crate::model::mqtt::message::Qos;
use crate::model::redact::Redactor;
use crate::telemetry::batch::{Arrival, Batch};
use crate::telemetry::export::ExportForm;
use crate::telemetry::recording::{RecordingFacts, RingPlan};

const SECOND: u64 = 1_000_000;

fn about() -> RecordingFacts {
    RecordingFacts { facts: vec![("Broker".into(), "mqtt://bench:1883".into())] }
}

/// Messages one after the other, so far apart, with payloads that do not compress.
fn batch(numbers: std::ops::Range<u64>, apart_micros: u64, payload_bytes: usize) -> Arc<Batch> {
    let mut batch = Batch::new(1_700_000_000_000_000);
    let mut state = numbers.start.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for number in numbers {
        let mut payload = number.to_le_bytes().to_vec();
        while payload.len() < payload_bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            payload.extend_from_slice(&state.to_le_bytes());
        }
        let topic = format!("site/gw{}/t", number % 100);
        let taken = batch.push(&Arrival {
            topic: topic.as_bytes(),
            payload: &payload,
            qos: Qos::AtMostOnce,
            is_retained: false,
            is_duplicate: false,
            mono_micros: number * apart_micros,
            unix_micros: 0,
            properties: None,
        });
        assert!(taken);
    }
    Arc::new(batch)
}

fn numbers(batch: &Batch) -> Vec<u64> {
    batch.iter().map(|arrival| u64::from_le_bytes(arrival.payload[..8].try_into().unwrap())).collect()
}

async fn read(playback: &mut Box<dyn Playback>) -> Vec<u64> {
    let mut found = Vec::new();
    while let Some(batch) = playback.next().await.unwrap() {
        found.extend(numbers(&batch));
    }
    found
}

async fn write_all(recorder: &dyn Recorder, batch: &Arc<Batch>) {
    while !recorder.write(batch) {
        recorder.ready().await;
    }
}

struct Place {
    folder: tempfile::TempDir,
    recordings: DiskRecordings,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let recordings = DiskRecordings::new(folder.path());
        Self { folder, recordings }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn open(&self, path: &Path) -> Box<dyn Playback> {
        self.recordings.open(path).await.unwrap()
    }

    /// Files of rings there are.
    fn ring_files(&self) -> Vec<PathBuf> {
        let Ok(listed) = fs::read_dir(self.path("telemetry")) else { return Vec::new() };
        let rings = listed.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
        let mut files: Vec<PathBuf> =
            rings.flat_map(|ring| fs::read_dir(ring).unwrap().map(|entry| entry.unwrap().path())).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "lmrec"));
        files.sort();
        files
    }
}

#[tokio::test]
async fn what_is_recorded_is_played_from_any_time() {
    let place = Place::new();
    let path = place.path("a.lmrec");
    let recorder = place.recordings.create(Destination::file(&path), about()).await.unwrap();
    for start in 0..50 {
        write_all(&*recorder, &batch(start * 1000..(start + 1) * 1000, 1000, 40)).await;
    }
    let state = recorder.finish().await.unwrap();
    assert_eq!((state.messages, &state.problem), (50_000, &None));
    assert_eq!(state.span_unix_micros, Some((1_700_000_000_000_000, 1_700_000_049_999_000)));
    assert_eq!(state.file_bytes, fs::metadata(&path).unwrap().len());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    let mut playback = place.open(&path).await;
    assert_eq!((playback.facts(), playback.repaired()), (about(), None));
    assert_eq!(playback.state(), state);
    assert_eq!(read(&mut playback).await, (0..50_000).collect::<Vec<_>>());
    assert!(playback.next().await.unwrap().is_none());
    for (micros, first) in [(40_000_000, 40_000), (0, 0), (12_345_678, 12_346)] {
        playback.seek(1_700_000_000_000_000 + micros).await.unwrap();
        assert_eq!(numbers(&playback.next().await.unwrap().unwrap())[0], first);
    }
    playback.seek(i64::MAX).await.unwrap();
    assert!(playback.next().await.unwrap().is_none());
    assert_eq!(recorder.finish().await.unwrap(), state, "finishing twice is no fault");
}

#[tokio::test]
async fn the_usual_folder_is_made_when_it_is_needed() {
    let place = Place::new();
    let path = place.path("recordings/a.lmrec");
    let recorder = place.recordings.create(Destination::file(&path), about()).await.unwrap();
    assert!(recorder.write(&batch(0..10, 1, 8)));
    recorder.finish().await.unwrap();
    assert!(path.is_file());
}

#[tokio::test]
async fn no_recording_is_written_over_another_file() {
    let place = Place::new();
    let path = place.path("a.lmrec");
    fs::write(&path, "mine").unwrap();
    let code =
        |result: Result<Arc<dyn Recorder>, _>| result.err().map(|problem: crate::model::problem::Problem| problem.code);
    assert_eq!(code(place.recordings.create(Destination::file(&path), about()).await), Some("files.exists"));
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    assert_eq!(
        code(place.recordings.create(Destination::file(place.path("no/folder")), about()).await),
        Some("files.no_folder")
    );
    let problem = place.recordings.open(&path).await.err().unwrap();
    assert_eq!(problem.code, "recording.not_a_recording");
    assert_eq!(place.recordings.open(&place.path("none")).await.err().unwrap().code, "recording.not_found");
    assert_eq!(place.recordings.open(place.folder.path()).await.err().unwrap().code, "recording.not_a_recording");
}

/// A recorder whose owner went away without a word still leaves a whole file.
#[tokio::test]
async fn a_dropped_recorder_finishes_its_file() {
    let place = Place::new();
    let path = place.path("a.lmrec");
    let recorder = place.recordings.create(Destination::file(&path), about()).await.unwrap();
    assert!(recorder.write(&batch(0..10, 1, 8)));
    drop(recorder);
    loop {
        let mut playback = place.open(&path).await;
        if playback.repaired().is_none() {
            assert_eq!(read(&mut playback).await.len(), 10);
            break;
        }
        tokio::task::yield_now().await;
    }
}

/// A disk that takes so many bytes, in memory.
#[derive(Clone)]
struct SmallDisk {
    bytes: Arc<Mutex<Vec<u8>>>,
    room: usize,
}

impl Write for SmallDisk {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut bytes = self.bytes.lock().unwrap();
        let room = self.room - bytes.len();
        if room == 0 {
            return Err(ErrorKind::StorageFull.into());
        }
        let taken = octets.len().min(room);
        bytes.extend_from_slice(&octets[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Disk for SmallDisk {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.bytes.lock().unwrap().truncate(usize::try_from(length).unwrap());
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_full_disk_ends_the_recording_and_leaves_it_readable() {
    // Where it gets full makes no difference: in the header, in a block, in the index.
    for room in [3_000_000, 3_300_000, 5_000_000] {
        let disk = SmallDisk { bytes: Arc::default(), room };
        let output = FileOutput::begin(Path::new("a.lmrec"), Box::new(disk.clone()), &about()).unwrap();
        let recorder = Writer::start(Output::File(output)).unwrap();
        for start in 0..80 {
            write_all(&*recorder, &batch(start * 100..(start + 1) * 100, 1000, 1000)).await;
        }
        let problem = recorder.finish().await.unwrap_err();
        assert_eq!(problem.code, "recording.disk_full");
        let state = recorder.state();
        assert_eq!(state.problem, Some(problem));
        assert!(recorder.write(&batch(0..1, 1, 8)), "nobody waits for a disk that is full");
        recorder.ready().await;

        let place = Place::new();
        let path = place.path("a.lmrec");
        fs::write(&path, &*disk.bytes.lock().unwrap()).unwrap();
        let mut playback = place.open(&path).await;
        let found = read(&mut playback).await;
        assert!(found.len() > 1000 && found.len() < 8000, "{}", found.len());
        assert_eq!(found, (0..found.len() as u64).collect::<Vec<_>>());
        assert_eq!(state.messages, found.len() as u64);
    }
}

#[tokio::test]
async fn a_ring_keeps_to_its_bytes_and_its_span() {
    let place = Place::new();
    // Ten seconds of 1 MB each fit into 4 MB no longer than four.
    let plan = RingPlan { span: Duration::from_secs(10), bytes: 4_000_000 };
    let ring = place.recordings.ring(plan, about()).await.unwrap();
    for start in 0..200 {
        write_all(&*ring, &batch(start * 100..(start + 1) * 100, 1000, 1000)).await;
    }
    let path = place.path("kept.lmrec");
    let kept = ring.keep_last(Duration::from_mins(10), Destination::file(&path)).await.unwrap();
    let state = ring.state();
    assert!(state.file_bytes <= plan.bytes && state.file_bytes > plan.bytes / 2, "{state:?}");
    let on_disk: u64 = place.ring_files().iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    assert_eq!(on_disk, state.file_bytes);
    assert_eq!(kept.messages, state.messages);
    let found = read(&mut place.open(&path).await).await;
    assert_eq!(found.last(), Some(&19_999));
    assert_eq!(found.len() as u64, kept.messages);

    ring.finish().await.unwrap();
    assert_eq!(fs::read_dir(place.path("telemetry")).unwrap().count(), 0, "a ring that ends leaves nothing");

    // Little data: the span is what counts.
    let plan = RingPlan { span: Duration::from_secs(10), bytes: 400_000_000 };
    let ring = place.recordings.ring(plan, about()).await.unwrap();
    for start in 0..60 {
        write_all(&*ring, &batch(start * 1000..(start + 1) * 1000, 1000, 1100)).await;
    }
    let path = place.path("all.lmrec");
    ring.keep_last(Duration::from_mins(10), Destination::file(&path)).await.unwrap();
    let found = read(&mut place.open(&path).await).await;
    assert!((10_000..13_000).contains(&found.len()), "{}", found.len());
    assert!(ring.state().file_bytes < 16_000_000);
}

#[tokio::test]
async fn the_last_minutes_are_kept_while_more_comes_in() {
    let place = Place::new();
    let ring =
        place.recordings.ring(RingPlan { span: Duration::from_hours(1), bytes: 1 << 30 }, about()).await.unwrap();
    let span = Duration::from_mins(1);
    assert_eq!(
        ring.keep_last(span, Destination::file(place.path("none"))).await.unwrap_err().code,
        "recording.nothing_kept"
    );
    assert!(!place.path("none").exists());
    // Ten a second, in one block for each call.
    for start in 0..200 {
        write_all(&*ring, &batch(start * 10..(start + 1) * 10, SECOND / 10, 5000)).await;
    }
    let path = place.path("kept.lmrec");
    let (kept, ()) = tokio::join!(ring.keep_last(span, Destination::file(&path)), async {
        for start in 200..300 {
            write_all(&*ring, &batch(start * 10..(start + 1) * 10, SECOND / 10, 5000)).await;
        }
    });
    let kept = kept.unwrap();
    let mut playback = place.open(&path).await;
    assert_eq!(playback.repaired(), None);
    assert_eq!(playback.facts().facts.last().unwrap().1, "the last 60 s, out of the ring");
    let found = read(&mut playback).await;
    // The time since the last message counts, too: a few of the oldest may be over it.
    assert!(found[0] >= 1399 && found[0] < 1500, "{}", found[0]);
    assert_eq!(found, (found[0]..2000).collect::<Vec<_>>(), "what came in later is not in it");
    assert_eq!(kept.messages, found.len() as u64);
    assert_eq!(ring.keep_last(span, Destination::file(&path)).await.unwrap_err().code, "files.exists");

    let plain = place.recordings.create(Destination::file(place.path("plain")), about()).await.unwrap();
    assert_eq!(
        plain.keep_last(span, Destination::file(place.path("x"))).await.unwrap_err().code,
        "recording.not_a_ring"
    );
}

/// The lock of a dead process is free: what its ring held becomes a recording as soon as another ring begins.
#[tokio::test]
async fn a_ring_left_behind_becomes_a_recording() {
    let place = Place::new();
    let plan = RingPlan { span: Duration::from_hours(1), bytes: 1 << 30 };
    let alive = place.recordings.ring(plan, about()).await.unwrap();
    assert!(alive.write(&batch(0..10, 1000, 8)));
    for (name, count) in [("ring-0000000000001-7-0", 20), ("ring-0000000000002-7-0", 30)] {
        // Made elsewhere: the ring that runs would take half of it for a whole.
        let folder = place.path(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("lock"), "").unwrap();
        for part in 0..2 {
            let path = folder.join(format!("{part:08}.lmrec"));
            let recorder = place.recordings.create(Destination::file(&path), about()).await.unwrap();
            assert!(recorder.write(&batch(part * count..(part + 1) * count, 1000, 8)));
            recorder.finish().await.unwrap();
        }
        // Cut off while it was writing.
        let path = folder.join("00000001.lmrec");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        fs::write(folder.join("00000002.lmrec"), b"LM").unwrap();
        fs::rename(&folder, place.path("telemetry").join(name)).unwrap();
    }
    let next = place.recordings.ring(plan, about()).await.unwrap();
    let left = loop {
        let left = place.recordings.left_behind();
        if left.len() == 2 && fs::read_dir(place.path("telemetry")).unwrap().count() == 4 {
            break left;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(read(&mut place.open(&left[0]).await).await, (0..40).collect::<Vec<_>>());
    assert_eq!(read(&mut place.open(&left[1]).await).await, (0..60).collect::<Vec<_>>());
    drop(next);
    // The living one was left alone.
    let path = place.path("kept.lmrec");
    assert_eq!(alive.keep_last(Duration::from_mins(1), Destination::file(&path)).await.unwrap().messages, 10);
}

/// More than the queue takes comes back, and is taken once there is room.
#[tokio::test]
async fn a_writer_that_is_behind_says_so() {
    struct Slow(std::sync::mpsc::Receiver<()>, SmallDisk);
    impl Write for Slow {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            // Ends with an error once nobody holds it up any more.
            let _ = self.0.recv();
            self.1.write(octets)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    impl Disk for Slow {
        fn cut(&mut self, length: u64) -> io::Result<()> {
            self.1.cut(length)
        }

        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (go, held) = std::sync::mpsc::sync_channel(1);
    go.send(()).unwrap();
    let disk = SmallDisk { bytes: Arc::default(), room: usize::MAX };
    let output = FileOutput::begin(Path::new("a"), Box::new(Slow(held, disk)), &about()).unwrap();
    let recorder = Writer::start(Output::File(output)).unwrap();
    let each = batch(0..2000, 1, 1000);
    let mut taken = 0_u64;
    while recorder.write(&each) {
        taken += 1;
        assert!(taken < 100, "64 MiB are the limit");
    }
    assert!(taken > 20, "{taken}");
    drop(go);
    recorder.ready().await;
    assert!(recorder.write(&each));
    let state = recorder.finish().await.unwrap();
    assert_eq!(state.messages, (taken + 1) * 2000, "what was taken is written, what was not is not");
}

#[tokio::test]
async fn an_export_is_there_as_a_whole_or_not_at_all() {
    let place = Place::new();
    let path = place.path("a.jsonl");
    fs::write(&path, "an older export").unwrap();
    let mut sink = export::begin(Destination::replacing(&path), ExportForm::JsonLines, about()).await.unwrap();
    for start in 0..20 {
        sink.take(batch(start * 100..(start + 1) * 100, 1000, 8)).await.unwrap();
    }
    assert_eq!(fs::read(&path).unwrap(), b"an older export");
    assert_eq!(sink.close().await, Ok(2000));
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2000);

    let mut sink = export::begin(Destination::replacing(&path), ExportForm::Csv, about()).await.unwrap();
    sink.take(batch(0..10, 1000, 8)).await.unwrap();
    drop(sink);
    while fs::read_dir(place.folder.path()).unwrap().count() > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2000, "what was given up changes nothing");

    let sink = export::begin(Destination::file(place.path("b.lmrec")), ExportForm::Recording, about()).await.unwrap();
    assert_eq!(sink.close().await, Ok(0));
    assert_eq!(place.open(&place.path("b.lmrec")).await.facts(), about());
    let code = |path: PathBuf| async move {
        export::begin(Destination::file(&path), ExportForm::Csv, about()).await.unwrap_err().code
    };
    assert_eq!(code(place.path("no/folder.csv")).await, "files.no_folder");
    assert_eq!(code(place.folder.path().to_owned()).await, "files.not_a_file");
}

#[tokio::test]
async fn a_bundle_holds_recording_and_texts_and_no_secret() {
    use std::io::Read as _;
    let place = Place::new();
    let path = place.path("support.zip");
    let mut about = about();
    about.facts.push(("Client".into(), "hunter2hunter2".into()));
    let redactor = Redactor::new([b"hunter2hunter2".as_slice()]);
    let contents = Bundle { about, redactor, ..Bundle::default() };
    let mut sink = bundle::begin(Destination::file(&path), contents).await.unwrap();
    let mut secret = Batch::new(0);
    let plain = batch(0..1, 1, 8);
    let arrival = plain.iter().next().unwrap();
    let arrival = Arrival { topic: b"a", payload: b"12345678 hunter2hunter2", ..arrival };
    assert!(secret.push(&arrival));
    sink.take(Arc::new(secret)).await.unwrap();
    sink.take(batch(0..10, 1000, 8)).await.unwrap();
    assert_eq!(sink.close().await, Ok(11));

    let mut archive = zip::ZipArchive::new(fs::File::open(&path).unwrap()).unwrap();
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    for name in ["recording.lmrec", "facts.txt", "stages.jsonl", "trace.jsonl", "README.txt"] {
        assert!(names.iter().any(|there| there == name), "{name} in {names:?}");
    }
    let mut recording = Vec::new();
    for name in names {
        let mut content = Vec::new();
        archive.by_name(&name).unwrap().read_to_end(&mut content).unwrap();
        assert!(!String::from_utf8_lossy(&content).contains("hunter2"), "{name}");
        if name == "recording.lmrec" {
            recording = content;
        } else if name == "README.txt" {
            assert!(String::from_utf8_lossy(&content).contains("in 1 of 11 messages"));
        }
    }
    fs::write(place.path("out.lmrec"), recording).unwrap();
    let mut playback = place.open(&place.path("out.lmrec")).await;
    assert_eq!((read(&mut playback).await.len(), playback.repaired()), (11, None));
}

#[cfg(unix)]
#[tokio::test]
async fn a_recording_that_grows_is_not_replaced_and_notices_when_it_is() {
    let place = Place::new();
    let path = place.path("a.lmrec");
    let recorder = place.recordings.create(Destination::file(&path), about()).await.unwrap();
    assert!(recorder.write(&batch(0..10, 1, 8)));
    let other = place.recordings.create(Destination::replacing(&path), about()).await;
    assert_eq!(other.err().map(|problem| problem.code), Some("files.in_use"));
    let export = export::begin(Destination::replacing(&path), ExportForm::Csv, about()).await;
    assert_eq!(export.err().map(|problem| problem.code), Some("files.in_use"));
    // What doesn't ask puts another file there.
    fs::write(place.path("b"), "another").unwrap();
    fs::rename(place.path("b"), &path).unwrap();
    assert_eq!(recorder.finish().await.err().map(|problem| problem.code), Some("recording.replaced"));
    assert_eq!(fs::read(&path).unwrap(), b"another");
    assert!(place.recordings.create(Destination::replacing(&path), about()).await.is_ok(), "nobody writes to it");
}

#[tokio::test]
async fn only_an_empty_file_of_our_own_is_taken_away() {
    let place = Place::new();
    let path = place.path("a.lmrec");
    let recorder = place.recordings.create(Destination::file(&path), about()).await.unwrap();
    assert!(recorder.discard().await);
    assert!(!path.exists());
    let recorder = place.recordings.create(Destination::file(&path), about()).await.unwrap();
    assert!(recorder.write(&batch(0..10, 1, 8)));
    assert!(!recorder.discard().await);
    assert_eq!(recorder.finish().await.unwrap().messages, 10);
    assert_eq!(read(&mut place.open(&path).await).await.len(), 10);
    let second = place.path("b.lmrec");
    let recorder = place.recordings.create(Destination::file(&second), about()).await.unwrap();
    fs::write(place.path("c"), "another").unwrap();
    fs::rename(place.path("c"), &second).unwrap();
    assert!(!recorder.discard().await, "it is another file");
    assert_eq!(fs::read(&second).unwrap(), b"another");
}

#[tokio::test]
async fn a_recording_stays_until_the_one_that_replaces_it_has_a_message() {
    let place = Place::new();
    let path = place.path("a.lmrec");
    let old = place.recordings.create(Destination::file(&path), about()).await.unwrap();
    assert!(old.write(&batch(0..10, 1, 8)));
    old.finish().await.unwrap();
    let abandoned = place.recordings.create(Destination::replacing(&path), about()).await.unwrap();
    assert!(abandoned.discard().await);
    let silent = place.recordings.create(Destination::replacing(&path), about()).await.unwrap();
    assert_eq!(silent.finish().await.err().map(|problem| problem.code), Some("recording.nothing_came"));
    assert_eq!(read(&mut place.open(&path).await).await.len(), 10);
    let next = place.recordings.create(Destination::replacing(&path), about()).await.unwrap();
    assert_eq!(read(&mut place.open(&path).await).await.len(), 10);
    assert!(next.write(&batch(0..3, 1, 8)));
    next.finish().await.unwrap();
    assert_eq!(read(&mut place.open(&path).await).await.len(), 3);
}

#[tokio::test]
async fn a_file_that_is_cut_while_it_is_read_is_told() {
    let place = Place::new();
    let path = place.path("a.lmrec");
    let recorder = place.recordings.create(Destination::file(&path), about()).await.unwrap();
    for start in 0..50 {
        write_all(&*recorder, &batch(start * 1000..(start + 1) * 1000, 1000, 200)).await;
    }
    let length = recorder.finish().await.unwrap().file_bytes;
    let mut playback = place.open(&path).await;
    assert_eq!(playback.repaired(), None);
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length / 2).unwrap();
    let (mut found, mut left_out) = (0, 0);
    while let Some(batch) = playback.next().await.unwrap() {
        found += batch.len() as u64;
        left_out += batch.missed.left_out;
    }
    assert!(left_out > 10_000, "{left_out}");
    assert_eq!((found + left_out, playback.left_out().messages), (50_000, left_out));
    assert_eq!(playback.repaired().map(|problem| problem.code), Some("recording.repaired"));
}
