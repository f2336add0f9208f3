//! What lets us into the gateway: user name, proof of possession or password, and leave to go without protection.

use egui::{TextEdit, Ui};

use super::qr;
use super::wifi::field_width;
use crate::app::App;
use crate::app::commission::{AccessForm, CommissionAction};
use crate::model::drivers::Wanted;
use crate::ui::icon;
use crate::ui::pass::Pass;
use crate::ui::theme::{GRID, palette};
use crate::ui::widgets::{Button, check, forget_undo, labelled, notice, select_all, titled_group};

const SECRET: &str = "access-secret";

/// The card; nothing where the chosen driver wants nothing.
pub(super) fn show(ui: &mut Ui, app: &mut App, pass: &mut Pass<'_>) {
    let Some(wanted) = app.commission.wanted_access() else { return };
    titled_group(ui, "Access", wanted.hint, |ui| {
        ui.spacing_mut().item_spacing.y = GRID;
        username(ui, &mut app.commission.access, wanted);
        if secret(ui, &mut app.commission.access, wanted) && app.commission.open_session().is_none() {
            pass.did(CommissionAction::Connected);
        }
        if let Some(device) = app.commission.access.from_code() {
            notice(ui, palette(ui).ok, icon::QR, &format!("Filled in from the QR code of {device}"));
        }
        if wanted.may_be_unprotected {
            let allows = &mut app.commission.access.allows_unprotected;
            check(ui, allows, "Allow an unprotected session", "");
            if *allows {
                let text = "Anyone listening on the link can read the passphrase and every token";
                notice(ui, palette(ui).warn, icon::NO_LOCK, text);
            }
        }
        buttons(ui, app, wanted, pass);
        if wanted.may_be_in_a_code {
            qr::show(ui, &mut app.commission.form, pass);
        }
    });
}

/// The login alone, for an act that opens a session of its own.
pub(in crate::ui::gateways) fn login(ui: &mut Ui, form: &mut AccessForm, wanted: Wanted) {
    titled_group(ui, "Login", wanted.hint, |ui| {
        ui.spacing_mut().item_spacing.y = GRID;
        username(ui, form, wanted);
        secret(ui, form, wanted);
    });
}

fn username(ui: &mut Ui, form: &mut AccessForm, wanted: Wanted) {
    labelled(ui, wanted.username, |ui, id| {
        let edit = TextEdit::singleline(&mut form.username).desired_width(field_width(ui));
        if ui.add(edit.margin(crate::ui::theme::FIELD_MARGIN)).labelled_by(id).changed() {
            form.edited();
        }
    });
}

/// The secret; whether Enter was pressed in it.
fn secret(ui: &mut Ui, form: &mut AccessForm, wanted: Wanted) -> bool {
    labelled(ui, wanted.secret, |ui, id| {
        let edit = TextEdit::singleline(form.secret.expose_mut())
            .id(egui::Id::unique(SECRET))
            .password(!form.is_revealed)
            .desired_width(field_width(ui))
            .margin(crate::ui::theme::FIELD_MARGIN);
        let response = ui.add(edit).labelled_by(id);
        forget_undo(ui, egui::Id::unique(SECRET));
        if response.changed() {
            form.edited();
        }
        if std::mem::take(&mut form.wants_focus) {
            response.request_focus();
            response.scroll_to_me(None);
            select_all(ui, egui::Id::unique(SECRET));
        }
        let (glyph, name) =
            if form.is_revealed { (icon::HIDE, "Hide what was typed") } else { (icon::SHOW, "Show what was typed") };
        if Button::icon_only(glyph, name).pressed(ui) {
            form.is_revealed = !form.is_revealed;
        }
        response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter))
    })
}

fn buttons(ui: &mut Ui, app: &mut App, wanted: Wanted, pass: &mut Pass<'_>) {
    ui.horizontal_wrapped(|ui| {
        if wanted.may_be_in_a_code {
            let code = Button::new("QR code…").icon(icon::QR).named("Fill in from the gateway's QR code");
            if code.pressed(ui) {
                let qr = &mut app.commission.form.qr;
                qr.is_open = !qr.is_open;
            }
        }
        let forget = Button::new("Forget").quiet().named("Forget user name and secret");
        if forget.enabled_if(app.commission.access.is_filled(), "Nothing is filled in").pressed(ui) {
            pass.did(CommissionAction::ForgotAccess);
        }
    });
}
