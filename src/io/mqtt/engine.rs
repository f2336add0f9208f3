//! [`Engine`]: one connection's MQTT with the batch it fills: the state machine of `proto` and what is handed over of it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::error::MqttError;
use super::{Clock, send};
use crate::flow::port::{BrokerRequest, Delivery};
use crate::model::mqtt::connect::{ConnectPlan, WhenFull};
use crate::model::mqtt::message::{Grant, Subscription};
use crate::proto::mqtt::session::{Intake, Login, Loss, Message, Now, Reply, Session};
use crate::proto::mqtt::silent::Act;
use crate::proto::mqtt::wire::ConnAck;
use crate::telemetry::batch::{Arrival, Batch};

/// A batch that nobody takes grows up to here.
const BATCH_MESSAGES: usize = 4096;
const BATCH_BYTES: usize = 1024 * 1024;
/// The same while the subscriptions are not granted yet: what a broker kept may come before its answer.
const EARLY_BATCH_BYTES: usize = 32 * 1024 * 1024;

/// One connection's MQTT, and the batch it fills.
pub(super) struct Engine {
    session: Session,
    inbox: Inbox,
    clock: Clock,
    /// Messages were handed over last: packets are next, so that a flood does not hide them.
    is_trace_next: bool,
}

/// The batch under construction.
struct Inbox {
    batch: Batch,
    when_full: WhenFull,
    is_early: bool,
}

impl Inbox {
    fn is_full(&self) -> bool {
        if self.is_early {
            return self.batch.bytes() >= EARLY_BATCH_BYTES;
        }
        self.batch.len() >= BATCH_MESSAGES || self.batch.bytes() >= BATCH_BYTES
    }

    fn has_something(&self) -> bool {
        !self.batch.is_empty() || !self.batch.missed.is_zero()
    }
}

impl Intake for Inbox {
    #[inline]
    fn must_wait(&self) -> bool {
        !self.is_early && self.when_full == WhenFull::Wait && self.is_full()
    }

    #[inline]
    fn push(&mut self, message: &Message<'_>) -> bool {
        if self.is_full() {
            return false;
        }
        let unix_micros = i64::try_from(message.mono_micros).unwrap_or(i64::MAX);
        self.batch.push(&Arrival {
            topic: message.topic,
            payload: message.payload,
            qos: message.qos,
            is_retained: message.is_retained,
            is_duplicate: message.is_duplicate,
            mono_micros: message.mono_micros,
            unix_micros: unix_micros.saturating_add(self.batch.unix_offset_micros),
            properties: message.properties,
        })
    }

    fn lose(&mut self, loss: Loss) {
        let missed = &mut self.batch.missed;
        match loss {
            Loss::Dropped { bytes } => {
                missed.dropped += 1;
                missed.dropped_bytes += bytes as u64;
            }
            Loss::Oversize => missed.oversize += 1,
            Loss::Malformed => missed.malformed += 1,
        }
    }
}

impl Engine {
    pub(super) fn new(plan: &ConnectPlan, clock: Clock) -> Self {
        Self {
            session: Session::new(plan, send::encode),
            inbox: Inbox { batch: Batch::new(clock.unix_offset_micros()), when_full: plan.when_full, is_early: true },
            clock,
            is_trace_next: false,
        }
    }

    pub(super) fn out(&self) -> &[u8] {
        self.session.out()
    }

    pub(super) fn written(&mut self, bytes: usize, now: Instant) {
        self.session.handle_written(bytes, now);
    }

    pub(super) fn connect(&mut self, plan: &ConnectPlan, login: &Login) {
        self.session.start(plan, login, self.clock.now());
    }

    pub(super) fn connected(&self) -> Option<&ConnAck> {
        self.session.connected()
    }

    /// Subscribes to what the plan wants.
    pub(super) fn subscribe(&mut self, wanted: &[Subscription]) {
        self.session.subscribe(None, wanted, self.clock.now());
    }

    pub(super) fn take_grants(&mut self, anyhow: bool) -> Option<Vec<Grant>> {
        self.session.take_grants(anyhow)
    }

    /// From here on batches are small, and waiting is as the plan has it.
    pub(super) fn opened(&mut self) {
        self.inbox.is_early = false;
    }

    pub(super) fn request(&mut self, request: BrokerRequest) {
        let now = self.clock.now();
        match request {
            BrokerRequest::Subscribe { ticket, subscriptions } => {
                self.session.subscribe(Some(ticket), &subscriptions, now);
            }
            BrokerRequest::Unsubscribe { ticket, filters } => self.session.unsubscribe(ticket, &filters, now),
            BrokerRequest::Publish { ticket, message } => self.session.publish(ticket, *message, now),
        }
    }

    pub(super) fn farewell(&mut self) {
        self.session.stop(self.clock.now());
    }

    pub(super) fn close(&mut self) {
        self.session.close();
    }

    /// Whether another request may be taken.
    pub(super) fn takes_requests(&self) -> bool {
        self.session.takes_requests()
    }

    /// Whether bytes may be read.
    pub(super) fn takes_bytes(&self) -> bool {
        !self.inbox.must_wait() && self.session.takes_bytes()
    }

    /// Whether messages came that weren't handed over, or were lost.
    pub(super) fn has_messages(&self) -> bool {
        self.inbox.has_something()
    }

    pub(super) fn has_delivery(&self) -> bool {
        self.inbox.has_something() || self.session.has_trace() || self.session.has_replies()
    }

    /// The next thing to hand over. Call it only when it will be taken: messages are acknowledged from here on.
    pub(super) fn take_delivery(&mut self) -> Option<Delivery> {
        // Replies first, so that what a person waits for is not behind a flood; messages last of all but in their order.
        if let Some(reply) = self.session.poll() {
            return Some(reply.into());
        }
        if self.inbox.has_something() && (!self.is_trace_next || !self.session.has_trace()) {
            self.is_trace_next = true;
            let next = Batch::new(self.clock.unix_offset_micros());
            let batch = std::mem::replace(&mut self.inbox.batch, next);
            self.session.handed_over(self.clock.now());
            return Some(Delivery::Messages(Arc::new(batch)));
        }
        if !self.session.has_trace() {
            return None;
        }
        self.is_trace_next = false;
        Some(Delivery::Packets(self.session.take_trace()))
    }

    /// Takes what lies in the buffer and says how much of it is done with. Stops early when a batch is full.
    pub(super) fn take(&mut self, bytes: &[u8], now: Now) -> Result<usize, MqttError> {
        if self.inbox.batch.is_empty() {
            self.renew_offset(now);
        }
        Ok(self.session.handle_bytes(bytes, now, &mut self.inbox)?)
    }

    /// The clock of the computer against the time since the inspection began; small differences are noise.
    fn renew_offset(&mut self, now: Now) {
        let offset = unix_offset_micros(now);
        if self.inbox.batch.unix_offset_micros.abs_diff(offset) > 500 {
            self.inbox.batch.unix_offset_micros = offset;
        }
    }

    pub(super) fn needed(&self) -> usize {
        self.session.needed()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.session.poll_timeout()
    }

    pub(super) fn handle_time(&mut self, now: Now, is_reading: bool) -> Result<(), MqttError> {
        Ok(self.session.handle_timeout(now, is_reading)?)
    }

    pub(super) fn in_flight(&self) -> u16 {
        self.session.in_flight()
    }

    pub(super) fn last_act(&self) -> (&Act, Duration) {
        self.session.last_act(Instant::now())
    }

    pub(super) fn since_sent(&self) -> Duration {
        self.session.since_sent(Instant::now())
    }
}

impl From<Reply> for Delivery {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Subscribed { ticket, grants } => Self::Subscribed { ticket, grants },
            Reply::Unsubscribed { ticket } => Self::Unsubscribed { ticket },
            Reply::Published { ticket, end } => Self::Published { ticket, end },
        }
    }
}

/// Microseconds to add to the inspection's time for microseconds since 1970 UTC.
pub(super) fn unix_offset_micros(now: Now) -> i64 {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |unix| unix.as_micros());
    let unix = i64::try_from(unix).unwrap_or(i64::MAX);
    let mono = now.mono_micros + u64::try_from(now.instant.elapsed().as_micros()).unwrap_or_default();
    unix.saturating_sub(i64::try_from(mono).unwrap_or(i64::MAX))
}
