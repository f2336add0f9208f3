//! The bench broker: how it is started, and what a gateway needs to reach it.

use std::path::PathBuf;

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
