//! The closed vocabulary between the front ends (window, command line) and the workers.
//!
//! A front end sends a [`Command`] and takes in [`Event`]s; nothing else crosses. Every job carries its [`JobId`], so that
//! an event of a job nobody waits for any more can be dropped. Types that may hold a secret have no `Debug`.

#![expect(missing_docs, reason = "the sentence above a variant says what its fields carry")]

pub mod batch;
pub mod check;
pub mod device;
pub mod telemetry;
pub mod terminal;
pub mod wipe;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use self::batch::{BatchCommand, BatchEvent};
use self::check::{CheckCommand, CheckEvent};
use self::device::{DeviceProgress, DeviceRequest};
use self::telemetry::{BenchCommand, BenchEvent, TelemetryCommand, TelemetryEvent};
use self::terminal::{TerminalInput, TerminalOutput};
use self::wipe::{CardScan, ScanEvent, WipeEvent, WipeStart};
use crate::check::verdict::Reason;
use crate::model::access::Access;
use crate::model::audit::{Audit, Head, Imported};
use crate::model::credentials::WifiCredentials;
use crate::model::destination::Destination;
use crate::model::endpoint::RowId;
use crate::model::fault::Fault;
use crate::model::gateway::{Capabilities, DeviceInfo, Probe, Protection, ProvisioningState, Sighting};
use crate::model::ids::{DriverId, JobId, LinkAddress, LinkKind, ProfileId};
use crate::model::mqtt::url::BrokerUrl;
use crate::model::outcome::{Evidence, Outcome};
use crate::model::problem::Problem;
use crate::model::record::{ExportFormat, JobHistory, JobRecord, RecordKey};
use crate::model::record_filter::Filter;
use crate::model::secret::Secret;
use crate::model::settings::Settings;
use crate::model::sync::{SyncNews, SyncStart};
use crate::model::timeline::Happened;
use crate::model::wifi::{LaptopScan, Network};
use crate::model::wipe::{WipeReport, list};
use crate::papers::Form;
use crate::papers::commissioning::{About, Report};
use crate::profile::site::Site;
use crate::profile::{Catalog, FileKind};

pub use crate::model::qr::QrContent;

/// Secrets that a front end holds when it opens a session: they are cut out of what a gateway says from its first byte on, since
/// one that is set up again may print what it stored.
#[derive(Default)]
pub struct Known {
    /// The network that will be sent.
    pub network: Option<WifiCredentials>,
    /// Tokens and files that will be.
    pub secrets: Vec<Secret<Vec<u8>>>,
}

/// What a front end wants done.
pub enum Command {
    /// Begin to watch: serial ports, and with `radio` what is heard over Bluetooth. Nothing is sent to any port. The radio
    /// is touched by this and by nothing else before a connection is asked for.
    StartDiscovery { radio: bool },
    /// Stop watching.
    StopDiscovery,
    /// Keep a path in the list that no scan reports, such as a pseudo-terminal.
    AddPort(LinkAddress),
    /// Take a typed path out of the list again.
    RemovePort(LinkAddress),
    /// Ask the gateway on a port what it is. Ends with [`Event::JobFinished`]; the answer comes as [`Event::Probed`].
    Probe { job: JobId, link: LinkAddress },
    /// Open a session with a gateway: connect and describe, then wait for [`Request`]s.
    OpenSession {
        job: JobId,
        link: LinkAddress,
        profile: Option<ProfileId>,
        driver: DriverId,
        access: Access,
        known: Known,
    },
    /// Ask something of an open session.
    Session { job: JobId, request: Request },
    /// Read a file and ask an open session to send it as [`Request::PushCredential`] does.
    SendCredentialFile { job: JobId, id: String, path: PathBuf },
    /// Open the management of a gateway: find out what it offers, then wait for [`DeviceRequest`]s.
    OpenDevice { job: JobId, link: LinkAddress, profile: Option<ProfileId>, driver: DriverId, access: Access },
    /// Ask something of a gateway under management.
    Device { job: JobId, request: DeviceRequest },
    /// Take a gateway out of service. Ends with [`WipeEvent::Assessed`] and [`Event::JobFinished`].
    Wipe { job: JobId, start: Box<WipeStart> },
    /// Answer a removal that asks by [`WipeEvent::Leftovers`]: clear them if they are so many, or leave them.
    ClearLeftovers { job: JobId, count: Option<usize> },
    /// Search a card or an image for secrets, read-only. Ends with [`ScanEvent::Ended`] and [`Event::JobFinished`].
    ScanCard { job: JobId, scan: Box<CardScan> },
    /// Write a certificate of what was done to a gateway. Answer: [`Event::JobFinished`] with the path in the note.
    SaveCertificate { job: JobId, report: Box<WipeReport>, form: Form, destination: Destination },
    /// Read a manifest as a list of removals, its secrets left open. Answer: [`Event::RemovalsRead`].
    ReadRemovals { path: PathBuf },
    /// See whether the certificates of several removals can be written into that folder, one for each row's number and serial
    /// number, before anything is removed. Answer: [`Event::CertificatesPrepared`].
    PrepareCertificates { folder: PathBuf, rows: Vec<(u32, String)> },
    /// Open a terminal on a serial port.
    OpenTerminal { job: JobId, link: LinkAddress, baud: u32 },
    /// Something typed or sent in a terminal.
    Terminal { job: JobId, input: TerminalInput },
    /// Watch telemetry: `Open` begins the job, all else goes to a job that was opened so.
    Telemetry { job: JobId, command: TelemetryCommand },
    /// The bench broker: `Start` begins the job.
    Bench { job: JobId, command: BenchCommand },
    /// Commission many gateways.
    Batch { job: JobId, command: BatchCommand },
    /// A network check: `Start` begins the job, all else goes to a job that was started so.
    Check { job: JobId, command: CheckCommand },
    /// Stop a job at once and leave the device usable. For a session this closes it.
    Cancel { job: JobId },
    /// List the networks this laptop sees, without a new scan. Answer: [`Event::LaptopScanned`], within seconds.
    ScanFromLaptop,
    /// Read Wi-Fi credentials out of a QR code. Answer: [`Event::QrRead`].
    ReadQr { job: JobId, source: QrSource },
    /// Read a site, by its name in the data folder or by its path. Answer: [`Event::SiteRead`].
    ReadSite { path: PathBuf },
    /// Look what dropped files are. Answer: [`Event::FilesLookedAt`].
    LookAtFiles { paths: Vec<PathBuf> },
    /// Put a profile into the data folder and use it from now on. Answer: [`Event::ProfileAdded`].
    AddProfile { path: PathBuf },
    /// Load the list of this computer's jobs, newest first, at most `limit`. Answer: [`Event::RecordsListed`].
    ListRecords { limit: usize },
    /// Load the jobs that are meant, of all computers, newest first, at most `limit`. Answer: [`Event::RecordsListed`].
    FindRecords { filter: Box<Filter>, limit: usize },
    /// Load one job with its entries. Answer: [`Event::RecordShown`].
    ShowRecord { key: RecordKey },
    /// Load everything on record of the gateway known by the first of those texts that names one. Answer:
    /// [`Event::TimelineShown`].
    ShowTimeline { names: Vec<String> },
    /// Make a report of what is on record. Answers: [`Event::ReportMade`], and [`Event::JobFinished`] with the path in the note
    /// where a file was asked for.
    WriteReport { job: JobId, plan: Box<ReportPlan> },
    /// Where the chain of the records stands. Answer: [`Event::RecordsHead`].
    ReadRecordsHead,
    /// Write the whole chain of the records to a signed bundle. Answer: [`Event::JobFinished`] with the path in the note.
    ExportBundle { job: JobId, destination: Destination },
    /// Take in the bundle of another computer whose key is in the list. Answer: [`Event::BundleImported`].
    ImportBundle { path: PathBuf, known_keys: PathBuf },
    /// Sync the records with the team's server. What is left out comes from the settings. Answer: [`Event::RecordsSynced`].
    SyncRecords(Box<SyncStart>),
    /// From here on sync them by themselves, as the settings say: after jobs, and now and then. Answers: as above, each after
    /// [`Event::RecordsSyncing`].
    KeepRecordsSynced,
    /// Check that the records are what was written. Answer: [`Event::RecordsVerified`].
    VerifyRecords,
    /// Write records to a file. Answer: [`Event::JobFinished`] with the path in the note.
    ExportRecords { job: JobId, destination: Destination, format: ExportFormat },
    /// Write the redacted byte transcript of a session to a file. Answer: [`Event::JobFinished`].
    ExportTranscript { job: JobId, session: JobId, destination: Destination },
    /// Write a picture to a PNG file: four bytes a point, red, green, blue, opacity. Answer: [`Event::JobFinished`] with the
    /// path in the note.
    SavePicture { job: JobId, destination: Destination, width: u32, height: u32, rgba: Vec<u8> },
    /// Put a redacted bundle of facts about this program and its last jobs together. Answer: [`Event::DiagnosticsReady`].
    CollectDiagnostics { job: JobId },
    /// Store the settings.
    SaveSettings(Settings),
    /// Shows a file in its folder.
    ShowInFolder(PathBuf),
}

/// What can be asked of an open session. One request runs at a time; the session says when it is ready again.
pub enum Request {
    /// Let the gateway blink or beep.
    Identify,
    /// Let the gateway scan for networks.
    ScanNetworks,
    /// Send credentials and follow what becomes of them.
    Push(WifiCredentials),
    /// Give the gateway a host name.
    SetHostname(String),
    /// Give the gateway a name.
    SetDeviceName(String),
    /// Send a token, key or file in the way the profile names for the credential of that id. Before a push: the service
    /// may end with it.
    PushCredential { id: String, content: Secret<Vec<u8>> },
    /// Let the gateway forget its network and wait for another one. No wipe: what lies in its flash may come back.
    Reprovision,
    /// Pulse the reset line of the port. Only ever on a person's request.
    ResetDevice,
    /// End the session in an orderly way.
    Close,
}

/// Where a QR code is read from.
pub enum QrSource {
    /// The text of the code, pasted.
    Text(Secret<String>),
    /// A picture.
    File(PathBuf),
    /// The picture on the clipboard.
    Clipboard,
}

/// The steps of a session, as shown in the stepper and written into records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Open the link and hear the gateway answer.
    Connect,
    /// Ask what it is.
    Describe,
    /// Let it blink.
    Identify,
    /// Let it scan.
    ScanNetworks,
    /// Set its host name or name.
    Rename,
    /// Prove to each other who is there, and encrypt.
    Secure,
    /// Send a token, key or file.
    Credential,
    /// Let it forget its network and wait for another.
    Reprovision,
    /// Send the credentials.
    Push,
    /// Wait for the gateway's verdict.
    Follow,
    /// Ask again whether it stays joined.
    ReadBack,
    /// Look from this computer whether its address answers.
    Look,
    /// Pulse the reset line.
    Reset,
}

impl Step {
    /// The name in records and JSON lines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Describe => "describe",
            Self::Identify => "identify",
            Self::ScanNetworks => "scan-networks",
            Self::Rename => "rename",
            Self::Secure => "secure",
            Self::Credential => "credential",
            Self::Reprovision => "reprovision",
            Self::Push => "push",
            Self::Follow => "follow",
            Self::ReadBack => "read-back",
            Self::Look => "look",
            Self::Reset => "reset",
        }
    }

    /// The name on the screen.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Connect => "Connect",
            Self::Describe => "Describe",
            Self::Identify => "Identify",
            Self::ScanNetworks => "Scan for networks",
            Self::Rename => "Rename",
            Self::Secure => "Secure the session",
            Self::Credential => "Send token or file",
            Self::Reprovision => "Forget the network",
            Self::Push => "Send credentials",
            Self::Follow => "Wait for the gateway to join",
            Self::ReadBack => "Read back",
            Self::Look => "Look from this laptop",
            Self::Reset => "Reset",
        }
    }
}

/// What a session reports while it goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// A step began; it ends by itself after `limit` at the latest.
    StepStarted { step: Step, waits_for: String, limit: Duration },
    /// A step ended well; `note` says what came of it.
    StepDone { step: Step, note: String },
    /// A step was left out because the device cannot do it, or the like.
    StepSkipped { step: Step, reason: String },
    /// A step failed. The session goes on unless a `JobFinished` follows.
    StepFailed { step: Step, problem: Problem },
    /// The gateway told what it is.
    Described { info: Option<DeviceInfo>, state: ProvisioningState, capabilities: Capabilities },
    /// How the session is protected.
    Protected(Protection),
    /// Someone has to press the gateway's button; after that time the gateway or we give up.
    AwaitingButton { limit: Duration },
    /// A token, key or file was taken; the evidence says how sure that is.
    CredentialPushed { id: String, evidence: Evidence },
    /// The gateway's state changed.
    StateChanged(ProvisioningState),
    /// The networks the gateway sees, strongest first; `is_complete` is false while more may come.
    Networks { networks: Vec<Network>, is_complete: bool },
    /// A push ended.
    Pushed(Box<Outcome>),
    /// The session waits for the next request.
    Ready,
    /// Lines the device logged beside the protocol, redacted and made safe to show.
    DeviceLog(Vec<String>),
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// It did what it was for; the note says what came of it, such as the path of an export.
    Done { note: String },
    /// A person stopped it.
    Cancelled,
    /// It could not go on.
    Failed(Problem),
}

/// What happened.
pub enum Event {
    /// The workers are up: what they start from.
    Started(Box<Startup>),
    /// A port or gateway is there, or something about it changed.
    GatewaySeen(Box<Sighting>),
    /// A port went away.
    GatewayGone(LinkAddress),
    /// A typed path was taken out of the list.
    GatewayRemoved(LinkAddress),
    /// The list of ports could not be read, or can be read again (`None`).
    DiscoveryTrouble(Option<Problem>),
    /// The radio cannot be used, or can be used again (`None`).
    RadioTrouble(Option<Problem>),
    /// What asking a port brought.
    Probed { job: JobId, link: LinkAddress, probe: Probe },
    /// A gateway under management reports. `at` counts from the start of the job.
    DeviceProgressed { job: JobId, at: Duration, progress: DeviceProgress },
    /// A search of a card reports.
    CardScanned { job: JobId, event: ScanEvent },
    /// A wipe reports. `at` counts from the start of the job.
    WipeProgressed { job: JobId, at: Duration, event: WipeEvent },
    /// A terminal has something to show.
    TerminalProgressed { job: JobId, output: TerminalOutput },
    /// An inspection reports. `at` counts from the start of the job.
    TelemetryProgressed { job: JobId, at: Duration, event: TelemetryEvent },
    /// The bench broker reports.
    BenchProgressed { job: JobId, event: BenchEvent },
    /// A batch reports.
    BatchProgressed { job: JobId, event: BatchEvent },
    /// A network check reports.
    CheckProgressed { job: JobId, event: CheckEvent },
    /// A session reports. `at` counts from its start.
    SessionProgressed { job: JobId, at: Duration, progress: Progress },
    /// A job ended. Nothing of it follows.
    JobFinished { job: JobId, end: JobEnd },
    /// What this laptop sees, or why that is not known.
    LaptopScanned(LaptopScan),
    /// A QR code was read, or why not.
    QrRead { job: JobId, content: Result<QrContent, Problem> },
    /// A site was read, or why it could not be.
    SiteRead { path: PathBuf, site: Result<Box<Site>, Problem> },
    /// What was found at the paths of dropped files, in the order they were dropped, or why one of them is of no use.
    FilesLookedAt(Vec<(PathBuf, Result<FoundFile, Problem>)>),
    /// A profile is in use, or why not.
    ProfileAdded(Result<AddedProfile, Problem>),
    /// The list of jobs.
    RecordsListed(Result<Vec<JobRecord>, Problem>),
    /// One job with its entries.
    RecordShown(Result<Box<JobHistory>, Problem>),
    /// The timeline of a gateway, newest first, by the texts that were asked for.
    TimelineShown { names: Vec<String>, timeline: Result<Vec<Happened>, Problem> },
    /// A report was made.
    ReportMade { job: JobId, report: Box<Report> },
    /// Where the chain of the records stands.
    RecordsHead(Result<Head, Problem>),
    /// What was taken in from a bundle.
    BundleImported(Result<Imported, Problem>),
    /// A sync of the records began.
    RecordsSyncing,
    /// How a sync of the records ended, and how things stand.
    RecordsSynced(Box<SyncNews>),
    /// What an audit of the records found.
    RecordsVerified(Result<Box<Audit>, Problem>),
    /// What a list of removals says, or why it can't be read.
    RemovalsRead { path: PathBuf, answer: Result<Box<list::Read>, Problem> },
    /// Where the certificates of several removals go, in the order asked for; or what speaks against writing there.
    CertificatesPrepared(Result<Vec<Destination>, Problem>),
    /// The diagnostics bundle, redacted, as text for the clipboard.
    DiagnosticsReady { job: JobId, text: String },
    /// The user pressed Ctrl+C in the terminal: all jobs are being stopped, and the front end is asked to end.
    Interrupted,
    /// Something failed that belongs to no job: settings not stored, records not writable, a channel full.
    Trouble(Problem),
}

/// A report that is to be made of what is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportPlan {
    /// What it is about.
    pub about: About,
    /// Recordings whose numbers are drawn.
    pub recordings: Vec<PathBuf>,
    /// Where it is written, and in which form; nowhere where only what it says is wanted.
    pub file: Option<(Form, Destination)>,
}

/// What a dropped path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundFile {
    /// A folder.
    Folder,
    /// A file of the kind of a profile, told by its keys.
    Toml(FileKind),
    /// A file whose ending has to say what it is.
    Other,
}

/// A profile that was put into the data folder.
pub struct AddedProfile {
    /// All profiles there are now.
    pub catalog: Arc<Catalog>,
    /// Which one was added.
    pub id: ProfileId,
    /// Where it is now.
    pub path: PathBuf,
}

/// What the window needs to know at its start.
pub struct Startup {
    /// The profiles, built in and from the user's folder.
    pub catalog: Arc<Catalog>,
    /// What went wrong at the start without stopping it: profile files of the user, the settings, the log.
    pub start_problems: Vec<Problem>,
    /// The settings as stored, or the defaults.
    pub settings: Settings,
    /// Where records, settings and logs are kept.
    pub data_dir: PathBuf,
    /// Where files are saved unless a person says otherwise.
    pub save_folder: PathBuf,
    /// Jobs that were cut off by the end of an earlier run.
    pub cut_off_jobs: usize,
    /// The simulated site, if this is a demo.
    pub demo: Option<DemoSite>,
}

/// What a person needs to try the simulated site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoSite {
    /// Name of the simulated access point.
    pub ssid: String,
    /// Its passphrase: made up for the simulation and no secret.
    pub passphrase: String,
    /// What every gateway that asks for a login or a proof of possession takes: made up as well.
    pub access: SimAccess,
    /// The broker to which its gateways publish.
    pub broker: Option<String>,
    /// What a network check of it shows.
    pub check: Option<DemoCheck>,
}

/// What a network check of the simulated site shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoCheck {
    /// The profile the tour checks.
    pub profile: ProfileId,
    /// The row it explains.
    pub explained: RowId,
    /// The site as its file would say it: names for what vendors leave open, and the gateways' address.
    pub site: Box<Site>,
    /// How the rows come out that the network is in the way of: why a row fails, or the note of one that passes.
    pub expected: Vec<(RowId, Reason)>,
}

/// A simulated network for a check by another program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimNetworkReady {
    /// Number of its process.
    pub pid: u32,
    /// The profile whose servers it stands in for.
    pub profile: ProfileId,
    /// The site file, which names the override file.
    pub site: PathBuf,
    /// The override file.
    pub overrides: PathBuf,
    /// What it does to rows: the row, what, and how a check has to find it.
    pub does: Vec<(RowId, &'static str, Reason)>,
}

/// Where a simulator on the command line is and how to talk to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimReady {
    /// Path of its port.
    pub port: String,
    /// The port as a link.
    pub link: String,
    /// Number of its process.
    pub pid: u32,
    /// Folder of its card.
    pub state_dir: PathBuf,
    /// Name of its access point.
    pub ssid: String,
    /// The access point's passphrase: made up and no secret.
    pub password: String,
    /// What lets a client in, where the driver asks for it: made up and no secret.
    pub access: Option<SimAccess>,
}

/// What lets a client into a simulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimAccess {
    /// The user name.
    pub username: String,
    /// The proof of possession or password.
    pub secret: String,
}

/// Name of the simulated access point.
pub const SIMULATED_SSID: &str = "Site-Office";
/// Its passphrase: made up for the simulation and no secret.
pub const SIMULATED_PASSPHRASE: &str = "correct horse battery";

/// One simulator on the command line.
#[derive(Clone, Debug)]
pub struct SimPlan {
    /// The profile it plays.
    pub profile: ProfileId,
    /// The driver it speaks.
    pub driver: DriverId,
    /// What carries it; `None` for the driver's usual one.
    pub link: Option<LinkKind>,
    /// How an Espressif device is built.
    pub esp: SimEsp,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Its name's last part.
    pub serial_number: String,
    /// The folder of its card.
    pub state_dir: PathBuf,
    /// How long a good join takes.
    pub join_after: Duration,
    /// Name of its access point.
    pub ssid: String,
    /// The access point's passphrase.
    pub passphrase: String,
    /// The broker to which it publishes once it has joined.
    pub broker: Option<BrokerUrl>,
}

/// How a simulated Espressif device is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimEsp {
    /// Its security level: 0, 1 or 2.
    pub security: u8,
    /// Level 2 with one nonce for all messages, as older firmware has it.
    pub has_legacy_nonce: bool,
    /// Level 1 without a proof of possession.
    pub is_without_proof: bool,
    /// It cannot take a failed attempt back, as older firmware.
    pub is_without_control: bool,
    /// Attempts it makes before it gives up.
    pub attempts: u32,
}

impl Default for SimEsp {
    fn default() -> Self {
        Self { security: 2, has_legacy_nonce: false, is_without_proof: false, is_without_control: false, attempts: 1 }
    }
}

impl SimPlan {
    /// A simulator with the usual access point.
    pub fn new(profile: ProfileId, driver: DriverId, state_dir: PathBuf) -> Self {
        Self {
            profile,
            driver,
            link: None,
            esp: SimEsp::default(),
            faults: Vec::new(),
            serial_number: "SIM0001".into(),
            state_dir,
            join_after: Duration::from_millis(1200),
            ssid: SIMULATED_SSID.into(),
            passphrase: SIMULATED_PASSPHRASE.into(),
            broker: None,
        }
    }
}
