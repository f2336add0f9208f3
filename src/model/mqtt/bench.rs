//! The bench broker: how it is started, and what a gateway needs to reach it.

use std::path::PathBuf;

use crate::model::mqtt::topic::TopicFilter;
use crate::model::word::words;

/// A bench broker: for gateways that are pointed at this computer, with no internet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenchPlan {
    /// The address it listens on; loopback unless a person picks another.
    pub address: String,
    /// Names and addresses its certificate is to be good for, beside that address.
    pub names: Vec<String>,
    /// Port of plain MQTT; 0 for any, `None` for none. As all of them.
    pub plain: Option<u16>,
    /// Port of MQTT over TLS.
    pub tls: Option<u16>,
    /// Port of MQTT over TLS with client certificates of the test CA.
    pub mutual_tls: Option<u16>,
    /// Port of WebSocket.
    pub websocket: Option<u16>,
    /// The longest keep alive in seconds: an MQTT 5 client that wants a longer one gets this one.
    pub most_keep_alive_secs: Option<u16>,
    /// Filters to which nobody may subscribe.
    pub refused: Vec<TopicFilter>,
}

impl Default for BenchPlan {
    /// On loopback, everything, on any port.
    fn default() -> Self {
        Self {
            address: "127.0.0.1".into(),
            names: vec!["localhost".into()],
            plain: Some(0),
            tls: Some(0),
            mutual_tls: Some(0),
            websocket: Some(0),
            most_keep_alive_secs: None,
            refused: Vec::new(),
        }
    }
}

/// Where a bench broker is, and what a gateway needs to trust it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BenchFacts {
    /// Its addresses, the plain one first.
    pub urls: Vec<String>,
    /// The test CA's certificate, as PEM, for the gateway.
    pub ca_path: PathBuf,
    /// A certificate and key for a client, as PEM.
    pub client_paths: Option<(PathBuf, PathBuf)>,
    /// SHA-256 of the CA's certificate, in hex.
    pub ca_sha256: String,
    /// Addresses of this computer it could listen on instead.
    pub interfaces: Vec<String>,
}

words! {
    /// What was seen at a bench broker.
    SightingKind {
        /// A client logged in.
        Came = "came",
        /// A client went, or was disconnected.
        Went = "went",
        /// Someone was turned away.
        Refused = "refused",
        /// Messages for a client were left out.
        LeftOut = "left-out",
        /// Something else.
        Note = "note",
    }
}

/// Something that was seen at a bench broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// What it was.
    pub kind: SightingKind,
    /// Where from.
    pub address: Option<String>,
    /// The client's name, where it is known; one that the broker gave it, if it had none.
    pub client_id: Option<String>,
    /// The sentence to read.
    pub text: String,
}
