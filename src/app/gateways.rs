//! Gateways: which one the detail shows and by which tab, and what is kept for each of them meanwhile.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use super::{App, Place};
use crate::model::credentials::WifiDraft;
use crate::model::ids::LinkAddress;
use crate::model::outcome::Verdict;

/// The tabs of a gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// It is given its network.
    #[default]
    SetUp,
    /// It is looked at and managed.
    Device,
    /// A terminal on its port.
    Terminal,
    /// What it sends.
    Telemetry,
    /// What it reaches.
    Check,
    /// It is taken out of service.
    Remove,
    /// What was done with it.
    History,
}

impl Tab {
    /// All of them, in order.
    pub const ALL: [Self; 7] =
        [Self::SetUp, Self::Device, Self::Terminal, Self::Telemetry, Self::Check, Self::Remove, Self::History];

    /// The tab as a person reads it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::SetUp => "Set up",
            Self::Device => "Device",
            Self::Terminal => "Terminal",
            Self::Telemetry => "Telemetry",
            Self::Check => "Check",
            Self::Remove => "Remove",
            Self::History => "History",
        }
    }
}

/// What stands beside the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// The gateway that is selected.
    #[default]
    Gateway,
    /// Several gateways, or a manifest.
    Batch,
}

/// What is typed and what runs for each gateway. Stands for that of the gateway selected; the others keep theirs.
#[derive(Default)]
pub struct PerGateway<T> {
    selected: Option<LinkAddress>,
    of_selected: T,
    others: BTreeMap<LinkAddress, T>,
}

impl<T: Default> PerGateway<T> {
    /// Selects a gateway. What belongs to it comes back as it was left; what belonged to none is the first one's.
    pub(super) fn select(&mut self, link: &LinkAddress) {
        if self.selected.as_ref() == Some(link) {
            return;
        }
        let Some(before) = self.selected.replace(link.clone()) else { return };
        let of_link = self.others.remove(link).unwrap_or_default();
        self.others.insert(before, std::mem::replace(&mut self.of_selected, of_link));
    }

    /// All of them, the selected one first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.of_selected).chain(self.others.values())
    }

    /// All of them with their links, but for what belongs to none.
    pub(super) fn links(&self) -> impl Iterator<Item = (&LinkAddress, &T)> {
        let selected = self.selected.as_ref().map(|link| (link, &self.of_selected));
        selected.into_iter().chain(&self.others)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        std::iter::once(&mut self.of_selected).chain(self.others.values_mut())
    }

    /// That of a gateway, where there is one.
    pub fn of(&self, link: &LinkAddress) -> Option<&T> {
        if self.selected.as_ref() == Some(link) { Some(&self.of_selected) } else { self.others.get(link) }
    }

    pub(super) fn of_mut(&mut self, link: &LinkAddress) -> Option<&mut T> {
        if self.selected.as_ref() == Some(link) { Some(&mut self.of_selected) } else { self.others.get_mut(link) }
    }

    /// What was kept for a gateway goes: another one may have come by the same link.
    pub(super) fn renew(&mut self, link: &LinkAddress) {
        if let Some(one) = self.of_mut(link) {
            *one = T::default();
        }
    }
}

impl<T> Deref for PerGateway<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.of_selected
    }
}

impl<T> DerefMut for PerGateway<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.of_selected
    }
}

/// The network that was sent last, for the next gateway: in memory, and its passphrase only where that was asked for.
#[derive(Default)]
pub struct KeptNetwork {
    draft: WifiDraft,
    was_sent: bool,
}

impl KeptNetwork {
    /// The name of the network; empty where none is kept.
    pub fn ssid(&self) -> &str {
        &self.draft.ssid
    }

    /// Whether it can be sent as it is.
    pub fn is_whole(&self) -> bool {
        !self.draft.ssid.is_empty() && (self.draft.is_open || !self.draft.passphrase.expose().is_empty())
    }

    /// Whether it was sent to a gateway: a name that a demo proposes was not.
    pub const fn was_sent(&self) -> bool {
        self.was_sent
    }

    pub(super) const fn draft(&self) -> &WifiDraft {
        &self.draft
    }

    pub(super) fn keep(&mut self, draft: &WifiDraft, is_passphrase_offered: bool) {
        self.draft = draft.clone();
        self.was_sent = true;
        if !is_passphrase_offered {
            self.draft.passphrase = crate::model::secret::Secret::default();
        }
    }

    pub(super) fn keep_name(&mut self, ssid: &str) {
        ssid.clone_into(&mut self.draft.ssid);
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// The act that goes on with the gateway selected: the filled button, and Enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextAct {
    /// Open a session.
    Connect,
    /// Send the network.
    Send,
    /// Type the passphrase again.
    Correct,
    /// Type the login again: the gateway refused the one filled in.
    CorrectLogin,
    /// See whether the site lets it through.
    CheckNetwork,
    /// Go on with the next gateway.
    GoOn,
}

impl App {
    /// What goes on with the gateway selected, while its set-up is shown.
    pub fn next_act(&self) -> Option<NextAct> {
        if self.place() != Place::Gateways || self.tab() != Tab::SetUp || self.detail() != Detail::Gateway {
            return None;
        }
        // Between two selections the detail is nobody's.
        if self.commission.gateway().map(|(link, _)| link) != self.discover.selected() {
            return None;
        }
        let connect = || self.commission.driver().map(|_| NextAct::Connect);
        let Some(session) = self.commission.session() else {
            let row = self.discover.selected().and_then(|link| self.discover.row(link));
            return row.filter(|row| row.is_present).and_then(|_| connect());
        };
        match session.outcome.as_ref().map(|outcome| outcome.verdict) {
            Some(Verdict::Joined) if self.has_endpoints() => Some(NextAct::CheckNetwork),
            Some(Verdict::Joined) => self.next_gateway().map(|_| NextAct::GoOn),
            Some(Verdict::Refused | Verdict::Unknown) if session.is_ready() => Some(NextAct::Correct),
            _ if session.is_ended() && self.commission.access.was_refused() => Some(NextAct::CorrectLogin),
            _ if session.is_ended() => connect(),
            None if session.is_ready() && session.may_have_wifi() => Some(NextAct::Send),
            _ => None,
        }
    }
}

impl App {
    /// Whether the profile of the gateway selected names servers that it has to reach.
    fn has_endpoints(&self) -> bool {
        let profile = self.commission.profile().and_then(|id| self.catalog().get(id));
        profile.is_some_and(|profile| !profile.endpoints.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(place: &str) -> LinkAddress {
        LinkAddress::Serial(place.into())
    }

    #[test]
    fn what_is_typed_for_one_gateway_is_not_seen_at_another_and_comes_back() {
        let mut typed = PerGateway::<String>::default();
        typed.select(&link("a"));
        typed.push_str("for a");
        typed.select(&link("b"));
        assert_eq!(*typed, "");
        typed.push_str("for b");
        typed.select(&link("a"));
        assert_eq!(*typed, "for a");
        assert_eq!(typed.of(&link("b")).map(String::as_str), Some("for b"));
        assert_eq!(typed.iter().count(), 2);
        typed.renew(&link("b"));
        typed.renew(&link("a"));
        assert_eq!(*typed, "", "another gateway came by the same link");
        typed.select(&link("b"));
        assert_eq!(*typed, "");
    }

    #[test]
    fn a_passphrase_is_kept_for_the_next_gateway_only_where_that_was_asked_for() {
        let draft = || WifiDraft {
            ssid: "Harbour".into(),
            passphrase: crate::model::secret::Secret::new("correct horse".into()),
            ..WifiDraft::default()
        };
        let mut kept = KeptNetwork::default();
        kept.keep(&draft(), false);
        assert_eq!((kept.ssid(), kept.is_whole()), ("Harbour", false));
        kept.keep(&draft(), true);
        assert!(kept.is_whole());
        kept.forget();
        assert_eq!((kept.ssid(), kept.is_whole()), ("", false));
    }
}
