//! The arguments of `wipe`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::args::{Overwrite, destination, driver, link};
use crate::model::destination::Destination;
use crate::model::ids::{DriverId, LinkAddress};

/// Arguments of `wipe`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  linesman wipe --via serial:/dev/ttyUSB0 --profile generic-linux --plan
  linesman wipe --via serial:/dev/ttyUSB0 --profile generic-linux --username root --password-file login.txt --confirm GW-0417
  linesman wipe scan /dev/sdb --secret-file wifi.txt --ssid Site-Office
  linesman wipe --via serial:/dev/ttyUSB0 --profile acme --confirm GW-0417 --attest remove-from-portal='not listed any more' --certificate gw-0417.html

Exit codes: 0 complete, 1 incomplete or refused, 2 wrong input, 3 could not run, 4 unknown: look at the gateway.")]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct WipeArgs {
    /// Search a card instead.
    #[command(subcommand)]
    pub command: Option<WipeCommand>,
    /// The gateway.
    #[command(flatten)]
    pub gateway: GatewayWipe,
}

/// Subcommands of `wipe`.
#[derive(Debug, Subcommand)]
pub enum WipeCommand {
    /// Search a card, an image or a flash dump for secrets, read-only.
    Scan(ScanArgs),
}

/// Arguments of `wipe scan`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  linesman wipe scan /dev/sdb --secret-file wifi.txt --ssid Site-Office
  linesman wipe scan flash.bin --secret-file wifi.txt --secret-file token.txt --json

Each secret is looked for as text, hexadecimal digits, base64 in its three alignments, percent-encoded, as JSON and in UTF-16;
with --ssid also the key that is derived of a passphrase. Nothing found means: no copy in the addressable area, and no more.
Exit codes: 0 nothing found, 1 found, 2 wrong input, 3 could not be read, 4 stopped, or a secret was too short to search for.")]
pub struct ScanArgs {
    /// The device of a card, such as /dev/sdb, or an image of it.
    #[arg(value_name = "DEVICE|IMAGE", value_hint = ValueHint::FilePath)]
    pub medium: PathBuf,
    /// File with one secret: a passphrase, a token, a key. May be repeated; - reads standard input.
    #[arg(long = "secret-file", value_name = "FILE", value_hint = ValueHint::FilePath, required = true)]
    pub secrets: Vec<PathBuf>,
    /// The network a passphrase belongs to: the key derived of both is looked for as well. hex:… for a name that isn't text.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub ssid: Option<String>,
}

/// Arguments of `wipe` for a gateway.
#[derive(Args, Debug)]
pub struct GatewayWipe {
    /// The gateway's link: serial:PATH, ble:ADDRESS, http:HOST[:PORT] or udp:HOST:PORT.
    #[arg(long, value_name = "LINK", value_parser = link, required = true)]
    pub via: Option<LinkAddress>,
    /// The vendor profile whose plan is carried out.
    #[arg(long, value_name = "ID", required = true)]
    pub profile: Option<String>,
    /// The gateway's serial number; its name where it tells no serial number.
    #[arg(long, value_name = "SERIAL", required_unless_present = "plan", allow_hyphen_values = true)]
    pub confirm: Option<String>,
    /// A step that a person carried out, and what was seen. May be repeated.
    #[arg(long = "attest", value_name = "STEP=TEXT", value_parser = attested)]
    pub attested: Vec<(String, String)>,
    /// Leave this step out knowingly, such as one at a cloud that nobody can reach. May be repeated.
    #[arg(long, value_name = "STEP")]
    pub without: Vec<String>,
    /// A setting that is there: it is looked for before and after. May be repeated.
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub look_for: Vec<String>,
    /// Show what would be done, in order, and where each credential lies; no gateway is touched.
    #[arg(long)]
    pub plan: bool,
    /// Write a certificate of decommissioning to this file: .html, .pdf (where this build can write one) or .json.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = destination(), conflicts_with = "plan")]
    pub certificate: Option<Destination>,
    /// The driver to speak; the default is the profile's for this link.
    #[arg(long, value_name = "NAME", value_parser = driver)]
    pub driver: Option<DriverId>,
    /// File with the password of the login, or the proof of possession, on its first line; - reads standard input.
    #[arg(long, visible_alias = "pop-file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub password_file: Option<PathBuf>,
    /// The user name that belongs to it.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub username: Option<String>,
    /// Allow a session that nothing protects (Security 0).
    #[arg(long)]
    pub allow_unprotected: bool,
    /// Write the redacted transcript to this file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = destination())]
    pub transcript: Option<Destination>,
    /// Whether a file that is there may be replaced.
    #[command(flatten)]
    pub overwrite: Overwrite,
}

fn attested(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((step, seen)) if !step.is_empty() && !seen.trim().is_empty() => {
            Ok((step.to_owned(), seen.trim().to_owned()))
        }
        _ => Err("write it as STEP=TEXT, with what was seen as the text"),
    }
}
