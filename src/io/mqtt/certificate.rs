//! Certificates as people compare them, and what is wrong with one that was refused.

use std::net::{Ipv4Addr, Ipv6Addr};

use rustls::{CertificateError, Error as TlsError};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Name;

use super::error::CertificateFault;
use crate::model::mqtt::stage::{CertificateFacts, Expiry};
use crate::model::text::{hex, visible};

/// Longest text of a name.
const NAME_CHARS: usize = 300;
/// How many names of a certificate are shown.
const MAX_NAMES: usize = 100;

/// Makers of devices and programs that look into encrypted connections, as they stand in their certificates.
const INTERCEPTORS: &[&str] = &[
    "zscaler",
    "fortinet",
    "fortigate",
    "palo alto",
    "sophos",
    "netskope",
    "kaspersky",
    "eset ssl",
    "avast",
    "avg web",
    "bitdefender",
    "umbrella",
    "blue coat",
    "bluecoat",
    "barracuda",
    "watchguard",
    "check point",
    "mcafee",
    "trellix",
    "mitmproxy",
    "charles proxy",
    "fiddler",
    "portswigger",
    "burp",
    "squid",
    "untangle",
    "smoothwall",
    "sonicwall",
    "forcepoint",
    "iboss",
    "cato networks",
    "lightspeed",
    "securly",
    "pfsense",
    "opnsense",
];

/// What a certificate says. One that cannot be read has its fingerprints all the same.
pub(super) fn facts(der: &[u8]) -> CertificateFacts {
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

fn read(der: &[u8]) -> Option<X509Certificate<'_>> {
    x509_parser::parse_x509_certificate(der).ok().map(|(_, certificate)| certificate)
}

fn shown(name: &X509Name<'_>) -> String {
    visible(&name.to_string(), NAME_CHARS)
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
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
pub(super) fn is_self_signed(der: &[u8]) -> bool {
    read(der).is_some_and(|certificate| certificate.subject().as_raw() == certificate.issuer().as_raw())
}

/// Begin and end of its life, in seconds since 1970 UTC.
pub(super) fn validity(der: &[u8]) -> Option<(i64, i64)> {
    read(der).map(|found| (found.validity().not_before.timestamp(), found.validity().not_after.timestamp()))
}

/// Its version: 3 is what is made today.
fn version(der: &[u8]) -> Option<u32> {
    read(der).map(|found| found.version().0 + 1)
}

/// Its public key, as signatures are verified by it.
pub(super) fn public_key(der: &[u8]) -> Option<Vec<u8>> {
    read(der).map(|found| found.public_key().subject_public_key.data.to_vec())
}

/// What is wrong with a chain that was refused. `asked` is the name that was wanted.
pub(super) fn fault(error: &TlsError, chain: &[Vec<u8>], asked: &str, now_secs: i64) -> CertificateFault {
    let shown: Vec<CertificateFacts> = chain.iter().map(|der| facts(der)).collect();
    let own = shown.first();
    let TlsError::InvalidCertificate(error) = error else {
        return CertificateFault::Other { detail: error.to_string() };
    };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            // It may be one further up that ended.
            let ended = shown.iter().map(|facts| facts.not_after).filter(|end| *end < now_secs).min();
            let days_ago = match ended.map(|end| Expiry::at(end, now_secs)) {
                Some(Expiry::Ended { days_ago }) => days_ago,
                Some(Expiry::Ends { .. }) | None => 0,
            };
            CertificateFault::Expired { days_ago }
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            let begins = shown.iter().map(|facts| facts.not_before).max().unwrap_or(now_secs);
            let in_days = match Expiry::at(begins, now_secs) {
                Expiry::Ends { in_days } => in_days,
                Expiry::Ended { .. } => 0,
            };
            CertificateFault::NotYet { in_days }
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let names = own.map(|own| own.names.clone()).unwrap_or_default();
            CertificateFault::WrongName { asked: visible(asked, NAME_CHARS), names }
        }
        CertificateError::Revoked => CertificateFault::Revoked,
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            CertificateFault::WrongPurpose
        }
        CertificateError::UnknownIssuer => unknown_issuer(chain, &shown),
        other => {
            let detail = format!("{other:?}");
            if let Some(version) = chain.first().and_then(|own| version(own)).filter(|version| *version < 3) {
                return CertificateFault::Version { version };
            }
            if !detail.contains("CaUsedAsEndEntity") {
                return CertificateFault::Other { detail: visible(&detail, 500) };
            }
            if chain.first().is_some_and(|own| is_self_signed(own)) {
                CertificateFault::SelfSigned
            } else {
                CertificateFault::Authority
            }
        }
    }
}

fn unknown_issuer(chain: &[Vec<u8>], shown: &[CertificateFacts]) -> CertificateFault {
    let told = shown.iter().flat_map(|facts| [&facts.issuer, &facts.subject]);
    for name in told {
        let lower = name.to_lowercase();
        if INTERCEPTORS.iter().any(|maker| lower.contains(maker)) {
            return CertificateFault::Intercepted { by: name.clone() };
        }
    }
    if chain.first().is_some_and(|own| is_self_signed(own)) {
        return CertificateFault::SelfSigned;
    }
    let issuer = shown.last().map(|last| last.issuer.clone()).unwrap_or_default();
    CertificateFault::UnknownIssuer { issuer, is_alone: chain.len() == 1 }
}
