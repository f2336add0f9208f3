//! Where a command writes: whether it may, before anything runs, and whether standard output is taken by a file.

use std::path::PathBuf;

use super::args::{
    Cli, Command, DeviceCommand, DeviceLink, FilesCommand, InspectArgs, OnTrigger, Overwrite, RecordsCommand,
    SettingsCommand,
};
use crate::model::destination::{Destination, Existing};
use crate::model::problem::Problem;
use crate::model::text::visible;

/// What a command writes, what it reads for that, and whether files that are there may be replaced.
struct Written<'a> {
    destinations: Vec<&'a mut Destination>,
    sources: Vec<PathBuf>,
    overwrite: Overwrite,
    /// Whether an earlier run's file may be gone on with, which only the workers can tell.
    goes_on: bool,
}

/// Settles where the command writes, and asks `check` whether it may. The answer is whether standard output is taken.
pub fn settle<E>(
    arguments: &mut Cli,
    check: impl Fn(&Destination) -> Result<(), E>,
    explain: impl Fn(E) -> Problem,
) -> Result<bool, Problem> {
    let Some(written) = arguments.command.as_mut().and_then(written) else { return Ok(false) };
    let Written { destinations, sources, overwrite, goes_on } = written;
    let mut is_taken = false;
    let mut before: Vec<PathBuf> = Vec::new();
    for destination in destinations {
        destination.sources.extend(sources.iter().cloned());
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
    let (destinations, sources, overwrite) = match command {
        Command::Commission(args) => {
            (list(&mut args.transcript), paths([&args.pop_file, &args.password_file]), args.overwrite)
        }
        Command::Batch(args) => {
            goes_on = args.resume || !args.retry.is_empty();
            (list(&mut args.out), vec![args.manifest.clone()], args.overwrite)
        }
        Command::Terminal(args) => (list(&mut args.transcript), paths([&args.send]), args.overwrite),
        Command::Device(command) => return Some(device(command)),
        Command::Wipe(args) => {
            let args = &mut args.gateway;
            let destinations = args.certificate.as_mut().into_iter().chain(&mut args.transcript).collect();
            let mut sources = paths([&args.password_file, &args.manifest]);
            sources.extend(args.evidence.iter().map(|(_, file)| file.clone()));
            (destinations, sources, args.overwrite)
        }
        Command::Inspect(args) => {
            let sources = sources_of(args);
            let mut destinations = list(&mut args.record);
            if let OnTrigger::Record(destination) = &mut args.on_trigger {
                destinations.push(destination);
            }
            (destinations, sources, args.overwrite)
        }
        Command::Replay(args) => (list(&mut args.export), vec![args.file.clone()], args.overwrite),
        Command::Check(args) => {
            let sources = paths([&args.site, &args.overrides, &args.rejudge]);
            (args.reports.iter_mut().collect(), sources, args.overwrite)
        }
        Command::Records(RecordsCommand::Report { file, recordings, overwrite, .. }) => {
            (list(file), recordings.clone(), *overwrite)
        }
        Command::Records(RecordsCommand::Export { file, bundle, overwrite }) => {
            (file.iter_mut().chain(bundle).collect(), Vec::new(), *overwrite)
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
    Some(Written { destinations, sources, overwrite, goes_on })
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
    let DeviceLink { transcript, password_file, overwrite, .. } = via;
    let destinations = out.into_iter().chain(transcript).collect();
    Written { destinations, sources: paths([&*password_file]), overwrite: *overwrite, goes_on: false }
}

fn sources_of(args: &InspectArgs) -> Vec<PathBuf> {
    let broker = &args.broker;
    paths([&broker.password_file, &broker.ca, &broker.cert, &broker.key, &broker.key_log])
}

fn list(destination: &mut Option<Destination>) -> Vec<&mut Destination> {
    destination.iter_mut().collect()
}

fn paths<'a>(given: impl IntoIterator<Item = &'a Option<PathBuf>>) -> Vec<PathBuf> {
    given.into_iter().flatten().cloned().collect()
}
