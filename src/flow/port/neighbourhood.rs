//! What this computer itself can see of an address in its own network.

use core::net::IpAddr;

use super::Boxed;

/// Looks from this computer.
pub trait Neighbourhood: Send + Sync {
    /// Looks whether an address in one of this computer's own networks answers. To an address elsewhere nothing is sent.
    fn look(&self, address: IpAddr) -> Boxed<'_, Sight>;

    /// Addresses that the system has learnt for these hardware addresses. Nothing is sent, and none need answer any more.
    fn learnt(&self, macs: &[[u8; 6]]) -> Vec<IpAddr> {
        let _ = macs;
        Vec::new()
    }
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// This computer has no address in that network.
    Elsewhere,
    /// The address is in one of its networks.
    Here {
        /// The interface it was looked at from.
        interface: String,
        /// Whether something answered.
        has_answered: bool,
        /// The hardware address that the system learnt for it.
        mac: Option<[u8; 6]>,
    },
}
