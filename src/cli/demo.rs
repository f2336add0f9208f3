//! The tour of the simulated site in the terminal: discover, commission, removal, records, network check, telemetry. It passes only if all of it held.

mod check;
mod removal;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::json;

use super::commission::{STOPPED, stopped, wait_for_start};
use super::follow::{self, Follower, Following};
use super::lines::print_stats;
use super::next_job;
use super::output::{Exit, Output};
use super::session::{Ended, Session, print_outcome, workers_gone};
use crate::backend::Handle;
use crate::model::access::Access;
use crate::model::agenda::{Agenda, Order};
use crate::model::credentials::WifiDraft;
use crate::model::gateway::{Probe, Sighting};
use crate::model::ids::{DriverId, LinkAddress, LinkKind};
use crate::model::mqtt::connect::ConnectPlan;
use crate::model::mqtt::message::{Qos, Subscription};
use crate::model::mqtt::topic::TopicFilter;
use crate::model::outcome::Verdict;
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::model::text::visible;
use crate::model::wifi::{Network, Signal, WifiRules};
use crate::msg::telemetry::{InspectionSource, InspectionStart, STORE_BYTES, TelemetryEvent};
use crate::msg::{Command, DemoSite, Event, JobEnd, Known};
use crate::profile::{Catalog, Profile};

/// How long the simulated gateways may take to be found.
const FIND_LIMIT: Duration = Duration::from_secs(10);
/// How long no further one must turn up.
const QUIET: Duration = Duration::from_millis(1500);
/// How long all of them may take to answer; a mute one takes twelve seconds.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// How long the gateways in service may take to send.
const TELEMETRY_LIMIT: Duration = Duration::from_secs(15);
/// On how many topics something must come.
const TOPICS: usize = 5;

/// The credential that is brought to a gateway without networks.
const TAKEN: &str = "server-root";

/// Tours the site.
pub fn tour(handle: &mut Handle, out: &mut Output) -> Exit {
    match walk(handle, out) {
        Ok(failed) if failed.is_empty() => {
            out.json(&json!({ "kind": "summary", "ok": true, "failed": failed }));
            out.text("\nTour complete: every gateway was found, queried and set up as expected, all of it is on record, the network check found what is wrong, and no gateway was called removed that was not.");
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
    let mut tour = Tour {
        catalog: &startup.catalog,
        site: &site,
        failed: Vec::new(),
        visited: BTreeSet::new(),
        recorded: Vec::new(),
    };
    out.text(
        "This is a simulated site: no real gateway is touched. What it takes to try it, made up like the site itself:",
    );
    out.text(format!("  network {}, passphrase {}", site.ssid, site.passphrase));
    out.text(format!("  gateways that ask: user {}, password or proof {}", site.access.username, site.access.secret));
    out.text("\nDiscover");
    let found = find(handle)?;
    let hangs_on_a_port =
        |sighting: &Sighting| sighting.link.kind() == LinkKind::Serial && driver_of(sighting).is_some_and(is_asked);
    let (mut asked, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
        found.into_iter().partition(|(_, sighting)| hangs_on_a_port(sighting));
    print_all_found(&others, out);
    // A mute one takes a while: the others are commissioned meanwhile.
    for link in asked.keys() {
        handle.try_send(Command::Probe { job: next_job(), link: link.clone() })?;
    }
    for driver in DriverId::ALL.iter().copied().filter(|driver| !is_asked(*driver)) {
        let Some(sighting) = others.values().find(|sighting| tour.can_visit(sighting, driver)) else {
            tour.failed.push(format!("no gateway with the driver {driver} was found"));
            continue;
        };
        tour.visited.insert(sighting.link.clone());
        let ended = tour.visit(handle, sighting, driver, false, out)?;
        note(&mut asked, ended.probed);
    }
    tour.visit_answering(handle, &mut asked, out)?;
    hear_out(handle, &mut asked);
    tour.visit_answering(handle, &mut asked, out)?;
    let answering = asked.values().filter(|sighting| matches!(sighting.probe, Probe::Answered(_))).count();
    out.text("");
    print_all_found(&asked, out);
    if answering < 3 || answering == asked.len() {
        tour.failed.push(format!("{answering} of {} gateways answered; all but the mute one should", asked.len()));
    }
    out.text("\nRemoval");
    let found: Vec<&Sighting> = others.values().chain(asked.values()).collect();
    for chosen in removal::choose(&startup.catalog, &found) {
        tour.remove(handle, chosen, out)?;
    }
    out.text("\nRecords");
    tour.failed.extend(check_records(handle, &tour.recorded, out)?);
    out.text("\nNetwork check");
    tour.failed.extend(check::visit(handle, &startup.catalog, site.check.as_ref(), out)?);
    out.text("\nTelemetry");
    tour.failed.extend(watch(handle, &site, out)?);
    Ok(tour.failed)
}

fn driver_of(sighting: &Sighting) -> Option<DriverId> {
    sighting.profile.as_ref().map(|guess| guess.driver)
}

/// Whether gateways of the driver are asked who they are before they are visited.
const fn is_asked(driver: DriverId) -> bool {
    driver.facts().offers.asking
}

/// What the tour knows and has seen.
struct Tour<'a> {
    catalog: &'a Catalog,
    site: &'a DemoSite,
    /// What did not hold.
    failed: Vec<String>,
    /// The gateways that were asked and commissioned.
    visited: BTreeSet<LinkAddress>,
    /// How the jobs must be on record.
    recorded: Vec<&'static str>,
}

impl Tour<'_> {
    /// Whether a gateway is one for the driver; one without networks must take the credential that is brought to it.
    fn can_visit(&self, sighting: &Sighting, driver: DriverId) -> bool {
        let profile = sighting.profile.as_ref().and_then(|guess| self.catalog.get(&guess.profile));
        let takes = |profile: &Profile| profile.credentials.iter().any(|credential| credential.id == TAKEN);
        driver_of(sighting) == Some(driver) && (driver.facts().offers.wifi || profile.is_some_and(takes))
    }

    /// Commissions those that answered and were not visited yet.
    fn visit_answering(
        &mut self,
        handle: &mut Handle,
        asked: &mut BTreeMap<LinkAddress, Sighting>,
        out: &mut Output,
    ) -> Result<(), Problem> {
        let answering = asked.values().filter(|sighting| matches!(sighting.probe, Probe::Answered(_)));
        for sighting in answering.cloned().collect::<Vec<_>>() {
            let Some(driver) = driver_of(&sighting) else { continue };
            if self.visited.insert(sighting.link.clone()) {
                let is_first = self.visited.len() == 1;
                let ended = self.visit(handle, &sighting, driver, is_first, out)?;
                note(asked, ended.probed);
            }
        }
        Ok(())
    }

    /// Takes a gateway out of service that was brought into its network before.
    fn remove(&mut self, handle: &mut Handle, chosen: removal::Chosen, out: &mut Output) -> Result<(), Problem> {
        let removal::Chosen { expected, gateway } = chosen;
        let Some(sighting) = gateway else {
            self.failed.push(format!("no gateway was found whose removal ends {expected}"));
            return Ok(());
        };
        if let Some(driver) = driver_of(&sighting).filter(|_| self.visited.insert(sighting.link.clone())) {
            self.visit(handle, &sighting, driver, false, out)?;
        }
        let removed = removal::remove(handle, self.catalog, self.site, &sighting, expected, out)?;
        self.failed.extend(removed.failed);
        self.recorded.push(removed.outcome);
        Ok(())
    }

    fn visit(
        &mut self,
        handle: &mut Handle,
        sighting: &Sighting,
        driver: DriverId,
        is_first: bool,
        out: &mut Output,
    ) -> Result<Ended, Problem> {
        out.text(format!("\nCommission {} with the driver {driver}", sighting.link));
        let ended = self.commission(handle, sighting, driver, is_first, out)?;
        if driver.facts().offers.wifi {
            self.failed.extend(judge(sighting, &ended, is_first, self.site));
            self.recorded.extend(ended.outcomes.last().map(|outcome| outcome.verdict.as_str()));
        } else {
            // The driver has no networks: a root certificate is what it brings.
            let is_taken = ended.taken.iter().any(|(id, _)| id == TAKEN) && matches!(ended.end, JobEnd::Done { .. });
            self.failed.extend((!is_taken).then(|| format!("{} did not take {TAKEN}", sighting.link)));
            self.recorded.push("done");
        }
        Ok(ended)
    }

    /// Commissions one gateway; with `is_first` a wrong passphrase is tried before the right one.
    fn commission(
        &self,
        handle: &mut Handle,
        sighting: &Sighting,
        driver: DriverId,
        is_first: bool,
        out: &mut Output,
    ) -> Result<Ended, Problem> {
        let profile = sighting.profile.as_ref().map(|profile| profile.profile.clone());
        let of_catalog = profile.as_ref().and_then(|id| self.catalog.get(id));
        let rules = of_catalog.and_then(|profile| profile.wifi.clone());
        let todo = Agenda::of(if driver.facts().offers.wifi {
            let wrong = is_first.then(|| draft(self.site, "not the passphrase"));
            let networks = wrong.into_iter().chain([draft(self.site, &self.site.passphrase)]).collect();
            Order { is_scanning: true, networks, ..Order::default() }
        } else {
            let content = Secret::new(b"-----BEGIN CERTIFICATE-----\nsimulated\n-----END CERTIFICATE-----\n".to_vec());
            Order { credentials: vec![(TAKEN.to_owned(), content)], ..Order::default() }
        });
        let access = driver.facts().wanted.map_or_else(Access::default, |_| Access {
            username: Some(self.site.access.username.clone()),
            secret: Some(Secret::new(self.site.access.secret.clone())),
            allows_unprotected: false,
        });
        let (job, link) = (next_job(), sighting.link.clone());
        handle.try_send(Command::OpenSession { job, link, profile, driver, access, known: Known::default() })?;
        let ended = Session::new(job, rules.unwrap_or_else(WifiRules::standard), todo).run(handle, out);
        ended.outcomes.iter().for_each(|outcome| print_outcome(outcome, out));
        if ended.end == JobEnd::Cancelled { Err(stopped("Run the command again")) } else { Ok(ended) }
    }
}

fn find(handle: &mut Handle) -> Result<BTreeMap<LinkAddress, Sighting>, Problem> {
    handle.try_send(Command::StartDiscovery { radio: true })?;
    let mut found = BTreeMap::new();
    let mut until = Instant::now() + FIND_LIMIT;
    while let Some(event) = handle.recv_until(until) {
        match event {
            Event::GatewaySeen(sighting) => {
                let is_ours = sighting.facts.is_simulated;
                // Those on the air are told of again and again.
                let is_new = is_ours && found.insert(sighting.link.clone(), *sighting).is_none();
                until = if is_new { Instant::now() + QUIET } else { until };
            }
            Event::Trouble(problem) => return Err(problem),
            _ => {}
        }
    }
    Ok(found)
}

/// Takes in what gateways answered.
fn note(asked: &mut BTreeMap<LinkAddress, Sighting>, probed: Vec<(LinkAddress, Probe)>) {
    for (link, probe) in probed {
        if let Some(sighting) = asked.get_mut(&link) {
            sighting.probe = probe;
        }
    }
}

/// Waits for the answers that are still to come.
fn hear_out(handle: &mut Handle, asked: &mut BTreeMap<LinkAddress, Sighting>) {
    let until = Instant::now() + ANSWER_LIMIT;
    while asked.values().any(|sighting| matches!(sighting.probe, Probe::NotAsked | Probe::Asking)) {
        match handle.recv_until(until) {
            Some(Event::Probed { link, probe, .. }) => note(asked, vec![(link, probe)]),
            Some(_) => {}
            None => return,
        }
    }
}

/// The name of a gateway that is not asked.
fn display(sighting: &Sighting) -> String {
    let heard = sighting.heard.as_ref().and_then(|heard| heard.name.as_deref());
    let name = heard.or(sighting.facts.product.as_deref());
    name.map_or_else(|| "no name".into(), |name| visible(name, 60))
}

fn print_all_found(found: &BTreeMap<LinkAddress, Sighting>, out: &mut Output) {
    let mut rows: Vec<&Sighting> = found.values().collect();
    rows.sort_by(|one, other| one.link.cmp(&other.link));
    for row in rows {
        print_found(row, out);
    }
}

fn print_found(sighting: &Sighting, out: &mut Output) {
    let answer = match &sighting.probe {
        Probe::Answered(identity) => {
            let name = identity.info.as_ref().map_or("no name", |info| info.name.as_str());
            format!("{name}: {}", identity.state.title())
        }
        Probe::Failed(problem) => problem.what.clone(),
        Probe::NotAsked => display(sighting),
        Probe::Asking => "no answer in time".into(),
    };
    let profile = sighting.profile.as_ref().map(|profile| profile.profile.as_str());
    out.json(&json!({ "kind": "found", "link": sighting.link.to_string(), "profile": profile, "answer": answer }));
    out.text(format!("  {:<22} {:<18} {answer}", sighting.link.to_string(), profile.unwrap_or("unknown")));
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

/// What did not hold of the telemetry: the gateways in service must send on several topics.
fn watch(handle: &mut Handle, site: &DemoSite, out: &mut Output) -> Result<Option<String>, Problem> {
    let Some(url) = site.broker.as_ref().and_then(|url| url.parse().ok()) else {
        return Ok(Some("the site has no broker".into()));
    };
    let mut plan = ConnectPlan::new(url, "linesman-tour");
    plan.subscriptions = vec![Subscription { filter: TopicFilter::everything(), qos: Qos::AtMostOnce }];
    let start = InspectionStart {
        source: InspectionSource::Broker(Box::new(plan)),
        budget_bytes: STORE_BYTES,
        profile: None,
        gateway: None,
        pushed_before: None,
        is_identity_confirmed: false,
        guarded_client_id: None,
        ring: None,
        record: None,
        most: None,
        wants_messages: true,
        is_reconnecting: false,
    };
    let mut following = follow::begin(handle, start)?;
    following.until = Some(Instant::now() + TELEMETRY_LIMIT);
    follow::follow(following, Watched::default(), out)
}

/// What the tour sees of the telemetry.
#[derive(Default)]
struct Watched {
    topics: BTreeSet<Vec<u8>>,
}

impl Follower for Watched {
    type Verdict = Result<Option<String>, Problem>;

    fn take_in(&mut self, event: TelemetryEvent, following: &mut Following<'_>, _out: &mut Output) {
        if let TelemetryEvent::Messages(batch) = event {
            self.topics.extend(batch.iter().map(|arrival| arrival.topic.to_vec()));
            if self.topics.len() >= TOPICS {
                following.close();
            }
        }
    }

    fn conclude(self, ended: follow::Ended, out: &mut Output) -> Self::Verdict {
        if let Some(problem) = ended.problem {
            return Err(problem);
        }
        if !ended.is_over {
            return Err(stopped("Run the command again"));
        }
        print_stats(&ended.stats, &ended.counters, ended.outage, 0, out);
        let seen = self.topics.len();
        Ok((seen < TOPICS).then(|| format!("telemetry came on {seen} topics instead of {TOPICS}")))
    }
}
