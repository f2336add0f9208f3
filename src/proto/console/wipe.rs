//! Questions and commands for taking a Linux gateway out of service: who it is, where Wi-Fi keys lie, and deleting files.
//!
//! Keys are looked for by how the programs write them: NetworkManager's key files, netplan's YAML, wpa_supplicant, iwd,
//! ConnMan, first-run files, histories and logs. Only names of files come back, never what stands in them. The patterns do
//! not match themselves: a shell that keeps what it was told would otherwise be found out by its own question.

use super::quote::{NotSendable, Script, word};
use crate::model::mac;
use crate::model::text::visible_octets;

/// Longest text that is kept of an answer, in characters.
const TEXT_CHARS: usize = 120;
/// Most files that are named.
const FILES: usize = 8;

/// What tells one gateway from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The serial number of its board.
    pub serial: Option<String>,
    /// The id of its system.
    pub machine: Option<String>,
    /// The id of its last start.
    pub boot: Option<String>,
    /// The hardware address of its Wi-Fi.
    pub mac: Option<String>,
}

/// Asks for what tells one gateway from another.
pub fn marks(prefix: &str) -> Result<Script, NotSendable> {
    Script::line(format!(
        "echo serial=$(tr -d '\\000' 2>/dev/null </proc/device-tree/serial-number); \
         echo serial=$({prefix}cat /sys/class/dmi/id/product_serial 2>/dev/null); \
         echo serial=$(sed -n 's/^Serial[^:]*: *//p' /proc/cpuinfo 2>/dev/null); \
         echo machine=$(cat /etc/machine-id 2>/dev/null); echo boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null); \
         echo mac=$(cat /sys/class/net/wl*/address 2>/dev/null | head -n 1)"
    ))
}

/// Reads the answer to [`marks`]. Serial numbers that makers leave at their default say nothing.
pub fn parse_marks(output: &[u8]) -> Marks {
    const DEFAULTS: [&str; 7] =
        ["none", "not specified", "to be filled by o.e.m.", "default string", "system serial number", "0", "unknown"];
    let mut marks = Marks::default();
    for line in output.split(|&octet| octet == b'\n').take(32) {
        let text = visible_octets(line.trim_ascii(), TEXT_CHARS);
        let Some((key, value)) = text.split_once('=') else { continue };
        let value = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        match key {
            "serial" => {
                let means = |serial: &String| {
                    !DEFAULTS.contains(&serial.to_lowercase().as_str()) && serial.chars().any(|digit| digit != '0')
                };
                marks.serial = marks.serial.or(value.filter(means));
            }
            "machine" => marks.machine = value,
            "boot" => marks.boot = value,
            "mac" => marks.mac = value.and_then(|text| mac::read(&text)).map(mac::shown),
            _ => {}
        }
    }
    marks
}

/// A family of places where a Wi-Fi key may lie.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// Its key in the driver's facts.
    pub key: &'static str,
    /// Files and folders; wildcards are the shell's.
    paths: &'static str,
    /// How a key stands there: an extended regular expression.
    pattern: &'static str,
}

/// Where keys are looked for, beside NetworkManager's own list.
pub const PLACES: [Places; 8] = [
    Places {
        key: "network-manager",
        paths: "/etc/NetworkManager /run/NetworkManager /usr/lib/NetworkManager",
        pattern: "^ *(ps[k]|wep-key[0-3]|passwor[d](-raw)?|leap-passwor[d]|private-key-passwor[d]|pi[n]) *= *[^ ]",
    },
    Places {
        key: "network-manager-state",
        paths: "/var/lib/NetworkManager",
        pattern: "^ *(ps[k]|passwor[d]) *= *[^ ]",
    },
    Places {
        key: "netplan",
        paths: "/etc/netplan /run/netplan /lib/netplan",
        pattern: "^[^#]*(passwor[d]|ps[k])\"? *: *[^ ]",
    },
    Places {
        key: "wpa-supplicant",
        paths: "/etc/wpa_supplicant /etc/wpa_supplicant.conf /run/wpa_supplicant",
        pattern: "^[^#]*(ps[k]|sae_passwor[d]|passwor[d]|wep_key[0-3]) *=.",
    },
    Places {
        key: "other-managers",
        paths: "/var/lib/iwd /var/lib/connman /etc/config/wireless /etc/network/interfaces /etc/network/interfaces.d",
        pattern: "^ *(Passphras[e]|PreSharedKe[y]|Passwor[d]|SAE-PT-Grou[p][0-9]*) *=.|option ke[y] |^[^#]*(wpa-ps[k]|wpa-passphras[e]|wireless-ke[y]1?) +[^ ]",
    },
    Places {
        key: "boot",
        paths: "/boot/firstrun.sh /boot/firmware/firstrun.sh /boot/custom.toml /boot/firmware/custom.toml \
                /boot/wpa_supplicant.conf /boot/firmware/wpa_supplicant.conf /boot/network-config /boot/firmware/network-config",
        pattern: "ps[k]|set_wla[n]|passwor[d]|passphras[e]",
    },
    Places {
        key: "history",
        paths: "/root/.*_history /home/*/.*_history",
        pattern: "(passwor[d]|passphras[e]|ps[k])[ =]+[^ ]",
    },
    Places { key: "logs", paths: "/var/log /run/log", pattern: "(ps[k]|passphras[e]) ?[=:] ?[^] [<]" },
];

impl Places {
    /// The places of that key.
    pub fn of(key: &str) -> Option<&'static Self> {
        PLACES.iter().find(|places| places.key == key)
    }

    /// Looks for keys; the names of files that hold one come back.
    pub fn search(&self, prefix: &str) -> Result<Script, NotSendable> {
        let Self { paths, pattern, .. } = self;
        let command = format!(
            "t=0; for d in {paths}; do [ -e \"$d\" ] || continue; o=$(grep -rlsE '{pattern}' \"$d\"); \
             [ $? -le 1 ] || t=1; echo \"$o\" | sed -n 's/^./held=&/p'; done; echo trouble=$t"
        );
        Script::line(format!("{prefix}sh -c {}", word(command.as_bytes())?))
    }
}

/// Looks whether a file is there.
pub fn look_for(path: &str, prefix: &str) -> Result<Script, NotSendable> {
    let place = word(path.as_bytes())?;
    let command = format!("if [ -e {place} ]; then echo held={place}; fi; echo trouble=0");
    Script::line(format!("{prefix}sh -c {}", word(command.as_bytes())?))
}

/// What a look brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Searched {
    /// Files that hold one, safe to show.
    pub held: Vec<String>,
    /// How many more there are.
    pub more: usize,
    /// Whether the search came to its end, and whether something could not be read.
    pub trouble: Option<bool>,
}

/// Reads the answer to [`Places::search`] and [`look_for`].
pub fn parse_search(output: &[u8]) -> Searched {
    let mut searched = Searched::default();
    for line in output.split(|&octet| octet == b'\n') {
        let line = line.trim_ascii();
        if let Some(path) = line.strip_prefix(b"held=") {
            if searched.held.len() < FILES {
                searched.held.push(visible_octets(path, TEXT_CHARS));
            } else {
                searched.more += 1;
            }
        } else if let Some(trouble) = line.strip_prefix(b"trouble=") {
            searched.trouble = Some(trouble != b"0");
        }
    }
    searched
}

/// Overwrites a file in its place, then deletes it: the deleted file alone would leave its content on the disk.
pub fn delete_file(path: &str, prefix: &str) -> Result<Script, NotSendable> {
    let place = word(path.as_bytes())?;
    let command = format!(
        "if [ -f {place} ]; then dd if=/dev/zero of={place} bs=1 count=$(wc -c <{place}) conv=notrunc,fsync \
         2>/dev/null; fi; rm -f {place}; sync; [ ! -e {place} ]"
    );
    Script::line(format!("{prefix}sh -c {}", word(command.as_bytes())?))
}

/// Restarts the gateway, a moment after the shell has answered.
pub fn restart(prefix: &str) -> Result<Script, NotSendable> {
    Script::line(format!("{prefix}sh -c '(sleep 1; reboot || /sbin/reboot || systemctl reboot) >/dev/null 2>&1 &'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_that_says_nothing_is_none() {
        let check = |output: &str, serial: Option<&str>| {
            assert_eq!(parse_marks(output.as_bytes()).serial.as_deref(), serial, "{output}");
        };
        check("serial=\nserial=Not Specified\nserial=10000000abcdef\nmachine=m\nboot=b\n", Some("10000000abcdef"));
        check("serial=GW-7\nserial=other\n", Some("GW-7"));
        check("serial=0000000000000000\nserial=To Be Filled By O.E.M.\n", None);
        assert_eq!(parse_marks(b"mac=34:85:18:0A:00:01\n").mac.as_deref(), Some("34:85:18:0a:00:01"));
        assert_eq!(parse_marks(b"mac=00:00:00:00:00:00\nmac=\n").mac, None);
    }

    #[test]
    fn every_question_fits_on_a_line_of_a_console() {
        for places in PLACES {
            assert!(places.search("sudo -n env LANGUAGE=C LC_ALL=C.UTF-8 ").is_ok(), "{}", places.key);
        }
        assert!(marks("sudo -n ").is_ok() && restart("").is_ok() && delete_file("/it's", "").is_ok());
        assert!(look_for("/a\nb", "").is_err());
    }

    #[test]
    fn every_place_of_the_driver_can_be_searched() {
        for store in crate::model::drivers::DriverId::LinuxConsole.facts().wipe.networks {
            assert!(store.key == "connections" || Places::of(store.key).is_some(), "{}", store.key);
        }
    }

    #[test]
    fn an_answer_that_was_cut_short_is_no_empty_place() {
        assert_eq!(parse_search(b"held=/etc/a\n").trouble, None);
        let found = parse_search(b"held=/etc/a\r\ntrouble=0\n");
        assert_eq!((found.held, found.trouble), (vec!["/etc/a".to_owned()], Some(false)));
        let many = parse_search("held=/x\n".repeat(11).as_bytes());
        assert_eq!((many.held.len(), many.more), (8, 3));
    }
}
