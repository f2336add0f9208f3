//! The topic tree: rows in sight only, columns that sort, a search, and the keyboard.

use std::time::Duration;

use egui::{Align2, FontId, Key, Popup, Rect, RectAlign, Response, Role, Sense, Ui, UiBuilder, WidgetInfo, pos2, vec2};

use super::messages::{feed_row, is_one_at_a_time};
use super::parts::span;
use super::rows::{Asked, Place, Rows, Shown, cell, choosable, onward, size};
use crate::app::App;
use crate::app::telemetry::tree::{Selected, TreeAction};
use crate::app::telemetry::{Depth, TelemetryAction};
use crate::telemetry::silence::Silence;
use crate::telemetry::view::{TreeRow, TreeSort};
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{DENSE_HEIGHT, HEAD_HEIGHT, icon_font, medium, mono, palette, small_mono, small_text};
use crate::ui::widgets::{Button, bare_field, count, counted, empty_state, finding, focus_ring, muted};

/// The field that searches topics.
pub(in crate::ui) const SEARCH: &str = "topic-search";
/// Height of the line below the list.
pub(super) const FOOT: f32 = 28.0;
/// Least height of a pane that has such a line.
pub(super) const FOOT_FROM: f32 = 230.0;
/// Silence that is worth telling.
const SILENT_FROM: Duration = Duration::from_secs(2);
/// How far a level stands in.
const INDENT: f32 = 14.0;
/// Width of the sign that opens a level.
const CARET: f32 = 18.0;
/// Levels that stand in; what is deeper stands with them.
const MAX_INDENT: u16 = 14;

/// Draws the tree.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    feed_row(ui, app, pass, toolbar);
    if let Some(problem) = &app.telemetry.tree.page().problem {
        finding(ui, problem, true);
    }
    let room = ui.available_rect_before_wrap();
    let foot = if room.height() < FOOT_FROM { 0.0 } else { FOOT };
    let (above, below) = room.split_top_bottom_at_y(room.bottom() - foot);
    ui.scope_builder(UiBuilder::new().max_rect(above).id_salt("topics"), |ui| {
        ui.set_clip_rect(ui.clip_rect().intersect(above));
        if app.telemetry.tree.page().total == 0 {
            return nothing(ui, app);
        }
        let columns = Columns::of(ui.available_width());
        heads(ui, app, &columns, pass);
        list(ui, app, &columns, pass);
    });
    if foot > 0.0 {
        self::foot(ui, app, below);
    }
    ui.advance_cursor_after_rect(room);
}

fn toolbar(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let tree = &mut app.telemetry.tree;
    let width = (ui.available_width() - 34.0).max(60.0);
    let response = bare_field(ui, SEARCH, "Search", &mut tree.search, "Topic, or site/+/temperature", width);
    if response.changed() {
        pass.did(TelemetryAction::Tree(TreeAction::Searched));
    }
    let more = Button::icon_only(icon::MORE, "More on topics").show(ui);
    let sort = tree.sort();
    Popup::menu(&more).align(RectAlign::BOTTOM_END).show(|ui| {
        levels(ui, pass);
        ui.separator();
        let orders = [
            (TreeSort::Name, "Sort by name"),
            (TreeSort::Messages, "Sort by messages"),
            (TreeSort::Bytes, "Sort by size"),
            (TreeSort::Rate, "Sort by rate"),
            (TreeSort::Recent, "Sort by last message"),
        ];
        for (order, text) in orders {
            if ui.selectable_label(sort == order, text).clicked() {
                pass.did(TelemetryAction::Tree(TreeAction::SortedBy(order)));
                ui.close();
            }
        }
    });
}

/// What is done with all levels.
fn levels(ui: &mut Ui, pass: &mut Pass<'_>) {
    for (text, is_expanded) in [("Open all levels", true), ("Close all levels", false)] {
        if ui.button(text).clicked() {
            pass.did(TelemetryAction::Tree(TreeAction::ExpandedAll(is_expanded)));
            ui.close();
        }
    }
}

/// How much there is.
fn foot(ui: &Ui, app: &App, rect: Rect) {
    let palette = palette(ui);
    ui.painter().hline(rect.x_range(), rect.top() + 0.5, egui::Stroke::new(1.0, palette.line));
    let counters = app.telemetry.counters();
    let inner = rect.shrink2(vec2(12.0, 0.0));
    let left = counted(counters.topics, "topic", "topics");
    let held = app.telemetry.tree.is_held();
    let left = if held { format!("{left} · order held") } else { left };
    let mut used = cell(ui, inner, &left, small_text(), palette.muted, Align2::LEFT_CENTER);
    let silent = app.telemetry.snapshot().map_or(0, |snapshot| snapshot.silent);
    let silent = if silent == 0 { String::new() } else { format!("{} silent longer than usual", count(silent)) };
    let beside = inner.with_min_x(inner.left() + used + 10.0);
    if !silent.is_empty() {
        used += 10.0 + cell(ui, beside, &silent, small_text(), palette.warn, Align2::LEFT_CENTER);
    }
    let right = format!("{}, {}", counted(counters.received, "message", "messages"), size(counters.received_bytes));
    let rest = inner.with_min_x(inner.left() + used + 12.0);
    cell(ui, rest, &right, small_text(), palette.muted, Align2::RIGHT_CENTER);
    let parts = [&*left, &*silent, &*right].into_iter().filter(|part| !part.is_empty());
    let spoken = parts.collect::<Vec<_>>().join(", ");
    let response = ui.interact(rect, ui.scope_id().with("foot"), Sense::hover());
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Label, is_enabled, spoken.clone()));
    if held {
        response.on_hover_text(
            "Rows do not move while the pointer is over them: their numbers are new, their order is not",
        );
    }
}

fn nothing(ui: &mut Ui, app: &App) {
    let telemetry = &app.telemetry;
    if !telemetry.tree.search.is_empty() && telemetry.counters().topics > 0 {
        return empty_state(ui, icon::DISCOVER, "No topic matches", |ui| {
            muted(ui, "Change or clear the text. + matches one level, # all levels below");
        });
    }
    if !telemetry.is_connected() {
        return empty_state(ui, icon::BROADCAST, "No messages yet", |ui| {
            muted(ui, "Topics appear here with the first message, once connected");
        });
    }
    empty_state(ui, icon::BROADCAST, "Connected, no message yet", |ui| {
        muted(ui, "Topics appear with their first message. If none comes:");
        muted(ui, "Subscriptions: do the filters in the connection panel fit what the gateway sends?");
        muted(ui, "Gateway: is it on, joined, and does it point at this broker?");
    });
}

/// The places of a row's parts, as distances from its left edge.
struct Columns {
    name: (f32, f32),
    last: (f32, f32),
    rate: Option<(f32, f32)>,
    messages: Option<(f32, f32)>,
    size: Option<(f32, f32)>,
    silent: (f32, f32),
}

impl Columns {
    fn of(width: f32) -> Self {
        // The bar to scroll by.
        let mut right = width - 18.0;
        let mut take = |column: f32| {
            let place = (right - column, right);
            right -= column + 8.0;
            place
        };
        let silent = take(50.0);
        let size = (width > 560.0).then(|| take(62.0));
        let messages = (width > 400.0).then(|| take(66.0));
        let rate = (width > 330.0).then(|| take(44.0));
        let middle = 12.0 + (right - 12.0) * 0.56;
        Self { name: (12.0, middle - 6.0), last: (middle, right), rate, messages, size, silent }
    }

    fn part(rect: Rect, (from, to): (f32, f32)) -> Rect {
        Rect::from_min_max(pos2(rect.left() + from, rect.top()), pos2(rect.left() + to, rect.bottom()))
    }
}

fn heads(ui: &mut Ui, app: &App, columns: &Columns, pass: &mut Pass<'_>) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEAD_HEIGHT), Sense::hover());
    let mut head = |place: Option<(f32, f32)>, text: &str, sort: Option<TreeSort>, align: Align2| {
        let Some(place) = place else { return };
        let rect = Columns::part(rect, place);
        let is_chosen = sort.is_some() && sort == Some(app.telemetry.tree.sort());
        let colour = if is_chosen { palette(ui).strong } else { palette(ui).muted };
        let shown = if is_chosen && sort != Some(TreeSort::Name) { format!("{text} ↓") } else { text.to_owned() };
        cell(ui, rect, &shown, small_text(), colour, align);
        let Some(sort) = sort else { return };
        let response = ui.interact(rect, ui.scope_id().with(("head", text)), Sense::CLICK);
        let is_enabled = ui.is_enabled();
        let name = format!("Sort topics by {}", text.to_lowercase());
        response.widget_info(|| WidgetInfo::selected(Role::ColumnHeader, is_enabled, is_chosen, &name));
        focus_ring(ui, &response);
        if response.clicked() {
            pass.did(TelemetryAction::Tree(TreeAction::SortedBy(sort)));
        }
    };
    head(Some(columns.name), "Topic", Some(TreeSort::Name), Align2::LEFT_CENTER);
    head(Some(columns.last), "Last value", None, Align2::LEFT_CENTER);
    head(columns.rate, "Rate", Some(TreeSort::Rate), Align2::RIGHT_CENTER);
    head(columns.messages, "Messages", Some(TreeSort::Messages), Align2::RIGHT_CENTER);
    head(columns.size, "Size", Some(TreeSort::Bytes), Align2::RIGHT_CENTER);
    head(Some(columns.silent), "Silent", Some(TreeSort::Recent), Align2::RIGHT_CENTER);
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, egui::Stroke::new(1.0, palette(ui).line));
}

fn list(ui: &mut Ui, app: &mut App, columns: &Columns, pass: &mut Pass<'_>) {
    let place = app.telemetry.tree.take_scroll().map(Place::Showing);
    let step_id = ui.scope_id().with("step");
    let stepped = ui.data_mut(|data| data.remove_temp::<usize>(step_id)).map(Place::Showing);
    let tree = &app.telemetry.tree;
    let total = tree.page().total;
    let rows = Rows { name: "Topics", role: Role::Tree, total, height: DENSE_HEIGHT, place: place.or(stepped) };
    let mut actions = Vec::new();
    let mut is_entered = false;
    let shown = rows.show(ui, |ui, place, rect| {
        if let Some(row) = tree.row(place) {
            let is_chosen = tree.selected().is_some_and(|chosen| chosen.node == row.node);
            let response = draw_row(ui, rect, row, is_chosen, columns, &mut actions);
            is_entered |= response.clicked() && row.topic.is_some();
            response.context_menu(|ui| menu(ui, app, place, row, pass));
        }
    });
    keys(ui, app, &shown, step_id, &mut actions);
    if shown.is_copying(ui)
        && let Some(place) = tree.selected_place()
        && let Some(row) = tree.row(place)
    {
        ui.copy_text(as_text(&path_of(app, place), row));
        pass.did(crate::app::Action::Copied("Row"));
    }
    app.telemetry.tree.hovered = shown.hovered;
    let sight = (shown.range.start, shown.count());
    if app.telemetry.tree.sight() != sight {
        actions.push(TreeAction::Scrolled { first: sight.0, count: sight.1 });
    }
    for action in actions {
        pass.did(TelemetryAction::Tree(action));
    }
    is_entered |= shown.response.has_focus() && ui.input(|input| input.key_pressed(Key::Enter)) && tree_has_topic(app);
    if is_entered && is_one_at_a_time(ui) {
        pass.did(TelemetryAction::WentIn(Depth::History));
    }
}

fn tree_has_topic(app: &App) -> bool {
    app.telemetry.tree.selected().is_some_and(|selected| selected.topic.is_some())
}

fn keys(ui: &Ui, app: &App, shown: &Shown, step_id: egui::Id, actions: &mut Vec<TreeAction>) {
    let tree = &app.telemetry.tree;
    let chosen = tree.selected_place();
    let mut go = |place: usize| {
        if let Some(row) = tree.row(place) {
            actions.push(TreeAction::Selected(Selected { node: row.node, topic: row.topic }));
            ui.data_mut(|data| data.insert_temp(step_id, place));
            ui.request_repaint();
        }
    };
    if let Some(next) = shown.step(ui, chosen, tree.page().total) {
        go(next);
        return;
    }
    match shown.asked(ui) {
        Some(Asked::First) => return actions.push(TreeAction::WentTo(0)),
        Some(Asked::Last) => return actions.push(TreeAction::WentTo(tree.page().total.saturating_sub(1))),
        Some(Asked::Begins(typed)) => {
            let begins = |at: &usize| tree.row(*at).is_some_and(|row| row.name.to_lowercase().starts_with(&typed));
            if let Some(next) = onward(chosen, tree.page().total).find(begins) {
                go(next);
            }
            return;
        }
        None => {}
    }
    let (Some(place), true) = (chosen, shown.response.has_focus()) else { return };
    let Some(row) = tree.row(place) else { return };
    let (left, right, enter) = ui.input(|input| {
        (input.key_pressed(Key::ArrowLeft), input.key_pressed(Key::ArrowRight), input.key_pressed(Key::Enter))
    });
    if right && row.has_children && row.is_expanded {
        go(place + 1);
    } else if left && !row.is_expanded {
        // Up to the level it belongs to.
        let above = (0..place).rev().find(|above| tree.row(*above).is_some_and(|other| other.depth < row.depth));
        if let Some(above) = above.filter(|_| row.depth > 0) {
            go(above);
        }
    } else if row.has_children && ((right && !row.is_expanded) || (left && row.is_expanded) || enter) {
        actions.push(TreeAction::Expanded { node: row.node, is_expanded: !row.is_expanded });
    }
}

/// The acts of a row.
fn menu(ui: &mut Ui, app: &App, place: usize, row: &TreeRow, pass: &mut Pass<'_>) {
    let path = path_of(app, place);
    if ui.button("Copy the topic").clicked() {
        ui.copy_text(path.clone());
        pass.did(crate::app::Action::Copied("Topic"));
        ui.close();
    }
    if let Some(last) = &row.last
        && ui.button("Copy the last value").clicked()
    {
        ui.copy_text(last.to_string());
        pass.did(crate::app::Action::Copied("Value"));
        ui.close();
    }
    if row.topic.is_some() && ui.button("Publish to this topic").clicked() {
        pass.did(TelemetryAction::PublishesTo(path.clone()));
        ui.close();
    }
    if row.topic.is_none() && ui.button("Search below this level").clicked() {
        pass.did(TelemetryAction::SearchesBelow(path));
        ui.close();
    }
    ui.separator();
    levels(ui, pass);
}

/// The topic of a row: the levels above it and its own, as far as they are here.
fn path_of(app: &App, place: usize) -> String {
    let tree = &app.telemetry.tree;
    let Some(row) = tree.row(place) else { return String::new() };
    let (mut levels, mut depth) = (vec![&*row.name], row.depth);
    for above in (0..place).rev().map_while(|above| tree.row(above)) {
        if above.depth < depth {
            levels.push(&above.name);
            depth = above.depth;
        }
    }
    levels.reverse();
    levels.join("/")
}

/// A row as text, its columns apart by tabs.
fn as_text(path: &str, row: &TreeRow) -> String {
    let last = row.last.as_deref().unwrap_or_default();
    let silent = row.silent_for.as_secs().to_string();
    [path, last, &row.messages.to_string(), &row.bytes.to_string(), &silent].join("\t")
}

/// Draws a row; what became of it.
fn draw_row(
    ui: &Ui,
    rect: Rect,
    row: &TreeRow,
    is_chosen: bool,
    columns: &Columns,
    actions: &mut Vec<TreeAction>,
) -> Response {
    let palette = palette(ui);
    let name = || {
        let last = row.last.as_deref().map_or_else(String::new, |last| format!(", last {last}"));
        let silent = row
            .silence
            .as_ref()
            .map_or_else(String::new, |silence| format!(". {}", silent_words(row.silent_for, row.usual, silence)));
        format!("{}, {}{last}{silent}", shown_name(row), counted(row.messages, "message", "messages"))
    };
    let response = choosable(ui, rect, ("topic", row.node.0), Role::TreeItem, is_chosen, name);
    if response.clicked() {
        actions.push(TreeAction::Selected(Selected { node: row.node, topic: row.topic }));
    }
    if response.double_clicked() && row.has_children {
        actions.push(TreeAction::Expanded { node: row.node, is_expanded: !row.is_expanded });
    }
    let mut left = rect.left() + columns.name.0 - 4.0 + INDENT * f32::from(row.depth.min(MAX_INDENT));
    if row.has_children {
        let caret = Rect::from_min_size(pos2(left, rect.top()), vec2(CARET, rect.height()));
        draw_caret(ui, caret, row, actions);
    }
    left += CARET;
    let part = Columns::part(rect, columns.name).with_min_x(left);
    let is_level = row.topic.is_none();
    let font = if is_level { medium() } else { FontId::proportional(12.5) };
    let colour = if row.name.is_empty() { palette.muted } else { palette.strong };
    cell(ui, part, shown_name(row), font, colour, Align2::LEFT_CENTER);
    last_value(ui, Columns::part(rect, columns.last), row);
    let numbers = Align2::RIGHT_CENTER;
    if let Some((column, text)) = columns.rate.zip(rate(row.rate)) {
        cell(ui, Columns::part(rect, column), &text, small_mono(), palette.muted, numbers);
    }
    if let Some(column) = columns.messages {
        cell(ui, Columns::part(rect, column), &count(row.messages), small_mono(), palette.muted, numbers);
    }
    if let Some(column) = columns.size {
        cell(ui, Columns::part(rect, column), &size(row.bytes), small_mono(), palette.muted, numbers);
    }
    let is_silent = row.silence.is_some();
    if row.messages > 0 && (row.silent_for >= SILENT_FROM || is_silent) {
        let (text, ink) = (span(row.silent_for), if is_silent { palette.warn } else { palette.muted });
        cell(ui, Columns::part(rect, columns.silent), &text, small_mono(), ink, numbers);
    }
    match &row.silence {
        Some(silence) => response.on_hover_text_at_pointer(silent_words(row.silent_for, row.usual, silence)),
        None => response,
    }
}

/// Silent, and why, in a sentence.
pub(super) fn silent_words(silent_for: Duration, usual: Option<Duration>, silence: &Silence) -> String {
    let usual = usual.map_or_else(String::new, |usual| format!(", usually every {}", span(usual)));
    format!("Silent for {}{usual}. {}", span(silent_for), silence.says)
}

/// The newest value of a topic, or how many topics a closed level has.
fn last_value(ui: &Ui, rect: Rect, row: &TreeRow) {
    let palette = palette(ui);
    let Some(text) = &row.last else {
        if row.has_children && !row.is_expanded {
            cell(ui, rect, &counted(row.topics, "topic", "topics"), small_text(), palette.muted, Align2::LEFT_CENTER);
        }
        return;
    };
    let mut rect = rect;
    if row.is_retained {
        let at = pos2(rect.left() + 6.0, rect.center().y);
        ui.painter().text(at, Align2::CENTER_CENTER, icon::BOOKMARK, icon_font(12.0), palette.muted);
        rect.min.x += 16.0;
    }
    cell(ui, rect, text, mono(), palette.text, Align2::LEFT_CENTER);
}

fn draw_caret(ui: &Ui, rect: Rect, row: &TreeRow, actions: &mut Vec<TreeAction>) {
    let response = ui.interact(rect, ui.scope_id().with(("caret", row.node.0)), Sense::CLICK);
    let glyph = if row.is_expanded { icon::DOWN } else { icon::RIGHT };
    let colour = if response.hovered() { palette(ui).strong } else { palette(ui).muted };
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, glyph, icon_font(12.0), colour);
    let is_enabled = ui.is_enabled();
    let verb = if row.is_expanded { "Close" } else { "Open" };
    let name = format!("{verb} {}", shown_name(row));
    response.widget_info(|| WidgetInfo::selected(Role::DisclosureTriangle, is_enabled, row.is_expanded, &name));
    if response.clicked() {
        actions.push(TreeAction::Expanded { node: row.node, is_expanded: !row.is_expanded });
    }
}

/// The name of a level; levels may be empty.
fn shown_name(row: &TreeRow) -> &str {
    if row.name.is_empty() { "(empty)" } else { &row.name }
}

/// A rate in few digits; `None` for none.
fn rate(rate: f32) -> Option<String> {
    match rate {
        rate if rate < 0.05 => None,
        rate if rate < 9.95 => Some(format!("{rate:.1}/s")),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate isn't negative")]
        rate => Some(format!("{}/s", count(rate.round() as u64))),
    }
}
