//! The arguments of `site`.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

/// Subcommands of `site`.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  linesman site list
  linesman site validate hall-3.toml
  linesman discover --ask --json > found.jsonl; linesman site compare hall-3 --found found.jsonl
  linesman site compare hall-3 --records

A site is named by its file, or without `.toml` by its name in the folder `sites` of the data folder.")]
pub enum SiteCommand {
    /// List the sites of the data folder.
    List,
    /// Show what a site says.
    Show {
        /// The site.
        #[arg(value_name = "SITE", value_hint = ValueHint::FilePath)]
        site: PathBuf,
    },
    /// Check a site file; mistakes are named with file, line and column.
    Validate {
        /// The site.
        #[arg(value_name = "SITE", value_hint = ValueHint::FilePath)]
        site: PathBuf,
    },
    /// Hold what was found against a site: missing, not expected, another serial number, another firmware.
    Compare {
        /// The site.
        #[arg(value_name = "SITE", value_hint = ValueHint::FilePath)]
        site: PathBuf,
        /// What `discover --json` or `records export` wrote; - reads standard input.
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, required_unless_present = "records")]
        found: Option<PathBuf>,
        /// Take the gateways that are on record on this computer.
        #[arg(long, conflicts_with = "found")]
        records: bool,
    },
}
