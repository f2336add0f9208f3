//! A store whose topics get a message each, round after round.

use linesman::model::mqtt::message::Qos;
use linesman::telemetry::batch::{Arrival, Batch};
use linesman::telemetry::store::Store;

/// When a round is, microseconds since the beginning.
pub(crate) const fn mono(round: u64) -> u64 {
    round * 33_000 + 1
}

/// A message on each of that many topics.
pub(crate) fn fill(store: &mut Store, topics: u32, round: u64) {
    let mut batch = Batch::new(1_772_442_840_000_000);
    for number in 0..topics {
        let topic = format!("site/hall-{}/line-{}/sensor-{number}", number / 1000, number / 50 % 20);
        let payload = format!("{{\"seq\":{round},\"value\":{}.5,\"unit\":\"C\",\"state\":\"running\"}}", number % 90);
        let arrival = Arrival {
            topic: topic.as_bytes(),
            payload: payload.as_bytes(),
            qos: Qos::AtMostOnce,
            is_retained: false,
            is_duplicate: false,
            mono_micros: mono(round),
            unix_micros: 0,
            properties: None,
        };
        assert!(batch.push(&arrival), "it fits");
    }
    let _ = store.ingest(&batch);
}
