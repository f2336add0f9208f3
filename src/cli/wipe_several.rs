//! `linesman wipe --manifest`: takes several gateways out of service. The whole list first, confirmed once; one that fails never
//! stops the others.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;

use super::advice::remedies;
use super::batch::{given, mistakes};
use super::commission::wait_for_start;
use super::next_job;
use super::output::{Exit, Output};
use super::secret_input::{self, cancelled, question};
use super::session::workers_gone;
use super::wipe::{Ended, Teller, write_certificate};
use super::wipe_args::GatewayWipe;
use crate::backend::{Handle, local};
use crate::model::access::Access;
use crate::model::destination::{Destination, Existing};
use crate::model::ids::JobId;
use crate::model::problem::Problem;
use crate::model::text::visible;
use crate::model::wipe::Outcome;
use crate::model::wipe::list::{Listed, Read};
use crate::model::wipe::several::{Queue, Standing, Tally};
use crate::msg::wipe::WipeStart;
use crate::msg::{Command, Event, JobEnd};

/// Takes the gateways of a manifest out of service, or shows what would be done.
pub(super) fn wipe_several(handle: &mut Handle, manifest: &Path, args: &GatewayWipe, out: &mut Output) -> Exit {
    let (rows, mut read) = match prepare(handle, manifest, args, out) {
        Ok(prepared) => prepared,
        Err((problem, exit)) => {
            out.problem(&problem);
            return exit;
        }
    };
    if args.plan {
        return Exit::Good;
    }
    if let Err(problem) = confirmed(rows.len(), args.confirm_all) {
        out.problem(&problem);
        return Exit::of_input(&problem);
    }
    let existing = if args.overwrite.overwrite { Existing::Replace } else { Existing::Refuse };
    let named: Vec<(u32, String)> = rows.iter().map(|listed| (listed.row, listed.serial.clone())).collect();
    read.extend(args.secrets.iter().map(|secret| secret.file.clone()).chain(args.password_file.clone()));
    let prepare = |folder: &Path| local::prepare_certificates(folder, existing, &named, &read);
    let certificates = args.certificates.as_deref().map(prepare).transpose();
    let certificates = match certificates {
        Ok(certificates) => certificates.unwrap_or_default(),
        Err(problem) => {
            out.problem(&problem);
            return Exit::of_input(&problem);
        }
    };
    let started = Instant::now();
    let mut run = Run::new(rows, certificates, args.parallel);
    run.finish_all(handle, out);
    run.conclude(started, out)
}

/// Reads the list and prints all of it. With it come the files that were read.
fn prepare(
    handle: &mut Handle,
    manifest: &Path,
    args: &GatewayWipe,
    out: &mut Output,
) -> Result<(Vec<Listed>, Vec<PathBuf>), (Problem, Exit)> {
    let usage = |problem: Problem| {
        let exit = Exit::of_input(&problem);
        (problem, exit)
    };
    let catalog = wait_for_start(handle).map_err(|problem| (problem, Exit::CouldNotRun))?.catalog;
    let secrets = given(&args.secrets).map_err(usage)?;
    let shared = shared_login(args).map_err(usage)?;
    let Read { gateways: mut rows, findings, notes, files, .. } =
        local::read_removals(&catalog, manifest, &secrets).map_err(usage)?.complete();
    for note in &notes {
        out.note(note);
    }
    if !findings.is_empty() {
        return Err(usage(mistakes(&findings, out)));
    }
    for listed in &mut rows {
        listed.access = std::mem::take(&mut listed.access).or_shared(&shared);
        let Listed { row, name, link, profile, driver, serial, access, attested, without, .. } = listed;
        let attested: Vec<&str> = attested.iter().map(|(step, _)| step.as_str()).collect();
        out.json(&json!({
            "kind": "wipe-listed", "row": row, "name": name, "serial": serial, "link": link.to_string(),
            "profile": profile, "driver": driver, "username": access.username, "attested": attested, "without": without,
        }));
        out.text(format!(
            "Row {row:<5} {:<24} {:<20} {:<36} {profile}",
            visible(name, 24),
            visible(serial, 20),
            visible(&link.to_string(), 36)
        ));
    }
    out.json(&json!({ "kind": "wipe-list", "gateways": rows.len() }));
    out.text(format!("{} to be removed. Removing has no undo.", gateways(rows.len())));
    Ok((rows, files))
}

/// The login for all whose row names none of their own.
fn shared_login(args: &GatewayWipe) -> Result<Access, Problem> {
    let secret = args.password_file.as_deref().map(|file| secret_input::read(Some(file))).transpose()?;
    Ok(Access { username: args.username.clone(), secret, allows_unprotected: args.allow_unprotected })
}

fn certificates(count: usize) -> String {
    if count == 1 { "1 certificate was".to_owned() } else { format!("{count} certificates were") }
}

fn gateways(count: usize) -> String {
    if count == 1 { "1 gateway".to_owned() } else { format!("{count} gateways") }
}

/// Whether so many gateways may be removed: by the number that was given, or by an answer.
fn confirmed(count: usize, given: Option<usize>) -> Result<(), Problem> {
    match given {
        Some(number) if number == count => Ok(()),
        Some(number) => Err(not_confirmed(format!("{} listed, {number} confirmed", gateways(count)))),
        None if std::io::stdin().is_terminal() => {
            let answer = question(&format!("Type {count} to remove {}: ", gateways(count)))?;
            if answer.trim() == count.to_string() { Ok(()) } else { Err(cancelled()) }
        }
        None => Err(not_confirmed(format!("{} listed, and nobody to ask", gateways(count)))),
    }
}

fn not_confirmed(what: String) -> Problem {
    Problem::new(
        "wipe.not_confirmed",
        what,
        "Removing has no undo, so the number has to be confirmed; nothing was done",
        "Look at the list with --plan, and give its number with --confirm-all",
    )
}

/// Removals that run beside each other.
struct Run {
    rows: Vec<Listed>,
    queue: Queue,
    jobs: HashMap<JobId, (usize, Teller, Instant)>,
    ended: Vec<Option<Ended>>,
    /// Where the certificate of each goes; none where none is wanted.
    certificates: Vec<Destination>,
    /// Certificates that could not be written.
    unwritten: usize,
}

impl Run {
    fn new(rows: Vec<Listed>, certificates: Vec<Destination>, parallel: u8) -> Self {
        let queue = Queue::new(rows.iter().map(|row| &row.link), usize::from(parallel));
        let ended = rows.iter().map(|_| None).collect();
        Self { rows, queue, jobs: HashMap::new(), ended, certificates, unwritten: 0 }
    }

    fn finish_all(&mut self, handle: &mut Handle, out: &mut Output) {
        loop {
            self.begin(handle, out);
            if self.queue.is_over() {
                return;
            }
            match handle.recv_blocking() {
                Some(Event::WipeProgressed { job, event, .. }) => {
                    if let Some((_, teller, _)) = self.jobs.get_mut(&job) {
                        teller.note(event);
                    }
                }
                Some(Event::JobFinished { job, end }) => self.finish(job, end, handle, out),
                Some(Event::Interrupted) => self.queue.stop(),
                Some(Event::Trouble(problem)) => out.warning(&problem),
                Some(_) => {}
                None => {
                    out.warning(&workers_gone());
                    return;
                }
            }
        }
    }

    fn begin(&mut self, handle: &Handle, out: &mut Output) {
        while let Some(index) = self.queue.begin() {
            let (job, row) = (next_job(), &self.rows[index]);
            out.json(&json!({ "kind": "wipe-row", "row": row.row, "name": row.name, "state": "running" }));
            out.text(format!("Row {:<5} {:<24} begins", row.row, visible(&row.name, 24)));
            let start = Box::new(WipeStart::from(row.clone()));
            match handle.try_send(Command::Wipe { job, start }) {
                Ok(()) => drop(self.jobs.insert(job, (index, Teller::default(), Instant::now()))),
                Err(problem) => self.close(index, Ended { report: None, end: JobEnd::Failed(problem) }, None, out),
            }
        }
    }

    fn finish(&mut self, job: JobId, end: JobEnd, handle: &mut Handle, out: &mut Output) {
        let Some((index, teller, begun)) = self.jobs.remove(&job) else { return };
        if matches!(end, JobEnd::Cancelled) {
            self.queue.stop();
        }
        let destination = self.certificates.get(index);
        if let (Some(report), Some(destination)) = (&teller.report, destination) {
            let written = write_certificate(handle, destination, report, out);
            self.unwritten += usize::from(!written.is_done);
            // What is told meanwhile of the others waits its turn.
            for event in written.others {
                match event {
                    Event::WipeProgressed { job, event, .. } => {
                        if let Some((_, teller, _)) = self.jobs.get_mut(&job) {
                            teller.note(event);
                        }
                    }
                    Event::JobFinished { job, end } => self.finish(job, end, handle, out),
                    _ => {}
                }
            }
        }
        self.close(index, Ended { report: teller.report, end }, Some(begun), out);
    }

    fn close(&mut self, index: usize, ended: Ended, begun: Option<Instant>, out: &mut Output) {
        self.queue.end(index);
        let row = &self.rows[index];
        let took = begun.map_or(0.0, |begun| begun.elapsed().as_secs_f64());
        print_end(row, &ended, took, out);
        self.ended[index] = Some(ended);
    }

    fn conclude(self, started: Instant, out: &mut Output) -> Exit {
        let tally = Tally::of(self.ended.iter().map(|ended| ended.as_ref().map_or(Standing::Waits, standing_of)));
        let took = started.elapsed();
        if self.unwritten > 0 {
            out.text(format!("{} not written; see the warnings above", certificates(self.unwritten)));
        }
        out.text(format!("\n{} in {:.1} s: {}", gateways(tally.gateways), took.as_secs_f64(), tally.words()));
        let mut object = super::output::tagged("wipe-summary", &tally);
        object["certificates_not_written"] = json!(self.unwritten);
        object["took_millis"] = json!(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        out.json(&object);
        match tally {
            Tally { unknown, not_begun, .. } if unknown + not_begun > 0 => Exit::Unknown,
            Tally { incomplete, refused, failed, .. } if incomplete + refused + failed > 0 => Exit::Findings,
            _ if self.unwritten > 0 => Exit::Findings,
            _ => Exit::Good,
        }
    }
}

/// What one came to; nothing where nothing was done.
fn outcome_of(ended: &Ended) -> Option<Outcome> {
    match (&ended.report, &ended.end) {
        // What is not on record is not claimed.
        (Some(_), JobEnd::Failed(_)) | (None, JobEnd::Cancelled) => Some(Outcome::Unknown),
        (Some(report), _) => Some(report.assessment.outcome),
        (None, JobEnd::Failed(_) | JobEnd::Done { .. }) => None,
    }
}

fn standing_of(ended: &Ended) -> Standing {
    outcome_of(ended).map_or(Standing::Failed, Standing::Ended)
}

fn print_end(row: &Listed, ended: &Ended, took: f64, out: &mut Output) {
    let assessment = ended.report.as_ref().map(|report| &report.assessment);
    let problem = if let JobEnd::Failed(problem) = &ended.end { Some(problem) } else { None };
    let outcome = outcome_of(ended).map_or("failed", Outcome::as_str);
    let summary = match (assessment, problem) {
        (_, Some(problem)) => problem.what.clone(),
        (Some(assessment), None) if matches!(ended.end, JobEnd::Cancelled) => {
            format!("Stopped before its end, as you asked. {}", assessment.summary)
        }
        (Some(assessment), None) => assessment.summary.clone(),
        (None, None) => "Stopped before its end".into(),
    };
    let claims = assessment.map(|found| {
        found.claims.iter().map(|one| (one.claim.to_string(), json!(one.answer))).collect::<serde_json::Map<_, _>>()
    });
    let left = ended.report.as_deref().map(remedies);
    out.json(&json!({
        "kind": "wipe-outcome", "row": row.row, "name": row.name, "serial": row.serial, "outcome": outcome,
        "summary": summary, "claims": claims, "problem": problem,
        "remedies": &left,
        "record": ended.report.as_ref().map(|report| report.record),
    }));
    let word = outcome.to_uppercase();
    out.text(format!("Row {:<5} {:<24} {word:<10} {took:>6.1} s  {summary}", row.row, visible(&row.name, 24)));
    let next = match (assessment, problem) {
        (_, Some(problem)) => vec![problem.next_step.clone()],
        (Some(_), None) => left.into_iter().flatten().map(|remedy| remedy.text).collect(),
        (None, None) => Vec::new(),
    };
    for text in next {
        out.text(format!("          {:<24} next step: {text}", ""));
    }
}
