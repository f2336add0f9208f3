//! What the broker does with what a client sends: CONNECT first, then all else.

use std::time::Instant;

use super::link::{Ending, Greeting, News};
use super::message::{Message, Welcome, ack, codes, pong, refusal};
use super::packet::{self, Connect, Incoming, PUBACK, PUBCOMP, PUBREC, PUBREL, Publish, SUBACK, UNSUBACK};
use super::session::{Session, Terms};
use super::wire::{Fault, against_protocol, next_packet};
use super::{Broker, LinkId, SessionId, reason};
use crate::model::mqtt::MqttVersion;

/// The largest packet of one who has not said who it is: a CONNECT with everything in it at its longest.
const MAX_CONNECT: usize = 512 * 1024;

const VERSIONS: &str = "the bench broker speaks MQTT 3.1.1 and 5, and no other version";

impl Broker {
    /// Bytes came from a client.
    pub fn received(&mut self, id: LinkId, bytes: &[u8], now: Instant) {
        let Some(link) = self.links.get_mut(&id).filter(|link| !link.is_over) else { return };
        link.buffer.extend_from_slice(bytes);
        self.incomplete += bytes.len();
        if link.terms.is_some() {
            link.last = now;
        }
        while let Some(outcome) = self.next_of(id) {
            let done = outcome.and_then(|(first, body)| self.take(id, first, &body, now));
            if let Err(fault) = done {
                self.fail(id, fault, now);
            }
        }
        if self.incomplete > self.limits.incomplete_bytes {
            let why = "all clients together began more bytes of packets than the broker holds";
            self.fail(id, Fault { code: reason::QUOTA, why }, now);
        }
    }

    /// The next whole packet of a connection that goes on.
    fn next_of(&mut self, id: LinkId) -> Option<Result<(u8, bytes::Bytes), Fault>> {
        let link = self.links.get_mut(&id).filter(|link| !link.is_over)?;
        let most = if link.terms.is_some() { self.limits.packet_bytes } else { MAX_CONNECT };
        let before = link.buffer.len();
        let packet = next_packet(&mut link.buffer, most).transpose();
        self.incomplete -= before - link.buffer.len();
        packet
    }

    /// The client did something it must not do: the connection ends.
    fn fail(&mut self, id: LinkId, fault: Fault, now: Instant) {
        let Some(link) = self.links.get_mut(&id) else { return };
        self.incomplete -= link.buffer.len();
        link.buffer.clear();
        self.end(id, fault.code, Ending::Fault(fault.why));
        self.leave(id, true, now);
    }

    fn take(&mut self, id: LinkId, first: u8, body: &[u8], now: Instant) -> Result<(), Fault> {
        let Some(link) = self.links.get(&id) else { return Ok(()) };
        let (Some(version), Some(session)) = (link.version(), link.session) else {
            return self.greet(id, first, body, now);
        };
        match Incoming::read(version, first, body)? {
            Incoming::Publish(publish) => return self.take_message(id, session, version, publish, now),
            Incoming::Ack { kind: PUBREL, id: packet, .. } => self.released(id, session, version, packet),
            Incoming::Ack { kind, id: packet, code } => self.acknowledged(id, session, version, (kind, packet, code)),
            Incoming::Subscribe { id: packet, subscription_id, requests } => {
                let granted = requests.iter().map(|request| self.subscribe(session, request, subscription_id, now));
                let granted: Vec<u8> = granted.collect();
                self.send(id, codes(version, SUBACK, packet, &granted));
            }
            Incoming::Unsubscribe { id: packet, filters } => {
                let done: Vec<u8> = filters.iter().map(|filter| self.unsubscribe(session, filter)).collect();
                self.send(id, codes(version, UNSUBACK, packet, &done));
            }
            Incoming::Ping => self.send(id, pong()),
            Incoming::Disconnect { code, session_expiry } => {
                return self.goodbye(id, session, code, session_expiry, now);
            }
        }
        Ok(())
    }

    /// The first packet of a connection.
    fn greet(&mut self, id: LinkId, first: u8, body: &[u8], now: Instant) -> Result<(), Fault> {
        if first != packet::CONNECT << 4 {
            return Err(against_protocol("what it sent is not the beginning of MQTT"));
        }
        let version = match packet::version(body) {
            Ok(version) => version,
            Err(None) => return Err(against_protocol("its CONNECT names another protocol than MQTT")),
            Err(Some(level)) => {
                let format = if level > 5 { MqttVersion::V5 } else { MqttVersion::V311 };
                self.refuse(id, format, reason::UNSUPPORTED_VERSION, VERSIONS);
                return Ok(());
            }
        };
        match Connect::read(version, body) {
            Ok(connect) => self.connect(id, connect, now),
            Err(fault) if version == MqttVersion::V5 => self.refuse(id, version, fault.code, fault.why),
            Err(fault) => return Err(fault),
        }
        Ok(())
    }

    fn refuse(&mut self, id: LinkId, version: MqttVersion, code: u8, why: &'static str) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.push(refusal(version, code));
        link.end_silently(Ending::Refused(why));
        self.touched.push(id);
    }

    fn connect(&mut self, id: LinkId, mut connect: Connect, now: Instant) {
        let version = connect.version;
        if connect.has_authentication {
            let why = "it asked for a login in several steps, which the bench broker does not have";
            return self.refuse(id, version, reason::BAD_AUTHENTICATION, why);
        }
        let is_assigned = connect.client_id.is_empty();
        if is_assigned && version == MqttVersion::V311 && !connect.is_clean {
            let why = "an empty client id needs a clean session";
            return self.refuse(id, version, reason::CLIENT_ID, why);
        }
        if is_assigned {
            connect.client_id = format!("assigned-{:08x}-{}", self.seed, self.next_session);
        }
        let has_taken_over = self.throw_out(&connect, now);
        let Some((session_id, is_session_present)) = self.session_for(&connect, now) else {
            let why = "the bench broker takes no more clients";
            return self.refuse(id, version, reason::QUOTA, why);
        };
        let imposed = self.limits.keep_alive_secs.filter(|most| {
            version == MqttVersion::V5 && (connect.keep_alive_secs == 0 || connect.keep_alive_secs > *most)
        });
        let welcome = Welcome {
            is_session_present,
            receive_maximum: self.limits.receive_maximum,
            packet_maximum: self.limits.packet_bytes,
            alias_maximum: self.limits.topic_aliases,
            assigned_client_id: (is_assigned && version == MqttVersion::V5).then_some(connect.client_id.as_str()),
            keep_alive_secs: imposed,
        };
        let welcome = welcome.encode(version);
        let greeting = Greeting {
            client_id: connect.client_id.clone(),
            is_assigned,
            version,
            username: connect.username.take(),
            keep_alive_secs: imposed.unwrap_or(connect.keep_alive_secs),
            has_will: connect.will.is_some(),
            has_taken_over,
            is_session_present,
        };
        self.seat(session_id, id, &mut connect);
        if let Some(link) = self.links.get_mut(&id) {
            link.session = Some(session_id);
            link.keep_alive_secs = greeting.keep_alive_secs;
            link.last = now;
            let Connect { packet_maximum, receive_maximum, alias_maximum, .. } = connect;
            link.terms = Some(Terms::new(version, packet_maximum, receive_maximum, alias_maximum));
            link.push(welcome);
            link.tell(News::Came(greeting));
        }
        self.touched.push(id);
        self.is_rescheduled = true;
    }

    /// A connection under the same name makes room (MQTT-3.1.4-3); whether there was one.
    fn throw_out(&mut self, connect: &Connect, now: Instant) -> bool {
        let Some(session_id) = self.names.get(&connect.client_id).copied() else { return false };
        let old = self.sessions.get(&session_id).and_then(|session| session.link);
        if let Some(old) = old {
            self.end(old, reason::TAKEN_OVER, Ending::TakenOver);
            self.leave(old, true, now);
        }
        old.is_some()
    }

    /// The session of a client, and whether it was there; `None` where there is no room for one.
    fn session_for(&mut self, connect: &Connect, now: Instant) -> Option<(SessionId, bool)> {
        if let Some(known) = self.names.get(&connect.client_id).copied() {
            if !connect.is_clean {
                return Some((known, true));
            }
            self.remove_session(known, now);
        }
        if self.sessions.len() >= self.limits.sessions {
            // The one that has been away longest makes room.
            let away = self.sessions.iter().filter_map(|(id, session)| session.left.map(|left| (left, *id)));
            let (_, longest) = away.min()?;
            self.remove_session(longest, now);
        }
        let id = SessionId(self.next_session);
        self.next_session += 1;
        self.sessions.insert(id, Session::new(connect.client_id.clone()));
        self.names.insert(connect.client_id.clone(), id);
        Some((id, false))
    }

    /// The session has its client again.
    fn seat(&mut self, id: SessionId, link: LinkId, connect: &mut Connect) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.link = Some(link);
        (session.ends, session.will_due, session.left) = (None, None, None);
        session.expiry_secs = connect.session_expiry;
        session.will = connect.will.take();
        session.resume();
    }

    fn take_message(
        &mut self,
        id: LinkId,
        session_id: SessionId,
        version: MqttVersion,
        mut publish: Publish,
        now: Instant,
    ) -> Result<(), Fault> {
        self.resolve_alias(id, &mut publish)?;
        let (qos, packet) = (publish.qos, publish.id);
        if qos == 2 && !self.is_first_time(session_id, version, packet)? {
            self.send(id, ack(version, PUBREC, packet, reason::SUCCESS));
            return Ok(());
        }
        let is_wanted = self.publish(Message::new(publish, session_id, now), now);
        let code = if is_wanted { reason::SUCCESS } else { reason::NO_SUBSCRIBERS };
        match qos {
            0 => {}
            1 => self.send(id, ack(version, PUBACK, packet, code)),
            _ => self.send(id, ack(version, PUBREC, packet, code)),
        }
        Ok(())
    }

    /// Puts the topic in the place of its abbreviation (section 3.3.2.3.4).
    fn resolve_alias(&mut self, id: LinkId, publish: &mut Publish) -> Result<(), Fault> {
        let (Some(alias), Some(link)) = (publish.alias, self.links.get_mut(&id)) else { return Ok(()) };
        if alias == 0 || alias > self.limits.topic_aliases {
            let why = "it sent a topic alias that it was not allowed";
            return Err(Fault { code: reason::ALIAS_INVALID, why });
        }
        if !publish.topic.is_empty() {
            link.aliases.insert(alias, publish.topic.clone());
            return Ok(());
        }
        let topic = link.aliases.get(&alias);
        publish.topic = topic.cloned().ok_or(against_protocol("it sent an unknown topic alias"))?;
        Ok(())
    }

    /// Whether a QoS 2 message is none that came before.
    fn is_first_time(&mut self, id: SessionId, version: MqttVersion, packet: u16) -> Result<bool, Fault> {
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(false) };
        let most = usize::from(self.limits.receive_maximum);
        let is_first = !session.received.contains(&packet);
        if is_first && version == MqttVersion::V5 && session.received.len() >= most {
            let why = "it sent more messages at a time than it was allowed";
            return Err(Fault { code: reason::RECEIVE_MAXIMUM, why });
        }
        session.received.insert(packet);
        Ok(is_first)
    }

    /// PUBREL.
    fn released(&mut self, id: LinkId, session: SessionId, version: MqttVersion, packet: u16) {
        let was_there = self.sessions.get_mut(&session).is_some_and(|session| session.received.remove(&packet));
        let code = if was_there { reason::SUCCESS } else { reason::PACKET_ID_UNKNOWN };
        self.send(id, ack(version, PUBCOMP, packet, code));
    }

    /// PUBACK, PUBREC or PUBCOMP.
    fn acknowledged(
        &mut self,
        id: LinkId,
        session: SessionId,
        version: MqttVersion,
        (kind, packet, code): (u8, u16, u8),
    ) {
        let Some(session) = self.sessions.get_mut(&session) else { return };
        if let Some(answer) = session.acknowledged(version, kind, packet, code, &mut self.budget) {
            self.send(id, answer);
        } else {
            // There may be room for the next message.
            self.touched.push(id);
        }
    }

    fn goodbye(
        &mut self,
        id: LinkId,
        session_id: SessionId,
        code: u8,
        session_expiry: Option<u32>,
        now: Instant,
    ) -> Result<(), Fault> {
        if let (Some(secs), Some(session)) = (session_expiry, self.sessions.get_mut(&session_id)) {
            if session.expiry_secs == 0 && secs != 0 {
                return Err(against_protocol("it asked for a session on leaving, and for none on coming"));
            }
            session.expiry_secs = secs;
        }
        let with_will = code == reason::WITH_WILL;
        if let Some(link) = self.links.get_mut(&id) {
            link.end_silently(Ending::Goodbye { with_will });
            self.touched.push(id);
        }
        self.leave(id, with_will, now);
        Ok(())
    }
}
