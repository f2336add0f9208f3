//! [`Reader`]: opens a recording, whole or not, finds a time or a topic in it, and gives its messages in batches.
//!
//! A finished file is opened by its index alone. Without one, the headers of the blocks are walked through, what is
//! damaged is left out and noted, and the file stays as it is. Memory is bounded by one block and the index.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};

use memchr::memmem;

use super::block::{self, Block, BlockHeader, HEADER_BYTES, Place};
use super::error::{Repairs, Skip};
use super::index::{
    self, END_BYTES, Entry, INDEX_MAGIC, INDEX_PREFIX_BYTES, PREFIX_BYTES, parse_end, parse_facts, parse_index,
    parse_prefix,
};
use super::wire::checksum;
use super::{MAX_FACTS_BYTES, RecordingFacts, VERSION, filter};
use crate::telemetry::batch::Batch;

/// How much is read at once in search of the next block.
const SEARCH_BYTES: usize = 256 * 1024;

/// Bytes that can be read from any place.
pub trait Source {
    /// How many there are now.
    fn length(&self) -> io::Result<u64>;

    /// Fills the buffer from there on, or fails with [`ErrorKind::UnexpectedEof`].
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

impl Source for &[u8] {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(buffer.len());
        buffer.copy_from_slice(self.get(start..end).ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Why something is no recording we can read.
#[derive(Debug)]
pub enum OpenError {
    /// It does not begin as one.
    NotARecording,
    /// It has that version.
    TooNew(u16),
    /// It cannot be read.
    Io(io::Error),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A recording that is being read.
pub struct Reader<S> {
    source: S,
    facts: RecordingFacts,
    entries: Vec<Entry>,
    repairs: Repairs,
    /// How many messages are missing before a block; those at the end before none.
    gaps: BTreeMap<usize, u64>,
    /// Blocks that could not be read.
    bad: BTreeSet<usize>,
    /// The block after the current one.
    next_block: usize,
    current: Option<(Block, Place)>,
    /// Messages left out since the last batch.
    left_out: u64,
}

impl<S: Source> Reader<S> {
    /// Opens it. What is wrong within is told by [`Reader::repairs`].
    pub fn open(source: S) -> Result<Self, OpenError> {
        let length = source.length()?;
        let mut prefix = [0; PREFIX_BYTES];
        match source.read_at(0, &mut prefix) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(OpenError::NotARecording),
            read => read?,
        }
        let (version, facts_bytes) = parse_prefix(&prefix).ok_or(OpenError::NotARecording)?;
        if version != VERSION {
            return Err(OpenError::TooNew(version));
        }
        let mut repairs = Repairs::default();
        let facts = read_facts(&source, facts_bytes, length)?;
        repairs.is_header_damaged = facts.is_none();
        let (facts, begin) = facts.unwrap_or_else(|| (RecordingFacts::default(), PREFIX_BYTES as u64));
        let index = read_index(&source, begin, length)?;
        repairs.is_unfinished = index.is_none();
        let walked = index.map_or_else(|| walk(&source, begin, length, &mut repairs), |entries| Ok(entries.into()))?;
        let gaps = walked.gaps(&mut repairs);
        Ok(Self { facts, repairs, gaps, ..Self::of_blocks(source, walked.entries) })
    }

    /// Reads these blocks of a file, whatever else is in it.
    pub fn of_blocks(source: S, entries: Vec<Entry>) -> Self {
        Self {
            source,
            facts: RecordingFacts::default(),
            entries,
            repairs: Repairs::default(),
            gaps: BTreeMap::new(),
            bad: BTreeSet::new(),
            next_block: 0,
            current: None,
            left_out: 0,
        }
    }

    /// What it says about itself.
    pub const fn facts(&self) -> &RecordingFacts {
        &self.facts
    }

    /// Its blocks, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What had to be repaired so far; blocks are looked at when they are read.
    pub const fn repairs(&self) -> &Repairs {
        &self.repairs
    }

    /// Messages in it, by the index.
    pub fn messages(&self) -> u64 {
        self.entries.iter().map(|entry| u64::from(entry.messages)).sum()
    }

    /// From when to when, in microseconds since 1970 UTC.
    pub fn span_unix_micros(&self) -> Option<(i64, i64)> {
        let filled = || self.entries.iter().filter(|entry| entry.messages > 0);
        Some((filled().map(|entry| entry.min_unix).min()?, filled().map(|entry| entry.max_unix).max()?))
    }

    /// The next messages; `None` at the end. What is damaged or missing is left out, noted, and counted in the batch behind
    /// it; at the end in one without messages.
    pub fn next_batch(&mut self) -> io::Result<Option<Batch>> {
        loop {
            if let Some((block, place)) = &mut self.current {
                if let Some(mut batch) = block.next(place) {
                    batch.missed.left_out = std::mem::take(&mut self.left_out);
                    return Ok(Some(batch));
                }
                self.current = None;
            }
            let number = self.next_block;
            if number > self.entries.len() {
                return Ok(None);
            }
            self.next_block += 1;
            self.leave_out(self.gaps.get(&number).copied().unwrap_or_default());
            if number < self.entries.len() {
                self.current = self.block_or_less(number)?.map(|block| (block, Place::default()));
            } else if self.left_out > 0 {
                let mut last = Batch::default();
                last.missed.left_out = std::mem::take(&mut self.left_out);
                return Ok(Some(last));
            }
        }
    }

    /// A block that is being played; its messages are counted as left out if it cannot be read.
    fn block_or_less(&mut self, number: usize) -> io::Result<Option<Block>> {
        let block = self.block(number)?;
        if block.is_none() {
            self.leave_out(self.entries.get(number).map_or(0, |entry| u64::from(entry.messages)));
        }
        Ok(block)
    }

    const fn leave_out(&mut self, messages: u64) {
        self.left_out = self.left_out.saturating_add(messages);
    }

    /// Goes to the first message at or after that time, in microseconds since 1970 UTC; to the end if there is none.
    pub fn seek(&mut self, unix_micros: i64) -> io::Result<()> {
        self.current = None;
        self.left_out = 0;
        let mut number = 0;
        while let Some(entry) = self.entries.get(number) {
            number += 1;
            if entry.messages == 0 || entry.max_unix < unix_micros {
                continue;
            }
            let Some(block) = self.block_or_less(number - 1)? else { continue };
            if let Some(place) = block.find(|arrival| arrival.unix_micros >= unix_micros) {
                self.current = Some((block, place));
                break;
            }
        }
        self.next_block = number;
        Ok(())
    }

    /// Goes to that block.
    pub fn seek_block(&mut self, number: usize) {
        self.current = None;
        self.left_out = 0;
        self.next_block = number;
    }

    /// The next block from `from` on that holds a message with that topic. Looks into blocks whose filter lets it.
    pub fn find_topic(&mut self, topic: &[u8], from: usize) -> io::Result<Option<usize>> {
        for number in from..self.entries.len() {
            if self.filter_lets(number, topic)? && self.block(number)?.is_some_and(|block| block.has_topic(topic)) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }

    /// Reads and unpacks a block; `None` if it is damaged, which is noted.
    pub fn block(&mut self, number: usize) -> io::Result<Option<Block>> {
        let Some(entry) = self.entries.get(number).copied() else { return Ok(None) };
        let block = self
            .read_block(number)?
            .and_then(|(header, bytes)| Block::decode(&header, &bytes[HEADER_BYTES + header.filter_bytes as usize..]));
        if block.is_none() && self.bad.insert(number) {
            let messages = u64::from(entry.messages);
            self.repairs.skip(Skip { offset: entry.offset, bytes: entry.bytes, messages: Some(messages) });
            let left_out = &mut self.repairs.left_out.messages;
            *left_out = left_out.saturating_add(messages);
        }
        Ok(block)
    }

    /// A block as it lies in the file; `None` if its header or its length is not what the index says.
    pub fn read_block(&self, number: usize) -> io::Result<Option<(BlockHeader, Vec<u8>)>> {
        let Some(entry) = self.entries.get(number) else { return Ok(None) };
        // Index and length of the file agree, so this room is not larger than the file.
        let mut bytes = vec![0; usize::try_from(entry.bytes).map_err(io::Error::other)?];
        if is_cut(self.source.read_at(entry.offset, &mut bytes))? {
            return Ok(None);
        }
        let header = BlockHeader::parse(&bytes).filter(|header| Entry::new(entry.offset, header) == *entry);
        Ok(header.map(|header| (header, bytes)))
    }

    fn filter_lets(&self, number: usize, topic: &[u8]) -> io::Result<bool> {
        let offset = self.entries[number].offset;
        let Some(header) = read_header(&self.source, offset)? else { return Ok(true) };
        let mut bytes = vec![0; header.filter_bytes as usize];
        let is_cut = is_cut(self.source.read_at(offset + HEADER_BYTES as u64, &mut bytes))?;
        // A damaged filter excludes nothing.
        Ok(is_cut || checksum(&bytes) != header.filter_crc || filter::may_hold(&bytes, topic))
    }
}

/// Whether reading ended before the buffer was full: the file is shorter than it was.
fn is_cut(read: io::Result<()>) -> io::Result<bool> {
    match read {
        Ok(()) => Ok(false),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(true),
        Err(error) => Err(error),
    }
}

/// The facts, and where the blocks begin.
fn read_facts(source: &impl Source, facts_bytes: u32, length: u64) -> io::Result<Option<(RecordingFacts, u64)>> {
    let begin = PREFIX_BYTES as u64 + u64::from(facts_bytes) + 4;
    if facts_bytes > MAX_FACTS_BYTES || begin > length {
        return Ok(None);
    }
    let mut header = vec![0; PREFIX_BYTES + facts_bytes as usize + 4];
    if is_cut(source.read_at(0, &mut header))? {
        return Ok(None);
    }
    Ok(parse_facts(&header).map(|facts| (facts, begin)))
}

fn read_index(source: &impl Source, begin: u64, length: u64) -> io::Result<Option<Vec<Entry>>> {
    let mut end = [0; END_BYTES];
    let Some(end_offset) = length.checked_sub(END_BYTES as u64) else { return Ok(None) };
    if is_cut(source.read_at(end_offset, &mut end))? {
        return Ok(None);
    }
    let Some((offset, bytes)) = parse_end(&end) else { return Ok(None) };
    if bytes < u32::try_from(INDEX_PREFIX_BYTES).unwrap_or_default()
        || offset.checked_add(u64::from(bytes)) != Some(end_offset)
    {
        return Ok(None);
    }
    let mut index = vec![0; bytes as usize];
    if is_cut(source.read_at(offset, &mut index))? {
        return Ok(None);
    }
    Ok(parse_index(&index, begin, offset))
}

/// The blocks that were found.
#[derive(Default)]
struct Blocks {
    entries: Vec<Entry>,
    /// Where another recording begins: with that block.
    joints: Vec<usize>,
    /// Messages of blocks at the end that are not whole.
    cut_messages: u64,
}

impl From<Vec<Entry>> for Blocks {
    fn from(entries: Vec<Entry>) -> Self {
        Self { entries, ..Self::default() }
    }
}

impl Blocks {
    /// How many messages came before what follows, by the blocks so far.
    fn next_message(&self) -> u64 {
        self.entries.last().map_or(0, Entry::next_message)
    }

    /// Whether the first block of the recording, or of the one that was joined to it last, is among them.
    fn has_its_first(&self) -> bool {
        let begin = self.joints.last().copied().unwrap_or_default();
        self.entries.iter().skip(begin).any(|entry| entry.first_message == 0)
    }

    /// How many messages are missing before each block, and at the end, by the numbers that the blocks bear. Noted.
    fn gaps(&self, repairs: &mut Repairs) -> BTreeMap<usize, u64> {
        let mut gaps = BTreeMap::new();
        // The blocks of a ring bear no numbers.
        let is_numbered = self.entries.iter().any(|entry| entry.first_message > 0);
        let count = self.entries.len();
        let ends = self.joints.iter().map(|joint| count.min(*joint)).chain([count]);
        let mut begin = 0;
        for end in ends.filter(|_| is_numbered) {
            self.gaps_within(begin..end, &mut gaps, repairs);
            begin = end;
        }
        repairs.gaps = gaps.len() as u64;
        repairs.is_joined = !self.joints.is_empty();
        if self.cut_messages > 0 {
            *gaps.entry(count).or_default() += self.cut_messages;
        }
        let missing = gaps.values().copied().fold(0, u64::saturating_add);
        repairs.left_out.messages = repairs.left_out.messages.saturating_add(missing);
        gaps
    }

    /// Blocks may stand in another order than they were written in; what none of them holds is missing.
    fn gaps_within(&self, part: std::ops::Range<usize>, gaps: &mut BTreeMap<usize, u64>, repairs: &mut Repairs) {
        let mut highest = 0;
        for entry in &self.entries[part.clone()] {
            repairs.out_of_order += u64::from(entry.first_message < highest);
            highest = highest.max(entry.next_message());
        }
        let mut numbers: Vec<usize> = part.collect();
        numbers.sort_by_key(|number| self.entries[*number].first_message);
        let mut next = 0;
        for number in numbers {
            let entry = &self.entries[number];
            if entry.first_message > next {
                gaps.insert(number, entry.first_message - next);
            }
            next = next.max(entry.next_message());
        }
    }
}

/// Finds the blocks by their headers.
fn walk(source: &impl Source, begin: u64, length: u64, repairs: &mut Repairs) -> io::Result<Blocks> {
    let mut blocks = Blocks::default();
    let mut offset = begin;
    // Whether it is known how many messages the rest holds.
    let mut is_counted = false;
    while offset < length {
        if let Some(header) = read_header(source, offset)? {
            let entry = Entry::new(offset, &header);
            if entry.end() > length {
                is_counted = true;
                blocks.cut_messages = u64::from(entry.messages);
                break;
            }
            offset = entry.end();
            blocks.entries.push(entry);
            continue;
        }
        let is_end = begins_with(source, offset, &INDEX_MAGIC)?;
        let Some(next) = find_header(source, offset + 1, length)? else {
            // With it, only the end of the file is damaged.
            is_counted = is_end;
            offset = if is_end { length } else { offset };
            break;
        };
        let first = read_header(source, next)?.map(|header| header.first_message);
        if first == Some(0) && blocks.has_its_first() {
            blocks.joints.push(blocks.entries.len());
        }
        if !(first == Some(0) && (is_end || begins_with(source, offset, &index::MAGIC)?)) {
            let messages = first.and_then(|first| first.checked_sub(blocks.next_message()));
            repairs.skip(Skip { offset, bytes: next - offset, messages });
        }
        offset = next;
    }
    repairs.cut_bytes = length.saturating_sub(offset);
    repairs.left_out.is_more |= repairs.cut_bytes > 0 && !is_counted;
    cut_bad_tail(source, &mut blocks, repairs)?;
    Ok(blocks)
}

fn begins_with(source: &impl Source, offset: u64, magic: &[u8]) -> io::Result<bool> {
    let mut found = vec![0; magic.len()];
    Ok(!is_cut(source.read_at(offset, &mut found))? && found == magic)
}

/// The body of the last block may not have reached the disk though its header did.
fn cut_bad_tail(source: &impl Source, blocks: &mut Blocks, repairs: &mut Repairs) -> io::Result<()> {
    while let Some(last) = blocks.entries.last() {
        let mut bytes = vec![0; usize::try_from(last.bytes).map_err(io::Error::other)?];
        let is_whole = !is_cut(source.read_at(last.offset, &mut bytes))?
            && BlockHeader::parse(&bytes).is_some_and(|header| {
                bytes.get(HEADER_BYTES + header.filter_bytes as usize..).map(checksum) == Some(header.body_crc)
            });
        if is_whole {
            break;
        }
        repairs.cut_bytes += last.bytes;
        blocks.cut_messages += u64::from(last.messages);
        blocks.entries.pop();
    }
    Ok(())
}

fn read_header(source: &impl Source, offset: u64) -> io::Result<Option<BlockHeader>> {
    let mut bytes = [0; HEADER_BYTES];
    Ok(if is_cut(source.read_at(offset, &mut bytes))? { None } else { BlockHeader::parse(&bytes) })
}

/// Looks for the next place where a block's header stands.
fn find_header(source: &impl Source, from: u64, length: u64) -> io::Result<Option<u64>> {
    let finder = memmem::Finder::new(&block::MAGIC);
    let mut buffer = vec![0; SEARCH_BYTES];
    let mut offset = from;
    while offset + HEADER_BYTES as u64 <= length {
        let room = usize::try_from(length - offset).map_or(SEARCH_BYTES, |left| left.min(SEARCH_BYTES));
        let window = &mut buffer[..room];
        if is_cut(source.read_at(offset, window))? {
            return Ok(None);
        }
        for at in finder.find_iter(window) {
            let place = offset + at as u64;
            if read_header(source, place)?.is_some() {
                return Ok(Some(place));
            }
        }
        // The mark may lie across the edge of two windows.
        offset += room.saturating_sub(index::INDEX_MAGIC.len() - 1).max(1) as u64;
    }
    Ok(None)
}
