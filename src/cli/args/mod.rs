//! The arguments. `--help` of each subcommand, the man page and the shell completions come from here.

mod device;
mod gateway;
mod profiles;
mod records;
mod stand_ins;
mod values;

use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{Parser, Subcommand, ValueHint};
use clap_complete::Shell;

pub use self::device::{Confirmation, DeviceCommand, DeviceLink, FilesCommand, SettingsCommand};
pub use self::gateway::{BatchArgs, CommissionArgs, DiscoverArgs, RetryWhat, TerminalArgs};
pub use self::profiles::ProfilesCommand;
pub use self::records::{RecordName, RecordsCommand, WantedOutcome};
pub use self::stand_ins::{BenchArgs, BenchPort, DemoArgs, SimArgs};
pub use self::values::{CredentialFile, Overwrite, SecretFile};
pub(super) use self::values::{destination, driver, link, secret};
pub use super::check_args::CheckArgs;
pub use super::mqtt_args::{
    BrokerArgs, DecodeRule, InspectArgs, OnTrigger, ProxyUrl, PublishArgs, ReplayArgs, RetainedArgs, RetainedCommand,
    SieveArgs,
};
pub use super::site_args::SiteCommand;
pub use super::wipe_args::WipeArgs;
use crate::model::text::without_login;

/// Commission and diagnose IoT gateways. Without a subcommand the window opens.
#[derive(Debug, Parser)]
#[command(name = "linesman", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// Folder for records, settings and logs instead of the platform's.
    #[arg(long, global = true, env = "LINESMAN_DATA_DIR", value_hint = ValueHint::DirPath)]
    pub data_dir: Option<PathBuf>,
    /// Print one JSON object a line; the last one is the result.
    #[arg(long, global = true)]
    pub json: bool,
    /// Write the log to standard error too.
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done and good
  1  done with findings, or refused by the gateway
  2  wrong usage or input
  3  could not run: no such port, no permission, no answer
  4  outcome unknown or incomplete";

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List serial ports and Bluetooth devices, and ask gateways what they are.
    Discover(DiscoverArgs),
    /// Send Wi-Fi credentials to a gateway and follow what becomes of them.
    Commission(CommissionArgs),
    /// Commission many gateways from a manifest, up to eight at once.
    Batch(BatchArgs),
    /// Open a terminal on a serial port; Ctrl+] leaves.
    Terminal(TerminalArgs),
    /// Ask a gateway what it is and what it counts; change it after a confirmation that names it.
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Take a gateway out of service: remove what it holds, look again, and say what may be claimed.
    Wipe(Box<WipeArgs>),
    /// Watch what an MQTT broker passes on; find out why it cannot be reached; hold it against what a profile expects.
    Inspect(Box<InspectArgs>),
    /// Play a recording again, or write it in another form.
    Replay(ReplayArgs),
    /// Publish a message, once or again and again. It goes on record.
    Publish(Box<PublishArgs>),
    /// Run a broker on this computer to point gateways at, and see who comes and goes, until Ctrl+C.
    BenchBroker(BenchArgs),
    /// List the messages that a broker retains, or clear them.
    #[command(subcommand)]
    Retained(RetainedCommand),
    /// Check whether this network lets a gateway reach everything its vendor requires, and who stops it if not.
    Check(Box<CheckArgs>),
    /// Show and check vendor profiles.
    #[command(subcommand)]
    Profiles(ProfilesCommand),
    /// Show and check sites, and hold what was found against one.
    #[command(subcommand)]
    Site(SiteCommand),
    /// Show and export the records of what was done.
    #[command(subcommand)]
    Records(RecordsCommand),
    /// Run one simulated gateway on a pseudo-terminal until ended.
    Sim(SimArgs),
    /// Start a simulated site and open the window on it, or tour it in the terminal.
    Demo(DemoArgs),
    /// Print the version, the features of this build, and what it was proved on.
    About,
    /// Print shell completions.
    #[command(after_help = "Example:\n  linesman completions bash > /etc/bash_completion.d/linesman")]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page in roff, or write those of all subcommands to a folder.
    #[command(after_help = "Example:\n  linesman man | man -l -")]
    Man {
        /// Folder to write to.
        #[arg(long, value_hint = ValueHint::DirPath)]
        out: Option<PathBuf>,
        /// Whether files that are there may be replaced.
        #[command(flatten)]
        overwrite: Overwrite,
    },
}

/// A refusal of the arguments that does not repeat the login of an address.
pub fn without_secrets(mut error: clap::Error) -> clap::Error {
    let kinds = [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand];
    for kind in kinds {
        if let Some(ContextValue::String(text)) = error.get(kind)
            && text.contains('@')
        {
            let text = without_login(text);
            error.insert(kind, ContextValue::String(text));
        }
    }
    error
}
