//! Tables of what the user does and what happens, against the commands and the state that come of it.

use std::time::Duration;

use super::commission::{Phase, ScanState, StepState};
use super::*;
use crate::model::gateway::{Capabilities, PortFacts, Probe, Protection, ProvisioningState, Sighting};
use crate::model::outcome::{Outcome, Verdict};
use crate::model::secret::Secret;
use crate::model::wifi::{Band, LaptopScan, NearbyNetwork, Network, Security, Ssid};
use crate::msg::{Progress, Request, Step};

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

    /// Opens a session with the first port.
    fn connect(&mut self) -> JobId {
        self.act(Action::TookToCommission(link("/dev/ttyUSB0")));
        opened(&self.act(CommissionAction::Connected))
    }

    /// Takes the session to where it waits for credentials, with an empty scan behind it.
    fn make_ready(&mut self, job: JobId, state: ProvisioningState) -> Vec<Command> {
        self.progress(
            job,
            Progress::Described {
                info: None,
                state,
                capabilities: Capabilities { identify: true, ..Capabilities::default() },
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
    assert!(matches!(App::start()[..], [Command::StartDiscovery { .. }]));
    bench.plug_in("/dev/ttyUSB2");
    assert!(bench.act(Action::TookToCommission(link("/dev/ttyUSB2"))).is_empty());
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
fn the_next_gateway_is_connected_after_the_last_session_ended_and_gets_the_kept_network() {
    let mut bench = Bench::new();
    let first = bench.connect();
    bench.fill();
    bench.make_ready(first, ProvisioningState::Ready);
    bench.act(CommissionAction::Sent);
    bench.progress(first, joined());
    bench.progress(first, Progress::Ready);
    let next = bench.app.commission.handled.next(bench.app.discover.rows()).unwrap().link.clone();
    assert_eq!(next, link("/dev/ttyUSB1"));
    let close = bench.act(Action::WentOnWith(next));
    assert!(matches!(close[..], [Command::Session { request: Request::Close, .. }]));
    let second = opened(&bench.apply(Event::JobFinished { job: first, end: done() }));
    let sent = bench.make_ready(second, ProvisioningState::Ready);
    assert!(matches!(sent[..], [Command::Session { request: Request::Push(_), .. }]));
}

#[test]
fn a_gateway_that_already_has_a_network_is_not_overwritten_by_itself() {
    let mut bench = Bench::new();
    bench.fill();
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
    bench.act(CommissionAction::Corrected);
    let session = bench.app.commission.session().unwrap();
    assert!(session.outcome.is_none());
    let follow = session.steps.iter().find(|line| line.step == Step::Follow).unwrap();
    assert_eq!(follow.state, StepState::Pending, "without its verdict the step would read as done well");
    assert_eq!(bench.app.commission.form.draft.ssid, "Office");
    let sent = bench.act(CommissionAction::Sent);
    assert!(matches!(sent[..], [Command::Session { job: same, .. }] if same == job));
}

#[test]
fn another_gateway_is_not_taken_while_a_session_is_open() {
    let mut bench = Bench::new();
    bench.connect();
    bench.act(Action::TookToCommission(link("/dev/ttyUSB1")));
    assert_eq!(bench.app.commission.gateway().unwrap().0, &link("/dev/ttyUSB0"));
    assert_eq!(bench.app.toasts().iter().count(), 1);
}

#[test]
fn a_reset_needs_the_dialog() {
    let mut bench = Bench::new();
    let job = bench.connect();
    bench.make_ready(job, ProvisioningState::Ready);
    assert!(bench.act(CommissionAction::ConfirmedReset).is_empty());
    bench.act(CommissionAction::AskedForReset);
    let sent = bench.act(CommissionAction::ConfirmedReset);
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
    let list = bench.act(Action::WentTo(Screen::Records));
    assert!(matches!(list[..], [Command::ListRecords { .. }]));
    bench.act(RecordsAction::Selected(crate::model::record::RecordId(7)));
    bench.act(RecordsAction::Deselected);
    bench.act(RecordsAction::Selected(crate::model::record::RecordId(8)));
    assert!(bench.app.records.detail.is_pending() && bench.app.records.detail.value().is_none());
}
