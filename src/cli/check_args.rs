//! Arguments of `check`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::args::{Overwrite, destination, driver, link};
use crate::check::plan::Vantage;
use crate::model::destination::Destination;
use crate::model::endpoint::RowId;
use crate::model::ids::{DriverId, LinkAddress};
use crate::model::word::Word as _;

/// Arguments of `check`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  linesman check --profile ID
  linesman check --profile ID --host broker=mqtt.example.org:8883
  linesman check --profile ID --rows ABC-05,ABC-09 --from wlan0 --report site.html
  linesman check --profile ID --watch 30
  linesman check --profile ID --via serial:/dev/ttyUSB0 --username root --password-file login.txt
  linesman check --profile ID --via serial:/dev/ttyUSB0 --username root --password-file login.txt --both --report site.html
  linesman check --rejudge site.json
  linesman check --compare before.json after.json

With --via the gateway checks itself, with the programs it has: curl, openssl, bash, or busybox alone. A probe that none of them
can run reads as not tested. With --both this computer checks first and then the gateway: one report shows both side by side, and
what the site lets one of them do and not the other. --compare does the same with two saved runs.
Only the rows of the profile are checked, and they are listed first. Nothing is sent to anyone else without --ask-others.
A report ends in .html, .csv or .json, or in .pdf where this build can write one; .csv holds the rules to add, .all.csv every rule unmerged; the .json holds the evidence and can be judged again.")]
pub struct CheckArgs {
    /// The vendor profile.
    #[arg(long, value_name = "ID", required_unless_present_any = ["rejudge", "compare", "site"])]
    pub profile: Option<String>,
    /// A site file: host names the vendor leaves open, the network's name, overrides.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub site: Option<PathBuf>,
    /// Check these rows only, separated by commas.
    #[arg(long, value_name = "ID,…", value_delimiter = ',', value_parser = row)]
    pub rows: Vec<RowId>,
    /// A host the vendor leaves open, by the profile's word or the wildcard; may be given several times.
    #[arg(long = "host", value_name = "NAME=HOST[:PORT]", value_parser = host)]
    pub hosts: Vec<(String, String)>,
    /// The interface or source address to check from.
    #[arg(long, value_name = "INTERFACE|ADDRESS", default_value = "", hide_default_value = true)]
    pub from: String,
    /// Check from the gateway, by the programs it has: the link of its console, serial:PATH.
    #[arg(long, value_name = "LINK", value_parser = link, conflicts_with_all = ["rejudge", "compare", "from", "vantage", "survey"])]
    pub via: Option<LinkAddress>,
    /// Check from here first and then from the gateway, and tell both side by side.
    #[arg(long, requires = "via", conflicts_with = "watch")]
    pub both: bool,
    /// The driver to speak; the default is one that has a shell over this link.
    #[arg(long, value_name = "NAME", value_parser = driver, requires = "via")]
    pub driver: Option<DriverId>,
    /// The user name of its login.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true, requires = "via")]
    pub username: Option<String>,
    /// File with the password of the login on its first line; - reads standard input.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "via")]
    pub password_file: Option<PathBuf>,
    /// Where this computer stands.
    #[arg(long, value_name = "PLACE", default_value = "site-network", value_parser = vantage)]
    pub vantage: Vantage,
    /// Name of the network the gateway is to join.
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub ssid: String,
    /// Address of the gateway on the site's network.
    #[arg(long, value_name = "ADDRESS", default_value = "", hide_default_value = true)]
    pub gateway: String,
    /// The gateway isn't there yet: leave out the rows about the gateway itself.
    #[arg(long)]
    pub survey: bool,
    /// Ask third parties too: revocation servers named in the certificates, and once, without --watch, pages and an address that
    /// tell sign-in pages and boxes that accept everything; they are listed before the check.
    #[arg(long)]
    pub ask_others: bool,
    /// Check again after this many seconds, until Ctrl+C.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with_all = ["rejudge", "compare"])]
    pub watch: Option<Duration>,
    /// Map names to addresses and ports, for a test site.
    #[arg(long = "override", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub overrides: Option<PathBuf>,
    /// Write a report; the form follows the ending. May be given several times.
    #[arg(long = "report", value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = destination())]
    pub reports: Vec<Destination>,
    /// Mask the addresses of this site in reports.
    #[arg(long, requires = "reports")]
    pub mask: bool,
    /// Print every observation with --json.
    #[arg(long)]
    pub observations: bool,
    /// Judge a saved run again; nothing is sent.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["profile", "site", "rows", "hosts", "overrides"])]
    pub rejudge: Option<PathBuf>,
    /// Compare two saved runs; nothing is sent.
    #[arg(long, num_args = 2, value_names = ["BEFORE", "AFTER"], value_hint = ValueHint::FilePath, conflicts_with_all = ["profile", "site", "rows", "hosts", "overrides", "rejudge", "reports"])]
    pub compare: Vec<PathBuf>,
    /// Whether files that are there may be replaced.
    #[command(flatten)]
    pub overwrite: Overwrite,
}

fn row(text: &str) -> Result<RowId, String> {
    text.trim().parse().map_err(|_| "a row is written as in ABC-03".to_owned())
}

fn host(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, host)) if !name.trim().is_empty() && !host.trim().is_empty() => {
            Ok((name.trim().to_owned(), host.trim().to_ascii_lowercase()))
        }
        _ => Err("write NAME=HOST or NAME=HOST:PORT, with the word of the profile as NAME".into()),
    }
}

fn vantage(text: &str) -> Result<Vantage, String> {
    Vantage::from_word(text).ok_or_else(|| {
        let known: Vec<&str> = Vantage::ALL.iter().map(|vantage| vantage.as_str()).collect();
        format!("it is one of {}", known.join(", "))
    })
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(seconds @ 5..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("give 5 to 86400 seconds".into()),
    }
}
