//! [`Redactor`]: takes secrets out of bytes on their way to a transcript, a log or a report.
//!
//! It knows the forms in which a secret can turn up: as it is, escaped (JSON, percent, backslash, HTML, shell quotes),
//! hexadecimal, decimal and base64 dumps, UTF-16, and the pre-shared key made of it; broken by line ends, colour codes and
//! the rows of a dump with addresses and characters beside them. Every byte that belongs to an occurrence goes; a run of
//! such bytes becomes one mark. The result does not depend on how the bytes were split over calls. A long secret is looked
//! for piece by piece, and its memory is that of its pieces.
//! Not found: forms within forms (base64 of JSON), words with their bytes swapped, compressed or encrypted data.

use std::sync::Arc;

use zeroize::{Zeroize, Zeroizing};

use self::known::Known;
use self::reach::Reader;
use super::credentials::{WifiCredentials, WifiKey};
use super::text::from_hex;

pub mod forms;
mod known;
mod reach;

/// How much of what was given out is looked back at, to tell a row of a dump.
const REMEMBERED: usize = 24;
/// What stands in place of a secret. The others are used when a secret itself could be read out of the mark before.
const MARKS: [&str; 6] = ["[redacted]", "<redacted>", "{hidden}", "(***)", "\u{FFFD}", "|||"];

/// Replaces secrets in a stream. Not printable; the memory of its patterns is cleared when the last copy goes.
pub struct Redactor {
    known: Arc<Known>,
    mark: &'static str,
    /// The end of what came in: first what was given out, as far as it matters for what follows, then that of which it is
    /// not yet known whether a secret begins in it.
    held: Zeroizing<Vec<u8>>,
    /// How many bytes at the front of `held` were given out.
    given: usize,
    /// How many of the bytes that follow belong to an occurrence.
    covered: usize,
    is_in_run: bool,
}

impl Default for Redactor {
    fn default() -> Self {
        Self {
            known: Arc::default(),
            mark: MARKS[0],
            held: Zeroizing::default(),
            given: 0,
            covered: 0,
            is_in_run: false,
        }
    }
}

impl Redactor {
    /// Knows these secrets.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut redactor = Self::default();
        for secret in secrets {
            redactor.add(secret);
        }
        redactor
    }

    /// Knows the key of these credentials, and the one derived from it, which takes some milliseconds the first time.
    pub fn for_credentials(credentials: &WifiCredentials) -> Self {
        let mut redactor = Self::default();
        redactor.add_credentials(credentials);
        redactor
    }

    /// Learns the key of these credentials, too. One that stands in the network's name is none: everybody hears the name, and
    /// without it nobody could tell which network a gateway is on.
    pub fn add_credentials(&mut self, credentials: &WifiCredentials) {
        let is_in_name = |secret: &str| {
            let (name, secret) = (credentials.ssid.octets(), secret.as_bytes());
            !secret.is_empty() && name.windows(secret.len()).any(|part| part == secret)
        };
        match &credentials.key {
            WifiKey::Open => {}
            WifiKey::Passphrase(secret) | WifiKey::RawPsk(secret) | WifiKey::Wep(secret)
                if is_in_name(secret.expose()) => {}
            WifiKey::Passphrase(secret) | WifiKey::RawPsk(secret) | WifiKey::Wep(secret) => {
                self.add(secret.expose().as_bytes());
            }
        }
        if credentials.derived_key().is_some_and(|key| self.learn(key)) {
            self.mark = self.choose_mark();
        }
    }

    /// Learns a secret; an empty one is ignored, one that is known costs nothing. What was given out before stays as it is.
    pub fn add(&mut self, secret: &[u8]) {
        let mut is_new = self.learn(secret);
        if let Some(mut bytes) = std::str::from_utf8(secret).ok().filter(|text| text.len() >= 10).and_then(from_hex) {
            is_new |= self.learn(&bytes);
            bytes.zeroize();
        }
        if is_new {
            self.mark = self.choose_mark();
        }
    }

    fn learn(&mut self, secret: &[u8]) -> bool {
        !self.known.has_all(secret) && Arc::make_mut(&mut self.known).add(secret)
    }

    /// Another redactor with the same secrets and an empty stream: one for each direction.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self { known: Arc::clone(&self.known), mark: self.mark, ..Self::default() }
    }

    /// Takes bytes in and gives out what is certain. Holds back what may become a secret, which is bounded.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.known.is_empty() {
            return bytes.to_vec();
        }
        self.held.extend_from_slice(bytes);
        self.drain(false)
    }

    /// Gives out what was held back; the stream ends here and a new one may begin.
    pub fn finish(&mut self) -> Vec<u8> {
        let rest = self.drain(true);
        self.forget(self.held.len());
        self.is_in_run = false;
        self.covered = 0;
        rest
    }

    /// How many bytes are held back, since a secret may begin in them.
    pub fn waiting(&self) -> usize {
        self.held.len() - self.given
    }

    /// Hands over what was held back as it came in, for a redactor that knows more. The stream ends here.
    pub fn take_waiting(&mut self) -> Zeroizing<Vec<u8>> {
        let waiting = Zeroizing::new(self.held[self.given..].to_vec());
        self.finish();
        waiting
    }

    /// Redacts one text from beginning to end.
    pub fn redact_text(&self, text: &str) -> String {
        let mut stream = self.fresh();
        let mut bytes = stream.push(text.as_bytes());
        bytes.extend(stream.finish());
        // An occurrence can end within a character only if the secret is no text; the rest of it is then shown as such.
        String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    fn drain(&mut self, is_end: bool) -> Vec<u8> {
        let mut given = Vec::with_capacity(self.held.len());
        let mut start = self.given;
        while start < self.held.len() {
            let reach = Reader::reach(&self.known, &self.held[..start], &self.held[start..]);
            if reach.is_open && !is_end {
                break;
            }
            self.covered = self.covered.max(reach.longest);
            self.give(self.held[start], &mut given);
            start += 1;
        }
        self.given = start;
        self.forget(start.saturating_sub(REMEMBERED));
        given
    }

    /// Gives out one byte or, for the first of a run, the mark.
    fn give(&mut self, byte: u8, given: &mut Vec<u8>) {
        if self.covered == 0 {
            self.is_in_run = false;
            given.push(byte);
            return;
        }
        self.covered -= 1;
        if !self.is_in_run {
            given.extend_from_slice(self.mark.as_bytes());
        }
        self.is_in_run = true;
    }

    /// Drops the first bytes held and clears the place where they lay.
    fn forget(&mut self, count: usize) {
        let rest = self.held.len() - count;
        self.held.copy_within(count.., 0);
        self.held[rest..].zeroize();
        self.held.truncate(rest);
        self.given -= count;
    }

    /// The first mark that can neither hold a secret nor complete one together with the bytes around it.
    fn choose_mark(&self) -> &'static str {
        let is_safe = |mark: &&&str| !is_readable_around(&self.known, mark.as_bytes());
        MARKS.iter().find(is_safe).copied().unwrap_or(MARKS[0])
    }
}

/// Whether a secret could be read in the mark, or across one of its edges.
fn is_readable_around(known: &Known, mark: &[u8]) -> bool {
    let is_inside = |start: usize| Reader::reach(known, &mark[..start], &mark[start..]).longest > 0;
    let is_across = |piece: &[u8]| {
        let is_at_edge =
            |length: usize| piece.starts_with(&mark[mark.len() - length..]) || piece.ends_with(&mark[..length]);
        (1..=mark.len()).any(is_at_edge) || piece.windows(mark.len()).any(|window| window == mark)
    };
    (0..mark.len()).any(is_inside) || known.iter().any(is_across)
}

#[cfg(test)]
mod tests;
