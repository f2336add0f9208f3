//! Labelled fields: every field has a label that screen readers and tests find it by.

use std::path::PathBuf;

use egui::text::{CCursor, CCursorRange};
use egui::{Response, RichText, TextEdit, Ui, Vec2};

use super::button::focus_ring;
use super::{Button, muted, truncated};
use crate::model::secret::Secret;
use crate::model::text::visible;
use crate::ui::icon;
use crate::ui::theme::{CONTROL_HEIGHT, FIELD_MIN_WIDTH, FIELD_WIDTH, GRID, LABEL_WIDTH, palette};

/// A label before what it names; on a narrow page above it.
pub(in crate::ui) fn labelled<R>(ui: &mut Ui, label: &str, add: impl FnOnce(&mut Ui, egui::Id) -> R) -> R {
    if ui.available_width() < LABEL_WIDTH + FIELD_MIN_WIDTH {
        let id = ui.label(label).id;
        return ui.horizontal_wrapped(|ui| add(ui, id)).inner;
    }
    ui.horizontal(|ui| {
        let size = Vec2::new(LABEL_WIDTH, CONTROL_HEIGHT);
        let layout = egui::Layout::left_to_right(egui::Align::Center);
        let id = ui.allocate_ui_with_layout(size, layout, |ui| {
            ui.set_min_width(LABEL_WIDTH);
            ui.label(label).id
        });
        add(ui, id.inner)
    })
    .inner
}

/// A text field with its label; `hint` stands in it while it is empty.
pub(in crate::ui) fn field(ui: &mut Ui, label: &str, text: &mut String, hint: &str) -> Response {
    labelled(ui, label, |ui, id| ui.add(single(text, hint)).labelled_by(id))
}

/// A field for a secret: nothing of it is shown, and none of its earlier states stays in memory.
pub(in crate::ui) fn secret_field(ui: &mut Ui, label: &str, secret: &mut Secret<String>, hint: &str) -> Response {
    labelled(ui, label, |ui, name| {
        let id = egui::Id::unique(format!("secret-{label}"));
        let edit = single(secret.expose_mut(), hint).id(id).password(true);
        let response = ui.add(edit).labelled_by(name);
        forget_undo(ui, id);
        response
    })
}

/// Undo would keep every state of a secret in memory for as long as the window is open.
pub(in crate::ui) fn forget_undo(ui: &Ui, id: egui::Id) {
    if let Some(mut state) = TextEdit::load_state(ui.ctx(), id) {
        state.clear_undoer();
        TextEdit::store_state(ui.ctx(), id, state);
    }
}

/// Selects the whole text of a field, so that typing replaces it.
pub(in crate::ui) fn select_all(ui: &Ui, id: egui::Id) {
    let mut state = TextEdit::load_state(ui.ctx(), id).unwrap_or_default();
    // A cursor behind the end counts as the end.
    let all = CCursorRange::two(CCursor::default(), CCursor::new(usize::MAX));
    state.cursor.set_char_range(Some(all));
    TextEdit::store_state(ui.ctx(), id, state);
}

/// A field whose name is read out and not shown: its hint says what it is for.
pub(in crate::ui) fn bare_field(
    ui: &mut Ui,
    id: &str,
    name: &str,
    text: &mut String,
    hint: &str,
    width: f32,
) -> Response {
    let edit = single(text, hint).id(egui::Id::unique(id.to_owned())).desired_width(width);
    let response = ui.add(edit);
    let (is_enabled, text) = (ui.is_enabled(), text.clone());
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::text_edit(is_enabled, "", text.as_str(), "");
        info.label = Some(name.to_owned());
        info
    });
    response
}

/// A field for a path with its browse button: the response of the field, and whether to browse.
pub(in crate::ui) fn path_field(ui: &mut Ui, label: &str, path: &mut String, hint: &str) -> (Response, bool) {
    labelled(ui, label, |ui, id| {
        let width = (ui.available_width() - 144.0).min(FIELD_WIDTH - 2.0 * GRID);
        let response = ui.add(single(path, hint).desired_width(width)).labelled_by(id);
        let name = format!("Browse for {label}");
        (response, Button::new("Browse…").icon(icon::FOLDER).named(&name).pressed(ui))
    })
}

/// A check box with an explanation on hover; whether it changed.
pub(in crate::ui) fn check(ui: &mut Ui, value: &mut bool, label: &str, explanation: &str) -> bool {
    let response = ui.checkbox(value, label);
    focus_ring(ui, &response);
    let is_changed = response.changed();
    if !explanation.is_empty() {
        response.on_hover_text(explanation);
        muted(ui, explanation);
        ui.add_space(GRID / 2.0);
    }
    is_changed
}

fn single<'t>(text: &'t mut String, hint: &str) -> TextEdit<'t> {
    TextEdit::singleline(text)
        .hint_text(hint.to_owned())
        .desired_width(FIELD_WIDTH - 2.0 * GRID)
        .margin(crate::ui::theme::FIELD_MARGIN)
}

/// The whole path of a file that was named by less than that.
pub(in crate::ui) fn goes_to(ui: &mut Ui, whole: Option<PathBuf>) {
    if let Some(path) = whole {
        let path = visible(&path.display().to_string(), 300);
        truncated(ui, RichText::new(format!("Goes to {path}")).small().color(palette(ui).muted)).on_hover_text(path);
    }
}
