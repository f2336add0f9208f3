//! The drivers as the flows know them: how each opens a link for a commissioning session, and for managing a gateway.
//!
//! A driver brings a [`Unit`] along and stands in the list below with one line; no flow knows any of them by name.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::check::Shell;
use super::device::{DeviceError, Management};
use super::driver::{Driver, Limits};
use super::error::SessionError;
use super::port::{BleError, Boxed, GattLink, Link, LinkError, Links};
use super::report::Report;
use super::transcript::SharedTranscript;
use super::wipe::Wiper;
use super::{console, esp, improv, smp};
use crate::model::access::Access;
use crate::model::drivers::USUAL_BAUD;
use crate::model::gateway::ProvisioningState;
use crate::model::ids::{DriverId, LinkAddress, LinkKind};
use crate::profile::DriverSettings;

/// The drivers: a line each.
const UNITS: &[&Unit] = &[&improv::UNIT, &esp::UNIT, &smp::UNIT, &console::UNIT];

/// How long opening a port may take.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// How long finding and connecting a Bluetooth device may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(45);

/// What a driver is to the flows.
pub(super) struct Unit {
    /// Which it is.
    pub(super) id: DriverId,
    /// How long each step may take over a link.
    pub(super) limits: fn(LinkKind) -> Limits,
    /// What is waited for while the gateway is being reached.
    pub(super) waits_for: fn(LinkKind) -> &'static str,
    /// Opens the link of a commissioning session.
    pub(super) open: Open,
    /// Opens the link and begins to manage, where the driver can.
    pub(super) manage: Option<Manage>,
    /// Opens the link to a shell that runs commands for a network check, where the driver has one.
    pub(super) shell: Option<OpenShell>,
    /// Opens the link to take a gateway out of service.
    pub(super) wipe: OpenWipe,
}

type Open = for<'a> fn(&'a Opening) -> Boxed<'a, Result<Box<dyn Driver>, SessionError>>;
type Manage = for<'a> fn(&'a Opening) -> Boxed<'a, Result<Box<dyn Management>, DeviceError>>;

pub(super) type OpenWipe = for<'a> fn(&'a Opening) -> Boxed<'a, Result<Box<dyn Wiper>, DeviceError>>;
pub(super) type OpenShell = for<'a> fn(&'a Opening) -> Boxed<'a, Result<Box<dyn Shell>, DeviceError>>;

/// The driver that has a shell over such a link, the one that was named first.
pub(super) fn with_shell(named: Option<DriverId>, link: LinkKind) -> Option<&'static Unit> {
    let has_shell = |unit: &&Unit| unit.shell.is_some() && unit.id.is_available_over(link);
    let is_named = |unit: &&Unit| named.is_none_or(|named| named == unit.id);
    // A console on a cable is a login more often than anything else.
    UNITS.iter().rev().copied().filter(has_shell).find(is_named)
}

/// The unit of a driver, if it runs over the link.
pub(super) fn unit(driver: DriverId, link: LinkKind) -> Result<&'static Unit, SessionError> {
    let unit = UNITS.iter().copied().find(|unit| unit.id == driver && driver.is_available_over(link));
    unit.ok_or(SessionError::DriverMissing { driver, link })
}

/// Opens a link and begins the conversation. A pairing swallows the question that began it with some systems: then the
/// connection is made once more, now that both sides know each other.
pub(super) async fn open_and_greet(
    unit: &Unit,
    opening: &Opening,
    place: &mut Option<Box<dyn Driver>>,
) -> Result<ProvisioningState, SessionError> {
    match greet_once(unit, opening, place).await {
        Err(SessionError::Link(LinkError::Ble(BleError::LostToPairing { .. }))) => {
            if let Some(mut device) = place.take() {
                device.close().await;
            }
            opening.transcript.note(opening.report.elapsed(), "paired; the connection is made once more");
            greet_once(unit, opening, place).await
        }
        greeted => greeted,
    }
}

async fn greet_once(
    unit: &Unit,
    opening: &Opening,
    place: &mut Option<Box<dyn Driver>>,
) -> Result<ProvisioningState, SessionError> {
    place.insert((unit.open)(opening).await?).hello().await
}

/// What opening a link takes.
pub(super) struct Opening {
    /// Where the gateway is.
    pub(super) link: LinkAddress,
    /// Where bytes come from.
    pub(super) links: Arc<dyn Links>,
    /// What lets us in.
    pub(super) access: Access,
    /// How the profile sets the driver up.
    pub(super) settings: Option<DriverSettings>,
    /// Where progress goes.
    pub(super) report: Report,
    /// Where bytes are noted.
    pub(super) transcript: SharedTranscript,
}

impl Opening {
    /// Opens a link that carries bytes, a serial one at the speed the profile names.
    pub(super) async fn port(&self) -> Result<Link, LinkError> {
        let baud = self.settings.as_ref().map_or(USUAL_BAUD, DriverSettings::baud);
        let opened = timeout(OPEN_LIMIT, self.links.open_at(&self.link, baud)).await;
        opened.unwrap_or_else(|_| Err(self.failed("opening it took too long")))
    }

    /// Finds and connects a Bluetooth device.
    pub(super) async fn radio(&self) -> Result<GattLink, LinkError> {
        let connected = timeout(CONNECT_LIMIT, self.links.connect(&self.link)).await;
        let late = |_| Err(BleError::NotHeard { device: self.link.place().to_owned() }.into());
        connected.unwrap_or_else(late)
    }

    fn failed(&self, detail: &str) -> LinkError {
        LinkError::Io { port: self.link.place().to_owned(), detail: detail.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_driver_is_a_unit_and_manages_where_it_says_so() {
        for driver in DriverId::ALL {
            let units: Vec<_> = UNITS.iter().filter(|unit| unit.id == *driver).collect();
            assert_eq!(units.len(), 1, "{driver} stands once in the list");
            assert_eq!(units[0].manage.is_some(), driver.facts().offers.management, "{driver}");
            for link in driver.facts().links {
                let limits = (units[0].limits)(*link);
                assert!(!limits.connect.is_zero() && !limits.question.is_zero(), "{driver} over {link}");
            }
        }
    }
}
