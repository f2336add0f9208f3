//! Records: the jobs in columns, the one selected beside them, and at the foot whether they can be trusted.

use egui::{Align2, Color32, Rect, RichText, Role, Sense, Stroke, Ui, UiBuilder, WidgetInfo, pos2, vec2};

use self::integrity::{found, found_height, integrity, verify, verify_words};
use self::report::report;
use super::frame::scrolled;
use super::icon;
use super::pass::{Pass, PathField};
use super::sync;
use super::theme::{
    GRID, HEAD_HEIGHT, Palette, ROW_HEIGHT, TWO_PANES_FROM, icon_font, medium, palette, small_mono, small_text,
};
use super::widgets::rows::{Asked, Place, Rows, cell, choosable, name_cell};
use super::widgets::{
    Button, bare_field, check, copyable, empty_state, facts, group, muted, notice, pill, problem_card, split, strong,
    truncated, unbroken,
};
use crate::app::records::filter::{FilterAction, Period, Shown};
use crate::app::records::{Ends, Kind, Records, RecordsAction, act_label, entry_words, is_cut_off, outcome_label};
use crate::app::syncing::SyncState;
use crate::app::{Action, App};
use crate::model::gateway::Protection;
use crate::model::record::{EntryRecord, JobHistory, JobRecord};
use crate::model::word::Word as _;
use crate::papers::commissioning::About;
use crate::profile::site::Site;

mod integrity;
mod report;

/// The share of the room that what stands below the jobs takes at most.
const MOST_FOOT: f32 = 0.5;
/// Below this height of the window the jobs get the room of the buttons below them.
const LOW_WINDOW: f32 = 420.0;

/// The field that searches.
pub(super) const SEARCH: &str = "records-search";

/// Draws Records: the jobs, and beside them the one selected.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let is_open = app.records.selected().is_some();
    if is_open && ui.ctx().content_rect().width() >= TWO_PANES_FROM {
        return split(
            ui,
            "records",
            0.6,
            |ui, is_side| {
                if is_side { side(ui, &mut app.records, pass) } else { main(ui, app, pass) }
            },
        );
    }
    if is_open { side(ui, &mut app.records, pass) } else { main(ui, app, pass) }
}

fn main(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    tool_row(ui, &mut app.records, app.check.site(), pass);
    if let Some(problem) = app.records.list.problem() {
        egui::Frame::new().inner_margin(12).show(ui, |ui| problem_card(ui, problem));
    }
    let room = ui.available_rect_before_wrap();
    let foot = foot_height(app, is_low(ui)).min(room.height() * MOST_FOOT);
    let (rows, foot) = room.split_top_bottom_at_y(room.bottom() - foot);
    ui.scope_builder(UiBuilder::new().max_rect(rows).id_salt("jobs"), |ui| {
        ui.set_clip_rect(ui.clip_rect().intersect(rows));
        list(ui, &app.records, app.check.site(), pass);
    });
    if foot.height() < 1.0 {
        ui.advance_cursor_after_rect(room);
        return;
    }
    ui.painter().hline(foot.x_range(), foot.top(), Stroke::new(1.0, palette(ui).line));
    ui.scope_builder(UiBuilder::new().max_rect(foot.shrink2(vec2(12.0, 8.0))).id_salt("export"), |ui| {
        // On a small window it scrolls: the jobs keep half of the room.
        egui::ScrollArea::vertical().id_salt("records-foot").auto_shrink(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 6.0;
            witness(ui, &app.records, pass);
            if is_synced(app) {
                sync::line(ui, app, pass);
            }
        });
    });
    ui.advance_cursor_after_rect(room);
}

/// Whether a server is set, so that there is something to say of it.
fn is_synced(app: &App) -> bool {
    app.syncing.state(&app.settings.values.records) != SyncState::Off
}

/// Whether the window is so low that what stands below the jobs goes into the row of tools.
fn is_low(ui: &Ui) -> bool {
    ui.ctx().content_rect().height() < LOW_WINDOW
}

fn foot_height(app: &App, is_low: bool) -> f32 {
    let buttons = if is_low { 0.0 } else { 34.0 };
    let content = buttons + found_height(&app.records) + if is_synced(app) { 52.0 } else { 0.0 };
    if content > 0.0 { 16.0 + content } else { 0.0 }
}

fn tool_row(ui: &mut Ui, records: &mut Records, site: Option<&Site>, pass: &mut Pass<'_>) {
    egui::Frame::new().inner_margin(egui::Margin::symmetric(12, 6)).show(ui, |ui| {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            ui.label(RichText::new("Records").font(crate::ui::theme::place()).color(palette(ui).strong));
            search(ui, records);
            pick_shown(ui, records.shown(), pass, |action| RecordsAction::Filtered(action).into());
            if let Some(site) = site {
                let mut is_held = records.is_held_to_site();
                if check(ui, &mut is_held, &format!("Only {}", site.name), "") {
                    pass.did(RecordsAction::HeldToSite(is_held));
                }
            }
            if Button::icon_only(icon::REFRESH, "Refresh the records").pressed(ui) {
                pass.did(RecordsAction::Refreshed);
            }
            let count = records.jobs(site).len();
            let all = records.list.value().map_or(0, Vec::len);
            let text = match (records.list.is_pending(), count == all) {
                (true, _) => "Loading…".to_owned(),
                (_, true) => format!("{count} {}", if count == 1 { "job" } else { "jobs" }),
                _ => format!("{count} of {all} jobs"),
            };
            unbroken(ui, &text);
            if is_low(ui) {
                verify(ui, records, pass);
                export(ui, records, pass);
            }
        });
    });
    ui.painter().hline(ui.max_rect().x_range(), ui.cursor().top() - 0.5, Stroke::new(1.0, palette(ui).line));
}

/// What was done, how it ended, and when: three lists to choose from, on Records and on the tab History.
pub(super) fn pick_shown(ui: &mut Ui, shown: &Shown, pass: &mut Pass<'_>, action: impl Fn(FilterAction) -> Action) {
    let kinds = std::iter::once(None).chain(Kind::ALL.iter().copied().map(Some));
    let title = |kind: Option<Kind>| kind.map_or("All kinds", Kind::title);
    pick(ui, "Kinds", kinds, shown.kind(), title, |kind| pass.did(action(FilterAction::OfKind(kind))));
    let ends = Ends::ALL.iter().copied();
    pick(ui, "Outcomes", ends, shown.ends(), Ends::title, |ends| pass.did(action(FilterAction::Ended(ends))));
    let now = pass.unix_secs;
    let chose = |period| pass.did(action(FilterAction::Within(period, now)));
    pick(ui, "Periods", Period::ALL.into_iter(), shown.period(), Period::title, chose);
}

/// One choice of several, in a list that opens.
fn pick<T: Copy + PartialEq>(
    ui: &mut Ui,
    name: &str,
    all: impl Iterator<Item = T>,
    chosen: T,
    title: impl Fn(T) -> &'static str,
    mut chose: impl FnMut(T),
) {
    let list = egui::ComboBox::from_id_salt(name).width(96.0).selected_text(title(chosen));
    let shown = list.show_ui(ui, |ui| {
        for one in all {
            if ui.selectable_label(one == chosen, title(one)).clicked() {
                chose(one);
            }
        }
    });
    let (is_enabled, title) = (ui.is_enabled(), title(chosen));
    shown.response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, is_enabled, format!("{name}: {title}")));
}

fn search(ui: &mut Ui, records: &mut Records) {
    let width = (ui.available_width() - 620.0).clamp(120.0, 320.0);
    bare_field(ui, SEARCH, "Search the records", &mut records.search, "Search gateway, link, text, number", width);
}

/// The columns: what they show, and how wide they are; the summary takes what is left.
const COLUMNS: [(&str, f32); 5] =
    [("Time", 132.0), ("Act", 92.0), ("Gateway", 130.0), ("Outcome", 118.0), ("Summary", 0.0)];

/// How wide they are where a record is open beside them, or the window is small.
const NARROW: [f32; 5] = [130.0, 84.0, 104.0, 94.0, 0.0];
/// From which width on there is room for the act beside a summary that says something.
const LEAST_FOR_ACT: f32 = 560.0;

fn list(ui: &mut Ui, records: &Records, site: Option<&Site>, pass: &mut Pass<'_>) {
    let jobs = records.jobs(site);
    if jobs.is_empty() {
        return nothing(ui, records);
    }
    let places = places(ui.available_width() - 12.0);
    let (head, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEAD_HEIGHT), Sense::hover());
    for ((title, _), (from, to)) in COLUMNS.iter().zip(&places) {
        cell(ui, part(head, *from, *to), title, small_text(), palette(ui).muted, Align2::LEFT_CENTER);
    }
    ui.painter().hline(head.x_range(), head.bottom() - 0.5, Stroke::new(1.0, palette(ui).line));
    let total = jobs.len() + usize::from(records.may_have_more());
    let chosen = jobs.iter().position(|job| Some(job.key()) == records.selected());
    let rows = Rows { name: "Jobs", role: Role::ListBox, total, height: ROW_HEIGHT, place: chosen.map(Place::Showing) };
    let shown = rows.show(ui, |ui, at, rect| {
        let Some(job) = jobs.get(at) else { return older(ui, rect, pass) };
        line(ui, records, job, rect, &places, pass);
    });
    let next = match shown.asked(ui) {
        Some(Asked::First) => Some(0),
        Some(Asked::Last) => Some(jobs.len() - 1),
        Some(Asked::Begins(_)) | None => shown.step(ui, chosen, jobs.len()),
    };
    if let Some(next) = next
        && let Some(job) = jobs.get(next)
    {
        pass.did(RecordsAction::Selected(job.key()));
    }
    if shown.response.has_focus() && ui.input(|input| input.key_pressed(egui::Key::Escape)) {
        pass.did(RecordsAction::Deselected);
    }
}

fn older(ui: &mut Ui, rect: Rect, pass: &mut Pass<'_>) {
    let inside = UiBuilder::new().max_rect(rect.shrink2(vec2(12.0, 0.0)));
    if ui.scope_builder(inside, |ui| Button::new("Show older jobs").quiet().pressed(ui)).inner {
        pass.did(RecordsAction::AskedForMore);
    }
}

/// Where the columns stand in a row of that width. In a narrow one they are narrower, and in the
/// narrowest the act is left out.
fn places(width: f32) -> Vec<(f32, f32)> {
    let is_narrow = width < 600.0;
    let mut left = 12.0;
    let wide = |at: usize| match at {
        1 if width < LEAST_FOR_ACT => 0.0,
        _ if is_narrow => NARROW[at],
        _ => COLUMNS[at].1,
    };
    (0..COLUMNS.len())
        .map(|at| {
            let wide = if at + 1 == COLUMNS.len() { (width - left - 12.0).max(0.0) } else { wide(at) };
            let place = (left, left + wide);
            left += if wide > 0.0 { wide + 8.0 } else { 0.0 };
            place
        })
        .collect()
}

fn part(row: Rect, from: f32, to: f32) -> Rect {
    Rect::from_min_max(pos2(row.left() + from, row.top()), pos2(row.left() + to, row.bottom()))
}

fn nothing(ui: &mut Ui, records: &Records) {
    if records.list.is_pending() || records.list.problem().is_some() {
        let text = if records.list.is_pending() { "Loading…" } else { "The records could not be read" };
        egui::Frame::new().inner_margin(12).show(ui, |ui| muted(ui, text));
        return;
    }
    if records.list.value().is_some_and(|all| !all.is_empty()) {
        return empty_state(ui, icon::DISCOVER, "No job fits", |ui| {
            muted(
                ui,
                "Change the search, kind, outcome or period. Jobs of a site are found by the names and links in its file",
            );
        });
    }
    empty_state(ui, icon::RECORDS, "Nothing was done yet", |ui| {
        muted(ui, "Every session and export is written here: before it begins, and again with its outcome");
    });
}

fn line(ui: &Ui, records: &Records, job: &JobRecord, rect: Rect, places: &[(f32, f32)], pass: &mut Pass<'_>) {
    let (local, utc) = pass.local_time(&job.started_at);
    let what = (act_label(job), job.called(), outcome_label(job));
    let name = || format!("{local}, {}, {}, {}: {}", what.0, what.1, what.2, job.summary);
    let is_chosen = records.selected() == Some(job.key());
    let response = choosable(ui, rect, job.key(), Role::ListBoxOption, is_chosen, name);
    if response.clicked() {
        pass.did(RecordsAction::Selected(job.key()));
    }
    response.context_menu(|ui| menu(ui, job, pass));
    let palette = palette(ui);
    let simulated = if job.intent.is_simulated { " \u{b7} simulated" } else { "" };
    let imported = imported_words(job).map_or_else(String::new, |words| format!(" \u{b7} {words}"));
    let texts = [
        (local.clone(), small_mono(), palette.muted),
        (act_label(job).to_owned(), egui::FontId::proportional(12.5), palette.text),
        (job.called().to_owned(), medium(), palette.strong),
        (outcome_label(job).to_owned(), egui::FontId::proportional(12.5), word_colour(palette, job)),
        (format!("{}{simulated}{imported}", job.summary), egui::FontId::proportional(12.5), palette.text),
    ];
    for (at, ((text, font, colour), (from, to))) in texts.into_iter().zip(places).enumerate() {
        let mut cell_rect = part(rect, *from, *to);
        if at == 3 && cell_rect.width() > 20.0 {
            let sign = pos2(cell_rect.left() + 7.0, cell_rect.center().y);
            ui.painter().text(sign, Align2::CENTER_CENTER, outcome_sign(job), icon_font(14.0), outcome_colour(ui, job));
            cell_rect = cell_rect.with_min_x(cell_rect.left() + 20.0);
        }
        if at == 2 {
            name_cell(ui, cell_rect, &text, font, colour);
        } else {
            cell(ui, cell_rect, &text, font, colour, Align2::LEFT_CENTER);
        }
    }
    response.on_hover_text(format!("{}\n{utc}", job.called()));
}

/// Where a record was imported from, if it was.
fn imported_words(job: &JobRecord) -> Option<String> {
    Some(format!("from {}", crate::model::text::visible(&job.origin.as_ref()?.computer, 60)))
}

/// What can be done with a row.
fn menu(ui: &mut Ui, job: &JobRecord, pass: &mut Pass<'_>) {
    ui.set_min_width(180.0);
    if ui.button("Show").clicked() {
        pass.did(RecordsAction::Selected(job.key()));
    }
    if ui.button("Only this gateway").clicked() {
        pass.did(RecordsAction::SoughtGatewayOf(job.key()));
    }
    if ui.button("Save report…").clicked() {
        pass.did(RecordsAction::Selected(job.key()));
        let name = crate::app::report::file_name(job);
        pass.browse = Some(PathField::Report(About::Record(job.key()), name));
    }
}

fn outcome_sign(job: &JobRecord) -> &'static str {
    match Ends::of(job) {
        Ends::Good => icon::JOINED,
        Ends::Bad => icon::REFUSED,
        Ends::Unknown => icon::UNKNOWN,
        Ends::All if job.outcome == "running" => icon::NOTCH,
        Ends::All => icon::STOPPED,
    }
}

/// The word has the colour only where a person is needed.
fn word_colour(palette: &Palette, job: &JobRecord) -> Color32 {
    match Ends::of(job) {
        Ends::Bad => palette.danger,
        Ends::Unknown => palette.warn,
        Ends::Good | Ends::All => palette.text,
    }
}

pub(super) fn outcome_colour(ui: &Ui, job: &JobRecord) -> Color32 {
    let palette = palette(ui);
    match Ends::of(job) {
        Ends::Good => palette.ok,
        Ends::Bad => palette.danger,
        Ends::Unknown => palette.warn,
        Ends::All => palette.muted,
    }
}

fn side(ui: &mut Ui, records: &mut Records, pass: &mut Pass<'_>) {
    egui::Frame::new().inner_margin(egui::Margin { left: 16, right: 4, top: 8, bottom: 0 }).show(ui, |ui| {
        scrolled(ui, "record", |ui| detail(ui, records, pass));
    });
}

fn detail(ui: &mut Ui, records: &mut Records, pass: &mut Pass<'_>) {
    if Button::new("Close").icon(icon::CLOSE).quiet().named("Back to the list").pressed(ui) {
        pass.did(RecordsAction::Deselected);
    }
    if let Some(problem) = records.detail.problem() {
        problem_card(ui, problem);
    }
    match records.detail.value() {
        Some(history) => {
            history_card(ui, history, pass);
            ui.add_space(GRID);
            group(ui, |ui| report(ui, &records.report, &history.job, pass));
            ui.add_space(GRID);
            group(ui, |ui| what_happened(ui, history, &mut records.shows_evidence, pass));
            ui.add_space(GRID);
            group(ui, |ui| integrity(ui, records, pass));
        }
        None => {
            muted(ui, if records.detail.is_pending() { "Loading…" } else { "No detail" });
        }
    }
}

fn history_card(ui: &mut Ui, history: &JobHistory, pass: &Pass<'_>) {
    let job = &history.job;
    group(ui, |ui| {
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(job.called()).font(crate::ui::theme::title()).color(palette(ui).strong));
            pill(ui, outcome_colour(ui, job), outcome_label(job));
            if job.intent.is_simulated {
                pill(ui, palette(ui).muted, "simulated");
            }
        });
        ui.label(&job.summary);
        if let Some(words) = imported_words(job) {
            muted(ui, &format!("Imported {words}: done from that computer, and as its records say"));
        }
        if let Some(returned) = &history.returned {
            let (local, _) = pass.local_time(&returned.at);
            let text = format!(
                "This gateway came back after a removal: record {}, {local}, {}. The {} is the same",
                returned.record.0,
                returned.outcome,
                returned.by.label()
            );
            notice(ui, palette(ui).warn, icon::WARNING, &text);
        }
        if is_cut_off(job) {
            let text = "Linesman ended during this job. Verify the outcome on the device";
            notice(ui, palette(ui).warn, icon::WARNING, text);
        }
        job_facts(ui, history, pass);
    });
}

fn what_happened(ui: &mut Ui, history: &JobHistory, shows_evidence: &mut bool, pass: &Pass<'_>) {
    ui.horizontal(|ui| {
        strong(ui, "What happened");
        ui.checkbox(shows_evidence, "Raw evidence").on_hover_text("Shows each entry as it stands in the records");
    });
    for entry in &history.entries {
        entry_line(ui, entry, *shows_evidence, pass);
    }
}

/// When a job ended, as far as that is known.
fn ended(job: &JobRecord, time: impl Fn(&str) -> String) -> String {
    match (&job.ended_at, &job.last_entry_at) {
        (Some(at), _) => time(at),
        (None, Some(at)) => format!("not known; the last entry is of {}", time(at)),
        (None, None) => "no outcome on record".to_owned(),
    }
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
            ("Ended", ended(job, time)),
            ("Act", act_label(job).to_owned()),
            ("Reports as", own_name(job).to_owned()),
            ("Link", job.intent.link.clone()),
            ("Profile", job.intent.profile.clone().unwrap_or_default()),
            ("Driver", job.intent.driver.clone().unwrap_or_default()),
            ("Protection", history.protection().map_or("", Protection::label).to_owned()),
            ("Operator", job.intent.operator.clone()),
            ("Reason", job.reason.clone()),
        ],
    );
}

/// What the gateway of a row calls itself, where that differs from the name of the row.
fn own_name(job: &JobRecord) -> &str {
    let told = job.intent.gateway.as_str();
    if told == job.called() { "" } else { told }
}

fn entry_line(ui: &mut Ui, entry: &EntryRecord, shows_evidence: bool, pass: &Pass<'_>) {
    let (local, utc) = pass.local_time(&entry.at);
    ui.horizontal_wrapped(|ui| {
        muted(ui, &local).on_hover_text(utc);
        ui.label(entry_words(entry));
    });
    if shows_evidence && !entry.detail.is_null() {
        copyable(ui, &serde_json::to_string_pretty(&entry.detail).unwrap_or_default());
    }
}

/// Whether the records are what was written, and taking them elsewhere.
fn witness(ui: &mut Ui, records: &Records, pass: &mut Pass<'_>) {
    if !is_low(ui) {
        ui.horizontal(|ui| {
            verify(ui, records, pass);
            export(ui, records, pass);
            let words = RichText::new(verify_words(records)).small().color(palette(ui).muted);
            truncated(ui, words);
        });
    }
    found(ui, records);
}

fn export(ui: &mut Ui, records: &Records, pass: &mut Pass<'_>) {
    let export = Button::new("Export…").icon(icon::EXPORT).named("Export the records");
    let export = export.enabled_if(!records.is_exporting(), "They are being written").show(ui);
    if export.on_hover_text("As .csv for a spreadsheet, or .jsonl for programs").clicked() {
        pass.browse = Some(PathField::RecordsExport);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_stays_beside_an_open_record() {
        for width in [LEAST_FOR_ACT, 640.0, 1400.0] {
            let places = places(width);
            assert!(places.iter().all(|(from, to)| to - from > 20.0 && *to <= width), "{width}: {places:?}");
            assert!(places.windows(2).all(|pair| pair[0].1 < pair[1].0), "{width}: {places:?}");
        }
        // Where there is less room the act goes, which the open record says: a few words of the summary are worth more.
        let narrow = places(508.0);
        assert!(narrow[4].1 - narrow[4].0 > 120.0 && narrow[1].0 >= narrow[1].1, "{narrow:?}");
    }
}
