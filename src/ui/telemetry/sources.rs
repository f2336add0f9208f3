//! The connection panel: what can be watched at the left, and beside it the form with its stages, or the bench broker.

use egui::{Align, Frame, Layout, Margin, RichText, ScrollArea, Ui, UiBuilder};

use super::messages::PANE_ROW;
use super::{bench, connect, doctor, tools};
use crate::app::App;
use crate::app::files::file_name;
use crate::app::telemetry::bench::BenchState;
use crate::app::telemetry::connect::ConnectAction;
use crate::app::telemetry::{Setup, Telemetry, TelemetryAction};
use crate::model::text::visible;
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{GAP, medium, mono, palette};
use crate::ui::widgets::{Button, RowEnd, group, icon as show_icon, muted, row_ground, tool_row, truncated};

/// Width of the list of what can be watched.
const SIDE: f32 = 232.0;
/// From this width on that list has a column of its own.
const SIDE_FROM: f32 = 640.0;
/// From this width on form and stages stand side by side.
const TWO_COLUMNS_FROM: f32 = 660.0;

/// Draws the panel.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    let is_closable = app.telemetry.inspection().is_some();
    let is_free = ui.memory(|memory| memory.focused().is_none()) && !app.is_dialog_open();
    if is_closable && is_free && ui.input(|input| input.key_pressed(egui::Key::Escape)) {
        pass.did(TelemetryAction::ShowedConnection(false));
    }
    let room = ui.available_rect_before_wrap();
    if room.width() < SIDE_FROM {
        head(ui, app, pass);
        padded(ui, |ui| {
            content(ui, app, pass);
            list(ui, app, pass);
        });
        return;
    }
    let (left, right) = room.split_left_right_at_x(room.left() + SIDE);
    ui.painter().vline(left.right() - 0.5, room.y_range(), egui::Stroke::new(1.0, palette(ui).line));
    for (part, is_list) in [(left.with_max_x(left.right() - 1.0), true), (right, false)] {
        ui.scope_builder(UiBuilder::new().max_rect(part).id_salt(("connection", is_list)), |ui| {
            ui.set_clip_rect(ui.clip_rect().intersect(part));
            if is_list {
                tool_row(ui, PANE_ROW, |ui| {
                    ui.label(RichText::new("Connections").font(medium()).color(palette(ui).strong))
                });
                ScrollArea::vertical().id_salt("sources").auto_shrink(false).show(ui, |ui| list(ui, app, pass));
            } else {
                head(ui, app, pass);
                padded(ui, |ui| content(ui, app, pass));
            }
        });
    }
    ui.advance_cursor_after_rect(room);
}

fn padded(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    ScrollArea::vertical().id_salt("connection").auto_shrink(false).show(ui, |ui| {
        Frame::new().inner_margin(Margin { left: 16, right: 16, top: 10, bottom: 12 }).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = GAP;
            add(ui);
        });
    });
}

/// What the panel is about, the act that goes on, and the way out.
fn head(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    tool_row(ui, PANE_ROW, |ui| {
        ui.add_space(6.0);
        let title = match app.telemetry.setup() {
            Setup::Broker => "Connection",
            Setup::Bench => "Bench broker",
        };
        ui.label(RichText::new(title).font(medium()).color(palette(ui).strong));
        if let Some((colour, text)) = tools::login_end(ui, app.telemetry.inspection(), pass) {
            ui.label(RichText::new(text).small().color(colour));
        }
        RowEnd::new(ui, "connect").show(ui, |ui| {
            if app.telemetry.setup() == Setup::Broker {
                connect_buttons(ui, app, pass);
            }
            if app.telemetry.inspection().is_some() && Button::icon_only(icon::CLOSE, "Close the panel").pressed(ui) {
                pass.did(TelemetryAction::ShowedConnection(false));
            }
        });
    });
}

/// Whether what is watched is what the form says.
fn is_of_form(telemetry: &Telemetry) -> bool {
    telemetry.inspection().is_some_and(|inspection| {
        inspection.is_open() && !inspection.is_replay && telemetry.form.is_of(&inspection.name)
    })
}

/// Whether the panel is shown and has a button that goes on.
pub(super) fn goes_on(app: &App) -> bool {
    let telemetry = &app.telemetry;
    let is_offered = match telemetry.setup() {
        Setup::Broker => !is_of_form(telemetry),
        Setup::Bench => telemetry.panes.bench.can_start(),
    };
    telemetry.is_connection_shown() && is_offered
}

fn connect_buttons(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let telemetry = &app.telemetry;
    let is_typed = !telemetry.form.url.trim().is_empty();
    let why = "Type the broker's address first";
    let keep = Button::new("Save").icon(icon::SAVE).named("Save this connection");
    if keep.enabled_if(is_typed, why).pressed(ui) {
        pass.did(TelemetryAction::Connect(ConnectAction::Saved));
    }
    if !is_of_form(telemetry) {
        let connect = Button::new("Connect").icon(icon::BROADCAST).primary();
        if connect.enabled_if(is_typed, why).pressed(ui) {
            pass.did(TelemetryAction::Connected);
        }
    }
}

fn content(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    if app.telemetry.setup() == Setup::Bench {
        return bench::show(ui, &mut app.telemetry.panes.bench, pass);
    }
    let has_stages = app.telemetry.doctor.last().is_some() || app.telemetry.job().is_some();
    if ui.available_width() < TWO_COLUMNS_FROM {
        if has_stages {
            group(ui, |ui| doctor::full(ui, app, pass));
        }
        return connect::form(ui, app, pass);
    }
    let left = (ui.available_width() * 0.56).min(480.0);
    let right = ui.available_width() - left - 2.0 * GAP;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0 * GAP;
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.x = 8.0;
            ui.set_width(left);
            connect::form(ui, app, pass);
        });
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.x = 8.0;
            ui.set_width(right);
            doctor::full(ui, app, pass);
        });
    });
}

/// What can be watched: what is open, saved connections, recordings, and the bench broker.
fn list(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    open_items(ui, app, pass);
    saved(ui, app, pass);
    recent(ui, app, pass);
    on_this_computer(ui, app, pass);
}

/// The live connections and recordings that are open, each closed by its name.
fn open_items(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    section(ui, "Open");
    let is_form = app.telemetry.setup() == Setup::Broker;
    for item in app.items() {
        let name = &item.inspection.name;
        let (colour, _, word) = tools::state_words(ui, Some(item.inspection), pass);
        let shown = Entry {
            glyph: if item.inspection.is_replay { icon::PLAY } else { icon::BROADCAST },
            text: name,
            state: Some((colour, &word)),
            name: &format!("Show {name}"),
            is_chosen: item.is_shown && is_form,
            remove: Some(&format!("Close {name}")),
        };
        let (is_used, is_gone) = entry(ui, &shown);
        if is_gone {
            pass.did(TelemetryAction::ClosedItem(item.inspection.job));
        } else if is_used && item.is_shown {
            pass.did(TelemetryAction::ChoseSetup(Setup::Broker));
        } else if is_used {
            pass.did(TelemetryAction::ShowedItem(item.inspection.job));
        }
    }
    let begin = Entry {
        glyph: icon::ADD,
        text: "New connection",
        state: None,
        name: "New connection",
        is_chosen: app.telemetry.job().is_none() && is_form,
        remove: None,
    };
    if entry(ui, &begin).0 {
        pass.did(TelemetryAction::Began);
    }
}

fn saved(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    section(ui, "Saved connections");
    let all = &app.settings.values.connections;
    if all.is_empty() {
        note(ui, "Save a form for next time. Passwords and keys aren't saved");
    }
    for (place, one) in all.iter().enumerate() {
        let name = visible(&one.name, 120);
        let (is_used, is_gone) = entry(
            ui,
            &Entry {
                glyph: icon::BROADCAST,
                text: &name,
                state: None,
                name: &format!("Use {name}"),
                is_chosen: false,
                remove: Some(&format!("Forget {name}")),
            },
        );
        if is_gone {
            pass.did(TelemetryAction::Connect(ConnectAction::Forgot(place)));
        } else if is_used {
            pass.did(TelemetryAction::UsedSaved(place));
        }
    }
}

/// Recordings opened or made last.
fn recent(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let paths = &app.settings.values.recent_recordings;
    if paths.is_empty() {
        return;
    }
    section(ui, "Recent recordings");
    for path in paths {
        let text = file_name(path);
        let shown = Entry {
            glyph: icon::PLAY,
            text: &text,
            state: None,
            name: &format!("Open {text}"),
            is_chosen: false,
            remove: None,
        };
        if entry(ui, &shown).0 {
            pass.did(TelemetryAction::OpenedRecording(path.clone()));
        }
    }
}

fn on_this_computer(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    section(ui, "On this computer");
    let palette = palette(ui);
    let state = match app.telemetry.panes.bench.state() {
        BenchState::Off => (palette.muted, "Off"),
        BenchState::Starting => (palette.link, "Starting…"),
        BenchState::Running(_) => (palette.ok, "Running"),
        BenchState::Stopping => (palette.warn, "Stopping…"),
        BenchState::Failed(_) => (palette.danger, "Failed"),
    };
    let bench = Entry {
        glyph: icon::DEVICE,
        text: "Bench broker",
        state: Some(state),
        name: "Bench broker",
        is_chosen: app.telemetry.setup() == Setup::Bench,
        remove: None,
    };
    if entry(ui, &bench).0 {
        pass.did(TelemetryAction::ChoseSetup(Setup::Bench));
    }
}

/// The head of a part of the list.
fn section(ui: &mut Ui, title: &str) {
    Frame::new().inner_margin(Margin { left: 16, right: 8, top: 10, bottom: 4 }).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.label(RichText::new(title).small().color(palette(ui).muted));
    });
}

fn note(ui: &mut Ui, text: &str) {
    Frame::new().inner_margin(Margin { left: 16, right: 12, top: 0, bottom: 2 }).show(ui, |ui| muted(ui, text));
}

/// A line of the list.
struct Entry<'a> {
    glyph: &'static str,
    text: &'a str,
    state: Option<(egui::Color32, &'a str)>,
    name: &'a str,
    is_chosen: bool,
    remove: Option<&'a str>,
}

/// Draws a line: whether it was chosen, and whether it is to go.
fn entry(ui: &mut Ui, entry: &Entry<'_>) -> (bool, bool) {
    let size = egui::vec2(ui.available_width(), crate::ui::theme::ROW_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, egui::Sense::click());
    row_ground(ui, rect, &response, entry.is_chosen);
    let is_enabled = ui.is_enabled();
    let (name, is_chosen) = (entry.name.to_owned(), entry.is_chosen);
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::ListBoxOption, is_enabled, is_chosen, &name));
    let layout = Layout::left_to_right(Align::Center);
    let inner = rect.with_min_x(rect.left() + 16.0).with_max_x(rect.right() - 6.0);
    let mut row = ui.new_child(UiBuilder::new().max_rect(inner).layout(layout));
    row.spacing_mut().item_spacing.x = 6.0;
    let mut is_gone = false;
    let glyph_colour = palette(&row).muted;
    show_icon(&mut row, entry.glyph, glyph_colour);
    let end = RowEnd::new(&row, entry.name);
    end.before(&mut row, |ui| {
        let ink = palette(ui).strong;
        let text = RichText::new(entry.text).color(ink);
        let text = if entry.text.contains("://") { text.font(mono()) } else { text };
        truncated(ui, text);
    });
    end.show(&mut row, |ui| {
        if let Some((colour, word)) = entry.state {
            let (dot, _) = ui.allocate_exact_size(egui::Vec2::splat(7.0), egui::Sense::hover());
            ui.painter().circle_filled(dot.center(), 3.5, colour);
            ui.label(RichText::new(word).small().color(palette(ui).muted));
        }
        if let Some(remove) = entry.remove {
            is_gone = Button::icon_only(icon::CLOSE, remove).pressed(ui);
        }
    });
    (response.clicked(), is_gone)
}
