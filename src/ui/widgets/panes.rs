//! Parts of a page: a list with something beside it, and the surface that takes all the room.

use egui::{Role, Sense, Ui, UiBuilder, WidgetInfo, vec2};

use super::shares;
use crate::ui::theme::{GAP, GRID, STACKED_BELOW, box_radius, palette};

/// Least width of a pane.
const LEAST_PANE: f32 = 280.0;
/// Least width of the side pane, which has acts and tabs.
const LEAST_SIDE: f32 = 440.0;
/// Width in which the line between panes can be taken hold of.
const GRIP: f32 = 8.0;

/// A main part, and a side part whose width can be drawn. `add` is told which of the two it draws.
pub(in crate::ui) fn beside(ui: &mut Ui, salt: &str, has_side: bool, mut add: impl FnMut(&mut Ui, bool)) {
    let room = ui.available_rect_before_wrap();
    if !has_side {
        // The same name with and without the side part: what the main part remembers, such as its place, is kept.
        ui.scope_builder(UiBuilder::new().max_rect(room).id_salt((salt, "main")), |ui| add(ui, false));
        return;
    }
    let is_stacked = room.width() < STACKED_BELOW;
    let id = ui.make_persistent_id(("beside", salt, is_stacked));
    let place = if is_stacked { format!("{salt}-stacked") } else { salt.to_owned() };
    let share = shares::of(ui, &place).unwrap_or(0.56);
    let (from, length) = if is_stacked { (room.top(), room.height()) } else { (room.left(), room.width()) };
    let edge = (from + length * share).round();
    let (main, side) = if is_stacked { room.split_top_bottom_at_y(edge) } else { room.split_left_right_at_x(edge) };
    let half = GRID * 0.75;
    let (main, side, grip) = if is_stacked {
        (
            main.with_max_y(edge - half),
            side.with_min_y(edge + half),
            main.with_min_y(edge - half).with_max_y(edge + half),
        )
    } else {
        (
            main.with_max_x(edge - half),
            side.with_min_x(edge + half),
            main.with_min_x(edge - half).with_max_x(edge + half),
        )
    };
    ui.scope_builder(UiBuilder::new().max_rect(main).id_salt((salt, "main")), |ui| add(ui, false));
    ui.scope_builder(UiBuilder::new().max_rect(side).id_salt((salt, "side")), |ui| add(ui, true));
    let response = ui.interact(grip, id.with("grip"), Sense::DRAG);
    let cursor = if is_stacked { egui::CursorIcon::ResizeVertical } else { egui::CursorIcon::ResizeHorizontal };
    if response.hovered() || response.dragged() {
        ui.set_cursor_icon(cursor);
        let colour = palette(ui).link.gamma_multiply(0.5);
        ui.painter().rect_filled(grip.shrink(half - 1.0), 1.0, colour);
    }
    if let Some(at) = response.interact_pointer_pos().filter(|_| response.dragged()) {
        let at = if is_stacked { at.y } else { at.x };
        shares::set(ui, &place, Some(((at - from) / length).clamp(0.25, 0.75)));
    }
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Splitter, is_enabled, "Width of the two parts"));
    ui.advance_cursor_after_rect(room);
}

/// A row of controls of that height over the whole width, with a line below it.
pub(in crate::ui) fn tool_row<R>(ui: &mut Ui, height: f32, add: impl FnOnce(&mut Ui) -> R) -> R {
    let rect = egui::Rect::from_min_size(ui.cursor().min, vec2(ui.available_width(), height));
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, egui::Stroke::new(1.0, palette(ui).line));
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    let builder = UiBuilder::new().max_rect(rect.shrink2(vec2(10.0, 0.0))).layout(layout).id_salt("tools");
    // What does not fit is cut here, and moves nothing else.
    let mut row = ui.new_child(builder);
    row.set_clip_rect(row.clip_rect().intersect(rect));
    row.spacing_mut().item_spacing.x = 6.0;
    let result = add(&mut row);
    ui.advance_cursor_after_rect(rect);
    result
}

/// Draws something into a surface that fills the room.
pub(in crate::ui) fn surface<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> R {
    let palette = palette(ui);
    let rect = ui.available_rect_before_wrap();
    let stroke = egui::Stroke::new(1.0, palette.line);
    let radius = box_radius();
    ui.painter().rect(rect, radius, palette.page, stroke, egui::StrokeKind::Inside);
    let inner = rect.shrink2(vec2(GAP * 0.5, GRID));
    ui.scope_builder(UiBuilder::new().max_rect(inner), |ui| {
        ui.set_clip_rect(ui.clip_rect().intersect(inner.expand(2.0)));
        add(ui)
    })
    .inner
}

/// Two panes that lie flush with a line between them, which can be drawn, or moved by the arrows while it has the keyboard.
/// `add` is told whether it draws the side pane. A double click on the line sets it back.
pub(in crate::ui) fn split(ui: &mut Ui, salt: &str, usual: f32, add: impl FnMut(&mut Ui, bool)) {
    split_within(ui, salt, usual, [LEAST_PANE, LEAST_SIDE], add);
}

/// As [`split`], with least widths of its own for the main and the side pane.
pub(in crate::ui) fn split_within(
    ui: &mut Ui,
    salt: &str,
    usual: f32,
    least: [f32; 2],
    mut add: impl FnMut(&mut Ui, bool),
) {
    let room = ui.available_rect_before_wrap();
    let id = ui.make_persistent_id(("split", salt));
    let share = shares::of(ui, salt).unwrap_or(usual);
    let [least, least_side] = least.map(|least| least.min(room.width() / 2.0));
    let edge = (room.left() + room.width() * share).clamp(room.left() + least, room.right() - least_side).round();
    let (main, side) = room.split_left_right_at_x(edge);
    let grip = egui::Rect::from_x_y_ranges(edge - GRIP / 2.0..=edge + GRIP / 2.0, room.y_range());
    for (is_side, pane) in [(false, main.with_max_x(edge - 1.0)), (true, side)] {
        let builder = UiBuilder::new().max_rect(pane).id_salt((salt, is_side));
        ui.scope_builder(builder, |ui| {
            ui.set_clip_rect(ui.clip_rect().intersect(pane));
            add(ui, is_side);
        });
    }
    let response = ui.interact(grip, id.with("grip"), Sense::CLICK | Sense::DRAG);
    let is_held = response.hovered() || response.dragged() || response.has_focus();
    let colour = if is_held { palette(ui).link } else { palette(ui).line };
    ui.painter().vline(edge - 0.5, room.y_range(), egui::Stroke::new(1.0, colour));
    if response.hovered() || response.dragged() {
        ui.set_cursor_icon(egui::CursorIcon::ResizeHorizontal);
    }
    let moved = match response.interact_pointer_pos().filter(|_| response.dragged()) {
        Some(at) => Some(at.x),
        None if response.has_focus() => ui.input(|input| {
            let (left, right) = (input.key_pressed(egui::Key::ArrowLeft), input.key_pressed(egui::Key::ArrowRight));
            (left != right).then(|| edge + if left { -GRID } else { GRID })
        }),
        None => None,
    };
    if response.has_focus() {
        let arrows = egui::EventFilter { horizontal_arrows: true, ..egui::EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
    }
    if let Some(at) = moved {
        shares::set(ui, salt, Some(((at - room.left()) / room.width()).clamp(0.15, 0.75)));
    }
    if response.double_clicked() {
        shares::set(ui, salt, None);
    }
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Splitter, is_enabled, "Width of the two parts"));
    ui.advance_cursor_after_rect(room);
}
