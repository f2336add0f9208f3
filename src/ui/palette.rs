//! The palette: a field over the page, and below it the acts, gateways and topics that fit what is typed.

use egui::text::LayoutJob;
use egui::{
    Align2, Color32, FontId, Frame, Id, Key, Margin, Modal, Modifiers, Rect, Role, ScrollArea, Sense, Stroke, TextEdit,
    TextFormat, Ui, pos2, vec2,
};

use super::icon;
use super::pass::Pass;
use super::theme::{GRID, icon_font, palette, scrim, small_text};
use super::widgets::rows::{cell, choosable};
use super::widgets::{RowEnd, legible, muted};
use crate::app::App;
use crate::app::palette::{Entry, Kind, Palette, PaletteAction, found_in};

/// Its width, where the window is wide enough.
const WIDTH: f32 = 560.0;
/// Height of a line.
const LINE: f32 = 28.0;
/// Height of the head of a section.
const HEAD: f32 = 24.0;

/// Shows the palette.
pub(super) fn show(ui: &Ui, app: &mut App, pass: &mut Pass<'_>) {
    let entries = app.palette_entries();
    let chosen = app.palette().map_or(0, Palette::chosen).min(entries.len().saturating_sub(1));
    take_keys(ui, chosen, entries.len(), pass);
    let id = Id::unique("palette");
    let room = ui.ctx().content_rect();
    let area = Modal::default_area(id).anchor(Align2::CENTER_TOP, vec2(0.0, (room.height() * 0.09).min(56.0)));
    let area = area.accessible_name("Palette").role(Role::Dialog);
    let frame = Frame::window(ui.style()).fill(palette(ui).page).inner_margin(Margin::ZERO);
    let modal = Modal::new(id).area(area).frame(frame).backdrop_color(scrim(ui)).show(ui.ctx(), |ui| {
        ui.set_width(WIDTH.min(room.width() - 32.0));
        ui.spacing_mut().item_spacing.y = 0.0;
        field(ui, app, pass);
        let text = app.palette().map_or_else(String::new, |palette| palette.text.clone());
        let most = room.height() - 190.0;
        ScrollArea::vertical().max_height(most).min_scrolled_height(most).auto_shrink([false, true]).show(ui, |ui| {
            lines(ui, &entries, &text, chosen, pass);
        });
        foot(ui);
    });
    if modal.backdrop_response.clicked() {
        pass.did(PaletteAction::Closed);
    }
}

/// The keys of the list work while the field has the keyboard.
fn take_keys(ui: &Ui, chosen: usize, count: usize, pass: &mut Pass<'_>) {
    let pressed = |key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
    if pressed(Key::Escape) || ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::K)) {
        pass.did(PaletteAction::Closed);
    }
    if pressed(Key::Enter) && count > 0 {
        pass.did(PaletteAction::Ran(chosen));
    }
    let last = count.saturating_sub(1);
    // Beyond either end the choice comes in at the other.
    if pressed(Key::ArrowDown) {
        pass.did(PaletteAction::Chose(if chosen >= last { 0 } else { chosen + 1 }));
    }
    if pressed(Key::ArrowUp) {
        pass.did(PaletteAction::Chose(chosen.checked_sub(1).unwrap_or(last)));
    }
}

fn field(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.horizontal(|ui| {
        ui.set_min_height(44.0);
        ui.add_space(14.0);
        super::widgets::icon(ui, icon::DISCOVER, palette(ui).muted);
        let end = RowEnd::new(ui, "esc");
        end.before(ui, |ui| {
            let Some(text) = app.palette_text() else { return };
            let edit = TextEdit::singleline(text).hint_text("Act, gateway or topic").frame(Frame::NONE);
            let edit = edit.font(FontId::proportional(15.0)).margin(Margin::ZERO).align(Align2::LEFT_CENTER);
            let response = ui.add_sized(vec2(ui.available_width(), 28.0), edit);
            let (is_enabled, shown) = (ui.is_enabled(), text.clone());
            response.widget_info(|| {
                let mut info = egui::WidgetInfo::text_edit(is_enabled, "", shown.as_str(), "");
                info.label = Some("Palette".to_owned());
                info
            });
            response.request_focus();
            if response.changed() {
                pass.did(PaletteAction::Typed);
            }
        });
        end.show(ui, |ui| {
            muted(ui, "Esc");
            ui.add_space(14.0);
        });
    });
    rule(ui);
}

fn rule(ui: &Ui) {
    let y = ui.cursor().top();
    ui.painter().hline(ui.max_rect().x_range(), y, Stroke::new(1.0, palette(ui).line));
}

fn lines(ui: &mut Ui, entries: &[Entry], text: &str, chosen: usize, pass: &mut Pass<'_>) {
    if entries.is_empty() {
        ui.horizontal(|ui| {
            ui.set_min_height(LINE * 2.0);
            ui.add_space(14.0);
            muted(ui, "Nothing matches. Type less of it, or > for acts, @ for gateways, # for topics");
        });
        return;
    }
    let moved = ui.data_mut(|data| {
        std::mem::replace(data.get_temp_mut_or_default::<usize>(Id::unique("palette-line")), chosen) != chosen
    });
    let mut before: Option<Kind> = None;
    for (at, entry) in entries.iter().enumerate() {
        if before.replace(entry.kind) != Some(entry.kind) {
            let (head, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEAD), Sense::hover());
            let inner = head.shrink2(vec2(16.0, 0.0));
            cell(ui, inner, entry.kind.title(), small_text(), palette(ui).muted, Align2::LEFT_CENTER);
        }
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), LINE), Sense::hover());
        if line(ui, entry, text, rect, at, at == chosen) {
            pass.did(PaletteAction::Ran(at));
        }
        if at == chosen && moved {
            ui.scroll_to_rect(rect, None);
        }
    }
    ui.add_space(GRID / 2.0);
}

fn line(ui: &Ui, entry: &Entry, text: &str, rect: Rect, at: usize, is_chosen: bool) -> bool {
    let name = || match entry.beside.as_str() {
        "" => entry.title.clone(),
        beside => format!("{}, {beside}", entry.title),
    };
    let response = choosable(ui, rect, at, Role::ListBoxOption, is_chosen, name);
    let palette = palette(ui);
    let glyph = match entry.kind {
        Kind::Act => icon::RIGHT,
        Kind::Gateway => icon::GATEWAYS,
        Kind::Topic => icon::TELEMETRY,
    };
    let sign = pos2(rect.left() + 23.0, rect.center().y);
    ui.painter().text(sign, Align2::CENTER_CENTER, glyph, icon_font(14.0), palette.muted);
    let mut inner = rect.with_min_x(rect.left() + 38.0).with_max_x(rect.right() - 16.0);
    if !entry.keys.is_empty() {
        let width = cell(ui, inner, entry.keys, small_text(), palette.muted, Align2::RIGHT_CENTER);
        let chip = Rect::from_min_max(
            pos2(inner.right() - width - 5.0, inner.center().y - 9.0),
            pos2(inner.right() + 5.0, inner.center().y + 9.0),
        );
        ui.painter().rect_stroke(chip, 3.0, Stroke::new(1.0, palette.line), egui::StrokeKind::Inside);
        inner.set_right(chip.left() - 8.0);
    }
    let title = marked(ui, entry, text, inner.width());
    let width = title.size().x;
    ui.painter().galley(pos2(inner.left(), inner.center().y - title.size().y / 2.0), title, palette.strong);
    let rest = inner.with_min_x((inner.left() + width + 12.0).min(inner.right()));
    cell(ui, rest, &entry.beside, small_text(), palette.muted, Align2::RIGHT_CENTER);
    response.clicked()
}

/// The title, with what was typed in another colour.
fn marked(ui: &Ui, entry: &Entry, text: &str, width: f32) -> std::sync::Arc<egui::Galley> {
    let (plain, found) = (palette(ui).strong, palette(ui).link);
    let font = if entry.kind == Kind::Topic { FontId::monospace(12.0) } else { FontId::proportional(12.5) };
    let mut job = LayoutJob::default();
    let mut append = |part: &str, colour: Color32| {
        job.append(&legible(ui, part, &font), 0.0, TextFormat::simple(font.clone(), colour));
    };
    let mut end = 0;
    for (from, to) in found_in(&entry.title, text) {
        append(&entry.title[end..from], plain);
        append(&entry.title[from..to], found);
        end = to;
    }
    append(&entry.title[end..], plain);
    job.wrap = egui::text::TextWrapping::truncate_at_width(width);
    ui.fonts_mut(|fonts| fonts.layout_job(job))
}

fn foot(ui: &mut Ui) {
    rule(ui);
    ui.horizontal(|ui| {
        ui.set_min_height(30.0);
        ui.add_space(14.0);
        muted(ui, "\u{2191} \u{2193} choose \u{b7} Enter run or open");
        if ui.available_width() > 220.0 {
            RowEnd::new(ui, "signs").show(ui, |ui| {
                muted(ui, "> acts \u{b7} @ gateways \u{b7} # topics");
                ui.add_space(14.0);
            });
        }
    });
}
