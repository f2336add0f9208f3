//! [`RecordingWriter`]: a recording written in one go, where nothing has to be saved before its time.

use std::io::{self, Write};

use crate::telemetry::batch::Batch;
use crate::telemetry::recording::index::{Entry, IndexWriter, file_header};
use crate::telemetry::recording::{Packer, RecordingFacts, Sealed};

/// A recording on its way out.
pub struct RecordingWriter<W> {
    packer: Packer,
    sink: Sink<W>,
}

struct Sink<W> {
    out: W,
    bytes: u64,
    messages: u64,
    index: IndexWriter,
}

impl<W: Write> RecordingWriter<W> {
    /// Begins it.
    pub fn new(mut out: W, about: &RecordingFacts) -> io::Result<Self> {
        let header = file_header(about);
        out.write_all(&header)?;
        let sink = Sink { out, bytes: header.len() as u64, messages: 0, index: IndexWriter::default() };
        Ok(Self { packer: Packer::new()?, sink })
    }

    /// Adds messages.
    pub fn add(&mut self, batch: &Batch) -> io::Result<()> {
        let sink = &mut self.sink;
        self.packer.add(batch, |sealed| sink.block(sealed))
    }

    /// Writes what is left, and the index.
    pub fn finish(mut self) -> io::Result<W> {
        if !self.packer.is_empty() {
            self.sink.block(self.packer.seal()?)?;
        }
        let Sink { mut out, bytes, index, .. } = self.sink;
        out.write_all(&index.finish(bytes))?;
        Ok(out)
    }
}

impl<W: Write> Sink<W> {
    fn block(&mut self, sealed: Sealed) -> io::Result<()> {
        let sealed = sealed.numbered(self.messages);
        self.out.write_all(&sealed.bytes)?;
        let entry = Entry::new(self.bytes, &sealed.header);
        self.index.add(&entry);
        self.bytes = entry.end();
        self.messages += u64::from(entry.messages);
        Ok(())
    }
}
