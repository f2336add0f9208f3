//! What a driver can do for a session. Each driver holds a conversation with one gateway over one link and reads its
//! answers into words of the model, so that the commission flow is the same for all of them.
//!
//! A driver leaves out what its protocol has not: the default of each such method says that it is not offered.

use std::time::Duration;

use super::error::SessionError;
use super::port::{Boxed, LinkError};
use crate::model::credentials::WifiCredentials;
use crate::model::gateway::{Capabilities, DeviceInfo, Protection, ProvisioningState};
use crate::model::ids::DriverId;
use crate::model::outcome::EvidenceKind;
use crate::model::secret::Secret;
use crate::model::verdict::{Before, Observation};
use crate::model::wifi::Network;
use crate::msg::Step;
use crate::profile::PushWay;

/// What a gateway says of its network: whether it has one, where that is known, and its words; nothing where it isn't asked.
pub(super) type NetworkTold = Option<Result<(Option<bool>, String), SessionError>>;

/// A conversation with a gateway. Dropping it drops the link; [`Driver::close`] ends it in an orderly way.
pub(super) trait Driver: Send {
    /// Which driver it is.
    fn id(&self) -> DriverId;

    /// What can be asked, known once [`Driver::hello`] and [`Driver::describe`] have been.
    fn capabilities(&self) -> Capabilities;

    /// How the session is protected, known once [`Driver::hello`] and [`Driver::secure`] have been.
    fn protection(&self) -> Protection;

    /// Begins the conversation: wakes the gateway, logs in, and asks where it stands and how it wants to be secured.
    fn hello(&mut self) -> Boxed<'_, Result<ProvisioningState, SessionError>>;

    /// Whether the session is still to be secured with [`Driver::secure`], known once [`Driver::hello`] has been.
    fn is_to_be_secured(&self) -> bool {
        false
    }

    /// Lets both sides prove who they are and encrypt.
    fn secure(&mut self) -> Boxed<'_, Result<(), SessionError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// The state the gateway reported last.
    fn state(&self) -> Option<ProvisioningState>;

    /// Asks whether it has a network, where its state does not tell: with what it says, and nothing where that is not known.
    fn has_network(&mut self) -> Boxed<'_, NetworkTold> {
        Box::pin(std::future::ready(None))
    }

    /// Asks what it is.
    fn describe(&mut self) -> Boxed<'_, Result<DeviceInfo, SessionError>>;

    /// Why the gateway cannot be told to blink, in a sentence.
    fn why_no_identify(&self) -> &'static str {
        "The protocol has no such command"
    }

    /// Lets it blink or beep.
    fn identify(&mut self) -> Boxed<'_, Result<(), SessionError>> {
        not_offered(self.id(), Step::Identify)
    }

    /// Lets it scan. Some drivers tell what they found so far while the scan goes on.
    fn scan(&mut self) -> Boxed<'_, Result<Scan, SessionError>> {
        not_offered(self.id(), Step::ScanNetworks)
    }

    /// Gives it a name and returns what it made of it.
    fn rename(&mut self, name: Name) -> Boxed<'_, Result<String, SessionError>> {
        drop(name);
        not_offered(self.id(), Step::Rename)
    }

    /// Sends a token, key or file. A driver that can reads it back.
    fn push_credential<'a>(
        &'a mut self,
        way: &'a PushWay,
        content: &'a Secret<Vec<u8>>,
    ) -> Boxed<'a, Result<Taken, SessionError>> {
        let _ = (way, content);
        not_offered(self.id(), Step::Credential)
    }

    /// Sends credentials; the verdict is waited for with [`Driver::follow`].
    fn push<'a>(&'a mut self, credentials: &'a WifiCredentials) -> Boxed<'a, Result<(), SessionError>> {
        let _ = credentials;
        not_offered(self.id(), Step::Push)
    }

    /// What is known of the gateway's network before a push. A driver that can asks.
    fn before(&mut self) -> Boxed<'_, Result<Before, SessionError>> {
        Box::pin(std::future::ready(Ok(Before::NotKnown)))
    }

    /// Waits until what was pushed is settled, and tells what was observed. It judges nothing.
    fn follow(&mut self) -> Boxed<'_, Followed> {
        Box::pin(std::future::ready(Followed { observations: vec![Observation::TimeOver], ..Followed::default() }))
    }

    /// When the gateway said, since the push, that it began to join.
    fn began_joining(&self) -> Option<Duration> {
        None
    }

    /// Asks again where it stands. `None` where a second question would say nothing new, or the link ends with success.
    fn read_back(&mut self) -> Boxed<'_, Option<Result<Observation, SessionError>>> {
        Box::pin(std::future::ready(None))
    }

    /// Lets it forget its network and wait for another.
    fn reprovision(&mut self) -> Boxed<'_, Result<(), SessionError>> {
        not_offered(self.id(), Step::Reprovision)
    }

    /// Pulses the reset line.
    fn pulse_reset(&mut self) -> Boxed<'_, Result<(), SessionError>> {
        not_offered(self.id(), Step::Reset)
    }

    /// Whether the gateway was heard starting since this was asked last.
    fn heard_start(&mut self) -> bool {
        false
    }

    /// Whether it tells a state that nobody asked for, so that listening to it is worthwhile.
    fn tells_unasked(&self) -> bool {
        false
    }

    /// Waits until the gateway says something by itself. Safe to drop at any point.
    fn listen(&mut self) -> Boxed<'_, Result<ProvisioningState, LinkError>> {
        Box::pin(std::future::pending())
    }

    /// A step took longer than its limit and was given up: whether the conversation can go on, so that what answers that step
    /// later is not taken for the answer to another.
    fn abandon(&mut self) -> bool {
        false
    }

    /// Ends the conversation in an orderly way, such as by logging out. Also called when the session is stopped or failed;
    /// it is given [`CLOSE_LIMIT`].
    fn close(&mut self) -> Boxed<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// The answer to what a driver has not.
fn not_offered<'a, T: Send + 'a>(driver: DriverId, step: Step) -> Boxed<'a, Result<T, SessionError>> {
    Box::pin(std::future::ready(Err(SessionError::NotOffered { step, driver })))
}

/// How long a driver may take to end its conversation, what it takes back included.
pub(super) const CLOSE_LIMIT: Duration = Duration::from_secs(12);

/// How long each step may take in total. The session ends what takes longer; no driver can renew a limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Opening the link, until the gateway says where it stands.
    pub(super) connect: Duration,
    /// A question, or securing the session.
    pub(super) question: Duration,
    /// A scan.
    pub(super) scan: Duration,
    /// Until credentials are sent.
    pub(super) push: Duration,
    /// From then until the verdict.
    pub(super) join: Duration,
}

/// What a scan brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// The networks, strongest first.
    pub(super) networks: Vec<Network>,
    /// Entries that were no network's name.
    pub(super) ignored: usize,
}

/// A name to be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// In the network.
    Host(String),
    /// Of the device.
    Device(String),
}

impl Name {
    /// What it is, in words.
    pub(super) const fn label(&self) -> &'static str {
        match self {
            Self::Host(_) => "host name",
            Self::Device(_) => "device name",
        }
    }
}

/// How a token, key or file was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// How sure it is: the gateway said so, or it was read back.
    pub(super) kind: EvidenceKind,
    /// What came of it, in a sentence.
    pub(super) text: String,
}

/// What was observed after a push.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Followed {
    /// In order.
    pub(super) observations: Vec<Observation>,
    /// The id of the connection that the push made, where the gateway keeps networks as connections.
    pub(super) connection: Option<String>,
    /// The gateway's last word since the push, as a sentence without a subject: `is joining a network`.
    pub(super) last_word: Option<String>,
    /// Why the link broke, if it did.
    pub(super) broken: Option<LinkError>,
}
