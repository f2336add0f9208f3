//! Binds a login to the encryption it goes over: `tls-server-end-point` of RFC 5929, section 4.1, the hash of the server's own
//! certificate. Whoever sits in between with another certificate can't pass such a login on.

use std::io::Error as IoError;
use std::pin::Pin;
use std::task::{Context, Poll};

use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use x509_parser::signature_algorithm::SignatureAlgorithm;

use crate::io::certificate;
use crate::io::stream::Stream;

/// What is around a stream by the time the conversation begins on it.
pub(super) enum Way {
    /// Nothing.
    Plain,
    /// TLS, with what a login may be bound to.
    Encrypted {
        /// The hash of the certificate; none where its signature has no hash of its own.
        end_point: Option<Vec<u8>>,
    },
}

impl Way {
    /// Whether it is encrypted.
    pub(super) const fn is_encrypted(&self) -> bool {
        matches!(self, Self::Encrypted { .. })
    }

    /// Whether a login can be bound to it.
    pub(super) const fn can_bind(&self) -> bool {
        matches!(self, Self::Encrypted { end_point: Some(_) })
    }
}

/// The stream is encrypted already: there is nothing left to do.
impl<S: Stream> TlsConnect<S> for Way {
    type Stream = Bound<S>;
    type Error = IoError;
    type Future = std::future::Ready<Result<Bound<S>, IoError>>;

    fn connect(self, stream: S) -> Self::Future {
        let end_point = if let Self::Encrypted { end_point } = self { end_point } else { None };
        std::future::ready(Ok(Bound { stream, end_point }))
    }
}

/// An encrypted stream that knows what a login is bound to.
pub(super) struct Bound<S> {
    stream: S,
    end_point: Option<Vec<u8>>,
}

impl<S: Stream> TlsStream for Bound<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.end_point.clone().map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl<S: Stream> AsyncRead for Bound<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<(), IoError>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: Stream> AsyncWrite for Bound<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize, IoError>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), IoError>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), IoError>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The hash of a certificate by the method it is signed with; SHA-256 in place of MD5 and SHA-1. None where that method has no
/// hash of its own, such as Ed25519.
pub(super) fn end_point(der: &[u8]) -> Option<Vec<u8>> {
    let certificate = certificate::read(der)?;
    let signed = &certificate.signature_algorithm;
    let id = signed.algorithm.to_id_string();
    if id == RSA_PSS {
        let SignatureAlgorithm::RSASSA_PSS(parameters) = SignatureAlgorithm::try_from(signed).ok()? else {
            return None;
        };
        return hashed(&parameters.hash_algorithm_oid().to_id_string(), der);
    }
    hashed(&id, der)
}

/// RSA with a hash that its parameters name.
const RSA_PSS: &str = "1.2.840.113549.1.1.10";

/// The hash that a method of signing, or the parameters of one, is named by.
fn hashed(id: &str, der: &[u8]) -> Option<Vec<u8>> {
    Some(match id {
        // SHA-256 with RSA, ECDSA and DSA; alone; and in place of MD5 and SHA-1 with RSA, SHA-1 with ECDSA and alone.
        "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.3.2"
        | "2.16.840.1.101.3.4.3.2"
        | "2.16.840.1.101.3.4.2.1"
        | "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.10045.4.1"
        | "1.3.14.3.2.26" => Sha256::digest(der).to_vec(),
        "1.2.840.113549.1.1.14" | "1.2.840.10045.4.3.1" | "2.16.840.1.101.3.4.3.1" | "2.16.840.1.101.3.4.2.4" => {
            Sha224::digest(der).to_vec()
        }
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" | "2.16.840.1.101.3.4.2.2" => Sha384::digest(der).to_vec(),
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" | "2.16.840.1.101.3.4.2.3" => Sha512::digest(der).to_vec(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_hashed_by_the_method_it_is_signed_with() {
        let of = |algorithm: &'static rcgen::SignatureAlgorithm| {
            let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
            let made = rcgen::CertificateParams::new(vec!["db.example".to_owned()]).unwrap().self_signed(&key).unwrap();
            (end_point(made.der()), made.der().to_vec())
        };
        let (bound, der) = of(&rcgen::PKCS_ECDSA_P256_SHA256);
        assert_eq!(bound, Some(Sha256::digest(der).to_vec()));
        let (bound, der) = of(&rcgen::PKCS_ECDSA_P384_SHA384);
        assert_eq!(bound, Some(Sha384::digest(der).to_vec()));
        assert_eq!(of(&rcgen::PKCS_ED25519).0, None, "it has no hash of its own");
        assert_eq!(end_point(b"no certificate"), None);
    }
}
