//! What goes into a terminal and comes out of it.

use crate::model::secret::Secret;

/// What a person does in a terminal.
pub enum TerminalInput {
    /// Typed or pasted. It may be a password, so that it is not printable.
    Bytes(Secret<Vec<u8>>),
    /// End the terminal.
    Close,
}

/// What the terminal tells.
pub enum TerminalOutput {
    /// The device wrote.
    Bytes(Vec<u8>),
}
