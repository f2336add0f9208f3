//! The driver `linux-console` on a link: logs in, asks and tells a gateway by its shell, and always logs out again.
//!
//! [`LinuxConsole`] is the driver of a commissioning session, [`ConsoleShell`] a shell for the screen Device. Neither ever puts
//! a secret into a command: nmcli asks for the passphrase, and files go through a here-document with echo switched off.

mod error;
mod join;
mod shell;
mod wipe;

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

pub use self::error::ConsoleError;
use self::join::Attempt;
pub use self::shell::ConsoleShell;
use self::wipe::ConsoleWiper;
use super::check::Shell;
use super::device::Management;
use super::driver::{Driver, Followed, Limits, Scan, Taken};
use super::drivers::{Opening, Unit};
use super::error::SessionError;
use super::port::{Boxed, Link, LinkCommand, LinkError, LinkEvent};
use super::report::Report;
use super::transcript::SharedTranscript;
use super::wipe::Wiper;
use crate::model::access::Access;
use crate::model::credentials::WifiCredentials;
use crate::model::gateway::{Capabilities, DeviceInfo, Protection, ProvisioningState};
use crate::model::ids::DriverId;
use crate::model::outcome::EvidenceKind;
use crate::model::redact::Redactor;
use crate::model::secret::Secret;
use crate::model::text::{visible, visible_octets};
use crate::model::verdict::{Before, Observation, Station};
use crate::msg::{Progress, Step};
use crate::profile::{DriverSettings, PushWay};
use crate::proto::console::BAUD;
use crate::proto::console::nmcli::{self, Id};
use crate::proto::console::prompt::Wording;
use crate::proto::console::quote::{self, NotSendable, Script};
use crate::proto::console::session::{Answer, Event, Failure, Login, Output, Run, Session, Timeouts};
use crate::proto::console::system::{self, Compared, Facts, Rights};
use crate::proto::console::wipe as marks;

/// The driver.
pub(super) const UNIT: Unit = Unit {
    id: DriverId::LinuxConsole,
    limits: |_| LIMITS,
    waits_for: |_| "the console to ask for a login",
    open: |opening| {
        Box::pin(async move {
            let Opening { access, settings, report, transcript, .. } = opening;
            let (link, settings) = (opening.port().await?, settings.as_ref());
            let console = LinuxConsole::new(link, access.clone(), settings, report.clone(), transcript.clone());
            Ok(Box::new(console) as Box<dyn Driver>)
        })
    },
    manage: Some(|opening| {
        Box::pin(async move { Ok(Box::new(ConsoleShell::opened(opening).await?) as Box<dyn Management>) })
    }),
    shell: Some(|opening| {
        Box::pin(async move { Ok(Box::new(ConsoleShell::opened(opening).await?) as Box<dyn Shell>) })
    }),
    wipe: |opening| Box::pin(async move { Ok(Box::new(ConsoleWiper::opened(opening).await?) as Box<dyn Wiper>) }),
};

/// How long each step may take, in total.
const LIMITS: Limits = Limits {
    // A gateway that is starting may take three minutes to its login.
    connect: Duration::from_mins(5),
    question: Duration::from_mins(1),
    // A fresh scan, and the list from before if that comes to nothing.
    scan: Duration::from_mins(1),
    // Where the gateway stands, and what it keeps, is looked at first.
    push: Duration::from_mins(1),
    // Joining, looking whether it holds, and clearing up after what failed.
    join: Duration::from_secs(nmcli::JOIN_SECS + 60),
};
/// How long nmcli may take to join.
const JOIN_LIMIT: Duration = Duration::from_secs(nmcli::JOIN_SECS + 10);
/// How long a scan may take before the list from before is asked for.
const FRESH_SCAN: Duration = Duration::from_secs(30);
/// How long NetworkManager may take to look for the internet.
const CONNECTIVITY: Duration = Duration::from_secs(20);
/// How long it may take to say what tells it from others.
const MARKS: Duration = Duration::from_secs(20);
/// What a file is called in the transcript, which never holds its octets.
const FILE: &str = "file";
/// Longest line of an answer that is shown.
const SHOWN: usize = 200;
/// Longest line of the gateway's log that is shown.
const LOG_LINE: usize = 400;

/// A visit to a console over a link.
struct Console {
    link: Link,
    session: Session,
    report: Option<Report>,
    started: Instant,
    transcript: SharedTranscript,
    redactor: Redactor,
    /// When a program was given the passphrase it asked for.
    answered_at: Option<Duration>,
    /// A file is on its way: what comes back meanwhile may be its echo and is not noted.
    is_sending_file: bool,
}

impl Console {
    fn new(
        link: Link,
        settings: Option<&DriverSettings>,
        report: Option<Report>,
        transcript: SharedTranscript,
    ) -> Self {
        let baud = settings.map_or(BAUD, DriverSettings::baud);
        // A mark need only be unlike what else stands on the line; what proves a shell is the sum.
        let seed = getrandom::u32().unwrap_or_default();
        Self {
            link,
            session: Session::new(Timeouts::default(), wording(settings), seed).at(baud),
            report,
            started: Instant::now(),
            redactor: transcript.redactor(),
            transcript,
            answered_at: None,
            is_sending_file: false,
        }
    }

    async fn log_in(&mut self, access: &Access) -> Result<(), SessionError> {
        if let Some(secret) = &access.secret {
            self.transcript.learn_secret(secret.expose().as_bytes());
            self.redactor = self.transcript.redactor();
        }
        let login = Login { username: access.username.clone(), password: access.secret.clone() };
        let is_sendable = |text: &str| !text.contains(|c: char| c.is_control());
        let texts =
            login.username.as_deref().into_iter().chain(login.password.as_ref().map(|secret| secret.expose().as_str()));
        if !texts.into_iter().all(is_sendable) {
            return Err(ConsoleError::from(NotSendable::ControlCharacter).into());
        }
        self.session.log_in(login, now());
        match self.wait().await? {
            Ok(_) => Ok(()),
            Err(failure) => Err(ConsoleError::of(failure, Step::Connect).into()),
        }
    }

    /// Runs a command to its end.
    async fn run(&mut self, run: Run, step: Step) -> Result<Output, SessionError> {
        self.session.run(run, now());
        match self.wait().await? {
            Ok(Answer::Ran(output)) => Ok(output),
            Ok(_) => Err(ConsoleError::Failed { step, code: None, words: String::new() }.into()),
            Err(failure) => Err(ConsoleError::of(failure, step).into()),
        }
    }

    /// A question whose script is short.
    async fn ask(
        &mut self,
        label: &'static str,
        script: Result<Script, NotSendable>,
        step: Step,
    ) -> Result<Output, SessionError> {
        self.run(Run::new(label, script.map_err(ConsoleError::from)?), step).await
    }

    /// Ends what was begun and left.
    async fn break_off(&mut self) -> Result<(), LinkError> {
        self.session.interrupt(now());
        // However it ended: nobody asks any more.
        self.wait().await.map(drop)
    }

    /// Logs out if need be. What goes wrong with it is noted: nobody can do anything about it any more.
    async fn log_out(&mut self) {
        if !self.session.is_in() {
            return;
        }
        self.session.log_out(now());
        let word = match self.wait().await {
            Ok(Ok(Answer::LoggedOut { is_confirmed: true })) => "logged out; the console asks for a login again",
            Ok(_) => "logged out; the console did not say so",
            Err(_) => "the link ended before the console confirmed the logout",
        };
        self.transcript.note(self.elapsed(), word);
    }

    fn elapsed(&self) -> Duration {
        self.report.as_ref().map_or_else(|| self.started.elapsed(), Report::elapsed)
    }

    async fn wait(&mut self) -> Result<Result<Answer, Failure>, LinkError> {
        loop {
            if let Some(outcome) = self.step().await? {
                return Ok(outcome);
            }
        }
    }

    /// Sends what is due, then waits for one thing: bytes or a time limit. Safe to drop at any point.
    async fn step(&mut self) -> Result<Option<Result<Answer, Failure>>, LinkError> {
        self.transmit().await?;
        if let Some(outcome) = self.tell_events().await {
            return Ok(Some(outcome));
        }
        let due = self.session.poll_timeout();
        let timer = async {
            match due {
                Some(due) => sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = self.link.incoming.recv() => self.handle_link(event)?,
            () = timer => self.session.handle_timeout(now()),
        }
        Ok(None)
    }

    /// Tells what the gateway wrote beside the conversation; gives back the end of what was begun.
    async fn tell_events(&mut self) -> Option<Result<Answer, Failure>> {
        let (mut lines, mut outcome) = (Vec::new(), None);
        while let Some(event) = self.session.poll_event() {
            match event {
                Event::Log(line) => lines.extend(self.shown_line(&line)),
                Event::Starting => {
                    if let Some(report) = &self.report {
                        report.waits_for(Step::Connect, "the gateway to start and to ask for a login").await;
                    }
                }
                Event::Finished(finished) => {
                    outcome = Some(finished);
                    break;
                }
            }
        }
        if let (Some(report), false) = (&self.report, lines.is_empty()) {
            report.send(Progress::DeviceLog(lines)).await;
        }
        outcome
    }

    fn shown_line(&self, line: &[u8]) -> Option<String> {
        let mut redactor = self.redactor.fresh();
        let redacted = [redactor.push(line), redactor.finish()].concat();
        let text = visible_octets(redacted.trim_ascii_end(), LOG_LINE);
        (!text.trim().is_empty()).then_some(text)
    }

    fn handle_link(&mut self, event: Option<LinkEvent>) -> Result<(), LinkError> {
        match event {
            Some(LinkEvent::Bytes(bytes)) => {
                // A flood would only push what was said before out of the transcript.
                if !self.is_sending_file && !self.session.is_flooded() {
                    self.transcript.received(self.elapsed(), &bytes);
                }
                self.session.handle_bytes(&bytes, now());
                Ok(())
            }
            Some(LinkEvent::Closed(error)) => {
                self.transcript.note(self.elapsed(), &format!("link closed: {error}"));
                Err(error)
            }
            None => Err(LinkError::Vanished { port: "the port".into() }),
        }
    }

    async fn transmit(&mut self) -> Result<(), LinkError> {
        while let Some(transmit) = self.session.poll_transmit(now()) {
            let at = self.elapsed();
            match transmit.label {
                FILE => self.transcript.note(at, &format!("send {FILE}, a line of {} bytes", transmit.bytes.len())),
                label if label.starts_with("answer") || label == "password" => {
                    if label != "password" {
                        self.answered_at = Some(at);
                    }
                    self.transcript.note(at, &format!("send {label}"));
                }
                label => self.transcript.sent(at, label, &transmit.bytes),
            }
            self.link.send(LinkCommand::Write(transmit.bytes)).await?;
        }
        Ok(())
    }

    /// Asks what the gateway is and has.
    async fn describe(&mut self, step: Step) -> Result<Facts, SessionError> {
        let output = self.ask("what it is", system::describe(), step).await?;
        Ok(system::parse_facts(&self.transcript.redact_octets(&output.text)))
    }

    /// Asks what tells it from every other gateway.
    async fn marks(&mut self, prefix: &str, step: Step) -> Result<marks::Marks, SessionError> {
        let script = marks::marks(prefix).map_err(ConsoleError::from)?;
        let output = self.run(Run::new("which gateway it is", script).within(MARKS), step).await?;
        Ok(marks::parse_marks(&self.transcript.redact_octets(&output.text)))
    }

    /// The last line of what a program wrote, safe to show: programs say there why they gave up.
    fn last_words(&self, output: &Output) -> String {
        let lines = output.text.split(|&octet| octet == b'\n').rev();
        let shown = lines.filter_map(|line| self.shown_line(line));
        let words = shown.map(|line| line.trim().to_owned()).find(|line| !line.is_empty()).unwrap_or_default();
        visible(&words, SHOWN)
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

/// How the console asks, as the profile says.
fn wording(settings: Option<&DriverSettings>) -> Wording {
    settings.map_or_else(Wording::default, |settings| {
        Wording::new(settings.text("login_prompt"), settings.text("password_prompt"))
    })
}

/// A commissioning conversation with a Linux gateway.
pub(super) struct LinuxConsole {
    console: Console,
    access: Access,
    /// The interface the profile names.
    interface: String,
    facts: Facts,
    /// Whether it can be given a network.
    has_wifi: bool,
    /// What nmcli said when it could not list the devices.
    complaint: Option<String>,
    state: Option<ProvisioningState>,
    /// The last push, as long as something is left to be done about it.
    attempt: Option<Attempt>,
}

impl LinuxConsole {
    /// Takes an open link over.
    pub(super) fn new(
        link: Link,
        access: Access,
        settings: Option<&DriverSettings>,
        report: Report,
        transcript: SharedTranscript,
    ) -> Self {
        let interface = settings.and_then(|settings| settings.text("interface")).unwrap_or_default().to_owned();
        Self {
            console: Console::new(link, settings, Some(report), transcript),
            access,
            interface: if interface.is_empty() { "wlan0".into() } else { interface },
            facts: Facts::default(),
            has_wifi: false,
            complaint: None,
            state: None,
            attempt: None,
        }
    }

    fn no_radio(&self) -> ConsoleError {
        match &self.complaint {
            Some(words) => ConsoleError::Failed { step: Step::Push, code: None, words: words.clone() },
            None => ConsoleError::NoRadio { has_network_manager: self.facts.has("nmcli") },
        }
    }

    fn prefix(&self) -> &'static str {
        self.facts.rights.prefix()
    }

    /// Finds the radio: the interface the profile names if there is one, else the first.
    async fn find_radio(&mut self, step: Step) -> Result<(), SessionError> {
        if !self.facts.has("nmcli") {
            return Ok(());
        }
        let output = self.console.ask("devices", nmcli::devices(), step).await?;
        if output.code != Some(0) {
            self.complaint = Some(self.console.last_words(&output));
            return Ok(());
        }
        let radios: Vec<_> =
            nmcli::parse_devices(&output.text).into_iter().filter(|device| device.kind == "wifi").collect();
        let radio = radios.iter().find(|device| device.name == self.interface).or_else(|| radios.first());
        let Some(radio) = radio else { return Ok(()) };
        self.interface.clone_from(&radio.name);
        self.has_wifi = true;
        self.look(step).await?;
        Ok(())
    }

    async fn say(&self, text: &str) {
        self.console.transcript.note(self.console.elapsed(), text);
        if let Some(report) = &self.console.report {
            report.send(Progress::DeviceLog(vec![text.to_owned()])).await;
        }
    }

    /// Where the radio stands now.
    async fn look(&mut self, step: Step) -> Result<nmcli::Standing, SessionError> {
        let output = self.console.ask("where the radio stands", nmcli::standing(&self.interface), step).await?;
        let standing = nmcli::parse_standing(&self.console.transcript.redact_octets(&output.text));
        self.state = Some(match standing.station() {
            Station::Connected => ProvisioningState::Provisioned,
            Station::Busy => ProvisioningState::Provisioning,
            Station::Apart | Station::Unclear => ProvisioningState::Ready,
        });
        Ok(standing)
    }

    async fn write_file(&mut self, path: &str, content: &[u8]) -> Result<Taken, SessionError> {
        if quote::needs_base64(content) && !self.facts.has("base64") {
            return Err(ConsoleError::NoBase64 { path: path.to_owned() }.into());
        }
        let prefix = self.prefix();
        let script = quote::write_file(path, content, prefix).map_err(ConsoleError::from)?;
        self.console.is_sending_file = true;
        let written = self.console.run(Run::new(FILE, script).within(Duration::from_secs(20)), Step::Credential).await;
        self.console.is_sending_file = false;
        let output = written?;
        if output.code != Some(0) {
            let words = self.console.last_words(&output);
            return Err(ConsoleError::FileRefused { path: path.to_owned(), words, rights: self.facts.rights }.into());
        }
        let checked = self.console.ask("check of the file", system::check_file(path, prefix), Step::Credential).await?;
        let facts = system::parse_file(&checked.text);
        let octets = content.len();
        let sure = match facts.compare(content) {
            Compared::Different => return Err(ConsoleError::FileDiffers { path: path.to_owned() }.into()),
            Compared::SameBySha256 => "the same SHA-256",
            Compared::SameByCksum => "the same checksum",
            Compared::SameSize => "the same size; the gateway has no program for a checksum",
            Compared::Unreadable => {
                let text = format!("The gateway accepted {path} but doesn't confirm it");
                return Ok(Taken { kind: EvidenceKind::Acknowledged, text });
            }
        };
        let mode = if facts.is_private() { "readable by its owner only" } else { "readable by others as well" };
        let text = format!("{path} was read back: {octets} bytes, {sure}, {mode}");
        Ok(Taken { kind: EvidenceKind::Observed, text })
    }

    async fn connect(&mut self) -> Result<ProvisioningState, SessionError> {
        let access = std::mem::take(&mut self.access);
        self.console.log_in(&access).await?;
        self.facts = self.console.describe(Step::Connect).await?;
        self.find_radio(Step::Connect).await?;
        Ok(self.state.unwrap_or(ProvisioningState::Stopped))
    }

    async fn list(&mut self) -> Result<Scan, SessionError> {
        let fresh = nmcli::scan(&self.interface, true).map_err(ConsoleError::from)?;
        let output = match self.console.run(Run::new("scan", fresh).within(FRESH_SCAN), Step::ScanNetworks).await {
            Err(SessionError::Console(ConsoleError::NoAnswer { .. })) => None,
            Ok(output) if output.code != Some(0) => None,
            output => Some(output?),
        };
        let output = match output {
            Some(output) => output,
            None => {
                self.console.ask("list of networks", nmcli::scan(&self.interface, false), Step::ScanNetworks).await?
            }
        };
        if output.code != Some(0) {
            let words = self.console.last_words(&output);
            return Err(ConsoleError::Failed { step: Step::ScanNetworks, code: output.code, words }.into());
        }
        let (networks, ignored) = nmcli::parse_scan(&output.text);
        Ok(Scan { networks, ignored })
    }

    async fn wifi_connections(&mut self, step: Step) -> Result<Vec<nmcli::Connection>, SessionError> {
        let output = self.console.ask("list of connections", nmcli::connections(), step).await?;
        if output.code != Some(0) {
            let words = self.console.last_words(&output);
            return Err(ConsoleError::Failed { step, code: output.code, words }.into());
        }
        Ok(nmcli::parse_connections(&output.text).into_iter().filter(|connection| connection.is_wifi).collect())
    }

    async fn forget(&mut self) -> Result<(), SessionError> {
        for connection in self.wifi_connections(Step::Reprovision).await? {
            let script = nmcli::forget(Id::Uuid(&connection.uuid), self.prefix()).map_err(ConsoleError::from)?;
            let run = Run::new("delete a connection", script).within(Duration::from_secs(25));
            self.console.run(run, Step::Reprovision).await?;
        }
        let left = self.wifi_connections(Step::Reprovision).await?;
        if !left.is_empty() {
            return Err(ConsoleError::NotForgotten { left: left.len(), rights: self.facts.rights }.into());
        }
        self.state = Some(ProvisioningState::Ready);
        Ok(())
    }
}

impl Driver for LinuxConsole {
    fn id(&self) -> DriverId {
        DriverId::LinuxConsole
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            wifi: self.has_wifi,
            scan: self.has_wifi,
            reprovision: self.has_wifi,
            credentials: true,
            ..Capabilities::default()
        }
    }

    fn protection(&self) -> Protection {
        Protection::CableLogin
    }

    fn why_no_identify(&self) -> &'static str {
        "A console can't identify a device; follow the cable"
    }

    fn hello(&mut self) -> Boxed<'_, Result<ProvisioningState, SessionError>> {
        Box::pin(self.connect())
    }

    fn state(&self) -> Option<ProvisioningState> {
        self.state
    }

    fn describe(&mut self) -> Boxed<'_, Result<DeviceInfo, SessionError>> {
        Box::pin(async {
            if !self.facts.has("nmcli") {
                self.say("The gateway has no NetworkManager: it cannot be given a network over this driver").await;
            } else if let Some(complaint) = &self.complaint {
                self.say(&format!("NetworkManager does not answer on this gateway: {complaint}")).await;
            } else if !self.has_wifi {
                self.say("NetworkManager knows no Wi-Fi radio on this gateway").await;
            }
            if self.facts.rights == Rights::None {
                self.say(
                    "The account may neither act as root nor use sudo without a password: some steps may be refused",
                )
                .await;
            }
            let marks = self.console.marks(self.facts.rights.prefix(), Step::Describe).await?;
            let (serial, machine, mac) = (marks.serial, marks.machine, marks.mac);
            Ok(DeviceInfo { serial, machine, mac, ..self.facts.info() })
        })
    }

    fn scan(&mut self) -> Boxed<'_, Result<Scan, SessionError>> {
        Box::pin(self.list())
    }

    fn push_credential<'a>(
        &'a mut self,
        way: &'a PushWay,
        content: &'a Secret<Vec<u8>>,
    ) -> Boxed<'a, Result<Taken, SessionError>> {
        Box::pin(async move {
            match way {
                PushWay::File { path } => {
                    self.console.redactor = self.console.transcript.redactor();
                    self.write_file(path, content.expose()).await
                }
                PushWay::Endpoint { .. } | PushWay::Setting { .. } => {
                    Err(SessionError::NotOffered { step: Step::Credential, driver: DriverId::LinuxConsole })
                }
            }
        })
    }

    fn before(&mut self) -> Boxed<'_, Result<Before, SessionError>> {
        Box::pin(self.look_before())
    }

    fn push<'a>(&'a mut self, credentials: &'a WifiCredentials) -> Boxed<'a, Result<(), SessionError>> {
        Box::pin(self.begin_join(credentials))
    }

    fn follow(&mut self) -> Boxed<'_, Followed> {
        Box::pin(self.follow_join())
    }

    fn began_joining(&self) -> Option<Duration> {
        self.console.answered_at
    }

    fn read_back(&mut self) -> Boxed<'_, Option<Result<Observation, SessionError>>> {
        Box::pin(async { Some(self.look_again().await) })
    }

    fn reprovision(&mut self) -> Boxed<'_, Result<(), SessionError>> {
        Box::pin(self.forget())
    }

    fn listen(&mut self) -> Boxed<'_, Result<ProvisioningState, LinkError>> {
        Box::pin(async {
            loop {
                self.console.step().await?;
            }
        })
    }

    fn close(&mut self) -> Boxed<'_, ()> {
        Box::pin(async {
            self.take_back_unfinished().await;
            self.console.log_out().await;
        })
    }
}
