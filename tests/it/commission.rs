//! Commissioning against simulated gateways, on a paused clock: each file in `tests/data/commission` is a scenario.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use linesman::flow::commission::{Setup, run};
use linesman::flow::port::{Links, RadioEvent};
use linesman::flow::report::Report;
use linesman::flow::transcript::SharedTranscript;
use linesman::model::access::Access;
use linesman::model::credentials::{WifiCredentials, WifiKey};
use linesman::model::gateway::{Probe, Protection, ProvisioningState};
use linesman::model::ids::{DriverId, LinkAddress, LinkKind};
use linesman::model::outcome::Outcome;
use linesman::model::record::JobIntent;
use linesman::model::secret::Secret;
use linesman::model::wifi::{WifiRules, parse_ssid};
use linesman::msg::{JobEnd, Progress, Request, Step};
use linesman::proto::improv::State;
use linesman::proto::improv::ble::parse_service_data;
use linesman::sim::{Fault, ImprovBle};
use serde::Deserialize;
use tokio::sync::{mpsc, watch};

use crate::support::{MemoryRecords, PASSPHRASE, SSID, address, ble_address, ble_gateway, ble_links, links};

/// A scenario file: how the gateway behaves, what is done, what must be seen.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// What the scenario is about.
    about: String,
    /// The link the gateway hangs at.
    #[serde(default = "serial")]
    link: LinkKind,
    #[serde(default)]
    faults: Vec<String>,
    /// Passphrases tried one after the other; the default is the right one.
    #[serde(default = "right")]
    passphrases: Vec<String>,
    #[serde(default = "site")]
    ssid: String,
    #[serde(default)]
    hidden: bool,
    #[serde(default = "yes")]
    scan: bool,
    /// A host name that is set before the credentials are sent.
    hostname: Option<String>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// `verdict code` of each outcome, in order; a late word counts.
    outcomes: Vec<String>,
    /// Text that the first cause of the last outcome holds.
    first_cause: Option<String>,
    /// Text that the next step of the last outcome holds.
    next_step: Option<String>,
    /// Texts the evidence of the last outcome holds, with its kind: `observed: …`.
    #[serde(default)]
    evidence: Vec<String>,
    /// Code of the problem the session ends with.
    problem: Option<String>,
    /// How many networks the gateway lists.
    networks: Option<usize>,
    /// The sentence that setting the host name ends with, or the code of its problem.
    renamed: Option<String>,
    /// How often the button is asked for.
    #[serde(default)]
    buttons: usize,
    /// Text in the transcript.
    transcript: Option<String>,
    /// Text in the device log.
    log: Option<String>,
    /// Limit on the whole session, seconds of simulated time.
    within_secs: u64,
}

const fn serial() -> LinkKind {
    LinkKind::Serial
}

fn right() -> Vec<String> {
    vec![PASSPHRASE.into()]
}

fn site() -> String {
    SSID.into()
}

const fn yes() -> bool {
    true
}

fn credentials(ssid: &str, passphrase: &str, is_hidden: bool) -> WifiCredentials {
    WifiCredentials::new(
        parse_ssid(ssid).expect("scenarios hold valid names"),
        WifiKey::Passphrase(Secret::new(passphrase.into())),
        is_hidden,
    )
}

/// A session that a test drives.
struct Driven {
    requests: mpsc::Sender<Request>,
    progress: mpsc::Receiver<(Duration, Progress)>,
    stop: watch::Sender<bool>,
    end: tokio::task::JoinHandle<JobEnd>,
    records: MemoryRecords,
    transcript: SharedTranscript,
    seen: Vec<(Duration, Progress)>,
}

impl Driven {
    fn start(faults: &[Fault]) -> Self {
        Self::start_at(&address(), Arc::new(links(faults)))
    }

    fn start_over_ble(device: ImprovBle) -> Self {
        Self::start_at(&ble_address(), Arc::new(ble_links(device)))
    }

    fn start_at(link: &LinkAddress, links: Arc<dyn Links>) -> Self {
        let (requests, request_rx) = mpsc::channel(4);
        let (progress_tx, progress) = mpsc::channel(256);
        let (stop, stop_rx) = watch::channel(false);
        let (records, transcript) = (MemoryRecords::default(), SharedTranscript::new("scenario"));
        let setup = Setup {
            link: link.clone(),
            driver: DriverId::Improv,
            access: Access::default(),
            settings: None,
            credentials: Vec::new(),
            rules: WifiRules::standard(),
            intent: JobIntent {
                action: "commission".into(),
                gateway: "SIM1".into(),
                link: link.to_string(),
                profile: None,
                driver: Some("improv".into()),
                operator: "tester".into(),
                is_simulated: true,
            },
            links,
            records: Arc::new(records.clone()),
            report: Report::new(progress_tx),
            transcript: transcript.clone(),
        };
        let end = tokio::spawn(run(setup, request_rx, stop_rx));
        Self { requests, progress, stop, end, records, transcript, seen: Vec::new() }
    }

    /// Takes progress in until `is_it` holds; `false` when the session ended before.
    async fn until(&mut self, is_it: impl Fn(&Progress) -> bool) -> bool {
        while let Some((at, progress)) = self.progress.recv().await {
            let is_found = is_it(&progress);
            self.seen.push((at, progress));
            if is_found {
                return true;
            }
        }
        false
    }

    async fn until_ready(&mut self) -> bool {
        self.until(|progress| matches!(progress, Progress::Ready)).await
    }

    async fn ask(&self, request: Request) {
        self.requests.send(request).await.unwrap_or_else(|_| panic!("the session takes requests"));
    }

    /// What came of each rename: the sentence, or the code of the problem.
    fn renames(&self) -> Vec<String> {
        self.seen
            .iter()
            .filter_map(|(_, progress)| match progress {
                Progress::StepDone { step: Step::Rename, note } => Some(note.clone()),
                Progress::StepFailed { step: Step::Rename, problem } => Some(problem.code.to_owned()),
                _ => None,
            })
            .collect()
    }

    fn outcomes(&self) -> Vec<&Outcome> {
        self.seen
            .iter()
            .filter_map(|(_, progress)| if let Progress::Pushed(outcome) = progress { Some(&**outcome) } else { None })
            .collect()
    }
}

/// Plays a scenario as the window would and returns the session after its end.
async fn play(scenario: &Scenario) -> (Driven, JobEnd) {
    let faults: Vec<Fault> = scenario.faults.iter().map(|name| name.parse().expect("a fault we know")).collect();
    let mut driven = match scenario.link {
        LinkKind::Ble => Driven::start_over_ble(ble_gateway(&faults)),
        _ => Driven::start(&faults),
    };
    let mut is_open = driven.until_ready().await;
    if is_open && scenario.scan {
        driven.ask(Request::ScanNetworks).await;
        is_open = driven.until_ready().await;
    }
    if let (true, Some(name)) = (is_open, &scenario.hostname) {
        driven.ask(Request::SetHostname(name.clone())).await;
        is_open = driven.until_ready().await;
    }
    for passphrase in &scenario.passphrases {
        if is_open {
            driven.ask(Request::Push(credentials(&scenario.ssid, passphrase, scenario.hidden))).await;
            is_open = driven.until_ready().await;
        }
    }
    // A late word may follow an open end; otherwise the session is closed.
    let is_unknown = driven.outcomes().last().is_some_and(|outcome| outcome.code == "improv.no_verdict");
    if is_open && is_unknown {
        let late = driven.until(|progress| matches!(progress, Progress::Pushed(_)));
        let _ = tokio::time::timeout(Duration::from_mins(1), late).await;
    }
    if is_open {
        // A late word may have ended the session already.
        let _ = driven.requests.send(Request::Close).await;
    }
    driven.until(|_| false).await;
    let end = (&mut driven.end).await.expect("sessions do not panic");
    (driven, end)
}

async fn check(name: &str, scenario: &Scenario) {
    let started = tokio::time::Instant::now();
    let (driven, end) = play(scenario).await;
    let about = format!("{name}: {}\n{:#?}\n{end:?}", scenario.about, driven.seen);
    let expect = &scenario.expect;
    let outcomes: Vec<String> =
        driven.outcomes().iter().map(|outcome| format!("{} {}", outcome.verdict.as_str(), outcome.code)).collect();
    assert_eq!(outcomes, expect.outcomes, "{about}");
    if let Some(last) = driven.outcomes().last() {
        assert!(!last.next_step.is_empty(), "{about}");
        let first_cause = last.causes.first().map(|cause| cause.text.clone()).unwrap_or_default();
        assert!(first_cause.contains(expect.first_cause.as_deref().unwrap_or_default()), "{about}");
        assert!(last.next_step.contains(expect.next_step.as_deref().unwrap_or_default()), "{about}");
        let evidence: Vec<String> =
            last.evidence.iter().map(|evidence| format!("{}: {}", evidence.kind.label(), evidence.text)).collect();
        for wanted in &expect.evidence {
            assert!(evidence.iter().any(|line| line.contains(wanted)), "no `{wanted}` in {evidence:#?}\n{about}");
        }
    }
    let code = if let JobEnd::Failed(problem) = &end { Some(problem.code.to_owned()) } else { None };
    assert_eq!(code, expect.problem, "{about}");
    assert_eq!(driven.renames().last(), expect.renamed.as_ref(), "{about}");
    let is_button = |progress: &Progress| matches!(progress, Progress::AwaitingButton { .. });
    assert_eq!(driven.seen.iter().filter(|(_, progress)| is_button(progress)).count(), expect.buttons, "{about}");
    let transcript = driven.transcript.render();
    assert!(transcript.contains(expect.transcript.as_deref().unwrap_or_default()), "{transcript}\n{about}");
    check_networks_and_log(&driven, expect, &about);
    assert!(started.elapsed() <= Duration::from_secs(expect.within_secs), "took {:?}\n{about}", started.elapsed());
    check_records(&driven, &about);
}

fn check_networks_and_log(driven: &Driven, expect: &Expect, about: &str) {
    let networks = driven.seen.iter().rev().find_map(|(_, progress)| match progress {
        Progress::Networks { networks, is_complete: true } => Some(networks.len()),
        _ => None,
    });
    if expect.networks.is_some() {
        assert_eq!(networks, expect.networks, "{about}");
    }
    let log: Vec<&String> = driven
        .seen
        .iter()
        .filter_map(|(_, progress)| if let Progress::DeviceLog(lines) = progress { Some(lines) } else { None })
        .flatten()
        .collect();
    if let Some(wanted) = &expect.log {
        assert!(log.iter().any(|line| line.contains(wanted.as_str())), "no `{wanted}` in {log:#?}\n{about}");
    }
    let shown = format!("{:?}", driven.seen);
    assert!(!shown.contains(['\u{202E}', '\u{1b}', '\u{7}']), "unsafe text is shown: {about}");
}

/// Every intent has an outcome, the job has an end, and no passphrase is anywhere.
fn check_records(driven: &Driven, about: &str) {
    let lines = driven.records.lines();
    for step in ["connect", "describe", "scan-networks", "push"] {
        let count = |phase: &str| lines.iter().filter(|line| line.starts_with(&format!("{step} {phase}"))).count();
        assert!(count("outcome") >= count("intent"), "{step} has no outcome in {lines:#?}\n{about}");
    }
    assert!(lines.last().is_some_and(|line| line.starts_with("end ")), "{lines:#?}\n{about}");
    let everything = format!("{lines:?}{:?}{}", driven.seen, driven.transcript.render());
    for secret in [PASSPHRASE, "wrong horse battery"] {
        assert!(!everything.contains(secret), "a passphrase leaked\n{everything}");
    }
}

/// Faults that Improv does not know; `device.rs` and `wipe.rs` play them.
const OF_OTHER_DRIVERS: [Fault; 12] = [
    Fault::OldVersion,
    Fault::SmallBuffer,
    Fault::NoParameters,
    Fault::Denied,
    Fault::NotKept,
    Fault::Offline,
    Fault::WipeLie,
    Fault::Regenerates,
    Fault::Swapped,
    Fault::GoneInWipe,
    Fault::ComesBack,
    Fault::ClockOff,
];

#[tokio::test(start_paused = true)]
async fn every_scenario_ends_as_its_file_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/commission");
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .expect("the scenarios are there")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    names.sort();
    assert!(names.len() >= Fault::ALL.len() - OF_OTHER_DRIVERS.len(), "a scenario for every fault");
    let mut faults_seen = Vec::new();
    for path in names {
        let text = std::fs::read_to_string(&path).expect("scenarios are text");
        let scenario: Scenario = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        faults_seen.extend(scenario.faults.clone());
        check(&path.file_stem().unwrap_or_default().to_string_lossy(), &scenario).await;
    }
    for fault in Fault::ALL.into_iter().filter(|fault| !OF_OTHER_DRIVERS.contains(fault)) {
        assert!(faults_seen.iter().any(|name| name == fault.as_str()), "no scenario for {fault}");
    }
}

/// Stops the session as soon as a step begins and tells how the job ended on record.
async fn stop_at(step: Step) -> (JobEnd, String) {
    let mut driven = Driven::start(&[Fault::Late]);
    let is_begun =
        |progress: &Progress| matches!(progress, Progress::StepStarted { step: begun, .. } if *begun == step);
    if matches!(step, Step::Connect | Step::Describe) {
        driven.until(is_begun).await;
    } else {
        driven.until_ready().await;
        let request = match step {
            Step::ScanNetworks => Request::ScanNetworks,
            _ => Request::Push(credentials(SSID, PASSPHRASE, false)),
        };
        driven.ask(request).await;
        driven.until(is_begun).await;
    }
    driven.stop.send(true).expect("the session listens");
    driven.until(|_| false).await;
    let end = (&mut driven.end).await.expect("sessions do not panic");
    (end, driven.records.lines().last().cloned().unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn a_session_can_be_stopped_in_every_step() {
    for (step, on_record) in [
        (Step::Connect, "end cancelled session.stopped"),
        (Step::Describe, "end cancelled session.stopped"),
        (Step::ScanNetworks, "end cancelled session.stopped"),
        (Step::Follow, "end unknown session.stopped"),
    ] {
        let started = tokio::time::Instant::now();
        let (end, last) = stop_at(step).await;
        assert_eq!(end, JobEnd::Cancelled, "{step:?}");
        assert!(last.starts_with(on_record), "{step:?}: {last}");
        assert!(started.elapsed() < Duration::from_secs(30), "{step:?}: stopping does not wait for the step");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopped_gateway_can_be_commissioned_again() {
    let (links, address) = (Arc::new(links(&[])) as Arc<dyn Links>, address());
    for _ in 0..2 {
        // The same gateway, through a probe that is dropped in the middle, then asked to the end.
        let half = linesman::flow::discover::probe(Arc::clone(&links), &address);
        let _ = tokio::time::timeout(Duration::from_micros(1), half).await;
        tokio::task::yield_now().await;
        let probe = linesman::flow::discover::probe(Arc::clone(&links), &address).await;
        assert!(matches!(probe, linesman::model::gateway::Probe::Answered(_)), "{probe:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn names_are_set_and_refused() {
    let mut driven = Driven::start(&[]);
    driven.until_ready().await;
    driven.ask(Request::SetHostname("gw-7".into())).await;
    driven.until_ready().await;
    driven.ask(Request::SetHostname("not a host name!".into())).await;
    driven.until_ready().await;
    driven.ask(Request::SetDeviceName("Boiler room".into())).await;
    driven.until_ready().await;
    assert_eq!(
        driven.renames(),
        [
            "The gateway answers with the name “gw-7”",
            "improv.bad_hostname",
            "The gateway answers with the name “Boiler room”"
        ]
    );
}

/// Connects to a gateway over Bluetooth, pushes, and tells the codes of the outcomes and how the session ended.
async fn push_to(device: ImprovBle) -> (Driven, Vec<&'static str>, JobEnd) {
    let mut driven = Driven::start_over_ble(device);
    if driven.until_ready().await {
        driven.ask(Request::Push(credentials(SSID, PASSPHRASE, false))).await;
        if driven.until_ready().await {
            let _ = driven.requests.send(Request::Close).await;
        }
    }
    driven.until(|_| false).await;
    let end = (&mut driven.end).await.expect("sessions do not panic");
    let codes = driven.outcomes().iter().map(|outcome| outcome.code).collect();
    (driven, codes, end)
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_has_a_network_says_so_and_takes_another() {
    let (driven, codes, _) = push_to(ble_gateway(&[]).in_state(ProvisioningState::Provisioned)).await;
    let is_said = |progress: &Progress| matches!(progress, Progress::StepDone { step: Step::Connect, note } if note == "The gateway answers: it has a network");
    assert!(driven.seen.iter().any(|(_, progress)| is_said(progress)), "{:#?}", driven.seen);
    assert_eq!(codes, ["improv.joined"]);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_service_ends_the_session_with_the_remedy() {
    let (_, codes, end) = push_to(ble_gateway(&[]).in_state(ProvisioningState::Stopped)).await;
    assert!(codes.is_empty());
    assert!(matches!(end, JobEnd::Failed(problem) if problem.code == "improv.stopped"));
}

#[tokio::test(start_paused = true)]
async fn what_another_client_began_is_waited_for() {
    let mut device = ble_gateway(&[]).in_state(ProvisioningState::Provisioning);
    let soon = tokio::time::Instant::now() + Duration::from_secs(20);
    device.change_state_at(soon.into_std(), ProvisioningState::Ready);
    let (_, codes, _) = push_to(device).await;
    assert_eq!(codes, ["improv.joined"]);

    let stuck = ble_gateway(&[]).in_state(ProvisioningState::Provisioning);
    let (driven, codes, _) = push_to(stuck).await;
    assert!(codes.is_empty());
    let is_told = |progress: &Progress| matches!(progress, Progress::StepFailed { step: Step::Push, problem } if problem.code == "improv.occupied");
    assert!(driven.seen.iter().any(|(_, progress)| is_told(progress)), "{:#?}", driven.seen);
}

#[tokio::test(start_paused = true)]
async fn identify_is_done_when_the_write_is_acknowledged() {
    let mut driven = Driven::start_over_ble(ble_gateway(&[]));
    driven.until_ready().await;
    driven.ask(Request::Identify).await;
    let is_done = |progress: &Progress| matches!(progress, Progress::StepDone { step: Step::Identify, .. });
    assert!(driven.until(is_done).await);
    let blinks = driven.transcript.render();
    assert!(blinks.contains("send identify, 3 bytes"), "{blinks}");
}

#[tokio::test(start_paused = true)]
async fn credentials_over_the_air_are_named_as_clear_text_everywhere() {
    let (driven, _, _) = push_to(ble_gateway(&[])).await;
    let is_told = |progress: &Progress| matches!(progress, Progress::Protected(Protection::ClearText));
    assert!(driven.seen.iter().any(|(_, progress)| is_told(progress)));
    assert!(driven.outcomes().iter().all(|outcome| outcome.protection == Protection::ClearText));
    let lines = driven.records.lines().join("\n");
    assert!(lines.contains("connect outcome done {\"protection\":\"clear-text\""), "{lines}");
}

#[tokio::test(start_paused = true)]
async fn a_gateway_on_the_air_is_heard_asked_and_heard_again() {
    let links = Arc::new(ble_links(ble_gateway(&[Fault::Authorization])));
    let mut radio = links.watch_radio().await.expect("there is a radio");
    let heard = async |radio: &mut linesman::flow::port::Radio| match radio.events.recv().await {
        Some(RadioEvent::Heard { link, advertisement }) => (link, advertisement),
        other => panic!("{other:?}"),
    };
    let (link, first) = heard(&mut radio).await;
    assert_eq!(link, ble_address());
    let told = first.service_data.first().and_then(|(_, data)| parse_service_data(data)).expect("its state");
    assert_eq!(told.state, State::Known(ProvisioningState::AuthorizationRequired));
    let probe = linesman::flow::discover::probe(links.clone(), &link).await;
    assert!(matches!(probe, Probe::Answered(identity) if identity.state == ProvisioningState::AuthorizationRequired));
    let mut signals = vec![first.rssi_dbm];
    for _ in 0..5 {
        signals.push(heard(&mut radio).await.1.rssi_dbm);
    }
    signals.dedup();
    assert!(signals.len() > 1, "signals wander: {signals:?}");
}
