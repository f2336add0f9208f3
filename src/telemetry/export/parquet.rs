//! Messages as Parquet: columns compressed with zstd, in row groups small enough for memory.

use std::io::{self, Write};
use std::mem::take;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::jsonl::PropertiesLine;
use crate::telemetry::batch::Arrival;

/// The columns. `text` is the payload once more, where it is UTF-8: what is asked for in SQL.
const SCHEMA: &str = "
message messages {
    required int64 time (TIMESTAMP(MICROS, true));
    required binary topic (STRING);
    required binary payload;
    optional binary text (STRING);
    required int32 qos (INTEGER(8, false));
    required boolean retained;
    required boolean duplicate;
    optional binary properties (STRING);
}";
/// Most rows of a row group.
const GROUP_ROWS: usize = 128 * 1024;
/// A row group that has reached this many bytes of topics and payloads takes no more.
const GROUP_BYTES: usize = 32 * 1024 * 1024;

/// A Parquet file that is being written. Holds one row group in memory.
pub(super) struct Parquet<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    bytes: usize,
    times: Vec<i64>,
    topics: Vec<ByteArray>,
    payloads: Vec<ByteArray>,
    texts: Optional,
    qos: Vec<i32>,
    retained: Vec<bool>,
    duplicate: Vec<bool>,
    properties: Optional,
}

/// A column in which values may be missing.
#[derive(Default)]
struct Optional {
    values: Vec<ByteArray>,
    /// 1 where there is one.
    levels: Vec<i16>,
}

impl Optional {
    fn push(&mut self, value: Option<ByteArray>) {
        self.levels.push(i16::from(value.is_some()));
        self.values.extend(value);
    }
}

impl<W: Write + Send> Parquet<W> {
    pub(super) fn new(out: W) -> io::Result<Self> {
        let schema = parse_message_type(SCHEMA).map_err(io_error)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(format!("Linesman {}", env!("CARGO_PKG_VERSION")))
            .build();
        let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)).map_err(io_error)?;
        Ok(Self {
            writer,
            bytes: 0,
            times: Vec::new(),
            topics: Vec::new(),
            payloads: Vec::new(),
            texts: Optional::default(),
            qos: Vec::new(),
            retained: Vec::new(),
            duplicate: Vec::new(),
            properties: Optional::default(),
        })
    }

    pub(super) fn push(&mut self, arrival: &Arrival<'_>) -> io::Result<()> {
        let payload = Bytes::copy_from_slice(arrival.payload);
        let is_text = std::str::from_utf8(arrival.payload).is_ok();
        let properties = arrival.properties.map(|properties| serde_json::to_string(&PropertiesLine::of(properties)));
        let properties = properties.transpose()?;
        self.bytes += arrival.topic.len() + arrival.payload.len() + properties.as_ref().map_or(0, String::len);
        self.times.push(arrival.unix_micros);
        self.topics.push(String::from_utf8_lossy(arrival.topic).as_ref().into());
        self.payloads.push(payload.clone().into());
        self.texts.push(is_text.then(|| payload.into()));
        self.qos.push(i32::from(arrival.qos.number()));
        self.retained.push(arrival.is_retained);
        self.duplicate.push(arrival.is_duplicate);
        self.properties.push(properties.map(|json| json.into_bytes().into()));
        if self.times.len() >= GROUP_ROWS || self.bytes >= GROUP_BYTES {
            self.write_group().map_err(io_error)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        if !self.times.is_empty() {
            self.write_group().map_err(io_error)?;
        }
        self.writer.into_inner().map_err(io_error)
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        self.bytes = 0;
        let (texts, properties) = (take(&mut self.texts), take(&mut self.properties));
        let mut group = self.writer.next_row_group()?;
        column::<Int64Type, W>(&mut group, &take(&mut self.times), None)?;
        column::<ByteArrayType, W>(&mut group, &take(&mut self.topics), None)?;
        column::<ByteArrayType, W>(&mut group, &take(&mut self.payloads), None)?;
        column::<ByteArrayType, W>(&mut group, &texts.values, Some(&texts.levels))?;
        column::<Int32Type, W>(&mut group, &take(&mut self.qos), None)?;
        column::<BoolType, W>(&mut group, &take(&mut self.retained), None)?;
        column::<BoolType, W>(&mut group, &take(&mut self.duplicate), None)?;
        column::<ByteArrayType, W>(&mut group, &properties.values, Some(&properties.levels))?;
        group.close().map(drop)
    }
}

fn column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("there are more columns than the schema has".into());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}

/// The error of the file below, so that a full disk is told as one; else what the library says.
fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}
