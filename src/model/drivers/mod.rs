//! What is known of each driver before anybody speaks to a gateway: its names, its links, its settings in a profile, what
//! lets it in and what it offers. Everything that wants to know one of these reads it here.
//!
//! A driver is a file of this folder and one line of the registry. How it speaks stands in `flow`, its gateway in `sim`.

mod esp_prov;
mod improv;
mod linux_console;
mod smp;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::ids::LinkKind;
use super::problem::Problem;

/// Declares the drivers: a line each, with the file of this folder that describes it.
macro_rules! registry {
    ($($(#[$doc:meta])* $name:ident = $file:ident,)+) => {
        /// A provisioning or management protocol spoken over a link.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum DriverId {
            $($(#[$doc])* $name,)+
        }

        impl DriverId {
            /// Every driver, in the order in which they are tried where nothing names one.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// What is known of it.
            pub const fn facts(self) -> &'static DriverFacts {
                match self {
                    $(Self::$name => &$file::FACTS,)+
                }
            }
        }
    };
}

registry! {
    /// Improv Wi-Fi.
    Improv = improv,
    /// Espressif protocomm provisioning.
    EspProv = esp_prov,
    /// MCUmgr Simple Management Protocol.
    Smp = smp,
    /// A login console of a Linux gateway.
    LinuxConsole = linux_console,
}

/// What is known of a driver.
#[derive(Debug)]
pub struct DriverFacts {
    /// The name used in profiles, records and on the command line.
    pub name: &'static str,
    /// What it is, in a few words.
    pub label: &'static str,
    /// The links it runs over.
    pub links: &'static [LinkKind],
    /// The keys of its settings in a profile.
    pub settings: &'static [SettingRule],
    /// What lets a session in; nothing where nobody has to be let in.
    pub wanted: Option<Wanted>,
    /// Where it puts tokens, keys and files.
    pub takes: &'static [Place],
    /// What can be done with it.
    pub offers: DriverOffers,
    /// What it can do to take a gateway out of service.
    pub wipe: WipeFacts,
    /// The codes of the ends of a push.
    pub codes: Codes,
}

/// What a driver can do to take a gateway out of service.
#[derive(Clone, Copy, Debug)]
pub struct WipeFacts {
    /// Whether it can remove anything.
    pub removes: bool,
    /// Where it looks for Wi-Fi credentials.
    pub networks: &'static [StoreFacts],
    /// After how many restarts an empty place counts.
    pub restarts: u32,
}

/// A place where a driver looks for Wi-Fi credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFacts {
    /// What the driver calls it.
    pub key: &'static str,
    /// It in words.
    pub place: &'static str,
    /// Whether all of it is seen; else an empty place says something only where something was seen there before.
    pub is_whole: bool,
}

/// A place in words, under a key.
const fn store(key: &'static str, place: &'static str) -> StoreFacts {
    StoreFacts { key, place, is_whole: true }
}

/// What can be done with a driver at all; what a gateway offers shows in the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DriverOffers {
    /// It brings a gateway into a Wi-Fi network.
    pub wifi: bool,
    /// It manages a gateway.
    pub management: bool,
    /// A gateway can be asked who it is, with nothing that lets in and nothing changed.
    pub asking: bool,
}

/// Where a driver puts a token, a key or a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An endpoint.
    Endpoint,
    /// A setting.
    Setting,
    /// A file.
    File,
}

impl Place {
    /// Every place.
    pub const ALL: [Self; 3] = [Self::Endpoint, Self::Setting, Self::File];

    /// The key of a profile that names the place.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Setting => "setting",
            Self::File => "file",
        }
    }
}

impl DriverFacts {
    /// Whether a gateway refused the login or proof that was given.
    pub fn is_refusal(&self, problem: &Problem) -> bool {
        self.is_refusal_code(problem.code)
    }

    /// The same by the code of a problem.
    pub fn is_refusal_code(&self, code: &str) -> bool {
        self.wanted.is_some_and(|wanted| wanted.refusal == code)
    }

    /// Whether a session that ended with this problem shows how the gateway stands: one that can be queried gave no answer,
    /// or one refused its login.
    pub fn is_answer(&self, problem: &Problem) -> bool {
        self.offers.asking || self.is_refusal(problem)
    }
}

/// What a driver may want before it opens a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Label of the user name.
    pub username: &'static str,
    /// Label of the secret.
    pub secret: &'static str,
    /// When which of them is needed.
    pub hint: &'static str,
    /// Whether a session without protection can be allowed.
    pub may_be_unprotected: bool,
    /// Whether a QR code may hold it.
    pub may_be_in_a_code: bool,
    /// The code of the problem where the gateway refused it.
    pub refusal: &'static str,
}

/// A key of a driver's settings in a profile.
#[derive(Clone, Copy, Debug)]
pub struct SettingRule {
    /// The key.
    pub key: &'static str,
    /// What stands there.
    pub kind: SettingKind,
    /// How it is told; `{}` stands for the value.
    pub says: &'static str,
}

/// What a setting holds, and what holds where the profile does not say.
#[derive(Clone, Copy, Debug)]
pub enum SettingKind {
    /// A whole number.
    Number {
        /// The least.
        least: i64,
        /// The most.
        most: i64,
        /// The usual one.
        usual: i64,
    },
    /// A text.
    Text {
        /// The usual one.
        usual: Option<&'static str>,
    },
    /// The id of a Bluetooth service.
    Service,
}

/// The key of the speed of a serial line.
pub const BAUD: &str = "baud";
/// The usual speed.
pub const USUAL_BAUD: u32 = 115_200;
/// The speed of a serial line; every driver that runs over one has it.
pub(super) const BAUD_RULE: SettingRule = SettingRule {
    key: BAUD,
    kind: SettingKind::Number { least: 300, most: 4_000_000, usual: USUAL_BAUD as i64 },
    says: "{} baud",
};

/// The codes of ends of a push that every driver knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codes {
    /// It joined.
    pub joined: &'static str,
    /// It said so after the time for a verdict.
    pub joined_late: &'static str,
    /// It waits for a network again.
    pub fell_back: &'static str,
    /// It is on another network.
    pub other_network: &'static str,
    /// It is on the network by other means.
    pub other_connection: &'static str,
    /// It has a network and does not say whether that is the new one.
    pub maybe_the_old_one: &'static str,
    /// It is connected to a network that cannot be read.
    pub not_named: &'static str,
    /// It gave no verdict.
    pub no_verdict: &'static str,
    /// The link broke before the verdict.
    pub link_lost: &'static str,
}

/// The codes of a driver, by the word in front of the dot.
macro_rules! codes {
    ($word:literal) => {
        $crate::model::drivers::Codes {
            joined: concat!($word, ".joined"),
            joined_late: concat!($word, ".joined_late"),
            fell_back: concat!($word, ".fell_back"),
            other_network: concat!($word, ".other_network"),
            other_connection: concat!($word, ".other_connection"),
            maybe_the_old_one: concat!($word, ".maybe_the_old_one"),
            not_named: concat!($word, ".not_named"),
            no_verdict: concat!($word, ".no_verdict"),
            link_lost: concat!($word, ".link_lost"),
        }
    };
}
use codes;

impl DriverId {
    /// The name used in profiles and on the command line.
    pub const fn as_str(self) -> &'static str {
        self.facts().name
    }

    /// Whether it runs over that kind of link.
    pub fn is_available_over(self, link: LinkKind) -> bool {
        self.facts().links.contains(&link)
    }

    /// The drivers that run over a link.
    pub fn over(link: LinkKind) -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(move |driver| driver.is_available_over(link))
    }

    /// The drivers that manage a gateway over a link.
    pub fn managing_over(link: LinkKind) -> impl Iterator<Item = Self> {
        Self::over(link).filter(|driver| driver.facts().offers.management)
    }

    /// The driver that asks over a link who is there.
    pub fn asking_over(link: LinkKind) -> Option<Self> {
        Self::over(link).find(|driver| driver.facts().offers.asking)
    }

    /// The driver that is tried over a link where nothing names one. Each link has some.
    pub fn usual_over(link: LinkKind) -> Self {
        Self::over(link).next().unwrap_or(Self::ALL[0])
    }

    /// Whether what lets it in may stand in a QR code on the gateway.
    pub fn is_let_in_by_code(self) -> bool {
        self.facts().wanted.is_some_and(|wanted| wanted.may_be_in_a_code)
    }
}

impl fmt::Display for DriverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DriverId {
    type Err = UnknownDriver;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.iter().copied().find(|driver| driver.as_str() == text);
        named.ok_or_else(|| UnknownDriver { name: text.to_owned() })
    }
}

/// The text names no driver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no driver is called `{name}`; drivers are {}", names())]
pub struct UnknownDriver {
    /// What was written.
    pub name: String,
}

/// The names of all drivers.
fn names() -> String {
    DriverId::ALL.iter().map(|driver| driver.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_driver_is_told_by_one_name_everywhere() {
        for driver in DriverId::ALL {
            assert_eq!(driver.as_str().parse(), Ok(*driver));
            assert_eq!(serde_json::to_value(driver).unwrap(), driver.as_str());
        }
    }

    #[test]
    fn every_driver_has_links_and_each_link_a_usual_driver() {
        for driver in DriverId::ALL {
            let facts = driver.facts();
            assert!(!facts.links.is_empty() && !facts.label.is_empty(), "{driver}");
            let has_baud = facts.settings.iter().any(|rule| rule.key == BAUD);
            assert_eq!(has_baud, facts.links.contains(&LinkKind::Serial), "{driver}");
            assert!(facts.settings.iter().all(|rule| rule.says.contains("{}")), "{driver}");
        }
        for link in [LinkKind::Serial, LinkKind::Ble, LinkKind::Http, LinkKind::Udp] {
            assert!(DriverId::usual_over(link).is_available_over(link), "{link}");
        }
    }

    #[test]
    fn a_wrong_name_is_answered_with_all_names() {
        let error = "impro".parse::<DriverId>().unwrap_err().to_string();
        assert_eq!(error, "no driver is called `impro`; drivers are improv, esp-prov, smp, linux-console");
    }
}
