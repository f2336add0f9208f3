//! `linesman wipe`: takes one gateway out of service and says what may be claimed of it.

use serde_json::{Value, json};

use super::advice::remedies;
use super::commission::{wait_for_start, write_transcript};
use super::lines::counted;
use super::next_job;
use super::output::{Exit, Output, tagged};
use super::secret_input;
use super::session::workers_gone;
use super::wipe_args::{GatewayWipe, WipeArgs, WipeCommand};
use super::wipe_scan::scan;
use super::wipe_several::wipe_several;
use crate::backend::Handle;
use crate::certificate::is_due;
use crate::model::access::Access;
use crate::model::destination::Destination;
use crate::model::ids::JobId;
use crate::model::problem::Problem;
use crate::model::wipe::{Actor, Assessment, Mark, Outcome, Plan, StepState, StoreState, WIFI, When, WipeReport};
use crate::msg::wipe::{WipeEvent, WipeStart};
use crate::msg::{Command, Event, JobEnd};
use crate::papers::Form;
use crate::profile::Profile;

/// Carries out the profile's plan, or shows it, or searches a card.
pub fn wipe(handle: &mut Handle, args: &WipeArgs, out: &mut Output) -> Exit {
    match &args.command {
        Some(WipeCommand::Scan(args)) => scan(handle, args, out),
        None => match &args.gateway.manifest {
            Some(manifest) => wipe_several(handle, manifest, &args.gateway, out),
            None => wipe_gateway(handle, &args.gateway, out),
        },
    }
}

fn wipe_gateway(handle: &mut Handle, args: &GatewayWipe, out: &mut Output) -> Exit {
    match prepare(handle, args, out) {
        Ok(None) => Exit::Good,
        Ok(Some(start)) => {
            let (job, ended) = follow(handle, start, out);
            write_transcript(handle, job, args.transcript.as_ref(), out);
            let is_written = match (&args.certificate, &ended.report) {
                (Some(destination), Some(report)) => write_certificate(handle, destination, report, out).is_done,
                _ => true,
            };
            match conclude(ended, out) {
                Exit::Good if !is_written => Exit::Findings,
                exit => exit,
            }
        }
        Err((problem, exit)) => {
            out.problem(&problem);
            exit
        }
    }
}

/// Reads what is needed before anything is opened; with `--plan` that is all.
fn prepare(handle: &mut Handle, args: &GatewayWipe, out: &mut Output) -> Result<Option<WipeStart>, (Problem, Exit)> {
    let usage = |problem| (problem, Exit::Usage);
    let catalog = wait_for_start(handle).map_err(|problem| (problem, Exit::CouldNotRun))?.catalog;
    // The parser wants both, but for a search of a card.
    let (Some(via), Some(id)) = (&args.via, &args.profile) else { return Ok(None) };
    let profile = catalog.find(id).map_err(usage)?;
    let driver = args.driver.unwrap_or_else(|| profile.wiping_driver(via.kind()));
    let plan = profile.removal(driver).ok_or_else(|| usage(no_plan(profile)))?;
    if let Some(certificate) = &args.certificate {
        Form::of_path(certificate.path()).map_err(usage)?;
    }
    if args.plan {
        print_plan(&plan, out);
        return Ok(None);
    }
    let secret = args.password_file.as_deref().map(|file| secret_input::read(Some(file))).transpose().map_err(usage)?;
    let access = Access { username: args.username.clone(), secret, allows_unprotected: args.allow_unprotected };
    out.text(format!("Taking {via} out of service with {driver} …"));
    Ok(Some(WipeStart {
        link: via.clone(),
        profile: profile.id.clone(),
        driver,
        access,
        confirmed: args.confirm.clone().unwrap_or_default(),
        attested: args.attested.clone(),
        without: args.without.clone(),
        look_for: args.look_for.clone(),
        evidence: args.evidence.clone(),
        is_attended: args.power_cycles,
        broker: super::wipe_broker::wish(&args.broker).map_err(usage)?,
        watch: args.watch.map(|minutes| std::time::Duration::from_secs(minutes * 60)),
    }))
}

fn no_plan(profile: &Profile) -> Problem {
    Problem::new(
        "wipe.no_plan",
        format!("The profile {} doesn't say how a gateway is wiped", profile.id),
        "It has no [wipe] table",
        "Use another profile, or add a [wipe] table to one of your own",
    )
}

/// Whether a certificate was written, and what was told meanwhile of other jobs.
pub(super) struct Written {
    /// Whether it is there, or none is due.
    pub(super) is_done: bool,
    /// What was told of others.
    pub(super) others: Vec<Event>,
}

/// Writes the certificate; that it could not be written changes nothing of what was done. Where nothing was done there is
/// nothing to certify, and no earlier certificate is replaced.
pub(super) fn write_certificate(
    handle: &mut Handle,
    destination: &Destination,
    report: &WipeReport,
    out: &mut Output,
) -> Written {
    let mut written = Written { is_done: false, others: Vec::new() };
    if !is_due(report) {
        out.note("No certificate was written: nothing was done to the gateway");
        written.is_done = true;
        return written;
    }
    let job = next_job();
    let sent = Form::of_path(destination.path()).and_then(|form| {
        let report = Box::new(report.clone());
        let command = Command::SaveCertificate { job, report, form, destination: destination.clone() };
        handle.try_send(command)
    });
    if let Err(problem) = sent {
        out.warning(&problem);
        return written;
    }
    while let Some(event) = handle.recv_blocking() {
        match event {
            Event::JobFinished { job: of, end } if of == job => {
                match end {
                    JobEnd::Done { note } => {
                        written.is_done = true;
                        out.json(&json!({ "kind": "saved", "path": note }));
                        out.text(format!("Certificate saved: {note}"));
                    }
                    JobEnd::Failed(problem) => out.warning(&problem),
                    JobEnd::Cancelled => out.note("The certificate was not written: somebody interrupted it"),
                }
                break;
            }
            other => written.others.push(other),
        }
    }
    written
}

/// Prints what would be done, in order.
fn print_plan(plan: &Plan, out: &mut Output) {
    for step in &plan.steps {
        out.json(&json!({
            "kind": "wipe-planned", "step": step.id, "does": step.does, "by": step.actor, "claim": step.claim,
            "removes": step.removes, "needs_online": step.needs_online, "evidence": step.evidence,
            "otherwise": step.otherwise, "warning": step.warning,
        }));
    }
    for (number, step) in plan.steps.iter().enumerate() {
        out.text(format!("{}. {}  [{}, by {}]", number + 1, step.does, step.id, by(step.actor)));
        let removes: Vec<&str> = step.removes.iter().map(|id| shown(id)).collect();
        if !removes.is_empty() {
            out.text(format!("     {}: {}", step.claim.title(), removes.join(", ")));
        }
        out.text(format!("     Look for: {}", step.evidence.join("; ")));
        if let Some(warning) = &step.warning {
            out.text(format!("     Before you do it: {warning}"));
        }
    }
    let stores: Vec<Value> = plan.stores.iter().map(|store| {
        json!({ "credential": store.credential, "place": store.place, "assumed": store.is_assumed, "reachable": store.is_reachable })
    }).collect();
    out.json(&json!({
        "kind": "wipe-plan", "steps": plan.steps.len(), "stores": stores, "medium": plan.medium,
        "restarts": plan.restarts, "guidance": plan.guidance,
    }));
    out.text("\nWhere it lies");
    for store in &plan.stores {
        let looks = if store.is_reachable { "looked at" } else { "not reachable over this link" };
        let guess = if store.is_assumed { ", a guess" } else { "" };
        out.text(format!("  {:<24} {} ({looks}{guess})", shown(&store.credential), store.place));
    }
    out.text(format!("\nIf nothing works: {}", plan.guidance));
}

const fn by(actor: Actor) -> &'static str {
    match actor {
        Actor::Driver => "Linesman",
        Actor::VendorTool => "you, with the vendor's tool",
        Actor::Person => "you, by hand",
    }
}

fn shown(credential: &str) -> &str {
    if credential == WIFI { "Wi-Fi passphrase" } else { credential }
}

/// How a wipe ended.
pub(super) struct Ended {
    /// What may be claimed, if it came so far.
    pub(super) report: Option<Box<WipeReport>>,
    /// How the job ended.
    pub(super) end: JobEnd,
}

/// Runs a wipe to its end and prints what it tells.
pub(super) fn follow(handle: &mut Handle, start: WipeStart, out: &mut Output) -> (JobId, Ended) {
    let job = next_job();
    let mut teller = Teller::default();
    if let Err(problem) = handle.try_send(Command::Wipe { job, start: Box::new(start) }) {
        return (job, Ended { report: None, end: JobEnd::Failed(problem) });
    }
    loop {
        let end = match handle.recv_blocking() {
            Some(Event::WipeProgressed { job: of, event, .. }) if of == job => {
                teller.take_in(event, out);
                continue;
            }
            Some(Event::JobFinished { job: of, end }) if of == job => end,
            Some(Event::Trouble(problem)) => {
                out.warning(&problem);
                continue;
            }
            Some(_) => continue,
            None => JobEnd::Failed(workers_gone()),
        };
        return (job, Ended { report: teller.report, end });
    }
}

/// What is told of a removal.
#[derive(Default)]
pub(super) struct Teller {
    plan: Plan,
    /// What may be claimed, once it came so far.
    pub(super) report: Option<Box<WipeReport>>,
}

impl Teller {
    /// Takes in what counts and prints nothing, as among several.
    pub(super) fn note(&mut self, event: WipeEvent) {
        if let WipeEvent::Assessed(report) = event {
            self.report = Some(report);
        }
    }

    fn take_in(&mut self, event: WipeEvent, out: &mut Output) {
        match event {
            WipeEvent::Planned(plan) => self.plan = *plan,
            // What is looked at is told by what was found there.
            WipeEvent::Busy { what, .. } if what.starts_with("Look at") => {}
            WipeEvent::Busy { what, .. } => out.text(format!("… {what}")),
            WipeEvent::Power(wish) => {
                out.json(&json!({
                    "kind": "wipe-power", "ask": wish.ask, "cycle": wish.cycle, "of": wish.of,
                    "limit_secs": wish.limit.as_secs(),
                }));
                out.text(format!("… {}", wish.words()));
            }
            WipeEvent::Identified { told, protection } => {
                let mut line = tagged("wipe-identity", &told);
                line["protection"] = json!(protection);
                out.json(&line);
                let name = told.name.as_deref().unwrap_or("no name");
                let serial = told.serial.as_deref().unwrap_or("no serial number");
                out.text(format!("{name}, {serial}; {}", protection.label()));
            }
            WipeEvent::Online(online) => {
                out.json(&json!({ "kind": "wipe-online", "online": online }));
                out.text(match online {
                    Some(true) => "Online: yes",
                    Some(false) => "Online: no",
                    None => "Online: the gateway doesn't report it",
                });
            }
            WipeEvent::Step { step, mark } => self.step(step, &mark, out),
            WipeEvent::Looked(look) => {
                let Some(store) = self.plan.stores.get(look.store) else { return };
                let restarts = match look.when {
                    When::Before => None,
                    When::After(restarts) => Some(restarts),
                };
                out.json(&json!({
                    "kind": "wipe-look", "credential": store.credential, "place": store.place, "state": look.state,
                    "after_restarts": restarts, "text": look.text,
                }));
                let when = match look.when {
                    When::Before => "before".to_owned(),
                    When::After(0) => "after".to_owned(),
                    When::After(_) => "after the restart".to_owned(),
                };
                if look.state != StoreState::SeenEmpty {
                    let (label, place) = (look.state.label(), &store.place);
                    out.text(format!("{label} {when}: {}, {place}. {}", shown(&store.credential), look.text));
                }
            }
            WipeEvent::Restarted(restarts) => {
                out.json(&json!({ "kind": "wipe-restarted", "restarts": restarts }));
                out.text("The gateway restarted and answers again");
            }
            // Only the window asks: here the number was said beforehand.
            WipeEvent::Leftovers { .. } => {}
            WipeEvent::Clearing(leftovers) => {
                out.text("To be cleared at the broker:");
                for leftover in &leftovers {
                    out.json(&tagged("wipe-clearing", leftover));
                    out.text(format!("  {:<60} {}", leftover.topic, counted(leftover.bytes, "byte")));
                }
            }
            WipeEvent::BrokerSeen(seen) => {
                let mut line = tagged("wipe-broker", &seen);
                line["proof"] = json!(seen.proof());
                out.json(&line);
                seen.words().iter().for_each(|text| out.text(text));
            }
            WipeEvent::Assessed(report) => self.report = Some(report),
        }
    }

    fn step(&self, step: usize, mark: &Mark, out: &mut Output) {
        let Some(step) = self.plan.steps.get(step) else { return };
        let mut line = tagged("wipe-evidence", mark);
        line["step"] = json!(step.id);
        out.json(&line);
        if mark.state != StepState::Requested {
            out.text(format!("{}: {}. {}", step.id, mark.state.label(), mark.text));
        }
    }
}

/// Prints the result, last, and tells the exit code.
fn conclude(ended: Ended, out: &mut Output) -> Exit {
    let Some(report) = ended.report else {
        let problem = match ended.end {
            JobEnd::Failed(problem) => problem,
            JobEnd::Cancelled | JobEnd::Done { .. } => stopped(),
        };
        out.problem(&problem);
        return match problem.code {
            "wipe.stopped" => Exit::Unknown,
            "wipe.no_such_step" | "wipe.evidence_alone" => Exit::Usage,
            "wipe.cloud_first" => Exit::Findings,
            _ => Exit::of(&problem),
        };
    };
    print_result(&report, out);
    match (ended.end, report.assessment.outcome) {
        (JobEnd::Failed(_), _) => Exit::CouldNotRun,
        (_, Outcome::Complete) => Exit::Good,
        (_, Outcome::Incomplete | Outcome::Refused) => Exit::Findings,
        (_, Outcome::Unknown) => Exit::Unknown,
    }
}

fn stopped() -> Problem {
    Problem::new(
        "wipe.stopped",
        "The removal was stopped before its end",
        "Somebody interrupted it",
        "Run it again: what is gone stays gone, and what is left is seen",
    )
}

/// Prints what may be claimed: for people in three parts, for programs on one line.
pub(super) fn print_result(report: &WipeReport, out: &mut Output) {
    let Assessment { outcome, summary, claims, steps, stores, .. } = &report.assessment;
    let remedies = remedies(report);
    let answers: serde_json::Map<String, Value> =
        claims.iter().map(|claimed| (claimed.claim.to_string(), json!(claimed.answer))).collect();
    out.text(format!("\n{}: {summary}\n", outcome.title().to_uppercase()));
    for claimed in claims {
        out.text(format!("{:<26} {}. {}", claimed.claim.title(), claimed.answer.label(), claimed.says));
    }
    out.text("");
    for step in steps {
        out.text(format!("{:<18} {}", step.state.label(), step.does));
    }
    out.text("");
    for store in stores {
        let says = if store.says.is_empty() { String::new() } else { format!(": {}", store.says) };
        out.text(format!(
            "{:<18} {}, {}{says}",
            store.state.label(),
            shown(&store.store.credential),
            store.store.place
        ));
    }
    if let Some(watched) = &report.watched {
        out.text(format!("\n{}", watched.words()));
    }
    if !remedies.is_empty() {
        out.text("\nLeft to be done");
    }
    for remedy in &remedies {
        let step = remedy.step.as_ref().map(|step| format!("  [{step}]")).unwrap_or_default();
        out.text(format!("  {}{step}", remedy.text));
        if let Some(warning) = &remedy.warning {
            out.text(format!("     Before you do it: {warning}"));
        }
    }
    out.json(&json!({
        "kind": "outcome", "outcome": outcome, "summary": summary, "claims": answers, "because": claims, "steps": steps,
        "stores": stores, "remedies": remedies, "online": report.online, "restarts": report.restarts, "watched": report.watched,
        "record": report.record, "driver": report.driver, "serial": report.told.serial, "name": report.told.name,
    }));
}
