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
    /// There is no way to the address.
    #[error("there is no way to {address}: {detail}")]
    Unreachable { address: String, detail: String },
    /// The proxy wants a login, or another one.
    #[error("the proxy {proxy} wants a login")]
    ProxyLogin { proxy: String, has_login: bool, offers: String },
    /// The proxy does not pass us on.
    #[error("the proxy {proxy} does not pass us on: {status}")]
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
    #[error("{name} cannot be asked for in a handshake")]
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
    #[error("the broker ended the handshake: {alert}")]
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
    #[error("{url} is no WebSocket: {detail}")]
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
    /// A certificate ends soon.
    #[error("a certificate ends soon")]
    EndsSoon { whose: &'static str, end: Expiry },
    /// Nothing, or not the name, was checked, and it would have failed.
    #[error("the certificate is not in order, and was accepted all the same")]
    Unchecked { why: String },
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
            Self::NoSubAck { .. } | Self::ClosedOnSubscribe { .. } | Self::SubscriptionsRefused { .. } => {
                self.explain_subscribe()
            }
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
                "The computer is there, but no broker listens on this port, or a firewall turns us away",
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
                "Ask for the port to be opened, or try MQTT over WebSocket on port 443",
            )
            .with_detail(detail),
            Self::Unreachable { address, detail } => Problem::new(
                "mqtt.unreachable",
                format!("There is no way to {address}"),
                "This computer is not connected, or not in the broker's network",
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
                    format!("It wants {offers}; only the login “Basic” is spoken here")
                },
                "Enter the proxy's user and password, or ask for an exception for the broker's address",
            ),
            Self::ProxyRefused { proxy, target, status } => Problem::new(
                "mqtt.proxy_refused",
                format!("The proxy {proxy} does not pass us on to {target}"),
                "Its rules allow other targets or ports only, often 443 alone, or it cannot reach the broker itself",
                "Ask for the broker's address and port to be allowed, or try WebSocket on port 443",
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
                "The certificate of the authority to trust cannot be read",
                "The file is no PEM, or holds no certificate",
                "Choose the authority's certificate as PEM: text that begins with BEGIN CERTIFICATE",
            )
            .with_detail(detail),
            Self::TrustEmpty { detail } => Problem::new(
                "mqtt.trust_empty",
                "This computer has no list of authorities to trust",
                "The package of root certificates is not installed (ca-certificates)",
                "Install it, or give the authority's certificate by hand",
            )
            .with_detail(detail),
            Self::IdentityUnreadable { detail } => Problem::new(
                "mqtt.identity_unreadable",
                "The client's certificate or key cannot be read",
                "A file is no PEM, or certificate and key are swapped",
                "Choose both as PEM: BEGIN CERTIFICATE, and BEGIN PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY",
            )
            .with_detail(detail),
            Self::KeyEncrypted => Problem::new(
                "mqtt.key_encrypted",
                "The client's key is protected by a password",
                "It was made for programs that ask for one",
                "Give its password, or take the protection off with: openssl pkey -in KEY.pem -out PLAIN.pem",
            ),
            Self::KeyMismatch => Problem::new(
                "mqtt.key_mismatch",
                "Key and certificate of the client do not belong together",
                "They come from different pairs, or the first certificate in the file is not the client's",
                "Choose the pair that was handed out together, the client's certificate first",
            ),
            Self::BadServerName { name } => Problem::new(
                "mqtt.bad_server_name",
                format!("“{name}” cannot be asked for in a handshake"),
                "It is neither a host name nor an address",
                "Enter the name that stands in the broker's certificate",
            ),
            Self::KeyLog { path, detail } => Problem::new(
                "mqtt.key_log",
                format!("The keys cannot be written to {path}"),
                "The folder does not exist, or may not be written to",
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
                        "It does not accept our client certificate: unknown, ended, withdrawn, or of another authority",
                        "Check that the broker trusts the issuer of the client's certificate, and that it has not ended",
                    ),
                    (false, false) => (
                        "Version, cipher, server name or protocol (ALPN) do not suit it",
                        "Check the server name and the ALPN protocol that this broker expects",
                    ),
                };
                Problem::new("mqtt.tls_alert", "The broker ended the handshake", cause, next).with_detail(alert)
            }
            Self::Handshake { detail } => Problem::new(
                "mqtt.tls_failed",
                "The encryption could not be agreed on",
                "The broker is older than TLS 1.2, or something in between changes the bytes",
                "Check which versions of TLS the broker offers",
            )
            .with_detail(detail),
            Self::CutInHandshake { has_identity } => Problem::new(
                "mqtt.tls_cut",
                "The connection was cut in the handshake",
                if *has_identity {
                    "The port does not speak TLS, a firewall looks into it, or the broker dislikes our certificate"
                } else {
                    "The port does not speak TLS, a firewall looks into it, or the broker wants a client certificate"
                },
                "Check the port, and try from another network",
            ),
            Self::EndsSoon { whose, end } => Problem::new(
                "mqtt.certificate_ends_soon",
                format!("The certificate of {whose} {end}"),
                "It is due for renewal",
                "Have it renewed before it ends: from then on no connection comes about",
            ),
            Self::Unchecked { why } => Problem::new(
                "mqtt.tls_unchecked",
                "The broker's certificate is not in order, and was accepted all the same",
                why.clone(),
                "Use this to find a fault, not for passwords you want to keep",
            ),
            _ => elsewhere(self),
        }
    }

    fn explain_websocket(&self) -> Problem {
        match self {
            Self::HttpStatus { url, status, says } => {
                let (cause, next) = match status {
                    200 => (
                        "A web page answers: this is no WebSocket, or a captive portal wants you to log in first",
                        "Open any page in a browser and log in to the network, then check the path of the address",
                    ),
                    301 | 302 | 303 | 307 | 308 => (
                        "It sends us elsewhere: a captive portal, or the address needs wss or another path",
                        "Open the address in a browser and look where it leads",
                    ),
                    400 | 426 => (
                        "The server does not take this as the opening of a WebSocket",
                        "Check the path of the address, and that the port is the one for WebSocket",
                    ),
                    401 => ("It wants a login, or the signature is missing", "Check user, password or keys"),
                    403 => (
                        "It does not allow this: wrong signature or keys, a clock that is off, or rules of the server",
                        "Check keys, region and the clock of this computer",
                    ),
                    404 => (
                        "There is nothing at this path",
                        "Try /mqtt, /ws or / as the path; it stands in the broker's settings",
                    ),
                    407 => ("A proxy in between asks for a login", "Enter the proxy and its login"),
                    429 | 503 => ("The server is busy or limits connections", "Wait a while and try again"),
                    500..=599 => (
                        "The server, or the broker behind it, is out of order",
                        "Wait a while and try again, then tell those who run it",
                    ),
                    _ => ("It is no broker with WebSocket", "Check port and path of the address"),
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
                format!("The address {url} is no WebSocket"),
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
                "MQTT has room for 65535 bytes in each",
                "Shorten them",
            ),
            Self::ClosedOnConnect { detail } => Problem::new(
                "mqtt.hung_up_on_connect",
                "The broker closed the connection instead of answering CONNECT",
                "It wants encryption, another version of MQTT, or a login; some brokers close without a word",
                "Check scheme and port, then login and client id",
            )
            .with_detail(detail),
            Self::NoConnAck { secs } => Problem::new(
                "mqtt.no_connack",
                format!("No answer to CONNECT within {secs} s"),
                "What listens there is no MQTT broker, or waits for encryption (mqtts://)",
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
                "Some brokers say nothing when they do not do what was asked, QoS 2 for one",
                "Subscribe with QoS 0 or 1, and to fewer topics",
            ),
            Self::ClosedOnSubscribe { detail } => Problem::new(
                "mqtt.hung_up_on_subscribe",
                "The broker closed the connection after SUBSCRIBE",
                "This client may not subscribe to one of the filters, and the broker says it this way",
                "Subscribe to what the client has a right to, one filter at a time",
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
            _ => elsewhere(self),
        }
    }

    fn explain_end(&self) -> Problem {
        match self {
            Self::Closed { detail } => Problem::new(
                "mqtt.hung_up",
                "The broker closed the connection",
                "It was restarted, another client uses the same client id, or something we did is not allowed there",
                "Look whether it happens again at the same moment, and whether the client id is in use",
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

impl CertificateFault {
    fn explain(&self, host: &str) -> Problem {
        let of = format!("the certificate of {host}");
        match self {
            Self::Expired { days_ago } => Problem::new(
                "mqtt.certificate_expired",
                match days_ago {
                    0 => format!("The certificate of {host} has ended today"),
                    days => format!("The certificate of {host} ended {days} days ago"),
                },
                "It was not renewed, or the clock of this computer is ahead",
                "Check date and time of this computer, then have the certificate renewed",
            ),
            Self::NotYet { in_days } => Problem::new(
                "mqtt.certificate_not_yet",
                match in_days {
                    0 => format!("The certificate of {host} begins later today"),
                    days => format!("The certificate of {host} begins in {days} days"),
                },
                "The clock of this computer is most likely behind",
                "Set date and time of this computer",
            ),
            Self::UnknownIssuer { issuer, is_alone: true } => Problem::new(
                "mqtt.issuer_not_sent",
                format!("The broker sent {of} without its issuer's"),
                format!(
                    "Its issuer “{issuer}” isn't trusted here: the broker leaves intermediate certificates out, or the authority is a private one"
                ),
                "Have the broker send its whole chain (often fullchain.pem); add that authority's certificate if it is yours",
            ),
            Self::UnknownIssuer { issuer, is_alone: false } => Problem::new(
                "mqtt.unknown_issuer",
                format!("Nobody we trust vouches for {of}"),
                format!("It was issued by “{issuer}”, which is not among those trusted here"),
                "Add the certificate of that authority, if it is yours",
            ),
            Self::SelfSigned => Problem::new(
                "mqtt.self_signed",
                format!("Nobody but itself vouches for {of}"),
                "The broker has a certificate of its own making",
                "Compare its SHA-256 with the broker's and add it as the certificate to trust",
            ),
            Self::Intercepted { by } => Problem::new(
                "mqtt.intercepted",
                format!("Something in between shows {of}"),
                format!("“{by}” looks into encrypted connections of this network and shows its own certificate"),
                "Ask for an exception for the broker's address, or use another network; the gateway meets the same",
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
                format!("The broker shows an authority's own certificate as {of}"),
                "A certificate that vouches for others must not be a server's",
                "Issue a certificate for the broker and install that one",
            ),
            Self::Revoked => Problem::new(
                "mqtt.certificate_revoked",
                format!("{}{} was withdrawn", of[..1].to_uppercase(), &of[1..]),
                "Its authority no longer stands by it",
                "Do not connect; tell those who run the broker",
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
                "Version 3 is what can be judged: an older one names no host and no purpose",
                "Issue it again as version 3 (openssl x509 needs -extfile for that); --tls-checks nothing connects meanwhile",
            ),
            Self::Other { detail } => Problem::new(
                "mqtt.certificate",
                format!("{}{} is not accepted", of[..1].to_uppercase(), &of[1..]),
                "A certificate on the way to the root is missing, or it is not made as it should be",
                "Have the broker send the whole chain, and look at the certificates shown here",
            )
            .with_detail(detail),
        }
    }
}
