//! The one broker behind all connections: whoever changes it wakes those whom the change concerns, and what falls due is done
//! in time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::timeout;

use super::lines::Lines;
use crate::model::mqtt::bench::{Sighting, SightingKind};
use crate::proto::mqtt::broker::{Broker, LeftOut, Limits, LinkId, Omission};

/// At least that often it is looked whether messages were left out.
const LOOK: Duration = Duration::from_secs(1);

/// The broker, and how its connections are woken.
pub(super) struct Desk {
    broker: Mutex<Broker>,
    wakers: Mutex<HashMap<LinkId, Arc<Notify>>>,
    rescheduled: Notify,
}

impl Desk {
    pub(super) fn new(limits: Limits, seed: u32) -> Self {
        Self { broker: Mutex::new(Broker::new(limits, seed)), wakers: Mutex::default(), rescheduled: Notify::new() }
    }

    /// Does something with the broker. Never across an await.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut Broker, Instant) -> R) -> R {
        let mut broker = self.broker.lock().unwrap_or_else(PoisonError::into_inner);
        let done = act(&mut broker, Instant::now());
        let (touched, is_rescheduled) = (broker.take_touched(), broker.take_rescheduled());
        drop(broker);
        let wakers = self.wakers();
        touched.iter().filter_map(|id| wakers.get(id)).for_each(|waker| waker.notify_one());
        if is_rescheduled {
            self.rescheduled.notify_one();
        }
        done
    }

    /// A connection is there. It is told by the waker that there is something for it.
    pub(super) fn open(&self, id: LinkId) -> Arc<Notify> {
        let waker = Arc::new(Notify::new());
        self.wakers().insert(id, Arc::clone(&waker));
        self.with(|broker, now| broker.opened(id, now));
        waker
    }

    /// A connection is gone.
    pub(super) fn close(&self, id: LinkId) {
        self.with(|broker, now| broker.closed(id, now));
        self.wakers().remove(&id);
    }

    /// All clients are told goodbye.
    pub(super) fn stop(&self) {
        self.with(|broker, _| broker.stop());
    }

    /// Does what falls due, and tells what was left out. Never ends.
    pub(super) async fn keep_time(&self, lines: &Lines) {
        loop {
            let (due, omissions) = self.with(|broker, now| {
                broker.tick(now);
                (broker.next_due(), broker.take_omissions())
            });
            for omission in &omissions {
                lines.tell(left_out(omission));
            }
            let pause = due.map_or(LOOK, |due| due.saturating_duration_since(Instant::now()).min(LOOK));
            let _ = timeout(pause, self.rescheduled.notified()).await;
        }
    }

    fn wakers(&self) -> MutexGuard<'_, HashMap<LinkId, Arc<Notify>>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn left_out(omission: &Omission) -> Sighting {
    let Omission { client_id, why, messages } = omission;
    let count = if *messages == 1 { "1 message".to_owned() } else { format!("{messages} messages") };
    let why = match why {
        LeftOut::QueueFull => "no more room for messages that wait",
        LeftOut::TooLarge => "larger than the packets it takes",
        LeftOut::Expired => "expired before it was there to take them",
    };
    let (text, client_id) = if client_id.is_empty() {
        (format!("{count} left out: {why}"), None)
    } else {
        (
            format!("{count} for “{}” left out: {why}", crate::model::text::visible(client_id, 130)),
            Some(client_id.clone()),
        )
    };
    Sighting { kind: SightingKind::LeftOut, address: None, client_id, text }
}
