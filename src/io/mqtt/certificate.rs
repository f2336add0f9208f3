//! What is wrong with a certificate that was refused.

use rustls::{CertificateError, Error as TlsError};

use super::error::CertificateFault;
use crate::io::certificate::{NAME_CHARS, version};
pub(super) use crate::io::certificate::{facts, is_self_signed, validity};
use crate::model::mqtt::stage::{CertificateFacts, Expiry};
use crate::model::text::visible;

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
