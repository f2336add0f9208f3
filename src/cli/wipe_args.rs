//! The arguments of `wipe`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::args::{Overwrite, SecretFile, destination, driver, link, secret};
use super::mqtt_args::explained;
use crate::model::destination::Destination;
use crate::model::ids::{DriverId, LinkAddress};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::mqtt::url::BrokerUrl;
use crate::model::wipe::{LastWill, WATCH_MINUTES};

/// Arguments of `wipe`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  linesman wipe --via serial:/dev/ttyUSB0 --profile generic-linux --plan
  linesman wipe --via serial:/dev/ttyUSB0 --profile generic-linux --username root --password-file login.txt --confirm GW-0417
  linesman wipe --manifest site.xlsx --plan
  linesman wipe --manifest site.xlsx --confirm-all 12 --certificates papers
  linesman wipe --manifest site.xlsx --confirm-all 12 --username root --password-file login.txt
  linesman wipe scan /dev/sdb --secret-file wifi.txt --ssid Site-Office
  linesman wipe --via serial:/dev/ttyUSB0 --profile acme --confirm GW-0417 --attest remove-from-portal='not listed any more' --certificate gw-0417.html

Exit codes: 0 complete, 1 incomplete or refused, 2 wrong input, 3 could not run, 4 unknown: look at the gateway. Of several
0 all complete, 1 any incomplete or refused, 4 any unknown or not begun.")]
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
Exit codes: 0 nothing found, 1 found, 2 wrong input, 3 could not be read, 4 stopped, or one of
several secrets was too short to search for (2 if all are).")]
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
    #[arg(long, value_name = "LINK", value_parser = link, required_unless_present = "manifest")]
    pub via: Option<LinkAddress>,
    /// The vendor profile whose plan is carried out.
    #[arg(long, value_name = "ID", required_unless_present = "manifest")]
    pub profile: Option<String>,
    /// The gateway's serial number; its name where it tells no serial number.
    #[arg(long, value_name = "SERIAL", required_unless_present_any = ["plan", "manifest"], allow_hyphen_values = true)]
    pub confirm: Option<String>,
    /// Take several gateways out of service: CSV (UTF-8) or XLSX with columns match, profile and serial; a batch's do, with serial.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = [
        "via", "profile", "confirm", "attested", "evidence", "power_cycles", "watch", "without", "look_for", "certificate", "driver",
        "transcript", "look_mqtt",
    ])]
    pub manifest: Option<PathBuf>,
    /// How many gateways the manifest lists: all of them are removed.
    #[arg(long, value_name = "N", requires = "manifest")]
    pub confirm_all: Option<usize>,
    /// Gateways at once. Over Bluetooth an adapter has one at a time.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub parallel: u8,
    /// A secret that the manifest refers to as @NAME, on the first line of this file; - reads standard input. May be repeated.
    #[arg(long = "secret", value_name = "NAME=FILE", value_parser = secret, requires = "manifest")]
    pub secrets: Vec<SecretFile>,
    /// Write a certificate of each gateway into this folder, which is made if it is missing. Checked before anything is removed.
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, requires = "manifest", conflicts_with = "plan")]
    pub certificates: Option<PathBuf>,
    /// A step that a person carried out, and what was seen. May be repeated.
    #[arg(long = "attest", value_name = "STEP=TEXT", value_parser = attested)]
    pub attested: Vec<(String, String)>,
    /// A photo or file that shows what was seen of an attested step: its SHA-256, size and name go on record. May be repeated.
    #[arg(long, value_name = "STEP=FILE", value_parser = shown)]
    pub evidence: Vec<(String, PathBuf)>,
    /// Somebody stands beside the gateway: wait while they take its power away, where software can't restart it.
    #[arg(long)]
    pub power_cycles: bool,
    /// Watch for so many minutes afterwards whether it comes back to its old network, or under a new name.
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u64).range(WATCH_MINUTES))]
    pub watch: Option<u64>,
    /// The broker at which the old credential is tried.
    #[command(flatten)]
    pub broker: LookAtBroker,
    /// Leave this step out knowingly, such as one at a cloud that nobody can reach. May be repeated.
    #[arg(long, value_name = "STEP")]
    pub without: Vec<String>,
    /// A setting that is there: it is looked for before and after. May be repeated.
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub look_for: Vec<String>,
    /// Show what would be done, in order, and where each credential lies; no gateway is touched.
    #[arg(long)]
    pub plan: bool,
    /// Write a certificate of decommissioning to this file: .html, .txt, .json, or .pdf where this build can write one.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = destination(), conflicts_with = "plan")]
    pub certificate: Option<Destination>,
    /// The driver to speak; the default is the profile's for this link.
    #[arg(long, value_name = "NAME", value_parser = driver)]
    pub driver: Option<DriverId>,
    /// File with the password of the login, or the proof of possession, on its first line; - reads standard input. With --manifest
    /// for all whose row names none.
    #[arg(long, visible_alias = "pop-file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub password_file: Option<PathBuf>,
    /// The user name that belongs to it. With --manifest for all whose row names none.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub username: Option<String>,
    /// Allow an unprotected session (Security 0).
    #[arg(long)]
    pub allow_unprotected: bool,
    /// Write the redacted transcript to this file.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = destination())]
    pub transcript: Option<Destination>,
    /// Whether a file that is there may be replaced.
    #[command(flatten)]
    pub overwrite: Overwrite,
}

/// The look at a broker.
#[derive(Args, Debug)]
pub struct LookAtBroker {
    /// Try the gateway's old credential at this broker: mqtt://, mqtts://, ws:// or wss://HOST[:PORT][/PATH].
    #[arg(long, value_name = "URL", value_parser = explained::<BrokerUrl>)]
    pub look_mqtt: Option<BrokerUrl>,
    /// Trust these certificates and no others (PEM).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "look_mqtt")]
    pub look_ca: Option<PathBuf>,
    /// The gateway's topics: is something still published, and what is retained there? Looked at with the control. May be repeated.
    #[arg(long = "look-topic", value_name = "FILTER", value_parser = explained::<TopicFilter>, requires = "look_mqtt")]
    pub look_topics: Vec<TopicFilter>,
    /// The topic of the gateway's last will: whether the broker publishes it is listened for from before the removal.
    #[arg(long, value_name = "TOPIC", value_parser = one_topic, requires_all = ["look_mqtt", "will_payload"])]
    pub will_topic: Option<TopicFilter>,
    /// A text in the payload of the last will, such as offline.
    #[arg(long, value_name = "TEXT", requires = "will_topic", allow_hyphen_values = true, value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub will_payload: Option<String>,
    /// Clear the messages that the broker retains on --look-topic, each named before; with N only if there are so many.
    #[arg(long, value_name = "N", require_equals = true, num_args = 0..=1, requires = "look_topics")]
    #[expect(clippy::option_option, reason = "the parser's own form of an option whose value may be left out")]
    pub clear_retained: Option<Option<usize>>,
    /// The client id of the old credential.
    #[arg(long, value_name = "ID", requires = "look_mqtt", allow_hyphen_values = true)]
    pub old_client_id: Option<String>,
    /// The user name of the old credential.
    #[arg(long, value_name = "NAME", requires = "look_mqtt", allow_hyphen_values = true)]
    pub old_username: Option<String>,
    /// File with its password on the first line.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "old_username")]
    pub old_password_file: Option<PathBuf>,
    /// The certificate of the old credential (PEM).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "look_mqtt")]
    pub old_cert: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "old_cert")]
    pub old_key: Option<PathBuf>,
    /// The user name of a credential that is known to be good: without one a refusal proves nothing.
    #[arg(long, value_name = "NAME", requires = "look_mqtt", allow_hyphen_values = true)]
    pub control_username: Option<String>,
    /// File with its password on the first line.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "control_username")]
    pub control_password_file: Option<PathBuf>,
    /// The certificate of the good credential (PEM).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "look_mqtt")]
    pub control_cert: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "control_cert")]
    pub control_key: Option<PathBuf>,
}

fn one_topic(text: &str) -> Result<TopicFilter, String> {
    LastWill::topic(text).map_err(|problem| format!("{}. {}", problem.what, problem.next_step))
}

fn shown(text: &str) -> Result<(String, PathBuf), &'static str> {
    match text.split_once('=') {
        Some((step, file)) if !step.is_empty() && !file.is_empty() => Ok((step.to_owned(), file.into())),
        _ => Err("write it as STEP=FILE, with the path of a photo or file"),
    }
}

fn attested(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((step, seen)) if !step.is_empty() && !seen.trim().is_empty() => {
            Ok((step.to_owned(), seen.trim().to_owned()))
        }
        _ => Err("write it as STEP=TEXT, with what was seen as the text"),
    }
}
