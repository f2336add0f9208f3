//! The tab Check: what this gateway has to reach, as the laptop and the gateway itself found it, side by side.

use egui::{Align2, Rect, Role, Sense, Stroke, Ui, pos2, vec2};

use crate::app::check::run::Standing;
use crate::app::check::{CheckAction, SideBySide, state_word};
use crate::app::{Action, App, Place};
use crate::check::verdict::RowState;
use crate::model::gateway::Sighting;
use crate::model::ids::{DriverId, ProfileId};
use crate::ui::check::overridden;
use crate::ui::check::rows::{look, sign_at};
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{HEAD_HEIGHT, mono, palette, small_mono, small_text};
use crate::ui::widgets::rows::{cell, choosable};
use crate::ui::widgets::{Button, muted, notice, small, strong};

/// Height of a row.
const LINE: f32 = 26.0;
/// Width of each of the two states.
const STATE: f32 = 104.0;
/// Width of the number of a row.
const NUMBER: f32 = 62.0;

pub(super) fn show(ui: &mut Ui, app: &App, row: &Sighting, pass: &mut Pass<'_>) {
    let profile = app.commission.profile().and_then(|id| app.catalog().get(id));
    let Some(profile) = profile else {
        strong(ui, "What it has to reach");
        muted(ui, "No profile is known for this gateway. Choose one under Set up, Advanced");
        return;
    };
    if profile.endpoints.is_empty() {
        strong(ui, "What it has to reach");
        notice(ui, palette(ui).muted, icon::INFO, "This profile names no server that the gateway has to reach");
        muted(ui, "If it is another vendor's gateway, choose its profile under Set up, Advanced");
        return;
    }
    acts(ui, row, pass);
    small(ui, &looked(app, (&profile.id, &profile.name, profile.endpoints.len()), row, pass));
    let rows = app.check.side_by_side(&profile.id, &row.link);
    if rows.is_empty() {
        muted(ui, "Laptop: connect it to the network the gateway is to use");
        muted(
            ui,
            "Gateway: the programs on it check, over its console or SMP shell. What none of them can do isn't tested",
        );
        return;
    }
    overridden(ui, app.check.overrides_of(&profile.id, &row.link));
    table(ui, &rows, pass);
    summary(ui, &rows);
}

fn acts(ui: &mut Ui, row: &Sighting, pass: &mut Pass<'_>) {
    ui.horizontal_wrapped(|ui| {
        let here = Button::new("Check from this laptop").icon(icon::CHECK).primary();
        if here.pressed(ui) {
            pass.did(Action::TookToCheck);
            pass.did(CheckAction::ChoseVia(None));
        }
        let has_shell = DriverId::managing_over(row.link.kind()).next().is_some();
        let there = Button::new("Check from both").icon(icon::GATEWAYS);
        let there = there.named("Check from this laptop and from the gateway");
        if there.enabled_if(has_shell, "No driver reaches a shell over this link").pressed(ui) {
            pass.did(Action::TookToCheckFrom(row.link.clone()));
        }
    });
}

/// What is checked, and when laptop and gateway did so last.
fn looked(app: &App, (id, name, count): (&ProfileId, &str, usize), row: &Sighting, pass: &Pass<'_>) -> String {
    let plural = if count == 1 { "row" } else { "rows" };
    let when = |via| app.check.looked_at(id, via).map(|at| pass.short_time(at));
    match (when(None), when(Some(&row.link))) {
        (None, None) => format!("{name}: {count} {plural} of servers from the vendor documentation, not checked yet"),
        (Some(laptop), None) => format!("{name}. Laptop at {laptop}; the gateway did not check"),
        (None, Some(gateway)) => format!("{name}. Gateway at {gateway}; the laptop did not check"),
        (Some(laptop), Some(gateway)) => format!("{name}. Laptop at {laptop}, gateway at {gateway}"),
    }
}

fn table(ui: &mut Ui, rows: &[SideBySide<'_>], pass: &mut Pass<'_>) {
    ui.spacing_mut().item_spacing.y = 0.0;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), HEAD_HEIGHT), Sense::hover());
    let places = places(rect.width());
    for (title, part) in ["Row", "What", "Laptop", "Gateway"].into_iter().zip(places) {
        cell(ui, at(rect, part), title, small_text(), palette(ui).muted, Align2::LEFT_CENTER);
    }
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(1.0, palette(ui).line));
    for row in rows {
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), LINE), Sense::hover());
        if line(ui, row, rect, places) {
            pass.did(Action::WentTo(Place::Check));
            pass.did(CheckAction::WentTo(crate::app::check::View::Rows));
            pass.did(CheckAction::Selected(row.row.clone()));
        }
    }
}

fn line(ui: &Ui, row: &SideBySide<'_>, rect: Rect, places: [(f32, f32); 4]) -> bool {
    let palette = palette(ui);
    let words = (state_word(row.laptop), state_word(row.gateway));
    let told = || format!("{}, {}, laptop: {}, gateway: {}", row.row, row.name, words.0, words.1);
    let response = choosable(ui, rect, ("reach", row.row.as_str()), Role::ListBoxOption, false, told);
    cell(ui, at(rect, places[0]), row.row.as_str(), small_mono(), palette.muted, Align2::LEFT_CENTER);
    cell(ui, at(rect, places[1]), &row.name, mono(), palette.text, Align2::LEFT_CENTER);
    for (state, part) in [(row.laptop, places[2]), (row.gateway, places[3])] {
        let part = at(rect, part);
        let Some(state) = state else {
            cell(ui, part, state_word(None), small_text(), palette.muted, Align2::LEFT_CENTER);
            continue;
        };
        let look = look(ui, Standing::Judged(state));
        sign_at(ui, part, look);
        cell(
            ui,
            part.with_min_x(part.left() + 20.0),
            state_word(Some(state)),
            small_text(),
            look.word,
            Align2::LEFT_CENTER,
        );
    }
    response.on_hover_text("Opens the row under Network check").clicked()
}

fn places(width: f32) -> [(f32, f32); 4] {
    let right = width - 2.0 * STATE;
    [(0.0, NUMBER), (NUMBER, right - 8.0), (right, right + STATE), (right + STATE, width)]
}

fn at(rect: Rect, (from, to): (f32, f32)) -> Rect {
    Rect::from_min_max(pos2(rect.left() + from, rect.top()), pos2(rect.left() + to.max(from), rect.bottom()))
}

/// What the two together say, in a sentence.
fn summary(ui: &mut Ui, rows: &[SideBySide<'_>]) {
    let passes =
        |state: Option<RowState>| matches!(state, Some(RowState::Pass | RowState::PassWithNote | RowState::Sampled));
    let fails = |state: Option<RowState>| state == Some(RowState::Fail);
    let only = |one: &dyn Fn(&SideBySide<'_>) -> bool| -> Vec<&str> {
        rows.iter().filter(|row| one(row)).map(|row| row.row.as_str()).collect()
    };
    ui.add_space(8.0);
    let laptop = only(&|row| passes(row.laptop) && fails(row.gateway));
    let gateway = only(&|row| fails(row.laptop) && passes(row.gateway));
    let both = only(&|row| fails(row.laptop) && fails(row.gateway));
    let said = [
        (
            laptop,
            "The laptop reaches them and the gateway doesn't: the site tells the two apart, or the gateway itself is at fault",
        ),
        (gateway, "The gateway reaches them and the laptop doesn't: what stops the laptop doesn't concern the gateway"),
        (both, "Neither reaches them: ask the network's admin"),
    ];
    for (ids, text) in said {
        if !ids.is_empty() {
            notice(ui, palette(ui).warn, icon::WARNING, &format!("{}. {text}", ids.join(", ")));
        }
    }
}
