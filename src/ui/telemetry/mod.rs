//! Telemetry: one tool row, and below it the panes of the chosen tab or the connection panel.

mod bench;
mod connect;
mod detail;
mod doctor;
mod expectations;
mod hex;
mod history;
mod list;
mod messages;
mod parts;
mod plot;
pub(super) mod publish;
mod quality;
mod sheets;
mod sources;
mod status;
mod strip;
mod sys;
mod talkers;
mod tools;
mod trace;
mod tree;
mod trigger;
mod value_tree;

use std::time::Duration;

use egui::{Frame, Margin, Role, Sense, Ui, WidgetInfo, vec2};

use super::pass::Pass;
use super::theme::{PAGE_MARGIN, medium, palette};
use super::widgets::{focus_ring, rows};
use crate::app::App;
use crate::app::telemetry::{Feed, Pane};

pub(super) use self::status::counters;
pub(super) use self::tools::recorder_chip;

/// The field that searches what is listed.
pub(super) fn search(app: &App) -> &'static str {
    match app.telemetry.feed() {
        Feed::Topics => tree::SEARCH,
        Feed::Live => list::SEARCH,
    }
}

/// Draws Telemetry.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    tools::show(ui, app, pass);
    strip::show(ui, app, pass);
    if app.telemetry.is_connection_shown() {
        return sources::show(ui, app, pass);
    }
    if app.telemetry.pane() == Pane::Messages {
        return messages::show(ui, app, pass);
    }
    Frame::new().inner_margin(Margin { left: PAGE_MARGIN, right: PAGE_MARGIN, top: 8, bottom: 6 }).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 8.0;
        tab_page(ui, app, pass);
    });
}

/// The tab shown: one arm each.
fn tab_page(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    match app.telemetry.pane() {
        Pane::Messages => {}
        Pane::Plot => plot::show(ui, &mut app.telemetry.panes.plot, pass),
        Pane::Publish => publish::show(ui, &mut app.telemetry, &app.settings.values.publish_templates, pass),
        Pane::Insight => talkers::show(ui, &mut app.telemetry.panes.insight, pass),
        Pane::Trace => trace::show(ui, &app.telemetry.panes.trace, pass),
        Pane::Expectations => expectations::show(ui, &app.telemetry.panes.expect),
        Pane::Broker => sys::show(ui, app, pass),
    }
}

/// Whole seconds, the one under way counted.
fn seconds(left: Duration) -> String {
    format!("{} s", left.as_millis().div_ceil(1000))
}

/// One of several pages side by side.
fn tab(ui: &mut Ui, is_chosen: bool, name: &str, height: f32) -> bool {
    let palette = palette(ui);
    let colour = if is_chosen { palette.strong } else { palette.muted };
    let galley = ui.painter().layout_no_wrap(name.to_owned(), medium(), colour);
    let size = vec2(galley.size().x + 16.0, height);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    if response.hovered() && !is_chosen {
        ui.painter().rect_filled(rect.shrink2(vec2(0.0, 5.0)), super::theme::control_radius(), palette.raised);
    }
    ui.painter().galley(rect.center() - galley.size() / 2.0, galley, colour);
    if is_chosen {
        let under = rect.with_min_y(rect.bottom() - 2.0).shrink2(vec2(6.0, 0.0));
        ui.painter().rect_filled(under, 1.0, palette.link);
    }
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(Role::Tab, is_enabled, is_chosen, name));
    focus_ring(ui, &response);
    response.clicked()
}
