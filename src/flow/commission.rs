//! A commissioning session with one gateway: connect, describe, then whatever the operator asks, to an orderly end.
//!
//! Every act is on record before it happens and its outcome after it; if the records cannot be written, nothing is sent.
//! A push ends as joined, refused or unknown. After a refusal the session stays open for another attempt. Stopping a
//! session drops the link between two packets, never inside one, so the device stays usable.

mod push;

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep_until, timeout};

use self::push::OpenPush;
use super::driver::{CLOSE_LIMIT, Driver, Limits, Name, Scan};
use super::drivers::{self, Opening, open_and_greet};
use super::error::SessionError;
use super::port::{Links, Records};
use super::report::Report;
use super::step;
use super::transcript::SharedTranscript;
use crate::model::access::Access;
use crate::model::drivers::USUAL_BAUD;
use crate::model::gateway::{DeviceInfo, Protection, ProvisioningState};
use crate::model::ids::{DriverId, LinkAddress};
use crate::model::outcome::{Evidence, Outcome, Verdict};
use crate::model::problem::{Explain as _, Problem};
use crate::model::record::{JobIntent, Phase, RecordId, StepEntry};
use crate::model::secret::Secret;
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
    let (outcome, reason, summary) = session.outcome(&end);
    // The outcome first: who closes the program doesn't wait for a gateway that is slow to say goodbye.
    let recorded = records.end(record, outcome, reason, summary).await;
    if let Some(mut device) = device {
        // A driver that cannot end its conversation in time loses its link with the value.
        let _ = timeout(CLOSE_LIMIT, device.close()).await;
    }
    match recorded {
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

struct Session {
    setup: Setup,
    record: RecordId,
    /// How the session is protected, once that is known.
    protection: Option<Protection>,
    /// The credentials that were taken, by id.
    taken: Vec<String>,
    /// The gateway's last scan.
    seen: Option<Vec<Network>>,
    /// The verdict of the last push that was sent.
    last: Option<Outcome>,
    /// A push without a verdict: sent, or given up waiting for.
    open_push: Option<OpenPush>,
    /// The gateway had a network in this session, to which it may fall back, and was not told to forget it.
    had_network: bool,
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
                let settles_at = self.settles_at();
                let has_settled = async {
                    match settles_at {
                        Some(at) => sleep_until(at).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    request = requests.recv() => break request,
                    state = device.listen() => self.handle_unasked(device, state?).await?,
                    () = has_settled => self.settled(device).await?,
                }
                if self.has_joined() {
                    return Ok(());
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
        self.had_network |= state == ProvisioningState::Provisioned;
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
        let waits_for = "the gateway to list the networks in range";
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
        0 => "The gateway finds no network".to_owned(),
        1 => "The gateway finds 1 network".to_owned(),
        count => format!("The gateway finds {count} networks"),
    };
    match ignored {
        0 => networks,
        1 => format!("{networks}; skipped 1 entry without a valid name"),
        ignored => format!("{networks}; skipped {ignored} entries without a valid name"),
    }
}
