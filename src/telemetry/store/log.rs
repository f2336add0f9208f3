//! The messages themselves, in the order of their arrival, in blocks of which the oldest goes first.
//!
//! A message is a head of fixed size and a payload in the arena of its block. The head tells how many messages back the one
//! before it on the same topic is: a topic's history is a chain through the log, and costs nothing when a block goes.
//! Payloads that would fill much of a block lie beside it, each in memory of its own.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::mqtt::message::{Properties, Qos};
use crate::telemetry::batch::Arrival;

/// The smallest and the largest block, in bytes.
const BLOCK_BYTES: std::ops::RangeInclusive<usize> = 64 * 1024..=1024 * 1024;
/// Into how many blocks a budget is split, if they are of a size that is allowed.
const BLOCKS: usize = 512;
/// From that length on a payload lies beside its block.
const LARGE_BYTES: usize = 32 * 1024;
/// An emptied block is kept for new messages while there are more blocks than this.
const MANY_BLOCKS: usize = 8;

const QOS: u64 = 0b0000_0011;
const RETAINED: u64 = 0b0000_0100;
const DUPLICATE: u64 = 0b0000_1000;
/// The payload lies beside the block.
const LARGE: u64 = 0b0001_0000;
/// The topic is not interned: it stands before the payload, behind its length.
const NAMED: u64 = 0b0010_0000;
const FLAG_BITS: u32 = 8;

/// What is known of a message without its payload.
#[derive(Clone, Copy)]
struct Head {
    /// Where the payload begins in the arena, or which one of the large ones it is.
    start: u32,
    topic: u32,
    /// How many messages back the previous one of the topic is; 0 if there is none.
    back: u32,
    bytes: u32,
    /// Microseconds of arrival, and below them the flags.
    time: u64,
}

/// Messages that come and go together.
#[derive(Default)]
struct Block {
    first: u64,
    heads: Vec<Head>,
    arena: Vec<u8>,
    large: Vec<Arc<[u8]>>,
    large_bytes: usize,
    /// From which message on which number of microseconds makes 1970 UTC out of the time of arrival.
    offsets: Vec<(u32, i64)>,
    properties: Vec<(u32, Box<Properties>)>,
    properties_bytes: usize,
}

/// A message as it lies in the log.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) id: u64,
    pub(super) topic: u32,
    /// Its topic, where that is not interned.
    pub(super) name: Option<&'a [u8]>,
    pub(super) payload: &'a [u8],
    pub(super) qos: Qos,
    pub(super) is_retained: bool,
    pub(super) is_duplicate: bool,
    pub(super) mono_micros: u64,
    pub(super) unix_micros: i64,
    pub(super) properties: Option<&'a Properties>,
}

/// Messages in the order of their arrival.
pub(super) struct Log {
    blocks: VecDeque<Block>,
    spare: Option<Block>,
    block_bytes: usize,
    /// Memory of all blocks but the newest, and of the spare one.
    closed_bytes: usize,
    first: u64,
    next: u64,
    offset: i64,
}

impl Log {
    pub(super) fn new(budget_bytes: usize) -> Self {
        let mut log = Self {
            blocks: VecDeque::new(),
            spare: None,
            block_bytes: 0,
            closed_bytes: 0,
            first: 0,
            next: 0,
            offset: 0,
        };
        log.set_budget(budget_bytes);
        log
    }

    /// Makes blocks of a size that suits the budget from now on.
    pub(super) fn set_budget(&mut self, budget_bytes: usize) {
        self.block_bytes = (budget_bytes / BLOCKS).clamp(*BLOCK_BYTES.start(), *BLOCK_BYTES.end());
    }

    /// The oldest message held, or the next one to come.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The next message to come.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Bytes of memory, with what is set aside.
    pub(super) fn memory(&self) -> usize {
        self.closed_bytes + self.blocks.back().map_or(0, Block::memory)
    }

    /// Whether there is a block to spare: the newest one stays whatever it takes.
    pub(super) fn can_evict(&self) -> bool {
        self.blocks.len() > 1
    }

    /// What makes 1970 UTC out of the time of arrival, from the next message on.
    pub(super) fn set_offset(&mut self, unix_offset_micros: i64) {
        if self.offset != unix_offset_micros {
            self.offset = unix_offset_micros;
            if let Some(block) = self.blocks.back_mut() {
                block.set_offset(unix_offset_micros);
            }
        }
    }

    /// Adds a message; `name` is its topic if that is not interned. True if a block was begun for it.
    #[inline]
    pub(super) fn push(
        &mut self,
        topic: u32,
        previous: Option<u64>,
        name: Option<&[u8]>,
        arrival: &Arrival<'_>,
    ) -> bool {
        let is_new = self.blocks.back().is_none_or(|block| block.used() >= self.block_bytes);
        if is_new {
            self.begin_block();
        }
        let id = self.next;
        let back = previous.map_or(0, |previous| u32::try_from(id - previous).unwrap_or(0));
        let Some(block) = self.blocks.back_mut() else { return false };
        block.push(topic, back, name, arrival, self.block_bytes);
        self.next += 1;
        is_new
    }

    /// Takes the oldest block out, and shows each of its messages before.
    pub(super) fn evict(&mut self, mut see: impl FnMut(&Entry<'_>)) {
        let Some(block) = self.blocks.pop_front() else { return };
        self.closed_bytes -= block.memory();
        for place in 0..block.heads.len() {
            see(&block.entry(place));
        }
        self.first = block.first + block.heads.len() as u64;
        if self.spare.is_none() && self.blocks.len() > MANY_BLOCKS {
            let block = block.emptied();
            self.closed_bytes += block.memory();
            self.spare = Some(block);
        }
    }

    /// Forgets all messages. Numbers go on.
    pub(super) fn clear(&mut self) {
        self.blocks.clear();
        self.spare = None;
        self.closed_bytes = 0;
        self.first = self.next;
    }

    /// The message with that number, if it is held.
    pub(super) fn get(&self, id: u64) -> Option<Entry<'_>> {
        let block = &self.blocks[self.block_of(id)?];
        Some(block.entry(usize::try_from(id - block.first).ok()?))
    }

    /// The payload of a message as a thing of its own; without a copy where it is large.
    pub(super) fn payload(&self, id: u64) -> Option<Arc<[u8]>> {
        let block = &self.blocks[self.block_of(id)?];
        let head = block.heads.get(usize::try_from(id - block.first).ok()?)?;
        if head.time & LARGE != 0 && head.time & NAMED == 0 {
            return block.large.get(head.start as usize).cloned();
        }
        Some(self.get(id)?.payload.into())
    }

    /// The message before that one on its topic, if it is held.
    pub(super) fn previous(&self, id: u64) -> Option<u64> {
        let block = &self.blocks[self.block_of(id)?];
        let back = block.heads.get(usize::try_from(id - block.first).ok()?)?.back;
        id.checked_sub(u64::from(back)).filter(|previous| back != 0 && *previous >= self.first)
    }

    /// The messages in their order, from that one on and up to the one given, which is not among them.
    pub(super) fn scan(&self, from: u64, until: u64) -> Scan<'_> {
        let from = from.clamp(self.first, self.next);
        Scan { log: self, from, until: until.clamp(from, self.next), front: 0, back: self.blocks.len() }
    }

    fn block_of(&self, id: u64) -> Option<usize> {
        if id < self.first || id >= self.next {
            return None;
        }
        // Blocks hold about the same number of messages each, so the guess is mostly right or next to it.
        self.blocks.partition_point(|block| block.first <= id).checked_sub(1)
    }

    fn begin_block(&mut self) {
        let mut block = match self.spare.take() {
            Some(block) => {
                self.closed_bytes -= block.memory();
                block
            }
            None => self.blocks.back().map_or_else(Block::default, |last| Block {
                heads: Vec::with_capacity(last.heads.len() + last.heads.len() / 16),
                arena: Vec::with_capacity(last.arena.len() + last.arena.len() / 16),
                ..Block::default()
            }),
        };
        if let Some(last) = self.blocks.back_mut() {
            last.close();
            self.closed_bytes += last.memory();
        }
        block.first = self.next;
        block.set_offset(self.offset);
        self.blocks.push_back(block);
    }
}

impl Block {
    /// Bytes that messages take.
    #[inline]
    fn used(&self) -> usize {
        self.arena.len() + self.heads.len() * size_of::<Head>() + self.large_bytes + self.properties_bytes
    }

    /// Bytes of memory, with what is set aside.
    fn memory(&self) -> usize {
        size_of::<Self>()
            + self.arena.capacity()
            + self.heads.capacity() * size_of::<Head>()
            + self.large_bytes
            + self.large.capacity() * size_of::<Arc<[u8]>>()
            + self.offsets.capacity() * size_of::<(u32, i64)>()
            + self.properties.capacity() * size_of::<(u32, Box<Properties>)>()
            + self.properties_bytes
    }

    #[inline]
    fn push(&mut self, topic: u32, back: u32, name: Option<&[u8]>, arrival: &Arrival<'_>, block_bytes: usize) {
        let mut flags = u64::from(arrival.qos.number());
        if arrival.is_retained {
            flags |= RETAINED;
        }
        if arrival.is_duplicate {
            flags |= DUPLICATE;
        }
        if let Some(properties) = arrival.properties {
            self.push_properties(properties);
        }
        let bytes = u32::try_from(arrival.payload.len()).unwrap_or(u32::MAX);
        let start = if name.is_some() || arrival.payload.len() >= LARGE_BYTES {
            self.push_apart(name, arrival.payload, &mut flags)
        } else {
            let start = self.arena.len();
            if self.arena.capacity() - start < arrival.payload.len() {
                self.arena.reserve_exact(arrival.payload.len().max(block_bytes / 4));
            }
            self.arena.extend_from_slice(arrival.payload);
            start
        };
        if self.heads.len() == self.heads.capacity() {
            self.heads.reserve_exact((self.heads.len() / 4).max(64));
        }
        self.heads.push(Head {
            start: u32::try_from(start).unwrap_or(u32::MAX),
            topic,
            back,
            bytes,
            time: arrival.mono_micros.min(u64::MAX >> FLAG_BITS) << FLAG_BITS | flags,
        });
    }

    /// Puts a large payload, or one with its topic before it, beside the others.
    #[cold]
    fn push_apart(&mut self, name: Option<&[u8]>, payload: &[u8], flags: &mut u64) -> usize {
        let named = name.map(|name| {
            *flags |= NAMED;
            let bytes = u16::try_from(name.len()).unwrap_or(u16::MAX);
            [&bytes.to_le_bytes()[..], &name[..usize::from(bytes)], payload].concat()
        });
        let all = named.as_deref().unwrap_or(payload);
        if all.len() < LARGE_BYTES {
            self.arena.extend_from_slice(all);
            return self.arena.len() - all.len();
        }
        *flags |= LARGE;
        self.large_bytes += all.len() + 2 * size_of::<usize>();
        self.large.push(all.into());
        self.large.len() - 1
    }

    #[cold]
    fn push_properties(&mut self, properties: &Properties) {
        let place = u32::try_from(self.heads.len()).unwrap_or(u32::MAX);
        self.properties_bytes += memory_of(properties);
        self.properties.push((place, Box::new(properties.clone())));
    }

    fn set_offset(&mut self, offset: i64) {
        let place = u32::try_from(self.heads.len()).unwrap_or(u32::MAX);
        match self.offsets.last_mut() {
            Some(last) if last.0 == place => last.1 = offset,
            _ => self.offsets.push((place, offset)),
        }
    }

    fn entry(&self, place: usize) -> Entry<'_> {
        let head = self.heads[place];
        let id = self.first + place as u64;
        let (start, bytes) = (head.start as usize, head.bytes as usize);
        let all = if head.time & LARGE == 0 { &self.arena[start..] } else { &self.large[start] };
        let (name, payload) = if head.time & NAMED == 0 {
            (None, all)
        } else {
            let (length, rest) = all.split_at(2);
            let (name, payload) = rest.split_at(usize::from(u16::from_le_bytes([length[0], length[1]])));
            (Some(name), payload)
        };
        let at = u32::try_from(place).unwrap_or(u32::MAX);
        let run = self.offsets.partition_point(|(from, _)| *from <= at);
        let offset = run.checked_sub(1).map_or(0, |run| self.offsets[run].1);
        let mono_micros = head.time >> FLAG_BITS;
        let properties = if self.properties.is_empty() {
            None
        } else {
            self.properties.binary_search_by_key(&at, |(place, _)| *place).ok().map(|at| &*self.properties[at].1)
        };
        let qos = (head.time & QOS) as u8;
        Entry {
            id,
            topic: head.topic,
            name,
            payload: &payload[..bytes],
            qos: Qos::from_number(qos).unwrap_or_default(),
            is_retained: head.time & RETAINED != 0,
            is_duplicate: head.time & DUPLICATE != 0,
            mono_micros,
            unix_micros: i64::try_from(mono_micros).unwrap_or(i64::MAX).saturating_add(offset),
            properties,
        }
    }

    /// Gives back what no message will need any more.
    fn close(&mut self) {
        if self.arena.len() < self.arena.capacity() / 4 * 3 {
            self.arena.shrink_to_fit();
        }
        if self.heads.len() < self.heads.capacity() / 4 * 3 {
            self.heads.shrink_to_fit();
        }
    }

    /// The block without its messages, with its memory.
    fn emptied(mut self) -> Self {
        self.heads.clear();
        self.arena.clear();
        self.offsets.clear();
        Self { heads: self.heads, arena: self.arena, offsets: self.offsets, ..Self::default() }
    }
}

/// Messages in their order, from both ends.
pub(super) struct Scan<'a> {
    log: &'a Log,
    from: u64,
    until: u64,
    /// The block of the next message, and the one behind that of the last: where to look first.
    front: usize,
    back: usize,
}

impl<'a> Iterator for Scan<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        if self.from >= self.until {
            return None;
        }
        if !self.log.blocks.get(self.front).is_some_and(|block| block.holds(self.from)) {
            self.front = self.log.block_of(self.from)?;
        }
        let block = &self.log.blocks[self.front];
        let entry = block.entry(usize::try_from(self.from - block.first).ok()?);
        self.from += 1;
        Some(entry)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.until - self.from).unwrap_or(usize::MAX);
        (left, Some(left))
    }
}

impl DoubleEndedIterator for Scan<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.from >= self.until {
            return None;
        }
        let id = self.until - 1;
        if !self.back.checked_sub(1).and_then(|at| self.log.blocks.get(at)).is_some_and(|block| block.holds(id)) {
            self.back = self.log.block_of(id)? + 1;
        }
        let block = &self.log.blocks[self.back - 1];
        self.until = id;
        Some(block.entry(usize::try_from(id - block.first).ok()?))
    }
}

impl Block {
    fn holds(&self, id: u64) -> bool {
        id >= self.first && id - self.first < self.heads.len() as u64
    }
}

/// About how much memory properties take.
pub(super) fn memory_of(properties: &Properties) -> usize {
    let texts = properties.user.iter().map(|(name, value)| name.len() + value.len() + 2 * size_of::<String>());
    size_of::<Properties>()
        + properties.content_type.as_ref().map_or(0, String::len)
        + properties.response_topic.as_ref().map_or(0, String::len)
        + properties.correlation_data.len()
        + properties.subscription_ids.len() * size_of::<u32>()
        + texts.sum::<usize>()
}
