//! [`Engine`]: one connection's MQTT, from CONNECT to DISCONNECT, without a socket. It is given bytes, requests and the time,
//! and holds what is to be sent and what is to be handed over.
//!
//! Messages go straight from the buffer into a [`Batch`]. They are acknowledged once the batch was handed over.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::{Buf, BytesMut};

use super::error::{MqttError, Refusal};
use super::send::{self, Login, MAX_ALIASES};
use super::wire::{self, Answer, ConnAck, Head, Malformed, Publish, check_topic, kind};
use super::{Clock, reason};
use crate::flow::port::{BrokerRequest, Delivery};
use crate::model::mqtt::MqttVersion;
use crate::model::mqtt::connect::{ConnectPlan, WhenFull};
use crate::model::mqtt::message::{Grant, Outgoing, PublishEnd, Qos, Subscription};
use crate::model::mqtt::stage::{Direction, TracedPacket};
use crate::model::mqtt::topic::MAX_TOPIC_BYTES;
use crate::model::problem::Explain;
use crate::model::text::{visible, visible_octets};
use crate::proto::mqtt::silent::Act;
use crate::telemetry::batch::{Arrival, Batch};

/// A batch that nobody takes grows up to here.
const BATCH_MESSAGES: usize = 4096;
const BATCH_BYTES: usize = 1024 * 1024;
/// The same while the subscriptions are not granted yet: what a broker kept may come before its answer.
const EARLY_BATCH_BYTES: usize = 32 * 1024 * 1024;
/// Packets listed in one delivery; acknowledgements beyond that are counted.
const TRACED_PACKETS: usize = 512;
/// Messages of ours that may be unacknowledged, unless the broker says otherwise.
const IN_FLIGHT: u16 = 100;
/// The largest packet there can be.
const MAX_PACKET_BYTES: usize = 268_435_460;
/// How many messages with odd topics are explained one by one.
const EXPLAINED: u32 = 20;

/// The time at which something came: as instant and as the inspection counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) instant: Instant,
    pub(super) mono_micros: u64,
}

/// One connection's MQTT.
pub(super) struct Engine {
    version: MqttVersion,
    when_full: WhenFull,
    max_packet_bytes: usize,
    /// The most filters in one SUBSCRIBE.
    chunk: usize,
    keep_alive: Duration,
    limit: Duration,
    clock: Clock,

    /// What is to be written.
    out: BytesMut,
    queued_bytes: u64,
    written_bytes: u64,
    /// Messages of QoS 0: up to which byte they reach in all that was queued.
    unsent: VecDeque<(u64, u64)>,

    batch: Batch,
    /// Acknowledgements that wait until the batch was handed over.
    batch_acks: Vec<(u8, u16)>,
    is_early: bool,
    trace: Vec<TracedPacket>,
    untraced: u64,
    answers: VecDeque<Delivery>,
    /// Messages were handed over last: packets are next, so that a flood does not hide them.
    is_trace_next: bool,

    connected: Option<ConnAck>,
    connect_sent: Option<Instant>,
    pending: HashMap<u16, Pending>,
    in_flight: u16,
    in_flight_most: u16,
    last_id: u16,
    groups: Vec<Group>,
    /// Messages of QoS 2 that were handed over and not released yet, a bit each.
    received: Vec<u64>,
    aliases: Vec<Option<Box<[u8]>>>,

    /// What is left of a packet that is skipped.
    skipping: usize,
    needed: usize,
    explained: u32,
    last_sent: Option<Instant>,
    last_heard: Option<Instant>,
    ping_sent: Option<Instant>,
    limits: Limits,
    /// What we did last, and when.
    last_act: (Act, Instant),
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
    /// Its number among all groups.
    id: u64,
    /// `None` for the plan's own.
    ticket: Option<u64>,
    grants: Vec<Grant>,
    open: usize,
}

impl Engine {
    pub(super) fn new(plan: &ConnectPlan, clock: Clock, chunk: usize, most_qos: Qos) -> Self {
        Self {
            version: plan.version,
            when_full: plan.when_full,
            max_packet_bytes: usize::try_from(plan.max_packet_bytes).unwrap_or(usize::MAX),
            chunk: chunk.max(1),
            keep_alive: plan.keep_alive,
            limit: plan.stage_limit,
            clock,
            out: BytesMut::new(),
            queued_bytes: 0,
            written_bytes: 0,
            unsent: VecDeque::new(),
            batch: Batch::new(clock.unix_offset_micros()),
            batch_acks: Vec::new(),
            is_early: true,
            trace: Vec::new(),
            untraced: 0,
            answers: VecDeque::new(),
            is_trace_next: false,
            connected: None,
            connect_sent: None,
            pending: HashMap::new(),
            in_flight: 0,
            in_flight_most: IN_FLIGHT,
            last_id: 0,
            groups: Vec::new(),
            received: Vec::new(),
            aliases: Vec::new(),
            skipping: 0,
            needed: 0,
            explained: 0,
            last_sent: None,
            last_heard: None,
            ping_sent: None,
            limits: Limits { packet_bytes: MAX_PACKET_BYTES, qos: most_qos.number(), has_retain: true },
            last_act: (Act::Connect, clock.began),
        }
    }

    // What goes out.

    /// What is to be written.
    pub(super) fn out(&self) -> &[u8] {
        &self.out
    }

    /// So many bytes of what was to be written are.
    pub(super) fn written(&mut self, bytes: usize, now: Instant) {
        self.out.advance(bytes.min(self.out.len()));
        self.written_bytes += bytes as u64;
        self.last_sent = Some(now);
        while self.unsent.front().is_some_and(|(end, _)| *end <= self.written_bytes) {
            if let Some((_, ticket)) = self.unsent.pop_front() {
                self.answers.push_back(Delivery::Published { ticket, end: PublishEnd::Sent });
            }
        }
    }

    fn queue(&mut self, write: impl FnOnce(&mut BytesMut)) -> u32 {
        let before = self.out.len();
        write(&mut self.out);
        let bytes = self.out.len() - before;
        self.queued_bytes += bytes as u64;
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }

    /// CONNECT is to be sent.
    pub(super) fn connect(&mut self, plan: &ConnectPlan, login: &Login, now: Now) {
        let bytes = self.queue(|out| send::connect(out, plan, login));
        self.connect_sent = Some(now.instant);
        self.last_act = (Act::Connect, now.instant);
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
        self.traced(now, Direction::Sent, 1, None, bytes, None, None, note);
    }

    /// Subscribes; the plan's own subscriptions have no ticket.
    pub(super) fn subscribe(&mut self, ticket: Option<u64>, wanted: &[Subscription], now: Now) {
        self.last_act = (Act::Subscribe(wanted.to_vec()), now.instant);
        let grants = wanted.iter().map(|wanted| Grant {
            filter: visible(wanted.filter.as_str(), 500),
            asked: wanted.qos.number(),
            granted: None,
            code: 0x80,
            says: "the broker did not answer".into(),
        });
        let id = self.groups.iter().map(|group| group.id + 1).max().unwrap_or(0);
        let mut group = Group { id, ticket, grants: grants.collect(), open: 0 };
        for (place, chunk) in wanted.chunks(self.chunk).enumerate() {
            let Some(packet_id) = self.next_id() else { break };
            let version = self.version;
            let bytes = self.queue(|out| send::subscribe(out, version, packet_id, chunk));
            let from = place * self.chunk;
            let waits =
                Pending::Subscribe { group: id, from, count: chunk.len(), sent: now.instant, is_overdue: false };
            self.pending.insert(packet_id, waits);
            group.open += 1;
            let note: Vec<String> =
                chunk.iter().map(|wanted| format!("{} QoS {}", wanted.filter, wanted.qos.number())).collect();
            let note = visible(&note.join(", "), 1000);
            self.traced(now, Direction::Sent, 8, Some(packet_id), bytes, None, None, note);
        }
        if group.open == 0 {
            self.close_group(group);
        } else {
            self.groups.push(group);
        }
    }

    fn close_group(&mut self, group: Group) {
        match group.ticket {
            Some(ticket) => self.answers.push_back(Delivery::Subscribed { ticket, grants: group.grants }),
            // The one who asked takes it from here.
            None => self.groups.push(Group { open: 0, ..group }),
        }
    }

    /// What became of the plan's own subscriptions, once all were answered; or as it stands, when `anyhow`.
    pub(super) fn take_grants(&mut self, anyhow: bool) -> Option<Vec<Grant>> {
        let at = self.groups.iter().position(|group| group.ticket.is_none() && (anyhow || group.open == 0))?;
        Some(self.groups.swap_remove(at).grants)
    }

    /// From here on batches are small, and waiting is as the plan has it.
    pub(super) fn opened(&mut self) {
        self.is_early = false;
    }

    pub(super) fn request(&mut self, request: BrokerRequest, now: Now) {
        match request {
            BrokerRequest::Subscribe { ticket, subscriptions } => self.subscribe(Some(ticket), &subscriptions, now),
            BrokerRequest::Unsubscribe { ticket, filters } => self.unsubscribe(ticket, &filters, now),
            BrokerRequest::Publish { ticket, message } => self.publish(ticket, *message, now),
        }
    }

    fn unsubscribe(&mut self, ticket: u64, filters: &[crate::model::mqtt::topic::TopicFilter], now: Now) {
        let packet_id = if filters.is_empty() { None } else { self.next_id() };
        let Some(packet_id) = packet_id else {
            self.answers.push_back(Delivery::Unsubscribed { ticket });
            return;
        };
        let version = self.version;
        let bytes = self.queue(|out| send::unsubscribe(out, version, packet_id, filters));
        self.pending.insert(packet_id, Pending::Unsubscribe { ticket, sent: now.instant });
        let note: Vec<&str> = filters.iter().map(crate::model::mqtt::topic::TopicFilter::as_str).collect();
        let note = visible(&note.join(", "), 1000);
        self.traced(now, Direction::Sent, 10, Some(packet_id), bytes, None, None, note);
    }

    fn publish(&mut self, ticket: u64, message: Outgoing, now: Now) {
        let refuse = |engine: &mut Self, error: &MqttError| {
            engine.answers.push_back(Delivery::Published { ticket, end: PublishEnd::Refused(error.explain()) });
        };
        if let Err(error) = self.check_outgoing(&message) {
            return refuse(self, &error);
        }
        let qos = message.qos;
        let packet_id = if qos == Qos::AtMostOnce { Some(0) } else { self.next_id() };
        let Some(packet_id) = packet_id else {
            return refuse(self, &MqttError::NotSent { secs: self.limit.as_secs() });
        };
        let act = Act::Publish { topic: message.topic.clone(), qos, bytes: message.payload.len() };
        self.last_act = (act, now.instant);
        let packet = send::Publish::new(self.version, packet_id, message);
        let (bytes, most) = (packet.bytes(), self.limits.packet_bytes);
        if bytes > most {
            return refuse(self, &MqttError::TooLarge { bytes, most });
        }
        self.queue(|out| packet.write(out));
        if qos == Qos::AtMostOnce {
            self.unsent.push_back((self.queued_bytes, ticket));
        } else {
            let sent = now.instant;
            self.pending
                .insert(packet_id, Pending::Publish { ticket, sent, is_released: false, qos, is_overdue: false });
            self.in_flight += 1;
        }
    }

    fn check_outgoing(&self, message: &Outgoing) -> Result<(), MqttError> {
        if message.topic.len() > MAX_TOPIC_BYTES {
            return Err(MqttError::BadTopic { detail: "It is longer than 65535 bytes" });
        }
        check_topic(message.topic.as_bytes()).map_err(|wrong| MqttError::BadTopic {
            detail: match wrong {
                Malformed::EmptyTopic => "It is empty",
                Malformed::Nul => "It holds a NUL character",
                _ => "It holds + or #, which are for subscribing only",
            },
        })?;
        let (asked, most) = (message.qos.number(), self.limits.qos);
        if asked > most {
            return Err(MqttError::QosTooHigh { asked, most });
        }
        if message.is_retained && !self.limits.has_retain {
            return Err(MqttError::NoRetain);
        }
        let properties = &message.properties;
        let strings = [&properties.content_type, &properties.response_topic].into_iter().flatten().map(String::len);
        let pairs = properties.user.iter().flat_map(|(name, value)| [name.len(), value.len()]);
        let longest = strings.chain(pairs).chain([properties.correlation_data.len()]).max().unwrap_or(0);
        if longest > MAX_TOPIC_BYTES {
            return Err(MqttError::TooLarge { bytes: longest, most: MAX_TOPIC_BYTES });
        }
        Ok(())
    }

    /// DISCONNECT is to be sent.
    pub(super) fn farewell(&mut self, now: Now) {
        let bytes = self.queue(send::disconnect);
        self.traced(now, Direction::Sent, kind::DISCONNECT, None, bytes, None, None, String::new());
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

    // What is handed over.

    /// Whether another request may be taken.
    pub(super) fn takes_requests(&self) -> bool {
        self.in_flight < self.in_flight_most && self.out.len() < BATCH_BYTES && self.answers.len() < 1024
    }

    /// Whether bytes may be read.
    pub(super) fn takes_bytes(&self) -> bool {
        !self.must_wait() && self.out.len() < 4 * BATCH_BYTES && self.answers.len() < 4096
    }

    fn is_full(&self) -> bool {
        if self.is_early {
            return self.batch.bytes() >= EARLY_BATCH_BYTES;
        }
        self.batch.len() >= BATCH_MESSAGES || self.batch.bytes() >= BATCH_BYTES
    }

    fn must_wait(&self) -> bool {
        !self.is_early && self.when_full == WhenFull::Wait && self.is_full()
    }

    pub(super) fn has_delivery(&self) -> bool {
        !self.batch.is_empty() || !self.batch.missed.is_zero() || !self.trace.is_empty() || !self.answers.is_empty()
    }

    /// The next thing to hand over. Call it only when it will be taken: messages are acknowledged from here on.
    pub(super) fn take_delivery(&mut self) -> Option<Delivery> {
        // Answers first, so that what a person waits for is not behind a flood; messages last of all but in their order.
        if let Some(answer) = self.answers.pop_front() {
            return Some(answer);
        }
        let has_trace = !self.trace.is_empty();
        let has_messages = !self.batch.is_empty() || !self.batch.missed.is_zero();
        if has_messages && (!self.is_trace_next || !has_trace) {
            self.is_trace_next = true;
            let next = Batch::new(self.clock.unix_offset_micros());
            let batch = std::mem::replace(&mut self.batch, next);
            for (ack, packet_id) in std::mem::take(&mut self.batch_acks) {
                self.acknowledge(ack, packet_id);
            }
            return Some(Delivery::Messages(Arc::new(batch)));
        }
        if !has_trace {
            return None;
        }
        self.is_trace_next = false;
        let mut trace = std::mem::take(&mut self.trace);
        let untraced = std::mem::take(&mut self.untraced);
        if let Some(last) = trace.last_mut().filter(|_| untraced > 0) {
            last.note = format!("and {untraced} acknowledgements more, which are not listed");
        }
        Some(Delivery::Packets(trace))
    }

    fn acknowledge(&mut self, ack: u8, packet_id: u16) {
        let bytes = self.queue(|out| send::ack(out, ack, packet_id));
        let now = self.clock.now();
        self.trace_ack(now, Direction::Sent, ack, packet_id, bytes);
    }

    /// As [`Engine::traced`] for what comes by the thousand.
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

    // What comes in.

    /// Takes what lies in the buffer and says how much of it is done with. Stops early when a batch is full.
    pub(super) fn take(&mut self, bytes: &[u8], now: Now) -> Result<usize, MqttError> {
        self.last_heard = Some(now.instant);
        let mut done = 0;
        if self.batch.is_empty() {
            self.renew_offset(now);
        }
        while done < bytes.len() {
            if self.skipping > 0 {
                let skipped = self.skipping.min(bytes.len() - done);
                self.skipping -= skipped;
                done += skipped;
                continue;
            }
            if self.must_wait() {
                break;
            }
            let rest = &bytes[done..];
            // What is no MQTT is known by its first byte, however long it says it is.
            if rest[0] >> 4 != kind::PUBLISH {
                Answer::check_first(self.version, rest[0]).map_err(|wrong| self.not_mqtt(wrong, rest))?;
            }
            let Some(head) = Head::parse(rest).map_err(|wrong| self.not_mqtt(wrong, rest))? else {
                self.needed = 5;
                break;
            };
            let length = head.bytes();
            if length > self.max_packet_bytes {
                if !self.start_skipping(head, rest, now)? {
                    self.needed = head.head_bytes + 2 + MAX_TOPIC_BYTES + 2;
                    break;
                }
                continue;
            }
            let Some(packet) = rest.get(..length) else {
                self.needed = length;
                break;
            };
            self.packet(head, &packet[head.head_bytes..], now)?;
            done += length;
        }
        Ok(done)
    }

    /// How many bytes the next packet needs in the buffer.
    pub(super) fn needed(&self) -> usize {
        self.needed
    }

    /// The clock of the computer against the time since the inspection began; small differences are noise.
    fn renew_offset(&mut self, now: Now) {
        let offset = now.unix_offset_micros();
        if self.batch.unix_offset_micros.abs_diff(offset) > 500 {
            self.batch.unix_offset_micros = offset;
        }
    }

    fn not_mqtt(&self, wrong: Malformed, bytes: &[u8]) -> MqttError {
        let shown = visible_octets(&bytes[..bytes.len().min(80)], 60);
        let detail = format!("{wrong}; it begins with “{shown}”");
        if self.connected.is_none() { MqttError::NotMqtt { detail } } else { MqttError::Malformed { detail } }
    }

    /// Leaves a packet out that is larger than the limit. False while its number is not there yet.
    fn start_skipping(&mut self, head: Head, bytes: &[u8], now: Now) -> Result<bool, MqttError> {
        if head.kind() != kind::PUBLISH || self.connected.is_none() {
            let wrong = Malformed::Length;
            return Err(self.not_mqtt(wrong, bytes));
        }
        let body = &bytes[head.head_bytes.min(bytes.len())..];
        let packet_id = match Publish::packet_id(head.first, body) {
            Some(packet_id) => packet_id,
            None if body.len() < (2 + MAX_TOPIC_BYTES + 2).min(head.body_bytes) => return Ok(false),
            None => 0,
        };
        self.skipping = head.bytes();
        self.batch.missed.oversize += 1;
        let ack = if (head.first >> 1) & 0b11 == 2 { kind::PUBREC } else { kind::PUBACK };
        if packet_id != 0 && (ack == kind::PUBACK || !self.was_received(packet_id)) {
            // Left unacknowledged it would come again and again.
            if ack == kind::PUBREC {
                self.set_received(packet_id, true);
            }
            self.batch_acks.push((ack, packet_id));
        }
        let topic = Self::topic_of(body);
        let note = format!("left out: larger than the limit of {} bytes; topic {topic}", self.max_packet_bytes);
        let length = u32::try_from(head.bytes()).unwrap_or(u32::MAX);
        let packet_id = (packet_id != 0).then_some(packet_id);
        self.traced(now, Direction::Received, kind::PUBLISH, packet_id, length, None, None, note);
        Ok(true)
    }

    fn topic_of(body: &[u8]) -> String {
        let Some((length, rest)) = body.split_first_chunk::<2>() else { return String::new() };
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        visible_octets(&rest[..length], 200)
    }

    #[inline]
    fn packet(&mut self, head: Head, body: &[u8], now: Now) -> Result<(), MqttError> {
        if head.kind() == kind::PUBLISH {
            if self.connected.is_none() {
                return Err(MqttError::TooEarly { kind: "PUBLISH" });
            }
            self.message(head, body, now);
            return Ok(());
        }
        let answer = match Answer::parse(self.version, head.first, body) {
            Ok(answer) => answer,
            Err(wrong) => {
                let bytes = [&[head.first], body].concat();
                return Err(self.not_mqtt(wrong, &bytes));
            }
        };
        if self.connected.is_none() && !matches!(answer, Answer::ConnAck(_) | Answer::Disconnect { .. }) {
            return Err(match answer {
                Answer::Auth { .. } => MqttError::NotMqtt { detail: "AUTH, which was not asked for".into() },
                _ => MqttError::TooEarly { kind: wire::name(head.kind()) },
            });
        }
        self.answer(answer, head, now)
    }

    #[inline]
    fn message(&mut self, head: Head, body: &[u8], now: Now) {
        let publish = match Publish::parse(self.version, head.first, body) {
            Ok(publish) => publish,
            Err(wrong) => return self.malformed(head, body, wrong, 0, now),
        };
        let packet_id = publish.packet_id;
        if let Some(alias) = publish.alias {
            return self.aliased(head, body, &publish, alias, now);
        }
        if let Err(wrong) = check_topic(publish.topic) {
            return self.malformed(head, body, wrong, packet_id, now);
        }
        self.keep(&publish, publish.topic, now);
    }

    /// A message whose topic is told by a number (MQTT 5.0, section 3.3.2.3.4).
    fn aliased(&mut self, head: Head, body: &[u8], publish: &Publish<'_>, alias: u16, now: Now) {
        let place = usize::from(alias);
        if alias == 0 || alias > MAX_ALIASES {
            return self.malformed(head, body, Malformed::Alias, publish.packet_id, now);
        }
        if self.aliases.len() <= place {
            self.aliases.resize(place + 1, None);
        }
        if publish.topic.is_empty() {
            let Some(topic) = self.aliases[place].take() else {
                return self.malformed(head, body, Malformed::Alias, publish.packet_id, now);
            };
            self.keep(publish, &topic, now);
            self.aliases[place] = Some(topic);
            return;
        }
        if let Err(wrong) = check_topic(publish.topic) {
            return self.malformed(head, body, wrong, publish.packet_id, now);
        }
        self.aliases[place] = Some(publish.topic.into());
        self.keep(publish, publish.topic, now);
    }

    #[inline]
    fn keep(&mut self, publish: &Publish<'_>, topic: &[u8], now: Now) {
        let packet_id = publish.packet_id;
        if publish.qos == Qos::ExactlyOnce && self.is_repeated(packet_id, now) {
            return;
        }
        let ack = if publish.qos == Qos::ExactlyOnce { kind::PUBREC } else { kind::PUBACK };
        let is_kept = !self.is_full() && {
            let unix_micros = i64::try_from(now.mono_micros).unwrap_or(i64::MAX);
            self.batch.push(&Arrival {
                topic,
                payload: publish.payload,
                qos: publish.qos,
                is_retained: publish.is_retained,
                is_duplicate: publish.is_duplicate,
                mono_micros: now.mono_micros,
                unix_micros: unix_micros.saturating_add(self.batch.unix_offset_micros),
                properties: publish.properties.as_deref(),
            })
        };
        if !is_kept {
            self.batch.missed.dropped += 1;
            self.batch.missed.dropped_bytes += (topic.len() + publish.payload.len()) as u64;
        } else if !topic.is_ascii() && self.explained < EXPLAINED && std::str::from_utf8(topic).is_err() {
            self.explained += 1;
            let note = format!("its topic is not UTF-8: {}", visible_octets(topic, 200));
            self.traced(now, Direction::Received, kind::PUBLISH, None, 0, None, None, note);
        }
        if packet_id == 0 {
            return;
        }
        if is_kept {
            self.batch_acks.push((ack, packet_id));
        } else {
            self.acknowledge(ack, packet_id);
        }
    }

    /// Whether a message of QoS 2 was handed over before; if so, that is acknowledged again.
    fn is_repeated(&mut self, packet_id: u16, now: Now) -> bool {
        if !self.was_received(packet_id) {
            self.set_received(packet_id, true);
            return false;
        }
        let note = "came again, and is kept once".to_owned();
        self.traced(now, Direction::Received, kind::PUBLISH, Some(packet_id), 0, None, None, note);
        if !self.batch_acks.contains(&(kind::PUBREC, packet_id)) {
            self.acknowledge(kind::PUBREC, packet_id);
        }
        true
    }

    fn was_received(&self, packet_id: u16) -> bool {
        let (word, bit) = (usize::from(packet_id / 64), packet_id % 64);
        self.received.get(word).is_some_and(|word| word & (1 << bit) != 0)
    }

    fn set_received(&mut self, packet_id: u16, is_received: bool) {
        let (word, bit) = (usize::from(packet_id / 64), packet_id % 64);
        if self.received.is_empty() {
            self.received.resize(1024, 0);
        }
        if is_received {
            self.received[word] |= 1 << bit;
        } else {
            self.received[word] &= !(1 << bit);
        }
    }

    /// Counts a message that cannot be kept.
    fn malformed(&mut self, head: Head, body: &[u8], wrong: Malformed, packet_id: u16, now: Now) {
        self.batch.missed.malformed += 1;
        if self.explained < EXPLAINED {
            self.explained += 1;
            let note = format!("left out: {wrong}; topic “{}”", Self::topic_of(body));
            let length = u32::try_from(head.bytes()).unwrap_or(u32::MAX);
            let shown = (packet_id != 0).then_some(packet_id);
            self.traced(now, Direction::Received, kind::PUBLISH, shown, length, None, None, note);
        }
        if packet_id != 0 {
            let is_twice = (head.first >> 1) & 0b11 == 2;
            self.acknowledge(if is_twice { kind::PUBREC } else { kind::PUBACK }, packet_id);
        }
    }

    fn answer(&mut self, answer: Answer<'_>, head: Head, now: Now) -> Result<(), MqttError> {
        let bytes = u32::try_from(head.bytes()).unwrap_or(u32::MAX);
        match answer {
            Answer::ConnAck(ack) => self.connack(ack, bytes, now),
            Answer::SubAck { packet_id, codes, says } => {
                self.suback(packet_id, codes, &says.unwrap_or_default(), bytes, now);
                Ok(())
            }
            Answer::UnsubAck { packet_id, codes, says } => {
                let after = match self.pending.get(&packet_id) {
                    Some(Pending::Unsubscribe { ticket, sent }) => {
                        let (ticket, sent) = (*ticket, *sent);
                        self.pending.remove(&packet_id);
                        self.answers.push_back(Delivery::Unsubscribed { ticket });
                        Some(now.instant - sent)
                    }
                    _ => None,
                };
                let reason = codes.iter().max().map(|code| (*code, reason::reason(*code)));
                let note = unasked(after, says.unwrap_or_default());
                self.traced(now, Direction::Received, kind::UNSUBACK, Some(packet_id), bytes, reason, after, note);
                Ok(())
            }
            Answer::Ack { kind, packet_id, code, says } => {
                self.ack(kind, packet_id, code, says.unwrap_or_default(), bytes, now);
                Ok(())
            }
            Answer::PingResp => {
                let after = self.ping_sent.take().map(|sent| now.instant - sent);
                let note = unasked(after, String::new());
                self.traced(now, Direction::Received, kind::PINGRESP, None, bytes, None, after, note);
                Ok(())
            }
            Answer::Disconnect { code, says, other } => {
                let meaning = reason::reason(code);
                let mut words = says.unwrap_or_default();
                if let Some(other) = other {
                    words = with_other(&words, &other);
                }
                let reason = Some((code, meaning.clone()));
                self.traced(now, Direction::Received, kind::DISCONNECT, None, bytes, reason, None, words.clone());
                Err(MqttError::Ended { code, says: meaning, words })
            }
            Answer::Auth { code } => {
                let reason = Some((code, reason::reason(code)));
                self.traced(now, Direction::Received, kind::AUTH, None, bytes, reason, None, String::new());
                Err(MqttError::Malformed { detail: "AUTH, which was not asked for".into() })
            }
        }
    }

    fn connack(&mut self, ack: ConnAck, bytes: u32, now: Now) -> Result<(), MqttError> {
        if self.connected.is_some() {
            return Err(MqttError::Malformed { detail: "a second CONNACK".into() });
        }
        let after = self.connect_sent.map(|sent| now.instant - sent);
        let says = reason::connack(self.version, ack.code);
        let note = if ack.is_session_present { "session present" } else { "" };
        let reason = Some((ack.code, says.clone()));
        self.traced(now, Direction::Received, kind::CONNACK, None, bytes, reason, after, note.into());
        if ack.code != 0 {
            let mut words = ack.says.unwrap_or_default();
            if let Some(other) = ack.other {
                words = with_other(&words, &other);
            }
            return Err(MqttError::NotLetIn { code: ack.code, says, meaning: Refusal::of(ack.code), words });
        }
        if let Some(secs) = ack.server_keep_alive_secs {
            self.keep_alive = Duration::from_secs(secs.into());
        }
        self.in_flight_most = ack.receive_maximum.unwrap_or(IN_FLIGHT).clamp(1, IN_FLIGHT);
        self.limits = Limits {
            packet_bytes: ack
                .maximum_packet_bytes
                .and_then(|bytes| usize::try_from(bytes).ok())
                .map_or(MAX_PACKET_BYTES, |bytes| bytes.min(MAX_PACKET_BYTES)),
            qos: ack.maximum_qos.unwrap_or(2).min(self.limits.qos),
            has_retain: ack.has_retain.unwrap_or(true),
        };
        self.connected = Some(ack);
        self.last_act = (Act::Idle, now.instant);
        Ok(())
    }

    /// What the broker said on CONNECT, once it let us in.
    pub(super) fn connected(&self) -> Option<&ConnAck> {
        self.connected.as_ref()
    }

    fn suback(&mut self, packet_id: u16, codes: &[u8], says: &str, bytes: u32, now: Now) {
        let mut after = None;
        if let Some(&Pending::Subscribe { group, from, count, sent, .. }) = self.pending.get(&packet_id) {
            self.pending.remove(&packet_id);
            after = Some(now.instant - sent);
            self.answered(sent);
            if let Some(at) = self.groups.iter().position(|known| known.id == group) {
                let group = &mut self.groups[at];
                for (grant, code) in group.grants.iter_mut().skip(from).take(count).zip(codes) {
                    grant.code = *code;
                    grant.granted = (*code <= 2).then_some(*code);
                    grant.says = reason::suback(self.version, *code);
                    if !says.is_empty() && *code > 2 {
                        grant.says = format!("{}: {says}", grant.says);
                    }
                }
                group.open -= 1;
                if group.open == 0 && group.ticket.is_some() {
                    let group = self.groups.swap_remove(at);
                    self.close_group(group);
                }
            }
        }
        let reason = codes.iter().max().map(|code| (*code, reason::suback(self.version, *code)));
        let listed: Vec<String> = codes.iter().take(50).map(|code| format!("0x{code:02X}")).collect();
        let note = unasked(after, format!("{} {says}", listed.join(" ")).trim_end().to_owned());
        self.traced(now, Direction::Received, kind::SUBACK, Some(packet_id), bytes, reason, after, note);
    }

    fn ack(&mut self, ack: u8, packet_id: u16, code: u8, says: String, bytes: u32, now: Now) {
        if ack == kind::PUBREL {
            // A second one is answered like the first: the broker may not have had the answer.
            self.set_received(packet_id, false);
            self.trace_ack(now, Direction::Received, ack, packet_id, bytes);
            return self.acknowledge(kind::PUBCOMP, packet_id);
        }
        let mut after = None;
        let mut note = says.clone();
        if let Some(Pending::Publish { ticket, sent, is_released, qos, is_overdue }) = self.pending.get_mut(&packet_id)
        {
            let sent = *sent;
            after = Some(now.instant - sent);
            let (ticket, was_told) = (*ticket, *is_overdue);
            let end = match (ack, *qos, code) {
                (kind::PUBACK, Qos::AtLeastOnce, 0) | (kind::PUBCOMP, Qos::ExactlyOnce, _) => {
                    Some(PublishEnd::Acknowledged)
                }
                (kind::PUBACK, Qos::AtLeastOnce, 0x10) => Some(PublishEnd::NobodySubscribed),
                (kind::PUBACK, Qos::AtLeastOnce, _) | (kind::PUBREC, Qos::ExactlyOnce, 0x80..) => {
                    let error = MqttError::PublishRefused { code, says: reason::reason(code), words: says };
                    Some(PublishEnd::Refused(error.explain()))
                }
                (kind::PUBREC, Qos::ExactlyOnce, _) => {
                    *is_released = true;
                    None
                }
                _ => {
                    note = format!("is not the answer to this message {note}");
                    None
                }
            };
            let releases = ack == kind::PUBREC && *is_released;
            if let Some(end) = end {
                self.pending.remove(&packet_id);
                self.in_flight -= 1;
                self.answered(sent);
                if !was_told {
                    self.answers.push_back(Delivery::Published { ticket, end });
                }
            }
            if releases {
                self.acknowledge(kind::PUBREL, packet_id);
            }
        } else if ack == kind::PUBREC {
            // Of an earlier connection: let the broker go on.
            self.acknowledge(kind::PUBREL, packet_id);
        }
        let reason = (self.version == MqttVersion::V5).then(|| (code, reason::reason(code)));
        let note = unasked(after, note);
        self.traced(now, Direction::Received, ack, Some(packet_id), bytes, reason, after, note);
    }

    // Time.

    /// When something is to be done, if nothing comes before.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let silent = self.ping_sent.map(|sent| self.last_heard.map_or(sent, |heard| heard.max(sent)) + self.limit);
        let overdue = self.pending.values().filter_map(|pending| match pending {
            Pending::Subscribe { sent, is_overdue: false, .. } | Pending::Publish { sent, is_overdue: false, .. } => {
                Some(*sent + self.limit)
            }
            _ => None,
        });
        overdue.chain(silent).chain(self.ping_due()).min()
    }

    fn ping_due(&self) -> Option<Instant> {
        let is_due = !self.keep_alive.is_zero() && self.connected.is_some() && self.out.is_empty();
        self.last_sent.filter(|_| is_due).map(|sent| sent + self.keep_alive)
    }

    /// Looks what the time asks for. While nothing is read, silence says nothing about the broker.
    pub(super) fn handle_time(&mut self, now: Now, is_reading: bool) -> Result<(), MqttError> {
        let instant = now.instant;
        if !is_reading {
            self.last_heard = Some(instant);
        }
        if let Some(sent) = self.ping_sent {
            let since = self.last_heard.map_or(sent, |heard| heard.max(sent));
            if instant >= since + self.limit {
                return Err(MqttError::NoPingResp { secs: self.limit.as_secs() });
            }
        }
        // Even while nothing is read and the answers lie behind what waits: the broker wants to hear of us.
        if self.ping_due().is_some_and(|due| instant >= due) {
            let bytes = self.queue(send::ping);
            self.ping_sent.get_or_insert(instant);
            self.traced(now, Direction::Sent, 12, None, bytes, None, None, String::new());
        }
        self.tell_overdue(instant);
        Ok(())
    }

    /// Says that an answer does not come, once; it still may.
    fn tell_overdue(&mut self, now: Instant) {
        let limit = self.limit;
        let mut late_groups = Vec::new();
        for pending in self.pending.values_mut() {
            match pending {
                Pending::Publish { ticket, sent, is_overdue, .. } if !*is_overdue && now >= *sent + limit => {
                    *is_overdue = true;
                    self.answers.push_back(Delivery::Published { ticket: *ticket, end: PublishEnd::Unknown });
                }
                Pending::Subscribe { group, sent, is_overdue, .. } if !*is_overdue && now >= *sent + limit => {
                    *is_overdue = true;
                    late_groups.push(*group);
                }
                _ => {}
            }
        }
        for late in late_groups {
            let at = self.groups.iter().position(|group| group.id == late && group.ticket.is_some());
            if let Some(at) = at {
                let group = self.groups.swap_remove(at);
                self.close_group(group);
            }
        }
    }

    /// Messages of ours that wait for an acknowledgement.
    pub(super) fn in_flight(&self) -> u16 {
        self.in_flight
    }

    /// What we did then was answered: what follows does not come of it.
    fn answered(&mut self, sent: Instant) {
        if self.last_act.1 <= sent {
            self.last_act.0 = Act::Idle;
        }
    }

    /// What we did last, and how long ago.
    pub(super) fn last_act(&self) -> (&Act, Duration) {
        (&self.last_act.0, self.last_act.1.elapsed())
    }

    /// How long ago something was sent.
    pub(super) fn since_sent(&self) -> Duration {
        self.last_sent.map_or(Duration::ZERO, |sent| sent.elapsed())
    }

    /// The connection is over: what was asked and not answered stays open.
    pub(super) fn close(&mut self) {
        let unsent = std::mem::take(&mut self.unsent);
        let mut tickets: Vec<u64> = unsent.into_iter().map(|(_, ticket)| ticket).collect();
        tickets.extend(self.pending.drain().filter_map(|(_, pending)| match pending {
            Pending::Publish { ticket, is_overdue: false, .. } => Some(ticket),
            _ => None,
        }));
        tickets.sort_unstable();
        self.answers.extend(tickets.into_iter().map(|ticket| Delivery::Published { ticket, end: PublishEnd::Unknown }));
        for group in std::mem::take(&mut self.groups) {
            if group.ticket.is_some() {
                self.close_group(group);
            }
        }
        self.in_flight = 0;
        // Nobody hears them any more.
        self.batch_acks.clear();
    }
}

impl Now {
    /// Microseconds to add to the inspection's time for microseconds since 1970 UTC.
    pub(super) fn unix_offset_micros(self) -> i64 {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |unix| unix.as_micros());
        let unix = i64::try_from(unix).unwrap_or(i64::MAX);
        let mono = self.mono_micros + u64::try_from(self.instant.elapsed().as_micros()).unwrap_or_default();
        unix.saturating_sub(i64::try_from(mono).unwrap_or(i64::MAX))
    }
}

/// A broker's words, and the other broker it names.
fn with_other(words: &str, other: &str) -> String {
    if words.is_empty() { format!("other broker: {other}") } else { format!("{words}; other broker: {other}") }
}

/// Marks an answer to which there was no question.
fn unasked(after: Option<Duration>, note: String) -> String {
    match after {
        Some(_) => note,
        None => format!("was not asked for {note}").trim_end().to_owned(),
    }
}
