//! What the gateway is, what it can do, and whether a file arrived: questions to its shell, and how the answers are read.

use sha2::{Digest as _, Sha256};

use super::quote::{NotSendable, Script, word};
use crate::model::gateway::DeviceInfo;
use crate::model::text::{hex, visible_octets};

/// Longest text that is kept of an answer, in characters.
const TEXT_CHARS: usize = 120;
/// POSIX.1-2017, cksum: the check that every system has.
const CKSUM: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_CKSUM);

/// What a gateway is and has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its system: `Debian GNU/Linux 12 (bookworm)`.
    pub os: Option<String>,
    /// Its host name.
    pub hostname: Option<String>,
    /// Its kernel: `Linux 6.1.0`.
    pub kernel: Option<String>,
    /// Its board, else its processor.
    pub hardware: Option<String>,
    /// How the account may administer it.
    pub rights: Rights,
    /// Programs it has, of those we ask for.
    pub programs: Vec<String>,
}

/// What the account that is logged in may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rights {
    /// It is root.
    Root,
    /// It becomes root by sudo without a password.
    Sudo,
    /// Neither.
    #[default]
    None,
}

impl Rights {
    /// What to put in front of a command that needs root.
    pub const fn prefix(self) -> &'static str {
        match self {
            // sudo may set the language anew, as its PAM session says.
            Self::Sudo => "sudo -n env LANGUAGE=C LC_ALL=C.UTF-8 ",
            Self::Root | Self::None => "",
        }
    }

    /// It in words.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Sudo => "an account that may use sudo",
            Self::None => "an account without administrator permission",
        }
    }
}

impl Facts {
    /// Whether it has the program.
    pub fn has(&self, program: &str) -> bool {
        self.programs.iter().any(|known| known == program)
    }

    /// As what a gateway says about itself.
    pub fn info(&self) -> DeviceInfo {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        DeviceInfo {
            firmware: "Linux".into(),
            firmware_version: text(&self.kernel).trim_start_matches("Linux ").into(),
            hardware: text(&self.hardware),
            name: text(&self.hostname),
            os: self.os.clone(),
            hostname: self.hostname.clone(),
            ..DeviceInfo::default()
        }
    }
}

/// Asks what the gateway is, what the account may do and which programs there are.
pub fn describe() -> Result<Script, NotSendable> {
    Script::line(
        "echo os=$(sed -n 's/^PRETTY_NAME=//p' /etc/os-release 2>/dev/null); \
         echo host=$(cat /proc/sys/kernel/hostname 2>/dev/null || hostname); echo kernel=$(uname -sr); \
         echo machine=$(uname -m); echo board=$(tr -d '\\000' 2>/dev/null </proc/device-tree/model); \
         echo uid=$(id -u); sudo -n true >/dev/null 2>&1 && echo sudo=yes; \
         for p in nmcli base64 sha256sum cksum wpa_cli networkctl connmanctl; do \
         command -v $p >/dev/null 2>&1 && echo has=$p; done",
    )
}

/// Asks for the time in UTC.
pub fn clock() -> Result<Script, NotSendable> {
    Script::line("date -u +%Y-%m-%dT%H:%M:%SZ")
}

/// Sets the clock to that time in UTC, which every `date` takes when it is written so, and asks for it again.
pub fn set_clock(time: &str, prefix: &str) -> Result<Script, NotSendable> {
    let time = word(time.trim_end_matches('Z').replace('T', " ").as_bytes())?;
    Script::line(format!("{prefix}date -u -s {time} >/dev/null && date -u +%Y-%m-%dT%H:%M:%SZ"))
}

/// Reads the answer to [`describe`].
pub fn parse_facts(output: &[u8]) -> Facts {
    let mut facts = Facts::default();
    let mut machine = None;
    for line in output.split(|&octet| octet == b'\n').take(64) {
        let Some(at) = line.iter().position(|&octet| octet == b'=') else { continue };
        let (key, value) = (&line[..at], line[at + 1..].trim_ascii());
        let text = Some(visible_octets(value.strip_prefix(b"\"").unwrap_or(value), TEXT_CHARS))
            .map(|text| text.trim_end_matches('"').to_owned())
            .filter(|text| !text.is_empty());
        match key {
            b"os" => facts.os = text,
            b"host" => facts.hostname = text,
            b"kernel" => facts.kernel = text,
            b"machine" => machine = text,
            b"board" => facts.hardware = text,
            b"uid" if value == b"0" => facts.rights = Rights::Root,
            b"sudo" if value == b"yes" && facts.rights == Rights::None => facts.rights = Rights::Sudo,
            b"has" => facts.programs.extend(text),
            _ => {}
        }
    }
    facts.hardware = facts.hardware.or(machine);
    facts
}

/// Asks for mode, size and checksum of a file.
pub fn check_file(path: &str, prefix: &str) -> Result<Script, NotSendable> {
    let path = word(path.as_bytes())?;
    let command = format!("ls -ldn {path}; echo size=$(wc -c <{path}); sha256sum {path} 2>/dev/null || cksum {path}");
    Script::line(format!("{prefix}sh -c {}", word(command.as_bytes())?))
}

/// What a gateway says of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFacts {
    /// Its mode, as `ls` writes it: `-rw-------`.
    pub mode: Option<String>,
    /// Its size.
    pub octets: Option<u64>,
    /// Its SHA-256 as hexadecimal digits.
    pub sha256: Option<String>,
    /// Its POSIX checksum.
    pub cksum: Option<u32>,
}

/// How far a file on the gateway was compared with what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// The same, by SHA-256.
    SameBySha256,
    /// The same, by the POSIX checksum and the size.
    SameByCksum,
    /// The same size; there is no program to compare more.
    SameSize,
    /// Something else.
    Different,
    /// It is not there, or could not be read.
    Unreadable,
}

/// Reads the answer to [`check_file`].
pub fn parse_file(output: &[u8]) -> FileFacts {
    let mut facts = FileFacts::default();
    for line in output.split(|&octet| octet == b'\n').take(16) {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        let first = line.split_ascii_whitespace().next().unwrap_or_default();
        if let Some(size) = line.strip_prefix("size=") {
            facts.octets = size.trim().parse().ok();
        } else if first.len() >= 10 && first.starts_with('-') {
            facts.mode = Some(first[..10.min(first.len())].to_owned()).filter(|mode| mode.is_ascii());
        } else if first.len() == 64 && first.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            facts.sha256 = Some(first.to_ascii_lowercase());
        } else if let Ok(sum) = first.parse() {
            facts.cksum = Some(sum);
        }
    }
    facts
}

impl FileFacts {
    /// Compares with what was sent.
    pub fn compare(&self, content: &[u8]) -> Compared {
        if self.octets != Some(content.len() as u64) {
            return if self.octets.is_none() { Compared::Unreadable } else { Compared::Different };
        }
        match (&self.sha256, self.cksum) {
            (Some(sum), _) if *sum == hex(&Sha256::digest(content)) => Compared::SameBySha256,
            (None, Some(sum)) if sum == cksum(content) => Compared::SameByCksum,
            (Some(_), _) | (None, Some(_)) => Compared::Different,
            (None, None) => Compared::SameSize,
        }
    }

    /// Whether nobody but its owner may read it.
    pub fn is_private(&self) -> bool {
        self.mode.as_deref().is_some_and(|mode| mode.ends_with("------"))
    }
}

/// The POSIX checksum: a CRC over the octets and their number.
fn cksum(content: &[u8]) -> u32 {
    let mut digest = CKSUM.digest();
    digest.update(content);
    let mut rest = content.len();
    while rest > 0 {
        digest.update(&[u8::try_from(rest & 0xff).unwrap_or_default()]);
        rest >>= 8;
    }
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_gateway_says_of_itself_is_read() {
        let facts = parse_facts(
            b"os=\"Debian GNU/Linux 12 (bookworm)\"\nhost=gw-7\nkernel=Linux 6.1.0\nmachine=armv7l\nboard=\nuid=1000\n\
              sudo=yes\nhas=nmcli\nhas=base64\nnoise\n",
        );
        assert_eq!(facts.os.as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!((facts.rights, facts.hardware.as_deref()), (Rights::Sudo, Some("armv7l")));
        assert!(facts.has("nmcli") && !facts.has("sha256sum"));
        assert_eq!(facts.info().name, "gw-7");
        assert_eq!(facts.info().firmware_version, "6.1.0");
        assert_eq!(parse_facts(b"uid=0\nsudo=yes\n").rights, Rights::Root);
    }

    #[test]
    fn a_file_is_compared_by_the_best_there_is() {
        let check = |output: &str, expected| assert_eq!(parse_file(output.as_bytes()).compare(b"hello\n"), expected);
        check(
            "-rw------- 1 0 0 6 Jan 1 00:00 /x\nsize=6\n5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03  /x\n",
            Compared::SameBySha256,
        );
        // From cksum of GNU coreutils.
        check("size=6\n3015617425 6 /x\n", Compared::SameByCksum);
        check("size=6\n1 6 /x\n", Compared::Different);
        check("size=5\n", Compared::Different);
        check("size=6\n", Compared::SameSize);
        check("ls: /x: No such file\nsize=\n", Compared::Unreadable);
        assert!(parse_file(b"-rw------- 1 0 0 6 /x\n").is_private());
        assert!(!parse_file(b"-rw-r--r-- 1 0 0 6 /x\n").is_private());
    }

    #[test]
    fn questions_fit_on_a_line() {
        assert!(describe().is_ok());
        assert!(check_file("/etc/it's", "sudo -n ").is_ok());
        assert!(check_file("/etc/\n", "").is_err());
    }
}
