//! A session driven by a list of things to do, with its progress printed as it comes.

use serde_json::json;

use super::output::{Output, tagged};
use crate::backend::Handle;
use crate::model::agenda::{Agenda, Todo};
use crate::model::credentials::{WifiCredentials, WifiDraft, check};
use crate::model::gateway::Probe;
use crate::model::ids::{JobId, LinkAddress};
use crate::model::outcome::{Evidence, Outcome};
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::model::text::visible;
use crate::model::wifi::{LaptopScan, NearbyNetwork, Network, Signal, WifiRules, parse_ssid};
use crate::msg::{Command, Event, JobEnd, Progress, Request, Step};

/// What a session has to do: credentials with their content, and a network that is checked against the gateway's scan.
pub(super) type Todos = Agenda<(String, Secret<Vec<u8>>), WifiDraft>;

/// One act that sends no credentials, done before anything else.
struct PlannedAct {
    request: Request,
    /// The gateway's name as it was typed to confirm it; `None` where nothing is changed.
    confirmed: Option<String>,
}

/// What came of an act.
pub(super) struct Act {
    /// Which.
    pub(super) step: Step,
    /// What the gateway said, or why it was skipped.
    pub(super) note: String,
    /// Whether it was done.
    pub(super) is_done: bool,
}

/// A session that was asked for and is on its way.
pub(super) struct Session {
    pub(super) job: JobId,
    rules: WifiRules,
    todo: Todos,
    /// What passed the check before the gateway was asked: most likely what is sent.
    early: Option<WifiCredentials>,
    seen: Option<Vec<Network>>,
    laptop: Laptop,
    /// The gateway is ready, and the laptop's scan is waited for.
    is_held: bool,
    outcomes: Vec<Outcome>,
    taken: Vec<(String, Evidence)>,
    refusal: Option<Problem>,
    failed: Option<(Step, Problem)>,
    wants_network: bool,
    /// Whether sending something to the gateway began.
    has_sent: bool,
    probed: Vec<(LinkAddress, Probe)>,
    /// What confirms an act: what the gateway calls itself, else its place.
    name: String,
    /// The act that is still to be asked for.
    planned: Option<PlannedAct>,
    /// What came of the last step that an act may be.
    act: Option<Act>,
}

/// What is known of the laptop's scan.
enum Laptop {
    NotAsked,
    Asked,
    Here(LaptopScan),
}

/// How a session ended.
pub(super) struct Ended {
    /// The verdict of each push, in order.
    pub(super) outcomes: Vec<Outcome>,
    /// The tokens and files that were taken.
    pub(super) taken: Vec<(String, Evidence)>,
    /// The first step that was asked for and failed without a verdict.
    pub(super) failed: Option<(Step, Problem)>,
    /// Whether a network was to be sent.
    pub(super) wants_network: bool,
    /// Whether sending something to the gateway began.
    pub(super) has_sent: bool,
    /// The gateway's scan.
    pub(super) seen: Option<Vec<Network>>,
    /// Why our check kept credentials back although the gateway was ready.
    pub(super) refusal: Option<Problem>,
    /// What came of an act.
    pub(super) act: Option<Act>,
    /// Gateways that answered a question, or did not, while the session ran.
    pub(super) probed: Vec<(LinkAddress, Probe)>,
    /// How the job ended.
    pub(super) end: JobEnd,
}

impl Session {
    pub(super) fn new(job: JobId, rules: WifiRules, todo: Todos) -> Self {
        let (laptop, is_held) = (Laptop::NotAsked, false);
        let wants_network = todo.network().is_some();
        Self {
            job,
            rules,
            todo,
            early: None,
            seen: None,
            laptop,
            is_held,
            outcomes: Vec::new(),
            taken: Vec::new(),
            refusal: None,
            failed: None,
            wants_network,
            has_sent: false,
            probed: Vec::new(),
            name: String::new(),
            planned: None,
            act: None,
        }
    }

    /// Where the gateway is, which is its name where it tells none.
    pub(super) fn at(self, place: &str) -> Self {
        Self { name: visible(place, 80), ..self }
    }

    /// Asks for one act, if the gateway's name is the one that confirms it.
    pub(super) fn acting(self, request: Request, confirmed: Option<String>) -> Self {
        Self { planned: Some(PlannedAct { request, confirmed }), ..self }
    }

    /// Derives the key of these credentials while the gateway is still being reached: on a slow computer it takes a while.
    pub(super) fn expecting(self, early: Option<WifiCredentials>) -> Self {
        if let Some(credentials) = early.clone() {
            let derives = std::thread::Builder::new().name("derived key".into());
            // Without it the key is derived when it is sent.
            let _ = derives.spawn(move || credentials.derived_key().is_some());
        }
        Self { early, ..self }
    }

    /// Lets credentials wait for what the laptop sees, which was asked for.
    pub(super) fn with_laptop_scan(self) -> Self {
        Self { laptop: Laptop::Asked, ..self }
    }

    /// Does what is to be done and closes the session.
    pub(super) fn run(mut self, handle: &mut Handle, out: &mut Output) -> Ended {
        let end = loop {
            match handle.recv_blocking() {
                Some(Event::SessionProgressed { job, at, progress }) if job == self.job => {
                    print_progress(at.as_millis(), &progress, out);
                    if let Err(problem) = self.take_in(handle, progress, out) {
                        break JobEnd::Failed(problem);
                    }
                }
                Some(Event::JobFinished { job, end }) if job == self.job => break end,
                Some(Event::LaptopScanned(scan)) => {
                    if let Err(problem) = self.take_laptop(handle, scan, out) {
                        break JobEnd::Failed(problem);
                    }
                }
                Some(Event::Probed { link, probe, .. }) => self.probed.push((link, probe)),
                Some(Event::Trouble(problem)) => out.problem(&problem),
                Some(_) => {}
                None => break JobEnd::Failed(workers_gone()),
            }
        };
        let Self { outcomes, taken, seen, refusal, failed, wants_network, has_sent, probed, act, .. } = self;
        Ended { outcomes, taken, failed, wants_network, has_sent, seen, refusal, act, probed, end }
    }

    fn take_in(&mut self, handle: &Handle, progress: Progress, out: &mut Output) -> Result<(), Problem> {
        match progress {
            Progress::Networks { networks, is_complete: true } => self.seen = Some(networks),
            Progress::Pushed(outcome) => self.outcomes.push(*outcome),
            Progress::StepStarted { step: Step::Push | Step::Credential | Step::Rename, .. } => self.has_sent = true,
            Progress::CredentialPushed { id, evidence } => self.taken.push((id, evidence)),
            Progress::StepFailed { step: Step::Credential, problem } => {
                self.todo.credential_failed();
                self.failed.get_or_insert((Step::Credential, problem));
            }
            // Without a scan or a description commissioning still works; what was asked for must not fail unnoticed.
            Progress::StepFailed {
                step: step @ (Step::Rename | Step::Push | Step::Identify | Step::Reprovision),
                problem,
            } => {
                self.failed.get_or_insert((step, problem));
            }
            Progress::Described { info: Some(info), .. } if !info.name.trim().is_empty() => {
                self.name = visible(info.name.trim(), 80);
            }
            Progress::StepDone { step: step @ (Step::Identify | Step::Reprovision), note } => {
                self.act = Some(Act { step, note, is_done: true });
            }
            Progress::StepSkipped { step: step @ (Step::Identify | Step::Reprovision), reason } => {
                self.act = Some(Act { step, note: reason, is_done: false });
            }
            Progress::Ready => self.go_on(handle, out)?,
            _ => {}
        }
        Ok(())
    }

    fn take_laptop(&mut self, handle: &Handle, scan: LaptopScan, out: &mut Output) -> Result<(), Problem> {
        print_laptop(&scan, self.todo.network(), out);
        self.laptop = Laptop::Here(scan);
        if std::mem::take(&mut self.is_held) { self.go_on(handle, out) } else { Ok(()) }
    }

    /// Asks for the next thing, unless that needs the laptop's scan and it is still under way: it ends within seconds.
    fn go_on(&mut self, handle: &Handle, out: &mut Output) -> Result<(), Problem> {
        if self.todo.is_network_next() && matches!(self.laptop, Laptop::Asked) {
            self.is_held = true;
            return Ok(());
        }
        let request = self.next_request(out);
        handle.try_send(Command::Session { job: self.job, request })
    }

    fn next_request(&mut self, out: &mut Output) -> Request {
        if let Some(planned) = self.planned.take() {
            return self.act_request(planned);
        }
        match self.todo.take_next() {
            Some(Todo::Credential((id, content))) => Request::PushCredential { id, content },
            Some(Todo::Hostname(name)) => Request::SetHostname(name),
            Some(Todo::DeviceName(name)) => Request::SetDeviceName(name),
            Some(Todo::Scan) => Request::ScanNetworks,
            Some(Todo::Network(draft)) => self.checked(&draft, out).map_or(Request::Close, Request::Push),
            None => Request::Close,
        }
    }

    fn act_request(&mut self, planned: PlannedAct) -> Request {
        match planned.confirmed {
            Some(name) if name.trim() != self.name => {
                self.refusal = Some(not_confirmed(&self.name));
                Request::Close
            }
            _ => planned.request,
        }
    }

    /// The credentials, if the check with the gateway's own scan lets them pass.
    fn checked(&mut self, draft: &WifiDraft, out: &mut Output) -> Option<WifiCredentials> {
        let laptop = if let Laptop::Here(scan) = &self.laptop { scan.seen() } else { None };
        let (credentials, findings) = check(draft, &self.rules, self.seen.as_deref(), laptop);
        for warning in &findings.warnings {
            out.warning(warning);
        }
        self.refusal = findings.errors.into_iter().next();
        // The same ones, with the key that is derived by now.
        let early = self.early.take();
        if early == credentials { early } else { credentials }
    }
}

fn not_confirmed(name: &str) -> Problem {
    Problem::new(
        "device.not_confirmed",
        format!("Nothing was done: the confirmation does not name “{name}”"),
        "Changes are confirmed with the gateway's name, so that the wrong one isn't changed",
        format!("Check that this is the right gateway, then confirm with its name, “{name}”"),
    )
}

/// The workers ended although the front end is there.
pub(super) fn workers_gone() -> Problem {
    Problem::new("app.workers_gone", "The workers ended early", "A mistake in the program", "Try again with --verbose")
}

fn print_progress(at_millis: u128, progress: &Progress, out: &mut Output) {
    let step = |step: Step, state: &str, note: &str| json!({ "kind": "step", "step": step.as_str(), "state": state, "note": note, "at_millis": at_millis });
    match progress {
        Progress::StepStarted { step: begun, waits_for, .. } => out.json(&step(*begun, "started", waits_for)),
        Progress::StepDone { step: done, note } => {
            out.json(&step(*done, "done", note));
            out.text(format!("{:>7.1} s  {:<28} {note}", seconds(at_millis), done.label()));
        }
        Progress::StepSkipped { step: skipped, reason } => {
            out.json(&step(*skipped, "skipped", reason));
            out.text(format!("{:>7.1} s  {:<28} skipped: {reason}", seconds(at_millis), skipped.label()));
        }
        Progress::StepFailed { step: failed, problem } => {
            out.json(&step(*failed, "failed", problem.code));
            out.text(format!("{:>7.1} s  {:<28} failed: {}", seconds(at_millis), failed.label(), problem.what));
        }
        Progress::Networks { networks, is_complete: true } => print_networks(networks, out),
        Progress::Described { info, state, .. } => {
            out.json(&json!({ "kind": "described", "info": info, "state": state, "at_millis": at_millis }));
        }
        Progress::StateChanged(state) => {
            out.json(&json!({ "kind": "state", "state": state, "at_millis": at_millis }));
        }
        Progress::DeviceLog(lines) => {
            out.json(&json!({ "kind": "device-log", "lines": lines, "at_millis": at_millis }));
        }
        Progress::Protected(protection) => {
            let warning = protection.warning();
            out.json(
                &json!({ "kind": "protection", "protection": protection, "warning": warning, "at_millis": at_millis }),
            );
            if let Some(warning) = warning {
                out.note(warning);
            }
        }
        Progress::AwaitingButton { limit } => {
            out.json(&json!({ "kind": "button", "limit_secs": limit.as_secs(), "at_millis": at_millis }));
            out.text(format!("           Press the button on the gateway within {} s", limit.as_secs()));
        }
        Progress::CredentialPushed { id, evidence } => {
            out.json(
                &json!({ "kind": "credential-sent", "credential": id, "evidence": evidence, "at_millis": at_millis }),
            );
            out.text(format!("           {id}: {}", evidence.kind.label()));
        }
        Progress::Networks { .. } | Progress::Pushed(_) | Progress::Ready => {}
    }
}

fn print_networks(networks: &[Network], out: &mut Output) {
    for network in networks {
        let (ssid, security) = (network.ssid.shown(), network.security.label());
        out.json(&json!({ "kind": "network", "ssid": ssid, "rssi_dbm": network.rssi_dbm, "security": security }));
        let signal = network
            .rssi_dbm
            .map_or_else(|| "unknown signal".to_owned(), |dbm| format!("{dbm} dBm, {}", Signal::from_dbm(dbm).label()));
        out.text(format!("           {ssid:<32} {signal:<18} {security}"));
    }
}

fn print_laptop(scan: &LaptopScan, draft: Option<&WifiDraft>, out: &mut Output) {
    let reason = if let LaptopScan::NotChecked { reason } = scan { Some(reason) } else { None };
    let networks = scan.seen().map(|networks| {
        let one = |network: &NearbyNetwork| {
            json!({ "ssid": network.ssid.shown(), "band": network.band, "security": network.security.label() })
        };
        networks.iter().map(one).collect::<Vec<_>>()
    });
    out.json(&json!({ "kind": "laptop-scan", "networks": networks, "not_checked": reason }));
    let ssid = draft.and_then(|draft| parse_ssid(&draft.ssid).ok());
    if let Some(words) = scan.words(ssid.as_ref()) {
        out.text(format!("           {words}"));
    }
}

/// Prints a verdict with its evidence, causes and next step.
pub(super) fn print_outcome(outcome: &Outcome, out: &mut Output) {
    out.json(&tagged("outcome", outcome));
    out.text(format!("\n{}: {}", outcome.verdict.as_str().to_uppercase(), outcome.summary));
    out.text(format!("  {:<13} {}", "protection", outcome.protection.label()));
    for evidence in &outcome.evidence {
        out.text(format!("  {:<13} {}", evidence.kind.label(), evidence.text));
    }
    for (number, cause) in outcome.causes.iter().enumerate() {
        out.text(format!("  cause {:<7} {} ({})", number + 1, cause.text, cause.because));
    }
    out.text(format!("  next step     {}", outcome.next_step));
}

/// Milliseconds as seconds for a line of text.
fn seconds(millis: u128) -> f64 {
    std::time::Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)).as_secs_f64()
}
