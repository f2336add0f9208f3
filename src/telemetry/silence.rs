//! Silent, and why: a topic that has sent nothing for much longer than it usually does, and what explains it.
//!
//! [`cause`] is the one rule. What it is given is learnt elsewhere: the rhythm of a topic by the store, what the broker granted
//! by the inspection, and whether a gateway is gone by [`Presence`], from what gateways and brokers publish about it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::store::in_words;
use super::view::TopicId;
use crate::model::mqtt::message::Grant;
use crate::model::mqtt::topic::TopicFilter;
use crate::model::text::visible_octets;
use crate::model::word::words;

/// Characters of a topic in a sentence.
const TOPIC_CHARS: usize = 120;

words! {
    /// Why a topic is silent.
    Cause {
        /// The connection is down: nothing can arrive.
        ConnectionDown = "connection-down",
        /// The broker refused the subscription that would bring it.
        SubscriptionRefused = "subscription-refused",
        /// Its gateway is gone: the last will came, or the broker lost the client.
        GatewayGone = "gateway-gone",
        /// The connection was down for a while since its last message: what was sent then can be missing.
        ConnectionWasDown = "connection-was-down",
        /// Nothing explains it.
        Quiet = "quiet",
    }
}

/// What is known where a topic is silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// For how long nothing came, of the time in which something could have come.
    pub silent_for: Duration,
    /// Its usual interval, once it is learnt.
    pub usual: Option<Duration>,
    /// For how long it may be silent.
    pub patience: Option<Duration>,
    /// Whether messages can arrive now.
    pub is_connected: bool,
    /// Whether a subscription that would bring it was refused, and none that does was granted.
    pub is_refused: bool,
    /// Whether its gateway is known to be gone.
    pub is_gone: bool,
    /// For how long the connection was down since its last message.
    pub was_down: Duration,
    /// Whether the messages come from a recording, which doesn't tell how the connection was.
    pub is_recorded: bool,
}

/// Why a topic is silent; `None` where it is not, or where its rhythm is not known.
pub fn cause(known: &Known) -> Option<Cause> {
    let is_silent = known.patience.is_some_and(|patience| known.silent_for > patience);
    match (known.is_connected, known.is_refused, known.is_gone) {
        _ if known.usual.is_none() => None,
        // Without a connection silence needs no patience.
        (false, ..) => Some(Cause::ConnectionDown),
        _ if !is_silent => None,
        (true, true, _) => Some(Cause::SubscriptionRefused),
        (true, false, true) => Some(Cause::GatewayGone),
        (true, false, false) if !known.was_down.is_zero() => Some(Cause::ConnectionWasDown),
        (true, false, false) => Some(Cause::Quiet),
    }
}

/// When messages could arrive: since when they can, and the times before in which they couldn't. Times are microseconds since
/// the inspection began.
#[derive(Debug, Default)]
pub struct Hearing {
    since: Option<u64>,
    lost_at: Option<u64>,
    outages: VecDeque<(u64, u64)>,
}

impl Hearing {
    /// Outages remembered; the oldest go first.
    const MOST: usize = 256;

    /// Messages can come from now on.
    pub fn begin(&mut self, at: u64) {
        if let Some(lost_at) = self.lost_at.take() {
            if self.outages.len() >= Self::MOST {
                self.outages.pop_front();
            }
            self.outages.push_back((lost_at, at));
        }
        self.since = Some(at);
    }

    /// They cannot come any more.
    pub fn end(&mut self, at: u64) {
        if self.since.take().is_some() {
            self.lost_at = Some(at);
        }
    }

    /// Since when they can.
    pub const fn since(&self) -> Option<u64> {
        self.since
    }

    /// For how long they couldn't, of the time since then.
    pub fn down_after(&self, then: u64) -> Duration {
        let down = self.outages.iter().map(|(from, to)| to.saturating_sub(*from.max(&then)));
        Duration::from_micros(down.sum())
    }
}

/// A silent topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Why.
    pub cause: Cause,
    /// That in a sentence.
    pub says: Arc<str>,
}

/// A silent topic with its name and rhythm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilentTopic {
    /// The topic, made safe to show.
    pub topic: Arc<str>,
    /// For how long.
    pub silent_for: Duration,
    /// Its usual interval.
    pub usual: Duration,
    /// Why.
    pub silence: Silence,
}

/// What the broker said to the subscriptions.
#[derive(Debug, Default)]
pub struct Grants {
    all: Vec<(TopicFilter, bool)>,
}

impl Grants {
    /// The last word on each filter counts.
    pub fn take(&mut self, grants: &[Grant]) {
        for grant in grants {
            let Ok(filter) = grant.filter.parse::<TopicFilter>() else { continue };
            self.all.retain(|(known, _)| *known != filter);
            if grant.code.is_some() {
                self.all.push((filter, grant.granted.is_some()));
            }
        }
    }

    /// The refused filter that would bring a topic, where no granted one does.
    pub fn refused(&self, topic: &[u8]) -> Option<&TopicFilter> {
        let brings = |is_granted: bool| {
            let mut fitting = self.all.iter().filter(move |(_, granted)| *granted == is_granted);
            fitting.find(|(filter, _)| filter.matches_bytes(topic)).map(|(filter, _)| filter)
        };
        brings(false).filter(|_| brings(true).is_none())
    }
}

/// Whose going a topic tells of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Whose {
    /// All topics below these levels.
    Below(Vec<u8>),
    /// All topics with that level in them: a client's.
    Client(Vec<u8>),
    /// All topics of that group and node of Sparkplug.
    Node(Vec<u8>),
}

/// The topics that tell whether gateways are there.
#[derive(Debug, Default)]
pub struct Presence {
    topics: HashMap<Whose, Vec<TopicId>>,
}

impl Presence {
    /// A topic came up: whether it tells of a gateway.
    pub fn learn(&mut self, id: TopicId, topic: &[u8]) {
        if let Some(whose) = told_by(topic) {
            self.topics.entry(whose).or_default().push(id);
        }
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.topics.clear();
    }

    /// The topic that says that the gateway of this one is gone, by what `newest` knows: name, payload and time of the newest
    /// message. Of what tells of one gateway the newest counts.
    pub fn gone<'a>(
        &self,
        topic: &[u8],
        newest: impl Fn(TopicId) -> Option<(&'a [u8], &'a [u8], u64)>,
    ) -> Option<&'a [u8]> {
        if self.topics.is_empty() {
            return None;
        }
        let mut is_told = false;
        whose_of(topic).into_iter().find_map(|whose| {
            let told = self.topics.get(&whose)?.iter().filter_map(|id| newest(*id)).max_by_key(|(.., at)| *at)?;
            // Of the levels above a topic the nearest one that tells decides.
            let is_below = matches!(whose, Whose::Below(_));
            if is_below && std::mem::replace(&mut is_told, true) {
                return None;
            }
            tells_gone(told.0, told.1).then_some(told.0)
        })
    }
}

/// In a sentence, why a topic is silent.
pub fn says(cause: Cause, known: &Known, refused: Option<&TopicFilter>, gone: Option<&[u8]>) -> Arc<str> {
    match (cause, refused, gone) {
        (Cause::SubscriptionRefused, Some(filter), _) => {
            format!("The broker refused the subscription to {filter}").into()
        }
        (Cause::SubscriptionRefused, None, _) => "The broker refused the subscription".into(),
        (Cause::ConnectionDown, ..) => "The connection is down".into(),
        (Cause::GatewayGone, _, Some(topic)) => {
            let what =
                if topic.starts_with(b"$") { "The broker lost the client" } else { "The gateway's last will came" };
            format!("{what}: {}", visible_octets(topic, TOPIC_CHARS)).into()
        }
        (Cause::GatewayGone, _, None) => "The gateway is gone".into(),
        (Cause::ConnectionWasDown, ..) => {
            let down = in_words(known.was_down);
            format!("The connection was down for {down} since then: a message sent meanwhile may be missing here")
                .into()
        }
        (Cause::Quiet, ..) if known.is_recorded => {
            "Nothing was recorded for longer than usual. A recording doesn't say whether the connection was up".into()
        }
        (Cause::Quiet, ..) => "Simply quiet: the connection and its subscription are fine".into(),
    }
}

/// Last levels of topics on which gateways say that they are there, and their last will that they are not.
const STATUS: [&[u8]; 11] = [
    b"status",
    b"state",
    b"online",
    b"connection",
    b"connected",
    b"availability",
    b"available",
    b"lwt",
    b"will",
    b"alive",
    b"presence",
];
/// What such a topic says of one that is gone.
const GONE: [&str; 10] =
    ["offline", "lost", "disconnected", "down", "dead", "gone", "unavailable", "false", "0", "disconnect"];
/// Fields that say so in an object.
const FIELDS: [&str; 6] = ["status", "state", "online", "connected", "connection", "availability"];

/// Whose going a topic tells of, if it does.
fn told_by(topic: &[u8]) -> Option<Whose> {
    let levels: Vec<&[u8]> = topic.split(|byte| *byte == b'/').collect();
    match levels.as_slice() {
        // EMQX: $SYS/brokers/NODE/clients/ID/disconnected, and connected.
        [b"$SYS", b"brokers", _, b"clients", client, b"connected" | b"disconnected"]
        // AWS IoT Core: $aws/events/presence/disconnected/ID, and connected.
        | [b"$aws", b"events", b"presence", b"connected" | b"disconnected", client] => {
            Some(Whose::Client(client.to_vec()))
        }
        [b"spBv1.0", group, b"NDEATH" | b"NBIRTH", node] => Some(Whose::Node([group, b"/".as_slice(), node].concat())),
        [above @ .., last] if !above.is_empty() && STATUS.iter().any(|name| last.eq_ignore_ascii_case(name)) => {
            Some(Whose::Below(above.join(&b'/')))
        }
        _ => None,
    }
}

/// Who may tell of the gateway of a topic, the nearest first.
fn whose_of(topic: &[u8]) -> Vec<Whose> {
    let levels: Vec<&[u8]> = topic.split(|byte| *byte == b'/').collect();
    let mut all = Vec::new();
    if let [b"spBv1.0", group, _, node, ..] = levels.as_slice() {
        all.push(Whose::Node([group, b"/".as_slice(), node].concat()));
    }
    let above = (1..levels.len()).rev().map(|count| Whose::Below(levels[..count].join(&b'/')));
    all.extend(above);
    all.extend(levels.iter().map(|level| Whose::Client(level.to_vec())));
    all
}

/// Whether a message on such a topic says that its gateway is gone.
fn tells_gone(topic: &[u8], payload: &[u8]) -> bool {
    let has = |level: &[u8]| topic.split(|byte| *byte == b'/').any(|one| one == level);
    if topic.starts_with(b"$") {
        return has(b"disconnected");
    }
    if topic.starts_with(b"spBv1.0/") {
        return has(b"NDEATH");
    }
    let Ok(text) = std::str::from_utf8(payload) else { return false };
    let is_gone = |word: &str| GONE.iter().any(|gone| word.trim().trim_matches('"').eq_ignore_ascii_case(gone));
    if is_gone(text) {
        return true;
    }
    let Ok(serde_json::Value::Object(object)) = serde_json::from_str(text) else { return false };
    FIELDS.iter().filter_map(|field| object.get(*field)).any(|value| match value {
        serde_json::Value::Bool(is_there) => !is_there,
        serde_json::Value::String(word) => is_gone(word),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_for_every_combination_of_what_is_known() {
        let secs = Duration::from_secs;
        for case in 0..64_u8 {
            let is = |bit: u8| case & (1 << bit) != 0;
            let (learnt, long, connected, refused, gone) = (is(0), is(1), is(2), is(3), is(4));
            let was_down = secs(if is(5) { 45 } else { 0 });
            let known = Known {
                silent_for: secs(if long { 31 } else { 30 }),
                usual: learnt.then_some(secs(10)),
                patience: learnt.then_some(secs(30)),
                is_connected: connected,
                is_refused: refused,
                is_gone: gone,
                was_down,
                is_recorded: false,
            };
            let expected = match (learnt, connected, long, refused, gone) {
                (false, ..) | (true, true, false, ..) => None,
                (true, false, ..) => Some(Cause::ConnectionDown),
                (true, true, true, true, _) => Some(Cause::SubscriptionRefused),
                (true, true, true, false, true) => Some(Cause::GatewayGone),
                (true, true, true, false, false) if was_down > secs(0) => Some(Cause::ConnectionWasDown),
                (true, true, true, false, false) => Some(Cause::Quiet),
            };
            assert_eq!(cause(&known), expected, "{known:?}");
        }
    }

    #[test]
    fn silence_over_an_outage_is_not_called_simply_quiet() {
        const SECOND: u64 = 1_000_000;
        let mut hearing = Hearing::default();
        for (begin, end) in [(0, 100), (130, 200)] {
            hearing.begin(begin * SECOND);
            hearing.end(end * SECOND);
        }
        hearing.begin(215 * SECOND);
        let down = |then: u64| hearing.down_after(then * SECOND).as_secs();
        assert_eq!((down(50), down(120), down(150), down(220)), (45, 25, 15, 0));
        let known = Known { was_down: Duration::from_secs(45), ..Known::default() };
        let told = says(Cause::ConnectionWasDown, &known, None, None);
        assert_eq!(&*told, "The connection was down for 45 s since then: a message sent meanwhile may be missing here");
        let recorded = says(Cause::Quiet, &Known { is_recorded: true, ..Known::default() }, None, None);
        assert!(!recorded.contains("fine"), "{recorded}");
    }

    fn gone(told: &[(&str, &str)], topic: &str) -> Option<String> {
        let mut presence = Presence::default();
        for (place, (name, _)) in (0..).zip(told) {
            presence.learn(TopicId(place), name.as_bytes());
        }
        let newest = |id: TopicId| {
            let (name, payload) = told[id.0 as usize];
            Some((name.as_bytes(), payload.as_bytes(), u64::from(id.0)))
        };
        presence.gone(topic.as_bytes(), newest).map(|topic| String::from_utf8_lossy(topic).into_owned())
    }

    #[test]
    fn a_gateway_is_gone_by_its_last_will_or_as_the_broker_says() {
        type Told<'a> = &'a [(&'a str, &'a str)];
        let table: [(Told<'_>, &str, bool); 12] = [
            (&[("site/gw/status", "offline")], "site/gw/pump/power", true),
            (&[("site/gw/status", "online")], "site/gw/pump/power", false),
            (&[("site/gw/LWT", "\"Offline\"")], "site/gw/telemetry", true),
            (&[("site/gw/state", "{\"online\":false}")], "site/gw/telemetry", true),
            (&[("site/gw/state", "{\"status\":\"disconnected\",\"at\":1}")], "site/gw/telemetry", true),
            (&[("site/gw/state", "{\"status\":\"ok\"}")], "site/gw/telemetry", false),
            (&[("site/other/status", "offline")], "site/gw/telemetry", false),
            (&[("site/status", "offline"), ("site/gw/status", "online")], "site/gw/telemetry", false),
            (&[("$SYS/brokers/emqx@1/clients/gw-7/disconnected", "{}")], "devices/gw-7/events", true),
            (
                &[
                    ("$SYS/brokers/emqx@1/clients/gw-7/disconnected", "{}"),
                    ("$SYS/brokers/emqx@1/clients/gw-7/connected", "{}"),
                ],
                "devices/gw-7/events",
                false,
            ),
            (&[("$aws/events/presence/disconnected/gw-7", "{}")], "devices/gw-7/events", true),
            (&[("spBv1.0/Site/NDEATH/edge", "x")], "spBv1.0/Site/DDATA/edge/pump", true),
        ];
        for (told, topic, is_gone) in table {
            assert_eq!(gone(told, topic).is_some(), is_gone, "{told:?} of {topic}");
        }
    }

    #[test]
    fn a_filter_was_refused_where_no_other_brings_the_topic() {
        let grant = |filter: &str, granted: Option<u8>| Grant {
            filter: filter.into(),
            asked: 0,
            granted,
            code: Some(0x80),
            says: String::new(),
        };
        let mut grants = Grants::default();
        grants.take(&[grant("site/#", None), grant("site/gw/+", Some(0))]);
        assert_eq!(grants.refused(b"site/pump/power").map(TopicFilter::as_str), Some("site/#"));
        assert_eq!(grants.refused(b"site/gw/power"), None);
        grants.take(&[grant("site/#", Some(1))]);
        assert_eq!(grants.refused(b"site/pump/power"), None, "the last word counts");
    }
}
