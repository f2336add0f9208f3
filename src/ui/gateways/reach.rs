//! The tab Check: what this gateway has to reach, and the two places from which that can be asked.

use egui::Ui;

use crate::app::{Action, App};
use crate::model::gateway::Sighting;
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::palette;
use crate::ui::widgets::{Button, group, muted, notice, strong};

pub(super) fn show(ui: &mut Ui, app: &App, row: &Sighting, pass: &mut Pass<'_>) {
    let profile = app.commission.profile().and_then(|id| app.catalog().get(id));
    group(ui, |ui| {
        strong(ui, "What it has to reach");
        let Some(profile) = profile else {
            muted(ui, "No profile is known for this gateway. Choose one under Set up, Advanced");
            return;
        };
        let rows = profile.endpoints.len();
        if rows == 0 {
            notice(ui, palette(ui).muted, icon::INFO, "This profile names no server that the gateway has to reach");
            return;
        }
        let plural = if rows == 1 { "row" } else { "rows" };
        muted(ui, &format!("{}: {rows} {plural} of servers, from the vendor documentation", profile.name));
        ui.horizontal_wrapped(|ui| {
            let here = Button::new("Check from this laptop").icon(icon::CHECK).primary();
            if here.pressed(ui) {
                pass.did(Action::TookToCheck);
            }
            let there = Button::new("Check from the gateway").icon(icon::GATEWAYS);
            if there.pressed(ui) {
                pass.did(Action::TookToCheckFrom(row.link.clone()));
            }
        });
        muted(ui, "From this laptop: connect it to the network the gateway is to use");
        muted(
            ui,
            "From the gateway: with the programs on it, over its console or SMP shell. What none of them can do is said",
        );
    });
}
