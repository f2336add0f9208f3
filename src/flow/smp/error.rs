//! Why a conversation in SMP failed, and what a person can do about it.

use crate::flow::error::SessionError;
use crate::flow::heard::Heard;
use crate::flow::port::LinkError;
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;
use crate::msg::Step;
use crate::proto::smp::refusal::{Refusal, RefusalKind};
use crate::proto::smp::session::NotSendable;

/// Why a request in SMP failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmpError {
    /// The link.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// Nothing answered.
    #[error("no reply to {label}")]
    NoReply {
        /// The request.
        label: &'static str,
        /// How often it was sent.
        tries: u32,
        /// Whether it was a question; anything else may have been done all the same.
        is_repeatable: bool,
        /// What came in meanwhile.
        heard: Heard,
    },
    /// The device said no.
    #[error("the device refused {label}")]
    Refused {
        /// The request.
        label: &'static str,
        /// What it said.
        refusal: Refusal,
    },
    /// The answer cannot be read.
    #[error("the answer to {label} cannot be read")]
    Malformed {
        /// The request.
        label: &'static str,
    },
    /// The request does not fit into the device's buffer.
    #[error("{label} is too long")]
    TooLong {
        /// The request.
        label: &'static str,
        /// By how much.
        reason: NotSendable,
    },
    /// The device said that it wrote something, and reads back something else.
    #[error("{place} reads back different")]
    NotKept {
        /// What was written.
        place: String,
    },
}

impl SmpError {
    /// The error of a step of a commissioning session.
    pub(in crate::flow) fn into_session(self, step: Step) -> SessionError {
        match self {
            Self::Link(error) => SessionError::Link(error),
            error => SessionError::Smp { step, error },
        }
    }

    /// Whether the device simply lacks what was asked for.
    pub(in crate::flow) fn is_not_offered(&self) -> bool {
        matches!(self, Self::Refused { refusal, .. } if refusal.kind() == RefusalKind::NotOffered)
    }

    /// Whether something may have been done although there was no answer.
    pub(in crate::flow) const fn is_open(&self) -> bool {
        matches!(self, Self::NoReply { is_repeatable: false, .. })
    }
}

impl Explain for SmpError {
    fn explain(&self) -> Problem {
        match self {
            Self::Link(error) => error.explain(),
            Self::NoReply { label, tries, is_repeatable, heard } => {
                explain_silence(label, *tries, *is_repeatable, *heard)
            }
            Self::Refused { label, refusal } => explain_refusal(label, refusal),
            Self::Malformed { label } => Problem::new(
                "smp.malformed",
                format!("{}: the gateway's answer cannot be read", sentence(label)),
                "The firmware answers in a way the specification does not allow",
                "Try again; if it happens again, export the transcript and send it to the vendor",
            ),
            Self::TooLong { label, reason: NotSendable::TooLong { octets, room } } => Problem::new(
                "smp.too_long",
                format!("{}: the request is too long for the gateway", sentence(label)),
                format!("It has {octets} bytes and the gateway accepts {room}; it would drop a longer one silently"),
                "Use a shorter key, path or value, or a file instead of a setting",
            ),
            Self::NotKept { place } => Problem::new(
                "smp.not_kept",
                format!("The gateway reports that {} was written, but it reads back different", visible(place, 120)),
                "The firmware doesn't save this setting, or changes it",
                "Check the name in the vendor documentation and try again; do not rely on what was sent",
            ),
        }
    }
}

fn sentence(label: &str) -> String {
    let mut letters = label.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

fn explain_silence(label: &'static str, tries: u32, is_repeatable: bool, heard: Heard) -> Problem {
    if !is_repeatable {
        return Problem::new(
            "smp.no_word",
            format!("{}: the gateway didn't answer, so the outcome is unknown", sentence(label)),
            "The request or the answer was lost, or the gateway restarted; Linesman never repeats such a request by itself",
            "Check the gateway before you retry: the request may have worked",
        );
    }
    let what = format!("{}: the gateway does not answer", sentence(label));
    let silent = (
        "The gateway has no power, is still starting, hangs, or does not speak SMP here",
        "Check power, cable or address, restart the gateway, wait until it is up and try again",
    );
    let text = (
        "Something writes text on this port, but it does not speak SMP: other firmware, or MCUmgr is not built in or is on another port",
        "Read the device log, check that this is the right port, and ask the vendor whether MCUmgr is enabled",
    );
    let problem = heard.explain("smp.no_reply", what, "SMP", silent, text);
    problem.with_detail(format!("asked {tries} times; {}", heard.told()))
}

fn explain_refusal(label: &'static str, refusal: &Refusal) -> Problem {
    let what = format!("{}: the gateway refuses, {}", sentence(label), refusal.words());
    let problem = match refusal.kind() {
        RefusalKind::NotFound => Problem::new(
            "smp.not_found",
            what,
            "The name is mistyped, or this firmware has no such thing",
            "Check the name in the vendor documentation",
        ),
        RefusalKind::NotOffered => Problem::new(
            "smp.not_offered",
            what,
            "The firmware was built without this command",
            "Continue without it, or use the vendor's own tool",
        ),
        RefusalKind::NotAllowed => Problem::new(
            "smp.not_allowed",
            what,
            "The firmware protects it, or wants a secured connection first",
            "Ask the vendor how this gateway is unlocked for service",
        ),
        RefusalKind::Busy => Problem::new(
            "smp.busy",
            what,
            "The gateway is busy with something else, or isn't in the right state",
            "Wait a moment and try again",
        ),
        RefusalKind::TooLarge => Problem::new(
            "smp.too_large",
            what,
            "The request or its answer doesn't fit into the gateway's memory",
            "Request less at once, or use a shorter name or value",
        ),
        RefusalKind::Invalid => Problem::new(
            "smp.invalid",
            what,
            "The firmware doesn't accept this value in this form",
            "Check name and value in the vendor documentation",
        ),
        RefusalKind::Version => Problem::new(
            "smp.version",
            what,
            "The firmware speaks a version of the protocol that Linesman does not",
            "Update Linesman or the gateway's firmware",
        ),
        RefusalKind::Fault => Problem::new(
            "smp.fault",
            what,
            "The firmware reports no more than this",
            "Restart the gateway and try again; if it happens again, export the transcript for the vendor",
        ),
    };
    let detail = match &refusal.reason {
        Some(reason) => format!("{}: {}", refusal.detail(), visible(reason, 200)),
        None => refusal.detail(),
    };
    problem.with_detail(detail)
}
