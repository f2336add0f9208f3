//! Reads a file from its beginning to its end, whatever stands behind its name. A pipe into which nobody writes is waited for,
//! as a shell's `<(…)` may take a moment, but not for ever.
//!
//! Whoever waits for a pipe cannot be woken: the waiting is done on a thread of its own, which is left behind.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::model::secret::Secret;

/// How long a pipe is waited for until somebody opens it to write.
const UNTIL_OPEN: Duration = Duration::from_secs(10);
/// How long whoever writes may take: behind a pipe there may be a person at a prompt.
const UNTIL_WRITTEN: Duration = Duration::from_mins(5);
/// Room for what is read at first. A secret is smaller, so that no copy of it is left behind when the room grows.
const ROOM: usize = 128 * 1024;

/// Reads at most so many bytes. Nobody at the other end of a pipe is [`ErrorKind::TimedOut`].
pub fn read(path: &Path, limit_bytes: usize) -> io::Result<Secret<Vec<u8>>> {
    read_within([UNTIL_OPEN, UNTIL_WRITTEN], path, limit_bytes)
}

fn read_within(limits: [Duration; 2], path: &Path, limit_bytes: usize) -> io::Result<Secret<Vec<u8>>> {
    if fs::metadata(path)?.is_file() {
        return read_open(File::open(path)?, limit_bytes);
    }
    let (tell, told) = mpsc::sync_channel(2);
    let place = path.to_owned();
    let read = move || {
        let file = File::open(place);
        // Whoever waited may have gone; then nobody wants to know.
        let is_waited_for = tell.send(None).is_ok();
        if is_waited_for {
            let _ = tell.send(Some(file.and_then(|file| read_open(file, limit_bytes))));
        }
    };
    std::thread::Builder::new().name("pipe".into()).spawn(read)?;
    for limit in limits {
        match told.recv_timeout(limit) {
            Ok(Some(read)) => return read,
            Ok(None) => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    Err(io::Error::new(ErrorKind::TimedOut, "nobody wrote into it in time"))
}

fn read_open(file: File, limit_bytes: usize) -> io::Result<Secret<Vec<u8>>> {
    let mut content = Secret::new(Vec::with_capacity(limit_bytes.min(ROOM)));
    file.take(limit_bytes as u64).read_to_end(content.expose_mut())?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "0123456789").unwrap();
        assert_eq!(read(&path, 4).unwrap_or_default().expose(), b"0123");
        assert!(read(folder.path(), 4).is_err());
        assert_eq!(read(&folder.path().join("none"), 4).err().map(|error| error.kind()), Some(ErrorKind::NotFound));
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_read_once_somebody_writes_and_left_where_nobody_does() {
        let folder = tempfile::tempdir().unwrap();
        let [silent, written] = ["silent", "written"].map(|name| folder.path().join(name));
        let made = std::process::Command::new("mkfifo").args([&silent, &written]).status().unwrap();
        assert!(made.success());
        let nobody = read_within([Duration::from_millis(20); 2], &silent, 100);
        assert_eq!(nobody.err().map(|error| error.kind()), Some(ErrorKind::TimedOut));
        let path = written.clone();
        let write = move || fs::write(path, "hunter2").unwrap();
        let writer = std::thread::Builder::new().name("writer".into()).spawn(write).unwrap();
        assert_eq!(read(&written, 100).unwrap_or_default().expose(), b"hunter2");
        writer.join().unwrap();
    }
}
