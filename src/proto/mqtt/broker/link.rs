//! A connection: what came and is not read yet, what is to be sent, and what is to be told of it.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::SessionId;
use super::message::disconnect;
use super::session::Terms;
use crate::model::mqtt::MqttVersion;

/// Bytes that are handed out in one go, if more than one packet has them.
const OUTPUT_BYTES: usize = 256 * 1024;

/// What a client says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Its name; one that the broker gave it, if it had none.
    pub client_id: String,
    /// Whether the broker gave it the name.
    pub is_assigned: bool,
    /// The version it speaks.
    pub version: MqttVersion,
    /// Its user name. The password is not looked at.
    pub username: Option<String>,
    /// Its promise of a sign of life, in seconds; 0 for none.
    pub keep_alive_secs: u16,
    /// Whether it leaves a last will.
    pub has_will: bool,
    /// Whether another connection under that name was thrown out for it.
    pub has_taken_over: bool,
    /// Whether it found its session again.
    pub is_session_present: bool,
}

/// What is to be told of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The client logged in.
    Came(Greeting),
    /// The client was turned away, or disconnected.
    Ended(Ending),
}

/// Why the broker ends a connection, or why the client did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The client said goodbye; whether it asked for its will to be published all the same.
    Goodbye {
        /// Whether its will is published.
        with_will: bool,
    },
    /// Another connection came under its name.
    TakenOver,
    /// It was silent for longer than it promised, or has not said who it is.
    Silent,
    /// What it sent is against the standard or a limit: what that was.
    Fault(&'static str),
    /// It was not let in.
    Refused(&'static str),
    /// The broker stops.
    Stopped,
}

/// What a connection is to do.
#[derive(Debug, Default)]
pub struct Output {
    /// Whole packets to send, in their order.
    pub packets: Vec<Bytes>,
    /// What happened.
    pub news: Vec<News>,
    /// Whether the connection is to be closed after that.
    pub is_over: bool,
    bytes: usize,
}

impl Output {
    pub(super) fn gone() -> Self {
        Self { is_over: true, ..Self::default() }
    }

    pub(super) fn push(&mut self, packet: Bytes) {
        self.bytes += packet.len();
        self.packets.push(packet);
    }

    pub(super) const fn is_full(&self) -> bool {
        self.bytes >= OUTPUT_BYTES
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) buffer: BytesMut,
    pub(super) session: Option<SessionId>,
    /// Known once CONNECT was taken.
    pub(super) terms: Option<Terms>,
    /// Topics that the client abbreviates.
    pub(super) aliases: HashMap<u16, String>,
    pub(super) unread_bytes: usize,
    pub(super) last: Instant,
    /// 0 for none.
    pub(super) keep_alive_secs: u16,
    pub(super) is_over: bool,
    out: VecDeque<Bytes>,
    news: Vec<News>,
}

impl Link {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            buffer: BytesMut::new(),
            session: None,
            terms: None,
            aliases: HashMap::new(),
            unread_bytes: 0,
            last: now,
            keep_alive_secs: 0,
            is_over: false,
            out: VecDeque::new(),
            news: Vec::new(),
        }
    }

    /// The version it speaks, once it is in.
    pub(super) fn version(&self) -> Option<MqttVersion> {
        self.terms.as_ref().map(|terms| terms.version)
    }

    pub(super) fn push(&mut self, packet: Bytes) {
        self.unread_bytes += packet.len();
        self.out.push_back(packet);
    }

    pub(super) fn tell(&mut self, news: News) {
        self.news.push(news);
    }

    /// Ends it, unless it has ended. A client of MQTT 5 that is in gets the code and, if it has room for it, the sentence.
    pub(super) fn end(&mut self, code: u8, ending: Ending) {
        if self.is_over {
            return;
        }
        let why = if let Ending::Fault(why) = ending { why } else { "" };
        self.is_over = true;
        self.news.push(News::Ended(ending));
        if let Some(terms) = &self.terms {
            let most = terms.packet_maximum;
            let packets = [why, ""].map(|why| disconnect(terms.version, code, why));
            let fitting = packets.into_iter().flatten().find(|packet| packet.len() <= most);
            if let Some(packet) = fitting {
                self.push(packet);
            }
        }
    }

    /// Ends it without a packet.
    pub(super) fn end_silently(&mut self, ending: Ending) {
        if !self.is_over {
            self.is_over = true;
            self.news.push(News::Ended(ending));
        }
    }

    /// When it has been silent for too long: until it says who it is, or by half more than the time it promised.
    pub(super) fn due(&self, greeting: Duration) -> Option<Instant> {
        match (&self.terms, self.keep_alive_secs) {
            _ if self.is_over => None,
            (None, _) => Some(self.last + greeting),
            (Some(_), 0) => None,
            (Some(_), secs) => Some(self.last + Duration::from_millis(u64::from(secs) * 1500)),
        }
    }

    pub(super) fn take_output(&mut self) -> Output {
        let mut output = Output { news: std::mem::take(&mut self.news), ..Output::default() };
        while let Some(packet) = self.out.pop_front() {
            self.unread_bytes -= packet.len();
            output.push(packet);
        }
        output.is_over = self.is_over;
        output
    }
}
