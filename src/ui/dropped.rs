//! Files held over the window and files let go over it. What they are and where they open is for [`crate::app`] to say.

use egui::{Align2, Area, Frame, Id, Order, Stroke, Ui};

use super::icon;
use super::pass::Pass;
use super::theme::{GAP, palette};
use super::widgets::{counted, icon};
use crate::app::files::file_name;
use crate::app::{Action, App};

/// Hands over what was dropped, and says what letting go would do while files are held over the window.
pub(super) fn take(ui: &Ui, app: &App, pass: &mut Pass<'_>) {
    let dropped = ui.input_mut(|input| std::mem::take(&mut input.raw.dropped_files));
    if !dropped.is_empty() {
        pass.did(Action::DroppedFiles(dropped.iter().map(|file| file.path().to_path_buf()).collect()));
    }
    let held = ui.input(|input| {
        let first = input.raw.hovered_files.first().and_then(|file| file.path.as_deref().map(file_name));
        first.map(|first| (first, input.raw.hovered_files.len()))
    });
    if let Some((first, count)) = held {
        hint(ui, &says(&first, count, app.is_dialog_open()));
    }
}

fn says(first: &str, count: usize, is_asking: bool) -> String {
    match count {
        _ if is_asking => "Answer the question first; files aren't opened until then".to_owned(),
        1 => format!("Drop to open {first}"),
        _ => format!("Drop to open {}", counted(count as u64, "file", "files")),
    }
}

fn hint(ui: &Ui, text: &str) {
    let area = Area::new(Id::unique("held-files")).order(Order::Tooltip).interactable(false);
    area.anchor(Align2::CENTER_TOP, egui::vec2(0.0, 4.0 * GAP)).accessible_name("Held files").show(ui.ctx(), |ui| {
        let edge = Stroke::new(2.0, palette(ui).link);
        Frame::popup(ui.style()).fill(palette(ui).page).stroke(edge).show(ui, |ui| {
            ui.horizontal(|ui| {
                icon(ui, icon::FOLDER, palette(ui).link);
                ui.label(text);
            });
        });
    });
}
