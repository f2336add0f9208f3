//! The tool row, all that stands above the panes: what is watched and how it stands, the tabs, the recorder, the way out.

use std::time::Duration;

use egui::{
    Align2, Color32, ComboBox, FontId, Popup, PopupCloseBehavior, Rect, RectAlign, RichText, Role, Sense, Ui,
    WidgetInfo, pos2, vec2,
};

use super::rows::{cell, one_line};
use super::{seconds, sheets, sources, tab};
use crate::app::App;
use crate::app::telemetry::recorder::{RecorderAction, Sheet};
use crate::app::telemetry::{Inspection, Pane, TelemetryAction};
use crate::msg::JobEnd;
use crate::msg::telemetry::InspectionState;
use crate::ui::icon;
use crate::ui::pass::{Pass, clock};
use crate::ui::theme::{CONTROL_HEIGHT, TOOL_ROW_HEIGHT, control_radius, icon_font, medium, mono, palette, place};
use crate::ui::widgets::{Button, RowEnd, focus_ring, tool_row};

/// From this width on everything carries its word.
const WORDED_FROM: f32 = 1280.0;
/// Below this width the acts are in a menu.
const MENU_BELOW: f32 = 940.0;
/// From this width on the broker's address has room.
const ROOMY_FROM: f32 = 1020.0;
/// Below this width the tabs are one choice.
const CHOICE_BELOW: f32 = 760.0;

/// Draws the row.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let width = ui.available_width();
    tool_row(ui, TOOL_ROW_HEIGHT, |ui| {
        let most = match width {
            width if width >= WORDED_FROM => {
                ui.label(RichText::new("Telemetry").font(place()).color(palette(ui).strong));
                ui.add_space(8.0);
                360.0
            }
            width if width >= ROOMY_FROM => 236.0,
            width if width >= MENU_BELOW => 196.0,
            width if width >= CHOICE_BELOW => 170.0,
            _ => 150.0,
        };
        connection(ui, app, most, pass);
        token(ui, app, width >= WORDED_FROM, pass);
        if width >= CHOICE_BELOW {
            ui.add_space(8.0);
            ui.spacing_mut().item_spacing.x = 0.0;
            let shown = (!app.telemetry.is_connection_shown()).then(|| app.telemetry.pane());
            for pane in Pane::ALL {
                if tab(ui, shown == Some(pane), pane.label(), TOOL_ROW_HEIGHT) {
                    pass.did(TelemetryAction::WentTo(pane));
                }
            }
        } else {
            pane_choice(ui, app, pass);
        }
        RowEnd::new(ui, "acts").show(ui, |ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            if width >= MENU_BELOW {
                acts(ui, app, width >= WORDED_FROM, pass);
            } else {
                menu(ui, app, pass);
            }
            way_out(ui, app, pass);
        });
    });
}

/// What is watched and how it stands; it opens the connection panel and closes it.
fn connection(ui: &mut Ui, app: &App, most: f32, pass: &mut Pass<'_>) {
    let inspection = app.telemetry.inspection();
    let (colour, sign, word) = state_words(ui, inspection, pass);
    let name = inspection.map_or("", |inspection| inspection.name.as_str());
    let palette = palette(ui);
    let word_width = one_line(ui, &word, medium(), palette.strong, most - 50.0).size().x;
    let name_width = one_line(ui, name, mono(), palette.text, 1000.0).size().x;
    let others = app.items().iter().filter(|item| !item.is_shown).count();
    let badge = if others == 0 { String::new() } else { format!("+{others}") };
    let badge_width = if others == 0 { 0.0 } else { 24.0 };
    let width =
        (34.0 + badge_width + word_width + if name.is_empty() { 0.0 } else { 8.0 + name_width } + 26.0).min(most);
    let (rect, response) = ui.allocate_exact_size(vec2(width, CONTROL_HEIGHT), Sense::click());
    let is_shown = app.telemetry.is_connection_shown();
    let fill = if response.hovered() || is_shown { palette.raised } else { palette.page };
    let edge = egui::Stroke::new(1.0, palette.border);
    ui.painter().rect(rect, control_radius(), fill, edge, egui::StrokeKind::Inside);
    let centre = rect.center().y;
    ui.painter().text(pos2(rect.left() + 17.0, centre), Align2::CENTER_CENTER, sign, icon_font(14.0), colour);
    let is_trouble = colour == palette.warn || colour == palette.danger;
    let part = Rect::from_min_max(
        pos2(rect.left() + 32.0, rect.top()),
        pos2(rect.right() - 26.0 - badge_width, rect.bottom()),
    );
    let ink = if is_trouble { colour } else { palette.strong };
    let used = cell(ui, part, &word, medium(), ink, Align2::LEFT_CENTER);
    cell(ui, part.with_min_x(part.left() + used + 8.0), name, mono(), palette.text, Align2::LEFT_CENTER);
    let beside = Rect::from_min_max(pos2(part.right(), rect.top()), pos2(rect.right() - 28.0, rect.bottom()));
    cell(ui, beside, &badge, medium(), palette.muted, Align2::RIGHT_CENTER);
    let caret = if is_shown { icon::CARET_UP } else { icon::DOWN };
    ui.painter().text(pos2(rect.right() - 15.0, centre), Align2::CENTER_CENTER, caret, icon_font(12.0), palette.muted);
    let is_enabled = ui.is_enabled();
    let more = if others == 0 { String::new() } else { format!(", {others} more open") };
    let spoken = format!("Connection: {word} {name}");
    let spoken = format!("{}{more}", spoken.trim_end());
    response.widget_info(|| WidgetInfo::selected(Role::DisclosureTriangle, is_enabled, is_shown, &spoken));
    focus_ring(ui, &response);
    let hover = if is_shown { "Close the connection panel" } else { "Open the connection panel" };
    if response.on_hover_text(format!("{spoken}\n{hover}")).clicked() {
        pass.did(TelemetryAction::ShowedConnection(!is_shown));
    }
}

/// How it stands: colour, sign and word.
pub(super) fn state_words(
    ui: &Ui,
    inspection: Option<&Inspection>,
    pass: &Pass<'_>,
) -> (Color32, &'static str, String) {
    let palette = palette(ui);
    let Some(inspection) = inspection else { return (palette.muted, icon::UNPLUGGED, "Not connected".into()) };
    match &inspection.end {
        Some(JobEnd::Failed(_)) => return (palette.danger, icon::PROBLEM, "Failed".into()),
        Some(_) => return (palette.muted, icon::UNPLUGGED, "Closed".into()),
        None => {}
    }
    let Some(state) = &inspection.state else { return (palette.link, icon::RUNNING, "Starting".into()) };
    match state {
        InspectionState::AwaitingConfirmation => (palette.warn, icon::WARNING, "Waits for your answer".into()),
        InspectionState::Connecting { attempt: 1 } => (palette.link, icon::RUNNING, "Connecting".into()),
        InspectionState::Connecting { attempt } => {
            (palette.link, icon::RUNNING, format!("Connecting, attempt {attempt}"))
        }
        InspectionState::Connected { .. } => (palette.ok, icon::BROADCAST, "Connected".into()),
        InspectionState::Waiting { retry_in, .. } => {
            let left = retry_in.saturating_sub(pass.now.saturating_duration_since(inspection.since));
            (palette.warn, icon::WARNING, format!("Retry in {}", seconds(left)))
        }
        InspectionState::Disconnected { problem: Some(_) } => (palette.danger, icon::PROBLEM, "Not connected".into()),
        InspectionState::Disconnected { problem: None } => (palette.muted, icon::UNPLUGGED, "Disconnected".into()),
        InspectionState::Playing => (palette.link, icon::PLAY, "Playing".into()),
        InspectionState::Paused { is_at_end: true } => (palette.muted, icon::STOP, "At the end".into()),
        InspectionState::Paused { is_at_end: false } => (palette.muted, icon::PAUSE, "Paused".into()),
    }
}

/// When the login ends by itself: always where there is room, else only once it is near.
fn token(ui: &mut Ui, app: &App, is_roomy: bool, pass: &Pass<'_>) {
    let Some((colour, text)) = login_end(ui, app.telemetry.inspection(), pass) else { return };
    if is_roomy || colour == palette(ui).warn {
        let why = "The broker ends the session when the token ends; Linesman makes a new one in time";
        ui.label(RichText::new(text).small().color(colour)).on_hover_text(why);
    }
}

/// When the login ends by itself, as colour and words.
pub(super) fn login_end(ui: &Ui, inspection: Option<&Inspection>, pass: &Pass<'_>) -> Option<(Color32, String)> {
    let Some(InspectionState::Connected { login_ends: Some(end), .. }) = inspection?.state else { return None };
    let left = u64::try_from(end - pass.unix_secs).unwrap_or(0);
    let colour = if left < 60 { palette(ui).warn } else { palette(ui).muted };
    let text =
        if left == 0 { "Token expired".to_owned() } else { format!("Token {}", clock(Duration::from_secs(left))) };
    Some((colour, text))
}

fn pane_choice(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let chosen = app.telemetry.pane();
    let combo = ComboBox::from_id_salt("pane").width(92.0).selected_text(chosen.label());
    let response = combo.show_ui(ui, |ui| {
        for pane in Pane::ALL {
            if ui.selectable_label(pane == chosen, pane.label()).clicked() {
                pass.did(TelemetryAction::WentTo(pane));
                ui.close();
            }
        }
    });
    let is_enabled = ui.is_enabled();
    let name = format!("Show {}", chosen.label());
    response.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, is_enabled, &name));
    focus_ring(ui, &response.response);
}

/// The button that ends what is watched, or goes on with it.
fn way_out(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let open = app.telemetry.inspection().filter(|inspection| inspection.is_open());
    let Some(inspection) = open else { return };
    match inspection.state.as_ref() {
        Some(InspectionState::Disconnected { .. }) => {
            let again = Button::new("Connect").named("Connect again");
            // The panel may have a button of its own that goes on.
            let again = if sources::goes_on(app) { again } else { again.primary() };
            if again.pressed(ui) {
                pass.did(TelemetryAction::Connected);
            }
            close(ui, pass);
        }
        Some(InspectionState::Connected { .. }) => {
            if Button::new("Disconnect").named("Disconnect from the broker").pressed(ui) {
                pass.did(TelemetryAction::Disconnected);
            }
        }
        Some(InspectionState::Playing | InspectionState::Paused { .. }) => close(ui, pass),
        _ => {
            // As wide as while it is connected: a connection that drops moves nothing away under the pointer.
            if Button::new("Disconnect").named("Stop connecting").pressed(ui) {
                pass.did(TelemetryAction::Disconnected);
            }
        }
    }
}

fn close(ui: &mut Ui, pass: &mut Pass<'_>) {
    let close = Button::new("Close").named("Close the inspection");
    if close.show(ui).on_hover_text("Clears what was received").clicked() {
        pass.did(TelemetryAction::Closed);
    }
}

/// What is cleared and written, and the recorder.
fn acts(ui: &mut Ui, app: &mut App, is_worded: bool, pass: &mut Pass<'_>) {
    let button = |glyph, text, name| {
        if is_worded { Button::new(text).icon(glyph).quiet().named(name) } else { Button::icon_only(glyph, name) }
    };
    let is_held = app.telemetry.counters().received > 0;
    let clear = Button::icon_only(icon::REMOVE, "Clear all messages and counters");
    if clear.enabled_if(is_held, "Nothing was received").pressed(ui) {
        pass.did(TelemetryAction::Cleared);
    }
    let bell = button(icon::BELL, "Trigger…", "Trigger").show(ui);
    if app.telemetry.panes.trigger.watched().is_some() {
        ui.painter().circle_filled(bell.rect.right_top() + vec2(-6.0, 6.0), 3.0, palette(ui).link);
    }
    sheets::popup(ui, app, &bell, Sheet::Trigger, bell.clicked(), pass);
    let recordings = button(icon::FOLDER, "Recordings", "Recordings").show(ui);
    sheets::popup(ui, app, &recordings, Sheet::Recordings, recordings.clicked(), pass);
    let export = button(icon::EXPORT, "Export…", "Export messages").show(ui);
    sheets::popup(ui, app, &export, Sheet::Export, export.clicked(), pass);
    keep(ui, app, pass);
    record(ui, app, is_worded, pass);
}

fn record(ui: &mut Ui, app: &App, is_worded: bool, pass: &mut Pass<'_>) {
    let recorder = &app.telemetry.panes.recorder;
    if recorder.playback().is_some() {
        return;
    }
    let (glyph, text, name, action) = if recorder.recording().is_some() {
        (icon::STOP, "Stop recording", "Stop recording", RecorderAction::Stopped)
    } else {
        (icon::RECORD, "Record", "Start recording", RecorderAction::Started)
    };
    let button = if is_worded { Button::new(text).icon(glyph).named(name) } else { Button::icon_only(glyph, name) };
    if button.enabled_if(app.telemetry.job().is_some(), "Connect to a broker first").pressed(ui) {
        pass.did(action);
    }
}

/// Keeps what came in the last minutes, with one click.
fn keep(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let recorder = &app.telemetry.panes.recorder;
    if recorder.playback().is_some() {
        return;
    }
    let name = sheets::keep_name(recorder);
    let (is_ready, why) = sheets::can_keep(recorder, app.telemetry.job().is_some());
    if Button::icon_only(icon::SAVE, &name).enabled_if(is_ready, why).pressed(ui) {
        pass.did(RecorderAction::KeptLast);
    }
}

/// The acts in a menu, where there is no room for them side by side.
fn menu(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let more = Button::icon_only(icon::MORE, "Recorder, export and trigger").show(ui);
    let sheet = app.telemetry.panes.recorder.sheet();
    if let Some(sheet) = sheet {
        return sheets::popup(ui, app, &more, sheet, false, pass);
    }
    let telemetry = &app.telemetry;
    let popup = Popup::menu(&more).align(RectAlign::BOTTOM_END).close_behavior(PopupCloseBehavior::CloseOnClick);
    popup.show(|ui| {
        let recorder = &telemetry.panes.recorder;
        let is_open = telemetry.job().is_some();
        let mut entry = |is_enabled: bool, text: &str, action: crate::app::Action| {
            if ui.add_enabled(is_enabled, egui::Button::new(text)).clicked() {
                pass.did(action);
            }
        };
        match recorder.recording() {
            _ if recorder.playback().is_some() => {}
            Some(_) => entry(is_open, "Stop recording", RecorderAction::Stopped.into()),
            None => entry(is_open, "Start recording", RecorderAction::Started.into()),
        }
        let (is_ready, _) = sheets::can_keep(recorder, is_open);
        entry(is_ready, &sheets::keep_name(recorder), RecorderAction::KeptLast.into());
        entry(true, "Recordings…", RecorderAction::ToggledSheet(Sheet::Recordings).into());
        entry(true, "Export…", RecorderAction::ToggledSheet(Sheet::Export).into());
        entry(true, "Trigger…", RecorderAction::ToggledSheet(Sheet::Trigger).into());
        let is_held = telemetry.counters().received > 0;
        entry(is_held, "Clear all messages and counters", TelemetryAction::Cleared.into());
    });
}

/// The recorder in the status line, in every place.
pub(in crate::ui) fn recorder_chip(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let Some(state) = app.telemetry.panes.recorder.recording() else { return };
    let text = format!("Recording {}", super::parts::bytes(state.file_bytes));
    let chip = Button::new(&text).icon(icon::RECORD).quiet().named("Show the recording").show(ui);
    if chip.on_hover_text(state.path.display().to_string()).clicked() {
        pass.did(crate::app::Action::WentTo(crate::app::Place::Telemetry));
    }
}

/// The sign of a message that the trigger marked.
pub(super) fn mark(ui: &mut Ui) {
    let colour = palette(ui).warn;
    crate::ui::widgets::icon(ui, icon::BELL, colour);
}

/// The same sign at the left edge of a row.
pub(super) fn mark_row(ui: &Ui, rect: Rect) {
    let colour = palette(ui).warn;
    ui.painter().circle_filled(pos2(rect.left() + 7.0, rect.center().y), 3.0, colour);
}

/// Text of a row of tools that is a name, cut at its end.
pub(super) fn row_title(ui: &mut Ui, text: &str, most: f32) {
    let galley = one_line(ui, text, FontId::monospace(12.0), palette(ui).strong, most.max(20.0));
    let (rect, response) = ui.allocate_exact_size(vec2(galley.size().x, 24.0), Sense::hover());
    ui.painter().galley(pos2(rect.left(), rect.center().y - galley.size().y / 2.0), galley, palette(ui).strong);
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Label, is_enabled, text));
    response.on_hover_text(text);
}
