//! Seals: segments of the chain, each signed (Ed25519, RFC 8032) with a key of its own.
//!
//! A signature also names the key of the next segment, and the secret that made it is destroyed. Whoever takes the
//! computer later finds the current secret only: it signs nothing that passes for older.

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use super::canon;
use crate::model::audit::Digest;
use crate::model::secret::Secret;

/// Names a segment, and its version.
const SEGMENT: &str = "linesman.segment.1";

/// An Ed25519 signature.
pub type Signature = Vec<u8>;

/// The secret of one epoch.
pub struct SealingKey {
    seed: Secret<[u8; 32]>,
    pair: Ed25519KeyPair,
}

impl SealingKey {
    /// Makes the key of 32 random bytes.
    pub fn of_seed(seed: Secret<[u8; 32]>) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).ok()?;
        Some(Self { seed, pair })
    }

    /// The public key.
    pub fn public(&self) -> Digest {
        let mut key = [0; 32];
        key.copy_from_slice(self.pair.public_key().as_ref());
        Digest(key)
    }

    /// The secret, for the key file.
    pub const fn seed(&self) -> &Secret<[u8; 32]> {
        &self.seed
    }

    /// Signs bytes.
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        self.pair.sign(bytes).as_ref().to_vec()
    }
}

/// Whether that key signed these bytes.
pub fn is_signed(key: &Digest, bytes: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, &key.0).verify(bytes, signature).is_ok()
}

/// A run of entries that one signature covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its number, from 1.
    pub number: i64,
    /// Its first entry.
    pub first: i64,
    /// Its last entry.
    pub last: i64,
    /// The hash of its last entry.
    pub head: Digest,
    /// When it was sealed, RFC 3339 in UTC.
    pub sealed_at: String,
    /// How far that time is to be trusted.
    pub clock_quality: String,
    /// The latest time written up to here.
    pub latest_at: String,
    /// The key that sealed it.
    pub key: Digest,
    /// The key that seals the next one.
    pub next_key: Digest,
}

impl Segment {
    /// What is signed.
    pub fn bytes(&self, chain: &Digest) -> Vec<u8> {
        canon::bytes([
            SEGMENT.into(),
            chain.into(),
            self.number.into(),
            self.first.into(),
            self.last.into(),
            (&self.head).into(),
            self.sealed_at.as_str().into(),
            self.clock_quality.as_str().into(),
            self.latest_at.as_str().into(),
            (&self.key).into(),
            (&self.next_key).into(),
        ])
    }

    /// Whether its own key signed it.
    pub fn is_signed(&self, chain: &Digest, signature: &[u8]) -> bool {
        is_signed(&self.key, &self.bytes(chain), signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_signs_as_rfc_8032_says() {
        let seed: Digest = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60".parse().unwrap();
        let key = SealingKey::of_seed(Secret::new(seed.0)).unwrap();
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(key.public().to_string(), public);
        let signature = key.sign(b"");
        assert!(crate::model::text::hex(&signature).starts_with("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974"));
        assert!(is_signed(&key.public(), b"", &signature));
        assert!(!is_signed(&key.public(), b"x", &signature));
    }
}
