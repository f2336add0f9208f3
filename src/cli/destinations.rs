//! Where a command writes: whether it may, before anything runs, and whether standard output is taken by a file.

use std::any::TypeId;
use std::path::PathBuf;

use clap::builder::ValueHint;
use clap::{Arg, ArgMatches, CommandFactory as _};

use super::args::{
    Cli, Command, DeviceCommand, DeviceLink, FilesCommand, OnTrigger, Overwrite, RecordsCommand, SettingsCommand,
};
use crate::model::destination::{Destination, Existing};
use crate::model::problem::Problem;
use crate::model::text::visible;

/// What a command writes, and whether files that are there may be replaced.
struct Written<'a> {
    destinations: Vec<&'a mut Destination>,
    overwrite: Overwrite,
    /// Whether an earlier run's file may be gone on with, which only the workers can tell.
    goes_on: bool,
}

/// The files that the arguments name and the command doesn't write: whatever they are for, none of them may be written over.
pub fn read_by(matches: &ArgMatches) -> Vec<PathBuf> {
    let whole = Cli::command();
    let (mut command, mut matches) = (&whole, Some(matches));
    let mut read = Vec::new();
    while let Some(level) = matches {
        for argument in command.get_arguments().filter(|argument| names_a_source(argument)) {
            // Of an argument that was not given there is none.
            let given = level.try_get_raw(argument.get_id().as_str()).ok().flatten();
            read.extend(given.into_iter().flatten().map(|value| file_of(argument, value)));
        }
        matches = level.subcommand().and_then(|(name, below)| {
            command = command.find_subcommand(name)?;
            Some(below)
        });
    }
    read
}

fn names_a_source(argument: &Arg) -> bool {
    let is_written = argument.get_value_parser().type_id() == TypeId::of::<Destination>();
    let is_named_so = argument.get_value_names().is_some_and(|names| names.iter().any(|name| name.ends_with("FILE")));
    !is_written && (is_named_so || argument.get_value_hint() == ValueHint::FilePath)
}

/// The path in a value, behind the name where the argument is written as NAME=FILE.
fn file_of(argument: &Arg, value: &std::ffi::OsStr) -> PathBuf {
    let has_name = argument.get_value_names().is_some_and(|names| names.iter().any(|name| name.ends_with("=FILE")));
    let behind = value.to_str().filter(|_| has_name).and_then(|text| text.split_once('=')).map(|(_, file)| file);
    behind.map_or_else(|| PathBuf::from(value), PathBuf::from)
}

/// Settles where the command writes, beside the files it reads, and asks `check` whether it may. The answer is whether
/// standard output is taken.
pub fn settle<E>(
    arguments: &mut Cli,
    read: &[PathBuf],
    check: impl Fn(&Destination) -> Result<(), E>,
    explain: impl Fn(E) -> Problem,
) -> Result<bool, Problem> {
    let Some(written) = arguments.command.as_mut().and_then(written) else { return Ok(false) };
    let Written { destinations, overwrite, goes_on } = written;
    let mut is_taken = false;
    let mut before: Vec<PathBuf> = Vec::new();
    for destination in destinations {
        destination.sources.extend(read.iter().cloned());
        if !destination.is_standard_output() {
            if before.iter().any(|path| path == destination.path()) {
                return Err(twice(destination));
            }
            before.push(destination.path().to_owned());
        }
        if overwrite.overwrite {
            destination.existing = Existing::Replace;
        }
        if !goes_on {
            check(destination).map_err(&explain)?;
        }
        is_taken |= destination.is_standard_output();
    }
    Ok(is_taken)
}

/// One file cannot take two things.
fn twice(destination: &Destination) -> Problem {
    Problem::new(
        "files.same_file",
        format!("{} is named twice", visible(&destination.path().display().to_string(), 120)),
        "Two options write to the same file, and one would be lost",
        "Name a file of its own for each",
    )
}

fn written(command: &mut Command) -> Option<Written<'_>> {
    let mut goes_on = false;
    let (destinations, overwrite) = match command {
        Command::Commission(args) => (list(&mut args.transcript), args.overwrite),
        Command::Batch(args) => {
            goes_on = args.resume || !args.retry.is_empty();
            (list(&mut args.out), args.overwrite)
        }
        Command::Terminal(args) => (list(&mut args.transcript), args.overwrite),
        Command::Device(command) => return Some(device(command)),
        Command::Wipe(args) => {
            let args = &mut args.gateway;
            (args.certificate.as_mut().into_iter().chain(&mut args.transcript).collect(), args.overwrite)
        }
        Command::Inspect(args) => {
            let mut destinations = list(&mut args.record);
            if let OnTrigger::Record(destination) = &mut args.on_trigger {
                destinations.push(destination);
            }
            (destinations, args.overwrite)
        }
        Command::Replay(args) => (list(&mut args.export), args.overwrite),
        Command::Check(args) => (args.reports.iter_mut().collect(), args.overwrite),
        Command::Records(RecordsCommand::Report { file, overwrite, .. }) => (list(file), *overwrite),
        Command::Records(RecordsCommand::Export { file, bundle, overwrite }) => {
            (file.iter_mut().chain(bundle).collect(), *overwrite)
        }
        Command::Discover(_)
        | Command::Publish(_)
        | Command::Retained(_)
        | Command::BenchBroker(_)
        | Command::Profiles(_)
        | Command::Site(_)
        | Command::Records(
            RecordsCommand::List { .. }
            | RecordsCommand::Show { .. }
            | RecordsCommand::Verify { .. }
            | RecordsCommand::Import { .. }
            | RecordsCommand::Sync { .. },
        )
        | Command::Sim(_)
        | Command::Demo(_)
        | Command::About
        | Command::Completions { .. }
        | Command::Man { .. } => return None,
    };
    Some(Written { destinations, overwrite, goes_on })
}

fn device(command: &mut DeviceCommand) -> Written<'_> {
    let (out, via) = match command {
        DeviceCommand::Settings(SettingsCommand::Get { via, out, .. }) => (out.as_mut(), via),
        DeviceCommand::Files(FilesCommand::Get { via, out, .. }) => (Some(out), via),
        DeviceCommand::Info { via }
        | DeviceCommand::Stats { via }
        | DeviceCommand::Images { via }
        | DeviceCommand::Shell { via, .. }
        | DeviceCommand::Clock { via, .. }
        | DeviceCommand::Identify { via }
        | DeviceCommand::Reprovision { via, .. }
        | DeviceCommand::Reset { via, .. }
        | DeviceCommand::Erase { via, .. }
        | DeviceCommand::Settings(SettingsCommand::Set { via, .. } | SettingsCommand::Delete { via, .. })
        | DeviceCommand::Files(FilesCommand::Status { via, .. } | FilesCommand::Put { via, .. }) => (None, via),
    };
    let DeviceLink { transcript, overwrite, .. } = via;
    let destinations = out.into_iter().chain(transcript).collect();
    Written { destinations, overwrite: *overwrite, goes_on: false }
}

fn list(destination: &mut Option<Destination>) -> Vec<&mut Destination> {
    destination.iter_mut().collect()
}
