//! [`Evidence`]: a whole run as it is saved: what it was made from, and what was observed.

mod digest;
mod read;

use core::net::SocketAddr;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use digest::seal;
pub use read::{EvidenceError, MAX_BYTES, MAX_OBSERVATIONS, Saved, no_digest, read};

use super::plan::Vantage;
use super::seen::Observation;
use crate::model::endpoint::RowId;
use crate::model::ids::ProfileId;
use crate::profile::overrides::OverrideFile;
use crate::profile::site::Site;

/// The version of the format.
pub const VERSION: u32 = 1;

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The version of the format.
    pub evidence: u32,
    /// Who wrote it: program and version.
    pub program: String,
    /// What the run was made from.
    pub about: About,
    /// What was observed, in order.
    pub observations: Vec<Observation>,
    /// The run of a laptop at the same place, where this one is the gateway's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<Box<Self>>,
}

/// What a run is made from. With the profile it gives the plan again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct About {
    /// The profile.
    pub profile: Option<ProfileId>,
    /// Only these rows; empty for all.
    pub rows: Vec<RowId>,
    /// Hosts the vendor leaves open: the word of the profile, or the wildcard, and the names.
    pub hosts: BTreeMap<String, Vec<String>>,
    /// Where the run stands.
    pub vantage: Vantage,
    /// The gateway that looked itself; none where this computer did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// The interface or source address chosen; empty for the system's choice.
    pub from: String,
    /// Name of the site; empty without one.
    pub site: String,
    /// Before the gateway is there.
    pub is_survey: bool,
    /// Whether third parties may be asked.
    pub has_consent: bool,
    /// The network's name the gateway is to join; empty where it was not given.
    pub ssid: String,
    /// The network gateways get their addresses from, `192.0.2.0/24`; empty where it is not known.
    pub subnet: String,
    /// Address of the gateway on site; empty where it is not known.
    pub gateway: String,
    /// When the run began, in microseconds since 1970 UTC.
    pub began_unix_micros: i64,
    /// What an override file changed: each line of it as it took effect. Empty without one.
    pub overrides: Vec<String>,
    /// Whether addresses inside the site were replaced by others of their kind before the evidence was saved.
    pub is_masked: bool,
}

/// A gateway that looked itself, by the programs it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Via {
    /// Over which link it was told to.
    pub link: String,
    /// What it calls itself; empty where it does not say.
    pub name: String,
    /// The programs it had, with their versions where they tell.
    pub tools: Vec<String>,
}

impl About {
    /// Takes in what a site says; what was named for the run alone stays.
    #[must_use]
    pub fn at_site(mut self, site: &Site) -> Self {
        let take = |own: &mut String, text: Option<&String>| {
            if let Some(text) = text.filter(|_| own.is_empty()) {
                own.clone_from(text);
            }
        };
        take(&mut self.site, Some(&site.name));
        take(&mut self.ssid, site.ssid.as_ref());
        take(&mut self.subnet, site.subnet.as_ref());
        if let Some(profile) = &self.profile {
            for (word, names) in site.hosts_for(profile) {
                self.hosts.entry(word).or_insert(names);
            }
            let mut addresses = site.gateways_of(profile).filter_map(|gateway| gateway.address.as_ref());
            // With several gateways nobody knows which one is meant.
            if let (Some(only), None) = (addresses.next(), addresses.next()) {
                take(&mut self.gateway, Some(only));
            }
        }
        self
    }
}

/// Where packets go instead of where they should, for a test site. Only addresses, ports and trusted roots change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Host and port (`None`: all ports), and where they lead.
    pub map: Vec<(String, Option<u16>, SocketAddr)>,
    /// Name servers to ask instead of the system's.
    pub name_servers: Vec<SocketAddr>,
    /// The port of time servers instead of 123.
    pub ntp_port: Option<u16>,
    /// Roots trusted beside those the profile expects, DER.
    pub roots: Vec<Vec<u8>>,
}

impl Overrides {
    /// What an override file says, with the roots of the files it names.
    pub fn new(file: &OverrideFile, roots: Vec<Vec<u8>>) -> Self {
        Self {
            map: file.map.iter().map(|mapping| (mapping.host.clone(), mapping.port, mapping.to)).collect(),
            name_servers: file.name_servers.clone(),
            ntp_port: file.ntp_port,
            roots,
        }
    }

    /// Where a host and port lead, if the file says so. An entry with the port wins over one without.
    pub fn target(&self, host: &str, port: u16) -> Option<SocketAddr> {
        let of = |wanted: Option<u16>| self.map.iter().find(|(name, own, _)| name == host && *own == wanted);
        of(Some(port)).or_else(|| of(None)).map(|(_, _, to)| *to)
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
