//! Writes a recording out of blocks of others, without unpacking more of them than the first.

use std::io;
use std::path::{Path, PathBuf};

use super::disk::{self, FileSource};
use super::output::FileOutput;
use crate::io::files::FilesError;
use crate::io::save::Writing;
use crate::model::destination::Destination;
use crate::telemetry::recording::block::{Block, HEADER_BYTES};
use crate::telemetry::recording::index::Entry;
use crate::telemetry::recording::reader::Reader;
use crate::telemetry::recording::{Packer, RecorderState, RecordingError, RecordingFacts, Sealed};

/// What goes into the recording. The files are open: they may be deleted meanwhile.
pub(super) struct Kept {
    pub(super) about: RecordingFacts,
    pub(super) parts: Vec<Part>,
    /// Messages before that monotonic time are left out.
    pub(super) from_mono: u64,
}

/// Blocks of one file.
pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) source: FileSource,
    pub(super) entries: Vec<Entry>,
}

/// Writes it where a person wants it; nothing bears that name before all of it is there.
pub(super) fn write_to(kept: Kept, destination: &Destination) -> Result<RecorderState, RecordingError> {
    let refused = |error: FilesError| disk::refused(&error);
    let target = destination.path();
    let mut writing = Writing::begin(destination).map_err(refused)?;
    let file = writing.take().map_err(refused)?;
    let failed = |error: io::Error| disk::not_written(target, &error);
    let handle = file.try_clone().map_err(failed)?;
    let mut output = FileOutput::begin(target, Box::new(file), &kept.about).map_err(failed)?;
    copy_all(kept, &mut output, failed)?;
    writing.keep(&handle).map_err(refused)?;
    Ok(output.state())
}

/// Writes it to a file of the program's own. If that fails, nothing is left of it.
pub(super) fn write(kept: Kept, target: &Path) -> Result<RecorderState, RecordingError> {
    let mut output = FileOutput::create(target, &kept.about)?;
    let written = copy_all(kept, &mut output, |error| disk::write_error(target, &error));
    if written.is_err() {
        // It came into being a moment ago, and is ours.
        let _ = std::fs::remove_file(target);
    }
    written.map(|()| output.state())
}

fn copy_all(
    kept: Kept,
    output: &mut FileOutput,
    failed: impl Fn(io::Error) -> RecordingError,
) -> Result<(), RecordingError> {
    for part in kept.parts {
        let path = part.path;
        let reader = Reader::of_blocks(part.source, part.entries);
        for (number, entry) in reader.entries().iter().enumerate() {
            let read = reader.read_block(number).map_err(|error| disk::read_error(&path, &error))?;
            // A block that does not read back is left out, as it would be when the ring is read.
            let Some((header, bytes)) = read else {
                output.leave_out(u64::from(entry.messages));
                continue;
            };
            if header.first_mono >= kept.from_mono {
                let sealed = Sealed { header, bytes }.numbered(output.next_message());
                output.block(&sealed).map_err(&failed)?;
            } else if let Some(block) = Block::decode(&header, &bytes[HEADER_BYTES + header.filter_bytes as usize..]) {
                copy_end(&block, kept.from_mono, output).map_err(&failed)?;
            } else {
                output.leave_out(u64::from(header.messages));
            }
        }
    }
    if output.has_gap() {
        let sealed = Packer::new().and_then(|mut packer| packer.seal()).map_err(&failed)?;
        output.block(&sealed.numbered(output.next_message())).map_err(&failed)?;
    }
    output.finish().map_err(failed)
}

/// Copies a block from the first message of that time on.
fn copy_end(block: &Block, from_mono: u64, output: &mut FileOutput) -> io::Result<()> {
    let Some(mut place) = block.find(|arrival| arrival.mono_micros >= from_mono) else { return Ok(()) };
    let mut packer = Packer::new()?;
    while let Some(batch) = block.next(&mut place) {
        packer.add(&batch, |sealed| output.block(&sealed.numbered(output.next_message())).map(drop))?;
    }
    if packer.is_empty() {
        return Ok(());
    }
    let sealed = packer.seal()?.numbered(output.next_message());
    output.block(&sealed).map(drop)
}
