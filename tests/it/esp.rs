//! Espressif's provisioning against simulated devices, on a paused clock: each file in `tests/data/esp/scenarios` is a scenario.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use linesman::flow::commission::{Setup, run};
use linesman::flow::report::Report;
use linesman::flow::transcript::SharedTranscript;
use linesman::model::access::Access;
use linesman::model::credentials::{WifiCredentials, WifiKey};
use linesman::model::gateway::PortFacts;
use linesman::model::ids::{DriverId, LinkAddress};
use linesman::model::outcome::Outcome;
use linesman::model::record::JobIntent;
use linesman::model::secret::Secret;
use linesman::model::wifi::{WifiRules, parse_ssid};
use linesman::msg::{JobEnd, Progress, Request, Step};
use linesman::profile::rules::SettingValue;
use linesman::profile::{DriverSettings, Profile, parse_profile};
use linesman::proto::esp::version::Scheme;
use linesman::sim::{Air, Card, EspDevice, EspPlan, Fault, SimulatedLinks};
use serde::Deserialize;
use tokio::sync::{mpsc, watch};

use crate::support::{MemoryRecords, PASSPHRASE, SSID};

/// The user name of the simulated devices.
const USERNAME: &str = "installer";
/// Their proof of possession.
const PROOF: &str = "simulated proof";
/// The token that scenarios push, with the line end that files have.
const TOKEN: &str = "a token of many letters\n";

/// The faults an Espressif device can have; others belong to other drivers.
const FAULTS: [Fault; 15] = [
    Fault::WrongPassphrase,
    Fault::NotFound,
    Fault::FiveGhzOnly,
    Fault::WeakSignal,
    Fault::NoDhcp,
    Fault::SlowJoin,
    Fault::Silent,
    Fault::SilentJoin,
    Fault::Noise,
    Fault::Truncated,
    Fault::BadChecksum,
    Fault::DropLink,
    Fault::Duplicates,
    Fault::Late,
    Fault::HostileTexts,
];

/// A scenario file: how the device behaves, what is done, what must be seen.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// What the scenario is about.
    about: String,
    #[serde(default = "http")]
    link: String,
    #[serde(default = "newest")]
    security: String,
    told_level: Option<u32>,
    told_patch: Option<u32>,
    #[serde(default)]
    without_control: bool,
    #[serde(default)]
    without_labels: bool,
    #[serde(default)]
    hangs_up: bool,
    #[serde(default)]
    loses_apply: bool,
    #[serde(default = "one")]
    attempts: u32,
    #[serde(default)]
    faults: Vec<String>,
    #[serde(default = "username")]
    username: String,
    #[serde(default = "proof")]
    proof: String,
    #[serde(default)]
    allows_unprotected: bool,
    #[serde(default = "level_1")]
    least_security: u8,
    /// Credentials of `tests/data/esp/profile.toml` that are pushed first.
    #[serde(default)]
    tokens: Vec<String>,
    #[serde(default = "right")]
    passphrases: Vec<String>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// `verdict code` of each outcome, in order.
    outcomes: Vec<String>,
    protection: Option<String>,
    first_cause: Option<String>,
    next_step: Option<String>,
    /// Texts the evidence of the last outcome holds, with its kind.
    #[serde(default)]
    evidence: Vec<String>,
    /// `id kind: text` of each token taken.
    #[serde(default)]
    taken: Vec<String>,
    /// Endpoint and what it was given.
    token: Option<(String, String)>,
    /// Text of what a step waits for.
    waits: Option<String>,
    /// Code of the problem the session ends with.
    problem: Option<String>,
    networks: Option<usize>,
    log: Option<String>,
    /// Limit on the whole session, seconds of simulated time.
    within_secs: u64,
}

fn http() -> String {
    "http".into()
}

fn newest() -> String {
    "2".into()
}

const fn one() -> u32 {
    1
}

const fn level_1() -> u8 {
    1
}

fn username() -> String {
    USERNAME.into()
}

fn proof() -> String {
    PROOF.into()
}

fn right() -> Vec<String> {
    vec![PASSPHRASE.into()]
}

fn scheme(text: &str) -> Scheme {
    match text {
        "0" => Scheme::Security0,
        "1" => Scheme::Security1 { is_without_proof: false },
        "1-without-proof" => Scheme::Security1 { is_without_proof: true },
        "2" => Scheme::Security2 { has_counter: true },
        "2-legacy" => Scheme::Security2 { has_counter: false },
        other => panic!("no security is called {other}"),
    }
}

fn address(link: &str) -> LinkAddress {
    match link {
        "http" => "http:192.0.2.1",
        "ble" => "ble:C4:4F:33:00:12:AF",
        "serial" => "serial:SIM1",
        other => panic!("no link is called {other}"),
    }
    .parse()
    .expect("addresses are well written")
}

fn data() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/esp")
}

fn profile() -> Profile {
    let text = std::fs::read_to_string(data().join("profile.toml")).expect("the profile is there");
    parse_profile("profile.toml", &text).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn device(scenario: &Scenario) -> Arc<Mutex<EspDevice>> {
    let mut plan = EspPlan::new(scheme(&scenario.security));
    plan.lock.username = USERNAME.into();
    plan.lock.secret = PROOF.into();
    plan.told_level = scenario.told_level;
    plan.told_patch = scenario.told_patch;
    plan.has_control = !scenario.without_control;
    plan.attempts = scenario.attempts;
    plan.hangs_up = scenario.hangs_up;
    plan.loses_apply = scenario.loses_apply;
    let faults: Vec<Fault> = scenario.faults.iter().map(|name| name.parse().expect("a fault we know")).collect();
    Arc::new(Mutex::new(EspDevice::new(plan, Air::site(SSID, PASSPHRASE), Card::in_memory(), &faults)))
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
    fn start(scenario: &Scenario, device: &Arc<Mutex<EspDevice>>) -> Self {
        let (requests, request_rx) = mpsc::channel(4);
        let (progress_tx, progress) = mpsc::channel(256);
        let (stop, stop_rx) = watch::channel(false);
        let (records, transcript) = (MemoryRecords::default(), SharedTranscript::new("scenario"));
        let link = address(&scenario.link);
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        let links = SimulatedLinks::default().with_esp(
            link.clone(),
            PortFacts::default(),
            Arc::clone(device),
            !scenario.without_labels,
        );
        let setup = Setup {
            driver: DriverId::EspProv,
            access: Access {
                username: given(&scenario.username),
                secret: given(&scenario.proof).map(Secret::new),
                allows_unprotected: scenario.allows_unprotected,
            },
            settings: Some(DriverSettings::of(
                DriverId::EspProv,
                &[("security", SettingValue::Number(scenario.least_security.into()))],
            )),
            credentials: profile().credentials,
            rules: WifiRules::standard(),
            intent: JobIntent {
                action: "commission".into(),
                gateway: "SIM1".into(),
                link: link.to_string(),
                profile: None,
                driver: Some("esp-prov".into()),
                operator: "tester".into(),
                is_simulated: true,
            },
            link,
            links: Arc::new(links),
            records: Arc::new(records.clone()),
            report: Report::new(progress_tx),
            transcript: transcript.clone(),
        };
        let end = tokio::spawn(run(setup, request_rx, stop_rx));
        Self { requests, progress, stop, end, records, transcript, seen: Vec::new() }
    }

    /// Takes progress in until the session is ready; `false` when it ended before.
    async fn until_ready(&mut self) -> bool {
        while let Some((at, progress)) = self.progress.recv().await {
            let is_ready = matches!(progress, Progress::Ready);
            self.seen.push((at, progress));
            if is_ready {
                return true;
            }
        }
        false
    }

    async fn ask(&mut self, request: Request) -> bool {
        self.requests.send(request).await.is_ok() && self.until_ready().await
    }

    fn outcomes(&self) -> Vec<&Outcome> {
        self.seen
            .iter()
            .filter_map(|(_, progress)| if let Progress::Pushed(outcome) = progress { Some(&**outcome) } else { None })
            .collect()
    }
}

fn credentials(passphrase: &str) -> WifiCredentials {
    WifiCredentials::new(
        parse_ssid(SSID).expect("a valid name"),
        WifiKey::Passphrase(Secret::new(passphrase.into())),
        false,
    )
}

/// Plays a scenario as the window would and returns the session after its end.
async fn play(scenario: &Scenario, device: &Arc<Mutex<EspDevice>>) -> (Driven, JobEnd) {
    let mut driven = Driven::start(scenario, device);
    let mut is_open = driven.until_ready().await;
    for id in &scenario.tokens {
        let content = Secret::new(TOKEN.as_bytes().to_vec());
        is_open = is_open && driven.ask(Request::PushCredential { id: id.clone(), content }).await;
    }
    is_open = is_open && driven.ask(Request::ScanNetworks).await;
    for passphrase in &scenario.passphrases {
        is_open = is_open && driven.ask(Request::Push(credentials(passphrase))).await;
    }
    if is_open {
        let _ = driven.requests.send(Request::Close).await;
    }
    driven.until_ready().await;
    let end = (&mut driven.end).await.expect("sessions do not panic");
    (driven, end)
}

async fn check(name: &str, scenario: &Scenario) {
    let started = tokio::time::Instant::now();
    let device = device(scenario);
    let (driven, end) = play(scenario, &device).await;
    let about = format!("{name}: {}\n{:#?}\n{end:?}", scenario.about, driven.seen);
    let expect = &scenario.expect;
    let outcomes: Vec<String> =
        driven.outcomes().iter().map(|outcome| format!("{} {}", outcome.verdict.as_str(), outcome.code)).collect();
    assert_eq!(outcomes, expect.outcomes, "{about}");
    if let Some(last) = driven.outcomes().last() {
        let first_cause = last.causes.first().map(|cause| cause.text.clone()).unwrap_or_default();
        assert!(first_cause.contains(expect.first_cause.as_deref().unwrap_or_default()), "{about}");
        assert!(last.next_step.contains(expect.next_step.as_deref().unwrap_or_default()), "{about}");
        let evidence: Vec<String> =
            last.evidence.iter().map(|evidence| format!("{}: {}", evidence.kind.label(), evidence.text)).collect();
        for wanted in &expect.evidence {
            assert!(evidence.iter().any(|line| line.contains(wanted)), "no `{wanted}` in {evidence:#?}\n{about}");
        }
        // Whoever reads the outcome learns how the credentials travelled.
        if let Some(wanted) = &expect.protection {
            assert_eq!(last.protection.label(), wanted, "{about}");
        }
    }
    let code = if let JobEnd::Failed(problem) = &end { Some(problem.code.to_owned()) } else { None };
    assert_eq!(code, expect.problem, "{about}");
    check_progress(&driven, expect, &about);
    if let Some((endpoint, content)) = &expect.token {
        let device = device.lock().expect("nobody panicked");
        assert_eq!(device.token(endpoint), Some(content.as_bytes()), "{about}");
    }
    assert!(started.elapsed() <= Duration::from_secs(expect.within_secs), "took {:?}\n{about}", started.elapsed());
    check_records(&driven, &about);
}

fn check_progress(driven: &Driven, expect: &Expect, about: &str) {
    let protection = driven.seen.iter().find_map(|(_, progress)| match progress {
        Progress::Protected(protection) => Some(protection.label().to_owned()),
        _ => None,
    });
    if expect.protection.is_some() {
        assert_eq!(protection, expect.protection, "{about}");
    }
    let networks = driven.seen.iter().rev().find_map(|(_, progress)| match progress {
        Progress::Networks { networks, is_complete: true } => Some(networks.len()),
        _ => None,
    });
    if expect.networks.is_some() {
        assert_eq!(networks, expect.networks, "{about}");
    }
    let taken: Vec<String> = driven
        .seen
        .iter()
        .filter_map(|(_, progress)| match progress {
            Progress::CredentialPushed { id, evidence } => {
                Some(format!("{id} {}: {}", evidence.kind.label(), evidence.text))
            }
            _ => None,
        })
        .collect();
    assert_eq!(taken, expect.taken, "{about}");
    let shown = format!("{:?}", driven.seen);
    for wanted in expect.log.iter().chain(&expect.waits) {
        assert!(shown.contains(wanted.as_str()), "no `{wanted}`: {about}");
    }
    assert!(!shown.contains(['\u{202E}', '\u{1b}', '\u{7}']), "unsafe text is shown: {about}");
}

/// Every intent has an outcome, the job has an end, and no secret is anywhere.
fn check_records(driven: &Driven, about: &str) {
    let lines = driven.records.lines();
    for step in ["connect", "secure", "describe", "scan-networks", "push", "credential"] {
        let count = |phase: &str| lines.iter().filter(|line| line.starts_with(&format!("{step} {phase}"))).count();
        assert!(count("outcome") >= count("intent"), "{step} has no outcome in {lines:#?}\n{about}");
    }
    assert!(lines.last().is_some_and(|line| line.starts_with("end ")), "{lines:#?}\n{about}");
    let everything = format!("{lines:?}{:?}{}", driven.seen, driven.transcript.render());
    let hex = |text: &str| linesman::model::text::hex(text.as_bytes());
    for secret in [PASSPHRASE, "wrong horse battery", PROOF, "open barley", TOKEN.trim_end()] {
        assert!(!everything.contains(secret), "a secret leaked\n{everything}");
        assert!(!everything.contains(&hex(secret)), "a secret leaked in hexadecimal digits\n{everything}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_scenario_ends_as_its_file_says() {
    let mut names: Vec<_> = std::fs::read_dir(data().join("scenarios"))
        .expect("the scenarios are there")
        .map(|entry| entry.expect("the folder can be read").path())
        .collect();
    names.sort();
    let mut faults_seen = Vec::new();
    for path in names {
        let text = std::fs::read_to_string(&path).expect("scenarios are text");
        let scenario: Scenario = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        faults_seen.extend(scenario.faults.clone());
        check(&path.file_stem().unwrap_or_default().to_string_lossy(), &scenario).await;
    }
    for fault in FAULTS {
        assert!(faults_seen.iter().any(|name| name == fault.as_str()), "no scenario for {fault}");
    }
}

/// A scenario in a few words.
fn scenario(text: &str) -> Scenario {
    toml::from_str(&format!("about = \"\"\n{text}\n[expect]\noutcomes = []\nwithin_secs = 60\n")).expect("a scenario")
}

#[tokio::test(start_paused = true)]
async fn a_proof_that_is_refused_fails_the_securing_not_the_connection() {
    let scenario = scenario("proof = \"another proof\"");
    let (driven, _) = play(&scenario, &device(&scenario)).await;
    let lines = driven.records.lines();
    let starts = |start: &str| lines.iter().any(|line| line.starts_with(start));
    assert!(starts("connect outcome done") && starts("secure intent"), "{lines:#?}");
    assert!(starts("secure outcome failed") && !starts("connect outcome failed"), "{lines:#?}");
}

#[tokio::test(start_paused = true)]
async fn reprovision_takes_a_device_back_that_keeps_its_service() {
    let scenario = scenario("security = \"1\"");
    let device = device(&scenario);
    device.lock().expect("nobody panicked").keep_serving();
    let (driven, _) = play(&scenario, &device).await;
    assert_eq!(driven.outcomes().len(), 1);
    // The next session: as it stands a second set is refused, after reprovision it is taken.
    let mut driven = Driven::start(&scenario, &device);
    assert!(driven.until_ready().await);
    assert!(driven.ask(Request::Push(credentials(PASSPHRASE))).await);
    let failed = driven.seen.iter().find_map(|(_, progress)| match progress {
        Progress::StepFailed { step: Step::Push, problem } => Some(problem.code),
        _ => None,
    });
    assert_eq!(failed, Some("esp.internal_error"), "{:#?}", driven.seen);
    assert!(driven.ask(Request::Reprovision).await, "{:#?}", driven.seen);
    driven.ask(Request::Push(credentials(PASSPHRASE))).await;
    assert_eq!(driven.outcomes().last().map(|outcome| outcome.code), Some("esp.joined"), "{:#?}", driven.seen);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_session_leaves_a_device_that_can_be_provisioned() {
    let scenario = scenario("faults = [\"slow-join\"]");
    let device = device(&scenario);
    let mut driven = Driven::start(&scenario, &device);
    assert!(driven.until_ready().await);
    driven.requests.send(Request::Push(credentials(PASSPHRASE))).await.unwrap_or_else(|_| panic!("it takes requests"));
    while let Some((_, progress)) = driven.progress.recv().await {
        if matches!(progress, Progress::StepStarted { step: Step::Follow, .. }) {
            break;
        }
    }
    driven.stop.send(true).expect("the session listens");
    while driven.progress.recv().await.is_some() {}
    assert_eq!((&mut driven.end).await.expect("sessions do not panic"), JobEnd::Cancelled);
    assert!(driven.records.lines().last().is_some_and(|line| line.starts_with("end unknown session.stopped")));
}
