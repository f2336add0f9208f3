//! Values that several subcommands take, and how each is read.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::model::clock;
use crate::model::destination::Destination;
use crate::model::ids::{BadLinkAddress, DriverId, LinkAddress, UnknownDriver};
use crate::msg::device::DeviceChange;

/// Whether a file that is there already may be replaced.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Overwrite {
    /// Replace a file that is there already; without it nothing is written over.
    #[arg(long)]
    pub overwrite: bool,
}

/// A secret that is given once, and the file that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretFile {
    /// Its name in the manifest, without the sign.
    pub name: String,
    /// The file.
    pub file: PathBuf,
}

/// A credential of the profile and the file that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialFile {
    /// Its id.
    pub id: String,
    /// The file.
    pub file: PathBuf,
}

/// Where a file goes: a path, or - for standard output.
pub(in crate::cli) fn destination() -> impl TypedValueParser<Value = Destination> {
    OsStringValueParser::new().map(|argument| Destination::of_argument(&argument))
}

pub(in crate::cli) fn link(text: &str) -> Result<LinkAddress, BadLinkAddress> {
    text.parse()
}

pub(in crate::cli) fn driver(text: &str) -> Result<DriverId, UnknownDriver> {
    text.parse()
}

pub(in crate::cli) fn secret(text: &str) -> Result<SecretFile, &'static str> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok(SecretFile { name: name.trim_start_matches('@').to_owned(), file: file.into() })
        }
        _ => Err("write it as NAME=FILE"),
    }
}

/// This computer's time, or one that is written.
pub(super) fn time(text: &str) -> Result<String, &'static str> {
    if text == DeviceChange::NOW {
        return Ok(text.to_owned());
    }
    clock::taken(text).ok_or("write a time as 2026-01-31T12:00:00")
}

pub(super) fn credential(text: &str) -> Result<CredentialFile, &'static str> {
    match text.split_once('=') {
        Some((id, file)) if !id.is_empty() && !file.is_empty() => {
            Ok(CredentialFile { id: id.to_owned(), file: file.into() })
        }
        _ => Err("write it as ID=FILE"),
    }
}
