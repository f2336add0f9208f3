//! Surfaces: cards, notices, pills, the header of a page, the empty state.

use egui::{Align, Color32, Frame, Margin, Rect, Response, RichText, Stroke, Ui, Vec2};

use super::{icon, muted, strong};
use crate::ui::theme::{GAP, GRID, ICON_LARGE, box_radius, control_radius, icon_font, palette, section, tint};

/// What belongs together in a panel: no frame, only room around it.
pub(in crate::ui) fn group<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> R {
    Frame::new()
        .inner_margin(Margin { left: 0, right: 0, top: 2, bottom: 4 })
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = 6.0;
            add(ui)
        })
        .inner
}

/// The frame of a table inside a panel.
pub(in crate::ui) fn boxed(ui: &Ui) -> Frame {
    let palette = palette(ui);
    Frame::new().fill(palette.page).stroke(Stroke::new(1.0, palette.line)).corner_radius(box_radius())
}

/// A group with a title and a sentence below it.
pub(in crate::ui) fn titled_group<R>(ui: &mut Ui, title: &str, hint: &str, add: impl FnOnce(&mut Ui) -> R) -> R {
    group(ui, |ui| {
        ui.label(RichText::new(title).text_style(section()).color(palette(ui).strong));
        if !hint.is_empty() {
            muted(ui, hint);
        }
        add(ui)
    })
}

/// The header of a page.
pub(in crate::ui) fn header(ui: &mut Ui, title: &str) {
    ui.heading(RichText::new(title).color(palette(ui).strong));
    ui.add_space(GRID);
}

/// A state in a word, with a dot in its colour. The word has the colour only where a person is needed.
pub(in crate::ui) fn pill(ui: &mut Ui, colour: Color32, text: &str) -> Response {
    let palette = palette(ui);
    let needs_someone = colour == palette.warn || colour == palette.danger;
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        // In a row it stands on the line of the text beside it.
        ui.spacing_mut().interact_size.y = 18.0;
        ui.horizontal(|ui| {
            let (dot, _) = ui.allocate_exact_size(egui::Vec2::splat(8.0), egui::Sense::hover());
            ui.painter().circle_filled(dot.center(), 3.5, colour);
            ui.label(RichText::new(text).color(if needs_someone { colour } else { palette.text }));
        });
    })
    .response
}

/// A cell of that width in a line of a list.
pub(in crate::ui) fn fixed(ui: &mut Ui, width: f32, add: impl FnOnce(&mut Ui)) {
    ui.allocate_ui_with_layout(egui::vec2(width, 22.0), egui::Layout::left_to_right(egui::Align::Center), |ui| {
        ui.set_width(width);
        add(ui);
    });
}

/// A sentence to notice, with its icon.
pub(in crate::ui) fn notice(ui: &mut Ui, colour: Color32, glyph: &'static str, text: &str) {
    ground(ui, colour).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            ui.spacing_mut().interact_size.y = 18.0;
            icon(ui, glyph, colour);
            ui.vertical(|ui| ui.label(RichText::new(text).small()));
        });
    });
}

/// Scrolls what is drawn next into sight, once: something that has just come, and was not there when this was scrolled.
pub(in crate::ui) fn reveal_once(ui: &Ui, what: impl std::hash::Hash + std::fmt::Debug) {
    let (id, key) = (ui.scope_id().with("revealed"), egui::Id::unique(what));
    let known: Option<egui::Id> = ui.data(|data| data.get_temp(id));
    if known != Some(key) {
        ui.data_mut(|data| data.insert_temp(id, key));
        ui.scroll_to_rect(Rect::from_min_size(ui.cursor().min, Vec2::splat(1.0)), Some(Align::TOP));
    }
}

/// Somebody has to act now. Nothing else is filled in this colour, so that it is seen from afar.
pub(in crate::ui) fn call(ui: &mut Ui, glyph: &'static str, text: &str) {
    let palette = palette(ui);
    let edge = Stroke::new(1.0, palette.warn);
    let frame = Frame::new().fill(palette.call).stroke(edge).corner_radius(box_radius());
    frame.inner_margin(Margin::symmetric(12, 8)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            icon(ui, glyph, palette.on_call);
            ui.label(RichText::new(text).font(crate::ui::theme::medium()).color(palette.on_call));
        });
    });
}

fn ground(ui: &Ui, colour: Color32) -> Frame {
    Frame::new().fill(tint(ui, colour)).corner_radius(control_radius()).inner_margin(Margin::symmetric(12, 7))
}

/// What stands in a list that has nothing to show: what it is, and what to do.
pub(in crate::ui) fn empty_state(ui: &mut Ui, glyph: &'static str, title: &str, add: impl FnOnce(&mut Ui)) {
    ui.vertical_centered(|ui| {
        ui.add_space(GAP);
        // Painted, not a label: the words below say it, and a glyph would be read out.
        let (rect, _) = ui.allocate_exact_size(egui::Vec2::splat(ICON_LARGE), egui::Sense::hover());
        let (centre, colour) = (rect.center(), palette(ui).muted);
        ui.painter().text(centre, egui::Align2::CENTER_CENTER, glyph, icon_font(ICON_LARGE), colour);
        strong(ui, title);
        ui.set_max_width(ui.available_width().min(520.0));
        add(ui);
        ui.add_space(GAP);
    });
}
