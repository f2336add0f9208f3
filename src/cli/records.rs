//! `linesman records`: list, show and export what was done.

use std::path::{Path, PathBuf};

use super::args::RecordsCommand;
use super::output::{Exit, Output, tagged};
use super::records_report::{Asked, report};
use super::session::workers_gone;
use super::site;
use super::{next_job, secret_input};
use crate::backend::Handle;
use crate::model::destination::Destination;
use crate::model::ids::JobId;
use crate::model::problem::Problem;
use crate::model::record::{ExportFormat, JobHistory, JobRecord, RecordId};
use crate::model::sync::{ChainState, SyncNews, SyncReport, SyncStart, SyncedChain};
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
        RecordsCommand::Sync { server, known_keys, password_file, .. } => {
            return sync(handle, server.clone(), known_keys.clone(), password_file.as_deref(), out);
        }
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

/// The SQL that prepares a server.
const SETUP: &str = include_str!("../../docs/records-server.sql");

/// Prints the SQL that prepares a server. Needs no workers.
pub fn server_setup(out: &mut Output) -> Exit {
    out.line(SETUP);
    Exit::Good
}

fn sync(
    handle: &mut Handle,
    server: Option<String>,
    known_keys: Option<PathBuf>,
    password_file: Option<&Path>,
    out: &mut Output,
) -> Exit {
    let password = match password_file.map(|path| secret_input::read(Some(path))).transpose() {
        Ok(password) => password,
        Err(problem) => {
            out.problem(&problem);
            return Exit::of_input(&problem);
        }
    };
    match synced(handle, SyncStart { server, known_keys, password }) {
        Ok(news) => print_news(&news, out),
        Err(problem) => {
            out.problem(&problem);
            Exit::of(&problem)
        }
    }
}

fn synced(handle: &mut Handle, start: SyncStart) -> Result<SyncNews, Problem> {
    handle.try_send(Command::SyncRecords(Box::new(start)))?;
    wait(handle, |event| if let Event::RecordsSynced(news) = event { Some(*news) } else { None })
}

fn print_news(news: &SyncNews, out: &mut Output) -> Exit {
    let mut exit = Exit::Good;
    if let Some(report) = &news.report {
        out.json(&tagged("synced", report));
        print_report(report, out);
        exit = if report.is_clean() { Exit::Good } else { Exit::Findings };
    }
    let Some(problem) = &news.problem else { return exit };
    if let (None, Some(waiting @ 1..)) = (&news.report, news.waiting) {
        let since = news.last_at.as_ref().map_or_else(String::new, |at| format!(", last synced {at}"));
        out.text(format!("{} on this computer{since}", waiting_words(waiting)));
    }
    out.problem(problem);
    match problem.code {
        "sync.damaged" => exit.max(Exit::Findings),
        _ => exit.max(Exit::of(problem)),
    }
}

fn waiting_words(waiting: u64) -> String {
    if waiting == 1 { "1 entry waits".to_owned() } else { format!("{waiting} entries wait") }
}

fn print_report(report: &SyncReport, out: &mut Output) {
    let counted = |count: u64| format!("{count} {}", if count == 1 { "entry" } else { "entries" });
    let server = visible(&report.server, 120);
    out.text(format!("{server}: {} sent, {} received", counted(report.sent), counted(report.received)));
    if report.waiting > 0 {
        out.text(waiting_words(report.waiting));
    }
    for chain in &report.chains {
        out.text(format!("  {}", chain_line(chain)));
    }
    for finding in &report.findings {
        let name = if finding.name.is_empty() { finding.chain.to_string() } else { visible(&finding.name, 60) };
        out.text(format!("Finding, {name}: {}", visible(&finding.words, 300)));
    }
    if report.faults > report.findings.len() as u64 {
        out.text(format!("  and {} more", report.faults - report.findings.len() as u64));
    }
    if let Some(head) = &report.head {
        out.text(format!("head {} (entry {})", head.hash, head.entry));
    }
}

fn chain_line(chain: &SyncedChain) -> String {
    let name = visible(&chain.name, 60);
    let to = chain.head.map_or(0, |head| head.entry);
    match chain.state {
        ChainState::Received if chain.entries == 1 => format!("{name}: 1 new entry, up to entry {to}"),
        ChainState::Received => format!("{name}: {} new entries, up to entry {to}", chain.entries),
        ChainState::Current => format!("{name}: nothing new, up to entry {to}"),
        ChainState::UnknownKey => {
            format!(
                "Skipped: the key {} isn't known. Compare it in person, then add it to the known keys",
                chain.root_key
            )
        }
        ChainState::Damaged if name.is_empty() => format!("{}: can't be read", chain.chain),
        ChainState::Damaged => format!("{name}: differs from what its computer wrote; nothing was taken in"),
        ChainState::Contradicts => format!("{name}: contradicts what was taken in before; nothing was taken in"),
    }
}
