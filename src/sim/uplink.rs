//! Whether a simulated gateway is in its network: what joins tells it here, and what publishes waits for it.

use std::sync::Arc;

use tokio::sync::watch;

/// A gateway's way into its network.
#[derive(Clone, Debug)]
pub struct Uplink(Arc<watch::Sender<UplinkState>>);

/// How an uplink stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UplinkState {
    /// Whether the gateway is in its network.
    pub is_up: bool,
    /// How often it was lost: a gateway that restarts and joins again has had another connection in between.
    pub losses: u32,
}

impl Default for Uplink {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(UplinkState::default())))
    }
}

impl Uplink {
    /// The gateway has joined.
    pub fn up(&self) {
        self.0.send_modify(|state| state.is_up = true);
    }

    /// The gateway restarts: what it had is lost; with a network on its card it joins again.
    pub fn restart(&self, has_network: bool) {
        self.0.send_modify(|state| *state = UplinkState { is_up: has_network, losses: state.losses.wrapping_add(1) });
    }

    /// Follows it.
    pub fn watch(&self) -> watch::Receiver<UplinkState> {
        self.0.subscribe()
    }
}
