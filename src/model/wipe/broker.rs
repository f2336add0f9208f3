//! What a broker was seen to do with the gateway's old credential, and what may be claimed of that.
//!
//! A refusal alone proves nothing: a broker whose list of revoked certificates has run out refuses everybody. So the old one
//! refused counts only beside another one that the same broker accepted within a minute. What the broker retains of the gateway
//! stands as open until it was cleared and looked for again.

use std::time::Duration;

use serde::Serialize;

use crate::model::mqtt::topic::{FilterError, TopicFilter};
use crate::model::problem::{Explain as _, Problem};
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

words! {
    /// Whether the gateway's last will was seen.
    WillState {
        /// The broker published it while somebody listened: it knows that the gateway is gone.
        Seen = "seen",
        /// It was retained before anybody listened: it may be of an earlier time.
        StoodThere = "stood-there",
        /// Somebody listened, and it didn't come.
        NotSeen = "not-seen",
        /// Nobody could listen all the time.
        NotListened = "not-listened",
    }
}

words! {
    /// How a message stands that the broker retains.
    LeftoverState {
        /// It is there, and nobody cleared it.
        Left = "left",
        /// It was cleared, and isn't there any more.
        Cleared = "cleared",
        /// It was to be cleared, and is there all the same.
        StillThere = "still-there",
        /// It was to be cleared, and nobody could look again.
        NotLooked = "not-looked-at",
    }
}

/// A message that the broker retains on the gateway's topics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// Its topic.
    pub topic: String,
    /// The length of its payload.
    pub bytes: u64,
    /// How it stands.
    pub state: LeftoverState,
}

/// What was seen of the gateway's last will.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WillSeen {
    /// Its topic.
    pub topic: String,
    /// Whether it was seen.
    pub state: WillState,
    /// Why nobody listened, where nobody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// The last will of a gateway: what its broker publishes once it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastWill {
    /// Its topic.
    pub topic: TopicFilter,
    /// A text that its payload holds.
    pub payload: String,
}

impl LastWill {
    /// The last will as a person names it: topic and text, or neither.
    pub fn named(topic: &str, payload: &str) -> Result<Option<Self>, Problem> {
        match (topic.is_empty(), payload.is_empty()) {
            (true, true) => Ok(None),
            (false, false) => Ok(Some(Self { topic: Self::topic(topic)?, payload: payload.to_owned() })),
            (is_text_only, _) => {
                let lacks = if is_text_only { "topic" } else { "text" };
                Err(Problem::new(
                    "wipe.will_incomplete",
                    "The last will is incomplete",
                    "It is recognised by its topic and a text in its payload",
                    format!("Type the {lacks}, or clear the other field"),
                ))
            }
        }
    }

    /// Its topic, which is one.
    pub fn topic(text: &str) -> Result<TopicFilter, Problem> {
        let filter: TopicFilter = text.parse().map_err(|error: FilterError| error.explain())?;
        if filter.is_exact() {
            return Ok(filter);
        }
        Err(Problem::new(
            "wipe.will_topic",
            "A last will has one topic",
            "The topic holds a wildcard",
            "Type the topic without + and #",
        ))
    }

    /// Whether a message is it.
    pub fn is(&self, topic: &[u8], payload: &[u8]) -> bool {
        self.topic.matches_bytes(topic)
            && payload.windows(self.payload.len().max(1)).any(|part| part == self.payload.as_bytes())
    }
}

/// Which retained messages may be cleared, as a person consented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Those that are listed before.
    Listed,
    /// Those that are listed before, if they are so many.
    Counted(usize),
    /// None before a person has seen the list and said how many.
    Asked,
}

/// Why clearing all that is listed may clear what another gateway left: nothing stands before a filter's first wildcard.
pub fn clears_too_much(consent: Option<Consent>, topics: &[TopicFilter]) -> Option<Problem> {
    let is_of_many = |filter: &&TopicFilter| filter.as_str().starts_with(['#', '+']);
    let filter = topics.iter().find(is_of_many).filter(|_| consent == Some(Consent::Listed))?;
    Some(Problem::new(
        "wipe.clears_too_much",
        format!("Clearing all of {filter} would clear messages of other gateways"),
        "The filter begins with a wildcard",
        "Name the gateway's own topics, or give the number that was listed",
    ))
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
    /// What was seen of the gateway's last will; nothing where nobody named its topic.
    pub will: Option<WillSeen>,
    /// Messages that the broker retained on the gateway's topics.
    pub retained: Vec<Leftover>,
    /// Why they could not all be listed, or were not cleared though somebody consented.
    pub retained_open: Option<String>,
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
        }
        words.push(self.will.as_ref().map_or_else(WillSeen::not_named, WillSeen::words));
        words.extend(self.retained_words());
        words
    }

    /// Messages that are retained still, as far as anybody knows.
    pub fn left(&self) -> impl Iterator<Item = &Leftover> {
        self.retained.iter().filter(|leftover| leftover.state != LeftoverState::Cleared)
    }

    /// Whether nothing of the gateway is left at the broker, as far as somebody looked.
    pub fn is_clear(&self) -> bool {
        self.live.is_empty() && self.left().next().is_none() && self.retained_open.is_none()
    }

    fn retained_words(&self) -> Vec<String> {
        let cleared = self.retained.len() - self.left().count();
        let gone = (cleared > 0).then(|| format!("{} cleared and not there any more", messages(cleared)));
        let left = self.left().next().map(|first| {
            let (count, topic) = (self.left().count(), &first.topic);
            if count == 1 {
                format!("1 message is retained on {topic}")
            } else {
                format!("{count} messages are retained, such as on {topic}")
            }
        });
        let is_none = self.retained.is_empty() && self.retained_open.is_none() && self.listened_seconds > 0;
        let none = is_none.then(|| "No message is retained on its topics".to_owned());
        [gone, left, none, self.retained_open.clone()].into_iter().flatten().collect()
    }
}

fn messages(count: usize) -> String {
    if count == 1 { "1 retained message was".to_owned() } else { format!("{count} retained messages were") }
}

impl WillSeen {
    /// It in a sentence.
    pub fn words(&self) -> String {
        let Self { topic, state, because } = self;
        match (state, because) {
            (WillState::Seen, _) => format!("Its last will was seen on {topic}"),
            (WillState::StoodThere, _) => {
                format!("Its last will was retained on {topic} before; another one wasn't seen")
            }
            (WillState::NotSeen, _) => format!("Its last will wasn't seen on {topic}: a session of it may go on"),
            (WillState::NotListened, Some(why)) => format!("Its last will wasn't listened for: {why}"),
            (WillState::NotListened, None) => "Its last will wasn't listened for".into(),
        }
    }

    fn not_named() -> String {
        "Its last will wasn't listened for: nobody named its topic".into()
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
            will: None,
            retained: Vec::new(),
            retained_open: None,
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

    #[test]
    fn only_what_was_cleared_and_looked_for_again_is_not_left() {
        let leftover = |state| Leftover { topic: "site/gw".into(), bytes: 5, state };
        for (state, is_clear) in [
            (LeftoverState::Left, false),
            (LeftoverState::Cleared, true),
            (LeftoverState::StillThere, false),
            (LeftoverState::NotLooked, false),
        ] {
            let retained = vec![leftover(LeftoverState::Cleared), leftover(state)];
            let seen = BrokerSeen { retained, ..seen(LoginState::Refused, None, 0) };
            assert_eq!(seen.is_clear(), is_clear, "{state}");
        }
    }

    #[test]
    fn a_last_will_is_named_by_one_topic_and_a_text() {
        assert_eq!(LastWill::named("", "").unwrap(), None);
        let will = LastWill::named("site/gw/status", "offline").unwrap().unwrap();
        assert_eq!((will.topic.as_str(), will.payload.as_str()), ("site/gw/status", "offline"));
        for (topic, payload, next) in [
            ("site/gw/status", "", "Type the text, or clear the other field"),
            ("", "offline", "Type the topic, or clear the other field"),
            ("site/+/status", "offline", "Type the topic without + and #"),
        ] {
            assert_eq!(LastWill::named(topic, payload).unwrap_err().next_step, next);
        }
    }

    #[test]
    fn the_last_will_is_told_from_other_messages_on_its_topic_by_its_text() {
        let will = LastWill { topic: "site/gw/status".parse().unwrap(), payload: "offline".into() };
        assert!(will.is(b"site/gw/status", b"{\"state\":\"offline\"}"));
        assert!(!will.is(b"site/gw/status", b"online") && !will.is(b"site/gw", b"offline"));
    }
}
