//! Certificates as people compare them, and what is done with them whoever connects.

use std::net::{Ipv4Addr, Ipv6Addr};

use rustls::DigitallySignedStruct;
use rustls::crypto::CryptoProvider;
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

/// Whether a handshake was signed by the bare key of a certificate, where the certificate is one that cannot be judged, such as
/// one of version 1.
pub(in crate::io) fn has_signed(
    der: &[u8],
    message: &[u8],
    dss: &DigitallySignedStruct,
    provider: &CryptoProvider,
) -> bool {
    let key = public_key(der).unwrap_or_default();
    let schemes = provider.signature_verification_algorithms.mapping;
    let known = schemes.iter().filter(|(scheme, _)| *scheme == dss.scheme).flat_map(|(_, algorithms)| *algorithms);
    let mut verifies = known.map(|algorithm| algorithm.verify_signature(&key, message, dss.signature()).is_ok());
    verifies.any(|is_right| is_right)
}
