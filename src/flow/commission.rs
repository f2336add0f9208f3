//! A commissioning session with one gateway: connect, describe, then whatever the operator asks, to an orderly end.
//!
//! Every act is on record before it happens and its outcome after it; if the records cannot be written, nothing is sent.
//! A push ends as joined, refused or unknown. After a refusal the session stays open for another attempt. Stopping a
//! session drops the link between two packets, never inside one, so the device stays usable.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::conclude::{End, Facts, asked_again, before_the_push, conclude, evidence_of};
use super::driver::{CLOSE_LIMIT, Driver, Followed, Limits, Name, Scan};
use super::drivers::{self, Opening, open_and_greet};
use super::error::SessionError;
use super::look;
use super::port::{Links, Records, Sight};
use super::report::Report;
use super::step;
use super::transcript::SharedTranscript;
use crate::model::access::Access;
use crate::model::credentials::WifiCredentials;
use crate::model::drivers::USUAL_BAUD;
use crate::model::gateway::{DeviceInfo, Protection, ProvisioningState};
use crate::model::ids::{DriverId, LinkAddress};
use crate::model::outcome::{Evidence, EvidenceKind, Outcome, Verdict};
use crate::model::problem::{Explain as _, Problem};
use crate::model::record::{JobIntent, Phase, RecordId, StepEntry};
use crate::model::secret::Secret;
use crate::model::verdict::{Asked, Before, Ground, Look, Observation, Seen, Station, rule};
use crate::model::wifi::{Network, WifiRules};
use crate::msg::{JobEnd, Progress, Request, Step};
use crate::profile::{CredentialRule, DriverSettings};

/// What a session needs to begin.
pub struct Setup {
    /// The gateway's link.
    pub link: LinkAddress,
    /// The driver to speak.
    pub driver: DriverId,
    /// What lets us in.
    pub access: Access,
    /// How the profile sets the driver up.
    pub settings: Option<DriverSettings>,
    /// The credentials the profile knows.
    pub credentials: Vec<CredentialRule>,
    /// What the profile says about Wi-Fi.
    pub rules: WifiRules,
    /// What goes on record at the start.
    pub intent: JobIntent,
    /// Where bytes come from.
    pub links: Arc<dyn Links>,
    /// Where acts are recorded.
    pub records: Arc<dyn Records>,
    /// Where progress goes.
    pub report: Report,
    /// Where bytes are noted.
    pub transcript: SharedTranscript,
}

/// Runs a session until it is closed, stopped or fails, and writes its outcome on record.
pub async fn run(setup: Setup, mut requests: mpsc::Receiver<Request>, mut stop: watch::Receiver<bool>) -> JobEnd {
    let record = match setup.records.begin(setup.intent.clone()).await {
        Ok(record) => record,
        Err(error) => return JobEnd::Failed(error.explain()),
    };
    let records = Arc::clone(&setup.records);
    let mut session = Session {
        setup,
        record,
        protection: None,
        seen: None,
        last: None,
        open_push: None,
        taken: Vec::new(),
        had_network: false,
    };
    let mut device = None;
    let end = tokio::select! {
        biased;
        () = stopped(&mut stop) => JobEnd::Cancelled,
        end = session.drive(&mut device, &mut requests) => match end {
            Ok(()) => JobEnd::Done { note: session.farewell() },
            Err(error) => JobEnd::Failed(error.explain()),
        },
    };
    if let Some(mut device) = device {
        // A driver that cannot end its conversation in time loses its link with the value.
        let _ = timeout(CLOSE_LIMIT, device.close()).await;
    }
    let (outcome, reason, summary) = session.outcome(&end);
    match records.end(record, outcome, reason, summary).await {
        Ok(()) => end,
        Err(error) => JobEnd::Failed(error.explain()),
    }
}

/// Waits until a job is told to stop.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody can stop the session any more: then it runs on.
    if stop.wait_for(|is_stopped| *is_stopped).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What a state that was told unasked says of the network.
fn unasked(state: ProvisioningState) -> Option<Observation> {
    match state {
        ProvisioningState::Provisioned => Some(Observation::Look(Look::unnamed(Station::Connected, Seen::Unasked))),
        ProvisioningState::Ready => Some(Observation::Look(Look::unnamed(Station::Apart, Seen::Unasked))),
        ProvisioningState::Provisioning => Some(Observation::Began),
        ProvisioningState::Stopped | ProvisioningState::AuthorizationRequired => None,
    }
}

struct Session {
    setup: Setup,
    record: RecordId,
    /// How the session is protected, once that is known.
    protection: Option<Protection>,
    /// The credentials that were taken, by id.
    taken: Vec<String>,
    /// The gateway's last scan.
    seen: Option<Vec<Network>>,
    /// The verdict of the last push.
    last: Option<Outcome>,
    /// A push without a verdict: sent, or given up waiting for.
    open_push: Option<OpenPush>,
    /// The gateway had a network in this session, to which it may fall back, and was not told to forget it.
    had_network: bool,
}

/// A push whose end is open.
struct OpenPush {
    credentials: WifiCredentials,
    evidence: Vec<Evidence>,
    sent_at: Duration,
    /// What was known of its network before.
    before: Before,
    followed: Followed,
    /// What was told of it last.
    told: Option<Ground>,
    /// How often what the gateway said unasked has changed that.
    late_words: usize,
}

/// How long this computer looks for a gateway that joined.
const LOOK_LIMIT: Duration = Duration::from_secs(5);
/// How long "it could not join" has to stand before it counts.
const SETTLE: Duration = Duration::from_secs(3);
/// The same where it named no error and only waits for a network again.
const SETTLE_UNNAMED: Duration = Duration::from_secs(6);
/// The same once the gateway says that it joins again.
const TRYING_AGAIN: Duration = Duration::from_secs(15);
/// So often a gateway may change its word while nobody asks; after that it is left at what was known last.
const LATE_WORDS: usize = 8;

impl OpenPush {
    /// Takes in a state that the gateway told unasked. What it told so before is worth nothing any more, so that a gateway
    /// that goes on telling takes no more memory.
    fn hear(&mut self, heard: Observation) {
        let is_unasked = |seen: &Observation| matches!(seen, Observation::Look(look) if look.seen == Seen::Unasked);
        let observations = &mut self.followed.observations;
        observations.retain(|seen| !is_unasked(seen) && *seen != heard);
        observations.push(heard);
    }

    /// For how long a gateway that could not join, by its word so far, may take that back; nothing for every other end.
    fn settles_in(&self) -> Option<Duration> {
        match self.end().ground {
            Ground::FellBack => Some(SETTLE_UNNAMED),
            Ground::Refused(refusal) => refusal.kind.is_about_joining().then_some(SETTLE),
            _ => None,
        }
    }

    /// Rules on what was observed so far.
    fn end(&self) -> End {
        let Followed { observations, connection, last_word, broken } = &self.followed;
        let asked = Asked { ssid: &self.credentials.ssid, connection: connection.as_deref() };
        let ground = rule(asked, &self.before, observations);
        End::new(ground, observations, last_word.clone(), broken.clone())
    }
}

impl Session {
    /// Runs the session on a device that outlives it, so that the conversation can be ended however the session ends.
    async fn drive(
        &mut self,
        place: &mut Option<Box<dyn Driver>>,
        requests: &mut mpsc::Receiver<Request>,
    ) -> Result<(), SessionError> {
        self.begin(Step::Connect, json!({ "link": self.setup.link.to_string(), "driver": self.setup.driver })).await?;
        let state = match self.connect(place).await {
            Ok(state) => state,
            Err(error) => {
                self.fail(Step::Connect, error.clone()).await?;
                return Err(error);
            }
        };
        // A connection that answered is there.
        let Some(device) = place.as_deref_mut() else { return Ok(()) };
        self.greet(device, state).await?;
        self.describe(device, state).await?;
        loop {
            self.setup.report.send(Progress::Ready).await;
            let request = loop {
                tokio::select! {
                    request = requests.recv() => break request,
                    state = device.listen() => match state {
                        Ok(state) => {
                            self.handle_unasked(state).await?;
                            if self.has_joined() {
                                return Ok(());
                            }
                        }
                        Err(error) => return Err(error.into()),
                    },
                }
            };
            match request {
                None | Some(Request::Close) => return Ok(()),
                Some(request) => self.handle(device, request).await?,
            }
            if self.has_joined() {
                // The job is done: the port is free again and its outcome on record, whatever happens to the laptop now.
                return Ok(());
            }
        }
    }

    /// One request. A failure that leaves the link usable is reported and the session goes on.
    async fn handle(&mut self, device: &mut dyn Driver, request: Request) -> Result<(), SessionError> {
        let (step, result) = match request {
            Request::Identify => (Step::Identify, self.identify(device).await),
            Request::ScanNetworks => (Step::ScanNetworks, self.scan(device).await),
            Request::Push(credentials) => (Step::Push, self.push(device, credentials).await),
            Request::PushCredential { id, content } => {
                (Step::Credential, self.push_credential(device, id, &content).await)
            }
            Request::Reprovision => (Step::Reprovision, self.reprovision(device).await),
            Request::SetHostname(name) => (Step::Rename, self.rename(device, Name::Host(name)).await),
            Request::SetDeviceName(name) => (Step::Rename, self.rename(device, Name::Device(name)).await),
            Request::ResetDevice => (Step::Reset, self.reset(device).await),
            Request::Close => return Ok(()),
        };
        match step::settle(device, result) {
            // What the records refuse ends the session as well: nothing may be sent that is not on record.
            Err(error) => self.fail(step, error).await,
            Ok(()) => Ok(()),
        }
    }

    fn farewell(&self) -> String {
        match (self.has_joined(), self.taken.len()) {
            (true, _) => "The gateway joined and the connection was closed".into(),
            (false, 0) => "The connection was closed".into(),
            (false, _) => format!("The gateway took {}; the connection was closed", self.taken.join(", ")),
        }
    }

    fn has_joined(&self) -> bool {
        self.last.as_ref().is_some_and(|last| last.verdict == Verdict::Joined)
    }

    /// Opens the link and begins the conversation: one step, with one limit for both.
    async fn connect(&self, place: &mut Option<Box<dyn Driver>>) -> Result<ProvisioningState, SessionError> {
        let Setup { ref link, driver, ref report, .. } = self.setup;
        let unit = drivers::unit(driver, link.kind())?;
        let opening = Opening {
            link: link.clone(),
            links: Arc::clone(&self.setup.links),
            access: self.setup.access.clone(),
            settings: self.setup.settings.clone(),
            report: report.clone(),
            transcript: self.setup.transcript.clone(),
        };
        let connect = open_and_greet(unit, &opening, place);
        step::within(report, Step::Connect, (unit.waits_for)(link.kind()), self.limits()?.connect, connect).await
    }

    /// How long each step may take in total.
    fn limits(&self) -> Result<Limits, SessionError> {
        let link = self.setup.link.kind();
        Ok((drivers::unit(self.setup.driver, link)?.limits)(link))
    }

    /// Tells where the gateway stands, and secures the session where that is to be done.
    async fn greet(&mut self, device: &mut dyn Driver, state: ProvisioningState) -> Result<(), SessionError> {
        let report = self.setup.report.clone();
        let answers = format!("The gateway answers: it {}", state.label());
        let protection = if device.is_to_be_secured() {
            self.end(Step::Connect, "done", json!({ "state": state })).await?;
            report.done(Step::Connect, answers).await;
            self.secure(device).await?
        } else {
            let protection = device.protection();
            self.end(Step::Connect, "done", json!({ "state": state, "protection": protection })).await?;
            report.done(Step::Connect, answers).await;
            protection
        };
        self.protection = Some(protection);
        report.send(Progress::Protected(protection)).await;
        Ok(())
    }

    /// Lets both sides prove who they are.
    async fn secure(&mut self, device: &mut dyn Driver) -> Result<Protection, SessionError> {
        self.begin(Step::Secure, Value::Null).await?;
        let report = self.setup.report.clone();
        let waits_for = "both sides to prove who they are";
        let limit = self.limits()?.question;
        if let Err(error) = step::within(&report, Step::Secure, waits_for, limit, device.secure()).await {
            self.fail(Step::Secure, error.clone()).await?;
            return Err(error);
        }
        let protection = device.protection();
        self.end(Step::Secure, "done", json!({ "protection": protection })).await?;
        report.done(Step::Secure, format!("The session is open: {}", protection.label())).await;
        Ok(protection)
    }

    async fn describe(&mut self, device: &mut dyn Driver, state: ProvisioningState) -> Result<(), SessionError> {
        self.begin(Step::Describe, Value::Null).await?;
        let waits_for = "the gateway to say what it is";
        let limit = self.limits()?.question;
        let described = step::within(&self.setup.report, Step::Describe, waits_for, limit, device.describe()).await;
        let info = match step::settle(device, described) {
            Ok(info) => {
                self.end(Step::Describe, "done", json!(info)).await?;
                self.setup.report.done(Step::Describe, describe_line(&info)).await;
                Some(info)
            }
            Err(error) if error.is_not_offered() => {
                self.end(Step::Describe, "skipped", json!({ "reason": "unknown command" })).await?;
                self.skip(Step::Describe, "The gateway's firmware cannot say what it is").await;
                None
            }
            // Without a description commissioning still works: say so and go on.
            Err(error) if error.is_about_one_answer() => {
                self.fail(Step::Describe, error).await?;
                None
            }
            Err(error) => {
                self.fail(Step::Describe, error.clone()).await?;
                return Err(error);
            }
        };
        let state = device.state().unwrap_or(state);
        let capabilities = device.capabilities();
        self.setup.report.send(Progress::Described { info, state, capabilities }).await;
        if !capabilities.identify {
            self.skip(Step::Identify, device.why_no_identify()).await;
        }
        Ok(())
    }

    async fn identify(&mut self, device: &mut dyn Driver) -> Result<(), SessionError> {
        if !device.capabilities().identify {
            self.skip(Step::Identify, device.why_no_identify()).await;
            return Ok(());
        }
        self.begin(Step::Identify, Value::Null).await?;
        let limit = self.limits()?.question;
        let waits_for = "the gateway to take the request";
        step::within(&self.setup.report, Step::Identify, waits_for, limit, device.identify()).await?;
        self.end(Step::Identify, "done", Value::Null).await?;
        self.setup
            .report
            .done(Step::Identify, "The gateway took the request; look for the one that blinks or beeps")
            .await;
        Ok(())
    }

    async fn scan(&mut self, device: &mut dyn Driver) -> Result<(), SessionError> {
        if !device.capabilities().scan {
            self.skip(Step::ScanNetworks, "The gateway cannot scan for networks").await;
            return Ok(());
        }
        self.begin(Step::ScanNetworks, Value::Null).await?;
        let limit = self.limits()?.scan;
        let waits_for = "the gateway to list the networks it hears";
        let scanned = step::within(&self.setup.report, Step::ScanNetworks, waits_for, limit, device.scan()).await;
        let Scan { networks, ignored } = scanned?;
        self.end(Step::ScanNetworks, "done", json!({ "networks": networks.len(), "ignored": ignored })).await?;
        self.setup.report.send(Progress::Networks { networks: networks.clone(), is_complete: true }).await;
        self.setup.report.done(Step::ScanNetworks, scan_line(networks.len(), ignored)).await;
        self.seen = Some(networks);
        Ok(())
    }

    async fn rename(&mut self, device: &mut dyn Driver, name: Name) -> Result<(), SessionError> {
        self.begin(Step::Rename, json!({ "what": name.label() })).await?;
        let Limits { question, push, .. } = self.limits()?;
        let (waits_for, limit) = ("the gateway to take the name", question.max(push));
        let name = step::within(&self.setup.report, Step::Rename, waits_for, limit, device.rename(name)).await?;
        self.end(Step::Rename, "done", json!({ "name": name })).await?;
        self.setup.report.done(Step::Rename, format!("The gateway answers with the name “{name}”")).await;
        Ok(())
    }

    async fn push_credential(
        &mut self,
        device: &mut dyn Driver,
        id: String,
        content: &Secret<Vec<u8>>,
    ) -> Result<(), SessionError> {
        let driver = self.setup.driver;
        let rule = self.setup.credentials.iter().find(|rule| rule.id == id);
        let way =
            rule.and_then(|rule| rule.push.iter().find(|push| push.driver == driver)).map(|push| push.way.clone());
        let Some(way) = way else { return Err(SessionError::NoWay { credential: id, driver }) };
        let octets = content.expose().len();
        self.begin(Step::Credential, json!({ "credential": id, "to": way, "octets": octets })).await?;
        let report = self.setup.report.clone();
        let waits_for = format!("{} to take {id} ({octets} bytes)", way.place());
        let baud = self.setup.settings.as_ref().map_or(USUAL_BAUD, DriverSettings::baud);
        let limit = step::transfer(self.limits()?.question, octets, baud);
        self.setup.transcript.learn_secret(content.expose());
        let push = device.push_credential(&way, content);
        let taken = step::within(&report, Step::Credential, &waits_for, limit, push).await?;
        let evidence = Evidence { kind: taken.kind, text: taken.text, at: report.elapsed() };
        self.end(Step::Credential, evidence.kind.label(), json!({ "credential": id, "evidence": evidence })).await?;
        report.done(Step::Credential, evidence.text.clone()).await;
        self.taken.push(id.clone());
        report.send(Progress::CredentialPushed { id, evidence }).await;
        Ok(())
    }

    async fn reprovision(&mut self, device: &mut dyn Driver) -> Result<(), SessionError> {
        self.begin(Step::Reprovision, Value::Null).await?;
        let report = self.setup.report.clone();
        let waits_for = "the gateway to forget its network";
        let limit = self.limits()?.question;
        step::within(&report, Step::Reprovision, waits_for, limit, device.reprovision()).await?;
        self.had_network = false;
        self.end(Step::Reprovision, "acknowledged", Value::Null).await?;
        report
            .done(Step::Reprovision, "The gateway waits for a network again; what lies in its flash may come back")
            .await;
        Ok(())
    }

    async fn reset(&mut self, device: &mut dyn Driver) -> Result<(), SessionError> {
        self.begin(Step::Reset, Value::Null).await?;
        let waits_for = "the reset line to be pulsed";
        let limit = self.limits()?.question;
        step::within(&self.setup.report, Step::Reset, waits_for, limit, device.pulse_reset()).await?;
        self.end(Step::Reset, "requested", Value::Null).await?;
        self.setup
            .report
            .done(Step::Reset, "The reset line was pulsed; whether the gateway restarts shows in its log")
            .await;
        Ok(())
    }

    async fn push(&mut self, device: &mut dyn Driver, credentials: WifiCredentials) -> Result<(), SessionError> {
        let ssid = credentials.ssid.shown();
        let detail = json!({ "ssid": ssid, "key": credentials.key_label(), "hidden": credentials.is_hidden });
        self.begin(Step::Push, detail).await?;
        self.last = None;
        let report = self.setup.report.clone();
        let limits = self.limits()?;
        let (waits_for, began) = ("the credentials to be taken", report.elapsed());
        let before = step::within(&report, Step::Push, waits_for, limits.push, device.before()).await?;
        let before = self.before(before);
        let requested = format!("Join “{ssid}” with {}", credentials.key_label());
        let mut evidence = vec![Evidence { kind: EvidenceKind::Requested, text: requested, at: report.elapsed() }];
        evidence.extend(before_the_push(&before, report.elapsed()));
        self.open_push = Some(OpenPush {
            evidence,
            sent_at: report.elapsed(),
            before,
            followed: Followed::default(),
            credentials,
            told: None,
            late_words: 0,
        });
        let sent = match &self.open_push {
            Some(push) => {
                // What was looked at before took some of the time.
                let left = limits.push.saturating_sub(report.elapsed().saturating_sub(began));
                step::within(&report, Step::Push, waits_for, left, device.push(&push.credentials)).await
            }
            None => Ok(()),
        };
        let sent = step::settle(device, sent);
        let mut broken = None;
        let is_sent = sent.is_ok();
        let followed = match sent {
            Ok(()) => {
                report.done(Step::Push, "The credentials were sent").await;
                let followed = async { Ok(device.follow().await) };
                let waits_for = "the gateway's verdict";
                let followed = step::within(&report, Step::Follow, waits_for, limits.join, followed).await;
                step::settle(device, followed).unwrap_or_else(|error| {
                    broken = error.is_final().then_some(error);
                    // What was not observed in time is not known.
                    Followed { observations: vec![Observation::TimeOver], ..Followed::default() }
                })
            }
            // What was under way when the link broke may have arrived.
            Err(SessionError::Link(error)) => {
                Followed { observations: vec![Observation::LinkLost], broken: Some(error), ..Followed::default() }
            }
            // What was sent may have been taken although no answer says so: that is no failure to send.
            Err(error) if error.may_have_pushed() => {
                broken = error.is_final().then_some(error);
                Followed { observations: vec![Observation::TimeOver], ..Followed::default() }
            }
            Err(error) => {
                self.open_push = None;
                return Err(error);
            }
        };
        self.note_began(device.began_joining().filter(|_| is_sent));
        let Some(word) = self.note_followed(followed) else { return Ok(()) };
        if is_sent {
            report.done(Step::Follow, word).await;
        }
        if broken.is_none() {
            self.read_back(device, &mut broken).await;
            self.settle(device).await;
        }
        self.look_from_here().await;
        self.finish_push().await?;
        broken.map_or(Ok(()), Err)
    }

    /// What the gateway's network was before a push. One that it had in this session may come back at any time.
    fn before(&mut self, told: Before) -> Before {
        match told {
            Before::SomeNetwork { .. } => self.had_network = true,
            Before::NoNetwork if self.had_network => return Before::SomeNetwork { addresses: Vec::new() },
            Before::NoNetwork | Before::NotKnown | Before::On { .. } => {}
        }
        told
    }

    /// Puts among the evidence that the gateway began to join.
    fn note_began(&mut self, at: Option<Duration>) {
        if let (Some(push), Some(at)) = (&mut self.open_push, at) {
            let text = "The gateway took the credentials and began to join".to_owned();
            push.evidence.push(Evidence { kind: EvidenceKind::Acknowledged, text, at });
        }
    }

    /// Takes in what was observed, puts what it means among the evidence and returns it in words.
    fn note_followed(&mut self, followed: Followed) -> Option<String> {
        let at = self.setup.report.elapsed();
        let push = self.open_push.as_mut()?;
        push.followed = followed;
        let evidence = evidence_of(&push.end(), at);
        let word = evidence.text.clone();
        push.evidence.push(evidence);
        Some(word)
    }

    /// Asks once more: it strengthens "joined", and may settle what gave no verdict.
    /// `broken` gets the error after which the driver cannot go on.
    async fn read_back(&mut self, device: &mut dyn Driver, broken: &mut Option<SessionError>) {
        let Some(ground) = self.open_push.as_ref().map(|push| push.end().ground) else { return };
        if ground == Ground::LinkLost || ground.verdict() == Verdict::Refused {
            return;
        }
        let report = self.setup.report.clone();
        let waits_for = "the gateway to say again where it stands";
        // The driver is open, so it has limits.
        let Ok(limits) = self.limits() else { return };
        let asked = async { device.read_back().await.transpose() };
        let asked = step::within(&report, Step::ReadBack, waits_for, limits.connect, asked).await;
        let Some(answer) = step::settle(device, asked).transpose() else {
            return self.skip(Step::ReadBack, "The gateway ends the connection once it has joined").await;
        };
        let at = report.elapsed();
        let Some(push) = &mut self.open_push else { return };
        let evidence = match answer {
            Ok(observation) => {
                let addresses = match &observation {
                    Observation::Look(look) => look.addresses.clone(),
                    _ => Vec::new(),
                };
                push.followed.observations.push(observation);
                asked_again(&ground, &push.end(), &addresses, at)
            }
            Err(error) => {
                let text = format!("Whether the gateway keeps the network: {}", error.explain().what);
                *broken = Some(error).filter(|error| matches!(error, SessionError::TooSlow { is_over: true, .. }));
                Evidence { kind: EvidenceKind::NotChecked, text, at }
            }
        };
        let word = evidence.text.clone();
        push.evidence.push(evidence);
        report.done(Step::ReadBack, word).await;
    }

    /// What a gateway says first isn't always its last word: some try again by themselves, and some tell a state that is over.
    /// So "it could not join" counts once it has stood for a while.
    async fn settle(&mut self, device: &mut dyn Driver) {
        if !device.tells_unasked() {
            return;
        }
        let Some(push) = &mut self.open_push else { return };
        let Some(settles_in) = push.settles_in() else { return };
        let mut until = Instant::now() + settles_in;
        let mut is_trying_again = false;
        loop {
            let state = match timeout_at(until, device.listen()).await {
                Ok(Ok(state)) => state,
                // It is on its way again, or still: for that it gets more time, once.
                Err(_) if !is_trying_again && device.state() == Some(ProvisioningState::Provisioning) => {
                    is_trying_again = true;
                    until = Instant::now() + TRYING_AGAIN;
                    continue;
                }
                Ok(Err(_)) | Err(_) => return,
            };
            let Some(heard) = unasked(state) else { continue };
            push.hear(heard);
            if push.settles_in().is_none() {
                return push.evidence.push(evidence_of(&push.end(), self.setup.report.elapsed()));
            }
        }
    }

    /// Where the gateway joined: looks from this computer whether the address it reported answers.
    async fn look_from_here(&mut self) {
        let Some(end) = self.open_push.as_ref().map(OpenPush::end) else { return };
        if end.ground.verdict() != Verdict::Joined {
            return;
        }
        let report = self.setup.report.clone();
        let links = Arc::clone(&self.setup.links);
        let evidence = match (end.addresses.iter().find_map(|address| look::address_in(address)), links.neighbourhood())
        {
            (None, _) => look::not_checked("its address", "the gateway reported none", report.elapsed()),
            // What a simulator reports may be an address of somebody else's here.
            (Some(address), _) if self.setup.intent.is_simulated => {
                look::not_checked(&address.to_string(), "the gateway is simulated", report.elapsed())
            }
            (Some(address), None) => look::not_checked(&address.to_string(), "not over this link", report.elapsed()),
            (Some(address), Some(neighbourhood)) => {
                let waits_for = format!("{address} to answer this computer");
                let looked = async { Ok(neighbourhood.look(address).await) };
                let sight = step::within(&report, Step::Look, &waits_for, LOOK_LIMIT, looked).await;
                let sight = sight.unwrap_or(Sight::Elsewhere);
                let evidence = look::evidence(address, &sight, &self.setup.link, report.elapsed());
                report.done(Step::Look, evidence.text.clone()).await;
                evidence
            }
        };
        if let Some(push) = &mut self.open_push {
            push.evidence.push(evidence);
        }
    }

    /// Concludes the open push, puts it on record and reports it. An open end stays open for a late word.
    async fn finish_push(&mut self) -> Result<(), SessionError> {
        let Some(mut push) = self.open_push.take() else { return Ok(()) };
        let end = push.end();
        push.told = Some(end.ground.clone());
        let is_lost = end.ground == Ground::LinkLost;
        let link_error = end.broken.clone().filter(|_| is_lost);
        let is_open = !is_lost && (end.ground.verdict() == Verdict::Unknown || push.settles_in().is_some());
        let at = self.setup.report.elapsed();
        let outcome = conclude(Facts {
            credentials: &push.credentials,
            seen: self.seen.as_deref(),
            rules: &self.setup.rules,
            driver: self.setup.driver,
            protection: self.protection.unwrap_or(Protection::ClearText),
            end,
            took: at.saturating_sub(push.sent_at),
            evidence: push.evidence.clone(),
            at,
        });
        self.last = Some(outcome.clone());
        let recorded = self.end(Step::Push, outcome.verdict.as_str(), json!(outcome)).await;
        // What was seen is shown even if it could not be written down.
        self.setup.report.send(Progress::Pushed(Box::new(outcome))).await;
        recorded?;
        if is_open {
            self.open_push = Some(push);
        }
        link_error.map_or(Ok(()), |error| Err(error.into()))
    }

    /// A word of the gateway while nobody asked: it may settle a push that had no verdict.
    async fn handle_unasked(&mut self, state: ProvisioningState) -> Result<(), SessionError> {
        let at = self.setup.report.elapsed();
        let Some(push) = &mut self.open_push else { return Ok(()) };
        let Some(heard) = unasked(state) else { return Ok(()) };
        push.hear(heard);
        let end = push.end();
        if state == ProvisioningState::Provisioning || push.told.as_ref() == Some(&end.ground) {
            return Ok(());
        }
        push.evidence.push(evidence_of(&end, at));
        push.late_words += 1;
        let is_fickle = push.late_words == LATE_WORDS;
        if is_fickle {
            let text = format!(
                "The gateway changed its word {LATE_WORDS} times; what it says unasked is ignored from here on"
            );
            push.evidence.push(Evidence { kind: EvidenceKind::NotChecked, text, at });
        }
        self.finish_push().await?;
        if is_fickle {
            self.open_push = None;
        }
        Ok(())
    }

    async fn begin(&self, step: Step, detail: Value) -> Result<(), SessionError> {
        self.write(step, Phase::Intent, "", detail).await
    }

    async fn end(&self, step: Step, outcome: &str, detail: Value) -> Result<(), SessionError> {
        self.write(step, Phase::Outcome, outcome, detail).await
    }

    async fn write(&self, step: Step, phase: Phase, outcome: &str, detail: Value) -> Result<(), SessionError> {
        let entry = StepEntry { step: step.as_str().into(), phase, outcome: outcome.into(), detail };
        Ok(self.setup.records.step(self.record, entry).await?)
    }

    /// Records and reports that a step failed. Hands link errors back: with them the session is over.
    async fn fail(&mut self, step: Step, error: SessionError) -> Result<(), SessionError> {
        let problem = error.explain();
        self.setup.transcript.note(self.setup.report.elapsed(), &format!("{}: {}", problem.code, problem.what));
        self.setup.report.send(Progress::StepFailed { step, problem: problem.clone() }).await;
        if !matches!(error, SessionError::Records(_)) {
            self.end(step, "failed", json!(problem)).await?;
        }
        if error.is_final() || matches!(error, SessionError::Records(_)) { Err(error) } else { Ok(()) }
    }

    async fn skip(&self, step: Step, reason: &str) {
        self.setup.report.send(Progress::StepSkipped { step, reason: reason.into() }).await;
    }

    /// The job's outcome on record: word, code, sentence.
    fn outcome(&self, end: &JobEnd) -> (&'static str, String, String) {
        match (&self.last, &self.open_push, end) {
            (Some(last), ..) => (last.verdict.as_str(), last.code.to_owned(), last.summary.clone()),
            (None, Some(push), JobEnd::Cancelled) => (
                "unknown",
                "session.stopped".into(),
                format!(
                    "Stopped after the credentials for “{}” were sent; verify on the device",
                    push.credentials.ssid.shown()
                ),
            ),
            (None, _, JobEnd::Cancelled) if !self.taken.is_empty() => (
                "cancelled",
                "session.stopped".into(),
                format!("Stopped; the gateway had taken {}", self.taken.join(", ")),
            ),
            (None, _, JobEnd::Cancelled) => {
                ("cancelled", "session.stopped".into(), "Stopped before anything was sent".into())
            }
            (None, _, JobEnd::Failed(Problem { code, what, .. })) => ("failed", (*code).to_owned(), what.clone()),
            (None, _, JobEnd::Done { note }) if !self.taken.is_empty() => {
                ("done", "session.credentials".into(), note.clone())
            }
            (None, _, JobEnd::Done { .. }) => {
                ("closed", "session.closed".into(), "Closed without sending credentials".into())
            }
        }
    }
}

fn describe_line(info: &DeviceInfo) -> String {
    format!("{}, {} {} on {}", info.name, info.firmware, info.firmware_version, info.hardware)
}

fn scan_line(count: usize, ignored: usize) -> String {
    let networks = match count {
        0 => "The gateway hears no network".to_owned(),
        1 => "The gateway hears 1 network".to_owned(),
        count => format!("The gateway hears {count} networks"),
    };
    match ignored {
        0 => networks,
        1 => format!("{networks}; skipped 1 entry without a valid name"),
        ignored => format!("{networks}; skipped {ignored} entries without a valid name"),
    }
}
