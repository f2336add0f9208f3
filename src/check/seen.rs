//! What was observed: raw, append-only, serialisable. No judgement stands here.
//!
//! Text from servers is made safe and cut where it enters. Times are micro- and milliseconds as the names say; times of day
//! are in microseconds since 1970 UTC by the computer's clock, right or wrong.

#![expect(missing_docs, reason = "the sentence above a variant says what its fields carry")]

use core::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::question::{Carrier, Purpose, Shape};
use crate::model::endpoint::{ProbeKind, RowId};
use crate::model::word::words;

/// One observation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// Its number in the run, from 0. Verdicts name their facts by it.
    pub number: u32,
    /// The row it was made for; `None` for what concerns all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<RowId>,
    /// The host it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// When it was begun.
    pub at_unix_micros: i64,
    /// How long it took.
    pub took_micros: u64,
    /// What was seen.
    pub seen: Seen,
}

/// What can be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "probe", rename_all = "kebab-case")]
pub enum Seen {
    /// The operating system that looks: `linux`, `macos`, `windows`.
    System { name: String },
    /// An interface of this computer.
    Interface(Interface),
    /// A name server of this computer's settings.
    NameServer(NameServer),
    /// A proxy of the system, the environment or a script.
    Proxy(Proxy),
    /// How the interface got its address.
    Lease(Lease),
    /// The way to an address.
    Route(Route),
    /// A network in the air.
    Wifi(Wifi),
    /// An answer to a look-up, or none.
    Lookup(Lookup),
    /// A connection attempt.
    Connect(Connect),
    /// A TLS handshake.
    Tls(Tls),
    /// What the system's trust store says.
    SystemTrust(SystemTrust),
    /// An HTTP exchange.
    Http(Http),
    /// A WebSocket upgrade.
    WebSocket(Http),
    /// An MQTT CONNECT.
    Mqtt(Mqtt),
    /// A connection left idle.
    Idle(Idle),
    /// A time request.
    Time(Time),
    /// Echo requests.
    Ping(Ping),
    /// The boxes on the way.
    Trace(Trace),
    /// Revocation data.
    Fetch(Fetch),
    /// The clock of the gateway, where it could be read: microseconds since 1970 UTC when this was observed.
    GatewayClock { unix_micros: i64 },
    /// A probe could not be run. Never a failure of the row. No kind where it is none of a row: radio, surroundings, trace.
    NotRun { what: Option<ProbeKind>, why: NotRun, detail: String },
}

words! {
    /// Why a probe was not run.
    NotRun {
        /// The system forbids it to this account.
        NoPermission = "no-permission",
        /// The operating system does not offer it.
        NotOffered = "not-offered",
        /// The operating system says nothing of what the row is about.
        NotTold = "not-told",
        /// The program needed for it is not on the gateway.
        NoProgram = "no-program",
        /// It asks third parties, and nobody agreed to that.
        NoConsent = "no-consent",
        /// There is nothing to run it on, such as no chain with revocation addresses.
        NothingToAsk = "nothing-to-ask",
        /// The run was stopped.
        Stopped = "stopped",
        /// The time of the row in total was over.
        TimeUp = "time-up",
    }
}

/// An interface of this computer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its addresses with prefix length, `192.168.1.20/24`.
    pub addresses: Vec<String>,
    /// Default routers it knows.
    pub routers: Vec<IpAddr>,
    /// Whether it is up.
    pub is_up: bool,
    /// Whether it is a tunnel of a VPN.
    pub is_tunnel: bool,
    /// Whether it is a radio.
    pub is_wifi: bool,
    /// Whether the default route leads through it.
    pub is_default: bool,
}

/// A name server entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameServer {
    /// The entry as written.
    pub entry: String,
    /// Its address; `None` where the entry cannot be used.
    pub address: Option<SocketAddr>,
    /// Where it is written: a path or a service's name.
    pub from: String,
    /// Whether it is a stub on this computer that asks others.
    pub is_stub: bool,
    /// Why it is not asked; empty where it is.
    pub ignored: String,
}

/// A proxy setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proxy {
    /// Who uses it: the system, or a variable of the environment.
    pub source: String,
    /// `http`, `https`, `socks` or `script`.
    pub scheme: String,
    /// The address without login; for a script its URL.
    pub address: String,
    /// What is reached without it.
    pub except: Vec<String>,
}

/// How the interface got its address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The interface.
    pub interface: String,
    /// Whether it came by DHCP; `None` where the system does not tell.
    pub by_dhcp: Option<bool>,
    /// Address with prefix length.
    pub address: Option<String>,
    /// The server that gave it.
    pub server: Option<IpAddr>,
    /// Routers handed out.
    pub routers: Vec<IpAddr>,
    /// Name servers handed out.
    pub name_servers: Vec<IpAddr>,
    /// How long it holds.
    pub seconds: Option<u64>,
    /// Captive-portal address of option 114.
    pub portal: Option<String>,
    /// Who told: `NetworkManager`, `systemd-networkd`; empty where nobody did.
    pub told_by: String,
}

/// The way to an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The address asked about.
    pub to: IpAddr,
    /// The interface that leads there.
    pub interface: Option<String>,
    /// The source address.
    pub source: Option<IpAddr>,
    /// Whether it is a tunnel of a VPN.
    pub is_tunnel: bool,
}

/// A network in the air.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wifi {
    /// Its name as text.
    pub ssid: String,
    /// `2.4GHz`, `5GHz` or `6GHz`.
    pub band: String,
    /// Its protection in the words of profiles.
    pub security: String,
    /// The ciphers it offers, `tkip` or `ccmp`; empty where the system does not tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ciphers: Vec<String>,
}

/// A look-up and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lookup {
    /// The name.
    pub name: String,
    /// Why it was looked up.
    pub purpose: Purpose,
    /// The server, or `None` for the operating system.
    pub server: Option<SocketAddr>,
    /// What carried it, where a server was asked.
    pub by: Option<Carrier>,
    /// Queries sent, and how many of them had no answer.
    pub sent: u32,
    /// How many of them had no answer.
    pub lost: u32,
    /// What came back.
    pub answer: Answer,
}

/// What a look-up brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// A message.
    Message {
        /// Its code: 0 no error, 2 server failure, 3 no such name, 5 refused. `None` where the system hides it.
        rcode: Option<u16>,
        /// Addresses.
        addresses: Vec<IpAddr>,
        /// Names on the way, first to last.
        aliases: Vec<String>,
        /// The shortest time to live.
        ttl_secs: Option<u32>,
        /// Extended errors: code and text.
        extended: Vec<(u16, String)>,
    },
    /// The override file names the address; nobody was asked.
    Overridden { addresses: Vec<IpAddr> },
    /// Nothing came in time.
    TimedOut,
    /// The server, or a box on the way, refused.
    Refused { icmp: Option<Icmp> },
    /// The answer does not fit into a datagram, and TCP brought no whole one.
    Truncated,
    /// It could not be sent, or made no sense.
    Failed {
        /// What the system or the reader of answers says.
        detail: String,
        /// The error of the socket, where that was it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<SocketError>,
    },
}

/// An ICMP error and who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Icmp {
    /// Its type.
    pub kind: u8,
    /// Its code.
    pub code: u8,
    /// Who sent it.
    pub from: IpAddr,
}

/// A connection attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connect {
    /// Where to.
    pub to: SocketAddr,
    /// From where, where that is known.
    pub from: Option<SocketAddr>,
    /// How it was shaped.
    pub shape: Shape,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// What came of it.
    pub end: ConnectEnd,
}

/// How a connection attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum ConnectEnd {
    /// It stands.
    Connected,
    /// An error of the system.
    Failed {
        /// Which.
        error: SocketError,
        /// Its number.
        number: Option<i32>,
        /// The ICMP error behind it, where the system tells.
        icmp: Option<Icmp>,
    },
    /// Nothing came in time.
    TimedOut,
}

words! {
    /// An error of a socket, one word for all systems.
    SocketError {
        /// Refused, by a reset or a port-unreachable.
        Refused = "refused",
        /// Reset after it stood.
        Reset = "reset",
        /// The network is unreachable.
        NetworkUnreachable = "network-unreachable",
        /// The host is unreachable.
        HostUnreachable = "host-unreachable",
        /// The protocol is not offered.
        NoProtocol = "no-protocol",
        /// The system forbids it.
        NotPermitted = "not-permitted",
        /// There is no such address on this computer.
        NoSuchAddress = "no-such-address",
        /// Something else.
        Other = "other",
    }
}

/// Where a conversation broke off without an answer in its protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "broke", rename_all = "kebab-case")]
pub enum Broke {
    /// Nothing came in time.
    Silent,
    /// Something came, and its end did not come in time.
    Unfinished { bytes: u64 },
    /// The connection was reset.
    Reset,
    /// The far end closed it.
    Closed,
    /// Something else came: its first bytes, made safe to show.
    Other { begins: String },
    /// More came than may.
    TooLong { bytes: u64 },
}

/// A TLS handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tls {
    /// With whom.
    pub to: SocketAddr,
    /// The name in the hello.
    pub name: String,
    /// How the hello was shaped.
    pub shape: Shape,
    /// What came of it.
    pub end: TlsEnd,
    /// The chain as it was sent, leaf first; empty where none came.
    pub chain: Vec<Certificate>,
    /// What the chain amounts to; `None` where none came.
    pub trust: Option<Trust>,
}

/// How a handshake ended. The chain is judged apart: a wrong certificate is no broken handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum TlsEnd {
    /// It was completed.
    Done {
        /// `TLSv1.2` or `TLSv1.3`.
        version: String,
        /// The suite.
        cipher: String,
        /// The protocol chosen.
        alpn: Option<String>,
        /// Whether the server asked for a client certificate.
        asked_certificate: bool,
    },
    /// The server ended it by an alert.
    Alert {
        /// Its name.
        alert: String,
        /// Whether the server asked for a client certificate.
        asked_certificate: bool,
    },
    /// It broke off.
    Broken(Broke),
    /// What came cannot be read as TLS.
    Failed { detail: String },
}

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// SHA-256 of it, lower-case hex.
    pub sha256: String,
    /// SHA-256 of its public key, lower-case hex.
    pub key_sha256: String,
    /// Subject.
    pub subject: String,
    /// Issuer.
    pub issuer: String,
    /// Names it holds for, at most 100.
    pub names: Vec<String>,
    /// Begin, in seconds since 1970 UTC.
    pub not_before: i64,
    /// End, in seconds since 1970 UTC.
    pub not_after: i64,
    /// Addresses of revocation data and issuers.
    pub urls: Vec<String>,
}

/// What a chain amounts to, dates left aside: the verdict holds those against each clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// Whether the name fits.
    pub name_matches: bool,
    /// Whether it leads to a root the profile expects, or the override file adds; `None` where none is named.
    pub expected: Option<bool>,
    /// Whether it leads to a root of the Mozilla set.
    pub mozilla: bool,
    /// Whether the root comes from the override file.
    pub from_override: bool,
    /// The common name of the root it leads to.
    pub root: Option<String>,
    /// From when all of it holds, in seconds since 1970 UTC.
    pub not_before: i64,
    /// Until when all of it holds.
    pub not_after: i64,
    /// What else is wrong with it, such as a wrong purpose; empty where nothing is.
    pub fault: String,
}

/// What the system's trust store says of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemTrust {
    /// `None` where it could not judge in time.
    pub trusts: Option<bool>,
    /// What it says.
    pub detail: String,
}

/// An HTTP exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Http {
    /// With whom.
    pub to: SocketAddr,
    /// Where: scheme, host and path.
    pub url: String,
    /// How the connection below was shaped: only the plain one says how the row stands.
    #[serde(default, skip_serializing_if = "Shape::is_plain")]
    pub shape: Shape,
    /// What came back.
    pub end: HttpEnd,
}

/// How an HTTP exchange ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum HttpEnd {
    /// An answer.
    Status {
        /// Its status.
        status: u16,
        /// What the server calls itself.
        server: Option<String>,
        /// Where it sends on.
        location: Option<String>,
        /// Its date, in seconds since 1970 UTC.
        date: Option<i64>,
        /// The first characters of the page.
        begins: String,
        /// For an upgrade: whether the key was answered rightly and the protocol taken.
        is_upgraded: bool,
    },
    /// It broke off.
    Broken(Broke),
}

/// An MQTT CONNECT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mqtt {
    /// With whom.
    pub to: SocketAddr,
    /// What it ran inside: `tcp`, `tls` or `websocket`.
    pub inside: String,
    /// How the connection below was shaped: only the plain one says how the row stands.
    #[serde(default, skip_serializing_if = "Shape::is_plain")]
    pub shape: Shape,
    /// What came back.
    pub end: MqttEnd,
}

/// How an MQTT CONNECT ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum MqttEnd {
    /// CONNACK with that code.
    Connack { code: u8 },
    /// A TLS alert, as where a client certificate is wanted.
    Alert { alert: String },
    /// It broke off.
    Broken(Broke),
}

/// A connection left idle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idle {
    /// With whom.
    pub to: SocketAddr,
    /// How long it was to stand.
    pub secs: u64,
    /// How it was cut, and after how long; `None` where it still stood and answered.
    pub cut: Option<(Broke, u64)>,
}

/// A time request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Time {
    /// Who was asked.
    pub server: SocketAddr,
    /// What came back.
    pub end: TimeEnd,
}

/// How a time request ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum TimeEnd {
    /// An answer with our nonce.
    Reply {
        /// Who answered: may differ from who was asked.
        from: SocketAddr,
        /// Leap indicator; 3 means not synchronised.
        leap: u8,
        /// Version.
        version: u8,
        /// Mode; 4 is a server.
        mode: u8,
        /// Stratum; 0 is a kiss.
        stratum: u8,
        /// Reference id, or the kiss code.
        reference: String,
        /// How far this computer's clock is behind the server's, in microseconds.
        offset_micros: i64,
        /// Round trip.
        delay_micros: i64,
    },
    /// A program that keeps the time says how far the clock is off by that server; the answer itself was not seen.
    Told {
        /// The program.
        program: String,
        /// How far this computer's clock is behind the server's, in microseconds.
        offset_micros: i64,
        /// The server's stratum, where the program says it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stratum: Option<u8>,
    },
    /// An answer that is none: too short, or without our nonce.
    Odd { from: SocketAddr, why: String },
    /// A box refused.
    Refused { error: SocketError, icmp: Option<Icmp> },
    /// Nothing came in time.
    Silent,
}

impl TimeEnd {
    /// How far this computer's clock is behind the server's, where the server answered.
    pub const fn offset_micros(&self) -> Option<i64> {
        match self {
            Self::Reply { offset_micros, .. } | Self::Told { offset_micros, .. } => Some(*offset_micros),
            Self::Odd { .. } | Self::Refused { .. } | Self::Silent => None,
        }
    }
}

/// Echo requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// Who was asked.
    pub to: IpAddr,
    /// Requests sent.
    pub sent: u32,
    /// Round trips of the replies, in microseconds.
    pub replies_micros: Vec<u64>,
}

/// The boxes on the way to a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The far end.
    pub to: SocketAddr,
    /// What carried it.
    pub by: Carrier,
    /// For each hop, from 1: who answered.
    pub hops: Vec<Hop>,
}

/// One hop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// How far.
    pub ttl: u8,
    /// The error that came back; `None` for silence.
    pub icmp: Option<Icmp>,
    /// Whether the far end answered itself.
    pub is_reached: bool,
}

/// Revocation data fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetch {
    /// From where.
    pub url: String,
    /// What came back.
    pub end: HttpEnd,
    /// `crl`, `certificate`, `ocsp` where the content is well formed; empty where not.
    pub content: String,
    /// Its size.
    pub bytes: u64,
}
