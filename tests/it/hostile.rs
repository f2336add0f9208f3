//! Gateways that never come to an end, garble or reject everything, or answer what was asked before, on a paused clock.
//!
//! After public bug reports of tools of the kind: scans that never finish, frames that drip in byte by byte, answers nested
//! without end, clients that wait per fragment and so for ever.

use std::sync::Arc;
use std::time::{Duration, Instant};

use linesman::flow::port::{Boxed, GattLink, Link, LinkError, Links, Records, RecordsError};
use linesman::flow::report::Report;
use linesman::flow::transcript::SharedTranscript;
use linesman::flow::{commission, device, discover};
use linesman::model::access::Access;
use linesman::model::credentials::{WifiCredentials, WifiKey};
use linesman::model::gateway::{PortFacts, Probe, ProvisioningState};
use linesman::model::ids::{DriverId, LinkAddress};
use linesman::model::outcome::Verdict;
use linesman::model::problem::Problem;
use linesman::model::record::{JobIntent, RecordId, StepEntry};
use linesman::model::secret::Secret;
use linesman::model::wifi::{WifiRules, parse_ssid};
use linesman::msg::device::{DeviceProgress, DeviceRead, DeviceRequest};
use linesman::msg::{JobEnd, Progress, Request, Step};
use linesman::proto::improv::serial::{Decoder, encode_message, parse_request};
use linesman::proto::improv::{DeviceError, Message, Request as Asked, State};
use linesman::proto::smp::cbor::Body;
use linesman::proto::smp::{Frame, console, group};
use linesman::sim::{Emission, SimulatedDevice, SimulatedLinks};
use tokio::sync::{mpsc, watch};

use crate::support::{MemoryRecords, address, ble_address};

/// Improv's commands for credentials, information and a scan.
const WIFI_SETTINGS: u8 = 1;
const STATE: u8 = 2;
const INFO: u8 = 3;
const SCAN: u8 = 4;

/// What a gateway writes, and how long after the request.
type Due = (Duration, Vec<u8>);

/// A gateway made of what it answers to bytes.
struct Peer<F> {
    react: F,
    due: Vec<(Instant, Vec<u8>)>,
    /// Whether its reset line leads anywhere.
    has_reset_line: bool,
}

impl<F: FnMut(&[u8], Instant) -> Vec<Due> + Send> SimulatedDevice for Peer<F> {
    fn handle_bytes(&mut self, bytes: &[u8], now: Instant) {
        let due = (self.react)(bytes, now);
        self.due.extend(due.into_iter().map(|(after, bytes)| (now + after, bytes)));
        self.due.sort_by_key(|(at, _)| *at);
    }

    fn handle_reset(&mut self, now: Instant) {
        if self.has_reset_line {
            self.due = vec![(now + Duration::from_millis(200), b"rst:0x1 (POWERON_RESET)\r\n".to_vec())];
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    fn poll_emission(&mut self, now: Instant) -> Option<Emission> {
        let is_due = self.due.first().is_some_and(|(at, _)| *at <= now);
        // Nothing at all stands for a link that goes.
        let emission = |bytes: Vec<u8>| if bytes.is_empty() { Emission::DropLink } else { Emission::Bytes(bytes) };
        is_due.then(|| emission(self.due.remove(0).1))
    }
}

fn links(react: impl FnMut(&[u8], Instant) -> Vec<Due> + Send + 'static) -> Arc<dyn Links> {
    wired(true, react)
}

fn wired(has_reset_line: bool, react: impl FnMut(&[u8], Instant) -> Vec<Due> + Send + 'static) -> Arc<dyn Links> {
    let facts = PortFacts { is_simulated: true, ..PortFacts::default() };
    Arc::new(SimulatedLinks::default().with(address(), facts, Peer { react, due: Vec::new(), has_reset_line }))
}

/// A gateway that speaks Improv and answers each request with messages, each after a while.
pub(crate) fn improv(answer: impl FnMut(Asked) -> Vec<(Duration, Message)> + Send + 'static) -> Arc<dyn Links> {
    improv_wired(true, answer)
}

/// The same, on a cable that has a reset line or none.
pub(crate) fn improv_wired(
    has_reset_line: bool,
    mut answer: impl FnMut(Asked) -> Vec<(Duration, Message)> + Send + 'static,
) -> Arc<dyn Links> {
    let mut decoder = Decoder::default();
    wired(has_reset_line, move |bytes, now| {
        let requests = decoder.push(bytes, now).into_iter().filter_map(|packet| parse_request(&packet).ok());
        let answers = requests.collect::<Vec<_>>().into_iter().flat_map(&mut answer);
        answers.map(|(after, message)| (after, encode_message(&message).expect("it fits"))).collect()
    })
}

/// A gateway that speaks SMP and answers each request with a body, after a while.
fn smp(mut answer: impl FnMut(&Frame) -> Option<(Duration, Vec<u8>)> + Send + 'static) -> Arc<dyn Links> {
    let mut decoder = console::Decoder::default();
    links(move |bytes, _| {
        let mut due = Vec::new();
        for request in decoder.push(bytes).iter().filter_map(|frame| Frame::parse(frame)) {
            let Some((after, body)) = answer(&request) else { continue };
            let frame = Frame { operation: request.operation.answered(), body, ..request };
            let lines = console::encode(&frame.to_bytes().expect("it fits")).expect("it fits");
            due.extend(lines.into_iter().map(|line| (after, line)));
        }
        due
    })
}

fn intent(action: &str) -> JobIntent {
    JobIntent {
        action: action.into(),
        gateway: "SIM1".into(),
        link: address().to_string(),
        profile: None,
        driver: None,
        operator: "tester".into(),
        is_simulated: true,
    }
}

/// A commissioning session that a test drives.
struct Session {
    requests: mpsc::Sender<Request>,
    progress: mpsc::Receiver<(Duration, Progress)>,
    end: tokio::task::JoinHandle<JobEnd>,
    _stop: watch::Sender<bool>,
    seen: Vec<(Duration, Progress)>,
}

impl Session {
    fn start(link: LinkAddress, links: Arc<dyn Links>, records: Arc<dyn Records>) -> Self {
        let (requests, request_rx) = mpsc::channel(4);
        let (progress_tx, progress) = mpsc::channel(256);
        let (stop, stopped) = watch::channel(false);
        let setup = commission::Setup {
            link,
            driver: DriverId::Improv,
            access: Access::default(),
            settings: None,
            credentials: Vec::new(),
            rules: WifiRules::standard(),
            intent: intent("commission"),
            links,
            records,
            report: Report::new(progress_tx),
            transcript: SharedTranscript::new("hostile"),
        };
        let end = tokio::spawn(commission::run(setup, request_rx, stopped));
        Self { requests, progress, end, _stop: stop, seen: Vec::new() }
    }

    fn with(links: Arc<dyn Links>) -> Self {
        Self::start(address(), links, Arc::new(MemoryRecords::default()))
    }

    /// Takes progress in until the session is ready or over.
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
        // A session that has ended takes no more, which the end tells.
        let _ = self.requests.send(request).await;
        self.until_ready().await
    }

    /// The end, once nothing is asked any more.
    async fn end(mut self) -> (JobEnd, Vec<(Duration, Progress)>) {
        let _ = self.requests.send(Request::Close).await;
        while self.until_ready().await {}
        let end = self.end.await.expect("no panic");
        let open = steps_left_open(&self.seen);
        assert!(open.is_empty() || !matches!(end, JobEnd::Done { .. }), "a form would stay locked in {open:?}");
        (end, self.seen)
    }
}

/// The steps that began and were never told to have ended, though something came after them.
fn steps_left_open(seen: &[(Duration, Progress)]) -> Vec<Step> {
    let mut open = Vec::new();
    for (_, progress) in seen {
        match progress {
            Progress::StepStarted { step, .. } if !open.contains(step) => open.push(*step),
            Progress::StepDone { step, .. }
            | Progress::StepSkipped { step, .. }
            | Progress::StepFailed { step, .. } => open.retain(|begun| begun != step),
            // The end of a push is its outcome.
            Progress::Pushed(_) => open.retain(|begun| !matches!(begun, Step::Push | Step::Follow)),
            _ => {}
        }
    }
    open
}

fn problem(end: JobEnd) -> Problem {
    match end {
        JobEnd::Failed(problem) => problem,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn state(state: ProvisioningState) -> Message {
    Message::State(State::Known(state))
}

fn result(command: u8, strings: &[&str]) -> Message {
    Message::Result { command, strings: strings.iter().map(|text| text.as_bytes().to_vec()).collect() }
}

pub(crate) fn at_once(message: Message) -> Vec<(Duration, Message)> {
    vec![(Duration::from_millis(1), message)]
}

/// What an orderly gateway answers to the first questions.
pub(crate) fn greeting(asked: &Asked) -> Option<Vec<(Duration, Message)>> {
    match asked {
        Asked::CurrentState => Some(at_once(state(ProvisioningState::Ready))),
        Asked::DeviceInfo => Some(at_once(result(INFO, &["fw", "1", "chip", "Gateway 7"]))),
        _ => None,
    }
}

fn credentials() -> WifiCredentials {
    WifiCredentials::new(
        parse_ssid("Site").expect("a name"),
        WifiKey::Passphrase(Secret::new("correct horse".into())),
        false,
    )
}

#[tokio::test(start_paused = true)]
async fn a_scan_whose_entries_drip_in_ends_with_what_was_found_and_the_session_goes_on() {
    let mut has_joined = false;
    let mut session = Session::with(improv(move |asked| {
        if has_joined && matches!(asked, Asked::CurrentState) {
            return at_once(state(ProvisioningState::Provisioned));
        }
        has_joined |= matches!(asked, Asked::WifiSettings { .. });
        greeting(&asked).unwrap_or_else(|| match asked {
            Asked::ScanNetworks => {
                let entry = |number: u64| {
                    let name = format!("Net {number}");
                    (Duration::from_secs(8 * number), result(SCAN, &[&name, "-50", "YES"]))
                };
                (1..500).map(entry).collect()
            }
            Asked::WifiSettings { .. } => vec![
                (Duration::from_millis(10), state(ProvisioningState::Provisioning)),
                (Duration::from_secs(9), state(ProvisioningState::Provisioned)),
                (Duration::from_secs(9), result(WIFI_SETTINGS, &["http://192.0.2.7/"])),
            ],
            _ => Vec::new(),
        })
    }));
    assert!(session.until_ready().await);
    assert!(session.ask(Request::ScanNetworks).await);
    let limit = session.seen.iter().find_map(|(at, progress)| match progress {
        Progress::StepStarted { step: Step::ScanNetworks, limit, .. } => Some((*at, *limit)),
        _ => None,
    });
    let (began, limit) = limit.expect("the limit is told");
    let ended = session.seen.iter().find_map(|(at, progress)| match progress {
        Progress::StepDone { step: Step::ScanNetworks, .. } => Some(*at),
        _ => None,
    });
    assert!(ended.expect("it ends") <= began + limit + Duration::from_secs(1), "{:#?}", session.seen);
    // Entries of the scan that was given up still drip in, and are not taken for the verdict.
    session.ask(Request::Push(credentials())).await;
    let (_, seen) = session.end().await;
    let verdicts = seen.iter().filter_map(|(_, progress)| match progress {
        Progress::Pushed(outcome) => Some(outcome.verdict),
        _ => None,
    });
    assert_eq!(verdicts.collect::<Vec<_>>(), [Verdict::Joined]);
}

#[tokio::test(start_paused = true)]
async fn a_step_tells_its_limit_once_and_what_it_waits_for_later_never_adds_to_it() {
    let mut session = Session::with(improv(|asked| greeting(&asked).unwrap_or_default()));
    assert!(session.until_ready().await);
    session.ask(Request::Push(credentials())).await;
    let (_, seen) = session.end().await;
    let mut ends = std::collections::BTreeMap::new();
    for (at, progress) in &seen {
        if let Progress::StepStarted { step, limit, .. } = progress {
            let end = *ends.entry(step.as_str()).or_insert(*at + *limit);
            assert!(*at + *limit <= end + Duration::from_millis(1), "{step:?} was renewed at {at:?}");
        }
    }
    assert!(ends.contains_key("follow"), "{ends:?}");
}

/// A gateway that had a network, gives no verdict, and then says these states unasked, over and over.
fn fickle(states: &'static [ProvisioningState]) -> Arc<dyn Links> {
    improv(move |asked| match asked {
        Asked::CurrentState => at_once(state(ProvisioningState::Provisioned)),
        Asked::WifiSettings { .. } => {
            let words = (0..4000).map(|number: u16| {
                let after = Duration::from_mins(5) + Duration::from_millis(10) * u32::from(number);
                (after, state(states[usize::from(number) % states.len()]))
            });
            words.collect()
        }
        _ => greeting(&asked).unwrap_or_default(),
    })
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_keeps_changing_its_word_in_an_idle_session_fills_neither_screen_nor_records() {
    let records = MemoryRecords::default();
    let links = fickle(&[ProvisioningState::Ready, ProvisioningState::Provisioned]);
    let mut session = Session::start(address(), links, Arc::new(records.clone()));
    assert!(session.until_ready().await);
    assert!(session.ask(Request::Push(credentials())).await);
    // Nobody asks anything, for much longer than the gateway talks.
    while let Ok(Some(progress)) = tokio::time::timeout(Duration::from_mins(10), session.progress.recv()).await {
        session.seen.push(progress);
    }
    let (end, seen) = session.end().await;
    assert!(matches!(end, JobEnd::Done { .. }), "{end:?}");
    let outcomes: Vec<_> = seen
        .iter()
        .filter_map(|(_, progress)| match progress {
            Progress::Pushed(outcome) => Some(outcome),
            _ => None,
        })
        .collect();
    assert!((2..12).contains(&outcomes.len()), "{} outcomes", outcomes.len());
    assert!(records.lines().len() < 40, "{:#?}", records.lines());
    let last = outcomes.last().expect("one at least");
    assert_eq!(last.verdict, Verdict::Unknown);
    let is_told = last.evidence.iter().any(|evidence| evidence.text.contains("changed its report"));
    assert!(is_told && last.evidence.len() < 20, "{:#?}", last.evidence);
}

#[tokio::test(start_paused = true)]
async fn a_late_attempt_that_fails_is_told_whatever_the_gateway_said_before() {
    let words = [ProvisioningState::Ready, ProvisioningState::Provisioning, ProvisioningState::Ready];
    let mut session = Session::with(improv(move |asked| match asked {
        Asked::WifiSettings { .. } => {
            let at = |number: u32| Duration::from_mins(5) + Duration::from_secs(1) * number;
            (0..).zip(words).map(|(number, word)| (at(number), state(word))).collect()
        }
        _ => greeting(&asked).unwrap_or_default(),
    }));
    assert!(session.until_ready().await);
    assert!(session.ask(Request::Push(credentials())).await);
    while let Ok(Some(progress)) = tokio::time::timeout(Duration::from_mins(10), session.progress.recv()).await {
        session.seen.push(progress);
    }
    let verdicts = session.seen.iter().filter_map(|(_, progress)| match progress {
        Progress::Pushed(outcome) => Some(outcome.verdict),
        _ => None,
    });
    let verdicts: Vec<_> = verdicts.collect();
    assert_eq!(verdicts.last(), Some(&Verdict::Refused), "{verdicts:?}");
}

/// What a push comes to whose gateway answers the credentials with these words, each after so many milliseconds. Before it, it
/// had a network at that address, or none; asked for its state, it says what it said last.
async fn with_network(before: Option<&'static str>, words: &'static [(u64, Word)]) -> Vec<Verdict> {
    let mut pushed_at = None;
    let mut decoder = Decoder::default();
    let links = links(move |bytes, now| {
        let requests: Vec<_> =
            decoder.push(bytes, now).into_iter().filter_map(|packet| parse_request(&packet).ok()).collect();
        let mut due = Vec::new();
        for asked in requests {
            let messages = match asked {
                Asked::WifiSettings { .. } => {
                    pushed_at = Some(now);
                    due.extend(words.iter().map(|(millis, word)| (Duration::from_millis(*millis), word.bytes())));
                    continue;
                }
                Asked::CurrentState => standing(before, words, pushed_at.map(|at| now - at)),
                _ => greeting(&asked).unwrap_or_default(),
            };
            let encoded = messages.into_iter().map(|(after, message)| (after, encode_message(&message).unwrap()));
            due.extend(encoded);
        }
        due
    });
    let mut session = Session::with(links);
    assert!(session.until_ready().await);
    session.ask(Request::Push(credentials())).await;
    // Then nobody asks anything for a while.
    while let Ok(Some(progress)) = tokio::time::timeout(Duration::from_mins(5), session.progress.recv()).await {
        session.seen.push(progress);
    }
    let (_, seen) = session.end().await;
    let verdicts = seen.into_iter().filter_map(|(_, progress)| match progress {
        Progress::Pushed(outcome) => Some(outcome.verdict),
        _ => None,
    });
    verdicts.collect()
}

/// What it says when it is asked for its state, so long after the push.
fn standing(before: Option<&str>, words: &[(u64, Word)], since: Option<Duration>) -> Vec<(Duration, Message)> {
    let said = |wanted: fn(&Word) -> bool| {
        let told =
            words.iter().take_while(|(millis, _)| since.is_some_and(|since| since.as_millis() >= (*millis).into()));
        told.map(|(_, word)| word).filter(|word| wanted(word)).last()
    };
    let usual = if before.is_some() { ProvisioningState::Provisioned } else { ProvisioningState::Ready };
    let now = match said(|word| matches!(word, Word::Is(_))) {
        Some(Word::Is(now)) => *now,
        _ => usual,
    };
    let address = match said(|word| matches!(word, Word::At(_))) {
        Some(Word::At(address)) => Some(*address),
        _ => before,
    };
    let mut messages = at_once(state(now));
    if let Some(address) = address.filter(|_| now == ProvisioningState::Provisioned) {
        messages.extend(at_once(result(STATE, &[address])));
    }
    messages
}

/// What a gateway says.
enum Word {
    Is(ProvisioningState),
    At(&'static str),
    CouldNot,
    /// A line of its log.
    Logs(&'static str),
    /// Its link goes.
    Goes,
}

impl Word {
    fn bytes(&self) -> Vec<u8> {
        let message = match self {
            Self::Is(told) => state(*told),
            Self::At(address) => result(WIFI_SETTINGS, &[address]),
            Self::CouldNot => Message::Error(DeviceError::UnableToConnect),
            Self::Logs(line) => return format!("{line}\r\n").into_bytes(),
            Self::Goes => return Vec::new(),
        };
        encode_message(&message).expect("it fits")
    }
}

/// What counts is how a gateway ends, for as long as that may take, and not what it said on the way.
#[tokio::test(start_paused = true)]
async fn a_refusal_stands_for_its_whole_time_and_a_start_or_a_lost_link_on_the_way_is_no_refusal() {
    use ProvisioningState::{Provisioned, Provisioning, Ready};
    use Word::{At, Goes, Is, Logs};
    const STARTS: &str = "rst:0x1 (POWERON),boot:0xc (SPI_FAST_FLASH_BOOT)";
    let tries_early: &[(u64, Word)] = &[
        (10, Is(Provisioning)),
        (500, Is(Ready)),
        (1500, Is(Provisioning)),
        (2500, Is(Ready)),
        (19_000, Is(Provisioned)),
        (19_001, At("http://192.0.2.7/")),
    ];
    let link_goes: &[(u64, Word)] = &[(10, Is(Provisioning)), (500, Is(Ready)), (1500, Goes)];
    let starts_late: &[(u64, Word)] = &[(10, Is(Provisioning)), (100_000, Logs(STARTS)), (100_500, Is(Ready))];
    let falls_back_late: &[(u64, Word)] = &[(10, Is(Provisioning)), (100_500, Is(Ready))];
    let starts_after_its_refusal: &[(u64, Word)] =
        &[(10, Is(Provisioning)), (500, Is(Ready)), (60_000, Logs(STARTS)), (60_500, Is(Ready))];
    for (words, expected) in [
        (tries_early, &[Verdict::Joined][..]),
        (link_goes, &[Verdict::Unknown]),
        (starts_late, &[Verdict::Unknown, Verdict::Unknown]),
        (falls_back_late, &[Verdict::Unknown, Verdict::Refused]),
        (starts_after_its_refusal, &[Verdict::Refused]),
    ] {
        assert_eq!(with_network(None, words).await, expected, "{} words", words.len());
    }
}

/// After esp-web-tools #646 and #289: the first bad word of a gateway isn't its last.
#[tokio::test(start_paused = true)]
async fn a_gateway_that_could_not_join_and_then_tries_again_by_itself_joined() {
    use ProvisioningState::{Provisioned, Provisioning, Ready};
    use Word::{At, CouldNot, Is};
    const AT: &str = "http://192.0.2.7/";
    let again: &[(u64, Word)] =
        &[(10, Is(Provisioning)), (500, CouldNot), (900, Is(Provisioning)), (8000, Is(Provisioned)), (8001, At(AT))];
    let flaps: &[(u64, Word)] = &[(10, Is(Provisioning)), (500, Is(Ready)), (4500, Is(Provisioned)), (4501, At(AT))];
    let gives_up: &[(u64, Word)] = &[(10, Is(Provisioning)), (500, CouldNot), (600, Is(Ready))];
    let unnamed: &[(u64, Word)] =
        &[(10, Is(Provisioning)), (500, Is(Ready)), (5000, Is(Provisioning)), (9000, Is(Provisioned)), (9001, At(AT))];
    let restarts: &[(u64, Word)] =
        &[(10, Is(Provisioning)), (500, Is(Ready)), (18_000, Is(Provisioned)), (18_001, At(AT))];
    let flips: &[(u64, Word)] = &[(10, Is(Provisioning)), (500, CouldNot), (2000, Is(Provisioned)), (2300, Is(Ready))];
    let never_ends: &[(u64, Word)] = &[(10, Is(Provisioning)), (500, Is(Ready)), (5000, Is(Provisioning))];
    for (words, verdict) in [
        (again, Verdict::Joined),
        (flaps, Verdict::Joined),
        (gives_up, Verdict::Refused),
        (unnamed, Verdict::Joined),
        (restarts, Verdict::Joined),
        (flips, Verdict::Refused),
        (never_ends, Verdict::Unknown),
    ] {
        let verdicts = with_network(None, words).await;
        assert_eq!(verdicts, [verdict], "{} words", words.len());
    }
}

/// What was sent and refused stays refused when a second attempt fails before anything of it is sent.
#[tokio::test(start_paused = true)]
async fn a_second_attempt_that_sends_nothing_leaves_the_verdict_of_the_first_on_record() {
    let records = MemoryRecords::default();
    let links = improv(|asked| match asked {
        Asked::WifiSettings { .. } => at_once(Message::Error(DeviceError::UnableToConnect)),
        _ => greeting(&asked).unwrap_or_default(),
    });
    let mut session = Session::start(address(), links, Arc::new(records.clone()));
    assert!(session.until_ready().await);
    assert!(session.ask(Request::Push(credentials())).await);
    let ssid = parse_ssid("Site").expect("a name");
    let too_long = WifiCredentials::new(ssid, WifiKey::Passphrase(Secret::new("x".repeat(400))), false);
    assert!(session.ask(Request::Push(too_long)).await);
    let (_, seen) = session.end().await;
    let is_failed = |progress: &Progress| matches!(progress, Progress::StepFailed { step: Step::Push, .. });
    assert!(seen.iter().any(|(_, progress)| is_failed(progress)), "{seen:#?}");
    assert!(records.lines().last().is_some_and(|line| line.starts_with("end refused ")), "{:#?}", records.lines());
}

/// Firmware that falls back to its old network answers as one that joined: with the address it had.
#[tokio::test(start_paused = true)]
async fn a_gateway_with_the_address_from_before_is_not_said_to_have_joined() {
    use ProvisioningState::{Provisioned, Provisioning};
    use Word::{At, Is};
    const OLD: &str = "http://10.0.0.7/";
    const NEW: &str = "http://10.0.0.8/";
    let back: &[(u64, Word)] = &[(10, Is(Provisioning)), (2000, Is(Provisioned)), (2001, At(OLD))];
    let there: &[(u64, Word)] = &[(10, Is(Provisioning)), (2000, Is(Provisioned)), (2001, At(NEW))];
    assert_eq!(with_network(Some(OLD), back).await, [Verdict::Unknown]);
    assert_eq!(with_network(Some(OLD), there).await, [Verdict::Joined]);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_rejects_every_request_is_not_said_to_have_no_power() {
    let (end, _) = Session::with(improv(|_| at_once(Message::Error(DeviceError::InvalidPacket)))).end().await;
    let problem = problem(end);
    assert_eq!(problem.code, "improv.no_reply");
    assert!(problem.likely_cause.contains("rejects"), "{}", problem.likely_cause);
    assert!(problem.detail.contains("messages"), "{}", problem.detail);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_whose_every_message_is_damaged_is_not_said_to_have_no_power() {
    let (end, _) = Session::with(links(|_, _| {
        let mut bytes = encode_message(&state(ProvisioningState::Ready)).expect("it fits");
        for byte in &mut bytes[6..] {
            *byte ^= 0x80;
        }
        vec![(Duration::from_millis(1), bytes)]
    }))
    .end()
    .await;
    let problem = problem(end);
    assert_eq!(problem.code, "improv.no_reply");
    assert!(problem.likely_cause.contains("baud rate"), "{}", problem.likely_cause);
}

/// Links that let every attempt hang.
struct Hanging;

impl Links for Hanging {
    fn ports(&self) -> Boxed<'_, Result<Vec<(LinkAddress, PortFacts)>, LinkError>> {
        Box::pin(std::future::pending())
    }

    fn open<'a>(&'a self, _address: &'a LinkAddress) -> Boxed<'a, Result<Link, LinkError>> {
        Box::pin(std::future::pending())
    }

    fn connect<'a>(&'a self, _address: &'a LinkAddress) -> Boxed<'a, Result<GattLink, LinkError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_that_never_opens_ends_the_session_within_the_limit_that_was_told() {
    for link in [address(), ble_address()] {
        let session = Session::start(link.clone(), Arc::new(Hanging), Arc::new(MemoryRecords::default()));
        let began = tokio::time::Instant::now();
        let (end, seen) = session.end().await;
        let limit = seen.iter().find_map(|(_, progress)| match progress {
            Progress::StepStarted { step: Step::Connect, limit, .. } => Some(*limit),
            _ => None,
        });
        assert!(began.elapsed() <= limit.expect("it is told") + Duration::from_secs(1), "{link}");
        assert!(matches!(end, JobEnd::Failed(_)), "{link}: {end:?}");
        let asked = tokio::time::timeout(Duration::from_mins(3), discover::probe(Arc::new(Hanging), &link)).await;
        assert!(matches!(asked, Ok(Probe::Failed(_))), "{link}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_that_was_told_outlives_an_odd_answer_about_the_device() {
    let odd = improv(|asked| match asked {
        Asked::CurrentState => at_once(state(ProvisioningState::AuthorizationRequired)),
        Asked::DeviceInfo => at_once(result(INFO, &["one word only"])),
        _ => Vec::new(),
    });
    match discover::probe(odd, &address()).await {
        Probe::Answered(identity) => {
            assert_eq!((identity.state, identity.info), (ProvisioningState::AuthorizationRequired, None));
        }
        other => panic!("{other:?}"),
    }
}

/// Records that cannot take the outcome of a step that failed.
#[derive(Default)]
struct Full(MemoryRecords);

impl Records for Full {
    fn begin(&self, intent: JobIntent) -> Boxed<'_, Result<RecordId, RecordsError>> {
        self.0.begin(intent)
    }

    fn step(&self, job: RecordId, entry: StepEntry) -> Boxed<'_, Result<(), RecordsError>> {
        if entry.outcome == "failed" {
            let path = "/data/records.sqlite".into();
            return Box::pin(std::future::ready(Err(RecordsError::DiskFull { path })));
        }
        self.0.step(job, entry)
    }

    fn end(
        &self,
        job: RecordId,
        outcome: &'static str,
        reason: String,
        summary: String,
    ) -> Boxed<'_, Result<(), RecordsError>> {
        self.0.end(job, outcome, reason, summary)
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_cannot_be_put_on_record_ends_the_session() {
    let gateway = improv(|asked| greeting(&asked).unwrap_or_else(|| at_once(Message::Error(DeviceError::BadHostname))));
    let mut session = Session::start(address(), gateway, Arc::new(Full::default()));
    assert!(session.until_ready().await);
    assert!(!session.ask(Request::SetHostname("gw-7".into())).await, "the session went on");
    let (end, _) = session.end().await;
    assert!(problem(end).code.starts_with("records."));
}

/// Management of a gateway that a test drives.
struct Managed {
    requests: mpsc::Sender<DeviceRequest>,
    progress: mpsc::Receiver<(Duration, DeviceProgress)>,
    end: tokio::task::JoinHandle<JobEnd>,
    _stop: watch::Sender<bool>,
}

impl Managed {
    async fn open(links: Arc<dyn Links>) -> (Self, Vec<DeviceProgress>) {
        let (requests, request_rx) = mpsc::channel(4);
        let (progress_tx, progress) = mpsc::channel(256);
        let (stop, stopped) = watch::channel(false);
        let setup = device::Setup {
            link: address(),
            driver: DriverId::Smp,
            access: Access::default(),
            settings: None,
            intent: intent("device"),
            links,
            records: Arc::new(MemoryRecords::default()),
            progress: progress_tx,
            transcript: SharedTranscript::new("hostile"),
        };
        let end = tokio::spawn(device::run(setup, request_rx, stopped));
        let mut managed = Self { requests, progress, end, _stop: stop };
        let told = managed.until_ready().await;
        (managed, told)
    }

    async fn until_ready(&mut self) -> Vec<DeviceProgress> {
        let mut told = Vec::new();
        while let Some((_, progress)) = self.progress.recv().await {
            match progress {
                DeviceProgress::Ready => break,
                DeviceProgress::Busy { .. } | DeviceProgress::Log(_) => {}
                other => told.push(other),
            }
        }
        told
    }

    async fn read(&mut self, read: DeviceRead) -> Vec<DeviceProgress> {
        self.requests.send(DeviceRequest::Read(read)).await.expect("the job runs");
        self.until_ready().await
    }

    async fn end(self) -> JobEnd {
        drop((self.requests, self.progress));
        self.end.await.expect("no panic")
    }
}

/// A body whose one value is a list in a list, 300 deep.
fn nested() -> Vec<u8> {
    let mut body = vec![0xA1, 0x61, b'r'];
    body.extend(std::iter::repeat_n(0x81, 300));
    body.push(0);
    body
}

#[expect(clippy::unnecessary_wraps, reason = "a peer answers with a pause and a body, or not at all")]
fn soon(body: Vec<u8>) -> Option<(Duration, Vec<u8>)> {
    Some((Duration::from_millis(1), body))
}

#[tokio::test(start_paused = true)]
async fn a_gateway_whose_answers_cannot_be_read_offers_nothing() {
    let (managed, told) = Managed::open(smp(|_| soon(nested()))).await;
    assert!(!told.iter().any(|progress| matches!(progress, DeviceProgress::Opened { .. })));
    assert_eq!(problem(managed.end().await).code, "smp.malformed");
}

#[tokio::test(start_paused = true)]
async fn a_group_is_there_only_if_its_answer_can_be_read() {
    let gateway = smp(|request| {
        let echo = Body::default().text("r", "linesman").finish();
        soon(if request.group == group::OS { echo } else { nested() })
    });
    let (mut managed, told) = Managed::open(gateway).await;
    let offers = told.iter().find_map(|progress| match progress {
        DeviceProgress::Opened { offers, .. } => Some(*offers),
        _ => None,
    });
    let offers = offers.expect("its system group answers");
    assert!(offers.info && !offers.images && !offers.settings && !offers.files, "{offers:?}");
    let told = managed.read(DeviceRead::Info).await;
    let row = told.iter().find_map(|progress| match progress {
        DeviceProgress::Info(rows) => rows.iter().find(|(label, _)| label == "Cannot be read").cloned(),
        _ => None,
    });
    assert!(row.expect("it is told").1.contains("settings"));
    assert!(matches!(managed.end().await, JobEnd::Done { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_only_drips_bytes_is_given_up_in_time() {
    let dripping = links(|_, _| (1..600).map(|second| (Duration::from_secs(second), vec![b'.'])).collect());
    let began = tokio::time::Instant::now();
    let (managed, _) = Managed::open(dripping).await;
    let problem = problem(managed.end().await);
    assert!(began.elapsed() < Duration::from_mins(1), "{:?}", began.elapsed());
    assert!(!problem.likely_cause.contains("no power"), "{}", problem.likely_cause);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_comes_byte_by_byte_is_given_up_and_the_job_answers_the_next_question() {
    let gateway = smp(|request| match (request.group, request.command) {
        (group::FILES, 0) => {
            let map = linesman::proto::smp::cbor::Map::parse(&request.body).expect("ours");
            let offset = map.unsigned("off").unwrap_or_default();
            let body = Body::default().unsigned("off", offset).octets("data", b"x").unsigned("len", 4_000_000);
            Some((Duration::from_secs(1), body.finish()))
        }
        (group::SETTINGS, _) => soon(Body::default().octets("val", b"v").finish()),
        _ => soon(Body::default().text("r", "linesman").finish()),
    });
    let (mut managed, _) = Managed::open(gateway).await;
    let began = tokio::time::Instant::now();
    let told = managed.read(DeviceRead::File { path: "/lfs/a".into(), wants_content: true }).await;
    assert!(matches!(&told[..], [DeviceProgress::Failed(problem)] if problem.code == "device.too_slow"),);
    assert!(began.elapsed() < Duration::from_mins(3), "{:?}", began.elapsed());
    let told = managed.read(DeviceRead::Setting("a/b".into())).await;
    assert!(matches!(&told[..], [DeviceProgress::Setting { value: Some(_), .. }]));
    assert!(matches!(managed.end().await, JobEnd::Done { .. }));
}
