//! What stands around the blocks: the header of the file with its facts, and the index at its end.

use super::block::{BlockHeader, MAX_BLOCK_BYTES};
use super::wire::{Cursor, checksum, put, put_signed};
use super::{MAX_BLOCK_MESSAGES, MAX_FACTS_BYTES, RecordingFacts, VERSION};

/// What a recording begins with. As PNG's, it shows when a transfer took it for text.
pub const MAGIC: [u8; 8] = *b"LMREC\r\n\x1a";
/// What the index begins with.
pub const INDEX_MAGIC: [u8; 4] = *b"LMF\x1a";
/// What a finished recording ends with.
pub const END_MAGIC: [u8; 8] = *b"LMEND\r\n\x1a";
/// Bytes of the header up to the facts.
pub const PREFIX_BYTES: usize = 16;
/// Bytes of the index up to its entries.
pub const INDEX_PREFIX_BYTES: usize = 24;
/// Bytes of the end.
pub const END_BYTES: usize = 24;
/// Largest index read; some hundred days at a block a second.
const MAX_INDEX_BYTES: u32 = 512 * 1024 * 1024;

/// The header of a file with these facts. Facts beyond the limit are left out.
pub fn file_header(facts: &RecordingFacts) -> Vec<u8> {
    let mut kept = &facts.facts[..];
    let facts = loop {
        // Pairs of texts always become JSON.
        let json = serde_json::to_vec(kept).unwrap_or_else(|_| b"[]".to_vec());
        match u32::try_from(json.len()) {
            Ok(length) if length <= MAX_FACTS_BYTES => break json,
            _ => kept = &kept[..kept.len() / 2],
        }
    };
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&u32::try_from(facts.len()).unwrap_or_default().to_le_bytes());
    bytes.extend_from_slice(&facts);
    let crc = checksum(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// The beginning of a file header: version, and how many bytes of facts follow. `None` if it is no recording.
pub fn parse_prefix(bytes: &[u8]) -> Option<(u16, u32)> {
    let mut cursor = Cursor::new(bytes);
    let is_ours = cursor.take(MAGIC.len())? == MAGIC;
    let version = cursor.u16()?;
    cursor.u16()?;
    let facts_bytes = cursor.u32()?;
    is_ours.then_some((version, facts_bytes))
}

/// The facts of a whole file header with its checksum.
pub fn parse_facts(header: &[u8]) -> Option<RecordingFacts> {
    let (content, crc) = header.split_last_chunk::<4>()?;
    if u32::from_le_bytes(*crc) != checksum(content) {
        return None;
    }
    serde_json::from_slice(content.get(PREFIX_BYTES..)?).ok().map(|facts| RecordingFacts { facts })
}

/// Where a block is and what is in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Where it begins in the file.
    pub offset: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Its messages.
    pub messages: u32,
    /// How many messages came before.
    pub first_message: u64,
    /// Monotonic time of its first message, in microseconds.
    pub first_mono: u64,
    /// Monotonic time of its last message.
    pub last_mono: u64,
    /// The earliest time of a message, in microseconds since 1970 UTC.
    pub min_unix: i64,
    /// The latest one.
    pub max_unix: i64,
}

impl Entry {
    /// The entry of a block at that place.
    pub fn new(offset: u64, header: &BlockHeader) -> Self {
        let BlockHeader { messages, first_message, first_mono, last_mono, min_unix, max_unix, .. } = *header;
        let bytes = header.block_bytes();
        Self { offset, bytes, messages, first_message, first_mono, last_mono, min_unix, max_unix }
    }

    /// Where the next block begins, if nothing is between them.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes)
    }

    /// The number of the message behind its last one.
    pub fn next_message(&self) -> u64 {
        self.first_message.saturating_add(u64::from(self.messages))
    }
}

/// The index of a recording that is being written: some fifteen bytes a block.
#[derive(Default)]
pub struct IndexWriter {
    entries: Vec<u8>,
    count: u32,
    messages: u64,
    last: Entry,
}

impl IndexWriter {
    /// Adds a block, which lies behind those before.
    pub fn add(&mut self, entry: &Entry) {
        let out = &mut self.entries;
        let last = &self.last;
        put(out, entry.offset.wrapping_sub(last.end()));
        put(out, entry.bytes);
        put(out, u64::from(entry.messages));
        put_signed(out, entry.first_message.wrapping_sub(last.next_message()).cast_signed());
        put_signed(out, entry.first_mono.wrapping_sub(last.last_mono).cast_signed());
        put_signed(out, entry.last_mono.wrapping_sub(entry.first_mono).cast_signed());
        put_signed(out, entry.min_unix.wrapping_sub(last.max_unix));
        put_signed(out, entry.max_unix.wrapping_sub(entry.min_unix));
        self.last = *entry;
        self.count += 1;
        self.messages += u64::from(entry.messages);
    }

    /// How many blocks are in it.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Index and end, for a file that is `offset` bytes long before them.
    pub fn finish(&self, offset: u64) -> Vec<u8> {
        let mut tail = Vec::with_capacity(self.entries.len() + 16);
        tail.extend_from_slice(&u32::try_from(self.entries.len()).unwrap_or_default().to_le_bytes());
        tail.extend_from_slice(&self.count.to_le_bytes());
        tail.extend_from_slice(&self.messages.to_le_bytes());
        tail.extend_from_slice(&self.entries);
        let mut out = INDEX_MAGIC.to_vec();
        out.extend_from_slice(&checksum(&tail).to_le_bytes());
        out.extend_from_slice(&tail);

        let length = u32::try_from(out.len()).unwrap_or_default();
        let mut end = offset.to_le_bytes().to_vec();
        end.extend_from_slice(&length.to_le_bytes());
        let crc = checksum(&end);
        end.extend_from_slice(&crc.to_le_bytes());
        end.extend_from_slice(&END_MAGIC);
        out.extend_from_slice(&end);
        out
    }
}

/// The end of a finished file: where its index begins and how long it is.
pub fn parse_end(bytes: &[u8]) -> Option<(u64, u32)> {
    let mut cursor = Cursor::new(bytes);
    let (offset, length) = (cursor.u64()?, cursor.u32()?);
    let is_ours = cursor.u32()? == checksum(&bytes[..12]) && cursor.take(END_MAGIC.len())? == END_MAGIC;
    (is_ours && length <= MAX_INDEX_BYTES && cursor.left() == 0).then_some((offset, length))
}

/// Reads an index. `None` unless all of it makes sense for blocks between `begin` and `end`.
pub fn parse_index(bytes: &[u8], begin: u64, end: u64) -> Option<Vec<Entry>> {
    let mut cursor = Cursor::new(bytes);
    if cursor.take(4)? != INDEX_MAGIC || cursor.u32()? != checksum(&bytes[8..]) {
        return None;
    }
    let (entry_bytes, count, messages) = (cursor.u32()?, cursor.u32()?, cursor.u64()?);
    // Eight numbers an entry.
    if cursor.left() != entry_bytes as usize || count as usize > cursor.left() / 8 {
        return None;
    }
    let mut entries = Vec::with_capacity(count as usize);
    let mut last = Entry::default();
    let mut sum = 0_u64;
    for _ in 0..count {
        let entry = take_entry(&mut cursor, &last)?;
        if entry.offset < last.end().max(begin)
            || entry.offset.checked_add(entry.bytes)? > end
            || entry.bytes > MAX_BLOCK_BYTES
            || entry.messages > MAX_BLOCK_MESSAGES
        {
            return None;
        }
        sum += u64::from(entry.messages);
        last = entry;
        entries.push(entry);
    }
    (cursor.left() == 0 && sum == messages).then_some(entries)
}

fn take_entry(cursor: &mut Cursor<'_>, last: &Entry) -> Option<Entry> {
    let offset = last.end().checked_add(cursor.number()?)?;
    let bytes = cursor.number()?;
    let messages = u32::try_from(cursor.number()?).ok()?;
    let first_message = last.next_message().wrapping_add_signed(cursor.signed()?);
    let first_mono = last.last_mono.wrapping_add_signed(cursor.signed()?);
    let last_mono = first_mono.wrapping_add_signed(cursor.signed()?);
    let min_unix = last.max_unix.wrapping_add(cursor.signed()?);
    let max_unix = min_unix.wrapping_add(cursor.signed()?);
    Some(Entry { offset, bytes, messages, first_message, first_mono, last_mono, min_unix, max_unix })
}
