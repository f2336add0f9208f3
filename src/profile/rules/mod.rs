//! The typed content of a profile. What stands in these types has passed the loader: nobody has to check it again.
//!
//! The meaning of every field, and where in a vendor's papers its value is found, is written down in `docs/profiles.md`.

mod device;
mod site;

use serde::Serialize;

pub use device::{
    AtRest, BannerRule, BleRule, CredentialKind, CredentialRule, Discovery, DriverBinding, DriverSettings,
    Precondition, PushPath, PushRule, PushWay, SettingValue, Template, UsbMeaning, UsbRule, WipeActor, WipePlan,
    WipeStep,
};
pub use site::{
    Carrier, Dialect, Expectation, FieldRule, FieldType, Limit, MqttAuthentication, MqttRules, NetworkFact,
    NetworkRule, NetworkRules, TlsUse,
};

use crate::model::basis::Basis;
use crate::model::endpoint::{Endpoint, RowId};
use crate::model::ids::{LinkKind, ProfileId};
use crate::model::wifi::WifiRules;

/// A vendor's system.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Its id.
    pub id: ProfileId,
    /// Its name.
    pub name: String,
    /// Who makes it.
    pub vendor: String,
    /// Why we name that vendor, where the papers do not.
    pub vendor_reason: Option<String>,
    /// One or two sentences: what it is, and what is not known of it.
    pub summary: String,
    /// Where the file came from.
    pub origin: Origin,
    /// The papers its rules cite.
    pub documents: Vec<Document>,
    /// How it is recognised.
    pub discovery: Discovery,
    /// Drivers, in order of preference.
    pub drivers: Vec<DriverBinding>,
    /// What it can join; `None` where there is no Wi-Fi.
    pub wifi: Option<WifiRules>,
    /// Where the Wi-Fi rules come from; there exactly when `wifi` is.
    pub wifi_statement: Option<Statement>,
    /// Secrets on the device, beside the Wi-Fi credentials.
    pub credentials: Vec<CredentialRule>,
    /// What it needs of the site's network.
    pub network: NetworkRules,
    /// What it must reach.
    pub endpoints: Vec<Endpoint>,
    /// How it speaks MQTT; `None` where nothing is known.
    pub mqtt: Option<MqttRules>,
    /// How much of something the system allows.
    pub limits: Vec<Limit>,
    /// What must appear on MQTT once it is in service.
    pub expectations: Vec<Expectation>,
    /// How it is taken out of service.
    pub wipe: Option<WipePlan>,
}

impl Profile {
    /// The drivers over that kind of link, in order of preference.
    pub fn drivers_over(&self, link: LinkKind) -> impl Iterator<Item = &DriverBinding> {
        self.drivers.iter().filter(move |binding| binding.link == link)
    }

    /// The driver to try first over that kind of link: one this build can speak, else the first the profile names.
    pub fn driver_for(&self, link: LinkKind) -> Option<&DriverBinding> {
        self.drivers_over(link)
            .find(|binding| binding.driver.is_available_over(link))
            .or_else(|| self.drivers_over(link).next())
    }

    /// The ids of all rows: of endpoints, of the network and of Wi-Fi.
    pub fn row_ids(&self) -> impl Iterator<Item = &RowId> {
        let wifi = self.wifi_statement.iter().filter_map(|statement| statement.id.as_ref());
        let endpoints = self.endpoints.iter().map(|row| &row.id);
        endpoints.chain(self.network.rules.iter().filter_map(|rule| rule.id.as_ref())).chain(wifi)
    }
}

/// Where a profile came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// It is part of the program.
    BuiltIn,
    /// A file of the user.
    UserFile {
        /// Name of the file.
        file: String,
        /// Whether it stands in place of a built-in profile.
        replaces_built_in: bool,
    },
}

/// A paper that rules cite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Document {
    /// The short name used in `source`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its version, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its date as `YYYY`, `YYYY-MM` or `YYYY-MM-DD`, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
}

impl Document {
    /// The document and one of its sections, as people look them up.
    pub fn citation(&self, section: &str) -> String {
        let version = self.version.as_ref().map(|version| format!(" v{version}")).unwrap_or_default();
        let date = self.date.as_ref().map(|date| format!(" ({date})")).unwrap_or_default();
        format!("{}{version}{date}, {section}", self.title)
    }
}

/// Where a table as a whole comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// The row it answers, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<RowId>,
    /// Where it comes from.
    #[serde(flatten)]
    pub basis: Basis,
    /// What is left open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ambiguity: Option<String>,
}
