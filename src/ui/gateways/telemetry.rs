//! The tab Telemetry: whether something of this gateway was heard, and the way to all of it.

use egui::Ui;

use crate::app::{Action, App, Place};
use crate::ui::icon;
use crate::ui::pass::{Pass, short};
use crate::ui::widgets::{Button, group, muted, strong};

pub(super) fn show(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    group(ui, |ui| {
        strong(ui, "What it sends");
        let Some(session) = app.commission.session() else {
            muted(ui, "Telemetry is matched to a gateway once it was set up here: set it up first");
            return elsewhere(ui, app, pass);
        };
        let open = app.telemetry.inspection().filter(|inspection| inspection.is_open());
        let ours = open.filter(|inspection| inspection.gateway.as_deref() == Some(session.name()));
        match (ours, open) {
            (Some(inspection), _) => match inspection.first_message {
                Some(after) => {
                    ui.label(format!("The first message came {} after the network was sent", short(after)));
                }
                None if inspection.is_connected() => {
                    muted(ui, "Watching the broker: no message has come yet");
                }
                None => {
                    muted(ui, "Connecting to the broker");
                }
            },
            (None, Some(inspection)) => {
                muted(ui, &format!("{} is watched already", inspection.name));
            }
            (None, None) => {
                muted(ui, "Not watched. Whether it reaches its broker, and what it sends there, shows once it is");
            }
        }
        if Button::new("Watch its telemetry").icon(icon::TELEMETRY).pressed(ui) {
            pass.did(Action::TookToTelemetry);
        }
    });
}

fn elsewhere(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let text = if app.telemetry.inspection().is_some() { "Show what is watched" } else { "Connect to a broker" };
    if Button::new(text).icon(icon::TELEMETRY).pressed(ui) {
        pass.did(Action::WentTo(Place::Telemetry));
    }
}
