//! Arguments of `records`.

use std::path::PathBuf;

use clap::{ArgGroup, Subcommand, ValueHint};

use super::values::{Overwrite, destination};
use crate::model::audit::Digest;
use crate::model::destination::Destination;
use crate::model::record_filter::{Ends, Kind, OUTCOMES};
use crate::model::word::Word as _;

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
findings), unknown, or a word of the list such as refused. Times: 2026-01-31, 2026-01-31T14:30, a time with a zone, or 30m, 12h, 7d, 2w ago.")]
    List {
        /// At most this many.
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = at_least_one)]
        limit: usize,
        /// Only jobs of that kind. May be repeated.
        #[arg(long = "kind", value_name = "KIND", value_parser = word::<Kind>)]
        kinds: Vec<Kind>,
        /// Only jobs that ended so.
        #[arg(long, value_name = "OUTCOME", value_parser = outcome)]
        outcome: Option<WantedOutcome>,
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
    /// Report on a record, a gateway or a site, for the person who takes it over: what was done, what was seen, what is left open.
    #[command(after_help = "\
Examples:
  linesman records report 14
  linesman records report 14 --file hall-3.html
  linesman records report --gateway GW-0007 --file gw-0007.pdf
  linesman records report --gateway serial:/dev/ttyUSB0 --recording hall-3.lmrec --file hall-3.html
  linesman records report --site hall-7.toml --file hall-7.html

The file's ending decides: .html, .pdf, .json or .txt. Exit codes: 0 written, 1 written and the records don't pass their check,
2 nothing on record is meant, or more than one gateway.", group = ArgGroup::new("about").required(true).args(["id", "gateway", "site"]))]
    Report {
        /// Number of the job, as listed.
        id: Option<RecordName>,
        /// A gateway by its serial number, hardware address, system id, name or link: over all of its jobs since it was last
        /// removed.
        #[arg(long, value_name = "LINK_OR_SERIAL")]
        gateway: Option<String>,
        /// A site by name or file: what is expected against what is on record, then each of its gateways.
        #[arg(long, value_name = "SITE", value_hint = ValueHint::FilePath)]
        site: Option<PathBuf>,
        /// The file. Without it the report is printed.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = destination())]
        file: Option<Destination>,
        /// A recording whose numbers are drawn. May be repeated.
        #[arg(long = "recording", value_name = "FILE.lmrec", value_hint = ValueHint::FilePath)]
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

/// How a job has to have ended: one of the three ways, or by the word of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedOutcome {
    /// One of several words.
    Ends(Ends),
    /// That word.
    Word(&'static str),
}

fn outcome(text: &str) -> Result<WantedOutcome, String> {
    if let Some(ends) = Ends::from_word(text) {
        return Ok(WantedOutcome::Ends(ends));
    }
    let known = OUTCOMES.into_iter().find(|known| *known == text).map(WantedOutcome::Word);
    known.ok_or_else(|| format!("it is one of all, succeeded, {}", OUTCOMES.join(", ")))
}

fn at_least_one(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|number| *number > 0).ok_or("write a number from 1 on")
}

/// A word of a closed set.
fn word<T: crate::model::word::Word>(text: &str) -> Result<T, String> {
    T::from_word(text).ok_or_else(|| {
        let known: Vec<&str> = T::ALL.iter().map(|value| value.word()).collect();
        format!("it is one of {}", known.join(", "))
    })
}
