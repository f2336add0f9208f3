//! Espressif gateways whose power is taken away by hand, on a paused clock: complete only after two power cycles were seen.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use linesman::flow::port::{Boxed, Http, HttpError, Link, LinkError, Links, Neighbourhood, Sight};
use linesman::flow::transcript::SharedTranscript;
use linesman::flow::wipe::{Setup, run};
use linesman::model::access::Access;
use linesman::model::gateway::PortFacts;
use linesman::model::ids::{DriverId, LinkAddress};
use linesman::model::record::JobIntent;
use linesman::model::secret::Secret;
use linesman::model::wipe::{
    Answer, Claim, Earlier, EvidenceFile, NetworkState, Outcome, StoreState, Traces, WipeReport,
};
use linesman::msg::JobEnd;
use linesman::msg::wipe::WipeEvent;
use linesman::profile::Catalog;
use linesman::proto::esp::version::Scheme;
use linesman::sim::{Air, Card, EspDevice, EspPlan, SimulatedLinks};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::support::{MemoryRecords, PASSPHRASE, SSID};

/// A link whose gateway has no power at some times, in seconds from the start.
struct Powered {
    links: SimulatedLinks,
    begun: Instant,
    away: Vec<std::ops::Range<u64>>,
    sight: Option<Sight>,
}

impl Neighbourhood for Powered {
    fn look(&self, address: IpAddr) -> Boxed<'_, Sight> {
        let sight = self.sight.clone().filter(|_| address.to_string() == OLD_ADDRESS).unwrap_or(Sight::Elsewhere);
        Box::pin(std::future::ready(sight))
    }
}

const OLD_ADDRESS: &str = "192.0.2.23";

/// A watch after the removal.
#[derive(Default)]
struct Watch {
    limit: Option<Duration>,
    traces: Traces,
    sight: Option<Sight>,
}

impl Links for Powered {
    fn neighbourhood(&self) -> Option<&dyn Neighbourhood> {
        self.sight.is_some().then_some(self as &dyn Neighbourhood)
    }

    fn ports(&self) -> Boxed<'_, Result<Vec<(LinkAddress, PortFacts)>, LinkError>> {
        self.links.ports()
    }

    fn open<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<Link, LinkError>> {
        self.links.open(address)
    }

    fn http<'a>(&'a self, address: &'a LinkAddress) -> Boxed<'a, Result<Arc<dyn Http>, LinkError>> {
        let at = self.begun.elapsed().as_secs();
        if self.away.iter().any(|away| away.contains(&at)) {
            let gone = HttpError::NotReached { host: address.place().to_owned(), detail: "no power".into() };
            return Box::pin(std::future::ready(Err(gone.into())));
        }
        self.links.http(address)
    }
}

async fn wipe(away: &[std::ops::Range<u64>], is_attended: bool, holds_network: bool) -> (WipeReport, MemoryRecords) {
    wipe_watched(away, is_attended, holds_network, Watch::default()).await
}

async fn wipe_watched(
    away: &[std::ops::Range<u64>],
    is_attended: bool,
    holds_network: bool,
    watch: Watch,
) -> (WipeReport, MemoryRecords) {
    wipe_at("http:192.0.2.1", away, is_attended, holds_network, watch).await
}

async fn wipe_at(
    address: &str,
    away: &[std::ops::Range<u64>],
    is_attended: bool,
    holds_network: bool,
    watch: Watch,
) -> (WipeReport, MemoryRecords) {
    let address: LinkAddress = address.parse().unwrap();
    let mut plan = EspPlan::new(Scheme::Security1 { is_without_proof: false });
    plan.lock.secret = "abcd1234".into();
    let mut card = Card::in_memory();
    if holds_network {
        card.store(SSID.as_bytes(), PASSPHRASE).unwrap();
    }
    let device = Arc::new(Mutex::new(EspDevice::new(plan, Air::site(SSID, PASSPHRASE), card, &[])));
    let name = device.lock().unwrap().name().to_owned();
    let links = SimulatedLinks::default().with_esp(address.clone(), PortFacts::default(), device, true);
    let records = MemoryRecords::default();
    let (progress, mut events) = mpsc::channel(256);
    let profile = Catalog::built_in().find("generic-esp").unwrap().clone();
    let photo = EvidenceFile { name: "photo.jpg".into(), bytes: 3, sha256: "ab".repeat(32) };
    let setup = |confirmed: String| Setup {
        link: address.clone(),
        driver: DriverId::EspProv,
        access: Access { username: None, secret: Some(Secret::new("abcd1234".into())), allows_unprotected: false },
        settings: None,
        profile,
        confirmed,
        known: None,
        earlier: Earlier::default(),
        traces: watch.traces,
        attested: vec![("maker-reset".into(), "held the button for 10 s".into())],
        evidence: vec![("maker-reset".into(), photo)],
        without: Vec::new(),
        is_attended,
        watch: watch.limit,
        broker: None,
        look_for: Vec::new(),
        intent: JobIntent {
            action: "wipe".into(),
            gateway: "gateway".into(),
            link: address.to_string(),
            profile: None,
            driver: None,
            operator: "tester".into(),
            is_simulated: watch.limit.is_none(),
        },
        links: Arc::new(Powered { links, begun: Instant::now(), away: away.to_vec(), sight: watch.sight }),
        records: Arc::new(records.clone()),
        answers: mpsc::channel(1).1,
        progress,
        transcript: SharedTranscript::new("wipe"),
    };
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    // It tells no name over this link: its place is what confirms it.
    let _ = name;
    let running = tokio::spawn(run(setup(address.place().into()), stopped));
    let mut report = None;
    while let Some((_, event)) = events.recv().await {
        if let WipeEvent::Assessed(assessed) = event {
            report = Some(*assessed);
        }
    }
    let end = running.await.unwrap();
    assert!(matches!(end, JobEnd::Done { .. }), "{end:?}");
    (report.unwrap(), records)
}

#[tokio::test(start_paused = true)]
async fn an_espressif_gateway_is_complete_after_two_power_cycles_and_its_flash_never_sanitised() {
    let (report, records) = wipe(&[20..40, 80..100], true, false).await;
    assert_eq!((report.assessment.outcome, report.restarts), (Outcome::Complete, 2), "{report:#?}");
    assert_eq!(report.assessment.claim(Claim::Removed).answer, Answer::Observed);
    assert_eq!(report.assessment.claim(Claim::Sanitised).answer, Answer::NotBySoftware);
    let lines = records.lines();
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(has("maker-reset outcome attested") && has("photo.jpg") && has(&"ab".repeat(32)), "{lines:#?}");
    let said = &report.assessment.steps[0].evidence[0].text;
    assert!(said.contains("File photo.jpg, 3 bytes, SHA-256 abab"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn one_power_cycle_or_none_is_never_complete() {
    let begun = Instant::now();
    let once = std::slice::from_ref(&(20..40));
    for (away, is_attended, restarts) in [(once, true, 1), (&[], true, 0), (&[20..40, 80..100], false, 0)] {
        let (report, _) = wipe(away, is_attended, false).await;
        assert_eq!((report.assessment.outcome, report.restarts), (Outcome::Incomplete, restarts), "{report:#?}");
        assert_ne!(report.assessment.claim(Claim::Removed).answer, Answer::Observed);
    }
    assert!(begun.elapsed() < Duration::from_hours(1), "nobody is waited for without an end");
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flash_comes_back_after_a_power_cycle_and_is_seen() {
    let (report, _) = wipe(&[20..40, 80..100], true, true).await;
    assert_ne!(report.assessment.outcome, Outcome::Complete, "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_answers_in_its_old_network_again_came_back() {
    const ITS: [u8; 6] = [0x34, 0x85, 0x18, 0x0a, 0, 4];
    let here = |has_answered, mac| Some(Sight::Here { interface: "wlan0".into(), has_answered, mac });
    let known = || Traces { addresses: vec![format!("http://{OLD_ADDRESS}/")], macs: vec!["34:85:18:0a:00:04".into()] };
    for (sight, traces, state, outcome) in [
        (here(true, Some(ITS)), known(), NetworkState::CameBack, Outcome::Incomplete),
        (here(true, None), known(), NetworkState::Answers, Outcome::Incomplete),
        (here(true, Some(ITS)), Traces { macs: Vec::new(), ..known() }, NetworkState::Answers, Outcome::Incomplete),
        (here(false, Some(ITS)), known(), NetworkState::Quiet, Outcome::Complete),
        (here(true, Some([2, 0, 0, 0, 0, 9])), known(), NetworkState::Quiet, Outcome::Complete),
        (Some(Sight::Elsewhere), known(), NetworkState::NotChecked, Outcome::Complete),
        (here(true, Some(ITS)), Traces::default(), NetworkState::NotChecked, Outcome::Complete),
        (None, known(), NetworkState::NotChecked, Outcome::Complete),
    ] {
        let watch = Watch { limit: Some(Duration::from_mins(2)), traces, sight };
        let (report, _) = wipe_watched(&[20..40, 80..100], true, false, watch).await;
        let watched = report.watched.unwrap();
        assert_eq!((watched.old_network.state, report.assessment.outcome), (state, outcome), "{watched:?}");
        assert!(!watched.old_network.says.is_empty(), "a look that wasn't made has its reason");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_is_heard_starting_on_its_console_is_restarted_without_a_hand_at_its_power() {
    let (report, _) = wipe_at("serial:/dev/ttyUSB7", &[], false, false, Watch::default()).await;
    assert_eq!(report.restarts, 2, "{report:#?}");
    assert_eq!(report.assessment.stores[0].state, StoreState::SeenEmpty, "{report:#?}");
    assert_eq!(report.assessment.outcome, Outcome::Complete, "{report:#?}");
}
