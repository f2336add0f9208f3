//! [`RowEnd`]: what stands at the right edge of a row.
//!
//! The keyboard goes through widgets in the order in which they are added. A layout from the right adds them backwards, and
//! before what stands to their left. So the end of a row is measured, and added from the left, after the rest.

use std::fmt::Debug;
use std::hash::Hash;

use egui::{Align, Id, Layout, Ui, UiBuilder};

/// What is no change of width.
const TOLERANCE: f32 = 0.5;

/// The end of a row, as wide as it was when it was drawn last.
pub(in crate::ui) struct RowEnd {
    id: Id,
    width: Option<f32>,
}

impl RowEnd {
    /// The end of the row that is drawn now. The salt names it among the rows of this part.
    pub(in crate::ui) fn new(ui: &Ui, salt: impl Hash + Debug) -> Self {
        let id = ui.scope_id().with(("row end", salt));
        Self { id, width: ui.data(|data| data.get_temp(id)) }
    }

    /// The room that is left for what stands before it.
    pub(in crate::ui) fn room(&self, ui: &Ui) -> f32 {
        let width = self.width.filter(|width| *width > 0.0);
        let taken = width.map_or(0.0, |width| width + ui.spacing().item_spacing.x);
        (ui.available_width() - taken).max(0.0)
    }

    /// Draws what stands before it, in that room.
    pub(in crate::ui) fn before<R>(&self, ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> R {
        let all = ui.available_rect_before_wrap();
        let room = all.with_max_x(all.left() + self.room(ui));
        let builder = UiBuilder::new().max_rect(room).layout(Layout::left_to_right(Align::Center));
        ui.scope_builder(builder, add).inner
    }

    /// Draws it.
    pub(in crate::ui) fn show<R>(self, ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> R {
        let all = ui.available_rect_before_wrap();
        let room = all.with_min_x(all.right() - self.width.unwrap_or_default());
        let mut builder = UiBuilder::new().max_rect(room).layout(Layout::left_to_right(Align::Center));
        if self.width.is_none() {
            builder = builder.sizing_pass().invisible();
        }
        let (result, width) = ui.scope_builder(builder, |ui| (add(ui), ui.min_rect().width())).inner;
        if self.width.is_none_or(|known| (known - width).abs() > TOLERANCE) {
            ui.data_mut(|data| data.insert_temp(self.id, width));
            ui.request_discard("the end of a row has another width");
            // Where this pass can't be discarded, the next one puts it right.
            ui.ctx().request_repaint();
        }
        result
    }
}
