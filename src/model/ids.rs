//! Names of things: jobs, profiles, drivers and the addresses of links.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use super::drivers::{DriverId, UnknownDriver};

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

/// Where a gateway is reached: `serial:/dev/ttyUSB0`, `ble:C4:4F:33:00:12:AF`, `http:192.168.4.1`, `udp:192.0.2.7:1337`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LinkAddress {
    /// A serial port by its path (Unix) or name (Windows).
    Serial(String),
    /// A Bluetooth device by its address, or by the id this laptop gave it (macOS hides addresses).
    Ble(String),
    /// A host, with its port unless it is 80.
    Http(String),
    /// A host and a port.
    Udp(String),
}

impl LinkAddress {
    /// The kind of link the address belongs to.
    pub const fn kind(&self) -> LinkKind {
        match self {
            Self::Serial(_) => LinkKind::Serial,
            Self::Ble(_) => LinkKind::Ble,
            Self::Http(_) => LinkKind::Http,
            Self::Udp(_) => LinkKind::Udp,
        }
    }

    /// The part after the colon: a port's path, a device's address, a host.
    pub fn place(&self) -> &str {
        match self {
            Self::Serial(place) | Self::Ble(place) | Self::Http(place) | Self::Udp(place) => place,
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

    /// Reads `serial:PATH`, `ble:ID`, `http:HOST[:PORT]` and `udp:HOST:PORT`. A bare path is taken as a serial port.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |reason| BadLinkAddress { text: text.to_owned(), reason };
        let scheme = text.split_once(':').map(|(kind, place)| (kind.to_ascii_lowercase(), place));
        let (kind, place) = match &scheme {
            Some((kind, place)) if matches!(kind.as_str(), "serial" | "ble" | "http" | "udp") => {
                (kind.as_str(), *place)
            }
            Some((kind, place)) if is_scheme(kind) && !place.is_empty() => {
                return Err(bad("there is no such kind of link"));
            }
            _ => ("serial", text),
        };
        if place.chars().any(char::is_control) {
            return Err(bad("it holds a control character"));
        }
        match (kind, place) {
            ("serial", "") => Err(bad("the path of the port is missing")),
            ("ble", "") => Err(bad("the address of the device is missing")),
            ("http" | "udp", "") => Err(bad("the host is missing")),
            ("serial", path) => Ok(Self::Serial(one_port_name(path))),
            ("ble", id) => Ok(Self::Ble(one_device_id(id))),
            ("http", host) => {
                let host = host.trim_start_matches("//").trim_end_matches('/');
                if is_host(host, Port::MayBeThere) {
                    Ok(Self::Http(one_host(host, Some(80))))
                } else {
                    Err(bad(BAD_HOST))
                }
            }
            (_, host) => {
                if is_host(host, Port::MustBeThere) {
                    Ok(Self::Udp(one_host(host, None)))
                } else {
                    Err(bad("after the host, a colon and the port are wanted"))
                }
            }
        }
    }
}

/// The name of a port as its system lists it: Windows takes `com7` and `\\\\.\\COM7` for COM7. Paths stay as they are.
fn one_port_name(path: &str) -> String {
    let name = path.strip_prefix(r"\\.\").unwrap_or(path);
    let is_com = name.get(..3).is_some_and(|com| com.eq_ignore_ascii_case("com"));
    let number = name.get(3..).unwrap_or_default();
    if is_com && !number.is_empty() && number.len() <= 3 && number.bytes().all(|b| b.is_ascii_digit()) {
        return format!("COM{}", number.trim_start_matches('0'));
    }
    path.to_owned()
}

/// The address of a device as systems write it: upper case, with colons. An id that is no address is only put into upper
/// case, since ids are compared as text.
fn one_device_id(id: &str) -> String {
    let id = id.to_ascii_uppercase();
    let digits: String = id.chars().filter(|c| !matches!(c, ':' | '-' | '.' | ' ')).collect();
    if digits.len() != 12 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return id;
    }
    let pairs: Vec<&str> = (0..6).filter_map(|pair| digits.get(2 * pair..2 * pair + 2)).collect();
    pairs.join(":")
}

/// Whether the text before a colon names a kind of link, known or not, and is no part of a path: `C:` is none.
fn is_scheme(text: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    text.len() > 1 && text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(is_name)
}

const BAD_HOST: &str = "a host is wanted, with a colon and a port if that is not 80, and no path";

/// Whether a host may or must be followed by its port.
#[derive(Clone, Copy, PartialEq)]
enum Port {
    MayBeThere,
    MustBeThere,
}

/// The host, without the brackets of an IPv6 address, and its port.
fn parts(text: &str) -> (&str, Option<&str>) {
    match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    }
}

/// A name or an address (IPv6 in brackets), and a port.
fn is_host(text: &str, wanted: Port) -> bool {
    let (host, port) = parts(text);
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_clean = !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ', '%']);
    is_clean && port.map_or(wanted == Port::MayBeThere, is_port)
}

/// A host and its port in the one form of both: in small letters, numbers without leading zeros, and without the usual port.
fn one_host(text: &str, usual: Option<u16>) -> String {
    let (host, port) = parts(text);
    let octets: Option<Vec<u8>> = host.split('.').map(|octet| octet.parse().ok()).collect();
    let host = match octets.as_deref() {
        Some([a, b, c, d]) => format!("{a}.{b}.{c}.{d}"),
        _ => host.to_ascii_lowercase(),
    };
    let host = if text.starts_with('[') { format!("[{host}]") } else { host };
    match port.and_then(|port| port.parse::<u16>().ok()).filter(|port| Some(*port) != usual) {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

/// The text is no address of a link.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` isn't a link: {reason}; write it as serial:PATH, ble:ADDRESS, http:HOST[:PORT] or udp:HOST:PORT",
    crate::model::text::visible(text, 80)
)]
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
        for text in [
            "serial:/dev/ttyUSB0",
            "serial:COM7",
            "ble:C4:4F:33:00:12:AF",
            "http:192.168.4.1",
            "http:192.168.4.1:8080",
            "http:[fe80::1]:8080",
            "udp:127.0.0.1:1337",
        ] {
            assert_eq!(text.parse::<LinkAddress>().map(|link| link.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("/dev/pts/4".parse(), Ok(LinkAddress::Serial("/dev/pts/4".into())));
        for text in ["http:192.0.2.7:80", "http:192.0.2.007", "HTTP:192.0.2.7:080", "http:192.0.2.7/"] {
            assert_eq!(text.parse(), Ok(LinkAddress::Http("192.0.2.7".into())), "{text}");
        }
        assert_eq!("http:GW.local:08080".parse(), Ok(LinkAddress::Http("gw.local:8080".into())));
        assert_eq!("http:[FE80::1]:80".parse(), Ok(LinkAddress::Http("[fe80::1]".into())));
        assert_eq!("udp:192.0.2.7:01337".parse(), Ok(LinkAddress::Udp("192.0.2.7:1337".into())));
        assert_eq!("BLE:c4:4f".parse(), Ok(LinkAddress::Ble("C4:4F".into())));
        for path in ["C:\\port", "COM7:", "/dev/serial/by-path/pci-0000:00:14.0"] {
            assert_eq!(path.parse(), Ok(LinkAddress::Serial(path.into())));
        }
        for wrong in ["tcp:192.0.2.7:23", "usb:/dev/ttyUSB0", "ssh://gateway", "https:192.0.2.7"] {
            assert_eq!(wrong.parse::<LinkAddress>().unwrap_err().reason, "there is no such kind of link", "{wrong}");
        }
    }

    #[test]
    fn one_gateway_has_one_identity_however_it_is_written() {
        let check = |written: &str, expected: &str| {
            assert_eq!(
                written.parse::<LinkAddress>().map(|link| link.to_string()),
                Ok(expected.to_owned()),
                "{written}"
            );
        };
        check("serial:com7", "serial:COM7");
        check(r"serial:\\.\Com12", "serial:COM12");
        check("serial:COM007", "serial:COM7");
        check("serial:/dev/com7", "serial:/dev/com7");
        check("serial:community", "serial:community");
        check("ble:c4-4f-33-00-12-af", "ble:C4:4F:33:00:12:AF");
        check("ble:c44f.3300.12af", "ble:C4:4F:33:00:12:AF");
        check("ble:5c39b1d2-0000-1000-8000-00805f9b34fb", "ble:5C39B1D2-0000-1000-8000-00805F9B34FB");
        check("http:Gateway.Local/", "http:gateway.local");
        check("udp:GW:1337", "udp:gw:1337");
    }

    #[test]
    fn texts_that_are_no_link_are_refused() {
        assert_eq!("ble:c4:4f:33:00:12:af".parse(), Ok(LinkAddress::Ble("C4:4F:33:00:12:AF".into())));
        assert_eq!("http://192.168.4.1/".parse(), Ok(LinkAddress::Http("192.168.4.1".into())));
    }

    #[test]
    fn what_is_no_link_says_how_links_are_written() {
        for text in ["serial:", "serial:/dev/\u{7}", "ble:", "http:", "http:a/b", "http:a:0", "udp:host", "udp:h:99999"]
        {
            let error = text.parse::<LinkAddress>().unwrap_err().to_string();
            assert!(error.contains("http:HOST[:PORT]"), "{error}");
        }
    }
}
