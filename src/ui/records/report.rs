//! The report on a record: this record or all of its gateway, where it goes, what came of it.

use egui::Ui;

use crate::app::records::RecordsAction;
use crate::app::report::{ReportForm, file_name};
use crate::model::record::JobRecord;
use crate::ui::icon;
use crate::ui::pass::{Pass, PathField};
use crate::ui::theme::palette;
use crate::ui::widgets::{Button, choice, labelled, muted, notice, path_field, problem_card, strong};

/// Draws it.
pub(super) fn report(ui: &mut Ui, form: &mut ReportForm, job: &JobRecord, pass: &mut Pass<'_>) {
    strong(ui, "Report");
    muted(ui, "What was done and seen, and what is left open, as .html, .pdf or .json");
    labelled(ui, "About", |ui, _| {
        for (is_whole, text) in [(false, "This record"), (true, "All of this gateway")] {
            if choice(ui, form.is_whole() == is_whole, text, &format!("Report on: {}", text.to_lowercase())) {
                pass.did(RecordsAction::ReportsOnGateway(is_whole));
            }
        }
    });
    let (response, is_browsing) = path_field(ui, "Report to", &mut form.path, "/home/me/report.html");
    if is_browsing {
        pass.browse = Some(PathField::Report(file_name(job)));
    }
    let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
    let is_ready = !form.path.trim().is_empty() && !form.is_running();
    let save = Button::new("Save report").icon(icon::SAVE).enabled_if(is_ready, "Type a path first");
    if save.pressed(ui) || (is_entered && is_ready) {
        pass.did(RecordsAction::Reported);
    }
    match &form.result {
        Some(Ok(path)) => notice(ui, palette(ui).ok, icon::JOINED, &format!("Saved {path}")),
        Some(Err(problem)) => problem_card(ui, problem),
        None => {}
    }
}
