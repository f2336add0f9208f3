//! Messages as CSV (RFC 4180), for spreadsheets: no cell begins a formula, whatever a gateway sends.

use std::borrow::Cow;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use csv::{Terminator, WriterBuilder};

use super::jsonl::PropertiesLine;
use super::time;
use crate::model::text::no_formula;
use crate::telemetry::batch::Arrival;

const HEADER: [&str; 8] = ["time", "topic", "qos", "retained", "duplicate", "payload_as", "payload", "properties"];

/// A table that is being written.
pub(super) struct Csv<W: Write> {
    writer: csv::Writer<W>,
}

impl<W: Write> Csv<W> {
    pub(super) fn new(out: W) -> io::Result<Self> {
        let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
        writer.write_record(HEADER)?;
        Ok(Self { writer })
    }

    pub(super) fn push(&mut self, arrival: &Arrival<'_>) -> io::Result<()> {
        let yes_or_no = |is: bool| if is { "yes" } else { "no" };
        let (payload_as, payload) = match text(arrival.payload) {
            Some(text) => ("text", no_formula(text)),
            None => ("base64", Cow::Owned(STANDARD.encode(arrival.payload))),
        };
        let properties = arrival.properties.map(|properties| serde_json::to_string(&PropertiesLine::of(properties)));
        self.writer.write_record([
            time(arrival.unix_micros).as_str(),
            &no_formula(&String::from_utf8_lossy(arrival.topic)),
            ["0", "1", "2"][usize::from(arrival.qos.number())],
            yes_or_no(arrival.is_retained),
            yes_or_no(arrival.is_duplicate),
            payload_as,
            &payload,
            &properties.transpose()?.unwrap_or_default(),
        ])?;
        Ok(())
    }

    pub(super) fn finish(self) -> io::Result<W> {
        self.writer.into_inner().map_err(|error| io::Error::new(error.error().kind(), error.to_string()))
    }
}

/// The payload if a table can hold it as it is: UTF-8 without control characters but line ends and tabs.
fn text(payload: &[u8]) -> Option<&str> {
    let is_plain = |c: char| !c.is_control() || matches!(c, '\t' | '\r' | '\n');
    std::str::from_utf8(payload).ok().filter(|text| text.chars().all(is_plain))
}
