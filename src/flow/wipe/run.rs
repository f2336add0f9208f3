//! A wipe from its first look to its last.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use super::ear::{Beside, Ear, run_beside};
use super::{Done, Place, Removal, Restart, Setup, Wiper};
use crate::flow::commission::stopped;
use crate::flow::device::DeviceError;
use crate::flow::driver::CLOSE_LIMIT;
use crate::flow::drivers::{self, Opening};
use crate::flow::error::SessionError;
use crate::flow::port::RecordsError;
use crate::flow::report::Report;
use crate::model::problem::{Explain as _, Problem};
use crate::model::record::{Phase, RecordId, StepEntry};
use crate::model::wipe::{
    Actor, Assessment, Claim, EvidenceFile, Guard, Look, Mark, Plan, PlanStep, StepState, StoreState, Told, Trail,
    WIFI, When, WipeReport, compare, judge,
};
use crate::msg::wipe::WipeEvent;
use crate::msg::{JobEnd, Step};

/// How long a gateway may take after a restart to join a network that it still has.
const JOIN_TIME: Duration = Duration::from_secs(20);
/// How long one question or one removal may take.
pub(super) const ACT_LIMIT: Duration = Duration::from_mins(3);
/// How long a gateway may take to be back after a restart.
const BACK_LIMIT: Duration = Duration::from_mins(6);
/// How long to wait before a gateway that restarts is tried again.
const PAUSE: Duration = Duration::from_secs(4);
/// How long all of it may take.
const WHOLE_LIMIT: Duration = Duration::from_hours(2);
/// After so many failures in a row a gateway has to say again that it is there: one that fell silent isn't waited for at each
/// place anew.
const MOST_FAILURES: u32 = 2;

/// Takes a gateway out of service as far as it can be, and says what may be claimed.
pub async fn run(setup: Setup, mut stop: watch::Receiver<bool>) -> JobEnd {
    let Some(plan) = setup.profile.removal(setup.driver) else {
        return JobEnd::Failed(no_plan(&setup.profile.name));
    };
    if let Some(problem) = refused_before(&plan, &setup) {
        return JobEnd::Failed(problem);
    }
    let record = match setup.records.begin(setup.intent.clone()).await {
        Ok(record) => record,
        Err(error) => return JobEnd::Failed(error.explain()),
    };
    let trail = plan.trail();
    let (started, told) = (Instant::now(), Told::default());
    let (beside, listeners) = mpsc::channel(2);
    let mut job = Job {
        setup,
        plan,
        trail,
        record,
        started,
        told,
        opened: false,
        restarted: None,
        failures: 0,
        ear: None,
        beside,
    };
    let mut place = None;
    let end = tokio::select! {
        biased;
        () = stopped(&mut stop) => None,
        end = timeout(WHOLE_LIMIT, job.drive(&mut place)) => Some(end.unwrap_or(Err(Broken::Later))),
        () = run_beside(listeners) => None,
    };
    job.trail.is_cut |= !matches!(end, Some(Ok(())));
    // The outcome first: who closes the program doesn't wait for a gateway that is slow to say goodbye.
    let ended = job.conclude(end).await;
    if let Some(mut wiper) = place {
        // One that cannot end its conversation in time loses its link with the value.
        let _ = timeout(CLOSE_LIMIT, wiper.close()).await;
    }
    ended
}

fn no_plan(profile: &str) -> Problem {
    Problem::new(
        "wipe.no_plan",
        format!("The profile {profile} doesn't say how a gateway is wiped"),
        "It has no [wipe] table",
        "Use another profile, or add a [wipe] table to one of your own",
    )
}

/// What speaks against beginning at all, before any link is opened.
fn refused_before(plan: &Plan, setup: &Setup) -> Option<Problem> {
    let named = setup.attested.iter().map(|(id, _)| id).chain(&setup.without);
    let known: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    for id in named {
        let problem = match plan.position(id) {
            None => "isn't a step of the profile's plan",
            Some(at) if plan.steps[at].actor == Actor::Driver => "is done by Linesman itself",
            Some(_) => continue,
        };
        return Some(Problem::new(
            "wipe.no_such_step",
            format!("{id} {problem}"),
            "The step is mistyped, or belongs to another profile",
            format!("The steps are {}", known.join(", ")),
        ));
    }
    if let Some((id, _)) = setup.evidence.iter().find(|(id, _)| !setup.attested.iter().any(|(step, _)| step == id)) {
        return Some(Problem::new(
            "wipe.evidence_alone",
            format!("A file is named for {id}, and nothing was said of that step"),
            "A file shows what somebody attests",
            "Attest the step as well, with what was seen",
        ));
    }
    let is_settled =
        |id: &str| setup.attested.iter().any(|(step, _)| step == id) || setup.without.iter().any(|step| step == id);
    let open: Vec<&PlanStep> = plan.cloud_first(is_settled).collect();
    let first = open.first()?;
    Some(Problem::new(
        "wipe.cloud_first",
        format!("Do this first: {}", first.does),
        "A gateway that is wiped first stays enrolled, and its credentials stay valid",
        format!("Then attest the step {} with what you saw, or leave it out knowingly", first.id),
    ))
}

/// Why it went no further.
pub(super) enum Broken {
    /// The link could not be opened, or broke before the gateway was identified: nothing was done.
    Before(DeviceError),
    /// The link broke later.
    Later,
    /// The records cannot be written.
    Records(RecordsError),
}

impl From<RecordsError> for Broken {
    fn from(error: RecordsError) -> Self {
        Self::Records(error)
    }
}

pub(super) struct Job {
    pub(super) setup: Setup,
    pub(super) plan: Plan,
    pub(super) trail: Trail,
    record: RecordId,
    started: Instant,
    pub(super) told: Told,
    /// Whether the gateway was identified.
    opened: bool,
    /// When it answered again after its last restart.
    restarted: Option<Instant>,
    /// Failures in a row.
    failures: u32,
    /// Who listens at the broker meanwhile; or why nobody can.
    pub(super) ear: Option<Result<Ear, String>>,
    /// Where those who listen are run.
    pub(super) beside: Beside,
}

impl Job {
    /// Judges what was done, and puts it on record before it is claimed to anybody.
    async fn conclude(&mut self, end: Option<Result<(), Broken>>) -> JobEnd {
        let records = Arc::clone(&self.setup.records);
        if let (false, Some(Err(Broken::Before(error)))) = (self.opened, &end) {
            let problem = error.explain();
            let ended = records.end(self.record, "failed", problem.code.to_owned(), problem.what.clone()).await;
            return JobEnd::Failed(ended.err().map_or(problem, |error| error.explain()));
        }
        let assessment = judge(&self.plan, &self.trail);
        let (outcome, summary) = (assessment.outcome.as_str(), assessment.summary.clone());
        // What a paper says later is what was claimed now.
        let claims = json!({ "claims": assessment.claims, "left": assessment.remedies });
        let kept = self.write("claims", Phase::Outcome, outcome, claims).await;
        // The record gets its end all the same: room is kept for that.
        let ended = records.end(self.record, outcome, format!("wipe.{outcome}"), summary.clone()).await;
        let ended = kept.and(ended);
        if ended.is_ok() {
            // What is not on record is claimed to nobody.
            self.tell(WipeEvent::Assessed(Box::new(self.report(assessment)))).await;
        }
        match (ended, end) {
            (Err(error), _) | (Ok(()), Some(Err(Broken::Records(error)))) => JobEnd::Failed(error.explain()),
            (Ok(()), None) => JobEnd::Cancelled,
            (Ok(()), Some(_)) => JobEnd::Done { note: summary },
        }
    }

    async fn drive(&mut self, place: &mut Option<Box<dyn Wiper>>) -> Result<(), Broken> {
        self.tell(WipeEvent::Planned(Box::new(self.plan.clone()))).await;
        self.identify(place).await?;
        if self.trail.guard != Guard::Passed {
            return Ok(());
        }
        self.ask_online(place).await?;
        self.attest().await?;
        self.remember();
        self.open_ear().await;
        self.look(place, When::Before).await?;
        self.remove(place).await?;
        if !self.has_changed() {
            // Nothing was removed, by nobody: a restart would only disturb.
            return self.look_at_broker().await;
        }
        self.restart(place).await?;
        self.look(place, When::After(self.trail.restarts)).await?;
        self.look_at_broker().await?;
        self.watch(place).await
    }

    /// Whether anything may have been removed since the look before.
    fn has_changed(&self) -> bool {
        let is_removal = |(step, marks): (&PlanStep, &Vec<Mark>)| step.claim != Claim::Useless && !marks.is_empty();
        self.plan.steps.iter().zip(&self.trail.steps).any(is_removal)
    }

    async fn identify(&mut self, place: &mut Option<Box<dyn Wiper>>) -> Result<(), Broken> {
        let link = self.setup.link.to_string();
        self.write("identity", Phase::Intent, "", json!({ "link": link, "driver": self.setup.driver })).await?;
        let told = match self.open(place).await {
            Ok(told) => told,
            Err(error) => {
                self.write("identity", Phase::Outcome, "failed", json!(error.explain())).await?;
                return Err(Broken::Before(error));
            }
        };
        self.write("identity", Phase::Outcome, "done", json!(told)).await?;
        self.opened = true;
        self.told = told.clone();
        self.trail.guard = compare(&self.setup.confirmed, &told, self.setup.known.as_ref());
        if let Some(wiper) = place {
            let protection = wiper.protection();
            self.tell(WipeEvent::Identified { told: Box::new(told), protection }).await;
        }
        Ok(())
    }

    /// Opens the link and asks which gateway it is.
    pub(super) async fn open(&self, place: &mut Option<Box<dyn Wiper>>) -> Result<Told, DeviceError> {
        let Setup { ref link, driver, .. } = self.setup;
        let unit = drivers::unit(driver, link.kind())?;
        let limits = (unit.limits)(link.kind());
        self.tell(WipeEvent::Busy { what: "Connect".into(), limit: limits.connect + limits.question }).await;
        self.open_quietly(place).await
    }

    /// As [`Job::open`], and tells nobody.
    pub(super) async fn open_quietly(&self, place: &mut Option<Box<dyn Wiper>>) -> Result<Told, DeviceError> {
        let Setup { ref link, driver, .. } = self.setup;
        let unit = drivers::unit(driver, link.kind())?;
        let limits = (unit.limits)(link.kind());
        let limit = limits.connect + limits.question;
        let opening = Opening {
            link: link.clone(),
            links: Arc::clone(&self.setup.links),
            access: self.setup.access.clone(),
            settings: self.setup.settings.clone(),
            report: Report::to_nobody(),
            transcript: self.setup.transcript.clone(),
        };
        let work = async {
            let wiper = place.insert((unit.wipe)(&opening).await?);
            wiper.identity().await
        };
        let too_slow = |_| Err(SessionError::TooSlow { step: Step::Connect, limit, is_over: true }.into());
        timeout(limit, work).await.unwrap_or_else(too_slow)
    }

    async fn ask_online(&mut self, place: &mut Option<Box<dyn Wiper>>) -> Result<(), Broken> {
        let (true, Some(wiper)) = (self.plan.needs_online(), place.as_mut()) else { return Ok(()) };
        tell(&self.setup, self.started, busy("Ask whether it is online")).await;
        // One that cannot say leaves it open, and that is told.
        let online = timeout(ACT_LIMIT, wiper.online()).await.ok().and_then(Result::ok).flatten();
        self.trail.online = self.online_when_it_mattered(online);
        self.write("online", Phase::Outcome, "done", json!({ "online": online })).await?;
        self.tell(WipeEvent::Online(self.trail.online)).await;
        Ok(())
    }

    /// A gateway that was seen online and then unpaired may have lost its network with it.
    fn online_when_it_mattered(&self, now: Option<bool>) -> Option<bool> {
        let Setup { earlier, attested, .. } = &self.setup;
        let is_attested = |step: &PlanStep| step.needs_online && attested.iter().any(|(id, _)| *id == step.id);
        let was_online = earlier.online_at.is_some() && self.plan.steps.iter().any(is_attested);
        if was_online { Some(true) } else { now }
    }

    /// What earlier wipes saw stands for a look before.
    fn remember(&mut self) {
        self.trail.proven.clone_from(&self.setup.earlier.proven);
        for (at, store) in self.plan.stores.iter().enumerate() {
            let is_it =
                |(credential, place): &&(String, String)| *credential == store.credential && *place == store.place;
            if self.setup.earlier.seen.iter().any(|seen| is_it(&seen)) {
                let text = "Seen there by an earlier removal".to_owned();
                self.trail.looks.push(Look { store: at, state: StoreState::StillThere, text, when: When::Before });
            }
        }
    }

    /// Takes in what a person carried out.
    async fn attest(&mut self) -> Result<(), Broken> {
        for (id, text) in self.setup.attested.clone() {
            let Some(at) = self.plan.position(&id) else { continue };
            let files: Vec<&EvidenceFile> =
                self.setup.evidence.iter().filter(|(step, _)| *step == id).map(|(_, file)| file).collect();
            let shown = files.iter().map(|file| file.words());
            let whole = std::iter::once(text.clone()).chain(shown).collect::<Vec<_>>().join(". ");
            let detail = json!({ "text": text, "files": files });
            self.write(&id, Phase::Outcome, "attested", detail).await?;
            self.mark(at, StepState::Attested, whole).await;
        }
        Ok(())
    }

    /// Carries out the steps of the driver, in order.
    async fn remove(&mut self, place: &mut Option<Box<dyn Wiper>>) -> Result<(), Broken> {
        let mine: Vec<usize> =
            (0..self.plan.steps.len()).filter(|at| self.plan.steps[*at].actor == Actor::Driver).collect();
        for at in mine {
            for removal in self.removals(at) {
                self.remove_one(place, at, &removal).await?;
            }
        }
        Ok(())
    }

    /// What a step of the driver comes down to.
    fn removals(&self, at: usize) -> Vec<Removal> {
        let step = &self.plan.steps[at];
        let rule = self.setup.profile.wipe.as_ref().and_then(|wipe| wipe.steps.get(at));
        let place = |id: &String| {
            if id == WIFI {
                return Some(Removal::Networks);
            }
            let way = self.setup.profile.place_of(id, self.setup.driver)?.way.clone();
            Some(Removal::Credential { id: id.clone(), way })
        };
        let named = step.removes.iter().filter_map(place);
        let files = rule.into_iter().flat_map(|rule| rule.files.iter().cloned().map(Removal::File));
        let commands = rule.into_iter().flat_map(|rule| rule.commands.iter().cloned().map(Removal::Command));
        named.chain(files).chain(commands).collect()
    }

    async fn remove_one(
        &mut self,
        place: &mut Option<Box<dyn Wiper>>,
        at: usize,
        removal: &Removal,
    ) -> Result<(), Broken> {
        let (id, label) = (self.plan.steps[at].id.clone(), removal.label());
        let Ok(wiper) = self.at_hand(place).await else { return Err(Broken::Later) };
        let Some(wiper) = wiper else { return Ok(()) };
        self.write(&id, Phase::Intent, "", json!({ "act": label })).await?;
        self.mark(at, StepState::Requested, label.clone()).await;
        self.tell(busy(&label)).await;
        let done = timeout(ACT_LIMIT, wiper.remove(removal)).await;
        let (state, text) = match done {
            Ok(Ok(Done { state, text })) => {
                self.failures = 0;
                (state, text)
            }
            Ok(Err(error)) => {
                self.failed(place, error.is_final()).await;
                (StepState::Failed, said(&error.explain()))
            }
            Err(_) => {
                let is_over = !wiper.abandon();
                self.failed(place, is_over).await;
                (StepState::Failed, format!("No answer within {} s", ACT_LIMIT.as_secs()))
            }
        };
        self.write(&id, Phase::Outcome, state.as_str(), json!({ "text": text })).await?;
        self.mark(at, state, text).await;
        Ok(())
    }

    /// Looks at every store that can be reached.
    async fn look(&mut self, place: &mut Option<Box<dyn Wiper>>, when: When) -> Result<(), Broken> {
        for at in 0..self.plan.stores.len() {
            let store = self.plan.stores[at].clone();
            let Some(target) = self.place_of(&store.credential, &store.key).filter(|_| store.is_reachable) else {
                continue;
            };
            match self.at_hand(place).await {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(_) => return if when == When::Before { Ok(()) } else { Err(Broken::Later) },
            }
            tell(&self.setup, self.started, busy(&format!("Look at {}", store.place))).await;
            let (state, text) = match when {
                When::Before => self.look_at(place, &target).await,
                When::After(_) => self.look_until_settled(place, &target).await,
            };
            let detail =
                json!({ "credential": store.credential, "place": store.place, "when": word(when), "text": text });
            self.write("look", Phase::Outcome, state.as_str(), detail).await?;
            let look = Look { store: at, state, text, when };
            self.trail.looks.push(look.clone());
            self.tell(WipeEvent::Looked(look)).await;
        }
        Ok(())
    }

    /// One look at a store.
    async fn look_at(&mut self, place: &mut Option<Box<dyn Wiper>>, target: &Place) -> (StoreState, String) {
        let Some(wiper) = place.as_mut() else { return (StoreState::NotReachable, "The link broke".into()) };
        match timeout(ACT_LIMIT, wiper.look(target)).await {
            Ok(Ok(found)) => {
                self.failures = 0;
                found
            }
            Ok(Err(error)) => {
                self.failed(place, error.is_final()).await;
                (StoreState::NotReachable, said(&error.explain()))
            }
            Err(_) => {
                let is_over = !wiper.abandon();
                self.failed(place, is_over).await;
                (StoreState::NotReachable, format!("No answer within {} s", ACT_LIMIT.as_secs()))
            }
        }
    }

    /// As [`Job::look_at`]. A gateway that tells no more than whether it is connected is without a network while it still joins
    /// its old one: after a restart its word counts once it has stood for as long as joining takes.
    async fn look_until_settled(&mut self, place: &mut Option<Box<dyn Wiper>>, target: &Place) -> (StoreState, String) {
        let mut has_waited = false;
        loop {
            let (state, text) = self.look_at(place, target).await;
            let may_still_join = state == StoreState::SeenEmpty
                && place.as_ref().is_some_and(|wiper| wiper.tells_connection_only())
                && self.restarted.is_some_and(|at| at.elapsed() < JOIN_TIME);
            if may_still_join {
                has_waited = true;
                sleep(PAUSE).await;
                continue;
            }
            return match (state, has_waited) {
                (StoreState::SeenEmpty, true) => {
                    (state, format!("{text}, {} s after its restart", JOIN_TIME.as_secs()))
                }
                _ => (state, text),
            };
        }
    }

    /// Something failed: the link is given up where it is over, or where nothing works any more.
    pub(super) async fn failed(&mut self, place: &mut Option<Box<dyn Wiper>>, is_over: bool) {
        self.failures += 1;
        if !is_over && self.failures < MOST_FAILURES {
            return;
        }
        self.failures = 0;
        if let Some(mut wiper) = place.take().filter(|_| !is_over) {
            let _ = timeout(CLOSE_LIMIT, wiper.close()).await;
        }
    }

    pub(super) fn place_of(&self, credential: &str, key: &str) -> Option<Place> {
        if credential == WIFI {
            return Some(Place::Networks { key: key.to_owned(), look_for: self.setup.look_for.clone() });
        }
        let rule = self.setup.profile.place_of(credential, self.setup.driver)?;
        Some(Place::Credential(rule.way.clone()))
    }

    /// Restarts the gateway as often as a look has to have behind it, as far as the link allows.
    async fn restart(&mut self, place: &mut Option<Box<dyn Wiper>>) -> Result<(), Broken> {
        while self.trail.restarts < self.plan.restarts && self.trail.guard == Guard::Passed {
            let Ok(wiper) = self.at_hand(place).await else { return Err(Broken::Later) };
            let Some(wiper) = wiper else { return Ok(()) };
            self.write("restart", Phase::Intent, "", Value::Null).await?;
            let what = format!("Restart the gateway: up to {} min until it answers", BACK_LIMIT.as_secs() / 60);
            self.tell(WipeEvent::Busy { what, limit: BACK_LIMIT }).await;
            let asked = timeout(ACT_LIMIT, wiper.restart()).await;
            let text = match asked {
                Ok(Ok(Restart::Asked)) => self.come_back(place).await,
                Ok(Ok(Restart::Seen)) => self.come_back(place).await.map(|_| true),
                Ok(Ok(Restart::ByHand(why))) => self.power_by_hand(place, why).await,
                // The link may go with the restart, before the answer is here.
                Ok(Err(error)) if error.is_final() => self.come_back(place).await,
                Ok(Err(error)) => {
                    self.failed(place, false).await;
                    Err(said(&error.explain()))
                }
                Err(_) => {
                    self.failed(place, true).await;
                    Err(format!("No answer within {} s", ACT_LIMIT.as_secs()))
                }
            };
            match text {
                Ok(is_seen) => {
                    self.trail.restarts += 1;
                    self.restarted = Some(Instant::now());
                    self.trail.is_restart_told |= !is_seen;
                    let count = self.trail.restarts;
                    let outcome = if is_seen { "observed" } else { "acknowledged" };
                    self.write("restart", Phase::Outcome, outcome, json!({ "restarts": count })).await?;
                    self.tell(WipeEvent::Restarted(count)).await;
                }
                Err(text) => {
                    self.write("restart", Phase::Outcome, "failed", json!({ "text": text })).await?;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Waits until the gateway answers again and has another start behind it. Whether that was seen: one that tells nothing of
    /// its start, and was never away, may have answered on without a restart.
    async fn come_back(&mut self, place: &mut Option<Box<dyn Wiper>>) -> Result<bool, String> {
        // Dropped without a word: a shell that is told to end would only be in the way of the restart.
        *place = None;
        let before = self.told.start.clone();
        let mut was_away = false;
        let until = Instant::now() + BACK_LIMIT;
        while Instant::now() < until {
            sleep(PAUSE).await;
            let told = match self.open(place).await {
                Ok(told) => told,
                Err(error) => {
                    *place = None;
                    was_away |= error.is_absence();
                    continue;
                }
            };
            if let Some(guard) = told.is_swapped(&self.told) {
                self.trail.guard = guard;
                return Err("another gateway answers".into());
            }
            let tells_another = before.is_some() && told.start != before;
            if before.is_none() || tells_another {
                self.told = told;
                return Ok(tells_another || was_away);
            }
            if let Some(mut wiper) = place.take() {
                let _ = timeout(CLOSE_LIMIT, wiper.close()).await;
            }
        }
        Err(format!("The gateway didn't restart within {} s", BACK_LIMIT.as_secs()))
    }

    /// The gateway, over a link that is opened again if it broke. Nothing where another one answers now: that ends everything.
    async fn at_hand<'a>(
        &mut self,
        place: &'a mut Option<Box<dyn Wiper>>,
    ) -> Result<Option<&'a mut Box<dyn Wiper>>, DeviceError> {
        if place.is_none() {
            let told = self.open(place).await.inspect_err(|_| *place = None)?;
            if let Some(guard) = told.is_swapped(&self.told) {
                self.trail.guard = guard;
            }
        }
        Ok(place.as_mut().filter(|_| self.trail.guard == Guard::Passed))
    }

    async fn mark(&mut self, step: usize, state: StepState, text: String) {
        let mark = Mark { state, text, at: self.started.elapsed() };
        self.trail.steps[step].push(mark.clone());
        self.tell(WipeEvent::Step { step, mark }).await;
    }

    pub(super) async fn tell(&self, event: WipeEvent) {
        tell(&self.setup, self.started, event).await;
    }

    pub(super) async fn write(
        &self,
        step: &str,
        phase: Phase,
        outcome: &str,
        detail: Value,
    ) -> Result<(), RecordsError> {
        self.put(StepEntry { step: step.into(), phase, outcome: outcome.into(), detail }).await
    }

    pub(super) async fn put(&self, entry: StepEntry) -> Result<(), RecordsError> {
        self.setup.records.step(self.record, entry).await
    }

    fn report(&self, assessment: Assessment) -> WipeReport {
        let Setup { link, driver, profile, intent, .. } = &self.setup;
        WipeReport {
            record: self.record,
            link: link.to_string(),
            profile: profile.name.clone(),
            vendor: profile.vendor.clone(),
            driver: *driver,
            told: self.told.clone(),
            medium: self.plan.medium.clone(),
            operator: intent.operator.clone(),
            is_simulated: intent.is_simulated,
            online: self.trail.online,
            restarts: self.trail.restarts,
            watched: self.trail.watched.clone(),
            broker: self.trail.broker.clone(),
            assessment,
        }
    }
}

async fn tell(setup: &Setup, started: Instant, event: WipeEvent) {
    // A front end that has gone does not hear it, and the job goes on.
    let _ = setup.progress.send((started.elapsed(), event)).await;
}

fn busy(what: &str) -> WipeEvent {
    WipeEvent::Busy { what: what.to_owned(), limit: ACT_LIMIT }
}

/// A problem in one sentence.
pub(super) fn said(problem: &Problem) -> String {
    if problem.detail.is_empty() { problem.what.clone() } else { format!("{}: {}", problem.what, problem.detail) }
}

/// When a look was, for the records.
pub(super) fn word(when: When) -> String {
    match when {
        When::Before => "before".into(),
        When::After(restarts) => format!("after {restarts} restarts"),
    }
}
