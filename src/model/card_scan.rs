//! What a card is searched for, and what was found: plain data. Nothing here holds a place where a secret could be printed.

use serde::Serialize;
use zeroize::Zeroizing;

use super::psk;
use super::redact::forms::{Form, LEAST, Spelt, forms};
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

/// What is too short to be told from chance, by name: a secret, or a line of its file. It is searched for in no form.
pub fn left_out(secrets: &[(String, &[u8])]) -> Vec<String> {
    let mut names = Vec::new();
    for (name, secret) in secrets {
        let parts = with_parts(name, secret);
        let is_short = |part: &[u8]| forms(part).is_empty();
        if parts.iter().all(|(_, part)| is_short(part)) {
            names.push(name.clone());
        } else if parts.len() > 1 {
            let numbered = secret.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii).enumerate();
            let short = numbered.filter(|(_, line)| !line.is_empty() && is_short(line));
            names.extend(short.map(|(at, _)| format!("line {} of {name}", at + 1)));
        }
    }
    names
}

/// Which form a place has where a secret stands between zero bytes, so that UTF-16 fits in either order. `run` begins with the
/// first of them and ends with the last; the text around it tells the order, or nothing does.
pub fn order_of(before: &[u8], after: &[u8]) -> Form {
    const MARK: [u8; 2] = [0xFE, 0xFF];
    let is_text = |octet: u8| octet.is_ascii_graphic() || b" \t\r\n".contains(&octet);
    // Text goes on as long as characters and zero bytes alternate.
    let goes_on = |octets: &mut dyn Iterator<Item = u8>| {
        let fits = |(at, octet): (usize, u8)| if at % 2 == 0 { is_text(octet) } else { octet == 0 };
        octets.enumerate().take_while(|&place| fits(place)).count() % 2 == 1
    };
    let (starts_with_text, ends_with_text) =
        (goes_on(&mut before.iter().rev().copied()), goes_on(&mut after.iter().copied()));
    match (starts_with_text, ends_with_text) {
        _ if before.ends_with(&MARK) => Form::Utf16Be,
        (true, false) => Form::Utf16Le,
        (false, true) => Form::Utf16Be,
        _ => Form::Utf16,
    }
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
    /// What was not searched for, by name: it is too short to be told from chance.
    pub left_out: Vec<String>,
}

/// What nothing found says, and no more.
pub const NONE_FOUND: &str = "No copy found in the addressable area";

/// What such a search cannot see, wherever nothing was found.
pub const UNSEEN: &str = "Compressed and encrypted copies can't be found, nor spellings other than those searched for";

impl Scanned {
    /// What was not searched for, in a sentence; nothing where all was.
    pub fn not_searched(&self) -> Option<String> {
        if self.left_out.is_empty() {
            return None;
        }
        Some(format!(
            "Not searched for: {}. Below {LEAST} characters a copy can't be told from chance",
            self.left_out.join(", ")
        ))
    }
}

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
    fn what_is_too_short_is_named_and_never_shown() {
        let secrets: [(String, &[u8]); 3] = [
            ("pin.txt".into(), b"12345"),
            ("wifi.txt".into(), b"correct horse"),
            ("both.txt".into(), b"long enough\nabc\n\nalso long enough"),
        ];
        assert_eq!(left_out(&secrets), ["pin.txt", "line 2 of both.txt"]);
    }

    #[test]
    fn the_order_of_utf_16_is_told_by_the_text_around_it_or_not_at_all() {
        let little = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        let big = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_be_bytes).collect() };
        let cut = |mut text: Vec<u8>, from: usize, to: usize| {
            let after = text.split_off(to);
            text.truncate(from);
            (text, after)
        };
        // What stands before the first zero byte, and behind the last one.
        let (before, after) = cut(little("key=SECRET;"), 7, 20);
        assert_eq!(order_of(&before, &after), Form::Utf16Le);
        let (before, after) = cut(big("key=SECRET;"), 8, 21);
        assert_eq!(order_of(&before, &after), Form::Utf16Be);
        assert_eq!(order_of(&[0; 9], &[0; 9]), Form::Utf16);
        assert_eq!(order_of(&[0xFE, 0xFF], b"\n"), Form::Utf16Be);
    }

    #[test]
    fn the_derived_key_is_found_in_small_and_in_capital_letters() {
        let key = psk::derive_hex(b"Sup3rSecretKey!", &Ssid::from_octets("Site-Office").unwrap());
        for hex in [key.expose().to_lowercase(), key.expose().to_uppercase()] {
            assert!(holds(b"Sup3rSecretKey!", Some("Site-Office"), hex.as_bytes()), "{hex}");
        }
    }
}
