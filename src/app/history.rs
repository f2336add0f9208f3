//! The tab History as a view model: the timeline of the gateway selected, and which part of it is shown.

use super::App;
use super::discover::own_name;
use super::loaded::Loaded;
use super::records::filter::{FilterAction, Shown};
use crate::model::gateway::Sighting;
use crate::model::ids::LinkKind;
use crate::model::problem::Problem;
use crate::model::timeline::Happened;
use crate::msg::Command;

/// Entries shown at first; "Show older" doubles it.
const FIRST: usize = 50;

/// What the user did on the tab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryAction {
    /// Chose what is shown.
    Filtered(FilterAction),
    /// Asked for older entries too.
    AskedForMore,
}

/// The tab.
pub struct History {
    /// Everything on record of the gateway, newest first.
    pub list: Loaded<Vec<Happened>>,
    shown: Shown,
    /// The texts by which the gateway was asked for.
    names: Vec<String>,
    limit: usize,
}

impl Default for History {
    fn default() -> Self {
        Self { list: Loaded::NotAsked, shown: Shown::default(), names: Vec::new(), limit: FIRST }
    }
}

impl History {
    /// What is chosen.
    pub const fn shown(&self) -> &Shown {
        &self.shown
    }

    /// The entries that are shown, and how many older ones are left out.
    pub fn entries(&self) -> (Vec<&Happened>, usize) {
        let all = self.list.value().into_iter().flatten().filter(|one| self.shown.holds(&one.job));
        let mut entries: Vec<&Happened> = all.collect();
        let older = entries.len().saturating_sub(self.limit);
        entries.truncate(self.limit);
        (entries, older)
    }

    pub(super) fn act(&mut self, action: HistoryAction) {
        match action {
            HistoryAction::Filtered(action) => self.shown.act(action),
            HistoryAction::AskedForMore => self.limit *= 2,
        }
    }

    /// Asks for the timeline of a gateway. That of another one isn't shown meanwhile.
    fn ask(&mut self, names: Vec<String>) -> Command {
        if names != self.names {
            (self.list, self.limit) = (Loaded::NotAsked, FIRST);
            self.names.clone_from(&names);
        }
        self.list.ask();
        Command::ShowTimeline { names }
    }

    /// Takes in an answer, unless another gateway was asked for in between.
    pub(super) fn listed(&mut self, names: &[String], answer: Result<Vec<Happened>, Problem>) {
        if self.names == names {
            self.list.settle(answer);
        }
    }
}

impl App {
    /// Asks for the timeline of the gateway selected.
    pub(super) fn refresh_history(&mut self) -> Option<Command> {
        let row = self.discover.selected().and_then(|link| self.discover.row(link))?;
        let marks = self.discover.marks_of(&row.link);
        let names = names(
            row,
            marks.and_then(|marks| marks.serial.as_deref()),
            marks.and_then(|marks| marks.machine.as_deref()),
        );
        Some(self.history.ask(names))
    }
}

/// The texts by which a gateway is known on record, the surest first. Of one that told no name only the link is known: another
/// gateway may have been there.
fn names(row: &Sighting, serial: Option<&str>, machine: Option<&str>) -> Vec<String> {
    let mac = (row.link.kind() == LinkKind::Ble).then(|| row.link.place());
    let link = own_name(row).is_none().then(|| row.link.to_string());
    let known = [serial, mac, machine, own_name(row)].into_iter().flatten().map(str::to_owned);
    known.chain(link).collect()
}
