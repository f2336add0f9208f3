//! Text in its roles, icons, bars and folds.

use egui::{AsIdSalt, Color32, Label, Response, RichText, Role, Sense, Ui, Vec2, WidgetInfo};

use super::button::focus_ring;
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

/// Text from a device, cut to one line with the whole of it on hover.
pub(in crate::ui) fn truncated(ui: &mut Ui, text: impl Into<RichText>) -> Response {
    ui.add(Label::new(text.into()).truncate())
}

/// Text that can be marked and copied, in the fixed-width font.
pub(in crate::ui) fn copyable(ui: &mut Ui, text: &str) {
    ui.add(Label::new(RichText::new(text).monospace().color(palette(ui).text)).selectable(true).wrap());
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
