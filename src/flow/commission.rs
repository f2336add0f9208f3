//! A commissioning session with one gateway: connect, describe, then whatever the operator asks, to an orderly end.
//!
//! Every act is on record before it happens and its outcome after it; if the records cannot be written, nothing is sent.
//! A push ends as joined, refused or unknown. After a refusal the session stays open for another attempt. Stopping a
//! session drops the link between two packets, never inside one, so the device stays usable.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::conclude::{Facts, PushEnd, conclude, evidence_of};
use super::error::SessionError;
use super::improv::{Improv, Unasked, is_missing_command};
use super::port::{LinkError, Links, Records};
use super::report::Report;
use super::transcript::SharedTranscript;
use crate::model::credentials::WifiCredentials;
use crate::model::gateway::{DeviceInfo, ProvisioningState};
use crate::model::ids::{DriverId, LinkAddress};
use crate::model::outcome::{Evidence, EvidenceKind, Outcome, Verdict};
use crate::model::problem::{Explain as _, Problem};
use crate::model::record::{JobIntent, Phase, RecordId, StepEntry};
use crate::model::wifi::{Network, WifiRules};
use crate::msg::{JobEnd, Progress, Request, Step};
use crate::proto::improv::{self, State};

/// How long opening a port may take.
const OPEN_LIMIT: Duration = Duration::from_secs(10);

/// What a session needs to begin.
pub struct Setup {
    /// The gateway's link.
    pub link: LinkAddress,
    /// The driver to speak.
    pub driver: DriverId,
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
    let mut session = Session { setup, record, seen: None, last: None, open_push: None };
    let end = tokio::select! {
        biased;
        () = stopped(&mut stop) => JobEnd::Cancelled,
        end = session.drive(&mut requests) => match end {
            Ok(()) => JobEnd::Done { note: session.farewell().into() },
            Err(error) => JobEnd::Failed(error.explain()),
        },
    };
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

struct Session {
    setup: Setup,
    record: RecordId,
    /// The gateway's last scan.
    seen: Option<Vec<Network>>,
    /// The verdict of the last push.
    last: Option<Outcome>,
    /// A push without a verdict: sent, or given up waiting for.
    open_push: Option<OpenPush>,
}

/// A push whose end is open.
struct OpenPush {
    credentials: WifiCredentials,
    evidence: Vec<Evidence>,
    sent_at: Duration,
}

impl Session {
    async fn drive(&mut self, requests: &mut mpsc::Receiver<Request>) -> Result<(), SessionError> {
        let (mut device, state) = self.connect().await?;
        self.describe(&mut device, state).await?;
        loop {
            self.setup.report.send(Progress::Ready).await;
            let request = loop {
                tokio::select! {
                    request = requests.recv() => break request,
                    unasked = device.listen() => match unasked {
                        Ok(unasked) => {
                            self.handle_unasked(unasked).await?;
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
                Some(request) => self.handle(&mut device, request).await?,
            }
            if self.has_joined() {
                // The job is done: the port is free again and its outcome on record, whatever happens to the laptop now.
                return Ok(());
            }
        }
    }

    /// One request. A failure that leaves the link usable is reported and the session goes on.
    async fn handle(&mut self, device: &mut Improv, request: Request) -> Result<(), SessionError> {
        let (step, result) = match request {
            Request::Identify => (Step::Identify, self.identify().await),
            Request::ScanNetworks => (Step::ScanNetworks, self.scan(device).await),
            Request::Push(credentials) => (Step::Push, self.push(device, credentials).await),
            Request::SetHostname(name) => {
                (Step::Rename, self.rename(device, improv::Request::Hostname(Some(name))).await)
            }
            Request::SetDeviceName(name) => {
                (Step::Rename, self.rename(device, improv::Request::DeviceName(Some(name))).await)
            }
            Request::ResetDevice => (Step::Reset, self.reset(device).await),
            Request::Close => return Ok(()),
        };
        match result {
            Err(error @ SessionError::Link(_)) => self.fail(step, error).await,
            Err(error) => self.fail(step, error).await.or(Ok(())),
            Ok(()) => Ok(()),
        }
    }

    fn farewell(&self) -> &'static str {
        if self.has_joined() { "The gateway joined and the connection was closed" } else { "The connection was closed" }
    }

    fn has_joined(&self) -> bool {
        self.last.as_ref().is_some_and(|last| last.verdict == Verdict::Joined)
    }

    async fn connect(&mut self) -> Result<(Improv, ProvisioningState), SessionError> {
        let Setup { driver, ref link, .. } = self.setup;
        self.begin(Step::Connect, json!({ "link": link.to_string(), "driver": driver })).await?;
        match self.open().await {
            Ok((device, state)) => {
                self.end(Step::Connect, "done", json!({ "state": state })).await?;
                self.setup.report.done(Step::Connect, format!("The gateway answers: it {}", state.label())).await;
                Ok((device, state))
            }
            Err(error) => {
                self.fail(Step::Connect, error.clone()).await?;
                Err(error)
            }
        }
    }

    async fn open(&mut self) -> Result<(Improv, ProvisioningState), SessionError> {
        let Setup { ref link, driver, ref links, ref report, ref transcript, .. } = self.setup;
        if !driver.is_available_over(link.kind()) {
            return Err(SessionError::DriverMissing { driver, link: link.kind() });
        }
        let limit = improv::session::Timeouts::default().hello;
        report.started(Step::Connect, "the gateway to answer; some restart when the port is opened", limit).await;
        let opened = timeout(OPEN_LIMIT, links.open(link)).await.unwrap_or_else(|_| {
            Err(LinkError::Io { port: link.place().to_owned(), detail: "opening the port took too long".into() })
        })?;
        let mut device = Improv::new(opened, report.clone(), transcript.clone());
        let state = device.hello().await?;
        Ok((device, state))
    }

    async fn describe(&mut self, device: &mut Improv, state: ProvisioningState) -> Result<(), SessionError> {
        self.begin(Step::Describe, Value::Null).await?;
        self.setup.report.started(Step::Describe, "the gateway to say what it is", device.timeouts().rpc).await;
        let info = match device.describe().await {
            Ok(info) => {
                self.end(Step::Describe, "done", json!(info)).await?;
                self.setup.report.done(Step::Describe, describe_line(&info)).await;
                Some(info)
            }
            Err(error) if is_missing_command(&error) => {
                self.end(Step::Describe, "skipped", json!({ "reason": "unknown command" })).await?;
                self.skip(Step::Describe, "The gateway's firmware cannot say what it is").await;
                None
            }
            // Without a description commissioning still works: say so and go on.
            Err(
                error @ (SessionError::NoReply { .. } | SessionError::Malformed { .. } | SessionError::Device { .. }),
            ) => {
                self.fail(Step::Describe, error).await?;
                None
            }
            Err(error) => {
                self.fail(Step::Describe, error.clone()).await?;
                return Err(error);
            }
        };
        let state = device.state().unwrap_or(state);
        let can_identify = Improv::can_identify();
        self.setup.report.send(Progress::Described { info, state, can_identify }).await;
        if !can_identify {
            self.skip(Step::Identify, "Improv over serial has no such command; the cable tells which gateway it is")
                .await;
        }
        Ok(())
    }

    async fn identify(&mut self) -> Result<(), SessionError> {
        self.skip(Step::Identify, "Improv over serial has no such command; the cable tells which gateway it is").await;
        Ok(())
    }

    async fn scan(&mut self, device: &mut Improv) -> Result<(), SessionError> {
        self.begin(Step::ScanNetworks, Value::Null).await?;
        let limit = device.timeouts().scan_entry;
        self.setup.report.started(Step::ScanNetworks, "the gateway to list the networks it hears", limit).await;
        let (networks, ignored) = device.scan().await?;
        self.end(Step::ScanNetworks, "done", json!({ "networks": networks.len(), "ignored": ignored })).await?;
        self.setup.report.send(Progress::Networks { networks: networks.clone(), is_complete: true }).await;
        self.setup.report.done(Step::ScanNetworks, scan_line(networks.len(), ignored)).await;
        self.seen = Some(networks);
        Ok(())
    }

    async fn rename(&mut self, device: &mut Improv, request: improv::Request) -> Result<(), SessionError> {
        self.begin(Step::Rename, json!({ "what": request.label() })).await?;
        self.setup.report.started(Step::Rename, "the gateway to take the name", device.timeouts().rpc).await;
        let name = device.rename(request).await?;
        self.end(Step::Rename, "done", json!({ "name": name })).await?;
        self.setup.report.done(Step::Rename, format!("The gateway answers with the name “{name}”")).await;
        Ok(())
    }

    async fn reset(&mut self, device: &mut Improv) -> Result<(), SessionError> {
        self.begin(Step::Reset, Value::Null).await?;
        self.setup.report.started(Step::Reset, "the reset line to be pulsed", OPEN_LIMIT).await;
        device.pulse_reset().await?;
        self.end(Step::Reset, "requested", Value::Null).await?;
        self.setup
            .report
            .done(Step::Reset, "The reset line was pulsed; whether the gateway restarts shows in its log")
            .await;
        Ok(())
    }

    async fn push(&mut self, device: &mut Improv, credentials: WifiCredentials) -> Result<(), SessionError> {
        let ssid = credentials.ssid.shown();
        let detail = json!({ "ssid": ssid, "key": credentials.key_label(), "hidden": credentials.is_hidden });
        self.begin(Step::Push, detail).await?;
        self.last = None;
        let report = self.setup.report.clone();
        report.started(Step::Push, "the credentials to be written to the line", device.timeouts().rpc).await;
        let requested = format!("Join “{ssid}” with {}", credentials.key_label());
        self.open_push = Some(OpenPush {
            evidence: vec![Evidence { kind: EvidenceKind::Requested, text: requested, at: report.elapsed() }],
            sent_at: report.elapsed(),
            credentials,
        });
        let sent = match &self.open_push {
            Some(push) => device.push(&push.credentials).await,
            None => Ok(()),
        };
        if let Err(error) = sent {
            self.open_push = None;
            return Err(error);
        }
        report.done(Step::Push, "The credentials were written to the line").await;
        report.started(Step::Follow, "the gateway's verdict", device.timeouts().join).await;
        let end = device.follow().await;
        self.note_states(device.states());
        let word = self.note_end(&end);
        report.done(Step::Follow, word).await;
        let end = self.read_back(device, end).await;
        self.finish_push(end).await
    }

    /// Puts the states the gateway passed through among the evidence.
    fn note_states(&mut self, states: &[(Duration, State)]) {
        let Some(push) = &mut self.open_push else { return };
        for (at, state) in states {
            if *state == State::Known(ProvisioningState::Provisioning) {
                let text = "The gateway took the credentials and began to join".to_owned();
                push.evidence.push(Evidence { kind: EvidenceKind::Acknowledged, text, at: *at });
            }
        }
    }

    /// Puts the end of the push among the evidence and returns it in words.
    fn note_end(&mut self, end: &PushEnd) -> String {
        let evidence = evidence_of(end, self.setup.report.elapsed());
        let word = evidence.text.clone();
        if let Some(push) = &mut self.open_push {
            push.evidence.push(evidence);
        }
        word
    }

    /// Asks once more: it strengthens "joined", and may settle what gave no verdict.
    async fn read_back(&mut self, device: &mut Improv, end: PushEnd) -> PushEnd {
        if !matches!(end, PushEnd::Joined { .. } | PushEnd::NoVerdict { .. }) {
            return end;
        }
        let report = self.setup.report.clone();
        report.started(Step::ReadBack, "the gateway to say again where it stands", device.timeouts().hello).await;
        let answer = device.read_back().await;
        let at = report.elapsed();
        let (evidence, end) = match (answer, end) {
            (Ok(answer), PushEnd::Joined { addresses, was_provisioning })
                if answer.state == ProvisioningState::Provisioned =>
            {
                let text = match answer.addresses.first() {
                    Some(address) => {
                        format!("Asked again, the gateway still has the network and the address {address}")
                    }
                    None => "Asked again, the gateway still has the network".into(),
                };
                let addresses = if addresses.is_empty() { answer.addresses } else { addresses };
                (Evidence { kind: EvidenceKind::Observed, text, at }, PushEnd::Joined { addresses, was_provisioning })
            }
            (Ok(answer), PushEnd::Joined { .. }) => {
                let text = format!("Asked again, the gateway {}", answer.state.label());
                (Evidence { kind: EvidenceKind::Observed, text, at }, PushEnd::FellBack)
            }
            (Ok(answer), PushEnd::NoVerdict { last_state }) => {
                let text = format!("Asked after the time for a verdict, the gateway {}", answer.state.label());
                let end = settle(answer.state, answer.addresses, last_state);
                (Evidence { kind: EvidenceKind::Observed, text, at }, end)
            }
            (Ok(_), end) => return end,
            (Err(error), end) => {
                let text = format!("Whether the gateway keeps the network: {}", error.explain().what);
                (Evidence { kind: EvidenceKind::NotChecked, text, at }, end)
            }
        };
        report.done(Step::ReadBack, evidence.text.clone()).await;
        if let Some(push) = &mut self.open_push {
            push.evidence.push(evidence);
        }
        end
    }

    /// Concludes the open push, puts it on record and reports it. An open end stays open for a late word.
    async fn finish_push(&mut self, end: PushEnd) -> Result<(), SessionError> {
        let Some(push) = self.open_push.take() else { return Ok(()) };
        let link_error = if let PushEnd::LinkLost { error, .. } = &end { Some(error.clone()) } else { None };
        let is_open = matches!(end, PushEnd::NoVerdict { .. });
        let at = self.setup.report.elapsed();
        let outcome = conclude(Facts {
            credentials: &push.credentials,
            seen: self.seen.as_deref(),
            rules: &self.setup.rules,
            driver: self.setup.driver,
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
    async fn handle_unasked(&mut self, unasked: Unasked) -> Result<(), SessionError> {
        let Unasked::State(State::Known(state)) = unasked else { return Ok(()) };
        if self.open_push.is_none() {
            return Ok(());
        }
        let end = match state {
            ProvisioningState::Provisioned => PushEnd::JoinedLate,
            ProvisioningState::Ready => PushEnd::FellBack,
            _ => return Ok(()),
        };
        self.note_end(&end);
        self.finish_push(end).await
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
        if matches!(error, SessionError::Link(_) | SessionError::Records(_)) { Err(error) } else { Ok(()) }
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
            (None, _, JobEnd::Cancelled) => {
                ("cancelled", "session.stopped".into(), "Stopped before anything was sent".into())
            }
            (None, _, JobEnd::Failed(Problem { code, what, .. })) => ("failed", (*code).to_owned(), what.clone()),
            (None, _, JobEnd::Done { .. }) => {
                ("closed", "session.closed".into(), "Closed without sending credentials".into())
            }
        }
    }
}

/// What a state means that was asked for after the time for a verdict.
fn settle(state: ProvisioningState, addresses: Vec<String>, last_state: Option<State>) -> PushEnd {
    let began = last_state.is_some();
    match state {
        ProvisioningState::Provisioned if began => PushEnd::Joined { addresses, was_provisioning: true },
        ProvisioningState::Ready if began => PushEnd::FellBack,
        _ => PushEnd::NoVerdict { last_state },
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
        1 => format!("{networks}; 1 entry was left out, its name being none"),
        ignored => format!("{networks}; {ignored} entries were left out, their names being none"),
    }
}
