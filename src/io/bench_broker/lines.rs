//! What is told of the bench broker, as much a second as a person can read.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::model::mqtt::bench::{Sighting, SightingKind};

/// Lines a second; the rest is counted.
const LINES_A_SECOND: u32 = 40;

/// Where lines go.
#[derive(Clone)]
pub(super) struct Lines {
    sender: mpsc::Sender<Sighting>,
    rate: Arc<Mutex<Rate>>,
}

struct Rate {
    second: Instant,
    told: u32,
    left_out: u32,
}

impl Lines {
    pub(super) fn new(sender: mpsc::Sender<Sighting>) -> Self {
        Self { sender, rate: Arc::new(Mutex::new(Rate { second: Instant::now(), told: 0, left_out: 0 })) }
    }

    /// Something that concerns no client.
    pub(super) fn note(&self, text: String) {
        self.tell(Sighting { kind: SightingKind::Note, address: None, client_id: None, text });
    }

    /// Something about whoever is at an address.
    pub(super) fn from(&self, kind: SightingKind, address: IpAddr, text: String) {
        self.tell(Sighting { kind, address: Some(address.to_string()), client_id: None, text });
    }

    /// Whoever is at an address was turned away.
    pub(super) fn refused(&self, address: IpAddr, why: &str) {
        self.from(SightingKind::Refused, address, format!("{address} was refused: {why}"));
    }

    pub(super) fn tell(&self, mut sighting: Sighting) {
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        if rate.second.elapsed() >= Duration::from_secs(1) {
            *rate = Rate { second: Instant::now(), told: 0, left_out: rate.left_out };
        }
        if rate.left_out > 0 {
            let note = format!(" ({} lines before this one were left out)", rate.left_out);
            sighting.text.push_str(&note);
        }
        // A reader that is behind is as good a reason to leave a line out.
        if rate.told < LINES_A_SECOND && self.sender.try_send(sighting).is_ok() {
            (rate.told, rate.left_out) = (rate.told + 1, 0);
        } else {
            rate.left_out += 1;
        }
    }
}
