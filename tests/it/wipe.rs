//! Taking simulated Linux gateways out of service, on a paused clock: what each does, and what may be claimed of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use linesman::flow::port::{Boxed, Records, RecordsError};
use linesman::flow::transcript::SharedTranscript;
use linesman::flow::wipe::{Setup, run};
use linesman::model::access::Access;
use linesman::model::gateway::{PortFacts, ProvisioningState};
use linesman::model::ids::{DriverId, LinkAddress};
use linesman::model::record::{JobIntent, RecordId, StepEntry};
use linesman::model::secret::Secret;
use linesman::model::wipe::{Answer, Claim, Earlier, Known, Outcome, StepState, StoreState, Told, WIFI, WipeReport};
use linesman::msg::JobEnd;
use linesman::msg::wipe::WipeEvent;
use linesman::profile::{Catalog, Profile};
use linesman::proto::improv::Request;
use linesman::sim::{Air, CONSOLE_ACCOUNT, CONSOLE_PASSWORD, Card, ConsoleDevice, Fault, SimulatedLinks};
use tokio::sync::{mpsc, watch};

use crate::hostile::{at_once, greeting, improv_wired, state};
use crate::support::{MemoryRecords, PASSPHRASE, SSID, info};

const SERIAL: &str = "GW-0417";
const TOKEN: &str = "/data/gateway/access-token";

/// A gateway on a cable, with what is on its card.
pub(crate) struct Bench {
    card: tempfile::TempDir,
    links: Arc<SimulatedLinks>,
    records: MemoryRecords,
}

impl Bench {
    /// One that has joined, and holds a token.
    pub(crate) fn new(faults: &[Fault]) -> Self {
        let card = tempfile::tempdir().unwrap();
        let mut held = Card::at(card.path()).unwrap();
        held.store(SSID.as_bytes(), PASSPHRASE).unwrap();
        held.keep(TOKEN, b"token").unwrap();
        let device = ConsoleDevice::new(info(), Air::site(SSID, PASSPHRASE), Card::at(card.path()).unwrap(), faults);
        let device = device.with_serial(Some(SERIAL.into()));
        let links = Arc::new(SimulatedLinks::default().with(address(), PortFacts::default(), device));
        Self { card, links, records: MemoryRecords::default() }
    }

    /// Plays the vendor's tool.
    fn unpair(&self) {
        std::fs::write(self.card.path().join("unpair"), "").unwrap();
    }

    fn holds(&self) -> (bool, bool) {
        let has_network = Card::at(self.card.path()).unwrap().has_network();
        (has_network, holds_token(self.card.path()))
    }

    /// What a removal of it needs.
    pub(crate) fn setup(&self, wish: Wish<'_>, progress: mpsc::Sender<(Duration, WipeEvent)>) -> Setup {
        Setup {
            traces: linesman::model::wipe::Traces::default(),
            link: address(),
            driver: DriverId::LinuxConsole,
            access: Access {
                username: Some(CONSOLE_ACCOUNT.into()),
                secret: Some(Secret::new(CONSOLE_PASSWORD.into())),
                allows_unprotected: false,
            },
            settings: None,
            profile: profile(wish.profile),
            confirmed: wish.confirmed.into(),
            known: wish.known,
            earlier: wish.earlier,
            attested: wish.attested.iter().map(|&id| (id.to_owned(), "seen by a person".to_owned())).collect(),
            without: wish.without.iter().map(|&id| id.to_owned()).collect(),
            evidence: Vec::new(),
            is_attended: false,
            watch: wish.watch,
            broker: None,
            look_for: Vec::new(),
            intent: intent(),
            links: Arc::clone(&self.links) as Arc<dyn linesman::flow::port::Links>,
            records: match wish.room {
                Some(room) => Arc::new(Full { records: self.records.clone(), room: AtomicUsize::new(room) }),
                None => Arc::new(self.records.clone()),
            },
            answers: mpsc::channel(1).1,
            progress,
            transcript: SharedTranscript::new("wipe"),
        }
    }

    async fn wipe(&self, wish: Wish<'_>) -> (Option<WipeReport>, JobEnd) {
        let (progress, mut events) = mpsc::channel(256);
        let (_stop, stopped) = watch::channel(false);
        let running = tokio::spawn(run(self.setup(wish, progress), stopped));
        let mut report = None;
        while let Some((_, event)) = events.recv().await {
            if let WipeEvent::Assessed(assessed) = event {
                report = Some(*assessed);
            }
        }
        (report, running.await.unwrap())
    }
}

/// What is asked for.
pub(crate) struct Wish<'a> {
    profile: &'a str,
    confirmed: &'a str,
    known: Option<Known>,
    earlier: Earlier,
    attested: &'a [&'a str],
    without: &'a [&'a str],
    watch: Option<Duration>,
    /// How many entries the disk takes.
    room: Option<usize>,
}

impl Default for Wish<'_> {
    fn default() -> Self {
        let earlier = Earlier::default();
        Self {
            profile: "generic-linux",
            confirmed: SERIAL,
            known: None,
            earlier,
            attested: &[],
            without: &[],
            watch: None,
            room: None,
        }
    }
}

fn address() -> LinkAddress {
    LinkAddress::Serial("SIM1".into())
}

fn profile(id: &str) -> Profile {
    Catalog::built_in().find(id).unwrap().clone()
}

fn intent() -> JobIntent {
    JobIntent {
        action: "wipe".into(),
        gateway: "gateway".into(),
        link: address().to_string(),
        profile: None,
        driver: None,
        operator: "tester".into(),
        is_simulated: true,
    }
}

fn holds_token(card: &Path) -> bool {
    Card::at(card).unwrap().kept(TOKEN).is_some()
}

fn answer(report: &WipeReport, claim: Claim) -> Answer {
    report.assessment.claim(claim).answer
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_is_wiped_and_looked_at_after_its_restart_is_complete() {
    let bench = Bench::new(&[]);
    let (report, end) = bench.wipe(Wish::default()).await;
    let report = report.unwrap();
    assert_eq!(report.assessment.outcome, Outcome::Complete, "{report:#?} {end:?}");
    assert_eq!(answer(&report, Claim::Removed), Answer::Observed);
    assert_eq!(answer(&report, Claim::Sanitised), Answer::NotBySoftware);
    assert_eq!((report.restarts, report.told.serial.as_deref()), (1, Some(SERIAL)));
    assert!(!bench.holds().0, "the network is off the card");
    let lines = bench.records.lines();
    let at =
        |text: &str| lines.iter().position(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}: {lines:#?}"));
    assert!(at("forget-wifi intent") < at("forget-wifi outcome acknowledged"), "{lines:#?}");
    assert!(lines.last().unwrap().starts_with("end complete wipe.complete"), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains(PASSPHRASE)), "{lines:#?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_to_a_gateway_that_is_not_the_one_that_was_named_or_recorded() {
    let told = Told { serial: Some(SERIAL.into()), machine: Some("another".into()), ..Told::default() };
    let known = Known { job: linesman::model::record::RecordId(3), at: "2026-01-31T00:00:00Z".into(), told };
    for wish in [Wish { confirmed: "GW-0418", ..Wish::default() }, Wish { known: Some(known), ..Wish::default() }] {
        let bench = Bench::new(&[]);
        let (report, _) = bench.wipe(wish).await;
        let assessment = report.unwrap().assessment;
        assert_eq!(assessment.outcome, Outcome::Refused, "{assessment:#?}");
        assert_eq!(bench.holds(), (true, true));
        assert!(!bench.records.lines().iter().any(|line| line.contains("forget-wifi")));
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_after_the_restart_is_never_complete() {
    for (fault, place) in [
        (Fault::WipeLie, "NetworkManager's list of connections"),
        (Fault::Regenerates, "/etc/netplan and /run/netplan"),
    ] {
        let bench = Bench::new(&[fault]);
        let (report, _) = bench.wipe(Wish::default()).await;
        let assessment = report.unwrap().assessment;
        assert_eq!(assessment.outcome, Outcome::Incomplete, "{fault}: {assessment:#?}");
        assert_eq!(assessment.claim(Claim::Removed).answer, Answer::No, "{fault}");
        assert_eq!(assessment.steps[0].state, StepState::Failed, "{fault}: an act without effect");
        let store = assessment.stores.iter().find(|store| store.store.place == place).unwrap();
        assert_eq!(store.state, StoreState::StillThere, "{fault}");
        assert!(bench.holds().0, "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_gateway_after_the_restart_ends_it_as_unknown() {
    let (report, _) = Bench::new(&[Fault::Swapped]).wipe(Wish::default()).await;
    let assessment = report.unwrap().assessment;
    assert_eq!(assessment.outcome, Outcome::Unknown, "{assessment:#?}");
    assert!(assessment.summary.contains("ANOTHER"), "{}", assessment.summary);
}

/// Some firmware says that it waits for a network whenever it isn't connected to one: also while it joins the one it still has.
#[tokio::test(start_paused = true)]
async fn a_gateway_that_still_joins_after_its_restart_was_not_seen_empty() {
    let wipe = async |joins_after: Duration, has_reset_line: bool| {
        let mut began = None;
        let links = improv_wired(has_reset_line, move |asked| {
            let now = tokio::time::Instant::now();
            let is_joined = now - *began.get_or_insert(now) >= joins_after;
            match asked {
                Request::CurrentState if is_joined => at_once(state(ProvisioningState::Provisioned)),
                _ => greeting(&asked).unwrap_or_default(),
            }
        });
        let (progress, mut events) = mpsc::channel(256);
        let (_stop, stopped) = watch::channel(false);
        let wish = Wish { confirmed: "Gateway 7", attested: &["maker-reset"], ..Wish::default() };
        let setup = Setup {
            driver: DriverId::Improv,
            access: Access::default(),
            profile: profile("generic-improv"),
            links,
            ..Bench::new(&[]).setup(wish, progress)
        };
        let running = tokio::spawn(run(setup, stopped));
        let mut report = None;
        while let Some((_, event)) = events.recv().await {
            if let WipeEvent::Assessed(assessed) = event {
                report = Some(*assessed);
            }
        }
        running.await.unwrap();
        report.unwrap()
    };
    let joins = wipe(Duration::from_secs(16), true).await;
    assert_eq!(joins.assessment.stores[0].state, StoreState::StillThere, "{joins:#?}");
    assert_eq!(joins.assessment.outcome, Outcome::Incomplete, "{joins:#?}");
    let empty = wipe(Duration::MAX, true).await;
    assert_eq!(empty.assessment.stores[0].state, StoreState::SeenEmpty, "{empty:#?}");
    assert!(empty.assessment.stores[0].says.contains("20 s after its restart"), "{empty:#?}");
    assert_eq!((empty.assessment.outcome, empty.restarts), (Outcome::Complete, 1), "{empty:#?}");
    let nowhere = wipe(Duration::MAX, false).await;
    assert_eq!((nowhere.assessment.outcome, nowhere.restarts), (Outcome::Incomplete, 0), "the pulse went nowhere");
}

#[tokio::test(start_paused = true)]
async fn a_card_keeps_both_secrets_when_unpaired_offline_and_loses_both_when_unpaired_online() {
    let wish = |earlier| Wish {
        profile: "casambi-cloud-gateway",
        attested: &["unpair-online", "void-token"],
        earlier,
        ..Wish::default()
    };
    let offline = Bench::new(&[Fault::Offline]);
    offline.unpair();
    let (report, _) = offline.wipe(wish(Earlier::default())).await;
    let report = report.unwrap();
    assert_eq!(report.assessment.outcome, Outcome::Incomplete, "{report:#?}");
    assert_eq!((answer(&report, Claim::Useless), answer(&report, Claim::Removed)), (Answer::Attested, Answer::No));
    assert_eq!(report.assessment.summary, "The gateway still holds: Wi-Fi passphrase, network-access-token");
    let remedies: Vec<&str> = report.assessment.remedies.iter().map(|remedy| remedy.text.as_str()).collect();
    assert!(remedies[0].contains("bring it online and unpair again"), "{remedies:#?}");
    assert_eq!(offline.holds(), (true, true));

    // The first look: online, both seen where they were thought to be. Then the vendor's tool, then the second look.
    let online = Bench::new(&[]);
    let (first, _) = online.wipe(Wish { attested: &[], ..wish(Earlier::default()) }).await;
    let first = first.unwrap();
    assert_eq!((first.assessment.outcome, first.online), (Outcome::Incomplete, Some(true)), "{first:#?}");
    let there = first.assessment.stores.iter().filter(|store| store.state == StoreState::StillThere);
    let seen: Vec<_> = there.map(|store| (store.store.credential.clone(), store.store.place.clone())).collect();
    assert!(seen.iter().any(|(credential, _)| credential == WIFI), "{seen:?}");
    let earlier = Earlier { online_at: Some("a minute ago".into()), seen, ..Earlier::default() };
    online.unpair();
    let (second, _) = online.wipe(wish(earlier)).await;
    let second = second.unwrap();
    assert_eq!(second.assessment.outcome, Outcome::Complete, "{second:#?}");
    assert_eq!(online.holds(), (false, false));
}

#[tokio::test(start_paused = true)]
async fn the_cloud_comes_before_the_device_unless_it_is_left_out_knowingly() {
    let bench = Bench::new(&[]);
    let wish = |attested, without| Wish { profile: "calms", attested, without, ..Wish::default() };
    let (report, end) = bench.wipe(wish(&[], &[])).await;
    assert!(report.is_none());
    assert!(matches!(end, JobEnd::Failed(problem) if problem.code == "wipe.cloud_first"));
    assert!(bench.records.lines().is_empty(), "nothing was begun");
    let (report, _) = bench.wipe(wish(&[], &["end-certificates"])).await;
    let report = report.unwrap();
    assert_eq!(answer(&report, Claim::Useless), Answer::NotChecked, "{report:#?}");
    assert_eq!(report.assessment.outcome, Outcome::Incomplete, "a certificate stays where nobody can look");
    assert!(!bench.holds().0, "what can be removed is removed all the same");
    let (_, end) = bench.wipe(wish(&["forget-wifi"], &[])).await;
    assert!(
        matches!(end, JobEnd::Failed(problem) if problem.code == "wipe.no_such_step"),
        "what Linesman does is not attested"
    );
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_falls_silent_is_never_complete_and_ends_in_time() {
    let begun = tokio::time::Instant::now();
    let (report, end) = Bench::new(&[Fault::Silent]).wipe(Wish::default()).await;
    assert!(report.is_none() && matches!(end, JobEnd::Failed(_)), "{end:?}");
    assert!(begun.elapsed() < Duration::from_mins(10));
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_vanishes_in_the_middle_is_unknown_and_waited_for_within_limits() {
    let begun = tokio::time::Instant::now();
    let bench = Bench::new(&[Fault::GoneInWipe]);
    let (report, end) = bench.wipe(Wish::default()).await;
    let assessment = report.unwrap().assessment;
    assert_eq!(assessment.outcome, Outcome::Unknown, "{assessment:#?} {end:?}");
    assert_eq!(assessment.steps[0].state, StepState::Failed);
    assert!(assessment.summary.contains("nobody could look"), "{}", assessment.summary);
    assert!(assessment.remedies.iter().any(|remedy| remedy.text.starts_with("Connect it again")), "{assessment:#?}");
    assert!(begun.elapsed() < Duration::from_mins(12), "{:?}", begun.elapsed());
    assert!(!bench.holds().0, "it had deleted it, and nobody claims so");
    assert!(bench.records.lines().last().unwrap().starts_with("end unknown wipe.unknown"));
}

#[tokio::test(start_paused = true)]
async fn a_watch_sees_a_gateway_that_comes_back_and_says_what_it_did_not_see() {
    for (faults, minutes, outcome) in [
        (&[Fault::ComesBack][..], 10, Outcome::Incomplete),
        (&[Fault::ComesBack][..], 2, Outcome::Complete),
        (&[][..], 10, Outcome::Complete),
    ] {
        let bench = Bench::new(faults);
        let watch = Some(Duration::from_mins(minutes));
        let (report, _) = bench.wipe(Wish { watch, ..Wish::default() }).await;
        let report = report.unwrap();
        assert_eq!(report.assessment.outcome, outcome, "{report:#?}");
        let watched = report.watched.unwrap();
        assert!(watched.answers > 1 && watched.seconds == minutes * 60, "{watched:?}");
        if outcome == Outcome::Incomplete {
            assert!(report.assessment.summary.starts_with("It came back: NetworkManager's list"), "{watched:?}");
            assert_eq!(report.assessment.claim(Claim::Removed).answer, Answer::No);
        }
        assert!(bench.records.lines().iter().any(|line| line.contains("watch intent")));
    }
}

/// Records on a disk that takes so many more entries.
struct Full {
    records: MemoryRecords,
    room: AtomicUsize,
}

impl Full {
    fn take(&self) -> Result<(), RecordsError> {
        let left = self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| RecordsError::DiskFull { path: "records.sqlite".into() })
    }
}

impl Records for Full {
    fn begin(&self, intent: JobIntent) -> Boxed<'_, Result<RecordId, RecordsError>> {
        match self.take() {
            Ok(()) => self.records.begin(intent),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn step(&self, job: RecordId, entry: StepEntry) -> Boxed<'_, Result<(), RecordsError>> {
        match self.take() {
            Ok(()) => self.records.step(job, entry),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }

    fn end(
        &self,
        job: RecordId,
        outcome: &'static str,
        reason: String,
        summary: String,
    ) -> Boxed<'_, Result<(), RecordsError>> {
        match self.take() {
            Ok(()) => self.records.end(job, outcome, reason, summary),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_fills_in_any_moment_stops_the_removal_and_claims_nothing() {
    let whole = Bench::new(&[]);
    whole.wipe(Wish::default()).await;
    let entries = whole.records.lines().len();
    for room in 0..entries {
        let bench = Bench::new(&[]);
        let (report, end) = bench.wipe(Wish { room: Some(room), ..Wish::default() }).await;
        assert!(matches!(end, JobEnd::Failed(_)), "{room} of {entries}: {end:?}");
        assert!(report.is_none_or(|report| report.assessment.outcome != Outcome::Complete), "{room} of {entries}");
        let lines = bench.records.lines();
        assert!(!lines.iter().any(|line| line.starts_with("end complete")), "{lines:#?}");
        let is_asked = lines.iter().any(|line| line.contains("forget-wifi intent"));
        assert!(is_asked || bench.holds().0, "{room}: nothing is deleted whose intent is not on record");
    }
}

/// The shells that gateways have, as far as this machine has them.
#[cfg(unix)]
fn shells() -> Vec<Vec<&'static str>> {
    let all = [vec!["sh"], vec!["bash"], vec!["dash"], vec!["busybox", "sh"]];
    all.into_iter().filter(|shell| crate::peers::has_program(shell[0])).collect()
}

/// What a real shell writes, and its exit code.
#[cfg(unix)]
fn in_shell(shell: &[&str], script: &linesman::proto::console::quote::Script) -> (Vec<u8>, Option<i32>) {
    let mut command = std::process::Command::new(shell[0]);
    let output = command.args(&shell[1..]).args(["-c", script.text().unwrap()]).output().unwrap();
    (output.stdout, output.status.code())
}

#[cfg(unix)]
#[test]
fn real_shells_search_every_place_to_its_end_and_delete_a_file_for_good() {
    use linesman::proto::console::wipe::{PLACES, delete_file, look_for, marks, parse_marks, parse_search};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it's a token");
    let path = file.display().to_string();
    for shell in shells() {
        for places in PLACES {
            let (output, _) = in_shell(&shell, &places.search("").unwrap());
            assert!(parse_search(&output).trouble.is_some(), "{shell:?} {}", places.key);
        }
        let (output, _) = in_shell(&shell, &marks("").unwrap());
        assert!(parse_marks(&output).boot.is_some(), "{shell:?}: {}", String::from_utf8_lossy(&output));
        std::fs::write(&file, "token").unwrap();
        let beside = folder.path().join("beside");
        std::fs::hard_link(&file, &beside).unwrap();
        let (output, _) = in_shell(&shell, &look_for(&path, "").unwrap());
        assert_eq!(parse_search(&output).held, std::slice::from_ref(&path), "{shell:?}");
        assert_eq!(in_shell(&shell, &delete_file(&path, "").unwrap()).1, Some(0), "{shell:?}");
        assert!(!file.exists());
        assert_eq!(std::fs::read(&beside).unwrap(), [0; 5], "{shell:?}: the content was overwritten in its place");
        std::fs::remove_file(beside).unwrap();
        let (output, _) = in_shell(&shell, &look_for(&path, "").unwrap());
        let found = parse_search(&output);
        assert_eq!((found.held.len(), found.trouble), (0, Some(false)), "{shell:?}");
    }
}
