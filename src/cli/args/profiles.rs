//! Arguments of `profiles`.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

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
