//! The card of a simulated gateway: a folder that stands for its SD card or flash, unencrypted as on real ones.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::text::{from_hex, hex};

/// Where a gateway keeps its network.
#[derive(Clone, Debug, Default)]
pub struct Card {
    folder: Option<PathBuf>,
    network: Option<(Vec<u8>, String)>,
}

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
        Ok(Self { folder: Some(folder.to_owned()), network })
    }

    /// The network it holds.
    pub const fn has_network(&self) -> bool {
        self.network.is_some()
    }

    /// Keeps octets under a name, which holds letters, digits, `-` and `_` only.
    pub fn keep(&self, name: &str, octets: &[u8]) -> io::Result<()> {
        let is_plain = name.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'));
        match &self.folder {
            Some(folder) if is_plain => fs::write(folder.join(name), octets),
            Some(_) => Err(io::Error::from(io::ErrorKind::InvalidInput)),
            None => Ok(()),
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

fn parse(text: &str) -> Option<(Vec<u8>, String)> {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    Some((from_hex(value("ssid=")?)?, value("psk=")?.to_owned()))
}
