//! What can be asked of the network: the closed vocabulary of the port `flow::port::Probes`.
//!
//! Each question is answered by one or more [`super::seen::Seen`], as they come. Whoever answers keeps to the limit of the
//! question in total, sends nothing beyond it, and carries no credential.

#![expect(missing_docs, reason = "the sentence above a variant says what its fields carry")]

use core::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::model::word::words;

/// From where packets leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum From {
    /// As the system routes.
    #[default]
    Anywhere,
    /// By that network interface.
    Interface(String),
    /// With that source address.
    Address(IpAddr),
}

/// One thing to find out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Interfaces, addresses, routes, name servers, proxies, tunnels, the lease, captive-portal hints. Sends nothing.
    Surroundings,
    /// Which interface and source address lead to that address. Sends nothing.
    Route { to: IpAddr },
    /// The networks in the air, for a row about the radio.
    Wifi { ssid: Option<String> },
    /// A name's addresses.
    Lookup(Lookup),
    /// A connection, and what is said on it. An attempt that is refused is repeated once.
    Talk(Talk),
    /// The time of a server: one request.
    Time { server: SocketAddr, limit: Duration },
    /// Three echo requests.
    Ping { to: IpAddr, limit: Duration },
    /// Which boxes lie on the way to that port, by connection attempts whose packets live for 1, 2, … hops.
    Trace { to: SocketAddr, transport: Carrier, limit: Duration },
    /// Revocation data or an issuer's certificate named in a chain: fetched by plain HTTP, size capped.
    Fetch { url: String, to: SocketAddr, limit: Duration },
    /// What the operating system's own trust store says of a chain that was seen before, named by the SHA-256 of its leaf.
    /// Beside the row, never deciding it.
    SystemTrust { host: String, leaf_sha256: String, limit: Duration },
}

words! {
    /// What carries a packet.
    Carrier {
        /// UDP.
        Udp = "udp",
        /// TCP.
        Tcp = "tcp",
    }
}

/// Who is asked for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The operating system, with its hosts file, caches and split DNS.
    System,
    /// One server, directly.
    Server { address: SocketAddr, by: Carrier },
}

words! {
    /// Why a name is looked up.
    Purpose {
        /// A row needs it.
        Row = "row",
        /// A made-up label beside it: an answer means that answers are rewritten.
        Control = "control",
        /// `ipv4only.arpa`: IPv6 addresses in the answer mean NAT64.
        Nat64 = "nat64",
    }
}

/// A name to look up: A and AAAA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The name.
    pub name: String,
    /// Who is asked.
    pub asked: Asked,
    /// Why.
    pub purpose: Purpose,
    /// How long it may take in total, repetition included.
    pub limit: Duration,
}

/// A connection and what is said on it, one step after the other until one fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Talk {
    /// Where to.
    pub to: SocketAddr,
    /// The name in TLS and HTTP. Differs from the row's only for a neutral name.
    pub host: String,
    /// What is said once connected.
    pub steps: Vec<Say>,
    /// How the connection and its first packet are shaped.
    pub shape: Shape,
    /// How long connecting may take, and each step after it but [`Say::Idle`].
    pub limit: Duration,
}

/// One step of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Say {
    /// TLS handshake, then one read: a server that wants a client certificate says so only then.
    Tls {
        /// Protocols offered.
        alpn: Vec<String>,
        /// Roots the profile expects, by SHA-256 of their certificate in lower-case hex. Only for the record of which one the chain ends in.
        expected: Vec<String>,
    },
    /// HEAD, then GET of at most 4 KiB.
    Http { path: String },
    /// Upgrade to a WebSocket with that sub-protocol.
    WebSocket { path: String, protocol: String },
    /// MQTT 3.1.1 CONNECT with a fresh client id, clean session, no credentials.
    Mqtt { client_id: String },
    /// Nothing for that long; then whether the connection still stands.
    Idle { time: Duration },
}

words! {
    /// How a connection and its TLS hello are shaped, to learn what a box on the way minds.
    Shape {
        /// As usual.
        Plain = "plain",
        /// Small segments. Success where the usual fails means that large packets are lost; failure means nothing, since it
        /// splits the hello as well.
        SmallSegments = "small-segments",
        /// The hello in two segments.
        SplitHello = "split-hello",
        /// A hello of some 1,500 bytes, as newer devices send. Its loss where the usual one works proves that large hellos are
        /// lost; it proves nothing where the usual one is lost too.
        PaddedHello = "padded-hello",
        /// Another name in the hello. Success where the row's name fails means a filter by name.
        NeutralName = "neutral-name",
        /// Through the proxy of the system. Only to explain a failure.
        ThroughProxy = "through-proxy",
    }
}

#[expect(clippy::derivable_impls, reason = "the words of an enum come without a default")]
impl Default for Shape {
    fn default() -> Self {
        Self::Plain
    }
}

impl Shape {
    /// Whether the connection is as usual.
    pub const fn is_plain(&self) -> bool {
        matches!(self, Self::Plain)
    }
}
