//! Managing a simulated gateway over SMP, on a paused clock: questions, confirmed acts, faults, records and secrets.

use std::sync::Arc;
use std::time::Duration;

use linesman::flow::device::{Setup, run};
use linesman::flow::transcript::SharedTranscript;
use linesman::model::access::Access;
use linesman::model::gateway::PortFacts;
use linesman::model::ids::DriverId;
use linesman::model::outcome::EvidenceKind;
use linesman::model::problem::Problem;
use linesman::model::record::JobIntent;
use linesman::model::secret::Secret;
use linesman::msg::JobEnd;
use linesman::msg::device::{DeviceChange, DeviceProgress, DeviceRead, DeviceRequest, Offers};
use linesman::sim::{Fault, SimulatedLinks, SmpDevice, SmpFraming, Store};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::support::{MemoryRecords, address, info};

/// A secret that must turn up nowhere.
const CANARY: &str = "canary-token-2f81c6";
/// What the simulated gateway calls itself.
const NAME: &str = "Gateway-7";

/// A gateway under management.
struct Managed {
    requests: mpsc::Sender<DeviceRequest>,
    progress: mpsc::Receiver<(Duration, DeviceProgress)>,
    stop: watch::Sender<bool>,
    job: JoinHandle<JobEnd>,
    records: MemoryRecords,
    transcript: SharedTranscript,
    log: Vec<String>,
}

impl Managed {
    /// Opens one and returns it with what it told until it was ready or over.
    async fn open(faults: &[Fault]) -> (Self, Vec<DeviceProgress>) {
        let device = SmpDevice::new(info(), SmpFraming::Console, Store::in_memory(), faults);
        let facts = PortFacts { is_simulated: true, ..PortFacts::default() };
        let links = SimulatedLinks::default().with(address(), facts, device);
        let (requests, request_rx) = mpsc::channel(4);
        let (progress_tx, progress) = mpsc::channel(256);
        let (stop, stopped) = watch::channel(false);
        let (records, transcript) = (MemoryRecords::default(), SharedTranscript::new("test"));
        let setup = Setup {
            link: address(),
            driver: DriverId::Smp,
            access: Access::default(),
            settings: None,
            intent: JobIntent {
                action: "device".into(),
                gateway: "SIM1".into(),
                link: address().to_string(),
                profile: None,
                driver: Some("smp".into()),
                operator: "test".into(),
                is_simulated: true,
            },
            links: Arc::new(links),
            records: Arc::new(records.clone()),
            progress: progress_tx,
            transcript: transcript.clone(),
        };
        let job = tokio::spawn(run(setup, request_rx, stopped));
        let mut managed = Self { requests, progress, stop, job, records, transcript, log: Vec::new() };
        let told = managed.until_ready().await;
        (managed, told)
    }

    async fn until_ready(&mut self) -> Vec<DeviceProgress> {
        let mut told = Vec::new();
        while let Some((_, progress)) = self.progress.recv().await {
            match progress {
                DeviceProgress::Ready => break,
                DeviceProgress::Log(lines) => self.log.extend(lines),
                DeviceProgress::Busy { .. } => {}
                other => told.push(other),
            }
        }
        told
    }

    async fn ask(&mut self, request: DeviceRequest) -> Vec<DeviceProgress> {
        self.requests.send(request).await.expect("the job runs");
        self.until_ready().await
    }

    async fn read(&mut self, read: DeviceRead) -> Vec<DeviceProgress> {
        self.ask(DeviceRequest::Read(read)).await
    }

    async fn change(&mut self, change: DeviceChange) -> Vec<DeviceProgress> {
        self.ask(DeviceRequest::Change { change, confirmed: NAME.into() }).await
    }

    async fn close(self) -> (JobEnd, Vec<String>) {
        // A job that has ended already takes no farewell.
        let _ = self.requests.send(DeviceRequest::Close).await;
        drop((self.requests, self.progress));
        let end = self.job.await.expect("no panic");
        (end, self.records.lines())
    }
}

fn problem(told: &[DeviceProgress]) -> Option<&Problem> {
    told.iter().find_map(|progress| match progress {
        DeviceProgress::Failed(problem) => Some(problem),
        _ => None,
    })
}

fn code(told: &[DeviceProgress]) -> Option<&'static str> {
    problem(told).map(|problem| problem.code)
}

fn evidence(told: &[DeviceProgress]) -> Option<(EvidenceKind, &str)> {
    told.iter().find_map(|progress| match progress {
        DeviceProgress::Changed { evidence, .. } => Some((evidence.kind, evidence.text.as_str())),
        _ => None,
    })
}

fn setting(told: &[DeviceProgress]) -> Option<Vec<u8>> {
    told.iter().find_map(|progress| match progress {
        DeviceProgress::Setting { value, .. } => value.as_ref().map(|value| value.octets.expose().clone()),
        _ => None,
    })
}

fn rows(told: &[DeviceProgress]) -> Vec<(String, String)> {
    let rows = told.iter().find_map(|progress| match progress {
        DeviceProgress::Info(rows) => Some(rows.clone()),
        _ => None,
    });
    rows.unwrap_or_default()
}

fn write(key: &str, value: &str) -> DeviceChange {
    DeviceChange::WriteSetting { key: key.into(), value: Secret::new(value.as_bytes().to_vec()) }
}

fn put(path: &str, content: &[u8]) -> DeviceChange {
    DeviceChange::WriteFile { path: path.into(), content: Secret::new(content.to_vec()) }
}

fn run_line(line: &str) -> DeviceChange {
    DeviceChange::Shell(line.into())
}

#[tokio::test(start_paused = true)]
async fn a_gateway_tells_what_it_is_and_what_it_counts() {
    let (mut gateway, told) = Managed::open(&[]).await;
    let [DeviceProgress::Opened { name, offers, .. }] = &told[..] else { panic!("it opens") };
    assert_eq!(name, NAME);
    let all = Offers {
        info: true,
        statistics: true,
        images: true,
        settings: true,
        files: true,
        shell: true,
        time: true,
        reset: true,
        erase: true,
    };
    assert_eq!(*offers, all);
    let rows = rows(&gateway.read(DeviceRead::Info).await);
    for (name, value) in
        [("Version", "1.2.3"), ("Boot loader", "MCUboot"), ("Boot mode", "swap without a scratch area")]
    {
        assert!(rows.contains(&(name.into(), value.into())), "{name} in {rows:?}");
    }
    let told = gateway.read(DeviceRead::Statistics).await;
    let [DeviceProgress::Statistics(tables)] = &told[..] else { panic!("statistics") };
    let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["smp_com", "uplink", "Task main", "Task idle", "Memory pool smp", "Memory pool uplink"]);
    let told = gateway.read(DeviceRead::Images).await;
    let [DeviceProgress::Images(images)] = &told[..] else { panic!("images") };
    assert_eq!((images[0].version.as_str(), &images[0].flags[..2]), ("1.2.3", &["active", "confirmed"][..]));
    let (end, records) = gateway.close().await;
    assert!(matches!(end, JobEnd::Done { .. }));
    let summary = records.last().expect("an end");
    assert_eq!(summary, "end done device.closed The gateway was looked at; nothing was changed");
}

#[tokio::test(start_paused = true)]
async fn an_act_is_on_record_before_and_after_and_its_secret_nowhere() {
    let (mut gateway, _) = Managed::open(&[]).await;
    let told = gateway.change(write("bridge/token", CANARY)).await;
    let (kind, text) = evidence(&told).expect("it is done");
    assert_eq!(
        (kind, text),
        (EvidenceKind::Observed, "The setting bridge/token was written and saved; it reads back equal",)
    );
    let key = format!("-----BEGIN KEY-----\n{CANARY}{}\n-----END KEY-----\n", "A".repeat(900));
    let told = gateway.change(put("/lfs/key.pem", key.as_bytes())).await;
    assert_eq!(evidence(&told).map(|(kind, _)| kind), Some(EvidenceKind::Observed));
    // A restart keeps what was saved; the log of the careless firmware came in meanwhile.
    gateway.change(DeviceChange::Reset).await;
    let value = setting(&gateway.read(DeviceRead::Setting("bridge/token".into())).await);
    assert_eq!(value.as_deref(), Some(CANARY.as_bytes()));
    assert!(gateway.log.iter().any(|line| line.contains("settings: bridge/token = [redacted]")), "{:?}", gateway.log);
    assert!(!gateway.log.join("\n").contains(CANARY));
    let transcript = gateway.transcript.render();
    let hexadecimal = linesman::model::text::hex(CANARY.as_bytes());
    assert!(!transcript.contains(CANARY) && !transcript.contains(&hexadecimal), "{transcript}");
    let (_, records) = gateway.close().await;
    let text = records.join("\n");
    assert!(!text.contains(CANARY), "{text}");
    let steps: Vec<&str> =
        records.iter().filter(|line| line.contains("intent") || line.contains("outcome")).map(String::as_str).collect();
    let order: Vec<String> =
        steps.iter().map(|line| line.split(' ').take(3).collect::<Vec<_>>().join(" ").trim().to_owned()).collect();
    assert_eq!(
        order,
        [
            "connect intent",
            "connect outcome done",
            "write-setting intent",
            "write-setting outcome observed",
            "write-file intent",
            "write-file outcome observed",
            "reset intent",
            "reset outcome acknowledged",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn without_the_right_name_nothing_is_sent_and_nothing_is_on_record() {
    let (mut gateway, _) = Managed::open(&[]).await;
    let before = gateway.records.lines().len();
    let changes = [
        write("bridge/token", "x"),
        put("/lfs/x", b"x"),
        run_line("help"),
        DeviceChange::DeleteSetting("bridge/broker".into()),
        DeviceChange::SetTime("2026-01-31T12:00:00".into()),
        DeviceChange::Reset,
        DeviceChange::EraseStorage,
    ];
    for confirmed in ["", "Gateway-8", "gateway-7", "SIM1"] {
        for change in changes.clone() {
            let label = change.label();
            let told = gateway.ask(DeviceRequest::Change { change, confirmed: confirmed.into() }).await;
            assert_eq!(code(&told), Some("device.not_confirmed"), "{label} with {confirmed:?}");
        }
    }
    assert_eq!(gateway.records.lines().len(), before);
    let told = gateway.read(DeviceRead::Setting("bridge/broker".into())).await;
    assert!(setting(&told).is_some(), "it is still there");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_setting_and_an_erased_storage_are_looked_for() {
    let (mut gateway, _) = Managed::open(&[]).await;
    gateway.change(write("bridge/token", "kept")).await;
    let told = gateway.change(DeviceChange::DeleteSetting("bridge/token".into())).await;
    assert_eq!(evidence(&told).map(|(kind, _)| kind), Some(EvidenceKind::Observed), "{:?}", code(&told));
    let told = gateway.change(DeviceChange::DeleteSetting("bridge/token".into())).await;
    assert_eq!(code(&told), Some("smp.not_found"));
    let told = gateway.change(DeviceChange::EraseStorage).await;
    assert_eq!(evidence(&told).map(|(kind, _)| kind), Some(EvidenceKind::Acknowledged), "nothing was read before");
    gateway.read(DeviceRead::Setting("bridge/broker".into())).await;
    let told = gateway.change(DeviceChange::EraseStorage).await;
    assert_eq!(code(&told), Some("device.not_erased"), "what runs is still there until it restarts");
    let (end, records) = gateway.close().await;
    assert!(matches!(end, JobEnd::Done { .. }));
    assert!(records.iter().any(|line| line.starts_with("erase-storage outcome failed")), "{records:#?}");
}

#[tokio::test(start_paused = true)]
async fn the_clock_and_the_shell_answer() {
    let (mut gateway, _) = Managed::open(&[]).await;
    assert_eq!(code(&gateway.read(DeviceRead::Time).await), Some("smp.busy"), "it is not set");
    let told = gateway.change(DeviceChange::SetTime("2026-01-31T12:00:00".into())).await;
    assert_eq!(evidence(&told), Some((EvidenceKind::Observed, "The clock was set; it reads 2026-01-31T12:00:00")));
    for (line, output, result) in [
        ("kernel version", "Zephyr version 1.2.3", 0),
        ("nonsense", "nonsense: command not found", -8),
        ("echo  two   words", "two words", 0),
    ] {
        let told = gateway.change(run_line(line)).await;
        let Some(DeviceProgress::Output { lines, status, .. }) = told.first() else { panic!("output of {line}") };
        assert_eq!((lines.join("|").as_str(), *status), (output, result));
    }
    assert_eq!(code(&gateway.change(run_line("flood")).await), Some("smp.too_large"));
    assert_eq!(code(&gateway.change(run_line(&"x".repeat(400))).await), Some("smp.too_long"));
}

#[tokio::test(start_paused = true)]
async fn faults_that_asking_again_helps_against_are_not_seen() {
    for fault in
        [Fault::Noise, Fault::Truncated, Fault::BadChecksum, Fault::Duplicates, Fault::Late, Fault::NoParameters]
    {
        let (mut gateway, told) = Managed::open(&[fault]).await;
        assert!(matches!(told.first(), Some(DeviceProgress::Opened { .. })), "{fault}");
        let rows = rows(&gateway.read(DeviceRead::Info).await);
        assert!(rows.contains(&("Version".into(), "1.2.3".into())), "{fault}: {rows:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_of_the_older_version_is_managed_too() {
    let (mut gateway, told) = Managed::open(&[Fault::OldVersion]).await;
    assert!(matches!(told.first(), Some(DeviceProgress::Opened { .. })));
    let told = gateway.read(DeviceRead::Setting("nowhere/x".into())).await;
    assert!(matches!(told.first(), Some(DeviceProgress::Setting { value: None, .. })), "{:?}", code(&told));
    let told = gateway.change(write("bridge/token", "x")).await;
    assert_eq!(evidence(&told).map(|(kind, _)| kind), Some(EvidenceKind::Observed));
}

#[tokio::test(start_paused = true)]
async fn a_small_buffer_is_filled_piece_by_piece_and_never_overrun() {
    let (mut gateway, _) = Managed::open(&[Fault::SmallBuffer]).await;
    let content: Vec<u8> = (0..=255).cycle().take(1000).collect();
    let told = gateway.change(put("/lfs/a", &content)).await;
    assert_eq!(evidence(&told).map(|(kind, _)| kind), Some(EvidenceKind::Observed), "{:?}", problem(&told));
    assert_eq!(code(&gateway.change(write("bridge/token", &"x".repeat(90))).await), Some("smp.too_long"));
    assert_eq!(code(&gateway.change(put(&format!("/{}", "x".repeat(90)), b"x")).await), Some("smp.too_long"));
}

#[tokio::test(start_paused = true)]
async fn a_silent_gateway_is_given_up_within_the_time_that_is_told() {
    let begun = Instant::now();
    let (gateway, told) = Managed::open(&[Fault::Silent]).await;
    assert!(told.is_empty());
    assert_eq!(begun.elapsed(), Duration::from_secs(15));
    let (end, records) = gateway.close().await;
    assert!(matches!(end, JobEnd::Failed(problem) if problem.code == "smp.no_reply"));
    assert!(records.last().is_some_and(|line| line.starts_with("end failed smp.no_reply")), "{records:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_or_not_kept_is_no_success() {
    let (mut gateway, _) = Managed::open(&[Fault::Denied]).await;
    for change in [write("bridge/token", "x"), put("/lfs/x", b"x"), run_line("help"), DeviceChange::EraseStorage] {
        let label = change.label();
        let told = gateway.change(change).await;
        assert_eq!((code(&told), evidence(&told)), (Some("smp.not_allowed"), None), "{label}");
    }
    let (_, records) = gateway.close().await;
    assert!(records.last().is_some_and(|line| line.starts_with("end refused smp.not_allowed")), "{records:?}");
    let (mut gateway, _) = Managed::open(&[Fault::NotKept]).await;
    for change in [write("bridge/token", "x"), put("/lfs/x", b"x")] {
        assert_eq!(code(&gateway.change(change).await), Some("smp.not_kept"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_act_without_an_answer_is_unknown_and_not_sent_again() {
    // Every second answer is damaged: of two acts in a row one has none.
    let (mut gateway, _) = Managed::open(&[Fault::BadChecksum]).await;
    let mut unknown = 0;
    for _ in 0..2 {
        let told = gateway.change(run_line("kernel uptime")).await;
        unknown += usize::from(code(&told) == Some("smp.no_word"));
    }
    assert_eq!(unknown, 1);
    let (_, records) = gateway.close().await;
    assert_eq!(records.iter().filter(|line| line.starts_with("shell outcome unknown")).count(), 1, "{records:#?}");
    assert!(records.last().is_some_and(|line| line.starts_with("end unknown device.unknown")), "{records:?}");
}

#[tokio::test(start_paused = true)]
async fn a_link_that_breaks_ends_the_job() {
    let (mut gateway, _) = Managed::open(&[Fault::DropLink]).await;
    gateway.read(DeviceRead::Info).await;
    let (end, records) = gateway.close().await;
    assert!(matches!(end, JobEnd::Failed(problem) if problem.code == "serial.vanished"));
    assert!(records.last().is_some_and(|line| line.starts_with("end failed serial.vanished")), "{records:?}");
}

#[tokio::test(start_paused = true)]
async fn stopping_leaves_the_outcome_on_record() {
    let (gateway, _) = Managed::open(&[]).await;
    gateway.stop.send(true).expect("the job listens");
    let Managed { job, records, .. } = gateway;
    assert!(matches!(job.await.expect("no panic"), JobEnd::Cancelled));
    let last = records.lines().last().cloned().unwrap_or_default();
    assert_eq!(last, "end cancelled device.stopped Stopped before anything was changed");
}

#[tokio::test(start_paused = true)]
async fn texts_of_a_hostile_gateway_are_safe_to_show() {
    let (mut gateway, _) = Managed::open(&[Fault::HostileTexts]).await;
    let mut shown = String::new();
    for (name, value) in rows(&gateway.read(DeviceRead::Info).await) {
        assert!(value.chars().count() <= 200, "{value}");
        shown.push_str(&(name + &value));
    }
    let told = gateway.change(run_line("kernel version")).await;
    let Some(DeviceProgress::Output { lines, .. }) = told.first() else { panic!("output") };
    shown.push_str(&lines.concat());
    assert!(!shown.chars().any(|c| c.is_control() || c == '\u{202E}'), "{shown:?}");
    assert!(shown.contains("Zephyr version"), "{shown:?}");
}
