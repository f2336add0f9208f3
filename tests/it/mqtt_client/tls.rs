//! Encrypted connections: what is accepted, what is refused and how that is explained, whether mosquitto does it or a server
//! in this process.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use linesman::flow::port::Retry;
use linesman::model::mqtt::connect::{ClientIdentity, ConnectPlan, TlsChecks, Trust};
use linesman::model::mqtt::message::{PublishEnd, Qos};
use linesman::model::mqtt::stage::{Stage, StageState};
use linesman::model::secret::Secret;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{attempt, connect, fact, message, plan, refused, stage};
use crate::mosquitto::Mosquitto;

/// An authority made for one test.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(super) pem: String,
}

/// A certificate with its key, as PEM.
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
    pub(super) der: Vec<u8>,
    key_der: Vec<u8>,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for these names, with a life of these days from now.
    pub(super) fn issue(&self, names: &[&str], purpose: ExtendedKeyUsagePurpose, days: std::ops::Range<i64>) -> Pair {
        let (params, key) = params(names, purpose, days);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().to_vec(),
            key_der: key.serialize_der(),
        }
    }

    pub(super) fn server(&self) -> Pair {
        self.issue(&["localhost", "127.0.0.1"], ExtendedKeyUsagePurpose::ServerAuth, -1..400)
    }

    fn client(&self, days: std::ops::Range<i64>) -> Pair {
        self.issue(&["gateway-7"], ExtendedKeyUsagePurpose::ClientAuth, days)
    }
}

fn params(
    names: &[&str],
    purpose: ExtendedKeyUsagePurpose,
    days: std::ops::Range<i64>,
) -> (CertificateParams, KeyPair) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names.clone()).unwrap();
    params.distinguished_name.push(DnType::CommonName, names[0].clone());
    params.extended_key_usages = vec![purpose];
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + day(days.start);
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + day(days.end);
    (params, KeyPair::generate().unwrap())
}

/// Seconds since 1970 UTC, so many days from now.
fn day(days: i64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Duration::from_secs(now.checked_add_signed(days * 86_400 + 60).unwrap())
}

impl Pair {
    fn identity(&self) -> ClientIdentity {
        ClientIdentity {
            certificates: self.certificate.clone().into_bytes(),
            key: Secret::new(self.key.clone().into_bytes()),
        }
    }
}

/// The lines of a listener that shows a certificate.
pub(super) fn listener(folder: &Path, pair: &Pair, more: &str) -> String {
    let (certificate, key) = (folder.join("server.pem"), folder.join("server.key"));
    fs::write(&certificate, &pair.certificate).unwrap();
    fs::write(&key, &pair.key).unwrap();
    format!("certfile {}\nkeyfile {}\n{more}", certificate.display(), key.display())
}

fn broker(pair: &Pair, more: impl Fn(&Path) -> String) -> Option<Mosquitto> {
    let folder = tempfile::tempdir().unwrap();
    let lines = listener(folder.path(), pair, &more(folder.path()));
    Mosquitto::start(folder, &[&lines], "allow_anonymous true")
}

fn tls_plan(port: u16, trust: &str) -> ConnectPlan {
    let mut plan = plan(&format!("mqtts://localhost:{port}"), &[("a", Qos::AtLeastOnce)]);
    plan.tls.trust = Trust::Only(trust.as_bytes().to_vec());
    plan
}

#[tokio::test]
async fn an_encrypted_connection_shows_its_chain() {
    let authority = Authority::new("Site CA");
    let server = authority.server();
    let Some(broker) = broker(&server, |_| String::new()) else { return };
    let mut plan = tls_plan(broker.port(), &authority.pem);
    let keys = broker.folder.path().join("keys.log");
    plan.key_log = Some(keys.clone());
    let (outcome, reports) = attempt(&plan).await;
    let mut client = super::Client::new(outcome.unwrap_or_else(|end| panic!("{end:?}")));
    assert_eq!(client.published(1, message("a", vec![7; 300_000], Qos::AtLeastOnce)).await, PublishEnd::Acknowledged);
    assert_eq!(client.messages(1).await[0].payload.len(), 300_000);
    let tls = stage(&reports, Stage::Tls);
    assert_eq!(tls.state, StageState::Done);
    assert!(fact(tls, "Encryption").starts_with("TLSv1"), "{:?}", tls.facts);
    assert_eq!(fact(tls, "Server name (SNI)"), "localhost");
    assert_eq!(fact(tls, "Client certificate asked for"), "no");
    assert_eq!(fact(tls, "Certificate ends"), "expires in 400 days");
    let own = &tls.certificates[0];
    assert_eq!(
        (own.subject.as_str(), own.issuer.as_str(), own.key.as_str()),
        ("CN=localhost", "CN=Site CA", "EC P-256")
    );
    assert_eq!(own.names, ["localhost", "127.0.0.1"]);
    assert_eq!(own.sha256, linesman::model::text::hex(&<sha2::Sha256 as sha2::Digest>::digest(&server.der)));
    assert_eq!((own.sha1.len(), own.not_after - own.not_before), (40, 401 * 86_400));
    let keys = fs::read_to_string(keys).unwrap();
    assert!(keys.contains("TRAFFIC_SECRET") || keys.contains("CLIENT_RANDOM"), "{keys}");
    // By address there is no name to send, and the certificate has the address.
    plan.url.host = "127.0.0.1".into();
    plan.key_log = None;
    let (outcome, reports) = attempt(&plan).await;
    assert!(outcome.is_ok());
    assert!(fact(stage(&reports, Stage::Tls), "Server name (SNI)").starts_with("none"));
}

#[tokio::test]
async fn each_fault_of_a_certificate_is_told_with_the_chain() {
    let (authority, other) = (Authority::new("Site CA"), Authority::new("Other CA"));
    let serve = |names: &[&str], days| authority.issue(names, ExtendedKeyUsagePurpose::ServerAuth, days);
    let here = ["localhost"];
    let (own, own_key) = params(&here, ExtendedKeyUsagePurpose::ServerAuth, -1..9);
    let own = own.self_signed(&own_key).unwrap();
    let own = Pair {
        certificate: own.pem(),
        key: own_key.serialize_pem(),
        der: own.der().to_vec(),
        key_der: own_key.serialize_der(),
    };
    let boxed = Authority::new("Zscaler Intermediate Root CA");
    let cases = [
        (serve(&here, -30..-4), "mqtt.certificate_expired", "The certificate of localhost expired 3 days ago"),
        (
            serve(&here, 3..40),
            "mqtt.certificate_not_yet",
            "The certificate of localhost isn't valid for another 3 days",
        ),
        (serve(&["broker.example"], -1..9), "mqtt.wrong_name", "The certificate of localhost is not for localhost"),
        (other.server(), "mqtt.issuer_not_sent", "The broker sent the certificate of localhost without its issuer's"),
        (boxed.server(), "mqtt.intercepted", "Something in between shows the certificate of localhost"),
        (own, "mqtt.self_signed", "Self-signed: the certificate of localhost"),
        (authority.client(-1..9), "mqtt.certificate_purpose", "The certificate of localhost is not for servers"),
    ];
    for (pair, code, what) in cases {
        let port = serve_tls(&pair).await;
        let (found, at, end, reports) = refused(&tls_plan(port, &authority.pem)).await;
        assert_eq!((found, at, end.problem.what.as_str()), (code, Stage::Tls, what));
        assert_eq!(end.retry, Retry::Never);
        assert_eq!(stage(&reports, Stage::Tls).certificates.len(), 1, "{code}");
        // Nothing checked: it is taken, and what is wrong is told all the same.
        let mut plan = tls_plan(port, &authority.pem);
        plan.tls.checks = TlsChecks::Nothing;
        let (_, reports) = attempt(&plan).await;
        let StageState::Noted(problem) = &stage(&reports, Stage::Tls).state else { panic!("{code} {reports:?}") };
        assert_eq!(problem.code, "mqtt.tls_unchecked");
        assert!(problem.likely_cause.starts_with(what), "{}", problem.likely_cause);
        // Only the name left out: all else still counts.
        plan.tls.checks = TlsChecks::NotTheName;
        let (_, reports) = attempt(&plan).await;
        let is_taken = matches!(stage(&reports, Stage::Tls).state, StageState::Noted(_));
        assert_eq!(is_taken, code == "mqtt.wrong_name", "{code}");
    }
}

/// Shows a certificate to whoever comes, and says no more.
async fn serve_tls(pair: &Pair) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![pair.der.clone().into()],
            rustls::pki_types::PrivatePkcs8KeyDer::from(pair.key_der.clone()).into(),
        )
        .unwrap();
    let mut config = config;
    config.alpn_protocols = vec![b"mqtt".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.shutdown().await;
            }
        }
    });
    port
}

#[tokio::test]
async fn a_given_certificate_is_trusted_as_it_is() {
    let (own, key) = params(&["localhost"], ExtendedKeyUsagePurpose::ServerAuth, -1..400);
    for is_authority in [false, true] {
        let mut own = own.clone();
        own.is_ca = if is_authority { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::NoCa };
        let own = own.self_signed(&key).unwrap();
        let pair = Pair {
            certificate: own.pem(),
            key: key.serialize_pem(),
            der: own.der().to_vec(),
            key_der: key.serialize_der(),
        };
        let Some(broker) = broker(&pair, |_| String::new()) else { return };
        let plan = tls_plan(broker.port(), &pair.certificate);
        connect(&plan).await;
        let mut plan = tls_plan(broker.port(), &pair.certificate);
        plan.tls.server_name = Some("elsewhere".into());
        assert_eq!(refused(&plan).await.0, "mqtt.wrong_name");
        plan.tls.server_name = None;
        plan.tls.trust = Trust::Only(Authority::new("Other").pem.into_bytes());
        assert_eq!(refused(&plan).await.0, "mqtt.self_signed", "authority: {is_authority}");
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_when_asked_for() {
    let (authority, other) = (Authority::new("Site CA"), Authority::new("Other CA"));
    let with_clients = |folder: &Path| {
        let path = folder.join("ca.pem");
        fs::write(&path, &authority.pem).unwrap();
        format!("cafile {}\nrequire_certificate true", path.display())
    };
    let Some(broker) = broker(&authority.server(), with_clients) else { return };
    let mut plan = tls_plan(broker.port(), &authority.pem);
    // None.
    let (code, _, end, reports) = refused(&plan).await;
    assert_eq!(
        (code, end.problem.likely_cause.as_str()),
        ("mqtt.tls_alert", "It asks for a client certificate, and none is set")
    );
    assert_eq!(fact(stage(&reports, Stage::Tls), "Client certificate asked for"), "yes, and there is none to show");
    // Of a stranger, and one that has ended.
    for wrong in [other.client(-1..400), authority.client(-9..-1)] {
        plan.tls.identity = Some(wrong.identity());
        let (code, _, end, _) = refused(&plan).await;
        assert_eq!(code, "mqtt.tls_alert");
        assert!(end.problem.likely_cause.starts_with("It doesn't accept the client certificate"), "{end:?}");
    }
    // The right one, its key in two forms.
    let right = authority.client(-1..400);
    let sec1 = &right.key_der[right.key_der.len() - 0x6d..];
    assert_eq!(sec1[..2], [0x30, 0x6b]);
    let sec1 = format!("-----BEGIN EC PRIVATE KEY-----\n{}\n-----END EC PRIVATE KEY-----\n", STANDARD.encode(sec1));
    for key in [right.key.clone(), sec1] {
        let key = Secret::new(key.into_bytes());
        plan.tls.identity = Some(ClientIdentity { certificates: right.certificate.clone().into_bytes(), key });
        let (outcome, reports) = attempt(&plan).await;
        assert!(outcome.is_ok(), "{:?}", outcome.err());
        let tls = stage(&reports, Stage::Tls);
        assert_eq!(tls.state, StageState::Done);
        assert_eq!(fact(tls, "Client certificate asked for"), "yes, and it was shown");
        assert_eq!(fact(tls, "Client certificate"), "CN=gateway-7");
    }
    // One that ends soon is pointed out.
    plan.tls.identity = Some(authority.client(-1..9).identity());
    let (_, reports) = attempt(&plan).await;
    let StageState::Noted(problem) = &stage(&reports, Stage::Tls).state else { panic!("{reports:?}") };
    assert_eq!(problem.what, "The certificate of this client expires in 9 days");
}

#[tokio::test]
async fn what_cannot_be_used_is_told_before_anything_is_sent() {
    let authority = Authority::new("Site CA");
    let port = serve_tls(&authority.server()).await;
    let (first, second) = (authority.client(-1..9), authority.client(-1..9));
    let identity = |certificates: &str, key: &str| {
        Some(ClientIdentity { certificates: certificates.into(), key: Secret::new(key.into()) })
    };
    let protected = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (identity, code) in [
        (identity(&first.certificate, &second.key), "mqtt.key_mismatch"),
        (identity(&first.certificate, protected), "mqtt.key_encrypted"),
        (identity(&first.key, &first.certificate), "mqtt.identity_unreadable"),
        (identity("", ""), "mqtt.identity_unreadable"),
    ] {
        let mut plan = tls_plan(port, &authority.pem);
        plan.tls.identity = identity;
        assert_eq!(refused(&plan).await.0, code);
    }
    for trust in ["", "no certificate"] {
        assert_eq!(refused(&tls_plan(port, trust)).await.0, "mqtt.trust_unreadable");
    }
    let mut plan = tls_plan(port, &authority.pem);
    plan.tls.server_name = Some("no name at all".into());
    assert_eq!(refused(&plan).await.0, "mqtt.bad_server_name");
    plan.tls.server_name = None;
    plan.key_log = Some("/no/such/folder/keys".into());
    assert_eq!(refused(&plan).await.0, "mqtt.key_log");
}

#[tokio::test]
async fn the_protocol_is_offered_and_the_chosen_one_told() {
    let authority = Authority::new("Site CA");
    let port = serve_tls(&authority.server()).await;
    let mut plan = tls_plan(port, &authority.pem);
    plan.tls.alpn = vec!["x-amzn-mqtt-ca".into(), "mqtt".into()];
    let (_, reports) = attempt(&plan).await;
    assert_eq!(fact(stage(&reports, Stage::Tls), "Protocol (ALPN)"), "mqtt, offered: x-amzn-mqtt-ca, mqtt");
    plan.tls.alpn = vec!["other".into()];
    let (code, at, end, _) = refused(&plan).await;
    assert_eq!((code, at, end.problem.detail.as_str()), ("mqtt.tls_alert", Stage::Tls, "NoApplicationProtocol"));
}

#[tokio::test]
async fn who_does_not_speak_tls_is_recognised() {
    for (greeting, looks_like) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "It answers like a web server without encryption"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "It answers like an SSH server"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(greeting).await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.read(&mut [0; 4096]).await;
        });
        let (code, at, end, _) = refused(&tls_plan(port, &Authority::new("CA").pem)).await;
        assert_eq!((code, at, end.problem.likely_cause.as_str()), ("mqtt.not_tls", Stage::Tls, looks_like));
    }
    let Some(broker) = Mosquitto::plain() else { return };
    let (code, at, ..) = refused(&tls_plan(broker.port(), &Authority::new("CA").pem)).await;
    assert_eq!((code, at), ("mqtt.tls_cut", Stage::Tls));
}
