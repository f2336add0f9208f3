//! What the simulated gateway answers, command by command.

use std::time::Instant;

use sha2::{Digest as _, Sha256};

use super::store::{is_key, is_path};
use super::{Due, SmpDevice, SmpFraming};
use crate::model::fault::Fault;
use crate::proto::smp::cbor::{Body, Map, Value};
use crate::proto::smp::{Frame, Operation, Version, group};

/// Longest key.
const MAX_KEY: usize = 64;
/// Longest value that is read at once.
const MAX_VALUE: usize = 256;
/// What a download's answer needs beside the piece.
const DOWNLOAD_OVERHEAD: usize = 48;

/// The answer "no".
pub(super) struct Refused {
    group: Option<u16>,
    code: u64,
}

impl Refused {
    pub(super) const fn general(code: u64) -> Self {
        Self { group: None, code }
    }

    const fn of(group: u16, code: u64) -> Self {
        Self { group: Some(group), code }
    }

    /// As the version tells errors. The first has no errors of groups: most become "no such entry" or "unknown".
    pub(super) fn body(&self, version: Version) -> Vec<u8> {
        match (self.group, version) {
            (Some(group), Version::V2) => Body::default()
                .map("err", Body::default().unsigned("group", group.into()).unsigned("rc", self.code))
                .finish_with_end_mark(),
            (Some(_), Version::V1) => {
                let code = if matches!(self.code, 3 | 5) { 5 } else { 1 };
                Body::default().unsigned("rc", code).finish_with_end_mark()
            }
            (None, _) => Body::default().unsigned("rc", self.code).finish_with_end_mark(),
        }
    }
}

impl SmpDevice {
    pub(super) fn answer(&mut self, request: &Frame, map: &Map, now: Instant) -> Result<Vec<u8>, Refused> {
        let is_write = request.operation == Operation::Write;
        if is_write && request.group != group::OS && self.has(Fault::Denied) {
            return Err(Refused::general(11));
        }
        let body = match (request.group, request.command, is_write) {
            (group::OS, 0, _) => Body::default().text("r", map.text("d").ok_or(Refused::general(3))?),
            (group::OS, 2, false) => Self::tasks(),
            (group::OS, 3, false) => Self::pools(),
            (group::OS, 4, false) => {
                Body::default().text("datetime", self.clock.as_deref().ok_or(Refused::of(group::OS, 4))?)
            }
            (group::OS, 4, true) => self.set_clock(map)?,
            (group::OS, 5, true) => {
                // The answer still goes out: it is planned after this.
                self.restart(now);
                Body::default()
            }
            (group::OS, 6, false) if self.has(Fault::NoParameters) => return Err(Refused::general(8)),
            (group::OS, 6, false) => {
                Body::default().unsigned("buf_size", self.buffer() as u64).unsigned("buf_count", 4)
            }
            (group::OS, 7, false) => Body::default().text("output", &self.describe(map.text("format").unwrap_or("s"))?),
            (group::OS, 8, false) => Self::bootloader(map.text("query"))?,
            (group::IMAGE, 0, false) => self.images(),
            (group::STATISTICS, 0, false) => self.statistics(map)?,
            (group::STATISTICS, 1, false) => Body::default().texts("stat_list", ["smp_com", "uplink"].into_iter()),
            (group::SETTINGS, ..) => self.settings(request, map, now)?,
            (group::FILES, ..) => self.files(request, map, now)?,
            (group::SHELL, 0, true) => self.shell(map, now)?,
            (group::ENUMERATION, 0, false) => Body::default().unsigned("count", GROUPS.len() as u64),
            (group::ENUMERATION, 1, false) => Body::default().numbers("groups", &GROUPS),
            (group::ZEPHYR, 0, true) => {
                self.store.erase().map_err(|_| Refused::of(group::ZEPHYR, 4))?;
                self.plan(now, Due::Log("storage: erased".into()));
                Body::default()
            }
            _ => return Err(Refused::general(8)),
        };
        Ok(body.finish_with_end_mark())
    }

    /// What the firmware brings along; these can be read, and written until the next start.
    pub(super) fn set_factory_settings(&mut self) {
        for (key, value) in
            [("bridge/broker", b"broker.example:8883".as_slice()), ("bridge/interval", &[0x3c, 0, 0, 0])]
        {
            if self.store.setting(key).is_none() {
                self.store.set(key, value);
            }
        }
    }

    fn tasks() -> Body {
        let task = |priority: i64, number, used, size, switches| {
            Body::default()
                .signed("prio", priority)
                .unsigned("tid", number)
                .unsigned("state", 4)
                .unsigned("stkuse", used)
                .unsigned("stksiz", size)
                .unsigned("cswcnt", switches)
        };
        let tasks = Body::default().map("main", task(0, 0, 312, 1024, 4711)).map("idle", task(15, 1, 40, 80, 99));
        Body::default().map("tasks", tasks)
    }

    fn pools() -> Body {
        let pool = |size, count, free, least| {
            Body::default()
                .unsigned("blksize", size)
                .unsigned("nblks", count)
                .unsigned("nfree", free)
                .unsigned("min", least)
        };
        Body::default().map("smp", pool(384, 4, 3, 2)).map("uplink", pool(128, 16, 12, 5))
    }

    fn set_clock(&mut self, map: &Map) -> Result<Body, Refused> {
        let text =
            map.text("datetime").filter(|text| text.len() >= 19 && text.is_ascii()).ok_or(Refused::of(group::OS, 2))?;
        self.clock = Some(text.to_owned());
        Ok(Body::default())
    }

    fn describe(&self, format: &str) -> Result<String, Refused> {
        let version = if self.has(Fault::HostileTexts) {
            format!("1.0\u{202E}\u{7}\u{1b}[2J\r\n{}", "V".repeat(100))
        } else {
            self.info.firmware_version.clone()
        };
        let mut words = Vec::new();
        for letter in if format == "a" { "snrvbmpio" } else { format }.chars() {
            words.push(match letter {
                's' => "Zephyr".to_owned(),
                'n' => self.info.hostname.clone().unwrap_or_else(|| self.info.name.clone()).replace(' ', "-"),
                'r' => "sim".to_owned(),
                'v' => version.clone(),
                'b' => "2026-01-31T12:00:00+00:00".to_owned(),
                'm' | 'p' => "simulated".to_owned(),
                'i' => self.info.hardware.clone(),
                'o' => self.info.firmware.clone(),
                _ => return Err(Refused::of(group::OS, 2)),
            });
        }
        Ok(words.join(" "))
    }

    fn bootloader(query: Option<&str>) -> Result<Body, Refused> {
        match query {
            None => Ok(Body::default().text("bootloader", "MCUboot")),
            Some("mode") => Ok(Body::default().signed("mode", 3)),
            Some(_) => Err(Refused::of(group::OS, 3)),
        }
    }

    fn images(&self) -> Body {
        let hash = Sha256::digest(self.info.firmware_version.as_bytes());
        let image = Body::default()
            .unsigned("slot", 0)
            .text("version", &self.info.firmware_version)
            .octets("hash", &hash)
            .flag("bootable", true)
            .flag("pending", false)
            .flag("confirmed", true)
            .flag("active", true)
            .flag("permanent", false);
        Body::default().maps("images", vec![image]).unsigned("splitStatus", 0)
    }

    fn statistics(&self, map: &Map) -> Result<Body, Refused> {
        let name = map.text("name").ok_or(Refused::general(3))?;
        let fields = match name {
            "smp_com" => {
                Body::default().unsigned("frame_cnt", self.answered).unsigned("frame_max", self.buffer() as u64)
            }
            "uplink" => Body::default().unsigned("sent", 1200).unsigned("failed", 3).unsigned("retried", 7),
            _ => return Err(Refused::of(group::STATISTICS, 3)),
        };
        Ok(Body::default().text("name", name).map("fields", fields))
    }

    fn settings(&mut self, request: &Frame, map: &Map, now: Instant) -> Result<Body, Refused> {
        let refused = |code| Refused::of(group::SETTINGS, code);
        let is_write = request.operation == Operation::Write;
        match (request.command, is_write) {
            (2, true) => return Ok(Body::default()),
            (3, false) => {
                self.store.load();
                return Ok(Body::default());
            }
            (3, true) => return self.store.save().map(|()| Body::default()).map_err(|_| refused(1)),
            (0, _) | (1, true) => {}
            _ => return Err(Refused::general(8)),
        }
        let key = map.text("name").filter(|key| is_key(key)).ok_or(Refused::general(3))?;
        if key.len() > MAX_KEY {
            return Err(refused(2));
        }
        let root = key.split('/').next().unwrap_or_default();
        let is_known = matches!(root, "bridge" | "cloud") || self.store.knows(root);
        if !is_known {
            return Err(refused(5));
        }
        match (request.command, is_write) {
            (0, false) => {
                let value = self.store.setting(key).ok_or_else(|| refused(3))?;
                let asked = map.unsigned("max_size").and_then(|size| usize::try_from(size).ok());
                let limit = self.value_limit();
                let body = Body::default().octets("val", &value[..value.len().min(limit)]);
                Ok(if asked.is_some_and(|asked| asked > limit) {
                    body.unsigned("max_size", limit as u64)
                } else {
                    body
                })
            }
            (0, true) => {
                let value = map.octets("val").ok_or(Refused::general(3))?;
                // Careless firmware does log what it is given; that is why our log view has to mask it.
                let shown = String::from_utf8_lossy(value).into_owned();
                self.plan(now, Due::Log(format!("settings: {key} = {shown}")));
                if !self.has(Fault::NotKept) {
                    self.store.set(key, value);
                }
                Ok(Body::default())
            }
            _ => match self.store.delete(key) {
                Ok(true) => Ok(Body::default()),
                Ok(false) => Err(refused(3)),
                Err(_) => Err(refused(1)),
            },
        }
    }

    /// Longest value that fits into one answer.
    fn value_limit(&self) -> usize {
        MAX_VALUE.min(self.buffer() - DOWNLOAD_OVERHEAD)
    }

    fn files(&mut self, request: &Frame, map: &Map, now: Instant) -> Result<Body, Refused> {
        let refused = |code| Refused::of(group::FILES, code);
        if (request.command, request.operation) == (4, Operation::Write) {
            return Ok(Body::default());
        }
        if (request.command, request.operation) == (3, Operation::Read) {
            let kind = |format, size| Body::default().unsigned("format", format).unsigned("size", size);
            return Ok(Body::default().map("types", Body::default().map("sha256", kind(1, 32))));
        }
        let path = map.text("name").ok_or(Refused::general(3))?;
        if !is_path(path) {
            return Err(refused(2));
        }
        let offset = map.unsigned("off").and_then(|offset| usize::try_from(offset).ok());
        match (request.command, request.operation) {
            (0, Operation::Read) => {
                let offset = offset.ok_or(Refused::general(3))?;
                let room = self.buffer() - self.overhead() - DOWNLOAD_OVERHEAD;
                let file = self.store.file(path).ok_or_else(|| refused(3))?;
                let rest = file.get(offset..).ok_or_else(|| refused(12))?;
                let body = Body::default().unsigned("off", offset as u64).octets("data", &rest[..rest.len().min(room)]);
                Ok(if offset == 0 { body.unsigned("len", file.len() as u64) } else { body })
            }
            (0, Operation::Write) => {
                let offset = offset.ok_or(Refused::general(3))?;
                let mut data = map.octets("data").ok_or(Refused::general(3))?.to_vec();
                if self.has(Fault::NotKept) {
                    for octet in &mut data {
                        *octet = !*octet;
                    }
                }
                if offset == 0 {
                    self.plan(now, Due::Log(format!("fs: write {path}")));
                }
                match self.store.write_file(path, offset, &data) {
                    Ok(Some(length)) => Ok(Body::default().unsigned("off", length as u64)),
                    Ok(None) => Err(refused(11)),
                    Err(_) => Err(refused(10)),
                }
            }
            (1, Operation::Read) => {
                let file = self.store.file(path).ok_or_else(|| refused(3))?;
                Ok(Body::default().unsigned("len", file.len() as u64))
            }
            (2, Operation::Read) => {
                if map.text("type").is_some_and(|kind| kind != "sha256") {
                    return Err(refused(13));
                }
                let file = self.store.file(path).ok_or_else(|| refused(3))?;
                if file.is_empty() {
                    return Err(refused(16));
                }
                let hash = Sha256::digest(file);
                Ok(Body::default().text("type", "sha256").unsigned("len", file.len() as u64).octets("output", &hash))
            }
            _ => Err(Refused::general(8)),
        }
    }

    fn shell(&mut self, map: &Map, now: Instant) -> Result<Body, Refused> {
        let words: Vec<&str> = map
            .list("argv")
            .ok_or(Refused::general(3))?
            .iter()
            .filter_map(|word| match word {
                Value::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        let line = words.join(" ");
        let (text, status) = match line.split(' ').collect::<Vec<_>>().as_slice() {
            [] | [""] => return Err(Refused::of(group::SHELL, 3)),
            ["help"] => ("Available commands:\r\n  help, kernel, net, echo\r\n".to_owned(), 0),
            ["kernel", "version"] => (format!("Zephyr version {}\r\n", self.info.firmware_version), 0),
            ["kernel", "uptime"] => (format!("Uptime: {}\r\n", self.uptime(now)), 0),
            ["net", "ping", host] => (format!("PING {host}\r\n3 packets sent, 3 received\r\n"), 0),
            ["echo", rest @ ..] => (format!("{}\r\n", rest.join(" ")), 0),
            ["flood"] => ("x".repeat(self.buffer() * 2), 0),
            [command, ..] => (format!("{command}: command not found\r\n"), -8),
        };
        let text = if self.has(Fault::HostileTexts) { format!("\u{1b}[31m{text}\u{202E}\u{7}") } else { text };
        if self.framing == SmpFraming::Console {
            self.plan(now, Due::Log("shell: command over the management port".into()));
        }
        Ok(Body::default().text("o", &text).signed("ret", status))
    }
}

/// The groups it has.
const GROUPS: [u16; 8] = [
    group::OS,
    group::IMAGE,
    group::STATISTICS,
    group::SETTINGS,
    group::FILES,
    group::SHELL,
    group::ENUMERATION,
    group::ZEPHYR,
];
