//! Room kept on the disk for outcomes: a job begins only where its end will still find room.
//!
//! A full disk is noticed before anything is sent to a gateway. Should the disk become full while a job runs, the room is
//! given free for what is left to write.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

/// How much is kept: some thousand entries with their share of the database's own files.
const BYTES: usize = 1024 * 1024;

/// Makes sure that the room is kept.
pub(super) fn keep(path: &Path) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|found| found.len() == BYTES as u64) {
        return Ok(());
    }
    let written = write(path);
    if written.is_err() {
        // Part of it may be there; the error that counts is the one above.
        let _ = fs::remove_file(path);
    }
    written
}

/// Gives the room free; `false` when there was none.
pub(super) fn release(path: &Path) -> bool {
    fs::remove_file(path).is_ok()
}

fn write(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // Not zeros: a file system that packs or leaves out empty blocks would keep nothing.
    let block: Vec<u8> = (0..=u8::MAX).cycle().take(64 * 1024).collect();
    for _ in 0..BYTES / block.len() {
        file.write_all(&block)?;
    }
    file.sync_all()
}
