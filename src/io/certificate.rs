//! Certificates as people compare them, and what is done with them whoever connects.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error as TlsError, SignatureScheme};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Name;

use crate::model::mqtt::stage::CertificateFacts;
use crate::model::text::{hex, visible};

/// Longest text of a name.
pub(in crate::io) const NAME_CHARS: usize = 300;
/// How many names of a certificate are shown.
const MAX_NAMES: usize = 100;

/// What a certificate says. One that cannot be read has its fingerprints all the same.
pub(in crate::io) fn facts(der: &[u8]) -> CertificateFacts {
    let mut facts = CertificateFacts {
        subject: "(cannot be read)".into(),
        issuer: String::new(),
        names: Vec::new(),
        not_before: 0,
        not_after: 0,
        sha256: hex(&Sha256::digest(der)),
        sha1: hex(&Sha1::digest(der)),
        serial: String::new(),
        key: String::new(),
    };
    if let Some(certificate) = read(der) {
        facts.subject = shown(certificate.subject());
        facts.issuer = shown(certificate.issuer());
        facts.names = names(&certificate);
        facts.not_before = certificate.validity().not_before.timestamp();
        facts.not_after = certificate.validity().not_after.timestamp();
        facts.serial = visible(&hex(certificate.raw_serial()), 80);
        facts.key = key(&certificate);
    }
    facts
}

pub(in crate::io) fn read(der: &[u8]) -> Option<X509Certificate<'_>> {
    x509_parser::parse_x509_certificate(der).ok().map(|(_, certificate)| certificate)
}

pub(in crate::io) fn shown(name: &X509Name<'_>) -> String {
    visible(&name.to_string(), NAME_CHARS)
}

pub(in crate::io) fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(listed)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = listed.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(visible(name, NAME_CHARS)),
        GeneralName::IPAddress(octets) => <[u8; 4]>::try_from(*octets)
            .map(|octets| Ipv4Addr::from(octets).to_string())
            .or_else(|_| <[u8; 16]>::try_from(*octets).map(|octets| Ipv6Addr::from(octets).to_string()))
            .ok(),
        _ => None,
    });
    names.take(MAX_NAMES).collect()
}

fn key(certificate: &X509Certificate<'_>) -> String {
    let key = certificate.public_key();
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => format!("RSA {}", rsa.key_size()),
        Ok(PublicKey::EC(point)) => match point.key_size() {
            bits @ (256 | 384) => format!("EC P-{bits}"),
            // A point of 66 octets; the curve has 521 bits.
            521..=528 => "EC P-521".into(),
            bits => format!("EC {bits}"),
        },
        _ => match key.algorithm.algorithm.to_id_string().as_str() {
            "1.3.101.112" => "Ed25519".into(),
            "1.3.101.113" => "Ed448".into(),
            other => visible(other, 60),
        },
    }
}

/// Whether it vouches for itself.
pub(in crate::io) fn is_self_signed(der: &[u8]) -> bool {
    read(der).is_some_and(|certificate| certificate.subject().as_raw() == certificate.issuer().as_raw())
}

/// Begin and end of its life, in seconds since 1970 UTC.
pub(in crate::io) fn validity(der: &[u8]) -> Option<(i64, i64)> {
    read(der).map(|found| (found.validity().not_before.timestamp(), found.validity().not_after.timestamp()))
}

/// Its version: 3 is what is made today.
pub(in crate::io) fn version(der: &[u8]) -> Option<u32> {
    read(der).map(|found| found.version().0 + 1)
}

/// Its public key, as signatures are verified by it.
pub(in crate::io) fn public_key(der: &[u8]) -> Option<Vec<u8>> {
    read(der).map(|found| found.public_key().subject_public_key.data.to_vec())
}

/// How the signatures of handshakes are verified, whoever judges the chain.
#[derive(Debug)]
pub(in crate::io) struct Signatures {
    provider: Arc<CryptoProvider>,
    /// Whether the bare key will do where a certificate is one that cannot be judged, such as one of version 1.
    is_key_enough: bool,
}

impl Signatures {
    pub(in crate::io) const fn new(provider: Arc<CryptoProvider>, is_key_enough: bool) -> Self {
        Self { provider, is_key_enough }
    }

    /// Of TLS 1.2.
    pub(in crate::io) fn of_12(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.provider.signature_verification_algorithms;
        self.or_by_key(verify_tls12_signature(message, cert, dss, known), message, cert, dss)
    }

    /// Of TLS 1.3.
    pub(in crate::io) fn of_13(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let known = &self.provider.signature_verification_algorithms;
        self.or_by_key(verify_tls13_signature(message, cert, dss, known), message, cert, dss)
    }

    pub(in crate::io) fn schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }

    fn or_by_key(
        &self,
        verified: Result<HandshakeSignatureValid, TlsError>,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let is_judged = verified.is_ok() || !self.is_key_enough || ParsedCertificate::try_from(cert).is_ok();
        if !is_judged && self.has_signed(cert, message, dss) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verified
    }

    /// Whether a handshake was signed by the bare key of a certificate.
    fn has_signed(&self, der: &[u8], message: &[u8], dss: &DigitallySignedStruct) -> bool {
        let key = public_key(der).unwrap_or_default();
        let schemes = self.provider.signature_verification_algorithms.mapping;
        let known = schemes.iter().filter(|(scheme, _)| *scheme == dss.scheme).flat_map(|(_, algorithms)| *algorithms);
        let mut verifies = known.map(|algorithm| algorithm.verify_signature(&key, message, dss.signature()).is_ok());
        verifies.any(|is_right| is_right)
    }
}
