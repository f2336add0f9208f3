//! TLS: the handshake with a verifier that records and accepts, since nothing is sent over it that matters; then what the
//! chain amounts to.

use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error as TlsError, InvalidMessage, SignatureScheme};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};

use super::errors::{alert, broke, late, other};
use super::roots::Roots;
use crate::check::question::Shape;
use crate::check::seen::{Broke, Certificate, Tls, TlsEnd, Trust};
use crate::io::certificate::{self, Signatures};
use crate::io::stream::{Glimpse, Prefixed, Stream, Watched};
use crate::model::text::{hex, visible, visible_octets};
use crate::proto::tls_hello;

/// How many certificates of a chain are shown, and how many are looked at.
const MAX_SHOWN: usize = 16;
const MAX_CHAIN: usize = 100;
/// Most addresses of a certificate, and their longest text.
const MAX_URLS: usize = 8;
const URL_CHARS: usize = 300;
/// The most that comes over one connection.
pub(super) const MAX_BYTES: u64 = 1024 * 1024;
/// The least that is waited for a server that says after the handshake that it wants a certificate.
const AFTERWARDS: Duration = Duration::from_millis(400);
/// The size of a large hello, bytes.
const LARGE_HELLO: usize = 1500;

/// What is asked of a handshake.
pub(super) struct Wanted<'a> {
    pub(super) host: &'a str,
    pub(super) alpn: &'a [String],
    pub(super) expected: &'a [String],
    pub(super) shape: Shape,
    pub(super) limit: Duration,
    /// Whether it is the last step: then what the server says afterwards is waited for in any case.
    pub(super) is_last: bool,
}

/// What came of a handshake.
pub(super) struct Shaken {
    pub(super) seen: Tls,
    /// The encrypted stream, where it can be used.
    pub(super) stream: Option<Box<dyn Stream>>,
    /// The chain as it came.
    pub(super) chain: Vec<CertificateDer<'static>>,
}

/// Shakes hands over a stream with that far end.
pub(super) async fn shake(
    stream: Box<dyn Stream>,
    to: std::net::SocketAddr,
    roots: &Roots,
    wanted: &Wanted<'_>,
) -> Shaken {
    let (watched, glimpse) = Watched::new(stream, MAX_BYTES);
    let name = ServerName::try_from(wanted.host.to_owned());
    let mut seen = Tls {
        to,
        name: visible(wanted.host, URL_CHARS),
        shape: wanted.shape,
        end: TlsEnd::Broken(Broke::Silent),
        chain: Vec::new(),
        trust: None,
    };
    let Ok(name) = name else {
        seen.end = TlsEnd::Failed { detail: "the host is neither a name nor an address".into() };
        return Shaken { seen, stream: None, chain: Vec::new() };
    };
    if wanted.shape == Shape::PaddedHello {
        let answered = timeout(wanted.limit, large_hello(watched, &glimpse, &name, wanted.alpn)).await;
        seen.end = answered.unwrap_or_else(|_| TlsEnd::Broken(late(&glimpse)));
        return Shaken { seen, stream: None, chain: Vec::new() };
    }
    let recorded = Arc::new(Mutex::new(Recorded::default()));
    let config = match config(&recorded, wanted.alpn) {
        Ok(config) => config,
        Err(error) => {
            seen.end = TlsEnd::Failed { detail: visible(&error.to_string(), URL_CHARS) };
            return Shaken { seen, stream: None, chain: Vec::new() };
        }
    };
    let (end, stream) = finish(config, name.clone(), watched, &glimpse, &recorded, wanted).await;
    let chain = recorded.lock().unwrap_or_else(PoisonError::into_inner).chain.clone();
    seen.end = end;
    seen.chain = chain.iter().take(MAX_SHOWN).map(|der| shown(der)).collect();
    seen.trust = roots.judge(&chain, &name, wanted.expected);
    Shaken { seen, stream, chain }
}

/// What a chain says that somebody else has seen, DER.
pub(super) fn read(
    roots: &Roots,
    host: &str,
    chain: &[Vec<u8>],
    expected: &[String],
) -> (Vec<Certificate>, Option<Trust>) {
    let shown = chain.iter().take(MAX_SHOWN).map(|der| shown(der)).collect();
    let chain: Vec<CertificateDer<'_>> =
        chain.iter().take(MAX_CHAIN).map(|der| CertificateDer::from(der.as_slice())).collect();
    let trust = ServerName::try_from(host.to_owned()).ok().and_then(|name| roots.judge(&chain, &name, expected));
    (shown, trust)
}

async fn finish(
    config: ClientConfig,
    name: ServerName<'static>,
    watched: Watched,
    glimpse: &Glimpse,
    recorded: &Mutex<Recorded>,
    wanted: &Wanted<'_>,
) -> (TlsEnd, Option<Box<dyn Stream>>) {
    let began = Instant::now();
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, watched);
    let outcome = timeout(wanted.limit, connecting).await;
    let asked_certificate = recorded.lock().unwrap_or_else(PoisonError::into_inner).was_asked;
    let mut stream = match outcome {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return (failed(&error, glimpse, asked_certificate), None),
        Err(_) => return (TlsEnd::Broken(late(glimpse)), None),
    };
    let end = done(&stream, asked_certificate);
    if !asked_certificate && !wanted.is_last {
        return (end, Some(Box::new(stream)));
    }
    // With TLS 1.3 a server refuses only now.
    let wait = (4 * began.elapsed()).max(AFTERWARDS).min(wanted.limit);
    let mut first = vec![0; 1024];
    match timeout(wait, stream.read(&mut first)).await {
        Err(_) => (end, Some(Box::new(stream))),
        Ok(Ok(0)) if asked_certificate => (TlsEnd::Broken(Broke::Closed), None),
        Ok(Ok(count)) => {
            first.truncate(count);
            (end, Some(Box::new(Prefixed::new(first, Box::new(stream)))))
        }
        Ok(Err(error)) => match alert(&error) {
            Some(alert) => (TlsEnd::Alert { alert, asked_certificate }, None),
            None if asked_certificate => (TlsEnd::Broken(broke(&error, glimpse)), None),
            // It closes without a word because we say nothing.
            None => (end, None),
        },
    }
}

fn done(stream: &TlsStream<Watched>, asked_certificate: bool) -> TlsEnd {
    let (_, session) = stream.get_ref();
    let version = session.protocol_version().and_then(|version| version.as_str()).map(|text| text.replace('_', "."));
    let cipher = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or_default();
    TlsEnd::Done {
        version: version.unwrap_or_default(),
        cipher: cipher.into(),
        alpn: session.alpn_protocol().map(|chosen| visible_octets(chosen, 60)),
        asked_certificate,
    }
}

fn failed(error: &Error, glimpse: &Glimpse, asked_certificate: bool) -> TlsEnd {
    if let Some(alert) = alert(error) {
        return TlsEnd::Alert { alert, asked_certificate };
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        Some(TlsError::InvalidMessage(_)) if !is_tls(&glimpse.first()) => TlsEnd::Broken(other(glimpse)),
        Some(TlsError::InvalidMessage(InvalidMessage::HandshakePayloadTooLarge)) => TlsEnd::Failed {
            detail: "a message of the handshake, such as the certificates, is larger than 64 KiB".into(),
        },
        Some(error) => TlsEnd::Failed { detail: visible(&error.to_string(), URL_CHARS) },
        None if error.kind() == ErrorKind::UnexpectedEof && !is_tls(&glimpse.first()) && glimpse.bytes() > 0 => {
            TlsEnd::Broken(other(glimpse))
        }
        None => TlsEnd::Broken(broke(error, glimpse)),
    }
}

/// Whether the first bytes begin a TLS record.
fn is_tls(first: &[u8]) -> bool {
    matches!(first, [20..=24, 3, ..] | [20..=24] | [])
}

/// Sends a large hello and reads the server's choice; nothing more is said.
async fn large_hello(mut stream: Watched, glimpse: &Glimpse, name: &ServerName<'_>, alpn: &[String]) -> TlsEnd {
    let mut random = [0; 32];
    if ring::default_provider().secure_random.fill(&mut random).is_err() {
        return TlsEnd::Failed { detail: "this system has no random numbers".into() };
    }
    let name = match name {
        ServerName::DnsName(name) => Some(name.as_ref()),
        _ => None,
    };
    let hello = tls_hello::padded_client_hello(name, alpn, random, LARGE_HELLO);
    let exchange = async {
        stream.write_all(&hello).await?;
        let mut answer = Vec::new();
        loop {
            let mut piece = [0; 4096];
            let count = stream.read(&mut piece).await?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            answer.extend_from_slice(&piece[..count]);
            match tls_hello::read_answer(&answer) {
                Ok(None) => {}
                Ok(Some(found)) => return Ok(Ok(found)),
                Err(refused) => return Ok(Err(refused)),
            }
        }
    };
    let found: Result<_, Error> = exchange.await;
    match found {
        Ok(Ok(choice)) => TlsEnd::Done {
            version: choice.version().into(),
            cipher: choice.cipher(),
            alpn: None,
            asked_certificate: false,
        },
        Ok(Err(tls_hello::Refused { alert: Some(alert) })) => {
            TlsEnd::Alert { alert: format!("{:?}", rustls::AlertDescription::from(alert)), asked_certificate: false }
        }
        Ok(Err(tls_hello::Refused { alert: None })) => TlsEnd::Broken(other(glimpse)),
        Err(_) if !is_tls(&glimpse.first()) => TlsEnd::Broken(other(glimpse)),
        Err(error) => TlsEnd::Broken(broke(&error, glimpse)),
    }
}

fn config(recorded: &Arc<Mutex<Recorded>>, alpn: &[String]) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let recorder =
        Recorder { signatures: Signatures::new(Arc::clone(&provider), true), recorded: Arc::clone(recorded) };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(recorder))
        .with_client_cert_resolver(Arc::new(NoCertificate(Arc::clone(recorded))));
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();
    // Each handshake is a whole one: what is not shown cannot be looked at.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// What a certificate says of itself.
pub fn shown(der: &[u8]) -> Certificate {
    let facts = certificate::facts(der);
    let read = certificate::read(der);
    let key = read.as_ref().map(|read| hex(&Sha256::digest(read.public_key().raw))).unwrap_or_default();
    Certificate {
        sha256: facts.sha256,
        key_sha256: key,
        subject: facts.subject,
        issuer: facts.issuer,
        names: facts.names,
        not_before: facts.not_before,
        not_after: facts.not_after,
        urls: read.map(|read| urls(&read)).unwrap_or_default(),
    }
}

/// Addresses of revocation data and of the issuer's certificate.
fn urls(read: &x509_parser::certificate::X509Certificate<'_>) -> Vec<String> {
    let mut urls = Vec::new();
    let mut add = |name: &GeneralName<'_>| {
        if let GeneralName::URI(url) = name {
            urls.push(visible(url, URL_CHARS));
        }
    };
    for extension in read.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::AuthorityInfoAccess(access) => {
                access.accessdescs.iter().for_each(|described| add(&described.access_location));
            }
            ParsedExtension::CRLDistributionPoints(points) => {
                for point in &points.points {
                    if let Some(DistributionPointName::FullName(names)) = &point.distribution_point {
                        names.iter().for_each(&mut add);
                    }
                }
            }
            _ => {}
        }
    }
    urls.truncate(MAX_URLS);
    urls
}

/// What a handshake showed.
#[derive(Debug, Default)]
struct Recorded {
    chain: Vec<CertificateDer<'static>>,
    was_asked: bool,
}

/// Records the chain and accepts it.
#[derive(Debug)]
struct Recorder {
    signatures: Signatures,
    recorded: Arc<Mutex<Recorded>>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let chain = std::iter::once(own).chain(others).take(MAX_CHAIN);
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner).chain =
            chain.map(|der| der.clone().into_owned()).collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.signatures.of_12(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.signatures.of_13(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.schemes()
    }
}

/// Notes that a certificate of ours was asked for; there is none.
#[derive(Debug)]
struct NoCertificate(Arc<Mutex<Recorded>>);

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _roots: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).was_asked = true;
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
