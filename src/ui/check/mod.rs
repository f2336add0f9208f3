//! Network check: what is set up, the rows as they fill in, the opened row, the report and the comparison.

mod compare;
mod detail;
mod report;
pub(super) mod rows;
mod setup;

use egui::{Align, Color32, Layout, RichText, TextEdit, Ui};

use super::frame::scrolled;
use super::icon;
use super::pass::Pass;
use super::theme::{FIELD_MARGIN, GRID, TOOL_ROW_HEIGHT, palette, place};
use super::widgets::{
    Button, RowEnd, beside, choice, empty_state, finding, muted, notice, problem_card, surface, truncated,
};
use crate::app::App;
use crate::app::check::lines::Counts;
use crate::app::check::run::{Phase, Run};
use crate::app::check::words::{self, ui as w};
use crate::app::check::{Again, CheckAction, NetworkCheck, View};
use crate::check::explain::Text;

/// Findings that stand above the rows; the rest follow in the report.
const MOST_FINDINGS: usize = 3;
/// The least height of the rows.
const LIST_LEAST: f32 = 260.0;
/// What a finding takes above them, of about three lines.
const NOTICE: f32 = 60.0;
/// From that width on what is counted stands beside the tabs.
const BESIDE_TABS: f32 = 80.0;

/// Draws Network check.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let check = &mut app.check;
    tool_row(ui, check, pass);
    tabs(ui, check, pass);
    overrides(ui, check);
    match check.view() {
        View::SetUp => setup::show(ui, app, pass),
        View::Rows => listed(ui, check, pass),
        View::Report => report::show(ui, check, pass),
        View::Compare => compare::show(ui, check, pass),
    }
}

/// Below this width the acts have a row of their own.
const TWO_ROWS: f32 = 560.0;

/// The place, how the check stands, and what can be done now; the act that goes on is at the edge.
fn tool_row(ui: &mut Ui, check: &mut NetworkCheck, pass: &mut Pass<'_>) {
    let is_narrow = ui.available_width() < TWO_ROWS;
    let row = |ui: &mut Ui, add: &mut dyn FnMut(&mut Ui)| {
        let size = egui::vec2(ui.available_width(), TOOL_ROW_HEIGHT);
        ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_height(TOOL_ROW_HEIGHT);
            add(ui);
        });
    };
    if is_narrow {
        row(ui, &mut |ui| title(ui, check, pass));
    }
    row(ui, &mut |ui| {
        let end = RowEnd::new(ui, "acts");
        if !is_narrow {
            end.before(ui, |ui| title(ui, check, pass));
        }
        end.show(ui, |ui| acts(ui, check, pass));
    });
}

fn title(ui: &mut Ui, check: &NetworkCheck, pass: &Pass<'_>) {
    ui.label(RichText::new(words::PLACE).font(place()).color(palette(ui).strong));
    let (colour, word) = state(ui, check, pass);
    // The form may name another profile by now.
    let of = check.run().and_then(Run::plan).map_or_else(String::new, |plan| format!("{} \u{b7} ", plan.name));
    if !word.is_empty() {
        truncated(ui, RichText::new(format!("{of}{word}")).color(colour));
    }
}

/// How the check stands, in words.
fn state(ui: &Ui, check: &NetworkCheck, pass: &Pass<'_>) -> (Color32, String) {
    let palette = palette(ui);
    let Some(run) = check.run() else { return (palette.muted, String::new()) };
    let failed = run.required_failed;
    match &run.phase {
        Phase::Starting => (palette.link, w::STARTING.to_owned()),
        Phase::Looking => {
            let round = words::round(run.round, run.counts.open);
            let waits = run.waits_for().map(|(row, since)| words::waits_for(row, &pass.clock_since(since)));
            (palette.link, waits.map_or_else(|| round.clone(), |waits| format!("{round}, {waits}")))
        }
        Phase::Waiting | Phase::Ended(_) if !run.has_round() => (palette.muted, words::PLANNED.to_owned()),
        Phase::Waiting | Phase::Ended(_) if failed > 0 => (palette.danger, words::required_failed(failed)),
        Phase::Waiting | Phase::Ended(_) => (palette.muted, words::counts(&run.counts)),
    }
}

/// What can be done now; the act that goes on is at the edge.
fn acts(ui: &mut Ui, check: &mut NetworkCheck, pass: &mut Pass<'_>) {
    if let Some(next) = check.run().and_then(Run::next_at) {
        let seconds = next.saturating_duration_since(pass.now).as_secs();
        muted(ui, &words::next_round(seconds));
    }
    watch(ui, check, pass);
    if check.run().is_some_and(|run| run.is_watching() && !run.is_busy()) {
        stop(ui, pass);
    }
    let is_set_up = check.view() == View::SetUp || check.run().is_none();
    ui.push_id("primary", |ui| match check.run() {
        Some(run) if run.is_busy() => stop(ui, pass),
        Some(run) if !is_set_up => again(ui, run, pass),
        _ => start(ui, check, pass),
    });
}

fn start(ui: &mut Ui, check: &NetworkCheck, pass: &mut Pass<'_>) {
    let why = if check.form.watch().is_err() { words::BAD_INTERVAL } else { w::WHY_NOT_START };
    let start = Button::new(w::START).icon(icon::PLAY).primary().enabled_if(check.is_ready(), why);
    if start.pressed(ui) {
        pass.did(CheckAction::Started);
    }
}

fn stop(ui: &mut Ui, pass: &mut Pass<'_>) {
    if Button::new(w::STOP).icon(icon::STOP).named("Stop the network check").pressed(ui) {
        pass.did(CheckAction::Stopped);
    }
}

fn again(ui: &mut Ui, run: &Run, pass: &mut Pass<'_>) {
    let why = run.why_not_again();
    let (failed, skipped) = (run.counts.failed, run.counts.skipped);
    if failed + skipped > 0 {
        let text = words::again_failed(failed, skipped);
        let button = Button::new(&text).icon(icon::REFRESH).enabled_if(why.is_none(), why.unwrap_or_default());
        if button.pressed(ui) {
            pass.did(CheckAction::Again(Again::Failed));
        }
    }
    let all = Button::new(w::AGAIN).icon(icon::REFRESH).named("Check all rows again").primary();
    if all.enabled_if(why.is_none(), why.unwrap_or_default()).pressed(ui) {
        pass.did(CheckAction::Again(Again::All));
    }
}

fn watch(ui: &mut Ui, check: &mut NetworkCheck, pass: &mut Pass<'_>) {
    let mut is_watching = check.form.is_watching;
    if super::widgets::check(ui, &mut is_watching, w::WATCH, "") {
        pass.did(CheckAction::Watched(is_watching));
    }
    if check.form.is_watching {
        let edit = TextEdit::singleline(&mut check.form.interval).desired_width(40.0);
        let response = ui.add(edit.margin(FIELD_MARGIN));
        let (is_enabled, shown) = (ui.is_enabled(), check.form.interval.clone());
        response.widget_info(|| {
            let mut info = egui::WidgetInfo::text_edit(is_enabled, "", shown.as_str(), "");
            info.label = Some(w::EVERY.to_owned());
            info
        });
        if response.lost_focus() {
            pass.did(CheckAction::Watched(true));
        }
        response.on_hover_text(w::EVERY);
        if let Err(why) = check.form.watch() {
            ui.label(RichText::new(why).small().color(palette(ui).warn));
        }
    }
}

/// From where it looks, and when.
fn vantage(check: &NetworkCheck, pass: &Pass<'_>) -> String {
    let Some(run) = check.run() else { return words::vantage(false, "", check.form.from.trim()) };
    let text = run.vantage();
    if run.round_at_unix_micros() == 0 {
        return text;
    }
    words::vantage_at(&text, run.round, &pass.short_time(run.round_at_unix_micros()))
}

/// Whether an override file is in force: always in sight.
fn overrides(ui: &mut Ui, check: &NetworkCheck) {
    let own = check.run().and_then(Run::plan).map_or(&[][..], |plan| plan.about.overrides.as_slice());
    // What is told of the laptop beside the gateway rests on the laptop's.
    let beside = || check.run().and_then(|run| run.beside.as_ref());
    let overrides =
        if own.is_empty() { beside().map_or(own, |beside| beside.evidence.about.overrides.as_slice()) } else { own };
    overridden(ui, overrides);
}

/// Says that results rest on overrides, where they do.
pub(super) fn overridden(ui: &mut Ui, overrides: &[String]) {
    if !overrides.is_empty() {
        let colour = palette(ui).warn;
        let shown = ui.scope(|ui| notice(ui, colour, icon::WARNING, &words::overrides(overrides.len())));
        shown.response.on_hover_text(overrides.join("\n"));
    }
}

/// The parts of the place; beside them from where it looks.
fn tabs(ui: &mut Ui, check: &NetworkCheck, pass: &mut Pass<'_>) {
    ui.horizontal(|ui| {
        let views = [View::SetUp, View::Rows, View::Report, View::Compare];
        for (view, name) in views.into_iter().zip(w::VIEWS) {
            if choice(ui, check.view() == view, name, name) {
                pass.did(CheckAction::WentTo(view));
            }
        }
        ui.add_space(GRID / 2.0);
        let counted = check.run().filter(|run| run.has_round() && check.view() == View::Rows);
        if let Some(run) = counted.filter(|_| ui.available_width() > BESIDE_TABS) {
            truncated(ui, RichText::new(words::counts(&run.counts)).small().color(palette(ui).text));
        }
        if ui.available_width() > BESIDE_TABS {
            truncated(ui, RichText::new(vantage(check, pass)).small().color(palette(ui).muted));
        }
    });
    ui.add_space(GRID / 2.0);
}

/// The rows, and the opened one beside them.
fn listed(ui: &mut Ui, check: &NetworkCheck, pass: &mut Pass<'_>) {
    if let Some(problem) = check.problem() {
        problem_card(ui, problem);
    }
    let Some(run) = check.run() else { return nothing(ui) };
    let bottom = ui.max_rect().bottom();
    let around = |ui: &mut Ui| {
        for problem in &run.troubles {
            finding(ui, problem, false);
        }
        findings(ui, &run.findings);
    };
    let detail = check.detail();
    let mut list = |ui: &mut Ui| {
        beside(ui, "check", detail.is_some(), |ui, is_side| {
            surface(ui, |ui| match detail {
                Some(detail) if is_side => detail::show(ui, run, detail, pass),
                _ => rows::live(ui, run, check.selected(), pass),
            });
        });
    };
    // In a low window, or a large scale, what stands above would leave no room for the rows: then all of it scrolls.
    let above: f32 = run.findings.iter().take(MOST_FINDINGS).map(|_| NOTICE).sum();
    let has_room = ui.available_height() >= LIST_LEAST + above;
    if has_room {
        around(ui);
        return list(ui);
    }
    scrolled(ui, "check-rows", |ui| {
        around(ui);
        let height = (bottom - ui.cursor().top()).max(LIST_LEAST);
        let size = egui::vec2(ui.available_width(), height);
        ui.allocate_ui(size, |ui| {
            ui.set_max_height(height);
            list(ui);
        });
    });
}

fn findings(ui: &mut Ui, findings: &[Text]) {
    for text in findings.iter().take(MOST_FINDINGS) {
        notice(ui, palette(ui).warn, icon::WARNING, &words::finding(text));
        ui.add_space(GRID / 2.0);
    }
    if findings.len() > MOST_FINDINGS {
        muted(ui, &words::more_findings(findings.len() - MOST_FINDINGS));
    }
}

fn nothing(ui: &mut Ui) {
    empty_state(ui, icon::CHECK, words::NOTHING_TITLE, |ui| {
        for line in words::NOTHING {
            muted(ui, line);
        }
    });
}

/// The count of rows under way, for the head of a group.
fn group_words(counts: &Counts) -> String {
    words::counts(counts)
}
