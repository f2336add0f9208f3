//! What can be wrong with a recording, and what had to be repaired in one.

use crate::model::problem::{Explain, Problem};
use crate::model::text::visible;

/// Most skipped blocks that are named one by one.
const NAMED_SKIPS: usize = 8;

/// Why a recording cannot be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the sentence above a variant says what its fields carry")]
pub enum RecordingError {
    /// The file is something else.
    #[error("{path} isn't a recording")]
    NotARecording { path: String },
    /// It was written by a later version.
    #[error("{path} has version {found} of the format")]
    TooNew { path: String, found: u16, known: u16 },
    /// There is no such file.
    #[error("there is no file {path}")]
    NotFound { path: String },
    /// The place for it was refused: something is there already, its folder is missing.
    #[error("{}", _0.what)]
    Refused(Box<Problem>),
    /// The account may not read or write it.
    #[error("no permission for {path}")]
    NoPermission { path: String },
    /// The disk is full.
    #[error("the disk is full at {path}")]
    DiskFull { path: String },
    /// Writing failed in another way.
    #[error("{path} cannot be written: {detail}")]
    NotWritten { path: String, detail: String },
    /// What bears its name now is another file, or nothing.
    #[error("{path} is another file by now")]
    Replaced { path: String },
    /// It was to replace a file, and has nothing in it.
    #[error("nothing came to replace {path} with")]
    NothingCame { path: String },
    /// Reading failed in another way.
    #[error("{path} cannot be read: {detail}")]
    NotRead { path: String, detail: String },
    /// The ring holds nothing of that time.
    #[error("nothing was received in the last {secs} s")]
    NothingKept { secs: u64 },
    /// Only a ring can be asked for its newest part.
    #[error("this isn't a ring")]
    NotARing,
    /// The worker that writes or reads is gone.
    #[error("the worker of {path} has ended")]
    Ended { path: String },
    /// The program was built without that form of export.
    #[error("built without Parquet")]
    NoParquet,
}

impl Explain for RecordingError {
    fn explain(&self) -> Problem {
        let shown = |path: &str| visible(path, 160);
        match self {
            Self::NotARecording { path } => Problem::new(
                "recording.not_a_recording",
                format!("{} isn't a Linesman recording", shown(path)),
                "It is another kind of file, or was damaged at its very beginning",
                format!("Choose a file that Linesman recorded; its name usually ends in .{}", super::EXTENSION),
            ),
            Self::TooNew { path, found, known } => Problem::new(
                "recording.too_new",
                format!("{} has version {found} of the format; this program knows {known}", shown(path)),
                "It was recorded with a newer version of Linesman",
                "Open it with that version, or export it there as JSON lines",
            ),
            Self::NotFound { path } => Problem::new(
                "recording.not_found",
                format!("There is no recording or folder {}", shown(path)),
                "It was moved or deleted, or the name is misspelled",
                "Check the name and the folder",
            ),
            Self::Refused(problem) => problem.as_ref().clone(),
            Self::NoPermission { path } => Problem::new(
                "recording.no_permission",
                format!("No permission to use {}", shown(path)),
                "The file or its folder belongs to another account or is read-only",
                "Choose a folder of your own",
            ),
            Self::DiskFull { path } => Problem::new(
                "recording.disk_full",
                format!("The disk is full; recording to {} stopped", shown(path)),
                "There is no room left on it, or a quota or a limit for file sizes is used up",
                "Free some space and start a new recording; what was written before can be opened",
            ),
            Self::NotWritten { path, detail } => Problem::new(
                "recording.not_written",
                format!("{} can't be written any more", shown(path)),
                "The disk was removed, or the folder is missing or read-only",
                "Choose another folder and start again; what was written before can be opened",
            )
            .with_detail(visible(detail, 300)),
            Self::Replaced { path } => Problem::new(
                "recording.replaced",
                format!("{} isn't the file any more that was being recorded to", shown(path)),
                "Somebody deleted, moved or replaced it meanwhile",
                "Look whether it has another name now; else record again, into a folder that nothing else writes to",
            ),
            Self::NothingCame { path } => Problem::new(
                "recording.nothing_came",
                format!("No message was received, so {} is what it was before", shown(path)),
                "Nothing was sent on the topics subscribed to, or not for long enough",
                "Record for longer, or delete the file first if an empty recording is meant to replace it",
            ),
            Self::NotRead { path, detail } => Problem::new(
                "recording.not_read",
                format!("{} cannot be read", shown(path)),
                "The disk was removed or has a fault",
                "Copy the file to another disk and open the copy",
            )
            .with_detail(visible(detail, 300)),
            Self::NothingKept { secs } => Problem::new(
                "recording.nothing_kept",
                format!("No message arrived in the last {secs} s, so nothing was saved"),
                "The gateways were silent, or the connection was lost for that time",
                "Save a longer time, or wait for the next message",
            ),
            Self::NotARing => Problem::new(
                "recording.not_a_ring",
                "The last minutes can be saved only from the ring on disk",
                "The ring is switched off, or could not be started",
                "Switch the ring on, or stop the recording and use its file",
            ),
            Self::Ended { path } => Problem::new(
                "recording.ended",
                format!("{} is closed", shown(path)),
                "The recording was closed while it was in use",
                "Open it again, or start a new one",
            ),
            Self::NoParquet => Problem::new(
                "recording.no_parquet",
                "This build of Linesman cannot write Parquet",
                "It was built without the feature `parquet`",
                "Build it with `cargo build --release --features parquet`, or export as CSV or JSON lines",
            ),
        }
    }
}

/// What was wrong with a recording that could be opened all the same. The file itself stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repairs {
    /// What it says about itself cannot be read.
    pub is_header_damaged: bool,
    /// It has no index, or not a good one: its writer was cut off.
    pub is_unfinished: bool,
    /// Bytes at the end that belong to no whole block.
    pub cut_bytes: u64,
    /// Places within that were left out: the first ones.
    pub skips: Vec<Skip>,
    /// How many there are in all.
    pub skip_count: u64,
    /// Places where blocks are missing, by the numbers of those around them.
    pub gaps: u64,
    /// Blocks that stand behind later ones, or twice.
    pub out_of_order: u64,
    /// Whether another recording begins within it.
    pub is_joined: bool,
    /// What is not there because of all that.
    pub left_out: LeftOut,
}

/// What was left out of a recording, because it is damaged or lacks it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Messages, as far as they can be counted.
    pub messages: u64,
    /// Whether something was left out of which nobody knows how many messages it held.
    pub is_more: bool,
}

impl LeftOut {
    /// Whether nothing was.
    pub const fn is_nothing(self) -> bool {
        self.messages == 0 && !self.is_more
    }

    /// As a person reads it; `None` if nothing can be counted.
    fn told(self) -> Option<String> {
        let Self { messages, is_more } = self;
        let or_more = if is_more { " or more" } else { "" };
        match messages {
            0 => None,
            1 if !is_more => Some("1 message is missing".to_owned()),
            messages => Some(format!("{messages}{or_more} messages are missing")),
        }
    }
}

/// A place that was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skip {
    /// Where it begins in the file.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
    /// How many messages were in it, if that is known.
    pub messages: Option<u64>,
}

impl Repairs {
    /// Notes a place that was left out.
    pub(super) fn skip(&mut self, skip: Skip) {
        self.skip_count += 1;
        self.left_out.is_more |= skip.messages.is_none();
        if self.skips.len() < NAMED_SKIPS {
            self.skips.push(skip);
        }
    }

    /// What a person reads; `None` if nothing was wrong.
    pub fn explain(&self) -> Option<Problem> {
        let mut parts = Vec::new();
        if self.is_header_damaged {
            parts.push("its description of itself can't be read".to_owned());
        }
        if self.is_unfinished {
            parts.push("its index was rebuilt".to_owned());
        }
        if self.cut_bytes > 0 {
            let (bytes, were) = if self.cut_bytes == 1 { ("byte", "was") } else { ("bytes", "were") };
            parts.push(format!("{} {bytes} at its end {were} skipped", self.cut_bytes));
        }
        if self.skip_count > 0 {
            let (places, were) = if self.skip_count == 1 { ("place", "was") } else { ("places", "were") };
            parts.push(format!("{} damaged {places} in it {were} skipped", self.skip_count));
        }
        if self.is_joined {
            parts.push("another recording begins within it".to_owned());
        }
        if self.out_of_order > 0 {
            parts.push("its blocks aren't in their order".to_owned());
        }
        parts.extend(self.left_out.told());
        if parts.is_empty() {
            return None;
        }
        let is_damaged = self.is_header_damaged || self.skip_count + self.gaps + self.out_of_order > 0;
        let cause = if self.is_joined {
            "Two recordings were joined into one file"
        } else if is_damaged {
            "The file was damaged on its disk or on the way here, or was made of a damaged one"
        } else {
            "The program or the computer was stopped before the recording was finished"
        };
        let named: Vec<String> = self.skips.iter().map(Skip::told).collect();
        let problem = Problem::new(
            "recording.repaired",
            format!("The recording isn't whole: {}", parts.join(", ")),
            cause,
            "Use what can be read of it, or another copy; the file itself was not changed",
        );
        Some(if named.is_empty() { problem } else { problem.with_detail(named.join("; ")) })
    }
}

impl Skip {
    fn told(&self) -> String {
        let Self { offset, bytes, messages } = self;
        match messages {
            Some(messages) => format!("{bytes} bytes at {offset}: {messages} messages"),
            None => format!("{bytes} bytes at {offset}: unknown how many messages"),
        }
    }
}
