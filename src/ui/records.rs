//! Records: the list of jobs, one of them in detail, and the export.

use egui::{Align, Color32, Layout, RichText, Role, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo, vec2};

use super::icon;
use super::pass::{Pass, PathField};
use super::theme::{GRID, LINE_HEIGHT, medium, palette};
use super::widgets::{
    Button, check, choice, copyable, empty_state, facts, fold, group, header, labelled, muted, notice, path_field,
    pill, problem_card, row_ground, strong, truncated,
};
use crate::app::App;
use crate::app::records::{Records, RecordsAction, is_cut_off, outcome_label};
use crate::model::gateway::Protection;
use crate::model::record::{EntryRecord, ExportFormat, JobHistory, JobRecord};
use crate::profile::site::Site;

/// Draws Records.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    page_header(ui, &app.records, app.check.site(), pass);
    if let Some(problem) = app.records.list.problem() {
        problem_card(ui, problem);
    }
    if app.records.selected().is_some() {
        let area = ScrollArea::vertical().id_salt("record").auto_shrink(false);
        area.show(ui, |ui| detail(ui, &app.records, pass));
        return;
    }
    let height = ui.available_height();
    ScrollArea::vertical().id_salt("records").auto_shrink(false).show(ui, |ui| {
        list(ui, &app.records, app.check.site(), pass, (height - 150.0).max(4.0 * LINE_HEIGHT));
        export(ui, &mut app.records, pass);
    });
}

fn page_header(ui: &mut Ui, records: &Records, site: Option<&Site>, pass: &mut Pass<'_>) {
    let count = records.jobs(site).len();
    header(
        ui,
        "Records",
        |ui| {
            if records.list.is_pending() {
                pill(ui, palette(ui).link, "Loading…");
            } else if count > 0 {
                pill(ui, palette(ui).muted, &format!("{count} {}", if count == 1 { "job" } else { "jobs" }));
            }
        },
        |ui| {
            if let Some(site) = site {
                let mut is_held = records.is_held_to_site();
                if check(ui, &mut is_held, &format!("Only {}", site.name), "") {
                    pass.did(RecordsAction::HeldToSite(is_held));
                }
            }
            if Button::new("Refresh").icon(icon::REFRESH).named("Refresh the records").pressed(ui) {
                pass.did(RecordsAction::Refreshed);
            }
        },
    );
}

fn list(ui: &mut Ui, records: &Records, site: Option<&Site>, pass: &mut Pass<'_>, height: f32) {
    group(ui, |ui| {
        ui.set_height(height - 40.0);
        let jobs = records.jobs(site);
        if jobs.is_empty() {
            return nothing(ui, records);
        }
        ui.spacing_mut().item_spacing.y = 0.0;
        let area = ScrollArea::vertical().id_salt("jobs").auto_shrink(false);
        let lines = jobs.len() + usize::from(records.may_have_more());
        area.show_rows(ui, LINE_HEIGHT, lines, |ui, range| {
            for index in range {
                match jobs.get(index) {
                    Some(job) => line(ui, job, pass),
                    None if Button::new("Show older jobs").pressed(ui) => pass.did(RecordsAction::AskedForMore),
                    None => {}
                }
            }
        });
    });
}

fn nothing(ui: &mut Ui, records: &Records) {
    if records.list.is_pending() || records.list.problem().is_some() {
        muted(ui, if records.list.is_pending() { "Loading…" } else { "The records could not be read" });
        return;
    }
    if records.list.value().is_some_and(|all| !all.is_empty()) {
        muted(ui, "No job of this site is on record: jobs are found by the names and links in its file");
        return;
    }
    empty_state(ui, icon::RECORDS, "Nothing was done yet", |ui| {
        muted(ui, "Every session and export is written here: before it begins, and again with its outcome");
    });
}

fn line(ui: &mut Ui, job: &JobRecord, pass: &mut Pass<'_>) {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), LINE_HEIGHT), Sense::click());
    let (local, utc) = pass.local_time(&job.started_at);
    let name = format!("{local}, {}, {}", job.intent.gateway, outcome_label(job));
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::ListBoxOption, is_enabled, &name));
    row_ground(ui, rect, &response, false);
    if response.clicked() {
        pass.did(RecordsAction::Selected(job.id));
    }
    let inner = rect.shrink2(vec2(8.0, 0.0));
    let layout = Layout::left_to_right(Align::Center);
    let mut child = ui.new_child(UiBuilder::new().max_rect(inner).layout(layout));
    child.label(RichText::new(&local).color(palette(ui).muted)).on_hover_text(utc);
    let (colour, word) = (outcome_colour(ui, job), outcome_label(job));
    let width = if inner.width() > 640.0 { 180.0 } else { 110.0 };
    fixed(&mut child, width, |ui| {
        truncated(ui, RichText::new(&job.intent.gateway).font(medium()).color(palette(ui).strong));
    });
    child.push_id(job.id.0, |ui| pill(ui, colour, word));
    if job.intent.is_simulated {
        pill(&mut child, palette(ui).muted, "simulated");
    }
    truncated(&mut child, RichText::new(&job.summary).color(palette(ui).text));
}

fn fixed(ui: &mut Ui, width: f32, add: impl FnOnce(&mut Ui)) {
    ui.allocate_ui_with_layout(vec2(width, 20.0), Layout::left_to_right(Align::Center), |ui| {
        ui.set_width(width);
        add(ui);
    });
}

pub(super) fn outcome_colour(ui: &Ui, job: &JobRecord) -> Color32 {
    let palette = palette(ui);
    match job.outcome.as_str() {
        _ if is_cut_off(job) => palette.warn,
        "joined" | "done" => palette.ok,
        "refused" | "failed" => palette.danger,
        "unknown" => palette.warn,
        _ => palette.muted,
    }
}

fn detail(ui: &mut Ui, records: &Records, pass: &mut Pass<'_>) {
    if Button::new("Back to the list").icon(icon::BACK).quiet().pressed(ui) {
        pass.did(RecordsAction::Deselected);
    }
    if let Some(problem) = records.detail.problem() {
        problem_card(ui, problem);
    }
    match records.detail.value() {
        Some(history) => history_card(ui, history, pass),
        None => {
            muted(ui, if records.detail.is_pending() { "Loading…" } else { "No detail" });
        }
    }
}

fn history_card(ui: &mut Ui, history: &JobHistory, pass: &Pass<'_>) {
    let job = &history.job;
    group(ui, |ui| {
        ui.horizontal_wrapped(|ui| {
            strong(ui, &job.intent.gateway);
            pill(ui, outcome_colour(ui, job), outcome_label(job));
            if job.intent.is_simulated {
                pill(ui, palette(ui).muted, "simulated");
            }
        });
        ui.label(&job.summary);
        if is_cut_off(job) {
            let text = "Linesman ended during this job. Verify the outcome on the device";
            notice(ui, palette(ui).warn, icon::WARNING, text);
        }
        job_facts(ui, history, pass);
    });
    ui.add_space(GRID);
    group(ui, |ui| {
        strong(ui, "Entries");
        for entry in &history.entries {
            entry_line(ui, entry, pass);
        }
    });
}

fn job_facts(ui: &mut Ui, history: &JobHistory, pass: &Pass<'_>) {
    let job = &history.job;
    let time = |utc: &str| {
        let (local, utc) = pass.local_time(utc);
        format!("{local} ({utc})")
    };
    facts(
        ui,
        "job",
        &[
            ("Started", time(&job.started_at)),
            ("Ended", job.ended_at.as_deref().map_or_else(|| "no outcome on record".to_owned(), time)),
            ("Action", job.intent.action.clone()),
            ("Link", job.intent.link.clone()),
            ("Profile", job.intent.profile.clone().unwrap_or_default()),
            ("Driver", job.intent.driver.clone().unwrap_or_default()),
            ("Protection", history.protection().map_or("", Protection::label).to_owned()),
            ("Operator", job.intent.operator.clone()),
            ("Reason", job.reason.clone()),
        ],
    );
}

fn entry_line(ui: &mut Ui, entry: &EntryRecord, pass: &Pass<'_>) {
    let (local, utc) = pass.local_time(&entry.at);
    let outcome = if entry.outcome.is_empty() { String::new() } else { format!(": {}", entry.outcome) };
    ui.horizontal_wrapped(|ui| {
        muted(ui, &local).on_hover_text(utc);
        ui.label(format!("{} {}{outcome}", entry.step, entry.phase));
    });
    if !entry.detail.is_null() {
        let title = format!("Evidence of entry {}", entry.sequence);
        fold(ui, ("entry", entry.sequence), &title, |ui| {
            copyable(ui, &serde_json::to_string_pretty(&entry.detail).unwrap_or_default());
        });
    }
}

fn export(ui: &mut Ui, records: &mut Records, pass: &mut Pass<'_>) {
    let form = &mut records.export;
    let (response, is_browsing) = path_field(ui, "Export to", &mut form.path, "/home/me/linesman-records.csv");
    if is_browsing {
        pass.browse = Some(PathField::RecordsExport);
    }
    let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
    labelled(ui, "Format", |ui, _| {
        for (format, text) in [(ExportFormat::Csv, "CSV"), (ExportFormat::JsonLines, "JSON lines")] {
            if choice(ui, form.format == format, text, &format!("Export as {text}")) {
                form.format = format;
            }
        }
        let is_ready = !form.path.trim().is_empty() && !form.is_running();
        let export = Button::new("Export").icon(icon::EXPORT).named("Export the records");
        if export.enabled_if(is_ready, "Type a path first").pressed(ui) || (is_entered && is_ready) {
            pass.did(RecordsAction::Exported);
        }
    });
    match &form.result {
        Some(Ok(note)) => notice(ui, palette(ui).ok, icon::JOINED, note),
        Some(Err(problem)) => problem_card(ui, problem),
        None => {}
    }
}
