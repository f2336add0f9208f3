//! What a card is searched for, and what was found: plain data. Nothing here holds a place where a secret could be printed.

use serde::Serialize;
use zeroize::Zeroizing;

use super::psk;
use super::redact::forms::{Form, Spelt, forms};
use super::wifi::Ssid;

/// One pattern: a secret in one form.
pub struct Sought {
    /// What the secret is called.
    pub secret: String,
    /// The form.
    pub form: Form,
    /// Its bytes.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// All patterns of some secrets, each under its name. With the name of a network also the key that is derived of each as its
/// passphrase: gateways keep that one instead.
pub fn sought(secrets: &[(String, &[u8])], ssid: Option<&Ssid>) -> Vec<Sought> {
    let of = |name: String, secret: &[u8]| {
        let pattern = move |Spelt { form, bytes }| Sought { secret: name.clone(), form, bytes };
        forms(secret).into_iter().map(pattern)
    };
    let secrets: Vec<(String, &[u8])> = secrets.iter().flat_map(|(name, secret)| with_parts(name, secret)).collect();
    let mut sought: Vec<Sought> = secrets.iter().flat_map(|(name, secret)| of(name.clone(), secret)).collect();
    for (name, secret) in &secrets {
        let can_be_passphrase = (8..=63).contains(&secret.len());
        if let (Some(ssid), true) = (ssid, can_be_passphrase) {
            let key = psk::derive_hex(secret, ssid);
            let capital = Zeroizing::new(key.expose().to_uppercase());
            for hex in [key.expose(), &*capital] {
                sought.extend(of(format!("key derived of {name}"), hex.as_bytes()));
            }
        }
    }
    sought
}

/// Lines of a secret that are searched for by themselves, at most: a file of a few secrets, not a key in its armour.
const MOST_LINES: usize = 8;

/// A secret, and what a person may have meant where its file holds more than that: without blanks at its edges, and each of
/// a few lines by itself.
fn with_parts<'a>(name: &str, secret: &'a [u8]) -> Vec<(String, &'a [u8])> {
    let mut parts = vec![(name.to_owned(), secret)];
    let lines: Vec<&[u8]> = secret
        .split(|octet| matches!(octet, b'\n' | b'\r'))
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .collect();
    if lines.len() <= MOST_LINES {
        let other = lines.iter().filter(|line| **line != secret);
        parts.extend(other.map(|line| (name.to_owned(), *line)));
    }
    parts
}

/// A place where a secret was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hit {
    /// What the secret is called.
    pub secret: String,
    /// In which form.
    pub form: Form,
    /// Where it begins, counted in bytes from the start of the medium.
    pub offset: u64,
    /// What stands before it, where that tells which program wrote it.
    pub setting: Option<String>,
    /// What holds it.
    pub held: Held,
}

/// What holds a place of a medium.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "name", rename_all = "kebab-case")]
pub enum Held {
    /// A file.
    File(String),
    /// No file any more: it was deleted, or is an old copy.
    Free,
    /// The place lies in no file system that can be asked.
    NoFileSystem,
    /// The tool that reads this file system isn't installed.
    NoTool,
    /// The file system was not asked.
    NotAsked,
}

impl Held {
    /// It in words.
    pub fn label(&self) -> String {
        match self {
            Self::File(name) => format!("in {name}"),
            Self::Free => "in no file: deleted, or an old copy".into(),
            Self::NoFileSystem => "outside any file system that can be read".into(),
            Self::NoTool => "file not known: debugfs isn't installed".into(),
            Self::NotAsked => "file not looked up".into(),
        }
    }
}

/// What a search brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// Bytes that were read: all there are.
    pub bytes: u64,
    /// Places that were found.
    pub total: u64,
    /// The first of them.
    pub hits: Vec<Hit>,
    /// Whether the file system could be asked about them; nothing where there was nothing to ask.
    pub asked: Option<bool>,
}

/// What nothing found says, and no more.
pub const NONE_FOUND: &str = "No copy found in the addressable area";

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(secret: &[u8], ssid: Option<&str>, image: &[u8]) -> bool {
        let ssid = ssid.map(|ssid| Ssid::from_octets(ssid).unwrap());
        let sought = sought(&[("it".to_owned(), secret)], ssid.as_ref());
        sought.iter().any(|one| image.windows(one.bytes.len()).any(|window| window == &one.bytes[..]))
    }

    #[test]
    fn a_file_with_more_than_the_bare_secret_is_searched_for_what_was_meant() {
        assert!(holds(b"  Sup3rSecretKey! ", None, b"psk=Sup3rSecretKey!"));
        assert!(holds(b"one-secret-abc\ntwo-secret-def", None, b"..one-secret-abc.."));
        assert!(holds(b"\n\r\nSup3rSecretKey!", None, b"Sup3rSecretKey!"));
        assert!(!holds(b"one-secret-abc", None, b"two-secret-def"));
    }

    #[test]
    fn the_derived_key_is_found_in_small_and_in_capital_letters() {
        let key = psk::derive_hex(b"Sup3rSecretKey!", &Ssid::from_octets("Site-Office").unwrap());
        for hex in [key.expose().to_lowercase(), key.expose().to_uppercase()] {
            assert!(holds(b"Sup3rSecretKey!", Some("Site-Office"), hex.as_bytes()), "{hex}");
        }
    }
}
