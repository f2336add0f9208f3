//! What can be asked of a gateway under management, and what it tells: the vocabulary of the screen Device.

/// What can be asked.
pub enum DeviceRequest {
    /// End the job in an orderly way.
    Close,
}

/// What is told.
pub enum DeviceProgress {
    /// It waits for the next request.
    Ready,
}
