//! [`Session`]: one connection's MQTT, from CONNECT to DISCONNECT, without a socket, a clock or a codec for what is sent. It
//! is given bytes, requests and the time, and holds what is to be sent and what is to be told.
//!
//! Messages go straight from the buffer into an [`Intake`], which is a batch under construction; they are acknowledged once
//! whoever holds the batch has handed it over.

mod answers;
mod error;
mod incoming;
mod packet;
mod requests;
#[cfg(test)]
mod tests;
mod time;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};

pub use self::error::{Refusal, SessionError};
use self::incoming::Received;
pub use self::incoming::{Intake, Loss, Message};
pub use self::packet::{Encode, Login, MAX_ALIASES, Packet};
use super::dialect;
use super::silent::Act;
use super::wire::{self, ConnAck, kind};
use crate::model::mqtt::MqttVersion;
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::message::{Grant, PublishEnd, Qos};
use crate::model::mqtt::stage::{Direction, TracedPacket};
use crate::model::text::visible;

/// Bytes that may wait to be written before no more requests are taken.
const OUT_BYTES: usize = 1024 * 1024;
/// Packets listed at once; acknowledgements beyond that are counted.
const TRACED_PACKETS: usize = 512;
/// Messages of ours that may be unacknowledged, unless the broker says otherwise.
const IN_FLIGHT: u16 = 100;
/// The largest packet there can be.
const MAX_PACKET_BYTES: usize = 268_435_460;
/// Filters in one SUBSCRIBE where nobody sets a limit: their packet stays small.
const FILTERS: usize = 50;

/// The time at which something happens: as instant and as the inspection counts.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For limits.
    pub instant: Instant,
    /// Microseconds since the inspection began.
    pub mono_micros: u64,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// What became of subscriptions.
    Subscribed {
        /// Whose request it was.
        ticket: u64,
        /// One for each filter, in the order of the request.
        grants: Vec<Grant>,
    },
    /// Subscriptions were taken back.
    Unsubscribed {
        /// Whose request it was.
        ticket: u64,
    },
    /// What became of a message of ours.
    Published {
        /// Whose request it was.
        ticket: u64,
        /// How it ended.
        end: PublishEnd,
    },
}

/// One connection's MQTT.
pub struct Session {
    version: MqttVersion,
    encode: Encode,
    max_packet_bytes: usize,
    /// The most filters in one SUBSCRIBE.
    chunk: usize,
    keep_alive: Duration,
    limit: Duration,

    /// What is to be written.
    out: BytesMut,
    queued_bytes: u64,
    written_bytes: u64,
    /// Messages of QoS 0: up to which byte they reach in all that was queued.
    unsent: VecDeque<(u64, u64)>,

    /// Acknowledgements that wait until their messages were handed over.
    held_acks: Vec<(u8, u16)>,
    trace: Vec<TracedPacket>,
    untraced: u64,
    replies: VecDeque<Reply>,

    connected: Option<ConnAck>,
    connect_sent: Option<Instant>,
    pending: HashMap<u16, Pending>,
    in_flight: u16,
    in_flight_most: u16,
    last_id: u16,
    groups: Vec<Group>,
    next_group: u64,
    /// Messages of QoS 2 that were taken and not released yet.
    received: Received,
    aliases: Vec<Option<Box<[u8]>>>,

    /// What is left of a packet that is skipped.
    skipping: usize,
    needed: usize,
    explained: u32,
    last_sent: Option<Instant>,
    last_heard: Option<Instant>,
    ping_sent: Option<Instant>,
    limits: Limits,
    /// What we did last, and when; nothing yet is as good as asking to be let in.
    last_act: (Act, Option<Instant>),
}

/// What the broker told of its limits.
#[derive(Clone, Copy, Debug)]
struct Limits {
    packet_bytes: usize,
    qos: u8,
    has_retain: bool,
}

/// What waits for an answer, by its number.
enum Pending {
    Subscribe { group: u64, from: usize, count: usize, sent: Instant, is_overdue: bool },
    Unsubscribe { ticket: u64, sent: Instant },
    Publish { ticket: u64, sent: Instant, is_released: bool, qos: Qos, is_overdue: bool },
}

/// The subscriptions of one request, which may have gone out in several packets.
struct Group {
    /// Its number among all groups of the connection.
    id: u64,
    /// `None` for the plan's own.
    ticket: Option<u64>,
    grants: Vec<Grant>,
    open: usize,
}

impl Session {
    /// A connection that is still to be asked for. `encode` writes what it sends.
    pub fn new(plan: &ConnectPlan, encode: Encode) -> Self {
        let dialect = dialect::limits(plan.dialect);
        Self {
            version: plan.version,
            encode,
            max_packet_bytes: usize::try_from(plan.max_packet_bytes).unwrap_or(usize::MAX),
            chunk: dialect.max_filters_per_subscribe.unwrap_or(FILTERS).max(1),
            keep_alive: plan.keep_alive,
            limit: plan.stage_limit,
            out: BytesMut::new(),
            queued_bytes: 0,
            written_bytes: 0,
            unsent: VecDeque::new(),
            held_acks: Vec::new(),
            trace: Vec::new(),
            untraced: 0,
            replies: VecDeque::new(),
            connected: None,
            connect_sent: None,
            pending: HashMap::new(),
            in_flight: 0,
            in_flight_most: IN_FLIGHT,
            last_id: 0,
            groups: Vec::new(),
            next_group: 0,
            received: Received::default(),
            aliases: Vec::new(),
            skipping: 0,
            needed: 0,
            explained: 0,
            last_sent: None,
            last_heard: None,
            ping_sent: None,
            limits: Limits { packet_bytes: MAX_PACKET_BYTES, qos: dialect.max_qos.number(), has_retain: true },
            last_act: (Act::Connect, None),
        }
    }

    /// CONNECT is to be sent.
    pub fn start(&mut self, plan: &ConnectPlan, login: &Login, now: Now) {
        let bytes = self.queue(Packet::Connect { plan, login });
        self.connect_sent = Some(now.instant);
        self.last_act = (Act::Connect, Some(now.instant));
        let mut note = format!(
            "version {}, client id {}, keep-alive {} s, {}",
            plan.version,
            visible(&plan.client_id, 150),
            plan.keep_alive.as_secs(),
            if plan.is_clean { "clean" } else { "session kept" }
        );
        if !login.username.is_empty() {
            note.push_str(", user ");
            note.push_str(&visible(&login.username, 200));
        }
        if !login.password.expose().is_empty() {
            note.push_str(", with a password");
        }
        if let Some(will) = &plan.will {
            note.push_str(", last will on ");
            note.push_str(&visible(&will.topic, 200));
        }
        self.traced(now, Direction::Sent, kind::CONNECT, None, bytes, None, None, note);
    }

    /// DISCONNECT is to be sent.
    pub fn stop(&mut self, now: Now) {
        let bytes = self.queue(Packet::Disconnect);
        self.traced(now, Direction::Sent, kind::DISCONNECT, None, bytes, None, None, String::new());
    }

    /// The connection is over: what was asked and not answered stays open.
    pub fn close(&mut self) {
        let unsent = std::mem::take(&mut self.unsent);
        let mut tickets: Vec<u64> = unsent.into_iter().map(|(_, ticket)| ticket).collect();
        tickets.extend(self.pending.drain().filter_map(|(_, pending)| match pending {
            Pending::Publish { ticket, is_overdue: false, .. } => Some(ticket),
            _ => None,
        }));
        tickets.sort_unstable();
        self.replies.extend(tickets.into_iter().map(|ticket| Reply::Published { ticket, end: PublishEnd::Unknown }));
        for group in std::mem::take(&mut self.groups) {
            if group.ticket.is_some() {
                self.close_group(group);
            }
        }
        self.in_flight = 0;
        // Nobody hears them any more.
        self.held_acks.clear();
    }

    /// What the broker said on CONNECT, once it let us in.
    pub const fn connected(&self) -> Option<&ConnAck> {
        self.connected.as_ref()
    }

    // What goes out.

    /// What is to be written.
    pub fn out(&self) -> &[u8] {
        &self.out
    }

    /// So many bytes of what was to be written are.
    pub fn handle_written(&mut self, bytes: usize, now: Instant) {
        self.out.advance(bytes.min(self.out.len()));
        self.written_bytes += bytes as u64;
        if bytes > 0 {
            self.last_sent = Some(now);
        }
        while self.unsent.front().is_some_and(|(end, _)| *end <= self.written_bytes) {
            if let Some((_, ticket)) = self.unsent.pop_front() {
                self.replies.push_back(Reply::Published { ticket, end: PublishEnd::Sent });
            }
        }
    }

    /// Whether another request may be taken.
    pub fn takes_requests(&self) -> bool {
        self.in_flight < self.in_flight_most && self.out.len() < OUT_BYTES && self.replies.len() < 1024
    }

    /// Whether bytes may be read, as far as it depends on what is to be written and told.
    pub fn takes_bytes(&self) -> bool {
        self.out.len() < 4 * OUT_BYTES && self.replies.len() < 4096
    }

    /// Messages of ours that wait for an acknowledgement.
    pub const fn in_flight(&self) -> u16 {
        self.in_flight
    }

    fn queue(&mut self, packet: Packet<'_>) -> u32 {
        let before = self.out.len();
        (self.encode)(&mut self.out, self.version, packet);
        let bytes = self.out.len() - before;
        self.queued_bytes += bytes as u64;
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }

    /// A number that is not in use.
    fn next_id(&mut self) -> Option<u16> {
        for _ in 0..=u16::MAX {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.pending.contains_key(&self.last_id) {
                return Some(self.last_id);
            }
        }
        None
    }

    // What is told.

    /// What became of a request, the oldest first.
    pub fn poll(&mut self) -> Option<Reply> {
        self.replies.pop_front()
    }

    /// Whether there is something to tell of requests.
    pub fn has_replies(&self) -> bool {
        !self.replies.is_empty()
    }

    /// Whether packets were noted.
    pub const fn has_trace(&self) -> bool {
        !self.trace.is_empty()
    }

    /// Packets other than messages since the last time, in their order.
    pub fn take_trace(&mut self) -> Vec<TracedPacket> {
        let mut trace = std::mem::take(&mut self.trace);
        let untraced = std::mem::take(&mut self.untraced);
        if let Some(last) = trace.last_mut().filter(|_| untraced > 0) {
            last.note = format!("and {untraced} acknowledgements more, which are not listed");
        }
        trace
    }

    /// What the [`Intake`] holds was handed over: it is acknowledged.
    pub fn handed_over(&mut self, now: Now) {
        for (ack, packet_id) in std::mem::take(&mut self.held_acks) {
            self.acknowledge(ack, packet_id, now);
        }
    }

    fn acknowledge(&mut self, ack: u8, packet_id: u16, now: Now) {
        let bytes = self.queue(Packet::Ack { kind: ack, packet_id });
        self.trace_ack(now, Direction::Sent, ack, packet_id, bytes);
    }

    /// As [`Session::traced`] for what comes by the thousand.
    fn trace_ack(&mut self, now: Now, direction: Direction, ack: u8, packet_id: u16, bytes: u32) {
        if self.trace.len() >= TRACED_PACKETS {
            self.untraced += 1;
        } else {
            self.traced(now, direction, ack, Some(packet_id), bytes, None, None, String::new());
        }
    }

    #[expect(clippy::too_many_arguments, reason = "they are the columns of the trace")]
    fn traced(
        &mut self,
        now: Now,
        direction: Direction,
        kind: u8,
        packet_id: Option<u16>,
        bytes: u32,
        reason: Option<(u8, String)>,
        after: Option<Duration>,
        note: String,
    ) {
        if self.trace.len() >= 4 * TRACED_PACKETS {
            self.untraced += 1;
            return;
        }
        let at = Duration::from_micros(now.mono_micros);
        let kind = wire::name(kind);
        self.trace.push(TracedPacket { at, direction, kind, packet_id, bytes, reason, after, note });
    }
}
