//! [`Walk`]: one address of a row, step by step, until one fails or the last has an answer.

use core::net::SocketAddr;

use super::here::Scene;
use super::{http, mqtt, tcp, tls};
use crate::check::plan::PlannedRow;
use crate::check::question::Shape;
use crate::check::seen::{NotRun, Observation, Seen};
use crate::check::verdict::{Confidence, Note, Reason};
use crate::model::endpoint::{Endpoint, ProbeKind};

/// A row with what was observed for it.
pub(super) struct Case<'a> {
    pub scene: &'a Scene<'a>,
    pub row: &'a PlannedRow,
    pub endpoint: &'a Endpoint,
    pub seen: Vec<&'a Observation>,
}

/// One address of a case.
pub(super) struct Spot<'c, 'a> {
    pub case: &'c Case<'a>,
    pub host: &'c str,
    pub to: SocketAddr,
    pub seen: Vec<&'a Observation>,
}

/// What went wrong.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub reason: Reason,
    pub step: ProbeKind,
    pub confidence: Confidence,
    pub about: String,
    pub facts: Vec<u32>,
    /// Whether this computer lacks what it takes, such as an address of that family.
    pub is_local: bool,
}

impl Fault {
    pub(super) fn new(reason: Reason, step: ProbeKind, confidence: Confidence, fact: u32) -> Self {
        Self { reason, step, confidence, about: String::new(), facts: vec![fact], is_local: false }
    }

    pub(super) fn about(mut self, about: impl Into<String>) -> Self {
        self.about = about.into();
        self
    }

    pub(super) fn with(mut self, fact: u32) -> Self {
        self.facts.push(fact);
        self
    }

    pub(super) fn into_note(self) -> Note {
        Note { reason: self.reason, facts: self.facts, about: self.about }
    }
}

/// What a step came to.
pub(super) enum Step {
    /// It holds; the next may be looked at.
    Good,
    /// It holds, and what comes after it need not be tried.
    Enough,
    /// It does not hold.
    Bad(Fault),
    /// It was not observed.
    Unseen,
    /// It cannot be told from what was observed.
    Unknown(Reason),
}

/// How an address, a host or a row ends.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// The row's own protocol answered, at this step.
    Good(ProbeKind),
    /// A step failed.
    Bad(Fault),
    /// It is not over.
    Open,
    /// It cannot be told.
    Unknown(Reason, ProbeKind),
}

/// The way of one address.
#[derive(Debug)]
pub(super) struct Walk {
    pub to: SocketAddr,
    pub end: End,
    pub notes: Vec<Note>,
    pub facts: Vec<u32>,
    /// The step that was not observed yet, where the end is open.
    pub waits_for: Option<ProbeKind>,
}

impl Walk {
    pub(super) fn note(&mut self, reason: Reason, fact: u32, about: impl Into<String>) {
        self.notes.push(Note { reason, facts: vec![fact], about: about.into() });
    }
}

/// Steps that are held over a connection, in their order.
const CONVERSATION: [ProbeKind; 6] =
    [ProbeKind::Tcp, ProbeKind::Tls, ProbeKind::Http, ProbeKind::WebSocket, ProbeKind::Mqtt, ProbeKind::Idle];

impl<'a> Spot<'_, 'a> {
    /// Follows one address.
    pub(super) fn walk(&self) -> Walk {
        let mut walk = Walk { to: self.to, end: End::Open, notes: Vec::new(), facts: Vec::new(), waits_for: None };
        walk.end = self.steps(&mut walk);
        if let Some(vpn) = self.case.scene.tunnel(self.to.ip()) {
            walk.notes.push(vpn);
        }
        walk
    }

    fn steps(&self, walk: &mut Walk) -> End {
        let mut last = None;
        let steps = CONVERSATION.into_iter().filter(|kind| self.case.endpoint.probes.contains(kind));
        for kind in steps {
            match self.step(kind, walk) {
                Step::Good => last = Some(kind),
                Step::Enough => return End::Good(kind),
                Step::Bad(fault) => return End::Bad(fault),
                Step::Unknown(reason) => return End::Unknown(reason, kind),
                Step::Unseen => match self.not_run(kind) {
                    // What a lesser step would have shown is beside the answer that is there already.
                    Some((reason, fact)) if matches!(last, Some(ProbeKind::Http | ProbeKind::Mqtt)) => {
                        // The far end ended the session: there is none that could stay idle.
                        let is_over = kind == ProbeKind::Idle && reason == Reason::NotTold;
                        let reason = if is_over { Reason::NothingToAsk } else { reason };
                        walk.note(reason, fact, kind.as_str());
                    }
                    Some((reason, _)) => return End::Unknown(reason, kind),
                    None if self.is_seen_after(kind) && kind == ProbeKind::Tcp => {}
                    None if self.is_seen_after(kind) => return End::Unknown(Reason::PeerNotVerified, kind),
                    None => {
                        walk.waits_for = Some(kind);
                        return End::Open;
                    }
                },
            }
        }
        match last {
            // Whatever stands on the way can take a connection: nobody knows who did.
            Some(ProbeKind::Tcp) => End::Unknown(Reason::OnlyConnected, ProbeKind::Tcp),
            None => End::Open,
            Some(kind) => End::Good(kind),
        }
    }

    fn step(&self, kind: ProbeKind, walk: &mut Walk) -> Step {
        match kind {
            ProbeKind::Tcp => tcp::step(self, walk),
            ProbeKind::Tls => tls::step(self, walk),
            ProbeKind::Http => http::page(self, walk),
            ProbeKind::WebSocket => http::upgrade(self, walk),
            ProbeKind::Mqtt => mqtt::step(self, walk),
            ProbeKind::Idle => http::idle(self, walk),
            ProbeKind::Dns | ProbeKind::Ntp | ProbeKind::Icmp | ProbeKind::Revocation => Step::Good,
        }
    }

    /// Something that was seen of this host, and of no address in particular.
    pub(super) fn seen_here<T>(&self, of: impl Fn(&'a Seen) -> Option<&'a T>) -> Option<(&'a Observation, &'a T)> {
        let is_here = |seen: &&&Observation| seen.host.as_deref().is_none_or(|host| host == self.host);
        self.case.seen.iter().filter(is_here).find_map(|observation| Some((*observation, of(&observation.seen)?)))
    }

    /// Whether a step after this one was observed, as by a program on a gateway that does several in one.
    fn is_seen_after(&self, kind: ProbeKind) -> bool {
        self.seen.iter().any(|observation| kind_of(&observation.seen).is_some_and(|seen| seen > kind))
    }

    fn not_run(&self, kind: ProbeKind) -> Option<(Reason, u32)> {
        self.case.not_run(kind, Some(self.host))
    }
}

impl Case<'_> {
    /// Why a step was not run, where that was said, and by which observation.
    pub(super) fn not_run(&self, kind: ProbeKind, host: Option<&str>) -> Option<(Reason, u32)> {
        let fits = |observation: &&Observation| match (&observation.host, host) {
            (Some(own), Some(host)) => own == host,
            _ => true,
        };
        self.seen.iter().filter(|observation| fits(observation)).find_map(|observation| match &observation.seen {
            // Who stops before a step says so of the step; what hangs on it is not run either.
            Seen::NotRun { what: Some(what), why, .. } if *what <= kind => Some((why.reason(), observation.number)),
            _ => None,
        })
    }
}

impl NotRun {
    /// The reason of a row that could not be tried for it.
    pub const fn reason(self) -> Reason {
        match self {
            Self::NoPermission => Reason::NoPermission,
            Self::NotOffered => Reason::NotOffered,
            Self::NotTold => Reason::NotTold,
            Self::NoProgram => Reason::NoProgram,
            Self::NoConsent => Reason::NoConsent,
            Self::NothingToAsk => Reason::NothingToAsk,
            Self::Stopped => Reason::Stopped,
            Self::TimeUp => Reason::TimeUp,
        }
    }
}

/// The step an observation belongs to. Only connections as usual say how a row stands.
pub(super) const fn kind_of(seen: &Seen) -> Option<ProbeKind> {
    match seen {
        Seen::Connect(connect) if connect.shape.is_plain() => Some(ProbeKind::Tcp),
        Seen::Tls(tls) if tls.shape.is_plain() => Some(ProbeKind::Tls),
        Seen::Http(http) if http.shape.is_plain() => Some(ProbeKind::Http),
        Seen::WebSocket(http) if http.shape.is_plain() => Some(ProbeKind::WebSocket),
        Seen::Mqtt(mqtt) if mqtt.shape.is_plain() => Some(ProbeKind::Mqtt),
        Seen::Idle(_) => Some(ProbeKind::Idle),
        Seen::Time(_) => Some(ProbeKind::Ntp),
        Seen::Ping(_) => Some(ProbeKind::Icmp),
        Seen::Fetch(_) => Some(ProbeKind::Revocation),
        Seen::Lookup(_) => Some(ProbeKind::Dns),
        _ => None,
    }
}

/// The shape of a connection, where the observation has one.
pub(super) const fn shape_of(seen: &Seen) -> Option<Shape> {
    match seen {
        Seen::Connect(connect) => Some(connect.shape),
        Seen::Tls(tls) => Some(tls.shape),
        Seen::Http(http) | Seen::WebSocket(http) => Some(http.shape),
        Seen::Mqtt(mqtt) => Some(mqtt.shape),
        _ => None,
    }
}
