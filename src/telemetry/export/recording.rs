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
    /// The number of the next message: those that a damaged recording lacked are counted, and so are missed here.
    next_message: u64,
    /// Whether messages are missing behind the last block.
    has_gap: bool,
    index: IndexWriter,
}

impl<W: Write> RecordingWriter<W> {
    /// Begins it.
    pub fn new(mut out: W, about: &RecordingFacts) -> io::Result<Self> {
        let header = file_header(about);
        out.write_all(&header)?;
        let (bytes, index) = (header.len() as u64, IndexWriter::default());
        let sink = Sink { out, bytes, next_message: 0, has_gap: false, index };
        Ok(Self { packer: Packer::new()?, sink })
    }

    /// Adds messages.
    pub fn add(&mut self, batch: &Batch) -> io::Result<()> {
        if batch.missed.left_out > 0 {
            self.leave_out(batch.missed.left_out)?;
        }
        let sink = &mut self.sink;
        self.packer.add(batch, |sealed| sink.block(sealed))
    }

    /// Leaves a gap in the numbers of the messages, which a reader tells.
    fn leave_out(&mut self, messages: u64) -> io::Result<()> {
        if !self.packer.is_empty() {
            self.sink.block(self.packer.seal()?)?;
        }
        self.sink.next_message = self.sink.next_message.saturating_add(messages);
        self.sink.has_gap = true;
        Ok(())
    }

    /// Writes what is left, and the index.
    pub fn finish(mut self) -> io::Result<W> {
        // At the end a block without messages bears the number.
        if !self.packer.is_empty() || self.sink.has_gap {
            self.sink.block(self.packer.seal()?)?;
        }
        let Sink { mut out, bytes, index, .. } = self.sink;
        out.write_all(&index.finish(bytes))?;
        Ok(out)
    }
}

impl<W: Write> Sink<W> {
    fn block(&mut self, sealed: Sealed) -> io::Result<()> {
        let sealed = sealed.numbered(self.next_message);
        self.out.write_all(&sealed.bytes)?;
        let entry = Entry::new(self.bytes, &sealed.header);
        self.index.add(&entry);
        self.bytes = entry.end();
        self.next_message = entry.next_message();
        self.has_gap = false;
        Ok(())
    }
}
