//! Arguments of `device`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::values::{Overwrite, destination, driver, link, time};
use crate::model::destination::Destination;
use crate::model::ids::{DriverId, LinkAddress};
use crate::msg::device::DeviceChange;

/// Subcommands of `device`.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  linesman device info --via serial:/dev/ttyACM0
  linesman device stats --via udp:192.0.2.7:1337 --json
  linesman device settings get bridge/broker --via serial:/dev/ttyACM0
  linesman device settings set bridge/token --value-file token.txt --via serial:/dev/ttyACM0 --confirm gw-7
  linesman device shell --via serial:/dev/ttyACM0 --confirm gw-7 -- kernel version

Questions change nothing. Whatever changes the gateway needs --confirm with its name, as `device info` prints it; without
it, what you have to type is printed.")]
pub enum DeviceCommand {
    /// What it is, and which of the rest it offers.
    Info {
        /// The gateway.
        #[command(flatten)]
        via: DeviceLink,
    },
    /// Its statistics, tasks and memory pools.
    Stats {
        /// The gateway.
        #[command(flatten)]
        via: DeviceLink,
    },
    /// The firmware images in its slots.
    Images {
        /// The gateway.
        #[command(flatten)]
        via: DeviceLink,
    },
    /// Read, write and delete settings.
    #[command(subcommand)]
    Settings(SettingsCommand),
    /// Read and write files.
    #[command(subcommand)]
    Files(FilesCommand),
    /// Run a command in its shell.
    Shell {
        /// The gateway.
        #[command(flatten)]
        via: DeviceLink,
        /// Confirmation.
        #[command(flatten)]
        confirm: Confirmation,
        /// The command and its words; after `--` where one begins with a hyphen.
        #[arg(required = true, value_name = "WORDS")]
        words: Vec<String>,
    },
    /// Read its clock against this computer's, or set it.
    #[command(visible_alias = "time")]
    Clock {
        /// The gateway.
        #[command(flatten)]
        via: DeviceLink,
        /// Set it to this computer's time, or to a time written as 2026-01-31T12:00:00, in UTC unless it names its zone.
        #[arg(long, value_name = "TIME", requires = "confirm", num_args = 0..=1, default_missing_value = DeviceChange::NOW, value_parser = time)]
        set: Option<String>,
        /// The gateway's name, as `device info` prints it.
        #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
        confirm: Option<String>,
    },
    /// Restart it.
    Reset {
        /// The gateway.
        #[command(flatten)]
        via: DeviceLink,
        /// Confirmation.
        #[command(flatten)]
        confirm: Confirmation,
    },
    /// Let it blink or beep, so that somebody finds it.
    Identify {
        /// The gateway.
        #[command(flatten)]
        via: DeviceLink,
    },
    /// Let it forget its Wi-Fi network and wait for another.
    #[command(visible_alias = "forget")]
    Reprovision {
        /// The gateway.
        #[command(flatten)]
        via: DeviceLink,
        /// Confirmation.
        #[command(flatten)]
        confirm: Confirmation,
    },
    /// Erase all its settings and storage. There is no undo.
    Erase {
        /// The gateway.
        #[command(flatten)]
        via: DeviceLink,
        /// Confirmation.
        #[command(flatten)]
        confirm: Confirmation,
        /// A setting that is there: it is read before and looked for after, as evidence.
        #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
        look_for: Option<String>,
    },
}

/// Subcommands of `device settings`.
#[derive(Debug, Subcommand)]
pub enum SettingsCommand {
    /// Read one.
    Get {
        /// The gateway.
        #[command(flatten)]
        via: DeviceLink,
        /// Its key.
        key: String,
        /// Write the value to this file instead of printing it.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = destination())]
        out: Option<Destination>,
    },
    /// Write one, save it and read it back.
    Set {
        /// The gateway.
        #[command(flatten)]
        via: DeviceLink,
        /// Confirmation.
        #[command(flatten)]
        confirm: Confirmation,
        /// Its key.
        key: String,
        /// File whose bytes become the value.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, required_unless_present = "value")]
        value_file: Option<PathBuf>,
        /// The value as text; only for what is no secret, since other accounts can see arguments.
        #[arg(long, value_name = "TEXT", conflicts_with = "value_file", allow_hyphen_values = true)]
        value: Option<String>,
    },
    /// Delete one.
    Delete {
        /// The gateway.
        #[command(flatten)]
        via: DeviceLink,
        /// Confirmation.
        #[command(flatten)]
        confirm: Confirmation,
        /// Its key.
        key: String,
    },
}

/// Subcommands of `device files`.
#[derive(Debug, Subcommand)]
pub enum FilesCommand {
    /// Length and checksum.
    Status {
        /// The gateway.
        #[command(flatten)]
        via: DeviceLink,
        /// Path on the gateway.
        path: String,
    },
    /// Read one.
    Get {
        /// The gateway.
        #[command(flatten)]
        via: DeviceLink,
        /// Path on the gateway.
        path: String,
        /// Where to write it.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = destination())]
        out: Destination,
    },
    /// Write one and read it back.
    Put {
        /// The gateway.
        #[command(flatten)]
        via: DeviceLink,
        /// Confirmation.
        #[command(flatten)]
        confirm: Confirmation,
        /// Path on the gateway.
        path: String,
        /// The file to send.
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
}

/// Which gateway, and how it is spoken to.
#[derive(Args, Debug)]
pub struct DeviceLink {
    /// The gateway's link: serial:PATH, ble:ADDRESS or udp:HOST:PORT.
    #[arg(long, value_name = "LINK", value_parser = link)]
    pub via: LinkAddress,
    /// The vendor profile.
    #[arg(long, value_name = "ID")]
    pub profile: Option<String>,
    /// The driver to speak; the default is the profile's for this link, else the usual one.
    #[arg(long, value_name = "NAME", value_parser = driver)]
    pub driver: Option<DriverId>,
    /// File with the password of the login, or the proof of possession, on its first line; - reads standard input.
    #[arg(long, visible_alias = "pop-file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub password_file: Option<PathBuf>,
    /// The user name that belongs to it.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub username: Option<String>,
    /// Write the redacted transcript to this file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = destination())]
    pub transcript: Option<Destination>,
    /// Whether a file that is there may be replaced.
    #[command(flatten)]
    pub overwrite: Overwrite,
}

/// A confirmation that names the gateway.
#[derive(Args, Debug)]
pub struct Confirmation {
    /// The gateway's name, as `device info` prints it.
    #[arg(long = "confirm", value_name = "NAME", allow_hyphen_values = true)]
    pub name: String,
}
