//! Taking a gateway out of service: identify, look, remove, restart, look again, in the order of the profile.
//!
//! Nothing is done before the gateway's own word, what was typed and what is on record agree. Each act is on record before
//! it happens and its outcome after it. A step that fails never keeps back one that still removes something. What may be
//! claimed in the end is decided by `model::wipe::judge` alone.

mod away;
mod broker;
mod driver;
mod ear;
mod network;
mod run;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

pub use self::broker::BrokerLook;
pub(super) use self::driver::DriverWiper;
pub use self::run::run;
use super::device::DeviceError;
use super::port::{Boxed, Links, Records};
use super::transcript::SharedTranscript;
use crate::model::access::Access;
use crate::model::gateway::Protection;
use crate::model::ids::{DriverId, LinkAddress};
use crate::model::record::JobIntent;
use crate::model::wipe::{Earlier, EvidenceFile, Known, StepState, StoreState, Told, Traces};
use crate::msg::wipe::WipeEvent;
use crate::profile::{DriverSettings, Profile, PushWay};

/// What a wipe needs to begin.
pub struct Setup {
    /// The gateway's link.
    pub link: LinkAddress,
    /// The driver to speak.
    pub driver: DriverId,
    /// What lets us in.
    pub access: Access,
    /// How the profile sets the driver up.
    pub settings: Option<DriverSettings>,
    /// The profile whose plan is carried out.
    pub profile: Profile,
    /// What a person typed to confirm.
    pub confirmed: String,
    /// What the records know of the gateway.
    pub known: Option<Known>,
    /// What earlier wipes of it saw.
    pub earlier: Earlier,
    /// Where it was in its network, by what is on record.
    pub traces: Traces,
    /// Steps that a person carried out, and what was seen.
    pub attested: Vec<(String, String)>,
    /// Files that show what was seen of an attested step.
    pub evidence: Vec<(String, EvidenceFile)>,
    /// Steps that are left out knowingly.
    pub without: Vec<String>,
    /// Whether somebody stands beside the gateway who takes its power away when asked.
    pub is_attended: bool,
    /// How long to watch whether it comes back.
    pub watch: Option<Duration>,
    /// The broker at which the old credential is tried.
    pub broker: Option<Arc<BrokerLook>>,
    /// Settings that are looked for before and after, where the driver has such.
    pub look_for: Vec<String>,
    /// What goes on record at the start.
    pub intent: JobIntent,
    /// Where bytes come from.
    pub links: Arc<dyn Links>,
    /// Where acts are recorded.
    pub records: Arc<dyn Records>,
    /// What a person answers where it is asked whether retained messages are cleared: how many, or none.
    pub answers: mpsc::Receiver<Option<usize>>,
    /// Where progress goes.
    pub progress: mpsc::Sender<(Duration, WipeEvent)>,
    /// Where bytes are noted.
    pub transcript: SharedTranscript,
}

/// How a driver takes a gateway out of service.
pub(super) trait Wiper: Send {
    /// How the link is protected.
    fn protection(&self) -> Protection;

    /// Asks which gateway it is.
    fn identity(&mut self) -> Boxed<'_, Result<Told, DeviceError>>;

    /// Asks whether it is connected to the internet; nothing where it cannot say.
    fn online(&mut self) -> Boxed<'_, Result<Option<bool>, DeviceError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Removes something.
    fn remove<'a>(&'a mut self, what: &'a Removal) -> Boxed<'a, Result<Done, DeviceError>>;

    /// Looks whether something is there.
    fn look<'a>(&'a mut self, place: &'a Place) -> Boxed<'a, Result<(StoreState, String), DeviceError>>;

    /// Whether it tells of its network only whether it is connected to one: then it seems to have none while it joins.
    fn tells_connection_only(&self) -> bool {
        false
    }

    /// Has the gateway restart.
    fn restart(&mut self) -> Boxed<'_, Result<Restart, DeviceError>>;

    /// Something took longer than its limit and was given up: whether the conversation can go on all the same.
    fn abandon(&mut self) -> bool {
        false
    }

    /// Ends the conversation in an orderly way.
    fn close(&mut self) -> Boxed<'_, ()>;
}

/// Something that a driver removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Removal {
    /// All Wi-Fi credentials.
    Networks,
    /// A credential, where it was put.
    Credential {
        /// Its id.
        id: String,
        /// Where.
        way: PushWay,
    },
    /// A file that the profile names.
    File(String),
    /// A command that the profile names.
    Command(String),
}

impl Removal {
    /// What is removed, for records and progress.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Networks => "Delete the Wi-Fi networks".into(),
            Self::Credential { id, way } => format!("Delete {id}: {}", way.place()),
            Self::File(path) => format!("Delete the file {path}"),
            Self::Command(command) => format!("Run the profile's command {command}"),
        }
    }
}

/// A place where a driver looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// One of its own for Wi-Fi credentials.
    Networks {
        /// What the driver calls it.
        key: String,
        /// Settings that are looked for there, where the driver has such.
        look_for: Vec<String>,
    },
    /// Where a credential was put.
    Credential(PushWay),
}

/// What came of a removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Done {
    /// How sure it is.
    pub(super) state: StepState,
    /// What it is, in a sentence.
    pub(super) text: String,
}

impl Done {
    /// The gateway says so.
    pub(super) fn acknowledged(text: impl Into<String>) -> Self {
        Self { state: StepState::Acknowledged, text: text.into() }
    }

    /// It cannot be done over this link.
    pub(super) fn cannot(text: impl Into<String>) -> Self {
        Self { state: StepState::Cannot, text: text.into() }
    }
}

/// How a gateway restarts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Restart {
    /// It took the request; the link may go away with it.
    Asked,
    /// It was heard starting.
    Seen,
    /// Somebody has to take its power away, and why.
    ByHand(String),
}
