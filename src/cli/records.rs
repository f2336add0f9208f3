//! `linesman records`: list, show and export what was done.

use std::path::Path;

use super::args::RecordsCommand;
use super::next_job;
use super::output::{Exit, Output, tagged};
use super::records_report::{Asked, report};
use super::session::workers_gone;
use super::site;
use crate::backend::Handle;
use crate::model::destination::Destination;
use crate::model::ids::JobId;
use crate::model::problem::Problem;
use crate::model::record::{ExportFormat, JobHistory, JobRecord, RecordId};
use crate::model::text::visible;
use crate::msg::{Command, Event, JobEnd};
use crate::profile::site::{Site, is_of_site};

/// The most jobs that are held against a site.
const MOST: usize = 10_000;

/// Runs a subcommand.
pub fn records(handle: &mut Handle, data_dir: Option<&Path>, command: &RecordsCommand, out: &mut Output) -> Exit {
    let done = match command {
        RecordsCommand::List { limit, site: None } => list(handle, *limit, out),
        RecordsCommand::List { limit, site: Some(named) } => match site::named(data_dir, named, out) {
            Ok(site) => list_of_site(handle, &site, *limit, out),
            Err(exit) => return exit,
        },
        RecordsCommand::Show { id } => show(handle, RecordId(*id), out),
        RecordsCommand::Report { id, gateway, site, file, recordings, .. } => {
            let (gateway, site, file) = (gateway.as_deref(), site.as_deref(), file.as_ref());
            let asked = Asked { id: *id, gateway, site, file, recordings };
            return report(handle, data_dir, &asked, out);
        }
        RecordsCommand::Export { file, bundle, .. } => match (file, bundle) {
            (_, Some(bundle)) => export(handle, |job| Command::ExportBundle { job, destination: bundle.clone() }, out),
            (Some(file), None) => export(handle, |job| export_command(job, file), out),
            // The arguments ask for one of them.
            (None, None) => Ok(()),
        },
        RecordsCommand::Import { file, known_keys } => import(handle, file, known_keys, out),
        // It runs without workers, which would write.
        RecordsCommand::Verify { .. } => Ok(()),
    };
    match done {
        Ok(()) => Exit::Good,
        Err(problem) => {
            out.problem(&problem);
            match problem.code {
                "records.not_found" | "bundle.not_a_bundle" | "bundle.bad_key_line" | "bundle.own" => Exit::Usage,
                "bundle.damaged" | "bundle.unknown_key" | "bundle.contradicts" | "bundle.not_exported" => {
                    Exit::Findings
                }
                _ => Exit::of(&problem),
            }
        }
    }
}

fn list(handle: &mut Handle, limit: usize, out: &mut Output) -> Result<(), Problem> {
    handle.try_send(Command::ListRecords { limit })?;
    let jobs = wait(handle, |event| if let Event::RecordsListed(jobs) = event { Some(jobs) } else { None })??;
    if jobs.is_empty() {
        out.text("There are no records yet. Commission a gateway, or run `linesman demo`.");
    }
    print_jobs(jobs.iter(), out);
    Ok(())
}

fn list_of_site(handle: &mut Handle, site: &Site, limit: usize, out: &mut Output) -> Result<(), Problem> {
    let jobs = all(handle)?;
    let mut of_site = jobs.iter().filter(|job| is_of_site(site, job)).take(limit).peekable();
    if of_site.peek().is_none() {
        out.text(format!("There are no records of {}: jobs are found by the names and links in its file.", site.name));
    }
    print_jobs(of_site, out);
    Ok(())
}

fn print_jobs<'a>(jobs: impl Iterator<Item = &'a JobRecord>, out: &mut Output) {
    for job in jobs {
        out.json(&tagged("job", job));
        out.text(job_line(job));
    }
}

/// The latest jobs on record, the newest first.
pub(super) fn all(handle: &mut Handle) -> Result<Vec<JobRecord>, Problem> {
    handle.try_send(Command::ListRecords { limit: MOST })?;
    wait(handle, |event| if let Event::RecordsListed(jobs) = event { Some(jobs) } else { None })?
}

fn show(handle: &mut Handle, id: RecordId, out: &mut Output) -> Result<(), Problem> {
    handle.try_send(Command::ShowRecord { id })?;
    let history = wait(handle, |event| if let Event::RecordShown(shown) = event { Some(shown) } else { None })??;
    print_history(&history, out);
    Ok(())
}

fn export_command(job: JobId, file: &Destination) -> Command {
    let is_csv = file.path().extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    let format = if is_csv { ExportFormat::Csv } else { ExportFormat::JsonLines };
    Command::ExportRecords { job, destination: file.clone(), format }
}

fn import(handle: &mut Handle, file: &Path, known_keys: &Path, out: &mut Output) -> Result<(), Problem> {
    handle.try_send(Command::ImportBundle { path: file.to_owned(), known_keys: known_keys.to_owned() })?;
    let imported = wait(handle, |event| if let Event::BundleImported(done) = event { Some(done) } else { None })??;
    out.json(&tagged("imported", &imported));
    let (name, head) = (visible(&imported.name, 60), imported.head);
    out.text(match imported.entries {
        0 => format!("Nothing new from {name}: its records are here up to entry {}", head.entry),
        1 => format!("1 entry imported from {name}, up to entry {}", head.entry),
        new => format!("{new} entries imported from {name}, up to entry {}", head.entry),
    });
    Ok(())
}

/// Has something written, and prints where to, with the head that witnesses what was on record by then.
fn export(handle: &mut Handle, command: impl FnOnce(JobId) -> Command, out: &mut Output) -> Result<(), Problem> {
    let job = next_job();
    handle.try_send(command(job))?;
    let end = wait(handle, |event| match event {
        Event::JobFinished { job: ended, end } if ended == job => Some(end),
        _ => None,
    })?;
    match end {
        JobEnd::Done { note } => {
            handle.try_send(Command::ReadRecordsHead)?;
            let head = wait(handle, |event| if let Event::RecordsHead(head) = event { Some(head) } else { None })??;
            out.json(&serde_json::json!({ "kind": "exported", "path": note, "head": head }));
            out.text(format!("The records were written to {note}"));
            out.text(format!("head {} (entry {})", head.hash, head.entry));
            Ok(())
        }
        JobEnd::Failed(problem) => Err(problem),
        JobEnd::Cancelled => {
            Err(Problem::new("app.cancelled", "The export was stopped", "Somebody interrupted it", "Export again"))
        }
    }
}

/// Waits for one event; everything else passes, but trouble ends the wait.
fn wait<T>(handle: &mut Handle, pick: impl Fn(Event) -> Option<T>) -> Result<T, Problem> {
    while let Some(event) = handle.recv_blocking() {
        if let Event::Trouble(problem) = event {
            return Err(problem);
        }
        if let Some(found) = pick(event) {
            return Ok(found);
        }
    }
    Err(workers_gone())
}

fn job_line(job: &JobRecord) -> String {
    let simulated = if job.intent.is_simulated { " (simulated)" } else { "" };
    format!(
        "{:>5}  {}  {:<10} {:<9} {}{simulated}  {}",
        job.id.0,
        job.started_at,
        job.intent.action,
        job.outcome,
        visible(&job.intent.gateway, 40),
        visible(&job.summary, 120),
    )
}

fn print_history(history: &JobHistory, out: &mut Output) {
    out.json(&tagged("job", history));
    let job = &history.job;
    out.text(job_line(job));
    out.text(format!(
        "       link {}, profile {}, driver {}, operator {}",
        visible(&job.intent.link, 80),
        job.intent.profile.as_deref().unwrap_or("none"),
        job.intent.driver.as_deref().unwrap_or("none"),
        visible(&job.intent.operator, 60)
    ));
    if let Some(protection) = history.protection() {
        out.text(format!("       protection: {}", protection.label()));
    }
    for entry in &history.entries {
        let detail = if entry.detail.is_null() { String::new() } else { visible(&entry.detail.to_string(), 400) };
        out.text(format!(
            "{:>5}  {}  {:<14} {:<8} {:<10} {detail}",
            entry.sequence, entry.at, entry.step, entry.phase, entry.outcome
        ));
    }
}
