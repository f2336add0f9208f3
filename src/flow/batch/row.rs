//! One row: the session that commissions its gateway, asked for everything in order and read into a result.
//!
//! It is the session of a single gateway, with the credentials first and then the network. If a token or file is not
//! taken the network is not sent: a gateway without its token cannot be commissioned a second time.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Setup, failed};
use crate::flow::commission::Setup as SessionSetup;
use crate::flow::port::{BatchRecords, Boxed, Records, RecordsError};
use crate::flow::report::Report;
use crate::flow::transcript::SharedTranscript;
use crate::model::agenda::{Agenda, Order, Todo};
use crate::model::batch::{BatchId, GO_ON, RowOutcome, RowPlan, RowResult, Told, evidence_word};
use crate::model::credentials::{WifiDraft, check};
use crate::model::gateway::{Identity, PortFacts};
use crate::model::ids::LinkAddress;
use crate::model::outcome::{Evidence, Outcome};
use crate::model::problem::Problem;
use crate::model::record::{JobIntent, RecordId, StepEntry};
use crate::model::secret::Secret;
use crate::model::text::visible;
use crate::model::wifi::{Network, WifiRules};
use crate::msg::batch::{BatchEvent, RowState};
use crate::msg::{JobEnd, Progress, Request, Step};

/// Requests the session may have waiting: one runs at a time.
const REQUESTS: usize = 2;
/// Progress the session may have waiting.
const PROGRESS: usize = 64;

/// Commissions the gateway of a row.
pub(super) async fn run(
    setup: &Setup,
    plan: &RowPlan,
    index: usize,
    link: LinkAddress,
    stop: watch::Receiver<bool>,
) -> RowResult {
    let began = Instant::now();
    let (requests, request_rx) = mpsc::channel(REQUESTS);
    let (progress, mut progress_rx) = mpsc::channel(PROGRESS);
    let facts = facts(setup, &link).await;
    let is_simulated = facts.as_ref().is_some_and(|facts| facts.is_simulated) || setup.links.is_played(&link);
    let rules = rules(setup, plan);
    let session = session(setup, plan, &link, is_simulated, Report::new(progress));
    learn(&session, plan, &rules);
    let mut end = setup.sessions.run(session, request_rx, stop);
    let mut row = Row::new(plan, rules, setup.is_scanning, requests);
    let end = loop {
        tokio::select! {
            biased;
            told = progress_rx.recv() => match told {
                Some((_, progress)) => {
                    if let Some(state) = row.take_in(progress).await {
                        // A front end that has gone does not hear it, and the row goes on.
                        let _ = setup.events.send(BatchEvent::Row { index, state }).await;
                    }
                }
                None => break (&mut end).await,
            },
            ended = &mut end => break ended,
        }
    };
    while let Ok((_, progress)) = progress_rx.try_recv() {
        row.take_in(progress).await;
    }
    row.told.serial_number = facts.and_then(|facts| facts.serial_number);
    let result = row.conclude(end);
    RowResult { link: visible(&link.to_string(), 120), took: began.elapsed(), ..result }
}

/// What the system says of the port; where the list cannot be read, a real gateway of which nothing is known is assumed.
async fn facts(setup: &Setup, link: &LinkAddress) -> Option<PortFacts> {
    let ports = tokio::time::timeout(super::find::LIST_LIMIT, setup.links.ports()).await.ok()?.ok()?;
    ports.into_iter().find(|(known, _)| known == link).map(|(_, facts)| facts)
}

/// What will be sent is cut out of what the gateway says from its first byte on.
fn learn(session: &SessionSetup, plan: &RowPlan, rules: &WifiRules) {
    for (_, content) in &plan.credentials {
        session.transcript.learn_secret(content.expose());
    }
    if let Some(credentials) = plan.network.as_ref().and_then(|draft| check(draft, rules, None, None).0) {
        session.transcript.learn(&credentials);
    }
}

fn rules(setup: &Setup, plan: &RowPlan) -> WifiRules {
    let profile = plan.profile.as_ref().and_then(|id| setup.catalog.get(id));
    profile.and_then(|profile| profile.wifi.clone()).unwrap_or_else(WifiRules::standard)
}

fn session(setup: &Setup, plan: &RowPlan, link: &LinkAddress, is_simulated: bool, report: Report) -> SessionSetup {
    let profile = plan.profile.as_ref().and_then(|id| setup.catalog.get(id));
    let mut bindings = profile.into_iter().flat_map(|profile| profile.drivers_over(link.kind()));
    SessionSetup {
        driver: plan.driver,
        access: plan.access.clone(),
        settings: bindings.find(|binding| binding.driver == plan.driver).map(|binding| binding.settings.clone()),
        credentials: profile.map(|profile| profile.credentials.clone()).unwrap_or_default(),
        rules: rules(setup, plan),
        intent: JobIntent {
            action: "commission".into(),
            gateway: plan.name.clone(),
            link: link.to_string(),
            profile: plan.profile.as_ref().map(ToString::to_string),
            driver: Some(plan.driver.to_string()),
            operator: setup.operator.clone(),
            is_simulated,
        },
        links: Arc::clone(&setup.links),
        records: Arc::new(RowRecords {
            inner: Arc::clone(&setup.records),
            batch: setup.batch,
            name: plan.name.clone(),
            content: plan.content.clone(),
        }),
        report,
        transcript: SharedTranscript::new(format!("Session over {link}, driver {}", plan.driver)),
        link: link.clone(),
    }
}

/// The records, with each job noted as the row's.
struct RowRecords {
    inner: Arc<dyn BatchRecords>,
    batch: BatchId,
    name: String,
    content: String,
}

impl Records for RowRecords {
    fn begin(&self, intent: JobIntent) -> Boxed<'_, Result<RecordId, RecordsError>> {
        self.inner.begin_row(self.batch, self.name.clone(), self.content.clone(), intent)
    }

    fn step(&self, job: RecordId, entry: StepEntry) -> Boxed<'_, Result<(), RecordsError>> {
        self.inner.step(job, entry)
    }

    fn end(
        &self,
        job: RecordId,
        outcome: &'static str,
        reason: String,
        summary: String,
    ) -> Boxed<'_, Result<(), RecordsError>> {
        self.inner.end(job, outcome, reason, summary)
    }
}

/// What a row has to do, and what has come of it.
struct Row<'a> {
    plan: &'a RowPlan,
    rules: WifiRules,
    todo: Agenda<(String, Secret<Vec<u8>>), &'a WifiDraft>,
    requests: mpsc::Sender<Request>,
    seen: Option<Vec<Network>>,
    gateway: String,
    told: Told,
    outcome: Option<Outcome>,
    taken: Vec<Evidence>,
    /// Why it went no further.
    problem: Option<Problem>,
    has_pushed: bool,
}

impl<'a> Row<'a> {
    fn new(plan: &'a RowPlan, rules: WifiRules, is_scanning: bool, requests: mpsc::Sender<Request>) -> Self {
        let todo = Agenda::of(Order {
            credentials: plan.credentials.clone(),
            is_scanning: is_scanning && plan.network.is_some(),
            networks: plan.network.iter().collect(),
            ..Order::default()
        });
        Self {
            plan,
            rules,
            todo,
            requests,
            seen: None,
            gateway: String::new(),
            told: Told::default(),
            outcome: None,
            taken: Vec::new(),
            problem: None,
            has_pushed: false,
        }
    }

    /// Takes progress in, and returns the step that began.
    async fn take_in(&mut self, progress: Progress) -> Option<RowState> {
        match progress {
            Progress::StepStarted { step, .. } => {
                return Some(RowState::Running { step: step.label().to_owned(), calls: false });
            }
            Progress::AwaitingButton { limit } => {
                let step = format!("Press its button within {} s", limit.as_secs());
                return Some(RowState::Running { step, calls: true });
            }
            Progress::Described { info: Some(info), state, .. } => {
                self.gateway = visible(&info.name, 80);
                self.told.identity = Some(Identity { driver: self.plan.driver, info: Some(info), state });
            }
            Progress::Networks { networks, is_complete: true } => self.seen = Some(networks),
            Progress::Pushed(outcome) => self.outcome = Some(*outcome),
            Progress::CredentialPushed { evidence, .. } => self.taken.push(evidence),
            Progress::StepFailed { step: Step::Credential, problem } => {
                self.todo.credential_failed();
                self.problem = Some(problem);
            }
            Progress::StepFailed { step: Step::Push, problem } => {
                (self.problem, self.has_pushed) = (Some(problem), false);
            }
            Progress::Ready => {
                let request = self.next();
                // A session that has ended meanwhile takes nothing more.
                let _ = self.requests.send(request).await;
            }
            _ => {}
        }
        None
    }

    fn next(&mut self) -> Request {
        match self.todo.take_next() {
            Some(Todo::Credential((id, content))) => Request::PushCredential { id, content },
            Some(Todo::Hostname(name)) => Request::SetHostname(name),
            Some(Todo::DeviceName(name)) => Request::SetDeviceName(name),
            Some(Todo::Scan) => Request::ScanNetworks,
            Some(Todo::Network(draft)) => {
                let (credentials, findings) = check(draft, &self.rules, self.seen.as_deref(), None);
                if let Some(credentials) = credentials {
                    self.has_pushed = true;
                    return Request::Push(credentials);
                }
                self.problem = findings.errors.into_iter().next();
                Request::Close
            }
            None => Request::Close,
        }
    }

    fn conclude(self, end: JobEnd) -> RowResult {
        let (gateway, told) = (self.gateway.clone(), self.told.clone());
        RowResult { gateway, told: Box::new(told), ..self.result(end) }
    }

    fn result(self, end: JobEnd) -> RowResult {
        // A record that could not be written is told, whatever the gateway said: the next run would not know of it.
        let records_lost = matches!(&end, JobEnd::Failed(problem) if problem.code.starts_with("records."));
        if let Some(outcome) = &self.outcome
            && !records_lost
        {
            return RowResult {
                evidence: evidence_word(outcome),
                ..RowResult::without_session(
                    outcome.verdict.into(),
                    outcome.code,
                    outcome.summary.clone(),
                    outcome.next_step.clone(),
                )
            };
        }
        match (end, self.problem) {
            (JobEnd::Failed(problem), _) => {
                let is_open = self.has_pushed;
                failed(&problem, if is_open { RowOutcome::Unknown } else { RowOutcome::Failed })
            }
            (JobEnd::Cancelled, _) if self.has_pushed => RowResult::without_session(
                RowOutcome::Unknown,
                "session.stopped",
                "Stopped after the credentials were sent".into(),
                "Verify on the device whether it joined".into(),
            ),
            (JobEnd::Cancelled, _) => RowResult::without_session(
                RowOutcome::Stopped,
                "session.stopped",
                "Stopped before the network was sent".into(),
                GO_ON.into(),
            ),
            (JobEnd::Done { .. }, Some(problem)) => failed(&problem, RowOutcome::Failed),
            (JobEnd::Done { note }, None) if self.plan.network.is_none() && !self.taken.is_empty() => RowResult {
                evidence: self.taken.last().map(|evidence| evidence.kind),
                ..RowResult::without_session(
                    RowOutcome::Done,
                    "session.credentials",
                    note,
                    "Check that the gateway reaches its service".into(),
                )
            },
            (JobEnd::Done { note }, None) => {
                RowResult::without_session(RowOutcome::Failed, "session.closed", note, "Retry it".into())
            }
        }
    }
}
