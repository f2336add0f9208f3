//! [`ServerAddress`]: where the server of a team's records is, and how far the way to it is protected.
//!
//! The address is a connection URI as PostgreSQL's own programs take it. It holds no password, and over a network it can't
//! be used without knowing whom one talks to.

use core::net::IpAddr;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

/// The usual port.
const PORT: u16 = 5432;

/// How a server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Over a network, or on this computer.
    Tcp {
        /// Name or address, an IPv6 address without its brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// Through a socket in this folder.
    Socket {
        /// The folder.
        folder: PathBuf,
        /// The port that names the socket.
        port: u16,
    },
}

/// What protects the way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Nothing: it stays on this computer.
    None,
    /// TLS with a certificate of a trusted authority, whatever name it bears.
    VerifyCa,
    /// TLS with a certificate of a trusted authority for this host.
    VerifyFull,
}

/// Whether the login is bound to the encryption: then nobody who sits in between with a certificate that is trusted here can pass
/// it on (RFC 5929, `tls-server-end-point`; SCRAM-SHA-256-PLUS).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChannelBinding {
    /// It isn't.
    Disable,
    /// Where the server can.
    #[default]
    Prefer,
    /// Always, or nobody logs in.
    Require,
}

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    /// Who logs in.
    pub user: String,
    /// How it is reached.
    pub place: Place,
    /// The database.
    pub database: String,
    /// What protects the way.
    pub protection: Protection,
    /// Whether the login is bound to the encryption.
    pub binding: ChannelBinding,
    /// The file of certificates that are trusted instead of the system's.
    pub root_file: Option<PathBuf>,
}

/// Why a text isn't an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It begins otherwise.
    #[error("it doesn't begin with postgres://")]
    Scheme,
    /// A password stands in it.
    #[error("it holds a password")]
    Password,
    /// It names nobody who logs in.
    #[error("it names no user")]
    NoUser,
    /// It names no host.
    #[error("it names no host")]
    NoHost,
    /// It names no database.
    #[error("it names no database")]
    NoDatabase,
    /// The port isn't a number from 1 to 65535.
    #[error("its port isn't a number from 1 to 65535")]
    Port,
    /// Something in it can't be read.
    #[error("a character in it is written wrongly")]
    Encoding,
    /// A setting behind the question mark isn't known.
    #[error("the setting {name} isn't known")]
    Setting {
        /// Its name.
        name: String,
    },
    /// A setting has a value that isn't one of its own.
    #[error("{name} is one of {values}")]
    Value {
        /// Its name.
        name: &'static str,
        /// Its values.
        values: &'static str,
    },
    /// The login is to be bound to an encryption that there isn't.
    #[error("channel_binding=require needs encryption")]
    BindingWithoutTls,
    /// `sslmode` asks for less than a server over a network has to prove.
    #[error("sslmode {mode} doesn't verify the server {host}")]
    Unverified {
        /// What was asked for.
        mode: String,
        /// The host.
        host: String,
    },
}

impl Explain for AddressError {
    fn explain(&self) -> Problem {
        match self {
            Self::Password => Problem::new(
                "sync.password_in_address",
                "The address of the server holds a password",
                "An address is stored, shown and logged; a password must not be",
                "Take it out of the address, and give the password by file or LINESMAN_RECORDS_PASSWORD",
            ),
            Self::Unverified { mode, host } => Problem::new(
                "sync.unverified",
                format!("With sslmode={} nothing proves who {} is", visible(mode, 20), visible(host, 80)),
                "Without that, anybody in between could log in as you and hand out other records",
                "Use sslmode=verify-full, with sslrootcert=FILE if the server's certificate is your own",
            ),
            Self::BindingWithoutTls => Problem::new(
                "sync.binding_without_tls",
                "The address asks for channel binding, and for no encryption",
                "With channel_binding=require the login needs TLS; to this computer itself nothing is encrypted unless asked for",
                "Add sslmode=verify-full to the address, or leave channel_binding out",
            ),
            other => Problem::new(
                "sync.address",
                format!("The address of the server can't be used: {other}"),
                "It's incomplete or mistyped",
                "Write it as postgres://USER@HOST/DATABASE",
            ),
        }
    }
}

impl fmt::Display for ServerAddress {
    /// Host, port and database: who logs in is nobody's business in a report.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Tcp { host, port } if host.contains(':') => write!(formatter, "[{host}]:{port}/{}", self.database),
            Place::Tcp { host, port } => write!(formatter, "{host}:{port}/{}", self.database),
            Place::Socket { folder, .. } => write!(formatter, "{}/{}", folder.display(), self.database),
        }
    }
}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let rest = ["postgres://", "postgresql://"].into_iter().find_map(|scheme| text.strip_prefix(scheme));
        let rest = rest.ok_or(AddressError::Scheme)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let mut parts = Parts { host: host.to_owned(), ..Parts::default() };
        if login.contains(':') {
            return Err(AddressError::Password);
        }
        query.split('&').filter(|pair| !pair.is_empty()).try_for_each(|pair| parts.set(pair))?;
        parts.address(decoded(login)?, decoded(database)?)
    }
}

/// What is read before it is put together.
#[derive(Default)]
struct Parts {
    host: String,
    folder: Option<PathBuf>,
    port: Option<String>,
    mode: Option<String>,
    binding: ChannelBinding,
    root_file: Option<PathBuf>,
}

impl Parts {
    fn set(&mut self, pair: &str) -> Result<(), AddressError> {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value)?;
        match name {
            "host" if value.starts_with('/') => self.folder = Some(value.into()),
            "host" => self.host = value,
            "port" => self.port = Some(value),
            "sslmode" => self.mode = Some(value),
            "channel_binding" => self.binding = binding(&value)?,
            "sslrootcert" => self.root_file = Some(value.into()).filter(|path: &PathBuf| !path.as_os_str().is_empty()),
            "password" => return Err(AddressError::Password),
            name => return Err(AddressError::Setting { name: visible(name, 40) }),
        }
        Ok(())
    }

    fn address(self, user: String, database: String) -> Result<ServerAddress, AddressError> {
        let (host, port) = host_and_port(&self.host)?;
        let port = self.port.as_deref().or(port);
        let port =
            port.map_or(Ok(PORT), |port| port.parse().ok().filter(|port| *port > 0).ok_or(AddressError::Port))?;
        let place = match self.folder {
            Some(folder) => Place::Socket { folder, port },
            None if host.is_empty() => return Err(AddressError::NoHost),
            None => Place::Tcp { host: decoded(host)?, port },
        };
        if user.is_empty() {
            return Err(AddressError::NoUser);
        }
        if database.is_empty() {
            return Err(AddressError::NoDatabase);
        }
        // Who names whom to trust wants to know whom they talk to.
        let mode = self.mode.as_deref().or(self.root_file.as_ref().map(|_| "verify-full"));
        let protection = protection(mode, &place)?;
        if protection == Protection::None && self.binding == ChannelBinding::Require {
            return Err(AddressError::BindingWithoutTls);
        }
        let Self { binding, root_file, .. } = self;
        Ok(ServerAddress { user, place, database, protection, binding, root_file })
    }
}

/// Host and port of `host:port`; an IPv6 address stands in brackets.
fn host_and_port(text: &str) -> Result<(&str, Option<&str>), AddressError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or(AddressError::NoHost)?;
        return match port.strip_prefix(':') {
            None if port.is_empty() => Ok((host, None)),
            Some(port) => Ok((host, Some(port))),
            None => Err(AddressError::Port),
        };
    }
    Ok(text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))))
}

/// Over a network the server proves who it is, whatever is asked for.
fn protection(mode: Option<&str>, place: &Place) -> Result<Protection, AddressError> {
    let host = match place {
        Place::Tcp { host, .. } if !is_this_computer(host) => Some(host),
        _ => None,
    };
    match (mode, host) {
        (Some("verify-full"), _) | (None, Some(_)) => Ok(Protection::VerifyFull),
        (Some("verify-ca"), _) => Ok(Protection::VerifyCa),
        (None | Some("disable" | "allow" | "prefer"), None) => Ok(Protection::None),
        (Some(mode), host) => Err(AddressError::Unverified {
            mode: mode.to_owned(),
            host: host.map_or_else(|| "the server".to_owned(), Clone::clone),
        }),
    }
}

fn binding(value: &str) -> Result<ChannelBinding, AddressError> {
    match value {
        "disable" => Ok(ChannelBinding::Disable),
        "prefer" => Ok(ChannelBinding::Prefer),
        "require" => Ok(ChannelBinding::Require),
        _ => Err(AddressError::Value { name: "channel_binding", values: "disable, prefer and require" }),
    }
}

fn is_this_computer(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Text without percent signs.
fn decoded(text: &str) -> Result<String, AddressError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        if *first == b'%' {
            let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
            let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).ok_or(AddressError::Encoding)?;
            bytes.push(byte);
            rest = &behind[2..];
        } else {
            bytes.push(*first);
            rest = behind;
        }
    }
    match String::from_utf8(bytes) {
        // The protocol ends texts with it.
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err(AddressError::Encoding),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> Result<ServerAddress, AddressError> {
        text.parse()
    }

    #[test]
    fn an_address_over_a_network_verifies_the_server_unless_it_is_this_computer() {
        let read = address("postgres://kim%40site@db.example/linesman").unwrap();
        assert_eq!((read.user.as_str(), read.database.as_str()), ("kim@site", "linesman"));
        assert_eq!(read.place, Place::Tcp { host: "db.example".into(), port: 5432 });
        assert_eq!((read.protection, read.root_file.as_ref()), (Protection::VerifyFull, None));
        for (text, protection) in [
            ("postgres://kim@localhost/x", Protection::None),
            ("postgres://kim@127.0.0.1:5433/x", Protection::None),
            ("postgres://kim@127.0.0.1.example/x", Protection::VerifyFull),
            ("postgres://kim@127.example/x", Protection::VerifyFull),
            ("postgresql://kim@[::1]:5433/x?sslmode=prefer", Protection::None),
            ("postgres://kim@localhost/x?sslmode=verify-full", Protection::VerifyFull),
            ("postgres://kim@10.0.0.5/x?sslmode=verify-ca", Protection::VerifyCa),
            ("postgres://kim@/x?host=/run/postgresql", Protection::None),
            ("postgres://kim@localhost/x?sslrootcert=own.pem", Protection::VerifyFull),
        ] {
            assert_eq!(address(text).unwrap().protection, protection, "{text}");
        }
        let read = address("postgres://kim@db.example/x?sslrootcert=/etc/ssl/own%20ca.pem&port=6432").unwrap();
        assert_eq!(read.root_file, Some("/etc/ssl/own ca.pem".into()));
        assert_eq!(read.to_string(), "db.example:6432/x");
        assert_eq!(address("postgres://kim@[2001:db8::5]/x").unwrap().to_string(), "[2001:db8::5]:5432/x");
    }

    #[test]
    fn an_address_without_proof_of_the_server_is_refused_over_a_network() {
        for mode in ["disable", "allow", "prefer", "require", "verify"] {
            let refused = address(&format!("postgres://kim@db.example/x?sslmode={mode}"));
            assert!(matches!(refused, Err(AddressError::Unverified { .. })), "{mode}: {refused:?}");
        }
        let refused = address("postgres://kim@localhost/x?sslmode=require");
        assert!(matches!(refused, Err(AddressError::Unverified { .. })), "encryption to nobody in particular");
    }

    #[test]
    fn a_login_is_bound_to_an_encryption_that_is_there() {
        let of = |query: &str| address(&format!("postgres://kim@db.example/x{query}")).map(|read| read.binding);
        assert_eq!(of(""), Ok(ChannelBinding::Prefer));
        assert_eq!(of("?channel_binding=require"), Ok(ChannelBinding::Require));
        assert_eq!(of("?channel_binding=disable&sslmode=verify-ca"), Ok(ChannelBinding::Disable));
        assert!(matches!(of("?channel_binding=yes"), Err(AddressError::Value { name: "channel_binding", .. })));
        for plain in ["kim@localhost/x?channel_binding=require", "kim@/x?host=/run&channel_binding=require"] {
            assert_eq!(address(&format!("postgres://{plain}")), Err(AddressError::BindingWithoutTls), "{plain}");
        }
        assert!(address("postgres://kim@localhost/x?channel_binding=require&sslmode=verify-full").is_ok());
    }

    #[test]
    fn what_is_wrong_with_an_address_is_said_and_a_password_never_repeated() {
        for (text, error) in [
            ("mysql://kim@h/x", AddressError::Scheme),
            ("postgres://kim:hunter2@h/x", AddressError::Password),
            ("postgres://kim@h/x?password=hunter2", AddressError::Password),
            ("postgres://h/x", AddressError::NoUser),
            ("postgres://kim@/x", AddressError::NoHost),
            ("postgres://kim@h", AddressError::NoDatabase),
            ("postgres://kim@h:0/x", AddressError::Port),
            ("postgres://kim@h:x/x", AddressError::Port),
            ("postgres://kim@h/%zz", AddressError::Encoding),
            ("postgres://kim@h/%00", AddressError::Encoding),
            ("postgres://kim@h/x?options=-c", AddressError::Setting { name: "options".into() }),
        ] {
            let refused = address(text);
            assert_eq!(refused, Err(error), "{text}");
            let problem = refused.unwrap_err().explain();
            assert!(!format!("{problem:?}").contains("hunter2"), "{problem:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}") {
            let _ = address(&text);
            let _ = address(&format!("postgres://{text}"));
        }
    }
}
