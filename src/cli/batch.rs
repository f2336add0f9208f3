//! `linesman batch`: many gateways from a manifest, with a line for each row as it goes and a table of results.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::advice::{advised, with_option};
use super::args::{BatchArgs, RetryWhat, SecretFile};
use super::commission::{STOPPED, wait_for_start};
use super::lines::counted;
use super::output::{Exit, Output, tagged};
use super::session::workers_gone;
use super::{next_job, secret_input, site};
use crate::backend::Handle;
use crate::model::batch::{Again, Finding, NO_RESULTS, RESULTS_ELSEWHERE, RowHead, RowResult, Summary};
use crate::model::destination::Destination;
use crate::model::ids::JobId;
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::model::text::visible;
use crate::msg::batch::{BatchCommand, BatchEvent, BatchSource, BatchStart, ManifestCheck, RowState};
use crate::msg::{Command, Event, JobEnd};
use crate::profile::site::{Found, Site};

/// Commissions the gateways of a manifest and tells how each ended.
pub fn batch(handle: &mut Handle, data_dir: Option<&Path>, args: &BatchArgs, out: &mut Output) -> Exit {
    let site = match args.site.as_ref().map(|named| site::named(data_dir, named, out)).transpose() {
        Ok(site) => site,
        Err(exit) => return exit,
    };
    match prepare(handle, args, out) {
        Ok(Some(job)) => follow(handle, job, site.as_ref(), args, out),
        Ok(None) => Exit::Good,
        Err((problem, exit)) => {
            out.problem(&problem);
            exit
        }
    }
}

/// Checks the manifest, asks for what is given once, and starts. Nothing follows with `--check`.
fn prepare(handle: &mut Handle, args: &BatchArgs, out: &mut Output) -> Result<Option<JobId>, (Problem, Exit)> {
    let usage = |problem: Problem| {
        let exit = Exit::of_input(&problem);
        (problem, exit)
    };
    let could_not_run = |problem| (problem, Exit::CouldNotRun);
    wait_for_start(handle).map_err(could_not_run)?;
    let mut secrets = given(&args.secrets).map_err(usage)?;
    let check = check(handle, args, &secrets)?;
    check.notes.iter().for_each(|note| out.note(note));
    if !check.findings.is_empty() {
        return Err(usage(mistakes(&check.findings, out)));
    }
    let mut wanted: BTreeSet<&str> = check.wanted.iter().map(String::as_str).collect();
    if !wanted.is_empty() && std::io::stdin().is_terminal() && !args.check {
        for name in std::mem::take(&mut wanted) {
            let secret = secret_input::prompt(&format!("Secret @{name} (not shown): "));
            secrets.push((name.to_owned(), secret.map_err(usage)?));
        }
    }
    if let Some(name) = wanted.first() {
        return Err(usage(secret_missing(name)));
    }
    if args.check {
        summary_of_check(&check, out);
        return Ok(None);
    }
    let go_on = (args.resume || !args.retry.is_empty()).then(|| Again {
        failed: args.retry.contains(&RetryWhat::Failed),
        unknown: args.retry.contains(&RetryWhat::Unknown),
    });
    if let (Some(earlier), None) = (check.earlier, go_on) {
        out.note(&format!(
            "An earlier run of this manifest ended with: {}. This is a new run; --resume continues the earlier one",
            Summary::of(earlier.iter().map(|result| result.as_ref().map(|result| result.outcome))).words()
        ));
    }
    let job = next_job();
    let start = BatchStart {
        source: BatchSource::Manifest { path: args.manifest.clone(), secrets },
        parallel: usize::from(args.parallel),
        wait: Duration::from_secs(args.wait),
        is_scanning: !args.no_scan,
        go_on,
        out: args.out.clone(),
    };
    let command = BatchCommand::Start(Box::new(start));
    handle.try_send(Command::Batch { job, command }).map_err(could_not_run)?;
    Ok(Some(job))
}

/// The secrets that are given once, by name.
pub(super) fn given(files: &[SecretFile]) -> Result<Vec<(String, Secret<String>)>, Problem> {
    let one = |secret: &SecretFile| Ok((secret.name.clone(), secret_input::read(Some(&secret.file))?));
    let from_stdin = files.iter().filter(|secret| secret.file == Path::new("-")).count();
    if from_stdin > 1 {
        return Err(Problem::new(
            "secret.stdin_twice",
            "Two secrets cannot both come from standard input",
            "--secret names it more than once",
            "Give all but one of them as files",
        ));
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = files.iter().find(|secret| !names.insert(&secret.name)) {
        let name = visible(&twice.name, 60);
        return Err(Problem::new(
            "secret.named_twice",
            format!("--secret names @{name} twice"),
            "Two files were given for one name, and one of them would have been left out",
            "Give each name one file",
        ));
    }
    files.iter().map(one).collect()
}

fn check(
    handle: &mut Handle,
    args: &BatchArgs,
    secrets: &[(String, Secret<String>)],
) -> Result<ManifestCheck, (Problem, Exit)> {
    let job = next_job();
    let command = BatchCommand::Check { manifest: args.manifest.clone(), secrets: secrets.to_vec() };
    handle.try_send(Command::Batch { job, command }).map_err(|problem| (problem, Exit::CouldNotRun))?;
    let mut found = None;
    loop {
        match handle.recv_blocking() {
            Some(Event::BatchProgressed { job: checked, event: BatchEvent::Checked(check) }) if checked == job => {
                found = Some(*check);
            }
            Some(Event::JobFinished { job: ended, end }) if ended == job => {
                return match (end, found) {
                    (JobEnd::Failed(problem), _) => Err((problem, Exit::Usage)),
                    (_, Some(check)) => Ok(check),
                    (_, None) => Err((check_stopped(), Exit::Unknown)),
                };
            }
            Some(_) => {}
            None => return Err((workers_gone(), Exit::CouldNotRun)),
        }
    }
}

fn check_stopped() -> Problem {
    Problem::new(
        STOPPED,
        "The check of the manifest was stopped before its end; nothing was sent",
        "Somebody interrupted it",
        "Start it again",
    )
}

/// Prints all mistakes and returns the problem that says how many they are.
pub(super) fn mistakes(findings: &[Finding], out: &mut Output) -> Problem {
    for finding in findings {
        let problem = &*advised(&finding.problem);
        let mut object = tagged("mistake", problem);
        object["row"] = json!(finding.row);
        object["column"] = json!(finding.column);
        out.json(&object);
        out.text(format!("{}: {}", finding.place(), problem.what));
        out.text(format!("  likely cause  {}", problem.likely_cause));
        out.text(format!("  next step     {}", problem.next_step));
    }
    let what = match findings.len() {
        1 => "The manifest has a mistake".to_owned(),
        count => format!("The manifest has {count} mistakes"),
    };
    Problem::new(
        "manifest.mistakes",
        what,
        "They are named with their rows and columns",
        "Fix them all and start again; nothing was sent to any gateway",
    )
}

fn secret_missing(name: &str) -> Problem {
    Problem::new(
        "manifest.secret_missing",
        format!("No secret was given as @{name}"),
        "The manifest refers to a secret that is given once for the whole run",
        "Run this in a terminal, where it is asked for, or give it in a file",
    )
}

fn summary_of_check(check: &ManifestCheck, out: &mut Output) {
    for head in &check.rows {
        out.json(&tagged("planned", head));
        out.text(format!("Row {:<5} {:<28} {:<36} {}", head.row, head.name, head.place, head.ssid));
    }
    out.json(&json!({ "kind": "summary", "rows": check.rows.len(), "valid": true }));
    out.text(format!("The manifest is good: {}. Nothing was sent.", counted(check.rows.len() as u64, "gateway")));
}

/// Prints what happens until the batch has ended.
fn follow(handle: &mut Handle, job: JobId, site: Option<&Site>, args: &BatchArgs, out: &mut Output) -> Exit {
    let mut rows: Vec<RowHead> = Vec::new();
    let mut found: BTreeMap<usize, Found> = BTreeMap::new();
    let mut ended: Option<(Summary, Duration)> = None;
    let mut has_results = true;
    loop {
        match handle.recv_blocking() {
            Some(Event::BatchProgressed { job: told, event }) if told == job => match event {
                BatchEvent::Began { batch, rows: heads } => {
                    out.json(&json!({ "kind": "batch", "batch": batch, "rows": heads.len() }));
                    let gateways = counted(heads.len() as u64, "gateway");
                    out.text(format!("Batch {}: {gateways}, up to {} at once", batch.0, args.parallel));
                    rows = heads;
                }
                BatchEvent::Row { index, state } => {
                    if let Some(head) = rows.get(index) {
                        print_row(head, &state, out);
                        if let (RowState::Ended(result), Some(site)) = (&state, site) {
                            found.extend(Found::of_row(site, head, result).map(|found| (index, found)));
                        }
                    }
                }
                BatchEvent::OutTrouble(problem) => {
                    has_results &= ![NO_RESULTS, RESULTS_ELSEWHERE].contains(&problem.code);
                    out.warning(&problem);
                }
                BatchEvent::Ended { summary, took } => ended = Some((summary, took)),
                BatchEvent::Checked(check) if !check.findings.is_empty() => drop(mistakes(&check.findings, out)),
                BatchEvent::Checked(_) | BatchEvent::Paused(_) => {}
            },
            Some(Event::JobFinished { job: finished, end }) if finished == job => {
                let compared = site.filter(|_| ended.is_some()).map(|site| {
                    let found: Vec<Found> = found.into_values().collect();
                    site::against(site, &found, out)
                });
                let results = args.out.as_ref().filter(|_| has_results);
                let own = conclude(ended, end, results, out);
                return compared.map_or(own, |compared| own.max(compared));
            }
            Some(Event::Trouble(problem)) => out.warning(&problem),
            Some(_) => {}
            None => {
                out.problem(&workers_gone());
                return Exit::CouldNotRun;
            }
        }
    }
}

fn print_row(head: &RowHead, state: &RowState, out: &mut Output) {
    let (row, name) = (head.row, &head.name);
    let line = |state: &str, step: Option<&str>| -> Value {
        json!({ "kind": "batch-row", "row": row, "name": name, "state": state, "step": step })
    };
    match state {
        RowState::Open => out.json(&line("open", None)),
        RowState::Expected => {
            out.json(&line("expected", None));
            out.text(format!("Row {row:<5} {name:<28} waits for {}", head.place));
        }
        RowState::Running { step, .. } => out.json(&line("running", Some(step))),
        RowState::Ended(result) => print_result(head, result, out),
    }
}

fn print_result(head: &RowHead, result: &RowResult, out: &mut Output) {
    let mut object = tagged("batch-outcome", result);
    object["row"] = json!(head.row);
    object["name"] = json!(head.name);
    out.json(&object);
    let earlier = if result.is_earlier { " (earlier run)" } else { "" };
    out.text(format!(
        "Row {:<5} {:<28} {:<10} {:>5.1} s  {}{earlier}",
        head.row,
        head.name,
        result.outcome.as_str().to_uppercase(),
        result.took.as_secs_f64(),
        result.summary
    ));
    if !result.outcome.is_good() {
        out.text(format!("          {:<28} next step: {}", "", with_option(&result.reason, &result.next_step)));
    }
}

fn conclude(ended: Option<(Summary, Duration)>, end: JobEnd, results: Option<&Destination>, out: &mut Output) -> Exit {
    let Some((summary, took)) = ended else {
        let (problem, exit) = match end {
            JobEnd::Failed(problem) => {
                let is_input = ["manifest.", "batch.", "files."].iter().any(|area| problem.code.starts_with(area));
                (problem, if is_input { Exit::Usage } else { Exit::CouldNotRun })
            }
            JobEnd::Cancelled | JobEnd::Done { .. } => (
                super::commission::stopped("Look in the records for what was sent, then go on with --resume"),
                Exit::Unknown,
            ),
        };
        out.problem(&problem);
        return exit;
    };
    let mut object = tagged("summary", &summary);
    object["took_millis"] = json!(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    object["out"] = json!(results.map(|results| results.path().display().to_string()));
    let gateways = counted(summary.rows as u64, "gateway");
    out.text(format!("\n{gateways} in {:.1} s: {}", took.as_secs_f64(), summary.words()));
    if summary.refused + summary.failed > 0 {
        out.text("Fix the causes, then run the same command with --retry failed.");
    }
    if summary.unknown > 0 {
        out.text("Verify the unknown ones on the device; --retry unknown does them again.");
    }
    if summary.open > 0 {
        out.text("Go on with --resume: what succeeded is not repeated.");
    }
    if let Some(results) = results {
        out.text(format!("The results are in {results}"));
    }
    out.json(&object);
    exit_of(&summary)
}

/// What is unknown or left to do weighs more than what failed: somebody has to look.
fn exit_of(summary: &Summary) -> Exit {
    if summary.unknown + summary.open > 0 {
        Exit::Unknown
    } else if summary.refused + summary.failed > 0 {
        Exit::Findings
    } else {
        Exit::Good
    }
}
