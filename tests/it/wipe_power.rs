//! Espressif gateways whose power is taken away by hand, on a paused clock: complete only after two power cycles were seen.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use linesman::flow::port::{Boxed, Http, HttpError, Link, LinkError, Links};
use linesman::flow::transcript::SharedTranscript;
use linesman::flow::wipe::{Setup, run};
use linesman::model::access::Access;
use linesman::model::gateway::PortFacts;
use linesman::model::ids::{DriverId, LinkAddress};
use linesman::model::record::JobIntent;
use linesman::model::secret::Secret;
use linesman::model::wipe::{Answer, Claim, Earlier, EvidenceFile, Outcome, WipeReport};
use linesman::msg::JobEnd;
use linesman::msg::wipe::WipeEvent;
use linesman::profile::Catalog;
use linesman::proto::esp::version::Scheme;
use linesman::sim::{Air, Card, EspDevice, EspPlan, SimulatedLinks};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::support::{MemoryRecords, PASSPHRASE, SSID};

/// A link whose gateway has no power at some times, in seconds from the start.
struct Powered {
    links: SimulatedLinks,
    begun: Instant,
    away: Vec<std::ops::Range<u64>>,
}

impl Links for Powered {
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
    let address: LinkAddress = "http:192.0.2.1".parse().unwrap();
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
        attested: vec![("maker-reset".into(), "held the button for 10 s".into())],
        evidence: vec![("maker-reset".into(), photo)],
        without: Vec::new(),
        is_attended,
        watch: None,
        broker: None,
        look_for: Vec::new(),
        intent: JobIntent {
            action: "wipe".into(),
            gateway: "gateway".into(),
            link: address.to_string(),
            profile: None,
            driver: None,
            operator: "tester".into(),
            is_simulated: true,
        },
        links: Arc::new(Powered { links, begun: Instant::now(), away: away.to_vec() }),
        records: Arc::new(records.clone()),
        progress,
        transcript: SharedTranscript::new("wipe"),
    };
    let (_stop, stopped) = watch::channel(false);
    // It tells no name over this link: its place is what confirms it.
    let _ = name;
    let running = tokio::spawn(run(setup("192.0.2.1".into()), stopped));
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
