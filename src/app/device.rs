//! Device: one gateway under management. What it is, what it counts, its settings, its shell and its log.
//!
//! Questions go out at a click. Acts wait in a dialog until the gateway's name is typed; the workers compare it again.

use std::collections::VecDeque;
use std::time::Instant;

use super::Desk;
use super::jobs::JobKind;
use super::loaded::Loaded;
use crate::model::access::Access;
use crate::model::act;
use crate::model::gateway::Protection;
use crate::model::ids::{DriverId, JobId, LinkAddress, LinkKind, ProfileId};
use crate::model::outcome::Evidence;
use crate::model::problem::Problem;
use crate::model::secret::Secret;
use crate::model::text::{from_hex, hex, visible};
use crate::msg::device::{
    DeviceChange, DeviceProgress, DeviceRead, DeviceRequest, FileFacts, ImageRow, Offers, Row, SettingValue, Table,
};
use crate::msg::{Command, JobEnd};

/// Lines of log and of shell output kept.
const MAX_LINES: usize = 2000;
/// Commands that the up key brings back.
const MAX_HISTORY: usize = 100;
/// Settings kept in the table.
const MAX_SETTINGS: usize = 200;
/// Files kept in the list.
const MAX_FILES: usize = 20;
/// Most of a file that is shown.
const MAX_FILE_SHOWN: usize = 4096;
/// Longest value shown.
const MAX_SHOWN: usize = 400;

/// What the user did on Device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceAction {
    /// Chose the driver.
    ChoseDriver(DriverId),
    /// Connects to the chosen gateway.
    Connected,
    /// Ends the connection.
    Closed,
    /// Stops it at once.
    Cancelled,
    /// Asked something.
    Asked(DeviceRead),
    /// Reads the setting whose key is typed.
    ReadSetting,
    /// Looks at the file whose path is typed: its size and checksum, or its content as well.
    ReadFile {
        /// Whether the content is wanted.
        wants_content: bool,
    },
    /// Shows or hides a file's content.
    ToggledFile(String),
    /// Wants to write the typed value to the typed key; asks first.
    AskedToWrite,
    /// Wants to delete a setting; asks first.
    AskedToDelete(String),
    /// Wants to set the clock by this computer's; asks first.
    AskedToSetClock,
    /// Wants to restart the gateway; asks first.
    AskedToReset,
    /// Wants to erase the storage; asks first.
    AskedToErase,
    /// Shows or hides a setting's value.
    ToggledValue(String),
    /// Runs the typed command; asks first, the first time.
    RanCommand,
    /// Brings an earlier (`true`) or later command back.
    Recalled {
        /// Whether it is an earlier one.
        is_earlier: bool,
    },
    /// Wants every command confirmed again.
    LockedShell,
    /// Confirmed what the dialog asks.
    Confirmed,
    /// Thought better of it.
    DroppedChange,
}

/// Where the job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It works on something.
    Busy(String),
    /// It waits for the next question.
    Ready,
    /// It is being closed.
    Closing,
    /// It ended.
    Ended(JobEnd),
}

/// A line of the shell's view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShellLine {
    /// What was typed.
    Command(String),
    /// What came back.
    Output(String),
    /// The command ended with this number, which is not 0.
    Status(i64),
}

/// A setting that was asked for.
pub struct SettingRow {
    /// Its key.
    pub key: String,
    /// Its value; `None` when there is no such key.
    pub value: Option<SettingValue>,
    /// Whether the value is shown.
    pub is_shown: bool,
}

impl SettingRow {
    /// The value in words: hidden, as text, or as octets.
    pub fn shown(&self) -> String {
        let Some(value) = &self.value else { return "no such setting".into() };
        let octets = value.octets.expose();
        if !self.is_shown {
            return format!("{} bytes", octets.len());
        }
        let text = std::str::from_utf8(octets).ok().filter(|text| visible(text, MAX_SHOWN) == *text);
        let shown = text.map_or_else(|| format!("hex:{}", hex(octets)), str::to_owned);
        if value.may_be_cut { format!("{shown} (may be longer)") } else { shown }
    }
}

/// A file that was looked at.
pub struct FileRow {
    /// Its path.
    pub path: String,
    /// What it is.
    pub facts: FileFacts,
    /// Whether its content is shown.
    pub is_shown: bool,
}

impl FileRow {
    /// Size and checksum in words.
    pub fn summary(&self) -> String {
        let bytes = match self.facts.length {
            1 => "1 byte".to_owned(),
            length => format!("{length} bytes"),
        };
        self.facts.sha256.as_ref().map_or_else(|| bytes.clone(), |sha256| format!("{bytes}, SHA-256 {sha256}"))
    }

    /// The content as text or as bytes, at most so much that it can be looked at; nothing while it is hidden.
    pub fn shown(&self) -> Option<String> {
        let octets = self.facts.content.as_ref().filter(|_| self.is_shown)?.expose();
        let head = &octets[..octets.len().min(MAX_FILE_SHOWN)];
        let more = octets.len() - head.len();
        let is_plain = |text: &&str| text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'));
        let text = std::str::from_utf8(head).ok().filter(is_plain);
        let shown = text.map_or_else(|| format!("hex:{}", hex(head)), str::to_owned);
        Some(if more > 0 { format!("{shown}\n… and {more} bytes more") } else { shown })
    }
}

/// An act that waits for its confirmation.
struct Waiting {
    change: DeviceChange,
    title: String,
    text: &'static str,
}

/// A job with one gateway.
pub struct Session {
    /// The job.
    pub job: JobId,
    /// The link.
    pub link: LinkAddress,
    /// Where it stands.
    pub phase: Phase,
    /// The name acts are confirmed with, once it is known.
    pub name: Option<String>,
    /// How the link is protected.
    pub protection: Option<Protection>,
    /// What can be asked.
    pub offers: Offers,
    /// What it is.
    pub info: Loaded<Vec<Row>>,
    /// What it counts.
    pub statistics: Loaded<Vec<Table>>,
    /// Its images.
    pub images: Loaded<Vec<ImageRow>>,
    /// Its clock as it was read last, and when that was.
    pub clock: Option<(String, Instant)>,
    /// The settings asked for.
    pub settings: Vec<SettingRow>,
    /// The files looked at, the last one first.
    pub files: Vec<FileRow>,
    /// The shell.
    pub shell: VecDeque<ShellLine>,
    /// Its log.
    pub log: VecDeque<String>,
    /// The last acts, newest first.
    pub done: Vec<Evidence>,
    /// What failed last.
    pub problem: Option<Problem>,
    /// Whether commands go to the shell without being asked about again.
    pub is_shell_open: bool,
    queue: VecDeque<DeviceRead>,
    asked: Option<DeviceRead>,
}

impl Session {
    fn new(job: JobId, link: LinkAddress) -> Self {
        Self {
            job,
            link,
            phase: Phase::Busy("Connect".into()),
            name: None,
            protection: None,
            offers: Offers::default(),
            info: Loaded::NotAsked,
            statistics: Loaded::NotAsked,
            images: Loaded::NotAsked,
            clock: None,
            settings: Vec::new(),
            files: Vec::new(),
            shell: VecDeque::new(),
            log: VecDeque::new(),
            done: Vec::new(),
            problem: None,
            is_shell_open: false,
            queue: VecDeque::new(),
            asked: None,
        }
    }

    /// Whether it runs.
    pub const fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Ended(_))
    }

    /// Whether something can be asked now.
    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Ready
    }

    fn ask(&mut self, read: DeviceRead) -> Command {
        match &read {
            DeviceRead::Info => self.info.ask(),
            DeviceRead::Statistics => self.statistics.ask(),
            DeviceRead::Images => self.images.ask(),
            DeviceRead::Time | DeviceRead::Setting(_) | DeviceRead::File { .. } => {}
        }
        self.problem = None;
        self.phase = Phase::Busy("Ask the gateway".into());
        self.asked = Some(read.clone());
        Command::Device { job: self.job, request: DeviceRequest::Read(read) }
    }

    fn take_in(&mut self, progress: DeviceProgress, now: Instant) -> Vec<Command> {
        match progress {
            DeviceProgress::Opened { name, protection, offers, .. } => {
                self.name = Some(name);
                self.protection = Some(protection);
                self.offers = offers;
                let first = [
                    (offers.info, DeviceRead::Info),
                    (offers.statistics, DeviceRead::Statistics),
                    (offers.images, DeviceRead::Images),
                    (offers.time, DeviceRead::Time),
                ];
                self.queue.extend(first.into_iter().filter(|(is_offered, _)| *is_offered).map(|(_, read)| read));
            }
            DeviceProgress::Busy { what, .. } if self.phase != Phase::Closing => self.phase = Phase::Busy(what),
            DeviceProgress::Info(rows) => self.info.settle(Ok(rows)),
            DeviceProgress::Statistics(tables) => self.statistics.settle(Ok(tables)),
            DeviceProgress::Images(images) => self.images.settle(Ok(images)),
            DeviceProgress::Setting { key, value } => self.keep_setting(key, value),
            DeviceProgress::Output { lines, status, .. } => {
                self.shell.extend(lines.into_iter().map(ShellLine::Output));
                if status != 0 {
                    self.shell.push_back(ShellLine::Status(status));
                }
                keep_last(&mut self.shell);
            }
            // What a command wrote says more than that it was run.
            DeviceProgress::Changed { change: "shell", .. } | DeviceProgress::Busy { .. } => {}
            DeviceProgress::Time(text) => self.clock = Some((text, now)),
            DeviceProgress::File { path, facts } => self.keep_file(path, facts),
            DeviceProgress::Changed { evidence, .. } => {
                self.done.insert(0, evidence);
                self.done.truncate(20);
            }
            DeviceProgress::Failed(problem) => self.failed(problem),
            DeviceProgress::Log(lines) => {
                self.log.extend(lines);
                keep_last(&mut self.log);
            }
            DeviceProgress::Ready => return self.ready(),
        }
        Vec::new()
    }

    fn ready(&mut self) -> Vec<Command> {
        self.asked = None;
        if self.phase == Phase::Closing {
            return Vec::new();
        }
        if let Some(read) = self.queue.pop_front() {
            return vec![self.ask(read)];
        }
        self.phase = Phase::Ready;
        Vec::new()
    }

    /// A question that failed tells so where its answer would stand; an act at the top.
    fn failed(&mut self, problem: Problem) {
        match &self.asked {
            Some(DeviceRead::Info) => self.info.settle(Err(problem)),
            Some(DeviceRead::Statistics) => self.statistics.settle(Err(problem)),
            Some(DeviceRead::Images) => self.images.settle(Err(problem)),
            _ => self.problem = Some(problem),
        }
    }

    fn keep_file(&mut self, path: String, facts: FileFacts) {
        self.files.retain(|row| row.path != path);
        self.files.insert(0, FileRow { path, facts, is_shown: false });
        self.files.truncate(MAX_FILES);
    }

    fn keep_setting(&mut self, key: String, value: Option<SettingValue>) {
        let known = self.settings.iter().position(|row| row.key == key).map(|index| self.settings.remove(index));
        let is_shown = known.is_some_and(|row| row.is_shown);
        self.settings.insert(0, SettingRow { key, value, is_shown });
        self.settings.truncate(MAX_SETTINGS);
    }
}

fn keep_last<T>(lines: &mut VecDeque<T>) {
    while lines.len() > MAX_LINES {
        lines.pop_front();
    }
}

/// The view model of Device.
#[derive(Default)]
pub struct Device {
    /// The key being typed; edited in place.
    pub key: String,
    /// The path of a file being typed; edited in place.
    pub file_path: String,
    /// The value being typed; edited in place. `hex:` begins octets that are no text.
    pub value: Secret<String>,
    /// Whether the value being typed is shown.
    pub is_value_shown: bool,
    /// The command being typed; edited in place.
    pub command: String,
    /// The name being typed in the dialog; edited in place.
    pub typed_name: String,
    driver: Option<DriverId>,
    session: Option<Session>,
    waiting: Option<Waiting>,
    history: Vec<String>,
    recalled: Option<usize>,
}

/// The gateway that would be connected to.
pub(super) struct Target {
    pub(super) link: LinkAddress,
    pub(super) profile: Option<ProfileId>,
    pub(super) access: Access,
}

impl Device {
    /// The job, open or ended.
    pub const fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Whether a job is its session.
    pub(super) fn is_of(&self, job: JobId) -> bool {
        self.session.as_ref().is_some_and(|session| session.job == job)
    }

    /// Whether its session runs.
    pub(super) fn is_open(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_open)
    }

    /// The drivers that manage a gateway over that kind of link.
    pub fn drivers(link: LinkKind) -> impl Iterator<Item = DriverId> {
        DriverId::managing_over(link)
    }

    /// The driver to connect with: the one chosen, else the profile's, else the first.
    pub fn driver(&self, link: LinkKind, of_profile: Option<DriverId>) -> Option<DriverId> {
        let mut fitting = Self::drivers(link);
        let wanted = self.driver.or(of_profile);
        Self::drivers(link).find(|driver| Some(*driver) == wanted).or_else(|| fitting.next())
    }

    /// The question of the dialog that is open: title and text.
    pub fn question(&self) -> Option<(&str, &'static str)> {
        self.waiting.as_ref().map(|waiting| (waiting.title.as_str(), waiting.text))
    }

    /// Whether the name in the dialog is the gateway's.
    pub fn is_name_right(&self) -> bool {
        let name = self.session.as_ref().and_then(|session| session.name.as_deref());
        name.is_some_and(|name| self.typed_name.trim() == name)
    }

    /// Why the typed setting cannot be written; `None` when it can.
    pub fn why_not_writable(&self) -> Option<&'static str> {
        if self.key.trim().is_empty() {
            return Some("Type a key first");
        }
        self.octets().is_none().then_some("After hex: an even number of hexadecimal digits is wanted")
    }

    fn octets(&self) -> Option<Vec<u8>> {
        let text = self.value.expose();
        match text.strip_prefix("hex:") {
            Some(digits) => from_hex(digits.trim()),
            None => Some(text.clone().into_bytes()),
        }
    }

    pub(super) fn act(
        &mut self,
        action: DeviceAction,
        target: Option<Target>,
        of_profile: Option<DriverId>,
        desk: &mut Desk<'_>,
    ) -> Vec<Command> {
        match action {
            DeviceAction::ChoseDriver(driver) => {
                self.driver = Some(driver);
                Vec::new()
            }
            DeviceAction::Connected => self.connect(target, of_profile, desk),
            DeviceAction::Closed => self.close(),
            DeviceAction::Cancelled => {
                let open = self.session.as_mut().filter(|session| session.is_open());
                open.map_or_else(Vec::new, |session| {
                    session.phase = Phase::Closing;
                    vec![Command::Cancel { job: session.job }]
                })
            }
            DeviceAction::Asked(read) => self.ask(read),
            DeviceAction::ReadSetting => match self.key.trim() {
                "" => Vec::new(),
                key => self.ask(DeviceRead::Setting(key.to_owned())),
            },
            DeviceAction::ReadFile { wants_content } => match self.file_path.trim() {
                "" => Vec::new(),
                path => self.ask(DeviceRead::File { path: path.to_owned(), wants_content }),
            },
            DeviceAction::ToggledFile(path) => {
                let rows = self.session.iter_mut().flat_map(|session| &mut session.files);
                rows.filter(|row| row.path == path).for_each(|row| row.is_shown = !row.is_shown);
                Vec::new()
            }
            DeviceAction::ToggledValue(key) => {
                let rows = self.session.iter_mut().flat_map(|session| &mut session.settings);
                rows.filter(|row| row.key == key).for_each(|row| row.is_shown = !row.is_shown);
                Vec::new()
            }
            DeviceAction::AskedToWrite => self.ask_to_write(),
            DeviceAction::AskedToDelete(key) => {
                let text = "The gateway forgets its value. What it was cannot be brought back from here.";
                self.wait_for_name(DeviceChange::DeleteSetting(key), text)
            }
            DeviceAction::AskedToSetClock => {
                let text = "The gateway takes over this computer's time in UTC. Schedules and logs on it may jump.";
                self.wait_for_name(DeviceChange::SetTime(DeviceChange::NOW.into()), text)
            }
            DeviceAction::AskedToReset => {
                let text = "It restarts: whatever it was doing is interrupted, and unsaved settings are lost.";
                self.wait_for_name(DeviceChange::Reset, text)
            }
            DeviceAction::AskedToErase => {
                let text = "All settings, tokens and files on its storage are gone for good. There is no undo.";
                self.wait_for_name(DeviceChange::EraseStorage, text)
            }
            DeviceAction::RanCommand => self.run_command(),
            DeviceAction::Recalled { is_earlier } => {
                self.recall(is_earlier);
                Vec::new()
            }
            DeviceAction::LockedShell => {
                self.session.iter_mut().for_each(|session| session.is_shell_open = false);
                Vec::new()
            }
            DeviceAction::Confirmed => self.confirm(),
            DeviceAction::DroppedChange => {
                self.waiting = None;
                self.typed_name.clear();
                Vec::new()
            }
        }
    }

    pub(super) fn progressed(&mut self, job: JobId, progress: DeviceProgress, now: Instant) -> Vec<Command> {
        let session = self.session.as_mut().filter(|session| session.job == job && session.is_open());
        session.map_or_else(Vec::new, |session| session.take_in(progress, now))
    }

    pub(super) fn finished(&mut self, job: JobId, end: JobEnd) {
        if let Some(session) = self.session.as_mut().filter(|session| session.job == job) {
            session.phase = Phase::Ended(end);
            self.waiting = None;
            self.typed_name.clear();
        }
    }

    /// A request was not taken: the job waits for another.
    pub(super) fn request_not_taken(&mut self, job: JobId) {
        if let Some(session) = self.session.as_mut().filter(|session| session.job == job && session.is_open()) {
            session.phase = Phase::Ready;
        }
    }

    fn connect(&mut self, target: Option<Target>, of_profile: Option<DriverId>, desk: &mut Desk<'_>) -> Vec<Command> {
        let Some(Target { link, profile, access }) = target else { return Vec::new() };
        if self.is_open() {
            return Vec::new();
        }
        let Some(driver) = self.driver(link.kind(), of_profile) else { return Vec::new() };
        let job = desk.jobs.start(JobKind::Device, act::named("device", link.place()), desk.now);
        self.session = Some(Session::new(job, link.clone()));
        vec![Command::OpenDevice { job, link, profile, driver, access }]
    }

    fn close(&mut self) -> Vec<Command> {
        let Some(session) = self.session.as_mut().filter(|session| session.is_open()) else { return Vec::new() };
        session.phase = Phase::Closing;
        vec![Command::Device { job: session.job, request: DeviceRequest::Close }]
    }

    fn ask(&mut self, read: DeviceRead) -> Vec<Command> {
        let ready = self.session.as_mut().filter(|session| session.is_ready());
        ready.map_or_else(Vec::new, |session| vec![session.ask(read)])
    }

    fn ask_to_write(&mut self) -> Vec<Command> {
        let key = self.key.trim().to_owned();
        let (false, Some(octets)) = (key.is_empty(), self.octets()) else { return Vec::new() };
        let text = "The value is written, put to use and saved, and read back as evidence.";
        self.wait_for_name(DeviceChange::WriteSetting { key, value: Secret::new(octets) }, text)
    }

    fn wait_for_name(&mut self, change: DeviceChange, text: &'static str) -> Vec<Command> {
        let Some(session) = self.session.as_ref().filter(|session| session.is_ready()) else { return Vec::new() };
        let name = session.name.as_deref().unwrap_or("the gateway");
        let what = match &change {
            DeviceChange::Shell(_) => format!("Run commands on {name}?"),
            DeviceChange::Reset => format!("Restart {name}?"),
            DeviceChange::EraseStorage => format!("Erase the storage of {name}?"),
            other => format!("{} on {name}?", visible(&other.label(), 120)),
        };
        self.typed_name.clear();
        self.waiting = Some(Waiting { change, title: what, text });
        Vec::new()
    }

    fn confirm(&mut self) -> Vec<Command> {
        if !self.is_name_right() {
            return Vec::new();
        }
        let Some(waiting) = self.waiting.take() else { return Vec::new() };
        self.typed_name.clear();
        if matches!(waiting.change, DeviceChange::WriteSetting { .. }) {
            self.value = Secret::default();
        }
        if matches!(waiting.change, DeviceChange::Shell(_)) {
            self.session.iter_mut().for_each(|session| session.is_shell_open = true);
        }
        self.send(waiting.change)
    }

    /// Sends an act that was confirmed.
    fn send(&mut self, change: DeviceChange) -> Vec<Command> {
        let Some(session) = self.session.as_mut().filter(|session| session.is_ready()) else { return Vec::new() };
        session.problem = None;
        session.phase = Phase::Busy(visible(&change.label(), 120));
        if let DeviceChange::Shell(line) = &change {
            session.shell.push_back(ShellLine::Command(visible(line, MAX_SHOWN)));
            keep_last(&mut session.shell);
            self.history.retain(|known| known != line);
            self.history.push(line.clone());
            if self.history.len() > MAX_HISTORY {
                self.history.remove(0);
            }
            self.recalled = None;
            self.command.clear();
        }
        // After a change the value in the table may be another.
        match &change {
            DeviceChange::WriteSetting { key, .. } | DeviceChange::DeleteSetting(key) => {
                session.queue.push_back(DeviceRead::Setting(key.clone()));
            }
            _ => {}
        }
        let confirmed = session.name.clone().unwrap_or_default();
        vec![Command::Device { job: session.job, request: DeviceRequest::Change { change, confirmed } }]
    }

    fn run_command(&mut self) -> Vec<Command> {
        let line = self.command.trim().to_owned();
        if line.is_empty() {
            return Vec::new();
        }
        if self.session.as_ref().is_some_and(|session| session.is_shell_open) {
            return self.send(DeviceChange::Shell(line));
        }
        let text = "Commands can change anything on the gateway. Once confirmed, further ones run without a question until the connection closes.";
        self.wait_for_name(DeviceChange::Shell(line), text)
    }

    fn recall(&mut self, is_earlier: bool) {
        let count = self.history.len();
        let next = match (self.recalled, is_earlier) {
            (None, true) => count.checked_sub(1),
            (Some(index), true) => Some(index.saturating_sub(1)),
            (Some(index), false) if index + 1 < count => Some(index + 1),
            (_, false) => None,
        };
        if next.is_none() && self.recalled.is_none() {
            return;
        }
        self.recalled = next;
        self.command = next.and_then(|index| self.history.get(index)).cloned().unwrap_or_default();
    }
}

#[cfg(test)]
mod tests;
