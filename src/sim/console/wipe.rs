//! How the simulated Linux gateway is taken out of service: what it says of itself, where keys lie, deleting and restarting.
//!
//! Unpaired by its vendor's tool while it is online it loses all that it holds; offline it loses nothing.

use std::time::{Duration, Instant};

use super::{ConsoleDevice, Due, STARTS_WITHIN, Stored, unquoted};
use crate::model::fault::Fault;

/// When a gateway that comes back has its old network again.
const COMES_BACK_WITHIN: Duration = Duration::from_mins(5);

impl ConsoleDevice {
    /// What the questions and commands of a wipe bring.
    pub(super) fn answer_wipe(&mut self, body: &str) -> Option<(String, u8)> {
        if body.contains("boot_id") {
            let serial = match (&self.serial, self.has(Fault::Swapped) && self.starts > 1) {
                (_, true) => "ANOTHER",
                (Some(serial), false) => serial,
                (None, false) => "",
            };
            // Simulated gateways share no id of a system: those without a serial number have none.
            let machine = if serial.is_empty() { "" } else { "simulated" };
            return Some((format!("serial={serial}\nmachine={machine}\nboot=start-{}\n", self.starts), 0));
        }
        if body.contains("grep -rlsE") {
            return Some((self.search(body), 0));
        }
        if let Some(path) = path_behind(body, "; sync; [ ! -e ") {
            return Some((String::new(), self.delete_file(&path)));
        }
        let path = path_behind(body, "if [ -e ")?;
        let is_there = self.card.kept(&path).is_some() && !self.hidden.contains(&path);
        let held = if is_there { format!("held={path}\n") } else { String::new() };
        Some((format!("{held}trouble=0\n"), 0))
    }

    /// Looks for keys in the places that the command names.
    fn search(&self, body: &str) -> String {
        let mut found = Vec::new();
        if body.contains("in /etc/NetworkManager ") {
            let file =
                |stored: &Stored| format!("held=/etc/NetworkManager/system-connections/{}.nmconnection\n", stored.name);
            found.extend(self.connections.iter().map(file));
        }
        if body.contains("in /etc/netplan ") && self.has(Fault::Regenerates) {
            found.push("held=/etc/netplan/90-NM-simulated.yaml\n".to_owned());
        }
        found.concat() + "trouble=0\n"
    }

    fn delete_file(&mut self, path: &str) -> u8 {
        if self.has(Fault::WipeLie) {
            self.hidden.insert(path.to_owned());
        } else {
            self.card.remove(path);
        }
        0
    }

    /// Starts anew, with what the card holds.
    pub(super) fn restart(&mut self, at: Instant) {
        self.starts += 1;
        self.hidden.clear();
        self.line.clear();
        self.connections = self.card.ssid().map(Stored::before).into_iter().collect();
        self.active = self.connections.first().map(|stored| stored.uuid.clone());
        self.air.uplink.restart(self.active.is_some());
        self.say(at, b"\r\n[    0.000000] Booting Linux on physical CPU 0x0\r\n");
        self.ask_login(at + STARTS_WITHIN);
        if self.has(Fault::ComesBack) {
            self.plan(at + COMES_BACK_WITHIN, Due::ComesBack);
        }
    }

    /// Does what the vendor's tool asks for.
    pub(super) fn unpair_if_asked(&mut self) {
        if !self.card.take_unpairing() || self.active.is_none() || self.has(Fault::Offline) {
            return;
        }
        // A card that cannot be written shows all of it again after a restart.
        let _ = self.card.clear();
        self.connections.clear();
        self.active = None;
        self.air.uplink.restart(false);
    }
}

/// The path that stands behind some words of a command, in quotes within quotes.
fn path_behind(body: &str, words: &str) -> Option<String> {
    let (_, rest) = body.split_once(words)?;
    let rest = rest.replace(r"'\''", "'");
    let (path, _) = rest.split_once("' ]")?;
    Some(unquoted(path))
}
