//! [`BrokerUrl`]: where a broker is and what carries MQTT to it: `mqtts://broker.example:8883`.

use std::fmt;
use std::str::FromStr;

use crate::model::problem::{Explain, Problem};
use crate::model::text::{visible, without_login};
use crate::model::word::{Word, words};

words! {
    /// What carries MQTT, as the scheme of an address.
    Scheme {
        /// TCP, in clear text.
        Mqtt = "mqtt",
        /// TLS over TCP.
        Mqtts = "mqtts",
        /// WebSocket, in clear text.
        Ws = "ws",
        /// WebSocket over TLS.
        Wss = "wss",
    }
}

impl Scheme {
    /// The usual port.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Mqtt => 1883,
            Self::Mqtts => 8883,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }

    /// Whether it is encrypted.
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Mqtts | Self::Wss)
    }

    /// Whether MQTT runs inside a WebSocket.
    pub const fn is_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }
}

/// The address of a broker. Holds no login: that belongs to the plan of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BrokerUrl {
    /// What carries MQTT.
    pub scheme: Scheme,
    /// Name or address, an IPv6 address without its brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path and query of the WebSocket, from its slash on, kept as it was given; `/mqtt` where none is, empty without a WebSocket.
    pub path: String,
}

impl BrokerUrl {
    /// The address as it was given, with what may be secret in it; only to connect with it, and never to show or store it.
    pub fn whole(&self) -> String {
        format!("{}://{}{}", self.scheme, self.authority(), self.path)
    }

    /// What may be secret in it: the values of its query, such as a signature or a token.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(_, value)| value)
            .filter(|value| is_secret(value))
    }

    /// Whether a value was left out of it, so that it can't be connected with.
    pub fn lacks_value(&self) -> bool {
        self.path.contains(LEFT_OUT)
    }

    /// Host and port as they stand in an address.
    pub fn authority(&self) -> String {
        let host = &self.host;
        if host.contains(':') { format!("[{host}]:{}", self.port) } else { format!("{host}:{}", self.port) }
    }
}

/// The address without what may be secret in its query.
impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, query) =
            self.path.split_once('?').map_or((self.path.as_str(), None), |(path, query)| (path, Some(query)));
        write!(f, "{}://{}{path}", self.scheme, self.authority())?;
        let Some(query) = query else { return Ok(()) };
        let shown = query.split('&').map(|pair| match pair.split_once('=') {
            Some((name, value)) if is_secret(value) => format!("{name}{LEFT_OUT}"),
            _ => pair.to_owned(),
        });
        write!(f, "?{}", shown.collect::<Vec<_>>().join("&"))
    }
}

/// What stands for a value of the query that isn't shown.
const LEFT_OUT: &str = "=\u{2026}";
/// A longer value may be secret; `true` and `false` are not.
const PLAIN_VALUE: usize = 5;

const fn is_secret(value: &str) -> bool {
    value.len() > PLAIN_VALUE
}

/// Why a text is no address of a broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It begins with something else than the four schemes.
    #[error("unknown scheme in {text}")]
    UnknownScheme {
        /// What was given.
        text: String,
    },
    /// There is no host.
    #[error("no host in {text}")]
    NoHost {
        /// What was given.
        text: String,
    },
    /// The port is no number from 1 to 65535.
    #[error("no port in {text}")]
    BadPort {
        /// What was given.
        text: String,
    },
    /// There is a path, a query or a fragment, of which nothing would be used.
    #[error("{rest} in {text} can't be used")]
    Unused {
        /// What was given.
        text: String,
        /// What of it would not be used.
        rest: String,
    },
    /// User and password stand in the address, where everyone reads them.
    #[error("the address contains a login")]
    HoldsLogin,
    /// A value of its query was left out where the address was stored.
    #[error("{text} lacks a value")]
    LacksValue {
        /// The address.
        text: String,
    },
}

impl Explain for UrlError {
    fn explain(&self) -> Problem {
        let example = "Write it like mqtts://broker.example:8883, wss://broker.example/mqtt or mqtt://192.168.1.10";
        match self {
            Self::UnknownScheme { text } => Problem::new(
                "mqtt.address",
                format!("“{text}” isn't a broker address"),
                "An address begins with mqtt, mqtts, ws or wss",
                example,
            ),
            Self::NoHost { text } => {
                Problem::new("mqtt.address", format!("“{text}” names no broker"), "The host is missing", example)
            }
            Self::BadPort { text } => Problem::new(
                "mqtt.address",
                format!("“{text}” has no valid port"),
                "A port is a number from 1 to 65535",
                example,
            ),
            Self::Unused { text, rest } => Problem::new(
                "mqtt.address",
                format!("“{rest}” can't be used in “{text}”"),
                "Only ws:// and wss:// have a path and a query, and no broker address has a part from # on",
                "Leave it out, or write ws:// or wss:// for a WebSocket",
            ),
            Self::LacksValue { text } => Problem::new(
                "mqtt.address_lacks_value",
                format!("“{text}” lacks a value"),
                "Values of a query may be secret and aren't stored with the address",
                "Type the value in the place of \u{2026}",
            ),
            Self::HoldsLogin => Problem::new(
                "mqtt.address_with_login",
                "The address holds a login",
                "An address ends up in lists, logs and titles, and the password with it",
                "Take user and password out of the address and give them in their own fields or in a file",
            ),
        }
    }
}

impl FromStr for BrokerUrl {
    type Err = UrlError;

    /// Without a scheme it is `mqtt`, or `mqtts` on port 8883.
    fn from_str(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        let shown = || visible(&without_login(text), 200);
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => {
                let scheme = named(&scheme.to_ascii_lowercase());
                (Some(scheme.ok_or_else(|| UrlError::UnknownScheme { text: shown() })?), rest)
            }
            None => (None, text),
        };
        let (authority, path) = rest.find(['/', '?', '#']).map_or((rest, ""), |end| rest.split_at(end));
        let is_login = |part: &str| part.split('/').next().is_some_and(|part| part.contains('@'));
        if is_login(rest) {
            return Err(UrlError::HoldsLogin);
        }
        // A password with a slash: what comes before that is no port then.
        let no_port = || if rest.contains('@') { UrlError::HoldsLogin } else { UrlError::BadPort { text: shown() } };
        let (host, port) = split_port(authority).ok_or_else(no_port)?;
        let is_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if host.is_empty() || !host.chars().all(is_host) {
            return Err(UrlError::NoHost { text: shown() });
        }
        let scheme = scheme.unwrap_or(if port == Some(8883) { Scheme::Mqtts } else { Scheme::Mqtt });
        let unused = |rest: &str| UrlError::Unused { text: shown(), rest: visible(rest, 100) };
        if let Some(fragment) = path.find('#') {
            return Err(unused(&path[fragment..]));
        }
        let path = match (scheme.is_websocket(), path) {
            (false, "" | "/") => String::new(),
            (false, path) => return Err(unused(path)),
            (true, "") => "/mqtt".to_owned(),
            (true, path) if path.starts_with('?') => format!("/{path}"),
            (true, path) => path.to_owned(),
        };
        Ok(Self { scheme, host: host.into(), port: port.unwrap_or(scheme.default_port()), path })
    }
}

/// The scheme of that name; other tools call two of them after what carries them.
fn named(scheme: &str) -> Option<Scheme> {
    match scheme {
        "tcp" => Some(Scheme::Mqtt),
        "ssl" | "tls" => Some(Scheme::Mqtts),
        scheme => Scheme::from_word(scheme),
    }
}

/// Host and port of `host`, `host:port`, `[v6]`, `[v6]:port` or a bare `v6`. `None` when the port is none.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let parse = |port: &str| port.parse().ok().filter(|port| *port != 0);
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(parse(port)?))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    match authority.split_once(':') {
        // More than one colon: an IPv6 address without brackets.
        Some((_, port)) if port.contains(':') => Some((authority, None)),
        Some((host, port)) => Some((host, Some(parse(port)?))),
        None => Some((authority, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let url: BrokerUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), expected);
        assert_eq!(url.whole(), expected);
        assert_eq!(url.to_string().parse::<BrokerUrl>().unwrap(), url);
    }

    #[test]
    fn addresses_are_completed() {
        check("broker.example", "mqtt://broker.example:1883");
        check("broker.example:8883", "mqtts://broker.example:8883");
        check("MQTTS://broker.example", "mqtts://broker.example:8883");
        check("ws://broker.example", "ws://broker.example:80/mqtt");
        check("wss://hub.example:444/$iothub/websocket?a=b", "wss://hub.example:444/$iothub/websocket?a=b");
        check("mqtt://[::1]:1884", "mqtt://[::1]:1884");
        check("tcp://broker.example", "mqtt://broker.example:1883");
        check("SSL://broker.example", "mqtts://broker.example:8883");
        check("tls://broker.example:443", "mqtts://broker.example:443");
        check("::1", "mqtt://[::1]:1883");
        check(" 192.168.1.10 ", "mqtt://192.168.1.10:1883");
    }

    #[test]
    fn what_may_be_secret_in_the_query_is_never_shown() {
        let url: BrokerUrl = "wss://h/mqtt?X-Amz-Security-Token=s3cr3tQ2&a=true&flag&sig=".parse().unwrap();
        let shown = "wss://h:443/mqtt?X-Amz-Security-Token=\u{2026}&a=true&flag&sig=";
        assert_eq!(url.to_string(), shown);
        assert!(url.whole().contains("s3cr3tQ2") && !url.lacks_value());
        assert_eq!(url.secrets().collect::<Vec<_>>(), ["s3cr3tQ2"]);
        let saved: BrokerUrl = shown.parse().unwrap();
        assert_eq!(saved.to_string(), shown, "what is saved is known again");
        assert!(saved.lacks_value());
    }

    #[test]
    fn a_path_that_is_given_is_kept() {
        check("ws://broker.example/", "ws://broker.example:80/");
        check("wss://broker.example:9001/", "wss://broker.example:9001/");
        check("ws://broker.example/mqtt/", "ws://broker.example:80/mqtt/");
        check("ws://[::1]/", "ws://[::1]:80/");
        check("ws://broker.example?a=b", "ws://broker.example:80/?a=b");
        check("mqtt://broker.example/", "mqtt://broker.example:1883");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let parse = |text: &str| text.parse::<BrokerUrl>().unwrap_err();
        assert!(matches!(parse("http://broker.example"), UrlError::UnknownScheme { .. }));
        assert!(matches!(parse("mqtt://"), UrlError::NoHost { .. }));
        assert!(matches!(parse("mqtt://bro ker"), UrlError::NoHost { .. }));
        assert!(matches!(parse("mqtt://broker:0"), UrlError::BadPort { .. }));
        assert!(matches!(parse("mqtt://broker:65536"), UrlError::BadPort { .. }));
        assert!(matches!(parse("mqtt://me:secret@broker"), UrlError::HoldsLogin));
        for text in
            ["mqtt://broker/path", "mqtts://broker:8883/?x=1", "broker?x=1", "mqtt://broker#f", "ws://broker/p#f"]
        {
            assert!(matches!(parse(text), UrlError::Unused { .. }), "{text}");
        }
        assert!(matches!(parse("mqtt://me:sec#ret@broker"), UrlError::HoldsLogin));
    }
}
