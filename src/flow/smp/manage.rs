//! Managing a gateway by SMP: what it has, what it says of itself, and what is done to it.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{Smp, SmpError, push_file, push_setting};
use crate::flow::check::Shell;
use crate::flow::device::{DeviceError, Done, Management, clock_set, ran};
use crate::flow::drivers::Opening;
use crate::flow::port::{Boxed, LinkError};
use crate::model::gateway::Protection;
use crate::model::outcome::EvidenceKind;
use crate::model::secret::Secret;
use crate::model::text::{hex, visible};
use crate::msg::device::{
    DeviceChange, DeviceProgress, DeviceRead, FileFacts, ImageRow, Offers, Row, SettingValue, Table,
};
use crate::proto::console::quote::Script;
use crate::proto::smp::answer::{Answer, Image};
use crate::proto::smp::refusal::RefusalKind;
use crate::proto::smp::request::Request;
use crate::proto::smp::{group, sha256};

/// Longest text of a device in one field.
const MAX_FIELD: usize = 200;
/// Longest line of a shell's output, and most lines of it.
const MAX_LINE: usize = 400;
const MAX_LINES: usize = 2000;
/// How long a gateway may take to be back after it was told to restart.
const BACK_LIMIT: Duration = Duration::from_secs(20);

/// A gateway managed by SMP.
pub(super) struct SmpManagement {
    smp: Smp,
    /// Groups that are there.
    groups: Vec<u16>,
    /// Groups whose answers cannot be read.
    unreadable: Vec<u16>,
    name: Option<String>,
}

impl Management for SmpManagement {
    fn name(&self) -> Option<String> {
        self.name.clone()
    }

    fn protection(&self) -> Protection {
        self.smp.wire_protection()
    }

    fn learn(&mut self, secret: &[u8]) {
        self.smp.learn(secret);
    }

    fn take_log(&mut self) -> Vec<String> {
        self.smp.take_log()
    }

    fn hear(&mut self) -> Boxed<'_, Result<(), LinkError>> {
        Box::pin(self.smp.hear())
    }

    fn read(&mut self, read: DeviceRead) -> Boxed<'_, Result<DeviceProgress, DeviceError>> {
        Box::pin(self.answer(read))
    }

    fn change<'a>(
        &'a mut self,
        change: DeviceChange,
        known_setting: Option<&'a str>,
    ) -> Boxed<'a, Result<Done, DeviceError>> {
        Box::pin(self.act(change, known_setting))
    }

    fn abandon(&mut self) -> bool {
        self.smp.give_up()
    }

    fn close(&mut self) -> Boxed<'_, ()> {
        Box::pin(self.smp.hang_up())
    }

    fn offers(&self) -> Offers {
        let has = |number| self.groups.contains(&number);
        Offers {
            info: has(group::OS),
            statistics: has(group::STATISTICS) || has(group::OS),
            images: has(group::IMAGE),
            settings: has(group::SETTINGS),
            files: has(group::FILES),
            shell: has(group::SHELL),
            time: has(group::OS),
            reset: has(group::OS),
            erase: has(group::ZEPHYR),
        }
    }
}

/// Only a shell that is one of POSIX knows the commands of a check; another refuses them, and so has no programs.
impl Shell for SmpManagement {
    fn name(&self) -> Option<String> {
        self.name.clone()
    }

    fn run<'a>(&'a mut self, line: &'a Script, limit: Duration) -> Boxed<'a, Result<Option<Vec<u8>>, DeviceError>> {
        Box::pin(async move {
            // What answers a question that was dropped is no answer to this one.
            self.smp.give_up();
            let request = Request::Execute(line.text().map(str::to_owned).into_iter().collect());
            match timeout(limit, self.smp.ask(request)).await {
                Ok(Ok(Answer::Output { text, .. })) => Ok(Some(self.smp.redact(&text).into_bytes())),
                Ok(Err(SmpError::Link(error))) => Err(error.into()),
                Ok(_) => Ok(None),
                Err(_) => {
                    self.smp.give_up();
                    Ok(None)
                }
            }
        })
    }

    fn close(&mut self) -> Boxed<'_, ()> {
        Box::pin(self.smp.hang_up())
    }
}

impl SmpManagement {
    /// Finds the gateway and asks what it has.
    pub(super) async fn open(opening: &Opening) -> Result<Self, DeviceError> {
        let mut smp = Smp::open(opening).await?;
        smp.find().await?;
        let Groups { groups, unreadable } = groups(&mut smp).await?;
        let name = if groups.contains(&group::OS) { name(&mut smp).await? } else { None };
        Ok(Self { smp, groups, unreadable, name })
    }

    async fn answer(&mut self, read: DeviceRead) -> Result<DeviceProgress, DeviceError> {
        Ok(match read {
            DeviceRead::Info => DeviceProgress::Info(self.info().await?),
            DeviceRead::Statistics => DeviceProgress::Statistics(self.statistics().await?),
            DeviceRead::Images => match self.smp.ask(Request::Images).await? {
                Answer::Images(images) => DeviceProgress::Images(images.iter().map(image_row).collect()),
                _ => return Err(SmpError::Malformed { label: "images" }.into()),
            },
            DeviceRead::Time => match self.smp.ask(Request::DateTime).await? {
                Answer::Text(text) => DeviceProgress::Time(visible(&text, 60)),
                _ => return Err(SmpError::Malformed { label: "read the clock" }.into()),
            },
            DeviceRead::Setting(key) => match self.smp.ask(Request::ReadSetting(key.clone())).await {
                Ok(Answer::Setting { value, may_be_cut }) => {
                    let value = Some(SettingValue { octets: Secret::new(value), may_be_cut });
                    DeviceProgress::Setting { key, value }
                }
                Err(SmpError::Refused { refusal, .. }) if refusal.kind() == RefusalKind::NotFound => {
                    DeviceProgress::Setting { key, value: None }
                }
                Ok(_) => return Err(SmpError::Malformed { label: "read a setting" }.into()),
                Err(error) => return Err(error.into()),
            },
            DeviceRead::File { path, wants_content } => {
                let facts = self.file(&path, wants_content).await?;
                DeviceProgress::File { path, facts }
            }
        })
    }

    /// What it is: each question that has an answer is a row.
    async fn info(&mut self) -> Result<Vec<Row>, DeviceError> {
        let mut rows = Vec::new();
        for (letter, label) in [
            ("n", "Name"),
            ("o", "Operating system"),
            ("s", "Kernel"),
            ("v", "Version"),
            ("r", "Release"),
            ("b", "Built"),
            ("i", "Hardware"),
            ("m", "Machine"),
            ("p", "Processor"),
        ] {
            if let Some(Answer::Text(text)) = optional(self.smp.ask(Request::Info(letter)).await)? {
                push_row(&mut rows, label, &text);
            }
        }
        if let Some(Answer::Bootloader(answers)) = optional(self.smp.ask(Request::Bootloader(None)).await)? {
            for (_, text) in answers {
                push_row(&mut rows, "Boot loader", &text);
            }
            if let Some(Answer::Bootloader(answers)) = optional(self.smp.ask(Request::Bootloader(Some("mode"))).await)?
            {
                for (_, text) in answers.iter().filter(|(key, _)| key == "mode") {
                    push_row(&mut rows, "Boot mode", &boot_mode(text));
                }
            }
        }
        if let Some(Answer::Text(text)) = optional(self.smp.ask(Request::DateTime).await)? {
            push_row(&mut rows, "Clock", &text);
        }
        if let Some(Answer::Parameters { buffer_octets, buffers }) = optional(self.smp.ask(Request::Parameters).await)?
        {
            rows.push(("Message buffers".into(), format!("{buffers} of {buffer_octets} bytes")));
        }
        for (label, groups) in [("Groups", &self.groups), ("Cannot be read", &self.unreadable)] {
            let named: Vec<String> =
                groups.iter().map(|number| format!("{number} {}", group::label(*number))).collect();
            if !named.is_empty() {
                rows.push((label.into(), named.join(", ")));
            }
        }
        Ok(rows)
    }

    async fn statistics(&mut self) -> Result<Vec<Table>, DeviceError> {
        let mut tables = Vec::new();
        let table = |heading: &str, name: &str, rows: Vec<(String, i128)>| Table {
            name: visible(&format!("{heading}{name}"), MAX_FIELD),
            rows: rows.into_iter().map(|(name, number)| (visible(&name, MAX_FIELD), number)).collect(),
        };
        if self.groups.contains(&group::STATISTICS)
            && let Answer::Names(names) = self.smp.ask(Request::StatisticsNames).await?
        {
            for name in names {
                match optional(self.smp.ask(Request::Statistics(name.clone())).await)? {
                    Some(Answer::Numbers(rows)) => tables.push(table("", &name, rows)),
                    Some(_) => return Err(SmpError::Malformed { label: "statistics" }.into()),
                    None => {}
                }
            }
        }
        for (request, heading) in [(Request::Tasks, "Task "), (Request::MemoryPools, "Memory pool ")] {
            if let Some(Answer::Tables(found)) = optional(self.smp.ask(request).await)? {
                tables.extend(found.into_iter().map(|(name, rows)| table(heading, &name, rows)));
            }
        }
        Ok(tables)
    }

    async fn file(&mut self, path: &str, wants_content: bool) -> Result<FileFacts, DeviceError> {
        if wants_content {
            let content = self.smp.read_file(path).await?;
            let sha256 = Some(hex(&sha256(&content)));
            return Ok(FileFacts { length: content.len() as u64, sha256, content: Some(Secret::new(content)) });
        }
        let Answer::Length(length) = self.smp.ask(Request::FileStatus(path.to_owned())).await? else {
            return Err(SmpError::Malformed { label: "length of a file" }.into());
        };
        let hash = optional(self.smp.ask(Request::FileHash { name: path.to_owned(), kind: "sha256" }).await)?;
        let sha256 = match hash {
            Some(Answer::Hash { octets, .. }) => Some(hex(&octets)),
            _ => None,
        };
        Ok(FileFacts { length, sha256, content: None })
    }

    async fn act(&mut self, change: DeviceChange, known_setting: Option<&str>) -> Result<Done, DeviceError> {
        let acknowledged = |text: String| Ok((None, EvidenceKind::Acknowledged, text));
        match change {
            DeviceChange::Shell(line) => {
                let words = line.split_whitespace().map(str::to_owned).collect();
                match self.smp.ask(Request::Execute(words)).await? {
                    Answer::Output { text, status } => {
                        let text = self.smp.redact(&text);
                        let lines =
                            text.lines().take(MAX_LINES).map(|line| visible(&without_colour(line), MAX_LINE)).collect();
                        Ok(ran(line, lines, status))
                    }
                    _ => Err(SmpError::Malformed { label: "shell" }.into()),
                }
            }
            DeviceChange::WriteSetting { key, value } => {
                let taken = push_setting(&mut self.smp, &key, &value).await?;
                Ok((None, taken.kind, taken.text))
            }
            DeviceChange::DeleteSetting(key) => {
                self.smp.ask(Request::DeleteSetting(key.clone())).await?;
                match self.smp.ask(Request::ReadSetting(key.clone())).await {
                    Err(SmpError::Refused { refusal, .. }) if refusal.kind() == RefusalKind::NotFound => Ok((
                        None,
                        EvidenceKind::Observed,
                        format!("The setting {key} was deleted; it is not found any more"),
                    )),
                    // Many settings keep their value in memory until the next start.
                    Ok(_) => acknowledged(format!(
                        "The gateway reports that the setting {key} was deleted; it can be read until the gateway restarts"
                    )),
                    Err(SmpError::Link(error)) => Err(error.into()),
                    Err(_) => acknowledged(format!("The gateway reports that the setting {key} was deleted")),
                }
            }
            DeviceChange::WriteFile { path, content } => {
                let taken = push_file(&mut self.smp, &path, &content).await?;
                Ok((None, taken.kind, taken.text))
            }
            DeviceChange::SetTime(time) => {
                self.smp.ask(Request::SetDateTime(time.clone())).await?;
                match optional(self.smp.ask(Request::DateTime).await)? {
                    Some(Answer::Text(text)) => clock_set(&time, visible(&text, 60)),
                    _ => acknowledged("The gateway reports that its clock was set".into()),
                }
            }
            DeviceChange::Reset => {
                self.smp.ask(Request::Reset).await?;
                self.watch_restart().await
            }
            DeviceChange::EraseStorage => {
                self.smp.ask(Request::EraseStorage).await?;
                self.look_for(known_setting).await
            }
        }
    }

    /// After a restart was acknowledged: whether the gateway answers again.
    async fn watch_restart(&mut self) -> Result<Done, DeviceError> {
        let begun = Instant::now();
        while begun.elapsed() < BACK_LIMIT {
            match self.smp.ask(Request::Parameters).await {
                Ok(_) | Err(SmpError::Refused { .. } | SmpError::Malformed { .. }) => {
                    let text =
                        "The gateway took the request and answers; whether it restarted shows in its log".to_owned();
                    return Ok((None, EvidenceKind::Acknowledged, text));
                }
                Err(SmpError::NoReply { .. }) => {}
                Err(_) => {
                    let text = "The gateway took the request and its link went away, as with a restart".to_owned();
                    return Ok((None, EvidenceKind::Acknowledged, text));
                }
            }
        }
        let text = format!("The gateway took the request and has not answered for {} s since", BACK_LIMIT.as_secs());
        Ok((None, EvidenceKind::Acknowledged, text))
    }

    /// After an erasure was acknowledged: whether a setting that was there is gone.
    async fn look_for(&mut self, known_setting: Option<&str>) -> Result<Done, DeviceError> {
        let Some(key) = known_setting else {
            let text =
                "The gateway reports that its storage was erased; no setting was read before that could be looked for";
            return Ok((None, EvidenceKind::Acknowledged, text.into()));
        };
        match self.smp.ask(Request::ReadSetting(key.to_owned())).await {
            Err(SmpError::Refused { refusal, .. }) if refusal.kind() == RefusalKind::NotFound => {
                let text = format!("The storage was erased: the setting {key}, which was there, is not found any more");
                Ok((None, EvidenceKind::Observed, text))
            }
            Ok(_) => Err(DeviceError::NotErased { key: key.to_owned() }),
            Err(SmpError::Link(error)) => Err(error.into()),
            Err(_) => Ok((None, EvidenceKind::Acknowledged, "The gateway reports that its storage was erased".into())),
        }
    }
}

/// Which groups there are, and which answer in a way that cannot be read.
#[derive(Default)]
struct Groups {
    groups: Vec<u16>,
    unreadable: Vec<u16>,
}

/// The gateway's own list, else one harmless question to each group. Only an answer that can be read proves one.
async fn groups(smp: &mut Smp) -> Result<Groups, DeviceError> {
    if let Some(Answer::Groups(mut groups)) = optional(smp.ask(Request::Groups).await)? {
        groups.sort_unstable();
        groups.dedup();
        return Ok(Groups { groups, ..Groups::default() });
    }
    let mut found = Groups::default();
    // Names that are not there: the answer is an error of the group where there is one, "no such command" where not.
    for (request, number) in [
        (Request::Echo("linesman".into()), group::OS),
        (Request::Images, group::IMAGE),
        (Request::StatisticsNames, group::STATISTICS),
        (Request::ReadSetting("linesman/probe".into()), group::SETTINGS),
        (Request::FileStatus("/linesman-probe".into()), group::FILES),
    ] {
        match smp.ask(request).await {
            Err(error) if error.is_not_offered() => {}
            Ok(_) | Err(SmpError::Refused { .. }) => found.groups.push(number),
            Err(SmpError::Malformed { .. }) => found.unreadable.push(number),
            Err(SmpError::NoReply { .. } | SmpError::TooLong { .. } | SmpError::NotKept { .. }) => {}
            Err(error @ SmpError::Link(_)) => return Err(error.into()),
        }
    }
    if found.groups.is_empty() && !found.unreadable.is_empty() {
        return Err(SmpError::Malformed { label: "what it offers" }.into());
    }
    Ok(found)
}

/// What the gateway calls itself; a name that says nothing is none.
async fn name(smp: &mut Smp) -> Result<Option<String>, DeviceError> {
    let Some(Answer::Text(text)) = optional(smp.ask(Request::Info("n")).await)? else { return Ok(None) };
    let name = visible(text.trim(), 80);
    Ok(Some(name).filter(|name| !name.is_empty() && name != "unknown"))
}

/// An answer that may be missing. Only a link that is gone, or silence, is an error.
fn optional(result: Result<Answer, SmpError>) -> Result<Option<Answer>, SmpError> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(SmpError::Refused { .. } | SmpError::Malformed { .. } | SmpError::TooLong { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn push_row(rows: &mut Vec<Row>, label: &str, text: &str) {
    let text = visible(text.trim(), MAX_FIELD);
    if !text.is_empty() && text != "unknown" {
        rows.push((label.to_owned(), text));
    }
}

/// The numbers of MCUboot's modes in words.
fn boot_mode(number: &str) -> String {
    match number {
        "0" => "single application",
        "1" => "swap using a scratch area",
        "2" => "overwrite only",
        "3" => "swap without a scratch area",
        "4" => "run from either slot, no way back",
        "5" => "run from either slot, with a way back",
        "6" => "run from memory",
        other => other,
    }
    .to_owned()
}

fn image_row(image: &Image) -> ImageRow {
    let flags = [
        (image.is_active, "active"),
        (image.is_confirmed, "confirmed"),
        (image.is_pending, "pending"),
        (image.is_bootable, "bootable"),
    ];
    ImageRow {
        image: image.image,
        slot: image.slot,
        version: visible(&image.version, 60),
        hash: hex(&image.hash[..image.hash.len().min(64)]),
        flags: flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, word)| word).collect(),
    }
}

/// Takes the terminal's colour sequences out of a line: a shell writes them, and they say nothing here.
fn without_colour(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        text.push_str(before);
        rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        rest = rest.strip_prefix(|c: char| c.is_ascii_alphabetic()).unwrap_or(rest);
    }
    text + rest
}
