//! A connection without a socket, for tests: octets of a broker go in, and what became of them comes out.

use std::collections::BTreeSet;
use std::time::Instant;

use super::Clock;
use super::engine::Engine;
use crate::flow::port::Delivery;
use crate::model::mqtt::MqttVersion;
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::url::{BrokerUrl, Scheme};
use crate::telemetry::batch::Missed;

/// A connection that was let in.
pub struct Trial {
    engine: Engine,
    clock: Clock,
}

/// What became of the octets.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    /// Topic and payload of each message.
    pub messages: Vec<(Vec<u8>, Vec<u8>)>,
    /// What is not among them.
    pub missed: Missed,
    /// What is sent in answer, each once: when, and how often, depends on when messages are handed over.
    pub answers: BTreeSet<Vec<u8>>,
    /// Why the connection ended.
    pub error: Option<String>,
}

impl Trial {
    /// A connection that takes packets up to that length.
    pub fn new(version: MqttVersion, max_packet_bytes: u32) -> Self {
        let url = BrokerUrl { scheme: Scheme::Mqtt, host: "trial".into(), port: 1883, path: String::new() };
        let mut plan = ConnectPlan::new(url, "trial");
        (plan.version, plan.max_packet_bytes) = (version, max_packet_bytes);
        let clock = Clock { began: Instant::now() };
        let mut engine = Engine::new(&plan, clock);
        let welcome: &[u8] = if version == MqttVersion::V5 { &[0x20, 3, 0, 0, 0] } else { &[0x20, 2, 0, 0] };
        // It is whole and well formed.
        let _ = engine.take(welcome, clock.now());
        engine.opened();
        Self { engine, clock }
    }

    /// Takes the pieces one after the other, and hands over what comes of each.
    pub fn run<'a>(mut self, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
        let (mut outcome, mut held) = (Outcome::default(), Vec::new());
        for piece in pieces {
            held.extend_from_slice(piece);
            let taken = self.engine.take(&held, self.clock.now());
            self.hand_over(&mut outcome);
            match taken {
                Ok(count) => drop(held.drain(..count)),
                Err(error) => {
                    // Texts quote what lay in the buffer, which depends on the cut.
                    outcome.error = Some(format!("{error}").split(';').next().unwrap_or_default().to_owned());
                    break;
                }
            }
        }
        outcome
    }

    fn hand_over(&mut self, outcome: &mut Outcome) {
        while let Some(delivery) = self.engine.take_delivery() {
            if let Delivery::Messages(batch) = delivery {
                outcome.missed.oversize += batch.missed.oversize;
                outcome.missed.malformed += batch.missed.malformed;
                outcome.missed.dropped += batch.missed.dropped;
                outcome.missed.dropped_bytes += batch.missed.dropped_bytes;
                outcome.messages.extend(batch.iter().map(|arrival| (arrival.topic.to_vec(), arrival.payload.to_vec())));
            }
        }
        // Acknowledgements are of four octets.
        outcome.answers.extend(self.engine.out().chunks(4).map(<[u8]>::to_vec));
        let count = self.engine.out().len();
        self.engine.written(count, Instant::now());
    }
}
