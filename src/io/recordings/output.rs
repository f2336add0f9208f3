//! [`FileOutput`]: one recording on its way to the disk, block by block. [`Output`]: that or a ring of them.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::{self, Disk};
use super::ring::RingOutput;
use crate::io::save::{self, Claim, Growing};
use crate::model::destination::Destination;
use crate::telemetry::recording::index::{Entry, IndexWriter, file_header};
use crate::telemetry::recording::{RecorderState, RecordingError, RecordingFacts, Sealed};

/// Where blocks go.
pub(super) enum Output {
    /// One file.
    File(FileOutput),
    /// A ring of files.
    Ring(RingOutput),
}

impl Output {
    pub(super) fn block(&mut self, sealed: Sealed) -> Result<(), RecordingError> {
        match self {
            Self::File(file) => {
                let sealed = sealed.numbered(file.next_message());
                file.block(&sealed).map(drop).map_err(|error| file.give_up(&error))
            }
            Self::Ring(ring) => ring.block(sealed),
        }
    }

    pub(super) fn sync(&mut self) -> Result<(), RecordingError> {
        match self {
            Self::File(file) => file.sync().map_err(|error| file.give_up(&error)),
            // A ring is for this run of the program; after a power cut its newest seconds may be missing.
            Self::Ring(_) => Ok(()),
        }
    }

    pub(super) fn finish(&mut self) -> Result<(), RecordingError> {
        match self {
            Self::File(file) => {
                file.finish().map_err(|error| file.give_up(&error))?;
                let path = disk::shown(&file.path);
                if file.claim.is_open() {
                    Err(RecordingError::NothingCame { path })
                } else if file.is_in_place() {
                    Ok(())
                } else {
                    Err(RecordingError::Replaced { path })
                }
            }
            Self::Ring(ring) => {
                ring.remove();
                Ok(())
            }
        }
    }

    /// Takes the file away if there is no message in it. Whether it is gone.
    pub(super) fn discard(&mut self) -> bool {
        match self {
            Self::File(file) => file.discard(),
            Self::Ring(_) => false,
        }
    }

    pub(super) fn state(&self) -> RecorderState {
        match self {
            Self::File(file) => file.state(),
            Self::Ring(ring) => ring.state(),
        }
    }
}

/// A recording that is being written.
pub(super) struct FileOutput {
    path: PathBuf,
    disk: Box<dyn Disk>,
    /// Bytes up to the end of the last whole block.
    bytes: u64,
    index: IndexWriter,
    messages: u64,
    /// The number of the next message: what a copy lacks is counted.
    next_message: u64,
    /// Whether messages are missing behind the last block.
    has_gap: bool,
    span: Option<(i64, i64)>,
    has_unsynced: bool,
    is_finished: bool,
    /// Whether it bears its own name while it grows, or will.
    is_named: bool,
    /// The file it replaces stays until there is a message in this one.
    claim: Claim,
}

impl FileOutput {
    /// Makes the file where a person wants it, and writes its header.
    pub(super) fn create_at(destination: Destination, about: &RecordingFacts) -> Result<Self, RecordingError> {
        let destination = save::settled(destination);
        let Growing { file, claim } = save::grow(&destination).map_err(|error| disk::refused(&error))?;
        let (path, is_named) = (destination.path(), !destination.is_standard_output());
        let output = Self::begin(path, Box::new(file), about).map_err(|error| disk::write_error(path, &error))?;
        Ok(Self { is_named, claim, ..output })
    }

    /// Makes a file of the program's own, which must not be there, and writes its header.
    pub(super) fn create(path: &Path, about: &RecordingFacts) -> Result<Self, RecordingError> {
        let file = disk::create_new(path)?;
        Self::begin(path, Box::new(file), about).map_err(|error| {
            // Nothing but an incomplete header of ours is in it.
            let _ = std::fs::remove_file(path);
            disk::write_error(path, &error)
        })
    }

    pub(super) fn begin(path: &Path, mut disk: Box<dyn Disk>, about: &RecordingFacts) -> io::Result<Self> {
        let header = file_header(about);
        disk.write_all(&header)?;
        Ok(Self {
            path: path.to_owned(),
            disk,
            bytes: header.len() as u64,
            index: IndexWriter::default(),
            messages: 0,
            next_message: 0,
            has_gap: false,
            span: None,
            has_unsynced: true,
            is_finished: false,
            is_named: false,
            claim: Claim::default(),
        })
    }

    /// The number that the next block bears.
    pub(super) const fn next_message(&self) -> u64 {
        self.next_message
    }

    /// Leaves a gap in the numbers of the messages, which a reader tells.
    pub(super) const fn leave_out(&mut self, messages: u64) {
        self.next_message = self.next_message.saturating_add(messages);
        self.has_gap = true;
    }

    /// Whether the end has to be told by a block without messages.
    pub(super) const fn has_gap(&self) -> bool {
        self.has_gap
    }

    /// Whether its name still leads to it.
    fn is_in_place(&self) -> bool {
        !self.is_named || self.disk.is_at(&self.path)
    }

    /// Takes it away again if there is no message in it and it still has its name.
    fn discard(&mut self) -> bool {
        if self.claim.is_open() {
            self.claim = Claim::default();
            return true;
        }
        let is_ours = self.is_named && self.messages == 0 && self.disk.is_plain() && self.disk.is_at(&self.path);
        is_ours && std::fs::remove_file(&self.path).is_ok()
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes a block as it is. After an error nothing of it is left in the file, as far as the system allows that.
    pub(super) fn block(&mut self, sealed: &Sealed) -> io::Result<Entry> {
        if self.is_finished {
            return Err(io::Error::other("the recording is finished"));
        }
        if let Err(error) = self.disk.write_all(&sealed.bytes).and_then(|()| self.claim.settle()) {
            // A reader would cut it off as well.
            let _ = self.disk.cut(self.bytes);
            return Err(error);
        }
        let header = &sealed.header;
        let entry = Entry::new(self.bytes, header);
        self.bytes = entry.end();
        self.index.add(&entry);
        self.messages += u64::from(header.messages);
        self.next_message = entry.next_message();
        self.has_gap = false;
        if header.messages > 0 {
            let (from, to) = self.span.unwrap_or((header.min_unix, header.max_unix));
            self.span = Some((from.min(header.min_unix), to.max(header.max_unix)));
        }
        self.has_unsynced = true;
        Ok(entry)
    }

    pub(super) fn sync(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.has_unsynced) { self.disk.sync() } else { Ok(()) }
    }

    /// Writes the index and waits for the disk. Once is enough.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.is_finished, true) {
            return Ok(());
        }
        let finished = if self.claim.is_open() {
            // There is nothing in it, and it goes with its claim.
            Ok(())
        } else {
            self.write_index()
        };
        self.disk.release();
        finished
    }

    fn write_index(&mut self) -> io::Result<()> {
        let index = self.index.finish(self.bytes);
        if let Err(error) = self.disk.write_all(&index) {
            // Better none than half of one; a reader makes it anew.
            let _ = self.disk.cut(self.bytes);
            return Err(error);
        }
        self.bytes += index.len() as u64;
        self.has_unsynced = false;
        self.disk.sync()
    }

    /// Closes the file after an error, with an index if there is still room for one.
    fn give_up(&mut self, error: &io::Error) -> RecordingError {
        // The error that counts is the one that led here.
        let _ = self.finish();
        disk::write_error(&self.path, error)
    }

    pub(super) fn state(&self) -> RecorderState {
        RecorderState {
            path: self.path.clone(),
            messages: self.messages,
            file_bytes: self.bytes,
            span_unix_micros: self.span,
            problem: None,
        }
    }
}
