//! A problem as a card: what, likely cause, next step, code; technical detail folded away.

use egui::{Color32, Ui};

use super::{copyable, fold, icon, muted, small, strong};
use crate::model::problem::Problem;
use crate::ui::icon;
use crate::ui::theme::palette;

/// A problem in full.
pub(in crate::ui) fn problem_card(ui: &mut Ui, problem: &Problem) {
    let colour = palette(ui).danger;
    framed(ui, colour, |ui| {
        title(ui, colour, icon::PROBLEM, &problem.what);
        pair(ui, "Likely cause", &problem.likely_cause);
        pair(ui, "Next step", &problem.next_step);
        ui.horizontal_wrapped(|ui| {
            muted(ui, "Code");
            copyable(ui, problem.code);
        });
        if !problem.detail.is_empty() {
            fold(ui, ("detail", problem.code), "Technical detail", |ui| copyable(ui, &problem.detail));
        }
    });
}

/// An error or warning of the form: what and what to do.
pub(in crate::ui) fn finding(ui: &mut Ui, problem: &Problem, is_error: bool) {
    let palette = palette(ui);
    let (colour, glyph) = if is_error { (palette.danger, icon::PROBLEM) } else { (palette.warn, icon::WARNING) };
    ui.horizontal_top(|ui| {
        ui.spacing_mut().interact_size.y = 18.0;
        icon(ui, glyph, colour);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            ui.colored_label(colour, &problem.what);
            muted(ui, &problem.next_step);
        });
    });
}

fn framed(ui: &mut Ui, colour: Color32, add: impl FnOnce(&mut Ui)) {
    let frame = egui::Frame::new()
        .fill(crate::ui::theme::tint(ui, colour))
        .corner_radius(crate::ui::theme::box_radius())
        .inner_margin(egui::Margin::same(14));
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 6.0;
        ui.spacing_mut().interact_size.y = 18.0;
        add(ui);
    });
}

fn title(ui: &mut Ui, colour: Color32, glyph: &'static str, text: &str) {
    ui.horizontal_top(|ui| {
        icon(ui, glyph, colour);
        ui.vertical(|ui| strong(ui, text));
    });
}

fn pair(ui: &mut Ui, name: &str, text: &str) {
    if text.is_empty() {
        return;
    }
    ui.horizontal_top(|ui| {
        ui.scope(|ui| {
            ui.set_width(84.0);
            small(ui, name);
        });
        ui.vertical(|ui| ui.label(text));
    });
}
