//! What is asked of a connection: subscriptions, and messages of ours.

use super::{Group, Now, Packet, Pending, Reply, Session, SessionError};
use crate::model::mqtt::message::{Grant, Outgoing, PublishEnd, Qos, Subscription};
use crate::model::mqtt::stage::Direction;
use crate::model::mqtt::topic::{MAX_TOPIC_BYTES, TopicFilter, mistake_in};
use crate::model::problem::Explain as _;
use crate::model::text::visible;
use crate::proto::mqtt::silent::Act;
use crate::proto::mqtt::wire::kind;

impl Session {
    /// Subscribes; the plan's own subscriptions have no ticket.
    pub fn subscribe(&mut self, ticket: Option<u64>, wanted: &[Subscription], now: Now) {
        self.last_act = (Act::Subscribe(wanted.to_vec()), Some(now.instant));
        let grants = wanted.iter().map(|wanted| Grant {
            filter: visible(wanted.filter.as_str(), 500),
            asked: wanted.qos.number(),
            granted: None,
            code: None,
            says: "the broker did not answer".into(),
        });
        // No number comes again: an answer may be late for a group that is closed.
        let id = self.next_group;
        self.next_group += 1;
        let mut group = Group { id, ticket, grants: grants.collect(), open: 0 };
        for (place, chunk) in wanted.chunks(self.chunk).enumerate() {
            let Some(packet_id) = self.next_id() else { break };
            let bytes = self.queue(Packet::Subscribe { packet_id, subscriptions: chunk });
            let (from, count, sent) = (place * self.chunk, chunk.len(), now.instant);
            self.pending.insert(packet_id, Pending::Subscribe { group: id, from, count, sent, is_overdue: false });
            group.open += 1;
            let note: Vec<String> =
                chunk.iter().map(|wanted| format!("{} QoS {}", wanted.filter, wanted.qos.number())).collect();
            let note = visible(&note.join(", "), 1000);
            self.traced(now, Direction::Sent, kind::SUBSCRIBE, Some(packet_id), bytes, None, None, note);
        }
        if group.open == 0 {
            self.close_group(group);
        } else {
            self.groups.push(group);
        }
    }

    pub(super) fn close_group(&mut self, group: Group) {
        match group.ticket {
            Some(ticket) => self.replies.push_back(Reply::Subscribed { ticket, grants: group.grants }),
            // The one who asked takes it from here.
            None => self.groups.push(Group { open: 0, ..group }),
        }
    }

    /// What became of the plan's own subscriptions, once all were answered; or as it stands, when `anyhow`.
    pub fn take_grants(&mut self, anyhow: bool) -> Option<Vec<Grant>> {
        let at = self.groups.iter().position(|group| group.ticket.is_none() && (anyhow || group.open == 0))?;
        Some(self.groups.swap_remove(at).grants)
    }

    /// Takes subscriptions back.
    pub fn unsubscribe(&mut self, ticket: u64, filters: &[TopicFilter], now: Now) {
        let packet_id = if filters.is_empty() { None } else { self.next_id() };
        let Some(packet_id) = packet_id else {
            self.replies.push_back(Reply::Unsubscribed { ticket });
            return;
        };
        let bytes = self.queue(Packet::Unsubscribe { packet_id, filters });
        self.pending.insert(packet_id, Pending::Unsubscribe { ticket, sent: now.instant });
        let note: Vec<&str> = filters.iter().map(TopicFilter::as_str).collect();
        let note = visible(&note.join(", "), 1000);
        self.traced(now, Direction::Sent, kind::UNSUBSCRIBE, Some(packet_id), bytes, None, None, note);
    }

    /// Publishes a message, or refuses it where the broker would.
    pub fn publish(&mut self, ticket: u64, message: Outgoing, now: Now) {
        if let Err(error) = self.try_publish(ticket, message, now) {
            let end = PublishEnd::Refused(error.explain());
            self.replies.push_back(Reply::Published { ticket, end });
        }
    }

    fn try_publish(&mut self, ticket: u64, message: Outgoing, now: Now) -> Result<(), SessionError> {
        self.check_outgoing(&message)?;
        let qos = message.qos;
        let packet_id = if qos == Qos::AtMostOnce { Some(0) } else { self.next_id() };
        let packet_id = packet_id.ok_or(SessionError::NotSent { secs: self.limit.as_secs() })?;
        let act = Act::Publish { topic: message.topic.clone(), qos, bytes: message.payload.len() };
        self.last_act = (act, Some(now.instant));
        let before = (self.out.len(), self.queued_bytes);
        let bytes = self.queue(Packet::Publish { packet_id, message });
        let (bytes, most) = (usize::try_from(bytes).unwrap_or(usize::MAX), self.limits.packet_bytes);
        if bytes > most {
            // Only its codec knows how long a packet is: it is taken back.
            self.out.truncate(before.0);
            self.queued_bytes = before.1;
            return Err(SessionError::TooLarge { bytes, most });
        }
        if qos == Qos::AtMostOnce {
            self.unsent.push_back((self.queued_bytes, ticket));
        } else {
            let sent = now.instant;
            let waits = Pending::Publish { ticket, sent, is_released: false, qos, is_overdue: false };
            self.pending.insert(packet_id, waits);
            self.in_flight += 1;
        }
        Ok(())
    }

    fn check_outgoing(&self, message: &Outgoing) -> Result<(), SessionError> {
        if let Some(mistake) = mistake_in(&message.topic) {
            return Err(SessionError::BadTopic { mistake });
        }
        let (asked, most) = (message.qos.number(), self.limits.qos);
        if asked > most {
            return Err(SessionError::QosTooHigh { asked, most });
        }
        if message.is_retained && !self.limits.has_retain {
            return Err(SessionError::NoRetain);
        }
        let properties = &message.properties;
        let strings = [&properties.content_type, &properties.response_topic].into_iter().flatten().map(String::len);
        let pairs = properties.user.iter().flat_map(|(name, value)| [name.len(), value.len()]);
        let longest = strings.chain(pairs).chain([properties.correlation_data.len()]).max().unwrap_or(0);
        if longest > MAX_TOPIC_BYTES {
            return Err(SessionError::TooLarge { bytes: longest, most: MAX_TOPIC_BYTES });
        }
        Ok(())
    }
}
