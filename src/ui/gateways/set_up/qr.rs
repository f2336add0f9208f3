//! Filling the form in from a QR code: pasted text, a picture in a file, or the picture on the clipboard.

use egui::{TextEdit, Ui};

use crate::app::commission::{CommissionAction, QrGiven, WifiForm};
use crate::ui::icon;
use crate::ui::pass::{Pass, PathField};
use crate::ui::theme::{FIELD_WIDTH, palette};
use crate::ui::widgets::{Button, forget_undo, labelled, muted, notice, path_field, problem_card};

const TEXT: &str = "qr-text";

pub(super) fn show(ui: &mut Ui, form: &mut WifiForm, pass: &mut Pass<'_>) {
    let qr = &form.qr;
    if qr.is_taken {
        notice(ui, palette(ui).ok, icon::QR, "The network was filled in from the QR code");
    }
    for note in &qr.notes {
        notice(ui, palette(ui).muted, icon::INFO, note);
    }
    if let Some(problem) = &qr.problem {
        problem_card(ui, problem);
    }
    if qr.is_open {
        sources(ui, form, pass);
    }
}

fn sources(ui: &mut Ui, form: &mut WifiForm, pass: &mut Pass<'_>) {
    ui.separator();
    let is_idle = !form.qr.is_reading();
    muted(ui, "The code's text holds a secret: it's masked here and deleted once read");
    pasted(ui, form, is_idle, pass);
    picture(ui, form, is_idle, pass);
    ui.horizontal_wrapped(|ui| {
        let clipboard = Button::new("Read the picture on the clipboard").icon(icon::COPY);
        if clipboard.enabled_if(is_idle, "A code is being read").pressed(ui) {
            pass.did(CommissionAction::GaveQr(QrGiven::Clipboard));
        }
        if !is_idle {
            muted(ui, "Reading…");
        }
    });
}

fn pasted(ui: &mut Ui, form: &mut WifiForm, is_idle: bool, pass: &mut Pass<'_>) {
    labelled(ui, "Code as text", |ui, id| {
        let text = form.qr.text.expose_mut();
        let is_empty = text.is_empty();
        let edit =
            TextEdit::singleline(text).id(egui::Id::unique(TEXT)).password(true).hint_text("WIFI:… or {\"ver\":…}");
        let width = (FIELD_WIDTH - 80.0).min(ui.available_width() - 90.0).max(120.0);
        let response = ui.add(edit.desired_width(width).margin(crate::ui::theme::FIELD_MARGIN)).labelled_by(id);
        forget_undo(ui, egui::Id::unique(TEXT));
        let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
        let is_ready = is_idle && !is_empty;
        let read = Button::new("Read").named("Read the pasted code").enabled_if(is_ready, "Paste a code first");
        if read.pressed(ui) || (is_entered && is_ready) {
            pass.did(CommissionAction::GaveQr(QrGiven::Text));
        }
    });
}

fn picture(ui: &mut Ui, form: &mut WifiForm, is_idle: bool, pass: &mut Pass<'_>) {
    let (response, is_browsing) = path_field(ui, "Picture of it", &mut form.qr.path, "/home/me/wifi.png");
    if is_browsing {
        pass.browse = Some(PathField::QrPicture);
    }
    let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter));
    let is_ready = is_idle && !form.qr.path.trim().is_empty();
    let read = Button::new("Read the picture").enabled_if(is_ready, "Type or browse for a path first");
    if read.pressed(ui) || (is_entered && is_ready) {
        pass.did(CommissionAction::GaveQr(QrGiven::File));
    }
}
