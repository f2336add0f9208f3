//! Topics by their bytes, each once, with what is counted of it.

use super::table::Table;

/// Stands for no topic, node or message.
pub(super) const NONE: u32 = u32::MAX;

/// All topics. A topic keeps its number for as long as the store lives.
pub(super) struct Topics {
    /// The bytes of all names, one after the other.
    names: Vec<u8>,
    totals: Vec<Totals>,
    table: Table,
    /// The topics that are not interned any more, because there are too many, in one.
    rest: Option<u32>,
}

/// What is counted of a topic, and where the rest of it is: one cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Totals {
    name_start: u32,
    name_bytes: u16,
    /// Whether the newest message was one the broker had kept.
    pub(super) is_retained: bool,
    /// The node of the tree where it ends.
    pub(super) node: u32,
    /// Messages and bytes since the start.
    pub(super) messages: u64,
    pub(super) bytes: u64,
    /// Of these, what the tree does not have yet.
    pub(super) pending_messages: u32,
    pub(super) pending_bytes: u64,
    /// The newest message, if there is one.
    pub(super) last: u64,
    /// When it came.
    pub(super) last_micros: u64,
    /// Messages that are in the log.
    pub(super) held: u32,
}

impl Topics {
    pub(super) fn new() -> Self {
        Self { names: Vec::new(), totals: Vec::new(), table: Table::new(), rest: None }
    }

    pub(super) fn len(&self) -> u32 {
        // `add` keeps it so.
        u32::try_from(self.totals.len()).unwrap_or(NONE)
    }

    #[inline]
    pub(super) fn find(&self, name: &[u8]) -> Option<u32> {
        self.table.find(self.table.hash(0, name), |topic| self.name(topic) == name)
    }

    /// Adds a topic that is not there yet. `None` if there is no number or place left.
    pub(super) fn add(&mut self, name: &[u8]) -> Option<u32> {
        let topic = self.len();
        let (Ok(name_start), Ok(name_bytes)) = (u32::try_from(self.names.len()), u16::try_from(name.len())) else {
            return None;
        };
        if topic >= NONE - 1 || u32::try_from(self.names.len() + name.len()).is_err() {
            return None;
        }
        self.names.extend_from_slice(name);
        self.totals.push(Totals {
            name_start,
            name_bytes,
            is_retained: false,
            node: NONE,
            messages: 0,
            bytes: 0,
            pending_messages: 0,
            pending_bytes: 0,
            last: 0,
            last_micros: 0,
            held: 0,
        });
        Some(topic)
    }

    /// Lets a topic be found by its name.
    pub(super) fn publish(&mut self, topic: u32) {
        let hash = self.table.hash(0, self.name(topic));
        self.table.insert(hash, topic);
    }

    /// The topic that stands for all those that are not interned; it cannot be found by a name.
    pub(super) fn rest(&self) -> Option<u32> {
        self.rest
    }

    pub(super) fn set_rest(&mut self, topic: u32) {
        self.rest = Some(topic);
    }

    #[inline]
    pub(super) fn name(&self, topic: u32) -> &[u8] {
        let totals = &self.totals[topic as usize];
        &self.names[totals.name_start as usize..][..usize::from(totals.name_bytes)]
    }

    /// Where the name lies among the names.
    pub(super) fn name_start(&self, topic: u32) -> u32 {
        self.totals[topic as usize].name_start
    }

    /// A piece of the names.
    #[inline]
    pub(super) fn piece(&self, start: u32, bytes: u16) -> &[u8] {
        &self.names[start as usize..][..usize::from(bytes)]
    }

    /// The names from there to there.
    pub(super) fn span(&self, start: u32, end: usize) -> &[u8] {
        &self.names[start as usize..end]
    }

    #[inline]
    pub(super) fn get(&self, topic: u32) -> Option<&Totals> {
        self.totals.get(topic as usize)
    }

    #[inline]
    pub(super) fn of(&self, topic: u32) -> &Totals {
        &self.totals[topic as usize]
    }

    #[inline]
    pub(super) fn of_mut(&mut self, topic: u32) -> &mut Totals {
        &mut self.totals[topic as usize]
    }

    /// Forgets what was counted.
    pub(super) fn clear(&mut self) {
        for totals in &mut self.totals {
            totals.messages = 0;
            totals.bytes = 0;
            totals.pending_messages = 0;
            totals.pending_bytes = 0;
            totals.last = 0;
            totals.last_micros = 0;
            totals.held = 0;
            totals.is_retained = false;
        }
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.names.capacity() + self.totals.capacity() * size_of::<Totals>() + self.table.memory()
    }
}
