//! The tab History: everything on record of this gateway, newest first, by kind, outcome and time.

use egui::{RichText, Ui};

use crate::app::discover::own_name;
use crate::app::history::{History, HistoryAction};
use crate::app::records::{RecordsAction, act_label, outcome_label};
use crate::app::{Action, App, Place};
use crate::model::gateway::Sighting;
use crate::model::timeline::Happened;
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::records::{outcome_colour, pick_shown};
use crate::ui::theme::{medium, palette};
use crate::ui::widgets::{Button, RowEnd, counted, empty_state, muted, notice, pill, problem_card, truncated};

pub(super) fn show(ui: &mut Ui, app: &App, row: &Sighting, pass: &mut Pass<'_>) {
    let history = &app.history;
    if let Some(problem) = history.list.problem() {
        problem_card(ui, problem);
    }
    let Some(all) = history.list.value() else {
        muted(ui, "Loading…");
        return;
    };
    if all.is_empty() {
        return empty_state(ui, icon::RECORDS, "Nothing on record", |ui| {
            muted(ui, "Every session with this gateway is written here: before it begins, and again with its outcome");
        });
    }
    ui.horizontal_wrapped(|ui| pick_shown(ui, history.shown(), pass, |action| HistoryAction::Filtered(action).into()));
    if own_name(row).is_none() {
        muted(ui, "It reported no name yet: this is what was done over its link, maybe with other gateways");
    }
    entries(ui, history, all.len(), pass);
}

fn entries(ui: &mut Ui, history: &History, all: usize, pass: &mut Pass<'_>) {
    let (entries, older) = history.entries();
    let shown = entries.len() + older;
    if shown < all {
        muted(ui, &format!("{shown} of {}", counted(all as u64, "entry", "entries")));
    }
    for happened in entries {
        ui.push_id(happened.job.key(), |ui| line(ui, happened, pass));
    }
    if older > 0 && Button::new(&format!("Show {older} older")).quiet().pressed(ui) {
        pass.did(HistoryAction::AskedForMore);
    }
}

fn line(ui: &mut Ui, happened: &Happened, pass: &mut Pass<'_>) {
    let job = &happened.job;
    let (local, utc) = pass.local_time(&job.started_at);
    ui.horizontal(|ui| {
        let end = RowEnd::new(ui, "details");
        end.before(ui, |ui| {
            ui.label(RichText::new(&local).small().color(palette(ui).muted)).on_hover_text(utc);
            ui.label(RichText::new(act_label(job)).font(medium()).color(palette(ui).strong));
            pill(ui, outcome_colour(ui, job), outcome_label(job));
            if let Some(origin) = &job.origin {
                let from = format!("from {}", crate::model::text::visible(&origin.computer, 60));
                truncated(ui, RichText::new(from).color(palette(ui).muted));
            }
        });
        let details =
            end.show(ui, |ui| Button::new("Details").quiet().named(&format!("Details of {local}")).pressed(ui));
        if details {
            pass.did(Action::WentTo(Place::Records));
            pass.did(RecordsAction::Selected(job.key()));
        }
    });
    ui.label(&job.summary);
    if let Some(returned) = &happened.returned {
        let (at, _) = pass.local_time(&returned.at);
        let text = format!("It came back after the removal of {at}: the {} is the same", returned.by.label());
        notice(ui, palette(ui).warn, icon::WARNING, &text);
    }
}
