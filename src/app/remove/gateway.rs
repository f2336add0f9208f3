//! The gateway that a removal is about: the plan of its profile, and the connection that Telemetry has to its broker.

use std::time::Instant;

use super::{RemoveAction, Target};
use crate::app::discover::display_name;
use crate::app::telemetry::Inspection;
use crate::app::telemetry::connect::ConnectForm;
use crate::app::{App, Desk};
use crate::model::drivers::{self, Wanted};
use crate::model::ids::DriverId;
use crate::model::wipe::Plan;
use crate::msg::Command;
use crate::profile::Profile;

impl App {
    /// The plan by which the gateway selected is taken out of service; nothing where its profile has none.
    pub fn removal(&self) -> Option<Plan> {
        let (profile, driver) = self.removing()?;
        profile.removal(driver)
    }

    /// Whether the driver that removes it keeps settings, of which a removal can be told the keys.
    pub fn removal_reads_settings(&self) -> bool {
        self.removing().is_some_and(|(_, driver)| driver.facts().takes.contains(&drivers::Place::Setting))
    }

    /// What the driver that removes it wants before it opens a session.
    pub fn removal_access(&self) -> Option<Wanted> {
        self.removing().and_then(|(_, driver)| driver.facts().wanted)
    }

    fn removing(&self) -> Option<(&Profile, DriverId)> {
        let (link, _) = self.commission.gateway()?;
        let profile = self.catalog.get(self.commission.profile()?)?;
        Some((profile, profile.wiping_driver(link.kind())))
    }

    /// The serial number that the gateway selected reported earlier: what confirms its removal.
    pub fn removal_serial(&self) -> Option<&str> {
        let (link, _) = self.commission.gateway()?;
        self.discover.marks_of(link)?.serial.as_deref()
    }

    /// The connection in Telemetry that can stand for the look at the broker: the gateway's own, or the live one.
    pub fn connection_to_look_with(&self) -> Option<&str> {
        self.connection_of_gateway().map(|(inspection, _)| inspection.name.as_str())
    }

    fn connection_of_gateway(&self) -> Option<(&Inspection, &ConnectForm)> {
        let all = std::iter::once(&self.telemetry).chain(self.items.others());
        let connected = all.filter_map(|one| one.inspection().map(|inspection| (inspection, &one.form)));
        let connected: Vec<_> = connected.filter(|(one, _)| one.is_connected() && !one.is_replay).collect();
        let name = self.discover.selected().and_then(|link| self.discover.row(link)).map(display_name);
        let own = connected.iter().find(|(one, _)| one.gateway.is_some() && one.gateway.as_deref() == name.as_deref());
        own.or_else(|| connected.first()).copied()
    }

    pub(in crate::app) fn on_remove(&mut self, action: RemoveAction, now: Instant) -> Vec<Command> {
        if matches!(action, RemoveAction::TookConnection) {
            let mut look = std::mem::take(&mut self.remove.look);
            if let Some((_, form)) = self.connection_of_gateway() {
                look.take(form);
            }
            self.remove.look = look;
            return Vec::new();
        }
        let Self { remove, commission, catalog, jobs, toasts, .. } = self;
        let target = commission.gateway().map(|(link, _)| {
            let profile = commission.profile().cloned();
            let known = profile.as_ref().and_then(|id| catalog.get(id));
            let usual = || DriverId::usual_over(link.kind());
            let driver = known.map_or_else(usual, |profile| profile.wiping_driver(link.kind()));
            Target { link: link.clone(), profile, driver, access: commission.access.given(driver) }
        });
        remove.act(action, target, &mut Desk { catalog, jobs, toasts, now })
    }
}
