//! The states every screen can be in, each built from events as the workers would send them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use linesman::app::batch::BatchAction;
use linesman::app::commission::{CommissionAction, QrGiven, Question};
use linesman::app::discover::{DiscoverAction, Shown};
use linesman::app::gateways::Tab;
use linesman::app::palette::PaletteAction;
use linesman::app::records::RecordsAction;
use linesman::app::removals::RemovalsAction;
use linesman::app::settings::SettingsAction;
use linesman::app::terminal::TerminalAction;
use linesman::app::{Action, App, Place};
use linesman::flow::port::{AdapterOff, BleError};
use linesman::model::access::Access;
use linesman::model::audit::{self, Audit, Digest, Fault, Head};
use linesman::model::batch::{BatchId, Finding, RowHead, RowOutcome, RowResult, Summary};
use linesman::model::credentials::WifiDraft;
use linesman::model::gateway::{
    Advertisement, Capabilities, DeviceInfo, Identity, PortFacts, Probe, ProfileMatch, Protection, ProvisioningState,
    Sighting,
};
use linesman::model::ids::{DriverId, JobId, LinkAddress, ProfileId};
use linesman::model::lineage::{Returned, Tie};
use linesman::model::outcome::{Cause, Evidence, EvidenceKind, Outcome, Verdict};
use linesman::model::problem::{Explain as _, Problem};
use linesman::model::record::{EntryRecord, JobHistory, JobIntent, JobRecord, RecordId};
use linesman::model::secret::Secret;
use linesman::model::settings::Settings;
use linesman::model::sync::{SyncNews, SyncReport};
use linesman::model::timeline::Happened;
use linesman::model::wifi::{Band, LaptopScan, NearbyNetwork, Network, Security, Ssid};
use linesman::model::wipe::list::{Listed, Read};
use linesman::msg::batch::{BatchCommand, BatchEvent, ManifestCheck, RowState};
use linesman::msg::terminal::TerminalOutput;
use linesman::msg::{Command, DemoSite, Event, JobEnd, Progress, QrContent, SimAccess, Startup, Step};
use linesman::profile::Catalog;
use uuid::Uuid;

/// A state by name.
pub(crate) struct State {
    pub(crate) name: &'static str,
    pub(crate) plant: fn(&mut Stage),
}

/// All of them.
pub(crate) const STATES: &[State] = &[
    State { name: "gateways_empty", plant: |_| {} },
    State {
        name: "gateways_rows",
        plant: |stage| {
            stage.gateways();
        },
    },
    State {
        name: "gateways_selected_failed",
        plant: |stage| {
            stage.gateways();
            stage.select("/dev/ttyUSB1");
        },
    },
    State { name: "gateways_thousand", plant: Stage::thousand },
    State {
        name: "gateways_filtered_away",
        plant: |stage| {
            stage.gateways();
            stage.filter("no such port");
        },
    },
    State { name: "gateways_trouble", plant: |stage| stage.apply(Event::DiscoveryTrouble(Some(trouble()))) },
    State {
        name: "gateways_bluetooth",
        plant: |stage| {
            stage.gateways();
            stage.listen();
        },
    },
    State {
        name: "gateways_bluetooth_chosen",
        plant: |stage| {
            stage.listen();
            stage.act(DiscoverAction::Selected(LinkAddress::Ble("C4:4F:33:00:12:AF".into())));
        },
    },
    State {
        name: "gateways_bluetooth_silence",
        plant: |stage| {
            stage.gateways();
            stage.act(DiscoverAction::SwitchedBluetooth(true));
            stage.act(DiscoverAction::Showed(Shown::Bluetooth));
        },
    },
    State {
        name: "gateways_bluetooth_trouble",
        plant: |stage| {
            stage.gateways();
            stage.act(DiscoverAction::SwitchedBluetooth(true));
            let error = BleError::PoweredOff { off: AdapterOff::Blocked };
            stage.apply(Event::RadioTrouble(Some(error.explain())));
        },
    },
    State {
        name: "set_up_choose_bluetooth",
        plant: |stage| {
            stage.listen();
            stage.act(DiscoverAction::Selected(LinkAddress::Ble("C4:4F:33:00:12:AF".into())));
        },
    },
    State { name: "gateways_bad_path", plant: |stage| stage.bad_path() },
    State {
        name: "simulated_site",
        plant: |stage| {
            stage.start(Some(site()), 2);
            stage.gateways();
        },
    },
    State {
        name: "asking",
        plant: |stage| {
            stage.gateways();
            stage.act(DiscoverAction::AskedAll);
        },
    },
    State {
        name: "palette_typed",
        plant: |stage| {
            stage.choose();
            stage.act(PaletteAction::Opened);
            "hall".clone_into(stage.app.palette_text().expect("it is open"));
        },
    },
    State {
        name: "palette_nothing",
        plant: |stage| {
            stage.act(PaletteAction::Opened);
            "no such thing".clone_into(stage.app.palette_text().expect("it is open"));
        },
    },
    State { name: "keys", plant: |stage| stage.act(Action::ShowedKeys(true)) },
    State { name: "nothing_selected", plant: |stage| stage.act(Action::OpenedTab(Tab::SetUp)) },
    State { name: "set_up_choose", plant: |stage| stage.choose() },
    State {
        name: "set_up_connecting",
        plant: |stage| {
            stage.connect();
        },
    },
    State {
        name: "set_up_networks",
        plant: |stage| {
            stage.ready(networks());
        },
    },
    State {
        name: "set_up_empty_scan",
        plant: |stage| {
            stage.ready(Vec::new());
        },
    },
    State {
        name: "set_up_picked",
        plant: |stage| {
            stage.ready(networks());
            stage.apply(Event::LaptopScanned(LaptopScan::Seen(nearby())));
            stage.fill("Site-Office", "correct horse battery");
        },
    },
    State {
        name: "set_up_form_errors",
        plant: |stage| {
            stage.ready(networks());
            stage.fill("A name of more than thirty-two bytes", "short");
        },
    },
    State {
        name: "set_up_only_5ghz",
        plant: |stage| {
            stage.ready(networks());
            stage.apply(Event::LaptopScanned(LaptopScan::Seen(nearby())));
            stage.fill("Site-Hall", "correct horse battery");
        },
    },
    State {
        name: "set_up_laptop_not_checked",
        plant: |stage| {
            stage.ready(networks());
            stage.apply(Event::LaptopScanned(LaptopScan::NotChecked { reason: "nmcli is not installed".into() }));
        },
    },
    State { name: "set_up_qr", plant: Stage::qr },
    State {
        name: "set_up_pushing",
        plant: |stage| {
            stage.push();
        },
    },
    State { name: "set_up_refused", plant: |stage| stage.outcome(Verdict::Refused) },
    State { name: "set_up_joined", plant: |stage| stage.outcome(Verdict::Joined) },
    State { name: "set_up_unknown", plant: |stage| stage.outcome(Verdict::Unknown) },
    State { name: "set_up_failed_to_connect", plant: Stage::failed_to_connect },
    State { name: "set_up_choose_access", plant: |stage| stage.choose_access(false) },
    State { name: "set_up_choose_access_from_code", plant: |stage| stage.choose_access(true) },
    State { name: "set_up_choose_console", plant: |stage| stage.choose_driver(DriverId::LinuxConsole) },
    State {
        name: "set_up_clear_text",
        plant: |stage| {
            stage.over_air(ProvisioningState::Ready);
        },
    },
    State {
        name: "set_up_button_needed",
        plant: |stage| {
            stage.over_air(ProvisioningState::AuthorizationRequired);
        },
    },
    State { name: "set_up_button_awaited", plant: |stage| stage.button(false) },
    State { name: "set_up_button_pressed", plant: |stage| stage.button(true) },
    State {
        name: "set_up_already_provisioned",
        plant: |stage| {
            stage.over_air(ProvisioningState::Provisioned);
        },
    },
    State {
        name: "set_up_legacy_nonce",
        plant: |stage| {
            let job = stage.ready(networks());
            stage.progress(job, 6300, Progress::Protected(Protection::Security2ConstantNonce));
        },
    },
    State {
        name: "set_up_tokens",
        plant: |stage| {
            stage.tokens();
        },
    },
    State { name: "set_up_tokens_sent", plant: Stage::tokens_sent },
    State {
        name: "set_up_joined_without_its_tokens",
        plant: |stage| {
            let job = stage.tokens();
            stage.fill("Site-Office", "correct horse battery");
            stage.act(CommissionAction::Sent);
            stage.ended_as(job, Verdict::Joined);
        },
    },
    State { name: "set_up_no_wifi", plant: Stage::no_wifi },
    State { name: "set_up_reprovision_dialog", plant: Stage::reprovision },
    State {
        name: "set_up_reset_dialog",
        plant: |stage| {
            stage.ready(networks());
            stage.act(CommissionAction::AskedFor(Question::Reset));
        },
    },
    State { name: "gateways_marked", plant: Stage::mark },
    State { name: "batch_empty", plant: |stage| stage.act(Action::OpenedBatch) },
    State {
        name: "batch_checking",
        plant: |stage| {
            stage.open_manifest();
        },
    },
    State { name: "batch_mistakes", plant: Stage::manifest_mistakes },
    State { name: "removals_of_a_manifest", plant: Stage::removals_of_a_manifest },
    State {
        name: "batch_ready",
        plant: |stage| {
            stage.manifest(&["site"]);
        },
    },
    State { name: "batch_marked", plant: Stage::take_marked },
    State { name: "batch_running", plant: |stage| stage.batch_under_way() },
    State { name: "batch_ended", plant: Stage::batch_ended },
    State { name: "batch_ended_without_secrets", plant: Stage::batch_ended_without_secrets },
    State {
        name: "batch_thousand",
        plant: |stage| {
            stage.manifest_of(1200, &[]);
        },
    },
    State { name: "terminal_open", plant: |stage| stage.terminal(BOOT_LOG) },
    State { name: "terminal_nothing_yet", plant: |stage| stage.terminal("") },
    State {
        name: "terminal_paste",
        plant: |stage| {
            stage.terminal(BOOT_LOG);
            stage.act(TerminalAction::Pasted(Secret::new("cd /tmp\nls\n".into())));
        },
    },
    State {
        name: "terminal_sending",
        plant: |stage| {
            stage.terminal(BOOT_LOG);
            stage.terminal_said(TerminalOutput::FileProgressed { sent: 1280, total: 5120 });
        },
    },
    State { name: "terminal_failed", plant: Stage::terminal_failed },
    State { name: "history_timeline", plant: Stage::timeline },
    State { name: "records_empty", plant: |stage| stage.records(Vec::new()) },
    State { name: "records_list", plant: |stage| stage.records(records()) },
    State { name: "records_detail", plant: Stage::record_detail },
    State { name: "records_verified", plant: |stage| stage.records_verified(true) },
    State { name: "sync_never", plant: |stage| stage.synced(None) },
    State {
        name: "sync_in_step",
        plant: |stage| {
            let report = SyncReport { sent: 4, received: 1, ..SyncReport::of("db.example:5432/linesman".into()) };
            stage.synced(Some((Some(report), None)));
        },
    },
    State {
        name: "sync_offline",
        plant: |stage| {
            let next = "Look whether this computer has a network; it is tried again by itself";
            let offline =
                Problem::new("sync.offline", "No connection to the server db.example", "It may be down", next);
            stage.synced(Some((None, Some(offline))));
        },
    },
    State {
        name: "sync_refused",
        plant: |stage| {
            let next = "Check the user and the password file";
            let refused =
                Problem::new("sync.refused", "The server refused the login", "The password may be wrong", next);
            stage.synced(Some((None, Some(refused))));
        },
    },
    State { name: "records_damaged", plant: |stage| stage.records_verified(false) },
    State { name: "device_choose", plant: Stage::device_choose },
    State {
        name: "device_connecting",
        plant: |stage| {
            stage.device_connect();
        },
    },
    State {
        name: "device_ready",
        plant: |stage| {
            stage.device_ready();
        },
    },
    State { name: "device_used", plant: Stage::device_used },
    State { name: "device_refused", plant: Stage::device_refused },
    State { name: "device_dialog", plant: Stage::device_asks },
    State { name: "device_failed", plant: Stage::device_failed },
    State { name: "device_little", plant: Stage::device_little },
    State {
        name: "records_failed",
        plant: |stage| {
            stage.act(Action::WentTo(Place::Records));
            stage.apply(Event::RecordsListed(Err(trouble())));
        },
    },
    State { name: "settings", plant: |stage| stage.act(Action::WentTo(Place::Settings)) },
    State {
        name: "close_dialog",
        plant: |stage| {
            stage.push();
            stage.act(Action::AskedToClose);
        },
    },
    State { name: "trouble_message", plant: |stage| stage.apply(Event::Trouble(trouble())) },
    State { name: "telemetry_not_connected", plant: |stage| stage.telemetry_not_connected() },
    State { name: "telemetry_form_filled", plant: |stage| stage.telemetry_form_filled() },
    State { name: "telemetry_form_wrong", plant: |stage| stage.telemetry_form_wrong() },
    State { name: "telemetry_connecting", plant: |stage| stage.telemetry_connecting() },
    State { name: "telemetry_failed_at_tls", plant: |stage| stage.telemetry_failed_at_tls() },
    State { name: "telemetry_tries_again", plant: |stage| stage.telemetry_tries_again() },
    State { name: "telemetry_connected_empty", plant: |stage| stage.telemetry_connected_empty() },
    State { name: "telemetry_tree", plant: |stage| stage.telemetry_tree() },
    State { name: "telemetry_tree_inner", plant: |stage| stage.telemetry_tree_inner() },
    State { name: "telemetry_value_folded", plant: |stage| stage.telemetry_value_folded() },
    State { name: "telemetry_list", plant: |stage| stage.telemetry_list() },
    State { name: "telemetry_list_paused", plant: |stage| stage.telemetry_list_paused() },
    State { name: "telemetry_hex_failure", plant: |stage| stage.telemetry_hex_failure() },
    State { name: "telemetry_changes", plant: |stage| stage.telemetry_changes() },
    State { name: "telemetry_facts", plant: |stage| stage.telemetry_facts() },
    State { name: "telemetry_identity", plant: |stage| stage.telemetry_identity() },
    State { name: "telemetry_warned", plant: |stage| stage.telemetry_warned() },
    State { name: "telemetry_hub", plant: |stage| stage.telemetry_hub() },
];

/// An app at a fixed time, with the commands it gave.
pub(crate) struct Stage {
    pub(crate) app: App,
    pub(crate) now: Instant,
    pub(crate) sent: Vec<Command>,
}

/// What a gateway writes while it starts, with colours.
const BOOT_LOG: &str = "\x1b[32m[  OK  ]\x1b[0m Started Network Manager.\r\n\x1b[1;31m[FAILED]\x1b[0m Failed to start Vendor agent.\r\n\
    \x1b[33mwarning:\x1b[0m clock is not set\r\n\r\nDebian GNU/Linux 12 gw-7 ttyS0\r\n\r\ngw-7 login: ";

impl Stage {
    /// A terminal on a port that wrote this.
    fn terminal(&mut self, text: &str) {
        self.gateways();
        let link = LinkAddress::Serial("/dev/ttyUSB0".into());
        self.act(DiscoverAction::Selected(link.clone()));
        self.act(Action::OpenedTab(Tab::Terminal));
        self.act(TerminalAction::OpenedOn(link));
        self.terminal_said(TerminalOutput::Opened);
        self.terminal_said(TerminalOutput::Bytes(text.as_bytes().to_vec()));
    }

    fn terminal_said(&mut self, output: TerminalOutput) {
        let job = self.app.terminal.job().unwrap();
        self.apply(Event::TerminalProgressed { job, output });
    }

    fn terminal_failed(&mut self) {
        self.terminal(BOOT_LOG);
        let job = self.app.terminal.job().unwrap();
        self.apply(Event::JobFinished { job, end: JobEnd::Failed(trouble()) });
    }

    pub(crate) fn new(now: Instant) -> Self {
        let mut stage = Self { app: App::new(), now, sent: Vec::new() };
        stage.start(None, 0);
        stage
    }

    pub(crate) fn start(&mut self, demo: Option<DemoSite>, cut_off_jobs: usize) {
        self.apply(Event::Started(Box::new(Startup {
            catalog: Arc::new(Catalog::built_in()),
            start_problems: Vec::new(),
            settings: Settings::default(),
            data_dir: "/home/me/.local/share/linesman".into(),
            save_folder: "/home/me/Documents".into(),
            cut_off_jobs,
            demo,
        })));
    }

    pub(crate) fn apply(&mut self, event: Event) {
        let commands = self.app.apply(event, self.now);
        self.sent.extend(commands);
        let commands = self.app.tick(self.now);
        self.sent.extend(commands);
    }

    pub(crate) fn act(&mut self, action: impl Into<Action>) {
        let commands = self.app.act(action.into(), self.now);
        self.sent.extend(commands);
    }

    pub(crate) fn gateways(&mut self) {
        for sighting in sightings() {
            self.apply(Event::GatewaySeen(Box::new(sighting)));
        }
        self.apply(Event::GatewayGone(serial("/dev/ttyACM3")));
    }

    pub(crate) fn choose(&mut self) {
        self.gateways();
        self.act(DiscoverAction::Selected(serial("/dev/ttyUSB0")));
    }

    pub(crate) fn connect(&mut self) -> JobId {
        self.choose();
        self.act(CommissionAction::Connected);
        let job = self.session();
        self.started(job, Step::Connect, "the gateway's first answer", 12);
        self.now += Duration::from_secs(3);
        job
    }

    pub(crate) fn ready(&mut self, networks: Vec<Network>) -> JobId {
        let job = self.connect();
        self.answered(job, "hall-gateway", networks);
        job
    }

    /// A gateway of that name answered, waits for a network, and listed these.
    pub(crate) fn answered(&mut self, job: JobId, name: &str, networks: Vec<Network>) {
        self.done(job, Step::Connect, "answered at once", 3100);
        let info = DeviceInfo {
            firmware: "ESPHome".into(),
            firmware_version: "2026.4.1".into(),
            hardware: "ESP32-C3".into(),
            name: name.into(),
            ..DeviceInfo::default()
        };
        let described = Progress::Described {
            info: Some(info),
            state: ProvisioningState::Ready,
            capabilities: Capabilities {
                identify: true,
                wifi: true,
                scan: true,
                rename: true,
                reset_line: true,
                ..Capabilities::default()
            },
        };
        self.progress(job, 3300, described);
        self.done(job, Step::Describe, "ESPHome 2026.4.1 on ESP32-C3", 3300);
        self.progress(job, 3300, Progress::Ready);
        self.started(job, Step::ScanNetworks, "the gateway's list", 15);
        let note = format!("{} networks", networks.len());
        self.progress(job, 6200, Progress::Networks { networks, is_complete: true });
        self.done(job, Step::ScanNetworks, &note, 6200);
        self.progress(job, 6200, Progress::Ready);
        self.progress(job, 6200, Progress::DeviceLog(vec!["[wifi] scan done, 4 found".into()]));
    }

    fn choose_driver(&mut self, driver: DriverId) {
        self.choose();
        self.act(CommissionAction::ChoseDriver(driver));
    }

    fn choose_access(&mut self, is_from_code: bool) {
        self.choose_driver(DriverId::EspProv);
        self.app.commission.access.username = "wifiprov".into();
        self.app.commission.access.allows_unprotected = !is_from_code;
        if !is_from_code {
            return;
        }
        self.act(CommissionAction::GaveQr(QrGiven::Clipboard));
        let Some(Command::ReadQr { job, .. }) = self.sent.pop() else { panic!("a code is read") };
        let content = QrContent::EspProvisioning {
            name: "PROV_77AF".into(),
            transport: "ble".into(),
            security: Some(2),
            username: Some("wifiprov".into()),
            access_point_passphrase: None,
            proof_of_possession: Some(Secret::new("from-the-code-77".into())),
            notes: Vec::new(),
        };
        self.apply(Event::QrRead { job, content: Ok(content) });
    }

    /// A session over Bluetooth, in that state.
    fn over_air(&mut self, state: ProvisioningState) -> JobId {
        let job = self.ready(networks());
        self.progress(job, 6300, Progress::Protected(Protection::ClearText));
        self.progress(job, 6300, Progress::StateChanged(state));
        job
    }

    fn button(&mut self, is_pressed: bool) {
        let job = self.over_air(ProvisioningState::AuthorizationRequired);
        self.fill("Site-Office", "correct horse battery");
        self.act(CommissionAction::Sent);
        self.started(job, Step::Push, "the credentials to be taken", 10);
        self.progress(job, 9000, Progress::AwaitingButton { limit: Duration::from_mins(1) });
        self.now += Duration::from_secs(13);
        if is_pressed {
            self.progress(job, 22_000, Progress::StateChanged(ProvisioningState::Ready));
        }
    }

    /// A session whose profile names tokens for the driver.
    fn tokens(&mut self) -> JobId {
        let catalog = Catalog::built_in();
        let profile = catalog
            .iter()
            .find(|profile| {
                profile.credentials.iter().any(|rule| rule.push.iter().any(|push| push.driver == DriverId::EspProv))
            })
            .expect("a built-in profile names a token");
        self.gateways();
        self.act(DiscoverAction::Selected(serial("/dev/ttyUSB0")));
        self.act(CommissionAction::ChoseProfile(Some(profile.id.clone())));
        self.act(CommissionAction::ChoseDriver(DriverId::EspProv));
        self.act(CommissionAction::Connected);
        let job = self.session();
        self.progress(job, 2000, Progress::Protected(Protection::Security2));
        let capabilities =
            Capabilities { wifi: true, scan: true, credentials: true, reprovision: true, ..Capabilities::default() };
        self.progress(job, 2100, Progress::Described { info: None, state: ProvisioningState::Ready, capabilities });
        self.progress(job, 2100, Progress::Ready);
        self.progress(job, 6200, Progress::Networks { networks: networks(), is_complete: true });
        self.done(job, Step::ScanNetworks, "4 networks", 6200);
        self.progress(job, 6200, Progress::Ready);
        job
    }

    fn tokens_sent(&mut self) {
        let job = self.tokens();
        let rows = self.app.commission.token_rows(self.app.catalog());
        for (row, kind) in rows.iter().zip([EvidenceKind::Acknowledged, EvidenceKind::Observed]) {
            let text = format!("The gateway answered to {}", row.place);
            let evidence = Evidence { kind, text, at: Duration::from_secs(8) };
            self.progress(job, 8000, Progress::CredentialPushed { id: row.id.clone(), evidence });
        }
        self.fill("Site-Office", "correct horse battery");
    }

    fn no_wifi(&mut self) {
        self.choose_driver(DriverId::Smp);
        self.act(CommissionAction::Connected);
        let job = self.session();
        self.progress(job, 400, Progress::Protected(Protection::Cable));
        let capabilities = Capabilities { credentials: true, ..Capabilities::default() };
        self.progress(job, 500, Progress::Described { info: None, state: ProvisioningState::Ready, capabilities });
        self.progress(job, 500, Progress::Ready);
    }

    fn reprovision(&mut self) {
        self.tokens();
        self.act(CommissionAction::AskedFor(Question::Reprovision));
    }

    pub(crate) fn push(&mut self) -> JobId {
        let job = self.ready(networks());
        self.fill("Site-Office", "correct horse battery");
        self.act(CommissionAction::Sent);
        self.done(job, Step::Push, "taken by the gateway", 9000);
        self.started(job, Step::Follow, "the gateway's verdict", 40);
        self.now += Duration::from_secs(7);
        job
    }

    pub(crate) fn outcome(&mut self, verdict: Verdict) {
        let job = self.push();
        self.ended_as(job, verdict);
    }

    /// What was sent came to this verdict.
    pub(crate) fn ended_as(&mut self, job: JobId, verdict: Verdict) {
        self.done(job, Step::Follow, "the gateway gave its verdict", 21_400);
        let skipped = Progress::StepSkipped { step: Step::ReadBack, reason: "nothing to read back".into() };
        self.progress(job, 21_400, skipped);
        self.progress(job, 21_400, Progress::Pushed(Box::new(outcome(verdict))));
        self.progress(job, 21_400, Progress::Ready);
    }

    pub(crate) fn fill(&mut self, ssid: &str, passphrase: &str) {
        let draft = &mut self.app.commission.form.draft;
        draft.ssid = ssid.into();
        draft.passphrase = Secret::new(passphrase.into());
        self.act(CommissionAction::FormChanged);
    }

    pub(crate) fn records(&mut self, records: Vec<JobRecord>) {
        self.act(Action::WentTo(Place::Records));
        self.apply(Event::RecordsListed(Ok(records)));
    }

    /// The job of the open session.
    pub(crate) fn session(&self) -> JobId {
        self.app.commission.session().expect("a session").job
    }

    pub(crate) fn progress(&mut self, job: JobId, at_millis: u64, progress: Progress) {
        self.apply(Event::SessionProgressed { job, at: Duration::from_millis(at_millis), progress });
    }

    fn started(&mut self, job: JobId, step: Step, waits_for: &str, limit_secs: u64) {
        let limit = Duration::from_secs(limit_secs);
        self.progress(job, 0, Progress::StepStarted { step, waits_for: waits_for.into(), limit });
    }

    fn done(&mut self, job: JobId, step: Step, note: &str, at_millis: u64) {
        self.progress(job, at_millis, Progress::StepDone { step, note: note.into() });
    }

    fn select(&mut self, path: &str) {
        self.act(DiscoverAction::Selected(serial(path)));
    }

    fn filter(&mut self, text: &str) {
        self.app.discover.filter = text.into();
        self.act(DiscoverAction::FilterChanged);
    }

    /// Three devices, heard for a minute.
    fn listen(&mut self) {
        self.act(DiscoverAction::SwitchedBluetooth(true));
        for second in 0..60 {
            self.now += Duration::from_secs(1);
            for (number, mut sighting) in heard().into_iter().enumerate() {
                let heard = sighting.heard.as_mut().expect("it is a device");
                heard.rssi_dbm = heard.rssi_dbm.map(|dbm| dbm + [0, 3, -4, 6, -2][(second + number) % 5]);
                if number < 2 || second < 20 {
                    self.apply(Event::GatewaySeen(Box::new(sighting)));
                }
            }
        }
        self.apply(Event::GatewayGone(LinkAddress::Ble("D0:11:22:33:44:55".into())));
    }

    pub(crate) fn mark(&mut self) {
        self.gateways();
        self.act(DiscoverAction::Marked(serial("/dev/ttyUSB0")));
        self.act(DiscoverAction::Marked(serial("/dev/ttyUSB1")));
    }

    pub(crate) fn take_marked(&mut self) {
        self.gateways();
        self.act(DiscoverAction::MarkedAll);
        let draft = &mut self.app.batch.draft;
        draft.ssid = "Site-Office".into();
        draft.passphrase = Secret::new("correct horse battery".into());
    }

    /// Asks for the check of a manifest and returns its job.
    pub(crate) fn open_manifest(&mut self) -> JobId {
        self.act(Action::OpenedBatch);
        self.app.batch.path = "/home/me/site.csv".into();
        self.act(BatchAction::Opened);
        let Some(Command::Batch { job, command: BatchCommand::Check { .. } }) = self.sent.pop() else {
            panic!("the manifest is checked")
        };
        job
    }

    fn checked(&mut self, check: ManifestCheck) {
        let job = self.open_manifest();
        self.apply(Event::BatchProgressed { job, event: BatchEvent::Checked(Box::new(check)) });
        self.apply(Event::JobFinished { job, end: JobEnd::Done { note: String::new() } });
    }

    fn manifest_mistakes(&mut self) {
        let finding = |row, column: &str, what: &str| Finding {
            row,
            column: Some(column.into()),
            problem: Problem::new("manifest.test", what, "Likely cause", "What to do"),
        };
        let findings = vec![
            finding(None, "colour", "There is no column colour"),
            finding(Some(4), "match", "serial:/dev/ttyUSB0 is row 2 already"),
        ];
        self.checked(ManifestCheck { findings, ..ManifestCheck::default() });
    }

    /// The list of removals that a manifest of two gateways makes.
    pub(crate) fn removals_of_a_manifest(&mut self) {
        self.act(Action::OpenedBatch);
        self.app.batch.path = "/home/me/site.csv".into();
        self.act(RemovalsAction::Listed(self.app.batch.path.clone()));
        let Some(Command::ReadRemovals { path }) = self.sent.pop() else { panic!("the manifest is read") };
        let listed = |row: u32, wants: Option<&str>| Listed {
            row,
            name: format!("Hall {row}"),
            link: serial(&format!("/dev/ttyUSB{row}")),
            profile: ProfileId::new("generic-linux"),
            driver: DriverId::LinuxConsole,
            serial: format!("GW-041{row}"),
            access: Access { username: Some("root".into()), ..Access::default() },
            wants: wants.map(str::to_owned),
            attested: vec![("unpair".into(), "gone from the app".into())],
            without: Vec::new(),
        };
        let read = Read {
            gateways: vec![listed(2, Some("site")), listed(3, None)],
            wanted: vec![(2, "site".into())],
            notes: vec!["Row 4 is hidden and skipped".into()],
            ..Read::default()
        };
        self.apply(Event::RemovalsRead { path, answer: Ok(Box::new(read)) });
    }

    /// A manifest of four gateways without mistakes, referring to these secrets.
    pub(crate) fn manifest(&mut self, wanted: &[&str]) {
        self.manifest_of(4, wanted);
    }

    fn manifest_of(&mut self, rows: u32, wanted: &[&str]) {
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let result = |outcome| match ended(outcome) {
            RowState::Ended(result) => Some(RowResult { is_earlier: true, ..*result }),
            _ => None,
        };
        let [joined, unknown] = [RowOutcome::Joined, RowOutcome::Unknown].map(result);
        let earlier = (!wanted.is_empty()).then(|| vec![joined.clone(), joined, unknown, None]);
        self.checked(ManifestCheck { rows: heads(rows), wanted, earlier, ..ManifestCheck::default() });
    }

    /// Starts the batch and returns its job.
    pub(crate) fn start_batch(&mut self) -> JobId {
        self.manifest(&[]);
        self.begin_batch()
    }

    fn begin_batch(&mut self) -> JobId {
        self.act(BatchAction::Started(None));
        let Some(Command::Batch { job, command: BatchCommand::Start(_) }) = self.sent.pop() else {
            panic!("the batch is started")
        };
        self.apply(Event::BatchProgressed { job, event: BatchEvent::Began { batch: BatchId(7), rows: heads(4) } });
        job
    }

    pub(crate) fn batch_row(&mut self, job: JobId, index: usize, state: RowState) {
        self.apply(Event::BatchProgressed { job, event: BatchEvent::Row { index, state } });
    }

    pub(crate) fn batch_under_way(&mut self) {
        let job = self.start_batch();
        self.batch_row(job, 0, ended(RowOutcome::Joined));
        self.batch_row(job, 1, RowState::Running { step: "Press its button within 60 s".into(), calls: true });
        self.batch_row(job, 2, RowState::Expected);
        self.apply(Event::BatchProgressed { job, event: BatchEvent::Paused(true) });
    }

    pub(crate) fn batch_ended(&mut self) {
        let job = self.start_batch();
        self.end_batch(job);
    }

    /// What was typed for the run is gone, and has to be typed again.
    fn batch_ended_without_secrets(&mut self) {
        self.manifest(&["site"]);
        self.app.batch.secrets[0].value = Secret::new("correct horse battery".into());
        let job = self.begin_batch();
        self.end_batch(job);
    }

    fn end_batch(&mut self, job: JobId) {
        let outcomes = [RowOutcome::Joined, RowOutcome::Refused, RowOutcome::Unknown, RowOutcome::Stopped];
        for (index, outcome) in outcomes.into_iter().enumerate() {
            self.batch_row(job, index, ended(outcome));
        }
        let summary = Summary::of(outcomes.map(Some));
        let event = BatchEvent::Ended { summary, took: Duration::from_millis(12_340) };
        self.apply(Event::BatchProgressed { job, event });
        self.apply(Event::JobFinished { job, end: JobEnd::Done { note: summary.words() } });
    }

    fn bad_path(&mut self) {
        self.app.discover.typed_path = "http:a/b".into();
        self.act(DiscoverAction::AddedPath);
    }

    fn thousand(&mut self) {
        for number in 0..1200 {
            let link = serial(&format!("/dev/ttyUSB{number}"));
            let facts = PortFacts { vid: Some(0x10c4), pid: Some(0xea60), ..PortFacts::default() };
            let sighting =
                Sighting { link, facts, heard: None, profile: None, probe: Probe::NotAsked, is_present: true };
            let _ = self.app.apply(Event::GatewaySeen(Box::new(sighting)), self.now);
        }
        self.act(DiscoverAction::FilterChanged);
    }

    fn qr(&mut self) {
        self.ready(networks());
        self.app.commission.form.qr.is_open = true;
        self.act(CommissionAction::GaveQr(QrGiven::Clipboard));
        let Some(Command::ReadQr { job, .. }) = self.sent.pop() else { panic!("a code is read") };
        let draft = WifiDraft {
            ssid: "Site-Guest".into(),
            passphrase: Secret::new("from-the-code-77".into()),
            ..WifiDraft::default()
        };
        let notes = vec!["The code has no closing mark; it was read all the same".into()];
        self.apply(Event::QrRead { job, content: Ok(QrContent::Wifi { draft, notes }) });
        self.app.commission.form.qr.is_open = true;
    }

    fn failed_to_connect(&mut self) {
        let job = self.connect();
        self.progress(job, 12_000, Progress::StepFailed { step: Step::Connect, problem: silent() });
        self.apply(Event::JobFinished { job, end: JobEnd::Failed(silent()) });
    }

    fn records_verified(&mut self, is_intact: bool) {
        self.records(records());
        self.act(RecordsAction::Verified);
        let mut found = Audit {
            chain: Some(Digest([7; 32])),
            entries: 120,
            complete_to: 120,
            open: 1,
            head: Some(Head { entry: 120, hash: Digest([0x9f; 32]) }),
            ..Audit::default()
        };
        if !is_intact {
            found.found(audit::Finding::at(Fault::Changed, 41, "its hash differs from its content's"));
            found.found(audit::Finding::among(Fault::Cut, 121, 124, "the key file reaches to entry 124"));
        }
        self.apply(Event::RecordsVerified(Ok(Box::new(found))));
    }

    /// Settings with a team's server, and how the last sync ended, if there was one.
    fn synced(&mut self, ended: Option<(Option<SyncReport>, Option<Problem>)>) {
        self.act(Action::WentTo(Place::Settings));
        self.app.settings.server = "postgres://kim@db.example/linesman".into();
        self.act(SettingsAction::TypedServer);
        if let Some((report, problem)) = ended {
            let last_at = Some("2026-03-02T08:00:00Z".to_owned());
            let at = "2026-03-02T09:14:00Z".to_owned();
            self.apply(Event::RecordsSynced(Box::new(SyncNews { at, report, problem, waiting: Some(4), last_at })));
        }
    }

    /// Everything on record of a gateway that came back after a removal.
    pub(crate) fn timeline(&mut self) {
        self.outcome(Verdict::Joined);
        self.act(Action::OpenedTab(Tab::History));
        let asked = self.sent.iter().rev().find_map(|command| match command {
            Command::ShowTimeline { names } => Some(names.clone()),
            _ => None,
        });
        let mut jobs = records();
        jobs.truncate(3);
        for job in &mut jobs {
            (job.intent.gateway, job.intent.is_simulated) = ("hall-gateway".into(), false);
        }
        jobs[1].intent.action = "wipe".into();
        (jobs[1].outcome, jobs[1].reason) = ("complete".into(), String::new());
        jobs[1].summary = "Everything was removed, and seen to be gone after a restart".into();
        let mut timeline: Vec<Happened> = jobs.into_iter().map(|job| Happened { job, returned: None }).collect();
        timeline[0].returned = Some(Returned {
            record: RecordId(5),
            origin: None,
            at: "2026-03-02T09:15:40Z".into(),
            outcome: "complete".into(),
            by: Tie::SerialNumber,
        });
        let names = asked.expect("it is asked for");
        self.apply(Event::TimelineShown { names, timeline: Ok(timeline) });
    }

    pub(crate) fn record_detail(&mut self) {
        self.records(records());
        let job = records().remove(1);
        self.act(RecordsAction::Selected(job.key()));
        let entry = |sequence, step: &str, phase: &str, outcome: &str| EntryRecord {
            sequence,
            at: format!("2026-03-02T09:14:{sequence:02}Z"),
            step: step.into(),
            phase: phase.into(),
            outcome: outcome.into(),
            detail: serde_json::json!({ "passphrase_octets": 21 }),
        };
        let entries = vec![
            entry(41, "connect", "intent", ""),
            entry(42, "connect", "outcome", "done"),
            entry(43, "push", "intent", ""),
        ];
        self.apply(Event::RecordShown(Ok(Box::new(JobHistory { job, entries, returned: None }))));
    }
}

pub(crate) fn heads(rows: u32) -> Vec<RowHead> {
    let head = |row: u32| RowHead {
        row: row + 1,
        name: format!("Hall {row}"),
        place: if row == 3 { "serial-number:A50285BI".into() } else { format!("serial:/dev/ttyUSB{row}") },
        profile: Some(ProfileId::new("generic-improv")),
        driver: DriverId::Improv,
        ssid: "Site-Office".into(),
        credentials: Vec::new(),
    };
    (1..=rows).map(head).collect()
}

fn ended(outcome: RowOutcome) -> RowState {
    let summary = match outcome {
        RowOutcome::Joined => "The gateway reports that it joined “Site-Office”",
        RowOutcome::Refused => "The gateway could not join “Site-Office”",
        RowOutcome::Unknown => "The gateway gave no verdict on “Site-Office”",
        _ => "Stopped before the network was sent",
    };
    RowState::Ended(Box::new(RowResult {
        evidence: Some(EvidenceKind::Acknowledged),
        gateway: "hall-gateway".into(),
        link: "serial:/dev/ttyUSB1".into(),
        took: Duration::from_millis(4200),
        ..RowResult::without_session(outcome, "improv.test", summary.into(), "What to do now".into())
    }))
}

pub(crate) fn serial(path: &str) -> LinkAddress {
    LinkAddress::Serial(path.into())
}

/// What the laptop sees.
fn nearby() -> Vec<NearbyNetwork> {
    [("Site-Office", Band::Ghz2_4), ("Site-Office", Band::Ghz5), ("Site-Hall", Band::Ghz5)]
        .map(|(name, band)| NearbyNetwork {
            ssid: Ssid::from_octets(name).expect("a name"),
            band,
            security: Security::Wpa2,
        })
        .into()
}

pub(crate) fn networks() -> Vec<Network> {
    let network = |name: &[u8], rssi_dbm, security| Network {
        ssid: Ssid::from_octets(name).expect("a name"),
        rssi_dbm: Some(rssi_dbm),
        security,
    };
    vec![
        network(b"Site-Office", -52, Security::Wpa2),
        network(b"Site-Guest", -71, Security::Open),
        network("Café Müller".as_bytes(), -78, Security::Wpa2Wpa3),
        network(&[0xff, 0xfe, 0x41], -86, Security::Protected),
    ]
}

pub(super) fn site() -> DemoSite {
    let access = SimAccess { username: "installer".into(), secret: "simulated login".into() };
    DemoSite { ssid: "Linesman-Demo".into(), passphrase: "simulated-only".into(), access, broker: None, check: None }
}

/// What the radio heard.
fn heard() -> Vec<Sighting> {
    let device = |address: &str, heard: Advertisement, profile| Sighting {
        link: LinkAddress::Ble(address.into()),
        facts: PortFacts::default(),
        heard: Some(Advertisement { adapter: "hci0".into(), ..heard }),
        profile,
        probe: Probe::NotAsked,
        is_present: true,
    };
    let improv = Uuid::from_u128(0x0046_7768_6228_2272_4663_2774_7826_8000);
    vec![
        device(
            "C4:4F:33:00:12:AF",
            Advertisement {
                name: Some("Gateway 7".into()),
                rssi_dbm: Some(-52),
                services: vec![improv],
                state: Some(ProvisioningState::Ready),
                companies: vec![0x02e5],
                ..Advertisement::default()
            },
            Some(ProfileMatch {
                profile: ProfileId::new("generic-improv"),
                driver: DriverId::Improv,
                reason: format!("Service {improv}: a device that offers Improv Wi-Fi"),
            }),
        ),
        device("7A:01:02:03:04:05", Advertisement { rssi_dbm: Some(-88), ..Advertisement::default() }, None),
        device(
            "D0:11:22:33:44:55",
            Advertisement {
                name: Some("gnp.exe\u{202E}\u{7} with a name that is much too long for any list".into()),
                rssi_dbm: Some(-70),
                ..Advertisement::default()
            },
            None,
        ),
    ]
}

fn sightings() -> Vec<Sighting> {
    let guess = |profile: &str, reason: &str| {
        Some(ProfileMatch { profile: ProfileId::new(profile), driver: DriverId::Improv, reason: reason.into() })
    };
    let port = |path: &str, facts: PortFacts, profile, probe| Sighting {
        link: serial(path),
        facts,
        heard: None,
        profile,
        probe,
        is_present: true,
    };
    let usb = |vid, pid, product: &str, serial_number: &str| PortFacts {
        vid: Some(vid),
        pid: Some(pid),
        product: Some(product.into()),
        serial_number: Some(serial_number.into()),
        manufacturer: Some("Silicon Labs".into()),
        ..PortFacts::default()
    };
    let answered = Identity {
        driver: DriverId::Improv,
        info: Some(DeviceInfo {
            name: "hall-gateway-2".into(),
            firmware: "ESPHome".into(),
            firmware_version: "2026.4.1".into(),
            hardware: "ESP32-C3".into(),
            ..DeviceInfo::default()
        }),
        state: ProvisioningState::Ready,
    };
    vec![
        port(
            "/dev/ttyUSB0",
            usb(0x10c4, 0xea60, "CP2102N USB to UART", "0001"),
            guess("kis-me", "USB id 10c4:ea60 is listed by the profile"),
            Probe::NotAsked,
        ),
        port(
            "/dev/ttyUSB1",
            usb(
                0x0403,
                0x6001,
                "FT232R \u{FFFD}gnp.exe with a name so long that it cannot fit into any column of any list",
                "A9",
            ),
            None,
            Probe::Failed(silent()),
        ),
        port(
            "/dev/ttyACM0",
            usb(0x303a, 0x1001, "USB JTAG/serial", "AA:BB"),
            guess("generic-improv", "USB id 303a:1001 is listed by the profile"),
            Probe::Answered(answered),
        ),
        port(
            "/dev/ttyACM3",
            usb(0x303a, 0x1001, "USB JTAG/serial", "CC:DD"),
            guess("generic-improv", "USB id 303a:1001 is listed by the profile"),
            Probe::NotAsked,
        ),
        port(
            "/dev/pts/4",
            PortFacts { is_typed: true, is_simulated: true, ..PortFacts::default() },
            None,
            Probe::Asking,
        ),
        port("/dev/ttyS0", PortFacts::default(), None, Probe::NotAsked),
    ]
}

fn outcome(verdict: Verdict) -> Outcome {
    let piece = |kind, text: &str, at| Evidence { kind, text: text.into(), at: Duration::from_millis(at) };
    let mut evidence = vec![
        piece(EvidenceKind::Requested, "Sent Site-Office with a passphrase of 21 bytes", 8900),
        piece(EvidenceKind::Acknowledged, "The gateway took the request", 9000),
    ];
    let (code, summary, next_step) = match verdict {
        Verdict::Joined => {
            evidence.push(piece(EvidenceKind::Acknowledged, "The gateway reports that it is provisioned", 21_400));
            (
                "improv.provisioned",
                "The gateway reports that it joined Site-Office",
                "Check the gateway's page, then go on with the next one",
            )
        }
        Verdict::Refused => (
            "improv.unable_to_connect",
            "The gateway could not join Site-Office",
            "Correct the passphrase and try again; the gateway needs no reset",
        ),
        Verdict::Unknown => (
            "improv.no_verdict",
            "The gateway gave no verdict within 40 seconds",
            "Look for the gateway in the router's list of devices",
        ),
    };
    evidence.push(piece(
        EvidenceKind::NotChecked,
        "Whether the network lets the gateway reach its cloud: not part of this session",
        21_400,
    ));
    let cause = |text: &str, because: &str| Cause { text: text.into(), because: because.into() };
    let causes = vec![
        cause("The passphrase is wrong", "the gateway sees the network well (−52 dBm) and could not join"),
        cause(
            "The access point insists on protected management frames",
            "some devices fail on WPA2/WPA3 mixed networks",
        ),
    ];
    Outcome {
        verdict,
        code,
        summary: summary.into(),
        evidence,
        causes: if verdict == Verdict::Joined { Vec::new() } else { causes },
        next_step: next_step.into(),
        addresses: if verdict == Verdict::Joined { vec!["http://192.168.4.27".into()] } else { Vec::new() },
        driver: DriverId::Improv,
        protection: Protection::Cable,
        took: Duration::from_millis(12_500),
    }
}

fn records() -> Vec<JobRecord> {
    let record = |id, gateway: &str, outcome: &str, reason: &str, summary: &str, is_simulated| JobRecord {
        id: RecordId(id),
        started_at: format!("2026-03-02T09:1{id}:00Z"),
        ended_at: (outcome != "running").then(|| format!("2026-03-02T09:1{id}:40Z")),
        intent: JobIntent {
            action: "commission".into(),
            gateway: gateway.into(),
            link: "serial:/dev/ttyUSB0".into(),
            profile: Some("kis-me".into()),
            driver: Some("improv".into()),
            operator: "Mira".into(),
            is_simulated,
        },
        outcome: outcome.into(),
        reason: reason.into(),
        summary: summary.into(),
        row_name: None,
        origin: None,
        last_entry_at: None,
    };
    vec![
        record(
            6,
            "hall-gateway",
            "joined",
            "improv.provisioned",
            "The gateway reports that it joined Site-Office",
            false,
        ),
        record(5, "hall-gateway-2", "unknown", "records.cut_off", "Linesman ended in the middle of this job", false),
        record(
            4,
            "demo-gateway",
            "refused",
            "improv.unable_to_connect",
            "The gateway could not join Site-Office",
            true,
        ),
        record(3, "/dev/ttyUSB1", "failed", "improv.no_answer", "The gateway did not answer within 12 seconds", false),
    ]
}

fn silent() -> Problem {
    Problem::new(
        "improv.no_answer",
        "The gateway on /dev/ttyUSB1 did not answer within 12 seconds",
        "It speaks another protocol, or is still starting",
        "Wait until its light is steady, then ask again; or pick another driver",
    )
    .with_detail("3 tries at 115200 baud, 0 bytes received")
}

fn trouble() -> Problem {
    Problem::new(
        "discover.not_listed",
        "The serial ports cannot be listed",
        "The folder /sys/class/tty cannot be read",
        "Add the link of the port below",
    )
}
