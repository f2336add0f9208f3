//! The tour of the simulated site in the terminal: discover, commission, records. It passes only if all of it held.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;

use super::commission::{STOPPED, stopped, wait_for_start};
use super::next_job;
use super::output::{Exit, Output};
use super::session::{Ended, Session, Todo, print_outcome, workers_gone};
use crate::backend::Handle;
use crate::model::access::Access;
use crate::model::credentials::WifiDraft;
use crate::model::gateway::{Probe, Sighting};
use crate::model::ids::{DriverId, LinkAddress};
use crate::model::outcome::Verdict;
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::model::wifi::{Network, Signal, WifiRules};
use crate::msg::{Command, DemoSite, Event, JobEnd, Request};
use crate::profile::Catalog;

/// How long the simulated gateways may take to be found.
const FIND_LIMIT: Duration = Duration::from_secs(10);
/// How long no further one must turn up.
const QUIET: Duration = Duration::from_millis(1500);
/// How long all of them may take to answer; a mute one takes twelve seconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Tours the site.
pub fn tour(handle: &mut Handle, out: &mut Output) -> Exit {
    match walk(handle, out) {
        Ok(failed) if failed.is_empty() => {
            out.json(&json!({ "kind": "summary", "ok": true, "failed": failed }));
            out.text("\nThe tour held: every gateway was found, asked and commissioned as expected, and all of it is on record.");
            Exit::Good
        }
        Ok(failed) => {
            out.json(&json!({ "kind": "summary", "ok": false, "failed": failed }));
            out.text(format!("\nThe tour did not hold: {}", failed.join("; ")));
            Exit::Findings
        }
        Err(problem) => {
            out.problem(&problem);
            if problem.code == STOPPED { Exit::Unknown } else { Exit::CouldNotRun }
        }
    }
}

/// The stops of the tour; returns what did not hold.
fn walk(handle: &mut Handle, out: &mut Output) -> Result<Vec<String>, Problem> {
    let startup = wait_for_start(handle)?;
    let site = startup.demo.clone().ok_or_else(workers_gone)?;
    let mut failed = Vec::new();
    out.text("This is a simulated site: no real gateway is touched.\n\nDiscover");
    let found = find(handle)?;
    let asked = ask(handle, found)?;
    for sighting in asked.values() {
        print_found(sighting, out);
    }
    let answering: Vec<_> = asked.values().filter(|sighting| matches!(sighting.probe, Probe::Answered(_))).collect();
    if answering.len() < 3 || answering.len() == asked.len() {
        failed.push(format!("{} of {} gateways answered; all but the mute one should", answering.len(), asked.len()));
    }
    let mut expected = Vec::new();
    for (number, sighting) in answering.into_iter().enumerate() {
        out.text(format!("\nCommission {}", sighting.link));
        let ended = commission(handle, &startup.catalog, sighting, &site, number == 0, out)?;
        failed.extend(judge(sighting, &ended, number == 0, &site));
        expected.extend(ended.outcomes.last().map(|outcome| outcome.verdict.as_str()));
    }
    out.text("\nRecords");
    failed.extend(check_records(handle, &expected, out)?);
    Ok(failed)
}

fn find(handle: &mut Handle) -> Result<BTreeMap<LinkAddress, Sighting>, Problem> {
    handle.try_send(Command::StartDiscovery { radio: false })?;
    let mut found = BTreeMap::new();
    let mut until = Instant::now() + FIND_LIMIT;
    while let Some(event) = handle.recv_until(until) {
        match event {
            Event::GatewaySeen(sighting) if sighting.facts.is_simulated => {
                found.insert(sighting.link.clone(), *sighting);
                until = Instant::now() + QUIET;
            }
            Event::Trouble(problem) => return Err(problem),
            _ => {}
        }
    }
    Ok(found)
}

fn ask(
    handle: &mut Handle,
    mut found: BTreeMap<LinkAddress, Sighting>,
) -> Result<BTreeMap<LinkAddress, Sighting>, Problem> {
    for link in found.keys() {
        handle.try_send(Command::Probe { job: next_job(), link: link.clone() })?;
    }
    let mut open = found.len();
    let until = Instant::now() + ANSWER_LIMIT;
    while open > 0 {
        match handle.recv_until(until) {
            Some(Event::Probed { link, probe, .. }) => {
                open -= 1;
                if let Some(sighting) = found.get_mut(&link) {
                    sighting.probe = probe;
                }
            }
            Some(_) => {}
            None => break,
        }
    }
    Ok(found)
}

fn print_found(sighting: &Sighting, out: &mut Output) {
    let answer = match &sighting.probe {
        Probe::Answered(identity) => {
            let name = identity.info.as_ref().map_or("no name", |info| info.name.as_str());
            format!("{name}: {}", identity.state.title())
        }
        Probe::Failed(problem) => problem.what.clone(),
        Probe::NotAsked | Probe::Asking => "no answer in time".into(),
    };
    let profile = sighting.profile.as_ref().map(|profile| profile.profile.as_str());
    out.json(&json!({ "kind": "found", "link": sighting.link.to_string(), "profile": profile, "answer": answer }));
    out.text(format!("  {:<22} {:<18} {answer}", sighting.link.to_string(), profile.unwrap_or("unknown")));
}

/// Commissions one gateway; with `is_first` a wrong passphrase is tried before the right one.
fn commission(
    handle: &mut Handle,
    catalog: &Catalog,
    sighting: &Sighting,
    site: &DemoSite,
    is_first: bool,
    out: &mut Output,
) -> Result<Ended, Problem> {
    let profile = sighting.profile.as_ref().map(|profile| profile.profile.clone());
    let rules = profile.as_ref().and_then(|id| catalog.get(id)).and_then(|profile| profile.wifi.clone());
    let mut todo = vec![Todo::Ask(Request::ScanNetworks)];
    if is_first {
        todo.push(Todo::Push(Box::new(draft(site, "not the passphrase"))));
    }
    todo.push(Todo::Push(Box::new(draft(site, &site.passphrase))));
    let (job, link) = (next_job(), sighting.link.clone());
    handle.try_send(Command::OpenSession {
        job,
        link,
        profile,
        driver: DriverId::Improv,
        access: Access::default(),
    })?;
    let ended = Session::new(job, rules.unwrap_or_else(WifiRules::standard), todo).run(handle, out);
    ended.outcomes.iter().for_each(|outcome| print_outcome(outcome, out));
    if ended.end == JobEnd::Cancelled { Err(stopped()) } else { Ok(ended) }
}

fn draft(site: &DemoSite, passphrase: &str) -> WifiDraft {
    WifiDraft { ssid: site.ssid.clone(), passphrase: Secret::new(passphrase.to_owned()), ..WifiDraft::default() }
}

/// What did not hold for one gateway: it must join unless it hears the network too weakly.
fn judge(sighting: &Sighting, ended: &Ended, is_first: bool, site: &DemoSite) -> Option<String> {
    let is_too_weak = |network: &Network| {
        network.ssid.as_text() == Some(&site.ssid)
            && network.rssi_dbm.is_some_and(|dbm| Signal::from_dbm(dbm) == Signal::TooWeak)
    };
    let last = if ended.seen.iter().flatten().any(is_too_weak) { Verdict::Refused } else { Verdict::Joined };
    let mut expected = vec![last];
    if is_first {
        expected.insert(0, Verdict::Refused);
    }
    let verdicts: Vec<Verdict> = ended.outcomes.iter().map(|outcome| outcome.verdict).collect();
    (verdicts != expected).then(|| format!("{} ended {verdicts:?} instead of {expected:?}", sighting.link))
}

/// What did not hold in the records: the newest jobs must be those of this tour, with their outcomes.
fn check_records(handle: &mut Handle, expected: &[&str], out: &mut Output) -> Result<Option<String>, Problem> {
    handle.try_send(Command::ListRecords { limit: expected.len() })?;
    let jobs = loop {
        match handle.recv_blocking() {
            Some(Event::RecordsListed(jobs)) => break jobs?,
            Some(_) => {}
            None => return Err(workers_gone()),
        }
    };
    for job in &jobs {
        out.json(&json!({ "kind": "job", "id": job.id, "gateway": job.intent.gateway, "outcome": job.outcome }));
        out.text(format!("  {:>4}  {:<10} {}", job.id.0, job.outcome, job.intent.gateway));
    }
    let recorded: Vec<&str> = jobs.iter().rev().map(|job| job.outcome.as_str()).collect();
    Ok((recorded != expected).then(|| format!("the records say {recorded:?} instead of {expected:?}")))
}
