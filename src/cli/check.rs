//! `linesman check`: whether this site lets a gateway reach everything its vendor requires, and if not, who stops it.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::check_args::CheckArgs;
use super::commission::wait_for_start;
use super::output::{Exit, Output};
use super::session::workers_gone;
use super::{next_job, secret_input};
use crate::backend::Handle;
use crate::check::beside::Beside;
use crate::check::compare::RowChange;
use crate::check::evidence::{About, Evidence};
use crate::check::explain::{self, texts};
use crate::check::plan::{Outlook, Plan};
use crate::check::report::{can_write_pdf, no_pdf};
use crate::check::seen::Observation;
use crate::check::verdict::{Finding, Judged, Reason, RowState, RowVerdict};
use crate::check::{compare, controls};
use crate::model::access::Access;
use crate::model::destination::Destination;
use crate::model::ids::{JobId, ProfileId};
use crate::model::problem::Problem;
use crate::msg::check::{CheckCommand, CheckEvent, CheckStart, ReportForm, Via};
use crate::msg::{Command, Event, JobEnd};

/// How far what belongs to a row is set in.
const INDENT: &str = "                ";

/// Runs a network check, or judges a saved one again.
pub fn check(handle: &mut Handle, args: &CheckArgs, out: &mut Output) -> Exit {
    let mut reports = VecDeque::new();
    for destination in &args.reports {
        match form_of(destination) {
            Ok(form) => reports.push_back((destination.clone(), form)),
            Err(problem) => {
                out.problem(&problem);
                return Exit::Usage;
            }
        }
    }
    if let [before, after] = args.compare.as_slice() {
        return compare(handle, before, after, out);
    }
    let via = match way(args) {
        Ok(via) => via,
        Err(problem) => {
            out.problem(&problem);
            return Exit::Usage;
        }
    };
    if let Err(problem) = wait_for_start(handle) {
        out.problem(&problem);
        return Exit::of(&problem);
    }
    let mut beside = None;
    if args.both {
        let (exit, evidence) = look(handle, args, None, Look::laptop(), out);
        beside = evidence;
        // Who ended the first run wants no second.
        if beside.is_none() || out.is_over() {
            return exit;
        }
    }
    if let Some(via) = &via {
        out.text(format!("Connecting to the gateway over {} …", via.link));
    }
    look(handle, args, via, Look { reports, beside, is_half: false }, out).0
}

/// One run of a check.
struct Look {
    /// Reports to write.
    reports: VecDeque<(Destination, ReportForm)>,
    /// A laptop's run to be told beside.
    beside: Option<Arc<Evidence>>,
    /// Whether another run follows, which has the last word.
    is_half: bool,
}

impl Look {
    const fn laptop() -> Self {
        Self { reports: VecDeque::new(), beside: None, is_half: true }
    }
}

/// Looks, and gives back what was seen in the last round.
fn look(
    handle: &mut Handle,
    args: &CheckArgs,
    via: Option<Via>,
    look: Look,
    out: &mut Output,
) -> (Exit, Option<Arc<Evidence>>) {
    let job = next_job();
    let Look { reports, beside, is_half } = look;
    if let Err(problem) = start(handle, args, via, beside, job) {
        out.problem(&problem);
        return (Exit::of(&problem), None);
    }
    let run = Run {
        handle,
        args,
        job,
        reports,
        plan: None,
        judged: None,
        beside: None,
        evidence: None,
        is_half,
        observations: Vec::new(),
        is_closing: false,
        exit: None,
    };
    run.follow(out)
}

/// Judges two saved runs and says what became of each row.
fn compare(handle: &mut Handle, before: &Path, after: &Path, out: &mut Output) -> Exit {
    let judged = wait_for_start(handle).map(drop).and_then(|()| {
        let (earlier, before) = judge_saved(handle, before, out)?;
        let (plan, after) = judge_saved(handle, after, out)?;
        Ok((earlier, plan, before, after))
    });
    let (earlier, plan, before, after) = match judged {
        Ok(judged) => judged,
        Err(problem) => {
            out.problem(&problem);
            return Exit::of(&problem);
        }
    };
    let (first, second) = compare::sides(earlier.about.via.is_some(), plan.about.via.is_some());
    for change in compare::compare(&before, &after) {
        print_change(&change, [first, second], out);
        out.text(format!(
            "{:<8} {:<8} {} {first}, {} {second}",
            change.change,
            change.row,
            word(change.before),
            word(change.after)
        ));
    }
    let count = Count::of(&plan, &after);
    out.json(&count.json(false));
    out.text("");
    out.text(format!("{}: {}", if second == "after" { "After" } else { second }, count.words()));
    count.exit(false)
}

fn print_change(change: &RowChange, sides: [&str; 2], out: &mut Output) {
    let stood = |stood: Option<(RowState, Reason)>| {
        stood.map_or(Value::Null, |(state, reason)| json!({ "state": state, "reason": reason }))
    };
    out.json(&json!({
        "kind": "compared",
        "id": change.row,
        "change": change.change,
        "before": stood(change.before),
        "after": stood(change.after),
        "sides": sides,
    }));
}

fn word(stood: Option<(RowState, Reason)>) -> &'static str {
    stood.map_or("-", |(state, _)| texts::state(state))
}

/// The verdicts of a saved run.
fn judge_saved(handle: &mut Handle, path: &Path, out: &mut Output) -> Result<(Arc<Plan>, Arc<Judged>), Problem> {
    let job = next_job();
    let start = CheckStart {
        about: About::default(),
        evidence: Some(path.to_owned()),
        site: None,
        overrides: None,
        watch: None,
        via: None,
        beside: None,
    };
    handle.send_blocking(Command::Check { job, command: CheckCommand::Start(Box::new(start)) })?;
    let (mut plan, mut verdicts) = (None, None);
    loop {
        match handle.recv_blocking() {
            Some(Event::CheckProgressed { job: of, event }) if of == job => match event {
                CheckEvent::Planned(planned) => plan = Some(planned),
                CheckEvent::RoundEnded { judged, .. } => {
                    verdicts = Some(judged);
                    handle.send_blocking(Command::Check { job, command: CheckCommand::Close })?;
                }
                _ => {}
            },
            Some(Event::JobFinished { job: of, end }) if of == job => {
                return match (plan, verdicts, end) {
                    (Some(plan), Some(verdicts), _) => Ok((plan, verdicts)),
                    (_, _, JobEnd::Failed(problem)) => Err(problem),
                    _ => Err(workers_gone()),
                };
            }
            Some(Event::Trouble(problem)) => out.aside(&problem),
            Some(_) => {}
            None => return Err(workers_gone()),
        }
    }
}

/// The form of a report by the ending of its name.
fn form_of(destination: &Destination) -> Result<ReportForm, Problem> {
    let ending = destination.path().extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let is_all = destination.path().file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with(".all"));
    match ending.to_ascii_lowercase().as_str() {
        "csv" if is_all => Ok(ReportForm::AllRules),
        "html" | "htm" => Ok(ReportForm::Html),
        "pdf" if can_write_pdf() => Ok(ReportForm::Pdf),
        "pdf" => Err(no_pdf()),
        "csv" => Ok(ReportForm::Csv),
        "json" => Ok(ReportForm::Json),
        _ => Err(Problem::new(
            "check.report_form",
            format!("{} has no ending that names a form of report", destination.path().display()),
            "The form of a report follows the ending of its file",
            "Choose a name that ends in .html, .csv or .json, or in .pdf where this build can write one",
        )),
    }
}

/// The way to the gateway that looks itself. The password is read before anything is opened.
fn way(args: &CheckArgs) -> Result<Option<Via>, Problem> {
    let Some(link) = args.via.clone() else { return Ok(None) };
    let secret = args.password_file.as_deref().map(|file| secret_input::read(Some(file))).transpose()?;
    let access = Access { username: args.username.clone(), secret, ..Access::default() };
    Ok(Some(Via { link, driver: args.driver, access }))
}

fn start(
    handle: &mut Handle,
    args: &CheckArgs,
    via: Option<Via>,
    beside: Option<Arc<Evidence>>,
    job: JobId,
) -> Result<(), Problem> {
    let mut hosts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, host) in &args.hosts {
        hosts.entry(name.trim_matches(['<', '>']).to_owned()).or_default().push(host.clone());
    }
    let about = About {
        profile: args.profile.as_ref().map(ProfileId::new),
        rows: args.rows.clone(),
        hosts,
        vantage: args.vantage,
        from: args.from.clone(),
        is_survey: args.survey,
        has_consent: args.ask_others,
        ssid: args.ssid.clone(),
        gateway: args.gateway.clone(),
        ..About::default()
    };
    let start = CheckStart {
        about,
        evidence: args.rejudge.clone(),
        site: args.site.clone(),
        overrides: args.overrides.clone(),
        watch: args.watch,
        via,
        beside,
    };
    handle.try_send(Command::Check { job, command: CheckCommand::Start(Box::new(start)) })
}

/// A check that is followed.
struct Run<'a> {
    handle: &'a mut Handle,
    args: &'a CheckArgs,
    job: JobId,
    /// Reports that are still to be written.
    reports: VecDeque<(Destination, ReportForm)>,
    plan: Option<Arc<Plan>>,
    /// What was told last.
    judged: Option<Arc<Judged>>,
    /// A laptop's run, told beside.
    beside: Option<Arc<Beside>>,
    /// The last round that ended.
    evidence: Option<Arc<Evidence>>,
    /// Whether another run follows, which has the last word.
    is_half: bool,
    /// What was seen so far.
    observations: Vec<Observation>,
    is_closing: bool,
    /// What it amounts to, apart from the verdicts.
    exit: Option<Exit>,
}

impl Run<'_> {
    fn follow(mut self, out: &mut Output) -> (Exit, Option<Arc<Evidence>>) {
        let end = loop {
            match self.handle.recv_blocking() {
                Some(Event::CheckProgressed { job, event }) if job == self.job => self.take_in(event, out),
                Some(Event::JobFinished { job, end }) if job == self.job => break end,
                Some(Event::Trouble(problem)) => out.aside(&problem),
                Some(_) => {}
                None => break JobEnd::Failed(workers_gone()),
            }
            if out.is_over() {
                self.close();
            }
        };
        let evidence = self.evidence.take();
        (self.conclude(&end, out), evidence)
    }

    fn take_in(&mut self, event: CheckEvent, out: &mut Output) {
        match event {
            CheckEvent::Planned(plan) => {
                announce(&plan, out);
                self.plan = Some(plan);
            }
            CheckEvent::RoundBegan { round, at_unix_micros, rows } => {
                self.observations.clear();
                out.json(&json!({ "kind": "round", "round": round, "time": super::lines::utc(at_unix_micros), "rows": rows }));
            }
            CheckEvent::Observed(observation) => {
                if self.args.observations {
                    print_observation(&observation, out);
                }
                self.observations.push(*observation);
            }
            CheckEvent::Judged(judged) => self.tell(&judged, out),
            CheckEvent::RoundEnded { judged, evidence, .. } => {
                self.tell(&judged, out);
                self.evidence = Some(evidence);
                self.save_next(out);
            }
            CheckEvent::Saved { path } => {
                out.json(&json!({ "kind": "saved", "path": path }));
                out.text(format!("Report saved: {}", path.display()));
                self.reports.pop_front();
                self.save_next(out);
            }
            CheckEvent::Trouble(problem) => {
                out.problem(&problem);
                self.exit = Some(self.exit.unwrap_or(Exit::Good).max(Exit::of(&problem)));
                self.reports.pop_front();
                self.save_next(out);
            }
            CheckEvent::Beside(beside) => self.beside = Some(beside),
            CheckEvent::Looking(_) => {}
        }
    }

    /// Writes the next report; after the last, one round ends the check unless it is watched.
    fn save_next(&mut self, _out: &mut Output) {
        match self.reports.front() {
            Some((destination, form)) => {
                let command =
                    CheckCommand::Save { destination: destination.clone(), form: *form, is_masked: self.args.mask };
                self.send(command);
            }
            None if self.args.watch.is_none() => self.close(),
            None => {}
        }
    }

    fn close(&mut self) {
        if !std::mem::replace(&mut self.is_closing, true) {
            self.send(CheckCommand::Close);
        }
    }

    fn send(&mut self, command: CheckCommand) {
        // Workers that have gone end the loop by themselves.
        let _ = self.handle.send_blocking(Command::Check { job: self.job, command });
    }

    /// Prints the rows that stand otherwise than before.
    fn tell(&mut self, judged: &Arc<Judged>, out: &mut Output) {
        let Some(plan) = self.plan.clone() else { return };
        let before = self.judged.replace(Arc::clone(judged));
        for row in &judged.rows {
            let was = before.as_ref().and_then(|before| before.row(&row.row));
            let is_new = was.is_none_or(|was| was.state != row.state || was.reason != row.reason);
            if row.state != RowState::Pending && is_new {
                print_row(&plan, judged, &self.observations, row, out);
            }
        }
    }

    fn conclude(self, end: &JobEnd, out: &mut Output) -> Exit {
        let judged = self.judged.unwrap_or_default();
        if let JobEnd::Failed(problem) = end {
            out.problem(problem);
            return Exit::of(problem);
        }
        let Some(plan) = self.plan else { return Exit::Unknown };
        let apart = self.beside.as_ref().map(|beside| print_beside(beside, &plan, &judged, out)).unwrap_or_default();
        for finding in apart.iter().chain(&judged.findings) {
            print_finding(&plan, &judged, &self.observations, finding, out);
        }
        let count = Count::of(&plan, &judged);
        let is_cancelled = matches!(end, JobEnd::Cancelled);
        out.text("");
        if self.is_half {
            out.text(format!("From here: {}", count.words()));
            out.text("");
        } else {
            out.json(&count.json(is_cancelled));
            out.text(if self.beside.is_some() { format!("Gateway: {}", count.words()) } else { count.words() });
        }
        let beside = self.beside.map(|beside| Count::of(&beside.plan, &beside.judged).exit(false));
        let ends = [Some(count.exit(is_cancelled)), beside, self.exit];
        ends.into_iter().flatten().max().unwrap_or(Exit::Unknown)
    }
}

/// Both columns; what only one of them reaches is given back.
fn print_beside(beside: &Beside, plan: &Plan, judged: &Judged, out: &mut Output) -> Vec<Finding> {
    out.text("");
    out.text(format!("{:<8} {:<20} {:<20}", "Row", "Laptop", "Gateway").trim_end());
    for change in beside.rows(judged) {
        print_change(&change, compare::sides(false, true).into(), out);
        out.text(format!("{:<8} {:<20} {:<20}", change.row, word(change.before), word(change.after)).trim_end());
    }
    out.text("");
    beside.findings(plan, judged)
}

/// What is going to be looked at, before anything is sent.
fn announce(plan: &Plan, out: &mut Output) {
    let rows = plan.rows.len();
    let rows = if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
    let place = if plan.about.via.is_some() { "from the gateway" } else { "from here" };
    out.text(format!("{}: {rows}, {} to check {place}", plan.name, plan.to_run().count()));
    if let Some(via) = &plan.about.via {
        let programs = if via.tools.is_empty() { "none that checks use".to_owned() } else { via.tools.join(", ") };
        out.json(&json!({ "kind": "from-gateway", "link": via.link, "name": via.name, "tools": via.tools }));
        out.text(format!("  Programs of the gateway: {programs}"));
    }
    for change in &plan.about.overrides {
        out.text(format!("  Override in force: {change}"));
    }
    if plan.about.has_consent {
        for line in controls::lines() {
            out.text(format!("  Asked beside the rows: {line}"));
        }
    }
    for row in &plan.rows {
        let hosts: Vec<String> = row.targets.iter().map(target).collect();
        let probes: Vec<&str> = row
            .subject
            .endpoint()
            .map_or_else(Vec::new, |endpoint| endpoint.probes.iter().map(|probe| probe.as_str()).collect());
        out.json(&json!({
            "kind": "planned",
            "id": row.id,
            "targets": hosts,
            "probes": probes,
            "level": row.subject.level(),
            "is_checked": row.outlook == Outlook::Run,
        }));
        if row.outlook == Outlook::Run {
            out.text(format!("  {:<8} {}", row.id, explain::subject(row)));
        }
    }
    out.text("");
}

fn target(target: &crate::check::plan::Target) -> String {
    match target.port {
        0 => target.host.clone(),
        port if target.host.contains(':') => format!("[{}]:{port}", target.host),
        port => format!("{}:{port}", target.host),
    }
}

pub(super) fn print_row(
    plan: &Plan,
    judged: &Judged,
    observations: &[Observation],
    row: &RowVerdict,
    out: &mut Output,
) {
    out.json(&json!({
        "kind": "row",
        "id": row.row,
        "state": row.state,
        "reason": row.reason,
        "step": row.step,
        "confidence": row.confidence,
        "because": row.because,
        "sampled": row.sampled.map(|(good, tried)| json!({ "good": good, "tried": tried })),
        "about": row.about,
        "evidence": row.facts,
        "notes": row.notes,
    }));
    if out.is_json() {
        return;
    }
    let text = explain::row(plan, judged, observations, row);
    let about = plan.row(&row.row).map(explain::subject).unwrap_or_default();
    out.text(format!("{:<15} {:<8} {about}", text.state, row.row));
    if !matches!(row.state, RowState::Pass | RowState::Advice) {
        out.text(format!("{INDENT}{}", text.what));
    }
    print_rest(&text, out);
}

/// What follows the first sentence of a row or finding.
pub(super) fn print_rest(text: &explain::Text, out: &mut Output) {
    if !text.causes.is_empty() {
        out.text(format!("{INDENT}Possible causes: {}", text.causes.join("; ")));
    }
    if !text.ruled_out.is_empty() {
        out.text(format!("{INDENT}Ruled out: {}", text.ruled_out.join("; ")));
    }
    if !text.next.is_empty() {
        out.text(format!("{INDENT}Next: {}", text.next));
    }
    for note in &text.notes {
        out.text(format!("{INDENT}Note: {note}"));
    }
}

fn print_finding(plan: &Plan, judged: &Judged, observations: &[Observation], finding: &Finding, out: &mut Output) {
    out.json(&json!({
        "kind": "finding",
        "reason": finding.reason,
        "confidence": finding.confidence,
        "rows": finding.rows,
        "about": finding.about,
        "evidence": finding.facts,
    }));
    if !out.is_json() && !explain::is_said_by_its_row(judged, finding) {
        let text = explain::finding(plan, judged, observations, finding);
        out.text(format!("{:<15} {}: {}", text.state, text.title, text.what));
        print_rest(&text, out);
    }
}

/// One observation as a line, as it stands in the evidence.
fn print_observation(observation: &Observation, out: &mut Output) {
    let mut object = json!({ "kind": "observation" });
    if let (Some(line), Ok(Value::Object(fields))) = (object.as_object_mut(), serde_json::to_value(observation)) {
        line.extend(fields);
    }
    out.json(&object);
}

/// How many rows stand how.
struct Count {
    states: BTreeMap<RowState, u32>,
    required_failed: usize,
    /// Whether nothing can be said of what the vendor requires.
    is_open: bool,
}

impl Count {
    fn of(plan: &Plan, judged: &Judged) -> Self {
        let required = judged.required(plan);
        let mut states = BTreeMap::new();
        for row in &judged.rows {
            *states.entry(row.state).or_default() += 1;
        }
        Self { states, required_failed: required.failed.len(), is_open: required.is_open() }
    }

    fn json(&self, is_cancelled: bool) -> Value {
        let states: serde_json::Map<String, Value> =
            self.states.iter().map(|(state, count)| (state.to_string(), (*count).into())).collect();
        json!({ "kind": "summary", "states": states, "required_failed": self.required_failed, "is_complete": !is_cancelled })
    }

    fn words(&self) -> String {
        let state = |(state, count): (&RowState, &u32)| format!("{}: {count}", texts::state(*state));
        self.states.iter().map(state).collect::<Vec<_>>().join(", ")
    }

    /// Advised rows never change it.
    const fn exit(&self, is_cancelled: bool) -> Exit {
        if is_cancelled || self.is_open {
            Exit::Unknown
        } else if self.required_failed > 0 {
            Exit::Findings
        } else {
            Exit::Good
        }
    }
}
