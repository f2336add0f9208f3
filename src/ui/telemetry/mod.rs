//! Telemetry: the header, the stages of the connection, the panes, and the counters that are always in sight.

mod bench;
mod connect;
mod detail;
mod doctor;
mod expectations;
mod hex;
mod history;
mod list;
mod parts;
mod plot;
pub(super) mod publish;
mod quality;
mod recorder;
mod status;
mod talkers;
mod trace;
mod tree;
mod value_tree;

use std::time::Duration;

use egui::{Align, Color32, Layout, RichText, Role, Sense, Ui, UiBuilder, WidgetInfo, vec2};

use super::icon;
use super::pass::{Pass, clock};
use super::theme::{CONTROL_HEIGHT, GRID, medium, palette};
pub(super) use super::widgets::rows::number;
use super::widgets::{
    Button, beside, empty_state, focus_ring, icon as show_icon, muted, pill, rows, surface, truncated,
};
use crate::app::App;
use crate::app::telemetry::{Inspection, Pane, TelemetryAction};
use crate::msg::JobEnd;
use crate::msg::telemetry::InspectionState;

/// Draws Telemetry.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    page_header(ui, app, pass);
    warnings(ui, app, pass);
    if app.telemetry.pane() != Pane::Connection {
        doctor::strip(ui, app, pass);
    }
    tabs(ui, app, pass);
    recorder::bar(ui, &mut app.telemetry, pass);
    let room = ui.available_rect_before_wrap();
    let (above, below) = room.split_top_bottom_at_y(room.bottom() - status::HEIGHT - GRID);
    ui.scope_builder(UiBuilder::new().max_rect(above), |ui| {
        ui.set_clip_rect(ui.clip_rect().intersect(above.expand(4.0)));
        body(ui, app, pass);
    });
    ui.scope_builder(UiBuilder::new().max_rect(below.with_min_y(below.top() + GRID)), |ui| status::show(ui, app));
}

/// The pane shown: one arm each.
fn body(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    match app.telemetry.pane() {
        Pane::Connection => connect::show(ui, app, pass),
        Pane::Topics => topics(ui, app, pass),
        Pane::Live => live(ui, app, pass),
        Pane::Plot => plot::show(ui, &mut app.telemetry.panes.plot, pass),
        Pane::Publish => publish::show(ui, &mut app.telemetry, &app.settings.values.publish_templates, pass),
        Pane::Insight => talkers::show(ui, &mut app.telemetry.panes.insight, pass),
        Pane::Trace => trace::show(ui, &app.telemetry.panes.trace, pass),
        Pane::Expectations => expectations::show(ui, &app.telemetry.panes.expect),
        Pane::Bench => bench::show(ui, &mut app.telemetry.panes.bench, pass),
    }
}

/// The tree with history and message beside it, or under it.
fn topics(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    if nothing_watched(ui, app, pass) {
        return;
    }
    let snapshot = app.telemetry.snapshot().cloned();
    beside(ui, "topics", true, |ui, is_side| {
        if is_side {
            detail::of_topic(ui, app, pass);
        } else {
            tree::show(ui, app, snapshot.as_deref(), pass);
        }
    });
}

/// The list, and the message that was chosen beside it.
fn live(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    if nothing_watched(ui, app, pass) {
        return;
    }
    let is_chosen = app.telemetry.list.selected().is_some() && app.telemetry.detail.picked().is_some();
    beside(ui, "live", is_chosen, |ui, is_side| {
        if is_side {
            detail::of_message(ui, app, pass);
        } else {
            list::show(ui, app, pass);
        }
    });
}

/// What stands there before anything is watched; false once something is.
fn nothing_watched(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) -> bool {
    if app.telemetry.inspection().is_some() {
        return false;
    }
    empty_state(ui, icon::BROADCAST, "Nothing is watched yet", |ui| {
        muted(ui, "Connect to the broker that your gateways send to, or open a recording");
        ui.add_space(GRID);
        if Button::new("Set up the connection").icon(icon::NEXT).pressed(ui) {
            pass.did(TelemetryAction::WentTo(Pane::Connection));
        }
    });
    true
}

fn page_header(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let telemetry = &app.telemetry;
    let inspection = telemetry.inspection();
    let (colour, word) = state_words(ui, inspection, pass);
    let end = inspection.and_then(|inspection| login_end(ui, inspection, pass));
    // Not `header`: what stands beside the title and the buttons both do something.
    ui.horizontal(|ui| {
        ui.heading(RichText::new("Telemetry").color(palette(ui).strong));
        ui.add_space(GRID / 2.0);
        pill(ui, colour, &word);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            header_buttons(ui, app, pass);
            let Some(inspection) = inspection else { return };
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let is_folded = !telemetry.doctor.is_open() && telemetry.pane() != Pane::Connection;
                let share = if is_folded { 0.45 } else { 1.0 };
                let room = ui.available_width();
                ui.scope(|ui| {
                    ui.set_max_width(room * share - 8.0);
                    truncated(ui, RichText::new(&inspection.name).monospace());
                });
                if let Some((colour, text)) = end {
                    show_icon(ui, icon::TIMER, colour);
                    let why = "The broker ends the session when the token ends; a new one is made by itself";
                    ui.label(RichText::new(text).small().color(colour)).on_hover_text(why);
                }
                if is_folded {
                    doctor::inline(ui, app, pass);
                }
            });
        });
    });
    ui.add_space(GRID / 2.0);
}

/// How it stands, in words.
fn state_words(ui: &Ui, inspection: Option<&Inspection>, pass: &Pass<'_>) -> (Color32, String) {
    let palette = palette(ui);
    let Some(inspection) = inspection else { return (palette.muted, "Not connected".into()) };
    match &inspection.end {
        Some(JobEnd::Failed(_)) => return (palette.danger, "Failed".into()),
        Some(_) => return (palette.muted, "Closed".into()),
        None => {}
    }
    let Some(state) = &inspection.state else { return (palette.link, "Starting".into()) };
    match state {
        InspectionState::AwaitingConfirmation => (palette.warn, "Waits for your answer".into()),
        InspectionState::Connecting { attempt: 1 } => (palette.link, "Connecting".into()),
        InspectionState::Connecting { attempt } => (palette.link, format!("Connecting, attempt {attempt}")),
        InspectionState::Connected { .. } => (palette.ok, "Connected".into()),
        InspectionState::Waiting { retry_in, .. } => {
            let left = retry_in.saturating_sub(pass.now.saturating_duration_since(inspection.since));
            (palette.warn, format!("Tries again in {}", seconds(left)))
        }
        InspectionState::Disconnected { problem: Some(_) } => (palette.danger, "Not connected".into()),
        InspectionState::Disconnected { problem: None } => (palette.muted, "Disconnected".into()),
        InspectionState::Playing => (palette.link, "Playing".into()),
        InspectionState::Paused { is_at_end: true } => (palette.muted, "At the end".into()),
        InspectionState::Paused { is_at_end: false } => (palette.muted, "Paused".into()),
    }
}

/// Whole seconds, the one under way counted.
fn seconds(left: Duration) -> String {
    format!("{} s", left.as_millis().div_ceil(1000))
}

/// When the login ends by itself.
fn login_end(ui: &Ui, inspection: &Inspection, pass: &Pass<'_>) -> Option<(Color32, String)> {
    let Some(InspectionState::Connected { login_ends: Some(end), .. }) = inspection.state else { return None };
    let left = u64::try_from(end - pass.unix_secs).unwrap_or(0);
    let colour = if left < 60 { palette(ui).warn } else { palette(ui).muted };
    let text =
        if left == 0 { "Token expired".to_owned() } else { format!("Token {}", clock(Duration::from_secs(left))) };
    Some((colour, text))
}

fn header_buttons(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let telemetry = &app.telemetry;
    let open = telemetry.inspection().filter(|inspection| inspection.is_open());
    match open.map(|inspection| inspection.state.as_ref()) {
        None => {
            let is_typed = !telemetry.form.url.trim().is_empty();
            let connect = Button::new("Connect").icon(icon::BROADCAST).primary();
            if connect.enabled_if(is_typed, "Type the broker's address first").pressed(ui) {
                pass.did(TelemetryAction::Connected);
            }
        }
        Some(Some(InspectionState::Disconnected { .. })) => {
            if Button::new("Connect").icon(icon::BROADCAST).primary().named("Connect again").pressed(ui) {
                pass.did(TelemetryAction::Connected);
            }
            close_button(ui, pass);
        }
        Some(Some(InspectionState::Connected { .. })) => {
            if Button::new("Disconnect").named("Disconnect from the broker").pressed(ui) {
                pass.did(TelemetryAction::Disconnected);
            }
            clear_button(ui, pass);
        }
        Some(Some(InspectionState::Playing | InspectionState::Paused { .. })) => close_button(ui, pass),
        Some(_) => {
            if Button::new("Stop").icon(icon::STOPPED).named("Stop connecting").pressed(ui) {
                pass.did(TelemetryAction::Disconnected);
            }
        }
    }
}

fn close_button(ui: &mut Ui, pass: &mut Pass<'_>) {
    let close = Button::new("Close").quiet().named("Close the inspection");
    if close.show(ui).on_hover_text("Forgets what was received").clicked() {
        pass.did(TelemetryAction::Closed);
    }
}

fn clear_button(ui: &mut Ui, pass: &mut Pass<'_>) {
    let clear = Button::icon_only(icon::REMOVE, "Clear all messages and counters");
    if clear.pressed(ui) {
        pass.did(TelemetryAction::Cleared);
    }
}

fn warnings(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    for (place, problem) in app.telemetry.warnings().iter().enumerate() {
        let colour = palette(ui).warn;
        egui::Frame::new()
            .fill(super::theme::tint(ui, colour))
            .corner_radius(super::theme::control_radius())
            .inner_margin(egui::Margin::symmetric(12, 6))
            .show(ui, |ui| {
                ui.set_width(ui.available_width());
                ui.horizontal_top(|ui| {
                    ui.spacing_mut().interact_size.y = 18.0;
                    show_icon(ui, icon::WARNING, colour);
                    ui.vertical(|ui| {
                        ui.set_width(ui.available_width() - 44.0);
                        ui.spacing_mut().item_spacing.y = 2.0;
                        ui.label(RichText::new(&problem.what).font(medium()).color(palette(ui).strong));
                        muted(ui, &format!("{}. {}", problem.likely_cause, problem.next_step));
                    });
                    let name = format!("Dismiss: {}", problem.what);
                    if Button::icon_only(icon::CLOSE, &name).pressed(ui) {
                        pass.did(TelemetryAction::DismissedWarning(place));
                    }
                });
            });
        ui.add_space(GRID / 2.0);
    }
}

/// The panes side by side, the shown one underlined.
fn tabs(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let line = palette(ui).line;
    let row = ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = vec2(if ui.available_width() < 760.0 { 2.0 } else { 6.0 }, 0.0);
        for pane in Pane::ALL {
            if tab(ui, app.telemetry.pane() == pane, pane.label()) {
                pass.did(TelemetryAction::WentTo(pane));
            }
        }
    });
    let bottom = row.response.rect.bottom();
    ui.painter().hline(ui.max_rect().x_range(), bottom, egui::Stroke::new(1.0, line));
    ui.add_space(GRID / 2.0);
}

/// One of several pages side by side.
fn tab(ui: &mut Ui, is_chosen: bool, name: &str) -> bool {
    let palette = palette(ui);
    let colour = if is_chosen { palette.strong } else { palette.muted };
    let galley = ui.painter().layout_no_wrap(name.to_owned(), medium(), colour);
    let size = vec2(galley.size().x + 20.0, CONTROL_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    if response.hovered() && !is_chosen {
        ui.painter().rect_filled(rect.shrink2(vec2(0.0, 3.0)), super::theme::control_radius(), palette.raised);
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
