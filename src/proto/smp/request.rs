//! What can be asked of a device that speaks SMP, and how each request is written.
//!
//! Source: Zephyr documentation, references of the groups. Whatever is not a plain question is a write: it is never sent
//! twice by itself.

use std::time::Duration;

use super::cbor::Body;
use super::{HEADER, Operation, group};
use crate::model::secret::Secret;

/// Most octets of a setting that are asked for.
const MAX_SETTING: u64 = 4096;
/// Largest length prefix of octets in a body, less the one that an empty piece has.
const LENGTH_PREFIX: usize = 4;

/// One request.
#[derive(Clone, PartialEq, Eq)]
pub enum Request {
    /// Say this back.
    Echo(String),
    /// How busy its tasks are.
    Tasks,
    /// How full its memory pools are.
    MemoryPools,
    /// What time it has.
    DateTime,
    /// Set its clock: `2026-01-31T12:00:00`.
    SetDateTime(String),
    /// Restart.
    Reset,
    /// How long messages may be.
    Parameters,
    /// What it is, by the letters of the protocol.
    Info(&'static str),
    /// What its boot loader is, or what the boot loader says to a question.
    Bootloader(Option<&'static str>),
    /// The images in its slots.
    Images,
    /// The names of the groups of statistics.
    StatisticsNames,
    /// One group of statistics.
    Statistics(String),
    /// One setting.
    ReadSetting(String),
    /// Keep a value; it may be a token.
    WriteSetting {
        /// The key.
        name: String,
        /// The value.
        value: Secret<Vec<u8>>,
    },
    /// Forget a setting.
    DeleteSetting(String),
    /// Put written settings to use.
    CommitSettings,
    /// Read all settings from storage anew: unsaved ones are lost.
    LoadSettings,
    /// Write all settings to storage.
    SaveSettings,
    /// A piece of a file.
    Download {
        /// Its path.
        name: String,
        /// Where the piece begins.
        offset: u64,
    },
    /// Write a piece of a file; one that begins at 0 replaces the file.
    Upload {
        /// Its path.
        name: String,
        /// Where the piece begins.
        offset: u64,
        /// Length of the whole file.
        length: u64,
        /// The piece; it may be part of a key.
        data: Secret<Vec<u8>>,
    },
    /// How long a file is.
    FileStatus(String),
    /// A file's checksum.
    FileHash {
        /// Its path.
        name: String,
        /// `sha256` or `crc32`.
        kind: &'static str,
    },
    /// Which checksums there are.
    HashKinds,
    /// Close the file that was read or written last.
    CloseFile,
    /// Run a line in the shell.
    Execute(Vec<String>),
    /// Which groups there are.
    Groups,
    /// Erase the partition with settings and storage. There is no undo.
    EraseStorage,
}

impl Request {
    /// Where it goes: group and command.
    pub const fn address(&self) -> (u16, u8) {
        match self {
            Self::Echo(_) => (group::OS, 0),
            Self::Tasks => (group::OS, 2),
            Self::MemoryPools => (group::OS, 3),
            Self::DateTime | Self::SetDateTime(_) => (group::OS, 4),
            Self::Reset => (group::OS, 5),
            Self::Parameters => (group::OS, 6),
            Self::Info(_) => (group::OS, 7),
            Self::Bootloader(_) => (group::OS, 8),
            Self::Images => (group::IMAGE, 0),
            Self::Statistics(_) => (group::STATISTICS, 0),
            Self::StatisticsNames => (group::STATISTICS, 1),
            Self::ReadSetting(_) | Self::WriteSetting { .. } => (group::SETTINGS, 0),
            Self::DeleteSetting(_) => (group::SETTINGS, 1),
            Self::CommitSettings => (group::SETTINGS, 2),
            Self::LoadSettings | Self::SaveSettings => (group::SETTINGS, 3),
            Self::Download { .. } | Self::Upload { .. } => (group::FILES, 0),
            Self::FileStatus(_) => (group::FILES, 1),
            Self::FileHash { .. } => (group::FILES, 2),
            Self::HashKinds => (group::FILES, 3),
            Self::CloseFile => (group::FILES, 4),
            Self::Execute(_) => (group::SHELL, 0),
            Self::Groups => (group::ENUMERATION, 1),
            Self::EraseStorage => (group::ZEPHYR, 0),
        }
    }

    /// Read or write, as the protocol has it.
    pub const fn operation(&self) -> Operation {
        match self {
            Self::Echo(_)
            | Self::SetDateTime(_)
            | Self::Reset
            | Self::WriteSetting { .. }
            | Self::DeleteSetting(_)
            | Self::CommitSettings
            | Self::SaveSettings
            | Self::Upload { .. }
            | Self::CloseFile
            | Self::Execute(_)
            | Self::EraseStorage => Operation::Write,
            _ => Operation::Read,
        }
    }

    /// Whether it changes nothing and may be sent again: reads but for the one that throws unsaved settings away, and echo.
    pub const fn is_repeatable(&self) -> bool {
        match self {
            Self::Echo(_) => true,
            Self::LoadSettings => false,
            _ => matches!(self.operation(), Operation::Read),
        }
    }

    /// How long to wait for the answer.
    pub const fn limit(&self) -> Duration {
        match self {
            // Flash has to be erased first.
            Self::EraseStorage => Duration::from_secs(40),
            Self::SaveSettings
            | Self::WriteSetting { .. }
            | Self::DeleteSetting(_)
            | Self::Upload { .. }
            | Self::FileHash { .. }
            | Self::Execute(_) => Duration::from_secs(10),
            _ => Duration::from_millis(2500),
        }
    }

    /// Its name in transcripts and steps.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Echo(_) => "echo",
            Self::Tasks => "task statistics",
            Self::MemoryPools => "memory pools",
            Self::DateTime => "read the clock",
            Self::SetDateTime(_) => "set the clock",
            Self::Reset => "reset",
            Self::Parameters => "parameters",
            Self::Info(_) => "information",
            Self::Bootloader(_) => "boot loader",
            Self::Images => "images",
            Self::StatisticsNames => "names of statistics",
            Self::Statistics(_) => "statistics",
            Self::ReadSetting(_) => "read a setting",
            Self::WriteSetting { .. } => "write a setting",
            Self::DeleteSetting(_) => "delete a setting",
            Self::CommitSettings => "commit settings",
            Self::LoadSettings => "load settings",
            Self::SaveSettings => "save settings",
            Self::Download { .. } => "read a file",
            Self::Upload { .. } => "write a file",
            Self::FileStatus(_) => "length of a file",
            Self::FileHash { .. } => "checksum of a file",
            Self::HashKinds => "kinds of checksum",
            Self::CloseFile => "close a file",
            Self::Execute(_) => "shell",
            Self::Groups => "groups",
            Self::EraseStorage => "erase the storage",
        }
    }

    /// Its body.
    pub fn body(&self) -> Vec<u8> {
        let body = Body::default();
        let body = match self {
            Self::Echo(text) => body.text("d", text),
            Self::SetDateTime(text) => body.text("datetime", text),
            Self::Info(format) => body.text("format", format),
            Self::Bootloader(Some(query)) => body.text("query", query),
            Self::Statistics(name) | Self::DeleteSetting(name) | Self::FileStatus(name) => body.text("name", name),
            Self::ReadSetting(name) => body.text("name", name).unsigned("max_size", MAX_SETTING),
            Self::WriteSetting { name, value } => body.text("name", name).octets("val", value.expose()),
            Self::Download { name, offset } => body.unsigned("off", *offset).text("name", name),
            Self::Upload { name, offset, length, data } => {
                let body = body.unsigned("off", *offset).octets("data", data.expose()).text("name", name);
                if *offset == 0 { body.unsigned("len", *length) } else { body }
            }
            Self::FileHash { name, kind } => body.text("name", name).text("type", kind),
            Self::Execute(words) => body.texts("argv", words.iter().map(String::as_str)),
            _ => body,
        };
        body.finish()
    }
}

/// How many octets of a file fit into one request where a frame may have `room` octets; 0 when the path leaves none.
pub fn upload_room(room: usize, name: &str, offset: u64, length: u64) -> usize {
    let empty = Request::Upload { name: name.to_owned(), offset, length, data: Secret::new(Vec::new()) };
    room.saturating_sub(HEADER + empty.body().len() + LENGTH_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::text::hex;

    #[test]
    fn bodies_match_captured_vectors() {
        let check =
            |request: Request, expected: &str| assert_eq!(hex(&request.body()), expected, "{}", request.label());
        check(Request::Echo("hello".into()), "a161646568656c6c6f");
        check(Request::Parameters, "a0");
        check(
            Request::Execute(vec!["kernel".into(), "version".into()]),
            "a1646172677682666b65726e656c6776657273696f6e",
        );
    }

    #[test]
    fn only_questions_are_repeatable() {
        for request in [
            Request::Reset,
            Request::SetDateTime(String::new()),
            Request::WriteSetting { name: String::new(), value: Secret::new(Vec::new()) },
            Request::DeleteSetting(String::new()),
            Request::CommitSettings,
            Request::LoadSettings,
            Request::SaveSettings,
            Request::Upload { name: String::new(), offset: 0, length: 0, data: Secret::new(Vec::new()) },
            Request::Execute(Vec::new()),
            Request::EraseStorage,
        ] {
            assert!(!request.is_repeatable(), "{}", request.label());
        }
    }

    #[test]
    fn a_piece_of_a_file_fills_the_room_and_no_more() {
        for room in [92, 96, 252, 380, 1020, 2044, 65_000] {
            for offset in [0, 23, 24, 255, 256, 65_535, 65_536] {
                let piece = upload_room(room, "/lfs1/token.bin", offset, 70_000);
                let data = Secret::new(vec![0; piece]);
                let request = Request::Upload { name: "/lfs1/token.bin".into(), offset, length: 70_000, data };
                let frame = HEADER + request.body().len();
                assert!(frame <= room && frame + 5 > room, "{room} at {offset}: {frame}");
            }
        }
        assert_eq!(upload_room(40, &"x".repeat(80), 0, 1), 0);
    }
}
