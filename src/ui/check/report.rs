//! The report: its form, where it goes, and whether addresses of the site are masked.

use egui::{ScrollArea, Ui};

use crate::app::check::run::Run;
use crate::app::check::words::{self, ui as w};
use crate::app::check::{CheckAction, NetworkCheck};
use crate::check::report::can_write_pdf;
use crate::model::word::Word as _;
use crate::msg::check::ReportForm;
use crate::ui::icon;
use crate::ui::pass::{Pass, PathField};
use crate::ui::widgets::{Button, check as check_box, choice, labelled, titled_group};

/// Draws it.
pub(super) fn show(ui: &mut Ui, check: &mut NetworkCheck, pass: &mut Pass<'_>) {
    let has_round = check.run().is_some_and(Run::has_round);
    ScrollArea::vertical().id_salt("check-report").auto_shrink(false).show(ui, |ui| {
        titled_group(ui, w::REPORT, w::REPORT_HINT, |ui| {
            form(ui, check, pass);
            let save = &mut check.save;
            check_box(ui, &mut save.is_masked, w::MASK, w::MASK_WHY);
            let is_ready = has_round && !save.is_running();
            let why = if has_round { w::BEING_SAVED } else { words::WHY_NOT_SAVED };
            if Button::new(w::SAVE).icon(icon::SAVE).enabled_if(is_ready, why).pressed(ui) {
                pass.browse = Some(PathField::CheckReport(save.form()));
            }
        });
    });
}

fn form(ui: &mut Ui, check: &NetworkCheck, pass: &mut Pass<'_>) {
    labelled(ui, "Format", |ui, _| {
        ui.horizontal_wrapped(|ui| {
            for form in ReportForm::ALL.iter().filter(|form| can_write_pdf() || **form != ReportForm::Pdf) {
                let text = words::form(*form);
                if choice(ui, check.save.form() == *form, text, &format!("Save as {text}")) {
                    pass.did(CheckAction::ChoseForm(*form));
                }
            }
        });
    });
}
