//! Taking a gateway out of service: the plan, what was seen of it, and what may be claimed of it afterwards.
//!
//! Three claims stand apart, so that a good one cannot hide a bad one: the credentials are useless, the data is removed,
//! the medium is sanitised. [`judge`] alone decides them, from the plan and the evidence; nothing that runs a step can say
//! "complete" itself. What was not observed after the last restart is not claimed.

mod broker;
mod identity;
mod judge;
pub mod list;
pub mod several;
#[cfg(test)]
mod tests;
mod witness;

use std::time::Duration;

use serde::Serialize;

pub use self::broker::{
    BrokerSeen, Consent, LastWill, Leftover, LeftoverState, LiveTopic, LoginSeen, LoginState, Proof, WillSeen,
    WillState, clears_too_much,
};
pub use self::identity::{Earlier, Known, Told, Traces, compare, earlier, on_record, traces};
pub use self::judge::judge;
pub use self::witness::{EvidenceFile, NetworkState, OldNetwork, Watched};
use super::ids::DriverId;
use super::record::RecordId;
use super::word::words;

/// For how many minutes a gateway can be watched after its removal.
pub const WATCH_MINUTES: std::ops::RangeInclusive<u64> = 1..=60;

/// What a plan calls the Wi-Fi credentials.
pub const WIFI: &str = "wifi";

words! {
    /// Who carries out a step.
    Actor {
        /// This program, by a driver.
        Driver = "driver",
        /// A person with the vendor's tool or portal.
        VendorTool = "vendor-tool",
        /// A person, by hand.
        Person = "person",
    }
}

words! {
    /// What a step is for.
    Claim {
        /// The credential no longer opens anything, wherever a copy of it lies.
        Useless = "useless",
        /// The data is no longer there for whoever asks the device or reads its files.
        Removed = "removed",
        /// The medium holds no trace of it.
        Sanitised = "sanitised",
    }
}

words! {
    /// How a step stands.
    StepState {
        /// Nobody did it, or nobody looked.
        NotChecked = "not-checked",
        /// It was asked for, and no answer came.
        Requested = "requested",
        /// The gateway reports that it was done.
        Acknowledged = "acknowledged",
        /// A person says that it was done.
        Attested = "attested",
        /// It was seen by another way than the answer to the request.
        Observed = "observed",
        /// It was refused, or had no effect.
        Failed = "failed",
        /// It cannot be done over this link.
        Cannot = "cannot",
    }
}

words! {
    /// What a look at a store of a credential brought.
    StoreState {
        /// Nobody looked.
        NotLooked = "not-looked-at",
        /// It cannot be reached from here.
        NotReachable = "not-reachable",
        /// It holds nothing of it.
        SeenEmpty = "seen-empty",
        /// It is still there.
        StillThere = "still-there",
    }
}

words! {
    /// How far a claim holds.
    Answer {
        /// It does not hold.
        No = "no",
        /// No software can bring it about, and nobody says that it was done by hand.
        NotBySoftware = "not-by-software",
        /// Nobody looked.
        NotChecked = "not-checked",
        /// The plan has no step for it.
        NotPlanned = "not-planned",
        /// It was seen for a part, and the rest could not be looked at.
        Partly = "partly",
        /// A person says so.
        Attested = "attested",
        /// The gateway says so.
        Acknowledged = "acknowledged",
        /// It was seen.
        Observed = "observed",
    }
}

words! {
    /// How a wipe ended.
    Outcome {
        /// Every store was seen empty after the last restart, and every step that counts was done.
        Complete = "complete",
        /// Something is still there, or was not looked at.
        Incomplete = "incomplete",
        /// Nothing was done: the gateway is not the one that was named.
        Refused = "refused",
        /// Something was sent, and nobody could look what came of it.
        Unknown = "unknown",
    }
}

impl StepState {
    /// The word shown.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotChecked => "not checked",
            Self::Cannot => "not possible here",
            other => other.as_str(),
        }
    }
}

impl StoreState {
    /// The words shown.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotLooked => "not checked",
            Self::NotReachable => "not reachable",
            Self::SeenEmpty => "seen empty",
            Self::StillThere => "still there",
        }
    }
}

impl Answer {
    /// The words shown.
    pub const fn label(self) -> &'static str {
        match self {
            Self::No => "No",
            Self::NotBySoftware => "Not by software",
            Self::NotChecked => "Not checked",
            Self::NotPlanned => "No step for it",
            Self::Partly => "Partly",
            Self::Attested => "Attested by a person",
            Self::Acknowledged => "Reported by the gateway",
            Self::Observed => "Observed",
        }
    }
}

impl Claim {
    /// The claim as a heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Useless => "Credentials made useless",
            Self::Removed => "Data removed",
            Self::Sanitised => "Media sanitised",
        }
    }
}

impl Outcome {
    /// The word as a heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Complete => "Complete",
            Self::Incomplete => "Incomplete",
            Self::Refused => "Refused",
            Self::Unknown => "Unknown",
        }
    }
}

/// What is to be done, in order, and where each credential lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps, in order.
    pub steps: Vec<PlanStep>,
    /// Every place of every credential on the device.
    pub stores: Vec<Store>,
    /// What the device keeps its data on: `The SD card`.
    pub medium: String,
    /// Whether whoever holds the medium can read it, as far as the vendor says.
    pub is_medium_encrypted: bool,
    /// How many restarts a look must have behind it.
    pub restarts: u32,
    /// What to do when no step can be carried out.
    pub guidance: String,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanStep {
    /// Its id.
    pub id: String,
    /// What is done.
    pub does: String,
    /// Who does it.
    pub actor: Actor,
    /// What it is for.
    pub claim: Claim,
    /// What it removes or makes useless: ids of credentials, or [`WIFI`].
    pub removes: Vec<String>,
    /// Whether it works only while the gateway is connected to the internet.
    pub needs_online: bool,
    /// What shows that it happened.
    pub evidence: Vec<String>,
    /// What to do when it cannot be done.
    pub otherwise: String,
    /// What to know before it is done.
    pub warning: Option<String>,
}

/// A place where a credential lies on the device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Store {
    /// The credential: its id, or [`WIFI`].
    pub credential: String,
    /// What the driver calls the place.
    #[serde(skip)]
    pub key: String,
    /// The place, in words.
    pub place: String,
    /// Whether the driver can look there.
    #[serde(skip)]
    pub is_reachable: bool,
    /// Whether the place is a guess. Then an empty one says something only where the credential was seen on this gateway before.
    #[serde(rename = "assumed")]
    pub is_assumed: bool,
}

/// What was seen, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    /// Whether the gateway is the one that was named and the one on record.
    pub guard: Guard,
    /// Whether the gateway was connected to the internet when that mattered; `None` where it could not be asked.
    pub online: Option<bool>,
    /// For each step of the plan what was seen of it.
    pub steps: Vec<Vec<Mark>>,
    /// Looks at stores.
    pub looks: Vec<Look>,
    /// Credentials that an earlier wipe saw on this gateway: so it is known where it keeps them.
    pub proven: Vec<String>,
    /// Restarts that were seen since the last removal.
    pub restarts: u32,
    /// Whether one of them is the gateway's word alone.
    pub is_restart_told: bool,
    /// Whether the conversation broke before the last look.
    pub is_cut: bool,
    /// What a watch after the last look brought, where there was one.
    pub watched: Option<Watched>,
    /// What was seen at a broker, where that was asked for.
    pub broker: Option<BrokerSeen>,
}

/// Whether the gateway is the right one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Guard {
    /// Nobody has compared yet.
    #[default]
    NotCompared,
    /// It is.
    Passed,
    /// It is not, in a sentence. Nothing was done.
    Refused(String),
    /// It was, and in the middle of it another one answered.
    Swapped(String),
}

/// One thing that was seen of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// How strong it is.
    pub state: StepState,
    /// What it is, in a sentence.
    pub text: String,
    /// When, counted from the start.
    #[serde(rename = "at_millis", serialize_with = "super::outcome::as_millis")]
    pub at: Duration,
}

/// One look at a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Which store of the plan.
    pub store: usize,
    /// What it brought.
    pub state: StoreState,
    /// Where exactly, or why not.
    pub text: String,
    /// When it was.
    pub when: When,
}

/// When a look was, counted in restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// Before anything was removed.
    Before,
    /// After so many restarts since the last removal.
    After(u32),
}

/// What may be claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assessment {
    /// How it ended.
    pub outcome: Outcome,
    /// One sentence.
    pub summary: String,
    /// The three claims, in their order.
    pub claims: [Claimed; 3],
    /// How each step stands.
    pub steps: Vec<StepVerdict>,
    /// How each store stands.
    pub stores: Vec<StoreVerdict>,
    /// What is left to be done, in order.
    pub remedies: Vec<Remedy>,
}

/// How far one claim holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claimed {
    /// Which.
    pub claim: Claim,
    /// How far.
    pub answer: Answer,
    /// Why, in a sentence.
    pub says: String,
}

/// How one step stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepVerdict {
    /// Its id.
    pub step: String,
    /// What is done.
    pub does: String,
    /// Who does it.
    pub by: Actor,
    /// What it is for.
    pub claim: Claim,
    /// How it stands.
    pub state: StepState,
    /// What was seen of it, in order.
    pub evidence: Vec<Mark>,
    /// What became of what it removes, in the stores that were looked at.
    pub effect: Option<StoreState>,
}

/// How one store stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoreVerdict {
    /// Which.
    #[serde(flatten)]
    pub store: Store,
    /// How.
    pub state: StoreState,
    /// Where exactly, or why not.
    pub says: String,
}

/// What to do about messages that a broker still retains.
pub const CLEAR_RETAINED: &str =
    "Clear what the broker retains on its topics: repeat the removal and clear it when asked";
/// What to do where it isn't known what a broker retains.
pub const LIST_RETAINED: &str = "See what the broker retains on its topics";

/// Something that is left to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// The step it belongs to, where it belongs to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What to do.
    pub text: String,
    /// What to know before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// How a wipe ended, with all that a certificate says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WipeReport {
    /// Its number in the records.
    pub record: RecordId,
    /// The gateway's link.
    pub link: String,
    /// The profile, by its name.
    pub profile: String,
    /// Who makes it.
    pub vendor: String,
    /// The driver spoken.
    pub driver: DriverId,
    /// What the gateway told of itself.
    pub told: Told,
    /// What the device keeps its data on.
    pub medium: String,
    /// Who did it.
    pub operator: String,
    /// Whether a simulator stood behind the link.
    pub is_simulated: bool,
    /// Whether it was connected to the internet, where that could be asked.
    pub online: Option<bool>,
    /// Restarts that were seen since the last removal.
    pub restarts: u32,
    /// What a watch after the last look brought, where there was one.
    pub watched: Option<Watched>,
    /// What was seen at a broker, where that was asked for.
    pub broker: Option<BrokerSeen>,
    /// What may be claimed.
    pub assessment: Assessment,
}

impl Assessment {
    /// How far a claim holds.
    pub const fn claim(&self, claim: Claim) -> &Claimed {
        match claim {
            Claim::Useless => &self.claims[0],
            Claim::Removed => &self.claims[1],
            Claim::Sanitised => &self.claims[2],
        }
    }
}

impl Plan {
    /// An empty trail for this plan.
    pub fn trail(&self) -> Trail {
        Trail { steps: vec![Vec::new(); self.steps.len()], ..Trail::default() }
    }

    /// The place of a step in the order.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.steps.iter().position(|step| step.id == id)
    }

    /// Whether any step works only online.
    pub fn needs_online(&self) -> bool {
        self.steps.iter().any(|step| step.needs_online)
    }

    /// The steps at the cloud that stand before the first step of the driver and about which nothing was said.
    pub fn cloud_first<'a>(&'a self, is_settled: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = &'a PlanStep> {
        let first = self.steps.iter().position(|step| step.actor == Actor::Driver).unwrap_or(0);
        let open = move |step: &&PlanStep| {
            step.actor == Actor::VendorTool && step.claim == Claim::Useless && !is_settled(&step.id)
        };
        self.steps[..first].iter().filter(open)
    }
}
