//! [`Packer`]: makes blocks of messages.

use std::io;

use rustc_hash::FxHashMap;
use zstd::bulk::Compressor;

use super::block::{BlockHeader, DUPLICATE, HEADER_BYTES, RETAINED};
use super::properties::put_properties;
use super::wire::{checksum, put, put_signed};
use super::{MAX_BLOCK_MESSAGES, MAX_RAW_BYTES, filter};
use crate::telemetry::batch::{Arrival, Batch, Missed};

/// A block with this many bytes is full. Larger ones compress little better, and are read as a whole for each seek.
const FULL_BYTES: usize = 1024 * 1024;
/// So is one with this many messages.
const FULL_MESSAGES: usize = 32 * 1024;
/// Most bytes of topic and payload of one message: what MQTT can carry.
const MAX_MESSAGE_BYTES: usize = 257 * 1024 * 1024;
/// How hard it is compressed: the quickest of the format's own levels.
const LEVEL: i32 = 1;

/// A block as it is written.
pub struct Sealed {
    /// What it says of itself.
    pub header: BlockHeader,
    /// All of it, the header included.
    pub bytes: Vec<u8>,
}

impl Sealed {
    /// The same block at another place of a recording: `first_message` messages come before it.
    #[must_use]
    pub fn numbered(mut self, first_message: u64) -> Self {
        self.header.first_message = first_message;
        self.bytes[..HEADER_BYTES].copy_from_slice(&self.header.to_bytes());
        self
    }
}

/// Takes messages in, gives blocks out. Memory is that of one block.
pub struct Packer {
    compressor: Compressor<'static>,
    topics: FxHashMap<Box<[u8]>, u32>,
    topic_lengths: Vec<u8>,
    topic_bytes: Vec<u8>,
    runs: Vec<Run>,
    topic_column: Vec<u8>,
    flags_column: Vec<u8>,
    time_column: Vec<u8>,
    length_column: Vec<u8>,
    properties: Vec<u8>,
    properties_count: u64,
    last_with_properties: u64,
    payloads: Vec<u8>,
    /// What stays as it is from one batch to the next, unless the clock is set.
    unix_offset: i64,
    header: BlockHeader,
    /// Kept for its memory.
    raw: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Run {
    messages: u64,
    unix_offset: i64,
    missed: Missed,
}

impl Packer {
    /// An empty one.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            compressor: Compressor::new(LEVEL)?,
            topics: FxHashMap::default(),
            topic_lengths: Vec::new(),
            topic_bytes: Vec::new(),
            runs: Vec::new(),
            topic_column: Vec::new(),
            flags_column: Vec::new(),
            time_column: Vec::new(),
            length_column: Vec::new(),
            properties: Vec::new(),
            properties_count: 0,
            last_with_properties: 0,
            payloads: Vec::new(),
            unix_offset: 0,
            header: BlockHeader::default(),
            raw: Vec::new(),
        })
    }

    /// Takes a whole batch in, and hands out each block that gets full.
    pub fn add(&mut self, batch: &Batch, mut full: impl FnMut(Sealed) -> io::Result<()>) -> io::Result<()> {
        self.begin(batch.unix_offset_micros, batch.missed);
        for arrival in batch.iter() {
            self.push(&arrival);
            if self.is_full() {
                full(self.seal()?)?;
            }
        }
        Ok(())
    }

    /// Begins a batch: what was missed before it, and its clock.
    pub fn begin(&mut self, unix_offset: i64, missed: Missed) {
        self.unix_offset = unix_offset;
        // Messages that another recording lacks are missing in the numbers of this one.
        let missed = Missed { left_out: 0, ..missed };
        if !missed.is_zero() {
            self.runs.push(Run { messages: 0, unix_offset, missed });
        }
    }

    /// Takes a message in. One that is longer than MQTT's own are is left out and counted as oversize.
    pub fn push(&mut self, arrival: &Arrival<'_>) {
        let Some(topic) = self.intern(arrival) else {
            let missed = Missed { oversize: 1, ..Missed::default() };
            self.runs.push(Run { messages: 0, unix_offset: self.unix_offset, missed });
            return;
        };
        let mut flags = arrival.qos.number();
        if arrival.is_retained {
            flags |= RETAINED;
        }
        if arrival.is_duplicate {
            flags |= DUPLICATE;
        }
        let number = u64::from(self.header.messages);
        let unix = super::block::unix_micros(arrival.mono_micros, self.unix_offset);
        if number == 0 {
            self.header.first_mono = arrival.mono_micros;
            self.header.last_mono = arrival.mono_micros;
            self.header.min_unix = unix;
            self.header.max_unix = unix;
        }
        if let Some(properties) = arrival.properties.filter(|properties| !properties.is_empty()) {
            put(&mut self.properties, number - self.last_with_properties);
            put_properties(&mut self.properties, properties);
            self.last_with_properties = number;
            self.properties_count += 1;
        }
        put(&mut self.topic_column, u64::from(topic));
        self.flags_column.push(flags);
        put_signed(&mut self.time_column, arrival.mono_micros.wrapping_sub(self.header.last_mono).cast_signed());
        put(&mut self.length_column, arrival.payload.len() as u64);
        self.payloads.extend_from_slice(arrival.payload);
        self.header.last_mono = arrival.mono_micros;
        self.header.min_unix = self.header.min_unix.min(unix);
        self.header.max_unix = self.header.max_unix.max(unix);
        self.header.messages += 1;
        self.header.content_bytes += (arrival.topic.len() + arrival.payload.len()) as u64;
        self.run().messages += 1;
    }

    /// Whether nothing waits to be sealed.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether the block should be sealed now.
    pub fn is_full(&self) -> bool {
        self.flags_column.len() >= FULL_MESSAGES || self.raw_bytes() >= FULL_BYTES
    }

    /// Compresses what is there into a block, and begins the next one.
    pub fn seal(&mut self) -> io::Result<Sealed> {
        let mut raw = std::mem::take(&mut self.raw);
        raw.clear();
        self.put_runs(&mut raw);
        for part in [
            &self.topic_lengths,
            &self.topic_bytes,
            &self.topic_column,
            &self.flags_column,
            &self.time_column,
            &self.length_column,
        ] {
            raw.extend_from_slice(part);
        }
        put(&mut raw, self.properties_count);
        raw.extend_from_slice(&self.properties);
        raw.extend_from_slice(&self.payloads);

        let filter = filter::make(self.topics.keys().map(|topic| &**topic));
        let body = self.compressor.compress(&raw)?;
        let mut header = self.header;
        header.raw_bytes = length(raw.len())?;
        header.body_bytes = length(body.len())?;
        header.body_crc = checksum(&body);
        header.filter_bytes = length(filter.len())?;
        header.filter_crc = checksum(&filter);
        header.topics = length(self.topics.len())?;
        header.missed = self.runs.iter().map(|run| run.missed).fold(0, |sum, missed| {
            let Missed { dropped, dropped_bytes: _, oversize, malformed, left_out: _ } = missed;
            [dropped, oversize, malformed].into_iter().fold(sum, u64::saturating_add)
        });
        let mut bytes = Vec::with_capacity(HEADER_BYTES + filter.len() + body.len());
        bytes.extend_from_slice(&header.to_bytes());
        bytes.extend_from_slice(&filter);
        bytes.extend_from_slice(&body);

        self.raw = raw;
        self.clear();
        Ok(Sealed { header, bytes })
    }

    /// The number of the topic in this block; `None` if the message is too long for one.
    fn intern(&mut self, arrival: &Arrival<'_>) -> Option<u32> {
        if arrival.topic.len() > usize::from(u16::MAX) || arrival.payload.len() > MAX_MESSAGE_BYTES {
            return None;
        }
        if let Some(number) = self.topics.get(arrival.topic) {
            return Some(*number);
        }
        // Fewer than there are messages, of which there are few.
        let number = u32::try_from(self.topics.len()).ok()?;
        self.topics.insert(arrival.topic.into(), number);
        put(&mut self.topic_lengths, arrival.topic.len() as u64);
        self.topic_bytes.extend_from_slice(arrival.topic);
        Some(number)
    }

    /// The run that takes what comes next.
    fn run(&mut self) -> &mut Run {
        let fresh = Run { messages: 0, unix_offset: self.unix_offset, missed: Missed::default() };
        match self.runs.last() {
            Some(last) if last.unix_offset == self.unix_offset => {}
            _ => self.runs.push(fresh),
        }
        // It was put there just now, if it was not.
        self.runs.last_mut().unwrap_or_else(|| unreachable!())
    }

    fn put_runs(&self, raw: &mut Vec<u8>) {
        put(raw, self.runs.len() as u64);
        let mut before = 0_i64;
        for run in &self.runs {
            put(raw, run.messages);
            put_signed(raw, run.unix_offset.wrapping_sub(before));
            before = run.unix_offset;
            for count in [run.missed.dropped, run.missed.dropped_bytes, run.missed.oversize, run.missed.malformed] {
                put(raw, count);
            }
        }
    }

    fn raw_bytes(&self) -> usize {
        // Runs and what is left out here are small beside it.
        self.payloads.len()
            + self.topic_bytes.len()
            + self.topic_column.len()
            + self.length_column.len()
            + self.time_column.len()
            + self.properties.len()
            + self.runs.len() * 8
    }

    fn clear(&mut self) {
        self.topics.clear();
        self.runs.clear();
        for part in [
            &mut self.topic_lengths,
            &mut self.topic_bytes,
            &mut self.topic_column,
            &mut self.flags_column,
            &mut self.time_column,
            &mut self.length_column,
            &mut self.properties,
            &mut self.payloads,
        ] {
            part.clear();
            // One block of giants must not keep their memory for good.
            part.shrink_to(4 * FULL_BYTES);
        }
        self.raw.shrink_to(4 * FULL_BYTES);
        self.properties_count = 0;
        self.last_with_properties = 0;
        let BlockHeader { last_mono, max_unix, .. } = self.header;
        // A block without messages, only with what was missed, is as late as the one before.
        self.header =
            BlockHeader { first_mono: last_mono, last_mono, min_unix: max_unix, max_unix, ..BlockHeader::default() };
    }
}

fn length(length: usize) -> io::Result<u32> {
    u32::try_from(length).map_err(|_| io::Error::other("a block is too large"))
}

// What is full is far below what a reader takes.
const _: () =
    assert!(FULL_MESSAGES < MAX_BLOCK_MESSAGES as usize && MAX_MESSAGE_BYTES + 4 * FULL_BYTES < MAX_RAW_BYTES as usize);
