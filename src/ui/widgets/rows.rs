//! A list of any length of which only the rows in sight are drawn: rows of one height, painted, with a bar to scroll by.
//!
//! Its place is a number of rows, not of points: a list of ten million rows scrolls as finely as one of ten. The list as
//! a whole takes the keyboard; a row is found by its name and can be clicked, but the Tab key does not stop at each.

use std::ops::Range;
use std::sync::Arc;

use egui::text::{LayoutJob, TextFormat, TextWrapping};
use egui::{
    Align2, Color32, EventFilter, FontId, Galley, Key, Rect, Response, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo,
    pos2, vec2,
};

use super::home::{self, Home};
use super::text::{elided, legible};
use crate::ui::theme::{CHOSEN_BAR, control_radius, palette};

/// Width of the bar that scrolls.
const BAR_WIDTH: f32 = 10.0;
/// The least height of its handle.
const HANDLE_HEIGHT: f32 = 24.0;

/// A list to show.
pub(in crate::ui) struct Rows<'a> {
    /// Its accessible name, and what tells it from others.
    pub name: &'a str,
    /// What it is.
    pub role: Role,
    /// How many rows there are.
    pub total: usize,
    /// How high each is.
    pub height: f32,
    /// Where the first row in sight is to be; `None` to leave it.
    pub place: Option<Place>,
}

/// Where a list is to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::ui) enum Place {
    /// At its end.
    End,
    /// So that this row is in sight.
    Showing(usize),
    /// Where it is on the screen, whatever room appears or goes above it: a row stays under the pointer. The row named
    /// comes into sight all the same where the room for the list shrank from below.
    Still(Option<usize>),
}

/// What became of a list in a frame.
pub(in crate::ui) struct Shown {
    /// The rows in sight.
    pub range: Range<usize>,
    /// The row under the pointer.
    pub hovered: Option<usize>,
    /// Whether the user scrolled in this frame, and where to: negative is up.
    pub scrolled: f64,
    /// The list as a whole: it has the keyboard or not.
    pub response: Response,
}

impl Shown {
    /// How many rows are in sight.
    pub(in crate::ui) fn count(&self) -> usize {
        self.range.len()
    }

    /// What the keyboard asks of a list with a chosen row: the row to choose next.
    pub(in crate::ui) fn step(&self, ui: &Ui, chosen: Option<usize>, total: usize) -> Option<usize> {
        if !self.response.has_focus() || total == 0 {
            return None;
        }
        let page = self.range.len().saturating_sub(2).max(1);
        let (up, down, page_up, page_down) = ui.input(|input| {
            (
                input.key_pressed(Key::ArrowUp),
                input.key_pressed(Key::ArrowDown),
                input.key_pressed(Key::PageUp),
                input.key_pressed(Key::PageDown),
            )
        });
        let Some(chosen) = chosen else {
            return (up || down).then_some(self.range.start.min(total - 1));
        };
        let next = match (up, down, page_up, page_down) {
            (true, ..) => chosen.saturating_sub(1),
            (_, true, ..) => chosen + 1,
            (_, _, true, _) => chosen.saturating_sub(page),
            (_, _, _, true) => chosen + page,
            _ => return None,
        };
        Some(next.min(total - 1)).filter(|next| *next != chosen)
    }
}

/// What the keyboard asks of a list beside the arrows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ui) enum Asked {
    /// The first row.
    First,
    /// The last row.
    Last,
    /// The next row that begins with this text, in small letters.
    Begins(String),
}

impl Shown {
    /// What the keyboard asks of the list beside the arrows, while it has the keyboard.
    pub(in crate::ui) fn asked(&self, ui: &Ui) -> Option<Asked> {
        if !self.response.has_focus() {
            return None;
        }
        ui.input(|input| {
            let typed = input.events.iter().find_map(|event| match event {
                egui::Event::Text(text) if !text.trim().is_empty() => Some(text.to_lowercase()),
                _ => None,
            });
            match (input.key_pressed(Key::Home), input.key_pressed(Key::End)) {
                (true, _) => Some(Asked::First),
                (_, true) => Some(Asked::Last),
                _ => typed.map(Asked::Begins),
            }
        })
    }

    /// Whether the chosen rows are to be copied.
    pub(in crate::ui) fn is_copying(&self, ui: &Ui) -> bool {
        let copies = |event: &egui::Event| matches!(event, egui::Event::Copy);
        self.response.has_focus() && ui.input(|input| input.events.iter().any(copies))
    }

    /// Whether a key was pressed while the list has the keyboard.
    pub(in crate::ui) fn pressed(&self, ui: &Ui, key: Key) -> bool {
        self.response.has_focus() && ui.input(|input| input.key_pressed(key))
    }
}

/// The rows after one, and then those before it: where the next one of a kind is looked for.
pub(in crate::ui) fn onward(chosen: Option<usize>, total: usize) -> impl Iterator<Item = usize> {
    let from = chosen.map_or(0, |at| at + 1);
    (from..total).chain(0..from.min(total))
}

impl Rows<'_> {
    /// Shows the list in all the room there is. `add` draws one row into its rectangle.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rows fit"
    )]
    pub(in crate::ui) fn show(self, ui: &mut Ui, mut add: impl FnMut(&mut Ui, usize, Rect)) -> Shown {
        let id = ui.make_persistent_id(("rows", self.name));
        let size = ui.available_size().max(vec2(40.0, self.height));
        let (_, rect) = ui.allocate_space(size);
        let response = ui.interact(rect, id, Sense::click());
        let fits = f64::from(rect.height() / self.height).max(1.0);
        let last_top = (self.total as f64 - fits).max(0.0);
        let mut top = ui.data(|data| data.get_temp::<f64>(id)).unwrap_or(0.0);
        let edge_id = id.with("edge");
        let edge = ui.data_mut(|data| std::mem::replace(data.get_temp_mut_or(edge_id, rect.top()), rect.top()));
        if let Some(Place::Still(_)) = self.place {
            top += f64::from((rect.top() - edge) / self.height);
        }
        match self.place {
            Some(Place::End) => top = last_top,
            Some(Place::Showing(row) | Place::Still(Some(row))) if (row as f64) < top => top = row as f64,
            Some(Place::Showing(row) | Place::Still(Some(row))) if row as f64 + 1.0 > top + fits => {
                top = row as f64 + 1.0 - fits;
            }
            _ => {}
        }
        top = top.clamp(0.0, last_top);
        let before = top;
        let mut list_rect = rect;
        if last_top > 0.0 {
            list_rect.max.x -= BAR_WIDTH + 2.0;
            top = self.bar(ui, id, rect, top, last_top, fits);
        }
        top = self.wheel(ui, &response, top);
        top = Self::keys(ui, &response, top, last_top).clamp(0.0, last_top);
        ui.data_mut(|data| data.insert_temp(id, top));
        let first = top.floor() as usize;
        let end = ((top + fits).ceil() as usize).min(self.total);
        let range = first.min(end)..end;
        self.describe(ui, &response);
        let mut hovered = None;
        let pointer = ui
            .input(|input| input.pointer.hover_pos())
            .filter(|at| response.contains_pointer() && list_rect.contains(*at));
        let mut child = ui.new_child(egui::UiBuilder::new().max_rect(list_rect));
        child.set_clip_rect(child.clip_rect().intersect(list_rect));
        for row in range.clone() {
            let y = list_rect.top() + ((row as f64 - top) as f32) * self.height;
            let row_rect = Rect::from_min_size(pos2(list_rect.left(), y), vec2(list_rect.width(), self.height));
            if pointer.is_some_and(|at| row_rect.contains(at)) {
                hovered = Some(row);
            }
            add(&mut child, row, row_rect);
        }
        // A row that is clicked gives the keyboard to its list.
        if hovered.is_some() && response.contains_pointer() && ui.input(|input| input.pointer.primary_clicked()) {
            response.request_focus();
        }
        if ui.is_enabled() {
            home::offer(ui, Home::List, id);
        }
        if response.has_focus() {
            let stroke = Stroke::new(1.0, palette(ui).link);
            ui.painter().rect_stroke(rect, control_radius(), stroke, StrokeKind::Inside);
        }
        Shown { range, hovered, scrolled: top - before, response }
    }

    fn describe(&self, ui: &Ui, response: &Response) {
        let (is_enabled, role, name, total) = (ui.is_enabled(), self.role, self.name, self.total);
        response.widget_info(|| WidgetInfo::labeled(role, is_enabled, format!("{name}, {total} rows")));
        if response.clicked() {
            response.request_focus();
        }
        if response.has_focus() {
            // Escape is the list's own: it goes back one step, and the keyboard stays.
            let arrows =
                EventFilter { vertical_arrows: true, horizontal_arrows: true, escape: true, ..EventFilter::default() };
            ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
        }
    }

    /// The bar at the right edge: shows where the list is, and can be dragged.
    #[expect(clippy::cast_possible_truncation, reason = "places on the screen")]
    fn bar(&self, ui: &Ui, id: egui::Id, rect: Rect, top: f64, last_top: f64, fits: f64) -> f64 {
        let track = rect.with_min_x(rect.right() - BAR_WIDTH).shrink2(vec2(1.0, 2.0));
        let response = ui.interact(track, id.with("bar"), Sense::DRAG | Sense::CLICK);
        let share = (fits / (last_top + fits)) as f32;
        let handle = (track.height() * share).clamp(HANDLE_HEIGHT.min(track.height()), track.height());
        let room = f64::from((track.height() - handle).max(1.0));
        let mut top = top;
        if let Some(at) = response.interact_pointer_pos().filter(|_| response.is_pointer_button_down_on()) {
            // Where the handle was taken hold of stays under the pointer.
            let grip_id = id.with("grip");
            let handle_top = track.top() + (top / last_top * room) as f32;
            let grip = ui.data_mut(|data| {
                if response.drag_started() || ui.input(|input| input.pointer.any_pressed()) {
                    let inside = (at.y - handle_top).clamp(0.0, handle);
                    let grip = if (handle_top..=handle_top + handle).contains(&at.y) { inside } else { handle / 2.0 };
                    data.insert_temp(grip_id, grip);
                }
                data.get_temp::<f32>(grip_id).unwrap_or(handle / 2.0)
            });
            top = (f64::from(at.y - grip - track.top()) / room * last_top).clamp(0.0, last_top);
        }
        let handle_top = track.top() + (top / last_top * room) as f32;
        let handle = Rect::from_min_size(pos2(track.left(), handle_top), vec2(track.width(), handle));
        let palette = palette(ui);
        let is_active = response.hovered() || response.is_pointer_button_down_on();
        let colour = if is_active { palette.muted } else { palette.line };
        ui.painter().rect_filled(handle, 4.0, colour);
        let is_enabled = ui.is_enabled();
        let percent = (top / last_top * 100.0).round();
        response.widget_info(|| WidgetInfo {
            value: Some(percent),
            ..WidgetInfo::labeled(Role::ScrollBar, is_enabled, format!("Scroll {}", self.name))
        });
        top
    }

    fn wheel(&self, ui: &Ui, response: &Response, top: f64) -> f64 {
        if !response.contains_pointer() || !ui.is_enabled() {
            return top;
        }
        let delta = ui.input_mut(|input| {
            let delta = input.smooth_scroll_delta.y;
            input.smooth_scroll_delta.y = 0.0;
            delta
        });
        top - f64::from(delta / self.height)
    }

    fn keys(ui: &Ui, response: &Response, top: f64, last_top: f64) -> f64 {
        if !response.has_focus() {
            return top;
        }
        ui.input(|input| {
            if input.key_pressed(Key::Home) {
                0.0
            } else if input.key_pressed(Key::End) {
                last_top
            } else {
                top
            }
        })
    }
}

/// A row that can be chosen: its ground, and its name for those who do not see it. Tells whether it was clicked.
pub(in crate::ui) fn choosable(
    ui: &Ui,
    rect: Rect,
    key: impl egui::AsIdSalt,
    role: Role,
    is_chosen: bool,
    name: impl Fn() -> String,
) -> Response {
    let id = ui.scope_id().with(("row", key));
    let response = ui.interact(rect, id, Sense::CLICK);
    row_ground(ui, rect, &response, is_chosen);
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(role, is_enabled, is_chosen, name()));
    response
}

/// The ground of a row: chosen has a bar at its edge beside the colour, and the keyboard an outline.
pub(in crate::ui) fn row_ground(ui: &Ui, rect: Rect, response: &Response, is_chosen: bool) {
    let palette = palette(ui);
    if is_chosen {
        ui.painter().rect_filled(rect, 0.0, palette.chosen);
        ui.painter().rect_filled(rect.with_max_x(rect.left() + CHOSEN_BAR), 0.0, palette.accent);
    } else if response.hovered() {
        ui.painter().rect_filled(rect, 0.0, palette.raised);
    }
    if response.has_focus() {
        ui.painter().rect_stroke(rect, 0.0, Stroke::new(1.0, palette.link), StrokeKind::Inside);
    }
}

/// Text on one line, cut with an ellipsis where it is too long. Returns how wide it came out.
pub(in crate::ui) fn cell(ui: &Ui, rect: Rect, text: &str, font: FontId, colour: Color32, align: Align2) -> f32 {
    if rect.width() < 6.0 || text.is_empty() {
        return 0.0;
    }
    let galley = one_line(ui, text, font, colour, rect.width());
    let width = galley.size().x;
    let at = align.anchor_size(align.pos_in_rect(&rect), galley.size());
    ui.painter().galley(at.min, galley, colour);
    width
}

/// A name on one line, cut in its middle where it is too long: what tells it from another one often stands at its end.
/// Returns how wide it came out.
pub(in crate::ui) fn name_cell(ui: &Ui, rect: Rect, name: &str, font: FontId, colour: Color32) -> f32 {
    if rect.width() < 6.0 {
        return 0.0;
    }
    cell(ui, rect, &elided(ui, name, &font, rect.width()), font, colour, Align2::LEFT_CENTER)
}

/// Text laid out on one line.
pub(in crate::ui) fn one_line(ui: &Ui, text: &str, font: FontId, colour: Color32, width: f32) -> Arc<Galley> {
    let text = legible(ui, text, &font).into_owned();
    let mut job = LayoutJob::single_section(text, TextFormat::simple(font, colour));
    job.wrap = TextWrapping::truncate_at_width(width);
    job.break_on_newline = false;
    ui.fonts_mut(|fonts| fonts.layout_job(job))
}

/// How many rows are looked through for the longest text of a column.
const LOOKED_AT: usize = 300;

/// How wide the longest text of a column is, as far as its first rows tell. Only one is laid out: to lay out each of thousands
/// would cost more than the rest of a frame.
pub(in crate::ui) fn longest<T: AsRef<str>>(ui: &Ui, texts: impl Iterator<Item = T>, font: FontId, most: f32) -> f32 {
    let longest = texts.take(LOOKED_AT).max_by_key(|text| text.as_ref().chars().count());
    longest.map_or(0.0, |text| one_line(ui, text.as_ref(), font, Color32::PLACEHOLDER, most).size().x.ceil() + 2.0)
}

/// A size as people read it: `12.3 KiB`.
#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
pub(in crate::ui) fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value < 10.0 { format!("{value:.1} {}", units[unit]) } else { format!("{value:.0} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        let sizes = [0, 1023, 1024, 5_000_000, 512 * 1024 * 1024, u64::MAX].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "4.8 MiB", "512 MiB", "16777216 TiB"]);
    }
}
