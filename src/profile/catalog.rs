//! The profiles that are built in and those of the user.

use crate::model::gateway::{PortFacts, ProfileMatch};
use crate::model::ids::{DriverId, LinkKind, ProfileId};
use crate::model::wifi::WifiRules;

/// Whether the vendor documents something or we assume it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// The vendor's paper says so.
    Documented {
        /// Document and section.
        source: String,
    },
    /// We assume it.
    Assumed {
        /// Why.
        reason: String,
    },
}

/// One driver of a profile over one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverBinding {
    /// The driver.
    pub driver: DriverId,
    /// What carries it.
    pub link: LinkKind,
    /// Why we think the gateway speaks it.
    pub basis: Basis,
}

/// A vendor's system.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its id.
    pub id: ProfileId,
    /// Its name.
    pub name: String,
    /// Who makes it.
    pub vendor: String,
    /// Drivers, in order of preference.
    pub drivers: Vec<DriverBinding>,
    /// What it can join; `None` where there is no Wi-Fi.
    pub wifi: Option<WifiRules>,
}

/// All profiles by id.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    profiles: Vec<Profile>,
}

impl Catalog {
    /// The profile of that id.
    pub fn get(&self, id: &ProfileId) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.id == *id)
    }

    /// All profiles, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.profiles.iter()
    }

    /// The profile a serial port looks like, with the reason.
    pub fn match_port(&self, _facts: &PortFacts) -> Option<ProfileMatch> {
        None
    }
}
