//! Opens a connection: a socket of ours, encrypted before anything is said unless it stays on this computer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_postgres::config::{ChannelBinding as Wanted, SslMode, SslNegotiation};
use tokio_postgres::{Client, Config};
use tokio_rustls::TlsConnector;

use super::binding::{Way, end_point};
use super::errors;
use crate::io::certificate::{Signatures, facts, is_self_signed};
use crate::io::files;
use crate::io::records::sync::SyncError;
use crate::io::stream::Stream;
use crate::io::trust::{Trusted, but_for_the_name};
use crate::model::secret::Secret;
use crate::model::sync::{ChannelBinding, Place, Protection, ServerAddress};
use crate::model::text::visible;

/// How long a connection may take, from the name to the login.
const CONNECT: Duration = Duration::from_secs(15);
/// Asks for encryption: length and code of the request (PostgreSQL, "Message Formats", SSLRequest).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// Largest file of certificates read.
const MAX_ROOT_BYTES: u64 = 4 * 1024 * 1024;

/// Connects and logs in. The connection lives for as long as the client does.
pub(super) async fn connect(address: &ServerAddress, password: Option<Secret<String>>) -> Result<Client, SyncError> {
    match timeout(CONNECT, connect_within(address, password)).await {
        Ok(connected) => connected,
        Err(_) => Err(SyncError::Silent { place: address.to_string(), secs: CONNECT.as_secs() }),
    }
}

async fn connect_within(address: &ServerAddress, password: Option<Secret<String>>) -> Result<Client, SyncError> {
    let (stream, way) = open(address).await?;
    let mut config = Config::new();
    config.user(&address.user).dbname(&address.database).application_name("linesman");
    // What protects the way is around the stream already, so nothing is asked for; or isn't needed.
    config.ssl_mode(if way.is_encrypted() { SslMode::Require } else { SslMode::Disable });
    config.ssl_negotiation(SslNegotiation::Direct);
    config.channel_binding(match address.binding {
        ChannelBinding::Disable => Wanted::Disable,
        ChannelBinding::Prefer => Wanted::Prefer,
        ChannelBinding::Require => Wanted::Require,
    });
    if let Some(password) = &password {
        config.password(password.expose());
    }
    let (client, connection) =
        config.connect_raw(stream, way).await.map_err(|error| errors::of(&error, &address.user))?;
    tokio::spawn(async move {
        // Whoever asks next is told: the client is closed then.
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to the server of the records ended");
        }
    });
    Ok(client)
}

async fn open(address: &ServerAddress) -> Result<(Box<dyn Stream>, Way), SyncError> {
    match &address.place {
        Place::Socket { folder, port } => Ok((socket(&folder.join(format!(".s.PGSQL.{port}"))).await?, Way::Plain)),
        Place::Tcp { host, port } => {
            let stream = tcp(host, *port).await?;
            if address.protection == Protection::None {
                let peer = stream.peer_addr().map_err(|error| SyncError::Cut { detail: error.to_string() })?;
                if !peer.ip().is_loopback() {
                    return Err(SyncError::NotHere { host: host.clone(), address: peer.ip().to_string() });
                }
                return Ok((Box::new(stream), Way::Plain));
            }
            encrypted(stream, address, host).await
        }
    }
}

#[cfg(unix)]
async fn socket(path: &std::path::Path) -> Result<Box<dyn Stream>, SyncError> {
    match tokio::net::UnixStream::connect(path).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(SyncError::Unreachable { place: path.display().to_string(), detail: error.to_string() }),
    }
}

#[cfg(not(unix))]
async fn socket(path: &std::path::Path) -> Result<Box<dyn Stream>, SyncError> {
    let detail = "this system has no such sockets".to_owned();
    Err(SyncError::Unreachable { place: path.display().to_string(), detail })
}

/// The first address of the name that answers.
async fn tcp(host: &str, port: u16) -> Result<TcpStream, SyncError> {
    let found = lookup_host((host, port))
        .await
        .map_err(|error| SyncError::NotResolved { host: host.to_owned(), detail: error.to_string() })?;
    let addresses: Vec<SocketAddr> = found.collect();
    match TcpStream::connect(addresses.as_slice()).await {
        Ok(stream) => {
            // Questions are small and answered one by one; that it can't be set does no harm.
            let _ = stream.set_nodelay(true);
            Ok(stream)
        }
        Err(error) => Err(SyncError::Unreachable { place: format!("{host}:{port}"), detail: error.to_string() }),
    }
}

async fn encrypted(
    mut stream: TcpStream,
    address: &ServerAddress,
    host: &str,
) -> Result<(Box<dyn Stream>, Way), SyncError> {
    let cut = |error: std::io::Error| SyncError::Cut { detail: error.to_string() };
    stream.write_all(&SSL_REQUEST).await.map_err(cut)?;
    // One byte and no more: what came behind it in clear text would be taken for encrypted.
    if stream.read_u8().await.map_err(cut)? != b'S' {
        return Err(SyncError::NoTls { place: address.to_string() });
    }
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| SyncError::NotResolved { host: host.to_owned(), detail: "it can't be a name".into() })?;
    let seen = Arc::new(Mutex::new(None));
    let config = config(address, &seen)?;
    match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
        Ok(stream) => {
            let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let way = Way::Encrypted { end_point: certificate.and_then(|certificate| end_point(certificate)) };
            if address.binding == ChannelBinding::Require && !way.can_bind() {
                let detail = "the certificate is signed by a method that has no single hash".to_owned();
                return Err(SyncError::NotBound { detail });
            }
            Ok((Box::new(stream), way))
        }
        Err(error) => {
            let shown = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
            Err(refused(&error, address, host, shown.as_deref()))
        }
    }
}

/// Why the handshake failed.
fn refused(error: &std::io::Error, address: &ServerAddress, host: &str, shown: Option<&[u8]>) -> SyncError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        Some(TlsError::InvalidCertificate(fault)) => {
            SyncError::Certificate { host: host.to_owned(), why: why(fault, shown), next: next_step(fault, address) }
        }
        Some(error) => SyncError::Handshake { detail: visible(&error.to_string(), 300) },
        None => SyncError::Handshake { detail: error.to_string() },
    }
}

/// What to do about a certificate that is refused.
const fn next_step(fault: &CertificateError, address: &ServerAddress) -> &'static str {
    match fault {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "Write one of its names into the address, or have its administrator make one for this name"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "Have its administrator renew it; check this computer's clock, too"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "Check this computer's clock",
        _ if address.root_file.is_some() => {
            "Compare the certificate with its administrator: it wasn't issued by the CA in the file of sslrootcert"
        }
        _ => "Compare the certificate with its administrator and give it as sslrootcert=FILE in the address",
    }
}

/// What is wrong with a certificate, in words that follow "it".
fn why(fault: &CertificateError, shown: Option<&[u8]>) -> String {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "isn't valid yet by this computer's clock".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            match shown.map(|der| facts(der).names.join(", ")).filter(|names| !names.is_empty()) {
                Some(names) => format!("is for {names}"),
                None => "names no host".into(),
            }
        }
        CertificateError::UnknownIssuer if shown.is_some_and(is_self_signed) => "is self-signed".into(),
        CertificateError::UnknownIssuer => {
            let issuer = shown.map(|der| facts(der).issuer).unwrap_or_default();
            format!("was issued by “{issuer}”, which isn't trusted here")
        }
        other => {
            let detail = format!("{other:?}");
            if detail.contains("CaUsedAsEndEntity") && shown.is_some_and(is_self_signed) {
                return "is self-signed".into();
            }
            format!("can't be accepted ({})", visible(&detail, 120))
        }
    }
}

fn config(address: &ServerAddress, seen: &Arc<Mutex<Option<Vec<u8>>>>) -> Result<ClientConfig, SyncError> {
    let provider = Arc::new(ring::default_provider());
    let pem = match &address.root_file {
        Some(path) => Some(files::read_bytes(path, MAX_ROOT_BYTES)?),
        None => None,
    };
    let trusted = Trusted::new(Arc::clone(&provider), pem.as_deref(), pem.is_none())
        .map_err(|detail| SyncError::Trust { detail })?;
    if trusted.is_empty() {
        return Err(SyncError::Trust { detail: visible(&trusted.errors.join("; "), 300) });
    }
    let verifier = Verifier {
        trusted,
        is_name_checked: address.protection == Protection::VerifyFull,
        signatures: Signatures::new(Arc::clone(&provider), false),
        seen: Arc::clone(seen),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SyncError::Handshake { detail: error.to_string() })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

/// The usual check of certificates, which also keeps the one it judged, to say what is wrong with it.
#[derive(Debug)]
struct Verifier {
    trusted: Trusted,
    is_name_checked: bool,
    signatures: Signatures,
    seen: Arc<Mutex<Option<Vec<u8>>>>,
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
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(end_entity.to_vec());
        let judged = self.trusted.judge(end_entity, intermediates, server_name, ocsp_response, now);
        let judged = if self.is_name_checked { judged } else { but_for_the_name(judged) };
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
