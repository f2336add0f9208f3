//! Arguments of `discover`, `commission`, `batch` and `terminal`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::values::{CredentialFile, Overwrite, SecretFile, credential, destination, driver, link, secret};
use crate::model::destination::Destination;
use crate::model::ids::{DriverId, LinkAddress};

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
    /// Allow an unprotected session (Security 0).
    #[arg(long)]
    pub allow_unprotected: bool,
    /// Send this file as the profile's credential of that id, before the network. A single line of text goes without its
    /// line end, unless it becomes a file. May be repeated.
    #[arg(long = "credential", value_name = "ID=FILE", value_parser = credential)]
    pub credentials: Vec<CredentialFile>,
    /// The network's name; hex:… for bytes that aren't text. Left out only to send credentials alone.
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
