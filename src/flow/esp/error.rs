//! Why a provisioning session with an Espressif device could not begin or go on, and what to do about it.

use crate::flow::heard::Heard;
use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;
use crate::proto::esp::messages::status;
use crate::proto::esp::security::{CipherError, HandshakeError};
use crate::proto::esp::session::{APPLY, Failure};
use crate::proto::esp::token::BadToken;
use crate::proto::esp::version::NEWEST_PATCH;

/// Why a session failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EspError {
    /// Nothing answered.
    #[error("no reply to `{label}`")]
    NoReply {
        /// What was asked.
        label: &'static str,
        /// What came in meanwhile.
        heard: Heard,
    },
    /// `proto-ver` is missing or unreadable.
    #[error("the device does not report what it is")]
    NoVersion,
    /// A level nobody knows.
    #[error("security level {level} is unknown")]
    UnknownLevel {
        /// The level.
        level: u32,
    },
    /// A newer patch level of Security 2.
    #[error("patch level {patch} of Security 2 is unknown")]
    NewerPatch {
        /// The patch level.
        patch: u32,
    },
    /// The device offers less than the profile asks for.
    #[error("the device offers Security {offered}; Security {wanted} is wanted")]
    BelowMinimum {
        /// What it offers.
        offered: u8,
        /// What the profile asks for.
        wanted: u8,
    },
    /// The device offers no security, and nobody allowed that.
    #[error("the device offers no security")]
    Unprotected,
    /// The key of Security 2 does not fit the console's line.
    #[error("Security 2 does not fit the console")]
    TooLongForConsole,
    /// The scheme needs a secret, and none was given.
    #[error("Security {level} needs a proof of possession")]
    ProofMissing {
        /// The level.
        level: u8,
    },
    /// Security 2 needs a user name, and none was given.
    #[error("Security 2 needs a user name")]
    UsernameMissing,
    /// The device ended the handshake where it checks the proof.
    #[error("the device refuses the proof of possession")]
    ProofRefused {
        /// The level.
        level: u8,
    },
    /// The device could not prove that it knows the secret.
    #[error("the device did not prove that it has the secret")]
    NotProven,
    /// The handshake failed otherwise.
    #[error("the handshake failed: {reason}")]
    Handshake {
        /// Why.
        reason: HandshakeError,
    },
    /// An answer cannot be decrypted or read.
    #[error("the session is out of step at `{label}`")]
    OutOfStep {
        /// What was asked.
        label: &'static str,
    },
    /// The device seals by the other nonce scheme than it told.
    #[error("the device seals by the other nonce scheme")]
    OtherNonceScheme,
    /// An answer is intact and makes no sense.
    #[error("the answer to `{label}` makes no sense")]
    Nonsense {
        /// What was asked.
        label: &'static str,
    },
    /// The device failed the request.
    #[error("the device fails `{label}`")]
    Failed {
        /// What was asked.
        label: &'static str,
    },
    /// The device named a status.
    #[error("the device reports status {status} for `{label}`")]
    Status {
        /// What was asked.
        label: &'static str,
        /// The status.
        status: i32,
    },
    /// It goes on and on.
    #[error("`{label}` does not end")]
    TooSlow {
        /// What was asked.
        label: &'static str,
    },
    /// The device has no such endpoint.
    #[error("the device has no endpoint {name}")]
    NoEndpoint {
        /// Its name.
        name: String,
    },
    /// The attempt before must be taken back first, and the firmware cannot.
    #[error("the device must be reset manually")]
    NeedsReset,
    /// The request does not fit the console's line.
    #[error("the request doesn't fit the console's line of 256 bytes")]
    LineTooLong {
        /// What was asked.
        label: &'static str,
    },
    /// The key is not one the protocol carries.
    #[error("the protocol takes no raw key")]
    KeyNotCarried,
    /// The token cannot be wrapped as the profile says.
    #[error("the token cannot be wrapped: {reason}")]
    Token {
        /// Why.
        reason: BadToken,
    },
    /// An earlier failure ended the session.
    #[error("the session is over")]
    Over,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandom,
}

impl EspError {
    /// Whether the session is of no more use after it.
    pub(crate) const fn is_final(&self) -> bool {
        // Nothing was sent, or the answer was read: both sides are still in step.
        !matches!(self, Self::Status { .. } | Self::TooSlow { .. } | Self::KeyNotCarried | Self::Token { .. })
    }
}

impl EspError {
    /// Whether *apply* went out and its answer is not known: the device may have taken the credentials.
    pub(crate) fn may_have_applied(&self) -> bool {
        match self {
            Self::NoReply { label, .. }
            | Self::TooSlow { label }
            | Self::OutOfStep { label }
            | Self::Nonsense { label } => *label == APPLY,
            _ => false,
        }
    }
}

impl From<Failure> for EspError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::BadVersion => Self::NoVersion,
            Failure::Handshake(HandshakeError::NotProven) => Self::NotProven,
            Failure::Handshake(reason) => Self::Handshake { reason },
            Failure::Cipher(CipherError::OtherNonceScheme) => Self::OtherNonceScheme,
            Failure::Cipher(CipherError::Forged) => Self::OutOfStep { label: "an answer" },
            Failure::Cipher(CipherError::UsedUp) | Failure::NotOpen => Self::Over,
            Failure::Unreadable { label, is_authenticated: true } => Self::Nonsense { label },
            Failure::Unreadable { label, is_authenticated: false } => Self::OutOfStep { label },
            Failure::TooSlow { label } => Self::TooSlow { label },
            Failure::Status { label, status } => Self::Status { label, status },
        }
    }
}

fn explain_silence(label: &str, heard: Heard) -> Problem {
    let silent = (
        "It has no power, is still starting, has left provisioning, or is out of range",
        "Check its power, put it into provisioning mode, come closer and connect again",
    );
    let text = (
        "Something writes text on this port, but its console takes no provisioning commands",
        "Check that this is the right port, and that the firmware offers provisioning on its console",
    );
    let problem = heard.explain("esp.no_reply", "The gateway does not answer".into(), "provisioning", silent, text);
    problem.with_detail(format!("asked for: {label}; {}", heard.told()))
}

impl Explain for EspError {
    fn explain(&self) -> Problem {
        match self {
            Self::NoReply { label, heard } => explain_silence(label, *heard),
            Self::NoVersion => Problem::new(
                "esp.no_version",
                "The gateway doesn't report how to provision it",
                "Something else answers here, or the firmware speaks another protocol",
                "Check that this is the right gateway, or choose another driver",
            ),
            Self::UnknownLevel { level } => Problem::new(
                "esp.unknown_security",
                format!("The gateway asks for security level {level}, which this version does not know"),
                "Its firmware is newer than this program",
                "Look for a newer version of this program, or use the vendor's app",
            ),
            Self::NewerPatch { patch } => Problem::new(
                "esp.newer_patch",
                format!("The gateway uses patch level {patch} of Security 2, which this version does not know"),
                format!("Its firmware is newer than this program, which knows patch levels up to {NEWEST_PATCH}"),
                "Look for a newer version of this program, or use the vendor's app",
            ),
            Self::BelowMinimum { offered, wanted } => Problem::new(
                "esp.below_minimum",
                format!("The gateway offers Security {offered}; its profile asks for Security {wanted} at least"),
                "The firmware is older than the profile, or another device poses as the gateway",
                "Update the gateway's firmware; if this is the right gateway, use a profile that asks for less",
            ),
            Self::Unprotected => Problem::new(
                "esp.unprotected",
                "The gateway asks for unprotected credentials (Security 0)",
                "Its firmware was built without security, or another device poses as the gateway",
                "If others may read the credentials, allow unprotected sessions and connect again",
            ),
            Self::TooLongForConsole => Problem::new(
                "esp.console_line",
                "Security 2 cannot be used over the gateway's console",
                "A console line holds 256 bytes; the key of Security 2 alone needs 768",
                "Reach this gateway over Bluetooth or its own Wi-Fi network",
            ),
            Self::ProofMissing { level } => Problem::new(
                "esp.proof_missing",
                format!("The gateway asks for its proof of possession (Security {level})"),
                "None was entered; it's printed on the device, in its QR code or in its documentation",
                "Type or scan the proof of possession, then connect again",
            ),
            Self::UsernameMissing => Problem::new(
                "esp.username_missing",
                "The gateway asks for a user name (Security 2)",
                "None was entered; it's in the QR code or the vendor documentation",
                "Type or scan the user name, then connect again",
            ),
            Self::ProofRefused { level: 2 } => Problem::new(
                "esp.proof_refused",
                "The gateway refuses the proof of possession",
                "User name or password isn't this gateway's; upper and lower case count",
                "Compare both with the label or QR code of this gateway, then connect again",
            ),
            Self::ProofRefused { .. } => Problem::new(
                "esp.proof_refused",
                "The gateway refuses the proof of possession",
                "It isn't this gateway's; upper and lower case count",
                "Compare it with the label or QR code of this gateway, then connect again",
            ),
            Self::NotProven => Problem::new(
                "esp.not_proven",
                "The gateway did not prove that it has the proof of possession",
                "The proof of possession belongs to another gateway, or another device poses as this one",
                "Compare it with the label of this gateway; if it is right, send no credentials and ask the vendor",
            ),
            Self::Handshake { reason } => Problem::new(
                "esp.handshake",
                "The session could not be secured",
                "The firmware doesn't follow the protocol, or the answers were changed on the way",
                "Restart the gateway and connect again; if it happens again, export the transcript and send it to the vendor",
            )
            .with_detail(reason.to_string()),
            Self::OutOfStep { label } => Problem::new(
                "esp.out_of_step",
                "The gateway's answer cannot be decrypted",
                "A message was lost or changed on the way, so both sides are out of step",
                "Connect again; a new session starts",
            )
            .with_detail(format!("at: {label}")),
            Self::OtherNonceScheme => Problem::new(
                "esp.other_nonce",
                "The gateway doesn't encrypt as it announced",
                "Its firmware was updated in parts: it names one patch level of Security 2 and uses the other",
                "Ask the vendor to update the firmware (ESP-IDF 5.4.1 or newer), or use the vendor's app",
            ),
            Self::Nonsense { label } => Problem::new(
                "esp.nonsense",
                "The gateway's answer isn't valid",
                "The firmware leaves out a part the protocol requires",
                "Connect again; if it happens again, export the transcript and send it to the vendor",
            )
            .with_detail(format!("at: {label}")),
            Self::Failed { label } => Problem::new(
                "esp.failed",
                format!("The gateway couldn't carry out the request ({label})"),
                "Its handler reports an error without details",
                "Connect again; if it happens again, export the transcript and send it to the vendor",
            ),
            Self::Status { label, status } => explain_status(label, *status),
            Self::TooSlow { label } => Problem::new(
                "esp.too_slow",
                format!("The gateway doesn't finish ({label})"),
                "Its firmware hangs, or its radio is busy",
                "Try again, or go on without this step",
            ),
            Self::NoEndpoint { name } => Problem::new(
                "esp.no_endpoint",
                format!("The gateway has no endpoint {}", visible(name, 60)),
                "The firmware is older or built without it, or the profile has a wrong name for it",
                "Compare the endpoint's name in the profile with the vendor documentation, then connect again",
            ),
            Self::NeedsReset => Problem::new(
                "esp.needs_reset",
                "The gateway doesn't accept a second attempt",
                "Its firmware can't undo the first attempt",
                "Restart the gateway, put it into provisioning mode again and connect",
            ),
            Self::LineTooLong { label } => Problem::new(
                "esp.line_too_long",
                format!("The request is too long for the gateway's console ({label})"),
                "A console line holds 256 bytes, which is some 110 bytes of content",
                "Reach this gateway over Bluetooth or its own Wi-Fi network",
            ),
            Self::KeyNotCarried => Problem::new(
                "esp.key_not_carried",
                "The derived key cannot be sent to this gateway",
                "The protocol accepts passphrases of up to 63 characters, but not raw keys",
                "Send the passphrase itself",
            ),
            Self::Token { reason } => explain_token(*reason),
            Self::Over => Problem::new(
                "esp.over",
                "The session with the gateway is over",
                "An earlier failure ended it",
                "Connect again",
            ),
            Self::NoRandom => Problem::new(
                "esp.no_random",
                "The system provides no random numbers",
                "It has just started, or is restricted",
                "Wait a moment and try again",
            ),
        }
    }
}

fn explain_status(label: &str, told: i32) -> Problem {
    let problem = match told {
        status::INVALID_ARGUMENT => Problem::new(
            "esp.invalid_argument",
            format!("The gateway doesn't accept what was sent ({label})"),
            "A name longer than 32 bytes, a passphrase longer than 63, or content the firmware doesn't expect",
            "Check name, passphrase or token, then send again",
        ),
        status::INTERNAL_ERROR => Problem::new(
            "esp.internal_error",
            format!("The gateway isn't in the right state for this request ({label})"),
            "It already holds credentials from an earlier attempt, or its firmware failed",
            "Delete its network (reprovision) or restart it, then connect and send again",
        ),
        status::TOO_MANY_SESSIONS => Problem::new(
            "esp.too_many_sessions",
            "The gateway is busy with another client",
            "Another program or phone holds its session",
            "Close the other one, wait a minute, then connect again",
        ),
        _ => Problem::new(
            "esp.status",
            format!("The gateway refuses the request ({label})"),
            "Its firmware reports only an error number",
            "Connect again; if it happens again, export the transcript and send it to the vendor",
        ),
    };
    problem.with_detail(format!("status {told}: {}", status::label(told)))
}

fn explain_token(reason: BadToken) -> Problem {
    match reason {
        BadToken::NotText => Problem::new(
            "esp.token_not_text",
            "The token isn't text, but the profile sends it as text",
            "The file isn't UTF-8; it may be a certificate in binary form",
            "Choose the right file, or let the profile's template use {base64}",
        ),
        BadToken::BadTemplate | BadToken::BadPath => Problem::new(
            "esp.token_template",
            "The profile's rule for sending the token isn't valid",
            "Its template isn't JSON once filled in, or its list of fields isn't usable",
            "Correct [[credential.push]] in the profile; docs/profiles.md says how it is written",
        )
        .with_detail(reason.to_string()),
        BadToken::TooLong { octets } => Problem::new(
            "esp.token_too_long",
            "The token is longer than the gateway takes",
            "The gateway reads 4096 bytes at most",
            "Check that this is the right file, and ask the vendor how to send it",
        )
        .with_detail(format!("{octets} bytes when wrapped")),
    }
}
