//! Why a visit to a console failed.

use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;
use crate::msg::Step;
use crate::proto::console::quote::NotSendable;
use crate::proto::console::session::Failure;
use crate::proto::console::system::Rights;

/// Why a visit to a console, or a step of it, failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsoleError {
    /// It says nothing.
    #[error("the console says nothing")]
    Silent,
    /// It says something, but asks for no login.
    #[error("there is no login")]
    NotALogin {
        /// Its last line.
        last: String,
    },
    /// It wants an account.
    #[error("the console wants an account")]
    NeedsAccount,
    /// It wants a password.
    #[error("the console wants a password")]
    NeedsPassword,
    /// Account or password are wrong.
    #[error("the login was refused")]
    Refused,
    /// It took a password, and asked for a name again without a word.
    #[error("the login began again")]
    StartedOver,
    /// The password must be changed.
    #[error("the password has expired")]
    Expired,
    /// A bootloader waits.
    #[error("a bootloader waits")]
    Bootloader {
        /// Its prompt.
        prompt: String,
    },
    /// The gateway does not come up.
    #[error("the gateway does not come up")]
    Starting {
        /// Its last line.
        last: String,
    },
    /// No shell answers after the login.
    #[error("no shell answers")]
    NoShell {
        /// Its last line.
        last: String,
    },
    /// A command did not end.
    #[error("no answer at {step:?}")]
    NoAnswer {
        /// The step.
        step: Step,
        /// Octets that it wrote.
        heard_octets: u64,
    },
    /// The console asks for a login in the middle of it.
    #[error("logged out at {step:?}")]
    ThrownOut {
        /// The step.
        step: Step,
    },
    /// Something cannot be written on a console.
    #[error("it cannot be written on a console")]
    NotSendable {
        /// Why.
        #[from]
        reason: NotSendable,
    },
    /// There is no radio that NetworkManager looks after.
    #[error("there is no radio")]
    NoRadio {
        /// Whether there is a NetworkManager at all.
        has_network_manager: bool,
    },
    /// A command failed.
    #[error("a command failed at {step:?}")]
    Failed {
        /// The step.
        step: Step,
        /// Its exit code.
        code: Option<u8>,
        /// Its last words.
        words: String,
    },
    /// The file is more than text, and there is no `base64` on the gateway.
    #[error("no base64 for {path}")]
    NoBase64 {
        /// Path of the file.
        path: String,
    },
    /// The file could not be written.
    #[error("{path} could not be written")]
    FileRefused {
        /// Path of the file.
        path: String,
        /// What the gateway said.
        words: String,
        /// What the account may do.
        rights: Rights,
    },
    /// The file is not what was sent.
    #[error("{path} differs")]
    FileDiffers {
        /// Path of the file.
        path: String,
    },
    /// Wi-Fi connections are left.
    #[error("{left} connections are left")]
    NotForgotten {
        /// How many.
        left: usize,
        /// What the account may do.
        rights: Rights,
    },
}

impl ConsoleError {
    /// What a failure means at a step.
    pub(super) fn of(failure: Failure, step: Step) -> Self {
        match failure {
            Failure::Silent => Self::Silent,
            Failure::NotALogin { last } => Self::NotALogin { last },
            Failure::NeedsAccount => Self::NeedsAccount,
            Failure::NeedsPassword => Self::NeedsPassword,
            Failure::Refused => Self::Refused,
            Failure::StartedOver => Self::StartedOver,
            Failure::Expired => Self::Expired,
            Failure::Bootloader { prompt } => Self::Bootloader { prompt },
            Failure::Starting { last } => Self::Starting { last },
            Failure::NoShell { last } => Self::NoShell { last },
            Failure::NoAnswer { heard_octets } => Self::NoAnswer { step, heard_octets },
            Failure::ThrownOut => Self::ThrownOut { step },
        }
    }
}

impl Explain for ConsoleError {
    fn explain(&self) -> Problem {
        match self {
            Self::Silent => Problem::new(
                "console.silent",
                "No answer from the console",
                "The gateway has no power, the cable is on another port, the speed differs, or no login runs on this port",
                "Check power and cable; open a terminal on the port at 115200 and press Enter",
            ),
            Self::NotALogin { last } => Problem::new(
                "console.no_login",
                "Something answers on this port, but not with a login prompt",
                "A program other than a login runs there, or the speed is wrong",
                "Open a terminal on the port and look; try 9600 or 57600 if the text is garbled",
            )
            .with_detail(last_line(last)),
            Self::NeedsAccount => Problem::new(
                "console.needs_account",
                "The console asks for a login",
                "No account was entered; Linesman doesn't guess",
                "Enter the account from the vendor documentation, and its password",
            ),
            Self::NeedsPassword => Problem::new(
                "console.needs_password",
                "The console asks for a password",
                "No password was entered; Linesman doesn't guess",
                "Enter the password of the account; it stays in memory only",
            ),
            Self::Refused => Problem::new(
                "console.refused",
                "The console refused the login",
                "User name or password is wrong: upper and lower case count, and the console may use another keyboard layout",
                "Correct the login and connect again. Only one attempt was made",
            ),
            Self::StartedOver => Problem::new(
                "console.started_over",
                "The console asked for the login again without a reason",
                "The gateway restarted meanwhile, or it doesn't report a wrong password",
                "Wait until it has started, then connect again; if it repeats, check the password. Only one attempt was made",
            ),
            Self::Expired => Problem::new(
                "console.expired",
                "The console requires a new password",
                "The password has expired, or the vendor asks for a new one at the first login",
                "Open a terminal on the port, log in and set a new password, then connect again",
            ),
            Self::Bootloader { prompt } => Problem::new(
                "console.bootloader",
                "The gateway is in its bootloader",
                "A key stopped the start, or no system was found. Nothing was sent to the bootloader",
                "Switch the gateway off and on again and press no key; if it stops there again, ask the vendor",
            )
            .with_detail(format!("Prompt: {}", visible(prompt, 60))),
            Self::Starting { last } => Problem::new(
                "console.starting",
                "The gateway doesn't reach its login prompt",
                "It is still starting after three minutes, hangs, or waits at its bootloader",
                "Read the device log, switch the gateway off and on again, and connect when it asks for a login",
            )
            .with_detail(last_line(last)),
            Self::NoShell { last } => Problem::new(
                "console.no_shell",
                "No shell answers after the login",
                "The account starts a menu or another program instead of a shell, or the gateway hangs",
                "Open a terminal on the port and log in there; ask the vendor for an account with a shell",
            )
            .with_detail(last_line(last)),
            Self::NoAnswer { step, heard_octets } => Problem::new(
                "console.no_answer",
                format!("{}: the gateway's shell does not answer in time", step.label()),
                "A program on the gateway hangs; it was interrupted",
                "Try again; if it happens again, restart the gateway",
            )
            .with_detail(format!("{heard_octets} bytes were received")),
            Self::ThrownOut { step } => Problem::new(
                "console.thrown_out",
                format!("{}: the console asks for a login midway", step.label()),
                "The gateway restarted, or the console session timed out",
                "Wait until it asks for a login, then connect again",
            ),
            Self::NotSendable { reason } => explain_not_sendable(*reason),
            Self::NoRadio { has_network_manager: true } => Problem::new(
                "console.no_radio",
                "The gateway has no usable Wi-Fi device",
                "NetworkManager lists no Wi-Fi device: no radio, no driver, or another program manages it",
                "Check the radio; with a terminal: nmcli device, rfkill list",
            ),
            Self::NoRadio { has_network_manager: false } => Problem::new(
                "console.no_network_manager",
                "The gateway has no NetworkManager",
                "Its system manages Wi-Fi by other means, such as wpa_supplicant, connman or systemd-networkd",
                "Use the vendor's own way, or set the network up in a terminal",
            ),
            Self::Failed { step, code, words } => Problem::new(
                "console.failed",
                format!("{}: the command failed on the gateway", step.label()),
                if words.is_empty() {
                    "The program gave no reason".into()
                } else {
                    format!("It reports: {}", words.trim_end_matches('.'))
                },
                "Try again; if it happens again, export the transcript and send it to the vendor",
            )
            .with_detail(code.map_or_else(|| "It was interrupted".into(), |code| format!("Exit code {code}"))),
            Self::NoBase64 { path } => Problem::new(
                "console.cannot_unpack",
                format!("{} can't be sent over this console", visible(path, 120)),
                "The file isn't plain text, and the gateway has no base64 program to decode it",
                "Send a text form of it (PEM instead of DER), or copy it to the gateway another way",
            ),
            Self::FileRefused { path, words, rights } => Problem::new(
                "console.file_refused",
                format!("{} was not written", visible(path, 120)),
                match rights {
                    Rights::None => "The account has no write permission there".to_owned(),
                    Rights::Root | Rights::Sudo => "The folder is missing, read-only or full".to_owned(),
                },
                "Log in with an account that may write there, or make the folder; no partial file was left",
            )
            .with_detail(words.clone()),
            Self::FileDiffers { path } => Problem::new(
                "console.file_differs",
                format!("{} on the gateway is not what was sent", visible(path, 120)),
                "Bytes were lost on the line",
                "Send it again; with a long cable at a lower speed",
            ),
            Self::NotForgotten { left, rights } => Problem::new(
                "console.not_forgotten",
                format!("The gateway still holds {left} Wi-Fi connections"),
                match rights {
                    Rights::None => "The account has no permission to delete them",
                    Rights::Root | Rights::Sudo => "NetworkManager refused to delete them",
                },
                "Log in with an account that may administer the network, or delete them in a terminal: nmcli connection delete",
            ),
        }
    }
}

fn explain_not_sendable(reason: NotSendable) -> Problem {
    match reason {
        NotSendable::ControlCharacter => Problem::new(
            "console.control_character",
            "A value can't be typed on a console",
            "It holds a control character, such as a line break or a tab, which acts on the terminal",
            "Correct the value; a network with such a name needs another driver",
        ),
        NotSendable::TooLong { octets } => Problem::new(
            "console.too_long",
            format!("A line of {octets} bytes can't be typed on a console"),
            "Terminals cut long lines; Linesman sends at most 1000 bytes",
            "Shorten it, or split the command",
        ),
        NotSendable::TooLarge { octets } => Problem::new(
            "console.too_large",
            format!("A file of {octets} bytes is too large for a console"),
            "Linesman sends at most 256 KiB this way; more would take minutes and fail midway",
            "Copy the file to the gateway another way, such as over its network",
        ),
        NotSendable::BadPath => Problem::new(
            "console.bad_path",
            "The profile names no file on the gateway",
            "A path must begin at the root and must not hold `..`",
            "Correct the path in the profile",
        ),
    }
}

fn last_line(last: &str) -> String {
    if last.is_empty() { "It wrote no line".into() } else { format!("Its last line: {}", visible(last, 120)) }
}
