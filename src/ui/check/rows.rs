//! The rows of a check as a list: only those in sight are drawn, and the list as a whole takes the keyboard.

use egui::{Align2, Color32, Key, Rect, Role, Sense, Ui, WidgetInfo, pos2, vec2};

use crate::app::check::figures::StepFigure;
use crate::app::check::lines::{Line, Sheet};
use crate::app::check::run::{Mark, REMEMBERED, Run, Standing};
use crate::app::check::words;
use crate::app::check::{CheckAction, state_word};
use crate::check::Plan;
use crate::check::plan::{Outlook, PlannedRow};
use crate::check::verdict::RowState;
use crate::model::endpoint::RowId;
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{icon_font, medium, mono, palette, small_mono, small_text};
use crate::ui::widgets::rows::{Place, Rows, Shown, cell, choosable};

/// Height of a line.
pub(super) const LINE: f32 = 28.0;
/// Width of one round in the strip.
const ROUND: f32 = 3.0;

/// The columns, as distances from the left edge. Those that do not fit are left out.
struct Columns {
    state: (f32, f32),
    row: (f32, f32),
    name: (f32, f32),
    steps: Option<[(f32, f32); 3]>,
    answer: Option<(f32, f32)>,
    history: Option<(f32, f32)>,
    changed: Option<(f32, f32)>,
    laptop: Option<(f32, f32)>,
}

impl Columns {
    #[expect(clippy::cast_precision_loss, reason = "thirty rounds")]
    fn of(width: f32, is_live: bool, has_laptop: bool) -> Self {
        let mut right = width - 16.0;
        let mut take = |wanted: f32, is_wanted: bool| {
            (is_wanted && is_live).then(|| {
                let column = (right - wanted, right);
                right -= wanted + 8.0;
                column
            })
        };
        let laptop = take(100.0, has_laptop && width > 420.0);
        let width = if laptop.is_some() { width - 108.0 } else { width };
        let changed = take(60.0, width > 940.0);
        let history = take(ROUND * REMEMBERED as f32, width > 860.0);
        let answer = take(116.0, width > 700.0);
        let tls = take(56.0, width > 560.0);
        let tcp = take(56.0, width > 560.0);
        let dns = take(56.0, width > 560.0);
        let steps = dns.zip(tcp).zip(tls).map(|((dns, tcp), tls)| [dns, tcp, tls]);
        Self { state: (8.0, 138.0), row: (142.0, 200.0), name: (204.0, right), steps, answer, history, changed, laptop }
    }

    fn part(rect: Rect, (from, to): (f32, f32)) -> Rect {
        Rect::from_min_max(pos2(rect.left() + from, rect.top()), pos2(rect.left() + to.max(from), rect.bottom()))
    }
}

/// The rows of a run.
pub(super) fn live(ui: &mut Ui, run: &Run, selected: Option<&RowId>, pass: &mut Pass<'_>) {
    let Some(plan) = run.plan() else {
        crate::ui::widgets::muted(ui, words::ui::STARTING);
        return;
    };
    ui.spacing_mut().item_spacing.y = 0.0;
    let columns = Columns::of(ui.available_width(), true, run.beside.is_some());
    heads(ui, &columns);
    let step_id = ui.scope_id().with("step");
    let place = ui.data_mut(|data| data.remove_temp::<usize>(step_id)).map(Place::Showing);
    let list = Rows { name: "Rows of the check", role: Role::ListBox, total: run.lines().len(), height: LINE, place };
    let mut clicked = None;
    let shown = list.show(ui, |ui, place, rect| match run.lines().get(place) {
        Some(Line::Group(group)) => group_head(ui, rect, run, *group),
        Some(Line::Row(row)) => {
            let Some(planned) = plan.rows.get(*row) else { return };
            if live_row(ui, rect, run, *row, planned, selected, &columns, pass) {
                clicked = Some(planned.id.clone());
            }
        }
        None => {}
    });
    if let Some(id) = clicked {
        shown.response.request_focus();
        pass.did(CheckAction::Selected(id));
    }
    keys(ui, run, plan, selected, &shown, step_id, pass);
}

/// Arrows, pages, Home and End choose a row; Escape closes the opened one.
fn keys(
    ui: &Ui,
    run: &Run,
    plan: &Plan,
    selected: Option<&RowId>,
    shown: &Shown,
    step_id: egui::Id,
    pass: &mut Pass<'_>,
) {
    // A list that has the keyboard gives it up at Escape before it can be asked.
    if selected.is_some() && ui.is_enabled() && ui.input(|input| input.key_pressed(Key::Escape)) {
        pass.did(CheckAction::Deselected);
        return;
    }
    if !shown.response.has_focus() {
        return;
    }
    let sheet = run.sheet();
    let chosen = selected.and_then(|id| run.place(id)).and_then(|row| sheet.place_of(row));
    let total = sheet.lines.len();
    let (home, end) = ui.input(|input| (input.key_pressed(Key::Home), input.key_pressed(Key::End)));
    let next = match (home, end) {
        (true, _) => Some(0),
        (_, true) => total.checked_sub(1),
        _ => shown.step(ui, chosen, total),
    };
    let Some(next) = next else { return };
    let is_down = chosen.is_none_or(|chosen| next >= chosen) || next == 0;
    let Some(row) = sheet.row_near(next, is_down) else { return };
    if let (Some(planned), Some(place)) = (plan.rows.get(row), sheet.place_of(row)) {
        pass.did(CheckAction::Selected(planned.id.clone()));
        ui.data_mut(|data| data.insert_temp(step_id, place));
        ui.request_repaint();
    }
}

/// The rows that will be checked.
pub(super) fn planned(ui: &mut Ui, plan: &Plan, sheet: &Sheet) {
    ui.spacing_mut().item_spacing.y = 0.0;
    let columns = Columns::of(ui.available_width(), false, false);
    let list = Rows { name: "Rows to check", role: Role::ListBox, total: sheet.lines.len(), height: LINE, place: None };
    let _ = list.show(ui, |ui, place, rect| match sheet.lines.get(place) {
        Some(Line::Group(group)) => {
            if let Some(group) = sheet.groups.get(*group) {
                head(ui, rect, &group.title, group.note, &words::counted(group.rows.len(), "row", "rows"), None);
            }
        }
        Some(Line::Row(row)) => {
            if let Some(planned) = plan.rows.get(*row) {
                planned_row(ui, rect, planned, &sheet.faces[*row].name, &columns);
            }
        }
        None => {}
    });
}

fn heads(ui: &mut Ui, columns: &Columns) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 22.0), Sense::hover());
    let text = |column: (f32, f32), text: &str, align| {
        cell(ui, Columns::part(rect, column), text, small_text(), palette(ui).muted, align);
    };
    let state = if columns.laptop.is_some() { "Gateway" } else { "State" };
    text((columns.state.0, columns.state.1), state, Align2::LEFT_CENTER);
    if let Some(column) = columns.laptop {
        text(column, "Laptop", Align2::LEFT_CENTER);
    }
    text(columns.row, "Row", Align2::LEFT_CENTER);
    text(columns.name, "Name", Align2::LEFT_CENTER);
    for (column, name) in columns.steps.into_iter().flatten().zip(["DNS", "TCP", "TLS"]) {
        text(column, name, Align2::RIGHT_CENTER);
    }
    if let Some(column) = columns.answer {
        text(column, "Answer", Align2::LEFT_CENTER);
    }
    if let Some(column) = columns.history {
        text(column, "Rounds", Align2::LEFT_CENTER);
    }
    if let Some(column) = columns.changed {
        text(column, "Changed", Align2::RIGHT_CENTER);
    }
    ui.painter().hline(rect.x_range(), rect.bottom(), egui::Stroke::new(1.0, palette(ui).line));
}

fn group_head(ui: &Ui, rect: Rect, run: &Run, place: usize) {
    let Some(group) = run.sheet().groups.get(place) else { return };
    let counts = run.group_counts.get(place).copied().unwrap_or_default();
    let colour = (counts.failed > 0).then(|| palette(ui).danger);
    head(ui, rect, &group.title, group.note, &super::group_words(&counts), colour);
}

fn head(ui: &Ui, rect: Rect, title: &str, note: &str, right: &str, colour: Option<Color32>) {
    let palette = palette(ui);
    ui.painter().rect_filled(rect, 0.0, palette.raised);
    let response = ui.interact(rect, ui.scope_id().with(("group", title)), Sense::hover());
    let is_enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Heading, is_enabled, format!("{title}, {right}")));
    let inner = rect.shrink2(vec2(8.0, 0.0));
    let width = cell(ui, inner, title, medium(), palette.strong, Align2::LEFT_CENTER);
    let rest = inner.with_min_x(inner.left() + width + 8.0);
    let width = cell(ui, rest, note, small_text(), palette.muted, Align2::LEFT_CENTER);
    let rest = rest.with_min_x(rest.left() + width + 8.0).with_max_x(rest.right() - 8.0);
    cell(ui, rest, right, small_text(), colour.unwrap_or(palette.muted), Align2::RIGHT_CENTER);
}

fn planned_row(ui: &Ui, rect: Rect, row: &PlannedRow, name: &str, columns: &Columns) {
    let word = words::outlook(row.outlook);
    let targets = words::targets(row);
    let response = ui.interact(rect, ui.scope_id().with(("planned", row.id.as_str())), Sense::hover());
    let is_enabled = ui.is_enabled();
    response
        .widget_info(|| WidgetInfo::labeled(Role::ListBoxOption, is_enabled, format!("{}, {name}, {word}", row.id)));
    let palette = palette(ui);
    let is_run = row.outlook == Outlook::Run;
    sign(ui, rect, columns, look(ui, Standing::Planned(row.outlook)));
    let colour = if is_run { palette.text } else { palette.muted };
    cell(ui, state_part(rect, columns), word, small_text(), colour, Align2::LEFT_CENTER);
    cell(ui, Columns::part(rect, columns.row), row.id.as_str(), small_mono(), palette.muted, Align2::LEFT_CENTER);
    cell(ui, Columns::part(rect, columns.name), name, mono(), colour, Align2::LEFT_CENTER);
    if !targets.is_empty() {
        response.on_hover_text(targets);
    }
}

#[expect(clippy::too_many_arguments, reason = "what one row is drawn from")]
fn live_row(
    ui: &Ui,
    rect: Rect,
    run: &Run,
    place: usize,
    planned: &PlannedRow,
    selected: Option<&RowId>,
    columns: &Columns,
    pass: &Pass<'_>,
) -> bool {
    let palette = palette(ui);
    let (standing, word) = (run.standing(place), run.state_word(place));
    let face = &run.sheet().faces[place];
    let (name, id) = (face.name.as_str(), planned.id.as_str());
    let is_chosen = selected == Some(&planned.id);
    let told = || match run.beside {
        Some(_) => format!("{id}, {name}, gateway: {word}, laptop: {}", state_word(run.laptop_state(&planned.id))),
        None => format!("{id}, {name}, {word}"),
    };
    let response = choosable(ui, rect, ("check", id), Role::ListBoxOption, is_chosen, told);
    let look = look(ui, standing);
    sign(ui, rect, columns, look);
    cell(ui, state_part(rect, columns), &word, small_text(), look.word, Align2::LEFT_CENTER);
    cell(ui, Columns::part(rect, columns.row), id, small_mono(), palette.muted, Align2::LEFT_CENTER);
    let ink = if matches!(standing, Standing::Judged(RowState::Fail)) { palette.strong } else { palette.text };
    cell(ui, Columns::part(rect, columns.name), name, mono(), ink, Align2::LEFT_CENTER);
    if let Some(column) = columns.laptop {
        let state = run.laptop_state(&planned.id);
        let look = state.map_or(look_of_nobody(ui), |state| self::look(ui, Standing::Judged(state)));
        sign_at(ui, Columns::part(rect, column), look);
        let part = Columns::part(rect, (column.0 + 20.0, column.1));
        cell(ui, part, state_word(state), small_text(), look.word, Align2::LEFT_CENTER);
    }
    if let Some(live) = run.row(place) {
        let figures = &live.figures;
        for (column, step) in columns.steps.into_iter().flatten().zip([figures.dns, figures.tcp, figures.tls]) {
            step_cell(ui, Columns::part(rect, column), step);
        }
        if let Some(column) = columns.answer {
            cell(ui, Columns::part(rect, column), &figures.answer, small_mono(), palette.text, Align2::LEFT_CENTER);
        }
        if let Some(column) = columns.history {
            strip(ui, Columns::part(rect, column), live.history.iter());
        }
        if let (Some(column), Some(changed)) = (columns.changed, live.changed_unix_micros) {
            let time = pass.short_time(changed);
            cell(ui, Columns::part(rect, column), &time, small_mono(), palette.muted, Align2::RIGHT_CENTER);
        }
    }
    let is_clicked = response.clicked();
    if !face.purpose.is_empty() {
        response.on_hover_text(&face.purpose);
    }
    is_clicked
}

fn state_part(rect: Rect, columns: &Columns) -> Rect {
    Columns::part(rect, (columns.state.0 + 22.0, columns.state.1))
}

fn step_cell(ui: &Ui, rect: Rect, step: StepFigure) {
    let palette = palette(ui);
    let colour = match step {
        StepFigure::None => palette.muted,
        StepFigure::Took(_) => palette.text,
        StepFigure::Failed(_) => palette.danger,
    };
    cell(ui, rect, &step.text(), small_mono(), colour, Align2::RIGHT_CENTER);
}

/// The sign of a state, its colour and that of its word.
#[derive(Clone, Copy)]
pub(in crate::ui) struct Look {
    pub(in crate::ui) glyph: &'static str,
    pub(in crate::ui) sign: Color32,
    pub(in crate::ui) word: Color32,
}

/// How a state looks. The word has a colour only where a person is needed, and a row that never ran has none at all.
pub(in crate::ui) fn look(ui: &Ui, standing: Standing) -> Look {
    let palette = palette(ui);
    let quiet = |glyph| Look { glyph, sign: palette.muted, word: palette.muted };
    match standing {
        Standing::Planned(Outlook::Run) | Standing::Judged(RowState::Pending) => quiet(icon::PENDING),
        Standing::Looking => Look { glyph: icon::RUNNING, sign: palette.link, word: palette.text },
        Standing::Judged(RowState::Pass | RowState::Sampled) => {
            Look { glyph: icon::JOINED, sign: palette.ok, word: palette.text }
        }
        Standing::Judged(RowState::PassWithNote) => Look { glyph: icon::NOTE, sign: palette.warn, word: palette.text },
        Standing::Judged(RowState::Fail) => Look { glyph: icon::REFUSED, sign: palette.danger, word: palette.danger },
        Standing::Planned(Outlook::NotTestable(_)) | Standing::Judged(RowState::NotTestable) => quiet(icon::UNKNOWN),
        Standing::Planned(Outlook::Advice) | Standing::Judged(RowState::Advice) => quiet(icon::INFO),
        Standing::Planned(Outlook::NotApplicable(_))
        | Standing::Judged(RowState::NotApplicable | RowState::NotNeeded | RowState::Skipped) => quiet(icon::SKIPPED),
    }
}

fn look_of_nobody(ui: &Ui) -> Look {
    let muted = palette(ui).muted;
    Look { glyph: icon::SKIPPED, sign: muted, word: muted }
}

/// The sign of a state at the left of a part of a row.
pub(in crate::ui) fn sign_at(ui: &Ui, part: Rect, look: Look) {
    let at = pos2(part.left() + 8.0, part.center().y);
    ui.painter().text(at, Align2::CENTER_CENTER, look.glyph, icon_font(14.0), look.sign);
}

fn sign(ui: &Ui, rect: Rect, columns: &Columns, look: Look) {
    let at = pos2(rect.left() + columns.state.0 + 8.0, rect.center().y);
    ui.painter().text(at, Align2::CENTER_CENTER, look.glyph, icon_font(14.0), look.sign);
}

/// The rounds of a row: height and colour say how it stood, the newest at the right.
#[expect(clippy::cast_precision_loss, reason = "thirty rounds")]
pub(super) fn strip<'m>(ui: &Ui, rect: Rect, marks: impl ExactSizeIterator<Item = &'m Mark>) {
    let palette = palette(ui);
    let width = (rect.width() / REMEMBERED as f32).max(ROUND);
    let mut left = rect.right() - width * marks.len() as f32;
    for mark in marks {
        let (height, colour) = match mark.state {
            RowState::Fail => (16.0, palette.danger),
            RowState::PassWithNote => (10.0, palette.warn),
            RowState::Pass | RowState::Sampled => (5.0, palette.ok),
            _ => (2.0, palette.muted),
        };
        let bottom = rect.center().y + 8.0;
        let bar = Rect::from_min_max(pos2(left, bottom - height), pos2(left + width - 1.0, bottom));
        ui.painter().rect_filled(bar, 0.0, colour);
        left += width;
    }
}
