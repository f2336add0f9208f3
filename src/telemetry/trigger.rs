//! [`Trigger`]: a condition on messages that fires where it becomes true on a topic, and not again before it was untrue there.

use std::collections::HashSet;
use std::sync::Arc;

use super::batch::Arrival;
use super::decode::Decoders;
use super::query::CompiledQuery;
use super::view::{MessageId, Query};
use crate::model::problem::Problem;
use crate::model::text::visible_octets;

/// Topics on which it is remembered whether the condition holds.
const TOPICS: usize = 20_000;
/// Firings that are told of one batch; more are counted.
const TOLD: usize = 50;
/// Characters of a topic, and of a payload.
const TOPIC_CHARS: usize = 400;
const PAYLOAD_CHARS: usize = 120;

/// A message on which a trigger fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// The message.
    pub message: MessageId,
    /// Its topic, made safe to show.
    pub topic: Arc<str>,
    /// When it came, in microseconds since 1970 UTC.
    pub unix_micros: i64,
    /// Its payload on one line, shortened.
    pub preview: Arc<str>,
}

/// A condition that is watched.
pub struct Trigger {
    query: CompiledQuery,
    holds_on: HashSet<Box<[u8]>>,
    count: u64,
}

impl Trigger {
    /// Watches for messages that the query means.
    pub fn new(query: &Query) -> Result<Self, Problem> {
        if query.jq.trim().is_empty() {
            return Err(Problem::new(
                "telemetry.trigger_empty",
                "The trigger has no expression",
                "The expression is empty, or a variable of the shell is",
                "Write one, such as .temperature > 8",
            ));
        }
        Ok(Self { query: CompiledQuery::compile(query)?, holds_on: HashSet::new(), count: 0 })
    }

    /// How often it fired.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Looks at a message; says so where the trigger fires, unless enough is told already. A message that the broker had
    /// retained is old, and sets only what held before.
    pub fn look_at(&mut self, id: MessageId, arrival: &Arrival<'_>, decoders: &Decoders, fired: &mut Vec<Fired>) {
        let holds = self.query.matches(arrival.topic, arrival.payload, arrival.mono_micros, decoders);
        if !holds {
            self.holds_on.remove(arrival.topic);
            return;
        }
        let is_new = !self.holds_on.contains(arrival.topic);
        if is_new && self.holds_on.len() < TOPICS {
            self.holds_on.insert(arrival.topic.into());
        }
        if !is_new || arrival.is_retained {
            return;
        }
        self.count += 1;
        if fired.len() < TOLD {
            fired.push(Fired {
                message: id,
                topic: visible_octets(arrival.topic, TOPIC_CHARS).into(),
                unix_micros: arrival.unix_micros,
                preview: decoders.one_line(arrival.topic, arrival.payload, arrival.mono_micros, PAYLOAD_CHARS).into(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::mqtt::message::Qos;
    use crate::telemetry::batch::Batch;

    fn fired(jq: &str, messages: &[(&str, &str, bool)]) -> Vec<u64> {
        let mut trigger = Trigger::new(&Query { jq: jq.into(), ..Query::default() }).unwrap();
        let mut batch = Batch::new(0);
        for (topic, payload, is_retained) in messages {
            let arrival = Arrival {
                topic: topic.as_bytes(),
                payload: payload.as_bytes(),
                qos: Qos::AtMostOnce,
                is_retained: *is_retained,
                is_duplicate: false,
                mono_micros: 0,
                unix_micros: 0,
                properties: None,
            };
            assert!(batch.push(&arrival));
        }
        let (decoders, mut fired) = (Decoders::new(), Vec::new());
        for (place, arrival) in (0..).zip(batch.iter()) {
            trigger.look_at(MessageId(place), &arrival, &decoders, &mut fired);
        }
        assert_eq!(trigger.count(), fired.len() as u64);
        fired.iter().map(|one| one.message.0).collect()
    }

    #[test]
    fn it_fires_where_the_condition_becomes_true_on_a_topic() {
        let hot = ".t > 8";
        let messages = [
            ("a", "{\"t\":5}", false),
            ("a", "{\"t\":9}", false),
            ("a", "{\"t\":10}", false),
            ("b", "{\"t\":9}", false),
            ("a", "{\"t\":7}", false),
            ("a", "{\"t\":8.5}", false),
            ("a", "no JSON", false),
        ];
        assert_eq!(fired(hot, &messages), [1, 3, 5]);
    }

    #[test]
    fn what_the_broker_had_retained_fires_nothing() {
        assert_eq!(fired(".t > 8", &[("a", "{\"t\":9}", true), ("a", "{\"t\":9}", false)]), [] as [u64; 0]);
    }

    #[test]
    fn an_expression_that_is_none_is_told() {
        let query = Query { jq: ".t >".into(), ..Query::default() };
        assert_eq!(Trigger::new(&query).err().map(|problem| problem.code), Some("telemetry.jq"));
        let blank = Query { jq: "  ".into(), ..Query::default() };
        assert_eq!(Trigger::new(&blank).err().map(|problem| problem.code), Some("telemetry.trigger_empty"));
    }
}
