//! Simulated gateways: they speak their driver's bytes over a pseudo-terminal or an in-process link, keep what they
//! learn on a "card" in a folder, join simulated access points, and misbehave on request.
//!
//! [`network`] has the servers that a gateway would have to reach. The code under test is the same as with real hardware, from the link up. Nothing here is used for a real gateway.

mod air;
mod card;
pub mod cloud;
mod console;
mod device;
mod drivers;
mod esp;
pub mod fault_proxy;
mod gatt;
mod improv;
mod improv_ble;
mod link;
pub mod network;
#[cfg(unix)]
mod pty;
mod site;
mod smp;
pub mod telemetry;
mod uplink;

pub use crate::model::fault::Fault;
pub use air::{AccessPoint, Air};
pub use card::Card;
pub use console::{ACCOUNT as CONSOLE_ACCOUNT, ConsoleDevice, PASSWORD as CONSOLE_PASSWORD};
pub use device::{Emission, SimulatedDevice};
pub use esp::{EspDevice, EspPlan};
pub use gatt::{AttError, GattDevice, GattEmission};
pub use improv::ImprovDevice;
pub use improv_ble::ImprovBle;
pub use link::SimulatedLinks;
pub use site::{GatewayPlan, SimError, SimulatedGateway, Site, access, is_on_ports, start, start_gateway};
pub use smp::{SmpDevice, SmpFraming, Store};
pub use uplink::{Uplink, UplinkState};
