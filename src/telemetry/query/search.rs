//! [`Search`]: the messages that fit a query, found piece by piece so that nobody waits, and kept up with what arrives.

use std::collections::VecDeque;

use super::CompiledQuery;
use crate::telemetry::decode::Decoders;
use crate::telemetry::view::{MessageId, TopicId};

/// A message as it is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held<'a> {
    /// The message.
    pub id: MessageId,
    /// Its topic.
    pub topic_id: TopicId,
    /// Its topic, as it came.
    pub topic: &'a [u8],
    /// Its payload.
    pub payload: &'a [u8],
    /// When it came, in microseconds since the inspection began.
    pub mono_micros: u64,
    /// When it came, in microseconds since 1970 UTC.
    pub unix_micros: i64,
}

/// Where held messages are looked up.
pub trait Source {
    /// The oldest one held.
    fn oldest(&self) -> Option<MessageId>;

    /// The newest one held.
    fn newest(&self) -> Option<MessageId>;

    /// Shows the messages from that one on, in the order of arrival, for as long as the answer is true.
    fn visit(&self, from: MessageId, show: &mut dyn FnMut(Held<'_>) -> bool);
}

/// How much may be done at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Messages looked at; one with a jq expression counts for several.
    pub messages: usize,
    /// Bytes of payload looked at.
    pub bytes: usize,
}

impl Default for Budget {
    /// What takes a millisecond or two.
    fn default() -> Self {
        Self { messages: 10_000, bytes: 1 << 20 }
    }
}

impl Budget {
    /// Takes a piece off. False if nothing is left behind it.
    pub(in crate::telemetry) fn take(&mut self, messages: usize, bytes: usize) -> bool {
        self.messages = self.messages.saturating_sub(messages);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.messages > 0 && self.bytes > 0
    }
}

/// A search that goes on.
#[derive(Debug)]
pub struct Search {
    query: CompiledQuery,
    found: VecDeque<MessageId>,
    /// The next message to look at.
    next: MessageId,
    /// Where it began, for how much is done.
    start: MessageId,
    /// Found ones that are not held any more.
    dropped: u64,
}

impl Search {
    /// A search through everything that is held and everything that comes.
    pub fn new(query: CompiledQuery, source: &dyn Source) -> Self {
        let start = source.oldest().unwrap_or(MessageId(0));
        Self { query, found: VecDeque::new(), next: start, start, dropped: 0 }
    }

    /// Goes on for as long as the budget lasts. True once nothing is left to look at.
    pub fn advance(&mut self, source: &dyn Source, decoders: &Decoders, mut budget: Budget) -> bool {
        self.forget_evicted(source);
        let Some(newest) = source.newest() else { return true };
        if self.next > newest {
            return true;
        }
        let (query, found) = (&self.query, &mut self.found);
        let cost = query.cost();
        let mut next = self.next;
        source.visit(self.next, &mut |held| {
            if query.matches(held.topic, held.payload, held.mono_micros, decoders) {
                found.push_back(held.id);
            }
            next = MessageId(held.id.0 + 1);
            budget.take(cost, held.topic.len() + held.payload.len())
        });
        self.next = next;
        self.next > newest
    }

    /// Drops the ids of messages that had to make room.
    fn forget_evicted(&mut self, source: &dyn Source) {
        let Some(oldest) = source.oldest() else {
            self.dropped += self.found.len() as u64;
            self.found.clear();
            return;
        };
        let gone = self.found.partition_point(|id| *id < oldest);
        self.found.drain(..gone);
        self.dropped += gone as u64;
        self.next = self.next.max(oldest);
    }

    /// The query.
    pub fn query(&self) -> &CompiledQuery {
        &self.query
    }

    /// How many are found and still held.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether none is found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Found ones that had to make room since the search began.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// How many of the found ones are no newer than that message.
    pub fn count_until(&self, until: MessageId) -> usize {
        self.found.partition_point(|id| *id <= until)
    }

    /// Found ones from that row on, oldest first.
    pub fn rows(&self, first: usize, count: usize) -> impl Iterator<Item = MessageId> + '_ {
        self.found.iter().skip(first).take(count).copied()
    }

    /// The row of a message, if it was found and is held.
    pub fn row_of(&self, id: MessageId) -> Option<usize> {
        self.found.binary_search(&id).ok()
    }

    /// How much of what is held has been looked at, from 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "it is a bar on a screen")]
    pub fn progress(&self, source: &dyn Source) -> f32 {
        let Some(newest) = source.newest().filter(|newest| self.next <= *newest) else { return 1.0 };
        let start = source.oldest().unwrap_or(self.start).max(self.start);
        let whole = (newest.0 + 1).saturating_sub(start.0).max(1);
        (self.next.0.saturating_sub(start.0) as f32 / whole as f32).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
pub(in crate::telemetry) mod tests {
    use super::*;
    use crate::telemetry::view::Query;

    /// Messages in a list, of which the first ones may be gone.
    #[derive(Default)]
    pub(in crate::telemetry) struct Messages {
        pub(in crate::telemetry) all: Vec<(String, Vec<u8>, i64)>,
        pub(in crate::telemetry) gone: usize,
    }

    impl Messages {
        pub(in crate::telemetry) fn push(&mut self, topic: &str, payload: &[u8], unix_micros: i64) {
            self.all.push((topic.into(), payload.into(), unix_micros));
        }
    }

    impl Source for Messages {
        fn oldest(&self) -> Option<MessageId> {
            (self.gone < self.all.len()).then_some(MessageId(self.gone as u64))
        }

        fn newest(&self) -> Option<MessageId> {
            (self.gone < self.all.len()).then(|| MessageId(self.all.len() as u64 - 1))
        }

        fn visit(&self, from: MessageId, show: &mut dyn FnMut(Held<'_>) -> bool) {
            let from = usize::try_from(from.0).unwrap().max(self.gone);
            for (place, (topic, payload, unix_micros)) in self.all.iter().enumerate().skip(from) {
                let topic_id = self.all.iter().position(|(other, ..)| other == topic).unwrap();
                let held = Held {
                    id: MessageId(place as u64),
                    topic_id: TopicId(u32::try_from(topic_id).unwrap()),
                    topic: topic.as_bytes(),
                    payload,
                    mono_micros: place as u64,
                    unix_micros: *unix_micros,
                };
                if !show(held) {
                    return;
                }
            }
        }
    }

    fn search(source: &Messages) -> Search {
        let query = Query { text: "x".into(), ..Query::default() };
        Search::new(CompiledQuery::compile(&query).unwrap(), source)
    }

    fn rows(search: &Search) -> Vec<u64> {
        search.rows(0, 100).map(|id| id.0).collect()
    }

    #[test]
    fn a_search_stops_at_its_budget_and_goes_on() {
        let mut source = Messages::default();
        for place in 0..10 {
            source.push("t", if place % 2 == 0 { b"x" } else { b"y" }, 0);
        }
        let (mut search, decoders) = (search(&source), Decoders::new());
        let budget = Budget { messages: 4, bytes: 1000 };
        assert!(!search.advance(&source, &decoders, budget));
        assert_eq!((rows(&search), search.progress(&source)), (vec![0, 2], 0.4));
        assert!(!search.advance(&source, &decoders, budget));
        assert!(search.advance(&source, &decoders, budget));
        assert_eq!((rows(&search), search.progress(&source)), (vec![0, 2, 4, 6, 8], 1.0));

        source.push("x", b"", 0);
        assert!(search.advance(&source, &decoders, budget));
        assert_eq!(rows(&search), [0, 2, 4, 6, 8, 10]);
        assert_eq!((search.count_until(MessageId(5)), search.row_of(MessageId(6))), (3, Some(3)));
    }

    #[test]
    fn what_had_to_make_room_is_dropped_and_counted() {
        let mut source = Messages::default();
        (0..6).for_each(|_| source.push("t", b"x", 0));
        let (mut search, decoders) = (search(&source), Decoders::new());
        search.advance(&source, &decoders, Budget { messages: 2, bytes: 1000 });
        source.gone = 3;
        assert!(search.advance(&source, &decoders, Budget::default()));
        assert_eq!((rows(&search), search.dropped()), (vec![3, 4, 5], 2));
        source.gone = 6;
        assert!(search.advance(&source, &decoders, Budget::default()));
        assert_eq!((search.len(), search.dropped()), (0, 5));
    }
}
