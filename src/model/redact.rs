//! [`Redactor`]: takes secrets out of bytes on their way to a transcript, a log or a report.
//!
//! It knows the forms in which a secret can turn up: as it is, escaped (JSON, percent, backslash, HTML), hexadecimal,
//! decimal and base64 dumps, UTF-16, and the pre-shared key made of it. Every octet that belongs to an occurrence goes;
//! a run of such octets becomes one mark. The result does not depend on how the bytes were split over calls.
//! Not found: forms within forms (base64 of JSON), base64 broken into lines, compressed or encrypted data.

use std::sync::Arc;

use zeroize::{Zeroize, Zeroizing};

use self::form::{Form, Reach};
use super::credentials::{WifiCredentials, WifiKey};
use super::psk;
use super::text::from_hex;
use super::wifi::Ssid;

mod form;

/// What stands in place of a secret. The others are used when a secret itself could be read out of the mark before.
const MARKS: [&str; 6] = ["[redacted]", "<redacted>", "{hidden}", "(***)", "\u{FFFD}", "|||"];

/// Replaces secrets in a stream. Not printable; the memory of its patterns is cleared when the last copy goes.
pub struct Redactor {
    forms: Vec<Arc<Form>>,
    mark: &'static str,
    /// The end of what came in, of which it is not yet known whether a secret begins in it.
    held: Zeroizing<Vec<u8>>,
    /// How many octets at the front of `held` belong to an occurrence.
    covered: usize,
    is_in_run: bool,
}

impl Default for Redactor {
    fn default() -> Self {
        Self { forms: Vec::new(), mark: MARKS[0], held: Zeroizing::default(), covered: 0, is_in_run: false }
    }
}

impl Redactor {
    /// Knows these secrets; with a network name also the keys derived from them.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>, ssid: Option<&Ssid>) -> Self {
        let mut redactor = Self::default();
        for secret in secrets {
            redactor.add(secret, ssid);
        }
        redactor
    }

    /// Knows the key of these credentials.
    pub fn for_credentials(credentials: &WifiCredentials) -> Self {
        let mut redactor = Self::default();
        redactor.add_credentials(credentials);
        redactor
    }

    /// Learns the key of these credentials, too.
    pub fn add_credentials(&mut self, credentials: &WifiCredentials) {
        match &credentials.key {
            WifiKey::Open => {}
            WifiKey::Passphrase(secret) => self.add(secret.expose().as_bytes(), Some(&credentials.ssid)),
            WifiKey::RawPsk(secret) | WifiKey::Wep(secret) => self.add(secret.expose().as_bytes(), None),
        }
    }

    /// Learns a secret; an empty one is ignored. With a network name, the key derived from it is learnt as well, which
    /// takes some milliseconds. What was given out before stays as it is.
    pub fn add(&mut self, secret: &[u8], ssid: Option<&Ssid>) {
        if secret.is_empty() {
            return;
        }
        self.add_forms(secret);
        if let Some(mut octets) = std::str::from_utf8(secret).ok().filter(|text| text.len() >= 10).and_then(from_hex) {
            self.add_forms(&octets);
            octets.zeroize();
        }
        if let Some(ssid) = ssid {
            self.add_forms(psk::derive(secret, ssid).as_ref());
        }
        self.mark = self.choose_mark();
    }

    /// Another redactor with the same secrets and an empty stream: one for each direction.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self { forms: self.forms.clone(), mark: self.mark, ..Self::default() }
    }

    /// Takes bytes in and gives out what is certain. Holds back less than the longest form of a secret.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        self.drain(false)
    }

    /// Gives out what was held back; the stream ends here and a new one may begin.
    pub fn finish(&mut self) -> Vec<u8> {
        let rest = self.drain(true);
        self.is_in_run = false;
        self.covered = 0;
        rest
    }

    /// Redacts one text from beginning to end.
    pub fn redact_text(&self, text: &str) -> String {
        let mut stream = self.fresh();
        let mut octets = stream.push(text.as_bytes());
        octets.extend(stream.finish());
        // An occurrence can end within a character only if the secret is no text; the rest of it is then shown as such.
        String::from_utf8(octets).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    fn drain(&mut self, is_end: bool) -> Vec<u8> {
        let mut given = Vec::with_capacity(self.held.len());
        let mut start = 0;
        while start < self.held.len() {
            let reach = self.reach(&self.held[start..]);
            if reach.is_open && !is_end {
                break;
            }
            self.covered = self.covered.max(reach.longest);
            self.give(self.held[start], &mut given);
            start += 1;
        }
        self.forget(start);
        given
    }

    /// Gives out one octet or, for the first of a run, the mark.
    fn give(&mut self, octet: u8, given: &mut Vec<u8>) {
        if self.covered == 0 {
            self.is_in_run = false;
            given.push(octet);
            return;
        }
        self.covered -= 1;
        if !self.is_in_run {
            given.extend_from_slice(self.mark.as_bytes());
        }
        self.is_in_run = true;
    }

    /// Drops the first octets held and clears the place where they lay.
    fn forget(&mut self, count: usize) {
        let rest = self.held.len() - count;
        self.held.copy_within(count.., 0);
        self.held[rest..].zeroize();
        self.held.truncate(rest);
    }

    /// The longest occurrence at the front of the bytes, and whether more bytes could make another one.
    fn reach(&self, bytes: &[u8]) -> Reach {
        self.forms.iter().fold(Reach::default(), |reach, form| {
            let other = form.reach(bytes);
            Reach { longest: reach.longest.max(other.longest), is_open: reach.is_open || other.is_open }
        })
    }

    fn add_forms(&mut self, secret: &[u8]) {
        self.forms.extend(form::forms_of(secret).into_iter().map(Arc::new));
    }

    /// The first mark that can neither hold a secret nor complete one together with the bytes around it.
    fn choose_mark(&self) -> &'static str {
        let is_safe = |mark: &&&str| !self.forms.iter().any(|form| form.is_readable_around(mark.as_bytes()));
        MARKS.iter().find(is_safe).copied().unwrap_or(MARKS[0])
    }
}

#[cfg(test)]
mod tests;
