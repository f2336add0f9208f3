//! Encryption by rustls with a verifier of our own around the usual one: what the broker showed is recorded whether it is
//! accepted or not, and why it is not.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, InconsistentKeys, KeyLog, SignatureScheme,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::certificate;
use super::connect::Findings;
use super::error::{MqttError, Stalled};
use crate::io::certificate::Signatures;
use crate::io::files::FilesError;
use crate::io::save;
use crate::io::stream::{Stream, Watched};
use crate::io::trust::{Trusted, but_for_the_name};
use crate::model::mqtt::connect::{ClientIdentity, ConnectPlan, TlsChecks, Trust};
use crate::model::mqtt::stage::{CertificateFacts, Expiry};
use crate::model::problem::Explain;
use crate::model::text::{visible, visible_octets};
use crate::proto::tls_hello::{self, Mismatch};

/// A certificate that ends sooner than this is pointed out.
const SOON_DAYS: i64 = 30;
/// The most that is read of a server's answer.
const MAX_ANSWER: usize = 128 * 1024;
/// How many certificates of a chain are shown.
const MAX_CHAIN: usize = 16;

/// What a handshake showed that is needed later: with TLS 1.3 a broker refuses our certificate after it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    pub(super) has_identity: bool,
    pub(super) was_asked: bool,
}

/// Encrypts a stream; what was seen is in the findings, however it ends.
pub(super) async fn encrypt(
    stream: Box<dyn Stream>,
    address: &str,
    plan: &ConnectPlan,
    limit: Duration,
    findings: &mut Findings,
) -> Result<(Box<dyn Stream>, Asked), MqttError> {
    let wanted = plan.tls.server_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&plan.url.host);
    let name =
        ServerName::try_from(wanted.to_owned()).map_err(|_| MqttError::BadServerName { name: visible(wanted, 200) })?;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let own = identity(plan.tls.identity.as_ref())?;
    let config = config(plan, own.as_ref(), &seen)?;
    let sni = match &name {
        ServerName::DnsName(name) => name.as_ref().to_owned(),
        _ => "none is sent with an address".to_owned(),
    };
    findings.facts.push(("Server name (SNI)".into(), visible(&sni, 200)));
    if let Some(path) = &plan.key_log {
        findings.facts.push(("Keys are written to".into(), visible(&path.display().to_string(), 300)));
    }
    let (watched, first_bytes) = Watched::new(stream, u64::MAX);
    let outcome = timeout(limit, TlsConnector::from(Arc::new(config)).connect(name, watched)).await;
    let seen = lock(&seen).clone();
    let asked = Asked { has_identity: own.is_some(), was_asked: seen.was_asked };
    tell(&seen, own.as_deref(), plan, findings);
    let stream = match outcome {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            let first_bytes = first_bytes.first();
            return Err(explain(&error, &first_bytes, &seen, address, wanted, asked));
        }
        Err(_) => {
            let what = Stalled::Tls { has_bytes: !first_bytes.first().is_empty() };
            return Err(MqttError::Stalled { what, address: address.into(), secs: limit.as_secs() });
        }
    };
    let (_, session) = stream.get_ref();
    let version = session.protocol_version().and_then(|version| version.as_str().map(|text| text.replace('_', ".")));
    let cipher = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    findings
        .facts
        .insert(0, ("Encryption".into(), format!("{} {}", version.unwrap_or_default(), cipher.unwrap_or(""))));
    if !plan.tls.alpn.is_empty() {
        let chosen = session.alpn_protocol().map_or("none".to_owned(), |chosen| visible_octets(chosen, 60));
        let offered = visible(&plan.tls.alpn.join(", "), 200);
        findings.facts.push(("Protocol (ALPN)".into(), format!("{chosen}, offered: {offered}")));
    }
    Ok((Box::new(stream), asked))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now_secs() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
}

// What is told.

fn tell(seen: &Seen, own: Option<&CertifiedKey>, plan: &ConnectPlan, findings: &mut Findings) {
    let now = now_secs();
    findings.certificates = seen.chain.iter().map(|der| certificate::facts(der)).collect();
    if seen.chain.is_empty() {
        return;
    }
    let request = match (seen.was_asked, own.is_some()) {
        (true, true) => "yes, and it was shown",
        (true, false) => "yes, and there is none to show",
        (false, true) => "no, so it was not shown",
        (false, false) => "no",
    };
    findings.facts.push(("Client certificate asked for".into(), request.into()));
    let own = own.and_then(|own| own.cert.first()).map(|der| certificate::facts(der));
    if let Some(own) = &own {
        findings.facts.push(("Client certificate".into(), own.subject.clone()));
        findings.facts.push(("Client certificate SHA-1".into(), own.sha1.clone()));
        findings.facts.push(("Client certificate ends".into(), end(own, now).to_string()));
    }
    let brokers = findings.certificates.first().cloned();
    if let Some(brokers) = &brokers {
        findings.facts.push(("Certificate ends".into(), end(brokers, now).to_string()));
    }
    let note = match (seen.faults.as_slice(), &own, &brokers) {
        ([_, ..], ..) if plan.tls.checks != TlsChecks::All => Some(unchecked(seen, &plan.url.host, now)),
        (_, Some(own), _) if end(own, now).is_within(SOON_DAYS) => {
            Some(MqttError::EndsSoon { whose: "this client", end: end(own, now) })
        }
        (_, _, Some(brokers)) if matches!(end(brokers, now), Expiry::Ends { in_days: ..SOON_DAYS }) => {
            Some(MqttError::EndsSoon { whose: "the broker", end: end(brokers, now) })
        }
        _ => None,
    };
    findings.note = note.map(|note| note.explain());
}

/// Everything that is wrong with a certificate that is accepted all the same.
fn unchecked(seen: &Seen, host: &str, now: i64) -> MqttError {
    let mut wrong = Vec::new();
    for fault in &seen.faults {
        let why = certificate::fault(fault, &seen.chain, &seen.asked_name, now);
        let why = MqttError::Certificate { host: host.to_owned(), why }.explain().what;
        if !wrong.contains(&why) {
            wrong.push(why);
        }
    }
    MqttError::Unchecked { why: wrong.join(". ") }
}

const fn end(facts: &CertificateFacts, now: i64) -> Expiry {
    Expiry::at(facts.not_after, now)
}

fn explain(
    error: &std::io::Error,
    first_bytes: &[u8],
    seen: &Seen,
    address: &str,
    wanted: &str,
    asked: Asked,
) -> MqttError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        Some(error @ TlsError::InvalidCertificate(_)) => {
            let why = certificate::fault(error, &seen.chain, wanted, now_secs());
            MqttError::Certificate { host: visible(wanted, 200), why }
        }
        Some(TlsError::InvalidMessage(_)) if first_bytes.first().is_none_or(|first| !(20..=24).contains(first)) => {
            MqttError::NotTls { address: address.into(), looks_like: looks_like(first_bytes) }
        }
        Some(error) => of_tls(error, asked),
        None if matches!(
            error.kind(),
            ErrorKind::UnexpectedEof
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
        ) =>
        {
            MqttError::CutInHandshake { has_identity: asked.has_identity }
        }
        None => MqttError::Handshake { detail: error.to_string() },
    }
}

/// A failure of the encryption, in the handshake or after it.
pub(super) fn of_tls(error: &TlsError, asked: Asked) -> MqttError {
    match error {
        TlsError::AlertReceived(alert) => MqttError::Alert {
            alert: format!("{alert:?}"),
            has_identity: asked.has_identity,
            was_asked: asked.was_asked,
        },
        error => MqttError::Handshake { detail: visible(&error.to_string(), 300) },
    }
}

/// Asks a server that refused the handshake, on a connection of its own, what it would have chosen of everything there is.
pub(super) async fn mismatch(mut stream: Box<dyn Stream>, plan: &ConnectPlan, limit: Duration) -> Option<Mismatch> {
    let wanted = plan.tls.server_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&plan.url.host);
    let name = match ServerName::try_from(wanted).ok()? {
        ServerName::DnsName(name) => Some(name.as_ref().to_owned()),
        _ => None,
    };
    let mut random = [0; 32];
    ring::default_provider().secure_random.fill(&mut random).ok()?;
    let hello = tls_hello::client_hello(name.as_deref(), &plan.tls.alpn, random);
    let ask = async {
        stream.write_all(&hello).await.ok()?;
        let mut answer = Vec::new();
        while answer.len() < MAX_ANSWER {
            let mut piece = [0; 4096];
            let count = stream.read(&mut piece).await.ok().filter(|count| *count > 0)?;
            answer.extend_from_slice(&piece[..count]);
            if let Some(choice) = tls_hello::read_answer(&answer).ok()? {
                return choice.mismatch();
            }
        }
        None
    };
    timeout(limit, ask).await.ok().flatten()
}

fn looks_like(first_bytes: &[u8]) -> String {
    let known: &[(&[u8], &str)] = &[
        (b"HTTP/", "a web server without encryption"),
        (b"<", "a web server without encryption"),
        (b"SSH-", "an SSH server"),
        (b"220", "a mail or file server"),
        (b"\x20\x02", "an MQTT broker without encryption"),
        (b"\x20\x03", "an MQTT broker without encryption"),
        (b"\xE0", "an MQTT broker without encryption"),
    ];
    known
        .iter()
        .find(|(start, _)| first_bytes.starts_with(start))
        .map(|(_, what)| (*what).to_owned())
        .unwrap_or_default()
}

// What is set up.

fn config(
    plan: &ConnectPlan,
    own: Option<&Arc<CertifiedKey>>,
    seen: &Arc<Mutex<Seen>>,
) -> Result<ClientConfig, MqttError> {
    let provider = Arc::new(ring::default_provider());
    let trusted = trusted(&provider, &plan.tls.trust, plan.tls.checks)?;
    // Nothing of a certificate that is not to be judged is to be readable either.
    let signatures = Signatures::new(Arc::clone(&provider), plan.tls.checks == TlsChecks::Nothing);
    let verifier = Verifier { trusted, checks: plan.tls.checks, signatures, seen: Arc::clone(seen) };
    let resolver = OwnCertificate { own: own.cloned(), seen: Arc::clone(seen) };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| MqttError::Handshake { detail: error.to_string() })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = plan.tls.alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();
    // Each handshake is a whole one: what is not shown cannot be looked at.
    config.resumption = Resumption::disabled();
    if let Some(path) = &plan.key_log {
        config.key_log = Arc::new(KeyFile::open(path)?);
    }
    Ok(config)
}

/// Whom we trust.
fn trusted(provider: &Arc<CryptoProvider>, trust: &Trust, checks: TlsChecks) -> Result<Trusted, MqttError> {
    let pem = match trust {
        Trust::Only(pem) | Trust::SystemAnd(pem) => Some(pem.as_slice()),
        Trust::System => None,
    };
    let with_system = !matches!(trust, Trust::Only(_));
    let trusted =
        Trusted::new(Arc::clone(provider), pem, with_system).map_err(|detail| MqttError::TrustUnreadable { detail })?;
    if trusted.is_empty() && checks != TlsChecks::Nothing {
        return Err(MqttError::TrustEmpty { detail: visible(&trusted.errors.join("; "), 500) });
    }
    Ok(trusted)
}

fn identity(identity: Option<&ClientIdentity>) -> Result<Option<Arc<CertifiedKey>>, MqttError> {
    let Some(identity) = identity else { return Ok(None) };
    let unreadable = |detail: String| MqttError::IdentityUnreadable { detail };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&identity.certificates).collect();
    let chain = chain.map_err(|error| unreadable(format!("the certificate: {error}")))?;
    if chain.is_empty() {
        return Err(unreadable("there is no certificate in the certificate's file".into()));
    }
    let pem = identity.key.expose();
    let has = |text: &[u8]| memchr::memmem::find(pem, text).is_some();
    if has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED") {
        return Err(MqttError::KeyEncrypted);
    }
    // The text of the failure is about the form, never about the content.
    let key = PrivateKeyDer::from_pem_slice(pem)
        .map_err(|_| unreadable("there is no private key in the key's file".into()))?;
    match CertifiedKey::from_der(chain, key, &ring::default_provider()) {
        Ok(own) => Ok(Some(Arc::new(own))),
        Err(TlsError::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(MqttError::KeyMismatch),
        Err(error) => Err(unreadable(error.to_string())),
    }
}

/// What the handshake showed.
#[derive(Clone, Debug, Default)]
struct Seen {
    chain: Vec<Vec<u8>>,
    asked_name: String,
    /// Everything that is wrong with the certificate, what weighs most first.
    faults: Vec<TlsError>,
    was_asked: bool,
}

/// Records the chain, then judges it as the plan says.
#[derive(Debug)]
struct Verifier {
    trusted: Trusted,
    checks: TlsChecks,
    signatures: Signatures,
    seen: Arc<Mutex<Seen>>,
}

impl Verifier {
    /// What else is wrong beside what was found first: a look stops at the first fault.
    fn more_faults(
        &self,
        first: &TlsError,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
    ) -> Vec<TlsError> {
        let mut faults = Vec::new();
        let Some((begin, end)) = certificate::validity(own) else { return faults };
        let now = now_secs();
        let is_time = |fault: &TlsError| {
            use CertificateError as Fault;
            matches!(
                fault,
                TlsError::InvalidCertificate(
                    Fault::Expired
                        | Fault::ExpiredContext { .. }
                        | Fault::NotValidYet
                        | Fault::NotValidYetContext { .. }
                )
            )
        };
        if is_time(first) {
            // As if it were good today.
            let within = Duration::from_secs(u64::try_from(begin + (end - begin) / 2).unwrap_or_default());
            let judged = self.trusted.judge(own, others, name, ocsp, UnixTime::since_unix_epoch(within));
            faults.extend(judged.err().filter(|fault| !is_time(fault)));
        } else if end < now {
            faults.push(CertificateError::Expired.into());
        } else if begin > now {
            faults.push(CertificateError::NotValidYet.into());
        }
        if certificate::is_self_signed(own) && !self.trusted.is_pinned(own) {
            faults.push(CertificateError::UnknownIssuer.into());
        }
        match ParsedCertificate::try_from(own) {
            Ok(parsed) => faults.extend(verify_server_name(&parsed, name).err()),
            // One that cannot be judged at all: of version 1, which has no names of hosts.
            Err(_) => faults.push(CertificateError::NotValidForName.into()),
        }
        faults
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let judged = self.trusted.judge(end_entity, intermediates, server_name, ocsp_response, now);
        let mut seen = lock(&self.seen);
        seen.chain = std::iter::once(end_entity).chain(intermediates).take(MAX_CHAIN).map(|der| der.to_vec()).collect();
        seen.asked_name = server_name.to_str().into_owned();
        seen.faults = judged.as_ref().err().into_iter().cloned().collect();
        if let Err(fault) = &judged
            && self.checks != TlsChecks::All
        {
            seen.faults.extend(self.more_faults(fault, end_entity, intermediates, server_name, ocsp_response));
        }
        let judged = match self.checks {
            TlsChecks::Nothing => Ok(()),
            TlsChecks::NotTheName => but_for_the_name(judged),
            TlsChecks::All => judged,
        };
        judged.map(|()| ServerCertVerified::assertion())
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

/// Shows our certificate when asked, and notes that it was.
#[derive(Debug)]
struct OwnCertificate {
    own: Option<Arc<CertifiedKey>>,
    seen: Arc<Mutex<Seen>>,
}

impl ResolvesClientCert for OwnCertificate {
    fn resolve(&self, _roots: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        lock(&self.seen).was_asked = true;
        self.own.clone()
    }

    fn has_certs(&self) -> bool {
        self.own.is_some()
    }
}

/// The keys of a connection in the format of packet analysers (NSS key log).
#[derive(Debug)]
struct KeyFile(Mutex<File>);

impl KeyFile {
    fn open(path: &Path) -> Result<Self, MqttError> {
        let failed = |error: FilesError| MqttError::KeyLog {
            path: visible(&path.display().to_string(), 300),
            detail: error.to_string(),
        };
        save::append(path).map(|file| Self(Mutex::new(file))).map_err(failed)
    }
}

impl KeyLog for KeyFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        use crate::model::text::hex;
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        // The connection does not depend on it.
        let _ = lock(&self.0).write_all(line.as_bytes());
    }
}
