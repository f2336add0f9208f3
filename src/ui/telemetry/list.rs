//! The live list: what is searched for, the columns, the rows in sight, and whether it follows or stands.

use egui::{
    Align2, Key, Popup, PopupCloseBehavior, Rect, RectAlign, Response, Role, Sense, TextEdit, Ui, UiBuilder, pos2, vec2,
};

use super::history::{as_text, message_menu};
use super::messages::{feed_row, is_one_at_a_time};
use super::rows::{Place, Rows, cell, choosable, size};
use super::tree::{FOOT, FOOT_FROM};
use crate::app::App;
use crate::app::telemetry::list::{List, ListAction, Picked};
use crate::app::telemetry::{Depth, TelemetryAction};
use crate::model::mqtt::message::Qos;
use crate::telemetry::view::MessageRow;
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{DENSE_HEIGHT, FIELD_MARGIN, GRID, HEAD_HEIGHT, mono, palette, small_mono, small_text};
use crate::ui::widgets::{
    Button, RowEnd, bare_field, check, count, counted, empty_state, finding, labelled, muted, strong,
};

/// The field that searches messages.
pub(in crate::ui) const SEARCH: &str = "message-search";

/// Draws the list.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    feed_row(ui, app, pass, query);
    let list = &app.telemetry.list;
    for problem in list.filter_problem().into_iter().chain(list.page().problem.as_ref()) {
        finding(ui, problem, true);
    }
    let room = ui.available_rect_before_wrap();
    let has_foot = ui.ctx().content_rect().height() > FOOT_FROM + 130.0;
    let foot = if has_foot { FOOT + 4.0 } else { 0.0 };
    let (above, below) = room.split_top_bottom_at_y(room.bottom() - foot);
    ui.scope_builder(UiBuilder::new().max_rect(above).id_salt("messages"), |ui| {
        ui.set_clip_rect(ui.clip_rect().intersect(above));
        if app.telemetry.list.page().total == 0 {
            return nothing(ui, app);
        }
        rows(ui, app, pass);
    });
    if foot > 0.0 {
        ui.painter().hline(below.x_range(), below.top() + 0.5, egui::Stroke::new(1.0, palette(ui).line));
        let layout = egui::Layout::left_to_right(egui::Align::Center);
        let builder = UiBuilder::new().max_rect(below.shrink2(vec2(10.0, 1.0))).layout(layout).id_salt("foot");
        ui.scope_builder(builder, |ui| self::foot(ui, &app.telemetry.list, pass));
    }
    ui.advance_cursor_after_rect(room);
}

fn query(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let has_foot = ui.ctx().content_rect().height() > FOOT_FROM + 130.0;
    let list = &mut app.telemetry.list;
    let width = (ui.available_width() - if has_foot { 34.0 } else { 68.0 }).max(60.0);
    if bare_field(ui, SEARCH, "Text", &mut list.text, "Text in topic or payload", width).changed() {
        pass.did(TelemetryAction::List(ListAction::Queried));
    }
    let more = Button::icon_only(icon::MORE, "Filters and columns").show(ui);
    let is_filtered = list.query().filter.is_some() || !list.query().jq.is_empty();
    if is_filtered {
        ui.painter().circle_filled(more.rect.right_top() + vec2(-5.0, 6.0), 3.0, palette(ui).link);
    }
    let popup = Popup::menu(&more).align(RectAlign::BOTTOM_END);
    popup.close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| filters(ui, list, pass));
    if !has_foot {
        let (glyph, name, action) = if list.is_following() {
            (icon::PAUSE, "Pause the list", ListAction::Paused)
        } else {
            (icon::TO_END, "Follow the newest messages", ListAction::Followed)
        };
        if Button::icon_only(glyph, name).pressed(ui) {
            pass.did(TelemetryAction::List(action));
        }
    }
}

/// What is searched for beside a text, and the columns.
fn filters(ui: &mut Ui, list: &mut List, pass: &mut Pass<'_>) {
    ui.set_width(300.0);
    ui.spacing_mut().item_spacing.y = 6.0;
    strong(ui, "Show only");
    let mut is_changed = false;
    let mut edit = |ui: &mut Ui, label: &str, text: &mut String, hint: &str| {
        is_changed |= labelled(ui, label, |ui, id| {
            let edit = TextEdit::singleline(text).hint_text(hint.to_owned()).font(mono()).desired_width(176.0);
            ui.add(edit.margin(FIELD_MARGIN)).labelled_by(id).changed()
        });
    };
    edit(ui, "Topics", &mut list.filter, "site/+/#");
    edit(ui, "jq", &mut list.jq, ".temperature > 20");
    is_changed |= check(ui, &mut list.is_regex, "The text is a regular expression", "");
    if is_changed {
        pass.did(TelemetryAction::List(ListAction::Queried));
    }
    ui.add_space(GRID);
    strong(ui, "Columns");
    columns(ui, list, pass);
}

fn columns(ui: &mut Ui, list: &mut List, pass: &mut Pass<'_>) {
    for (place, column) in list.columns().iter().enumerate() {
        let name = format!("Remove the column {column}");
        if Button::new(column).icon(icon::CLOSE).quiet().named(&name).pressed(ui) {
            pass.did(TelemetryAction::List(ListAction::RemovedColumn(place)));
        }
    }
    labelled(ui, "Column", |ui, id| {
        let edit = TextEdit::singleline(&mut list.new_column).hint_text(".temperature").font(mono());
        let response = ui.add(edit.desired_width(140.0).margin(FIELD_MARGIN)).labelled_by(id);
        let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let add = Button::icon_only(icon::ADD, "Add the column");
        let is_typed = !list.new_column.trim().is_empty();
        if add.enabled_if(is_typed, "Type a jq expression first").pressed(ui) || (is_entered && is_typed) {
            pass.did(TelemetryAction::List(ListAction::AddedColumn));
        }
    });
}

/// How many messages there are, and whether the list follows.
fn foot(ui: &mut Ui, list: &List, pass: &mut Pass<'_>) {
    let page = list.page();
    let mut text = counted(page.total as u64, "message", "messages");
    if page.searched < 1.0 && !list.query().is_empty() {
        text = format!("{text} found, {:.0} % searched", page.searched * 100.0);
    }
    if page.evicted > 0 {
        text = format!("{text}, {} of them no longer held", count(page.evicted));
    }
    let end = RowEnd::new(ui, "follow");
    end.before(ui, |ui| {
        let text = egui::RichText::new(text).small().color(palette(ui).muted);
        crate::ui::widgets::truncated(ui, text);
    });
    end.show(ui, |ui| follow_button(ui, list, pass));
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
        newer => format!("Follow · +{} newer", count(newer)),
    };
    if Button::new(&text).icon(icon::TO_END).named("Follow the newest messages").pressed(ui) {
        pass.did(TelemetryAction::List(ListAction::Followed));
    }
}

fn nothing(ui: &mut Ui, app: &App) {
    if !app.telemetry.list.query().is_empty() && app.telemetry.counters().received > 0 {
        return empty_state(ui, icon::DISCOVER, "No messages match all filters", |ui| {
            muted(ui, "Change or clear the text, the topics or the jq expression");
        });
    }
    empty_state(ui, icon::LIST, "No messages yet", |ui| {
        muted(ui, "They appear here as they arrive, the newest last");
    });
}

/// The places of a row's parts, as distances from its left edge.
struct Columns {
    time: (f32, f32),
    topic: (f32, f32),
    payload: (f32, f32),
    own: Vec<(f32, f32)>,
    flags: Option<(f32, f32)>,
    bytes: Option<(f32, f32)>,
}

impl Columns {
    #[expect(clippy::cast_precision_loss, reason = "eight columns at most")]
    fn of(width: f32, own: usize) -> Self {
        let mut right = width - 16.0;
        let bytes = (width > 480.0).then_some((right - 56.0, right));
        right -= bytes.map_or(0.0, |_| 62.0);
        let flags = (width > 400.0).then_some((right - 36.0, right));
        right -= flags.map_or(0.0, |_| 42.0);
        let time = (12.0, 94.0);
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

fn rows(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let list = &app.telemetry.list;
    let columns = Columns::of(ui.available_width(), list.columns().len());
    heads(ui, list, &columns);
    let total = list.page().total;
    let step_id = ui.scope_id().with("step");
    let stepped = ui.data_mut(|data| data.remove_temp::<usize>(step_id));
    let place = Some(if list.is_following() { Place::End } else { Place::Still(stepped) });
    let rows = Rows { name: "Messages", role: Role::ListBox, total, height: DENSE_HEIGHT, place };
    let mut clicked = None;
    let trigger = &app.telemetry.panes.trigger;
    let shown = rows.show(ui, |ui, place, rect| match list.row(place) {
        Some(row) => {
            let response = draw_row(ui, rect, row, list.selected() == Some(row.id), &columns, pass);
            if response.clicked() {
                clicked = Some((place, Picked { id: row.id, topic: row.topic_id }));
            }
            response.context_menu(|ui| message_menu(ui, row, pass));
            if trigger.is_marked(row.id) {
                super::tools::mark_row(ui, rect);
            }
        }
        None if (place as u64) < list.page().evicted => {
            cell(
                ui,
                rect.shrink2(vec2(8.0, 0.0)),
                "no longer held",
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
    let is_entered = shown.response.has_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    if is_one_at_a_time(ui) && (clicked.is_some() || (is_entered && list.selected().is_some())) {
        pass.did(TelemetryAction::WentIn(Depth::Message));
    }
    let chosen = list.selected_place();
    if shown.is_copying(ui)
        && let Some(row) = chosen.and_then(|place| list.row(place))
    {
        ui.copy_text(as_text(row, pass));
        pass.did(crate::app::Action::Copied("Row"));
    }
    // One step back: on with the newest.
    if shown.pressed(ui, Key::Escape) && !list.is_following() {
        pass.did(TelemetryAction::List(ListAction::Followed));
    }
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
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEAD_HEIGHT), Sense::hover());
    let head = |place: (f32, f32), text: &str, align: Align2| {
        cell(ui, Columns::part(rect, place), text, small_text(), palette(ui).muted, align);
    };
    head(columns.time, "Time", Align2::LEFT_CENTER);
    head(columns.topic, "Topic", Align2::LEFT_CENTER);
    head(columns.payload, "Payload", Align2::LEFT_CENTER);
    for (place, text) in columns.own.iter().zip(list.columns()) {
        head(*place, text, Align2::LEFT_CENTER);
    }
    if let Some(place) = columns.flags {
        head(place, "QoS", Align2::RIGHT_CENTER);
    }
    if let Some(place) = columns.bytes {
        head(place, "Size", Align2::RIGHT_CENTER);
    }
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, egui::Stroke::new(1.0, palette(ui).line));
}

fn draw_row(ui: &Ui, rect: Rect, row: &MessageRow, is_chosen: bool, columns: &Columns, pass: &Pass<'_>) -> Response {
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
    if let Some(place) = columns.flags {
        cell(ui, Columns::part(rect, place), &flags(row), small_mono(), palette.muted, right);
    }
    if let Some(place) = columns.bytes {
        cell(ui, Columns::part(rect, place), &size(row.bytes), small_mono(), palette.muted, right);
    }
    response
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
