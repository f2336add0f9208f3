//! What goes into a terminal and comes out of it.

use std::path::PathBuf;

use crate::model::secret::Secret;

/// What a person does in a terminal.
pub enum TerminalInput {
    /// Typed or pasted. It may be a password, so that it is not printable.
    Bytes(Secret<Vec<u8>>),
    /// Send the content of this file, no faster than the line takes it.
    SendFile(PathBuf),
    /// Stop sending the file.
    StopFile,
    /// End the terminal.
    Close,
}

/// What the terminal tells.
pub enum TerminalOutput {
    /// The port is open.
    Opened,
    /// The device wrote. Comes some fifty times a second at most, however much it writes.
    Bytes(Vec<u8>),
    /// A file is on its way.
    FileProgressed {
        /// Octets on the line so far.
        sent: u64,
        /// Octets of the file.
        total: u64,
    },
    /// No file is on its way any more: `None` when all of it was sent, else why not.
    FileEnded {
        /// Octets that were sent.
        sent: u64,
        /// Why it ended early, as the rest of a sentence.
        stopped: Option<String>,
    },
}
