//! [`Items`]: what is watched beside what is shown. Each live connection and each recording is an item with a screen state of
//! its own; opening one never ends another, and each is closed by its name.

use super::connect::ConnectForm;
use super::{Inspection, Telemetry, TelemetryAction};
use crate::app::{App, Desk};
use crate::model::ids::JobId;
use crate::msg::{Command, JobEnd};

/// The items that are not shown, and the form of a connection that was not made yet.
#[derive(Default)]
pub struct Items {
    others: Vec<Telemetry>,
    draft: Option<Box<ConnectForm>>,
    /// The memory that each item was told last, in bytes.
    pub(in crate::app) share: usize,
}

/// An item as a list shows it.
pub struct Item<'a> {
    /// What it watches.
    pub inspection: &'a Inspection,
    /// Whether it is the one shown.
    pub is_shown: bool,
    /// Messages it holds.
    pub held: u64,
}

impl Items {
    fn position(&self, job: JobId) -> Option<usize> {
        self.others.iter().position(|one| one.inspection().is_some_and(|inspection| inspection.job == job))
    }

    /// The screen of an item that is not shown.
    pub(in crate::app) fn of(&mut self, job: JobId) -> Option<&mut Telemetry> {
        let place = self.position(job)?;
        self.others.get_mut(place)
    }

    /// All that are not shown, to look at.
    pub(in crate::app) fn others(&self) -> impl Iterator<Item = &Telemetry> {
        self.others.iter()
    }

    /// All that are not shown.
    pub(in crate::app) fn others_mut(&mut self) -> impl Iterator<Item = &mut Telemetry> {
        self.others.iter_mut()
    }
}

impl App {
    /// What is watched, in the order in which it was opened.
    pub fn items(&self) -> Vec<Item<'_>> {
        let shown = std::iter::once((&self.telemetry, true));
        let all = shown.chain(self.items.others.iter().map(|one| (one, false)));
        let open = |inspection: &&Inspection| inspection.is_open();
        let mut items: Vec<Item<'_>> = all
            .filter_map(|(one, is_shown)| {
                let inspection = one.inspection().filter(open)?;
                Some(Item { inspection, is_shown, held: one.counters().held })
            })
            .collect();
        items.sort_by_key(|item| item.inspection.job);
        items
    }

    /// The live connection: the one shown, else the one opened first.
    pub fn live(&self) -> Option<&Inspection> {
        let items = self.items();
        let live = |item: &&Item<'_>| !item.inspection.is_replay;
        let shown = items.iter().filter(live).find(|item| item.is_shown);
        shown.or_else(|| items.iter().find(live)).map(|item| item.inspection)
    }

    /// Does what the user did on Telemetry: what is about the items here, all else on the item shown.
    pub(in crate::app) fn on_items(&mut self, action: TelemetryAction, desk_now: std::time::Instant) -> Vec<Command> {
        match &action {
            TelemetryAction::ShowedItem(job) => {
                self.show_item(*job);
                self.telemetry.turn(&TelemetryAction::ShowedConnection(false));
                return Vec::new();
            }
            TelemetryAction::Began => {
                self.make_room();
                self.telemetry.show_form();
                return Vec::new();
            }
            TelemetryAction::UsedSaved(place) => return self.use_saved(*place, desk_now),
            TelemetryAction::ClosedItem(job) => {
                self.show_item(*job);
                return self.on_shown(TelemetryAction::Closed, desk_now);
            }
            TelemetryAction::OpenedRecording(path) => {
                self.settings.remember_recording(path, desk_now);
                self.make_room();
            }
            // A recording isn't given up for a connection.
            TelemetryAction::Connected if self.telemetry.inspection().is_some_and(|one| one.is_replay) => {
                let form = std::mem::take(&mut self.telemetry.form);
                self.make_room();
                self.telemetry.form = form;
            }
            TelemetryAction::TookAddress(url) if !self.telemetry.is_of(url) => self.make_room(),
            _ => {}
        }
        self.on_shown(action, desk_now)
    }

    /// Shows what is connected that way already, else connects; a form that lacks its secret asks for it.
    fn use_saved(&mut self, place: usize, now: std::time::Instant) -> Vec<Command> {
        let Some(saved) = self.settings.values.connections.get(place).cloned() else { return Vec::new() };
        let is_same = |item: &Item<'_>| !item.inspection.is_replay && saved.is_of(&item.inspection.name);
        if let Some(job) = self.items().into_iter().find(is_same).map(|item| item.inspection.job) {
            return self.on_items(TelemetryAction::ShowedItem(job), now);
        }
        self.make_room();
        self.telemetry.show_form();
        self.telemetry.form.take(&saved);
        if self.telemetry.form.lacks_secret() {
            self.telemetry.form.wants_secret_focus = true;
            return Vec::new();
        }
        self.on_shown(TelemetryAction::Connected, now)
    }

    fn on_shown(&mut self, action: TelemetryAction, now: std::time::Instant) -> Vec<Command> {
        let Self { telemetry, settings, catalog, jobs, toasts, .. } = self;
        telemetry.act(action, settings, &mut Desk { catalog, jobs, toasts, now })
    }

    /// Puts what is watched aside, so that something else can be watched beside it.
    pub(in crate::app) fn make_room(&mut self) {
        if self.telemetry.job().is_none() {
            return;
        }
        let form = self.items.draft.take().map_or_else(|| self.fresh_form(), |form| *form);
        let fresh = Telemetry { form, ..Telemetry::default() };
        self.swap(fresh);
    }

    /// A form as at the start: that of a demo holds the address of its broker.
    fn fresh_form(&self) -> ConnectForm {
        let mut form = ConnectForm::default();
        if let Some(broker) = self.demo().and_then(|demo| demo.broker.as_deref()) {
            form.take_demo(broker);
        }
        form
    }

    pub(in crate::app) fn show_item(&mut self, job: JobId) {
        if let Some(place) = self.items.position(job) {
            let item = self.items.others.remove(place);
            self.swap(item);
        }
    }

    /// Shows another screen state. The one before is put aside; of one without an inspection the form alone is kept. The
    /// bench broker belongs to the window, not to an item.
    fn swap(&mut self, item: Telemetry) {
        let mut before = std::mem::replace(&mut self.telemetry, item);
        self.telemetry.panes.bench = std::mem::take(&mut before.panes.bench);
        if before.job().is_some() {
            self.items.others.push(before);
        } else {
            self.items.draft = Some(Box::new(before.form));
        }
    }

    /// The job of an item ended. One that was closed is gone, and the newest of the others takes its place.
    pub(in crate::app) fn item_finished(&mut self, job: JobId, end: JobEnd) {
        let has_failed = matches!(end, JobEnd::Failed(_));
        if let Some(place) = self.items.position(job) {
            // A failure is shown with its reason; there is nothing more to see of what was closed.
            if has_failed {
                self.show_item(job);
            } else {
                drop(self.items.others.remove(place));
                return;
            }
        }
        let is_shown = self.telemetry.job() == Some(job);
        self.telemetry.finished(job, end);
        if is_shown
            && !has_failed
            && let Some(next) = self.items.others.pop()
        {
            self.swap(next);
        }
    }
}
