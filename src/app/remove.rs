//! The tab Remove as a view model: the plan of the gateway's profile, what a person says of each step, and what may be claimed.
//!
//! While it runs, what is shown is judged by the same function that says the result: nothing is shown as removed that was not
//! seen.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use self::look::BrokerLook;
use super::Desk;
use super::jobs::JobKind;
use crate::certificate::file_name;
use crate::model::access::Access;
use crate::model::act;
use crate::model::card_scan::Scanned;
use crate::model::destination::Destination;
use crate::model::ids::{DriverId, JobId, LinkAddress, ProfileId};
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::model::wifi::parse_ssid;
use crate::model::wipe::{
    Actor, Assessment, Guard, Leftover, Outcome, Plan, Told, Trail, WATCH_MINUTES, WipeReport, judge,
};
use crate::msg::wipe::{CardScan, ScanEvent, WipeEvent, WipeStart};
use crate::msg::{Command, JobEnd};
use crate::papers::Form;

pub mod gateway;
pub mod look;

/// What the user did on the tab.
pub enum RemoveAction {
    /// Had the plan carried out; the serial number was typed.
    Started,
    /// Stops what runs.
    Stopped,
    /// Leaves a step out knowingly, or takes that back.
    LeftOut(String),
    /// Has the retained messages that are listed cleared, or leaves them.
    AnsweredLeftovers {
        /// Whether they are cleared.
        is_cleared: bool,
    },
    /// Takes the connection that Telemetry has for the look at the broker.
    TookConnection,
    /// Saves the certificate to that path.
    SavedCertificate(String),
    /// Searches a card.
    Searched,
}

/// The gateway that would be taken out of service.
pub(super) struct Target {
    pub(super) link: LinkAddress,
    pub(super) profile: Option<ProfileId>,
    pub(super) driver: DriverId,
    pub(super) access: Access,
}

/// The tab.
#[derive(Default)]
pub struct Remove {
    /// The serial number as it is typed.
    pub confirmed: String,
    /// What was seen of steps that a person carries out, by their ids.
    pub attested: BTreeMap<String, String>,
    /// Files that show it, by the same ids.
    pub shown: BTreeMap<String, String>,
    /// Whether somebody stands beside the gateway who takes its power away when asked.
    pub is_attended: bool,
    /// A setting to look for, where the driver has such.
    pub look_for: String,
    /// The look at the broker.
    pub look: BrokerLook,
    /// For how many minutes it is watched afterwards, as it is typed; empty for no watch.
    pub watch: String,
    /// The search of a card.
    pub card: Card,
    without: BTreeSet<String>,
    run: Option<Run>,
    saving: Option<JobId>,
    mistake: Option<Problem>,
}

/// The search of a card.
#[derive(Default)]
pub struct Card {
    /// The device or image.
    pub path: String,
    /// What is looked for.
    pub secret: Secret<String>,
    /// The network it belongs to, where it is a passphrase.
    pub ssid: String,
    job: Option<JobId>,
    at: Option<(u64, Option<u64>)>,
    found: Option<Scanned>,
    problem: Option<Problem>,
}

/// A removal that runs or has ended.
pub struct Run {
    job: JobId,
    plan: Plan,
    trail: Trail,
    /// The serial number that was typed.
    confirmed: String,
    told: Option<Told>,
    busy: Option<String>,
    /// What the broker retains, while it is asked whether that is cleared.
    leftovers: Option<Vec<Leftover>>,
    report: Option<WipeReport>,
    end: Option<JobEnd>,
}

impl Run {
    /// What it works on; nothing once it has ended.
    pub fn busy(&self) -> Option<&str> {
        self.busy.as_deref().filter(|_| self.end.is_none())
    }

    /// Whether it goes on.
    pub const fn is_running(&self) -> bool {
        self.end.is_none()
    }

    /// The messages that the broker retains, while it is asked whether they are cleared.
    pub fn leftovers(&self) -> Option<&[Leftover]> {
        self.leftovers.as_deref().filter(|_| self.is_running())
    }

    /// What the gateway told of itself.
    pub const fn told(&self) -> Option<&Told> {
        self.told.as_ref()
    }

    /// How it ended, with all that a certificate says.
    pub const fn report(&self) -> Option<&WipeReport> {
        self.report.as_ref()
    }

    /// What may be claimed: as it ended, or as far as it is.
    pub fn assessment(&self) -> Assessment {
        self.report.as_ref().map_or_else(|| judge(&self.plan, &self.trail), |report| report.assessment.clone())
    }

    /// Why it could not be carried out.
    pub const fn problem(&self) -> Option<&Problem> {
        match (&self.end, &self.report) {
            (Some(JobEnd::Failed(problem)), _) => Some(problem),
            _ => None,
        }
    }

    fn take_in(&mut self, event: WipeEvent) {
        // Whatever comes next, it isn't asked any more.
        self.leftovers = None;
        match event {
            WipeEvent::Leftovers { leftovers, .. } => {
                self.busy = Some(format!("Waiting for you: {} at the broker", retained(leftovers.len())));
                self.leftovers = Some(leftovers);
            }
            WipeEvent::Planned(plan) => {
                self.trail = plan.trail();
                self.plan = *plan;
            }
            WipeEvent::Busy { what, .. } => self.busy = Some(what),
            WipeEvent::Power(wish) => self.busy = Some(wish.words()),
            WipeEvent::Identified { told, .. } => {
                self.told = Some(*told);
                self.trail.guard = Guard::Passed;
            }
            WipeEvent::Online(online) => self.trail.online = online,
            WipeEvent::Step { step, mark } => {
                if let Some(marks) = self.trail.steps.get_mut(step) {
                    marks.push(mark);
                }
            }
            WipeEvent::Looked(look) => self.trail.looks.push(look),
            WipeEvent::Restarted(restarts) => self.trail.restarts = restarts,
            WipeEvent::Clearing(leftovers) => self.busy = Some(format!("Clear {}", retained(leftovers.len()))),
            WipeEvent::BrokerSeen(seen) => self.trail.broker = Some(*seen),
            WipeEvent::Assessed(report) => {
                // What is left is to close the link.
                (self.report, self.busy) = (Some(*report), None);
            }
        }
    }
}

fn retained(count: usize) -> String {
    if count == 1 { "1 retained message".into() } else { format!("{count} retained messages") }
}

impl Card {
    /// Whether it goes on, and how far it is.
    pub const fn at(&self) -> Option<(u64, Option<u64>)> {
        self.at
    }

    /// Whether it goes on.
    pub const fn is_running(&self) -> bool {
        self.job.is_some()
    }

    /// What was found.
    pub const fn found(&self) -> Option<&Scanned> {
        self.found.as_ref()
    }

    /// Why it could not be searched.
    pub const fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    fn search(&mut self, desk: &mut Desk<'_>) -> Vec<Command> {
        let path = self.path.trim().to_owned();
        let secret = self.secret.expose().as_bytes().to_vec();
        if path.is_empty() || secret.is_empty() || self.job.is_some() {
            return Vec::new();
        }
        let ssid = Some(self.ssid.trim()).filter(|name| !name.is_empty()).and_then(|name| parse_ssid(name).ok());
        let job = desk.jobs.start(JobKind::CardScan, act::title("card-scan"), desk.now);
        (self.job, self.at, self.found, self.problem) = (Some(job), Some((0, None)), None, None);
        let secrets = vec![("the secret".to_owned(), Secret::new(secret))];
        vec![Command::ScanCard { job, scan: Box::new(CardScan { path: path.into(), secrets, ssid }) }]
    }
}

impl Remove {
    /// What runs or has ended.
    pub const fn run(&self) -> Option<&Run> {
        self.run.as_ref()
    }

    /// Why it can't begin as it was set up.
    pub const fn mistake(&self) -> Option<&Problem> {
        self.mistake.as_ref()
    }

    /// Whether a step is left out.
    pub fn is_left_out(&self, step: &str) -> bool {
        self.without.contains(step)
    }

    /// Whether a certificate is being written.
    pub const fn is_saving(&self) -> bool {
        self.saving.is_some()
    }

    /// Whether a removal goes on.
    pub fn is_running(&self) -> bool {
        self.run.as_ref().is_some_and(Run::is_running)
    }

    /// The name that is proposed for a certificate.
    pub fn proposed_name(&self) -> String {
        let report = self.run.as_ref().and_then(Run::report);
        report.map_or_else(|| "decommissioning.html".into(), |report| file_name(report, Form::Html))
    }

    pub(super) fn is_of(&self, job: JobId) -> bool {
        let is_run = self.run.as_ref().is_some_and(|run| run.job == job);
        is_run || self.saving == Some(job) || self.card.job == Some(job)
    }

    pub(super) fn act(&mut self, action: RemoveAction, target: Option<Target>, desk: &mut Desk<'_>) -> Vec<Command> {
        match action {
            RemoveAction::Started => self.start(target, desk),
            RemoveAction::Stopped => {
                let run = self.run.iter().filter(|run| run.is_running()).map(|run| run.job);
                run.chain(self.card.job).map(|job| Command::Cancel { job }).collect()
            }
            RemoveAction::AnsweredLeftovers { is_cleared } => self.answer(is_cleared),
            RemoveAction::LeftOut(step) => {
                if !self.without.remove(&step) {
                    self.without.insert(step);
                }
                Vec::new()
            }
            RemoveAction::SavedCertificate(path) => self.save(&path, desk),
            // Whoever holds both hands the connection over.
            RemoveAction::TookConnection => Vec::new(),
            RemoveAction::Searched => self.card.search(desk),
        }
    }

    fn start(&mut self, target: Option<Target>, desk: &mut Desk<'_>) -> Vec<Command> {
        let Some(Target { link, profile: Some(profile), driver, access }) = target else { return Vec::new() };
        let plan = desk.catalog.get(&profile).and_then(|profile| profile.removal(driver));
        let confirmed = self.confirmed.trim().to_owned();
        // One at a time: what runs is not begun again.
        let (Some(plan), false, false) = (plan, self.is_running(), confirmed.is_empty()) else { return Vec::new() };
        let (broker, watch) = match (self.look.wish(), self.watch()) {
            (Ok(broker), Ok(watch)) => (broker, watch),
            (Err(problem), _) | (_, Err(problem)) => {
                self.mistake = Some(problem);
                return Vec::new();
            }
        };
        self.mistake = None;
        let attests = |step: &&crate::model::wipe::PlanStep| step.actor != Actor::Driver;
        let said = |step: &crate::model::wipe::PlanStep| {
            let text =
                self.attested.get(&step.id).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())?;
            Some((step.id.clone(), text))
        };
        let attested: Vec<_> = plan.steps.iter().filter(attests).filter_map(said).collect();
        let without = self.without.iter().filter(|id| !attested.iter().any(|(step, _)| step == *id)).cloned().collect();
        let look_for = self.look_for.split_whitespace().map(str::to_owned).collect();
        let job = desk.jobs.start(JobKind::Wipe, act::named("wipe", link.place()), desk.now);
        let trail = plan.trail();
        let busy = Some("Connect".to_owned());
        let typed = std::mem::take(&mut self.confirmed);
        self.run = Some(Run {
            job,
            plan,
            trail,
            confirmed: typed,
            told: None,
            busy,
            leftovers: None,
            report: None,
            end: None,
        });
        let file = |(step, _): &(String, String)| {
            let path = self.shown.get(step).map(|path| path.trim()).filter(|path| !path.is_empty())?;
            Some((step.clone(), path.into()))
        };
        let evidence = attested.iter().filter_map(file).collect();
        let start = WipeStart {
            attested,
            without,
            look_for,
            evidence,
            is_attended: self.is_attended,
            watch,
            broker,
            ..WipeStart::new(link, profile, driver, access, confirmed)
        };
        vec![Command::Wipe { job, start: Box::new(start) }]
    }

    /// The number that is listed is what a person saw: no other number is cleared.
    fn answer(&mut self, is_cleared: bool) -> Vec<Command> {
        let Some(run) = self.run.as_mut().filter(|run| run.is_running()) else { return Vec::new() };
        let Some(leftovers) = run.leftovers.take() else { return Vec::new() };
        vec![Command::ClearLeftovers { job: run.job, count: is_cleared.then_some(leftovers.len()) }]
    }

    /// How long to watch afterwards.
    fn watch(&self) -> Result<Option<Duration>, Problem> {
        let typed = self.watch.trim();
        if typed.is_empty() {
            return Ok(None);
        }
        let minutes = typed.parse::<u64>().ok().filter(|minutes| WATCH_MINUTES.contains(minutes));
        minutes.map(|minutes| Some(Duration::from_secs(60 * minutes))).ok_or_else(|| {
            Problem::new(
                "wipe.watch",
                "The gateway can't be watched that long",
                "A watch takes 1 to 60 whole minutes",
                "Type a number from 1 to 60, or clear the field",
            )
        })
    }

    /// Writes the certificate in the form that the ending of its name says.
    fn save(&mut self, path: &str, desk: &mut Desk<'_>) -> Vec<Command> {
        let Some(report) = self.run.as_ref().and_then(Run::report).filter(|_| !self.is_saving()) else {
            return Vec::new();
        };
        match Form::of_path(path) {
            Ok(form) => {
                let job = desk.jobs.start(JobKind::SaveCertificate, "Saving the certificate", desk.now);
                let (report, destination) = (Box::new(report.clone()), Destination::file(path));
                self.saving = Some(job);
                vec![Command::SaveCertificate { job, report, form, destination }]
            }
            Err(problem) => {
                desk.toasts.report(problem);
                Vec::new()
            }
        }
    }

    pub(super) fn progressed(&mut self, job: JobId, event: WipeEvent) {
        if let Some(run) = self.run.as_mut().filter(|run| run.job == job) {
            run.take_in(event);
        }
    }

    pub(super) fn searched(&mut self, event: ScanEvent) {
        match event {
            ScanEvent::At { bytes, total } => self.card.at = Some((bytes, total)),
            ScanEvent::Ended(found) => self.card.found = Some(*found),
        }
    }

    pub(super) fn finished(&mut self, job: JobId, end: JobEnd) {
        if self.saving == Some(job) {
            self.saving = None;
        } else if self.card.job == Some(job) {
            (self.card.job, self.card.at) = (None, None);
            if let JobEnd::Failed(problem) = end {
                self.card.problem = Some(problem);
            }
        } else if let Some(run) = self.run.as_mut().filter(|run| run.job == job) {
            // Nothing came of it: what was typed needn't be typed again.
            let is_refused = run.report.as_ref().is_some_and(|report| report.assessment.outcome == Outcome::Refused);
            if (is_refused || matches!(end, JobEnd::Failed(_))) && self.confirmed.is_empty() {
                self.confirmed.clone_from(&run.confirmed);
            }
            run.end = Some(end);
        }
    }
}

#[cfg(test)]
mod tests;
