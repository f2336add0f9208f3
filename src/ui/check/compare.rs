//! Two runs side by side: what became of each row.

use egui::{Align2, Color32, Rect, Role, ScrollArea, Sense, Ui, WidgetInfo, pos2};

use crate::app::check::compared::{Compared, change_word, stood};
use crate::app::check::run::Run;
use crate::app::check::words::{self, ui as w};
use crate::app::check::{CheckAction, NetworkCheck};
use crate::check::compare::{Change, RowChange};
use crate::ui::icon;
use crate::ui::pass::{Pass, PathField};
use crate::ui::theme::{GRID, palette, small_mono, small_text};
use crate::ui::widgets::rows::{Rows, cell};
use crate::ui::widgets::{Button, muted, path_field, problem_card, strong, surface, titled_group};

/// Height of a line.
const LINE: f32 = 28.0;

/// Draws it.
pub(super) fn show(ui: &mut Ui, check: &mut NetworkCheck, pass: &mut Pass<'_>) {
    if check.before().is_none() {
        ScrollArea::vertical().id_salt("check-compare").auto_shrink(false).show(ui, |ui| choose(ui, check, pass));
        return;
    }
    ui.horizontal_wrapped(|ui| {
        if let Some(before) = check.before().filter(|before| before.at_unix_micros > 0) {
            muted(ui, &words::compared_with(&pass.date_and_time(before.at_unix_micros)));
        }
        if Button::new(w::DROP_BEFORE).icon(icon::CLOSE).pressed(ui) {
            pass.did(CheckAction::DroppedBefore);
        }
    });
    match (check.run().filter(|run| run.has_round()), check.compared()) {
        (Some(run), Some(compared)) => {
            let (better, worse, other) = compared.numbers;
            strong(ui, &words::compared(better, worse, other));
            surface(ui, |ui| changes(ui, run, compared));
        }
        _ => _ = muted(ui, w::ONLY_BEFORE),
    }
}

/// What to compare with.
fn choose(ui: &mut Ui, check: &mut NetworkCheck, pass: &mut Pass<'_>) {
    titled_group(ui, w::COMPARE, w::COMPARE_HINT, |ui| {
        let has_round = check.run().is_some_and(Run::has_round);
        let keep = Button::new(w::KEEP).icon(icon::BOOKMARK).enabled_if(has_round, w::WHY_NOT_KEPT);
        if keep.pressed(ui) {
            pass.did(CheckAction::KeptAsBefore);
        }
        ui.add_space(GRID / 2.0);
        let (response, is_browsing) = path_field(ui, "Saved run", &mut check.before_path, "/home/me/before.json");
        if is_browsing {
            pass.browse = Some(PathField::CheckBefore);
        }
        let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        let is_ready = !check.before_path.trim().is_empty() && !check.is_reading_before();
        let open = Button::new(w::OPEN_BEFORE).icon(icon::FOLDER).named("Open the saved run as before");
        if open.enabled_if(is_ready, w::NO_PATH).pressed(ui) || (is_entered && is_ready) {
            pass.did(CheckAction::OpenedBefore);
        }
    });
    if let Some(problem) = check.before_problem() {
        problem_card(ui, problem);
    }
}

fn changes(ui: &mut Ui, run: &Run, compared: &Compared) {
    let total = compared.changes.len();
    let list = Rows { name: "Rows compared", role: Role::ListBox, total, height: LINE, place: None };
    let _ = list.show(ui, |ui, place, rect| {
        if let Some(change) = compared.changes.get(place) {
            let name = run.place(&change.row).and_then(|row| run.sheet().faces.get(row)).map_or("", |face| &face.name);
            line(ui, rect, change, name, compared.sides);
        }
    });
}

fn line(ui: &Ui, rect: Rect, change: &RowChange, name: &str, sides: Option<(&str, &str)>) {
    let became = words::became(sides, &stood(change.before), &stood(change.after));
    let word = change_word(change.change);
    let response = ui.interact(rect, ui.scope_id().with(("change", change.row.as_str())), Sense::hover());
    let is_enabled = ui.is_enabled();
    let told = format!("{}, {name}, {word}, {became}", change.row);
    response.widget_info(|| WidgetInfo::labeled(Role::ListBoxOption, is_enabled, &told));
    let palette = palette(ui);
    let part = |from: f32, to: f32| {
        Rect::from_min_max(pos2(rect.left() + from, rect.top()), pos2(rect.left() + to, rect.bottom()))
    };
    let middle = (rect.width() * 0.45).max(200.0);
    cell(ui, part(8.0, 112.0), word, small_text(), colour(ui, change.change), Align2::LEFT_CENTER);
    cell(ui, part(116.0, 176.0), change.row.as_str(), small_mono(), palette.muted, Align2::LEFT_CENTER);
    cell(ui, part(180.0, middle), name, small_mono(), palette.text, Align2::LEFT_CENTER);
    cell(ui, part(middle + 8.0, rect.width() - 8.0), &became, small_text(), palette.text, Align2::LEFT_CENTER);
}

fn colour(ui: &Ui, change: Change) -> Color32 {
    let palette = palette(ui);
    match change {
        Change::Better => palette.ok,
        Change::Worse => palette.danger,
        Change::Other | Change::New | Change::Gone => palette.text,
        Change::Same => palette.muted,
    }
}
