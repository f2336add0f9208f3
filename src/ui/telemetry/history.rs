//! The messages of one topic, newest first, with what came between them: it follows the newest until one is looked at.

use std::time::Duration;

use egui::{Align2, Key, Rect, Response, Role, Sense, Ui, pos2, vec2};

use super::list::flags;
use super::messages::{PANE_ROW, back, is_one_at_a_time};
use super::parts::span;
use super::rows::{Asked, Place, Rows, cell, choosable, size};
use super::tools::{mark_row, row_title};
use super::tree::silent_words;
use crate::app::App;
use crate::app::telemetry::detail::DetailAction;
use crate::app::telemetry::{Depth, TelemetryAction};
use crate::telemetry::view::{HistoryPage, MessageRow};
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{DENSE_HEIGHT, HEAD_HEIGHT, mono, palette, small_mono, small_text};
use crate::ui::widgets::{Button, RowEnd, count, empty_state, muted, tool_row};

/// Draws the history.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    tool_row(ui, PANE_ROW, |ui| head(ui, app, pass));
    let detail = &app.telemetry.detail;
    let Some(page) = detail.history().filter(|_| detail.topic().is_some()) else {
        return nothing(ui, app);
    };
    if let (Some(silence), Some(newest)) = (&page.silence, page.rows.first().filter(|_| page.first == 0)) {
        let now = app.telemetry.snapshot().map_or(newest.unix_micros, |snapshot| snapshot.at_unix_micros);
        let silent_for = Duration::from_micros(u64::try_from(now.saturating_sub(newest.unix_micros)).unwrap_or(0));
        silent(ui, &silent_words(silent_for, page.usual, silence));
    }
    let columns = Columns::of(ui.available_width());
    heads(ui, &columns);
    list(ui, app, page, &columns, pass);
}

fn head(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    back(ui, app, pass);
    let detail = &app.telemetry.detail;
    let Some(page) = detail.history().filter(|page| detail.topic().is_some() && !page.topic.is_empty()) else {
        muted(ui, "History");
        return;
    };
    let is_held = detail.picked().is_some();
    let newest = match page.newer {
        _ if !is_held => String::new(),
        0 => "Newest".to_owned(),
        newer => format!("+{}", count(newer)),
    };
    let right = if is_held { 84.0 } else { 0.0 };
    let told = told(page);
    let told_width = super::rows::one_line(ui, &told, small_text(), palette(ui).muted, 300.0).size().x;
    let room = ui.available_width() - right - 34.0;
    row_title(ui, &page.topic, room - if room > 320.0 { told_width + 12.0 } else { 0.0 });
    if Button::icon_only(icon::COPY, "Copy the topic").pressed(ui) {
        ui.copy_text(page.topic.to_string());
        pass.did(crate::app::Action::Copied("Topic"));
    }
    let has_room = ui.available_width() > told_width + right;
    RowEnd::new(ui, "told").show(ui, |ui| {
        if has_room {
            muted(ui, &told);
        }
        if is_held && Button::new(&newest).icon(icon::UP).named("Go to the newest message").pressed(ui) {
            pass.did(TelemetryAction::Detail(DetailAction::Followed));
        }
    });
}

/// A line that says that the topic is silent, and why.
fn silent(ui: &mut Ui, text: &str) {
    let colour = palette(ui).warn;
    let frame =
        egui::Frame::new().fill(crate::ui::theme::tint(ui, colour)).inner_margin(egui::Margin::symmetric(12, 4));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            crate::ui::widgets::icon(ui, icon::TIMER, colour);
            let words = egui::RichText::new(text).small().color(palette(ui).text);
            crate::ui::widgets::truncated(ui, words).on_hover_text(text);
        });
    });
}

/// How many messages there are of the topic, and how often one usually comes.
fn told(page: &HistoryPage) -> String {
    if let Some(usual) = page.usual {
        return format!("every {}, learnt from {}", span(usual), count(page.received));
    }
    let received = crate::ui::widgets::counted(page.received, "message", "messages");
    if page.total as u64 == page.received { received } else { format!("{received}, {} held", count(page.total as u64)) }
}

fn nothing(ui: &mut Ui, app: &App) {
    let telemetry = &app.telemetry;
    if telemetry.detail.topic().is_some() {
        ui.add_space(8.0);
        ui.vertical_centered(|ui| muted(ui, "Loading…"));
        return;
    }
    empty_state(ui, icon::TREE, "No topic is chosen", |ui| {
        let text = if telemetry.tree.selected().is_some() {
            "No message came on this level itself. Choose one of the topics below it"
        } else {
            "Choose a topic to see its messages, what they hold and what changed"
        };
        muted(ui, text);
    });
}

/// The places of a row's parts, as distances from its left edge.
struct Columns {
    time: (f32, f32),
    since: Option<(f32, f32)>,
    payload: (f32, f32),
    flags: Option<(f32, f32)>,
    size: Option<(f32, f32)>,
}

impl Columns {
    fn of(width: f32) -> Self {
        let mut right = width - 18.0;
        let mut take = |column: f32| {
            let place = (right - column, right);
            right -= column + 8.0;
            place
        };
        let size = (width > 320.0).then(|| take(54.0));
        let flags = (width > 380.0).then(|| take(30.0));
        let time = (12.0, 96.0);
        let since = (width > 290.0).then_some((98.0, 158.0));
        let left = if since.is_some() { 168.0 } else { 104.0 };
        Self { time, since, payload: (left, right), flags, size }
    }

    fn part(rect: Rect, (from, to): (f32, f32)) -> Rect {
        Rect::from_min_max(pos2(rect.left() + from, rect.top()), pos2(rect.left() + to, rect.bottom()))
    }
}

fn heads(ui: &mut Ui, columns: &Columns) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEAD_HEIGHT), Sense::hover());
    let head = |place: Option<(f32, f32)>, text: &str, align: Align2| {
        if let Some(place) = place {
            cell(ui, Columns::part(rect, place), text, small_text(), palette(ui).muted, align);
        }
    };
    head(Some(columns.time), "Time", Align2::LEFT_CENTER);
    head(columns.since, "Since", Align2::RIGHT_CENTER);
    head(Some(columns.payload), "Payload", Align2::LEFT_CENTER);
    head(columns.flags, "QoS", Align2::RIGHT_CENTER);
    head(columns.size, "Size", Align2::RIGHT_CENTER);
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, egui::Stroke::new(1.0, palette(ui).line));
}

fn list(ui: &mut Ui, app: &App, page: &HistoryPage, columns: &Columns, pass: &mut Pass<'_>) {
    let total = page.total;
    let detail = &app.telemetry.detail;
    let step_id = ui.scope_id().with("step");
    let stepped = ui.data_mut(|data| data.remove_temp::<usize>(step_id)).map(Place::Showing);
    let rows = Rows { name: "History", role: Role::ListBox, total, height: DENSE_HEIGHT, place: stepped };
    let newest = detail.picked().is_none();
    let mut picked = None;
    let shown = rows.show(ui, |ui, place, rect| {
        let Some(row) = detail.history_row(place) else { return };
        let is_chosen = if newest { place == 0 } else { detail.picked() == Some(row.id) };
        let before = detail.history_row(place + 1).map(|row| row.unix_micros);
        let response = draw_row(ui, rect, row, before, is_chosen, columns, pass);
        if response.clicked() {
            picked = Some(row.id);
        }
        response.context_menu(|ui| message_menu(ui, row, pass));
        if app.telemetry.panes.trigger.is_marked(row.id) {
            mark_row(ui, rect);
        }
    });
    if (shown.range.start, shown.count()) != detail.sight() {
        let action = DetailAction::ScrolledHistory { first: shown.range.start, count: shown.count() };
        pass.did(TelemetryAction::Detail(action));
    }
    let is_hovered = shown.hovered.is_some();
    if is_hovered != detail.is_hovered() {
        pass.did(TelemetryAction::Detail(DetailAction::Hovered(is_hovered)));
    }
    let is_entered = shown.response.has_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    if is_one_at_a_time(ui) && (picked.is_some() || is_entered) {
        pass.did(TelemetryAction::WentIn(Depth::Message));
    }
    let chosen = if newest { Some(0) } else { detail.picked_place() };
    if let Some(next) = shown.step(ui, chosen, total)
        && let Some(row) = detail.history_row(next)
    {
        ui.data_mut(|data| data.insert_temp(step_id, next));
        picked = Some(row.id);
    }
    let asked = match shown.asked(ui) {
        Some(Asked::First) => Some(0),
        Some(Asked::Last) => total.checked_sub(1),
        _ => None,
    };
    if let Some(row) = asked.and_then(|place| detail.history_row(place)) {
        picked = Some(row.id);
    }
    if shown.is_copying(ui)
        && let Some(row) = chosen.and_then(|place| detail.history_row(place))
    {
        ui.copy_text(as_text(row, pass));
        pass.did(crate::app::Action::Copied("Row"));
    }
    // One step back: to the newest.
    if shown.pressed(ui, Key::Escape) && detail.picked().is_some() {
        pass.did(TelemetryAction::Detail(DetailAction::Followed));
    }
    if let Some(id) = picked {
        pass.did(TelemetryAction::Detail(DetailAction::Picked(id)));
    }
}

/// A message as text, its columns apart by tabs.
pub(super) fn as_text(row: &MessageRow, pass: &Pass<'_>) -> String {
    [&*pass.date_and_time(row.unix_micros), &*row.topic, &*row.preview].join("\t")
}

/// The acts of a message.
pub(super) fn message_menu(ui: &mut Ui, row: &MessageRow, pass: &mut Pass<'_>) {
    for (text, what, copied) in [
        ("Copy the payload", "Payload", row.preview.to_string()),
        ("Copy the topic", "Topic", row.topic.to_string()),
        ("Copy the row", "Row", as_text(row, pass)),
    ] {
        if ui.button(text).clicked() {
            ui.copy_text(copied);
            pass.did(crate::app::Action::Copied(what));
            ui.close();
        }
    }
    if ui.button("Publish to this topic").clicked() {
        pass.did(TelemetryAction::PublishesTo(row.topic.to_string()));
        ui.close();
    }
}

fn draw_row(
    ui: &Ui,
    rect: Rect,
    row: &MessageRow,
    before: Option<i64>,
    is_chosen: bool,
    columns: &Columns,
    pass: &Pass<'_>,
) -> Response {
    let palette = palette(ui);
    let time = pass.time_of_day(row.unix_micros);
    let response = choosable(ui, rect, ("history", row.id.0), Role::ListBoxOption, is_chosen, || {
        format!("{time}, {}", row.preview)
    });
    let left = Align2::LEFT_CENTER;
    let right = Align2::RIGHT_CENTER;
    cell(ui, Columns::part(rect, columns.time), &time, small_mono(), palette.strong, left);
    if let Some((place, before)) = columns.since.zip(before) {
        let micros = u64::try_from(row.unix_micros.saturating_sub(before)).unwrap_or(0);
        let text = format!("+{}", span(Duration::from_micros(micros)));
        cell(ui, Columns::part(rect, place), &text, small_mono(), palette.muted, right);
    }
    cell(ui, Columns::part(rect, columns.payload), &row.preview, mono(), palette.text, left);
    if let Some(place) = columns.flags {
        cell(ui, Columns::part(rect, place), &flags(row), small_mono(), palette.muted, right);
    }
    if let Some(place) = columns.size {
        cell(ui, Columns::part(rect, place), &size(row.bytes), small_mono(), palette.muted, right);
    }
    response
}
