//! Which broker a profile speaks of: whose rules it follows, and its address. The one place for window and command line.

use super::Profile;
use super::rules::{Carrier, TlsUse};
use crate::model::endpoint::{HostPattern, ProbeKind};
use crate::model::mqtt::Dialect;
use crate::model::mqtt::url::{BrokerUrl, Scheme};

/// Whose rules a connection follows: what a person chose, else what the host tells by its name, else what the profile says.
pub fn dialect(chosen: Option<Dialect>, host: &str, profile: Option<&Profile>) -> Dialect {
    let of_profile = || profile.and_then(|profile| profile.mqtt.as_ref()).map(|rules| rules.dialect);
    chosen.or_else(|| Dialect::of_host(host)).or_else(of_profile).unwrap_or(Dialect::Plain)
}

/// The broker that a profile names.
pub fn address(profile: &Profile) -> Option<BrokerUrl> {
    let rules = profile.mqtt.as_ref()?;
    let mut rows = profile.endpoints.iter().filter(|row| row.probes.contains(&ProbeKind::Mqtt));
    let named = |host: &HostPattern| match host {
        HostPattern::Name(_) | HostPattern::Address(_) => Some(host.to_string()),
        _ => None,
    };
    let (host, port) = rows.find_map(|row| Some((row.hosts.iter().find_map(named)?, row.port)))?;
    let port = port.or_else(|| rules.ports.first().copied());
    let dialect = dialect(None, &host, Some(profile));
    // On 443 a hub takes MQTT inside a WebSocket only.
    let is_hub_on_443 = dialect == Dialect::AzureIotHub && port == Some(Scheme::Wss.default_port());
    let scheme = match (rules.carrier, rules.tls) {
        _ if is_hub_on_443 => Scheme::Wss,
        (Carrier::WebSocket, TlsUse::None) => Scheme::Ws,
        (Carrier::WebSocket, _) => Scheme::Wss,
        (_, TlsUse::None) => Scheme::Mqtt,
        // Where both go, the port says which.
        (_, TlsUse::Optional) if port == Some(Scheme::Mqtt.default_port()) => Scheme::Mqtt,
        _ => Scheme::Mqtts,
    };
    let path = if scheme.is_websocket() { dialect.websocket_path().to_owned() } else { String::new() };
    Some(BrokerUrl { scheme, host, port: port.unwrap_or(scheme.default_port()), path })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Catalog;

    #[test]
    fn the_address_of_each_profile_is_one_that_its_broker_speaks() {
        let catalog = Catalog::built_in();
        let mut named = 0;
        for profile in catalog.iter() {
            let Some(url) = address(profile) else { continue };
            named += 1;
            let dialect = dialect(None, &url.host, Some(profile));
            assert_eq!(Some(dialect), profile.mqtt.as_ref().map(|rules| rules.dialect), "{}", profile.id);
            if dialect == Dialect::AzureIotHub {
                assert!(matches!((url.scheme, url.port), (Scheme::Mqtts, 8883) | (Scheme::Wss, 443)), "{url}");
                assert!(url.scheme == Scheme::Mqtts || url.path.starts_with("/$iothub/websocket"), "{url}");
            }
            assert_eq!(url.to_string().parse::<BrokerUrl>().unwrap(), url);
        }
        assert!(named > 0);
    }

    #[test]
    fn a_choice_is_above_the_host_and_the_host_above_the_profile() {
        let catalog = Catalog::built_in();
        let is_hub =
            |profile: &&Profile| profile.mqtt.as_ref().is_some_and(|rules| rules.dialect == Dialect::AzureIotHub);
        let hub = catalog.iter().find(is_hub);
        let aws = "x.iot.eu-central-1.amazonaws.com";
        assert_eq!(dialect(None, "192.168.1.10", None), Dialect::Plain);
        assert_eq!(dialect(None, "hub.example", hub), Dialect::AzureIotHub);
        assert_eq!(dialect(None, aws, hub), Dialect::AwsIotCore);
        assert_eq!(dialect(Some(Dialect::Proxy), aws, hub), Dialect::Proxy);
    }
}
