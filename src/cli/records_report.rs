//! `linesman records report`: a report of a record, a gateway or a site, printed or written to a file.

use std::path::{Path, PathBuf};

use super::next_job;
use super::output::{Exit, Output, tagged};
use super::session::workers_gone;
use super::site;
use crate::backend::Handle;
use crate::model::destination::Destination;
use crate::model::problem::Problem;
use crate::model::record::RecordKey;
use crate::msg::{Command, Event, JobEnd, ReportPlan};
use crate::papers::commissioning::{About, Report, sheet};
use crate::papers::{Form, text};
use crate::profile::site::Site;

/// What was asked for.
pub(super) struct Asked<'a> {
    /// A record.
    pub(super) key: Option<RecordKey>,
    /// A gateway.
    pub(super) gateway: Option<&'a str>,
    /// A site.
    pub(super) site: Option<&'a Path>,
    /// Where it is written.
    pub(super) file: Option<&'a Destination>,
    /// What is drawn.
    pub(super) recordings: &'a [PathBuf],
}

/// Makes a report.
pub(super) fn report(handle: &mut Handle, data_dir: Option<&Path>, asked: &Asked<'_>, out: &mut Output) -> Exit {
    let about = match (asked.key, asked.gateway, asked.site) {
        (Some(key), ..) => About::Record(key),
        (None, Some(gateway), _) => About::Gateway(gateway.to_owned()),
        (None, None, Some(named)) => match site::named(data_dir, named, out) {
            Ok(site) => About::Site(Box::new(site)),
            Err(exit) => return exit,
        },
        // The arguments ask for one of them.
        (None, None, None) => return Exit::Usage,
    };
    match make(handle, about, asked, out) {
        Ok(exit) => exit,
        Err(problem) => {
            out.problem(&problem);
            match problem.code {
                "records.not_found" | "report.no_gateway" | "report.several" | "report.form" | "report.no_pdf" => {
                    Exit::Usage
                }
                _ => Exit::of(&problem),
            }
        }
    }
}

fn make(handle: &mut Handle, about: About, asked: &Asked<'_>, out: &mut Output) -> Result<Exit, Problem> {
    let file = match asked.file {
        Some(destination) => Some((form_of(destination)?, destination.clone())),
        None => None,
    };
    let (report, path) = made(handle, ReportPlan { about, recordings: asked.recordings.to_vec(), file })?;
    print(&report, &path, asked.file, out);
    Ok(if report.records.is_intact { Exit::Good } else { Exit::Findings })
}

/// What the records say of a site.
pub(super) fn of_site(handle: &mut Handle, site: &Site) -> Result<Box<Report>, Problem> {
    let about = About::Site(Box::new(site.clone()));
    made(handle, ReportPlan { about, recordings: Vec::new(), file: None }).map(|(report, _)| report)
}

/// A report, and where it was written.
fn made(handle: &mut Handle, plan: ReportPlan) -> Result<(Box<Report>, String), Problem> {
    let job = next_job();
    handle.try_send(Command::WriteReport { job, plan: Box::new(plan) })?;
    let mut made = None;
    while let Some(event) = handle.recv_blocking() {
        match event {
            Event::ReportMade { job: of, report } if of == job => made = Some(report),
            Event::JobFinished { job: of, end } if of == job => {
                return match (end, made) {
                    (JobEnd::Failed(problem), _) => Err(problem),
                    (JobEnd::Done { note }, Some(report)) => Ok((report, note)),
                    _ => Err(workers_gone()),
                };
            }
            Event::Trouble(problem) => return Err(problem),
            _ => {}
        }
    }
    Err(workers_gone())
}

fn print(report: &Report, path: &str, file: Option<&Destination>, out: &mut Output) {
    if file.is_none() {
        out.json(&tagged("report", report));
        text(&sheet(report, &jiff::tz::TimeZone::system())).lines().for_each(|line| out.text(line));
        return;
    }
    let records = &report.records;
    out.json(&serde_json::json!({
        "kind": "report-written", "path": path, "title": report.title, "gateways": report.gateways.len(),
        "head": records.head, "open_intents": records.open_intents, "is_intact": records.is_intact,
    }));
    out.text(format!("The report was written to {path}"));
    if !records.is_intact {
        out.text(format!("The records don't pass their check: {}", records.verdict));
    }
    if let Some(head) = records.head {
        out.text(format!("head {} (entry {})", head.hash, head.entry));
    }
}

/// The form by the file's name; standard output gets text.
fn form_of(destination: &Destination) -> Result<Form, Problem> {
    if destination.is_standard_output() {
        return Ok(Form::Text);
    }
    Form::of_path(destination.path())
}
