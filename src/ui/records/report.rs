//! The report on a record: this record or all of its gateway, and the button that saves it.

use egui::Ui;

use crate::app::files::PAPER_FORMS;
use crate::app::records::RecordsAction;
use crate::app::report::{ReportForm, file_name};
use crate::model::record::JobRecord;
use crate::ui::icon;
use crate::ui::pass::{Pass, PathField};
use crate::ui::widgets::{Button, choice, labelled, muted, strong};

/// Draws it.
pub(super) fn report(ui: &mut Ui, form: &ReportForm, job: &JobRecord, pass: &mut Pass<'_>) {
    strong(ui, "Report");
    muted(ui, "What was done and seen, and what is left open");
    labelled(ui, "About", |ui, _| {
        for (is_whole, text) in [(false, "This record"), (true, "All of this gateway")] {
            if choice(ui, form.is_whole() == is_whole, text, &format!("Report on: {}", text.to_lowercase())) {
                pass.did(RecordsAction::ReportsOnGateway(is_whole));
            }
        }
    });
    let save = Button::new("Save report…").icon(icon::SAVE).enabled_if(!form.is_running(), "It is being written");
    if save.pressed(ui) {
        pass.browse = Some(PathField::Report(form.about(job.key()), file_name(job)));
    }
    muted(ui, PAPER_FORMS);
}
