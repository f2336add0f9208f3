//! What a broker answers.

use std::time::Duration;

use super::{IN_FLIGHT, Limits, MAX_PACKET_BYTES, Now, Pending, Refusal, Reply, Session, SessionError};
use crate::model::mqtt::MqttVersion;
use crate::model::mqtt::message::{PublishEnd, Qos};
use crate::model::mqtt::stage::Direction;
use crate::model::problem::Explain as _;
use crate::proto::mqtt::reason;
use crate::proto::mqtt::silent::Act;
use crate::proto::mqtt::wire::{Answer, ConnAck, Head, kind};

impl Session {
    pub(super) fn answer(&mut self, answer: Answer<'_>, head: Head, now: Now) -> Result<(), SessionError> {
        let bytes = u32::try_from(head.bytes()).unwrap_or(u32::MAX);
        match answer {
            Answer::ConnAck(ack) => self.connack(ack, bytes, now),
            Answer::SubAck { packet_id, codes, says } => {
                self.suback(packet_id, codes, &says.unwrap_or_default(), bytes, now);
                Ok(())
            }
            Answer::UnsubAck { packet_id, codes, says } => {
                self.unsuback(packet_id, codes, says.unwrap_or_default(), bytes, now);
                Ok(())
            }
            Answer::Ack { kind, packet_id, code, says } => {
                self.ack(kind, packet_id, code, says.unwrap_or_default(), bytes, now);
                Ok(())
            }
            Answer::PingResp => {
                let after = self.ping_sent.take().map(|sent| now.instant.saturating_duration_since(sent));
                let note = unasked(after, String::new());
                self.traced(now, Direction::Received, kind::PINGRESP, None, bytes, None, after, note);
                Ok(())
            }
            Answer::Disconnect { code, says, other } => {
                let meaning = reason::reason(code);
                let words = with_other(says.unwrap_or_default(), other);
                let reason = Some((code, meaning.clone()));
                self.traced(now, Direction::Received, kind::DISCONNECT, None, bytes, reason, None, words.clone());
                Err(SessionError::Ended { code, says: meaning, words })
            }
            Answer::Auth { code } => {
                let reason = Some((code, reason::reason(code)));
                self.traced(now, Direction::Received, kind::AUTH, None, bytes, reason, None, String::new());
                Err(SessionError::Malformed { detail: "AUTH, which was not asked for".into() })
            }
        }
    }

    fn connack(&mut self, ack: ConnAck, bytes: u32, now: Now) -> Result<(), SessionError> {
        if self.connected.is_some() {
            return Err(SessionError::Malformed { detail: "a second CONNACK".into() });
        }
        let after = self.connect_sent.map(|sent| now.instant.saturating_duration_since(sent));
        let says = reason::connack(self.version, ack.code);
        let note = if ack.is_session_present { "session present" } else { "" };
        let reason = Some((ack.code, says.clone()));
        self.traced(now, Direction::Received, kind::CONNACK, None, bytes, reason, after, note.into());
        if ack.code != 0 {
            let words = with_other(ack.says.unwrap_or_default(), ack.other);
            return Err(SessionError::NotLetIn { code: ack.code, says, meaning: Refusal::of(ack.code), words });
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
        self.last_act = (Act::Idle, Some(now.instant));
        Ok(())
    }

    fn suback(&mut self, packet_id: u16, codes: &[u8], says: &str, bytes: u32, now: Now) {
        let mut after = None;
        if let Some(&Pending::Subscribe { group, from, count, sent, .. }) = self.pending.get(&packet_id) {
            self.pending.remove(&packet_id);
            after = Some(now.instant.saturating_duration_since(sent));
            self.answered(sent);
            self.grant(group, from, count, codes, says);
        }
        let reason = codes.iter().max().map(|code| (*code, reason::suback(self.version, *code)));
        let listed: Vec<String> = codes.iter().take(50).map(|code| format!("0x{code:02X}")).collect();
        let note = unasked(after, format!("{} {says}", listed.join(" ")).trim_end().to_owned());
        self.traced(now, Direction::Received, kind::SUBACK, Some(packet_id), bytes, reason, after, note);
    }

    /// Codes beyond the filters of the request say nothing; filters beyond the codes stay unanswered.
    fn grant(&mut self, group: u64, from: usize, count: usize, codes: &[u8], says: &str) {
        let Some(at) = self.groups.iter().position(|known| known.id == group) else { return };
        let group = &mut self.groups[at];
        for (grant, code) in group.grants.iter_mut().skip(from).take(count).zip(codes) {
            grant.code = Some(*code);
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

    fn unsuback(&mut self, packet_id: u16, codes: &[u8], says: String, bytes: u32, now: Now) {
        let mut after = None;
        if let Some(&Pending::Unsubscribe { ticket, sent }) = self.pending.get(&packet_id) {
            self.pending.remove(&packet_id);
            self.replies.push_back(Reply::Unsubscribed { ticket });
            after = Some(now.instant.saturating_duration_since(sent));
        }
        let reason = codes.iter().max().map(|code| (*code, reason::reason(*code)));
        let note = unasked(after, says);
        self.traced(now, Direction::Received, kind::UNSUBACK, Some(packet_id), bytes, reason, after, note);
    }

    fn ack(&mut self, ack: u8, packet_id: u16, code: u8, says: String, bytes: u32, now: Now) {
        if ack == kind::PUBREL {
            // A second one is answered like the first: the broker may not have had the answer.
            self.received.remove(packet_id);
            self.trace_ack(now, Direction::Received, ack, packet_id, bytes);
            return self.acknowledge(kind::PUBCOMP, packet_id, now);
        }
        let mut after = None;
        let mut note = says.clone();
        if let Some(Pending::Publish { ticket, sent, is_released, qos, is_overdue }) = self.pending.get_mut(&packet_id)
        {
            let sent = *sent;
            after = Some(now.instant.saturating_duration_since(sent));
            let (ticket, was_told) = (*ticket, *is_overdue);
            let was_released = *is_released;
            let end = match (ack, *qos, code) {
                (kind::PUBACK, Qos::AtLeastOnce, 0) => Some(PublishEnd::Acknowledged),
                (kind::PUBCOMP, Qos::ExactlyOnce, _) if was_released => Some(PublishEnd::Acknowledged),
                (kind::PUBACK, Qos::AtLeastOnce, 0x10) => Some(PublishEnd::NobodySubscribed),
                (kind::PUBACK, Qos::AtLeastOnce, _) | (kind::PUBREC, Qos::ExactlyOnce, 0x80..) => {
                    let error = SessionError::PublishRefused { code, says: reason::reason(code), words: says };
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
                    self.replies.push_back(Reply::Published { ticket, end });
                }
            }
            if releases {
                self.acknowledge(kind::PUBREL, packet_id, now);
            }
        } else if ack == kind::PUBREC && code < 0x80 {
            // Of an earlier connection: let the broker go on.
            self.acknowledge(kind::PUBREL, packet_id, now);
        }
        let reason = (self.version == MqttVersion::V5).then(|| (code, reason::reason(code)));
        let note = unasked(after, note);
        self.traced(now, Direction::Received, ack, Some(packet_id), bytes, reason, after, note);
    }
}

/// A broker's words, and the other broker it names.
fn with_other(words: String, other: Option<String>) -> String {
    match other {
        None => words,
        Some(other) if words.is_empty() => format!("other broker: {other}"),
        Some(other) => format!("{words}; other broker: {other}"),
    }
}

/// Marks an answer to which there was no question.
fn unasked(after: Option<Duration>, note: String) -> String {
    match after {
        Some(_) => note,
        None => format!("was not asked for {note}").trim_end().to_owned(),
    }
}
