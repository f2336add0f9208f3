//! How a connection comes about: stage by stage, each told as it begins and as it ends, on the one connection that is used.

use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::Clock;
use super::drive::{Drive, Ports, Stream, Turn};
use super::engine::Engine;
use super::error::MqttError;
use super::send::Login;
use super::tcp::{self, Facts};
use crate::flow::port::{Connection, ConnectionEnd};
use crate::model::mqtt::connect::{self, ConnectPlan};
use crate::model::mqtt::message::Grant;
use crate::model::mqtt::stage::{CertificateFacts, Stage, StageReport, StageState};
use crate::model::problem::{Explain, Problem};

/// Room for requests of the front.
const REQUESTS: usize = 64;
/// Deliveries on their way. One: so that a batch grows while the one before it was not taken.
const DELIVERIES: usize = 1;
/// How long a report of a stage waits for being taken.
const REPORT_LIMIT: Duration = Duration::from_secs(1);

/// Reports the stages of one attempt.
pub(super) struct Doctor {
    attempt: u32,
    began: Instant,
    stages: mpsc::Sender<StageReport>,
}

/// A stage that was gone through.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) facts: Facts,
    pub(super) certificates: Vec<CertificateFacts>,
    pub(super) grants: Vec<Grant>,
    pub(super) note: Option<Problem>,
}

impl Doctor {
    async fn report(&self, report: StageReport) {
        if let Err(mpsc::error::TrySendError::Full(report)) = self.stages.try_send(report) {
            // Whoever does not want the reports does not hold the connection.
            let _ = timeout(REPORT_LIMIT, self.stages.send(report)).await;
        }
    }

    /// Goes through a stage: tells that it begins, and how it ended.
    pub(super) async fn stage<T>(
        &self,
        stage: Stage,
        findings: &mut Findings,
        work: impl AsyncFnOnce(&mut Findings) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let at = self.began.elapsed();
        let begun = StageReport::begun(self.attempt, stage, at);
        self.report(begun.clone()).await;
        let outcome = work(findings).await;
        let Findings { facts, certificates, grants, note } = std::mem::take(findings);
        let state = match &outcome {
            Err(failure) => StageState::Failed(failure.end.problem.clone()),
            Ok(_) => note.map_or(StageState::Done, StageState::Noted),
        };
        let took = self.began.elapsed().saturating_sub(at);
        self.report(StageReport { took, state, facts, certificates, grants, ..begun }).await;
        outcome
    }

    async fn skip(&self, stage: Stage, why: &str) {
        let begun = StageReport::begun(self.attempt, stage, self.began.elapsed());
        self.report(StageReport { state: StageState::Skipped(why.into()), ..begun }).await;
    }
}

/// Why an attempt failed.
pub(super) struct Failure {
    end: ConnectionEnd,
}

impl From<MqttError> for Failure {
    fn from(error: MqttError) -> Self {
        Self { end: error.end() }
    }
}

/// Connects, tells how that went, and serves the connection until it ends.
pub(super) async fn serve(
    plan: ConnectPlan,
    clock: Clock,
    attempt: u32,
    stages: mpsc::Sender<StageReport>,
    mut told: oneshot::Sender<Result<Connection, ConnectionEnd>>,
) {
    let doctor = Doctor { attempt, began: Instant::now(), stages };
    let opened = tokio::select! {
        opened = open(&plan, clock, &doctor) => opened,
        // Nobody waits for it any more.
        () = told.closed() => return,
    };
    let (mut drive, login_ends) = match opened {
        Ok(opened) => opened,
        Err(failure) => {
            let _ = told.send(Err(failure.end));
            return;
        }
    };
    let (requests, taken) = mpsc::channel(REQUESTS);
    let (given, deliveries) = mpsc::channel(DELIVERIES);
    let ack = drive.engine.connected().cloned().unwrap_or_default();
    let is_session_present = ack.is_session_present;
    let connection = Connection { requests, deliveries, is_session_present, facts: ack.facts, login_ends };
    if told.send(Ok(connection)).is_err() {
        drive.farewell().await;
        return;
    }
    // The front hears of nothing more by reports: they end here.
    drop(doctor);
    let translate = |error: MqttError, _engine: &Engine| error.end();
    drive.run(Ports { requests: taken, deliveries: given }, translate).await;
}

async fn open(plan: &ConnectPlan, clock: Clock, doctor: &Doctor) -> Result<(Drive, Option<i64>), Failure> {
    let mut findings = Findings::default();
    let stream = carry(plan, doctor, &mut findings).await?;
    let login = login(plan);
    let engine = Engine::new(plan, clock, 100);
    let mut drive = Drive::new(stream, engine, clock, plan.stage_limit);
    let limit = plan.stage_limit;
    doctor
        .stage(Stage::Connect, &mut findings, async |findings| {
            drive.engine.connect(plan, &login, clock.now());
            let until = Instant::now() + limit;
            while drive.engine.connected().is_none() {
                match drive.turn(None, Some(until)).await {
                    Ok(Turn::TimeUp) => return Err(MqttError::NoConnAck { secs: limit.as_secs() }.into()),
                    Ok(_) => {}
                    Err(MqttError::Closed { detail } | MqttError::Broken { detail }) => {
                        return Err(MqttError::ClosedOnConnect { detail }.into());
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            let ack = drive.engine.connected().cloned().unwrap_or_default();
            let session = if ack.is_session_present { "kept from before" } else { "new" };
            findings.facts.push(("Client id".into(), crate::model::text::visible(&plan.client_id, 150)));
            findings.facts.push(("Session".into(), session.into()));
            findings.facts.extend(ack.facts);
            Ok(())
        })
        .await?;
    if plan.subscriptions.is_empty() {
        doctor.skip(Stage::Subscribe, "Nothing is to be subscribed to").await;
    } else {
        doctor
            .stage(Stage::Subscribe, &mut findings, async |findings| {
                findings.grants = subscribe(&mut drive, plan, clock).await?;
                let refused: Vec<&Grant> = findings.grants.iter().filter(|grant| grant.granted.is_none()).collect();
                if let Some(first) = refused.first() {
                    let (refused, asked) = (refused.len(), findings.grants.len());
                    let says = format!("{}: {}", first.filter, first.says);
                    findings.note = Some(MqttError::SubscriptionsRefused { refused, asked, says }.explain());
                }
                Ok(())
            })
            .await?;
    }
    drive.engine.opened();
    Ok((drive, None))
}

async fn subscribe(drive: &mut Drive, plan: &ConnectPlan, clock: Clock) -> Result<Vec<Grant>, Failure> {
    drive.engine.subscribe(None, &plan.subscriptions, clock.now());
    let limit = plan.stage_limit;
    let until = Instant::now() + limit;
    loop {
        if let Some(grants) = drive.engine.take_grants(false) {
            return Ok(grants);
        }
        match drive.turn(None, Some(until)).await {
            Ok(Turn::TimeUp) => return Err(MqttError::NoSubAck { secs: limit.as_secs() }.into()),
            Ok(_) => {}
            Err(MqttError::Closed { detail } | MqttError::Broken { detail }) => {
                return Err(MqttError::ClosedOnSubscribe { detail }.into());
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The stages below MQTT.
async fn carry(plan: &ConnectPlan, doctor: &Doctor, findings: &mut Findings) -> Result<Box<dyn Stream>, Failure> {
    let limit = plan.stage_limit;
    let (host, port) = match &plan.proxy {
        Some(proxy) => (proxy.host.as_str(), proxy.port),
        None => (plan.url.host.as_str(), plan.url.port),
    };
    let addresses = doctor
        .stage(Stage::Resolve, findings, async |findings| {
            let found = tcp::resolve(host, port, limit).await?;
            let listed: Vec<String> = found.iter().map(|address| address.ip().to_string()).collect();
            findings.facts.push((host.to_owned(), listed.join(", ")));
            Ok(found)
        })
        .await?;
    let stream = doctor
        .stage(Stage::Tcp, findings, async |findings| {
            tcp::reach(&addresses, limit, &mut findings.facts).await.map_err(Failure::from)
        })
        .await?;
    doctor.skip(Stage::Proxy, "No proxy is set").await;
    doctor.skip(Stage::Tls, "The connection is not encrypted").await;
    doctor.skip(Stage::WebSocket, "MQTT runs without a WebSocket").await;
    Ok(Box::new(stream))
}

fn login(plan: &ConnectPlan) -> Login {
    match &plan.login {
        connect::Login::Password { username, password } => {
            Login { username: username.clone(), password: password.clone().unwrap_or_default() }
        }
        _ => Login::default(),
    }
}
