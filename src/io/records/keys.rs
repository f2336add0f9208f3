//! The key file: the secret of the current epoch, and what it has sealed.
//!
//! It is a file that only its owner reads, not the keyring: a new secret replaces the old one with each segment, which
//! no keyring promises to forget, and the command line has to work where no keyring is unlocked. The file also knows the
//! last head it sealed, so that a log that was cut or removed is not taken for a new one.

use std::fs;
use std::path::Path;

use ring::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::Failure;
use crate::io::files;
use crate::ledger::SealingKey;
use crate::model::audit::{Digest, Head, KeyFile};
use crate::model::secret::Secret;
use crate::model::text::hex;

/// Largest key file read.
const MAX_BYTES: u64 = 256 * 1024;
/// The version written.
const VERSION: u32 = 1;

/// What the file holds.
pub(super) struct Keys {
    /// The chain it seals.
    pub(super) chain: Digest,
    /// The number of the next segment.
    pub(super) epoch: i64,
    /// The key that seals it.
    pub(super) current: SealingKey,
    /// The key of the segment after it, while that one is being sealed.
    pub(super) next: Option<SealingKey>,
    /// The last head that was sealed; entry 0 before the first.
    pub(super) sealed: Head,
    /// Heads of logs that were here and are not any more.
    pub(super) lost: Vec<Lost>,
}

/// A log that was sealed here and then was gone, or went back to an earlier state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) chain: Digest,
    pub(super) head: Head,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    chain: String,
    epoch: i64,
    secret: String,
    next: Option<String>,
    sealed_to: i64,
    head: String,
    #[serde(default)]
    lost: Vec<StoredLost>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.secret.zeroize();
        self.next.zeroize();
    }
}

#[derive(Serialize, Deserialize)]
struct StoredLost {
    chain: String,
    sealed_to: i64,
    head: String,
}

impl Keys {
    /// A new key for a chain, which seals the segment of that number.
    pub(super) fn begin(chain: Digest, epoch: i64, current: SealingKey, lost: Vec<Lost>) -> Self {
        Self { chain, epoch, current, next: None, sealed: Head { entry: 0, hash: chain }, lost }
    }

    /// The heads of the log that goes with the file, and of others: what is to be remembered when it begins anew.
    pub(super) fn into_lost(self) -> Vec<Lost> {
        let mut lost = self.lost;
        if self.sealed.entry > 0 {
            lost.push(Lost { chain: self.chain, head: self.sealed });
        }
        lost
    }
}

/// Reads the file; `None` where there is none.
pub(super) fn load(path: &Path) -> Result<Option<Keys>, Failure> {
    let text = match files::read_text(path, MAX_BYTES) {
        Ok(text) => Zeroizing::new(text),
        Err(files::FilesError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(Failure::Folder(error)),
    };
    let stored: Stored = serde_json::from_str(&text).map_err(|error| Failure::BadKey(error.to_string()))?;
    read(&stored).map(Some).ok_or_else(|| Failure::BadKey("it isn't a key file of this version".into()))
}

fn read(stored: &Stored) -> Option<Keys> {
    let head = |entry, hash: &str| Some(Head { entry, hash: hash.parse().ok()? });
    let lost =
        |lost: &StoredLost| Some(Lost { chain: lost.chain.parse().ok()?, head: head(lost.sealed_to, &lost.head)? });
    if stored.version != VERSION {
        return None;
    }
    Some(Keys {
        chain: stored.chain.parse().ok()?,
        epoch: stored.epoch,
        current: key(&stored.secret)?,
        next: match &stored.next {
            Some(next) => Some(key(next)?),
            None => None,
        },
        sealed: head(stored.sealed_to, &stored.head)?,
        lost: stored.lost.iter().map(lost).collect::<Option<_>>()?,
    })
}

fn key(digits: &str) -> Option<SealingKey> {
    let seed: Digest = digits.parse().ok()?;
    SealingKey::of_seed(Secret::new(seed.0))
}

/// Writes the file, readable by its owner only. The secret that is not in it any more is gone from the folder; what a disk
/// keeps of deleted files is another matter.
pub(super) fn store(path: &Path, keys: &Keys) -> Result<(), Failure> {
    let lost = keys.lost.iter().map(|lost| StoredLost {
        chain: lost.chain.to_string(),
        sealed_to: lost.head.entry,
        head: lost.head.hash.to_string(),
    });
    let stored = Stored {
        version: VERSION,
        chain: keys.chain.to_string(),
        epoch: keys.epoch,
        secret: hex(keys.current.seed().expose()),
        next: keys.next.as_ref().map(|next| hex(next.seed().expose())),
        sealed_to: keys.sealed.entry,
        head: keys.sealed.hash.to_string(),
        lost: lost.collect(),
    };
    let text = Zeroizing::new(serde_json::to_string_pretty(&stored)?);
    files::write_atomically(path, text.as_bytes()).map_err(Failure::of_key_file)
}

/// A new key.
pub(super) fn generate() -> Result<SealingKey, Failure> {
    let mut seed = Secret::new([0; 32]);
    SystemRandom::new().fill(seed.expose_mut()).map_err(|_| Failure::NoRandomness)?;
    SealingKey::of_seed(seed).ok_or(Failure::NoRandomness)
}

/// Random bytes for the beginning of a chain.
pub(super) fn nonce() -> Result<Vec<u8>, Failure> {
    let mut nonce = vec![0; 16];
    SystemRandom::new().fill(&mut nonce).map_err(|_| Failure::NoRandomness)?;
    Ok(nonce)
}

/// What an audit says of the file.
pub(super) fn describe(path: &Path) -> KeyFile {
    let found = fs::metadata(path);
    #[cfg(unix)]
    let is_open_to_others =
        found.as_ref().is_ok_and(|found| std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o077 != 0);
    #[cfg(not(unix))]
    let is_open_to_others = false;
    KeyFile { path: path.display().to_string(), is_there: found.is_ok(), is_open_to_others }
}
