//! The list of messages: what is searched for, the columns, the rows in sight, and whether it follows or stands.

use egui::{Align2, Key, Rect, Role, Sense, TextEdit, Ui, pos2, vec2};

use super::rows::{Place, Rows, cell, choosable, number, size};
use super::surface;
use crate::app::App;
use crate::app::telemetry::TelemetryAction;
use crate::app::telemetry::list::{List, ListAction, Picked};
use crate::model::mqtt::message::Qos;
use crate::telemetry::view::MessageRow;
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{DENSE_HEIGHT, mono, palette, small_mono, small_text};
use crate::ui::widgets::{Button, check, empty_state, finding, muted};

/// Draws the list.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    query(ui, &mut app.telemetry.list, pass);
    let list = &app.telemetry.list;
    for problem in list.filter_problem().into_iter().chain(list.page().problem.as_ref()) {
        finding(ui, problem, true);
    }
    columns_bar(ui, &mut app.telemetry.list, pass);
    surface(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        if app.telemetry.list.page().total == 0 {
            return nothing(ui, app);
        }
        rows(ui, &app.telemetry.list, pass);
    });
}

fn query(ui: &mut Ui, list: &mut List, pass: &mut Pass<'_>) {
    let mut is_changed = false;
    ui.horizontal_wrapped(|ui| {
        let width = ((ui.available_width() - 330.0) / 3.0).clamp(76.0, 220.0);
        let mut edit = |ui: &mut Ui, label: &str, text: &mut String, hint: &str| {
            let id = ui.label(label).id;
            let edit = TextEdit::singleline(text).hint_text(hint.to_owned()).font(mono()).desired_width(width);
            is_changed |= ui.add(edit.margin(egui::Margin::symmetric(8, 7))).labelled_by(id).changed();
        };
        edit(ui, "Topics", &mut list.filter, "site/+/#");
        edit(ui, "Text", &mut list.text, "in topic or payload");
        edit(ui, "jq", &mut list.jq, ".temperature > 20");
        is_changed |= check(ui, &mut list.is_regex, "Regular expression", "");
    });
    if is_changed {
        pass.did(TelemetryAction::List(ListAction::Queried));
    }
}

fn columns_bar(ui: &mut Ui, list: &mut List, pass: &mut Pass<'_>) {
    ui.horizontal_wrapped(|ui| {
        follow_button(ui, list, pass);
        let id = ui.label("Column").id;
        let edit = TextEdit::singleline(&mut list.new_column).hint_text(".temperature").font(mono());
        let response = ui.add(edit.desired_width(120.0).margin(egui::Margin::symmetric(8, 7))).labelled_by(id);
        let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let add = Button::icon_only(icon::ADD, "Add the column");
        let is_typed = !list.new_column.trim().is_empty();
        if add.enabled_if(is_typed, "Type a jq expression first").pressed(ui) || (is_entered && is_typed) {
            pass.did(TelemetryAction::List(ListAction::AddedColumn));
        }
        for (place, column) in list.columns().iter().enumerate() {
            let name = format!("Remove the column {column}");
            if Button::new(column).icon(icon::CLOSE).quiet().named(&name).pressed(ui) {
                pass.did(TelemetryAction::List(ListAction::RemovedColumn(place)));
            }
        }
        let page = list.page();
        let mut text = format!("{} messages", number(page.total as u64));
        if page.searched < 1.0 && !list.query().is_empty() {
            text = format!("{text} found, {:.0} % searched", page.searched * 100.0);
        }
        if page.evicted > 0 {
            text = format!("{text}, {} of them held no more", number(page.evicted));
        }
        muted(ui, &text);
    });
}

fn follow_button(ui: &mut Ui, list: &List, pass: &mut Pass<'_>) {
    if list.is_following() {
        let pause = Button::new("Pause").icon(icon::PAUSE).named("Pause the list");
        if pause.enabled_if(list.page().newest.is_some(), "Nothing was received yet").pressed(ui) {
            pass.did(TelemetryAction::List(ListAction::Paused));
        }
        return;
    }
    let text = match list.page().newer {
        0 => "Follow".to_owned(),
        newer => format!("Follow · +{} newer", number(newer)),
    };
    if Button::new(&text).icon(icon::TO_END).named("Follow the newest messages").pressed(ui) {
        pass.did(TelemetryAction::List(ListAction::Followed));
    }
}

fn nothing(ui: &mut Ui, app: &App) {
    if !app.telemetry.list.query().is_empty() && app.telemetry.counters().received > 0 {
        return empty_state(ui, icon::DISCOVER, "No message fits", |ui| {
            muted(ui, "Change or clear what is searched for. All conditions hold together");
        });
    }
    empty_state(ui, icon::LIST, "No messages yet", |ui| {
        muted(ui, "They appear here as they come, the newest last");
    });
}

/// The places of a row's parts, as distances from its left edge.
struct Columns {
    time: (f32, f32),
    topic: (f32, f32),
    payload: (f32, f32),
    own: Vec<(f32, f32)>,
    flags: (f32, f32),
    bytes: Option<(f32, f32)>,
}

impl Columns {
    #[expect(clippy::cast_precision_loss, reason = "eight columns at most")]
    fn of(width: f32, own: usize) -> Self {
        let mut right = width - 16.0;
        let bytes = (width > 480.0).then_some((right - 56.0, right));
        right -= bytes.map_or(0.0, |_| 62.0);
        let flags = (right - 46.0, right);
        right -= 52.0;
        let time = (4.0, 92.0);
        let room = (right - 98.0).max(60.0);
        let own_width = if own == 0 { 0.0 } else { (room * 0.45 / own as f32).min(110.0) };
        let rest = room - own_width * own as f32;
        let topic = (98.0, 98.0 + rest * 0.45);
        let payload = (topic.1 + 10.0, 98.0 + rest - 6.0);
        let place = |at: usize| (98.0 + rest + own_width * at as f32, 98.0 + rest + own_width * (at + 1) as f32 - 8.0);
        Self { time, topic, payload, own: (0..own).map(place).collect(), flags, bytes }
    }

    fn part(rect: Rect, (from, to): (f32, f32)) -> Rect {
        Rect::from_min_max(pos2(rect.left() + from, rect.top()), pos2(rect.left() + to, rect.bottom()))
    }
}

fn rows(ui: &mut Ui, list: &List, pass: &mut Pass<'_>) {
    let columns = Columns::of(ui.available_width(), list.columns().len());
    heads(ui, list, &columns);
    let total = list.page().total;
    let step_id = ui.scope_id().with("step");
    let stepped = ui.data_mut(|data| data.remove_temp::<usize>(step_id));
    let place = Some(if list.is_following() { Place::End } else { Place::Still(stepped) });
    let rows = Rows { name: "Messages", role: Role::ListBox, total, height: DENSE_HEIGHT, place };
    let mut clicked = None;
    let shown = rows.show(ui, |ui, place, rect| match list.row(place) {
        Some(row) if draw_row(ui, rect, row, list.selected() == Some(row.id), &columns, pass) => {
            clicked = Some((place, Picked { id: row.id, topic: row.topic_id }));
        }
        None if (place as u64) < list.page().evicted => {
            cell(
                ui,
                rect.shrink2(vec2(8.0, 0.0)),
                "held no more",
                small_text(),
                palette(ui).muted,
                Align2::LEFT_CENTER,
            );
        }
        _ => {}
    });
    // A row that is pressed stays where it is until the button is let go.
    let is_pressed = shown.hovered.is_some() && ui.input(|input| input.pointer.primary_pressed());
    let is_back =
        shown.scrolled < 0.0 || (shown.response.has_focus() && ui.input(|input| input.key_pressed(Key::Space)));
    if list.is_following() && (is_pressed || is_back) {
        pass.did(TelemetryAction::List(ListAction::Paused));
    }
    let (first, count) = list.sight();
    let has_moved = !list.is_following() && first != shown.range.start;
    if count != shown.count() || has_moved || (list.is_following() && is_back) {
        let action = ListAction::Scrolled { first: shown.range.start, count: shown.count() };
        pass.did(TelemetryAction::List(action));
    }
    if let Some((place, picked)) = clicked {
        ui.data_mut(|data| data.insert_temp(step_id, place));
        pass.did(TelemetryAction::List(ListAction::Selected(picked)));
    }
    let chosen = list.selected_place();
    if let Some(next) = shown.step(ui, chosen, total)
        && let Some(row) = list.row(next)
    {
        ui.data_mut(|data| data.insert_temp(step_id, next));
        let picked = Picked { id: row.id, topic: row.topic_id };
        pass.did(TelemetryAction::List(ListAction::Selected(picked)));
    }
    if shown.response.has_focus() && ui.input(|input| input.key_pressed(Key::End)) && !list.is_following() {
        pass.did(TelemetryAction::List(ListAction::Followed));
    }
}

fn heads(ui: &mut Ui, list: &List, columns: &Columns) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 22.0), Sense::hover());
    let head = |place: (f32, f32), text: &str, align: Align2| {
        cell(ui, Columns::part(rect, place), text, small_text(), palette(ui).muted, align);
    };
    head(columns.time, "Time", Align2::LEFT_CENTER);
    head(columns.topic, "Topic", Align2::LEFT_CENTER);
    head(columns.payload, "Payload", Align2::LEFT_CENTER);
    for (place, text) in columns.own.iter().zip(list.columns()) {
        head(*place, text, Align2::LEFT_CENTER);
    }
    head(columns.flags, "QoS", Align2::RIGHT_CENTER);
    if let Some(place) = columns.bytes {
        head(place, "Size", Align2::RIGHT_CENTER);
    }
    ui.painter().hline(rect.x_range(), rect.bottom(), egui::Stroke::new(1.0, palette(ui).line));
    ui.add_space(2.0);
}

fn draw_row(ui: &Ui, rect: Rect, row: &MessageRow, is_chosen: bool, columns: &Columns, pass: &Pass<'_>) -> bool {
    let palette = palette(ui);
    let name = || format!("{}, {}, {}", pass.time_of_day(row.unix_micros), row.topic, row.preview);
    let response = choosable(ui, rect, ("message", row.id.0), Role::ListBoxOption, is_chosen, name);
    let left = Align2::LEFT_CENTER;
    let time = pass.time_of_day(row.unix_micros);
    cell(ui, Columns::part(rect, columns.time), &time, small_mono(), palette.muted, left);
    cell(ui, Columns::part(rect, columns.topic), &row.topic, mono(), palette.strong, left);
    cell(ui, Columns::part(rect, columns.payload), &row.preview, mono(), palette.text, left);
    for (place, text) in columns.own.iter().zip(&row.columns) {
        cell(ui, Columns::part(rect, *place), text, mono(), palette.strong, left);
    }
    let right = Align2::RIGHT_CENTER;
    cell(ui, Columns::part(rect, columns.flags), &flags(row), small_mono(), palette.muted, right);
    if let Some(place) = columns.bytes {
        cell(ui, Columns::part(rect, place), &size(row.bytes), small_mono(), palette.muted, right);
    }
    response.clicked()
}

/// Quality of service, R for retained, D for sent before.
pub(super) fn flags(row: &MessageRow) -> String {
    let mut text = String::new();
    if row.is_retained {
        text.push_str("R ");
    }
    if row.is_duplicate {
        text.push_str("D ");
    }
    text.push_str(match row.qos {
        Qos::AtMostOnce => "0",
        Qos::AtLeastOnce => "1",
        Qos::ExactlyOnce => "2",
    });
    text
}
