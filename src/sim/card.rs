//! The card of a simulated gateway: a folder that stands for its SD card or flash, unencrypted as on real ones.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::text::{from_hex, hex};

/// Where a gateway keeps its network.
#[derive(Clone, Debug, Default)]
pub struct Card {
    folder: Option<PathBuf>,
    network: Option<(Vec<u8>, String)>,
    /// What a card that is gone with the process keeps.
    files: BTreeMap<String, Vec<u8>>,
}

/// The file by which a person, or a test, plays the vendor's tool that unpairs the gateway.
const UNPAIR: &str = "unpair";
/// The file with the network, readable by anyone who holds the card.
const NETWORK_FILE: &str = "wifi.conf";

impl Card {
    /// A card that is gone with the process.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// A card in a folder, made if need be; what it holds from before is read.
    pub fn at(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let network = match fs::read_to_string(folder.join(NETWORK_FILE)) {
            Ok(text) => parse(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { folder: Some(folder.to_owned()), network, files: BTreeMap::new() })
    }

    /// The network it holds.
    pub const fn has_network(&self) -> bool {
        self.network.is_some()
    }

    /// The name of the network it holds, as octets.
    pub fn ssid(&self) -> Option<&[u8]> {
        self.network.as_ref().map(|(ssid, _)| ssid.as_slice())
    }

    /// Keeps octets under a name, such as a path on the gateway.
    pub fn keep(&mut self, name: &str, octets: &[u8]) -> io::Result<()> {
        if let Some(folder) = &self.folder {
            return fs::write(folder.join(file_name(name)), octets);
        }
        self.files.insert(file_name(name), octets.to_vec());
        Ok(())
    }

    /// What is kept under a name, looked up on the card itself.
    pub fn kept(&self, name: &str) -> Option<Vec<u8>> {
        match &self.folder {
            Some(folder) => fs::read(folder.join(file_name(name))).ok(),
            None => self.files.get(&file_name(name)).cloned(),
        }
    }

    /// Takes what is kept under a name off the card; false where there is nothing.
    pub fn remove(&mut self, name: &str) -> bool {
        match &self.folder {
            Some(folder) => fs::remove_file(folder.join(file_name(name))).is_ok(),
            None => self.files.remove(&file_name(name)).is_some(),
        }
    }

    /// What a vendor's tool asks of the gateway: a file of that name in the folder of the card stands for it.
    pub fn take_unpairing(&mut self) -> bool {
        self.remove(UNPAIR)
    }

    /// Takes the network and everything that was put onto it off the card.
    pub fn clear(&mut self) -> io::Result<()> {
        self.forget()?;
        self.files.clear();
        let Some(folder) = &self.folder else { return Ok(()) };
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_file() {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Forgets the network.
    pub fn forget(&mut self) -> io::Result<()> {
        self.network = None;
        match self.folder.as_ref().map(|folder| fs::remove_file(folder.join(NETWORK_FILE))) {
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Keeps a network.
    pub fn store(&mut self, ssid: &[u8], password: &str) -> io::Result<()> {
        self.network = Some((ssid.to_vec(), password.to_owned()));
        match &self.folder {
            Some(folder) => fs::write(folder.join(NETWORK_FILE), format!("ssid={}\npsk={password}\n", hex(ssid))),
            None => Ok(()),
        }
    }
}

/// A file's name for a name of any kind: letters, digits, `-`, `.` and `_` as they are, the separators of a path as `_`, all
/// else spelt out. An underscore that stands beside a separator would be one, so it is spelt out where there is a path.
fn file_name(name: &str) -> String {
    let is_path = name.contains('/');
    let spelt: String = name
        .bytes()
        .map(|octet| match octet {
            b'/' => "_".to_owned(),
            b'_' if !is_path => "_".to_owned(),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' => char::from(octet).to_string(),
            other => format!("%{other:02x}"),
        })
        .collect();
    // The network has a file of its own, and no name leads out of the folder.
    if spelt == NETWORK_FILE || spelt.starts_with('.') { format!("%{spelt}") } else { spelt }
}

fn parse(text: &str) -> Option<(Vec<u8>, String)> {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    Some((from_hex(value("ssid=")?)?, value("psk=")?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_on_the_card_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["/etc/app/token.pem", "/etc/app_token.pem", "token-x", "../out", "/", "wifi.conf", ".", "/é \n"];
        let mut cards = [Card::at(folder.path()).unwrap(), Card::in_memory()];
        for card in &mut cards {
            for (number, name) in names.iter().enumerate() {
                card.keep(name, number.to_string().as_bytes()).unwrap();
            }
            for (number, name) in names.iter().enumerate() {
                assert_eq!(card.kept(name), Some(number.to_string().into_bytes()), "{name}");
            }
            assert_eq!(card.kept("/etc/other"), None);
        }
        let again = Card::at(folder.path()).unwrap();
        assert_eq!(again.kept("/etc/app/token.pem").as_deref(), Some(&b"0"[..]));
        assert!(!again.has_network(), "a file of that name is no network");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), names.len());
    }

    #[test]
    fn a_network_that_was_forgotten_stays_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut card = Card::at(folder.path()).unwrap();
        card.store(b"Site", "secret").unwrap();
        assert_eq!(Card::at(folder.path()).unwrap().ssid(), Some(&b"Site"[..]));
        card.forget().unwrap();
        card.forget().unwrap();
        assert!(!Card::at(folder.path()).unwrap().has_network());
    }
}
