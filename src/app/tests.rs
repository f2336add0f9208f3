//! Tables of what the user does and what happens, against the commands and the state that come of it.

use std::time::Duration;

use super::commission::{Phase, Question, ScanState, Session, StepState};
use super::discover::Shown;
use super::terminal::TerminalAction;
use super::*;
use crate::model::batch::{Again, RowHead, RowOutcome, RowResult};
use crate::model::gateway::{
    Advertisement, Capabilities, DeviceInfo, Identity, PortFacts, Probe, Protection, ProvisioningState, Sighting,
};
use crate::model::outcome::{Outcome, Verdict};
use crate::model::secret::Secret;
use crate::model::settings::Settings;
use crate::model::standing::Standing;
use crate::model::wifi::{Band, LaptopScan, NearbyNetwork, Network, Security, Ssid};
use crate::msg::batch::{BatchCommand, BatchEvent, RowState};
use crate::msg::{Progress, Request, Startup, Step};

/// An app with two USB ports, at a time that only the test moves.
struct Bench {
    app: App,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let mut bench = Self { app: App::new(), now: Instant::now() };
        for path in ["/dev/ttyUSB0", "/dev/ttyUSB1"] {
            bench.plug_in(path);
        }
        bench
    }

    /// All gateways are a batch, which the workers began under that number.
    fn begin_batch(&mut self, batch: crate::model::batch::BatchId) -> JobId {
        self.act(DiscoverAction::MarkedAll);
        self.app.batch.draft.ssid = "Office".into();
        self.app.batch.draft.passphrase = Secret::new("correct horse".into());
        let (job, _) = batch_start(self.act(BatchAction::Started(None)));
        let rows = self.app.batch.rows().iter().map(|row| row.head.clone()).collect();
        self.apply(Event::BatchProgressed { job, event: BatchEvent::Began { batch, rows } });
        job
    }

    fn plug_in(&mut self, path: &str) {
        let sighting = Sighting {
            link: link(path),
            facts: PortFacts { vid: Some(0x10c4), ..PortFacts::default() },
            heard: None,
            profile: None,
            probe: Probe::NotAsked,
            is_present: true,
        };
        self.apply(Event::GatewaySeen(Box::new(sighting)));
    }

    fn act(&mut self, action: impl Into<Action>) -> Vec<Command> {
        self.app.act(action.into(), self.now)
    }

    fn apply(&mut self, event: Event) -> Vec<Command> {
        let mut commands = self.app.apply(event, self.now);
        commands.extend(self.app.tick(self.now));
        commands
    }

    fn progress(&mut self, job: JobId, progress: Progress) -> Vec<Command> {
        self.apply(Event::SessionProgressed { job, at: Duration::from_secs(1), progress })
    }

    /// A port was asked and waits for a network.
    fn answers(&mut self, path: &str) {
        let Some(Command::Probe { job, link }) = self.act(DiscoverAction::Asked(link(path))).pop() else {
            panic!("it is asked")
        };
        let identity = Identity { driver: DriverId::Improv, info: None, state: ProvisioningState::Ready };
        self.apply(Event::Probed { job, link, probe: Probe::Answered(identity) });
        self.apply(Event::JobFinished { job, end: done() });
    }

    /// Opens a session with the first port.
    fn connect(&mut self) -> JobId {
        self.act(DiscoverAction::Selected(link("/dev/ttyUSB0")));
        opened(&self.act(CommissionAction::Connected))
    }

    /// Takes the session to where it waits for credentials, with an empty scan behind it.
    fn make_ready(&mut self, job: JobId, state: ProvisioningState) -> Vec<Command> {
        self.progress(
            job,
            Progress::Described {
                info: None,
                state,
                capabilities: Capabilities { identify: true, wifi: true, scan: true, ..Capabilities::default() },
            },
        );
        let scan = self.progress(job, Progress::Ready);
        assert!(matches!(scan[..], [Command::Session { request: Request::ScanNetworks, .. }]));
        self.progress(job, Progress::Networks { networks: vec![office()], is_complete: true });
        self.progress(job, Progress::Ready)
    }

    fn fill(&mut self) {
        let draft = &mut self.app.commission.form.draft;
        draft.ssid = "Office".into();
        draft.passphrase = Secret::new("correct horse".into());
        self.act(CommissionAction::FormChanged);
    }

    fn phase(&self) -> &Phase {
        &self.app.commission.session().unwrap().phase
    }
}

fn link(path: &str) -> LinkAddress {
    LinkAddress::Serial(path.into())
}

fn office() -> Network {
    Network { ssid: Ssid::from_octets("Office").unwrap(), rssi_dbm: Some(-50), security: Security::Wpa2 }
}

fn opened(commands: &[Command]) -> JobId {
    match commands {
        [Command::OpenSession { job, .. }, Command::ScanFromLaptop] => *job,
        _ => panic!("one session is opened"),
    }
}

fn joined() -> Progress {
    Progress::Pushed(Box::new(Outcome {
        verdict: Verdict::Joined,
        code: "improv.provisioned",
        summary: String::new(),
        evidence: Vec::new(),
        causes: Vec::new(),
        next_step: String::new(),
        addresses: Vec::new(),
        driver: crate::model::ids::DriverId::Improv,
        protection: Protection::Cable,
        took: Duration::ZERO,
    }))
}

const fn done() -> JobEnd {
    JobEnd::Done { note: String::new() }
}

#[test]
fn nothing_is_sent_to_a_port_that_nobody_asked_about() {
    let mut bench = Bench::new();
    assert!(matches!(
        App::start()[..],
        [Command::StartDiscovery { radio: false }, Command::ListRecords { .. }, Command::KeepRecordsSynced]
    ));
    bench.plug_in("/dev/ttyUSB2");
    assert!(bench.act(DiscoverAction::Selected(link("/dev/ttyUSB2"))).is_empty());
}

#[test]
fn asking_all_asks_a_few_at_a_time_and_goes_on_as_they_end() {
    let mut bench = Bench::new();
    for number in 2..20 {
        bench.plug_in(&format!("/dev/ttyUSB{number}"));
    }
    let asked = bench.act(DiscoverAction::AskedAll);
    assert_eq!((asked.len(), bench.app.discover.waiting()), (8, 12));
    let Command::Probe { job, link } = &asked[0] else { panic!("a probe") };
    let next = bench.apply(Event::JobFinished { job: *job, end: done() });
    assert_eq!(next.len(), 1);
    assert_eq!(bench.app.discover.row(link).unwrap().probe, Probe::NotAsked);
}

#[test]
fn a_port_that_comes_back_has_lost_its_answer() {
    let mut bench = Bench::new();
    let asked = bench.act(DiscoverAction::Asked(link("/dev/ttyUSB0")));
    let [Command::Probe { job, .. }] = asked[..] else { panic!("a probe") };
    let failed = Probe::Failed(Problem::new("a.b", "a", "b", "c"));
    bench.apply(Event::Probed { job, link: link("/dev/ttyUSB0"), probe: failed.clone() });
    bench.plug_in("/dev/ttyUSB0");
    assert_eq!(bench.app.discover.row(&link("/dev/ttyUSB0")).unwrap().probe, failed);
    bench.apply(Event::GatewayGone(link("/dev/ttyUSB0")));
    bench.plug_in("/dev/ttyUSB0");
    assert_eq!(bench.app.discover.row(&link("/dev/ttyUSB0")).unwrap().probe, Probe::NotAsked);
}

#[test]
fn events_of_a_job_nobody_waits_for_are_dropped() {
    let mut bench = Bench::new();
    let late = JobId(4711);
    bench.apply(Event::Probed { job: late, link: link("/dev/ttyUSB0"), probe: Probe::Asking });
    assert_eq!(bench.app.discover.row(&link("/dev/ttyUSB0")).unwrap().probe, Probe::NotAsked);
    let first = bench.connect();
    bench.apply(Event::JobFinished { job: first, end: JobEnd::Cancelled });
    let second = opened(&bench.act(CommissionAction::Connected));
    assert!(bench.progress(first, Progress::Ready).is_empty());
    assert_eq!((first == second, bench.phase()), (false, &Phase::Busy));
}

#[test]
fn a_session_scans_by_itself_and_sends_only_on_a_click() {
    let mut bench = Bench::new();
    let job = bench.connect();
    bench.fill();
    assert!(bench.make_ready(job, ProvisioningState::Ready).is_empty());
    assert_eq!(bench.app.commission.session().unwrap().scan, ScanState::Complete);
    let sent = bench.act(CommissionAction::Sent);
    let [Command::Session { request: Request::Push(credentials), .. }] = &sent[..] else { panic!("a push") };
    assert_eq!(credentials.password(), "correct horse");
    assert!(bench.act(CommissionAction::Sent).is_empty(), "one request at a time");
}

#[test]
fn what_the_laptop_sees_is_asked_for_once_and_counts_once_the_gateway_had_its_say() {
    let mut bench = Bench::new();
    let job = bench.connect();
    bench.fill();
    let near =
        |ssid: &str, band| NearbyNetwork { ssid: Ssid::from_octets(ssid).unwrap(), band, security: Security::Wpa2 };
    bench.app.commission.form.draft.ssid = "Yard".into();
    let list = vec![near("Yard", Band::Ghz5), near("Office", Band::Ghz2_4)];
    assert!(bench.apply(Event::LaptopScanned(LaptopScan::Seen(list))).is_empty());
    assert_eq!(bench.app.commission.laptop_words().as_deref(), Some("This laptop sees Yard on 5 GHz"));
    assert!(bench.app.commission.form.errors().is_empty(), "the gateway has not scanned yet");
    bench.make_ready(job, ProvisioningState::Ready);
    assert_eq!(bench.app.commission.form.errors()[0].code, "wifi.only_5ghz");
    assert!(bench.act(CommissionAction::Sent).is_empty());
    let reason = "nmcli is not installed".to_owned();
    bench.apply(Event::LaptopScanned(LaptopScan::NotChecked { reason }));
    assert!(bench.app.commission.form.errors().is_empty());
    assert!(!bench.act(CommissionAction::Sent).is_empty());
}

#[test]
fn a_form_with_errors_is_not_sent() {
    let mut bench = Bench::new();
    let job = bench.connect();
    bench.make_ready(job, ProvisioningState::Ready);
    assert!(bench.app.commission.form.errors().is_empty(), "nothing was typed yet");
    assert!(bench.act(CommissionAction::Sent).is_empty());
    assert!(!bench.app.commission.form.errors().is_empty());
}

#[test]
fn the_next_gateway_is_connected_and_sent_the_network_whose_passphrase_was_offered() {
    let mut bench = Bench::new();
    let first = bench.connect();
    bench.fill();
    bench.app.commission.form.is_offered = true;
    bench.make_ready(first, ProvisioningState::Ready);
    bench.act(CommissionAction::Sent);
    bench.progress(first, joined());
    bench.progress(first, Progress::Ready);
    assert!(bench.app.next_gateway().is_none(), "what nobody queried is not proposed");
    bench.answers("/dev/ttyUSB1");
    let next = bench.app.next_gateway().unwrap().link.clone();
    assert_eq!(next, link("/dev/ttyUSB1"));
    let commands = bench.act(Action::WentOnWith(next));
    let [close, open @ ..] = &commands[..] else { panic!("the session before is closed") };
    assert!(matches!(close, Command::Session { job, request: Request::Close } if *job == first));
    let second = opened(open);
    assert_eq!(bench.app.commission.form.draft.passphrase.expose(), "correct horse", "it was offered");
    let sent = bench.make_ready(second, ProvisioningState::Ready);
    assert!(matches!(sent[..], [Command::Session { request: Request::Push(_), .. }]));
}

#[test]
fn a_passphrase_that_others_may_read_along_is_not_sent_by_itself() {
    let mut bench = Bench::new();
    let first = bench.connect();
    bench.fill();
    bench.app.commission.form.is_offered = true;
    bench.make_ready(first, ProvisioningState::Ready);
    bench.act(CommissionAction::Sent);
    bench.progress(first, joined());
    bench.apply(Event::JobFinished { job: first, end: done() });
    let job = opened(&bench.act(Action::WentOnWith(link("/dev/ttyUSB1"))));
    bench.progress(job, Progress::Protected(Protection::ClearText));
    assert!(bench.make_ready(job, ProvisioningState::Ready).is_empty());
    assert!(bench.app.commission.session().unwrap().held_back.is_some());
    assert_eq!(bench.act(CommissionAction::Sent).len(), 1, "a person may");
}

#[test]
fn the_next_gateway_is_one_that_the_list_shows() {
    let mut bench = Bench::new();
    bench.answers("/dev/ttyUSB1");
    assert!(bench.app.next_gateway().is_some());
    bench.app.discover.filter = "ttyUSB0".into();
    bench.act(DiscoverAction::FilterChanged);
    bench.app.tick(bench.now);
    assert!(bench.app.next_gateway().is_none(), "it is filtered away");
}

#[test]
fn a_batch_that_could_not_set_a_gateway_up_leaves_it_as_it_stood() {
    let mut bench = Bench::new();
    let job = bench.connect();
    bench.fill();
    bench.make_ready(job, ProvisioningState::Ready);
    bench.act(CommissionAction::Sent);
    bench.progress(job, joined());
    let standing =
        |bench: &Bench| bench.app.discover.stand(bench.app.discover.row(&link("/dev/ttyUSB0")).unwrap()).standing;
    let before = standing(&bench);
    bench.act(DiscoverAction::MarkedAll);
    bench.app.batch.draft.ssid = "Office".into();
    bench.app.batch.draft.passphrase = Secret::new("correct horse".into());
    assert!(bench.act(BatchAction::Started(None)).is_empty(), "a session is open with one of them");
    assert_eq!(bench.app.held_of_batch(), [link("/dev/ttyUSB0")]);
    let closes = bench.act(BatchAction::LetGo);
    assert!(
        matches!(&closes[..], [Command::Session { request: Request::Close, .. } | Command::Cancel { .. }]),
        "closed from the batch's page"
    );
    bench.apply(Event::JobFinished { job, end: done() });
    let (batch, _) = batch_start(bench.act(BatchAction::Started(None)));
    let tell = |bench: &mut Bench, state: RowState| {
        bench.apply(Event::BatchProgressed { job: batch, event: BatchEvent::Row { index: 0, state } });
    };
    tell(&mut bench, RowState::Open);
    assert_eq!(standing(&bench), Standing::Queued);
    let failed = RowResult::without_session(RowOutcome::Failed, "serial.busy", "No".into(), "Try".into());
    tell(&mut bench, RowState::Ended(Box::new(failed.clone())));
    assert_eq!(standing(&bench), before);
    // What a gateway says in a batch the list knows from then on.
    let info = DeviceInfo { name: "hall-7".into(), ..DeviceInfo::default() };
    let identity = Identity { driver: DriverId::Improv, info: Some(info), state: ProvisioningState::Ready };
    let told = Box::new(crate::model::batch::Told { identity: Some(identity), serial_number: None });
    let answered = RowResult { link: link("/dev/ttyUSB0").to_string(), told, ..failed };
    tell(&mut bench, RowState::Ended(Box::new(answered)));
    assert_eq!(bench.app.discover.name_of(&link("/dev/ttyUSB0")), "hall-7");
}

#[test]
fn a_gateway_that_already_has_a_network_is_not_overwritten_by_itself() {
    let mut bench = Bench::new();
    let first = bench.connect();
    bench.fill();
    bench.app.commission.form.is_offered = true;
    bench.make_ready(first, ProvisioningState::Ready);
    bench.progress(first, joined());
    bench.apply(Event::JobFinished { job: first, end: done() });
    let job = opened(&bench.act(Action::WentOnWith(link("/dev/ttyUSB1"))));
    assert!(bench.make_ready(job, ProvisioningState::Provisioned).is_empty());
    assert!(bench.app.commission.session().unwrap().held_back.is_some());
    assert_eq!(bench.act(CommissionAction::Sent).len(), 1);
}

#[test]
fn a_refused_push_is_tried_again_in_the_same_session_with_the_form_kept() {
    let mut bench = Bench::new();
    let job = bench.connect();
    bench.fill();
    bench.make_ready(job, ProvisioningState::Ready);
    bench.act(CommissionAction::Sent);
    bench.progress(job, Progress::StepDone { step: Step::Follow, note: "refused".into() });
    bench.progress(job, joined());
    bench.progress(job, Progress::Ready);
    let before = bench.app.commission.session().map(|session| (followed(session), session.verdict)).unwrap();
    assert!(matches!(before.0, StepState::Done { .. }) && before.1.is_some());
    bench.act(CommissionAction::Corrected);
    let session = bench.app.commission.session().unwrap();
    assert!(session.outcome.is_none());
    assert_eq!((followed(session), session.verdict), before, "what was done stays to be seen");
    assert_eq!(bench.app.commission.form.draft.ssid, "Office");
    let sent = bench.act(CommissionAction::Sent);
    assert!(matches!(sent[..], [Command::Session { job: same, .. }] if same == job));
    let session = bench.app.commission.session().unwrap();
    assert_eq!((followed(session), session.verdict), (StepState::Pending, None), "another attempt, another verdict");
}

/// How the step stands in which the join is waited for.
fn followed(session: &Session) -> StepState {
    session.steps.iter().find(|line| line.step == Step::Follow).unwrap().state.clone()
}

#[test]
fn a_passphrase_that_was_not_offered_is_not_carried_to_the_next_gateway() {
    let mut bench = Bench::new();
    let first = bench.connect();
    bench.fill();
    bench.make_ready(first, ProvisioningState::Ready);
    bench.progress(first, joined());
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB1")));
    let form = &bench.app.commission.form;
    assert_eq!((form.draft.ssid.as_str(), form.draft.passphrase.expose().as_str()), ("Office", ""));
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB0")));
    assert_eq!(bench.app.commission.form.draft.passphrase.expose(), "correct horse", "what was typed for it is kept");
}

#[test]
fn two_gateways_are_set_up_side_by_side_and_each_hears_of_its_own() {
    let mut bench = Bench::new();
    let first = bench.connect();
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB1")));
    assert!(bench.app.commission.session().is_none(), "the detail is the other gateway's");
    let second = opened(&bench.act(CommissionAction::Connected));
    bench.make_ready(first, ProvisioningState::Ready);
    assert_eq!(bench.phase(), &Phase::Busy, "what the first says is not the second's");
    bench.make_ready(second, ProvisioningState::Ready);
    bench.act(Action::CancelledJob(first));
    assert_eq!(bench.phase(), &Phase::Ready);
    bench.apply(Event::JobFinished { job: first, end: JobEnd::Cancelled });
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB0")));
    assert_eq!(bench.phase(), &Phase::Ended(JobEnd::Cancelled));
}

#[test]
fn a_reset_needs_the_dialog() {
    let mut bench = Bench::new();
    let job = bench.connect();
    bench.make_ready(job, ProvisioningState::Ready);
    assert!(bench.act(CommissionAction::Confirmed).is_empty());
    bench.act(CommissionAction::AskedFor(Question::Reset));
    let sent = bench.act(CommissionAction::Confirmed);
    assert!(matches!(sent[..], [Command::Session { request: Request::ResetDevice, .. }]));
}

#[test]
fn a_session_that_ends_in_the_middle_of_a_step_says_so() {
    let mut bench = Bench::new();
    let job = bench.connect();
    let limit = Duration::from_secs(12);
    bench.progress(job, Progress::StepStarted { step: Step::Connect, waits_for: "an answer".into(), limit });
    let cancel = bench.act(CommissionAction::Cancelled);
    assert!(matches!(cancel[..], [Command::Cancel { job: cancelled }] if cancelled == job));
    bench.apply(Event::JobFinished { job, end: JobEnd::Cancelled });
    assert_eq!(bench.app.commission.session().unwrap().steps[0].state, StepState::Stopped);
    assert_eq!(bench.phase(), &Phase::Ended(JobEnd::Cancelled));
}

#[test]
fn the_window_asks_before_it_closes_on_a_session_and_not_otherwise() {
    let mut bench = Bench::new();
    bench.act(Action::AskedToClose);
    assert!(bench.app.is_closing());
    let mut bench = Bench::new();
    let job = bench.connect();
    bench.act(Action::AskedToClose);
    assert!(bench.app.is_asking_to_close() && !bench.app.is_closing());
    bench.act(Action::KeptOpen);
    assert!(!bench.app.is_dialog_open());
    let commands = bench.act(Action::ConfirmedClose);
    assert!(matches!(commands[0], Command::Cancel { job: cancelled } if cancelled == job));
}

#[test]
fn the_window_asks_before_it_closes_on_a_terminal() {
    let mut bench = Bench::new();
    let commands = bench.act(TerminalAction::OpenedOn(link("/dev/ttyUSB0")));
    assert!(matches!(commands[..], [Command::OpenTerminal { .. }]));
    bench.act(Action::AskedToClose);
    assert!(bench.app.is_asking_to_close() && !bench.app.is_closing());
}

#[test]
fn settings_are_stored_once_they_rested_and_at_the_latest_on_closing() {
    let mut bench = Bench::new();
    bench.act(SettingsAction::Changed);
    bench.now += Duration::from_millis(500);
    bench.act(SettingsAction::Changed);
    bench.now += Duration::from_millis(500);
    assert!(bench.app.tick(bench.now).is_empty());
    bench.now += Duration::from_secs(1);
    assert!(matches!(bench.app.tick(bench.now)[..], [Command::SaveSettings(_)]));
    bench.act(SettingsAction::Changed);
    assert!(matches!(bench.act(Action::AskedToClose)[..], [Command::SaveSettings(_)]));
}

#[test]
fn a_command_that_is_not_taken_leaves_nothing_hanging() {
    let mut bench = Bench::new();
    let problem = || Problem::new("app.busy", "a", "b", "c");
    let asked = bench.act(DiscoverAction::Asked(link("/dev/ttyUSB0")));
    bench.app.not_taken(Ticket::of(&asked[0]), problem(), bench.now);
    assert_eq!(bench.app.discover.row(&link("/dev/ttyUSB0")).unwrap().probe, Probe::Failed(problem()));
    let job = bench.connect();
    bench.make_ready(job, ProvisioningState::Ready);
    let blink = bench.act(CommissionAction::Identified);
    bench.app.not_taken(Ticket::of(&blink[0]), problem(), bench.now);
    assert_eq!(bench.phase(), &Phase::Ready);
}

#[test]
fn a_record_that_is_no_longer_wanted_is_not_shown() {
    let mut bench = Bench::new();
    let list = bench.act(Action::WentTo(Place::Records));
    assert!(matches!(list[..], [Command::FindRecords { .. }]));
    bench.act(RecordsAction::Selected(crate::model::record::RecordId(7).into()));
    bench.act(RecordsAction::Deselected);
    bench.act(RecordsAction::Selected(crate::model::record::RecordId(8).into()));
    assert!(bench.app.records.detail.is_pending() && bench.app.records.detail.value().is_none());
}

/// A bench with a session in the driver for Espressif's devices, under a profile that names a token for it.
fn bench_with_token() -> (Bench, JobId, String) {
    let mut bench = Bench::new();
    let catalog = Arc::new(Catalog::built_in());
    bench.apply(Event::Started(Box::new(Startup {
        catalog: Arc::clone(&catalog),
        start_problems: Vec::new(),
        settings: crate::model::settings::Settings::default(),
        data_dir: "/data".into(),
        save_folder: "/home/me/Documents".into(),
        cut_off_jobs: 0,
        demo: None,
    })));
    let of_driver = |profile: &&crate::profile::Profile| {
        profile
            .credentials
            .iter()
            .any(|rule| rule.push.iter().any(|push| push.driver == crate::model::ids::DriverId::EspProv))
    };
    let profile = catalog.iter().find(of_driver).unwrap().id.clone();
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB0")));
    bench.act(CommissionAction::ChoseProfile(Some(profile)));
    bench.act(CommissionAction::ChoseDriver(crate::model::ids::DriverId::EspProv));
    let job = opened(&bench.act(CommissionAction::Connected));
    let capabilities = Capabilities { wifi: true, credentials: true, ..Capabilities::default() };
    let described = Progress::Described { info: None, state: ProvisioningState::Ready, capabilities };
    bench.progress(job, described);
    bench.progress(job, Progress::Ready);
    bench.progress(job, Progress::Ready);
    let id = bench.app.commission.token_rows(bench.app.catalog()).first().unwrap().id.clone();
    (bench, job, id)
}

#[test]
fn a_token_goes_before_the_network_and_its_failure_keeps_the_network_back() {
    for is_taken in [true, false] {
        let (mut bench, job, id) = bench_with_token();
        bench.app.commission.tokens.input(&id).path = "/home/me/token".into();
        bench.fill();
        let sent = bench.act(CommissionAction::Sent);
        assert!(matches!(&sent[..], [Command::SendCredentialFile { id: first, .. }] if *first == id));
        if is_taken {
            let kind = crate::model::outcome::EvidenceKind::Acknowledged;
            let evidence = crate::model::outcome::Evidence { kind, text: "taken".into(), at: Duration::ZERO };
            bench.progress(job, Progress::CredentialPushed { id, evidence });
        } else {
            let problem = Problem::new("x", "x", "x", "x");
            bench.progress(job, Progress::StepFailed { step: Step::Credential, problem });
        }
        let sent = bench.progress(job, Progress::Ready);
        assert_eq!(matches!(&sent[..], [Command::Session { request: Request::Push(_), .. }]), is_taken);
    }
}

#[test]
fn letting_a_gateway_forget_its_network_needs_the_dialog() {
    let (mut bench, ..) = bench_with_token();
    assert!(bench.act(CommissionAction::Confirmed).is_empty());
    bench.act(CommissionAction::AskedFor(Question::Reprovision));
    assert!(bench.app.is_dialog_open());
    assert!(matches!(
        bench.act(CommissionAction::Confirmed)[..],
        [Command::Session { request: Request::Reprovision, .. }]
    ));
    bench.act(CommissionAction::AskedFor(Question::Reprovision));
    bench.act(CommissionAction::Dropped);
    assert!(bench.act(CommissionAction::Confirmed).is_empty());
}

fn device() -> LinkAddress {
    LinkAddress::Ble("C4:4F:33:00:12:AF".into())
}

impl Bench {
    fn hear(&mut self, rssi_dbm: i16) {
        let heard = Advertisement { rssi_dbm: Some(rssi_dbm), ..Advertisement::default() };
        let sighting = Sighting {
            link: device(),
            facts: PortFacts::default(),
            heard: Some(heard),
            profile: None,
            probe: Probe::NotAsked,
            is_present: true,
        };
        self.apply(Event::GatewaySeen(Box::new(sighting)));
    }
}

#[test]
fn a_device_on_the_air_is_asked_only_if_it_says_that_it_speaks_improv() {
    let mut bench = Bench::new();
    bench.hear(-60);
    let row = bench.app.discover.row(&device()).unwrap().clone();
    assert!(!discover::can_be_asked(&row), "it says nothing");
    let heard = row.heard.clone().map(|heard| Advertisement { state: Some(ProvisioningState::Ready), ..heard });
    let row = Sighting { heard, ..row };
    assert!(discover::can_be_asked(&row));
    bench.apply(Event::GatewaySeen(Box::new(row)));
    assert_eq!(bench.app.discover.askable(), 2, "all at once are the ports alone");
    let asked = bench.act(DiscoverAction::Asked(device()));
    assert!(matches!(&asked[..], [Command::Probe { link, .. }] if *link == device()));
}

/// What the radio is told, if it is.
fn told(commands: &[Command]) -> Option<bool> {
    commands.iter().find_map(|command| match command {
        Command::StartDiscovery { radio } => Some(*radio),
        _ => None,
    })
}

#[test]
fn the_radio_listens_while_gateways_are_shown_and_only_if_it_was_switched_on() {
    let mut bench = Bench::new();
    assert_eq!(told(&App::start()), Some(false));
    assert_eq!(told(&bench.act(Action::WentTo(Place::Records))), None, "it was never wanted");
    bench.act(Action::WentTo(Place::Gateways));
    assert_eq!(told(&bench.act(DiscoverAction::SwitchedBluetooth(true))), Some(true));
    assert_eq!(told(&bench.act(Action::WentTo(Place::Settings))), Some(false));
    assert_eq!(told(&bench.act(Action::WentTo(Place::Records))), None);
    assert_eq!(told(&bench.act(Action::WentTo(Place::Gateways))), Some(true));
    bench.hear(-60);
    assert_eq!(told(&bench.act(DiscoverAction::Selected(device()))), None);
    let connects = bench.act(CommissionAction::Connected);
    assert_eq!(told(&connects), Some(false), "a connection needs the radio");
    let job = opened(&connects[1..]);
    assert_eq!(told(&bench.apply(Event::JobFinished { job, end: done() })), Some(true));
    assert_eq!(told(&bench.act(DiscoverAction::SwitchedBluetooth(false))), Some(false));
    assert!(!bench.app.settings.values.scan_bluetooth);
}

#[test]
fn what_was_switched_on_is_remembered() {
    let settings = Settings { scan_bluetooth: true, ..Settings::default() };
    let mut bench = Bench::new();
    let startup = Startup {
        catalog: Arc::default(),
        start_problems: Vec::new(),
        settings,
        data_dir: "/data".into(),
        save_folder: "/home/me/Documents".into(),
        cut_off_jobs: 0,
        demo: None,
    };
    assert_eq!(told(&bench.apply(Event::Started(Box::new(startup)))), Some(true));
}

#[test]
fn a_minute_of_signals_is_kept_and_moves_no_row() {
    let mut bench = Bench::new();
    bench.hear(-60);
    let order = bench.app.discover.shown().to_vec();
    assert_eq!(order.last(), Some(&device()), "devices stand below the ports");
    for step in 0..1000 {
        bench.now += Duration::from_millis(250);
        bench.hear(-40 - step % 60);
    }
    let hearing = bench.app.discover.hearing(&device()).unwrap();
    assert_eq!((hearing.last, hearing.strengths.len()), (bench.now, 61));
    assert_eq!(bench.app.discover.shown(), order);
    bench.apply(Event::GatewayRemoved(device()));
    assert!(bench.app.discover.hearing(&device()).is_none());
}

#[test]
fn devices_are_not_asked_and_can_be_shown_alone() {
    let mut bench = Bench::new();
    bench.hear(-60);
    assert_eq!(bench.app.discover.askable(), 2, "the two ports");
    let asked = bench.act(DiscoverAction::AskedAll);
    assert!(asked.iter().all(|command| matches!(command, Command::Probe { link: LinkAddress::Serial(_), .. })));
    bench.act(DiscoverAction::Showed(Shown::Bluetooth));
    assert_eq!(bench.app.discover.shown(), [device()]);
    bench.act(DiscoverAction::Showed(Shown::Serial));
    assert_eq!(bench.app.discover.shown().len(), 2);
}

/// The start among the commands.
fn batch_start(commands: Vec<Command>) -> (JobId, crate::msg::batch::BatchStart) {
    match commands.into_iter().next() {
        Some(Command::Batch { job, command: BatchCommand::Start(start) }) => (job, *start),
        _ => panic!("a batch is started"),
    }
}

#[test]
fn several_selected_gateways_are_a_batch_with_one_network() {
    let mut bench = Bench::new();
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB0")));
    bench.act(DiscoverAction::Marked(link("/dev/ttyUSB1")));
    assert_eq!((bench.app.discover.marked(), bench.app.discover.markable()), (2, 0), "the one selected is among them");
    assert_eq!((bench.app.detail(), bench.app.batch.rows().len()), (Detail::Batch, 2));
    bench.act(DiscoverAction::Marked(link("/dev/ttyUSB1")));
    assert_eq!(bench.app.detail(), Detail::Gateway, "one is no batch");
    bench.act(DiscoverAction::MarkedAll);

    assert!(bench.act(BatchAction::Started(None)).is_empty(), "no network yet");
    assert_eq!(bench.app.batch.problem().map(|problem| problem.code), Some("wifi.ssid_empty"));
    bench.app.batch.draft.ssid = "Office".into();
    bench.app.batch.draft.passphrase = Secret::new("correct horse".into());
    (bench.app.batch.username, bench.app.batch.login) = ("root".into(), Secret::new("toor".into()));
    let (job, start) = batch_start(bench.act(BatchAction::Started(None)));
    let crate::msg::batch::BatchSource::Selected { rows, batch: None } = start.source else {
        panic!("the marked ones")
    };
    assert_eq!(rows.len(), 2);
    assert_ne!(rows[0].name, rows[1].name);
    let logins = rows.iter().map(|row| (row.access.username.as_deref(), row.access.secret.is_some()));
    assert!(logins.eq([(Some("root"), true); 2]), "one login for all of them");
    assert!(start.go_on.is_none() && bench.app.batch.is_running());
    assert!(bench.act(BatchAction::Started(None)).is_empty(), "it runs already");
    assert!(matches!(bench.act(BatchAction::Paused)[..], [Command::Batch { command: BatchCommand::Pause, .. }]));
    assert!(matches!(bench.act(Action::CancelledJob(job))[..], [Command::Cancel { job: stopped }] if stopped == job));
    assert!(bench.app.batch.is_stopping());
}

#[test]
fn what_became_of_a_batch_stays_until_a_person_takes_the_gateways_selected_meanwhile() {
    let mut bench = Bench::new();
    let job = bench.begin_batch(crate::model::batch::BatchId(1));
    assert_eq!(bench.app.selected_beside(), None, "it runs");
    bench.apply(Event::JobFinished { job, end: JobEnd::Cancelled });
    assert_eq!(bench.app.selected_beside(), None, "they are those shown");

    bench.plug_in("/dev/ttyUSB2");
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB1")));
    bench.act(DiscoverAction::Marked(link("/dev/ttyUSB2")));
    assert!(bench.app.batch.was_begun(), "what became of the others is still there");
    assert_eq!(bench.app.selected_beside(), Some(2));
    bench.act(BatchAction::TookSelected);
    let places: Vec<&str> = bench.app.batch.rows().iter().map(|row| row.head.place.as_str()).collect();
    assert_eq!(places, ["serial:/dev/ttyUSB1", "serial:/dev/ttyUSB2"]);
    assert!(!bench.app.batch.was_begun() && bench.app.selected_beside().is_none());
}

#[test]
fn what_is_typed_for_a_batch_stays_while_more_gateways_are_selected() {
    let mut bench = Bench::new();
    bench.plug_in("/dev/ttyUSB2");
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB0")));
    bench.act(DiscoverAction::Marked(link("/dev/ttyUSB1")));
    bench.app.batch.out = "/home/me/results.csv".into();
    bench.app.batch.draft.ssid = "Office".into();
    bench.act(DiscoverAction::Marked(link("/dev/ttyUSB2")));
    assert_eq!(bench.app.batch.rows().len(), 3);
    let typed = (bench.app.batch.out.as_str(), bench.app.batch.draft.ssid.as_str());
    assert_eq!(typed, ("/home/me/results.csv", "Office"));
}

#[test]
fn a_batch_says_which_of_its_gateways_have_a_network_already() {
    let mut bench = Bench::new();
    let job = bench.connect();
    bench.make_ready(job, ProvisioningState::Provisioned);
    bench.act(CommissionAction::Closed);
    bench.apply(Event::JobFinished { job, end: JobEnd::Done { note: String::new() } });
    bench.act(DiscoverAction::MarkedAll);
    let [note] = bench.app.batch.notes() else { panic!("{:?}", bench.app.batch.notes()) };
    assert!(note.contains("already has a network"), "{note}");
    bench.act(DiscoverAction::Marked(link("/dev/ttyUSB0")));
    bench.act(DiscoverAction::Marked(link("/dev/ttyUSB0")));
    assert_eq!(bench.app.batch.notes().len(), 1, "said once, however often they are marked");
}

#[test]
fn a_batch_goes_on_under_its_number_and_hears_no_late_word() {
    let mut bench = Bench::new();
    let number = crate::model::batch::BatchId(7);
    let job = bench.begin_batch(number);
    let refused = RowResult::without_session(RowOutcome::Refused, "improv.test", "No".into(), "Try".into());
    let ended = |result: &RowResult| RowState::Ended(Box::new(result.clone()));
    bench.apply(Event::BatchProgressed { job, event: BatchEvent::Row { index: 0, state: ended(&refused) } });
    bench.apply(Event::BatchProgressed { job, event: BatchEvent::Row { index: 99, state: ended(&refused) } });
    bench.apply(Event::JobFinished { job, end: JobEnd::Done { note: String::new() } });
    assert!(!bench.app.batch.is_running());
    assert_eq!((bench.app.batch.summary().refused, bench.app.batch.summary().open), (1, 1));

    bench.apply(Event::BatchProgressed { job, event: BatchEvent::Row { index: 0, state: RowState::Open } });
    assert_eq!(bench.app.batch.summary().refused, 1, "a word of a job that has ended");
    let again = Again { failed: true, unknown: false };
    let (_, start) = batch_start(bench.act(BatchAction::Started(Some(again))));
    assert_eq!(start.go_on, Some(again));
    let crate::msg::batch::BatchSource::Selected { batch, .. } = start.source else { panic!("the marked ones") };
    assert_eq!(batch, Some(number));
    assert!(bench.act(BatchAction::Cleared).is_empty() && !bench.app.batch.rows().is_empty(), "not while it runs");
}

#[test]
fn a_port_that_goes_away_is_no_longer_marked() {
    let mut bench = Bench::new();
    bench.act(DiscoverAction::MarkedAll);
    bench.apply(Event::GatewayGone(link("/dev/ttyUSB1")));
    assert_eq!(bench.app.discover.marked(), 1);
}

impl Bench {
    fn standing(&self, place: &str) -> &'static str {
        let row = self.app.discover.row(&link(place)).expect("a row");
        self.app.discover.stand(row).standing.title()
    }
}

#[test]
fn the_list_knows_what_this_program_did_with_a_gateway() {
    let mut bench = Bench::new();
    assert_eq!(bench.standing("/dev/ttyUSB0"), "Not queried");
    let job = bench.connect();
    bench.make_ready(job, ProvisioningState::Ready);
    assert_eq!(bench.standing("/dev/ttyUSB0"), "Ready", "a session tells what a question would");
    let started = Progress::StepStarted { step: Step::Push, waits_for: String::new(), limit: Duration::from_secs(1) };
    bench.progress(job, started);
    assert_eq!(bench.standing("/dev/ttyUSB0"), "Setting up");
    bench.progress(job, Progress::StateChanged(ProvisioningState::Provisioned));
    bench.progress(job, joined());
    bench.apply(Event::JobFinished { job, end: done() });
    assert_eq!((bench.standing("/dev/ttyUSB0"), bench.standing("/dev/ttyUSB1")), ("Joined", "Not queried"));
    // Another gateway on the same port has not joined.
    bench.apply(Event::GatewayGone(link("/dev/ttyUSB0")));
    bench.plug_in("/dev/ttyUSB0");
    assert_eq!(bench.standing("/dev/ttyUSB0"), "Not queried");
}

#[test]
fn a_push_that_was_cut_off_stands_as_unknown_in_the_list() {
    let mut bench = Bench::new();
    let job = bench.connect();
    bench.make_ready(job, ProvisioningState::Ready);
    let started = Progress::StepStarted { step: Step::Push, waits_for: String::new(), limit: Duration::from_secs(1) };
    bench.progress(job, started);
    bench.apply(Event::JobFinished { job, end: JobEnd::Cancelled });
    assert_eq!(bench.standing("/dev/ttyUSB0"), "Unknown: verify");
}

#[test]
fn what_belongs_to_a_gateway_is_gone_when_another_is_chosen() {
    let mut bench = Bench::new();
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB0")));
    bench.fill();
    let commission = &mut bench.app.commission;
    commission.access.username = "root".into();
    commission.access.secret = Secret::new("hall-1".into());
    (commission.hostname, commission.device_name) = ("gw-1".into(), "Gateway 1".into());
    bench.app.device.key = "wifi/token".into();
    bench.app.device.value = Secret::new("typed".into());
    bench.app.device.file_path = "/lfs/key".into();
    let opened = bench.act(DeviceAction::ChoseDriver(DriverId::Smp));
    assert!(opened.is_empty());
    let Some(Command::OpenDevice { job, .. }) = bench.act(DeviceAction::Connected).pop() else { panic!("opens") };
    bench.apply(Event::JobFinished { job, end: done() });
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB0")));
    assert!(bench.app.device.session().is_some() && bench.app.commission.access.is_filled(), "the same gateway");
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB1")));
    let (device, commission) = (&bench.app.device, &bench.app.commission);
    assert!(device.session().is_none(), "information of the gateway before");
    assert!(device.key.is_empty() && device.value.expose().is_empty() && device.file_path.is_empty());
    assert!(!commission.access.is_filled(), "a login");
    assert!(commission.hostname.is_empty() && commission.device_name.is_empty());
}

#[test]
fn what_is_plugged_in_at_the_same_port_next_is_another_gateway() {
    let mut bench = Bench::new();
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB0")));
    bench.app.commission.access.secret = Secret::new("hall-1".into());
    bench.act(DeviceAction::ChoseDriver(DriverId::Smp));
    let Some(Command::OpenDevice { job, .. }) = bench.act(DeviceAction::Connected).pop() else { panic!("opens") };
    bench.apply(Event::JobFinished { job, end: done() });
    bench.apply(Event::GatewayGone(link("/dev/ttyUSB0")));
    assert!(!bench.app.commission.access.is_filled() && bench.app.device.session().is_none());
}

impl Bench {
    /// A port turns out to be a login console.
    fn is_a_console(&mut self, path: &str) {
        let mut sighting = self.app.discover.row(&link(path)).unwrap().clone();
        sighting.profile = Some(crate::model::gateway::ProfileMatch {
            profile: crate::model::ids::ProfileId::new("generic-linux"),
            driver: DriverId::LinuxConsole,
            reason: "a test".into(),
        });
        self.apply(Event::GatewaySeen(Box::new(sighting)));
    }
}

#[test]
fn a_gateway_that_speaks_another_driver_is_not_asked_with_all_the_others() {
    let mut bench = Bench::new();
    bench.is_a_console("/dev/ttyUSB1");
    let asked = bench.act(DiscoverAction::AskedAll);
    assert!(matches!(&asked[..], [Command::Probe { link: asked, .. }] if *asked == link("/dev/ttyUSB0")));
    assert_eq!(bench.standing("/dev/ttyUSB1"), "Needs login");
}

#[test]
fn the_next_gateway_is_not_tried_with_the_login_of_the_last_one() {
    let mut bench = Bench::new();
    bench.is_a_console("/dev/ttyUSB1");
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB0")));
    bench.act(CommissionAction::ChoseDriver(DriverId::LinuxConsole));
    bench.app.commission.access.secret = Secret::new("hall-1".into());
    let job = opened(&bench.act(CommissionAction::Connected));
    bench.apply(Event::JobFinished { job, end: done() });
    let commands = bench.act(Action::WentOnWith(link("/dev/ttyUSB1")));
    assert!(!commands.iter().any(|command| matches!(command, Command::OpenSession { .. })), "its login comes first");
    assert!(bench.app.commission.session().is_none(), "the form is shown");
    assert_eq!(bench.app.commission.gateway().unwrap().0, &link("/dev/ttyUSB1"));
}

#[test]
fn a_desktop_without_a_file_dialog_is_told_and_where_the_path_goes() {
    let mut bench = Bench::new();
    for _ in 0..2 {
        let wanted = bench.app.file_for(files::PathField::Manifest);
        bench.act(Action::FoundNoFileDialog(wanted));
    }
    let told: Vec<_> = bench.app.toasts().iter().map(|toast| toast.text.clone()).collect();
    assert!(matches!(&told[..], [ToastText::Problem(problem)] if problem.code == "app.no_file_dialog"), "{told:?}");
}

#[test]
fn a_name_without_a_folder_is_saved_where_files_are_saved() {
    let mut bench = Bench::new();
    bench.app.files.usual = "/home/me/Documents".into();
    let wanted = bench.app.file_for(files::PathField::RecordsExport);
    let commands = bench.act(Action::ChoseFile(wanted, "all.csv".into()));
    let place = |command: &Command| match command {
        Command::ExportRecords { destination, .. } => Some(destination.path().to_owned()),
        _ => None,
    };
    assert_eq!(commands.iter().find_map(place), Some("/home/me/Documents/all.csv".into()));
}

#[test]
fn what_is_shown_and_what_enter_does_belongs_to_the_gateway_selected_also_before_it_is_listed() {
    let mut bench = Bench::new();
    let job = bench.connect();
    bench.make_ready(job, ProvisioningState::Ready);
    assert_eq!(bench.app.next_act(), Some(gateways::NextAct::Send));
    bench.app.discover.typed_path = "/dev/pts/9".into();
    bench.act(DiscoverAction::AddedPath);
    assert_eq!(bench.app.next_act(), None, "nothing is sent to the gateway before");
    bench.plug_in("/dev/pts/9");
    assert_eq!(bench.app.commission.gateway().unwrap().0, &link("/dev/pts/9"));
    assert!(bench.app.commission.session().is_none());
}

#[test]
fn going_on_with_shift_selects_several_gateways_by_keyboard() {
    let mut bench = Bench::new();
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB0")));
    bench.act(DiscoverAction::Extended(link("/dev/ttyUSB1")));
    assert_eq!((bench.app.discover.marked(), bench.app.detail()), (2, gateways::Detail::Batch));
    bench.act(Action::WentBack);
    assert_eq!((bench.app.discover.marked(), bench.app.detail()), (0, gateways::Detail::Gateway));
}

#[test]
fn gateways_apart_from_each_other_are_selected_by_keyboard_and_those_between_by_a_click() {
    let mut bench = Bench::new();
    for path in ["/dev/ttyUSB2", "/dev/ttyUSB3"] {
        bench.plug_in(path);
    }
    let marked = |bench: &Bench| -> Vec<String> {
        bench.app.discover.marked_links().iter().map(|link| link.place().to_owned()).collect()
    };
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB0")));
    bench.act(DiscoverAction::Moved(link("/dev/ttyUSB1")));
    bench.act(DiscoverAction::Moved(link("/dev/ttyUSB2")));
    assert_eq!(bench.app.detail(), gateways::Detail::Gateway, "going past a row does not select it");
    bench.act(DiscoverAction::Marked(link("/dev/ttyUSB2")));
    assert_eq!(
        (marked(&bench), bench.app.detail()),
        (vec!["/dev/ttyUSB0".into(), "/dev/ttyUSB2".into()], Detail::Batch)
    );

    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB3")));
    bench.act(DiscoverAction::MarkedTo(link("/dev/ttyUSB1")));
    assert_eq!(marked(&bench), ["/dev/ttyUSB1", "/dev/ttyUSB2", "/dev/ttyUSB3"]);
    bench.act(DiscoverAction::MarkedTo(link("/dev/ttyUSB2")));
    assert_eq!(marked(&bench), ["/dev/ttyUSB2", "/dev/ttyUSB3"], "from where it began");
}

#[test]
fn a_device_that_a_person_is_at_stays_in_the_list_when_a_new_scan_forgets_it() {
    let mut bench = Bench::new();
    bench.hear(-60);
    bench.act(DiscoverAction::Selected(device()));
    bench.apply(Event::GatewayRemoved(device()));
    assert!(bench.app.discover.row(&device()).is_some_and(|row| !row.is_present));
    assert_eq!(bench.app.discover.selected(), Some(&device()));
}

#[test]
fn the_key_that_looks_again_asks_nobody_a_person_did_not_select() {
    let asked = |commands: Vec<Command>| -> Vec<LinkAddress> {
        let asked = |command| if let Command::Probe { link, .. } = command { Some(link) } else { None };
        commands.into_iter().filter_map(asked).collect()
    };
    let mut bench = Bench::new();
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB1")));
    assert_eq!(asked(bench.act(DiscoverAction::AskedSelected)), [link("/dev/ttyUSB1")]);
    let mut bench = Bench::new();
    bench.hear(-60);
    bench.act(DiscoverAction::MarkedAll);
    bench.act(DiscoverAction::Marked(device()));
    assert_eq!(asked(bench.act(DiscoverAction::AskedSelected)).len(), 2, "those marked");
    assert!(bench.app.toasts().iter().next().is_none());
}

#[test]
fn the_key_that_looks_again_says_why_where_nobody_can_be_asked() {
    let last = |bench: &Bench| match bench.app.toasts().iter().last().map(|toast| toast.text.clone()) {
        Some(ToastText::Note(text)) => text,
        other => panic!("nothing is said: {other:?}"),
    };
    let mut bench = Bench::new();
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB1")));
    bench.apply(Event::GatewayGone(link("/dev/ttyUSB1")));
    assert!(bench.act(DiscoverAction::AskedSelected).is_empty());
    assert!(last(&bench).ends_with("can't be queried: it isn't there now"), "{}", last(&bench));
    let mut bench = Bench::new();
    bench.connect();
    assert!(bench.act(DiscoverAction::AskedSelected).is_empty(), "its port is in use");
    assert!(last(&bench).ends_with("can't be queried while its session is open"), "{}", last(&bench));
}

#[test]
fn the_button_that_stops_a_job_names_its_gateway_as_it_is_called_now() {
    let mut bench = Bench::new();
    let job = bench.connect();
    let label = |bench: &Bench| {
        let running = bench.app.jobs().iter().find(|running| running.id == job).unwrap();
        bench.app.job_label(running)
    };
    let before = label(&bench);
    let info = DeviceInfo { name: "Cold store 2".into(), ..DeviceInfo::default() };
    let capabilities = Capabilities { wifi: true, ..Capabilities::default() };
    let described = Progress::Described { info: Some(info), state: ProvisioningState::Ready, capabilities };
    bench.progress(job, described);
    assert_ne!(before, label(&bench));
    assert_eq!(label(&bench), "Set up: Cold store 2");
    // Another gateway that calls itself so is not meant.
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB1")));
    let info = DeviceInfo { name: "Cold store 2".into(), ..DeviceInfo::default() };
    bench.app.discover.told(&link("/dev/ttyUSB1"), DriverId::Improv, Some(info), ProvisioningState::Ready);
    assert_eq!(label(&bench), "Set up: Cold store 2, /dev/ttyUSB0");
}

#[test]
fn a_session_that_only_stays_open_after_its_verdict_does_not_keep_the_window() {
    let mut bench = Bench::new();
    let job = bench.connect();
    bench.make_ready(job, ProvisioningState::Ready);
    assert_eq!(bench.app.cut_by_closing().count(), 1, "nothing is known yet");
    bench.progress(job, joined());
    bench.progress(job, Progress::Ready);
    assert_eq!(bench.app.cut_by_closing().count(), 0, "its verdict is on record");
    assert_eq!(bench.app.commission.session().unwrap().state, Some(ProvisioningState::Provisioned));
}

#[test]
fn who_types_while_a_gateway_connects_types_the_passphrase() {
    let mut bench = Bench::new();
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB0")));
    bench.app.commission.form.draft.ssid = "Office".into();
    bench.act(CommissionAction::Connected);
    assert!(bench.app.commission.form.wants_passphrase_focus);
}

#[test]
fn a_gateway_that_answered_no_session_is_listed_so() {
    let mut bench = Bench::new();
    let job = bench.connect();
    let silence = Problem::new("improv.no_reply", "The gateway does not answer", "power", "check");
    bench.apply(Event::JobFinished { job, end: JobEnd::Failed(silence) });
    assert_eq!(bench.standing("/dev/ttyUSB0"), "No answer");
}

#[test]
fn a_manifest_that_was_begun_before_shows_what_is_known_of_each_row() {
    let mut bench = Bench::new();
    bench.app.batch.path = "/tmp/site.csv".into();
    let Some(Command::Batch { job, .. }) = bench.act(BatchAction::Opened).pop() else { panic!("it is read") };
    let head = |row: u32| RowHead {
        row,
        name: format!("Hall {row}"),
        place: format!("serial:/dev/ttyUSB{row}"),
        profile: None,
        driver: DriverId::Improv,
        ssid: "Office".into(),
        credentials: Vec::new(),
    };
    let joined = RowResult::without_session(RowOutcome::Joined, "improv.joined", "Joined".into(), "-".into());
    let check = crate::msg::batch::ManifestCheck {
        rows: vec![head(2), head(3)],
        earlier: Some(vec![Some(joined), None]),
        ..Default::default()
    };
    bench.apply(Event::BatchProgressed { job, event: BatchEvent::Checked(Box::new(check)) });
    assert!(matches!(bench.app.batch.rows()[0].state, RowState::Ended(_)));
    assert!(matches!(bench.app.batch.rows()[1].state, RowState::Open));
    assert_eq!(bench.app.batch.earlier().map(|summary| (summary.joined, summary.open)), Some((1, 1)));
}

#[test]
fn a_gateway_whose_row_of_a_batch_is_under_way_stands_as_setting_up_and_not_for_ever() {
    let mut bench = Bench::new();
    bench.act(DiscoverAction::MarkedAll);
    bench.app.batch.draft.ssid = "Office".into();
    bench.app.batch.draft.passphrase = Secret::new("correct horse".into());
    let (job, _) = batch_start(bench.act(BatchAction::Started(None)));
    let running = RowState::Running { step: "Connect".into(), calls: false };
    bench.apply(Event::BatchProgressed { job, event: BatchEvent::Row { index: 0, state: running } });
    assert_eq!(bench.standing("/dev/ttyUSB0"), "Setting up");
    let failed = RowResult::without_session(RowOutcome::Failed, "serial.busy", "No".into(), "Try".into());
    let ended = RowState::Ended(Box::new(failed));
    bench.apply(Event::BatchProgressed { job, event: BatchEvent::Row { index: 0, state: ended } });
    assert_eq!(bench.standing("/dev/ttyUSB0"), "Not queried");
}

#[test]
fn what_came_of_a_gateway_in_a_batch_is_known_under_the_gateway() {
    let mut bench = Bench::new();
    bench.act(DiscoverAction::MarkedAll);
    bench.app.batch.draft.ssid = "Office".into();
    bench.app.batch.draft.passphrase = Secret::new("correct horse".into());
    let (job, _) = batch_start(bench.act(BatchAction::Started(None)));
    let refused = RowResult::without_session(RowOutcome::Refused, "improv.test", "No".into(), "Try".into());
    let ended = RowState::Ended(Box::new(refused));
    bench.apply(Event::BatchProgressed { job, event: BatchEvent::Row { index: 1, state: ended } });
    assert!(bench.app.batch.result_of(&link("/dev/ttyUSB0")).is_none());
    let told = bench.app.batch.result_of(&link("/dev/ttyUSB1")).unwrap();
    assert_eq!((told.outcome, told.next_step.as_str()), (RowOutcome::Refused, "Try"));
}

#[test]
fn nothing_of_the_gateway_before_stands_at_a_port_that_another_one_came_to() {
    let mut bench = Bench::new();
    let job = bench.connect();
    bench.fill();
    bench.make_ready(job, ProvisioningState::Ready);
    bench.progress(job, joined());
    bench.apply(Event::JobFinished { job, end: done() });
    bench.apply(Event::GatewayGone(link("/dev/ttyUSB0")));
    assert!(bench.app.has_joined(), "what came of it can still be read");
    assert!(bench.app.commission.form.draft.passphrase.expose().is_empty());
    bench.plug_in("/dev/ttyUSB0");
    assert!(bench.app.commission.session().is_none() && !bench.app.has_joined());
    let form = &bench.app.commission.form.draft;
    assert_eq!((form.ssid.as_str(), form.passphrase.expose().as_str()), ("Office", ""), "it was not offered");
    assert_eq!(bench.app.next_act(), Some(gateways::NextAct::Connect));
}

#[test]
fn a_session_that_its_port_went_away_under_is_followed_to_its_end() {
    let mut bench = Bench::new();
    let job = bench.connect();
    bench.apply(Event::GatewayGone(link("/dev/ttyUSB0")));
    bench.plug_in("/dev/ttyUSB0");
    let gone = Problem::new("serial.vanished", "a", "b", "c");
    bench.apply(Event::JobFinished { job, end: JobEnd::Failed(gone.clone()) });
    assert_eq!(bench.phase(), &Phase::Ended(JobEnd::Failed(gone)));
}

#[test]
fn under_the_pointer_no_row_moves_and_what_is_plugged_in_still_appears() {
    let mut bench = Bench::new();
    bench.plug_in("/dev/ttyUSB5");
    bench.app.discover.is_held = true;
    bench.plug_in("/dev/ttyUSB3");
    let places =
        |bench: &Bench| bench.app.discover.shown().iter().map(|link| link.place().to_owned()).collect::<Vec<_>>();
    assert_eq!(places(&bench)[2..], ["/dev/ttyUSB5", "/dev/ttyUSB3"]);
    bench.app.discover.is_held = false;
    bench.app.tick(bench.now);
    assert_eq!(places(&bench)[2..], ["/dev/ttyUSB3", "/dev/ttyUSB5"]);
}

#[test]
fn the_results_of_a_batch_stay_until_they_are_put_away() {
    let mut bench = Bench::new();
    bench.act(DiscoverAction::MarkedAll);
    bench.app.batch.draft.ssid = "Office".into();
    bench.app.batch.draft.passphrase = Secret::new("correct horse".into());
    let (job, _) = batch_start(bench.act(BatchAction::Started(None)));
    let rows = bench.app.batch.rows().iter().map(|row| row.head.clone()).collect();
    let batch = crate::model::batch::BatchId(7);
    bench.apply(Event::BatchProgressed { job, event: BatchEvent::Began { batch, rows } });
    let refused = RowResult::without_session(RowOutcome::Refused, "improv.test", "No".into(), "Try".into());
    let state = RowState::Ended(Box::new(refused));
    bench.apply(Event::BatchProgressed { job, event: BatchEvent::Row { index: 0, state } });
    bench.apply(Event::JobFinished { job, end: done() });
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB0")));
    bench.act(DiscoverAction::Marked(link("/dev/ttyUSB1")));
    assert_eq!(bench.app.batch.summary().refused, 1);
    bench.act(BatchAction::Cleared);
    bench.act(DiscoverAction::MarkedAll);
    assert_eq!((bench.app.batch.summary().refused, bench.app.batch.rows().len()), (0, 2));
}

#[test]
fn a_removal_that_left_something_behind_stands_so_in_the_list_and_one_that_ended_well_as_removed() {
    use crate::model::ids::{DriverId, ProfileId};
    use crate::model::wipe::{Outcome, Told, WipeReport, judge};
    use crate::msg::wipe::WipeEvent;
    let mut bench = Bench::new();
    let catalog = crate::profile::Catalog::built_in();
    let profile = catalog.get(&ProfileId::new("generic-linux")).unwrap();
    let plan = profile.removal(DriverId::LinuxConsole).unwrap();
    let mut ended = |outcome| {
        let mut assessment = judge(&plan, &plan.trail());
        assessment.outcome = outcome;
        let report = WipeReport {
            record: crate::model::record::RecordId(1),
            link: "serial:/dev/ttyUSB0".into(),
            profile: "generic-linux".into(),
            vendor: String::new(),
            driver: DriverId::LinuxConsole,
            told: Told::default(),
            medium: String::new(),
            operator: String::new(),
            is_simulated: false,
            online: None,
            restarts: 0,
            watched: None,
            broker: None,
            assessment,
        };
        let event = WipeEvent::Assessed(Box::new(report));
        bench.apply(Event::WipeProgressed { job: JobId(99), at: Duration::ZERO, event });
        let row = bench.app.discover.row(&link("/dev/ttyUSB0")).unwrap();
        bench.app.discover.stand(row).standing.title()
    };
    let before = ended(Outcome::Refused);
    assert_eq!(before, "Not queried", "a refusal did nothing");
    assert_eq!(ended(Outcome::Incomplete), "Incomplete");
    assert_eq!(ended(Outcome::Unknown), "Incomplete");
    assert_eq!(ended(Outcome::Complete), "Removed");
}

/// A gateway whose port and whose Bluetooth address belong to one chip, and another one.
fn over_two_links() -> (Bench, LinkAddress, LinkAddress) {
    let (port, air) = (link("/dev/ttyACM0"), LinkAddress::Ble("34:85:18:0A:00:06".into()));
    let mut bench = Bench { app: App::new(), now: Instant::now() };
    bench.plug_in("/dev/ttyUSB0");
    let seen = |link: &LinkAddress, serial: Option<&str>, heard| Sighting {
        link: link.clone(),
        facts: PortFacts { serial_number: serial.map(Into::into), ..PortFacts::default() },
        heard,
        profile: None,
        probe: Probe::NotAsked,
        is_present: true,
    };
    let heard = Advertisement { state: Some(ProvisioningState::Ready), ..Advertisement::default() };
    bench.apply(Event::GatewaySeen(Box::new(seen(&port, Some("34:85:18:0A:00:04"), None))));
    bench.apply(Event::GatewaySeen(Box::new(seen(&air, None, Some(heard)))));
    (bench, port, air)
}

#[test]
fn a_gateway_over_two_links_is_one_row_and_a_person_chooses_the_link() {
    let (mut bench, port, air) = over_two_links();
    assert_eq!(bench.app.discover.shown(), [port.clone(), link("/dev/ttyUSB0")]);
    bench.act(DiscoverAction::Used(air.clone()));
    assert_eq!(bench.app.discover.shown(), [air.clone(), link("/dev/ttyUSB0")]);
    assert_eq!(bench.app.commission.gateway().map(|(link, _)| link), Some(&air), "the detail follows");
    bench.act(DiscoverAction::Selected(link("/dev/ttyUSB0")));
    assert!(bench.app.discover.is_face(&air), "the choice stays");
    bench.apply(Event::GatewayGone(air.clone()));
    assert_eq!(
        bench.app.discover.shown(),
        [port.clone(), link("/dev/ttyUSB0")],
        "the link that is there stands for it"
    );
    bench.act(DiscoverAction::Showed(Shown::Bluetooth));
    assert_eq!(bench.app.discover.shown(), [air], "each link can be listed by its kind");
}

#[test]
fn what_was_done_over_one_link_stands_over_the_other_and_the_gateway_is_not_proposed_again() {
    let (mut bench, port, air) = over_two_links();
    bench.act(DiscoverAction::Used(port.clone()));
    let job = opened(&bench.act(CommissionAction::Connected));
    bench.make_ready(job, ProvisioningState::Ready);
    bench.progress(job, joined());
    let stand = |bench: &Bench, link| bench.app.discover.stand(bench.app.discover.row(link).unwrap()).standing;
    assert_eq!((stand(&bench, &port), stand(&bench, &air)), (Standing::Joined, Standing::Joined));
    assert_eq!(bench.app.next_gateway().map(|row| row.link.clone()), None, "it had its turn over the cable");
}
