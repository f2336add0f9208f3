//! Root certificates that profiles expect, known by name and by the SHA-256 of the certificate.
//!
//! Compare by public key, not by subject or dates: several of these roots have cross-signed copies. A public root other
//! than the expected one is worth a warning, a private one is a failure.

use serde::Serialize;

/// A root certificate a chain may end in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrustAnchor {
    /// The name used in profiles: `amazon-root-ca-1`.
    pub id: String,
    /// Its common name.
    pub name: String,
    /// SHA-256 of the self-signed certificate, 64 lower-case digits.
    pub sha256: String,
    /// The day after which it is no longer valid, `YYYY-MM-DD`.
    pub not_after: String,
}

/// A row of [`KNOWN`].
struct Known {
    id: &'static str,
    name: &'static str,
    sha256: &'static str,
    not_after: &'static str,
}

/// Roots every profile may name.
const KNOWN: [Known; 8] = [
    Known {
        id: "digicert-global-root-g2",
        name: "DigiCert Global Root G2",
        sha256: "cb3ccbb76031e5e0138f8dd39a23f9de47ffc35e43c1144cea27d46a5ab1cb5f",
        not_after: "2038-01-15",
    },
    Known {
        id: "digicert-global-root-ca",
        name: "DigiCert Global Root CA",
        sha256: "4348a0e9444c78cb265e058d5e8944b4d84f9662bd26db257f8934a443c70161",
        not_after: "2031-11-10",
    },
    Known {
        id: "microsoft-rsa-root-2017",
        name: "Microsoft RSA Root Certificate Authority 2017",
        sha256: "c741f70f4b2a8d88bf2e71c14122ef53ef10eba0cfa5e64cfa20f418853073e0",
        not_after: "2042-07-18",
    },
    Known {
        id: "baltimore-cybertrust-root",
        name: "Baltimore CyberTrust Root",
        sha256: "16af57a9f676b0ab126095aa5ebadef22ab31119d644ac95cd4b93dbf3f26aeb",
        not_after: "2025-05-12",
    },
    Known {
        id: "amazon-root-ca-1",
        name: "Amazon Root CA 1",
        sha256: "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        not_after: "2038-01-17",
    },
    Known {
        id: "gts-root-r4",
        name: "GTS Root R4",
        sha256: "349dfa4058c5e263123b398ae795573c4e1313c83fe68f93556cd5e8031b3c7d",
        not_after: "2036-06-22",
    },
    Known {
        id: "usertrust-rsa",
        name: "USERTrust RSA Certification Authority",
        sha256: "e793c9b02fd8aa13e21c31228accb08119643b749c898964b1746d46c3d4cbd2",
        not_after: "2038-01-18",
    },
    Known {
        id: "sectigo-root-r46",
        name: "Sectigo Public Server Authentication Root R46",
        sha256: "7bb647a62aeeac88bf257aa522d01ffea395e0ab45c73f93f65654ec38f25a06",
        not_after: "2046-03-21",
    },
];

impl TrustAnchor {
    /// The root of that name, if this program knows it.
    pub fn known(id: &str) -> Option<Self> {
        KNOWN.iter().find(|root| root.id == id).map(|root| Self {
            id: root.id.into(),
            name: root.name.into(),
            sha256: root.sha256.into(),
            not_after: root.not_after.into(),
        })
    }

    /// The names of all roots this program knows.
    pub fn known_ids() -> impl Iterator<Item = &'static str> {
        KNOWN.iter().map(|root| root.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_have_64_lower_case_digits_and_no_twin() {
        let mut seen = std::collections::BTreeSet::new();
        for root in &KNOWN {
            assert_eq!(root.sha256.len(), 64, "{}", root.id);
            assert!(root.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{}", root.id);
            assert!(seen.insert(root.sha256), "{}", root.id);
        }
    }
}
