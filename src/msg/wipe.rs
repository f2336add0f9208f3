//! Taking a gateway out of service: what is asked for, and what is told while it goes on.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::access::Access;
use crate::model::card_scan::Scanned;
use crate::model::gateway::Protection;
use crate::model::ids::{DriverId, LinkAddress, ProfileId};
use crate::model::mqtt::connect::{ConnectPlan, Login, TlsFiles};
use crate::model::mqtt::message::{Qos, Subscription};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::mqtt::url::BrokerUrl;
use crate::model::secret::Secret;
use crate::model::wifi::Ssid;
use crate::model::wipe::list::Listed;
use crate::model::wipe::{BrokerSeen, Consent, LastWill, Leftover, Look, Mark, Plan, Told, WipeReport};
use crate::model::word::words;

/// A wipe to begin.
pub struct WipeStart {
    /// The gateway's link.
    pub link: LinkAddress,
    /// The profile whose plan is carried out.
    pub profile: ProfileId,
    /// The driver to speak.
    pub driver: DriverId,
    /// What lets us in.
    pub access: Access,
    /// The serial number, or where the gateway tells none its name, as a person typed it.
    pub confirmed: String,
    /// Steps that a person carried out: the step's id, and what was seen.
    pub attested: Vec<(String, String)>,
    /// Steps that are left out knowingly.
    pub without: Vec<String>,
    /// Settings that are looked for before and after, where the driver has such.
    pub look_for: Vec<String>,
    /// Files that show what was seen of an attested step.
    pub evidence: Vec<(String, PathBuf)>,
    /// Whether somebody stands beside the gateway who takes its power away when asked.
    pub is_attended: bool,
    /// How long to watch whether it comes back.
    pub watch: Option<Duration>,
    /// The broker at which the old credential is tried.
    pub broker: Option<Box<BrokerWish>>,
}

/// A broker at which the gateway's old credential is tried, beside one that is known to be good.
pub struct BrokerWish {
    /// The old one.
    pub old: ConnectPlan,
    /// The good one.
    pub control: Option<ConnectPlan>,
    /// The gateway's topics.
    pub topics: Vec<Subscription>,
    /// Its last will, as far as a person knows it.
    pub will: Option<LastWill>,
    /// Which retained messages may be cleared.
    pub consent: Option<Consent>,
}

/// A credential of a broker, as a person names it.
pub struct LookCredential {
    /// The client id.
    pub client_id: String,
    /// User name and password.
    pub login: Login,
    /// The file of its certificate.
    pub certificates: Option<PathBuf>,
    /// The file of its key.
    pub key: Option<PathBuf>,
}

impl BrokerWish {
    /// A look at that broker, where none but those authorities are trusted if any are named.
    pub fn new(
        url: &BrokerUrl,
        authorities: Option<&PathBuf>,
        old: LookCredential,
        control: Option<LookCredential>,
        topics: Vec<TopicFilter>,
    ) -> Self {
        let plan = |credential: LookCredential| {
            let LookCredential { client_id, login, certificates, key } = credential;
            let files = TlsFiles { authorities: authorities.cloned(), certificates, key };
            ConnectPlan::with_files(url.clone(), client_id, login, files)
        };
        let topics = topics.into_iter().map(|filter| Subscription { filter, qos: Qos::AtMostOnce }).collect();
        Self { old: plan(old), control: control.map(plan), topics, will: None, consent: None }
    }
}

impl WipeStart {
    /// The plain removal of a gateway whose serial number was typed: nothing attested, left out or looked at beside.
    pub const fn new(
        link: LinkAddress,
        profile: ProfileId,
        driver: DriverId,
        access: Access,
        confirmed: String,
    ) -> Self {
        Self {
            link,
            profile,
            driver,
            access,
            confirmed,
            attested: Vec::new(),
            without: Vec::new(),
            look_for: Vec::new(),
            evidence: Vec::new(),
            is_attended: false,
            watch: None,
            broker: None,
        }
    }
}

impl From<Listed> for WipeStart {
    fn from(listed: Listed) -> Self {
        let Listed { link, profile, driver, serial, access, attested, without, .. } = listed;
        Self { attested, without, ..Self::new(link, profile, driver, access, serial) }
    }
}

words! {
    /// What a person beside the gateway is asked for.
    PowerAsk {
        /// To turn it off.
        Off = "off",
        /// To turn it on again, now that the gateway was seen to be away.
        On = "on",
    }
}

/// One of the power cycles that a person is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PowerWish {
    /// What to do.
    pub ask: PowerAsk,
    /// The number of this power cycle.
    pub cycle: u32,
    /// How many there are to be.
    pub of: u32,
    /// How long it is waited for.
    pub limit: Duration,
}

impl PowerWish {
    /// The sentence shown.
    pub fn words(self) -> String {
        let Self { ask, cycle, of, .. } = self;
        match ask {
            PowerAsk::Off => {
                format!("Turn the gateway's power off and leave it off until you're asked ({cycle} of {of})")
            }
            PowerAsk::On => format!("No answer any more: turn the gateway's power back on ({cycle} of {of})"),
        }
    }
}

/// What is told while it goes on.
pub enum WipeEvent {
    /// This is what will be done.
    Planned(Box<Plan>),
    /// It works on this; it ends by itself after `limit` at the latest.
    Busy {
        /// What.
        what: String,
        /// How long at most.
        limit: Duration,
    },
    /// Whoever stands beside the gateway is asked to do something with its power.
    Power(PowerWish),
    /// The gateway said which it is.
    Identified {
        /// What it told.
        told: Box<Told>,
        /// How the link is protected.
        protection: Protection,
    },
    /// Whether it is connected to the internet; nothing where it cannot say.
    Online(Option<bool>),
    /// Something was seen of a step.
    Step {
        /// Which step of the plan.
        step: usize,
        /// What.
        mark: Mark,
    },
    /// A store was looked at.
    Looked(Look),
    /// It restarted so often since the last removal.
    Restarted(u32),
    /// The broker retains these messages: whether they are cleared is asked, by [`Command::ClearLeftovers`], until that time.
    ///
    /// [`Command::ClearLeftovers`]: crate::msg::Command::ClearLeftovers
    Leftovers {
        /// Which.
        leftovers: Vec<Leftover>,
        /// How long an answer is waited for.
        limit: Duration,
    },
    /// These messages are cleared next, as a person consented.
    Clearing(Vec<Leftover>),
    /// A broker was asked.
    BrokerSeen(Box<BrokerSeen>),
    /// It is over, and this may be claimed.
    Assessed(Box<WipeReport>),
}

/// A medium to search.
pub struct CardScan {
    /// A device or an image.
    pub path: PathBuf,
    /// What is looked for, each under a name.
    pub secrets: Vec<(String, Secret<Vec<u8>>)>,
    /// The network whose derived key is looked for as well.
    pub ssid: Option<Ssid>,
}

/// What is told of a search.
pub enum ScanEvent {
    /// How far it is, in bytes.
    At {
        /// What was read.
        bytes: u64,
        /// What there is, where the medium tells it.
        total: Option<u64>,
    },
    /// It is over.
    Ended(Box<Scanned>),
}
