//! `linesman records`: list, show and export what was done.

use std::path::Path;

use super::args::RecordsCommand;
use super::next_job;
use super::output::{Exit, Output, tagged};
use super::session::workers_gone;
use super::site;
use crate::backend::Handle;
use crate::model::destination::Destination;
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
        RecordsCommand::Export { file, .. } => export(handle, file, out),
        // It runs without workers, which would write.
        RecordsCommand::Verify { .. } => Ok(()),
    };
    match done {
        Ok(()) => Exit::Good,
        Err(problem) => {
            out.problem(&problem);
            if problem.code == "records.not_found" { Exit::Usage } else { Exit::CouldNotRun }
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

fn export(handle: &mut Handle, file: &Destination, out: &mut Output) -> Result<(), Problem> {
    let is_csv = file.path().extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    let format = if is_csv { ExportFormat::Csv } else { ExportFormat::JsonLines };
    let job = next_job();
    handle.try_send(Command::ExportRecords { job, destination: file.clone(), format })?;
    let end = wait(handle, |event| match event {
        Event::JobFinished { job: ended, end } if ended == job => Some(end),
        _ => None,
    })?;
    match end {
        JobEnd::Done { note } => {
            out.json(&serde_json::json!({ "kind": "exported", "path": note }));
            out.text(format!("The records were written to {note}"));
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
