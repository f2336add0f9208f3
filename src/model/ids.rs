//! Names of things: jobs, profiles, drivers and the addresses of links.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One job of this process: a probe, a session with a gateway, an export. Unique for as long as the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {}", self.0)
    }
}

/// The id of a vendor profile, as in the profile file: `casambi-cloud-gateway`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProfileId(pub String);

impl ProfileId {
    /// The id as written in a profile file.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A provisioning or management protocol spoken over a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DriverId {
    /// Improv Wi-Fi.
    Improv,
    /// Espressif protocomm provisioning.
    EspProv,
    /// MCUmgr Simple Management Protocol.
    Smp,
    /// A login console of a Linux gateway.
    LinuxConsole,
}

impl DriverId {
    /// Every driver a profile may name.
    pub const ALL: [Self; 4] = [Self::Improv, Self::EspProv, Self::Smp, Self::LinuxConsole];

    /// The name used in profiles and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Improv => "improv",
            Self::EspProv => "esp-prov",
            Self::Smp => "smp",
            Self::LinuxConsole => "linux-console",
        }
    }

    /// Whether this build can speak the driver over that kind of link.
    pub const fn is_available_over(self, link: LinkKind) -> bool {
        matches!((self, link), (Self::Improv, LinkKind::Serial))
    }
}

impl fmt::Display for DriverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DriverId {
    type Err = UnknownDriver;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|driver| driver.as_str() == text)
            .ok_or_else(|| UnknownDriver { name: text.to_owned() })
    }
}

/// The text names no driver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no driver is called `{name}`; drivers are improv, esp-prov, smp, linux-console")]
pub struct UnknownDriver {
    /// What was written.
    pub name: String,
}

/// What carries the bytes of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// A serial port, USB or built in, or a pseudo-terminal.
    Serial,
    /// Bluetooth Low Energy.
    Ble,
    /// HTTP, as on a gateway's own access point.
    Http,
    /// UDP.
    Udp,
}

impl LinkKind {
    /// The word used in profiles and in front of the colon of a link address.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Serial => "serial",
            Self::Ble => "ble",
            Self::Http => "http",
            Self::Udp => "udp",
        }
    }
}

impl fmt::Display for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a gateway is reached: `serial:/dev/ttyUSB0`, `serial:COM7`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LinkAddress {
    /// A serial port by its path (Unix) or name (Windows).
    Serial(String),
}

impl LinkAddress {
    /// The kind of link the address belongs to.
    pub const fn kind(&self) -> LinkKind {
        match self {
            Self::Serial(_) => LinkKind::Serial,
        }
    }

    /// The part after the colon: a port's path.
    pub fn place(&self) -> &str {
        match self {
            Self::Serial(path) => path,
        }
    }
}

impl fmt::Display for LinkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), self.place())
    }
}

impl FromStr for LinkAddress {
    type Err = BadLinkAddress;

    /// Reads `serial:PATH`. A bare path is taken as a serial port.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |reason| BadLinkAddress { text: text.to_owned(), reason };
        let path = match text.split_once(':') {
            Some(("serial", path)) => path,
            Some((kind @ ("ble" | "http" | "udp"), _)) => {
                return Err(bad(match kind {
                    "ble" => "this version reaches gateways over serial only, not over Bluetooth",
                    "http" => "this version reaches gateways over serial only, not over HTTP",
                    _ => "this version reaches gateways over serial only, not over UDP",
                }));
            }
            _ => text,
        };
        if path.is_empty() {
            return Err(bad("the path of the port is missing"));
        }
        if path.chars().any(char::is_control) {
            return Err(bad("the path holds a control character"));
        }
        Ok(Self::Serial(path.to_owned()))
    }
}

/// The text is no address of a link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no link: {reason}; write it as serial:PATH", crate::model::text::visible(text, 80))]
pub struct BadLinkAddress {
    /// What was written.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_addresses_read_back_as_written() {
        for text in ["serial:/dev/ttyUSB0", "serial:COM7"] {
            assert_eq!(text.parse::<LinkAddress>().map(|link| link.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("/dev/pts/4".parse(), Ok(LinkAddress::Serial("/dev/pts/4".into())));
    }

    #[test]
    fn links_of_other_kinds_say_what_is_possible() {
        let error = "ble:AA".parse::<LinkAddress>().unwrap_err().to_string();
        assert!(error.contains("serial only"), "{error}");
        assert!("serial:".parse::<LinkAddress>().is_err());
        assert!("serial:/dev/\u{7}".parse::<LinkAddress>().is_err());
    }
}
