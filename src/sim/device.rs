//! What every simulated gateway is: a state machine that takes bytes and times and does things to its line.

use std::time::Instant;

/// What a device does to the line.
#[derive(Debug, PartialEq, Eq)]
pub enum Emission {
    /// It writes.
    Bytes(Vec<u8>),
    /// It goes away.
    DropLink,
}

/// A simulated gateway on a link that carries bytes.
pub trait SimulatedDevice: Send {
    /// Takes in what the client wrote.
    fn handle_bytes(&mut self, bytes: &[u8], now: Instant);

    /// Takes in a pulse on the reset line.
    fn handle_reset(&mut self, now: Instant);

    /// When something is due next.
    fn poll_timeout(&self) -> Option<Instant>;

    /// What the device does by `now`, one thing a call.
    fn poll_emission(&mut self, now: Instant) -> Option<Emission>;
}
