//! The bundle for support as one zip file: the messages, the texts, and a README that says what was cut out.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::disk;
use super::export::{DiskSink, Work, start};
use crate::flow::port::Bundle;
use crate::io::diagnostics;
use crate::model::destination::Destination;
use crate::model::problem::Problem;
use crate::telemetry::batch::Batch;
use crate::telemetry::export::RecordingWriter;
use crate::telemetry::export::bundle::{Contents, CutMessages, README, RECORDING};
use crate::telemetry::recording::RecordingError;

/// Begins a bundle in that file. Messages are given to the sink.
pub async fn begin(destination: Destination, bundle: Bundle) -> Result<DiskSink, Problem> {
    let Bundle { about, stages, packets, warnings, expectations, counters, redactor } = bundle;
    start(destination, move |writing| {
        let program = diagnostics::program_facts();
        let contents = Contents { about, program, stages, packets, warnings, expectations, counters, redactor };
        let path = writing.path().to_owned();
        let failed = |error: &io::Error| disk::not_written(&path, error);
        let mut zip = ZipWriter::new(writing.take().map_err(|error| disk::refused(&error))?);
        // Its blocks are compressed already.
        zip.start_file(RECORDING, options(CompressionMethod::Stored)).map_err(|error| failed(&io_error(error)))?;
        let writer = RecordingWriter::new(zip, &contents.about()).map_err(|error| failed(&error))?;
        let cut = CutMessages::new(&contents.redactor);
        Ok(BundleWork { path, contents, writer, cut })
    })
    .await
}

struct BundleWork {
    path: PathBuf,
    contents: Contents,
    writer: RecordingWriter<ZipWriter<File>>,
    cut: CutMessages,
}

impl Work for BundleWork {
    fn add(&mut self, batch: &Batch) -> Result<(), RecordingError> {
        let cut = self.cut.cut(batch);
        self.writer.add(&cut).map_err(|error| disk::not_written(&self.path, &error))
    }

    fn finish(self) -> Result<(File, u64), RecordingError> {
        let Self { path, contents, writer, cut } = self;
        let write = || -> io::Result<File> {
            let mut zip = writer.finish()?;
            let texts = contents.texts();
            let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
            let readme = contents.readme(&now, &texts, &cut);
            let files = texts.iter().map(|text| (text.name, &text.text)).chain([(README, &readme)]);
            for (name, text) in files {
                zip.start_file(name, options(CompressionMethod::Deflated)).map_err(io_error)?;
                zip.write_all(diagnostics::without_own_home(text).as_bytes())?;
            }
            zip.finish().map_err(io_error)
        };
        let file = write().map_err(|error| disk::not_written(&path, &error))?;
        Ok((file, cut.messages))
    }
}

fn options(method: CompressionMethod) -> SimpleFileOptions {
    // A recording can be longer than 4 GiB.
    SimpleFileOptions::default().compression_method(method).large_file(true).unix_permissions(0o600)
}

/// The error of the file below, so that a full disk is told as one.
fn io_error(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        other => io::Error::other(other),
    }
}
