//! What the simulated network does to which row, and which stand-ins a profile needs for that.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::check::evidence::About;
use crate::check::plan::{Plan, Target, Vantage};
use crate::check::verdict::Reason;
use crate::model::endpoint::{Endpoint, HostPattern, ProbeKind, RowId};
use crate::model::ids::ProfileId;
use crate::model::word::words;
use crate::profile::Profile;

/// The one place that says what is done to which row.
const TEXT: &str = include_str!("../../../assets/simulated-network.toml");
/// Where names lie that a person would have to fill in (RFC 2606).
const DOMAIN: &str = "simulated.example";
/// The label that stands for a wildcard without samples.
const SAMPLE: &str = "simulated";
/// Where the gateway of the site is.
pub(super) const GATEWAY: &str = "127.0.0.1";
/// What servers answer for a page that is not theirs.
const NOT_FOUND: u16 = 404;

words! {
    /// What is done to a row.
    Does {
        /// It is let through.
        Nothing = "nothing",
        /// Nothing listens on the port.
        Closed = "closed",
        /// Packets are taken and never answered; where there is TLS, after the handshake.
        Silent = "silent",
        /// A box in between shows a certificate of its own CA.
        Intercepted = "intercepted",
        /// A box in between resets the connection when it reads the row's name in the TLS hello.
        Filtered = "filtered",
        /// A box in between sends on to a sign-in page.
        Portal = "portal",
        /// The time server is ahead.
        Skewed = "skewed",
        /// The name server says that there is no such name.
        UnknownName = "unknown-name",
    }
}

/// What the tour of the site shows of a network check.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tour {
    /// The profile it checks.
    pub profile: ProfileId,
    /// The row it explains.
    pub explained: RowId,
}

/// What is done to one row.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    /// The row.
    pub id: RowId,
    /// What is done.
    pub does: Does,
    /// How far ahead a time server is.
    #[serde(default)]
    pub seconds: i64,
    /// How a check has to find the row: why it fails, or the note of one that passes.
    pub reason: Reason,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Troubles {
    pub(super) tour: Tour,
    pub(super) row: Vec<Trouble>,
}

/// Reads what is done to which row.
pub(super) fn troubles() -> Result<Troubles, toml::de::Error> {
    toml::from_str(TEXT)
}

/// How a stand-in speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    /// NTP.
    Time,
    /// HTTP, and MQTT inside a WebSocket.
    Web,
    /// MQTT.
    Broker,
    /// HTTP with a list of revoked certificates.
    Lists,
}

/// A server to stand in for one host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StandIn {
    pub(super) target: Target,
    pub(super) speaks: Speaks,
    pub(super) is_encrypted: bool,
    pub(super) status: u16,
    pub(super) does: Does,
    pub(super) ahead_secs: i64,
}

/// What a profile needs of the network.
pub(super) struct Needs {
    /// Names that lead to this computer.
    pub(super) names: BTreeSet<String>,
    /// Names that its name server denies.
    pub(super) unknown: BTreeSet<String>,
    /// The servers.
    pub(super) stand_ins: Vec<StandIn>,
}

impl Needs {
    /// What a profile needs, with what is done to its rows.
    pub(super) fn of(profile: &Profile, troubles: &[Trouble]) -> Self {
        let about = About {
            hosts: open_hosts(profile),
            vantage: Vantage::Gateway,
            gateway: GATEWAY.into(),
            ssid: DOMAIN.into(),
            ..About::default()
        };
        let plan = Plan::new(profile, about);
        let mut needs = Self { names: BTreeSet::new(), unknown: BTreeSet::new(), stand_ins: Vec::new() };
        for row in &plan.rows {
            let Some(endpoint) = row.subject.endpoint() else { continue };
            let trouble = troubles.iter().find(|trouble| trouble.id == row.id);
            for target in &row.targets {
                needs.add(endpoint, target, trouble);
            }
        }
        // A name that one row is denied and another one needs is there.
        needs.unknown.retain(|name| !needs.names.contains(name));
        needs
    }

    /// One server stands in for a host and port, whichever rows share it.
    fn add(&mut self, endpoint: &Endpoint, target: &Target, trouble: Option<&Trouble>) {
        let does = trouble.map_or(Does::Nothing, |trouble| trouble.does);
        if does == Does::UnknownName {
            self.unknown.insert(target.host.clone());
            return;
        }
        if target.host.parse::<core::net::IpAddr>().is_err() {
            self.names.insert(target.host.clone());
        }
        let Some((speaks, is_encrypted)) = way(endpoint).filter(|_| target.port != 0) else { return };
        if self.stand_ins.iter().any(|known| known.target == *target) {
            return;
        }
        self.stand_ins.push(StandIn {
            target: target.clone(),
            speaks,
            is_encrypted,
            status: endpoint.expect_status.first().copied().unwrap_or(NOT_FOUND),
            does,
            ahead_secs: trouble.map_or(0, |trouble| trouble.seconds),
        });
    }
}

/// How the far end of a row speaks, and whether inside TLS; `None` where it needs no server.
fn way(endpoint: &Endpoint) -> Option<(Speaks, bool)> {
    let has = |probe| endpoint.probes.contains(&probe);
    let speaks = match () {
        () if has(ProbeKind::Ntp) => Speaks::Time,
        () if endpoint.probes == [ProbeKind::Revocation] => Speaks::Lists,
        () if has(ProbeKind::Mqtt) && !has(ProbeKind::WebSocket) => Speaks::Broker,
        () if has(ProbeKind::Tcp) => Speaks::Web,
        () => return None,
    };
    Some((speaks, has(ProbeKind::Tls)))
}

/// Made-up names for what the vendor leaves open.
pub(super) fn open_hosts(profile: &Profile) -> BTreeMap<String, Vec<String>> {
    let mut hosts = BTreeMap::new();
    for endpoint in &profile.endpoints {
        for pattern in &endpoint.hosts {
            match pattern {
                HostPattern::Asked(word) => {
                    hosts.insert(word.clone(), vec![format!("{word}.{DOMAIN}")]);
                }
                HostPattern::Wildcard { .. } if !endpoint.samples.iter().any(|sample| pattern.covers(sample)) => {
                    let written = pattern.to_string();
                    hosts.insert(written.clone(), vec![written.replacen('*', SAMPLE, 1)]);
                }
                _ => {}
            }
        }
    }
    hosts
}

/// The name of the server with the lists of revoked certificates of the site's own CA.
pub(super) fn lists_host() -> String {
    format!("crl.{DOMAIN}")
}

/// Where a sign-in page would be.
pub(in crate::sim) fn portal_url() -> String {
    format!("http://portal.{DOMAIN}/sign-in")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Catalog;

    #[test]
    fn every_trouble_is_done_to_a_row_of_a_built_in_profile() {
        let catalog = Catalog::built_in();
        let rows: Vec<&RowId> = catalog.iter().flat_map(Profile::row_ids).collect();
        let troubles = troubles().unwrap();
        for trouble in &troubles.row {
            assert!(rows.contains(&&trouble.id), "{}", trouble.id);
            assert_eq!(trouble.does == Does::Skewed, trouble.seconds != 0, "{}", trouble.id);
        }
        let tour = catalog.get(&troubles.tour.profile).unwrap();
        assert!(tour.row_ids().any(|id| *id == troubles.tour.explained));
        assert!(troubles.row.iter().any(|trouble| trouble.id == troubles.tour.explained));
    }

    #[test]
    fn every_row_with_probes_has_a_stand_in_or_needs_none() {
        for profile in Catalog::built_in().iter() {
            let (needs, hosts) = (Needs::of(profile, &[]), open_hosts(profile));
            for endpoint in profile.endpoints.iter().filter(|endpoint| !endpoint.probes.is_empty()) {
                let is_server = way(endpoint).is_some() && endpoint.port.is_some();
                let stands = |standing: &StandIn| {
                    let host = &standing.target.host;
                    endpoint.hosts.iter().any(|pattern| match pattern {
                        HostPattern::Asked(word) => hosts[word].contains(host),
                        HostPattern::Wildcard { .. } => pattern.covers(host),
                        other => other.to_string() == *host,
                    })
                };
                assert_eq!(is_server, needs.stand_ins.iter().any(stands), "{}", endpoint.id);
            }
        }
    }
}
