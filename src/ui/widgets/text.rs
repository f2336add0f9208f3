//! Text in its roles, icons, bars and folds.

use std::borrow::Cow;

use egui::text::LayoutJob;
use egui::{
    Align, AsIdSalt, Color32, FontId, FontSelection, Label, Response, RichText, Role, Sense, Ui, Vec2, WidgetInfo,
};

use super::button::focus_ring;
use super::rows::one_line;
use crate::model::wifi::Signal;
use crate::ui::icon;
use crate::ui::theme::{ICON_SIZE, icon_font, medium, palette};

/// An icon beside text that says the same: not read out.
pub(in crate::ui) fn icon(ui: &mut Ui, glyph: &'static str, colour: Color32) {
    let (rect, _) = ui.allocate_exact_size(Vec2::new(ICON_SIZE, 18.0), Sense::hover());
    ui.painter().text(rect.center(), egui::Align2::CENTER_CENTER, glyph, icon_font(ICON_SIZE), colour);
}

/// An explanation.
pub(in crate::ui) fn muted(ui: &mut Ui, text: &str) -> Response {
    ui.label(RichText::new(text).small().color(palette(ui).muted))
}

/// The name of a fact.
pub(in crate::ui) fn small(ui: &mut Ui, text: &str) -> Response {
    muted(ui, text)
}

/// A title inside a card.
pub(in crate::ui) fn strong(ui: &mut Ui, text: &str) -> Response {
    ui.label(RichText::new(text).font(medium()).color(palette(ui).strong))
}

/// Text that moves to the next line as a whole where a row is full: `6 jobs` never breaks behind its number.
pub(in crate::ui) fn unbroken(ui: &mut Ui, text: &str) -> Response {
    ui.add(Label::new(RichText::new(text).small().color(palette(ui).muted)).extend())
}

/// Text from a device, cut to one line with the whole of it on hover.
pub(in crate::ui) fn truncated(ui: &mut Ui, text: impl Into<RichText>) -> Response {
    let text = text.into();
    if text.text().is_ascii() {
        return ui.add(Label::new(text).truncate());
    }
    let whole = text.text().to_owned();
    let job = with_every_glyph(ui, text);
    let response = ui.add(Label::new(job).truncate());
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Label, is_enabled, &whole));
    response
}

/// The text as [`legible`], in the look it has.
fn with_every_glyph(ui: &Ui, text: RichText) -> LayoutJob {
    let mut job = LayoutJob::default();
    let whole = text.text().to_owned();
    text.append_to(&mut job, ui.style(), FontSelection::Default, Align::Center);
    let Some(format) = job.sections.first().map(|section| section.format.clone()) else { return job };
    let shown = legible(ui, &whole, &format.font_id).into_owned();
    LayoutJob::single_section(shown, format)
}

/// Text that can be marked and copied, in the fixed-width font.
pub(in crate::ui) fn copyable(ui: &mut Ui, text: &str) {
    ui.add(Label::new(RichText::new(text).monospace().color(palette(ui).text)).selectable(true).wrap());
}

/// A name, cut in its middle where there is no room for it: what tells it from another one often stands at its end. The whole
/// of it is read out, and stands on hover where it is cut.
pub(in crate::ui) fn name(ui: &mut Ui, text: &str, font: FontId, colour: Color32) -> Response {
    let shown = elided(ui, text, &font, ui.available_width()).into_owned();
    let response = ui.add(Label::new(RichText::new(&shown).font(font).color(colour)).extend());
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Label, is_enabled, text));
    if shown == text { response } else { response.on_hover_text(text) }
}

/// The least of a name that is kept when it is cut.
const LEAST_KEPT: usize = 5;

/// A name as it fits: whole, or with as much of its beginning and its end as there is room for.
pub(in crate::ui) fn elided<'t>(ui: &Ui, text: &'t str, font: &FontId, width: f32) -> Cow<'t, str> {
    let fits = |text: &str| one_line(ui, text, font.clone(), Color32::PLACEHOLDER, f32::INFINITY).size().x <= width;
    if fits(text) {
        return Cow::Borrowed(text);
    }
    let letters: Vec<char> = text.chars().collect();
    let with = |kept: usize| -> String {
        // A little more of its end than half: there stand numbers and addresses.
        let tail = kept.div_ceil(2);
        let (begin, end) = (&letters[..kept - tail], &letters[letters.len() - tail..]);
        let begin: String = begin.iter().collect();
        format!("{}…{}", begin.trim_end(), end.iter().collect::<String>().trim_start())
    };
    let most = letters.len().saturating_sub(1);
    let (mut low, mut high) = (LEAST_KEPT.min(most), most);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if fits(&with(middle)) { low = middle } else { high = middle - 1 }
    }
    Cow::Owned(with(low))
}

/// Text of which everything can be seen: a character that no font has stands there by its number, so that two topics with
/// different ones are told apart. What is copied is the text itself.
pub(in crate::ui) fn legible<'t>(ui: &Ui, text: &'t str, font: &FontId) -> Cow<'t, str> {
    if text.is_ascii() || ui.fonts_mut(|fonts| fonts.has_glyphs(font, text)) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| {
        // Chooses between two looks of the sign before it, and has none of its own.
        let is_a_choice = ('\u{FE00}'..='\u{FE0F}').contains(&c);
        match ui.fonts_mut(|fonts| fonts.has_glyph(font, c)) {
            true => String::from(c),
            false if is_a_choice => String::new(),
            false => format!("[U+{:04X}]", u32::from(c)),
        }
    };
    Cow::Owned(text.chars().map(shown).collect())
}

/// Facts as pairs of name and value; empty ones are left out.
pub(in crate::ui) fn facts(ui: &mut Ui, salt: &str, pairs: &[(&str, String)]) {
    egui::Grid::new(salt).num_columns(2).spacing([16.0, 6.0]).min_row_height(18.0).show(ui, |ui| {
        for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            muted(ui, name);
            ui.add(Label::new(RichText::new(value).color(palette(ui).text)).selectable(true).truncate());
            ui.end_row();
        }
    });
}

/// A count with its thousands set apart.
pub(in crate::ui) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with what is counted: `1 message`, `2 messages`.
pub(in crate::ui) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// Something folded away until asked for.
pub(in crate::ui) fn fold(ui: &mut Ui, salt: impl AsIdSalt, title: &str, add: impl FnOnce(&mut Ui)) {
    let id = ui.make_persistent_id(salt);
    let mut is_open = ui.data(|data| data.get_temp::<bool>(id).unwrap_or(false));
    let glyph = if is_open { icon::DOWN } else { icon::RIGHT };
    let atoms = (RichText::new(glyph).font(icon_font(12.0)), RichText::new(title).color(palette(ui).text));
    let response = ui.add(egui::Button::new(atoms).frame(false).min_size(Vec2::new(0.0, 24.0)));
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(Role::DisclosureTriangle, is_enabled, is_open, title));
    focus_ring(ui, &response);
    if response.clicked() {
        is_open = !is_open;
        ui.data_mut(|data| data.insert_temp(id, is_open));
    }
    if is_open {
        add(ui);
    }
}

/// Bars of a signal, out of four. The words beside them say the same.
pub(in crate::ui) fn signal_bars(ui: &mut Ui, rssi_dbm: Option<i16>) {
    let palette = palette(ui);
    let signal = rssi_dbm.map(Signal::from_dbm);
    let bars = signal.map_or(0, Signal::bars);
    let colour = match signal {
        Some(Signal::Good) => palette.ok,
        Some(Signal::Usable) => palette.text,
        Some(Signal::Weak) => palette.warn,
        Some(Signal::TooWeak) => palette.danger,
        None => palette.muted,
    };
    let (rect, _) = ui.allocate_exact_size(Vec2::new(18.0, 16.0), Sense::hover());
    let mut left = rect.left();
    for (index, height) in [4.0, 8.0, 12.0, 16.0].into_iter().enumerate() {
        let bar =
            egui::Rect::from_min_max(egui::pos2(left, rect.bottom() - height), egui::pos2(left + 3.0, rect.bottom()));
        ui.painter().rect_filled(bar, 1.0, if index < bars { colour } else { palette.line });
        left += 5.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a frame makes of a text.
    fn shown<R>(look: impl FnOnce(&Ui) -> R) -> R {
        let ctx = egui::Context::default();
        crate::ui::theme::install(&ctx);
        let (mut look, mut found) = (Some(look), None);
        let mut output = ctx.run_ui(egui::RawInput::default(), |ui| {
            if let Some(look) = look.take() {
                found = Some(look(ui));
            }
        });
        // Nobody draws it.
        output.textures_delta.clear();
        found.expect("a frame was drawn")
    }

    #[test]
    fn names_that_differ_at_their_end_differ_where_they_are_cut() {
        let names =
            ["Gateway with Improv Wi-Fi, ttyUSB0", "Gateway with Improv Wi-Fi, ttyUSB1", "Gateway with Improv Wi-Fi"];
        for width in [60.0, 90.0, 130.0] {
            let cut = shown(|ui| names.map(|name| elided(ui, name, &medium(), width).into_owned()));
            assert!(cut.iter().all(|name| name.contains('…')), "{cut:?}");
            assert!(cut[0] != cut[1] && cut[1] != cut[2] && cut[0] != cut[2], "{cut:?}");
            let wide = shown(|ui| {
                let width = |name: &String| one_line(ui, name, medium(), Color32::WHITE, f32::INFINITY).size().x;
                cut.iter().map(width).fold(0.0, f32::max)
            });
            assert!(wide <= width, "{wide} in {width}: {cut:?}");
        }
        let whole = shown(|ui| elided(ui, names[0], &medium(), 900.0).into_owned());
        assert_eq!(whole, names[0]);
    }

    #[test]
    fn characters_without_a_glyph_are_told_apart() {
        let seen = |text: &'static str| shown(|ui| legible(ui, text, &medium()).into_owned());
        assert_eq!(seen("Büro/Temperatur °C"), "Büro/Temperatur °C");
        assert_eq!(seen("room/\u{1F600}"), "room/[U+1F600]");
        assert_ne!(seen("room/\u{1F600}"), seen("room/\u{1F601}"));
        assert!(!seen("a/\u{2764}\u{FE0F}").contains('\u{FE0F}'));
    }

    #[test]
    fn counts_read_well() {
        for (value, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(value), text);
        }
        assert_eq!(
            (counted(1, "message", "messages"), counted(2, "message", "messages")),
            ("1 message".into(), "2 messages".into())
        );
    }
}
