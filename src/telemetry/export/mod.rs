//! Messages as files for other programs: [`Export`] over any [`Write`], fed message by message.
//!
//! Nothing is left out and nothing is shortened: a payload that is no text is written in base64, and said to be.

pub mod bundle;
mod csv;
pub mod jsonl;
#[cfg(feature = "parquet")]
mod parquet;
mod recording;

use std::io::{self, Write};

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

pub use self::recording::RecordingWriter;
use crate::model::word::words;
use crate::telemetry::batch::{Arrival, Batch};
use crate::telemetry::recording::{RecordingError, RecordingFacts};

words! {
    /// What messages are exported as.
    ExportForm {
        /// A table: time, topic, payload and flags.
        Csv = "csv",
        /// One JSON object a line.
        JsonLines = "jsonl",
        /// Columns, for DuckDB, Spark or ClickHouse.
        Parquet = "parquet",
        /// A recording.
        Recording = "recording",
    }
}

/// Why an export cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Built without Parquet.
    #[error("built without Parquet")]
    NoParquet,
}

impl ExportError {
    /// The same about a recording's or an export's file; `explained` knows what the system says.
    pub fn about(&self, explained: impl FnOnce(&io::Error) -> RecordingError) -> RecordingError {
        match self {
            Self::Io(error) => explained(error),
            Self::NoParquet => RecordingError::NoParquet,
        }
    }
}

/// An export that is being written.
pub struct Export<W: Write + Send> {
    writer: Writer<W>,
    messages: u64,
}

enum Writer<W: Write + Send> {
    Csv(Box<csv::Csv<W>>),
    JsonLines(W),
    #[cfg(feature = "parquet")]
    Parquet(Box<parquet::Parquet<W>>),
    Recording(Box<RecordingWriter<W>>),
}

impl<W: Write + Send> Export<W> {
    /// Begins it. What a recording says about itself is for recordings only.
    pub fn new(form: ExportForm, out: W, about: &RecordingFacts) -> Result<Self, ExportError> {
        let writer = match form {
            ExportForm::Csv => Writer::Csv(Box::new(csv::Csv::new(out)?)),
            ExportForm::JsonLines => Writer::JsonLines(out),
            #[cfg(feature = "parquet")]
            ExportForm::Parquet => Writer::Parquet(Box::new(parquet::Parquet::new(out)?)),
            #[cfg(not(feature = "parquet"))]
            ExportForm::Parquet => return Err(ExportError::NoParquet),
            ExportForm::Recording => Writer::Recording(Box::new(RecordingWriter::new(out, about)?)),
        };
        Ok(Self { writer, messages: 0 })
    }

    /// Adds messages.
    pub fn add(&mut self, batch: &Batch) -> Result<(), ExportError> {
        self.messages += batch.len() as u64;
        if let Writer::Recording(writer) = &mut self.writer {
            return Ok(writer.add(batch)?);
        }
        batch.iter().try_for_each(|arrival| self.push(&arrival))
    }

    fn push(&mut self, arrival: &Arrival<'_>) -> Result<(), ExportError> {
        match &mut self.writer {
            Writer::Csv(writer) => writer.push(arrival)?,
            Writer::JsonLines(writer) => jsonl::write(writer, arrival)?,
            #[cfg(feature = "parquet")]
            Writer::Parquet(writer) => writer.push(arrival)?,
            // Taken in whole batches above.
            Writer::Recording(_) => {}
        }
        Ok(())
    }

    /// How many messages were added.
    pub const fn messages(&self) -> u64 {
        self.messages
    }

    /// Writes what is left.
    pub fn finish(self) -> Result<W, ExportError> {
        let mut out = match self.writer {
            Writer::Csv(writer) => writer.finish()?,
            Writer::JsonLines(out) => out,
            #[cfg(feature = "parquet")]
            Writer::Parquet(writer) => writer.finish()?,
            Writer::Recording(writer) => writer.finish()?,
        };
        out.flush()?;
        Ok(out)
    }
}

/// A time as RFC 3339 in UTC with microseconds. One that no calendar has becomes the nearest it has.
pub fn time(unix_micros: i64) -> String {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));
    let nearest = if unix_micros < 0 { Timestamp::MIN } else { Timestamp::MAX };
    PRINTER.timestamp_to_string(&Timestamp::from_microsecond(unix_micros).unwrap_or(nearest))
}

#[cfg(test)]
mod tests;
