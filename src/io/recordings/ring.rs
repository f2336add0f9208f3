//! [`RingOutput`]: the newest messages in a few files of which the oldest is deleted, and what becomes of rings whose
//! program was cut off.
//!
//! A ring has a folder of its own with a locked file in it. The system frees the lock however the process ends: a folder
//! whose lock is free was left behind. It is made into one recording, since what came just before a crash is what one
//! wants to see; the newest few of those are kept.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::copy::{self, Kept, Part};
use super::disk::{self, FileSource, shown};
use super::output::FileOutput;
use crate::io::files::make_private_folder;
use crate::telemetry::recording::index::Entry;
use crate::telemetry::recording::reader::Reader;
use crate::telemetry::recording::{EXTENSION, RecorderState, RecordingError, RecordingFacts, RingPlan, Sealed};

/// Into how many files a ring is divided: by one of them it may keep more than asked for.
const PARTS: u32 = 8;
/// Beginning of the names of rings, and of the recordings made of those left behind.
const RING: &str = "ring-";
const LEFT: &str = "left-";
const LOCK: &str = "lock";
/// How many recordings of rings left behind are kept.
const KEPT_LEFT: usize = 3;
/// A ring without a lock file that is older than this never came about.
const STILLBORN: Duration = Duration::from_mins(1);

/// The newest messages on disk.
pub(super) struct RingOutput {
    folder: PathBuf,
    plan: RingPlan,
    about: RecordingFacts,
    /// Oldest first; the last one is being written.
    segments: VecDeque<Segment>,
    current: Option<FileOutput>,
    next_number: u64,
    _lock: File,
    lock_path: PathBuf,
}

/// One file of a ring.
struct Segment {
    path: PathBuf,
    entries: Vec<Entry>,
    bytes: u64,
}

impl Segment {
    fn last_mono(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.last_mono)
    }

    fn first_mono(&self) -> u64 {
        self.entries.first().map_or(0, |entry| entry.first_mono)
    }
}

impl RingOutput {
    /// Makes the folder of a ring below that one, and sees to those left behind, in a thread of its own.
    pub(super) fn create(telemetry: &Path, plan: RingPlan, about: RecordingFacts) -> Result<Self, RecordingError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        make_private_folder(telemetry)
            .map_err(|error| RecordingError::NotWritten { path: shown(telemetry), detail: error.to_string() })?;
        let tidied = telemetry.to_owned();
        // Without it the leftovers stay until the next time.
        let _ = std::thread::Builder::new().name("recordings-tidy".into()).spawn(move || tidy(&tidied));

        let millis = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = telemetry.join(format!("{RING}{millis}-{}-{count}", std::process::id()));
        let failed = |error: io::Error| disk::write_error(&folder, &error);
        make_private_folder(&folder)
            .map_err(|error| RecordingError::NotWritten { path: shown(&folder), detail: error.to_string() })?;
        // It gets its name once it is locked: nobody can take a ring that is just being made for one left behind.
        let unnamed = folder.join("lock.new");
        let lock = disk::create_new(&unnamed)?;
        lock.lock().map_err(failed)?;
        let lock_path = folder.join(LOCK);
        fs::rename(&unnamed, &lock_path).map_err(failed)?;
        Ok(Self {
            folder,
            plan,
            about,
            segments: VecDeque::new(),
            current: None,
            next_number: 1,
            _lock: lock,
            lock_path,
        })
    }

    /// Writes a block, into a new file if it is time for one, and deletes what is too old or too much.
    pub(super) fn block(&mut self, sealed: Sealed) -> Result<(), RecordingError> {
        let newest = sealed.header.last_mono;
        self.drop_old(newest, sealed.bytes.len() as u64);
        if self.is_time_for_next(sealed.bytes.len() as u64, newest) {
            self.next_segment()?;
        }
        loop {
            let (Some(current), Some(segment)) = (&mut self.current, self.segments.back_mut()) else {
                return self.next_segment().and_then(|()| self.block(sealed));
            };
            match current.block(&sealed) {
                Ok(entry) => {
                    segment.entries.push(entry);
                    segment.bytes = current.bytes();
                    return Ok(());
                }
                // A ring makes room by itself, whoever filled the disk.
                Err(error) if error.kind() == ErrorKind::StorageFull && self.segments.len() > 1 => self.drop_oldest(),
                Err(error) => return Err(disk::write_error(&self.folder, &error)),
            }
        }
    }

    /// Which blocks hold what came in that span before `now_mono`.
    pub(super) fn kept(&self, now_mono: u64, span: Duration) -> Result<Kept, RecordingError> {
        let from_mono = now_mono.saturating_sub(micros(span));
        let mut parts = Vec::new();
        for segment in &self.segments {
            let entries: Vec<Entry> = segment
                .entries
                .iter()
                .filter(|entry| entry.last_mono >= from_mono && entry.messages > 0)
                .copied()
                .collect();
            if !entries.is_empty() {
                let source = FileSource(disk::open(&segment.path)?);
                parts.push(Part { path: segment.path.clone(), source, entries });
            }
        }
        if parts.is_empty() {
            return Err(RecordingError::NothingKept { secs: span.as_secs() });
        }
        let mut about = self.about.clone();
        about.facts.push(("Kept".into(), format!("the last {} s, out of the ring", span.as_secs())));
        Ok(Kept { about, parts, from_mono })
    }

    /// Deletes all of it. What stays, because something else has it open, is seen to by the next ring.
    pub(super) fn remove(&mut self) {
        self.current = None;
        for segment in self.segments.drain(..) {
            let _ = fs::remove_file(&segment.path);
        }
        let _ = fs::remove_file(&self.lock_path);
        if let Err(error) = fs::remove_dir(&self.folder) {
            tracing::warn!("a ring's folder stays for now: {error}");
        }
    }

    pub(super) fn state(&self) -> RecorderState {
        let entries = || self.segments.iter().flat_map(|segment| &segment.entries).filter(|entry| entry.messages > 0);
        let from = entries().map(|entry| entry.min_unix).min();
        let to = entries().map(|entry| entry.max_unix).max();
        RecorderState {
            path: self.folder.clone(),
            messages: entries().map(|entry| u64::from(entry.messages)).sum(),
            file_bytes: self.bytes(),
            span_unix_micros: from.zip(to),
            problem: None,
        }
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    fn is_time_for_next(&self, bytes: u64, newest: u64) -> bool {
        let Some(segment) = self.segments.back().filter(|_| self.current.is_some()) else { return true };
        !segment.entries.is_empty()
            && (segment.bytes.saturating_add(bytes) > self.plan.bytes / u64::from(PARTS)
                || newest.saturating_sub(segment.first_mono()) > micros(self.plan.span / PARTS))
    }

    fn next_segment(&mut self) -> Result<(), RecordingError> {
        // The index is a convenience: entries are held here, and a reader makes it anew.
        self.current = None;
        let path = self.folder.join(format!("{:08}.{EXTENSION}", self.next_number));
        self.next_number += 1;
        let output = FileOutput::create(&path, &self.about)?;
        self.segments.push_back(Segment { path, entries: Vec::new(), bytes: output.bytes() });
        self.current = Some(output);
        Ok(())
    }

    /// Deletes files that hold nothing young enough, and the oldest ones until there is room for so many bytes.
    fn drop_old(&mut self, newest: u64, bytes: u64) {
        let oldest_wanted = newest.saturating_sub(micros(self.plan.span));
        while self.segments.len() > 1 {
            let is_old = self.segments.front().is_some_and(|segment| segment.last_mono() < oldest_wanted);
            if !is_old && self.bytes().saturating_add(bytes) <= self.plan.bytes {
                break;
            }
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(segment) = self.segments.pop_front() {
            // A file that cannot be deleted now goes with the folder.
            let _ = fs::remove_file(segment.path);
        }
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// Recordings made of rings left behind, the newest last.
pub(super) fn left_behind(telemetry: &Path) -> Vec<PathBuf> {
    let mut paths = entries(telemetry, LEFT);
    paths.retain(|path| path.extension() == Some(OsStr::new(EXTENSION)));
    paths
}

/// Makes a recording of each ring left behind, and deletes the oldest of those recordings. What fails is left as it is.
fn tidy(telemetry: &Path) {
    for folder in entries(telemetry, RING) {
        if let Err(error) = rescue(telemetry, &folder) {
            tracing::warn!("a ring left behind stays as it is: {error}");
        }
    }
    let left = left_behind(telemetry);
    for path in left.iter().take(left.len().saturating_sub(KEPT_LEFT)) {
        // It is tried again the next time.
        let _ = fs::remove_file(path);
    }
}

/// Entries of the folder whose names begin so, by name, which begins with the time.
fn entries(folder: &Path, beginning: &str) -> Vec<PathBuf> {
    let Ok(listed) = fs::read_dir(folder) else { return Vec::new() };
    let is_one = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(beginning));
    let mut paths: Vec<PathBuf> = listed.flatten().map(|entry| entry.path()).filter(is_one).collect();
    paths.sort();
    paths
}

fn rescue(telemetry: &Path, folder: &Path) -> Result<(), RecordingError> {
    let failed = |error: io::Error| disk::read_error(folder, &error);
    let lock = match File::open(folder.join(LOCK)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let made = fs::metadata(folder).and_then(|metadata| metadata.modified()).map_err(failed)?;
            let is_old = made.elapsed().is_ok_and(|age| age > STILLBORN);
            return if is_old { fs::remove_dir_all(folder).map_err(failed) } else { Ok(()) };
        }
        Err(error) => return Err(failed(error)),
    };
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    let (about, parts) = parts_of(folder)?;
    if !parts.is_empty() {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().replacen(RING, LEFT, 1);
        let unfinished = telemetry.join(format!("{name}.part"));
        // Of an attempt that was cut off itself.
        let _ = fs::remove_file(&unfinished);
        copy::write(Kept { about, parts, from_mono: 0 }, &unfinished)?;
        fs::rename(&unfinished, telemetry.join(format!("{name}.{EXTENSION}"))).map_err(failed)?;
    }
    fs::remove_dir_all(folder).map_err(failed)
}

/// The files of a ring left behind, with the blocks that are whole.
fn parts_of(folder: &Path) -> Result<(RecordingFacts, Vec<Part>), RecordingError> {
    let mut about = RecordingFacts::default();
    let mut parts = Vec::new();
    for path in entries(folder, "") {
        if path.extension() != Some(OsStr::new(EXTENSION)) {
            continue;
        }
        // A file that was begun and has not even a header holds nothing.
        let Ok(reader) = Reader::open(FileSource(disk::open(&path)?)) else { continue };
        let entries: Vec<Entry> = reader.entries().to_vec();
        if entries.is_empty() {
            continue;
        }
        about = reader.facts().clone();
        let source = FileSource(disk::open(&path)?);
        parts.push(Part { path, source, entries });
    }
    about.facts.push(("Kept".into(), "what a ring held when its program was cut off".into()));
    Ok((about, parts))
}
