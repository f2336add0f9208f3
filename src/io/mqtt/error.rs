//! [`MqttError`]: why a connection did not come about, or ended, and what a person does about it.

#![expect(missing_docs, reason = "the sentence above a variant says what its fields carry")]

use crate::flow::port::{ConnectionEnd, Retry};
use crate::model::mqtt::stage::Expiry;
use crate::model::problem::{Explain, Problem};
use crate::proto::mqtt::session::SessionError;
use crate::proto::tls_hello::Mismatch;

/// Why a connection did not come about, or ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MqttError {
    /// MQTT itself ended it.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The thread of the connection could not be started.
    #[error("the connection could not be started: {detail}")]
    NotStarted { detail: String },
    /// The name has no address.
    #[error("{host} has no address: {detail}")]
    NotResolved { host: String, detail: String },
    /// Nobody said in time which addresses the name has.
    #[error("the name {host} was not resolved within {secs} s")]
    ResolveSilent { host: String, secs: u64 },
    /// The computer is there, and nothing listens on the port.
    #[error("{address} refuses the connection")]
    Refused { address: String, detail: String },
    /// Nothing came back.
    #[error("{address} does not answer within {secs} s")]
    Silent { address: String, secs: u64, detail: String },
    /// The address answers, and a stage above TCP doesn't come to its end.
    #[error("{address} answers, and {what:?} doesn't come to an end within {secs} s")]
    Stalled { what: Stalled, address: String, secs: u64 },
    /// There is no way to the address.
    #[error("no route to {address}: {detail}")]
    Unreachable { address: String, detail: String },
    /// The proxy wants a login, or another one.
    #[error("the proxy {proxy} wants a login")]
    ProxyLogin { proxy: String, has_login: bool, offers: String },
    /// The proxy does not pass us on.
    #[error("the proxy {proxy} doesn't connect: {status}")]
    ProxyRefused { proxy: String, target: String, status: String },
    /// What answers is no HTTP proxy.
    #[error("{proxy} does not answer like a proxy")]
    NotAProxy { proxy: String, detail: String },
    /// The certificates to trust cannot be used.
    #[error("the certificates to trust cannot be read: {detail}")]
    TrustUnreadable { detail: String },
    /// This computer has no list of whom to trust.
    #[error("this computer trusts nobody")]
    TrustEmpty { detail: String },
    /// The client's certificate cannot be used.
    #[error("the client's certificate cannot be read: {detail}")]
    IdentityUnreadable { detail: String },
    /// The client's key is protected by a password.
    #[error("the client's key is protected by a password")]
    KeyEncrypted,
    /// The client's key is not the one of the certificate.
    #[error("key and certificate of the client do not belong together")]
    KeyMismatch,
    /// The name to ask for is none.
    #[error("{name} can't be used in a handshake")]
    BadServerName { name: String },
    /// The file of the keys cannot be written.
    #[error("the keys cannot be written to {path}: {detail}")]
    KeyLog { path: String, detail: String },
    /// What answers does not speak TLS.
    #[error("{address} does not speak TLS")]
    NotTls { address: String, looks_like: String },
    /// The broker's certificate is not accepted.
    #[error("the broker's certificate is not accepted: {why:?}")]
    Certificate { host: String, why: CertificateFault },
    /// The broker ended the handshake, or refused our certificate right after it.
    #[error("the broker rejected the TLS handshake: {alert}")]
    Alert { alert: String, has_identity: bool, was_asked: bool },
    /// The handshake failed otherwise.
    #[error("the handshake failed: {detail}")]
    Handshake { detail: String },
    /// The broker chooses what is not spoken here.
    #[error("the broker speaks {0}")]
    Mismatch(Mismatch),
    /// The connection was cut in the handshake.
    #[error("the connection was cut in the handshake")]
    CutInHandshake { has_identity: bool },
    /// HTTP answered with another status than the one that opens a WebSocket.
    #[error("HTTP answers {status}")]
    HttpStatus { url: String, status: u16, says: String },
    /// What answers is no WebSocket.
    #[error("{url} isn't a WebSocket: {detail}")]
    NotAWebSocket { url: String, detail: String },
    /// The WebSocket does not carry MQTT.
    #[error("{url} does not carry MQTT")]
    NoSubProtocol { url: String },
    /// Client id, user, password or last will are longer than MQTT can say.
    #[error("the login is longer than 65535 bytes")]
    LoginTooLong,
    /// The connection was closed instead of an answer to CONNECT.
    #[error("closed without an answer to CONNECT")]
    ClosedOnConnect { detail: String },
    /// No answer to CONNECT came.
    #[error("no answer to CONNECT within {secs} s")]
    NoConnAck { secs: u64 },
    /// No answer to SUBSCRIBE came.
    #[error("no answer to SUBSCRIBE within {secs} s")]
    NoSubAck { secs: u64 },
    /// The connection was closed after SUBSCRIBE.
    #[error("closed instead of an answer to SUBSCRIBE")]
    ClosedOnSubscribe { detail: String },
    /// The broker closed the connection without a word.
    #[error("the broker closed the connection")]
    Closed { detail: String },
    /// The connection broke.
    #[error("the connection broke: {detail}")]
    Broken { detail: String, is_reset: bool },
    /// We ended it.
    #[error("ended on request")]
    Left,
    /// Some of the subscriptions were refused, or all.
    #[error("{refused} of {asked} subscriptions were refused")]
    SubscriptionsRefused { refused: usize, asked: usize, says: String },
    /// The answer to SUBSCRIBE says nothing of some of the subscriptions.
    #[error("{open} of {asked} subscriptions were not answered")]
    SubscriptionsOpen { open: usize, asked: usize },
    /// A certificate ends soon.
    #[error("a certificate ends soon")]
    EndsSoon { whose: &'static str, end: Expiry },
    /// Nothing, or not the name, was checked, and it would have failed.
    #[error("the certificate isn't valid, and was accepted anyway")]
    Unchecked { why: String },
}

/// What stalled on a connection that came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stalled {
    /// The proxy's answer.
    Proxy,
    /// The TLS handshake; whether anything came of it.
    Tls { has_bytes: bool },
    /// The HTTP answer that opens a WebSocket.
    WebSocket,
}

/// What is wrong with a broker's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateFault {
    /// It ended.
    Expired { days_ago: i64 },
    /// It has not begun, by the clock of this computer.
    NotYet { in_days: i64 },
    /// Nobody we trust vouches for it.
    UnknownIssuer { issuer: String, is_alone: bool },
    /// It vouches for itself.
    SelfSigned,
    /// A device in between shows a certificate of its own.
    Intercepted { by: String },
    /// It is for other names.
    WrongName { asked: String, names: Vec<String> },
    /// A certificate authority's own certificate is used as the broker's.
    Authority,
    /// It was withdrawn.
    Revoked,
    /// Not for servers.
    WrongPurpose,
    /// Made by the rules of another century.
    Version { version: u32 },
    /// The certificates on the way to the root are missing, or do not fit.
    Other { detail: String },
}

impl MqttError {
    /// How a connection ended by this.
    pub(super) fn end(&self) -> ConnectionEnd {
        ConnectionEnd { problem: self.explain(), retry: self.retry(), is_takeover: self.is_takeover() }
    }

    const fn is_takeover(&self) -> bool {
        matches!(self, Self::Session(error) if error.is_takeover())
    }

    /// Whether trying again can help without a person.
    fn retry(&self) -> Retry {
        match self {
            Self::Session(error) if error.is_lasting() => Retry::Never,
            Self::ProxyLogin { .. }
            | Self::NotAProxy { .. }
            | Self::TrustUnreadable { .. }
            | Self::TrustEmpty { .. }
            | Self::IdentityUnreadable { .. }
            | Self::KeyEncrypted
            | Self::KeyMismatch
            | Self::BadServerName { .. }
            | Self::KeyLog { .. }
            | Self::NotTls { .. }
            | Self::Certificate { .. }
            | Self::Alert { .. }
            | Self::Mismatch(_)
            | Self::NotAWebSocket { .. }
            | Self::NoSubProtocol { .. }
            | Self::Left => Retry::Never,
            Self::HttpStatus { status, .. } if *status < 500 && *status != 429 => Retry::Never,
            _ => Retry::Later,
        }
    }
}

impl Explain for MqttError {
    fn explain(&self) -> Problem {
        match self {
            Self::NotStarted { .. }
            | Self::NotResolved { .. }
            | Self::ResolveSilent { .. }
            | Self::Refused { .. }
            | Self::Silent { .. }
            | Self::Stalled { .. }
            | Self::Unreachable { .. } => self.explain_reach(),
            Self::ProxyLogin { .. } | Self::ProxyRefused { .. } | Self::NotAProxy { .. } => self.explain_proxy(),
            Self::TrustUnreadable { .. }
            | Self::TrustEmpty { .. }
            | Self::IdentityUnreadable { .. }
            | Self::KeyEncrypted
            | Self::KeyMismatch
            | Self::BadServerName { .. }
            | Self::KeyLog { .. } => self.explain_settings(),
            Self::Certificate { host, why } => why.explain(host),
            Self::NotTls { .. }
            | Self::Alert { .. }
            | Self::Handshake { .. }
            | Self::CutInHandshake { .. }
            | Self::EndsSoon { .. }
            | Self::Unchecked { .. } => self.explain_handshake(),
            Self::HttpStatus { .. } | Self::NotAWebSocket { .. } | Self::NoSubProtocol { .. } => {
                self.explain_websocket()
            }
            Self::Session(error) => error.explain(),
            Self::Mismatch(mismatch) => mismatch.explain(),
            Self::LoginTooLong | Self::ClosedOnConnect { .. } | Self::NoConnAck { .. } => self.explain_connect(),
            Self::NoSubAck { .. }
            | Self::ClosedOnSubscribe { .. }
            | Self::SubscriptionsRefused { .. }
            | Self::SubscriptionsOpen { .. } => self.explain_subscribe(),
            Self::Closed { .. } | Self::Broken { .. } | Self::Left => self.explain_end(),
        }
    }
}

/// A text for a variant that another function has; it cannot be met.
fn elsewhere(error: &MqttError) -> Problem {
    Problem::new("mqtt.failed", error.to_string(), "", "Try again")
}

impl MqttError {
    fn explain_reach(&self) -> Problem {
        match self {
            Self::NotStarted { detail } => Problem::new(
                "mqtt.not_started",
                "The connection could not be started",
                "This computer is out of threads or memory",
                "Close other programs and try again",
            )
            .with_detail(detail),
            Self::NotResolved { host, detail } => Problem::new(
                "mqtt.not_resolved",
                format!("The name {host} has no address"),
                "It is mistyped, or this network's name server does not know it: names of a private network are known inside it only",
                "Check the name, and that this computer is in the network (or VPN) of the broker",
            )
            .with_detail(detail),
            Self::ResolveSilent { host, secs } => Problem::new(
                "mqtt.resolve_silent",
                format!("The address of {host} was not found within {secs} s"),
                "The network's name server does not answer",
                "Check the connection of this computer, and whether other names can be reached",
            ),
            Self::Refused { address, detail } => Problem::new(
                "mqtt.refused",
                format!("The connection to {address} is refused"),
                "The computer is there, but no broker listens on this port, or a firewall rejects it",
                "Check the port (1883 plain, 8883 encrypted, 443 or 80 for WebSocket) and that the broker runs",
            )
            .with_detail(detail),
            Self::Silent { address, secs, detail } => Problem::new(
                "mqtt.silent",
                match secs {
                    0 => format!("Nothing answers at {address}"),
                    secs => format!("Nothing answers at {address} within {secs} s"),
                },
                "A firewall drops the packets, or nothing has this address",
                "Ask the admin to open the port, or try MQTT over WebSocket on port 443",
            )
            .with_detail(detail),
            Self::Stalled { what, address, secs } => what.explain(address, *secs),
            Self::Unreachable { address, detail } => Problem::new(
                "mqtt.unreachable",
                format!("No route to {address}"),
                "This computer isn't connected, or isn't in the broker's network",
                "Connect to the site's network or VPN and try again",
            )
            .with_detail(detail),
            _ => elsewhere(self),
        }
    }

    fn explain_proxy(&self) -> Problem {
        match self {
            Self::ProxyLogin { proxy, has_login, offers } => Problem::new(
                "mqtt.proxy_login",
                if *has_login {
                    format!("The proxy {proxy} does not accept the login")
                } else {
                    format!("The proxy {proxy} asks for a login")
                },
                if offers.is_empty() || offers.to_ascii_lowercase().contains("basic") {
                    "User or password is missing or wrong".to_owned()
                } else {
                    format!("It requires {offers}; Linesman supports only “Basic”")
                },
                "Enter the proxy's user and password, or ask the admin for an exception for the broker's address",
            ),
            Self::ProxyRefused { proxy, target, status } => Problem::new(
                "mqtt.proxy_refused",
                format!("The proxy {proxy} doesn't connect to {target}"),
                "Its rules allow only other targets or ports, often just 443, or it can't reach the broker itself",
                "Ask the admin to allow the broker's address and port, or try WebSocket on port 443",
            )
            .with_detail(status),
            Self::NotAProxy { proxy, detail } => Problem::new(
                "mqtt.not_a_proxy",
                format!("What listens at {proxy} does not answer like a proxy"),
                "Address or port belong to something else",
                "Check address and port of the proxy",
            )
            .with_detail(detail),
            _ => elsewhere(self),
        }
    }

    fn explain_settings(&self) -> Problem {
        match self {
            Self::TrustUnreadable { detail } => Problem::new(
                "mqtt.trust_unreadable",
                "The CA certificate to trust can't be read",
                "The file isn't PEM, or has no certificate",
                "Choose the CA's certificate as PEM: text that starts with BEGIN CERTIFICATE",
            )
            .with_detail(detail),
            Self::TrustEmpty { detail } => Problem::new(
                "mqtt.trust_empty",
                "This computer has no list of trusted CAs",
                "The package of root certificates is not installed (ca-certificates)",
                "Install it, or choose the CA's certificate",
            )
            .with_detail(detail),
            Self::IdentityUnreadable { detail } => Problem::new(
                "mqtt.identity_unreadable",
                "The client's certificate or key cannot be read",
                "A file isn't PEM, or certificate and key are swapped",
                "Choose both as PEM: BEGIN CERTIFICATE, and BEGIN PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY",
            )
            .with_detail(detail),
            Self::KeyEncrypted => Problem::new(
                "mqtt.key_encrypted",
                "The client's key is password-protected",
                "It was made for programs that ask for one",
                "Enter its password, or remove the protection with: openssl pkey -in KEY.pem -out PLAIN.pem",
            ),
            Self::KeyMismatch => Problem::new(
                "mqtt.key_mismatch",
                "The client's key and certificate don't match",
                "They come from different pairs, or the first certificate in the file is not the client's",
                "Choose the pair that was handed out together, the client's certificate first",
            ),
            Self::BadServerName { name } => Problem::new(
                "mqtt.bad_server_name",
                format!("“{name}” can't be used in a handshake"),
                "It is neither a host name nor an address",
                "Enter the name in the broker's certificate",
            ),
            Self::KeyLog { path, detail } => Problem::new(
                "mqtt.key_log",
                format!("The keys cannot be written to {path}"),
                "The folder doesn't exist, or isn't writable",
                "Choose another file",
            )
            .with_detail(detail),
            _ => elsewhere(self),
        }
    }

    fn explain_handshake(&self) -> Problem {
        match self {
            Self::NotTls { address, looks_like } => Problem::new(
                "mqtt.not_tls",
                format!("What listens at {address} does not speak TLS"),
                if looks_like.is_empty() {
                    "The port is the one without encryption, or belongs to something else".to_owned()
                } else {
                    format!("It answers like {looks_like}")
                },
                "Use port 8883 (or 443 for wss), or mqtt:// and ws:// without encryption",
            ),
            Self::Alert { alert, has_identity, was_asked } => {
                let (cause, next) = match (has_identity, was_asked) {
                    (false, true) => {
                        ("It asks for a client certificate, and none is set", "Set the client's certificate and key")
                    }
                    (true, _) => (
                        "It doesn't accept the client certificate: unknown, expired, revoked, or from another CA",
                        "Check that the broker trusts the issuer of the client's certificate, and that it hasn't expired",
                    ),
                    (false, false) => (
                        "Version, cipher, server name or protocol (ALPN) don't match",
                        "Check the server name and the ALPN protocol that this broker expects",
                    ),
                };
                Problem::new("mqtt.tls_alert", "The broker rejected the TLS handshake", cause, next).with_detail(alert)
            }
            Self::Handshake { detail } => Problem::new(
                "mqtt.tls_failed",
                "The TLS handshake failed",
                "The broker is older than TLS 1.2, or something in between changes the bytes",
                "Check which versions of TLS the broker offers",
            )
            .with_detail(detail),
            Self::CutInHandshake { has_identity } => Problem::new(
                "mqtt.tls_cut",
                "The connection was cut during the TLS handshake",
                if *has_identity {
                    "The port doesn't speak TLS, a firewall inspects it, or the broker rejects the client certificate"
                } else {
                    "The port doesn't speak TLS, a firewall inspects it, or the broker requires a client certificate"
                },
                "Check the port, and try from another network",
            ),
            Self::EndsSoon { whose, end } => Problem::new(
                "mqtt.certificate_ends_soon",
                format!("The certificate of {whose} {end}"),
                "It's due for renewal",
                "Renew it before it expires: connections fail from then on",
            ),
            Self::Unchecked { why } => Problem::new(
                "mqtt.tls_unchecked",
                "The broker's certificate isn't valid, and was accepted anyway",
                why.clone(),
                "Use this for diagnosis only, not with real passwords",
            ),
            _ => elsewhere(self),
        }
    }

    fn explain_websocket(&self) -> Problem {
        match self {
            Self::HttpStatus { url, status, says } => {
                let (cause, next) = match status {
                    200 => (
                        "A web page answers: this isn't a WebSocket, or a captive portal requires a login first",
                        "Open any page in a browser and log in to the network, then check the path of the address",
                    ),
                    301 | 302 | 303 | 307 | 308 => (
                        "It redirects: a captive portal, or the address needs wss or another path",
                        "Open the address in a browser and see where it leads",
                    ),
                    400 | 426 => (
                        "The server doesn't accept this as a WebSocket request",
                        "Check the path of the address, and that the port is the one for WebSocket",
                    ),
                    401 => ("It requires a login, or the signature is missing", "Check user, password or keys"),
                    403 => (
                        "It does not allow this: wrong signature or keys, a clock that is off, or rules of the server",
                        "Check keys, region and the clock of this computer",
                    ),
                    404 => (
                        "There is nothing at this path",
                        "Try /mqtt, /ws or / as the path; it's in the broker's settings",
                    ),
                    407 => ("A proxy in between asks for a login", "Enter the proxy and its login"),
                    429 | 503 => ("The server is busy or limits connections", "Wait a while and try again"),
                    500..=599 => (
                        "The server, or the broker behind it, is down",
                        "Wait a while and try again, then tell its operator",
                    ),
                    _ => ("It isn't a broker with WebSocket", "Check port and path of the address"),
                };
                Problem::new(
                    "mqtt.http_status",
                    format!("The address {url} answers with HTTP {status} instead of a WebSocket"),
                    cause,
                    next,
                )
                .with_detail(says)
            }
            Self::NotAWebSocket { url, detail } => Problem::new(
                "mqtt.not_a_websocket",
                format!("The address {url} isn't a WebSocket"),
                "The port is the one for plain MQTT, or belongs to something else",
                "Check the port: WebSocket has one of its own, often 9001, 8083 or 443",
            )
            .with_detail(detail),
            Self::NoSubProtocol { url } => Problem::new(
                "mqtt.no_sub_protocol",
                format!("The address {url} is a WebSocket that does not carry MQTT"),
                "The server did not agree to the sub-protocol mqtt",
                "Check the path of the address",
            ),
            _ => elsewhere(self),
        }
    }

    fn explain_connect(&self) -> Problem {
        match self {
            Self::LoginTooLong => Problem::new(
                "mqtt.login_too_long",
                "Client id, user, password or last will are too long",
                "MQTT allows 65535 bytes for each",
                "Shorten them",
            ),
            Self::ClosedOnConnect { detail } => Problem::new(
                "mqtt.hung_up_on_connect",
                "The broker closed the connection instead of answering CONNECT",
                "It expects encryption, another version of MQTT, or a login; some brokers close without a reason",
                "Check scheme and port, then login and client id",
            )
            .with_detail(detail),
            Self::NoConnAck { secs } => Problem::new(
                "mqtt.no_connack",
                format!("No answer to CONNECT within {secs} s"),
                "It isn't an MQTT broker, or expects encryption (mqtts://)",
                "Check scheme and port",
            ),
            _ => elsewhere(self),
        }
    }

    fn explain_subscribe(&self) -> Problem {
        match self {
            Self::NoSubAck { secs } => Problem::new(
                "mqtt.no_suback",
                format!("No answer to SUBSCRIBE within {secs} s"),
                "Some brokers don't answer a request they don't support, such as QoS 2",
                "Subscribe with QoS 0 or 1, and to fewer topics",
            ),
            Self::ClosedOnSubscribe { detail } => Problem::new(
                "mqtt.hung_up_on_subscribe",
                "The broker closed the connection after SUBSCRIBE",
                "This client has no permission for one of the filters",
                "Subscribe to permitted filters, one at a time",
            )
            .with_detail(detail),
            Self::SubscriptionsRefused { refused, asked, says } => Problem::new(
                "mqtt.subscription_refused",
                if refused == asked {
                    "The broker refused every subscription".to_owned()
                } else {
                    format!("The broker refused {refused} of {asked} subscriptions")
                },
                "This client may not read these topics",
                "Ask for permission to read them, or subscribe to others",
            )
            .with_detail(says),
            Self::SubscriptionsOpen { open, asked } => Problem::new(
                "mqtt.suback_short",
                format!("The broker's SUBACK leaves out {open} of {asked} subscriptions"),
                "A fault of the broker: it has to answer each of them",
                "Check whether messages arrive; report it to the broker's vendor",
            ),
            _ => elsewhere(self),
        }
    }

    fn explain_end(&self) -> Problem {
        match self {
            Self::Closed { detail } => Problem::new(
                "mqtt.hung_up",
                "The broker closed the connection",
                "It was restarted, another client uses the same client id, or a request isn't allowed there",
                "Check whether it happens again at the same moment, and whether the client ID is in use",
            )
            .with_detail(detail),
            Self::Broken { detail, .. } => Problem::new(
                "mqtt.broken",
                "The connection to the broker broke",
                "The network changed, or something on the way cut it",
                "Nothing is lost at the broker; wait until it is back",
            )
            .with_detail(detail),
            Self::Left => Problem::new(
                "mqtt.left",
                "The connection was ended on request",
                "It was no longer needed",
                "Connect again when you want to",
            ),
            _ => elsewhere(self),
        }
    }
}

impl Stalled {
    fn explain(self, address: &str, secs: u64) -> Problem {
        match self {
            Self::Proxy => Problem::new(
                "mqtt.proxy_stalled",
                format!("The proxy {address} didn't answer within {secs} s"),
                "It accepts connections: it is overloaded, waits for the broker itself, or isn't an HTTP proxy",
                "Check host and port of the proxy, and whether it may connect to the broker",
            ),
            Self::Tls { has_bytes } => Problem::new(
                "mqtt.tls_stalled",
                format!("The TLS handshake with {address} didn't end within {secs} s"),
                if has_bytes {
                    "The address answers, and its part of the handshake stays incomplete: the server hangs, or large packets are lost on the way"
                } else {
                    "The address accepts connections and sends nothing: the port doesn't speak TLS, the server hangs, or a firewall holds TLS back"
                },
                "Check that the port is the one for TLS, and try from another network",
            ),
            Self::WebSocket => Problem::new(
                "mqtt.websocket_stalled",
                format!("The WebSocket at {address} didn't open within {secs} s"),
                "The address accepts connections, and its HTTP answer stays incomplete: the server, or a proxy before it, hangs",
                "Check port and path, and try from another network",
            ),
        }
    }
}

impl CertificateFault {
    fn explain(&self, host: &str) -> Problem {
        let of = format!("the certificate of {host}");
        match self {
            Self::Expired { days_ago } => Problem::new(
                "mqtt.certificate_expired",
                match days_ago {
                    0 => format!("The certificate of {host} expired today"),
                    1 => format!("The certificate of {host} expired 1 day ago"),
                    days => format!("The certificate of {host} expired {days} days ago"),
                },
                "It was not renewed, or the clock of this computer is ahead",
                "Check this computer's date and time, then have the certificate renewed",
            ),
            Self::NotYet { in_days } => Problem::new(
                "mqtt.certificate_not_yet",
                match in_days {
                    0 => format!("The certificate of {host} isn't valid until later today"),
                    1 => format!("The certificate of {host} isn't valid until tomorrow"),
                    days => format!("The certificate of {host} isn't valid for another {days} days"),
                },
                "The clock of this computer is most likely behind",
                "Set this computer's date and time",
            ),
            Self::UnknownIssuer { issuer, is_alone: true } => Problem::new(
                "mqtt.issuer_not_sent",
                format!("The broker sent {of} without its issuer's"),
                format!(
                    "Its issuer “{issuer}” isn't trusted here: the broker doesn't send intermediate certificates, or the CA is private"
                ),
                "Have the broker send its whole chain (often fullchain.pem); add that CA's certificate if it's yours",
            ),
            Self::UnknownIssuer { issuer, is_alone: false } => Problem::new(
                "mqtt.unknown_issuer",
                format!("No trusted CA issued {of}"),
                format!("It was issued by “{issuer}”, which isn't trusted here"),
                "Add that CA's certificate, if it's yours",
            ),
            Self::SelfSigned => Problem::new(
                "mqtt.self_signed",
                format!("Self-signed: {of}"),
                "The broker uses a self-signed certificate",
                "Compare its SHA-256 with the broker's and add it as the certificate to trust",
            ),
            Self::Intercepted { by } => Problem::new(
                "mqtt.intercepted",
                format!("Something in between shows {of}"),
                format!("“{by}” inspects TLS connections on this network and presents its own certificate"),
                "Ask the admin for an exception for the broker's address, or use another network; the gateway has the same problem",
            ),
            Self::WrongName { asked, names } => Problem::new(
                "mqtt.wrong_name",
                format!("{}{} is not for {asked}", of[..1].to_uppercase(), &of[1..]),
                if names.is_empty() {
                    "It names no host at all".to_owned()
                } else {
                    format!("It is for {}", names.join(", "))
                },
                "Connect by one of these names, or set the server name to one of them",
            ),
            Self::Authority => Problem::new(
                "mqtt.certificate_of_authority",
                format!("The broker presents a CA certificate as {of}"),
                "A CA certificate must not be used by a server",
                "Issue a certificate for the broker and install that one",
            ),
            Self::Revoked => Problem::new(
                "mqtt.certificate_revoked",
                format!("{}{} was revoked", of[..1].to_uppercase(), &of[1..]),
                "Its CA has revoked it",
                "Don't connect; tell the broker's operator",
            ),
            Self::WrongPurpose => Problem::new(
                "mqtt.certificate_purpose",
                format!("{}{} is not for servers", of[..1].to_uppercase(), &of[1..]),
                "It was issued for clients or for signing",
                "Issue one with the purpose “server authentication”",
            ),
            Self::Version { version } => Problem::new(
                "mqtt.certificate_version",
                format!("{}{} is of X.509 version {version}", of[..1].to_uppercase(), &of[1..]),
                "Linesman checks version 3: older ones name neither host nor purpose",
                "Issue it again as version 3 (openssl x509 needs -extfile for that); with no checks of it you can connect meanwhile",
            ),
            Self::Other { detail } => Problem::new(
                "mqtt.certificate",
                format!("{}{} is not accepted", of[..1].to_uppercase(), &of[1..]),
                "A certificate in the chain is missing or malformed",
                "Have the broker send the whole chain, and check the certificates shown here",
            )
            .with_detail(detail),
        }
    }
}
