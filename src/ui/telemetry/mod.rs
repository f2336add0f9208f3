//! Telemetry: the header, the stages of the connection, the panes, and the counters that are always in sight.

use egui::Ui;

use super::pass::Pass;
use super::widgets::{header, muted};
use crate::app::App;
use crate::app::telemetry::{Pane, TelemetryAction};

/// Draws Telemetry.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    header(ui, "Telemetry", |_| {}, |_| {});
    tabs(ui, app, pass);
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
        Pane::Plot | Pane::Publish | Pane::Insight | Pane::Trace | Pane::Expectations | Pane::Bench => {
            muted(ui, "Not there yet");
        }
    }
}
