//! `linesman discover`: what is on the serial ports and in the air, and what the gateways behind the ports say.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::args::DiscoverArgs;
use super::next_job;
use super::output::{Exit, Output};
use super::site;
use crate::backend::Handle;
use crate::model::gateway::{Advertisement, Probe, Sighting};
use crate::model::ids::{LinkAddress, LinkKind};
use crate::model::record::JobRecord;
use crate::model::same::{Seen, Ties};
use crate::model::standing::{Done, Stand, Standing, remembered, stand};
use crate::model::text::visible;
use crate::msg::{Command, Event};
use crate::profile::site::Found;

/// How long the first list of ports may take.
const FIRST_LIST: Duration = Duration::from_millis(1200);

/// How many of the last jobs are looked at for what was done with a gateway before.
const JOBS_LOOKED_AT: usize = 2000;

/// How long Bluetooth is listened to unless a time is named: most devices say something every second.
const LISTENED: u64 = 5;

/// Looks, asks if wanted, and prints each gateway once, as last seen.
pub fn discover(handle: &mut Handle, data_dir: Option<&Path>, args: &DiscoverArgs, out: &mut Output) -> Exit {
    let named = args.site.as_ref();
    let site = match named.map(|named| site::named(data_dir, named, out)).transpose() {
        Ok(site) => site,
        Err(exit) => return exit,
    };
    let mut search = Search {
        is_asking: args.ask,
        wants_ports: args.serial || !args.ble || !args.ports.is_empty(),
        wants_air: args.ble,
        named: args.ports.iter().cloned().collect(),
        ..Search::default()
    };
    if let Err(problem) = begin(handle, args) {
        out.problem(&problem);
        return Exit::CouldNotRun;
    }
    let seconds = args.seconds.unwrap_or(if args.ble { LISTENED } else { 0 });
    let until = Instant::now() + Duration::from_secs(seconds).max(FIRST_LIST);
    while (Instant::now() < until && !search.is_in_vain()) || !search.asked.is_empty() {
        match handle.recv_until(until.max(Instant::now() + Duration::from_millis(50))) {
            Some(Event::Interrupted) => break,
            Some(event) => search.take_in(event, handle, out),
            None => {}
        }
    }
    search.print(out);
    search.tell_unreachable(out);
    let compared = site.map(|site| {
        let found: Vec<Found> = search.seen.values().map(Found::from).collect();
        site::against(&site, &found, out)
    });
    match (search.has_trouble, compared, search.seen.is_empty()) {
        (true, ..) => Exit::CouldNotRun,
        (false, Some(exit), _) => exit,
        (false, None, true) => Exit::Findings,
        (false, None, false) => Exit::Good,
    }
}

fn begin(handle: &Handle, args: &DiscoverArgs) -> Result<(), crate::model::problem::Problem> {
    for link in &args.ports {
        handle.try_send(Command::AddPort(link.clone()))?;
    }
    handle.try_send(Command::ListRecords { limit: JOBS_LOOKED_AT })?;
    handle.try_send(Command::StartDiscovery { radio: args.ble })
}

#[derive(Default)]
struct Search {
    is_asking: bool,
    wants_ports: bool,
    wants_air: bool,
    is_deaf: bool,
    /// The ports named on the command line.
    named: HashSet<LinkAddress>,
    has_trouble: bool,
    asked: HashSet<LinkAddress>,
    done: HashSet<LinkAddress>,
    seen: BTreeMap<LinkAddress, Sighting>,
    /// What was last done with a gateway over each link, from the records.
    pushed: HashMap<LinkAddress, JobRecord>,
}

impl Search {
    fn take_in(&mut self, event: Event, handle: &Handle, out: &mut Output) {
        match event {
            Event::GatewaySeen(sighting) if self.is_wanted(&sighting.link) => {
                let link = sighting.link.clone();
                self.seen.insert(link.clone(), *sighting);
                if self.is_asked(&link) && !self.done.contains(&link) && self.asked.insert(link.clone()) {
                    let probe = Command::Probe { job: next_job(), link: link.clone() };
                    if let Err(problem) = handle.try_send(probe) {
                        out.problem(&problem);
                        self.asked.remove(&link);
                    }
                }
            }
            Event::RecordsListed(Ok(jobs)) => self.note_records(jobs),
            Event::RecordsListed(Err(problem)) => out.problem(&problem),
            Event::GatewayRemoved(link) => drop(self.seen.remove(&link)),
            Event::GatewayGone(link) => {
                if let Some(sighting) = self.seen.get_mut(&link) {
                    sighting.is_present = false;
                }
            }
            Event::Probed { link, .. } => {
                self.asked.remove(&link);
                self.done.insert(link);
            }
            // The workers try again and again; what they meet is said once.
            Event::RadioTrouble(Some(problem)) if !self.is_deaf => {
                out.problem(&problem);
                self.is_deaf = true;
                self.has_trouble = true;
            }
            Event::DiscoveryTrouble(Some(problem)) | Event::Trouble(problem) => {
                out.problem(&problem);
                self.has_trouble = true;
            }
            _ => {}
        }
    }

    /// Keeps the newest push of each link; the list comes newest first.
    fn note_records(&mut self, jobs: Vec<JobRecord>) {
        for job in jobs.into_iter().filter(|job| Done::by(job).is_some()) {
            if let Ok(link) = job.intent.link.parse() {
                self.pushed.entry(link).or_insert(job);
            }
        }
    }

    /// How a gateway stands by what was seen of it, and by the records where it is recognised.
    fn stand(&self, row: &Sighting) -> Stand {
        stand(row, self.pushed.get(&row.link).and_then(|job| remembered(row, job)))
    }

    /// A port that was named and cannot be opened is not found by saying so in a list.
    fn tell_unreachable(&mut self, out: &mut Output) {
        for row in self.named.iter().filter_map(|link| self.seen.get(link)) {
            if let Probe::Failed(problem) = &row.probe
                && stand(row, None).standing == Standing::CannotOpen
            {
                out.problem(problem);
                self.has_trouble = true;
            }
        }
    }

    /// Whether a port is to be asked: whoever names some means these, and nothing is sent to what hangs on the others.
    fn is_asked(&self, link: &LinkAddress) -> bool {
        // The question is put in Improv: a gateway that speaks something else is asked only by name.
        let speaks_it = |row: &Sighting| row.profile.as_ref().is_none_or(|guess| guess.driver.facts().offers.asking);
        let is_meant =
            if self.named.is_empty() { self.seen.get(link).is_some_and(speaks_it) } else { self.named.contains(link) };
        self.is_asking && link.kind() == LinkKind::Serial && is_meant
    }

    /// Whether it was asked for: ports, what is on the air, or both.
    fn is_wanted(&self, link: &LinkAddress) -> bool {
        if link.kind() == LinkKind::Ble { self.wants_air } else { self.wants_ports }
    }

    /// Whether waiting on brings nothing: the air alone was asked for, and the radio does not work.
    const fn is_in_vain(&self) -> bool {
        self.is_deaf && !self.wants_ports
    }

    fn print(&self, out: &mut Output) {
        let mut rows: Vec<&Sighting> = self.seen.values().collect();
        rows.sort_by(|one, other| one.link.cmp(&other.link));
        let ties = Ties::among(rows.iter().map(|row| Seen { link: &row.link, facts: &row.facts, marks: None }));
        for sighting in rows {
            print_sighting(sighting, &self.stand(sighting), self.pushed.get(&sighting.link), &ties, out);
        }
        let has_ports = self.seen.keys().any(|link| link.kind() != LinkKind::Ble);
        let hears = self.seen.keys().any(|link| link.kind() == LinkKind::Ble);
        if self.wants_air && !self.is_deaf && !hears {
            out.text("No Bluetooth device was heard.");
            out.text("See that the gateway has power and no phone is connected to it, move closer, or listen longer with --for.");
        }
        if self.wants_ports && !has_ports {
            out.text("No serial port was found.");
            out.text("Plug the gateway in by USB, or name a path with --port PATH.");
        } else if has_ports && !self.is_asking {
            out.text("Nothing was sent to any port. Add --ask to ask the gateways what they are.");
        }
    }
}

fn print_sighting(sighting: &Sighting, stand: &Stand, pushed: Option<&JobRecord>, ties: &Ties, out: &mut Output) {
    let profile = sighting.profile.as_ref();
    let heard = sighting.heard.as_ref();
    let info = match &sighting.probe {
        Probe::Answered(identity) => identity.info.as_ref(),
        _ => None,
    };
    let (name, driver, answer) = match &sighting.probe {
        Probe::Answered(identity) => (
            identity.info.as_ref().map(|info| info.name.clone()),
            Some(identity.driver),
            identity.state.title().to_owned(),
        ),
        Probe::Failed(problem) => (None, None, format!("{} ({})", problem.what, problem.code)),
        Probe::NotAsked | Probe::Asking => (None, None, "not queried".to_owned()),
    };
    let name = name.or_else(|| heard?.name.as_deref().map(|name| visible(name, 60)));
    let mut line = json!({
        "kind": "gateway",
        "link": sighting.link.to_string(),
        "name": name,
        "profile": profile.map(|profile| profile.profile.as_str()),
        "driver": driver.or(profile.map(|profile| profile.driver)),
        "reason": profile.map(|profile| profile.reason.as_str()),
        "rssi_dbm": heard.and_then(|heard| heard.rssi_dbm),
        "answer": answer,
        "state": stand.standing,
        "last": pushed.map(|job| json!({ "outcome": job.outcome, "at": job.started_at, "record": job.id.0 })),
        "is_present": sighting.is_present,
        "also_over": ties.beside(&sighting.link).map(ToString::to_string).collect::<Vec<_>>(),
        "firmware": info.map(|info| info.firmware.as_str()),
        "firmware_version": info.map(|info| info.firmware_version.as_str()),
    });
    match heard {
        Some(heard) => {
            line["advertisement"] = json!({
                "services": heard.services.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "companies": heard.companies.iter().map(|company| format!("{company:04x}")).collect::<Vec<_>>(),
                "state": heard.state,
                "adapter": heard.adapter,
                "is_simulated": heard.is_simulated,
            });
        }
        None => line["port"] = json!(sighting.facts),
    }
    out.json(&line);
    out.text(sighting.link.to_string());
    if let Some(heard) = heard {
        print_heard(heard, out);
    }
    let facts = &sighting.facts;
    if let (Some(vid), Some(pid)) = (facts.vid, facts.pid) {
        let product = facts.product.as_deref().unwrap_or("no product text");
        let serial = facts.serial_number.as_deref().unwrap_or("none");
        out.text(format!("  usb      {vid:04x}:{pid:04x}, {product}, serial number {serial}"));
    }
    if let Some(profile) = profile {
        out.text(format!("  profile  {}: {}", profile.profile, profile.reason));
    }
    if let Some(name) = name {
        out.text(format!("  name     {name}"));
    }
    out.text(format!("  state    {}: {}", stand.standing.title(), lower_first(&stand.because)));
    if let Some(gateway) = ties.of_link(&sighting.link) {
        let others: Vec<String> = ties.beside(&sighting.link).map(ToString::to_string).collect();
        out.text(format!("  also     {}: {}", others.join(", "), lower_first(gateway.proof.because())));
    }
    if let Some(job) = pushed {
        out.text(format!("  last     {} over this link on {}, record {}", job.outcome, job.started_at, job.id.0));
    }
}

/// A sentence as the end of another.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

fn print_heard(heard: &Advertisement, out: &mut Output) {
    let strength = heard.rssi_dbm.map_or_else(|| "not told".to_owned(), |dbm| format!("{dbm} dBm"));
    out.text(format!("  signal   {strength}, heard by {}", heard.adapter));
    for service in &heard.services {
        out.text(format!("  service  {service}"));
    }
    let companies: Vec<String> = heard.companies.iter().map(|company| format!("{company:04x}")).collect();
    if !companies.is_empty() {
        out.text(format!("  company  {}", companies.join(", ")));
    }
}
