//! The tab Messages: topics or the live list, the history of a topic, and a message, as three panes whose dividers move.
//! Where there is less room history and message share one pane; where there is little the panes stand one at a time.

use egui::{Key, Ui};

use super::{detail, history, list, tree};
use crate::app::App;
use crate::app::telemetry::{Depth, Feed, TelemetryAction};
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{GRID, NARROW_BELOW, RAIL_NARROW_WIDTH, RAIL_WIDTH};
use crate::ui::widgets::{Button, empty_state, muted, segments, split_within, tool_row};

/// From this width on three panes stand side by side.
const THREE_FROM: f32 = 840.0;
/// Below this width they stand one at a time.
const ONE_BELOW: f32 = 600.0;
/// Least widths of the panes.
const LEAST: f32 = 240.0;
/// Height of the row of tools of a pane.
pub(super) const PANE_ROW: f32 = 36.0;

/// Draws the tab.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    if app.telemetry.inspection().is_none() {
        return nothing_watched(ui, pass);
    }
    let width = ui.available_width();
    if width >= THREE_FROM {
        let least = [LEAST, 2.0 * LEAST];
        split_within(ui, "telemetry-list", 0.36, least, |ui, is_side| {
            if !is_side {
                return feed(ui, app, pass);
            }
            split_within(ui, "telemetry-message", 0.56, [LEAST, LEAST], |ui, is_side| {
                if is_side { detail::show(ui, app, pass) } else { history::show(ui, app, pass) }
            });
        });
    } else if width >= ONE_BELOW {
        split_within(ui, "telemetry-two", 0.48, [LEAST, LEAST], |ui, is_side| {
            if is_side { stacked(ui, app, pass) } else { feed(ui, app, pass) }
        });
    } else {
        one(ui, app, pass);
    }
}

/// The history above its message.
fn stacked(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let room = ui.available_rect_before_wrap();
    let (above, below) = room.split_top_bottom_at_fraction(0.42);
    for (part, is_history) in [(above, true), (below, false)] {
        ui.scope_builder(egui::UiBuilder::new().max_rect(part).id_salt(("stacked", is_history)), |ui| {
            ui.set_clip_rect(ui.clip_rect().intersect(part));
            if is_history { history::show(ui, app, pass) } else { detail::show(ui, app, pass) }
        });
    }
    ui.advance_cursor_after_rect(room);
}

/// One pane, and the way back to the one before it.
fn one(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let is_free = ui.memory(|memory| memory.focused().is_none()) && !app.is_dialog_open();
    if app.telemetry.depth() > Depth::List && is_free && ui.input(|input| input.key_pressed(Key::Escape)) {
        pass.did(TelemetryAction::WentBack);
    }
    match app.telemetry.depth() {
        Depth::List => feed(ui, app, pass),
        Depth::History => history::show(ui, app, pass),
        Depth::Message => detail::show(ui, app, pass),
    }
}

/// The button that goes back a pane, where the panes stand one at a time.
pub(super) fn back(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    if !is_one_at_a_time(ui) {
        return;
    }
    let to = match (app.telemetry.depth(), app.telemetry.feed()) {
        (Depth::Message, Feed::Topics) => "Back to the history",
        (_, Feed::Topics) => "Back to the topics",
        (_, Feed::Live) => "Back to the live list",
    };
    if Button::icon_only(icon::BACK, to).pressed(ui) {
        pass.did(TelemetryAction::WentBack);
    }
}

/// Whether the panes stand one at a time.
pub(super) fn is_one_at_a_time(ui: &Ui) -> bool {
    let window = ui.ctx().content_rect().width();
    window - if window < NARROW_BELOW { RAIL_NARROW_WIDTH } else { RAIL_WIDTH } < ONE_BELOW
}

/// Topics or the live list.
fn feed(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    match app.telemetry.feed() {
        Feed::Topics => tree::show(ui, app, pass),
        Feed::Live => list::show(ui, app, pass),
    }
}

/// The row of tools above a list: what is listed, and then what `add` draws.
pub(super) fn feed_row(
    ui: &mut Ui,
    app: &mut App,
    pass: &mut Pass<'_>,
    add: impl FnOnce(&mut Ui, &mut App, &mut Pass<'_>),
) {
    let is_short = ui.available_width() < 420.0;
    tool_row(ui, PANE_ROW, |ui| {
        let all = [(Feed::Topics, icon::TREE, "Topics", "Topics"), (Feed::Live, icon::LIST, "Live", "Live")];
        if let Some(feed) = segments(ui, app.telemetry.feed(), &all, is_short) {
            pass.did(TelemetryAction::Listed(feed));
        }
        add(ui, app, pass);
    });
}

/// What stands there before anything is watched.
fn nothing_watched(ui: &mut Ui, pass: &mut Pass<'_>) {
    ui.add_space(4.0 * GRID);
    empty_state(ui, icon::BROADCAST, "Nothing is watched yet", |ui| {
        muted(ui, "Connect to the broker that your gateways send to, or open a recording");
        ui.add_space(GRID);
        if Button::new("Set up the connection").icon(icon::NEXT).pressed(ui) {
            pass.did(TelemetryAction::ShowedConnection(true));
        }
    });
}
