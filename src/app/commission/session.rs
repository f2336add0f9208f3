//! One session with a gateway as the screen shows it: steps, facts, networks, outcome, log.
//!
//! Takes in [`Progress`] and nothing else; what to ask next is decided in the parent module.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::model::gateway::{Capabilities, DeviceInfo, Protection, ProvisioningState};
use crate::model::ids::{DriverId, JobId, LinkAddress, ProfileId};
use crate::model::outcome::{Evidence, Outcome, Verdict};
use crate::model::problem::Problem;
use crate::model::wifi::Network;
use crate::msg::{JobEnd, Progress, Step};

/// Lines of the device log kept; the oldest go first.
const LOG_LINES: usize = 2000;
/// The steps every session shows from the start, so that nothing jumps as they begin.
const PLAN: [Step; 6] = [Step::Connect, Step::Describe, Step::ScanNetworks, Step::Push, Step::Follow, Step::ReadBack];

/// Whom a session is with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The link.
    pub link: LinkAddress,
    /// The name it is listed by.
    pub name: String,
    /// The profile, if one was chosen.
    pub profile: Option<ProfileId>,
    /// The driver spoken.
    pub driver: DriverId,
}

/// Where a session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It works on a request, or on the connection.
    Busy,
    /// It waits for the next request.
    Ready,
    /// It was told to end.
    Closing,
    /// It ended.
    Ended(JobEnd),
}

/// How it stands with the button of a gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Button {
    /// The gateway does not ask for it.
    #[default]
    NotNeeded,
    /// It has to be pressed before anything is sent.
    Needed,
    /// It has to be pressed now.
    Awaited {
        /// Since when that is waited for.
        since: Instant,
        /// How long at most.
        limit: Duration,
    },
    /// It was pressed.
    Pressed,
}

/// How a step stands.
#[derive(Clone, Debug, PartialEq)]
pub enum StepState {
    /// Not begun.
    Pending,
    /// Under way: since when, what it waits for, and when it gives up.
    Running {
        /// When it began.
        since: Instant,
        /// What it waits for.
        waits_for: String,
        /// How long it waits at most.
        limit: Duration,
    },
    /// Ended well.
    Done {
        /// What came of it.
        note: String,
        /// How long it took.
        took: Duration,
    },
    /// Left out.
    Skipped {
        /// Why.
        reason: String,
    },
    /// Failed.
    Failed {
        /// Why.
        problem: Problem,
        /// How long it took.
        took: Duration,
    },
    /// The session ended in its middle.
    Stopped,
}

/// A step of the stepper.
#[derive(Clone, Debug, PartialEq)]
pub struct StepLine {
    /// The step.
    pub step: Step,
    /// How it stands.
    pub state: StepState,
    began: Duration,
}

/// The networks the gateway sees.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ScanState {
    /// Nobody asked.
    #[default]
    NotAsked,
    /// It scans; more may come.
    Scanning,
    /// The list is complete.
    Complete,
    /// The gateway cannot scan.
    NotPossible(String),
    /// The scan failed.
    Failed(Problem),
}

/// One session.
pub struct Session {
    /// Its job.
    pub job: JobId,
    /// Whom it is with.
    pub target: Target,
    /// When it was started.
    pub started: Instant,
    /// Where it stands.
    pub phase: Phase,
    /// Its steps, planned ones first.
    pub steps: Vec<StepLine>,
    /// What the gateway said about itself.
    pub info: Option<DeviceInfo>,
    /// Where the gateway stands.
    pub state: Option<ProvisioningState>,
    /// What can be asked of it.
    pub capabilities: Capabilities,
    /// How the session is protected, once that is known.
    pub protection: Option<Protection>,
    /// How it stands with the button that has to be pressed.
    pub button: Button,
    /// The tokens and files that were taken, with how sure that is.
    pub credentials: Vec<(String, Evidence)>,
    /// The networks it sees, strongest first.
    pub networks: Vec<Network>,
    /// How the scan stands.
    pub scan: ScanState,
    /// How the last push ended.
    pub outcome: Option<Box<Outcome>>,
    /// The verdict on the push whose steps are shown; it stays while the passphrase is corrected.
    pub verdict: Option<Verdict>,
    /// Why the last request failed.
    pub problem: Option<Problem>,
    /// Why credentials were not sent by themselves though that was wanted.
    pub held_back: Option<&'static str>,
    /// What the device logged.
    pub log: VecDeque<String>,
}

impl Session {
    pub(super) fn new(job: JobId, target: Target, now: Instant) -> Self {
        let pending = |step| StepLine { step, state: StepState::Pending, began: Duration::ZERO };
        Self {
            job,
            target,
            started: now,
            phase: Phase::Busy,
            steps: PLAN.map(pending).into(),
            info: None,
            state: None,
            capabilities: Capabilities::default(),
            protection: None,
            button: Button::default(),
            credentials: Vec::new(),
            networks: Vec::new(),
            scan: ScanState::NotAsked,
            outcome: None,
            verdict: None,
            problem: None,
            held_back: None,
            log: VecDeque::new(),
        }
    }

    /// Whether it can be asked something now.
    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Ready
    }

    /// Whether it ended.
    pub const fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended(_))
    }

    /// The step under way.
    pub fn running_step(&self) -> Option<&StepLine> {
        self.steps.iter().find(|line| matches!(line.state, StepState::Running { .. }))
    }

    /// Whether the credentials are on their way or followed.
    pub fn is_pushing(&self) -> bool {
        self.running_step().is_some_and(|line| matches!(line.step, Step::Push | Step::Follow | Step::ReadBack))
    }

    /// Whether it takes Wi-Fi credentials, or may for all that is known yet.
    pub const fn may_have_wifi(&self) -> bool {
        self.state.is_none() || self.capabilities.wifi
    }

    /// The gateway's own scan, where it is complete.
    pub fn seen(&self) -> Option<&[Network]> {
        (self.scan == ScanState::Complete).then_some(&self.networks)
    }

    /// The best name for the gateway: its own if it told one.
    pub fn name(&self) -> &str {
        self.info.as_ref().map(|info| info.name.as_str()).filter(|name| !name.is_empty()).unwrap_or(&self.target.name)
    }

    /// When the credentials were sent.
    pub fn pushed_at(&self) -> Option<Instant> {
        let line = self.steps.iter().find(|line| line.step == Step::Push && line.state != StepState::Pending)?;
        Some(self.started + line.began)
    }

    /// A request was sent.
    pub(super) fn begin_request(&mut self) {
        self.phase = Phase::Busy;
        self.problem = None;
        self.held_back = None;
    }

    /// A push was sent: the steps after it start anew.
    pub(super) fn begin_push(&mut self) {
        self.begin_request();
        (self.outcome, self.verdict) = (None, None);
        for line in &mut self.steps {
            if matches!(line.step, Step::Push | Step::Follow | Step::ReadBack) {
                line.state = StepState::Pending;
            }
        }
    }

    pub(super) fn progressed(&mut self, at: Duration, progress: Progress, now: Instant) {
        match progress {
            Progress::StepStarted { step, waits_for, limit } => {
                if step == Step::ScanNetworks {
                    self.scan = ScanState::Scanning;
                }
                let line = self.line(step);
                line.began = at;
                line.state = StepState::Running { since: now, waits_for, limit };
            }
            Progress::StepDone { step, note } => self.step_done(step, note, at),
            Progress::StepSkipped { step, reason } => self.step_skipped(step, reason),
            Progress::StepFailed { step, problem } => self.step_failed(step, problem, at),
            Progress::Described { info, state, capabilities } => {
                (self.info, self.capabilities) = (info, capabilities);
                self.take_state(state);
                self.drop_what_never_comes();
            }
            Progress::StateChanged(state) => self.take_state(state),
            Progress::Protected(protection) => self.protection = Some(protection),
            Progress::AwaitingButton { limit } => self.button = Button::Awaited { since: now, limit },
            Progress::CredentialPushed { id, evidence } => {
                self.credentials.retain(|(known, _)| *known != id);
                self.credentials.push((id, evidence));
            }
            Progress::Networks { networks, is_complete } => {
                self.networks = networks;
                self.scan = if is_complete { ScanState::Complete } else { ScanState::Scanning };
            }
            Progress::Pushed(outcome) => {
                // Not every driver tells its state again after a join.
                if outcome.verdict == Verdict::Joined {
                    self.state = Some(ProvisioningState::Provisioned);
                }
                self.verdict = Some(outcome.verdict);
                self.outcome = Some(outcome);
            }
            Progress::Ready if self.phase == Phase::Busy => self.phase = Phase::Ready,
            Progress::Ready => {}
            Progress::DeviceLog(lines) => self.log_lines(lines),
        }
    }

    pub(super) fn ended(&mut self, end: JobEnd) {
        for line in &mut self.steps {
            if matches!(line.state, StepState::Running { .. }) {
                line.state = StepState::Stopped;
            }
        }
        if self.scan == ScanState::Scanning {
            self.scan = ScanState::NotAsked;
        }
        self.phase = Phase::Ended(end);
    }

    fn take_state(&mut self, state: ProvisioningState) {
        self.state = Some(state);
        self.button = match (state, self.button) {
            (ProvisioningState::AuthorizationRequired, awaited @ Button::Awaited { .. }) => awaited,
            (ProvisioningState::AuthorizationRequired, _) => Button::Needed,
            (ProvisioningState::Ready | ProvisioningState::Provisioning, button) if button != Button::NotNeeded => {
                Button::Pressed
            }
            _ => Button::NotNeeded,
        };
    }

    /// What became of the token of that id, if it was sent.
    pub fn token(&self, id: &str) -> Option<&Evidence> {
        self.credentials.iter().find(|(known, _)| known == id).map(|(_, evidence)| evidence)
    }

    fn step_done(&mut self, step: Step, note: String, at: Duration) {
        if step == Step::ScanNetworks && self.scan == ScanState::Scanning {
            self.scan = ScanState::Complete;
        }
        let line = self.line(step);
        line.state = StepState::Done { note, took: at.saturating_sub(line.began) };
    }

    fn step_skipped(&mut self, step: Step, reason: String) {
        if step == Step::ScanNetworks {
            self.scan = ScanState::NotPossible(reason.clone());
        }
        self.line(step).state = StepState::Skipped { reason };
    }

    fn step_failed(&mut self, step: Step, problem: Problem, at: Duration) {
        if step == Step::ScanNetworks {
            self.scan = ScanState::Failed(problem.clone());
        } else {
            self.problem = Some(problem.clone());
            if matches!(self.button, Button::Awaited { .. }) {
                self.button = Button::Needed;
            }
        }
        let line = self.line(step);
        line.state = StepState::Failed { problem, took: at.saturating_sub(line.began) };
    }

    fn line(&mut self, step: Step) -> &mut StepLine {
        let index = self.steps.iter().position(|line| line.step == step).unwrap_or_else(|| {
            self.steps.push(StepLine { step, state: StepState::Pending, began: Duration::ZERO });
            self.steps.len() - 1
        });
        &mut self.steps[index]
    }

    /// Takes out the planned steps that a gateway without Wi-Fi never comes to.
    fn drop_what_never_comes(&mut self) {
        let is_for_wifi = |step| matches!(step, Step::ScanNetworks | Step::Push | Step::Follow | Step::ReadBack);
        let never_comes = |line: &StepLine| line.state == StepState::Pending && is_for_wifi(line.step);
        if !self.capabilities.wifi {
            self.steps.retain(|line| !never_comes(line));
        }
    }

    fn log_lines(&mut self, lines: Vec<String>) {
        self.log.extend(lines);
        let surplus = self.log.len().saturating_sub(LOG_LINES);
        self.log.drain(..surplus);
    }
}
