//! What a device that speaks SMP answers, read from the map into plain values.
//!
//! Texts are as the device sent them: whoever shows them makes them safe first. A field that is missing where the answer
//! means nothing without it makes the answer malformed; what is optional in the protocol is optional here.

use super::cbor::{Map, Value};
use super::request::Request;

/// What came back.
#[derive(Clone, PartialEq)]
pub enum Answer {
    /// Done; there is nothing more to say.
    Done,
    /// One text: an echo, a time, what the device is.
    Text(String),
    /// Names: groups of statistics, kinds of checksum.
    Names(Vec<String>),
    /// Tasks or memory pools: a name each, and numbers with names.
    Tables(Vec<(String, Vec<(String, i128)>)>),
    /// Numbers with names.
    Numbers(Vec<(String, i128)>),
    /// How long messages may be, and how many the device can hold.
    Parameters {
        /// Octets of one message.
        buffer_octets: u64,
        /// Messages.
        buffers: u64,
    },
    /// What the boot loader is or says: names and texts.
    Bootloader(Vec<(String, String)>),
    /// The images in the slots.
    Images(Vec<Image>),
    /// A setting's octets. They may be secret.
    Setting {
        /// The value.
        value: Vec<u8>,
        /// Whether the device cuts longer values here.
        may_be_cut: bool,
    },
    /// A piece of a file. It may be secret.
    Piece {
        /// Where it begins.
        offset: u64,
        /// Its octets.
        data: Vec<u8>,
        /// Length of the file, told with the first piece.
        length: Option<u64>,
    },
    /// How much of a file was written.
    Written {
        /// Where the next piece begins.
        offset: u64,
    },
    /// The length of a file.
    Length(u64),
    /// A checksum.
    Hash {
        /// Over how many octets.
        length: u64,
        /// Most significant octet first.
        octets: Vec<u8>,
    },
    /// What a shell command wrote, and its own result.
    Output {
        /// Its text.
        text: String,
        /// 0 when it succeeded.
        status: i64,
    },
    /// The numbers of the groups.
    Groups(Vec<u16>),
}

/// A firmware image in a slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Which image, on devices with several.
    pub image: u64,
    /// Which of its slots.
    pub slot: u64,
    /// Its version.
    pub version: String,
    /// Its hash.
    pub hash: Vec<u8>,
    /// Whether it runs now.
    pub is_active: bool,
    /// Whether it stays after the next start.
    pub is_confirmed: bool,
    /// Whether it is tried at the next start.
    pub is_pending: bool,
    /// Whether it can be started.
    pub is_bootable: bool,
}

impl Answer {
    /// Reads the answer to a request; `None` when a field is missing or of another kind.
    pub fn read(request: &Request, map: &Map) -> Option<Self> {
        Some(match request {
            Request::Echo(_) => Self::Text(map.text("r")?.to_owned()),
            Request::DateTime => Self::Text(map.text("datetime")?.to_owned()),
            Request::Info(_) => Self::Text(map.text("output")?.to_owned()),
            Request::Tasks => Self::Tables(tables(map.map("tasks")?)),
            Request::MemoryPools => Self::Tables(tables(map)),
            Request::Parameters => Self::Parameters {
                buffer_octets: map.unsigned("buf_size")?,
                buffers: map.unsigned("buf_count").unwrap_or(1),
            },
            Request::Bootloader(_) => Self::Bootloader(
                map.entries()
                    .filter(|(key, _)| *key != "rc")
                    .map(|(key, value)| (key.to_owned(), plain(value)))
                    .collect(),
            ),
            Request::Images => Self::Images(map.list("images")?.iter().filter_map(map_of).map(image).collect()),
            Request::StatisticsNames => Self::Names(map.list("stat_list")?.iter().filter_map(text_of).collect()),
            Request::Statistics(_) => Self::Numbers(numbers(map.map("fields")?)),
            Request::ReadSetting(_) => {
                let value = map.octets("val")?.to_vec();
                let may_be_cut = map.unsigned("max_size").is_some_and(|limit| value.len() as u64 >= limit);
                Self::Setting { value, may_be_cut }
            }
            Request::Download { .. } => Self::Piece {
                offset: map.unsigned("off")?,
                data: map.octets("data")?.to_vec(),
                length: map.unsigned("len"),
            },
            Request::Upload { .. } => Self::Written { offset: map.unsigned("off")? },
            Request::FileStatus(_) => Self::Length(map.unsigned("len")?),
            Request::FileHash { .. } => Self::Hash {
                length: map.unsigned("len")?,
                octets: match map.get("output")? {
                    Value::Octets(octets) => octets.clone(),
                    // A CRC-32 comes as a number.
                    Value::Unsigned(number) => u32::try_from(*number).ok()?.to_be_bytes().to_vec(),
                    _ => return None,
                },
            },
            Request::HashKinds => Self::Names(map.map("types")?.entries().map(|(name, _)| name.to_owned()).collect()),
            Request::Execute(_) => Self::Output {
                text: map.text("o").unwrap_or_default().to_owned(),
                // Older firmware tells the command's own result as `rc`.
                status: map.signed("ret").or_else(|| map.signed("rc")).unwrap_or_default(),
            },
            Request::Groups => Self::Groups(
                map.list("groups")?
                    .iter()
                    .filter_map(|value| match value {
                        Value::Unsigned(number) => u16::try_from(*number).ok(),
                        _ => None,
                    })
                    .collect(),
            ),
            Request::SetDateTime(_)
            | Request::Reset
            | Request::WriteSetting { .. }
            | Request::DeleteSetting(_)
            | Request::CommitSettings
            | Request::LoadSettings
            | Request::SaveSettings
            | Request::CloseFile
            | Request::EraseStorage => Self::Done,
        })
    }
}

fn map_of(value: &Value) -> Option<&Map> {
    match value {
        Value::Map(map) => Some(map),
        _ => None,
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn tables(map: &Map) -> Vec<(String, Vec<(String, i128)>)> {
    map.entries().filter_map(|(name, value)| Some((name.to_owned(), numbers(map_of(value)?)))).collect()
}

fn numbers(map: &Map) -> Vec<(String, i128)> {
    map.entries().filter_map(|(name, _)| Some((name.to_owned(), map.whole(name)?))).collect()
}

fn image(map: &Map) -> Image {
    Image {
        image: map.unsigned("image").unwrap_or_default(),
        slot: map.unsigned("slot").unwrap_or_default(),
        version: map.text("version").unwrap_or_default().to_owned(),
        hash: map.octets("hash").unwrap_or_default().to_vec(),
        is_active: map.flag("active"),
        is_confirmed: map.flag("confirmed"),
        is_pending: map.flag("pending"),
        is_bootable: map.flag("bootable"),
    }
}

/// A value as text, for answers whose form is left to the vendor.
fn plain(value: &Value) -> String {
    match value {
        Value::Unsigned(number) => number.to_string(),
        Value::Negative(number) => number.to_string(),
        Value::Octets(octets) => crate::model::text::hex(octets),
        Value::Text(text) => text.clone(),
        Value::Flag(flag) => (if *flag { "yes" } else { "no" }).to_owned(),
        Value::List(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Map(map) => {
            map.entries().map(|(key, value)| format!("{key}: {}", plain(value))).collect::<Vec<_>>().join(", ")
        }
        Value::Other => String::new(),
    }
}
