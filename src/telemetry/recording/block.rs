//! [`BlockHeader`] and [`Block`]: a run of messages that can be read by itself.
//!
//! After the header come the filter of topics and the body: one zstd frame. In it the messages lie in columns, which
//! compress better and are checked in one pass: runs, topics, then for every message its topic, flags, time and length,
//! then the properties, then the payloads. Everything read here is checked against the bytes there are.

use std::collections::BTreeMap;

use super::properties::take_properties;
use super::wire::{Cursor, checksum};
use super::{MAX_BLOCK_MESSAGES, MAX_RAW_BYTES, filter};
use crate::model::mqtt::message::{Properties, Qos};
use crate::telemetry::batch::{Arrival, Batch, Missed};

/// What a block begins with.
pub const MAGIC: [u8; 4] = *b"LMB\x1a";
/// Bytes of a block's header.
pub const HEADER_BYTES: usize = 96;
/// Most bytes of a body: what does not get smaller gets a little longer.
const MAX_BODY_BYTES: u32 = MAX_RAW_BYTES + MAX_RAW_BYTES / 64;
/// Most bytes of a whole block.
pub(super) const MAX_BLOCK_BYTES: u64 = HEADER_BYTES as u64 + MAX_BODY_BYTES as u64 + filter::MAX_BYTES as u64;
/// Most messages of a batch that is made of a block.
const BATCH_MESSAGES: usize = 4096;
/// A batch that has reached this many bytes takes no more.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

pub(super) const QOS: u8 = 0b0000_0011;
pub(super) const RETAINED: u8 = 0b0000_0100;
pub(super) const DUPLICATE: u8 = 0b0000_1000;
const FLAGS: u8 = QOS | RETAINED | DUPLICATE;

/// What a block says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockHeader {
    /// Bytes of the body as it lies there.
    pub body_bytes: u32,
    /// Bytes of the body once unpacked.
    pub raw_bytes: u32,
    /// Checksum of the body as it lies there.
    pub body_crc: u32,
    /// Bytes of the filter of topics.
    pub filter_bytes: u32,
    /// Its checksum.
    pub filter_crc: u32,
    /// Messages.
    pub messages: u32,
    /// Topics.
    pub topics: u32,
    /// How many messages came before, in the same recording.
    pub first_message: u64,
    /// Monotonic time of the first message, in microseconds.
    pub first_mono: u64,
    /// Monotonic time of the last message, in microseconds.
    pub last_mono: u64,
    /// The earliest time of a message, in microseconds since 1970 UTC.
    pub min_unix: i64,
    /// The latest one.
    pub max_unix: i64,
    /// Bytes of all topics and payloads, each topic counted as often as it stands.
    pub content_bytes: u64,
    /// Messages that were missed, for whatever reason.
    pub missed: u64,
}

impl BlockHeader {
    /// As it is written.
    pub fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        let words = [
            self.body_bytes,
            self.raw_bytes,
            self.body_crc,
            self.filter_bytes,
            self.filter_crc,
            self.messages,
            self.topics,
            0,
        ];
        for (place, word) in bytes[8..40].chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let longs = [
            self.first_message,
            self.first_mono,
            self.last_mono,
            self.min_unix.cast_unsigned(),
            self.max_unix.cast_unsigned(),
            self.content_bytes,
            self.missed,
        ];
        for (place, long) in bytes[40..].chunks_exact_mut(8).zip(longs) {
            place.copy_from_slice(&long.to_le_bytes());
        }
        let crc = checksum(&bytes[8..]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads it. `None` if it is none, or says what cannot be.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes.get(..HEADER_BYTES)?);
        if cursor.take(4)? != MAGIC || cursor.u32()? != checksum(&bytes[8..HEADER_BYTES]) {
            return None;
        }
        let header = Self {
            body_bytes: cursor.u32()?,
            raw_bytes: cursor.u32()?,
            body_crc: cursor.u32()?,
            filter_bytes: cursor.u32()?,
            filter_crc: cursor.u32()?,
            messages: cursor.u32()?,
            topics: cursor.u32()?,
            // Flags, of which version 1 has none.
            first_message: (cursor.u32()? == 0).then(|| cursor.u64())??,
            first_mono: cursor.u64()?,
            last_mono: cursor.u64()?,
            min_unix: cursor.i64()?,
            max_unix: cursor.i64()?,
            content_bytes: cursor.u64()?,
            missed: cursor.u64()?,
        };
        let is_possible = header.raw_bytes <= MAX_RAW_BYTES
            && header.body_bytes <= MAX_BODY_BYTES
            && header.filter_bytes <= filter::MAX_BYTES
            && header.messages <= MAX_BLOCK_MESSAGES
            && header.topics <= header.messages;
        is_possible.then_some(header)
    }

    /// Bytes of the whole block.
    pub fn block_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.filter_bytes) + u64::from(self.body_bytes)
    }
}

/// The messages of a block, unpacked and checked.
pub struct Block {
    raw: Vec<u8>,
    /// Where the topics lie: start and length.
    topics: Vec<(u32, u16)>,
    heads: Vec<Head>,
    runs: Vec<Run>,
    properties: BTreeMap<u32, Properties>,
}

/// A message but for its bytes.
#[derive(Clone, Copy)]
struct Head {
    topic: u32,
    payload_start: u32,
    payload_bytes: u32,
    flags: u8,
    mono: u64,
}

/// Messages that came together, or between two changes of the clock.
#[derive(Clone, Copy)]
struct Run {
    start: usize,
    end: usize,
    unix_offset: i64,
    missed: Missed,
}

/// A place between two messages of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    run: usize,
    message: usize,
}

impl Block {
    /// Unpacks the body of a block. `None` if it does not keep to the format.
    pub fn decode(header: &BlockHeader, body: &[u8]) -> Option<Self> {
        if body.len() != header.body_bytes as usize || checksum(body) != header.body_crc {
            return None;
        }
        // The room is claimed, not filled: a block that lies about its length costs no more than it holds.
        let raw = zstd::bulk::decompress(body, header.raw_bytes as usize).ok()?;
        if raw.len() != header.raw_bytes as usize {
            return None;
        }
        let mut cursor = Cursor::new(&raw);
        let runs = take_runs(&mut cursor, header)?;
        let at = |cursor: &Cursor<'_>| u32::try_from(raw.len() - cursor.left()).ok();

        let lengths: Vec<u16> = (0..header.topics)
            .map(|_| cursor.number().and_then(|length| u16::try_from(length).ok()))
            .collect::<Option<_>>()?;
        let mut topics = Vec::with_capacity(lengths.len());
        for length in lengths {
            topics.push((at(&cursor)?, length));
            cursor.take(usize::from(length))?;
        }
        let mut heads = take_heads(&mut cursor, header)?;
        let properties = take_all_properties(&mut cursor, header)?;

        let mut start = at(&cursor)?;
        for head in &mut heads {
            head.payload_start = start;
            start = start.checked_add(head.payload_bytes)?;
        }
        (start == header.raw_bytes).then_some(Self { raw, topics, heads, runs, properties })
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Whether a message has that topic.
    pub fn has_topic(&self, topic: &[u8]) -> bool {
        (0..self.topics.len()).any(|number| self.topic(number) == topic)
    }

    /// The next messages from there on, and moves on. `None` at the end.
    pub fn next(&self, place: &mut Place) -> Option<Batch> {
        let run = self.runs.get(place.run)?;
        let mut batch = Batch::new(run.unix_offset);
        if place.message == run.start {
            batch.missed = run.missed;
        }
        while place.message < run.end && batch.len() < BATCH_MESSAGES && batch.bytes() < BATCH_BYTES {
            // It always fits: a message is far below what a batch takes, and the batch is below its limit.
            let _ = batch.push(&self.arrival(place.message, run.unix_offset)?);
            place.message += 1;
        }
        if place.message >= run.end {
            place.run += 1;
        }
        Some(batch)
    }

    /// The place before the first message for which that holds.
    pub fn find(&self, mut is_wanted: impl FnMut(&Arrival<'_>) -> bool) -> Option<Place> {
        self.runs.iter().enumerate().find_map(|(number, run)| {
            let mut messages = run.start..run.end;
            let message = messages
                .find(|message| self.arrival(*message, run.unix_offset).is_some_and(|arrival| is_wanted(&arrival)))?;
            Some(Place { run: number, message })
        })
    }

    fn topic(&self, number: usize) -> &[u8] {
        self.topics
            .get(number)
            .and_then(|(start, length)| self.raw.get(*start as usize..*start as usize + usize::from(*length)))
            .unwrap_or_default()
    }

    fn arrival(&self, message: usize, unix_offset: i64) -> Option<Arrival<'_>> {
        let head = self.heads.get(message)?;
        let start = head.payload_start as usize;
        Some(Arrival {
            topic: self.topic(head.topic as usize),
            payload: self.raw.get(start..start + head.payload_bytes as usize)?,
            qos: Qos::from_number(head.flags & QOS).unwrap_or_default(),
            is_retained: head.flags & RETAINED != 0,
            is_duplicate: head.flags & DUPLICATE != 0,
            mono_micros: head.mono,
            unix_micros: unix_micros(head.mono, unix_offset),
            properties: u32::try_from(message).ok().and_then(|message| self.properties.get(&message)),
        })
    }
}

/// The time of day of a message, as [`Batch`] counts it.
pub(super) fn unix_micros(mono: u64, unix_offset: i64) -> i64 {
    i64::try_from(mono).unwrap_or(i64::MAX).saturating_add(unix_offset)
}

fn take_runs(cursor: &mut Cursor<'_>, header: &BlockHeader) -> Option<Vec<Run>> {
    let count = cursor.count()?;
    let mut runs = Vec::new();
    let (mut start, mut unix_offset) = (0_usize, 0_i64);
    for _ in 0..count {
        let end = start.checked_add(usize::try_from(cursor.number()?).ok()?)?;
        unix_offset = unix_offset.wrapping_add(cursor.signed()?);
        let missed = Missed {
            dropped: cursor.number()?,
            dropped_bytes: cursor.number()?,
            oversize: cursor.number()?,
            malformed: cursor.number()?,
            left_out: 0,
        };
        runs.push(Run { start, end, unix_offset, missed });
        start = end;
    }
    (start == header.messages as usize).then_some(runs)
}

fn take_heads(cursor: &mut Cursor<'_>, header: &BlockHeader) -> Option<Vec<Head>> {
    let count = header.messages as usize;
    // Four bytes each at least.
    if count.checked_mul(4)? > cursor.left() {
        return None;
    }
    let mut heads = Vec::with_capacity(count);
    for _ in 0..count {
        let topic = u32::try_from(cursor.number()?).ok().filter(|topic| *topic < header.topics)?;
        heads.push(Head { topic, payload_start: 0, payload_bytes: 0, flags: 0, mono: 0 });
    }
    for (head, flags) in heads.iter_mut().zip(cursor.take(count)?) {
        head.flags = *flags;
        if flags & !FLAGS != 0 || flags & QOS == QOS {
            return None;
        }
    }
    let mut mono = header.first_mono;
    for head in &mut heads {
        mono = mono.wrapping_add_signed(cursor.signed()?);
        head.mono = mono;
    }
    for head in &mut heads {
        head.payload_bytes = u32::try_from(cursor.number()?).ok()?;
    }
    Some(heads)
}

fn take_all_properties(cursor: &mut Cursor<'_>, header: &BlockHeader) -> Option<BTreeMap<u32, Properties>> {
    let mut all = BTreeMap::new();
    let mut place = 0_u32;
    for _ in 0..cursor.count()? {
        place = place.checked_add(u32::try_from(cursor.number()?).ok()?)?;
        if place >= header.messages {
            return None;
        }
        all.insert(place, take_properties(cursor)?);
    }
    Some(all)
}
