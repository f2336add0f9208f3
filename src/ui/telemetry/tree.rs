//! The topic tree: rows in sight only, columns that sort, a search, and the keyboard.

use egui::{Align2, Key, Rect, Role, Sense, TextEdit, Ui, WidgetInfo, pos2, vec2};

use super::rows::{Place, Rows, Shown, cell, choosable, number};
use super::surface;
use crate::app::App;
use crate::app::telemetry::TelemetryAction;
use crate::app::telemetry::tree::{Selected, TreeAction};
use crate::telemetry::view::{Snapshot, TreeRow, TreeSort};
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{DENSE_HEIGHT, icon_font, mono, palette, small_mono, small_text};
use crate::ui::widgets::{Button, empty_state, finding, focus_ring, muted};

/// How far a level stands in.
const INDENT: f32 = 14.0;
/// Width of the sign that opens a level.
const CARET: f32 = 18.0;
/// Levels that stand in; what is deeper stands with them.
const MAX_INDENT: u16 = 14;

/// Draws the tree.
pub(super) fn show(ui: &mut Ui, app: &mut App, snapshot: Option<&Snapshot>, pass: &mut Pass<'_>) {
    toolbar(ui, app, pass);
    if let Some(problem) = &app.telemetry.tree.page().problem {
        finding(ui, problem, true);
    }
    surface(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        if app.telemetry.tree.page().total == 0 {
            nothing(ui, app);
            // The height counts all the same: the first page is asked for as it will be seen.
            return;
        }
        let columns = Columns::of(ui.available_rect_before_wrap(), app.telemetry.tree.page().total);
        heads(ui, app, &columns, pass);
        list(ui, app, snapshot, &columns, pass);
    });
}

fn toolbar(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.horizontal(|ui| {
        let tree = &mut app.telemetry.tree;
        let id = ui.label("Search").id;
        let width = (ui.available_width() - 150.0).clamp(80.0, 320.0);
        let edit = TextEdit::singleline(&mut tree.search).hint_text("Text, or site/+/temperature").font(mono());
        let edit = edit.desired_width(width).margin(crate::ui::theme::FIELD_MARGIN);
        let response = ui.add(edit).labelled_by(id);
        if response.changed() {
            pass.did(TelemetryAction::Tree(TreeAction::Searched));
        }
        if Button::icon_only(icon::ADD, "Open all levels").pressed(ui) {
            pass.did(TelemetryAction::Tree(TreeAction::ExpandedAll(true)));
        }
        if Button::icon_only(icon::ROWS, "Close all levels").pressed(ui) {
            pass.did(TelemetryAction::Tree(TreeAction::ExpandedAll(false)));
        }
        if tree.is_held() {
            muted(ui, "Order held").on_hover_text(
                "Rows do not move while the pointer is over them: their numbers are new, their order is not",
            );
        }
    });
}

fn nothing(ui: &mut Ui, app: &App) {
    let telemetry = &app.telemetry;
    if !telemetry.tree.search.is_empty() && telemetry.counters().topics > 0 {
        return empty_state(ui, icon::DISCOVER, "No topic fits the search", |ui| {
            muted(ui, "Change or clear the text. + matches one level, # all levels below");
        });
    }
    if !telemetry.is_connected() {
        return empty_state(ui, icon::BROADCAST, "No messages yet", |ui| {
            muted(ui, "Topics appear here with the first message after the connection stands");
        });
    }
    empty_state(ui, icon::BROADCAST, "Connected, and nothing was published yet", |ui| {
        muted(ui, "Topics appear with their first message. If none comes:");
        muted(ui, "Subscriptions: do the filters on Connection fit what the gateway sends?");
        muted(ui, "Gateway: is it on, joined, and does it point at this broker?");
    });
}

/// The places of a row's parts, as distances from its left edge.
struct Columns {
    name: (f32, f32),
    last: (f32, f32),
    messages: (f32, f32),
    rate: Option<(f32, f32)>,
    at: Option<(f32, f32)>,
}

impl Columns {
    fn of(rect: Rect, _total: usize) -> Self {
        // The bar to scroll by.
        let mut right = rect.width() - 16.0;
        let mut take = |width: f32, is_wanted: bool| {
            is_wanted.then(|| {
                let column = (right - width, right);
                right -= width + 8.0;
                column
            })
        };
        let at = take(56.0, rect.width() > 400.0);
        let rate = take(44.0, rect.width() > 360.0);
        let messages = take(64.0, true).unwrap_or((0.0, 0.0));
        let middle = right * 0.62;
        Self { name: (0.0, middle - 6.0), last: (middle, right), messages, rate, at }
    }

    fn part(rect: Rect, (from, to): (f32, f32)) -> Rect {
        Rect::from_min_max(pos2(rect.left() + from, rect.top()), pos2(rect.left() + to, rect.bottom()))
    }
}

fn heads(ui: &mut Ui, app: &App, columns: &Columns, pass: &mut Pass<'_>) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 22.0), Sense::hover());
    let mut head = |place: Option<(f32, f32)>, text: &str, sort: Option<TreeSort>, align: Align2| {
        let Some(place) = place else { return };
        let rect = Columns::part(rect, place);
        let is_chosen = sort.is_some() && sort == Some(app.telemetry.tree.sort());
        let colour = if is_chosen { palette(ui).strong } else { palette(ui).muted };
        let shown = if is_chosen && sort != Some(TreeSort::Name) { format!("{text} ↓") } else { text.to_owned() };
        cell(ui, rect, &shown, small_text(), colour, align);
        let Some(sort) = sort else { return };
        let response = ui.interact(rect, ui.scope_id().with(("head", text)), Sense::click());
        let is_enabled = ui.is_enabled();
        let name = format!("Sort topics by {}", text.to_lowercase());
        response.widget_info(|| WidgetInfo::selected(Role::RadioButton, is_enabled, is_chosen, &name));
        focus_ring(ui, &response);
        if response.clicked() {
            pass.did(TelemetryAction::Tree(TreeAction::SortedBy(sort)));
        }
    };
    head(Some(columns.name), "Topic", Some(TreeSort::Name), Align2::LEFT_CENTER);
    head(Some(columns.last), "Last value", None, Align2::LEFT_CENTER);
    head(Some(columns.messages), "Messages", Some(TreeSort::Messages), Align2::RIGHT_CENTER);
    head(columns.rate, "Rate", Some(TreeSort::Rate), Align2::RIGHT_CENTER);
    head(columns.at, "Last at", Some(TreeSort::Recent), Align2::RIGHT_CENTER);
    ui.painter().hline(rect.x_range(), rect.bottom(), egui::Stroke::new(1.0, palette(ui).line));
    ui.add_space(2.0);
}

fn list(ui: &mut Ui, app: &mut App, snapshot: Option<&Snapshot>, columns: &Columns, pass: &mut Pass<'_>) {
    let place = app.telemetry.tree.take_scroll().map(Place::Showing);
    let step_id = ui.scope_id().with("step");
    let stepped = ui.data_mut(|data| data.remove_temp::<usize>(step_id)).map(Place::Showing);
    let tree = &app.telemetry.tree;
    let at_unix_micros = snapshot.map_or(0, |snapshot| snapshot.at_unix_micros);
    let total = tree.page().total;
    let rows = Rows { name: "Topics", role: Role::Tree, total, height: DENSE_HEIGHT, place: place.or(stepped) };
    let mut actions = Vec::new();
    let shown = rows.show(ui, |ui, place, rect| {
        if let Some(row) = tree.row(place) {
            let is_chosen = tree.selected().is_some_and(|chosen| chosen.node == row.node);
            draw_row(ui, rect, row, is_chosen, at_unix_micros, columns, pass, &mut actions);
        }
    });
    keys(ui, app, &shown, step_id, &mut actions);
    app.telemetry.tree.hovered = shown.hovered;
    let sight = (shown.range.start, shown.count());
    if app.telemetry.tree.sight() != sight {
        actions.push(TreeAction::Scrolled { first: sight.0, count: sight.1 });
    }
    for action in actions {
        pass.did(TelemetryAction::Tree(action));
    }
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

#[expect(clippy::too_many_arguments, reason = "what one row is drawn from")]
fn draw_row(
    ui: &Ui,
    rect: Rect,
    row: &TreeRow,
    is_chosen: bool,
    at_unix_micros: i64,
    columns: &Columns,
    pass: &Pass<'_>,
    actions: &mut Vec<TreeAction>,
) {
    let palette = palette(ui);
    let name = || {
        let last = row.last.as_deref().map_or_else(String::new, |last| format!(", last {last}"));
        format!("{}, {} messages{last}", shown_name(row), row.messages)
    };
    let response = choosable(ui, rect, ("topic", row.node.0), Role::TreeItem, is_chosen, name);
    if response.clicked() {
        actions.push(TreeAction::Selected(Selected { node: row.node, topic: row.topic }));
    }
    if response.double_clicked() && row.has_children {
        actions.push(TreeAction::Expanded { node: row.node, is_expanded: !row.is_expanded });
    }
    let mut left = rect.left() + 4.0 + INDENT * f32::from(row.depth.min(MAX_INDENT));
    if row.has_children {
        let caret = Rect::from_min_size(pos2(left, rect.top()), vec2(CARET, rect.height()));
        draw_caret(ui, caret, row, actions);
    }
    left += CARET;
    let part = Columns::part(rect, columns.name).with_min_x(left);
    let colour = if row.topic.is_some() { palette.strong } else { palette.text };
    let colour = if row.name.is_empty() { palette.muted } else { colour };
    let width = cell(ui, part, shown_name(row), mono(), colour, Align2::LEFT_CENTER);
    let rest = part.with_min_x(part.left() + width + 8.0);
    if row.has_children {
        cell(ui, rest, &number(row.topics), small_mono(), palette.muted, Align2::LEFT_CENTER);
    }
    let last = Columns::part(rect, columns.last);
    if let Some(text) = &row.last {
        let mut last = last;
        if row.is_retained {
            let at = pos2(last.left() + 6.0, last.center().y);
            ui.painter().text(at, Align2::CENTER_CENTER, icon::BOOKMARK, icon_font(12.0), palette.muted);
            last.min.x += 16.0;
        }
        cell(ui, last, text, mono(), palette.text, Align2::LEFT_CENTER);
    }
    let numbers = Align2::RIGHT_CENTER;
    cell(ui, Columns::part(rect, columns.messages), &number(row.messages), small_mono(), palette.text, numbers);
    if let Some(column) = columns.rate {
        let (text, colour) = rate(row.rate).map_or(("–".to_owned(), palette.line), |text| (text, palette.text));
        cell(ui, Columns::part(rect, column), &text, small_mono(), colour, numbers);
    }
    if let Some(column) = columns.at.filter(|_| row.messages > 0) {
        let silent = i64::try_from(row.silent_for.as_micros()).unwrap_or(i64::MAX);
        let text = pass.short_time(at_unix_micros.saturating_sub(silent));
        cell(ui, Columns::part(rect, column), &text, small_mono(), palette.muted, numbers);
    }
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
        rate if rate < 9.95 => Some(format!("{rate:.1}")),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate isn't negative")]
        rate => Some(number(rate.round() as u64)),
    }
}
