//! The arguments. `--help` of each subcommand, the man page and the shell completions come from here.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

pub use super::check_args::CheckArgs;
pub use super::mqtt_args::{
    BrokerArgs, DecodeRule, InspectArgs, OnTrigger, ProxyUrl, PublishArgs, ReplayArgs, RetainedArgs, RetainedCommand,
    SieveArgs,
};
pub use super::site_args::SiteCommand;
pub use super::wipe_args::WipeArgs;
use crate::model::audit::Digest;
use crate::model::destination::Destination;
use crate::model::fault::{Fault, UnknownFault};
use crate::model::ids::{BadLinkAddress, DriverId, LinkAddress, LinkKind, UnknownDriver};
use crate::model::mqtt::topic::{FilterError, TopicFilter};
use crate::model::mqtt::url::{BrokerUrl, UrlError};
use crate::model::record_filter::{Ends, Kind};
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

/// Arguments of `discover`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  linesman discover
  linesman discover --ask
  linesman discover --ble --for 10
  linesman discover --ask --site hall-3
  linesman discover --port /dev/pts/4 --ask --json")]
pub struct DiscoverArgs {
    /// Look at serial ports. This is the default; with --ble, name it to have both.
    #[arg(long)]
    pub serial: bool,
    /// Listen to Bluetooth LE. Nothing is sent to any device.
    #[arg(long)]
    pub ble: bool,
    /// Ask each port, or with --port only those named, what is behind it: sends the Improv questions for state and device information.
    #[arg(long)]
    pub ask: bool,
    /// Look for this many seconds; 0 lists the ports that are there now. The default is 0, and 5 with --ble.
    #[arg(long = "for", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub seconds: Option<u64>,
    /// Take this path in too, such as a pseudo-terminal. May be repeated.
    #[arg(long = "port", value_name = "PATH", value_parser = link)]
    pub ports: Vec<LinkAddress>,
    /// Hold what is found against this site: a file, or without `.toml` a name in the folder `sites` of the data folder.
    #[arg(long, value_name = "SITE", value_hint = ValueHint::FilePath)]
    pub site: Option<PathBuf>,
}

/// Arguments of `commission`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  linesman commission --via serial:/dev/ttyUSB0 --ssid Site-Office
  linesman commission --via serial:/dev/ttyUSB0 --profile generic-improv --ssid Site-Office --password-file wifi.txt
  pass show site/wifi | linesman commission --via serial:COM7 --ssid Site-Office --password-file - --json

The passphrase comes from a file, from standard input or from a prompt; never from an argument.")]
pub struct CommissionArgs {
    /// The gateway's link: serial:PATH, ble:ADDRESS, http:HOST[:PORT] or udp:HOST:PORT.
    #[arg(long, value_name = "LINK", value_parser = link)]
    pub via: LinkAddress,
    /// The vendor profile whose Wi-Fi rules hold.
    #[arg(long, value_name = "ID")]
    pub profile: Option<String>,
    /// The driver to speak; the default is the profile's for this link, else the first that runs over it.
    #[arg(long, value_name = "NAME", value_parser = driver)]
    pub driver: Option<DriverId>,
    /// File with the proof of possession, the password of Security 2 or that of the login, on its first line; - reads standard input.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub pop_file: Option<PathBuf>,
    /// The user name that belongs to it.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub username: Option<String>,
    /// Allow a session that nothing protects (Security 0).
    #[arg(long)]
    pub allow_unprotected: bool,
    /// Send this file as the profile's credential of that id, before the network. A single line of text goes without its
    /// line end, unless it becomes a file. May be repeated.
    #[arg(long = "credential", value_name = "ID=FILE", value_parser = credential)]
    pub credentials: Vec<CredentialFile>,
    /// The network's name; hex:… for octets that are no text. Left out only to send credentials alone.
    #[arg(long, value_name = "NAME", required_unless_present_any = ["qr_file", "credentials"], allow_hyphen_values = true)]
    pub ssid: Option<String>,
    /// File with the passphrase on its first line; - reads standard input. Without it you are asked.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub password_file: Option<PathBuf>,
    /// Read a picture of a QR code: network and passphrase from a WIFI: code; from an Espressif provisioning code the user
    /// name and the proof of possession, with the network from --ssid.
    #[arg(long, value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub qr_file: Option<PathBuf>,
    /// The network has no protection.
    #[arg(long, conflicts_with = "password_file")]
    pub open: bool,
    /// The network hides its name.
    #[arg(long)]
    pub hidden: bool,
    /// Send the derived key instead of the passphrase, where the profile allows it.
    #[arg(long)]
    pub derived_key: bool,
    /// Send a passphrase beyond ASCII as UTF-8.
    #[arg(long)]
    pub utf8: bool,
    /// Do not let the gateway scan first, and do not look at what this computer sees.
    #[arg(long)]
    pub no_scan: bool,
    /// Give the gateway this host name first.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub hostname: Option<String>,
    /// Give the gateway this name first.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub device_name: Option<String>,
    /// Write the redacted byte transcript to this file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = destination())]
    pub transcript: Option<Destination>,
    /// Whether a file that is there may be replaced.
    #[command(flatten)]
    pub overwrite: Overwrite,
}

/// Arguments of `batch`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  linesman batch site.csv --check
  linesman batch site.xlsx --secret site=wifi.txt --out results.csv
  linesman batch site.xlsx --secret site=wifi.txt --out results.csv --resume
  linesman batch site.csv --retry failed --json

The manifest never holds a secret: password_file names the file that does, or @NAME what --secret gives once.
Without --resume and --retry all gateways are done. What succeeded in an earlier run is never repeated by --resume.")]
pub struct BatchArgs {
    /// The manifest: CSV (UTF-8) or XLSX, with columns name, match, profile, ssid, password_file and more.
    #[arg(value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,
    /// A site by name or file: at the end, say which of its gateways are missing, different or not expected.
    #[arg(long, value_name = "SITE", value_hint = ValueHint::FilePath, conflicts_with = "check")]
    pub site: Option<PathBuf>,
    /// Links at once. Over Bluetooth an adapter has one at a time.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub parallel: u8,
    /// A secret that the manifest refers to as @NAME, on the first line of this file; - reads standard input. May be repeated.
    #[arg(long = "secret", value_name = "NAME=FILE", value_parser = secret)]
    pub secrets: Vec<SecretFile>,
    /// Check the manifest and stop; nothing is sent.
    #[arg(long, conflicts_with_all = ["resume", "retry", "out"])]
    pub check: bool,
    /// Go on with the last run of this manifest: what was not begun or was stopped is done.
    #[arg(long)]
    pub resume: bool,
    /// As --resume, and do again what failed (refused ones too), or what is unknown after you looked at the devices. May be repeated.
    #[arg(long, value_name = "WHAT")]
    pub retry: Vec<RetryWhat>,
    /// Write the results to this CSV file, a line as each gateway ends.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = destination())]
    pub out: Option<Destination>,
    /// Whether a file that is there may be replaced.
    #[command(flatten)]
    pub overwrite: Overwrite,
    /// Give up on gateways that are to be plugged in when none has come or ended for so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub wait: u64,
    /// Do not let each gateway scan first.
    #[arg(long)]
    pub no_scan: bool,
}

/// What is done again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RetryWhat {
    /// What was refused or failed.
    Failed,
    /// What ended without a verdict or was cut off.
    Unknown,
}

/// A secret that is given once, and the file that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile {
    /// Its name in the manifest, without the sign.
    pub name: String,
    /// The file.
    pub file: PathBuf,
}

/// Arguments of `terminal`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  linesman terminal --via serial:/dev/ttyUSB0
  linesman terminal --via serial:/dev/ttyUSB0 --baud 9600 --transcript boot.txt
  printf 'version\\r' | linesman terminal --via serial:/dev/ttyUSB0

Ctrl+] leaves. What you type is not kept; what the device writes is, with --transcript.")]
pub struct TerminalArgs {
    /// The port: serial:PATH.
    #[arg(long, value_name = "LINK", value_parser = link)]
    pub via: LinkAddress,
    /// Speed of the line, in bits a second.
    #[arg(long, value_name = "N", default_value_t = 115_200, value_parser = clap::value_parser!(u32).range(50..=4_000_000))]
    pub baud: u32,
    /// Send this file first, no faster than the line takes it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub send: Option<PathBuf>,
    /// When standard input has ended, close after the device has been quiet for this many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub linger: u64,
    /// Write what the device wrote to this file, with times.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = destination())]
    pub transcript: Option<Destination>,
    /// Whether a file that is there may be replaced.
    #[command(flatten)]
    pub overwrite: Overwrite,
}

/// Subcommands of `device`.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  linesman device info --via serial:/dev/ttyACM0
  linesman device stats --via udp:192.0.2.7:1337 --json
  linesman device settings get bridge/broker --via serial:/dev/ttyACM0
  linesman device settings set bridge/token --value-file token.txt --via serial:/dev/ttyACM0 --confirm gw-7
  linesman device shell --via serial:/dev/ttyACM0 --confirm gw-7 -- kernel version

Questions change nothing. Whatever changes the gateway or makes it act wants --confirm with its name, as `device info` prints it.")]
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
        /// Set it to this computer's time, or to a time in UTC written as 2026-01-31T12:00:00.
        #[arg(long, value_name = "TIME", requires = "confirm", num_args = 0..=1, default_missing_value = "now")]
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
        /// File that holds the value, all of its octets.
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

/// Subcommands of `profiles`.
#[derive(Debug, Subcommand)]
pub enum ProfilesCommand {
    /// List the profiles.
    List,
    /// Show everything a profile requires.
    Show {
        /// Id of the profile.
        id: String,
    },
    /// Check a profile file; mistakes are named with file, line and column.
    #[command(after_help = "Example:\n  linesman profiles validate my-vendor.toml")]
    Validate {
        /// The file.
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
}

/// Subcommands of `records`.
#[derive(Debug, Subcommand)]
pub enum RecordsCommand {
    /// List jobs, newest first, with those imported from other computers.
    #[command(after_help = "\
Examples:
  linesman records list --since 7d --kind set-up --kind removal
  linesman records list --gateway GW-0007 --outcome failed
  linesman records list --since 2026-01-01 --until 2026-01-31

Kinds: set-up, check, telemetry, credentials, removal, device, other. Outcomes: succeeded, failed (also refused, incomplete and
findings), unknown. Times: 2026-01-31, 2026-01-31T14:30, a time with a zone, or 30m, 12h, 7d, 2w ago.")]
    List {
        /// At most this many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// Only jobs of that kind. May be repeated.
        #[arg(long = "kind", value_name = "KIND", value_parser = word::<Kind>)]
        kinds: Vec<Kind>,
        /// Only jobs that ended so.
        #[arg(long, value_name = "OUTCOME", value_parser = word::<Ends>)]
        outcome: Option<Ends>,
        /// Only jobs begun then or later.
        #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
        since: Option<String>,
        /// Only jobs begun then or earlier; a day counts to its end.
        #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
        until: Option<String>,
        /// Only jobs with that gateway, by its serial number, hardware address, system ID, name or link.
        #[arg(long, value_name = "LINK_OR_SERIAL")]
        gateway: Option<String>,
        /// A site by name or file: only its jobs, found by name and link among the latest 10,000.
        #[arg(long, value_name = "SITE", value_hint = ValueHint::FilePath)]
        site: Option<PathBuf>,
    },
    /// Show one job with its evidence.
    Show {
        /// Number of the job, as listed: 14, or 14@NAME for one imported from the computer NAME.
        id: RecordName,
    },
    /// Report on a record, a gateway or a site, for whoever takes it over: what was done, what was seen, what is left open.
    #[command(after_help = "\
Examples:
  linesman records report 14
  linesman records report 14 --file hall-3.html
  linesman records report --gateway GW-0007 --file gw-0007.pdf
  linesman records report --gateway serial:/dev/ttyUSB0 --recording hall-3.lrec --file hall-3.html
  linesman records report --site hall-7.toml --file hall-7.html

The file's ending decides: .html, .pdf, .json or .txt. Exit codes: 0 written, 1 written and the records don't pass their check,
2 nothing on record is meant, or more than one gateway.")]
    Report {
        /// Number of the job, as listed.
        #[arg(required_unless_present_any = ["gateway", "site"], conflicts_with_all = ["gateway", "site"])]
        id: Option<RecordName>,
        /// A gateway by its serial number, hardware address, system id, name or link: over all of its jobs since it was last
        /// removed.
        #[arg(long, value_name = "LINK_OR_SERIAL", conflicts_with = "site")]
        gateway: Option<String>,
        /// A site by name or file: what is expected against what is on record, then each of its gateways.
        #[arg(long, value_name = "SITE", value_hint = ValueHint::FilePath)]
        site: Option<PathBuf>,
        /// The file. Without it the report is printed.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = destination())]
        file: Option<Destination>,
        /// A recording whose numbers are drawn. May be repeated.
        #[arg(long = "recording", value_name = "FILE.lrec", value_hint = ValueHint::FilePath)]
        recordings: Vec<PathBuf>,
        /// Whether a file that is there may be replaced.
        #[command(flatten)]
        overwrite: Overwrite,
    },
    /// Take in the bundle of another computer beside the records of this one. The same bundle twice changes nothing.
    #[command(after_help = "\
Example:
  linesman records import laptop-2.bundle --known-keys team-keys.txt

The list has a line for each computer: its key as records verify prints it, a blank, a name. # begins a remark.")]
    Import {
        /// The bundle, as written by records export --bundle.
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// The list of known keys. A bundle signed with any other key is refused.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        known_keys: PathBuf,
    },
    /// Sync the records with a team's PostgreSQL server: sends this computer's, takes in those of computers whose key is known.
    #[command(after_help = "\
Examples:
  linesman records sync --server postgres://kim@db.example/linesman --password-file db.txt
  linesman records sync
  linesman records sync --setup > records-server.sql

Without --server the one of the settings is used. The password comes from a file or LINESMAN_RECORDS_PASSWORD, never from the
address. Over a network the server has to prove who it is (sslmode=verify-full); sslrootcert=FILE in the address names its own
certificate. Exit codes: 0 in sync, 1 a finding or an unknown key, 3 offline or refused, entries wait.")]
    Sync {
        /// The server: postgres://USER@HOST/DATABASE.
        #[arg(long, value_name = "URL")]
        server: Option<String>,
        /// The list of known keys; known-keys.txt in the data folder unless given. Other computers are left out.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        known_keys: Option<PathBuf>,
        /// File with the password on its first line; - reads standard input.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        password_file: Option<PathBuf>,
        /// Print the SQL that prepares a server, and do nothing else.
        #[arg(long, conflicts_with_all = ["server", "known_keys", "password_file"])]
        setup: bool,
    },
    /// Check that the records are what was written: finds edits, deletions, reordering, cuts and foreign signatures. Writes nothing.
    #[command(after_help = "\
Examples:
  linesman records verify
  linesman records verify --head 4f2a...

Exit codes: 0 intact, 1 damaged, 3 the file can't be opened. What was cut off the end without a trace shows only with a head
that was printed before.")]
    Verify {
        /// A head printed earlier, by this command or in a report: 64 hexadecimal digits.
        #[arg(long, value_name = "HASH")]
        head: Option<Digest>,
    },
    /// Write all jobs to a file: CSV, or JSON lines with every entry.
    #[command(after_help = "\
Examples:
  linesman records export jobs.csv
  linesman records export jobs.jsonl
  linesman records export --bundle laptop-1.bundle")]
    Export {
        /// The file; its ending decides: .csv, else JSON lines. - writes to standard output.
        #[arg(value_hint = ValueHint::FilePath, value_parser = destination(), required_unless_present = "bundle")]
        file: Option<Destination>,
        /// Write the whole chain with its signatures, for records import on another computer.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = destination(), conflicts_with = "file")]
        bundle: Option<Destination>,
        /// Whether a file that is there may be replaced.
        #[command(flatten)]
        overwrite: Overwrite,
    },
}

/// Arguments of `bench-broker`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  linesman bench-broker
  linesman bench-broker --address 192.168.1.20 --name broker.local --mutual-tls off
  linesman bench-broker --plain 0 --tls off --mutual-tls off --websocket off --json")]
pub struct BenchArgs {
    /// The address it listens on: one of this computer's, or 0.0.0.0 for all of them. The default is reached from here alone.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub address: String,
    /// A name or an address for its certificate, as the gateway has it in its settings. May be repeated.
    #[arg(long = "name", value_name = "HOST")]
    pub names: Vec<String>,
    /// Port of plain MQTT; 0 for any that is free, or off.
    #[arg(long, value_name = "PORT", default_value = "1883", value_parser = bench_port)]
    pub plain: BenchPort,
    /// Port of MQTT over TLS; 0 or off as above.
    #[arg(long, value_name = "PORT", default_value = "8883", value_parser = bench_port)]
    pub tls: BenchPort,
    /// Port of MQTT over TLS with client certificates; 0 or off as above.
    #[arg(long, value_name = "PORT", default_value = "8884", value_parser = bench_port)]
    pub mutual_tls: BenchPort,
    /// Port of MQTT over WebSocket, in clear text and over TLS; 0 or off as above.
    #[arg(long, value_name = "PORT", default_value = "9001", value_parser = bench_port)]
    pub websocket: BenchPort,
    /// MQTT 5: the longest keep alive; clients that want a longer one get this one.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..))]
    pub max_keep_alive: Option<u16>,
    /// Refuse subscriptions to this filter, to see what a gateway does then. May be repeated.
    #[arg(long, value_name = "FILTER", value_parser = topic_filter)]
    pub refuse: Vec<TopicFilter>,
}

/// A port of the bench broker; `None` where it is off.
#[derive(Clone, Copy, Debug)]
pub struct BenchPort(pub Option<u16>);

fn bench_port(text: &str) -> Result<BenchPort, String> {
    match text {
        "off" => Ok(BenchPort(None)),
        text => {
            text.parse().map(|port| BenchPort(Some(port))).map_err(|_| "write a port from 0 to 65535, or off".into())
        }
    }
}

fn topic_filter(text: &str) -> Result<TopicFilter, String> {
    text.parse().map_err(|error: FilterError| error.to_string())
}

/// Arguments of `sim`.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  linesman sim --profile generic-improv --fault wrong-passphrase
  # then, with the port of the printed line:
  linesman commission --via serial:/dev/pts/4 --ssid Site-Office
  # An Espressif device on the loopback address:
  linesman sim --profile generic-esp --driver esp-prov --via http --security 2
  # The servers that a profile's gateway has to reach, some of them in trouble:
  linesman sim --network --profile ID
  # then, with the site file of the printed line:
  linesman check --profile ID --site FILE")]
pub struct SimArgs {
    /// The profile it plays.
    #[arg(long, value_name = "ID")]
    pub profile: String,
    /// Instead of a gateway: the servers that the profile's gateway has to reach, on loopback, for a network check.
    #[arg(long, conflicts_with_all = ["driver", "via", "security", "legacy_nonce", "without_proof", "without_control", "attempts", "faults", "offline", "serial_number", "join_millis", "ssid", "broker"])]
    pub network: bool,
    /// The driver it speaks.
    #[arg(long, value_name = "NAME", default_value = "improv", value_parser = driver)]
    pub driver: DriverId,
    /// What carries it: serial (a pseudo-terminal), http or udp (the loopback address); the default is the driver's usual one.
    #[arg(long, value_name = "LINK", value_parser = sim_link)]
    pub via: Option<LinkKind>,
    /// With esp-prov: its security level.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub security: u8,
    /// With esp-prov and security 2: one nonce for all messages, as older firmware has it.
    #[arg(long)]
    pub legacy_nonce: bool,
    /// With esp-prov and security 1: no proof of possession.
    #[arg(long)]
    pub without_proof: bool,
    /// With esp-prov: a failed attempt cannot be taken back, as in older firmware.
    #[arg(long)]
    pub without_control: bool,
    /// With esp-prov: how often it tries before it gives up.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub attempts: u32,
    /// What goes wrong. May be repeated.
    #[arg(long = "fault", value_name = "NAME", value_parser = fault, help = fault_help())]
    pub faults: Vec<Fault>,
    /// It has its network, and no internet behind it; the same as --fault offline.
    #[arg(long)]
    pub offline: bool,
    /// Its serial number, part of its name.
    #[arg(long, value_name = "S", default_value = "SIM0001")]
    pub serial_number: String,
    /// Folder that stands for its card, or with --network for the files it writes; the default is inside the data folder.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub state_dir: Option<PathBuf>,
    /// How long a good join takes, in milliseconds.
    #[arg(long, value_name = "N", default_value_t = 1200)]
    pub join_millis: u64,
    /// Name of its access point.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub ssid: Option<String>,
    /// A broker of plain MQTT to which it publishes once it has joined, such as mqtt://127.0.0.1:1883.
    #[arg(long, value_name = "URL", value_parser = broker)]
    pub broker: Option<BrokerUrl>,
}

/// Arguments of `demo`.
#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Tour the site in the terminal even if there is a display.
    #[arg(long)]
    pub headless: bool,
}

/// A record as a person names it: `14`, or `14@laptop-2` for one that was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordName {
    /// Its number.
    pub id: i64,
    /// The computer, by its name in the list of known keys or the first digits of its chain.
    pub computer: Option<String>,
}

impl std::str::FromStr for RecordName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, computer) = match text.split_once('@') {
            Some((number, computer)) => (number, Some(computer.trim().to_owned()).filter(|name| !name.is_empty())),
            None => (text, None),
        };
        let id = number.trim().parse().map_err(|_| "a record is named by its number: 14, or 14@NAME".to_owned())?;
        Ok(Self { id, computer })
    }
}

/// A word of a closed set.
fn word<T: crate::model::word::Word>(text: &str) -> Result<T, String> {
    T::from_word(text).ok_or_else(|| {
        let known: Vec<&str> = T::ALL.iter().map(|value| value.word()).collect();
        format!("it is one of {}", known.join(", "))
    })
}

/// Whether a file that is there already may be replaced.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Overwrite {
    /// Replace a file that is there already; without it nothing is written over.
    #[arg(long)]
    pub overwrite: bool,
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

/// Where a file goes: a path, or - for standard output.
pub(super) fn destination() -> impl TypedValueParser<Value = Destination> {
    OsStringValueParser::new().map(|argument| Destination::of_argument(&argument))
}

pub(super) fn link(text: &str) -> Result<LinkAddress, BadLinkAddress> {
    text.parse()
}

pub(super) fn driver(text: &str) -> Result<DriverId, UnknownDriver> {
    text.parse()
}

fn broker(text: &str) -> Result<BrokerUrl, UrlError> {
    text.parse()
}

fn fault(text: &str) -> Result<Fault, UnknownFault> {
    text.parse()
}

fn sim_link(text: &str) -> Result<LinkKind, &'static str> {
    match text {
        "serial" => Ok(LinkKind::Serial),
        "http" => Ok(LinkKind::Http),
        "udp" => Ok(LinkKind::Udp),
        _ => Err("serial, http or udp is wanted"),
    }
}

/// A credential of the profile and the file that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialFile {
    /// Its id.
    pub id: String,
    /// The file.
    pub file: PathBuf,
}

fn credential(text: &str) -> Result<CredentialFile, &'static str> {
    match text.split_once('=') {
        Some((id, file)) if !id.is_empty() && !file.is_empty() => {
            Ok(CredentialFile { id: id.to_owned(), file: file.into() })
        }
        _ => Err("write it as ID=FILE"),
    }
}

pub(super) fn secret(text: &str) -> Result<SecretFile, &'static str> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok(SecretFile { name: name.trim_start_matches('@').to_owned(), file: file.into() })
        }
        _ => Err("write it as NAME=FILE"),
    }
}

fn fault_help() -> String {
    format!("What goes wrong; may be repeated: {}", Fault::ALL.map(Fault::as_str).join(", "))
}
