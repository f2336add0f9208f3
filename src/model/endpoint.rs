//! What a gateway must reach: host patterns, ports, probes, and the row of a vendor's requirements they come from.
//!
//! A wildcard can be sampled, never proved; a host a vendor does not name has to be asked for. Nothing here probes.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::basis::Basis;
use super::roots::TrustAnchor;
use super::word::words;

/// The id of one stated requirement: `CAS-05`. Upper case and numbered, so that people can quote it on the telephone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct RowId(String);

impl RowId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The text is no row id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a row id is upper-case letters, a hyphen and at least two digits, as in ABC-01")]
pub struct BadRowId;

impl FromStr for RowId {
    type Err = BadRowId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (prefix, number) = text.split_once('-').ok_or(BadRowId)?;
        let is_prefix = (2..=8).contains(&prefix.len()) && prefix.bytes().all(|b| b.is_ascii_uppercase());
        let is_number = (2..=4).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        if is_prefix && is_number { Ok(Self(text.to_owned())) } else { Err(BadRowId) }
    }
}

impl<'de> Deserialize<'de> for RowId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Which hosts a row is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// One name.
    Name(String),
    /// Every name below this parent, as in `*.parent`.
    Wildcard {
        /// What stands after `*.`.
        parent: String,
    },
    /// A fixed address.
    Address(IpAddr),
    /// A host the vendor does not name: the person on site knows it under this word.
    Asked(String),
    /// The gateway itself.
    Device,
    /// The name servers the network hands out.
    Resolver,
}

impl HostPattern {
    /// Whether a concrete name falls under the pattern. A placeholder covers nothing until it is filled in.
    pub fn covers(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Wildcard { parent } => {
                name.strip_suffix(parent.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            Self::Address(address) => name.parse() == Ok(*address),
            Self::Asked(_) | Self::Device | Self::Resolver => false,
        }
    }

    /// Whether it stands for more names than can be tried.
    pub const fn is_wildcard(&self) -> bool {
        matches!(self, Self::Wildcard { .. })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Wildcard { parent } => write!(f, "*.{parent}"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Asked(word) => write!(f, "<{word}>"),
            Self::Device => f.write_str("<device>"),
            Self::Resolver => f.write_str("<resolver>"),
        }
    }
}

impl Serialize for HostPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a text is no host pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHost {
    /// It looks like a URL.
    #[error("give the host alone: the port goes into `port`, a path into `path`")]
    Url,
    /// It has upper-case letters.
    #[error("host names are written in lower case here; keep the vendor's spelling in `ambiguity`")]
    UpperCase,
    /// It has a star elsewhere than as the first label.
    #[error("a star may only stand for the first labels, as in *.example.org")]
    Star,
    /// It is no name, address or placeholder.
    #[error("this isn't a host name, IP address, *.parent or <placeholder>")]
    Malformed,
}

impl FromStr for HostPattern {
    type Err = BadHost;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        if let Some(word) = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) {
            return match word {
                "device" => Ok(Self::Device),
                "resolver" => Ok(Self::Resolver),
                _ if is_kebab(word) => Ok(Self::Asked(word.to_owned())),
                _ => Err(BadHost::Malformed),
            };
        }
        if text.contains(['/', ':']) {
            return Err(BadHost::Url);
        }
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(BadHost::UpperCase);
        }
        match text.strip_prefix("*.") {
            Some(parent) if is_dns_name(parent) => Ok(Self::Wildcard { parent: parent.to_owned() }),
            None if is_dns_name(text) => Ok(Self::Name(text.to_owned())),
            _ if text.contains('*') => Err(BadHost::Star),
            _ => Err(BadHost::Malformed),
        }
    }
}

/// Whether the text is a lower-case DNS name of at least two labels that is no IPv4 address.
pub fn is_dns_name(text: &str) -> bool {
    text.contains('.') && is_host_name(text)
}

/// Whether the text is a lower-case host name that is no IPv4 address; a single label will do.
pub fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253 && text.split('.').all(is_label) && last.bytes().any(|b| b.is_ascii_lowercase())
}

/// A host as a person on site names it, with the port where it is not that of the row: `broker.example`,
/// `broker.example:8883`, `192.0.2.7`, `[2001:db8::1]:8883`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedHost {
    /// The name or address.
    pub host: String,
    /// The port, where one was named.
    pub port: Option<u16>,
}

/// Why a text is not a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNamedHost {
    /// Upper case.
    #[error("a host is written in lower case, as in broker.example")]
    UpperCase,
    /// The port.
    #[error("after the colon stands a port from 1 to 65535")]
    Port,
    /// Anything else.
    #[error("a host is a name or an address with or without a port, as in broker.example:8883 or [2001:db8::1]:8883")]
    Malformed,
}

impl FromStr for NamedHost {
    type Err = BadNamedHost;

    fn from_str(text: &str) -> Result<Self, BadNamedHost> {
        if text.parse::<IpAddr>().is_ok() {
            return Ok(Self { host: text.to_owned(), port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => {
                let port = port.parse().ok().filter(|port| *port > 0).ok_or(BadNamedHost::Port)?;
                (host, Some(port))
            }
            None => (text, None),
        };
        if host.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(BadNamedHost::UpperCase);
        }
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_address = match bracketed {
            Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
            None => host.parse::<Ipv4Addr>().is_ok(),
        };
        if !is_address && !is_host_name(host) {
            return Err(BadNamedHost::Malformed);
        }
        Ok(Self { host: bracketed.unwrap_or(host).to_owned(), port })
    }
}

/// Whether the text is an id in lower-case-kebab form.
pub fn is_kebab(text: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.len() <= 64 && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.split('-').all(is_part)
}

words! {
    /// What carries the traffic of a row.
    Transport {
        /// TCP.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
        /// UDP, TCP or both; one of them is enough.
        UdpOrTcp = "udp-or-tcp",
        /// ICMP, which has no ports.
        Icmp = "icmp",
        /// The vendor does not say.
        NotStated = "not-stated",
    }
}

words! {
    /// A version of TLS.
    TlsVersion {
        /// TLS 1.2.
        Tls12 = "1.2",
        /// TLS 1.3.
        Tls13 = "1.3",
    }
}

words! {
    /// Who begins.
    Direction {
        /// The gateway, or the person's computer, calls out.
        Out = "out",
        /// Answers to what went out; a firewall that keeps state lets them in by itself.
        Reply = "reply",
        /// Someone calls the gateway.
        In = "in",
        /// Both ways.
        Both = "both",
    }
}

words! {
    /// How much depends on a row.
    Level {
        /// The system does not work without it.
        Required = "required",
        /// The vendor recommends it, or a lesser function depends on it.
        Advised = "advised",
        /// Worth knowing; nothing to pass or fail.
        Informative = "informative",
    }
}

words! {
    /// From where a row must hold. A result measured elsewhere is no evidence.
    Vantage {
        /// The gateway's place in the site's network.
        Gateway = "gateway",
        /// The computer of the person who operates the system.
        Operator = "operator",
        /// The private network behind the gateway's SIM.
        SimNetwork = "sim-network",
        /// Inside the vendor's VPN.
        Vpn = "vpn",
        /// The vendor's servers: nobody on site can measure it.
        Upstream = "upstream",
    }
}

words! {
    /// How many of a row's hosts must answer.
    Need {
        /// Every one.
        All = "all",
        /// One is enough.
        Any = "any",
    }
}

words! {
    /// One way to look at an endpoint, in the order in which they build on each other.
    ProbeKind {
        /// Resolve the names, with controls against rewriting.
        Dns = "dns",
        /// Connect.
        Tcp = "tcp",
        /// Handshake and verify the chain.
        Tls = "tls",
        /// Ask for a page; any status of the verified peer will do.
        Http = "http",
        /// Upgrade to the WebSocket of an MQTT broker.
        WebSocket = "websocket",
        /// MQTT CONNECT without credentials.
        Mqtt = "mqtt",
        /// Keep the session idle and see whether a middlebox cuts it.
        Idle = "idle",
        /// Ask for the time.
        Ntp = "ntp",
        /// Echo request.
        Icmp = "icmp",
        /// Fetch revocation data and issuers named in a chain.
        Revocation = "revocation",
    }
}

/// One row of what a vendor's system must reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// The row's id.
    pub id: RowId,
    /// The hosts; at least one.
    pub hosts: Vec<HostPattern>,
    /// How many of them must answer.
    pub need: Need,
    /// A word that it shares with other rows, of which one is enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub one_of: Option<String>,
    /// The port at the far end; `None` where there is none, or the person on site has to name it.
    pub port: Option<u16>,
    /// Whether the vendor states the port; otherwise it is our reading.
    pub is_port_stated: bool,
    /// The path of a URL the vendor gives; a firewall without TLS inspection cannot see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What carries it.
    pub transport: Transport,
    /// The oldest version of TLS that is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_min: Option<TlsVersion>,
    /// Who begins.
    pub direction: Direction,
    /// What it is for.
    pub purpose: String,
    /// How much depends on it.
    pub level: Level,
    /// From where it must hold.
    pub vantage: Vantage,
    /// Roots the chain should end in; empty where nothing is known.
    pub roots: Vec<TrustAnchor>,
    /// Where the expected roots come from; empty without roots.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub roots_from: String,
    /// How to look at it, in order. Empty where nothing can be sent.
    pub probes: Vec<ProbeKind>,
    /// Concrete names to try in place of a wildcard.
    pub samples: Vec<String>,
    /// Statuses of HTTP the vendor expects; empty where any will do. Another one is worth a note, never a failure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expect_status: Vec<u16>,
    /// What a firewall should allow, where that is more than the hosts that are tried: usually a wildcard around them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unblock: Vec<HostPattern>,
    /// How long an idle session must survive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_secs: Option<u32>,
    /// Where the row comes from.
    #[serde(flatten)]
    pub basis: Basis,
    /// What the vendor's words leave open, and how we read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ambiguity: Option<String>,
}

impl Endpoint {
    /// The words under which the person on site has to name hosts before the row can be tried.
    pub fn asked(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().filter_map(|host| match host {
            HostPattern::Asked(word) => Some(word.as_str()),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_patterns_read_back_as_written() {
        for text in ["api.example.org", "*.pool.example.org", "198.18.8.3", "2001:db8::1", "<broker>", "<device>"] {
            assert_eq!(text.parse::<HostPattern>().map(|host| host.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn malformed_hosts_say_what_is_wrong() {
        let check = |text: &str, expected: BadHost| assert_eq!(text.parse::<HostPattern>(), Err(expected), "{text}");
        check("https://a.example", BadHost::Url);
        check("a.example/path", BadHost::Url);
        check("a.example:443", BadHost::Url);
        check("A.example", BadHost::UpperCase);
        check("a.*.example", BadHost::Star);
        check("*", BadHost::Star);
        for text in ["", "localhost", "-a.example", "a..example", "1.2.3.999", "<Broker>", "<>", "ä.example"] {
            check(text, BadHost::Malformed);
        }
    }

    #[test]
    fn hosts_are_named_with_and_without_a_port() {
        let check = |text: &str, host: &str, port: Option<u16>| {
            assert_eq!(text.parse(), Ok(NamedHost { host: host.to_owned(), port }), "{text}");
        };
        check("broker.example", "broker.example", None);
        check("gateway", "gateway", None);
        check("broker.example:8883", "broker.example", Some(8883));
        check("192.0.2.7:1883", "192.0.2.7", Some(1883));
        check("2001:db8::1", "2001:db8::1", None);
        check("[2001:db8::1]:8883", "2001:db8::1", Some(8883));
        let refuse =
            |text: &str, expected: BadNamedHost| assert_eq!(text.parse::<NamedHost>(), Err(expected), "{text}");
        refuse("Broker.example", BadNamedHost::UpperCase);
        refuse("broker.example:0", BadNamedHost::Port);
        refuse("broker.example:x", BadNamedHost::Port);
        refuse("https://broker.example", BadNamedHost::Port);
        for text in ["", "[broker.example]:1", "2001:db8::1:70000x:1", "1.2.3", "a b", "a/b"] {
            assert!(text.parse::<NamedHost>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_wildcard_covers_names_below_its_parent_only() {
        let pattern: HostPattern = "*.pool.example".parse().unwrap();
        assert!(pattern.covers("0.pool.example"));
        assert!(pattern.covers("a.b.pool.example"));
        assert!(!pattern.covers("pool.example"));
        assert!(!pattern.covers(".pool.example"));
        assert!(!pattern.covers("whirlpool.example"));
    }

    #[test]
    fn ids_have_one_form() {
        assert!("CAS-05".parse::<RowId>().is_ok());
        for text in ["cas-05", "CAS-5", "CAS05", "CAS-05-1", "-05", "CAS-"] {
            assert_eq!(text.parse::<RowId>(), Err(BadRowId), "{text}");
        }
        assert!(is_kebab("a-b2") && !is_kebab("A-b") && !is_kebab("a--b") && !is_kebab("2a") && !is_kebab(""));
    }
}
