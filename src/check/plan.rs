//! [`Plan`]: which rows are looked at, with which hosts and ports, and which cannot be looked at and why.
//!
//! Made from a profile and from what the person on site knows. The same plan runs from the laptop and on the gateway.

use std::collections::BTreeMap;

use super::evidence::About;
use super::verdict::Reason;
use crate::model::endpoint::{Endpoint, HostPattern, Level, NamedHost, ProbeKind, RowId, Vantage as RowVantage};
use crate::model::ids::ProfileId;
use crate::model::mqtt::Dialect;
use crate::model::wifi::WifiRules;
use crate::model::word::words;
use crate::profile::rules::{Document, NetworkFact, NetworkRule, Profile};

words! {
    /// Where a run stands.
    Vantage {
        /// A computer on the network the gateway is to use.
        SiteNetwork = "site-network",
        /// A computer somewhere else.
        Elsewhere = "elsewhere",
        /// The gateway itself.
        Gateway = "gateway",
        /// The private network behind the gateway's SIM.
        SimNetwork = "sim-network",
        /// Inside the vendor's VPN.
        Vpn = "vpn",
    }
}

#[expect(clippy::derivable_impls, reason = "the words of an enum come without a default")]
impl Default for Vantage {
    fn default() -> Self {
        Self::SiteNetwork
    }
}

/// What is looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The profile.
    pub profile: ProfileId,
    /// Its name.
    pub name: String,
    /// Who makes the system.
    pub vendor: String,
    /// The papers its rows cite.
    pub documents: Vec<Document>,
    /// Whether the vendor says that the system cannot use a proxy.
    pub is_proxy_unsupported: bool,
    /// How its broker speaks MQTT, where that is known.
    pub dialect: Option<Dialect>,
    /// What the run was made from.
    pub about: About,
    /// The rows, in the order of the profile.
    pub rows: Vec<PlannedRow>,
}

/// One row of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedRow {
    /// Its id.
    pub id: RowId,
    /// What it is about.
    pub subject: Subject,
    /// What to look at. Empty for rows that need no host.
    pub targets: Vec<Target>,
    /// Whether it is looked at, or why not.
    pub outlook: Outlook,
}

/// What a row is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// A far end that must be reached.
    Endpoint(Box<Endpoint>),
    /// A requirement of the network that names no far end.
    Network(NetworkRule),
    /// What the radio must offer.
    Wifi(WifiRules),
}

impl Subject {
    /// How much depends on it.
    pub const fn level(&self) -> Level {
        match self {
            Self::Endpoint(endpoint) => endpoint.level,
            Self::Network(rule) => rule.level,
            Self::Wifi(_) => Level::Required,
        }
    }

    /// The endpoint, if it is one.
    pub const fn endpoint(&self) -> Option<&Endpoint> {
        match self {
            Self::Endpoint(endpoint) => Some(endpoint),
            Self::Network(_) | Self::Wifi(_) => None,
        }
    }
}

/// A host and port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// A name or an address, as text.
    pub host: String,
    /// The port; 0 where there is none.
    pub port: u16,
}

/// Whether a row is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It is.
    Run,
    /// It cannot be, for that reason.
    NotTestable(Reason),
    /// It does not concern this vantage.
    NotApplicable(Reason),
    /// There is nothing to pass or fail.
    Advice,
}

impl Plan {
    /// The plan of a run.
    pub fn new(profile: &Profile, about: About) -> Self {
        let wanted = |id: &RowId| about.rows.is_empty() || about.rows.contains(id);
        let endpoints = profile.endpoints.iter().map(|endpoint| endpoint_row(endpoint, &about));
        let rules =
            profile.network.rules.iter().filter_map(|rule| network_row(rule, profile.network.vantage, about.vantage));
        let wifi = wifi_row(profile, &about);
        let mut rows: Vec<PlannedRow> = endpoints.chain(rules).chain(wifi).filter(|row| wanted(&row.id)).collect();
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        Self {
            profile: profile.id.clone(),
            name: profile.name.clone(),
            vendor: profile.vendor.clone(),
            documents: profile.documents.clone(),
            is_proxy_unsupported: profile.network.says(NetworkFact::ProxyUnsupported),
            dialect: profile.mqtt.as_ref().map(|mqtt| mqtt.dialect),
            about,
            rows,
        }
    }

    /// The row of that id.
    pub fn row(&self, id: &RowId) -> Option<&PlannedRow> {
        self.rows.iter().find(|row| row.id == *id)
    }

    /// The rows that are looked at.
    pub fn to_run(&self) -> impl Iterator<Item = &PlannedRow> {
        self.rows.iter().filter(|row| row.outlook == Outlook::Run)
    }
}

fn endpoint_row(endpoint: &Endpoint, about: &About) -> PlannedRow {
    let targets = targets(endpoint, about);
    let outlook = vantage(endpoint.vantage, about.vantage).unwrap_or_else(|| testable(endpoint, &targets));
    PlannedRow { id: endpoint.id.clone(), subject: Subject::Endpoint(Box::new(endpoint.clone())), targets, outlook }
}

/// The outlook that follows from where a row must hold and where the run stands; `None` where it can be tried.
const fn vantage(row: RowVantage, here: Vantage) -> Option<Outlook> {
    match (row, here) {
        (RowVantage::SimNetwork, Vantage::SimNetwork | Vantage::Gateway)
        | (RowVantage::Vpn, Vantage::Vpn | Vantage::Gateway)
        | (RowVantage::Gateway, _)
        | (RowVantage::Operator, Vantage::SiteNetwork | Vantage::Elsewhere | Vantage::Vpn) => None,
        (RowVantage::SimNetwork, _) => Some(Outlook::NotApplicable(Reason::OnlyFromSimNetwork)),
        (RowVantage::Vpn, _) => Some(Outlook::NotApplicable(Reason::OnlyInsideVpn)),
        (RowVantage::Operator, _) => Some(Outlook::NotApplicable(Reason::OnlyFromOperator)),
        (RowVantage::Upstream, _) => Some(Outlook::NotApplicable(Reason::OnlyUpstream)),
    }
}

fn testable(endpoint: &Endpoint, targets: &[Target]) -> Outlook {
    if endpoint.probes.is_empty() {
        return if endpoint.level == Level::Informative {
            Outlook::Advice
        } else {
            Outlook::NotTestable(Reason::NothingToSend)
        };
    }
    let needs_target = endpoint.hosts.iter().any(|host| !matches!(host, HostPattern::Resolver));
    if targets.is_empty() && needs_target {
        let is_device = endpoint.hosts.iter().all(|host| matches!(host, HostPattern::Device));
        return Outlook::NotTestable(if is_device { Reason::GatewayAddressUnknown } else { Reason::HostUnknown });
    }
    if endpoint.port.is_none() && targets.iter().all(|target| target.port == 0) && needs_port(endpoint) {
        return Outlook::NotTestable(Reason::PortUnknown);
    }
    Outlook::Run
}

fn needs_port(endpoint: &Endpoint) -> bool {
    let without = [ProbeKind::Dns, ProbeKind::Icmp, ProbeKind::Revocation];
    endpoint.probes.iter().any(|probe| !without.contains(probe))
}

/// The hosts and ports of a row: as stated, as sampled, or as the person on site named them.
fn targets(endpoint: &Endpoint, about: &About) -> Vec<Target> {
    let mut hosts: Vec<String> = Vec::new();
    for pattern in &endpoint.hosts {
        match pattern {
            HostPattern::Name(name) => hosts.push(name.clone()),
            HostPattern::Address(address) => hosts.push(address.to_string()),
            HostPattern::Wildcard { .. } => {
                let named = given(&about.hosts, &pattern.to_string());
                let own = endpoint.samples.iter().filter(|sample| pattern.covers(sample)).cloned();
                hosts.extend(named.iter().cloned().chain(own.filter(|_| named.is_empty())));
            }
            HostPattern::Asked(word) => hosts.extend(given(&about.hosts, word).iter().cloned()),
            HostPattern::Device => {
                let is_there = !about.is_survey && !about.gateway.is_empty();
                hosts.extend(is_there.then(|| about.gateway.clone()));
            }
            HostPattern::Resolver => {}
        }
    }
    let mut targets: Vec<Target> = hosts.iter().map(|host| target(host, endpoint.port)).collect();
    targets.sort();
    targets.dedup();
    targets
}

fn given<'a>(hosts: &'a BTreeMap<String, Vec<String>>, word: &str) -> &'a [String] {
    hosts.get(word).map_or(&[], Vec::as_slice)
}

/// A host with the port of its row, unless the person named one with it. A text that is none is looked at as it stands.
fn target(text: &str, port: Option<u16>) -> Target {
    match text.parse::<NamedHost>() {
        Ok(named) => Target { host: named.host, port: named.port.or(port).unwrap_or(0) },
        Err(_) => Target { host: text.to_owned(), port: port.unwrap_or(0) },
    }
}

fn network_row(rule: &NetworkRule, place: RowVantage, here: Vantage) -> Option<PlannedRow> {
    let outlook = match rule.fact {
        NetworkFact::DhcpRequired | NetworkFact::ProxyUnsupported => Outlook::Run,
        // Which root is needed shows in the chains of the rows that name roots.
        NetworkFact::RootNeeded => vantage(place, here).unwrap_or(Outlook::Run),
        _ => Outlook::Advice,
    };
    Some(PlannedRow { id: rule.id.clone()?, subject: Subject::Network(rule.clone()), targets: Vec::new(), outlook })
}

fn wifi_row(profile: &Profile, about: &About) -> Option<PlannedRow> {
    let id = profile.wifi_statement.as_ref()?.id.clone()?;
    let outlook = if about.ssid.is_empty() { Outlook::NotTestable(Reason::NetworkNameUnknown) } else { Outlook::Run };
    Some(PlannedRow { id, subject: Subject::Wifi(profile.wifi.clone()?), targets: Vec::new(), outlook })
}
