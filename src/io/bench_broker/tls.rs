//! The encrypted ports: their configurations, and why a handshake failed, in words.

use std::io;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::WebPkiClientVerifier;
use rustls::{AlertDescription, CertificateError, Error, RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::BenchError;
use super::ca::ServerIdentity;
use crate::model::text::visible;

/// The certificates of a PEM text; what is none is passed over.
pub(super) fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect()
}

/// Takes encrypted connections; from clients with a certificate of that CA only, if one is given.
pub(super) fn acceptor(
    identity: &ServerIdentity,
    client_ca: Option<&CertificateDer<'static>>,
) -> Result<TlsAcceptor, BenchError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(BenchError::ca)?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots.add(ca.clone()).map_err(BenchError::ca)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().map_err(BenchError::ca)?)
        }
    };
    let config = builder.with_single_cert(identity.chain.clone(), identity.key.clone_key()).map_err(BenchError::ca)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The common name of a certificate.
pub(super) fn common_name(certificate: &CertificateDer<'_>) -> String {
    let parsed = X509Certificate::from_der(certificate).ok();
    let name = parsed.as_ref().and_then(|(_, parsed)| parsed.subject().iter_common_name().next()?.as_str().ok());
    visible(name.unwrap_or("without a name"), 100)
}

/// Why a handshake failed, as what the gateway did: `it does not trust the test CA`.
pub(super) fn why(error: &io::Error) -> String {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                "it closed the connection in the middle of the handshake: often it does not trust the test CA, or knows this computer under another name".into()
            }
            io::ErrorKind::ConnectionReset => "it broke the connection off in the middle of the handshake: often it does not trust the test CA".into(),
            _ => format!("the connection broke: {error}"),
        };
    };
    match tls {
        Error::AlertReceived(alert) => why_alert(*alert),
        Error::NoCertificatesPresented => {
            "it showed no client certificate, and this port wants one of the test CA".into()
        }
        Error::InvalidCertificate(why) => format!("its client certificate was not taken: {}", why_certificate(why)),
        Error::PeerIncompatible(why) => format!("it has no version or cipher in common with this computer ({why:?})"),
        Error::InvalidMessage(_) => "what it sent is no TLS".into(),
        other => format!("the handshake failed ({other})"),
    }
}

fn why_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnknownCA => "it does not trust the test CA: give it the file of the CA".into(),
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => {
            "it did not take this computer's certificate: it does not trust the test CA, or knows this computer under a name or address that is not in the certificate".into()
        }
        AlertDescription::CertificateExpired => {
            "it takes this computer's certificate for expired or not good yet: its clock is wrong".into()
        }
        AlertDescription::UnsupportedCertificate | AlertDescription::DecryptError => {
            "it cannot read this computer's certificate: it may not know keys of the kind EC P-256".into()
        }
        AlertDescription::UnrecognisedName => "it asked for another name".into(),
        AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            "it has no version or cipher in common with this computer: TLS 1.2 and 1.3 are spoken here".into()
        }
        other => format!("it broke the handshake off ({other:?})"),
    }
}

fn why_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => "it is not one of the test CA".into(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not good yet".into(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not made for clients".into()
        }
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_gateway_objects_to_is_told() {
        let alert = |alert| why(&io::Error::new(io::ErrorKind::InvalidData, Error::AlertReceived(alert)));
        assert!(alert(AlertDescription::UnknownCA).contains("does not trust the test CA"));
        assert!(alert(AlertDescription::CertificateExpired).contains("its clock is wrong"));
        let invalid = |error| why(&io::Error::new(io::ErrorKind::InvalidData, Error::InvalidCertificate(error)));
        assert!(invalid(CertificateError::UnknownIssuer).contains("not one of the test CA"));
        assert!(why(&io::ErrorKind::UnexpectedEof.into()).contains("another name"));
    }
}
