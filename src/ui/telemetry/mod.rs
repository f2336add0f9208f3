//! Telemetry: the header, the stages of the connection, the panes, and the counters that are always in sight.

mod bench;
mod expectations;
mod parts;
mod plot;
pub(super) mod publish;
mod quality;
mod recorder;
mod talkers;
mod trace;

use egui::Ui;

use super::pass::Pass;
use super::widgets::header;
use crate::app::App;
use crate::app::telemetry::{Pane, TelemetryAction};

/// Draws Telemetry.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    header(ui, "Telemetry", |_| {}, |_| {});
    tabs(ui, app, pass);
    recorder::bar(ui, &mut app.telemetry, pass);
    body(ui, app, pass);
}

fn tabs(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    ui.horizontal_wrapped(|ui| {
        for pane in Pane::ALL {
            if super::widgets::choice(ui, app.telemetry.pane() == pane, pane.label(), pane.label()) {
                pass.did(TelemetryAction::WentTo(pane));
            }
        }
    });
}

/// The pane shown: one arm each.
fn body(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let _ = pass;
    match app.telemetry.pane() {
        Pane::Connection | Pane::Topics | Pane::Live => {}
        Pane::Plot => plot::show(ui, &mut app.telemetry.panes.plot, pass),
        Pane::Publish => publish::show(ui, &mut app.telemetry, &app.settings.values.publish_templates, pass),
        Pane::Insight => talkers::show(ui, &mut app.telemetry.panes.insight, pass),
        Pane::Trace => trace::show(ui, &app.telemetry.panes.trace, pass),
        Pane::Expectations => expectations::show(ui, &app.telemetry.panes.expect),
        Pane::Bench => bench::show(ui, &mut app.telemetry.panes.bench, pass),
    }
}
