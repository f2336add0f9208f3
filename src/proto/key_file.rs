//! Private keys that are protected by a password (PKCS #8, RFC 5958 section 3; PBES2, RFC 8018 section 6.2).
//!
//! What openssl and most other tools write: PBKDF2 with HMAC-SHA-1 or HMAC-SHA-2, and AES in CBC mode. Older forms are told
//! apart and not read.

use aes::cipher::{BlockCipherDecrypt as _, KeyInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use crate::model::problem::{Explain, Problem};

const BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
const END: &str = "-----END ENCRYPTED PRIVATE KEY-----";
/// More rounds than this are a mistake or an attack: they take minutes.
const MAX_ROUNDS: u64 = 10_000_000;
/// Bytes of a block of AES.
const BLOCK: usize = 16;

const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
/// HMAC with SHA-1: what holds where no hash is named.
const HMAC_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x07];
/// What the hashes of HMAC have in common (RFC 8018, appendix B.1); the last byte says which.
const HMAC: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02];
/// What AES in CBC mode has in common; the last byte says how long the key is.
const AES: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01];

/// Why a key cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// The password is another one.
    #[error("wrong password")]
    WrongPassword,
    /// It is protected in a way that is not read here.
    #[error("an older protection")]
    OldForm,
    /// The file is damaged.
    #[error("damaged")]
    Damaged,
}

impl Explain for KeyFileError {
    fn explain(&self) -> Problem {
        match self {
            Self::WrongPassword => Problem::new(
                "mqtt.key_password",
                "The password doesn't open the client's key",
                "It is mistyped, or belongs to another key",
                "Check the password, or choose the key it belongs to",
            ),
            Self::OldForm => Problem::new(
                "mqtt.key_protection",
                "The client's key has an older protection that isn't supported",
                "It was made by an old tool, or with other methods than PBKDF2 and AES",
                "Protect it again with: openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY.pem -out NEW.pem",
            ),
            Self::Damaged => Problem::new(
                "mqtt.key_damaged",
                "The client's key is damaged",
                "The file was cut off or edited",
                "Get the file again from where it came from",
            ),
        }
    }
}

/// Whether a file of keys holds one that is protected.
pub fn is_protected(pem: &[u8]) -> bool {
    [BEGIN.as_bytes(), b"Proc-Type: 4,ENCRYPTED"].iter().any(|mark| memchr::memmem::find(pem, mark).is_some())
}

/// The key as PEM without its protection.
pub fn open(pem: &[u8], password: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let text = std::str::from_utf8(pem).map_err(|_| KeyFileError::Damaged)?;
    let (_, rest) = text.split_once(BEGIN).ok_or(KeyFileError::OldForm)?;
    let (body, _) = rest.split_once(END).ok_or(KeyFileError::Damaged)?;
    let body: String = body.split_ascii_whitespace().collect();
    let der = STANDARD.decode(body).map_err(|_| KeyFileError::Damaged)?;
    let key = decrypt(&der, password)?;
    // A key in the open begins as a sequence that is as long as the rest: what does not was opened by a wrong password.
    let is_key = Reader(&key).sequence().is_ok() && key.first() == Some(&0x30);
    if !is_key {
        return Err(KeyFileError::WrongPassword);
    }
    let mut plain = Zeroizing::new(b"-----BEGIN PRIVATE KEY-----\n".to_vec());
    let encoded = Zeroizing::new(STANDARD.encode(&*key));
    for line in encoded.as_bytes().chunks(64) {
        plain.extend_from_slice(line);
        plain.push(b'\n');
    }
    plain.extend_from_slice(b"-----END PRIVATE KEY-----\n");
    Ok(plain)
}

fn decrypt(der: &[u8], password: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let mut whole = Reader(der).sequence()?;
    let mut scheme = whole.sequence()?;
    let encrypted = whole.take(0x04)?;
    if scheme.take(0x06)? != PBES2 {
        return Err(KeyFileError::OldForm);
    }
    let mut parameters = scheme.sequence()?;
    let (mut derivation, mut cipher) = (parameters.sequence()?, parameters.sequence()?);
    let kind = cipher.take(0x06)?;
    let key_bytes = match kind.strip_prefix(AES) {
        Some([0x02]) => 16,
        Some([0x16]) => 24,
        Some([0x2a]) => 32,
        _ => return Err(KeyFileError::OldForm),
    };
    let start: [u8; BLOCK] = cipher.take(0x04)?.try_into().map_err(|_| KeyFileError::Damaged)?;
    let mut key = Zeroizing::new(vec![0; key_bytes]);
    derive(&mut derivation, password, &mut key)?;
    let mut plain = Zeroizing::new(encrypted.to_vec());
    unchain(&key, start, &mut plain)?;
    Ok(plain)
}

fn derive(derivation: &mut Reader<'_>, password: &[u8], key: &mut [u8]) -> Result<(), KeyFileError> {
    if derivation.take(0x06)? != PBKDF2 {
        return Err(KeyFileError::OldForm);
    }
    let mut parameters = derivation.sequence()?;
    let salt = parameters.take(0x04)?;
    let rounds = number(parameters.take(0x02)?).filter(|rounds| *rounds <= MAX_ROUNDS);
    let rounds = rounds.and_then(|rounds| u32::try_from(rounds).ok()).ok_or(KeyFileError::Damaged)?;
    // The length of the key may follow, and the hash, which is SHA-1 where none is named.
    let hash = match parameters.next_kind() {
        Some(0x02) => {
            parameters.take(0x02)?;
            parameters.next_kind()
        }
        kind => kind,
    };
    let hash = if hash == Some(0x30) { parameters.sequence()?.take(0x06)? } else { HMAC_SHA1 };
    match hash.strip_prefix(HMAC) {
        Some([0x07]) => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, rounds, key),
        Some([0x09]) => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, rounds, key),
        Some([0x0a]) => pbkdf2::pbkdf2_hmac::<Sha384>(password, salt, rounds, key),
        Some([0x0b]) => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, rounds, key),
        _ => return Err(KeyFileError::OldForm),
    }
    Ok(())
}

/// Takes the chaining of blocks off (CBC), and what fills up the last one.
fn unchain(key: &[u8], start: [u8; BLOCK], bytes: &mut Vec<u8>) -> Result<(), KeyFileError> {
    if bytes.is_empty() || !bytes.len().is_multiple_of(BLOCK) {
        return Err(KeyFileError::Damaged);
    }
    let mut before = start;
    for block in bytes.as_chunks_mut::<BLOCK>().0 {
        let encrypted = *block;
        decrypt_block(key, block)?;
        block.iter_mut().zip(before).for_each(|(byte, other)| *byte ^= other);
        before = encrypted;
    }
    let fill = usize::from(bytes.last().copied().unwrap_or_default());
    let is_filled = (1..=BLOCK).contains(&fill) && bytes.iter().rev().take(fill).all(|byte| usize::from(*byte) == fill);
    if !is_filled {
        return Err(KeyFileError::WrongPassword);
    }
    bytes.truncate(bytes.len() - fill);
    Ok(())
}

fn decrypt_block(key: &[u8], block: &mut [u8; BLOCK]) -> Result<(), KeyFileError> {
    let damaged = |_| KeyFileError::Damaged;
    let block = block.into();
    match key.len() {
        16 => aes::Aes128::new_from_slice(key).map_err(damaged)?.decrypt_block(block),
        24 => aes::Aes192::new_from_slice(key).map_err(damaged)?.decrypt_block(block),
        _ => aes::Aes256::new_from_slice(key).map_err(damaged)?.decrypt_block(block),
    }
    Ok(())
}

fn number(bytes: &[u8]) -> Option<u64> {
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// Reads what stands in a sequence (X.690, section 8.1), one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn next_kind(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn sequence(&mut self) -> Result<Self, KeyFileError> {
        self.take(0x30).map(Self)
    }

    /// The content of the next element, which is of that kind.
    fn take(&mut self, kind: u8) -> Result<&'a [u8], KeyFileError> {
        let (content, rest) = split(self.0, kind).ok_or(KeyFileError::Damaged)?;
        self.0 = rest;
        Ok(content)
    }
}

fn split(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let [found, length, rest @ ..] = bytes else { return None };
    if *found != kind {
        return None;
    }
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length - 0x80))?;
            (usize::try_from(number(digits)?).ok()?, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // Made by openssl 3.0 for this test: an Ed25519 key, password `site gate`.
    const KEY: &str = "MC4CAQAwBQYDK2VwBCIEICud8fUwB2r6I+xpTilF0mN4Qx7YMcv0mR3Ums4LiCA0";
    const MODERN: &str = "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjeMxpK9AQh7QICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEO4jRuomvNzw3LjyZVFg68EEQJ9DYKCajdaA54nzy/+tl+HvyVGzXT9mwnAbuwxvzcA5ax0WqMkVYxlHLw5XLkoyVnRjPtAevKepJTa2sNQSJ/8=";
    const SHA1: &str = "MIGNMEkGCSqGSIb3DQEFDTA8MBsGCSqGSIb3DQEFDDAOBAgjHDsp42vpdAICCAAwHQYJYIZIAWUDBAECBBCoTViZEwvRumYDIKVVNNtPBEBNtc/OgcMrHGicLmcr3SbeDCr419SJRry6/VRZnGoBfnuI9qkkreaToxiYp5ktXQyms2vqn5cbMDxSXD2WZ01h";
    const DES: &str = "MIGKME4GCSqGSIb3DQEFDTBBMCkGCSqGSIb3DQEFDDAcBAi7fkQ/B6YnigICCAAwDAYIKoZIhvcNAgkFADAUBggqhkiG9w0DBwQIBHzqVLTokVkEONVJruRd/39I0Pgv0euxQuyoDRvzmlTp2ySDDPQ0IuvfMwMhvPd2RpVK0s0OON03hOtfXafhbwrW";

    fn pem(body: &str) -> String {
        format!("{BEGIN}\n{body}\n{END}\n")
    }

    #[test]
    fn a_key_made_by_openssl_opens_with_its_password_only() {
        for body in [MODERN, SHA1] {
            let plain = open(pem(body).as_bytes(), b"site gate").unwrap();
            assert!(std::str::from_utf8(&plain).unwrap().contains(KEY), "{body}");
            assert_eq!(open(pem(body).as_bytes(), b"site gat"), Err(KeyFileError::WrongPassword));
        }
        assert_eq!(open(pem(DES).as_bytes(), b"site gate"), Err(KeyFileError::OldForm));
        assert!(is_protected(pem(MODERN).as_bytes()) && !is_protected(b"-----BEGIN PRIVATE KEY-----"));
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n";
        assert!(is_protected(old.as_bytes()));
        assert_eq!(open(old.as_bytes(), b"x"), Err(KeyFileError::OldForm));
    }

    proptest! {
        #[test]
        fn noise_and_cuts_do_no_harm(noise in prop::collection::vec(any::<u8>(), 0..80), cut in 0_usize..200) {
            let _ = open(&noise, b"x");
            let _ = open(pem(&STANDARD.encode(&noise)).as_bytes(), b"x");
            let der = STANDARD.decode(MODERN.replace('\n', "")).unwrap();
            let _ = decrypt(&der[..cut.min(der.len() - 1)], b"x");
        }
    }
}
