//! Which gateways this program holds by an open session or terminal: nothing else reaches them over that link meanwhile.

use std::collections::BTreeSet;
use std::time::Instant;

use super::commission::CommissionAction;
use super::device::{Device, DeviceAction};
use super::terminal::{Port, TerminalAction};
use super::{App, Desk};
use crate::model::ids::LinkAddress;
use crate::msg::Command;

impl App {
    /// Whether a session or terminal of this program is open at a gateway, over that link.
    pub fn holds(&self, link: &LinkAddress) -> bool {
        self.commission.of(link).is_some_and(|one| one.open_session().is_some())
            || self.device.of(link).is_some_and(Device::is_open)
            || self.terminal.of(link).is_some_and(|one| matches!(one.port(), Port::Opening | Port::Open))
    }

    /// The links of all gateways that are held: those that a person was at are looked through, not the whole list.
    pub fn held(&self) -> BTreeSet<&LinkAddress> {
        let at = self.commission.links().map(|(link, _)| link);
        let at = at.chain(self.device.links().map(|(link, _)| link)).chain(self.terminal.links().map(|(link, _)| link));
        at.filter(|link| self.holds(link)).collect()
    }

    /// The gateways of the batch that are held, in its order.
    pub fn held_of_batch(&self) -> Vec<LinkAddress> {
        let links = self.batch.rows().iter().filter_map(|row| row.head.place.parse().ok());
        links.filter(|link| self.holds(link)).collect()
    }

    /// Closes what holds gateways of the batch.
    pub(super) fn let_go_of_batch(&mut self, now: Instant) -> Vec<Command> {
        let held = self.held_of_batch();
        let Self { commission, device, terminal, catalog, jobs, toasts, .. } = self;
        let desk = &mut Desk { catalog, jobs, toasts, now };
        let mut commands = Vec::new();
        for link in &held {
            if let Some(one) = commission.of_mut(link) {
                commands.extend(one.act(CommissionAction::Closed, desk));
            }
            if let Some(one) = device.of_mut(link) {
                commands.extend(one.act(DeviceAction::Closed, None, None, desk));
            }
            if let Some(one) = terminal.of_mut(link) {
                commands.extend(one.act(TerminalAction::Closed, desk));
            }
        }
        commands
    }
}
