//! `linesman device`: one question to a gateway, or one act on it, and the answer.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

use super::act::act;
use super::args::{DeviceCommand, DeviceLink, FilesCommand, SettingsCommand};
use super::commission::{wait_for_start, write_transcript};
use super::output::{Exit, Output};
use super::session::workers_gone;
use super::{next_job, secret_input};
use crate::backend::{Handle, local};
use crate::model::access::Access;
use crate::model::clock::{Ahead, Effect};
use crate::model::destination::Destination;
use crate::model::ids::{DriverId, JobId};
use crate::model::problem::{Explain as _, Problem};
use crate::model::secret::Secret;
use crate::model::text::{hex, visible};
use crate::msg::device::{
    DeviceChange, DeviceProgress, DeviceRead, DeviceRequest, FileFacts, ImageRow, Offers, SettingValue, Table,
};
use crate::msg::{Command, Event, JobEnd, Request};
use crate::profile::DriverBinding;

/// Longest text of a value that is shown in full.
const MAX_SHOWN: usize = 4000;

/// Asks or does one thing and prints what came of it.
pub fn device(handle: &mut Handle, command: &DeviceCommand, out: &mut Output) -> Exit {
    let link = link_of(command);
    match command {
        DeviceCommand::Identify { .. } => return act(handle, link, Request::Identify, None, out),
        DeviceCommand::Reprovision { confirm, .. } => {
            return act(handle, link, Request::Reprovision, Some(&confirm.name), out);
        }
        _ => {}
    }
    match open(handle, link, command, out) {
        Ok(mut run) => {
            let exit = run.drive(handle, out);
            write_transcript(handle, run.job, link.transcript.as_ref(), out);
            run.conclude(exit, out)
        }
        Err((problem, exit)) => {
            out.problem(&problem);
            exit
        }
    }
}

const fn link_of(command: &DeviceCommand) -> &DeviceLink {
    match command {
        DeviceCommand::Info { via }
        | DeviceCommand::Stats { via }
        | DeviceCommand::Images { via }
        | DeviceCommand::Shell { via, .. }
        | DeviceCommand::Clock { via, .. }
        | DeviceCommand::Reset { via, .. }
        | DeviceCommand::Identify { via }
        | DeviceCommand::Reprovision { via, .. }
        | DeviceCommand::Erase { via, .. }
        | DeviceCommand::Settings(
            SettingsCommand::Get { via, .. } | SettingsCommand::Set { via, .. } | SettingsCommand::Delete { via, .. },
        )
        | DeviceCommand::Files(
            FilesCommand::Status { via, .. } | FilesCommand::Get { via, .. } | FilesCommand::Put { via, .. },
        ) => via,
    }
}

/// What is to be asked, in order, and where a content goes.
fn requests(command: &DeviceCommand) -> Result<(Vec<DeviceRequest>, Option<Destination>), Problem> {
    let read = |read| vec![DeviceRequest::Read(read)];
    let change = |change, name: &str| vec![DeviceRequest::Change { change, confirmed: name.to_owned() }];
    Ok(match command {
        DeviceCommand::Info { .. } => (read(DeviceRead::Info), None),
        DeviceCommand::Stats { .. } => (read(DeviceRead::Statistics), None),
        DeviceCommand::Images { .. } => (read(DeviceRead::Images), None),
        DeviceCommand::Settings(SettingsCommand::Get { key, out, .. }) => {
            (read(DeviceRead::Setting(key.clone())), out.clone())
        }
        DeviceCommand::Settings(SettingsCommand::Set { confirm, key, value_file, value, .. }) => {
            let value = match (value_file, value) {
                (Some(file), _) => secret_input::read_file(file)?,
                (None, text) => Secret::new(text.clone().unwrap_or_default().into_bytes()),
            };
            (change(DeviceChange::WriteSetting { key: key.clone(), value }, &confirm.name), None)
        }
        DeviceCommand::Settings(SettingsCommand::Delete { confirm, key, .. }) => {
            (change(DeviceChange::DeleteSetting(key.clone()), &confirm.name), None)
        }
        DeviceCommand::Files(FilesCommand::Status { path, .. }) => {
            (read(DeviceRead::File { path: path.clone(), wants_content: false }), None)
        }
        DeviceCommand::Files(FilesCommand::Get { path, out, .. }) => {
            (read(DeviceRead::File { path: path.clone(), wants_content: true }), Some(out.clone()))
        }
        DeviceCommand::Files(FilesCommand::Put { confirm, path, file, .. }) => {
            let content = secret_input::read_raw(file)?;
            (change(DeviceChange::WriteFile { path: path.clone(), content }, &confirm.name), None)
        }
        DeviceCommand::Shell { confirm, words, .. } => {
            (change(DeviceChange::Shell(words.join(" ")), &confirm.name), None)
        }
        DeviceCommand::Clock { set: None, .. } => (read(DeviceRead::Time), None),
        DeviceCommand::Clock { set: Some(time), confirm, .. } => {
            (change(DeviceChange::SetTime(time.clone()), confirm.as_deref().unwrap_or_default()), None)
        }
        // A session of its own does these.
        DeviceCommand::Identify { .. } | DeviceCommand::Reprovision { .. } => (Vec::new(), None),
        DeviceCommand::Reset { confirm, .. } => (change(DeviceChange::Reset, &confirm.name), None),
        DeviceCommand::Erase { confirm, look_for, .. } => {
            let mut requests: Vec<_> =
                look_for.iter().map(|key| DeviceRequest::Read(DeviceRead::Setting(key.clone()))).collect();
            requests.extend(change(DeviceChange::EraseStorage, &confirm.name));
            (requests, None)
        }
    })
}

/// Reads what is needed before anything is opened: wrong input must not touch the gateway.
fn open(
    handle: &mut Handle,
    link: &DeviceLink,
    command: &DeviceCommand,
    out: &mut Output,
) -> Result<Run, (Problem, Exit)> {
    let usage = |problem| (problem, Exit::Usage);
    let could_not_run = |problem| (problem, Exit::CouldNotRun);
    let (requests, save_to) = requests(command).map_err(usage)?;
    let catalog = wait_for_start(handle).map_err(could_not_run)?.catalog;
    let profile = link.profile.as_ref().map(|id| catalog.find(id)).transpose().map_err(usage)?;
    let manages =
        |binding: &&DriverBinding| binding.link == link.via.kind() && binding.driver.facts().offers.management;
    let of_profile = profile.and_then(|profile| profile.drivers.iter().find(manages).map(|binding| binding.driver));
    let usual = || DriverId::managing_over(link.via.kind()).next();
    let driver = link.driver.or(of_profile).or_else(usual);
    let driver = driver.unwrap_or_else(|| DriverId::usual_over(link.via.kind()));
    let secret = link.password_file.as_deref().map(|file| secret_input::read(Some(file))).transpose().map_err(usage)?;
    let access = Access { username: link.username.clone(), secret, allows_unprotected: false };
    let job = next_job();
    let profile = profile.map(|profile| profile.id.clone());
    handle
        .try_send(Command::OpenDevice { job, link: link.via.clone(), profile, driver, access })
        .map_err(could_not_run)?;
    out.text(format!("Connecting to {} with {driver} …", link.via));
    Ok(Run { job, requests: requests.into(), save_to, exit: None, problem: None, result: None })
}

struct Run {
    job: JobId,
    requests: VecDeque<DeviceRequest>,
    /// Where a content goes instead of the screen.
    save_to: Option<Destination>,
    /// What the answer means for scripts.
    exit: Option<Exit>,
    /// What went wrong.
    problem: Option<Problem>,
    /// The result line, printed last.
    result: Option<Value>,
}

impl Run {
    fn drive(&mut self, handle: &mut Handle, out: &mut Output) -> JobEnd {
        loop {
            match handle.recv_blocking() {
                Some(Event::DeviceProgressed { job, progress, .. }) if job == self.job => {
                    if matches!(progress, DeviceProgress::Ready) {
                        let request = match &self.problem {
                            None => self.requests.pop_front().unwrap_or(DeviceRequest::Close),
                            Some(_) => DeviceRequest::Close,
                        };
                        if let Err(problem) = handle.try_send(Command::Device { job, request }) {
                            return JobEnd::Failed(problem);
                        }
                    } else {
                        self.take_in(progress, out);
                    }
                }
                Some(Event::JobFinished { job, end }) if job == self.job => return end,
                Some(Event::Trouble(problem)) => out.warning(&problem),
                Some(_) => {}
                None => return JobEnd::Failed(workers_gone()),
            }
        }
    }

    /// Prints the result, last, and tells the exit code.
    fn conclude(self, end: JobEnd, out: &mut Output) -> Exit {
        if let Some(problem) = &self.problem {
            out.problem(problem);
            return match problem.code {
                "device.not_confirmed" => Exit::Usage,
                "smp.no_word" | "device.too_slow" | "device.not_erased" | "device.clock_not_set" => Exit::Unknown,
                "smp.no_reply" => Exit::CouldNotRun,
                _ => Exit::Findings,
            };
        }
        match (self.exit, end) {
            (Some(exit), JobEnd::Done { .. }) => {
                if let Some(result) = &self.result {
                    out.json(result);
                }
                exit
            }
            (_, JobEnd::Failed(problem)) => {
                out.problem(&problem);
                Exit::of(&problem)
            }
            (..) => {
                out.problem(&Problem::new(
                    "device.stopped",
                    "It was stopped before there was an answer",
                    "Somebody interrupted it",
                    "If the gateway was to be changed, see whether it was",
                ));
                Exit::Unknown
            }
        }
    }

    /// Something came of it: `result` is the last line for programs.
    fn done(&mut self, exit: Exit, result: Value) {
        self.exit = Some(self.exit.map_or(exit, |known| known.max(exit)));
        self.result = Some(result);
    }

    fn take_in(&mut self, progress: DeviceProgress, out: &mut Output) {
        match progress {
            DeviceProgress::Opened { name, driver, protection, offers } => {
                out.json(&json!({
                    "kind": "device", "name": name, "driver": driver, "protection": protection, "offers": offers.words(),
                }));
                out.text(format!("{name}: {}; {}\n", offers_line(offers), protection.label()));
            }
            DeviceProgress::Info(rows) => {
                let facts: Vec<Value> =
                    rows.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
                for (name, value) in &rows {
                    out.text(format!("{name:<18} {value}"));
                }
                self.done(Exit::Good, json!({ "kind": "info", "facts": facts }));
            }
            DeviceProgress::Statistics(tables) => {
                for table in &tables {
                    print_table(table, out);
                }
                let tables: Vec<Value> = tables.iter().map(table_json).collect();
                self.done(Exit::Good, json!({ "kind": "statistics", "tables": tables }));
            }
            DeviceProgress::Images(images) => {
                for image in &images {
                    out.text(format!(
                        "image {} slot {}  {:<20} {}  {}",
                        image.image,
                        image.slot,
                        image.version,
                        image.flags.join(", "),
                        &image.hash[..image.hash.len().min(16)]
                    ));
                }
                let images: Vec<Value> = images.iter().map(image_json).collect();
                self.done(Exit::Good, json!({ "kind": "images", "images": images }));
            }
            DeviceProgress::Time(time) => {
                let ahead = Ahead::of(&time, jiff::Timestamp::now().as_second());
                out.text(&time);
                if let Some(ahead) = ahead {
                    out.text(format!("{}. {}", ahead.shown(), ahead.consequence()));
                }
                let fails = ahead.map(|ahead| ahead.effect() == Effect::Certificates);
                let ahead = ahead.map(|Ahead(seconds)| seconds);
                let line = json!({ "kind": "time", "time": time, "ahead_secs": ahead, "breaks_tls": fails });
                self.done(if fails == Some(true) { Exit::Findings } else { Exit::Good }, line);
            }
            DeviceProgress::Setting { key, value } => self.setting(&key, value, out),
            DeviceProgress::File { path, facts } => self.file(&path, &facts, out),
            DeviceProgress::Output { line, lines, status } => {
                for line in &lines {
                    out.text(line);
                }
                if status != 0 {
                    out.text(format!("The command ended with {status}"));
                }
                let exit = if status == 0 { Exit::Good } else { Exit::Findings };
                self.done(exit, json!({ "kind": "output", "command": line, "lines": lines, "status": status }));
            }
            // What a command wrote says more than that it was run.
            DeviceProgress::Changed { change: "shell", .. } | DeviceProgress::Busy { .. } | DeviceProgress::Ready => {}
            DeviceProgress::Changed { change, evidence } => {
                out.text(format!("{}: {}", evidence.kind.label(), evidence.text));
                self.done(Exit::Good, json!({ "kind": "changed", "change": change, "evidence": evidence }));
            }
            DeviceProgress::Failed(problem) => self.problem = Some(problem),
            DeviceProgress::Log(lines) => out.json(&json!({ "kind": "device-log", "lines": lines })),
        }
    }

    fn setting(&mut self, key: &str, value: Option<SettingValue>, out: &mut Output) {
        let Some(value) = value else {
            out.text(format!("There is no setting {}", visible(key, 80)));
            return self.done(Exit::Findings, json!({ "kind": "setting", "key": key, "found": false }));
        };
        let octets = value.octets.expose();
        let mut result = json!({
            "kind": "setting", "key": key, "found": true, "octets": octets.len(), "may_be_cut": value.may_be_cut,
        });
        if let Some(path) = self.save_to.take() {
            if self.save(&path, octets, out) {
                result["path"] = json!(path.path().display().to_string());
                self.done(Exit::Good, result);
            }
            return;
        }
        let text = std::str::from_utf8(octets).ok().filter(|text| visible(text, MAX_SHOWN) == *text);
        result["hex"] = json!(hex(octets));
        result["text"] = json!(text);
        match text {
            Some(text) => out.text(text),
            None => out.text(hex(octets)),
        }
        if value.may_be_cut {
            out.note("The gateway cuts values at this length: there may be more");
        }
        self.done(Exit::Good, result);
    }

    fn file(&mut self, path: &str, facts: &FileFacts, out: &mut Output) {
        let mut result = json!({ "kind": "file", "path": path, "octets": facts.length, "sha256": facts.sha256 });
        out.text(format!("{} bytes", facts.length));
        if let Some(sha256) = &facts.sha256 {
            out.text(format!("SHA-256 {sha256}"));
        }
        if let (Some(content), Some(target)) = (&facts.content, self.save_to.take()) {
            if !self.save(&target, content.expose(), out) {
                return;
            }
            result["saved_to"] = json!(target.path().display().to_string());
        }
        self.done(Exit::Good, result);
    }

    fn save(&mut self, destination: &Destination, octets: &[u8], out: &mut Output) -> bool {
        match local::save(destination, octets) {
            Ok(_) => {
                out.text(format!("Written to {destination}"));
                true
            }
            Err(error) => {
                self.problem = Some(error.explain());
                false
            }
        }
    }
}

fn offers_line(offers: Offers) -> String {
    let words = offers.words();
    if words.is_empty() { "offers nothing".into() } else { format!("offers {}", words.join(", ")) }
}

fn print_table(table: &Table, out: &mut Output) {
    out.text(&table.name);
    for (name, number) in &table.rows {
        out.text(format!("  {name:<24} {number}"));
    }
}

fn table_json(table: &Table) -> Value {
    let values: Map<String, Value> = table.rows.iter().map(|(name, number)| (name.clone(), json!(number))).collect();
    json!({ "name": table.name, "values": values })
}

fn image_json(image: &ImageRow) -> Value {
    let ImageRow { image, slot, version, hash, flags } = image;
    json!({ "image": image, "slot": slot, "version": version, "hash": hash, "flags": flags })
}
