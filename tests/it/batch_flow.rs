//! The rows of a batch on a paused clock: what runs beside what, pause, stop, retry, and gateways that come later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use linesman::flow::batch::{Sessions, Setup, Steer, run};
use linesman::flow::commission::Setup as SessionSetup;
use linesman::flow::port::{
    BatchRecords, Boxed, Link, LinkError, Links, Radio, RadioEvent, Records as _, RecordsError,
};
use linesman::model::access::Access;
use linesman::model::batch::{Again, BatchHistory, BatchId, RowOutcome, RowPlan, RowResult, Standing};
use linesman::model::credentials::WifiDraft;
use linesman::model::gateway::{Advertisement, PortFacts, Protection};
use linesman::model::ids::{DriverId, LinkAddress};
use linesman::model::outcome::{Evidence, EvidenceKind, Outcome, Verdict};
use linesman::model::record::{JobIntent, RecordId};
use linesman::model::secret::Secret;
use linesman::msg::batch::{BatchEvent, RowState};
use linesman::msg::{JobEnd, Progress, Request};
use linesman::profile::Catalog;
use linesman::sim::{Air, Card, ImprovDevice, SimulatedLinks};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use crate::support::{MemoryRecords, PASSPHRASE, SSID, info};

impl BatchRecords for MemoryRecords {
    fn open_batch(&self, _source: String) -> Boxed<'_, Result<BatchId, RecordsError>> {
        Box::pin(std::future::ready(Ok(BatchId(1))))
    }

    fn begin_row(
        &self,
        _batch: BatchId,
        _name: String,
        _content: String,
        intent: JobIntent,
    ) -> Boxed<'_, Result<RecordId, RecordsError>> {
        self.begin(intent)
    }

    fn last_batch(&self, _source: String) -> Boxed<'_, Result<Option<BatchHistory>, RecordsError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn batch(&self, _id: BatchId) -> Boxed<'_, Result<Option<BatchHistory>, RecordsError>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// How long a made-up session takes.
const SESSION: Duration = Duration::from_secs(10);

/// Sessions that take ten seconds; what is listed here is refused the first time.
#[derive(Default)]
struct MadeUp {
    spans: Arc<Mutex<Vec<(String, Instant, Instant)>>>,
    refused_once: Arc<Mutex<BTreeSet<String>>>,
}

impl Sessions for MadeUp {
    fn run(
        &self,
        setup: SessionSetup,
        mut requests: mpsc::Receiver<Request>,
        mut stop: watch::Receiver<bool>,
    ) -> Boxed<'static, JobEnd> {
        let (spans, refused) = (Arc::clone(&self.spans), Arc::clone(&self.refused_once));
        Box::pin(async move {
            let (link, began) = (setup.link.to_string(), Instant::now());
            setup.report.send(Progress::Ready).await;
            let request = requests.recv().await;
            assert!(matches!(request, Some(Request::Push(_))), "the network is sent");
            tokio::select! {
                () = sleep(SESSION) => {}
                _ = stop.wait_for(|is_stopped| *is_stopped) => return JobEnd::Cancelled,
            }
            spans.lock().unwrap().push((link.clone(), began, Instant::now()));
            let verdict = if refused.lock().unwrap().remove(&link) { Verdict::Refused } else { Verdict::Joined };
            setup.report.send(Progress::Pushed(Box::new(outcome(verdict)))).await;
            JobEnd::Done { note: String::new() }
        })
    }
}

fn outcome(verdict: Verdict) -> Outcome {
    let evidence = Evidence { kind: EvidenceKind::Observed, text: "seen".into(), at: Duration::ZERO };
    Outcome {
        verdict,
        code: "improv.test",
        summary: "A summary".into(),
        evidence: vec![evidence],
        causes: Vec::new(),
        next_step: "Next".into(),
        addresses: Vec::new(),
        driver: DriverId::Improv,
        protection: Protection::Cable,
        took: SESSION,
    }
}

/// Ports that come at given seconds, and what a radio hears at the start.
#[derive(Default)]
struct Air1 {
    ports: Vec<(u64, &'static str, &'static str)>,
    heard: Vec<(&'static str, &'static str, &'static str)>,
    since: Mutex<Option<Instant>>,
    held: Mutex<Vec<mpsc::Sender<RadioEvent>>>,
}

impl Links for Air1 {
    fn ports(&self) -> Boxed<'_, Result<Vec<(LinkAddress, PortFacts)>, LinkError>> {
        let since = *self.since.lock().unwrap().get_or_insert_with(Instant::now);
        let here = self.ports.iter().filter(|(at, ..)| since.elapsed() >= Duration::from_secs(*at));
        let ports = here.map(|(_, path, number)| {
            let facts = PortFacts { serial_number: Some((*number).into()), ..PortFacts::default() };
            (LinkAddress::Serial((*path).into()), facts)
        });
        Box::pin(std::future::ready(Ok(ports.collect())))
    }

    fn open<'a>(&'a self, _address: &'a LinkAddress) -> Boxed<'a, Result<Link, LinkError>> {
        unreachable!("sessions are made up")
    }

    fn watch_radio(&self) -> Boxed<'_, Result<Radio, LinkError>> {
        let (heard, events) = mpsc::channel(16);
        for (address, name, adapter) in &self.heard {
            let advertisement =
                Advertisement { name: Some((*name).into()), adapter: (*adapter).into(), ..Advertisement::default() };
            heard.try_send(RadioEvent::Heard { link: LinkAddress::Ble((*address).into()), advertisement }).unwrap();
        }
        self.held.lock().unwrap().push(heard);
        Box::pin(std::future::ready(Ok(Radio { events })))
    }
}

fn plan(row: u32, place: &str, driver: DriverId) -> RowPlan {
    RowPlan {
        row,
        name: format!("Gateway {row}"),
        place: place.parse().unwrap(),
        profile: None,
        driver,
        network: Some(WifiDraft {
            ssid: SSID.into(),
            passphrase: Secret::new(PASSPHRASE.into()),
            ..WifiDraft::default()
        }),
        access: Access::default(),
        credentials: Vec::new(),
        content: String::new(),
    }
}

/// A batch under way, and how to reach it.
struct Under {
    steer: mpsc::Sender<Steer>,
    stop: watch::Sender<bool>,
    events: mpsc::Receiver<BatchEvent>,
    task: tokio::task::JoinHandle<Vec<Option<RowResult>>>,
    began: Instant,
}

fn start(places: &[&str], links: impl Links + 'static, sessions: impl Sessions + 'static) -> Under {
    let rows = (2..).zip(places).map(|(row, place)| (plan(row, place, DriverId::Improv), Standing::Open)).collect();
    start_rows(rows, links, sessions)
}

fn start_rows(rows: Vec<(RowPlan, Standing)>, links: impl Links + 'static, sessions: impl Sessions + 'static) -> Under {
    let (events_tx, events) = mpsc::channel(4096);
    let (steer, steer_rx) = mpsc::channel(8);
    let (stop, stop_rx) = watch::channel(false);
    let setup = Setup {
        batch: BatchId(1),
        rows,
        parallel: 8,
        wait: Duration::from_mins(1),
        is_scanning: false,
        operator: "test".into(),
        catalog: Arc::new(Catalog::built_in()),
        links: Arc::new(links),
        records: Arc::new(MemoryRecords::default()),
        sessions: Arc::new(sessions),
        events: events_tx,
    };
    Under { steer, stop, events, task: tokio::spawn(run(setup, steer_rx, stop_rx)), began: Instant::now() }
}

impl Under {
    /// The outcomes in order, and the whole seconds it took.
    async fn end(self) -> (Vec<Option<(RowOutcome, String)>>, u64) {
        let results = self.task.await.unwrap();
        let told = results.into_iter().map(|result| result.map(|result| (result.outcome, result.reason)));
        (told.collect(), self.began.elapsed().as_secs())
    }
}

fn joined(count: usize) -> Vec<Option<(RowOutcome, String)>> {
    vec![Some((RowOutcome::Joined, "improv.test".into())); count]
}

/// The most sessions that ran at the same time.
fn most_at_once(spans: &[(String, Instant, Instant)]) -> usize {
    spans
        .iter()
        .map(|(_, began, _)| spans.iter().filter(|(_, from, to)| from <= began && began < to).count())
        .max()
        .unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn eight_at_once_and_no_more() {
    let places: Vec<String> = (0..20).map(|number| format!("serial:/dev/ttyUSB{number}")).collect();
    let sessions = MadeUp::default();
    let spans = Arc::clone(&sessions.spans);
    let under = start(&places.iter().map(String::as_str).collect::<Vec<_>>(), Air1::default(), sessions);
    assert_eq!(under.end().await, (joined(20), 30), "20 rows, 8 at once, 10 s each");
    assert_eq!(most_at_once(&spans.lock().unwrap()), 8);
}

#[tokio::test(start_paused = true)]
async fn bluetooth_goes_one_by_one_on_each_adapter_beside_the_cables() {
    let air = Air1 {
        heard: vec![("AA:01", "one", "hci0"), ("AA:02", "two", "hci0"), ("AA:03", "three", "hci1")],
        ..Air1::default()
    };
    let places = ["name:one", "name:two", "name:three", "ble:BB:01", "ble:BB:02", "serial:a", "serial:b", "http:h"];
    let sessions = MadeUp::default();
    let spans = Arc::clone(&sessions.spans);
    let (outcomes, _) = start(&places, air, sessions).end().await;
    assert_eq!(outcomes, joined(8));
    let spans = spans.lock().unwrap();
    let adapter = |link: &str| match link {
        "ble:AA:01" | "ble:AA:02" => Some("hci0"),
        "ble:AA:03" => Some("hci1"),
        _ if link.starts_with("ble:") => Some("unheard"),
        _ => None,
    };
    let mut by_adapter: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for span in spans.iter() {
        if let Some(adapter) = adapter(&span.0) {
            by_adapter.entry(adapter).or_default().push(span.clone());
        }
    }
    assert_eq!(by_adapter.len(), 3);
    for (adapter, spans) in by_adapter {
        assert_eq!(most_at_once(&spans), 1, "{adapter}");
    }
    assert!(most_at_once(&spans) >= 4, "cables and HTTP run beside: {spans:?}");
}

#[tokio::test(start_paused = true)]
async fn paused_it_begins_nothing_and_goes_on_where_it_was() {
    let places: Vec<String> = (0..9).map(|number| format!("serial:{number}")).collect();
    let under = start(&places.iter().map(String::as_str).collect::<Vec<_>>(), Air1::default(), MadeUp::default());
    sleep(Duration::from_secs(5)).await;
    under.steer.send(Steer::Pause).await.unwrap();
    sleep(Duration::from_mins(10)).await;
    assert!(!under.task.is_finished(), "one row is left");
    under.steer.send(Steer::Resume).await.unwrap();
    assert_eq!(under.end().await, (joined(9), 615));
}

#[tokio::test(start_paused = true)]
async fn stopped_it_lets_go_of_what_runs_and_leaves_the_rest() {
    let places: Vec<String> = (0..10).map(|number| format!("serial:{number}")).collect();
    let under = start(&places.iter().map(String::as_str).collect::<Vec<_>>(), Air1::default(), MadeUp::default());
    sleep(Duration::from_secs(5)).await;
    under.stop.send(true).unwrap();
    let (outcomes, took) = under.end().await;
    assert_eq!(took, 5);
    let unknown = Some((RowOutcome::Unknown, "session.stopped".to_owned()));
    assert_eq!(outcomes[..8], vec![unknown; 8], "the network had been sent");
    assert_eq!(outcomes[8..], [None, None]);
}

#[tokio::test(start_paused = true)]
async fn refused_ones_are_done_again_on_request_and_no_others() {
    let sessions = MadeUp::default();
    sessions.refused_once.lock().unwrap().insert("serial:1".into());
    let spans = Arc::clone(&sessions.spans);
    // The last row keeps the batch alive while the second is asked for again.
    let air = Air1 { ports: vec![(30, "late", "L")], ..Air1::default() };
    let under = start(&["serial:0", "serial:1", "serial-number:L"], air, sessions);
    sleep(Duration::from_secs(15)).await;
    under.steer.send(Steer::Retry(Again { failed: true, unknown: false })).await.unwrap();
    let (outcomes, _) = under.end().await;
    assert_eq!(outcomes, joined(3));
    let links: Vec<String> = spans.lock().unwrap().iter().map(|(link, ..)| link.clone()).collect();
    assert_eq!(links.iter().filter(|link| *link == "serial:1").count(), 2, "{links:?}");
    assert_eq!(links.len(), 4, "{links:?}");
}

#[tokio::test(start_paused = true)]
async fn a_row_that_was_left_open_stays_so_when_its_next_attempt_is_stopped_or_never_begun() {
    let unknown = RowResult::without_session(RowOutcome::Unknown, "records.cut_off", "Cut off".into(), "Verify".into());
    // Nine rows at eight places, one of them for a gateway that isn't there.
    let places = (0..9).map(|number| format!("serial:{number}")).chain(["serial-number:never".to_owned()]);
    let left_open =
        |(row, place): (u32, String)| (plan(row, &place, DriverId::Improv), Standing::LeftOpen(unknown.clone()));
    let under = start_rows((2..).zip(places).map(left_open).collect(), Air1::default(), MadeUp::default());
    sleep(Duration::from_secs(5)).await;
    under.stop.send(true).unwrap();
    let (outcomes, _) = under.end().await;
    let kinds: Vec<Option<RowOutcome>> = outcomes.iter().map(|end| end.as_ref().map(|(outcome, _)| *outcome)).collect();
    assert_eq!(kinds, vec![Some(RowOutcome::Unknown); 10], "nobody knows whether one of them has the network");
}

#[tokio::test(start_paused = true)]
async fn gateways_plugged_in_one_after_the_other_are_taken_as_they_come() {
    let air = Air1 { ports: vec![(20, "ttyUSB0", "b"), (50, "ttyUSB0", "A"), (70, "ttyUSB1", "A")], ..Air1::default() };
    // `A` is there twice from second 70 on: by then it is done. `c` never comes.
    let mut under = start(&["serial-number:A", "serial-number:B", "serial-number:c"], air, MadeUp::default());
    let (mut order, mut expected) = (Vec::new(), 0);
    while let Some(event) = under.events.recv().await {
        match event {
            BatchEvent::Row { index, state: RowState::Running { .. } } => order.push(index),
            BatchEvent::Row { state: RowState::Expected, .. } => expected += 1,
            _ => {}
        }
    }
    let (outcomes, took) = under.end().await;
    assert_eq!((order, expected), (vec![1, 0], 3));
    assert_eq!(outcomes[..2], joined(2));
    assert_eq!(outcomes[2], Some((RowOutcome::Failed, "batch.not_found".into())));
    assert!((119..=125).contains(&took), "a minute after the last end: {took}");
}

#[tokio::test(start_paused = true)]
async fn two_of_the_same_number_or_name_are_not_touched() {
    let air = Air1 {
        ports: vec![(0, "ttyUSB0", "0001"), (0, "ttyUSB1", "0001")],
        heard: vec![("AA:01", "same", "hci0"), ("AA:02", "same", "hci0")],
        ..Air1::default()
    };
    let (outcomes, _) = start(&["serial-number:0001", "name:same"], air, MadeUp::default()).end().await;
    assert_eq!(outcomes, vec![Some((RowOutcome::Failed, "batch.ambiguous".into())); 2]);
}

/// The real session in a task of its own, as the backend runs it.
struct Real;

impl Sessions for Real {
    fn run(
        &self,
        setup: SessionSetup,
        requests: mpsc::Receiver<Request>,
        stop: watch::Receiver<bool>,
    ) -> Boxed<'static, JobEnd> {
        let task = tokio::spawn(linesman::flow::commission::run(setup, requests, stop));
        Box::pin(async move { task.await.unwrap() })
    }
}

#[tokio::test(start_paused = true)]
async fn simulated_gateways_join_beside_each_other() {
    let mut links = SimulatedLinks::default();
    let places: Vec<String> = (0..16).map(|number| format!("serial:SIM{number}")).collect();
    for place in &places {
        let device = ImprovDevice::new(info(), Air::site(SSID, PASSPHRASE), Card::in_memory(), &[]);
        links = links.with(place.parse().unwrap(), PortFacts::default(), device);
    }
    let one = {
        let device = ImprovDevice::new(info(), Air::site(SSID, PASSPHRASE), Card::in_memory(), &[]);
        let links = SimulatedLinks::default().with("serial:ONE".parse().unwrap(), PortFacts::default(), device);
        let under = start(&["serial:ONE"], links, Real);
        let began = under.began;
        under.task.await.unwrap();
        began.elapsed()
    };
    let under = start(&places.iter().map(String::as_str).collect::<Vec<_>>(), links, Real);
    let began = under.began;
    let results = under.task.await.unwrap();
    assert!(
        results.iter().flatten().all(|result| result.outcome == RowOutcome::Joined && result.gateway == "Gateway 7")
    );
    assert_eq!(results.iter().flatten().count(), 16);
    assert!(began.elapsed() < one * 3, "16 rows in two rounds of eight: {:?}, one takes {one:?}", began.elapsed());
}
