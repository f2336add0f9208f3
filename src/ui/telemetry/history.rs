//! The messages of one topic, newest first: it follows the newest until one is looked at.

use egui::{Align2, Rect, Role, Ui, pos2, vec2};

use super::list::flags;
use super::rows::{Place, Rows, cell, choosable, number, size};
use crate::app::App;
use crate::app::telemetry::TelemetryAction;
use crate::app::telemetry::detail::DetailAction;
use crate::telemetry::view::MessageRow;
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{mono, palette, small_mono};
use crate::ui::widgets::{Button, muted};

/// Height of a row.
const ROW: f32 = 22.0;

/// Draws the history into that height.
pub(super) fn show(ui: &mut Ui, app: &App, height: f32, pass: &mut Pass<'_>) {
    let detail = &app.telemetry.detail;
    let Some(page) = detail.history() else {
        muted(ui, "Loading…");
        return;
    };
    ui.horizontal(|ui| {
        ui.spacing_mut().interact_size.y = 20.0;
        let received = number(page.received);
        let held = if page.total as u64 == page.received {
            format!("{received} messages")
        } else {
            format!("{received} messages, {} held", number(page.total as u64))
        };
        muted(ui, &held);
        if detail.picked().is_some() {
            let text = match page.newer {
                0 => "Newest".to_owned(),
                newer => format!("Newest · +{} newer", number(newer)),
            };
            if Button::new(&text).icon(icon::UP).quiet().named("Go to the newest message").pressed(ui) {
                pass.did(TelemetryAction::Detail(DetailAction::Followed));
            }
        }
    });
    let rect = egui::Rect::from_min_size(ui.cursor().min, vec2(ui.available_width(), height));
    ui.scope_builder(egui::UiBuilder::new().max_rect(rect), |ui| list(ui, app, page.total, pass));
}

fn list(ui: &mut Ui, app: &App, total: usize, pass: &mut Pass<'_>) {
    let detail = &app.telemetry.detail;
    let step_id = ui.scope_id().with("step");
    let stepped = ui.data_mut(|data| data.remove_temp::<usize>(step_id)).map(Place::Showing);
    let rows = Rows { name: "History", role: Role::ListBox, total, height: ROW, place: stepped };
    let newest = detail.picked().is_none();
    let mut picked = None;
    let shown = rows.show(ui, |ui, place, rect| {
        let Some(row) = detail.history_row(place) else { return };
        let is_chosen = if newest { place == 0 } else { detail.picked() == Some(row.id) };
        if draw_row(ui, rect, row, is_chosen, pass) {
            picked = Some(row.id);
        }
    });
    if (shown.range.start, shown.count()) != detail.sight() {
        let action = DetailAction::ScrolledHistory { first: shown.range.start, count: shown.count() };
        pass.did(TelemetryAction::Detail(action));
    }
    let is_hovered = shown.hovered.is_some();
    if is_hovered != detail.is_hovered() {
        pass.did(TelemetryAction::Detail(DetailAction::Hovered(is_hovered)));
    }
    let chosen = if newest { Some(0) } else { detail.picked_place() };
    if let Some(next) = shown.step(ui, chosen, total)
        && let Some(row) = detail.history_row(next)
    {
        ui.data_mut(|data| data.insert_temp(step_id, next));
        picked = Some(row.id);
    }
    if let Some(id) = picked {
        pass.did(TelemetryAction::Detail(DetailAction::Picked(id)));
    }
}

fn draw_row(ui: &Ui, rect: Rect, row: &MessageRow, is_chosen: bool, pass: &Pass<'_>) -> bool {
    let palette = palette(ui);
    let time = pass.time_of_day(row.unix_micros);
    let response = choosable(ui, rect, ("history", row.id.0), Role::ListBoxOption, is_chosen, || {
        format!("{time}, {}", row.preview)
    });
    let right = rect.right() - 6.0;
    let part = |from: f32, to: f32| Rect::from_min_max(pos2(from, rect.top()), pos2(to, rect.bottom()));
    let left = rect.left() + 6.0;
    cell(ui, part(left, left + 86.0), &time, small_mono(), palette.muted, Align2::LEFT_CENTER);
    cell(ui, part(right - 56.0, right), &size(row.bytes), small_mono(), palette.muted, Align2::RIGHT_CENTER);
    cell(ui, part(right - 98.0, right - 62.0), &flags(row), small_mono(), palette.muted, Align2::RIGHT_CENTER);
    cell(ui, part(left + 92.0, right - 104.0), &row.preview, mono(), palette.text, Align2::LEFT_CENTER);
    response.clicked()
}
