//! Bytes in hex with their ASCII characters beside them. Only the lines in sight are made.

use std::fmt::Write as _;

use egui::{Align2, Role, Ui, vec2};

use super::rows::{Place, Rows, cell};
use crate::ui::theme::{palette, small_mono};

/// Height of a line.
const LINE: f32 = 18.0;

/// Draws the bytes. `mark` is the byte at which reading them ended.
pub(super) fn show(ui: &mut Ui, bytes: &[u8], mark: Option<usize>, is_new: bool) {
    let font = small_mono();
    let glyph = ui.fonts_mut(|fonts| fonts.glyph_width(&font, '0'));
    // Eight bytes a line where sixteen and their characters do not fit.
    let wide = glyph * 80.0 + 30.0;
    let per_line = if ui.available_width() < wide { 8 } else { 16 };
    let line = mark.map(|offset| offset / per_line);
    let place = line.filter(|_| is_new).map(Place::Showing);
    let total = bytes.len().div_ceil(per_line);
    let rows = Rows { name: "Bytes", role: Role::ListBox, total, height: LINE, place };
    rows.show(ui, |ui, at, rect| {
        let palette = palette(ui);
        let text = dump(bytes, at * per_line, per_line);
        if line == Some(at) {
            ui.painter().rect_filled(rect, 2.0, palette.danger.gamma_multiply(0.14));
        }
        let rect = rect.shrink2(vec2(6.0, 0.0));
        cell(ui, rect, &text, small_mono(), palette.text, Align2::LEFT_CENTER);
        let response = ui.interact(rect, ui.scope_id().with(("bytes", at)), egui::Sense::hover());
        let is_enabled = ui.is_enabled();
        response.widget_info(|| egui::WidgetInfo::labeled(Role::Label, is_enabled, &text));
    });
}

/// One line: where it begins, its bytes in hex, its characters.
fn dump(bytes: &[u8], start: usize, per_line: usize) -> String {
    let line = bytes.get(start..bytes.len().min(start + per_line)).unwrap_or_default();
    let digits = if bytes.len() > 0x1_0000 { 8 } else { 4 };
    let mut text = format!("{start:0digits$x} ");
    for place in 0..per_line {
        if place % 8 == 0 {
            text.push(' ');
        }
        // Writing to a String cannot fail.
        let _ = match line.get(place) {
            Some(byte) => write!(text, "{byte:02x} "),
            None => write!(text, "   "),
        };
    }
    text.push(' ');
    text.extend(line.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' }));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_place_its_bytes_and_its_characters() {
        assert_eq!(dump(b"{\"a\":1}\n\xff", 0, 8), "0000  7b 22 61 22 3a 31 7d 0a  {\"a\":1}.");
        assert_eq!(dump(b"{\"a\":1}\n\xff", 8, 8), "0008  ff                       .");
        assert!(dump(&vec![0; 70_000], 69_984, 16).starts_with("00011160  00"));
        assert_eq!(dump(b"", 0, 8).trim(), "0000");
    }
}
