//! The Wi-Fi form: name, passphrase, what the check says, and Send.

use egui::{TextEdit, Ui};

use super::qr;
use crate::app::App;
use crate::app::commission::{CommissionAction, WifiForm};
use crate::model::gateway::Protection;
use crate::model::wifi::Ssid;
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{FIELD_WIDTH, GRID, palette};
use crate::ui::widgets::{Button, check, finding, forget_undo, labelled, muted, notice, select_all, titled_group};

const PASSPHRASE: &str = "wifi-passphrase";

pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    if let Some(session) = app.commission.session().filter(|session| !session.may_have_wifi()) {
        let text = format!("The driver {} sends no Wi-Fi credentials to this gateway", session.target.driver);
        titled_group(ui, "Wi-Fi", "", |ui| notice(ui, palette(ui).muted, icon::INFO, &text));
        return;
    }
    let Some(rules) = app.commission.rules(app.catalog()) else {
        titled_group(ui, "Wi-Fi", "", |ui| {
            notice(ui, palette(ui).warn, icon::WARNING, "The chosen profile has no Wi-Fi: no network to send");
        });
        return;
    };
    let session = app.commission.session();
    let is_ready = session.is_some_and(crate::app::commission::Session::is_ready);
    let is_pushing = session.is_some_and(crate::app::commission::Session::is_pushing);
    let protection = session.and_then(|session| session.protection);
    let hint = "In memory only. Never stored, never logged";
    titled_group(ui, "Wi-Fi", hint, |ui| {
        ui.spacing_mut().item_spacing.y = GRID;
        let form = &mut app.commission.form;
        let is_entered = ui.add_enabled_ui(!is_pushing, |ui| fields(ui, form, rules.is_raw_psk_accepted, pass)).inner;
        findings(ui, form);
        if let Some(warning) = protection.and_then(Protection::warning) {
            notice(ui, palette(ui).warn, icon::NO_LOCK, warning);
        }
        if matches!(protection, Some(Protection::Cable | Protection::CableLogin)) {
            let text = "Serial isn't encrypted: anyone on the cable can read the passphrase";
            notice(ui, palette(ui).muted, icon::INFO, text);
        }
        send_row(ui, form, is_ready, is_entered, pass);
        qr::show(ui, form, pass);
    });
}

/// The fields; whether Enter was pressed in one of them.
fn fields(ui: &mut Ui, form: &mut WifiForm, is_raw_psk_accepted: bool, pass: &mut Pass<'_>) -> bool {
    let mut is_changed = false;
    let mut is_entered = network_name(ui, form, &mut is_changed);
    is_entered |= passphrase(ui, form, &mut is_changed);
    ui.spacing_mut().interact_size.y = 24.0;
    ui.horizontal_wrapped(|ui| {
        is_changed |= check(ui, &mut form.draft.is_open, "Open network, no passphrase", "");
        ui.add_space(GRID);
        is_changed |= check(ui, &mut form.draft.is_hidden, "The network hides its name", "");
    });
    if form.draft.is_open {
        notice(ui, palette(ui).warn, icon::NO_LOCK, "Anyone nearby can read and join an open network");
    }
    if is_raw_psk_accepted {
        let explanation = "Sends 64 digits derived from name and passphrase: the passphrase itself stays here";
        is_changed |= check(ui, &mut form.draft.is_psk_derived, "Send the derived key", explanation);
    }
    if !form.draft.passphrase.expose().is_ascii() {
        let explanation = "The passphrase holds letters beyond ASCII. Not every device takes them";
        is_changed |= check(ui, &mut form.draft.is_utf8_allowed, "Send it as UTF-8", explanation);
    }
    check(ui, &mut form.is_offered, "Offer it for the next gateway until Linesman closes", "");
    if is_changed {
        pass.did(CommissionAction::FormChanged);
    }
    is_entered
}

fn network_name(ui: &mut Ui, form: &mut WifiForm, is_changed: &mut bool) -> bool {
    labelled(ui, "Network name", |ui, id| {
        let edit = TextEdit::singleline(&mut form.draft.ssid).hint_text("Pick one above or type it");
        let response =
            ui.add(edit.desired_width(field_width(ui)).margin(crate::ui::theme::FIELD_MARGIN)).labelled_by(id);
        *is_changed |= response.changed();
        let octets = form.ssid_octets();
        let text = format!("{octets} of {} bytes", Ssid::MAX_OCTETS);
        if octets > Ssid::MAX_OCTETS {
            ui.colored_label(palette(ui).danger, text);
        } else {
            muted(ui, &text);
        }
        response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter))
    })
}

fn passphrase(ui: &mut Ui, form: &mut WifiForm, is_changed: &mut bool) -> bool {
    labelled(ui, "Passphrase", |ui, id| {
        let is_enabled = !form.draft.is_open;
        let edit = TextEdit::singleline(form.draft.passphrase.expose_mut())
            .id(egui::Id::unique(PASSPHRASE))
            .password(!form.is_revealed)
            .desired_width(field_width(ui))
            .margin(crate::ui::theme::FIELD_MARGIN);
        let response = ui.add_enabled(is_enabled, edit).labelled_by(id);
        forget_undo(ui, egui::Id::unique(PASSPHRASE));
        if std::mem::take(&mut form.wants_passphrase_focus) {
            response.request_focus();
            response.scroll_to_me(Some(egui::Align::Center));
            select_all(ui, egui::Id::unique(PASSPHRASE));
        }
        *is_changed |= response.changed();
        let (glyph, name) =
            if form.is_revealed { (icon::HIDE, "Hide the passphrase") } else { (icon::SHOW, "Show the passphrase") };
        if Button::icon_only(glyph, name).pressed(ui) {
            form.is_revealed = !form.is_revealed;
        }
        response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter))
    })
}

pub(super) fn field_width(ui: &Ui) -> f32 {
    (FIELD_WIDTH - 80.0).min(ui.available_width() - 120.0).max(120.0)
}

fn findings(ui: &mut Ui, form: &WifiForm) {
    for problem in form.errors() {
        finding(ui, problem, true);
    }
    for problem in form.warnings() {
        finding(ui, problem, false);
    }
}

fn send_row(ui: &mut Ui, form: &mut WifiForm, is_ready: bool, is_entered: bool, pass: &mut Pass<'_>) {
    ui.horizontal_wrapped(|ui| {
        // What is wrong is found when it is sent: what is marked here may be older than what came with Enter.
        if is_entered && is_ready {
            pass.did(CommissionAction::Sent);
        }
        if Button::new("QR code…").icon(icon::QR).named("Fill in from a QR code").pressed(ui) {
            form.qr.is_open = !form.qr.is_open;
        }
        if form.has_network() && Button::new("Clear").quiet().named("Clear the form").pressed(ui) {
            pass.did(CommissionAction::ForgotNetwork);
        }
    });
}
