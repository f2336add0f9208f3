//! Bytes in hex with their ASCII characters beside them. Only the lines in sight are made.

use egui::{Align2, Role, Ui, vec2};

use super::rows::{Place, Rows, cell};
use crate::telemetry::decode::hex;
use crate::ui::theme::{palette, small_mono};

/// Height of a line.
const LINE: f32 = 18.0;

/// Draws the bytes. `mark` is the byte at which reading them ended.
pub(super) fn show(ui: &mut Ui, bytes: &[u8], mark: Option<usize>, is_new: bool) {
    let line = mark.map(|offset| offset / hex::LINE_BYTES);
    let place = line.filter(|_| is_new).map(Place::Showing);
    let total = hex::line_count(bytes);
    let rows = Rows { name: "Bytes", role: Role::ListBox, total, height: LINE, place };
    rows.show(ui, |ui, at, rect| {
        let palette = palette(ui);
        let Some(text) = hex::lines(bytes, at..at + 1).pop() else { return };
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
