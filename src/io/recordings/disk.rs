//! Files as recordings need them: made for this account only and never over another, read at any place, cut to a length.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;

use crate::io::files::{self, FilesError, kind_of};
use crate::io::save;
use crate::model::problem::Explain as _;
use crate::telemetry::recording::RecordingError;
use crate::telemetry::recording::reader::Source;

/// A file that is being written.
pub(super) trait Disk: Write + Send {
    /// Cuts it to that length; writing goes on there.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Waits until all of it is on the disk.
    fn sync(&mut self) -> io::Result<()>;

    /// It is complete: others may replace it from now on, even if it stays open for a moment.
    fn release(&mut self) {}

    /// Whether it is a plain file, not a pipe or a device.
    fn is_plain(&self) -> bool {
        false
    }

    /// Whether that path leads to it. A pipe or a device stays what it is.
    fn is_at(&self, _path: &Path) -> bool {
        true
    }
}

impl Disk for File {
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.seek(SeekFrom::Start(length)).map(drop)
    }

    fn sync(&mut self) -> io::Result<()> {
        match self.sync_data() {
            // A pipe or a device has nothing to sync.
            Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
            synced => synced,
        }
    }

    fn release(&mut self) {
        // One that was not marked has nothing to give up.
        let _ = self.unlock();
    }

    fn is_plain(&self) -> bool {
        self.metadata().is_ok_and(|found| found.is_file())
    }

    fn is_at(&self, path: &Path) -> bool {
        !Disk::is_plain(self) || save::leads_to(path, self)
    }
}

/// A file that is being read, with a place of its own.
pub(super) struct FileSource(pub(super) File);

impl Source for FileSource {
    fn length(&self) -> io::Result<u64> {
        self.0.metadata().map(|metadata| metadata.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut file = &self.0;
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(buffer)
    }
}

/// Makes a file that was not there, readable by this account only where the system has such rights.
pub(super) fn create_new(path: &Path) -> Result<File, RecordingError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| write_error(path, &error))
}

/// Opens a plain file. Pipes and devices are refused before they are opened: they could block.
pub(super) fn open(path: &Path) -> Result<File, RecordingError> {
    let failed = |error: io::Error| read_error(path, &error);
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(RecordingError::NotARecording { path: shown(path) });
    }
    File::open(path).map_err(failed)
}

/// Where a person wants it cannot be written to.
pub(super) fn refused(error: &FilesError) -> RecordingError {
    RecordingError::Refused(Box::new(error.explain()))
}

/// A file that gets its name once it is whole cannot be written: nothing is left of it.
pub(super) fn not_written(path: &Path, error: &io::Error) -> RecordingError {
    refused(&files::write_error(path, error))
}

pub(super) fn write_error(path: &Path, error: &io::Error) -> RecordingError {
    let path = shown(path);
    match kind_of(error) {
        ErrorKind::NotFound | ErrorKind::NotADirectory => RecordingError::NotFound { path },
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => RecordingError::NoPermission { path },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            RecordingError::DiskFull { path }
        }
        _ => RecordingError::NotWritten { path, detail: error.to_string() },
    }
}

pub(super) fn read_error(path: &Path, error: &io::Error) -> RecordingError {
    let path = shown(path);
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => RecordingError::NotFound { path },
        ErrorKind::PermissionDenied => RecordingError::NoPermission { path },
        _ => RecordingError::NotRead { path, detail: error.to_string() },
    }
}

pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}
