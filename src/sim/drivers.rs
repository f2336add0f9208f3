//! The simulated gateways by driver: how each is made and served. One line for each driver.

use std::sync::{Arc, Mutex};

use super::card::Card;
use super::device::SimulatedDevice;
use super::esp::EspDevice;
use super::link::SimulatedLinks;
use super::site::{GatewayPlan, SimError, SimulatedGateway};
use super::{console, esp, improv, smp};
use crate::flow::port::Boxed;
use crate::model::ids::{DriverId, LinkAddress, LinkKind};

/// The drivers: a line each.
const UNITS: &[&Unit] = &[&improv::UNIT, &esp::UNIT, &smp::UNIT, &console::UNIT];

/// What a driver is to the simulator.
pub(super) struct Unit {
    /// Which it is.
    pub(super) id: DriverId,
    /// The gateway of a plan on a link that carries bytes, where one device does for them all.
    pub(super) device: Option<Build>,
    /// How a gateway is served over each link, the usual one first.
    pub(super) links: &'static [(LinkKind, Serve)],
    /// Puts a gateway on the simulated air.
    pub(super) radio: Option<PutOnAir>,
    /// What lets a client in: user name and secret.
    pub(super) access: fn(&GatewayPlan) -> Option<(String, String)>,
}

/// Builds the gateway of a plan for a link.
pub(super) type Build = fn(&GatewayPlan, LinkKind) -> Result<Box<dyn SimulatedDevice>, SimError>;

/// Puts the gateway of a plan on the simulated air.
pub(super) type PutOnAir = fn(SimulatedLinks, LinkAddress, &GatewayPlan) -> Result<SimulatedLinks, SimError>;

/// Starts a gateway behind a link.
pub(super) type Serve = for<'a> fn(&'a GatewayPlan) -> Boxed<'a, Result<SimulatedGateway, SimError>>;

/// What simulates a driver.
pub(super) fn unit(driver: DriverId) -> Option<&'static Unit> {
    UNITS.iter().copied().find(|unit| unit.id == driver)
}

/// The drivers that can be simulated, each with its links.
pub(super) fn all() -> impl Iterator<Item = (DriverId, Vec<LinkKind>)> {
    UNITS.iter().map(|unit| (unit.id, unit.links.iter().map(|(link, _)| *link).collect()))
}

/// The card of a plan.
pub(super) fn card(plan: &GatewayPlan) -> Result<Card, SimError> {
    match &plan.card {
        Some(folder) => Card::at(folder).map_err(|source| SimError::Card { folder: folder.clone(), source }),
        None => Ok(Card::in_memory()),
    }
}

/// The Espressif device of a plan.
pub(super) fn esp_device(plan: &GatewayPlan) -> Result<Arc<Mutex<EspDevice>>, SimError> {
    let card = card(plan)?;
    Ok(Arc::new(Mutex::new(EspDevice::new(plan.esp.clone(), plan.air.clone(), card, &plan.faults))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_driver_can_be_simulated_over_links_it_runs_over() {
        for driver in DriverId::ALL {
            let unit = unit(*driver).unwrap_or_else(|| panic!("{driver} has no simulator"));
            assert!(!unit.links.is_empty(), "{driver}");
            assert!(unit.links.iter().all(|(link, _)| driver.is_available_over(*link)), "{driver}");
        }
    }
}
