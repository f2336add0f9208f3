//! Many gateways in one go: what can be asked, and what is told.

/// What can be asked of a batch.
pub enum BatchCommand {
    /// Begin no further row; those under way run to their end.
    Pause,
    /// Go on.
    Resume,
}

/// What a batch tells.
pub enum BatchEvent {
    /// It begins no further row until it is told to go on.
    Paused,
}
