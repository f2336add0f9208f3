//! Surfaces: cards, notices, pills, the header of a page, the empty state.

use egui::{Align, Color32, Frame, Layout, Margin, Response, RichText, Stroke, Ui};

use super::{icon, muted, strong};
use crate::ui::theme::{
    CARD_MARGIN, GAP, GRID, ICON_LARGE, card_radius, control_radius, icon_font, palette, section, tint,
};

/// A surface.
pub(in crate::ui) fn card<R>(ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> R {
    let palette = palette(ui);
    let frame = Frame::new()
        .fill(palette.surface)
        .stroke(Stroke::new(1.0, palette.line))
        .corner_radius(card_radius())
        .inner_margin(Margin::same(CARD_MARGIN));
    frame
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = GRID;
            add(ui)
        })
        .inner
}

/// A surface with a title and a sentence below it.
pub(in crate::ui) fn titled_card<R>(ui: &mut Ui, title: &str, hint: &str, add: impl FnOnce(&mut Ui) -> R) -> R {
    card(ui, |ui| {
        ui.label(RichText::new(title).text_style(section()).color(palette(ui).strong));
        if !hint.is_empty() {
            muted(ui, hint);
        }
        ui.add_space(GRID / 2.0);
        add(ui)
    })
}

/// The header of a page: title, what stands beside it, and what stands at the right edge.
pub(in crate::ui) fn header<R>(
    ui: &mut Ui,
    title: &str,
    beside: impl FnOnce(&mut Ui),
    right: impl FnOnce(&mut Ui) -> R,
) -> R {
    let result = ui
        .horizontal(|ui| {
            ui.heading(RichText::new(title).color(palette(ui).strong));
            ui.add_space(GRID / 2.0);
            beside(ui);
            ui.with_layout(Layout::right_to_left(Align::Center), right).inner
        })
        .inner;
    ui.add_space(GRID);
    result
}

/// A state in a word, with a dot in its colour.
pub(in crate::ui) fn pill(ui: &mut Ui, colour: Color32, text: &str) -> Response {
    let frame = Frame::new().fill(tint(colour)).corner_radius(11).inner_margin(Margin::symmetric(9, 3));
    frame
        .show(ui, |ui| {
            ui.spacing_mut().interact_size.y = 15.0;
            ui.spacing_mut().item_spacing.x = 6.0;
            ui.horizontal(|ui| {
                let (dot, _) = ui.allocate_exact_size(egui::Vec2::splat(6.0), egui::Sense::hover());
                ui.painter().circle_filled(dot.center(), 3.0, colour);
                ui.label(RichText::new(text).small().color(colour));
            });
        })
        .response
}

/// A sentence to notice, with its icon.
pub(in crate::ui) fn notice(ui: &mut Ui, colour: Color32, glyph: &'static str, text: &str) {
    ground(colour).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            ui.spacing_mut().interact_size.y = 18.0;
            icon(ui, glyph, colour);
            ui.vertical(|ui| ui.label(RichText::new(text).small()));
        });
    });
}

/// A notice over the whole page that says more than a sentence.
pub(in crate::ui) fn banner(ui: &mut Ui, colour: Color32, glyph: &'static str, add: impl FnOnce(&mut Ui)) {
    ground(colour).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_wrapped(|ui| {
            icon(ui, glyph, colour);
            add(ui);
        });
    });
    ui.add_space(GRID / 2.0);
}

fn ground(colour: Color32) -> Frame {
    Frame::new().fill(tint(colour)).corner_radius(control_radius()).inner_margin(Margin::symmetric(12, 7))
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
