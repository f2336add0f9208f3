//! `linesman records`: list, show and export what was done.

use std::path::{Path, PathBuf};

use super::args::{RecordName, RecordsCommand, WantedOutcome};
use super::output::{Exit, Output, tagged};
use super::records_report::{Asked, report};
use super::session::workers_gone;
use super::site;
use super::{next_job, secret_input};
use crate::backend::Handle;
use crate::model::act;
use crate::model::destination::Destination;
use crate::model::ids::JobId;
use crate::model::problem::Problem;
use crate::model::record::{ExportFormat, JobHistory, JobRecord, Origin, RecordId, RecordKey};
use crate::model::record_filter::{Filter, moment};
use crate::model::sync::{ChainState, SyncNews, SyncReport, SyncStart, SyncedChain};
use crate::model::text::visible;
use crate::msg::{Command, Event, JobEnd};
use crate::profile::site::{Site, is_of_site};

/// The most jobs that are held against a site.
const MOST: usize = 10_000;
/// The most entries that are audited for a hint.
const MOST_AUDITED: i64 = 100_000;

/// Runs a subcommand.
pub fn records(handle: &mut Handle, data_dir: Option<&Path>, command: &RecordsCommand, out: &mut Output) -> Exit {
    let done = match command {
        RecordsCommand::List { limit, site, kinds, outcome, since, until, gateway } => {
            let site = match site.as_deref().map(|named| site::named(data_dir, named, out)).transpose() {
                Ok(site) => site,
                Err(exit) => return exit,
            };
            let period = [(since.as_deref(), false), (until.as_deref(), true)];
            let moments = period.map(|(text, is_end)| text.map(|text| read_moment(text, is_end)).transpose());
            match moments {
                [Ok(since), Ok(until)] => {
                    let (ends, outcome) = match outcome {
                        None => (None, None),
                        Some(WantedOutcome::Ends(ends)) => (Some(*ends), None),
                        Some(WantedOutcome::Word(word)) => (None, Some(*word)),
                    };
                    let (kinds, gateway) = (kinds.clone(), gateway.clone());
                    let filter = Filter { kinds, ends, outcome, since, until, gateway };
                    list(handle, filter, site.as_ref(), *limit, out)
                }
                [Err(problem), _] | [_, Err(problem)] => Err(problem),
            }
        }
        RecordsCommand::Show { id } => show(handle, id, out),
        RecordsCommand::Report { id, gateway, site, file, recordings, .. } => {
            let (gateway, site, file) = (gateway.as_deref(), site.as_deref(), file.as_ref());
            let key = match id.as_ref().map(|id| key_of(handle, id)).transpose() {
                Ok(key) => key,
                Err(problem) => {
                    out.problem(&problem);
                    return Exit::Usage;
                }
            };
            let asked = Asked { key, gateway, site, file, recordings };
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
                "records.not_found"
                | "records.bad_moment"
                | "bundle.not_a_bundle"
                | "bundle.bad_key_line"
                | "bundle.own" => Exit::Usage,
                "bundle.damaged"
                | "bundle.incomplete"
                | "bundle.unknown_key"
                | "bundle.contradicts"
                | "bundle.not_exported" => Exit::Findings,
                _ => Exit::of(&problem),
            }
        }
    }
}

/// A moment as a person names it, as of now.
fn read_moment(text: &str, is_end: bool) -> Result<String, Problem> {
    moment(text, jiff::Timestamp::now(), &jiff::tz::TimeZone::system(), is_end)
}

fn list(
    handle: &mut Handle,
    filter: Filter,
    site: Option<&Site>,
    limit: usize,
    out: &mut Output,
) -> Result<(), Problem> {
    let is_open = filter == Filter::default();
    let jobs = find(handle, filter, if site.is_some() { MOST } else { limit })?;
    let is_meant = |job: &&JobRecord| site.is_none_or(|site| is_of_site(site, job));
    let mut meant = jobs.iter().filter(is_meant).take(limit).peekable();
    if meant.peek().is_none() {
        out.text(match (site, is_open) {
            (Some(site), true) => {
                format!("There are no records of {}: jobs are found by the names and links in its file.", site.name)
            }
            (None, true) => "There are no records yet. Commission a gateway first. What the demo does is kept apart, in the folder demo: name it with --data-dir.".into(),
            _ => "No record fits".into(),
        });
    }
    print_jobs(meant, out);
    hint(handle, out)
}

/// The jobs that are meant, of all computers, the newest first.
fn find(handle: &mut Handle, filter: Filter, limit: usize) -> Result<Vec<JobRecord>, Problem> {
    handle.try_send(Command::FindRecords { filter: Box::new(filter), limit })?;
    wait(handle, |event| if let Event::RecordsListed(jobs) = event { Some(jobs) } else { None })?
}

/// Says so where the records aren't what was written: a list shows what the file holds. With very many entries an audit takes
/// longer than a person waits for a list, and `records verify` is left to them.
fn hint(handle: &mut Handle, out: &mut Output) -> Result<(), Problem> {
    handle.try_send(Command::ReadRecordsHead)?;
    let head = wait(handle, |event| if let Event::RecordsHead(head) = event { Some(head) } else { None })?;
    if head.is_ok_and(|head| head.entry > MOST_AUDITED) {
        return Ok(());
    }
    handle.try_send(Command::VerifyRecords)?;
    let audit = wait(handle, |event| if let Event::RecordsVerified(audit) = event { Some(audit) } else { None })?;
    if let Some(audit) = audit.ok().filter(|audit| !audit.is_intact()) {
        out.note(&format!("The records don't pass their check: {}. Run linesman records verify", audit.verdict()));
    }
    Ok(())
}

/// The record that a person names.
fn key_of(handle: &mut Handle, name: &RecordName) -> Result<RecordKey, Problem> {
    let Some(computer) = &name.computer else { return Ok(RecordId(name.id).into()) };
    let jobs = find(handle, Filter::default(), usize::MAX)?;
    let is_meant = |job: &&JobRecord| {
        let is_named = |origin: &Origin| {
            origin.computer == *computer || (computer.len() >= 4 && origin.chain.to_string().starts_with(computer))
        };
        job.id.0 == name.id && job.origin.as_ref().is_some_and(is_named)
    };
    let meant: Vec<RecordKey> = jobs.iter().filter(is_meant).map(JobRecord::key).collect();
    match meant.as_slice() {
        [key] => Ok(*key),
        found => Err(Problem::new(
            "records.not_found",
            match found.len() {
                0 => format!("There is no record {} of {}", name.id, visible(computer, 60)),
                many => format!("{many} computers are called {}", visible(computer, 60)),
            },
            "The computer has another name here, or its records weren't imported",
            "List the records; name the computer by the first digits of its chain, as records verify prints it",
        )),
    }
}

fn print_jobs<'a>(jobs: impl Iterator<Item = &'a JobRecord>, out: &mut Output) {
    for job in jobs {
        out.json(&tagged("job", job));
        out.text(job_line(job));
    }
}

fn show(handle: &mut Handle, name: &RecordName, out: &mut Output) -> Result<(), Problem> {
    let key = key_of(handle, name)?;
    handle.try_send(Command::ShowRecord { key })?;
    let history = wait(handle, |event| if let Event::RecordShown(shown) = event { Some(shown) } else { None })??;
    print_history(&history, out);
    Ok(())
}

fn export_command(job: JobId, file: &Destination) -> Command {
    Command::ExportRecords { job, destination: file.clone(), format: ExportFormat::of_path(file.path()) }
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
            hint(handle, out)?;
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
    let number = match &job.origin {
        Some(origin) => format!("{}@{}", job.id.0, visible(&origin.computer, 40)),
        None => job.id.0.to_string(),
    };
    format!(
        "{number:>5}  {}  {:<13} {:<9} {}{simulated}  {}",
        job.started_at,
        act::title(&job.intent.action),
        job.outcome,
        visible(job.called(), 40),
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
    if let Some(origin) = &job.origin {
        out.text(format!("       imported from {}, chain {}", visible(&origin.computer, 60), origin.chain));
    }
    if let Some(returned) = &history.returned {
        let from =
            returned.origin.as_ref().map_or_else(String::new, |from| format!("@{}", visible(&from.computer, 40)));
        out.text(format!(
            "       came back after a removal: record {}{from} of {}, {} (same {})",
            returned.record.0,
            returned.at,
            visible(&returned.outcome, 40),
            returned.by.label()
        ));
    }
    if let Some(last) = &job.last_entry_at {
        out.text(format!("       cut off: when it ended isn't known; its last entry is of {last}"));
    }
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
        // What a sync itself puts on record comes after what it sent.
        let why = if report.sent + report.received > 0 { "; they go with the next sync" } else { "" };
        out.text(format!("{}{why}", waiting_words(report.waiting)));
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
    for fault in report.kinds() {
        out.text(format!("Likely cause: {}", fault.cause()));
        out.text(format!("Next step: {}", fault.next_step()));
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
