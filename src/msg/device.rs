//! What can be asked of a gateway under management, and what it tells: the vocabulary of the screen Device.
//!
//! Questions are free. Whatever changes the gateway or makes it act carries the gateway's name as a person typed it; the
//! flow compares it and sends nothing when it differs.

use std::time::Duration;

use crate::model::gateway::Protection;
use crate::model::ids::DriverId;
use crate::model::outcome::Evidence;
use crate::model::problem::Problem;
use crate::model::secret::Secret;

/// What can be asked.
pub enum DeviceRequest {
    /// A question, which changes nothing.
    Read(DeviceRead),
    /// An act, confirmed with the gateway's name.
    Change {
        /// What is to be done.
        change: DeviceChange,
        /// The name that was typed.
        confirmed: String,
    },
    /// End the job in an orderly way.
    Close,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceRead {
    /// What it is.
    Info,
    /// All its statistics, tasks and memory pools.
    Statistics,
    /// The firmware images in its slots.
    Images,
    /// What time it has.
    Time,
    /// One setting.
    Setting(String),
    /// A file's length and checksum, and with `wants_content` the file itself.
    File {
        /// Its path.
        path: String,
        /// Whether the content is wanted.
        wants_content: bool,
    },
}

/// An act.
#[derive(Clone, PartialEq, Eq)]
pub enum DeviceChange {
    /// Run a line in its shell.
    Shell(String),
    /// Keep a setting.
    WriteSetting {
        /// Its key.
        key: String,
        /// Its value; it may be a token.
        value: Secret<Vec<u8>>,
    },
    /// Forget a setting.
    DeleteSetting(String),
    /// Write a file.
    WriteFile {
        /// Its path.
        path: String,
        /// Its content; it may be a key.
        content: Secret<Vec<u8>>,
    },
    /// Set the clock: `2026-01-31T12:00:00`, or [`DeviceChange::NOW`].
    SetTime(String),
    /// Restart.
    Reset,
    /// Erase all settings and storage. There is no undo.
    EraseStorage,
}

impl DeviceChange {
    /// Stands for this computer's time, which the workers put in its place when it is sent.
    pub const NOW: &'static str = "now";

    /// The name in records and JSON lines.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Shell(_) => "shell",
            Self::WriteSetting { .. } => "write-setting",
            Self::DeleteSetting(_) => "delete-setting",
            Self::WriteFile { .. } => "write-file",
            Self::SetTime(_) => "set-time",
            Self::Reset => "reset",
            Self::EraseStorage => "erase-storage",
        }
    }

    /// What is done, as a sentence without an end; never its secret.
    pub fn label(&self) -> String {
        match self {
            Self::Shell(_) => "Run a shell command".into(),
            Self::WriteSetting { key, .. } => format!("Write the setting {key}"),
            Self::DeleteSetting(key) => format!("Delete the setting {key}"),
            Self::WriteFile { path, .. } => format!("Write the file {path}"),
            Self::SetTime(_) => "Set the clock".into(),
            Self::Reset => "Restart the gateway".into(),
            Self::EraseStorage => "Erase all settings and storage".into(),
        }
    }
}

/// What a gateway under management offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// It says what it is.
    pub info: bool,
    /// It counts things.
    pub statistics: bool,
    /// It lists its firmware images.
    pub images: bool,
    /// It has settings.
    pub settings: bool,
    /// It has files.
    pub files: bool,
    /// It has a shell.
    pub shell: bool,
    /// It has a clock.
    pub time: bool,
    /// It can be restarted.
    pub reset: bool,
    /// It can erase its storage.
    pub erase: bool,
}

impl Offers {
    /// What is offered, a word each, as in records and JSON lines.
    pub fn words(self) -> Vec<&'static str> {
        let known = [
            (self.info, "info"),
            (self.statistics, "statistics"),
            (self.images, "images"),
            (self.settings, "settings"),
            (self.files, "files"),
            (self.shell, "shell"),
            (self.time, "time"),
            (self.reset, "reset"),
            (self.erase, "erase"),
        ];
        known.into_iter().filter(|(is_offered, _)| *is_offered).map(|(_, word)| word).collect()
    }
}

/// A name and a value, safe to show.
pub type Row = (String, String);

/// Numbers with names under a heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What is counted: a group of statistics, a task, a memory pool.
    pub name: String,
    /// The numbers.
    pub rows: Vec<(String, i128)>,
}

/// A firmware image, safe to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageRow {
    /// Which image.
    pub image: u64,
    /// Which slot.
    pub slot: u64,
    /// Its version.
    pub version: String,
    /// Its hash in hexadecimal digits.
    pub hash: String,
    /// `active`, `confirmed`, `pending`, `bootable`.
    pub flags: Vec<&'static str>,
}

/// A setting's value as it was read.
#[derive(Clone, PartialEq, Eq)]
pub struct SettingValue {
    /// Its octets; it may be a token.
    pub octets: Secret<Vec<u8>>,
    /// Whether the gateway cuts longer values here.
    pub may_be_cut: bool,
}

/// A file as it was read.
#[derive(Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// Octets.
    pub length: u64,
    /// SHA-256 in hexadecimal digits, where the gateway has it or the content was read.
    pub sha256: Option<String>,
    /// The content, where it was wanted.
    pub content: Option<Secret<Vec<u8>>>,
}

/// What is told.
pub enum DeviceProgress {
    /// It answers; this is what it offers.
    Opened {
        /// The name to confirm acts with: its own, else where it is reached.
        name: String,
        /// The driver.
        driver: DriverId,
        /// How the link is protected.
        protection: Protection,
        /// What can be asked.
        offers: Offers,
    },
    /// It works on this; it ends by itself after `limit` at the latest.
    Busy {
        /// What.
        what: String,
        /// How long at most.
        limit: Duration,
    },
    /// What it is.
    Info(Vec<Row>),
    /// What it counts.
    Statistics(Vec<Table>),
    /// Its images.
    Images(Vec<ImageRow>),
    /// Its time.
    Time(String),
    /// A setting; `None` when there is no such key.
    Setting {
        /// Its key.
        key: String,
        /// Its value.
        value: Option<SettingValue>,
    },
    /// A file.
    File {
        /// Its path.
        path: String,
        /// What it is.
        facts: FileFacts,
    },
    /// What a shell command wrote, a line each, safe to show.
    Output {
        /// The command.
        line: String,
        /// Its output.
        lines: Vec<String>,
        /// Its own result; 0 is success.
        status: i64,
    },
    /// An act was done; the evidence says how sure that is.
    Changed {
        /// Which, as [`DeviceChange::as_str`].
        change: &'static str,
        /// The evidence.
        evidence: Evidence,
    },
    /// What was asked for failed; the job goes on unless it ends.
    Failed(Problem),
    /// Lines the gateway logged beside the protocol.
    Log(Vec<String>),
    /// It waits for the next request.
    Ready,
}
