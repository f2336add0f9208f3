//! How a connection comes about: stage by stage, each told as it begins and as it ends, on the one connection that is used.

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::drive::{Drive, Ports, Turn};
use super::engine::Engine;
use super::error::MqttError;
use super::tcp::{self, Facts};
use super::tls::{self, Asked};
use super::{Clock, proxy, websocket};
use crate::flow::port::{Connection, ConnectionEnd, Retry};
use crate::io::stream::Stream;
use crate::model::mqtt::connect::{self as plan, ConnectPlan};
use crate::model::mqtt::message::Grant;
use crate::model::mqtt::stage::{CertificateFacts, Stage, StageReport, StageState};
use crate::model::mqtt::{Dialect, topic};
use crate::model::problem::{Explain, Problem};
use crate::model::secret::Secret;
use crate::model::text::visible;
use crate::proto::mqtt::session::{Login, Refusal, SessionError};
use crate::proto::mqtt::silent::{Act, Cause, Proof, SilentEnd, cause_of_end, cause_of_silence};
use crate::proto::mqtt::{sas, sigv4};

/// Room for requests of the front.
const REQUESTS: usize = 64;
/// Deliveries on their way. One: so that a batch grows while the one before it was not taken.
const DELIVERIES: usize = 1;
/// How long a report of a stage waits for being taken.
const REPORT_LIMIT: Duration = Duration::from_secs(1);
/// How long a server that refused a handshake is asked why, at each step.
const PROBE_LIMIT: Duration = Duration::from_secs(3);
/// A connection that is cut within this time after we did something was cut for it.
const SOON: Duration = Duration::from_secs(10);

/// Reports the stages of one attempt.
struct Doctor {
    attempt: u32,
    began: Instant,
    stages: mpsc::Sender<StageReport>,
}

/// What a stage brought to light.
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
    async fn stage<T>(
        &self,
        stage: Stage,
        work: impl AsyncFnOnce(&mut Findings) -> Result<T, ConnectionEnd>,
    ) -> Result<T, ConnectionEnd> {
        let at = self.began.elapsed();
        let begun = StageReport::begun(self.attempt, stage, at);
        self.report(begun.clone()).await;
        let mut findings = Findings::default();
        let outcome = work(&mut findings).await;
        let Findings { facts, certificates, grants, note } = findings;
        let state = match &outcome {
            Err(end) => StageState::Failed(end.problem.clone()),
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

/// What is known of a connection when it ends without a word.
struct Circumstances {
    plan: ConnectPlan,
    proof: Proof,
    asked: Asked,
    clock_ahead_secs: Option<i64>,
}

impl Circumstances {
    /// How a connection ended, with the likely cause of what the broker does not say.
    fn end(&self, error: MqttError, engine: Option<&Engine>) -> ConnectionEnd {
        let (act, since) = engine.map_or((&Act::Connect, Duration::ZERO), Engine::last_act);
        let last_sent = engine.map_or(Duration::ZERO, Engine::since_sent);
        let silent = || SilentEnd {
            dialect: self.plan.dialect,
            act,
            since,
            proof: self.proof,
            client_id: &self.plan.client_id,
            keep_alive: self.plan.keep_alive,
            last_sent,
            now_unix_secs: now_secs(),
            clock_ahead_secs: self.clock_ahead_secs,
        };
        let is_plain_login = self.plan.dialect == Dialect::Plain
            && matches!(self.proof, Proof::Nothing | Proof::Password | Proof::Certificate);
        match error {
            MqttError::Alert { alert, .. } => {
                let Asked { has_identity, was_asked } = self.asked;
                MqttError::Alert { alert, has_identity, was_asked }.end()
            }
            // With TLS 1.3 a broker judges our certificate after the handshake, and may hang up before its answer is read.
            MqttError::ClosedOnConnect { detail } if self.asked.was_asked => MqttError::Alert {
                alert: format!("none was read, the connection was cut: {detail}"),
                has_identity: self.asked.has_identity,
                was_asked: true,
            }
            .end(),
            MqttError::ClosedOnConnect { detail }
            | MqttError::ClosedOnSubscribe { detail }
            | MqttError::Closed { detail } => because(&cause_of_end(&silent()), detail),
            MqttError::Broken { detail, is_reset: true } if *act != Act::Idle && since < SOON => {
                because(&cause_of_end(&silent()), detail)
            }
            MqttError::Session(SessionError::NotLetIn { meaning: Refusal::Login, ref says, .. }) if !is_plain_login => {
                let mut silent = silent();
                silent.act = &Act::Connect;
                because(&cause_of_end(&silent), says.clone())
            }
            MqttError::NoSubAck { .. } => match cause_of_silence(self.plan.dialect, act) {
                Some(cause) => because(&cause, String::new()),
                None => error.end(),
            },
            error => error.end(),
        }
    }
}

fn because(cause: &Cause, detail: String) -> ConnectionEnd {
    let retry = if cause.is_lasting() { Retry::Never } else { Retry::Later };
    ConnectionEnd { problem: cause.explain().with_detail(detail), retry, is_takeover: cause.is_takeover() }
}

fn now_secs() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
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
        opened = open(plan, clock, &doctor) => opened,
        // Nobody waits for it any more.
        () = told.closed() => return,
    };
    let Opened { mut drive, circumstances, login_ends, broken } = match opened {
        Ok(opened) => opened,
        Err(end) => {
            let _ = told.send(Err(end));
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
    let ports = Ports { requests: taken, deliveries: given };
    match broken {
        Some(end) => drive.end(ports, end).await,
        None => drive.run(ports, |error, engine| circumstances.end(error, Some(engine))).await,
    }
}

/// An open connection, and what is known of it.
struct Opened {
    drive: Drive,
    circumstances: Circumstances,
    login_ends: Option<i64>,
    /// Why it ends at once: the subscription failed, and messages had come before that (MQTT 3.1.1, section 3.8.4).
    broken: Option<ConnectionEnd>,
}

async fn open(plan: ConnectPlan, clock: Clock, doctor: &Doctor) -> Result<Opened, ConnectionEnd> {
    let mut known = Circumstances { proof: proof(&plan), plan, asked: Asked::default(), clock_ahead_secs: None };
    let stream = carry(&mut known, doctor).await?;
    let engine = Engine::new(&known.plan, clock);
    let mut drive = Drive::new(stream, engine, clock, known.plan.stage_limit);
    let login_ends =
        doctor.stage(Stage::Connect, async |findings| connect(&mut drive, &mut known, findings).await).await?;
    let mut broken = None;
    if known.plan.subscriptions.is_empty() {
        doctor.skip(Stage::Subscribe, "Nothing is to be subscribed to").await;
    } else {
        let subscribed = doctor.stage(Stage::Subscribe, async |findings| subscribe(&mut drive, &known, findings).await);
        match subscribed.await {
            Err(end) if drive.engine.has_messages() => broken = Some(end),
            outcome => outcome?,
        }
    }
    drive.engine.opened();
    Ok(Opened { drive, circumstances: known, login_ends, broken })
}

async fn connect(
    drive: &mut Drive,
    known: &mut Circumstances,
    findings: &mut Findings,
) -> Result<Option<i64>, ConnectionEnd> {
    let (login, login_ends) = login(&known.plan)?;
    if let (Some(ends), Proof::Nothing | Proof::Password | Proof::Token { .. }) = (login_ends, known.proof) {
        known.proof = Proof::Token { ends_unix_secs: ends };
        findings.facts.push(("Token".into(), sas::countdown(ends - now_secs())));
    }
    let limit = known.plan.stage_limit;
    drive.engine.connect(&known.plan, &login);
    let until = Instant::now() + limit;
    let error = loop {
        if drive.engine.connected().is_some() {
            break None;
        }
        match drive.turn(None, Some(until)).await {
            Ok(Turn::TimeUp) => break Some(MqttError::NoConnAck { secs: limit.as_secs() }),
            Ok(_) => {}
            Err(MqttError::Closed { detail } | MqttError::Broken { detail, is_reset: true }) => {
                break Some(MqttError::ClosedOnConnect { detail });
            }
            Err(error) => break Some(error),
        }
    };
    findings.facts.push(("Client id".into(), visible(&known.plan.client_id, 150)));
    if !login.username.is_empty() {
        findings.facts.push(("User".into(), visible(&login.username, 200)));
    }
    if let Some(error) = error {
        return Err(known.end(error, Some(&drive.engine)));
    }
    let ack = drive.engine.connected().cloned().unwrap_or_default();
    let session = match (ack.is_session_present, known.plan.is_clean) {
        (true, true) => "resumed, though a new one was requested",
        (true, false) => "resumed",
        (false, _) => "new",
    };
    findings.facts.push(("Session".into(), session.into()));
    findings.facts.extend(ack.facts);
    Ok(login_ends)
}

async fn subscribe(drive: &mut Drive, known: &Circumstances, findings: &mut Findings) -> Result<(), ConnectionEnd> {
    drive.engine.subscribe(&known.plan.subscriptions);
    let limit = known.plan.stage_limit;
    let until = Instant::now() + limit;
    let error = loop {
        if let Some(grants) = drive.engine.take_grants(false) {
            findings.grants = grants;
            break None;
        }
        match drive.turn(None, Some(until)).await {
            Ok(Turn::TimeUp) => break Some(MqttError::NoSubAck { secs: limit.as_secs() }),
            Ok(_) => {}
            Err(MqttError::Closed { detail } | MqttError::Broken { detail, is_reset: true }) => {
                break Some(MqttError::ClosedOnSubscribe { detail });
            }
            Err(error) => break Some(error),
        }
    };
    if let Some(error) = error {
        let end = known.end(error, Some(&drive.engine));
        findings.grants = drive.engine.take_grants(true).unwrap_or_default();
        return Err(end);
    }
    findings.note = not_granted(&findings.grants).map(|error| error.explain());
    Ok(())
}

/// What to note of an answer that doesn't grant everything.
fn not_granted(grants: &[Grant]) -> Option<MqttError> {
    let asked = grants.len();
    let refused: Vec<&Grant> = grants.iter().filter(|grant| grant.is_refused()).collect();
    if let Some(first) = refused.first() {
        let says = format!("{}: {}", first.filter, first.says);
        return Some(MqttError::SubscriptionsRefused { refused: refused.len(), asked, says });
    }
    let open = grants.iter().filter(|grant| grant.code.is_none()).count();
    (open > 0).then_some(MqttError::SubscriptionsOpen { open, asked })
}

/// The stages below MQTT.
async fn carry(known: &mut Circumstances, doctor: &Doctor) -> Result<Box<dyn Stream>, ConnectionEnd> {
    let plan = known.plan.clone();
    let limit = plan.stage_limit;
    let (host, port) = match &plan.proxy {
        Some(proxy) => (proxy.host.as_str(), proxy.port),
        None => (plan.url.host.as_str(), plan.url.port),
    };
    let addresses = doctor
        .stage(Stage::Resolve, async |findings| {
            let found = tcp::resolve(host, port, limit).await.map_err(|error| error.end())?;
            let listed: Vec<String> = found.iter().map(|address| address.ip().to_string()).collect();
            findings.facts.push((visible(host, 200), listed.join(", ")));
            Ok(found)
        })
        .await?;
    let stream = doctor
        .stage(Stage::Tcp, async |findings| {
            tcp::reach(&addresses, limit, &mut findings.facts).await.map_err(|error| error.end())
        })
        .await?;
    let mut stream: Box<dyn Stream> = Box::new(stream);
    match &plan.proxy {
        None => doctor.skip(Stage::Proxy, "No proxy is set").await,
        Some(proxy) => {
            let pass = async |findings: &mut Findings| {
                let passed = proxy::pass(&mut stream, proxy, &plan, limit, &mut findings.facts).await;
                passed.map_err(|error| error.end())
            };
            doctor.stage(Stage::Proxy, pass).await?;
        }
    }
    if plan.url.scheme.is_tls() {
        let encrypt = async |findings: &mut Findings| {
            let address = plan.url.authority();
            match tls::encrypt(stream, &address, &plan, limit, findings).await {
                Ok(encrypted) => Ok(encrypted),
                Err(error) => Err(more_of(error, &addresses, &plan).await.end()),
            }
        };
        (stream, known.asked) = doctor.stage(Stage::Tls, encrypt).await?;
    } else {
        doctor.skip(Stage::Tls, "The connection is not encrypted").await;
    }
    if plan.url.scheme.is_websocket() {
        let path = path(&plan);
        let open = async |findings: &mut Findings| {
            let opened = websocket::open(stream, &plan, &path, limit, &mut findings.facts).await;
            let (opened, ahead) = match opened {
                Ok((stream, ahead)) => (Ok(stream), ahead),
                Err((error, ahead)) => (Err(error), ahead),
            };
            known.clock_ahead_secs = ahead;
            opened.map_err(|error| refused_upgrade(known, error))
        };
        stream = doctor.stage(Stage::WebSocket, open).await?;
    } else {
        doctor.skip(Stage::WebSocket, "MQTT runs without a WebSocket").await;
    }
    Ok(stream)
}

/// Why a handshake found no common ground, where the server tells when it is offered everything there is.
async fn more_of(error: MqttError, addresses: &[SocketAddr], plan: &ConnectPlan) -> MqttError {
    let is_about_ground = match &error {
        MqttError::Alert { alert, was_asked, .. } => {
            !was_asked && ["HandshakeFailure", "ProtocolVersion", "InsufficientSecurity"].contains(&alert.as_str())
        }
        MqttError::Handshake { .. } | MqttError::CutInHandshake { .. } => true,
        _ => false,
    };
    if !is_about_ground {
        return error;
    }
    let limit = plan.stage_limit.min(PROBE_LIMIT);
    let ask = async {
        let mut facts = Facts::new();
        let mut stream: Box<dyn Stream> = Box::new(tcp::reach(addresses, limit, &mut facts).await.ok()?);
        if let Some(proxy) = &plan.proxy {
            proxy::pass(&mut stream, proxy, plan, limit, &mut facts).await.ok()?;
        }
        tls::mismatch(stream, plan, limit).await
    };
    ask.await.map_or(error, MqttError::Mismatch)
}

/// A signature is judged when the WebSocket is opened.
fn refused_upgrade(known: &Circumstances, error: MqttError) -> ConnectionEnd {
    match error {
        MqttError::HttpStatus { status: 401 | 403, says, .. } if known.proof == Proof::Signature => {
            let refused = SessionError::NotLetIn { code: 0, says, meaning: Refusal::Login, words: String::new() };
            known.end(refused.into(), None)
        }
        error => error.end(),
    }
}

/// What is asked for when a WebSocket is opened: with a signature, where the login is one.
fn path(plan: &ConnectPlan) -> Secret<String> {
    let plan::Login::SignatureV4 { region, access_key_id, secret_key, session_token } = &plan.login else {
        return Secret::new(plan.url.path.clone());
    };
    let key = sigv4::SigningKey { region, access_key_id, secret_key, session_token: session_token.as_ref() };
    sigv4::sign_url(&websocket::host(plan), &plan.url.path, &key, now_secs())
}

fn proof(plan: &ConnectPlan) -> Proof {
    match &plan.login {
        plan::Login::SharedAccess { .. } => Proof::Token { ends_unix_secs: i64::MAX },
        plan::Login::SignatureV4 { .. } => Proof::Signature,
        plan::Login::Password { password: Some(_), .. } => Proof::Password,
        plan::Login::Password { .. } | plan::Login::None if plan.tls.identity.is_some() => Proof::Certificate,
        plan::Login::Password { .. } | plan::Login::None => Proof::Nothing,
    }
}

/// User and password, and when they end by themselves.
fn login(plan: &ConnectPlan) -> Result<(Login, Option<i64>), ConnectionEnd> {
    let never = |problem: Problem| ConnectionEnd { problem, retry: Retry::Never, is_takeover: false };
    let (login, ends) = match &plan.login {
        plan::Login::None | plan::Login::SignatureV4 { .. } => (Login::default(), None),
        plan::Login::Password { username, password } => {
            let password = password.clone().unwrap_or_default();
            let ends = sas::parse(&password).ok().map(|token| token.expires_unix_secs);
            (Login { username: username.clone(), password }, ends)
        }
        plan::Login::SharedAccess { hub, device, key, policy, lifetime } => {
            let made = sas::login(hub, device, key, policy.as_deref(), *lifetime, now_secs())
                .map_err(|error| never(error.explain()))?;
            (Login { username: made.username, password: made.password }, Some(made.expires_unix_secs))
        }
    };
    // The lengths are written with two octets.
    let is_too_long = |text: &str| text.len() > topic::MAX_TOPIC_BYTES;
    let will = plan.will.as_ref();
    let texts = [plan.client_id.as_str(), &login.username, login.password.expose()];
    if texts.into_iter().any(is_too_long)
        || will.is_some_and(|will| is_too_long(&will.topic) || will.payload.len() > topic::MAX_TOPIC_BYTES)
    {
        return Err(never(MqttError::LoginTooLong.explain()));
    }
    Ok((login, ends))
}
