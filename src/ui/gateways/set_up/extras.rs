//! What is needed now and then: names, reset, transcript, device log. Folded away.

use egui::{RichText, ScrollArea, Ui};

use crate::app::App;
use crate::app::commission::{Commission, CommissionAction, Question, Session};
use crate::model::ids::LinkKind;
use crate::ui::icon;
use crate::ui::pass::{Pass, PathField};
use crate::ui::theme::{GRID, palette};
use crate::ui::widgets::{Button, field, fold, group, muted};

pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    group(ui, |ui| {
        ui.spacing_mut().item_spacing.y = GRID / 2.0;
        let is_ready = app.commission.session().is_some_and(Session::is_ready);
        fold(ui, "names", "Names", |ui| names(ui, &mut app.commission, is_ready, pass));
        fold(ui, "log", "Device log", |ui| log(ui, &app.commission));
        fold(ui, "transcript", "Transcript", |ui| transcript(ui, &mut app.commission, pass));
        let capabilities = app.commission.session().map(|session| session.capabilities).unwrap_or_default();
        if capabilities.reprovision {
            fold(ui, "reprovision", "Forget the network", |ui| reprovision(ui, is_ready, pass));
        }
        if capabilities.reset_line || app.commission.gateway().is_some_and(|(link, _)| link.kind() == LinkKind::Serial)
        {
            fold(ui, "reset", "Reset device", |ui| reset(ui, is_ready, pass));
        }
    });
}

fn names(ui: &mut Ui, commission: &mut Commission, is_ready: bool, pass: &mut Pass<'_>) {
    muted(ui, "Not every gateway can be renamed");
    let why = "The gateway is not ready";
    ui.horizontal_wrapped(|ui| {
        field(ui, "Host name", &mut commission.hostname, "gateway-hall-2");
        let can = is_ready && !commission.hostname.trim().is_empty();
        if Button::new("Set").named("Set the host name").enabled_if(can, why).pressed(ui) {
            pass.did(CommissionAction::SetHostname);
        }
    });
    ui.horizontal_wrapped(|ui| {
        field(ui, "Device name", &mut commission.device_name, "Hall 2, north wall");
        let can = is_ready && !commission.device_name.trim().is_empty();
        if Button::new("Set").named("Set the device name").enabled_if(can, why).pressed(ui) {
            pass.did(CommissionAction::SetDeviceName);
        }
    });
}

fn log(ui: &mut Ui, commission: &Commission) {
    let Some(session) = commission.session().filter(|session| !session.log.is_empty()) else {
        muted(ui, "The device logged nothing beside the protocol");
        return;
    };
    let height = ui.text_style_height(&egui::TextStyle::Monospace);
    ui.spacing_mut().item_spacing.y = 2.0;
    let area = ScrollArea::both().id_salt("log").max_height(220.0).stick_to_bottom(true).auto_shrink([false, true]);
    area.show_rows(ui, height, session.log.len(), |ui, range| {
        for line in session.log.range(range) {
            let text = RichText::new(line).monospace().color(palette(ui).text);
            ui.add(egui::Label::new(text).selectable(true).extend());
        }
    });
}

fn transcript(ui: &mut Ui, commission: &mut Commission, pass: &mut Pass<'_>) {
    muted(ui, "Every byte of the session with secrets blacked out, for support");
    let export = Button::new("Export transcript\u{2026}").icon(icon::EXPORT).named("Export the transcript");
    if export.enabled_if(!commission.is_exporting_transcript(), "It is being written").pressed(ui) {
        pass.browse = Some(PathField::Transcript);
    }
}

fn reprovision(ui: &mut Ui, is_ready: bool, pass: &mut Pass<'_>) {
    muted(
        ui,
        "The gateway leaves its network and waits for another one. No wipe: what lies in its flash may come back",
    );
    let button = Button::new("Forget the network…").named("Let the gateway forget its network").danger();
    if button.enabled_if(is_ready, "The gateway is not ready").pressed(ui) {
        pass.did(CommissionAction::AskedFor(Question::Reprovision));
    }
}

fn reset(ui: &mut Ui, is_ready: bool, pass: &mut Pass<'_>) {
    muted(ui, "Pulses the reset line of the port. Never done by itself");
    let button = Button::new("Reset device…").icon(icon::RESET).danger();
    if button.enabled_if(is_ready, "The gateway is not ready").pressed(ui) {
        pass.did(CommissionAction::AskedFor(Question::Reset));
    }
}
