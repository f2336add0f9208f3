//! [`ConnectPlan`]: everything that is needed to connect to a broker.

use std::path::PathBuf;
use std::time::Duration;

use super::header::{self, HeaderError};
use super::message::{Outgoing, Subscription};
use super::url::BrokerUrl;
use super::{Dialect, MqttVersion};
use crate::model::secret::Secret;
use crate::model::word::words;

/// The largest packet that is taken unless another limit is set: 16 MiB.
pub const MAX_PACKET_BYTES: u32 = 16 * 1024 * 1024;

/// How to connect to a broker, and what to do there.
#[derive(Clone)]
pub struct ConnectPlan {
    /// Where it is.
    pub url: BrokerUrl,
    /// Whose rules it follows.
    pub dialect: Dialect,
    /// Which version is spoken.
    pub version: MqttVersion,
    /// Under which name. Two clients of one name throw each other out.
    pub client_id: String,
    /// Whether the broker forgets what an earlier session of that name had.
    pub is_clean: bool,
    /// For how many seconds it keeps a session that is not clean; MQTT 5 only, and one day unless it is said.
    pub session_expiry_secs: Option<u32>,
    /// How often a sign of life is sent.
    pub keep_alive: Duration,
    /// How an encrypted connection is checked.
    pub tls: TlsPlan,
    /// How we prove who we are.
    pub login: Login,
    /// The proxy in between.
    pub proxy: Option<Proxy>,
    /// The largest packet taken, in bytes.
    pub max_packet_bytes: u32,
    /// What is subscribed to, at the start and after each reconnection.
    pub subscriptions: Vec<Subscription>,
    /// What the broker publishes for us when we vanish.
    pub will: Option<Outgoing>,
    /// The longest that a single stage may take.
    pub stage_limit: Duration,
    /// What is done when messages come faster than they are taken in.
    pub when_full: WhenFull,
    /// Where the keys of the encryption are written for a packet capture; only ever on a person's request.
    pub key_log: Option<PathBuf>,
    /// Headers of a person's own in the request for a WebSocket; their values may be secrets.
    pub headers: Vec<(String, Secret<String>)>,
}

impl ConnectPlan {
    /// A connection without login, with the usual limits and nothing subscribed.
    pub fn new(url: BrokerUrl, client_id: impl Into<String>) -> Self {
        Self {
            url,
            dialect: Dialect::Plain,
            version: MqttVersion::V311,
            client_id: client_id.into(),
            is_clean: true,
            session_expiry_secs: None,
            keep_alive: Duration::from_secs(30),
            tls: TlsPlan::default(),
            login: Login::None,
            proxy: None,
            max_packet_bytes: MAX_PACKET_BYTES,
            subscriptions: Vec::new(),
            will: None,
            stage_limit: Duration::from_secs(15),
            when_full: WhenFull::Wait,
            key_log: None,
            headers: Vec::new(),
        }
    }

    /// A connection with that login and those files; where authorities are named, they alone are trusted.
    pub fn with_files(url: BrokerUrl, client_id: impl Into<String>, login: Login, files: TlsFiles) -> Self {
        let mut plan = Self::new(url, client_id);
        if files.authorities.is_some() {
            // The workers put the file in the place of nothing.
            plan.tls.trust = Trust::Only(Vec::new());
        }
        (plan.login, plan.tls.files) = (login, files);
        plan
    }

    /// Whether the headers can be sent.
    pub fn check_headers(&self) -> Result<(), HeaderError> {
        if !self.headers.is_empty() && !self.url.scheme.is_websocket() {
            return Err(HeaderError::NoWebSocket);
        }
        self.headers.iter().try_for_each(|(name, value)| header::check(name, value.expose()))
    }

    /// What of it must never be seen: passwords, tokens and keys, the client's private key included. The one list of them:
    /// what redacts anything asks here.
    pub fn secrets(&self) -> Vec<&[u8]> {
        let mut secrets: Vec<&Secret<String>> = match &self.login {
            Login::None => Vec::new(),
            Login::Password { password, .. } => password.iter().collect(),
            Login::SharedAccess { key, .. } => vec![key],
            Login::SignatureV4 { secret_key, session_token, .. } => {
                [secret_key].into_iter().chain(session_token).collect()
            }
        };
        secrets.extend(self.headers.iter().map(|(_, value)| value));
        secrets.extend(self.tls.key_password.as_ref());
        secrets.extend(self.proxy.iter().filter_map(|proxy| proxy.login.as_ref()).map(|(_, password)| password));
        let key = self.tls.identity.iter().map(|identity| identity.key.expose().as_slice());
        let texts = secrets.into_iter().map(|secret| secret.expose().as_bytes());
        texts.chain(key).chain(self.url.secrets().map(str::as_bytes)).filter(|secret| !secret.is_empty()).collect()
    }
}

words! {
    /// What is done when messages come faster than they are taken in.
    WhenFull {
        /// Reading stops for a moment: the broker has to wait, and may itself drop messages of QoS 0.
        Wait = "wait",
        /// Messages are dropped here, and counted.
        Drop = "drop",
    }
}

/// How an encrypted connection is checked.
#[derive(Clone, Default)]
pub struct TlsPlan {
    /// Whom we trust.
    pub trust: Trust,
    /// What we show when the broker asks who we are.
    pub identity: Option<ClientIdentity>,
    /// Protocols offered in the handshake, the best first.
    pub alpn: Vec<String>,
    /// The name asked for and expected in the certificate, where it is not the host's.
    pub server_name: Option<String>,
    /// What is checked.
    pub checks: TlsChecks,
    /// What the file of the private key is encrypted with.
    pub key_password: Option<Secret<String>>,
    /// Files that are still to be read into `trust` and `identity`: whoever runs the plan does so first.
    pub files: TlsFiles,
}

/// Files of certificates and keys, as PEM, that a front end names and does not read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Whom we trust, beside whom this computer trusts or alone: which of the two says `trust`.
    pub authorities: Option<PathBuf>,
    /// The client's certificate and those that lead to its root.
    pub certificates: Option<PathBuf>,
    /// Its private key; the file of the certificate if none is named.
    pub key: Option<PathBuf>,
}

impl TlsFiles {
    /// Whether nothing is to be read.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Whom we trust to vouch for a broker.
#[derive(Clone, Default)]
pub enum Trust {
    /// Whom this computer trusts.
    #[default]
    System,
    /// Only these certificates, as PEM.
    Only(Vec<u8>),
    /// Whom this computer trusts, and these, as PEM.
    SystemAnd(Vec<u8>),
}

words! {
    /// What is checked of a broker's certificate.
    TlsChecks {
        /// Everything.
        All = "all",
        /// All but the name.
        NotTheName = "not-the-name",
        /// Nothing: whoever answers is believed. Everything found wrong is still told.
        Nothing = "nothing",
    }
}

#[expect(clippy::derivable_impls, reason = "the macro that declares the words has no place for a default")]
impl Default for TlsChecks {
    fn default() -> Self {
        Self::All
    }
}

/// A client's certificate and its key.
#[derive(Clone)]
pub struct ClientIdentity {
    /// The certificate and those that lead to its root, as PEM.
    pub certificates: Vec<u8>,
    /// Its private key, as PEM.
    pub key: Secret<Vec<u8>>,
}

/// How we prove who we are, beside a certificate.
#[derive(Clone, Default)]
pub enum Login {
    /// Not at all.
    #[default]
    None,
    /// By user and password.
    Password {
        /// The user.
        username: String,
        /// The password.
        password: Option<Secret<String>>,
    },
    /// By a token made from a key of the device or of a policy (Azure IoT Hub, shared access signature).
    SharedAccess {
        /// The name of the hub, as in its address.
        hub: String,
        /// The device, or device and module with a slash in between.
        device: String,
        /// The key, in base64.
        key: Secret<String>,
        /// The policy the key belongs to; `None` for the device's own.
        policy: Option<String>,
        /// For how long a token is good.
        lifetime: Duration,
    },
    /// By a signature in the address of a WebSocket (AWS, Signature Version 4).
    SignatureV4 {
        /// The region, such as `eu-central-1`.
        region: String,
        /// The key's id.
        access_key_id: String,
        /// The key.
        secret_key: Secret<String>,
        /// The token of a temporary key.
        session_token: Option<Secret<String>>,
    },
}

/// A proxy that is asked to pass a connection on (HTTP CONNECT).
#[derive(Clone)]
pub struct Proxy {
    /// Name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// User and password, if it asks for them.
    pub login: Option<(String, Secret<String>)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_of_a_plan_is_in_its_one_list() {
        let secret = |text: &str| Secret::new(text.to_owned());
        let logins = [
            (Login::Password { username: "u".into(), password: Some(secret("word")) }, vec!["word"]),
            (Login::Password { username: "u".into(), password: Some(secret("")) }, vec![]),
            (
                Login::SharedAccess {
                    hub: "h".into(),
                    device: "d".into(),
                    key: secret("shared"),
                    policy: None,
                    lifetime: Duration::ZERO,
                },
                vec!["shared"],
            ),
            (
                Login::SignatureV4 {
                    region: "r".into(),
                    access_key_id: "id".into(),
                    secret_key: secret("signing"),
                    session_token: Some(secret("session")),
                },
                vec!["signing", "session"],
            ),
        ];
        for (login, expected) in logins {
            let mut plan = ConnectPlan::new("mqtts://h".parse().unwrap(), "c");
            plan.login = login;
            plan.proxy = Some(Proxy { host: "p".into(), port: 3128, login: Some(("u".into(), secret("proxy"))) });
            let key = Secret::new(b"-----BEGIN PRIVATE KEY-----".to_vec());
            plan.tls.identity = Some(ClientIdentity { certificates: Vec::new(), key });
            let found: Vec<_> = plan.secrets().into_iter().map(|bytes| String::from_utf8_lossy(bytes)).collect();
            let expected: Vec<_> = expected.into_iter().chain(["proxy", "-----BEGIN PRIVATE KEY-----"]).collect();
            assert_eq!(found, expected);
        }
    }
}
