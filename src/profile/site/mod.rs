//! Sites: what is expected at one place, as a file that people write, mail and keep. Never holds a secret.
//!
//! A site says which network and which gateways are to be there, and fills in the host names that vendors leave open.
//! [`compare`] holds what was found against it. `docs/site.md` is the page of the format.

mod compare;
mod load;
pub mod schema;

use std::collections::BTreeMap;

use serde::Serialize;

pub use compare::{Comparison, Fact, Fit, Found, Line, Mismatch, Way, compare, compare_reached, is_of_site};
pub use load::parse_site;

use super::catalog::Catalog;
use crate::model::batch::Match;
use crate::model::endpoint::HostPattern;
use crate::model::ids::{DriverId, ProfileId};

/// A site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub customer: Option<String>,
    /// Name of the network that gateways join.
    pub ssid: Option<String>,
    /// The network that gateways get their addresses from, as in `192.0.2.0/24`.
    pub subnet: Option<String>,
    /// The gateways that are to be there.
    pub gateways: Vec<ExpectedGateway>,
    /// Host names for rows that leave them open.
    pub hosts: Vec<HostChoice>,
    /// An override file, as written: relative to the site file.
    pub overrides: Option<String>,
    /// What else is to be known.
    pub notes: Vec<String>,
}

/// A gateway that is to be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExpectedGateway {
    /// What the site calls it.
    pub name: String,
    /// How it is found.
    #[serde(rename = "match", serialize_with = "as_text")]
    pub place: Option<Match>,
    /// Its profile.
    pub profile: Option<ProfileId>,
    /// The driver it speaks.
    pub driver: Option<DriverId>,
    /// The network it joins, where it is another than the site's.
    pub ssid: Option<String>,
    /// Its serial number.
    pub serial_number: Option<String>,
    /// The version of its firmware, or name and version.
    pub firmware: Option<String>,
    /// Its address on the site's network.
    pub address: Option<String>,
    /// What else is to be known.
    pub note: Option<String>,
}

#[expect(clippy::ref_option, reason = "the signature serde calls")]
fn as_text<S: serde::Serializer>(place: &Option<Match>, serializer: S) -> Result<S::Ok, S::Error> {
    place.as_ref().map(ToString::to_string).serialize(serializer)
}

/// Host names for rows that leave them open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostChoice {
    /// The word of the profile, without its brackets, or the wildcard as the profile writes it.
    #[serde(rename = "for")]
    pub word: String,
    /// Only for this profile.
    pub profile: Option<ProfileId>,
    /// The names; of a wildcard those that are sampled.
    pub names: Vec<String>,
}

impl Site {
    /// The hosts named for a profile. Those for it alone win over those for all.
    pub fn hosts_for(&self, profile: &ProfileId) -> BTreeMap<String, Vec<String>> {
        let of = |own: bool| {
            let fits = move |choice: &&HostChoice| match &choice.profile {
                Some(named) => own && named == profile,
                None => !own,
            };
            self.hosts.iter().filter(fits).map(|choice| (choice.word.clone(), choice.names.clone()))
        };
        of(false).chain(of(true)).collect()
    }

    /// The gateways of a profile.
    pub fn gateways_of(&self, profile: &ProfileId) -> impl Iterator<Item = &ExpectedGateway> {
        self.gateways.iter().filter(move |gateway| gateway.profile.as_ref() == Some(profile))
    }

    /// What in the file means nothing to the profiles that are here. No mistakes: they may be elsewhere.
    pub fn remarks(&self, catalog: &Catalog) -> Vec<String> {
        let named = self.gateways.iter().filter_map(|gateway| gateway.profile.as_ref());
        let mut profiles: Vec<&ProfileId> =
            named.chain(self.hosts.iter().filter_map(|host| host.profile.as_ref())).collect();
        profiles.sort_by_key(|id| id.as_str());
        profiles.dedup();
        let unknown = profiles.into_iter().filter(|id| catalog.get(id).is_none());
        let unknown = unknown.map(|id| format!("Profile {id} isn't known on this computer"));
        let useless = self.hosts.iter().filter(|host| !is_used(host, catalog));
        let useless = useless.map(|host| format!("No profile on this computer has a row that asks for {}", host.word));
        unknown.chain(useless).collect()
    }
}

/// Whether a row of a known profile leaves that open.
fn is_used(choice: &HostChoice, catalog: &Catalog) -> bool {
    let leaves_open = |host: &HostPattern| match host {
        HostPattern::Asked(word) => *word == choice.word,
        HostPattern::Wildcard { .. } => host.to_string() == choice.word,
        _ => false,
    };
    let profiles = catalog.iter().filter(|known| choice.profile.as_ref().is_none_or(|id| known.id == *id));
    profiles.flat_map(|known| &known.endpoints).flat_map(|endpoint| &endpoint.hosts).any(leaves_open)
}
