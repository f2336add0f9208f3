//! The workers behind their handle: odd commands, many at once, what is wrong at the start, and an orderly end.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use linesman::backend::{self, Backend, Config, DemoPlan, Handle};
use linesman::model::access::Access;
use linesman::model::gateway::Probe;
use linesman::model::ids::{DriverId, JobId, LinkAddress, ProfileId};
use linesman::model::problem::Problem;
use linesman::model::qr::QrContent;
use linesman::model::record::{ExportFormat, RecordId};
use linesman::model::secret::Secret;
use linesman::model::settings::{Settings, ThemeChoice};
use linesman::model::wifi::LaptopScan;
use linesman::msg::{Command, Event, JobEnd, Known, Progress, QrSource, Request, Startup};

use crate::gateway::{Gateway, answer};
use crate::program::Place;

/// Workers on the data folder of a test.
struct Workers {
    handle: Handle,
    backend: Backend,
}

impl Workers {
    fn start(place: &Place) -> Self {
        let config = Config { data_dir: Some(place.data()), is_verbose: false, demo: None };
        let (handle, backend) = backend::start(config).unwrap();
        Self { handle, backend }
    }

    fn send(&self, command: Command) {
        self.handle.try_send(command).unwrap();
    }

    /// The first event that fits.
    #[track_caller]
    fn until<T>(&mut self, pick: impl Fn(Event) -> Option<T>) -> T {
        loop {
            let event = self.handle.recv_blocking().expect("the workers live");
            if let Some(picked) = pick(event) {
                return picked;
            }
        }
    }

    fn started(&mut self) -> Box<Startup> {
        self.until(|event| if let Event::Started(startup) = event { Some(startup) } else { None })
    }

    fn end_of(&mut self, wanted: JobId) -> JobEnd {
        self.until(|event| match event {
            Event::JobFinished { job, end } if job == wanted => Some(end),
            _ => None,
        })
    }

    fn trouble(&mut self) -> Problem {
        self.until(|event| if let Event::Trouble(problem) = event { Some(problem) } else { None })
    }

    /// Ends them and returns how long that took.
    fn finish(self) -> Duration {
        let started = Instant::now();
        drop(self.handle);
        self.backend.finish();
        started.elapsed()
    }
}

fn no_port() -> LinkAddress {
    LinkAddress::Serial("/dev/linesman-none".into())
}

fn open(job: JobId, link: LinkAddress) -> Command {
    Command::OpenSession {
        job,
        link,
        profile: None,
        driver: DriverId::Improv,
        access: Access::default(),
        known: Known::default(),
    }
}

#[test]
fn commands_for_what_is_not_there_are_answered() {
    let place = Place::new();
    let mut workers = Workers::start(&place);
    workers.started();
    let nobody = JobId(99);
    workers.send(Command::Cancel { job: nobody });
    assert_eq!(workers.end_of(nobody), JobEnd::Cancelled);
    workers.send(Command::Session { job: nobody, request: Request::ScanNetworks });
    assert_eq!(workers.trouble().code, "session.gone");

    // A session that has ended: to close it once more is no mistake, to ask it is.
    workers.send(open(JobId(1), no_port()));
    let JobEnd::Failed(problem) = workers.end_of(JobId(1)) else { panic!("there is no such port") };
    assert_eq!(problem.code, "serial.not_found");
    workers.send(Command::Session { job: JobId(1), request: Request::Close });
    workers.send(Command::Session { job: JobId(1), request: Request::Identify });
    assert_eq!(workers.trouble().code, "session.gone");

    workers.send(Command::ShowRecord { key: RecordId(4711).into() });
    let shown = workers.until(|event| if let Event::RecordShown(shown) = event { Some(shown) } else { None });
    assert_eq!(shown.err().map(|problem| problem.code), Some("records.not_found"));
    let path = place.path("transcript.txt");
    workers.send(Command::ExportTranscript { job: JobId(2), session: nobody, destination: path.into() });
    assert!(matches!(workers.end_of(JobId(2)), JobEnd::Failed(_)));
    let path = place.path("missing/jobs.csv");
    workers.send(Command::ExportRecords { job: JobId(3), destination: path.into(), format: ExportFormat::Csv });
    assert!(matches!(workers.end_of(JobId(3)), JobEnd::Failed(problem) if problem.code == "files.no_folder"));
    workers.send(Command::RemovePort(no_port()));
    workers.send(Command::StopDiscovery);
    assert!(workers.finish() < Duration::from_secs(2));
}

#[test]
fn a_hundred_probes_at_once_all_end() {
    let place = Place::new();
    let mut workers = Workers::start(&place);
    workers.started();
    let gateway = Gateway::start(answer);
    let link: LinkAddress = gateway.link.parse().unwrap();
    let mut open: BTreeSet<JobId> = (0..100).map(JobId).collect();
    let (mut answered, mut busy) = (0, 0);
    for job in open.clone() {
        let link = if job.0 % 2 == 0 { link.clone() } else { no_port() };
        // A full channel says so; then an event makes room.
        while let Err(problem) = workers.handle.try_send(Command::Probe { job, link: link.clone() }) {
            assert_eq!(problem.code, "app.busy");
            std::thread::yield_now();
        }
    }
    while !open.is_empty() {
        match workers.handle.recv_blocking().expect("the workers live") {
            Event::Probed { probe: Probe::Answered(identity), .. } => {
                assert_eq!(identity.info.map(|info| info.name).as_deref(), Some("Gateway 9"));
                answered += 1;
            }
            Event::Probed { probe: Probe::Failed(problem), job, .. } => {
                let expected = if job.0 % 2 == 0 { "serial.busy" } else { "serial.not_found" };
                assert_eq!(problem.code, expected);
                busy += usize::from(job.0 % 2 == 0);
            }
            Event::JobFinished { job, end } => {
                assert!(open.remove(&job), "{job} ended twice");
                assert!(matches!(end, JobEnd::Done { .. }), "{end:?}");
            }
            _ => {}
        }
    }
    assert!(answered >= 1 && answered + busy == 50, "{answered} answered, {busy} found it busy");
}

#[test]
fn a_code_is_read_from_text_and_from_a_picture() {
    let place = Place::new();
    let mut workers = Workers::start(&place);
    let picture = place.path("code.png");
    crate::cli::write_code(&picture, "WIFI:S:Site-Office;T:WPA;P:correct horse battery;H:true;;");
    let text = Secret::new("WIFI:S:Site-Office;T:WPA;P:correct horse battery;H:true;;".into());
    for source in [QrSource::Text(text), QrSource::File(picture)] {
        workers.send(Command::ReadQr { job: JobId(1), source });
        let content =
            workers.until(|event| if let Event::QrRead { content, .. } = event { Some(content) } else { None });
        let Ok(QrContent::Wifi { draft, .. }) = content else { panic!("no network was read") };
        assert_eq!((draft.ssid.as_str(), draft.is_hidden), ("Site-Office", true));
        assert!(*draft.passphrase.expose() == "correct horse battery");
        assert!(matches!(workers.end_of(JobId(1)), JobEnd::Done { .. }));
    }
    workers.send(Command::ReadQr { job: JobId(2), source: QrSource::File(place.path("missing.png")) });
    let content = workers.until(|event| if let Event::QrRead { content, .. } = event { Some(content) } else { None });
    assert_eq!(content.err().map(|problem| problem.code), Some("qr.file_not_read"));
}

#[test]
fn the_last_settings_are_stored_even_when_the_window_closes_at_once() {
    let place = Place::new();
    let settings = |scale: f32| Settings {
        theme: ThemeChoice::Dark,
        scale,
        last_profile: Some(ProfileId::new("calms")),
        operator: "Kim".into(),
        ..Settings::default()
    };
    let mut workers = Workers::start(&place);
    assert_eq!(workers.started().settings, Settings::default());
    for step in 0_u8..40 {
        workers.send(Command::SaveSettings(settings(0.8 + f32::from(step) / 100.0)));
    }
    workers.send(Command::SaveSettings(settings(1.5)));
    workers.finish();
    assert_eq!(Workers::start(&place).started().settings, settings(1.5));

    // What cannot be stored is told.
    std::fs::remove_file(place.data().join("settings.toml")).unwrap();
    std::fs::create_dir(place.data().join("settings.toml")).unwrap();
    let mut workers = Workers::start(&place);
    let codes: Vec<_> = workers.started().start_problems.iter().map(|problem| problem.code).collect();
    assert!(codes.contains(&"files.not_a_file"), "{codes:?}");
    workers.send(Command::SaveSettings(settings(1.0)));
    assert_eq!(workers.trouble().code, "files.not_a_file");
}

#[test]
fn what_is_wrong_at_the_start_is_told_and_stops_nothing() {
    let place = Place::new();
    std::fs::create_dir_all(place.data().join("profiles")).unwrap();
    std::fs::write(place.data().join("profiles/bad.toml"), "schema = 1\nname = 7\n").unwrap();
    std::fs::write(place.data().join("settings.toml"), "theme = 7").unwrap();
    let mut workers = Workers::start(&place);
    let startup = workers.started();
    let codes: Vec<_> = startup.start_problems.iter().map(|problem| problem.code).collect();
    assert!(codes.contains(&"profile.wrong_type") && codes.contains(&"files.bad_settings"), "{codes:?}");
    assert_eq!(startup.settings, Settings::default());
    assert_eq!(startup.catalog.iter().count(), 9);
    assert!(place.data().join("settings.bad.toml").is_file());
}

#[test]
fn without_records_sessions_are_refused_and_the_rest_works() {
    let place = Place::new();
    std::fs::create_dir_all(place.data().join("records.sqlite")).unwrap();
    let mut workers = Workers::start(&place);
    let gateway = Gateway::start(|_| panic!("the gateway was asked something"));
    workers.started();
    assert_eq!(workers.trouble().code, "records.not_opened");
    workers.send(open(JobId(1), gateway.link.parse().unwrap()));
    assert!(matches!(workers.end_of(JobId(1)), JobEnd::Failed(problem) if problem.code == "records.not_opened"));
    workers.send(Command::ListRecords { limit: 9 });
    let listed = workers.until(|event| if let Event::RecordsListed(listed) = event { Some(listed) } else { None });
    assert_eq!(listed.err().map(|problem| problem.code), Some("records.not_opened"));
    workers.send(Command::CollectDiagnostics { job: JobId(2) });
    let text = workers.until(|event| if let Event::DiagnosticsReady { text, .. } = event { Some(text) } else { None });
    assert!(text.contains("records.not_opened"), "{text}");
}

#[test]
fn a_front_end_that_goes_away_stops_its_session_and_the_record_says_so() {
    let place = Place::new();
    let gateway = Gateway::start(|_| Vec::new());
    let mut workers = Workers::start(&place);
    workers.send(open(JobId(1), gateway.link.parse().unwrap()));
    workers.until(|event| {
        matches!(event, Event::SessionProgressed { progress: Progress::StepStarted { .. }, .. }).then_some(())
    });
    let took = workers.finish();
    assert!(took < Duration::from_secs(3), "the end took {took:?}");

    let mut workers = Workers::start(&place);
    assert_eq!(workers.started().cut_off_jobs, 0, "it was stopped, not cut off");
    workers.send(Command::ListRecords { limit: 9 });
    let listed = workers.until(|event| if let Event::RecordsListed(listed) = event { Some(listed) } else { None });
    let outcomes: Vec<String> = listed.unwrap().into_iter().map(|job| job.outcome).collect();
    assert_eq!(outcomes, ["cancelled"]);
}

#[test]
fn what_the_laptop_sees_is_answered_and_a_demo_does_not_ask() {
    let place = Place::new();
    let answer = |demo| {
        let config = Config { data_dir: Some(place.data()), is_verbose: false, demo };
        let (handle, backend) = backend::start(config).unwrap();
        let mut workers = Workers { handle, backend };
        workers.send(Command::ScanFromLaptop);
        let scan = workers.until(|event| if let Event::LaptopScanned(scan) = event { Some(scan) } else { None });
        workers.finish();
        scan
    };
    // Whatever this machine has: a list of at least one network, or a reason.
    match answer(None) {
        LaptopScan::NotChecked { reason } => assert!(!reason.is_empty()),
        LaptopScan::Seen(networks) => assert!(!networks.is_empty()),
    }
    let simulated = LaptopScan::NotChecked { reason: "this is a simulated site".into() };
    assert_eq!(answer(Some(DemoPlan::default())), simulated);
}

#[test]
fn of_a_path_typed_in_a_demo_nobody_claims_that_it_is_simulated() {
    let place = Place::new();
    let config = Config { data_dir: Some(place.data()), is_verbose: false, demo: Some(DemoPlan::default()) };
    let (handle, backend) = backend::start(config).unwrap();
    let mut workers = Workers { handle, backend };
    workers.send(Command::StartDiscovery { radio: false });
    let simulated = workers.until(|event| match event {
        Event::GatewaySeen(sighting) if sighting.facts.is_simulated => Some(sighting.link),
        _ => None,
    });
    workers.send(Command::AddPort(no_port()));
    for (job, link) in [(JobId(1), no_port()), (JobId(2), simulated)] {
        workers.send(open(job, link));
        workers.send(Command::Cancel { job });
        workers.end_of(job);
    }
    workers.send(Command::ListRecords { limit: 9 });
    let jobs = workers.until(|event| if let Event::RecordsListed(jobs) = event { Some(jobs.unwrap()) } else { None });
    let marks: Vec<bool> = jobs.iter().rev().map(|job| job.intent.is_simulated).collect();
    assert_eq!(marks, [false, true]);
    workers.finish();
}
