//! Whom an encrypted connection trusts: the system's authorities, those of a file, and certificates given as they are.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier as _;
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error as TlsError, RootCertStore};

use super::certificate::validity;

/// What a judgement amounts to where the name need not fit: the name is looked at last, so all else was in order.
pub(super) fn but_for_the_name(judged: Result<(), TlsError>) -> Result<(), TlsError> {
    use CertificateError::{NotValidForName, NotValidForNameContext};
    match judged {
        Err(TlsError::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => Ok(()),
        judged => judged,
    }
}

/// Roots, and certificates that are trusted as they are.
#[derive(Debug)]
pub(super) struct Trusted {
    verifier: Option<Arc<WebPkiServerVerifier>>,
    pinned: Vec<CertificateDer<'static>>,
    /// What could not be read of the system's.
    pub(super) errors: Vec<String>,
}

impl Trusted {
    /// The system's roots, those of a PEM text, or both. Says what is wrong with the text.
    pub(super) fn new(provider: Arc<CryptoProvider>, pem: Option<&[u8]>, with_system: bool) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        let mut errors = Vec::new();
        if with_system {
            let found = rustls_native_certs::load_native_certs();
            errors.extend(found.errors.iter().map(ToString::to_string));
            roots.add_parsable_certificates(found.certs);
        }
        let mut pinned = Vec::new();
        if let Some(pem) = pem {
            for found in CertificateDer::pem_slice_iter(pem) {
                let found = found.map_err(|error| error.to_string())?;
                roots.add(found.clone()).map_err(|error| error.to_string())?;
                pinned.push(found);
            }
            if pinned.is_empty() {
                return Err("there is no certificate in it".into());
            }
        }
        let verifier = if roots.is_empty() {
            None
        } else {
            let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
            Some(built.map_err(|error| error.to_string())?)
        };
        Ok(Self { verifier, pinned, errors })
    }

    /// Whether nobody is trusted.
    pub(super) const fn is_empty(&self) -> bool {
        self.verifier.is_none()
    }

    /// Whether that certificate was given as trusted itself.
    pub(super) fn is_pinned(&self, own: &CertificateDer<'_>) -> bool {
        self.pinned.iter().any(|pinned| pinned == own)
    }

    /// Judges what a server showed.
    pub(super) fn judge(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<(), TlsError> {
        let Some(verifier) = &self.verifier else { return Err(CertificateError::UnknownIssuer.into()) };
        let judged = verifier.verify_server_cert(own, others, name, ocsp, now).map(|_| ());
        // A certificate that was given as trusted is, even where it vouches for nobody else, or was made as an authority's.
        match judged {
            Err(TlsError::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::Other(_)))
                if self.is_pinned(own) =>
            {
                let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
                match validity(own) {
                    Some((_, end)) if end < now => Err(CertificateError::Expired.into()),
                    Some((begin, _)) if begin > now => Err(CertificateError::NotValidYet.into()),
                    Some(_) => verify_server_name(&ParsedCertificate::try_from(own)?, name),
                    None => Err(CertificateError::BadEncoding.into()),
                }
            }
            judged => judged,
        }
    }
}
