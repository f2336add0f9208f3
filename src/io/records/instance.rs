//! Which processes are alive: each writer holds a lock on a file of its own for as long as it lives.
//!
//! The system frees the lock however the process ends, so a job without outcome whose lock is free was cut off. A guard
//! lock orders the opening and sweeping of several processes; without it a file could be swept before it is locked.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const SUFFIX: &str = ".lock";
const GUARD: &str = "guard";
/// How long another process may take to open the records.
const GUARD_WAIT: Duration = Duration::from_secs(10);
const GUARD_POLL: Duration = Duration::from_millis(10);

/// The lock of this writer; freed and removed when dropped.
pub(super) struct Instance {
    /// Its name in the table of jobs.
    pub(super) name: String,
    path: PathBuf,
    lock: File,
}

impl Drop for Instance {
    fn drop(&mut self) {
        // A file that stays is swept by the next writer.
        let _ = fs::remove_file(&self.path);
        // Closing would do, but for a child process just being started, which shares the lock until it runs its program.
        let _ = self.lock.unlock();
    }
}

/// Waits until no other process opens the records, and keeps others waiting until dropped.
pub(super) fn guard(folder: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(GUARD))?;
    let deadline = Instant::now() + GUARD_WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(GUARD_POLL),
            // Past the deadline the other process hangs: saying so is better than to hang with it.
            Err(error) => return Err(error.into()),
        }
    }
}

/// Registers this writer. Call it under the [`guard`].
pub(super) fn register(folder: &Path, now_millis: i64) -> io::Result<Instance> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = format!("{}-{now_millis}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = folder.join(format!("{name}{SUFFIX}"));
    let lock = OpenOptions::new().create_new(true).write(true).open(&path)?;
    // Nobody else wants it for good; one who looks just now lets go at once.
    lock.lock()?;
    Ok(Instance { name, path, lock })
}

/// The names of the writers that are alive.
pub(super) fn live(folder: &Path) -> io::Result<HashSet<String>> {
    Ok(files(folder)?.into_iter().filter(|(_, path)| is_locked(path)).map(|(name, _)| name).collect())
}

/// Removes the files of writers that are gone. Call it under the [`guard`].
pub(super) fn sweep(folder: &Path) -> io::Result<()> {
    for (_, path) in files(folder)?.into_iter().filter(|(_, path)| !is_locked(path)) {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The lock files: names of the writers and paths. A folder that is not there has none.
fn files(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let Some(name) = entry.file_name().to_str().and_then(|name| name.strip_suffix(SUFFIX)) {
            found.push((name.to_owned(), entry.path()));
        }
    }
    Ok(found)
}

/// Whether a writer holds the file. What cannot be asked counts as held: better a job that still reads as running.
///
/// A shared lock is asked for, so that two who look at the same time do not take each other for the writer.
fn is_locked(path: &Path) -> bool {
    match File::open(path) {
        Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock | TryLockError::Error(_))),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}
