//! What the time asks for: signs of life, answers that do not come.

use std::time::{Duration, Instant};

use super::{Now, Packet, Pending, Reply, Session, SessionError};
use crate::model::mqtt::message::PublishEnd;
use crate::model::mqtt::stage::Direction;
use crate::proto::mqtt::silent::Act;
use crate::proto::mqtt::wire::kind;

impl Session {
    /// When something is to be done, if nothing comes before.
    pub fn poll_timeout(&self) -> Option<Instant> {
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
    pub fn handle_timeout(&mut self, now: Now, is_reading: bool) -> Result<(), SessionError> {
        let instant = now.instant;
        if !is_reading {
            self.last_heard = Some(instant);
        }
        if let Some(sent) = self.ping_sent {
            let since = self.last_heard.map_or(sent, |heard| heard.max(sent));
            if instant >= since + self.limit {
                return Err(SessionError::NoPingResp { secs: self.limit.as_secs() });
            }
        }
        // Even while nothing is read and the answers lie behind what waits: the broker wants to hear of us.
        if self.ping_due().is_some_and(|due| instant >= due) {
            let bytes = self.queue(Packet::Ping);
            self.ping_sent.get_or_insert(instant);
            self.traced(now, Direction::Sent, kind::PINGREQ, None, bytes, None, None, String::new());
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
                    self.replies.push_back(Reply::Published { ticket: *ticket, end: PublishEnd::Unknown });
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

    /// What we did then was answered: what follows does not come of it.
    pub(super) fn answered(&mut self, sent: Instant) {
        if self.last_act.1.is_none_or(|last| last <= sent) {
            self.last_act.0 = Act::Idle;
        }
    }

    /// What we did last, and how long ago.
    pub fn last_act(&self, now: Instant) -> (&Act, Duration) {
        let (act, at) = &self.last_act;
        (act, at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at)))
    }

    /// How long ago something was sent.
    pub fn since_sent(&self, now: Instant) -> Duration {
        self.last_sent.map_or(Duration::ZERO, |sent| now.saturating_duration_since(sent))
    }
}
