//! The rail: the open site on top, then the places.

use egui::{Align2, FontId, Frame, Panel, Rect, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

use super::icon;
use super::pass::Pass;
use super::theme::{
    CHOSEN_BAR, ICON_RAIL, NARROW_BELOW, PLACE_HEIGHT, RAIL_NARROW_WIDTH, RAIL_WIDTH, icon_font, medium, palette,
};
use crate::app::{Action, App, Place};

/// Height of a line of the name of a place.
const LINE: f32 = 13.0;
/// The place that stands apart, at the lower end.
const APART: Place = Place::Settings;

pub(super) fn show(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let is_narrow = ui.available_width() < NARROW_BELOW;
    let width = if is_narrow { RAIL_NARROW_WIDTH } else { RAIL_WIDTH };
    let frame = Frame::new().fill(palette(ui).rail);
    let panel = Panel::left("rail").resizable(false).exact_size(width).show_separator_line(true).frame(frame);
    panel.show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        site(ui, app, is_narrow);
        for place in Place::ALL.into_iter().filter(|place| *place != APART) {
            entry(ui, app, place, is_narrow, pass);
        }
        let rest = ui.available_height() - height("", is_narrow);
        ui.add_space(rest.max(0.0));
        entry(ui, app, APART, is_narrow, pass);
    });
}

/// The site that is open: its initials, and its name on hover.
fn site(ui: &mut Ui, app: &App, is_narrow: bool) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 44.0), Sense::hover());
    let palette = palette(ui);
    let badge = Rect::from_center_size(rect.center(), vec2(28.0, 28.0));
    ui.painter().rect_filled(badge, 6.0, palette.raised);
    let Some(site) = app.check.site() else {
        ui.painter().text(badge.center(), Align2::CENTER_CENTER, icon::COMMISSION, icon_font(16.0), palette.link);
        response.on_hover_text("Linesman. No site is open");
        return;
    };
    ui.painter().text(badge.center(), Align2::CENTER_CENTER, initials(&site.name), medium(), palette.strong);
    let name = format!("Site {}", site.name);
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, &name));
    if is_narrow {
        response.on_hover_text(name)
    } else {
        response.on_hover_text(&site.name)
    };
}

fn initials(name: &str) -> String {
    name.split_whitespace().filter_map(|word| word.chars().next()).take(2).flat_map(char::to_uppercase).collect()
}

fn height(name: &str, is_narrow: bool) -> f32 {
    let is_long = name.contains(' ') && !is_narrow;
    if is_narrow { RAIL_NARROW_WIDTH } else { PLACE_HEIGHT + if is_long { LINE } else { 0.0 } }
}

const fn sign(place: Place) -> &'static str {
    match place {
        Place::Gateways => icon::GATEWAYS,
        Place::Check => icon::CHECK,
        Place::Telemetry => icon::TELEMETRY,
        Place::Records => icon::RECORDS,
        Place::Settings => icon::SETTINGS,
    }
}

fn entry(ui: &mut Ui, app: &App, place: Place, is_narrow: bool, pass: &mut Pass<'_>) {
    let (glyph, name) = (sign(place), place.title());
    let size = vec2(ui.available_width(), height(name, is_narrow));
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    let (palette, is_chosen) = (palette(ui), app.place() == place);
    if is_chosen {
        ui.painter().rect_filled(rect, 0.0, palette.chosen);
        ui.painter().rect_filled(rect.with_max_x(rect.left() + CHOSEN_BAR), 0.0, palette.accent);
    } else if response.hovered() {
        ui.painter().rect_filled(rect, 0.0, palette.raised);
    }
    let colour = if is_chosen { palette.strong } else { palette.muted };
    let sign_colour = if is_chosen { palette.link } else { palette.muted };
    let lines: Vec<&str> = if is_narrow { Vec::new() } else { name.split(' ').collect() };
    #[expect(clippy::cast_precision_loss, reason = "two lines at most")]
    let text_height = lines.len() as f32 * LINE;
    let top = rect.center().y - text_height / 2.0 - if is_narrow { 0.0 } else { 3.0 };
    ui.painter().text(pos2(rect.center().x, top), Align2::CENTER_CENTER, glyph, icon_font(ICON_RAIL), sign_colour);
    let mut line_top = top + ICON_RAIL / 2.0 + 4.0;
    for line in lines {
        let at = pos2(rect.center().x, line_top);
        ui.painter().text(at, Align2::CENTER_TOP, line, FontId::proportional(11.0), colour);
        line_top += LINE;
    }
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(Role::Button, is_enabled, is_chosen, name));
    if response.has_focus() {
        let ring = Stroke::new(2.0, palette.link);
        ui.painter().rect_stroke(rect.shrink(1.0), 3.0, ring, egui::StrokeKind::Inside);
    }
    let hover = if is_narrow { format!("{name} \u{b7} {}", place.keys()) } else { place.keys().to_owned() };
    if response.on_hover_text(hover).clicked() {
        pass.did(Action::WentTo(place));
    }
}
