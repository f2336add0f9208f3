//! The tab Telemetry: whether something of this gateway was heard, and the way to all of it.

use egui::Ui;

use crate::app::commission::Session;
use crate::app::{Action, App, Place};
use crate::ui::icon;
use crate::ui::pass::{Pass, short};
use crate::ui::widgets::{Button, group, muted, strong};

/// Draws the tab.
pub(super) fn show(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    group(ui, |ui| {
        if let Some(session) = app.commission.session() {
            return of_session(ui, app, session, pass);
        }
        strong(ui, "Telemetry");
        muted(ui, "Telemetry is matched to a gateway once it was set up here: set it up first");
        elsewhere(ui, app, pass);
    });
}

/// What was heard of the gateway of a session, and the way to all of it.
pub(super) fn of_session(ui: &mut Ui, app: &App, session: &Session, pass: &mut Pass<'_>) {
    strong(ui, "Telemetry");
    let open = app.live();
    let text = match open {
        Some(inspection) if inspection.gateway.as_deref() != Some(session.name()) => {
            match inspection.heard.get(session.name()) {
                Some(Some(after)) => format!("Its first message came {} after the network was sent", short(*after)),
                Some(None) => "Its first message came".to_owned(),
                None => format!("Watching {}: no message names this gateway yet", inspection.name),
            }
        }
        Some(inspection) => match inspection.first_message {
            Some(after) if inspection.is_first_its_own => {
                format!("Its first message came {} after the network was sent", short(after))
            }
            Some(after) => format!(
                "A message came {} after the network was sent; its topic doesn't name this gateway",
                short(after)
            ),
            None if inspection.is_connected() => "Watching the broker: no message has come yet".to_owned(),
            None => "Connecting to the broker".to_owned(),
        },
        None => "Whether it reaches its broker, and what it sends there".to_owned(),
    };
    muted(ui, &text);
    if Button::new("Watch its telemetry").icon(icon::TELEMETRY).pressed(ui) {
        pass.did(Action::TookToTelemetry);
    }
}

fn elsewhere(ui: &mut Ui, app: &App, pass: &mut Pass<'_>) {
    let text = if app.telemetry.inspection().is_some() { "Show what is watched" } else { "Connect to a broker" };
    if Button::new(text).icon(icon::TELEMETRY).pressed(ui) {
        pass.did(Action::WentTo(Place::Telemetry));
    }
}
