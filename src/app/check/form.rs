//! [`Form`]: what a check is set up from.

use std::collections::BTreeMap;
use std::time::Duration;

use super::words;
use crate::check::evidence::About;
use crate::check::plan::Vantage;
use crate::model::endpoint::HostPattern;
use crate::model::ids::{LinkAddress, ProfileId};
use crate::profile::rules::Profile;

/// The longest and shortest time between rounds.
const INTERVAL: core::ops::RangeInclusive<u64> = 5..=86_400;

/// A host that the vendor leaves open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostField {
    /// The profile's word for it, or the wildcard.
    pub word: String,
    /// Whether rows cannot be checked without it.
    pub is_needed: bool,
    /// What is typed: hosts, separated by commas; edited in place.
    pub value: String,
}

/// What a check is set up from. All but the profile is edited in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The file of a site.
    pub site_path: String,
    /// The gateway that looks itself; nothing for this computer. Set by [`super::CheckAction::ChoseVia`].
    pub via: Option<LinkAddress>,
    /// Whether this computer looks first where the gateway does, and both are told side by side.
    pub is_both: bool,
    /// Interface or source address; empty for the system's choice.
    pub from: String,
    /// The network's name the gateway is to join.
    pub ssid: String,
    /// The gateway's address.
    pub gateway: String,
    /// An override file.
    pub override_path: String,
    /// Whether third parties may be asked.
    pub has_consent: bool,
    /// The gateway is not there yet.
    pub is_survey: bool,
    /// Whether the rows are checked again and again.
    pub is_watching: bool,
    /// After how many seconds.
    pub interval: String,
    /// Hosts that the vendor leaves open.
    pub hosts: Vec<HostField>,
    profile: Option<ProfileId>,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            site_path: String::new(),
            via: None,
            is_both: true,
            from: String::new(),
            ssid: String::new(),
            gateway: String::new(),
            override_path: String::new(),
            has_consent: false,
            is_survey: false,
            is_watching: false,
            interval: "30".into(),
            hosts: Vec::new(),
            profile: None,
        }
    }
}

impl Form {
    /// The profile.
    pub const fn profile(&self) -> Option<&ProfileId> {
        self.profile.as_ref()
    }

    /// Chooses a profile; what was typed for words it shares with the one before stays.
    pub(super) fn choose(&mut self, profile: &Profile) {
        let typed: BTreeMap<String, String> = self.hosts.drain(..).map(|field| (field.word, field.value)).collect();
        let mut words: BTreeMap<String, bool> = BTreeMap::new();
        for host in profile.endpoints.iter().flat_map(|endpoint| &endpoint.hosts) {
            match host {
                HostPattern::Asked(word) => _ = words.insert(word.clone(), true),
                HostPattern::Wildcard { .. } => _ = words.insert(host.to_string(), false),
                HostPattern::Name(_) | HostPattern::Address(_) | HostPattern::Device | HostPattern::Resolver => {}
            }
        }
        let field = |(word, is_needed): (String, bool)| {
            let value = typed.get(&word).cloned().unwrap_or_default();
            HostField { word, is_needed, value }
        };
        self.hosts = words.into_iter().map(field).collect();
        self.profile = Some(profile.id.clone());
    }

    /// What the run is made from.
    pub(super) fn about(&self) -> About {
        let hosts = self.hosts.iter().map(|field| (field.word.clone(), names(&field.value)));
        About {
            profile: self.profile.clone(),
            hosts: hosts.filter(|(_, names)| !names.is_empty()).collect(),
            vantage: if self.via.is_some() { Vantage::Gateway } else { Vantage::default() },
            from: if self.via.is_some() { String::new() } else { self.from.trim().to_owned() },
            is_survey: self.is_survey && self.via.is_none(),
            has_consent: self.has_consent,
            ssid: self.ssid.clone(),
            gateway: self.gateway.trim().to_owned(),
            ..About::default()
        }
    }

    /// The time between rounds, or why it cannot be used; nothing while nobody watches.
    pub fn watch(&self) -> Result<Option<Duration>, &'static str> {
        if !self.is_watching {
            return Ok(None);
        }
        let seconds = self.interval.trim().parse::<u64>().ok().filter(|seconds| INTERVAL.contains(seconds));
        seconds.map(|seconds| Some(Duration::from_secs(seconds))).ok_or(words::BAD_INTERVAL)
    }
}

/// Hosts as they are typed: between commas or blanks, in lower case.
fn names(text: &str) -> Vec<String> {
    let parts = text.split([',', ' ', ';']).map(str::trim).filter(|part| !part.is_empty());
    parts.map(str::to_ascii_lowercase).collect()
}
