//! Gateways: the list, and beside it what belongs to the gateway selected, or what is done with several of them.

mod batch;
mod columns;
mod detail;
mod device;
mod facts;
mod history;
mod list;
mod reach;
mod removals;
mod remove;
pub(super) mod set_up;
mod standing;
mod telemetry;
mod terminal;

use egui::Ui;

use super::pass::Pass;
use super::theme::TWO_PANES_FROM;
use super::widgets::{Button, split};
use crate::app::gateways::Detail;
use crate::app::{Action, App};
use crate::ui::icon;

/// The field that filters the list.
pub(super) const FILTER: &str = "gateway-filter";

/// A place without what all of its kind have: of `serial:/dev/ttyUSB0` the name `ttyUSB0`, so that what differs is seen in a
/// column.
fn short_place(place: &str) -> &str {
    let kinds = ["serial:", "serial-number:", "name:", "ble:"];
    let bare = kinds.iter().find_map(|kind| place.strip_prefix(kind)).unwrap_or(place);
    bare.strip_prefix("/dev/").unwrap_or(bare)
}

/// Draws Gateways.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    if ui.ctx().content_rect().width() >= TWO_PANES_FROM {
        split(
            ui,
            "gateways",
            0.47,
            |ui, is_side| if is_side { side(ui, app, pass) } else { list::show(ui, app, pass) },
        );
        return;
    }
    // One column: the list, or the detail with a way back.
    let is_open = app.detail() == Detail::Batch || app.discover.selected().is_some();
    if !is_open {
        return list::show(ui, app, pass);
    }
    if Button::new("All gateways").icon(icon::BACK).quiet().named("Back to the list of gateways").pressed(ui) {
        pass.did(Action::WentBack);
    }
    side(ui, app, pass);
}

fn side(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    match app.detail() {
        Detail::Batch => batch::show(ui, app, pass),
        Detail::Gateway => detail::show(ui, app, pass),
    }
}
