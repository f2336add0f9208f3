//! What a push of credentials came to: joined, refused or unknown, decided here and nowhere else.
//!
//! A driver delivers what it observed, in order: what the gateway answered, which state it reports, which network it names,
//! and how each was seen. It cannot say "joined" itself. Joined means: the gateway is on the network that was asked for, by
//! its own word. Where a protocol cannot name the network, what came before decides whether its state can mean another one.

use super::outcome::Verdict;
use super::wifi::{Ssid, shown_name};

/// Where a gateway's radio stands, by its own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Station {
    /// It is connected to a network.
    Connected,
    /// It is on its way: it joins, or leaves.
    Busy,
    /// It is on no network and does nothing about it.
    Apart,
    /// It says something else, or nothing that can be read.
    Unclear,
}

/// Which network a gateway names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// The protocol has no word for it: Improv knows a state and an address.
    NotSaid,
    /// It could be asked, and the answer cannot be read or names none.
    Unreadable,
    /// This one.
    Network {
        /// Its name, as octets.
        ssid: Vec<u8>,
        /// The connection in use, where the gateway keeps networks as connections.
        connection: Option<Connection>,
    },
}

/// A connection that a gateway keeps for a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// What tells it from every other: its UUID.
    pub id: String,
    /// Its name, safe to show; others may have the same.
    pub name: String,
}

/// How something was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// As the answer to the push.
    Answer,
    /// By a question of its own.
    Question,
    /// The gateway said it unasked.
    Unasked,
}

/// One look at where the gateway stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The state it reports.
    pub station: Station,
    /// The network it names.
    pub named: Named,
    /// How it was seen.
    pub seen: Seen,
    /// The addresses it tells, safe to show.
    pub addresses: Vec<String>,
}

impl Look {
    /// A look by a protocol that cannot name the network.
    pub const fn unnamed(station: Station, seen: Seen) -> Self {
        Self { station, named: Named::NotSaid, seen, addresses: Vec::new() }
    }
}

/// What a gateway said when it refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it means.
    pub kind: RefusalKind,
    /// Short and stable: `improv.unable_to_connect`.
    pub code: &'static str,
    /// How the gateway put it: `error 0x03 (unable to connect)`.
    pub words: String,
}

/// What a refusal means, whatever the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// It could not join and does not say why.
    CouldNotJoin,
    /// It could not join because it was not let in.
    WrongKey,
    /// It could not join because it did not find the network.
    NotFound,
    /// It wants to be authorised first.
    NotAuthorized,
    /// It could not read the credentials.
    Unreadable,
    /// It takes no Wi-Fi credentials this way.
    NotOffered,
    /// It names an error that says nothing to us.
    Other,
}

impl RefusalKind {
    /// Whether it tried the network.
    pub const fn is_about_joining(self) -> bool {
        matches!(self, Self::CouldNotJoin | Self::WrongKey | Self::NotFound)
    }
}

/// One thing that was observed after the credentials were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The gateway took the credentials and began to join.
    Began,
    /// The gateway's own answer to this push says that it worked.
    Done,
    /// It said that it could not, or would not.
    Refused(Refusal),
    /// Where it stands.
    Look(Look),
    /// The time for a verdict was over.
    TimeOver,
    /// It answered, and not as its protocol says.
    Garbled,
    /// It was heard starting: that it is on no network since says nothing of its attempt.
    Restarted,
    /// The link broke.
    LinkLost,
}

/// What was known of the gateway's network before the push.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Before {
    /// Nothing: it was not asked, or cannot say.
    #[default]
    NotKnown,
    /// It had none.
    NoNetwork,
    /// It had one, or was joining one, and did not name it.
    SomeNetwork {
        /// The addresses it told then, safe to show.
        addresses: Vec<String>,
    },
    /// It was on this one.
    On {
        /// Its name, as octets.
        ssid: Vec<u8>,
        /// The connection in use.
        connection: Option<Connection>,
    },
}

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The network.
    pub ssid: &'a Ssid,
    /// The id of the connection that the push made, where the gateway keeps networks as connections.
    pub connection: Option<&'a str>,
}

/// Why it is joined, refused or unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ground {
    /// It is on the network that was asked for.
    Joined {
        /// Whether it names the network; else it has one since these credentials, and does not say which.
        is_named: bool,
        /// Whether it said so unasked after the time for a verdict.
        is_late: bool,
    },
    /// It said so.
    Refused(Refusal),
    /// It began to join, is on no network again and named no error.
    FellBack,
    /// It is on another network.
    OtherNetwork {
        /// The name it gives, safe to show.
        name: String,
        /// Whether it was on that one before the push.
        was_there_before: bool,
    },
    /// It is on a network of that name by another of its connections, not by what was sent.
    OtherConnection {
        /// Its name.
        name: String,
    },
    /// It has a network, does not name it, and had one before: this may be the old one.
    MaybeTheOldOne,
    /// It says that it is connected, and to what cannot be read.
    NotNamed,
    /// It was still joining at the last look.
    StillJoining,
    /// The link broke before anything settled.
    LinkLost,
    /// Nothing settled it in time.
    NoWord,
}

impl Ground {
    /// The verdict that follows.
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self::Joined { .. } => Verdict::Joined,
            Self::Refused(_) | Self::FellBack => Verdict::Refused,
            Self::OtherNetwork { .. }
            | Self::OtherConnection { .. }
            | Self::MaybeTheOldOne
            | Self::NotNamed
            | Self::StillJoining
            | Self::LinkLost
            | Self::NoWord => Verdict::Unknown,
        }
    }
}

/// Decides from what was observed, in order: a later word counts more than an earlier one.
pub fn rule(asked: Asked<'_>, before: &Before, observations: &[Observation]) -> Ground {
    let backwards = || observations.iter().enumerate().rev();
    let look =
        backwards().find_map(|(at, seen)| if let Observation::Look(look) = seen { Some((at, look)) } else { None });
    let refusal = backwards()
        .find_map(|(at, seen)| if let Observation::Refused(refusal) = seen { Some((at, refusal)) } else { None });
    let place = look.and_then(|(_, look)| place(asked, before, observations, look));
    if let Some((refused_at, refusal)) = refusal {
        // A network after the refusal says more where it can be no other one: the gateway tried on and got there.
        let has_got_there = match place {
            Some(Ground::Joined { is_named, .. }) => is_named || *before == Before::NoNetwork,
            _ => false,
        };
        if !has_got_there || look.is_none_or(|(at, _)| at < refused_at) {
            return Ground::Refused(refusal.clone());
        }
    }
    place.unwrap_or_else(|| off_the_network(observations, look))
}

/// What it means that a gateway does not say it is connected.
fn off_the_network(observations: &[Observation], look: Option<(usize, &Look)>) -> Ground {
    let lost_at = observations.iter().rposition(|seen| *seen == Observation::LinkLost);
    if lost_at > look.map(|(at, _)| at) {
        return Ground::LinkLost;
    }
    let has_tried = observations.iter().any(|seen| matches!(seen, Observation::Began | Observation::Done));
    let has_restarted = observations.contains(&Observation::Restarted);
    match look.map(|(_, look)| look.station) {
        Some(Station::Apart) if has_tried && !has_restarted => Ground::FellBack,
        Some(Station::Busy) => Ground::StillJoining,
        _ => Ground::NoWord,
    }
}

/// Where a gateway is that says it is connected; `None` where it is not.
fn place(asked: Asked<'_>, before: &Before, observations: &[Observation], look: &Look) -> Option<Ground> {
    if look.station != Station::Connected {
        return None;
    }
    Some(match &look.named {
        Named::Network { ssid, connection } => named_place(asked, before, ssid, connection.as_ref())
            .unwrap_or_else(|| Ground::Joined { is_named: true, is_late: is_late(observations, look) }),
        Named::Unreadable => Ground::NotNamed,
        Named::NotSaid if is_since_the_push(before, observations, look) => {
            Ground::Joined { is_named: false, is_late: is_late(observations, look) }
        }
        Named::NotSaid => Ground::MaybeTheOldOne,
    })
}

/// What speaks against the network that the gateway names; `None` where it is the one that was asked for.
fn named_place(asked: Asked<'_>, before: &Before, ssid: &[u8], connection: Option<&Connection>) -> Option<Ground> {
    if ssid != asked.ssid.octets() {
        let was_there_before = matches!(before, Before::On { ssid: old, .. } if old == ssid);
        return Some(Ground::OtherNetwork { name: shown_name(ssid), was_there_before });
    }
    match (asked.connection, connection) {
        (None, _) => None,
        (Some(ours), Some(theirs)) if ours == theirs.id => None,
        (Some(_), Some(theirs)) => Some(Ground::OtherConnection { name: theirs.name.clone() }),
        (Some(_), None) => Some(Ground::NotNamed),
    }
}

/// Whether a network that is not named can only be there since the push.
fn is_since_the_push(before: &Before, observations: &[Observation], look: &Look) -> bool {
    let has = |wanted: &Observation| observations.contains(wanted);
    let (has_begun, is_done) = (has(&Observation::Began), has(&Observation::Done));
    match before {
        // It changed from none to one. Asked much later, without a word in between, it may have found back to an old one.
        Before::NoNetwork => has_begun || is_done || look.seen == Seen::Unasked || has(&Observation::LinkLost),
        // It may have fallen back: only its answer to this very push, after it tried, speaks of this network.
        Before::NotKnown | Before::On { .. } => has_begun && is_done,
        // Firmware that falls back answers so, too; then it has the address it had.
        Before::SomeNetwork { addresses } => has_begun && is_done && !is_where_it_was(addresses, observations),
    }
}

/// Whether it told one of these addresses again.
fn is_where_it_was(addresses: &[String], observations: &[Observation]) -> bool {
    let is_told = |seen: &Observation| match seen {
        Observation::Look(look) => look.addresses.iter().any(|address| addresses.contains(address)),
        _ => false,
    };
    observations.iter().any(is_told)
}

fn is_late(observations: &[Observation], look: &Look) -> bool {
    look.seen == Seen::Unasked && observations.contains(&Observation::TimeOver)
}

#[cfg(test)]
mod tests;
