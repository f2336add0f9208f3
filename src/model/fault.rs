//! Faults a simulated gateway can be told to have. One at a time keeps scenarios readable; several may be combined.

use std::fmt;
use std::str::FromStr;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The access point has another passphrase than the one announced.
    WrongPassphrase,
    /// The access point is switched off.
    NotFound,
    /// The access point is on 5 GHz, which the gateway cannot hear.
    FiveGhzOnly,
    /// The access point is far away.
    WeakSignal,
    /// The access point has no DHCP server behind it.
    NoDhcp,
    /// Joining takes 25 seconds.
    SlowJoin,
    /// The gateway never answers.
    Silent,
    /// The gateway falls silent once it has taken credentials.
    SilentJoin,
    /// Log lines, halves of headers and random octets between packets.
    Noise,
    /// The first result of each command is cut in half.
    Truncated,
    /// The first result of each command has a wrong sum.
    BadChecksum,
    /// The link breaks while the gateway joins.
    DropLink,
    /// Every packet comes twice.
    Duplicates,
    /// Every answer comes 4 seconds late, the verdict after 75 seconds.
    Late,
    /// Names with control and direction characters, names of 200 octets and more, addresses that are none.
    HostileTexts,
    /// Someone has to press the button first; the simulated person does so a few seconds after a client came (Bluetooth).
    Authorization,
    /// Someone has to press the button first, and nobody does (Bluetooth).
    NoButton,
    /// A packet carries 20 octets (Bluetooth).
    SmallMtu,
    /// A packet carries 20 octets, and nothing longer is taken in one write (Bluetooth).
    NoLongWrites,
    /// Names are taken only with their length before them (Bluetooth).
    NamesWithLength,
    /// The gateway is heard and takes no connection (Bluetooth).
    Unreachable,
    /// The gateway goes off the air while it joins (Bluetooth).
    Vanish,
    /// Only paired computers are let in (Bluetooth).
    Pairing,
    /// SMP: version 1 of the protocol only.
    OldVersion,
    /// SMP: a message buffer of 96 octets.
    SmallBuffer,
    /// SMP: the device does not tell how long messages may be.
    NoParameters,
    /// SMP: whatever would change something is refused.
    Denied,
    /// SMP: settings and files are acknowledged and not kept.
    NotKept,
    /// The gateway has its network, and no internet behind it.
    Offline,
    /// The gateway reports that it deleted something, and has it again after a restart.
    WipeLie,
    /// A file of netplan holds the passphrase and brings the connection back at each start (console).
    Regenerates,
    /// After a restart another gateway answers.
    Swapped,
    /// Five minutes after a restart the gateway has its old network again (console).
    ComesBack,
    /// The clock begins in 1970 and stands there until it is set (SMP, console).
    ClockOff,
    /// The gateway deletes what it was told to, and falls silent for good before it says so (console).
    GoneInWipe,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 35] = [
        Self::WrongPassphrase,
        Self::NotFound,
        Self::FiveGhzOnly,
        Self::WeakSignal,
        Self::NoDhcp,
        Self::SlowJoin,
        Self::Silent,
        Self::SilentJoin,
        Self::Noise,
        Self::Truncated,
        Self::BadChecksum,
        Self::DropLink,
        Self::Duplicates,
        Self::Late,
        Self::HostileTexts,
        Self::Authorization,
        Self::NoButton,
        Self::SmallMtu,
        Self::NoLongWrites,
        Self::NamesWithLength,
        Self::Unreachable,
        Self::Vanish,
        Self::Pairing,
        Self::OldVersion,
        Self::SmallBuffer,
        Self::NoParameters,
        Self::Denied,
        Self::NotKept,
        Self::Offline,
        Self::WipeLie,
        Self::Regenerates,
        Self::Swapped,
        Self::ClockOff,
        Self::GoneInWipe,
        Self::ComesBack,
    ];

    /// The name on the command line and in scenario files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WrongPassphrase => "wrong-passphrase",
            Self::NotFound => "not-found",
            Self::FiveGhzOnly => "five-ghz-only",
            Self::WeakSignal => "weak-signal",
            Self::NoDhcp => "no-dhcp",
            Self::SlowJoin => "slow-join",
            Self::Silent => "silent",
            Self::SilentJoin => "silent-join",
            Self::Noise => "noise",
            Self::Truncated => "truncated",
            Self::BadChecksum => "bad-checksum",
            Self::DropLink => "drop-link",
            Self::Duplicates => "duplicates",
            Self::Late => "late",
            Self::HostileTexts => "hostile-texts",
            Self::Authorization => "authorization",
            Self::NoButton => "no-button",
            Self::SmallMtu => "small-mtu",
            Self::NoLongWrites => "no-long-writes",
            Self::NamesWithLength => "names-with-length",
            Self::Unreachable => "unreachable",
            Self::Vanish => "vanish",
            Self::Pairing => "pairing",
            Self::OldVersion => "old-version",
            Self::SmallBuffer => "small-buffer",
            Self::NoParameters => "no-parameters",
            Self::Denied => "denied",
            Self::NotKept => "not-kept",
            Self::Offline => "offline",
            Self::WipeLie => "wipe-lie",
            Self::Regenerates => "regenerates",
            Self::Swapped => "swapped",
            Self::ClockOff => "clock-off",
            Self::GoneInWipe => "gone-in-wipe",
            Self::ComesBack => "comes-back",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no fault is called `{name}`; faults are {}", Fault::ALL.map(Fault::as_str).join(", "))]
pub struct UnknownFault {
    /// What was written.
    pub name: String,
}

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|fault| fault.as_str() == text).ok_or_else(|| UnknownFault { name: text.to_owned() })
    }
}
