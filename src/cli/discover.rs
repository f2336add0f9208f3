//! `linesman discover`: what is on the serial ports, and what the gateways behind them say.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use serde_json::json;

use super::args::DiscoverArgs;
use super::next_job;
use super::output::{Exit, Output};
use crate::backend::Handle;
use crate::model::gateway::{Probe, Sighting};
use crate::model::ids::LinkAddress;
use crate::msg::{Command, Event};

/// How long the first list of ports may take.
const FIRST_LIST: Duration = Duration::from_millis(1200);

/// Looks, asks if wanted, and prints each gateway once, as last seen.
pub fn discover(handle: &mut Handle, args: &DiscoverArgs, out: &mut Output) -> Exit {
    let mut search = Search { is_asking: args.ask, named: args.ports.iter().cloned().collect(), ..Search::default() };
    if let Err(problem) = begin(handle, args) {
        out.problem(&problem);
        return Exit::CouldNotRun;
    }
    let until = Instant::now() + Duration::from_secs(args.seconds).max(FIRST_LIST);
    while Instant::now() < until || !search.asked.is_empty() {
        match handle.recv_until(until.max(Instant::now() + Duration::from_millis(50))) {
            Some(Event::Interrupted) => break,
            Some(event) => search.take_in(event, handle, out),
            None => {}
        }
    }
    search.print(out);
    match (search.has_trouble, search.seen.is_empty()) {
        (true, _) => Exit::CouldNotRun,
        (false, true) => Exit::Findings,
        (false, false) => Exit::Good,
    }
}

fn begin(handle: &Handle, args: &DiscoverArgs) -> Result<(), crate::model::problem::Problem> {
    for link in &args.ports {
        handle.try_send(Command::AddPort(link.clone()))?;
    }
    handle.try_send(Command::StartDiscovery { radio: false })
}

#[derive(Default)]
struct Search {
    is_asking: bool,
    /// The ports named on the command line.
    named: HashSet<LinkAddress>,
    has_trouble: bool,
    asked: HashSet<LinkAddress>,
    done: HashSet<LinkAddress>,
    seen: BTreeMap<LinkAddress, Sighting>,
}

impl Search {
    fn take_in(&mut self, event: Event, handle: &Handle, out: &mut Output) {
        match event {
            Event::GatewaySeen(sighting) => {
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
            Event::GatewayGone(link) => {
                if let Some(sighting) = self.seen.get_mut(&link) {
                    sighting.is_present = false;
                }
            }
            Event::Probed { link, .. } => {
                self.asked.remove(&link);
                self.done.insert(link);
            }
            Event::DiscoveryTrouble(Some(problem)) | Event::Trouble(problem) => {
                out.problem(&problem);
                self.has_trouble = true;
            }
            _ => {}
        }
    }

    /// Whether a port is to be asked: whoever names some means these, and nothing is sent to what hangs on the others.
    fn is_asked(&self, link: &LinkAddress) -> bool {
        self.is_asking && (self.named.is_empty() || self.named.contains(link))
    }

    fn print(&self, out: &mut Output) {
        for sighting in self.seen.values() {
            print_sighting(sighting, out);
        }
        if self.seen.is_empty() {
            out.text("No serial port was found.");
            out.text("Plug the gateway in by USB, or name a path with --port PATH.");
        } else if !self.is_asking {
            out.text("Nothing was sent to any port. Add --ask to ask the gateways what they are.");
        }
    }
}

fn print_sighting(sighting: &Sighting, out: &mut Output) {
    let profile = sighting.profile.as_ref();
    let (name, driver, answer) = match &sighting.probe {
        Probe::Answered(identity) => (
            identity.info.as_ref().map(|info| info.name.clone()),
            Some(identity.driver),
            identity.state.title().to_owned(),
        ),
        Probe::Failed(problem) => (None, None, format!("{} ({})", problem.what, problem.code)),
        Probe::NotAsked | Probe::Asking => (None, None, "not asked".to_owned()),
    };
    out.json(&json!({
        "kind": "gateway",
        "link": sighting.link.to_string(),
        "name": name,
        "profile": profile.map(|profile| profile.profile.as_str()),
        "driver": driver.or(profile.map(|profile| profile.driver)),
        "reason": profile.map(|profile| profile.reason.as_str()),
        "rssi_dbm": null,
        "answer": answer,
        "is_present": sighting.is_present,
        "port": sighting.facts,
    }));
    out.text(sighting.link.to_string());
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
    out.text(format!("  answer   {answer}{}", if sighting.is_present { "" } else { "; went away" }));
}
