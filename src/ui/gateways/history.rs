//! The tab History: what was done with this gateway, newest first.

use egui::{RichText, Ui};

use crate::app::discover::own_name;
use crate::app::records::{RecordsAction, outcome_label};
use crate::app::{Action, App, Place};
use crate::model::gateway::Sighting;
use crate::model::record::JobRecord;
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::records::outcome_colour;
use crate::ui::theme::palette;
use crate::ui::widgets::{Button, empty_state, muted, pill, problem_card};

/// Entries shown; the rest is under Records.
const SHOWN: usize = 50;

pub(super) fn show(ui: &mut Ui, app: &App, row: &Sighting, pass: &mut Pass<'_>) {
    if let Some(problem) = app.records.list.problem() {
        problem_card(ui, problem);
    }
    if app.records.list.value().is_none() {
        muted(ui, "Loading…");
        return;
    }
    let jobs = app.records.of_gateway(row);
    if jobs.is_empty() {
        return empty_state(ui, icon::RECORDS, "Nothing on record", |ui| {
            muted(ui, "Every session with this gateway is written here: before it begins, and again with its outcome");
        });
    }
    if own_name(row).is_none() {
        muted(ui, "It told no name yet: this is what was done over its link, maybe with other gateways");
    }
    let more = jobs.len().saturating_sub(SHOWN);
    for job in jobs.into_iter().take(SHOWN) {
        ui.push_id(job.key(), |ui| line(ui, job, pass));
    }
    if more > 0 {
        muted(ui, &format!("{more} older under Records"));
    }
}

fn line(ui: &mut Ui, job: &JobRecord, pass: &mut Pass<'_>) {
    let (local, utc) = pass.local_time(&job.started_at);
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(&local).small().color(palette(ui).muted)).on_hover_text(utc);
        pill(ui, outcome_colour(ui, job), outcome_label(job));
        ui.label(&job.summary);
        if Button::new("Details").quiet().named(&format!("Details of {local}")).pressed(ui) {
            pass.did(Action::WentTo(Place::Records));
            pass.did(RecordsAction::Selected(job.key()));
        }
    });
}
