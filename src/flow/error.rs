//! Why a session could not begin or go on, apart from the verdict on a network.

use std::time::Duration;

use super::console::ConsoleError;
use super::esp::EspError;
use super::heard::Heard;
use super::improv::ImprovBleError;
use super::port::{LinkError, RecordsError};
use super::smp::SmpError;
use crate::model::ids::{DriverId, LinkKind};
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;
use crate::msg::Step;
use crate::proto::improv::DeviceError;
use crate::proto::improv::serial::NotSendable;

/// Why a session or one of its steps failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The records: nothing is sent while the intent cannot be written.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The console.
    #[error(transparent)]
    Console(#[from] ConsoleError),
    /// Nothing answered.
    #[error("no reply at {step:?}")]
    NoReply {
        /// The step.
        step: Step,
        /// What came in meanwhile.
        heard: Heard,
    },
    /// The device named an error.
    #[error("the device refused {step:?}: {error:?}")]
    Device {
        /// The step.
        step: Step,
        /// Its error.
        error: DeviceError,
    },
    /// The device's answer cannot be read.
    #[error("the answer to {step:?} cannot be read")]
    Malformed {
        /// The step.
        step: Step,
    },
    /// The request does not fit the protocol.
    #[error("the request cannot be sent")]
    NotSendable {
        /// Why.
        #[from]
        reason: NotSendable,
    },
    /// What only Improv over Bluetooth knows.
    #[error(transparent)]
    ImprovBle(#[from] ImprovBleError),
    /// Espressif's provisioning.
    #[error(transparent)]
    Esp(#[from] EspError),
    /// The driver has no such request.
    #[error("{driver} does not offer {step:?}")]
    NotOffered {
        /// The step.
        step: Step,
        /// The driver.
        driver: DriverId,
    },
    /// The profile does not say how this driver pushes the credential.
    #[error("{driver} has no way for {credential}")]
    NoWay {
        /// Its id.
        credential: String,
        /// The driver.
        driver: DriverId,
    },
    /// A step in SMP.
    #[error("{step:?} failed: {error}")]
    Smp {
        /// The step.
        step: Step,
        /// Why.
        error: SmpError,
    },
    /// The step took longer than it may in total.
    #[error("{step:?} took too long")]
    TooSlow {
        /// The step.
        step: Step,
        /// How long it may take.
        limit: Duration,
        /// Whether the session is over with it.
        is_over: bool,
    },
    /// This build cannot speak the driver over that link.
    #[error("{driver} doesn't work over {link}")]
    DriverMissing {
        /// The driver.
        driver: DriverId,
        /// The link.
        link: LinkKind,
    },
    /// The driver cannot manage a gateway.
    #[error("{driver} can't manage a gateway")]
    NoManagement {
        /// The driver.
        driver: DriverId,
        /// The kind of link.
        link: LinkKind,
    },
}

impl SessionError {
    /// Whether the session cannot go on after it.
    pub(super) const fn is_final(&self) -> bool {
        match self {
            Self::Link(_) => true,
            Self::TooSlow { is_over, .. } => *is_over,
            Self::Esp(error) => error.is_final(),
            _ => false,
        }
    }

    /// Whether credentials were sent all the same, so that the gateway may have taken them.
    pub(super) fn may_have_pushed(&self) -> bool {
        match self {
            Self::Esp(error) => error.may_have_applied(),
            Self::TooSlow { step, .. } => matches!(step, Step::Push),
            _ => false,
        }
    }

    /// Whether it means that the gateway simply lacks what was asked for.
    pub(super) fn is_not_offered(&self) -> bool {
        match self {
            Self::Smp { error, .. } => error.is_not_offered(),
            _ => matches!(self, Self::NotOffered { .. } | Self::Device { error: DeviceError::UnknownCommand, .. }),
        }
    }

    /// Whether only one question went without a usable answer, so that the session can go on without it.
    pub(super) const fn is_about_one_answer(&self) -> bool {
        matches!(
            self,
            Self::NoReply { .. }
                | Self::Malformed { .. }
                | Self::Device { .. }
                | Self::Smp { .. }
                | Self::TooSlow { is_over: false, .. }
                | Self::ImprovBle(ImprovBleError::NoReply { .. })
        )
    }
}

impl Explain for SessionError {
    fn explain(&self) -> Problem {
        match self {
            Self::Link(error) => error.explain(),
            Self::Records(error) => error.explain(),
            Self::Console(error) => error.explain(),
            Self::ImprovBle(error) => error.explain(),
            Self::NoReply { step, heard } => explain_silence(*step, *heard),
            Self::Device { step, error } => explain_refusal(*step, *error),
            Self::Malformed { step } => Problem::new(
                "improv.malformed",
                format!("{}: the gateway's answer cannot be read", step.label()),
                "The firmware answers in a way the specification does not allow",
                "Try again; if it happens again, export the transcript and send it to the vendor",
            ),
            Self::NotSendable { reason: NotSendable::TooLong { octets } } => Problem::new(
                "improv.too_long",
                format!("The request has {octets} bytes and can't be sent"),
                "An Improv packet holds 255 bytes",
                "Shorten the name or the passphrase, or use another driver",
            ),
            Self::NotSendable { reason: NotSendable::NoSuchCommand } => Problem::new(
                "improv.no_such_command",
                "The request can't be sent over serial",
                "Improv offers this command over Bluetooth only",
                "Continue without this step",
            ),
            Self::Esp(error) => error.explain(),
            Self::NotOffered { step, driver } => Problem::new(
                "driver.not_offered",
                format!("{}: the gateway doesn't offer this", step.label()),
                format!("The driver {driver} has no such request, or the gateway does not offer it"),
                "Continue without this step, or use the vendor's own tool for it",
            ),
            Self::NoWay { credential, driver } => Problem::new(
                "credential.no_way",
                format!("{} cannot be sent with the driver {driver}", visible(credential, 60)),
                "The profile knows no such credential, or does not say where this driver puts it",
                "Choose another credential of the profile, or add a [[credential.push]] to a profile of your own",
            ),
            Self::Smp { error, .. } => error.explain(),
            Self::TooSlow { step, limit, .. } => Problem::new(
                "session.too_slow",
                format!("{}: stopped after {} s without a result", step.label(), limit.as_secs()),
                "The gateway keeps answering without reaching an end, or answers very slowly",
                "Try again; if it happens again, restart the gateway, export the transcript and send it to the vendor",
            ),
            Self::DriverMissing { driver, link } => Problem::new(
                "driver.not_available",
                format!("This version doesn't speak {driver} over {link}"),
                "The profile or the operator names a driver that this version lacks",
                "Choose the driver improv if the gateway speaks it, or use the vendor's own tool",
            ),
            Self::NoManagement { driver, link } => Problem::new(
                "driver.no_management",
                format!("The driver {driver} sets gateways up and can't manage them"),
                format!("Its protocol has nothing for that, and over {link} no other driver was named"),
                "Use another link of this gateway, such as its serial console with the driver linux-console or smp",
            ),
        }
    }
}

fn explain_silence(step: Step, heard: Heard) -> Problem {
    let what = match step {
        Step::Connect => "The gateway does not answer".to_owned(),
        step => format!("{}: the gateway does not answer", step.label()),
    };
    let silent = (
        "The gateway has no power, is still starting, hangs, or this is another device's port",
        "Check power and cable, restart the gateway, wait until it is up and try again",
    );
    let text = (
        "Something writes text on this port, but it does not speak Improv: other firmware, or Improv is switched off",
        "Read the device log, check that this is the right port, and put the gateway into commissioning mode",
    );
    heard.explain("improv.no_reply", what, "Improv", silent, text)
}

fn explain_refusal(step: Step, error: DeviceError) -> Problem {
    let what = |verb: &str| format!("{}: the gateway {verb}", step.label());
    match error {
        DeviceError::UnknownCommand => Problem::new(
            "improv.unknown_command",
            what("doesn't support the request"),
            "Its firmware supports an older or smaller version of Improv",
            "Continue without this step",
        ),
        DeviceError::InvalidPacket => Problem::new(
            "improv.invalid_packet",
            what("could not read the request"),
            "Bytes were lost on the line, or the firmware expects another form",
            "Try again with a shorter cable or another USB port",
        ),
        DeviceError::NotAuthorized => Problem::new(
            "improv.not_authorized",
            what("requires authorisation first"),
            "Someone has to press its button",
            "Press the button on the gateway and try again within a minute",
        ),
        DeviceError::BadHostname => Problem::new(
            "improv.bad_hostname",
            what("doesn't accept this name"),
            "Host names consist of letters, digits and hyphens, 63 bytes at most",
            "Choose another name",
        ),
        DeviceError::UnableToConnect | DeviceError::None | DeviceError::Unspecified | DeviceError::Other(_) => {
            Problem::new(
                "improv.device_error",
                what("reports an error"),
                "The firmware reports only an error number",
                "Restart the gateway and try again; if it happens again, export the transcript for the vendor",
            )
            .with_detail(format!("error {:#04x}", error.octet()))
        }
    }
}
