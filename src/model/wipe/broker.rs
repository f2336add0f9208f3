//! What a broker was seen to do with the gateway's old credential, and what may be claimed of that.
//!
//! A refusal alone proves nothing: a broker whose list of revoked certificates has run out refuses everybody. So the old one
//! refused counts only beside another one that the same broker accepted within a minute.

use std::time::Duration;

use serde::Serialize;

use crate::model::word::words;

/// How long may lie between the refusal and the control.
const MOST_APART: Duration = Duration::from_mins(1);

words! {
    /// What a broker did with a login.
    LoginState {
        /// It let it in.
        Accepted = "accepted",
        /// It said no.
        Refused = "refused",
        /// It could not be asked.
        NotAsked = "not-asked",
    }
}

words! {
    /// What follows of the two logins.
    Proof {
        /// The old credential still opens the door.
        StillAccepted = "still-accepted",
        /// It was refused, and another one was accepted by the same broker within a minute.
        Proved = "proved",
        /// It was refused, and nothing shows that anybody is let in.
        RefusedNotProved = "refused-not-proved",
        /// It could not be tried.
        NotTried = "not-tried",
    }
}

/// What was seen of one login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoginSeen {
    /// What the broker did.
    pub state: LoginState,
    /// How it said so, in a sentence.
    pub says: String,
}

/// A topic on which something was published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LiveTopic {
    /// The topic.
    pub topic: String,
    /// How many messages.
    pub messages: u64,
}

/// What was seen at a broker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrokerSeen {
    /// Which broker.
    pub endpoint: String,
    /// What it did with the gateway's old credential.
    pub old: LoginSeen,
    /// What it did with one that is known to be good.
    pub control: Option<LoginSeen>,
    /// How much later that was.
    #[serde(rename = "apart_millis", serialize_with = "crate::model::outcome::as_millis")]
    pub apart: Duration,
    /// Messages that the broker retains on the gateway's topics.
    pub retained: Vec<String>,
    /// Topics on which something was published meanwhile, with how many messages: its client isn't gone.
    pub live: Vec<LiveTopic>,
    /// How long that was listened to, in seconds; 0 where nobody listened.
    pub listened_seconds: u64,
}

impl BrokerSeen {
    /// What follows of it.
    pub fn proof(&self) -> Proof {
        let is_control = self.control.as_ref().is_some_and(|control| control.state == LoginState::Accepted);
        match self.old.state {
            LoginState::Accepted => Proof::StillAccepted,
            LoginState::Refused if is_control && self.apart <= MOST_APART => Proof::Proved,
            LoginState::Refused => Proof::RefusedNotProved,
            LoginState::NotAsked => Proof::NotTried,
        }
    }

    /// It in sentences.
    pub fn words(&self) -> Vec<String> {
        let mut words = vec![match (self.proof(), &self.control) {
            (Proof::StillAccepted, _) => format!("{} still accepts the old credential", self.endpoint),
            (Proof::Proved, _) => format!(
                "{} refused the old credential ({}), and accepted another one within {} s",
                self.endpoint,
                self.old.says,
                self.apart.as_secs().max(1)
            ),
            (Proof::RefusedNotProved, None) => format!(
                "{} refused the old credential ({}): not proved, since no other one was tried beside it",
                self.endpoint, self.old.says
            ),
            (Proof::RefusedNotProved, Some(control)) => format!(
                "{} refused the old credential ({}): not proved, since it didn't accept a good one either ({})",
                self.endpoint, self.old.says, control.says
            ),
            (Proof::NotTried, _) => format!("{} could not be asked: {}", self.endpoint, self.old.says),
        }];
        if self.listened_seconds > 0 {
            words.push(match self.live.len() {
                0 => format!("Nothing was published on its topics within {} s", self.listened_seconds),
                count => format!("Its client still publishes: {count} topics, such as {}", self.live[0].topic),
            });
            words.push(match self.retained.len() {
                0 => "No message is retained on its topics".into(),
                1 => format!("1 message is retained on its topics: {}", self.retained[0]),
                count => format!("{count} messages are retained on its topics, such as {}", self.retained[0]),
            });
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(state: LoginState) -> LoginSeen {
        LoginSeen { state, says: "bad user name or password".into() }
    }

    fn seen(old: LoginState, control: Option<LoginState>, apart: u64) -> BrokerSeen {
        BrokerSeen {
            endpoint: "mqtts://broker".into(),
            old: login(old),
            control: control.map(login),
            apart: Duration::from_secs(apart),
            retained: Vec::new(),
            live: Vec::new(),
            listened_seconds: 0,
        }
    }

    #[test]
    fn a_refusal_proves_nothing_without_another_credential_that_is_accepted_within_a_minute() {
        use LoginState::{Accepted, NotAsked, Refused};
        for (old, control, apart, proof) in [
            (Refused, Some(Accepted), 2, Proof::Proved),
            (Refused, Some(Accepted), 61, Proof::RefusedNotProved),
            (Refused, Some(Refused), 2, Proof::RefusedNotProved),
            (Refused, Some(NotAsked), 2, Proof::RefusedNotProved),
            (Refused, None, 0, Proof::RefusedNotProved),
            (Accepted, Some(Accepted), 1, Proof::StillAccepted),
            (NotAsked, Some(Accepted), 1, Proof::NotTried),
        ] {
            assert_eq!(seen(old, control, apart).proof(), proof, "{old} {control:?} {apart}");
        }
        let words = seen(Refused, None, 0).words().join(". ");
        assert!(words.contains("not proved"), "{words}");
    }
}
